//! The host of a replay: it answers what it answered when the session was recorded.
//!
//! Whatever the password is: what is recorded has none. A question that nobody asked then has no
//! answer, and is the difference.

use std::{
    collections::VecDeque,
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    Recording,
    answers::{Answers, Commit, Opening, commit, describe},
};
use crate::{
    capability::{
        Answer, Exchange, Fault, Grant, Login, Maildrop, Message, Refusal, Turn, Unfinished,
    },
    octets::encode,
    record::{self, Asked},
    snapshot::Snapshot,
};

/// The answers of a recording. Clones share them.
#[derive(Clone)]
pub(super) struct Script(Arc<Mutex<Answers>>);

impl Script {
    pub(super) fn of(recording: &Recording) -> Self {
        Self(Arc::new(Mutex::new(Answers::of(recording))))
    }

    /// The claims of a cell.
    pub(super) fn login(&self) -> Box<dyn Login> {
        Box::new(self.clone())
    }

    /// The first question that is not the recorded one: that, and what was asked.
    pub(super) fn difference(&self) -> Option<(String, String)> {
        self.answers().first.clone()
    }

    /// A commit that is recorded and was not asked for.
    pub(super) fn missing_commit(&self) -> Option<String> {
        let answers = self.answers();
        answers
            .commits
            .front()
            .map(|Commit { deleted, .. }| commit(deleted))
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next claim, if it is of this kind.
    fn claim<T>(&self, found: &str, answer: impl Fn(&Asked) -> Option<T>) -> Option<T> {
        let mut answers = self.answers();
        let next = answers.claims.pop_front();
        let given = next.as_ref().and_then(answer);
        if given.is_none() {
            let expected = next
                .as_ref()
                .map_or_else(|| "no claim".to_owned(), describe);
            answers.differ(expected, found.to_owned());
        }
        given
    }

    fn granted(&self, granted: Option<record::Login>) -> Result<Grant, Refusal> {
        match granted {
            Some(record::Login::Granted(maildrop)) => self.grant(&maildrop),
            Some(record::Login::Refused(refusal)) => Err(refusal.into()),
            None => Err(Refusal::Permanent),
        }
    }

    fn turn(&self, turn: Option<record::Turn>) -> Turn {
        match turn {
            Some(record::Turn::Challenge(challenge)) => Turn::Challenge(challenge.0),
            Some(record::Turn::Granted(maildrop)) => {
                let granted = self.grant(&maildrop);
                granted.map_or_else(Turn::Refused, Turn::Done)
            }
            Some(record::Turn::Refused(refusal)) => Turn::Refused(refusal.into()),
            None => Turn::Refused(Refusal::Permanent),
        }
    }

    fn grant(&self, opened: &record::Maildrop) -> Result<Grant, Refusal> {
        let Some(snapshot) = snapshot(opened) else {
            let found = "the recorded maildrop has not as many unique ids as sizes, or wrong ones";
            let expected = "a maildrop".to_owned();
            self.answers().differ(expected, found.to_owned());
            return Err(Refusal::Permanent);
        };
        Ok(Grant {
            maildrop: Box::new(Recorded {
                script: self.clone(),
                snapshot,
            }),
            announce: opened.announce.clone().into(),
        })
    }
}

impl Login for Script {
    fn password<'a>(
        &'a mut self,
        user: &'a [u8],
        _: &'a [u8],
    ) -> Answer<'a, Result<Grant, Refusal>> {
        let found = format!("password of {}", encode(user));
        let granted = self.claim(&found, |asked| {
            let Asked::Password {
                user: recorded,
                answer,
            } = asked
            else {
                return None;
            };
            is_same(&recorded.0, user).then(|| answer.clone())
        });
        Box::pin(ready(self.granted(granted)))
    }

    fn apop<'a>(&'a mut self, user: &'a [u8], _: &'a [u8]) -> Answer<'a, Result<Grant, Refusal>> {
        let found = format!("apop of {}", encode(user));
        let granted = self.claim(&found, |asked| {
            let Asked::Apop {
                user: recorded,
                answer,
            } = asked
            else {
                return None;
            };
            is_same(&recorded.0, user).then(|| answer.clone())
        });
        Box::pin(ready(self.granted(granted)))
    }

    fn start(&mut self, mechanism: &str) -> Option<Box<dyn Exchange>> {
        // Nothing is recorded of mechanisms that there were not.
        if !self
            .answers()
            .mechanisms
            .iter()
            .any(|known| known == mechanism)
        {
            return None;
        }
        let found = format!("start of {mechanism}");
        self.claim(&found, |asked| {
            let Asked::Start {
                mechanism: recorded,
            } = asked
            else {
                return None;
            };
            (recorded == mechanism).then_some(())
        })?;
        Some(Box::new(self.clone()))
    }
}

