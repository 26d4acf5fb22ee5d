//! What a recording knows: the host's answers, sorted by the questions.
//!
//! Values only. Who asks, and what comes of it, is in `script.rs`.

use std::collections::{HashMap, VecDeque};

use super::{Event, Recording};
use crate::{
    capability::Fault,
    octets::encode,
    record::{Asked, Called, Read, Text},
};

/// What the host answered, and what it was asked.
#[derive(Default)]
pub(super) struct Answers {
    /// What the client was offered.
    pub(super) mechanisms: Vec<String>,
    /// Claims and exchanges, in order.
    pub(super) claims: VecDeque<Asked>,
    /// How often messages were opened, by number.
    pub(super) openings: HashMap<u32, VecDeque<Opening>>,
    pub(super) commits: VecDeque<Commit>,
    /// The first question that is not the recorded one: that, and what was asked.
    pub(super) first: Option<(String, String)>,
}

/// What was committed.
pub(super) struct Commit {
    pub(super) deleted: Vec<u32>,
    /// How many were removed and kept, if not all were removed.
    pub(super) unfinished: Option<(u32, u32)>,
}

/// A message that was opened.
#[derive(Clone, Default)]
pub(super) struct Opening {
    pub(super) fault: Option<Fault>,
    pub(super) octets: Vec<u8>,
    /// What came behind the octets; `None` if nobody read so far.
    pub(super) end: Option<Result<(), Fault>>,
}

impl Answers {
    pub(super) fn of(recording: &Recording) -> Self {
        let mut answers = Self {
            mechanisms: recording.header.connection.mechanisms.clone(),
            ..Self::default()
        };
        let mut open = None;
        for event in &recording.events {
            if let Event::Called(Called { host, .. }) = event {
                host.iter()
                    .for_each(|asked| answers.learn(asked, &mut open));
            }
        }
        answers.openings.values_mut().for_each(complete);
        answers
    }

    /// Something was asked that is not recorded. What comes behind the first such question is of no
    /// more interest.
    pub(super) fn differ(&mut self, expected: String, found: String) {
        self.first.get_or_insert((expected, found));
    }

    fn learn(&mut self, asked: &Asked, open: &mut Option<u32>) {
        match asked {
            Asked::Password { .. }
            | Asked::Apop { .. }
            | Asked::Start { .. }
            | Asked::Begin { .. }
            | Asked::Respond { .. } => self.claims.push_back(asked.clone()),
            Asked::Open { number, fault } => {
                *open = Some(*number);
                let fault = fault.map(Into::into);
                let opening = Opening {
                    fault,
                    ..Opening::default()
                };
                self.openings.entry(*number).or_default().push_back(opening);
            }
            Asked::Read { answer } => {
                let openings = open.and_then(|number| self.openings.get_mut(&number));
                if let Some(opening) = openings.and_then(VecDeque::back_mut) {
                    opening.learn(answer);
                }
            }
            Asked::Commit {
                deleted,
                unfinished,
            } => self.commits.push_back(Commit {
                deleted: deleted.clone(),
                unfinished: *unfinished,
            }),
        }
    }
}

impl Opening {
    fn learn(&mut self, read: &Read) {
        match read {
            Read::Octets(Text(octets)) if octets.is_empty() => self.end = Some(Ok(())),
            Read::Octets(Text(octets)) => self.octets.extend_from_slice(octets),
            Read::Fault(fault) => self.end = Some(Err((*fault).into())),
        }
    }
}

/// What was read of a message once is known of it the next time.
fn complete(openings: &mut VecDeque<Opening>) {
    let known = openings
        .iter()
        .filter(|opening| opening.end == Some(Ok(())));
    let Some(whole) = known.max_by_key(|opening| opening.octets.len()).cloned() else {
        return;
    };
    for opening in openings {
        if opening.end.is_none() && whole.octets.starts_with(&opening.octets) {
            opening.octets.clone_from(&whole.octets);
            opening.end = whole.end;
        }
    }
}

/// A commit in words.
pub(super) fn commit(deleted: &[u32]) -> String {
    format!("commit of {deleted:?}")
}

/// A question in words.
pub(super) fn describe(asked: &Asked) -> String {
    match asked {
        Asked::Password { user, .. } => format!("password of {}", encode(&user.0)),
        Asked::Apop { user, .. } => format!("apop of {}", encode(&user.0)),
        Asked::Start { mechanism } => format!("start of {}", encode(mechanism.as_bytes())),
        Asked::Begin { .. } => "begin of an exchange".to_owned(),
        Asked::Respond { .. } => "response to a challenge".to_owned(),
        Asked::Open { number, .. } => format!("open of message {number}"),
        Asked::Read { .. } => "read of a message".to_owned(),
        Asked::Commit { deleted, .. } => commit(deleted),
    }
}
