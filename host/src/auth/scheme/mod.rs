//! Stored passwords: `{SCHEME}value`, as Dovecot writes them, and how each is checked and made.
//!
//! One file a family; `table` has the names. Computes and does nothing else: threads, caches and
//! files are not known here.

use std::{fmt, sync::Arc};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{
    Credential, Need,
    scram::{Hash, Material, Stored},
};

use self::table::SCHEMES;

mod argon2;
mod bcrypt;
mod cram_md5;
mod crypt;
mod digest;
mod pbkdf2;
mod plain;
mod scram;
mod sha_crypt;
mod table;
mod traditional;
mod yescrypt;

/// The scheme to use where there is no reason for another.
pub const DEFAULT: &str = "ARGON2ID";

/// A stored password that cannot be used. The operator's to mend; holds nothing secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// There is no password at all, or an empty one.
    #[error("no password")]
    Empty,
    /// The `{...}` in front names no scheme of ours.
    #[error("unknown password scheme {{{0}}}")]
    UnknownScheme(String),
    /// The part behind the dot in `{SCHEME.encoding}` is neither `b64`, `base64` nor `hex`.
    #[error("unknown password encoding {{{0}}}")]
    UnknownEncoding(String),
    /// There is a `$id$` in front that names no format of ours, or none at all.
    #[error("unknown crypt format{0}")]
    UnknownFormat(String),
    /// The value is not what the scheme demands.
    #[error("{{{scheme}}} password is {reason}")]
    Malformed {
        /// The scheme, as this server calls it.
        scheme: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Why no stored form was made of a password.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum GenerateError {
    /// The scheme does not exist, or its stored form is not made here.
    #[error("cannot make a password of scheme {0:?}")]
    UnknownScheme(String),
    /// An empty password protects nothing.
    #[error("empty password")]
    Empty,
    /// The scheme would ignore the end of the password.
    #[error("password is longer than the {limit} octets that {scheme} looks at")]
    TooLong {
        /// The scheme.
        scheme: &'static str,
        /// Most octets of a password.
        limit: usize,
    },
    /// The system gave no random octets, or not the memory that the scheme needs.
    #[error("{scheme} failed: {cause}")]
    Failed {
        /// The scheme.
        scheme: &'static str,
        /// What failed.
        cause: String,
    },
}

/// A check came to no answer: the memory that the hash needs was not there.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not enough memory to check a password")]
pub struct Exhausted;

/// What a check costs: equal for two stored passwords that take the same time.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Work {
    /// The scheme or format.
    pub scheme: &'static str,
    /// Its cost parameters, in its own order; 0 where it has none.
    pub cost: [u32; 3],
}

/// One stored password, ready to check claims against.
trait Check: Send + Sync {
    /// Whether this is the password.
    fn verify(&self, password: &[u8]) -> Result<bool, Exhausted>;

    /// What that costs.
    fn work(&self) -> Work;

    /// Whether that takes so long that it must not hold up a task.
    fn is_slow(&self) -> bool {
        true
    }

    /// What is known of the secret itself.
    fn credential(&self, _need: Need) -> Option<Credential> {
        None
    }

    /// Salt and keys of SCRAM, if that is what is stored.
    fn scram(&self, _hash: Hash) -> Option<Arc<Stored>> {
        None
    }
}

/// A password as the user database keeps it. Cheap to clone; prints its cost and nothing else.
#[derive(Clone)]
pub struct StoredPassword {
    check: Arc<dyn Check>,
    /// Changes with the stored text, so that what was proven for an old one is not proven for it.
    identity: Zeroizing<[u8; 32]>,
}

impl StoredPassword {
    /// Takes `{SCHEME}value`, `{SCHEME.b64}value` or `{SCHEME.hex}value`; without a scheme the
    /// value is one of crypt(3).
    ///
    /// # Errors
    ///
    /// See [`Error`]: the operator has to act.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let (scheme, value) = table::split(text)?;
        if value.is_empty() {
            return Err(Error::Empty);
        }
        let check = scheme.parse(&value)?;
        let identity = Zeroizing::new(Sha256::digest(text).into());
        Ok(Self {
            check: check.into(),
            identity,
        })
    }

    /// Whether this is the password. Takes up to some seconds of a core if [`Self::is_slow`] says
    /// so; of those who wait, only a [`Hasher`](super::hasher::Hasher) should call it then.
    ///
    /// # Errors
    ///
    /// [`Exhausted`]: nobody's fault but the machine's.
    pub fn verify(&self, password: &[u8]) -> Result<bool, Exhausted> {
        self.check.verify(password)
    }

    /// What [`verify`](Self::verify) costs.
    pub fn work(&self) -> Work {
        self.check.work()
    }

    /// Whether [`verify`](Self::verify) takes longer than a task may hold its thread.
    pub fn is_slow(&self) -> bool {
        self.check.is_slow()
    }

    /// What is known of the secret itself, if it is enough for `need`.
    pub fn credential(&self, need: Need) -> Option<Credential> {
        self.check.credential(need)
    }

    /// Whether anything is known of the secret that is enough for `need`.
    pub fn keeps(&self, need: Need) -> bool {
        match need {
            Need::Secret | Need::HmacMd5 => self.credential(need).is_some(),
            Need::Scram(hash) => self.scram(hash).is_some(),
            Need::Token => false,
        }
    }

    /// What SCRAM can be done with.
    pub(super) fn scram(&self, hash: Hash) -> Option<Material> {
        match self.check.scram(hash) {
            Some(stored) => Some(Material::Stored(stored)),
            None => match self.check.credential(Need::Secret)? {
                Credential::Secret(secret) => Some(Material::Secret(secret)),
                Credential::HmacMd5(_) | Credential::Scram(_) => None,
            },
        }
    }

    /// A digest of the stored text.
    pub(super) fn identity(&self) -> &[u8; 32] {
        &self.identity
    }
}

impl fmt::Debug for StoredPassword {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("StoredPassword")
            .field(&self.work())
            .finish()
    }
}

/// Makes `{SCHEME}value` of a password, with a new salt and this server's cost parameters. The name
/// may be in either case.
///
/// # Errors
///
/// See [`GenerateError`].
pub fn generate(scheme: &str, password: &[u8]) -> Result<String, GenerateError> {
    let generate = table::find(scheme)
        .and_then(|row| row.generate)
        .ok_or_else(|| GenerateError::UnknownScheme(scheme.to_owned()))?;
    if password.is_empty() {
        return Err(GenerateError::Empty);
    }
    generate(password)
}

/// The names of the schemes that [`generate`] knows, best first.
pub fn generators() -> impl Iterator<Item = &'static str> {
    SCHEMES
        .iter()
        .filter(|row| row.generate.is_some())
        .map(|row| row.names[0])
}

/// Sixteen random octets for a salt.
fn salt(scheme: &'static str) -> Result<[u8; 16], GenerateError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|cause| GenerateError::Failed {
        scheme,
        cause: cause.to_string(),
    })?;
    Ok(salt)
}

#[cfg(test)]
mod tests;
