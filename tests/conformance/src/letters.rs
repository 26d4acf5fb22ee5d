//! The messages that the checks know: what is stored, and what has to come over the wire.
//!
//! Writes no files; `maildir` does.

/// The header by which a message is recognised, whatever its number.
pub const HEADER: &str = "X-Conformance";

/// Messages that checks may delete for good.
pub const SPARES: [&str; 8] = [
    "spare-1", "spare-2", "spare-3", "spare-4", "spare-5", "spare-6", "spare-7", "spare-8",
];

/// Octets of the longest line.
const LONG_LINE: usize = 20_000;

/// Octets of the largest message, about.
const LARGE: usize = 300_000;

/// A message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Letter {
    /// What stands behind the header's colon.
    pub name: &'static str,
    /// The octets of its file.
    pub stored: Vec<u8>,
}

impl Letter {
    /// What a client has when it has undone the stuffing: every line ends in CRLF, the last one
    /// too.
    pub fn wire(&self) -> Vec<u8> {
        let mut wire = Vec::with_capacity(self.stored.len() + self.stored.len() / 32);
        for &octet in &self.stored {
            if octet == b'\n' && wire.last() != Some(&b'\r') {
                wire.push(b'\r');
            }
            wire.push(octet);
        }
        if !wire.ends_with(b"\r\n") {
            wire.extend_from_slice(b"\r\n");
        }
        wire
    }

    /// The header, the blank line and `count` lines of the body, as [`Letter::wire`] has them.
    pub fn top(&self, count: usize) -> Vec<u8> {
        let wire = self.wire();
        let body = wire
            .windows(4)
            .position(|octets| octets == b"\r\n\r\n")
            .map_or(wire.len(), |blank| blank + 4);
        let (header, body) = wire.split_at(body);
        let lines = body.split_inclusive(|&octet| octet == b'\n').take(count);
        lines.fold(header.to_vec(), |mut top, line| {
            top.extend_from_slice(line);
            top
        })
    }
}

/// Octets as they stand between the first line of an answer and its terminator.
pub fn stuffed(wire: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(wire.len() + 64);
    for line in wire.split_inclusive(|&octet| octet == b'\n') {
        if line.starts_with(b".") {
            stuffed.push(b'.');
        }
        stuffed.extend_from_slice(line);
    }
    stuffed
}

/// All messages, the spare ones last.
pub fn letters() -> Vec<Letter> {
    let mut letters = vec![
        ordinary("ordinary-1", b"One line.\n"),
        ordinary("ordinary-2", b"Two lines,\nthis is the second.\n"),
        ordinary("bare-lf", b"Stored with LF.\n\nTwice.\n"),
        crlf(),
        ordinary("mixed", b"LF.\nCRLF.\r\nLF again.\n"),
        ordinary("empty-body", b""),
        ordinary("no-final-newline", b"The last line has no end"),
        ordinary("final-dot", b"The last line is a dot without an end.\n."),
        first_dot(),
        ordinary("dots", b".\n..\n...\n.hidden\nnot.hidden\n. \n.\n\n.\n"),
        ordinary("forged", b"Before.\n.\n+OK 0 0\n.\n-ERR forged\nAfter.\n"),
        ordinary(
            "eight-bit",
            b"Gr\xc3\xbc\xc3\x9fe, and an octet that is no UTF-8: \xe9.\n",
        ),
        eight_bit_header(),
        ordinary("ten-lines", b"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"),
        long_line(),
        large(),
    ];
    letters.extend(
        SPARES
            .iter()
            .map(|name| ordinary(name, b"May be deleted.\n")),
    );
    letters
}

/// The message of this name, which has to be one of [`letters`].
///
/// # Panics
///
/// If it is not.
pub fn letter(name: &str) -> Letter {
    let found = letters().into_iter().find(|letter| letter.name == name);
    found.expect("checks name messages that there are")
}

fn ordinary(name: &'static str, body: &[u8]) -> Letter {
    let mut stored = header(name);
    stored.push(b'\n');
    stored.extend_from_slice(body);
    Letter { name, stored }
}

