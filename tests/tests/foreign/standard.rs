//! The guest with Rust's standard library: what that wants, and what it gets.

use std::{sync::Arc, time::Duration};

use popcell::{
    sandbox::{EMBEDDED_COMPONENT, Error, Limit, Permission},
    services::Services,
};
use popcell_tests::{
    client::Client,
    fake::World,
    scene::Scene,
    server::{self, Running},
};

use super::{LONG, greeted, run, sandbox, tell};

/// The guest.
const GUEST: &[u8] = include_bytes!(env!("POPCELL_STD_GUEST"));

/// What it is content with.
const MEMORY: usize = 1024 * 1024;

/// No longer than a test may wait.
const SHORT: Duration = Duration::from_millis(200);

/// What is refused looks to a program like this.
const REFUSED: &[&str] = &[
    "READ", "WRITE", "ROOT", "CONNECT", "LISTEN", "DATAGRAM", "NAME",
];

fn world() -> World {
    World::new(Scene::default())
}

#[test]
fn it_is_refused_where_wasi_is_not_allowed_with_what_it_wants() {
    let refused = sandbox(GUEST, MEMORY, LONG, Permission::Contract).map(drop);
    let Err(error @ Error::Wasi { .. }) = &refused else {
        panic!("{refused:?}")
    };
    let message = error.to_string();
    for part in [
        "wasi:cli/environment@0.2.",
        "wasi:clocks/monotonic-clock@0.2.",
        "wasi:filesystem/types@0.2.",
        "set wasi = true",
    ] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    assert!(!message.contains("popcell:pop3"), "{message}");
}

#[test]
fn it_serves_where_wasi_is_allowed() {
    let sandbox = sandbox(GUEST, MEMORY, LONG, Permission::Wasi).unwrap();
    let world = world();
    let (config, backends) = (server::config(), Arc::new(world.clone()));
    let auth = Arc::<World>::clone(&backends);
    let services = Services::of(&config, auth, backends, Arc::new(sandbox)).unwrap();
    let running = Running::start_with(&config, services).unwrap();
    let mut client = Client::login(running.address(), "alice", "secret").unwrap();
    assert_eq!(client.ask("STAT\r\n").unwrap(), "+OK 2 320");
    assert_eq!(client.ask("CLOCK\r\n").unwrap(), "+OK true");
    assert_eq!(client.ask("QUIT\r\n").unwrap(), "+OK");
    running.stop();
    assert_eq!(world.stored(), [1, 2]);
}

#[test]
fn it_finds_clocks_and_randomness_and_nothing_else() {
    let sandbox = sandbox(GUEST, MEMORY, LONG, Permission::Wasi).unwrap();
    run(async {
        let mut session = greeted(&sandbox, &world()).await.unwrap();
        for (order, answer) in [
            ("ARGUMENTS", "+OK []\r\n"),
            ("ENVIRONMENT", "+OK []\r\n"),
            ("INPUT", "+OK 0\r\n"),
            ("PRINT", "+OK 2097152\r\n"),
            ("CLOCK", "+OK true\r\n"),
            ("RANDOM", "+OK true\r\n"),
            ("NAP", "+OK true\r\n"),
        ] {
            assert_eq!(tell(&mut session, order).await.unwrap(), answer, "{order}");
        }
        for order in REFUSED {
            let answer = tell(&mut session, order).await.unwrap();
            assert!(answer.starts_with("-ERR "), "{order}: {answer}");
        }
    });
}

#[test]
fn it_is_suspended_and_resumed_like_any_other() {
    let sandbox = sandbox(GUEST, MEMORY, LONG, Permission::Wasi).unwrap();
    let world = world();
    run(async {
        let mut session = greeted(&sandbox, &world).await.unwrap();
        tell(&mut session, "NAP").await.unwrap();
        tell(&mut session, "USER alice").await.unwrap();
        let parked = session.suspend().await.unwrap();
        let connection = popcell_tests::sandboxed::connection(&world.scene().connection);
        let resumed = sandbox
            .resume(world.host().lend(), parked, &connection)
            .await;
        let mut session = resumed.unwrap();
        assert_eq!(tell(&mut session, "PASS secret").await.unwrap(), "+OK\r\n");
        assert_eq!(tell(&mut session, "NAP").await.unwrap(), "+OK true\r\n");
    });
}

#[test]
fn waiting_is_its_own_time() {
    let sandbox = sandbox(GUEST, MEMORY, SHORT, Permission::Wasi).unwrap();
    for order in ["SLEEP", "NAPS"] {
        run(async {
            let mut session = greeted(&sandbox, &world()).await.unwrap();
            let end = tell(&mut session, order).await;
            assert_eq!(end, Err(Limit::CallTime(SHORT).into()), "{order}");
        });
    }
}

#[test]
fn an_exit_or_a_panic_ends_it_and_nothing_else() {
    let sandbox = sandbox(GUEST, MEMORY, LONG, Permission::Wasi).unwrap();
    run(async {
        for order in ["EXIT", "PANIC"] {
            let world = world();
            let mut neighbour = greeted(&sandbox, &world).await.unwrap();
            let mut session = greeted(&sandbox, &world).await.unwrap();
            tell(&mut session, "USER alice").await.unwrap();
            tell(&mut session, "PASS secret").await.unwrap();
            let end = tell(&mut session, order).await;
            assert!(matches!(end, Err(Error::Trap(_))), "{order}: {end:?}");
            drop(session);
            assert!(!world.is_locked(0));
            assert_eq!(tell(&mut neighbour, "CLOCK").await.unwrap(), "+OK true\r\n");
        }
    });
}

#[test]
fn components_share_an_engine_and_are_compiled_once() {
    let sandbox = sandbox(EMBEDDED_COMPONENT, MEMORY, LONG, Permission::Contract).unwrap();
    let foreign = sandbox.compile(GUEST, Permission::Wasi).unwrap();
    let same = sandbox.compile(GUEST, Permission::Wasi).unwrap();
    assert!(Arc::ptr_eq(&foreign, &same));
    assert_eq!(foreign.permission(), Permission::Wasi);
    // Octets that may be loaded with one permission are not loaded with another.
    let refused = sandbox.compile(GUEST, Permission::Contract);
    assert!(matches!(refused, Err(Error::Wasi { .. })));
    let default = sandbox.compile(EMBEDDED_COMPONENT, Permission::Contract);
    assert!(Arc::ptr_eq(&default.unwrap(), &sandbox.version()));
    let freer = sandbox
        .compile(EMBEDDED_COMPONENT, Permission::Wasi)
        .unwrap();
    assert!(!Arc::ptr_eq(&freer, &sandbox.version()));
}
