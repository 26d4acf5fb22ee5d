//! Text of a client in a log line: it can neither end the line nor look like a part of it.
//!
//! Shortens, never refuses; does not know which text is secret.

use std::fmt::{self, Write};

/// Most octets of a client's text that a log line shows; `...` stands for the rest.
pub const MAX_ESCAPED_OCTETS: usize = 256;

/// A client's octets, displayed so that they fit into a log line: see [`escape`].
#[derive(Clone, Copy)]
pub struct Escaped<'a>(&'a [u8]);

/// Shows `octets` with control characters, `<`, `>`, `,`, `\` and whatever is neither ASCII nor a
/// letter or digit of some script as `\xNN`, an octet each.
pub fn escape(octets: &[u8]) -> Escaped<'_> {
    Escaped(octets)
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..MAX_ESCAPED_OCTETS).unwrap_or(self.0);
        for chunk in shown.utf8_chunks() {
            for char in chunk.valid().chars() {
                if is_harmless(char) {
                    f.write_char(char)?;
                } else {
                    write_octets(f, char.encode_utf8(&mut [0; 4]).as_bytes())?;
                }
            }
            write_octets(f, chunk.invalid())?;
        }
        f.write_str(if shown.len() < self.0.len() {
            "..."
        } else {
            ""
        })
    }
}

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// Letters and digits only, because others can turn the direction of a line or take no space at all.
fn is_harmless(char: char) -> bool {
    match char {
        '<' | '>' | ',' | '\\' => false,
        ' '..='~' => true,
        _ => char.is_alphanumeric(),
    }
}

fn write_octets(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    octets
        .iter()
        .try_for_each(|octet| write!(f, "\\x{octet:02x}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_could_break_a_line_is_shown_in_hexadecimal() {
        for (octets, shown) in [
            (b"alice@example.org".as_slice(), "alice@example.org"),
            (b"", ""),
            (b"a b", "a b"),
            (b"x>, rip=<192.0.2.1", r"x\x3e\x2c rip=\x3c192.0.2.1"),
            (b"a\r\nb\0\x1b[2J", r"a\x0d\x0ab\x00\x1b[2J"),
            (br"c:\d", r"c:\x5cd"),
            ("jürgen".as_bytes(), "jürgen"),
            ("a\u{202e}b".as_bytes(), r"a\xe2\x80\xaeb"),
            (b"a\xff\xc3", r"a\xff\xc3"),
        ] {
            assert_eq!(escape(octets).to_string(), shown);
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        let shown = escape(&[b'a'; MAX_ESCAPED_OCTETS + 1]).to_string();
        assert_eq!(shown, format!("{}...", "a".repeat(MAX_ESCAPED_OCTETS)));
        assert_eq!(
            escape(&[b'a'; MAX_ESCAPED_OCTETS]).to_string(),
            "a".repeat(256)
        );
    }

    proptest! {
        #[test]
        fn nothing_that_has_a_meaning_in_a_line_comes_through(octets: Vec<u8>) {
            let shown = escape(&octets).to_string();
            prop_assert!(!shown.contains(|char: char| char.is_control() || "<>,".contains(char)));
            prop_assert!(shown.len() <= 4 * MAX_ESCAPED_OCTETS + 3);
        }

        #[test]
        fn different_texts_stay_different(a: Vec<u8>, b: Vec<u8>) {
            prop_assume!(a.len().max(b.len()) <= MAX_ESCAPED_OCTETS);
            prop_assert_eq!(a == b, escape(&a).to_string() == escape(&b).to_string());
        }
    }
}
