//! One connection: octets in, steps out.
//!
//! One call at a time, and its output is sent, in order, before the next call. Owns the socket and
//! every timer; what is said on it is the session's. Called by `server.rs`, once for a connection.

mod batch;
mod depart;
mod left;
mod plain;
mod rest;
mod sleep;
mod stream;

use std::{
    io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use tokio::{
    io::ReadBuf,
    time::{Instant, Sleep},
};

use self::{
    batch::{batch, first},
    rest::What,
};
pub(crate) use self::{
    depart::Passport,
    plain::Plain,
    sleep::{Before, Sleeping},
    stream::Stream,
};
use crate::{
    end::{End, Origin, log_login},
    framing::Input,
    login::Watch,
    presence::Meter,
    sandbox::{Error, Next, Step, Usage},
    seat::Seat,
    stop::Stop,
};

/// Octets that one read takes from the socket.
const READ_OCTETS: usize = 16 * 1024;

/// What a connection may do and take.
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
    /// How long a session has nothing to do before it leaves its cell; `None` for as long as nobody
    /// else needs that.
    pub(crate) hibernate: Option<Duration>,
    /// Whether the session was told that STLS is to be had.
    pub(crate) may_start_tls: bool,
    /// Whether the client has seen a greeting: RFC 2595 §4 has no second one behind STLS.
    pub(crate) is_greeted: bool,
}

/// Octets in both directions, below TLS.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) octets_in: u64,
    pub(crate) octets_out: u64,
}

/// What became of a connection that was served.
pub(crate) enum Served<S> {
    /// Its dialogue is over.
    Over(Outcome<S>),
    /// Its session is in no cell and has nothing to do: it needs nobody until its client says
    /// something, until its [deadline](Connection::deadline), or until somebody wants it.
    Asleep(Box<Connection<S>>),
}

/// What became of a dialogue.
pub(crate) struct Outcome<S> {
    pub(crate) finish: Finish<S>,
    /// What the session did with its maildrop.
    pub(crate) usage: Usage,
    pub(crate) traffic: Traffic,
}

/// How a dialogue finished.
pub(crate) enum Finish<S> {
    /// The connection is over.
    End(End),
    /// The session is over, and the connection is TLS's: the client was told to begin, and nothing
    /// of what it sent before is left.
    StartTls(S),
}

/// What a session said last.
enum Last {
    /// Nothing that could be gone on with.
    Closed(End),
    /// That TLS begins.
    StartTls,
}

/// The guest is to blame: it was told that STLS is not to be had.
const NO_STLS: Error = Error::Contract("start-tls where it is not offered");

/// A connection and its session.
pub(crate) struct Connection<S> {
    stream: S,
    seat: Seat,
    watch: Watch,
    origin: Origin,
    limits: Limits,
    meter: Meter,
    input: Input,
    traffic: Traffic,
    /// The peer sends no more; what it had pipelined has been discarded.
    is_peer_gone: bool,
    /// A step was the answer to a line that was too long.
    is_overlong: bool,
    is_login_logged: bool,
    /// The session is not over: it can leave its cell.
    may_park: bool,
    /// It has begun before: in another process, or before it slept.
    is_resumed: bool,
    /// It has had nothing to do, in no cell, for a moment.
    is_drowsy: bool,
    /// Nobody can watch over it.
    is_sleepless: bool,
    /// There if it can leave this process.
    passport: Option<Passport>,
    /// When the client last finished a line, or took some of an answer that had to wait for it.
    last_progress: Instant,
    /// Wakes the session up when it has waited for too long.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<S: Stream> Connection<S> {
    /// A connection before its greeting.
    pub(crate) fn new(
        stream: S,
        seat: Seat,
        watch: Watch,
        origin: Origin,
        limits: Limits,
        meter: Meter,
        passport: Option<Passport>,
    ) -> Box<Self> {
        Box::new(Self {
            stream,
            seat,
            watch,
            origin,
            limits,
            meter,
            input: Input::default(),
            traffic: Traffic::default(),
            is_peer_gone: false,
            is_overlong: false,
            is_login_logged: false,
            may_park: false,
            is_resumed: false,
            is_drowsy: false,
            is_sleepless: false,
            passport,
            last_progress: Instant::now(),
            alarm: None,
        })
    }

    /// Serves the connection until it ends or sleeps. On `shutdown` a session that waits for a command ends at
    /// once, and one that is being answered behind the answer; on `abort` every session does.
    pub(crate) async fn serve(mut self: Box<Self>, stop: &Stop) -> Served<S> {
        let entry = Arc::clone(self.meter.entry());
        let last = tokio::select! {
            last = self.go_on(stop) => last,
            () = entry.kicked() => Err(End::Kicked),
            // A commit that has begun runs to its end all the same; its answer is lost.
            () = stop.abort.cancelled() => Err(End::Shutdown),
            // Has the dialogue look at `stop`, where it waits for a command.
            never = stop.wake() => match never {},
        };
        let Some(last) = last.transpose() else {
            return Served::Asleep(self);
        };
        Served::Over(Box::pin(self.leave(last).finish(stop)).await)
    }

