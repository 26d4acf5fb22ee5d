//! What holds for every dialogue: random input, every manner of calling, every message.
//!
//! The session is driven natively; what it says in particular cases is in `transcripts.rs`.

use popcell_component::{Maildrop, Parked, Session};
use popcell_tests::{
    called::Manner,
    driver::Driver as _,
    fake::{FakeHost, Holder, World},
    letters,
    native::Native,
    scene::Scene,
    wire,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

/// What the client's octets hold and no answer may: a word that the server has no reason to say.
const MARKER: &str = "Marker7";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_manner_of_calling_is_invisible(
        lines in vec(line(), 0..24),
        has_login in prop::bool::weighted(0.9),
        manner in manner(),
        read_octets in prop_oneof![1_usize..40, Just(usize::MAX)],
    ) {
        let mut input = Vec::new();
        if has_login {
            input.extend_from_slice(b"USER alice\r\nPASS secret\r\n");
        }
        input.extend(lines.concat());
        let plainly = said(&scene(usize::MAX), &input, Manner::default());
        let otherwise = said(&scene(read_octets), &input, manner);
        prop_assert_eq!(otherwise, plainly);
    }

    #[test]
    fn garbage_is_answered_in_short_lines_that_do_not_repeat_it(
        lines in vec(garbage(), 1..12),
        has_login in any::<bool>(),
        manner in manner(),
    ) {
        let mut input = Vec::new();
        if has_login {
            input.extend_from_slice(b"USER alice\r\nPASS secret\r\n");
        }
        input.extend(lines.concat());
        let Said { output, .. } = said(&scene(usize::MAX), &input, manner);
        for line in wire::lines(&output) {
            prop_assert!(line.ends_with(b"\r\n") && line.len() <= 512, "{}", line.escape_ascii());
            let repeats = line.windows(MARKER.len()).any(|part| part == MARKER.as_bytes());
            prop_assert!(!repeats, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn retr_sends_the_message_and_list_its_size(message in message(), manner in manner()) {
        let output = answers(&message, "LIST 1\r\nRETR 1\r\n", manner);
        let octets = message.len();
        let first = format!("+OK 1 {octets}\r\n+OK {octets} octets\r\n");
        let body = output.strip_prefix(first.as_bytes());
        let body = body.and_then(|body| body.strip_suffix(b".\r\n"));
        prop_assert!(body.is_some(), "{}", output.escape_ascii());
        prop_assert_eq!(wire::unstuffed(body.unwrap_or_default()), message);
    }

    #[test]
    fn top_sends_the_header_and_so_many_lines(
        message in message(),
        lines in prop_oneof![0_u64..8, any::<u64>()],
        manner in manner(),
    ) {
        let output = answers(&message, &format!("TOP 1 {lines}\r\n"), manner);
        let body = wire::stuffed(&wire::top(&message, lines));
        let expected = [b"+OK Top of message follows\r\n", &body[..], b".\r\n"].concat();
        prop_assert_eq!(output.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    #[test]
    fn top_with_a_huge_count_is_retr(message in message(), manner in manner()) {
        let without_first_line = |command: &str| {
            let output = answers(&message, command, manner.clone());
            let line = wire::lines(&output).next().map_or(0, <[u8]>::len);
            output[line..].to_vec()
        };
        let top = without_first_line("TOP 1 2147483648\r\n");
        prop_assert_eq!(top, without_first_line("RETR 1\r\n"));
    }

    #[test]
    fn any_octets_are_a_state_that_is_refused_or_works(
        state in prop_oneof![vec(any::<u8>(), 0..24), vec(0_u8..12, 0..24)],
        with_maildrop in any::<bool>(),
        with_message in any::<bool>(),
    ) {
        let world = World::new(scene(usize::MAX));
        let maildrop = with_maildrop.then(|| world.open(0, Holder::Other).expect("nobody has it"));
        let message = maildrop.as_ref().filter(|_| with_message);
        let message = message.map(|maildrop| maildrop.open(7).expect("there are eight"));
        let parked = Parked::<FakeHost> { state, maildrop, message, exchange: None };
        let connection = world.scene().connection.clone();
        if let Ok(mut session) = Session::resume(world.host(), parked, connection) {
            for _ in 0..4 {
                session.more(1_024);
            }
            session.lines(b"LIST\r\nNOOP\r\n", 1_024);
        }
        prop_assert!(!world.is_locked(0), "the maildrop is held by nobody");
    }
}

/// The host counts windows: more than the contract allows is a panic of the fake.
#[test]
fn a_large_maildrop_is_listed_whole() {
    const MESSAGES: usize = 10_000;
    let scene = Scene {
        messages: vec![b"\r\n".to_vec(); MESSAGES],
        ..Scene::default()
    };
    for max in [1_024, 1_048_576] {
        let manner = Manner {
            max,
            ..Manner::default()
        };
        let input = b"USER alice\r\nPASS secret\r\nDELE 7777\r\nLIST\r\nUIDL\r\n";
        let Said { output, .. } = said(&scene, input, manner);
        // Greeting, three answers, and two lists with a first and a last line.
        let lines = wire::lines(&output).count();
        assert_eq!(lines, 4 + 2 * (MESSAGES - 1 + 2), "{max}");
    }
}

/// What a dialogue comes to.
#[derive(Debug, Eq, PartialEq)]
struct Said {
    output: Vec<u8>,
    is_open: bool,
    stored: Vec<u32>,
}

fn said(scene: &Scene, input: &[u8], manner: Manner) -> Said {
    let world = World::new(scene.clone());
    let mut native = Native::driver(manner);
    native.connect(&world).expect("a greeting");
    native.send(input).expect("the contract is kept");
    let (output, is_open) = native.take_output();
    Said {
        output,
        is_open,
        stored: world.stored(),
    }
}

/// What `commands` are answered by a maildrop of one message, without greeting and login.
fn answers(message: &[u8], commands: &str, manner: Manner) -> Vec<u8> {
    let scene = Scene {
        messages: vec![message.to_vec()],
        ..Scene::default()
    };
    let login = "USER alice\r\nPASS secret\r\n";
    let Said { output, .. } = said(&scene, format!("{login}{commands}").as_bytes(), manner);
    let before: usize = wire::lines(&output).take(3).map(<[u8]>::len).sum();
    output[before..].to_vec()
}

/// Awkward mail, and every mechanism.
fn scene(read_octets: usize) -> Scene {
    let mut scene = Scene {
        messages: letters::awkward(),
        read_octets,
        ..Scene::default()
    };
    let mechanisms = ["SCRAM-SHA-256", "CRAM-MD5", "OAUTHBEARER", "PLAIN", "LOGIN"];
    scene.connection.mechanisms = mechanisms.map(str::to_owned).into();
    scene.connection.challenge = Some(popcell_tests::scene::CHALLENGE.to_owned());
    scene.connection.max_bad_commands = 6;
    scene
}

/// How the host may call.
fn manner() -> impl Strategy<Value = Manner> {
    let max = prop_oneof![Just(1_024_u32), 1_024_u32..5_000, Just(1_048_576)];
    let lines = prop_oneof![1_usize..4, Just(usize::MAX)];
    let arrival = prop_oneof![1_usize..4, 1_usize..100, Just(usize::MAX)];
    (max, lines, any::<bool>(), arrival, any::<bool>()).prop_map(
        |(max, lines, is_parked, arrival, forwards)| Manner {
            max,
            lines,
            is_parked,
            arrival,
            forwards,
        },
    )
}

/// A line of a client that is mostly sane.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let plain = ["STAT", "LIST", "UIDL", "NOOP", "RSET", "LAST", "CAPA"];
    let rare = [
        "QUIT",
        "AUTH PLAIN",
        "USER alice",
        "PASS secret",
        "AGFsaWNlAHNlY3JldA==",
        "*",
        "",
    ];
    let about = ["LIST", "RETR", "DELE", "UIDL"];
    let number = || prop_oneof![1_u64..9, 0_u64..12, any::<u64>()];
    prop_oneof![
        4 => select(plain.to_vec()).prop_map(str::to_owned),
        6 => (select(about.to_vec()), number()).prop_map(|(verb, n)| format!("{verb} {n}")),
        3 => (number(), number()).prop_map(|(n, lines)| format!("TOP {n} {lines}")),
        1 => select(rare.to_vec()).prop_map(str::to_owned),
    ]
    .prop_map(|text| format!("{text}\r\n").into_bytes())
}

/// A line that no sane client sends, with the marker in it. RETR and TOP are left out: they send
/// lines of any length.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let start = [
        "",
        "USER ",
        "PASS ",
        "APOP ",
        "AUTH ",
        "AUTH PLAIN ",
        "LIST ",
        "DELE ",
        "UIDL ",
    ];
    let octets = vec(
        any::<u8>().prop_filter("not the line's end", |octet| *octet != b'\n'),
        0..40,
    );
    (
        select(start.to_vec()),
        option::of(octets),
        vec(any::<u8>(), 0..3),
    )
        .prop_map(|(start, before, after)| {
            let before = before.unwrap_or_default();
            let after: Vec<u8> = after.into_iter().filter(|octet| *octet != b'\n').collect();
            [
                start.as_bytes(),
                &before,
                MARKER.as_bytes(),
                &after,
                b"\r\n",
            ]
            .concat()
        })
}

/// A message: lines of what matters to filters, in lengths around the ends of steps.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let octet = select(vec![b'.', b'.', b'x', b'\r', b' ', 0xff, 0]);
    let line = prop_oneof![
        8 => vec(octet, 0..6),
        1 => (300_usize..2_000).prop_map(|octets| vec![b'.'; octets]),
    ];
    vec(line, 0..60).prop_map(|lines| {
        lines
            .into_iter()
            .flat_map(|line| [&line[..], b"\r\n"].concat())
            .collect()
    })
}
