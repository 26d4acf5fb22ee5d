//! The clock by which running guests are looked at. It stands still while there is no guest.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle, Thread},
    time::Duration,
};

use super::Error;

/// How often running guests are looked at. A guest that computes for longer lets others run in
/// between.
pub(super) const TICK: Duration = Duration::from_millis(5);

/// The thread that moves the epoch of an engine on. It stops when this is dropped.
#[derive(Debug)]
pub(super) struct EpochClock {
    stop: Arc<AtomicBool>,
    handle: ClockHandle,
    thread: Option<JoinHandle<()>>,
}

/// For whoever makes cells: keeps the clock going for them.
#[derive(Clone, Debug)]
pub(super) struct ClockHandle {
    cells: Arc<AtomicUsize>,
    thread: Thread,
}

/// A cell that the clock goes for, until this is dropped.
#[derive(Debug)]
pub(super) struct Ticking(Arc<AtomicUsize>);

impl EpochClock {
    /// Starts the clock of this engine.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`]: no thread could be had.
    pub(super) fn start(engine: &wasmtime::Engine) -> Result<Self, Error> {
        let (stop, cells) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let thread = {
            let (stop, cells, engine) = (Arc::clone(&stop), Arc::clone(&cells), engine.weak());
            thread::Builder::new().name("epoch".into()).spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    match pause(&cells) {
                        Some(pause) => thread::park_timeout(pause),
                        None => thread::park(),
                    }
                    let Some(engine) = engine.upgrade() else {
                        return;
                    };
                    engine.increment_epoch();
                }
            })
        };
        let thread = thread.map_err(|error| Error::Engine(format!("epoch thread: {error}")))?;
        let handle = ClockHandle {
            cells,
            thread: thread.thread().clone(),
        };
        Ok(Self {
            stop,
            handle,
            thread: Some(thread),
        })
    }

    /// For whoever makes cells.
    pub(super) fn handle(&self) -> &ClockHandle {
        &self.handle
    }
}

/// How long until the next tick; `None` if nobody waits for one. Who comes behind that unparks.
fn pause(cells: &AtomicUsize) -> Option<Duration> {
    (cells.load(Ordering::SeqCst) > 0).then_some(TICK)
}

impl Drop for EpochClock {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It does nothing that could panic; there is nobody to tell if it did.
            let _ = thread.join();
        }
    }
}

impl ClockHandle {
    /// There is a cell more.
    pub(super) fn keep_going(&self) -> Ticking {
        if self.cells.fetch_add(1, Ordering::SeqCst) == 0 {
            self.thread.unpark();
        }
        Ticking(Arc::clone(&self.cells))
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_while_there_is_a_cell() {
        let engine = wasmtime::Engine::default();
        let clock = EpochClock::start(&engine).expect("a thread");
        let cells = &clock.handle().cells;
        assert_eq!(pause(cells), None);
        let (one, two) = (clock.handle().keep_going(), clock.handle().keep_going());
        assert_eq!(pause(cells), Some(TICK));
        drop(one);
        assert_eq!(pause(cells), Some(TICK));
        drop(two);
        assert_eq!(pause(cells), None);
    }
}
