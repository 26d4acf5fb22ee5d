//! What a client sent, without its secrets.
//!
//! The host has no table of commands: that is the component's. It knows these three words all the
//! same, as it knows QUIT, because a component is not to be trusted with them. What the component
//! claims with is known to be secret, but a line that it refused, in a wrong state say, holds the
//! same secret and is claimed with by nobody. Blanks more than it has to.

use std::ops::RangeInclusive;

use base64ct::{Base64, Encoding as _};

/// The words behind which a secret stands: of PASS and APOP all that follows, of AUTH all that
/// follows the mechanism.
const PASS: &[u8] = b"PASS";
const APOP: &[u8] = b"APOP";
const AUTH: &[u8] = b"AUTH";

/// Octets of a command's word (RFC 1939, section 3). A line that begins with another one is none,
/// and may be the response to an AUTH that was refused, or a password without its PASS.
const WORD_OCTETS: RangeInclusive<usize> = 3..=4;

/// Fewest octets of a secret that is looked for outside of the line that it came in. A shorter one
/// is in half of all answers by chance.
const FEWEST_OCTETS: usize = 6;

/// What a call is known to have been about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    /// What the component claimed with: passwords, digests, decoded responses.
    pub(super) secrets: &'a [Vec<u8>],
    /// Whether the client was owed a response to a challenge when the call began.
    pub(super) is_response: bool,
    /// The mechanisms that the client was offered, in upper case.
    pub(super) mechanisms: &'a [String],
}

/// These lines without secrets, as long as they were.
pub(super) fn lines(lines: &[u8], known: Known<'_>) -> Vec<u8> {
    let mut blanked = Vec::with_capacity(lines.len());
    for line in lines.split_inclusive(|octet| *octet == b'\n') {
        let end = line.len() - line_end(line);
        let (text, end) = line.split_at(end);
        let start = blanked.len();
        blanked.extend_from_slice(text);
        blank(&mut blanked[start..], known);
        blanked.extend_from_slice(end);
    }
    blanked
}

/// An answer of the component, or a name that it claimed with, without what it claimed with.
pub(super) fn answer(mut octets: Vec<u8>, secrets: &[Vec<u8>]) -> Vec<u8> {
    for secret in secrets
        .iter()
        .filter(|secret| secret.len() >= FEWEST_OCTETS)
    {
        erase(&mut octets, secret);
        erase(&mut octets, Base64::encode_string(secret).as_bytes());
    }
    octets
}

fn line_end(line: &[u8]) -> usize {
    match line {
        [.., b'\r', b'\n'] => 2,
        [.., b'\n'] => 1,
        _ => 0,
    }
}

/// One line without its end.
fn blank(line: &mut [u8], known: Known<'_>) {
    if known.is_response {
        return response(line);
    }
    // A client, or a component, may be generous with spaces in front.
    let indent = line
        .iter()
        .take_while(|octet| octet.is_ascii_whitespace())
        .count();
    let line = &mut line[indent..];
    let word = line.iter().position(|octet| octet.is_ascii_whitespace());
    let (word, _) = line.split_at(word.unwrap_or(line.len()));
    if !WORD_OCTETS.contains(&word.len()) || !word.iter().all(u8::is_ascii_alphanumeric) {
        return response(line);
    }
    let (word, rest) = line.split_at_mut(word.len());
    if word.eq_ignore_ascii_case(PASS) {
        fill(rest.get_mut(1..).unwrap_or_default(), b'*');
    } else if word.eq_ignore_ascii_case(APOP) {
        rest.split_mut(u8::is_ascii_whitespace)
            .for_each(|word| fill(word, b'*'));
    } else if word.eq_ignore_ascii_case(AUTH) {
        let words = rest.split_mut(u8::is_ascii_whitespace);
        let mut words = words.filter(|word| !word.is_empty());
        if let Some(mechanism) = words.next()
            && !is_among(mechanism, known.mechanisms)
        {
            fill(mechanism, b'*');
        }
        words.for_each(response);
    } else {
        claimed(word, rest, known.secrets);
    }
}

fn is_among(word: &[u8], mechanisms: &[String]) -> bool {
    let mut mechanisms = mechanisms.iter();
    mechanisms.any(|mechanism| mechanism.as_bytes().eq_ignore_ascii_case(word))
}

/// Components may have words of their own for a login.
fn claimed(word: &mut [u8], rest: &mut [u8], secrets: &[Vec<u8>]) {
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        let encoded = Base64::encode_string(secret);
        for form in [secret, encoded.as_bytes()] {
            erase(rest.get_mut(1..).unwrap_or_default(), form);
            if word == form {
                response(word);
            }
        }
    }
}

/// A response in base64 becomes one that decodes as well, to zeros; the wish to cancel and an empty
/// one stay; what does not decode becomes something else that does not.
fn response(response: &mut [u8]) {
    if [&b"*"[..], b"="].contains(&&*response) {
        return;
    }
    let text = str::from_utf8(response).unwrap_or("!");
    if Base64::decode_vec(text).is_ok() {
        let octets = response.iter_mut().filter(|octet| **octet != b'=');
        octets.for_each(|octet| *octet = b'A');
    } else {
        fill(response, b'!');
    }
}

