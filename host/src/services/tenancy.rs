//! Tenants from the configuration, and once more from the configuration that came after.
//!
//! What did not change stays the same object, with its counts, its cache and its budget. Reads no
//! configuration file and catches no signal; `reload.rs` does.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::{
    Error,
    changes::{Brought, Changes},
    database, load, mailbox,
};
use crate::{
    auth::{Auth, attempts::Attempts, hasher::Hasher, sasl::Mechanism},
    config::{self, Apop, Component, Config, Share},
    login::{LoginContext, quota::Quota},
    mailbox::Mailbox,
    retention::Retention,
    rollout::{FRONT, Track},
    sandbox::{Budget, Sandbox, Terms, Version},
    tenant::{DEFAULT, SessionPolicy, Tenant, Tenants},
};

/// What all tenants have in common, and what outlives a configuration.
pub(super) struct Commons {
    pub(super) hasher: Arc<Hasher>,
    pub(super) attempts: Arc<Attempts>,
    pub(super) sandbox: Arc<Sandbox>,
}

/// The tenants of a server, over one configuration and the next.
pub struct Tenancy {
    commons: Commons,
    tenants: Arc<ArcSwap<Tenants>>,
    current: Mutex<Current>,
}

/// What there is.
struct Current {
    tenants: Vec<Known>,
    /// Of connections that are nobody's yet.
    front: Configured,
}

/// A tenant, and what it was made of.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) config: config::Tenant,
    pub(super) tenant: Arc<Tenant>,
    pub(super) component: Configured,
}

/// A component, and whether it has to be rehearsed before it takes over open sessions.
type Named = (Arc<Version>, bool);

/// The components of a tenant, and the one that the configuration names.
#[derive(Clone)]
pub(super) struct Configured {
    track: Arc<Track>,
    pub(super) version: Arc<Version>,
    is_rehearsed: bool,
}

impl Tenancy {
    /// Opens all tenants of a configuration.
    pub(super) fn open(config: &Config, commons: Commons) -> Result<Self, Error> {
        let made = make(config, &commons, &[])?;
        let front = Configured::new(server_version(config, &commons)?);
        let tenants = gather(config, &front, &made)?;
        Ok(Self {
            commons,
            tenants: Arc::new(ArcSwap::from_pointee(tenants)),
            current: Mutex::new(Current {
                tenants: made,
                front,
            }),
        })
    }

    /// The tenants that there are, for connections to come.
    pub fn tenants(&self) -> Arc<ArcSwap<Tenants>> {
        Arc::clone(&self.tenants)
    }

    /// Puts another configuration in the place of the one before. Blocks.
    ///
    /// # Errors
    ///
    /// See [`Error`]; nothing has changed then.
    pub fn replace(&self, config: &Config) -> Result<Changes, Error> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let made = make(config, &self.commons, &current.tenants)?;
        let front = current
            .front
            .renamed(server_version(config, &self.commons)?);
        let tenants = gather(config, &front, &made)?;
        let mut changes = Changes::between(&current.tenants, &made);
        if !front.version.is_same(&current.front.version) {
            changes.components.push(front.brought(FRONT));
        }
        self.tenants.store(Arc::new(tenants));
        *current = Current {
            tenants: made,
            front,
        };
        Ok(changes)
    }
}

impl Configured {
    /// A track that begins with what the configuration names.
    fn new((version, is_rehearsed): Named) -> Self {
        let track = Arc::new(Track::new(Arc::clone(&version)));
        Self {
            track,
            version,
            is_rehearsed,
        }
    }

    /// The same track, for which the configuration names this by now.
    fn renamed(&self, (version, is_rehearsed): Named) -> Self {
        let track = Arc::clone(&self.track);
        Self {
            track,
            version,
            is_rehearsed,
        }
    }

    pub(super) fn brought(&self, tenant: &str) -> Brought {
        Brought {
            tenant: tenant.to_owned(),
            track: Arc::clone(&self.track),
            version: Arc::clone(&self.version),
            is_rehearsed: self.is_rehearsed,
        }
    }
}

