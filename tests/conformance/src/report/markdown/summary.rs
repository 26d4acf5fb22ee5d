//! Results summed up by document and level, and held against the declared deviations.
//!
//! Reads what `results` has read; runs nothing.

use std::collections::BTreeMap;

use super::results::{Found, Outcome};
use crate::{checks, deviations::Deviations, row::Level};

/// A table with a line for each level of each document; nothing without results.
pub(super) fn by_document(found: &BTreeMap<String, Found>) -> String {
    if found.is_empty() {
        return String::new();
    }
    let mut groups: BTreeMap<(u16, Level), Vec<Outcome>> = BTreeMap::new();
    let mut all = Vec::new();
    for row in checks::rows() {
        if let Some(found) = found.get(row.number) {
            let group = groups.entry((row.rfc, row.level)).or_default();
            group.push(found.outcome);
            all.push(found.outcome);
        }
    }
    let names = Outcome::ALL.map(Outcome::name).join(" | ");
    let mut text = format!("\n## Results\n\n| RFC | Level | {names} |\n| --- | --- |");
    text.push_str(&" --- |".repeat(Outcome::ALL.len()));
    text.push('\n');
    for ((rfc, level), outcomes) in &groups {
        text.push_str(&format!("| {rfc} | {level} | {} |\n", counts(outcomes)));
    }
    text.push_str(&format!("| all | | {} |\n", counts(&all)));
    text
}

/// How often each outcome is among `outcomes`; never is an empty cell.
fn counts(outcomes: &[Outcome]) -> String {
    let count = |outcome| outcomes.iter().filter(|other| **other == outcome).count();
    let cells = Outcome::ALL.map(|outcome| match count(outcome) {
        0 => String::new(),
        count => count.to_string(),
    });
    cells.join(" | ")
}

/// A row that is declared as a deviation although the runs have tried it and show none: the
/// declaration is older than the server.
pub(super) fn stale(
    found: &BTreeMap<String, Found>,
    deviations: &Deviations,
) -> Option<&'static str> {
    let is_shown = |outcome| {
        matches!(
            outcome,
            Outcome::Deviation | Outcome::Fail | Outcome::Skipped
        )
    };
    let mut declared = deviations.rows();
    declared.find(|row| {
        found
            .get(*row)
            .is_some_and(|found| !is_shown(found.outcome))
    })
}
