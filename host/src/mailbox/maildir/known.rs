//! The lines of `popcell-sizes`, looked up by unique name while a listing is gone through.
//!
//! The file is in the order of the listing that it was written for, so the line that is wanted is
//! nearly always the next one. Only where it is not, an index is made. Reads no file.

use std::{
    cell::{Cell, OnceCell},
    collections::HashMap,
};

use super::{
    identity::{self, Identity},
    sizes::{Line, Shown, Size},
};

/// What the file begins with.
pub(super) const HEADER: &[u8] = b"popcell-sizes 1\n";

/// Begins a line that overrules an earlier one.
pub(super) const CORRECTION: u8 = b'!';

/// So many lines about messages that are gone are passed over.
const MAX_PASSED: usize = 16;

/// So many lines may be out of use before the file is written anew, beside as many as are in use.
const SPARE_LINES: usize = 64;

/// What is known of messages. The lines are read when they are asked for.
#[derive(Debug)]
pub(super) struct Known<'a> {
    /// Unique names and what stands in front of them, in the file's order.
    lines: Vec<(&'a [u8], &'a [u8])>,
    /// Where the line after the one that was found last is.
    next: Cell<usize>,
    /// How many lines were found.
    used: Cell<usize>,
    /// The line that holds for each unique name.
    index: OnceCell<HashMap<&'a [u8], usize>>,
    /// No line overrules another.
    is_plain: bool,
    /// The file is ours and its last line is whole.
    is_whole: bool,
}

impl<'a> Known<'a> {
    /// Splits the file's octets into lines.
    pub(super) fn parse(text: &'a [u8]) -> Self {
        let mut known = Self {
            lines: Vec::new(),
            next: Cell::new(0),
            used: Cell::new(0),
            index: OnceCell::new(),
            is_plain: true,
            is_whole: false,
        };
        let Some(body) = text.strip_prefix(HEADER) else {
            return known;
        };
        known.is_whole = text.ends_with(b"\n");
        known.lines.reserve(body.len() / 64);
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', body) {
            known.add(&body[start..end]);
            start = end + 1;
        }
        known
    }

    fn add(&mut self, line: &'a [u8]) {
        self.is_plain &= line.first() != Some(&CORRECTION);
        let line = line.strip_prefix(&[CORRECTION]).unwrap_or(line);
        let end = memchr::memchr_iter(b' ', line).nth(4).unwrap_or(line.len());
        // A line that makes no sense counts too: as one that is out of use.
        self.lines
            .push((line.get(end + 1..).unwrap_or_default(), &line[..end]));
    }

    /// What is known of the message with this unique name.
    pub(super) fn get(&self, unique: &[u8]) -> Option<Line<'a>> {
        let at = self.find(unique)?;
        self.next.set(at + 1);
        self.used.set(self.used.get() + 1);
        let (unique, fields) = self.lines[at];
        parse_line(unique, fields)
    }

    fn find(&self, unique: &[u8]) -> Option<usize> {
        let next = self.next.get();
        if self.is_plain {
            let coming = self.lines[next..].iter().take(MAX_PASSED);
            if let Some(passed) = coming
                .map(|(name, _)| *name)
                .position(|name| name == unique)
            {
                return Some(next + passed);
            }
            if self.used.get() == self.lines.len() {
                return None;
            }
        }
        let names = || {
            self.lines
                .iter()
                .enumerate()
                .map(|(at, (name, _))| (*name, at))
                .collect()
        };
        self.index.get_or_init(names).get(unique).copied()
    }

    /// Whether `added` lines, which overrule none, can go behind those that are there, if all in
    /// all `used` lines will be in use.
    pub(super) fn may_grow(&self, added: usize, used: usize) -> bool {
        let lines = self.lines.len() + added;
        let is_dense = lines <= used.saturating_mul(2).saturating_add(SPARE_LINES);
        self.is_whole && self.is_plain && is_dense
    }
}

fn parse_line<'a>(unique: &'a [u8], fields: &'a [u8]) -> Option<Line<'a>> {
    let (wire, fields) = identity::number(fields)?;
    let (file, shown) = Identity::parse(fields)?;
    let shown = match shown {
        b"?" => Shown::Undecided,
        b"-" => Shown::OfName,
        [b'=', uid @ ..] => Shown::As(uid),
        _ => return None,
    };
    let size = (file.inode != 0).then_some(Size { wire, file });
    Some(Line {
        size,
        shown,
        unique,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(lines: &[String]) -> String {
        let header = String::from_utf8(HEADER.to_vec()).expect("text");
        header + &lines.concat()
    }

    fn line(name: usize) -> String {
        format!("{name} 1 1 1 - {name:04}\n")
    }

    fn wire(known: &Known<'_>, name: usize) -> Option<u64> {
        Some(known.get(format!("{name:04}").as_bytes())?.size?.wire)
    }

    #[test]
    fn lines_are_found_in_order_without_an_index() {
        let text = known(&(0..99).map(line).collect::<Vec<_>>());
        let known = Known::parse(text.as_bytes());
        for name in (0..99).filter(|name| name % MAX_PASSED != 1) {
            assert_eq!(wire(&known, name), Some(name as u64));
        }
        assert!(known.index.get().is_none());
    }

    #[test]
    fn a_message_behind_all_that_are_known_needs_no_index() {
        let text = known(&(0..9).map(line).collect::<Vec<_>>());
        let known = Known::parse(text.as_bytes());
        (0..9).for_each(|name| assert!(wire(&known, name).is_some()));
        assert_eq!(wire(&known, 10), None);
        assert!(known.index.get().is_none());
    }

    #[test]
    fn lines_are_found_in_any_order() {
        let text = known(&(0..99).map(line).collect::<Vec<_>>());
        let known = Known::parse(text.as_bytes());
        for name in [98, 0, 50, 1, 97, 98, 98, 3] {
            assert_eq!(wire(&known, name), Some(name as u64));
        }
        assert_eq!(wire(&known, 100), None);
    }

    #[test]
    fn a_correction_overrules_whatever_the_order() {
        let text = known(&[line(1), line(2), "!7 1 1 1 - 0001\n".to_owned()]);
        let known = Known::parse(text.as_bytes());
        assert_eq!((wire(&known, 1), wire(&known, 2)), (Some(7), Some(2)));
        assert!(!known.may_grow(0, 2));
    }

    #[test]
    fn a_broken_line_costs_its_message_only() {
        for bad in [
            "x 1 1 1 - 0001\n",
            "1 1 1 - 0001\n",
            "1 -1 1 1 - 0001\n",
            "1 1 1 1 * 0001\n",
            "99999999999999999999 1 1 1 - 0001\n",
            "1 1 99999999999999999999 1 - 0001\n",
            " 1 1 1 - 0001\n",
            "\0\0\0\n",
            "\n",
        ] {
            let text = known(&[bad.to_owned(), line(2)]);
            let known = Known::parse(text.as_bytes());
            assert_eq!(
                (wire(&known, 1), wire(&known, 2)),
                (None, Some(2)),
                "{bad:?}"
            );
        }
    }
}
