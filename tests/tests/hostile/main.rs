//! The guest is hostile, always: every limit of the sandbox, and a guest that breaks it.
//!
//! The guest is `guests/hostile`; it is told what to do line by line. Here it is called through the
//! sandbox, in `served` over a socket; `component` is about what is not even started, `trial` about what
//! never gets a session, `forward` about what goes past it, `left` about what it leaves behind. After every
//! attack the mail is there, the maildrop is free, and a neighbour in the same sandbox is served.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not go on fails at once"
)]

mod attack;
mod component;
mod forward;
mod left;
mod parked;
mod served;
mod trial;

use std::time::Duration;

use popcell::{
    capability::{Answer, Exchange, Grant, Login, Refusal},
    sandbox::{Error, Limit, Limits},
};
use popcell_tests::sandboxed;

use attack::{
    Ended, HASTY, LONG, MEMORY, PATIENT, attack, greeted, limited, run, sandbox, strike, tell,
    unharmed, world,
};

const ASKED: Ended = Ended::Contract("more output than was asked for");
const CALLS: Ended = Ended::Limit("host_calls");
const CONSUMED: Ended = Ended::Contract("consumed something else than whole lines");
const GOES_ON: Ended = Ended::Contract("a session that goes on after its commit");
const LOGIN: Ended = Ended::Contract("a login after a login");
const READ: Ended = Ended::Contract("a read of no octets or of more than 1,048,576");
const TIME: Ended = Ended::Limit("call_time");
const TURN: Ended = Ended::Contract("an exchange out of turn");
const WINDOW: Ended = Ended::Contract("a window from message 0 or of more than 4,096 messages");

#[test]
fn a_guest_that_does_not_stop_is_stopped() {
    attack(
        &HASTY,
        &[
            (&["SPIN"], TIME),
            (&["HOARD"], TIME),
            (&["AT realloc SPIN"], TIME),
        ],
    );
}

#[test]
fn a_guest_that_uses_up_stack_memory_or_handles_is_trapped() {
    attack(
        &PATIENT,
        &[
            (&["RECURSE"], Ended::Trap("call stack exhausted")),
            (&["CALL-DEEP"], Ended::Trap("call stack exhausted")),
            (&["GROW"], Ended::Limit("memory")),
            (&["SESSIONS"], Ended::Trap("handle limit exceeded")),
            (
                &["START NONE", "STARTS PLAIN"],
                Ended::Contract("more capabilities than a cell holds"),
            ),
        ],
    );
}

#[test]
fn a_guest_that_traps_is_gone() {
    attack(
        &PATIENT,
        &[
            (&["TRAP"], Ended::Trap("unreachable")),
            (&["LOGIN", "OPEN 1", "TRAP"], Ended::Trap("unreachable")),
            (&["AT realloc TRAP"], Ended::Trap("unreachable")),
            (&["AT realloc LIE"], Ended::Trap("realloc return")),
            // Memory that it was refused, and did without, is not the reason.
            (&["GRASP", "TRAP"], Ended::Trap("unreachable")),
        ],
    );
}

#[test]
fn every_call_of_the_contract_is_limited() {
    for call in [
        "constructor",
        "greet",
        "more",
        "overlong",
        "suspend",
        "resume",
    ] {
        for (sandbox, order, ended) in [
            (&PATIENT, "TRAP", Ended::Trap("unreachable")),
            (&PATIENT, "GROW", Ended::Limit("memory")),
            (&HASTY, "SPIN", TIME),
        ] {
            strike(sandbox, &[&format!("AT {call} {order}")], ended);
        }
    }
}

#[test]
fn a_step_that_is_not_true_is_a_breach() {
    attack(
        &PATIENT,
        &[
            (&["FLOOD 2049"], ASKED),
            (&["FLOOD 500000"], ASKED),
            (&["AT more FLOOD 2049"], ASKED),
            (&["AT greet FLOOD 1025"], ASKED),
            (&["AT overlong FLOOD 1025"], ASKED),
            (&["LENGTH 100000000"], Ended::Trap("out of bounds")),
            (&["LENGTH 2000000"], Ended::Trap("out of bounds")),
            (&["CONSUME 0"], CONSUMED),
            (&["CONSUME 5"], CONSUMED),
            (&["CONSUME 1000000"], CONSUMED),
            (&["CONSUME 4294967295"], CONSUMED),
            (&["AT more CONSUME 1"], CONSUMED),
            (&["AT greet CONSUME 1"], CONSUMED),
            (&["AT overlong CONSUME 1"], CONSUMED),
            (
                &["AT more MUTE"],
                Ended::Contract("an answer that does not go on"),
            ),
        ],
    );
}

