//! `popcell component export`, `inspect` and `test`: a component in a file, before it serves.
//!
//! Says what it is and how it does; what is right is the trial's and the sandbox's to know.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
    time::Duration,
};

use serde::Serialize;
use tokio::runtime::Builder;

use super::{Failure, args::Component, print};
use crate::{
    component::{self, Options, Trust},
    sandbox::{
        self, EMBEDDED_COMPONENT, Engine, EngineOptions, Limits, PORTABLE_COMPONENT, Permission,
        Sandbox, WIT_VERSION, digest,
    },
    trial::{self, Performance, Verdict},
};

/// The world that a component has to fit.
const WORLD: &str = "popcell:pop3/pop3-session";

/// Memory that a component may want that is looked at: as much as an operator can allow.
const INSPECTED_MEMORY: usize = 1 << 30;

/// Core instances of a component that is tried: as many as a cell has room for. Whether it may have
/// them in a server is `cell_instances`'s to say.
const TRIAL_INSTANCES: usize = 16;

/// Time that a call may take in a trial. More than a server gives, because a machine that is busy is
/// not the component's fault; little enough for one that does not stop.
const TRIAL_CALL_TIME: Duration = Duration::from_secs(2);

/// What is known of a component.
#[derive(Serialize)]
struct Facts {
    file: String,
    octets: usize,
    sha256: String,
    world: String,
    fits: bool,
    problem: Option<String>,
    wasi: bool,
    signed_by: Option<String>,
    imports: Vec<String>,
    exports: Vec<String>,
}

/// A dialogue that was played.
#[derive(Serialize)]
struct Played<'a> {
    dialogue: &'a str,
    suspended: bool,
    result: &'static str,
    line: Option<usize>,
    problem: Option<String>,
}

pub(super) fn run(command: Component) -> Result<(), Failure> {
    match command {
        Component::Export { file, force } => export(&file, force),
        Component::Inspect { file, json } => inspect(&file, json),
        Component::Test {
            file,
            wasi,
            memory,
            json,
        } => test(&file, wasi, memory, json),
    }
}

fn export(path: &Path, is_forced: bool) -> Result<(), Failure> {
    let failed = |source| Failure::io(path.display().to_string(), source);
    let made = match is_forced {
        true => File::create(path),
        false => File::create_new(path),
    };
    let mut file = made.map_err(|source| {
        if source.kind() == io::ErrorKind::AlreadyExists {
            let path = path.display();
            return runtime(format!("{path} is there already; --force overwrites it"));
        }
        failed(source)
    })?;
    file.write_all(PORTABLE_COMPONENT).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    print(&format!(
        "{}: {} octets, SHA-256 {}\n",
        path.display(),
        PORTABLE_COMPONENT.len(),
        digest(PORTABLE_COMPONENT),
    ))
}

fn inspect(path: &Path, is_json: bool) -> Result<(), Failure> {
    let options = Options::new(path.to_owned());
    let wasm = load(&options)?;
    let signer = component::signer(&options).map_err(runtime)?;
    let sandbox = open(EMBEDDED_COMPONENT, Permission::Contract, INSPECTED_MEMORY);
    let sandbox = sandbox.map_err(runtime)?;
    let anatomy = sandbox.examine(&wasm).map_err(|error| {
        let (path, cause) = (path.display(), causes(&error));
        runtime(format!(
            "{path}: expected a component of {WORLD}@{WIT_VERSION}: {cause}"
        ))
    })?;
    let facts = Facts {
        file: path.display().to_string(),
        octets: wasm.len(),
        sha256: digest(&wasm),
        world: format!("{WORLD}@{}", anatomy.version),
        fits: anatomy.fault.is_none(),
        problem: anatomy.fault.as_ref().map(causes),
        wasi: anatomy.wants_wasi(),
        signed_by: signer.map(|key| key.to_string()),
        imports: anatomy.imports,
        exports: anatomy.exports,
    };
    print(&match is_json {
        true => line_of(&facts)?,
        false => show(&facts),
    })?;
    match facts.problem {
        None => Ok(()),
        Some(problem) => Err(runtime(format!("{}: {problem}", path.display()))),
    }
}

