//! No sandbox: the session of `component/` compiled into the host and called straight, to measure
//! what the sandbox costs. For benchmarks alone (the feature `native-session`).
//!
//! What it may call is `host.rs`, as it is for a guest, with the same cell and the same bounds. There
//! is no deadline and no limit of memory: a call runs on its thread to its end. Where an import has
//! to wait, the thread does.

mod wait;
mod words;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use popcell_component as component;
use wasmtime::component::Resource;

use self::wait::wait;
use super::{
    Connection,
    cell::{Cell, Exchange, Maildrop, Message},
    contract::{
        Given, Suspended,
        v0_1::{
            auth::{self, Host as _, HostExchange as _},
            mail::{self, HostMaildrop as _, HostMessage as _},
        },
    },
    running::no_session,
};

/// Why there is a cell: a call that has panicked is the last one.
const BETWEEN_CALLS: &str = "the cell is here between two calls";

/// A cell with a session of the host's own code.
pub(super) struct Native {
    /// Lent to the desk during a call.
    cell: Option<Box<Cell>>,
    desk: Desk,
    session: Option<component::Session<Desk>>,
}

/// Where the session finds its imports during a call.
#[derive(Clone, Default)]
pub(super) struct Desk(Arc<Mutex<Lent>>);

#[derive(Default)]
struct Lent {
    cell: Option<Box<Cell>>,
    /// What would have trapped a guest.
    breach: Option<wasmtime::Error>,
}

/// A capability that the session owns.
pub(super) struct Owned<T: Capability> {
    desk: Desk,
    /// Its name in the cell, until it is given away.
    own: Option<Resource<T>>,
}

/// How a session lets go of one.
pub(super) trait Capability: Sized + 'static {
    fn let_go(cell: &mut Cell, own: Resource<Self>) -> wasmtime::Result<()>;
}

impl Native {
    pub(super) fn new(cell: Cell) -> Self {
        Self {
            cell: Some(Box::new(cell)),
            desk: Desk::default(),
            session: None,
        }
    }

    pub(super) fn cell(&self) -> &Cell {
        self.cell.as_deref().expect(BETWEEN_CALLS)
    }

    pub(super) fn cell_mut(&mut self) -> &mut Cell {
        self.cell.as_deref_mut().expect(BETWEEN_CALLS)
    }

    pub(super) fn begin(&mut self, connection: &Connection) {
        let session = component::Session::new(self.desk.clone(), connection.into());
        self.session = Some(session);
    }

    pub(super) fn greet(&mut self) -> wasmtime::Result<Given> {
        self.step(component::Session::greet)
    }

    pub(super) fn lines(&mut self, (lines, max): (&[u8], u32)) -> wasmtime::Result<Given> {
        self.step(|session| session.lines(lines, max))
    }

    pub(super) fn more(&mut self, max: u32) -> wasmtime::Result<Given> {
        self.step(|session| session.more(max))
    }

    pub(super) fn overlong(&mut self) -> wasmtime::Result<Given> {
        self.step(component::Session::overlong)
    }

    pub(super) fn suspend(&mut self) -> wasmtime::Result<Suspended> {
        let session = self.session.take().ok_or_else(no_session)?;
        let parked = self.call(|| session.suspend())?;
        Ok(Suspended {
            state: parked.state,
            maildrop: parked.maildrop.and_then(Owned::give),
            message: parked.message.and_then(Owned::give),
            exchange: parked.exchange.and_then(Owned::give),
        })
    }

    pub(super) fn resume(
        &mut self,
        suspended: Suspended,
        connection: &Connection,
    ) -> wasmtime::Result<Result<(), &'static str>> {
        let desk = self.desk.clone();
        let parked = component::Parked {
            state: suspended.state,
            maildrop: suspended.maildrop.map(|own| desk.owned(own)),
            message: suspended.message.map(|own| desk.owned(own)),
            exchange: suspended.exchange.map(|own| desk.owned(own)),
        };
        let resumed = || component::Session::resume(desk, parked, connection.into());
        Ok(match self.call(resumed)? {
            Ok(session) => {
                self.session = Some(session);
                Ok(())
            }
            Err(component::ResumeError::UnknownFormat) => Err("unknown-format"),
            Err(component::ResumeError::CapabilityMismatch) => Err("capability-mismatch"),
        })
    }

    fn step(
        &mut self,
        call: impl FnOnce(&mut component::Session<Desk>) -> component::Step,
    ) -> wasmtime::Result<Given> {
        let mut session = self.session.take().ok_or_else(no_session)?;
        let step = self.call(|| call(&mut session))?;
        self.session = Some(session);
        Ok(step.into())
    }

    /// Makes a call with the cell at the desk. After a breach its answer counts for nothing.
    fn call<T>(&mut self, call: impl FnOnce() -> T) -> wasmtime::Result<T> {
        self.desk.lent().cell = self.cell.take();
        let given = call();
        let breach = {
            let mut lent = self.desk.lent();
            self.cell = lent.cell.take();
            lent.breach.take()
        };
        breach.map_or(Ok(given), Err)
    }
}

