//! A site and the program that serves it, and a client in the middle of a session.
//!
//! Starts, asks, talks. What is expected of the answers is the tests'.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::Popcell;

/// Longer than anything here takes; a test that waits for it has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A site: users, mail, a configuration with a control socket and metrics.
pub(super) struct Site(TempDir);

/// The program serving a site.
pub(super) struct Server {
    pub(super) popcell: Popcell,
    metrics: String,
}

/// A client in the middle of a session.
pub(super) struct Client {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Site {
    pub(super) fn new() -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        fs::write(
            site.path("users"),
            "alice:{PLAIN}secret\nbob:{PLAIN}secret\n",
        )
        .unwrap();
        for user in ["alice", "bob"] {
            for folder in ["cur", "new", "tmp"] {
                fs::create_dir_all(site.path(&format!("mail/{user}/{folder}"))).unwrap();
            }
        }
        site.store("1", "Subject: one\n\nfirst\n");
        site.store("2", "Subject: two\n\nsecond\n");
        let text = "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n[users]\n\
                    passwd_file = \"users\"\n[mailbox]\nmaildir = \"mail/%u\"\n[limits]\n\
                    failed_login_delay = 0\n[control]\nsocket = \"control.sock\"\n[metrics]\n\
                    listen = \"127.0.0.1:0\"\n";
        fs::write(site.path("popcell.toml"), text).unwrap();
        site
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn store(&self, name: &str, message: &str) {
        fs::write(self.path(&format!("mail/alice/new/{name}.a.b")), message).unwrap();
    }

    pub(super) fn messages(&self) -> usize {
        fs::read_dir(self.path("mail/alice/new")).unwrap().count()
    }

    pub(super) fn popcell(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_popcell"));
        command.args(arguments).stdin(Stdio::null());
        command.arg("--config").arg(self.path("popcell.toml"));
        command
    }

    pub(super) fn serve(&self) -> Server {
        Server::start(&mut self.popcell(&["serve"]))
    }

    pub(super) fn ask(&self, arguments: &[&str]) -> Output {
        self.popcell(arguments).output().unwrap()
    }

    /// The standard output of a command that goes well.
    pub(super) fn told(&self, arguments: &[&str]) -> String {
        let output = self.ask(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(super) fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let told = self.told(&[arguments, &["--json"]].concat());
        let lines = told.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Server {
    pub(super) fn start(command: &mut Command) -> Self {
        let popcell = Popcell::start(command, 1);
        let said = &popcell.announcement;
        let metrics = said
            .split_once("\npopcell: metrics at http://")
            .expect(said)
            .1;
        let metrics = metrics.strip_suffix("/metrics").unwrap().to_owned();
        Self { popcell, metrics }
    }

    pub(super) fn stop(self) {
        self.popcell.signal("TERM");
        assert!(self.popcell.wait().success());
    }

    /// Status and body of a page.
    pub(super) fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.metrics).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }
}

impl Client {
    /// A client that has been greeted.
    pub(super) fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap());
        let mut client = Self { stream, lines };
        assert!(client.line().starts_with("+OK"));
        client
    }

    pub(super) fn login(address: &str) -> Self {
        let mut client = Self::connect(address);
        assert!(client.say("USER alice").starts_with("+OK"));
        assert!(client.say("PASS secret").starts_with("+OK"));
        client
    }

    /// The first line of the answer to a command.
    pub(super) fn say(&mut self, command: &str) -> String {
        write!(self.stream, "{command}\r\n").unwrap();
        self.line()
    }

    /// One line; empty at the end of the connection.
    pub(super) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    /// The rest of an answer of many lines.
    pub(super) fn skip_message(&mut self) {
        while self.line() != ".\r\n" {}
    }
}
