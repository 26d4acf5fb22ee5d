//! Stored octets to the wire form: every line ends in CRLF, the last one too.
//!
//! The only place where line ends are normalised, for sizes as for answers. Knows no files and
//! stuffs no dots.

use memchr::{memchr, memchr_iter, memchr2};

use super::blocks;

const CRLF: &[u8] = b"\r\n";

/// Takes the wire form as it comes into being.
pub(super) trait Sink {
    /// How many octets fit.
    fn room(&self) -> usize;

    /// Takes `octets`, which fit.
    fn put(&mut self, octets: &[u8]);

    /// Takes the wire form of the beginning of `stored`, as much of it as has no lone CR and can be
    /// taken at a stroke, and returns how many octets of `stored` that are.
    fn put_blocks(&mut self, stored: &[u8]) -> usize;
}

/// Where a message stands between two pieces of it. The result does not depend on the pieces.
///
/// CR, LF and CRLF each end a line and become CRLF. A lone CR is not kept: a client that takes it
/// for a line end would see lines whose dots were never stuffed. All other octets stay as they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Wire {
    /// A line has begun and not ended.
    in_line: bool,
    /// The CR of a line end was put, its LF did not fit.
    owes_lf: bool,
    /// The last stored octet was a CR. Its line end is complete, so an LF behind it is part of it.
    after_cr: bool,
}

impl Wire {
    /// Puts the wire form of `stored` into `out` and returns how many octets of it are done with:
    /// fewer than all only if `out` is full.
    pub(super) fn feed(&mut self, stored: &[u8], out: &mut impl Sink) -> usize {
        let mut done = 0;
        while done < stored.len() && self.settle(out) && out.room() > 0 {
            let rest = &stored[done..];
            if std::mem::take(&mut self.after_cr) && rest[0] == b'\n' {
                done += 1;
            } else {
                done += match out.put_blocks(rest) {
                    0 => self.line(rest, out),
                    octets => {
                        self.in_line = rest[octets - 1] != b'\n';
                        octets
                    }
                };
            }
        }
        done
    }

    /// Ends a message that has no further octets. Returns whether all of it fitted; if not, call
    /// again with more room.
    pub(super) fn finish(&mut self, out: &mut impl Sink) -> bool {
        if std::mem::take(&mut self.in_line) && !self.end_line(out) {
            self.in_line = true;
            return false;
        }
        self.settle(out)
    }

    /// Puts one line, its end or as much as fits. `rest` and the room of `out` are not empty.
    fn line(&mut self, rest: &[u8], out: &mut impl Sink) -> usize {
        let room = out.room();
        let end = memchr2(b'\r', b'\n', rest);
        let Some(end) = end.filter(|end| *end < room) else {
            let fits = end.unwrap_or(rest.len()).min(room);
            out.put(&rest[..fits]);
            self.in_line = true;
            return fits;
        };
        self.in_line = false;
        if rest[end..].starts_with(CRLF) && end + CRLF.len() <= room {
            out.put(&rest[..end + CRLF.len()]);
            return end + CRLF.len();
        }
        out.put(&rest[..end]);
        self.end_line(out);
        self.after_cr = rest[end] == b'\r';
        end + 1
    }

    /// Puts a line end, or its first half if there is no room for more. Returns whether there was
    /// room for any of it.
    fn end_line(&mut self, out: &mut impl Sink) -> bool {
        let fits = out.room().min(CRLF.len());
        out.put(&CRLF[..fits]);
        self.owes_lf = fits == 1;
        fits > 0
    }

    /// Puts the second half of a line end that did not fit. Returns whether nothing is owed.
    fn settle(&mut self, out: &mut impl Sink) -> bool {
        if self.owes_lf && out.room() > 0 {
            out.put(b"\n");
            self.owes_lf = false;
        }
        !self.owes_lf
    }
}

/// A piece of an answer: at most so many octets.
#[derive(Debug)]
pub(super) struct Chunk {
    /// All the room that there is: what is behind `len` means nothing.
    octets: Vec<u8>,
    len: usize,
}

impl Chunk {
    /// An empty chunk for at most `max` octets.
    pub(super) fn new(max: usize) -> Self {
        Self {
            octets: vec![0; max],
            len: 0,
        }
    }

    /// The octets.
    pub(super) fn into_octets(mut self) -> Vec<u8> {
        self.octets.truncate(self.len);
        self.octets
    }
}

impl Sink for Chunk {
    fn room(&self) -> usize {
        self.octets.len() - self.len
    }

    fn put(&mut self, octets: &[u8]) {
        self.octets[self.len..][..octets.len()].copy_from_slice(octets);
        self.len += octets.len();
    }

    fn put_blocks(&mut self, stored: &[u8]) -> usize {
        let (read, written) = blocks::put(stored, &mut self.octets[self.len..]);
        self.len += written;
        read
    }
}

/// Counts octets and forgets them.
#[derive(Debug, Default)]
pub(super) struct Count {
    /// How many octets were put.
    pub(super) octets: u64,
}

