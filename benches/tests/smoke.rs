//! The benchmark works: every row, with tiny numbers, on the floor and on Popcell.
//!
//! Figures are not looked at.

use std::process::Command;

#[test]
fn every_row_runs_without_an_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_popcell-bench"))
        .args(["run", "--quick", "--servers", "floor,popcell"])
        .output()
        .expect("the program starts");
    let (table, said) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{table}\n{said}");
    for row in ["noop", "retr-large", "drain", "idle-session", "tls-resumed"] {
        let lines = table
            .lines()
            .filter(|line| line.contains(&format!("| {row} ")));
        assert_eq!(lines.count(), 2, "{row} in\n{table}");
    }
}
