//! What a running server shows to its operator: sessions, counters, health, in one place.
//!
//! Owned by all who write into it or read from it. The control socket (`control`) and the HTTP
//! listener (`http`) are its readers; the server and its connections are its writers.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::{
    health::{Health, Stores},
    metrics::{Live, Metrics},
    rollout::Rollout,
    services::Services,
    sessions::{Sessions, unix_seconds},
    takeover::{Departures, Retirement, Sockets},
    tenant::Tenants,
};

/// Everything that can be asked about a server.
#[derive(Debug)]
pub struct Operations {
    /// Who is connected.
    pub sessions: Arc<Sessions>,
    /// What has happened.
    pub metrics: Arc<Metrics>,
    /// Whether it can serve.
    pub health: Health,
    /// When it started, in seconds since 1970-01-01 UTC.
    pub started: u64,
    /// Where it listens for POP3.
    pub listeners: Vec<SocketAddr>,
    /// How many connections there may be.
    pub limit: u32,
    /// Whose users there are.
    pub tenants: Arc<ArcSwap<Tenants>>,
    /// Which components their sessions are in.
    pub rollout: Arc<Rollout>,
    /// What a successor is given.
    pub(crate) sockets: Mutex<Sockets>,
    /// Where sessions go while one takes over.
    pub(crate) departures: Arc<ArcSwapOption<Departures>>,
    /// That one has taken over.
    pub(crate) retirement: Retirement,
}

impl Operations {
    /// Those of a server with these services that listens there, for so many connections.
    ///
    /// # Errors
    ///
    /// The history of components can not be read or written.
    pub(crate) fn new(
        services: &Services,
        listeners: Vec<SocketAddr>,
        limit: u32,
    ) -> io::Result<Self> {
        let started = unix_seconds(SystemTime::now());
        let sessions = Arc::<Sessions>::default();
        let digest = services.tenants.load().front().track.current();
        let digest = digest.version().digest().to_owned();
        let component = sessions.shared(&digest);
        let metrics = Metrics::new(Live {
            sessions: Arc::clone(&sessions),
            tls: services.tls.clone(),
            connections: limit,
            started,
            component,
        });
        let rollout = Rollout::new(
            Arc::clone(&services.sandbox),
            Arc::clone(&services.tenants),
            Arc::clone(&sessions),
            services.rollout.clone(),
            services.state.as_deref(),
        )?;
        Ok(Self {
            sessions,
            rollout: Arc::new(rollout),
            metrics: Arc::new(metrics),
            health: Health::new(listeners.len(), stores(Arc::clone(&services.tenants))),
            tenants: Arc::clone(&services.tenants),
            started,
            listeners,
            limit,
            sockets: Mutex::default(),
            departures: Arc::default(),
            retirement: Retirement::default(),
        })
    }

    /// The socket on which metrics are served, for a successor.
    ///
    /// # Errors
    ///
    /// The system gives no further descriptor.
    pub fn serves_metrics(&self, address: SocketAddr, socket: &TcpListener) -> io::Result<()> {
        let mut sockets = self.sockets();
        sockets.metrics = Some(sockets.addresses.len());
        sockets.addresses.push(address);
        sockets.descriptors.push(socket.try_clone()?.into());
        Ok(())
    }

    /// The service manager waits so long for a sign of life, of whoever serves: a process that takes over
    /// is told.
    pub fn is_watched(&self, limit: Duration) {
        self.sockets().watchdog = Some(limit);
    }

    /// Resolves when another process serves in the place of this one.
    pub async fn retired(&self) {
        self.retirement.retired.cancelled().await;
    }

    pub(crate) fn sockets(&self) -> MutexGuard<'_, Sockets> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The digests of the components of new sessions, and of those that older ones run in.
    pub fn components(&self) -> Vec<Arc<str>> {
        let tenants = self.tenants.load();
        let policies = tenants.all().map(|tenant| &tenant.policy);
        let policies = policies.chain([tenants.front()]);
        let new = policies.map(|policy| {
            let generation = policy.track.current();
            self.sessions.shared(generation.version().digest())
        });
        let views = self.sessions.list();
        let old = views.into_iter().filter_map(|view| view.component);
        let mut components: Vec<_> = old.chain(new).collect();
        components.sort();
        components.dedup();
        components
    }
}

/// The mail stores of all tenants, as they are whenever somebody asks.
fn stores(tenants: Arc<ArcSwap<Tenants>>) -> Stores {
    Box::new(move || {
        let tenants = tenants.load();
        let stores = tenants.all().map(|tenant| &tenant.login.mailbox);
        stores.map(Arc::clone).collect()
    })
}
