//! SASLprep (RFC 4013): names and passwords in the one form in which they are compared.
//!
//! Code points that Unicode 3.2 did not know are let through, as RFC 3454 §7 has it for what
//! somebody presents. Decides nothing about who is who.

use std::borrow::Cow;

use stringprep::tables;
use unicode_normalization::UnicodeNormalization;

use super::secret::Secret;

/// The prepared form, or `None` if the octets are not text, hold what is prohibited, or come to
/// nothing.
pub(super) fn prepare(octets: &[u8]) -> Option<Cow<'_, str>> {
    let text = str::from_utf8(octets).ok()?;
    if text.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
        return (!text.is_empty()).then_some(Cow::Borrowed(text));
    }
    // RFC 4013 §2.1: other spaces become a space, some characters nothing. §2.2: then NFKC.
    let mapped = text
        .chars()
        .filter(|&char| !tables::commonly_mapped_to_nothing(char))
        .map(|char| match char {
            char if tables::non_ascii_space_character(char) => ' ',
            char => char,
        });
    let prepared: String = mapped.nfkc().collect();
    let is_allowed =
        !prepared.is_empty() && !prepared.chars().any(is_prohibited) && is_one_direction(&prepared);
    is_allowed.then_some(Cow::Owned(prepared))
}

/// The prepared form of a password that a user database keeps; its octets as they are if it has
/// none.
pub(super) fn prepare_stored(password: &[u8]) -> Secret {
    match prepare(password) {
        Some(Cow::Owned(text)) => Secret::new(text.into_bytes()),
        Some(Cow::Borrowed(_)) | None => Secret::from(password),
    }
}

/// RFC 4013 §2.3, prohibited output.
fn is_prohibited(char: char) -> bool {
    tables::non_ascii_space_character(char)
        || tables::ascii_control_character(char)
        || tables::non_ascii_control_character(char)
        || tables::private_use(char)
        || tables::non_character_code_point(char)
        || tables::inappropriate_for_plain_text(char)
        || tables::inappropriate_for_canonical_representation(char)
        || tables::change_display_properties_or_deprecated(char)
        || tables::tagging_character(char)
}

/// RFC 3454 §6: text with a right-to-left character has no left-to-right one, and begins and ends
/// with one of its kind.
fn is_one_direction(text: &str) -> bool {
    let is_framed = || {
        text.starts_with(tables::bidi_r_or_al)
            && text.ends_with(tables::bidi_r_or_al)
            && !text.contains(tables::bidi_l)
    };
    !text.contains(tables::bidi_r_or_al) || is_framed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_4013_come_out_as_it_says() {
        for (given, expected) in [
            ("I\u{ad}X", Some("IX")),
            ("user", Some("user")),
            ("USER", Some("USER")),
            ("\u{aa}", Some("a")),
            ("\u{2168}", Some("IX")),
            ("\u{7}", None),
            ("\u{627}\u{31}", None),
        ] {
            assert_eq!(prepare(given.as_bytes()).as_deref(), expected, "{given:?}");
        }
    }

    #[test]
    fn spaces_stay_and_every_other_kind_becomes_one() {
        assert_eq!(prepare(b" a  b ").as_deref(), Some(" a  b "));
        assert_eq!(prepare("a\u{a0}b".as_bytes()).as_deref(), Some("a b"));
    }

    #[test]
    fn nothing_and_what_comes_to_nothing_is_refused() {
        for octets in [b"".as_slice(), "\u{ad}".as_bytes(), b"\xff", b"a\0", b"a\n"] {
            assert_eq!(prepare(octets), None, "{octets:?}");
        }
    }

    #[test]
    fn characters_that_are_younger_than_the_tables_are_let_through() {
        assert_eq!(
            prepare("p\u{1f511}".as_bytes()).as_deref(),
            Some("p\u{1f511}")
        );
    }

    #[test]
    fn a_stored_password_without_a_prepared_form_stays_as_it_is() {
        assert_eq!(prepare_stored(b"a\nb").expose(), b"a\nb");
        assert_eq!(
            prepare_stored("a\u{308}".as_bytes()).expose(),
            "\u{e4}".as_bytes()
        );
    }
}
