//! A component in a file: read once, and held against its digest and its signature.
//!
//! Knows no sandbox: what it gives are octets, and nothing that happens to the file later changes
//! them. Called by `services.rs` and `popcell check`.

use std::{
    fmt, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use base64ct::{Base64, Encoding as _};
use minisign_verify::{PublicKey, Signature};

use crate::sandbox;

/// Most octets of a component. One with a JavaScript engine in it has twelve million.
pub const MAX_OCTETS: u64 = 64 << 20;

/// Most octets of a signature: four lines, of which two are comments of up to 8 KiB.
const MAX_SIGNATURE_OCTETS: u64 = 32 << 10;

/// What a file's signature is called if nothing else is said.
const SIGNATURE_EXTENSION: &str = ".minisig";

/// Which file, and what has to be true of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Options {
    /// The component.
    pub file: PathBuf,
    /// Its SHA-256 in hex, if it has to be that one.
    pub sha256: Option<String>,
    /// Its signature; if nothing is said, the file's name with `.minisig` behind it, if it is there.
    pub signature: Option<PathBuf>,
    /// Whether it may import WASI, of which clocks and randomness work.
    pub wasi: bool,
}

/// Whose components are taken.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Trust {
    /// A signature that is there has to be by one of these.
    pub keys: Vec<Key>,
    /// Whether there has to be one. The embedded component is a part of the program and needs none.
    pub require_signed: bool,
}

/// A public key of minisign.
#[derive(Clone, Eq, PartialEq)]
pub struct Key {
    id: KeyId,
    key: PublicKey,
}

/// Eight octets that name a key, in signatures as well. They prove nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyId(u64);

/// Why a component is not taken from its file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is another file than the one that was pinned.
    #[error("component {}: its SHA-256 is {found}, expected {expected}", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// What the configuration says.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The key is trusted, but did not sign this.
    #[error("component {}: the signature by key {key} is not of this file: {source}", path.display())]
    Forged {
        /// The file.
        path: PathBuf,
        /// The key.
        key: KeyId,
        /// What does not fit.
        source: minisign_verify::Error,
    },
    /// Nobody knows the key.
    #[error(
        "component {}: signed by key {found}, which is not in [trust]; expected {expected}",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The key that signed it, or says that it did.
        found: KeyId,
        /// The keys that would be right.
        expected: String,
    },
    /// A signature that is none.
    #[error("component {}: {} is no signature of minisign", path.display(), signature.display())]
    Garbled {
        /// The file.
        path: PathBuf,
        /// The signature.
        signature: PathBuf,
    },
    /// It is larger than any component.
    #[error("component {}: larger than {MAX_OCTETS} octets", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file, or its signature, can not be read.
    #[error("component {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no signature, and there has to be one.
    #[error(
        "component {}: not signed: there is no {}; expected a signature by {expected}",
        path.display(),
        signature.display()
    )]
    Unsigned {
        /// The file.
        path: PathBuf,
        /// Where its signature would be.
        signature: PathBuf,
        /// The keys that would be right.
        expected: String,
    },
}

impl Options {
    /// A file of which nothing has to be true.
    pub fn new(file: PathBuf) -> Self {
        Self {
            file,
            sha256: None,
            signature: None,
            wasi: false,
        }
    }

    fn signature(&self) -> PathBuf {
        self.signature.clone().unwrap_or_else(|| {
            let mut beside = self.file.clone().into_os_string();
            beside.push(SIGNATURE_EXTENSION);
            beside.into()
        })
    }
}

impl Key {
    /// Reads a key as `minisign -G` prints it, `RWQ...`; `None` if it is not one.
    pub fn from_base64(text: &str) -> Option<Self> {
        Some(Self {
            id: KeyId::of(text)?,
            key: PublicKey::from_base64(text).ok()?,
        })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl KeyId {
    /// The key that a key, or the first line of a signature, names: behind two octets of the
    /// algorithm.
    fn of(base64: &str) -> Option<Self> {
        let octets = Base64::decode_vec(base64).ok()?;
        let id = octets.get(2..10)?.try_into().ok()?;
        Some(Self(u64::from_le_bytes(id)))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

impl Trust {
    /// The keys, as messages name them.
    fn names(&self) -> String {
        let names: Vec<_> = self.keys.iter().map(|key| key.id.to_string()).collect();
        format!("key {}", names.join(" or "))
    }
}

/// Reads a component, if what has to be true of it is.
///
/// # Errors
///
/// See [`Error`]; the operator is to blame, or whoever changed the file.
pub fn load(options: &Options, trust: &Trust) -> Result<Vec<u8>, Error> {
    let path = || options.file.clone();
    let wasm = read(&options.file, MAX_OCTETS)?;
    if let Some(expected) = &options.sha256 {
        let found = sandbox::digest(&wasm);
        if !found.eq_ignore_ascii_case(expected) {
            return Err(Error::Digest {
                path: path(),
                expected: expected.clone(),
                found,
            });
        }
    }
    // Without keys a signature says nothing.
    if trust.keys.is_empty() && !trust.require_signed {
        return Ok(wasm);
    }
    let signature = options.signature();
    match read(&signature, MAX_SIGNATURE_OCTETS) {
        Ok(text) => verify(&wasm, &text, options, trust)?,
        Err(Error::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            if trust.require_signed || options.signature.is_some() {
                return Err(Error::Unsigned {
                    path: path(),
                    signature,
                    expected: trust.names(),
                });
            }
        }
        Err(error) => return Err(error),
    }
    Ok(wasm)
}

/// The key that made the signature beside a component, or says that it did: nothing is verified.
/// `None` if there is no signature.
///
/// # Errors
///
/// [`Error::Garbled`] and [`Error::Unreadable`].
pub fn signer(options: &Options) -> Result<Option<KeyId>, Error> {
    let signature = options.signature();
    let text = match read(&signature, MAX_SIGNATURE_OCTETS) {
        Err(Error::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        text => text?,
    };
    let line = str::from_utf8(&text).ok();
    let line = line.and_then(|text| text.lines().nth(1));
    line.and_then(KeyId::of)
        .map(Some)
        .ok_or_else(|| Error::Garbled {
            path: options.file.clone(),
            signature,
        })
}

fn verify(wasm: &[u8], text: &[u8], options: &Options, trust: &Trust) -> Result<(), Error> {
    let path = || options.file.clone();
    let garbled = || Error::Garbled {
        path: path(),
        signature: options.signature(),
    };
    let text = str::from_utf8(text).map_err(|_| garbled())?;
    let signature = Signature::decode(text).map_err(|_| garbled())?;
    let id = text.lines().nth(1).and_then(KeyId::of);
    let id = id.ok_or_else(garbled)?;
    let Some(key) = trust.keys.iter().find(|key| key.id == id) else {
        return Err(Error::Foreign {
            path: path(),
            found: id,
            expected: trust.names(),
        });
    };
    // The legacy format, which signs the file itself, minisign makes only when it is told to (-l).
    let verified = key.key.verify(wasm, &signature, false);
    verified.map_err(|source| Error::Forged {
        path: path(),
        key: id,
        source,
    })
}

/// A whole file, unless it has more than `max` octets.
fn read(path: &Path, max: u64) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = fs::File::open(path).map_err(unreadable)?;
    let mut octets = Vec::new();
    let read = file.take(max + 1).read_to_end(&mut octets);
    if u64::try_from(read.map_err(unreadable)?).is_ok_and(|read| read <= max) {
        return Ok(octets);
    }
    Err(Error::TooLarge {
        path: path.to_owned(),
    })
}

#[cfg(test)]
mod tests;
