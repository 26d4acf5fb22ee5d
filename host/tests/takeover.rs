//! A process that takes over from another one while clients read their mail.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

use std::{
    fs,
    io::{BufRead, BufReader, Lines, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::Duration,
};

use popcell::takeover::{Inheritance, inherit};
use tempfile::TempDir;

/// As long as something may take that is bound to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Octets of the message that does not fit the buffers of a socket.
const LARGE: usize = 24 << 20;

/// Files of a server with some users, and with a control socket.
struct Site(TempDir);

/// A server process.
struct Process {
    child: Child,
    address: String,
    _output: Lines<BufReader<ChildStdout>>,
}

/// A client of it.
struct Client(BufReader<TcpStream>);

impl Site {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let files = directory.path();
        let mut users = String::new();
        for user in ["alice", "bob", "carol"] {
            users += &format!("{user}:{{PLAIN}}secret\n");
            for folder in ["new", "cur", "tmp"] {
                fs::create_dir_all(files.join(user).join(folder)).unwrap();
            }
            for number in 1..=5 {
                let text = format!("Subject: {user} {number}\n\nhello\n");
                let name = format!("170000000{number}.{number}.host");
                fs::write(files.join(user).join("new").join(name), text).unwrap();
            }
        }
        let large = b"x\n".repeat(LARGE / 2);
        let name = "carol/new/1800000000.6.host";
        fs::write(files.join(name), large).unwrap();
        fs::write(files.join("users"), users).unwrap();
        let config = "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n\
             [users]\npasswd_file = \"users\"\n[mailbox]\nmaildir = \"%u\"\n\
             [control]\nsocket = \"control\"\n[sandbox]\nhibernate_after = \"10ms\"\n";
        fs::write(files.join("popcell.toml"), config).unwrap();
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn serve(&self, further: &[&str]) -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_popcell"))
            .args(["serve", "--config"])
            .arg(self.path("popcell.toml"))
            .args(further)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("it listens").unwrap();
        let address = first.strip_prefix("popcell: listening on ").unwrap();
        Process {
            child,
            address: address.to_owned(),
            _output: lines,
        }
    }

    /// Messages that a user has left.
    fn left(&self, user: &str) -> usize {
        fs::read_dir(self.path(user).join("new")).unwrap().count()
    }

    fn inherit(&self) -> Inheritance {
        inherit(&self.path("control")).unwrap()
    }
}

impl Process {
    fn login(&self, user: &str) -> Client {
        let mut client = self.connect();
        client.ok(&format!("USER {user}\r\n"));
        client.ok("PASS secret\r\n");
        client
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Client(BufReader::new(stream));
        client.ok("");
        client
    }

