//! Writes the suite's messages as a Maildir that any server can serve.
//!
//! Deletes and overwrites nothing: what is there stays, what is missing is added.

use std::{
    collections::BTreeSet,
    fs, io,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::letters::{HEADER, letters};

/// Octets of a file in which the header is looked for.
const HEAD: u64 = 4_096;

/// What `prepare` did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Prepared {
    /// Messages that were written.
    pub written: usize,
    /// Messages of the suite that were there already.
    pub kept: usize,
}

/// Why a Maildir could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct Error {
    path: PathBuf,
    source: io::Error,
}

/// Makes `directory` a Maildir that holds every message of the suite once.
///
/// Called again, it adds what the checks have deleted.
///
/// # Errors
///
/// What the system says about a directory or a file.
pub fn prepare(directory: &Path) -> Result<Prepared, Error> {
    for folder in ["tmp", "new", "cur"] {
        let path = directory.join(folder);
        fs::create_dir_all(&path).map_err(|source| Error { path, source })?;
    }
    let there = names(directory)?;
    let base = unique();
    let mut written = 0;
    for (index, letter) in letters().iter().enumerate() {
        if !there.contains(letter.name) {
            deliver(
                directory,
                &format!("{base}Q{index}.conformance"),
                &letter.stored,
            )?;
            written += 1;
        }
    }
    Ok(Prepared {
        written,
        kept: letters().len() - written,
    })
}

/// The names of the suite's messages in a Maildir.
fn names(directory: &Path) -> Result<BTreeSet<String>, Error> {
    let mut names = BTreeSet::new();
    for folder in ["new", "cur"] {
        let folder = directory.join(folder);
        let at = |source| Error {
            path: folder.clone(),
            source,
        };
        for entry in fs::read_dir(&folder).map_err(at)? {
            let path = entry.map_err(at)?.path();
            names.extend(name(&path).map_err(|source| Error { path, source })?);
        }
    }
    Ok(names)
}

fn name(path: &Path) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    fs::File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    let head = String::from_utf8_lossy(&head);
    let prefix = format!("{HEADER}: ");
    let found = head.lines().find_map(|line| line.strip_prefix(&prefix));
    Ok(found.map(|name| name.trim_end().to_owned()))
}

/// Writes to `tmp/`, then moves: a server that reads along never sees half a message.
fn deliver(directory: &Path, name: &str, octets: &[u8]) -> Result<(), Error> {
    let path = directory.join("tmp").join(name);
    let at = |source| Error {
        path: path.clone(),
        source,
    };
    let mut file = fs::File::create_new(&path).map_err(at)?;
    file.write_all(octets)
        .and_then(|()| file.sync_all())
        .map_err(at)?;
    fs::rename(&path, directory.join("cur").join(format!("{name}:2,"))).map_err(at)
}

/// The start of file names that no other run makes.
fn unique() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!(
        "{}.M{}P{}",
        now.as_secs(),
        now.subsec_micros(),
        process::id()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maildir_is_filled_once_and_mended_later() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("Maildir");
        let all = letters().len();
        assert_eq!(
            prepare(&path).unwrap(),
            Prepared {
                written: all,
                kept: 0
            }
        );
        assert_eq!(
            prepare(&path).unwrap(),
            Prepared {
                written: 0,
                kept: all
            }
        );
        let entry = fs::read_dir(path.join("cur"))
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        fs::remove_file(entry.path()).unwrap();
        assert_eq!(
            prepare(&path).unwrap(),
            Prepared {
                written: 1,
                kept: all - 1
            }
        );
    }

    #[test]
    fn the_files_hold_the_octets_of_the_messages() {
        let directory = tempfile::tempdir().unwrap();
        prepare(directory.path()).unwrap();
        let entries = fs::read_dir(directory.path().join("cur")).unwrap();
        let mut stored: Vec<_> = entries
            .map(|e| fs::read(e.unwrap().path()).unwrap())
            .collect();
        let mut expected: Vec<_> = letters().into_iter().map(|letter| letter.stored).collect();
        stored.sort();
        expected.sort();
        assert_eq!(stored, expected);
    }

    #[test]
    fn a_path_that_is_no_directory_is_named_in_the_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = prepare(file.path()).unwrap_err();
        assert!(
            error.to_string().contains(file.path().to_str().unwrap()),
            "{error}"
        );
    }
}
