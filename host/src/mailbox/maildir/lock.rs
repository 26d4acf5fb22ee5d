//! The lock that one POP3 session at a time holds on a maildrop.
//!
//! Stops other POP3 sessions of this server only: delivery agents and IMAP servers do not know it
//! and need not, because a name in a Maildir is never reused and a session keeps its own numbers.

use std::{fs::File, io, os::unix::fs::FileExt};

use rustix::{
    fd::{BorrowedFd, OwnedFd},
    fs::{FlockOperation, OFlags},
    io::Errno,
};

use super::place;

/// The file that is locked. It stays when the lock is released: removing it would let two sessions
/// lock two files of the same name.
const FILE: &str = "popcell-lock";

/// Octets of the owner's text that are looked at.
const MAX_OWNER_OCTETS: usize = 64;

/// Why the lock was not taken.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Error {
    /// Somebody holds it: the text that they wrote into it.
    Held(String),
    /// The system refused.
    Io(Errno),
}

/// The lock. It is the descriptor's, not the process's: two sessions of one process exclude each
/// other, and the system releases it with the process, so that none is ever stale.
#[derive(Debug)]
pub(super) struct Lock {
    file: OwnedFd,
    /// Another process has it too, and keeps it.
    is_left: bool,
}

/// Closing would do, but for a program that is being started by another thread at this moment: it
/// has a copy of the descriptor until it runs.
impl Drop for Lock {
    fn drop(&mut self) {
        if self.is_left {
            return;
        }
        if let Err(errno) = rustix::fs::flock(&self.file, FlockOperation::Unlock) {
            tracing::debug!(%errno, "a maildrop lock is released by closing it");
        }
    }
}

impl Lock {
    /// Takes the lock in `directory`, or says at once who has it.
    pub(super) fn take(directory: BorrowedFd<'_>) -> Result<Self, Error> {
        Self::take_of(directory, OFlags::RDWR | OFlags::CREATE)
    }

    /// The same where somebody has held it before; [`Errno::NOENT`] if nobody has.
    pub(super) fn retake(directory: BorrowedFd<'_>) -> Result<Self, Error> {
        Self::take_of(directory, OFlags::RDWR)
    }

    fn take_of(directory: BorrowedFd<'_>, flags: OFlags) -> Result<Self, Error> {
        let (file, _) = place::open_regular(directory, FILE, flags).map_err(Error::Io)?;
        let locked = rustix::io::retry_on_intr(|| {
            rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
        });
        match locked {
            Ok(()) => Ok(Self {
                file: sign(file),
                is_left: false,
            }),
            Err(Errno::WOULDBLOCK) => Err(Error::Held(owner(file))),
            Err(errno) => Err(Error::Io(errno)),
        }
    }

    /// The lock once more, for another process. It is free when both have let go of it.
    pub(super) fn share(&self) -> io::Result<OwnedFd> {
        self.file.try_clone()
    }

    /// Another process has the lock by now: it stays taken when this is dropped.
    pub(super) fn leave(&mut self) {
        self.is_left = true;
    }

    /// The lock that another process held.
    pub(super) fn adopt(file: OwnedFd) -> Result<Self, Errno> {
        // It is ours already, unless somebody has lied.
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self {
            file: sign(file),
            // Until that process has let go the lock is its own as well: closing is all that is ours
            // to do, and it is enough.
            is_left: true,
        })
    }
}

/// Writes down who holds the lock, for people, unless it is there already: to write at every login
/// took two fifths of the time of opening a Maildir. A disk that is full must not keep anybody from deleting
/// mail, so a failure is of no account.
fn sign(file: OwnedFd) -> OwnedFd {
    let process = rustix::process::getpid().as_raw_nonzero();
    let owner = format!("process {process}\n");
    let file = File::from(file);
    if text(&file) != owner.as_bytes() {
        let written = file
            .set_len(0)
            .and_then(|()| file.write_all_at(owner.as_bytes(), 0));
        if let Err(error) = written {
            tracing::debug!(%error, "the owner of a maildrop lock is not written down");
        }
    }
    file.into()
}

