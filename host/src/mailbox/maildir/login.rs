//! Opening a Maildir for a session: lock, unfinished business, listing, sizes, unique ids.
//!
//! Runs on a thread that may block, but for what says otherwise. What a session does with the maildrop
//! is in `maildrop.rs`.

use std::{fs::File, io::Read, path::Path, sync::Arc, time::SystemTime};

use rustix::{fs::OFlags, io::Errno};

use super::{
    Uidl, commit,
    error::Error,
    journal,
    known::Known,
    lock::{self, Lock},
    maildrop::Contents,
    measure::{self, Taken},
    names::Names,
    paths::Paths,
    place::{self, Place, Whereabouts},
    recent::{Recent, Remembered, Witness},
    scan::Listing,
    sizes::{self, Line, Shown},
    uid::{self, Named},
    uidlist::UidList,
};

/// Where Dovecot keeps the unique ids of a Maildir.
pub(super) const UID_LIST: &str = "dovecot-uidlist";

/// Three million messages: what is larger is not a list of a maildrop.
const MAX_UID_LIST_OCTETS: u64 = 256 * 1024 * 1024;

/// A Maildir that is locked.
#[derive(Debug)]
pub(super) struct Locked {
    /// Its directories.
    pub(super) place: Place,
    /// Its lock.
    pub(super) lock: Lock,
}

/// A Maildir that is locked and read.
#[derive(Debug)]
pub(super) struct Opened {
    /// Its directories.
    pub(super) place: Place,
    /// Its lock.
    pub(super) lock: Lock,
    /// Its messages.
    pub(super) contents: Arc<Contents>,
    /// Where they are.
    pub(super) names: Arc<Names>,
}

/// What was read of a Maildir.
struct Snapshot {
    contents: Contents,
    names: Names,
    /// Whether every message could be looked at and its size was counted: otherwise the next login
    /// finds out more.
    is_certain: bool,
}

/// Locks the Maildir, and finishes what a session before has begun.
pub(super) fn begin(whereabouts: &Whereabouts) -> Result<Locked, Error> {
    let place = Place::open(whereabouts)?;
    let lock = lock(&place)?;
    commit::recover(&place, &mut commit::Unwatched)?;
    Ok(Locked { place, lock })
}

/// The same for a Maildir that was here before, without a thread that may block. `None` if that can
/// not be: the system has forgotten where it is, or there is something to be made or to be finished.
pub(super) fn begin_at_once(whereabouts: &Whereabouts) -> Option<Result<Locked, Error>> {
    let place = Place::open_cached(whereabouts)?;
    let lock = match Lock::retake(place.state()) {
        Ok(lock) => lock,
        Err(lock::Error::Held(holder)) => return Some(Err(in_use(&place, holder))),
        Err(lock::Error::Io(_)) => return None,
    };
    let is_finished = journal::is_absent(&place);
    is_finished.then_some(Ok(Locked { place, lock }))
}

/// Locks a maildrop.
pub(super) fn lock(place: &Place) -> Result<Lock, Error> {
    Lock::take(place.state()).map_err(|error| match error {
        lock::Error::Held(holder) => in_use(place, holder),
        lock::Error::Io(errno) => Error::io(place.state_path(), errno),
    })
}

fn in_use(place: &Place, holder: String) -> Error {
    Error::InUse {
        path: place.state_path().into(),
        holder,
    }
}

impl Locked {
    /// The snapshot, if nothing has changed since the last one.
    pub(super) fn recall(&self, uidl: Uidl, recent: &Recent) -> Option<Arc<Remembered>> {
        let witness = Witness::of(&self.place, uidl).ok()?;
        recent.find(&self.place.path, &witness)
    }

    /// Takes the snapshot, or that of the last session.
    pub(super) fn open(self, uidl: Uidl, recent: &Recent) -> Result<Opened, Error> {
        let (now, before) = (SystemTime::now(), Witness::of(&self.place, uidl));
        let known = before.as_ref().ok();
        if let Some(known) = known.and_then(|before| recent.find(&self.place.path, before)) {
            return Ok(self.with(&known));
        }
        let Self { place, lock } = self;
        let Snapshot {
            contents,
            names,
            is_certain,
        } = read(&place, uidl)?;
        let (contents, names) = (Arc::new(contents), Arc::new(names));
        if let (Ok(before), Ok(after)) = (before, Witness::of(&place, uidl))
            && is_certain
        {
            recent.remember(&place, now, (before, after), (&contents, &names));
        }
        Ok(Opened {
            place,
            lock,
            contents,
            names,
        })
    }

    /// The Maildir, which is as it was.
    pub(super) fn with(self, remembered: &Remembered) -> Opened {
        let Self { place, lock } = self;
        Opened {
            place,
            lock,
            contents: Arc::clone(&remembered.contents),
            names: Arc::clone(&remembered.names),
        }
    }
}