/// What tenants there are to be, the users who belong to none first.
pub(super) fn all(config: &Config) -> Vec<config::Tenant> {
    let default = default_tenant(config).into_iter();
    default.chain(config.tenants.iter().cloned()).collect()
}

fn make(config: &Config, commons: &Commons, before: &[Known]) -> Result<Vec<Known>, Error> {
    all(config)
        .iter()
        .map(|wanted| {
            let made = one(wanted, config, commons, before);
            made.map_err(|cause| match &*wanted.name {
                DEFAULT => cause,
                name => Error::Tenant {
                    name: name.to_owned(),
                    cause: Box::new(cause),
                },
            })
        })
        .collect()
}

/// The users who belong to no tenant, as one. Alone they may have all the time that there is.
fn default_tenant(config: &Config) -> Option<config::Tenant> {
    let mut share = config.limits.share;
    if config.tenants.is_empty() {
        share.cpu_percent = None;
        share.memory = usize::MAX;
    }
    Some(config::Tenant {
        name: DEFAULT.to_owned(),
        domains: Vec::new(),
        users: config.users.clone()?,
        oauth: config.oauth.clone(),
        mailbox: config.mailbox.clone()?,
        session: config.session.clone(),
        component: config.component.clone(),
        is_recorded: config.record.is_some(),
        cell: config.limits.cell,
        share,
    })
}

/// A tenant: the one that there is, if nothing of it has changed.
fn one(
    wanted: &config::Tenant,
    config: &Config,
    commons: &Commons,
    before: &[Known],
) -> Result<Known, Error> {
    let named = version(wanted, config, commons)?;
    let known = before.iter().find(|known| known.config.name == wanted.name);
    let component = match known {
        Some(known) => known.component.renamed(named),
        None => Configured::new(named),
    };
    if let Some(known) = known.filter(|known| known.config == *wanted) {
        return Ok(Known {
            component,
            ..known.clone()
        });
    }
    let most = commons.sandbox.most_memory();
    if wanted.cell.memory > most {
        let wanted = wanted.cell.memory;
        return Err(Error::CellMemory { wanted, most });
    }
    // Counts go on where only something else has changed.
    let same_share = known.filter(|known| known.config.share == wanted.share);
    let (quota, budget) = match same_share {
        Some(Known { tenant, .. }) => (
            Arc::clone(&tenant.login.quota),
            Arc::clone(&tenant.policy.terms.budget),
        ),
        None => (
            Arc::new(Quota::new(wanted.share.quota)),
            Arc::new(budget(&wanted.share)),
        ),
    };
    let terms = Terms {
        limits: wanted.cell,
        budget,
    };
    let track = Arc::clone(&component.track);
    let mut policy = policy(&wanted.session, track, terms)?;
    policy.is_recorded = wanted.is_recorded;
    let policy = Arc::new(policy);
    let backends = (
        database(&wanted.users, wanted.oauth.as_ref(), &commons.hasher)?,
        mailbox(&wanted.mailbox)?,
    );
    // Announced is only what can be done.
    Retention::new(
        Arc::clone(&backends.0),
        Arc::clone(&backends.1),
        wanted.session.expire,
    )?;
    let attempts = Arc::clone(&commons.attempts);
    let login = context(wanted, config, backends, attempts, &policy, quota);
    let tenant = Tenant {
        domains: wanted.domains.clone(),
        login: Arc::new(login),
        policy,
        has_own_component: wanted.component.is_some(),
    };
    Ok(Known {
        config: wanted.clone(),
        tenant: Arc::new(tenant),
        component,
    })
}

fn gather(config: &Config, front: &Configured, made: &[Known]) -> Result<Tenants, Error> {
    let is_default = |known: &&Known| known.config.name == DEFAULT;
    let default = made.iter().find(is_default);
    let default = default.map(|known| Arc::clone(&known.tenant));
    let named = made.iter().filter(|known| !is_default(known));
    let named = named.map(|known| Arc::clone(&known.tenant)).collect();
    let front = match &default {
        Some(default) if config.tenants.is_empty() => Arc::clone(&default.policy),
        // What is done before a login is nobody's yet, so that nobody is charged for it.
        Some(_) | None => {
            let terms = Terms {
                limits: config.limits.cell,
                budget: Arc::new(Budget::new(usize::MAX, None)),
            };
            let track = Arc::clone(&front.track);
            Arc::new(policy(&config.session, track, terms)?)
        }
    };
    Ok(Tenants::new(front, default, named)?)
}