#[test]
fn a_guest_that_calls_the_host_for_ever_is_stopped() {
    attack(
        &PATIENT,
        &[
            (&["GUESS"], CALLS),
            (&["LOGIN", "CALLS"], CALLS),
            (&["LOGIN", "OPENS"], CALLS),
            (&["LOGIN", "OPEN 1", "READS"], CALLS),
        ],
    );
}

#[test]
fn a_session_has_one_login() {
    attack(
        &PATIENT,
        &[
            (&["LOGIN", "LOGIN"], LOGIN),
            (&["LOGIN", "RELEASE", "LOGIN"], LOGIN),
            (&["LOGIN", "APOP"], LOGIN),
            (&["LOGIN", "START PLAIN"], LOGIN),
            (&["START PLAIN", "LOGIN", "BEGIN"], LOGIN),
            (&["START PLAIN", "BEGIN", "LOGIN", "RESPOND x"], LOGIN),
        ],
    );
}

#[test]
fn an_exchange_has_an_order() {
    attack(
        &PATIENT,
        &[
            (&["START PLAIN", "RESPOND x"], TURN),
            (&["START PLAIN", "BEGIN", "BEGIN"], TURN),
            (&["START PLAIN", "BEGIN", "RESPOND x", "RESPOND x"], TURN),
            (&["START PLAIN", "BEGIN", "RESPOND x", "BEGIN"], TURN),
        ],
    );
}

#[test]
fn a_maildrop_gives_no_more_than_the_contract_says() {
    attack(
        &PATIENT,
        &[
            (&["LOGIN", "SIZES 0 1"], WINDOW),
            (&["LOGIN", "SIZES 1 4097"], WINDOW),
            (&["LOGIN", "SIZES 1 4294967295"], WINDOW),
            (&["LOGIN", "UIDS 0 1"], WINDOW),
            (&["LOGIN", "UIDS 1 4097"], WINDOW),
            (&["LOGIN", "OPEN 1", "READ 0"], READ),
            (&["LOGIN", "OPEN 1", "READ 1048577"], READ),
            (
                &["LOGIN", "OPEN 1", "OPEN 2"],
                Ended::Contract("a second open message"),
            ),
        ],
    );
}

#[test]
fn a_commit_that_is_not_one_removes_nothing() {
    let unknown = Ended::Contract("a mark on a message that does not exist");
    attack(
        &PATIENT,
        &[
            (&["LOGIN", "COMMIT 3"], unknown),
            (&["LOGIN", "COMMIT 100000"], unknown),
            (
                &["LOGIN", "OPEN 1", "COMMIT 1"],
                Ended::Contract("a commit while a message is open"),
            ),
            (&["LOGIN", "COMMITS"], Ended::Trap("unknown handle index")),
            // It deletes nothing, and ends: nobody would know what it does afterwards.
            (&["LOGIN", "COMMIT 0"], GOES_ON),
        ],
    );
}

#[test]
fn nothing_is_committed_that_no_client_has_asked_for() {
    let unasked = Ended::Contract("a commit without a QUIT");
    attack(
        &PATIENT,
        &[
            (&["LOGIN", "UNASKED 1"], unasked),
            (&["LOGIN", "AT more COMMIT 1"], unasked),
            (&["LOGIN", "AT overlong COMMIT 1"], unasked),
            (&["LOGIN", "AT suspend COMMIT 1"], unasked),
        ],
    );
}

#[test]
fn what_no_line_asks_for_is_not_done() {
    let login = Ended::Contract("a login that no line asked for");
    let read = Ended::Contract("a message read without an answer to give");
    attack(
        &PATIENT,
        &[
            (&["AT greet LOGIN"], login),
            (&["AT constructor LOGIN"], login),
            (&["AT more LOGIN"], login),
            (&["AT resume LOGIN"], login),
            (&["AT overlong START PLAIN"], login),
            (&["LOGIN", "AT suspend OPEN 1"], read),
            (&["LOGIN", "OPEN 1", "AT resume READ 10"], read),
        ],
    );
}

#[test]
fn an_answer_has_an_end() {
    let said = Ended::Limit("answer_octets");
    attack(
        &PATIENT,
        &[
            (&["DRONE 2048"], said),
            (&["DRONE 1"], said),
            (&["LOGIN", "UIDS 1 4096", "DRONE 1024"], said),
        ],
    );
}

