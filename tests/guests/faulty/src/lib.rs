//! The session of this project with one fault: what a new build may get wrong that nobody has noticed.
//!
//! Which fault is written over [`FAULT`] in the built file, so that there is one build for all of
//! them. Faults that begin with `late` wait for [`TRIGGER`], a command that no dialogue of a trial
//! has.

#![no_std]

extern crate alloc;

use alloc::vec::Vec;
use core::{cell::Cell, hint, ptr};

use popcell_component::guest::{self, exports::popcell::pop3::session as wit};

/// The name of the fault, filled up with spaces. `tests/src/faulty.rs` looks for the first octets.
#[unsafe(no_mangle)]
static FAULT: [u8; 32] = *b"popcell-fault:none              ";

/// The octets before the name.
const PREFIX: usize = b"popcell-fault:".len();

/// The line that wakes faults that are late.
const TRIGGER: &[u8] = b"TOP 3 77";

/// What states begin with of a build that reads no others, so that no other reads them.
const OWN: u8 = 0xA5;

struct Faulty;

guest::export!(Faulty with_types_in guest);

impl wit::Guest for Faulty {
    type Session = Session;
}

/// A session, and whether it has seen the trigger.
struct Session(guest::Session, Cell<bool>);

/// Whether the build has this fault.
fn has(name: &[u8]) -> bool {
    // The compiler must not know what stands there: it is written over.
    let fault = unsafe { ptr::read_volatile(&raw const FAULT) };
    fault[PREFIX..].trim_ascii() == name
}

impl Session {
    fn new(session: guest::Session) -> Self {
        Self(session, Cell::new(false))
    }

    /// What goes wrong in every call with lines.
    fn misbehave(&self, lines: &[u8], step: &mut wit::Step) {
        let is_trigger = lines
            .split(|octet| *octet == b'\n')
            .any(|line| line.trim_ascii() == TRIGGER);
        if is_trigger {
            self.1.set(true);
        }
        let is_late = self.1.get();
        if has(b"loop") || (is_trigger && has(b"late-loop")) {
            spin();
        }
        if is_trigger && has(b"late-trap") {
            trap();
        }
        if has(b"wrong") || (is_late && has(b"late-wrong")) {
            step.output = Vec::from(b"-ERR no\r\n");
        }
    }
}

fn spin() {
    loop {
        hint::spin_loop();
    }
}

fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

impl wit::GuestSession for Session {
    fn new(connection: wit::Connection) -> Self {
        if has(b"trap-new") {
            trap();
        }
        Self::new(<guest::Session as wit::GuestSession>::new(connection))
    }

    fn greet(&self) -> wit::Step {
        self.0.greet()
    }

    fn lines(&self, lines: Vec<u8>, max: u32) -> wit::Step {
        let mut step = self.0.lines(lines.clone(), max);
        self.misbehave(&lines, &mut step);
        step
    }

    fn more(&self, max: u32) -> wit::Step {
        if has(b"trap-more") {
            trap();
        }
        self.0.more(max)
    }

    fn overlong(&self) -> wit::Step {
        self.0.overlong()
    }

    fn suspend(this: wit::Session) -> wit::Parked {
        if has(b"trap-suspend") {
            trap();
        }
        let mut parked = this.into_inner::<Self>().0.into_parked();
        if has(b"refuse") {
            parked.state.insert(0, OWN);
        }
        parked
    }

    fn resume(
        mut parked: wit::Parked,
        connection: wit::Connection,
    ) -> Result<wit::Session, wit::ResumeError> {
        if has(b"trap-resume") {
            trap();
        }
        if has(b"loop-resume") {
            spin();
        }
        if has(b"refuse") {
            if parked.state.first() != Some(&OWN) {
                return Err(wit::ResumeError::UnknownFormat);
            }
            parked.state.remove(0);
        }
        let session = guest::Session::from_parked(parked, connection)?;
        Ok(wit::Session::new(Self::new(session)))
    }
}
