//! Every transcript, against every driver, and what the transcripts have to cover.
//!
//! The dialogues are in `transcripts/`, what plays them is in `src/`.

use std::collections::BTreeSet;

use popcell::sandbox::Engine;
use popcell_tests::{
    called::{Called, Manner},
    dialogue,
    driver::Driver,
    native::Native,
    sandboxed::Sandboxed,
    scene::Scene,
    served::Served,
    transcript::{Transcript, Turn},
};

/// Rows of the conformance table, 1 to 87, that dialogues show.
#[rustfmt::skip] // Ten in a line are easier to find than as many as fit.
const ROWS: &[&str] = &[
    "1", "2", "3", "6", "7", "8", "9", "13", "15", "16",
    "17", "18", "19", "20", "21", "22", "23", "24", "25", "26",
    "27", "28", "29", "30", "31", "32", "33", "34", "35", "36",
    "37", "38", "39", "40", "41", "42a", "42c", "43", "46", "47",
    "48", "49", "52", "53", "56", "60", "61", "63", "64", "65",
    "66", "67", "69", "70", "71", "72", "73", "74", "75", "76",
    "77", "78", "79", "80", "86", "87",
];

/// Rows about the wire that no dialogue shows, and why.
const ROWS_ELSEWHERE: &[(&str, &str)] = &[
    ("10", "timers are the host's"),
    ("11", "timers are the host's"),
    ("12", "timers are the host's"),
    (
        "51",
        "the host enforces LOGIN-DELAY; what is said of it is row 60",
    ),
    ("54", "needs a socket: bad_input.rs"),
    ("57", "EXPIRE 0 is not implemented; it is optional"),
    ("68", "needs TLS"),
    ("84", "needs TLS; PLAIN itself is row 69"),
];

/// All rows, 1 to 87, that are to be tested on the wire.
#[rustfmt::skip]
const ROWS_ON_THE_WIRE: &[&str] = &[
    "1", "2", "3", "6", "8", "9", "10", "11", "12", "13",
    "15", "16", "17", "18", "19", "20", "21", "23", "24", "25",
    "26", "27", "28", "29", "30", "31", "32", "33", "34", "35",
    "37", "38", "39", "40", "41", "42a", "43", "46", "47", "49",
    "51", "52", "53", "54", "56", "57", "60", "61", "63", "64",
    "65", "66", "67", "68", "69", "70", "71", "73", "74", "75",
    "76", "77", "79", "80", "84", "86",
];

/// Places where Twisted's behaviour is not followed, in the order of the protocol's table.
const INSTEAD: &[&str] = &[
    "apop-works",
    "wrong-arity-survives",
    "stuffing",
    "strict-order",
    "deleted-not-counted",
    "empty-is-not-deleted",
    "dele-zero",
    "top-line-machine",
    "storage-errors-answered",
    "sasl-rounds",
    "second-login",
    "maildrop-lock",
    "capa-registered-names",
    "wire-sizes",
    "uid-stable",
    "numbers-fixed",
];

/// Every reply of the protocol's table. `*` is a value, or a text that is not fixed.
const REPLIES: &[&str] = &[
    "+OK Popcell ready",
    "+OK Popcell ready <*@*>",
    "+OK USER accepted, send PASS",
    "-ERR USER required before PASS",
    "+OK Authentication succeeded",
    "-ERR [AUTH] Authentication failed",
    "-ERR [IN-USE] maildrop already locked",
    "-ERR [LOGIN-DELAY] wait before logging in again",
    "-ERR [SYS/TEMP] *",
    "-ERR [SYS/PERM] *",
    "+OK Supported authentication methods:",
    "-ERR AUTH extension unsupported",
    "-ERR Unsupported SASL selected",
    "+ ",
    "-ERR Invalid BASE64 encoding",
    "-ERR Invalid AUTH response",
    "-ERR permission denied",
    "+OK I can do the following:",
    "+OK ",
    "+OK 2 320",
    "-ERR Invalid message-number",
    "+OK 120 octets",
    "+OK Top of message follows",
    "-ERR Bad message number argument",
    "-ERR message deleted",
    "-ERR Bad line count argument",
    "-ERR some deleted messages not removed",
    "-ERR not valid in this state",
    "-ERR unknown command",
    "-ERR wrong number of arguments",
    "-ERR too many bad commands",
    "-ERR line too long",
];

#[test]
fn the_session_speaks_as_written() {
    play_all(&mut Native::driver(Manner::default()));
}

#[test]
fn a_session_that_is_parked_between_any_two_calls_speaks_as_written() {
    play_all(&mut Native::driver(Manner {
        is_parked: true,
        max: 1_024,
        ..Manner::default()
    }));
}

#[test]
fn a_session_that_is_called_line_by_line_speaks_as_written() {
    play_all(&mut Native::driver(Manner {
        lines: 1,
        ..Manner::default()
    }));
}

#[test]
fn a_session_whose_peer_sends_octet_by_octet_speaks_as_written() {
    play_all(&mut Native::driver(Manner {
        arrival: 1,
        ..Manner::default()
    }));
}

