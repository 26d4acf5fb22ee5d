//! The login line and the summary line, composed.
//!
//! Every fact is a field for JSON; text is the same facts in the order that Dovecot's readers know.

use std::net::IpAddr;

use tracing::{info, warn};

use super::{Attempts, Channel, Claim, End, Origin, Stage, Summary, Usage};
use crate::log::{SESSION, escape};

/// Writes the login line: `user`, as the user database writes the name, logged in by `method`.
pub fn log_login(origin: &Origin, user: &str, method: &str) {
    let user = escape(user.as_bytes());
    let Facts {
        session,
        rip,
        lip,
        secured,
        tenant,
    } = Facts::of(origin);
    info!(
        target: SESSION,
        event = "login",
        %user,
        method,
        %rip,
        rport = origin.peer.port(),
        %lip,
        lport = origin.local.port(),
        channel = origin.channel.word(),
        tls = origin.tls.as_deref(),
        tenant = origin.tenant.as_deref(),
        %session,
        "Login: user=<{user}>, method={method}, rip={rip}, lip={lip}{secured}{tenant}, \
         session=<{session}>",
    );
}

/// Writes the summary line, and before it a warning if somebody has to look at the cause.
pub fn log_end(origin: &Origin, end: &End, summary: &Summary) {
    if let Some(cause) = end.cause() {
        let limit = if let End::ComponentLimit { limit, .. } = end {
            Some(*limit)
        } else {
            None
        };
        warn!(session = %origin.session, reason = end.reason(), limit, cause, "session failed");
    }
    match &summary.stage {
        Stage::Authorization(attempts) => log_aborted(origin, end, summary, attempts),
        Stage::Transaction(usage) => log_finished(origin, end, summary, usage),
    }
}

fn log_aborted(origin: &Origin, end: &End, summary: &Summary, attempts: &Attempts) {
    let Facts {
        session,
        rip,
        lip,
        secured,
        ..
    } = Facts::of(origin);
    let end_words = if *end == End::Quit {
        "Aborted login by logging out".to_owned()
    } else {
        end.to_string()
    };
    let outcome = outcome(attempts, summary.duration.as_secs());
    let claim = attempts.last.as_ref();
    let user = claim.map(|claim| escape(&claim.user).to_string());
    let user_words = user.as_deref().unwrap_or_default();
    let method_words = claim
        .map(|claim| format!(" method={},", claim.method))
        .unwrap_or_default();
    info!(
        target: SESSION,
        event = "disconnect",
        reason = end.reason(),
        user,
        method = claim.map(|claim: &Claim| claim.method),
        denied = attempts.denied,
        refused = attempts.refused,
        %rip,
        rport = origin.peer.port(),
        %lip,
        lport = origin.local.port(),
        channel = origin.channel.word(),
        tls = origin.tls.as_deref(),
        %session,
        milliseconds = milliseconds(summary),
        octets_in = summary.octets_in,
        octets_out = summary.octets_out,
        "Disconnected: {end_words} ({outcome}): user=<{user_words}>,{method_words} \
         rip={rip}, lip={lip}{secured}, session=<{session}>",
    );
}

fn log_finished(origin: &Origin, end: &End, summary: &Summary, usage: &Usage) {
    let Facts {
        session, rip, lip, ..
    } = Facts::of(origin);
    let user = escape(usage.user.as_bytes());
    let Usage {
        messages,
        octets,
        whole,
        partial,
        removed,
        kept,
        ..
    } = usage;
    info!(
        target: SESSION,
        event = "disconnect",
        reason = end.reason(),
        %user,
        %rip,
        rport = origin.peer.port(),
        %lip,
        lport = origin.local.port(),
        channel = origin.channel.word(),
        tls = origin.tls.as_deref(),
        %session,
        milliseconds = milliseconds(summary),
        octets_in = summary.octets_in,
        octets_out = summary.octets_out,
        tenant = origin.tenant.as_deref(),
        maildrop_messages = messages,
        maildrop_octets = octets,
        retr_messages = whole.messages,
        retr_octets = whole.octets,
        top_messages = partial.messages,
        top_octets = partial.octets,
        removed,
        kept,
        subject = %format_args!("({user})<{session}>"),
        "Disconnected: {end} top={}/{}, retr={}/{}, del={removed}/{messages}, size={octets}",
        partial.messages, partial.octets, whole.messages, whole.octets,
    );
}

/// The parts of an [`Origin`] that every line has.
struct Facts {
    session: super::SessionId,
    rip: IpAddr,
    lip: IpAddr,
    secured: String,
    /// In words, with a comma in front.
    tenant: String,
}

impl Facts {
    fn of(origin: &Origin) -> Self {
        Self {
            session: origin.session,
            // An IPv4 client of a socket for both is known to filters by its IPv4 address.
            rip: origin.peer.ip().to_canonical(),
            lip: origin.local.ip().to_canonical(),
            secured: match origin.channel {
                Channel::Clear => String::new(),
                Channel::Loopback => ", secured".to_owned(),
                Channel::Tls => match &origin.tls {
                    Some(tls) => format!(", TLS, {tls}"),
                    None => ", TLS".to_owned(),
                },
            },
            tenant: match &origin.tenant {
                Some(tenant) => format!(", tenant={tenant}"),
                None => String::new(),
            },
        }
    }
}

impl Channel {
    fn word(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Loopback => "loopback",
            Self::Tls => "tls",
        }
    }
}

/// What became of the logins. Only `auth failed` makes fail2ban count, so a right password that
/// met a locked maildrop must not say so.
fn outcome(attempts: &Attempts, seconds: u64) -> String {
    match attempts {
        Attempts {
            denied: 0,
            refused: 0,
            ..
        } => format!("no auth attempts in {seconds} secs"),
        Attempts {
            denied: 0, refused, ..
        } => {
            format!("no maildrop, {refused} successful auths in {seconds} secs")
        }
        Attempts { denied, .. } => format!("auth failed, {denied} attempts in {seconds} secs"),
    }
}

fn milliseconds(summary: &Summary) -> u64 {
    u64::try_from(summary.duration.as_millis()).unwrap_or(u64::MAX)
}
