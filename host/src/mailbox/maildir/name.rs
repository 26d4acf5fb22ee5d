//! What the name of a mail file says: its unique part, when it was delivered, its sizes.
//!
//! Pure: touches no file. Names are hostile like everything that a user's own tools write.

use std::time::Duration;

/// When a message was delivered: the order of a maildrop. A name that does not say is the oldest.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Delivered {
    seconds: u64,
    micros: u64,
}

/// 1995, in seconds since 1970. No message is in a Maildir for longer than there are Maildirs: a
/// smaller number counts something else.
const FIRST_MAILDIR: u64 = 788_918_400;

impl Delivered {
    /// The time of delivery since 1970, if the name says one that can be true.
    pub(super) fn time(self) -> Option<Duration> {
        (self.seconds >= FIRST_MAILDIR)
            .then(|| Duration::from_secs(self.seconds) + Duration::from_micros(self.micros))
    }
}

/// The sizes that some delivery agents write into the name. Claims, not facts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Hint {
    /// `,S=`: the octets of the file.
    pub(super) stored: u64,
    /// `,W=`: the octets on the wire.
    pub(super) wire: u64,
}

/// The part of a name that never changes: what is in front of `:`. Behind it are the flags.
pub(super) fn unique(name: &[u8]) -> &[u8] {
    match memchr::memchr(b':', name) {
        None | Some(0) => name,
        Some(end) => &name[..end],
    }
}

/// The time of delivery: the seconds in front of the first `.`, and the microseconds behind an `M`
/// in what follows.
pub(super) fn delivered(name: &[u8]) -> Delivered {
    let (seconds, rest) = digits(name);
    let Some(rest) = rest.strip_prefix(b".") else {
        return Delivered::default();
    };
    let Some(seconds) = seconds else {
        return Delivered::default();
    };
    let middle = rest
        .split(|octet| matches!(octet, b'.' | b',' | b':'))
        .next()
        .unwrap_or_default();
    let micros = memchr::memchr_iter(b'M', middle)
        .find_map(|mark| digits(&middle[mark + 1..]).0)
        .unwrap_or_default();
    Delivered { seconds, micros }
}

/// The sizes in a name, if it claims both.
pub(super) fn hint(name: &[u8]) -> Option<Hint> {
    let (mut stored, mut wire) = (None, None);
    for field in unique(name).split(|octet| *octet == b',').skip(1) {
        match field {
            [b'S', b'=', size @ ..] => stored = number(size),
            [b'W', b'=', size @ ..] => wire = number(size),
            _ => {}
        }
    }
    Some(Hint {
        stored: stored?,
        wire: wire?,
    })
}

/// A number of nothing but digits that 64 bits hold.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    match digits(text) {
        (number, []) => number,
        _ => None,
    }
}

/// The number that `text` begins with, none if it is absent or too large, and what follows.
fn digits(text: &[u8]) -> (Option<u64>, &[u8]) {
    let end = text
        .iter()
        .position(|octet| !octet.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let number = digits.iter().try_fold(0_u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    });
    (number.filter(|_| end > 0), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_no_part_of_the_unique_name() {
        for (name, expected) in [
            ("1.M2.host", "1.M2.host"),
            ("1.M2.host:2,", "1.M2.host"),
            ("1.M2.host,S=5,W=6:2,RS", "1.M2.host,S=5,W=6"),
            ("1:2,S:3", "1"),
            (":2,S", ":2,S"),
        ] {
            assert_eq!(unique(name.as_bytes()), expected.as_bytes(), "{name}");
        }
    }

    #[test]
    fn names_of_several_agents_give_the_time_of_delivery() {
        for (name, seconds, micros) in [
            (
                "1700000000.M123456P77.host,S=5,W=6:2,S",
                1_700_000_000,
                123_456,
            ),
            ("1700000000.V801I2aM99.host", 1_700_000_000, 99),
            ("1700000000.4711.host", 1_700_000_000, 0),
            ("1700000000.4711.M5host", 1_700_000_000, 0),
            ("1700000000.MxM7.host", 1_700_000_000, 7),
            ("1700000000", 0, 0),
            ("99999999999999999999.M1.host", 0, 0),
            ("msg.M1", 0, 0),
            ("", 0, 0),
        ] {
            assert_eq!(
                delivered(name.as_bytes()),
                Delivered { seconds, micros },
                "{name}"
            );
        }
    }

    #[test]
    fn the_order_is_numeric() {
        assert!(delivered(b"999.M5.h") < delivered(b"1000.M4.h"));
        assert!(delivered(b"1000.M9.h") < delivered(b"1000.M10.h"));
    }

    #[test]
    fn only_a_name_with_both_sizes_is_a_hint() {
        assert_eq!(hint(b"1.h,S=5,W=6:2,S"), Some(Hint { stored: 5, wire: 6 }));
        assert_eq!(hint(b"1.h,W=6,S=5"), Some(Hint { stored: 5, wire: 6 }));
        for name in [
            "1.h,S=5",
            "1.h,W=6",
            "1.h,S=x,W=6",
            "1.h,S=,W=6",
            "1.h:2,S=5,W=6",
            "1.h",
        ] {
            assert_eq!(hint(name.as_bytes()), None, "{name}");
        }
    }
}
