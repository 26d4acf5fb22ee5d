//! Proofs checked against a user's keys, and where keys come from that are not stored.
//!
//! Everything that is wrong costs the same: one derivation, for users who exist, whose keys are
//! stored, remembered or neither, and for those who do not exist. Sends nothing.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{sync::Semaphore, task, time::Instant};

use super::{Hash, Keys, MIN_ITERATIONS, SaltKey, Stored};
use crate::auth::{cache::Cache, scheme::Exhausted, secret::Secret, tag::Tagger};

/// What a user database knows of a user, for SCRAM.
#[derive(Clone, Debug)]
pub(in crate::auth) enum Material {
    /// The password; salt and keys are derived.
    Secret(Secret),
    /// Salt and keys.
    Stored(Arc<Stored>),
}

/// What a client sees of a user's keys: users who do not exist must have it too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::auth) struct Shape {
    pub(in crate::auth) salt_octets: usize,
    pub(in crate::auth) iterations: u32,
}

impl Default for Shape {
    /// That of keys which are derived here, and of those that Dovecot makes.
    fn default() -> Self {
        Self {
            salt_octets: 16,
            iterations: MIN_ITERATIONS,
        }
    }
}

impl Material {
    pub(in crate::auth) fn shape(&self) -> Shape {
        match self {
            Self::Secret(_) => Shape::default(),
            Self::Stored(stored) => Shape {
                salt_octets: stored.salt.len(),
                iterations: stored.iterations,
            },
        }
    }
}

/// Derives keys on a bounded number of threads and remembers them for a while.
#[derive(Debug)]
pub(in crate::auth) struct Deriver {
    salts: SaltKey,
    permits: Arc<Semaphore>,
    tagger: Tagger,
    derived: Mutex<Cache<Arc<Keys>>>,
}

impl Deriver {
    pub(in crate::auth) fn new(
        salts: SaltKey,
        permits: Arc<Semaphore>,
        cache: Cache<Arc<Keys>>,
    ) -> Result<Self, getrandom::Error> {
        Ok(Self {
            salts,
            permits,
            tagger: Tagger::random()?,
            derived: Mutex::new(cache),
        })
    }

    /// The verifier of a user who exists.
    pub(in crate::auth) fn verifier(
        self: &Arc<Self>,
        user: &[u8],
        hash: Hash,
        material: Material,
    ) -> Verifier {
        let shape = material.shape();
        let (salt, source) = match material {
            Material::Secret(secret) => {
                let tag = self
                    .tagger
                    .tag(&[hash.name().as_bytes(), user, secret.expose()]);
                let salt = self.salts.salt(hash, user, shape.salt_octets);
                (salt, Source::Secret { secret, tag })
            }
            Material::Stored(stored) => (stored.salt.clone(), Source::Stored(stored)),
        };
        Verifier {
            deriver: Arc::clone(self),
            hash,
            salt,
            iterations: shape.iterations,
            source,
        }
    }

    /// The verifier of a user who does not exist. Nothing satisfies it.
    pub(in crate::auth) fn nobody(
        self: &Arc<Self>,
        user: &[u8],
        hash: Hash,
        shape: Shape,
    ) -> Verifier {
        Verifier {
            deriver: Arc::clone(self),
            hash,
            salt: self.salts.salt(hash, user, shape.salt_octets),
            iterations: shape.iterations,
            source: Source::Nobody,
        }
    }

    async fn derive(
        &self,
        hash: Hash,
        password: Secret,
        salt: Box<[u8]>,
        iterations: u32,
    ) -> Result<Arc<Keys>, Exhausted> {
        let permits = Arc::clone(&self.permits);
        let permit = permits.acquire_owned().await.map_err(|_| Exhausted)?;
        let derive = move || {
            let keys = Keys::derive(hash, password.expose(), &salt, iterations);
            // Held by the computation: who goes away does not make room for another one beside it.
            drop(permit);
            Arc::new(keys)
        };
        task::spawn_blocking(derive).await.map_err(|_| Exhausted)
    }

    fn remembered(&self, tag: &[u8; 32]) -> Option<Arc<Keys>> {
        self.with_cache(|cache, now| cache.get(tag, now).cloned())
    }

    fn remember(&self, tag: [u8; 32], keys: &Arc<Keys>) {
        self.with_cache(|cache, now| cache.insert(tag, Arc::clone(keys), now));
    }

    fn with_cache<T>(&self, use_it: impl FnOnce(&mut Cache<Arc<Keys>>, Instant) -> T) -> T {
        let mut cache = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        use_it(&mut cache, Instant::now())
    }
}

/// What a proof of SCRAM is checked against: the credential of one user, or of nobody.
#[derive(Clone)]
pub struct Verifier {
    deriver: Arc<Deriver>,
    hash: Hash,
    salt: Box<[u8]>,
    iterations: u32,
    source: Source,
}

#[derive(Clone)]
enum Source {
    Stored(Arc<Stored>),
    Secret {
        secret: Secret,
        /// What its keys are remembered by.
        tag: [u8; 32],
    },
    Nobody,
}

impl Verifier {
    /// The hash function that it was made for.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// What the client has to mix into its password.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// How often it has to do so.
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// The server's signature if the client's proof over this message is right.
    ///
    /// # Errors
    ///
    /// [`Exhausted`] if the machine could not compute it; trying again later can help.
    pub async fn verify(&self, message: &[u8], proof: &[u8]) -> Result<Option<Vec<u8>>, Exhausted> {
        let (signature, is_fresh) = match &self.source {
            Source::Stored(stored) => (stored.keys.verify(self.hash, message, proof), false),
            Source::Secret { secret, tag } => {
                let (keys, is_fresh) = self.keys(secret, tag).await?;
                (keys.verify(self.hash, message, proof), is_fresh)
            }
            Source::Nobody => (None, false),
        };
        if signature.is_none() && !is_fresh {
            self.derive(Secret::from(b"nobody".as_slice())).await?;
        }
        Ok(signature)
    }

    /// The keys of a secret, and whether they were derived for this.
    async fn keys(&self, secret: &Secret, tag: &[u8; 32]) -> Result<(Arc<Keys>, bool), Exhausted> {
        if let Some(keys) = self.deriver.remembered(tag) {
            return Ok((keys, false));
        }
        let keys = self.derive(secret.clone()).await?;
        self.deriver.remember(*tag, &keys);
        Ok((keys, true))
    }

    async fn derive(&self, password: Secret) -> Result<Arc<Keys>, Exhausted> {
        self.deriver
            .derive(self.hash, password, self.salt.clone(), self.iterations)
            .await
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Verifier")
            .field("hash", &self.hash)
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
