//! What `wit/pop3.wit` says about single calls: what a step consumes, what it holds back, what a
//! parked session is made of.
//!
//! Calls the session directly. What goes over the wire is in `transcripts.rs`.

use popcell_component::{Connection, Fault, Maildrop as _, Next, Parked, ResumeError, Session};
use popcell_tests::{
    fake::{FakeHost, Holder, World},
    letters,
    scene::Scene,
};

const MAX: u32 = 1_024;

#[test]
fn a_quit_is_not_looked_at_while_an_answer_is_unsent() {
    let world = World::new(Scene::default());
    let mut session = logged_in(&world);
    let step = session.lines(b"DELE 1\r\nQUIT\r\nNOOP\r\n", MAX);
    assert_eq!((step.consumed, step.next), (8, Next::Lines));
    assert_eq!(step.output, b"+OK \r\n");
    assert_eq!(world.stored(), [1, 2]);
    let step = session.lines(b"QUIT\r\nNOOP\r\n", MAX);
    assert_eq!((step.consumed, step.next), (6, Next::Close));
    assert_eq!(step.output, b"+OK \r\n");
    assert_eq!(world.stored(), [2]);
}

#[test]
fn a_quit_behind_the_login_is_not_looked_at_before_the_login_is_answered() {
    let world = World::new(Scene::default());
    let mut session = greeted(&world);
    let lines = b"USER alice\r\nPASS secret\r\nQUIT\r\n";
    let step = session.lines(lines, MAX);
    assert_eq!((step.consumed, step.next), (25, Next::Lines));
    assert!(step.output.ends_with(b"+OK Authentication succeeded\r\n"));
}

#[test]
fn a_connection_cut_during_a_download_removes_nothing_that_was_pipelined() {
    let world = World::new(large());
    let mut session = logged_in(&world);
    let step = session.lines(b"RETR 1\r\nDELE 1\r\nQUIT\r\n", MAX);
    assert_eq!((step.consumed, step.next), (8, Next::More));
    for _ in 0..10 {
        assert_eq!(session.more(MAX).next, Next::More);
    }
    drop(session);
    assert_eq!(world.stored(), [1]);
    assert!(!world.is_locked(0));
}

#[test]
fn a_session_that_is_dropped_while_parked_removes_nothing() {
    let world = World::new(Scene::default());
    let mut session = logged_in(&world);
    session.lines(b"DELE 1\r\nDELE 2\r\n", MAX);
    drop(session.suspend());
    assert_eq!(world.stored(), [1, 2]);
    assert!(!world.is_locked(0));
}

#[test]
fn the_lock_is_released_when_the_answer_to_quit_is_there() {
    let world = World::new(Scene::default());
    let mut session = logged_in(&world);
    assert!(world.is_locked(0));
    session.lines(b"QUIT\r\n", MAX);
    assert!(!world.is_locked(0));
}

#[test]
fn what_follows_stls_is_not_consumed() {
    let mut scene = Scene::default();
    scene.connection.may_start_tls = true;
    let mut session = greeted(&World::new(scene));
    let step = session.lines(b"STLS\r\nUSER alice\r\nPASS secret\r\n", MAX);
    assert_eq!((step.consumed, step.next), (6, Next::StartTls));
    assert!(step.output.starts_with(b"+OK ") && step.output.ends_with(b"\r\n"));
}

#[test]
fn only_a_quit_closes_and_all_else_that_ends_a_session_aborts_it() {
    let mut scene = large();
    scene.faults.read = vec![(1, 100_000, Fault::Gone)];
    let world = World::new(scene);
    let before: [(&[u8], Next); 2] = [
        (b"USER alice\r\nQUIT\r\n", Next::Close),
        (b"X\r\nX\r\nX\r\n", Next::Abort),
    ];
    for (lines, next) in before {
        assert_eq!(
            end(greeted(&world), lines),
            next,
            "{}",
            lines.escape_ascii()
        );
    }
    let after: [(&[u8], Next); 3] = [
        (b"DELE 1\r\nRSET\r\nQUIT\r\n", Next::Close),
        (&b"X\r\n".repeat(20), Next::Abort),
        (b"DELE 1\r\nRSET\r\nRETR 1\r\n", Next::Abort),
    ];
    for (lines, next) in after {
        assert_eq!(
            end(logged_in(&world), lines),
            next,
            "{}",
            lines.escape_ascii()
        );
    }
    assert_eq!(world.stored(), [1]);
}

#[test]
fn an_over_long_line_ends_the_session_and_removes_nothing() {
    let world = World::new(Scene::default());
    let mut session = logged_in(&world);
    session.lines(b"DELE 1\r\n", MAX);
    let step = session.overlong();
    assert_eq!((step.consumed, step.next), (0, Next::Abort));
    assert_eq!(step.output, b"-ERR line too long\r\n");
    drop(session);
    assert_eq!(world.stored(), [1, 2]);
}

#[test]
fn a_step_of_lines_stops_at_about_max_octets() {
    let world = World::new(Scene::default());
    let mut session = logged_in(&world);
    let lines = b"CAPA\r\n".repeat(1_000);
    let step = session.lines(&lines, MAX);
    let consumed = usize::try_from(step.consumed).expect("small");
    assert!(
        consumed > 0 && consumed % 6 == 0 && consumed < lines.len(),
        "{consumed}"
    );
    assert!(
        (1_024..=2_048).contains(&step.output.len()),
        "{}",
        step.output.len()
    );
}

