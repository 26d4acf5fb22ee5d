//! Certificates and keys from PEM files, and a digest of all that was read.
//!
//! Does not look into what PEM wraps.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use rustls::pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject, SectionKind},
};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::Fault;

/// Most octets of a file: some two hundred certificates of the usual size.
const MAX_FILE_OCTETS: u64 = 1 << 20;

/// What a DER file begins with: the tag of a sequence and a length of two octets.
const DER_START: &[u8] = &[0x30, 0x82];

/// How a key says that it needs a passphrase: in its first line since PKCS #8, in a header before.
const ENCRYPTED: [&str; 2] = [
    "-----BEGIN ENCRYPTED PRIVATE KEY-----",
    "Proc-Type: 4,ENCRYPTED",
];

const CERTIFICATE: &str = "certificate";
const KEY: &str = "private key";

/// Reads files, one after the other.
#[derive(Default)]
pub(super) struct Files {
    digest: Sha256,
}

impl Files {
    /// All certificates of a file, at least one.
    pub(super) fn certificates(
        &mut self,
        path: &Path,
    ) -> Result<Vec<CertificateDer<'static>>, Fault> {
        let text = self.read(path)?;
        let certificates = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|_| Fault::Damaged)?;
        if certificates.is_empty() {
            return Err(missing(&text, CERTIFICATE));
        }
        Ok(certificates)
    }

    /// The first private key of a file.
    pub(super) fn key(&mut self, path: &Path) -> Result<PrivateKeyDer<'static>, Fault> {
        let text = self.read(path)?;
        let is_encrypted =
            |mark: &str| text.windows(mark.len()).any(|part| part == mark.as_bytes());
        if ENCRYPTED.into_iter().any(is_encrypted) {
            return Err(Fault::Encrypted);
        }
        PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
            let is_missing = matches!(error, pem::Error::NoItemsFound);
            if is_missing {
                missing(&text, KEY)
            } else {
                Fault::Damaged
            }
        })
    }

    /// Of all files that were read, in their order.
    pub(super) fn digest(self) -> [u8; 32] {
        self.digest.finalize().into()
    }

    fn read(&mut self, path: &Path) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let text = read(path)?;
        self.digest.update(Sha256::digest(text.as_slice()));
        Ok(text)
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Fault> {
    // Before it is opened: opening a pipe would wait for whoever writes into it.
    if !fs::metadata(path).map_err(Fault::Unreadable)?.is_file() {
        return Err(Fault::NotAFile);
    }
    let file = File::open(path).map_err(Fault::Unreadable)?;
    let length = file.metadata().map_err(Fault::Unreadable)?.len();
    if length > MAX_FILE_OCTETS {
        return Err(Fault::TooLarge {
            limit: MAX_FILE_OCTETS,
        });
    }
    // Room for all of it from the start, so that a key is not left behind by a growing buffer.
    let room = usize::try_from(length)
        .unwrap_or_default()
        .saturating_add(1);
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    file.take(length)
        .read_to_end(&mut text)
        .map_err(Fault::Unreadable)?;
    if text.trim_ascii().is_empty() {
        return Err(Fault::Empty);
    }
    Ok(text)
}

/// What to say of a file that has nothing of the kind that is asked for.
fn missing(text: &[u8], expected: &'static str) -> Fault {
    if text.starts_with(DER_START) {
        return Fault::Der;
    }
    match <(SectionKind, Vec<u8>)>::from_pem_slice(text) {
        Ok((kind, _)) => Fault::Missing {
            expected,
            found: name(kind),
        },
        Err(_) => Fault::NotPem { expected },
    }
}

fn name(kind: SectionKind) -> &'static str {
    match kind {
        SectionKind::Certificate => "a certificate",
        SectionKind::Crl => "a list of revoked certificates",
        SectionKind::Csr => "a request for a certificate",
        SectionKind::EcPrivateKey | SectionKind::PrivateKey | SectionKind::RsaPrivateKey => {
            "a private key"
        }
        SectionKind::EchConfigList => "keys of encrypted hellos",
        SectionKind::PublicKey => "a public key",
        _ => "something else",
    }
}
