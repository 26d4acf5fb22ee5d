//! The program: arguments in, a report and an exit code out.
//!
//! What is checked is the library's.

mod arguments;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use arguments::{Arguments, Check, Command, Document};
use clap::Parser as _;
use popcell_conformance::{
    checks,
    deviations::Deviations,
    maildir, probe,
    report::{Report, markdown},
    row::Proof,
    run,
};

/// Some row does not hold, or the work could not be done.
const FAILED: u8 = 1;

/// The arguments are wrong.
const USAGE: u8 = 2;

/// Why the program ends early: what to say, and the exit code.
struct Failure(String, u8);

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(error.to_string(), FAILED)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match (arguments.command, arguments.check) {
        (Some(Command::Prepare { directory }), _) => prepare(&directory),
        (Some(Command::Report(report)), _) => document(&report),
        (Some(Command::Rows), _) => list(),
        (None, Some(check)) => examine(&check),
        (None, None) => Err(Failure("a server or a command is needed".to_owned(), USAGE)),
    };
    outcome.unwrap_or_else(|Failure(message, code)| {
        // Nobody is left to be told if this fails.
        let _unheard = writeln!(io::stderr(), "popcell-conformance: {message}");
        ExitCode::from(code)
    })
}

fn examine(check: &Check) -> Result<ExitCode, Failure> {
    let usage = |message: String| Failure(message, USAGE);
    let target = check.target().map_err(usage)?;
    let deviations = check.deviations().map_err(usage)?;
    probe(&target).map_err(|message| Failure(message, FAILED))?;
    let mut reports = check.reports().map_err(usage)?;
    let findings = run(&target, &check.only, &deviations, |finding| {
        reports
            .iter_mut()
            .try_for_each(|report| report.add(finding))
    })?;
    reports.into_iter().try_for_each(Report::finish)?;
    let unmet = match check.expect_deviations {
        true => deviations.unmet(&findings),
        false => Vec::new(),
    };
    unmet
        .iter()
        .try_for_each(|sentence| writeln!(io::stderr(), "popcell-conformance: {sentence}"))?;
    let is_failed = findings.iter().any(|finding| finding.is_failure());
    match is_failed || !unmet.is_empty() {
        true => Ok(ExitCode::from(FAILED)),
        false => Ok(ExitCode::SUCCESS),
    }
}

fn prepare(directory: &std::path::Path) -> Result<ExitCode, Failure> {
    let prepared =
        maildir::prepare(directory).map_err(|error| Failure(error.to_string(), FAILED))?;
    let maildir::Prepared { written, kept } = prepared;
    let directory = directory.display();
    writeln!(
        io::stdout(),
        "{directory}: {written} messages written, {kept} were there"
    )?;
    Ok(ExitCode::SUCCESS)
}

fn document(report: &Document) -> Result<ExitCode, Failure> {
    let mut deviations = Deviations::default();
    if let Some(file) = &report.deviations {
        deviations
            .read(file)
            .map_err(|error| Failure(error.to_string(), USAGE))?;
    }
    let sources = markdown::Sources {
        code: report.code.clone(),
        places: report.places.clone(),
        transcripts: Some(report.transcripts.clone()),
        results: report.results.clone(),
    };
    let document = markdown::document(&sources, &deviations)
        .map_err(|error| Failure(error.to_string(), FAILED))?;
    io::stdout().write_all(document.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn list() -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    for row in checks::rows() {
        let proof = match row.proof {
            Proof::Wire(_) => "wire",
            Proof::Unit(_) => "unit",
            Proof::Configuration(_) => "configuration",
            Proof::Documentation(_) => "documentation",
            Proof::Nothing(_) => "nothing",
        };
        let (number, clause, level) = (row.number, row.clause(), row.level);
        writeln!(
            out,
            "{number:>4} {clause:<22} {level:<6} {proof:<13} {}",
            row.requirement
        )?;
    }
    Ok(ExitCode::SUCCESS)
}
