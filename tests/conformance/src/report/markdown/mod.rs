//! CONFORMANCE.md: the table of requirements with code, transcripts and results.
//!
//! Reads sources, transcripts and TAP results as text; runs nothing.

mod places;
mod results;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
};

use places::Names;
use results::Outcome;

use crate::{checks, deviations::Deviations, row::Row};

/// What the document is made from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Folders of Rust sources, searched for clauses such as `RFC 1939 §5 (STAT)`.
    pub code: Vec<PathBuf>,
    /// A TOML file that lists files for rows whose clause says too little, relative to the working
    /// directory.
    pub places: Option<PathBuf>,
    /// A folder of transcripts, searched for lines such as `# rows: 21 22`.
    pub transcripts: Option<PathBuf>,
    /// TAP files of runs; where they differ, the worst counts, and a run that tried counts more
    /// than one that did not.
    pub results: Vec<PathBuf>,
}

/// Why the document cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct Error {
    path: PathBuf,
    source: io::Error,
}

/// Makes the document.
///
/// # Errors
///
/// A file or a folder cannot be read, or the list of places names what is not there.
pub fn document(sources: &Sources, deviations: &Deviations) -> Result<String, Error> {
    let mut code = places::cited(&sources.code)?;
    if let Some(file) = &sources.places {
        for (number, files) in places::listed(file)? {
            code.entry(number).or_default().extend(files);
        }
    }
    let transcripts = sources
        .transcripts
        .as_deref()
        .map(places::covered)
        .transpose()?;
    let transcripts = transcripts.unwrap_or_default();
    let outcomes = results::outcomes(&sources.results)?;
    let mut text = heading(deviations);
    text.push_str(&summary(&outcomes));
    let rows: Vec<&Row> = checks::rows().collect();
    for table in rows.chunk_by(|a, b| a.rfc == b.rfc) {
        let rfc = table.first().map_or(0, |row| row.rfc);
        text.push_str(&format!("\n## RFC {rfc}\n\n{HEADER}"));
        for row in table {
            let outcome = outcomes
                .get(row.number)
                .map_or("", |outcome| outcome.name());
            text.push_str(&line(row, outcome, &code, &transcripts));
        }
    }
    Ok(text)
}

const HEADER: &str = "| # | Section | Level | Requirement | Result | Code | Transcripts |\n\
                      | --- | --- | --- | --- | --- | --- | --- |\n";

fn line(row: &Row, outcome: &str, code: &Names, transcripts: &Names) -> String {
    let (number, section, level) = (row.number, row.section, row.level);
    let (code, transcripts) = (list(code.get(number)), list(transcripts.get(number)));
    let requirement = row.requirement;
    format!(
        "| {number} | {section} | {level} | {requirement} | {outcome} | {code} | {transcripts} |\n"
    )
}

fn heading(deviations: &Deviations) -> String {
    let mut text = "# Conformance\n\n\
        What the RFCs require of a POP3 server, where it is done, what shows it, and whether it \
        holds. Made by `popcell-conformance report`; not edited by hand.\n\n\
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

fn summary(outcomes: &BTreeMap<String, Outcome>) -> String {
    if outcomes.is_empty() {
        return String::new();
    }
    let mut text = "\n## Results\n\n| Result | Rows |\n| --- | --- |\n".to_owned();
    for outcome in Outcome::ALL {
        let count = outcomes.values().filter(|other| **other == outcome).count();
        text.push_str(&format!("| {} | {count} |\n", outcome.name()));
    }
    text
}

fn list(names: Option<&BTreeSet<String>>) -> String {
    let names = names.into_iter().flatten().map(|name| format!("`{name}`"));
    names.collect::<Vec<_>>().join(", ")
}
