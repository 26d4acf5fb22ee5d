//! From one process of a server to the next one: its sockets, and the sessions that can go along.
//!
//! The old process freezes sessions that wait for a command in the clear, and gives the new one what
//! it needs to go on with them: the connection, the state, the maildrop with its lock. Only when the
//! new process has all of it, and says so, does the old one let go. Whatever goes wrong before, the
//! old process serves as if nothing had been asked.
//!
//! ```text
//! old: listeners, a frame for each session, the end   ->
//!                                     <-  new: which sessions it does not take
//! old: go                                             ->
//! ```
//!
//! Sessions under TLS, and those that are being answered, stay in the old process until they end or
//! `timeouts.drain` has passed.

mod arrive;
mod leave;
mod luggage;
mod wire;

use std::{net::SocketAddr, os::fd::OwnedFd, time::Duration};

use serde::{Deserialize, Serialize};

pub use self::arrive::{Error, Inheritance, Will, inherit};
pub(crate) use self::{
    leave::{Departure, Departures, Fate, Retirement, Sockets, leave},
    luggage::Luggage,
};

/// The version of what is said. Another one is refused before anything is given away.
pub(crate) const VERSION: u32 = 1;

/// What a server gives its successor.
#[derive(Deserialize, Serialize)]
enum Given {
    /// Sockets that are listened on, a descriptor each.
    Listeners {
        /// The version of what is said.
        version: u32,
        /// Where, by the configuration of the server that gives them.
        addresses: Vec<SocketAddr>,
        /// Which of them is the one for metrics.
        metrics: Option<usize>,
        /// How long the service manager waits for a sign of life: it does not say so to a process that it
        /// has not started as the main one.
        #[serde(default)]
        watchdog: Option<Duration>,
    },
    /// A session, with the descriptors of its connection and of its maildrop's lock, if it has one.
    Session(Box<Luggage>),
    /// There are no more.
    End,
    /// The old process has let go.
    Go,
    /// Nothing is given away.
    Refused(String),
}

/// What the successor says to it.
#[derive(Deserialize, Serialize)]
struct Taken {
    /// The ids of sessions that it does not take.
    refused: Vec<String>,
}

/// A session that has come from another process, with its descriptors.
#[derive(Debug)]
pub struct Arrived {
    pub(crate) luggage: Box<Luggage>,
    pub(crate) connection: OwnedFd,
    pub(crate) lock: Option<OwnedFd>,
}
