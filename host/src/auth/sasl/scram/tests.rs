//! The server against the examples of the RFCs, and against a client that cheats.

use std::sync::Arc;

use super::{client::Client, *};
use crate::auth::{
    hasher::{Hasher, Limits},
    protection::Protection,
    sasl::{
        Mechanism,
        tests::{behind, clear},
    },
    secret::Secret,
};

pub(super) const EXPORTER: [u8; 32] = [7; 32];

fn protection() -> Protection {
    Protection {
        bindings: ChannelBindings {
            exporter: Some(EXPORTER),
            server_end_point: Some(vec![9; 32]),
        },
        certificate_user: None,
    }
}

fn hasher() -> Hasher {
    Hasher::new(Limits::default()).expect("a random key")
}

/// What is known of `user`, whose password is `pencil`.
pub(super) fn credential(hash: Hash) -> Credential {
    let secret = Secret::from(b"pencil".as_slice());
    Credential::Scram(hasher().scram(b"user", hash, &secret))
}

pub(super) fn text(step: Step) -> String {
    let Step::Challenge(octets) = step else {
        panic!("{step:?}")
    };
    String::from_utf8(octets).expect("text")
}

pub(super) fn is_refused(step: &Step) -> bool {
    matches!(step, Step::Refused)
}

/// The mechanism of this name on a channel behind TLS that offers it and what `offered` says.
pub(super) fn dialogue(name: &str, offered: &[&'static str]) -> Box<dyn Dialogue> {
    let (host, protection) = (Arc::from("example.org"), protection());
    let mechanism = Mechanism::find(name).expect(name);
    mechanism.start(&behind(&host, &protection, offered))
}

/// Plays a dialogue up to the verdict on the client's last message, as `change` makes it.
async fn play(
    dialogue: &mut dyn Dialogue,
    client: &Client,
    change: impl FnOnce(String) -> String,
) -> (Step, Vec<u8>) {
    let step = dialogue.begin(Some(client.first().as_bytes()));
    let Step::NeedCredential { user, need } = step else {
        return (step, Vec::new());
    };
    assert_eq!(
        (user.as_slice(), need),
        (b"user".as_slice(), Need::Scram(client.hash))
    );
    let challenge = text(dialogue.check(Some(&credential(client.hash))));
    let (last, signature) = client.last(&challenge);
    let step = dialogue.respond(change(last).as_bytes());
    let Step::CheckProof(proof) = step else {
        return (step, signature);
    };
    let verdict = proof.verifier.verify(&proof.message, &proof.proof).await;
    let step = dialogue.verified(verdict.expect("enough memory"));
    (step, signature)
}

const NAMES: [(&str, Hash); 2] = [("SCRAM-SHA-1", Hash::Sha1), ("SCRAM-SHA-256", Hash::Sha256)];

#[tokio::test]
async fn a_client_with_the_password_is_proven_and_gets_the_servers_signature() {
    for (name, hash) in NAMES {
        let mut dialogue = dialogue(name, &[]);
        let (step, signature) = play(&mut *dialogue, &Client::new(hash), |last| last).await;
        assert_eq!(
            text(step),
            format!("v={}", Base64::encode_string(&signature))
        );
        assert!(matches!(dialogue.respond(b""), Step::Proven));
        assert!(is_refused(&dialogue.respond(b"")));
    }
}

#[tokio::test]
async fn the_examples_of_both_rfcs_end_with_their_signatures() {
    let sha1 = (
        Hash::Sha1,
        "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        "fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
        "QSXCR+Q6sek8bf92",
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    );
    let sha256 = (
        Hash::Sha256,
        "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        "W22ZaJ0SNY7soEsUEjb6gQ==",
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
            p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    );
    for (hash, first, nonce, salt, last, signature) in [sha1, sha256] {
        let bare = first.strip_prefix("n,,").expect("a header").to_owned();
        let salt_octets = Base64::decode_vec(salt).expect("base64");
        let keys = crate::auth::scram::Keys::derive(hash, b"pencil", &salt_octets, 4096);
        let mut dialogue = Scram {
            hash,
            binding: Binding::Absent { is_possible: false },
            phase: Phase::AwaitFinal {
                opening: Opening {
                    bare,
                    nonce: String::new(),
                    bound: b"n,,".to_vec(),
                },
                first: format!("r={nonce},s={salt},i=4096"),
                nonce: nonce.to_owned(),
                verifier: hasher().scram(b"user", hash, &Secret::from(b"x".as_slice())),
            },
        };
        let Step::CheckProof(proof) = dialogue.respond(last.as_bytes()) else {
            panic!("no proof")
        };
        let verdict = keys.verify(hash, &proof.message, &proof.proof);
        assert_eq!(text(dialogue.verified(verdict)), signature);
    }
}

#[tokio::test]
async fn a_wrong_password_or_a_damaged_message_is_refused() {
    let client = Client::new(Hash::Sha256);
    let wrong = Client {
        password: "Pencil",
        ..Client::new(Hash::Sha256)
    };
    let (step, _) = play(&mut *dialogue("SCRAM-SHA-256", &[]), &wrong, |last| last).await;
    assert!(is_refused(&step));
    let changes: [fn(String) -> String; 7] = [
        |last| last.replace("r=client", "r=cliemt"),
        |last| last.replace(",p=", "x,p="),
        |last| last.replace("c=biws", "c=eSws"),
        |last| last.replace("c=biws", "c=biwsAA=="),
        |last| last.replace(",p=", ",p=AAAA"),
        |last| {
            last.split_once(",p=")
                .map(|(start, _)| start.to_owned())
                .unwrap_or_default()
        },
        |_| String::new(),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let (step, _) = play(&mut *dialogue("SCRAM-SHA-256", &[]), &client, change).await;
        assert!(is_refused(&step), "{index}");
    }
}

#[test]
fn a_right_proof_with_another_nonce_is_refused() {
    let client = Client::new(Hash::Sha1);
    for (more, is_checked) in [("", true), ("x", false)] {
        let mut dialogue = dialogue("SCRAM-SHA-1", &[]);
        dialogue.begin(Some(client.first().as_bytes()));
        let challenge = text(dialogue.check(Some(&credential(Hash::Sha1))));
        let (last, _) = client.last_with(&challenge, more);
        let step = dialogue.respond(last.as_bytes());
        assert_eq!(matches!(step, Step::CheckProof(_)), is_checked, "{more:?}");
    }
}

#[tokio::test]
async fn a_proof_of_another_dialogue_is_refused() {
    let client = Client::new(Hash::Sha1);
    let mut overheard = String::new();
    let mut first = dialogue("SCRAM-SHA-1", &[]);
    let keep = |last: String| {
        overheard = last.clone();
        last
    };
    let (step, _) = play(&mut *first, &client, keep).await;
    assert!(matches!(step, Step::Challenge(_)));
    let (step, _) = play(&mut *dialogue("SCRAM-SHA-1", &[]), &client, |_| overheard).await;
    assert!(is_refused(&step));
}

#[tokio::test]
async fn channel_binding_proves_the_channel_and_no_other() {
    for (header, data) in [
        ("p=tls-exporter,,", EXPORTER.to_vec()),
        ("p=tls-server-end-point,,", vec![9; 32]),
    ] {
        let mut client = Client {
            header,
            data,
            ..Client::new(Hash::Sha256)
        };
        let (step, _) = play(&mut *dialogue("SCRAM-SHA-256-PLUS", &[]), &client, |last| {
            last
        })
        .await;
        assert!(matches!(step, Step::Challenge(_)), "{header}");
        client.data[0] ^= 1;
        let (step, _) = play(&mut *dialogue("SCRAM-SHA-256-PLUS", &[]), &client, |last| {
            last
        })
        .await;
        assert!(is_refused(&step), "{header}");
    }
}

#[tokio::test]
async fn channel_binding_is_used_where_it_must_and_nowhere_else() {
    let plus = &["SCRAM-SHA-1-PLUS"];
    for (name, offered, header, is_taken) in [
        ("SCRAM-SHA-1", [].as_slice(), "n,,", true),
        ("SCRAM-SHA-1", plus, "n,,", true),
        ("SCRAM-SHA-1", &[], "y,,", true),
        ("SCRAM-SHA-1", plus, "y,,", false),
        ("SCRAM-SHA-1", plus, "p=tls-exporter,,", false),
        ("SCRAM-SHA-1-PLUS", plus, "n,,", false),
        ("SCRAM-SHA-1-PLUS", plus, "y,,", false),
        ("SCRAM-SHA-1-PLUS", plus, "p=tls-unique,,", false),
        ("SCRAM-SHA-1-PLUS", plus, "p=,,", false),
        ("SCRAM-SHA-1-PLUS", plus, "p=tls-exporter,,", true),
    ] {
        let first = format!("{header}n=user,r=x");
        let step = dialogue(name, offered).begin(Some(first.as_bytes()));
        assert_eq!(!is_refused(&step), is_taken, "{name} {header}");
    }
}

#[test]
fn without_an_initial_response_there_is_an_empty_challenge() {
    let mut dialogue = dialogue("SCRAM-SHA-1", &[]);
    assert_eq!(text(dialogue.begin(None)), "");
    assert!(matches!(
        dialogue.respond(b"n,,n=user,r=x"),
        Step::NeedCredential { .. }
    ));
}

#[test]
fn bindings_that_the_channel_does_not_have_are_refused() {
    let host = Arc::from("example.org");
    let mechanism = Mechanism::find("SCRAM-SHA-1-PLUS").expect("a mechanism");
    let mut dialogue = mechanism.start(&clear(&host));
    assert!(is_refused(
        &dialogue.begin(Some(b"p=tls-exporter,,n=user,r=x"))
    ));
}

#[test]
fn the_longest_challenge_keeps_the_limit_of_the_contract() {
    let mut dialogue = dialogue("SCRAM-SHA-256", &[]);
    let first = format!("n,,n=user,r={}", "x".repeat(512));
    assert!(matches!(
        dialogue.begin(Some(first.as_bytes())),
        Step::NeedCredential { .. }
    ));
    let stored = crate::auth::scheme::StoredPassword::parse(
        format!(
            "{{SCRAM-SHA-256}}1000000,{},{key},{key}",
            Base64::encode_string(&[1; 64]),
            key = Base64::encode_string(&[2; 32])
        )
        .as_bytes(),
    );
    let material = stored.expect("valid").scram(Hash::Sha256).expect("keys");
    let verifier = hasher().verifier(b"user", Hash::Sha256, material);
    let challenge = text(dialogue.check(Some(&Credential::Scram(verifier))));
    assert!(challenge.len() <= 768, "{}", challenge.len());
}

#[tokio::test]
async fn the_end_is_an_empty_response_and_no_other() {
    let client = Client::new(Hash::Sha1);
    let mut dialogue = dialogue("SCRAM-SHA-1", &[]);
    let (step, _) = play(&mut *dialogue, &client, |last| last).await;
    assert!(matches!(step, Step::Challenge(_)));
    assert!(is_refused(&dialogue.respond(b"x")));
    assert!(is_refused(&dialogue.respond(b"")));
}

#[test]
fn steps_out_of_turn_are_refused() {
    let mut early = dialogue("SCRAM-SHA-1", &[]);
    assert!(is_refused(&early.check(Some(&credential(Hash::Sha1)))));
    assert!(is_refused(&early.verified(Some(vec![1]))));
    let mut other = dialogue("SCRAM-SHA-1", &[]);
    other.begin(Some(b"n,,n=user,r=x"));
    assert!(is_refused(&other.respond(b"c=biws,r=x,p=eA==")));
    let mut unknown = dialogue("SCRAM-SHA-1", &[]);
    unknown.begin(Some(b"n,,n=user,r=x"));
    assert!(is_refused(&unknown.check(None)));
    let mut hash = dialogue("SCRAM-SHA-1", &[]);
    hash.begin(Some(b"n,,n=user,r=x"));
    assert!(is_refused(&hash.check(Some(&credential(Hash::Sha256)))));
}
