//! One component in use on a track, and how it does.
//!
//! Counts. Whether that is good enough is `probation.rs`'s to say.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use super::Bounds;
use crate::{
    sandbox::{Error, Step, Version},
    sessions::unix_seconds,
};

/// A component that a track has been given, by the number under which it was.
#[derive(Debug)]
pub struct Generation {
    number: u64,
    version: Arc<Version>,
    since: u64,
    began: Instant,
    /// What it may get wrong at first; `None` for a component that nothing came before.
    bounds: Option<Bounds>,
    /// Sessions that are in it, parked ones too.
    sessions: AtomicU64,
    tally: Tally,
    /// Why it did not take a session, the last time.
    cause: Mutex<Option<String>>,
}

/// What has happened in a generation.
#[derive(Debug, Default)]
struct Tally {
    /// Calls that were answered.
    calls: AtomicU64,
    /// Of those, answers that begin with `-ERR`.
    error_replies: AtomicU64,
    /// Sessions that came from another generation.
    moved_in: AtomicU64,
    /// Sessions that it did not take.
    refused: AtomicU64,
    /// Calls that ended by a trap, a limit or a breach of the contract.
    failures: AtomicU64,
}

/// What has happened in a generation, at one moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tallied {
    /// Sessions that are in it, parked ones too.
    pub sessions: u64,
    /// Calls that were answered.
    pub calls: u64,
    /// Of those, answers that begin with `-ERR`.
    pub error_replies: u64,
    /// Sessions that came from another generation.
    pub moved_in: u64,
    /// Sessions that it did not take.
    pub refused: u64,
    /// Calls that ended by a trap, a limit or a breach of the contract.
    pub failures: u64,
}

impl Generation {
    pub(super) fn new(number: u64, version: Arc<Version>, bounds: Option<Bounds>) -> Self {
        Self {
            number,
            version,
            since: unix_seconds(SystemTime::now()),
            began: Instant::now(),
            bounds,
            sessions: AtomicU64::new(0),
            tally: Tally::default(),
            cause: Mutex::default(),
        }
    }

    /// A component that no track has been given, to be tried.
    pub(crate) fn stranger(version: Arc<Version>) -> Self {
        Self::new(0, version, None)
    }

    /// Its number on its track, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The component.
    pub fn version(&self) -> &Arc<Version> {
        &self.version
    }

    /// When it got its first chance at sessions, in seconds since 1970-01-01 UTC.
    pub fn since(&self) -> u64 {
        self.since
    }

    /// Whether it has yet to show that it can be relied upon.
    pub(crate) fn is_on_probation(&self) -> bool {
        let window = self.bounds.map_or(Duration::ZERO, |bounds| bounds.window);
        self.began.elapsed() < window
    }

    /// What it got wrong, in words, if that is too much and it is on probation.
    pub(super) fn broken_bounds(&self) -> Option<String> {
        let bounds = self.bounds.filter(|_| self.is_on_probation())?;
        bounds.broken(&self.tallied())
    }

    /// What has happened in it up to now.
    pub fn tallied(&self) -> Tallied {
        let Tally {
            calls,
            error_replies,
            moved_in,
            refused,
            failures,
        } = &self.tally;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Tallied {
            sessions: read(&self.sessions),
            calls: read(calls),
            error_replies: read(error_replies),
            moved_in: read(moved_in),
            refused: read(refused),
            failures: read(failures),
        }
    }

    /// A call was answered.
    pub(crate) fn answered(&self, step: &Step) {
        add(&self.tally.calls);
        if step.is_error_reply() {
            add(&self.tally.error_replies);
        }
    }

    /// A call ended by the component's fault.
    pub(crate) fn failed(&self) {
        add(&self.tally.failures);
    }

    /// A session was not taken, or did not come to an end of a move.
    pub(crate) fn did_not_take(&self, cause: &Error) {
        if cause.is_components_fault() {
            self.failed();
        } else if !matches!(cause, Error::Refused(_)) {
            // It was not asked.
            return;
        }
        add(&self.tally.refused);
        let mut last = self.cause.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(cause.to_string());
    }

    /// Why it did not take a session, the last time.
    pub fn cause(&self) -> Option<String> {
        let cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner);
        cause.clone()
    }
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// A session's place in a generation: it is counted there until this is dropped.
#[derive(Debug)]
pub(crate) struct Member(Arc<Generation>);

impl Member {
    /// A session begins in this generation.
    pub(crate) fn new(generation: Arc<Generation>) -> Self {
        add(&generation.sessions);
        Self(generation)
    }

    /// A session comes into this generation from another one.
    pub(crate) fn moved(generation: Arc<Generation>) -> Self {
        add(&generation.tally.moved_in);
        Self::new(generation)
    }

    pub(crate) fn generation(&self) -> &Arc<Generation> {
        &self.0
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.0.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}
