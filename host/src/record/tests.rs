//! What a tape does when nobody takes it, and when it is too long. Whole sessions are recorded in
//! the tests of the workspace.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::{end::SessionIds, sandbox};

fn facts() -> Connection {
    Connection {
        banner: "x".into(),
        challenge: None,
        tls: false,
        may_start_tls: false,
        may_login: true,
        mechanisms: Vec::new(),
        announce: Arc::default(),
        max_bad_commands: 1,
        max_bad_commands_after_login: 1,
    }
}

fn shelf(session_octets: usize) -> (TempDir, Arc<Shelf>) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut options = Options::new(dir.path().join("records"));
    options.session_octets = session_octets;
    let shelf = Shelf::open(&options).expect("a directory and a thread");
    (dir, shelf)
}

fn begin(shelf: &Arc<Shelf>) -> Recorder {
    let session = SessionIds::new().expect("random numbers").next();
    Recorder::begin(shelf, session, "digest", &facts()).expect("all are recorded")
}

fn say(recorder: &Recorder, octets: usize) {
    let step = Step {
        consumed: 0,
        output: vec![b'x'; octets],
        next: sandbox::Next::More,
    };
    recorder.called(Call::More, &Ok(step));
}

/// The lines of the only recording, when its shelf is gone.
fn lines(dir: &TempDir) -> Option<Vec<String>> {
    let mut files = fs::read_dir(dir.path().join("records")).expect("the directory");
    let file = files.next()?.expect("a file").path();
    let text = fs::read_to_string(file).expect("a text");
    Some(text.lines().map(str::to_owned).collect())
}

#[test]
fn what_the_disk_does_not_keep_up_with_is_given_up() {
    let (dir, shelf) = shelf(usize::MAX);
    let recorder = begin(&shelf);
    recorder.decide(true);
    say(&recorder, 10);
    // More than may wait, whoever is in front of it.
    say(&recorder, 17 << 20);
    say(&recorder, 10);
    drop((recorder, shelf));
    let lines = lines(&dir).expect("a recording");
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[2], "{\"end\":\"given-up\"}");
}

#[test]
fn what_is_too_long_ends_with_a_mark() {
    let (dir, shelf) = shelf(1000);
    let recorder = begin(&shelf);
    recorder.decide(true);
    for _ in 0..100 {
        say(&recorder, 100);
    }
    drop((recorder, shelf));
    let lines = lines(&dir).expect("a recording");
    assert_eq!(
        lines.last().map(String::as_str),
        Some("{\"end\":\"too-large\"}")
    );
    assert!(lines.len() < 10, "{lines:?}");
}

#[test]
fn a_session_that_turns_out_not_to_be_recorded_leaves_no_file() {
    let (dir, shelf) = shelf(1 << 20);
    let recorder = begin(&shelf);
    say(&recorder, 10);
    recorder.decide(false);
    say(&recorder, 10);
    drop((recorder, shelf));
    assert_eq!(lines(&dir), None);
}

#[test]
fn a_session_of_nobody_is_kept_until_it_is_over_and_not_without_end() {
    let (dir, shelf) = shelf(1 << 30);
    let recorder = begin(&shelf);
    say(&recorder, 10);
    drop((recorder, shelf));
    assert_eq!(lines(&dir).expect("a recording").len(), 3);
    let (dir, shelf) = self::shelf(1 << 30);
    let recorder = begin(&shelf);
    (0..300).for_each(|_| say(&recorder, 1024));
    drop((recorder, shelf));
    assert_eq!(lines(&dir), None);
}
