//! A POP3 client that believes nothing: what it is sent is compared with what was stored.
//!
//! Knows one connection. How it is made is in `door.rs`.

use std::{io, mem, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

use crate::maildirs::PASSWORD;

/// Octets that one read takes.
const READ_OCTETS: usize = 64 * 1024;

/// How long a server may be silent when it is its turn, unless a client says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection, with TLS or without.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// What a server did wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The server ended the connection before its time.
    #[error("the server closed the connection")]
    Closed,
    /// The server says nothing.
    #[error("the server does not answer")]
    Silent,
    /// An answer other than +OK.
    #[error("refused: {0}")]
    Refused(String),
    /// A message is not what was stored.
    #[error("a message differs from its file at octet {0} of the wire")]
    Different(usize),
    /// TLS with a ticket that the server gave was not resumed. It need not be.
    #[error("does not resume")]
    NotResumed,
    /// An answer that can not be right.
    #[error("unexpected: {0}")]
    Unexpected(String),
}

/// A connection to a server.
pub(crate) struct Client {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    /// What of the buffer was read and not looked at yet.
    unread: std::ops::Range<usize>,
    patience: Duration,
}

impl Client {
    /// Takes the greeting.
    pub(crate) async fn greeted(stream: Box<dyn Stream>) -> Result<Self, Error> {
        let mut client = Self {
            stream,
            buffer: vec![0; READ_OCTETS],
            unread: 0..0,
            patience: PATIENCE,
        };
        client.answer().await?;
        Ok(client)
    }

    /// Waits so long for an answer from now on.
    pub(crate) fn be_patient(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// USER and PASS.
    pub(crate) async fn log_in(&mut self, user: &str) -> Result<(), Error> {
        self.command(&format!("USER {user}\r\n")).await?;
        self.command(&format!("PASS {PASSWORD}\r\n")).await?;
        Ok(())
    }

    /// A command, with its line end, that is answered in one line; what stands behind +OK.
    pub(crate) async fn command(&mut self, line: &str) -> Result<String, Error> {
        self.send(line.as_bytes()).await?;
        self.answer().await
    }

    /// QUIT, and the end of the connection.
    pub(crate) async fn quit(mut self) -> Result<(), Error> {
        self.command("QUIT\r\n").await?;
        match self.read().await {
            Ok(0) => Ok(()),
            // Some servers say no goodbye inside of TLS.
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            Ok(_) => Err(Error::Unexpected("octets behind QUIT".to_owned())),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn send(&mut self, octets: &[u8]) -> Result<(), Error> {
        self.stream.write_all(octets).await?;
        Ok(self.stream.flush().await?)
    }

    /// One line that begins with +OK; what stands behind it.
    pub(crate) async fn answer(&mut self) -> Result<String, Error> {
        let line = self.line().await?;
        match line.strip_prefix("+OK") {
            Some(rest) => Ok(rest.trim().to_owned()),
            None => Err(Error::Refused(line)),
        }
    }

    /// The lines of a listing behind its first line, the end left out.
    pub(crate) async fn listing(&mut self) -> Result<Vec<String>, Error> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await?;
            if line == "." {
                return Ok(lines);
            }
            lines.push(line);
        }
    }

    /// How many lines a listing has behind its first line, and the last of them with its end. Keeps no
    /// other.
    pub(crate) async fn long_listing(&mut self) -> Result<(usize, String), Error> {
        let (mut lines, mut line, mut last) = (0, Vec::new(), Vec::new());
        loop {
            line.clear();
            self.read_line(&mut line).await?;
            if line == b".\r\n" {
                return Ok((lines, String::from_utf8_lossy(&last).into_owned()));
            }
            lines += 1;
            mem::swap(&mut line, &mut last);
        }
    }

    /// A message behind its first line. Every octet is compared with what it has to be.
    pub(crate) async fn message(&mut self, wire: &[u8]) -> Result<(), Error> {
        let mut seen = 0;
        while seen < wire.len() {
            if self.unread.is_empty() {
                self.fill().await?;
            }
            let came = &self.buffer[self.unread.clone()];
            let length = came.len().min(wire.len() - seen);
            if came[..length] != wire[seen..seen + length] {
                return Err(Error::Different(seen));
            }
            seen += length;
            self.unread.start += length;
        }
        Ok(())
    }

    /// A line without its end.
    async fn line(&mut self) -> Result<String, Error> {
        let mut line = Vec::new();
        self.read_line(&mut line).await?;
        let text = String::from_utf8_lossy(&line);
        text.strip_suffix("\r\n")
            .map(str::to_owned)
            .ok_or_else(|| Error::Unexpected(format!("line end of {text:?}")))
    }

    /// Puts a line, with its end, behind what is in `line`.
    async fn read_line(&mut self, line: &mut Vec<u8>) -> Result<(), Error> {
        loop {
            let came = &self.buffer[self.unread.clone()];
            let end = came.iter().position(|octet| *octet == b'\n');
            let taken = end.map_or(came.len(), |end| end + 1);
            line.extend_from_slice(&came[..taken]);
            self.unread.start += taken;
            if end.is_some() {
                return Ok(());
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), Error> {
        self.unread = 0..self.read().await?;
        match self.unread.is_empty() {
            true => Err(Error::Closed),
            false => Ok(()),
        }
    }

    async fn read(&mut self) -> Result<usize, Error> {
        let read = timeout(self.patience, self.stream.read(&mut self.buffer)).await;
        Ok(read.map_err(|_| Error::Silent)??)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(said: &'static [u8]) -> Client {
        Client {
            stream: Box::new(tokio::io::join(said, tokio::io::sink())),
            buffer: vec![0; 4],
            unread: 0..0,
            patience: PATIENCE,
        }
    }

    #[tokio::test]
    async fn an_octet_that_differs_is_an_error() {
        let mut same = client(b"one\r\ntwo\r\n.\r\n+OK\r\n");
        same.message(b"one\r\ntwo\r\n.\r\n")
            .await
            .expect("the same");
        same.answer().await.expect("the next answer");
        let other = client(b"one\r\ntwO\r\n.\r\n")
            .message(b"one\r\ntwo\r\n.\r\n")
            .await;
        assert!(matches!(other, Err(Error::Different(4..=7))), "{other:?}");
        let short = client(b"one\r\n").message(b"one\r\ntwo\r\n.\r\n").await;
        assert!(matches!(short, Err(Error::Closed)), "{short:?}");
    }

    #[tokio::test]
    async fn a_long_listing_is_counted() {
        let listing = client(b"1 a\r\n2 b\r\n.\r\n").long_listing().await;
        assert_eq!(listing.expect("a listing"), (2, "2 b\r\n".to_owned()));
        let none = client(b".\r\n").long_listing().await;
        assert_eq!(none.expect("a listing"), (0, String::new()));
        let cut = client(b"1 a\r\n").long_listing().await;
        assert!(matches!(cut, Err(Error::Closed)), "{cut:?}");
    }

    #[tokio::test]
    async fn what_is_not_ok_is_an_error() {
        let refused = client(b"-ERR no\r\n").answer().await;
        assert!(matches!(refused, Err(Error::Refused(line)) if line == "-ERR no"));
        let bare = client(b"+OK\n").answer().await;
        assert!(matches!(bare, Err(Error::Unexpected(_))), "{bare:?}");
    }
}
