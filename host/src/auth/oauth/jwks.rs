//! The keys of an issuer (RFC 7517): from a file, or from a URL and kept for a while.
//!
//! Only public keys for the algorithms that are allowed come in. A key's name is what it is found
//! by, and is used for nothing else.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex as Lock, MutexGuard, PoisonError},
    time::Duration,
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde_json::{Map, Value};
use tokio::{sync::Mutex, time::Instant};
use tracing::{debug, error, warn};

use super::fetch::Fetch;
use crate::auth::watched::{Watched, read_all};

/// More keys than this are no key set.
const MAX_KEYS: usize = 64;

/// An unknown key makes the set be fetched again, but not more often than this.
const LEAST_AGE: Duration = Duration::from_secs(60);

/// After a failure nobody asks again for so long.
const RETRY: Duration = Duration::from_secs(10);

/// The keys cannot be had. The cause was logged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Unavailable;

/// The key set cannot be read. The operator's to mend.
#[derive(Debug, thiserror::Error)]
#[error("key set {}: {source}", path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// What the system says, or the parser.
    pub source: io::Error,
}

/// Where keys come from.
pub struct KeySource(Source);

enum Source {
    File(Arc<Watched<KeySet>>),
    Url(Fetched),
}

/// The keys of an issuer, as they were read.
#[derive(Debug, Default)]
pub(super) struct KeySet(Vec<Key>);

/// One key, and the one algorithm that it is for.
#[derive(Clone)]
pub(super) struct Key {
    name: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

impl KeySource {
    /// The keys of a file, which is read again when it changes. Blocks.
    ///
    /// # Errors
    ///
    /// If it cannot be read or is no key set. If that happens later on, tokens cannot be checked
    /// until it can be read again.
    pub fn file(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        match Watched::open(path.clone(), parse_file) {
            Ok(watched) => Ok(Self(Source::File(Arc::new(watched)))),
            Err(source) => Err(Error { path, source }),
        }
    }

    /// The keys at a URL, which are fetched when they are needed first and again after `lifetime`,
    /// or, at most once a minute, when a token names a key that is not among them. If that fails,
    /// old keys are good for as long again.
    pub fn url(url: impl Into<String>, lifetime: Duration, fetch: Arc<dyn Fetch>) -> Self {
        Self(Source::Url(Fetched {
            url: url.into(),
            lifetime,
            fetch,
            state: Lock::default(),
            fetching: Mutex::default(),
        }))
    }

    /// The key of this name; if a token names none, the only one for its algorithm.
    pub(super) async fn find(
        &self,
        name: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Option<Key>, Unavailable> {
        match &self.0 {
            Source::File(watched) => {
                let keys = watched.current().await.map_err(|_| Unavailable)?;
                Ok(keys.find(name, algorithm).cloned())
            }
            Source::Url(fetched) => fetched.find(name, algorithm).await,
        }
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = formatter.debug_tuple("KeySource");
        match &self.0 {
            Source::File(watched) => tuple.field(&watched.path()),
            Source::Url(fetched) => tuple.field(&fetched.url),
        };
        tuple.finish()
    }
}

impl KeySet {
    /// Reads a key set. Keys that are of no use here are skipped.
    fn parse(octets: &[u8]) -> Result<Self, serde_json::Error> {
        let mut document: Map<String, Value> = serde_json::from_slice(octets)?;
        let keys = document.remove("keys").unwrap_or_default();
        let keys: Vec<Value> = serde_json::from_value(keys)?;
        if keys.len() > MAX_KEYS {
            warn!(
                keys = keys.len(),
                "key set has more keys than are looked at"
            );
        }
        let keys = keys.into_iter().take(MAX_KEYS);
        Ok(Self(keys.filter_map(Key::read).collect()))
    }

