//! Rows that a server fails on purpose, and its reasons.
//!
//! A declared row may pass all the same: the declaration is a permission. Whoever wants an
//! expectation asks for what is [`unmet`](Deviations::unmet).

use std::{collections::BTreeMap, fs, io, path::Path};

use serde::Deserialize;

use crate::{
    checks,
    run::{Finding, Verdict},
};

/// Declared deviations.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Deviations {
    declared: BTreeMap<String, Declared>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Declared {
    reason: String,
    /// What a failure has to say to be the declared one.
    only: Option<String>,
}

/// Why a list of deviations cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{path}: {source}")]
    Parse {
        /// The file.
        path: String,
        /// What is wrong, and where.
        source: Box<toml::de::Error>,
    },
    /// There is no such row.
    #[error("there is no row `{0}`")]
    NoRow(String),
    /// The row is declared twice.
    #[error("row {0} is declared twice")]
    Twice(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    deviation: Vec<Deviation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deviation {
    row: String,
    reason: String,
    only: Option<String>,
}

impl Deviations {
    /// Adds what a TOML file declares: `[[deviation]]` sections with `row` and `reason`, and with
    /// `only` if it is a part of the row: a text that the failure's sentence has to have in it.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is malformed, or names a row twice or one that there is not.
    pub fn read(&mut self, path: &Path) -> Result<(), Error> {
        let name = || path.display().to_string();
        let text = fs::read_to_string(path).map_err(|source| Error::Read {
            path: name(),
            source,
        })?;
        let document: Document = toml::from_str(&text).map_err(|source| Error::Parse {
            path: name(),
            source: Box::new(source),
        })?;
        document
            .deviation
            .into_iter()
            .try_for_each(|one| self.add(&one.row, &one.reason, one.only))
    }

    /// Adds one.
    ///
    /// # Errors
    ///
    /// There is no such row, or it is declared already.
    pub fn declare(&mut self, row: &str, reason: &str) -> Result<(), Error> {
        self.add(row, reason, None)
    }

    /// Why the row is not met, if that was declared.
    pub fn reason(&self, row: &str) -> Option<&str> {
        self.declared
            .get(row)
            .map(|declared| declared.reason.as_str())
    }

    /// Why the row is failed in this way, if that was declared.
    pub fn excuse(&self, row: &str, failure: &str) -> Option<&str> {
        let declared = self.declared.get(row)?;
        let is_it = declared
            .only
            .as_deref()
            .is_none_or(|only| failure.contains(only));
        is_it.then_some(declared.reason.as_str())
    }

    /// The declared rows, in the order of the table.
    pub fn rows(&self) -> impl Iterator<Item = &'static str> {
        let numbers = checks::rows().map(|row| row.number);
        numbers.filter(|number| self.declared.contains_key(*number))
    }

    /// A sentence for each declared row that did not fail as it was declared.
    pub fn unmet(&self, findings: &[Finding]) -> Vec<String> {
        let found = |number| findings.iter().find(|finding| finding.row.number == number);
        let sentence = |number| match found(number).map(|finding| &finding.verdict) {
            Some(Verdict::Deviation { .. }) => None,
            Some(verdict) => Some((number, verdict.name())),
            None => Some((number, "not checked")),
        };
        let unmet = self.rows().filter_map(sentence);
        unmet
            .map(|(number, what)| {
                format!("row {number} is declared as a deviation and does not show: {what}")
            })
            .collect()
    }

    /// Whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        self.declared.is_empty()
    }

    fn add(&mut self, row: &str, reason: &str, only: Option<String>) -> Result<(), Error> {
        if !checks::rows().any(|other| other.number == row) {
            return Err(Error::NoRow(row.to_owned()));
        }
        let reason = reason.to_owned();
        let declared = Declared { reason, only };
        match self.declared.insert(row.to_owned(), declared) {
            None => Ok(()),
            Some(_) => Err(Error::Twice(row.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(text: &str) -> Result<Deviations, Error> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let mut deviations = Deviations::default();
        deviations.read(file.path())?;
        Ok(deviations)
    }

    #[test]
    fn declared_rows_have_their_reasons() {
        let deviations = read("[[deviation]]\nrow = \"10\"\nreason = \"policy\"\n").unwrap();
        assert_eq!(deviations.reason("10"), Some("policy"));
        assert_eq!(deviations.reason("11"), None);
    }

    #[test]
    fn a_part_of_a_row_excuses_no_other_part() {
        let text = "[[deviation]]\nrow = \"10\"\nreason = \"policy\"\nonly = \"before login\"\n";
        let deviations = read(text).unwrap();
        assert_eq!(
            deviations.excuse("10", "ended before login"),
            Some("policy")
        );
        assert_eq!(deviations.excuse("10", "ended after login"), None);
        assert_eq!(deviations.excuse("11", "ended before login"), None);
    }

    #[test]
    fn a_row_that_is_not_there_and_an_unknown_key_are_refused() {
        let error = read("[[deviation]]\nrow = \"999\"\nreason = \"none\"\n").unwrap_err();
        assert_eq!(error.to_string(), "there is no row `999`");
        assert!(matches!(read("[[deviations]]\n"), Err(Error::Parse { .. })));
    }

    #[test]
    fn a_row_that_is_declared_twice_is_refused() {
        let text = "[[deviation]]\nrow = \"10\"\nreason = \"policy\"\n";
        let error = read(&text.repeat(2)).unwrap_err();
        assert_eq!(error.to_string(), "row 10 is declared twice");
    }

    #[test]
    fn the_lists_of_servers_are_well_formed() {
        for server in ["popcell", "dovecot"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deviations");
            let mut deviations = Deviations::default();
            deviations
                .read(&folder.join(server).with_extension("toml"))
                .unwrap();
            assert!(!deviations.is_empty(), "{server}");
        }
    }
}
