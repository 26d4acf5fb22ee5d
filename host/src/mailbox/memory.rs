//! Mail in memory, for tests, demonstrations and embedders, with faults on demand.
//!
//! Keeps nothing beyond the process. Locks, numbers and commits behave as those of a Maildir do.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    Mailbox, OpenError,
    wire::{self, Chunk, Sink, Wire},
};
use crate::{
    account::Account,
    capability::{Answer, Fault, Maildrop, Message, Unfinished},
    snapshot::Snapshot,
};

/// Something that goes wrong with one message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trouble {
    /// It vanishes: [`Maildrop::open`] says [`Fault::Gone`], a commit counts it as removed.
    Gone,
    /// A commit can not remove it.
    Keep,
    /// Reading fails with `fault` once `after` octets of it were read.
    Read {
        /// Octets on the wire that can be read.
        after: usize,
        /// What is said then.
        fault: Fault,
    },
}

/// A store of mail for many users. Clones share it. A user who is not known has no messages.
///
/// ```
/// use popcell::{account::Account, mailbox::{Mailbox, memory::Memory}};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let store = Memory::new([("alice", vec![b"Subject: hi\n\nhello\n".to_vec()])]);
/// let alice = Account { user: "alice".to_owned(), home: None };
/// let mut maildrop = store.open(&alice, "session 1").await.expect("not locked");
/// let mut message = maildrop.open(1).await.expect("there is one message");
/// assert_eq!(message.read(4096).await, Ok(b"Subject: hi\r\n\r\nhello\r\n".to_vec()));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Memory {
    users: Arc<Mutex<HashMap<String, User>>>,
}

#[derive(Debug, Default)]
struct User {
    messages: Vec<Stored>,
    /// Given to the next message, and never again.
    serial: u64,
    /// The session that holds the maildrop.
    holder: Option<String>,
    refusal: Option<OpenError>,
}

#[derive(Clone, Debug)]
struct Stored {
    serial: u64,
    octets: Arc<[u8]>,
    trouble: Option<Trouble>,
}

impl Memory {
    /// A store with these users and their messages. Line ends may be LF or CRLF.
    pub fn new<U: Into<String>>(users: impl IntoIterator<Item = (U, Vec<Vec<u8>>)>) -> Self {
        let store = Self::default();
        for (user, messages) in users {
            let user = user.into();
            messages
                .into_iter()
                .for_each(|message| store.deliver(&user, message));
        }
        store
    }

    /// Adds a message. A session that is under way does not see it.
    pub fn deliver(&self, user: &str, message: impl Into<Vec<u8>>) {
        let mut users = self.users();
        let user = users.entry(user.to_owned()).or_default();
        let (serial, octets) = (user.serial, message.into().into());
        user.serial += 1;
        user.messages.push(Stored {
            serial,
            octets,
            trouble: None,
        });
    }

    /// The messages of a user as they were delivered.
    pub fn messages(&self, user: &str) -> Vec<Vec<u8>> {
        let users = self.users();
        let messages = users.get(user).map_or(&[][..], |user| &user.messages);
        messages
            .iter()
            .map(|message| message.octets.to_vec())
            .collect()
    }

    /// Makes something go wrong with the message that a login would give this number (1-based), or
    /// lets it be well again. Returns whether there is such a message.
    pub fn trouble(&self, user: &str, number: u32, trouble: Option<Trouble>) -> bool {
        let mut users = self.users();
        let message = users
            .get_mut(user)
            .and_then(|user| user.messages.get_mut(index(number)?));
        message.is_some_and(|message| {
            message.trouble = trouble;
            true
        })
    }

    /// Makes every login of a user fail, or lets it succeed again.
    pub fn refuse(&self, user: &str, refusal: Option<OpenError>) {
        self.users().entry(user.to_owned()).or_default().refusal = refusal;
    }

    /// The session that holds the maildrop of a user.
    pub fn holder(&self, user: &str) -> Option<String> {
        self.users().get(user)?.holder.clone()
    }

    fn lock(&self, user: &str, session: &str) -> Result<Locked, OpenError> {
        let mut users = self.users();
        let entry = users.entry(user.to_owned()).or_default();
        if let Some(refusal) = entry.refusal {
            return Err(refusal);
        }
        if entry.holder.is_some() {
            return Err(OpenError::InUse);
        }
        let (snapshot, serials) = entry.snapshot()?;
        entry.holder = Some(session.to_owned());
        Ok(Locked {
            store: self.clone(),
            user: user.to_owned(),
            snapshot,
            serials,
        })
    }

