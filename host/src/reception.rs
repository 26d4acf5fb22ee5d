//! One connection from accept to its summary line: its channel, its cells, its log.
//!
//! Decides what a channel offers; what is said on it is the session's, and the octets are
//! `connection.rs`'s. Called by `server.rs`, once for a connection.

mod adopt;
mod arrival;
mod asleep;
mod setting;
mod underway;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::time::Instant;
use tracing::error;

use crate::{
    auth::{
        certificate,
        protection::{ChannelBindings, Protection},
    },
    cells::Cells,
    config::{Config, Listener, ListenerTls},
    connection::{Connection, Finish, Outcome, Plain, Served, Stream},
    counter::{Counter, Offer, challenge},
    end::{End, Origin, SessionIds},
    login::{Watch, delay::Delays},
    operations::Operations,
    presence::Presence,
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

pub(crate) use self::asleep::Asleep;
use self::{arrival::Arrival, setting::Setting, underway::Underway};

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

/// A session that nobody has greeted yet, or that sleeps.
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

    /// Serves a connection until it ends, and writes its summary line, or until it sleeps.
    pub(crate) async fn receive(
        &self,
        arrival: Box<Arrival>,
        listener: &Arc<Listener>,
        stop: &Stop,
    ) -> Option<Asleep> {
        let counter = Counter::of(self.tenants.load_full(), listener.tenant.as_deref());
        let (stream, mut story) = match self.begin_story(arrival, &counter) {
            Ok(begun) => begun,
            Err(error) => {
                error!(%error, "the system gives no random numbers");
                return None;
            }
        };
        if let (ListenerTls::Implicit, Some(tls)) = (listener.tls, &self.tls) {
            let end = Box::pin(self.secured(stream, tls, counter, stop, &mut story)).await;
            story.close(&end);
            return None;
        }
        let offer = self.offer_in_the_clear(listener, &story.origin);
        match Box::pin(self.begin(stream, offer, &counter, stop, &mut story)).await {
            Ok(begun) => {
                let underway = Underway::new(begun, story, counter, Arc::clone(listener));
                Box::pin(self.serve(underway, stop)).await
            }
            Err(end) => {
                story.close(&end);
                None
            }
        }
    }

    #[expect(clippy::boxed_local, reason = "else a future would hold it")]
    fn begin_story(
        &self,
        arrival: Box<Arrival>,
        counter: &Counter,
    ) -> Result<(Plain, Story), getrandom::Error> {
        let Arrival {
            stream,
            peer,
            local,
            since,
        } = *arrival;
        let origin = Origin::in_the_clear(self.ids.next(), peer, local, None);
        let challenge = challenge(&counter.tenants)?;
        let presence = Presence::new(&self.operations, &origin);
        Ok((
            Plain::Watched(stream),
            Story::new(origin, since, challenge, presence),
        ))
    }

    /// The handshake, and behind it a session of its own: nothing from before is left.
    async fn secured(
        &self,
        stream: Plain,
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
        let mut begun = match begun {
            Ok(begun) => begun,
            Err(end) => return end,
        };
        loop {
            match Box::pin(dialogue(begun, stop, story)).await {
                Ok(Finish::StartTls(_)) => {
                    return sandbox::Error::Contract("STLS under TLS").into();
                }
                Ok(Finish::End(end)) => return end,
                // There is no watching over it: its keys are in use.
                Err(asleep) => begun = asleep,
            }
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
        let Setting {
            limits,
            facts,
            passport,
            login,
        } = self.setting(story, offer, counter);
        let watch = login.watch();
        let recorder = self.recorder(counter, story, &facts);
        let login = Recorder::witness(recorder.as_ref(), Box::new(login));
        let surroundings = Surroundings {
            recorder,
            ..self.surroundings(counter, facts, &watch, story.origin.session)
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
}

/// A session from its greeting, or from where it slept, to its end; or until it sleeps.
async fn dialogue<S: Stream>(
    begun: Begun<S>,
    stop: &Stop,
    story: &mut Story,
) -> Result<Finish<S>, Begun<S>> {
    let Begun { connection, watch } = begun;
    match connection.serve(stop).await {
        Served::Over(Outcome {
            finish,
            usage,
            traffic,
        }) => {
            story.session(traffic, watch.record(), usage);
            Ok(finish)
        }
        Served::Asleep(connection) => Err(Begun { connection, watch }),
    }
}
