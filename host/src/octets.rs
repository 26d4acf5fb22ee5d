//! Octets as text, and back: what dialogues and reports write for what can not be seen.
//!
//! `\r \n \t \0 \s \\ \xNN`, and `\(3*text)` for a text three times. Knows neither POP3 nor files.

use std::fmt::Write as _;

/// Most octets that one repetition may stand for: a slip should fail, not fill the memory.
const MAX_REPEATED: usize = 4 << 20;

/// A text that stands for no octets.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is no escape: \\r \\n \\t \\0 \\s \\\\ \\xNN or \\(N*text)")]
pub struct WrongEscape(String);

/// The octets that `text` stands for.
///
/// # Errors
///
/// [`WrongEscape`] is one that does not exist or does not end.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, WrongEscape> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        octets.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = &rest[at + 1..];
        rest = self::escape(escape, &mut octets).ok_or_else(|| wrong(escape))?;
    }
    octets.extend_from_slice(rest.as_bytes());
    Ok(octets)
}

/// `octets` as [`decode`] reads them; a line that shows them ends in no space.
pub(crate) fn encode(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for (index, &octet) in octets.iter().enumerate() {
        match octet {
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b'\\' => text.push_str("\\\\"),
            b' ' if index + 1 == octets.len() => text.push_str("\\s"),
            b' '..=b'~' => text.push(char::from(octet)),
            // A String takes everything.
            _ => drop(write!(text, "\\x{octet:02x}")),
        }
    }
    text
}

fn wrong(escape: &str) -> WrongEscape {
    let shown: String = escape.chars().take(20).collect();
    WrongEscape(format!("\\{shown}"))
}

/// Reads one escape behind its backslash and returns what follows it.
fn escape<'a>(text: &'a str, octets: &mut Vec<u8>) -> Option<&'a str> {
    let mut letters = text.chars();
    let octet = match letters.next()? {
        'r' => b'\r',
        'n' => b'\n',
        't' => b'\t',
        's' => b' ',
        '0' => 0,
        '\\' => b'\\',
        'x' => {
            let digits = letters.as_str().get(..2)?;
            octets.push(u8::from_str_radix(digits, 16).ok()?);
            return letters.as_str().get(2..);
        }
        '(' => return repeated(letters.as_str(), octets),
        _ => return None,
    };
    octets.push(octet);
    Some(letters.as_str())
}

fn repeated<'a>(text: &'a str, octets: &mut Vec<u8>) -> Option<&'a str> {
    let (inside, rest) = text.split_once(')')?;
    let (times, what) = inside.split_once('*')?;
    let (times, what): (usize, _) = (times.parse().ok()?, decode(what).ok()?);
    if times.saturating_mul(what.len()) > MAX_REPEATED {
        return None;
    }
    octets.extend(what.repeat(times));
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_survives_the_round_trip() {
        let octets: Vec<u8> = (0..=255).chain([b' ']).collect();
        assert_eq!(decode(&encode(&octets)), Ok(octets));
        assert_eq!(decode("a\\(3*\\xff-)b"), Ok(b"a\xff-\xff-\xff-b".to_vec()));
    }

    #[test]
    fn a_wrong_escape_is_an_error() {
        for text in [
            "\\",
            "\\q",
            "\\x",
            "\\xg0",
            "\\x1",
            "\\(3",
            "\\(3)",
            "\\(x*a)",
            "\\(5000000*a)",
        ] {
            assert!(decode(text).is_err(), "{text}");
        }
    }
}
