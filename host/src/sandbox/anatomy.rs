//! What a component is made of: what it imports and exports, and whether that is a session.
//!
//! Looks at components, runs none. For `popcell component inspect`.

use wasmtime::component::Component;

use super::{
    Error, Permission, contract,
    registry::{link, refused},
};

/// What a component imports and exports.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Anatomy {
    /// The interfaces that it imports, sorted.
    pub imports: Vec<String>,
    /// The interfaces that it exports, sorted.
    pub exports: Vec<String>,
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
        let fault = contract::check_exports(&exports)
            .and_then(|()| link(engine, &component, Permission::Wasi).map(drop))
            .err();
        Ok(Self {
            imports,
            exports,
            fault,
        })
    }

    /// Whether it imports interfaces of WASI.
    pub fn wants_wasi(&self) -> bool {
        self.imports.iter().any(|name| name.starts_with("wasi:"))
    }
}
