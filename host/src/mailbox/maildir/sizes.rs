//! `popcell-sizes`: what was found out about messages at earlier logins.
//!
//! A cache. Whatever is wrong with it costs time and nothing else: a size is checked again when its
//! message is sent. The one thing that can not be found out again is which unique id a message was
//! shown under before `dovecot-uidlist` came to list it.
//!
//! One line a message, later lines overrule earlier ones:
//! `<wire octets> <file octets> <mtime, ns> <inode> <unique id> <unique name>`.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read, Write},
};

use rustix::{
    fd::{AsFd, BorrowedFd},
    fs::OFlags,
    io::Errno,
};

use super::place;

const FILE: &str = "popcell-sizes";
const NEW_FILE: &str = "popcell-sizes.new";
const HEADER: &[u8] = b"popcell-sizes 1\n";

/// More than two million messages: what is larger is not ours.
const MAX_OCTETS: u64 = 256 * 1024 * 1024;

/// So many lines may be out of use before the file is written anew, beside as many as are in use.
const SPARE_LINES: usize = 64;

/// A message's file as it was when its size was taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Size {
    /// Octets on the wire.
    pub(super) wire: u64,
    /// Octets of the file.
    pub(super) stored: u64,
    /// The file's time of modification, in nanoseconds.
    pub(super) modified: i64,
    /// The file's inode.
    pub(super) inode: u64,
}

/// Which unique id a message was shown under.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shown<'a> {
    /// None that would bind us.
    Undecided,
    /// The one that comes from its name.
    OfName,
    /// This one.
    As(&'a [u8]),
}

/// A line of the file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Line<'a> {
    /// The size, or `None` to take back what an earlier line says.
    pub(super) size: Option<Size>,
    /// The unique id.
    pub(super) shown: Shown<'a>,
    /// The part of the file's name that never changes.
    pub(super) unique: &'a [u8],
}

/// The octets of the file; none if there is no file that is fit to be one.
pub(super) fn load(directory: BorrowedFd<'_>) -> Vec<u8> {
    match read(directory) {
        Ok(text) => text,
        Err(Errno::NOENT) => Vec::new(),
        Err(errno) => {
            tracing::warn!(%errno, file = FILE, "the remembered sizes can not be read");
            Vec::new()
        }
    }
}

fn read(directory: BorrowedFd<'_>) -> Result<Vec<u8>, Errno> {
    let file = place::open_regular(directory, FILE, OFlags::RDONLY)?.0;
    let octets = u64::try_from(rustix::fs::fstat(&file)?.st_size).unwrap_or(u64::MAX);
    if octets > MAX_OCTETS {
        return Err(Errno::FBIG);
    }
    let mut text = Vec::with_capacity(usize::try_from(octets).unwrap_or_default() + 1);
    let read = File::from(file).take(MAX_OCTETS).read_to_end(&mut text);
    read.map_err(|error| place::errno(&error))?;
    Ok(text)
}

/// The file's lines by unique name. They are read when they are asked for.
#[derive(Debug)]
pub(super) struct Known<'a> {
    /// What stands in front of the unique name.
    lines: HashMap<&'a [u8], &'a [u8]>,
    /// How many lines there are, those out of use too.
    count: usize,
    /// Whether a line can be added: the file is ours and its last line is whole.
    is_whole: bool,
}

impl<'a> Known<'a> {
    /// Splits the file's octets into lines.
    pub(super) fn parse(text: &'a [u8]) -> Self {
        let Some(body) = text.strip_prefix(HEADER) else {
            return Self {
                lines: HashMap::new(),
                count: 0,
                is_whole: false,
            };
        };
        let lines = memchr::memchr_iter(b'\n', body).scan(0, |start, end| {
            let line = &body[*start..end];
            *start = end + 1;
            Some(line)
        });
        let guess = body.len() / 64;
        let mut known = Self {
            lines: HashMap::with_capacity(guess),
            count: 0,
            is_whole: text.ends_with(b"\n"),
        };
        for line in lines {
            known.count += 1;
            if let Some(end) = memchr::memchr_iter(b' ', line).nth(4) {
                known.lines.insert(&line[end + 1..], &line[..end]);
            }
        }
        known
    }

