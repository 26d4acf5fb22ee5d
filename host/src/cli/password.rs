//! A password from a terminal, from a pipe or from a file.
//!
//! Nothing that was typed is shown or left behind, not even if the program is interrupted. Does not
//! know what the password is for.

use std::{
    fs::File,
    io::{self, IsTerminal, Read, Write},
    os::fd::{AsFd, BorrowedFd},
    path::Path,
};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

use crate::auth::{MAX_PASSWORD_OCTETS, secret::Secret};

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const CTRL_U: u8 = 0x15;
const DELETE: u8 = 0x7f;

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is empty.
    #[error("the password is empty")]
    Empty,
    /// Ctrl-C was typed.
    #[error("interrupted")]
    Interrupted,
    /// It could not be read.
    #[error("{place}: {source}")]
    Io {
        /// Where it was to be read from.
        place: String,
        /// What the system says.
        source: io::Error,
    },
    /// The second time something else was typed.
    #[error("the passwords differ")]
    Mismatch,
    /// It is longer than any password that is accepted.
    #[error("the password is longer than {MAX_PASSWORD_OCTETS} octets")]
    TooLong,
}

/// Asks on the terminal, without echo; or reads a line if the standard input is no terminal.
pub(super) fn ask(prompt: &str) -> Result<Secret, Error> {
    let input = unbuffered_input()?;
    if !input.is_terminal() {
        return first_line(input).map_err(|error| error.at("standard input"));
    }
    type_in(&input, prompt).map_err(|error| error.at("terminal"))
}

/// As [`ask`], but what is typed on a terminal has to be typed twice.
pub(super) fn ask_twice(prompt: &str) -> Result<Secret, Error> {
    let first = ask(prompt)?;
    if io::stdin().is_terminal() && !ask("Again: ")?.matches(first.expose()) {
        return Err(Error::Mismatch);
    }
    Ok(first)
}

/// The first line of a file.
pub(super) fn from_file(path: &Path) -> Result<Secret, Error> {
    let place = path.display().to_string();
    let file = File::open(path).map_err(|source| Error::from(source).at(&place))?;
    first_line(file).map_err(|error| error.at(&place))
}

impl Error {
    fn at(self, where_from: &str) -> Self {
        match self {
            Self::Io { source, .. } => Self::Io {
                place: where_from.to_owned(),
                source,
            },
            Self::Empty | Self::Interrupted | Self::Mismatch | Self::TooLong => self,
        }
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        Self::Io {
            place: String::new(),
            source,
        }
    }
}

/// The standard input without the buffer of the standard library, which nobody would wipe.
fn unbuffered_input() -> Result<File, Error> {
    let input = io::stdin().as_fd().try_clone_to_owned();
    Ok(File::from(input.map_err(|source| {
        Error::from(source).at("standard input")
    })?))
}

#[expect(
    clippy::unbuffered_bytes,
    reason = "a buffer keeps a copy, and swallows what follows"
)]
fn type_in(terminal: &File, prompt: &str) -> Result<Secret, Error> {
    let typed = {
        let _silence = Silence::begin(terminal.as_fd())?;
        write!(io::stderr(), "{prompt}")?;
        edited(terminal.bytes())
    };
    writeln!(io::stderr())?;
    typed
}

/// Everything up to the end of the line. A CR in front of it belongs to the end.
#[expect(
    clippy::unbuffered_bytes,
    reason = "a buffer keeps a copy, and swallows what follows"
)]
fn first_line(input: impl Read) -> Result<Secret, Error> {
    let mut line = Line::default();
    for octet in input.bytes() {
        match octet? {
            b'\n' => break,
            octet => line.push(octet)?,
        }
    }
    if line.0.last() == Some(&b'\r') {
        line.0.pop();
    }
    line.finish()
}

/// What is left of the keys that were typed when Enter is.
fn edited(keys: impl Iterator<Item = io::Result<u8>>) -> Result<Secret, Error> {
    let mut line = Line::default();
    for key in keys {
        match key? {
            b'\n' | b'\r' | CTRL_D => break,
            CTRL_C => return Err(Error::Interrupted),
            CTRL_U => line.0.clear(),
            BACKSPACE | DELETE => line.pop_character(),
            key => line.push(key)?,
        }
    }
    line.finish()
}

