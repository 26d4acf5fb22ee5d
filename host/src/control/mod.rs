//! The control socket: how an operator's commands reach a running server.
//!
//! A line of JSON in, lines of JSON out; `protocol.rs` says which. What is asked and ordered is
//! `operations`'s, the words of the command line are `cli`'s. Whoever can open the socket may do
//! everything, so only the server's own user can.

pub mod client;
mod desk;
pub mod protocol;
mod rollout;
mod socket;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};
use tracing::{debug, error, info, warn};

use self::{protocol::Answer, socket::Bound};
use crate::{operations::Operations, takeover};

/// Where the socket is if nothing else is said.
pub const DEFAULT_SOCKET: &str = "/run/popcell/control.sock";

/// Clients that are served at a time; further ones wait in the system's queue.
const CLIENTS: usize = 8;

/// Octets of a request: a user name of 255 octets, each of them escaped, and some words.
const REQUEST_OCTETS: u64 = 8 * 1024;

/// How long a client may take to send its request, and to take a line of the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often is looked whether another process has left the socket.
const RETRY: Duration = Duration::from_millis(10);

/// The wait after an accept that failed.
const BACK_OFF: Duration = Duration::from_secs(1);

/// Why there is no control socket. The operator is to blame, or the machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A server answers there already.
    #[error("control socket {}: a running server has it", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something is there that is not a socket, and so not ours to remove.
    #[error("control socket {}: something else has this name", path.display())]
    NotASocket {
        /// What is there.
        path: PathBuf,
    },
    /// The system refused.
    #[error("control socket {}: {source}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// A control socket that nobody has been served on yet. Its file goes with it.
#[derive(Debug)]
pub struct Control {
    // Before the socket: who comes after us finds either both or none.
    _file: Bound,
    listener: UnixListener,
}

impl Control {
    /// Listens at `path`, for our own user alone. What a server left there that is gone is replaced.
    /// To be called in a tokio runtime.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let (listener, file) = socket::bind(path)?;
        Ok(Self {
            listener,
            _file: file,
        })
    }

    /// As [`open`](Self::open), as soon as the process that we have taken over from is gone from
    /// there.
    ///
    /// # Errors
    ///
    /// See [`Error`]; [`Error::InUse`] if it does not go.
    pub async fn open_after(path: &Path) -> Result<Self, Error> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Self::open(path) {
                Err(Error::InUse { .. }) if Instant::now() < deadline => sleep(RETRY).await,
                opened => return opened,
            }
        }
    }

    /// Serves clients until another process takes over, or until it is dropped.
    pub async fn serve(self, operations: Arc<Operations>) {
        tokio::select! {
            () = self.accept_all(&operations) => {}
            () = operations.retired() => {}
        }
    }

    async fn accept_all(&self, operations: &Arc<Operations>) {
        let permits = Arc::new(Semaphore::new(CLIENTS));
        // The semaphore is never closed.
        while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let operations = Arc::clone(operations);
                    tokio::spawn(async move {
                        if let Err(error) = serve_one(stream, &operations).await {
                            debug!(%error, "a client of the control socket went away");
                        }
                        drop(permit);
                    });
                }
                Err(error) => {
                    error!(%error, "the control socket does not accept; trying again");
                    sleep(BACK_OFF).await;
                }
            }
        }
    }
}

async fn serve_one(mut stream: UnixStream, operations: &Operations) -> io::Result<()> {
    let who = who(&stream);
    let (reader, writer) = stream.split();
    let mut writer = BufWriter::new(writer);
    let answers = match timeout(PATIENCE, request(reader)).await {
        Ok(Ok(line)) if desk::is_takeover(&line) => {
            drop(writer);
            return give_way(stream.into_std()?, operations).await;
        }
        Ok(Ok(line)) => desk::answer(&line, &who, operations).await,
        Ok(Err(error)) => return Err(error),
        Err(_) => desk::refuse("no request came in time"),
    };
    for answer in answers {
        send(&mut writer, answer).await?;
    }
    timeout(PATIENCE, writer.flush()).await?
}

/// Another process of this server takes over, or says what is in its way.
async fn give_way(
    stream: std::os::unix::net::UnixStream,
    operations: &Operations,
) -> io::Result<()> {
    info!("another process takes over");
    let left = takeover::leave(stream, operations).await;
    if let Err(error) = &left {
        warn!(%error, "the takeover has failed; this process goes on serving");
    }
    left
}

/// Whoever is at the other end, for the history: a user of the system.
fn who(stream: &UnixStream) -> String {
    let credentials = stream.peer_cred();
    credentials.map_or_else(|_| "?".to_owned(), |who| format!("uid {}", who.uid()))
}

/// A line, or as much of one as there is before the client ends or the bound is reached.
async fn request(reader: impl tokio::io::AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut reader = BufReader::new(reader.take(REQUEST_OCTETS));
    reader.read_until(b'\n', &mut line).await?;
    Ok(line)
}

async fn send(writer: &mut (impl AsyncWrite + Unpin), answer: Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(&protocol::Line::new(answer))?;
    line.push(b'\n');
    timeout(PATIENCE, writer.write_all(&line)).await?
}
