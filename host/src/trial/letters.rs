//! The mail of the trial: what has broken servers and clients.
//!
//! Messages as they go over the wire but for the stuffing. Knows no store and no session.

/// The messages of the maildrop `name`, or `None` if there is no such name.
///
/// * `none`: no messages.
/// * `two`: the 120 and the 200 octets of the examples of RFC 1939.
/// * `awkward`: see [`awkward`].
/// * `large`: one message of 400,000 octets, every line of which begins with a dot.
pub(super) fn maildrop(name: &str) -> Option<Vec<Vec<u8>>> {
    match name {
        "none" => Some(Vec::new()),
        "two" => Some(vec![of_octets(120), of_octets(200)]),
        "awkward" => Some(awkward()),
        "large" => Some(vec![large()]),
        _ => None,
    }
}

/// A message of exactly so many octets, and of 40 if that is more.
fn of_octets(octets: usize) -> Vec<u8> {
    let mut message = b"From: a@example.org\r\n\r\n".to_vec();
    while message.len() < octets.max(40) {
        let left = octets.max(40) - message.len();
        // A line is two octets at least, so that the rest is never a single one.
        let line = if left > 72 { 70 } else { left };
        message.resize(message.len() + line - 2, b'x');
        message.extend_from_slice(b"\r\n");
    }
    message
}

/// In this order
///
/// 1. a dot as the first octet, lines of one, two and three dots,
/// 2. no octets at all,
/// 3. a header without a blank line behind it,
/// 4. a header, a blank line and no body,
/// 5. a body without a header, and blank lines at its end,
/// 6. NUL, 8-bit octets and a control character that once ended files,
/// 7. a line of 20,000 octets with dots where buffers end,
/// 8. a text that tries to be the end of the answer and the start of the next.
fn awkward() -> Vec<Vec<u8>> {
    vec![
        b".Subject: dots\r\n\r\n.\r\n..\r\n...\r\n. \r\na.b\r\n".to_vec(),
        Vec::new(),
        b"Subject: no blank line\r\nTo: b@example.org\r\n".to_vec(),
        b"Subject: no body\r\n\r\n".to_vec(),
        b"\r\nno header\r\n\r\n\r\n".to_vec(),
        b"Subject: \xe9\x00\xff\r\n\r\n\x00.\r\n.\xff\x1a\r\n".to_vec(),
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
    while message.len() < 399_940 {
        let line = format!(".{:059}\r\n", message.len());
        message.extend_from_slice(line.as_bytes());
    }
    let left = 400_000 - message.len() - 2;
    message.resize(message.len() + left, b'!');
    message.extend_from_slice(b"\r\n");
    message
}

/// A message as RETR sends it, to the terminator; or as TOP does, with so many lines of the body.
pub(super) fn sent(message: &[u8], body_lines: usize) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut left = None;
    for line in message.split_inclusive(|&octet| octet == b'\n') {
        match left {
            Some(0) => break,
            Some(more) => left = Some(more - 1),
            None if line == b"\r\n" => left = Some(body_lines),
            None => {}
        }
        let text = line.strip_suffix(b"\r\n").unwrap_or(line);
        let stuffing: &[u8] = if text.starts_with(b".") { b"." } else { b"" };
        lines.push([stuffing, text].concat());
    }
    lines.push(b".".to_vec());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_consists_of_lines_that_end_in_crlf() {
        for name in ["none", "two", "awkward", "large"] {
            for message in maildrop(name).expect("a maildrop of the trial") {
                assert!(message.is_empty() || message.ends_with(b"\r\n"), "{name}");
                let mut pairs = message.windows(2);
                assert!(
                    !pairs.any(|pair| pair[1] == b'\n' && pair[0] != b'\r'),
                    "{name}"
                );
            }
        }
        let octets = |name| -> Vec<usize> {
            let messages = maildrop(name).expect("a maildrop of the trial");
            messages.iter().map(Vec::len).collect()
        };
        assert_eq!(octets("two"), [120, 200]);
        assert_eq!(octets("large"), [400_000]);
    }

    #[test]
    fn what_is_sent_is_stuffed_and_ends() {
        let lines = |message: &[u8], count| sent(message, count).join(&b'|');
        assert_eq!(lines(b".A: b\r\n\r\n1\r\n..\r\n", 9), b"..A: b||1|...|.");
        assert_eq!(lines(b"A: b\r\n\r\n1\r\n2\r\n", 1), b"A: b||1|.");
        assert_eq!(lines(b"A: b\r\n\r\n1\r\n2\r\n", 0), b"A: b||.");
        assert_eq!(lines(b"", 0), b".");
    }
}
