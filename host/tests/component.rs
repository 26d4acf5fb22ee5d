//! `popcell component`, as an author of a component meets it, and what `docs/` say of it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Output},
};

use popcell::sandbox::{PORTABLE_COMPONENT, digest};
use serde_json::Value;
use tempfile::TempDir;

/// A directory with the component that any host takes.
fn exported() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let output = popcell(dir.path(), &["component", "export", "pop3.wasm"]);
    let said = String::from_utf8(output.stdout).unwrap();
    let (octets, digest) = (PORTABLE_COMPONENT.len(), digest(PORTABLE_COMPONENT));
    assert_eq!(
        said,
        format!("pop3.wasm: {octets} octets, SHA-256 {digest}\n")
    );
    dir
}

fn popcell(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_popcell"));
    command.args(arguments).current_dir(dir).output().unwrap()
}

/// What it says when it fails, with this exit code.
fn refused(dir: &Path, arguments: &[&str], code: i32) -> String {
    let output = popcell(dir, arguments);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {output:?}"
    );
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_exported_component_is_the_portable_one_and_nothing_is_overwritten() {
    let dir = exported();
    let file = dir.path().join("pop3.wasm");
    assert_eq!(fs::read(&file).unwrap(), PORTABLE_COMPONENT);
    fs::write(&file, "mine").unwrap();
    let error = refused(dir.path(), &["component", "export", "pop3.wasm"], 1);
    assert_eq!(
        error,
        "popcell: pop3.wasm is there already; --force overwrites it\n"
    );
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    let forced = ["component", "export", "pop3.wasm", "--force"];
    assert!(popcell(dir.path(), &forced).status.success());
    assert_eq!(fs::read(&file).unwrap(), PORTABLE_COMPONENT);
    // Neither through a link that leads nowhere.
    symlink("nowhere", dir.path().join("link")).unwrap();
    refused(dir.path(), &["component", "export", "link"], 1);
    assert!(!dir.path().join("nowhere").exists());
}

#[test]
fn inspect_says_what_a_component_is() {
    let dir = exported();
    let output = popcell(dir.path(), &["component", "inspect", "pop3.wasm"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for line in [
        "world      fits popcell:pop3/pop3-session@0.1.0",
        "wasi       not wanted",
        "signature  none",
        "imports    popcell:pop3/auth@0.1.0",
        "           popcell:pop3/mail@0.1.0",
        "exports    popcell:pop3/session@0.1.0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    // minisign's own example of a signature: nobody has signed this file.
    let signature = "untrusted comment: x\n\
        RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrC\
        o8KLzZwo=\ntrusted comment: x\nx\n";
    fs::write(dir.path().join("pop3.wasm.minisig"), signature).unwrap();
    let output = popcell(dir.path(), &["component", "inspect", "pop3.wasm", "--json"]);
    let facts: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(facts["fits"], true);
    assert_eq!(facts["wasi"], false);
    assert_eq!(facts["signed_by"], "E7620F1842B4E81F");
    assert_eq!(facts["sha256"], digest(PORTABLE_COMPONENT));
    fs::write(dir.path().join("pop3.wasm.minisig"), "none").unwrap();
    let error = refused(dir.path(), &["component", "inspect", "pop3.wasm"], 1);
    assert!(error.contains("is no signature of minisign"), "{error}");
}

#[test]
fn what_is_no_component_or_another_one_is_told_what_was_expected() {
    let dir = exported();
    fs::write(dir.path().join("text"), "POP3 server ready").unwrap();
    fs::write(dir.path().join("core"), b"\0asm\x01\0\0\0").unwrap();
    fs::write(dir.path().join("empty"), b"\0asm\x0d\0\x01\0").unwrap();
    let mut newer = PORTABLE_COMPONENT.to_vec();
    let (old, new) = (b"session@0.1.0", b"session@0.3.0");
    for at in 0..newer.len() - old.len() {
        if newer[at..].starts_with(old) {
            newer[at..at + new.len()].copy_from_slice(new);
        }
    }
    fs::write(dir.path().join("newer"), newer).unwrap();
    let world = "expected a component of popcell:pop3/pop3-session@0.1.0: ";
    let session = "expected that it exports popcell:pop3/session@0.1.0";
    for (file, words) in [
        ("text", world.to_owned()),
        ("core", world.to_owned()),
        ("empty", session.to_owned()),
        ("empty", "found nothing".to_owned()),
        ("newer", session.to_owned()),
        ("newer", "found popcell:pop3/session@0.3.0".to_owned()),
        (".", "is a directory".to_owned()),
        ("nothing", "No such file".to_owned()),
    ] {
        let error = refused(dir.path(), &["component", "inspect", file], 1);
        assert!(error.contains(&words), "{file}: {error}");
        refused(dir.path(), &["component", "test", file], 1);
    }
}

#[test]
fn a_trial_names_every_dialogue() {
    let dir = exported();
    let output = popcell(dir.path(), &["component", "test", "pop3.wasm"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for line in ["ok         greeting", "ok         retr-large (suspended)"] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    // One letter of the answer to a command that nobody knows.
    let file = dir.path().join("pop3.wasm");
    let mut wasm = fs::read(&file).unwrap();
    let words = b"unknown command";
    let at = wasm.windows(words.len()).position(|octets| octets == words);
    wasm[at.unwrap()] = b'\r';
    fs::write(&file, wasm).unwrap();
    let output = popcell(dir.path(), &["component", "test", "pop3.wasm", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let lines = String::from_utf8(output.stdout).unwrap();
    let played: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let found = |name: &str| {
        let found = played.iter().find(|played| played["dialogue"] == name);
        found.unwrap()["result"].clone()
    };
    assert_eq!(
        (found("greeting"), found("unknown-commands")),
        ("ok".into(), "failed".into())
    );
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("dialogues failed"), "{error}");
}

#[test]
fn the_commands_of_the_page_about_components_work() {
    let dir = exported();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/write-a-component.md");
    let page = fs::read_to_string(page).unwrap();
    let commands: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("$ popcell component "))
        .collect();
    assert_eq!(commands.len(), 2, "{commands:?}");
    for command in commands {
        let command = command.replace("popcell_example_guest.wasm", "pop3.wasm");
        let arguments: Vec<_> = ["component"]
            .into_iter()
            .chain(command.split(' '))
            .collect();
        let output = popcell(dir.path(), &arguments);
        assert!(output.status.success(), "{command}: {output:?}");
    }
}
