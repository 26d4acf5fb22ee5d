//! What can be wrong with a Maildir, who has to act, and what is told of it.
//!
//! Speaks no protocol: the words are for the log.

use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::{paths, scan};
use crate::{capability::Fault, mailbox::OpenError};

/// Why a maildrop can not be opened. Paths may hold what a user chose: they are escaped.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// Another session holds the lock.
    #[error("{path:?} is locked by {holder}")]
    InUse {
        /// The directory with the lock.
        path: PathBuf,
        /// What the holder wrote into it.
        holder: String,
    },
    /// There is no Maildir, and none is to be made.
    #[error("{0:?}: there is no maildir")]
    Missing(PathBuf),
    /// The system refused.
    #[error("{path:?}: {errno}")]
    Io {
        /// What it was about.
        path: PathBuf,
        /// What it said.
        errno: Errno,
    },
    /// Messages are there, and no single one can be opened.
    #[error("{path:?}: none of {count} messages can be read")]
    Unreadable {
        /// The Maildir.
        path: PathBuf,
        /// How many messages there are.
        count: usize,
    },
    /// What another process of this server gave us of a maildrop is not what it should be.
    #[error("a maildrop can not be taken over: what was handed over of it is not understood")]
    Lease,
    /// More messages than can be numbered.
    #[error("{path:?}: too many messages")]
    TooMany {
        /// The Maildir.
        path: PathBuf,
    },
}

impl Error {
    /// An error about `path`.
    pub(super) fn io(path: impl Into<PathBuf>, errno: Errno) -> Self {
        Self::Io {
            path: path.into(),
            errno,
        }
    }

    /// A failed scan of the Maildir at `root`.
    pub(super) fn scan(root: &Path, error: scan::Error) -> Self {
        match error {
            scan::Error::Folder {
                folder: _,
                errno: Errno::NOENT,
            } => Self::Missing(root.into()),
            scan::Error::Folder { folder, errno } => Self::io(root.join(folder.name()), errno),
            scan::Error::TooMany(paths::TooMany) => Self::TooMany { path: root.into() },
        }
    }

    /// What the session is told.
    pub(super) fn blame(&self) -> OpenError {
        match self {
            Self::InUse { .. } => OpenError::InUse,
            // A file system that is not mounted looks the same: later it may be.
            Self::Missing(_) => OpenError::Temporary,
            Self::Io { errno, .. } if needs_operator(*errno) => OpenError::Permanent,
            Self::Io { .. } => OpenError::Temporary,
            Self::Lease | Self::Unreadable { .. } | Self::TooMany { .. } => OpenError::Permanent,
        }
    }
}

/// What a session is told of an error at a message.
pub(super) fn fault(errno: Errno) -> Fault {
    match errno {
        Errno::NOENT => Fault::Gone,
        errno if needs_operator(errno) => Fault::Permanent,
        _ => Fault::Temporary,
    }
}

/// Whether trying again can not help: permissions and things of the wrong kind. All the rest
/// (no descriptors, no memory, no space, a broken disk or server) may pass.
pub(super) fn needs_operator(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::ACCESS
            | Errno::PERM
            | Errno::ROFS
            | Errno::NOTDIR
            | Errno::ISDIR
            | Errno::LOOP
            | Errno::NAMETOOLONG
            | Errno::NXIO
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blame_falls_on_who_has_to_act() {
        let io = |errno| Error::io("/m", errno).blame();
        assert_eq!(io(Errno::ACCESS), OpenError::Permanent);
        assert_eq!(io(Errno::NOTDIR), OpenError::Permanent);
        assert_eq!(io(Errno::IO), OpenError::Temporary);
        assert_eq!(io(Errno::MFILE), OpenError::Temporary);
        assert_eq!(fault(Errno::NOENT), Fault::Gone);
        assert_eq!(fault(Errno::ACCESS), Fault::Permanent);
        assert_eq!(fault(Errno::IO), Fault::Temporary);
    }

    #[test]
    fn a_message_names_the_thing_and_is_escaped() {
        let error = Error::io("/m/a\nb", Errno::ACCESS);
        assert_eq!(
            error.to_string(),
            "\"/m/a\\nb\": Permission denied (os error 13)"
        );
    }
}