impl Sink for Count {
    fn room(&self) -> usize {
        usize::MAX
    }

    fn put(&mut self, octets: &[u8]) {
        self.octets += octets.len() as u64;
    }

    fn put_blocks(&mut self, stored: &[u8]) -> usize {
        let plain = &stored[..memchr(b'\r', stored).unwrap_or(stored.len())];
        self.octets += (plain.len() + memchr_iter(b'\n', plain).count()) as u64;
        plain.len()
    }
}

/// The octets that a message has on the wire.
pub(super) fn octets<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let (mut wire, mut count) = (Wire::default(), Count::default());
    for piece in pieces {
        wire.feed(piece, &mut count);
    }
    wire.finish(&mut count);
    count.octets
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same by the slowest and plainest means: what the machine is compared with.
    fn reference(stored: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        let mut rest = stored;
        while let [first, behind @ ..] = rest {
            rest = behind;
            match first {
                b'\r' => {
                    wire.extend_from_slice(CRLF);
                    rest = rest.strip_prefix(b"\n").unwrap_or(rest);
                }
                b'\n' => wire.extend_from_slice(CRLF),
                other => wire.push(*other),
            }
        }
        if !wire.is_empty() && !wire.ends_with(CRLF) {
            wire.extend_from_slice(CRLF);
        }
        wire
    }

    fn converted(stored: &[u8], piece: usize, room: usize) -> Vec<u8> {
        let (mut wire, mut result) = (Wire::default(), Vec::new());
        for mut piece in stored.chunks(piece) {
            while !piece.is_empty() {
                let mut chunk = Chunk::new(room);
                piece = &piece[wire.feed(piece, &mut chunk)..];
                result.append(&mut chunk.into_octets());
            }
        }
        loop {
            let mut chunk = Chunk::new(room);
            let finished = wire.finish(&mut chunk);
            result.append(&mut chunk.into_octets());
            if finished {
                return result;
            }
        }
    }

    #[test]
    fn every_kind_of_line_end_becomes_crlf() {
        for (stored, wire) in [
            ("", ""),
            ("a", "a\r\n"),
            ("a\n", "a\r\n"),
            ("a\r\n", "a\r\n"),
            ("a\r", "a\r\n"),
            ("a\rb", "a\r\nb\r\n"),
            ("a\r\r\nb", "a\r\n\r\nb\r\n"),
            ("\n\n", "\r\n\r\n"),
            ("\n\r", "\r\n\r\n"),
            (".\r.\r", ".\r\n.\r\n"),
            ("a\0b\u{e9}", "a\0b\u{e9}\r\n"),
        ] {
            let whole = converted(stored.as_bytes(), 99, 99);
            assert_eq!(
                whole.escape_ascii().to_string(),
                wire.as_bytes().escape_ascii().to_string()
            );
        }
    }

    fn hard_message() -> impl Strategy<Value = Vec<u8>> {
        let octet = prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(0), any::<u8>()];
        proptest::collection::vec(octet, 0..200)
    }

    /// Lines as mail has them, most of them in one way or the other, and long enough for blocks.
    fn message() -> impl Strategy<Value = Vec<u8>> {
        let end =
            prop_oneof![4 => Just("\n"), 4 => Just("\r\n"), 1 => Just("\r"), 1 => Just("\n\r")];
        let line = (0_usize..90, end).prop_map(|(length, end)| "x".repeat(length) + end);
        let lines = proptest::collection::vec(line, 0..60);
        lines.prop_map(|lines| lines.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn blocks_change_nothing(
            stored in message(),
            piece in prop_oneof![1_usize..200, Just(usize::MAX)],
            room in prop_oneof![1_usize..400, Just(8192)],
        ) {
            prop_assert_eq!(converted(&stored, piece, room), reference(&stored));
            prop_assert_eq!(octets(stored.chunks(piece)), reference(&stored).len() as u64);
        }

        #[test]
        fn pieces_and_room_change_nothing(
            stored in hard_message(),
            piece in 1_usize..40,
            room in 1_usize..40,
        ) {
            prop_assert_eq!(converted(&stored, piece, room), reference(&stored));
        }

        #[test]
        fn the_size_is_what_is_read(stored in hard_message(), piece in 1_usize..40) {
            prop_assert_eq!(octets(stored.chunks(piece)), reference(&stored).len() as u64);
        }

        #[test]
        fn the_wire_form_has_no_line_end_but_crlf(stored in hard_message()) {
            let wire = converted(&stored, 64, 64);
            prop_assert!(wire.is_empty() || wire.ends_with(CRLF));
            let text: Vec<&[u8]> = wire.split(|octet| *octet == b'\n').collect();
            for line in &text[..text.len() - 1] {
                prop_assert_eq!(memchr(b'\r', line), Some(line.len() - 1));
            }
            prop_assert_eq!(*text.last().expect("split gives at least one"), b"".as_slice());
            prop_assert_eq!(converted(&wire, 64, 64), wire, "the wire form is its own wire form");
        }
    }
}
