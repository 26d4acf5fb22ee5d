//! The session: the states of RFC 1939 §3, and the loop over lines.
//!
//! Everything that changes a session's state is in this file and the files of its states. It does
//! not know where lines come from, nor how long anything takes.

use alloc::vec::Vec;
use core::mem;

use crate::{
    answer::Answer,
    authorization::Authorization,
    capability::Host,
    command::{Line, Verb},
    connection::Connection,
    parked::{self, Parked, ResumeError},
    reply::{Error, Output},
    sasl::Sasl,
    transaction::Transaction,
};

/// What the host does when it has sent the output of a step (`session.next`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// Call [`Session::lines`] with what was not consumed, or else wait for lines.
    Lines,
    /// Call [`Session::more`]: the answer is not finished.
    More,
    /// Hand the connection to TLS; this session is over.
    StartTls,
    /// Close the connection, the client has said QUIT; this session is over.
    Close,
    /// Close the connection, the session gives the client up; it is over.
    Abort,
}

/// What a call achieved (`session.step`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// Octets of the given lines that are done with: whole lines.
    pub consumed: u32,
    /// What to send.
    pub output: Vec<u8>,
    /// What to do then.
    pub next: Next,
}

/// One POP3 session.
///
/// One call at a time, and its output is sent, in order, before the next call.
///
/// ```
/// # use popcell_component::*;
/// # struct Nobody;
/// # enum Never {}
/// # impl Message for Never { fn read(&self, _: u32) -> Result<Vec<u8>, Fault> { match *self {} } }
/// # impl Maildrop for Never {
/// #     type Message = Never;
/// #     fn summary(&self) -> Summary { match *self {} }
/// #     fn sizes(&self, _: u32, _: u32) -> Result<Vec<u64>, Fault> { match *self {} }
/// #     fn uids(&self, _: u32, _: u32) -> Result<Vec<u8>, Fault> { match *self {} }
/// #     fn announce(&self) -> Vec<String> { match *self {} }
/// #     fn open(&self, _: u32) -> Result<Never, Fault> { match *self {} }
/// #     fn commit(self, _: &[u8]) -> Result<(), Unfinished> { match self {} }
/// # }
/// # impl Exchange for Never {
/// #     type Maildrop = Never;
/// #     fn begin(&self, _: Option<&[u8]>) -> Turn<Never> { match *self {} }
/// #     fn respond(&self, _: &[u8]) -> Turn<Never> { match *self {} }
/// # }
/// # impl Host for Nobody {
/// #     type Maildrop = Never;
/// #     type Exchange = Never;
/// #     fn password(&self, _: &[u8], _: &[u8]) -> Result<Never, Refusal> { Err(Refusal::Denied) }
/// #     fn apop(&self, _: &[u8], _: &[u8]) -> Result<Never, Refusal> { Err(Refusal::Denied) }
/// #     fn start(&self, _: &str) -> Option<Never> { None }
/// # }
/// # let connection = Connection {
/// #     banner: "ready".into(), challenge: None, tls: true, may_start_tls: false, may_login: true,
/// #     mechanisms: vec![], announce: vec![], max_bad_commands: 3, max_bad_commands_after_login: 20,
/// # };
/// let mut session = Session::new(Nobody, connection);
/// assert_eq!(session.greet().output, b"+OK ready\r\n");
/// let step = session.lines(b"USER alice\r\nPASS guess\r\n", 4096);
/// assert_eq!(
///     step.output,
///     b"+OK USER accepted, send PASS\r\n-ERR [AUTH] Authentication failed\r\n"
/// );
/// assert_eq!((step.consumed, step.next), (24, Next::Lines));
/// ```
#[derive(Debug)]
pub struct Session<H: Host> {
    host: H,
    connection: Connection,
    state: State<H>,
}

/// The states of RFC 1939 §3, and what is known in each.
///
/// ```text
///   greeting
///      │
///      ▼            AUTH                    RETR, TOP, LIST, UIDL
///   Authorization ◀──────▶ Sasl     Transaction ◀──────▶ Answer
///      │      │             │          ▲    │              │
///      │      └─ PASS, APOP ┴── +OK ───┘    │ QUIT (§6)    │ storage fails
///      └─ QUIT, STLS, too many ──▶ Ended ◀──┴──────────────┘
/// ```
pub(crate) enum State<H: Host> {
    /// §4. Nobody is logged in; there is no maildrop to look at.
    Authorization(Authorization),
    /// RFC 5034 §4. An AUTH waits for the client's response; the next line is no command.
    Sasl(Sasl<H>),
    /// §5. One user, one locked maildrop.
    Transaction(Transaction<H>),
    /// §5. The same, while a multi-line answer is being sent; no line is looked at.
    Answer(Answer<H>),
    /// Over. UPDATE (§6) is the commit on the way here.
    Ended(Ended),
}

/// How a session ended. It stays that way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ended {
    /// The session gave the client up.
    Abort,
    /// The client said QUIT.
    Close,
    /// The connection is TLS's.
    StartTls,
}

