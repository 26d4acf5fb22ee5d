//! Why certificates and keys can not be used, in words that say which file and what to do.
//!
//! Failed handshakes are `handshake.rs`'s.

use std::{io, path::PathBuf};

/// Why there is no TLS. The operator is to blame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A certificate's file is not what it should be.
    #[error("certificate {}: {source}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Fault,
    },
    /// The file with the authorities of client certificates is not what it should be.
    #[error("client authorities {}: {source}", path.display())]
    ClientCa {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Fault,
    },
    /// The server is ending, or the reading of the files failed in a way that is our fault.
    #[error("reading the certificates was broken off")]
    Interrupted,
    /// A key's file is not what it should be.
    #[error("key {}: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Fault,
    },
    /// The machine's fault or ours: no random numbers, say.
    #[error("TLS can not be set up: {0}")]
    Library(#[source] rustls::Error),
    /// Each of the files is right, and they do not go together.
    #[error(
        "key {} does not belong to the first certificate of {}; they have to be made for each \
         other, and the server's own certificate has to be the first of its file",
        key.display(), certificate.display()
    )]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// There is no certificate in the options.
    #[error("TLS needs a certificate")]
    NoCertificate,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It begins like PEM and goes on like something else.
    #[error("its PEM is damaged")]
    Damaged,
    /// It is in DER.
    #[error("DER, not PEM; 'openssl x509' and 'openssl pkey' with '-inform DER' convert it")]
    Der,
    /// There is nothing in it.
    #[error("empty")]
    Empty,
    /// A key with a passphrase.
    #[error(
        "encrypted, and the server can not ask for the passphrase; \
         'openssl pkey -in FILE -out FILE' writes it decrypted"
    )]
    Encrypted,
    /// PEM of another kind.
    #[error("no {expected} in it, but {found}; are the files the wrong way round?")]
    Missing {
        /// What should be there.
        expected: &'static str,
        /// What is there instead.
        found: &'static str,
    },
    /// A directory, say.
    #[error("not a file")]
    NotAFile,
    /// Nothing in it is PEM.
    #[error("no {expected} in PEM in it, which begins with -----BEGIN")]
    NotPem {
        /// What should be there.
        expected: &'static str,
    },
    /// Larger than any such file is.
    #[error("larger than {limit} octets")]
    TooLarge {
        /// Most octets that are read.
        limit: u64,
    },
    /// The system does not give it.
    #[error("can not be read: {0}")]
    Unreadable(#[source] io::Error),
    /// PEM of the right kind, of an algorithm or a form that is not supported, or broken inside.
    #[error("can not be used: {0}")]
    Unusable(#[source] Box<dyn std::error::Error + Send + Sync>),
}
