//! What a component is made of: what it imports and exports, and whether that is a session.
//!
//! Looks at components, runs none. For `popcell component inspect`.

use wasmtime::component::Component;

use super::{
    Error, Permission, WIT_VERSION,
    contract::{Contract, check_exports},
    registry::{link, refused},
};

/// What a component imports and exports.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Anatomy {
    /// The interfaces that it imports, sorted.
    pub imports: Vec<String>,
    /// The interfaces that it exports, sorted.
    pub exports: Vec<String>,
    /// The version of the contract that it was held against: its own, if that is served.
    pub version: &'static str,
    /// Why it can not be a session, WASI or not, if that is so.
    pub fault: Option<Error>,
}

impl Anatomy {
    pub(super) fn of(engine: &wasmtime::Engine, wasm: &[u8]) -> Result<Self, Error> {
        let component = Component::from_binary(engine, wasm).map_err(refused)?;
        let described = component.component_type();
        let names = |name: &str| name.to_owned();
        let mut imports: Vec<_> = described
            .imports(engine)
            .map(|(name, _)| names(name))
            .collect();
        let mut exports: Vec<_> = described
            .exports(engine)
            .map(|(name, _)| names(name))
            .collect();
        imports.sort();
        exports.sort();
        let contract = Contract::of(exports.iter().map(String::as_str));
        let fault = check_exports(&exports)
            .and_then(|()| link(engine, &component, Permission::Wasi).map(drop))
            .err();
        Ok(Self {
            imports,
            exports,
            version: contract.map_or(WIT_VERSION, Contract::version),
            fault,
        })
    }

    /// Whether it imports interfaces of WASI.
    pub fn wants_wasi(&self) -> bool {
        self.imports.iter().any(|name| name.starts_with("wasi:"))
    }
}
