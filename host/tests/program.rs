//! The program as a user meets it: what README.md shows, exit codes, signals.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

mod support;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use support::Popcell;

fn popcell(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_popcell"));
    command.args(arguments);
    command
}

fn output(arguments: &[&str]) -> Output {
    popcell(arguments).stdin(Stdio::null()).output().unwrap()
}

fn curl(address: &str) -> String {
    let url = format!("pop3://{address}");
    let output = Command::new("curl")
        .args(["-s", "-m", "20", &url, "-u", "demo:demo"])
        .output();
    String::from_utf8(output.expect("curl is installed").stdout).unwrap()
}

/// The blocks of README.md that show a terminal: command and output.
fn consoles() -> Vec<(String, String)> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let blocks = readme.split("```console\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    let blocks = blocks.map(|block| block.strip_prefix("$ ").unwrap().split_once('\n').unwrap());
    blocks
        .map(|(command, output)| (command.to_owned(), output.trim_end().to_owned()))
        .collect()
}

#[test]
fn readme_shows_what_the_demo_prints_and_what_curl_gets() {
    let consoles = consoles();
    let shown = |start: &str| {
        let console = consoles
            .iter()
            .find(|(command, _)| command.starts_with(start));
        &console
            .unwrap_or_else(|| panic!("README.md shows no {start}"))
            .1
    };
    let demo = shown("cargo run --release -- demo");
    let popcell = Popcell::start(
        &mut popcell(&["demo", "--listen", "127.0.0.1:0"]),
        demo.lines().count() - 1,
    );
    let port = popcell.address.rsplit(':').next().unwrap();
    // The port has its part in the width of a column.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        words(&popcell.announcement.replace(port, "1110")),
        words(demo)
    );
    assert_eq!(
        curl(&popcell.address).replace('\r', "").trim_end(),
        shown("curl")
    );
    popcell.signal("INT");
    assert!(popcell.wait().success());
}

#[test]
fn readme_configures_a_server_that_works() {
    let dir = tempfile::tempdir().unwrap();
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let toml = readme
        .split("```toml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let toml = toml.replace("127.0.0.1:1110", "127.0.0.1:0");
    let toml = toml.replace("/var/mail/%u", &format!("{}/%u", dir.path().display()));
    let file = dir.path().join("popcell.toml");
    let file = file.to_str().unwrap();
    fs::write(file, toml).unwrap();
    fs::create_dir_all(dir.path().join("alice/cur")).unwrap();
    fs::create_dir_all(dir.path().join("alice/new")).unwrap();
    fs::create_dir_all(dir.path().join("alice/tmp")).unwrap();
    fs::write(dir.path().join("alice/new/1.a.b"), "Subject: hello\n\nhi\n").unwrap();

    let hash = ["hash", "--scheme", "SHA512-CRYPT", "alice"];
    let mut hash = popcell(&hash)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    hash.stdin.take().unwrap().write_all(b"se cret\n").unwrap();
    fs::write(
        dir.path().join("users"),
        hash.wait_with_output().unwrap().stdout,
    )
    .unwrap();

    let check = output(&["check", file]);
    assert_eq!(
        String::from_utf8(check.stdout).unwrap(),
        format!("{file}: no problems\n")
    );
    let popcell = Popcell::start(&mut popcell(&["serve", "--config", file]), 0);
    let dialogue = talk(
        &popcell.address,
        "USER alice\r\nPASS se cret\r\nSTAT\r\nQUIT\r\n",
    );
    assert!(dialogue.ends_with("+OK 1 22\r\n+OK \r\n"), "{dialogue}");
    popcell.signal("TERM");
    assert!(popcell.wait().success());
}

fn talk(address: &str, commands: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream.write_all(commands.as_bytes()).unwrap();
    let mut dialogue = String::new();
    stream.read_to_string(&mut dialogue).unwrap();
    dialogue
}

#[test]
fn a_signal_ends_a_session_that_waits_and_deletes_nothing() {
    let popcell = Popcell::start(&mut popcell(&["demo", "--listen", "127.0.0.1:0"]), 0);
    let mut stream = TcpStream::connect(&popcell.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
        .write_all(b"USER demo\r\nPASS demo\r\nDELE 1\r\nLAST\r\n")
        .unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap())
        .lines()
        .map(Result::unwrap);
    assert!(lines.any(|line| line == "+OK 0"));
    popcell.signal("TERM");
    assert_eq!(lines.next(), None, "nothing is said at the end");
    assert!(popcell.wait().success());
}

#[test]
fn a_configuration_with_five_mistakes_gives_five_lines_and_exit_code_78() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("popcell.toml");
    fs::write(
        &file,
        "version = 1\n[[listener]]\naddres = \"127.0.0.1:0\"\n[users]\npasswd_file = 7\n\
         [timeouts]\nidel = \"10min\"\n[limits]\nfailed_logins = -1\n[mailbox]\nmaildir = \"/%x\"\n",
    )
    .unwrap();
    let check = output(&["check", file.to_str().unwrap()]);
    let problems = String::from_utf8(check.stderr).unwrap();
    for place in [":3:1:", ":5:15:", ":7:1:", ":9:17:", ":11:11:"] {
        assert!(problems.contains(place), "{place} in\n{problems}");
    }
    assert_eq!(check.status.code(), Some(78));
}

