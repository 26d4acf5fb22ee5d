//! Issuers and HTTP servers of the tests' own, and logins with tokens.

use std::{
    collections::VecDeque,
    future::ready,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp, jwk::Jwk};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256};
use serde_json::{Value, json};

use super::{
    fetch::{Authorization, Fetch, FetchError},
    *,
};
use crate::auth::{
    fixed::FixedUsers,
    hasher::{Hasher, Limits},
    scheme::StoredPassword,
    secret::Secret,
};

/// Somebody who signs tokens.
pub(super) struct Issuer {
    pub(super) algorithm: Algorithm,
    pub(super) name: &'static str,
    key: EncodingKey,
}

impl Issuer {
    /// One with a new key.
    pub(super) fn new(algorithm: Algorithm, name: &'static str) -> Self {
        let kind = match name_of(algorithm) {
            "EdDSA" => &PKCS_ED25519,
            "ES256" => &PKCS_ECDSA_P256_SHA256,
            _ => &PKCS_RSA_SHA256,
        };
        let der = KeyPair::generate_for(kind).expect("a key").serialize_der();
        let key = match name_of(algorithm) {
            // Only the older of two forms is read: a head, and the seed at the same place.
            "EdDSA" => {
                let head = b"\x30\x2e\x02\x01\0\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
                EncodingKey::from_ed_der(&[head.as_slice(), &der[16..48]].concat())
            }
            "ES256" => EncodingKey::from_ec_der(&der),
            "HS256" => EncodingKey::from_secret(b"secret"),
            // The key itself stands behind 26 octets that say that it is one of RSA.
            _ => EncodingKey::from_rsa_der(&der[26..]),
        };
        Self {
            algorithm,
            name,
            key,
        }
    }

    pub(super) fn jwk(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.key, self.algorithm).expect("a public key");
        let mut jwk = serde_json::to_value(jwk).expect("JSON");
        jwk["kid"] = json!(self.name);
        jwk
    }

    pub(super) fn header(&self) -> Header {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.name.to_owned());
        header
    }

    pub(super) fn sign(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &self.key).expect("a token")
    }

    /// A good token for alice.
    pub(super) fn token(&self) -> String {
        self.sign(&self.header(), &claims())
    }
}

fn name_of(algorithm: Algorithm) -> &'static str {
    let named = [
        (Algorithm::EdDSA, "EdDSA"),
        (Algorithm::ES256, "ES256"),
        (Algorithm::HS256, "HS256"),
    ];
    let found = named.iter().find(|(known, _)| *known == algorithm);
    found.map_or("RS256", |(_, name)| name)
}

/// What a good token says.
pub(super) fn claims() -> Value {
    let now = get_current_timestamp();
    json!({
        "iss": "https://issuer.example",
        "aud": "popcell",
        "sub": "alice",
        "exp": now + 600,
        "nbf": now - 600,
    })
}

pub(super) fn key_set(issuers: &[&Issuer]) -> String {
    let keys: Vec<_> = issuers.iter().map(|issuer| issuer.jwk()).collect();
    json!({ "keys": keys }).to_string()
}

/// An HTTP server that has its answers ready, and then none.
#[derive(Default)]
pub(super) struct Answers {
    answers: Mutex<VecDeque<Result<Vec<u8>, FetchError>>>,
    asked: AtomicUsize,
    forms: Mutex<Vec<String>>,
}

impl Answers {
    pub(super) fn push(&self, answer: Result<&str, FetchError>) {
        let answer = answer.map(|text| text.as_bytes().to_vec());
        self.answers.lock().expect("not poisoned").push_back(answer);
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    pub(super) fn forms(&self) -> Vec<String> {
        self.forms.lock().expect("not poisoned").clone()
    }

    fn next(&self) -> Answer<'_, Result<Vec<u8>, FetchError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.answers.lock().expect("not poisoned").pop_front();
        let none = || Err(FetchError::Unreachable("no answer".to_owned()));
        Box::pin(ready(answer.unwrap_or_else(none)))
    }
}

impl Fetch for Answers {
    fn get<'a>(&'a self, _url: &'a str) -> Answer<'a, Result<Vec<u8>, FetchError>> {
        self.next()
    }

    fn post<'a>(
        &'a self,
        _url: &'a str,
        _authorization: &'a Authorization,
        form: &'a [(&'a str, &'a Secret)],
    ) -> Answer<'a, Result<Vec<u8>, FetchError>> {
        let value = |secret: &Secret| String::from_utf8_lossy(secret.expose()).into_owned();
        let form = form
            .iter()
            .map(|(key, secret)| format!("{key}={}", value(secret)));
        self.forms
            .lock()
            .expect("not poisoned")
            .push(form.collect::<Vec<_>>().join("&"));
        self.next()
    }
}

/// `good` is alice's token, `stray` that of somebody who has no account.
struct Tokens;

impl TokenCheck for Tokens {
    fn check<'a>(&'a self, token: &'a [u8]) -> Answer<'a, Result<String, TokenError>> {
        Box::pin(ready(match token {
            b"good" => Ok("alice".to_owned()),
            b"stray" => Ok("nobody".to_owned()),
            b"later" => Err(TokenError::Temporary),
            b"never" => Err(TokenError::Permanent),
            _ => Err(TokenError::Invalid(Reason::Expired)),
        }))
    }
}

fn users() -> WithTokens {
    let account = Account {
        user: "alice".to_owned(),
        home: None,
    };
    let stored = StoredPassword::parse(b"{PLAIN}tanstaaf").expect("a password");
    let hasher = Hasher::new(Limits::default()).expect("a random key");
    let users = FixedUsers::new([(account, stored)], hasher);
    WithTokens::new(Arc::new(users), Arc::new(Tokens))
}

#[tokio::test]
async fn a_token_lets_in_the_user_it_was_issued_to_and_nobody_else() {
    for (claimed, token, expected) in [
        (None, "good", Ok("alice")),
        (Some("alice"), "good", Ok("alice")),
        (Some("Alice"), "good", Err(Denial::WrongProof)),
        (Some("bob"), "good", Err(Denial::WrongProof)),
        (Some("alice"), "bad", Err(Denial::WrongProof)),
        (Some("alice"), "stray", Err(Denial::WrongProof)),
        (None, "stray", Err(Denial::UnknownUser)),
        (None, "later", Err(Denial::Temporary)),
        (None, "never", Err(Denial::Permanent)),
    ] {
        let users = users();
        let auth: &dyn Auth = &users;
        let account = auth
            .token(claimed.map(str::as_bytes), token.as_bytes())
            .await;
        let user = account.as_ref().map(|account| account.user.as_str());
        assert_eq!(user, expected.as_ref().copied(), "{claimed:?} {token}");
    }
}

#[tokio::test]
async fn passwords_go_on_as_they_were() {
    let users = users();
    assert!(users.password(b"alice", b"tanstaaf").await.is_ok());
    assert!(users.credential(b"alice", Need::Secret).await.is_ok());
    assert!(users.keeps(Need::Token) && users.keeps(Need::Secret));
    assert_eq!(
        users.password(b"alice", b"good").await,
        Err(Denial::WrongProof)
    );
}
