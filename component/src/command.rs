//! The table of all commands, and a line as a typed command.
//!
//! One row says everything about a command that others ask: where it is valid, how many arguments
//! it takes, whether they are secret. Knows nothing of states beyond their names.

use crate::reply::Error;

/// A command of POP3, without its arguments.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the variants are the keywords of the RFCs")]
pub enum Verb {
    Apop,
    Auth,
    Capa,
    Dele,
    Last,
    List,
    Noop,
    Pass,
    Quit,
    Retr,
    Rpop,
    Rset,
    Stat,
    Stls,
    Top,
    Uidl,
    User,
}

/// What is true of a command whatever its arguments.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Row {
    /// The command.
    pub verb: Verb,
    /// Its keyword in upper case, filled up with spaces to four octets.
    pub keyword: [u8; 4],
    /// Whether it is valid before login.
    pub authorization: bool,
    /// Whether it is valid after login.
    pub transaction: bool,
    /// The fewest and the most arguments.
    pub arguments: (usize, usize),
    /// Whether its arguments must never be logged or recorded.
    pub secret: bool,
}

/// Every command. Order: RFC 1939, then the extensions by RFC number.
#[rustfmt::skip] // A table is read by its columns.
pub const COMMANDS: [Row; 17] = [
    row(Verb::User, *b"USER", BEFORE, (1, 1), OPEN),   // RFC 1939 §7
    row(Verb::Pass, *b"PASS", BEFORE, (1, 1), SECRET), // RFC 1939 §7
    row(Verb::Apop, *b"APOP", BEFORE, (2, 2), SECRET), // RFC 1939 §7
    row(Verb::Quit, *b"QUIT", BOTH,   (0, 0), OPEN),   // RFC 1939 §5, §6
    row(Verb::Stat, *b"STAT", AFTER,  (0, 0), OPEN),   // RFC 1939 §5
    row(Verb::List, *b"LIST", AFTER,  (0, 1), OPEN),   // RFC 1939 §5
    row(Verb::Retr, *b"RETR", AFTER,  (1, 1), OPEN),   // RFC 1939 §5
    row(Verb::Dele, *b"DELE", AFTER,  (1, 1), OPEN),   // RFC 1939 §5
    row(Verb::Noop, *b"NOOP", AFTER,  (0, 0), OPEN),   // RFC 1939 §5
    row(Verb::Rset, *b"RSET", AFTER,  (0, 0), OPEN),   // RFC 1939 §5
    row(Verb::Top,  *b"TOP ", AFTER,  (2, 2), OPEN),   // RFC 1939 §7
    row(Verb::Uidl, *b"UIDL", AFTER,  (0, 1), OPEN),   // RFC 1939 §7
    row(Verb::Last, *b"LAST", AFTER,  (0, 0), OPEN),   // RFC 1460 §5
    row(Verb::Rpop, *b"RPOP", BEFORE, (0, 1), OPEN),   // RFC 1081
    row(Verb::Capa, *b"CAPA", BOTH,   (0, 0), OPEN),   // RFC 2449 §5
    row(Verb::Stls, *b"STLS", BEFORE, (0, 0), OPEN),   // RFC 2595 §4
    row(Verb::Auth, *b"AUTH", BEFORE, (0, 2), SECRET), // RFC 5034 §4
];

const BEFORE: (bool, bool) = (true, false);
const AFTER: (bool, bool) = (false, true);
const BOTH: (bool, bool) = (true, true);
const SECRET: bool = true;
const OPEN: bool = false;

const fn row(
    verb: Verb,
    keyword: [u8; 4],
    valid: (bool, bool),
    arguments: (usize, usize),
    secret: bool,
) -> Row {
    Row {
        verb,
        keyword,
        authorization: valid.0,
        transaction: valid.1,
        arguments,
        secret,
    }
}

/// A message number as the client wrote it: 1-based, and perhaps of no message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct MessageNumber(u32);

impl MessageNumber {
    /// RFC 1939 §3: a number is `1*DIGIT`. One too large for 32 bits saturates: there is no such
    /// message either, since a maildrop holds at most 2^31 - 1.
    pub(crate) fn parse(octets: &[u8]) -> Option<Self> {
        let number = decimal(octets)?;
        Some(Self(u32::try_from(number).unwrap_or(u32::MAX)))
    }

    /// The number, if it is one of `1..=count`.
    pub(crate) fn within(self, count: u32) -> Option<u32> {
        (1..=count).contains(&self.0).then_some(self.0)
    }
}

/// `1*DIGIT`, saturating: no sign, no underscore, no other base.
pub(crate) fn decimal(octets: &[u8]) -> Option<u64> {
    if octets.is_empty() {
        return None;
    }
    octets.iter().try_fold(0_u64, |number, octet| {
        let digit = octet.is_ascii_digit().then(|| u64::from(octet - b'0'))?;
        Some(number.saturating_mul(10).saturating_add(digit))
    })
}

