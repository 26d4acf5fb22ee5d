//! What one cell owns: its capabilities, its limits, its clock.
//!
//! The data of one wasmtime store. The functions that the guest calls on it are in `host.rs`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use wasmtime::{
    ResourceLimiter,
    component::{Resource, ResourceTable},
};

use super::{
    Error, Usage,
    budget::Budget,
    clock::TICK,
    forward::Forwarding,
    limits::{self, Limit, Limits},
    retreat::Rescued,
    stopwatch::Stopwatch,
    wasi::Wasi,
};
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

/// Resources that a cell may hold at once. The contract needs three: a maildrop, a message, an
/// exchange.
const CAPABILITIES: usize = 8;

/// What a message's number and size are at most in a listing.
const LISTED_OCTETS: u64 = 40;

/// What a cell may use up, and who is charged for it.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What the cell may use up itself.
    pub limits: Limits,
    /// What all cells of its tenant may use up together.
    pub budget: Arc<Budget>,
}

/// Which call of the contract is running, for what the guest may do in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Calling {
    /// `lines`, whether there is a QUIT among them, and its `max`.
    Lines { has_quit: bool, max: u32 },
    /// `more`, and its `max`.
    More { max: u32 },
    /// `resume`.
    Resume,
    /// Any other.
    Other,
}

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
    /// The maildrop has been committed: there is nothing left but to close.
    pub(super) committed: bool,
    /// What the session can be taken back with.
    pub(super) rescued: Rescued,
    /// What the guest has forwarded in the call that is running.
    pub(super) forwarding: Forwarding,
    /// What the host keeps for a component that calls WASI.
    pub(super) wasi: Option<Box<Wasi>>,
    terms: Terms,
    memory: usize,
    table_elements: usize,
    /// Time that the session's guests have computed in the calls before this one.
    computed: Duration,
    answer: Answer,
    call: Call,
}

/// The answer that is being given, from `lines` on.
#[derive(Clone, Copy, Default)]
struct Answer {
    /// Octets that the host gave for it.
    lent: u64,
    /// Octets that `more` said of it.
    said: u64,
}

/// What the call that is running has used up.
struct Call {
    kind: Calling,
    import_calls: u32,
    stopwatch: Stopwatch,
}

