//! The sizes of all messages at login: remembered, else measured, else claimed by their names.
//!
//! Every size is exact but for a first login to a large maildrop whose names claim sizes: then part
//! of them is believed for now, and checked when the message is asked for or at a later login.

use std::{ffi::CStr, num::NonZero, thread};

use rustix::io::Errno;

use super::{
    error::{self, Error},
    identity::Identity,
    known::Known,
    locate::{self, Spot},
    name,
    paths::{self, Paths},
    place::Place,
    reader,
    scan::{Found, Listing},
    sizes::{Line, Size},
};

/// Messages beyond these are not measured if their names claim sizes: at 10 ms for each on a slow
/// disk, a login takes half a minute.
pub(super) const MAX_MEASURED: usize = 4096;

/// The same in octets: a second's reading from a disk of medium speed.
const MAX_MEASURED_OCTETS: u64 = 256 * 1024 * 1024;

/// Messages for which it is worth while to start a thread.
const MESSAGES_PER_THREAD: usize = 512;

/// Reading small files waits for the disk more than for the processor.
const MAX_THREADS: usize = 8;

/// Warnings about single messages in one login.
const MAX_WARNINGS: usize = 10;

/// What is known of a message's size.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Taken {
    /// It was counted: on the file as it is here.
    Counted(Size),
    /// The name claims it, and claims the octets of the file rightly. To be counted before use.
    Claimed {
        /// Octets on the wire.
        wire: u64,
    },
    /// The message can not be read, or is gone: the session does without it.
    Missing,
}

/// How a message's size is to be had.
enum Way {
    Taken(Taken),
    Measure,
}

/// The size of each message of `listing`, in its order. `known` is what is known of each. A file
/// that was renamed since is looked for once, and its path put right in `listing`.
pub(super) fn take(
    place: &Place,
    listing: &mut Listing,
    known: &[Option<Line<'_>>],
) -> Result<Vec<Taken>, Error> {
    let mut sizes = vec![Taken::Missing; listing.found.len()];
    let (mut measured, mut octets, mut todo) = (0, 0_u64, Vec::new());
    for (index, found) in listing.found.iter().enumerate() {
        let remembered = known[index].and_then(|line| line.size);
        let may_claim = measured >= MAX_MEASURED || octets >= MAX_MEASURED_OCTETS;
        match way(place, listing, found, remembered, may_claim) {
            Way::Taken(taken) => sizes[index] = taken,
            Way::Measure => {
                measured += 1;
                let hint = name::hint(listing.paths.name(found.path));
                octets = octets.saturating_add(hint.map_or(0, |hint| hint.stored));
                todo.push(index);
            }
        }
    }
    let failed = count(place, listing, &todo, &mut sizes);
    let failed = count_moved(place, listing, failed, &mut sizes)?;
    if failed.len() == listing.found.len() && !failed.is_empty() {
        return Err(Error::Unreadable {
            path: place.path.as_ref().into(),
            count: failed.len(),
        });
    }
    Ok(sizes)
}

/// A file in a Maildir does not change under its unique name, so a remembered size holds for the
/// file that it was taken of; and for a copy of it with the same time, as a backup makes it.
fn way(
    place: &Place,
    listing: &Listing,
    found: &Found,
    remembered: Option<Size>,
    may_claim: bool,
) -> Way {
    if let Some(size) = remembered {
        if size.file.inode == found.inode {
            return Way::Taken(Taken::Counted(size));
        }
        if let Ok(file) = place.stat(listing.path(found))
            && file
                == (Identity {
                    inode: file.inode,
                    ..size.file
                })
        {
            return Way::Taken(Taken::Counted(Size { file, ..size }));
        }
    }
    match name::hint(listing.paths.name(found.path)) {
        Some(hint) if may_claim => match place.stat(listing.path(found)) {
            Ok(file) if is_plausible(hint, file.stored) => {
                Way::Taken(Taken::Claimed { wire: hint.wire })
            }
            Ok(_) | Err(_) => Way::Measure,
        },
        Some(_) | None => Way::Measure,
    }
}

/// Whether a file of `stored` octets can have the claimed size: each octet becomes at most two, and
/// the last line may get an end.
fn is_plausible(hint: name::Hint, stored: u64) -> bool {
    hint.stored == stored
        && (stored..=stored.saturating_mul(2).saturating_add(2)).contains(&hint.wire)
}

/// Measures the messages `todo`. Returns those that could not be, with the reason.
fn count(
    place: &Place,
    listing: &Listing,
    todo: &[usize],
    sizes: &mut [Taken],
) -> Vec<(usize, Errno)> {
    let threads = (todo.len() / MESSAGES_PER_THREAD).clamp(1, MAX_THREADS);
    let share = NonZero::new(todo.len().div_ceil(threads)).map_or(1, NonZero::get);
    let measure_all = |indices: &[usize]| {
        let path = |index: usize| listing.path(&listing.found[index]);
        indices
            .iter()
            .map(|index| (*index, measure(place, path(*index))))
            .collect::<Vec<_>>()
    };
    let results = if threads == 1 {
        measure_all(todo)
    } else {
        in_threads(todo.chunks(share), measure_all)
    };
    let mut failed = Vec::new();
    for (index, result) in results {
        match result {
            Ok(size) => sizes[index] = Taken::Counted(size),
            Err(errno) => failed.push((index, errno)),
        }
    }
    failed
}

/// Works on all shares at once; on one for which there is no thread in this one.
fn in_threads<'a, T: Send>(
    shares: impl Iterator<Item = &'a [usize]>,
    work: impl Fn(&'a [usize]) -> Vec<T> + Sync,
) -> Vec<T> {
    let work = &work;
    thread::scope(|scope| {
        let start = |share| {
            let started = thread::Builder::new().spawn_scoped(scope, move || work(share));
            started.map_err(|_| work(share))
        };
        let started: Vec<_> = shares.map(start).collect();
        let finish = |share: Result<thread::ScopedJoinHandle<'_, Vec<T>>, Vec<T>>| match share {
            Ok(thread) => thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(done) => done,
        };
        started.into_iter().flat_map(finish).collect()
    })
}

