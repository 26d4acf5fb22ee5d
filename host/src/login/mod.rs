//! What one connection may claim, and what comes of it: credentials checked, failures slowed down,
//! the maildrop opened.
//!
//! Speaks no protocol and closes no connection. The sandbox lends a [`SessionLogin`] to the
//! component; the connection keeps its [`Watch`].

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::{
    auth::{
        Auth,
        attempts::{self, Attempts},
        challenge::Challenge,
        policy::{Expire, Policy},
        protection::Protection,
        sasl::Mechanism,
    },
    capability::{Answer, Exchange, Grant, Login, Maildrop, Refusal},
    mailbox::Mailbox,
    metrics::Metrics,
};

use self::{
    attempt::Attempt,
    delay::Delays,
    exchange::SaslExchange,
    metered::Metered,
    quota::{Place, Quota},
    realm::Whole,
};
pub use self::{
    realm::{Found, Realms, parts},
    record::{Cause, Record, UserName, Watch},
};

mod announce;
mod attempt;
pub mod delay;
mod exchange;
mod metered;
pub mod quota;
mod realm;
mod record;
mod unkept;

/// What the users of one tenant log in with. Shared, and never changed.
pub struct LoginContext {
    /// The tenant's name; empty for users who belong to none.
    pub tenant: Arc<str>,
    /// Who may log in.
    pub auth: Arc<dyn Auth>,
    /// Where their mail is.
    pub mailbox: Arc<dyn Mailbox>,
    /// The brakes, shared by every connection of the host.
    pub attempts: Arc<Attempts>,
    /// After so many refused claims a connection gets no more of them looked at.
    pub max_refused: u32,
    /// What this server calls itself in challenges.
    pub host: Arc<str>,
    /// Capability lines of whoever has none of their own.
    pub announce: Arc<[String]>,
    /// The least time between two logins of whoever has none of their own, if the tenant has one.
    pub login_delay: Option<Duration>,
    /// When mail of users expires who have nothing of their own; `None` for never.
    pub expire: Option<Expire>,
    /// Whether a user who can log in by APOP can not send the password without TLS.
    pub apop_is_exclusive: bool,
    /// How many sessions there may be, and how much may be fetched.
    pub quota: Arc<Quota>,
}

impl LoginContext {
    /// Users who belong to no tenant, with the brakes of a server and without limits of its own. One for
    /// all connections: the brakes are in it.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub fn shared(
        auth: impl Auth + 'static,
        mailbox: impl Mailbox + 'static,
    ) -> Result<Arc<Self>, getrandom::Error> {
        Ok(Arc::new(Self {
            tenant: "".into(),
            auth: Arc::new(auth),
            mailbox: Arc::new(mailbox),
            attempts: Arc::new(Attempts::new(attempts::Limits::default())?),
            max_refused: 3,
            host: "localhost".into(),
            announce: [].into(),
            login_delay: None,
            expire: None,
            apop_is_exclusive: false,
            quota: Arc::new(Quota::new(quota::Limits::default())),
        }))
    }
}

/// Capability lines before login (`connection.announce`): where a line depends on the user, the
/// worst for any of them.
pub fn announce_before_login(lines: &Arc<[String]>, realms: &dyn Realms) -> Arc<[String]> {
    announce::before_login(lines, &realms.extremes())
}

/// What such lines say, as if it were decided for one user.
pub(crate) fn policy_of(lines: &[String]) -> Policy {
    announce::policy_of(lines)
}

/// What is known of a connection, and what it offers. Fixed when its session starts.
#[derive(Debug)]
pub struct Channel {
    /// Who is at the other end, for the brakes and for the log.
    pub peer: IpAddr,
    /// The session's name, in locks and in the log.
    pub session: String,
    /// The challenge of the greeting, if APOP is offered.
    pub challenge: Option<Challenge>,
    /// Whether USER and PASS are offered.
    pub password: bool,
    /// The SASL mechanisms that are offered, by their registered names.
    pub mechanisms: Vec<&'static str>,
}

impl Channel {
    /// A connection from `peer` that offers USER and PASS alone.
    pub fn new(peer: IpAddr, session: impl Into<String>) -> Self {
        Self {
            peer,
            session: session.into(),
            challenge: None,
            password: true,
            mechanisms: Vec::new(),
        }
    }
}

/// What a login takes into account beside its claim; by default there is nothing of the kind.
#[derive(Debug, Default)]
pub struct Circumstances {
    /// What TLS gives; `None` without it.
    pub protection: Option<Protection>,
    /// When users logged in last; `None` if LOGIN-DELAY is not enforced.
    pub delays: Option<Arc<Delays>>,
    /// Where claims are counted, if they are.
    pub metrics: Option<Arc<Metrics>>,
}

/// The claims that one connection may make: [`Login`] over a user database and a mail store.
///
/// What the channel does not offer is refused with the answer, and the delay, of a wrong password;
/// so are claims that no user can make. After one success every claim is refused, and after
/// [`max_refused`](LoginContext::max_refused) failures too.
pub struct SessionLogin(Arc<Session>);

