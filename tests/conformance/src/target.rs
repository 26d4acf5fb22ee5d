//! The server under test, and how it is to be treated.
//!
//! Opens nothing.

use std::{sync::Arc, time::Duration};

use rustls::pki_types::CertificateDer;

/// A server, an account on it, and what the suite may do to both.
///
/// The account's mailbox should hold the messages of [`crate::letters`]; checks that need one
/// that is missing are skipped.
#[derive(Clone)]
pub struct Target {
    /// `HOST:PORT`.
    pub address: String,
    /// The account.
    pub user: String,
    /// Its password. It is never printed.
    pub password: String,
    /// The account for APOP, where a user with APOP has no PASS. `None`: the one above.
    pub apop: Option<Account>,
    /// An account that has to wait between two logins, where the one above has not. `None`: the one
    /// above is tried.
    pub delayed: Option<Account>,
    /// An account whose mail expires as soon as it was read, where that of the one above does not.
    /// `None`: the one above is tried.
    pub expiring: Option<Account>,
    /// How ordinary connections of the suite are protected.
    pub tls: Tls,
    /// The authorities that may have signed the server's certificate; `None` accepts every
    /// certificate.
    pub authorities: Option<Arc<Vec<CertificateDer<'static>>>>,
    /// How long to wait.
    pub patience: Patience,
    /// Whether messages may be deleted. A server that is wrong may then delete any of them.
    pub is_disposable: bool,
    /// Whether checks may take longer than a minute.
    pub is_slow: bool,
}

/// A user and the password.
#[derive(Clone)]
pub struct Account {
    /// The name.
    pub user: String,
    /// The password. It is never printed.
    pub password: String,
}

/// A password that is not the account's. Not made from the real one: servers may log wrong ones.
pub(crate) const WRONG_PASSWORD: &str = "conformance-wrong-password";

/// A name that no account has.
pub(crate) const UNKNOWN_USER: &str = "conformance-unknown-user";

/// How a connection is protected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tls {
    /// Not at all, but for the rows about TLS, which use STLS if it is offered.
    None,
    /// By the command STLS (RFC 2595).
    Stls,
    /// From the first octet on (RFC 8314).
    Implicit,
}

/// How long the suite waits.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the next octet of an answer, or for the end of the connection.
    pub answer: Duration,
    /// For the answer to a login: servers delay a failed one on purpose.
    pub login: Duration,
    /// The least that an inactivity timer may be set to: ten minutes by RFC 1939 §3.
    pub idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(5),
            login: Duration::from_secs(60),
            idle: Duration::from_secs(600),
        }
    }
}

impl Target {
    /// An account on a server, in the clear, with the usual patience and nothing to be deleted.
    pub fn new(address: &str, user: &str, password: &str) -> Self {
        Self {
            address: address.to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
            apop: None,
            delayed: None,
            expiring: None,
            tls: Tls::None,
            authorities: None,
            patience: Patience::default(),
            is_disposable: false,
            is_slow: false,
        }
    }

    /// The account of ordinary sessions.
    pub(crate) fn account(&self) -> Account {
        Account {
            user: self.user.clone(),
            password: self.password.clone(),
        }
    }

    /// The account for APOP.
    pub(crate) fn apop_account(&self) -> Account {
        self.apop.clone().unwrap_or_else(|| self.account())
    }

    /// The account that has to wait between two logins, if any has.
    pub(crate) fn delayed_account(&self) -> Account {
        self.delayed.clone().unwrap_or_else(|| self.account())
    }

    /// The account whose mail expires as soon as it was read, if any has such mail.
    pub(crate) fn expiring_account(&self) -> Account {
        self.expiring.clone().unwrap_or_else(|| self.account())
    }

    /// The name of the host, without the port and without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        let host = self.address.rsplit_once(':').map_or("", |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_has_no_port_and_no_brackets() {
        for (address, host) in [
            ("mail.example.org:110", "mail.example.org"),
            ("127.0.0.1:1110", "127.0.0.1"),
            ("[::1]:110", "::1"),
        ] {
            assert_eq!(Target::new(address, "", "").host(), host);
        }
    }
}