    /// The loop of every session; `None` if it sleeps.
    async fn dialogue(&mut self, stop: &Stop) -> Result<Option<Last>, End> {
        let mut step = match self.is_resumed {
            true => Step::nothing(),
            false => self.seat.greet().await?,
        };
        if self.limits.is_greeted {
            step.output.clear();
        }
        loop {
            self.called();
            self.may_park = matches!(step.next, Next::Lines | Next::More);
            let is_login = self.note_login();
            self.send(&step.output).await?;
            self.meter.count(&self.seat.usage(), self.traffic);
            if is_login {
                Box::pin(self.seat.hand_over()).await?;
                self.note_move();
            }
            step = match step.next {
                Next::Lines if self.watch.is_exhausted() => return Err(End::TooManyFailedLogins),
                Next::Lines => match self.lines(stop).await? {
                    Some(step) => step,
                    None => return Ok(None),
                },
                Next::More => self.seat.more().await?,
                Next::Close => return Ok(Some(Last::Closed(End::Quit))),
                Next::Abort => return Ok(Some(Last::Closed(self.abort()))),
                Next::StartTls if !self.limits.may_start_tls => return Err(NO_STLS.into()),
                Next::StartTls => return Ok(Some(Last::StartTls)),
            };
        }
    }

    /// Hands complete lines to the session, as soon as there are any; `None` if it sleeps first.
    async fn lines(&mut self, stop: &Stop) -> Result<Option<Step>, End> {
        loop {
            if !self.input.lines().is_empty() {
                let lines = match self.seat.wants_single_lines() {
                    true => first(self.input.lines()),
                    false => batch(self.input.lines()),
                };
                let step = self.seat.lines(lines).await?;
                self.meter.lines(&lines[..step.consumed]);
                self.input.consume(step.consumed);
                self.last_progress = Instant::now();
                return Ok(Some(step));
            }
            if self.input.is_overlong() {
                self.is_overlong = true;
                return Ok(Some(self.seat.overlong().await?));
            }
            if self.is_peer_gone {
                return Err(End::PeerClosed);
            }
            // Waits for octets, for a deadline, or for the server's end.
            let (deadline, late) = self.deadline();
            self.rest(What::Octets(stop), deadline, late).await?;
            if mem::take(&mut self.is_drowsy) {
                return Ok(None);
            }
        }
    }

    /// When to give up waiting for a line. RFC 1939 §3: at least ten minutes, once logged in.
    ///
    /// RFC 1939 §3 deviation: before login the whole connection has a shorter time. Octets that do
    /// not complete a line count for neither.
    fn deadline(&self) -> (Instant, End) {
        let idle = self.last_progress + self.limits.idle;
        if self.seat.is_logged_in() || idle < self.limits.login {
            (idle, End::Idle)
        } else {
            (self.limits.login, End::LoginTimeout)
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // On the stack, and not across an await: an idle connection holds no buffer.
        let mut buffer = [mem::MaybeUninit::uninit(); READ_OCTETS];
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
            let sent = self.finish(What::Sent(output)).await?;
            if sent == 0 {
                return Err(End::Io(io::ErrorKind::WriteZero));
            }
            self.traffic.octets_out += sent as u64;
            output = &output[sent..];
        }
        // TLS keeps what it has encrypted until it is flushed.
        self.finish(What::Flushed).await.map(drop)
    }

    /// Writes, at once if that can be.
    async fn finish(&mut self, what: What<'_>) -> Result<usize, End> {
        // Who has to wait is polled again, by somebody to be woken.
        let done = self.poll(what, &mut Context::from_waker(Waker::noop()));
        match done {
            Poll::Ready(done) => done.map_err(|error| End::from(&error)),
            Poll::Pending => {
                self.last_progress = Instant::now();
                let deadline = self.last_progress + self.limits.write;
                let sent = self.rest(what, deadline, End::WriteStalled).await;
                self.last_progress = Instant::now();
                sent
            }
        }
    }

    /// What a write came to; if it has to wait, what the client sends meanwhile is read.
    fn or_read<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        while written.is_pending()
            && !self.is_peer_gone
            && self.input.len() < self.limits.input_octets
        {
            match self.poll_read(context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => break,
            }
        }
        written
    }

    /// A call into the session is over.
    fn called(&mut self) {
        if let Some(session) = self.seat.session() {
            self.meter.called(session);
        }
        self.note_move();
    }

    /// The session may be in another component, or in no cell.
    fn note_move(&mut self) {
        if self.seat.has_moved() {
            self.meter.moved(self.seat.component());
        }
        if self.seat.is_parked() {
            self.meter.parked();
        }
    }

    /// Whether the last step was a login.
    fn note_login(&mut self) -> bool {
        if self.is_login_logged || !self.seat.is_logged_in() {
            return false;
        }
        let record = self.watch.record();
        if let (Some(user), Some(method)) = (&record.logged_in, record.method) {
            self.origin.tenant = record.tenant.clone().filter(|name| !name.is_empty());
            log_login(&self.origin, user, method);
            self.meter
                .login(record.tenant.as_deref().unwrap_or_default(), user);
        }
        self.is_login_logged = true;
        true
    }

    /// Why the session gave the client up.
    fn abort(&self) -> End {
        if self.is_overlong {
            End::LineTooLong
        } else if self.seat.usage().is_broken {
            End::MessageBroken
        } else {
            End::ClosedByComponent
        }
    }
}
