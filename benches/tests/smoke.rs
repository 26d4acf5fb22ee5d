//! The benchmark works: every row, with tiny numbers, on the floor and on Popcell; and `scale`.
//!
//! Figures are not looked at.

use std::{fs, path::Path, process::Command};

/// What the program prints.
fn bench(arguments: &[&str]) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_popcell-bench"));
    let mut bench = Command::new(program);
    bench.args(arguments);
    // Beside it where the whole workspace is tested; else it is built, which takes minutes.
    let popcell = program.with_file_name("popcell");
    if popcell.exists() {
        bench.env("POPCELL_BIN", popcell);
    }
    let output = bench.output().expect("the program starts");
    let table = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{table}\n{said}");
    table.into_owned()
}

#[test]
fn every_row_runs_without_an_error() {
    let table = bench(&["run", "--quick", "--servers", "floor,popcell"]);
    for row in ["noop", "retr-large", "drain", "idle-session", "tls-resumed"] {
        let lines = table
            .lines()
            .filter(|line| line.contains(&format!("| {row} ")));
        assert_eq!(lines.count(), 2, "{row} in\n{table}");
    }
}

#[test]
fn scale_measures_each_maildrop() {
    let table = bench(&["scale", "--quick"]);
    for what in ["first login", "second login", "UIDL", "memory: no session"] {
        let lines = table
            .lines()
            .filter(|line| line.contains(&format!("| {what} ")));
        assert_eq!(lines.count(), 2, "{what} in\n{table}");
    }
}

#[test]
fn what_scale_measured_goes_beside_the_results_that_are_there() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("results.json");
    let earlier = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/benchmarks.json");
    fs::copy(earlier, &file).expect("the results of this tree");
    let page = directory.path().join("page.md");
    let [json, markdown] = [&file, &page].map(|path| path.to_str().expect("text"));
    bench(&["scale", "--quick", "--json", json, "--markdown", markdown]);
    let page = fs::read_to_string(page).expect("a page");
    for line in ["| noop  ", "## How it grows", "| second login "] {
        assert!(page.contains(line), "{line} in\n{page}");
    }
}