#[test]
fn a_session_whose_host_forwards_speaks_as_written() {
    for is_parked in [false, true] {
        play_all(&mut Native::driver(Manner {
            is_parked,
            max: if is_parked { 1_024 } else { 65_536 },
            forwards: true,
            ..Manner::default()
        }));
    }
}

#[test]
fn the_component_in_its_sandbox_speaks_as_written() {
    play_where(
        Scene::is_playable_by_the_host,
        80,
        &mut sandboxed(Manner::default()),
    );
}

#[test]
fn a_component_that_is_parked_between_any_two_calls_speaks_as_written() {
    let manner = Manner {
        is_parked: true,
        max: 1_024,
        ..Manner::default()
    };
    play_where(Scene::is_playable_by_the_host, 80, &mut sandboxed(manner));
}

#[test]
fn the_component_for_any_host_speaks_as_written() {
    let driver = Sandboxed::portable(Manner::default());
    play_where(
        Scene::is_playable_by_the_host,
        80,
        &mut driver.expect("an engine and the portable component"),
    );
}

#[test]
fn a_session_that_goes_from_one_component_to_the_other_and_back_speaks_as_written() {
    let manner = Manner {
        max: 1_024,
        ..Manner::default()
    };
    play_where(
        Scene::is_playable_by_the_host,
        80,
        &mut Sandboxed::wandering(manner).expect("an engine and both components"),
    );
}

#[test]
fn a_component_that_is_interpreted_speaks_as_written() {
    let driver = Sandboxed::with_engine(Engine::Pulley, Manner::default());
    play_where(
        Scene::is_playable_by_the_host,
        80,
        &mut driver.expect("an engine and the embedded component"),
    );
}

#[test]
fn the_server_speaks_as_written() {
    play_where(Scene::is_playable_by_the_server, 60, &mut Served::default());
}

#[test]
fn the_rows_are_covered() {
    let transcripts = all();
    let covered = set(transcripts.iter().flat_map(|transcript| &transcript.rows));
    assert_eq!(covered, set(ROWS));
    let elsewhere = set(ROWS_ELSEWHERE.iter().map(|(row, _)| row));
    assert!(
        covered.is_disjoint(&elsewhere),
        "rows that are covered after all"
    );
    let known: BTreeSet<String> = covered.union(&elsewhere).cloned().collect();
    let forgotten: Vec<_> = set(ROWS_ON_THE_WIRE).difference(&known).cloned().collect();
    assert!(
        forgotten.is_empty(),
        "rows that nobody speaks of: {forgotten:?}"
    );
}

#[test]
fn the_places_where_another_server_is_not_followed_are_covered() {
    let transcripts = all();
    let covered = set(transcripts
        .iter()
        .flat_map(|transcript| &transcript.instead));
    assert_eq!(covered, set(INSTEAD));
}

#[test]
fn every_reply_is_said_somewhere() {
    let expected: Vec<Turn> = all()
        .into_iter()
        .flat_map(|all| all.turns)
        .map(|(_, t)| t)
        .collect();
    for reply in REPLIES {
        let is_said = expected.iter().any(|turn| match turn {
            Turn::Say(line) => popcell::trial::is_like(reply, line),
            Turn::SayLike(pattern) => pattern == reply,
            Turn::Close
            | Turn::Cut
            | Turn::HangUp
            | Turn::Lock(_)
            | Turn::Reconnect
            | Turn::Send(_)
            | Turn::Stored(_)
            | Turn::Unlock(_) => false,
        });
        assert!(is_said, "no transcript expects {reply:?}");
    }
}

#[test]
fn file_names_begin_with_a_number_and_a_topic() {
    for Transcript { name, .. } in all() {
        let stem = name
            .strip_suffix(".pop3")
            .expect("only such files are read");
        let (number, topic) = stem.split_once('-').expect(stem);
        assert!(number.len() == 2 && number.parse::<u8>().is_ok(), "{name}");
        assert!(
            topic
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-'),
            "{name}"
        );
    }
}

/// Plays all transcripts and reports all that differ.
fn play_all(driver: &mut dyn Driver) {
    play_where(|_| true, 80, driver);
}

/// Plays the transcripts that a driver can play, which are at least so many.
fn play_where(is_playable: fn(&Scene) -> bool, least: usize, driver: &mut dyn Driver) {
    let mut transcripts = all();
    transcripts.retain(|transcript| is_playable(&transcript.scene));
    assert!(
        transcripts.len() >= least,
        "transcripts are missing: {}",
        transcripts.len()
    );
    let differing: Vec<String> = transcripts
        .iter()
        .filter_map(|transcript| dialogue::play(transcript, driver).err())
        .map(|error| format!("{error:#}"))
        .collect();
    assert!(
        differing.is_empty(),
        "{} differ\n\n{}",
        differing.len(),
        differing.join("\n\n")
    );
}

fn sandboxed(manner: Manner) -> Called<Sandboxed> {
    Sandboxed::driver(manner).expect("an engine and the embedded component")
}

fn all() -> Vec<Transcript> {
    Transcript::all().unwrap_or_else(|error| panic!("{error:#}"))
}

fn set(words: impl IntoIterator<Item = impl AsRef<str>>) -> BTreeSet<String> {
    words
        .into_iter()
        .map(|word| word.as_ref().to_owned())
        .collect()
}
