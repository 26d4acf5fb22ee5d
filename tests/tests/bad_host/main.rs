//! The built components with hosts that give back errors in every import, and that take away early what
//! they have lent: the answer is an error that says whose it is, and never a trap.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

mod auth;
mod host;

use host::{Bad, Fault, Next, Refusal, ResumeError, Talk};
use popcell::sandbox::{EMBEDDED_COMPONENT, PORTABLE_COMPONENT};

/// The component of this host, which forwards, and that of any.
const COMPONENTS: [&[u8]; 2] = [EMBEDDED_COMPONENT, PORTABLE_COMPONENT];

/// The refusals, and how an answer to each begins.
const REFUSALS: [(Refusal, &str); 5] = [
    (Refusal::Denied, "-ERR [AUTH] "),
    (Refusal::InUse, "-ERR [IN-USE] "),
    (Refusal::LoginDelay, "-ERR [LOGIN-DELAY] "),
    (Refusal::Temporary, "-ERR [SYS/TEMP] "),
    (Refusal::Permanent, "-ERR [SYS/PERM] "),
];

/// The faults, and how an answer to each begins.
const FAULTS: [(Fault, &str); 3] = [
    (Fault::Gone, "-ERR [SYS/TEMP] "),
    (Fault::Temporary, "-ERR [SYS/TEMP] "),
    (Fault::Permanent, "-ERR [SYS/PERM] "),
];

/// Says all lines; the last one is answered like this, and the session goes on.
fn hear(talk: &mut Talk, lines: &[&str], expected: &str) {
    let said = lines.iter().map(|line| talk.say(line)).last();
    let said = said.unwrap();
    assert!(said.starts_with(expected), "{lines:?}: {said}");
    assert!(
        said.ends_with("\r\n") && said.lines().count() == 1,
        "{said}"
    );
}

#[test]
fn every_host_takes_the_component_that_is_exported() {
    assert_eq!(COMPONENTS.map(host::is_portable), [false, true]);
}

#[test]
fn a_refusal_of_any_login_is_an_answer_and_the_next_login_may_work() {
    for component in COMPONENTS {
        for (refusal, expected) in REFUSALS {
            let bad = Bad::all(refusal, Fault::Permanent);
            let mut talk = Talk::begin(component, bad);
            hear(&mut talk, &["USER alice", "PASS secret"], expected);
            let apop = format!("APOP alice {}", "0".repeat(32));
            hear(&mut talk, &[&apop], expected);
            hear(&mut talk, &["AUTH PLAIN"], "-ERR ");
            talk.turn(Bad {
                start: false,
                ..bad
            });
            hear(&mut talk, &["AUTH PLAIN"], expected);
            hear(&mut talk, &["AUTH PLAIN AGEAYg=="], expected);
            talk.turn(Bad {
                start: false,
                begin: None,
                ..bad
            });
            hear(&mut talk, &["AUTH PLAIN", "AGEAYg=="], expected);
            assert_eq!(talk.held(), 0, "an exchange that is over");
            talk.turn(Bad::default());
            hear(&mut talk, &["AUTH PLAIN", "AGEAYg=="], "+OK ");
            assert_eq!(talk.quit(), "+OK \r\n");
        }
    }
}

#[test]
fn a_fault_of_any_question_about_mail_is_an_answer_and_the_session_goes_on() {
    for component in COMPONENTS {
        for (fault, expected) in FAULTS {
            let mut talk = Talk::logged_in(component);
            talk.turn(Bad::all(Refusal::Permanent, fault));
            for command in [
                "LIST", "LIST 1", "UIDL", "UIDL 2", "RETR 1", "TOP 2 5", "DELE 1",
            ] {
                hear(&mut talk, &[command], expected);
            }
            for command in ["STAT", "NOOP", "RSET", "LAST"] {
                hear(&mut talk, &[command], "+OK");
            }
            // Only one of them is wrong at a time.
            for bad in [
                // First, since a size that was told once is not asked for again.
                Bad {
                    sizes: Some(fault),
                    ..Bad::default()
                },
                Bad {
                    open: Some(fault),
                    ..Bad::default()
                },
                Bad {
                    read: Some(fault),
                    ..Bad::default()
                },
            ] {
                talk.turn(bad);
                hear(&mut talk, &["RETR 2"], expected);
                assert_eq!(talk.held(), 1, "the maildrop alone: {bad:?}");
            }
            talk.turn(Bad::default());
            hear(&mut talk, &["DELE 1"], "+OK");
            talk.turn(Bad {
                commit: true,
                ..Bad::default()
            });
            assert!(talk.quit().starts_with("-ERR "));
            assert_eq!(talk.held(), 0);
        }
    }
}

#[test]
fn a_message_that_is_taken_away_while_it_is_sent_does_not_look_whole() {
    for component in COMPONENTS {
        for (fault, _) in FAULTS {
            let mut talk = Talk::logged_in(component);
            let (begun, next) = talk.call("RETR 1");
            assert!(begun.starts_with("+OK ") && next == Next::More);
            talk.turn(Bad::all(Refusal::Permanent, fault));
            let (mut rest, mut next) = talk.more();
            while next == Next::More {
                let (further, then) = talk.more();
                rest += &further;
                next = then;
            }
            assert_eq!(next, Next::Abort);
            assert!(!rest.contains("\r\n.\r\n"), "{rest}");
        }
    }
}

#[test]
fn a_maildrop_that_is_taken_away_early_is_a_fault_of_the_store() {
    for component in COMPONENTS {
        let mut talk = Talk::logged_in(component);
        hear(&mut talk, &["DELE 1"], "+OK");
        talk.turn(Bad::all(Refusal::Permanent, Fault::Gone));
        hear(&mut talk, &["RETR 2"], "-ERR [SYS/TEMP] ");
        assert!(talk.quit().starts_with("-ERR "), "nothing was removed");
    }
}

#[test]
fn an_exchange_that_is_taken_away_before_the_response_is_a_refusal() {
    for component in COMPONENTS {
        let mut talk = Talk::begin(component, Bad::default());
        assert!(talk.say("AUTH PLAIN").starts_with("+ "));
        talk.turn(Bad::all(Refusal::Temporary, Fault::Gone));
        hear(&mut talk, &["AGEAYg=="], "-ERR [SYS/TEMP] ");
        hear(&mut talk, &["NOOP"], "-ERR ");
        assert_eq!(talk.held(), 0);
    }
}

#[test]
fn what_a_host_drops_of_a_parked_session_is_missed_when_it_resumes() {
    for component in COMPONENTS {
        let mismatch = Err(ResumeError::CapabilityMismatch);
        let mut talk = Talk::logged_in(component);
        assert_eq!(talk.repark(|parked| parked.maildrop = None), mismatch);
        let mut talk = Talk::logged_in(component);
        talk.call("RETR 1");
        assert_eq!(talk.repark(|parked| parked.message = None), mismatch);
        let mut talk = Talk::begin(component, Bad::default());
        talk.say("AUTH PLAIN");
        assert_eq!(talk.repark(|parked| parked.exchange = None), mismatch);
        let mut talk = Talk::logged_in(component);
        assert_eq!(talk.repark(|_| ()), Ok(()));
        hear(&mut talk, &["STAT"], "+OK 2 10000");
    }
}