/// A line that never moves, so that no copy of it is left behind.
struct Line(Zeroizing<Vec<u8>>);

impl Default for Line {
    fn default() -> Self {
        // One more for the CR of a line end.
        Self(Zeroizing::new(Vec::with_capacity(MAX_PASSWORD_OCTETS + 1)))
    }
}

impl Line {
    fn push(&mut self, octet: u8) -> Result<(), Error> {
        if self.0.len() == self.0.capacity() {
            return Err(Error::TooLong);
        }
        self.0.push(octet);
        Ok(())
    }

    fn pop_character(&mut self) {
        while let Some(octet) = self.0.pop() {
            let is_continuation = octet & 0xc0 == 0x80;
            if !is_continuation {
                return;
            }
        }
    }

    fn finish(self) -> Result<Secret, Error> {
        match self.0.len() {
            0 => Err(Error::Empty),
            1..=MAX_PASSWORD_OCTETS => Ok(Secret::from(self.0.as_slice())),
            _ => Err(Error::TooLong),
        }
    }
}

/// A terminal that shows nothing and hands over every key, Ctrl-C too: were it a signal, the shell
/// would be left without echo.
struct Silence<'t> {
    terminal: BorrowedFd<'t>,
    before: Termios,
}

impl<'t> Silence<'t> {
    fn begin(terminal: BorrowedFd<'t>) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        // There is nobody to tell: the terminal is gone.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(octets: &[u8]) -> Result<Vec<u8>, String> {
        let secret = first_line(octets).map_err(|error| error.to_string())?;
        Ok(secret.expose().to_vec())
    }

    fn typed(keys: &[u8]) -> Result<Vec<u8>, String> {
        let secret = edited(keys.iter().copied().map(Ok)).map_err(|error| error.to_string())?;
        Ok(secret.expose().to_vec())
    }

    #[test]
    fn a_password_is_the_first_line_octet_by_octet() {
        for (input, password) in [
            (b"secret\n".as_slice(), b"secret".as_slice()),
            (b"secret", b"secret"),
            (b"secret\r\nmore\n", b"secret"),
            (b" pass word \n", b" pass word "),
            (b"\xff\0\x03\n", b"\xff\0\x03"),
        ] {
            assert_eq!(line(input), Ok(password.to_vec()), "{input:?}");
        }
    }

    #[test]
    fn a_password_is_neither_empty_nor_endless() {
        assert_eq!(line(b""), Err("the password is empty".to_owned()));
        assert_eq!(line(b"\r\nx"), Err("the password is empty".to_owned()));
        let longest = vec![b'x'; MAX_PASSWORD_OCTETS];
        assert_eq!(
            line(&[&longest, b"\r\n".as_slice()].concat()),
            Ok(longest.clone())
        );
        let too_long = "the password is longer than 1024 octets".to_owned();
        assert_eq!(
            line(&[&longest, b"xx\n".as_slice()].concat()),
            Err(too_long.clone())
        );
        assert_eq!(line(&[&longest, b"x\n".as_slice()].concat()), Err(too_long));
    }

    #[test]
    fn keys_edit_the_line() {
        for (keys, password) in [
            (b"secret\r".as_slice(), b"secret".as_slice()),
            (b"sx\x7fecret\n", b"secret"),
            (b"\x08\x7fa\x04b", b"a"),
            ("ä\u{7f}ab\u{8}\n".as_bytes(), b"a"),
            (b"wrong\x15right\n", b"right"),
        ] {
            assert_eq!(typed(keys), Ok(password.to_vec()), "{keys:?}");
        }
        assert_eq!(typed(b"sec\x03"), Err("interrupted".to_owned()));
        assert_eq!(typed(b"sec\x15\n"), Err("the password is empty".to_owned()));
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("password");
        let error = from_file(&path).expect_err("absent").to_string();
        assert!(
            error.starts_with(&format!("{}: No such file", path.display())),
            "{error}"
        );
    }
}
