//! How long things may take and how much of everything there may be: `[timeouts]` and `[limits]`.
//!
//! The bounds that stand here are the bounds; `examples/popcell.toml` says the same to operators.

use std::{num::NonZero, thread, time::Duration};

use super::{
    document::Section,
    rule,
    tenant::{self, Share},
};
use crate::sandbox;

/// Longest time that any timeout may be: a mistake beyond it, not a wish.
pub(super) const DAY: Duration = Duration::from_hours(24);

/// RFC 1939 §3: an inactivity timer must last ten minutes at least.
const LEAST_IDLE: Duration = Duration::from_mins(10);

/// The shortest command line that RFC 2449 §4 has a server accept.
const LEAST_LINE_OCTETS: usize = 255;

/// The longest line that may enter a component (`session.lines` in `wit/pop3.wit`).
const MOST_LINE_OCTETS: usize = 16_384;

/// Below this a component has no room for its own stack and one window of a maildrop.
const LEAST_CELL_MEMORY: usize = 256 << 10;

/// Calls are timed by a tick of five milliseconds.
const LEAST_CALL_TIME: Duration = Duration::from_millis(10);

/// A login is answered late on purpose, and a disk may be slow: neither is the component's fault.
const LEAST_LINE_TIME: Duration = Duration::from_secs(30);

/// The output of one step, and a window of a maildrop, have to pass.
const LEAST_CALL_OCTETS: usize = 256 << 10;

/// By the contract (`session` in `wit/pop3.wit`).
const MOST_HOST_CALLS: u32 = 100_000;

/// How long things may take (`[timeouts]`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timeouts {
    /// How long a session that is logged in may be silent.
    pub idle: Duration,
    /// How long a connection may take until it is logged in.
    pub login: Duration,
    /// How long a TLS handshake, or the header of a load balancer, may take.
    pub handshake: Duration,
    /// How long a client may take no octet at all of an answer.
    pub write: Duration,
    /// How long open sessions may go on after the server was told to stop.
    pub shutdown: Duration,
    /// How long sessions may go on that another process has not taken over.
    pub drain: Duration,
}

/// How much of everything there may be (`[limits]`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Connections at a time.
    pub connections: u32,
    /// Connections at a time from one address.
    pub connections_per_address: u32,
    /// Octets of a command line, its end not counted; at most 16,384.
    pub line_octets: usize,
    /// Octets of commands that wait for their turn; beyond them the host stops reading.
    pub input_octets: usize,
    /// Bad commands before login that end a session.
    pub bad_commands: u32,
    /// Bad commands in a row after login that end a session.
    pub bad_commands_after_login: u32,
    /// Failed logins that end a session.
    pub failed_logins: u32,
    /// How late the first failed login from an address is answered; further ones are later.
    pub failed_login_delay: Duration,
    /// What one component instance may use up.
    pub cell: sandbox::Limits,
    /// What all sessions of a tenant may use up together.
    pub share: Share,
    /// Threads that serve connections.
    pub connection_threads: NonZero<usize>,
    /// Passwords that are hashed at a time.
    pub hash_threads: NonZero<usize>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            idle: Duration::from_mins(10),
            login: Duration::from_mins(1),
            handshake: Duration::from_secs(10),
            write: Duration::from_mins(1),
            shutdown: Duration::from_secs(10),
            drain: Duration::from_mins(10),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let processors = thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Self {
            connections: 4096,
            connections_per_address: 10,
            line_octets: 16_384,
            input_octets: 65_536,
            bad_commands: 3,
            bad_commands_after_login: 20,
            failed_logins: 3,
            failed_login_delay: Duration::from_secs(2),
            cell: sandbox::Limits::default(),
            share: Share::default(),
            connection_threads: processors,
            hash_threads: processors,
        }
    }
}

