//! The numbers, sizes and unique ids of a maildrop, fixed at login.
//!
//! Three arrays and no object per message: 12 octets and the unique id for each. Knows neither
//! files nor locks; `mailbox` fills it, the sandbox lends windows of it.

use serde::{Deserialize, Serialize};

/// Most messages of one maildrop: the contract's limit of `summary.count`.
pub const MAX_MESSAGES: usize = 0x7fff_ffff;

/// Most octets of a unique id (RFC 1939, section 7, UIDL).
pub const MAX_UID_OCTETS: usize = 70;

/// A unique id that RFC 1939 does not allow, or one message too many.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// Not 1 to 70 octets from 0x21 to 0x7E.
    #[error("not a unique id: 1 to 70 printable ASCII characters without spaces are")]
    InvalidUid,
    /// More than [`MAX_MESSAGES`], or more octets of unique ids than 32 bits count.
    #[error("too many messages for one maildrop")]
    TooMany,
}

/// What a session sees of a maildrop. Message numbers start at 1, as in RFC 1939.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Snapshot {
    sizes: Vec<u64>,
    /// All unique ids in order, each followed by LF.
    uids: Vec<u8>,
    /// Where the unique id of each message ends in `uids`, its LF included.
    uid_ends: Vec<u32>,
    octets: u64,
}

impl Snapshot {
    /// An empty maildrop with room for `messages`.
    pub fn with_capacity(messages: usize) -> Self {
        Self {
            sizes: Vec::with_capacity(messages),
            uids: Vec::with_capacity(messages.saturating_mul(24)),
            uid_ends: Vec::with_capacity(messages),
            octets: 0,
        }
    }

    /// Adds the message with the next number: its octets on the wire (CRLF counted, dot-stuffing
    /// not) and its unique id.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUid`] and [`Error::TooMany`]; the snapshot is as it was before.
    pub fn push(&mut self, octets: u64, uid: &[u8]) -> Result<(), Error> {
        if !is_uid(uid) {
            return Err(Error::InvalidUid);
        }
        let end = u32::try_from(self.uids.len() + uid.len() + 1).map_err(|_| Error::TooMany)?;
        if self.sizes.len() >= MAX_MESSAGES {
            return Err(Error::TooMany);
        }
        self.uids.extend_from_slice(uid);
        self.uids.push(b'\n');
        self.uid_ends.push(end);
        self.sizes.push(octets);
        self.octets = self.octets.saturating_add(octets);
        Ok(())
    }

    /// Gives back what was reserved and not used. A session may live for hours.
    pub fn shrink(&mut self) {
        self.sizes.shrink_to_fit();
        self.uids.shrink_to_fit();
        self.uid_ends.shrink_to_fit();
    }

    /// How many messages there are.
    pub fn count(&self) -> u32 {
        u32::try_from(self.sizes.len()).unwrap_or(u32::MAX)
    }

    /// The sum of all sizes.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// The octets of message `number`, or `None` if there is no such message.
    pub fn size(&self, number: u32) -> Option<u64> {
        self.sizes(number, 1).first().copied()
    }

    /// The unique id of message `number`, or `None` if there is no such message.
    pub fn uid(&self, number: u32) -> Option<&[u8]> {
        self.uids(number, 1).strip_suffix(b"\n")
    }

    /// Sizes of at most `max` messages from number `first` on; none if there is no such number.
    pub fn sizes(&self, first: u32, max: u32) -> &[u64] {
        self.window(first, max)
            .map_or(&[], |(from, to)| &self.sizes[from..to])
    }

    /// Unique ids of the same window, each followed by LF.
    pub fn uids(&self, first: u32, max: u32) -> &[u8] {
        let Some((from, to)) = self.window(first, max) else {
            return &[];
        };
        let start = if from == 0 {
            0
        } else {
            self.uid_ends[from - 1] as usize
        };
        &self.uids[start..self.uid_ends[to - 1] as usize]
    }

    /// The window as indices into the arrays, if it holds a message at all.
    fn window(&self, first: u32, max: u32) -> Option<(usize, usize)> {
        let from = usize::try_from(first.checked_sub(1)?).ok()?;
        let to = self
            .sizes
            .len()
            .min(from.saturating_add(usize::try_from(max).ok()?));
        (from < to).then_some((from, to))
    }
}

/// Whether these octets may be a unique id (RFC 1939, section 7, UIDL).
pub fn is_uid(octets: &[u8]) -> bool {
    (1..=MAX_UID_OCTETS).contains(&octets.len())
        // Without a way out of the loop it becomes vector code: a login checks every id.
        && octets.iter().fold(true, |is_uid, octet| is_uid & (0x21..=0x7e).contains(octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (octets, uid) in [(5, "a"), (0, "bb"), (7, "ccc")] {
            snapshot
                .push(octets, uid.as_bytes())
                .expect("valid unique ids");
        }
        snapshot
    }

    #[test]
    fn windows_are_one_based_and_end_with_the_maildrop() {
        let snapshot = three();
        assert_eq!(snapshot.sizes(1, 2), [5, 0]);
        assert_eq!(snapshot.uids(2, 99), b"bb\nccc\n");
        assert_eq!(snapshot.uid(3), Some(b"ccc".as_slice()));
        assert_eq!((snapshot.count(), snapshot.octets()), (3, 12));
    }

    #[test]
    fn numbers_out_of_range_give_an_empty_window() {
        let snapshot = three();
        for (first, max) in [(0, 1), (4, 1), (1, 0), (u32::MAX, u32::MAX)] {
            assert!(snapshot.sizes(first, max).is_empty(), "{first} {max}");
            assert!(snapshot.uids(first, max).is_empty(), "{first} {max}");
        }
        assert_eq!(snapshot.uid(0), None);
        assert_eq!(snapshot.size(4), None);
    }

    #[test]
    fn a_unique_id_that_the_rfc_forbids_is_refused() {
        for uid in ["", "a b", "a\n", "\u{e9}", &"x".repeat(71)] {
            assert_eq!(
                three().push(1, uid.as_bytes()),
                Err(Error::InvalidUid),
                "{uid:?}"
            );
        }
        assert_eq!(three().push(1, "x".repeat(70).as_bytes()), Ok(()));
    }
}
