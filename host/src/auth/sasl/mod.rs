//! SASL mechanisms (RFC 4422), the server's side, without I/O.
//!
//! A mechanism says what it needs next; `login` asks the user database and comes back. Base64, `=`
//! and `*` are the component's, delays and counters are `login`'s.

use std::{fmt, sync::Arc};

use super::{Credential, Need, secret::Secret};

mod cram_md5;
mod login;
mod plain;

/// What is known about a mechanism before it is used.
pub struct Mechanism {
    /// Its registered name, in upper case.
    pub name: &'static str,
    /// Whether the password itself crosses the wire.
    pub sends_password: bool,
    /// What a user database has to keep for anybody to succeed with it.
    pub need: Option<Need>,
    start: fn(&Arc<str>) -> Box<dyn Dialogue>,
}

/// Every mechanism, in the order of a server that has no wishes of its own.
pub const MECHANISMS: &[Mechanism] = &[
    Mechanism {
        name: "PLAIN",
        sends_password: true,
        need: None,
        start: plain::start,
    },
    Mechanism {
        name: "LOGIN",
        sends_password: true,
        need: None,
        start: login::start,
    },
    Mechanism {
        name: "CRAM-MD5",
        sends_password: false,
        need: Some(Need::HmacMd5),
        start: cram_md5::start,
    },
];

impl Mechanism {
    /// The mechanism of this name, which is in upper case.
    pub fn find(name: &str) -> Option<&'static Self> {
        MECHANISMS.iter().find(|mechanism| mechanism.name == name)
    }

    /// Whether it may be offered on a channel where the password may or may not be sent, with a
    /// user database that keeps what `keeps` says.
    pub fn is_offered(&self, may_send_password: bool, keeps: impl Fn(Need) -> bool) -> bool {
        (may_send_password || !self.sends_password) && self.need.is_none_or(keeps)
    }

    /// Begins a dialogue. `host` is what this server calls itself in challenges.
    pub(crate) fn start(&self, host: &Arc<str>) -> Box<dyn Dialogue> {
        (self.start)(host)
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
    /// The user of [`Step::NeedCredential`] has proven to know the secret.
    Proven,
    /// The proof is wrong, or the client does not keep to the mechanism.
    Refused,
    /// The server has no random octets for a challenge.
    Unavailable,
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(may_send_password: bool, keeps: &[Need]) -> Vec<&'static str> {
        MECHANISMS
            .iter()
            .filter(|mechanism| {
                mechanism.is_offered(may_send_password, |need| keeps.contains(&need))
            })
            .map(|mechanism| mechanism.name)
            .collect()
    }

    #[test]
    fn passwords_are_asked_for_only_where_they_may_be_sent() {
        assert_eq!(offered(true, &[]), ["PLAIN", "LOGIN"]);
        assert_eq!(
            offered(true, &[Need::HmacMd5]),
            ["PLAIN", "LOGIN", "CRAM-MD5"]
        );
        assert_eq!(offered(false, &[Need::HmacMd5]), ["CRAM-MD5"]);
        assert_eq!(offered(false, &[Need::Secret]), [""; 0]);
    }

    #[test]
    fn names_are_found_in_upper_case_only() {
        for mechanism in MECHANISMS {
            assert_eq!(mechanism.name, mechanism.name.to_ascii_uppercase());
            assert!(Mechanism::find(mechanism.name).is_some());
        }
        assert!(Mechanism::find("plain").is_none());
        assert!(Mechanism::find("").is_none());
    }
}