    fn end(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A test that failed leaves no server behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Client {
    fn ok(&mut self, command: &str) -> String {
        self.0.get_mut().write_all(command.as_bytes()).unwrap();
        let line = self.line();
        assert!(line.starts_with("+OK"), "{command:?} is answered {line:?}");
        line
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }

    fn lines(&mut self, command: &str) -> usize {
        self.ok(command);
        let mut count = 0;
        while self.line() != ".\r\n" {
            count += 1;
        }
        count
    }
}

#[test]
fn sessions_go_on_in_the_process_that_takes_over() {
    let site = Site::new();
    let old = site.serve(&[]);
    let mut greeted = old.connect();
    let mut named = old.connect();
    named.ok("USER bob\r\n");
    let mut alice = old.login("alice");
    alice.ok("DELE 2\r\n");
    alice.ok("DELE 4\r\n");
    let uids = alice.lines("UIDL\r\n");
    // Mail that comes now is not this session's.
    fs::write(site.path("alice/new/1900000000.9.host"), "Subject: new\n").unwrap();
    let new = site.serve(&["--takeover"]);
    assert_eq!(new.address, old.address);
    assert!(old.end().success(), "nobody is left in it");
    assert_eq!(alice.lines("UIDL\r\n"), uids);
    assert_eq!(alice.lines("RETR 5\r\n"), 3);
    named.ok("PASS secret\r\n");
    greeted.ok("QUIT\r\n");
    // The lock has come along.
    let mut second = new.connect();
    second.ok("USER alice\r\n");
    second.0.get_mut().write_all(b"PASS secret\r\n").unwrap();
    let answer = second.line();
    assert!(answer.starts_with("-ERR [IN-USE]"), "{answer}");
    alice.ok("QUIT\r\n");
    assert_eq!(site.left("alice"), 4, "3 of 5, and the one that came");
    named.ok("DELE 1\r\n");
    drop(named);
    second.ok("USER alice\r\n");
    second.ok("PASS secret\r\n");
    assert_eq!(site.left("bob"), 5);
    // And once more.
    let third = site.serve(&["--takeover"]);
    assert!(new.end().success());
    second.ok("NOOP\r\n");
    third.login("bob").ok("QUIT\r\n");
}

#[test]
fn who_is_being_answered_stays_until_that_is_over() {
    let site = Site::new();
    let old = site.serve(&[]);
    let mut carol = old.login("carol");
    carol.ok("DELE 1\r\n");
    carol.0.get_mut().write_all(b"RETR 6\r\n").unwrap();
    let new = site.serve(&["--takeover"]);
    let mut alice = new.login("alice");
    let answer = carol.line();
    assert!(answer.starts_with("+OK"), "{answer}");
    let mut message = vec![0; LARGE / 2 * 3];
    carol.0.read_exact(&mut message).unwrap();
    assert!(message == b"x\r\n".repeat(LARGE / 2), "an octet differs");
    assert_eq!(carol.line(), ".\r\n");
    carol.ok("QUIT\r\n");
    assert!(old.end().success());
    assert_eq!(site.left("carol"), 5);
    alice.ok("QUIT\r\n");
}

#[test]
fn a_process_that_is_killed_while_it_takes_over_changes_nothing() {
    let site = Site::new();
    let old = site.serve(&[]);
    let mut alice = old.login("alice");
    alice.ok("DELE 1\r\n");
    let mut bob = old.login("bob");
    for _ in 0..3 {
        let inheritance = site.inherit();
        assert_eq!(inheritance.listeners.len(), 1);
        // All that such a process had is closed with it; what it was told of it does not matter.
        drop(inheritance);
        alice.ok("NOOP\r\n");
        bob.ok("NOOP\r\n");
    }
    let mut second = old.connect();
    second.ok("USER alice\r\n");
    second.0.get_mut().write_all(b"PASS secret\r\n").unwrap();
    let answer = second.line();
    assert!(
        answer.starts_with("-ERR [IN-USE]"),
        "the lock is held: {answer}"
    );
    alice.ok("QUIT\r\n");
    assert_eq!(site.left("alice"), 4);
    let new = site.serve(&["--takeover"]);
    bob.ok("DELE 5\r\n");
    bob.ok("QUIT\r\n");
    assert_eq!(site.left("bob"), 4);
    drop(second);
    assert!(old.end().success());
    new.login("bob").ok("QUIT\r\n");
}

#[test]
fn there_has_to_be_a_server_to_take_over_from() {
    let site = Site::new();
    let output = Command::new(env!("CARGO_BIN_EXE_popcell"))
        .args(["serve", "--takeover", "--config"])
        .arg(site.path("popcell.toml"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(said.contains("no server answers"), "{said}");
}

/// Listens as a service manager does, and becomes the program.
const ACTIVATE: &str = "\
import os, socket, sys
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(('127.0.0.1', int(sys.argv[1])))
listener.listen(64)
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ['LISTEN_PID'] = str(os.getpid())
os.environ['LISTEN_FDS'] = '1'
os.execv(sys.argv[2], sys.argv[2:])
";

#[test]
fn a_socket_of_the_service_manager_is_taken() {
    let site = Site::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let file = site.path("popcell.toml");
    let config = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        config.replace("127.0.0.1:0", &format!("127.0.0.1:{port}")),
    )
    .unwrap();
    // It could not listen there itself: the port is taken.
    let mut child = Command::new("python3")
        .args([
            "-c",
            ACTIVATE,
            &port,
            env!("CARGO_BIN_EXE_popcell"),
            "serve",
            "--config",
        ])
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().expect("it listens").unwrap();
    let process = Process {
        child,
        address: format!("127.0.0.1:{port}"),
        _output: lines,
    };
    assert_eq!(first, format!("popcell: listening on 127.0.0.1:{port}"));
    process.login("alice").ok("QUIT\r\n");
}
