//! What the service manager is told: that we serve, read again, stop, and are alive.
//!
//! Does nothing where there is no service manager that wants to know.

use std::{io, time::Duration};

use rustix::process::Pid;
use sd_notify::NotifyState;
use tokio::time::interval;
use tracing::warn;

/// Connections are accepted.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Connections are accepted, by this process from here on.
pub fn took_over() {
    tell(&[NotifyState::MainPid(std::process::id()), NotifyState::Ready]);
}

/// Another process has taken over what this one did, and is the main one from here on.
pub(crate) fn handed_over(successor: Pid) {
    let pid = successor.as_raw_nonzero().get().unsigned_abs();
    tell(&[NotifyState::MainPid(pid)]);
}

/// Files are read again. [`ready`] has to follow.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => failed(&error),
    }
}

/// The server was told to stop.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// After how long without a sign of life the service manager takes this process for dead, if it says
/// so. It does to the process that it has started as the main one.
pub fn patience() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// Shows again and again that tasks are run, to a service manager that waits so long. Never ends.
pub async fn watchdog(limit: Duration) {
    // As sd_watchdog_enabled(3) recommends: twice in the time after which we count as dead.
    let mut beats = interval((limit / 2).max(Duration::from_millis(1)));
    loop {
        beats.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        failed(&error);
    }
}

fn failed(error: &io::Error) {
    warn!(%error, "the service manager can not be told");
}
