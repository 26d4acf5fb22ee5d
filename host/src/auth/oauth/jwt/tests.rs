//! Tokens, good and forged.

use std::fs;

use base64ct::{Base64UrlUnpadded, Encoding};
use jsonwebtoken::{Header, get_current_timestamp};
use serde_json::json;

use super::*;
use crate::auth::oauth::tests::{Issuer, claims, key_set};

async fn check_with(keys: &str, token: &str) -> Result<String, TokenError> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("keys.json");
    fs::write(&path, keys).expect("a file");
    let claims = Claims::new("https://issuer.example", "popcell");
    let check = JwtCheck::new(KeySource::file(&path).expect("keys"), claims);
    check.check(token.as_bytes()).await
}

async fn check(issuer: &Issuer, token: &str) -> Result<String, TokenError> {
    check_with(&key_set(&[issuer]), token).await
}

fn invalid(reason: Reason) -> Result<String, TokenError> {
    Err(TokenError::Invalid(reason))
}

#[tokio::test]
async fn a_token_by_each_allowed_algorithm_names_its_user() {
    for algorithm in ALGORITHMS {
        let (issuer, other) = (Issuer::new(algorithm, "one"), Issuer::new(algorithm, "one"));
        assert_eq!(
            check(&issuer, &issuer.token()).await,
            Ok("alice".to_owned())
        );
        assert_eq!(
            check(&other, &issuer.token()).await,
            invalid(Reason::Signature)
        );
    }
}

#[tokio::test]
async fn every_claim_is_looked_at() {
    let issuer = Issuer::new(Algorithm::EdDSA, "one");
    let now = get_current_timestamp();
    for (claim, value, expected) in [
        ("exp", json!(now - 61), invalid(Reason::Expired)),
        ("exp", json!(now - 30), Ok("alice".to_owned())),
        ("exp", json!(null), invalid(Reason::Malformed)),
        ("exp", json!("tomorrow"), invalid(Reason::Malformed)),
        ("exp", json!(-1), invalid(Reason::Malformed)),
        ("nbf", json!(now + 90), invalid(Reason::NotYet)),
        ("nbf", json!(now + 30), Ok("alice".to_owned())),
        ("nbf", json!("now"), invalid(Reason::Malformed)),
        (
            "iss",
            json!("https://other.example"),
            invalid(Reason::Issuer),
        ),
        ("iss", json!(null), invalid(Reason::Issuer)),
        ("iss", json!(1), invalid(Reason::Issuer)),
        ("aud", json!("other"), invalid(Reason::Audience)),
        ("aud", json!(["other", "popcell"]), Ok("alice".to_owned())),
        ("aud", json!([]), invalid(Reason::Audience)),
        ("aud", json!(null), invalid(Reason::Audience)),
        ("sub", json!(""), invalid(Reason::NoUser)),
        ("sub", json!(null), invalid(Reason::NoUser)),
        ("sub", json!(["alice"]), invalid(Reason::Malformed)),
    ] {
        let mut claims = claims();
        claims[claim] = value;
        let token = issuer.sign(&issuer.header(), &claims);
        assert_eq!(check(&issuer, &token).await, expected, "{claims}");
    }
}

#[tokio::test]
async fn a_token_that_is_not_signed_by_the_issuers_key_is_refused() {
    let issuer = Issuer::new(Algorithm::RS256, "one");
    let token = issuer.token();
    let parts: Vec<_> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!("{token}")
    };
    let encode = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    let forged = claims().to_string().replace("alice", "mallory");
    let none = encode(r#"{"alg":"none"}"#);
    for (token, expected) in [
        (
            format!("{header}.{}.{signature}", encode(&forged)),
            Reason::Signature,
        ),
        (format!("{header}.{payload}."), Reason::Signature),
        (format!("{none}.{payload}."), Reason::Malformed),
        (format!("{none}.{payload}.{signature}"), Reason::Malformed),
        (format!("{header}.{payload}"), Reason::Malformed),
        (
            format!("{header}.{payload}.{signature}."),
            Reason::Malformed,
        ),
        (String::new(), Reason::Malformed),
        ("..".to_owned(), Reason::Malformed),
        ("\u{e4}.\u{e4}.\u{e4}".to_owned(), Reason::Malformed),
    ] {
        assert_eq!(check(&issuer, &token).await, invalid(expected), "{token}");
    }
}

