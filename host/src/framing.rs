//! Octets to lines, with limits.
//!
//! A line ends in LF, with or without a CR before it (RFC 1939 §3 deviation: a bare LF is taken for
//! a line end, before and after a TLS handshake alike; a bare CR is not). Knows nothing of POP3.

/// Octets that have arrived and have not been consumed.
///
/// Empty, it holds no memory: most connections are idle most of the time.
#[derive(Debug, Default)]
pub(crate) struct Input {
    octets: Vec<u8>,
    /// Where the last complete line that may be handed over ends.
    complete: usize,
    /// A line behind `complete` is too long; nothing behind it is looked at.
    is_overlong: bool,
}

impl Input {
    /// Adds what was read. `limit` is the most octets of a line without its line end.
    pub(crate) fn push(&mut self, read: &[u8], limit: usize) {
        if self.is_overlong {
            return;
        }
        let searched = self.octets.len();
        self.octets.extend_from_slice(read);
        if self.octets.len() - self.complete <= limit {
            // No line can be too long, so only the last line end matters.
            let last = memchr::memrchr(b'\n', read);
            self.complete = last.map_or(self.complete, |end| searched + end + 1);
            return;
        }
        for end in memchr::memchr_iter(b'\n', read) {
            if !self.fits(searched + end, limit) {
                break;
            }
            self.complete = searched + end + 1;
        }
        self.is_overlong = !self.fits(self.octets.len(), limit)
            || memchr::memchr(b'\n', &self.octets[self.complete..]).is_some();
    }

    /// Whether what stands between the last line end and `end` is within the limit.
    fn fits(&self, end: usize, limit: usize) -> bool {
        let line = &self.octets[self.complete..end];
        line.strip_suffix(b"\r").unwrap_or(line).len() <= limit
    }

    /// The complete lines that have arrived, each with its line end.
    pub(crate) fn lines(&self) -> &[u8] {
        &self.octets[..self.complete]
    }

    /// Whether the next line, behind the complete ones, is too long.
    pub(crate) fn is_overlong(&self) -> bool {
        self.is_overlong
    }

    /// How many octets are waiting.
    pub(crate) fn len(&self) -> usize {
        self.octets.len()
    }

    /// Forgets the first `count` octets, which are whole lines.
    pub(crate) fn consume(&mut self, count: usize) {
        let count = count.min(self.complete);
        self.complete -= count;
        if count == self.octets.len() {
            self.octets = Vec::new();
        } else {
            self.octets.drain(..count);
        }
    }

    /// Forgets everything: the peer is gone, and what it pipelined with it.
    pub(crate) fn discard(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 4;

    fn input(reads: &[&[u8]]) -> Input {
        let mut input = Input::default();
        for read in reads {
            input.push(read, LIMIT);
        }
        input
    }

    #[test]
    fn lines_are_handed_over_when_they_are_complete() {
        let mut input = input(&[b"ab\r\nc\nd"]);
        assert_eq!(input.lines(), b"ab\r\nc\n");
        input.consume(4);
        assert_eq!(input.lines(), b"c\n");
        input.push(b"\r\n", LIMIT);
        assert_eq!(input.lines(), b"c\nd\r\n");
        input.consume(5);
        assert_eq!((input.lines(), input.len()), (b"".as_slice(), 0));
    }

    #[test]
    fn a_line_of_the_limit_fits_with_its_line_end() {
        assert_eq!(input(&[b"abcd\r\nabcd\n"]).lines(), b"abcd\r\nabcd\n");
        assert!(!input(&[b"abcd\r"]).is_overlong());
    }

    #[test]
    fn a_line_over_the_limit_hides_what_is_behind_it_and_nothing_before() {
        for read in [b"a\nabcde\nb\n".as_slice(), b"a\nabcde", b"a\nabcd\rx"] {
            let input = input(&[read]);
            assert_eq!(
                (input.lines(), input.is_overlong()),
                (b"a\n".as_slice(), true),
                "{read:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same(octets in "[ab\r\n]{0,24}", cuts in proptest::collection::vec(0_usize..24, 0..4)) {
            let octets = octets.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(octets.len())).collect();
            cuts.extend([0, octets.len()]);
            cuts.sort_unstable();
            let reads: Vec<&[u8]> = cuts.windows(2).map(|pair| &octets[pair[0]..pair[1]]).collect();
            let (whole, cut) = (input(&[octets]), input(&reads));
            prop_assert_eq!(whole.lines(), cut.lines());
            prop_assert_eq!(whole.is_overlong(), cut.is_overlong());
        }
    }
}
