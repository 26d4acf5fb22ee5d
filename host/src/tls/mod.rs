//! TLS: certificates and keys from files, handshakes, what is known after one.
//!
//! Opens no socket, and decides neither who may log in nor when TLS starts. No other part of the
//! host names rustls.

mod certificate;
mod error;
mod handshake;
mod pem;
mod resolver;
#[cfg(test)]
mod tests;
mod warning;
pub mod watch;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::UnixTime,
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};
use tracing::warn;

pub use self::{
    error::{Error, Fault},
    handshake::{Accepted, ChannelBindings, Facts, HandshakeError},
    warning::Warning,
};
use self::{
    pem::Files,
    resolver::{Pair, Pairs, Witness},
};

/// The one protocol that is spoken behind the handshake (IANA, ALPN protocol ids). A client that
/// offers others and not this one was not meant for us.
const ALPN: &[u8] = b"pop3";

static TLS12_AND_NEWER: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];
static TLS13_AND_NEWER: [&SupportedProtocolVersion; 1] = [&TLS13];

/// What an operator chooses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Options {
    /// At least one. The first is for clients that name no host, or none that a certificate names.
    /// Several for one host are chosen from by what the client can verify, the first first.
    pub certificates: Vec<CertificatePair>,
    /// The authorities of client certificates, in PEM. Only if it is there are clients asked for a
    /// certificate; they may go on without, but not with one that these authorities do not vouch
    /// for.
    pub client_ca: Option<PathBuf>,
    /// The oldest version of TLS that is spoken.
    pub minimum_version: Version,
}

/// A certificate and its key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificatePair {
    /// The certificate in PEM, and behind it those that lead to its authority. It says itself for
    /// which hosts it is.
    pub certificate: PathBuf,
    /// The private key in PEM, not encrypted.
    pub key: PathBuf,
}

/// A version of TLS. Older ones are not spoken (RFC 8997).
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Version {
    /// TLS 1.2, RFC 5246.
    #[default]
    Tls12,
    /// TLS 1.3, RFC 8446.
    Tls13,
}

/// A certificate that is in use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    /// Its file.
    pub file: PathBuf,
    /// The hosts that it names, wildcards among them, in lower case.
    pub names: Vec<String>,
    /// When it expires, in seconds since 1970-01-01 UTC.
    pub expires: u64,
}

/// What a reload did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reload {
    /// The files say something else than before, and that holds from the next handshake on.
    Changed,
    /// The files say what they said before.
    Unchanged,
}

/// TLS for all connections of a server.
pub struct Tls {
    options: Options,
    current: ArcSwap<Loaded>,
    /// Held while the files are read, so that no older reading replaces a newer one.
    reloading: Mutex<()>,
}

/// What the files said.
struct Loaded {
    /// Cloned for each handshake, which needs a resolver of its own.
    config: ServerConfig,
    pairs: Arc<Pairs>,
    /// Of all files together.
    digest: [u8; 32],
}

impl Tls {
    /// Reads the files. Blocks, so it is for the start of the host.
    ///
    /// A certificate that has expired is used all the same, and a warning logged: a server that
    /// does not start helps nobody, and clients judge for themselves.
    ///
    /// # Errors
    ///
    /// See [`Error`]; the operator is to blame.
    pub fn load(options: Options) -> Result<Self, Error> {
        let loaded = Loaded::read(&options)?;
        let tls = Self {
            options,
            current: ArcSwap::from_pointee(loaded),
            reloading: Mutex::new(()),
        };
        tls.log_warnings();
        Ok(tls)
    }

