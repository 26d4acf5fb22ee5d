//! The server: listeners, permits before accept, limits by address, an orderly end.
//!
//! Knows neither commands nor components; a connection is `connection.rs`'s from its first octet.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{interval, sleep, timeout},
};
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::{
    addresses::{Addresses, Place},
    config::{Config, Listener},
    login::delay::Delays,
    metrics::Refused,
    operations::Operations,
    reception::{Adopted, Reception},
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
    /// The thread for tenants that have used up their share can not be had.
    #[error("a thread can not be had: {0}")]
    SlowLane(io::Error),
}

/// A server that listens and has not accepted anybody yet.
pub struct Server {
    listeners: Vec<(TcpListener, Arc<Listener>)>,
    operations: Arc<Operations>,
    gate: Arc<Gate>,
    /// As they are at any time.
    tenants: Arc<ArcSwap<Tenants>>,
    grace: Duration,
    drain: Duration,
    /// Connections that another process has begun.
    adopted: Vec<(Adopted, OwnedSemaphorePermit, Place)>,
}

/// What every connection passes before it is served.
struct Gate {
    reception: Reception,
    addresses: Arc<Addresses>,
    /// A permit for each connection that may be open.
    permits: Arc<Semaphore>,
    stop: Stop,
    connections: TaskTracker,
}

/// The wait after an accept that failed, and the longest: a machine out of descriptors gets some
/// back when sessions end.
const FIRST_BACK_OFF: Duration = Duration::from_millis(10);
const LAST_BACK_OFF: Duration = Duration::from_secs(1);

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
        let shared = shared(config, &sockets).map_err(Error::Listener)?;
        let sockets = sockets.into_iter().map(TcpListener::from_std);
        let listeners = sockets
            .zip(&config.listeners)
            .map(|(socket, listener)| Ok((socket?, Arc::new(listener.clone()))));
        let listeners: Vec<(TcpListener, Arc<Listener>)> = listeners
            .collect::<io::Result<_>>()
            .map_err(Error::Listener)?;
        let limit = config.limits.connections;
        let operations = Arc::new(operations(&services, &listeners, limit)?);
        *operations.sockets() = shared;
        let tenants = Arc::clone(&services.tenants);
        let permits = usize::try_from(limit).unwrap_or(usize::MAX);
        let gate = Gate {
            reception: Reception::new(config, services, Arc::clone(&operations))?,
            addresses: Addresses::new(config.limits.connections_per_address),
            permits: Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))),
            stop: Stop::default(),
            connections: TaskTracker::new(),
        };
        Ok(Self {
            listeners,
            operations,
            gate: Arc::new(gate),
            tenants,
            grace: config.timeouts.shutdown,
            drain: config.timeouts.drain,
            adopted: Vec::new(),
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

    async fn adopt_one(&self, arrived: Arrived) -> Option<(Adopted, OwnedSemaphorePermit, Place)> {
        let address = arrived.luggage.listener;
        let mut listeners = self.listeners.iter().map(|(_, listener)| listener);
        let listener = listeners.find(|listener| listener.address == address)?;
        let permit = Arc::clone(&self.gate.permits).try_acquire_owned().ok()?;
        let peer = arrived.luggage.peer.ip().to_canonical();
        let place = self.gate.addresses.admit(peer)?;
        let adopted = self.gate.reception.adopt(arrived, listener).await?;
        Some((adopted, permit, place))
    }

    /// The addresses that are listened on, with the ports that the system chose.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        addresses(&self.listeners)
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
            listeners,
            operations,
            gate,
            tenants,
            grace,
            drain,
            adopted,
        } = self;
        for (adopted, permit, place) in adopted {
            let task = Arc::clone(&gate);
            gate.connections.spawn(async move {
                task.reception.go_on(adopted, &task.stop).await;
                drop((permit, place));
            });
        }
        for (socket, listener) in listeners {
            // It ends by itself when the server is told to stop.
            tokio::spawn(accept_all(socket, listener, Arc::clone(&gate)));
        }
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
        let Gate {
            connections, stop, ..
        } = &*gate;
        if is_retired {
            info!(
                sessions = connections.len(),
                "draining: another process serves"
            );
            connections.close();
            tokio::select! {
                () = told => {}
                // Over or not: what is left then is ended as always.
                _ = timeout(drain, connections.wait()) => {}
            }
        }
        info!(sessions = connections.len(), "shutting down");
        stop.begin();
        connections.close();
        if timeout(grace, connections.wait()).await.is_err() {
            warn!(
                sessions = connections.len(),
                "sessions that did not end in time are cut off"
            );
            stop.abort.cancel();
            connections.wait().await;
        }
    }
}

/// The sockets once more, for a process that takes over.
fn shared(config: &Config, sockets: &[std::net::TcpListener]) -> io::Result<Sockets> {
    let descriptors = sockets.iter().map(|socket| Ok(socket.try_clone()?.into()));
    Ok(Sockets {
        addresses: config.listeners.iter().map(|one| one.address).collect(),
        descriptors: descriptors.collect::<io::Result<_>>()?,
        metrics: None,
    })
}

fn operations(
    services: &Services,
    listeners: &[(TcpListener, Arc<Listener>)],
    limit: u32,
) -> Result<Operations, Error> {
    Operations::new(services, addresses(listeners), limit).map_err(Error::History)
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

fn addresses(listeners: &[(TcpListener, Arc<Listener>)]) -> Vec<SocketAddr> {
    let sockets = listeners.iter().map(|(socket, _)| socket);
    sockets
        .filter_map(|socket| socket.local_addr().ok())
        .collect()
}

/// Accepts connections of one listener until the server is told to stop.
async fn accept_all(socket: TcpListener, listener: Arc<Listener>, gate: Arc<Gate>) {
    let operations = &gate.reception.operations;
    let _listening = operations.health.listen();
    let mut back_off = FIRST_BACK_OFF;
    loop {
        let accepted = tokio::select! {
            () = gate.stop.shutdown.cancelled() => return,
            () = operations.retired() => return,
            accepted = accept(&socket, &gate) => accepted,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                back_off = FIRST_BACK_OFF;
                let (listener, task) = (Arc::clone(&listener), Arc::clone(&gate));
                gate.connections
                    .spawn(task.admit(stream, peer, listener, permit));
            }
            Err(error) => {
                operations.metrics.accept_failures.inc();
                error!(%error, "cannot accept connections; trying again");
                sleep(back_off).await;
                back_off = LAST_BACK_OFF.min(back_off * 2);
            }
        }
    }
}

/// A permit first: whoever can not be served stays in the system's queue.
async fn accept(
    socket: &TcpListener,
    gate: &Gate,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(&gate.permits)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, peer) = socket.accept().await?;
    Ok((stream, peer, permit))
}

impl Gate {
    /// Serves a connection, if its address may have one more. The permit is held until it is over.
    async fn admit(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        listener: Arc<Listener>,
        _permit: OwnedSemaphorePermit,
    ) {
        // In boxes that go: an idle connection is this future and what is behind it.
        let meeting = Box::pin(self.reception.meet(stream, peer, &listener));
        let Some(arrival) = meeting.await else {
            return;
        };
        let rip = arrival.peer.ip().to_canonical();
        // Held until the connection is over.
        let Some(_place) = self.addresses.admit(rip) else {
            self.reception
                .operations
                .metrics
                .refuse(Refused::AddressLimit);
            return info!(%rip, "too many connections from this address");
        };
        self.reception.receive(arrival, &listener, &self.stop).await;
    }
}
