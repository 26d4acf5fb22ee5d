//! SIGTERM and SIGINT: the first one asks the server to stop, the second one does not ask.
//!
//! Knows nothing of what stops.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that stop us.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From here on these signals do nothing by themselves. Needs a runtime.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for one of them. Dropping the answer loses no signal.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
