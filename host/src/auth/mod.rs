//! Who may log in: the trait, its backends, the SASL mechanisms and the brakes on guessing.
//!
//! Knows nothing of the sandbox or of stored mail. Secrets stay here: what leaves is an
//! [`Account`] or a [`Denial`].

use std::future::ready;

use crate::{account::Account, capability::Answer};

use self::{hmac_md5::HmacMd5, secret::Secret};

pub mod attempts;
mod cache;
pub mod challenge;
pub mod directory;
pub mod fixed;
pub mod hasher;
mod hex;
pub mod hmac_md5;
pub mod passwd_file;
pub mod sasl;
pub mod scheme;
pub mod secret;
mod tag;

/// Most octets of a user name (RFC 4616, section 2, allows no more). A longer one is nobody's.
pub const MAX_USER_OCTETS: usize = 255;

/// Most octets of a password. A longer one is wrong: some hashes take a time that grows with the
/// square of the length.
pub const MAX_PASSWORD_OCTETS: usize = 1024;

/// Why there is no account for a claim. The client learns no difference between the first three.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Denial {
    /// There is no such user. Finding that out takes as long as a wrong password does.
    UnknownUser,
    /// The user exists and the proof is wrong.
    WrongProof,
    /// The user may exist, but nothing is stored that this way of logging in could be checked
    /// against: a hash does not give the secret back.
    NoCredential,
    /// The user database's fault; trying again later can help. It has logged the cause.
    Temporary,
    /// The user database's fault; an operator has to act. It has logged the cause.
    Permanent,
}

/// What a way of logging in that never sends the password has to know of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Need {
    /// The secret itself (APOP).
    Secret,
    /// HMAC-MD5 under the secret (CRAM-MD5).
    HmacMd5,
}

/// What a user database gives for a [`Need`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credential {
    /// The secret itself; it satisfies every need.
    Secret(Secret),
    /// The state of HMAC-MD5 under the secret.
    HmacMd5(HmacMd5),
}

impl Credential {
    /// The secret itself, if it is known.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Secret(secret) => Some(secret),
            Self::HmacMd5(_) => None,
        }
    }

    /// HMAC-MD5 under the secret.
    pub fn hmac_md5(&self) -> HmacMd5 {
        match self {
            Self::Secret(secret) => HmacMd5::new(secret.expose()),
            Self::HmacMd5(mac) => mac.clone(),
        }
    }
}

/// A user and what is known of the user's secret.
#[derive(Clone, Debug)]
pub struct Known {
    /// The user.
    pub account: Account,
    /// What the claim is checked against. It never leaves the host.
    pub credential: Credential,
}

/// A database of users. Only [`password`](Self::password) has to be there.
///
/// ```
/// use popcell::{account::Account, auth::{Auth, Denial, secret::Secret}, capability::Answer};
///
/// struct Demo(Secret);
///
/// impl Auth for Demo {
///     fn password<'a>(
///         &'a self,
///         user: &'a [u8],
///         password: &'a [u8],
///     ) -> Answer<'a, Result<Account, Denial>> {
///         let is_right = self.0.matches(password) && user == b"demo";
///         let account = Account { user: "demo".to_owned(), home: None };
///         Box::pin(async move { if is_right { Ok(account) } else { Err(Denial::WrongProof) } })
///     }
/// }
/// ```
pub trait Auth: Send + Sync {
    /// Checks a password, in the same time for users who do not exist.
    ///
    /// Called with 1 to 255 octets of user name and 1 to 1,024 octets of password, as the client
    /// sent them; they need not be text. Delays after a failure are the caller's.
    ///
    /// # Errors
    ///
    /// See [`Denial`].
    fn password<'a>(
        &'a self,
        user: &'a [u8],
        password: &'a [u8],
    ) -> Answer<'a, Result<Account, Denial>>;

    /// What is known of a user's secret, for APOP and for SASL mechanisms that do not send it.
    ///
    /// # Errors
    ///
    /// See [`Denial`]; a database that keeps nothing of the kind need not implement this.
    fn credential<'a>(&'a self, _user: &'a [u8], _need: Need) -> Answer<'a, Result<Known, Denial>> {
        Box::pin(ready(Err(Denial::NoCredential)))
    }

    /// Whether there is a user for whom [`credential`](Self::credential) would satisfy `need`: what
    /// nobody could log in with is not offered.
    fn keeps(&self, _need: Need) -> bool {
        false
    }
}
