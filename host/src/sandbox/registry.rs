//! The components that sessions run in.
//!
//! So far one: embedded, or a file that stands in for it. A session keeps the version that it began
//! in, whatever the registry holds later.

use std::{fmt, sync::Arc};

use sha2::{Digest, Sha256};
use wasmtime::component::{Component, HasSelf, Linker};

use super::{
    Error,
    bindings::{Pop3Session, Pop3SessionPre},
    cell::Cell,
};

/// One compiled component, ready to be instantiated.
pub struct Version {
    digest: String,
    pub(super) pre: Pop3SessionPre<Cell>,
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Version")
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl Version {
    /// Compiles a component and links it to the imports of the contract.
    ///
    /// # Errors
    ///
    /// [`Error::Component`] says what is wrong with it: the octets are no component, or it imports
    /// or lacks something.
    pub(super) fn new(engine: &wasmtime::Engine, wasm: &[u8]) -> Result<Self, Error> {
        let refused = |error: wasmtime::Error| Error::Component(format!("{error:#}"));
        let component = Component::from_binary(engine, wasm).map_err(refused)?;
        let mut linker = Linker::new(engine);
        Pop3Session::add_to_linker::<Cell, HasSelf<Cell>>(&mut linker, |cell| cell)
            .map_err(refused)?;
        let pre = linker.instantiate_pre(&component).map_err(refused)?;
        Ok(Self {
            digest: digest(wasm),
            pre: Pop3SessionPre::new(pre).map_err(refused)?,
        })
    }

    /// Whether this is the same component.
    pub fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    /// SHA-256 of the component, in hex: its name in logs and metrics.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// SHA-256 of a component, in hex.
pub fn digest(wasm: &[u8]) -> String {
    Sha256::digest(wasm)
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect()
}

/// Which component a new session runs in.
#[derive(Debug)]
pub(super) struct Registry {
    default: Arc<Version>,
}

impl Registry {
    pub(super) fn new(default: Version) -> Self {
        Self {
            default: Arc::new(default),
        }
    }

    pub(super) fn default(&self) -> Arc<Version> {
        Arc::clone(&self.default)
    }

    pub(super) fn compile(&self, wasm: &[u8]) -> Result<Arc<Version>, Error> {
        if digest(wasm) == self.default.digest {
            return Ok(self.default());
        }
        Ok(Arc::new(Version::new(self.default.pre.engine(), wasm)?))
    }
}
