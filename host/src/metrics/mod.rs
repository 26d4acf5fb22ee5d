//! What a server counts, all names in one list.
//!
//! Counters only go up and are counted where it happens; what can be looked up at a scrape
//! (`live.rs`) is not counted. Labels are words of ours or of the configuration: never a client's,
//! of which there is no end. One [`Metrics`] for a server, none for the process.

mod histogram;
mod live;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use self::histogram::Histogram;
pub(crate) use self::live::Live;
use crate::{capability::Refusal, end::End, sandbox};

/// The counters of one server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Connections that were served.
    pub(crate) connections: Counter,
    refused: Family<Reason, Counter>,
    /// Connections that the system did not hand over.
    pub(crate) accept_failures: Counter,
    auth: Family<Claim, Counter>,
    logins: Family<Tenant, Counter>,
    /// Of all tenants; not a series of its own.
    all_logins: Counter,
    ended: Family<Reason, Counter>,
    traps: Family<Component, Counter>,
    breaches: Family<Component, Counter>,
    limits: Family<Limit, Counter>,
    /// Lines that were handed to components.
    pub(crate) lines: Counter,
    /// How long components computed for one call.
    pub(crate) calls: Histogram,
    /// Octets that clients sent, below TLS.
    pub(crate) received: Counter,
    /// Octets that clients were sent, below TLS.
    pub(crate) sent: Counter,
    /// Octets of messages that components were given.
    pub(crate) retrieved: Counter,
    /// Messages that were read to their end.
    pub(crate) retrieved_messages: Counter,
    /// Messages that were removed.
    pub(crate) removed_messages: Counter,
    /// Messages that were to be removed and were not.
    pub(crate) kept_messages: Counter,
}

