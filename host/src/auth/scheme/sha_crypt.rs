//! `$5$` (`{SHA256-CRYPT}`) and `$6$` (`{SHA512-CRYPT}`).
//!
//! What the C library would bend into shape, such as too few rounds, is refused instead.

use sha_crypt::{Params, PasswordHash, PasswordHasher, PasswordVerifier, ShaCrypt};

use super::{Check, Error, Exhausted, GenerateError, Work, salt};

const SHA512: &str = "SHA512-CRYPT";
const SHA256: &str = "SHA256-CRYPT";

/// Above this one check of the longest password takes longer than a few seconds.
const MAX_ROUNDS: u32 = 1_000_000;
/// Octets of a salt that come to the sixteen characters which the scheme looks at.
const SALT_OCTETS: usize = 12;

struct ShaCryptHash {
    hash: PasswordHash,
    work: Work,
}

pub(super) fn parse(text: &str) -> Result<Box<dyn Check>, Error> {
    let (scheme, digits) = if text.starts_with("$5$") {
        (SHA256, 43)
    } else {
        (SHA512, 86)
    };
    let malformed = |reason| Error::Malformed { scheme, reason };
    let hash = PasswordHash::new(text).map_err(|_| malformed("not of the form $6$salt$hash"))?;
    let rounds = rounds(&hash).ok_or_else(|| malformed("of impossible rounds"))?;
    if rounds > MAX_ROUNDS {
        return Err(malformed("more expensive than this server allows"));
    }
    if text.rsplit('$').next().map(str::len) != Some(digits) || !has_all_fields(&hash) {
        return Err(malformed("cut off or too long"));
    }
    Ok(Box::new(ShaCryptHash {
        hash,
        work: Work {
            scheme,
            cost: [rounds, 0, 0],
        },
    }))
}

pub(super) fn generate(password: &[u8]) -> Result<String, GenerateError> {
    let hash = ShaCrypt::SHA512
        .hash_password_with_salt(password, &salt(SHA512)?[..SALT_OCTETS])
        .map_err(|cause| GenerateError::Failed {
            scheme: SHA512,
            cause: cause.to_string(),
        })?;
    Ok(format!("{{{SHA512}}}{hash}"))
}

/// The rounds, or `None` if there is a field for them that says nonsense.
fn rounds(hash: &PasswordHash) -> Option<u32> {
    let first = hash.fields().next()?;
    match first.as_str().strip_prefix("rounds=") {
        None => Some(Params::RECOMMENDED_ROUNDS),
        Some(digits) => {
            let rounds = digits.parse().ok()?;
            Params::new(rounds).ok().map(|_| rounds)
        }
    }
}

fn has_all_fields(hash: &PasswordHash) -> bool {
    let is_rounds = |text: &str| text.starts_with("rounds=");
    hash.fields()
        .filter(|field| !is_rounds(field.as_str()))
        .count()
        == 2
}

impl Check for ShaCryptHash {
    fn verify(&self, password: &[u8]) -> Result<bool, Exhausted> {
        Ok(ShaCrypt::default()
            .verify_password(password, &self.hash)
            .is_ok())
    }

    fn work(&self) -> Work {
        self.work
    }
}
