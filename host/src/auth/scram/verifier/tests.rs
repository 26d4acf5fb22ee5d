//! What proofs cost, and what a client can see of users who do not exist.

use std::num::NonZeroUsize;

use tokio::time;

use super::*;
use crate::auth::{
    hasher::{Hasher, Limits},
    scheme::StoredPassword,
    scram::MIN_ITERATIONS,
};

const HASH: Hash = Hash::Sha256;
const MESSAGE: &[u8] = b"message";

fn hasher() -> Hasher {
    Hasher::new(Limits::default()).expect("a random key")
}

fn secret(text: &str) -> Secret {
    Secret::from(text.as_bytes())
}

fn stored(iterations: u32, salt: &[u8]) -> Material {
    let keys = Keys::derive(HASH, b"pencil", salt, iterations);
    Material::Stored(Arc::new(Stored {
        hash: HASH,
        iterations,
        salt: salt.into(),
        keys,
    }))
}

/// The proof of a client that knows this password.
fn proof(verifier: &Verifier, password: &str) -> Vec<u8> {
    let salted = HASH.salted_password(password.as_bytes(), verifier.salt(), verifier.iterations());
    let client = HASH.hmac(&salted, b"Client Key");
    let signature = HASH.hmac(&HASH.digest(&client), MESSAGE);
    client
        .iter()
        .zip(signature.iter())
        .map(|(one, other)| one ^ other)
        .collect()
}

async fn is_right(verifier: &Verifier, password: &str) -> bool {
    let proof = proof(verifier, password);
    let signature = verifier.verify(MESSAGE, &proof).await;
    signature.expect("enough memory").is_some()
}

/// Whether checking this proof waits for a thread: the only one is taken.
async fn derives(verifier: &Verifier, password: &str) -> bool {
    let permits = Arc::clone(&verifier.deriver.permits);
    let every = u32::try_from(permits.available_permits()).expect("few permits");
    let _held = permits.acquire_many_owned(every).await.expect("open");
    let proof = proof(verifier, password);
    let verdict = verifier.verify(MESSAGE, &proof);
    time::timeout(time::Duration::from_millis(1), verdict)
        .await
        .is_err()
}

#[tokio::test]
async fn the_right_password_is_right_whatever_is_known_of_it() {
    let hasher = hasher();
    for material in [
        Material::Secret(secret("pencil")),
        stored(4096, b"salt"),
        stored(5000, &[1; 64]),
    ] {
        let verifier = hasher.verifier(b"user", HASH, material);
        assert!(is_right(&verifier, "pencil").await);
        assert!(!is_right(&verifier, "Pencil").await);
    }
}

#[tokio::test]
async fn nothing_is_right_for_nobody() {
    let verifier = hasher().nobody(b"user", HASH, Shape::default());
    for password in ["pencil", "nobody", ""] {
        assert!(!is_right(&verifier, password).await);
    }
}

#[tokio::test(start_paused = true)]
async fn every_wrong_proof_costs_one_derivation() {
    let hasher = hasher();
    let kept = hasher.verifier(b"kept", HASH, stored(4096, b"salt"));
    let fresh = hasher.scram(b"fresh", HASH, &secret("pencil"));
    let remembered = hasher.scram(b"remembered", HASH, &secret("pencil"));
    assert!(is_right(&remembered, "pencil").await);
    let nobody = hasher.nobody(b"nobody", HASH, Shape::default());
    for verifier in [&kept, &fresh, &remembered, &nobody] {
        assert!(derives(verifier, "wrong").await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_right_proof_costs_none_when_keys_are_stored_or_remembered() {
    let hasher = hasher();
    let kept = hasher.verifier(b"kept", HASH, stored(4096, b"salt"));
    assert!(!derives(&kept, "pencil").await);
    let derived = || hasher.scram(b"user", HASH, &secret("pencil"));
    assert!(derives(&derived(), "pencil").await);
    assert!(is_right(&derived(), "pencil").await);
    assert!(!derives(&derived(), "pencil").await);
    time::advance(Limits::default().remember).await;
    assert!(derives(&derived(), "pencil").await);
}

#[tokio::test(start_paused = true)]
async fn keys_of_another_user_password_or_hash_are_not_the_remembered_ones() {
    let hasher = hasher();
    assert!(is_right(&hasher.scram(b"user", HASH, &secret("pencil")), "pencil").await);
    assert!(derives(&hasher.scram(b"other", HASH, &secret("pencil")), "pencil").await);
    let changed = hasher.scram(b"user", HASH, &secret("changed"));
    assert!(!is_right(&changed, "pencil").await);
    assert!(is_right(&changed, "changed").await);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_remembered_where_that_was_not_wanted() {
    let limits = Limits {
        remember: time::Duration::ZERO,
        threads: NonZeroUsize::MIN,
        ..Limits::default()
    };
    let hasher = Hasher::new(limits).expect("a random key");
    let verifier = hasher.scram(b"user", HASH, &secret("pencil"));
    assert!(is_right(&verifier, "pencil").await);
    assert!(derives(&verifier, "pencil").await);
}

#[test]
fn nobody_looks_like_a_user_and_stays_the_same() {
    let hasher = hasher();
    let user = hasher.scram(b"user", HASH, &secret("pencil"));
    let nobody = || hasher.nobody(b"nobody", HASH, Shape::default());
    assert_eq!(user.salt().len(), nobody().salt().len());
    assert_eq!(user.iterations(), nobody().iterations());
    assert_eq!(nobody().salt(), nobody().salt());
    assert_ne!(
        nobody().salt(),
        hasher.nobody(b"other", HASH, Shape::default()).salt()
    );
    // Who gets an account keeps the salt of the time before.
    assert_eq!(
        hasher.scram(b"nobody", HASH, &secret("x")).salt(),
        nobody().salt()
    );
}

#[test]
fn what_dovecot_stores_has_the_shape_of_what_is_derived_here() {
    let text = "{SCRAM-SHA-256}4096,IyHjG8uLcn3LDP2+Ko8GVg==,\
        a2LnEJ1v/3SrMyK00eRZ1vnLiv//S20jokRXj8weDj8=,d8DUTS5akmh30lsIVzai2uftPDE/lRpxZ4GQTHwfSB0=";
    let stored = StoredPassword::parse(text.as_bytes()).expect("valid");
    let shape = stored.scram(HASH).map(|material| material.shape());
    assert_eq!(shape, Some(Shape::default()));
    assert_eq!(Shape::default().iterations, MIN_ITERATIONS);
}