/// Why a connection is turned away before it has a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refused {
    /// Its address has as many as it may have.
    AddressLimit,
    /// It is to begin with the header of a load balancer, and does not.
    ProxyHeader,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Claim {
    mech: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Limit {
    limit: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Tenant {
    tenant: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Component {
    component: String,
}

impl Metrics {
    /// Counters at zero, and what is to be looked up at a scrape.
    pub(crate) fn new(live: Live) -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            connections: Counter::default(),
            refused: Family::default(),
            accept_failures: Counter::default(),
            auth: Family::default(),
            logins: Family::default(),
            all_logins: Counter::default(),
            ended: Family::default(),
            traps: Family::default(),
            breaches: Family::default(),
            limits: Family::default(),
            lines: Counter::default(),
            calls: Histogram::default(),
            received: Counter::default(),
            sent: Counter::default(),
            retrieved: Counter::default(),
            retrieved_messages: Counter::default(),
            removed_messages: Counter::default(),
            kept_messages: Counter::default(),
        };
        metrics.register(live);
        metrics.begin();
        metrics
    }

    /// The list of names. A counter gets `_total` behind its own.
    fn register(&mut self, live: Live) {
        let to = &mut self.registry;
        let connections = "Connections that were accepted and served";
        to.register("pop3_connections", connections, self.connections.clone());
        let refused = "Connections that were turned away before a session began";
        to.register("pop3_connections_refused", refused, self.refused.clone());
        let failures = "Connections that could not be accepted";
        let accept_failures = self.accept_failures.clone();
        to.register("pop3_accept_failures", failures, accept_failures);
        let auth = "Claims to be a user that were looked at";
        to.register("pop3_auth", auth, self.auth.clone());
        to.register("pop3_logins", "Logins that succeeded", self.logins.clone());
        let ended = "Connections that are over";
        to.register("pop3_sessions_ended", ended, self.ended.clone());
        let lines = "Lines that were handed to components";
        to.register("pop3_lines", lines, self.lines.clone());
        let received = "Octets that clients sent, below TLS";
        to.register("pop3_received_bytes", received, self.received.clone());
        let sent = "Octets that clients were sent, below TLS";
        to.register("pop3_sent_bytes", sent, self.sent.clone());
        let retrieved = "Octets of messages that components were given";
        to.register("pop3_retrieved_bytes", retrieved, self.retrieved.clone());
        let whole = "Messages that were read to their end";
        let retrieved_messages = self.retrieved_messages.clone();
        to.register("pop3_retrieved_messages", whole, retrieved_messages);
        let removed = "Messages that were removed";
        let removed_messages = self.removed_messages.clone();
        to.register("pop3_removed_messages", removed, removed_messages);
        let kept = "Messages that should have been removed and were not";
        let kept_messages = self.kept_messages.clone();
        to.register("pop3_kept_messages", kept, kept_messages);
        let traps = "Sessions that a component ended by a trap, or by using too much";
        to.register("wasm_component_traps", traps, self.traps.clone());
        let breaches = "Sessions that a component ended by breaking its contract";
        to.register("wasm_component_breaches", breaches, self.breaches.clone());
        let limits = "Sessions that a component ended by reaching a limit";
        to.register("wasm_component_limits", limits, self.limits.clone());
        let calls = "How long a component computed for one call";
        to.register("wasm_call_duration_seconds", calls, self.calls.clone());
        to.register_collector(Box::new(live));
    }

    /// Series that are there before anything happens, so that a first event is a rise.
    fn begin(&self) {
        for reason in End::REASONS {
            drop(self.ended.get_or_create(&Reason { reason }));
        }
        for limit in sandbox::Limit::NAMES {
            drop(self.limits.get_or_create(&Limit { limit }));
        }
        for refused in [Refused::AddressLimit, Refused::ProxyHeader] {
            drop(self.refused.get_or_create(&refused.label()));
        }
    }

    /// All metrics as OpenMetrics text.
    ///
    /// # Errors
    ///
    /// None that a `String` could cause.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// A connection was turned away.
    pub(crate) fn refuse(&self, refused: Refused) {
        self.refused.get_or_create(&refused.label()).inc();
    }

    /// A claim was looked at; `refusal` is what became of it, if it did not succeed.
    pub(crate) fn claim(&self, mech: &'static str, refusal: Option<Refusal>) {
        let result = match refusal {
            None => "ok",
            Some(Refusal::Denied) => "denied",
            Some(Refusal::InUse) => "in_use",
            Some(Refusal::LoginDelay) => "login_delay",
            Some(Refusal::Temporary) => "temporary",
            Some(Refusal::Permanent) => "permanent",
        };
        self.auth.get_or_create(&Claim { mech, result }).inc();
    }

    /// A user of this tenant logged in.
    pub(crate) fn login(&self, tenant: &str) {
        let tenant = tenant.to_owned();
        self.all_logins.inc();
        self.logins.get_or_create(&Tenant { tenant }).inc();
    }

    /// How many users of all tenants have logged in.
    pub(crate) fn all_logins(&self) -> u64 {
        self.all_logins.get()
    }

    /// How many users of this tenant have logged in.
    pub(crate) fn logins(&self, tenant: &str) -> u64 {
        let tenant = tenant.to_owned();
        self.logins
            .get(&Tenant { tenant })
            .map_or(0, |logins| logins.get())
    }

    /// A connection is over, and this was the component of its last session.
    pub(crate) fn end(&self, end: &End, component: Option<&str>) {
        let reason = end.reason();
        self.ended.get_or_create(&Reason { reason }).inc();
        let failed = match end {
            End::ComponentLimit { limit, .. } => {
                self.limits.get_or_create(&Limit { limit }).inc();
                &self.traps
            }
            End::ComponentTrapped { .. } => &self.traps,
            End::ComponentBreach { .. } => &self.breaches,
            End::ClosedByComponent
            | End::HandshakeFailed { .. }
            | End::HostFailed { .. }
            | End::Idle
            | End::Io(_)
            | End::HandedOver
            | End::Kicked
            | End::LineTooLong
            | End::LoginTimeout
            | End::MessageBroken
            | End::PeerClosed
            | End::PlaintextBehindStls
            | End::Quit
            | End::Shutdown
            | End::TooManyFailedLogins
            | End::WriteStalled => return,
        };
        let component = component.unwrap_or_default().to_owned();
        failed.get_or_create(&Component { component }).inc();
    }
}

impl Refused {
    fn label(self) -> Reason {
        let reason = match self {
            Self::AddressLimit => "address_limit",
            Self::ProxyHeader => "proxy_header",
        };
        Reason { reason }
    }
}

#[cfg(test)]
mod tests;
