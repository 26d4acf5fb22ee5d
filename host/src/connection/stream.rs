//! What connections are made on.

use std::{io, os::fd::BorrowedFd};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::server::TlsStream;

/// What connections are made on.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {
    /// The socket, if what is sent on it is all that there is to the connection: it can sleep then,
    /// or leave.
    fn socket(&self) -> Option<BorrowedFd<'_>>;

    /// Whoever waits for it on this thread is woken up from here on.
    ///
    /// # Errors
    ///
    /// The system does not watch it; it is lost.
    fn wake(&mut self) -> io::Result<()>;

    /// Nobody waits for it any more, on any thread.
    ///
    /// # Errors
    ///
    /// It is lost.
    fn lie_down(&mut self) -> io::Result<()>;
}

/// The keys of TLS stay in this process, and in a task.
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for TlsStream<S> {
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn wake(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn lie_down(&mut self) -> io::Result<()> {
        Ok(())
    }
}
