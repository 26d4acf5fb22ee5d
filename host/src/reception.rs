//! One connection from accept to its summary line: its channel, its cells, its log.
//!
//! Decides what a channel offers; what is said on it is the session's, and the octets are
//! `connection.rs`'s. Called by `server.rs`, once for a connection.

mod adopt;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{net::TcpStream, time::Instant};
use tracing::{debug, error, info};

use crate::{
    auth::{
        certificate,
        protection::{ChannelBindings, Protection},
    },
    cells::Cells,
    config::{Config, Listener, ListenerTls},
    connection::{self, Connection, Finish, Outcome, Passport, Stream},
    counter::{Counter, Offer, challenge},
    end::{self, End, Origin, SessionIds},
    login::{self, Circumstances, SessionLogin, Watch, delay::Delays},
    metrics::Refused,
    operations::Operations,
    presence::Presence,
    proxy,
    record::{Recorder, Shelf},
    sandbox,
    seat::{House, Seat, Surroundings},
    server::Error,
    services::{SPARE_CELLS, Services},
    slow_lane::SlowLane,
    stop::Stop,
    story::Story,
    tenant::Tenants,
    tls::{self, Accepted, Tls},
};

pub(crate) use self::adopt::Adopted;

/// What all connections share.
pub(crate) struct Reception {
    house: Arc<House>,
    /// A connection keeps those that there were when it came.
    tenants: Arc<ArcSwap<Tenants>>,
    tls: Option<Arc<Tls>>,
    delays: Option<Arc<Delays>>,
    /// Where sessions are recorded, if any are.
    shelf: Option<Arc<Shelf>>,
    limits: crate::config::Limits,
    timeouts: crate::config::Timeouts,
    hibernate: Option<Duration>,
    ids: SessionIds,
    pub(crate) operations: Arc<Operations>,
}

/// A connection that has been accepted, and who is at both ends of it.
pub(crate) struct Arrival {
    stream: TcpStream,
    pub(crate) peer: SocketAddr,
    local: SocketAddr,
    since: Instant,
}

/// A session in its cell, that nobody has greeted yet.
struct Begun<S> {
    connection: Box<Connection<S>>,
    watch: Watch,
}

