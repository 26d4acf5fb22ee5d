//! How a connection leaves this process for another one of the same server.

use std::os::fd::OwnedFd;

use tokio::{sync::oneshot, time::Instant};

use super::{Connection, Stream, rest::What};
use crate::{
    end::End,
    takeover::{Departure, Fate, Luggage},
};

/// What is known of a connection that can leave, beside its session.
#[derive(Debug)]
pub(crate) struct Passport {
    /// The listener's address in the configuration.
    pub(crate) listener: std::net::SocketAddr,
    pub(crate) since: Instant,
    /// The challenge of the greeting.
    pub(crate) challenge: Option<String>,
}

impl<S: Stream> Connection<S> {
    /// Leaves, if that is wanted and if it can be. Until it is known whether another process has the
    /// session, nothing is done with it here.
    pub(super) async fn depart(&mut self, what: What<'_>) -> Result<(), End> {
        let Some(departures) = self.seat.house().departures.load_full() else {
            return Ok(());
        };
        if !matches!(what, What::Octets(_)) || self.input.len() > 0 || self.is_peer_gone {
            return Ok(());
        }
        let room = self.seat.park().await?;
        self.note_move();
        drop(room);
        let Some((luggage, connection, lock)) = self.pack_up() else {
            return Ok(());
        };
        let (fate, decided) = oneshot::channel();
        departures.leave(Departure {
            luggage: Box::new(luggage),
            connection,
            lock,
            fate,
        });
        match decided.await {
            Ok(Fate::Gone) => {
                self.seat.let_go();
                Err(End::HandedOver)
            }
            Err(_) => Ok(()),
        }
    }

    fn pack_up(&self) -> Option<(Luggage, OwnedFd, Option<OwnedFd>)> {
        let passport = self.passport.as_ref()?;
        let connection = self.stream.socket()?.try_clone_to_owned().ok()?;
        let parked = self.seat.parked()?;
        let (lease, announce) = match &parked.maildrop {
            Some(grant) => (Some(grant.maildrop.lease()?), grant.announce.to_vec()),
            None => (None, Vec::new()),
        };
        let (lease, lock) =
            lease.map_or((None, None), |lease| (Some(lease.octets), Some(lease.lock)));
        let luggage = Luggage {
            session: self.origin.session.to_string(),
            listener: passport.listener,
            peer: self.origin.peer,
            local: self.origin.local,
            age: passport.since.elapsed(),
            silence: self.last_progress.elapsed(),
            challenge: passport.challenge.clone(),
            octets_in: self.traffic.octets_in,
            octets_out: self.traffic.octets_out,
            logins: self.watch.record().into(),
            state: parked.state.clone(),
            is_logged_in: parked.is_logged_in,
            usage: parked.usage,
            computed: parked.computed,
            announce,
            lease,
        };
        Some((luggage, connection, lock))
    }
}
