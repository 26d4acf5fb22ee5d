//! One client and its session: octets in, steps out, never a call before the output was taken.

use std::time::{Duration, Instant};

use wasi::{
    io::{
        poll::Pollable,
        streams::{InputStream, OutputStream, StreamError},
    },
    sockets::tcp::{ShutdownType, TcpSocket},
};

use crate::{
    bindings::popcell::pop3::session::{self, Next, Session, Step},
    framing::Input,
    listener::Accepted,
};

/// What a step is asked for.
const WINDOW: u32 = 32_768;
/// What is read at a time.
const READ: u64 = 4_096;
/// So many turns, and the others' turn comes.
const TURNS: usize = 32;

/// One client. What waits for a stream is its child, as the streams are the socket's, so it is
/// dropped first.
pub(crate) struct Connection {
    readable: Pollable,
    writable: Pollable,
    input: InputStream,
    output: OutputStream,
    socket: TcpSocket,
    session: Session,
    lines: Input,
    /// Octets of a step that the client has not taken.
    unsent: Vec<u8>,
    /// The last ones are with the host, and not yet on their way.
    is_flushing: bool,
    /// It went as far as it could. Otherwise it stopped at [`TURNS`], and what it has to go on with
    /// may be here already: no stream is going to tell.
    is_waiting: bool,
    next: Next,
    active: Instant,
}

/// Whether a connection can go on.
enum Turn {
    Went,
    Waits,
    Ends,
}

impl Connection {
    /// A client that has connected; it is to be greeted.
    pub(crate) fn new((socket, input, output): Accepted) -> Self {
        let session = Session::new(&session::Connection {
            banner: "ready".to_owned(),
            challenge: None,
            tls: false,
            may_start_tls: false,
            may_login: true,
            mechanisms: Vec::new(),
            announce: Vec::new(),
            max_bad_commands: 3,
            max_bad_commands_after_login: 20,
        });
        let greeting = session.greet();
        Self {
            readable: input.subscribe(),
            writable: output.subscribe(),
            input,
            output,
            socket,
            session,
            lines: Input::default(),
            unsent: greeting.output,
            is_flushing: false,
            is_waiting: false,
            next: greeting.next,
            active: Instant::now(),
        }
    }

    /// How long nothing has moved.
    pub(crate) fn idle(&self) -> Duration {
        self.active.elapsed()
    }

    /// Ready when [`Self::advance`] can do something; none if it can at once.
    pub(crate) fn waits_for(&self) -> Option<&Pollable> {
        let is_sending = !self.unsent.is_empty() || self.is_flushing;
        let ready = if is_sending {
            &self.writable
        } else {
            &self.readable
        };
        self.is_waiting.then_some(ready)
    }

    /// Goes on without waiting, for some turns at most; false if the connection is over.
    pub(crate) fn advance(&mut self) -> bool {
        self.is_waiting = false;
        for _ in 0..TURNS {
            match self.turn() {
                Ok(Turn::Went) => self.active = Instant::now(),
                Ok(Turn::Waits) => {
                    self.is_waiting = true;
                    return true;
                }
                Ok(Turn::Ends) => {
                    // What was sent arrives, whatever the client has still written.
                    let _ = self.socket.shutdown(ShutdownType::Send);
                    return false;
                }
                Err(_) => return false,
            }
        }
        true
    }

    fn turn(&mut self) -> Result<Turn, StreamError> {
        if !self.unsent.is_empty() || self.is_flushing {
            return self.send();
        }
        let step = match self.next {
            Next::More => self.session.more(WINDOW),
            Next::Lines if !self.lines.lines().is_empty() => {
                self.session.lines(self.lines.lines(), WINDOW)
            }
            Next::Lines if self.lines.is_overlong() => self.session.overlong(),
            Next::Lines => return self.receive(),
            Next::Close | Next::Abort | Next::StartTls => return Ok(Turn::Ends),
        };
        self.take(step);
        Ok(Turn::Went)
    }

    fn take(&mut self, step: Step) {
        self.lines
            .consume(usize::try_from(step.consumed).unwrap_or(usize::MAX));
        self.unsent = step.output;
        self.next = step.next;
    }

    fn send(&mut self) -> Result<Turn, StreamError> {
        let room = usize::try_from(self.output.check_write()?).unwrap_or(usize::MAX);
        if room == 0 {
            return Ok(Turn::Waits);
        }
        if self.unsent.is_empty() {
            self.is_flushing = false;
            return Ok(Turn::Went);
        }
        let count = room.min(self.unsent.len());
        self.output.write(&self.unsent[..count])?;
        self.unsent.drain(..count);
        // The last octets have to be on their way before the socket is dropped. Before that the
        // host sends by itself, and has room for more only when it did.
        if self.unsent.is_empty() && !matches!(self.next, Next::Lines | Next::More) {
            self.output.flush()?;
            self.is_flushing = true;
        }
        Ok(Turn::Went)
    }

    fn receive(&mut self) -> Result<Turn, StreamError> {
        let octets = self.input.read(READ)?;
        if octets.is_empty() {
            return Ok(Turn::Waits);
        }
        self.lines.push(&octets);
        Ok(Turn::Went)
    }
}
