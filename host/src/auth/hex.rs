//! Octets as hexadecimal digits and back.
//!
//! Not in constant time: only for what may be seen, or is compared afterwards.

use std::fmt::Write;

/// Two lower-case digits for each octet.
pub(super) fn encode(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() * 2);
    for octet in octets {
        write!(text, "{octet:02x}").expect("a String takes whatever is written to it");
    }
    text
}

/// The octets, or `None` for an odd number of digits or anything that is not a digit.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect()
}

fn digit(octet: u8) -> Option<u8> {
    let value = char::from(octet).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_survives() {
        let octets: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(encode(&octets).as_bytes()), Some(octets));
        assert_eq!(encode(b"\x00\xaf"), "00af");
    }

    #[test]
    fn what_is_not_hexadecimal_is_refused() {
        for text in ["a", "0g", "+1", "0 ", "é"] {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
        assert_eq!(decode(b"AF"), Some(vec![0xaf]));
    }
}
