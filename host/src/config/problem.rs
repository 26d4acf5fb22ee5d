//! What is wrong with a configuration file, and where.
//!
//! Counts lines and columns; does not know what a configuration is.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    str::Utf8Error,
};

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Problem {
    /// The line, from 1, or 0 if the file as a whole is meant.
    pub line: usize,
    /// The column in characters, from 1, or 0 if the file as a whole is meant.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Everything that is wrong with one file, in the order of its lines; at least one [`Problem`].
///
/// Displays as a line each, without a line end behind the last one.
#[derive(Debug)]
pub struct Problems {
    file: PathBuf,
    list: Vec<Problem>,
    denied: bool,
}

impl Problems {
    /// The problems, in the order of the file's lines.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// Whether the file could not be opened because this process may not.
    pub fn is_permission_denied(&self) -> bool {
        self.denied
    }

    pub(super) fn new(file: &Path, mut list: Vec<Problem>) -> Self {
        list.sort();
        Self {
            file: file.to_owned(),
            list,
            denied: false,
        }
    }

    pub(super) fn unreadable(file: &Path, error: &io::Error) -> Self {
        let problem = Problem {
            line: 0,
            column: 0,
            message: format!("cannot be read: {error}"),
        };
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        Self {
            denied,
            ..Self::new(file, vec![problem])
        }
    }

    pub(super) fn not_utf8(file: &Path, octets: &[u8], error: Utf8Error) -> Self {
        let valid = String::from_utf8_lossy(&octets[..error.valid_up_to()]);
        let problem = Problem::at(&valid, valid.len(), "not UTF-8".to_owned());
        Self::new(file, vec![problem])
    }
}

impl Problem {
    /// A problem at this octet of the text.
    pub(super) fn at(text: &str, offset: usize, message: String) -> Self {
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message,
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        for (
            index,
            Problem {
                line,
                column,
                message,
            },
        ) in self.list.iter().enumerate()
        {
            let end = if index == 0 { "" } else { "\n" };
            if *line == 0 {
                write!(f, "{end}{file}: {message}")?;
            } else {
                write!(f, "{end}{file}:{line}:{column}: {message}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_start_at_one() {
        let text = "a\né = 1\n";
        for (offset, line, column) in [(0, 1, 1), (1, 1, 2), (2, 2, 1), (4, 2, 2), (99, 3, 1)] {
            let problem = Problem::at(text, offset, String::new());
            assert_eq!(
                (problem.line, problem.column),
                (line, column),
                "offset {offset}"
            );
        }
    }

    #[test]
    fn the_first_octet_that_is_not_utf8_is_named() {
        let octets = [b"version = 1\n# ".as_slice(), &[0xff]].concat();
        let error = str::from_utf8(&octets).expect_err("not UTF-8");
        let problems = Problems::not_utf8(Path::new("p.toml"), &octets, error);
        assert_eq!(problems.to_string(), "p.toml:2:3: not UTF-8");
    }
}
