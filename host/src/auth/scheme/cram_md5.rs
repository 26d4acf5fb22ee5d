//! `{CRAM-MD5}`: the two states of HMAC-MD5 behind the padded password, as 64 hexadecimal digits.
//!
//! Not slow and not salted; it exists for clients that speak CRAM-MD5.

use super::{Check, Credential, Error, Exhausted, GenerateError, Need, Work};
use crate::auth::{hex, hmac_md5::HmacMd5};

const SCHEME: &str = "CRAM-MD5";

struct CramMd5(HmacMd5);

/// 64 hexadecimal digits, or the 32 octets themselves if the value was encoded as a whole.
pub(super) fn parse(value: &[u8]) -> Result<Box<dyn Check>, Error> {
    let octets = match value.len() {
        32 => Some(value.to_vec()),
        64 => hex::decode(value),
        _ => None,
    };
    let stored = octets
        .and_then(|octets| <[u8; 32]>::try_from(octets).ok())
        .ok_or(Error::Malformed {
            scheme: SCHEME,
            reason: "not 64 hexadecimal digits",
        })?;
    Ok(Box::new(CramMd5(HmacMd5::from_stored(&stored))))
}

pub(super) fn generate(password: &[u8]) -> Result<String, GenerateError> {
    let stored = HmacMd5::new(password).to_stored();
    Ok(format!("{{{SCHEME}}}{}", hex::encode(stored.as_slice())))
}

impl Check for CramMd5 {
    fn verify(&self, password: &[u8]) -> Result<bool, Exhausted> {
        Ok(HmacMd5::new(password).matches(&self.0))
    }

    fn work(&self) -> Work {
        Work {
            scheme: SCHEME,
            cost: [0; 3],
        }
    }

    fn is_slow(&self) -> bool {
        false
    }

    fn credential(&self, need: Need) -> Option<Credential> {
        match need {
            Need::HmacMd5 => Some(Credential::HmacMd5(self.0.clone())),
            Need::Secret | Need::Scram(_) | Need::Token => None,
        }
    }
}
