//! Test Anything Protocol, version 14: one test point a row.
//!
//! What is written here is what `markdown` reads.

use std::io::{self, Write};

use crate::run::{Finding, Verdict};

pub(super) fn begin(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "TAP version 14")
}

pub(super) fn add(
    out: &mut impl Write,
    number: usize,
    finding: &Finding,
    is_verbose: bool,
) -> io::Result<()> {
    let row = finding.row;
    let is_ok = !matches!(
        finding.verdict,
        Verdict::Fail(_) | Verdict::Deviation { .. }
    );
    let status = if is_ok { "ok" } else { "not ok" };
    let (clause, level) = (row.clause(), row.level);
    write!(
        out,
        "{status} {number} - row {} {clause} {level}: {}",
        row.number, row.requirement
    )?;
    writeln!(out, "{}", directive(&finding.verdict))?;
    if !is_ok || is_verbose {
        diagnose(out, finding)?;
    }
    Ok(())
}

pub(super) fn finish(out: &mut impl Write, count: usize) -> io::Result<()> {
    writeln!(out, "1..{count}")
}

/// TODO is TAP's word for a failure that is known.
fn directive(verdict: &Verdict) -> String {
    let kind = match verdict {
        Verdict::Pass | Verdict::Fail(_) => return String::new(),
        Verdict::Deviation { .. } => "TODO",
        Verdict::NotOffered(_) | Verdict::Skipped(_) | Verdict::Elsewhere(_) => "SKIP",
    };
    let reason = verdict.reason().unwrap_or_default();
    format!(" # {kind} {}: {}", verdict.name(), one_line(reason))
}

fn diagnose(out: &mut impl Write, finding: &Finding) -> io::Result<()> {
    writeln!(out, "  ---")?;
    if let Verdict::Fail(why) | Verdict::Deviation { why, .. } = &finding.verdict {
        writeln!(
            out,
            "  expected: \"{}\"",
            one_line(why).replace('\\', "\\\\").replace('"', "\\\"")
        )?;
    }
    writeln!(out, "  dialogue: |")?;
    for line in &finding.dialogue {
        writeln!(out, "    {line}")?;
    }
    writeln!(out, "  ...")
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
