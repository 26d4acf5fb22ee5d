//! LOGIN-DELAY (RFC 2449, section 6.5): when each user logged in last.
//!
//! A file without content for each user, whose time of modification is that of the last login: two
//! system calls a login, nothing to read at the start, the same for every process on the machine,
//! and nothing that a crash could leave half written. Looks at no credentials.

use std::{
    fmt,
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use sha2::{Digest, Sha256};
use tokio::task;
use tracing::error;

use crate::auth::policy::MAX_LOGIN_DELAY;

/// The directory of the files cannot be used. The operator's to mend.
#[derive(Debug, thiserror::Error)]
#[error("login delays {}: {source}", path.display())]
pub struct Error {
    /// The directory.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

/// The last logins of all users, and the least time between two of them.
pub struct Delays {
    directory: Arc<Path>,
    least: Duration,
}

/// Whether a user may log in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// Long enough after the last time.
    Due,
    /// Too early.
    Early,
}

impl Delays {
    /// Logins remembered in this directory, which is made if it is not there, for its owner's eyes
    /// only. `least` is for users who have no delay of their own. Blocks.
    ///
    /// # Errors
    ///
    /// If there is no such directory and none can be made.
    pub fn open(directory: &Path, least: Duration) -> Result<Self, Error> {
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(directory);
        made.map_err(|source| Error {
            path: directory.to_owned(),
            source,
        })?;
        Ok(Self {
            directory: directory.into(),
            least,
        })
    }

    /// Forgets logins that no delay can reach back to, and says how many. Blocks; for once a day.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read or a file cannot be removed.
    pub fn sweep(&self) -> io::Result<u64> {
        self.sweep_as_of(SystemTime::now())
    }

    /// Whether this user may log in now. `own` is the user's own delay.
    pub(super) async fn check(&self, user: &str, own: Option<Duration>) -> Verdict {
        self.ask(user, own, |path, delay| {
            check(path, delay, SystemTime::now())
        })
        .await
    }

    /// As [`check`](Self::check); a login that may be is remembered. The user's maildrop is locked,
    /// so that nobody comes between the one and the other.
    pub(super) async fn enter(&self, user: &str, own: Option<Duration>) -> Verdict {
        self.ask(user, own, |path, delay| {
            enter(path, delay, SystemTime::now())
        })
        .await
    }

    /// What cannot be found out is not held against the user.
    async fn ask(
        &self,
        user: &str,
        own: Option<Duration>,
        question: fn(&Path, Duration) -> io::Result<Verdict>,
    ) -> Verdict {
        let delay = own.unwrap_or(self.least);
        if delay.is_zero() {
            return Verdict::Due;
        }
        let path = self.path(user);
        let answer = task::spawn_blocking(move || question(&path, delay)).await;
        match answer.unwrap_or_else(|cause| Err(io::Error::other(cause))) {
            Ok(verdict) => verdict,
            Err(cause) => {
                error!(directory = %self.directory.display(), %cause, "login delay not enforced");
                Verdict::Due
            }
        }
    }

    /// A name of fixed length in one of 256 directories, whatever the user is called.
    fn path(&self, user: &str) -> PathBuf {
        let digest = Sha256::digest(user);
        let name: String = digest
            .iter()
            .take(16)
            .map(|octet| format!("{octet:02x}"))
            .collect();
        self.directory.join(&name[..2]).join(&name[2..])
    }

    fn sweep_as_of(&self, now: SystemTime) -> io::Result<u64> {
        let mut forgotten = 0;
        for shard in fs::read_dir(&self.directory)? {
            let shard = shard?;
            if !shard.file_type()?.is_dir() {
                continue;
            }
            for entry in fs::read_dir(shard.path())? {
                let entry = entry?;
                let modified = entry.metadata()?.modified()?;
                let age = now.duration_since(modified).unwrap_or_default();
                if age > MAX_LOGIN_DELAY.saturating_mul(2) {
                    fs::remove_file(entry.path())?;
                    forgotten += 1;
                }
            }
        }
        Ok(forgotten)
    }
}

impl fmt::Debug for Delays {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Delays")
            .field("directory", &self.directory)
            .field("least", &self.least)
            .finish()
    }
}

fn check(path: &Path, delay: Duration, now: SystemTime) -> io::Result<Verdict> {
    let last = match fs::metadata(path).and_then(|metadata| metadata.modified()) {
        Ok(last) => last,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Verdict::Due),
        Err(error) => return Err(error),
    };
    match now.duration_since(last) {
        Ok(age) if age >= delay => Ok(Verdict::Due),
        Ok(_) => Ok(Verdict::Early),
        // The clock was set back. The login counts as of now, so that nobody waits for longer than
        // one delay.
        Err(_) => set(path, now).map(|()| Verdict::Early),
    }
}

fn enter(path: &Path, delay: Duration, now: SystemTime) -> io::Result<Verdict> {
    let verdict = check(path, delay, now)?;
    if verdict == Verdict::Due {
        set(path, now)?;
    }
    Ok(verdict)
}

fn set(path: &Path, time: SystemTime) -> io::Result<()> {
    let file = match open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(shard) = path.parent() {
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(shard)?;
            }
            open(path)
        }
        opened => opened,
    };
    file?.set_modified(time)
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests;
