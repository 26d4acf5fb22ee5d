//! New builds that are wrong: none of them costs a session.

use popcell::{
    rollout::{Refusal, Standing},
    sandbox::{EngineOptions, Next, Permission, Sandbox},
};
use popcell_tests::{
    fake::World,
    faulty::{self, TRIGGER},
    sandboxed,
    scene::Scene,
    server,
};

use super::site::{RUNTIME, Site, many, wait};

#[test]
fn what_the_dialogues_find_gets_no_session() {
    let site = Site::start();
    let mut alice = site.login("alice");
    for fault in [
        "loop",
        "wrong",
        "trap-new",
        "trap-more",
        "trap-suspend",
        "trap-resume",
    ] {
        let refusal = site.swap(fault, 1).unwrap_err();
        assert!(matches!(refusal, Refusal::Trial(_)), "{fault}: {refusal}");
        alice.ok("NOOP\r\n").unwrap();
    }
    assert_eq!(site.standing(1), Some(Standing::Current));
    assert_eq!(site.standing(2), None);
    assert_eq!(site.actions(), ["refuse"; 6]);
}

#[test]
fn what_open_sessions_find_when_they_are_resumed_gets_none() {
    let site = Site::start();
    let mut alice = site.login("alice");
    for fault in ["trap-resume", "loop-resume"] {
        let refusal = site.swap_unrehearsed(fault).unwrap_err();
        assert!(
            matches!(refusal, Refusal::Sample { .. }),
            "{fault}: {refusal}"
        );
        alice.ok("NOOP\r\n").unwrap();
    }
    assert_eq!(site.standing(2), None);
}

#[test]
fn a_session_that_is_refused_stays_where_it_is_and_that_is_said() {
    let site = Site::start();
    let mut alice = site.login("alice");
    alice.ok("DELE 1\r\n").unwrap();
    let report = site.swap("refuse", 1).unwrap();
    assert_eq!((report.there, report.behind, report.refused), (0, 1, 1));
    let cause = report.cause.unwrap();
    assert!(cause.contains("unknown-format"), "{cause}");
    assert_eq!(many(&mut alice, "LIST\r\n").len(), 7);
    assert_eq!(site.standing(2), Some(Standing::Current));
    // New sessions are in the new one.
    site.login("user1").ok("QUIT\r\n").unwrap();
    alice.ok("QUIT\r\n").unwrap();
    assert!(site.world.wait_for_release());
    assert_eq!(site.world.stored(), [2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_call_that_fails_in_a_new_build_is_made_again_in_the_one_before() {
    for fault in ["late-trap", "late-loop"] {
        let site = Site::start();
        let mut clients: Vec<_> = (0..4)
            .map(|number| site.login(&format!("user{number}")))
            .collect();
        let mut alice = site.login("alice");
        site.swap(fault, 1).unwrap();
        alice.ok("DELE 1\r\n").unwrap();
        // What they ask for is answered, whoever answers it.
        assert!(!many(&mut alice, TRIGGER).is_empty(), "{fault}");
        for client in &mut clients {
            let answer = client.ask(TRIGGER).unwrap();
            assert!(
                answer.starts_with("-ERR"),
                "there is no third message: {answer}"
            );
        }
        wait(|| site.standing(1) == Some(Standing::Current));
        assert_eq!(site.actions(), ["swap", "rollback"], "{fault}");
        alice.ok("QUIT\r\n").unwrap();
        drop(clients);
        assert!(site.world.wait_for_release());
        assert_eq!(site.world.stored(), [2, 3, 4, 5, 6, 7, 8], "{fault}");
    }
}

#[test]
fn new_sessions_begin_elsewhere_if_the_new_build_does_not_begin() {
    let site = Site::start();
    site.swap_unrehearsed("trap-new").unwrap();
    for _ in 0..5 {
        let mut client = site.login("user1");
        client.ok("QUIT\r\n").unwrap();
    }
    wait(|| site.standing(1) == Some(Standing::Current));
    assert_eq!(site.actions(), ["swap", "rollback"]);
}

#[test]
fn a_build_that_does_not_let_go_is_left_all_the_same() {
    let site = Site::start();
    let mut alice = site.login("alice");
    alice.ok("DELE 3\r\n").unwrap();
    site.swap_unrehearsed("trap-suspend").unwrap();
    for _ in 0..5 {
        alice.ok("NOOP\r\n").unwrap();
    }
    alice.ok("QUIT\r\n").unwrap();
    assert!(site.world.wait_for_release());
    assert_eq!(site.world.stored(), [1, 2, 4, 5, 6, 7, 8]);
}

/// Nobody asked it to let go before the first call, and behind an answer it would be too late.
#[test]
fn a_session_is_known_to_come_out_before_the_first_call_is_made() {
    let world = World::new(Scene::default());
    let connection = sandboxed::connection(&world.scene().connection);
    let build = |fault| faulty::component(fault, 1).unwrap();
    let options = EngineOptions {
        cells: 2,
        ..EngineOptions::default()
    };
    let sandbox = Sandbox::new(options, server::patient(), &build("none")).unwrap();
    let stuck = sandbox.compile(&build("trap-suspend"), Permission::Contract);
    let stuck = stuck.unwrap();
    RUNTIME.block_on(async {
        let session = sandbox.session(world.host().lend(), &connection).await;
        let mut session = session.unwrap();
        session.greet().await.unwrap();
        let login = b"USER alice\r\nPASS secret\r\nDELE 2\r\n";
        session.lines(login, 1024).await.unwrap();
        let parked = session.suspend().await.unwrap();
        let (login, terms) = (world.host().lend(), sandbox.terms().clone());
        let moved = sandbox.resume_in(stuck, terms, login, parked, &connection);
        let mut session = moved.await.unwrap();
        session.checkpoint(&connection).await.unwrap_err();
        let parked = session.retreat().expect("it is as it was");
        let back = sandbox.resume(world.host().lend(), parked, &connection);
        let step = back.await.unwrap().lines(b"QUIT\r\n", 1024).await;
        assert_eq!(step.unwrap().next, Next::Close);
    });
    assert_eq!(world.stored(), [1]);
}

#[test]
fn too_many_error_replies_bring_the_build_before_back() {
    let site = Site::start();
    let mut clients: Vec<_> = (0..10)
        .map(|number| site.login(&format!("user{number}")))
        .collect();
    site.swap("late-wrong", 1).unwrap();
    for client in &mut clients {
        client.ask(TRIGGER).unwrap();
        client.ask("NOOP\r\n").unwrap();
        client.ask("NOOP\r\n").unwrap();
    }
    wait(|| site.standing(1) == Some(Standing::Current));
    for client in &mut clients {
        client.ok("NOOP\r\n").unwrap();
    }
    let event = site.rollout().history().pop().unwrap();
    assert_eq!(
        (event.who.as_str(), event.action.as_str()),
        ("popcell", "rollback")
    );
    assert!(event.outcome.contains("were errors"), "{}", event.outcome);
}
