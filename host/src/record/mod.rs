//! Recordings: sessions as the component saw them, written down to be replayed with another one.
//!
//! A recording holds the lines of the client without its secrets, the answers of the host, mail
//! among them, and what the component said. It is made beside the session, which never waits for it.
//! What reads them is `replay`. `docs/record-and-replay.md` is for operators.

mod blank;
mod format;
mod lent;
mod shelf;
mod tape;
#[cfg(test)]
mod tests;
mod text;

use std::{
    io,
    path::PathBuf,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

pub(crate) use self::shelf::{EXTENSION, Shelf};
pub use self::{
    format::{
        Asked, Call, Called, End, Facts, Fault, Given, Header, Line, Login, Maildrop, Moved, Next,
        Read, Refusal, Turn, VERSION,
    },
    text::Text,
};
use self::{lent::WitnessedLogin, tape::Tape};
use crate::{
    capability,
    end::SessionId,
    sandbox::{self, Connection, Step},
};

/// All sessions, in the unit of [`Options::sample`].
pub const ALL: u32 = 1_000_000;

/// What is recorded, and where (`[record]`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Options {
    /// The directory.
    pub directory: PathBuf,
    /// How many of a million sessions.
    pub sample: u32,
    /// Octets of a recording, about; what a session says beyond them is not recorded.
    pub session_octets: usize,
}

/// Why nothing can be recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refuses the directory.
    #[error("directory of recordings {}: {source}", directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Mail would lie open.
    #[error(
        "directory of recordings {}: others than its owner may enter it; recordings hold mail, so \
         its mode has to be 0700",
        directory.display()
    )]
    Open {
        /// The directory.
        directory: PathBuf,
    },
}

impl Options {
    /// Every session, with the usual bound.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            sample: ALL,
            session_octets: 64 << 20,
        }
    }
}

/// One session while it is recorded.
#[derive(Clone)]
pub(crate) struct Recorder(Tape);

impl Recorder {
    /// Begins a recording, if this session is among those that are recorded.
    pub(crate) fn begin(
        shelf: &Arc<Shelf>,
        session: SessionId,
        component: &str,
        facts: &Connection,
    ) -> Option<Self> {
        if !session.is_in_sample(shelf.options().sample, ALL) {
            return None;
        }
        let began = SystemTime::now().duration_since(UNIX_EPOCH);
        let began = began.unwrap_or_default().as_secs();
        // Behind STLS there is a second session of the same name.
        let channel = if facts.tls { "tls" } else { "clear" };
        let ticket = shelf.ticket(format!("{began:010}-{session}-{channel}"));
        let header = Header {
            version: VERSION,
            session: session.to_string(),
            began,
            component: component.to_owned(),
            connection: facts.into(),
        };
        Some(Self(Tape::new(Arc::clone(shelf), ticket, header)))
    }

    /// The claims of a session, with a witness if it is recorded.
    pub(crate) fn witness(
        recorder: Option<&Self>,
        login: Box<dyn capability::Login>,
    ) -> Box<dyn capability::Login> {
        match recorder {
            Some(Self(tape)) => Box::new(WitnessedLogin {
                login,
                tape: tape.clone(),
            }),
            None => login,
        }
    }

    /// It is known whose session it is, and whether those are recorded.
    pub(crate) fn decide(&self, is_recorded: bool) {
        self.0.decide(is_recorded);
    }

    /// A call into the session is over. Of its lines those count that were consumed, or all of them
    /// if it failed.
    pub(crate) fn called(&self, call: Call, step: &Result<Step, sandbox::Error>) {
        let consumed = |lines: Text| match step {
            Ok(step) => Text::of(lines.0.get(..step.consumed).unwrap_or(&lines.0)),
            Err(_) => lines,
        };
        let call = match call {
            Call::Lines(lines) => Call::Lines(consumed(lines)),
            Call::Greet | Call::More | Call::Overlong => call,
        };
        let given = match step {
            Ok(step) => Given::Step {
                output: Text::of(&step.output),
                next: step.next.into(),
            },
            Err(error) => Given::Fault(error.to_string()),
        };
        self.0.called(call, given);
    }

    /// The session was taken back to before the call that is running.
    pub(crate) fn taken_back(&self) {
        self.0.taken_back();
    }

    /// The session goes on in another component.
    pub(crate) fn moved(&self, component: &str) {
        self.0.moved(component);
    }
}
