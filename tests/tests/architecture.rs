//! The rules of the house that a compiler does not know: who may name whom, and how a file looks.
//!
//! Reads sources and manifests as text; a breach is named with its file and line.

use std::{
    fs,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// Most lines of a file, its tests included.
const MAX_LINES: usize = 400;

/// Words that say nothing about what a module holds.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "helpers", "common", "misc", "manager"];

#[test]
fn component_and_host_know_each_other_by_the_contract_only() {
    let packages = packages();
    let depends = |from: &str, on: &str| {
        let package = packages
            .iter()
            .find(|package| package.name == from)
            .expect(from);
        package
            .dependencies
            .iter()
            .any(|dependency| dependency.name == on)
    };
    assert!(!depends("popcell-component", "popcell"));
    // But for benchmarks, which compare.
    let host = packages.iter().find(|package| package.name == "popcell");
    let host = host.expect("the host");
    let on = host.dependencies.iter();
    let mut on = on.filter(|on| on.name == "popcell-component");
    assert!(on.all(|on| on.optional));
    let doors = host.features.iter();
    let doors =
        doors.filter(|(_, needs)| needs.iter().any(|need| need.contains("popcell-component")));
    let doors: Vec<&str> = doors.map(|(name, _)| name.as_str()).collect();
    assert_eq!(doors, ["native-session"]);
    assert!(
        depends("popcell-tests", "popcell-component"),
        "the question makes no sense"
    );
}

#[test]
fn a_contract_that_is_for_tests_is_in_no_product() {
    let wants = |feature: &String| feature == "wit-next";
    let mut asked = Vec::new();
    for package in packages() {
        let own = &package.features;
        assert!(
            !own.values()
                .flatten()
                .any(|feature| feature.contains("wit-next")),
            "a feature of {} turns it on",
            package.name
        );
        let wanting = package.dependencies.into_iter();
        let wanting = wanting.filter(|on| on.features.iter().any(wants));
        asked.extend(wanting.map(|on| (package.name.to_string(), on.kind)));
    }
    let expected = ("popcell-tests".to_owned(), DependencyKind::Development);
    assert_eq!(asked, [expected]);
}

#[test]
fn nobody_turns_the_sandbox_off() {
    for package in packages() {
        let own = package.features.values().flatten();
        let on = package.dependencies.iter().flat_map(|on| &on.features);
        let mut wanted = own.chain(on);
        assert!(
            !wanted.any(|feature| feature.contains("native-session")),
            "{} turns it off",
            package.name
        );
    }
}

#[test]
fn the_session_without_a_sandbox_is_in_one_place() {
    let sources = sources("host/src", |path| {
        !path.starts_with("host/src/sandbox/native")
    });
    refuse(&sources, |line| mentions(line, "popcell_component"));
}

#[test]
fn only_the_guest_file_of_the_component_knows_the_bindings() {
    let sources = sources("component/src", |path| !path.ends_with("guest.rs"));
    refuse(&sources, |line| {
        mentions(line, "wit_bindgen") || mentions(line, "bindings")
    });
}

#[test]
fn only_the_sandbox_of_the_host_knows_wasmtime() {
    let sources = sources("host/src", |path| !path.starts_with("host/src/sandbox"));
    refuse(&sources, |line| {
        line.contains("wasmtime::") || line.contains("use wasmtime")
    });
}

#[test]
fn the_sandbox_knows_neither_sockets_nor_credentials_nor_stores() {
    let forbidden = [
        "tokio::net",
        "crate::auth",
        "crate::mailbox",
        "crate::login",
        "crate::config",
    ];
    let sources = sources("host/src/sandbox", |_| true);
    refuse(&sources, |line| {
        forbidden.iter().any(|name| mentions(line, name))
    });
}

#[test]
fn credentials_and_stores_do_not_know_the_sandbox_or_each_other() {
    for (folder, other) in [("auth", "crate::mailbox"), ("mailbox", "crate::auth")] {
        let sources = sources(&format!("host/src/{folder}"), |_| true);
        refuse(&sources, |line| {
            mentions(line, other) || mentions(line, "crate::sandbox")
        });
    }
}

#[test]
fn the_component_has_no_clock_no_chance_and_no_files() {
    let forbidden = [
        "std::time",
        "std::net",
        "std::fs",
        "std::env",
        "std::thread",
        "std::process",
    ];
    let sources = sources("component/src", |_| true);
    refuse(&sources, |line| {
        forbidden.iter().any(|name| mentions(line, name))
    });
}

#[test]
fn nothing_is_unwrapped_outside_of_tests() {
    let mut sources = sources("component/src", is_no_test);
    sources.extend(self::sources("host/src", is_no_test));
    for source in &mut sources {
        source.cut_tests();
    }
    refuse(&sources, |line| line.contains(".unwrap()"));
}

#[test]
fn a_file_says_what_it_is_and_is_short() {
    let mut found = Vec::new();
    for Source { path, lines } in all() {
        if !lines
            .first()
            .is_some_and(|(_, line)| line.starts_with("//! "))
        {
            found.push(format!("{path} does not begin with a line of //!"));
        }
        if lines.len() > MAX_LINES {
            found.push(format!("{path} has {} lines", lines.len()));
        }
        let path = Path::new(&path);
        let names = [path.file_stem(), path.parent().and_then(Path::file_name)];
        if names
            .iter()
            .flatten()
            .any(|name| EMPTY_NAMES.iter().any(|empty| name == empty))
        {
            found.push(format!("{} has an empty name", path.display()));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_comment_that_begins_with_an_rfc_names_the_section() {
    let breaches = breaches(&all(), |line| {
        let comment = line
            .split_once("// ")
            .filter(|(before, _)| !before.ends_with('/'));
        let clause = comment.and_then(|(_, comment)| comment.strip_prefix("RFC "));
        clause.is_some_and(|clause| !is_clause(clause))
    });
    assert!(
        breaches.is_empty(),
        "not of the form `RFC 1939 §5 (DELE): ...`\n{breaches}"
    );
}

#[test]
fn nothing_is_left_to_be_done() {
    let words = [
        "TO".to_owned() + "DO",
        "FIX".to_owned() + "ME",
        "XX".to_owned() + "X",
    ];
    let mut sources = all();
    // One of the words is what TAP calls a failure that is known.
    sources.retain(|source| !source.path.contains("conformance/src/report"));
    let breaches = breaches(&sources, |line| {
        words.iter().any(|word| mentions(line, word))
            || line.contains(&("unimpl".to_owned() + "emented!"))
    });
    assert!(breaches.is_empty(), "{breaches}");
}

#[test]
fn the_rules_find_what_they_are_about() {
    for (comment, expected) in [
        ("1939 §5 (DELE): marks only.", true),
        ("2449 §6.5", true),
        ("1939 §5, §6", true),
        ("1081", true),
        ("1939 says so", false),
        ("1939, section 5", false),
        ("§5", false),
    ] {
        assert_eq!(is_clause(comment), expected, "{comment}");
    }
    assert!(mentions("use crate::auth;", "crate::auth"));
    assert!(!mentions("use crate::author;", "crate::auth"));
    let mut source = source("x.rs", "a\n#[cfg(test)]\nmod tests {\n}");
    source.cut_tests();
    assert_eq!(source.lines, [(1, "a".to_owned())]);
    assert!(all().len() > 60, "sources are missing");
}

/// A file with its lines, counted from 1.
struct Source {
    path: String,
    lines: Vec<(usize, String)>,
}

impl Source {
    /// Takes the tests at the end away.
    fn cut_tests(&mut self) {
        let start = self
            .lines
            .windows(2)
            .position(|pair| pair[0].1 == "#[cfg(test)]" && pair[1].1.starts_with("mod tests"));
        self.lines.truncate(start.unwrap_or(self.lines.len()));
    }
}

/// The members of the workspace.
fn packages() -> Vec<Package> {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec();
    metadata.expect("cargo reads the workspace").packages
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every source of the workspace.
fn all() -> Vec<Source> {
    ["benches", "component", "host", "tests"]
        .iter()
        .flat_map(|folder| sources(folder, |_| true))
        .collect()
}

/// The sources below a folder, as paths from the root, that `keep` wants.
fn sources(folder: &str, keep: impl Fn(&str) -> bool) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(root().join(&folder)).expect("a folder of the workspace");
        for entry in entries {
            let entry = entry.expect("an entry of a folder");
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                // What a guest was built into by hand is nobody's source.
                if !path.ends_with("/target") {
                    folders.push(path);
                }
            } else if path.ends_with(".rs") && keep(&path) {
                let text = fs::read_to_string(entry.path()).expect("a source is text");
                found.push(source(&path, &text));
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

fn source(path: &str, text: &str) -> Source {
    let lines = (1..).zip(text.lines().map(str::to_owned)).collect();
    Source {
        path: path.to_owned(),
        lines,
    }
}

fn is_no_test(path: &str) -> bool {
    !path.ends_with("/tests.rs") && !path.contains("/tests/")
}

/// Fails if a line of code, comments left out, is refused.
fn refuse(sources: &[Source], is_refused: impl Fn(&str) -> bool) {
    let breaches = breaches(sources, |line| {
        !line.trim_start().starts_with("//") && is_refused(line)
    });
    assert!(breaches.is_empty(), "{breaches}");
}

fn breaches(sources: &[Source], is_breach: impl Fn(&str) -> bool) -> String {
    let mut found = String::new();
    for Source { path, lines } in sources {
        for (number, line) in lines.iter().filter(|(_, line)| is_breach(line)) {
            found += &format!("{path}:{number}: {}\n", line.trim());
        }
    }
    found
}

/// Whether `name` stands in `line` as a whole word or path.
fn mentions(line: &str, name: &str) -> bool {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + name.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// Whether a comment goes on, behind `RFC `, with a number and a section; a number alone is enough
/// for the RFCs that have no sections.
fn is_clause(comment: &str) -> bool {
    const DIGITS: RangeInclusive<usize> = 3..=5;
    let digits = comment.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &comment[digits..];
    let section = rest
        .strip_prefix(" §")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    DIGITS.contains(&digits) && (rest.is_empty() || section)
}
