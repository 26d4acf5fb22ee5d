//! Some open sessions, resumed in a component before it gets any: does it read their states?
//!
//! A session takes part when it has nothing to do, and is then as it was before.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

use crate::sandbox::{Error, Version};

/// How long is waited for sessions to take part, beside the time that a component may compute: those
/// that are busy do not.
const PATIENCE: Duration = Duration::from_millis(500);

/// How much longer is waited for sessions that take part and have not reported.
const MOST_MOMENTS: u32 = 10;

/// A component that sessions are to be tried in.
#[derive(Debug)]
pub(crate) struct Sample {
    version: Arc<Version>,
    /// Sessions that may still take part.
    left: AtomicUsize,
    findings: Mutex<Findings>,
    changed: Notify,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    /// Sessions that took part.
    pub(super) asked: usize,
    /// Sessions that were not taken.
    pub(super) refused: usize,
    /// Why not, of one of them.
    pub(super) cause: Option<Error>,
}

impl Sample {
    pub(super) fn new(version: Arc<Version>, sessions: usize) -> Self {
        Self {
            version,
            left: AtomicUsize::new(sessions),
            findings: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// The component.
    pub(crate) fn version(&self) -> &Arc<Version> {
        &self.version
    }

    /// Whether the session that asks is to take part; it must then report.
    pub(crate) fn takes_part(&self) -> bool {
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
        taken.is_ok()
    }

    /// The component took a session, or not.
    pub(crate) fn report(&self, taken: Result<(), Error>) {
        let mut findings = self.findings();
        findings.asked += 1;
        if let Err(cause) = taken {
            findings.refused += 1;
            findings.cause = Some(cause);
        }
        drop(findings);
        self.changed.notify_one();
    }

    /// Waits until so many sessions have taken part, or for a moment.
    pub(super) async fn outcome(&self, sessions: usize, call_time: Duration) -> Findings {
        let moment = PATIENCE + 2 * call_time;
        // Too few are an answer too.
        let _ = timeout(moment, self.reports(|| sessions)).await;
        // What a component computes is limited by the time that it gets, and on a machine that is busy
        // that comes late. A session that ends meanwhile does not report.
        let begun = || sessions.saturating_sub(self.left.load(Ordering::Relaxed));
        let _ = timeout(MOST_MOMENTS * moment, self.reports(begun)).await;
        self.findings().clone()
    }

    /// Waits for so many reports.
    async fn reports(&self, count: impl Fn() -> usize) {
        while self.findings().asked < count() {
            self.changed.notified().await;
        }
    }

    fn findings(&self) -> MutexGuard<'_, Findings> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{EMBEDDED_COMPONENT, Engine, EngineOptions, Limits, Sandbox};

    fn version() -> Arc<Version> {
        let options = EngineOptions {
            cells: 1,
            cell_memory: 1 << 20,
            engine: Engine::default(),
        };
        let sandbox = Sandbox::new(options, Limits::default(), EMBEDDED_COMPONENT);
        sandbox.expect("the embedded component").version()
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_begun_is_waited_for_and_who_has_not_is_not() {
        let sample = Sample::new(version(), 2);
        assert!(sample.takes_part());
        let late = async {
            tokio::time::sleep(3 * PATIENCE).await;
            sample.report(Err(Error::Lost));
        };
        let (findings, ()) = tokio::join!(sample.outcome(2, Duration::ZERO), late);
        assert_eq!((findings.asked, findings.refused), (1, 1));
    }
}
