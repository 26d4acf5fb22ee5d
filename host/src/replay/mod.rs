//! Replays: recorded sessions once more, in another component, to see what it says differently.
//!
//! Nobody is asked but the recording: it plays the client, the users and the mail. Decides nothing:
//! whoever asks does. Called by `popcell replay`; what writes recordings is `record`.

mod allow;
mod answers;
mod load;
mod play;
mod script;

use std::sync::Arc;

pub use self::{
    allow::{Allowed, Mistake},
    load::{Error, find, read},
};
use crate::{
    record::{Call, Called, End, Given, Header, Next, Text},
    sandbox::{Sandbox, Terms, Version},
};

/// A session that was recorded.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What it is, and what the session was told.
    pub header: Header,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Why it ends.
    pub end: End,
}

/// What happens in a recording.
#[derive(Clone, Debug)]
pub enum Event {
    /// A call into the session.
    Called(Called),
    /// The session went on in another cell.
    Moved,
}

/// What came of a replay.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The component said the same, or what it may say instead.
    Same,
    /// It said something else.
    Differs(Difference),
}

/// Where a component first said something else than is recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// Which line of the client's it is an answer to, counted from 1; 0 for the greeting. Where
    /// lines were answered together, the first of them.
    pub line: u64,
    /// That line.
    pub sent: String,
    /// What is recorded.
    pub expected: String,
    /// What was found.
    pub found: String,
}

/// A part of a session: what was sent in one piece, and the whole answer.
#[derive(Debug, Default)]
struct Exchanged {
    /// The number of its first line.
    line: u64,
    sent: Sent,
    output: Vec<u8>,
    ended: Ended,
}

/// What was sent.
#[derive(Debug, Default)]
enum Sent {
    /// Nothing: the greeting.
    #[default]
    Nothing,
    Lines(Vec<u8>),
    Overlong,
    /// Nothing: the session was put into another cell.
    Moved,
}

/// How an answer ended.
#[derive(Debug, Default, Eq, PartialEq)]
enum Ended {
    /// It did not: the client was gone, or the recording was full.
    #[default]
    Cut,
    Next(Next),
    Fault(String),
}

/// Replays a session in this component, under these terms.
///
/// Takes a cell, and a second one for a moment where the session was moved.
pub async fn replay(
    sandbox: &Sandbox,
    version: &Arc<Version>,
    terms: &Terms,
    recording: &Recording,
    allowed: &Allowed,
) -> Outcome {
    let place = play::Place {
        sandbox,
        version,
        terms,
    };
    match play::play(place, recording, allowed).await {
        Ok(()) => Outcome::Same,
        Err(difference) => Outcome::Differs(difference),
    }
}

impl Recording {
    /// The session in parts, of which each is to be answered as a whole.
    fn exchanged(&self) -> Vec<Exchanged> {
        let mut parts: Vec<Exchanged> = Vec::new();
        let mut line = 0;
        let mut next_line = 1;
        for event in &self.events {
            let Event::Called(Called { call, given, .. }) = event else {
                let sent = Sent::Moved;
                let ended = Ended::Next(Next::Lines);
                parts.push(Exchanged {
                    line,
                    sent,
                    ended,
                    ..Exchanged::default()
                });
                continue;
            };
            match call {
                Call::Greet => parts.push(Exchanged::default()),
                Call::Lines(Text(lines)) => {
                    line = next_line;
                    next_line += memchr::memchr_iter(b'\n', lines).fold(0, |count, _| count + 1);
                    let sent = Sent::Lines(lines.clone());
                    parts.push(Exchanged {
                        line,
                        sent,
                        ..Exchanged::default()
                    });
                }
                Call::Overlong => parts.push(Exchanged {
                    line: next_line,
                    sent: Sent::Overlong,
                    ..Exchanged::default()
                }),
                Call::More => {}
            }
            // A session may be moved in the middle of an answer; its part is in front.
            let part = parts.iter_mut().rev();
            if let Some(part) = part
                .into_iter()
                .find(|part| !matches!(part.sent, Sent::Moved))
            {
                part.give(given);
            }
        }
        parts
    }
}

impl Exchanged {
    fn give(&mut self, given: &Given) {
        self.ended = match given {
            Given::Step { output, next } => {
                self.output.extend_from_slice(&output.0);
                match next {
                    Next::More => Ended::Cut,
                    Next::Lines | Next::StartTls | Next::Close | Next::Abort => Ended::Next(*next),
                }
            }
            Given::Fault(cause) => Ended::Fault(cause.clone()),
        };
    }
}
