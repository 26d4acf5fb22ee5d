//! The table: a line for each row and server.
//!
//! Its form is Markdown's, which can be read on a terminal too.

use super::{Cell, Results, cpu_of};
use crate::{
    rows::{Goal, Row},
    servers::Server,
};

const TITLES: [&str; 11] = [
    "row",
    "server",
    "CPU",
    "rate",
    "p50",
    "p99",
    "memory",
    "errors",
    "to floor",
    "goal",
    "to Dovecot tuned",
];

/// All figures.
pub(crate) fn table(results: &Results) -> String {
    let mut lines = vec![TITLES.map(str::to_owned)];
    for (row, cells) in results.rows() {
        lines.extend(cells.iter().map(|cell| line(row, cell, &cells)));
    }
    let mut text = aligned(&lines);
    for further in [tls(results), sandbox(results)].into_iter().flatten() {
        text.push('\n');
        text.push_str(&further);
    }
    text
}

fn line(row: &Row, cell: &Cell<'_>, cells: &[Cell<'_>]) -> [String; 11] {
    let none = String::new;
    let mut line = TITLES.map(|_| none());
    line[0] = row.name.to_owned();
    line[1] = cell.server.to_owned();
    line[7] = cell.errors.to_string();
    if let (Some(lacks), 0) = (cell.lacks, cell.errors) {
        line[7] = lacks.to_owned();
    }
    let is_popcell = cell.server == Server::Popcell.key();
    if is_popcell {
        line[9] = goal(row.goal);
    }
    let Some(figures) = cell.figures else {
        return line;
    };
    if let Some(kib) = figures.kib {
        line[6] = format!("{kib:.1} KiB");
        return line;
    }
    line[2] = format!("{} µs", short(figures.cpu_microseconds));
    line[3] = format!("{}/s", short(figures.rate));
    line[4] = format!("{} µs", short(figures.p50_microseconds));
    line[5] = format!("{} µs", short(figures.p99_microseconds));
    for (index, other) in [(8, Server::Floor), (10, Server::DovecotTuned)] {
        if let Some(cpu) = cpu_of(cells, other) {
            line[index] = format!("{:.2}", figures.cpu_microseconds / cpu);
        }
    }
    line
}

fn goal(goal: Goal) -> String {
    match goal {
        Goal::OfFloor(ratio) => format!("{ratio:.1}"),
        Goal::Kib(kib) => format!("{kib:.1} KiB"),
        Goal::Open => String::new(),
    }
}

/// What TLS adds to a session, if both were measured.
fn tls(results: &Results) -> Option<String> {
    let rows: Vec<_> = results.rows().collect();
    let cells = |name: &str| {
        let found = rows.iter().find(|(row, _)| row.name == name);
        found.map(|(_, cells)| cells)
    };
    let kinds = ["session", "tls-session", "tls-resumed"].map(cells);
    let [Some(plain), Some(full), Some(resumed)] = kinds else {
        return None;
    };
    let titles = [
        "server",
        "plain",
        "full TLS 1.3",
        "to plain",
        "resumed",
        "to plain",
    ];
    let mut lines = vec![titles.map(str::to_owned)];
    for ((plain, full), resumed) in plain.iter().zip(full).zip(resumed) {
        let cpu = |cell: &Cell<'_>| cell.figures.map(|figures| figures.cpu_microseconds);
        let text =
            |cpu: Option<f64>| cpu.map_or_else(String::new, |cpu| format!("{} µs", short(cpu)));
        let [plain_cpu, full, resumed] = [plain, full, resumed].map(cpu);
        let ratio = |cpu: Option<f64>| match (cpu, plain_cpu) {
            (Some(cpu), Some(plain)) if plain > 0.0 => format!("{:.1}", cpu / plain),
            _ => String::new(),
        };
        lines.push([
            plain.server.to_owned(),
            text(plain_cpu),
            text(full),
            ratio(full),
            text(resumed),
            ratio(resumed),
        ]);
    }
    Some(aligned(&lines))
}

/// What the sandbox costs, if Popcell was measured without one too.
fn sandbox(results: &Results) -> Option<String> {
    let titles = [
        "what the sandbox costs",
        "popcell",
        "native",
        "of popcell's CPU",
    ];
    let mut lines = vec![titles.map(str::to_owned)];
    for (row, cells) in results.rows() {
        // Rows about memory are about no time.
        if cells
            .iter()
            .any(|cell| cell.figures.is_some_and(|figures| figures.kib.is_some()))
        {
            continue;
        }
        let cpu = |server| cpu_of(&cells, server);
        let (Some(popcell), Some(native)) = (cpu(Server::Popcell), cpu(Server::Native)) else {
            continue;
        };
        lines.push([
            row.name.to_owned(),
            format!("{} µs", short(popcell)),
            format!("{} µs", short(native)),
            format!("{:.0} %", price(popcell, native)),
        ]);
    }
    (lines.len() > 1).then(|| aligned(&lines))
}

/// How much of a hundred is the sandbox's. Below 0 where the difference is less than the weather.
fn price(popcell: f64, native: f64) -> f64 {
    (popcell - native) / popcell * 100.0
}

/// Three digits at least, as many decimals as that takes.
pub(super) fn short(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// A table in Markdown whose columns are as wide as what is in them; the first line is the head.
pub(super) fn aligned<const N: usize>(lines: &[[String; N]]) -> String {
    let width = |column: usize| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.max().unwrap_or_default().max(3)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        for (field, width) in line.iter().zip(widths) {
            text += &format!("| {field:<width$} ");
        }
        text += "|\n";
        if index == 0 {
            for width in widths {
                text += &format!("| {} ", "-".repeat(width));
            }
            text += "|\n";
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let lines = [["a", "bcde"], ["µs", ""]].map(|line| line.map(str::to_owned));
        assert_eq!(
            aligned(&lines),
            "| a   | bcde |\n| --- | ---- |\n| µs  |      |\n"
        );
    }

    #[test]
    fn the_price_of_the_sandbox_is_a_part_of_the_whole() {
        assert!((price(200.0, 150.0) - 25.0).abs() < 1e-9);
        assert!((price(100.0, 110.0) + 10.0).abs() < 1e-9);
    }

    #[test]
    fn figures_have_three_digits() {
        assert_eq!([0.123, 12.34, 1234.5].map(short), ["0.12", "12.3", "1234"]);
    }
}
