//! Tables for a terminal: columns that stand under each other, numbers to the right.
//!
//! Prints nothing.

/// How a column is headed and aligned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    name: &'static str,
    is_number: bool,
}

impl Column {
    /// Aligned to the left.
    pub(super) const fn text(name: &'static str) -> Self {
        let is_number = false;
        Self { name, is_number }
    }

    /// Aligned to the right.
    pub(super) const fn number(name: &'static str) -> Self {
        let is_number = true;
        Self { name, is_number }
    }
}

/// The heads and the rows, a line each.
pub(super) fn table(columns: &[Column], rows: &[Vec<String>]) -> String {
    let heads = columns.iter().map(|column| column.name.to_owned());
    let heads: Vec<String> = heads.collect();
    let all = || std::iter::once(&heads).chain(rows);
    let widths: Vec<usize> = (0..columns.len())
        .map(|index| all().map(|row| width(row.get(index))).max().unwrap_or(0))
        .collect();
    let lines = all().map(|row| {
        let cells = row.iter().zip(columns).zip(&widths);
        let cells = cells.map(|((cell, column), width)| match column.is_number {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("{}\n", line.trim_end())
    });
    lines.collect()
}

fn width(cell: Option<&String>) -> usize {
    cell.map_or(0, |cell| cell.chars().count())
}

/// Seconds in the two largest units that they have.
pub(super) fn age(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

/// Octets in the largest unit of which there is one, to a tenth.
pub(super) fn size(octets: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, unit)| octets >= *unit) {
        Some((name, unit)) => {
            let tenth = octets % unit * 10 / unit;
            format!("{}.{tenth}{name}", octets / unit)
        }
        None => format!("{octets}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let columns = [Column::text("USER"), Column::number("N"), Column::text("X")];
        let row =
            |user: &str, number: &str| vec![user.to_owned(), number.to_owned(), String::new()];
        assert_eq!(
            table(&columns, &[row("alice", "7"), row("é", "1234")]),
            "USER      N  X\nalice     7\né      1234\n"
        );
    }

    #[test]
    fn ages_and_sizes_are_short() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (61, "1m01s"),
            (3_600, "1h00m"),
            (86_400 + 7_200, "1d02h"),
        ] {
            assert_eq!(age(seconds), text);
        }
        for (octets, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1536, "1.5KiB"),
            (131_072, "128.0KiB"),
            (5 << 30, "5.0GiB"),
        ] {
            assert_eq!(size(octets), text);
        }
    }
}
