//! What SCRAM (RFC 5802, RFC 7677) computes: keys from a password, proofs and signatures with them.
//!
//! Speaks no protocol; `sasl::scram` does. Looks up no users.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use pbkdf2::pbkdf2_hmac;
use sha1::{Digest, Sha1};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::prep::prepare_stored;

mod salt_key;
mod verifier;

pub(super) use self::verifier::{Deriver, Material, Shape};
pub use self::{
    salt_key::{Error as SaltKeyError, SaltKey},
    verifier::Verifier,
};

/// Fewest iterations of a key (RFC 5802, section 5.1, and RFC 7677, section 4).
pub const MIN_ITERATIONS: u32 = 4096;

/// Most iterations: a client and this server compute them within a second or so.
pub const MAX_ITERATIONS: u32 = 1_000_000;

/// Most octets of a salt. It has to fit into a challenge beside the nonces.
pub const MAX_SALT_OCTETS: usize = 64;

/// The hash function that a mechanism is named after.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Hash {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Hash {
    /// The mechanism without channel binding, which is the password scheme too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SCRAM-SHA-1",
            Self::Sha256 => "SCRAM-SHA-256",
        }
    }

    /// Octets of a digest, and so of a key and of a proof.
    pub fn octets(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    fn digest(self, octets: &[u8]) -> Key {
        Zeroizing::new(match self {
            Self::Sha1 => Sha1::digest(octets).to_vec(),
            Self::Sha256 => Sha256::digest(octets).to_vec(),
        })
    }

    fn hmac(self, key: &[u8], message: &[u8]) -> Key {
        const ANY_LENGTH: &str = "HMAC takes keys of any length";
        Zeroizing::new(match self {
            Self::Sha1 => {
                let mac = Hmac::<Sha1>::new_from_slice(key).expect(ANY_LENGTH);
                mac.chain_update(message).finalize().into_bytes().to_vec()
            }
            Self::Sha256 => {
                let mac = Hmac::<Sha256>::new_from_slice(key).expect(ANY_LENGTH);
                mac.chain_update(message).finalize().into_bytes().to_vec()
            }
        })
    }

    fn salted_password(self, password: &[u8], salt: &[u8], iterations: u32) -> Key {
        let mut salted = Zeroizing::new(vec![0; self.octets()]);
        match self {
            Self::Sha1 => pbkdf2_hmac::<Sha1>(password, salt, iterations, &mut salted),
            Self::Sha256 => pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut salted),
        }
        salted
    }
}

type Key = Zeroizing<Vec<u8>>;

/// What a server keeps of a password. Whoever has it can play the server, and can let in whoever
/// lets it watch one login; it is not the password.
#[derive(Clone)]
pub struct Keys {
    stored: Key,
    server: Key,
}

impl Keys {
    /// The keys of a password. Takes some milliseconds at [`MIN_ITERATIONS`].
    pub fn derive(hash: Hash, password: &[u8], salt: &[u8], iterations: u32) -> Self {
        // RFC 5802 §3: SaltedPassword, ClientKey, StoredKey, ServerKey.
        let prepared = prepare_stored(password);
        let salted = hash.salted_password(prepared.expose(), salt, iterations);
        Self {
            stored: hash.digest(&hash.hmac(&salted, b"Client Key")),
            server: hash.hmac(&salted, b"Server Key"),
        }
    }

    /// Stored keys; `None` if their length is not that of a digest.
    pub fn from_stored(hash: Hash, stored: Vec<u8>, server: Vec<u8>) -> Option<Self> {
        let (stored, server) = (Zeroizing::new(stored), Zeroizing::new(server));
        let is_key = stored.len() == hash.octets() && server.len() == hash.octets();
        is_key.then_some(Self { stored, server })
    }

    /// StoredKey and ServerKey, for whoever writes them down.
    pub fn to_stored(&self) -> (&[u8], &[u8]) {
        (&self.stored, &self.server)
    }

