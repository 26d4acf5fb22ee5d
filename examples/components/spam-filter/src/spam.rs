//! What a message's header says: `X-Spam-Flag: YES`, as spam filters write it.

use popcell_component::{Fault, Message};

const NAME: &[u8] = b"X-Spam-Flag";
const VALUE: &[u8] = b"YES";
/// What is read at a time; most headers are shorter.
const READ: u32 = 8_192;
/// So much of a header is looked at.
const LONGEST: usize = 65_536;

/// Whether the header calls the message spam, and how many reads it took to know.
///
/// # Errors
///
/// The message can not be read.
pub(crate) fn is_flagged(message: &impl Message) -> Result<(bool, u32), Fault> {
    let mut header = Vec::new();
    let mut reads = 0;
    let end = loop {
        let octets = message.read(READ)?;
        reads += 1;
        let is_end = octets.is_empty();
        header.extend_from_slice(&octets);
        if let Some(end) = end(&header) {
            break end;
        }
        if is_end || header.len() > LONGEST {
            break header.len();
        }
    };
    Ok((says_spam(&header[..end]), reads))
}

/// Where the empty line begins.
fn end(octets: &[u8]) -> Option<usize> {
    if octets.starts_with(b"\r\n") {
        return Some(0);
    }
    octets
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 2)
}

fn says_spam(header: &[u8]) -> bool {
    fields(header).any(|field| {
        let Some(colon) = field.iter().position(|octet| *octet == b':') else {
            return false;
        };
        let (name, value) = (&field[..colon], &field[colon + 1..]);
        name.trim_ascii_end().eq_ignore_ascii_case(NAME)
            && value.trim_ascii().eq_ignore_ascii_case(VALUE)
    })
}

/// The fields of a header, each with its continuation lines.
fn fields(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = header;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let goes_on = |next: Option<&u8>| next.is_some_and(|octet| b" \t".contains(octet));
        let ends = rest
            .iter()
            .enumerate()
            .filter(|(_, octet)| **octet == b'\n');
        let mut ends = ends.map(|(at, _)| at + 1);
        let end = ends
            .find(|end| !goes_on(rest.get(*end)))
            .unwrap_or(rest.len());
        let (field, behind) = rest.split_at(end);
        rest = behind;
        Some(field)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_a_field_of_the_header() {
        for header in [
            "X-Spam-Flag: YES\r\n",
            "Subject: x\r\nx-spam-flag:yes\r\nTo: y\r\n",
            "X-Spam-Flag: \r\n YES\r\n",
        ] {
            assert!(says_spam(header.as_bytes()), "{header}");
        }
        for header in [
            "",
            "X-Spam-Flag: NO\r\n",
            "X-Spam-Flag: YES, nearly\r\n",
            "X-Spam-Flag\r\n",
            "Subject: a\r\n X-Spam-Flag: YES\r\n",
            "Not-X-Spam-Flag: YES\r\n",
        ] {
            assert!(!says_spam(header.as_bytes()), "{header}");
        }
    }

    #[test]
    fn the_body_says_nothing() {
        let octets = b"A: b\r\n\r\nX-Spam-Flag: YES\r\n";
        assert!(!says_spam(&octets[..end(octets).unwrap()]));
        assert_eq!(end(b"\r\nX-Spam-Flag: YES\r\n"), Some(0));
    }
}
