//! Patterns of lines: text in which `*` is anything, nothing too.
//!
//! For answers whose wording is nobody's to fix. Takes time in proportion to both lengths at worst.

/// Whether `text` has the form of `pattern`, in which `*` is anything.
pub fn is_like(pattern: &str, text: &[u8]) -> bool {
    let mut parts = pattern.split('*').map(str::as_bytes);
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = memchr::memmem::find(rest, part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_anything() {
        for (pattern, text, expected) in [
            ("+OK", "+OK", true),
            ("+OK", "+OK ", false),
            ("+OK*", "+OK", true),
            ("+OK * octets", "+OK 12 octets", true),
            ("+OK * octets", "+OK octets", false),
            ("*", "", true),
            ("**", "x", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("*b", "ab b", true),
            ("ab*b", "ab", false),
        ] {
            assert_eq!(
                is_like(pattern, text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
