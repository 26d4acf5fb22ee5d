//! What one guest may use up, and the name of each limit when it ends a session.
//!
//! Numbers only. They are held in `cell.rs`, `host.rs` and `instance.rs`.

use std::time::Duration;

/// What the guest of one session may use up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Octets of linear memory, all memories summed.
    pub memory: usize,
    /// Elements that all tables may have in all.
    pub table_elements: usize,
    /// Core instances that the component may consist of.
    pub instances: usize,
    /// Time that the guest may compute in one call. Time in the host does not count.
    pub call_time: Duration,
    /// Time that one call may take in all, what it waits for included.
    pub line_time: Duration,
    /// Time that the guest may compute in all calls of its session.
    pub session_time: Duration,
    /// Octets that one call may have the host copy out of the guest's memory.
    pub call_octets: usize,
    /// Octets that an answer may have beyond twice what the host gave for it.
    pub answer_octets: u64,
    /// Calls of the host in one call; by the contract at most 100,000.
    pub host_calls: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 1 << 20,
            table_elements: 20_000,
            instances: 8,
            call_time: Duration::from_millis(100),
            line_time: Duration::from_mins(2),
            session_time: Duration::from_mins(1),
            call_octets: 4 << 20,
            answer_octets: 64 << 10,
            host_calls: 100_000,
        }
    }
}

/// Octets that an answer may have when the host gave `lent` octets for it: twice as many, since
/// dot-stuffing makes three octets of two at most, and what a guest may say of its own accord.
pub(super) fn allowance(limits: &Limits, lent: u64) -> u64 {
    limits.answer_octets.saturating_add(lent.saturating_mul(2))
}

/// A limit that a guest has reached; its session is over.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Limit {
    /// It went on answering without having been given anything to answer with.
    #[error("an answer of more than {0} octets beyond what the host gave for it")]
    AnswerOctets(u64),
    /// It had the host copy too much in one call.
    #[error("more than {0} octets passed to the host in one call")]
    CallOctets(usize),
    /// It computed for too long in one call.
    #[error("computed for more than {} ms in one call", .0.as_millis())]
    CallTime(Duration),
    /// It called the host too often in one call.
    #[error("more than {0} calls of the host in one call")]
    HostCalls(u32),
    /// It consists of too many core instances.
    #[error("more than {0} core instances")]
    Instances(usize),
    /// One call took too long, what it waited for included.
    #[error("one call took more than {} ms", .0.as_millis())]
    LineTime(Duration),
    /// It wanted more memory than it may have.
    #[error("wanted more than {0} octets of memory")]
    Memory(usize),
    /// It computed for too long in all.
    #[error("computed for more than {} ms in its session", .0.as_millis())]
    SessionTime(Duration),
    /// It wanted larger tables than it may have.
    #[error("wanted more than {0} elements in tables")]
    TableElements(usize),
    /// All sessions of its tenant together have as much memory as they may have.
    #[error("wanted memory when all sessions of the tenant had {0} octets")]
    TenantMemory(usize),
}

impl Limit {
    /// Every name that [`name`](Self::name) gives.
    pub const NAMES: [&'static str; 10] = [
        "answer_octets",
        "call_octets",
        "call_time",
        "host_calls",
        "instances",
        "line_time",
        "memory",
        "session_time",
        "table_elements",
        "tenant_memory",
    ];

    /// The limit in one word, for logs and metrics: that of its key in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AnswerOctets(_) => "answer_octets",
            Self::CallOctets(_) => "call_octets",
            Self::CallTime(_) => "call_time",
            Self::HostCalls(_) => "host_calls",
            Self::Instances(_) => "instances",
            Self::LineTime(_) => "line_time",
            Self::Memory(_) => "memory",
            Self::SessionTime(_) => "session_time",
            Self::TableElements(_) => "table_elements",
            Self::TenantMemory(_) => "tenant_memory",
        }
    }
}
