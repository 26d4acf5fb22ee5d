//! A Maildir in a session: what was announced at login, messages, the commit.
//!
//! Reads in the task, because mail that was just measured or listed is in memory; looks for lost
//! messages, measures and removes on threads that may block.

use std::{
    ffi::{CStr, CString},
    sync::Arc,
};

use rustix::{fd::OwnedFd, io::Errno};
use serde::{Deserialize, Serialize};

use super::{
    Uidl,
    commit::{self, Marked},
    error,
    identity::Identity,
    lease, locate,
    lock::Lock,
    login::Opened,
    memo::{Memo, RememberedUid, Verdict, Verdicts},
    names::Names,
    paths::{self, Paths, TooMany},
    place::{Place, Stamps},
    reader::Reader,
    scan::Listing,
};
use crate::{
    capability::{Answer, Fault, Lease, Maildrop, Message, Unfinished},
    snapshot::{self, Snapshot},
};

/// The octets of a message's file are not known, or its wire form is longer by more than this.
const UNKNOWN: u32 = u32::MAX;

/// What was found at login, fixed since.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Contents {
    snapshot: Snapshot,
    /// By how many octets each message is longer on the wire than in its file, or [`UNKNOWN`].
    growth: Vec<u32>,
}

impl Contents {
    /// No messages, and room for so many.
    pub(super) fn with_capacity(messages: usize) -> Self {
        Self {
            snapshot: Snapshot::with_capacity(messages),
            growth: Vec::with_capacity(messages),
        }
    }

    /// Adds a message: its octets on the wire, those of its file if they are known, its unique id.
    pub(super) fn push(
        &mut self,
        octets: u64,
        stored: Option<u64>,
        uid: &[u8],
    ) -> Result<(), snapshot::Error> {
        let growth = stored.and_then(|stored| u32::try_from(octets.checked_sub(stored)?).ok());
        self.snapshot.push(octets, uid)?;
        self.growth.push(growth.unwrap_or(UNKNOWN));
        Ok(())
    }

    /// The numbers, sizes and unique ids of the messages.
    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Whether there is one path for each message.
    pub(super) fn fits(&self, paths: &Paths) -> bool {
        let count = usize::try_from(self.snapshot.count());
        count == Ok(paths.len()) && self.growth.len() == paths.len()
    }

    /// Gives back what was reserved and not used.
    pub(super) fn shrink(&mut self) {
        self.snapshot.shrink();
        self.growth.shrink_to_fit();
    }

    /// The octets of a message's file, if they are known.
    fn stored(&self, number: u32) -> Option<u64> {
        let growth = self
            .growth
            .get(index(number)?)
            .filter(|growth| **growth != UNKNOWN)?;
        self.snapshot.size(number)?.checked_sub(u64::from(*growth))
    }
}

/// A Maildir, locked by this session.
pub(super) struct LockedMaildir {
    place: Arc<Place>,
    contents: Arc<Contents>,
    /// Where each message was when it was looked for last.
    names: Arc<Names>,
    /// The folders as they were then; nobody has looked as a rule.
    seen: Option<Box<Stamps>>,
    /// What was found out about sizes since a message was opened first.
    verdicts: Option<Arc<Verdicts>>,
    /// Released when it is dropped, last.
    lock: Lock,
    uidl: Uidl,
    user: Box<str>,
    session: Box<str>,
}

impl LockedMaildir {
    /// What `user` sees of an opened Maildir in `session`.
    pub(super) fn new(opened: Opened, uidl: Uidl, user: &str, session: &str) -> Self {
        Self {
            place: Arc::new(opened.place),
            contents: opened.contents,
            names: opened.names,
            seen: None,
            verdicts: None,
            lock: opened.lock,
            uidl,
            user: user.into(),
            session: session.into(),
        }
    }

    async fn open_checked(&mut self, number: u32) -> Result<Box<dyn Message>, Fault> {
        let index = index(number)
            .filter(|index| *index < self.names.len())
            .ok_or(Fault::Gone)?;
        let announced = self.contents.snapshot.size(number).ok_or(Fault::Gone)?;
        if self.verdict(number) == Some(Verdict::Wrong) {
            return Err(Fault::Gone);
        }
        let (path, file, identity) = self
            .find(index)
            .await
            .map_err(|errno| self.failed(number, errno))?;
        let memo = self.memo(number, &path);
        let file = match (self.contents.stored(number), self.verdict(number)) {
            (Some(stored), _) if stored != identity.stored => return Err(memo.changed()),
            (Some(_), _) | (None, Some(_)) => file,
            (None, None) => memo.check_claim(file, identity, announced).await?,
        };
        Ok(Box::new(MailFile {
            reader: Reader::new(file, announced),
            memo,
            fault: None,
        }))
    }

    fn verdict(&self, number: u32) -> Option<Verdict> {
        self.verdicts.as_ref()?.get(number)
    }

    fn memo(&mut self, number: u32, path: &CStr) -> Memo {
        let unique = paths::unique(path);
        let uid = self.contents.snapshot.uid(number).unwrap_or_default();
        let shown = match self.uidl {
            Uidl::Filename => RememberedUid::Undecided,
            Uidl::Auto if uid == unique => RememberedUid::Name,
            Uidl::Auto => RememberedUid::Given(uid.into()),
        };
        Memo {
            place: Arc::clone(&self.place),
            number,
            unique: unique.into(),
            shown,
            verdicts: Arc::clone(self.verdicts.get_or_insert_default()),
        }
    }

