//! CRAM-MD5 (RFC 2195): the password is proven with HMAC-MD5 over a challenge.
//!
//! Protects the password on the wire and nothing else: the server has to keep what is as good as
//! the password.

use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::{Dialogue, Setting, Step};
use crate::auth::{Credential, Need, challenge::Challenge, hex, hmac_md5::HmacMd5};

enum CramMd5 {
    Fresh {
        host: Arc<str>,
    },
    AwaitDigest {
        challenge: Challenge,
    },
    AwaitCredential {
        challenge: Challenge,
        digest: Vec<u8>,
    },
    Over,
}

pub(super) fn start(setting: &Setting<'_>) -> Box<dyn Dialogue> {
    Box::new(CramMd5::Fresh {
        host: Arc::clone(setting.host),
    })
}

impl CramMd5 {
    fn send(&mut self, challenge: Challenge) -> Step {
        let octets = challenge.as_str().as_bytes().to_vec();
        *self = Self::AwaitDigest { challenge };
        Step::Challenge(octets)
    }
}

impl Dialogue for CramMd5 {
    fn begin(&mut self, initial: Option<&[u8]>) -> Step {
        let Self::Fresh { host } = std::mem::replace(self, Self::Over) else {
            return Step::Refused;
        };
        // RFC 5034 §4: an initial response to a mechanism whose server speaks first is an error.
        if initial.is_some() {
            return Step::Refused;
        }
        Challenge::generate(&host).map_or(Step::Unavailable, |challenge| self.send(challenge))
    }

    fn respond(&mut self, response: &[u8]) -> Step {
        let Self::AwaitDigest { challenge } = std::mem::replace(self, Self::Over) else {
            return Step::Refused;
        };
        // RFC 2195 §2: user name, space, digest. The name may hold spaces, the digest cannot.
        let Some(space) = response.iter().rposition(|octet| *octet == b' ') else {
            return Step::Refused;
        };
        let (user, digest) = (response[..space].to_vec(), response[space + 1..].to_vec());
        *self = Self::AwaitCredential { challenge, digest };
        Step::NeedCredential {
            user,
            need: Need::HmacMd5,
        }
    }

    fn check(&mut self, credential: Option<&Credential>) -> Step {
        let Self::AwaitCredential { challenge, digest } = std::mem::replace(self, Self::Over)
        else {
            return Step::Refused;
        };
        let known = credential.and_then(Credential::hmac_md5);
        // Somebody's digest is computed for nobody too.
        let mac = known.clone().unwrap_or_else(|| HmacMd5::new(b""));
        let code = hex::encode(&mac.code(challenge.as_str().as_bytes()));
        let is_right = bool::from(code.as_bytes().ct_eq(&digest));
        if is_right && known.is_some() {
            Step::Proven
        } else {
            Step::Refused
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{sasl::tests, secret::Secret};

    const RESPONSE: &[u8] = b"tim b913a602c7eda7a495b4e6e7334d3890";

    /// The dialogue of RFC 2195 after its challenge.
    fn challenged() -> CramMd5 {
        let mut dialogue = CramMd5::Fresh {
            host: Arc::from("x"),
        };
        let text = "<1896.697170952@postoffice.reston.mci.net>";
        let step = dialogue.send(Challenge::from(text));
        assert!(matches!(step, Step::Challenge(octets) if octets == text.as_bytes()));
        dialogue
    }

    fn secret() -> Credential {
        Credential::Secret(Secret::from(b"tanstaaftanstaaf".as_slice()))
    }

    #[test]
    fn the_example_of_rfc_2195_is_proven() {
        for credential in [
            secret(),
            Credential::HmacMd5(HmacMd5::new(b"tanstaaftanstaaf")),
        ] {
            let mut dialogue = challenged();
            let step = dialogue.respond(RESPONSE);
            let Step::NeedCredential {
                user,
                need: Need::HmacMd5,
            } = step
            else {
                panic!("{step:?}")
            };
            assert_eq!(user, b"tim");
            assert!(matches!(dialogue.check(Some(&credential)), Step::Proven));
            assert!(matches!(dialogue.check(Some(&credential)), Step::Refused));
        }
    }

    #[test]
    fn a_wrong_digest_or_an_unknown_user_is_refused() {
        for (response, credential) in [
            (RESPONSE, None),
            (
                RESPONSE,
                Some(Credential::Secret(Secret::from(b"tanstaaf".as_slice()))),
            ),
            (b"tim B913A602C7EDA7A495B4E6E7334D3890", Some(secret())),
            (b"tim b913a602c7eda7a495b4e6e7334d389", Some(secret())),
            (b"tim ", Some(secret())),
        ] {
            let mut dialogue = challenged();
            assert!(matches!(
                dialogue.respond(response),
                Step::NeedCredential { .. }
            ));
            assert!(matches!(dialogue.check(credential.as_ref()), Step::Refused));
        }
    }

    #[test]
    fn nobody_is_not_let_in_with_an_empty_secret() {
        let mut dialogue = challenged();
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        let digest = hex::encode(&HmacMd5::new(b"").code(challenge));
        let step = dialogue.respond(format!("nobody {digest}").as_bytes());
        assert!(matches!(step, Step::NeedCredential { .. }));
        assert!(matches!(dialogue.check(None), Step::Refused));
    }

    #[test]
    fn a_user_name_may_hold_spaces() {
        let step = challenged().respond(b"tim the second 00");
        assert!(matches!(step, Step::NeedCredential { user, .. } if user == b"tim the second"));
    }

    #[test]
    fn an_initial_response_is_refused() {
        let mut dialogue = start(&tests::clear(&Arc::from("example.org")));
        assert!(matches!(dialogue.begin(Some(b"")), Step::Refused));
        assert!(matches!(dialogue.respond(RESPONSE), Step::Refused));
    }

    #[test]
    fn a_response_without_a_space_is_refused() {
        assert!(matches!(challenged().respond(b"tim"), Step::Refused));
    }

    #[test]
    fn every_dialogue_has_a_challenge_of_its_own() {
        let challenge = || {
            let step = start(&tests::clear(&Arc::from("example.org"))).begin(None);
            let Step::Challenge(octets) = step else {
                panic!("{step:?}")
            };
            String::from_utf8(octets).expect("text")
        };
        let one = challenge();
        assert!(
            one.starts_with('<') && one.ends_with("@example.org>"),
            "{one}"
        );
        assert_ne!(one, challenge());
    }
}
