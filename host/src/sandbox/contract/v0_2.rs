//! Version 0.2 of the contract, for tests: what `bindgen!` makes of `tests/wit-next`, and its calls in
//! our words.
//!
//! What a guest of it may call is forwarded to `host.rs`, in the words of 0.1. The two versions have
//! the same functions; `mail.summary` and `session.connection` have a field more each.

use wasmtime::{
    Store,
    component::{HasSelf, InstancePre, Linker, Resource, ResourceAny},
};

use super::{Given, Suspended, v0_1};
use crate::sandbox::{
    Connection, Next,
    cell::{Cell, Exchange, Maildrop, Message},
};

/// What the host calls itself.
const HOST: &str = "popcell";

/// The generated modules; nothing in them is written by hand.
mod generated {
    wasmtime::component::bindgen!({
        path: "../tests/wit-next",
        world: "pop3-session",
        imports: {
            // What may wait for a disk, a hash or a delay; everything else answers at once.
            "popcell:pop3/auth.password": async | trappable,
            "popcell:pop3/auth.apop": async | trappable,
            "popcell:pop3/auth.[method]exchange.begin": async | trappable,
            "popcell:pop3/auth.[method]exchange.respond": async | trappable,
            "popcell:pop3/mail.[method]maildrop.open": async | trappable,
            "popcell:pop3/mail.[static]maildrop.commit": async | trappable,
            "popcell:pop3/mail.[method]message.read": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        with: {
            "popcell:pop3/mail.maildrop": super::super::super::cell::Maildrop,
            "popcell:pop3/mail.message": super::super::super::cell::Message,
            "popcell:pop3/auth.exchange": super::super::super::cell::Exchange,
        },
    });
}

use self::generated::popcell::pop3::{auth, mail};
use self::generated::{Pop3Session, Pop3SessionPre, exports::popcell::pop3::session as wit};

/// A component of this version, ready to be instantiated.
pub(in crate::sandbox) struct Pre(Pop3SessionPre<Cell>);

/// An instance of one.
pub(in crate::sandbox) struct Guest(Pop3Session);

/// Gives a component of this version what it imports.
pub(super) fn add_to_linker(linker: &mut Linker<Cell>) -> wasmtime::Result<()> {
    Pop3Session::add_to_linker::<Cell, HasSelf<Cell>>(linker, |cell| cell)
}

impl Pre {
    pub(super) fn new(pre: InstancePre<Cell>) -> wasmtime::Result<Self> {
        Pop3SessionPre::new(pre).map(Self)
    }

    pub(super) fn engine(&self) -> &wasmtime::Engine {
        self.0.engine()
    }

    pub(super) async fn instantiate(&self, store: &mut Store<Cell>) -> wasmtime::Result<Guest> {
        self.0.instantiate_async(store).await.map(Guest)
    }
}

impl Guest {
    fn session(&self) -> wit::GuestSession<'_> {
        self.0.popcell_pop3_session().session()
    }

    pub(super) async fn begin(
        &self,
        store: &mut Store<Cell>,
        connection: &Connection,
    ) -> wasmtime::Result<ResourceAny> {
        let connection = connection.into();
        self.session().call_constructor(store, &connection).await
    }

    pub(super) async fn greet(
        &self,
        store: &mut Store<Cell>,
        session: ResourceAny,
    ) -> wasmtime::Result<Given> {
        let step = self.session().call_greet(store, session).await;
        step.map(Into::into)
    }

    pub(super) async fn lines(
        &self,
        store: &mut Store<Cell>,
        session: ResourceAny,
        (lines, max): (&[u8], u32),
    ) -> wasmtime::Result<Given> {
        let step = self.session().call_lines(store, session, lines, max).await;
        step.map(Into::into)
    }

    pub(super) async fn more(
        &self,
        store: &mut Store<Cell>,
        session: ResourceAny,
        max: u32,
    ) -> wasmtime::Result<Given> {
        let step = self.session().call_more(store, session, max).await;
        step.map(Into::into)
    }

