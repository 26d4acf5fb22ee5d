//! What a fake server offers. Each is legitimate by itself.
//!
//! Faults are elsewhere.

use std::time::Duration;

use popcell_conformance::target::Tls;

/// What a fake server offers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) protection: Protection,
    /// Whether USER and plaintext mechanisms are refused without TLS.
    pub(crate) is_clear_barred: bool,
    /// Whether mechanisms that hide the password are refused without TLS, too.
    pub(crate) is_clear_mute: bool,
    /// Whether there is APOP for the account.
    pub(crate) has_apop: bool,
    /// Whether LOGIN-DELAY is announced and enforced: every login but the first is too early.
    pub(crate) has_login_delay: bool,
    /// Whether EXPIRE is 0 and retrieved messages expire at QUIT.
    pub(crate) expires_at_once: bool,
    /// The inactivity timer.
    pub(crate) idle: Option<Duration>,
}

/// How connections are protected, and whether the suite uses STLS for ordinary ones.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Protection {
    /// STLS is offered; the suite works in the clear.
    Offered,
    /// STLS is offered; the suite uses it.
    Used,
    Implicit,
}

impl Protection {
    pub(crate) fn of_the_suite(self) -> Tls {
        match self {
            Self::Offered => Tls::None,
            Self::Used => Tls::Stls,
            Self::Implicit => Tls::Implicit,
        }
    }
}

impl Setting {
    /// Everything that does not stand in the way of other rows: STLS, UTF8, LANG, EXPIRE.
    pub(crate) const USUAL: Self = Self {
        protection: Protection::Offered,
        is_clear_barred: false,
        is_clear_mute: false,
        has_apop: false,
        has_login_delay: false,
        expires_at_once: false,
        idle: None,
    };

    /// The suite works over STLS, and has to.
    pub(crate) const BARRED: Self = Self {
        protection: Protection::Used,
        is_clear_barred: true,
        ..Self::USUAL
    };

    /// Nobody logs in without TLS, by no mechanism.
    pub(crate) const ENCRYPTED: Self = Self {
        is_clear_mute: true,
        ..Self::BARRED
    };

    pub(crate) const IMPLICIT: Self = Self {
        protection: Protection::Implicit,
        ..Self::USUAL
    };
    pub(crate) const APOP: Self = Self {
        has_apop: true,
        ..Self::USUAL
    };
    pub(crate) const DELAYED: Self = Self {
        has_login_delay: true,
        ..Self::USUAL
    };
    pub(crate) const EXPIRING: Self = Self {
        expires_at_once: true,
        ..Self::USUAL
    };

    /// Twice what the tests take for the least timer.
    pub(crate) const TIMED: Self = Self {
        idle: Some(Duration::from_secs(2)),
        ..Self::USUAL
    };
}
