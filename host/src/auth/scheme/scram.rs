//! `{SCRAM-SHA-1}` and `{SCRAM-SHA-256}` in Dovecot's form: iterations, salt, StoredKey and
//! ServerKey, the last three in base64, with commas between them.
//!
//! Good for SCRAM and, at the price of a derivation, for a password.

use std::sync::Arc;

use base64ct::{Base64, Encoding};

use super::{Check, Error, Exhausted, GenerateError, Work, salt};
use crate::auth::scram::{Hash, Keys, MAX_ITERATIONS, MAX_SALT_OCTETS, MIN_ITERATIONS, Stored};

struct Scram(Arc<Stored>);

pub(super) fn parse(hash: Hash, value: &[u8]) -> Result<Box<dyn Check>, Error> {
    let malformed = |reason| Error::Malformed {
        scheme: hash.name(),
        reason,
    };
    let fields = str::from_utf8(value).ok().and_then(fields);
    let (iterations, salt, stored, server) =
        fields.ok_or_else(|| malformed("not of the form iterations,salt,key,key"))?;
    if iterations < MIN_ITERATIONS {
        return Err(malformed("of fewer than 4096 iterations"));
    }
    if iterations > MAX_ITERATIONS {
        return Err(malformed("more expensive than this server allows"));
    }
    if !(1..=MAX_SALT_OCTETS).contains(&salt.len()) {
        return Err(malformed("without a salt of 1 to 64 octets"));
    }
    let keys = Keys::from_stored(hash, stored, server);
    Ok(Box::new(Scram(Arc::new(Stored {
        hash,
        iterations,
        salt: salt.into(),
        keys: keys.ok_or_else(|| malformed("cut off or too long"))?,
    }))))
}

type Fields = (u32, Vec<u8>, Vec<u8>, Vec<u8>);

fn fields(text: &str) -> Option<Fields> {
    let mut fields = text.split(',');
    let iterations = fields.next()?.parse().ok()?;
    let mut octets = || Base64::decode_vec(fields.next()?).ok();
    let (salt, stored, server) = (octets()?, octets()?, octets()?);
    let is_all = fields.next().is_none();
    is_all.then_some((iterations, salt, stored, server))
}

/// With [`MIN_ITERATIONS`], as a client computes them too, and may be a telephone.
pub(super) fn generate(hash: Hash, password: &[u8]) -> Result<String, GenerateError> {
    let salt = salt(hash.name())?;
    let keys = Keys::derive(hash, password, &salt, MIN_ITERATIONS);
    let (stored, server) = keys.to_stored();
    Ok(format!(
        "{{{}}}{MIN_ITERATIONS},{},{},{}",
        hash.name(),
        Base64::encode_string(&salt),
        Base64::encode_string(stored),
        Base64::encode_string(server),
    ))
}

impl Check for Scram {
    fn verify(&self, password: &[u8]) -> Result<bool, Exhausted> {
        let Stored {
            hash,
            iterations,
            salt,
            keys,
        } = &*self.0;
        Ok(Keys::derive(*hash, password, salt, *iterations).matches(keys))
    }

    fn work(&self) -> Work {
        Work {
            scheme: self.0.hash.name(),
            cost: [self.0.iterations, 0, 0],
        }
    }

    fn scram(&self, hash: Hash) -> Option<Arc<Stored>> {
        (self.0.hash == hash).then(|| Arc::clone(&self.0))
    }
}