    fn users(&self) -> MutexGuard<'_, HashMap<String, User>> {
        // No change below is made of two steps that a panic could come between.
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox for Memory {
    fn open<'a>(
        &'a self,
        account: &'a Account,
        session: &'a str,
    ) -> Answer<'a, Result<Box<dyn Maildrop>, OpenError>> {
        Box::pin(async move {
            let locked = self.lock(&account.user, session)?;
            Ok(Box::new(locked) as Box<dyn Maildrop>)
        })
    }
}

impl User {
    fn snapshot(&self) -> Result<(Snapshot, Vec<u64>), OpenError> {
        let mut snapshot = Snapshot::with_capacity(self.messages.len());
        for Stored {
            serial,
            octets,
            trouble: _,
        } in &self.messages
        {
            let uid = format!("{serial:016x}");
            snapshot
                .push(wire::octets([octets.as_ref()]), uid.as_bytes())
                .map_err(|_| OpenError::Permanent)?;
        }
        let serials = self.messages.iter().map(|message| message.serial).collect();
        Ok((snapshot, serials))
    }
}

/// A maildrop, locked by this session.
struct Locked {
    store: Memory,
    user: String,
    snapshot: Snapshot,
    /// The serial number of each message.
    serials: Vec<u64>,
}

impl Locked {
    fn find(&self, number: u32) -> Result<Stored, Fault> {
        let serial = index(number)
            .and_then(|index| self.serials.get(index))
            .ok_or(Fault::Gone)?;
        let users = self.store.users();
        let mut messages = users
            .get(&self.user)
            .map_or(&[][..], |user| &user.messages)
            .iter();
        let message = messages.find(|message| message.serial == *serial);
        message
            .filter(|message| message.trouble != Some(Trouble::Gone))
            .cloned()
            .ok_or(Fault::Gone)
    }

    fn remove(&self, deleted: &[u32]) -> Result<(), Unfinished> {
        let mut users = self.store.users();
        let Some(user) = users.get_mut(&self.user) else {
            return Ok(());
        };
        let serial = |number: &u32| {
            index(*number)
                .and_then(|index| self.serials.get(index))
                .copied()
        };
        let mut marked: Vec<u64> = deleted.iter().filter_map(serial).collect();
        marked.sort_unstable();
        marked.dedup();
        let mut kept = 0;
        user.messages.retain(|message| {
            let is_marked = marked.binary_search(&message.serial).is_ok();
            let is_kept = is_marked && message.trouble == Some(Trouble::Keep);
            kept += u32::from(is_kept);
            !is_marked || is_kept
        });
        let count = u32::try_from(marked.len()).unwrap_or(u32::MAX);
        if kept == 0 {
            Ok(())
        } else {
            Err(Unfinished {
                removed: count - kept,
                kept,
            })
        }
    }
}

impl Maildrop for Locked {
    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn open(&mut self, number: u32) -> Answer<'_, Result<Box<dyn Message>, Fault>> {
        let opened = self.find(number).map(
            |Stored {
                 serial: _,
                 octets,
                 trouble,
             }| {
                Box::new(Reading {
                    octets,
                    trouble,
                    wire: Wire::default(),
                    at: 0,
                    sent: 0,
                }) as Box<dyn Message>
            },
        );
        Box::pin(std::future::ready(opened))
    }

    fn commit(self: Box<Self>, deleted: Vec<u32>) -> Answer<'static, Result<(), Unfinished>> {
        Box::pin(async move { self.remove(&deleted) })
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        if let Some(user) = self.store.users().get_mut(&self.user) {
            user.holder = None;
        }
    }
}

/// A message that is being read.
struct Reading {
    octets: Arc<[u8]>,
    trouble: Option<Trouble>,
    wire: Wire,
    /// Stored octets that are done with.
    at: usize,
    /// Octets on the wire that were read.
    sent: usize,
}

impl Reading {
    fn read_now(&mut self, max: usize) -> Result<Vec<u8>, Fault> {
        let mut max = max.max(1).min(self.octets.len().saturating_mul(2) + 2);
        if let Some(Trouble::Read { after, fault }) = self.trouble {
            max = max.min(after.saturating_sub(self.sent));
            if max == 0 {
                return Err(fault);
            }
        }
        let mut chunk = Chunk::new(max);
        self.at += self.wire.feed(&self.octets[self.at..], &mut chunk);
        if self.at == self.octets.len() && chunk.room() > 0 {
            self.wire.finish(&mut chunk);
        }
        let octets = chunk.into_octets();
        self.sent += octets.len();
        Ok(octets)
    }
}

impl Message for Reading {
    fn read(&mut self, max: usize) -> Answer<'_, Result<Vec<u8>, Fault>> {
        Box::pin(std::future::ready(self.read_now(max)))
    }
}

fn index(number: u32) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

#[cfg(test)]
mod tests;
