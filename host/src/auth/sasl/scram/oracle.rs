//! Dialogues with the client of another implementation.

use std::io::Cursor;

use rsasl::{
    callback::{Context, Request, SessionCallback, SessionData},
    mechanisms::scram::{SCRAM_SHA1, SCRAM_SHA1_PLUS, SCRAM_SHA256, SCRAM_SHA256_PLUS},
    prelude::{
        ChannelBindingCallback, Mechanism as ClientMechanism, Mechname, Registry, SASLClient,
        SASLConfig, SessionError,
    },
    property::{AuthId, OverrideCBType, Password},
};

use super::{
    tests::{EXPORTER, credential, dialogue, is_refused, text},
    *,
};
use crate::auth::sasl::Mechanism;

static MECHANISMS: [ClientMechanism; 4] =
    [SCRAM_SHA1, SCRAM_SHA1_PLUS, SCRAM_SHA256, SCRAM_SHA256_PLUS];

struct User(&'static str);

impl SessionCallback for User {
    fn callback(
        &self,
        _session: &SessionData,
        _context: &Context<'_>,
        request: &mut Request<'_>,
    ) -> Result<(), SessionError> {
        request
            .satisfy::<AuthId>("user")?
            .satisfy::<Password>(self.0.as_bytes())?
            .satisfy::<OverrideCBType>("tls-exporter")?;
        Ok(())
    }

    fn enable_channel_binding(&self) -> bool {
        true
    }
}

struct Exporter([u8; 32]);

impl ChannelBindingCallback for Exporter {
    fn get_cb_data(&self, name: &str) -> Option<&[u8]> {
        (name == "tls-exporter").then_some(&self.0)
    }
}

/// How the dialogue ended on the server's side; the client's has agreed, or this has panicked.
async fn converse(name: &str, password: &'static str, exporter: [u8; 32]) -> bool {
    let config = SASLConfig::builder()
        .with_registry(Registry::with_mechanisms(&MECHANISMS))
        .with_callback(User(password))
        .expect("a configuration");
    let client = SASLClient::with_cb(config, Exporter(exporter));
    let mechanism = Mechname::parse(name.as_bytes()).expect(name);
    let mut client = client.start_suggested(&[mechanism]).expect("a session");
    let mut say = |challenge: Option<&[u8]>| {
        let mut out = Cursor::new(Vec::new());
        client
            .step(challenge, &mut out)
            .expect("the client goes on");
        out.into_inner()
    };
    let hash = Mechanism::find(name).and_then(|mechanism| mechanism.need);
    let Some(Need::Scram(hash)) = hash else {
        panic!("{name}")
    };
    let mut server = dialogue(name, &[]);
    let step = server.begin(Some(&say(None)));
    assert!(
        matches!(step, Step::NeedCredential { ref user, .. } if user == b"user"),
        "{step:?}"
    );
    let challenge = text(server.check(Some(&credential(hash))));
    let step = server.respond(&say(Some(challenge.as_bytes())));
    let Step::CheckProof(proof) = step else {
        assert!(is_refused(&step), "{step:?}");
        return false;
    };
    let verdict = proof.verifier.verify(&proof.message, &proof.proof).await;
    let Step::Challenge(last) = server.verified(verdict.expect("enough memory")) else {
        return false;
    };
    assert_eq!(say(Some(&last)), b"");
    matches!(server.respond(b""), Step::Proven)
}

const NAMES: [&str; 4] = [
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256-PLUS",
];

#[tokio::test]
async fn both_sides_are_content_with_the_right_password() {
    for name in NAMES {
        assert!(converse(name, "pencil", EXPORTER).await, "{name}");
    }
}

#[tokio::test]
async fn a_wrong_password_and_another_channel_are_refused() {
    for name in NAMES {
        assert!(!converse(name, "Pencil", EXPORTER).await, "{name}");
        let is_proven = converse(name, "pencil", [8; 32]).await;
        assert_eq!(is_proven, !name.ends_with("-PLUS"), "{name}");
    }
}
