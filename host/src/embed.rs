//! A whole server in a program of one's own, with its users and its mail.
//!
//! Puts together what the program `popcell` puts together from a file, and no more: no control socket, no
//! metrics by HTTP, no signals.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use crate::{
    auth::Auth,
    config::{Config, Listener},
    mailbox::Mailbox,
    server::{self, Server},
    services::{self, Services},
    tls::Tls,
};

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address can not be listened on.
    #[error("can not listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// What stands behind sessions can not be had.
    #[error(transparent)]
    Services(#[from] services::Error),
    /// The server can not be set up.
    #[error(transparent)]
    Server(#[from] server::Error),
}

/// A server that listens where `config` says, and accepts when it is [run](Server::run). Users and mail
/// are these; those that the configuration names, and its tenants, are not looked at. To be called in a
/// tokio runtime that has time and I/O.
///
/// Connections are served on threads of the server, as many as `config.limits.connection_threads` says,
/// each with a runtime of its own: users and mail are asked there.
///
/// Compiles the component, which takes a moment.
///
/// # Errors
///
/// See [`Error`].
pub fn server(
    config: &Config,
    auth: impl Auth + 'static,
    mailbox: impl Mailbox + 'static,
) -> Result<Server, Error> {
    let sockets = config.listeners.iter().map(listen);
    let sockets = sockets.collect::<Result<_, _>>()?;
    let sandbox = Arc::new(services::sandbox(config)?);
    let mut services = Services::of(config, Arc::new(auth), Arc::new(mailbox), sandbox)?;
    if let Some(options) = config.tls.clone() {
        let tls = Tls::load(options).map_err(services::Error::from)?;
        services.tls = Some(Arc::new(tls));
    }
    Ok(Server::new(config, sockets, services)?)
}

fn listen(listener: &Listener) -> Result<TcpListener, Error> {
    let address = listener.address;
    let socket = TcpListener::bind(address).and_then(|socket| {
        socket.set_nonblocking(true)?;
        Ok(socket)
    });
    socket.map_err(|source| Error::Listen { address, source })
}
