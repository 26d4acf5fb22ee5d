//! Whether the server can serve, for whoever sends it clients.
//!
//! That it lives is shown by its answering at all; this is about being ready.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Mutex, time::timeout};

use crate::mailbox::Mailbox;

/// How long the mail store may take to show that it is there.
const STORE_TIME: Duration = Duration::from_secs(2);

/// Finds the mail stores that there are now.
pub(crate) type Stores = Box<dyn Fn() -> Vec<Arc<dyn Mailbox>> + Send + Sync>;

/// The health of one server. That its component can be served was found out before it started.
pub struct Health {
    listeners: usize,
    listening: AtomicUsize,
    is_draining: AtomicBool,
    stores: Stores,
    /// Held by whoever asks the store, so that questions that get no answer do not pile up.
    asking: Arc<Mutex<()>>,
}

/// Why the server is not to be sent clients.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unready {
    /// It was told to stop.
    #[error("draining")]
    Draining,
    /// Not all listeners accept connections.
    #[error("{up} of {all} listeners are up")]
    Listeners {
        /// Those that do.
        up: usize,
        /// Those that there are.
        all: usize,
    },
    /// The mail store is not there.
    #[error("the mail store can not be reached: {0}")]
    Store(io::Error),
    /// The mail store does not answer.
    #[error("the mail store does not answer")]
    StoreSilent,
}

/// A listener that accepts connections until this is dropped.
pub(crate) struct Listening<'a>(&'a AtomicUsize);

impl Health {
    pub(crate) fn new(listeners: usize, stores: Stores) -> Self {
        Self {
            listeners,
            listening: AtomicUsize::new(0),
            is_draining: AtomicBool::new(false),
            stores,
            asking: Arc::default(),
        }
    }

    /// One of the listeners accepts connections.
    pub(crate) fn listen(&self) -> Listening<'_> {
        self.listening.fetch_add(1, Ordering::Relaxed);
        Listening(&self.listening)
    }

    /// The server accepts nobody any more.
    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// Whether the server can serve whoever connects now.
    ///
    /// # Errors
    ///
    /// Why it can not.
    pub async fn ready(&self) -> Result<(), Unready> {
        if self.is_draining.load(Ordering::Relaxed) {
            return Err(Unready::Draining);
        }
        let (up, all) = (self.listening.load(Ordering::Relaxed), self.listeners);
        if up < all {
            return Err(Unready::Listeners { up, all });
        }
        self.store().await
    }

    /// A question that was given up goes on until the system answers it: a disk that hangs takes
    /// one thread, however often somebody asks.
    async fn store(&self) -> Result<(), Unready> {
        let asked = async {
            let asking = Arc::clone(&self.asking).lock_owned().await;
            let stores = (self.stores)();
            let reached = tokio::spawn(async move {
                let _asking = asking;
                for store in stores {
                    store.reach().await?;
                }
                Ok(())
            });
            reached.await
        };
        match timeout(STORE_TIME, asked).await {
            Ok(Ok(reached)) => reached.map_err(Unready::Store),
            Ok(Err(_)) | Err(_) => Err(Unready::StoreSilent),
        }
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::{
        account::Account,
        capability::{Answer, Maildrop},
        mailbox::OpenError,
    };

    /// A store that is there, is not, or does not say.
    struct Store(Option<Result<(), io::ErrorKind>>);

    impl Mailbox for Store {
        fn open<'a>(
            &'a self,
            _: &'a Account,
            _: &'a str,
        ) -> Answer<'a, Result<Box<dyn Maildrop>, OpenError>> {
            Box::pin(async { Err(OpenError::Temporary) })
        }

        fn reach(&self) -> Answer<'_, io::Result<()>> {
            Box::pin(async {
                match self.0 {
                    Some(reached) => reached.map_err(io::Error::from),
                    None => pending().await,
                }
            })
        }
    }

    fn health(listeners: usize, store: Store) -> Health {
        let store: Arc<dyn Mailbox> = Arc::new(store);
        Health::new(listeners, Box::new(move || vec![Arc::clone(&store)]))
    }

    async fn said(health: &Health) -> String {
        let ready = health.ready().await;
        ready.map_or_else(|unready| unready.to_string(), |()| "ready".to_owned())
    }

    #[tokio::test]
    async fn a_server_is_ready_while_all_listeners_are_up_and_it_is_not_draining() {
        let health = health(2, Store(Some(Ok(()))));
        let first = health.listen();
        assert_eq!(said(&health).await, "1 of 2 listeners are up");
        let second = health.listen();
        assert_eq!(said(&health).await, "ready");
        drop((first, second));
        assert_eq!(said(&health).await, "0 of 2 listeners are up");
        health.drain();
        assert_eq!(said(&health).await, "draining");
    }

    #[tokio::test]
    async fn a_store_that_is_not_there_is_said() {
        let health = health(0, Store(Some(Err(io::ErrorKind::NotFound))));
        let unready = "the mail store can not be reached: entity not found";
        assert_eq!(said(&health).await, unready);
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_hangs_is_asked_once_however_often_somebody_wants_to_know() {
        let store: Arc<dyn Mailbox> = Arc::new(Store(None));
        let known = Arc::clone(&store);
        let health = Health::new(0, Box::new(move || vec![Arc::clone(&known)]));
        for _ in 0..3 {
            assert_eq!(said(&health).await, "the mail store does not answer");
        }
        // The health's, the test's, and the one question's.
        assert_eq!(Arc::strong_count(&store), 3);
    }
}
