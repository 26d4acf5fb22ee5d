//! How many of the lines that have arrived one call is given.

/// Octets of lines that one call is given. More would be copied into the cell again and again when
/// a line needs a step of its own.
const BATCH_OCTETS: usize = 4 * 1024;

/// As many of the lines as one call is given: at least one, and whole ones.
pub(super) fn batch(lines: &[u8]) -> &[u8] {
    if lines.len() <= BATCH_OCTETS {
        return lines;
    }
    let end =
        memchr::memrchr(b'\n', &lines[..BATCH_OCTETS]).or_else(|| memchr::memchr(b'\n', lines));
    end.map_or(lines, |end| &lines[..=end])
}

/// The first of the lines.
pub(super) fn first(lines: &[u8]) -> &[u8] {
    memchr::memchr(b'\n', lines).map_or(lines, |end| &lines[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_whole_lines_and_at_least_one() {
        let long = [vec![b'x'; BATCH_OCTETS], b"\r\nNOOP\r\n".to_vec()].concat();
        assert_eq!(batch(&long).len(), BATCH_OCTETS + 2);
        let many = b"NOOP\r\n".repeat(BATCH_OCTETS);
        assert!(batch(&many).len() <= BATCH_OCTETS && batch(&many).ends_with(b"\r\n"));
        assert_eq!(batch(b"NOOP\r\n"), b"NOOP\r\n");
    }
}
