//! Which mechanism is offered where, and the settings that mechanisms are tested in.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

/// A channel without TLS.
pub(super) fn clear(host: &Arc<str>) -> Setting<'_> {
    Setting {
        host,
        offered: &[],
        protection: None,
    }
}

/// A channel behind TLS.
pub(super) fn behind<'a>(
    host: &'a Arc<str>,
    protection: &'a Protection,
    offered: &'a [&'static str],
) -> Setting<'a> {
    Setting {
        host,
        offered,
        protection: Some(protection),
    }
}

fn names(is_offered: impl Fn(&Mechanism) -> bool) -> Vec<&'static str> {
    let offered = MECHANISMS.iter().filter(|mechanism| is_offered(mechanism));
    offered.map(|mechanism| mechanism.name).collect()
}

fn offered(may_send_password: bool, keeps: &[Need]) -> Vec<&'static str> {
    names(|mechanism| mechanism.is_offered(may_send_password, |need| keeps.contains(&need)))
}

const EVERYTHING: [Need; 5] = [
    Need::Secret,
    Need::HmacMd5,
    Need::Scram(Hash::Sha1),
    Need::Scram(Hash::Sha256),
    Need::Token,
];

#[test]
fn passwords_and_tokens_are_asked_for_only_where_they_may_be_sent() {
    assert_eq!(offered(true, &[]), ["PLAIN", "LOGIN"]);
    assert_eq!(
        offered(true, &[Need::HmacMd5, Need::Token]),
        ["OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN", "CRAM-MD5"]
    );
    assert_eq!(
        offered(false, &EVERYTHING),
        ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5"]
    );
    assert_eq!(offered(false, &[Need::Secret]), [""; 0]);
}

#[test]
fn scram_is_offered_for_the_hash_that_somebody_has() {
    assert_eq!(offered(false, &[Need::Scram(Hash::Sha1)]), ["SCRAM-SHA-1"]);
    assert_eq!(
        offered(false, &[Need::Scram(Hash::Sha256)]),
        ["SCRAM-SHA-256"]
    );
}

#[test]
fn behind_tls_there_is_what_it_gives() {
    let offered = |protection: &Protection| {
        names(|mechanism| {
            mechanism.is_offered_behind(protection, |need| EVERYTHING.contains(&need))
        })
    };
    let mut protection = Protection::default();
    let plain = [
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "OAUTHBEARER",
        "XOAUTH2",
        "PLAIN",
        "LOGIN",
        "CRAM-MD5",
    ];
    assert_eq!(offered(&protection), plain);
    protection.bindings.server_end_point = Some(vec![1; 32]);
    assert_eq!(
        offered(&protection)[..2],
        ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"]
    );
    assert!(!offered(&protection).contains(&"EXTERNAL"));
    protection.certificate_user = Some("tim".to_owned());
    assert_eq!(offered(&protection).len(), MECHANISMS.len());
}

#[test]
fn names_are_found_in_upper_case_only() {
    for mechanism in MECHANISMS {
        assert_eq!(mechanism.name, mechanism.name.to_ascii_uppercase());
        assert!(Mechanism::find(mechanism.name).is_some());
        // RFC 4422 §3.1.
        assert!(mechanism.name.len() <= 20, "{}", mechanism.name);
    }
    assert!(Mechanism::find("plain").is_none());
    assert!(Mechanism::find("").is_none());
}

#[test]
fn all_names_together_keep_the_limit_of_the_contract() {
    let octets: usize = MECHANISMS
        .iter()
        .map(|mechanism| mechanism.name.len())
        .sum();
    assert!(octets <= 256, "{octets}");
}

/// What messages of mechanisms are made of, and octets that they are not made of.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec![
        "n,,",
        "y,,",
        "p=tls-exporter,,",
        "n=user",
        "r=",
        "a=",
        "c=biws",
        "p=",
        "v=",
        ",",
        "=",
        "=2C",
        "\0",
        "\x01",
        "auth=Bearer x",
        "user=x",
        "\u{e4}",
        "\u{627}",
        "\u{ad}",
        "AA==",
    ]);
    let piece = piece.prop_map(|piece| piece.as_bytes().to_vec());
    vec(prop_oneof![piece, vec(any::<u8>(), 0..4)], 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_message_makes_a_mechanism_panic_or_let_somebody_in_unasked(
        messages in vec(message(), 1..5),
    ) {
        let (host, protection) = (Arc::from("example.org"), Protection::default());
        for mechanism in MECHANISMS {
            let mut dialogue = mechanism.start(&behind(&host, &protection, &[]));
            let mut step = dialogue.begin(None);
            for message in &messages {
                let is_proven = matches!(step, Step::Proven | Step::Identified { .. });
                prop_assert!(!is_proven, "{}", mechanism.name);
                step = dialogue.respond(message);
            }
        }
    }
}
