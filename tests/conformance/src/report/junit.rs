//! JUnit's XML: one suite an RFC, one case a row.
//!
//! Text is escaped, and what XML cannot hold is replaced.

use std::io::{self, Write};

use crate::run::{Finding, Verdict};

pub(super) fn write(out: &mut impl Write, findings: &[Finding]) -> io::Result<()> {
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(out, "<testsuites>")?;
    for suite in findings.chunk_by(|a, b| a.row.rfc == b.row.rfc) {
        let rfc = suite.first().map_or(0, |finding| finding.row.rfc);
        let failures = suite.iter().filter(|finding| finding.is_failure()).count();
        let skipped = suite
            .iter()
            .filter(|finding| is_skipped(&finding.verdict))
            .count();
        writeln!(
            out,
            r#"  <testsuite name="RFC {rfc}" tests="{}" failures="{failures}" skipped="{skipped}">"#,
            suite.len()
        )?;
        suite.iter().try_for_each(|finding| case(out, finding))?;
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

/// JUnit knows no failure on purpose: a deviation is a case that was not counted.
fn is_skipped(verdict: &Verdict) -> bool {
    !matches!(verdict, Verdict::Pass | Verdict::Fail(_))
}

fn case(out: &mut impl Write, finding: &Finding) -> io::Result<()> {
    let row = finding.row;
    let name = escaped(&format!("{} {}", row.number, row.requirement));
    let class = escaped(&row.clause());
    let seconds = finding.took.as_secs_f64();
    write!(
        out,
        r#"    <testcase classname="{class}" name="{name}" time="{seconds:.3}""#
    )?;
    match &finding.verdict {
        Verdict::Pass => writeln!(out, "/>"),
        Verdict::Fail(why) => {
            writeln!(
                out,
                r#"><failure message="{}">{}</failure></testcase>"#,
                escaped(why),
                escaped(&finding.dialogue.join("\n"))
            )
        }
        verdict @ (Verdict::Deviation { .. }
        | Verdict::NotOffered(_)
        | Verdict::Skipped(_)
        | Verdict::Elsewhere(_)) => {
            let reason = verdict.reason().unwrap_or_default();
            let message = escaped(&format!("{}: {reason}", verdict.name()));
            writeln!(out, r#"><skipped message="{message}"/></testcase>"#)
        }
    }
}

/// XML 1.0 has no way to write most control characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            control if control.is_control() => escaped.push('\u{fffd}'),
            plain => escaped.push(plain),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_means_is_escaped_and_what_it_cannot_hold_is_replaced() {
        assert_eq!(
            escaped("<a> & \"b\"\n\u{1b}"),
            "&lt;a&gt; &amp; &quot;b&quot;&#10;\u{fffd}"
        );
    }
}
