//! One connection from accept to its summary line: its channel, its cells, its log.
//!
//! Decides what a channel offers; what is said on it is the session's, and the octets are
//! `connection.rs`'s. Called by `server.rs`, once for a connection.

use std::{io, mem, net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use crate::{
    auth::{Need, attempts, challenge::Challenge, sasl::Mechanism},
    config::{Config, Listener, ListenerTls},
    connection::{self, Connection, Finish, Outcome, Traffic},
    end::{self, End, Origin, SessionIds, Summary, log_end},
    login::{self, LoginContext, Record, SessionLogin},
    proxy,
    sandbox::{self, Sandbox, Usage},
    server::Error,
    services::Services,
    tls::{self, Accepted, Tls},
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
    tls: Option<Arc<Tls>>,
    greeting: String,
    apop: bool,
    /// In the order in which they are announced.
    mechanisms: Vec<&'static Mechanism>,
    limits: crate::config::Limits,
    timeouts: crate::config::Timeouts,
    ids: SessionIds,
}

/// A connection that has been accepted, and who is at both ends of it.
pub(crate) struct Arrival {
    stream: TcpStream,
    pub(crate) peer: SocketAddr,
    local: SocketAddr,
    since: Instant,
}

/// What has happened on a connection so far.
struct Story {
    origin: Origin,
    since: Instant,
    traffic: Traffic,
    stage: end::Stage,
    /// The challenge of the greeting. It holds behind STLS too, where there is no second greeting.
    challenge: Option<Challenge>,
    is_greeted: bool,
}

impl Reception {
    pub(crate) fn new(config: &Config, services: Services) -> Result<Self, Error> {
        let Services {
            auth,
            mailbox,
            sandbox,
            tls,
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
            tls,
            greeting: session.greeting.clone(),
            apop: session.apop,
            mechanisms: mechanisms.collect::<Result<_, _>>()?,
            limits: config.limits,
            timeouts: config.timeouts,
            ids: SessionIds::new().map_err(Error::Random)?,
        })
    }

    /// Finds out who is at the other end: behind a load balancer, its header says so.
    pub(crate) async fn meet(
        &self,
        mut stream: TcpStream,
        mut peer: SocketAddr,
        listener: &Listener,
    ) -> Option<Arrival> {
        let since = Instant::now();
        let mut local = match prepare(&stream) {
            Ok(local) => local,
            Err(error) => {
                debug!(%error, "the connection was gone before it was served");
                return None;
            }
        };
        if proxy::is_trusted(&listener.proxies, peer.ip()) {
            match proxy::read_header(&mut stream, since + self.timeouts.handshake).await {
                Ok(Some(ends)) => (peer, local) = (ends.source, ends.destination),
                Ok(None) => {}
                Err(error) => {
                    info!(rip = %peer.ip(), %error, "no client behind a load balancer");
                    return None;
                }
            }
        }
        Some(Arrival {
            stream,
            peer,
            local,
            since,
        })
    }

    /// Serves a connection until it ends, and writes its summary line.
    pub(crate) async fn receive(&self, arrival: Arrival, listener: &Listener, stop: &Stop) {
        let Arrival {
            stream,
            peer,
            local,
            since,
        } = arrival;
        let channel = end::Channel::new(peer, false);
        let origin = Origin {
            session: self.ids.next(),
            peer,
            local,
            channel,
            tls: None,
        };
        let stage = end::Stage::Authorization(end::Attempts::default());
        let challenge = match self.challenge() {
            Ok(challenge) => challenge,
            Err(error) => return error!(%error, "the system gives no random numbers"),
        };
        let traffic = Traffic::default();
        let mut story = Story {
            origin,
            since,
            traffic,
            stage,
            challenge,
            is_greeted: false,
        };
        let end = match (listener.tls, &self.tls) {
            (ListenerTls::Implicit, Some(tls)) => self.secured(stream, tls, stop, &mut story).await,
            (ListenerTls::Stls, Some(tls)) => {
                let offer = self.offer(listener.plaintext_login.allows(peer.ip()), true);
                match self.dialogue(stream, offer, stop, &mut story).await {
                    Finish::StartTls(stream) => self.secured(stream, tls, stop, &mut story).await,
                    Finish::End(end) => end,
                }
            }
            (ListenerTls::None | ListenerTls::Stls | ListenerTls::Implicit, _) => {
                let offer = self.offer(listener.plaintext_login.allows(peer.ip()), false);
                match self.dialogue(stream, offer, stop, &mut story).await {
                    Finish::StartTls(_) => sandbox::Error::Contract("no TLS to start").into(),
                    Finish::End(end) => end,
                }
            }
        };
        story.close(&end);
    }

    /// The handshake, and behind it a session of its own: nothing from before is left.
    async fn secured(&self, stream: TcpStream, tls: &Tls, stop: &Stop, story: &mut Story) -> End {
        let deadline = Instant::now() + self.timeouts.handshake;
        let accepted = tokio::select! {
            accepted = tls.accept(stream, deadline) => accepted,
            () = stop.shutdown.cancelled() => return End::Shutdown,
        };
        let Accepted { stream, facts } = match accepted {
            Ok(accepted) => accepted,
            Err(tls::HandshakeError::PeerClosed) => return End::PeerClosed,
            Err(error) => {
                return End::HandshakeFailed {
                    cause: error.to_string(),
                };
            }
        };
        let words = format!(
            "{} with cipher {}",
            facts.version.as_str(),
            facts.cipher_suite
        );
        story.origin.channel = end::Channel::Tls;
        story.origin.tls = Some(words.into());
        let offer = Offer {
            is_tls: true,
            ..self.offer(true, false)
        };
        match self.dialogue(stream, offer, stop, story).await {
            Finish::StartTls(_) => sandbox::Error::Contract("STLS under TLS").into(),
            Finish::End(end) => end,
        }
    }

    /// A session in a cell of its own, from its greeting to its end.
    async fn dialogue<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        offer: Offer,
        stop: &Stop,
        story: &mut Story,
    ) -> Finish<S> {
        let limits = connection::Limits {
            line_octets: self.limits.line_octets,
            input_octets: self.limits.input_octets,
            idle: self.timeouts.idle,
            login: story.since + self.timeouts.login,
            write: self.timeouts.write,
            may_start_tls: offer.may_start_tls,
            is_greeted: mem::replace(&mut story.is_greeted, true),
        };
        let channel = self.channel(story, &offer);
        let facts = self.facts(&channel, &offer);
        let login = SessionLogin::new(Arc::clone(&self.login), channel);
        let watch = login.watch();
        let session = match self.sandbox.session(Box::new(login), &facts).await {
            Ok(session) => session,
            Err(error) => return Finish::End(error.into()),
        };
        let connection =
            Connection::new(stream, session, watch.clone(), story.origin.clone(), limits);
        let Outcome {
            finish,
            usage,
            traffic,
        } = connection.serve(stop).await;
        story.traffic.octets_in += traffic.octets_in;
        story.traffic.octets_out += traffic.octets_out;
        story.stage = stage(watch.record(), usage);
        finish
    }

    fn offer(&self, may_send_password: bool, may_start_tls: bool) -> Offer {
        Offer {
            is_tls: false,
            may_send_password,
            may_start_tls,
        }
    }

    /// The challenge of a greeting, if APOP is offered.
    fn challenge(&self) -> Result<Option<Challenge>, getrandom::Error> {
        let is_offered = self.apop && self.login.auth.keeps(Need::Secret);
        is_offered
            .then(|| Challenge::generate(&self.login.host))
            .transpose()
    }

    /// What the channel offers.
    fn channel(&self, story: &Story, offer: &Offer) -> login::Channel {
        let keeps = |need| self.login.auth.keeps(need);
        let password = offer.may_send_password;
        let mechanisms = self.mechanisms.iter();
        let offered = mechanisms.filter(|mechanism| mechanism.is_offered(password, keeps));
        login::Channel {
            peer: story.origin.peer.ip(),
            session: story.origin.session.to_string(),
            challenge: story.challenge.clone(),
            password,
            mechanisms: offered.map(|mechanism| mechanism.name).collect(),
        }
    }

    /// The facts that the component is told of a channel.
    fn facts(&self, channel: &login::Channel, offer: &Offer) -> sandbox::Connection {
        sandbox::Connection {
            banner: self.greeting.clone(),
            challenge: channel
                .challenge
                .as_ref()
                .map(|challenge| challenge.as_str().to_owned()),
            tls: offer.is_tls,
            may_start_tls: offer.may_start_tls,
            may_login: channel.password,
            mechanisms: channel.mechanisms.iter().map(ToString::to_string).collect(),
            announce: self.login.announce.to_vec(),
            max_bad_commands: self.limits.bad_commands,
            max_bad_commands_after_login: self.limits.bad_commands_after_login,
        }
    }
}

/// What policy allows on a channel.
struct Offer {
    is_tls: bool,
    may_send_password: bool,
    may_start_tls: bool,
}

impl Story {
    /// Writes the summary line.
    fn close(self, end: &End) {
        let Traffic {
            octets_in,
            octets_out,
        } = self.traffic;
        let duration = self.since.elapsed();
        let summary = Summary {
            duration,
            octets_in,
            octets_out,
            stage: self.stage,
        };
        log_end(&self.origin, end, &summary);
    }
}

fn prepare(stream: &TcpStream) -> io::Result<SocketAddr> {
    // An answer is one write; holding back its last packet only delays it.
    stream.set_nodelay(true)?;
    stream.local_addr()
}

/// How far the session came, in the words of the summary line.
fn stage(record: Record, usage: Usage) -> end::Stage {
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
