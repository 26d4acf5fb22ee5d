//! A component that breaks the contract of `wit/pop3.wit` on demand: a line is an order, and what
//! it is ordered is in `deed.rs`.
//!
//! Speaks no POP3 and builds for wasm only. Who is ordered `AT more TRAP` traps in the next `more`;
//! so with every call of the contract, with `realloc` for the allocator that the host calls, and
//! with the banner (`greet SPIN`) for what comes before the first line. Who leads a session without
//! orders, as a trial does, finds the order in the guest's own octets: see `ENGRAVED`.

#![no_std]

extern crate alloc;

mod deed;
mod memory;
mod stain;

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::cell::RefCell;

use self::{
    bindings::exports::popcell::pop3::session as wit,
    deed::{Answer, Deeds},
};

/// What `generate!` makes of the contract.
mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "pop3-session",
        features: ["forward"],
    });

    export!(Component);

    use super::{Component, Session};

    impl exports::popcell::pop3::session::Guest for Component {
        type Session = Session;
    }
}

/// An order for every session, behind a word to find it by; a test writes it into the built guest.
static ENGRAVED: [u8; 64] = *b"POPCELL-ENGRAVED                                                ";

/// The component.
struct Component;

/// A session, as it is exported.
struct Session(RefCell<Orders>);

/// What a session has been ordered, and what it did.
struct Orders {
    /// An order for one of the calls that are to come.
    armed: Option<(String, String)>,
    /// What every `more` says, and does not come to an end with.
    drone: Option<String>,
    deeds: Deeds,
}

impl Orders {
    /// Takes the banner for the first order, if it is one.
    fn new(banner: &str, deeds: Deeds) -> Self {
        let mut orders = Self {
            armed: None,
            drone: None,
            deeds,
        };
        orders.arm(banner);
        orders.arm_with_engraved();
        orders
    }

    /// Keeps `call order` until that call; orders for the allocator hold at once.
    fn arm(&mut self, order: &str) {
        let (call, order) = order.split_once(' ').unwrap_or((order, ""));
        if call == "realloc" {
            memory::misbehave(order);
        } else {
            self.armed = Some((call.to_owned(), order.to_owned()));
        }
    }

    /// Takes the order that is engraved in the guest, if there is one.
    fn arm_with_engraved(&mut self) {
        let engraved = core::hint::black_box(&ENGRAVED);
        let order = core::str::from_utf8(&engraved[16..])
            .unwrap_or_default()
            .trim();
        if !order.is_empty() {
            self.arm(order);
        }
    }

    /// Carries out the order for this call, if there is one.
    fn at(&mut self, call: &str) -> Option<Answer> {
        let (_, order) = self.armed.take_if(|(armed, _)| armed == call)?;
        Some(self.deeds.obey(&order))
    }

    /// Obeys the first of the lines.
    fn lines(&mut self, lines: &[u8]) -> wit::Step {
        let end = lines.iter().position(|&octet| octet == b'\n');
        let line = &lines[..end.map_or(lines.len(), |end| end + 1)];
        let order = core::str::from_utf8(line).unwrap_or_default().trim();
        if let Some(answer) = self.at("lines") {
            return answer.step(u32::try_from(line.len()).unwrap_or(u32::MAX));
        }
        let mut answer = match order.strip_prefix("AT ") {
            Some(later) => {
                self.arm(later);
                Answer::plain()
            }
            None => self.deeds.obey(order),
        };
        if self.armed.as_ref().is_some_and(|(call, _)| call == "more") {
            answer.next = wit::Next::More;
        }
        if order.starts_with("DRONE") {
            self.drone = Some(order.to_owned());
        }
        let whole = u32::try_from(line.len()).unwrap_or(u32::MAX);
        answer.step(whole)
    }

    fn suspend(mut self) -> wit::Parked {
        // Only what it does to the session matters.
        self.at("suspend");
        let state = self.deeds.state.take();
        let order = self.armed.filter(|(call, _)| call == "resume");
        let order = order.map(|(_, order)| order.into_bytes());
        wit::Parked {
            state: state.or(order).unwrap_or_default(),
            maildrop: self.deeds.maildrop.take(),
            message: self.deeds.messages.pop(),
            exchange: self.deeds.exchanges.pop(),
        }
    }
}

impl Session {
    /// One that nobody has ordered anything.
    fn idle() -> Self {
        Self(RefCell::new(Orders::new("", Deeds::default())))
    }
}

impl wit::GuestSession for Session {
    fn new(connection: wit::Connection) -> Self {
        let mut orders = Orders::new(&connection.banner, Deeds::default());
        orders.at("constructor");
        Self(RefCell::new(orders))
    }

    fn greet(&self) -> wit::Step {
        let answer = self.0.borrow_mut().at("greet");
        answer.unwrap_or_else(Answer::plain).step(0)
    }

    fn lines(&self, lines: Vec<u8>, _: u32) -> wit::Step {
        self.0.borrow_mut().lines(&lines)
    }

    fn more(&self, _: u32) -> wit::Step {
        let orders = &mut *self.0.borrow_mut();
        let answer = match &orders.drone {
            Some(order) => Some(orders.deeds.obey(order)),
            None => orders.at("more"),
        };
        answer.unwrap_or_else(Answer::plain).step(0)
    }

    fn overlong(&self) -> wit::Step {
        let answer = self.0.borrow_mut().at("overlong");
        answer.unwrap_or_else(Answer::plain).step(0)
    }

    fn suspend(this: wit::Session) -> wit::Parked {
        this.into_inner::<Self>().0.into_inner().suspend()
    }

    fn resume(parked: wit::Parked, _: wit::Connection) -> Result<wit::Session, wit::ResumeError> {
        let order = String::from_utf8(parked.state).unwrap_or_default();
        if order == "REFUSE" {
            return Err(wit::ResumeError::UnknownFormat);
        }
        if order == "KEEP-REFUSE" {
            // It does not let go of what it was lent.
            core::mem::forget((parked.maildrop, parked.message, parked.exchange));
            return Err(wit::ResumeError::UnknownFormat);
        }
        let mut deeds = Deeds {
            maildrop: parked.maildrop,
            messages: parked.message.into_iter().collect(),
            exchanges: parked.exchange.into_iter().collect(),
            ..Deeds::default()
        };
        deeds.obey(&order);
        let orders = Orders {
            armed: None,
            drone: None,
            deeds,
        };
        Ok(wit::Session::new(Self(RefCell::new(orders))))
    }
}

/// A trap: what the host makes of a panic.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
