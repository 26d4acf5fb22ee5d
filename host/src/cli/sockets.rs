//! Listening sockets, bound before anything else is done.
//!
//! Accepts nothing: that is the server's.

use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;
use socket2::{Domain, Protocol, Socket, Type};

use super::Failure;
use crate::{config::Listener, takeover::Inheritance};

/// Connections that the system keeps for us until they are accepted. Linux takes the least of this
/// and `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Sockets that are listened on already: of the process before us, or of the service manager.
#[derive(Debug, Default)]
pub(super) struct Given(Vec<(SocketAddr, TcpListener)>);

impl Given {
    /// Those of a process that gives them up for us, and those of the service manager
    /// (`sd_listen_fds(3)`).
    pub(super) fn of(inheritance: Option<&mut Inheritance>) -> Result<Self, Failure> {
        let mut given = Vec::new();
        if let Some(inheritance) = inheritance {
            given.append(&mut inheritance.listeners);
            given.extend(inheritance.metrics.take());
        }
        let mut activated = ListenFd::from_env();
        for index in 0..activated.len() {
            let failed = |source| Failure::io("a socket of the service manager", source);
            if let Some(socket) = activated.take_tcp_listener(index).map_err(failed)? {
                given.push((socket.local_addr().map_err(failed)?, socket));
            }
        }
        Ok(Self(given))
    }

    /// The socket for this address, if there is one.
    fn take(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let index = self.0.iter().position(|(known, _)| *known == address)?;
        Some(self.0.swap_remove(index).1)
    }
}

/// A non-blocking socket for each listener, in their order.
pub(super) fn bind(listeners: &[Listener], given: &mut Given) -> Result<Vec<TcpListener>, Failure> {
    let bind_one = |listener: &Listener| {
        let failed = |source| Failure::io(format!("listen on {}", listener.address), source);
        listen(listener.address, given).map_err(failed)
    };
    listeners.iter().map(bind_one).collect()
}

/// The same, where metrics are served.
pub(super) fn bind_metrics(address: SocketAddr, given: &mut Given) -> Result<TcpListener, Failure> {
    listen(address, given).map_err(|source| Failure::io(format!("metrics on {address}"), source))
}

fn listen(address: SocketAddr, given: &mut Given) -> std::io::Result<TcpListener> {
    if let Some(socket) = given.take(address) {
        socket.set_nonblocking(true)?;
        return Ok(socket);
    }
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // After a restart, connections of before must not keep us from the port.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` takes IPv4 too, whatever the system's default is.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_zero_takes_a_free_port_for_each_listener() {
        let listener = Listener::new("127.0.0.1:0".parse().expect("address"));
        let sockets = bind(&[listener.clone(), listener], &mut Given::default()).expect("bound");
        let addresses: Vec<SocketAddr> = sockets
            .iter()
            .map(|socket| socket.local_addr().expect("bound"))
            .collect();
        assert!(
            addresses.iter().all(|address| address.port() != 0),
            "{addresses:?}"
        );
        assert_ne!(addresses[0], addresses[1]);
    }

    #[test]
    fn a_port_that_is_taken_is_named_and_unavailable() {
        let free = Listener::new("127.0.0.1:0".parse().expect("address"));
        let first = bind(&[free], &mut Given::default()).expect("bound");
        let address = first[0].local_addr().expect("bound");
        let failure = bind(&[Listener::new(address)], &mut Given::default()).expect_err("taken");
        assert_eq!(failure.code(), 69);
        assert!(
            failure
                .to_string()
                .starts_with(&format!("listen on {address}: ")),
            "{failure}"
        );
    }
}
