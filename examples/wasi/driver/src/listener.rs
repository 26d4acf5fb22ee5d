//! A socket that accepts connections.

use std::net::{IpAddr, SocketAddr};

use wasi::{
    io::{
        poll::Pollable,
        streams::{InputStream, OutputStream},
    },
    sockets::{
        instance_network::instance_network,
        network::{
            ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
        },
        tcp::TcpSocket,
        tcp_create_socket::create_tcp_socket,
    },
};

/// A connection, as it is accepted.
pub(crate) type Accepted = (TcpSocket, InputStream, OutputStream);

/// A socket that accepts connections. What waits for it is its child, so it is dropped first.
pub(crate) struct Listener {
    ready: Pollable,
    socket: TcpSocket,
}

impl Listener {
    /// Listens on an address and port; port 0 is any free one.
    pub(crate) fn bind(address: &str) -> Result<Self, String> {
        let address: SocketAddr = address
            .parse()
            .map_err(|_| "expected an IP address and a port, as 127.0.0.1:1110".to_owned())?;
        listen(address).map_err(|error| format!("can not listen: {}", error.name()))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        match self.socket.local_address() {
            Ok(address) => from_wasi(address).to_string(),
            Err(error) => error.name().to_owned(),
        }
    }

    /// Ready when there is somebody to accept.
    pub(crate) fn ready(&self) -> &Pollable {
        &self.ready
    }

    /// Somebody who waits. An error is that client's, or passes: the next poll tells.
    pub(crate) fn accept(&self) -> Option<Accepted> {
        self.socket.accept().ok()
    }
}

fn listen(address: SocketAddr) -> Result<Listener, ErrorCode> {
    let family = match address {
        SocketAddr::V4(_) => IpAddressFamily::Ipv4,
        SocketAddr::V6(_) => IpAddressFamily::Ipv6,
    };
    let socket = create_tcp_socket(family)?;
    let ready = socket.subscribe();
    socket.start_bind(&instance_network(), to_wasi(address))?;
    finish(&ready, || socket.finish_bind())?;
    socket.start_listen()?;
    finish(&ready, || socket.finish_listen())?;
    Ok(Listener { ready, socket })
}

fn finish(ready: &Pollable, done: impl Fn() -> Result<(), ErrorCode>) -> Result<(), ErrorCode> {
    loop {
        match done() {
            Err(ErrorCode::WouldBlock) => ready.block(),
            result => return result,
        }
    }
}

fn to_wasi(address: SocketAddr) -> IpSocketAddress {
    match address {
        SocketAddr::V4(v4) => {
            let [a, b, c, d] = v4.ip().octets();
            IpSocketAddress::Ipv4(Ipv4SocketAddress {
                port: v4.port(),
                address: (a, b, c, d),
            })
        }
        SocketAddr::V6(v6) => {
            let [a, b, c, d, e, f, g, h] = v6.ip().segments();
            IpSocketAddress::Ipv6(Ipv6SocketAddress {
                port: v6.port(),
                flow_info: v6.flowinfo(),
                address: (a, b, c, d, e, f, g, h),
                scope_id: v6.scope_id(),
            })
        }
    }
}

fn from_wasi(address: IpSocketAddress) -> SocketAddr {
    match address {
        IpSocketAddress::Ipv4(v4) => {
            let (a, b, c, d) = v4.address;
            SocketAddr::new(IpAddr::from([a, b, c, d]), v4.port)
        }
        IpSocketAddress::Ipv6(v6) => {
            let (a, b, c, d, e, f, g, h) = v6.address;
            SocketAddr::new(IpAddr::from([a, b, c, d, e, f, g, h]), v6.port)
        }
    }
}
