//! What was said in one check, to be shown when it fails.
//!
//! Knows no secrets: whoever sends one hands over a text without it.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    fmt,
    rc::Rc,
};

/// Octets of a line that are shown.
const SHOWN_OCTETS: usize = 160;

/// Lines in a row of one side that are kept from their start and from their end.
const FIRST_LINES: usize = 6;
const LAST_LINES: usize = 2;

/// The lines of one check, in the order in which they were sent and heard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dialogue {
    turns: Rc<RefCell<Vec<Turn>>>,
    is_muted: Rc<Cell<bool>>,
}

/// Lines in a row of one side of one connection.
#[derive(Debug)]
struct Turn {
    connection: u32,
    side: Side,
    first: Vec<String>,
    last: VecDeque<String>,
    left_out: usize,
}

/// Who said it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    /// The suite.
    Client,
    /// The server.
    Server,
    /// Nobody: something happened to the connection.
    Event,
}

impl Dialogue {
    /// Adds a line of `connection`, escaped and shortened.
    pub(crate) fn add(&self, connection: u32, side: Side, octets: &[u8]) {
        if self.is_muted.get() {
            return;
        }
        let mut turns = self.turns.borrow_mut();
        let text = shown(octets);
        match turns.last_mut() {
            Some(turn) if turn.connection == connection && turn.side == side => turn.add(text),
            _ => turns.push(Turn {
                connection,
                side,
                first: vec![text],
                last: VecDeque::new(),
                left_out: 0,
            }),
        }
    }

    /// Leaves out what is said from now on, or takes it in again.
    pub(crate) fn mute(&self, is_muted: bool) {
        self.is_muted.set(is_muted);
    }

    /// The dialogue as lines of text; connections are numbered if there is more than one.
    pub(crate) fn to_lines(&self) -> Vec<String> {
        let turns = self.turns.borrow();
        let has_many = turns.iter().any(|turn| turn.connection != 1);
        turns
            .iter()
            .flat_map(|turn| turn.to_lines(has_many))
            .collect()
    }
}

impl Turn {
    fn add(&mut self, text: String) {
        if self.first.len() < FIRST_LINES {
            self.first.push(text);
            return;
        }
        self.last.push_back(text);
        if self.last.len() > LAST_LINES {
            self.last.pop_front();
            self.left_out += 1;
        }
    }

    fn to_lines(&self, is_numbered: bool) -> Vec<String> {
        let print = |text: &String| match is_numbered {
            true => format!("{} {} {text}", self.connection, self.side),
            false => format!("{} {text}", self.side),
        };
        let mut lines: Vec<String> = self.first.iter().map(print).collect();
        if self.left_out > 0 {
            lines.push(format!("   ({} more lines)", self.left_out));
        }
        lines.extend(self.last.iter().map(print));
        lines
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "C:",
            Self::Server => "S:",
            Self::Event => "--",
        })
    }
}

/// Octets as printable text of one line, with an ellipsis in place of what is too much.
pub(crate) fn shown(octets: &[u8]) -> String {
    let visible = octets.get(..SHOWN_OCTETS).unwrap_or(octets);
    let mut text = visible.escape_ascii().to_string();
    text = text.replace("\\\"", "\"").replace("\\'", "'");
    if visible.len() < octets.len() {
        text.push_str(&format!("... ({} octets)", octets.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_connection_has_no_number_and_two_have() {
        let dialogue = Dialogue::default();
        dialogue.add(1, Side::Client, b"NOOP");
        assert_eq!(dialogue.to_lines(), ["C: NOOP"]);
        dialogue.add(2, Side::Server, b"+OK");
        assert_eq!(dialogue.to_lines(), ["1 C: NOOP", "2 S: +OK"]);
    }

    #[test]
    fn long_answers_are_shortened_and_controls_are_escaped() {
        let dialogue = Dialogue::default();
        for number in 0..100 {
            dialogue.add(1, Side::Server, format!("{number}\x1b[0m").as_bytes());
        }
        let lines = dialogue.to_lines();
        assert_eq!(lines.len(), 9);
        assert_eq!(lines[0], "S: 0\\x1b[0m");
        assert_eq!(lines[6], "   (92 more lines)");
        assert_eq!(lines[8], "S: 99\\x1b[0m");
    }

    #[test]
    fn a_long_line_is_cut_and_says_how_long_it_was() {
        let text = shown(&[b'x'; 1_000]);
        assert!(text.ends_with("xxx... (1000 octets)"), "{text}");
        assert!(text.len() < 200);
    }
}
