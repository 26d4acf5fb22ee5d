//! One session in one cell: calls in, steps out, one at a time.
//!
//! Every call gets its deadline here, and what ends a session is found out here. After an error the
//! session is dead: nothing is deleted, and dropping it releases its maildrop.

use std::{sync::Arc, time::Instant};

use wasmtime::{Store, UpdateDeadline, component::ResourceAny};

use super::{
    Connection, Error, Limits, Parked, Step, Usage, Version,
    bindings::{Pop3Session, wit},
    cell::{Cell, Exchange, Maildrop, Message, Phase},
    convert::{self, Asked},
};
use crate::capability;

/// A session of POP3 in a sandbox.
///
/// One call at a time, and its output is sent, in order, before the next call.
pub struct Session {
    store: Store<Cell>,
    guest: Pop3Session,
    session: ResourceAny,
    /// Kept alive, and named in the log, for as long as the session runs in it.
    version: Arc<Version>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A new session in an instance of its own.
    pub(super) async fn new(
        version: Arc<Version>,
        login: Box<dyn capability::Login>,
        connection: &Connection,
        limits: Limits,
    ) -> Result<Self, Error> {
        let (mut store, guest) = instantiate(&version, login, limits).await?;
        let exports = guest.popcell_pop3_session().session();
        let session = exports
            .call_constructor(&mut store, &connection.into())
            .await;
        let session = session.map_err(|error| cause(&mut store, &error))?;
        Ok(Self {
            store,
            guest,
            session,
            version,
        })
    }

    /// A session that was suspended, in this or in another component.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the component does not read the state; the capabilities are dropped.
    pub(super) async fn resume(
        version: Arc<Version>,
        login: Box<dyn capability::Login>,
        parked: Parked,
        connection: &Connection,
        limits: Limits,
    ) -> Result<Self, Error> {
        let (mut store, guest) = instantiate(&version, login, limits).await?;
        let parked = admit(store.data_mut(), parked);
        let parked = parked.map_err(|error| cause(&mut store, &error))?;
        let exports = guest.popcell_pop3_session().session();
        let session = exports
            .call_resume(&mut store, &parked, &connection.into())
            .await;
        let session = session.map_err(|error| cause(&mut store, &error))?;
        let session = session.map_err(|error| {
            Error::Refused(match error {
                wit::ResumeError::UnknownFormat => "unknown-format",
                wit::ResumeError::CapabilityMismatch => "capability-mismatch",
            })
        })?;
        Ok(Self {
            store,
            guest,
            session,
            version,
        })
    }

    /// The greeting. Called once, and first.
    ///
    /// # Errors
    ///
    /// An [`Error`] of the guest; the session is over.
    pub async fn greet(&mut self) -> Result<Step, Error> {
        self.begin();
        let session = self.guest.popcell_pop3_session().session();
        let step = session.call_greet(&mut self.store, self.session).await;
        self.end(step, Asked::Fixed)
    }

    /// Answers complete lines, until about `max` octets of output are ready.
    ///
    /// # Errors
    ///
    /// An [`Error`] of the guest; the session is over.
    pub async fn lines(&mut self, lines: &[u8], max: u32) -> Result<Step, Error> {
        self.begin();
        let session = self.guest.popcell_pop3_session().session();
        let step = session
            .call_lines(&mut self.store, self.session, lines, max)
            .await;
        self.end(step, Asked::Lines(lines, max))
    }

    /// About `max` further octets of the answer, after a step whose `next` was [`Next::More`].
    ///
    /// [`Next::More`]: super::Next::More
    ///
    /// # Errors
    ///
    /// An [`Error`] of the guest; the session is over.
    pub async fn more(&mut self, max: u32) -> Result<Step, Error> {
        self.begin();
        let session = self.guest.popcell_pop3_session().session();
        let step = session.call_more(&mut self.store, self.session, max).await;
        self.end(step, Asked::More(max))
    }

    /// What the session says to a line that was too long.
    ///
    /// # Errors
    ///
    /// An [`Error`] of the guest; the session is over.
    pub async fn overlong(&mut self) -> Result<Step, Error> {
        self.begin();
        let session = self.guest.popcell_pop3_session().session();
        let step = session.call_overlong(&mut self.store, self.session).await;
        self.end(step, Asked::Fixed)
    }

    /// Takes the session out of its cell, as a value.
    ///
    /// # Errors
    ///
    /// An [`Error`] of the guest; the session is over and its maildrop released.
    pub async fn suspend(mut self) -> Result<Parked, Error> {
        self.begin();
        let session = self.guest.popcell_pop3_session().session();
        let parked = session.call_suspend(&mut self.store, self.session).await;
        let parked = parked.map_err(|error| cause(&mut self.store, &error))?;
        release(self.store.data_mut(), parked)
    }

    /// Whether a login has succeeded.
    pub fn is_logged_in(&self) -> bool {
        self.store.data().granted
    }

