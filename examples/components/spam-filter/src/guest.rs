//! The border: the world `pop3-session` of `wit/pop3.wit`. Converts both ways; decides nothing.

use std::cell::RefCell;

use popcell_component::{
    Parked, Step,
    guest::{self, Imports, exports::popcell::pop3::session as wit},
};

use crate::{filtered::Filter, seat::Seat};

struct Component;

guest::export!(Component with_types_in guest);

impl wit::Guest for Component {
    type Session = Session;
}

struct Session(RefCell<Seat<Imports>>);

impl Session {
    fn call(
        &self,
        may_open: bool,
        call: impl FnOnce(&mut popcell_component::Session<Filter<Imports>>) -> Step,
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
        Self(RefCell::new(Seat::new(Imports, connection.into())))
    }

    fn greet(&self) -> wit::Step {
        self.call(false, popcell_component::Session::greet)
    }

    fn lines(&self, lines: Vec<u8>, max: u32) -> wit::Step {
        self.call(true, |session| session.lines(&lines, max))
    }

    fn more(&self, max: u32) -> wit::Step {
        self.call(true, |session| session.more(max))
    }

    fn overlong(&self) -> wit::Step {
        self.call(false, popcell_component::Session::overlong)
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
        let parked = Parked {
            state: parked.state,
            maildrop: parked.maildrop,
            message: parked.message,
            exchange: parked.exchange,
        };
        match Seat::resume(Imports, parked, connection.into()) {
            Ok(seat) => Ok(wit::Session::new(Self(RefCell::new(seat)))),
            Err(error) => Err(error.into()),
        }
    }
}
