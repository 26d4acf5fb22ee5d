//! `popcell-sizes`: what was found out about messages at earlier logins.
//!
//! A cache. Whatever is wrong with it costs time and nothing else: a size is checked again when its
//! message is sent. The one thing that can not be found out again is which unique id a message was
//! shown under before `dovecot-uidlist` came to list it.
//!
//! One line a message, `<wire octets> <file octets> <mtime, ns> <inode> <unique id> <unique name>`,
//! where the unique id is `-` for that of the name, `=` and the id, or `?`. A line that overrules an
//! earlier one begins with `!`.

use std::{
    fs::File,
    io::{self, Read, Write},
};

use rustix::{
    fd::{AsFd, BorrowedFd},
    fs::OFlags,
    io::Errno,
};

use super::{
    identity::Identity,
    known::{self, Known},
    place,
};

/// The file's name.
pub(super) const FILE: &str = "popcell-sizes";
const NEW_FILE: &str = "popcell-sizes.new";

/// More than two million messages: what is larger is not ours.
const MAX_OCTETS: u64 = 256 * 1024 * 1024;

/// What is known of a message's size.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Size {
    /// Octets on the wire.
    pub(super) wire: u64,
    /// The file of which this was counted.
    pub(super) file: Identity,
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
    let (file, identity) = place::open_regular(directory, FILE, OFlags::RDONLY)?;
    if identity.stored > MAX_OCTETS {
        return Err(Errno::FBIG);
    }
    let mut text = Vec::with_capacity(usize::try_from(identity.stored).unwrap_or_default() + 1);
    let read = File::from(file).take(MAX_OCTETS).read_to_end(&mut text);
    read.map_err(|error| place::errno(&error))?;
    Ok(text)
}

/// Brings the file up to date: `added` goes behind what is there, or the file is replaced by `all`,
/// some `used` lines, if it is not ours, mostly out of use, or wrong about a message: with each line
/// of `added` it is said whether it overrules another.
///
/// The caller holds the lock. A crash leaves the old file, the new one, or half a line at the end
/// of it: `fsync` would buy nothing.
pub(super) fn save<'a>(
    directory: BorrowedFd<'_>,
    known: &Known<'_>,
    added: &[(bool, Line<'_>)],
    used: usize,
    all: impl Iterator<Item = Line<'a>>,
) {
    let is_addition = added.iter().all(|(is_correction, _)| !is_correction);
    let saved = if !known.may_grow(added.len(), used) || !is_addition {
        replace(directory, all)
    } else if added.is_empty() {
        Ok(())
    } else {
        append(directory, |text| {
            added
                .iter()
                .try_for_each(|(_, line)| write_line(text, *line))
        })
    };
    if let Err(error) = saved {
        tracing::warn!(%error, file = FILE, "the sizes of messages are not remembered");
    }
}

/// Adds one line to the file that overrules an earlier one, if there is a file.
pub(super) fn correct(directory: BorrowedFd<'_>, line: Line<'_>) {
    let saved = append(directory, |text| {
        text.push(known::CORRECTION);
        write_line(text, line)
    });
    if let Err(error) = saved {
        tracing::debug!(%error, file = FILE, "the size of a message is not remembered");
    }
}

fn append(
    directory: BorrowedFd<'_>,
    write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    let file = place::open_regular(directory, FILE, OFlags::WRONLY | OFlags::APPEND)?.0;
    let mut text = Vec::new();
    write(&mut text)?;
    File::from(file).write_all(&text)
}

fn replace<'a>(directory: BorrowedFd<'_>, lines: impl Iterator<Item = Line<'a>>) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    let file = place::open_regular(directory, NEW_FILE, flags)?.0;
    let mut out = io::BufWriter::with_capacity(256 * 1024, File::from(file));
    out.write_all(known::HEADER)?;
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
    // No file has inode 0: such a line takes back an earlier one.
    let none = Size {
        wire: 0,
        file: Identity::default(),
    };
    let Size { wire, file } = line.size.unwrap_or(none);
    write!(out, "{wire} {file}")?;
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

    const FILE_SEEN: Identity = Identity {
        stored: 10,
        modified: 1_700_000_000_000_000_005,
        inode: 7,
    };
    const SIZE: Size = Size {
        wire: 12,
        file: FILE_SEEN,
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
            let added: Vec<_> = added.iter().map(|line| (false, *line)).collect();
            save(
                self.directory.as_fd(),
                &known,
                &added,
                all.len(),
                all.iter().copied(),
            );
        }

        fn text(&self) -> Vec<u8> {
            load(self.directory.as_fd())
        }

        fn lines(&self) -> usize {
            self.text().iter().filter(|octet| **octet == b'\n').count() - 1
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
                size: None,
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
    fn a_correction_holds_until_the_file_is_written_anew() {
        let store = Store::new();
        store.save(&[line("1")], &[line("1")]);
        correct(
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
        store.save(&[], &[line("1")]);
        assert_eq!(
            (store.lines(), Known::parse(&store.text()).get(b"1")),
            (1, Some(line("1")))
        );
    }

    #[test]
    fn new_lines_are_added_and_a_file_mostly_out_of_use_is_replaced() {
        let store = Store::new();
        store.save(&[line("1")], &[line("1")]);
        store.save(&[line("2")], &[line("2")]);
        assert_eq!(store.lines(), 2);
        let names: Vec<String> = (0..99).map(|name| name.to_string()).collect();
        let lines: Vec<Line<'_>> = names.iter().map(|name| line(name)).collect();
        store.save(&lines, &lines);
        store.save(&[], &lines[..1]);
        assert_eq!(store.lines(), 1);
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
    fn half_a_line_is_not_continued() {
        let store = Store::new();
        store.put(b"popcell-sizes 1\n5 5 5 5 - good\n5 5 5");
        store.save(&[line("1")], &[line("good"), line("1")]);
        assert_eq!(
            (store.lines(), Known::parse(&store.text()).get(b"1")),
            (2, Some(line("1")))
        );
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
    fn a_directory_in_its_place_is_no_reason_to_fail() {
        let store = Store::new();
        fs::create_dir(store.root.path().join(FILE)).expect("a directory");
        assert!(store.text().is_empty());
        store.save(&[line("1")], &[line("1")]);
        assert!(store.text().is_empty());
    }
}