#[test]
fn a_port_in_use_is_named_and_exits_with_69() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = output(&["demo", "--listen", &address]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains(&address), "{error}");
    assert_eq!(output.status.code(), Some(69));
}

#[test]
fn a_component_that_is_none_is_refused_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("users"), "alice:{PLAIN}secret\n").unwrap();
    // A WebAssembly header with nothing that it should have behind it.
    fs::write(path("broken.wasm"), b"\0asm\x0d\0\x01\0garbage").unwrap();
    fs::write(
        path("popcell.toml"),
        "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n[users]\npasswd_file = \"users\"\n\
         [mailbox]\nmaildir = \"%u\"\n[component]\nfile = \"broken.wasm\"\n",
    )
    .unwrap();
    let output = output(&["serve", "--config", &path("popcell.toml")]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("component can not be used"), "{error}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn an_unsigned_component_is_refused_by_check_and_serve() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("users"), "alice:{PLAIN}secret\n").unwrap();
    fs::write(path("pop3.wasm"), popcell::sandbox::EMBEDDED_COMPONENT).unwrap();
    fs::write(
        path("popcell.toml"),
        "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n[users]\npasswd_file = \"users\"\n\
         [mailbox]\nmaildir = \"%u\"\n[component]\nfile = \"pop3.wasm\"\n[trust]\n\
         keys = [\"RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\"]\n\
         require_signed = true\n",
    )
    .unwrap();
    let config = path("popcell.toml");
    for (arguments, code) in [
        (&["check", &config] as &[&str], 78),
        (&["serve", "--config", &config], 1),
    ] {
        let output = output(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        let expected = format!(
            "not signed: there is no {}; expected a signature by key E7620F1842B4E81F",
            path("pop3.wasm.minisig")
        );
        assert!(error.contains(&expected), "{error}");
        assert_eq!(output.status.code(), Some(code));
    }
}

#[test]
fn the_version_names_the_component_and_the_contract() {
    let version = String::from_utf8(output(&["--version"]).stdout).unwrap();
    assert!(version.contains(&popcell::sandbox::digest(
        popcell::sandbox::EMBEDDED_COMPONENT
    )));
    assert!(version.contains("popcell:pop3@0.1.0"), "{version}");
}

#[test]
fn a_relative_path_starts_at_the_configuration_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("etc")).unwrap();
    fs::write(dir.path().join("etc/users"), "alice:{PLAIN}secret\n").unwrap();
    fs::write(
        dir.path().join("etc/popcell.toml"),
        "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n[users]\npasswd_file = \"users\"\n\
         [mailbox]\nmaildir = \"../mail/%u\"\n",
    )
    .unwrap();
    let check = popcell(&["check", "etc/popcell.toml"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(check.stdout).unwrap(),
        "etc/popcell.toml: no problems\n"
    );
}

#[test]
fn check_names_a_certificate_that_can_not_be_used() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("users"), "alice:{PLAIN}secret\n").unwrap();
    fs::write(path("cert.pem"), "no certificate\n").unwrap();
    fs::write(
        path("popcell.toml"),
        "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n[users]\npasswd_file = \"users\"\n\
         [mailbox]\nmaildir = \"%h\"\n[[tls.certificate]]\ncertificate = \"cert.pem\"\n\
         key = \"key.pem\"\n",
    )
    .unwrap();
    let check = output(&["check", &path("popcell.toml")]);
    let problems = String::from_utf8(check.stderr).unwrap();
    assert!(problems.contains(&path("cert.pem")), "{problems}");
    assert_eq!(check.status.code(), Some(78));
}

#[test]
fn a_login_delay_is_enforced_and_outlives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("users"), "alice:{PLAIN}secret\n").unwrap();
    for folder in ["alice/cur", "alice/new", "alice/tmp"] {
        fs::create_dir_all(path(folder)).unwrap();
    }
    fs::write(
        path("popcell.toml"),
        "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n[users]\npasswd_file = \"users\"\n\
         [mailbox]\nmaildir = \"%u\"\n[session]\nlogin_delay = \"1h\"\n\
         [state]\ndirectory = \"var/popcell\"\n",
    )
    .unwrap();
    let config = path("popcell.toml");
    for (password, answer) in [
        ("secret", "+OK Authentication succeeded\r\n"),
        (
            "secret",
            "-ERR [LOGIN-DELAY] wait before logging in again\r\n",
        ),
        // Only who knows the password is told.
        ("wrong", "-ERR [AUTH] Authentication failed\r\n"),
    ] {
        let popcell = Popcell::start(&mut popcell(&["serve", "--config", &config]), 0);
        let login = format!("USER alice\r\nPASS {password}\r\nQUIT\r\n");
        let dialogue = talk(&popcell.address, &login);
        assert!(dialogue.contains(answer), "{dialogue}");
        popcell.signal("TERM");
        assert!(popcell.wait().success());
    }
}
