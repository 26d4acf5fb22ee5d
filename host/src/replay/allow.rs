//! What a component may say instead: pairs of patterns, a line each.
//!
//! ```text
//! # the greeting may be worded anew
//! +OK Popcell ready* -> +OK *
//! # a line of a list may be new, or be left out
//! -> UTF8*
//! USER ->
//! ```
//!
//! `*` is anything. Compares line by line, without line ends.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::pattern::is_like;

/// What stands between a pattern and what may stand in its place.
const ARROW: &str = "->";

/// Most octets of a file of patterns.
const MAX_OCTETS: u64 = 1 << 20;

/// What a component may say instead of what is recorded. By default nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Allowed(Vec<Pair>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Pair {
    /// What is recorded; `None` for nothing.
    expected: Option<String>,
    /// What may be found there; `None` for nothing.
    found: Option<String>,
}

/// A file of patterns that is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Mistake {
    /// A line without an arrow, or with nothing on either side of it.
    #[error("{}:{line}: expected \"what is recorded -> what may be said instead\"", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// The file can not be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Allowed {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// See [`Mistake`].
    pub fn load(path: &Path) -> Result<Self, Mistake> {
        let unreadable = |source| Mistake::Unreadable {
            path: path.to_owned(),
            source,
        };
        if fs::metadata(path).map_err(unreadable)?.len() > MAX_OCTETS {
            return Err(unreadable(io::ErrorKind::FileTooLarge.into()));
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text).map_err(|line| Mistake::Line {
            path: path.to_owned(),
            line,
        })
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// The number of the first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, usize> {
        let mut pairs = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (expected, found) = line.split_once(ARROW).ok_or(number)?;
            let side = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
            let (expected, found) = (side(expected), side(found));
            if expected.is_none() && found.is_none() {
                return Err(number);
            }
            pairs.push(Pair { expected, found });
        }
        Ok(Self(pairs))
    }

    /// The first line of two answers that differs, and is not allowed to.
    pub(super) fn compare<'a>(
        &self,
        expected: &'a [u8],
        found: &'a [u8],
    ) -> Option<(&'a [u8], &'a [u8])> {
        let (mut expected, mut found) = (expected, found);
        while !expected.is_empty() || !found.is_empty() {
            let (wanted, wanted_rest) = first(expected);
            let (said, said_rest) = first(found);
            let are_there = !expected.is_empty() && !found.is_empty();
            if are_there && (wanted == said || self.permits(wanted, said)) {
                (expected, found) = (wanted_rest, said_rest);
            } else if !found.is_empty() && self.may_be_new(said) {
                found = said_rest;
            } else if !expected.is_empty() && self.may_be_left_out(wanted) {
                expected = wanted_rest;
            } else {
                return Some((wanted, said));
            }
        }
        None
    }

    fn permits(&self, expected: &[u8], found: &[u8]) -> bool {
        self.0
            .iter()
            .any(|pair| match (&pair.expected, &pair.found) {
                (Some(one), Some(other)) => {
                    is_like(one, text(expected)) && is_like(other, text(found))
                }
                (Some(_) | None, _) => false,
            })
    }

    fn may_be_new(&self, found: &[u8]) -> bool {
        let mut pairs = self.0.iter().filter(|pair| pair.expected.is_none());
        pairs.any(|pair| pair.found.iter().any(|form| is_like(form, text(found))))
    }

    fn may_be_left_out(&self, expected: &[u8]) -> bool {
        let mut pairs = self.0.iter().filter(|pair| pair.found.is_none());
        pairs.any(|pair| {
            pair.expected
                .iter()
                .any(|form| is_like(form, text(expected)))
        })
    }
}

/// The first line with its end, and what follows.
fn first(lines: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b'\n', lines);
    lines.split_at(end.map_or(lines.len(), |end| end + 1))
}

/// A line without its end.
fn text(line: &[u8]) -> &[u8] {
    line.trim_ascii_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differs<'a>(allowed: &str, expected: &'a str, found: &'a str) -> Option<(String, String)> {
        let allowed = Allowed::parse(allowed).expect("patterns");
        let shown = |line: &[u8]| String::from_utf8(line.to_vec()).expect("ASCII");
        let compared = allowed.compare(expected.as_bytes(), found.as_bytes());
        compared.map(|(wanted, said)| (shown(wanted), shown(said)))
    }

    #[test]
    fn a_line_may_be_worded_anew_added_or_left_out() {
        let allowed = "# a comment\n\n+OK Popcell* -> +OK *\n-> UTF8*\nUSER ->\n";
        for (expected, found) in [
            ("+OK Popcell ready\r\n", "+OK Another one\r\n"),
            ("+OK\r\nTOP\r\n.\r\n", "+OK\r\nTOP\r\nUTF8 USER\r\n.\r\n"),
            ("+OK\r\nUSER\r\n.\r\n", "+OK\r\n.\r\n"),
            ("+OK\r\nUSER\r\n", "+OK\r\n"),
            ("", ""),
        ] {
            assert_eq!(differs(allowed, expected, found), None, "{found}");
        }
        let pair = |one: &str, other: &str| Some((one.to_owned(), other.to_owned()));
        for (expected, found, difference) in [
            ("+OK\r\n", "-ERR\r\n", pair("+OK\r\n", "-ERR\r\n")),
            ("a\r\nb\r\n", "a\r\n", pair("b\r\n", "")),
            ("a\r\n", "a\r\nb\r\n", pair("", "b\r\n")),
            ("a\r\n", "a\n", pair("a\r\n", "a\n")),
        ] {
            assert_eq!(differs(allowed, expected, found), difference);
        }
    }

    #[test]
    fn a_mistake_has_the_number_of_its_line() {
        assert_eq!(Allowed::parse("# x\n+OK"), Err(2));
        assert_eq!(Allowed::parse(" -> "), Err(1));
    }
}
