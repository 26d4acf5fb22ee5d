//! What a session finds out about the size of a message, for the next login.
//!
//! At most once for each message, however often a client asks for it. Sends nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use rustix::{fd::OwnedFd, io::Errno};

use super::{
    error,
    identity::Identity,
    place::Place,
    reader,
    sizes::{self, Line, Shown, Size},
};
use crate::capability::Fault;

/// What became of the size that was announced for a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// It was counted again and is right.
    Right,
    /// The message is not what was announced.
    Wrong,
}

/// The verdicts of a session, by number.
#[derive(Debug, Default)]
pub(super) struct Verdicts(Mutex<BTreeMap<u32, Verdict>>);

impl Verdicts {
    /// What is known of message `number`.
    pub(super) fn get(&self, number: u32) -> Option<Verdict> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&number)
            .copied()
    }

    /// Returns whether this is news.
    fn set(&self, number: u32, verdict: Verdict) -> bool {
        let mut verdicts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.insert(number, verdict) != Some(verdict)
    }
}

/// The unique id of a message, as it is remembered.
#[derive(Debug)]
pub(super) enum RememberedUid {
    /// It may be chosen anew.
    Undecided,
    /// That of the name.
    Name,
    /// This one.
    Given(Box<[u8]>),
}

/// What it takes to remember the size of a message, or to forget it.
#[derive(Debug)]
pub(super) struct Memo {
    /// Where it is remembered.
    pub(super) place: Arc<Place>,
    /// Its number in this session.
    pub(super) number: u32,
    /// The part of its file's name that never changes.
    pub(super) unique: Box<[u8]>,
    /// Its unique id.
    pub(super) shown: RememberedUid,
    /// The verdicts of the session.
    pub(super) verdicts: Arc<Verdicts>,
}

impl Memo {
    /// Counts a message whose size was only claimed, before the first octet of it is sent.
    pub(super) async fn check_claim(
        &self,
        message: OwnedFd,
        file: Identity,
        announced: u64,
    ) -> Result<OwnedFd, Fault> {
        let counted = tokio::task::spawn_blocking(move || {
            reader::measure(&message, file.stored).map(|wire| (wire, message))
        });
        let counted = counted.await.unwrap_or(Err(Errno::CANCELED));
        let (wire, message) = counted.map_err(|errno| self.failed(reader::Error::Io(errno)))?;
        let verdict = if wire == announced {
            Verdict::Right
        } else {
            Verdict::Wrong
        };
        self.note(verdict, Some(Size { wire, file }));
        match verdict {
            Verdict::Right => Ok(message),
            Verdict::Wrong => Err(Fault::Gone),
        }
    }

    /// The message is not what was announced. The next login takes its size again.
    pub(super) fn changed(&self) -> Fault {
        self.note(Verdict::Wrong, None);
        Fault::Gone
    }

    /// The message can not be read to its end.
    pub(super) fn failed(&self, error: reader::Error) -> Fault {
        match error {
            reader::Error::Changed => self.changed(),
            reader::Error::Io(errno) => {
                let (path, message) = (&self.place.path, self.unique.escape_ascii());
                tracing::warn!(?path, %message, %errno, "a message can not be read to its end");
                error::fault(errno)
            }
        }
    }

    /// Remembers the size, or that it is not known.
    fn note(&self, verdict: Verdict, size: Option<Size>) {
        if !self.verdicts.set(self.number, verdict) {
            return;
        }
        if verdict == Verdict::Wrong {
            let (path, message) = (&self.place.path, self.unique.escape_ascii());
            tracing::warn!(?path, %message, "a message is not what was announced at login");
        }
        let shown = match &self.shown {
            RememberedUid::Undecided => Shown::Undecided,
            RememberedUid::Name => Shown::OfName,
            RememberedUid::Given(uid) => Shown::As(uid),
        };
        sizes::correct(
            self.place.state(),
            Line {
                size,
                shown,
                unique: &self.unique,
            },
        );
    }
}