    fn find(&self, name: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        let mut keys = self.0.iter().filter(|key| key.algorithm == algorithm);
        match name {
            Some(name) => keys.find(|key| key.name.as_deref() == Some(name)),
            None => keys.next().filter(|_| keys.next().is_none()),
        }
    }
}

impl Key {
    fn read(value: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let algorithm = algorithm(&jwk.algorithm)?;
        let common = &jwk.common;
        let is_for_signatures =
            matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
        let is_for_this = common
            .key_algorithm
            .is_none_or(|named| named == KeyAlgorithm::from(algorithm));
        if !(is_for_signatures && is_for_this) {
            debug!("key set has a key that is not for signatures of tokens");
            return None;
        }
        Some(Self {
            name: common.key_id.clone(),
            algorithm,
            key: DecodingKey::from_jwk(&jwk).ok()?,
        })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = formatter.debug_tuple("Key");
        tuple.field(&self.name).field(&self.algorithm).finish()
    }
}

/// The one algorithm that is allowed with a key of this kind.
#[expect(clippy::wildcard_enum_match_arm, reason = "the enum is open")]
fn algorithm(parameters: &AlgorithmParameters) -> Option<Algorithm> {
    match parameters {
        AlgorithmParameters::RSA(_) => Some(Algorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            Some(Algorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            Some(Algorithm::EdDSA)
        }
        _ => None,
    }
}

/// How many keys of a file are of use here. Blocks; for a check of the configuration.
///
/// # Errors
///
/// If it cannot be read or is no key set.
pub fn usable_keys(path: &Path) -> Result<usize, Error> {
    let keys = read_all(path).and_then(|octets| Ok(KeySet::parse(&octets)?));
    let keys = keys.map_err(|source| Error {
        path: path.to_owned(),
        source,
    })?;
    Ok(keys.0.len())
}

fn parse_file(path: &Path, octets: &[u8]) -> io::Result<KeySet> {
    let keys = KeySet::parse(octets)?;
    if keys.0.is_empty() {
        warn!(file = %path.display(), "key set has no key for RS256, ES256 or EdDSA");
    }
    Ok(keys)
}

/// Keys from a URL.
struct Fetched {
    url: String,
    lifetime: Duration,
    fetch: Arc<dyn Fetch>,
    state: Lock<State>,
    /// Held by whoever fetches: the others wait, and take what came of it.
    fetching: Mutex<()>,
}

#[derive(Default)]
struct State {
    keys: Option<(Arc<KeySet>, Instant)>,
    failed: Option<Instant>,
}

impl Fetched {
    async fn find(
        &self,
        name: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Option<Key>, Unavailable> {
        let keys = self.refresh(self.lifetime).await?;
        if let Some(key) = keys.find(name, algorithm) {
            return Ok(Some(key.clone()));
        }
        let keys = self.refresh(LEAST_AGE).await?;
        Ok(keys.find(name, algorithm).cloned())
    }

    /// Keys that are younger than `age`: those that are there, else new ones.
    async fn refresh(&self, age: Duration) -> Result<Arc<KeySet>, Unavailable> {
        if let Some(keys) = self.known(age) {
            return Ok(keys);
        }
        let _fetching = self.fetching.lock().await;
        if let Some(keys) = self.known(age) {
            return Ok(keys);
        }
        let failed = self.state().failed;
        let is_paused = failed.is_some_and(|failed| failed.elapsed() < RETRY);
        let fetched = if is_paused { None } else { self.fetch().await };
        if let Some(fetched) = fetched {
            let fetched = Arc::new(fetched);
            *self.state() = State {
                keys: Some((Arc::clone(&fetched), Instant::now())),
                failed: None,
            };
            return Ok(fetched);
        }
        if !is_paused {
            self.state().failed = Some(Instant::now());
        }
        self.known(self.lifetime.saturating_mul(2))
            .ok_or(Unavailable)
    }

    fn known(&self, age: Duration) -> Option<Arc<KeySet>> {
        let state = self.state();
        let (keys, fetched) = state.keys.as_ref()?;
        (fetched.elapsed() < age).then(|| Arc::clone(keys))
    }

    async fn fetch(&self) -> Option<KeySet> {
        let url = &self.url;
        let body = self.fetch.get(url).await;
        let body = body.inspect_err(|cause| error!(url, %cause, "key set cannot be fetched"));
        let keys = KeySet::parse(&body.ok()?);
        keys.inspect_err(|cause| error!(url, %cause, "key set cannot be read"))
            .ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