/// What is written in the file.
fn text(file: &File) -> Vec<u8> {
    let mut text = vec![0; MAX_OWNER_OCTETS];
    let read = file.read_at(&mut text, 0).unwrap_or_default();
    text.truncate(read);
    text
}

/// Who holds the lock, as the log may show it.
fn owner(file: OwnedFd) -> String {
    let text = text(&file.into());
    let owner = text.trim_ascii().escape_ascii().to_string();
    if owner.is_empty() {
        "an unknown process".to_owned()
    } else {
        owner
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        time::{Duration, SystemTime},
    };

    use rustix::fd::AsFd;

    use super::*;

    #[test]
    fn two_sessions_of_one_process_exclude_each_other() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let directory = File::open(root.path()).expect("the directory");
        let first = Lock::take(directory.as_fd()).expect("free");
        let Err(Error::Held(owner)) = Lock::take(directory.as_fd()) else {
            panic!("a second session has the lock");
        };
        assert_eq!(owner, format!("process {}", std::process::id()));
        drop(first);
        drop(Lock::take(directory.as_fd()).expect("released by its owner"));
    }

    #[test]
    fn the_file_of_a_dead_session_is_no_lock() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let directory = File::open(root.path()).expect("the directory");
        fs::write(root.path().join(FILE), "process 1, session dead\n").expect("a lock file");
        assert!(Lock::take(directory.as_fd()).is_ok());
    }

    #[test]
    fn what_others_wrote_can_not_forge_a_line_of_the_log() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let directory = File::open(root.path()).expect("the directory");
        let _lock = Lock::take(directory.as_fd());
        let forged = format!("a\nb{}", "\u{e9}".repeat(300));
        fs::write(root.path().join(FILE), forged).expect("the owner of the mail may write it");
        let Err(Error::Held(owner)) = Lock::take(directory.as_fd()) else {
            panic!("a second session has the lock");
        };
        assert!(owner.starts_with("a\\nb\\xc3"), "{owner}");
        assert!(owner.len() <= MAX_OWNER_OCTETS * 4, "{owner}");
    }

    #[test]
    fn the_owner_is_written_once_and_whole() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let directory = File::open(root.path()).expect("the directory");
        let path = root.path().join(FILE);
        fs::write(&path, "process 1, and more than a new owner has to say\n").expect("a file");
        drop(Lock::take(directory.as_fd()).expect("free"));
        let owner = format!("process {}\n", std::process::id());
        assert_eq!(fs::read_to_string(&path).expect("the owner"), owner);
        // A time that no write would leave behind.
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let file = File::options().append(true).open(&path);
        file.and_then(|file| file.set_modified(long_ago))
            .expect("another time");
        drop(Lock::retake(directory.as_fd()).expect("free"));
        let modified = fs::metadata(&path).expect("the file").modified();
        assert_eq!(modified.expect("a time"), long_ago);
    }

    #[test]
    fn only_a_lock_that_was_there_is_retaken() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let directory = File::open(root.path()).expect("the directory");
        let missing = Lock::retake(directory.as_fd()).expect_err("nobody has held it");
        assert_eq!(missing, Error::Io(Errno::NOENT));
    }

    #[test]
    fn a_link_in_place_of_the_lock_is_not_followed() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let directory = File::open(root.path()).expect("the directory");
        let victim = root.path().join("victim");
        fs::write(&victim, "precious").expect("a file");
        std::os::unix::fs::symlink(&victim, root.path().join(FILE)).expect("a link");
        let refused = Lock::take(directory.as_fd()).expect_err("a link");
        assert_eq!(refused, Error::Io(Errno::LOOP));
        assert_eq!(fs::read(&victim).expect("the file"), b"precious");
    }
}
