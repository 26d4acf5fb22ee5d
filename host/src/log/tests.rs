//! Lines, exactly as they are written.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use tracing::{debug, error, info, warn};

use super::*;

/// Where lines go instead of the standard error output.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that `events` writes, without their times.
pub(crate) fn written(format: LogFormat, is_journal: bool, events: impl FnOnce()) -> Vec<String> {
    let lines = Lines::default();
    let writer = lines.clone();
    let log = Log {
        format,
        level: LogLevel::Info,
    };
    let subscriber = subscriber(&log, is_journal, move || writer.clone());
    tracing::subscriber::with_default(subscriber, events);
    let octets = lines.0.lock().expect("not poisoned").clone();
    let text = String::from_utf8(octets).expect("UTF-8");
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "whole lines: {text:?}"
    );
    text.lines()
        .map(|line| without_time(line, format, is_journal))
        .collect()
}

fn without_time(line: &str, format: LogFormat, is_journal: bool) -> String {
    let (before, rest) = match format {
        LogFormat::Text if is_journal => return line.to_owned(),
        LogFormat::Text => ("", line),
        LogFormat::Json => line.split_at("{\"time\":\"".len()),
    };
    let (time, rest) = rest.split_at("2026-01-02T03:04:05.678901Z".len());
    assert!(
        time.starts_with("20") && time.ends_with('Z'),
        "a time in {line:?}"
    );
    format!("{before}{}", rest.trim_start())
}

fn events() {
    info!(target: "popcell::server", address = "127.0.0.1:110", "listening");
    warn!(target: "popcell::mailbox", path = "/a b", uid = %"x=1", number = 7, gone = true, "odd \"name\"");
    error!(target: "popcell::auth", user = "", "line\r\nbroken\u{2028}");
    debug!(target: "popcell::auth", "not at this level");
    info!(target: "wasmtime", "not for operators");
    warn!(target: "wasmtime", "for operators");
    info!(target: SESSION, event = "login", user = "alice", subject = "(alice)<1>", "Login: alice");
}

#[test]
fn text_has_dovecots_shape() {
    assert_eq!(
        written(LogFormat::Text, false, events),
        [
            "popcell: Info: listening address=127.0.0.1:110",
            r#"popcell: Warning: odd "name" path="/a b" uid="x=1" number=7 gone=true"#,
            r#"popcell: Error: line\u{d}\u{a}broken\u{2028} user="""#,
            "popcell: Warning: for operators",
            "popcell(alice)<1>: Info: Login: alice",
        ]
    );
}

#[test]
fn the_journal_gets_a_priority_instead_of_time_and_name() {
    assert_eq!(
        written(LogFormat::Text, true, events),
        [
            "<6>Info: listening address=127.0.0.1:110",
            r#"<4>Warning: odd "name" path="/a b" uid="x=1" number=7 gone=true"#,
            r#"<3>Error: line\u{d}\u{a}broken\u{2028} user="""#,
            "<4>Warning: for operators",
            "<6>popcell(alice)<1>: Info: Login: alice",
        ]
    );
}

#[test]
fn json_has_a_field_a_fact() {
    assert_eq!(
        written(LogFormat::Json, false, events),
        [
            r#"{"time":"","level":"info","target":"popcell::server","message":"listening","address":"127.0.0.1:110"}"#,
            r#"{"time":"","level":"warn","target":"popcell::mailbox","message":"odd \"name\"","path":"/a b","uid":"x=1","number":7,"gone":true}"#,
            "{\"time\":\"\",\"level\":\"error\",\"target\":\"popcell::auth\",\"message\":\"line\\u000d\\u000abroken\u{2028}\",\"user\":\"\"}",
            r#"{"time":"","level":"warn","target":"wasmtime","message":"for operators"}"#,
            r#"{"time":"","level":"info","event":"login","user":"alice"}"#,
        ]
    );
}

#[test]
fn fields_of_spans_follow_those_of_the_event() {
    let inside = || {
        let _session = tracing::info_span!(target: "popcell", "session", session = "9f").entered();
        info!(target: "popcell", octets = 3, "read");
    };
    assert_eq!(
        written(LogFormat::Text, false, inside),
        ["popcell: Info: read octets=3 session=9f"]
    );
    assert_eq!(
        written(LogFormat::Json, false, inside),
        [
            r#"{"time":"","level":"info","target":"popcell","message":"read","octets":3,"session":"9f"}"#,
        ]
    );
}

#[test]
fn errors_are_shown_by_their_message() {
    let failed = || {
        let error = io::Error::other("disk full");
        warn!(target: "popcell", error = &error as &dyn std::error::Error, "not written");
    };
    assert_eq!(
        written(LogFormat::Text, false, failed),
        ["popcell: Warning: not written error=\"disk full\""]
    );
    assert_eq!(
        written(LogFormat::Json, false, failed),
        [
            r#"{"time":"","level":"warn","target":"popcell","message":"not written","error":"disk full"}"#,
        ]
    );
}
