//! A connection that sleeps, as little of it as there can be: what follows from the configuration it
//! gets again when it wakes up.

use std::{
    net::SocketAddr,
    os::fd::{AsFd as _, BorrowedFd},
    sync::Arc,
};

use tokio::time::Instant;

use super::{Begun, Reception, setting::Setting, underway::Underway};
use crate::{
    auth::challenge::Challenge,
    config::Listener,
    connection::{Before, Connection, Plain},
    counter::Counter,
    end::Origin,
    login::Claims,
    presence::Presence,
    seat::{Berth, Surroundings},
    sessions::Entry,
    story::Story,
};

/// A connection without TLS that sleeps: one that waits for its client, or that another process had.
pub(crate) struct Asleep {
    pub(super) stream: Plain,
    pub(super) berth: Berth,
    pub(super) claims: Claims,
    pub(super) counter: Counter,
    pub(super) listener: Arc<Listener>,
    pub(super) presence: Presence,
    pub(super) local: SocketAddr,
    pub(super) challenge: Option<Challenge>,
    /// When it was accepted.
    pub(super) since: Instant,
    pub(super) before: Before,
    /// When it has to be served, whatever the client says.
    pub(super) wakes_at: Instant,
}

impl Asleep {
    /// What the client says comes out of here.
    pub(crate) fn socket(&self) -> Option<BorrowedFd<'_>> {
        match &self.stream {
            Plain::Asleep(socket) => Some(socket.as_fd()),
            Plain::Watched(_) | Plain::Lost => None,
        }
    }

    /// When it has to be served, whatever the client says.
    pub(crate) fn wakes_at(&self) -> Instant {
        self.wakes_at
    }

    /// Who can be kicked.
    pub(crate) fn entry(&self) -> &Entry {
        self.presence.entry()
    }

    /// Nobody can watch over it: once awake it does not sleep any more.
    pub(crate) fn stay_awake(&mut self) {
        self.before.is_sleepless = true;
    }
}

impl Reception {
    /// The connection that it was, to be gone on with.
    pub(crate) fn wake(&self, asleep: Asleep) -> Underway {
        let Asleep {
            stream,
            mut berth,
            claims,
            counter,
            listener,
            presence,
            local,
            challenge,
            since,
            before,
            wakes_at: _,
        } = asleep;
        let (session, peer) = (presence.entry().id(), presence.entry().peer());
        let origin = Origin::in_the_clear(session, peer, local, claims.tenant());
        let meter = presence.resume(&berth.parked, before.traffic);
        let mut story = Story::new(origin.clone(), since, challenge, presence);
        let offer = self.offer_in_the_clear(&listener, &origin);
        let Setting {
            limits,
            facts,
            passport,
            login,
        } = self.setting(&mut story, offer, &counter);
        login.remember(claims);
        let watch = login.watch();
        let surroundings = Surroundings {
            policy: Arc::clone(&berth.policy),
            payer: Arc::clone(&berth.payer),
            recorder: berth.recorder.take(),
            ..self.surroundings(&counter, facts, &watch, session)
        };
        let (seat, watched) = (berth.unpack(surroundings), watch.clone());
        let connection = Connection::new(stream, seat, watched, origin, limits, meter, passport);
        let connection = connection.resume(before);
        let begun = Begun { connection, watch };
        Underway::new(begun, story, counter, listener)
    }
}
