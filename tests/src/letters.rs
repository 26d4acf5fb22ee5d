//! The standard maildrops: names for what dialogues and properties read.
//!
//! Messages as they go over the wire but for the stuffing. Knows no store and no session.

/// The messages of the maildrop `name`, or `None` if there is no such name.
///
/// * `empty`: nothing.
/// * `two`: the 120 and the 200 octets of the examples in RFC 1939, section 5.
/// * `awkward`: what has broken servers; see [`awkward`].
/// * `many`: 250 messages, message `n` of `40 + n` octets.
/// * `large`: one message of 300,000 octets, most of its lines beginning with a dot.
pub fn maildrop(name: &str) -> Option<Vec<Vec<u8>>> {
    match name {
        "empty" => Some(Vec::new()),
        "two" => Some(vec![of_octets(120), of_octets(200)]),
        "awkward" => Some(awkward()),
        "many" => Some((1..=250).map(|number| of_octets(40 + number)).collect()),
        "large" => Some(vec![large()]),
        _ => None,
    }
}

/// A message of exactly `octets`, which are at least 40.
///
/// # Panics
///
/// If there are fewer.
pub fn of_octets(octets: usize) -> Vec<u8> {
    let mut message = b"From: a@example.org\r\n\r\n".to_vec();
    assert!(octets >= 40, "{octets} are too few");
    while message.len() < octets {
        let left = octets - message.len();
        // A line is two octets at least, so that the rest is never a single one.
        let line = if left > 72 { 70 } else { left };
        message.resize(message.len() + line - 2, b'x');
        message.extend_from_slice(b"\r\n");
    }
    message
}

/// What is awkward to send: in this order
///
/// 1. a dot as the first octet, lines of one, two and three dots,
/// 2. no octets at all,
/// 3. a header without a blank line behind it,
/// 4. a header, a blank line and no body,
/// 5. a body without a header, and blank lines at its end,
/// 6. NUL, 8-bit octets and a lone CR in front of a dot,
/// 7. a line of 20,000 octets with dots where buffers end,
/// 8. a text that tries to be the end of the answer and the start of the next.
pub fn awkward() -> Vec<Vec<u8>> {
    vec![
        b".Subject: dots\r\n\r\n.\r\n..\r\n...\r\n. \r\na.b\r\n".to_vec(),
        Vec::new(),
        b"Subject: no blank line\r\nTo: b@example.org\r\n".to_vec(),
        b"Subject: no body\r\n\r\n".to_vec(),
        b"\r\nno header\r\n\r\n\r\n".to_vec(),
        b"Subject: \xe9\x00\xff\r\n\r\nlone \r.\r\nCR\r\n".to_vec(),
        long_line(),
        b"Subject: forged\r\n\r\n.\r\n-ERR [AUTH] forged\r\n+OK 0 0\r\n.\r\n".to_vec(),
    ]
}

/// A line with a dot at each end of every power of two up to 16 KiB, counted from the start of the
/// message.
fn long_line() -> Vec<u8> {
    let mut message = b"Subject: long\r\n\r\n".to_vec();
    message.resize(20_000, b'y');
    for power in 6..=14 {
        let end = 1 << power;
        message[end - 1..=end].fill(b'.');
    }
    message.extend_from_slice(b"\r\n.after\r\n");
    message
}

fn large() -> Vec<u8> {
    let mut message = b"Subject: large\r\n\r\n".to_vec();
    while message.len() + 62 <= 300_000 {
        message.extend_from_slice(b".");
        message.resize(message.len() + 59, b'z');
        message.extend_from_slice(b"\r\n");
    }
    let left = 300_000 - message.len() - 2;
    message.resize(message.len() + left, b'!');
    message.extend_from_slice(b"\r\n");
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_consists_of_lines_that_end_in_crlf() {
        for name in ["empty", "two", "awkward", "many", "large"] {
            for message in maildrop(name).expect("a standard maildrop") {
                assert!(message.is_empty() || message.ends_with(b"\r\n"), "{name}");
                let bare = message
                    .windows(2)
                    .any(|pair| pair[1] == b'\n' && pair[0] != b'\r');
                assert!(!bare, "{name}");
            }
        }
    }

    #[test]
    fn sizes_are_what_the_names_promise() {
        let octets = |name| -> Vec<usize> {
            maildrop(name)
                .expect("a standard maildrop")
                .iter()
                .map(Vec::len)
                .collect()
        };
        assert_eq!(octets("two"), [120, 200]);
        assert_eq!(octets("many")[..2], [41, 42]);
        assert_eq!(octets("many").len(), 250);
        assert_eq!(octets("large"), [300_000]);
        assert_eq!(maildrop("none"), None);
    }
}
