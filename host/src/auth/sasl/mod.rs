//! SASL mechanisms (RFC 4422), the server's side, without I/O.
//!
//! A mechanism says what it needs next; `login` asks the user database and comes back. Base64, `=`
//! and `*` are the component's, delays and counters are `login`'s.

use std::{fmt, sync::Arc};

use super::{
    Credential, Need,
    protection::{ChannelBindings, Protection},
    scram::{Hash, Verifier},
    secret::Secret,
};

mod bearer;
mod cram_md5;
mod external;
mod login;
mod oauthbearer;
mod plain;
mod saslname;
mod scram;
mod scram_message;
mod xoauth2;

/// What is known about a mechanism before it is used.
pub struct Mechanism {
    /// Its registered name, in upper case.
    pub name: &'static str,
    /// Whether what crosses the wire opens the account again: the password itself, or a token.
    pub sends_password: bool,
    /// What a user database has to keep for anybody to succeed with it.
    pub need: Option<Need>,
    /// What TLS has to give for it.
    pub requires: Requires,
    start: fn(&Setting<'_>) -> Box<dyn Dialogue>,
}

/// What a mechanism demands of a connection beside secrecy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Requires {
    /// Nothing.
    Nothing,
    /// Channel bindings.
    Bindings,
    /// A client certificate that was mapped to a user.
    Certificate,
}

/// Every mechanism, in the order of a server that has no wishes of its own: best first.
pub const MECHANISMS: &[Mechanism] = &[
    Mechanism::new("SCRAM-SHA-256-PLUS", |setting| {
        scram::start_plus(Hash::Sha256, setting)
    })
    .needing(Need::Scram(Hash::Sha256))
    .requiring(Requires::Bindings),
    Mechanism::new("SCRAM-SHA-1-PLUS", |setting| {
        scram::start_plus(Hash::Sha1, setting)
    })
    .needing(Need::Scram(Hash::Sha1))
    .requiring(Requires::Bindings),
    Mechanism::new("SCRAM-SHA-256", |setting| {
        scram::start(Hash::Sha256, setting)
    })
    .needing(Need::Scram(Hash::Sha256)),
    Mechanism::new("SCRAM-SHA-1", |setting| scram::start(Hash::Sha1, setting))
        .needing(Need::Scram(Hash::Sha1)),
    Mechanism::new("EXTERNAL", external::start).requiring(Requires::Certificate),
    Mechanism::new("OAUTHBEARER", oauthbearer::start)
        .needing(Need::Token)
        .sending_password(),
    Mechanism::new("XOAUTH2", xoauth2::start)
        .needing(Need::Token)
        .sending_password(),
    Mechanism::new("PLAIN", plain::start).sending_password(),
    Mechanism::new("LOGIN", login::start).sending_password(),
    Mechanism::new("CRAM-MD5", cram_md5::start).needing(Need::HmacMd5),
];

impl Mechanism {
    const fn new(name: &'static str, start: fn(&Setting<'_>) -> Box<dyn Dialogue>) -> Self {
        Self {
            name,
            sends_password: false,
            need: None,
            requires: Requires::Nothing,
            start,
        }
    }

    const fn sending_password(mut self) -> Self {
        self.sends_password = true;
        self
    }

    const fn needing(mut self, need: Need) -> Self {
        self.need = Some(need);
        self
    }

    const fn requiring(mut self, requires: Requires) -> Self {
        self.requires = requires;
        self
    }

    /// The mechanism of this name, which is in upper case.
    pub fn find(name: &str) -> Option<&'static Self> {
        MECHANISMS.iter().find(|mechanism| mechanism.name == name)
    }

    /// Whether it may be offered on a channel without TLS where the password may or may not be
    /// sent, with a user database that keeps what `keeps` says.
    pub fn is_offered(&self, may_send_password: bool, keeps: impl Fn(Need) -> bool) -> bool {
        (may_send_password || !self.sends_password)
            && self.requires == Requires::Nothing
            && self.need.is_none_or(keeps)
    }

    /// Whether it may be offered behind TLS, with a user database that keeps what `keeps` says.
    pub fn is_offered_behind(&self, protection: &Protection, keeps: impl Fn(Need) -> bool) -> bool {
        let is_given = match self.requires {
            Requires::Nothing => true,
            Requires::Bindings => !protection.bindings.is_empty(),
            Requires::Certificate => protection.certificate_user.is_some(),
        };
        is_given && self.need.is_none_or(keeps)
    }

    /// Begins a dialogue.
    pub(crate) fn start(&self, setting: &Setting<'_>) -> Box<dyn Dialogue> {
        (self.start)(setting)
    }
}

