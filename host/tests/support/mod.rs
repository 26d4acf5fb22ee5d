//! The program as a process of its own, for the tests that start it.

#![allow(dead_code, reason = "not every test asks all of it")]

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
};

/// The program, running. It is gone when this is.
pub(crate) struct Popcell {
    pub(crate) child: Child,
    pub(crate) address: String,
    /// What it said before it listened and directly after.
    pub(crate) announcement: String,
}

impl Popcell {
    /// Starts it and waits until it says where it listens and `further` lines more.
    pub(crate) fn start(command: &mut Command, further: usize) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("it listens").unwrap();
        let address = first.strip_prefix("popcell: listening on ");
        let address = address.expect(&first).to_owned();
        let rest: Vec<_> = lines.take(further).map(Result::unwrap).collect();
        let announcement = [vec![first], rest].concat().join("\n");
        Self {
            child,
            address,
            announcement,
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.unwrap().success());
    }

    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Popcell {
    fn drop(&mut self) {
        // A test that failed leaves no server behind; one that went well has waited for its end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
