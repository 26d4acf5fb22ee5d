//! What is recorded: the keys of `[record]`, and the switch of a tenant.
//!
//! Makes no directory: that is for the start of the server.

use std::path::Path;

use super::{
    document::Section,
    rule::{self, Rule},
};
use crate::record::{ALL, Options};

/// `None` for a server that records nothing.
pub(super) fn read(mut section: Section<'_>, base: &Path) -> Option<Options> {
    let directory = section.get("directory", rule::path(base));
    let sample = section.get("sample", share());
    let octets = section.get("session_size", rule::size(1 << 16..=1 << 40));
    for key in ["sample", "session_size"] {
        if section.has(key) && !section.has("directory") {
            let message = format!("{} needs \"directory\"", section.named(key));
            section.fault(Some(key), message);
        }
    }
    section.finish();
    let mut options = Options::new(directory?);
    options.sample = sample.unwrap_or(options.sample);
    options.session_octets = octets.unwrap_or(options.session_octets);
    Some(options)
}

/// Whether sessions of a tenant are recorded: not unless it says so.
pub(super) fn tenant(section: &mut Section<'_>, has_directory: bool) -> bool {
    let is_recorded = section.get("record", rule::boolean()).unwrap_or_default();
    if is_recorded && !has_directory {
        let message = format!(
            "{} needs a directory: see [record]",
            section.named("record")
        );
        section.fault(Some("record"), message);
    }
    is_recorded
}

/// A share of all sessions, in millionths.
fn share() -> Rule<u32> {
    rule::parsed("a share such as \"5%\" or \"0.1%\"", |text| {
        let (whole, rest) = match text.strip_suffix('%')?.split_once('.') {
            Some((whole, rest)) => (whole, rest),
            None => (text.strip_suffix('%')?, ""),
        };
        let is_digits = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
        if whole.is_empty() || whole.len() > 3 || rest.len() > 4 {
            return None;
        }
        if !is_digits(whole) || !is_digits(rest) {
            return None;
        }
        let millionths: u32 = format!("{whole}{rest:0<4}").parse().ok()?;
        (millionths <= ALL).then_some(millionths)
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use crate::config::{Config, Problems};

    use super::*;

    /// Seven lines, and what is appended.
    fn parse(appended: &str) -> Result<Config, Problems> {
        let least = "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n[users]\n\
                     passwd_file = \"users\"\n[mailbox]\nmaildir = \"/%u\"\n";
        Config::parse(&format!("{least}{appended}\n"), Path::new("/etc/p.toml"))
    }

    const TENANT: &str = "[[tenant]]\nname = \"t\"\nrecord = true\n[tenant.users]\n\
                          passwd_file = \"u\"\n[tenant.mailbox]\nmaildir = \"/%u\"\n";

    #[test]
    fn nothing_is_recorded_unless_it_is_said() {
        for nothing in ["", "[record]"] {
            assert_eq!(parse(nothing).expect("right").record, None);
        }
        let config = parse(&format!("[record]\ndirectory = \"r\"\n{TENANT}")).expect("right");
        assert_eq!(config.record, Some(Options::new(PathBuf::from("/etc/r"))));
        assert!(config.tenants[0].is_recorded);
    }

    #[test]
    fn a_share_is_in_percent() {
        for (share, millionths) in [
            ("100%", ALL),
            ("5%", 50_000),
            ("0.5%", 5_000),
            ("0.0001%", 1),
            ("0%", 0),
        ] {
            let config = parse(&format!(
                "[record]\ndirectory = \"r\"\nsample = \"{share}\"\nsession_size = \"1MiB\""
            ));
            let record = config.expect("right").record.expect("a section");
            assert_eq!(
                (record.sample, record.session_octets),
                (millionths, 1 << 20),
                "{share}"
            );
        }
    }

    #[test]
    fn every_mistake_has_its_place() {
        for (appended, problem) in [
            (
                "[record]\nsample = \"5%\"",
                "9:10: \"sample\" in [record] needs \"directory\"",
            ),
            (
                "[record]\ndirectory = \"r\"\nsample = \"101%\"",
                "10:10: \"sample\" in [record] cannot be \"101%\"; expected a share such as \
                 \"5%\" or \"0.1%\"",
            ),
            (
                TENANT,
                "10:10: \"record\" in [tenant] needs a directory: see [record]",
            ),
        ] {
            let found = parse(appended).expect_err(appended).to_string();
            assert_eq!(found, format!("/etc/p.toml:{problem}"), "{appended}");
        }
        for share in ["5", "%", ".5%", "-1%", "1.00001%", "5 %", "0x5%", "1000%"] {
            let text = format!("[record]\ndirectory = \"r\"\nsample = \"{share}\"");
            assert!(parse(&text).is_err(), "{share}");
        }
    }
}
