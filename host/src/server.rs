//! The server: listeners, permits before accept, limits by address, an orderly end.
//!
//! Knows neither commands nor components; a connection is `connection.rs`'s from its first octet.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, error, info, warn};

use crate::{
    addresses::{Addresses, Place},
    auth::{Need, attempts, challenge::Challenge, sasl::Mechanism},
    config::{Config, PlaintextLogin},
    connection::{self, Connection},
    end::{self, End, Origin, SessionIds, Summary, log_end},
    login::{self, LoginContext, Record, SessionLogin, Watch},
    sandbox::{self, Sandbox},
    services::Services,
};

/// Why the server does not start. The operator is to blame, or the machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A listening socket can not be used.
    #[error("a listening socket can not be used: {0}")]
    Listener(io::Error),
    /// The system has no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
    /// A SASL mechanism that this server does not know.
    #[error("unknown SASL mechanism {0}")]
    UnknownMechanism(String),
}

/// A server that listens and has not accepted anybody yet.
pub struct Server {
    listeners: Vec<(TcpListener, PlaintextLogin)>,
    shared: Arc<Shared>,
    grace: Duration,
}

/// What all connections share. Never changed while the server runs.
struct Shared {
    sandbox: Arc<Sandbox>,
    login: Arc<LoginContext>,
    greeting: String,
    apop: bool,
    mechanisms: Vec<&'static Mechanism>,
    limits: crate::config::Limits,
    timeouts: crate::config::Timeouts,
    ids: SessionIds,
    addresses: Arc<Addresses>,
    /// A permit for each connection that may be open.
    permits: Arc<Semaphore>,
    /// Cancelled when the server is told to stop.
    shutdown: CancellationToken,
    /// Cancelled when it will wait no longer.
    abort: CancellationToken,
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
        let logins = config
            .listeners
            .iter()
            .map(|listener| listener.plaintext_login);
        let sockets = sockets.into_iter().map(TcpListener::from_std);
        let listeners = sockets
            .zip(logins)
            .map(|(socket, login)| Ok((socket?, login)));
        let listeners = listeners
            .collect::<io::Result<_>>()
            .map_err(Error::Listener)?;
        let shared = Arc::new(Shared::new(config, services)?);
        Ok(Self {
            listeners,
            shared,
            grace: config.timeouts.shutdown,
        })
    }

    /// The addresses that are listened on, with the ports that the system chose.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners
            .iter()
            .filter_map(|(listener, _)| listener.local_addr().ok())
            .collect()
    }

    /// Serves until `stop` is ready. Then no connection is accepted any more, sessions that wait
    /// for a command end, and those that are being answered have the grace of
    /// `timeouts.shutdown`. No session deletes anything by being ended.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self {
            listeners,
            shared,
            grace,
        } = self;
        for (listener, plaintext_login) in listeners {
            // It ends by itself when the server is told to stop.
            tokio::spawn(accept_all(listener, plaintext_login, Arc::clone(&shared)));
        }
        stop.await;
        info!(sessions = shared.open(), "shutting down");
        shared.shutdown.cancel();
        shared.connections.close();
        if timeout(grace, shared.connections.wait()).await.is_err() {
            warn!(
                sessions = shared.open(),
                "sessions that did not end in time are cut off"
            );
            shared.abort.cancel();
            shared.connections.wait().await;
        }
    }
}

