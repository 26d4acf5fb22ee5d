//! What one cell owns: its capabilities, its limits, its clock, its counters.
//!
//! The data of one wasmtime store. The functions that the guest calls on it are in `host.rs`.

use std::time::{Duration, Instant};

use wasmtime::{ResourceLimiter, component::ResourceTable};

use super::{Error, engine::TICK};
use crate::capability::{self, Grant};

/// A maildrop as a resource: what a login gave.
#[expect(unreachable_pub, reason = "the generated code says `pub use`")]
pub struct Maildrop(pub(super) Grant);

/// An open message as a resource.
#[expect(unreachable_pub, reason = "the generated code says `pub use`")]
pub struct Message {
    pub(super) message: Box<dyn capability::Message>,
    /// Octets that the guest has been given of it.
    pub(super) octets: u64,
}

/// A SASL exchange as a resource.
#[expect(unreachable_pub, reason = "the generated code says `pub use`")]
pub struct Exchange(pub(super) Box<dyn capability::Exchange>);

/// What one cell may use up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Octets of linear memory, all memories summed.
    pub memory: usize,
    /// Time that the guest may compute in one call. Time in the host does not count.
    pub call_time: Duration,
}

/// What a session has done with its capabilities, for the log and the metrics.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// Messages in the maildrop.
    pub messages: u32,
    /// Octets of the maildrop.
    pub octets: u64,
    /// Messages that were opened and read to their end.
    pub whole: Read,
    /// Messages that were opened and not read to their end.
    pub partial: Read,
    /// Messages that were removed.
    pub removed: u32,
    /// Messages that were to be removed and are still there.
    pub kept: u32,
    /// Whether the last read of a message failed.
    pub is_broken: bool,
}

/// Messages that were read, and how much of them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Read {
    /// How often a message was opened.
    pub messages: u32,
    /// Octets that the guest was given.
    pub octets: u64,
}

impl Usage {
    /// A message was opened.
    pub(super) fn opened(&mut self) {
        self.partial.messages = self.partial.messages.saturating_add(1);
    }

    /// `octets` of a message were read.
    pub(super) fn read(&mut self, octets: u64) {
        self.partial.octets = self.partial.octets.saturating_add(octets);
    }

    /// A message of which `octets` were read has come to its end.
    pub(super) fn finished(&mut self, octets: u64) {
        self.partial.messages = self.partial.messages.saturating_sub(1);
        self.partial.octets = self.partial.octets.saturating_sub(octets);
        self.whole.messages = self.whole.messages.saturating_add(1);
        self.whole.octets = self.whole.octets.saturating_add(octets);
    }
}

/// Table elements that all tables of a cell may have in all. Ours has fewer than a hundred.
const TABLE_ELEMENTS: usize = 20_000;

/// Resources that a cell may hold at once. The contract needs three: a maildrop, a message, an
/// exchange.
const HANDLES: usize = 8;

/// The data of one store.
pub(super) struct Cell {
    pub(super) login: Box<dyn capability::Login>,
    pub(super) table: ResourceTable,
    pub(super) usage: Usage,
    /// A maildrop has been handed out; there is no second one.
    pub(super) granted: bool,
    /// What stopped the guest, if the host did.
    pub(super) stopped: Option<Error>,
    limits: Limits,
    memory: usize,
    call: Call,
}

/// How long the call that is running has computed.
struct Call {
    started: Instant,
    in_host: Duration,
}

impl Cell {
    pub(super) fn new(login: Box<dyn capability::Login>, limits: Limits, now: Instant) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        Self {
            login,
            table,
            usage: Usage::default(),
            granted: false,
            stopped: None,
            limits,
            memory: 0,
            call: Call {
                started: now,
                in_host: Duration::ZERO,
            },
        }
    }

    /// A call into the guest begins.
    pub(super) fn begin_call(&mut self, now: Instant) {
        self.call = Call {
            started: now,
            in_host: Duration::ZERO,
        };
    }

    /// Time in an import is the host's, not the guest's.
    pub(super) fn spent_in_host(&mut self, time: Duration) {
        self.call.in_host += time;
    }

    /// Whether the guest may go on computing; if not, the reason is noted.
    pub(super) fn may_go_on(&mut self, now: Instant) -> bool {
        let computed = now
            .duration_since(self.call.started)
            .saturating_sub(self.call.in_host);
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
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::{Answer, Refusal};

    struct Nobody;

    impl capability::Login for Nobody {
        fn password<'a>(
            &'a mut self,
            _: &'a [u8],
            _: &'a [u8],
        ) -> Answer<'a, Result<Grant, Refusal>> {
            Box::pin(async { Err(Refusal::Denied) })
        }

        fn apop<'a>(&'a mut self, _: &'a [u8], _: &'a [u8]) -> Answer<'a, Result<Grant, Refusal>> {
            Box::pin(async { Err(Refusal::Denied) })
        }

        fn start(&mut self, _: &str) -> Option<Box<dyn capability::Exchange>> {
            None
        }
    }

    fn cell(now: Instant) -> Cell {
        let limits = Limits {
            memory: 100,
            call_time: Duration::from_millis(100),
        };
        Cell::new(Box::new(Nobody), limits, now)
    }

    #[test]
    fn memories_are_summed() {
        let mut cell = cell(Instant::now());
        assert!(cell.memory_growing(0, 60, None).unwrap());
        assert!(cell.memory_growing(0, 40, None).unwrap());
        assert!(!cell.memory_growing(60, 61, None).unwrap());
        assert_eq!(cell.stopped, Some(Error::Memory { limit: 100 }));
    }

    #[test]
    fn time_in_the_host_is_not_the_guests() {
        let now = Instant::now();
        let mut cell = cell(now);
        cell.begin_call(now);
        cell.spent_in_host(Duration::from_secs(2));
        assert!(cell.may_go_on(now + Duration::from_millis(2_050)));
        assert!(!cell.may_go_on(now + Duration::from_millis(2_100)));
    }
}
