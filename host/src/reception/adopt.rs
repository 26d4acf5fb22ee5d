//! Connections that another process of this server has received and begun.
//!
//! They are made ready first, all of them; served they are only when that process has let go.

use std::{io, net::TcpStream, os::fd::OwnedFd, sync::Arc};

use tokio::time::Instant;
use tracing::info;

use super::{Begun, Reception, Underway};
use crate::{
    auth::challenge::Challenge,
    capability::{Grant, Lease},
    config::{Listener, ListenerTls},
    connection::{Connection, Passport, Plain, Resumed, Traffic},
    counter::{Counter, Offer},
    end::{self, Origin, SessionId},
    login::{Record, SessionLogin},
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
    pub(crate) async fn adopt(&self, arrived: Arrived, listener: &Listener) -> Option<Underway> {
        let session = arrived.luggage.session.clone();
        match self.make_ready(arrived, listener).await {
            Ok(underway) => Some(underway),
            Err(cause) => {
                info!(session, %cause, "a session stays in the process that has it");
                None
            }
        }
    }

    async fn make_ready(&self, arrived: Arrived, listener: &Listener) -> Result<Underway, Unfit> {
        let Arrived {
            luggage,
            connection,
            lock,
        } = arrived;
        let stream = stream(connection)?;
        let origin = origin(&luggage).ok_or(Unfit::Id)?;
        let counter = Counter::of(self.tenants.load_full(), listener.tenant.as_deref());
        let mut story = self.story(&luggage, &origin);
        let may_start_tls = listener.tls == ListenerTls::Stls && self.tls.is_some();
        let may_send_password = listener.plaintext_login.allows(origin.peer.ip());
        let offer = Offer::in_the_clear(listener, may_send_password, may_start_tls);
        let limits = self.connection_limits(&mut story, &offer);
        let channel = counter.channel(&story, &offer);
        let facts = self.facts(&counter, &channel, &offer);
        let passport = Passport {
            listener: listener.address,
            since: story.since,
            challenge: facts.challenge.clone(),
        };
        let login = self.login(&counter, channel, offer);
        let watch = login.watch();
        let (policy, grant) = self.claims(&luggage, lock, &counter, &login).await?;
        let surroundings = Surroundings {
            house: Arc::clone(&self.house),
            tenants: Arc::clone(&counter.tenants),
            terms: policy.terms.clone(),
            policy,
            is_undecided: counter.is_undecided(),
            facts,
            watch: watch.clone(),
            id: origin.session,
            recorder: None,
        };
        let seat = Seat::arrive(parked(&luggage, grant), surroundings).await?;
        let mut meter = story.presence.meter(seat.component());
        meter.arrived(&luggage);
        let resumed = Resumed {
            silence: luggage.silence,
            is_logged_in: luggage.is_logged_in,
        };
        let watched = watch.clone();
        let passport = Some(passport);
        let connection = Connection::new(stream, seat, watched, origin, limits, meter, passport);
        let connection = connection.resume(&resumed);
        let begun = Begun { connection, watch };
        Ok(Underway::new(begun, story, counter))
    }

    /// What has happened on the connection.
    fn story(&self, luggage: &Luggage, origin: &Origin) -> Story {
        let challenge = luggage.challenge.clone();
        let challenge = challenge.map(Challenge::of_another_process);
        let now = Instant::now();
        let since = now.checked_sub(luggage.age).unwrap_or(now);
        let presence = Presence::new(&self.operations, origin);
        let mut story = Story::new(origin.clone(), since, challenge, presence);
        story.begun(Traffic {
            octets_in: luggage.octets_in,
            octets_out: luggage.octets_out,
        });
        story
    }

    /// What was claimed on the connection, and what it holds by that.
    async fn claims(
        &self,
        luggage: &Luggage,
        lock: Option<OwnedFd>,
        counter: &Counter,
        login: &SessionLogin,
    ) -> Result<(Arc<SessionPolicy>, Option<Grant>), Unfit> {
        login.remember(Record::from(&luggage.logins));
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

fn origin(luggage: &Luggage) -> Option<Origin> {
    let tenant = luggage.logins.tenant.as_deref();
    let tenant = tenant.filter(|name| !name.is_empty());
    Some(Origin {
        session: SessionId::parse(&luggage.session)?,
        peer: luggage.peer,
        local: luggage.local,
        channel: end::Channel::new(luggage.peer, false),
        tls: None,
        tenant: tenant.map(Into::into),
    })
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
