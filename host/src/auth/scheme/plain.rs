//! `{PLAIN}`: the password itself, in clear.
//!
//! The only scheme that every way of logging in can be checked against. Not a hash of any kind.

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Check, Credential, Error, Exhausted, GenerateError, Need, Work};
use crate::auth::secret::Secret;

struct Plain {
    secret: Secret,
    /// Hashed once, so that the time of a comparison depends on the claim alone.
    digest: Zeroizing<[u8; 32]>,
}

/// Any octets: they were found between the colons of a line.
pub(super) fn parse(value: &[u8]) -> Result<Box<dyn Check>, Error> {
    let digest = Zeroizing::new(Sha256::digest(value).into());
    Ok(Box::new(Plain {
        secret: Secret::from(value),
        digest,
    }))
}

/// In clear where a line of the file can hold it, else in base64.
pub(super) fn generate(password: &[u8]) -> Result<String, GenerateError> {
    let text = str::from_utf8(password).ok();
    let fits = |text: &&str| !text.chars().any(|char| char == ':' || char.is_control());
    Ok(match text.filter(fits) {
        Some(text) => format!("{{PLAIN}}{text}"),
        None => format!("{{PLAIN.b64}}{}", Base64::encode_string(password)),
    })
}

impl Check for Plain {
    fn verify(&self, password: &[u8]) -> Result<bool, Exhausted> {
        Ok(Sha256::digest(password)
            .as_slice()
            .ct_eq(self.digest.as_slice())
            .into())
    }

    fn work(&self) -> Work {
        Work {
            scheme: "PLAIN",
            cost: [0; 3],
        }
    }

    fn is_slow(&self) -> bool {
        false
    }

    fn credential(&self, need: Need) -> Option<Credential> {
        match need {
            Need::Secret | Need::HmacMd5 => Some(Credential::Secret(self.secret.clone())),
            Need::Scram(_) | Need::Token => None,
        }
    }
}