#[test]
fn every_step_of_an_answer_is_at_most_twice_max() {
    for max in [1_024, 1_500, 16_384, 1_048_576] {
        let world = World::new(large());
        let mut session = logged_in(&world);
        // The longest answers behind nearly a step of short ones.
        let mut step = session.lines(&[&b"NOOP\r\n".repeat(169)[..], b"RETR 1\r\n"].concat(), max);
        let limit = usize::try_from(max).expect("small") * 2;
        let mut steps = 0;
        while step.next == Next::More {
            assert!(
                (1..=limit).contains(&step.output.len()),
                "{max}: {}",
                step.output.len()
            );
            step = session.more(max);
            steps += 1;
        }
        assert!(
            max > 300_000 || steps > 300_000 / limit,
            "{max}: {steps} steps"
        );
    }
}

#[test]
fn the_greeting_is_at_most_512_octets() {
    let mut scene = Scene::default();
    scene.connection.banner = "b".repeat(256);
    scene.connection.challenge = Some(format!("<{}@x>", "c".repeat(124)));
    let world = World::new(scene);
    let mut session = Session::new(world.host(), world.scene().connection.clone());
    let step = session.greet();
    assert!(step.output.len() <= 512, "{}", step.output.len());
}

#[test]
fn a_resumed_session_goes_by_the_connection_that_it_is_given() {
    let world = World::new(Scene::default());
    let parked = greeted(&world).suspend();
    let connection = Connection {
        may_login: false,
        ..world.scene().connection.clone()
    };
    let mut session = resume(&world, parked, connection).expect("its own state");
    let step = session.lines(b"USER alice\r\n", MAX);
    assert!(
        step.output.starts_with(b"-ERR "),
        "{}",
        step.output.escape_ascii()
    );
}

#[test]
fn a_state_in_another_format_is_refused() {
    let world = World::new(Scene::default());
    for state in [vec![], vec![0], vec![0xff; 64], b"{\"version\":2}".to_vec()] {
        let parked = Parked {
            state,
            maildrop: None,
            message: None,
            exchange: None,
        };
        let outcome = resume(&world, parked, world.scene().connection.clone());
        assert_eq!(outcome.map(drop), Err(ResumeError::UnknownFormat));
    }
}

#[test]
fn a_state_and_capabilities_that_do_not_belong_together_are_refused() {
    let world = World::new(large());
    let connection = || world.scene().connection.clone();
    let refused = |parked| {
        let outcome = resume(&world, parked, connection());
        assert_eq!(outcome.map(drop), Err(ResumeError::CapabilityMismatch));
        assert!(!world.is_locked(0), "the capabilities are dropped");
    };
    let before_login = state(greeted(&world));
    let after_login = state(logged_in(&world));
    let in_retr = state(in_retr(&world));
    let mut asked = greeted(&world);
    asked.lines(b"AUTH PLAIN\r\n", MAX);
    let asked = state(asked);
    let maildrop = || Some(world.open(0, Holder::Other).expect("nobody has it"));
    let parked = |state: &[u8]| Parked {
        state: state.to_vec(),
        maildrop: None,
        message: None,
        exchange: None,
    };
    refused(parked(&after_login));
    refused(parked(&asked));
    refused(parked(&in_retr));
    refused(Parked {
        maildrop: maildrop(),
        ..parked(&before_login)
    });
    refused(Parked {
        maildrop: maildrop(),
        ..parked(&in_retr)
    });
    let maildrop = maildrop();
    let message = maildrop
        .as_ref()
        .map(|maildrop| maildrop.open(1).expect("it is there"));
    refused(Parked {
        maildrop,
        message,
        ..parked(&after_login)
    });
}

#[test]
fn a_state_for_a_larger_maildrop_is_refused() {
    let large = World::new(Scene {
        messages: letters::awkward(),
        ..Scene::default()
    });
    let mut session = logged_in(&large);
    session.lines(b"DELE 8\r\n", MAX);
    let Parked { state, .. } = session.suspend();
    let small = World::new(Scene::default());
    let parked = Parked {
        state,
        ..logged_in(&small).suspend()
    };
    let outcome = resume(&small, parked, small.scene().connection.clone());
    assert_eq!(outcome.map(drop), Err(ResumeError::CapabilityMismatch));
}

fn greeted(world: &World) -> Session<FakeHost> {
    let mut session = Session::new(world.host(), world.scene().connection.clone());
    assert_eq!(session.greet().next, Next::Lines);
    session
}

fn logged_in(world: &World) -> Session<FakeHost> {
    let mut session = greeted(world);
    let step = session.lines(b"USER alice\r\nPASS secret\r\n", MAX);
    assert!(step.output.ends_with(b"+OK Authentication succeeded\r\n"));
    session
}

fn in_retr(world: &World) -> Session<FakeHost> {
    let mut session = logged_in(world);
    assert_eq!(session.lines(b"RETR 1\r\n", MAX).next, Next::More);
    session
}

fn resume(
    world: &World,
    parked: Parked<FakeHost>,
    connection: Connection,
) -> Result<Session<FakeHost>, ResumeError> {
    Session::resume(world.host(), parked, connection)
}

/// Hands over all lines and calls for more, until the session ends or waits.
fn end(mut session: Session<FakeHost>, mut lines: &[u8]) -> Next {
    loop {
        let step = session.lines(lines, MAX);
        lines = &lines[usize::try_from(step.consumed).expect("small")..];
        let mut next = step.next;
        while next == Next::More {
            next = session.more(MAX).next;
        }
        if next != Next::Lines || lines.is_empty() {
            return next;
        }
    }
}

fn state(session: Session<FakeHost>) -> Vec<u8> {
    session.suspend().state
}

/// One message of 300,000 octets, and PLAIN.
fn large() -> Scene {
    let messages = letters::maildrop("large").expect("a standard maildrop");
    let mut scene = Scene {
        messages,
        ..Scene::default()
    };
    scene.connection.mechanisms = vec!["PLAIN".to_owned()];
    scene
}
