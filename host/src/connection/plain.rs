//! A connection without TLS. The runtime of a thread watches its socket, except while it sleeps.

use std::{
    io::{self, IoSlice, Read as _},
    mem,
    net::TcpStream as Socket,
    os::fd::{AsFd as _, BorrowedFd},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::Stream;

/// A connection without TLS.
#[derive(Debug)]
pub(crate) enum Plain {
    /// Whoever waits for it is woken up.
    Watched(TcpStream),
    /// Nobody here waits for it.
    Asleep(Socket),
    /// On its way from one to the other, or lost there.
    Lost,
}

impl Plain {
    fn watched(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        match self {
            Self::Watched(stream) => Ok(Pin::new(stream)),
            Self::Asleep(_) | Self::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Stream for Plain {
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Watched(stream) => Some(stream.as_fd()),
            Self::Asleep(socket) => Some(socket.as_fd()),
            Self::Lost => None,
        }
    }

    fn wake(&mut self) -> io::Result<()> {
        *self = match mem::replace(self, Self::Lost) {
            Self::Asleep(socket) => Self::Watched(TcpStream::from_std(socket)?),
            awake @ (Self::Watched(_) | Self::Lost) => awake,
        };
        Ok(())
    }

    fn lie_down(&mut self) -> io::Result<()> {
        *self = match mem::replace(self, Self::Lost) {
            Self::Watched(stream) => Self::Asleep(stream.into_std()?),
            asleep @ (Self::Asleep(_) | Self::Lost) => asleep,
        };
        Ok(())
    }
}

impl AsyncRead for Plain {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Watched(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Asleep(socket) => read_now(socket, buffer),
            Self::Lost => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

/// What there is to read already. Where there is nothing, nobody is woken up when there is.
fn read_now(mut socket: &Socket, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
    match socket.read(buffer.initialize_unfilled()) {
        Ok(octets) => buffer.advance(octets),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
        Err(error) => return Poll::Ready(Err(error)),
    }
    Poll::Ready(Ok(()))
}

impl AsyncWrite for Plain {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().watched()?.poll_write(context, octets)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut().watched()?;
        stream.poll_write_vectored(context, slices)
    }

    /// TLS gives its records one by one to who says no.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().watched()?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().watched()?.poll_shutdown(context)
    }
}
