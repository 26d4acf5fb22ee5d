//! The border: the world `pop3-session` of `wit/pop3.wit`. Converts both ways; decides nothing.

use std::cell::RefCell;

use crate::{capability, connection, parked, seat, session};

use bindings::{
    exports::popcell::pop3::session as wit,
    popcell::pop3::{auth, mail},
};

/// What `generate!` makes of the contract.
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit", world: "pop3-session" });

    export!(Component);

    use super::{Component, Session};

    impl exports::popcell::pop3::session::Guest for Component {
        type Session = Session;
    }
}

struct Component;

/// The interface `auth`, as the session's host.
struct Imports;

struct Session(RefCell<seat::Seat<Imports>>);

impl Session {
    fn call(
        &self,
        may_open: bool,
        call: impl FnOnce(&mut session::Session<crate::filtered::Filter<Imports>>) -> session::Step,
    ) -> wit::Step {
        match self.0.borrow_mut().call(may_open, call) {
            Some(step) => step.into(),
            None => wit::Step {
                consumed: 0,
                output: Vec::new(),
                next: wit::Next::Abort,
            },
        }
    }
}

impl wit::GuestSession for Session {
    fn new(connection: wit::Connection) -> Self {
        Self(RefCell::new(seat::Seat::new(Imports, connection.into())))
    }

    fn greet(&self) -> wit::Step {
        self.call(false, session::Session::greet)
    }

    fn lines(&self, lines: Vec<u8>, max: u32) -> wit::Step {
        self.call(true, |session| session.lines(&lines, max))
    }

    fn more(&self, max: u32) -> wit::Step {
        self.call(true, |session| session.more(max))
    }

    fn overlong(&self) -> wit::Step {
        self.call(false, session::Session::overlong)
    }

    fn suspend(this: wit::Session) -> wit::Parked {
        let seat = this.into_inner::<Self>().0.into_inner();
        let parked = seat
            .suspend()
            .expect("no call is running, so the seat is not empty");
        wit::Parked {
            state: parked.state,
            maildrop: parked.maildrop,
            message: parked.message,
            exchange: parked.exchange,
        }
    }

    fn resume(
        parked: wit::Parked,
        connection: wit::Connection,
    ) -> Result<wit::Session, wit::ResumeError> {
        let parked = parked::Parked {
            state: parked.state,
            maildrop: parked.maildrop,
            message: parked.message,
            exchange: parked.exchange,
        };
        match seat::Seat::resume(Imports, parked, connection.into()) {
            Ok(seat) => Ok(wit::Session::new(Self(RefCell::new(seat)))),
            Err(parked::ResumeError::UnknownFormat) => Err(wit::ResumeError::UnknownFormat),
            Err(parked::ResumeError::CapabilityMismatch) => {
                Err(wit::ResumeError::CapabilityMismatch)
            }
        }
    }
}

impl capability::Host for Imports {
    type Exchange = auth::Exchange;
    type Maildrop = mail::Maildrop;

    fn password(&self, user: &[u8], secret: &[u8]) -> Result<mail::Maildrop, capability::Refusal> {
        auth::password(user, secret).map_err(Into::into)
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

    fn commit(self, marks: &[u8]) -> Result<(), capability::Unfinished> {
        let unfinished =
            |mail::Unfinished { removed, kept }| capability::Unfinished { removed, kept };
        Self::commit(self, marks).map_err(unfinished)
    }
}

impl capability::Message for mail::Message {
    fn read(&self, max: u32) -> Result<Vec<u8>, capability::Fault> {
        Self::read(self, max).map_err(Into::into)
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
