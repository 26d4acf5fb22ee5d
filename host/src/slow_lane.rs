//! Where the guests of tenants compute that have used more than their share: one thread, which the
//! system gives only what nobody else wants.
//!
//! Neither measures nor judges; `seat.rs` sends calls here.

use std::io;

use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use crate::lane::Lane;

/// The least that a thread can ask for.
const NICE: i32 = 19;

/// A lane whose thread is polite.
#[derive(Debug)]
pub(crate) struct SlowLane(Lane);

impl SlowLane {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub(crate) fn new() -> io::Result<Self> {
        let lane = Lane::start("slow lane".to_owned(), || {
            // Of this thread alone, on Linux.
            if let Err(error) = rustix::process::nice(NICE) {
                warn!(%error, "the slow lane is as fast as any other");
            }
        });
        lane.map(Self)
    }

    /// Runs something here and waits for it; `None` if it panicked. Giving up the wait gives it up.
    pub(crate) async fn run<F>(&self, work: F) -> Option<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        AbortOnDropHandle::new(self.0.handle().spawn(work))
            .await
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_runs_in_the_slow_lane_is_polite_and_nobody_else_is() {
        let lane = SlowLane::new().expect("a thread");
        let nice = || rustix::process::nice(0).expect("a priority");
        let before = nice();
        assert_eq!(lane.run(async move { nice() }).await, Some(NICE));
        assert_eq!(nice(), before);
    }

    #[tokio::test]
    async fn work_that_panics_takes_nobody_along() {
        let lane = SlowLane::new().expect("a thread");
        let panicked = lane.run(async { panic!("on purpose") }).await;
        assert!(panicked.is_none());
        assert_eq!(lane.run(async { 1 }).await, Some(1));
    }
}
