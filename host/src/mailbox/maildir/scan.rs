//! Which messages a Maildir holds, from its two folders, in order of delivery.
//!
//! Reads directories only: no message is opened and none is looked at.

use std::{ffi::CStr, mem::MaybeUninit};

use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, FileType, RawDir},
    io::Errno,
};

use super::{
    name::{self, Delivered},
    paths::{self, Folder, Paths},
    place::{Place, Stamp},
};

/// Names of some 500 messages a system call.
const DIRECTORY_OCTETS: usize = 64 * 1024;

/// So often a folder is read again because a name in it changed meanwhile.
const MAX_ROUNDS: usize = 3;

/// Why there is no listing.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum Error {
    /// A folder can not be read. It is never taken for an empty one.
    #[error("{}: {errno}", folder.name())]
    Folder {
        /// Which one.
        folder: Folder,
        /// What the system said.
        errno: Errno,
    },
    /// More messages than can be numbered.
    #[error(transparent)]
    TooMany(#[from] paths::TooMany),
}

/// One file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// Its index in [`Listing::paths`].
    pub(super) path: usize,
    /// Its inode, as the directory gives it.
    pub(super) inode: u64,
    /// When it was delivered, by its name.
    pub(super) delivered: Delivered,
}

impl Found {
    /// The file with this name at index `path` of the paths.
    pub(super) fn new(path: usize, inode: u64, name: &CStr) -> Self {
        Self {
            path,
            inode,
            delivered: name::delivered(name.to_bytes()),
        }
    }
}

/// The files of a Maildir, by time of delivery, then unique name, then name.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The path of each file.
    pub(super) paths: Paths,
    /// The files in order.
    pub(super) found: Vec<Found>,
}

impl Listing {
    /// Reads both folders of the Maildir.
    pub(super) fn scan(place: &Place) -> Result<Self, Error> {
        let mut listing = Self::default();
        let mut buffer = Vec::with_capacity(DIRECTORY_OCTETS);
        for folder in Folder::ALL {
            listing.add_settled(place, folder, buffer.spare_capacity_mut())?;
        }
        Ok(listing.sort()?)
    }

    /// The path of a file of this listing.
    pub(super) fn path(&self, found: &Found) -> &CStr {
        self.paths.get(found.path)
    }

    /// The part of a file's name that never changes.
    pub(super) fn unique(&self, found: &Found) -> &[u8] {
        self.paths.unique(found.path)
    }