    pub(super) async fn overlong(
        &self,
        store: &mut Store<Cell>,
        session: ResourceAny,
    ) -> wasmtime::Result<Given> {
        let step = self.session().call_overlong(store, session).await;
        step.map(Into::into)
    }

    pub(super) async fn suspend(
        &self,
        store: &mut Store<Cell>,
        session: ResourceAny,
    ) -> wasmtime::Result<Suspended> {
        let parked = self.session().call_suspend(store, session).await?;
        Ok(Suspended {
            state: parked.state,
            maildrop: parked.maildrop,
            message: parked.message,
            exchange: parked.exchange,
        })
    }

    /// Gives the session, or what the guest has against it.
    pub(super) async fn resume(
        &self,
        store: &mut Store<Cell>,
        suspended: Suspended,
        connection: &Connection,
    ) -> wasmtime::Result<Result<ResourceAny, &'static str>> {
        let parked = wit::Parked {
            state: suspended.state,
            maildrop: suspended.maildrop,
            message: suspended.message,
            exchange: suspended.exchange,
        };
        let connection = connection.into();
        let resumed = self
            .session()
            .call_resume(store, &parked, &connection)
            .await?;
        Ok(resumed.map_err(|error| match error {
            wit::ResumeError::UnknownFormat => "unknown-format",
            wit::ResumeError::CapabilityMismatch => "capability-mismatch",
        }))
    }
}

impl From<wit::Step> for Given {
    fn from(step: wit::Step) -> Self {
        let next = match step.next {
            wit::Next::Lines => Next::Lines,
            wit::Next::More => Next::More,
            wit::Next::StartTls => Next::StartTls,
            wit::Next::Close => Next::Close,
            wit::Next::Abort => Next::Abort,
        };
        Self {
            consumed: step.consumed,
            output: step.output,
            next,
        }
    }
}

impl From<&Connection> for wit::Connection {
    fn from(connection: &Connection) -> Self {
        Self {
            banner: connection.banner.to_string(),
            host: HOST.to_owned(),
            challenge: connection.challenge.clone(),
            tls: connection.tls,
            may_start_tls: connection.may_start_tls,
            may_login: connection.may_login,
            mechanisms: connection.mechanism_names(),
            announce: connection.announce.to_vec(),
            max_bad_commands: connection.max_bad_commands,
            max_bad_commands_after_login: connection.max_bad_commands_after_login,
        }
    }
}

impl mail::Host for Cell {}

impl mail::HostMaildrop for Cell {
    fn summary(&mut self, this: Resource<Maildrop>) -> wasmtime::Result<mail::Summary> {
        let largest = self.largest(&this)?;
        let v0_1::mail::Summary { count, octets } = v0_1::mail::HostMaildrop::summary(self, this)?;
        Ok(mail::Summary {
            count,
            octets,
            largest,
        })
    }

