//! Which certificate a client is shown: by the host that it names and the signatures it verifies.
//!
//! Reads the files of a pair, but not their text: that is `pem.rs`'s.

use std::{
    collections::HashMap,
    fmt,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use rustls::{
    InconsistentKeys, SignatureScheme,
    crypto::CryptoProvider,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::{
    Certificate, CertificatePair, Error, Fault, Warning, certificate::Statement, pem::Files,
};

/// A certificate with its key, ready for use.
pub(super) struct Pair {
    file: PathBuf,
    statement: Statement,
    certified: Arc<CertifiedKey>,
}

/// All pairs of a server.
pub(super) struct Pairs {
    pairs: Vec<Pair>,
    /// Indices of the pairs for a host or, with `*` as first label, for all hosts of a domain.
    by_name: HashMap<String, Vec<usize>>,
}

/// Resolves for one connection and remembers what it chose.
pub(super) struct Witness {
    pairs: Arc<Pairs>,
    chosen: OnceLock<usize>,
}

impl Pair {
    pub(super) fn read(
        pair: &CertificatePair,
        files: &mut Files,
        provider: &CryptoProvider,
    ) -> Result<Self, Error> {
        let CertificatePair { certificate, key } = pair;
        let blame = |source| Error::Certificate {
            path: certificate.clone(),
            source,
        };
        let chain = files.certificates(certificate).map_err(blame)?;
        // A file of certificates has at least one.
        let statement = chain
            .first()
            .map(Statement::read)
            .ok_or(Error::NoCertificate)?;
        let statement = statement.map_err(blame)?;
        let blame = |source| Error::Key {
            path: key.clone(),
            source,
        };
        let key_der = files.key(key).map_err(blame)?;
        let signer = provider.key_provider.load_private_key(key_der);
        let signer = signer.map_err(|error| blame(Fault::Unusable(error.into())))?;
        let certified = CertifiedKey::new(chain, signer);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(_) => {
                let (certificate, key) = (certificate.clone(), key.clone());
                return Err(Error::Mismatch { certificate, key });
            }
        }
        Ok(Self {
            file: certificate.clone(),
            statement,
            certified: Arc::new(certified),
        })
    }

    pub(super) fn certificate(&self) -> Certificate {
        let Statement { names, expires, .. } = &self.statement;
        Certificate {
            file: self.file.clone(),
            names: names.clone(),
            expires: *expires,
        }
    }

    /// The gravest that there is to say at the moment `now`, in seconds since 1970.
    pub(super) fn warning(&self, now: u64) -> Option<Warning> {
        let certificate = self.file.clone();
        let Statement {
            names,
            begins,
            expires,
            ..
        } = &self.statement;
        if now > *expires {
            Some(Warning::Expired {
                certificate,
                since: *expires,
            })
        } else if now < *begins {
            Some(Warning::NotYetValid {
                certificate,
                until: *begins,
            })
        } else {
            names
                .is_empty()
                .then_some(Warning::Nameless { certificate })
        }
    }

    fn can_sign(&self, schemes: &[SignatureScheme]) -> bool {
        self.certified.key.choose_scheme(schemes).is_some()
    }
}

impl Pairs {
    pub(super) fn new(pairs: Vec<Pair>) -> Self {
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, pair) in pairs.iter().enumerate() {
            for name in &pair.statement.names {
                by_name.entry(name.clone()).or_default().push(index);
            }
        }
        Self { pairs, by_name }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter()
    }

    /// The pair for a client: one for its host before one for all hosts of the domain before the
    /// others; of each kind the first whose signature the client can verify.
    pub(super) fn select(&self, host: Option<&str>, schemes: &[SignatureScheme]) -> Option<usize> {
        let host = host.map(str::to_ascii_lowercase);
        // RFC 6125 §6.4.3: the asterisk stands for exactly one label.
        let domain = host.as_deref().and_then(|host| host.split_once('.'));
        let wildcard = domain.map(|(_, domain)| format!("*.{domain}"));
        let named = [host, wildcard].into_iter().flatten();
        let named = named
            .filter_map(|name| self.by_name.get(&name))
            .flatten()
            .copied();
        let mut candidates = named.chain(0..self.pairs.len());
        let first = candidates.clone().next();
        candidates
            .find(|index| self.pairs[*index].can_sign(schemes))
            .or(first)
    }
}

impl Witness {
    pub(super) fn new(pairs: Arc<Pairs>) -> Self {
        Self {
            pairs,
            chosen: OnceLock::new(),
        }
    }

    /// The channel binding of the certificate that was chosen.
    pub(super) fn end_point(&self) -> Option<Vec<u8>> {
        let pair = self
            .chosen
            .get()
            .and_then(|index| self.pairs.pairs.get(*index))?;
        pair.statement.end_point.clone()
    }
}

impl ResolvesServerCert for Witness {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let chosen = self
            .pairs
            .select(hello.server_name(), hello.signature_schemes())?;
        // A hello that is sent again asks for the same.
        let chosen = *self.chosen.get_or_init(|| chosen);
        self.pairs
            .pairs
            .get(chosen)
            .map(|pair| Arc::clone(&pair.certified))
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness")
            .field("chosen", &self.chosen)
            .finish_non_exhaustive()
    }
}
