//! `{PBKDF2}` in Dovecot's form: `$1$salt$rounds$` and 40 hexadecimal digits of PBKDF2 with
//! HMAC-SHA-1.
//!
//! Not made here: SHA-1 and a default of 5000 rounds are no choice for a new password.

use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use subtle::ConstantTimeEq;

use super::{Check, Error, Exhausted, Work};
use crate::auth::hex;

const SCHEME: &str = "PBKDF2";

/// Above this one check takes longer than a second or so.
const MAX_ROUNDS: u32 = 1_000_000;
const KEY_OCTETS: usize = 20;

struct Pbkdf2 {
    salt: Box<str>,
    rounds: u32,
    key: [u8; KEY_OCTETS],
}

pub(super) fn parse(value: &[u8]) -> Result<Box<dyn Check>, Error> {
    let malformed = |reason| Error::Malformed {
        scheme: SCHEME,
        reason,
    };
    let text = str::from_utf8(value).ok();
    let mut fields = text
        .and_then(|text| text.strip_prefix("$1$"))
        .into_iter()
        .flat_map(|text| text.split('$'));
    let (Some(salt), Some(rounds), Some(key), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(malformed("not of the form $1$salt$rounds$hash"));
    };
    let key = hex::decode(key.as_bytes()).and_then(|key| key.try_into().ok());
    let rounds = rounds.parse().unwrap_or_default();
    if rounds > MAX_ROUNDS {
        return Err(malformed("more expensive than this server allows"));
    }
    if rounds == 0 {
        return Err(malformed("of impossible rounds"));
    }
    Ok(Box::new(Pbkdf2 {
        salt: salt.into(),
        rounds,
        key: key.ok_or_else(|| malformed("not of the form $1$salt$rounds$hash"))?,
    }))
}

impl Check for Pbkdf2 {
    fn verify(&self, password: &[u8]) -> Result<bool, Exhausted> {
        let mut key = [0; KEY_OCTETS];
        pbkdf2_hmac::<Sha1>(password, self.salt.as_bytes(), self.rounds, &mut key);
        Ok(key.ct_eq(&self.key).into())
    }

    fn work(&self) -> Work {
        Work {
            scheme: SCHEME,
            cost: [self.rounds, 0, 0],
        }
    }
}
