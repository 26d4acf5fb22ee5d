//! The components that sessions run in.
//!
//! One is the default: embedded, or a file that stands in for it. A session keeps the version that
//! it began in, whatever the registry holds later.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use rustix::io::Errno;
use sha2::{Digest, Sha256};
use wasmtime::component::{Component, Linker};

use super::{
    Error,
    clock::ClockHandle,
    contract::{Contract, Pre},
    wasi::{self, Permission},
};

/// One compiled component, ready to be instantiated.
pub struct Version {
    digest: String,
    permission: Permission,
    pub(super) pre: Pre,
    pub(super) clock: ClockHandle,
    /// Its sessions are those that are compiled into the host.
    #[cfg(feature = "native-session")]
    pub(super) is_native: bool,
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Version")
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl Version {
    /// Compiles a component and links it to what it may import.
    ///
    /// # Errors
    ///
    /// [`Error::Component`] says what is wrong with it: the octets are no component, or it imports
    /// or lacks something. [`Error::Wasi`] and [`Error::Executable`] say what to configure.
    pub(super) fn new(
        engine: &wasmtime::Engine,
        clock: &ClockHandle,
        wasm: &[u8],
        permission: Permission,
    ) -> Result<Self, Error> {
        let component = Component::from_binary(engine, wasm).map_err(refused)?;
        Ok(Self {
            digest: digest(wasm),
            permission,
            pre: link(engine, &component, permission)?,
            clock: clock.clone(),
            #[cfg(feature = "native-session")]
            is_native: false,
        })
    }

    /// The same by name, without a sandbox if that is what was asked for.
    #[cfg(feature = "native-session")]
    pub(super) fn or_native(self, engine: super::Engine) -> Self {
        Self {
            is_native: engine == super::Engine::Native,
            ..self
        }
    }

    /// Whether this is the same component, and may import the same.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.digest, self.permission) == (&other.digest, other.permission)
    }

    /// SHA-256 of the component, in hex: its name in logs and metrics.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What it may import.
    pub fn permission(&self) -> Permission {
        self.permission
    }
}

/// Gives a component what it imports, and finds what it has to export.
///
/// # Errors
///
/// As [`Version::new`].
pub(super) fn link(
    engine: &wasmtime::Engine,
    component: &Component,
    permission: Permission,
) -> Result<Pre, Error> {
    let component_type = component.component_type();
    permission.check(component_type.imports(engine).map(|(name, _)| name))?;
    let contract = Contract::of(component_type.exports(engine).map(|(name, _)| name))?;
    let mut linker = Linker::new(engine);
    contract.add_to_linker(&mut linker).map_err(refused)?;
    match permission {
        Permission::Contract => {}
        Permission::Wasi => wasi::add_to_linker(&mut linker).map_err(refused)?,
    }
    let pre = linker.instantiate_pre(component).map_err(refused)?;
    contract.find(pre).map_err(refused)
}

/// Why a component is not taken: the system's fault if it allows no executable memory.
pub(super) fn refused(error: wasmtime::Error) -> Error {
    let cause = error
        .chain()
        .find_map(<dyn std::error::Error>::downcast_ref);
    // By the kernel or SELinux, by a filter of system calls.
    if let Some(&(Errno::ACCESS | Errno::PERM)) = cause {
        return Error::Executable;
    }
    Error::Component(format!("{error:#}"))
}

/// SHA-256 of a component, in hex.
pub fn digest(wasm: &[u8]) -> String {
    Sha256::digest(wasm)
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect()
}

/// Which component a new session runs in, and which ones are compiled.
#[derive(Debug)]
pub(super) struct Registry {
    default: Arc<Version>,
    /// By digest and permission; what nobody holds any more is forgotten.
    compiled: Mutex<HashMap<(String, Permission), Weak<Version>>>,
}

impl Registry {
    pub(super) fn new(default: Version) -> Self {
        let default = Arc::new(default);
        let key = (default.digest.clone(), default.permission);
        let compiled = HashMap::from([(key, Arc::downgrade(&default))]);
        Self {
            default,
            compiled: Mutex::new(compiled),
        }
    }

    pub(super) fn default(&self) -> Arc<Version> {
        Arc::clone(&self.default)
    }

    pub(super) fn engine(&self) -> &wasmtime::Engine {
        self.default.pre.engine()
    }

    /// The version of these octets, compiled unless that is done already.
    ///
    /// # Errors
    ///
    /// As [`Version::new`].
    pub(super) fn compile(
        &self,
        wasm: &[u8],
        permission: Permission,
    ) -> Result<Arc<Version>, Error> {
        let key = (digest(wasm), permission);
        // Held while it compiles, so that nobody compiles the same beside. It takes all processors
        // anyway, and sessions do not come here.
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        compiled.retain(|_, version| version.strong_count() > 0);
        if let Some(version) = compiled.get(&key).and_then(Weak::upgrade) {
            return Ok(version);
        }
        let Version { pre, clock, .. } = &*self.default;
        let version = Version::new(pre.engine(), clock, wasm, permission)?;
        let version = Arc::new(version);
        compiled.insert(key, Arc::downgrade(&version));
        Ok(version)
    }
}
