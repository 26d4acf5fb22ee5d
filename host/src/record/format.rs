//! What stands in a recording: an object of JSON a line, of which the first is the header and the
//! last one the end.
//!
//! Values only. `docs/record-and-replay.md` shows them; a change that an older program would
//! misunderstand raises [`VERSION`].

use serde::{Deserialize, Serialize};

use super::text::Text;
use crate::{
    capability,
    sandbox::{self, Connection},
};

/// The version of the format.
pub const VERSION: u32 = 1;

/// One line of a recording.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    /// The first.
    Recording(Header),
    /// A call into the session.
    Call(Called),
    /// The session went on in another component.
    Moved(Moved),
    /// The last.
    End(End),
}

/// Whose recording it is, and what the session was told.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`VERSION`]
    pub version: u32,
    /// The session, as the log calls it.
    pub session: String,
    /// When it began, in seconds since 1970.
    pub began: u64,
    /// SHA-256 of the component, in hex.
    pub component: String,
    /// What the session was told of its connection.
    pub connection: Facts,
}

/// `session.connection` of the contract.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `sandbox::Connection`")]
pub struct Facts {
    pub banner: String,
    pub challenge: Option<String>,
    pub tls: bool,
    pub may_start_tls: bool,
    pub may_login: bool,
    pub mechanisms: Vec<String>,
    pub announce: Vec<String>,
    pub max_bad_commands: u32,
    pub max_bad_commands_after_login: u32,
}

/// A call into the session, what it asked the host meanwhile, and what it gave.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Called {
    /// When it was over, in microseconds since the session began.
    pub at: u64,
    /// Which call.
    pub call: Call,
    /// What the host was asked, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host: Vec<Asked>,
    /// What came of it.
    pub given: Given,
}

/// Which call.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Call {
    /// `session.greet`
    Greet,
    /// `session.lines`, with the lines that were consumed; secrets are blanked.
    Lines(Text),
    /// `session.more`
    More,
    /// `session.overlong`
    Overlong,
}

/// What a call gave.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Given {
    /// A step.
    Step {
        /// What to send.
        output: Text,
        /// What to do then.
        next: Next,
    },
    /// The end of the session, and why.
    Fault(String),
}

/// `session.next` of the contract.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the variants are those of `sandbox::Next`")]
pub enum Next {
    Lines,
    More,
    StartTls,
    Close,
    Abort,
}

/// A question to the host, with its answer. Passwords, digests and responses are left out.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Asked {
    /// `auth.password`
    Password {
        /// The name.
        user: Text,
        /// The answer.
        answer: Login,
    },
    /// `auth.apop`
    Apop {
        /// The name.
        user: Text,
        /// The answer.
        answer: Login,
    },
    /// `exchange.start`, if there is an exchange
    Start {
        /// The mechanism.
        mechanism: String,
    },
    /// `exchange.begin`
    Begin {
        /// Whether the client sent an initial response.
        initial: bool,
        /// The answer.
        answer: Turn,
    },
    /// `exchange.respond`
    Respond {
        /// The answer.
        answer: Turn,
    },
    /// `maildrop.open`
    Open {
        /// Which message.
        number: u32,
        /// Why it can not be had, if so.
        fault: Option<Fault>,
    },
    /// `message.read`, of the message that was opened last
    Read {
        /// The octets, or why there are none. None at all are the end.
        answer: Read,
    },
    /// `maildrop.commit`
    Commit {
        /// The numbers of the marked messages.
        deleted: Vec<u32>,
        /// How many were removed and kept, if not all were removed.
        unfinished: Option<(u32, u32)>,
    },
}

/// The answer to a claim.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Login {
    Granted(Maildrop),
    Refused(Refusal),
}

/// `auth.turn` of the contract.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the variants are those of `capability::Turn`")]
pub enum Turn {
    Challenge(Text),
    Granted(Maildrop),
    Refused(Refusal),
}

/// A maildrop as it was when it was opened.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Maildrop {
    /// Octets of each message.
    pub sizes: Vec<u64>,
    /// The unique id of each, followed by LF.
    pub uids: Text,
    /// Capability lines of the user.
    pub announce: Vec<String>,
}

/// What came of a read.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Read {
    Octets(Text),
    Fault(Fault),
}

/// `mail.fault` of the contract.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the variants are those of `capability::Fault`")]
pub enum Fault {
    Gone,
    Temporary,
    Permanent,
}

/// `auth.refusal` of the contract.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(
    missing_docs,
    reason = "the variants are those of `capability::Refusal`"
)]
pub enum Refusal {
    Denied,
    InUse,
    LoginDelay,
    Temporary,
    Permanent,
}

/// The session went on in another component.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// When, in microseconds since the session began.
    pub at: u64,
    /// SHA-256 of the component, in hex.
    pub component: String,
}

/// Why a recording ends.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The session was over.
    Complete,
    /// The disk did not keep up; the session went on.
    GivenUp,
    /// It was as large as a recording may be; the session went on.
    TooLarge,
    /// A call failed in a new component, and the session went on in the one before.
    TakenBack,
}

impl From<&Connection> for Facts {
    fn from(connection: &Connection) -> Self {
        Self {
            banner: connection.banner.to_string(),
            challenge: connection.challenge.clone(),
            tls: connection.tls,
            may_start_tls: connection.may_start_tls,
            may_login: connection.may_login,
            mechanisms: connection.mechanism_names(),
            announce: connection.announce.to_vec(),
            max_bad_commands: connection.max_bad_commands,
            max_bad_commands_after_login: connection.max_bad_commands_after_login,
        }
    }
}

impl From<&Facts> for Connection {
    fn from(facts: &Facts) -> Self {
        Self {
            banner: facts.banner.as_str().into(),
            challenge: facts.challenge.clone(),
            tls: facts.tls,
            may_start_tls: facts.may_start_tls,
            may_login: facts.may_login,
            mechanisms: facts.mechanisms.iter().cloned().map(Into::into).collect(),
            announce: facts.announce.as_slice().into(),
            max_bad_commands: facts.max_bad_commands,
            max_bad_commands_after_login: facts.max_bad_commands_after_login,
        }
    }
}

impl From<sandbox::Next> for Next {
    fn from(next: sandbox::Next) -> Self {
        match next {
            sandbox::Next::Lines => Self::Lines,
            sandbox::Next::More => Self::More,
            sandbox::Next::StartTls => Self::StartTls,
            sandbox::Next::Close => Self::Close,
            sandbox::Next::Abort => Self::Abort,
        }
    }
}

/// Both ways between two enums with the same variants.
macro_rules! same {
    ($one:ty, $other:ty: $($variant:ident),+) => {
        impl From<$one> for $other {
            fn from(value: $one) -> Self {
                match value {
                    $(<$one>::$variant => Self::$variant),+
                }
            }
        }

        impl From<$other> for $one {
            fn from(value: $other) -> Self {
                match value {
                    $(<$other>::$variant => Self::$variant),+
                }
            }
        }
    };
}

same!(capability::Fault, Fault: Gone, Temporary, Permanent);
same!(capability::Refusal, Refusal: Denied, InUse, LoginDelay, Temporary, Permanent);
