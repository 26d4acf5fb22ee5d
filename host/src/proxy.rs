//! The header of the PROXY protocol, versions 1 and 2: who is at the other end of a load balancer.
//!
//! Reads the header's octets and not one more, because a TLS handshake may follow. Whoever may
//! send one may claim any address: `server.rs` asks for a header only where [`is_trusted`] says so,
//! and looks for none elsewhere. Extensions (TLVs) are skipped, checksums among them.

#[cfg(test)]
mod tests;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use ipnet::IpNet;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::{Instant, timeout_at},
};

/// What a header of version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// What a header of version 1 begins with. The shortest, `PROXY UNKNOWN` and a line end, is longer
/// than [`SIGNATURE`], so that both begin with the same read.
const WORD: &[u8] = b"PROXY ";

/// The longest header of version 1, its line end counted.
const MAX_LINE_OCTETS: usize = 107;

/// Most octets of a header of version 2 behind its length: addresses and what extensions there are,
/// the longest in use being the name and the algorithms of a TLS client.
const MAX_BLOCK_OCTETS: usize = 2048;

/// What the system calls a peer that has left.
const GONE: [io::ErrorKind; 3] = [
    io::ErrorKind::ConnectionAborted,
    io::ErrorKind::ConnectionReset,
    io::ErrorKind::UnexpectedEof,
];

/// Both ends of a connection, as a load balancer saw it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Addresses {
    /// The client's end.
    pub source: SocketAddr,
    /// The load balancer's end, which the client connected to.
    pub destination: SocketAddr,
}

/// Why there is no header. The load balancer is to blame, or the list of networks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection was closed before the header's end: by a health check, say.
    #[error("closed before the end of the PROXY header")]
    Closed,
    /// The connection broke.
    #[error("connection closed: {0}")]
    Io(io::ErrorKind),
    /// The header is not as the protocol wants it.
    #[error("malformed PROXY header: {0}")]
    Malformed(&'static str),
    /// The connection begins with something else.
    #[error("no PROXY header, though one is expected from this address")]
    Missing,
    /// The header was not there in time.
    #[error("no PROXY header in time")]
    Timeout,
    /// The header is longer than any that makes sense.
    #[error("PROXY header too long")]
    TooLong,
}

/// Whether connections from `peer` must begin with a header.
pub fn is_trusted(networks: &[IpNet], peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    networks.iter().any(|network| network.contains(&peer))
}

/// Reads the header that a connection begins with: who the client is, or `None` where the addresses
/// of the socket are the right ones, as for the load balancer's own health checks.
///
/// Exactly the header is read. To be dropped only together with the connection.
///
/// # Errors
///
/// See [`Error`]; the connection is of no more use then. It is past `deadline` at the latest that
/// this comes back.
pub async fn read_header(
    stream: &mut (impl AsyncRead + Unpin),
    deadline: Instant,
) -> Result<Option<Addresses>, Error> {
    timeout_at(deadline, read(stream))
        .await
        .unwrap_or(Err(Error::Timeout))
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Addresses>, Error> {
    let start = read_start(stream).await?;
    if start == SIGNATURE {
        read_block(stream).await
    } else {
        read_line(stream, start).await
    }
}

/// Reads as much as both versions have at least, and gives up at the first octet that is neither's.
async fn read_start(stream: &mut (impl AsyncRead + Unpin)) -> Result<[u8; 12], Error> {
    let mut start = [0; SIGNATURE.len()];
    let mut filled = 0;
    while filled < start.len() {
        let read = stream.read(&mut start[filled..]).await?;
        if read == 0 {
            return Err(Error::Closed);
        }
        filled += read;
        let come = &start[..filled];
        if !SIGNATURE.starts_with(come) && !WORD.starts_with(&come[..filled.min(WORD.len())]) {
            return Err(Error::Missing);
        }
    }
    Ok(start)
}

/// Reads the rest of version 1, an octet at a time: only its end tells how long it is.
async fn read_line(
    stream: &mut (impl AsyncRead + Unpin),
    start: [u8; 12],
) -> Result<Option<Addresses>, Error> {
    let mut line = start.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() == MAX_LINE_OCTETS {
            return Err(Error::TooLong);
        }
        line.push(stream.read_u8().await?);
    }
    let line = line
        .strip_suffix(b"\r\n")
        .and_then(|line| str::from_utf8(line).ok());
    parse_line(line.ok_or(Error::Malformed("not text"))?)
}

