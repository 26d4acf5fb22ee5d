//! The connections of a running server: who is there, what they use, and how to end one.
//!
//! Counts no totals (that is `metrics`'s) and knows no sockets. A connection writes into its
//! [`Entry`], whoever asks for an operator reads it.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::sync::Notify;

use crate::{
    dormitory::{Bell, Number},
    end::SessionId,
};

pub use crate::tenant::DEFAULT as DEFAULT_TENANT;

/// All connections that are served now. One for a server.
#[derive(Debug, Default)]
pub struct Sessions {
    entries: Mutex<HashMap<SessionId, Arc<Entry>>>,
    /// Digests and names of tenants: kept once, however many sessions say the same.
    texts: Mutex<Vec<Arc<str>>>,
    /// Wakes up those that sleep.
    bell: Arc<Bell>,
}

/// One connection. Shared by its task and the registry; small, because an idle connection has one.
#[derive(Debug)]
pub struct Entry {
    id: SessionId,
    /// Seconds since 1970-01-01 UTC.
    since: u64,
    peer: SocketAddr,
    /// What changes a few times in the life of a connection.
    facts: Mutex<Facts>,
    memory: AtomicUsize,
    /// In nanoseconds.
    computed: AtomicU64,
    octets_in: AtomicU64,
    octets_out: AtomicU64,
    is_parked: AtomicBool,
    is_kicked: AtomicBool,
    is_nudged: AtomicBool,
    /// Wakes the connection up, which looks at the two above.
    signal: Notify,
    /// The same while it sleeps.
    bell: Arc<Bell>,
    /// The bed that it sleeps in; [`AWAKE`] if it does not.
    bed: AtomicI32,
}

/// The bed of a session that has a task.
const AWAKE: Number = -1;

/// What is known of a connection beside numbers.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) state: State,
    pub(crate) is_tls: bool,
    pub(crate) tenant: Arc<str>,
    /// As the user database writes the name; there after login.
    pub(crate) user: Option<Arc<str>>,
    /// The digest of the component; there while a cell is.
    pub(crate) component: Option<Arc<str>>,
}

/// Where a connection is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum State {
    /// There is no session: before the first one, or while TLS is agreed upon.
    Connecting,
    /// Nobody has logged in.
    Authorization,
    /// A user has logged in.
    Transaction,
}

/// What an entry said at one moment.
#[derive(Clone, Debug)]
pub struct View {
    /// The session.
    pub id: SessionId,
    /// When the connection was accepted, in seconds since 1970-01-01 UTC.
    pub since: u64,
    /// The client's end of the connection.
    pub peer: SocketAddr,
    /// Whether TLS protects it.
    pub is_tls: bool,
    /// Who it belongs to.
    pub tenant: Arc<str>,
    /// The user, after login.
    pub user: Option<Arc<str>>,
    /// Where it is.
    pub state: State,
    /// The digest of the component that it runs in.
    pub component: Option<Arc<str>>,
    /// Octets of linear memory of its cell.
    pub memory: usize,
    /// How long the component has computed for it.
    pub computed: Duration,
    /// Octets that the client sent, below TLS.
    pub octets_in: u64,
    /// Octets that the client was sent, below TLS.
    pub octets_out: u64,
    /// Whether the session is in no cell.
    pub is_parked: bool,
}

/// Which sessions are to be ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Whom {
    /// This one.
    Session(SessionId),
    /// Those of a user, by the name that the user database writes.
    User(String),
    /// Those of a tenant.
    Tenant(String),
}

impl Sessions {
    /// A connection is served from here on, until [`leave`](Self::leave).
    pub(crate) fn enter(&self, id: SessionId, peer: SocketAddr) -> Arc<Entry> {
        let facts = Facts {
            state: State::Connecting,
            is_tls: false,
            tenant: self.shared(DEFAULT_TENANT),
            user: None,
            component: None,
        };
        let entry = Arc::new(Entry {
            id,
            since: unix_seconds(SystemTime::now()),
            peer,
            facts: Mutex::new(facts),
            memory: AtomicUsize::new(0),
            computed: AtomicU64::new(0),
            octets_in: AtomicU64::new(0),
            octets_out: AtomicU64::new(0),
            is_parked: AtomicBool::new(false),
            is_kicked: AtomicBool::new(false),
            is_nudged: AtomicBool::new(false),
            signal: Notify::new(),
            bell: Arc::clone(&self.bell),
            bed: AtomicI32::new(AWAKE),
        });
        self.entries().insert(id, Arc::clone(&entry));
        entry
    }

    /// What wakes up connections that sleep.
    pub(crate) fn bell(&self) -> &Arc<Bell> {
        &self.bell
    }

    /// The connection is over.
    pub(crate) fn leave(&self, id: SessionId) {
        self.entries().remove(&id);
    }

