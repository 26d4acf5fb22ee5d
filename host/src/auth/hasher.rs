//! Where passwords and proofs are checked: slow hashes on a bounded number of threads, cheap ones in
//! place.
//!
//! Knows no users but by name, and no delays: whoever is made to wait after a failure does it
//! elsewhere and holds no thread of this pool.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::{sync::Semaphore, task, time::Instant};

use super::{
    cache::Cache,
    scheme::{Exhausted, StoredPassword},
    scram::{self, Deriver, Material, SaltKey, Shape, Verifier},
    secret::Secret,
    tag::Tagger,
};

/// How much a [`Hasher`] may use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Slow hashes that are computed at the same time; further ones wait for their turn.
    pub threads: NonZeroUsize,
    /// How long a password that was right needs not be hashed again. Zero: not at all.
    pub remember: Duration,
    /// How many of those are kept, at 100 octets or so each.
    pub remembered: NonZeroUsize,
}

impl Default for Limits {
    /// One thread a core; an hour, as pollers come every few minutes; 16,384 users.
    fn default() -> Self {
        Self {
            threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            remember: Duration::from_secs(3600),
            remembered: const { NonZeroUsize::new(16_384).expect("not zero") },
        }
    }
}

/// Checks passwords against stored ones. Shared by everybody who checks any.
#[derive(Debug)]
pub struct Hasher {
    /// One permit for each thread; held by the computation itself, so that a client who goes away
    /// does not make room for another hash beside the one that still runs.
    permits: Arc<Semaphore>,
    tagger: Tagger,
    cache: Mutex<Cache<()>>,
    hashes: AtomicU64,
    scram: Arc<Deriver>,
}

impl Hasher {
    /// A hasher that has proven nothing yet, and whose made-up salts of SCRAM last as long as it.
    ///
    /// # Errors
    ///
    /// If the system's random source fails: there is no key for the memory of proofs.
    pub fn new(limits: Limits) -> Result<Self, getrandom::Error> {
        Self::with_salts(limits, SaltKey::random()?)
    }

