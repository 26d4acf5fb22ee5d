//! The new process: asks the old one for what it has.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Arrived, Given, Taken, VERSION, wire};
use crate::control::protocol::{Command, Request};

/// How long the old process may take to gather its sessions, and for each of them.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why nothing was taken over. The old process goes on serving.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No server answers.
    #[error("control socket {}: no server answers: {source}", path.display())]
    NoServer {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It does not do it.
    #[error("the running server gives nothing away: {0}")]
    Refused(String),
    /// It speaks of something else.
    #[error("the running server does not understand: {0}")]
    Unknown(io::Error),
    /// It is another version.
    #[error("the running server hands over by version {0} of the protocol, not by {VERSION}")]
    Version(u32),
}

/// What another process of this server has had until now.
#[derive(Debug)]
pub struct Inheritance {
    /// Sockets that are listened on, by their addresses in the configuration of that process.
    pub listeners: Vec<(SocketAddr, TcpListener)>,
    /// The socket for metrics.
    pub metrics: Option<(SocketAddr, TcpListener)>,
    /// After how long without a sign of life the service manager takes a process for dead.
    pub watchdog: Option<Duration>,
    /// Sessions.
    pub sessions: Vec<Arrived>,
    /// What makes them ours.
    pub will: Will,
}

/// What is said last, when all else is done.
#[derive(Debug)]
pub struct Will(UnixStream);

/// Asks the server behind this control socket for all that it can give. Blocks. It waits for
/// [`Will::confirm`] then, and serves nobody whom it has given away.
///
/// # Errors
///
/// See [`Error`].
pub fn inherit(control: &Path) -> Result<Inheritance, Error> {
    let no_server = |source| Error::NoServer {
        path: control.to_owned(),
        source,
    };
    let mut stream = UnixStream::connect(control).map_err(no_server)?;
    stream
        .set_read_timeout(Some(PATIENCE))
        .map_err(Error::Unknown)?;
    ask(&mut stream).map_err(Error::Unknown)?;
    let First {
        listeners,
        metrics,
        watchdog,
    } = first(&mut stream)?;
    let mut sessions = Vec::new();
    loop {
        let (given, descriptors) = wire::receive(&mut stream).map_err(Error::Unknown)?;
        match given {
            Given::Session(luggage) => {
                let mut descriptors = descriptors.into_iter();
                // Without its connection it is nobody's any more.
                let Some(connection) = descriptors.next() else {
                    continue;
                };
                sessions.push(Arrived {
                    luggage,
                    connection,
                    lock: descriptors.next(),
                });
            }
            Given::End => break,
            Given::Listeners { .. } | Given::Go => {
                return Err(Error::Unknown(io::ErrorKind::InvalidData.into()));
            }
            Given::Refused(why) => return Err(Error::Refused(why)),
        }
    }
    Ok(Inheritance {
        listeners,
        metrics,
        watchdog,
        sessions,
        will: Will(stream),
    })
}

fn ask(stream: &mut UnixStream) -> io::Result<()> {
    use std::io::Write as _;
    let request = Request {
        version: crate::control::protocol::VERSION,
        command: Command::Takeover,
    };
    let mut line = serde_json::to_vec(&request)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// What is given first.
struct First {
    listeners: Vec<(SocketAddr, TcpListener)>,
    metrics: Option<(SocketAddr, TcpListener)>,
    watchdog: Option<Duration>,
}

fn first(stream: &mut UnixStream) -> Result<First, Error> {
    let (given, descriptors) = wire::receive(stream).map_err(Error::Unknown)?;
    match given {
        Given::Listeners {
            version: VERSION,
            addresses,
            metrics,
            watchdog,
        } => {
            let sockets = descriptors.into_iter().map(TcpListener::from);
            let mut listeners: Vec<_> = addresses.into_iter().zip(sockets).collect();
            let metrics = metrics.filter(|index| *index < listeners.len());
            let metrics = metrics.map(|index| listeners.remove(index));
            Ok(First {
                listeners,
                metrics,
                watchdog,
            })
        }
        Given::Listeners { version, .. } => Err(Error::Version(version)),
        Given::Refused(why) => Err(Error::Refused(why)),
        Given::Session(_) | Given::End | Given::Go => {
            Err(Error::Unknown(io::ErrorKind::InvalidData.into()))
        }
    }
}

impl Will {
    /// All of it is here but these sessions, by their ids. Blocks until the old process has let go:
    /// nobody may be served before.
    ///
    /// # Errors
    ///
    /// The old process is gone, or keeps what it has: then this one has nothing.
    pub fn confirm(mut self, refused: Vec<String>) -> io::Result<()> {
        wire::send(&mut self.0, &Taken { refused }, &[])?;
        match wire::receive(&mut self.0)? {
            (Given::Go, _) => Ok(()),
            (Given::Listeners { .. } | Given::Session(_) | Given::End | Given::Refused(_), _) => {
                Err(io::ErrorKind::InvalidData.into())
            }
        }
    }
}
