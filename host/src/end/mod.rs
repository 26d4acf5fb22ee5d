//! How a session is called, why it ended, and the two lines that the log has of it.
//!
//! Counts nothing itself: whoever drives the session knows what happened in it. The shape of the
//! lines is `log`'s, their contents are decided here and nowhere else.

mod lines;
mod origin;
#[cfg(test)]
mod tests;

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub use self::{
    lines::{log_end, log_login},
    origin::{Channel, Origin},
};
use crate::sandbox;

/// Makes session ids. One for the process: ids of two of these can be the same.
#[derive(Debug)]
pub struct SessionIds {
    next: AtomicU64,
}

/// What a session is called in the log and in the lock of its maildrop.
///
/// Displays as 16 hexadecimal digits. Says nothing of how many sessions there were; is no secret.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionId(u64);

/// Why a session ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum End {
    /// The component closed the connection, and not for a QUIT: as a rule too many bad commands.
    ClosedByComponent,
    /// The component broke a bound of the contract.
    ComponentBreach {
        /// The bound, in our words.
        bound: &'static str,
    },
    /// The component used up what it may: memory, time, or another of its limits.
    ComponentLimit {
        /// The limit, as the configuration and the metrics call it.
        limit: &'static str,
        /// What the sandbox says of it.
        cause: String,
    },
    /// The component trapped.
    ComponentTrapped {
        /// What the sandbox says of it.
        cause: String,
    },
    /// There was no TLS to be had with the client.
    HandshakeFailed {
        /// Why, in words without the client's.
        cause: String,
    },
    /// Our own fault, or the machine's: there was no instance to be had, say.
    HostFailed {
        /// What went wrong.
        cause: String,
    },
    /// A client that is logged in was silent for too long.
    Idle,
    /// The connection broke.
    Io(io::ErrorKind),
    /// Nobody's fault: another process of this server has it.
    HandedOver,
    /// The operator ended the session.
    Kicked,
    /// The client sent a line that was too long.
    LineTooLong,
    /// The client did not log in in time.
    LoginTimeout,
    /// A message could not be read to its end while it was sent.
    MessageBroken,
    /// The client closed the connection without a QUIT.
    PeerClosed,
    /// The client sent something behind STLS that was not TLS.
    PlaintextBehindStls,
    /// The client said QUIT.
    Quit,
    /// The server was told to stop.
    Shutdown,
    /// The client failed to log in too often.
    TooManyFailedLogins,
    /// The client took nothing of an answer for too long.
    WriteStalled,
}

/// What happened in a session.
#[derive(Clone, Debug)]
pub struct Summary {
    /// From the accepted connection to its end.
    pub duration: Duration,
    /// Octets that the client sent, below TLS.
    pub octets_in: u64,
    /// Octets that the client was sent, below TLS.
    pub octets_out: u64,
    /// How far it came.
    pub stage: Stage,
}

/// How far a session came.
#[derive(Clone, Debug)]
pub enum Stage {
    /// Nobody logged in.
    Authorization(Attempts),
    /// A user logged in.
    Transaction(Usage),
}

/// Logins that were tried in vain.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    /// Claims that were wrong, or not allowed on the channel. These alone are a sign of guessing.
    pub denied: u32,
    /// Claims that were right and got no maildrop: locked, too early, or out of order.
    pub refused: u32,
    /// The last claim of all.
    pub last: Option<Claim>,
}

/// Somebody's claim to be a user.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The user name as the client sent it.
    pub user: Vec<u8>,
    /// The way of logging in: a SASL mechanism, `APOP`, or `PLAIN` for USER and PASS.
    pub method: &'static str,
}

/// What a user did with a maildrop.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// The user, as the user database writes the name.
    pub user: Arc<str>,
    /// Messages of the maildrop at login.
    pub messages: u32,
    /// Octets of the maildrop at login.
    pub octets: u64,
    /// Messages that were opened and read to their end: what RETR does.
    pub whole: Read,
    /// Messages that were opened and not read to their end: what TOP does, and a RETR that broke
    /// off.
    pub partial: Read,
    /// Messages that were removed.
    pub removed: u32,
    /// Messages that should have been removed at QUIT and were not.
    pub kept: u32,
}

/// Messages that were read, and how much of them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Read {
    /// How often a message was opened.
    pub messages: u32,
    /// Octets that the component was given of them.
    pub octets: u64,
}

impl SessionIds {
    /// Ids that start at a random place, so that those of two runs differ.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub fn new() -> Result<Self, getrandom::Error> {
        Ok(Self {
            next: AtomicU64::new(getrandom::u64()?),
        })
    }

    /// An id that this never gave before.
    pub fn next(&self) -> SessionId {
        // Odd, so that all of the 2^64 ids come before the first comes again; and with no pattern
        // in its bits, so that ids that follow each other do not look alike.
        const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;
        SessionId(self.next.fetch_add(STRIDE, Ordering::Relaxed))
    }
}