/// Takes the snapshot and remembers what it cost to find out.
fn read(place: &Place, uidl: Uidl) -> Result<Snapshot, Error> {
    let remembered = sizes::load(place.state());
    let known = Known::parse(&remembered);
    let mut listing = Listing::scan(place).map_err(|error| Error::scan(&place.path, error))?;
    let lines = measure::recall(&listing, &known);
    let taken = measure::take(place, &mut listing, &lines)?;
    let list = match uidl {
        Uidl::Auto => read_uid_list(place),
        Uidl::Filename => Vec::new(),
    };
    let list = parse_uid_list(&list, &place.path);
    let messages = messages(&listing, &lines);
    let named = match uidl {
        Uidl::Auto => uid::by_history(&messages, list.as_ref()),
        Uidl::Filename => uid::by_name(&messages),
    };
    remember(place, &known, &lines, &messages, &taken, &named);
    let (contents, names) = arrange(place, &listing, &taken, &named)?;
    Ok(Snapshot {
        contents,
        names,
        is_certain: taken.iter().all(|taken| matches!(taken, Taken::Counted(_))),
    })
}

/// What is known of each message for the choice of its unique id.
fn messages<'a>(listing: &'a Listing, lines: &[Option<Line<'a>>]) -> Vec<uid::Message<'a>> {
    let message = |(found, line): (_, &Option<Line<'a>>)| uid::Message {
        unique: listing.unique(found),
        inode: found.inode,
        shown: line.map_or(Shown::Undecided, |line| line.shown),
    };
    listing.found.iter().zip(lines).map(message).collect()
}

/// Puts the messages in order.
fn arrange(
    place: &Place,
    listing: &Listing,
    taken: &[Taken],
    named: &[Named<'_>],
) -> Result<(Contents, Names), Error> {
    let too_many = || Error::TooMany {
        path: place.path.as_ref().into(),
    };
    let mut order: Vec<usize> = (0..listing.found.len()).collect();
    // Stable: messages without a number stay in order of delivery.
    order.sort_by_key(|index| named[*index].order);
    let (mut contents, mut paths) = (Contents::with_capacity(order.len()), Paths::default());
    for index in order {
        let (octets, stored) = match taken[index] {
            Taken::Counted(size) => (size.wire, Some(size.file.stored)),
            Taken::Claimed { wire } => (wire, None),
            Taken::Missing => continue,
        };
        contents
            .push(octets, stored, &named[index].uid)
            .map_err(|_| too_many())?;
        paths
            .push_from(&listing.paths, listing.found[index].path)
            .map_err(|_| too_many())?;
    }
    contents.shrink();
    let names = Names::new(&paths, contents.snapshot()).map_err(|_| too_many())?;
    Ok((contents, names))
}

/// Remembers what was not known yet.
fn remember(
    place: &Place,
    known: &Known<'_>,
    lines: &[Option<Line<'_>>],
    messages: &[uid::Message<'_>],
    taken: &[Taken],
    named: &[Named<'_>],
) {
    let line = |index: usize| {
        let size = match taken[index] {
            Taken::Counted(size) => Some(size),
            Taken::Claimed { .. } => None,
            Taken::Missing => return None,
        };
        // A choice that an earlier configuration made is kept for a later one.
        let shown = match (named[index].shown()?, messages[index].shown) {
            (Shown::Undecided, earlier) => earlier,
            (shown, _) => shown,
        };
        Some(Line {
            size,
            shown,
            unique: messages[index].unique,
        })
    };
    let all = (0..messages.len()).filter_map(line);
    let added = |index: usize| {
        let line = line(index).filter(|line| lines[index] != Some(*line))?;
        Some((lines[index].is_some(), line))
    };
    let added: Vec<_> = (0..messages.len()).filter_map(added).collect();
    sizes::save(place.state(), known, &added, messages.len(), all);
}

/// The octets of Dovecot's list, none if there is none that can be read.
fn read_uid_list(place: &Place) -> Vec<u8> {
    match place::open_regular(place.root(), UID_LIST, OFlags::RDONLY) {
        Ok((file, _)) => {
            let mut text = Vec::new();
            match File::from(file)
                .take(MAX_UID_LIST_OCTETS)
                .read_to_end(&mut text)
            {
                Ok(_) => return text,
                Err(error) => tracing::warn!(path = ?place.path, %error, "no uid list"),
            }
        }
        Err(Errno::NOENT) => {}
        Err(errno) => tracing::warn!(path = ?place.path, %errno, "no uid list"),
    }
    Vec::new()
}

fn parse_uid_list<'a>(text: &'a [u8], path: &Path) -> Option<UidList<'a>> {
    if text.is_empty() {
        return None;
    }
    match UidList::parse(text) {
        Ok(list) => {
            if list.bad_lines > 0 {
                tracing::warn!(?path, lines = list.bad_lines, "bad lines in the uid list");
            }
            Some(list)
        }
        Err(error) => {
            tracing::warn!(?path, %error, "the uid list is ignored");
            None
        }
    }
}
