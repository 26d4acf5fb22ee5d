//! The directories of one maildrop, held open for a session, and what is done to files in them.
//!
//! Everything is named relative to them, and no link is followed inside the Maildir: its user may
//! write there. Decides nothing about mail.

use std::{
    ffi::CStr,
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, CWD, FileType, Mode, OFlags},
    io::Errno,
    path::Arg,
};

use super::{
    error::Error,
    identity::Identity,
    paths::{self, Folder},
};

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// Where a maildrop is, before anything of it is opened.
#[derive(Debug)]
pub(super) struct Whereabouts {
    /// The Maildir.
    pub(super) root: PathBuf,
    /// Where the lock and the sizes are, if not in the Maildir.
    pub(super) state: Option<PathBuf>,
    /// What has to exist before a missing Maildir is made. None: it is not made at all.
    pub(super) create_below: Option<PathBuf>,
}

/// The open directories.
#[derive(Debug)]
pub(super) struct Place {
    /// The Maildir's path, for the log.
    pub(super) path: PathBuf,
    /// The path of the directory with the lock and the sizes, for the log.
    pub(super) state_path: PathBuf,
    root: OwnedFd,
    new: OwnedFd,
    cur: OwnedFd,
    state: Option<OwnedFd>,
}

impl Place {
    /// Opens the directories, and makes what is missing and may be made.
    pub(super) fn open(whereabouts: &Whereabouts) -> Result<Self, Error> {
        match (Self::open_existing(whereabouts), &whereabouts.create_below) {
            (Err(Error::Missing(_)), Some(below)) => {
                make_maildir(&whereabouts.root, below)?;
                Self::open_existing(whereabouts)
            }
            (place, _) => place,
        }
    }

    fn open_existing(whereabouts: &Whereabouts) -> Result<Self, Error> {
        let path = whereabouts.root.clone();
        let root = rustix::fs::openat(CWD, &path, DIRECTORY, Mode::empty());
        let root = root.map_err(|errno| missing_or(&path, errno))?;
        let open = |folder: Folder| {
            let flags = DIRECTORY | OFlags::NOFOLLOW;
            let opened = rustix::fs::openat(&root, folder.name(), flags, Mode::empty());
            opened.map_err(|errno| missing_or(&path.join(folder.name()), errno))
        };
        let (new, cur) = (open(Folder::New)?, open(Folder::Cur)?);
        let state_path = whereabouts.state.as_ref().unwrap_or(&path).clone();
        let state = whereabouts.state.as_deref().map(open_state).transpose()?;
        Ok(Self {
            path,
            state_path,
            root,
            new,
            cur,
            state,
        })
    }

    /// The Maildir.
    pub(super) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// The directory with the lock and the sizes.
    pub(super) fn state(&self) -> BorrowedFd<'_> {
        self.state.as_ref().unwrap_or(&self.root).as_fd()
    }

    /// Opens a folder once more: two scans at once must not share a position in it.
    pub(super) fn reopen(&self, folder: Folder) -> Result<OwnedFd, Errno> {
        rustix::fs::openat(self.folder(folder), ".", DIRECTORY, Mode::empty())
    }

    /// Opens the message at `path`.
    pub(super) fn open_message(&self, path: &CStr) -> Result<(OwnedFd, Identity), Errno> {
        let (folder, name) = paths::split(path);
        open_regular(self.folder(folder), name, OFlags::RDONLY)
    }

    /// Which file is at `path`.
    pub(super) fn stat(&self, path: &CStr) -> Result<Identity, Errno> {
        let (folder, name) = paths::split(path);
        rustix::fs::statat(self.folder(folder), name, AtFlags::SYMLINK_NOFOLLOW).map(Identity::from)
    }

    /// Removes the message at `path`.
    pub(super) fn unlink(&self, path: &CStr) -> Result<(), Errno> {
        let (folder, name) = paths::split(path);
        rustix::fs::unlinkat(self.folder(folder), name, AtFlags::empty())
    }

    /// When a name in each folder changed last.
    pub(super) fn stamps(&self) -> Result<Stamps, Errno> {
        Ok(Stamps {
            new: modified(&self.new)?,
            cur: modified(&self.cur)?,
        })
    }

    /// Makes removals from both folders survive a crash.
    pub(super) fn sync_folders(&self) -> Result<(), Errno> {
        sync(&self.new)?;
        sync(&self.cur)
    }

    fn folder(&self, folder: Folder) -> BorrowedFd<'_> {
        match folder {
            Folder::New => self.new.as_fd(),
            Folder::Cur => self.cur.as_fd(),
        }
    }
}

/// When names in the folders changed last. Two changes within one tick of the system's clock may
/// look like one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stamps {
    new: Modified,
    cur: Modified,
}

/// When a name in a directory changed last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Modified {
    seconds: i64,
    nanoseconds: u64,
}

/// When a name in `directory` changed last.
pub(super) fn modified(directory: impl AsFd) -> Result<Modified, Errno> {
    let stat = rustix::fs::fstat(directory)?;
    Ok(Modified {
        seconds: stat.st_mtime,
        nanoseconds: stat.st_mtime_nsec,
    })
}

/// Makes what was done to a file or a directory survive a crash. Some file systems can not do that
/// to a directory and say so: they write it at once or not at all.
pub(super) fn sync(file: impl AsFd) -> Result<(), Errno> {
    match rustix::fs::fsync(file) {
        Err(Errno::INVAL) => Ok(()),
        synced => synced,
    }
}

/// Opens a regular file in a directory that its user may write to: no link is followed and no pipe
/// is waited for.
pub(super) fn open_regular(
    directory: BorrowedFd<'_>,
    name: impl Arg + Copy,
    flags: OFlags,
) -> Result<(OwnedFd, Identity), Errno> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::io::retry_on_intr(|| {
        rustix::fs::openat(directory, name, flags, Mode::RUSR | Mode::WUSR)
    })?;
    let stat = rustix::fs::fstat(&file)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok((file, stat.into())),
        FileType::Directory
        | FileType::Symlink
        | FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => Err(Errno::NXIO),
    }
}

/// The system's number for an error of the standard library.
pub(super) fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

fn open_state(path: &Path) -> Result<OwnedFd, Error> {
    make(path)?;
    let opened = rustix::fs::openat(CWD, path, DIRECTORY, Mode::empty());
    opened.map_err(|errno| Error::io(path, errno))
}

/// Makes what is missing of a Maildir. Where the fixed part of its path is missing, a file system
/// may not be mounted: what was made in its place would vanish under the mount.
fn make_maildir(path: &Path, below: &Path) -> Result<(), Error> {
    if !below.is_dir() {
        return Err(Error::Missing(below.into()));
    }
    ["tmp", "new", "cur"]
        .into_iter()
        .try_for_each(|folder| make(&path.join(folder)))
}

/// Makes a directory and what is missing above it, for its owner alone.
fn make(path: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| Error::io(path, errno(&error)))
}

fn missing_or(path: &Path, errno: Errno) -> Error {
    match errno {
        Errno::NOENT => Error::Missing(path.into()),
        errno => Error::io(path, errno),
    }
}