impl SessionId {
    /// Whether this session is among so many of so many. Ids have no pattern, so any are.
    pub(crate) fn is_in_sample(self, some: u32, of: u32) -> bool {
        self.0 % u64::from(of.max(1)) < u64::from(some)
    }

    /// The id that displays as this text.
    pub fn parse(text: &str) -> Option<Self> {
        let is_id = text.len() == 16 && text.bytes().all(|octet| octet.is_ascii_hexdigit());
        let id = is_id.then(|| u64::from_str_radix(text, 16).ok());
        id.flatten().map(Self)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl End {
    /// Every reason that there is, in alphabetical order.
    pub const REASONS: [&str; 18] = [
        "closed_by_component",
        "component_breach",
        "component_limit",
        "component_trapped",
        "handshake_failed",
        "host_failed",
        "idle",
        "io",
        "kicked",
        "line_too_long",
        "login_timeout",
        "message_broken",
        "peer_closed",
        "plaintext_behind_stls",
        "quit",
        "shutdown",
        "too_many_failed_logins",
        "write_stalled",
    ];

    /// The reason in one word, for JSON and metrics: one of a fixed set.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::ClosedByComponent => "closed_by_component",
            Self::ComponentBreach { .. } => "component_breach",
            Self::ComponentLimit { .. } => "component_limit",
            Self::ComponentTrapped { .. } => "component_trapped",
            Self::HandshakeFailed { .. } => "handshake_failed",
            Self::HostFailed { .. } => "host_failed",
            Self::Idle => "idle",
            Self::Io(_) => "io",
            Self::HandedOver => "handed_over",
            Self::Kicked => "kicked",
            Self::LineTooLong => "line_too_long",
            Self::LoginTimeout => "login_timeout",
            Self::MessageBroken => "message_broken",
            Self::PeerClosed => "peer_closed",
            Self::PlaintextBehindStls => "plaintext_behind_stls",
            Self::Quit => "quit",
            Self::Shutdown => "shutdown",
            Self::TooManyFailedLogins => "too_many_failed_logins",
            Self::WriteStalled => "write_stalled",
        }
    }

    /// What an operator has to be told beyond the reason.
    fn cause(&self) -> Option<&str> {
        match self {
            Self::ComponentBreach { bound } => Some(bound),
            Self::ComponentLimit { cause, .. }
            | Self::ComponentTrapped { cause }
            | Self::HostFailed { cause } => Some(cause),
            Self::ClosedByComponent
            | Self::Idle
            | Self::Io(_)
            | Self::HandedOver
            | Self::Kicked
            | Self::LineTooLong
            | Self::LoginTimeout
            | Self::MessageBroken
            | Self::HandshakeFailed { .. }
            | Self::PeerClosed
            | Self::PlaintextBehindStls
            | Self::Quit
            | Self::Shutdown
            | Self::TooManyFailedLogins
            | Self::WriteStalled => None,
        }
    }
}

impl From<sandbox::Error> for End {
    fn from(error: sandbox::Error) -> Self {
        match error {
            sandbox::Error::Contract(bound) => Self::ComponentBreach { bound },
            sandbox::Error::Limit(limit) => Self::ComponentLimit {
                limit: limit.name(),
                cause: limit.to_string(),
            },
            sandbox::Error::Trap(cause) => Self::ComponentTrapped { cause },
            sandbox::Error::Component(_)
            | sandbox::Error::Engine(_)
            | sandbox::Error::Executable
            | sandbox::Error::Exhausted
            | sandbox::Error::Lost
            | sandbox::Error::Refused(_)
            | sandbox::Error::Wasi { .. } => Self::HostFailed {
                cause: error.to_string(),
            },
        }
    }
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
        if is_gone {
            Self::PeerClosed
        } else {
            Self::Io(error.kind())
        }
    }
}

/// The reason in Dovecot's words, where Dovecot has some. Without parentheses: fail2ban's filters
/// take what stands in the first ones for the outcome of the logins.
impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClosedByComponent => "Closed by the component",
            Self::ComponentBreach { .. } => "Component broke its contract",
            Self::ComponentLimit { .. } => "Component reached a limit",
            Self::ComponentTrapped { .. } => "Component failed",
            Self::HandshakeFailed { cause } => return write!(f, "TLS handshake failed: {cause}"),
            Self::HostFailed { .. } => "Internal failure",
            Self::Idle | Self::LoginTimeout => "Inactivity",
            Self::Io(kind) => return write!(f, "Connection closed: {kind}"),
            Self::HandedOver => "Handed over to another process",
            Self::Kicked => "Kicked by the operator",
            Self::LineTooLong => "Command line too long",
            Self::MessageBroken => "Message could not be read",
            Self::PeerClosed => "Connection closed",
            Self::PlaintextBehindStls => "Plaintext behind STLS",
            Self::Quit => "Logged out",
            Self::Shutdown => "Server shutting down",
            Self::TooManyFailedLogins => "Too many failed logins",
            Self::WriteStalled => "Inactivity in reading our output",
        })
    }
}
