//! Messages that are too old: which they are, and their removal between sessions.
//!
//! Runs on a thread that may block. From when on mail is too old is the caller's to say.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{
    commit::{self, Watch},
    error::Error,
    identity::Identity,
    journal::Target,
    login,
    name::Delivered,
    place::{Place, Whereabouts},
    scan::Listing,
};
use crate::mailbox::Expired;

/// Names the job in the lock and in the log.
pub(super) const SESSION: &str = "retention";

/// How many messages came in before this time. Takes no lock and changes nothing.
pub(super) fn count(at: Whereabouts, before: SystemTime) -> Result<u32, Error> {
    let at = Whereabouts { state: None, ..at };
    Ok(match open(at)? {
        Some(place) => number(find(&place, before)?.len()),
        None => 0,
    })
}

/// Removes the messages that came in before this time, as a session would that marked them.
pub(super) fn remove(
    at: Whereabouts,
    before: SystemTime,
    watch: &mut impl Watch,
) -> Result<Expired, Error> {
    let Some(place) = open(at)? else {
        return Ok(Expired::default());
    };
    // Looked for without the lock first: on most days nobody is to find the maildrop in use.
    if find(&place, before)?.is_empty() {
        return Ok(Expired::default());
    }
    let _lock = login::lock(&place)?;
    commit::recover(&place, watch)?;
    let targets = find(&place, before)?;
    for Target { path, file: _ } in &targets {
        tracing::debug!(path = ?place.path, message = ?path, "a message has expired");
    }
    let removed = commit::remove_files(&place, &targets, watch);
    Ok(match removed {
        Ok(()) => Expired {
            removed: number(targets.len()),
            kept: 0,
        },
        Err(unfinished) => Expired {
            removed: unfinished.removed,
            kept: unfinished.kept,
        },
    })
}

/// A Maildir that is there. None is made, and one that is missing holds nothing that is too old.
fn open(at: Whereabouts) -> Result<Option<Place>, Error> {
    let at = Whereabouts {
        create_below: None,
        ..at
    };
    match Place::open(&at) {
        Ok(place) => Ok(Some(place)),
        Err(Error::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The files of the messages that came in before this time, as they are now: what changes before it
/// is removed is not removed.
fn find(place: &Place, before: SystemTime) -> Result<Vec<Target>, Error> {
    // In a time before 1970 there was no mail.
    let before = before.duration_since(UNIX_EPOCH).unwrap_or_default();
    let listing = Listing::scan(place).map_err(|error| Error::scan(&place.path, error))?;
    let target = |found| {
        let path = listing.path(found);
        let file = place.stat(path).ok()?;
        let path = path.to_owned();
        is_older(found.delivered, file, before).then_some(Target { path, file })
    };
    Ok(listing.found.iter().filter_map(target).collect())
}

/// Whether a message certainly came in before this time.
///
/// Two times say when that was, and the younger one counts. A copy of the file may be younger than
/// the message, and an IMAP server sets the file's time to that of a message that was moved here: it
/// may be years older than the name. A name without a time says nothing, so that its message stays;
/// so does one with a time that is yet to come.
fn is_older(named: Delivered, file: Identity, before: Duration) -> bool {
    let modified = Duration::from_nanos(file.modified);
    named
        .time()
        .is_some_and(|named| named.max(modified) < before)
}

fn number(messages: usize) -> u32 {
    u32::try_from(messages).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::maildir::name;

    const BEFORE: u64 = 1_700_000_000;

    fn is_older(name: &str, modified: u64) -> bool {
        let file = Identity {
            modified: modified.saturating_mul(1_000_000_000),
            ..Identity::default()
        };
        let before = Duration::from_secs(BEFORE);
        super::is_older(name::delivered(name.as_bytes()), file, before)
    }

    #[test]
    fn the_younger_of_two_times_counts() {
        let old = "1699999999.M999999P1.host:2,S";
        for (name, modified, expected) in [
            (old, BEFORE - 1, true),
            (old, 0, true),
            (old, BEFORE, false),
            (old, u64::MAX, false),
            ("1700000000.M0P1.host:2,S", BEFORE - 1, false),
            ("1700000000.M0P1.host", 0, false),
            ("9999999999.M0P1.host", 0, false),
        ] {
            assert_eq!(is_older(name, modified), expected, "{name} {modified}");
        }
    }

    #[test]
    fn a_name_that_tells_no_time_of_delivery_is_of_no_age() {
        for name in [
            "message",
            "1.a",
            "4711.host",
            "788918399.M1P1.host",
            "1600000000",
            "1600000000_0.1.host",
            "99999999999999999999.M1.host",
            "-1600000000.M1.host",
            "",
        ] {
            assert!(!is_older(name, 0), "{name}");
        }
        assert!(is_older("788918400.M1P1.host", 0));
    }
}
