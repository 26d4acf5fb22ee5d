//! Tokens that only their issuer can read: it is asked (RFC 7662), and its answer kept for a while.
//!
//! Kept are keyed tags of good tokens, never tokens; bad ones are asked about every time, which the
//! brakes on guessing bound.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value};
use tokio::time::Instant;
use tracing::error;

use super::{
    Reason, TokenCheck, TokenError,
    fetch::{Authorization, Fetch, FetchError},
    jwt::user,
};
use crate::{
    auth::{cache::Cache, secret::Secret, tag::Tagger},
    capability::Answer,
};

/// Whom to ask, and what the answer has to say.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the issuer answers.
    pub url: String,
    /// How this server says who it is.
    pub authorization: Authorization,
    /// Who may have issued the token (`iss`), if the answer is to say so.
    pub issuer: Option<String>,
    /// What the token must be meant for (`aud`), if the answer is to say so.
    pub audience: Option<String>,
    /// The member that names the user, as the user database does.
    pub user: String,
    /// How long an answer is kept, and so how late a revocation may show. Zero: not at all.
    pub remember: Duration,
    /// How many answers are kept.
    pub remembered: NonZeroUsize,
}

impl Options {
    /// The user is `username`; answers are kept for a minute, 16,384 of them.
    pub fn new(url: impl Into<String>, authorization: Authorization) -> Self {
        Self {
            url: url.into(),
            authorization,
            issuer: None,
            audience: None,
            user: "username".to_owned(),
            remember: Duration::from_secs(60),
            remembered: const { NonZeroUsize::new(16_384).expect("not zero") },
        }
    }
}

/// Checks tokens by asking their issuer.
pub struct Introspection {
    options: Options,
    fetch: Arc<dyn Fetch>,
    tagger: Tagger,
    cache: Mutex<Cache<Active>>,
}

/// A token that the issuer called good.
#[derive(Clone)]
struct Active {
    user: String,
    expires: Option<Duration>,
}

impl Introspection {
    /// Asks through this client.
    ///
    /// # Errors
    ///
    /// If the system's random source fails: there is no key to tag tokens with.
    pub fn new(options: Options, fetch: Arc<dyn Fetch>) -> Result<Self, getrandom::Error> {
        Ok(Self {
            tagger: Tagger::random()?,
            cache: Mutex::new(Cache::new(options.remember, options.remembered)),
            options,
            fetch,
        })
    }

    async fn user(&self, token: &[u8]) -> Result<String, TokenError> {
        let tag = self.tagger.tag(&[token]);
        let known = self.with_cache(|cache, now| cache.get(&tag, now).cloned());
        let active = match known {
            Some(active) => active,
            None => {
                let active = self.ask(token).await?;
                self.with_cache(|cache, now| cache.insert(tag, active.clone(), now));
                active
            }
        };
        if active.expires.is_some_and(|end| end <= since_epoch()) {
            return Err(TokenError::Invalid(Reason::Expired));
        }
        Ok(active.user)
    }

    async fn ask(&self, token: &[u8]) -> Result<Active, TokenError> {
        let (token, hint) = (
            Secret::from(token),
            Secret::from(b"access_token".as_slice()),
        );
        let form = [("token", &token), ("token_type_hint", &hint)];
        let Options {
            url, authorization, ..
        } = &self.options;
        let body = self.fetch.post(url, authorization, &form).await;
        let body = body.map_err(|cause| {
            error!(url, %cause, "token cannot be asked about");
            match cause {
                // The issuer does not take this server for one that may ask.
                FetchError::Status(400..=404) => TokenError::Permanent,
                FetchError::Status(_) | FetchError::TooLong | FetchError::Unreachable(_) => {
                    TokenError::Temporary
                }
            }
        })?;
        let answer = serde_json::from_slice(&body).map_err(|cause| {
            error!(url, %cause, "answer about a token cannot be read");
            TokenError::Temporary
        })?;
        self.read(&answer).map_err(|error| match error {
            Fault::Token(reason) => TokenError::Invalid(reason),
            Fault::NoUser(error) => error,
        })
    }

    fn read(&self, answer: &Map<String, Value>) -> Result<Active, Fault> {
        let Options {
            issuer, audience, ..
        } = &self.options;
        if answer.get("active") != Some(&Value::Bool(true)) {
            return Err(Fault::Token(Reason::NotActive));
        }
        if let Some(issuer) = issuer
            && answer.get("iss").and_then(Value::as_str) != Some(issuer)
        {
            return Err(Fault::Token(Reason::Issuer));
        }
        if let Some(audience) = audience
            && !answer
                .get("aud")
                .is_some_and(|found| names(found, audience))
        {
            return Err(Fault::Token(Reason::Audience));
        }
        let time = |member| match answer.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => seconds(value)
                .map(Some)
                .ok_or(Fault::Token(Reason::Malformed)),
        };
        if time("nbf")?.is_some_and(|start| start > since_epoch()) {
            return Err(Fault::Token(Reason::NotYet));
        }
        Ok(Active {
            user: user(answer, &self.options.user).map_err(Fault::NoUser)?,
            expires: time("exp")?,
        })
    }

    fn with_cache<T>(&self, use_it: impl FnOnce(&mut Cache<Active>, Instant) -> T) -> T {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        use_it(&mut cache, Instant::now())
    }
}

enum Fault {
    Token(Reason),
    NoUser(TokenError),
}

/// Whether an audience, one or several, names this one.
fn names(found: &Value, audience: &str) -> bool {
    match found {
        Value::String(text) => text == audience,
        Value::Array(several) => several.iter().any(|one| one.as_str() == Some(audience)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

fn seconds(value: &Value) -> Option<Duration> {
    let seconds = value.as_u64().map(Duration::from_secs);
    seconds.or_else(|| Duration::try_from_secs_f64(value.as_f64()?).ok())
}

fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

impl TokenCheck for Introspection {
    fn check<'a>(&'a self, token: &'a [u8]) -> Answer<'a, Result<String, TokenError>> {
        Box::pin(self.user(token))
    }
}

impl fmt::Debug for Introspection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Introspection")
            .field("options", &self.options)
            .finish()
    }
}

#[cfg(test)]
mod tests;
