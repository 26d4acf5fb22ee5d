//! Which file a file is, whatever it is called.
//!
//! Touches no file itself.

use std::fmt;

use rustix::fs::Stat;

/// A file as it was seen. It stays the same when it is renamed, and a copy with the same time
/// differs in its inode only; a file that is written to, or another one in its place, is another.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Identity {
    /// Octets of the file.
    pub(super) stored: u64,
    /// Its time of modification, in nanoseconds since 1970.
    pub(super) modified: u64,
    /// Its inode. No file has 0.
    pub(super) inode: u64,
}

impl From<Stat> for Identity {
    fn from(stat: Stat) -> Self {
        let seconds = u64::try_from(stat.st_mtime).unwrap_or_default();
        Self {
            stored: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: seconds
                .saturating_mul(1_000_000_000)
                .saturating_add(stat.st_mtime_nsec),
            inode: stat.st_ino,
        }
    }
}

/// As [`Identity::parse`] reads it.
impl fmt::Display for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} {} ", self.stored, self.modified, self.inode)
    }
}

impl Identity {
    /// The identity that `text` begins with, and what is behind it.
    pub(super) fn parse(text: &[u8]) -> Option<(Self, &[u8])> {
        let (stored, rest) = number(text)?;
        let (modified, rest) = number(rest)?;
        let (inode, rest) = number(rest)?;
        Some((
            Self {
                stored,
                modified,
                inode,
            },
            rest,
        ))
    }
}

/// The number that `text` begins with, and what is behind the space after it.
pub(super) fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (at, octet) in text.iter().enumerate() {
        match octet {
            b'0'..=b'9' => {
                let digit = u64::from(octet - b'0');
                number = number.checked_mul(10)?.checked_add(digit)?;
            }
            b' ' if at > 0 => return Some((number, &text[at + 1..])),
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_comes_back_from_its_text() {
        let identity = Identity {
            stored: 0,
            modified: 1_700_000_000_000_000_005,
            inode: u64::MAX,
        };
        let text = format!("{identity}rest 1");
        assert_eq!(
            Identity::parse(text.as_bytes()),
            Some((identity, b"rest 1".as_slice()))
        );
    }

    #[test]
    fn what_is_no_number_is_no_identity() {
        for text in [
            "",
            "1 2 3",
            "1 2 ",
            " 1 2 3 ",
            "1  2 3 ",
            "-1 2 3 ",
            "1 2 18446744073709551616 ",
        ] {
            assert_eq!(Identity::parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
