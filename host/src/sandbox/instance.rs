//! One session in one cell: calls in, steps out, one at a time.
//!
//! Every call gets its deadline here, and what ends a session is found out here. After an error the
//! session is dead: nothing is deleted, and dropping it releases its maildrop.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::{error::Elapsed, timeout};
use wasmtime::{Store, UpdateDeadline};

#[cfg(feature = "native-session")]
use super::native::Native;
use super::{
    Connection, Error, Limit, Next, Parked, Step, Terms, Usage, Version,
    cell::{Calling, Cell},
    contract::{Given, Suspended},
    convert::{self, Asked},
    park::{self, NotMoved},
    retreat,
    running::{Instance, Running},
};
use crate::capability;

/// A session of POP3 in a sandbox.
///
/// One call at a time, and its output is sent, in order, before the next call.
pub struct Session {
    running: Running,
    /// Kept alive, and named in the log, for as long as the session runs in it.
    version: Arc<Version>,
    /// The component has let go of it once, so that it does so at all is known.
    has_come_out: bool,
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
        terms: Terms,
    ) -> Result<Self, Error> {
        let mut running = instantiate(&version, login, terms).await?;
        let line_time = begin(&mut running, Calling::Other);
        let begun = timeout(line_time, running.begin(connection)).await;
        settle(&mut running, begun)?;
        Ok(Self::of(running, version))
    }

    /// A session that was suspended, in this or in another component.
    ///
    /// # Errors
    ///
    /// [`NotMoved`]: the component does not take it.
    pub(super) async fn resume(
        version: Arc<Version>,
        login: Box<dyn capability::Login>,
        parked: Parked,
        connection: &Connection,
        terms: Terms,
    ) -> Result<Self, NotMoved> {
        let mut running = match instantiate(&version, login, terms).await {
            Ok(running) => running,
            Err(error) => return Err(NotMoved::new(error, parked)),
        };
        let parked = park::admit(running.cell_mut(), parked);
        match call_resume(&mut running, parked, connection).await {
            Ok(()) => Ok(Self::of(running, version)),
            Err(error) => Err(NotMoved {
                error,
                parked: retreat::rescue(running.cell_mut()).map(Box::new),
            }),
        }
    }

    fn of(running: Running, version: Arc<Version>) -> Self {
        Self {
            running,
            version,
            has_come_out: false,
        }
    }

    /// Makes sure that the session can be taken back as it is now if the next call fails. It is
    /// suspended, and resumed where it is; behind a `resume` too, the first time, since a
    /// component that does not let go of it after the next call would have it for good.
    ///
    /// # Errors
    ///
    /// An [`Error`] of the guest; the session is over, unless [`retreat`](Self::retreat) has it.
    pub async fn checkpoint(&mut self, connection: &Connection) -> Result<(), Error> {
        if self.has_come_out && self.running.cell().rescued.is_possible() {
            return Ok(());
        }
        let parked = self.call_suspend().await?;
        let cell = self.running.cell_mut();
        park::check_state(cell, &parked)?;
        park::remember(cell, &parked);
        call_resume(&mut self.running, parked, connection).await?;
        self.has_come_out = true;
        Ok(())
    }

    /// The session as it was before the call that has failed; `None` if there was no
    /// [`checkpoint`](Self::checkpoint) and no `resume` before that call, or if the call has made a
    /// claim to be a user or a commit.
    pub fn retreat(mut self) -> Option<Parked> {
        retreat::rescue(self.running.cell_mut())
    }

    /// The greeting. Called once, and first.
    ///
    /// # Errors
    ///
    /// An [`Error`] of the guest; the session is over.
    pub async fn greet(&mut self) -> Result<Step, Error> {
        let line_time = begin(&mut self.running, Calling::Other);
        let step = timeout(line_time, self.running.greet()).await;
        let step = settle(&mut self.running, step)?;
        convert::step(step, Asked::Fixed)
    }

    /// Answers complete lines, until about `max` octets of output are ready.
    ///
    /// # Errors
    ///
    /// An [`Error`] of the guest; the session is over.
    pub async fn lines(&mut self, lines: &[u8], max: u32) -> Result<Step, Error> {
        let has_quit = convert::has_quit(lines);
        let line_time = begin(&mut self.running, Calling::Lines { has_quit, max });
        let step = timeout(line_time, self.running.lines((lines, max))).await;
        let step = self.whole(step)?;
        let step = convert::step(step, Asked::Lines(lines, max))?;
        self.check_end(&step)?;
        Ok(self.done(step))
    }

    /// About `max` further octets of the answer, after a step whose `next` was [`Next::More`].
    ///
    /// [`Next::More`]: super::Next::More
    ///
    /// # Errors
    ///
    /// An [`Error`] of the guest; the session is over.
    pub async fn more(&mut self, max: u32) -> Result<Step, Error> {
        let line_time = begin(&mut self.running, Calling::More { max });
        let step = timeout(line_time, self.running.more(max)).await;
        let step = self.whole(step)?;
        let step = convert::step(step, Asked::More(max))?;
        self.running.cell_mut().went_on(step.output.len())?;
        self.check_end(&step)?;
        Ok(self.done(step))
    }

    /// What the session says to a line that was too long.
    ///
    /// # Errors
    ///
    /// An [`Error`] of the guest; the session is over.
    pub async fn overlong(&mut self) -> Result<Step, Error> {
        let line_time = begin(&mut self.running, Calling::Other);
        let step = timeout(line_time, self.running.overlong()).await;
        let step = settle(&mut self.running, step)?;
        let step = convert::step(step, Asked::Fixed)?;
        Ok(self.done(step))
    }

    /// Takes the session out of its cell, as a value.
    ///
    /// # Errors
    ///
    /// [`NotMoved`] with an [`Error`] of the guest; unless it gives the session back, that is over
    /// and its maildrop released.
    pub async fn suspend(mut self) -> Result<Parked, NotMoved> {
        let suspended = self.call_suspend().await;
        let cell = self.running.cell_mut();
        match suspended {
            Ok(parked) => park::release(cell, parked).map_err(|error| NotMoved {
                error,
                parked: None,
            }),
            Err(error) => Err(NotMoved {
                error,
                parked: retreat::rescue(cell).map(Box::new),
            }),
        }
    }

    async fn call_suspend(&mut self) -> Result<Suspended, Error> {
        let line_time = begin(&mut self.running, Calling::Other);
        let parked = timeout(line_time, self.running.suspend()).await;
        settle(&mut self.running, parked)
    }

    /// Puts the session under other terms, those of the tenant that its user turned out to belong
    /// to. `false`, and all is as it was, if it has more memory than they allow.
    pub fn adopt(&mut self, terms: Terms) -> bool {
        self.running.cell_mut().adopt(terms)
    }

    /// Whether a login has succeeded.
    pub fn is_logged_in(&self) -> bool {
        self.running.cell().granted
    }

    /// What the session has done so far.
    pub fn usage(&self) -> Usage {
        self.running.cell().usage
    }

    /// The component that it runs in.
    pub fn version(&self) -> &Arc<Version> {
        &self.version
    }

    /// Octets of linear memory that its cell has.
    pub fn memory(&self) -> usize {
        self.running.cell().memory()
    }

    /// Time that its guests have computed so far.
    pub fn computed(&self) -> Duration {
        self.running.cell().computed()
    }

    /// Whether its tenant has used more time than its share, so that others come first.
    pub fn is_overdrawn(&self) -> bool {
        self.running
            .cell()
            .terms()
            .budget
            .is_overdrawn(Instant::now())
    }

    /// A call that gives a step is over: what the guest forwarded in it is put where it belongs.
    fn whole(&mut self, step: Result<wasmtime::Result<Given>, Elapsed>) -> Result<Given, Error> {
        let step = settle(&mut self.running, step)?;
        let output = self.running.cell_mut().forwarding.put_into(step.output)?;
        Ok(Given { output, ..step })
    }

    /// After a commit there is nothing to do but to say so and close.
    fn check_end(&self, step: &Step) -> Result<(), Error> {
        let is_end = matches!(step.next, Next::Close | Next::Abort);
        if self.running.cell().committed && !is_end {
            return Err(Error::Contract("a session that goes on after its commit"));
        }
        Ok(())
    }

    /// The call is over as it should be: there is no way back behind it.
    fn done(&mut self, step: Step) -> Step {
        self.running.cell_mut().rescued.give_up();
        step
    }
}

