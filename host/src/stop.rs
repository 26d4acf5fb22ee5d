//! The end of the server, as its connections hear of it.
//!
//! Ends nothing itself.

use std::{
    convert::Infallible,
    future::pending,
    sync::atomic::{AtomicBool, Ordering},
};

use tokio_util::sync::CancellationToken;

/// When connections have to end.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    /// Cancelled when the server is told to stop.
    pub(crate) shutdown: CancellationToken,
    /// Cancelled when it will wait no longer.
    pub(crate) abort: CancellationToken,
    has_begun: AtomicBool,
}

impl Stop {
    /// The server is told to stop.
    pub(crate) fn begin(&self) {
        self.has_begun.store(true, Ordering::Release);
        self.shutdown.cancel();
    }

    /// Whether it has been. The token has a lock, which all connections would ask for all the time.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    /// Wakes up who waits for it when the server is told to stop, and no more.
    pub(crate) async fn wake(&self) -> Infallible {
        self.shutdown.cancelled().await;
        pending().await
    }
}
