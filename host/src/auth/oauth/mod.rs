//! Bearer tokens (RFC 6750): who issued them, to whom, and whether they still hold.
//!
//! Knows no SASL, which only carries them, and no passwords.

use std::{fmt, sync::Arc};

use tracing::info;

use super::{
    Auth, Credential, Denial, Everybody, Known, Need,
    policy::{Extremes, Policy},
};
use crate::{account::Account, capability::Answer};

pub mod fetch;
pub mod http;
pub mod introspection;
pub mod jwks;
pub mod jwt;

/// Why a token gives no user.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenError {
    /// The token is not good. Why, is for the log.
    Invalid(Reason),
    /// Who knows about tokens does not answer; later may help. The cause was logged.
    Temporary,
    /// Not the client's fault; an operator has to act. The cause was logged.
    Permanent,
}

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// It is no token of this kind at all.
    #[error("not a token of this kind")]
    Malformed,
    /// It demands something of its reader that this one does not know.
    #[error("critical extension in the header")]
    Critical,
    /// It is signed in a way that is not allowed, or not at all.
    #[error("algorithm not allowed")]
    Algorithm,
    /// It is signed with a key that is not among the issuer's.
    #[error("unknown key")]
    UnknownKey,
    /// The signature is wrong.
    #[error("wrong signature")]
    Signature,
    /// It does not hold any more.
    #[error("expired")]
    Expired,
    /// It does not hold yet.
    #[error("not valid yet")]
    NotYet,
    /// It was issued by somebody else.
    #[error("wrong issuer")]
    Issuer,
    /// It was issued for something else.
    #[error("wrong audience")]
    Audience,
    /// The issuer does not know it, or has revoked it.
    #[error("not active")]
    NotActive,
    /// It does not say whom it was issued to.
    #[error("no user in it")]
    NoUser,
}

/// Who knows about tokens.
pub trait TokenCheck: Send + Sync {
    /// The user whom this token was issued to, in the words of the user database.
    ///
    /// # Errors
    ///
    /// See [`TokenError`].
    fn check<'a>(&'a self, token: &'a [u8]) -> Answer<'a, Result<String, TokenError>>;
}

/// A user database whose users can log in with tokens too.
pub struct WithTokens {
    users: Arc<dyn Auth>,
    tokens: Arc<dyn TokenCheck>,
}

impl WithTokens {
    /// Tokens prove, and `users` says who exists. It has to find users without a proof
    /// ([`Auth::account`]).
    pub fn new(users: Arc<dyn Auth>, tokens: Arc<dyn TokenCheck>) -> Self {
        Self { users, tokens }
    }

    async fn token(&self, claimed: Option<&[u8]>, token: &[u8]) -> Result<Account, Denial> {
        let user = self
            .tokens
            .check(token)
            .await
            .map_err(|error| match error {
                TokenError::Invalid(reason) => {
                    info!(%reason, "token refused");
                    Denial::WrongProof
                }
                TokenError::Temporary => Denial::Temporary,
                TokenError::Permanent => Denial::Permanent,
            })?;
        if claimed.is_some_and(|claimed| claimed != user.as_bytes()) {
            info!("token refused: it belongs to another user");
            return Err(Denial::WrongProof);
        }
        self.users.account(user.as_bytes()).await
    }
}

impl fmt::Debug for WithTokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WithTokens(..)")
    }
}

impl Auth for WithTokens {
    fn password<'a>(
        &'a self,
        user: &'a [u8],
        password: &'a [u8],
    ) -> Answer<'a, Result<Account, Denial>> {
        self.users.password(user, password)
    }

    fn credential<'a>(&'a self, user: &'a [u8], need: Need) -> Answer<'a, Result<Known, Denial>> {
        self.users.credential(user, need)
    }

    fn decoy(&self, user: &[u8], need: Need) -> Option<Credential> {
        self.users.decoy(user, need)
    }

    fn account<'a>(&'a self, user: &'a [u8]) -> Answer<'a, Result<Account, Denial>> {
        self.users.account(user)
    }

    fn token<'a>(
        &'a self,
        user: Option<&'a [u8]>,
        token: &'a [u8],
    ) -> Answer<'a, Result<Account, Denial>> {
        Box::pin(self.token(user, token))
    }

    fn policy<'a>(&'a self, user: &'a [u8]) -> Answer<'a, Result<Policy, Denial>> {
        self.users.policy(user)
    }

    fn extremes(&self) -> Extremes {
        self.users.extremes()
    }

    fn everybody(&self) -> Option<Everybody<'_>> {
        self.users.everybody()
    }

    fn keeps(&self, need: Need) -> bool {
        need == Need::Token || self.users.keeps(need)
    }
}

#[cfg(test)]
mod tests;
