//! Sessions that are recorded over a socket and replayed: what is written down, what is not, and
//! that nobody notices.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

mod bounds;
mod differences;
mod secrets;
mod tenants;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use popcell::{
    config::{Config, Record},
    replay::{self, Allowed, Outcome, Recording},
    sandbox::{EMBEDDED_COMPONENT, Engine, EngineOptions, Limits, Permission, Sandbox},
};
use popcell_tests::{
    client::Client,
    dialogue,
    fake::World,
    scene::Scene,
    served::{self, Served},
    server::{self, Running},
    transcript::Transcript,
};
use tokio::runtime::Builder;

/// The component that was recorded, for replays.
static EMBEDDED: LazyLock<Sandbox> =
    LazyLock::new(|| sandbox(EMBEDDED_COMPONENT, Permission::Contract));

fn sandbox(wasm: &[u8], permission: Permission) -> Sandbox {
    let options = EngineOptions {
        cells: 8,
        cell_memory: 1 << 20,
        engine: Engine::default(),
    };
    let limits: Limits = server::patient();
    Sandbox::with_permission(options, limits, wasm, permission).unwrap()
}

fn replay(sandbox: &Sandbox, recording: &Recording, allowed: &str) -> Outcome {
    let allowed = Allowed::parse(allowed).unwrap();
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let (version, terms) = (sandbox.version(), sandbox.terms());
    let replayed = replay::replay(sandbox, &version, terms, recording, &allowed);
    // A server may run it beside its sessions.
    let _: &dyn Send = &replayed;
    runtime.block_on(replayed)
}

/// A server for a world that records everything in this directory.
fn serve(world: &World, directory: &Path, change: impl FnOnce(&mut Config)) -> Running {
    let mut config = served::config(world.scene());
    config.record = Some(Record::new(directory.to_owned()));
    change(&mut config);
    served::serve(world, &config).unwrap()
}

/// The recordings in a directory, of servers that have stopped.
fn recordings(directory: &Path) -> Vec<(PathBuf, Recording)> {
    let files = replay::find(directory).unwrap().into_iter();
    let read = |file: PathBuf| {
        let recording = replay::read(&file).unwrap();
        (file, recording)
    };
    files.map(read).collect()
}

/// The one recording of a session in which this was said.
fn record(
    scene: Scene,
    dialogue: impl FnOnce(&mut Client),
) -> (PathBuf, Recording, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("records");
    let running = serve(&World::new(scene), &directory, |_| {});
    let mut client = Client::connect(running.address()).unwrap();
    dialogue(&mut client);
    drop(client);
    running.stop();
    let (file, recording) = recordings(&directory).pop().unwrap();
    (file, recording, dir)
}

#[test]
fn every_transcript_can_be_recorded_and_is_replayed_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("records");
    let mut driver = Served::recording(directory.clone());
    let mut played = 0;
    for transcript in Transcript::all().unwrap() {
        if transcript.scene.is_playable_by_the_server() {
            dialogue::play(&transcript, &mut driver).unwrap();
            played += 1;
        }
    }
    drop(driver);
    assert!(played > 60, "transcripts are missing: {played}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    let recordings = recordings(&directory);
    assert!(recordings.len() >= played, "{}", recordings.len());
    let mut differing = Vec::new();
    for (file, recording) in &recordings {
        assert_eq!(mode(file), 0o600);
        if let Outcome::Differs(difference) = replay(&EMBEDDED, recording, "") {
            differing.push(format!(
                "{difference:?}\n{}",
                fs::read_to_string(file).unwrap()
            ));
        }
    }
    assert!(
        differing.is_empty(),
        "{} differ\n{}",
        differing.len(),
        differing.join("\n\n")
    );
}
