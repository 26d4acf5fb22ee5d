//! The client's side of TLS: what it offers, what it accepts, and what it was asked for.
//!
//! Reads and writes no socket.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        ResolvesClientCert,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    sign::CertifiedKey,
};

use crate::target::Target;

/// The protocol's name in ALPN.
pub(crate) const ALPN_POP3: &[u8] = b"pop3";

/// A handshake to be made: offers, trust, and what the server asked for.
pub(crate) struct Handshake {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    was_asked_for_certificate: Arc<AtomicBool>,
}

impl Handshake {
    /// One that offers these protocols in ALPN (none: no ALPN) and trusts as the target says.
    ///
    /// # Errors
    ///
    /// The host's name cannot stand in a certificate, or an authority's certificate is malformed.
    pub(crate) fn new(target: &Target, protocols: &[&[u8]]) -> io::Result<Self> {
        let name = ServerName::try_from(target.host().to_owned()).map_err(io::Error::other)?;
        let asked = Arc::new(AtomicBool::new(false));
        let mut config = trusting(target)?;
        config.client_auth_cert_resolver = Arc::new(NoCertificate(Arc::clone(&asked)));
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(Self {
            config: Arc::new(config),
            name,
            was_asked_for_certificate: asked,
        })
    }

    /// Starts it.
    pub(crate) fn begin(&self) -> io::Result<ClientConnection> {
        ClientConnection::new(Arc::clone(&self.config), self.name.clone()).map_err(io::Error::other)
    }

    /// Whether the server wanted a client certificate in any handshake made from this one.
    pub(crate) fn was_asked_for_certificate(&self) -> bool {
        self.was_asked_for_certificate.load(Ordering::Relaxed)
    }
}

fn trusting(target: &Target) -> io::Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let Some(authorities) = &target.authorities else {
        let verifier = Arc::new(AnyCertificate(provider));
        let dangerous = builder
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        return Ok(dangerous.with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    for authority in authorities.iter() {
        roots.add(authority.clone()).map_err(io::Error::other)?;
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Has no certificate, and remembers that one was wanted.
#[derive(Debug)]
struct NoCertificate(Arc<AtomicBool>);

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }

    // `resolve` is only called where there may be a certificate.
    fn has_certs(&self) -> bool {
        true
    }
}

/// Accepts every certificate, but no wrong signature.
struct AnyCertificate(Arc<CryptoProvider>);

impl fmt::Debug for AnyCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyCertificate")
    }
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
