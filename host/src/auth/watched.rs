//! A file that is read again when it changes.
//!
//! Never written to. What it means is its reader's.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{task, time::Instant};
use tracing::{error, info};
use zeroize::Zeroizing;

/// A change is noticed by the first question that comes so long after the last look at the file.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Makes of a file's octets what they mean, and logs what is wrong with it.
type Parse<T> = fn(&Path, &[u8]) -> io::Result<T>;

/// The file cannot be read; that was logged when it was found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Unreadable;

/// What a file means, as of about now.
pub(super) struct Watched<T> {
    path: PathBuf,
    parse: Parse<T>,
    state: Mutex<State<T>>,
}

struct State<T> {
    content: Result<Arc<T>, Unreadable>,
    /// Which file was read, or tried.
    identity: Option<Identity>,
    looked: Instant,
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Reads the file. Blocks.
    pub(super) fn open(path: PathBuf, parse: Parse<T>) -> io::Result<Self> {
        let (text, identity) = read(&path)?;
        let state = State {
            content: Ok(Arc::new(parse(&path, &text)?)),
            identity: Some(identity),
            looked: Instant::now(),
        };
        Ok(Self {
            path,
            parse,
            state: Mutex::new(state),
        })
    }

    /// The file as it stands, give or take [`LOOK_EVERY`].
    pub(super) async fn current(self: &Arc<Self>) -> Result<Arc<T>, Unreadable> {
        if self.is_due(Instant::now()) {
            let watched = Arc::clone(self);
            if let Err(cause) = task::spawn_blocking(move || watched.look()).await {
                error!(file = %self.path.display(), %cause, "a file was not looked at");
            }
        }
        self.last()
    }

    /// The file as it was when it was looked at last.
    pub(super) fn last(&self) -> Result<Arc<T>, Unreadable> {
        self.state().content.clone()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

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
        let loaded = read(&self.path)
            .and_then(|(text, identity)| Ok(((self.parse)(&self.path, &text)?, identity)));
        let file = self.path.display();
        let mut state = self.state();
        match loaded {
            Ok((content, identity)) => {
                info!(%file, "file read again");
                state.content = Ok(Arc::new(content));
                state.identity = Some(identity);
            }
            Err(cause) => {
                if state.content.is_ok() {
                    error!(%file, %cause, "file cannot be read");
                }
                state.content = Err(Unreadable);
                state.identity = None;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
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

/// The whole file, wiped when dropped.
pub(super) fn read_all(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    read(path).map(|(text, _)| text)
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
