//! Where the messages of a maildrop are, in as few octets as there can be: a name as a rule begins with
//! the message's unique id, which a session has anyway.
//!
//! What a login reads, and whoever looks for messages, has whole [`Paths`].

use std::ffi::CString;

use super::paths::{Folder, Paths, TooMany};
use crate::snapshot::Snapshot;

/// The paths of the messages of a snapshot.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// For each message where it is, and what stands behind its unique id or its whole name.
    octets: Vec<u8>,
    /// Where that ends.
    ends: Vec<u32>,
}

/// How a message is found.
#[derive(Clone, Copy, Debug)]
struct Kind {
    folder: Folder,
    /// Its name begins with the unique id.
    is_tail: bool,
}

impl Names {
    /// The same as these paths, one for each message of the snapshot.
    pub(super) fn new(paths: &Paths, snapshot: &Snapshot) -> Result<Self, TooMany> {
        let mut names = Self {
            octets: Vec::new(),
            ends: Vec::with_capacity(paths.len()),
        };
        for index in 0..paths.len() {
            let (name, uid) = (paths.name(index), uid(snapshot, index));
            let tail = name.strip_prefix(uid);
            let kind = Kind {
                folder: paths.folder(index),
                is_tail: tail.is_some(),
            };
            names.octets.push(kind.octet());
            names.octets.extend_from_slice(tail.unwrap_or(name));
            let end = u32::try_from(names.octets.len()).map_err(|_| TooMany)?;
            names.ends.push(end);
        }
        names.octets.shrink_to_fit();
        Ok(names)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The path with this index. An empty one, which no file has, if there is none.
    pub(super) fn path(&self, index: usize, snapshot: &Snapshot) -> CString {
        let Some((folder, [first, second])) = self.parts(index, snapshot) else {
            return CString::default();
        };
        let parts = [folder.prefix(), first, second];
        let octets = parts.iter().map(|part| part.len()).sum::<usize>();
        // With the NUL: it is done for every message.
        let mut path = Vec::with_capacity(octets + 1);
        parts.iter().for_each(|part| path.extend_from_slice(part));
        // None has a NUL: a name is a file's, a unique id printable.
        CString::new(path).unwrap_or_default()
    }

    /// All paths.
    pub(super) fn paths(&self, snapshot: &Snapshot) -> Result<Paths, TooMany> {
        let mut paths = Paths::default();
        for index in 0..self.len() {
            let Some((folder, name)) = self.parts(index, snapshot) else {
                continue;
            };
            paths.push(folder, &name.concat())?;
        }
        Ok(paths)
    }

    /// The folder of a message, and its name in two parts.
    fn parts<'a>(
        &'a self,
        index: usize,
        snapshot: &'a Snapshot,
    ) -> Option<(Folder, [&'a [u8]; 2])> {
        let end = *self.ends.get(index)? as usize;
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize);
        let (kind, rest) = self.octets[start..end].split_first()?;
        let kind = Kind::of(*kind);
        let first = if kind.is_tail {
            uid(snapshot, index)
        } else {
            b""
        };
        Some((kind.folder, [first, rest]))
    }
}

impl Kind {
    fn octet(self) -> u8 {
        u8::from(self.folder == Folder::Cur) | u8::from(self.is_tail) << 1
    }

    fn of(octet: u8) -> Self {
        Self {
            folder: if octet & 1 == 0 {
                Folder::New
            } else {
                Folder::Cur
            },
            is_tail: octet & 2 != 0,
        }
    }
}

fn uid(snapshot: &Snapshot, index: usize) -> &[u8] {
    let number = u32::try_from(index + 1).unwrap_or_default();
    snapshot.uid(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_back_whatever_the_unique_ids_are() {
        let (mut paths, mut snapshot) = (Paths::default(), Snapshot::default());
        for (folder, name, uid) in [
            (Folder::New, &b"1.a"[..], "1.a"),
            (Folder::Cur, b"2.b:2,S", "2.b"),
            (Folder::Cur, b"3.\xff:2,", "00000003"),
            (Folder::New, b"4", "5"),
        ] {
            paths.push(folder, name).expect("few");
            snapshot.push(1, uid.as_bytes()).expect("a unique id");
        }
        let names = Names::new(&paths, &snapshot).expect("few");
        assert_eq!(names.len(), 4);
        for index in 0..4 {
            assert_eq!(*names.path(index, &snapshot), *paths.get(index));
        }
        assert_eq!(*names.path(4, &snapshot), *c"");
        let back = names.paths(&snapshot).expect("few");
        assert!((0..5).all(|index| back.get(index) == paths.get(index)));
    }
}
