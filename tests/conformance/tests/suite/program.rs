//! The program: exit codes, the forms of reports, CONFORMANCE.md.
//!
//! What the rows find is in `mutations`.

use std::{
    fs,
    io::Write as _,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Command, Output},
    thread,
};

use crate::fake::{Fake, Fault, PASSWORD, Setting, USER};

/// Rows with every kind of verdict on a server with two faults of which one is declared.
const ROWS: &str = "15,14,42a,10,100";

fn program(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_popcell-conformance"));
    command.args(arguments).output().expect("the program runs")
}

fn checked(fake: &Fake, more: &[&str]) -> (Option<i32>, String) {
    let address = fake.target().address;
    let mut arguments = vec![address.as_str(), "--user", USER, "--password", PASSWORD];
    arguments.extend(more);
    let output = program(&arguments);
    (
        output.status.code(),
        String::from_utf8(output.stdout).expect("text"),
    )
}

#[test]
fn the_exit_code_tells_failures_from_deviations() {
    let right = Fake::start(Setting::USUAL, None);
    assert_eq!(checked(&right, &["--only", "15"]).0, Some(0));
    let wrong = Fake::start(Setting::USUAL, Some(Fault::NoLock));
    assert_eq!(checked(&wrong, &["--only", "15"]).0, Some(1));
    assert_eq!(
        checked(&wrong, &["--only", "15", "--deviation", "15"]).0,
        Some(0)
    );
}

#[test]
fn a_deviation_that_is_expected_and_does_not_show_is_a_failure() {
    let (right, wrong) = (
        Fake::start(Setting::USUAL, None),
        Fake::start(Setting::USUAL, Some(Fault::NoLock)),
    );
    let expecting = |rows| ["--only", rows, "--deviation", "15", "--expect-deviations"];
    assert_eq!(checked(&wrong, &expecting("15")).0, Some(0));
    assert_eq!(checked(&right, &expecting("15")).0, Some(1));
    assert_eq!(checked(&wrong, &expecting("14")).0, Some(1));
}

#[test]
fn wrong_arguments_are_told_from_failures() {
    let fake = Fake::start(Setting::USUAL, None);
    for wrong in [
        ["--only", "x"],
        ["--tls", "implicit"],
        ["--deviation", "999"],
        ["--ca", "/nonexistent/ca.pem"],
        ["--format", "xml"],
    ] {
        assert_eq!(checked(&fake, &wrong).0, Some(2), "{wrong:?}");
    }
    assert_eq!(program(&[]).status.code(), Some(2));
    assert_eq!(
        program(&["localhost:1", "--user", "alice"]).status.code(),
        Some(2)
    );
}

#[test]
fn a_server_that_is_not_there_is_a_failure() {
    let address = {
        let fake = Fake::start(Setting::USUAL, None);
        fake.target().address
    };
    let output = program(&[&address, "--user", USER, "--password", PASSWORD]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&address), "{said}");
}

#[test]
fn what_is_no_pop3_server_is_told_in_one_line() {
    let speaker = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = speaker.local_addr().unwrap().to_string();
    let speaking = thread::spawn(move || {
        for says in ["HTTP/1.1 400 Bad Request\r\n", "", "+OK in the clear\r\n"] {
            let (mut socket, _) = speaker.accept().unwrap();
            socket.write_all(says.as_bytes()).unwrap();
        }
    });
    let account = ["--user", USER, "--password", PASSWORD, "--insecure"];
    for (tls, expected) in [
        ("none", "this is no POP3 server: it says `HTTP/1.1 400"),
        ("stls", "the server closed the connection"),
        ("implicit", "the TLS handshake fails"),
    ] {
        let output = program(&[[&address, "--tls", tls].as_slice(), &account].concat());
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains(expected) && said.lines().count() == 1,
            "{said}"
        );
        assert!(output.stdout.is_empty());
    }
    speaking.join().unwrap();
}

