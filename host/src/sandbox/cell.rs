//! What one cell owns: its capabilities, its limits, its clock.
//!
//! The data of one wasmtime store. The functions that the guest calls on it are in `host.rs`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use wasmtime::{
    ResourceLimiter,
    component::{Resource, ResourceTable},
};

use super::{Error, Usage, engine::TICK};
use crate::capability::{self, Grant};

/// A maildrop as a resource: what a login gave.
#[expect(unreachable_pub, reason = "the generated code says `pub use`")]
pub struct Maildrop(pub(super) Grant);

/// An open message as a resource.
#[expect(unreachable_pub, reason = "the generated code says `pub use`")]
pub struct Message(pub(super) Box<dyn capability::Message>);

/// A SASL exchange as a resource.
#[expect(unreachable_pub, reason = "the generated code says `pub use`")]
pub struct Exchange {
    pub(super) exchange: Box<dyn capability::Exchange>,
    pub(super) phase: Phase,
}

/// Where a SASL exchange is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// It waits for `begin`.
    Fresh,
    /// It waits for a response.
    Challenged,
    /// It has succeeded or failed, or is being asked.
    Over,
}

/// What one cell may use up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Octets of linear memory, all memories summed.
    pub memory: usize,
    /// Time that the guest may compute in one call. Time in the host does not count.
    pub call_time: Duration,
}

/// Table elements that all tables of a cell may have in all. Ours has fewer than a hundred.
const TABLE_ELEMENTS: usize = 20_000;

/// Resources that a cell may hold at once. The contract needs three: a maildrop, a message, an
/// exchange.
const CAPABILITIES: usize = 8;

/// Calls of imports that a guest may make in one call, by the contract. What they take is the
/// host's time and not the guest's, so that the clock alone would never end a loop of them.
const IMPORT_CALLS: u32 = 100_000;

/// The data of one store.
pub(super) struct Cell {
    pub(super) login: Box<dyn capability::Login>,
    pub(super) table: ResourceTable,
    pub(super) usage: Usage,
    /// A maildrop has been handed out; there is no second one.
    pub(super) granted: bool,
    /// What stopped the guest, if the host did.
    pub(super) stopped: Option<Error>,
    /// A message is open; there is no second one beside it.
    pub(super) has_open_message: bool,
    limits: Limits,
    memory: usize,
    table_elements: usize,
    call: Call,
}

/// What the call that is running has used up.
struct Call {
    started: Instant,
    in_host: Duration,
    import_calls: u32,
    /// Time that other tasks had while the guest gave way, in nanoseconds.
    given_way: Arc<AtomicU64>,
}

impl Cell {
    pub(super) fn new(login: Box<dyn capability::Login>, limits: Limits, now: Instant) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(CAPABILITIES);
        Self {
            login,
            table,
            usage: Usage::default(),
            granted: false,
            stopped: None,
            has_open_message: false,
            limits,
            memory: 0,
            table_elements: 0,
            call: Call {
                started: now,
                in_host: Duration::ZERO,
                import_calls: 0,
                given_way: Arc::default(),
            },
        }
    }

    /// A call into the guest begins.
    pub(super) fn begin_call(&mut self, now: Instant) {
        self.call.started = now;
        self.call.in_host = Duration::ZERO;
        self.call.import_calls = 0;
        self.call.given_way.store(0, Ordering::Relaxed);
        // Memory that was refused, and done without, does not end a later call.
        self.stopped = None;
    }

    /// The guest calls an import.
    ///
    /// # Errors
    ///
    /// It does so too often: a breach.
    pub(super) fn begin_import(&mut self) -> wasmtime::Result<()> {
        self.call.import_calls = self.call.import_calls.saturating_add(1);
        if self.call.import_calls > IMPORT_CALLS {
            return Err(self.breach("more than 100,000 calls of the host in one call"));
        }
        Ok(())
    }

    /// Hands a capability to the guest.
    ///
    /// # Errors
    ///
    /// It keeps too many of them: a breach.
    pub(super) fn lend<T: Send + 'static>(
        &mut self,
        capability: T,
    ) -> wasmtime::Result<Resource<T>> {
        let lent = self.table.push(capability);
        lent.map_err(|_| self.breach("more capabilities than a cell holds"))
    }

    /// Time in an import is the host's, not the guest's.
    pub(super) fn spent_in_host(&mut self, time: Duration) {
        self.call.in_host += time;
    }

    /// Lets other tasks run. However many they are, that is not the guest's time either.
    pub(super) fn give_way(&self) -> impl Future<Output = ()> + Send + 'static {
        let given_way = Arc::clone(&self.call.given_way);
        async move {
            let since = Instant::now();
            tokio::task::yield_now().await;
            let nanoseconds = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
            given_way.fetch_add(nanoseconds, Ordering::Relaxed);
        }
    }

    /// Whether the guest may go on computing; if not, the reason is noted.
    pub(super) fn may_go_on(&mut self, now: Instant) -> bool {
        let given_way = Duration::from_nanos(self.call.given_way.load(Ordering::Relaxed));
        let computed = now
            .duration_since(self.call.started)
            .saturating_sub(self.call.in_host)
            .saturating_sub(given_way);
        let may = computed + TICK < self.limits.call_time.max(2 * TICK);
        if !may {
            self.stopped = Some(Error::CallTime {
                limit: self.limits.call_time,
            });
        }
        may
    }

    /// Notes a breach of the contract; the guest is trapped with it.
    pub(super) fn breach(&mut self, what: &'static str) -> wasmtime::Error {
        self.stopped = Some(Error::Contract(what));
        wasmtime::Error::msg(what)
    }
}

impl ResourceLimiter for Cell {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let memory = self.memory.saturating_add(desired.saturating_sub(current));
        if memory > self.limits.memory {
            self.stopped = Some(Error::Memory {
                limit: self.limits.memory,
            });
            return Ok(false);
        }
        self.memory = memory;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let elements = self.table_elements.saturating_add(more);
        if elements > TABLE_ELEMENTS {
            return Ok(false);
        }
        self.table_elements = elements;
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