impl Desk {
    fn lent(&self) -> MutexGuard<'_, Lent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls an import; gives `otherwise` where a guest would have been trapped.
    fn import<T>(&self, otherwise: T, import: impl FnOnce(&mut Cell) -> wasmtime::Result<T>) -> T {
        let mut lent = self.lent();
        let Lent {
            cell: Some(cell),
            breach: breach @ None,
        } = &mut *lent
        else {
            return otherwise;
        };
        match import(cell) {
            Ok(given) => given,
            Err(error) => {
                *breach = Some(error);
                otherwise
            }
        }
    }

    fn owned<T: Capability>(&self, own: Resource<T>) -> Owned<T> {
        Owned {
            desk: self.clone(),
            own: Some(own),
        }
    }

    fn admitted(
        &self,
        granted: Result<Resource<Maildrop>, auth::Refusal>,
    ) -> Result<Owned<Maildrop>, component::Refusal> {
        granted.map(|own| self.owned(own)).map_err(Into::into)
    }

    fn turn(&self, turn: auth::Turn) -> component::Turn<Owned<Maildrop>> {
        match turn {
            auth::Turn::Challenge(challenge) => component::Turn::Challenge(challenge),
            auth::Turn::Done(own) => component::Turn::Done(self.owned(own)),
            auth::Turn::Refused(refusal) => component::Turn::Refused(refusal.into()),
        }
    }
}

impl<T: Capability> Owned<T> {
    /// Calls an import with this capability.
    fn import<R>(
        &self,
        otherwise: R,
        import: impl FnOnce(&mut Cell, Resource<T>) -> wasmtime::Result<R>,
    ) -> R {
        let Some(own) = &self.own else {
            return otherwise;
        };
        let lent = Resource::new_borrow(own.rep());
        self.desk.import(otherwise, |cell| import(cell, lent))
    }

    fn give(mut self) -> Option<Resource<T>> {
        self.own.take()
    }
}

/// Outside of a call nobody is told: then the cell goes as well, or what is in it stays.
impl<T: Capability> Drop for Owned<T> {
    fn drop(&mut self) {
        if let Some(own) = self.own.take() {
            self.desk.import((), |cell| T::let_go(cell, own));
        }
    }
}

impl Capability for Maildrop {
    fn let_go(cell: &mut Cell, own: Resource<Self>) -> wasmtime::Result<()> {
        mail::HostMaildrop::drop(cell, own)
    }
}

impl Capability for Message {
    fn let_go(cell: &mut Cell, own: Resource<Self>) -> wasmtime::Result<()> {
        mail::HostMessage::drop(cell, own)
    }
}

impl Capability for Exchange {
    fn let_go(cell: &mut Cell, own: Resource<Self>) -> wasmtime::Result<()> {
        auth::HostExchange::drop(cell, own)
    }
}

impl component::Host for Desk {
    type Exchange = Owned<Exchange>;
    type Maildrop = Owned<Maildrop>;

    fn password(
        &self,
        user: &[u8],
        password: &[u8],
    ) -> Result<Owned<Maildrop>, component::Refusal> {
        let granted = self.import(Err(auth::Refusal::Permanent), |cell| {
            wait(cell.password(user.to_vec(), password.to_vec()))
        });
        self.admitted(granted)
    }

    fn apop(&self, user: &[u8], digest: &[u8]) -> Result<Owned<Maildrop>, component::Refusal> {
        let granted = self.import(Err(auth::Refusal::Permanent), |cell| {
            wait(cell.apop(user.to_vec(), digest.to_vec()))
        });
        self.admitted(granted)
    }