#[test]
fn text_shows_verdicts_dialogues_and_a_summary() {
    let fake = Fake::start(Setting::USUAL, Some(Fault::NoLock));
    let (_, text) = checked(&fake, &["--only", ROWS]);
    for part in [
        "RFC 1939\n",
        "  pass          14 §4",
        "  FAIL          15 §4",
        "      expected: PASS must be answered -ERR",
        "        2 C: PASS <password>",
        "  not offered  42a",
        "  skipped       10",
        "  elsewhere    100",
        "RFC 1939 MUST ",
        "FAILED: 1 of 5 rows\n    15 RFC 1939 §4 ",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    assert!(!text.contains(PASSWORD));
}

#[test]
fn tap_has_a_point_for_each_row_and_a_plan() {
    let fake = Fake::start(Setting::USUAL, Some(Fault::NoLock));
    let (_, tap) = checked(&fake, &["--only", ROWS, "--format", "tap"]);
    let points: Vec<_> = tap
        .lines()
        .filter(|line| line.starts_with("ok ") || line.starts_with("not ok "))
        .collect();
    assert!(
        tap.starts_with("TAP version 14\n") && tap.ends_with("1..5\n"),
        "{tap}"
    );
    assert_eq!(points.len(), 5);
    assert!(points[0].starts_with("ok 1 - row 10 ") && points[0].contains(" # SKIP skipped: "));
    assert!(points[1].starts_with("ok 2 - row 14 ") && !points[1].contains('#'));
    assert!(points[2].starts_with("not ok 3 - row 15 ") && !points[2].contains('#'));
    assert!(points[3].contains("row 42a ") && points[3].contains(" # SKIP not offered: APOP"));
    assert!(points[4].contains("row 100 ") && points[4].contains(" # SKIP elsewhere: "));
}

#[test]
fn junit_counts_failures_and_closes_what_it_opens() {
    let fake = Fake::start(Setting::USUAL, Some(Fault::NoLock));
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let (_, text) = checked(&fake, &["--only", ROWS, "--junit", path]);
    assert!(text.starts_with("RFC 1939\n"), "{text}");
    let xml = fs::read_to_string(path).unwrap();
    assert!(xml.contains(r#"<testsuite name="RFC 1939" tests="4" failures="1" skipped="2">"#));
    assert!(
        xml.contains(r#"<failure message="PASS must be answered -ERR"#),
        "{xml}"
    );
    for element in ["testsuites", "testsuite", "failure"] {
        let opened = xml.matches(&format!("<{element}>")).count()
            + xml.matches(&format!("<{element} ")).count();
        assert_eq!(
            opened,
            xml.matches(&format!("</{element}>")).count(),
            "{element}"
        );
    }
}

#[test]
fn the_document_joins_code_transcripts_and_results() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let fake = Fake::start(Setting::USUAL, Some(Fault::NoLock));
    let (_, tap) = checked(
        &fake,
        &["--only", ROWS, "--format", "tap", "--deviation", "15"],
    );
    let results = write("results.tap", &tap);
    let deviations = write(
        "deviations.toml",
        "[[deviation]]\nrow = \"15\"\nreason = \"sessions share the maildrop\"\n",
    );
    write(
        "host/src/session.rs",
        "// RFC 1939 §5 (STAT): both numbers.\n",
    );
    write(
        "transcripts/60-stat.pop3",
        "# A title.\n# rows: 21 42a\nC: STAT\n",
    );
    let folder = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let output = program(&[
        "report",
        "--results",
        &results,
        "--code",
        &folder("host/src"),
        "--transcripts",
        &folder("transcripts"),
        "--deviations",
        &deviations,
    ]);
    let document = String::from_utf8(output.stdout).unwrap();
    for line in [
        "* RFC 1939 §4 (row 15): sessions share the maildrop.",
        "| RFC | Level | pass | deviation | **fail** | not offered | skipped | elsewhere |",
        "| 1939 | MUST | 1 | 1 |  |  | 1 |  |",
        "| all | | 1 | 1 |  | 1 | 1 | 1 |",
        "| 21 | 5 (STAT) | MUST | STAT is +OK, count and octets; marked messages are in neither |  \
         | `host/src/session.rs` | `60-stat` |",
        "| 14 | 4 | MUST | there is a way to log in | pass |  |  |",
    ] {
        assert!(
            document.lines().any(|other| other == line),
            "`{line}` is not in\n{document}"
        );
    }
}

#[test]
fn a_declared_deviation_that_no_run_shows_is_no_document() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let results = write("results.tap", "ok 1 - row 15 RFC 1939 §4 MUST: text\n");
    let deviations = write(
        "deviations.toml",
        "[[deviation]]\nrow = \"15\"\nreason = \"sessions share the maildrop\"\n",
    );
    let folder = directory.path().to_str().unwrap();
    let output = program(&[
        "report",
        "--results",
        &results,
        "--code",
        folder,
        "--transcripts",
        folder,
        "--deviations",
        &deviations,
    ]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("row 15 is declared as a deviation"), "{said}");
}

#[test]
fn a_maildir_is_prepared_and_all_rows_are_listed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("Maildir");
    let output = program(&["prepare", path.to_str().unwrap()]);
    assert!(output.status.success());
    assert!(Path::new(&path).join("cur").read_dir().unwrap().count() > 20);
    let rows = String::from_utf8(program(&["rows"]).stdout).unwrap();
    assert_eq!(rows.lines().count(), 116);
}