    /// What is known of the message with this unique name.
    pub(super) fn get(&self, unique: &[u8]) -> Option<Line<'a>> {
        let (unique, fields) = self.lines.get_key_value(unique)?;
        let (wire, fields) = number(fields)?;
        let (stored, fields) = number(fields)?;
        let (modified, fields) = number(fields)?;
        let (inode, shown) = number(fields)?;
        let shown = match shown {
            b"?" => Shown::Undecided,
            b"-" => Shown::OfName,
            [b'=', uid @ ..] => Shown::As(uid),
            _ => return None,
        };
        let modified = i64::try_from(modified).ok()?;
        // No file has inode 0: such a line takes back an earlier one.
        let size = (inode != 0).then_some(Size {
            wire,
            stored,
            modified,
            inode,
        });
        Some(Line {
            size,
            shown,
            unique,
        })
    }

    /// Whether `added` can go behind the lines that are there, of which `used` are in use.
    fn may_grow(&self, added: usize, used: usize) -> bool {
        let lines = self.count + added;
        self.is_whole && lines <= used.saturating_mul(2).saturating_add(SPARE_LINES)
    }
}

/// The number that a line goes on with, and what is behind the space after it. This is the inner
/// loop of a login.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (at, octet) in text.iter().enumerate() {
        match octet {
            b'0'..=b'9' => {
                number = number
                    .checked_mul(10)?
                    .checked_add(u64::from(octet - b'0'))?
            }
            b' ' if at > 0 => return Some((number, &text[at + 1..])),
            _ => return None,
        }
    }
    None
}

/// Brings the file up to date: `added` goes behind what is there, or the file is replaced by `all`,
/// some `used` lines, if it is not ours or mostly out of use.
///
/// The caller holds the lock. A crash leaves the old file, the new one, or half a line at the end
/// of it: `fsync` would buy nothing.
pub(super) fn save<'a>(
    directory: BorrowedFd<'_>,
    known: &Known<'_>,
    added: &[Line<'_>],
    used: usize,
    all: impl Iterator<Item = Line<'a>>,
) {
    let may_grow = known.may_grow(added.len(), used);
    let saved = if may_grow && added.is_empty() {
        Ok(())
    } else if may_grow {
        append(directory, added.iter().copied())
    } else {
        replace(directory, all)
    };
    if let Err(error) = saved {
        tracing::warn!(%error, file = FILE, "the sizes of messages are not remembered");
    }
}

/// Adds one line to the file, if there is a file.
pub(super) fn note(directory: BorrowedFd<'_>, line: Line<'_>) {
    if let Err(error) = append(directory, std::iter::once(line)) {
        tracing::debug!(%error, file = FILE, "the size of a message is not remembered");
    }
}

fn append<'a>(directory: BorrowedFd<'_>, lines: impl Iterator<Item = Line<'a>>) -> io::Result<()> {
    let file = place::open_regular(directory, FILE, OFlags::WRONLY | OFlags::APPEND)?.0;
    let mut text = Vec::new();
    for line in lines {
        write_line(&mut text, line)?;
    }
    File::from(file).write_all(&text)
}

fn replace<'a>(directory: BorrowedFd<'_>, lines: impl Iterator<Item = Line<'a>>) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    let file = place::open_regular(directory, NEW_FILE, flags)?.0;
    let mut out = io::BufWriter::with_capacity(256 * 1024, File::from(file));
    out.write_all(HEADER)?;
    for line in lines {
        write_line(&mut out, line)?;
    }
    out.flush()?;
    rustix::fs::renameat(directory.as_fd(), NEW_FILE, directory, FILE)?;
    Ok(())
}

