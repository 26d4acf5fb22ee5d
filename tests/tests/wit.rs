//! The contract as a package: what may be changed in it without a new minor version, and that it can
//! be handed out as a file of its own.
//!
//! `wit/released/` has what was released; `wit/VERSIONING.md` says what the rules are.

use std::{
    fs,
    path::{Path, PathBuf},
};

use popcell::sandbox::WIT_VERSION;
use wit_component::{DecodedWasm, WitPrinter};
use wit_parser::{PackageId, Resolve};

/// The world of a component, and that of a backend.
const WORLDS: [&str; 2] = ["pop3-session", "pop3-backend"];

/// Changes, by a text of the contract and what stands there instead, and whether components that were
/// built before are still sessions, and backends still backends.
const CHANGES: &[(&str, &str, [bool; 2])] = &[
    (
        "/// POP3 (RFC 1939)",
        "/// The Post Office Protocol",
        [true, true],
    ),
    // In the package, but in no world.
    (
        "interface mail {",
        "interface clock { now: func() -> u64; } interface mail {",
        [true, true],
    ),
    // An import more: who was built before does not ask for it.
    (
        "import mail;",
        "import mail; import clock: interface { now: func() -> u64; }",
        [true, true],
    ),
    (
        "summary: func() -> summary;",
        "summary: func() -> summary; count: func() -> u32;",
        [true, false],
    ),
    (
        "summary: func() -> summary;",
        "summary: func() -> summary; @unstable(feature = count) count: func() -> u32;",
        [true, true],
    ),
    // What the host calls, and what it hands over.
    (
        "greet: func() -> step;",
        "greet: func() -> step; part: func() -> step;",
        [false, true],
    ),
    ("greet: func() -> step;", "", [true, true]),
    (
        "record connection {",
        "record connection { peer: string,",
        [false, true],
    ),
    ("enum next {", "enum next { pause,", [false, true]),
    // What both sides have.
    ("enum fault {", "enum fault { busy,", [false, false]),
    ("variant turn {", "variant turn { later,", [false, false]),
    (
        "record summary {",
        "record summary { newest: u64,",
        [false, false],
    ),
    (
        "open: func(number: u32)",
        "open: func(number: u32, at: u64)",
        [false, false],
    ),
    (
        "open: func(number: u32)",
        "open: func(index: u32)",
        [false, false],
    ),
    ("announce: func() -> list<string>;", "", [false, true]),
];

#[test]
fn what_was_released_is_still_valid() {
    let current = contract();
    let (version, released) = last_released();
    if !is_compatible(&version, WIT_VERSION) {
        // A new minor version of 0.x, or a new major one, may break everything.
        return;
    }
    for world in WORLDS {
        let checked = check(&released, &current, world);
        checked.unwrap_or_else(|error| {
            panic!("{world} is not what {version} was; see wit/VERSIONING.md: {error:#}")
        });
    }
}

#[test]
fn the_check_finds_what_breaks_and_lets_through_what_does_not() {
    let released = contract();
    for (from, to, expected) in CHANGES {
        assert!(released.contains(from), "{from}");
        let changed = released.replacen(from, to, 1);
        let found = WORLDS.map(|world| check(&released, &changed, world).is_ok());
        assert_eq!(found, *expected, "{from} -> {to}");
    }
}

#[test]
fn the_version_is_said_everywhere() {
    let (resolve, package) = parse(&contract());
    let name = &resolve.packages[package].name;
    assert_eq!(name.to_string(), format!("popcell:pop3@{WIT_VERSION}"));
    let newest = folder().join("released").join(WIT_VERSION);
    let (version, _) = last_released();
    assert!(
        version == WIT_VERSION || !newest.exists(),
        "{version} is not the last one"
    );
}

#[test]
fn versions_are_compatible_as_cargo_has_it() {
    for (before, after, expected) in [
        ("0.1.0", "0.1.9", true),
        ("0.1.0", "0.2.0", false),
        ("1.0.0", "1.2.0", true),
        ("0.9.0", "1.0.0", false),
        ("1.0.0", "2.0.0", false),
    ] {
        assert_eq!(is_compatible(before, after), expected, "{before} {after}");
    }
}

/// What `wkg wit build` and `wasm-tools component wit --wasm` make.
#[test]
fn it_is_a_package_that_can_be_handed_out() {
    let (resolve, package) = parse_folder();
    let wasm = wit_component::encode(&resolve, package).expect("encoded");
    let DecodedWasm::WitPackage(decoded, found) = wit_component::decode(&wasm).expect("decoded")
    else {
        panic!("a component, and no package");
    };
    assert_eq!(print(&decoded, found), print(&resolve, package));
    let found = &decoded.packages[found];
    assert!(found.worlds.keys().eq(WORLDS));
    let docs = found.docs.contents.as_deref().unwrap_or_default();
    assert!(
        docs.contains("MIT OR Apache-2.0"),
        "the licence goes with it: {docs}"
    );
}

/// `Ok` if what was built for a world is still of that world.
fn check(before: &str, after: &str, world: &str) -> anyhow::Result<()> {
    let mut resolve = Resolve::default();
    // Two packages of one name and version are none. What stands behind a + orders nothing.
    let before = rename(before);
    let before = resolve.push_str("before.wit", &before)?;
    let after = resolve.push_str("after.wit", after)?;
    let before = resolve.select_world(&[before], Some(world))?;
    let after = resolve.select_world(&[after], Some(world))?;
    wit_component::semver_check(resolve, before, after)
}

fn rename(text: &str) -> String {
    let start = text.find("package popcell:pop3@").expect("a package");
    let end = start + text[start..].find(';').expect("the end of a line");
    format!("{}+before{}", &text[..end], &text[end..])
}

/// Whether what was built for the one version is to work with the other.
fn is_compatible(before: &str, after: &str) -> bool {
    let significant = |version: &str| -> Vec<u64> {
        let numbers = version
            .split('.')
            .map(|number| number.parse().expect("a number"));
        let numbers: Vec<_> = numbers.collect();
        let zeros = numbers.iter().take_while(|number| **number == 0).count();
        numbers[..=zeros.min(2)].to_vec()
    };
    significant(before) == significant(after)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit")
}

fn contract() -> String {
    fs::read_to_string(folder().join("pop3.wit")).expect("the contract")
}

/// The newest of what was released, and its version.
fn last_released() -> (String, String) {
    let entries = fs::read_dir(folder().join("released")).expect("a folder");
    let versions = entries.map(|entry| entry.expect("an entry").file_name());
    let versions = versions.map(|name| name.into_string().expect("a version"));
    let numbers = |version: &String| -> Vec<u64> {
        let numbers = version
            .split('.')
            .map(|number| number.parse().expect("a number"));
        numbers.collect()
    };
    let version = versions.max_by_key(numbers).expect("a version");
    let file = folder().join("released").join(&version).join("pop3.wit");
    let text = fs::read_to_string(file).expect("what was released");
    (version, text)
}

fn parse(text: &str) -> (Resolve, PackageId) {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("pop3.wit", text).expect("valid WIT");
    (resolve, package)
}

/// The folder as everybody reads it: what was released is not part of it.
fn parse_folder() -> (Resolve, PackageId) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(folder()).expect("valid WIT");
    (resolve, package)
}

fn print(resolve: &Resolve, package: PackageId) -> String {
    let mut printer = WitPrinter::default();
    printer.print(resolve, package, &[]).expect("printed");
    printer.output.to_string()
}
