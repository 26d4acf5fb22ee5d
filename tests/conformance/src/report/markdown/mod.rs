//! CONFORMANCE.md: the table of requirements with code, transcripts and results.
//!
//! Reads sources, transcripts and TAP results as text; runs nothing.

mod places;
mod results;
mod summary;

use std::{collections::BTreeSet, io, path::PathBuf};

use places::Places;
use results::{Found, Outcome};

use crate::{checks, deviations::Deviations, row::Row};

/// What the document is made from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Folders of Rust sources, searched for clauses such as `RFC 1939 §5 (STAT)`.
    pub code: Vec<PathBuf>,
    /// A TOML file with the tables `code` and `tests`: files for rows whose clause says too little,
    /// and tests that are no transcripts, relative to the working directory.
    pub places: Option<PathBuf>,
    /// A folder of transcripts, searched for lines such as `# rows: 21 22`.
    pub transcripts: Option<PathBuf>,
    /// TAP files of runs; where they differ, the worst counts, and a run that tried counts more
    /// than one that did not.
    pub results: Vec<PathBuf>,
}

/// Why the document cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or a folder cannot be read, or does not hold what it should.
    #[error("{path}: {source}")]
    Unusable {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The results do not show what is declared.
    #[error("row {0} is declared as a deviation, but it was tried and does not fail")]
    Stale(&'static str),
}

/// Makes the document.
///
/// # Errors
///
/// See [`Error`].
pub fn document(sources: &Sources, deviations: &Deviations) -> Result<String, Error> {
    let mut places = Places::default();
    if let Some(file) = &sources.places {
        places = places::listed(file)?;
    }
    places.code(places::cited(&sources.code)?);
    if let Some(folder) = &sources.transcripts {
        places.tests(places::covered(folder)?);
    }
    let found = results::outcomes(&sources.results)?;
    if let Some(row) = summary::stale(&found, deviations) {
        return Err(Error::Stale(row));
    }
    let mut text = heading(deviations);
    text.push_str(&summary::by_document(&found));
    let rows: Vec<&Row> = checks::rows().collect();
    for table in rows.chunk_by(|a, b| a.rfc == b.rfc) {
        let rfc = table.first().map_or(0, |row| row.rfc);
        text.push_str(&format!("\n## RFC {rfc}\n\n{HEADER}"));
        for row in table {
            text.push_str(&line(row, found.get(row.number), &places));
        }
    }
    Ok(text)
}

const HEADER: &str = "| # | Section | Level | Requirement | Result | Code | Tests |\n\
                      | --- | --- | --- | --- | --- | --- | --- |\n";

fn line(row: &Row, found: Option<&Found>, places: &Places) -> String {
    let (number, section, level) = (row.number, row.section, row.level);
    let (code, tests) = (
        list(places.code.get(number)),
        list(places.tests.get(number)),
    );
    let (requirement, result) = (row.requirement, found.map_or_else(String::new, result));
    format!("| {number} | {section} | {level} | {requirement} | {result} | {code} | {tests} |\n")
}

/// The outcome and its reason; that of a deviation stands in the list of them.
fn result(found: &Found) -> String {
    let name = found.outcome.name();
    match found.reason.is_empty() || found.outcome == Outcome::Deviation {
        true => name.to_owned(),
        false => format!("{name}: {}", found.reason.replace('|', "\\|")),
    }
}

fn heading(deviations: &Deviations) -> String {
    let mut text = "# Conformance\n\n\
        What the RFCs require of a POP3 server, where it is done, what shows it, and whether it \
        holds. Made by `popcell-conformance report`; not edited by hand.\n\n\
        A result is the worst that any run has seen, but for runs that could not try: *not offered* is \
        an option that the server does not have, *skipped* was not tried, *elsewhere* is not seen on \
        the wire. Tests with a number are transcripts.\n\n\
        ## Deliberate deviations\n\n"
        .to_owned();
    if deviations.is_empty() {
        text.push_str("None.\n");
    }
    for row in checks::rows() {
        if let Some(reason) = deviations.reason(row.number) {
            text.push_str(&format!(
                "* {} (row {}): {reason}.\n",
                row.clause(),
                row.number
            ));
        }
    }
    text
}

fn list(names: Option<&BTreeSet<String>>) -> String {
    let names = names.into_iter().flatten().map(|name| format!("`{name}`"));
    names.collect::<Vec<_>>().join(", ")
}