    /// Reads the files again. What they say holds from the next handshake on; whatever is open
    /// goes on as it is. Blocks: [`watch::reload`] does not.
    ///
    /// Session tickets from before a change are worth nothing after it, because they vouch for
    /// certificates that may have been taken away.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load). All stays as it was before.
    pub fn reload(&self) -> Result<Reload, Error> {
        let _turn = self
            .reloading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let loaded = Loaded::read(&self.options)?;
        if loaded.digest == self.current.load().digest {
            return Ok(Reload::Unchanged);
        }
        self.current.store(Arc::new(loaded));
        self.log_warnings();
        Ok(Reload::Changed)
    }

    /// Does the handshake on a connection whose next octet is the client's first of TLS. Dropping
    /// the answer gives the connection up.
    ///
    /// # Errors
    ///
    /// See [`HandshakeError`]; the connection is of no more use then. It is past `deadline` at the
    /// latest that this comes back.
    pub async fn accept<S>(
        &self,
        stream: S,
        deadline: Instant,
    ) -> Result<Accepted<S>, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (config, witness) = {
            let current = self.current.load();
            let witness = Arc::new(Witness::new(Arc::clone(&current.pairs)));
            let mut config = current.config.clone();
            config.cert_resolver = witness.clone();
            (Arc::new(config), witness)
        };
        handshake::accept(stream, config, &witness, deadline).await
    }

    /// The certificates that are in use, in the order of the options.
    pub fn certificates(&self) -> Vec<Certificate> {
        self.current
            .load()
            .pairs
            .iter()
            .map(Pair::certificate)
            .collect()
    }

    /// What an operator should know of the certificates that are in use.
    pub fn warnings(&self) -> Vec<Warning> {
        let now = UnixTime::now().as_secs();
        self.current
            .load()
            .pairs
            .iter()
            .filter_map(|pair| pair.warning(now))
            .collect()
    }

    fn log_warnings(&self) {
        for warning in self.warnings() {
            warn!("{warning}");
        }
    }

    /// All files that are read.
    fn files(&self) -> impl Iterator<Item = &Path> {
        let pairs = self.options.certificates.iter();
        let pairs = pairs.flat_map(|pair| [pair.certificate.as_path(), &pair.key]);
        pairs.chain(self.options.client_ca.as_deref())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Version {
    /// The version as logs write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }

    /// This version and all newer ones.
    fn and_newer(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::Tls12 => &TLS12_AND_NEWER,
            Self::Tls13 => &TLS13_AND_NEWER,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Loaded {
    fn read(options: &Options) -> Result<Self, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut files = Files::default();
        let pairs = options.certificates.iter();
        let pairs = pairs.map(|pair| Pair::read(pair, &mut files, &provider));
        let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
        if pairs.is_empty() {
            return Err(Error::NoCertificate);
        }
        let pairs = Arc::new(Pairs::new(pairs));
        let verifier = options.client_ca.as_deref();
        let verifier = verifier.map(|path| client_verifier(path, &mut files, &provider));
        let verifier = verifier.transpose()?;
        let config = config(
            options.minimum_version,
            provider,
            verifier,
            Arc::clone(&pairs),
        )?;
        Ok(Self {
            config,
            pairs,
            digest: files.digest(),
        })
    }
}

fn config(
    minimum_version: Version,
    provider: Arc<CryptoProvider>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    pairs: Arc<Pairs>,
) -> Result<ServerConfig, Error> {
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(minimum_version.and_newer())
        .map_err(Error::Library)?;
    // RFC 8314 §4.2: no certificate is asked for unless something is to be done with it.
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(Witness::new(pairs)));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(Error::Library)?;
    // The client keeps the ticket; the server keeps nothing.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

fn client_verifier(
    path: &Path,
    files: &mut Files,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let blame = |source| Error::ClientCa {
        path: path.to_owned(),
        source,
    };
    let mut roots = RootCertStore::empty();
    for certificate in files.certificates(path).map_err(blame)? {
        roots
            .add(certificate)
            .map_err(|error| blame(Fault::Unusable(error.into())))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .allow_unauthenticated()
        .build()
        .map_err(|error| blame(Fault::Unusable(error.into())))
}