fn header(name: &str) -> Vec<u8> {
    format!(
        "From: Conformance <conformance@example.org>\n\
         To: You <you@example.org>\n\
         Subject: {name}\n\
         Date: Mon, 06 Jan 2025 09:00:00 +0000\n\
         Message-ID: <{name}@conformance.example.org>\n\
         {HEADER}: {name}\n"
    )
    .into_bytes()
}

fn crlf() -> Letter {
    let letter = ordinary("crlf", b"Stored with CRLF.\n\nTwice.\n");
    let stored = letter.wire();
    Letter { stored, ..letter }
}

/// The first octet of the file is a dot: the start of a message is the start of a line.
fn first_dot() -> Letter {
    let mut letter = ordinary("first-dot", b"The header begins with a dot.\n");
    letter.stored.splice(0..0, *b".Trace: a dot\n");
    letter
}

fn eight_bit_header() -> Letter {
    let mut letter = ordinary("eight-bit-header", b"The subject has octets above 127.\n");
    letter
        .stored
        .splice(0..0, *b"Comments: Gr\xc3\xbc\xc3\x9fe\n");
    letter
}

fn long_line() -> Letter {
    let mut letter = ordinary("long-line", b"");
    let line = (0..LONG_LINE).map(|at| if at % 64 == 63 { b'.' } else { b'l' });
    letter.stored.extend(line);
    letter.stored.extend_from_slice(b"\n.after\n");
    letter
}

/// Lines of every length up to 200, each beginning with a dot: wherever a server's buffer ends, some
/// line begins there.
fn large() -> Letter {
    let mut letter = ordinary("large", b"");
    let mut length = 1;
    while letter.stored.len() < LARGE {
        letter.stored.push(b'.');
        letter.stored.extend(std::iter::repeat_n(b'x', length - 1));
        letter.stored.push(b'\n');
        length = length % 200 + 1;
    }
    letter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_has_crlf_and_a_final_one() {
        assert_eq!(
            letter("bare-lf").wire(),
            letter("crlf").wire().replace("crlf", "bare-lf")
        );
        for letter in letters() {
            let wire = letter.wire();
            assert!(wire.ends_with(b"\r\n"), "{}", letter.name);
            assert!(
                !wire
                    .windows(2)
                    .any(|pair| pair[1] == b'\n' && pair[0] != b'\r')
            );
            assert!(!wire.windows(3).any(|octets| octets == b"\r\r\n"));
        }
    }

    #[test]
    fn the_awkward_messages_are_awkward() {
        assert!(letter("first-dot").stored.starts_with(b"."));
        assert!(!letter("no-final-newline").stored.ends_with(b"\n"));
        assert!(letter("final-dot").stored.ends_with(b"\n."));
        assert!(letter("empty-body").stored.ends_with(b"\n\n"));
        assert!(letter("eight-bit").stored.iter().any(|&octet| octet > 127));
        assert!(letter("large").stored.len() >= LARGE);
    }

    #[test]
    fn stuffing_doubles_the_dots_at_the_start_of_lines() {
        assert_eq!(stuffed(b".\r\na.b\r\n..\r\n"), b"..\r\na.b\r\n...\r\n");
        assert_eq!(stuffed(b""), b"");
    }

    #[test]
    fn a_top_has_the_header_the_blank_line_and_so_many_lines() {
        let letter = letter("ten-lines");
        assert!(letter.top(0).ends_with(b"X-Conformance: ten-lines\r\n\r\n"));
        assert!(letter.top(2).ends_with(b"\r\n\r\n1\r\n2\r\n"));
        assert_eq!(letter.top(1_000), letter.wire());
    }

    trait Replace {
        fn replace(&self, from: &str, to: &str) -> Vec<u8>;
    }

    impl Replace for Vec<u8> {
        fn replace(&self, from: &str, to: &str) -> Vec<u8> {
            let text = String::from_utf8(self.clone()).unwrap();
            // The body speaks of how it is stored.
            text.replace("Stored with CRLF", "Stored with LF")
                .replace(from, to)
                .into_bytes()
        }
    }
}