/// The tenants of a server that has one database and one store: everybody belongs to none.
pub(super) fn single(
    config: &Config,
    auth: Arc<dyn Auth>,
    mailbox: Arc<dyn Mailbox>,
    attempts: Arc<Attempts>,
    sandbox: &Sandbox,
) -> Result<Tenants, Error> {
    let terms = sandbox.terms().clone();
    let expire = config.session.expire;
    Retention::new(Arc::clone(&auth), Arc::clone(&mailbox), expire)?;
    let track = Arc::new(Track::new(sandbox.version()));
    let mut policy = policy(&config.session, track, terms)?;
    policy.is_recorded = config.record.is_some();
    let policy = Arc::new(policy);
    let quota = Arc::new(Quota::new(config.limits.share.quota));
    let login = LoginContext {
        tenant: "".into(),
        auth,
        mailbox,
        attempts,
        max_refused: config.limits.failed_logins,
        host: config.session.hostname.as_str().into(),
        announce: Arc::clone(&policy.announce),
        login_delay: None,
        expire,
        apop_is_exclusive: config.session.apop == Apop::Exclusive,
        quota,
    };
    let tenant = Tenant {
        domains: Vec::new(),
        login: Arc::new(login),
        policy: Arc::clone(&policy),
        has_own_component: false,
    };
    Ok(Tenants::new(policy, Some(Arc::new(tenant)), Vec::new())?)
}

fn context(
    wanted: &config::Tenant,
    config: &Config,
    (auth, mailbox): (Arc<dyn Auth>, Arc<dyn Mailbox>),
    attempts: Arc<Attempts>,
    policy: &SessionPolicy,
    quota: Arc<Quota>,
) -> LoginContext {
    let name = match &*wanted.name {
        DEFAULT => "",
        name => name,
    };
    LoginContext {
        tenant: name.into(),
        auth,
        mailbox,
        attempts,
        max_refused: config.limits.failed_logins,
        host: wanted.session.hostname.as_str().into(),
        announce: Arc::clone(&policy.announce),
        login_delay: Some(wanted.session.login_delay),
        expire: wanted.session.expire,
        apop_is_exclusive: wanted.session.apop == Apop::Exclusive,
        quota,
    }
}

/// What sessions are served with.
fn policy(
    session: &config::Session,
    track: Arc<Track>,
    terms: Terms,
) -> Result<SessionPolicy, Error> {
    let mechanisms = session
        .mechanisms
        .iter()
        .map(|name| Mechanism::find(name).ok_or_else(|| Error::UnknownMechanism(name.clone())));
    Ok(SessionPolicy {
        greeting: session.greeting.as_str().into(),
        apop: session.apop != Apop::Never,
        mechanisms: mechanisms.collect::<Result<_, _>>()?,
        announce: session.announce().into(),
        track,
        terms,
        is_recorded: false,
    })
}

fn budget(share: &Share) -> Budget {
    Budget::new(share.memory, share.cpu_percent)
}

/// The component of a tenant.
fn version(wanted: &config::Tenant, config: &Config, commons: &Commons) -> Result<Named, Error> {
    match &wanted.component {
        Some(options) => compile(options, config, commons),
        None => server_version(config, commons),
    }
}

fn compile(options: &Component, config: &Config, commons: &Commons) -> Result<Named, Error> {
    let (wasm, permission) = load(options, &config.trust)?;
    let version = commons.sandbox.compile(&wasm, permission)?;
    Ok((version, options.rehearse))
}

/// The component of everybody who has none of their own.
fn server_version(config: &Config, commons: &Commons) -> Result<Named, Error> {
    match &config.component {
        Some(options) => compile(options, config, commons),
        None => Ok((commons.sandbox.embedded()?, true)),
    }
}
