//! What the messages say: text that is the same on every machine, and what it is on the wire.
//!
//! Touches no file.

use std::sync::Arc;

/// Every so many lines one begins with a dot, which is doubled on the wire.
const DOTTED: usize = 32;

/// Characters of a line of a body.
const LINE: usize = 72;

/// A message.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    /// Its file: lines end with LF, as a delivery agent writes them.
    pub(crate) stored: Arc<[u8]>,
    /// The answer to RETR behind its first line: CRLF, doubled dots, the end.
    pub(crate) wire: Arc<[u8]>,
}

impl Letter {
    /// The message with this number, of exactly so many octets as a file, but 160 at least.
    pub(crate) fn new(octets: usize, number: usize) -> Self {
        let stored = stored(octets, number);
        Self {
            wire: wire(&stored).into(),
            stored: stored.into(),
        }
    }
}

fn stored(octets: usize, number: usize) -> Vec<u8> {
    let mut text = format!(
        "From: sender@example.org\nTo: reader@example.org\nSubject: message {number}\n\
         Message-ID: <{octets}.{number}@example.org>\n\n"
    )
    .into_bytes();
    text.reserve(octets);
    let mut seed = (octets as u64) << 32 | number as u64 | 1;
    for line in 0.. {
        let room = octets.saturating_sub(text.len() + 1);
        let length = if room > LINE + 1 { LINE } else { room };
        let from = text.len();
        text.extend((0..length).map(|_| letter(&mut seed)));
        if line % DOTTED == 0 && length > 0 {
            text[from] = b'.';
        }
        text.push(b'\n');
        if text.len() >= octets {
            return text;
        }
    }
    text
}

/// A character from a generator that is the same everywhere.
fn letter(seed: &mut u64) -> u8 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    b"abcdefghijklmnopqrstuvwxyz ABCDE"[(*seed >> 24) as usize % 32]
}

fn wire(stored: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(stored.len() + stored.len() / 32 + 5);
    for line in stored.split_inclusive(|octet| *octet == b'\n') {
        if line[0] == b'.' {
            wire.push(b'.');
        }
        wire.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_has_the_size_that_was_asked_for() {
        for octets in [160, 233, 234, 235, 1_024, 4_096, 1 << 20] {
            assert_eq!(Letter::new(octets, 1).stored.len(), octets);
        }
    }

    #[test]
    fn letters_differ_and_stay_the_same() {
        let letter = |number| Letter::new(512, number).stored;
        assert_ne!(letter(1), letter(2));
        assert_eq!(letter(2), letter(2));
    }

    #[test]
    fn dots_are_doubled_and_lines_end_with_crlf() {
        assert_eq!(wire(b"a\n.b\n\n..\n"), b"a\r\n..b\r\n\r\n...\r\n.\r\n");
    }
}