    /// What the session has done so far.
    pub fn usage(&self) -> Usage {
        self.store.data().usage
    }

    /// The component that it runs in.
    pub fn version(&self) -> &Version {
        &self.version
    }

    fn begin(&mut self) {
        begin_call(&mut self.store);
    }

    fn end(&mut self, step: wasmtime::Result<wit::Step>, asked: Asked<'_>) -> Result<Step, Error> {
        let step = step.map_err(|error| cause(&mut self.store, &error))?;
        convert::step(step, asked)
    }
}

/// Makes the cell: a store with its limits and an instance in it.
async fn instantiate(
    version: &Version,
    login: Box<dyn capability::Login>,
    limits: Limits,
) -> Result<(Store<Cell>, Pop3Session), Error> {
    let cell = Cell::new(login, limits, Instant::now());
    let mut store = Store::new(version.pre.engine(), cell);
    store.limiter(|cell| cell);
    store.set_hostcall_fuel(HOSTCALL_OCTETS);
    store.set_max_component_handles(HANDLES);
    store.epoch_deadline_callback(|mut context| {
        let cell = context.data_mut();
        if cell.may_go_on(Instant::now()) {
            return Ok(UpdateDeadline::YieldCustom(1, Box::pin(cell.give_way())));
        }
        Ok(UpdateDeadline::Interrupt)
    });
    begin_call(&mut store);
    match version.pre.instantiate_async(&mut store).await {
        Ok(guest) => Ok((store, guest)),
        Err(error) if error.is::<wasmtime::PoolConcurrencyLimitError>() => Err(Error::Exhausted),
        Err(error) => Err(cause(&mut store, &error)),
    }
}

/// Octets that one call may make the host copy: as much as the contract ever needs, twice.
const HOSTCALL_OCTETS: usize = 4 * 1024 * 1024;

/// Handles that all instances of a cell may have at once, those of the guest's own resources too:
/// a table of the host grows with them. The contract needs four, and one more while it is lent.
const HANDLES: usize = 64;

fn begin_call(store: &mut Store<Cell>) {
    store.set_epoch_deadline(1);
    store.data_mut().begin_call(Instant::now());
}

/// What ended the guest: the host's own reason, if it had one.
fn cause(store: &mut Store<Cell>, error: &wasmtime::Error) -> Error {
    let stopped = store.data_mut().stopped.take();
    stopped.unwrap_or_else(|| match error.downcast_ref::<wasmtime::Trap>() {
        Some(trap) => Error::Trap(trap.to_string()),
        None => Error::Trap(error.root_cause().to_string()),
    })
}

/// Moves capabilities out of a cell.
fn release(cell: &mut Cell, parked: wit::Parked) -> Result<Parked, Error> {
    let foreign = |_| Error::Contract("a capability that is not the cell's");
    let marks = cell.usage.messages.div_ceil(8);
    let bound = MAX_STATE_OCTETS + usize::try_from(marks).unwrap_or(0);
    if parked.state.len() > bound {
        return Err(Error::Contract(
            "a state of more than 32 KiB and a bit a message",
        ));
    }
    let maildrop = parked
        .maildrop
        .map(|own| cell.table.delete(own))
        .transpose();
    let message = parked.message.map(|own| cell.table.delete(own)).transpose();
    let exchange = parked
        .exchange
        .map(|own| cell.table.delete(own))
        .transpose();
    let exchange = exchange.map_err(foreign)?;
    let is_waiting = |exchange: &Exchange| exchange.phase == Phase::Challenged;
    if !exchange.as_ref().is_none_or(is_waiting) {
        return Err(Error::Contract("an exchange that waits for no response"));
    }
    Ok(Parked {
        state: parked.state,
        maildrop: maildrop.map_err(foreign)?.map(|Maildrop(grant)| grant),
        message: message.map_err(foreign)?.map(|Message(message)| message),
        exchange: exchange.map(|Exchange { exchange, .. }| exchange),
        is_logged_in: cell.granted,
        usage: cell.usage,
    })
}

/// Octets of a suspended session's state beside a bit for each message, by the contract.
const MAX_STATE_OCTETS: usize = 32 * 1024;

/// Moves capabilities into a cell.
fn admit(cell: &mut Cell, parked: Parked) -> wasmtime::Result<wit::Parked> {
    cell.granted = parked.is_logged_in;
    cell.usage = parked.usage;
    cell.has_open_message = parked.message.is_some();
    let maildrop = parked.maildrop.map(Maildrop);
    let message = parked.message.map(Message);
    let exchange = parked.exchange.map(|exchange| Exchange {
        exchange,
        phase: Phase::Challenged,
    });
    Ok(wit::Parked {
        state: parked.state,
        maildrop: maildrop.map(|maildrop| cell.lend(maildrop)).transpose()?,
        message: message.map(|message| cell.lend(message)).transpose()?,
        exchange: exchange.map(|exchange| cell.lend(exchange)).transpose()?,
    })
}
