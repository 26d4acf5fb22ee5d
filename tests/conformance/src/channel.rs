//! A connection's octets, in the clear or through TLS.
//!
//! Knows nothing of lines and answers.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream, ToSocketAddrs as _},
    time::Duration,
};

use rustls::{ClientConnection, ProtocolVersion, StreamOwned};

use crate::tls::Handshake;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// A connected socket, with or without TLS on it.
pub(crate) enum Channel {
    Clear(TcpStream),
    Secure(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// The peer has closed; with TLS, after its close_notify.
    Orderly,
    /// The peer has closed a TLS connection without a close_notify, so that nobody can tell it from
    /// an attack.
    Truncated,
    /// The peer has reset the connection, or the records of TLS make no sense.
    Broken,
}

/// What a read brought.
pub(crate) enum Arrival {
    /// So many octets.
    Octets(usize),
    /// The end of the connection.
    End(End),
    /// Nothing, for as long as the time-out says.
    Nothing,
}

impl Channel {
    /// Connects to the first address of `HOST:PORT` that answers.
    pub(crate) fn connect(address: &str) -> io::Result<Self> {
        let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
        for address in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(socket) => {
                    socket.set_nodelay(true)?;
                    return Ok(Self::Clear(socket));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// How long a read or a write may take from now on.
    pub(crate) fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.socket().set_read_timeout(Some(patience))?;
        self.socket().set_write_timeout(Some(patience))
    }

    /// Does the handshake of TLS. What happened is in the channel even if it failed.
    pub(crate) fn handshake(self, handshake: &Handshake) -> io::Result<Self> {
        let Self::Clear(mut socket) = self else {
            return Err(io::Error::other("there is TLS on this connection"));
        };
        let mut connection = handshake.begin()?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).map_err(told)?;
        }
        Ok(Self::Secure(Box::new(StreamOwned::new(connection, socket))))
    }

    /// Sends octets as they are.
    pub(crate) fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            Self::Clear(socket) => socket.write_all(octets),
            Self::Secure(stream) => stream.write_all(octets).and_then(|()| stream.flush()),
        }
    }

    /// Reads what has come, or waits for it.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Arrival> {
        let read = match self {
            Self::Clear(socket) => socket.read(buffer),
            Self::Secure(stream) => stream.read(buffer),
        };
        match read {
            Ok(0) => Ok(Arrival::End(End::Orderly)),
            Ok(octets) => Ok(Arrival::Octets(octets)),
            Err(error) => failed(error),
        }
    }

    /// Tells the peer that nothing more will be sent; its answers can still be read.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        if let Self::Secure(stream) = self {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        self.socket().shutdown(Shutdown::Write)
    }

    /// The protocol that ALPN agreed on.
    pub(crate) fn application_protocol(&self) -> Option<&[u8]> {
        match self {
            Self::Clear(_) => None,
            Self::Secure(stream) => stream.conn.alpn_protocol(),
        }
    }

    /// The version of TLS.
    pub(crate) fn version(&self) -> Option<ProtocolVersion> {
        match self {
            Self::Clear(_) => None,
            Self::Secure(stream) => stream.conn.protocol_version(),
        }
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Self::Clear(socket) => socket,
            Self::Secure(stream) => stream.get_ref(),
        }
    }
}

/// The system's words for a time that is over are about something else.
fn told(error: io::Error) -> io::Error {
    let is_over = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    match is_over {
        true => io::Error::new(ErrorKind::TimedOut, "nothing came for too long"),
        false => error,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the system has more errors than ways to end"
)]
fn failed(error: io::Error) -> io::Result<Arrival> {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Ok(Arrival::Nothing),
        ErrorKind::Interrupted => Ok(Arrival::Octets(0)),
        ErrorKind::UnexpectedEof => Ok(Arrival::End(End::Truncated)),
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::InvalidData => Ok(Arrival::End(End::Broken)),
        _ => Err(error),
    }
}
