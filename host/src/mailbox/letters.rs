//! A maildrop of letters that a program has in memory: reports that it writes, tickets that it keeps.
//!
//! Where letters come from and what becomes of deleted ones is the program's. Locks nothing by itself.

use std::{future::ready, sync::Arc};

use super::wire::{self, Chunk, Sink, Wire};
use crate::{
    capability::{Answer, Fault, Maildrop, Message, Unfinished},
    snapshot::{self, Snapshot},
};

/// What is done for a QUIT: it gets the indices of the letters that are to be deleted, ascending from 0.
type Commit = Box<dyn FnOnce(Vec<usize>) -> Result<(), Unfinished> + Send>;

/// Letters, fixed when a session began. An implementation of [`Mailbox`](super::Mailbox) gives them
/// out.
///
/// ```
/// use popcell::{capability::{Maildrop, Message}, mailbox::letters::Letters};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let mut letters = Letters::new([("invoice-7", "Subject: hi\n\nhello\n")]).expect("a unique id");
/// assert_eq!(letters.snapshot().uid(1), Some(b"invoice-7".as_slice()));
/// let mut letter = letters.open(1).await.expect("there is one");
/// assert_eq!(letter.read(4096).await, Ok(b"Subject: hi\r\n\r\nhello\r\n".to_vec()));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Letters {
    snapshot: Snapshot,
    octets: Vec<Arc<[u8]>>,
    commit: Commit,
}

impl Letters {
    /// These letters, each behind its unique id: 1 to 70 octets from 0x21 to 0x7E, which no other letter
    /// of the user ever has. Line ends may be LF or CRLF. Whoever deletes one is told that it could not
    /// be removed, unless [`on_commit`](Self::on_commit) says otherwise.
    ///
    /// # Errors
    ///
    /// A unique id that is none, or too many letters.
    pub fn new<U: AsRef<str>, L: Into<Vec<u8>>>(
        letters: impl IntoIterator<Item = (U, L)>,
    ) -> Result<Self, snapshot::Error> {
        let mut snapshot = Snapshot::default();
        let mut all = Vec::new();
        for (uid, letter) in letters {
            let letter = letter.into();
            snapshot.push(wire::octets([&*letter]), uid.as_ref().as_bytes())?;
            all.push(letter.into());
        }
        Ok(Self {
            snapshot,
            octets: all,
            commit: Box::new(keep),
        })
    }

    /// What deletes letters. It gets their places among those that were given, ascending from 0, once and
    /// for a QUIT only, and returns when they are gone for good; it should not take long.
    ///
    /// It is dropped with the maildrop. A guard that it owns is a lock that is held as long as the
    /// session.
    pub fn on_commit(
        mut self,
        commit: impl FnOnce(Vec<usize>) -> Result<(), Unfinished> + Send + 'static,
    ) -> Self {
        self.commit = Box::new(commit);
        self
    }

    /// The same, as [`Mailbox::open`](super::Mailbox::open) gives it.
    pub fn boxed(self) -> Box<dyn Maildrop> {
        Box::new(self)
    }
}

impl std::fmt::Debug for Letters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Letters")
            .field("count", &self.octets.len())
            .finish_non_exhaustive()
    }
}

impl Maildrop for Letters {
    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn open(&mut self, number: u32) -> Answer<'_, Result<Box<dyn Message>, Fault>> {
        let octets = index(number).and_then(|index| self.octets.get(index));
        let letter = octets.map(|octets| {
            Box::new(Reading {
                octets: Arc::clone(octets),
                wire: Wire::default(),
                at: 0,
                is_at_end: false,
            }) as Box<dyn Message>
        });
        Box::pin(ready(letter.ok_or(Fault::Gone)))
    }

    fn commit(self: Box<Self>, deleted: Vec<u32>) -> Answer<'static, Result<(), Unfinished>> {
        Box::pin(async move {
            if deleted.is_empty() {
                return Ok(());
            }
            (self.commit)(deleted.into_iter().filter_map(index).collect())
        })
    }
}

/// Deletes nothing.
fn keep(deleted: Vec<usize>) -> Result<(), Unfinished> {
    Err(Unfinished::none_of(deleted.len()))
}

/// A letter that is being read.
struct Reading {
    octets: Arc<[u8]>,
    wire: Wire,
    /// Octets that are done with.
    at: usize,
    /// Nothing is left, the end of the last line neither.
    is_at_end: bool,
}

impl Message for Reading {
    fn read(&mut self, max: usize) -> Answer<'_, Result<Vec<u8>, Fault>> {
        let most = self.octets.len().saturating_mul(2) + 2;
        let mut chunk = Chunk::new(max.max(1).min(most));
        self.at += self.wire.feed(&self.octets[self.at..], &mut chunk);
        if self.at == self.octets.len() && chunk.room() > 0 {
            self.is_at_end = self.wire.finish(&mut chunk);
        }
        Box::pin(ready(Ok(chunk.into_octets())))
    }

    fn is_at_end(&self) -> bool {
        self.is_at_end
    }
}

fn index(number: u32) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn three() -> Letters {
        Letters::new([("a", "one\n"), ("b", "two"), ("c", "")]).expect("unique ids")
    }

    #[tokio::test]
    async fn a_letter_is_read_in_pieces_of_any_size() {
        for max in [1, 2, 3, 100] {
            let mut letter = three().open(2).await.expect("there are three");
            let mut read = Vec::new();
            loop {
                let is_at_end = letter.is_at_end();
                let piece = letter.read(max).await.expect("memory does not fail");
                assert!(piece.len() <= max);
                assert!(!is_at_end || piece.is_empty());
                if piece.is_empty() {
                    break;
                }
                read.extend(piece);
            }
            assert_eq!(read, b"two\r\n");
            assert!(letter.is_at_end());
        }
    }

    #[tokio::test]
    async fn there_is_no_letter_but_those_that_were_given() {
        let mut letters = three();
        assert_eq!(letters.snapshot().octets(), 10);
        for number in [0, 4, u32::MAX] {
            assert!(letters.open(number).await.is_err(), "{number}");
        }
        assert!(Letters::new([("not an id", "")]).is_err());
    }

    #[tokio::test]
    async fn a_commit_tells_the_places_of_deleted_letters() {
        let deleted = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&deleted);
        let letters = three().on_commit(move |places| {
            *told.lock().expect("nobody panics") = places;
            Ok(())
        });
        assert_eq!(Box::new(letters).commit(vec![1, 3]).await, Ok(()));
        assert_eq!(*deleted.lock().expect("nobody panics"), [0, 2]);
    }

    #[tokio::test]
    async fn letters_that_nobody_deletes_stay() {
        assert_eq!(Box::new(three()).commit(Vec::new()).await, Ok(()));
        let kept = Unfinished {
            removed: 0,
            kept: 2,
        };
        assert_eq!(Box::new(three()).commit(vec![1, 2]).await, Err(kept));
    }
}
