//! The paths of mail files, one behind the other: a folder and a name, no object for each.
//!
//! Paths are relative to the Maildir. Knows no file system.

use std::ffi::CStr;

use serde::{Deserialize, Serialize};

/// The folders that hold messages. Their names are equally long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Folder {
    /// Where delivery agents put a message.
    New,
    /// Where a mail reader that keeps flags moves it.
    Cur,
}

impl Folder {
    /// In the order in which they have to be read: a message moves from `new` to `cur`, so this
    /// order sees it at least once.
    pub(super) const ALL: [Self; 2] = [Self::New, Self::Cur];

    /// The folder's name in the Maildir.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Cur => "cur",
        }
    }

    /// The folder's name with what separates it from a message's.
    pub(super) fn prefix(self) -> &'static [u8] {
        match self {
            Self::New => b"new/",
            Self::Cur => b"cur/",
        }
    }
}

/// More paths than 32 bits can address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the names of the messages take more than 4 GiB")]
pub(super) struct TooMany;

/// An arena of paths.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Paths {
    /// Each path is followed by NUL, as the system wants it.
    octets: Vec<u8>,
    /// Where each path ends, its NUL included.
    ends: Vec<u32>,
}

impl Paths {
    /// No paths, and room for as many as these.
    pub(super) fn like(&self) -> Self {
        Self {
            octets: Vec::with_capacity(self.octets.len()),
            ends: Vec::with_capacity(self.ends.len()),
        }
    }

    /// Adds a path and returns its index. `name` holds no NUL: it comes from a directory.
    pub(super) fn push(&mut self, folder: Folder, name: &[u8]) -> Result<usize, TooMany> {
        self.octets.extend_from_slice(folder.prefix());
        self.octets.extend_from_slice(name);
        self.octets.push(0);
        self.end()
    }

    /// Adds the path that has this index in `others` and returns its index here.
    pub(super) fn push_from(&mut self, others: &Self, index: usize) -> Result<usize, TooMany> {
        self.octets.extend_from_slice(others.octets(index));
        self.end()
    }

    /// Ends the path that was just added.
    fn end(&mut self) -> Result<usize, TooMany> {
        self.ends
            .push(u32::try_from(self.octets.len()).map_err(|_| TooMany)?);
        Ok(self.ends.len() - 1)
    }

    /// How many paths there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The path with this index. An empty one, which no file has, if there is none.
    pub(super) fn get(&self, index: usize) -> &CStr {
        CStr::from_bytes_with_nul(self.octets(index)).unwrap_or_default()
    }

    /// The folder of the file with this index.
    pub(super) fn folder(&self, index: usize) -> Folder {
        split(self.get(index)).0
    }

    /// The name of the file with this index.
    pub(super) fn name(&self, index: usize) -> &[u8] {
        match self.octets(index) {
            [_, _, _, b'/', name @ .., 0] => name,
            _ => &[],
        }
    }

    /// The part of the name of the file with this index that never changes.
    pub(super) fn unique(&self, index: usize) -> &[u8] {
        super::name::unique(self.name(index))
    }

    /// The path with this index and its NUL.
    fn octets(&self, index: usize) -> &[u8] {
        let Some(end) = self.ends.get(index) else {
            return &[];
        };
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.octets[start as usize..*end as usize]
    }

    /// Gives back what was reserved and not used.
    pub(super) fn shrink(&mut self) {
        self.octets.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

/// The folder of the file at `path`, and its name there.
pub(super) fn split(path: &CStr) -> (Folder, &CStr) {
    let folder = if path.to_bytes().starts_with(Folder::New.prefix()) {
        Folder::New
    } else {
        Folder::Cur
    };
    let name = path
        .to_bytes_with_nul()
        .get(folder.prefix().len()..)
        .unwrap_or_default();
    (folder, CStr::from_bytes_with_nul(name).unwrap_or_default())
}

/// Whether `path` is one that a message can have.
pub(super) fn is_message(path: &CStr) -> bool {
    let name = name(path);
    path.to_bytes().starts_with(split(path).0.prefix())
        && !name.is_empty()
        && !name.starts_with(b".")
        && !name.contains(&b'/')
}

/// The name of the file at `path`.
fn name(path: &CStr) -> &[u8] {
    split(path).1.to_bytes()
}

/// The part of the name of the file at `path` that never changes.
pub(super) fn unique(path: &CStr) -> &[u8] {
    super::name::unique(name(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_back_as_they_went_in() {
        let mut paths = Paths::default();
        assert_eq!(paths.push(Folder::New, b"1.a"), Ok(0));
        assert_eq!(paths.push(Folder::Cur, b"2.b\xff:2,S"), Ok(1));
        assert_eq!(paths.get(0), c"new/1.a");
        assert_eq!(paths.get(1), c"cur/2.b\xff:2,S");
        assert_eq!(paths.get(2), c"");
        assert_eq!(
            (paths.name(1), paths.unique(1)),
            (&b"2.b\xff:2,S"[..], &b"2.b\xff"[..])
        );
        assert_eq!(
            (paths.name(2), unique(paths.get(1))),
            (&b""[..], &b"2.b\xff"[..])
        );
        assert_eq!(paths.len(), 2);
    }
}
