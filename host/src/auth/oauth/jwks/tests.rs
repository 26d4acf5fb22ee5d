//! Key sets that change, vanish and hold what they should not.

use std::fs;

use serde_json::json;
use tokio::time::advance;

use super::*;
use crate::auth::{
    oauth::tests::{Answers, Issuer, key_set},
    watched::LOOK_EVERY,
};

const HOUR: Duration = Duration::from_secs(3600);

fn issuer(name: &'static str) -> Issuer {
    Issuer::new(Algorithm::EdDSA, name)
}

async fn has(source: &KeySource, name: &str) -> Result<bool, Unavailable> {
    let key = source.find(Some(name), Algorithm::EdDSA).await?;
    Ok(key.is_some())
}

#[test]
fn keys_for_other_purposes_are_left_out() {
    let good = issuer("good");
    let changed = |member: &str, value: Value| {
        let mut jwk = good.jwk();
        jwk[member] = value;
        jwk
    };
    let octet = json!({ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "kid": "a" });
    for (jwk, is_taken) in [
        (good.jwk(), true),
        (changed("use", json!("sig")), true),
        (changed("x-unknown", json!([1])), true),
        (changed("use", json!("enc")), false),
        (changed("alg", json!("HS256")), false),
        (changed("crv", json!("P-256")), false),
        (changed("crv", json!("X25519")), false),
        (changed("x", json!(1)), false),
        (changed("kty", json!("new")), false),
        (octet, false),
        (json!("text"), false),
    ] {
        let text = json!({ "keys": [jwk] }).to_string();
        let keys = KeySet::parse(text.as_bytes()).expect("a key set");
        assert_eq!(keys.0.len(), usize::from(is_taken), "{text}");
    }
    for text in ["", "[]", "{}", "{\"keys\":1}"] {
        assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn a_token_without_a_key_name_finds_the_only_key_and_no_other() {
    let (one, two) = (issuer("one"), issuer("two"));
    let parse = |issuers: &[&Issuer]| KeySet::parse(key_set(issuers).as_bytes()).expect("keys");
    assert!(parse(&[&one]).find(None, Algorithm::EdDSA).is_some());
    assert!(parse(&[&one]).find(None, Algorithm::ES256).is_none());
    assert!(parse(&[&one, &two]).find(None, Algorithm::EdDSA).is_none());
    assert!(
        parse(&[&one, &two])
            .find(Some("two"), Algorithm::EdDSA)
            .is_some()
    );
    assert!(
        parse(&[&one, &two])
            .find(Some("two"), Algorithm::RS256)
            .is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn a_file_is_read_again_when_it_changes() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("keys.json");
    assert!(KeySource::file(&path).is_err());
    fs::write(&path, key_set(&[&issuer("one")])).expect("a file");
    let source = KeySource::file(&path).expect("keys");
    assert_eq!(has(&source, "one").await, Ok(true));
    fs::write(&path, key_set(&[&issuer("two"), &issuer("three")])).expect("a file");
    advance(LOOK_EVERY).await;
    assert_eq!(has(&source, "one").await, Ok(false));
    assert_eq!(has(&source, "two").await, Ok(true));
    fs::write(&path, "{").expect("a file");
    advance(LOOK_EVERY).await;
    assert_eq!(has(&source, "two").await, Err(Unavailable));
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_once_in_their_lifetime() {
    let answers = Arc::new(Answers::default());
    let source = KeySource::url("https://issuer.example/keys", HOUR, answers.clone());
    answers.push(Ok(&key_set(&[&issuer("one")])));
    for _ in 0..3 {
        assert_eq!(has(&source, "one").await, Ok(true));
    }
    assert_eq!(answers.asked(), 1);
    advance(HOUR).await;
    answers.push(Ok(&key_set(&[&issuer("two")])));
    assert_eq!(has(&source, "one").await, Ok(false));
    assert_eq!(answers.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_looked_for_at_most_once_a_minute() {
    let answers = Arc::new(Answers::default());
    let source = KeySource::url("https://issuer.example/keys", HOUR, answers.clone());
    answers.push(Ok(&key_set(&[&issuer("one")])));
    for _ in 0..3 {
        assert_eq!(has(&source, "two").await, Ok(false));
    }
    assert_eq!(answers.asked(), 1);
    advance(LEAST_AGE).await;
    answers.push(Ok(&key_set(&[&issuer("one"), &issuer("two")])));
    assert_eq!(has(&source, "two").await, Ok(true));
    assert_eq!(has(&source, "three").await, Ok(false));
    assert_eq!(answers.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn old_keys_bridge_a_failure_of_the_issuer_for_a_while() {
    let answers = Arc::new(Answers::default());
    let source = KeySource::url("https://issuer.example/keys", HOUR, answers.clone());
    assert_eq!(has(&source, "one").await, Err(Unavailable));
    assert_eq!(has(&source, "one").await, Err(Unavailable));
    assert_eq!(answers.asked(), 1);
    advance(RETRY).await;
    answers.push(Ok(&key_set(&[&issuer("one")])));
    assert_eq!(has(&source, "one").await, Ok(true));
    advance(HOUR).await;
    answers.push(Ok("not JSON"));
    assert_eq!(has(&source, "one").await, Ok(true));
    assert_eq!(has(&source, "one").await, Ok(true));
    assert_eq!(answers.asked(), 3);
    advance(HOUR).await;
    assert_eq!(has(&source, "one").await, Err(Unavailable));
}

#[test]
fn a_file_that_is_no_key_set_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("keys.json");
    fs::write(&path, "[]").expect("a file");
    let error = KeySource::file(&path).expect_err("no key set").to_string();
    assert!(
        error.starts_with(&format!("key set {}: ", path.display())),
        "{error}"
    );
}
