//! The directories of one maildrop, held open by a session, and what is done to files in them.
//!
//! Everything is named relative to them, and no link is followed inside the Maildir: its user may
//! write there. Decides nothing about mail.

use std::{
    ffi::CStr,
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat},
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
    pub(super) path: Box<Path>,
    /// The path of the directory with the lock and the sizes, if that is another one.
    state_path: Option<Box<Path>>,
    root: OwnedFd,
    /// `new` and `cur`, opened when they are needed: many sessions only ask what there is.
    folders: [OnceLock<OwnedFd>; 2],
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
        let path = &whereabouts.root;
        let root = rustix::fs::openat(CWD, path, DIRECTORY, Mode::empty());
        let root = root.map_err(|errno| missing_or(path, errno))?;
        for folder in Folder::ALL {
            Stamp::of_folder(&root, folder)
                .map_err(|errno| missing_or(&path.join(folder.name()), errno))?;
        }
        let state = whereabouts.state.as_deref().map(open_state).transpose()?;
        Ok(Self::new(whereabouts, root, state))
    }

    /// The same without waiting for a disk: `None` if the system does not know where the directories
    /// are, or there is something to be made.
    pub(super) fn open_cached(whereabouts: &Whereabouts) -> Option<Self> {
        let open = |path: &Path| {
            let cached = ResolveFlags::CACHED;
            rustix::fs::openat2(CWD, path, DIRECTORY, Mode::empty(), cached).ok()
        };
        let root = open(&whereabouts.root)?;
        let state = match &whereabouts.state {
            Some(state) => Some(open(state)?),
            None => None,
        };
        Some(Self::new(whereabouts, root, state))
    }

    fn new(whereabouts: &Whereabouts, root: OwnedFd, state: Option<OwnedFd>) -> Self {
        let Whereabouts {
            root: path,
            state: state_path,
            create_below: _,
        } = whereabouts;
        Self {
            path: path.as_path().into(),
            state_path: state_path.as_deref().map(Into::into),
            root,
            folders: Default::default(),
            state,
        }
    }

    /// The Maildir.
    pub(super) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// The path of the directory with the lock and the sizes, for the log.
    pub(super) fn state_path(&self) -> &Path {
        self.state_path.as_deref().unwrap_or(&self.path)
    }

    /// The directory with the lock and the sizes.
    pub(super) fn state(&self) -> BorrowedFd<'_> {
        self.state.as_ref().unwrap_or(&self.root).as_fd()
    }

    /// Opens a folder for a scan: two at once must not share a position in it.
    pub(super) fn open_folder(&self, folder: Folder) -> Result<OwnedFd, Errno> {
        let flags = DIRECTORY | OFlags::NOFOLLOW;
        rustix::fs::openat(&self.root, folder.name(), flags, Mode::empty())
    }

    /// Opens the message at `path`.
    pub(super) fn open_message(&self, path: &CStr) -> Result<(OwnedFd, Identity), Errno> {
        let (folder, name) = paths::split(path);
        open_regular(self.folder(folder)?, name, OFlags::RDONLY)
    }

    /// Which file is at `path`.
    pub(super) fn stat(&self, path: &CStr) -> Result<Identity, Errno> {
        let (folder, name) = paths::split(path);
        let folder = self.folder(folder)?;
        rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map(Identity::from)
    }

    /// Removes the message at `path`.
    pub(super) fn unlink(&self, path: &CStr) -> Result<(), Errno> {
        let (folder, name) = paths::split(path);
        rustix::fs::unlinkat(self.folder(folder)?, name, AtFlags::empty())
    }

    /// The folders as they are now.
    pub(super) fn stamps(&self) -> Result<Stamps, Errno> {
        let stamp = |folder| Stamp::of_folder(&self.root, folder).map_err(folder_is_gone);
        Ok(Stamps {
            new: stamp(Folder::New)?,
            cur: stamp(Folder::Cur)?,
        })
    }

    /// Makes removals from both folders survive a crash.
    pub(super) fn sync_folders(&self) -> Result<(), Errno> {
        for folder in Folder::ALL {
            sync(self.folder(folder)?)?;
        }
        Ok(())
    }

    fn folder(&self, folder: Folder) -> Result<BorrowedFd<'_>, Errno> {
        let cell = match folder {
            Folder::New => &self.folders[0],
            Folder::Cur => &self.folders[1],
        };
        if let Some(opened) = cell.get() {
            return Ok(opened.as_fd());
        }
        let opened = self.open_folder(folder).map_err(folder_is_gone)?;
        Ok(cell.get_or_init(|| opened).as_fd())
    }
}

/// That a folder is missing says nothing of the messages in it.
fn folder_is_gone(errno: Errno) -> Errno {
    match errno {
        Errno::NOENT => Errno::STALE,
        errno => errno,
    }
}

/// The folders as they were at one moment.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Stamps {
    new: Stamp,
    cur: Stamp,
}

impl Stamps {
    /// When something in one of them changed last, since 1970.
    pub(super) fn latest(&self) -> Duration {
        let Self { new, cur } = self;
        let times = [new.modified, new.changed, cur.modified, cur.changed];
        times.into_iter().max().unwrap_or_default()
    }
}

/// A file, or a directory and the names in it, at one moment: what has been changed since has
/// another stamp. Two changes within one tick of the file system's clock may look like one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    octets: i64,
    /// Since 1970, as its owner wants it seen.
    modified: Duration,
    /// Since 1970, as the system knows it.
    changed: Duration,
}

impl Stamp {
    /// Of what is open.
    pub(super) fn of(file: impl AsFd) -> Result<Self, Errno> {
        rustix::fs::fstat(file).map(Self::from)
    }

    /// Of what has this name in a directory; `None` if nothing has.
    pub(super) fn at(directory: BorrowedFd<'_>, name: &str) -> Result<Option<Self>, Errno> {
        match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat.into())),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Of a folder of the Maildir that is open as `root`.
    fn of_folder(root: &OwnedFd, folder: Folder) -> Result<Self, Errno> {
        let stat = rustix::fs::statat(root, folder.name(), AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            true => Ok(stat.into()),
            false => Err(Errno::NOTDIR),
        }
    }
}

impl From<Stat> for Stamp {
    fn from(stat: Stat) -> Self {
        let time = |seconds: i64, nanoseconds: u64| {
            let nanoseconds = u32::try_from(nanoseconds).unwrap_or_default();
            Duration::new(u64::try_from(seconds).unwrap_or_default(), nanoseconds)
        };
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            octets: stat.st_size,
            modified: time(stat.st_mtime, stat.st_mtime_nsec),
            changed: time(stat.st_ctime, stat.st_ctime_nsec),
        }
    }
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
