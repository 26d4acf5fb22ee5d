//! Maildirs as they were at their last logins: what has not changed since is not read again.
//!
//! A client that asks every few minutes finds the same mail nearly every time. Whether anything has
//! changed is told by the stamps of the folders and of the files that a login reads; no name and no
//! message is looked at here.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    mem,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rustix::io::Errno;

use super::{
    Uidl,
    login::UID_LIST,
    maildrop::Contents,
    names::Names,
    place::{Place, Stamp, Stamps},
    sizes,
};

/// Messages that are remembered at most on each of two shelves, of all Maildirs together: some 20 MB.
/// A Maildir that has more is not remembered: what nobody reads is not to fill the memory.
const SHELF_MESSAGES: usize = 125_000;

/// What a Maildir counts for beside its messages.
const MESSAGES_PER_MAILDIR: usize = 4;

/// A folder whose stamp is younger than this may change once more under the same stamp: file
/// systems count time in steps of up to two seconds.
const SETTLED: Duration = Duration::from_secs(2);

/// A Maildir is read again after this time, whatever its stamps say: the clock of another machine
/// may have set them.
const MAX_AGE: Duration = Duration::from_hours(1);

/// What the Maildirs of a store were like.
#[derive(Debug, Default)]
pub(super) struct Recent {
    shelves: Mutex<Shelves>,
    /// What fingerprints are taken with.
    keys: [RandomState; 2],
}

/// Two shelves instead of a list in order of use: who is not asked for while one is filled is gone
/// with the other.
#[derive(Debug, Default)]
struct Shelves {
    new: HashMap<PathBuf, Arc<Remembered>>,
    old: HashMap<PathBuf, Arc<Remembered>>,
    /// What is on the new one, in messages.
    load: usize,
}

/// A Maildir as it was.
#[derive(Debug)]
pub(super) struct Remembered {
    fingerprint: Fingerprint,
    since: Instant,
    pub(super) contents: Arc<Contents>,
    pub(super) names: Arc<Names>,
}

/// What a [`Witness`] comes to: the same for two of them by chance once in 2^128. Smaller by far, and
/// nearly every session has one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Fingerprint([u64; 2]);

/// All that the listing of a Maildir is made of, by its stamps.
#[derive(Debug, Hash)]
pub(super) struct Witness {
    folders: Stamps,
    /// Of the remembered sizes. Only who holds the lock writes them, and never so that the file is
    /// as long as before.
    sizes: Option<Stamp>,
    list: Option<Stamp>,
}

impl Witness {
    /// The stamps of a Maildir whose lock is held.
    pub(super) fn of(place: &Place, uidl: Uidl) -> Result<Self, Errno> {
        Ok(Self {
            folders: place.stamps()?,
            sizes: Stamp::at(place.state(), sizes::FILE)?,
            list: match uidl {
                Uidl::Auto => Stamp::at(place.root(), UID_LIST)?,
                Uidl::Filename => None,
            },
        })
    }

    /// Whether what was read after `now` is all that these stamps can stand for.
    fn is_settled(&self, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.folders.latest() + SETTLED < now
    }
}

impl Recent {
    /// Whether this Maildir was here lately.
    pub(super) fn knows(&self, root: &Path) -> bool {
        let shelves = self.shelves();
        shelves.new.contains_key(root) || shelves.old.contains_key(root)
    }

    /// The Maildir, if it is as it was.
    pub(super) fn find(&self, root: &Path, witness: &Witness) -> Option<Arc<Remembered>> {
        let fingerprint = self.fingerprint(witness);
        let mut shelves = self.shelves();
        let remembered = shelves.take(root)?;
        if remembered.fingerprint != fingerprint || remembered.since.elapsed() > MAX_AGE {
            return None;
        }
        shelves.put(root, Arc::clone(&remembered));
        Some(remembered)
    }

    /// Remembers what was read of a Maildir after `now`, when its stamps were `before`.
    pub(super) fn remember(
        &self,
        place: &Place,
        now: SystemTime,
        (before, after): (Witness, Witness),
        (contents, names): (&Arc<Contents>, &Arc<Names>),
    ) {
        let has_changed = before.folders != after.folders || before.list != after.list;
        if has_changed || !before.is_settled(now) {
            return;
        }
        let remembered = Remembered {
            fingerprint: self.fingerprint(&after),
            since: Instant::now(),
            contents: Arc::clone(contents),
            names: Arc::clone(names),
        };
        self.shelves().put(&place.path, Arc::new(remembered));
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fingerprint(&self, witness: &Witness) -> Fingerprint {
        let [one, two] = &self.keys;
        Fingerprint([one.hash_one(witness), two.hash_one(witness)])
    }
}

impl Shelves {
    fn take(&mut self, root: &Path) -> Option<Arc<Remembered>> {
        if let Some(remembered) = self.new.remove(root) {
            self.load -= remembered.load();
            return Some(remembered);
        }
        self.old.remove(root)
    }

