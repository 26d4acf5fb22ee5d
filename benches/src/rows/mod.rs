//! What is measured, a row each: what is done, in which unit, and what the goal is.
//!
//! A row knows a server by its `Target` only. The work itself is in the files beside this one.

mod drain;
mod idle;
mod load;
mod noop;
mod retr;
mod session;
mod uidl;

use std::{io, time::Duration};

use crate::{
    client,
    door::Protection,
    maildirs::Kind,
    sample::Sample,
    servers::Server,
    target::{Mail, Target},
};

/// Why a row gave no figure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A client met an error before the measurement.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// The system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// How long an operation is repeated.
    pub(crate) time: Duration,
    /// Clients at a time. Rows with large messages have fewer.
    pub(crate) clients: usize,
    /// Idle connections that memory is divided by.
    pub(crate) idle: usize,
}

/// A row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// For the command line.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// What figures are divided by.
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
    /// The mailboxes that it uses.
    pub(crate) mail: Kind,
    work: Work,
}

/// What Popcell wants to reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// So many times the processor time of the floor.
    OfFloor(f64),
    /// So much user memory for each connection.
    Kib(f64),
    /// The row only informs.
    Open,
}

#[derive(Clone, Copy, Debug)]
enum Work {
    Drain,
    Idle(Protection, idle::Stage),
    Noop { pipelined: usize },
    Retr { pipelined: usize },
    Session(Protection),
    Uidl,
}

#[rustfmt::skip]
pub(crate) const ROWS: [Row; 15] = {
    use self::{Goal::{Kib, OfFloor, Open}, Kind::{Drain, Few, Large, Medium, Small}, Protection::{Full, Plain, Resumed}};
    use idle::Stage::{Connected, LoggedIn};
    const fn row(name: &'static str, title: &'static str, unit: &'static str, goal: Goal, mail: Kind, work: Work) -> Row {
        Row { name, title, unit, goal, mail, work }
    }
    [
        row("session", "connect, USER, PASS, STAT, QUIT", "session", OfFloor(2.0), Few, Work::Session(Plain)),
        row("noop", "NOOP, one at a time", "command", OfFloor(1.3), Few, Work::Noop { pipelined: 1 }),
        row("noop-pipelined", "NOOP, 32 pipelined", "command", OfFloor(2.0), Few, Work::Noop { pipelined: 32 }),
        row("uidl", "UIDL of a full mailbox", "listing", OfFloor(5.0), Small, Work::Uidl),
        row("retr-small", "RETR of small messages", "message", OfFloor(2.5), Small, Work::Retr { pipelined: 1 }),
        row("retr-pipelined", "RETR of small messages, 16 pipelined", "message", OfFloor(2.0), Small, Work::Retr { pipelined: 16 }),
        row("retr-medium", "RETR of medium messages", "MiB", OfFloor(3.5), Medium, Work::Retr { pipelined: 1 }),
        row("retr-large", "RETR of large messages", "MiB", OfFloor(3.5), Large, Work::Retr { pipelined: 1 }),
        row("drain", "retrieve and delete a mailbox, QUIT", "message", Open, Drain, Work::Drain),
        row("idle", "memory of an idle connection before login", "connection", Kib(2.3), Few, Work::Idle(Plain, Connected)),
        row("idle-session", "memory of an idle session", "session", Kib(2.5), Few, Work::Idle(Plain, LoggedIn)),
        row("tls-session", "the session behind a full TLS handshake", "session", Open, Few, Work::Session(Full)),
        row("tls-resumed", "the session in TLS resumed by a ticket", "session", Open, Few, Work::Session(Resumed)),
        row("tls-idle", "memory of an idle TLS connection before login", "connection", Open, Few, Work::Idle(Full, Connected)),
        row("tls-idle-session", "memory of an idle TLS session", "session", Open, Few, Work::Idle(Full, LoggedIn)),
    ]
};

impl Row {
    /// The row with this name.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        ROWS.iter().find(|row| row.name == name)
    }

    /// Whether this server is measured: without messages that are pipelined, the two floors are one.
    pub(crate) fn is_for(&self, server: Server) -> bool {
        let is_batch = matches!(self.work, Work::Retr { pipelined } if pipelined > 1);
        is_batch || server != Server::FloorUnbatched
    }

    /// Does the row once.
    pub(crate) async fn run(
        &self,
        target: &Target,
        mail: &Mail,
        effort: Effort,
    ) -> Result<Sample, Error> {
        match self.work {
            Work::Drain => drain::run(target, mail).await,
            Work::Idle(protection, stage) => {
                idle::run(target, mail, effort, protection, stage).await
            }
            Work::Noop { pipelined } => noop::run(target, mail, effort, pipelined).await,
            Work::Retr { pipelined } => retr::run(target, mail, effort, pipelined).await,
            Work::Session(protection) => session::run(target, mail, effort, protection).await,
            Work::Uidl => uidl::run(target, mail, effort).await,
        }
    }
}

/// A client of this mailbox that is logged in.
async fn logged_in(target: &Target, mail: &Mail, client: usize) -> Result<client::Client, Error> {
    let mut door = target.door(Protection::Plain, client)?;
    let mut connection = door.enter().await?;
    connection.log_in(&mail.kind.user(client)).await?;
    Ok(connection)
}
