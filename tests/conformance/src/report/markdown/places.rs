//! Where requirements are met: clauses in sources, rows in transcripts, a list for the rest.
//!
//! Reads text; parses no Rust.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::Error;
use crate::checks;

/// A clause that more rows share says too little about any of them.
const MAX_ROWS_OF_A_CLAUSE: usize = 4;

/// Names by rows or clauses.
pub(super) type Names = BTreeMap<String, BTreeSet<String>>;

/// Files by rows: where each is met, and what shows it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Places {
    pub(super) code: Names,
    pub(super) tests: Names,
}

impl Places {
    /// Adds files with code.
    pub(super) fn code(&mut self, names: Names) {
        join(&mut self.code, names);
    }

    /// Adds tests.
    pub(super) fn tests(&mut self, names: Names) {
        join(&mut self.tests, names);
    }
}

fn join(known: &mut Names, more: Names) {
    for (number, names) in more {
        known.entry(number).or_default().extend(names);
    }
}

/// Files by the rows whose clauses they name.
pub(super) fn cited(folders: &[PathBuf]) -> Result<Names, Error> {
    let mut clauses = Names::new();
    for folder in folders {
        collect_clauses(folder, folder, &mut clauses)?;
    }
    let mut found = Names::new();
    for row in checks::rows() {
        for clause in row.clauses().iter().filter(|clause| is_narrow(clause)) {
            let files = clauses.get(clause).into_iter().flatten().cloned();
            found
                .entry(row.number.to_owned())
                .or_default()
                .extend(files);
        }
    }
    Ok(found)
}

fn is_narrow(clause: &String) -> bool {
    checks::rows()
        .filter(|row| row.clauses().contains(clause))
        .count()
        <= MAX_ROWS_OF_A_CLAUSE
}

/// Files by rows as a TOML file lists them, `"4" = ["component/src/reply.rs"]` in the tables `code`
/// and `tests`; each has to be there.
pub(super) fn listed(path: &Path) -> Result<Places, Error> {
    let wrong = |source: String| Error::Unusable {
        path: path.to_owned(),
        source: io::Error::other(source),
    };
    let places: Places = toml::from_str(&read(path)?).map_err(|error| wrong(error.to_string()))?;
    for (number, files) in places.code.iter().chain(&places.tests) {
        if !checks::rows().any(|row| row.number == number) {
            return Err(wrong(format!("there is no row `{number}`")));
        }
        if let Some(missing) = files.iter().find(|file| !Path::new(file).is_file()) {
            return Err(wrong(format!(
                "row {number} names `{missing}`, which is not there"
            )));
        }
    }
    Ok(places)
}

/// Files below `folder` by the clauses that they name, relative to the folder's parent's parent, as
/// in `host/src/connection.rs`.
fn collect_clauses(
    root: &Path,
    folder: &Path,
    found: &mut BTreeMap<String, BTreeSet<String>>,
) -> Result<(), Error> {
    for path in entries(folder)? {
        if path.is_dir() {
            collect_clauses(root, &path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let base = root.parent().and_then(Path::parent).unwrap_or(root);
            let name = path
                .strip_prefix(base)
                .unwrap_or(&path)
                .display()
                .to_string();
            for clause in clauses(&read(&path)?) {
                found.entry(clause).or_default().insert(name.clone());
            }
        }
    }
    Ok(())
}

/// Every clause that a text names: `RFC 1939 §5 (STAT)`, and `RFC 2449 §5, §6` for two of them.
fn clauses(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for citation in text.split("RFC ").skip(1) {
        let Some((rfc, mut rest)) = citation.split_once(" §") else {
            continue;
        };
        if rfc.is_empty() || !rfc.bytes().all(|octet| octet.is_ascii_digit()) {
            continue;
        }
        loop {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.');
            let (section, behind) = rest.split_at(end.unwrap_or(rest.len()));
            let section = section.trim_end_matches('.');
            let command = behind
                .strip_prefix(" (")
                .and_then(|text| text.split_once(')'));
            match command.filter(|(name, _)| is_command(name)) {
                Some((command, _)) => found.insert(format!("RFC {rfc} §{section} ({command})")),
                None => found.insert(format!("RFC {rfc} §{section}")),
            };
            match behind.strip_prefix(", §") {
                Some(next) => rest = next,
                None => break,
            }
        }
    }
    found
}

fn is_command(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_uppercase())
}

/// Names of transcripts by the rows that they say they cover.
pub(super) fn covered(folder: &Path) -> Result<Names, Error> {
    let mut found = Names::new();
    for path in entries(folder)? {
        if path.extension().is_none_or(|extension| extension != "pop3") {
            continue;
        }
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        for line in read(&path)?
            .lines()
            .filter_map(|line| line.strip_prefix("# rows:"))
        {
            for number in line.split_ascii_whitespace() {
                found
                    .entry(number.to_owned())
                    .or_default()
                    .insert(name.clone());
            }
        }
    }
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let at = |source| Error::Unusable {
        path: folder.to_owned(),
        source,
    };
    let entries = fs::read_dir(folder).map_err(at)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>();
    if let Ok(paths) = &mut paths {
        paths.sort();
    }
    paths.map_err(at)
}

pub(super) fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::Unusable {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_are_found_in_the_form_of_the_house() {
        let text = "// RFC 1939 §5 (DELE): marks.\n/// RFC 2449 §6.5, §8.1. In RFC 2595 §4 (see";
        let expected = [
            "RFC 1939 §5 (DELE)",
            "RFC 2449 §6.5",
            "RFC 2449 §8.1",
            "RFC 2595 §4",
        ];
        assert_eq!(clauses(text), expected.map(str::to_owned).into());
    }
}