/// What every command may look at, whatever the state.
pub(crate) struct Context<'a, H> {
    pub(crate) host: &'a H,
    pub(crate) connection: &'a Connection,
}

impl<H: Host> core::fmt::Debug for State<H> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Authorization(_) => "Authorization",
            Self::Sasl(_) => "Sasl",
            Self::Transaction(_) => "Transaction",
            Self::Answer(_) => "Answer",
            Self::Ended(_) => "Ended",
        })
    }
}

impl<H: Host> Session<H> {
    /// A session before its greeting, in the AUTHORIZATION state.
    pub fn new(host: H, connection: Connection) -> Self {
        Self {
            host,
            connection,
            state: State::Authorization(Authorization::default()),
        }
    }

    /// Puts a parked session into this component.
    ///
    /// # Errors
    ///
    /// See [`ResumeError`]; the capabilities are dropped.
    pub fn resume(host: H, parked: Parked<H>, connection: Connection) -> Result<Self, ResumeError> {
        Ok(Self {
            host,
            connection,
            state: parked::unpark(parked)?,
        })
    }

    /// Takes the session out of this component, between any two calls after the greeting.
    pub fn suspend(self) -> Parked<H> {
        parked::park(self.state)
    }

    /// The greeting. Called once, before any other function.
    pub fn greet(&mut self) -> Step {
        let mut out = Output::new(0);
        let Connection {
            banner, challenge, ..
        } = &self.connection;
        // RFC 1939 §7 (APOP): the timestamp in the banner says that APOP is offered.
        out.greeting(banner, challenge.as_deref());
        self.step(0, out)
    }

    /// Answers complete lines, each with its LF, in order, until about `max` octets are ready or a
    /// line needs something else first.
    pub fn lines(&mut self, lines: &[u8], max: u32) -> Step {
        let mut out = Output::new(max);
        let mut consumed = 0;
        while self.takes_lines() && (out.is_empty() || out.room() > 0) {
            let rest = &lines[consumed..];
            let Some(end) = memchr::memchr(b'\n', rest) else {
                break;
            };
            let line = &rest[..end];
            if !self.line(line.strip_suffix(b"\r").unwrap_or(line), &mut out) {
                break;
            }
            consumed += end + 1;
        }
        self.step(consumed, out)
    }

    /// About `max` further octets of the answer that is being sent.
    pub fn more(&mut self, max: u32) -> Step {
        let mut out = Output::new(max);
        self.fill(&mut out);
        self.step(0, out)
    }

    /// The peer has sent a line that is longer than the host accepts: says so and gives it up.
    pub fn overlong(&mut self) -> Step {
        let mut out = Output::new(0);
        if self.takes_lines() {
            out.error(Error::LineTooLong);
            self.state = State::Ended(Ended::Abort);
        }
        self.step(0, out)
    }

    fn takes_lines(&self) -> bool {
        match self.state {
            State::Authorization(_) | State::Sasl(_) | State::Transaction(_) => true,
            State::Answer(_) | State::Ended(_) => false,
        }
    }

    /// Answers one line without its line end; false if the line has to wait.
    fn line(&mut self, line: &[u8], out: &mut Output) -> bool {
        let context = Context {
            host: &self.host,
            connection: &self.connection,
        };
        self.state = match mem::replace(&mut self.state, State::Ended(Ended::Abort)) {
            State::Authorization(state) => state.command(Line::parse(line), &context, out),
            State::Sasl(state) => state.response(line, out),
            State::Transaction(state) => {
                let line = Line::parse(line);
                // A commit must not overtake answers that the peer has not taken yet.
                if is_quit(&line) && !out.is_empty() {
                    self.state = State::Transaction(state);
                    return false;
                }
                state.command(line, &context, out)
            }
            state @ (State::Answer(_) | State::Ended(_)) => state,
        };
        self.fill(out);
        true
    }

    /// Goes on with a multi-line answer, if one is being sent.
    fn fill(&mut self, out: &mut Output) {
        if let State::Answer(_) = self.state
            && let State::Answer(answer) = mem::replace(&mut self.state, State::Ended(Ended::Abort))
        {
            self.state = answer.fill(out);
        }
    }

    fn step(&self, consumed: usize, out: Output) -> Step {
        let next = match self.state {
            State::Authorization(_) | State::Sasl(_) | State::Transaction(_) => Next::Lines,
            State::Answer(_) => Next::More,
            State::Ended(Ended::Close) => Next::Close,
            State::Ended(Ended::Abort) => Next::Abort,
            State::Ended(Ended::StartTls) => Next::StartTls,
        };
        let consumed = u32::try_from(consumed).unwrap_or(u32::MAX);
        Step {
            consumed,
            output: out.into_octets(),
            next,
        }
    }
}

fn is_quit(line: &Result<Line<'_>, Error>) -> bool {
    line.as_ref().is_ok_and(|line| line.row.verb == Verb::Quit)
}
