//! The sandbox: POP3 sessions as WebAssembly components, one instance for each.
//!
//! The only folder that names wasmtime. It knows no sockets, no credentials and no files: it lends
//! [`capability`]s to a guest and takes [`Step`]s from it. The guest is hostile:
//! what it passes is checked here, and what it may use up is limited here.
//!
//! * `engine`: settings of the engine, the pool, the epoch clock.
//! * `registry`: which component a session runs in.
//! * `instance`: [`Session`], a call at a time.
//! * `cell`, `host`, `usage`: what a guest owns, what it may call, what it did.
//! * `convert`, `bindings`: the border to the generated types.

mod bindings;
mod cell;
mod convert;
mod engine;
mod host;
mod instance;
mod registry;
mod usage;

use std::time::Duration;

pub use self::{
    cell::Limits,
    engine::EngineOptions,
    instance::Session,
    registry::{Version, digest},
    usage::{Read, Usage},
};
use self::{engine::EpochClock, registry::Registry};
use crate::capability::{self, Grant};

/// The component that is built along with this library.
pub const EMBEDDED_COMPONENT: &[u8] = include_bytes!(env!("POPCELL_COMPONENT"));

/// The version of the contract in `wit/`.
pub const WIT_VERSION: &str = "0.1.0";

/// Why a session or a component is not (or no longer) served.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The component's fault: one call computed for too long.
    #[error("the component computed for more than {} ms in one call", limit.as_millis())]
    CallTime {
        /// The limit.
        limit: Duration,
    },
    /// The operator's fault: this component can not be served.
    #[error("the component can not be used: {0}")]
    Component(String),
    /// The component's fault: it broke a rule of the contract.
    #[error("the component broke the contract: {0}")]
    Contract(&'static str),
    /// The operator's fault: the system does not give what the engine needs.
    #[error("the sandbox can not be set up: {0}")]
    Engine(String),
    /// Nobody's fault: as many cells are alive as there may be.
    #[error("all cells are taken")]
    Exhausted,
    /// The component's fault: it wanted more memory than it may have.
    #[error("the component wanted more than {limit} octets of memory")]
    Memory {
        /// The limit.
        limit: usize,
    },
    /// Nobody's fault: the component does not read the state of this session.
    #[error("the component refused the session: {0}")]
    Refused(&'static str),
    /// The component's fault: it trapped.
    #[error("the component trapped: {0}")]
    Trap(String),
}

/// What is known of a connection before its first line. Bounds are in `wit/pop3.wit`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Connection {
    /// The text of the greeting, without the challenge.
    pub banner: String,
    /// The challenge of APOP; APOP is offered exactly when it is there.
    pub challenge: Option<String>,
    /// Whether TLS protects the connection.
    pub tls: bool,
    /// Whether STLS is accepted.
    pub may_start_tls: bool,
    /// Whether USER and PASS are accepted on this channel.
    pub may_login: bool,
    /// SASL mechanisms that are offered on this channel, in upper case, best first.
    pub mechanisms: Vec<String>,
    /// Capability lines that are the host's to say.
    pub announce: Vec<String>,
    /// So many bad commands before login end the session.
    pub max_bad_commands: u32,
    /// So many bad commands in a row after login end the session.
    pub max_bad_commands_after_login: u32,
}

/// What the host does when it has sent the output of a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// Call [`Session::lines`] with what was not consumed, or else wait for lines.
    Lines,
    /// Call [`Session::more`]: the answer is not finished.
    More,
    /// Hand the connection to TLS; the session is over.
    StartTls,
    /// Close the connection, the client has said QUIT; the session is over.
    Close,
    /// Close the connection, the component gives the client up; the session is over.
    Abort,
}

/// What a call into the session achieved. Every bound of the contract has been checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// Octets of the given lines that are done with: whole lines.
    pub consumed: usize,
    /// What to send.
    pub output: Vec<u8>,
    /// What to do then.
    pub next: Next,
}

/// A session outside of any cell: bytes and capabilities.
pub struct Parked {
    /// Belongs to the component; holds no secret.
    pub state: Vec<u8>,
    /// There after login.
    pub maildrop: Option<Grant>,
    /// There while a message is being sent.
    pub message: Option<Box<dyn capability::Message>>,
    /// There between the challenge and the response of AUTH.
    pub exchange: Option<Box<dyn capability::Exchange>>,
    /// Whether a login has succeeded. The maildrop may be gone all the same; there is no second.
    pub is_logged_in: bool,
    /// What the session has done so far.
    pub usage: Usage,
}

impl std::fmt::Debug for Parked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parked")
            .field("state", &self.state.len())
            .finish_non_exhaustive()
    }
}

/// The engine with its components. One for a process; sessions share nothing in it but code.
#[derive(Debug)]
pub struct Sandbox {
    registry: Registry,
    limits: Limits,
    // Behind the registry: the clock stops when the last component is gone.
    _clock: EpochClock,
}

impl Sandbox {
    /// Builds the engine and compiles `wasm`, the component of all sessions; use
    /// [`EMBEDDED_COMPONENT`] if there is no other.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`] and [`Error::Component`], for the operator.
    pub fn new(options: EngineOptions, call_time: Duration, wasm: &[u8]) -> Result<Self, Error> {
        let engine = engine::engine(options)?;
        let clock = EpochClock::start(&engine)?;
        let registry = Registry::new(Version::new(&engine, wasm)?);
        let limits = Limits {
            memory: options.cell_memory,
            call_time,
        };
        Ok(Self {
            registry,
            limits,
            _clock: clock,
        })
    }

    /// A new session, in an instance of its own, before its greeting.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`], or an error of the component.
    pub async fn session(
        &self,
        login: Box<dyn capability::Login>,
        connection: &Connection,
    ) -> Result<Session, Error> {
        Session::new(self.registry.default(), login, connection, self.limits).await
    }

    /// A session that was suspended, in a new instance.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the component does not read the state; [`Error::Exhausted`], or an
    /// error of the component. The capabilities are dropped then.
    pub async fn resume(
        &self,
        login: Box<dyn capability::Login>,
        parked: Parked,
        connection: &Connection,
    ) -> Result<Session, Error> {
        Session::resume(
            self.registry.default(),
            login,
            parked,
            connection,
            self.limits,
        )
        .await
    }

    /// The component of new sessions.
    pub fn version(&self) -> std::sync::Arc<Version> {
        self.registry.default()
    }
}