    fn sizes(
        &mut self,
        this: Resource<Maildrop>,
        first: u32,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u64>, mail::Fault>> {
        v0_1::mail::HostMaildrop::sizes(self, this, first, max)
            .map(|given| given.map_err(Into::into))
    }

    fn uids(
        &mut self,
        this: Resource<Maildrop>,
        first: u32,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, mail::Fault>> {
        v0_1::mail::HostMaildrop::uids(self, this, first, max)
            .map(|given| given.map_err(Into::into))
    }

    fn announce(&mut self, this: Resource<Maildrop>) -> wasmtime::Result<Vec<String>> {
        v0_1::mail::HostMaildrop::announce(self, this)
    }

    async fn open(
        &mut self,
        this: Resource<Maildrop>,
        number: u32,
    ) -> wasmtime::Result<Result<Resource<Message>, mail::Fault>> {
        v0_1::mail::HostMaildrop::open(self, this, number)
            .await
            .map(|given| given.map_err(Into::into))
    }

    async fn commit(
        &mut self,
        this: Resource<Maildrop>,
        marks: Vec<u8>,
    ) -> wasmtime::Result<Result<(), mail::Unfinished>> {
        v0_1::mail::HostMaildrop::commit(self, this, marks)
            .await
            .map(|given| given.map_err(Into::into))
    }

    fn drop(&mut self, this: Resource<Maildrop>) -> wasmtime::Result<()> {
        v0_1::mail::HostMaildrop::drop(self, this)
    }
}

impl mail::HostMessage for Cell {
    async fn read(
        &mut self,
        this: Resource<Message>,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, mail::Fault>> {
        v0_1::mail::HostMessage::read(self, this, max)
            .await
            .map(|given| given.map_err(Into::into))
    }

    fn drop(&mut self, this: Resource<Message>) -> wasmtime::Result<()> {
        v0_1::mail::HostMessage::drop(self, this)
    }
}

impl auth::Host for Cell {
    async fn password(
        &mut self,
        user: Vec<u8>,
        password: Vec<u8>,
    ) -> wasmtime::Result<Result<Resource<Maildrop>, auth::Refusal>> {
        v0_1::auth::Host::password(self, user, password)
            .await
            .map(|given| given.map_err(Into::into))
    }

    async fn apop(
        &mut self,
        user: Vec<u8>,
        digest: Vec<u8>,
    ) -> wasmtime::Result<Result<Resource<Maildrop>, auth::Refusal>> {
        v0_1::auth::Host::apop(self, user, digest)
            .await
            .map(|given| given.map_err(Into::into))
    }
}

impl auth::HostExchange for Cell {
    fn start(&mut self, mechanism: String) -> wasmtime::Result<Option<Resource<Exchange>>> {
        v0_1::auth::HostExchange::start(self, mechanism)
    }

    async fn begin(
        &mut self,
        this: Resource<Exchange>,
        initial: Option<Vec<u8>>,
    ) -> wasmtime::Result<auth::Turn> {
        v0_1::auth::HostExchange::begin(self, this, initial)
            .await
            .map(Into::into)
    }

    async fn respond(
        &mut self,
        this: Resource<Exchange>,
        response: Vec<u8>,
    ) -> wasmtime::Result<auth::Turn> {
        v0_1::auth::HostExchange::respond(self, this, response)
            .await
            .map(Into::into)
    }

    fn drop(&mut self, this: Resource<Exchange>) -> wasmtime::Result<()> {
        v0_1::auth::HostExchange::drop(self, this)
    }
}

impl Cell {
    /// The largest of all sizes in a maildrop.
    fn largest(&self, this: &Resource<Maildrop>) -> wasmtime::Result<u64> {
        let snapshot = self.table.get(this)?.0.maildrop.snapshot();
        let sizes = snapshot.sizes(1, u32::MAX);
        Ok(sizes.iter().copied().max().unwrap_or(0))
    }
}

impl From<v0_1::mail::Fault> for mail::Fault {
    fn from(fault: v0_1::mail::Fault) -> Self {
        match fault {
            v0_1::mail::Fault::Gone => Self::Gone,
            v0_1::mail::Fault::Temporary => Self::Temporary,
            v0_1::mail::Fault::Permanent => Self::Permanent,
        }
    }
}

impl From<v0_1::mail::Unfinished> for mail::Unfinished {
    fn from(unfinished: v0_1::mail::Unfinished) -> Self {
        Self {
            removed: unfinished.removed,
            kept: unfinished.kept,
        }
    }
}

impl From<v0_1::auth::Refusal> for auth::Refusal {
    fn from(refusal: v0_1::auth::Refusal) -> Self {
        match refusal {
            v0_1::auth::Refusal::Denied => Self::Denied,
            v0_1::auth::Refusal::InUse => Self::InUse,
            v0_1::auth::Refusal::LoginDelay => Self::LoginDelay,
            v0_1::auth::Refusal::Temporary => Self::Temporary,
            v0_1::auth::Refusal::Permanent => Self::Permanent,
        }
    }
}

impl From<v0_1::auth::Turn> for auth::Turn {
    fn from(turn: v0_1::auth::Turn) -> Self {
        match turn {
            v0_1::auth::Turn::Challenge(challenge) => Self::Challenge(challenge),
            v0_1::auth::Turn::Done(maildrop) => Self::Done(maildrop),
            v0_1::auth::Turn::Refused(refusal) => Self::Refused(refusal.into()),
        }
    }
}