    /// Adds a folder as it was while no name in it changed: a file that is renamed between two
    /// calls of the system may be in neither answer. Delivery never stops for us, and adds files
    /// only, so `new` is read once.
    fn add_settled(
        &mut self,
        place: &Place,
        folder: Folder,
        buffer: &mut [MaybeUninit<u8>],
    ) -> Result<(), Error> {
        let failed = |errno| Error::Folder { folder, errno };
        let directory = place.open_folder(folder).map_err(failed)?;
        let before = self.found.len();
        for _ in 0..MAX_ROUNDS {
            let before_scan = Stamp::of(&directory).map_err(failed)?;
            self.found.truncate(before);
            rustix::fs::seek(&directory, rustix::fs::SeekFrom::Start(0)).map_err(failed)?;
            self.add(&directory, folder, buffer)?;
            if folder == Folder::New || Stamp::of(&directory).map_err(failed)? == before_scan {
                break;
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        directory: &OwnedFd,
        folder: Folder,
        buffer: &mut [MaybeUninit<u8>],
    ) -> Result<(), Error> {
        let mut entries = RawDir::new(directory, buffer);
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(|errno| Error::Folder { folder, errno })?;
            let name = entry.file_name();
            if name.to_bytes().starts_with(b".") || !is_file(directory, name, entry.file_type()) {
                continue;
            }
            let path = self.paths.push(folder, name.to_bytes())?;
            self.found.push(Found::new(path, entry.ino(), name));
        }
        Ok(())
    }

    /// Sorts, and removes what was seen twice because it was renamed meanwhile: the same unique
    /// name on the same file. Two files with one unique name are two messages.
    fn sort(self) -> Result<Self, paths::TooMany> {
        let Self { paths, mut found } = self;
        let names = |found: &Found| (paths.unique(found.path), paths.name(found.path));
        found.sort_unstable_by(|a, b| {
            let delivered = a.delivered.cmp(&b.delivered);
            delivered.then_with(|| names(a).cmp(&names(b)))
        });
        // The name with flags sorts behind the one without, and is the newer one.
        found.dedup_by(|later, kept| {
            let same = kept.inode == later.inode && names(kept).0 == names(later).0;
            if same {
                *kept = *later;
            }
            same
        });
        // Directories have no order: names side by side in memory make all that follows faster.
        let mut sorted = paths.like();
        for found in &mut found {
            found.path = sorted.push_from(&paths, found.path)?;
        }
        Ok(Self {
            paths: sorted,
            found,
        })
    }
}

fn is_file(directory: &OwnedFd, name: &CStr, kind: FileType) -> bool {
    match kind {
        FileType::RegularFile => true,
        // Some file systems do not say it in the directory.
        FileType::Unknown => rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile),
        FileType::Directory
        | FileType::Symlink
        | FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice => false,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use tempfile::TempDir;

    use super::*;
    use crate::mailbox::maildir::place::Whereabouts;

    fn maildir(files: &[&str]) -> TempDir {
        let root = tempfile::tempdir().expect("a temporary directory");
        for folder in ["new", "cur", "tmp"] {
            fs::create_dir(root.path().join(folder)).expect("a folder");
        }
        for file in files {
            fs::write(root.path().join(file), file).expect("a file");
        }
        root
    }

    fn place(root: &Path) -> Place {
        let whereabouts = Whereabouts {
            root: root.into(),
            state: None,
            create_below: None,
        };
        Place::open(&whereabouts).expect("a Maildir")
    }

    fn scan(root: &Path) -> Result<Vec<String>, Error> {
        let place = place(root);
        let listing = Listing::scan(&place)?;
        let text = |found| listing.path(found).to_str().expect("text").to_owned();
        Ok(listing.found.iter().map(text).collect())
    }

    #[test]
    fn messages_of_both_folders_come_in_order_of_delivery() {
        let root = maildir(&[
            "new/1000.M7.h",
            "new/1000.M10.h",
            "cur/999.M1.h:2,S",
            "cur/1000.M8.h:2,",
            "cur/noname",
            "tmp/1.M1.h",
        ]);
        assert_eq!(
            scan(root.path()).expect("readable"),
            [
                "cur/noname",
                "cur/999.M1.h:2,S",
                "new/1000.M7.h",
                "cur/1000.M8.h:2,",
                "new/1000.M10.h"
            ]
        );
    }

    #[test]
    fn what_is_no_message_is_left_out() {
        let root = maildir(&["new/1.a", "new/.hidden", "cur/.nfs0001"]);
        fs::create_dir(root.path().join("cur/2.dir")).expect("a directory");
        std::os::unix::fs::symlink("/etc/passwd", root.path().join("new/3.link")).expect("a link");
        rustix::fs::mkfifoat(
            fs::File::open(root.path()).expect("the root"),
            "new/4.pipe",
            rustix::fs::Mode::RUSR,
        )
        .expect("a pipe");
        assert_eq!(scan(root.path()).expect("readable"), ["new/1.a"]);
    }

    #[test]
    fn a_file_seen_twice_is_one_message_and_two_files_are_two() {
        let root = maildir(&["cur/1.a:2,", "cur/2.b:2,", "cur/2.b:2,S"]);
        fs::hard_link(
            root.path().join("cur/1.a:2,"),
            root.path().join("cur/1.a:2,S"),
        )
        .expect("a second name");
        assert_eq!(
            scan(root.path()).expect("readable"),
            ["cur/1.a:2,S", "cur/2.b:2,", "cur/2.b:2,S"]
        );
    }

    #[test]
    fn a_folder_that_vanishes_is_an_error_and_no_empty_folder() {
        let root = maildir(&["new/1.a"]);
        let place = place(root.path());
        fs::remove_dir(root.path().join("cur")).expect("an empty folder");
        let scanned = Listing::scan(&place);
        assert!(matches!(
            scanned,
            Err(Error::Folder {
                folder: Folder::Cur,
                errno: Errno::NOENT
            })
        ));
    }
}
