//! Mechanisms that end in more than one way, or need more than a password.

use base64ct::{Base64, Encoding};

use super::*;
use crate::auth::scram::{Hash, Keys};

/// What a client of SCRAM is shown for this user: salt and iterations.
async fn shown(login: &mut SessionLogin, user: &str) -> (Vec<u8>, String, String) {
    let mut exchange = login.start("SCRAM-SHA-256").expect("offered");
    let first = format!("n,,n={user},r=client");
    let Turn::Challenge(challenge) = exchange.begin(Some(first.as_bytes())).await else {
        panic!("no challenge")
    };
    let text = String::from_utf8(challenge).expect("text");
    let field = |key: &str| {
        let field = text.split(',').find_map(|field| field.strip_prefix(key));
        field.expect(key).to_owned()
    };
    let salt = Base64::decode_vec(&field("s=")).expect("base64");
    (salt, field("i="), field("r="))
}

/// A login by SCRAM; gives the last turn before the empty response that ends it, and the exchange.
async fn scram(login: &mut SessionLogin, user: &str, password: &str) -> (Turn, Box<dyn Exchange>) {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Digest, Sha256};
    let hmac = |key: &[u8], message: &[u8]| {
        let mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
        mac.chain_update(message).finalize().into_bytes().to_vec()
    };
    let mut exchange = login.start("SCRAM-SHA-256").expect("offered");
    let first = format!("n={user},r=client");
    let turn = exchange.begin(Some(format!("n,,{first}").as_bytes())).await;
    let Turn::Challenge(challenge) = turn else {
        return (turn, exchange);
    };
    let challenge = String::from_utf8(challenge).expect("text");
    let fields: Vec<_> = challenge.split(',').map(|field| &field[2..]).collect();
    let salt = Base64::decode_vec(fields[1]).expect("base64");
    let last = format!("c=biws,r={}", fields[0]);
    let message = format!("{first},{challenge},{last}");
    let mut salted = vec![0; 32];
    let iterations = fields[2].parse().expect("a number");
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &salt, iterations, &mut salted);
    let client = hmac(&salted, b"Client Key");
    let signature = hmac(&Sha256::digest(&client), message.as_bytes());
    let proof: Vec<_> = client.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
    let last = format!("{last},p={}", Base64::encode_string(&proof));
    let turn = exchange.respond(last.as_bytes()).await;
    (turn, exchange)
}

#[tokio::test]
async fn scram_lets_in_who_answers_the_servers_signature() {
    let mut login = Fixture::new().connect("192.0.2.1");
    let (turn, mut exchange) = scram(&mut login, "alice", "tanstaaf").await;
    assert!(matches!(turn, Turn::Challenge(last) if last.starts_with(b"v=")));
    assert_eq!(login.watch().record().logged_in, None);
    assert!(matches!(exchange.respond(b"").await, Turn::Done(_)));
    let record = login.watch().record();
    assert_eq!((record.attempts, record.method), (1, Some("SCRAM-SHA-256")));
    assert_eq!(record.logged_in.as_deref(), Some("alice"));
}

#[tokio::test(start_paused = true)]
async fn scram_denies_everybody_else_in_the_same_time() {
    for (user, cause) in [
        ("alice", Cause::WrongProof),
        ("bob", Cause::NoCredential),
        ("nobody", Cause::UnknownUser),
    ] {
        let mut login = Fixture::new().connect("192.0.2.1");
        let start = Instant::now();
        let (turn, _) = scram(&mut login, user, "wrong").await;
        assert!(matches!(turn, Turn::Refused(Refusal::Denied)), "{user}");
        assert_eq!(start.elapsed().as_secs(), 2, "{user}");
        assert_eq!(login.watch().record().cause, Some(cause), "{user}");
    }
}

#[tokio::test]
async fn scram_shows_the_same_of_users_who_do_and_do_not_exist() {
    let fixture = Fixture::new();
    let show = async |user| {
        let (salt, iterations, nonce) = shown(&mut fixture.connect("192.0.2.1"), user).await;
        (salt, iterations, nonce.len())
    };
    let alice = show("alice").await;
    for user in ["bob", "nobody", "somebody"] {
        let (salt, iterations, nonce) = show(user).await;
        assert_eq!(
            (salt.len(), &iterations, nonce),
            (alice.0.len(), &alice.1, alice.2),
            "{user}"
        );
        assert_eq!(show(user).await.0, salt, "{user}");
        assert_ne!(salt, alice.0, "{user}");
    }
    assert_eq!(show("alice").await, alice);
}

#[tokio::test]
async fn a_server_nonce_is_never_used_twice() {
    let fixture = Fixture::new();
    let (.., one) = shown(&mut fixture.connect("192.0.2.1"), "alice").await;
    let (.., two) = shown(&mut fixture.connect("192.0.2.1"), "alice").await;
    assert!(
        one.starts_with("client") && one.len() > "client".len() + 20,
        "{one}"
    );
    assert_ne!(one, two);
}

