//! The fake server's certificates, and the one thing rustls would not do: old versions.
//!
//! Makes no handshake itself.

use std::{io, io::Write as _, net::TcpStream, sync::Arc};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};

use super::Fault;

/// A certificate with everything that a server needs to use it.
pub(super) struct Certificate {
    authority: CertificateDer<'static>,
    pub(super) config: Arc<ServerConfig>,
}

impl Certificate {
    pub(super) fn new(fault: Option<Fault>) -> Self {
        let name = match fault {
            Some(Fault::CertificateOfAnotherName) => "elsewhere.example.org",
            _ => "localhost",
        };
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        let authority = cert.der().clone();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = if fault == Some(Fault::AsksForCertificate) {
            let mut roots = RootCertStore::empty();
            roots.add(authority.clone()).expect("a root");
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                .allow_unauthenticated()
                .build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder
            .with_single_cert(vec![authority.clone()], key)
            .expect("a pair");
        if fault != Some(Fault::NoAlpn) {
            config.alpn_protocols = vec![b"pop3".to_vec()];
        }
        Self {
            authority,
            config: Arc::new(config),
        }
    }

    pub(super) fn authority(&self) -> CertificateDer<'static> {
        self.authority.clone()
    }
}

/// Answers a hello of TLS 1.0 or 1.1 as a server would that still speaks them; `true` if it was one.
pub(super) fn greets_old_version(mut socket: &TcpStream) -> io::Result<bool> {
    let mut hello = [0; 11];
    while socket.peek(&mut hello)? < hello.len() {}
    // TLS 1.3 says 1.2 here, too.
    if hello[9..] > *[3, 2].as_slice() {
        return Ok(false);
    }
    socket.write_all(&[22, 3, hello[10], 0, 4, 2, 0, 0, 0])?;
    Ok(true)
}
