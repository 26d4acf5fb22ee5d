//! Removing messages for good: all of them survive, or the removal does.
//!
//! 1. The journal is written and synchronised. From here on a crash is followed by the removal.
//! 2. The files are removed, and the folders synchronised.
//! 3. The journal is removed and synchronised; only then was the commit a success.
//!
//! One message needs no journal: its removal is one step. The caller holds the lock.

use std::{collections::HashMap, ffi::CStr};

use rustix::io::Errno;

use super::{
    error::Error,
    identity::Identity,
    journal::{self, Target},
    locate::{self, Spot},
    paths::{self, Paths},
    place::Place,
    scan::{self, Listing},
};
use crate::capability::Unfinished;

/// So often a message that is renamed while it is removed is looked for.
const MAX_ROUNDS: usize = 3;

/// What a commit is about to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// Make the journal's file.
    CreateJournal,
    /// Write the journal up to its end.
    WriteJournal,
    /// Write the end that makes it valid.
    EndJournal,
    /// Have the journal on the disk.
    SyncJournal,
    /// Have the journal's name on the disk.
    SyncJournalName,
    /// Remove a message.
    Unlink,
    /// Have the removals on the disk.
    SyncFolders,
    /// Remove the journal.
    RemoveJournal,
    /// Have the journal's removal on the disk.
    SyncRemoval,
}

/// Is asked before every step. The seam at which tests let the disk fail or the process die.
pub(super) trait Watch {
    /// Lets the step happen, or makes it fail.
    fn before(&mut self, step: Step) -> Result<(), Errno>;
}

/// Lets everything happen.
pub(super) struct Unwatched;

impl Watch for Unwatched {
    fn before(&mut self, _: Step) -> Result<(), Errno> {
        Ok(())
    }
}

/// A message that the session marked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marked {
    /// Its index in the maildrop's paths.
    pub(super) index: usize,
    /// The octets of its file, if they are known: another file under its name is not removed.
    pub(super) stored: Option<u64>,
}

/// What became of the messages that were to be removed.
#[derive(Debug, Default)]
struct Tally {
    removed: usize,
    kept: usize,
    /// A message may be in a folder that could not be read.
    unseen: Option<scan::Error>,
}

/// Removes the marked messages of a maildrop whose messages are at `paths`.
pub(super) fn commit(
    place: &Place,
    paths: &Paths,
    marked: &[Marked],
    watch: &mut impl Watch,
) -> Result<(), Unfinished> {
    let (targets, tally) = resolve(place, paths, marked);
    carry_out(place, &targets, tally, watch)
}

/// Removes these files, each of which has to be what it was when it was looked at.
pub(super) fn remove_files(
    place: &Place,
    targets: &[Target],
    watch: &mut impl Watch,
) -> Result<(), Unfinished> {
    carry_out(place, targets, Tally::default(), watch)
}

fn carry_out(
    place: &Place,
    targets: &[Target],
    mut tally: Tally,
    watch: &mut impl Watch,
) -> Result<(), Unfinished> {
    if targets.len() > 1
        && let Err(errno) = journal::write(place, targets, watch)
    {
        tracing::warn!(path = ?place.path, %errno, "no journal, so no message is removed");
        retract(place, watch);
        tally.kept += targets.len();
        return finished(&tally, false);
    }
    remove_all(place, targets, &mut tally, watch);
    let synced = watch
        .before(Step::SyncFolders)
        .and_then(|()| place.sync_folders());
    if let Err(errno) = synced {
        tracing::warn!(path = ?place.path, %errno, "removals may not survive a crash");
    }
    // A journal whose work is done but may be undone by a crash does it again. One that names
    // messages which the client is told are kept must not.
    if targets.len() > 1 && (synced.is_ok() || tally.kept > 0) {
        retract(place, watch);
    }
    finished(&tally, synced.is_ok())
}

/// Does what the journal of a session that died says, or throws it away if that session made no
/// promise yet. Called under the lock, before anything of the maildrop is read.
pub(super) fn recover(place: &Place, watch: &mut impl Watch) -> Result<(), Error> {
    let failed = |errno| Error::io(&*place.path, errno);
    match journal::load(place).map_err(failed)? {
        None => return Ok(()),
        Some(journal::Found::Incomplete) => {
            tracing::warn!(path = ?place.path, "an incomplete journal is thrown away");
        }
        Some(journal::Found::Whole(targets)) => {
            let mut tally = Tally::default();
            remove_all(place, &targets, &mut tally, watch);
            if let Some(error) = tally.unseen {
                return Err(Error::scan(&place.path, error));
            }
            watch
                .before(Step::SyncFolders)
                .and_then(|()| place.sync_folders())
                .map_err(failed)?;
            let Tally {
                removed,
                kept,
                unseen: _,
            } = tally;
            tracing::warn!(path = ?place.path, removed, kept, "an interrupted commit is finished");
        }
    }
    retract(place, watch);
    Ok(())
}

/// Removes the journal. Failing that, an operator has to know: it would be followed at next login.
fn retract(place: &Place, watch: &mut impl Watch) {
    if let Err(errno) = journal::remove(place, watch) {
        tracing::error!(path = ?place.path, %errno, "the journal of a commit can not be removed");
    }
}

fn finished(tally: &Tally, is_durable: bool) -> Result<(), Unfinished> {
    if tally.kept == 0 && is_durable {
        return Ok(());
    }
    let count = |messages| u32::try_from(messages).unwrap_or(u32::MAX);
    Err(Unfinished {
        removed: count(tally.removed),
        kept: count(tally.kept),
    })
}