impl Reception {
    pub(crate) fn new(
        config: &Config,
        services: Services,
        operations: Arc<Operations>,
    ) -> Result<Self, Error> {
        let Services {
            tenants,
            sandbox,
            tls,
            delays,
            tenancy: _,
            rollout: _,
            state: _,
        } = services;
        let house = House {
            cells: Cells::new(
                sandbox.cells().saturating_sub(SPARE_CELLS).max(1),
                config.sandbox.warm_cells,
            ),
            sandbox,
            slow_lane: SlowLane::new().map_err(Error::Thread)?,
            rollout: Arc::clone(&operations.rollout),
            departures: Arc::clone(&operations.departures),
        };
        Ok(Self {
            house: Arc::new(house),
            tenants,
            tls,
            delays,
            shelf: config.record.as_ref().map(Shelf::open).transpose()?,
            limits: config.limits,
            timeouts: config.timeouts,
            hibernate: config.sandbox.hibernate_after,
            ids: SessionIds::new().map_err(Error::Random)?,
            operations,
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
    ) -> Option<Box<Arrival>> {
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
                    self.operations.metrics.refuse(Refused::ProxyHeader);
                    info!(rip = %peer.ip(), %error, "no client behind a load balancer");
                    return None;
                }
            }
        }
        Some(Box::new(Arrival {
            stream,
            peer,
            local,
            since,
        }))
    }

    /// Serves a connection until it ends, and writes its summary line.
    pub(crate) async fn receive(&self, arrival: Box<Arrival>, listener: &Listener, stop: &Stop) {
        let counter = Counter::of(self.tenants.load_full(), listener.tenant.as_deref());
        let (stream, mut story) = match self.begin_story(arrival, &counter) {
            Ok(begun) => begun,
            Err(error) => return error!(%error, "the system gives no random numbers"),
        };
        let may_send_password = listener.plaintext_login.allows(story.origin.peer.ip());
        let end = match (listener.tls, &self.tls) {
            (ListenerTls::Implicit, Some(tls)) => {
                Box::pin(self.secured(stream, tls, counter, stop, &mut story)).await
            }
            (ListenerTls::Stls, Some(tls)) => {
                let offer = Offer::in_the_clear(listener, may_send_password, true);
                let begun = Box::pin(self.begin(stream, offer, &counter, stop, &mut story)).await;
                match Box::pin(dialogue(begun, stop, &mut story)).await {
                    Finish::StartTls(stream) => {
                        Box::pin(self.secured(stream, tls, counter, stop, &mut story)).await
                    }
                    Finish::End(end) => end,
                }
            }
            (ListenerTls::None | ListenerTls::Stls | ListenerTls::Implicit, _) => {
                let offer = Offer::in_the_clear(listener, may_send_password, false);
                let begun = Box::pin(self.begin(stream, offer, &counter, stop, &mut story)).await;
                match Box::pin(dialogue(begun, stop, &mut story)).await {
                    Finish::StartTls(_) => sandbox::Error::Contract("no TLS to start").into(),
                    Finish::End(end) => end,
                }
            }
        };
        story.close(&end);
    }

    #[expect(clippy::boxed_local, reason = "else a future would hold it")]
    fn begin_story(
        &self,
        arrival: Box<Arrival>,
        counter: &Counter,
    ) -> Result<(TcpStream, Story), getrandom::Error> {
        let Arrival {
            stream,
            peer,
            local,
            since,
        } = *arrival;
        let origin = Origin {
            session: self.ids.next(),
            peer,
            local,
            channel: end::Channel::new(peer, false),
            tls: None,
            tenant: None,
        };
        let challenge = challenge(&counter.tenants)?;
        let presence = Presence::new(&self.operations, &origin);
        Ok((stream, Story::new(origin, since, challenge, presence)))
    }

    /// The handshake, and behind it a session of its own: nothing from before is left.
    async fn secured(
        &self,
        stream: TcpStream,
        tls: &Tls,
        counter: Counter,
        stop: &Stop,
        story: &mut Story,
    ) -> End {
        let deadline = Instant::now() + self.timeouts.handshake;
        let accepted = tokio::select! {
            accepted = tls.accept(stream, deadline) => accepted,
            () = stop.shutdown.cancelled() => return End::Shutdown,
            () = story.presence.kicked() => return End::Kicked,
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
            may_send_password: true,
            may_start_tls: false,
            listener: None,
        };
        let counter = counter.named(facts.server_name.as_deref());
        let begun = Box::pin(self.begin(stream, offer, &counter, stop, story)).await;
        match Box::pin(dialogue(begun, stop, story)).await {
            Finish::StartTls(_) => sandbox::Error::Contract("STLS under TLS").into(),
            Finish::End(end) => end,
        }
    }

    /// A session in a cell of its own, before its greeting. To be awaited in a box: none of this is
    /// to be held by a connection for as long as it lasts.
    async fn begin<S: Stream>(
        &self,
        stream: S,
        offer: Offer,
        counter: &Counter,
        stop: &Stop,
        story: &mut Story,
    ) -> Result<Begun<S>, End> {
        let limits = self.connection_limits(story, &offer);
        let channel = counter.channel(story, &offer);
        let facts = self.facts(counter, &channel, &offer);
        let passport = offer.listener.map(|listener| Passport {
            listener,
            since: story.since,
            challenge: facts.challenge.clone(),
        });
        let login = self.login(counter, channel, offer);
        let watch = login.watch();
        let recorder = self.recorder(counter, story, &facts);
        let login = Recorder::witness(recorder.as_ref(), Box::new(login));
        let surroundings = Surroundings {
            house: Arc::clone(&self.house),
            tenants: Arc::clone(&counter.tenants),
            policy: Arc::clone(counter.policy()),
            is_undecided: counter.is_undecided(),
            terms: counter.policy().terms.clone(),
            facts,
            watch: watch.clone(),
            id: story.origin.session,
            recorder,
        };
        let take = Box::pin(Seat::take(login, surroundings));
        let seat = tokio::select! {
            seat = take => seat,
            () = stop.shutdown.cancelled() => return Err(End::Shutdown),
            () = story.presence.kicked() => return Err(End::Kicked),
        }?;
        let meter = story.presence.meter(seat.component());
        let origin = story.origin.clone();
        let watched = watch.clone();
        let connection = Connection::new(stream, seat, watched, origin, limits, meter, passport);
        Ok(Begun { connection, watch })
    }

    fn connection_limits(&self, story: &mut Story, offer: &Offer) -> connection::Limits {
        connection::Limits {
            line_octets: self.limits.line_octets,
            input_octets: self.limits.input_octets,
            idle: self.timeouts.idle,
            login: story.since + self.timeouts.login,
            write: self.timeouts.write,
            hibernate: self.hibernate,
            may_start_tls: offer.may_start_tls,
            is_greeted: story.greet(),
        }
    }

    fn login(&self, counter: &Counter, channel: login::Channel, offer: Offer) -> SessionLogin {
        let circumstances = Circumstances {
            protection: offer.protection,
            delays: self.delays.clone(),
            metrics: Some(Arc::clone(&self.operations.metrics)),
        };
        SessionLogin::under(counter.realms(), channel, circumstances)
    }

    /// Who records the session, if anybody does. Whose it is may not be known yet.
    fn recorder(
        &self,
        counter: &Counter,
        story: &Story,
        facts: &sandbox::Connection,
    ) -> Option<Recorder> {
        let policy = counter.policy();
        let shelf = self.shelf.as_ref()?;
        let generation = policy.track.current();
        let component = generation.version().digest();
        let recorder = Recorder::begin(shelf, story.origin.session, component, facts)?;
        if !counter.is_undecided() {
            recorder.decide(policy.is_recorded);
        }
        Some(recorder)
    }

    /// The facts that the component is told of a channel.
    fn facts(
        &self,
        counter: &Counter,
        channel: &login::Channel,
        offer: &Offer,
    ) -> sandbox::Connection {
        let policy = counter.policy();
        sandbox::Connection {
            banner: policy.greeting.clone(),
            challenge: channel
                .challenge
                .as_ref()
                .map(|challenge| challenge.as_str().to_owned()),
            tls: offer.protection.is_some(),
            may_start_tls: offer.may_start_tls,
            may_login: channel.password,
            mechanisms: channel.mechanisms.iter().map(ToString::to_string).collect(),
            announce: login::announce_before_login(&policy.announce, &*counter.realms()),
            max_bad_commands: self.limits.bad_commands,
            max_bad_commands_after_login: self.limits.bad_commands_after_login,
        }
    }
}

/// A session from its greeting to its end.
async fn dialogue<S: Stream>(
    begun: Result<Begun<S>, End>,
    stop: &Stop,
    story: &mut Story,
) -> Finish<S> {
    let Begun { connection, watch } = match begun {
        Ok(begun) => begun,
        Err(end) => return Finish::End(end),
    };
    let Outcome {
        finish,
        usage,
        traffic,
    } = connection.serve(stop).await;
    story.session(traffic, watch.record(), usage);
    finish
}

fn prepare(stream: &TcpStream) -> io::Result<SocketAddr> {
    // An answer is one write; holding back its last packet only delays it.
    stream.set_nodelay(true)?;
    stream.local_addr()
}
