//! Runs the checks one after the other, and says what came of each.
//!
//! Prints nothing: reports do.

use std::time::{Duration, Instant};

use crate::{
    checks,
    deviations::Deviations,
    row::{Proof, Row, Selection},
    stop::Stop,
    target::Target,
    trial::Trial,
};

/// What came of a row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The server does what is required.
    Pass,
    /// It does not. One sentence says what was expected.
    Fail(String),
    /// It does not, and says so.
    Deviation {
        /// Why it was decided so.
        reason: String,
        /// What was expected, and what came.
        why: String,
    },
    /// The row is about an option that this server does not offer.
    NotOffered(String),
    /// The check was not made, and why.
    Skipped(String),
    /// The wire does not show it; what does, and why.
    Elsewhere(String),
}

/// A row, and what came of it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The row.
    pub row: &'static Row,
    /// What came of it.
    pub verdict: Verdict,
    /// What is worth to be known although it is not wrong.
    pub notes: Vec<String>,
    /// What was said, a line each, without secrets.
    pub dialogue: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

impl Finding {
    /// Whether it is a failure that nobody has declared.
    pub fn is_failure(&self) -> bool {
        matches!(self.verdict, Verdict::Fail(_))
    }
}

impl Verdict {
    /// The verdict in a word or two, as reports print it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail(_) => "FAIL",
            Self::Deviation { .. } => "deviation",
            Self::NotOffered(_) => "not offered",
            Self::Skipped(_) => "skipped",
            Self::Elsewhere(_) => "elsewhere",
        }
    }

    /// The words behind the verdict, if it has any.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Pass => None,
            Self::Fail(reason)
            | Self::Deviation { reason, .. }
            | Self::NotOffered(reason)
            | Self::Skipped(reason)
            | Self::Elsewhere(reason) => Some(reason),
        }
    }
}

/// Holds the server against the chosen rows, in order, and shows each finding to `observe` as soon
/// as it is there.
///
/// # Errors
///
/// What `observe` returns; the run ends there.
pub fn run<E>(
    target: &Target,
    selection: &Selection,
    deviations: &Deviations,
    mut observe: impl FnMut(&Finding) -> Result<(), E>,
) -> Result<Vec<Finding>, E> {
    let mut findings = Vec::new();
    for row in checks::rows().filter(|row| selection.has(row)) {
        let finding = examine(row, target, deviations);
        observe(&finding)?;
        findings.push(finding);
    }
    Ok(findings)
}

fn examine(row: &'static Row, target: &Target, deviations: &Deviations) -> Finding {
    let start = Instant::now();
    let trial = Trial::new(target);
    let verdict = match row.proof {
        Proof::Wire(check) => judged(row, check(&trial), deviations),
        Proof::Unit(why) => Verdict::Elsewhere(format!("unit tests: {why}")),
        Proof::Configuration(why) => Verdict::Elsewhere(format!("configuration: {why}")),
        Proof::Documentation(why) => Verdict::Elsewhere(format!("documentation: {why}")),
        Proof::Nothing(why) => Verdict::Elsewhere(format!("nothing to check: {why}")),
    };
    let (dialogue, notes) = trial.into_parts();
    Finding {
        row,
        verdict,
        notes,
        dialogue,
        took: start.elapsed(),
    }
}

fn judged(row: &Row, outcome: Result<(), Stop>, deviations: &Deviations) -> Verdict {
    match outcome {
        Ok(()) => Verdict::Pass,
        Err(Stop::NotOffered(what)) => Verdict::NotOffered(what),
        Err(Stop::Skipped(why)) => Verdict::Skipped(why),
        Err(Stop::Wrong(why)) => match deviations.excuse(row.number, &why) {
            Some(reason) => Verdict::Deviation {
                reason: reason.to_owned(),
                why,
            },
            None => Verdict::Fail(why),
        },
    }
}
