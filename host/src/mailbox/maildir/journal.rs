//! `popcell-journal`: which messages a commit removes, written down before the first is removed.
//!
//! Whole or worth nothing: a digest at its end tells a journal that was being written when the
//! power failed. Removes no message itself.

use std::{
    ffi::{CStr, CString},
    fs::File,
    io::{Read, Write},
};

use rustix::{
    fs::{AtFlags, OFlags},
    io::Errno,
};
use sha2::{Digest, Sha256};

use super::{
    commit::{Step, Watch},
    identity::Identity,
    paths,
    place::{self, Place, Stamp},
};

const FILE: &str = "popcell-journal";
const HEADER: &[u8] = b"popcell-journal 1\0";
const END: &[u8] = b"end ";

/// More than two million messages: what is larger is not ours.
const MAX_OCTETS: u64 = 256 * 1024 * 1024;

/// A message that is to be removed: a file, and the name that it had last.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Target {
    /// Folder and name.
    pub(super) path: CString,
    /// The file: a name may come to belong to another one.
    pub(super) file: Identity,
}

/// A journal that was found.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Found {
    /// A promise that may have been made, and is to be kept.
    Whole(Vec<Target>),
    /// No promise was made.
    Incomplete,
}

/// Writes the journal so that it survives a crash.
pub(super) fn write(
    place: &Place,
    targets: &[Target],
    watch: &mut impl Watch,
) -> Result<(), Errno> {
    let (body, end) = encode(targets);
    watch.before(Step::CreateJournal)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    let mut file = File::from(place::open_regular(place.root(), FILE, flags)?.0);
    watch.before(Step::WriteJournal)?;
    file.write_all(&body)
        .map_err(|error| place::errno(&error))?;
    watch.before(Step::EndJournal)?;
    file.write_all(&end).map_err(|error| place::errno(&error))?;
    watch.before(Step::SyncJournal)?;
    place::sync(&file)?;
    watch.before(Step::SyncJournalName)?;
    place::sync(place.root())
}

/// Removes the journal, and so that it can not come back after a crash.
pub(super) fn remove(place: &Place, watch: &mut impl Watch) -> Result<(), Errno> {
    watch.before(Step::RemoveJournal)?;
    match rustix::fs::unlinkat(place.root(), FILE, AtFlags::empty()) {
        Ok(()) => {}
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(errno),
    }
    watch.before(Step::SyncRemoval)?;
    place::sync(place.root())
}

/// Whether no session has left a journal behind, for certain.
pub(super) fn is_absent(place: &Place) -> bool {
    matches!(Stamp::at(place.root(), FILE), Ok(None))
}

/// The journal that an earlier session left behind, if it did.
pub(super) fn load(place: &Place) -> Result<Option<Found>, Errno> {
    let (file, identity) = match place::open_regular(place.root(), FILE, OFlags::RDONLY) {
        Ok(opened) => opened,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(errno),
    };
    if identity.stored > MAX_OCTETS {
        return Ok(Some(Found::Incomplete));
    }
    let mut text = Vec::new();
    let read = File::from(file).take(MAX_OCTETS).read_to_end(&mut text);
    read.map_err(|error| place::errno(&error))?;
    Ok(Some(decode(&text).map_or(Found::Incomplete, Found::Whole)))
}

/// The journal without its end, and its end. Each entry is followed by NUL, which no name holds.
fn encode(targets: &[Target]) -> (Vec<u8>, Vec<u8>) {
    let mut body = HEADER.to_vec();
    for target in targets {
        body.extend_from_slice(target.file.to_string().as_bytes());
        body.extend_from_slice(target.path.as_bytes_with_nul());
    }
    let mut end = END.to_vec();
    end.extend_from_slice(digest(&body).as_bytes());
    end.push(0);
    (body, end)
}

fn decode(text: &[u8]) -> Option<Vec<Target>> {
    let start = memchr::memrchr(0, text.strip_suffix(b"\0")?)? + 1;
    let (body, end) = text.split_at(start);
    let claimed = end.strip_prefix(END)?.strip_suffix(b"\0")?;
    if claimed != digest(body).as_bytes() {
        return None;
    }
    body.strip_prefix(HEADER)?
        .split_inclusive(|octet| *octet == 0)
        .map(target)
        .collect()
}

/// An entry. Its path leads to a message, or it is none of ours.
fn target(entry: &[u8]) -> Option<Target> {
    let (file, path) = Identity::parse(entry)?;
    let path = CStr::from_bytes_with_nul(path)
        .ok()
        .filter(|path| paths::is_message(path))?;
    Some(Target {
        path: path.to_owned(),
        file,
    })
}

fn digest(octets: &[u8]) -> String {
    super::uid::hex(&Sha256::digest(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Identity = Identity {
        stored: 5,
        modified: 1_700_000_000_000_000_005,
        inode: 7,
    };

    fn targets() -> Vec<Target> {
        [c"new/1.a\nb c", c"cur/2.\xff:2,S"]
            .map(|path| Target {
                path: path.to_owned(),
                file: SEEN,
            })
            .to_vec()
    }

    fn text(targets: &[Target]) -> Vec<u8> {
        let (mut body, mut end) = encode(targets);
        body.append(&mut end);
        body
    }

    #[test]
    fn a_whole_journal_comes_back() {
        assert_eq!(decode(&text(&targets())), Some(targets()));
    }

    #[test]
    fn a_journal_that_is_cut_or_changed_anywhere_is_worth_nothing() {
        let whole = text(&targets());
        for at in 0..whole.len() {
            assert_eq!(decode(&whole[..at]), None, "cut at {at}");
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert_eq!(decode(&changed), None, "changed at {at}");
        }
    }

    #[test]
    fn a_path_that_leads_elsewhere_makes_the_journal_worthless() {
        for path in [
            c"tmp/1",
            c"new/../../x",
            c"/etc/x",
            c"new/",
            c"cur/..",
            c"",
            c"new/.x",
        ] {
            let target = Target {
                path: path.to_owned(),
                file: SEEN,
            };
            assert_eq!(decode(&text(&[target])), None, "{path:?}");
        }
    }
}
