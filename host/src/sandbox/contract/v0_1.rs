//! Version 0.1 of the contract: what `bindgen!` makes of `wit/pop3.wit`, and its calls in our words.
//!
//! What a guest of it may call is `host.rs`, in the words of this version.

use wasmtime::{
    Store,
    component::{HasSelf, InstancePre, Linker, ResourceAny},
};

use super::{Given, Suspended};
use crate::{
    capability::{Fault, Refusal, Unfinished},
    sandbox::{Connection, Next, cell::Cell},
};

/// The generated modules; nothing in them is written by hand.
mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "pop3-session",
        imports: {
            // What may wait for a disk, a hash or a delay; everything else answers at once.
            "popcell:pop3/auth.password": async | trappable,
            "popcell:pop3/auth.apop": async | trappable,
            "popcell:pop3/auth.[method]exchange.begin": async | trappable,
            "popcell:pop3/auth.[method]exchange.respond": async | trappable,
            "popcell:pop3/mail.[method]maildrop.open": async | trappable,
            "popcell:pop3/mail.[method]maildrop.forward": async | trappable,
            "popcell:pop3/mail.[static]maildrop.commit": async | trappable,
            "popcell:pop3/mail.[method]message.read": async | trappable,
            "popcell:pop3/mail.[method]message.forward": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        // What a session is told is lowered from where it is.
        ownership: Borrowing { duplicate_if_necessary: false },
        with: {
            "popcell:pop3/mail.maildrop": super::super::super::cell::Maildrop,
            "popcell:pop3/mail.message": super::super::super::cell::Message,
            "popcell:pop3/auth.exchange": super::super::super::cell::Exchange,
        },
    });
}

pub(in crate::sandbox) use self::generated::popcell::pop3::{auth, mail};
use self::generated::{
    LinkOptions, Pop3Session, Pop3SessionPre, exports::popcell::pop3::session as wit,
};

/// A component of this version, ready to be instantiated.
pub(in crate::sandbox) struct Pre(Pop3SessionPre<Cell>);

/// An instance of one.
pub(in crate::sandbox) struct Guest(Pop3Session);

/// Gives a component of this version what it imports.
pub(super) fn add_to_linker(linker: &mut Linker<Cell>) -> wasmtime::Result<()> {
    let mut options = LinkOptions::default();
    options.forward(true);
    Pop3Session::add_to_linker::<Cell, HasSelf<Cell>>(linker, &options, |cell| cell)
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
        let lists = Lists::of(connection);
        self.session()
            .call_constructor(store, lists.with(connection))
            .await
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
        let lists = Lists::of(connection);
        let resumed = self
            .session()
            .call_resume(store, &parked, lists.with(connection))
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

/// The lists of a connection's facts as the contract's functions borrow them.
struct Lists<'a> {
    mechanisms: Vec<&'a str>,
    announce: Vec<&'a str>,
}

impl<'a> Lists<'a> {
    fn of(connection: &'a Connection) -> Self {
        Self {
            mechanisms: connection.mechanisms.iter().map(AsRef::as_ref).collect(),
            announce: connection.announce.iter().map(AsRef::as_ref).collect(),
        }
    }

    fn with(&'a self, connection: &'a Connection) -> wit::Connection<'a> {
        wit::Connection {
            banner: &connection.banner,
            challenge: connection.challenge.as_deref(),
            tls: connection.tls,
            may_start_tls: connection.may_start_tls,
            may_login: connection.may_login,
            mechanisms: &self.mechanisms,
            announce: &self.announce,
            max_bad_commands: connection.max_bad_commands,
            max_bad_commands_after_login: connection.max_bad_commands_after_login,
        }
    }
}

impl From<Fault> for mail::Fault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Gone => Self::Gone,
            Fault::Temporary => Self::Temporary,
            Fault::Permanent => Self::Permanent,
        }
    }
}

impl From<Refusal> for auth::Refusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied => Self::Denied,
            Refusal::InUse => Self::InUse,
            Refusal::LoginDelay => Self::LoginDelay,
            Refusal::Temporary => Self::Temporary,
            Refusal::Permanent => Self::Permanent,
        }
    }
}

impl From<Unfinished> for mail::Unfinished {
    fn from(unfinished: Unfinished) -> Self {
        Self {
            removed: unfinished.removed,
            kept: unfinished.kept,
        }
    }
}
