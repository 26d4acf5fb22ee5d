//! OAUTHBEARER (RFC 7628): a bearer token, in a frame of GS2.
//!
//! Checks no token and knows no issuer.

use super::{Dialogue, Setting, Step, bearer, saslname};

/// RFC 7628 §3.2.2. Where tokens are to be had is not said: clients are set up with it.
const FAILURE: &[u8] = br#"{"status":"invalid_token"}"#;

struct OauthBearer;

pub(super) fn start(_setting: &Setting<'_>) -> Box<dyn Dialogue> {
    Box::new(OauthBearer)
}

impl Dialogue for OauthBearer {
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
    // RFC 7628 §3.1: GS2 header, 0x01, fields. Channel binding is not possible, so no "p=".
    let header = message.iter().position(|octet| *octet == 1)?;
    let (header, fields) = (&message[..header], &message[header + 1..]);
    let identity = header
        .strip_prefix(b"n,")
        .or_else(|| header.strip_prefix(b"y,"))?
        .strip_suffix(b",")?;
    let fields = bearer::fields(fields)?;
    Some(Step::CheckToken {
        user: match identity {
            b"" => None,
            identity => Some(saslname::parse(identity.strip_prefix(b"a=")?)?),
        },
        token: bearer::token(bearer::find(&fields, b"auth")?)?,
        failure: FAILURE.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(step: Step) -> (Option<String>, String) {
        let Step::CheckToken {
            user,
            token,
            failure,
        } = step
        else {
            panic!("{step:?}")
        };
        assert_eq!(failure, FAILURE);
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        (user.map(|user| text(&user)), text(token.expose()))
    }

    #[test]
    fn the_example_of_rfc_7628_asks_for_a_check() {
        let message = b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01\
            auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01";
        let expected = (
            Some("user@example.com".to_owned()),
            "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==".to_owned(),
        );
        assert_eq!(check(OauthBearer.begin(Some(message))), expected);
        assert_eq!(check(OauthBearer.respond(message)), expected);
    }

    #[test]
    fn a_token_of_several_kib_is_taken_whole() {
        let token = "x".repeat(8192);
        let message = format!("y,,\x01auth=Bearer {token}\x01\x01");
        assert_eq!(
            check(OauthBearer.respond(message.as_bytes())),
            (None, token)
        );
    }

    #[test]
    fn without_an_initial_response_there_is_an_empty_challenge() {
        assert!(matches!(OauthBearer.begin(None), Step::Challenge(octets) if octets.is_empty()));
    }

    #[test]
    fn a_message_of_another_form_is_refused() {
        for message in [
            b"".as_slice(),
            b"\x01",
            b"n,,\x01\x01",
            b"n,,\x01auth=\x01\x01",
            b"n,,\x01auth=Basic abc\x01\x01",
            b"n,,\x01host=x\x01\x01",
            b"n,\x01auth=Bearer abc\x01\x01",
            b"p=tls-exporter,,\x01auth=Bearer abc\x01\x01",
            b"n,b=tim,\x01auth=Bearer abc\x01\x01",
            b"n,a=,\x01auth=Bearer abc\x01\x01",
            b"n,,auth=Bearer abc\x01\x01",
        ] {
            assert!(
                matches!(OauthBearer.respond(message), Step::Refused),
                "{message:?}"
            );
        }
    }
}
