//! A thread with a runtime of its own.

use std::{io, sync::Arc, thread};

use tokio::{
    runtime::{Builder, Handle},
    sync::Notify,
};

/// How many tasks run before the system is asked for events: behind a swap, thousands of sessions
/// move at a time, and a client that is busy must not wait for all of them.
const EVENT_INTERVAL: u32 = 8;

/// A thread on which tasks run. Dropping it ends them where they wait next, and the thread.
#[derive(Debug)]
pub(crate) struct Lane {
    handle: Handle,
    stop: Arc<Notify>,
}

impl Lane {
    /// Starts the thread, and does this on it first.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub(crate) fn start(name: String, first: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .event_interval(EVENT_INTERVAL)
            .enable_all()
            .build()?;
        let (handle, stop) = (runtime.handle().clone(), Arc::new(Notify::new()));
        let stopped = Arc::clone(&stop);
        thread::Builder::new().name(name).spawn(move || {
            first();
            runtime.block_on(stopped.notified());
        })?;
        Ok(Self { handle, stop })
    }

    /// To start tasks on the thread.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.stop.notify_one();
    }
}
