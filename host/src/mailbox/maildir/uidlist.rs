//! `dovecot-uidlist`: the numbers and unique ids that Dovecot has given to messages.
//!
//! Read only, so that a migration downloads nothing twice. Writes nothing and locks nothing:
//! Dovecot replaces the file or appends lines to it.

use std::collections::HashMap;

use super::name;
use crate::snapshot;

/// What the list says of one message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Entry<'a> {
    /// The IMAP UID, which orders the maildrop.
    pub(super) uid: u32,
    /// The unique id that was imported from yet another server.
    uidl: Option<&'a [u8]>,
}

/// Why the file is of no use.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the first line is not that of a uid list, version 3")]
pub(super) struct NotAList;

/// The messages of a list by the unique part of their names.
#[derive(Debug)]
pub(super) struct UidList<'a> {
    validity: u32,
    entries: HashMap<&'a [u8], Entry<'a>>,
    /// How many lines could not be read.
    pub(super) bad_lines: usize,
}

impl<'a> UidList<'a> {
    /// Reads the text of the file. Lines that make no sense are skipped and counted; a last line
    /// without its end is being written.
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, NotAList> {
        let whole = memchr::memrchr(b'\n', text).map_or(0, |end| end);
        let mut lines = text[..whole].split(|octet| *octet == b'\n');
        let validity = lines.next().and_then(header).ok_or(NotAList)?;
        let mut list = Self {
            validity,
            entries: HashMap::new(),
            bad_lines: 0,
        };
        for line in lines {
            match entry(line) {
                Some((unique, entry)) => drop(list.entries.insert(unique, entry)),
                None => list.bad_lines += 1,
            }
        }
        Ok(list)
    }

    /// What is said of the message with this unique name.
    pub(super) fn get(&self, unique: &[u8]) -> Option<Entry<'a>> {
        self.entries.get(unique).copied()
    }

    /// The unique id under which Dovecot shows the message: the imported one, or its default
    /// format, `%08Xu%08Xv` in lower case.
    pub(super) fn uidl(&self, entry: Entry<'a>) -> Vec<u8> {
        match entry.uidl {
            Some(uidl) => uidl.to_vec(),
            None => format!("{:08x}{:08x}", entry.uid, self.validity).into_bytes(),
        }
    }
}

/// The validity in `3 V<validity> N<next> G<guid>`.
fn header(line: &[u8]) -> Option<u32> {
    let mut words = line.split(|octet| *octet == b' ');
    if words.next() != Some(b"3") {
        return None;
    }
    words.find_map(|word| small(word.strip_prefix(b"V")?))
}

/// The message in `<uid> [W<size>] [P<uidl>] :<name>`.
fn entry(line: &[u8]) -> Option<(&[u8], Entry<'_>)> {
    let (fields, file) = line.split_at(memchr::memmem::find(line, b" :")?);
    let file = file
        .get(2..)
        .filter(|file| !file.is_empty() && !file.contains(&b'/'))?;
    let mut fields = fields.split(|octet| *octet == b' ');
    let uid = fields.next().and_then(small).filter(|uid| *uid > 0)?;
    let uidl = fields
        .find_map(|field| field.strip_prefix(b"P"))
        .filter(|uidl| snapshot::is_uid(uidl));
    Some((name::unique(file), Entry { uid, uidl }))
}

fn small(text: &[u8]) -> Option<u32> {
    name::number(text).and_then(|number| u32::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[u8] = b"3 V1795408876 N4 Gabcdef\n\
        1 W2060 :1.M1.h,S=2048,W=2060\n\
        2 Pold-id W7 :2.M1.h:2,S\n\
        junk\n\
        0 :3.M1.h\n\
        4294967296 :4.M1.h\n\
        5 :../../x\n\
        6 :\n\
        \n\
        7 P\x01bad :7.M1.h\n\
        8 :8.being-writ";

    fn uidl(list: &UidList<'_>, name: &str) -> Option<String> {
        let entry = list.get(name.as_bytes())?;
        Some(String::from_utf8(list.uidl(entry)).expect("text"))
    }

    #[test]
    fn unique_ids_are_those_that_dovecot_shows() {
        let list = UidList::parse(LIST).expect("a list");
        assert_eq!(
            uidl(&list, "1.M1.h,S=2048,W=2060").as_deref(),
            Some("000000016b03c3ec")
        );
        assert_eq!(uidl(&list, "2.M1.h").as_deref(), Some("old-id"));
        assert_eq!(uidl(&list, "7.M1.h").as_deref(), Some("000000076b03c3ec"));
        let list = UidList::parse(b"3 V1795408876\n1 :a\n").expect("a list");
        assert_eq!(uidl(&list, "a").as_deref(), Some("000000016b03c3ec"));
    }

    #[test]
    fn lines_that_make_no_sense_are_skipped_and_counted() {
        let list = UidList::parse(LIST).expect("a list");
        assert_eq!((list.entries.len(), list.bad_lines), (3, 6));
        assert_eq!(uidl(&list, "8.being-writ"), None);
    }

    #[test]
    fn what_does_not_begin_like_a_list_is_none() {
        for text in [
            "", "3", "3 V1", "1 5 6\n", "3 N4\n", "3 Vx\n", "\0\0\0\n", "33 V1\n",
        ] {
            assert_eq!(
                UidList::parse(text.as_bytes()).err(),
                Some(NotAList),
                "{text:?}"
            );
        }
    }
}