/// The arguments of a command; none takes more than two.
pub(crate) type Arguments<'a> = [Option<&'a [u8]>; 2];

/// A line taken apart: its row in the table and what follows the keyword.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    /// The row of the keyword.
    pub(crate) row: &'static Row,
    /// Everything behind the keyword, the separating space included.
    rest: &'a [u8],
}

impl<'a> Line<'a> {
    /// Finds the command of a line without its line end.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownCommand`], the client's fault.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, Error> {
        let line = trim_start(line);
        let end = line
            .iter()
            .position(|octet| *octet == b' ')
            .unwrap_or(line.len());
        let (word, rest) = line.split_at(end);
        let keyword = keyword(word).ok_or(Error::UnknownCommand)?;
        let row = COMMANDS.iter().find(|row| row.keyword == keyword);
        Ok(Self {
            row: row.ok_or(Error::UnknownCommand)?,
            rest,
        })
    }

    /// The arguments, split at spaces, if there are as many as the table allows.
    ///
    /// # Errors
    ///
    /// [`Error::ArgumentCount`], the client's fault.
    pub(crate) fn arguments(&self) -> Result<Arguments<'a>, Error> {
        if self.row.verb == Verb::Pass {
            return Ok([Some(self.password()?), None]);
        }
        let mut words = self
            .rest
            .split(|octet| *octet == b' ')
            .filter(|word| !word.is_empty());
        let arguments = [words.next(), words.next()];
        let count = arguments.iter().flatten().count() + words.count();
        let (fewest, most) = self.row.arguments;
        if !(fewest..=most).contains(&count) {
            return Err(Error::ArgumentCount);
        }
        Ok(arguments)
    }

    /// RFC 1939 §7 (PASS): spaces may be part of the password, so it is all that follows the one
    /// space behind the keyword, octet by octet.
    fn password(&self) -> Result<&'a [u8], Error> {
        self.rest.strip_prefix(b" ").ok_or(Error::ArgumentCount)
    }
}

/// A word in the form of the table's keywords; `None` if it can be none of them.
fn keyword(word: &[u8]) -> Option<[u8; 4]> {
    let mut keyword = [b' '; 4];
    keyword.get_mut(..word.len())?.copy_from_slice(word);
    keyword.make_ascii_uppercase();
    Some(keyword)
}

fn trim_start(line: &[u8]) -> &[u8] {
    let start = line
        .iter()
        .position(|octet| *octet != b' ')
        .unwrap_or(line.len());
    &line[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &[u8]) -> Result<Vec<&[u8]>, Error> {
        Ok(Line::parse(line)?
            .arguments()?
            .into_iter()
            .flatten()
            .collect())
    }

    #[test]
    fn keywords_are_case_insensitive() {
        for line in [b"retr 1".as_slice(), b"RETR 1", b"ReTr 1"] {
            assert_eq!(Line::parse(line).map(|line| line.row.verb), Ok(Verb::Retr));
        }
    }

    #[test]
    fn words_that_are_no_keyword_are_unknown() {
        let lines: [&[u8]; 7] = [
            b"",
            b" ",
            b"TOPP",
            b"RETRIEVE 1",
            b"RE\0R",
            b"\xffSTA",
            b"GET / HTTP/1.1",
        ];
        for line in lines {
            assert_eq!(
                Line::parse(line).map(|line| line.row.verb),
                Err(Error::UnknownCommand)
            );
        }
    }

    #[test]
    fn spaces_around_arguments_do_not_count() {
        assert_eq!(arguments(b"TOP  1   2 "), Ok(vec![b"1".as_slice(), b"2"]));
        assert_eq!(arguments(b"TOP 1"), Err(Error::ArgumentCount));
        assert_eq!(arguments(b"TOP 1 2 3"), Err(Error::ArgumentCount));
        assert_eq!(arguments(b"AUTH "), Ok(vec![]));
    }

    #[test]
    fn a_password_keeps_its_spaces() {
        assert_eq!(arguments(b"PASS  a b "), Ok(vec![b" a b ".as_slice()]));
        assert_eq!(arguments(b"PASS "), Ok(vec![b"".as_slice()]));
        assert_eq!(arguments(b"PASS"), Err(Error::ArgumentCount));
    }

    #[test]
    fn numbers_are_digits_and_saturate() {
        assert_eq!(decimal(b"007"), Some(7));
        assert_eq!(decimal(b"18446744073709551616"), Some(u64::MAX));
        for bad in [
            b"".as_slice(),
            b"+1",
            b"-1",
            b"0x1",
            b"1_0",
            b"1 ",
            b"\xd9\xa1",
        ] {
            assert_eq!(decimal(bad), None);
        }
        let number = |octets| MessageNumber::parse(octets).and_then(|number| number.within(3));
        assert_eq!(number(b"3"), Some(3));
        for bad in [
            b"0".as_slice(),
            b"4",
            b"4294967297",
            b"18446744073709551617",
        ] {
            assert_eq!(number(bad), None);
        }
    }
}