impl Shared {
    fn new(config: &Config, services: Services) -> Result<Self, Error> {
        let Services {
            auth,
            mailbox,
            sandbox,
        } = services;
        let session = &config.session;
        let first = config.limits.failed_login_delay;
        let limits = attempts::Limits {
            first,
            ..attempts::Limits::default()
        };
        let mechanisms = session
            .mechanisms
            .iter()
            .map(|name| Mechanism::find(name).ok_or_else(|| Error::UnknownMechanism(name.clone())));
        let permits = usize::try_from(config.limits.connections).unwrap_or(usize::MAX);
        Ok(Self {
            sandbox,
            login: Arc::new(LoginContext {
                auth,
                mailbox,
                attempts: Arc::new(attempts::Attempts::new(limits).map_err(Error::Random)?),
                max_refused: config.limits.failed_logins,
                host: session.hostname.as_str().into(),
                announce: session.announce().into(),
            }),
            greeting: session.greeting.clone(),
            apop: session.apop,
            mechanisms: mechanisms.collect::<Result<_, _>>()?,
            limits: config.limits,
            timeouts: config.timeouts,
            ids: SessionIds::new().map_err(Error::Random)?,
            addresses: Addresses::new(config.limits.connections_per_address),
            permits: Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))),
            shutdown: CancellationToken::new(),
            abort: CancellationToken::new(),
            connections: TaskTracker::new(),
        })
    }

    fn open(&self) -> usize {
        self.connections.len()
    }

    /// What the channel offers, and the challenge of its greeting.
    fn channel(&self, origin: &Origin, may_send_password: bool) -> Result<login::Channel, End> {
        let keeps = |need| self.login.auth.keeps(need);
        let mechanisms = self.mechanisms.iter();
        let offered = mechanisms.filter(|mechanism| mechanism.is_offered(may_send_password, keeps));
        let challenge = (self.apop && keeps(Need::Secret))
            .then(|| Challenge::generate(&self.login.host))
            .transpose()
            .map_err(|error| End::HostFailed {
                cause: error.to_string(),
            })?;
        Ok(login::Channel {
            peer: origin.peer.ip(),
            session: origin.session.to_string(),
            challenge,
            password: may_send_password,
            mechanisms: offered.map(|mechanism| mechanism.name).collect(),
        })
    }

    /// The facts that the component is told.
    fn connection(&self, channel: &login::Channel) -> sandbox::Connection {
        sandbox::Connection {
            banner: self.greeting.clone(),
            challenge: channel
                .challenge
                .as_ref()
                .map(|challenge| challenge.as_str().to_owned()),
            tls: false,
            may_start_tls: false,
            may_login: channel.password,
            mechanisms: channel.mechanisms.iter().map(ToString::to_string).collect(),
            announce: self.login.announce.to_vec(),
            max_bad_commands: self.limits.bad_commands,
            max_bad_commands_after_login: self.limits.bad_commands_after_login,
        }
    }

    fn connection_limits(&self, accepted: Instant) -> connection::Limits {
        connection::Limits {
            line_octets: self.limits.line_octets,
            input_octets: self.limits.input_octets,
            idle: self.timeouts.idle,
            login: accepted + self.timeouts.login,
            write: self.timeouts.write,
        }
    }
}

/// Accepts connections of one listener until the server is told to stop.
async fn accept_all(listener: TcpListener, plaintext_login: PlaintextLogin, shared: Arc<Shared>) {
    let mut back_off = FIRST_BACK_OFF;
    loop {
        let accepted = tokio::select! {
            () = shared.shutdown.cancelled() => return,
            accepted = accept(&listener, &shared) => accepted,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                back_off = FIRST_BACK_OFF;
                admit(stream, peer, permit, plaintext_login, &shared);
            }
            Err(error) => {
                error!(%error, "cannot accept connections; trying again");
                sleep(back_off).await;
                back_off = LAST_BACK_OFF.min(back_off * 2);
            }
        }
    }
}

