//! EXPIRE 0 (RFC 2449, section 6.7): a maildrop that does not keep what was read.
//!
//! Any maildrop, and nothing of it but its commit is changed. Whose mail is not kept is decided in
//! `attempt`.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use tracing::info;

use crate::{
    capability::{Answer, Fault, Maildrop, Message, Unfinished},
    snapshot::Snapshot,
};

/// A maildrop whose commit removes the messages that were read to their end, too.
///
/// What was read partly, as TOP does it, is kept; a TOP that comes to the end of the message has
/// retrieved it. RSET takes the marks of DELE back and nothing else: it does not undo the reading.
pub(super) fn wrap(maildrop: Box<dyn Maildrop>, user: &str, session: &str) -> Box<dyn Maildrop> {
    Box::new(Unkept {
        maildrop,
        retrieved: Retrieved::default(),
        user: user.to_owned(),
        session: session.to_owned(),
    })
}

struct Unkept {
    maildrop: Box<dyn Maildrop>,
    retrieved: Retrieved,
    user: String,
    session: String,
}

/// The messages that were read to their end; the maildrop and its messages share it.
#[derive(Clone, Default)]
struct Retrieved(Arc<Mutex<BTreeSet<u32>>>);

impl Retrieved {
    fn add(&self, number: u32) {
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.insert(number);
    }

    /// These messages and those that were read, in order.
    fn and(&self, deleted: Vec<u32>) -> Vec<u32> {
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.extend(deleted);
        numbers.iter().copied().collect()
    }
}

impl Maildrop for Unkept {
    fn snapshot(&self) -> &Snapshot {
        self.maildrop.snapshot()
    }

    fn open(&mut self, number: u32) -> Answer<'_, Result<Box<dyn Message>, Fault>> {
        Box::pin(async move {
            let message = self.maildrop.open(number).await?;
            let retrieved = self.retrieved.clone();
            Ok(Box::new(Reading {
                message,
                number,
                retrieved,
            }) as Box<dyn Message>)
        })
    }

    fn commit(self: Box<Self>, deleted: Vec<u32>) -> Answer<'static, Result<(), Unfinished>> {
        let marked = deleted.len();
        let deleted = self.retrieved.and(deleted);
        let read = deleted.len().saturating_sub(marked);
        if read > 0 {
            let Self { user, session, .. } = &*self;
            info!(
                user,
                session,
                messages = read,
                "mail that was read is not kept"
            );
        }
        self.maildrop.commit(deleted)
    }
}

struct Reading {
    message: Box<dyn Message>,
    number: u32,
    retrieved: Retrieved,
}

impl Message for Reading {
    fn read(&mut self, max: usize) -> Answer<'_, Result<Vec<u8>, Fault>> {
        Box::pin(async move {
            let octets = self.message.read(max).await?;
            if octets.is_empty() {
                self.retrieved.add(self.number);
            }
            Ok(octets)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        account::Account,
        mailbox::{
            Mailbox,
            memory::{Memory, Trouble},
        },
    };

    fn store() -> Memory {
        let letters = ["one", "two", "three"].map(|text| text.as_bytes().to_vec());
        Memory::new([("alice", letters.to_vec())])
    }

    async fn open(store: &Memory) -> Box<dyn Maildrop> {
        let alice = Account {
            user: "alice".to_owned(),
            home: None,
        };
        wrap(store.open(&alice, "s").await.expect("free"), "alice", "s")
    }

    async fn read(maildrop: &mut dyn Maildrop, number: u32) -> Result<(), Fault> {
        let mut message = maildrop.open(number).await?;
        while !message.read(2).await?.is_empty() {}
        Ok(())
    }

    #[tokio::test]
    async fn what_was_read_to_its_end_goes_with_what_was_marked() {
        let store = store();
        let mut maildrop = open(&store).await;
        read(&mut *maildrop, 3).await.expect("whole");
        read(&mut *maildrop, 3).await.expect("whole again");
        assert_eq!(maildrop.commit(vec![1, 3]).await, Ok(()));
        assert_eq!(store.messages("alice"), [b"two"]);
    }

    #[tokio::test]
    async fn what_was_read_in_part_or_not_without_fault_is_kept() {
        let store = store();
        let mut maildrop = open(&store).await;
        let mut message = maildrop.open(1).await.expect("there");
        assert_eq!(message.read(100).await, Ok(b"one\r\n".to_vec()));
        drop(message);
        let fault = Fault::Temporary;
        store.trouble("alice", 2, Some(Trouble::Read { after: 2, fault }));
        assert_eq!(read(&mut *maildrop, 2).await, Err(fault));
        assert_eq!(maildrop.commit(Vec::new()).await, Ok(()));
        assert_eq!(store.messages("alice").len(), 3);
    }

    #[tokio::test]
    async fn a_session_without_a_commit_removes_nothing() {
        let store = store();
        let mut maildrop = open(&store).await;
        read(&mut *maildrop, 1).await.expect("whole");
        drop(maildrop);
        assert_eq!(store.messages("alice").len(), 3);
        assert_eq!(store.holder("alice"), None);
    }

    #[tokio::test]
    async fn what_can_not_be_removed_is_said() {
        let store = store();
        let mut maildrop = open(&store).await;
        read(&mut *maildrop, 1).await.expect("whole");
        store.trouble("alice", 1, Some(Trouble::Keep));
        let unfinished = Unfinished {
            removed: 1,
            kept: 1,
        };
        assert_eq!(maildrop.commit(vec![2]).await, Err(unfinished));
    }
}
