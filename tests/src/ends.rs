//! Why sessions ended, by what the server's log says of them.
//!
//! Listens to the summary lines of the whole process; a session is known by its client's port.

use std::{
    collections::HashMap,
    net::TcpStream,
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

/// As long as a test waits for what is bound to happen.
const PATIENCE: Duration = Duration::from_secs(60);

static ENDS: LazyLock<Ends> = LazyLock::new(|| {
    let sessions = Targets::new().with_target(SESSION, tracing::Level::INFO);
    let subscriber = Registry::default().with(Summaries.with_filter(sessions));
    tracing::subscriber::set_global_default(subscriber).expect("nobody else listens to the log");
    Ends::default()
});

/// The reasons of the sessions that have ended.
#[derive(Default)]
struct Ends {
    by_port: Mutex<HashMap<u64, String>>,
    added: Condvar,
}

/// Begins to listen. What ended before that is not known.
pub fn listen() {
    LazyLock::force(&ENDS);
}

/// Waits for the end of the session of this client, and returns its `reason`.
///
/// # Errors
///
/// It does not end.
pub fn reason(client: &TcpStream) -> Result<String> {
    let port = u64::from(client.local_addr()?.port());
    let ends = ENDS.by_port.lock().expect("nobody panics with this lock");
    let waited = ENDS
        .added
        .wait_timeout_while(ends, PATIENCE, |ends| !ends.contains_key(&port));
    let (mut ends, _) = waited.expect("nobody panics with this lock");
    ends.remove(&port).context("the session does not end")
}

/// The layer that hears of them.
struct Summaries;

impl<S: Subscriber> Layer<S> for Summaries {
    fn on_event(&self, event: &Event<'_>, _: layer::Context<'_, S>) {
        let mut summary = Summary::default();
        event.record(&mut summary);
        if let Summary {
            port: Some(port),
            reason: Some(reason),
        } = summary
        {
            let mut ends = ENDS.by_port.lock().expect("nobody panics with this lock");
            ends.insert(port, reason);
            ENDS.added.notify_all();
        }
    }
}

/// The fields of a summary line that matter here.
#[derive(Default)]
struct Summary {
    port: Option<u64>,
    reason: Option<String>,
}

impl Visit for Summary {
    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "rport" {
            self.port = Some(value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "reason" {
            self.reason = Some(value.to_owned());
        }
    }
}
