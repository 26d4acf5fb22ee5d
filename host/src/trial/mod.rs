//! The trial: what a component has to get right before it is given a session.
//!
//! Plays the dialogues in `dialogues/` with a component in the sandbox, under the limits of every
//! session, with users and mail of its own; and each once more with the session suspended and
//! resumed between any two calls. Wording is free where no RFC fixes it. Decides nothing: whoever
//! asks does. Called by `popcell component test`.
//!
//! ```
//! use popcell::{sandbox::{EMBEDDED_COMPONENT, EngineOptions, Limits, Sandbox}, trial};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let options = EngineOptions { cells: 2, cell_memory: 1 << 20, engine: Default::default() };
//! let limits = Limits { call_time: std::time::Duration::from_secs(10), ..Limits::default() };
//! let sandbox = Sandbox::new(options, limits, EMBEDDED_COMPONENT).expect("an engine");
//! let report = trial::rehearse(&sandbox, &sandbox.version(), sandbox.terms()).await;
//! assert!(report.expect("the component is right").performances.len() > 30);
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```

mod dialogue;
mod house;
mod letters;
mod stage;

use std::{fmt, sync::Arc};

pub use self::dialogue::Problem;
use self::{dialogue::Dialogue, stage::Place};
use crate::sandbox::{self, Sandbox, Terms, Version};
pub use crate::{octets::WrongEscape, pattern::is_like};

/// The dialogues with their names, in the order of the files.
#[rustfmt::skip] // A dialogue in a line.
const DIALOGUES: &[(&str, &str)] = &[
    ("greeting", include_str!("dialogues/01-greeting.pop3")),
    ("login", include_str!("dialogues/02-login.pop3")),
    ("login-refused", include_str!("dialogues/03-login-refused.pop3")),
    ("unknown-commands", include_str!("dialogues/04-unknown-commands.pop3")),
    ("wrong-state", include_str!("dialogues/05-wrong-state.pop3")),
    ("stat-list", include_str!("dialogues/06-stat-list.pop3")),
    ("numbers", include_str!("dialogues/07-numbers.pop3")),
    ("retr", include_str!("dialogues/08-retr.pop3")),
    ("retr-large", include_str!("dialogues/09-retr-large.pop3")),
    ("retr-gone", include_str!("dialogues/10-retr-gone.pop3")),
    ("no-messages", include_str!("dialogues/11-no-messages.pop3")),
    ("dele-rset-noop", include_str!("dialogues/12-dele-rset-noop.pop3")),
    ("quit-removes", include_str!("dialogues/13-quit-removes.pop3")),
    ("quit-removes-in-part", include_str!("dialogues/14-quit-removes-in-part.pop3")),
    ("hang-up", include_str!("dialogues/15-hang-up.pop3")),
    ("pipelining", include_str!("dialogues/16-pipelining.pop3")),
    ("line-ends", include_str!("dialogues/17-line-ends.pop3")),
    ("overlong", include_str!("dialogues/18-overlong.pop3")),
    ("retr-broken", include_str!("dialogues/19-retr-broken.pop3")),
    ("uidl", include_str!("dialogues/20-uidl.pop3")),
    ("top", include_str!("dialogues/21-top.pop3")),
    ("capa", include_str!("dialogues/22-capa.pop3")),
    ("auth-plain", include_str!("dialogues/23-auth-plain.pop3")),
    ("apop", include_str!("dialogues/24-apop.pop3")),
];

/// What became of a dialogue that went as it has to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It was played to its end.
    Passed,
    /// It is about something that POP3 does not demand, and the component does not have it.
    NotThere,
}

/// A dialogue that was played.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Performance {
    /// Its name.
    pub dialogue: &'static str,
    /// Whether the session was suspended and resumed between any two calls.
    pub is_suspended: bool,
    /// What became of it.
    pub outcome: Result<Verdict, Failure>,
}

/// What was played.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// In the order in which it was.
    pub performances: Vec<Performance>,
}

/// Where a component departs from a dialogue.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}", self.describe())]
pub struct Failure {
    /// The name of the dialogue.
    pub dialogue: &'static str,
    /// Whether the session was suspended and resumed between any two calls.
    pub is_suspended: bool,
    /// The line of the dialogue's file.
    pub line: usize,
    /// What is wrong.
    #[source]
    pub cause: Cause,
}

/// What is wrong with a component. All of it is the component's fault but for
/// [`sandbox::Error::Exhausted`], where there was no cell for it, and [`Cause::Dialogue`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// Our own fault: the dialogue is none.
    #[error(transparent)]
    Dialogue(#[from] Problem),
    /// It said another line.
    #[error("expected {expected}, found {said}")]
    Differs {
        /// The line or its form.
        expected: String,
        /// What was said.
        said: String,
    },
    /// It should close or give the client up, and does not.
    #[error("the session goes on, or ends in another way than it has to")]
    GoesOn,
    /// It should listen, and is over.
    #[error("the session is over")]
    Over,
    /// The sandbox ended it.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
    /// It said nothing.
    #[error("expected {expected}, found nothing")]
    Silent {
        /// The line or its form.
        expected: String,
    },
    /// Other messages are left than should be.
    #[error("messages {found:?} are left, expected {expected:?}")]
    Stored {
        /// The messages that should be left, by their numbers in the beginning.
        expected: Vec<u32>,
        /// The messages that are.
        found: Vec<u32>,
    },
    /// It said something that nobody had asked for.
    #[error("expected nothing, found {said}")]
    Unasked {
        /// What was said.
        said: String,
    },
    /// A list lacks a line.
    #[error("{expected} is not in the list")]
    Unlisted {
        /// The line.
        expected: String,
    },
    /// An answer that can not be completed was ended as if it were whole.
    #[error("a message that can not be read to its end was ended as if it were whole")]
    Whole,
}

impl Report {
    /// Where the component departed from dialogues.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        let outcomes = self.performances.iter();
        outcomes.filter_map(|performance| performance.outcome.as_ref().err())
    }
}

impl Failure {
    fn describe(&self) -> String {
        let Self {
            dialogue,
            is_suspended,
            line,
            cause,
        } = self;
        let manner = Manner(*is_suspended);
        format!("dialogue {dialogue}{manner}, line {line}: {cause}")
    }
}

/// How a session was led, behind the name of a dialogue.
struct Manner(bool);

impl fmt::Display for Manner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { " (suspended)" } else { "" })
    }
}

/// Plays all dialogues with this component, under these terms, until one fails.
///
/// Takes a cell, and a second one for a moment. What a component computes is limited by the terms,
/// so this ends; under load of its own it is best run beside the sessions, not before them.
///
/// # Errors
///
/// The first [`Failure`].
pub async fn rehearse(
    sandbox: &Sandbox,
    version: &Arc<Version>,
    terms: &Terms,
) -> Result<Report, Failure> {
    let place = Place {
        sandbox,
        version,
        terms,
    };
    let mut report = Report::default();
    for (name, text, is_suspended) in plan() {
        let performance = perform(place, name, text, is_suspended).await;
        performance.outcome.clone()?;
        report.performances.push(performance);
    }
    Ok(report)
}

/// As [`rehearse`], but goes on behind a failure.
pub async fn rehearse_all(sandbox: &Sandbox, version: &Arc<Version>, terms: &Terms) -> Report {
    let place = Place {
        sandbox,
        version,
        terms,
    };
    let mut report = Report::default();
    for (name, text, is_suspended) in plan() {
        let performance = perform(place, name, text, is_suspended).await;
        report.performances.push(performance);
    }
    report
}

/// Every dialogue as it is, and then every one with a session that is suspended.
fn plan() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    let manners = [false, true].into_iter();
    manners.flat_map(|is_suspended| {
        let dialogues = DIALOGUES.iter();
        dialogues.map(move |(name, text)| (*name, *text, is_suspended))
    })
}

async fn perform(
    place: Place<'_>,
    name: &'static str,
    text: &str,
    is_suspended: bool,
) -> Performance {
    let played = match Dialogue::parse(text) {
        Ok(dialogue) => stage::play(place, &dialogue, is_suspended).await,
        Err((line, problem)) => Err((line, problem.into())),
    };
    let outcome = played.map_err(|(line, cause)| Failure {
        dialogue: name,
        is_suspended,
        line,
        cause,
    });
    Performance {
        dialogue: name,
        is_suspended,
        outcome,
    }
}

#[cfg(test)]
mod tests;
