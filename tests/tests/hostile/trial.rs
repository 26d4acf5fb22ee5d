//! Guests on trial: each kind of wrongness is found, and what is right in other words passes.

use std::time::Duration;

use popcell::{
    sandbox::{Engine, EngineOptions, Error, Limits, Permission, Sandbox},
    trial::{self, Cause, Failure, Report, Verdict},
};

use super::attack::{LONG, MEMORY, run};

const HOSTILE: &[u8] = include_bytes!(env!("POPCELL_HOSTILE_GUEST"));
const EXAMPLE: &[u8] = include_bytes!(env!("POPCELL_EXAMPLE_GUEST"));
const STD: &[u8] = include_bytes!(env!("POPCELL_STD_GUEST"));

/// What stands in front of the engraved order, and how long both are.
const MARK: &[u8] = b"POPCELL-ENGRAVED";
const ENGRAVED: usize = 64;

/// What is not there in the example, as `docs/write-a-component.md` says.
const NOT_THERE: [&str; 5] = ["uidl", "top", "capa", "auth-plain", "apop"];

fn sandbox(wasm: &[u8], permission: Permission, call_time: Duration) -> Sandbox {
    let limits = Limits {
        memory: MEMORY,
        call_time,
        session_time: 10 * LONG,
        ..Limits::default()
    };
    let options = EngineOptions {
        cells: 2,
        cell_memory: MEMORY,
        engine: Engine::default(),
    };
    Sandbox::with_permission(options, limits, wasm, permission).unwrap()
}

fn rehearse_all(wasm: &[u8], permission: Permission, call_time: Duration) -> Report {
    let sandbox = sandbox(wasm, permission, call_time);
    run(trial::rehearse_all(
        &sandbox,
        &sandbox.version(),
        sandbox.terms(),
    ))
}

/// The hostile guest with this order for each of its sessions.
fn engraved(order: &str) -> Vec<u8> {
    let mut wasm = HOSTILE.to_vec();
    let at = wasm.windows(MARK.len()).position(|octets| octets == MARK);
    let at = at.unwrap() + MARK.len();
    assert!(order.len() <= ENGRAVED - MARK.len());
    wasm[at..at + order.len()].copy_from_slice(order.as_bytes());
    wasm
}

/// The same octets with this text instead of that one, everywhere.
fn reworded(wasm: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut wasm = wasm.to_vec();
    let mut found = 0;
    for at in 0..wasm.len() - from.len() {
        if wasm[at..].starts_with(from.as_bytes()) {
            wasm[at..at + to.len()].copy_from_slice(to.as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "{from} is not in the guest");
    wasm
}

/// The first failure of this dialogue.
fn failure<'r>(report: &'r Report, dialogue: &str, is_suspended: bool) -> Option<&'r Failure> {
    let mut failures = report.failures();
    failures.find(|found| (found.dialogue, found.is_suspended) == (dialogue, is_suspended))
}

#[test]
fn a_component_with_other_words_passes() {
    let report = rehearse_all(EXAMPLE, Permission::Wasi, LONG);
    let failures: Vec<_> = report.failures().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    for performance in report.performances {
        let expected = match NOT_THERE.contains(&performance.dialogue) {
            true => Verdict::NotThere,
            false => Verdict::Passed,
        };
        assert_eq!(
            performance.outcome,
            Ok(expected),
            "{}",
            performance.dialogue
        );
    }
}

#[test]
fn a_component_that_does_not_stop_traps_or_breaks_the_contract_fails() {
    let limit =
        |error: &Error, name: &str| matches!(error, Error::Limit(limit) if limit.name() == name);
    let is_trap = |error: &Error| matches!(error, Error::Trap(_));
    let is_breach = |error: &Error| matches!(error, Error::Contract(_));
    let is_refusal = |error: &Error| *error == Error::Refused("unknown-format");
    for (order, is_suspended, is_right) in [
        (
            "constructor TRAP",
            false,
            &is_trap as &dyn Fn(&Error) -> bool,
        ),
        ("lines SPIN", false, &|error| limit(error, "call_time")),
        ("lines GROW", false, &|error| limit(error, "memory")),
        ("lines FLOOD 100000", false, &is_breach),
        ("lines START-TLS", false, &is_breach),
        ("greet FLOOD 1025", false, &is_breach),
        ("suspend TRAP", true, &is_trap),
        ("suspend STATE 40000", true, &is_breach),
        ("resume TRAP", true, &is_trap),
        ("resume REFUSE", true, &is_refusal),
    ] {
        let sandbox = sandbox(
            &engraved(order),
            Permission::Contract,
            Duration::from_millis(200),
        );
        let (version, terms) = (sandbox.version(), sandbox.terms());
        let report = match is_suspended {
            true => run(trial::rehearse_all(&sandbox, &version, terms)),
            false => Report::default(),
        };
        let first = run(trial::rehearse(&sandbox, &version, terms)).unwrap_err();
        let found = match is_suspended {
            true => failure(&report, "greeting", true).unwrap(),
            false => &first,
        };
        let is_found = matches!(&found.cause, Cause::Sandbox(error) if is_right(error));
        assert!(is_found, "{order}: {found}");
    }
}

#[test]
fn a_component_that_answers_wrongly_fails() {
    // It says +OK to everything, and does not close.
    let report = rehearse_all(&engraved(""), Permission::Contract, LONG);
    let greeting = failure(&report, "greeting", false).unwrap();
    assert_eq!((&greeting.cause, greeting.line), (&Cause::GoesOn, 5));
    for dialogue in [
        "login-refused",
        "unknown-commands",
        "stat-list",
        "retr",
        "overlong",
    ] {
        let found = failure(&report, dialogue, false).unwrap();
        let is_word = matches!(found.cause, Cause::Differs { .. } | Cause::Silent { .. });
        assert!(is_word, "{found}");
    }
    // It knows no LIST.
    let report = rehearse_all(STD, Permission::Wasi, LONG);
    assert!(failure(&report, "greeting", true).is_none());
    let list = failure(&report, "stat-list", false).unwrap().to_string();
    assert_eq!(
        list,
        "dialogue stat-list, line 8: expected +OK*, found -ERR unknown command"
    );
}

#[test]
fn one_wrong_word_is_found_where_it_is_said() {
    for (right, wrong, dialogue, what) in [
        (
            "+OK nothing is deleted",
            "-ERR I delete nothing!",
            "dele-rset-noop",
            "found -ERR",
        ),
        (
            "-ERR not now",
            "+OK! not now",
            "unknown-commands",
            "found +OK!",
        ),
        (
            "-ERR some messages are",
            "+OK no messages are st",
            "quit-removes-in-part",
            "found +OK no",
        ),
        (
            "+OK here it is",
            "here it is +OK",
            "retr",
            "found here it is",
        ),
        (
            "-ERR [AUTH] no",
            "-ERR [AUTH]\nno",
            "login-refused",
            "expected",
        ),
    ] {
        let report = rehearse_all(&reworded(EXAMPLE, right, wrong), Permission::Wasi, LONG);
        match failure(&report, dialogue, false) {
            Some(found) => assert!(found.to_string().contains(what), "{found}"),
            None => panic!("{wrong}: {:?}", report.failures().collect::<Vec<_>>()),
        }
    }
}
