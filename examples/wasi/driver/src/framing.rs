//! Octets to lines, with a limit. Knows nothing of POP3.

/// The contract's limit of a line, its line end not counted.
pub(crate) const MAX_LINE: usize = 16_384;

/// Octets that have arrived and are not consumed.
#[derive(Default)]
pub(crate) struct Input {
    octets: Vec<u8>,
    /// Where the last complete line ends.
    complete: usize,
    is_overlong: bool,
}

impl Input {
    /// Adds what was read.
    pub(crate) fn push(&mut self, read: &[u8]) {
        self.octets.extend_from_slice(read);
        while !self.is_overlong {
            let rest = &self.octets[self.complete..];
            let end = rest.iter().position(|octet| *octet == b'\n');
            let line = &rest[..end.unwrap_or(rest.len())];
            self.is_overlong = line.strip_suffix(b"\r").unwrap_or(line).len() > MAX_LINE;
            match end {
                Some(end) if !self.is_overlong => self.complete += end + 1,
                _ => return,
            }
        }
    }

    /// The complete lines that have arrived.
    pub(crate) fn lines(&self) -> &[u8] {
        &self.octets[..self.complete]
    }

    /// Whether the line behind the complete ones is too long.
    pub(crate) fn is_overlong(&self) -> bool {
        self.is_overlong
    }

    /// Forgets the first `count` octets, which are whole lines.
    pub(crate) fn consume(&mut self, count: usize) {
        let count = count.min(self.complete);
        self.octets.drain(..count);
        self.complete -= count;
    }
}
