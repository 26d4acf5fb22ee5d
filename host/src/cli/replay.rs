//! `popcell replay`: recorded sessions once more, in this component or another one.
//!
//! Says where it differs; what a difference is, `replay` knows.

use std::path::Path;

use serde::Serialize;
use tokio::runtime::Builder;

use super::{Failure, args::Replay, component, print};
use crate::{
    component::Options,
    replay::{self, Allowed, Difference, Outcome},
    sandbox::{EMBEDDED_COMPONENT, Permission, Sandbox},
};

/// What came of one recording.
#[derive(Serialize)]
struct Replayed {
    recording: String,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<String>,
}

/// Replays everything that was named, and says what differs.
pub(super) fn replay(arguments: &Replay) -> Result<(), Failure> {
    let allowed = match &arguments.allow {
        Some(path) => Allowed::load(path).map_err(runtime)?,
        None => Allowed::default(),
    };
    let mut files = Vec::new();
    for path in &arguments.recordings {
        files.extend(replay::find(path).map_err(runtime)?);
    }
    let sandbox = sandbox(arguments)?;
    let threads = Builder::new_current_thread().enable_time().build();
    let threads = threads.map_err(|source| Failure::io("threads", source))?;
    let (mut differing, mut unreadable) = (0, 0);
    for file in &files {
        let outcome = match replay::read(file) {
            Ok(recording) => {
                let (version, terms) = (sandbox.version(), sandbox.terms());
                let replayed = replay::replay(&sandbox, &version, terms, &recording, &allowed);
                Ok(threads.block_on(replayed))
            }
            Err(error) => Err(error),
        };
        match &outcome {
            Ok(Outcome::Same) => {}
            Ok(Outcome::Differs(_)) => differing += 1,
            Err(_) => unreadable += 1,
        }
        print(&show(file, outcome, arguments.json)?)?;
    }
    summary(files.len(), differing, unreadable, arguments.json)
}

fn summary(all: usize, differing: usize, unreadable: usize, json: bool) -> Result<(), Failure> {
    let same = all - differing - unreadable;
    let mut text = format!("{all} recordings: {same} the same, {differing} differ");
    if unreadable > 0 {
        text += &format!(", {unreadable} can not be read");
    }
    if same == all {
        return match json {
            true => Ok(()),
            false => print(&(text + "\n")),
        };
    }
    Err(runtime(text))
}

fn show(
    file: &Path,
    outcome: Result<Outcome, replay::Error>,
    json: bool,
) -> Result<String, Failure> {
    let recording = file.display().to_string();
    if !json {
        return Ok(match outcome {
            Ok(Outcome::Same) => format!("same     {recording}\n"),
            Ok(Outcome::Differs(difference)) => {
                let Difference {
                    line,
                    sent,
                    expected,
                    found,
                } = difference;
                format!(
                    "DIFFERS  {recording}, line {line} of the client: {sent}\n    \
                     expected {expected}\n    found    {found}\n"
                )
            }
            Err(error) => format!("BROKEN   {error}\n"),
        });
    }
    let mut replayed = Replayed {
        recording,
        result: "same",
        line: None,
        sent: None,
        expected: None,
        found: None,
    };
    match outcome {
        Ok(Outcome::Same) => {}
        Ok(Outcome::Differs(difference)) => {
            replayed.result = "differs";
            replayed.line = Some(difference.line);
            replayed.sent = Some(difference.sent);
            replayed.expected = Some(difference.expected);
            replayed.found = Some(difference.found);
        }
        Err(error) => {
            replayed.result = "broken";
            replayed.found = Some(error.to_string());
        }
    }
    let text = serde_json::to_string(&replayed).map_err(runtime)?;
    Ok(text + "\n")
}

/// The component that is asked about.
fn sandbox(arguments: &Replay) -> Result<Sandbox, Failure> {
    let memory = arguments.memory;
    let Some(path) = &arguments.component else {
        return component::open(EMBEDDED_COMPONENT, Permission::Contract, memory).map_err(runtime);
    };
    let wasm = component::load(&Options::new(path.clone()))?;
    let permission = match arguments.wasi {
        true => Permission::Wasi,
        false => Permission::Contract,
    };
    component::open(&wasm, permission, memory)
        .map_err(|error| runtime(format!("{}: {}", path.display(), component::causes(&error))))
}

fn runtime(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::Runtime(error.into())
}