impl Exchange for Script {
    fn begin<'a>(&'a mut self, initial: Option<&'a [u8]>) -> Answer<'a, Turn> {
        let has_initial = initial.is_some();
        let turn = self.claim("begin of an exchange", |asked| {
            let Asked::Begin { initial, answer } = asked else {
                return None;
            };
            (*initial == has_initial).then(|| answer.clone())
        });
        Box::pin(ready(self.turn(turn)))
    }

    fn respond<'a>(&'a mut self, _: &'a [u8]) -> Answer<'a, Turn> {
        let turn = self.claim("response to a challenge", |asked| {
            let Asked::Respond { answer } = asked else {
                return None;
            };
            Some(answer.clone())
        });
        Box::pin(ready(self.turn(turn)))
    }
}

/// A maildrop as it was recorded.
struct Recorded {
    script: Script,
    snapshot: Snapshot,
}

impl Maildrop for Recorded {
    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn open(&mut self, number: u32) -> Answer<'_, Result<Box<dyn Message>, Fault>> {
        let mut answers = self.script.answers();
        let openings = answers.openings.get_mut(&number);
        let opened = match openings.and_then(VecDeque::pop_front) {
            Some(Opening {
                fault: Some(fault), ..
            }) => Err(fault),
            Some(opening) => Ok(Box::new(Reading {
                script: self.script.clone(),
                number,
                opening,
                at: 0,
            }) as Box<dyn Message>),
            None => {
                let found = format!("open of message {number}");
                let expected = "no open of it".to_owned();
                answers.differ(expected, found);
                Err(Fault::Permanent)
            }
        };
        drop(answers);
        Box::pin(ready(opened))
    }

    fn commit(self: Box<Self>, deleted: Vec<u32>) -> Answer<'static, Result<(), Unfinished>> {
        let mut answers = self.script.answers();
        let recorded = answers.commits.pop_front();
        let expected = recorded.as_ref().map(|recorded| &recorded.deleted);
        if expected != Some(&deleted) {
            let expected = expected.map(|expected| commit(expected));
            let expected = expected.unwrap_or_else(|| "no commit".to_owned());
            answers.differ(expected, commit(&deleted));
        }
        let unfinished = recorded.and_then(|recorded| recorded.unfinished);
        let committed = match unfinished {
            Some((removed, kept)) => Err(Unfinished { removed, kept }),
            None => Ok(()),
        };
        drop(answers);
        Box::pin(ready(committed))
    }
}

struct Reading {
    script: Script,
    number: u32,
    opening: Opening,
    at: usize,
}

impl Message for Reading {
    fn read(&mut self, max: usize) -> Answer<'_, Result<Vec<u8>, Fault>> {
        let rest = &self.opening.octets[self.at..];
        let octets = rest[..rest.len().min(max)].to_vec();
        self.at += octets.len();
        let read = match (octets.is_empty(), self.opening.end) {
            (false, _) | (true, Some(Ok(()))) => Ok(octets),
            (true, Some(Err(fault))) => Err(fault),
            (true, None) => {
                let found = format!("read of message {} behind octet {}", self.number, self.at);
                let expected = "no read of it".to_owned();
                self.script.answers().differ(expected, found);
                Err(Fault::Permanent)
            }
        };
        Box::pin(ready(read))
    }
}

/// Whether two names are the same but for what was blanked in either.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut pairs = one.iter().zip(other);
    one.len() == other.len() && pairs.all(|(a, b)| a == b || *a == b'*' || *b == b'*')
}

fn snapshot(opened: &record::Maildrop) -> Option<Snapshot> {
    let mut snapshot = Snapshot::with_capacity(opened.sizes.len());
    let mut uids = opened.uids.0.split_inclusive(|octet| *octet == b'\n');
    for size in &opened.sizes {
        snapshot
            .push(*size, uids.next()?.strip_suffix(b"\n")?)
            .ok()?;
    }
    uids.next().is_none().then_some(snapshot)
}