fn fill(octets: &mut [u8], with: u8) {
    octets.fill(with);
}

/// Blanks every place where `secret` stands.
fn erase(octets: &mut [u8], secret: &[u8]) {
    let mut from = 0;
    while let Some(at) = memchr::memmem::find(&octets[from..], secret) {
        octets[from + at..from + at + secret.len()].fill(b'*');
        from += at + secret.len();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(line: &str, secrets: &[&str], is_response: bool) -> String {
        let secrets: Vec<_> = secrets
            .iter()
            .map(|secret| secret.as_bytes().to_vec())
            .collect();
        let known = Known {
            secrets: &secrets,
            is_response,
            mechanisms: &["PLAIN".to_owned()],
        };
        String::from_utf8(lines(line.as_bytes(), known)).expect("ASCII")
    }

    #[test]
    fn three_words_have_secrets_behind_them() {
        for (line, expected) in [
            ("PASS two words\r\n", "PASS *********\r\n"),
            ("pass x\n", "pass *\n"),
            ("PASS\r\n", "PASS\r\n"),
            (" PASS x\r\n", " PASS *\r\n"),
            ("\r\n", "\r\n"),
            ("PASS\tx", "PASS\t*"),
            ("APOP alice c4c9\r\n", "APOP ***** ****\r\n"),
            ("AUTH\r\n", "AUTH\r\n"),
            ("AUTH plain\r\n", "AUTH plain\r\n"),
            ("AUTH PLAIN AGEAYg==\r\n", "AUTH PLAIN AAAAAA==\r\n"),
            ("AUTH PLAIN =\r\n", "AUTH PLAIN =\r\n"),
            ("AUTH AGEAYg==\r\n", "AUTH ********\r\n"),
            ("AUTH PLAIN no base64\r\n", "AUTH PLAIN !! !!!!!!\r\n"),
            ("USER alice\r\n", "USER alice\r\n"),
            ("UIDL\r\n", "UIDL\r\n"),
            ("my word\r\n", "!!!!!!!\r\n"),
            ("+a+ word\r\n", "!!!!!!!!\r\n"),
            ("PASSWORD alice\r\n", "!!!!!!!!!!!!!!\r\n"),
            ("AGEAYg==\r\n", "AAAAAA==\r\n"),
        ] {
            assert_eq!(shown(line, &[], false), expected, "{line}");
        }
    }

    #[test]
    fn a_response_is_blanked_whatever_it_is() {
        for (line, expected) in [
            ("AGEAYg==\r\n", "AAAAAA==\r\n"),
            ("*\r\n", "*\r\n"),
            ("\r\n", "\r\n"),
            ("PASS x\r\n", "!!!!!!\r\n"),
            ("\u{e9}\r\n", "!!\r\n"),
        ] {
            assert_eq!(shown(line, &[], true), expected, "{line}");
        }
    }

    #[test]
    fn what_a_component_claims_with_is_blanked_in_words_of_its_own_too() {
        assert_eq!(shown("LOG al secret", &["secret"], false), "LOG al ******");
        assert_eq!(shown("LOG c2VjcmV0", &["secret"], false), "LOG ********");
        assert_eq!(shown("YQ==", &["a"], false), "AA==");
        assert_eq!(shown("LOG  ", &[" "], false), "LOG *");
        assert_eq!(shown("PASS  ", &[" "], false), "PASS *");
        assert_eq!(shown("PASS PASS", &["PASS"], false), "PASS ****");
    }

    proptest! {
        #[test]
        fn no_secret_is_left_and_no_line_changes_its_length(
            secret in "[a-z0-9]{8,24}",
            form in 0..8,
            tail in "( [a-z]{0,8}){0,2}",
        ) {
            let encoded = Base64::encode_string(secret.as_bytes());
            let line = match form {
                0 => format!("PASS {secret}{tail}\r\n"),
                1 => format!("APOP alice {secret}{tail}\r\n"),
                2 => format!("AUTH PLAIN {encoded}{tail}\r\n"),
                3 => format!("AUTH {encoded}{tail}\r\n"),
                4 => format!("{encoded}\r\n"),
                5 | 6 => format!("{secret}{tail}\r\n"),
                _ => format!("pAsS {secret}\nNOOP\n"),
            };
            let blanked = shown(&line, &[], matches!(form, 4 | 5));
            prop_assert!(!blanked.contains(&secret) && !blanked.contains(&encoded), "{}", blanked);
            prop_assert_eq!(blanked.len(), line.len());
            let echoed = format!("-ERR {secret} {encoded}").into_bytes();
            let answer = answer(echoed, &[secret.clone().into_bytes()]);
            let answer = String::from_utf8(answer).expect("ASCII");
            prop_assert!(!answer.contains(&secret) && !answer.contains(&encoded), "{}", answer);
        }
    }
}