    fn put(&mut self, root: &Path, remembered: Arc<Remembered>) {
        self.take(root);
        let load = remembered.load();
        if load > SHELF_MESSAGES {
            return;
        }
        if self.load + load > SHELF_MESSAGES {
            self.old = mem::take(&mut self.new);
            self.load = 0;
        }
        self.load += load;
        self.new.insert(root.to_owned(), remembered);
    }
}

impl Remembered {
    fn load(&self) -> usize {
        self.names.len() + MESSAGES_PER_MAILDIR
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        mailbox::maildir::{
            paths::{Folder, Paths},
            place::Whereabouts,
        },
        snapshot::Snapshot,
    };

    fn place() -> (tempfile::TempDir, Place) {
        let root = tempfile::tempdir().expect("a temporary directory");
        for folder in ["new", "cur", "tmp"] {
            fs::create_dir(root.path().join(folder)).expect("a folder");
        }
        let place = Place::open(&Whereabouts {
            root: root.path().into(),
            state: None,
            create_below: None,
        });
        (root, place.expect("a Maildir"))
    }

    fn witness(place: &Place) -> Witness {
        Witness::of(place, Uidl::Auto).expect("stamps")
    }

    fn remember(recent: &Recent, place: &Place, now: SystemTime) {
        let stamps = (witness(place), witness(place));
        recent.remember(place, now, stamps, (&Arc::default(), &Arc::default()));
    }

    /// A time at which the folders have long been as they are.
    fn later() -> SystemTime {
        SystemTime::now() + SETTLED * 2
    }

    #[test]
    fn a_maildir_is_known_until_something_in_it_changes() {
        for change in ["new/1.a", "cur/1.a", "popcell-sizes", "dovecot-uidlist"] {
            let (root, place) = place();
            let recent = Recent::default();
            remember(&recent, &place, later());
            assert!(recent.find(&place.path, &witness(&place)).is_some());
            fs::write(root.path().join(change), "x").expect("a file");
            assert!(
                recent.find(&place.path, &witness(&place)).is_none(),
                "{change}"
            );
        }
    }

    #[test]
    fn a_folder_that_changed_a_moment_ago_is_not_relied_upon() {
        let (_root, place) = place();
        let recent = Recent::default();
        remember(&recent, &place, SystemTime::now());
        assert!(!recent.knows(&place.path));
    }

    #[test]
    fn what_changed_while_it_was_read_is_not_relied_upon() {
        let (root, place) = place();
        let recent = Recent::default();
        let before = witness(&place);
        fs::write(root.path().join("new/1.a"), "x").expect("a message");
        let stamps = (before, witness(&place));
        recent.remember(&place, later(), stamps, (&Arc::default(), &Arc::default()));
        assert!(!recent.knows(&place.path));
    }

    #[test]
    fn only_so_many_messages_are_remembered() {
        let remembered = || {
            Arc::new(Remembered {
                fingerprint: Fingerprint([0, 0]),
                since: Instant::now(),
                contents: Arc::default(),
                names: Arc::default(),
            })
        };
        let mut shelves = Shelves::default();
        let favourite = Path::new("favourite");
        shelves.put(favourite, remembered());
        for number in 0..2 * SHELF_MESSAGES {
            shelves.put(Path::new(&number.to_string()), remembered());
            let favourite_stays = shelves
                .take(favourite)
                .expect("it is asked for all the time");
            shelves.put(favourite, favourite_stays);
        }
        let maildirs = shelves.new.len() + shelves.old.len();
        let bound = 2 * SHELF_MESSAGES / MESSAGES_PER_MAILDIR;
        assert!(maildirs <= bound, "{maildirs}");
        assert!(shelves.take(Path::new("0")).is_none());
    }

    #[test]
    fn a_maildir_that_would_fill_a_shelf_is_not_remembered() {
        let (_root, place) = place();
        let recent = Recent::default();
        let mut paths = Paths::default();
        while paths.len() < SHELF_MESSAGES {
            paths.push(Folder::New, b"1").expect("little");
        }
        let stamps = (witness(&place), witness(&place));
        let names = Names::new(&paths, &Snapshot::default()).expect("little");
        let found = (&Arc::default(), &Arc::new(names));
        recent.remember(&place, later(), stamps, found);
        assert!(!recent.knows(&place.path));
    }
}
