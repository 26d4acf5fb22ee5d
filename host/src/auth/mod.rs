//! Who may log in: the trait, its backends, the SASL mechanisms and the brakes on guessing.
//!
//! Knows nothing of the sandbox or of stored mail. Secrets stay here: what leaves is an
//! [`Account`] or a [`Denial`].

use std::future::ready;

use crate::{account::Account, capability::Answer};

use self::{
    hmac_md5::HmacMd5,
    policy::{Extremes, Policy},
    scram::Verifier,
    secret::Secret,
};

pub mod attempts;
mod cache;
pub mod certificate;
pub mod challenge;
pub mod directory;
pub mod fixed;
pub mod hasher;
mod hex;
pub mod hmac_md5;
pub mod oauth;
pub mod passwd_file;
pub mod policy;
mod prep;
pub mod protection;
pub mod sasl;
pub mod scheme;
pub mod scram;
pub mod secret;
mod tag;
mod watched;

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

/// What a way of logging in that never sends the password has to know, of it or instead of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Need {
    /// The secret itself (APOP).
    Secret,
    /// HMAC-MD5 under the secret (CRAM-MD5).
    HmacMd5,
    /// Salt and keys of SCRAM with this hash.
    Scram(scram::Hash),
    /// Who issues bearer tokens. No [`Credential`] stands for it: see [`Auth::token`].
    Token,
}

/// What a user database gives for a [`Need`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credential {
    /// The secret itself, for APOP and CRAM-MD5.
    Secret(Secret),
    /// The state of HMAC-MD5 under the secret.
    HmacMd5(HmacMd5),
    /// Salt and keys of SCRAM. A database that keeps the secret itself has its
    /// [`Hasher`](hasher::Hasher::scram) make them.
    Scram(Verifier),
}

impl Credential {
    /// The secret itself, if it is known.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Secret(secret) => Some(secret),
            Self::HmacMd5(_) | Self::Scram(_) => None,
        }
    }

    /// HMAC-MD5 under the secret, if that much is known.
    pub fn hmac_md5(&self) -> Option<HmacMd5> {
        match self {
            Self::Secret(secret) => Some(HmacMd5::new(secret.expose())),
            Self::HmacMd5(mac) => Some(mac.clone()),
            Self::Scram(_) => None,
        }
    }

    /// Salt and keys of SCRAM, if they are known for this hash.
    pub fn scram(&self, hash: scram::Hash) -> Option<&Verifier> {
        match self {
            Self::Scram(verifier) => Some(verifier).filter(|verifier| verifier.hash() == hash),
            Self::Secret(_) | Self::HmacMd5(_) => None,
        }
    }
}

/// All users of a database, each with what is decided for that user alone.
pub type Everybody<'a> = Answer<'a, Result<Vec<(Account, Policy)>, Denial>>;

/// What [`Auth::password`] comes to: who it is.
pub type Checked<'a> = Answer<'a, Result<Account, Denial>>;

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
/// use popcell::{account::Account, auth::{Auth, Checked, Denial, secret::Secret}};
///
/// struct Demo(Secret);
///
/// impl Auth for Demo {
///     fn password<'a>(&'a self, user: &'a [u8], password: &'a [u8]) -> Checked<'a> {
///         let is_right = self.0.matches(password) && user == b"demo";
///         Box::pin(async move {
///             is_right.then(|| Account::new("demo")).ok_or(Denial::WrongProof)
///         })
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
    fn password<'a>(&'a self, user: &'a [u8], password: &'a [u8]) -> Checked<'a>;

    /// What is known of a user's secret, for APOP and for SASL mechanisms that do not send it.
    ///
    /// # Errors
    ///
    /// See [`Denial`]; a database that keeps nothing of the kind need not implement this.
    fn credential<'a>(&'a self, _user: &'a [u8], _need: Need) -> Answer<'a, Result<Known, Denial>> {
        Box::pin(ready(Err(Denial::NoCredential)))
    }

    /// What [`credential`](Self::credential) could have given for a user whom it has denied as
    /// unknown or without a credential: a client that is shown it must not be able to tell. The same
    /// for the same user every time, and nothing satisfies it.
    ///
    /// Of use for [`Need::Scram`], whose client sees a salt. Without it such users are refused at
    /// once, which tells who exists.
    fn decoy(&self, _user: &[u8], _need: Need) -> Option<Credential> {
        None
    }

    /// A user whom somebody else has proven: TLS by a certificate, an issuer by a token.
    ///
    /// # Errors
    ///
    /// See [`Denial`]; a database that finds users by their passwords alone need not implement
    /// this.
    fn account<'a>(&'a self, _user: &'a [u8]) -> Answer<'a, Result<Account, Denial>> {
        Box::pin(ready(Err(Denial::NoCredential)))
    }

    /// Checks a bearer token (RFC 6750). `user` is who the client says that it is, if it says so.
    ///
    /// # Errors
    ///
    /// See [`Denial`]; [`Denial::WrongProof`] too for a good token of somebody else. A database
    /// that does not [keep](Self::keeps) [`Need::Token`] need not implement this.
    fn token<'a>(
        &'a self,
        _user: Option<&'a [u8]>,
        _token: &'a [u8],
    ) -> Answer<'a, Result<Account, Denial>> {
        Box::pin(ready(Err(Denial::NoCredential)))
    }

    /// What is decided for this user alone, who may be unknown: then what is for everybody.
    ///
    /// # Errors
    ///
    /// [`Denial::Temporary`] and [`Denial::Permanent`].
    fn policy<'a>(&'a self, _user: &'a [u8]) -> Answer<'a, Result<Policy, Denial>> {
        Box::pin(ready(Ok(Policy::default())))
    }

    /// The extremes of all users' policies: what is announced before anybody has logged in.
    fn extremes(&self) -> Extremes {
        Extremes::default()
    }

    /// Everybody who can log in, by name: for jobs that go through all users. `None` from a database
    /// that can not list them.
    fn everybody(&self) -> Option<Everybody<'_>> {
        None
    }

    /// Whether there is a user for whom [`credential`](Self::credential) would satisfy `need`: what
    /// nobody could log in with is not offered.
    fn keeps(&self, _need: Need) -> bool {
        false
    }
}
