//! What RFC 1939 makes of a message on the wire, said as plainly as can be.
//!
//! The slow twin of the component's filters: it looks at whole messages, knows no chunks, and is
//! what their output is compared with. Shares no code with them.

/// `text` with a dot in front of every line that begins with one.
pub fn stuffed(text: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len() + 16);
    for line in lines(text) {
        if line.starts_with(b".") {
            octets.push(b'.');
        }
        octets.extend_from_slice(line);
    }
    octets
}

/// The inverse of [`stuffed`].
///
/// # Panics
///
/// If there is a line `.`: nothing that is stuffed has one.
pub fn unstuffed(text: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    for line in lines(text) {
        assert_ne!(line, b".\r\n", "a terminator inside of a message");
        octets.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    octets
}

/// The header of `message`, the blank line and the first `count` lines of the body.
pub fn top(message: &[u8], count: u64) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut left = None;
    for line in lines(message) {
        match left {
            Some(0) => break,
            Some(more) => left = Some(more - 1),
            None if line == b"\r\n" => left = Some(count),
            None => {}
        }
        octets.extend_from_slice(line);
    }
    octets
}

/// `text` in pieces, each with the LF that ends it.
pub fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|&octet| octet == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffing_is_undone_by_unstuffing() {
        let text = b".\r\n..\r\na.\r\n\r\n.x\r\n";
        assert_eq!(stuffed(text), b"..\r\n...\r\na.\r\n\r\n..x\r\n");
        assert_eq!(unstuffed(&stuffed(text)), text);
    }

    #[test]
    fn top_counts_the_lines_behind_the_first_blank_one() {
        let message = b"A: b\r\n\r\n1\r\n\r\n3\r\n";
        assert_eq!(top(message, 0), b"A: b\r\n\r\n");
        assert_eq!(top(message, 2), b"A: b\r\n\r\n1\r\n\r\n");
        assert_eq!(top(message, u64::MAX), message);
        assert_eq!(top(b"A: b\r\n", 0), b"A: b\r\n");
    }
}
