//! The report for people: grouped by RFC, with a summary by RFC and level.
//!
//! Every failure brings its dialogue along.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use crate::{
    row::Level,
    run::{Finding, Verdict},
};

/// Lines of a failed dialogue that are shown: its end tells what went wrong.
const SHOWN_LINES: usize = 24;

/// Columns of the summary.
const COLUMNS: [&str; 6] = [
    "pass",
    "FAIL",
    "deviation",
    "not offered",
    "skipped",
    "elsewhere",
];

pub(super) fn add(
    out: &mut impl Write,
    before: Option<&Finding>,
    finding: &Finding,
    is_verbose: bool,
) -> io::Result<()> {
    let Finding { row, verdict, .. } = finding;
    if before.is_none_or(|before| before.row.rfc != row.rfc) {
        writeln!(out, "RFC {}", row.rfc)?;
    }
    let clause = format!("§{}", row.section);
    let (number, level, text) = (row.number, row.level, row.requirement);
    writeln!(
        out,
        "  {:<11} {number:>4} {clause:<15} {level:<6} {text}",
        verdict.name()
    )?;
    explain(out, finding)?;
    let is_failure = matches!(verdict, Verdict::Fail(_) | Verdict::Deviation { .. });
    if is_failure || is_verbose {
        let hidden = match is_verbose {
            true => 0,
            false => finding.dialogue.len().saturating_sub(SHOWN_LINES),
        };
        if hidden > 0 {
            writeln!(out, "        ({hidden} lines before; --verbose shows them)")?;
        }
        for line in &finding.dialogue[hidden..] {
            writeln!(out, "        {line}")?;
        }
    }
    Ok(())
}

fn explain(out: &mut impl Write, finding: &Finding) -> io::Result<()> {
    match &finding.verdict {
        Verdict::Pass | Verdict::Elsewhere(_) => {}
        Verdict::Fail(why) => writeln!(out, "      expected: {why}")?,
        Verdict::Deviation { reason, why } => {
            writeln!(out, "      expected: {why}")?;
            writeln!(out, "      on purpose: {reason}")?;
        }
        Verdict::NotOffered(reason) | Verdict::Skipped(reason) => writeln!(out, "      {reason}")?,
    }
    finding
        .notes
        .iter()
        .try_for_each(|note| writeln!(out, "      note: {note}"))
}

pub(super) fn finish(out: &mut impl Write, findings: &[Finding]) -> io::Result<()> {
    let mut counts: BTreeMap<(u16, Level), BTreeMap<&str, usize>> = BTreeMap::new();
    let mut totals: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in findings {
        let name = finding.verdict.name();
        let group = counts
            .entry((finding.row.rfc, finding.row.level))
            .or_default();
        *group.entry(name).or_default() += 1;
        *totals.entry(name).or_default() += 1;
    }
    write!(out, "\n{:<16}", "")?;
    COLUMNS
        .iter()
        .try_for_each(|column| write!(out, " {column:>11}"))?;
    writeln!(out)?;
    for ((rfc, level), counts) in &counts {
        line(out, &format!("RFC {rfc} {level}"), counts)?;
    }
    line(out, "all", &totals)?;
    verdict(out, findings)
}

/// The last words: whether the server passes, and what it fails.
fn verdict(out: &mut impl Write, findings: &[Finding]) -> io::Result<()> {
    let failures: Vec<&Finding> = findings.iter().filter(|it| it.is_failure()).collect();
    let all = findings.len();
    if failures.is_empty() {
        let is_pass = |finding: &&Finding| finding.verdict == Verdict::Pass;
        let is_deviation =
            |finding: &&Finding| matches!(finding.verdict, Verdict::Deviation { .. });
        let passes = findings.iter().filter(is_pass).count();
        let deviations = findings.iter().filter(is_deviation).count();
        return writeln!(
            out,
            "\nNo row fails: of {all}, {passes} pass and {deviations} deviate as declared."
        );
    }
    writeln!(out, "\nFAILED: {} of {all} rows", failures.len())?;
    failures.iter().try_for_each(|finding| {
        let row = finding.row;
        let (number, clause, level) = (row.number, row.clause(), row.level);
        writeln!(
            out,
            "  {number:>4} {clause:<22} {level:<6} {}",
            row.requirement
        )
    })
}

fn line(out: &mut impl Write, name: &str, counts: &BTreeMap<&str, usize>) -> io::Result<()> {
    write!(out, "{name:<16}")?;
    for column in COLUMNS {
        match counts.get(column) {
            Some(count) => write!(out, " {count:>11}")?,
            None => write!(out, " {:>11}", "-")?,
        }
    }
    writeln!(out)
}