/// Finds the files of the marked messages. What is gone counts as removed, if that could be seen;
/// what is another file by now is kept.
fn resolve(place: &Place, paths: &Paths, marked: &[Marked]) -> (Vec<Target>, Tally) {
    let (mut targets, mut tally, mut moved) = (Vec::new(), Tally::default(), Vec::new());
    for message in marked {
        match target(place, paths.get(message.index), message.stored) {
            Ok(target) => targets.push(target),
            Err(Errno::NOENT) => moved.push(*message),
            Err(errno) => keep(place, paths.get(message.index), errno, &mut tally),
        }
    }
    if moved.is_empty() {
        return (targets, tally);
    }
    let listing = match Listing::scan(place) {
        Ok(listing) => listing,
        Err(error) => {
            tracing::warn!(path = ?place.path, %error, "messages can not be looked for");
            tally.kept += moved.len();
            return (targets, tally);
        }
    };
    let spots = locate::locate(paths, &listing);
    for message in moved {
        let path = match spots.get(message.index) {
            Some(Spot::At(found)) => listing.paths.get(*found),
            Some(Spot::Unsure) => {
                keep(place, paths.get(message.index), Errno::NOTUNIQ, &mut tally);
                continue;
            }
            Some(Spot::Gone) | None => c"",
        };
        match target(place, path, message.stored) {
            Ok(target) => targets.push(target),
            Err(Errno::NOENT) => tally.removed += 1,
            Err(errno) => keep(place, path, errno, &mut tally),
        }
    }
    (targets, tally)
}

/// The file at `path`, if it still is what the session saw.
fn target(place: &Place, path: &CStr, stored: Option<u64>) -> Result<Target, Errno> {
    let file = place.stat(path)?;
    if stored.is_some_and(|stored| stored != file.stored) {
        return Err(Errno::STALE);
    }
    Ok(Target {
        path: path.to_owned(),
        file,
    })
}

fn keep(place: &Place, path: &CStr, errno: Errno, tally: &mut Tally) {
    tracing::warn!(path = ?place.path, message = ?path, %errno, "a message is not removed");
    tally.kept += 1;
}

/// What happened to one file.
enum Removal {
    Done,
    /// Nothing has this name.
    Absent,
    /// Another file has this name.
    Other,
}

fn remove(
    place: &Place,
    path: &CStr,
    file: Identity,
    watch: &mut impl Watch,
) -> Result<Removal, Errno> {
    watch.before(Step::Unlink)?;
    let removal = match place.stat(path) {
        Ok(found) if found != file => return Ok(Removal::Other),
        Ok(_) => place.unlink(path),
        Err(errno) => Err(errno),
    };
    match removal {
        Ok(()) => Ok(Removal::Done),
        Err(Errno::NOENT) => Ok(Removal::Absent),
        Err(errno) => Err(errno),
    }
}

/// Removes every target, under whatever name its file has by now.
fn remove_all(place: &Place, targets: &[Target], tally: &mut Tally, watch: &mut impl Watch) {
    let mut moved = Vec::new();
    for target in targets {
        match remove(place, &target.path, target.file, watch) {
            Ok(Removal::Done) => tally.removed += 1,
            Ok(Removal::Absent | Removal::Other) => moved.push(target),
            Err(errno) => keep(place, &target.path, errno, tally),
        }
    }
    for _ in 0..MAX_ROUNDS {
        if moved.is_empty() {
            return;
        }
        let listing = match Listing::scan(place) {
            Ok(listing) => listing,
            Err(error) => {
                tally.unseen = Some(error);
                break;
            }
        };
        moved = remove_moved(place, &listing, moved, tally, watch);
    }
    moved
        .iter()
        .for_each(|target| keep(place, &target.path, Errno::BUSY, tally));
}

/// Removes targets that were renamed. Returns those that are being renamed again.
fn remove_moved<'a>(
    place: &Place,
    listing: &Listing,
    moved: Vec<&'a Target>,
    tally: &mut Tally,
    watch: &mut impl Watch,
) -> Vec<&'a Target> {
    let mut names: HashMap<&[u8], Vec<&CStr>> = HashMap::with_capacity(listing.found.len());
    for found in &listing.found {
        names
            .entry(listing.unique(found))
            .or_default()
            .push(listing.path(found));
    }
    let mut again = Vec::new();
    for target in moved {
        let candidates = names
            .get(paths::unique(&target.path))
            .map_or(&[][..], Vec::as_slice);
        match remove_first(place, candidates, target.file, watch) {
            Ok(Removal::Done) => tally.removed += 1,
            Ok(Removal::Absent) if candidates.is_empty() => tally.removed += 1,
            Ok(Removal::Absent) => again.push(target),
            Ok(Removal::Other) => keep(place, &target.path, Errno::STALE, tally),
            Err(errno) => keep(place, &target.path, errno, tally),
        }
    }
    again
}

/// Removes the one of `candidates` that is the file. [`Removal::Absent`]: one of them is gone, or
/// there is none. [`Removal::Other`]: all are other files.
fn remove_first(
    place: &Place,
    candidates: &[&CStr],
    file: Identity,
    watch: &mut impl Watch,
) -> Result<Removal, Errno> {
    let mut absent = candidates.is_empty();
    for path in candidates {
        match remove(place, path, file, watch)? {
            Removal::Done => return Ok(Removal::Done),
            Removal::Absent => absent = true,
            Removal::Other => {}
        }
    }
    Ok(if absent {
        Removal::Absent
    } else {
        Removal::Other
    })
}