    fn start(&self, mechanism: &str) -> Option<Owned<Exchange>> {
        let started = self.import(None, |cell| cell.start(mechanism.to_owned()));
        started.map(|own| self.owned(own))
    }
}

impl component::Exchange for Owned<Exchange> {
    type Maildrop = Owned<Maildrop>;

    fn begin(&self, initial: Option<&[u8]>) -> component::Turn<Owned<Maildrop>> {
        let failed = auth::Turn::Refused(auth::Refusal::Permanent);
        let turn = self.import(failed, |cell, this| {
            wait(cell.begin(this, initial.map(<[u8]>::to_vec)))
        });
        self.desk.turn(turn)
    }

    fn respond(&self, response: &[u8]) -> component::Turn<Owned<Maildrop>> {
        let failed = auth::Turn::Refused(auth::Refusal::Permanent);
        let turn = self.import(failed, |cell, this| {
            wait(cell.respond(this, response.to_vec()))
        });
        self.desk.turn(turn)
    }
}

impl component::Maildrop for Owned<Maildrop> {
    type Message = Owned<Message>;

    fn summary(&self) -> component::Summary {
        let none = mail::Summary {
            count: 0,
            octets: 0,
        };
        let mail::Summary { count, octets } = self.import(none, Cell::summary);
        component::Summary { count, octets }
    }

    fn sizes(&self, first: u32, max: u32) -> Result<Vec<u64>, component::Fault> {
        let sizes = self.import(Err(mail::Fault::Permanent), |cell, this| {
            cell.sizes(this, first, max)
        });
        sizes.map_err(Into::into)
    }

    fn uids(&self, first: u32, max: u32) -> Result<Vec<u8>, component::Fault> {
        let uids = self.import(Err(mail::Fault::Permanent), |cell, this| {
            cell.uids(this, first, max)
        });
        uids.map_err(Into::into)
    }

    fn announce(&self) -> Vec<String> {
        self.import(Vec::new(), Cell::announce)
    }

    fn open(&self, number: u32) -> Result<Owned<Message>, component::Fault> {
        let opened = self.import(Err(mail::Fault::Permanent), |cell, this| {
            wait(cell.open(this, number))
        });
        opened.map(|own| self.desk.owned(own)).map_err(Into::into)
    }

    fn forward(
        &self,
        number: u32,
        max: u32,
        at: u32,
        stuffed: u8,
    ) -> Option<Result<component::Opened<Owned<Message>>, component::Fault>> {
        let opened = self.import(Err(mail::Fault::Permanent), |cell, this| {
            wait(mail::HostMaildrop::forward(
                cell, this, number, max, at, stuffed,
            ))
        });
        let opened = opened.map(|mail::Opened { forwarded, message }| component::Opened {
            forwarded: forwarded.into(),
            message: message.map(|own| self.desk.owned(own)),
        });
        Some(opened.map_err(Into::into))
    }

    fn commit(mut self, marks: &[u8]) -> Result<(), component::Unfinished> {
        let nothing = mail::Unfinished {
            removed: 0,
            kept: 0,
        };
        let Some(own) = self.own.take() else {
            return Ok(());
        };
        let committed = self
            .desk
            .import(Err(nothing), |cell| wait(cell.commit(own, marks.to_vec())));
        committed
            .map_err(|mail::Unfinished { removed, kept }| component::Unfinished { removed, kept })
    }
}

impl component::Message for Owned<Message> {
    fn read(&self, max: u32) -> Result<Vec<u8>, component::Fault> {
        let read = self.import(Err(mail::Fault::Permanent), |cell, this| {
            wait(cell.read(this, max))
        });
        read.map_err(Into::into)
    }

    fn forward(
        &self,
        max: u32,
        at: u32,
        at_line_start: bool,
        stuffed: u8,
    ) -> Option<Result<component::Forwarded, component::Fault>> {
        let forwarded = self.import(Err(mail::Fault::Permanent), |cell, this| {
            wait(mail::HostMessage::forward(
                cell,
                this,
                max,
                at,
                at_line_start,
                stuffed,
            ))
        });
        Some(forwarded.map(Into::into).map_err(Into::into))
    }
}
