//! Maildrops and messages of the fake host.
//!
//! Snapshots in memory, with the faults of the scene. Knows neither users nor passwords.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use popcell_component::{Fault, Forwarded, Maildrop, Message, Opened, Summary, Unfinished};

use super::{Forwarding, Letter, World};

/// The contract's limit of `max` for `sizes` and `uids`.
const MAX_WINDOW: u32 = 4_096;

/// The contract's limit of `max` for `read`.
const MAX_READ: u32 = 1_048_576;

/// A locked maildrop. Dropping it releases the lock and removes nothing.
pub struct FakeMaildrop {
    world: World,
    user: usize,
    letters: Vec<Letter>,
    has_open_message: Arc<AtomicBool>,
    forwarding: Option<Forwarding>,
}

impl FakeMaildrop {
    /// The snapshot of a mailbox that was locked for it.
    pub(super) fn new(world: World, user: usize, letters: Vec<Letter>) -> Self {
        Self {
            world,
            user,
            letters,
            has_open_message: Arc::default(),
            forwarding: None,
        }
    }

    /// The same, of a host that forwards.
    pub(super) fn forwarding(mut self, forwarding: Option<Forwarding>) -> Self {
        self.forwarding = forwarding;
        self
    }

    /// The sizes and unique ids of all messages in order.
    pub fn entries(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.letters
            .iter()
            .map(|letter| (octets(letter), letter.uid.as_bytes()))
    }

    /// The messages of a window that the contract allows.
    fn window(&self, first: u32, max: u32) -> &[Letter] {
        assert!(first >= 1, "contract: messages are numbered from 1");
        assert!(
            (1..=MAX_WINDOW).contains(&max),
            "contract: a window of {max}"
        );
        let start = usize::try_from(first - 1)
            .unwrap_or(usize::MAX)
            .min(self.letters.len());
        let end = start.saturating_add(usize::try_from(max).unwrap_or(usize::MAX));
        &self.letters[start..end.min(self.letters.len())]
    }
}

impl Maildrop for FakeMaildrop {
    type Message = FakeMessage;

    fn summary(&self) -> Summary {
        Summary {
            count: u32::try_from(self.letters.len()).expect("a test of fewer messages"),
            octets: self.letters.iter().map(octets).sum(),
        }
    }

    fn sizes(&self, first: u32, max: u32) -> Result<Vec<u64>, Fault> {
        let window = self.window(first, max);
        self.world
            .scene()
            .faults
            .sizes
            .map_or_else(|| Ok(window.iter().map(octets).collect()), Err)
    }

    fn uids(&self, first: u32, max: u32) -> Result<Vec<u8>, Fault> {
        let window = self.window(first, max);
        let block = || {
            window
                .iter()
                .flat_map(|letter| [letter.uid.as_bytes(), b"\n"].concat())
        };
        self.world
            .scene()
            .faults
            .uids
            .map_or_else(|| Ok(block().collect()), Err)
    }

    fn announce(&self) -> Vec<String> {
        self.world.scene().announce.clone()
    }

    fn open(&self, number: u32) -> Result<FakeMessage, Fault> {
        let scene = self.world.scene();
        if let Some(&(_, fault)) = scene.faults.open.iter().find(|(which, _)| *which == number) {
            return Err(fault);
        }
        let letter = self.window(number, 1).first().ok_or(Fault::Gone)?;
        let already = self.has_open_message.swap(true, Ordering::Relaxed);
        assert!(!already, "contract: two messages are open");
        let read = scene
            .faults
            .read
            .iter()
            .find(|(which, ..)| *which == number);
        Ok(FakeMessage {
            octets: Arc::clone(&letter.octets),
            at: AtomicUsize::new(0),
            read_octets: scene.read_octets,
            fault: read.map(|&(_, after, fault)| (after, fault)),
            is_open: Arc::clone(&self.has_open_message),
            forwarding: self.forwarding.clone(),
        })
    }

    fn forward(
        &self,
        number: u32,
        max: u32,
        at: u32,
        stuffed: u8,
    ) -> Option<Result<Opened<FakeMessage>, Fault>> {
        self.forwarding.as_ref()?;
        let opened = self.open(number).and_then(|message| {
            let forwarded = message.forward(max, at, true, stuffed);
            let forwarded = forwarded.expect("it is of a host that forwards")?;
            let message = (!forwarded.is_end).then_some(message);
            Ok(Opened { forwarded, message })
        });
        Some(opened)
    }