#[tokio::test]
async fn the_public_key_is_no_secret_to_sign_with() {
    let issuer = Issuer::new(Algorithm::RS256, "one");
    let symmetric = Issuer::new(Algorithm::HS256, "one");
    assert_eq!(
        check(&issuer, &symmetric.token()).await,
        invalid(Reason::Algorithm)
    );
    // Not even where the key set itself has such a key.
    assert_eq!(
        check(&symmetric, &symmetric.token()).await,
        invalid(Reason::Algorithm)
    );
}

#[tokio::test]
async fn keys_that_come_with_the_token_are_not_looked_at() {
    let (issuer, mallory) = (
        Issuer::new(Algorithm::EdDSA, "one"),
        Issuer::new(Algorithm::EdDSA, "mallory"),
    );
    let mut header = mallory.header();
    header.jwk = serde_json::from_value(mallory.jwk()).ok();
    header.jku = Some("https://mallory.example/keys".to_owned());
    let token = mallory.sign(&header, &claims());
    assert_eq!(check(&issuer, &token).await, invalid(Reason::UnknownKey));
    header.kid = Some("one".to_owned());
    let token = mallory.sign(&header, &claims());
    assert_eq!(check(&issuer, &token).await, invalid(Reason::Signature));
    for name in ["../one", "one\0", "' OR 1=1", "\u{202e}"] {
        header.kid = Some(name.to_owned());
        let token = mallory.sign(&header, &claims());
        assert_eq!(
            check(&issuer, &token).await,
            invalid(Reason::UnknownKey),
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_extension_that_must_be_understood_is_not() {
    let issuer = Issuer::new(Algorithm::EdDSA, "one");
    let header = Header {
        crit: Some(vec!["exp".to_owned()]),
        ..issuer.header()
    };
    let token = issuer.sign(&header, &claims());
    assert_eq!(check(&issuer, &token).await, invalid(Reason::Critical));
}

#[tokio::test]
async fn a_key_of_another_kind_under_the_same_name_is_another_key() {
    let (ed, rsa) = (
        Issuer::new(Algorithm::EdDSA, "one"),
        Issuer::new(Algorithm::RS256, "one"),
    );
    let both = key_set(&[&ed, &rsa]);
    assert_eq!(
        check_with(&both, &rsa.token()).await,
        Ok("alice".to_owned())
    );
    assert_eq!(check_with(&both, &ed.token()).await, Ok("alice".to_owned()));
    assert_eq!(check(&ed, &rsa.token()).await, invalid(Reason::UnknownKey));
}

#[tokio::test]
async fn keys_that_cannot_be_read_are_nobodys_fault_who_logs_in() {
    let issuer = Issuer::new(Algorithm::EdDSA, "one");
    let answers = std::sync::Arc::new(crate::auth::oauth::tests::Answers::default());
    let keys = KeySource::url("https://issuer.example", Duration::from_secs(60), answers);
    let check = JwtCheck::new(keys, Claims::new("https://issuer.example", "popcell"));
    let user = check.check(issuer.token().as_bytes()).await;
    assert_eq!(user, Err(TokenError::Temporary));
}

#[tokio::test]
async fn another_claim_can_name_the_user() {
    let issuer = Issuer::new(Algorithm::EdDSA, "one");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("keys.json");
    fs::write(&path, key_set(&[&issuer])).expect("a file");
    let claims = Claims {
        user: "email".to_owned(),
        ..Claims::new("https://issuer.example", "popcell")
    };
    let check = JwtCheck::new(KeySource::file(&path).expect("keys"), claims);
    let mut claims = super::super::tests::claims();
    claims["email"] = json!("alice@example.org");
    let token = issuer.sign(&issuer.header(), &claims);
    let user = check.check(token.as_bytes()).await;
    assert_eq!(user, Ok("alice@example.org".to_owned()));
}