impl Cell {
    pub(super) fn new(login: Box<dyn capability::Login>, terms: Terms, now: Instant) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(CAPABILITIES);
        Self {
            login,
            table,
            usage: Usage::default(),
            granted: false,
            stopped: None,
            has_open_message: false,
            committed: false,
            rescued: Rescued::default(),
            forwarding: Forwarding::default(),
            wasi: None,
            terms,
            memory: 0,
            table_elements: 0,
            computed: Duration::ZERO,
            answer: Answer::default(),
            call: Call {
                kind: Calling::Other,
                import_calls: 0,
                stopwatch: Stopwatch::start(now),
            },
        }
    }

    /// A call into the guest begins.
    pub(super) fn begin_call(&mut self, kind: Calling, now: Instant) {
        self.call.kind = kind;
        self.call.import_calls = 0;
        self.call.stopwatch.restart(now);
        self.forwarding.clear();
        if matches!(kind, Calling::Lines { .. }) {
            self.answer = Answer::default();
        }
        // Memory that was refused, and done without, does not end a later call.
        self.stopped = None;
    }

    /// A call into the guest is over.
    pub(super) fn end_call(&mut self, now: Instant) {
        let computed = self.settle(now);
        self.computed += computed;
        self.call.stopwatch.restart(now);
    }

    /// The guest calls an import.
    ///
    /// # Errors
    ///
    /// It does so too often.
    pub(super) fn begin_import(&mut self) -> wasmtime::Result<()> {
        self.call.import_calls = self.call.import_calls.saturating_add(1);
        let most = self.terms.limits.host_calls;
        if self.call.import_calls > most {
            let limit = Limit::HostCalls(most);
            self.stopped = Some(limit.into());
            return Err(wasmtime::Error::msg(limit.name()));
        }
        Ok(())
    }

    /// The call that is running.
    pub(super) fn calling(&self) -> Calling {
        self.call.kind
    }

    /// The guest was given octets to answer with.
    pub(super) fn lent_octets(&mut self, octets: usize) {
        let octets = u64::try_from(octets).unwrap_or(u64::MAX);
        self.answer.lent = self.answer.lent.saturating_add(octets);
    }

    /// The guest was told of so many messages, to list them.
    pub(super) fn lent_entries(&mut self, messages: usize) {
        let messages = u64::try_from(messages).unwrap_or(u64::MAX);
        let octets = messages.saturating_mul(LISTED_OCTETS);
        self.answer.lent = self.answer.lent.saturating_add(octets);
    }

    /// The guest has gone on with an answer.
    ///
    /// # Errors
    ///
    /// [`Limit::AnswerOctets`]: it was not given what it says.
    pub(super) fn went_on(&mut self, octets: usize) -> Result<(), Error> {
        let octets = u64::try_from(octets).unwrap_or(u64::MAX);
        self.answer.said = self.answer.said.saturating_add(octets);
        let limits = &self.terms.limits;
        if self.answer.said > limits::allowance(limits, self.answer.lent) {
            return Err(Limit::AnswerOctets(limits.answer_octets).into());
        }
        Ok(())
    }

    /// Octets of linear memory that the guest has.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    /// Time that the session's guests have computed in all calls that are over.
    pub(super) fn computed(&self) -> Duration {
        self.computed
    }

    /// The session has computed for so long in the cells before this one.
    pub(super) fn has_computed(&mut self, before: Duration) {
        self.computed += before;
    }

    /// What the limits are, and who is charged.
    pub(super) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Puts the cell under other terms. `false`, and all is as it was, if it does not fit them.
    pub(super) fn adopt(&mut self, terms: Terms) -> bool {
        if self.memory > terms.limits.memory || !terms.budget.take_memory(self.memory) {
            return false;
        }
        self.terms.budget.return_memory(self.memory);
        self.terms = terms;
        true
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
        self.call.stopwatch.leave_out(time);
    }

    /// Time that the guest has waited because it wanted to is its own.
    pub(super) fn waited(&mut self, time: Duration) {
        self.call.stopwatch.add(time);
        self.terms.budget.charge(Instant::now(), time);
    }

    /// Lets other tasks run. However many they are, that is not the guest's time either.
    pub(super) fn give_way(&self) -> impl Future<Output = ()> + Send + 'static {
        self.call.stopwatch.give_way()
    }

    /// Whether the guest may go on computing; if not, the reason is noted.
    pub(super) fn may_go_on(&mut self, now: Instant) -> bool {
        let computed = self.settle(now);
        let limits = &self.terms.limits;
        let stopped = if computed + TICK >= limits.call_time.max(2 * TICK) {
            Limit::CallTime(limits.call_time)
        } else if self.computed + computed >= limits.session_time {
            Limit::SessionTime(limits.session_time)
        } else {
            return true;
        };
        self.stopped = Some(stopped.into());
        false
    }

    /// Time that the guest may still take in this call.
    pub(super) fn time_left(&self, now: Instant) -> Duration {
        let limits = &self.terms.limits;
        limits
            .call_time
            .saturating_sub(self.call.stopwatch.read(now))
    }

    /// Notes that the guest has used up its time; it is trapped with it.
    pub(super) fn out_of_time(&mut self) -> wasmtime::Error {
        let limit = Limit::CallTime(self.terms.limits.call_time);
        self.stopped = Some(limit.into());
        wasmtime::Error::msg(limit.name())
    }

    /// Charges what the guest has computed since the last time; gives what it has in this call.
    fn settle(&mut self, now: Instant) -> Duration {
        let (more, computed) = self.call.stopwatch.look(now);
        self.terms.budget.charge(now, more);
        computed
    }

    /// Notes a breach of the contract; the guest is trapped with it.
    pub(super) fn breach(&mut self, what: &'static str) -> wasmtime::Error {
        self.stopped = Some(Error::Contract(what));
        wasmtime::Error::msg(what)
    }
}

/// What the cell had is its tenant's again.
impl Drop for Cell {
    fn drop(&mut self) {
        self.terms.budget.return_memory(self.memory);
    }
}

impl ResourceLimiter for Cell {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let Terms { limits, budget } = &self.terms;
        let more = desired.saturating_sub(current);
        let memory = self.memory.saturating_add(more);
        if memory > limits.memory {
            self.stopped = Some(Limit::Memory(limits.memory).into());
            return Ok(false);
        }
        if !budget.take_memory(more) {
            self.stopped = Some(Limit::TenantMemory(budget.most_memory()).into());
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
        let most = self.terms.limits.table_elements;
        if elements > most {
            self.stopped = Some(Limit::TableElements(most).into());
            return Ok(false);
        }
        self.table_elements = elements;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.terms.limits.instances
    }
}

#[cfg(test)]
mod tests;
