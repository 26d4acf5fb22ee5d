//! What is known about the logins of one connection, for its log lines and its end.
//!
//! Writes no log and holds no secret.

use std::{fmt, sync::Arc};

use super::{Claims, Session};
use crate::{
    capability::Refusal,
    log::{MAX_ESCAPED_OCTETS, escape},
};

/// Why a claim was refused. For the log: the client is told less.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// There is no such user.
    UnknownUser,
    /// The password or the digest is wrong.
    WrongProof,
    /// Nothing is stored that this method could be checked against.
    NoCredential,
    /// The channel does not offer this method.
    NotOffered,
    /// No user can make such a claim: it is empty, too long, or not what the mechanism says.
    Malformed,
    /// The user may not send the password, or a token, over this channel.
    NotProtected,
    /// The user has APOP, and so may not send the password here.
    HasApop,
    /// Another session holds the maildrop.
    InUse,
    /// The user logged in a short while ago.
    TooEarly,
    /// The user has as many sessions as may be.
    TooManySessions,
    /// The tenant has as many sessions as may be.
    TenantFull,
    /// The user has fetched as much today as may be.
    TransferUsedUp,
    /// The system gave no random octets for a challenge.
    NoRandomness,
    /// The user database's fault; trying again later can help.
    AuthTemporary,
    /// The user database's fault; an operator has to act.
    AuthPermanent,
    /// The mail store's fault; trying again later can help.
    MailboxTemporary,
    /// The mail store's fault; an operator has to act.
    MailboxPermanent,
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::UnknownUser => "unknown user",
            Self::WrongProof => "wrong password",
            Self::NoCredential => "no shared secret",
            Self::NotOffered => "method not offered",
            Self::Malformed => "malformed claim",
            Self::NotProtected => "password sent without TLS",
            Self::HasApop => "password sent without TLS by a user of APOP",
            Self::InUse => "maildrop in use",
            Self::TooEarly => "too soon after the last login",
            Self::TooManySessions => "too many sessions of this user",
            Self::TenantFull => "too many sessions of this tenant",
            Self::TransferUsedUp => "no more mail for this user today",
            Self::NoRandomness => "no random octets",
            Self::AuthTemporary => "user database failed",
            Self::AuthPermanent => "user database needs an operator",
            Self::MailboxTemporary => "mail store failed",
            Self::MailboxPermanent => "mail store needs an operator",
        })
    }
}

/// A user name as a client sent it, as much of it as a log line shows. Prints without anything that
/// could forge a line or a field of a log: see [`escape`].
#[derive(Clone, Eq, PartialEq)]
pub struct UserName(Box<[u8]>);

impl UserName {
    /// The octets, which need not be text.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for UserName {
    /// Takes what [`escape`] shows, and one octet more so that it shows that there was more.
    fn from(octets: &[u8]) -> Self {
        Self(octets[..octets.len().min(MAX_ESCAPED_OCTETS + 1)].into())
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", escape(&self.0))
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "UserName({self})")
    }
}

/// The logins of one connection up to now.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Record {
    /// Claims that were looked at, the successful one too.
    pub attempts: u32,
    /// Claims that were refused, for whatever reason.
    pub refused: u32,
    /// Of those: claims that were wrong, or not offered. These alone are a sign of guessing.
    pub denied: u32,
    /// How the last claim was made: `PLAIN` (USER and PASS too), `APOP`, or the name of a SASL
    /// mechanism.
    pub method: Option<&'static str>,
    /// Who the last claim was about, in the client's words; nobody any more once somebody has logged in.
    pub user: Option<UserName>,
    /// Why the last claim was refused, if it was.
    pub cause: Option<Cause>,
    /// Who has logged in, in the words of the user database.
    pub logged_in: Option<Arc<str>>,
    /// Whose user that is; empty for a user who belongs to no tenant.
    pub tenant: Option<Arc<str>>,
}

impl Record {
    /// Counts a claim, unless it is not to be looked at any more.
    pub(super) fn admit(&mut self, method: &'static str, user: &[u8], max_refused: u32) -> bool {
        if self.logged_in.is_some() || self.refused >= max_refused {
            return false;
        }
        self.attempts = self.attempts.saturating_add(1);
        self.method = Some(method);
        self.user = (!user.is_empty()).then(|| user.into());
        self.cause = None;
        true
    }

    pub(super) fn refuse(&mut self, cause: Cause) {
        self.refused = self.refused.saturating_add(1);
        self.denied = self
            .denied
            .saturating_add(u32::from(Refusal::from(cause) == Refusal::Denied));
        self.cause = Some(cause);
    }

    pub(super) fn succeed(&mut self, tenant: &Arc<str>, user: Arc<str>) {
        self.user = None;
        self.logged_in = Some(user);
        self.tenant = Some(Arc::clone(tenant));
    }
}

/// A view of a connection's logins that does not hinder them.
#[derive(Clone)]
pub struct Watch(Arc<Session>);

impl Watch {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self(session)
    }

    pub(super) fn session(&self) -> Arc<Session> {
        Arc::clone(&self.0)
    }

    /// What has been claimed up to now, and what is held by that, for another view of the same
    /// connection. Here nothing is left of it.
    pub(crate) fn claims(&self) -> Claims {
        Claims {
            record: std::mem::take(&mut *self.0.record()),
            place: self.0.place().take(),
        }
    }

    /// The session is over: there is room for another, whatever becomes of the connection. What has
    /// happened is still known.
    pub(crate) fn leave(&self) {
        *self.0.place() = None;
    }

    /// What has happened up to now.
    pub fn record(&self) -> Record {
        self.0.record().clone()
    }

    /// Whether no further claim will be looked at because too many were refused. The connection is
    /// then to be closed behind the answer.
    pub fn is_exhausted(&self) -> bool {
        let record = self.0.record();
        record.logged_in.is_none() && record.refused >= self.0.realms.context().max_refused
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Watch")
            .field(&self.record())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_cannot_forge_a_field_or_a_line() {
        let name = UserName::from(b"a>, rip=<1.2.3.4\r\n\xff".as_slice());
        assert_eq!(
            name.to_string(),
            "a\\x3e\\x2c rip=\\x3c1.2.3.4\\x0d\\x0a\\xff"
        );
        assert_eq!(format!("{name:?}"), format!("UserName({name})"));
    }

    #[test]
    fn of_a_long_name_only_the_beginning_is_kept_and_it_shows() {
        let name = UserName::from([b'x'; 16_384].as_slice());
        assert_eq!(name.octets().len(), MAX_ESCAPED_OCTETS + 1);
        assert_eq!(
            name.to_string(),
            format!("{}...", "x".repeat(MAX_ESCAPED_OCTETS))
        );
    }

    #[test]
    fn only_wrong_claims_count_as_denied() {
        let mut record = Record::default();
        for cause in [
            Cause::WrongProof,
            Cause::InUse,
            Cause::NotOffered,
            Cause::AuthTemporary,
        ] {
            record.refuse(cause);
        }
        assert_eq!((record.refused, record.denied), (4, 2));
    }
}
