//! What is known before the first line: the record `connection` of the contract.
//!
//! Says nothing about sockets; the host fills it in from its policy for the channel.

use alloc::{string::String, vec::Vec};

/// The channel and the policy that holds on it. Bounds are in `wit/pop3.wit`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Connection {
    /// The text of the greeting, without the challenge.
    pub banner: String,
    /// The challenge of APOP; APOP is offered exactly when it is there.
    pub challenge: Option<String>,
    /// Whether TLS protects the connection.
    pub tls: bool,
    /// Whether STLS is accepted.
    pub may_start_tls: bool,
    /// Whether USER and PASS are accepted on this channel.
    pub may_login: bool,
    /// SASL mechanisms that are offered on this channel, in upper case, best first.
    pub mechanisms: Vec<String>,
    /// Capability lines that are the host's to say.
    pub announce: Vec<String>,
    /// So many bad commands before login end the session.
    pub max_bad_commands: u32,
    /// So many bad commands in a row after login end the session.
    pub max_bad_commands_after_login: u32,
}
