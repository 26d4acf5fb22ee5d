//! Tokens that prove themselves: JSON Web Tokens (RFC 7519, RFC 9068), signed by the issuer.
//!
//! Asks nobody: a token that was revoked holds until it expires.

use std::{fmt, time::Duration};

use jsonwebtoken::{
    Algorithm, Validation, decode, decode_header,
    errors::{Error as JwtError, ErrorKind},
};
use serde_json::{Map, Value};

use super::{Reason, TokenCheck, TokenError, jwks::KeySource};
use crate::capability::Answer;

/// The algorithms that are allowed: signatures with a key that the issuer alone has.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// Clocks that differ by more than this are broken.
pub const MAX_LEEWAY: Duration = Duration::from_secs(3600);

/// What a token has to say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// Who may have issued it (`iss`): one of these.
    pub issuers: Vec<String>,
    /// What it must be meant for (`aud`): one of these.
    pub audiences: Vec<String>,
    /// The claim that names the user, as the user database does.
    pub user: String,
    /// How far the clocks of issuer and server may differ: an hour at most.
    pub leeway: Duration,
}

impl Claims {
    /// One issuer and one audience; the user is `sub`, clocks differ by a minute at most.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuers: vec![issuer.into()],
            audiences: vec![audience.into()],
            user: "sub".to_owned(),
            leeway: Duration::from_secs(60),
        }
    }
}

/// Checks tokens against an issuer's keys.
pub struct JwtCheck {
    keys: KeySource,
    claims: Claims,
}

impl JwtCheck {
    /// Tokens that are signed with one of `keys` and say what `claims` demands.
    pub fn new(keys: KeySource, claims: Claims) -> Self {
        Self { keys, claims }
    }

    async fn user(&self, token: &[u8]) -> Result<String, TokenError> {
        let header = decode_header(token).map_err(|error| invalid(&error))?;
        // RFC 7515 §4.1.11: an extension that must be understood, and none is. Keys that come with
        // the token, or that it says where to fetch, are not looked at.
        if header.crit.is_some() {
            return Err(TokenError::Invalid(Reason::Critical));
        }
        if !ALGORITHMS.contains(&header.alg) {
            return Err(TokenError::Invalid(Reason::Algorithm));
        }
        let key = self.keys.find(header.kid.as_deref(), header.alg).await;
        let key = key
            .map_err(|_| TokenError::Temporary)?
            .ok_or(TokenError::Invalid(Reason::UnknownKey))?;
        let validation = self.validation(key.algorithm);
        let decoded = decode::<Map<String, Value>>(token, &key.key, &validation);
        let claims = decoded.map_err(|error| invalid(&error))?.claims;
        user(&claims, &self.claims.user)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = self.claims.leeway.min(MAX_LEEWAY).as_secs();
        validation.validate_nbf = true;
        validation.set_issuer(&self.claims.issuers);
        validation.set_audience(&self.claims.audiences);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation
    }
}

/// The user in a claim: text, and not an empty one.
pub(super) fn user(claims: &Map<String, Value>, claim: &str) -> Result<String, TokenError> {
    let user = claims.get(claim).and_then(Value::as_str);
    let user = user.filter(|user| !user.is_empty());
    user.map(str::to_owned)
        .ok_or(TokenError::Invalid(Reason::NoUser))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enum is open")]
fn invalid(error: &JwtError) -> TokenError {
    TokenError::Invalid(match error.kind() {
        ErrorKind::InvalidAlgorithm
        | ErrorKind::InvalidAlgorithmName
        | ErrorKind::UnsupportedAlgorithm => Reason::Algorithm,
        ErrorKind::InvalidSignature => Reason::Signature,
        ErrorKind::ExpiredSignature => Reason::Expired,
        ErrorKind::ImmatureSignature => Reason::NotYet,
        ErrorKind::InvalidIssuer => Reason::Issuer,
        ErrorKind::InvalidAudience => Reason::Audience,
        ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => Reason::Issuer,
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => Reason::Audience,
        _ => Reason::Malformed,
    })
}

impl TokenCheck for JwtCheck {
    fn check<'a>(&'a self, token: &'a [u8]) -> Answer<'a, Result<String, TokenError>> {
        Box::pin(self.user(token))
    }
}

impl fmt::Debug for JwtCheck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("JwtCheck")
            .field("keys", &self.keys)
            .field("claims", &self.claims)
            .finish()
    }
}

#[cfg(test)]
mod tests;
