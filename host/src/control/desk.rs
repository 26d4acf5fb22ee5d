//! Which answer a request gets.
//!
//! Reads no socket: a line comes in, answers go out.

use std::{collections::BTreeMap, process, sync::Arc, time::SystemTime};

use serde::Deserialize;
use tracing::info;

use super::protocol::{
    Answer, Command, Request, Session, Share, States, Status, Tenant, Totals, VERSION, Whom,
};
use super::rollout;
use crate::{
    end::SessionId,
    log::escape,
    operations::Operations,
    sessions::{self, State, View, unix_seconds},
};

/// The one field that every version of the protocol has.
#[derive(Deserialize)]
struct AnyVersion {
    version: u32,
}

/// The answer to a request, whatever it is.
pub(super) async fn answer(line: &[u8], who: &str, operations: &Operations) -> Vec<Answer> {
    let command = match read(line) {
        Ok(command) => command,
        Err(why) => return refuse(&why),
    };
    let mut answers = match command {
        Command::Status => vec![Answer::Status(status(operations).await)],
        Command::Sessions => sessions(operations),
        Command::Tenants => tenants(operations),
        Command::Kick(whom) => match kick(whom, operations) {
            Ok(kicked) => kicked,
            Err(why) => return refuse(why),
        },
        Command::Swap(swap) => match rollout::swap(swap, who, operations).await {
            Ok(swapped) => swapped,
            Err(why) => return refuse(&why.to_string()),
        },
        Command::Rollback { tenant } => {
            match rollout::roll_back(tenant.as_deref(), who, operations).await {
                Ok(swapped) => swapped,
                Err(why) => return refuse(&why.to_string()),
            }
        }
        Command::Takeover => return refuse("a takeover comes alone"),
        Command::Generations => rollout::generations(operations),
        Command::History => rollout::history(operations),
    };
    answers.push(Answer::Done);
    answers
}

/// Whether another process of this server wants to take over.
pub(super) fn is_takeover(line: &[u8]) -> bool {
    read(line).is_ok_and(|command| command == Command::Takeover)
}

/// An answer to what is none of our requests.
pub(super) fn refuse(why: &str) -> Vec<Answer> {
    vec![Answer::Error(why.to_owned())]
}

fn read(line: &[u8]) -> Result<Command, String> {
    if line.last() != Some(&b'\n') {
        return Err("a request is one line, and not a long one".to_owned());
    }
    let wrong = |error: serde_json::Error| format!("not a request: {error}");
    let AnyVersion { version } = serde_json::from_slice(line).map_err(wrong)?;
    if version != VERSION {
        return Err(format!(
            "version {version} is not spoken; expected {VERSION}"
        ));
    }
    let request: Request = serde_json::from_slice(line).map_err(wrong)?;
    Ok(request.command)
}

async fn status(operations: &Operations) -> Status {
    let views = operations.sessions.list();
    let mut states = States::default();
    for view in &views {
        *match view.state {
            State::Connecting => &mut states.connecting,
            State::Authorization => &mut states.authorization,
            State::Transaction => &mut states.transaction,
        } += 1;
    }
    let ready = operations.health.ready().await;
    let health = ready.map_or_else(|unready| unready.to_string(), |()| "ready".to_owned());
    let components = operations.components();
    let listeners = operations.listeners.iter();
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: process::id(),
        started: operations.started,
        uptime: unix_seconds(SystemTime::now()).saturating_sub(operations.started),
        health,
        listeners: listeners.map(ToString::to_string).collect(),
        components: components.iter().map(ToString::to_string).collect(),
        connections: Share {
            now: views.len() as u64,
            limit: operations.limit.into(),
        },
        states,
        totals: totals(operations),
    }
}

fn totals(operations: &Operations) -> Totals {
    let metrics = &operations.metrics;
    Totals {
        connections: metrics.connections.get(),
        logins: metrics.all_logins(),
        lines: metrics.lines.get(),
        calls: metrics.calls.count(),
        octets_in: metrics.received.get(),
        octets_out: metrics.sent.get(),
        retrieved: metrics.retrieved_messages.get(),
        removed: metrics.removed_messages.get(),
    }
}

fn sessions(operations: &Operations) -> Vec<Answer> {
    let now = unix_seconds(SystemTime::now());
    let views = operations.sessions.list().into_iter();
    views
        .map(|view| Answer::Session(session(view, now)))
        .collect()
}

fn session(view: View, now: u64) -> Session {
    Session {
        id: view.id.to_string(),
        since: view.since,
        age: now.saturating_sub(view.since),
        peer: view.peer.to_string(),
        tls: view.is_tls,
        tenant: view.tenant.to_string(),
        user: view.user.as_deref().map(String::from),
        state: view.state.word().to_owned(),
        component: view.component.map(|component| component.to_string()),
        parked: view.is_parked,
        memory: view.memory as u64,
        computed: u64::try_from(view.computed.as_micros()).unwrap_or(u64::MAX),
        octets_in: view.octets_in,
        octets_out: view.octets_out,
    }
}

fn tenants(operations: &Operations) -> Vec<Answer> {
    let mut tenants: BTreeMap<Arc<str>, (u64, u64)> = BTreeMap::new();
    for tenant in operations.tenants.load().all() {
        tenants.insert(operations.sessions.shared(tenant.name()), (0, 0));
    }
    for view in operations.sessions.list() {
        let (sessions, memory) = tenants.entry(view.tenant).or_default();
        *sessions += 1;
        *memory += view.memory as u64;
    }
    let tenant = |(name, (sessions, memory)): (Arc<str>, _)| Tenant {
        logins: operations.metrics.logins(&name),
        name: name.to_string(),
        sessions,
        memory,
    };
    let tenants = tenants.into_iter();
    tenants.map(|named| Answer::Tenant(tenant(named))).collect()
}

fn kick(whom: Whom, operations: &Operations) -> Result<Vec<Answer>, &'static str> {
    let whom = match whom {
        Whom::Session(id) => {
            let id = SessionId::parse(&id).ok_or("a session id has 16 hexadecimal digits")?;
            sessions::Whom::Session(id)
        }
        Whom::User(user) => sessions::Whom::User(user),
        Whom::Tenant(tenant) => sessions::Whom::Tenant(tenant),
    };
    let kicked = operations.sessions.kick(&whom);
    let (kind, name) = match &whom {
        sessions::Whom::Session(id) => ("session", id.to_string()),
        sessions::Whom::User(user) => ("user", escape(user.as_bytes()).to_string()),
        sessions::Whom::Tenant(tenant) => ("tenant", escape(tenant.as_bytes()).to_string()),
    };
    info!(kind, name, sessions = kicked.len(), "kicking");
    let ids = kicked.iter().map(ToString::to_string);
    Ok(ids.map(Answer::Kicked).collect())
}
