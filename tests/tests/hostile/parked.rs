//! Sessions that are taken out of their cell and put into another one.
//!
//! What a guest says of itself then is as hostile as everything else.

use popcell::sandbox::{Error, NotMoved, Sandbox, Session};
use popcell_tests::{fake::World, sandboxed};

use super::{
    LOGIN, TURN,
    attack::{Ended, PATIENT, attack, greeted, run, tell, unharmed, world},
};

const STATE: Ended = Ended::Contract("a state of more than 32 KiB and a bit a message");

#[test]
fn a_state_has_a_bound() {
    attack(
        &PATIENT,
        &[
            (&["AT suspend STATE 32769"], STATE),
            // Two messages are one octet of marks.
            (&["LOGIN", "AT suspend STATE 32770"], STATE),
            (&["LOGIN", "AT suspend STATE 500000"], STATE),
        ],
    );
}

#[test]
fn a_state_within_the_bound_is_kept() {
    let world = world();
    run(async {
        let mut session = greeted(&PATIENT, &world).await.unwrap();
        for order in ["AT suspend STATE 32768", "LOGIN", "AT suspend STATE 32769"] {
            tell(&mut session, order).await.unwrap();
            session = park(&PATIENT, &world, session).await.unwrap();
        }
        assert_eq!(tell(&mut session, "OPEN 1").await.unwrap(), b"+OK\r\n");
    });
    unharmed(&world);
}

#[test]
fn a_session_that_is_refused_releases_its_maildrop() {
    let refused = Ended::Refused("unknown-format");
    attack(
        &PATIENT,
        &[
            (&["AT resume REFUSE"], refused),
            (&["LOGIN", "AT resume REFUSE"], refused),
            (&["LOGIN", "OPEN 1", "AT resume REFUSE"], refused),
        ],
    );
}

#[test]
fn a_session_that_is_refused_goes_on_elsewhere_as_it_was() {
    for order in ["REFUSE", "TRAP", "GROW", "KEEP-REFUSE"] {
        let world = world();
        let connection = sandboxed::connection(&world.scene().connection);
        run(async {
            let mut session = greeted(&PATIENT, &world).await.unwrap();
            for line in ["LOGIN", "OPEN 1", "READ 10", &format!("AT resume {order}")] {
                tell(&mut session, line).await.unwrap();
            }
            let parked = session.suspend().await.unwrap();
            let refused = PATIENT.resume(world.host().lend(), parked, &connection);
            let mut parked = refused.await.unwrap_err().parked.unwrap();
            assert!(world.is_locked(0), "{order}");
            // What it was told to do with itself is its state; another component has no ear for it.
            parked.state.clear();
            let resumed = PATIENT.resume(world.host().lend(), *parked, &connection);
            let mut session = resumed.await.unwrap();
            assert!(session.is_logged_in(), "{order}");
            assert_eq!(
                tell(&mut session, "READ 10").await.unwrap(),
                b"+OK\r\n",
                "{order}"
            );
        });
        unharmed(&world);
    }
}

#[test]
fn what_a_session_may_do_once_it_may_not_do_again_in_another_cell() {
    let open = Ended::Contract("a second open message");
    attack(
        &PATIENT,
        &[
            (&["LOGIN", "AT suspend NOOP", "LOGIN"], LOGIN),
            (&["LOGIN", "AT suspend RELEASE", "LOGIN"], LOGIN),
            (&["LOGIN", "OPEN 1", "AT suspend NOOP", "OPEN 2"], open),
            (&["START PLAIN", "BEGIN", "AT suspend NOOP", "BEGIN"], TURN),
        ],
    );
}

#[test]
fn an_exchange_that_waits_for_nothing_is_not_parked() {
    let waits = Ended::Contract("an exchange that waits for no response");
    attack(
        &PATIENT,
        &[
            (&["START PLAIN", "AT suspend NOOP"], waits),
            (
                &["START PLAIN", "BEGIN", "RESPOND x", "AT suspend NOOP"],
                waits,
            ),
        ],
    );
}

/// Takes a session out of its cell and puts it into another one.
pub(super) async fn park(
    sandbox: &Sandbox,
    world: &World,
    session: Session,
) -> Result<Session, Error> {
    let connection = sandboxed::connection(&world.scene().connection);
    let parked = session.suspend().await.map_err(|lost| lost.error)?;
    let resumed = sandbox.resume(world.host().lend(), parked, &connection);
    resumed.await.map_err(|NotMoved { error, .. }| error)
}
