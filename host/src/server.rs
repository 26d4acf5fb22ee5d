//! The server: listeners, permits before accept, limits by address, an orderly end.
//!
//! Knows neither commands nor components; a connection is `connection.rs`'s from its first octet.

mod accept;
mod gate;

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{
    sync::Semaphore,
    time::{interval, timeout},
};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use self::{
    accept::Post,
    gate::{Gate, Guest},
};
use crate::{
    addresses::Addresses,
    config::Config,
    dormitory::{Dormitory, Watch},
    lanes::Lanes,
    login::delay::Delays,
    operations::Operations,
    reception::Reception,
    record, retention,
    services::Services,
    stop::Stop,
    takeover::{Arrived, Sockets},
    tenant::Tenants,
};

/// Why the server does not start. The operator is to blame, or the machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A listening socket can not be used.
    #[error("a listening socket can not be used: {0}")]
    Listener(io::Error),
    /// The history of components, in the directory of `[state]`, can not be read or written.
    #[error("the history of components in the state directory can not be used: {0}")]
    History(io::Error),
    /// Sessions can not be recorded.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// The system has no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
    /// The threads for connections, or that for tenants that have used up their share, can not be had.
    #[error("a thread can not be had: {0}")]
    Thread(io::Error),
}

/// A server that listens and has not accepted anybody yet.
pub struct Server {
    posts: Vec<Post>,
    operations: Arc<Operations>,
    gate: Arc<Gate>,
    /// As they are at any time.
    tenants: Arc<ArcSwap<Tenants>>,
    grace: Duration,
    drain: Duration,
    /// Connections that another process has begun.
    adopted: Vec<Guest>,
    lanes: Lanes,
    _watch: Watch<Guest>,
}