/// How long things may take.
pub(super) fn timeouts(mut section: Section<'_>) -> Timeouts {
    let mut timeouts = Timeouts::default();
    let second = Duration::from_secs(1);
    section.set(&mut timeouts.idle, "idle", rule::duration(LEAST_IDLE..=DAY));
    section.set(&mut timeouts.login, "login", rule::duration(second..=DAY));
    section.set(
        &mut timeouts.handshake,
        "handshake",
        rule::duration(second..=DAY),
    );
    section.set(&mut timeouts.write, "write", rule::duration(second..=DAY));
    section.set(
        &mut timeouts.shutdown,
        "shutdown",
        rule::duration(Duration::ZERO..=DAY),
    );
    let drain = rule::duration(Duration::ZERO..=DAY);
    section.set(&mut timeouts.drain, "drain", drain);
    section.finish();
    timeouts
}

/// How much of everything there may be.
pub(super) fn limits(mut section: Section<'_>) -> Limits {
    let mut limits = Limits::default();
    let count = || rule::number(1..=1_000_000);
    section.set(&mut limits.connections, "connections", count());
    section.set(
        &mut limits.connections_per_address,
        "connections_per_address",
        count(),
    );
    let line = rule::size(LEAST_LINE_OCTETS..=MOST_LINE_OCTETS);
    section.set(&mut limits.line_octets, "line_octets", line);
    let input = rule::size(LEAST_LINE_OCTETS..=16 << 20);
    section.set(&mut limits.input_octets, "input_octets", input);
    section.set(&mut limits.bad_commands, "bad_commands", count());
    section.set(
        &mut limits.bad_commands_after_login,
        "bad_commands_after_login",
        count(),
    );
    section.set(&mut limits.failed_logins, "failed_logins", count());
    let delay = rule::duration(Duration::ZERO..=Duration::from_mins(1));
    section.set(&mut limits.failed_login_delay, "failed_login_delay", delay);
    cell(&mut section, &mut limits.cell);
    tenant::read_share(&mut section, &mut limits.share);
    threads(
        &mut section,
        "connection_threads",
        &mut limits.connection_threads,
    );
    threads(&mut section, "hash_threads", &mut limits.hash_threads);
    if limits.input_octets < limits.line_octets {
        let key = section.named("input_octets");
        let line = limits.line_octets;
        let message = format!("{key} cannot be less than \"line_octets\", which is {line}");
        section.fault(Some("input_octets"), message);
    }
    section.finish();
    limits
}

fn threads(section: &mut Section<'_>, key: &'static str, threads: &mut NonZero<usize>) {
    let given = section.get(key, rule::number(1..=1024));
    *threads = given.and_then(NonZero::new).unwrap_or(*threads);
}

/// What one component instance may use up.
pub(super) fn cell(section: &mut Section<'_>, cell: &mut sandbox::Limits) {
    let memory = rule::size(LEAST_CELL_MEMORY..=1 << 30);
    section.set(&mut cell.memory, "cell_memory", memory);
    let elements = rule::number(1..=10_000_000);
    section.set(&mut cell.table_elements, "cell_table_elements", elements);
    section.set(&mut cell.instances, "cell_instances", rule::number(1..=100));
    let call_time = rule::duration(LEAST_CALL_TIME..=Duration::from_mins(1));
    section.set(&mut cell.call_time, "call_time", call_time);
    let line_time = rule::duration(LEAST_LINE_TIME..=DAY);
    section.set(&mut cell.line_time, "line_time", line_time);
    let session_time = rule::duration(LEAST_CALL_TIME..=DAY);
    section.set(&mut cell.session_time, "session_time", session_time);
    let call_octets = rule::size(LEAST_CALL_OCTETS..=1 << 30);
    section.set(&mut cell.call_octets, "call_octets", call_octets);
    let answer_octets = rule::number(1024..=1 << 40);
    section.set(&mut cell.answer_octets, "answer_octets", answer_octets);
    let host_calls = rule::number(100..=MOST_HOST_CALLS);
    section.set(&mut cell.host_calls, "host_calls", host_calls);
}
