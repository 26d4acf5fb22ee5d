//! What every connection passes before it is served, and where it is counted until it is over.
//!
//! Accepts nobody itself (`accept.rs`); what is said on a connection is `reception.rs`'s.

use std::{
    net::SocketAddr,
    os::fd::BorrowedFd,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};
use tracing::{debug, info, warn};

use crate::{
    addresses::{Addresses, Place},
    config::Listener,
    dormitory::{Dormitory, Sleeper, Waking},
    lanes::{Loads, Ride},
    metrics::Refused,
    reception::{Asleep, Reception},
    sessions::Entry,
    stop::Stop,
};

/// A connection whose session has begun, while nobody serves it.
pub(super) struct Guest {
    pub(super) asleep: Asleep,
    pub(super) counted: Counted,
}

/// Where a connection is counted until it is over, whether it is served or sleeps.
pub(super) struct Counted {
    _permit: OwnedSemaphorePermit,
    _place: Place,
    _open: TaskTrackerToken,
}

/// What every connection passes before it is served.
pub(super) struct Gate {
    pub(super) reception: Reception,
    pub(super) addresses: Arc<Addresses>,
    /// A permit for each connection that may be open.
    pub(super) permits: Arc<Semaphore>,
    pub(super) stop: Stop,
    /// Those that are served, and those that sleep.
    pub(super) connections: TaskTracker,
    pub(super) loads: Arc<Loads>,
    pub(super) dormitory: Arc<Dormitory<Guest>>,
}

impl Gate {
    /// Serves a connection that was accepted on this lane, if its address may have one more.
    pub(super) fn welcome(
        self: &Arc<Self>,
        lane: usize,
        stream: TcpStream,
        peer: SocketAddr,
        listener: &Arc<Listener>,
        permit: OwnedSemaphorePermit,
    ) {
        let (task, listener) = (Arc::clone(self), Arc::clone(listener));
        let ride = self.loads.ride(lane);
        let handle = ride.handle().clone();
        if ride.is_on(lane) {
            let admitted = task.admit(stream, peer, listener, (permit, ride));
            self.connections.spawn_on(admitted, &handle);
            return;
        }
        let stream = stream.into_std();
        let moved = async move {
            // Its socket is to be watched where it is served.
            match stream.and_then(TcpStream::from_std) {
                Ok(stream) => task.admit(stream, peer, listener, (permit, ride)).await,
                Err(error) => debug!(%error, "the system does not watch a connection"),
            }
        };
        self.connections.spawn_on(moved, &handle);
    }

    pub(super) fn count(&self, permit: OwnedSemaphorePermit, place: Place) -> Counted {
        Counted {
            _permit: permit,
            _place: place,
            _open: self.connections.token(),
        }
    }

    /// Serves a connection whose session has begun, and that was perhaps just woken up.
    pub(super) fn go_on(self: &Arc<Self>, guest: Box<Guest>, waking: Option<Waking>) {
        let (task, ride) = (Arc::clone(self), self.loads.any_ride());
        let handle = ride.handle().clone();
        let gone_on = async move {
            let _ride = ride;
            drop(waking);
            let Guest { asleep, counted } = *guest;
            let underway = task.reception.wake(asleep);
            let asleep = Box::pin(task.reception.serve(underway, &task.stop)).await;
            task.lay_down(asleep, counted);
        };
        self.connections.spawn_on(gone_on, &handle);
    }

    /// Has somebody watch over a connection that sleeps.
    fn lay_down(self: &Arc<Self>, asleep: Option<Asleep>, counted: Counted) {
        let Some(asleep) = asleep else { return };
        let guest = Box::new(Guest { asleep, counted });
        if let Err(mut guest) = self.dormitory.lie_down(guest) {
            guest.asleep.stay_awake();
            self.go_on(guest, None);
        }
    }

    /// Ends all connections, those that are being answered within the grace.
    pub(super) async fn close(self: &Arc<Self>, grace: Duration) {
        let Self {
            connections, stop, ..
        } = &**self;
        let sessions = &self.reception.operations.sessions;
        info!(sessions = sessions.len(), "shutting down");
        stop.begin();
        for guest in self.dormitory.close() {
            self.go_on(guest, None);
        }
        connections.close();
        if timeout(grace, connections.wait()).await.is_err() {
            warn!(
                sessions = sessions.len(),
                "sessions that did not end in time are cut off"
            );
            stop.abort.cancel();
            connections.wait().await;
        }
    }

    /// As [`welcome`](Self::welcome), on its lane. It counts until it is over.
    async fn admit(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        listener: Arc<Listener>,
        (permit, _ride): (OwnedSemaphorePermit, Ride),
    ) {
        // In boxes that go: an idle connection is this future and what is behind it.
        let meeting = Box::pin(self.reception.meet(stream, peer, &listener));
        let Some(arrival) = meeting.await else {
            return;
        };
        let rip = arrival.peer.ip().to_canonical();
        let Some(place) = self.addresses.admit(rip) else {
            self.reception
                .operations
                .metrics
                .refuse(Refused::AddressLimit);
            return info!(%rip, "too many connections from this address");
        };
        let counted = self.count(permit, place);
        let received = self.reception.receive(arrival, &listener, &self.stop);
        let asleep = received.await;
        self.lay_down(asleep, counted);
    }
}

impl Sleeper for Guest {
    fn entry(&self) -> &Entry {
        self.asleep.entry()
    }

    fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.asleep.socket()
    }

    fn deadline(&self) -> Instant {
        self.asleep.wakes_at().into_std()
    }
}
