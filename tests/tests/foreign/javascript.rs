//! The guest in JavaScript: a session that was written without anything of ours but the contract.
//!
//! npm builds it, so it is ignored where somebody may have none; `.ci/run` has it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use popcell::{
    sandbox::{Error, Next, Permission, Sandbox},
    services::Services,
};
use popcell_tests::{
    client::Client,
    fake::World,
    letters, sandboxed,
    scene::Scene,
    server::{self, Running},
};

use super::{LONG, MAX, greeted, run, sandbox, tell};

/// What an engine for JavaScript is content with: its heap, of which most is there from the start.
const MEMORY: usize = 32 * 1024 * 1024;

/// The files that it is built from.
const SOURCES: [&str; 4] = [
    "build.js",
    "package-lock.json",
    "package.json",
    "session.js",
];

/// Builds the guest, or panics with what is missing.
fn guest() -> Vec<u8> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("js");
    fs::create_dir_all(&place).unwrap();
    for source in SOURCES {
        fs::copy(here.join("guests/js").join(source), place.join(source)).unwrap();
    }
    let wit = here.join("../wit");
    let built = place.join("session.wasm");
    npm(
        &place,
        "npm",
        &["ci", "--silent", "--no-audit", "--no-fund"],
    );
    let build = ["build.js", wit.to_str().unwrap(), built.to_str().unwrap()];
    npm(&place, "node", &build);
    fs::read(built).unwrap()
}

fn npm(place: &Path, program: &str, arguments: &[&str]) {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(place)
        .output();
    let output = output.unwrap_or_else(|error| panic!("{program}, which this test needs: {error}"));
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {log}");
}

#[test]
#[ignore = "needs npm and node, and a minute"]
fn a_session_in_javascript_serves() {
    let wasm = guest();
    let refused = sandbox(&wasm, MEMORY, LONG, Permission::Contract).map(drop);
    assert!(matches!(refused, Err(Error::Wasi { .. })), "{refused:?}");
    let sandbox = Arc::new(sandbox(&wasm, MEMORY, LONG, Permission::Wasi).unwrap());
    serves_a_client(&sandbox);
    outlives_its_cell(&sandbox);
}

/// A login, messages, a deletion, over a socket.
fn serves_a_client(sandbox: &Arc<Sandbox>) {
    let world = World::new(Scene::default());
    let (config, backends) = (server::config(), Arc::new(world.clone()));
    let auth = Arc::<World>::clone(&backends);
    let services = Services::of(&config, auth, backends, Arc::clone(sandbox)).unwrap();
    let running = Running::start_with(&config, services).unwrap();
    let mut client = Client::connect(running.address()).unwrap();
    let dialogue = "USER alice\r\nPASS wrong\r\nUSER alice\r\nPASS secret\r\nSTAT\r\nLIST\r\n\
                    LIST 2\r\nRETR 3\r\nDELE 1\r\nRETR 1\r\nSTAT\r\nQUIT\r\n";
    client.send(dialogue.as_bytes()).unwrap();
    let said = String::from_utf8(client.rest().unwrap()).unwrap();
    let expected = "+OK Popcell ready\r\n+OK send PASS\r\n-ERR [AUTH] authentication failed\r\n\
                    +OK send PASS\r\n+OK welcome\r\n+OK 2 320\r\n+OK\r\n1 120\r\n2 200\r\n.\r\n\
                    +OK 2 200\r\n-ERR no such message\r\n+OK deleted\r\n-ERR message deleted\r\n\
                    +OK 1 200\r\n+OK bye\r\n";
    assert_eq!(said, expected);
    running.stop();
    assert_eq!(world.stored(), [2]);
}

/// Suspended in the middle of a message, resumed in another instance.
fn outlives_its_cell(sandbox: &Sandbox) {
    let mut scene = Scene::default();
    scene.messages[1] = letters::of_octets(40_000);
    let world = World::new(scene);
    let connection = sandboxed::connection(&world.scene().connection);
    run(async {
        let mut session = greeted(sandbox, &world).await.unwrap();
        tell(&mut session, "USER alice").await.unwrap();
        tell(&mut session, "PASS secret").await.unwrap();
        let whole = tell(&mut session, "RETR 2").await.unwrap();
        let mut said = session.lines(b"RETR 2\r\n", MAX).await.unwrap().output;
        loop {
            let parked = session.suspend().await.unwrap();
            let resumed = sandbox.resume(world.host().lend(), parked, &connection);
            session = resumed.await.unwrap();
            let step = session.more(MAX).await.unwrap();
            said.extend_from_slice(&step.output);
            if step.next == Next::Lines {
                break;
            }
        }
        assert!(said == whole.as_bytes(), "the parts are not the whole");
    });
}