    /// Whether these are the same keys, in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        (self.stored.ct_eq(&other.stored) & self.server.ct_eq(&other.server)).into()
    }

    /// The server's signature if the proof is right, in a time that tells nothing else.
    pub fn verify(&self, hash: Hash, message: &[u8], proof: &[u8]) -> Option<Vec<u8>> {
        // RFC 5802 §3: ClientKey = ClientProof XOR HMAC(StoredKey, AuthMessage).
        let mut client = hash.hmac(&self.stored, message);
        for (octet, proof) in client.iter_mut().zip(proof) {
            *octet ^= proof;
        }
        let is_right = bool::from(hash.digest(&client).ct_eq(&self.stored));
        let signature = hash.hmac(&self.server, message);
        (is_right && proof.len() == hash.octets()).then(|| signature.to_vec())
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Keys(..)")
    }
}

/// A stored password of SCRAM: keys, and what a client needs to come to the same ones.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The hash function.
    pub hash: Hash,
    /// [`MIN_ITERATIONS`] to [`MAX_ITERATIONS`].
    pub iterations: u32,
    /// 1 to [`MAX_SALT_OCTETS`] octets.
    pub salt: Box<[u8]>,
    /// The keys.
    pub keys: Keys,
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64, Encoding};

    use super::*;

    struct Example {
        hash: Hash,
        salt: &'static str,
        message: &'static str,
        proof: &'static str,
        signature: &'static str,
    }

    /// RFC 5802 §5 and RFC 7677 §3; user `user`, password `pencil`, 4096 iterations.
    const EXAMPLES: [Example; 2] = [
        Example {
            hash: Hash::Sha1,
            salt: "QSXCR+Q6sek8bf92",
            message: "n=user,r=fyko+d2lbbFgONRv9qkxdawL,\
                r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,\
                c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
            proof: "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            signature: "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        },
        Example {
            hash: Hash::Sha256,
            salt: "W22ZaJ0SNY7soEsUEjb6gQ==",
            message: "n=user,r=rOprNGfwEbeRWgbNEkqO,\
                r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
                c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            proof: "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            signature: "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        },
    ];

    fn decode(text: &str) -> Vec<u8> {
        Base64::decode_vec(text).expect(text)
    }

    fn keys(example: &Example) -> Keys {
        Keys::derive(example.hash, b"pencil", &decode(example.salt), 4096)
    }

    #[test]
    fn the_examples_of_both_rfcs_are_proven_and_signed() {
        for example in &EXAMPLES {
            let (message, proof) = (example.message.as_bytes(), decode(example.proof));
            let signature = keys(example).verify(example.hash, message, &proof);
            assert_eq!(signature, Some(decode(example.signature)));
        }
    }

    #[test]
    fn another_proof_message_or_password_is_refused() {
        for example in &EXAMPLES {
            let (keys, proof) = (keys(example), decode(example.proof));
            let verify = |message: &[u8], proof: &[u8]| keys.verify(example.hash, message, proof);
            let message = example.message.as_bytes();
            let mut flipped = proof.clone();
            flipped[0] ^= 1;
            assert_eq!(verify(message, &flipped), None);
            assert_eq!(verify(message, &proof[1..]), None);
            assert_eq!(verify(message, &[proof.as_slice(), b"\0"].concat()), None);
            assert_eq!(verify(message, b""), None);
            assert_eq!(verify(&message[1..], &proof), None);
            let other = Keys::derive(example.hash, b"Pencil", &decode(example.salt), 4096);
            assert_eq!(other.verify(example.hash, message, &proof), None);
        }
    }

    #[test]
    fn keys_survive_being_stored_and_never_print() {
        let keys = keys(&EXAMPLES[1]);
        let (stored, server) = keys.to_stored();
        let again = Keys::from_stored(Hash::Sha256, stored.to_vec(), server.to_vec());
        assert!(again.is_some_and(|again| again.matches(&keys)));
        assert!(Keys::from_stored(Hash::Sha1, stored.to_vec(), server.to_vec()).is_none());
        assert_eq!(format!("{keys:?}"), "Keys(..)");
    }
}
