//! One claim: looked at, answered, counted, slowed down.
//!
//! Speaks no protocol. What SASL makes of it is in `exchange`.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};
use tracing::info;

use super::{
    Found, LoginContext, Session, announce,
    delay::Verdict,
    metered::Metered,
    quota::Full,
    record::{Cause, UserName},
    unkept,
};
use crate::{
    account::Account,
    auth::{
        Credential, Denial, Known, MAX_PASSWORD_OCTETS, MAX_USER_OCTETS, Need,
        challenge::Challenge,
        policy::{Expire, Policy},
        secret::Secret,
    },
    capability::{Grant, Refusal},
    mailbox::OpenError,
};

/// One claim that is being looked at.
pub(super) struct Attempt {
    session: Arc<Session>,
    /// Whose user it is said to be.
    context: Arc<LoginContext>,
    is_stranger: bool,
    method: &'static str,
    /// As the client sent it.
    claimed: Box<[u8]>,
    /// As the tenant knows it.
    user: Box<[u8]>,
    /// How long it waited before that.
    held: Duration,
}

impl Attempt {
    pub(super) fn new(
        session: Arc<Session>,
        method: &'static str,
        user: &[u8],
        held: Duration,
    ) -> Self {
        let Found {
            context,
            user: known_as,
            is_stranger,
        } = session.realms.find(user);
        Self {
            context,
            is_stranger,
            method,
            claimed: user.into(),
            user: known_as.into(),
            held,
            session,
        }
    }

    /// Checks a password and opens the maildrop.
    pub(super) async fn password(self, password: &[u8]) -> Result<Grant, Refusal> {
        // An empty password never counts: to more than one kind of database it means that nobody
        // wants to be checked.
        let is_claim = self.has_user() && (1..=MAX_PASSWORD_OCTETS).contains(&password.len());
        if !is_claim {
            return Err(self.refuse(Cause::Malformed, password).await);
        }
        let verdict = match self.objection().await {
            Ok(None) => {
                let checked = self.context.auth.password(&self.user, password).await;
                self.unless_stranger(checked).map_err(Cause::from)
            }
            Ok(Some(objection)) => Err(self.pretend(password.len(), objection).await),
            Err(denial) => Err(denial.into()),
        };
        match verdict {
            Ok(account) => self.open(&account).await,
            Err(cause) => Err(self.refuse(cause, password).await),
        }
    }

