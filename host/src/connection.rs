//! One connection: octets in, steps out.
//!
//! One call at a time, and its output is sent, in order, before the next call. Owns the socket and
//! every timer; what is said on it is the session's. Called by `server.rs`, once for a connection.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    end::{End, Origin, log_login},
    framing::Input,
    login::Watch,
    reception::Stop,
    sandbox::{Error, Next, Session, Step, Usage},
};

/// Octets of output that a step is asked for: enough to make a call cheap beside what it sends,
/// little enough to wait in the socket's buffer.
const OUTPUT_OCTETS: u32 = 64 * 1024;

/// Octets of lines that one call is given. More would be copied into the cell again and again when
/// a line needs a step of its own.
const BATCH_OCTETS: usize = 4 * 1024;

/// Octets that one read takes from the socket.
const READ_OCTETS: usize = 16 * 1024;

/// How long, and how much, a client may go on sending when the session has given it up: closing on
/// unread octets would destroy the last answer on its way.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_OCTETS: usize = 16 * 1024 * 1024;

/// What a connection may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Octets of a line without its line end.
    pub(crate) line_octets: usize,
    /// Octets that may wait for their turn; beyond them nothing is read.
    pub(crate) input_octets: usize,
    /// How long a session that is logged in may be silent.
    pub(crate) idle: Duration,
    /// When a connection must have logged in.
    pub(crate) login: Instant,
    /// How long a client may take no octet of an answer.
    pub(crate) write: Duration,
}

/// Octets in both directions, below TLS.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) octets_in: u64,
    pub(crate) octets_out: u64,
}

/// What became of a connection.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) end: End,
    /// What the session did with its maildrop.
    pub(crate) usage: Usage,
    pub(crate) traffic: Traffic,
}

/// A connection and its session.
pub(crate) struct Connection<S> {
    stream: S,
    session: Session,
    watch: Watch,
    origin: Origin,
    limits: Limits,
    input: Input,
    traffic: Traffic,
    /// The peer sends no more; what it had pipelined has been discarded.
    is_peer_gone: bool,
    /// A step was the answer to a line that was too long.
    is_overlong: bool,
    is_login_logged: bool,
    /// When the client last finished a line or took some of an answer.
    last_progress: Instant,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// A connection before its greeting.
    pub(crate) fn new(
        stream: S,
        session: Session,
        watch: Watch,
        origin: Origin,
        limits: Limits,
    ) -> Self {
        Self {
            stream,
            session,
            watch,
            origin,
            limits,
            input: Input::default(),
            traffic: Traffic::default(),
            is_peer_gone: false,
            is_overlong: false,
            is_login_logged: false,
            last_progress: Instant::now(),
        }
    }

    /// Serves the connection until it ends. On `shutdown` a session that waits for a command ends at
    /// once, and one that is being answered behind the answer; on `abort` every session does.
    pub(crate) async fn serve(mut self, stop: &Stop) -> Outcome {
        let end = tokio::select! {
            end = self.dialogue(&stop.shutdown) => match end {
                Ok(end) | Err(end) => end,
            },
            // A commit that has begun runs to its end all the same; its answer is lost.
            () = stop.abort.cancelled() => End::Shutdown,
        };
        let Self {
            stream,
            session,
            input,
            mut traffic,
            is_peer_gone,
            ..
        } = self;
        let usage = session.usage();
        let may_close_at_once = end == End::Quit && input.len() == 0;
        // The maildrop is free before the client sees the end: it may come back at once.
        drop((session, input));
        let is_reachable = !matches!(end, End::PeerClosed | End::Io(_) | End::WriteStalled);
        if is_reachable && !stop.abort.is_cancelled() {
            close(stream, is_peer_gone || may_close_at_once, &mut traffic).await;
        }
        Outcome {
            end,
            usage,
            traffic,
        }
    }

    /// The loop of every session.
    async fn dialogue(&mut self, shutdown: &CancellationToken) -> Result<End, End> {
        let mut step = self.session.greet().await?;
        loop {
            self.note_login();
            self.send(&step.output).await?;
            step = match step.next {
                Next::Lines if self.watch.is_exhausted() => return Ok(End::TooManyFailedLogins),
                Next::Lines => self.lines(shutdown).await?,
                Next::More => self.session.more(OUTPUT_OCTETS).await?,
                Next::Close => return Ok(End::Quit),
                Next::Abort => return Ok(self.abort()),
                Next::StartTls => return Err(Error::Contract("STLS is not offered here").into()),
            };
        }
    }

    /// Hands complete lines to the session, as soon as there are any.
    async fn lines(&mut self, shutdown: &CancellationToken) -> Result<Step, End> {
        loop {
            if !self.input.lines().is_empty() {
                let lines = batch(self.input.lines());
                let step = self.session.lines(lines, OUTPUT_OCTETS).await?;
                self.input.consume(step.consumed);
                self.last_progress = Instant::now();
                return Ok(step);
            }
            if self.input.is_overlong() {
                self.is_overlong = true;
                return Ok(self.session.overlong().await?);
            }
            if self.is_peer_gone {
                return Err(End::PeerClosed);
            }
            self.wait(shutdown).await?;
        }
    }

