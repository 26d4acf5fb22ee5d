//! `popcell serve --record` and `popcell replay`, as an operator meets them, and what
//! `docs/record-and-replay.md` says of them.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use popcell::sandbox::EMBEDDED_COMPONENT;
use serde_json::Value;
use tempfile::TempDir;

fn popcell(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_popcell"));
    command.args(arguments).current_dir(dir);
    command
}

fn replay(dir: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let arguments = [&["replay"], arguments].concat();
    let Output {
        status,
        stdout,
        stderr,
    } = popcell(dir, &arguments).output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// A directory with a recording in `recordings`.
fn recorded() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["mail/new", "mail/cur", "mail/tmp"] {
        fs::create_dir_all(dir.path().join(folder)).unwrap();
    }
    fs::write(
        dir.path().join("mail/new/1700000000.1.host"),
        "Subject: hi\n\nhello\n",
    )
    .unwrap();
    fs::write(dir.path().join("password"), "opensesame\n").unwrap();
    let arguments = "serve --maildir mail --user me --password-file password --record recordings \
                     --listen 127.0.0.1:0";
    let arguments: Vec<_> = arguments.split_whitespace().collect();
    let mut server = popcell(dir.path(), &arguments);
    let mut server = server
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(server.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("popcell: listening on ").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
        .write_all(b"USER me\r\nPASS opensesame\r\nSTAT\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n")
        .unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert!(said.ends_with("hello\r\n.\r\n+OK \r\n+OK \r\n"), "{said}");
    let pid = server.id().to_string();
    let killed = Command::new("kill").args(["-s", "TERM", &pid]).status();
    assert!(killed.unwrap().success() && server.wait().unwrap().success());
    dir
}

/// The recording.
fn file(dir: &Path) -> PathBuf {
    let mut files = fs::read_dir(dir.join("recordings")).unwrap();
    files.next().unwrap().unwrap().path()
}

#[test]
fn a_session_is_recorded_without_its_password_and_replayed_with_the_same_answers() {
    let dir = recorded();
    let text = fs::read_to_string(file(dir.path())).unwrap();
    assert!(
        text.contains("Subject: hi") && !text.contains("opensesame"),
        "{text}"
    );
    let (code, said, _) = replay(dir.path(), &["recordings"]);
    assert_eq!(code, Some(0));
    assert!(
        said.ends_with("1 recordings: 1 the same, 0 differ\n"),
        "{said}"
    );
}

#[test]
fn a_component_with_another_word_is_found_and_may_be_allowed() {
    let dir = recorded();
    let mut wasm = EMBEDDED_COMPONENT.to_vec();
    let words = b"Authentication succeeded";
    let at = wasm
        .windows(words.len())
        .position(|octets| octets == words)
        .unwrap();
    wasm[at..at + words.len()].copy_from_slice(b"Authentification success");
    fs::write(dir.path().join("other.wasm"), wasm).unwrap();
    let other = ["recordings", "--component", "other.wasm"];
    let (code, said, error) = replay(dir.path(), &other);
    let expected = "line 2 of the client: PASS **********\n    expected +OK Authentication \
                    succeeded\n    found    +OK Authentification success\n";
    assert!(
        said.starts_with("DIFFERS  recordings/") && said.ends_with(expected),
        "{said}"
    );
    assert_eq!(code, Some(1));
    assert_eq!(error, "popcell: 1 recordings: 0 the same, 1 differ\n");
    let (_, said, _) = replay(dir.path(), &[&other[..], &["--json"]].concat());
    let found: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&found["result"], &found["line"]),
        (&"differs".into(), &2.into())
    );
    fs::write(dir.path().join("allow"), "+OK Authent* -> +OK Authent*\n").unwrap();
    let (code, ..) = replay(dir.path(), &[&other[..], &["--allow", "allow"]].concat());
    assert_eq!(code, Some(0));
    fs::write(dir.path().join("allow"), "+OK\n").unwrap();
    let (code, _, error) = replay(dir.path(), &[&other[..], &["--allow", "allow"]].concat());
    assert_eq!(code, Some(1));
    assert!(
        error.contains("allow:1: expected \"what is recorded"),
        "{error}"
    );
}

