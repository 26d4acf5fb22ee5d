//! One handshake: within its time, and what is known when it is done.
//!
//! Falls back to nothing: a connection whose handshake failed is to be closed.

use std::{fmt, io, sync::Arc};

use rustls::{AlertDescription, HandshakeKind, ProtocolVersion, ServerConfig, ServerConnection};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{Version, resolver::Witness};

/// The label and the length of the channel binding `tls-exporter` (RFC 9266 §2).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";
const EXPORTER_OCTETS: usize = 32;

/// What the system calls a client that has left.
const GONE: [io::ErrorKind; 4] = [
    io::ErrorKind::BrokenPipe,
    io::ErrorKind::ConnectionAborted,
    io::ErrorKind::ConnectionReset,
    io::ErrorKind::UnexpectedEof,
];

/// A connection behind its handshake.
///
/// Reading ends with the client's close_notify; a connection that ends without one is
/// [`io::ErrorKind::UnexpectedEof`]. Shutting it down sends ours. What was written has left only
/// after a flush.
#[derive(Debug)]
pub struct Accepted<S> {
    /// What to read and write from here on.
    pub stream: TlsStream<S>,
    /// What the handshake brought to light.
    pub facts: Facts,
}

/// What is known after a handshake.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The version that is spoken.
    pub version: Version,
    /// The cipher suite, as IANA writes it.
    pub cipher_suite: String,
    /// The host that the client named, in lower case: letters, digits, `-`, `_` and `.`.
    pub server_name: Option<String>,
    /// Whether the client asked for `pop3` by ALPN. It did not ask for anything else alone.
    pub alpn: bool,
    /// Whether an earlier session was resumed.
    pub is_resumed: bool,
    /// The client's certificate in DER, if one was asked for and came. An authority of
    /// [`client_ca`](super::Options::client_ca) vouches for it.
    pub client_certificate: Option<Vec<u8>>,
    /// What ties a login to this very connection.
    pub bindings: ChannelBindings,
}

/// The channel bindings of a connection (RFC 5056), for SCRAM with `-PLUS`.
#[derive(Clone, Default)]
pub struct ChannelBindings {
    /// `tls-exporter`, RFC 9266. From TLS 1.3 on: with TLS 1.2 it needs an extension of which
    /// there is no telling whether it was used.
    pub exporter: Option<[u8; EXPORTER_OCTETS]>,
    /// `tls-server-end-point`, RFC 5929: the hash of our certificate, where its signature algorithm
    /// says with which function.
    pub server_end_point: Option<Vec<u8>>,
}

/// Why a handshake failed. Nothing to wake an operator for: the client is to blame, or nobody.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The client sends something that is not TLS.
    #[error("not TLS")]
    Malformed,
    /// There is no version, cipher suite or signature that both sides know, or the client broke
    /// the rules of TLS, or its certificate is not one to accept.
    #[error("no agreement: {0}")]
    NoAgreement(#[source] rustls::Error),
    /// The client wants to speak another protocol.
    #[error("the client offers other protocols than pop3")]
    OtherProtocol,
    /// The connection broke.
    #[error("connection closed: {0}")]
    Io(io::ErrorKind),
    /// The client closed the connection.
    #[error("closed by the client")]
    PeerClosed,
    /// The client did not accept us: as a rule it does not trust our certificate.
    #[error("refused by the client: {0:?}")]
    Refused(AlertDescription),
    /// The client did not finish in time.
    #[error("not done in time")]
    Timeout,
}

impl HandshakeError {
    /// The reason in one word, for metrics: one of a fixed set.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Io(_) => "io",
            Self::Malformed => "malformed",
            Self::NoAgreement(_) => "no_agreement",
            Self::OtherProtocol => "other_protocol",
            Self::PeerClosed => "peer_closed",
            Self::Refused(_) => "refused",
            Self::Timeout => "timeout",
        }
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        let tls = error
            .into_inner()
            .and_then(|inner| inner.downcast::<rustls::Error>().ok());
        match tls.map(|inner| *inner) {
            Some(rustls::Error::AlertReceived(alert)) => Self::Refused(alert),
            Some(rustls::Error::InvalidMessage(_)) => Self::Malformed,
            Some(rustls::Error::NoApplicationProtocol) => Self::OtherProtocol,
            Some(other) => Self::NoAgreement(other),
            None if GONE.contains(&kind) => Self::PeerClosed,
            None => Self::Io(kind),
        }
    }
}

// What is bound to is no secret between the two ends, and nobody else's business.
impl fmt::Debug for ChannelBindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelBindings(..)")
    }
}

/// Does the handshake.
pub(super) async fn accept<S>(
    stream: S,
    config: Arc<ServerConfig>,
    witness: &Witness,
    deadline: Instant,
) -> Result<Accepted<S>, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let accepted = timeout_at(deadline, TlsAcceptor::from(config).accept(stream)).await;
    let stream = accepted.map_err(|_| HandshakeError::Timeout)??;
    let facts = Facts::of(stream.get_ref().1, witness)?;
    Ok(Accepted { stream, facts })
}

impl Facts {
    fn of(connection: &ServerConnection, witness: &Witness) -> Result<Self, HandshakeError> {
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => Version::Tls13,
            _ => Version::Tls12,
        };
        let exporter = (version >= Version::Tls13)
            .then(|| {
                let output = [0; EXPORTER_OCTETS];
                connection.export_keying_material(output, EXPORTER_LABEL, Some(b""))
            })
            .transpose()
            .map_err(HandshakeError::NoAgreement)?;
        let certificates = connection.peer_certificates();
        Ok(Self {
            version,
            cipher_suite: cipher_suite(connection),
            server_name: connection.server_name().map(str::to_ascii_lowercase),
            alpn: connection.alpn_protocol().is_some(),
            is_resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
            client_certificate: certificates
                .and_then(|chain| chain.first())
                .map(|certificate| certificate.to_vec()),
            bindings: ChannelBindings {
                exporter,
                server_end_point: witness.end_point(),
            },
        })
    }
}

/// The library has a spelling of its own for the suites of TLS 1.3.
fn cipher_suite(connection: &ServerConnection) -> String {
    let suite = connection
        .negotiated_cipher_suite()
        .and_then(|suite| suite.suite().as_str());
    suite.unwrap_or_default().replacen("TLS13_", "TLS_", 1)
}
