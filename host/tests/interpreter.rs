//! The program where the system lets no memory become executable, as systemd's
//! `MemoryDenyWriteExecute` has it: the interpreter serves there, machine code does not.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Output, Stdio},
    time::Duration,
};

use tempfile::TempDir;

/// Denies itself what is given up, for good, and becomes another program. PR_SET_MDWE is 65, and
/// PR_MDWE_REFUSE_EXEC_GAIN is 1; it outlives exec(2).
const LAUNCHER: &str = "
import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0:
    sys.exit(99)
os.execv(sys.argv[1], sys.argv[1:])
";

/// What the launcher exits with if the kernel does not know what it asks for.
const UNKNOWN: i32 = 99;

/// A server's directory, with one message for alice.
fn place(engine: &str) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    for folder in ["alice/cur", "alice/new", "alice/tmp"] {
        fs::create_dir_all(path(folder)).unwrap();
    }
    fs::write(path("alice/new/1.a.b"), "Subject: hello\n\nhi\n").unwrap();
    fs::write(path("users"), "alice:{PLAIN}secret\n").unwrap();
    let text = format!(
        "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n[users]\npasswd_file = \"users\"\n\
         [mailbox]\nmaildir = \"{}/%u\"\n[sandbox]\nengine = \"{engine}\"\n",
        place.path().display()
    );
    fs::write(path("popcell.toml"), text).unwrap();
    place
}

/// The program with these arguments, where no memory may become executable.
fn denied(arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command
        .args(["-c", LAUNCHER, env!("CARGO_BIN_EXE_popcell")])
        .args(arguments)
        .stdin(Stdio::null());
    command
}

/// Whether this kernel can deny it; it says so if not.
#[expect(clippy::print_stdout, reason = "nobody else says what was not tested")]
fn can_be_denied() -> bool {
    let Output { status, .. } = denied(&["--version"])
        .output()
        .expect("python3 is installed");
    let can = status.code() != Some(UNKNOWN);
    if !can {
        println!("skipped: this kernel has no PR_SET_MDWE, which came with Linux 6.3");
    }
    can
}

#[test]
fn the_interpreter_serves_where_no_memory_may_become_executable() {
    if !can_be_denied() {
        return;
    }
    let place = place("pulley");
    let config = place.path().join("popcell.toml");
    let mut child = denied(&["serve", "--config", config.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let announced = lines.next().expect("it listens").unwrap();
    let address = announced.strip_prefix("popcell: listening on ").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
        .write_all(b"USER alice\r\nPASS secret\r\nRETR 1\r\nQUIT\r\n")
        .unwrap();
    let mut dialogue = String::new();
    let read = stream.read_to_string(&mut dialogue);
    let status = child.kill().and_then(|()| child.wait());
    read.unwrap();
    status.unwrap();
    let expected = "+OK 22 octets\r\nSubject: hello\r\n\r\nhi\r\n.\r\n+OK \r\n";
    assert!(dialogue.ends_with(expected), "{dialogue}");
}

#[test]
fn machine_code_is_refused_there_with_the_setting_that_does_without() {
    if !can_be_denied() {
        return;
    }
    let place = place("cranelift");
    let config = place.path().join("popcell.toml");
    let output = denied(&["serve", "--config", config.to_str().unwrap()])
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("set engine = \"pulley\" in [sandbox]"),
        "{error}"
    );
}
