//! Dot-stuffing (RFC 1939 §3): a line that begins with a dot gets one more.
//!
//! A filter with one bit of state, so its output does not depend on how the message is cut into
//! chunks. It does not convert line ends; the store already gives CRLF.

use alloc::vec::Vec;

/// What gets one more of itself in front where it begins a line.
pub(crate) const STUFFED: u8 = b'.';

/// Room for as many dots as a chunk of text has more or less: to grow the output in the middle would
/// copy it.
const SPARE_OCTETS: usize = 512;

/// The filter. A message begins at the start of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stuffer {
    at_line_start: bool,
}

impl Stuffer {
    /// The filter at the start of a message.
    pub(crate) fn new() -> Self {
        Self {
            at_line_start: true,
        }
    }

    /// The filter as it was when its state was taken.
    pub(crate) fn resumed(at_line_start: bool) -> Self {
        Self { at_line_start }
    }

    /// Whether the next octet begins a line.
    pub(crate) fn is_at_line_start(self) -> bool {
        self.at_line_start
    }

    /// Appends the chunk to `out`, stuffed. An `out` that is empty takes the chunk as it is where
    /// nothing has to be stuffed: most chunks then cost no copy.
    pub(crate) fn stuff(&mut self, chunk: Vec<u8>, out: &mut Vec<u8>) {
        let Some(last) = chunk.last() else { return };
        let ends_line = *last == b'\n';
        let mut rest = chunk.as_slice();
        // Dots are rarer than line ends, so the search is for dots.
        let mut stuffed = 0;
        for dot in memchr::memchr_iter(STUFFED, &chunk) {
            let begins_line = if dot == 0 {
                self.at_line_start
            } else {
                chunk[dot - 1] == b'\n'
            };
            if begins_line {
                if stuffed == 0 {
                    out.reserve(chunk.len() + SPARE_OCTETS);
                }
                out.extend_from_slice(&chunk[stuffed..=dot]);
                out.push(STUFFED);
                stuffed = dot + 1;
                rest = &chunk[stuffed..];
            }
        }
        if stuffed == 0 && out.is_empty() {
            *out = chunk;
        } else {
            out.extend_from_slice(rest);
        }
        self.at_line_start = ends_line;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stuffed(chunks: &[&[u8]]) -> Vec<u8> {
        let mut stuffer = Stuffer::new();
        let mut out = Vec::new();
        for chunk in chunks {
            stuffer.stuff(chunk.to_vec(), &mut out);
        }
        out
    }

    #[test]
    fn the_first_octet_of_a_message_begins_a_line() {
        assert_eq!(stuffed(&[b".\r\n..\r\n"]), b"..\r\n...\r\n");
    }

    #[test]
    fn a_line_may_begin_with_a_chunk() {
        assert_eq!(
            stuffed(&[b"a\r\n", b".b", b".c\r", b"\n", b"."]),
            b"a\r\n..b.c\r\n.."
        );
    }

    #[test]
    fn a_lone_cr_begins_no_line() {
        assert_eq!(stuffed(&[b"a\r.\rb\r\n"]), b"a\r.\rb\r\n");
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_and_every_line_is_safe(
            message in proptest::collection::vec(prop_oneof![Just(b'.'), Just(b'\r'), Just(b'\n'), Just(b'x')], 0..64),
            cut in 0_usize..64,
        ) {
            let cut = cut.min(message.len());
            let whole = stuffed(&[&message]);
            prop_assert_eq!(&stuffed(&[&message[..cut], &message[cut..]]), &whole);
            let mut unstuffed = Vec::new();
            for line in whole.split_inclusive(|octet| *octet == b'\n') {
                prop_assert!(!line.starts_with(b".") || line.starts_with(b".."));
                unstuffed.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
            }
            prop_assert_eq!(unstuffed, message);
        }
    }
}
