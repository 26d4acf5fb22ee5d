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
        let all = async {
            while self.findings().asked < sessions {
                self.changed.notified().await;
            }
        };
        // Too few are an answer too.
        let _ = timeout(PATIENCE + 2 * call_time, all).await;
        self.findings().clone()
    }

    fn findings(&self) -> MutexGuard<'_, Findings> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