impl fmt::Debug for Mechanism {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Mechanism")
            .field(&self.name)
            .finish()
    }
}

/// Where a dialogue takes place.
pub(crate) struct Setting<'a> {
    /// What this server calls itself in challenges.
    pub(crate) host: &'a Arc<str>,
    /// The mechanisms that the channel offers, by name.
    pub(crate) offered: &'a [&'static str],
    /// What TLS gives; `None` without it.
    pub(crate) protection: Option<&'a Protection>,
}

impl Setting<'_> {
    /// The channel bindings, none of them without TLS.
    fn bindings(&self) -> ChannelBindings {
        let bindings = self
            .protection
            .map(|protection| protection.bindings.clone());
        bindings.unwrap_or_default()
    }

    /// Who the client is by its certificate.
    fn certificate_user(&self) -> Option<&str> {
        self.protection?.certificate_user.as_deref()
    }
}

/// What a dialogue needs next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Send this challenge, then call [`Dialogue::respond`].
    Challenge(Vec<u8>),
    /// Check this password; its answer is that of the dialogue.
    CheckPassword {
        /// The user name.
        user: Vec<u8>,
        /// The password.
        password: Secret,
    },
    /// Look up what is known of this user's secret, then call [`Dialogue::check`].
    NeedCredential {
        /// The user name.
        user: Vec<u8>,
        /// What is needed.
        need: Need,
    },
    /// Check this proof of SCRAM, then call [`Dialogue::verified`].
    CheckProof(Proof),
    /// Check this bearer token; its answer is that of the dialogue, but before a refusal comes one
    /// more challenge, whose response means nothing.
    CheckToken {
        /// Who the client says that it is, if it says so.
        user: Option<Vec<u8>>,
        /// The token.
        token: Secret,
        /// The challenge that tells the client of a failure.
        failure: Vec<u8>,
    },
    /// TLS has proven that the client is this user.
    Identified {
        /// The user name.
        user: String,
    },
    /// The user of [`Step::NeedCredential`] has proven to know the secret.
    Proven,
    /// The proof is wrong, or the client does not keep to the mechanism.
    Refused,
    /// The server has no random octets for a challenge.
    Unavailable,
}

/// A client's proof, and what it is checked against.
pub(crate) struct Proof {
    pub(crate) verifier: Verifier,
    /// What was said up to the proof.
    pub(crate) message: Vec<u8>,
    pub(crate) proof: Vec<u8>,
}

// Message and proof together are as good as the password to whoever can guess it.
impl fmt::Debug for Proof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Proof(..)")
    }
}

/// One dialogue of a mechanism. A mechanism whose server has the last word sends that as one more
/// challenge, as RFC 5034 demands, and takes the client's empty response to it.
pub(crate) trait Dialogue: Send {
    /// The client's initial response, or none if it sent none. Called once, and first.
    fn begin(&mut self, initial: Option<&[u8]>) -> Step;

    /// The client's response to the last challenge.
    fn respond(&mut self, response: &[u8]) -> Step;

    /// What is known of the secret of the user who was asked for; `None` if there is no such user,
    /// who must then be refused at the same cost as one who does not know the secret.
    fn check(&mut self, _credential: Option<&Credential>) -> Step {
        Step::Refused
    }

    /// The server's signature, if the proof of [`Step::CheckProof`] was right.
    fn verified(&mut self, _signature: Option<Vec<u8>>) -> Step {
        Step::Refused
    }
}

#[cfg(test)]
mod tests;
