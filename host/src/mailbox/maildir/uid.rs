//! Under which unique ids the messages of a maildrop are shown, and in which order they come.
//!
//! An id that was shown once is shown again (RFC 1939, section 7, UIDL). Reads no file.

use std::{borrow::Cow, collections::HashMap};

use sha2::{Digest, Sha256};

use super::{sizes::Shown, uidlist::UidList};
use crate::snapshot;

/// Octets of a digest that are enough to tell messages apart.
const DIGEST_OCTETS: usize = 20;

/// What is known of a message when it gets its unique id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    /// The part of its file's name that never changes.
    pub(super) unique: &'a [u8],
    /// Its inode: what tells two files with the same unique name apart.
    pub(super) inode: u64,
    /// Under which id it was shown before.
    pub(super) shown: Shown<'a>,
}

/// A message's unique id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Named<'a> {
    /// The id.
    pub(super) uid: Cow<'a, [u8]>,
    /// Its IMAP UID, by which the maildrop is ordered; what has none is newer than what has one.
    pub(super) order: u32,
    origin: Origin,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Origin {
    /// The file's name.
    Name,
    /// The file's name, because that is what is configured: nothing to remember.
    NameAsConfigured,
    /// An earlier session, or Dovecot.
    Given,
    /// The file itself: several messages would have had the same id. Nothing to remember.
    File,
}

impl Named<'_> {
    /// What is to be remembered of it, if the message can be told from others by its name.
    pub(super) fn shown(&self) -> Option<Shown<'_>> {
        match self.origin {
            Origin::Name => Some(Shown::OfName),
            Origin::NameAsConfigured => Some(Shown::Undecided),
            Origin::Given => Some(Shown::As(&self.uid)),
            Origin::File => None,
        }
    }
}

/// Unique ids from the file names alone. `messages` with the same unique name are neighbours.
pub(super) fn by_name<'a>(messages: &[Message<'a>]) -> Vec<Named<'a>> {
    let mut named: Vec<Named<'_>> = messages
        .iter()
        .map(|message| of_name(message, u32::MAX, Origin::NameAsConfigured))
        .collect();
    part_twins(messages, &mut named);
    named
}

/// Unique ids as they were shown before, else as Dovecot showed them, else from the file names.
/// `messages` with the same unique name are neighbours.
pub(super) fn by_history<'a>(
    messages: &[Message<'a>],
    list: Option<&UidList<'a>>,
) -> Vec<Named<'a>> {
    let mut named: Vec<Named<'_>> = messages
        .iter()
        .map(|message| of_history(message, list))
        .collect();
    part_twins(messages, &mut named);
    part_equals(messages, &mut named);
    named
}

fn of_history<'a>(message: &Message<'a>, list: Option<&UidList<'a>>) -> Named<'a> {
    let entry = list.and_then(|list| Some((list, list.get(message.unique)?)));
    let order = entry.map_or(u32::MAX, |(_, entry)| entry.uid);
    let given = |uid| Named {
        uid,
        order,
        origin: Origin::Given,
    };
    match (message.shown, entry) {
        (Shown::As(uid), _) if snapshot::is_uid(uid) => given(Cow::Borrowed(uid)),
        (Shown::Undecided | Shown::As(_), Some((list, entry))) => {
            given(Cow::Owned(list.uidl(entry)))
        }
        (Shown::OfName, _) | (Shown::Undecided | Shown::As(_), None) => {
            of_name(message, order, Origin::Name)
        }
    }
}

/// The unique name itself, as qmail and Courier do it, or a digest of it if it is too long or holds
/// what no id may hold.
fn of_name<'a>(message: &Message<'a>, order: u32, origin: Origin) -> Named<'a> {
    let uid = if snapshot::is_uid(message.unique) {
        Cow::Borrowed(message.unique)
    } else {
        Cow::Owned(digest(&[message.unique]))
    };
    Named { uid, order, origin }
}

/// An id that belongs to this one file. Neither of two that would be equal keeps the common one: a
/// client that knows it would take the other for seen.
fn of_file<'a>(message: &Message<'a>, order: u32) -> Named<'a> {
    let uid = digest(&[message.unique, b"\0", &message.inode.to_be_bytes()]);
    Named {
        uid: Cow::Owned(uid),
        order,
        origin: Origin::File,
    }
}

/// Gives other ids to messages whose unique names are equal.
fn part_twins<'a>(messages: &[Message<'a>], named: &mut [Named<'a>]) {
    for index in 1..messages.len() {
        if messages[index - 1].unique == messages[index].unique {
            for twin in [index - 1, index] {
                named[twin] = of_file(&messages[twin], named[twin].order);
            }
        }
    }
}

/// Gives other ids to messages whose ids are equal though their names are not. Ids that come from
/// names are different because the names are.
fn part_equals<'a>(messages: &[Message<'a>], named: &mut [Named<'a>]) {
    if named.iter().all(|message| message.origin != Origin::Given) {
        return;
    }
    let mut seen: HashMap<&[u8], usize> = HashMap::with_capacity(named.len());
    let mut equals = Vec::new();
    for (index, message) in named.iter().enumerate() {
        if let Some(earlier) = seen.insert(&message.uid, index) {
            equals.extend([earlier, index]);
        }
    }
    for equal in equals {
        named[equal] = of_file(&messages[equal], named[equal].order);
    }
}

fn digest(parts: &[&[u8]]) -> Vec<u8> {
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| digest.update(part));
    hex(&digest.finalize()[..DIGEST_OCTETS]).into_bytes()
}

/// Two lower-case hexadecimal digits for each octet.
pub(super) fn hex(octets: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    octets
        .iter()
        .flat_map(|octet| [digit(octet >> 4), digit(octet & 15)])
        .collect()
}
