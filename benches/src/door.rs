//! Ways into a server: in the clear or by TLS, from one of many addresses of this machine.
//!
//! Says nothing on the connection that it makes.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use rustls::{
    ClientConfig, HandshakeKind, RootCertStore,
    client::Resumption,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName},
};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use crate::client::{Client, Error};

/// Clients come from so many addresses, since servers limit what comes from one.
const SOURCES: usize = 64;

/// How connections are protected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Protection {
    /// Not at all.
    Plain,
    /// By TLS 1.3 from the first octet, with a handshake of its own for each connection.
    Full,
    /// The same; connections after the first resume its session by a ticket.
    Resumed,
}

/// A way in, with a memory for tickets that nobody else uses.
pub(crate) struct Door {
    address: SocketAddr,
    source: Ipv4Addr,
    tls: Option<TlsConnector>,
    /// What the next handshake has to be.
    expected: HandshakeKind,
    protection: Protection,
}

impl Door {
    /// The way in of the client with this number.
    pub(crate) fn new(
        protection: Protection,
        address: SocketAddr,
        certificate: &CertificateDer<'static>,
        client: usize,
    ) -> Result<Self, Error> {
        let tls = match protection {
            Protection::Plain => None,
            Protection::Full => Some(connector(certificate, Resumption::disabled())?),
            Protection::Resumed => Some(connector(certificate, Resumption::in_memory_sessions(8))?),
        };
        let last = u8::try_from(client % SOURCES).unwrap_or_default() + 1;
        Ok(Self {
            address,
            source: Ipv4Addr::new(127, 0, 0, last),
            tls,
            expected: HandshakeKind::Full,
            protection,
        })
    }

    /// A connection that was greeted.
    pub(crate) async fn enter(&mut self) -> Result<Client, Error> {
        let stream = self.connect().await?;
        let Some(tls) = &self.tls else {
            return Client::greeted(Box::new(stream)).await;
        };
        let name = ServerName::from(self.address.ip());
        let stream = tls.connect(name, stream).await?;
        let kind = stream.get_ref().1.handshake_kind();
        let is_resumed = kind == Some(HandshakeKind::Resumed);
        match (is_resumed, self.expected == HandshakeKind::Resumed) {
            (false, true) => return Err(Error::NotResumed),
            (true, false) => {
                return Err(Error::Unexpected("a handshake that was resumed".to_owned()));
            }
            (true, true) | (false, false) => {}
        }
        if self.protection == Protection::Resumed {
            self.expected = HandshakeKind::Resumed;
        }
        Client::greeted(Box::new(stream)).await
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.source, 0).into())?;
        let stream = socket.connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

fn connector(
    certificate: &CertificateDer<'static>,
    resumption: Resumption,
) -> Result<TlsConnector, Error> {
    let mut trusted = RootCertStore::empty();
    trusted.add(certificate.clone()).map_err(io::Error::other)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(io::Error::other)?;
    let mut config = config.with_root_certificates(trusted).with_no_client_auth();
    config.resumption = resumption;
    Ok(TlsConnector::from(Arc::new(config)))
}