fn measure(place: &Place, path: &CStr) -> Result<Size, Errno> {
    let (message, file) = place.open_message(path)?;
    let size = Size {
        wire: reader::measure(&message, file.stored)?,
        file,
    };
    if let Some(hint) = name::hint(paths::unique(path))
        && (hint.stored, hint.wire) != (file.stored, size.wire)
    {
        tracing::debug!(?path, claimed = ?hint, counted = ?size, "a name claims a wrong size");
    }
    Ok(size)
}

/// Looks for messages that were renamed meanwhile and measures them. Returns those that are there
/// and can not be read. What is gone is no message of this session.
fn count_moved(
    place: &Place,
    listing: &mut Listing,
    failed: Vec<(usize, Errno)>,
    sizes: &mut [Taken],
) -> Result<Vec<(usize, Errno)>, Error> {
    let is_gone = |(_, errno): &(usize, Errno)| *errno == Errno::NOENT;
    let (gone, mut unreadable): (Vec<_>, Vec<_>) = failed.into_iter().partition(is_gone);
    if !gone.is_empty() {
        let newer = Listing::scan(place).map_err(|error| Error::scan(&place.path, error))?;
        let todo = follow(place, listing, &newer, &gone)?;
        let failed = count(place, listing, &todo, sizes);
        unreadable.extend(failed.into_iter().filter(|failed| !is_gone(failed)));
    }
    for (number, (index, errno)) in unreadable.iter().enumerate() {
        let path = place.path.join(
            listing
                .path(&listing.found[*index])
                .to_string_lossy()
                .as_ref(),
        );
        if !error::needs_operator(*errno) {
            return Err(Error::io(path, *errno));
        }
        if number < MAX_WARNINGS {
            tracing::warn!(?path, %errno, "a message that can not be read is left out");
        }
    }
    Ok(unreadable)
}

/// Puts the paths of `gone` messages right. Returns those that were found.
fn follow(
    place: &Place,
    listing: &mut Listing,
    newer: &Listing,
    gone: &[(usize, Errno)],
) -> Result<Vec<usize>, Error> {
    let mut paths = Paths::default();
    let too_many = |_| Error::TooMany {
        path: place.path.as_ref().into(),
    };
    for found in &listing.found {
        paths
            .push_from(&listing.paths, found.path)
            .map_err(too_many)?;
    }
    let spots = locate::locate(&paths, newer);
    let mut moved = Vec::new();
    for (index, _) in gone {
        if let Spot::At(found) = spots[*index] {
            let path = listing
                .paths
                .push_from(&newer.paths, found)
                .map_err(too_many)?;
            listing.found[*index].path = path;
            moved.push(*index);
        }
    }
    Ok(moved)
}

/// What is known of each message of `listing`.
pub(super) fn recall<'a>(listing: &Listing, known: &Known<'a>) -> Vec<Option<Line<'a>>> {
    let line = |found: &Found| known.get(listing.unique(found));
    listing.found.iter().map(line).collect()
}