/// Writes a line, unless the name can not be written into one.
fn write_line(out: &mut impl Write, line: Line<'_>) -> io::Result<()> {
    if line.unique.contains(&b'\n') {
        return Ok(());
    }
    let none = Size {
        wire: 0,
        stored: 0,
        modified: 0,
        inode: 0,
    };
    let Size {
        wire,
        stored,
        modified,
        inode,
    } = line.size.unwrap_or(none);
    let modified = modified.max(0);
    write!(out, "{wire} {stored} {modified} {inode} ")?;
    match line.shown {
        Shown::Undecided => out.write_all(b"?")?,
        Shown::OfName => out.write_all(b"-")?,
        Shown::As(uid) => {
            out.write_all(b"=")?;
            out.write_all(uid)?;
        }
    }
    out.write_all(b" ")?;
    out.write_all(line.unique)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    const SIZE: Size = Size {
        wire: 12,
        stored: 10,
        modified: 1_700_000_000_000_000_005,
        inode: 7,
    };

    struct Store {
        root: TempDir,
        directory: File,
    }

    impl Store {
        fn new() -> Self {
            let root = tempfile::tempdir().expect("a temporary directory");
            let directory = File::open(root.path()).expect("the directory");
            Self { root, directory }
        }

        /// Saves `added` when `all` is what there is to know.
        fn save(&self, added: &[Line<'_>], all: &[Line<'_>]) {
            let text = self.text();
            let known = Known::parse(&text);
            save(
                self.directory.as_fd(),
                &known,
                added,
                all.len(),
                all.iter().copied(),
            );
        }

        fn text(&self) -> Vec<u8> {
            load(self.directory.as_fd())
        }

        fn put(&self, text: &[u8]) {
            fs::write(self.root.path().join(FILE), text).expect("a file");
        }
    }

    fn line(unique: &str) -> Line<'_> {
        Line {
            size: Some(SIZE),
            shown: Shown::OfName,
            unique: unique.as_bytes(),
        }
    }

    #[test]
    fn what_was_saved_is_known() {
        let store = Store::new();
        let lines = [
            line("1.M1.h,S=1"),
            Line {
                shown: Shown::As(b"old=id"),
                ..line("name with spaces")
            },
            Line {
                shown: Shown::Undecided,
                ..line("3")
            },
        ];
        store.save(&lines, &lines);
        let text = store.text();
        let known = Known::parse(&text);
        for line in lines {
            assert_eq!(known.get(line.unique), Some(line));
        }
        assert_eq!(known.get(b"4"), None);
    }

    #[test]
    fn a_later_line_overrules_an_earlier_one() {
        let store = Store::new();
        store.save(&[line("1")], &[line("1")]);
        note(
            store.directory.as_fd(),
            Line {
                size: None,
                ..line("1")
            },
        );
        let text = store.text();
        assert_eq!(
            Known::parse(&text).get(b"1"),
            Some(Line {
                size: None,
                ..line("1")
            })
        );
    }

    #[test]
    fn new_lines_are_added_and_a_file_mostly_out_of_use_is_replaced() {
        let store = Store::new();
        store.save(&[line("1")], &[line("1")]);
        store.save(&[line("2")], &[line("1"), line("2")]);
        assert_eq!(Known::parse(&store.text()).count, 2);
        let names: Vec<String> = (0..SPARE_LINES + 9).map(|name| name.to_string()).collect();
        let lines: Vec<Line<'_>> = names.iter().map(|name| line(name)).collect();
        store.save(&lines, &lines);
        store.save(&[], &lines[..1]);
        assert_eq!(Known::parse(&store.text()).count, 1);
        assert!(!store.root.path().join(NEW_FILE).exists());
    }

    #[test]
    fn foreign_and_broken_content_is_ignored_and_replaced() {
        for text in [
            &b"\0\0\0\0"[..],
            b"",
            b"popcell-sizes 2\n1 1 1 1 - 1\n",
            b"\xff\n\n\n",
        ] {
            let store = Store::new();
            store.put(text);
            assert_eq!(Known::parse(&store.text()).get(b"1"), None);
            store.save(&[line("1")], &[line("1")]);
            assert_eq!(Known::parse(&store.text()).get(b"1"), Some(line("1")));
        }
    }

    #[test]
    fn a_broken_line_costs_its_message_only() {
        let store = Store::new();
        let good = "5 5 5 5 - good\n";
        let bad = [
            "x 1 1 1 - bad\n",
            "1 1 1 - bad\n",
            "1 -1 1 1 - bad\n",
            "1 1 1 1 ! bad\n",
            "99999999999999999999999 1 1 1 - bad\n",
            "1 1 99999999999999999999 1 - bad\n",
            "\0\0\0\n",
            "\n",
        ];
        for bad in bad {
            store.put(format!("popcell-sizes 1\n{bad}{good}").as_bytes());
            let text = store.text();
            let known = Known::parse(&text);
            assert_eq!(known.get(b"bad"), None, "{bad:?}");
            assert!(known.get(b"good").is_some(), "{bad:?}");
        }
    }

    #[test]
    fn half_a_line_is_not_continued() {
        let store = Store::new();
        store.put(b"popcell-sizes 1\n5 5 5 5 - good\n5 5 5");
        store.save(&[line("1")], &[line("good"), line("1")]);
        let text = store.text();
        assert_eq!(Known::parse(&text).get(b"1"), Some(line("1")));
        assert_eq!(Known::parse(&text).count, 2);
    }

    #[test]
    fn a_name_with_a_line_end_is_not_written() {
        let store = Store::new();
        let lines = [line("a\n5 5 5 5 - b"), line("c")];
        store.save(&lines, &lines);
        let text = store.text();
        let known = Known::parse(&text);
        assert_eq!((known.get(b"b"), known.get(b"c")), (None, Some(line("c"))));
    }

    #[test]
    fn a_file_in_the_way_is_no_reason_to_fail() {
        let store = Store::new();
        fs::create_dir(store.root.path().join(FILE)).expect("a directory");
        assert!(store.text().is_empty());
        store.save(&[line("1")], &[line("1")]);
        assert!(store.text().is_empty());
    }
}
