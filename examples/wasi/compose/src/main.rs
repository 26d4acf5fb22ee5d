//! Makes one component of three: compose DRIVER SESSION BACKEND OUTPUT
//!
//! ```text
//!   wasi:cli/run ◀── driver ── session ──▶ session ── mail, auth ──▶ backend
//! ```
//!
//! What is left over, WASI, is imported. The driver never takes a session out of its cell, so it
//! has no need of `mail` and `auth`; one that did would get them from the same backend.

use std::{env, error::Error, fs, process::ExitCode};

use wac_graph::{CompositionGraph, EncodeOptions, NodeId, types::Package};

const MAIL: &str = "popcell:pop3/mail@0.1.0";
const AUTH: &str = "popcell:pop3/auth@0.1.0";
const SESSION: &str = "popcell:pop3/session@0.1.0";
const RUN: &str = "wasi:cli/run@";

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [driver, session, backend, output] = &arguments[..] else {
        eprintln!("compose: expected DRIVER SESSION BACKEND OUTPUT, found {arguments:?}");
        return ExitCode::from(2);
    };
    match compose(driver, session, backend).and_then(|wasm| Ok(fs::write(output, wasm)?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compose: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compose(driver: &str, session: &str, backend: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut composition = Composition(CompositionGraph::new());
    let (backend, _) = composition.instance(backend, "popcell:backend", &[])?;
    let mail = composition.export(backend, MAIL)?;
    let auth = composition.export(backend, AUTH)?;
    let store = [(MAIL, mail), (AUTH, auth)];
    let (session, _) = composition.instance(session, "popcell:session", &store)?;
    let session = composition.export(session, SESSION)?;
    let imports = [(SESSION, session)];
    let (driver, exports) = composition.instance(driver, "popcell:driver", &imports)?;
    let run = exports
        .iter()
        .find(|name| name.starts_with(RUN))
        .ok_or_else(|| format!("the driver: expected an export {RUN}..., found {exports:?}"))?;
    let running = composition.export(driver, run)?;
    composition.0.export(running, run)?;
    Ok(composition.0.encode(EncodeOptions::default())?)
}

struct Composition(CompositionGraph);

impl Composition {
    /// An instance of the component in `file` with these imports, and the names of its exports.
    fn instance(
        &mut self,
        file: &str,
        name: &str,
        imports: &[(&str, NodeId)],
    ) -> Result<(NodeId, Vec<String>), Box<dyn Error>> {
        let wasm = fs::read(file).map_err(|error| format!("{file}: {error}"))?;
        let package = Package::from_bytes(name, None, wasm, self.0.types_mut())
            .map_err(|error| format!("{file}: expected a component, found: {error:#}"))?;
        let world = &self.0.types()[package.ty()];
        let exports = world.exports.keys().cloned().collect();
        let imported: Vec<_> = world.imports.keys().cloned().collect();
        let id = self.0.register_package(package)?;
        let instance = self.0.instantiate(id);
        for (import, from) in imports {
            if !imported.iter().any(|name| name == import) {
                let found = format!("{file}: expected an import {import}, found {imported:?}");
                return Err(found.into());
            }
            self.0
                .set_instantiation_argument(instance, import, *from)
                .map_err(|error| format!("{file}: {import}: {error:#}"))?;
        }
        Ok((instance, exports))
    }

    fn export(&mut self, instance: NodeId, name: &str) -> Result<NodeId, Box<dyn Error>> {
        Ok(self.0.alias_instance_export(instance, name)?)
    }
}
