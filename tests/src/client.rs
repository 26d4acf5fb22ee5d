//! A client that does what it is told, on a blocking socket.
//!
//! Knows lines and no POP3. It waits for an answer as long as a test can wait, never by sleeping.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{driver::Heard, escape};

/// As long as a test waits for an answer that is bound to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to a server.
pub struct Client {
    stream: TcpStream,
    heard: Vec<u8>,
    is_closed: bool,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            heard: Vec::new(),
            is_closed: false,
        })
    }

    /// Connects, reads the greeting and logs in.
    ///
    /// # Errors
    ///
    /// What the system says, or an answer that is not `+OK`.
    pub fn login(address: SocketAddr, user: &str, password: &str) -> Result<Self> {
        let mut client = Self::connect(address)?;
        client.ok("")?;
        client.ok(&format!("USER {user}\r\n"))?;
        client.ok(&format!("PASS {password}\r\n"))?;
        Ok(client)
    }

    /// Sends octets as they are. What a closed connection is sent is lost.
    ///
    /// # Errors
    ///
    /// What the system says, but for a connection that the server has closed.
    pub fn send(&mut self, octets: &[u8]) -> Result<()> {
        match self.stream.write_all(octets) {
            Err(error) if is_closed(&error) => Ok(()),
            sent => sent.context("the server takes nothing"),
        }
    }

    /// The next line of the server.
    ///
    /// # Errors
    ///
    /// Nothing came for a long time.
    pub fn hear(&mut self) -> Result<Heard> {
        let mut searched = 0;
        loop {
            let end = self.heard[searched..]
                .iter()
                .position(|&octet| octet == b'\n');
            if let Some(end) = end {
                return Ok(Heard::Line(self.heard.drain(..=searched + end).collect()));
            }
            if self.is_closed {
                return Ok(Heard::Closed(std::mem::take(&mut self.heard)));
            }
            searched = self.heard.len();
            self.read()?;
        }
    }

    /// Sends a command and reads the one line of its answer, which has to begin with `+OK`.
    ///
    /// # Errors
    ///
    /// What the system says, or another answer.
    pub fn ok(&mut self, command: &str) -> Result<String> {
        let line = self.ask(command)?;
        ensure!(line.starts_with("+OK"), "{command:?} is answered {line:?}");
        Ok(line)
    }

    /// Sends a command and reads the one line of its answer, given without its CRLF.
    ///
    /// # Errors
    ///
    /// What the system says, or no answer.
    pub fn ask(&mut self, command: &str) -> Result<String> {
        self.send(command.as_bytes())?;
        match self.hear()? {
            Heard::Line(line) => Ok(escape::encode(line.strip_suffix(b"\r\n").unwrap_or(&line))),
            heard @ (Heard::Closed(_) | Heard::Silence) => bail!("{command:?} leads to {heard:?}"),
        }
    }

    /// Everything until the server closes.
    ///
    /// # Errors
    ///
    /// It does not close.
    pub fn rest(&mut self) -> Result<Vec<u8>> {
        while !self.is_closed {
            self.read()?;
        }
        Ok(std::mem::take(&mut self.heard))
    }

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    ///
    /// What the system says, but for a connection that is closed.
    pub fn finish(&mut self) -> Result<()> {
        match self.stream.shutdown(Shutdown::Write) {
            Err(error) if is_closed(&error) || error.kind() == ErrorKind::NotConnected => Ok(()),
            done => Ok(done?),
        }
    }

    /// The socket itself, for clients that misbehave.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    fn read(&mut self) -> Result<()> {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.is_closed = true,
            Ok(octets) => self.heard.extend_from_slice(&buffer[..octets]),
            Err(error) if is_closed(&error) => self.is_closed = true,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("the server says nothing"),
        }
        Ok(())
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}