#[test]
fn what_is_no_recording_is_named_with_the_reason() {
    let dir = recorded();
    let file = file(dir.path());
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let (first, second) = (lines[0], lines[1]);
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write("cut", &text[..text.len() - 30]);
    write("endless", &text.replace("{\"end\":\"complete\"}\n", ""));
    write("newer", &text.replace("\"version\":1", "\"version\":2"));
    write("garbage", "\0\u{1}\u{2}POP3");
    write("empty", "");
    write("headless", second);
    write("twice", &format!("{first}\n{first}\n"));
    write("odd", &format!("{first}\n{{\"call\":{{\"at\":1}}}}\n"));
    for (name, words) in [
        ("cut", "cut off behind line"),
        ("endless", "cut off behind line"),
        (
            "newer",
            "a recording of version 2; this program reads version 1",
        ),
        ("garbage", "not a recording"),
        ("empty", "not a recording"),
        ("headless", "not a recording"),
        ("twice", "twice:2: a recording has no such line there"),
        ("odd", "odd:2: not a line of a recording: missing field"),
    ] {
        let (code, said, error) = replay(dir.path(), &[name]);
        assert!(
            said.starts_with("BROKEN   ") && said.contains(words),
            "{name}: {said}{error}"
        );
        assert_eq!(code, Some(1));
    }
    fs::create_dir(dir.path().join("nothing")).unwrap();
    for (name, words) in [
        ("nothing", "no recordings: no file is called *.jsonl"),
        ("nowhere", "No such file"),
    ] {
        let (code, _, error) = replay(dir.path(), &[name]);
        assert!(error.contains(words) && code == Some(1), "{name}: {error}");
    }
    assert_eq!(replay(dir.path(), &[]).0, Some(2));
    // One that is broken does not hide the others.
    let (_, said, error) = replay(dir.path(), &["cut", "recordings"]);
    assert!(said.contains("\nsame     recordings/"), "{said}");
    assert!(
        error.contains("2 recordings: 1 the same, 0 differ, 1 can not be read"),
        "{error}"
    );
}

#[test]
fn the_page_about_recordings_is_true() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/record-and-replay.md");
    let page = fs::read_to_string(page).unwrap();
    let block = |start: &str| {
        page.split(start)
            .nth(1)
            .unwrap()
            .split("```")
            .next()
            .unwrap()
    };
    let dir = recorded();
    fs::write(dir.path().join("pop3.wasm"), EMBEDDED_COMPONENT).unwrap();
    let patterns = page
        .rsplit("```text\n")
        .next()
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    fs::write(dir.path().join("differences.txt"), patterns).unwrap();
    let commands = block("```console\n").lines();
    let commands: Vec<_> = commands
        .map(|line| line.strip_prefix("$ popcell replay ").unwrap())
        .collect();
    assert_eq!(commands.len(), 3);
    for command in commands {
        let arguments: Vec<_> = command.split(' ').collect();
        let (code, said, error) = replay(dir.path(), &arguments);
        assert_eq!(code, Some(0), "{command}: {said}{error}");
    }
    let config = format!(
        "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n[users]\npasswd_file = \"users\"\n\
         [mailbox]\nmaildir = \"mail/%u\"\n{}",
        block("```toml\n")
    );
    fs::write(dir.path().join("users"), "alice:{PLAIN}secret\n").unwrap();
    fs::write(dir.path().join("popcell.toml"), config).unwrap();
    let check = popcell(dir.path(), &["check", "popcell.toml"])
        .output()
        .unwrap();
    assert!(check.status.success(), "{check:?}");
}
