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
use tracing::info;

use crate::{
    account::Account,
    auth::{
        Auth, Denial, Known, MAX_PASSWORD_OCTETS, MAX_USER_OCTETS, Need, attempts::Attempts,
        challenge::Challenge, sasl::Mechanism, secret::Secret,
    },
    capability::{Answer, Exchange, Grant, Login, Refusal},
    mailbox::{Mailbox, OpenError},
};

use self::exchange::SaslExchange;
pub use self::record::{Cause, Record, UserName, Watch};

mod exchange;
mod record;

/// What all connections of one listener log in with. Shared, and never changed.
pub struct LoginContext {
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
    /// Capability lines of whoever logs in.
    pub announce: Arc<[String]>,
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

/// The claims that one connection may make: [`Login`] over a user database and a mail store.
///
/// What the channel does not offer is refused with the answer, and the delay, of a wrong password;
/// so are claims that no user can make. After one success every claim is refused, and after
/// [`max_refused`](LoginContext::max_refused) failures too.
pub struct SessionLogin(Arc<Session>);

/// A connection as far as logins are concerned; its exchanges share it.
struct Session {
    context: Arc<LoginContext>,
    channel: Channel,
    record: Mutex<Record>,
}

/// One claim that is being looked at.
struct Attempt {
    session: Arc<Session>,
    method: &'static str,
    user: Box<[u8]>,
    /// How long it waited before that.
    held: Duration,
}

impl SessionLogin {
    /// A connection that has not claimed anything yet.
    pub fn new(context: Arc<LoginContext>, channel: Channel) -> Self {
        Self(Arc::new(Session {
            context,
            channel,
            record: Mutex::default(),
        }))
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
        if !self.record().admit(method, user, self.context.max_refused) {
            return Err(Refusal::Denied);
        }
        let held = self
            .context
            .attempts
            .hold(Instant::now(), self.channel.peer);
        sleep(held).await;
        Ok(Attempt {
            session: Arc::clone(self),
            method,
            user: user.into(),
            held,
        })
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    /// Checks a password and opens the maildrop.
    async fn password(self, password: &[u8]) -> Result<Grant, Refusal> {
        // An empty password never counts: to more than one kind of database it means that nobody
        // wants to be checked.
        let is_claim = self.has_user() && (1..=MAX_PASSWORD_OCTETS).contains(&password.len());
        if !is_claim {
            return Err(self.refuse(Cause::Malformed, password).await);
        }
        match self
            .session
            .context
            .auth
            .password(&self.user, password)
            .await
        {
            Ok(account) => self.open(&account).await,
            Err(denial) => Err(self.refuse(denial.into(), password).await),
        }
    }

    async fn apop(self, challenge: &Challenge, digest: &[u8]) -> Result<Grant, Refusal> {
        let known = self.credential(Need::Secret).await;
        // Somebody's digest is computed for nobody too.
        let nobody = Secret::from(b"".as_slice());
        let secret = known
            .as_ref()
            .ok()
            .and_then(|known| known.credential.secret());
        let is_right = challenge.is_answered(secret.unwrap_or(&nobody), digest);
        match known {
            Ok(known) if is_right && known.credential.secret().is_some() => {
                self.open(&known.account).await
            }
            Ok(_) => Err(self.refuse(Cause::WrongProof, digest).await),
            Err(denial) => Err(self.refuse(denial.into(), digest).await),
        }
    }

    async fn credential(&self, need: Need) -> Result<Known, Denial> {
        if !self.has_user() {
            return Err(Denial::UnknownUser);
        }
        self.session.context.auth.credential(&self.user, need).await
    }

    fn has_user(&self) -> bool {
        (1..=MAX_USER_OCTETS).contains(&self.user.len())
    }

    /// The claim is right: now for the maildrop.
    async fn open(self, account: &Account) -> Result<Grant, Refusal> {
        let Session {
            context, channel, ..
        } = &*self.session;
        match context.mailbox.open(account, &channel.session).await {
            Ok(maildrop) => {
                self.session.record().succeed(&account.user);
                Ok(Grant {
                    maildrop,
                    announce: Arc::clone(&context.announce),
                })
            }
            Err(error) => Err(self.refuse(error.into(), b"").await),
        }
    }

    /// Logs and counts a refusal. If the claim was wrong, waits as the brakes say; `proof` is what
    /// it is recognised by if it comes again.
    async fn refuse(self, cause: Cause, proof: &[u8]) -> Refusal {
        let Session {
            context, channel, ..
        } = &*self.session;
        self.session.record().refuse(cause);
        info!(
            user = %UserName::from(&*self.user),
            method = self.method,
            rip = %channel.peer,
            session = channel.session,
            %cause,
            "login refused",
        );
        let refusal = Refusal::from(cause);
        if refusal == Refusal::Denied {
            // Counted before the wait: hanging up does not undo it.
            let claim = [self.method.as_bytes(), &self.user, proof];
            let delay = context
                .attempts
                .failed(Instant::now(), channel.peer, &claim);
            sleep(delay.saturating_sub(self.held)).await;
        }
        refusal
    }
}

impl From<Denial> for Cause {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::UnknownUser => Self::UnknownUser,
            Denial::WrongProof => Self::WrongProof,
            Denial::NoCredential => Self::NoCredential,
            Denial::Temporary => Self::AuthTemporary,
            Denial::Permanent => Self::AuthPermanent,
        }
    }
}

impl From<OpenError> for Cause {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::InUse => Self::InUse,
            OpenError::Temporary => Self::MailboxTemporary,
            OpenError::Permanent => Self::MailboxPermanent,
        }
    }
}

impl From<Cause> for Refusal {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::UnknownUser
            | Cause::WrongProof
            | Cause::NoCredential
            | Cause::NotOffered
            | Cause::Malformed => Self::Denied,
            Cause::InUse => Self::InUse,
            Cause::NoRandomness | Cause::AuthTemporary | Cause::MailboxTemporary => Self::Temporary,
            Cause::AuthPermanent | Cause::MailboxPermanent => Self::Permanent,
        }
    }
}

#[cfg(test)]
mod tests;