/// Makes the cell: a store with its limits and an instance in it.
async fn instantiate(
    version: &Version,
    login: Box<dyn capability::Login>,
    terms: Terms,
) -> Result<Running, Error> {
    let most = terms.limits;
    let mut cell = Cell::new(login, terms, Instant::now());
    cell.begin_call(Calling::Other, Instant::now());
    #[cfg(feature = "native-session")]
    if version.is_native {
        return Ok(Running::Native(Native::new(cell)));
    }
    let ticking = version.clock.keep_going();
    let mut store = Store::new(version.pre.engine(), cell);
    store.limiter(|cell| cell);
    store.set_hostcall_fuel(most.call_octets);
    store.set_max_component_handles(HANDLES);
    store.epoch_deadline_callback(|mut context| {
        let cell = context.data_mut();
        if cell.may_go_on(Instant::now()) {
            return Ok(UpdateDeadline::YieldCustom(1, Box::pin(cell.give_way())));
        }
        Ok(UpdateDeadline::Interrupt)
    });
    store.set_epoch_deadline(1);
    let instantiated = version.pre.instantiate(&mut store);
    match timeout(most.line_time, instantiated).await {
        Ok(Ok(guest)) => Ok(Running::Instance(Instance::new(store, guest, ticking))),
        Ok(Err(error)) if error.is::<wasmtime::PoolConcurrencyLimitError>() => {
            Err(Error::Exhausted)
        }
        Ok(Err(error)) => Err(cause(store.data_mut(), &error)),
        Err(_) => Err(Limit::LineTime(most.line_time).into()),
    }
}

