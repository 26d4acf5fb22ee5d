//! The directory of recordings and the thread that writes there: a file for each session.
//!
//! What waits for the disk has a bound; beyond it recordings are given up, never sessions.

use std::{
    collections::HashMap,
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

use tracing::warn;

use super::{
    Error, Options,
    format::{End, Line},
};

/// What a recording's file is called at its end.
pub(crate) const EXTENSION: &str = "jsonl";

/// Octets that may wait for the disk, of all recordings together.
const WAITING_OCTETS: usize = 16 << 20;

/// How long the end of a server waits for what is still to be written.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A recording, for the thread that writes.
pub(super) struct Ticket {
    id: u64,
    name: String,
}

/// What the thread is given.
enum Piece {
    Line {
        id: u64,
        name: String,
        line: Box<Line>,
        octets: usize,
    },
    End {
        id: u64,
        end: End,
    },
}

/// The directory. When the last holder is gone, what waits is written and the thread ends.
#[derive(Debug)]
pub(crate) struct Shelf {
    options: Options,
    pieces: Option<Mutex<Sender<Piece>>>,
    waiting: Arc<AtomicUsize>,
    next: AtomicU64,
    finished: Mutex<Receiver<()>>,
}

impl Shelf {
    /// Makes the directory, if it is not there, and starts the thread.
    ///
    /// # Errors
    ///
    /// [`Error`]: the operator has to act.
    pub(crate) fn open(options: &Options) -> Result<Arc<Self>, Error> {
        let directory = options.directory.clone();
        make(&directory)?;
        let (pieces, given) = mpsc::channel();
        let (done, finished) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let mut writer = Writer {
            directory: directory.clone(),
            files: HashMap::new(),
            waiting: Arc::clone(&waiting),
        };
        let work = move || {
            given.into_iter().for_each(|piece| writer.take(piece));
            // Whoever waits for it may have given up.
            let _ = done.send(());
        };
        let thread = thread::Builder::new().name("recorder".into()).spawn(work);
        thread.map_err(|source| Error::Directory { directory, source })?;
        Ok(Arc::new(Self {
            options: options.clone(),
            pieces: Some(Mutex::new(pieces)),
            waiting,
            next: AtomicU64::new(0),
            finished: Mutex::new(finished),
        }))
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// Octets of a recording, about.
    pub(super) fn session_octets(&self) -> usize {
        self.options.session_octets
    }

    /// A place for a recording; its file is made with the first line.
    pub(super) fn ticket(&self, name: String) -> Ticket {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        Ticket { id, name }
    }

    /// Has a line written. `false` if too much waits already; it is not written then.
    pub(super) fn put(&self, ticket: &Ticket, line: Line, octets: usize) -> bool {
        let taken = self.waiting.fetch_add(octets, Ordering::Relaxed);
        if taken.saturating_add(octets) > WAITING_OCTETS {
            self.waiting.fetch_sub(octets, Ordering::Relaxed);
            return false;
        }
        self.send(Piece::Line {
            id: ticket.id,
            name: ticket.name.clone(),
            line: Box::new(line),
            octets,
        })
    }

    /// Ends a recording.
    pub(super) fn end(&self, ticket: &Ticket, end: End) {
        self.send(Piece::End { id: ticket.id, end });
    }

    fn send(&self, piece: Piece) -> bool {
        let Some(pieces) = &self.pieces else {
            return false;
        };
        let pieces = pieces.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.send(piece).is_ok()
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.pieces = None;
        let finished = self.finished.get_mut();
        let finished = finished.unwrap_or_else(PoisonError::into_inner);
        // A disk that hangs does not keep the server from ending.
        let _ = finished.recv_timeout(LAST_WORDS);
    }
}

/// The directory has mail in it: it is its owner's alone.
fn make(directory: &Path) -> Result<(), Error> {
    let failed = |source| Error::Directory {
        directory: directory.to_owned(),
        source,
    };
    let made = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    made.map_err(failed)?;
    let found = fs::metadata(directory).map_err(failed)?;
    if found.permissions().mode() & 0o077 != 0 {
        return Err(Error::Open {
            directory: directory.to_owned(),
        });
    }
    Ok(())
}

/// The thread's side.
struct Writer {
    directory: PathBuf,
    /// The files of recordings under way; `None` for one that could not be written.
    files: HashMap<u64, Option<File>>,
    waiting: Arc<AtomicUsize>,
}

impl Writer {
    fn take(&mut self, piece: Piece) {
        match piece {
            Piece::Line {
                id,
                name,
                line,
                octets,
            } => {
                let file = self.files.entry(id);
                let file = file.or_insert_with(|| create(&self.directory, &name));
                if let Some(open) = file
                    && let Err(error) = write(open, &line)
                {
                    warn!(recording = name, %error, "the recording is given up");
                    *file = None;
                }
                self.waiting.fetch_sub(octets, Ordering::Relaxed);
            }
            Piece::End { id, end } => {
                if let Some(Some(mut file)) = self.files.remove(&id) {
                    // Without its end a recording is known to be cut off.
                    let _ = write(&mut file, &Line::End(end));
                }
            }
        }
    }
}

fn create(directory: &Path, name: &str) -> Option<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let path = directory.join(format!("{name}.{EXTENSION}"));
    let file = options.open(&path).and_then(|file| {
        // Whatever the umask was.
        file.set_permissions(Permissions::from_mode(0o600))?;
        Ok(file)
    });
    file.inspect_err(|error| warn!(recording = name, %error, "the recording is given up"))
        .ok()
}

fn write(file: &mut File, line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    file.write_all(&text)
}
