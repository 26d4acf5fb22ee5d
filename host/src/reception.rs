//! One connection from accept to its summary line: its channel, its cells, its log.
//!
//! Decides what a channel offers; what is said on it is the session's, and the octets are
//! `connection.rs`'s. Called by `server.rs`, once for a connection.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use crate::{
    auth::{
        Need, attempts, certificate,
        challenge::Challenge,
        protection::{ChannelBindings, Protection},
        sasl::Mechanism,
    },
    config::{Config, Listener, ListenerTls},
    connection::{self, Connection, Finish, Outcome},
    end::{self, End, Origin, SessionIds},
    login::{self, Circumstances, LoginContext, SessionLogin, delay::Delays},
    proxy,
    sandbox::{self, Sandbox},
    server::Error,
    services::Services,
    story::Story,
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
    delays: Option<Arc<Delays>>,
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

impl Reception {
    pub(crate) fn new(config: &Config, services: Services) -> Result<Self, Error> {
        let Services {
            auth,
            mailbox,
            sandbox,
            tls,
            delays,
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
            delays,
            greeting: session.greeting.clone(),
            apop: session.apop,
            mechanisms: mechanisms.collect::<Result<_, _>>()?,
            limits: config.limits,
            timeouts: config.timeouts,
            ids: SessionIds::new().map_err(Error::Random)?,
        })
    }

    /// When users logged in last, if LOGIN-DELAY is enforced.
    pub(crate) fn delays(&self) -> Option<Arc<Delays>> {
        self.delays.clone()
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
        let challenge = match self.challenge() {
            Ok(challenge) => challenge,
            Err(error) => return error!(%error, "the system gives no random numbers"),
        };
        let mut story = Story::new(origin, since, challenge);
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
        story.secured(words);
        let protection = Protection {
            bindings: ChannelBindings {
                exporter: facts.bindings.exporter,
                server_end_point: facts.bindings.server_end_point,
            },
            certificate_user: facts
                .client_certificate
                .as_deref()
                .and_then(certificate::user),
        };
        let offer = Offer {
            protection: Some(protection),
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
            is_greeted: story.greet(),
        };
        let channel = self.channel(story, &offer);
        let facts = self.facts(&channel, &offer);
        let circumstances = Circumstances {
            protection: offer.protection,
            delays: self.delays.clone(),
        };
        let login = SessionLogin::under(Arc::clone(&self.login), channel, circumstances);
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
        story.session(traffic, watch.record(), usage);
        finish
    }

    fn offer(&self, may_send_password: bool, may_start_tls: bool) -> Offer {
        Offer {
            protection: None,
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
        let offered = mechanisms.filter(|mechanism| match &offer.protection {
            Some(protection) => mechanism.is_offered_behind(protection, keeps),
            None => mechanism.is_offered(password, keeps),
        });
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
            tls: offer.protection.is_some(),
            may_start_tls: offer.may_start_tls,
            may_login: channel.password,
            mechanisms: channel.mechanisms.iter().map(ToString::to_string).collect(),
            announce: self.login.announce_before_login(),
            max_bad_commands: self.limits.bad_commands,
            max_bad_commands_after_login: self.limits.bad_commands_after_login,
        }
    }
}

/// What policy allows on a channel.
struct Offer {
    /// What TLS gives; `None` without it.
    protection: Option<Protection>,
    may_send_password: bool,
    may_start_tls: bool,
}

fn prepare(stream: &TcpStream) -> io::Result<SocketAddr> {
    // An answer is one write; holding back its last packet only delays it.
    stream.set_nodelay(true)?;
    stream.local_addr()
}
