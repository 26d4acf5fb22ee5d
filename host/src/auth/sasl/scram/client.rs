//! A client for the tests of the server: it can be made to cheat.
//!
//! Computes everything by itself, with nothing of the server's.

use super::*;

/// A client that says what a test wants it to say.
pub(super) struct Client {
    pub(super) hash: Hash,
    /// Header of the first message.
    pub(super) header: &'static str,
    /// What it says to be bound to.
    pub(super) data: Vec<u8>,
    pub(super) password: &'static str,
}

impl Client {
    pub(super) fn new(hash: Hash) -> Self {
        Self {
            hash,
            header: "n,,",
            data: Vec::new(),
            password: "pencil",
        }
    }

    pub(super) fn first(&self) -> String {
        format!("{}n=user,r=client", self.header)
    }

    /// The last message to this challenge, and the signature that it expects.
    pub(super) fn last(&self, challenge: &str) -> (String, Vec<u8>) {
        self.last_with(challenge, "")
    }

    /// As `last`, but with something behind the nonce.
    pub(super) fn last_with(&self, challenge: &str, more: &str) -> (String, Vec<u8>) {
        let field = |key: &str| {
            challenge
                .split(',')
                .find_map(|field| field.strip_prefix(key))
        };
        let salt = Base64::decode_vec(field("s=").expect("a salt")).expect("base64");
        let iterations = field("i=").expect("iterations").parse().expect("a number");
        let bound = [self.header.as_bytes(), &self.data].concat();
        let bound = Base64::encode_string(&bound);
        let nonce = field("r=").expect("a nonce");
        let without_proof = format!("c={bound},r={nonce}{more}");
        let message = format!("n=user,r=client,{challenge},{without_proof}");
        let (proof, signature) = prove_as_client(
            self.hash,
            self.password,
            &salt,
            iterations,
            message.as_bytes(),
        );
        (
            format!("{without_proof},p={}", Base64::encode_string(&proof)),
            signature,
        )
    }
}

/// RFC 5802 §3, the client's side, without anything of the server's.
fn prove_as_client(
    hash: Hash,
    password: &str,
    salt: &[u8],
    iterations: u32,
    message: &[u8],
) -> (Vec<u8>, Vec<u8>) {
    use hmac::{Hmac, KeyInit, Mac};
    use sha1::Sha1;
    use sha2::{Digest, Sha256};
    let hmac = |key: &[u8], message: &[u8]| match hash {
        Hash::Sha1 => {
            let mac = Hmac::<Sha1>::new_from_slice(key).expect("any length");
            mac.chain_update(message).finalize().into_bytes().to_vec()
        }
        Hash::Sha256 => {
            let mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
            mac.chain_update(message).finalize().into_bytes().to_vec()
        }
    };
    let mut block = hmac(password.as_bytes(), &[salt, &[0, 0, 0, 1]].concat());
    let mut salted = block.clone();
    for _ in 1..iterations {
        block = hmac(password.as_bytes(), &block);
        salted
            .iter_mut()
            .zip(&block)
            .for_each(|(one, other)| *one ^= other);
    }
    let client = hmac(&salted, b"Client Key");
    let stored = match hash {
        Hash::Sha1 => Sha1::digest(&client).to_vec(),
        Hash::Sha256 => Sha256::digest(&client).to_vec(),
    };
    let signature = hmac(&stored, message);
    let proof = client
        .iter()
        .zip(&signature)
        .map(|(one, other)| one ^ other);
    (
        proof.collect(),
        hmac(&hmac(&salted, b"Server Key"), message),
    )
}
