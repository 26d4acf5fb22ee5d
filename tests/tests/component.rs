//! The component as it is built and embedded: what it may ask for, and how large it is.
//!
//! Reads the octets of the component; runs none of them.

use popcell::sandbox::EMBEDDED_COMPONENT;
use wasmparser::{ComponentExternalKind, Encoding, Parser, Payload};

/// Everything that a session can reach: two interfaces of the contract, and nothing of WASI.
const IMPORTS: &[&str] = &["popcell:pop3/auth@0.1.0", "popcell:pop3/mail@0.1.0"];

/// Everything that the host can call.
const EXPORTS: &[&str] = &["popcell:pop3/session@0.1.0"];

/// Most octets. It is a tenth of that; a standard library that got in by accident would be more.
const MAX_OCTETS: usize = 256 * 1024;

#[test]
fn the_component_imports_the_two_interfaces_and_nothing_else() {
    let mut imports = Vec::new();
    for payload in outermost() {
        if let Payload::ComponentImportSection(section) = payload {
            for import in section {
                imports.push(import.expect("a valid import").name.name.to_owned());
            }
        }
    }
    imports.sort();
    assert_eq!(imports, IMPORTS);
}

#[test]
fn the_component_exports_the_session_and_nothing_else() {
    let mut exports = Vec::new();
    for payload in outermost() {
        if let Payload::ComponentExportSection(section) = payload {
            for export in section {
                let export = export.expect("a valid export");
                assert_eq!(
                    export.kind,
                    ComponentExternalKind::Instance,
                    "{:?}",
                    export.name
                );
                exports.push(export.name.name.to_owned());
            }
        }
    }
    assert_eq!(exports, EXPORTS);
}

#[test]
fn the_core_of_the_component_has_one_memory_and_no_threads() {
    let mut memories = Vec::new();
    for payload in payloads() {
        if let Payload::MemorySection(section) = payload {
            memories.extend(
                section
                    .into_iter()
                    .map(|memory| memory.expect("a valid memory")),
            );
        }
    }
    let [memory] = memories[..] else {
        panic!("{} memories", memories.len())
    };
    assert!(!memory.shared && !memory.memory64);
}

#[test]
fn the_component_is_small() {
    let octets = EMBEDDED_COMPONENT.len();
    assert!((1..=MAX_OCTETS).contains(&octets), "{octets} octets");
}

/// All sections, those of nested modules and components too.
fn payloads() -> Vec<Payload<'static>> {
    let payloads = Parser::new(0).parse_all(EMBEDDED_COMPONENT);
    payloads
        .map(|payload| payload.expect("a valid component"))
        .collect()
}

/// The sections of the component itself.
fn outermost() -> Vec<Payload<'static>> {
    let mut depth = 0;
    let mut found = Vec::new();
    for payload in payloads() {
        if let Payload::Version { encoding, .. } = payload {
            let is_component = encoding == Encoding::Component;
            assert!(depth > 0 || is_component, "a module, not a component");
            depth += 1;
        } else if let Payload::End(_) = payload {
            depth -= 1;
        } else if depth == 1 {
            found.push(payload);
        }
    }
    found
}