#[tokio::test]
async fn looking_at_a_salt_is_a_claim_and_no_failure() {
    let mut login = Fixture::new().connect("192.0.2.1");
    shown(&mut login, "nobody").await;
    let record = login.watch().record();
    assert_eq!((record.attempts, record.refused), (1, 0));
}

#[tokio::test]
async fn keys_of_another_hash_are_no_keys() {
    let keys = Keys::derive(Hash::Sha1, b"tanstaaf", b"salt", 4096);
    let other = Keys::derive(Hash::Sha256, b"tanstaaf", b"salt", 4096);
    assert!(!keys.matches(&other));
}

fn certificate(user: Option<&str>) -> Circumstances {
    Circumstances {
        protection: Some(Protection {
            certificate_user: user.map(str::to_owned),
            ..Protection::default()
        }),
        ..Circumstances::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_lets_in_the_user_it_was_mapped_to() {
    let bearer = b"n,,\x01auth=Bearer token\x01\x01".as_slice();
    for (mapped, mechanism, initial, expected) in [
        (Some("alice"), "EXTERNAL", b"".as_slice(), None),
        (Some("alice"), "EXTERNAL", b"alice", None),
        (Some("alice"), "EXTERNAL", b"bob", Some(Cause::Malformed)),
        (Some("nobody"), "EXTERNAL", b"", Some(Cause::UnknownUser)),
        (None, "EXTERNAL", b"", Some(Cause::Malformed)),
        (None, "OAUTHBEARER", bearer, None),
    ] {
        let mut login = Fixture::new().connect_under("192.0.2.1", certificate(mapped));
        let mut exchange = login.start(mechanism).expect("offered");
        let turn = exchange.begin(Some(initial)).await;
        let is_done = matches!(turn, Turn::Done(_));
        assert_eq!(is_done, expected.is_none(), "{mapped:?} {initial:?}");
        let record = login.watch().record();
        assert_eq!(record.cause, expected, "{mapped:?} {initial:?}");
        assert_eq!(record.logged_in.as_deref(), is_done.then_some("alice"));
    }
}

fn bearer(user: &str, token: &str) -> Vec<u8> {
    format!("n,{user},\x01auth=Bearer {token}\x01\x01").into_bytes()
}

#[tokio::test(start_paused = true)]
async fn a_good_token_lets_its_user_in_at_once() {
    let xoauth2 = b"user=alice\x01auth=Bearer token\x01\x01".to_vec();
    for (mechanism, message) in [
        ("OAUTHBEARER", bearer("a=alice", "token")),
        ("OAUTHBEARER", bearer("", "token")),
        ("XOAUTH2", xoauth2),
    ] {
        for initial in [Some(message.as_slice()), None] {
            let mut login = Fixture::new().connect("192.0.2.1");
            let mut exchange = login.start(mechanism).expect("offered");
            let mut turn = exchange.begin(initial).await;
            if initial.is_none() {
                assert!(matches!(turn, Turn::Challenge(empty) if empty.is_empty()));
                turn = exchange.respond(&message).await;
            }
            assert!(matches!(turn, Turn::Done(_)), "{mechanism}");
            assert_eq!(login.watch().record().logged_in.as_deref(), Some("alice"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_token_is_told_of_then_answered_and_then_denied() {
    let xoauth2 = b"user=bob\x01auth=Bearer token\x01\x01".to_vec();
    for (mechanism, message, json) in [
        (
            "OAUTHBEARER",
            bearer("a=alice", "old"),
            r#"{"status":"invalid_token"}"#,
        ),
        (
            "OAUTHBEARER",
            bearer("a=bob", "token"),
            r#"{"status":"invalid_token"}"#,
        ),
        ("XOAUTH2", xoauth2, r#"{"status":"401","schemes":"bearer"}"#),
    ] {
        let fixture = Fixture::new();
        let mut login = fixture.connect("192.0.2.1");
        let mut exchange = login.start(mechanism).expect("offered");
        let start = Instant::now();
        let turn = exchange.begin(Some(&message)).await;
        assert!(matches!(turn, Turn::Challenge(octets) if octets == json.as_bytes()));
        // Counted and waited for whether the client answers or not.
        assert_eq!(
            (start.elapsed().as_secs(), login.watch().record().denied),
            (2, 1)
        );
        let turn = exchange.respond(b"\x01").await;
        assert!(matches!(turn, Turn::Refused(Refusal::Denied)));
        assert!(matches!(
            exchange.respond(b"\x01").await,
            Turn::Refused(Refusal::Denied)
        ));
        assert_eq!((login.watch().record().attempts, fixture.asked()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_does_not_answer_is_no_guess() {
    let mut login = Fixture::with(Some(Denial::Temporary), Store::default()).connect("192.0.2.1");
    let mut exchange = login.start("OAUTHBEARER").expect("offered");
    let turn = exchange.begin(Some(&bearer("", "token"))).await;
    assert!(matches!(turn, Turn::Refused(Refusal::Temporary)));
    assert_eq!(login.watch().record().denied, 0);
}
