//! Octets that go past the guest into its output: when, how many, and to whom if the guest fails.

use popcell_tests::sandboxed;

use super::{
    READ,
    attack::{Ended, PATIENT, attack, greeted, run, tell, unharmed, world},
};

#[test]
fn nothing_is_forwarded_but_into_a_step_that_has_room_for_it() {
    let room = Ended::Contract("more forwarded than the step may have");
    let behind = Ended::Contract("forwarded behind more output than there is");
    let front = Ended::Contract("forwarded in front of what was forwarded before");
    let answering = Ended::Contract("a message read without an answer to give");
    let second = Ended::Contract("a second open message");
    attack(
        &PATIENT,
        &[
            (&["LOGIN", "OPEN 1", "FORWARD 0 0"], READ),
            (&["LOGIN", "OPEN 1", "FORWARD 2049 0"], room),
            (&["LOGIN", "OPEN 1", "FORWARD 4294967295 0"], room),
            // Behind the end of the message there is nothing more, however often it is asked for.
            (
                &["LOGIN", "OPEN 1", "FORWARD 2048 0", "FORWARDS 1"],
                Ended::Limit("host_calls"),
            ),
            // What has been forwarded in the same call counts.
            (&["LOGIN", "OPEN 1", "FORWARDS 2048"], room),
            (&["LOGIN", "OPEN 1", "FORWARD 1 6"], behind),
            (&["LOGIN", "OPEN 1", "FORWARD 1 4294967295"], behind),
            (&["LOGIN", "OPEN 1", "FORWARD-BACK"], front),
            (
                &["LOGIN", "OPEN 1", "FORWARD-TRAP 100"],
                Ended::Trap("unreachable"),
            ),
            (&["LOGIN", "OPEN 1", "AT resume FORWARD 10 0"], answering),
            // A message that is opened and forwarded at once.
            (&["LOGIN", "FORWARD-OPEN 1 0"], READ),
            (&["LOGIN", "FORWARD-OPEN 1 2049"], room),
            (&["LOGIN", "FORWARD-OPENS 1"], room),
            (&["LOGIN", "OPEN 1", "FORWARD-OPEN 2 10"], second),
            (&["LOGIN", "FORWARD-OPEN 1 10", "OPEN 2"], second),
            (&["LOGIN", "AT resume FORWARD-OPEN 1 10"], answering),
        ],
    );
}

#[test]
fn a_message_that_ends_with_what_is_forwarded_is_not_kept_open() {
    let world = world();
    let message = world.scene().messages[0].clone();
    run(async {
        let mut session = greeted(&PATIENT, &world).await.unwrap();
        tell(&mut session, "LOGIN").await.unwrap();
        let none = tell(&mut session, "FORWARD-OPEN 3 10").await.unwrap();
        assert_eq!(none, b"-ERR\r\n");
        // Twice, and no message is open behind it.
        for _ in 0..2 {
            let whole = tell(&mut session, "FORWARD-OPEN 1 2048").await.unwrap();
            assert_eq!(whole, [message.as_slice(), b"+OK\r\n"].concat());
        }
        let piece = tell(&mut session, "FORWARD-OPEN 1 10").await.unwrap();
        assert_eq!(piece, [&message[..10], b"+OK\r\n"].concat());
        let rest = tell(&mut session, "FORWARD 2048 0").await.unwrap();
        assert_eq!(rest, [&message[10..], b"+OK\r\n"].concat());
    });
    unharmed(&world);
}

#[test]
fn what_was_forwarded_in_a_call_that_failed_is_forwarded_once() {
    let world = world();
    let connection = sandboxed::connection(&world.scene().connection);
    let message = world.scene().messages[0].clone();
    run(async {
        let mut session = greeted(&PATIENT, &world).await.unwrap();
        for order in ["LOGIN", "OPEN 1"] {
            tell(&mut session, order).await.unwrap();
        }
        let first = tell(&mut session, "FORWARD 10 5").await.unwrap();
        assert_eq!(first, [b"+OK\r\n", &message[..10]].concat());
        session.checkpoint(&connection).await.unwrap();
        tell(&mut session, "FORWARD-TRAP 20").await.unwrap_err();
        let parked = session.retreat().unwrap();
        let resumed = PATIENT.resume(world.host().lend(), parked, &connection);
        let mut session = resumed.await.unwrap();
        let mut rest = Vec::new();
        loop {
            let said = tell(&mut session, "FORWARD 50 0").await.unwrap();
            let said = said.strip_suffix(b"+OK\r\n").unwrap();
            rest.extend_from_slice(said);
            if said.is_empty() {
                break;
            }
        }
        assert_eq!(rest, &message[10..]);
    });
    unharmed(&world);
}
