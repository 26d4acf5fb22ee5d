//! A Maildir as a maildrop: numbered, counted and fixed at login; locked against a second session
//! of this program. Only `commit` deletes.

use std::{
    cell::RefCell,
    collections::HashSet,
    ffi::OsString,
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use crate::wire::Wire;

const CHUNK: usize = 65_536;
const LONGEST_UID: usize = 70;

thread_local! {
    /// The maildrops that sessions have.
    static HELD: RefCell<HashSet<PathBuf>> = RefCell::default();
}

/// Why there is no maildrop.
#[derive(Debug)]
pub enum Error {
    /// Another session has it.
    InUse,
    /// The directory can not be read.
    Io(io::Error),
}

/// Why a message is not to be had.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Another program has removed or changed it.
    Gone,
    /// It can not be read.
    Temporary,
}

/// A snapshot of a Maildir. Dropping it releases the lock.
#[derive(Debug)]
pub struct Maildrop {
    folder: PathBuf,
    entries: Vec<Entry>,
}

/// What was known of a file at the login.
#[derive(Debug)]
struct Entry {
    /// Where it was.
    file: PathBuf,
    /// The part of its name that does not change.
    unique: String,
    octets: u64,
}

/// A message, being read.
#[derive(Debug)]
pub struct Message {
    wire: Wire<BufReader<File>>,
    left: u64,
}

impl Maildrop {
    /// Locks and reads a Maildir.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn lock(folder: PathBuf) -> Result<Self, Error> {
        if !HELD.with_borrow_mut(|held| held.insert(folder.clone())) {
            return Err(Error::InUse);
        }
        // From here on a drop releases the lock.
        let mut maildrop = Self {
            folder,
            entries: Vec::new(),
        };
        maildrop.entries = maildrop.snapshot().map_err(Error::Io)?;
        Ok(maildrop)
    }

    /// How many messages there are.
    pub fn count(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// Octets on the wire of a window of messages.
    pub fn sizes(&self, first: u32, max: u32) -> impl Iterator<Item = u64> {
        self.window(first, max).map(|entry| entry.octets)
    }

    /// Unique ids of the same window.
    pub fn uids(&self, first: u32, max: u32) -> impl Iterator<Item = String> {
        self.window(first, max).map(|entry| uid(&entry.unique))
    }

    /// Opens a message, by its number.
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub fn open(&self, number: u32) -> Result<Message, Fault> {
        let entry = self.window(number, 1).next().ok_or(Fault::Gone)?;
        let opened = self.with(entry, |file| File::open(file));
        let file = opened.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Fault::Gone,
            _ => Fault::Temporary,
        })?;
        let wire = Wire::new(BufReader::with_capacity(CHUNK, file));
        Ok(Message {
            wire,
            left: entry.octets,
        })
    }

    /// Removes these messages; how many are still there.
    pub fn commit(self, numbers: &[u32]) -> u32 {
        let mut kept = 0;
        for entry in numbers.iter().flat_map(|number| self.window(*number, 1)) {
            let removed = self.with(entry, |file| fs::remove_file(file));
            if removed.is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
                kept += 1;
            }
        }
        for folder in ["new", "cur"] {
            // Not every host of WASI lets a directory be synchronised.
            let _ = File::open(self.folder.join(folder)).and_then(|folder| folder.sync_all());
        }
        kept
    }

    fn window(&self, first: u32, max: u32) -> impl Iterator<Item = &Entry> {
        let first = usize::try_from(first.saturating_sub(1)).unwrap_or(usize::MAX);
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        self.entries.iter().skip(first).take(max)
    }

    fn snapshot(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for file in self.files()? {
            match octets(&file) {
                Ok(octets) => entries.push(Entry {
                    unique: unique(&file),
                    file,
                    octets,
                }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        entries.sort_by(|a, b| a.unique.cmp(&b.unique));
        Ok(entries)
    }

    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for folder in ["new", "cur"] {
            for entry in fs::read_dir(self.folder.join(folder))? {
                let entry = entry?;
                let is_hidden = is_hidden(&entry.file_name());
                if !is_hidden && entry.file_type()?.is_file() {
                    files.push(entry.path());
                }
            }
        }
        Ok(files)
    }

    /// Does something with the file of a message, where it was or where another program has moved
    /// it to.
    fn with<T>(&self, entry: &Entry, act: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
        match act(&entry.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut files = self.files()?.into_iter();
                let file = files.find(|file| unique(file) == entry.unique);
                act(&file.ok_or(error)?)
            }
            done => done,
        }
    }
}

impl Drop for Maildrop {
    fn drop(&mut self) {
        HELD.with_borrow_mut(|held| held.remove(&self.folder));
    }
}

impl Message {
    /// The next octets; a fault rather than another number of them than the login told.
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub fn read(&mut self, max: usize) -> Result<Vec<u8>, Fault> {
        let octets = self
            .wire
            .read(max.min(CHUNK))
            .map_err(|_| Fault::Temporary)?;
        let read = u64::try_from(octets.len()).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(read).ok_or(Fault::Gone)?;
        if octets.is_empty() && self.left > 0 {
            return Err(Fault::Gone);
        }
        Ok(octets)
    }
}

fn octets(file: &Path) -> io::Result<u64> {
    let mut wire = Wire::new(BufReader::with_capacity(CHUNK, File::open(file)?));
    let mut octets = 0;
    loop {
        match u64::try_from(wire.read(CHUNK)?.len()) {
            Ok(0) => return Ok(octets),
            read => octets += read.unwrap_or(u64::MAX),
        }
    }
}

fn is_hidden(name: &OsString) -> bool {
    name.to_string_lossy().starts_with('.')
}

fn unique(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.split(':').next().unwrap_or_default().to_owned()
}

/// The unique part of the name; a digest of it if that is no unique id (RFC 1939 §7).
fn uid(unique: &str) -> String {
    let is_printable = unique.bytes().all(|octet| (0x21..=0x7e).contains(&octet));
    if unique.len() <= LONGEST_UID && is_printable && !unique.is_empty() {
        return unique.to_owned();
    }
    // FNV-1a of 128 bits: the same in every session, on every machine.
    let digest = unique
        .bytes()
        .fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash, octet| {
            (hash ^ u128::from(octet)).wrapping_mul(0x0100_0000_0000_0000_0000_013b)
        });
    format!("{digest:032x}")
}
