//! States that released components wrote: each is read, the session goes on, and what is written
//! still has the same octets.
//!
//! The files are in `component/tests/states`, a folder for each format; how a session gets into such
//! a state is in `kinds.rs`.

mod files;
mod kinds;
mod play;

use std::{cell::RefCell, collections::BTreeSet};

use popcell::sandbox::Engine;
use popcell_tests::{native::Native, sandboxed::Sandboxed};

use self::{
    files::{File, find, is_to_be_written, write},
    kinds::KINDS,
    play::{Outcome, play},
};

/// What to do about a difference.
const HELP: &str = "\
A state that a released component wrote has to be read by all that come after it. If the octets are to
be others: give FORMAT in component/src/parked.rs the next number, keep the reader of the format before
beside the new one, and let the files of the new one be written, which leaves those that are there alone:
    POPCELL_WRITE_STATES=1 cargo test --workspace --test states";

#[test]
fn what_is_written_is_what_the_files_of_its_format_hold() {
    let files = find();
    let mut differences = String::new();
    for kind in KINDS {
        let written = RefCell::default();
        play(
            &Native::default(),
            kind,
            Some(&|state| written.replace(state.clone())),
        );
        let written = File::of(kind, written.into_inner());
        match files.iter().find(|file| file.is_the_same_kind(&written)) {
            Some(file) if file.state == written.state => {}
            Some(file) => {
                differences += &format!("{}: {file}, but written is {written}\n", kind.name);
            }
            None if is_to_be_written() => write(&written, kind),
            None => differences += &format!("{}: no file holds {written}\n", kind.name),
        }
    }
    assert!(differences.is_empty(), "{differences}\n{HELP}");
}

#[test]
fn every_state_that_was_ever_written_is_read_and_gone_on_with() {
    for file in find() {
        let (kind, state) = (file.kind(), file.state.clone());
        let expected = play(&Native::default(), kind, None);
        let found = play(
            &Native::default(),
            kind,
            Some(&|given| std::mem::replace(given, state.clone())),
        );
        assert_eq!(found, expected, "{file} in {}", kind.name);
    }
}

#[test]
fn the_component_as_it_is_built_reads_them_too() {
    let door = Sandboxed::door(Engine::default()).expect("a sandbox");
    for file in find() {
        let (kind, state) = (file.kind(), file.state.clone());
        // A session that is over is not suspended there.
        if kind.is_over {
            continue;
        }
        let expected = play(&Native::default(), kind, None);
        let found = play(
            &door,
            kind,
            Some(&|given| std::mem::replace(given, state.clone())),
        );
        assert_eq!(found, expected, "{file} in {}", kind.name);
    }
}

#[test]
fn there_is_a_file_for_every_kind_of_state() {
    let files = find();
    let kinds: BTreeSet<_> = files.iter().map(|file| file.state[1]).collect();
    assert_eq!(
        kinds,
        (1..=11).collect(),
        "the second octet says what it is"
    );
    // Where TOP is in a message is the last octet but the fields of the transaction.
    let places: BTreeSet<_> = files.iter().filter_map(File::place_of_top).collect();
    assert_eq!(places, (0..=3).collect());
}

#[test]
fn the_kinds_do_what_their_names_say() {
    let of = |name: &str| -> Outcome {
        let kind = KINDS.iter().find(|kind| kind.name == name).expect(name);
        play(&Native::default(), kind, None)
    };
    assert_eq!(of("marks").stored.len(), 261 - 3);
    assert!(of("retr").output.ends_with(b"+OK \r\n"));
    assert!(
        of("sasl")
            .output
            .starts_with(b"+OK Authentication succeeded\r\n")
    );
    assert!(of("bad-commands").output.starts_with(b"-ERR"));
}
