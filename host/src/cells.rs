//! The cells that may be alive at once, and who has to go when there are more sessions than cells.
//!
//! Counts permits; a cell itself is the sandbox's. A session that finds none free waits for its
//! turn, and the one that has been idle longest is asked to park.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::sessions::Entry;

/// The cells of a server.
#[derive(Debug)]
pub(crate) struct Cells {
    free: Arc<Semaphore>,
    /// Permits that are left when as many cells are alive as stay with sessions that are idle.
    crowded: usize,
    /// Sessions that wait for a cell.
    waiting: AtomicUsize,
    idle: Mutex<Idle>,
}

/// Sessions that hold a cell and do nothing with it, in the order in which they became idle.
#[derive(Debug, Default)]
struct Idle {
    next: u64,
    entries: BTreeMap<u64, Arc<Entry>>,
}

/// A cell that a session may be in.
#[derive(Debug)]
pub(crate) struct Room {
    _permit: OwnedSemaphorePermit,
}

/// A session that could be parked, until this is dropped.
pub(crate) struct Idling<'a> {
    cells: &'a Cells,
    place: u64,
}

/// Somebody waits for a cell, until this is dropped.
struct Waiting<'a>(&'a Cells);

/// There is no cell, and will not be: the server is at its end.
#[derive(Debug)]
pub(crate) struct Closed;

impl Cells {
    /// So many cells, of which so many stay with sessions that do nothing with them for a while: what
    /// a cell has used of the system's memory it keeps for the next session, so those that are
    /// used are to be few.
    pub(crate) fn new(count: u32, warm: u32) -> Self {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let count = count.min(Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(count)),
            crowded: count.saturating_sub(usize::try_from(warm).unwrap_or(usize::MAX)),
            waiting: AtomicUsize::new(0),
            idle: Mutex::default(),
        }
    }

    /// A cell, as soon as there is one.
    pub(crate) async fn room(&self) -> Result<Room, Closed> {
        let free = Arc::clone(&self.free);
        if let Ok(permit) = Arc::clone(&free).try_acquire_owned() {
            return Ok(Room { _permit: permit });
        }
        let _waiting = Waiting::new(self);
        self.ask_longest_idle();
        let permit = free.acquire_owned().await.map_err(|_| Closed)?;
        Ok(Room { _permit: permit })
    }

    /// Whether who has nothing to do should park at once: somebody waits for a cell, or more of them
    /// are alive than should be for long.
    pub(crate) fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0 || self.free.available_permits() < self.crowded
    }

    /// This session has a cell and nothing to do with it.
    pub(crate) fn idling(&self, entry: Arc<Entry>) -> Idling<'_> {
        let mut idle = self.idle();
        let place = idle.next;
        idle.next += 1;
        idle.entries.insert(place, entry);
        Idling { cells: self, place }
    }

    /// Asks it to park. It may be busy again: then it does so when it is idle the next time.
    fn ask_longest_idle(&self) {
        if let Some((_, entry)) = self.idle().entries.pop_first() {
            entry.nudge();
        }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Idling<'_> {
    fn drop(&mut self) {
        self.cells.idle().entries.remove(&self.place);
    }
}

impl<'a> Waiting<'a> {
    fn new(cells: &'a Cells) -> Self {
        cells.waiting.fetch_add(1, Ordering::SeqCst);
        Self(cells)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}
