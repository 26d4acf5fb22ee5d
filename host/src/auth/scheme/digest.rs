//! One digest of the password, with or without a salt: `{SSHA512}` down to `{PLAIN-MD5}`.
//!
//! Read because old databases are full of them, never made: whoever has one tries a thousand
//! million passwords a second against it.

use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Check, Error, Exhausted, Work};

/// A hash function.
#[derive(Clone, Copy, Debug)]
pub(super) enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

impl Algorithm {
    fn octets(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    fn digest(self, password: &[u8], salt: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => digest::<Md5>(password, salt),
            Self::Sha1 => digest::<Sha1>(password, salt),
            Self::Sha256 => digest::<Sha256>(password, salt),
            Self::Sha512 => digest::<Sha512>(password, salt),
        }
    }
}

fn digest<D: Digest>(password: &[u8], salt: &[u8]) -> Vec<u8> {
    let digest = D::new().chain_update(password).chain_update(salt);
    digest.finalize().to_vec()
}

struct Digested {
    algorithm: Algorithm,
    scheme: &'static str,
    /// The digest, then the salt.
    stored: Zeroizing<Vec<u8>>,
}

/// The digest alone.
pub(super) fn unsalted(
    algorithm: Algorithm,
    scheme: &'static str,
    value: &[u8],
) -> Result<Box<dyn Check>, Error> {
    let is_whole = value.len() == algorithm.octets();
    parse(algorithm, scheme, value, is_whole)
}

/// The digest of password and salt, followed by the salt.
pub(super) fn salted(
    algorithm: Algorithm,
    scheme: &'static str,
    value: &[u8],
) -> Result<Box<dyn Check>, Error> {
    let is_whole = value.len() > algorithm.octets();
    parse(algorithm, scheme, value, is_whole)
}

fn parse(
    algorithm: Algorithm,
    scheme: &'static str,
    value: &[u8],
    is_whole: bool,
) -> Result<Box<dyn Check>, Error> {
    if !is_whole {
        let reason = "cut off or too long";
        return Err(Error::Malformed { scheme, reason });
    }
    Ok(Box::new(Digested {
        algorithm,
        scheme,
        stored: Zeroizing::new(value.to_vec()),
    }))
}

impl Check for Digested {
    fn verify(&self, password: &[u8]) -> Result<bool, Exhausted> {
        let (digest, salt) = self.stored.split_at(self.algorithm.octets());
        Ok(self.algorithm.digest(password, salt).ct_eq(digest).into())
    }

    fn work(&self) -> Work {
        Work {
            scheme: self.scheme,
            cost: [0; 3],
        }
    }

    fn is_slow(&self) -> bool {
        false
    }
}
