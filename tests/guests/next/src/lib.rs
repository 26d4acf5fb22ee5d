//! The session of this project as a component of the contract in `tests/wit-next`: its states are
//! those of the component of `wit/`, and it says what that version alone tells it.
//!
//! The greeting begins with the host's name, and CAPA has the largest message behind the login.
//! Converts, as `component/src/guest.rs` does; decides nothing.

#![no_std]

extern crate alloc;

use alloc::{format, string::String, vec::Vec};
use core::cell::RefCell;

use popcell_component as pop3;

use self::bindings::{
    exports::popcell::pop3::session as wit,
    popcell::pop3::{auth, mail},
};

/// What `generate!` makes of the contract.
mod bindings {
    wit_bindgen::generate!({ path: "../../wit-next", world: "pop3-session" });

    export!(Component);

    use super::{Component, Session};

    impl exports::popcell::pop3::session::Guest for Component {
        type Session = Session;
    }
}

/// The component.
struct Component;

/// The interface `auth`, as the session's host.
struct Imports;

/// A session as a WIT resource. Calls come one at a time, so the borrow can not fail.
struct Session(RefCell<pop3::Session<Imports>>);

impl wit::GuestSession for Session {
    fn new(connection: wit::Connection) -> Self {
        Self(RefCell::new(pop3::Session::new(Imports, connection.into())))
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
        let session = this.into_inner::<Self>();
        let pop3::Parked {
            state,
            maildrop,
            message,
            exchange,
        } = session.0.into_inner().suspend();
        wit::Parked {
            state,
            maildrop,
            message,
            exchange,
        }
    }

    fn resume(
        parked: wit::Parked,
        connection: wit::Connection,
    ) -> Result<wit::Session, wit::ResumeError> {
        let parked = pop3::Parked {
            state: parked.state,
            maildrop: parked.maildrop,
            message: parked.message,
            exchange: parked.exchange,
        };
        let session = pop3::Session::resume(Imports, parked, connection.into())?;
        Ok(wit::Session::new(Self(RefCell::new(session))))
    }
}

impl pop3::Host for Imports {
    type Exchange = auth::Exchange;
    type Maildrop = mail::Maildrop;

    fn password(&self, user: &[u8], password: &[u8]) -> Result<mail::Maildrop, pop3::Refusal> {
        auth::password(user, password).map_err(Into::into)
    }

    fn apop(&self, user: &[u8], digest: &[u8]) -> Result<mail::Maildrop, pop3::Refusal> {
        auth::apop(user, digest).map_err(Into::into)
    }

    fn start(&self, mechanism: &str) -> Option<auth::Exchange> {
        auth::Exchange::start(mechanism)
    }
}

impl pop3::Exchange for auth::Exchange {
    type Maildrop = mail::Maildrop;

    fn begin(&self, initial: Option<&[u8]>) -> pop3::Turn<mail::Maildrop> {
        Self::begin(self, initial).into()
    }

    fn respond(&self, response: &[u8]) -> pop3::Turn<mail::Maildrop> {
        Self::respond(self, response).into()
    }
}

impl pop3::Maildrop for mail::Maildrop {
    type Message = mail::Message;

    fn summary(&self) -> pop3::Summary {
        let mail::Summary { count, octets, .. } = Self::summary(self);
        pop3::Summary { count, octets }
    }

    fn sizes(&self, first: u32, max: u32) -> Result<Vec<u64>, pop3::Fault> {
        Self::sizes(self, first, max).map_err(Into::into)
    }

    fn uids(&self, first: u32, max: u32) -> Result<Vec<u8>, pop3::Fault> {
        Self::uids(self, first, max).map_err(Into::into)
    }

    fn announce(&self) -> Vec<String> {
        let mut lines = Self::announce(self);
        lines.push(format!("X-LARGEST {}", Self::summary(self).largest));
        lines
    }

    fn open(&self, number: u32) -> Result<mail::Message, pop3::Fault> {
        Self::open(self, number).map_err(Into::into)
    }

    fn commit(self, marks: &[u8]) -> Result<(), pop3::Unfinished> {
        Self::commit(self, marks)
            .map_err(|mail::Unfinished { removed, kept }| pop3::Unfinished { removed, kept })
    }
}

impl pop3::Message for mail::Message {
    fn read(&self, max: u32) -> Result<Vec<u8>, pop3::Fault> {
        Self::read(self, max).map_err(Into::into)
    }
}

impl From<wit::Connection> for pop3::Connection {
    fn from(connection: wit::Connection) -> Self {
        Self {
            banner: format!("{} {}", connection.host, connection.banner),
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

impl From<pop3::Step> for wit::Step {
    fn from(step: pop3::Step) -> Self {
        let next = match step.next {
            pop3::Next::Lines => wit::Next::Lines,
            pop3::Next::More => wit::Next::More,
            pop3::Next::StartTls => wit::Next::StartTls,
            pop3::Next::Close => wit::Next::Close,
            pop3::Next::Abort => wit::Next::Abort,
        };
        Self {
            consumed: step.consumed,
            output: step.output,
            next,
        }
    }
}

impl From<pop3::ResumeError> for wit::ResumeError {
    fn from(error: pop3::ResumeError) -> Self {
        match error {
            pop3::ResumeError::UnknownFormat => Self::UnknownFormat,
            pop3::ResumeError::CapabilityMismatch => Self::CapabilityMismatch,
        }
    }
}

impl From<mail::Fault> for pop3::Fault {
    fn from(fault: mail::Fault) -> Self {
        match fault {
            mail::Fault::Gone => Self::Gone,
            mail::Fault::Temporary => Self::Temporary,
            mail::Fault::Permanent => Self::Permanent,
        }
    }
}

impl From<auth::Refusal> for pop3::Refusal {
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

impl From<auth::Turn> for pop3::Turn<mail::Maildrop> {
    fn from(turn: auth::Turn) -> Self {
        match turn {
            auth::Turn::Challenge(challenge) => Self::Challenge(challenge),
            auth::Turn::Done(maildrop) => Self::Done(maildrop),
            auth::Turn::Refused(refusal) => Self::Refused(refusal.into()),
        }
    }
}
