//! The component's border: the world `pop3-session` of `wit/pop3.wit`, and nothing else.
//!
//! The only file that knows WIT. Converts both ways; decides nothing. Public for components that are
//! made of this session: they export their own with `export!`, and build without the feature `export`.
//! What a component needs beside it where there is no standard library is in `runtime.rs`.

use alloc::{string::String, vec::Vec};
use core::cell::RefCell;

use crate::{capability, connection, parked, session};

use exports::popcell::pop3::session as wit;
use popcell::pop3::{auth, mail};

wit_bindgen::generate!({
    path: "../wit",
    world: "pop3-session",
    features: ["forward"],
    pub_export_macro: true,
});

/// The component that has these sessions.
pub struct Component;

#[cfg(feature = "export")]
export!(Component);

impl wit::Guest for Component {
    type Session = Session;
}

/// The interface `auth`, as the session's host.
pub struct Imports;

/// A session as a WIT resource. Calls come one at a time, so the borrow can not fail.
pub struct Session(RefCell<session::Session<Imports>>);

impl Session {
    /// What `suspend` gives.
    pub fn into_parked(self) -> wit::Parked {
        let parked = self.0.into_inner().suspend();
        wit::Parked {
            state: parked.state,
            maildrop: parked.maildrop,
            message: parked.message,
            exchange: parked.exchange,
        }
    }

    /// What `resume` makes of it.
    ///
    /// # Errors
    ///
    /// The state is not this component's, or does not fit what came along.
    pub fn from_parked(
        parked: wit::Parked,
        connection: wit::Connection,
    ) -> Result<Self, wit::ResumeError> {
        let parked = parked::Parked {
            state: parked.state,
            maildrop: parked.maildrop,
            message: parked.message,
            exchange: parked.exchange,
        };
        let session = session::Session::resume(Imports, parked, connection.into())?;
        Ok(Self(RefCell::new(session)))
    }
}

impl wit::GuestSession for Session {
    fn new(connection: wit::Connection) -> Self {
        Self(RefCell::new(session::Session::new(
            Imports,
            connection.into(),
        )))
    }

    fn greet(&self) -> wit::Step {
        self.0.borrow_mut().greet().into()
    }

    fn lines(&self, lines: Vec<u8>, max: u32) -> wit::Step {
        self.0.borrow_mut().lines(&lines, max).into()
    }

    fn more(&self, max: u32) -> wit::Step {
        self.0.borrow_mut().more(max).into()
    }

    fn overlong(&self) -> wit::Step {
        self.0.borrow_mut().overlong().into()
    }

    fn suspend(this: wit::Session) -> wit::Parked {
        this.into_inner::<Self>().into_parked()
    }

    fn resume(
        parked: wit::Parked,
        connection: wit::Connection,
    ) -> Result<wit::Session, wit::ResumeError> {
        Self::from_parked(parked, connection).map(wit::Session::new)
    }
}

impl capability::Host for Imports {
    type Exchange = auth::Exchange;
    type Maildrop = mail::Maildrop;

    fn password(
        &self,
        user: &[u8],
        password: &[u8],
    ) -> Result<mail::Maildrop, capability::Refusal> {
        auth::password(user, password).map_err(Into::into)
    }

    fn apop(&self, user: &[u8], digest: &[u8]) -> Result<mail::Maildrop, capability::Refusal> {
        auth::apop(user, digest).map_err(Into::into)
    }

    fn start(&self, mechanism: &str) -> Option<auth::Exchange> {
        auth::Exchange::start(mechanism)
    }
}

impl capability::Exchange for auth::Exchange {
    type Maildrop = mail::Maildrop;

    fn begin(&self, initial: Option<&[u8]>) -> capability::Turn<mail::Maildrop> {
        Self::begin(self, initial).into()
    }

    fn respond(&self, response: &[u8]) -> capability::Turn<mail::Maildrop> {
        Self::respond(self, response).into()
    }
}

impl capability::Maildrop for mail::Maildrop {
    type Message = mail::Message;

    fn summary(&self) -> capability::Summary {
        let mail::Summary { count, octets } = Self::summary(self);
        capability::Summary { count, octets }
    }

    fn sizes(&self, first: u32, max: u32) -> Result<Vec<u64>, capability::Fault> {
        Self::sizes(self, first, max).map_err(Into::into)
    }

    fn uids(&self, first: u32, max: u32) -> Result<Vec<u8>, capability::Fault> {
        Self::uids(self, first, max).map_err(Into::into)
    }