impl Server {
    /// A server for these sockets, which are bound, listening and non-blocking: one for each of
    /// `config.listeners`, in their order. To be called in a tokio runtime.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn new(
        config: &Config,
        sockets: Vec<std::net::TcpListener>,
        services: Services,
    ) -> Result<Self, Error> {
        let lanes = Lanes::start(config.limits.connection_threads).map_err(Error::Thread)?;
        let shared = shared(config, &sockets).map_err(Error::Listener)?;
        let posts = sockets.iter().zip(&config.listeners);
        let posts =
            posts.map(|(socket, listener)| Post::new(socket, listener.clone(), lanes.loads()));
        let posts: Vec<Post> = posts.collect::<io::Result<_>>().map_err(Error::Listener)?;
        let limit = config.limits.connections;
        let operations = Arc::new(operations(&services, &posts, limit)?);
        *operations.sockets() = shared;
        let tenants = Arc::clone(&services.tenants);
        let bell = Arc::clone(operations.sessions.bell());
        let (dormitory, poll) = Dormitory::new(bell).map_err(Error::Thread)?;
        let permits = usize::try_from(limit).unwrap_or(usize::MAX);
        let gate = Gate {
            reception: Reception::new(config, services, Arc::clone(&operations))?,
            addresses: Addresses::new(config.limits.connections_per_address),
            permits: Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))),
            stop: Stop::default(),
            connections: TaskTracker::new(),
            loads: Arc::clone(lanes.loads()),
            dormitory: Arc::clone(&dormitory),
        };
        let gate = Arc::new(gate);
        let porter = Arc::downgrade(&gate);
        let woken = move |guest, waking| {
            if let Some(gate) = porter.upgrade() {
                gate.go_on(guest, Some(waking));
            }
        };
        let watch = dormitory.watch(poll, woken).map_err(Error::Thread)?;
        Ok(Self {
            posts,
            operations,
            gate,
            tenants,
            grace: config.timeouts.shutdown,
            drain: config.timeouts.drain,
            adopted: Vec::new(),
            lanes,
            _watch: watch,
        })
    }

    /// Makes ready to go on with the sessions of another process of this server; gives the ids of
    /// those that have to stay there. They are served from [`run`](Self::run) on, which is to be
    /// called when that process has let go.
    pub async fn adopt(&mut self, arrived: Vec<Arrived>) -> Vec<String> {
        let mut refused = Vec::new();
        for arrived in arrived {
            let session = arrived.luggage.session.clone();
            match self.adopt_one(arrived).await {
                Some(adopted) => self.adopted.push(adopted),
                None => refused.push(session),
            }
        }
        refused
    }

    async fn adopt_one(&self, arrived: Arrived) -> Option<Guest> {
        let address = arrived.luggage.listener;
        let mut listeners = self.posts.iter().map(|post| &post.listener);
        let listener = Arc::clone(listeners.find(|listener| listener.address == address)?);
        let permit = Arc::clone(&self.gate.permits).try_acquire_owned().ok()?;
        let peer = arrived.luggage.peer.ip().to_canonical();
        let place = self.gate.addresses.admit(peer)?;
        let asleep = self.gate.reception.adopt(arrived, &listener).await?;
        let counted = self.gate.count(permit, place);
        Some(Guest { asleep, counted })
    }

    /// The addresses that are listened on, with the ports that the system chose.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        addresses(&self.posts)
    }

    /// What an operator can ask about this server, and goes on asking while it runs.
    pub fn operations(&self) -> Arc<Operations> {
        Arc::clone(&self.operations)
    }

    /// Serves until `stop` is ready. Then no connection is accepted any more, sessions that wait
    /// for a command end, and those that are being answered have the grace of
    /// `timeouts.shutdown`. No session deletes anything by being ended.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self {
            posts,
            operations,
            gate,
            tenants,
            grace,
            drain,
            adopted,
            lanes: _lanes,
            _watch,
        } = self;
        for guest in adopted {
            gate.go_on(Box::new(guest), None);
        }
        let listening = posts.iter().map(|_| operations.health.listen());
        let listening: Vec<_> = listening.collect();
        let acceptors = TaskTracker::new();
        for post in posts {
            post.take_up(&gate, &acceptors);
        }
        acceptors.close();
        let shutdown = &gate.stop.shutdown;
        if let Some(delays) = gate.reception.delays() {
            tokio::spawn(shutdown.clone().run_until_cancelled_owned(sweep(delays)));
        }
        let retention = retention::daily(tenants);
        tokio::spawn(shutdown.clone().run_until_cancelled_owned(retention));
        let mut told = pin!(stop);
        let is_retired = tokio::select! {
            () = &mut told => false,
            () = operations.retired() => true,
        };
        operations.health.drain();
        drop(listening);
        if is_retired {
            let connections = &gate.connections;
            info!(
                sessions = operations.sessions.len(),
                "draining: another process serves"
            );
            connections.close();
            tokio::select! {
                () = told => {}
                // Over or not: what is left then is ended as always.
                _ = timeout(drain, connections.wait()) => {}
            }
        }
        gate.close(grace).await;
        // They hold what has to be finished before this is over, as recordings.
        acceptors.wait().await;
    }
}

/// The sockets once more, for a process that takes over.
fn shared(config: &Config, sockets: &[std::net::TcpListener]) -> io::Result<Sockets> {
    let descriptors = sockets.iter().map(|socket| Ok(socket.try_clone()?.into()));
    Ok(Sockets {
        addresses: config.listeners.iter().map(|one| one.address).collect(),
        descriptors: descriptors.collect::<io::Result<_>>()?,
        metrics: None,
        watchdog: None,
    })
}

fn operations(services: &Services, posts: &[Post], limit: u32) -> Result<Operations, Error> {
    Operations::new(services, addresses(posts), limit).map_err(Error::History)
}

/// Forgets once a day what no LOGIN-DELAY can reach back to.
async fn sweep(delays: Arc<Delays>) {
    let mut days = interval(Duration::from_hours(24));
    loop {
        days.tick().await;
        let delays = Arc::clone(&delays);
        let swept = tokio::task::spawn_blocking(move || delays.sweep()).await;
        if let Ok(Err(error)) = swept {
            warn!(%error, "old logins can not be forgotten");
        }
    }
}

fn addresses(posts: &[Post]) -> Vec<SocketAddr> {
    posts.iter().map(|post| post.address).collect()
}
