//! TOP (RFC 1939 §7): where the header, the blank line and so many lines of the body end.
//!
//! A line machine that does not depend on how the message is cut into chunks. It cuts only; the
//! dots are `dot.rs`'s.

/// How far TOP has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Top {
    /// Lines of the body that are still to be sent.
    pub(crate) lines: u64,
    pub(crate) place: Place,
}

/// Where in the message the next octet stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// In the header, at the start of a line: a CRLF here is the blank line.
    HeaderLineStart,
    /// In the header, behind a CR that began its line.
    HeaderLineCr,
    /// In the header, inside a line.
    HeaderLine,
    /// Behind the blank line.
    Body,
}

impl Top {
    /// At the start of a message, with `lines` of its body wanted.
    pub(crate) fn new(lines: u64) -> Self {
        Self {
            lines,
            place: Place::HeaderLineStart,
        }
    }

    /// How many octets of the chunk belong to the answer. Fewer than all, or [`Self::is_done`],
    /// mean that the answer is complete.
    pub(crate) fn take(&mut self, chunk: &[u8]) -> usize {
        let mut taken = 0;
        while taken < chunk.len() && !self.is_done() {
            taken += match self.place {
                Place::Body => self.body(&chunk[taken..]),
                Place::HeaderLineStart | Place::HeaderLineCr | Place::HeaderLine => {
                    self.header(&chunk[taken..])
                }
            };
        }
        taken
    }

    /// Whether nothing more belongs to the answer.
    pub(crate) fn is_done(&self) -> bool {
        self.place == Place::Body && self.lines == 0
    }

    /// Takes an octet or the rest of a line of the header.
    fn header(&mut self, chunk: &[u8]) -> usize {
        match (self.place, chunk[0]) {
            (Place::HeaderLineStart | Place::HeaderLineCr, b'\n') => self.place = Place::Body,
            (Place::HeaderLineStart, b'\r') => self.place = Place::HeaderLineCr,
            _ => {
                let line = memchr::memchr(b'\n', chunk);
                self.place = if line.is_some() {
                    Place::HeaderLineStart
                } else {
                    Place::HeaderLine
                };
                return line.map_or(chunk.len(), |end| end + 1);
            }
        }
        1
    }

    /// Takes lines of the body, as many as are wanted and there.
    fn body(&mut self, chunk: &[u8]) -> usize {
        for end in memchr::memchr_iter(b'\n', chunk) {
            self.lines -= 1;
            if self.lines == 0 {
                return end + 1;
            }
        }
        chunk.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn top(lines: u64, chunks: &[&[u8]]) -> Vec<u8> {
        let mut top = Top::new(lines);
        let mut out = Vec::new();
        for chunk in chunks {
            let taken = top.take(chunk);
            out.extend_from_slice(&chunk[..taken]);
        }
        out
    }

    #[test]
    fn zero_lines_are_the_header_and_the_blank_line() {
        assert_eq!(
            top(0, &[b"A: b\r\nC: d\r\n\r\nbody\r\n"]),
            b"A: b\r\nC: d\r\n\r\n"
        );
    }

    #[test]
    fn an_unterminated_last_line_is_sent() {
        assert_eq!(top(2, &[b"A: b\r\n\r\n1\r\n2"]), b"A: b\r\n\r\n1\r\n2");
    }

    #[test]
    fn a_message_without_a_body_is_sent_whole() {
        assert_eq!(top(0, &[b"A: b\r\nC: d\r\n"]), b"A: b\r\nC: d\r\n");
        assert_eq!(top(0, &[b"\r\nbody\r\n"]), b"\r\n");
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_and_a_huge_count_gives_all(
            message in "[ab\r\n]{0,40}", cut in 0_usize..40, lines in 0_u64..5,
        ) {
            let message = message.as_bytes();
            let (left, right) = message.split_at(cut.min(message.len()));
            prop_assert_eq!(top(lines, &[left, right]), top(lines, &[message]));
            prop_assert_eq!(top(u64::MAX, &[left, right]), message);
        }
    }
}
