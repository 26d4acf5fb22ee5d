//! Why sessions ended, by what the server's log says of them.
//!
//! Listens to the summary lines of the whole process; a session is known by the ports of its
//! connection.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Condvar, LazyLock, Mutex},
    time::Duration,
};

use anyhow::{Context as _, Result};
use popcell::log::SESSION;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    layer::{self, SubscriberExt as _},
};

use crate::client::Client;

/// As long as a test waits for what is bound to happen.
const PATIENCE: Duration = Duration::from_secs(60);

static ENDS: LazyLock<Ends> = LazyLock::new(|| {
    let sessions = Targets::new().with_target(SESSION, tracing::Level::INFO);
    let subscriber = Registry::default().with(Summaries.with_filter(sessions));
    tracing::subscriber::set_global_default(subscriber).expect("nobody else listens to the log");
    Ends::default()
});

/// The client's port and the server's, as the log says them.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
struct Ports {
    client: u64,
    server: u64,
}

/// The reasons of the sessions that have ended.
#[derive(Default)]
struct Ends {
    by_ports: Mutex<HashMap<Ports, String>>,
    added: Condvar,
}

/// Begins to listen. What ended before that is not known.
pub fn listen() {
    LazyLock::force(&ENDS);
}

/// Hangs up on the server, waits for the end of the session, and returns its `reason`.
///
/// # Errors
///
/// It does not end.
pub fn reason(client: Client, server: SocketAddr) -> Result<String> {
    let ports = Ports {
        client: client.stream().local_addr()?.port().into(),
        server: server.port().into(),
    };
    drop(client);
    let ends = ENDS.by_ports.lock().expect("nobody panics with this lock");
    let waited = ENDS
        .added
        .wait_timeout_while(ends, PATIENCE, |ends| !ends.contains_key(&ports));
    let (mut ends, _) = waited.expect("nobody panics with this lock");
    ends.remove(&ports).context("the session does not end")
}

/// The layer that hears of them.
struct Summaries;

impl<S: Subscriber> Layer<S> for Summaries {
    fn on_event(&self, event: &Event<'_>, _: layer::Context<'_, S>) {
        let mut summary = Summary::default();
        event.record(&mut summary);
        if let Some((ports, reason)) = summary.complete() {
            let mut ends = ENDS.by_ports.lock().expect("nobody panics with this lock");
            ends.insert(ports, reason);
            ENDS.added.notify_all();
        }
    }
}

/// The fields of a summary line that matter here.
#[derive(Default)]
struct Summary {
    client: Option<u64>,
    server: Option<u64>,
    reason: Option<String>,
}

impl Summary {
    /// What is known of the end; nothing if the line is not about one.
    fn complete(self) -> Option<(Ports, String)> {
        let (client, server) = (self.client?, self.server?);
        Some((Ports { client, server }, self.reason?))
    }
}

impl Visit for Summary {
    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "rport" => self.client = Some(value),
            "lport" => self.server = Some(value),
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "reason" {
            self.reason = Some(value.to_owned());
        }
    }
}
