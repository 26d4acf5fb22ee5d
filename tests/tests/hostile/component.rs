//! What can not be a session, or would want more than a cell: refused when it is loaded.
//!
//! The message is for the operator, so it has to name what is wrong.

use popcell::sandbox::{Engine, EngineOptions, Error, Limits, Sandbox};

use super::attack::MEMORY;

#[test]
fn what_is_no_component_is_refused() {
    refused("octets", b"POP3 server ready", "magic");
    refused("nothing", b"", "unexpected end");
    refused("a core module", &wat("(module)"), "wasm module");
    refused(
        "half a component",
        &wat("(component)")[..7],
        "unexpected end",
    );
}

#[test]
fn a_component_that_is_no_session_is_refused() {
    let export = "popcell:pop3/session@0.1.0";
    refused("no export", &wat("(component)"), export);
    let empty = r#"(component
        (instance $session)
        (export "popcell:pop3/session@0.1.0" (instance $session)))"#;
    refused("an empty export", &wat(empty), "session");
}

#[test]
fn a_component_that_asks_for_more_than_the_contract_gives_is_refused() {
    let environment = r#"(component
        (import "wasi:cli/environment@0.2.0" (instance
            (export "get-arguments" (func (result (list string)))))))"#;
    refused("WASI", &wat(environment), "wasi:cli/environment@0.2.0");
    let requests = r#"(component
        (import "wasi:http/outgoing-handler@0.2.0" (instance)))"#;
    refused("HTTP", &wat(requests), "wasi:http/outgoing-handler@0.2.0");
    let newer = r#"(component
        (import "popcell:pop3/mail@0.2.0" (instance
            (export "erase-everything" (func)))))"#;
    refused("another contract", &wat(newer), "popcell:pop3/mail@0.2.0");
    let more = r#"(component
        (import "popcell:pop3/mail@0.1.0" (instance
            (export "erase-everything" (func)))))"#;
    refused("another function", &wat(more), "erase-everything");
}

#[test]
fn a_component_that_does_not_fit_a_cell_is_refused() {
    for (what, core, copies, words) in [
        ("a large memory", "(memory 17)", 1, "memory"),
        ("three memories", "(memory 1)", 3, "memories"),
        ("a 64-bit memory", "(memory i64 1)", 1, "memory64"),
        ("a shared memory", "(memory 1 1 shared)", 1, "threads"),
        ("a large table", "(table 20001 funcref)", 1, "table"),
        ("five tables", "(table 1 funcref)", 5, "tables"),
        ("seventeen instances", "", 17, "core module instances"),
    ] {
        let instances = "(core instance (instantiate $core))".repeat(copies);
        let text = format!("(component (core module $core {core}) {instances})");
        refused(what, &wat(&text), words);
    }
}

/// The sandbox does not take it, and says why in these words.
fn refused(what: &str, wasm: &[u8], words: &str) {
    let options = EngineOptions {
        cells: 1,
        cell_memory: MEMORY,
        engine: Engine::default(),
    };
    let error = Sandbox::new(options, Limits::default(), wasm).map(drop);
    let Err(error @ (Error::Component(_) | Error::Wasi { .. })) = &error else {
        panic!("{what}: {error:?}")
    };
    let why = error.to_string();
    assert!(
        why.contains(words),
        "{what}: {why:?} does not say {words:?}"
    );
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}