fn parse_line(line: &str) -> Result<Option<Addresses>, Error> {
    let mut words = line.split(' ').skip(1);
    match words.next() {
        // The rest has no meaning then.
        Some("UNKNOWN") => Ok(None),
        Some("TCP4") => parse_words::<Ipv4Addr>(words),
        Some("TCP6") => parse_words::<Ipv6Addr>(words),
        Some(_) | None => Err(Error::Malformed("unknown protocol")),
    }
}

fn parse_words<'a, A>(words: impl Iterator<Item = &'a str>) -> Result<Option<Addresses>, Error>
where
    A: FromStr + Into<IpAddr>,
{
    let words: Vec<_> = words.take(5).collect();
    let [source, destination, source_port, destination_port] = words[..] else {
        return Err(Error::Malformed("not two addresses and two ports"));
    };
    Ok(Some(Addresses {
        source: SocketAddr::new(address::<A>(source)?, port(source_port)?),
        destination: SocketAddr::new(address::<A>(destination)?, port(destination_port)?),
    }))
}

fn address<A: FromStr + Into<IpAddr>>(word: &str) -> Result<IpAddr, Error> {
    word.parse::<A>()
        .map(Into::into)
        .map_err(|_| Error::Malformed("not an address"))
}

/// A port without sign and leading zeros.
fn port(word: &str) -> Result<u16, Error> {
    let port = word.parse::<u16>().ok();
    port.filter(|port| port.to_string() == word)
        .ok_or(Error::Malformed("not a port"))
}

/// Reads the rest of version 2.
async fn read_block(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Addresses>, Error> {
    let [command, family, length @ ..] = stream.read_u32().await?.to_be_bytes();
    let length = usize::from(u16::from_be_bytes(length));
    let is_proxied = match command {
        0x20 => false,
        0x21 => true,
        _ => return Err(Error::Malformed("unknown version or command")),
    };
    if length > MAX_BLOCK_OCTETS {
        return Err(Error::TooLong);
    }
    let mut block = vec![0; length];
    stream.read_exact(&mut block).await?;
    // The family has no meaning for a connection of the load balancer's own.
    if is_proxied {
        parse_block(family, &block)
    } else {
        Ok(None)
    }
}

fn parse_block(family: u8, block: &[u8]) -> Result<Option<Addresses>, Error> {
    match family {
        0x11 => parse_octets::<4>(block),
        0x21 => parse_octets::<16>(block),
        // Unspecified, datagrams and local sockets: allowed, and of no use here.
        0x00 | 0x12 | 0x22 | 0x31 | 0x32 => Ok(None),
        _ => Err(Error::Malformed("unknown protocol")),
    }
}

/// Two addresses of `N` octets and two ports at the beginning of `block`.
fn parse_octets<const N: usize>(block: &[u8]) -> Result<Option<Addresses>, Error>
where
    IpAddr: From<[u8; N]>,
{
    let parsed = || {
        let (source, rest) = block.split_first_chunk::<N>()?;
        let (destination, rest) = rest.split_first_chunk::<N>()?;
        let (source_port, rest) = rest.split_first_chunk()?;
        let (destination_port, _) = rest.split_first_chunk()?;
        let end = |address: &[u8; N], port: &[u8; 2]| {
            SocketAddr::new((*address).into(), u16::from_be_bytes(*port))
        };
        Some(Addresses {
            source: end(source, source_port),
            destination: end(destination, destination_port),
        })
    };
    parsed()
        .map(Some)
        .ok_or(Error::Malformed("shorter than its addresses"))
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        if GONE.contains(&kind) {
            Self::Closed
        } else {
            Self::Io(kind)
        }
    }
}
