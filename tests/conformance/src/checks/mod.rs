//! The table: every requirement, in the order of the documents.
//!
//! One file or folder for each RFC; a check stands where its row does.

mod clear;
mod rfc1939;
mod rfc2449;
mod rfc3206;
mod rfc5034;
mod rfc6856;
mod tls;
mod tour;

use crate::row::{Level, Proof, Row};

/// The tables of the RFCs.
const TABLES: [&[Row]; 6] = [
    rfc1939::ROWS,
    rfc2449::ROWS,
    rfc3206::ROWS,
    rfc5034::ROWS,
    tls::ROWS,
    rfc6856::ROWS,
];

/// Every requirement, in the order of the table.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    TABLES.into_iter().flatten()
}

/// A line of a table: number, RFC and section, level, proof, requirement.
const fn row(
    number: &'static str,
    (rfc, section): (u16, &'static str),
    level: Level,
    proof: Proof,
    requirement: &'static str,
) -> Row {
    Row {
        number,
        rfc,
        section,
        level,
        requirement,
        proof,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_all_rows_in_order() {
        let numbers: Vec<&str> = rows().map(|row| row.number).collect();
        let expected: Vec<String> = (1..=113)
            .flat_map(|number| match number {
                42 => ["42a", "42b", "42c", "42d"].map(str::to_owned).to_vec(),
                _ => vec![number.to_string()],
            })
            .collect();
        assert_eq!(numbers, expected);
    }

    #[test]
    fn every_row_says_what_it_requires() {
        for row in rows() {
            assert!(row.requirement.len() > 20, "row {}", row.number);
            assert!(!row.requirement.ends_with('.'), "row {}", row.number);
            assert!(!row.section.is_empty(), "row {}", row.number);
        }
    }
}