#[test]
fn every_further_limit_ends_the_session_that_reaches_it() {
    let limits = Limits {
        memory: MEMORY,
        call_time: LONG,
        session_time: LONG,
        ..Limits::default()
    };
    let spinning = Limits {
        session_time: Duration::from_millis(50),
        ..limits
    };
    strike(
        &limited(4, spinning),
        &["SPIN"],
        Ended::Limit("session_time"),
    );
    let table = Limits {
        table_elements: 2,
        ..limits
    };
    let instances = Limits {
        instances: 1,
        ..limits
    };
    // Too small for the guest as it stands.
    for (limits, name) in [(table, "table_elements"), (instances, "instances")] {
        let world = world();
        let end = run(async { greeted(&limited(1, limits), &world).await.unwrap_err() });
        assert!(
            matches!(end, Error::Limit(limit) if limit.name() == name),
            "{name}: {end:?}"
        );
        unharmed(&world);
    }
}

/// A user database that never answers.
struct Silence;

impl Login for Silence {
    fn password<'a>(&'a mut self, _: &'a [u8], _: &'a [u8]) -> Answer<'a, Result<Grant, Refusal>> {
        Box::pin(std::future::pending())
    }

    fn apop<'a>(&'a mut self, _: &'a [u8], _: &'a [u8]) -> Answer<'a, Result<Grant, Refusal>> {
        Box::pin(std::future::pending())
    }

    fn start(&mut self, _: &str) -> Option<Box<dyn Exchange>> {
        None
    }
}

#[test]
fn a_call_that_waits_for_ever_is_given_up() {
    let limits = Limits {
        memory: MEMORY,
        line_time: Duration::from_millis(50),
        ..Limits::default()
    };
    let sandbox = limited(1, limits);
    let connection = sandboxed::connection(&world().scene().connection);
    run(async {
        let session = sandbox.session(Box::new(Silence), &connection);
        let mut session = session.await.unwrap();
        session.greet().await.unwrap();
        let end = tell(&mut session, "LOGIN").await.unwrap_err();
        assert_eq!(end, Limit::LineTime(limits.line_time).into());
    });
}

#[test]
fn a_handle_can_not_be_made_up() {
    attack(
        &PATIENT,
        &[
            (&["LOGIN", "FORGED"], Ended::Trap("unknown handle index")),
            (
                &["LOGIN", "OPEN 1", "CONFUSED"],
                Ended::Trap("handle index 2 used with the wrong type"),
            ),
        ],
    );
}

#[test]
fn what_the_contract_allows_ends_nothing() {
    let world = world();
    run(async {
        let mut session = greeted(&PATIENT, &world).await.unwrap();
        for (order, answer) in [
            ("FLOOD 2048", "x".repeat(2048).as_str()),
            ("GRASP", "+OK\r\n"),
            ("MUTE", "+OK\r\n"),
            ("LOGIN", "+OK\r\n"),
            ("SIZES 1 4096", "+OK\r\n"),
            ("SIZES 4294967295 0", "+OK\r\n"),
            ("UIDS 3 4096", "+OK\r\n"),
            ("OPEN 0", "-ERR\r\n"),
            ("OPEN 3", "-ERR\r\n"),
            ("OPEN 2", "+OK\r\n"),
            ("READ 1048576", "+OK\r\n"),
            // It can lie to its own client. Nobody else hears it.
            ("FORGE", "+OK \0\r\n-ERR and more\r\n.\r\n"),
        ] {
            let said = tell(&mut session, order).await.unwrap();
            assert_eq!(said, answer.as_bytes(), "{order}");
        }
        assert!(session.is_logged_in() && world.is_locked(0));
    });
    unharmed(&world);
}

#[test]
fn a_large_cell_does_not_make_the_host_copy_all_of_it() {
    let large = sandbox(2, 16 * MEMORY, LONG);
    let fuel = Ended::Limit("call_octets");
    attack(
        &large,
        &[
            (&["FLOOD 5000000"], fuel),
            (&["LOGIN", "COMMIT 40000000"], fuel),
        ],
    );
}

#[test]
fn a_sandbox_has_no_more_cells_than_it_was_built_for() {
    let sandbox = sandbox(2, MEMORY, LONG);
    let world = world();
    run(async {
        let first = greeted(&sandbox, &world).await.unwrap();
        let mut second = greeted(&sandbox, &world).await.unwrap();
        let third = greeted(&sandbox, &world).await;
        assert_eq!(third.err(), Some(Error::Exhausted));
        drop(first);
        assert!(greeted(&sandbox, &world).await.is_ok());
        tell(&mut second, "NOOP").await.unwrap();
    });
}
