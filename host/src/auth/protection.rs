//! What TLS gives to whoever logs in on a connection: channel bindings, and who the client is.
//!
//! Handed in by whoever has done the handshake. Knows neither TLS nor certificates.

use std::fmt;

/// What an authentication can be tied to, so that it is worth nothing on another connection.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct ChannelBindings {
    /// `tls-exporter` (RFC 9266): 32 octets that only the two ends of this connection know. Only
    /// from TLS 1.3, or TLS 1.2 with extended master secret.
    pub exporter: Option<[u8; 32]>,
    /// `tls-server-end-point` (RFC 5929): the hash of the server's certificate.
    pub server_end_point: Option<Vec<u8>>,
}

impl ChannelBindings {
    /// The data of a binding by its registered name.
    pub fn find(&self, name: &str) -> Option<&[u8]> {
        match name {
            "tls-exporter" => self.exporter.as_ref().map(<[u8; 32]>::as_slice),
            "tls-server-end-point" => self.server_end_point.as_deref(),
            _ => None,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.exporter.is_none() && self.server_end_point.is_none()
    }
}

impl fmt::Debug for ChannelBindings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ChannelBindings")
            .field("exporter", &self.exporter.is_some())
            .field("server_end_point", &self.server_end_point.is_some())
            .finish()
    }
}

/// A connection behind a TLS handshake.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Protection {
    /// What SCRAM with channel binding is tied to.
    pub bindings: ChannelBindings,
    /// The user whom the client's certificate was mapped to, if one was asked for, was valid and
    /// has a user.
    pub certificate_user: Option<String>,
}
