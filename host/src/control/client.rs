//! The other end of the control socket: asks a running server and reads its answer.
//!
//! Blocks. Prints nothing.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use super::protocol::{Answer, Command, Line, Request, VERSION};

/// How long a server may take for a line of its answer: longer than it waits for its mail store.
const PATIENCE: Duration = Duration::from_secs(10);

/// The same if a component has to be compiled, tried and brought to all sessions.
const SWAP_PATIENCE: Duration = Duration::from_mins(5);

/// Octets of one line of an answer. A status names every listener.
const LINE_OCTETS: u64 = 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody listens.
    #[error("no server answers: {0}")]
    NoServer(io::Error),
    /// The server does not do it.
    #[error("{0}")]
    Refused(String),
    /// What came is not an answer, or not all of one.
    #[error("the server's answer can not be read: {0}")]
    Answer(String),
}

/// Asks the server at `socket`, and hands each part of its answer to `part`.
///
/// # Errors
///
/// See [`Error`]; parts may have been handed over before.
pub fn ask<E: From<Error>>(
    socket: &Path,
    command: Command,
    mut part: impl FnMut(Answer) -> Result<(), E>,
) -> Result<(), E> {
    let mut stream = UnixStream::connect(socket).map_err(Error::NoServer)?;
    send(&mut stream, command).map_err(Error::NoServer)?;
    let mut reader = BufReader::new(stream);
    loop {
        match next(&mut reader)? {
            Answer::Done => return Ok(()),
            Answer::Error(why) => return Err(Error::Refused(why).into()),
            answer @ (Answer::Status(_)
            | Answer::Session(_)
            | Answer::Tenant(_)
            | Answer::Kicked(_)
            | Answer::Swapped(_)
            | Answer::Generation(_)
            | Answer::Event(_)) => part(answer)?,
        }
    }
}

fn send(stream: &mut UnixStream, command: Command) -> io::Result<()> {
    let patience = match &command {
        Command::Swap(_) | Command::Rollback { .. } => SWAP_PATIENCE,
        Command::Generations
        | Command::History
        | Command::Kick(_)
        | Command::Sessions
        | Command::Status
        | Command::Takeover
        | Command::Tenants => PATIENCE,
    };
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = Request {
        version: VERSION,
        command,
    };
    let mut line = serde_json::to_vec(&request)?;
    line.push(b'\n');
    stream.write_all(&line)
}

fn next(reader: &mut impl BufRead) -> Result<Answer, Error> {
    let unread = |error: &dyn ToString| Error::Answer(error.to_string());
    let mut line = Vec::new();
    let read = reader.take(LINE_OCTETS).read_until(b'\n', &mut line);
    read.map_err(|error| unread(&error))?;
    if line.last() != Some(&b'\n') {
        return Err(unread(&"it breaks off"));
    }
    let line: Line = serde_json::from_slice(&line).map_err(|error| unread(&error))?;
    Ok(line.answer)
}
