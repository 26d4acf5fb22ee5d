//! Durations and sizes as an operator writes them: `"600s"`, `"10min"`, `"1MiB"`.
//!
//! A number and one unit, nothing between them. Does not know which values are allowed where.

use std::time::Duration;

/// Units of time in milliseconds, largest first.
const TIMES: [(&str, u64); 4] = [("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)];

/// Units of size in octets, largest first.
const SIZES: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Reads `"10min"`; `None` for anything else than a number and one of `h`, `min`, `s` and `ms`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    parse(text, &TIMES).map(Duration::from_millis)
}

/// Reads `"64KiB"`; `None` for anything else than a number and one of `GiB`, `MiB` and `KiB`.
pub(crate) fn parse_size(text: &str) -> Option<usize> {
    parse(text, &SIZES).and_then(|octets| usize::try_from(octets).ok())
}

/// A duration of whole milliseconds as it is written in the file, with the largest unit that fits.
pub(super) fn show_duration(duration: Duration) -> String {
    match u64::try_from(duration.as_millis()) {
        Ok(0) => "0s".to_owned(),
        Ok(milliseconds) => show(milliseconds, &TIMES),
        Err(_) => format!("{}s", duration.as_secs()),
    }
}

/// A size as it is written in the file, with the largest unit that fits.
pub(super) fn show_size(octets: usize) -> String {
    u64::try_from(octets).map_or_else(|_| octets.to_string(), |octets| show(octets, &SIZES))
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn show(quantity: u64, units: &[(&str, u64)]) -> String {
    let unit = units
        .iter()
        .find(|(_, factor)| quantity != 0 && quantity.is_multiple_of(*factor));
    unit.map_or_else(
        || quantity.to_string(),
        |(name, factor)| format!("{}{name}", quantity / factor),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        for (text, milliseconds) in [
            ("600s", Some(600_000)),
            ("10min", Some(600_000)),
            ("1h", Some(3_600_000)),
            ("100ms", Some(100)),
            ("0s", Some(0)),
            ("007s", Some(7000)),
            ("", None),
            ("s", None),
            ("600", None),
            ("10 min", None),
            ("10m", None),
            ("1H", None),
            ("-1s", None),
            ("+1s", None),
            ("1.5h", None),
            ("1h30min", None),
            ("5124095576030431h", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(
                parse_duration(text),
                milliseconds.map(Duration::from_millis),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_size_is_a_number_and_a_binary_unit() {
        for (text, octets) in [
            ("1MiB", Some(1_048_576)),
            ("512KiB", Some(524_288)),
            ("2GiB", Some(2_147_483_648)),
            ("0KiB", Some(0)),
            ("512", None),
            ("1MB", None),
            ("1mib", None),
            ("1M", None),
            ("17179869184GiB", None),
        ] {
            assert_eq!(parse_size(text), octets, "{text:?}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for milliseconds in [0, 1, 999, 1000, 60_000, 61_000, 3_600_000, 86_400_000] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(parse_duration(&show_duration(duration)), Some(duration));
        }
        for octets in [1024, 65_536, 1 << 20, 5 << 30] {
            assert_eq!(parse_size(&show_size(octets)), Some(octets));
        }
        assert_eq!(
            (show_size(255), show_duration(Duration::from_mins(90))),
            ("255".into(), "90min".into())
        );
    }
}