/// A permit first: whoever can not be served stays in the system's queue.
async fn accept(
    listener: &TcpListener,
    shared: &Shared,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(&shared.permits)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

/// Starts a connection, if its address may have one more.
fn admit(
    stream: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
    plaintext_login: PlaintextLogin,
    shared: &Arc<Shared>,
) {
    let Some(place) = shared.addresses.admit(peer.ip()) else {
        info!(rip = %peer.ip().to_canonical(), "too many connections from this address");
        return;
    };
    let task = Arc::clone(shared);
    shared.connections.spawn(async move {
        let held = (permit, place);
        serve(stream, peer, plaintext_login, &task).await;
        drop::<(OwnedSemaphorePermit, Place)>(held);
    });
}

/// One connection from its first octet to its summary line.
async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    plaintext_login: PlaintextLogin,
    shared: &Shared,
) {
    let started = Instant::now();
    let local = match prepare(&stream) {
        Ok(local) => local,
        Err(error) => return debug!(%error, "the connection was gone before it was served"),
    };
    let channel = end::Channel::new(peer, false);
    let origin = Origin {
        session: shared.ids.next(),
        peer,
        local,
        channel,
    };
    let may_send_password = plaintext_login.allows(peer.ip());
    let begun = begin(stream, &origin, may_send_password, started, shared).await;
    match begun {
        Ok((mut connection, watch)) => {
            // Cut off, it drops its maildrop: the lock is released and nothing deleted.
            let end = tokio::select! {
                end = connection.serve(&shared.shutdown) => end,
                () = shared.abort.cancelled() => End::Shutdown,
            };
            log_end(
                &origin,
                &end,
                &summary(&connection, &watch, started.elapsed()),
            );
        }
        Err(end) => {
            let stage = end::Stage::Authorization(end::Attempts::default());
            let duration = started.elapsed();
            log_end(
                &origin,
                &end,
                &Summary {
                    duration,
                    octets_in: 0,
                    octets_out: 0,
                    stage,
                },
            );
        }
    }
}

fn prepare(stream: &TcpStream) -> io::Result<SocketAddr> {
    // An answer is one write; holding back its last packet only delays it.
    stream.set_nodelay(true)?;
    stream.local_addr()
}

/// Makes the cell of a connection.
async fn begin(
    stream: TcpStream,
    origin: &Origin,
    may_send_password: bool,
    started: Instant,
    shared: &Shared,
) -> Result<(Connection<TcpStream>, Watch), End> {
    let channel = shared.channel(origin, may_send_password)?;
    let facts = shared.connection(&channel);
    let login = SessionLogin::new(Arc::clone(&shared.login), channel);
    let watch = login.watch();
    let session = shared.sandbox.session(Box::new(login), &facts).await?;
    let limits = shared.connection_limits(started);
    Ok((
        Connection::new(stream, session, watch.clone(), *origin, limits),
        watch,
    ))
}

fn summary(connection: &Connection<TcpStream>, watch: &Watch, duration: Duration) -> Summary {
    let traffic = connection.traffic();
    let record = watch.record();
    let usage = connection.session().usage();
    let stage = match record.logged_in {
        Some(user) => end::Stage::Transaction(end::Usage {
            user,
            messages: usage.messages,
            octets: usage.octets,
            whole: read(usage.whole),
            partial: read(usage.partial),
            removed: usage.removed,
            kept: usage.kept,
        }),
        None => end::Stage::Authorization(attempts_of(record)),
    };
    Summary {
        duration,
        octets_in: traffic.octets_in,
        octets_out: traffic.octets_out,
        stage,
    }
}

/// The logins in the words of the summary line.
fn attempts_of(record: Record) -> end::Attempts {
    let last = record.method.map(|method| end::Claim {
        user: record
            .user
            .map(|user| user.octets().to_vec())
            .unwrap_or_default(),
        method,
    });
    let denied = record.denied;
    end::Attempts {
        denied,
        refused: record.refused - denied,
        last,
    }
}

fn read(read: sandbox::Read) -> end::Read {
    end::Read {
        messages: read.messages,
        octets: read.octets,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_back_off_is_reached_and_not_passed() {
        let mut back_off = FIRST_BACK_OFF;
        for _ in 0..20 {
            back_off = LAST_BACK_OFF.min(back_off * 2);
        }
        assert_eq!(back_off, LAST_BACK_OFF);
    }
}
