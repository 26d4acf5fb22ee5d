//! Octets as text: what transcripts write for what can not be seen.
//!
//! `\r \n \t \0 \s \\ \xNN`, and `\(3*text)` for a text three times. Knows nothing of dialogues.

use anyhow::{Context as _, Result, bail};

/// Most octets that one escape of the form `\(N*text)` may stand for: a typing error should fail,
/// not fill the memory.
const MAX_REPEATED: usize = 64 * 1024 * 1024;

/// The octets that `text` stands for.
///
/// # Errors
///
/// An escape that does not exist or does not end.
pub fn decode(text: &str) -> Result<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        octets.extend_from_slice(&rest.as_bytes()[..at]);
        rest = escape(&rest[at + 1..], &mut octets)?;
    }
    octets.extend_from_slice(rest.as_bytes());
    Ok(octets)
}

/// `octets` as a transcript would write them.
pub fn encode(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for (index, &octet) in octets.iter().enumerate() {
        match octet {
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            0 => text.push_str("\\0"),
            b'\\' => text.push_str("\\\\"),
            // At the end of a line nobody sees a space, and editors take it away.
            b' ' if index + 1 == octets.len() => text.push_str("\\s"),
            b' '..=b'~' => text.push(char::from(octet)),
            1..=0x1f | 0x7f..=0xff => text.push_str(&format!("\\x{octet:02x}")),
        }
    }
    text
}

/// Reads one escape behind its backslash and returns what follows it.
fn escape<'a>(text: &'a str, octets: &mut Vec<u8>) -> Result<&'a str> {
    let mut letters = text.chars();
    let octet = match letters.next().context("a backslash ends the text")? {
        'r' => b'\r',
        'n' => b'\n',
        't' => b'\t',
        's' => b' ',
        '0' => 0,
        '\\' => b'\\',
        'x' => return hexadecimal(letters.as_str(), octets),
        '(' => return repeated(letters.as_str(), octets),
        letter => bail!("there is no escape \\{letter}"),
    };
    octets.push(octet);
    Ok(letters.as_str())
}

fn hexadecimal<'a>(text: &'a str, octets: &mut Vec<u8>) -> Result<&'a str> {
    let digits = text.get(..2).context("\\x needs two digits")?;
    octets.push(u8::from_str_radix(digits, 16).with_context(|| format!("\\x{digits}"))?);
    Ok(&text[2..])
}

fn repeated<'a>(text: &'a str, octets: &mut Vec<u8>) -> Result<&'a str> {
    let (inside, rest) = text
        .split_once(')')
        .context("\\( needs a closing parenthesis")?;
    let (times, what) = inside
        .split_once('*')
        .context("\\( needs the form N*text")?;
    let times: usize = times.parse().with_context(|| format!("\\({times}*"))?;
    let what = decode(what)?;
    if times.saturating_mul(what.len()) > MAX_REPEATED {
        bail!("\\({times}* is too much");
    }
    octets.extend(what.repeat(times));
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_survives_the_round_trip() {
        let octets: Vec<u8> = (0..=255).chain([b' ']).collect();
        assert_eq!(decode(&encode(&octets)).expect("own text"), octets);
    }

    #[test]
    fn a_repetition_stands_for_its_octets() {
        assert_eq!(
            decode("a\\(3*\\xff-)b").expect("valid"),
            b"a\xff-\xff-\xff-b"
        );
    }

    #[test]
    fn a_wrong_escape_is_an_error() {
        for text in [
            "\\", "\\q", "\\x", "\\xg0", "\\x1", "\\(3", "\\(3)", "\\(x*a)",
        ] {
            assert!(decode(text).is_err(), "{text}");
        }
    }
}