    fn announce(&self) -> Vec<String> {
        Self::announce(self)
    }

    fn open(&self, number: u32) -> Result<mail::Message, capability::Fault> {
        Self::open(self, number).map_err(Into::into)
    }

    #[cfg(feature = "forward")]
    fn forward(
        &self,
        number: u32,
        max: u32,
        at: u32,
        stuffed: u8,
    ) -> Option<Result<capability::Opened<mail::Message>, capability::Fault>> {
        let opened = Self::forward(self, number, max, at, stuffed);
        Some(opened.map(Into::into).map_err(Into::into))
    }

    fn commit(self, marks: &[u8]) -> Result<(), capability::Unfinished> {
        Self::commit(self, marks)
            .map_err(|mail::Unfinished { removed, kept }| capability::Unfinished { removed, kept })
    }
}

impl capability::Message for mail::Message {
    fn read(&self, max: u32) -> Result<Vec<u8>, capability::Fault> {
        Self::read(self, max).map_err(Into::into)
    }

    #[cfg(feature = "forward")]
    fn forward(
        &self,
        max: u32,
        at: u32,
        at_line_start: bool,
        stuffed: u8,
    ) -> Option<Result<capability::Forwarded, capability::Fault>> {
        let forwarded = Self::forward(self, max, at, at_line_start, stuffed);
        Some(forwarded.map(Into::into).map_err(Into::into))
    }
}

#[cfg(feature = "forward")]
impl From<mail::Opened> for capability::Opened<mail::Message> {
    fn from(mail::Opened { forwarded, message }: mail::Opened) -> Self {
        Self {
            forwarded: forwarded.into(),
            message,
        }
    }
}

#[cfg(feature = "forward")]
impl From<mail::Forwarded> for capability::Forwarded {
    fn from(forwarded: mail::Forwarded) -> Self {
        Self {
            octets: forwarded.octets,
            at_line_start: forwarded.at_line_start,
            is_end: forwarded.is_end,
        }
    }
}

impl From<wit::Connection> for connection::Connection {
    fn from(connection: wit::Connection) -> Self {
        Self {
            banner: connection.banner,
            challenge: connection.challenge,
            tls: connection.tls,
            may_start_tls: connection.may_start_tls,
            may_login: connection.may_login,
            mechanisms: connection.mechanisms,
            announce: connection.announce,
            max_bad_commands: connection.max_bad_commands,
            max_bad_commands_after_login: connection.max_bad_commands_after_login,
        }
    }
}

impl From<session::Step> for wit::Step {
    fn from(step: session::Step) -> Self {
        let next = match step.next {
            session::Next::Lines => wit::Next::Lines,
            session::Next::More => wit::Next::More,
            session::Next::StartTls => wit::Next::StartTls,
            session::Next::Close => wit::Next::Close,
            session::Next::Abort => wit::Next::Abort,
        };
        Self {
            consumed: step.consumed,
            output: step.output,
            next,
        }
    }
}

impl From<parked::ResumeError> for wit::ResumeError {
    fn from(error: parked::ResumeError) -> Self {
        match error {
            parked::ResumeError::UnknownFormat => Self::UnknownFormat,
            parked::ResumeError::CapabilityMismatch => Self::CapabilityMismatch,
        }
    }
}

impl From<mail::Fault> for capability::Fault {
    fn from(fault: mail::Fault) -> Self {
        match fault {
            mail::Fault::Gone => Self::Gone,
            mail::Fault::Temporary => Self::Temporary,
            mail::Fault::Permanent => Self::Permanent,
        }
    }
}

impl From<auth::Refusal> for capability::Refusal {
    fn from(refusal: auth::Refusal) -> Self {
        match refusal {
            auth::Refusal::Denied => Self::Denied,
            auth::Refusal::InUse => Self::InUse,
            auth::Refusal::LoginDelay => Self::LoginDelay,
            auth::Refusal::Temporary => Self::Temporary,
            auth::Refusal::Permanent => Self::Permanent,
        }
    }
}

impl From<auth::Turn> for capability::Turn<mail::Maildrop> {
    fn from(turn: auth::Turn) -> Self {
        match turn {
            auth::Turn::Challenge(challenge) => Self::Challenge(challenge),
            auth::Turn::Done(maildrop) => Self::Done(maildrop),
            auth::Turn::Refused(refusal) => Self::Refused(refusal.into()),
        }
    }
}
