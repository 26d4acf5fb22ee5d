//! A session as it goes from one process to the next one, without its descriptors.

use std::{net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{auth::sasl::Mechanism, login::Record, sandbox::Usage};

/// All that is known of a session that waits for a command in the clear.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Luggage {
    /// Its id.
    pub(crate) session: String,
    /// The listener's address in the configuration.
    pub(crate) listener: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    /// How long ago it was accepted.
    pub(crate) age: Duration,
    /// How long the client has been silent.
    pub(crate) silence: Duration,
    /// The challenge of its greeting.
    pub(crate) challenge: Option<String>,
    pub(crate) octets_in: u64,
    pub(crate) octets_out: u64,
    pub(crate) logins: Logins,
    /// The component's state.
    pub(crate) state: Vec<u8>,
    pub(crate) is_logged_in: bool,
    pub(crate) usage: Usage,
    pub(crate) computed: Duration,
    /// Capability lines of its user, there with a maildrop.
    pub(crate) announce: Vec<String>,
    /// What the store needs for the maildrop, there with one.
    pub(crate) lease: Option<Vec<u8>>,
}

/// What has been claimed on the connection.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Logins {
    attempts: u32,
    refused: u32,
    denied: u32,
    method: Option<String>,
    user: Option<Vec<u8>>,
    pub(crate) logged_in: Option<String>,
    pub(crate) tenant: Option<String>,
}

impl From<Record> for Logins {
    fn from(record: Record) -> Self {
        let Record {
            attempts,
            refused,
            denied,
            method,
            user,
            cause: _,
            logged_in,
            tenant,
        } = record;
        Self {
            attempts,
            refused,
            denied,
            method: method.map(str::to_owned),
            user: user.map(|user| user.octets().to_vec()),
            logged_in: logged_in.map(|user| user.to_string()),
            tenant: tenant.map(|tenant| tenant.to_string()),
        }
    }
}

impl From<&Logins> for Record {
    fn from(logins: &Logins) -> Self {
        let method = logins.method.as_deref().map(|name| match name {
            "APOP" => "APOP",
            name => Mechanism::find(name).map_or("PLAIN", |mechanism| mechanism.name),
        });
        Self {
            attempts: logins.attempts,
            refused: logins.refused,
            denied: logins.denied,
            method,
            user: logins.user.as_deref().map(Into::into),
            cause: None,
            logged_in: logins.logged_in.as_deref().map(Into::into),
            tenant: logins.tenant.as_deref().map(Into::into),
        }
    }
}
