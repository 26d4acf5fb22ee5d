//! Replies: the only place that knows `+OK`, `-ERR`, CRLF and response codes.
//!
//! No reply contains octets of the client, so none can exceed 512 octets (RFC 1939 §3) or carry
//! something on to another protocol.

use alloc::vec::Vec;

use crate::capability::{Fault, Refusal};

/// A negative answer. Each has one text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Error {
    ArgumentCount,
    AuthenticationDenied,
    AuthenticationPermanent,
    AuthenticationTemporary,
    AuthUnsupported,
    BadLineCount,
    BadMessageNumber,
    InUse,
    InvalidAuthResponse,
    InvalidBase64,
    InvalidMessageNumber,
    LineTooLong,
    LoginDelay,
    MessageDeleted,
    MessageGone,
    NotOffered,
    NotRemoved,
    PermissionDenied,
    StoragePermanent,
    StorageTemporary,
    TooManyBadCommands,
    UnknownCommand,
    UnknownMechanism,
    UserRequired,
    WrongState,
}

impl Error {
    /// What follows `-ERR `. Response codes: RFC 2449 §8, RFC 3206.
    fn text(self) -> &'static str {
        match self {
            Self::ArgumentCount => "wrong number of arguments",
            Self::AuthenticationDenied => "[AUTH] Authentication failed",
            Self::AuthenticationPermanent => "[SYS/PERM] this account needs an operator",
            Self::AuthenticationTemporary => {
                "[SYS/TEMP] authentication is not available, try again later"
            }
            Self::AuthUnsupported => "AUTH extension unsupported",
            Self::BadLineCount => "Bad line count argument",
            Self::BadMessageNumber => "Bad message number argument",
            Self::InUse => "[IN-USE] maildrop already locked",
            Self::InvalidAuthResponse => "Invalid AUTH response",
            Self::InvalidBase64 => "Invalid BASE64 encoding",
            Self::InvalidMessageNumber => "Invalid message-number",
            Self::LineTooLong => "line too long",
            Self::LoginDelay => "[LOGIN-DELAY] wait before logging in again",
            Self::MessageDeleted => "message deleted",
            Self::MessageGone => "[SYS/TEMP] message was changed or removed by another program",
            Self::NotOffered => "not offered on this connection",
            Self::NotRemoved => "some deleted messages not removed",
            Self::PermissionDenied => "permission denied",
            Self::StoragePermanent => "[SYS/PERM] mail storage needs an operator",
            Self::StorageTemporary => "[SYS/TEMP] mail storage is not available, try again later",
            Self::TooManyBadCommands => "too many bad commands",
            Self::UnknownCommand => "unknown command",
            Self::UnknownMechanism => "Unsupported SASL selected",
            Self::UserRequired => "USER required before PASS",
            Self::WrongState => "not valid in this state",
        }
    }

    /// Whether it counts as a bad command: one that no client needs to send.
    pub(crate) fn is_bad_command(self) -> bool {
        matches!(self, Self::ArgumentCount | Self::UnknownCommand)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Gone => Self::MessageGone,
            Fault::Temporary => Self::StorageTemporary,
            Fault::Permanent => Self::StoragePermanent,
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied => Self::AuthenticationDenied,
            Refusal::InUse => Self::InUse,
            Refusal::LoginDelay => Self::LoginDelay,
            Refusal::Temporary => Self::AuthenticationTemporary,
            Refusal::Permanent => Self::AuthenticationPermanent,
        }
    }
}

/// The output of one step, and how much of it the host asked for.
#[derive(Debug)]
pub(crate) struct Output {
    octets: Vec<u8>,
    /// Octets beside these that the host forwards.
    forwarded: usize,
    max: usize,
}