    /// Waits for octets, for a deadline, or for the server's end.
    async fn wait(&mut self, shutdown: &CancellationToken) -> Result<(), End> {
        let (deadline, late) = self.deadline();
        // Both arms may be dropped: a read that was not ready has taken nothing.
        tokio::select! {
            biased;
            () = shutdown.cancelled() => Err(End::Shutdown),
            read = timeout_at(deadline, poll_fn(|context| self.poll_read(context))) => {
                read.map_err(|_| late)?.map_err(|error| End::from(&error))
            }
        }
    }

    /// When to give up waiting for a line. RFC 1939 §3: at least ten minutes, once logged in.
    ///
    /// RFC 1939 §3 deviation: before login the whole connection has a shorter time. Octets that do
    /// not complete a line count for neither.
    fn deadline(&self) -> (Instant, End) {
        let idle = self.last_progress + self.limits.idle;
        if self.session.is_logged_in() || idle < self.limits.login {
            (idle, End::Idle)
        } else {
            (self.limits.login, End::LoginTimeout)
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // On the stack, and not across an await: an idle connection holds no buffer.
        let mut buffer = [std::mem::MaybeUninit::uninit(); READ_OCTETS];
        let mut buffer = ReadBuf::uninit(&mut buffer);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        let read = buffer.filled();
        self.traffic.octets_in += read.len() as u64;
        if read.is_empty() {
            self.is_peer_gone = true;
            self.input.discard();
        } else {
            self.input.push(read, self.limits.line_octets);
        }
        Poll::Ready(Ok(()))
    }

    /// Sends an answer. While the client does not take it, what it goes on sending is read, up to
    /// the bound, so that neither waits for the other for ever.
    async fn send(&mut self, mut output: &[u8]) -> Result<(), End> {
        while !output.is_empty() {
            let limit = self.limits.write;
            let sent = poll_fn(|context| self.poll_send(context, output));
            let sent = timeout(limit, sent).await.map_err(|_| End::WriteStalled)?;
            let sent = sent.map_err(|error| End::from(&error))?;
            self.traffic.octets_out += sent as u64;
            self.last_progress = Instant::now();
            output = &output[sent..];
        }
        self.stream.flush().await.map_err(|error| End::from(&error))
    }

    fn poll_send(&mut self, context: &mut Context<'_>, output: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, output) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(sent) => Poll::Ready(sent),
            Poll::Pending => {
                while !self.is_peer_gone && self.input.len() < self.limits.input_octets {
                    match self.poll_read(context) {
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                        Poll::Pending => break,
                    }
                }
                Poll::Pending
            }
        }
    }

    fn note_login(&mut self) {
        if self.is_login_logged || !self.session.is_logged_in() {
            return;
        }
        let record = self.watch.record();
        if let (Some(user), Some(method)) = (&record.logged_in, record.method) {
            log_login(&self.origin, user, method);
        }
        self.is_login_logged = true;
    }

    /// Why the session gave the client up.
    fn abort(&self) -> End {
        if self.is_overlong {
            End::LineTooLong
        } else if self.session.usage().is_broken {
            End::MessageBroken
        } else {
            End::ClosedByComponent
        }
    }
}

/// Closes: our direction first, then what the client still sends is thrown away, for a moment,
/// unless it `is_done` with sending.
async fn close<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    mut is_done: bool,
    traffic: &mut Traffic,
) {
    let closed = timeout(LINGER, async {
        stream.shutdown().await?;
        let mut buffer = vec![0; READ_OCTETS];
        let mut left = LINGER_OCTETS;
        while !is_done && left > 0 {
            let read = stream.read(&mut buffer).await?;
            traffic.octets_in += read as u64;
            is_done = read == 0;
            left = left.saturating_sub(read);
        }
        io::Result::Ok(())
    });
    // Whether the client hears of it or not, the connection is over.
    let _ = closed.await;
}

/// As many of the lines as one call is given: at least one, and whole ones.
fn batch(lines: &[u8]) -> &[u8] {
    if lines.len() <= BATCH_OCTETS {
        return lines;
    }
    let end =
        memchr::memrchr(b'\n', &lines[..BATCH_OCTETS]).or_else(|| memchr::memchr(b'\n', lines));
    end.map_or(lines, |end| &lines[..=end])
}

impl From<&io::Error> for End {
    fn from(error: &io::Error) -> Self {
        let is_gone = matches!(
            error.kind(),
            io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::UnexpectedEof
        );
        if is_gone { Self::PeerClosed } else { Self::Io(error.kind()) }
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        match error {
            Error::Contract(bound) => Self::ComponentBreach { bound },
            Error::CallTime { .. } | Error::Memory { .. } | Error::Trap(_) => {
                Self::ComponentTrapped {
                    cause: error.to_string(),
                }
            }
            Error::Component(_) | Error::Engine(_) | Error::Exhausted | Error::Refused(_) => {
                Self::HostFailed {
                    cause: error.to_string(),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_whole_lines_and_at_least_one() {
        let long = [vec![b'x'; BATCH_OCTETS], b"\r\nNOOP\r\n".to_vec()].concat();
        assert_eq!(batch(&long).len(), BATCH_OCTETS + 2);
        let many = b"NOOP\r\n".repeat(BATCH_OCTETS);
        assert!(batch(&many).len() <= BATCH_OCTETS && batch(&many).ends_with(b"\r\n"));
        assert_eq!(batch(b"NOOP\r\n"), b"NOOP\r\n");
    }
}
