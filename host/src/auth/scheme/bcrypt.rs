//! `$2y$` (`{BLF-CRYPT}`) and its twins `$2a$` and `$2b$`: bcrypt.
//!
//! Looks at the first 72 octets of a password, as every bcrypt does. `$2x$`, made by a faulty
//! implementation, is not read.

use bcrypt::{BcryptError, HashParts, Version};

use super::{Check, Error, Exhausted, GenerateError, Work};

const SCHEME: &str = "BLF-CRYPT";

/// Above this one check takes longer than a few seconds.
const MAX_COST: u32 = 16;
const MIN_COST: u32 = 4;
/// What new values get: the least that OWASP recommends.
const COST: u32 = 10;
const MAX_PASSWORD_OCTETS: usize = 71;

struct Bcrypt {
    text: String,
    cost: u32,
}

pub(super) fn parse(text: &str) -> Result<Box<dyn Check>, Error> {
    let malformed = |reason| Error::Malformed {
        scheme: SCHEME,
        reason,
    };
    let parts: HashParts = text
        .parse()
        .map_err(|_| malformed("not 60 characters of the form $2y$05$"))?;
    let cost = parts.get_cost();
    if cost > MAX_COST {
        return Err(malformed("more expensive than this server allows"));
    }
    if cost < MIN_COST {
        return Err(malformed("of impossible cost"));
    }
    Ok(Box::new(Bcrypt {
        text: text.to_owned(),
        cost,
    }))
}

pub(super) fn generate(password: &[u8]) -> Result<String, GenerateError> {
    let parts = bcrypt::non_truncating_hash_with_result(password, COST).map_err(failure)?;
    Ok(format!(
        "{{{SCHEME}}}{}",
        parts.format_for_version(Version::TwoY)
    ))
}

fn failure(cause: BcryptError) -> GenerateError {
    match cause {
        BcryptError::Truncation(_) => GenerateError::TooLong {
            scheme: SCHEME,
            limit: MAX_PASSWORD_OCTETS,
        },
        BcryptError::CostNotAllowed(_) | BcryptError::InvalidHash(_) | BcryptError::Rand(_) => {
            GenerateError::Failed {
                scheme: SCHEME,
                cause: cause.to_string(),
            }
        }
    }
}

impl Check for Bcrypt {
    fn verify(&self, password: &[u8]) -> Result<bool, Exhausted> {
        Ok(bcrypt::verify(password, &self.text).unwrap_or(false))
    }

    fn work(&self) -> Work {
        Work {
            scheme: SCHEME,
            cost: [self.cost, 0, 0],
        }
    }
}
