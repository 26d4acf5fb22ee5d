//! Users from a passwd-file in Dovecot's format, read again when it changes.
//!
//! Never written to. What a line means is in `directory`, what a password means in `scheme`.

use std::{
    fmt,
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{task, time::Instant};
use tracing::{error, info, warn};
use zeroize::Zeroizing;

use super::{
    Auth, Denial, Known, Need,
    directory::{Directory, Problem},
    hasher::Hasher,
};
use crate::{account::Account, capability::Answer};

/// A change is noticed by the first login that comes so long after the last look at the file.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// More broken lines than this are counted and not listed in the log.
const MAX_LISTED: usize = 100;

/// The file could not be read. The operator's to mend.
#[derive(Debug, thiserror::Error)]
#[error("passwd-file {}: {source}", path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

/// The users of one file.
pub struct PasswdFile {
    watched: Arc<Watched>,
    hasher: Hasher,
}

impl PasswdFile {
    /// Reads the file. Blocks, so it is for the start of the host. Broken lines are logged and make
    /// their own users fail; [`problems`] lists them.
    ///
    /// # Errors
    ///
    /// If the file cannot be read. If that happens later on, logins fail as [`Denial::Temporary`]
    /// until it can be read again.
    pub fn open(path: impl Into<PathBuf>, hasher: Hasher) -> Result<Self, Error> {
        let path = path.into();
        let (directory, identity) = load(&path).map_err(|source| Error {
            path: path.clone(),
            source,
        })?;
        let state = State {
            content: Content::Users(directory),
            identity,
            looked: Instant::now(),
        };
        Ok(Self {
            watched: Arc::new(Watched {
                path,
                state: Mutex::new(state),
            }),
            hasher,
        })
    }

    /// The users as they stand in the file, give or take [`LOOK_EVERY`].
    async fn directory(&self) -> Result<Arc<Directory>, Denial> {
        if self.watched.is_due(Instant::now()) {
            let watched = Arc::clone(&self.watched);
            if let Err(cause) = task::spawn_blocking(move || watched.look()).await {
                let file = self.watched.path.display();
                error!(%file, %cause, "passwd-file was not looked at");
            }
        }
        self.watched.directory()
    }
}

/// The broken lines of a file. Blocks; for a check of the configuration.
///
/// # Errors
///
/// If the file cannot be read.
pub fn problems(path: &Path) -> Result<Vec<Problem>, Error> {
    let (text, _) = read(path).map_err(|source| Error {
        path: path.to_owned(),
        source,
    })?;
    Ok(Directory::parse(&text).1)
}

impl Auth for PasswdFile {
    fn password<'a>(
        &'a self,
        user: &'a [u8],
        password: &'a [u8],
    ) -> Answer<'a, Result<Account, Denial>> {
        Box::pin(async move {
            self.directory()
                .await?
                .password(&self.hasher, user, password)
                .await
        })
    }

    fn credential<'a>(&'a self, user: &'a [u8], need: Need) -> Answer<'a, Result<Known, Denial>> {
        Box::pin(async move { self.directory().await?.credential(user, need) })
    }

    fn keeps(&self, need: Need) -> bool {
        self.watched
            .directory()
            .is_ok_and(|directory| directory.keeps(need))
    }
}

impl fmt::Debug for PasswdFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("PasswdFile")
            .field(&self.watched.path)
            .finish()
    }
}

struct Watched {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    content: Content,
    /// Which file was read, or tried.
    identity: Option<Identity>,
    looked: Instant,
}

enum Content {
    Users(Arc<Directory>),
    /// The file cannot be read; that was logged.
    Unreadable,
}

impl Watched {
    /// Whether the caller is the one who has to look at the file. The others take what is there.
    fn is_due(&self, now: Instant) -> bool {
        let mut state = self.state();
        let is_due = now.duration_since(state.looked) >= LOOK_EVERY;
        if is_due {
            state.looked = now;
        }
        is_due
    }

    /// Reads the file again if it is another one or has changed. Blocks.
    fn look(&self) {
        let identity = fs::metadata(&self.path).ok().as_ref().map(Identity::new);
        if identity.is_some() && identity == self.state().identity {
            return;
        }
        let loaded = load(&self.path);
        let file = self.path.display();
        let mut state = self.state();
        match loaded {
            Ok((directory, identity)) => {
                info!(%file, users = directory.len(), "passwd-file read again");
                state.content = Content::Users(directory);
                state.identity = identity;
            }
            Err(cause) => {
                if matches!(state.content, Content::Users(_)) {
                    error!(%file, %cause, "passwd-file cannot be read");
                }
                state.content = Content::Unreadable;
                state.identity = None;
            }
        }
    }

    fn directory(&self) -> Result<Arc<Directory>, Denial> {
        match &self.state().content {
            Content::Users(directory) => Ok(Arc::clone(directory)),
            Content::Unreadable => Err(Denial::Temporary),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tells one state of a file from another. The time of the last change of the inode is there
/// because a program can set that of the content back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Identity {
    device: u64,
    inode: u64,
    octets: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Identity {
    fn new(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            octets: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Reads and parses the file, and logs its broken lines.
fn load(path: &Path) -> io::Result<(Arc<Directory>, Option<Identity>)> {
    let (text, identity) = read(path)?;
    let (directory, problems) = Directory::parse(&text);
    let file = path.display();
    for Problem { line, user, reason } in problems.iter().take(MAX_LISTED) {
        warn!(%file, line, ?user, %reason, "passwd-file has a broken line");
    }
    if problems.len() > MAX_LISTED {
        warn!(%file, lines = problems.len(), "passwd-file has more broken lines than are listed");
    }
    Ok((Arc::new(directory), Some(identity)))
}

/// The whole file, and which file it was before it was read: if it changes meanwhile, the next look
/// finds another identity and reads it again.
fn read(path: &Path) -> io::Result<(Zeroizing<Vec<u8>>, Identity)> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    // Room for all of it at once: a buffer that grows leaves unwiped copies behind.
    let room = usize::try_from(metadata.len())
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    let mut text = Zeroizing::new(Vec::new());
    text.try_reserve_exact(room)?;
    file.read_to_end(&mut text)?;
    Ok((text, Identity::new(&metadata)))
}

#[cfg(test)]
mod tests;
