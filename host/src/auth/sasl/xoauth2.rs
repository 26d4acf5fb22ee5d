//! XOAUTH2: user name and bearer token, as clients of large providers send them.
//!
//! Never standardised; OAUTHBEARER is what came of it. Checks no token.

use super::{Dialogue, Setting, Step, bearer};
use crate::auth::prep::prepare;

/// In the words that clients of this mechanism know.
const FAILURE: &[u8] = br#"{"status":"401","schemes":"bearer"}"#;

struct Xoauth2;

pub(super) fn start(_setting: &Setting<'_>) -> Box<dyn Dialogue> {
    Box::new(Xoauth2)
}

impl Dialogue for Xoauth2 {
    fn begin(&mut self, initial: Option<&[u8]>) -> Step {
        initial.map_or_else(
            || Step::Challenge(Vec::new()),
            |initial| self.respond(initial),
        )
    }

    fn respond(&mut self, response: &[u8]) -> Step {
        read(response).unwrap_or(Step::Refused)
    }
}

fn read(message: &[u8]) -> Option<Step> {
    let fields = bearer::fields(message)?;
    let user = prepare(bearer::find(&fields, b"user")?)?;
    Some(Step::CheckToken {
        user: Some(user.as_bytes().to_vec()),
        token: bearer::token(bearer::find(&fields, b"auth")?)?,
        failure: FAILURE.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_token_are_found() {
        let message = b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3Rlcg\x01\x01";
        for step in [Xoauth2.begin(Some(message)), Xoauth2.respond(message)] {
            let Step::CheckToken { user, token, .. } = step else {
                panic!("{step:?}")
            };
            assert_eq!(user.as_deref(), Some(b"someuser@example.com".as_slice()));
            assert_eq!(token.expose(), b"ya29.vF9dft4qmTc2Nvb3Rlcg");
        }
    }

    #[test]
    fn without_an_initial_response_there_is_an_empty_challenge() {
        assert!(matches!(Xoauth2.begin(None), Step::Challenge(octets) if octets.is_empty()));
    }

    #[test]
    fn a_message_of_another_form_is_refused() {
        for message in [
            b"".as_slice(),
            b"user=tim\x01\x01",
            b"auth=Bearer abc\x01\x01",
            b"user=\x01auth=Bearer abc\x01\x01",
            b"user=tim\x01auth=Bearer abc\x01",
            b"user=tim\x01auth=abc\x01\x01",
            b"user=\xff\x01auth=Bearer abc\x01\x01",
        ] {
            assert!(
                matches!(Xoauth2.respond(message), Step::Refused),
                "{message:?}"
            );
        }
    }
}