/// What one connection has claimed, and what it holds by that.
#[derive(Default)]
pub(crate) struct Claims {
    record: Record,
    /// Held until the session is over.
    place: Option<Arc<Place>>,
}

impl Claims {
    /// What was claimed in another process of this server.
    pub(crate) fn elsewhere(record: Record) -> Self {
        let place = None;
        Self { record, place }
    }

    /// Whose user has logged in; empty for a user who belongs to no tenant.
    pub(crate) fn tenant(&self) -> Option<&str> {
        self.record.tenant.as_deref()
    }
}

/// A connection as far as logins are concerned; its exchanges share it.
struct Session {
    realms: Arc<dyn Realms>,
    channel: Channel,
    circumstances: Circumstances,
    record: Mutex<Record>,
    /// Held until the session is over.
    place: Mutex<Option<Arc<Place>>>,
}

impl SessionLogin {
    /// A connection without TLS, and without LOGIN-DELAY, that has not claimed anything yet.
    pub fn new(context: Arc<LoginContext>, channel: Channel) -> Self {
        Self::under(Arc::new(Whole(context)), channel, Circumstances::default())
    }

    /// A connection under these circumstances that has not claimed anything yet, to be one of the
    /// users of these realms.
    pub fn under(realms: Arc<dyn Realms>, channel: Channel, circumstances: Circumstances) -> Self {
        Self(Arc::new(Session {
            realms,
            channel,
            circumstances,
            record: Mutex::default(),
            place: Mutex::default(),
        }))
    }

    /// The same connection, for another cell: what was claimed is still known.
    pub fn again(watch: &Watch) -> Self {
        Self(watch.session())
    }

    /// What was claimed on this connection, here or in another process of this server.
    pub(crate) fn remember(&self, claims: Claims) {
        *self.0.record() = claims.record;
        *self.0.place() = claims.place;
    }

    /// Counts a user who has logged in in another process of this server; `None` if there is no room
    /// for one more here.
    pub(crate) fn seat(
        &self,
        context: &LoginContext,
        user: &str,
        maildrop: Box<dyn Maildrop>,
    ) -> Option<Box<dyn Maildrop>> {
        let place = Arc::new(context.quota.admit(user).ok()?);
        let is_metered = place.is_metered();
        *self.0.place() = Some(Arc::clone(&place));
        Some(match is_metered {
            true => Box::new(Metered::new(maildrop, place)),
            false => maildrop,
        })
    }

    /// A view of what happens here, for whoever writes the log and closes the connection.
    pub fn watch(&self) -> Watch {
        Watch::new(Arc::clone(&self.0))
    }
}

impl Login for SessionLogin {
    fn password<'a>(
        &'a mut self,
        user: &'a [u8],
        password: &'a [u8],
    ) -> Answer<'a, Result<Grant, Refusal>> {
        Box::pin(async move {
            // Logs call USER and PASS what SASL calls the same claim.
            let attempt = self.0.admit("PLAIN", user).await?;
            if !self.0.channel.password {
                return Err(attempt.refuse(Cause::NotOffered, password).await);
            }
            attempt.password(password).await
        })
    }

    fn apop<'a>(
        &'a mut self,
        user: &'a [u8],
        digest: &'a [u8],
    ) -> Answer<'a, Result<Grant, Refusal>> {
        Box::pin(async move {
            let attempt = self.0.admit("APOP", user).await?;
            match &self.0.channel.challenge {
                Some(challenge) => attempt.apop(challenge, digest).await,
                None => Err(attempt.refuse(Cause::NotOffered, digest).await),
            }
        })
    }

    fn start(&mut self, mechanism: &str) -> Option<Box<dyn Exchange>> {
        let is_offered = self.0.channel.mechanisms.contains(&mechanism);
        let mechanism = Mechanism::find(mechanism).filter(|_| is_offered)?;
        Some(Box::new(SaslExchange::new(Arc::clone(&self.0), mechanism)))
    }
}

impl Session {
    /// Counts a claim and lets it wait if its address has failed too often.
    async fn admit(
        self: &Arc<Self>,
        method: &'static str,
        user: &[u8],
    ) -> Result<Attempt, Refusal> {
        let context = self.realms.context();
        if !self.record().admit(method, user, context.max_refused) {
            return Err(Refusal::Denied);
        }
        let held = context.attempts.hold(Instant::now(), self.channel.peer);
        // A timer goes off with the next millisecond, even if it is set to no time at all.
        if !held.is_zero() {
            sleep(held).await;
        }
        Ok(Attempt::new(Arc::clone(self), method, user, held))
    }

    /// Counts what became of a claim.
    fn count(&self, method: &'static str, refusal: Option<Refusal>) {
        if let Some(metrics) = &self.circumstances.metrics {
            metrics.claim(method, refusal);
        }
    }

    /// Whether somebody else can read what the client sends.
    fn is_overheard(&self) -> bool {
        self.circumstances.protection.is_none() && !self.channel.peer.to_canonical().is_loopback()
    }

    fn place(&self) -> MutexGuard<'_, Option<Arc<Place>>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
