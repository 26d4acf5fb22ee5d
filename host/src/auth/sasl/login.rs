//! LOGIN: user name and password in two messages, as old clients send them.
//!
//! Never standardised; the prompts are the ones that clients compare with.

use super::{Dialogue, Setting, Step};
use crate::auth::secret::Secret;

const USER_PROMPT: &[u8] = b"Username:";
const PASSWORD_PROMPT: &[u8] = b"Password:";

enum Login {
    AwaitUser,
    AwaitPassword { user: Vec<u8> },
    Over,
}

pub(super) fn start(_setting: &Setting<'_>) -> Box<dyn Dialogue> {
    Box::new(Login::AwaitUser)
}

impl Dialogue for Login {
    fn begin(&mut self, initial: Option<&[u8]>) -> Step {
        match initial {
            Some(user) => self.respond(user),
            None => Step::Challenge(USER_PROMPT.to_vec()),
        }
    }

    fn respond(&mut self, response: &[u8]) -> Step {
        match std::mem::replace(self, Self::Over) {
            Self::AwaitUser => {
                *self = Self::AwaitPassword {
                    user: response.to_vec(),
                };
                Step::Challenge(PASSWORD_PROMPT.to_vec())
            }
            Self::AwaitPassword { user } => Step::CheckPassword {
                user,
                password: Secret::from(response),
            },
            Self::Over => Step::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::auth::sasl::tests;

    fn dialogue() -> Box<dyn Dialogue> {
        start(&tests::clear(&Arc::from("example.org")))
    }

    fn assert_asks_for_password(step: Step) {
        assert!(matches!(step, Step::Challenge(prompt) if prompt == b"Password:"));
    }

    fn assert_checks_tim(step: Step) {
        let Step::CheckPassword { user, password } = step else {
            panic!("{step:?}")
        };
        assert_eq!(
            (user.as_slice(), password.expose()),
            (b"tim".as_slice(), b" pass ".as_slice())
        );
    }

    #[test]
    fn user_and_password_are_asked_for_in_turn() {
        let mut login = dialogue();
        assert!(matches!(login.begin(None), Step::Challenge(prompt) if prompt == b"Username:"));
        assert_asks_for_password(login.respond(b"tim"));
        assert_checks_tim(login.respond(b" pass "));
        assert!(matches!(login.respond(b"again"), Step::Refused));
    }

    #[test]
    fn an_initial_response_is_the_user() {
        let mut login = dialogue();
        assert_asks_for_password(login.begin(Some(b"tim")));
        assert_checks_tim(login.respond(b" pass "));
    }
}
