//! The fake server's end of a connection: lines in, octets out, TLS in between.
//!
//! Knows no commands.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, TcpStream},
    sync::Arc,
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

pub(super) struct Wire {
    /// There until a failed handshake consumes it.
    stream: Option<Stream>,
    heard: Vec<u8>,
    said: Vec<u8>,
}

enum Stream {
    Clear(TcpStream),
    Secure(Box<StreamOwned<ServerConnection, TcpStream>>),
}

/// What a wait for a line brought.
pub(super) enum Heard {
    Line(Vec<u8>),
    /// The end, with what came of a line in front of it.
    End(Vec<u8>),
    Silence,
}

impl Wire {
    pub(super) fn new(socket: TcpStream) -> Self {
        socket.set_nodelay(true).expect("a socket");
        Self {
            stream: Some(Stream::Clear(socket)),
            heard: Vec::new(),
            said: Vec::new(),
        }
    }

    /// The next line without its end, and whether that was CRLF. What was said is sent first.
    pub(super) fn line(&mut self, bare_lf_ends: bool, idle: Option<Duration>) -> Heard {
        let mut searched = 0;
        loop {
            let ends = self.heard[searched..]
                .iter()
                .enumerate()
                .find(|&(at, &octet)| {
                    let before = (searched + at)
                        .checked_sub(1)
                        .map(|before| self.heard[before]);
                    octet == b'\n' && (bare_lf_ends || before == Some(b'\r'))
                });
            if let Some((at, _)) = ends {
                let mut line: Vec<u8> = self.heard.drain(..=searched + at).collect();
                line.pop();
                line.pop_if(|last| *last == b'\r');
                return Heard::Line(line);
            }
            searched = self.heard.len();
            match self.flush().and_then(|()| self.read(idle)) {
                Ok(0) => return Heard::End(std::mem::take(&mut self.heard)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Heard::Silence,
                Err(_) => return Heard::End(std::mem::take(&mut self.heard)),
            }
        }
    }

    pub(super) fn say(&mut self, octets: &[u8]) {
        self.said.extend_from_slice(octets);
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        let said = std::mem::take(&mut self.said);
        match self.stream.as_mut() {
            Some(Stream::Clear(socket)) => socket.write_all(&said),
            Some(Stream::Secure(stream)) => stream.write_all(&said).and_then(|()| stream.flush()),
            None => Ok(()),
        }
    }

    /// Forgets what came and was not looked at.
    pub(super) fn discard(&mut self) {
        self.heard.clear();
    }

    /// How many whole lines have come.
    pub(super) fn has_heard(&self) -> bool {
        !self.heard.is_empty()
    }

    pub(super) fn is_secure(&self) -> bool {
        matches!(self.stream, Some(Stream::Secure(_)))
    }

    /// The socket, while there is no TLS on it.
    pub(super) fn clear(&self) -> Option<&TcpStream> {
        match &self.stream {
            Some(Stream::Clear(socket)) => Some(socket),
            Some(Stream::Secure(_)) | None => None,
        }
    }

    pub(super) fn handshake(&mut self, config: &Arc<ServerConfig>) -> io::Result<()> {
        self.flush()?;
        let Some(Stream::Clear(mut socket)) = self.stream.take() else {
            return Err(io::Error::other("no clear stream"));
        };
        let again = socket.try_clone()?;
        let mut connection =
            ServerConnection::new(Arc::clone(config)).expect("the configuration is valid");
        while connection.is_handshaking() {
            if let Err(error) = connection.complete_io(&mut socket) {
                self.stream = Some(Stream::Clear(again));
                return Err(error);
            }
        }
        self.stream = Some(Stream::Secure(Box::new(StreamOwned::new(
            connection, socket,
        ))));
        Ok(())
    }

    /// Ends the connection; what the peer has sent until then is read, so that nothing is reset.
    pub(super) fn close(mut self, with_notify: bool) {
        if self.flush().is_err() {
            return;
        }
        if let Some(Stream::Secure(stream)) = self.stream.as_mut()
            && with_notify
        {
            stream.conn.send_close_notify();
            let _unsent = stream.flush();
        }
        if let Some(Stream::Clear(socket)) = self.stream.as_ref() {
            drain(socket);
        } else if let Some(Stream::Secure(stream)) = self.stream.as_ref() {
            drain(stream.get_ref());
        }
    }

    fn read(&mut self, idle: Option<Duration>) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let read = match self.stream.as_mut() {
            Some(Stream::Clear(socket)) => {
                socket.set_read_timeout(idle)?;
                socket.read(&mut buffer)?
            }
            Some(Stream::Secure(stream)) => {
                stream.get_ref().set_read_timeout(idle)?;
                stream.read(&mut buffer)?
            }
            None => 0,
        };
        self.heard.extend_from_slice(&buffer[..read]);
        Ok(read)
    }
}

/// Says that nothing more comes, and waits for the peer to say the same.
fn drain(mut socket: &TcpStream) {
    let _closed = socket.shutdown(Shutdown::Write);
    let _bounded = socket.set_read_timeout(Some(Duration::from_secs(2)));
    let mut buffer = [0; 4_096];
    while socket.read(&mut buffer).is_ok_and(|octets| octets > 0) {}
}
