//! What a replay finds: other words, other questions, another end.

use popcell::replay::Difference;

use super::*;

/// A component with words of its own.
const EXAMPLE: &[u8] = include_bytes!(env!("POPCELL_EXAMPLE_GUEST"));

/// What the example says in other words.
const WORDS: &str = "\
    +OK Popcell ready -> +OK Popcell ready (an example)\n\
    +OK USER accepted, send PASS -> +OK *\n\
    +OK Authentication succeeded -> +OK *\n\
    +OK* -> +OK*\n\
    -ERR* -> -ERR*\n";

fn session() -> (PathBuf, Recording, tempfile::TempDir) {
    record(Scene::default(), |client| {
        client.send(b"USER alice\r\nPASS secret\r\n").unwrap();
        client
            .send(b"STAT\r\nRETR 2\r\nDELE 1\r\nXYZZY\r\nQUIT\r\n")
            .unwrap();
        client.rest().unwrap();
    })
}

fn difference(outcome: Outcome) -> (u64, String, String, String) {
    match outcome {
        Outcome::Differs(Difference {
            line,
            sent,
            expected,
            found,
        }) => (line, sent, expected, found),
        Outcome::Same => panic!("nothing differs"),
    }
}

fn expected(line: u64, sent: &str, one: &str, other: &str) -> (u64, String, String, String) {
    (line, sent.to_owned(), one.to_owned(), other.to_owned())
}

/// The recording with this text instead of that.
fn changed(file: &Path, from: &str, to: &str) -> Recording {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from} is not in\n{text}");
    fs::write(file, text.replace(from, to)).unwrap();
    replay::read(file).unwrap()
}

#[test]
fn another_component_differs_first_in_its_greeting_and_in_nothing_that_is_allowed() {
    let (_file, recording, _dir) = session();
    let example = sandbox(EXAMPLE, Permission::Wasi);
    let outcome = replay(&example, &recording, "");
    let greeting = expected(0, "", "+OK Popcell ready", "+OK Popcell ready (an example)");
    assert_eq!(difference(outcome), greeting);
    let greeting = WORDS.lines().next().unwrap();
    let user = expected(
        1,
        "USER alice",
        "+OK USER accepted, send PASS",
        "+OK and the password?",
    );
    assert_eq!(difference(replay(&example, &recording, greeting)), user);
    assert_eq!(replay(&example, &recording, WORDS), Outcome::Same);
}

#[test]
fn a_commit_of_other_messages_is_a_difference_whatever_is_said() {
    let (file, recording, _dir) = session();
    assert_eq!(replay(&EMBEDDED, &recording, ""), Outcome::Same);
    let recording = changed(&file, "\"deleted\":[1]", "\"deleted\":[1,2]");
    let (_, _, recorded, found) = difference(replay(&EMBEDDED, &recording, "* -> *"));
    assert_eq!((&*recorded, &*found), ("commit of [1, 2]", "commit of [1]"));
}

#[test]
fn a_question_that_is_not_recorded_is_a_difference() {
    let (file, _recording, _dir) = session();
    let recording = changed(&file, "\"user\":\"alice\"", "\"user\":\"carol\"");
    let (line, sent, recorded, found) = difference(replay(&EMBEDDED, &recording, "* -> *"));
    assert_eq!((line, &*sent), (2, "PASS ******"));
    assert_eq!(
        (&*recorded, &*found),
        ("password of carol", "password of alice")
    );
    let recording = changed(&file, "\"user\":\"carol\"", "\"user\":\"alice\"");
    assert_eq!(replay(&EMBEDDED, &recording, ""), Outcome::Same);
    let recording = changed(&file, "\"open\":{\"number\":2", "\"open\":{\"number\":1");
    let found = difference(replay(&EMBEDDED, &recording, "* -> *\n* ->\n"));
    assert_eq!(found.3, "open of message 2");
}

#[test]
fn another_end_is_a_difference() {
    let (file, _recording, _dir) = session();
    let recording = changed(&file, "\"next\":\"close\"", "\"next\":\"abort\"");
    let found = difference(replay(&EMBEDDED, &recording, "* -> *"));
    assert_eq!(found.2, "the session gives the client up");
    assert_eq!(found.3, "the session closes");
}

#[test]
fn a_message_is_compared_to_the_octet() {
    let (file, _recording, _dir) = session();
    let recording = changed(&file, "xxxxxxxx\\r\\n.\\r\\n", "xxxxxxxy\\r\\n.\\r\\n");
    let found = difference(replay(&EMBEDDED, &recording, "+OK* -> +OK*"));
    assert!(
        found.2.ends_with("xxy") && found.3.ends_with("xxx"),
        "{found:?}"
    );
}
