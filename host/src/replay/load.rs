//! Recordings from their files. A file is not to be trusted: it may be cut off, or none.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{Event, Recording};
use crate::record::{EXTENSION, Line, VERSION};

/// Most octets of a file. A recording has 64 MiB unless the operator says more, and JSON doubles it
/// at worst.
const MAX_OCTETS: u64 = 1 << 30;

/// Why there is nothing to replay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A line that does not belong there.
    #[error("{}:{line}: not a line of a recording: {cause}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// What is wrong with it.
        cause: serde_json::Error,
    },
    /// A directory without recordings.
    #[error("{}: no recordings: no file is called *.{EXTENSION}", path.display())]
    Nothing {
        /// The directory.
        path: PathBuf,
    },
    /// The file is no recording.
    #[error("{}: not a recording: its first line is not {{\"recording\":...}}", path.display())]
    NotOne {
        /// The file.
        path: PathBuf,
    },
    /// Lines in an order that no session has.
    #[error("{}:{line}: a recording has no such line there", path.display())]
    Order {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// Its end is missing.
    #[error(
        "{}: cut off behind line {lines}: the session is under way, or its server did not end it",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its whole lines.
        lines: usize,
    },
    /// It can not be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It was made by another program.
    #[error(
        "{}: a recording of version {found}; this program reads version {VERSION}",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version.
        found: u64,
    },
}

/// The recordings at this path: it, if it is a file, or those in it.
///
/// # Errors
///
/// [`Error::Nothing`] and [`Error::Unreadable`].
pub fn find(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |source| Error::Unreadable {
        path: path.to_owned(),
        source,
    };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == EXTENSION)
        {
            found.push(file);
        }
    }
    found.sort();
    match found.is_empty() {
        true => Err(Error::Nothing {
            path: path.to_owned(),
        }),
        false => Ok(found),
    }
}

/// Reads a recording.
///
/// # Errors
///
/// See [`Error`].
pub fn read(path: &Path) -> Result<Recording, Error> {
    let unreadable = |source| Error::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = fs::File::open(path).map_err(unreadable)?;
    let mut input = BufReader::new(file.take(MAX_OCTETS));
    let (mut header, mut events) = (None, Vec::new());
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        input.read_until(b'\n', &mut text).map_err(unreadable)?;
        if number == 1 {
            check_version(path, &text)?;
        }
        if text.last() != Some(&b'\n') {
            let (path, lines) = (path.to_owned(), number - 1);
            return Err(Error::Truncated { path, lines });
        }
        let line = serde_json::from_slice(&text).map_err(|cause| Error::Line {
            path: path.to_owned(),
            line: number,
            cause,
        })?;
        match (line, header.take()) {
            (Line::Recording(first), None) if number == 1 => header = Some(first),
            (Line::Call(called), known @ Some(_)) => {
                header = known;
                events.push(Event::Called(called));
            }
            (Line::Moved(_), known @ Some(_)) => {
                header = known;
                events.push(Event::Moved);
            }
            (Line::End(end), Some(header)) => {
                return Ok(Recording {
                    header,
                    events,
                    end,
                });
            }
            (Line::Recording(_) | Line::Call(_) | Line::Moved(_) | Line::End(_), _) => {
                return Err(Error::Order {
                    path: path.to_owned(),
                    line: number,
                });
            }
        }
    }
    Err(Error::NotOne {
        path: path.to_owned(),
    })
}

/// Before a line is read that another version may write otherwise.
fn check_version(path: &Path, text: &[u8]) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct First {
        recording: Version,
    }
    #[derive(Deserialize)]
    struct Version {
        version: u64,
    }
    let path = path.to_owned();
    match serde_json::from_slice::<First>(text) {
        Ok(first) if first.recording.version == u64::from(VERSION) => Ok(()),
        Ok(first) => {
            let found = first.recording.version;
            Err(Error::Version { path, found })
        }
        Err(_) => Err(Error::NotOne { path }),
    }
}
