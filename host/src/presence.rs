//! What a connection tells of itself while it lasts, for the operator.
//!
//! A [`Presence`] is one connection's, a [`Meter`] one session's. Between them they write a registry
//! entry and most counters; they decide nothing.

use std::{sync::Arc, time::Duration};

use crate::{
    connection::Traffic,
    end::{End, Origin},
    metrics::Metrics,
    operations::Operations,
    sandbox::{Parked, Session, Usage},
    sessions::{Entry, Sessions, State},
    takeover::Luggage,
};

/// A connection that the operator can see, until this is dropped.
pub(crate) struct Presence {
    operations: Arc<Operations>,
    entry: Arc<Entry>,
    /// Of the last session that there was.
    component: Option<Arc<str>>,
}

/// Measures one session, a call at a time.
pub(crate) struct Meter {
    metrics: Arc<Metrics>,
    sessions: Arc<Sessions>,
    entry: Arc<Entry>,
    counted: Counted,
}

/// What has been counted of a session already.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    computed: Duration,
    retrieved: u64,
    messages: u32,
    traffic: Traffic,
}

impl Presence {
    /// A connection is here.
    pub(crate) fn new(operations: &Arc<Operations>, origin: &Origin) -> Self {
        operations.metrics.connections.inc();
        Self {
            operations: Arc::clone(operations),
            entry: operations.sessions.enter(origin.session, origin.peer),
            component: None,
        }
    }

    /// TLS protects the connection from here on.
    pub(crate) fn secured(&self) {
        self.entry.facts().is_tls = true;
    }

    /// Resolves when the operator wants the connection to end.
    pub(crate) async fn kicked(&self) {
        self.entry.kicked().await;
    }

    /// A session begins; to be told of what happens in it.
    pub(crate) fn meter(&mut self, digest: &str) -> Meter {
        self.begin(digest);
        self.meter_from(Counted::default())
    }

    fn begin(&mut self, digest: &str) {
        self.component = Some(self.operations.sessions.shared(digest));
        let mut facts = self.entry.facts();
        facts.component.clone_from(&self.component);
        facts.state = State::Authorization;
    }

    /// A session goes on that has been measured before: up to here, all of it was counted.
    pub(crate) fn resume(&self, parked: &Parked, traffic: Traffic) -> Meter {
        let usage = &parked.usage;
        self.meter_from(Counted {
            computed: parked.computed,
            retrieved: retrieved(usage),
            messages: usage.whole.messages,
            traffic,
        })
    }

    fn meter_from(&self, counted: Counted) -> Meter {
        Meter {
            metrics: Arc::clone(&self.operations.metrics),
            sessions: Arc::clone(&self.operations.sessions),
            entry: Arc::clone(&self.entry),
            counted,
        }
    }

    /// The session has begun in another process, and goes on here in a component.
    pub(crate) fn arrived(&mut self, digest: &str, luggage: &Luggage) {
        self.begin(digest);
        let Self {
            operations, entry, ..
        } = self;
        entry.add_traffic(luggage.octets_in, luggage.octets_out);
        let logins = &luggage.logins;
        if let Some(user) = &logins.logged_in {
            let tenant = logins.tenant.as_deref();
            let user = user.as_str().into();
            entry.facts().log_in(&operations.sessions, tenant, user);
        }
    }

    /// Who can be kicked.
    pub(crate) fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// A session is over, and its cell with it.
    pub(crate) fn session(&self, usage: &Usage) {
        let metrics = &self.operations.metrics;
        metrics.removed_messages.inc_by(usage.removed.into());
        metrics.kept_messages.inc_by(usage.kept.into());
        self.entry.set_memory(0);
        let mut facts = self.entry.facts();
        facts.component = None;
        facts.state = State::Connecting;
    }

    /// The connection is over.
    pub(crate) fn end(&self, end: &End) {
        self.operations.metrics.end(end, self.component.as_deref());
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.operations.sessions.leave(self.entry.id());
    }
}

impl Meter {
    /// Who can be kicked.
    pub(crate) fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// Whether the session is to look whether it should be somewhere else. Asked once.
    pub(crate) fn is_nudged(&self) -> bool {
        self.entry.take_nudge()
    }

    /// These lines were handed to the session.
    pub(crate) fn lines(&self, lines: &[u8]) {
        let count = memchr::memchr_iter(b'\n', lines).count();
        self.metrics.lines.inc_by(count as u64);
    }

    /// A call into the session is over.
    pub(crate) fn called(&mut self, session: &Session) {
        let computed = session.computed();
        let call = computed.saturating_sub(self.counted.computed);
        self.counted.computed = computed;
        self.metrics.calls.observe(call);
        let nanoseconds = u64::try_from(call.as_nanos()).unwrap_or(u64::MAX);
        self.entry.add_computed(nanoseconds);
        self.entry.set_memory(session.memory());
        self.entry.set_parked(false);
    }

    /// The session is in another component from here on.
    pub(crate) fn moved(&self, digest: &str) {
        self.entry.facts().component = Some(self.sessions.shared(digest));
    }

    /// The session is in no cell from here on, until it is called again.
    pub(crate) fn parked(&self) {
        self.entry.set_parked(true);
        self.entry.set_memory(0);
    }

    /// A user of this tenant has logged in.
    pub(crate) fn login(&self, tenant: &str, user: &Arc<str>) {
        let mut facts = self.entry.facts();
        facts.log_in(&self.sessions, Some(tenant), Arc::clone(user));
        self.metrics.login(&facts.tenant);
    }

    /// What has gone over the connection, and what of it were messages.
    pub(crate) fn count(&mut self, usage: &Usage, traffic: Traffic) {
        let counted = &mut self.counted;
        let octets_in = traffic.octets_in - counted.traffic.octets_in;
        let octets_out = traffic.octets_out - counted.traffic.octets_out;
        counted.traffic = traffic;
        self.entry.add_traffic(octets_in, octets_out);
        self.metrics.received.inc_by(octets_in);
        self.metrics.sent.inc_by(octets_out);
        let retrieved = retrieved(usage);
        self.metrics.retrieved.inc_by(retrieved - counted.retrieved);
        counted.retrieved = retrieved;
        let messages = usage.whole.messages;
        let more = messages - counted.messages;
        self.metrics.retrieved_messages.inc_by(more.into());
        counted.messages = messages;
    }
}

/// Octets of messages that the component was given.
fn retrieved(usage: &Usage) -> u64 {
    usage.whole.octets.saturating_add(usage.partial.octets)
}
