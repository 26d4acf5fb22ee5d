//! EXTERNAL (RFC 4422, appendix A): TLS has already proven who the client is.
//!
//! Knows no certificates: whoever does the handshake maps them to users. Acting for somebody else is
//! refused.

use super::{Dialogue, Setting, Step};

struct External {
    /// The user of the client's certificate.
    user: Option<String>,
}

pub(super) fn start(setting: &Setting<'_>) -> Box<dyn Dialogue> {
    Box::new(External {
        user: setting.certificate_user().map(str::to_owned),
    })
}

impl Dialogue for External {
    fn begin(&mut self, initial: Option<&[u8]>) -> Step {
        match initial {
            Some(other) => self.respond(other),
            None => Step::Challenge(Vec::new()),
        }
    }

    fn respond(&mut self, response: &[u8]) -> Step {
        // No identity, or that of the certificate (RFC 4422, appendix A.1).
        match self.user.take() {
            Some(user) if response.is_empty() || response == user.as_bytes() => {
                Step::Identified { user }
            }
            Some(_) | None => Step::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::auth::{
        protection::Protection,
        sasl::tests::{behind, clear},
    };

    fn dialogue() -> Box<dyn Dialogue> {
        let protection = Protection {
            certificate_user: Some("tim".to_owned()),
            ..Protection::default()
        };
        start(&behind(&Arc::from("example.org"), &protection, &[]))
    }

    #[test]
    fn the_user_of_the_certificate_is_let_in_by_no_name_and_by_its_own() {
        for identity in [b"".as_slice(), b"tim"] {
            for step in [
                dialogue().begin(Some(identity)),
                dialogue().respond(identity),
            ] {
                assert!(matches!(step, Step::Identified { user } if user == "tim"));
            }
        }
    }

    #[test]
    fn without_an_initial_response_there_is_an_empty_challenge() {
        assert!(matches!(dialogue().begin(None), Step::Challenge(octets) if octets.is_empty()));
    }

    #[test]
    fn another_name_and_a_second_try_are_refused() {
        let mut dialogue = dialogue();
        assert!(matches!(dialogue.respond(b"Tim"), Step::Refused));
        assert!(matches!(dialogue.respond(b""), Step::Refused));
    }

    #[test]
    fn without_a_certificate_nobody_is_let_in() {
        let mut dialogue = start(&clear(&Arc::from("example.org")));
        assert!(matches!(dialogue.begin(Some(b"")), Step::Refused));
    }
}
