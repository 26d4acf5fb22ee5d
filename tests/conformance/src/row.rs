//! Requirements: what one is, and how it is held against a server.
//!
//! The requirements themselves stand in `checks`, each beside its check.

use std::{fmt, str::FromStr};

use crate::{stop::Stop, trial::Trial};

/// A check: it returns if the server does what the row requires.
pub type Check = fn(&Trial<'_>) -> Result<(), Stop>;

/// A requirement on POP3 servers.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its number in the table: digits, or digits and a letter.
    pub number: &'static str,
    /// The RFC that it is from.
    pub rfc: u16,
    /// The section, with the command in parentheses where the section has several: `5 (STAT)`.
    pub section: &'static str,
    /// How strong it is.
    pub level: Level,
    /// What is required, in short.
    pub requirement: &'static str,
    /// What shows it.
    pub proof: Proof,
}

/// How strong a requirement is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// Required, in words or by the grammar.
    Must,
    /// Strongly recommended.
    Should,
    /// May be done; if it is done, by these rules.
    Optional,
    /// A fact about how things are done.
    Policy,
}

/// What shows that a requirement is met.
#[derive(Clone, Copy, Debug)]
pub enum Proof {
    /// A dialogue with the server.
    Wire(Check),
    /// Tests of the program's parts; why the wire does not show it.
    Unit(&'static str),
    /// Its configuration; why the wire does not show it.
    Configuration(&'static str),
    /// Its documentation; why the wire does not show it.
    Documentation(&'static str),
    /// Nothing: it allows something, or is about what is not done at all.
    Nothing(&'static str),
}

impl Row {
    /// The clause as sources cite it: `RFC 1939 §5 (STAT)`.
    pub fn clause(&self) -> String {
        format!("RFC {} §{}", self.rfc, self.section)
    }

    /// The clauses that sources may cite for it, one command or section each.
    pub(crate) fn clauses(&self) -> Vec<String> {
        let (sections, commands) = match self.section.split_once(" (") {
            Some((section, commands)) => (section, commands.trim_end_matches(')')),
            None => (self.section, ""),
        };
        let rfc = self.rfc;
        let of = |section: &str| {
            let commands = commands.split(", ").map(|command| match command {
                "" => format!("RFC {rfc} §{section}"),
                command => format!("RFC {rfc} §{section} ({command})"),
            });
            commands.collect::<Vec<_>>()
        };
        sections.split(", ").flat_map(of).collect()
    }

    /// The number without its letter.
    pub fn ordinal(&self) -> u32 {
        ordinal(self.number).unwrap_or(u32::MAX)
    }
}

impl Level {
    /// All levels, the strongest first.
    pub const ALL: [Self; 4] = [Self::Must, Self::Should, Self::Optional, Self::Policy];

    /// The level in capital letters, as RFC 2119 writes it where it does.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::Optional => "MAY",
            Self::Policy => "fact",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A choice of rows: `3,42a,60-66`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Selection {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    One(String),
    Range(u32, u32),
}

/// A choice of rows that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no row and no range of rows")]
pub struct SelectionError(String);

impl Selection {
    /// Whether the row is chosen. Without any part, all rows are. `42` chooses 42a to 42d.
    pub fn has(&self, row: &Row) -> bool {
        let is_in = |part: &Part| match part {
            Part::One(number) => number == row.number || *number == row.ordinal().to_string(),
            Part::Range(first, last) => (*first..=*last).contains(&row.ordinal()),
        };
        self.parts.is_empty() || self.parts.iter().any(is_in)
    }
}

impl FromStr for Selection {
    type Err = SelectionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text
            .split([',', ' '])
            .filter(|part| !part.is_empty())
            .map(part);
        Ok(Self {
            parts: parts.collect::<Result<_, _>>()?,
        })
    }
}

fn part(text: &str) -> Result<Part, SelectionError> {
    let wrong = || SelectionError(text.to_owned());
    match text.split_once('-') {
        Some((first, last)) => {
            let (first, last) = (first.parse().ok(), last.parse().ok());
            first
                .zip(last)
                .map(|(first, last)| Part::Range(first, last))
                .ok_or_else(wrong)
        }
        None => ordinal(text)
            .map(|_| Part::One(text.to_owned()))
            .ok_or_else(wrong),
    }
}

fn ordinal(number: &str) -> Option<u32> {
    number
        .trim_end_matches(|c: char| c.is_ascii_lowercase())
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks;

    fn chosen(text: &str) -> Vec<&'static str> {
        let selection: Selection = text.parse().unwrap();
        checks::rows()
            .filter(|row| selection.has(row))
            .map(|row| row.number)
            .collect()
    }

    #[test]
    fn rows_are_chosen_by_number_and_range() {
        assert_eq!(chosen("3,5"), ["3", "5"]);
        assert_eq!(chosen("41-43"), ["41", "42a", "42b", "42c", "42d", "43"]);
        assert_eq!(chosen("42b"), ["42b"]);
        assert_eq!(chosen("42"), ["42a", "42b", "42c", "42d"]);
        assert_eq!(chosen("").len(), checks::rows().count());
    }

    #[test]
    fn a_row_of_two_commands_or_sections_has_two_clauses() {
        let clauses = |number| {
            checks::rows()
                .find(|row| row.number == number)
                .unwrap()
                .clauses()
        };
        assert_eq!(clauses("22"), ["RFC 1939 §5 (STAT)", "RFC 1939 §5 (LIST)"]);
        assert_eq!(clauses("25"), ["RFC 1939 §5", "RFC 1939 §11"]);
        assert_eq!(clauses("66"), ["RFC 3206 §6"]);
    }

    #[test]
    fn what_is_no_row_is_refused() {
        for text in ["x", "1-", "-1", "1-x", "4_2"] {
            let error = text.parse::<Selection>().unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}
