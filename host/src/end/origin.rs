//! Who is connected, and what protects the connection.

use std::{net::SocketAddr, sync::Arc};

use super::SessionId;

/// Who is connected, and how.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The session.
    pub session: SessionId,
    /// The client's end of the connection.
    pub peer: SocketAddr,
    /// Our end of the connection.
    pub local: SocketAddr,
    /// What protects the connection.
    pub channel: Channel,
    /// With TLS its version and cipher suite, in words for the log.
    pub tls: Option<Arc<str>>,
    /// Whose user it is, from the login on; `None` if it belongs to no tenant.
    pub tenant: Option<Arc<str>>,
}

impl Origin {
    /// A connection without TLS. An empty tenant is none.
    pub(crate) fn in_the_clear(
        session: SessionId,
        peer: SocketAddr,
        local: SocketAddr,
        tenant: Option<&str>,
    ) -> Self {
        Self {
            session,
            peer,
            local,
            channel: Channel::new(peer, false),
            tls: None,
            tenant: tenant.filter(|name| !name.is_empty()).map(Into::into),
        }
    }
}

/// What protects a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Channel {
    /// Nothing.
    Clear,
    /// It does not leave this machine.
    Loopback,
    /// TLS.
    Tls,
}

impl Channel {
    /// The protection of a connection from `peer`, with TLS or without.
    pub fn new(peer: SocketAddr, is_tls: bool) -> Self {
        match (is_tls, peer.ip().to_canonical().is_loopback()) {
            (true, _) => Self::Tls,
            (false, true) => Self::Loopback,
            (false, false) => Self::Clear,
        }
    }
}
