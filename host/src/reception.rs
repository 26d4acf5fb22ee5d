//! One connection from its first octet to its summary line: its channel, its cell, its log.
//!
//! Decides what a channel offers; what is said on it is the session's, and the octets are
//! `connection.rs`'s. Called by `server.rs`, once for a connection.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpStream, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{
    auth::{Need, attempts, challenge::Challenge, sasl::Mechanism},
    config::{Config, PlaintextLogin},
    connection::{self, Connection, Outcome},
    end::{self, End, Origin, SessionIds, Summary, log_end},
    login::{self, LoginContext, Record, SessionLogin, Watch},
    sandbox::{self, Sandbox},
    server::Error,
    services::Services,
};

/// When connections have to end.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    /// Cancelled when the server is told to stop.
    pub(crate) shutdown: CancellationToken,
    /// Cancelled when it will wait no longer.
    pub(crate) abort: CancellationToken,
}

/// What all connections share. Never changed while the server runs.
pub(crate) struct Reception {
    sandbox: Arc<Sandbox>,
    login: Arc<LoginContext>,
    greeting: String,
    apop: bool,
    /// In the order in which they are announced.
    mechanisms: Vec<&'static Mechanism>,
    limits: crate::config::Limits,
    timeouts: crate::config::Timeouts,
    ids: SessionIds,
}

impl Reception {
    pub(crate) fn new(config: &Config, services: Services) -> Result<Self, Error> {
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
        })
    }

    /// Serves a connection until it ends, and writes its summary line.
    pub(crate) async fn receive(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        plaintext_login: PlaintextLogin,
        stop: &Stop,
    ) {
        let started = Instant::now();
        let local = match prepare(&stream) {
            Ok(local) => local,
            Err(error) => return debug!(%error, "the connection was gone before it was served"),
        };
        let channel = end::Channel::new(peer, false);
        let origin = Origin {
            session: self.ids.next(),
            peer,
            local,
            channel,
        };
        let may_send_password = plaintext_login.allows(peer.ip());
        let (end, summary) = match self
            .begin(stream, &origin, may_send_password, started)
            .await
        {
            Ok((connection, watch)) => {
                let Outcome {
                    end,
                    usage,
                    traffic,
                } = connection.serve(stop).await;
                let stage = stage(watch.record(), usage);
                (end, summary(started.elapsed(), traffic, stage))
            }
            Err(end) => {
                let stage = end::Stage::Authorization(end::Attempts::default());
                (
                    end,
                    summary(started.elapsed(), connection::Traffic::default(), stage),
                )
            }
        };
        log_end(&origin, &end, &summary);
    }

    /// Makes the cell of a connection.
    async fn begin(
        &self,
        stream: TcpStream,
        origin: &Origin,
        may_send_password: bool,
        started: Instant,
    ) -> Result<(Connection<TcpStream>, Watch), End> {
        let channel = self.channel(origin, may_send_password)?;
        let facts = self.facts(&channel);
        let login = SessionLogin::new(Arc::clone(&self.login), channel);
        let watch = login.watch();
        let session = self.sandbox.session(Box::new(login), &facts).await?;
        let limits = connection::Limits {
            line_octets: self.limits.line_octets,
            input_octets: self.limits.input_octets,
            idle: self.timeouts.idle,
            login: started + self.timeouts.login,
            write: self.timeouts.write,
        };
        Ok((
            Connection::new(stream, session, watch.clone(), *origin, limits),
            watch,
        ))
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

    /// The facts that the component is told of a channel.
    fn facts(&self, channel: &login::Channel) -> sandbox::Connection {
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
}

fn prepare(stream: &TcpStream) -> io::Result<SocketAddr> {
    // An answer is one write; holding back its last packet only delays it.
    stream.set_nodelay(true)?;
    stream.local_addr()
}

fn summary(duration: Duration, traffic: connection::Traffic, stage: end::Stage) -> Summary {
    let connection::Traffic {
        octets_in,
        octets_out,
    } = traffic;
    Summary {
        duration,
        octets_in,
        octets_out,
        stage,
    }
}

/// How far the session came, in the words of the summary line.
fn stage(record: Record, usage: sandbox::Usage) -> end::Stage {
    let Some(user) = record.logged_in else {
        let user = record
            .user
            .map(|user| user.octets().to_vec())
            .unwrap_or_default();
        let last = record.method.map(|method| end::Claim { user, method });
        let (denied, refused) = (record.denied, record.refused - record.denied);
        return end::Stage::Authorization(end::Attempts {
            denied,
            refused,
            last,
        });
    };
    end::Stage::Transaction(end::Usage {
        user,
        messages: usage.messages,
        octets: usage.octets,
        whole: read(usage.whole),
        partial: read(usage.partial),
        removed: usage.removed,
        kept: usage.kept,
    })
}

fn read(read: sandbox::Read) -> end::Read {
    end::Read {
        messages: read.messages,
        octets: read.octets,
    }
}
