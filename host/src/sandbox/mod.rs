//! The sandbox: POP3 sessions as WebAssembly components, one instance for each.
//!
//! The only folder that names wasmtime. It knows no sockets, no credentials and no files: it lends
//! [`capability`]s to a guest and takes [`Step`]s from it. The guest is hostile:
//! what it passes is checked here, and what it may use up is limited here.
//!
//! * `engine`: settings of the engine, the pool, the epoch clock.
//! * `registry`: which component a session runs in.
//! * `wasi`: what components of a standard library may import besides.
//! * `instance`: [`Session`], a call at a time.
//! * `running`: a cell with what runs in it; `native`: no sandbox, for benchmarks alone.
//! * `cell`, `host`, `usage`: what a guest owns, what it may call, what it did.
//! * `limits`, `budget`: what one guest, and all of a tenant together, may use up.
//! * `park`: sessions between two cells.
//! * `anatomy`: what a component is made of, for whoever looks at one.
//! * `contract`: the versions of the contract, a file each; the only ones that know generated types,
//!   but for `host`, which has those of `wit/`.
//! * `convert`: bounds.

mod anatomy;
mod budget;
mod cell;
mod clock;
mod contract;
mod convert;
mod engine;
mod forward;
mod host;
mod instance;
mod limits;
#[cfg(feature = "native-session")]
mod native;
mod park;
mod reading;
mod registry;
mod retreat;
mod running;
mod step;
mod stopwatch;
mod usage;
mod wasi;

use std::{borrow::Cow, sync::Arc, time::Duration};

pub use self::{
    anatomy::Anatomy,
    budget::Budget,
    cell::Terms,
    engine::{Engine, EngineOptions},
    instance::Session,
    limits::{Limit, Limits},
    park::NotMoved,
    registry::{Version, digest},
    step::{Next, Step},
    usage::{Read, Usage},
    wasi::Permission,
};
use self::{clock::EpochClock, registry::Registry};
use crate::capability::{self, Grant};

/// The component that is built along with this library, for this host: it imports `message.forward`.
pub const EMBEDDED_COMPONENT: &[u8] = include_bytes!(env!("POPCELL_COMPONENT"));

/// The same for every host of the contract: it imports nothing that is unstable. It says the same.
pub const PORTABLE_COMPONENT: &[u8] = include_bytes!(env!("POPCELL_PORTABLE_COMPONENT"));

/// The version of the contract in `wit/`.
pub const WIT_VERSION: &str = "0.1.0";

/// Why a session or a component is not (or no longer) served.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operator's fault: this component can not be served.
    #[error("the component can not be used: {0}")]
    Component(String),
    /// The component's fault: it broke a rule of the contract.
    #[error("the component broke the contract: {0}")]
    Contract(&'static str),
    /// The operator's fault: the system does not give what the engine needs.
    #[error("the sandbox can not be set up: {0}")]
    Engine(String),
    /// The operator's choice, or the system's: machine code can not be run.
    #[error(
        "the system allows no memory to become executable, as machine code needs it; \
         set engine = \"pulley\" in [sandbox] to interpret the component"
    )]
    Executable,
    /// Nobody's fault: as many cells are alive as there may be.
    #[error("all cells are taken")]
    Exhausted,
    /// The component's fault: it has used up what it may.
    #[error("the component reached a limit: {0}")]
    Limit(#[from] Limit),
    /// Our own fault: a call into the session panicked.
    #[error("the session was lost")]
    Lost,
    /// Nobody's fault: the component does not read the state of this session.
    #[error("the component refused the session: {0}")]
    Refused(&'static str),
    /// The component's fault: it trapped.
    #[error("the component trapped: {0}")]
    Trap(String),
    /// The operator's choice: a component that wants WASI, and may not have it.
    #[error(
        "the component imports {imports}; set wasi = true beside its file if it may have clocks \
         and randomness"
    )]
    Wasi {
        /// The interfaces of WASI that it imports.
        imports: String,
    },
}

impl Error {
    /// Whether the component is to blame, and not the operator, the system or we.
    pub fn is_components_fault(&self) -> bool {
        match self {
            Self::Contract(_) | Self::Trap(_) => true,
            // What the others of its tenant have is not its fault.
            Self::Limit(limit) => !matches!(limit, Limit::TenantMemory(_)),
            Self::Component(_)
            | Self::Engine(_)
            | Self::Executable
            | Self::Exhausted
            | Self::Lost
            | Self::Refused(_)
            | Self::Wasi { .. } => false,
        }
    }
}

/// What is known of a connection before its first line. Bounds are in `wit/pop3.wit`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Connection {
    /// The text of the greeting, without the challenge.
    pub banner: Arc<str>,
    /// The challenge of APOP; APOP is offered exactly when it is there.
    pub challenge: Option<String>,
    /// Whether TLS protects the connection.
    pub tls: bool,
    /// Whether STLS is accepted.
    pub may_start_tls: bool,
    /// Whether USER and PASS are accepted on this channel.
    pub may_login: bool,
    /// SASL mechanisms that are offered on this channel, in upper case, best first.
    pub mechanisms: Vec<Cow<'static, str>>,
    /// Capability lines that are the host's to say.
    pub announce: Arc<[String]>,
    /// So many bad commands before login end the session.
    pub max_bad_commands: u32,
    /// So many bad commands in a row after login end the session.
    pub max_bad_commands_after_login: u32,
}