fn show(facts: &Facts) -> String {
    let Facts {
        file,
        octets,
        sha256,
        world,
        fits,
        problem: _,
        wasi,
        signed_by,
        imports,
        exports,
    } = facts;
    let fit = if *fits { "fits" } else { "does not fit" };
    let wasi = if *wasi { "wanted" } else { "not wanted" };
    let signature = match signed_by {
        Some(key) => format!("by key {key}, not verified"),
        None => "none".to_owned(),
    };
    let mut text = format!(
        "file       {file}\nsize       {octets} octets\nsha256     {sha256}\n\
         world      {fit} {world}\nwasi       {wasi}\nsignature  {signature}\n"
    );
    for (what, names) in [("imports", imports), ("exports", exports)] {
        for (index, name) in names.iter().enumerate() {
            let what = if index == 0 { what } else { "" };
            text += &format!("{what:<11}{name}\n");
        }
    }
    text
}

fn test(path: &Path, is_wasi: bool, memory: usize, is_json: bool) -> Result<(), Failure> {
    let wasm = load(&Options::new(path.to_owned()))?;
    let permission = match is_wasi {
        true => Permission::Wasi,
        false => Permission::Contract,
    };
    let sandbox = open(&wasm, permission, memory)
        .map_err(|error| runtime(format!("{}: {}", path.display(), causes(&error))))?;
    let threads = Builder::new_current_thread().enable_time().build();
    let threads = threads.map_err(|source| Failure::io("threads", source))?;
    let (version, terms) = (sandbox.version(), sandbox.terms());
    let report = threads.block_on(trial::rehearse_all(&sandbox, &version, terms));
    let mut text = String::new();
    for performance in &report.performances {
        text += &match is_json {
            true => line_of(&Played::from(performance))?,
            false => line(performance),
        };
    }
    print(&text)?;
    let (failed, all) = (report.failures().count(), report.performances.len());
    if failed == 0 {
        return Ok(());
    }
    let path = path.display();
    Err(runtime(format!(
        "{path}: {failed} of {all} dialogues failed"
    )))
}

fn line(performance: &Performance) -> String {
    let Performance {
        dialogue,
        is_suspended,
        outcome,
    } = performance;
    let manner = if *is_suspended { " (suspended)" } else { "" };
    match outcome {
        Ok(Verdict::Passed) => format!("ok         {dialogue}{manner}\n"),
        Ok(Verdict::NotThere) => format!("not there  {dialogue}{manner}\n"),
        Err(failure) => {
            let (line, cause) = (failure.line, &failure.cause);
            format!("FAILED     {dialogue}{manner}, line {line}: {cause}\n")
        }
    }
}

impl<'a> From<&'a Performance> for Played<'a> {
    fn from(performance: &'a Performance) -> Self {
        let failure = performance.outcome.as_ref().err();
        Self {
            dialogue: performance.dialogue,
            suspended: performance.is_suspended,
            result: match performance.outcome {
                Ok(Verdict::Passed) => "ok",
                Ok(Verdict::NotThere) => "not there",
                Err(_) => "failed",
            },
            line: failure.map(|failure| failure.line),
            problem: failure.map(|failure| failure.cause.to_string()),
        }
    }
}

pub(super) fn load(options: &Options) -> Result<Vec<u8>, Failure> {
    if fs::metadata(&options.file).is_ok_and(|found| found.is_dir()) {
        return Err(runtime(format!(
            "{} is a directory",
            options.file.display()
        )));
    }
    component::load(options, &Trust::default()).map_err(runtime)
}

/// A sandbox for a few cells of this component.
pub(super) fn open(
    wasm: &[u8],
    permission: Permission,
    memory: usize,
) -> Result<Sandbox, sandbox::Error> {
    let options = EngineOptions {
        cells: 2,
        cell_memory: memory,
        engine: Engine::default(),
    };
    let limits = Limits {
        memory,
        call_time: TRIAL_CALL_TIME,
        instances: TRIAL_INSTANCES,
        ..Limits::default()
    };
    Sandbox::with_permission(options, limits, wasm, permission)
}

/// Why a component does not do, in the words of the command line.
pub(super) fn causes(error: &sandbox::Error) -> String {
    if let sandbox::Error::Wasi { imports } = error {
        return format!("it imports {imports}; --wasi lets it have clocks and randomness");
    }
    if let sandbox::Error::Component(cause) = error {
        return cause.clone();
    }
    error.to_string()
}

fn line_of(facts: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string(facts).map_err(runtime)?;
    Ok(text + "\n")
}

fn runtime(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::Runtime(error.into())
}
