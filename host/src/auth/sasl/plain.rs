//! PLAIN (RFC 4616): user name and password in one message.
//!
//! Acting for somebody else is refused: the authorization identity must be empty or the user.

use super::{Dialogue, Setting, Step};
use crate::auth::{prep::prepare, secret::Secret};

struct Plain;

pub(super) fn start(_setting: &Setting<'_>) -> Box<dyn Dialogue> {
    Box::new(Plain)
}

impl Dialogue for Plain {
    fn begin(&mut self, initial: Option<&[u8]>) -> Step {
        // RFC 5034 §4: a client-first mechanism without an initial response: an empty challenge.
        initial.map_or_else(|| Step::Challenge(Vec::new()), read)
    }

    fn respond(&mut self, response: &[u8]) -> Step {
        read(response)
    }
}

fn read(message: &[u8]) -> Step {
    // RFC 4616 §2: [authzid] NUL authcid NUL passwd, and no NUL in any of them.
    let mut parts = message.split(|octet| *octet == 0);
    let (Some(other), Some(user), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Step::Refused;
    };
    // RFC 4616 §2 and RFC 5034 §4: all three are prepared, and what has no prepared form fails.
    let (Some(user), Some(password)) = (prepare(user), prepare(password)) else {
        return Step::Refused;
    };
    if !other.is_empty() && prepare(other).as_ref() != Some(&user) {
        return Step::Refused;
    }
    Step::CheckPassword {
        user: user.as_bytes().to_vec(),
        password: Secret::from(password.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(step: Step) -> Option<(String, String)> {
        let Step::CheckPassword { user, password } = step else {
            return None;
        };
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        Some((text(&user), text(password.expose())))
    }

    #[test]
    fn the_first_example_of_rfc_4616_asks_for_a_check() {
        let expected = Some(("tim".to_owned(), "tanstaaftanstaaf".to_owned()));
        assert_eq!(
            check(Plain.begin(Some(b"\0tim\0tanstaaftanstaaf"))),
            expected
        );
        assert_eq!(check(Plain.respond(b"\0tim\0tanstaaftanstaaf")), expected);
        assert_eq!(
            check(Plain.begin(Some(b"tim\0tim\0tanstaaftanstaaf"))),
            expected
        );
    }

    #[test]
    fn the_second_example_of_rfc_4616_acts_for_another_and_is_refused() {
        assert!(matches!(
            Plain.begin(Some(b"Ursel\0Kurt\0xipj3plmq")),
            Step::Refused
        ));
    }

    #[test]
    fn without_an_initial_response_there_is_an_empty_challenge() {
        assert!(matches!(Plain.begin(None), Step::Challenge(octets) if octets.is_empty()));
    }

    #[test]
    fn spaces_and_eight_bit_octets_are_kept() {
        let expected = Some((" a b ".to_owned(), " p\u{e4}ss ".to_owned()));
        assert_eq!(check(read("\0 a b \0 p\u{e4}ss ".as_bytes())), expected);
    }

    #[test]
    fn names_and_passwords_are_prepared() {
        let expected = Some(("IX".to_owned(), "p\u{e4}ss".to_owned()));
        let message = "I\u{ad}X\0\u{2168}\0pa\u{308}ss";
        assert_eq!(check(read(message.as_bytes())), expected);
    }

    #[test]
    fn a_message_without_exactly_two_nul_and_three_parts_is_refused() {
        for message in [
            b"".as_slice(),
            b"\0",
            b"\0\0",
            b"tim",
            b"tim\0pass",
            b"\0tim\0",
            b"\0\0pass",
            b"\0tim\0pass\0",
            b"\0tim\0pa\0ss",
            b"tim \0tim\0pass",
            b"\0tim\0p\xe4ss",
            b"\0tim\0pa\nss",
        ] {
            assert!(matches!(read(message), Step::Refused), "{message:?}");
        }
    }
}