impl Output {
    /// Nothing yet. `max` is a mark to stop at, not a wall.
    pub(crate) fn new(max: u32) -> Self {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        Self {
            octets: Vec::with_capacity(128),
            forwarded: 0,
            max,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.octets.is_empty() && self.forwarded == 0
    }

    /// Octets until the mark.
    pub(crate) fn room(&self) -> usize {
        let octets = self.octets.len().saturating_add(self.forwarded);
        self.max.saturating_sub(octets)
    }

    /// Octets so far, without what is forwarded.
    pub(crate) fn len(&self) -> usize {
        self.octets.len()
    }

    /// Takes back what was said behind the first `len` octets.
    pub(crate) fn take_back(&mut self, len: usize) {
        self.octets.truncate(len);
    }

    /// The host sends so many octets beside these.
    pub(crate) fn forwarded(&mut self, octets: u32) {
        let octets = usize::try_from(octets).unwrap_or(usize::MAX);
        self.forwarded = self.forwarded.saturating_add(octets);
    }

    pub(crate) fn into_octets(self) -> Vec<u8> {
        self.octets
    }

    /// The octets as they are, for filters that append.
    pub(crate) fn octets(&mut self) -> &mut Vec<u8> {
        &mut self.octets
    }

    /// RFC 1939 §4: the greeting, with the challenge behind it if APOP is offered.
    pub(crate) fn greeting(&mut self, banner: &str, challenge: Option<&str>) {
        self.part("+OK ");
        self.part(banner);
        if let Some(challenge) = challenge {
            self.part(" ");
            self.part(challenge);
        }
        self.crlf();
    }

    /// `+OK text`. Without a text the space stays: RFC 1939 §3 separates by it.
    pub(crate) fn ok(&mut self, text: &str) {
        self.octets.extend_from_slice(b"+OK ");
        self.line(text);
    }

    /// `+OK` and two numbers: STAT, LIST n.
    pub(crate) fn ok_pair(&mut self, first: u64, second: u64) {
        self.octets.extend_from_slice(b"+OK ");
        self.pair(first, second);
    }

    /// `+OK`, a number and a text behind it.
    pub(crate) fn ok_number(&mut self, number: u64, text: &str) {
        self.octets.extend_from_slice(b"+OK ");
        self.number(number);
        self.line(text);
    }

    /// `+OK`, a number and a unique id: UIDL n.
    pub(crate) fn ok_uid(&mut self, number: u32, uid: &[u8]) {
        self.octets.extend_from_slice(b"+OK ");
        self.uid(number, uid);
    }

    /// `-ERR text`.
    pub(crate) fn error(&mut self, error: Error) {
        self.octets.extend_from_slice(b"-ERR ");
        self.line(error.text());
    }

    /// RFC 5034 §4: `+`, one space, base64, nothing else.
    pub(crate) fn challenge(&mut self, base64: &str) {
        self.octets.extend_from_slice(b"+ ");
        self.line(base64);
    }

    /// A line of a multi-line answer, or the rest of a line. It must not begin with a dot.
    pub(crate) fn line(&mut self, text: &str) {
        self.octets.extend_from_slice(text.as_bytes());
        self.crlf();
    }

    /// A part of a line.
    pub(crate) fn part(&mut self, text: &str) {
        self.octets.extend_from_slice(text.as_bytes());
    }

    /// A line of two numbers.
    pub(crate) fn pair(&mut self, first: u64, second: u64) {
        self.number(first);
        self.octets.push(b' ');
        self.number(second);
        self.crlf();
    }

    /// A line of a number and a unique id.
    pub(crate) fn uid(&mut self, number: u32, uid: &[u8]) {
        self.number(u64::from(number));
        self.octets.push(b' ');
        self.octets.extend_from_slice(uid);
        self.crlf();
    }

    /// The end of a multi-line answer.
    pub(crate) fn terminator(&mut self) {
        self.octets.extend_from_slice(b".\r\n");
    }

    pub(crate) fn crlf(&mut self) {
        self.octets.extend_from_slice(b"\r\n");
    }

    fn number(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b'0' + (number % 10).to_le_bytes()[0];
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.octets.extend_from_slice(&digits[start..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_full() {
        let mut out = Output::new(1024);
        out.ok_pair(0, u64::MAX);
        assert_eq!(out.into_octets(), b"+OK 0 18446744073709551615\r\n");
    }

    #[test]
    fn an_answer_without_a_text_keeps_its_space() {
        let mut out = Output::new(1024);
        out.ok("");
        assert_eq!(out.into_octets(), b"+OK \r\n");
    }
}
