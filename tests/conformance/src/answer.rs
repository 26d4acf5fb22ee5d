//! Answers: first lines, and the lines behind them.
//!
//! Reads no socket and judges nothing that was not asked for.

use crate::{
    dialogue::shown,
    stop::{Stop, require},
};

/// A line as it came, without its end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Line {
    pub(crate) octets: Vec<u8>,
    /// Whether it ended in CRLF, and not in a bare LF.
    pub(crate) has_crlf: bool,
}

/// The first line of an answer, and what it answers.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The command, fit to be shown.
    pub(crate) command: String,
    pub(crate) line: Line,
}

/// An answer of several lines.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) first: Answer,
    /// Everything behind the first line as it came, but for the terminator.
    pub(crate) raw: Vec<u8>,
    /// Whether the terminator ended in CRLF.
    pub(crate) is_ended_by_crlf: bool,
}

/// A response code (RFC 2449 §8): what stands between the brackets, in upper case.
pub(crate) type Code = String;

impl Answer {
    pub(crate) fn is_ok(&self) -> bool {
        self.status() == b"+OK"
    }

    pub(crate) fn is_err(&self) -> bool {
        self.status() == b"-ERR"
    }

    /// The answer if it is positive.
    pub(crate) fn ok(self) -> Result<Self, Stop> {
        require(self.is_ok(), || self.instead_of("+OK"))?;
        Ok(self)
    }

    /// The answer if it is negative.
    pub(crate) fn err(self) -> Result<Self, Stop> {
        require(self.is_err(), || self.instead_of("-ERR"))?;
        Ok(self)
    }

    /// What stands behind the status indicator and one space.
    pub(crate) fn text(&self) -> &[u8] {
        let rest = self
            .line
            .octets
            .get(self.status().len()..)
            .unwrap_or_default();
        rest.strip_prefix(b" ").unwrap_or(rest)
    }

    /// The words behind the status indicator.
    pub(crate) fn words(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(self.text());
        text.split_ascii_whitespace().map(str::to_owned).collect()
    }

    /// What stands in the brackets that the text begins with.
    pub(crate) fn code(&self) -> Option<Code> {
        let text = self.text().strip_prefix(b"[")?;
        let end = text.iter().position(|&octet| octet == b']')?;
        Some(String::from_utf8_lossy(&text[..end]).to_ascii_uppercase())
    }

    /// A sentence: what should have come, and what came.
    pub(crate) fn instead_of(&self, expected: &str) -> String {
        format!("{} must be answered {expected}, not `{self}`", self.command)
    }

    fn status(&self) -> &[u8] {
        let end = self.line.octets.iter().position(|&octet| octet == b' ');
        &self.line.octets[..end.unwrap_or(self.line.octets.len())]
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&shown(&self.line.octets))
    }
}

impl Block {
    /// The lines, without their ends and without the stuffing.
    pub(crate) fn lines(&self) -> Vec<&[u8]> {
        let lines = self.raw.split_inclusive(|&octet| octet == b'\n');
        lines
            .map(|line| without_stuffing(without_end(line)))
            .collect()
    }

    /// The octets without the stuffing, line ends as they came.
    pub(crate) fn octets(&self) -> Vec<u8> {
        let lines = self.raw.split_inclusive(|&octet| octet == b'\n');
        lines.flat_map(without_stuffing).copied().collect()
    }

    /// The lines as text, for lists.
    pub(crate) fn text(&self) -> Vec<String> {
        let lines = self.lines();
        lines
            .iter()
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect()
    }
}

/// A number as `1*DIGIT`, without anything else.
pub(crate) fn number(text: &str) -> Option<u64> {
    let is_digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    if is_digits { text.parse().ok() } else { None }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn without_stuffing(line: &[u8]) -> &[u8] {
    line.strip_prefix(b".").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &str) -> Answer {
        let line = Line {
            octets: line.as_bytes().to_vec(),
            has_crlf: true,
        };
        Answer {
            command: "NOOP".to_owned(),
            line,
        }
    }

    #[test]
    fn status_indicators_are_upper_case_words() {
        assert!(answer("+OK").is_ok());
        assert!(answer("+OK done").is_ok());
        assert!(answer("-ERR [AUTH] no").is_err());
        for line in ["+ok", "+OKAY", "+OK\tdone", "-err no", "-ERRor", "", "+"] {
            assert!(!answer(line).is_ok() && !answer(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_code_is_what_stands_in_the_first_brackets() {
        assert_eq!(
            answer("-ERR [sys/temp] later").code().as_deref(),
            Some("SYS/TEMP")
        );
        assert_eq!(answer("-ERR no [code]").code(), None);
        assert_eq!(answer("-ERR [open").code(), None);
        assert_eq!(answer("-ERR").code(), None);
    }

    #[test]
    fn the_stuffing_is_undone_in_every_line() {
        let block = Block {
            first: answer("+OK"),
            raw: b"..\r\n..a\r\nb.\r\n\r\n".to_vec(),
            is_ended_by_crlf: true,
        };
        assert_eq!(block.octets(), b".\r\n.a\r\nb.\r\n\r\n");
        assert_eq!(block.text(), [".", ".a", "b.", ""]);
    }

    #[test]
    fn numbers_are_digits_and_nothing_else() {
        assert_eq!(number("0120"), Some(120));
        for text in ["", "+1", "-1", " 1", "1 ", "0x1", "99999999999999999999"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