    pub(super) async fn apop(self, challenge: &Challenge, digest: &[u8]) -> Result<Grant, Refusal> {
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

    /// Checks a bearer token. `user` is who the client says that it is, if it says so.
    ///
    /// A token that somebody may have overheard is refused whoever it belongs to, if that user is
    /// one who must not send it so.
    pub(super) async fn token(&self, user: Option<&[u8]>, token: &[u8]) -> Result<Account, Cause> {
        if user.is_some() && !self.has_user() {
            return Err(Cause::Malformed);
        }
        let auth = &self.context.auth;
        let user = user.map(|_| &*self.user);
        let account = self.unless_stranger(auth.token(user, token).await)?;
        let policy = auth.policy(account.user.as_bytes()).await?;
        if policy.requires_tls && self.session.is_overheard() {
            return Err(Cause::NotProtected);
        }
        Ok(account)
    }

    /// Opens the maildrop of a user whom TLS has proven.
    pub(super) async fn identified(self) -> Result<Grant, Refusal> {
        let account = self.context.auth.account(&self.user).await;
        match self.unless_stranger(account) {
            Ok(account) => self.open(&account).await,
            Err(denial) => Err(self.refuse(denial.into(), b"").await),
        }
    }

    pub(super) async fn credential(&self, need: Need) -> Result<Known, Denial> {
        if !self.has_user() {
            return Err(Denial::UnknownUser);
        }
        let known = self.context.auth.credential(&self.user, need).await;
        self.unless_stranger(known)
    }

    /// What a client is shown of a user of whom there is nothing to show.
    pub(super) fn decoy(&self, need: Need) -> Option<Credential> {
        // By the whole name: those of two strangers differ as those of two users do.
        self.context.auth.decoy(&self.claimed, need)
    }

    /// The claim is right: now for the maildrop.
    pub(super) async fn open(self, account: &Account) -> Result<Grant, Refusal> {
        match self.enter(account).await {
            Ok((grant, user)) => {
                self.session.record().succeed(&self.context.tenant, user);
                self.session.count(self.method, None);
                Ok(grant)
            }
            Err(cause) => Err(self.refuse(cause, b"").await),
        }
    }

    /// Logs and counts a refusal. If the claim was wrong, waits as the brakes say; `proof` is what
    /// it is recognised by if it comes again.
    pub(super) async fn refuse(self, cause: Cause, proof: &[u8]) -> Refusal {
        let channel = &self.session.channel;
        self.session.record().refuse(cause);
        info!(
            user = %UserName::from(&*self.claimed),
            method = self.method,
            rip = %channel.peer,
            session = channel.session,
            %cause,
            "login refused",
        );
        let refusal = Refusal::from(cause);
        self.session.count(self.method, Some(refusal));
        if refusal == Refusal::Denied {
            // Counted before the wait: hanging up does not undo it.
            let claim = [self.method.as_bytes(), &self.claimed, proof];
            let delay = self
                .context
                .attempts
                .failed(Instant::now(), channel.peer, &claim);
            sleep(delay.saturating_sub(self.held)).await;
        }
        refusal
    }

    /// Whoever says to be of a domain that is not here is nobody, as late as anybody.
    fn unless_stranger<T>(&self, answer: Result<T, Denial>) -> Result<T, Denial> {
        match answer {
            Ok(_) if self.is_stranger => Err(Denial::UnknownUser),
            answer => answer,
        }
    }

    fn has_user(&self) -> bool {
        (1..=MAX_USER_OCTETS).contains(&self.user.len())
    }

    /// Whether a user of APOP has nothing but APOP here.
    fn is_for_apop(&self) -> bool {
        let Session {
            circumstances,
            channel,
            ..
        } = &*self.session;
        self.context.apop_is_exclusive
            && circumstances.protection.is_none()
            && channel.challenge.is_some()
    }

    /// Why this user's password may not come over this channel, if it may not.
    async fn objection(&self) -> Result<Option<Cause>, Denial> {
        let auth = &self.context.auth;
        if self.session.is_overheard() && auth.policy(&self.user).await?.requires_tls {
            return Ok(Some(Cause::NotProtected));
        }
        if !self.is_for_apop() {
            return Ok(None);
        }
        match auth.credential(&self.user, Need::Secret).await {
            Ok(_) => Ok(Some(Cause::HasApop)),
            Err(Denial::UnknownUser | Denial::WrongProof | Denial::NoCredential) => Ok(None),
            Err(denial @ (Denial::Temporary | Denial::Permanent)) => Err(denial),
        }
    }

    /// Does the work of checking a password that nobody has, because of this objection.
    ///
    /// RFC 8314 §4.1: right and wrong passwords get the same answer, and so in the same time. A
    /// random one is never right, and so never remembered, which would be faster.
    async fn pretend(&self, octets: usize, objection: Cause) -> Cause {
        let mut random = vec![0; octets];
        if getrandom::fill(&mut random).is_err() {
            return Cause::NoRandomness;
        }
        match self.context.auth.password(&self.user, &random).await {
            Err(Denial::Temporary) => Cause::AuthTemporary,
            Err(Denial::Permanent) => Cause::AuthPermanent,
            Ok(_) | Err(Denial::UnknownUser | Denial::WrongProof | Denial::NoCredential) => {
                objection
            }
        }
    }

    /// Opens the maildrop, if it is not too early and there is room, and says whose it is: one text for
    /// all who keep it.
    async fn enter(&self, account: &Account) -> Result<(Grant, Arc<str>), Cause> {
        let Self {
            session, context, ..
        } = self;
        let policy = context.auth.policy(account.user.as_bytes()).await?;
        let place = Arc::new(context.quota.admit(&account.user)?);
        // Asked twice: first because opening a maildrop is what the delay is to spare the server,
        // then because another session may have come and gone since.
        self.check_delay(account, &policy, false).await?;
        let opened = context.mailbox.open(account, &session.channel.session);
        let mut maildrop = opened.await?;
        self.check_delay(account, &policy, true).await?;
        if place.is_metered() {
            maildrop = Box::new(Metered::new(maildrop, Arc::clone(&place)));
        }
        let maildrop = match policy.expire.or(context.expire) {
            Some(Expire::Days(0)) => {
                unkept::wrap(maildrop, &account.user, &session.channel.session)
            }
            Some(Expire::Days(_) | Expire::Never) | None => maildrop,
        };
        let user = Arc::clone(place.user());
        *session.place() = Some(place);
        let announce = self.announce(&policy);
        Ok((Grant { maildrop, announce }, user))
    }

    /// Whether it is not too early; if this is to count as a login, it is remembered.
    async fn check_delay(
        &self,
        account: &Account,
        policy: &Policy,
        is_login: bool,
    ) -> Result<(), Cause> {
        let Some(delays) = &self.session.circumstances.delays else {
            return Ok(());
        };
        let own = policy.login_delay.or(self.context.login_delay);
        let user = match &*self.context.tenant {
            "" => account.user.clone(),
            // No user has a name with a NUL in it.
            tenant => format!("{tenant}\0{}", account.user),
        };
        let verdict = match is_login {
            true => delays.enter(&user, own).await,
            false => delays.check(&user, own).await,
        };
        match verdict {
            Verdict::Early => Err(Cause::TooEarly),
            Verdict::Due => Ok(()),
        }
    }

    fn announce(&self, policy: &Policy) -> Arc<[String]> {
        let (extremes, usual) = (self.session.realms.extremes(), &self.context.announce);
        announce::after_login(usual, &extremes, policy)
    }
}

impl From<Full> for Cause {
    fn from(full: Full) -> Self {
        match full {
            Full::User => Self::TooManySessions,
            Full::Tenant => Self::TenantFull,
            Full::Transfer => Self::TransferUsedUp,
        }
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
            | Cause::NotProtected
            | Cause::HasApop
            | Cause::Malformed => Self::Denied,
            Cause::InUse | Cause::TooManySessions => Self::InUse,
            Cause::TooEarly => Self::LoginDelay,
            Cause::NoRandomness
            | Cause::AuthTemporary
            | Cause::MailboxTemporary
            | Cause::TenantFull
            | Cause::TransferUsedUp => Self::Temporary,
            Cause::AuthPermanent | Cause::MailboxPermanent => Self::Permanent,
        }
    }
}
