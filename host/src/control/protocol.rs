//! What is said on the control socket, by both ends.
//!
//! A client sends one [`Request`], a line of JSON. The server answers with lines of [`Line`], the
//! last of which is [`Answer::Done`] or [`Answer::Error`], and closes. Fields may be added without
//! a new version, and a client ignores those that it does not know.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use crate::rollout::Event;

/// The version that is spoken.
pub const VERSION: u32 = 1;

/// What a client sends.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The version of the protocol.
    pub version: u32,
    /// What is wanted.
    pub command: Command,
}

/// What can be wanted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// One [`Answer::Status`].
    Status,
    /// An [`Answer::Session`] for each connection, the oldest first.
    Sessions,
    /// An [`Answer::Kicked`] for each session that was ended.
    Kick(Whom),
    /// An [`Answer::Tenant`] for each tenant.
    Tenants,
    /// An [`Answer::Swapped`] for each tenant whose sessions get another component.
    Swap(Swap),
    /// An [`Answer::Swapped`] for each tenant whose sessions get their component of before.
    Rollback {
        /// Whose sessions; of all who run the server's own component if nothing is said.
        tenant: Option<String>,
    },
    /// Another process of this server takes over: its sockets and its sessions. What is answered is
    /// not of this protocol.
    Takeover,
    /// An [`Answer::Generation`] for each component in use.
    Generations,
    /// An [`Answer::Event`] for each thing that was done with components, the oldest first.
    History,
}

/// A component that sessions are to be in.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Swap {
    /// The component, an absolute path of the server's.
    pub file: PathBuf,
    /// Its SHA-256 in hex, if it has to be that one.
    pub sha256: Option<String>,
    /// Whether it may import WASI.
    pub wasi: bool,
    /// Whether it has to speak POP3 as the dialogues of `popcell component test`.
    pub rehearse: bool,
    /// Whose sessions; of all who run the server's own component if nothing is said.
    pub tenant: Option<String>,
    /// Whose of them first, if not all at once.
    pub canary: Option<Canary>,
    /// A recording or a directory of recordings that it has to answer alike, an absolute path of the
    /// server's.
    pub replay: Option<PathBuf>,
    /// A file of answers that may differ, an absolute path of the server's.
    pub allow: Option<PathBuf>,
    /// Whether to answer only when the open sessions have moved.
    pub wait: bool,
}

/// Whose sessions get a component first.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Canary {
    /// So many of a hundred.
    Percent(u8),
    /// Those of these users.
    Users(Vec<String>),
}

/// Which sessions are to be ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    /// The one with this id.
    Session(String),
    /// Those of a user, by the name that the log has behind `user=`.
    User(String),
    /// Those of a tenant.
    Tenant(String),
}

/// What a server sends.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Line {
    /// The version of the protocol.
    pub version: u32,
    /// What is answered.
    pub answer: Answer,
}

/// A part of an answer.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The server as a whole.
    Status(Status),
    /// One connection.
    Session(Session),
    /// One tenant.
    Tenant(Tenant),
    /// The id of a session that was ended.
    Kicked(String),
    /// Where the sessions of a tenant are.
    Swapped(Swapped),
    /// A component in use.
    Generation(Generation),
    /// Something that was done with a component.
    Event(Event),
    /// There is no more, and nothing went wrong.
    Done,
    /// It can not be done, and why.
    Error(String),
}

/// A server as a whole.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Status {
    /// The version of the program.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When it started, in seconds since 1970-01-01 UTC.
    pub started: u64,
    /// How many seconds it has been running.
    pub uptime: u64,
    /// Whether it can serve: `ready`, or why not.
    pub health: String,
    /// Where it listens for POP3.
    pub listeners: Vec<String>,
    /// SHA-256 of the components that are in use.
    pub components: Vec<String>,
    /// How many connections there are, and may be.
    pub connections: Share,
    /// Of those, how many are in which state.
    pub states: States,
    /// What has happened since it started.
    pub totals: Totals,
}

/// A part of what there may be.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Share {
    /// How many there are.
    pub now: u64,
    /// How many there may be.
    pub limit: u64,
}

/// Connections by where they are.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct States {
    /// No session: before the first, or while TLS is agreed upon.
    pub connecting: u64,
    /// Nobody has logged in.
    pub authorization: u64,
    /// A user has logged in.
    pub transaction: u64,
}

/// What has happened since the server started. Octets are counted below TLS.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Totals {
    /// Connections that were served.
    pub connections: u64,
    /// Logins that succeeded.
    pub logins: u64,
    /// Lines that were handed to components.
    pub lines: u64,
    /// Calls into components.
    pub calls: u64,
    /// Octets that clients sent.
    pub octets_in: u64,
    /// Octets that clients were sent.
    pub octets_out: u64,
    /// Messages that were read to their end.
    pub retrieved: u64,
    /// Messages that were removed.
    pub removed: u64,
}

/// One connection.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Session {
    /// Its name, in the log too.
    pub id: String,
    /// When it was accepted, in seconds since 1970-01-01 UTC.
    pub since: u64,
    /// How many seconds ago that is.
    pub age: u64,
    /// The client's address and port.
    pub peer: String,
    /// Whether TLS protects it.
    pub tls: bool,
    /// Who it belongs to.
    pub tenant: String,
    /// The user, after login.
    pub user: Option<String>,
    /// `connecting`, `authorization` or `transaction`.
    pub state: String,
    /// SHA-256 of the component that it runs in.
    pub component: Option<String>,
    /// Whether it is parked, in no cell.
    #[serde(default)]
    pub parked: bool,
    /// Octets of linear memory of its cell.
    pub memory: u64,
    /// How long the component has computed for it, in microseconds.
    pub computed: u64,
    /// Octets that the client sent.
    pub octets_in: u64,
    /// Octets that the client was sent.
    pub octets_out: u64,
}

/// One tenant.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Tenant {
    /// What the configuration calls it.
    pub name: String,
    /// Connections now.
    pub sessions: u64,
    /// Logins since the server started.
    pub logins: u64,
    /// Octets of linear memory of its cells.
    pub memory: u64,
}

/// Where the sessions of a tenant are, after a swap or a rollback.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Swapped {
    /// Whose they are; `*` for connections that are nobody's yet.
    pub tenant: String,
    /// The generation where they belong.
    pub generation: u64,
    /// SHA-256 of its component.
    pub component: String,
    /// Sessions that are there.
    pub there: u64,
    /// Of those, sessions that came from another generation.
    pub moved: u64,
    /// Sessions that are in another generation.
    pub behind: u64,
    /// Sessions that were refused and stay where they are.
    pub refused: u64,
    /// Why, of one of them.
    pub cause: Option<String>,
}

/// A component in use.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Generation {
    /// Whose sessions are in it; `*` for connections that are nobody's yet.
    pub tenant: String,
    /// Its number among those of the tenant.
    pub generation: u64,
    /// `current`, `canary`, `previous` or `retired`.
    pub standing: String,
    /// SHA-256 of the component.
    pub component: String,
    /// Since when, in seconds since 1970-01-01 UTC.
    pub since: u64,
    /// Sessions in it, parked ones too.
    pub sessions: u64,
    /// Calls that it has answered.
    pub calls: u64,
    /// Of those, with an error reply.
    pub error_replies: u64,
    /// Sessions that came from another generation.
    pub moved: u64,
    /// Sessions that it refused.
    pub refused: u64,
    /// Calls that failed.
    pub failures: u64,
}

impl Line {
    /// An answer in the version that is spoken.
    pub(crate) fn new(answer: Answer) -> Self {
        Self {
            version: VERSION,
            answer,
        }
    }
}