    fn commit(self, marks: &[u8]) -> Result<(), Unfinished> {
        let bits = marks
            .iter()
            .flat_map(|octet| (0..8).map(move |bit| octet & (1 << bit) != 0));
        let deleted: Vec<u32> = (1..)
            .zip(bits)
            .filter(|(_, is_marked)| *is_marked)
            .map(|(number, _)| number)
            .collect();
        self.remove(&deleted)
    }
}

impl FakeMaildrop {
    /// Removes these messages, but for those that the scene keeps, and releases the lock.
    ///
    /// # Errors
    ///
    /// What the scene kept.
    pub(super) fn remove(self, deleted: &[u32]) -> Result<(), Unfinished> {
        let is_open = self.has_open_message.load(Ordering::Relaxed);
        assert!(!is_open, "contract: a commit while a message is open");
        assert!(
            deleted.is_sorted_by(|a, b| a < b),
            "contract: {deleted:?} is not ascending"
        );
        let count = self.summary().count;
        assert!(
            deleted.iter().all(|number| (1..=count).contains(number)),
            "contract: {deleted:?}"
        );
        let keep = &self.world.scene().faults.keep;
        let (kept, removed): (Vec<u32>, Vec<u32>) =
            deleted.iter().partition(|number| keep.contains(number));
        self.forget(&removed);
        if kept.is_empty() {
            Ok(())
        } else {
            Err(unfinished(removed.len(), kept.len()))
        }
    }

    fn forget(&self, numbers: &[u32]) {
        let gone: HashSet<&str> = (1..)
            .zip(&self.letters)
            .filter(|(number, _)| numbers.binary_search(number).is_ok())
            .map(|(_, letter)| letter.uid.as_str())
            .collect();
        let mut mailboxes = self.world.mailboxes();
        mailboxes[self.user]
            .letters
            .retain(|letter| !gone.contains(letter.uid.as_str()));
    }
}

impl Drop for FakeMaildrop {
    fn drop(&mut self) {
        self.world.release(self.user);
    }
}

fn octets(letter: &Letter) -> u64 {
    u64::try_from(letter.octets.len()).unwrap_or(u64::MAX)
}

fn unfinished(removed: usize, kept: usize) -> Unfinished {
    let count = |messages| u32::try_from(messages).unwrap_or(u32::MAX);
    Unfinished {
        removed: count(removed),
        kept: count(kept),
    }
}

/// A message and how far it has been read.
pub struct FakeMessage {
    octets: Arc<[u8]>,
    at: AtomicUsize,
    read_octets: usize,
    /// From which octet on there is a fault, if there is one.
    fault: Option<(usize, Fault)>,
    /// The maildrop's note that a message is open; taken back by the drop.
    is_open: Arc<AtomicBool>,
    forwarding: Option<Forwarding>,
}

impl FakeMessage {
    /// Whether the next read gives none and no fault.
    pub(super) fn is_at_end(&self) -> bool {
        self.fault.is_none() && self.at.load(Ordering::Relaxed) == self.octets.len()
    }
}

impl Message for FakeMessage {
    fn read(&self, max: u32) -> Result<Vec<u8>, Fault> {
        assert!(
            (1..=MAX_READ).contains(&max),
            "contract: a read of {max} octets"
        );
        let start = self.at.load(Ordering::Relaxed);
        let mut end = usize::try_from(max)
            .unwrap_or(usize::MAX)
            .min(self.read_octets);
        end = end.saturating_add(start).min(self.octets.len());
        if let Some((after, fault)) = self.fault {
            if start >= after {
                return Err(fault);
            }
            end = end.min(after);
        }
        self.at.store(end, Ordering::Relaxed);
        Ok(self.octets[start..end].to_vec())
    }

    fn forward(
        &self,
        max: u32,
        at: u32,
        at_line_start: bool,
        stuffed: u8,
    ) -> Option<Result<Forwarded, Fault>> {
        let forwarding = self.forwarding.as_ref()?;
        let read = self.read(max);
        Some(read.map(|octets| {
            // As a file shows its end: by less than was asked for.
            let asked = usize::try_from(max).unwrap_or(usize::MAX);
            let is_end = octets.len() < asked.min(self.read_octets) && self.is_at_end();
            forwarding.push(&octets, at, at_line_start, stuffed, is_end)
        }))
    }
}

impl Drop for FakeMessage {
    fn drop(&mut self) {
        self.is_open.store(false, Ordering::Relaxed);
    }
}