impl Connection {
    /// A connection without TLS that accepts USER and PASS alone, with this greeting.
    pub fn new(banner: impl Into<Arc<str>>) -> Self {
        Self {
            banner: banner.into(),
            challenge: None,
            tls: false,
            may_start_tls: false,
            may_login: true,
            mechanisms: Vec::new(),
            announce: Arc::default(),
            max_bad_commands: 3,
            max_bad_commands_after_login: 20,
        }
    }

    /// The mechanisms, for whoever keeps texts of their own.
    pub(crate) fn mechanism_names(&self) -> Vec<String> {
        self.mechanisms.iter().map(ToString::to_string).collect()
    }
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
    /// How long its guests have computed so far.
    pub computed: Duration,
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
    terms: Terms,
    most_memory: usize,
    cells: u32,
    // Behind the registry: the clock stops when the last component is gone.
    _clock: EpochClock,
}

impl Sandbox {
    /// Builds the engine and compiles `wasm`, the component of all sessions that are not given
    /// another one; use [`EMBEDDED_COMPONENT`] if there is no other. It may import the contract and
    /// nothing else. `limits` are for these sessions too, as far as the engine's options do not say
    /// less.
    ///
    /// # Errors
    ///
    /// As [`Self::with_permission`].
    pub fn new(options: EngineOptions, limits: Limits, wasm: &[u8]) -> Result<Self, Error> {
        Self::with_permission(options, limits, wasm, Permission::Contract)
    }

    /// The component that is built along with this library, with the options and the limits that are the
    /// default.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`] and [`Error::Executable`].
    pub fn standard() -> Result<Self, Error> {
        Self::new(
            EngineOptions::default(),
            Limits::default(),
            EMBEDDED_COMPONENT,
        )
    }

    /// As [`Self::new`], for a component that may import more.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`], [`Error::Executable`], [`Error::Component`] and [`Error::Wasi`], for the
    /// operator.
    pub fn with_permission(
        options: EngineOptions,
        limits: Limits,
        wasm: &[u8],
        permission: Permission,
    ) -> Result<Self, Error> {
        let engine = engine::engine(options)?;
        let clock = EpochClock::start(&engine)?;
        let version = Version::new(&engine, clock.handle(), wasm, permission)?;
        #[cfg(feature = "native-session")]
        let version = version.or_native(options.engine);
        let registry = Registry::new(version);
        let limits = Limits {
            memory: limits.memory.min(options.cell_memory),
            ..limits
        };
        Ok(Self {
            registry,
            terms: Terms {
                limits,
                budget: Arc::new(Budget::new(usize::MAX, None)),
            },
            most_memory: options.cell_memory,
            cells: options.cells,
            _clock: clock,
        })
    }

    /// Compiles a further component for this engine. The same octets with the same permission are
    /// compiled once for as long as somebody holds them.
    ///
    /// # Errors
    ///
    /// As [`Self::with_permission`].
    pub fn compile(&self, wasm: &[u8], permission: Permission) -> Result<Arc<Version>, Error> {
        self.registry.compile(wasm, permission)
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
        self.session_in(self.version(), self.terms.clone(), login, connection)
            .await
    }

    /// As [`session`](Self::session), in this component and under these terms.
    ///
    /// # Errors
    ///
    /// As [`session`](Self::session).
    pub async fn session_in(
        &self,
        version: Arc<Version>,
        terms: Terms,
        login: Box<dyn capability::Login>,
        connection: &Connection,
    ) -> Result<Session, Error> {
        Session::new(version, login, connection, terms).await
    }

    /// A session that was suspended, in a new instance.
    ///
    /// # Errors
    ///
    /// As [`resume_in`](Self::resume_in).
    pub async fn resume(
        &self,
        login: Box<dyn capability::Login>,
        parked: Parked,
        connection: &Connection,
    ) -> Result<Session, NotMoved> {
        self.resume_in(
            self.version(),
            self.terms.clone(),
            login,
            parked,
            connection,
        )
        .await
    }

    /// As [`resume`](Self::resume), in this component and under these terms.
    ///
    /// # Errors
    ///
    /// [`NotMoved`] gives the session back as it was: to end it, or to try elsewhere.
    pub async fn resume_in(
        &self,
        version: Arc<Version>,
        terms: Terms,
        login: Box<dyn capability::Login>,
        parked: Parked,
        connection: &Connection,
    ) -> Result<Session, NotMoved> {
        Session::resume(version, login, parked, connection, terms).await
    }

    /// The component that is built along with this library.
    ///
    /// # Errors
    ///
    /// As [`compile`](Self::compile).
    pub fn embedded(&self) -> Result<Arc<Version>, Error> {
        self.compile(EMBEDDED_COMPONENT, Permission::Contract)
    }

    /// What a component is made of, and whether it could be a session here if it may have WASI.
    ///
    /// # Errors
    ///
    /// [`Error::Component`]: the octets are no component, or one that is larger than a cell.
    pub fn examine(&self, wasm: &[u8]) -> Result<Anatomy, Error> {
        Anatomy::of(self.registry.engine(), wasm)
    }

    /// Octets of memory that the largest cell may have, whatever its terms are.
    pub fn most_memory(&self) -> usize {
        self.most_memory
    }

    /// Cells that may be alive at once.
    pub fn cells(&self) -> u32 {
        self.cells
    }

    /// The component of new sessions.
    pub fn version(&self) -> Arc<Version> {
        self.registry.default()
    }

    /// What sessions may use up that are given no other terms.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }
}
