//! The client of another implementation, and messages as specifications print them.

use std::{
    io::Cursor,
    sync::{Arc, Mutex},
};

use base64ct::{Base64, Encoding};
use rsasl::{
    callback::{Context, Request, SessionCallback, SessionData},
    mechanisms::{
        oauthbearer::{OAUTHBEARER, properties::OAuthBearerErrored},
        xoauth2::{XOAUTH2, properties::XOAuth2Error},
    },
    prelude::{
        Mechanism as ClientMechanism, Mechname, Registry, SASLClient, SASLConfig, SessionError,
        State,
    },
    property::{AuthId, AuthzId, OAuthBearerKV, OAuthBearerToken},
};

use crate::auth::sasl::{Mechanism, Step, tests::clear};

static MECHANISMS: [ClientMechanism; 2] = [OAUTHBEARER, XOAUTH2];

/// The token of RFC 7628 §4.1.
const TOKEN: &str = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";

/// The client's first message of RFC 7628 §4.1.
const RFC_7628: &str = "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQz\
    AWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB";

/// The example in the description of XOAUTH2, which no RFC has.
const XOAUTH2_EXAMPLE: &str = "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmd\
    DRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==";

/// What the client is told if its token is refused.
type Told = Arc<Mutex<Option<String>>>;

struct User {
    name: &'static str,
    token: String,
    told: Told,
}

impl SessionCallback for User {
    fn callback(
        &self,
        _session: &SessionData,
        _context: &Context<'_>,
        request: &mut Request<'_>,
    ) -> Result<(), SessionError> {
        let status = request.get_action::<OAuthBearerErrored>();
        let told = status.map(|error| error.status.to_owned());
        let told = told.or_else(|| request.get_action::<XOAuth2Error>().map(str::to_owned));
        if let Some(told) = told {
            *self.told.lock().expect("not poisoned") = Some(told);
            return Ok(());
        }
        request
            .satisfy::<AuthzId>(self.name)?
            .satisfy::<AuthId>(self.name)?
            .satisfy::<OAuthBearerKV>(&[("host", "server.example.com"), ("port", "143")])?
            .satisfy::<OAuthBearerToken>(&self.token)?;
        Ok(())
    }
}

/// What a mechanism asks for, and what the client says that it was told if that fails.
fn converse(mechanism: &str, token: &str) -> (Vec<u8>, Option<Vec<u8>>, Vec<u8>, Option<String>) {
    let told = Told::default();
    let user = User {
        name: "user@example.com",
        token: token.to_owned(),
        told: Arc::clone(&told),
    };
    let config = SASLConfig::builder()
        .with_registry(Registry::with_mechanisms(&MECHANISMS))
        .with_callback(user)
        .expect("a configuration");
    let name = Mechname::parse(mechanism.as_bytes()).expect(mechanism);
    let client = SASLClient::new(config).start_suggested(&[name]);
    let mut client = client.expect("a session");
    let mut message = Cursor::new(Vec::new());
    client.step(None, &mut message).expect("a first message");
    let message = message.into_inner();
    let host = Arc::from("example.org");
    let mechanism = Mechanism::find(mechanism).expect(mechanism);
    let mut server = mechanism.start(&clear(&host));
    let Step::CheckToken {
        user,
        token,
        failure,
    } = server.begin(Some(&message))
    else {
        panic!("nothing to check")
    };
    let end = client.step(Some(&failure), &mut Cursor::new(Vec::new()));
    assert!(matches!(end.expect("an end"), State::Finished(_)));
    let told = told.lock().expect("not poisoned").take();
    (message, user, token.expose().to_vec(), told)
}

#[test]
fn what_another_client_says_is_understood_and_what_it_is_told_too() {
    let long = "x".repeat(6000);
    for token in [TOKEN, &long] {
        for (mechanism, failure) in [
            ("OAUTHBEARER", "invalid_token"),
            ("XOAUTH2", r#"{"status":"401","schemes":"bearer"}"#),
        ] {
            let (_, user, found, told) = converse(mechanism, token);
            assert_eq!(user.as_deref(), Some(b"user@example.com".as_slice()));
            assert_eq!(found, token.as_bytes(), "{mechanism}");
            assert_eq!(told.as_deref(), Some(failure), "{mechanism}");
        }
    }
}

#[test]
fn another_client_says_what_rfc_7628_prints() {
    let (message, ..) = converse("OAUTHBEARER", TOKEN);
    assert_eq!(Base64::encode_string(&message), RFC_7628);
}

#[test]
fn messages_are_understood_as_they_are_printed() {
    for (mechanism, message, user, token) in [
        ("OAUTHBEARER", RFC_7628, "user@example.com", TOKEN),
        (
            "XOAUTH2",
            XOAUTH2_EXAMPLE,
            "someuser@example.com",
            "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg",
        ),
    ] {
        let message = Base64::decode_vec(message).expect("base64");
        let host = Arc::from("example.org");
        let mechanism = Mechanism::find(mechanism).expect(mechanism);
        for initial in [Some(message.as_slice()), None] {
            let mut dialogue = mechanism.start(&clear(&host));
            let mut step = dialogue.begin(initial);
            if initial.is_none() {
                assert!(matches!(step, Step::Challenge(octets) if octets.is_empty()));
                step = dialogue.respond(&message);
            }
            let Step::CheckToken {
                user: found,
                token: secret,
                ..
            } = step
            else {
                panic!("{mechanism:?}")
            };
            assert_eq!(found.as_deref(), Some(user.as_bytes()));
            assert_eq!(secret.expose(), token.as_bytes());
        }
    }
}
