//! What a server serves, and with what: put together from the configuration, or by an embedder.
//!
//! The one place where backends are chosen. Opens files; listens nowhere.

mod changes;
mod tenancy;
pub mod tokens;

use std::{fs::DirBuilder, io, os::unix::fs::DirBuilderExt, path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;

use self::tenancy::Commons;
pub use self::{
    changes::{Brought, Changes},
    tenancy::Tenancy,
};

use crate::{
    account::Account,
    auth::{
        Auth, attempts,
        attempts::Attempts,
        fixed::FixedUsers,
        hasher::{self, Hasher},
        oauth::WithTokens,
        passwd_file::{self, PasswdFile},
        scheme::{self, StoredPassword},
        scram::{SaltKey, SaltKeyError},
    },
    component::{self, Trust},
    config::{self, Component, Config, Oauth, Uidl, Users},
    login::delay::{self, Delays},
    mailbox::{
        Mailbox,
        maildir::{self, Maildir},
    },
    retention::{Retention, Unlisted},
    rollout::Bounds,
    sandbox::{self, EMBEDDED_COMPONENT, EngineOptions, Permission, Sandbox},
    tenant::{NoUsers, Tenants},
    tls::{self, Tls},
};

/// Why services can not be had. The operator is to blame, or the machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The component's file can not be read, or is not what the configuration says.
    #[error(transparent)]
    Component(#[from] component::Error),
    /// The directory for what is remembered of logins can not be used.
    #[error(transparent)]
    Delays(#[from] delay::Error),
    /// The mail store's options do not go together.
    #[error("mailbox: {0}")]
    Mailbox(#[from] maildir::SharedState),
    /// The one user's password can not be one.
    #[error("password: {0}")]
    Password(#[from] scheme::Error),
    /// The system has no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// Mail is to expire of users whom nobody can list.
    #[error(transparent)]
    Retention(#[from] Unlisted),
    /// The key of made-up salts can not be had.
    #[error(transparent)]
    Salts(#[from] SaltKeyError),
    /// The component does not work in the sandbox.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
    /// The directory of `[state]` can not be made.
    #[error("state directory {}: {source}", path.display())]
    State {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A tenant can not be served.
    #[error("tenant {name}: {cause}")]
    Tenant {
        /// Its name.
        name: String,
        /// Why not.
        cause: Box<Self>,
    },
    /// There are no users.
    #[error(transparent)]
    Tenants(#[from] NoUsers),
    /// The configuration was read again, and wants larger cells than there can be.
    #[error(
        "cell_memory of {wanted} octets needs a restart: the server was started for cells of {most}"
    )]
    CellMemory {
        /// What is wanted.
        wanted: usize,
        /// What can be had.
        most: usize,
    },
    /// The certificates can not be used.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// A SASL mechanism that this server does not know.
    #[error("unknown SASL mechanism {0}")]
    UnknownMechanism(String),
    /// Tokens can not be checked.
    #[error(transparent)]
    Tokens(#[from] tokens::Error),
    /// The users' file can not be read.
    #[error(transparent)]
    Users(#[from] passwd_file::Error),
}

/// The parts of a server that stand behind its sessions.
#[derive(Clone)]
pub struct Services {
    /// Whose mail is served, and with what. Replaced when the configuration is read again.
    pub tenants: Arc<ArcSwap<Tenants>>,
    /// What speaks POP3.
    pub sandbox: Arc<Sandbox>,
    /// Certificates, if there are any.
    pub tls: Option<Arc<Tls>>,
    /// When users logged in last, if LOGIN-DELAY is enforced.
    pub delays: Option<Arc<Delays>>,
    /// Not there for an embedder, who has no configuration to read again.
    pub(crate) tenancy: Option<Arc<Tenancy>>,
    /// Whose components are taken, and what they may get wrong at first.
    pub(crate) rollout: (Trust, Bounds),
    /// Where the history of components is kept.
    pub(crate) state: Option<PathBuf>,
}

impl Services {
    /// Opens what the configuration names: the users, the mail stores, the components.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn open(config: &Config) -> Result<Self, Error> {
        if let Some(directory) = &config.state {
            let made = DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory);
            made.map_err(|source| Error::State {
                path: directory.clone(),
                source,
            })?;
        }
        let sandbox = Arc::new(sandbox(config)?);
        let commons = Commons {
            hasher: Arc::new(hasher(config)?),
            attempts: Arc::new(attempts(config)?),
            sandbox: Arc::clone(&sandbox),
        };
        let tenancy = Arc::new(Tenancy::open(config, commons)?);
        Ok(Self {
            tenants: tenancy.tenants(),
            sandbox,
            tls: config.tls.clone().map(Tls::load).transpose()?.map(Arc::new),
            delays: delays(config)?,
            tenancy: Some(tenancy),
            rollout: (config.trust.clone(), config.swap),
            state: config.state.clone(),
        })
    }

    /// What replaces the tenants when the configuration is read again.
    pub fn tenancy(&self) -> Option<Arc<Tenancy>> {
        self.tenancy.clone()
    }

    /// The services of an embedder: these users and their mail, without TLS and LOGIN-DELAY, with
    /// the policy and the limits of the configuration.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownMechanism`], or the system has no random numbers.
    pub fn of(
        config: &Config,
        auth: Arc<dyn Auth>,
        mailbox: Arc<dyn Mailbox>,
        sandbox: Arc<Sandbox>,
    ) -> Result<Self, Error> {
        let attempts = Arc::new(attempts(config)?);
        let tenants = tenancy::single(config, auth, mailbox, attempts, &sandbox)?;
        Ok(Self {
            tenants: Arc::new(ArcSwap::from_pointee(tenants)),
            sandbox,
            tls: None,
            delays: None,
            tenancy: None,
            rollout: (config.trust.clone(), config.swap),
            state: None,
        })
    }
}

/// The users who belong to no tenant, and who vouches for their tokens.
///
/// # Errors
///
/// See [`Error`]; [`Error::Tenants`] if there are none.
pub fn auth(config: &Config) -> Result<Arc<dyn Auth>, Error> {
    let users = config.users.as_ref().ok_or(NoUsers)?;
    database(users, config.oauth.as_ref(), &Arc::new(hasher(config)?))
}

/// The jobs that remove what has expired, one for each tenant, without a server.
///
/// # Errors
///
/// See [`Error`].
pub fn retentions(config: &Config) -> Result<Vec<Retention>, Error> {
    let hasher = Arc::new(hasher(config)?);
    let tenants = tenancy::all(config);
    let retentions = tenants.iter().map(|tenant| {
        let auth = database(&tenant.users, tenant.oauth.as_ref(), &hasher)?;
        let mailbox = mailbox(&tenant.mailbox)?;
        Ok(Retention::new(auth, mailbox, tenant.session.expire)?)
    });
    retentions.collect()
}

/// Users, and who vouches for their tokens. A token lets in a user who is among them, and nobody
/// else.
fn database(
    users: &Users,
    oauth: Option<&Oauth>,
    hasher: &Arc<Hasher>,
) -> Result<Arc<dyn Auth>, Error> {
    let users = self::users(users, hasher)?;
    Ok(match oauth {
        Some(oauth) => Arc::new(WithTokens::new(users, tokens::open(oauth)?)),
        None => users,
    })
}

fn hasher(config: &Config) -> Result<Hasher, Error> {
    let limits = hasher::Limits {
        threads: config.limits.hash_threads,
        ..hasher::Limits::default()
    };
    Ok(Hasher::with_salts(limits, salts(config)?)?)
}

fn attempts(config: &Config) -> Result<Attempts, Error> {
    Ok(Attempts::new(attempts::Limits {
        first: config.limits.failed_login_delay,
        ..attempts::Limits::default()
    })?)
}

fn users(users: &Users, hasher: &Arc<Hasher>) -> Result<Arc<dyn Auth>, Error> {
    let hasher = Arc::clone(hasher);
    Ok(match users {
        Users::PasswdFile(path) => Arc::new(PasswdFile::open(path, hasher)?),
        Users::One { name, password } => {
            let account = Account {
                user: name.clone(),
                home: None,
            };
            let stored = [b"{PLAIN}", password.expose()].concat();
            let stored = StoredPassword::parse(&stored)?;
            Arc::new(FixedUsers::new([(account, stored)], hasher))
        }
    })
}

/// LOGIN-DELAY outlives a restart, so it is enforced where there is a directory for it.
fn delays(config: &Config) -> Result<Option<Arc<Delays>>, Error> {
    let Some(directory) = &config.state else {
        return Ok(None);
    };
    let delays = Delays::open(&directory.join("logins"), config.session.login_delay)?;
    Ok(Some(Arc::new(delays)))
}

/// What made-up salts are derived from.
fn salts(config: &Config) -> Result<SaltKey, Error> {
    Ok(match &config.state {
        Some(directory) => SaltKey::open(&directory.join("salt.key"))?,
        None => SaltKey::random()?,
    })
}

fn mailbox(mailbox: &config::Mailbox) -> Result<Arc<dyn Mailbox>, Error> {
    let mut options = maildir::Options::new(mailbox.maildir.clone());
    options.create = mailbox.create;
    options.uidl = match mailbox.uidl {
        Uidl::Auto => maildir::Uidl::Auto,
        Uidl::Filename => maildir::Uidl::Filename,
    };
    Ok(Arc::new(Maildir::new(options)?))
}

/// Cells beside those of sessions: a component is tried before it gets any.
pub(crate) const SPARE_CELLS: u32 = 4;

/// The engine and its component, compiled: the slow part of a start.
///
/// # Errors
///
/// [`Error::Component`] and [`Error::Sandbox`].
pub fn sandbox(config: &Config) -> Result<Sandbox, Error> {
    let limits = &config.limits;
    let tenants = config.tenants.iter().map(|tenant| tenant.cell.memory);
    let options = EngineOptions {
        cells: config.sandbox.cells.saturating_add(SPARE_CELLS),
        cell_memory: tenants.fold(limits.cell.memory, usize::max),
        engine: config.sandbox.engine,
    };
    let (wasm, permission) = match &config.component {
        Some(options) => load(options, &config.trust)?,
        None => (EMBEDDED_COMPONENT.to_vec(), Permission::Contract),
    };
    let sandbox = Sandbox::with_permission(options, limits.cell, &wasm, permission);
    Ok(sandbox?)
}

/// The octets of a component, and what it may import.
fn load(options: &Component, trust: &Trust) -> Result<(Vec<u8>, Permission), Error> {
    let wasm = component::load(options, trust)?;
    let permission = match options.wasi {
        true => Permission::Wasi,
        false => Permission::Contract,
    };
    Ok((wasm, permission))
}
