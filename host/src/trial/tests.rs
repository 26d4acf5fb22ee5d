//! The trial of the embedded component. How others fail is in the tests of the workspace.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use super::*;
use crate::sandbox::{EMBEDDED_COMPONENT, EngineOptions, Limits};

fn sandbox() -> Sandbox {
    let options = EngineOptions {
        cells: 2,
        cell_memory: 1 << 20,
        engine: sandbox::Engine::default(),
    };
    let limits = Limits {
        call_time: Duration::from_mins(1),
        ..Limits::default()
    };
    Sandbox::new(options, limits, EMBEDDED_COMPONENT).expect("an engine")
}

#[tokio::test]
async fn the_embedded_component_passes_and_has_all_that_is_asked_about() {
    let sandbox = sandbox();
    let report = rehearse_all(&sandbox, &sandbox.version(), sandbox.terms()).await;
    let failures: Vec<_> = report.failures().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(report.performances.len(), 2 * DIALOGUES.len());
    let outcomes = report.performances.iter().map(|played| &played.outcome);
    assert!(
        outcomes
            .into_iter()
            .all(|played| *played == Ok(Verdict::Passed))
    );
}

#[tokio::test]
async fn where_there_is_no_cell_it_is_not_the_component_that_failed() {
    let sandbox = sandbox();
    let house = house::House::new(&dialogue::Scene::default());
    let held = [
        sandbox.session(house.login(), &house.facts()).await,
        sandbox.session(house.login(), &house.facts()).await,
    ];
    let failure = rehearse(&sandbox, &sandbox.version(), sandbox.terms()).await;
    let cause = failure.map_err(|failure| failure.cause);
    assert_eq!(cause, Err(Cause::Sandbox(sandbox::Error::Exhausted)));
    drop(held);
}

#[test]
fn every_file_is_a_dialogue_and_is_played() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/trial/dialogues");
    let files = fs::read_dir(folder).expect("the dialogues");
    let files: BTreeSet<_> = files
        .map(|file| {
            file.expect("a file")
                .file_name()
                .into_string()
                .expect("ASCII")
        })
        .map(|name| name[3..].trim_end_matches(".pop3").to_owned())
        .collect();
    let played: BTreeSet<_> = DIALOGUES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(played, files);
    for (name, text) in DIALOGUES {
        assert!(Dialogue::parse(text).is_ok(), "{name}");
    }
}

#[test]
fn a_trial_can_run_beside_sessions() {
    let sandbox = sandbox();
    let version = sandbox.version();
    let _: &dyn Send = &rehearse(&sandbox, &version, sandbox.terms());
}

#[test]
fn a_failure_says_where_and_what() {
    let failure = Failure {
        dialogue: "retr",
        is_suspended: true,
        line: 7,
        cause: Cause::Differs {
            expected: "+OK*".to_owned(),
            said: "-ERR no".to_owned(),
        },
    };
    let expected = "dialogue retr (suspended), line 7: expected +OK*, found -ERR no";
    assert_eq!(failure.to_string(), expected);
}
