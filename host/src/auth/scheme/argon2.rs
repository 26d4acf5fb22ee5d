//! `$argon2id$` and `$argon2i$` (RFC 9106).
//!
//! Needs memory as well as time; both are bounded when the value is read, not when a client waits.

use argon2::{
    Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, password_hash::Error as Failure,
};

use super::{Check, Error, Exhausted, GenerateError, Work, salt};

const SCHEME: &str = "ARGON2ID";

/// Most memory of one check, in KiB: 1 GiB. A few of them at once must not stop the machine.
const MAX_MEMORY: u32 = 1 << 20;
/// Most KiB that one check fills, over all of its passes: some seconds.
const MAX_FILLED: u32 = 1 << 22;
const MAX_LANES: u32 = 64;

struct Argon2Hash {
    /// Read again for every check: what comes of reading is much larger, and there may be a million
    /// of these.
    text: Box<str>,
    work: Work,
}

pub(super) fn parse(text: &str) -> Result<Box<dyn Check>, Error> {
    let malformed = |reason| Error::Malformed {
        scheme: SCHEME,
        reason,
    };
    let hash = PasswordHash::new(text).map_err(|_| malformed("not of the form $argon2id$v=..$"))?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err(malformed("cut off"));
    }
    let params = Params::try_from(&hash).map_err(|_| malformed("of impossible parameters"))?;
    let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    if memory > MAX_MEMORY || lanes > MAX_LANES || memory.saturating_mul(passes) > MAX_FILLED {
        return Err(malformed("more expensive than this server allows"));
    }
    let scheme = if hash.algorithm == argon2::ARGON2ID_IDENT {
        SCHEME
    } else {
        "ARGON2I"
    };
    Ok(Box::new(Argon2Hash {
        text: text.into(),
        work: Work {
            scheme,
            cost: [memory, passes, lanes],
        },
    }))
}

/// 19 MiB, two passes, one lane: what OWASP recommends, and little enough that every core of a
/// small machine can compute one at the same time.
pub(super) fn generate(password: &[u8]) -> Result<String, GenerateError> {
    let hash = Argon2::default()
        .hash_password_with_salt(password, &salt(SCHEME)?)
        .map_err(|cause| GenerateError::Failed {
            scheme: SCHEME,
            cause: cause.to_string(),
        })?;
    Ok(format!("{{{SCHEME}}}{hash}"))
}

impl Check for Argon2Hash {
    fn verify(&self, password: &[u8]) -> Result<bool, Exhausted> {
        match Argon2::default().verify_password(password, &*self.text) {
            Ok(()) => Ok(true),
            Err(Failure::PasswordInvalid) => Ok(false),
            Err(_) => Err(Exhausted),
        }
    }

    fn work(&self) -> Work {
        self.work
    }
}
