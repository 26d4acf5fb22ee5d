//! Connections that another process of this server has received and begun.
//!
//! They are made ready first, all of them; served they are only when that process has let go.

use std::{io, net::TcpStream, os::fd::OwnedFd, sync::Arc};

use tokio::time::Instant;
use tracing::info;

use super::{Asleep, Reception, setting::Setting};
use crate::{
    auth::challenge::Challenge,
    capability::{Grant, Lease},
    config::Listener,
    connection::{Before, Plain, Traffic},
    counter::Counter,
    end::{Origin, SessionId},
    login::{Claims, Record, SessionLogin},
    presence::Presence,
    sandbox::{self, Parked},
    seat::{Seat, Surroundings},
    story::Story,
    takeover::{Arrived, Luggage},
    tenant::SessionPolicy,
};

/// Why a connection is left to the process that has it.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("it has no id")]
    Id,
    #[error("its connection can not be used: {0}")]
    Connection(#[from] io::Error),
    #[error("there is no such tenant")]
    Tenant,
    #[error("its maildrop can not be taken over")]
    Maildrop,
    #[error("{0}")]
    Sandbox(#[from] sandbox::Error),
}

impl Reception {
    /// Makes ready to serve a connection of another process; `None`, and the log says why, if it
    /// has to stay there.
    pub(crate) async fn adopt(&self, arrived: Arrived, listener: &Arc<Listener>) -> Option<Asleep> {
        let session = arrived.luggage.session.clone();
        match self.make_ready(arrived, listener).await {
            Ok(asleep) => Some(asleep),
            Err(cause) => {
                info!(session, %cause, "a session stays in the process that has it");
                None
            }
        }
    }

    async fn make_ready(
        &self,
        arrived: Arrived,
        listener: &Arc<Listener>,
    ) -> Result<Asleep, Unfit> {
        let Arrived {
            luggage,
            connection,
            lock,
        } = arrived;
        let stream = stream(connection)?;
        let session = SessionId::parse(&luggage.session).ok_or(Unfit::Id)?;
        let counter = Counter::of(self.tenants.load_full(), listener.tenant.as_deref());
        let mut story = self.story(&luggage, session);
        let offer = self.offer_in_the_clear(listener, &story.origin);
        let Setting {
            limits,
            facts,
            login,
            ..
        } = self.setting(&mut story, offer, &counter);
        let (policy, grant) = self.claims(&luggage, lock, &counter, &login).await?;
        let watch = login.watch();
        let surroundings = Surroundings {
            payer: Arc::clone(&policy),
            policy,
            ..self.surroundings(&counter, facts, &watch, session)
        };
        let seat = Seat::arrive(parked(&luggage, grant), surroundings).await?;
        story.presence.arrived(seat.component(), &luggage);
        let before = before(&luggage);
        Ok(Asleep {
            stream,
            berth: seat.pack().ok_or(sandbox::Error::Lost)?,
            claims: watch.claims(),
            counter,
            listener: Arc::clone(listener),
            presence: story.presence,
            local: luggage.local,
            challenge: story.challenge,
            since: story.since,
            before,
            // It is served before it sleeps again.
            wakes_at: before.last_progress + limits.idle,
        })
    }

    /// What has happened on the connection.
    fn story(&self, luggage: &Luggage, session: SessionId) -> Story {
        let challenge = luggage.challenge.clone();
        let challenge = challenge.map(Challenge::of_another_process);
        let now = Instant::now();
        let since = now.checked_sub(luggage.age).unwrap_or(now);
        let tenant = luggage.logins.tenant.as_deref();
        let origin = Origin::in_the_clear(session, luggage.peer, luggage.local, tenant);
        let presence = Presence::new(&self.operations, &origin);
        Story::new(origin, since, challenge, presence)
    }

    /// What was claimed on the connection, and what it holds by that.
    async fn claims(
        &self,
        luggage: &Luggage,
        lock: Option<OwnedFd>,
        counter: &Counter,
        login: &SessionLogin,
    ) -> Result<(Arc<SessionPolicy>, Option<Grant>), Unfit> {
        login.remember(Claims::elsewhere(Record::from(&luggage.logins)));
        let Some(user) = &luggage.logins.logged_in else {
            return Ok((Arc::clone(counter.policy()), None));
        };
        let name = luggage.logins.tenant.as_deref().unwrap_or_default();
        let tenant = counter.tenants.by_name(name).ok_or(Unfit::Tenant)?;
        let (Some(octets), Some(lock)) = (luggage.lease.clone(), lock) else {
            return Err(Unfit::Maildrop);
        };
        let mailbox = &tenant.login.mailbox;
        let maildrop = mailbox.adopt(user, &luggage.session, Lease { octets, lock });
        let maildrop = maildrop.await.map_err(|_| Unfit::Maildrop)?;
        let maildrop = login.seat(&tenant.login, user, maildrop);
        let grant = Grant {
            maildrop: maildrop.ok_or(Unfit::Maildrop)?,
            announce: luggage.announce.clone().into(),
        };
        Ok((Arc::clone(&tenant.policy), Some(grant)))
    }
}

fn stream(connection: OwnedFd) -> io::Result<Plain> {
    let socket = TcpStream::from(connection);
    socket.set_nonblocking(true)?;
    Ok(Plain::Asleep(socket))
}

fn before(luggage: &Luggage) -> Before {
    let now = Instant::now();
    Before {
        traffic: Traffic {
            octets_in: luggage.octets_in,
            octets_out: luggage.octets_out,
        },
        last_progress: now.checked_sub(luggage.silence).unwrap_or(now),
        is_sleepless: false,
    }
}

fn parked(luggage: &Luggage, maildrop: Option<Grant>) -> Parked {
    Parked {
        state: luggage.state.clone(),
        maildrop,
        message: None,
        exchange: None,
        is_logged_in: luggage.is_logged_in,
        usage: luggage.usage,
        computed: luggage.computed,
    }
}
