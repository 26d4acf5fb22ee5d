//! Results of earlier runs, read from the TAP that `tap` writes.
//!
//! Runs nothing.

use std::{collections::BTreeMap, path::PathBuf};

use super::{Error, places::read};

/// What a run said about a row. The order is that of precedence.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Outcome {
    Elsewhere,
    Skipped,
    NotOffered,
    Pass,
    Deviation,
    Fail,
}

impl Outcome {
    /// All, in the order in which they are summed up.
    pub(super) const ALL: [Self; 6] = [
        Self::Pass,
        Self::Deviation,
        Self::Fail,
        Self::NotOffered,
        Self::Skipped,
        Self::Elsewhere,
    ];

    /// As the document has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Elsewhere => "elsewhere",
            Self::Skipped => "skipped",
            Self::NotOffered => "not offered",
            Self::Pass => "pass",
            Self::Deviation => "deviation",
            Self::Fail => "**fail**",
        }
    }
}

/// What came of a row, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Found {
    pub(super) outcome: Outcome,
    /// What stands behind the outcome; empty behind a pass and a failure.
    pub(super) reason: String,
}

/// What the runs say about each row: where they differ, the outcome that comes last.
pub(super) fn outcomes(files: &[PathBuf]) -> Result<BTreeMap<String, Found>, Error> {
    let mut best: BTreeMap<String, Found> = BTreeMap::new();
    for file in files {
        for (number, found) in read(file)?.lines().filter_map(result) {
            let known = best.entry(number).or_insert_with(|| found.clone());
            if found.outcome > known.outcome {
                *known = found;
            }
        }
    }
    Ok(best)
}

/// A test point of TAP, as `tap` writes them.
fn result(line: &str) -> Option<(String, Found)> {
    let (is_ok, rest) = match line.strip_prefix("not ok ") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok ")?),
    };
    let number = rest.split_once(" - row ")?.1.split(' ').next()?.to_owned();
    let directive = rest
        .split_once(" # ")
        .map_or("", |(_, directive)| directive);
    let (kind, reason) = directive.split_once(": ").unwrap_or((directive, ""));
    let outcome = match (is_ok, kind) {
        (false, "TODO deviation") => Outcome::Deviation,
        (false, _) => Outcome::Fail,
        (true, "SKIP not offered") => Outcome::NotOffered,
        (true, "SKIP skipped") => Outcome::Skipped,
        (true, "SKIP elsewhere") => Outcome::Elsewhere,
        (true, _) => Outcome::Pass,
    };
    let reason = reason.to_owned();
    Some((number, Found { outcome, reason }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_as_they_are_written() {
        for (line, number, outcome, reason) in [
            (
                "ok 1 - row 7 RFC 1939 §3 MUST: text",
                "7",
                Outcome::Pass,
                "",
            ),
            (
                "not ok 2 - row 42a RFC 1939 §7 MAY: text",
                "42a",
                Outcome::Fail,
                "",
            ),
            (
                "not ok 3 - row 10 RFC 1 §2 MUST: text # TODO deviation: why",
                "10",
                Outcome::Deviation,
                "why",
            ),
            (
                "ok 4 - row 11 RFC 1 §2 MUST: text # SKIP not offered: UTF8",
                "11",
                Outcome::NotOffered,
                "UTF8",
            ),
            (
                "ok 5 - row 12 RFC 1 §2 MUST: text # SKIP skipped: slow: needs --slow",
                "12",
                Outcome::Skipped,
                "slow: needs --slow",
            ),
            (
                "ok 6 - row 13 RFC 1 §2 MUST: text # SKIP elsewhere: unit",
                "13",
                Outcome::Elsewhere,
                "unit",
            ),
        ] {
            let reason = reason.to_owned();
            let found = Found { outcome, reason };
            assert_eq!(result(line), Some((number.to_owned(), found)));
        }
        assert_eq!(result("1..116"), None);
    }
}
