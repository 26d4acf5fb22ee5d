//! The benchmark works: every row, with tiny numbers, on the floor and on Popcell.
//!
//! Figures are not looked at.

use std::{path::Path, process::Command};

#[test]
fn every_row_runs_without_an_error() {
    let program = Path::new(env!("CARGO_BIN_EXE_popcell-bench"));
    let mut bench = Command::new(program);
    bench.args(["run", "--quick", "--servers", "floor,popcell"]);
    // Beside it where the whole workspace is tested; else it is built, which takes minutes.
    let popcell = program.with_file_name("popcell");
    if popcell.exists() {
        bench.env("POPCELL_BIN", popcell);
    }
    let output = bench.output().expect("the program starts");
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