/// Handles that all instances of a cell may have at once, those of the guest's own resources too:
/// a table of the host grows with them. The contract needs four, and one more while it is lent.
const HANDLES: usize = 64;

/// Calls `resume` with what was lent for it.
async fn call_resume(
    running: &mut Running,
    parked: Suspended,
    connection: &Connection,
) -> Result<(), Error> {
    let line_time = begin(running, Calling::Resume);
    let resumed = timeout(line_time, running.resume(parked, connection)).await;
    settle(running, resumed)?.map_err(Error::Refused)
}

/// A call begins; it may take so long.
fn begin(running: &mut Running, kind: Calling) -> Duration {
    running.watch();
    let cell = running.cell_mut();
    cell.begin_call(kind, Instant::now());
    cell.terms().limits.line_time
}

/// A call is over, as it should be or not.
fn settle<T>(
    running: &mut Running,
    called: Result<wasmtime::Result<T>, Elapsed>,
) -> Result<T, Error> {
    let cell = running.cell_mut();
    cell.end_call(Instant::now());
    let limits = cell.terms().limits;
    match called {
        Ok(Ok(_)) if cell.computed() >= limits.session_time => {
            Err(Limit::SessionTime(limits.session_time).into())
        }
        Ok(Ok(given)) => Ok(given),
        Ok(Err(error)) => Err(cause(cell, &error)),
        Err(_) => Err(Limit::LineTime(limits.line_time).into()),
    }
}

/// What ended the guest: the host's own reason, if it had one.
fn cause(cell: &mut Cell, error: &wasmtime::Error) -> Error {
    let limits = cell.terms().limits;
    cell.stopped.take().unwrap_or_else(|| {
        if let Some(trap) = error.downcast_ref::<wasmtime::Trap>() {
            return Error::Trap(trap.to_string());
        }
        let cause = error.root_cause().to_string();
        // These two have no type of their own that could be asked for.
        if cause.contains("fuel allocated for hostcalls") {
            Limit::CallOctets(limits.call_octets).into()
        } else if cause.contains("instance count too high") {
            Limit::Instances(limits.instances).into()
        } else {
            Error::Trap(cause)
        }
    })
}
