//! One session for each kind of state: how it gets there, and how it goes on.
//!
//! A dialogue in front of the state, a dialogue behind it. A row is never changed once a file was
//! released with it; another kind is another row.

use popcell_tests::{letters, scene::Scene};

/// A session that is suspended at some point.
pub(crate) struct Kind {
    /// The name of its file.
    pub(crate) name: &'static str,
    /// What it is, for the head of its file.
    pub(crate) what: &'static str,
    /// Most octets that a read of a message gives: so much of it is known to the session.
    pub(crate) read_octets: usize,
    /// What the client has said before.
    pub(crate) before: &'static [&'static str],
    /// How many more steps of the answer have been sent.
    pub(crate) more: usize,
    /// What the client says behind it, and behind the rest of the answer.
    pub(crate) behind: &'static str,
    /// Whether it is over, so that nothing comes behind it. A host does not suspend it.
    pub(crate) is_over: bool,
}

const LOGIN: &str = "USER alice\r\nPASS secret\r\n";

/// Shows the marks, what has been opened and what the maildrop is, and then deletes.
const REST: &str = "STAT\r\nLAST\r\nLIST 2\r\nUIDL 251\r\nDELE 3\r\nQUIT\r\n";

/// A kind in which nothing is special.
const PLAIN: Kind = Kind {
    name: "",
    what: "",
    read_octets: usize::MAX,
    before: &[],
    more: 0,
    behind: REST,
    is_over: false,
};

/// All of them.
pub(crate) const KINDS: &[Kind] = &[
    Kind {
        name: "greeted",
        what: "behind the greeting; nothing has been said",
        behind: "USER alice\r\nPASS secret\r\nQUIT\r\n",
        ..PLAIN
    },
    Kind {
        name: "bad-commands",
        what: "before login, behind two bad commands of three",
        before: &["XTND\r\n", "XTND\r\n"],
        behind: "XTND\r\n",
        ..PLAIN
    },
    Kind {
        name: "user",
        what: "behind a bad command and USER alice",
        before: &["XTND\r\n", "USER alice\r\n"],
        behind: "PASS secret\r\nSTAT\r\nQUIT\r\n",
        ..PLAIN
    },
    Kind {
        name: "sasl",
        what: "a bad command, then AUTH waits for a response; an exchange comes with it",
        before: &["XTND\r\n", "AUTH PLAIN\r\n"],
        behind: "AGFsaWNlAHNlY3JldA==\r\nSTAT\r\nQUIT\r\n",
        ..PLAIN
    },
    Kind {
        name: "logged-in",
        what: "behind the login; a maildrop comes with it",
        before: &[LOGIN],
        ..PLAIN
    },
    Kind {
        name: "marks",
        what: "two messages marked, a third one opened, a bad command",
        before: &[
            LOGIN,
            "RETR 256\r\n",
            "DELE 251\r\n",
            "DELE 259\r\n",
            "XTND\r\n",
        ],
        ..PLAIN
    },
    Kind {
        name: "first-marks",
        what: "the first message marked, so that no zeros are left out",
        before: &[LOGIN, "DELE 1\r\n", "DELE 9\r\n"],
        ..PLAIN
    },
    Kind {
        name: "list",
        what: "in the middle of LIST, a message marked",
        before: &[LOGIN, "DELE 200\r\n", "LIST\r\n"],
        ..PLAIN
    },
    Kind {
        name: "uidl",
        what: "in the middle of UIDL",
        before: &[LOGIN, "UIDL\r\n"],
        more: 1,
        ..PLAIN
    },
    Kind {
        name: "retr",
        what: "in the middle of RETR, inside a line, a message marked; a message comes with it",
        before: &[LOGIN, "DELE 259\r\n", "RETR 257\r\n"],
        more: 1,
        ..PLAIN
    },
    Kind {
        name: "retr-line-start",
        what: "in the middle of RETR, at the start of a line",
        read_octets: 640,
        before: &[LOGIN, "RETR 260\r\n"],
        ..PLAIN
    },
    Kind {
        name: "top-line-start",
        what: "in the middle of TOP, in the header, at the start of a line",
        read_octets: 640,
        before: &[LOGIN, "TOP 260 1\r\n"],
        ..PLAIN
    },
    Kind {
        name: "top-blank-line",
        what: "in the middle of TOP, inside the blank line",
        read_octets: 600,
        before: &[LOGIN, "TOP 261 1\r\n"],
        ..PLAIN
    },
    Kind {
        name: "top-header",
        what: "in the middle of TOP, inside a line of the header",
        read_octets: 600,
        before: &[LOGIN, "TOP 260 1\r\n"],
        ..PLAIN
    },
    Kind {
        name: "top-body",
        what: "in the middle of TOP, in the body, with lines left",
        before: &[LOGIN, "TOP 259 300\r\n"],
        more: 2,
        ..PLAIN
    },
    Kind {
        name: "closed",
        what: "over by QUIT",
        before: &["QUIT\r\n"],
        is_over: true,
        ..PLAIN
    },
    Kind {
        name: "start-tls",
        what: "over by STLS",
        before: &["STLS\r\n"],
        is_over: true,
        ..PLAIN
    },
    Kind {
        name: "aborted",
        what: "over by too many bad commands",
        before: &["XTND\r\n", "XTND\r\n", "XTND\r\n"],
        is_over: true,
        ..PLAIN
    },
];

impl Kind {
    /// What it takes place in: 250 small messages, what is awkward from 251 to 258, a large one, a
    /// long header of lines of 64 octets, and a header of 599 octets.
    pub(crate) fn scene(&self) -> Scene {
        let of = |name| letters::maildrop(name).expect("a standard maildrop");
        let mut scene = Scene {
            messages: [of("many"), of("awkward"), of("large"), headers()].concat(),
            read_octets: self.read_octets,
            ..Scene::default()
        };
        scene.connection.mechanisms = vec!["PLAIN".to_owned()];
        scene.connection.may_start_tls = true;
        scene
    }
}

fn headers() -> Vec<Vec<u8>> {
    let body = "\r\none\r\n.two\r\n";
    let lines = format!("X-Line: {}\r\n", "x".repeat(54)).repeat(40);
    let line = format!("X-Line: {}\r\n", "x".repeat(589));
    [lines, line]
        .map(|header| (header + body).into_bytes())
        .into()
}
