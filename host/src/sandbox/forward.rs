//! What a guest forwards: octets of a message that become output without having been in the guest.
//!
//! Holds them until the step has come and there is output to put them into. Knows lines and what the
//! guest said to put in front of some; why it wants that is POP3, and the guest's.

use std::{iter, mem};

use super::Error;

/// A step may be in so many octets for each piece. A piece costs the host more than its octets, and a
/// guest would make one of every octet; the shortest answer to RETR has more than these.
const PIECE_OCTETS: usize = 16;

/// What has been forwarded in the call that is running.
#[derive(Debug, Default)]
pub(super) struct Forwarding {
    pieces: Vec<Piece>,
    /// Octets of all of them.
    len: usize,
}

/// A piece of it, and where in the output it belongs.
#[derive(Debug)]
struct Piece {
    /// Octets of the guest's own output in front of it.
    at: usize,
    octets: Vec<u8>,
}

impl Forwarding {
    /// A call begins, in which nothing has been forwarded.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether there is room for a piece of so many octets more in a step that may have `most`.
    pub(super) fn has_room(&self, octets: usize, most: usize) -> bool {
        octets <= most.saturating_sub(self.len) && self.pieces.len() < most / PIECE_OCTETS
    }

    /// Adds octets behind so many of the guest's own. `false` if that is in front of what is there.
    pub(super) fn push(&mut self, at: usize, mut octets: Vec<u8>) -> bool {
        self.len += octets.len();
        match self.pieces.last_mut() {
            Some(last) if at < last.at => return false,
            Some(last) if at == last.at => last.octets.append(&mut octets),
            Some(_) | None => self.pieces.push(Piece { at, octets }),
        }
        true
    }

    /// Puts all of it into the guest's own output.
    ///
    /// # Errors
    ///
    /// [`Error::Contract`]: there is not as much output as the guest said.
    pub(super) fn put_into(&mut self, output: Vec<u8>) -> Result<Vec<u8>, Error> {
        let Self { mut pieces, len } = mem::take(self);
        let Some(last) = pieces.last() else {
            return Ok(output);
        };
        if last.at > output.len() {
            return Err(Error::Contract(
                "forwarded behind more output than there is",
            ));
        }
        // Most of a large message is alone in its step, and not copied.
        if output.is_empty()
            && let Some(only) = pieces.pop()
        {
            return Ok(only.octets);
        }
        let mut whole = Vec::with_capacity(output.len().saturating_add(len));
        let mut from = 0;
        for Piece { at, octets } in &pieces {
            whole.extend_from_slice(&output[from..*at]);
            whole.extend_from_slice(octets);
            from = *at;
        }
        whole.extend_from_slice(&output[from..]);
        Ok(whole)
    }
}

/// Puts one more of an octet in front of each that begins a line, which the first octet does or not.
pub(super) fn stuff(octets: Vec<u8>, stuffed: u8, at_line_start: bool) -> Vec<u8> {
    let begins_line = |at: &usize| match at.checked_sub(1) {
        Some(before) => octets[before] == b'\n',
        None => at_line_start,
    };
    let mut found = memchr::memchr_iter(stuffed, &octets).filter(begins_line);
    let Some(first) = found.next() else {
        return octets;
    };
    let mut out = Vec::with_capacity(octets.len() + octets.len() / SPARE);
    let mut put = 0;
    for at in iter::once(first).chain(found) {
        out.extend_from_slice(&octets[put..at]);
        out.push(stuffed);
        put = at;
    }
    out.extend_from_slice(&octets[put..]);
    out
}

/// One octet in so many is put in front of another at most, where what is forwarded is text. To grow
/// the output in the middle would copy it.
const SPARE: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn forwarded(pieces: &[(usize, &[u8])], output: &[u8]) -> Result<Vec<u8>, Error> {
        let mut forwarding = Forwarding::default();
        for (at, octets) in pieces {
            assert!(forwarding.push(*at, octets.to_vec()));
        }
        forwarding.put_into(output.to_vec())
    }

    #[test]
    fn pieces_stand_where_the_guest_said() {
        let whole = forwarded(&[(2, b"AA"), (2, b"BB"), (4, b"CC")], b"1234");
        assert_eq!(whole.as_deref(), Ok(b"12AABB34CC".as_slice()));
        assert_eq!(
            forwarded(&[(0, b"AA")], b"").as_deref(),
            Ok(b"AA".as_slice())
        );
        assert_eq!(forwarded(&[], b"1").as_deref(), Ok(b"1".as_slice()));
    }

    #[test]
    fn a_piece_is_neither_behind_the_output_nor_in_front_of_another() {
        let beyond = forwarded(&[(1, b"AA"), (3, b"BB")], b"12");
        assert!(matches!(beyond, Err(Error::Contract(_))), "{beyond:?}");
        let mut forwarding = Forwarding::default();
        assert!(forwarding.push(2, b"AA".to_vec()));
        assert!(!forwarding.push(1, b"BB".to_vec()));
    }

    #[test]
    fn there_is_room_for_what_a_step_may_have() {
        let mut forwarding = Forwarding::default();
        assert!(!forwarding.has_room(1, 0));
        assert!(forwarding.has_room(40, 40));
        assert!(forwarding.push(0, b"AAA".to_vec()));
        assert!(forwarding.has_room(37, 40) && !forwarding.has_room(38, 40));
        forwarding.clear();
        assert!(forwarding.has_room(40, 40));
        assert_eq!(
            forwarding.put_into(b"1".to_vec()).as_deref(),
            Ok(b"1".as_slice())
        );
    }

    #[test]
    fn there_are_fewer_pieces_than_octets() {
        let most = 4 * PIECE_OCTETS;
        let mut forwarding = Forwarding::default();
        // In one place they are one piece.
        for at in [0, 0, 0, 1, 2, 3] {
            assert!(forwarding.has_room(1, most));
            assert!(forwarding.push(at, b"A".to_vec()));
        }
        assert!(!forwarding.has_room(1, most));
    }

    proptest! {
        #[test]
        fn only_what_begins_a_line_is_stuffed(
            octets in proptest::collection::vec(
                prop_oneof![Just(b'.'), Just(b'\r'), Just(b'\n'), Just(b'x')], 0..64,
            ),
            at_line_start: bool,
        ) {
            let mut expected = Vec::new();
            let mut begins_line = at_line_start;
            for octet in &octets {
                if begins_line && *octet == b'.' {
                    expected.push(b'.');
                }
                expected.push(*octet);
                begins_line = *octet == b'\n';
            }
            prop_assert_eq!(stuff(octets, b'.', at_line_start), expected);
        }
    }
}