    /// A hasher whose made-up salts of SCRAM are those of `salts`: after a restart they are the
    /// same, so that nobody can tell them from stored ones.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn with_salts(limits: Limits, salts: SaltKey) -> Result<Self, getrandom::Error> {
        let threads = limits.threads.get().min(Semaphore::MAX_PERMITS);
        let permits = Arc::new(Semaphore::new(threads));
        let derived = Cache::new(limits.remember, limits.remembered);
        Ok(Self {
            scram: Arc::new(Deriver::new(salts, Arc::clone(&permits), derived)?),
            permits,
            tagger: Tagger::random()?,
            cache: Mutex::new(Cache::new(limits.remember, limits.remembered)),
            hashes: AtomicU64::new(0),
        })
    }

    /// Whether this is the password of `user`. Computed only if it was not found right a while ago:
    /// for the same user, the same stored form and the same password.
    ///
    /// # Errors
    ///
    /// [`Exhausted`] if the machine could not compute it; trying again later can help.
    pub async fn verify(
        &self,
        user: &[u8],
        stored: &StoredPassword,
        password: &[u8],
    ) -> Result<bool, Exhausted> {
        if !stored.is_slow() {
            return stored.verify(password);
        }
        let tag = self.tagger.tag(&[user, stored.identity(), password]);
        if self.with_cache(|cache, now| cache.contains(&tag, now)) {
            return Ok(true);
        }
        let is_right = self.hash(stored, password).await?;
        if is_right {
            self.with_cache(|cache, now| cache.insert(tag, (), now));
        }
        Ok(is_right)
    }

    /// Does the work of [`verify`](Self::verify) for a user who does not exist.
    ///
    /// # Errors
    ///
    /// As for a user who does.
    pub async fn pretend(&self, stored: &StoredPassword, password: &[u8]) -> Result<(), Exhausted> {
        if stored.is_slow() {
            self.hash(stored, password).await.map(drop)
        } else {
            stored.verify(password).map(drop)
        }
    }

    /// What a proof of SCRAM is checked against for a user whose password is kept in clear. Keys are
    /// derived when a proof comes, and remembered as right passwords are.
    pub fn scram(&self, user: &[u8], hash: scram::Hash, secret: &Secret) -> Verifier {
        self.verifier(user, hash, Material::Secret(secret.clone()))
    }

    pub(super) fn verifier(&self, user: &[u8], hash: scram::Hash, material: Material) -> Verifier {
        self.scram.verifier(user, hash, material)
    }

    /// A verifier that nothing satisfies, for a user who does not exist.
    pub(super) fn nobody(&self, user: &[u8], hash: scram::Hash, shape: Shape) -> Verifier {
        self.scram.nobody(user, hash, shape)
    }

    /// How many slow hashes have been asked for since the start.
    pub fn hashes(&self) -> u64 {
        self.hashes.load(Ordering::Relaxed)
    }

    async fn hash(&self, stored: &StoredPassword, password: &[u8]) -> Result<bool, Exhausted> {
        self.hashes.fetch_add(1, Ordering::Relaxed);
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| Exhausted)?;
        let (stored, password) = (stored.clone(), Secret::from(password));
        let hash = move || {
            let is_right = stored.verify(password.expose());
            drop(permit);
            is_right
        };
        task::spawn_blocking(hash).await.unwrap_or(Err(Exhausted))
    }

    fn with_cache<T>(&self, use_it: impl FnOnce(&mut Cache<()>, Instant) -> T) -> T {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        use_it(&mut cache, Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::pin, task::Poll};

    use super::*;
    use crate::auth::scheme;

    /// `password`, as cheap as the scheme allows.
    const HASHED: &str = "$2y$04$7YdzWq8AJmduhOioM4EJCeLb5yTRJOsnyUyV01tbcxmIUdne3gTIq";

    fn limits(threads: usize) -> Limits {
        Limits {
            threads: NonZeroUsize::new(threads).expect("not zero"),
            ..Limits::default()
        }
    }

    fn hasher() -> Hasher {
        Hasher::new(limits(2)).expect("a random key")
    }

    fn stored(text: &str) -> StoredPassword {
        StoredPassword::parse(text.as_bytes()).expect(text)
    }

    #[tokio::test]
    async fn a_password_that_was_right_is_not_hashed_again() {
        let (hasher, stored) = (hasher(), stored(HASHED));
        for _ in 0..3 {
            assert_eq!(
                hasher.verify(b"alice", &stored, b"password").await,
                Ok(true)
            );
        }
        assert_eq!(hasher.hashes(), 1);
    }

    #[tokio::test]
    async fn wrong_passwords_other_users_and_other_hashes_are_hashed() {
        let (hasher, kept) = (hasher(), stored(HASHED));
        assert_eq!(hasher.verify(b"alice", &kept, b"password").await, Ok(true));
        assert_eq!(hasher.verify(b"alice", &kept, b"Password").await, Ok(false));
        assert_eq!(hasher.verify(b"alice", &kept, b"Password").await, Ok(false));
        assert_eq!(hasher.verify(b"bob", &kept, b"password").await, Ok(true));
        let changed = stored(&scheme::generate("SHA512-CRYPT", b"other").expect("a hash"));
        assert_eq!(
            hasher.verify(b"alice", &changed, b"password").await,
            Ok(false)
        );
        assert_eq!(hasher.hashes(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_proof_is_renewed_after_its_time() {
        let (hasher, stored) = (hasher(), stored(HASHED));
        assert_eq!(
            hasher.verify(b"alice", &stored, b"password").await,
            Ok(true)
        );
        tokio::time::advance(Limits::default().remember).await;
        assert_eq!(
            hasher.verify(b"alice", &stored, b"password").await,
            Ok(true)
        );
        assert_eq!(hasher.hashes(), 2);
    }

    #[tokio::test]
    async fn cheap_schemes_take_no_thread() {
        let hasher = hasher();
        hasher.permits.close();
        let stored = stored("{PLAIN}password");
        assert_eq!(
            hasher.verify(b"alice", &stored, b"password").await,
            Ok(true)
        );
        assert_eq!(hasher.pretend(&stored, b"password").await, Ok(()));
        assert_eq!(hasher.hashes(), 0);
    }

    #[tokio::test]
    async fn pretending_costs_the_same_hash_every_time() {
        let (hasher, stored) = (hasher(), stored(HASHED));
        for _ in 0..3 {
            assert_eq!(hasher.pretend(&stored, b"password").await, Ok(()));
        }
        assert_eq!(hasher.hashes(), 3);
    }

    #[tokio::test]
    async fn no_more_hashes_run_at_once_than_there_are_permits() {
        let hasher = Hasher::new(limits(1)).expect("a random key");
        let held = Arc::clone(&hasher.permits)
            .acquire_owned()
            .await
            .expect("open");
        let stored = stored(HASHED);
        let mut waiting = pin!(hasher.verify(b"alice", &stored, b"password"));
        let poll =
            std::future::poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context))).await;
        assert_eq!(poll, Poll::Pending);
        drop(held);
        assert_eq!(waiting.await, Ok(true));
    }

    #[tokio::test]
    async fn an_answer_that_is_given_up_gives_its_permit_back() {
        let hasher = Hasher::new(limits(1)).expect("a random key");
        let stored = stored(HASHED);
        {
            let mut given_up = pin!(hasher.verify(b"alice", &stored, b"password"));
            let poll = std::future::poll_fn(|context| Poll::Ready(given_up.as_mut().poll(context)));
            assert_eq!(poll.await, Poll::Pending);
        }
        assert_eq!(hasher.verify(b"alice", &stored, b"wrong").await, Ok(false));
    }
}
