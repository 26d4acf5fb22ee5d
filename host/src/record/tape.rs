//! One session while it is recorded: what the host was asked in the call that is running, and what
//! of it goes to the shelf when the call is over.
//!
//! Never waits and never fails: what can not be written is not recorded, and the session goes on.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tracing::warn;

use super::{
    blank::{self, Known},
    format::{Asked, Call, Called, End, Facts, Given, Header, Line, Moved, Read, Turn},
    shelf::{Shelf, Ticket},
    text::Text,
};

/// Octets that are kept before it is known whose session it is.
const UNDECIDED_OCTETS: usize = 256 * 1024;

/// What a call or a question costs in a recording beside its octets.
const ENTRY_OCTETS: usize = 64;

/// A recording under way. Clones are the same one; when the last is gone the recording ends.
#[derive(Clone)]
pub(crate) struct Tape(Arc<Mutex<Spool>>);

struct Spool {
    shelf: Arc<Shelf>,
    ticket: Ticket,
    header: Header,
    began: Instant,
    phase: Phase,
    /// Octets that were recorded so far, about.
    octets: usize,
    /// What the host was asked in the call that is running, and how many octets that is.
    asked: Vec<Asked>,
    asked_octets: usize,
    /// What was claimed with in it.
    secrets: Vec<Vec<u8>>,
    /// Exchanges that there are and that are not over.
    exchanges: u32,
    /// How many there were when the call began, or has anybody come to one in it.
    is_response: bool,
}

enum Phase {
    /// Nobody knows yet whether the session is to be recorded: what there is of it.
    Undecided(Vec<Line>),
    /// It is.
    Recorded,
    /// It is over for the recording, and this is why; `None` if there is to be no file.
    Over(Option<End>),
}

impl Tape {
    pub(super) fn new(shelf: Arc<Shelf>, ticket: Ticket, header: Header) -> Self {
        Self(Arc::new(Mutex::new(Spool {
            shelf,
            ticket,
            began: Instant::now(),
            phase: Phase::Undecided(vec![Line::Recording(header.clone())]),
            header,
            octets: 0,
            asked: Vec::new(),
            asked_octets: 0,
            secrets: Vec::new(),
            exchanges: 0,
            is_response: false,
        })))
    }

    /// It is known whose session it is: whether it is to be recorded.
    pub(super) fn decide(&self, is_recorded: bool) {
        self.spool().decide(is_recorded);
    }

    /// The host was asked.
    pub(super) fn asked(&self, asked: Asked) {
        self.spool().asked(asked);
    }

    /// The component claims with this.
    pub(super) fn secret(&self, secret: &[u8]) {
        let mut spool = self.spool();
        if !spool.is_over() {
            spool.secrets.push(secret.to_vec());
        }
    }

    /// The component was given an exchange. One that it was not given is not written down: what it
    /// called the mechanism may be anything.
    pub(super) fn started(&self, mechanism: &str) {
        let mut spool = self.spool();
        spool.exchanges += 1;
        let mechanism = mechanism.to_owned();
        spool.asked(Asked::Start { mechanism });
    }

    /// An exchange is gone.
    pub(super) fn exchange_over(&self) {
        let mut spool = self.spool();
        spool.exchanges = spool.exchanges.saturating_sub(1);
    }

    /// The session was taken back to before the call that is running. What the host was asked in it
    /// was asked in vain.
    pub(super) fn taken_back(&self) {
        self.spool().end(End::TakenBack);
    }

    /// A call is over.
    pub(super) fn called(&self, call: Call, given: Given) {
        self.spool().called(call, given);
    }

    /// The session has gone on in another component.
    pub(super) fn moved(&self, component: &str) {
        let mut spool = self.spool();
        let (at, component) = (spool.at(), component.to_owned());
        spool.record(Line::Moved(Moved { at, component }), ENTRY_OCTETS);
    }