    /// Opens a message, under its new name if it was renamed.
    async fn find(&mut self, index: usize) -> Result<(CString, OwnedFd, Identity), Errno> {
        match self.open_at(index) {
            Err(Errno::NOENT) => {
                self.follow().await?;
                self.open_at(index)
            }
            opened => opened,
        }
    }

    fn open_at(&self, index: usize) -> Result<(CString, OwnedFd, Identity), Errno> {
        let path = self.names.path(index, &self.contents.snapshot);
        let (file, identity) = self.place.open_message(&path)?;
        Ok((path, file, identity))
    }

    /// Looks where all messages are: who renamed one has often renamed more. Does nothing if the
    /// folders are as they were when that was done last, however many messages are gone.
    async fn follow(&mut self) -> Result<(), Errno> {
        let seen = self.place.stamps()?;
        if self.seen.as_deref() == Some(&seen) {
            return Ok(());
        }
        let (place, contents) = (Arc::clone(&self.place), Arc::clone(&self.contents));
        let names = Arc::clone(&self.names);
        let followed = tokio::task::spawn_blocking(move || {
            let listing = Listing::scan(&place).map_err(|error| {
                tracing::warn!(path = ?place.path, %error, "messages can not be looked for");
                Errno::IO
            })?;
            let followed = names
                .paths(&contents.snapshot)
                .and_then(|paths| locate::follow(&paths, &listing));
            let followed = followed.and_then(|paths| Names::new(&paths, &contents.snapshot));
            followed.map_err(|TooMany| Errno::NOMEM)
        });
        self.names = Arc::new(followed.await.map_err(|_| Errno::CANCELED)??);
        self.seen = Some(Box::new(seen));
        Ok(())
    }

    fn failed(&self, number: u32, errno: Errno) -> Fault {
        let fault = error::fault(errno);
        let (path, session) = (&self.place.path, &self.session);
        match fault {
            Fault::Gone => tracing::debug!(?path, session, number, "a message is gone"),
            Fault::Permanent | Fault::Temporary => {
                tracing::warn!(?path, session, number, %errno, "a message can not be opened");
            }
        }
        fault
    }

    /// Removes the messages with these numbers; on a thread that may block.
    fn remove(&self, deleted: &[u32]) -> Result<(), Unfinished> {
        let (user, session) = (&self.user, &self.session);
        let mut marked = Vec::with_capacity(deleted.len());
        for number in deleted {
            let Some(uid) = self.contents.snapshot.uid(*number) else {
                continue;
            };
            let uid = uid.escape_ascii();
            tracing::debug!(user, session, number, %uid, "a message is to be removed");
            let index = index(*number).unwrap_or(usize::MAX);
            marked.push(Marked {
                index,
                stored: self.contents.stored(*number),
            });
        }
        let paths = self.names.paths(&self.contents.snapshot);
        let result = match &paths {
            Ok(paths) => commit::commit(&self.place, paths, &marked, &mut commit::Unwatched),
            Err(TooMany) => Err(Unfinished::none_of(marked.len())),
        };
        match result {
            Ok(()) => tracing::debug!(user, session, removed = marked.len(), "commit"),
            Err(Unfinished { removed, kept }) => {
                tracing::warn!(user, session, removed, kept, "the commit is not finished");
            }
        }
        result
    }
}

impl Maildrop for LockedMaildir {
    fn snapshot(&self) -> &Snapshot {
        &self.contents.snapshot
    }

    fn open(&mut self, number: u32) -> Answer<'_, Result<Box<dyn Message>, Fault>> {
        Box::pin(self.open_checked(number))
    }

    fn lease(&self) -> Option<Lease> {
        let paths = self.names.paths(&self.contents.snapshot).ok()?;
        lease::give(&self.place, &self.contents, &paths, &self.lock)
    }

    fn leave(mut self: Box<Self>) {
        self.lock.leave();
    }

    fn commit(self: Box<Self>, deleted: Vec<u32>) -> Answer<'static, Result<(), Unfinished>> {
        Box::pin(async move {
            if deleted.is_empty() {
                return Ok(());
            }
            let none = Unfinished::none_of(deleted.len());
            // The lock goes with `self`: it is released when the thread is done, whoever waits.
            let removed = tokio::task::spawn_blocking(move || self.remove(&deleted)).await;
            removed.unwrap_or_else(|error| {
                tracing::error!(%error, "a commit did not run to its end");
                Err(none)
            })
        })
    }
}

fn index(number: u32) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

/// A message that is being read. It outlives the maildrop if it has to.
#[derive(Debug)]
struct MailFile {
    reader: Reader,
    memo: Memo,
    /// What ended the message. It is of no more use then.
    fault: Option<Fault>,
}

impl Message for MailFile {
    fn read(&mut self, max: usize) -> Answer<'_, Result<Vec<u8>, Fault>> {
        let result = match self.fault {
            Some(fault) => Err(fault),
            None => self
                .reader
                .read(max)
                .map_err(|error| self.memo.failed(error)),
        };
        self.fault = result.as_ref().err().copied();
        Box::pin(std::future::ready(result))
    }

    fn is_at_end(&self) -> bool {
        self.fault.is_none() && self.reader.is_at_end()
    }
}