    /// One text for all who say the same: of a component or a tenant, of which there are few.
    pub(crate) fn shared(&self, text: &str) -> Arc<str> {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = texts.iter().find(|known| &***known == text) {
            return Arc::clone(known);
        }
        // Components that were replaced, and that no session runs in any more.
        texts.retain(|known| Arc::strong_count(known) > 1);
        let new = Arc::<str>::from(text);
        texts.push(Arc::clone(&new));
        new
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// All connections, the oldest first.
    pub fn list(&self) -> Vec<View> {
        let entries: Vec<_> = self.entries().values().map(Arc::clone).collect();
        let mut views: Vec<_> = entries.iter().map(|entry| entry.view()).collect();
        views.sort_by_key(|view| (view.since, view.id));
        views
    }

    /// All entries, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.entries().values().map(Arc::clone).collect()
    }

    /// Ends sessions: at once, whatever they are doing. Nothing is deleted by it, except by a
    /// commit that has begun. Says which.
    pub fn kick(&self, whom: &Whom) -> Vec<SessionId> {
        let entries: Vec<_> = match whom {
            Whom::Session(id) => self.entries().get(id).map(Arc::clone).into_iter().collect(),
            Whom::User(_) | Whom::Tenant(_) => self.entries().values().map(Arc::clone).collect(),
        };
        let meant = entries.iter().filter(|entry| entry.is_meant(whom));
        meant
            .map(|entry| {
                entry.kick();
                entry.id
            })
            .collect()
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Facts {
    /// A user of this tenant has logged in.
    pub(crate) fn log_in(&mut self, sessions: &Sessions, tenant: Option<&str>, user: Arc<str>) {
        self.user = Some(user);
        if let Some(tenant) = tenant.filter(|name| !name.is_empty()) {
            self.tenant = sessions.shared(tenant);
        }
        self.state = State::Transaction;
    }
}

impl Entry {
    /// Resolves when the operator wants the session to end. Until then it wakes up who waits for it
    /// whenever the session is nudged.
    pub(crate) async fn kicked(&self) {
        while !self.is_kicked.load(Ordering::Acquire) {
            self.signal.notified().await;
        }
    }

    /// The client's end of the connection.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Whose entry it is.
    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    fn kick(&self) {
        self.is_kicked.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Has the session look whether it should be somewhere else: in no cell, or in another one.
    pub(crate) fn nudge(&self) {
        // If it has not looked since the last time, it was woken up for that.
        if !self.is_nudged.swap(true, Ordering::SeqCst) {
            self.wake();
        }
    }

    fn wake(&self) {
        self.signal.notify_one();
        let bed = self.bed.load(Ordering::SeqCst);
        if bed != AWAKE {
            self.bell.ring(bed);
        }
    }

    /// It sleeps in this bed from here on, or has a task again. Whether it
    /// [is wanted](Self::is_wanted) is to be asked behind that.
    pub(crate) fn set_bed(&self, bed: Option<Number>) {
        self.bed.store(bed.unwrap_or(AWAKE), Ordering::SeqCst);
    }

    /// Whether it has been kicked, or nudged without having looked.
    pub(crate) fn is_wanted(&self) -> bool {
        self.is_kicked.load(Ordering::SeqCst) || self.is_nudged.load(Ordering::SeqCst)
    }

    /// Whether it has been nudged since this was asked last.
    pub(crate) fn take_nudge(&self) -> bool {
        // Asked all the time, and nearly always in vain.
        self.is_nudged.load(Ordering::Relaxed) && self.is_nudged.swap(false, Ordering::Acquire)
    }

    /// The session has left its cell, or is in one.
    pub(crate) fn set_parked(&self, is_parked: bool) {
        self.is_parked.store(is_parked, Ordering::Relaxed);
    }

    /// What may be changed of it.
    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_memory(&self, octets: usize) {
        self.memory.store(octets, Ordering::Relaxed);
    }

    pub(crate) fn add_computed(&self, nanoseconds: u64) {
        self.computed.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    pub(crate) fn add_traffic(&self, octets_in: u64, octets_out: u64) {
        self.octets_in.fetch_add(octets_in, Ordering::Relaxed);
        self.octets_out.fetch_add(octets_out, Ordering::Relaxed);
    }

    fn is_meant(&self, whom: &Whom) -> bool {
        match whom {
            Whom::Session(id) => self.id == *id,
            Whom::User(user) => self.facts().user.as_deref() == Some(user),
            Whom::Tenant(tenant) => *self.facts().tenant == **tenant,
        }
    }

    fn view(&self) -> View {
        let Facts {
            state,
            is_tls,
            tenant,
            user,
            component,
        } = self.facts().clone();
        View {
            id: self.id,
            since: self.since,
            peer: self.peer,
            is_tls,
            tenant,
            user,
            state,
            component,
            memory: self.memory.load(Ordering::Relaxed),
            computed: Duration::from_nanos(self.computed.load(Ordering::Relaxed)),
            octets_in: self.octets_in.load(Ordering::Relaxed),
            octets_out: self.octets_out.load(Ordering::Relaxed),
            is_parked: self.is_parked.load(Ordering::Relaxed),
        }
    }
}

impl State {
    /// Every state, in the order in which a connection comes to them.
    pub const ALL: [Self; 3] = [Self::Connecting, Self::Authorization, Self::Transaction];

    /// The state in one word, for JSON and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Authorization => "authorization",
            Self::Transaction => "transaction",
        }
    }
}

/// Seconds since 1970-01-01 UTC; 0 for a clock that is set before.
pub(crate) fn unix_seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH);
    since.map(|since| since.as_secs()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