    fn spool(&self) -> MutexGuard<'_, Spool> {
        // A panic in between loses a line at worst.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spool {
    fn at(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_))
    }

    fn decide(&mut self, is_recorded: bool) {
        let Phase::Undecided(lines) = &mut self.phase else {
            return;
        };
        let lines = std::mem::take(lines);
        if !is_recorded {
            self.phase = Phase::Over(None);
            self.forget();
            return;
        }
        self.phase = Phase::Recorded;
        let octets = self.octets;
        self.octets = 0;
        let each = octets / lines.len().max(1);
        for line in lines {
            self.record(line, each);
        }
    }

    fn asked(&mut self, asked: Asked) {
        if self.is_over() {
            return;
        }
        self.asked_octets += ENTRY_OCTETS + octets(&asked);
        if self.octets + self.asked_octets > self.shelf.session_octets() {
            return self.end(End::TooLarge);
        }
        self.asked.push(asked);
    }

    fn called(&mut self, call: Call, given: Given) {
        let asked_octets = std::mem::take(&mut self.asked_octets);
        let secrets = std::mem::take(&mut self.secrets);
        let host = std::mem::take(&mut self.asked);
        let was_response = std::mem::replace(&mut self.is_response, self.exchanges > 0);
        if self.is_over() {
            return;
        }
        let Facts { mechanisms, .. } = &self.header.connection;
        let known = Known {
            secrets: &secrets,
            is_response: was_response,
            mechanisms,
        };
        let call = match call {
            Call::Lines(Text(lines)) => Call::Lines(Text(blank::lines(&lines, known))),
            Call::Greet | Call::More | Call::Overlong => call,
        };
        let given = match given {
            Given::Step { output, next } => Given::Step {
                output: Text(blank::answer(output.0, &secrets)),
                next,
            },
            Given::Fault(cause) => Given::Fault(cause),
        };
        let host = host.into_iter().map(|asked| blanked(asked, &secrets));
        let (at, host) = (self.at(), host.collect());
        let octets = ENTRY_OCTETS + asked_octets + said(&call, &given);
        let called = Called {
            at,
            call,
            host,
            given,
        };
        self.record(Line::Call(called), octets);
    }

    fn record(&mut self, line: Line, octets: usize) {
        if self.is_over() {
            return;
        }
        self.octets += octets;
        if self.octets > self.shelf.session_octets() {
            return self.end(End::TooLarge);
        }
        match &mut self.phase {
            Phase::Undecided(_) if self.octets > UNDECIDED_OCTETS => self.end(End::TooLarge),
            Phase::Undecided(lines) => lines.push(line),
            Phase::Recorded => {
                if !self.shelf.put(&self.ticket, line, octets) {
                    warn!(
                        session = self.header.session,
                        "the recording is given up: the disk does not keep up"
                    );
                    self.end(End::GivenUp);
                }
            }
            Phase::Over(_) => {}
        }
    }

    /// The recording is over before the session is.
    fn end(&mut self, end: End) {
        let was_undecided = matches!(self.phase, Phase::Undecided(_));
        self.phase = Phase::Over((!was_undecided).then_some(end));
        self.forget();
    }

    fn forget(&mut self) {
        self.asked = Vec::new();
        self.secrets = Vec::new();
    }
}

/// The session is over, and whatever it held: nobody has claimed it for a tenant, so it is the
/// server's.
impl Drop for Spool {
    fn drop(&mut self) {
        self.decide(true);
        match self.phase {
            Phase::Recorded | Phase::Undecided(_) => self.shelf.end(&self.ticket, End::Complete),
            Phase::Over(Some(end)) => self.shelf.end(&self.ticket, end),
            Phase::Over(None) => {}
        }
    }
}

/// A name that was claimed with could be the secret itself, of who has mistaken one for the other.
fn blanked(asked: Asked, secrets: &[Vec<u8>]) -> Asked {
    let name = |Text(user)| Text(blank::answer(user, secrets));
    match asked {
        Asked::Password { user, answer } => Asked::Password {
            user: name(user),
            answer,
        },
        Asked::Apop { user, answer } => Asked::Apop {
            user: name(user),
            answer,
        },
        Asked::Start { .. }
        | Asked::Begin { .. }
        | Asked::Respond { .. }
        | Asked::Open { .. }
        | Asked::Read { .. }
        | Asked::Commit { .. } => asked,
    }
}

/// Octets that an answer of the host has, about.
fn octets(asked: &Asked) -> usize {
    use super::format::{Login, Maildrop};
    let opened = |maildrop: &Maildrop| 8 * maildrop.sizes.len() + maildrop.uids.0.len();
    match asked {
        Asked::Password { answer, .. } | Asked::Apop { answer, .. } => match answer {
            Login::Granted(maildrop) => opened(maildrop),
            Login::Refused(_) => 0,
        },
        Asked::Begin { answer, .. } | Asked::Respond { answer } => match answer {
            Turn::Granted(maildrop) => opened(maildrop),
            Turn::Challenge(_) | Turn::Refused(_) => 0,
        },
        Asked::Read {
            answer: Read::Octets(octets),
        } => octets.0.len(),
        Asked::Commit { deleted, .. } => 8 * deleted.len(),
        Asked::Read { .. } | Asked::Open { .. } | Asked::Start { .. } => 0,
    }
}

/// Octets that were said to a session and by it.
fn said(call: &Call, given: &Given) -> usize {
    let lines = match call {
        Call::Lines(lines) => lines.0.len(),
        Call::Greet | Call::More | Call::Overlong => 0,
    };
    lines
        + match given {
            Given::Step { output, .. } => output.0.len(),
            Given::Fault(cause) => cause.len(),
        }
}
