//! `popcell status`, `sessions`, `kick`, `tenants`: a running server, asked by its control socket.
//!
//! Knows how answers look on a terminal; what they say is the server's.

use std::path::PathBuf;

use serde::Serialize;

use super::{
    Failure,
    args::{self, Ask},
    print,
    table::{Column, age, size, table},
};
use crate::{
    config::Config,
    control::{
        DEFAULT_SOCKET,
        client::{self, ask},
        protocol::{Answer, Command, Session, Status, Tenant, Whom},
    },
    log::escape,
};

const SESSIONS: [Column; 11] = [
    Column::text("SESSION"),
    Column::text("STATE"),
    Column::text("USER"),
    Column::text("TENANT"),
    Column::text("PEER"),
    Column::text("TLS"),
    Column::number("AGE"),
    Column::number("MEMORY"),
    Column::number("COMPUTED"),
    Column::number("IN"),
    Column::number("OUT"),
];

const TENANTS: [Column; 4] = [
    Column::text("TENANT"),
    Column::number("SESSIONS"),
    Column::number("LOGINS"),
    Column::number("MEMORY"),
];

/// Shows the server as a whole.
pub(super) fn status(asked: &Ask) -> Result<(), Failure> {
    answers(asked, Command::Status, |answer| {
        let Answer::Status(status) = answer else {
            return unexpected(asked);
        };
        if asked.json {
            return json(&status);
        }
        print(&show_status(&status))
    })
}

/// Lists connections.
pub(super) fn sessions(asked: &Ask) -> Result<(), Failure> {
    let mut rows = Vec::new();
    answers(asked, Command::Sessions, |answer| {
        let Answer::Session(session) = answer else {
            return unexpected(asked);
        };
        if asked.json {
            return json(&session);
        }
        rows.push(session_row(&session));
        Ok(())
    })?;
    show_table(asked, &SESSIONS, &rows)
}

/// Lists tenants.
pub(super) fn tenants(asked: &Ask) -> Result<(), Failure> {
    let mut rows = Vec::new();
    answers(asked, Command::Tenants, |answer| {
        let Answer::Tenant(tenant) = answer else {
            return unexpected(asked);
        };
        if asked.json {
            return json(&tenant);
        }
        rows.push(tenant_row(&tenant));
        Ok(())
    })?;
    show_table(asked, &TENANTS, &rows)
}

/// Ends sessions, and says which.
pub(super) fn kick(whom: args::Whom, asked: &Ask) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Kicked {
        kicked: String,
    }
    let whom = match whom {
        args::Whom { id: Some(id), .. } => Whom::Session(id),
        args::Whom {
            user: Some(user), ..
        } => Whom::User(user),
        args::Whom {
            tenant: Some(tenant),
            ..
        } => Whom::Tenant(tenant),
        args::Whom { .. } => return Err(Failure::Usage("nobody to kick".to_owned())),
    };
    let mut is_anybody = false;
    answers(asked, Command::Kick(whom), |answer| {
        is_anybody = true;
        let Answer::Kicked(kicked) = answer else {
            return unexpected(asked);
        };
        if asked.json {
            return json(&Kicked { kicked });
        }
        print(&format!("kicked {kicked}\n"))
    })?;
    if is_anybody {
        return Ok(());
    }
    Err(Failure::Runtime("there is no such session".into()))
}

/// Asks, and hands over part after part of the answer.
pub(super) fn answers(
    asked: &Ask,
    command: Command,
    mut part: impl FnMut(Answer) -> Result<(), Failure>,
) -> Result<(), Failure> {
    /// Whether the server or the terminal failed.
    enum Broken {
        Server(client::Error),
        Here(Failure),
    }
    impl From<client::Error> for Broken {
        fn from(error: client::Error) -> Self {
            Self::Server(error)
        }
    }
    let socket = socket(asked)?;
    let done = ask(&socket, command, |answer| {
        part(answer).map_err(Broken::Here)
    });
    done.map_err(|broken| match broken {
        Broken::Server(source) => Failure::Asked { socket, source },
        Broken::Here(failure) => failure,
    })
}

fn socket(asked: &Ask) -> Result<PathBuf, Failure> {
    if let Some(socket) = &asked.socket {
        return Ok(socket.clone());
    }
    let Some(file) = &asked.config else {
        return Ok(DEFAULT_SOCKET.into());
    };
    let socket = Config::load(file)?.control;
    socket.ok_or_else(|| {
        let file = file.display();
        Failure::Configuration(format!("{file}: there is no \"socket\" in [control]"))
    })
}

pub(super) fn unexpected(asked: &Ask) -> Result<(), Failure> {
    Err(Failure::Asked {
        socket: socket(asked)?,
        source: client::Error::Answer("it answers another question".to_owned()),
    })
}

pub(super) fn json(answer: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(answer).map_err(|error| Failure::Runtime(error.into()))?;
    print(&format!("{text}\n"))
}

pub(super) fn show_table(
    asked: &Ask,
    columns: &[Column],
    rows: &[Vec<String>],
) -> Result<(), Failure> {
    if asked.json {
        return Ok(());
    }
    print(&table(columns, rows))
}

fn session_row(session: &Session) -> Vec<String> {
    let user = session.user.as_deref().map(|user| escape(user.as_bytes()));
    vec![
        session.id.clone(),
        session.state.clone(),
        user.map_or_else(|| "-".to_owned(), |user| user.to_string()),
        session.tenant.clone(),
        session.peer.clone(),
        if session.tls { "yes" } else { "no" }.to_owned(),
        age(session.age),
        size(session.memory),
        format!("{}us", session.computed),
        size(session.octets_in),
        size(session.octets_out),
    ]
}

fn tenant_row(tenant: &Tenant) -> Vec<String> {
    vec![
        tenant.name.clone(),
        tenant.sessions.to_string(),
        tenant.logins.to_string(),
        size(tenant.memory),
    ]
}

fn show_status(status: &Status) -> String {
    let Status {
        version,
        pid,
        health,
        connections,
        states,
        totals,
        ..
    } = status;
    let facts = [
        (
            "server",
            format!(
                "popcell {version}, process {pid}, up {}",
                age(status.uptime)
            ),
        ),
        ("health", health.clone()),
        ("listeners", status.listeners.join(", ")),
        ("components", status.components.join(", ")),
        (
            "connections",
            format!("{} of {}", connections.now, connections.limit),
        ),
        ("  connecting", states.connecting.to_string()),
        ("  authorization", states.authorization.to_string()),
        ("  transaction", states.transaction.to_string()),
        (
            "since the start",
            format!("{} connections", totals.connections),
        ),
        ("", format!("{} logins", totals.logins)),
        (
            "",
            format!("{} lines in {} calls", totals.lines, totals.calls),
        ),
        (
            "",
            format!(
                "{} octets in, {} octets out",
                totals.octets_in, totals.octets_out
            ),
        ),
        (
            "",
            format!(
                "{} messages retrieved, {} removed",
                totals.retrieved, totals.removed
            ),
        ),
    ];
    let lines = facts.map(|(name, fact)| format!("{name:<15}  {fact}\n"));
    lines.concat()
}
