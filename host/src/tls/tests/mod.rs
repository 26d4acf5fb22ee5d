//! Certificates made on the spot, and clients that are given what to say.
//!
//! Nothing here leaves the process: both ends of a connection are halves of a pipe.

mod certificates;
mod files;
mod handshakes;
mod reloads;

use std::{fs, io, sync::Arc, time::Duration};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedKey, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, SignatureAlgorithm,
};
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, ServerName},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::Instant,
};
use tokio_rustls::{TlsConnector, client};

use super::*;

pub(super) const HOST: &str = "mail.example.org";

/// An authority that makes certificates.
pub(super) struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new() -> Self {
        Self::with_key(&rcgen::PKCS_ECDSA_P256_SHA256)
    }

    pub(super) fn with_key(algorithm: &'static SignatureAlgorithm) -> Self {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Authorities of one name would be taken for one authority.
        let name = format!("authority {:02x?}", params.key_identifier(&key));
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    pub(super) fn issue(&self, names: &[&str]) -> CertifiedKey<KeyPair> {
        self.issue_as(names, &rcgen::PKCS_ECDSA_P256_SHA256, |_| {})
    }

    pub(super) fn issue_as(
        &self,
        names: &[&str],
        algorithm: &'static SignatureAlgorithm,
        change: impl FnOnce(&mut CertificateParams),
    ) -> CertifiedKey<KeyPair> {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        change(&mut params);
        let signing_key = KeyPair::generate_for(algorithm).expect("a key");
        let cert = params
            .signed_by(&signing_key, &self.issuer)
            .expect("a certificate");
        CertifiedKey { cert, signing_key }
    }

    pub(super) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots
            .add(self.certificate.der().clone())
            .expect("an authority");
        roots
    }
}

/// The files of a server.
pub(super) struct Site {
    pub(super) directory: TempDir,
    pub(super) authority: Authority,
}

impl Site {
    pub(super) fn new() -> Self {
        Self {
            directory: TempDir::new().expect("a directory"),
            authority: Authority::new(),
        }
    }

    pub(super) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    }

    pub(super) fn pair(&self, name: &str, issued: &CertifiedKey<KeyPair>) -> CertificatePair {
        CertificatePair {
            certificate: self.write(&format!("{name}.pem"), issued.cert.pem()),
            key: self.write(&format!("{name}.key"), issued.signing_key.serialize_pem()),
        }
    }

    /// Options with a certificate for [`HOST`] and for clients that name none.
    pub(super) fn options(&self) -> Options {
        let pair = self.pair("site", &self.authority.issue(&[HOST, "127.0.0.1"]));
        options([pair])
    }

    pub(super) fn tls(&self) -> Tls {
        Tls::load(self.options()).expect("right files")
    }
}

pub(super) fn options(certificates: impl Into<Vec<CertificatePair>>) -> Options {
    Options {
        certificates: certificates.into(),
        client_ca: None,
        minimum_version: Version::default(),
    }
}

/// A client that trusts the authority and has no certificate.
fn client(authority: &Authority) -> ClientConfig {
    client_of(authority, Version::Tls12.and_newer())
}

fn client_of(
    authority: &Authority,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(authority.roots())
        .with_no_client_auth()
}

/// Both ends of a connection, or what became of them.
struct Met {
    server: Result<Accepted<DuplexStream>, HandshakeError>,
    client: io::Result<client::TlsStream<DuplexStream>>,
}

/// Both ends of a connection behind the handshake.
struct Open {
    server: Accepted<DuplexStream>,
    client: client::TlsStream<DuplexStream>,
}

/// A client that connects to `host`; to an address, so without saying which, if it is one.
async fn meet(tls: &Tls, config: &Arc<ClientConfig>, host: &str) -> Met {
    let (ours, theirs) = duplex(1 << 16);
    let name = ServerName::try_from(host.to_owned()).expect("a host");
    let connector = TlsConnector::from(Arc::clone(config));
    let (server, client) = tokio::join!(accept(tls, ours), connector.connect(name, theirs));
    Met { server, client }
}

async fn open(tls: &Tls, config: &Arc<ClientConfig>) -> Open {
    open_to(tls, config, HOST).await
}

async fn open_to(tls: &Tls, config: &Arc<ClientConfig>, host: &str) -> Open {
    let met = meet(tls, config, host).await;
    Open {
        server: met.server.expect("a handshake"),
        client: met.client.expect("a handshake"),
    }
}

async fn accept<S>(tls: &Tls, stream: S) -> Result<Accepted<S>, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    tls.accept(stream, Instant::now() + Duration::from_secs(10))
        .await
}

impl Open {
    /// Sends a line each way; with it a client of TLS 1.3 gets its tickets.
    async fn talk(&mut self) {
        let mut line = [0; 5];
        self.server
            .stream
            .write_all(b"+OK\r\n")
            .await
            .expect("an open connection");
        self.server
            .stream
            .flush()
            .await
            .expect("an open connection");
        self.client
            .read_exact(&mut line)
            .await
            .expect("an open connection");
        assert_eq!(&line, b"+OK\r\n");
        self.client
            .write_all(b"QUIT\n")
            .await
            .expect("an open connection");
        self.client.flush().await.expect("an open connection");
        self.server
            .stream
            .read_exact(&mut line)
            .await
            .expect("an open connection");
        assert_eq!(&line, b"QUIT\n");
    }

    /// The certificate that the client was shown.
    fn shown(&self) -> CertificateDer<'static> {
        let chain = self
            .client
            .get_ref()
            .1
            .peer_certificates()
            .expect("a certificate");
        chain[0].clone()
    }
}
