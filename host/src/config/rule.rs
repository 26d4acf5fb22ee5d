//! What a value may be: for every kind of value its test and the words for what is allowed.
//!
//! Knows nothing of keys. A rule turns TOML into a plain value or into nothing.

use std::{
    fmt::Display,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use ipnet::IpNet;
use toml::de::{DeInteger, DeValue};

use super::{
    MAX_HOSTNAME_OCTETS,
    oauth::Place,
    quantity::{parse_duration, parse_size, show_duration, show_size},
};
use crate::{auth::oauth::http, component::Key};

/// What a URL may be, in words.
const URL: &str = "an https URL without a user in it, or an http URL of a loopback address";

/// Reads one kind of value.
pub(super) struct Rule<T> {
    allowed: String,
    read: Box<Read<T>>,
}

type Read<T> = dyn Fn(&DeValue<'_>) -> Option<T>;

impl<T: 'static> Rule<T> {
    fn new(allowed: String, read: impl Fn(&DeValue<'_>) -> Option<T> + 'static) -> Self {
        Self {
            allowed,
            read: Box::new(read),
        }
    }

    fn text(allowed: String, read: impl Fn(&str) -> Option<T> + 'static) -> Self {
        Self::new(allowed, move |value| value.as_str().and_then(&read))
    }

    /// The same rule, but `false` is right too and says: none.
    pub(super) fn or_false(self) -> Rule<Option<T>> {
        let read = self.read;
        Rule::new(
            format!("{}, or false", self.allowed),
            move |value| match value.as_bool() {
                Some(false) => Some(None),
                Some(true) => None,
                None => read(value).map(Some),
            },
        )
    }
}

impl<T> Rule<T> {
    /// What is allowed, in words that fit behind "expected".
    pub(super) fn allowed(&self) -> &str {
        &self.allowed
    }

    /// What the value means, if it is one that the rule allows.
    pub(super) fn map<U: 'static>(self, meaning: fn(T) -> U) -> Rule<U>
    where
        T: 'static,
    {
        Rule::new(self.allowed, move |value| (self.read)(value).map(meaning))
    }

    /// The value, if it is one that the rule allows.
    pub(super) fn read(&self, value: &DeValue<'_>) -> Option<T> {
        (self.read)(value)
    }
}

/// `true` or `false`.
pub(super) fn boolean() -> Rule<bool> {
    Rule::new("true or false".to_owned(), |value| value.as_bool())
}

/// `true`, `false` or one word.
pub(super) fn boolean_or_word<T: Copy + 'static>(
    no: T,
    yes: T,
    word: &'static str,
    meaning: T,
) -> Rule<T> {
    Rule::new(
        format!("true, false or \"{word}\""),
        move |value| match value.as_bool() {
            Some(is_true) => Some(if is_true { yes } else { no }),
            None => (value.as_str() == Some(word)).then_some(meaning),
        },
    )
}

/// An integer.
pub(super) fn number<T>(range: RangeInclusive<T>) -> Rule<T>
where
    T: Copy + Display + PartialOrd + TryFrom<i64> + 'static,
{
    let allowed = if range.start() == range.end() {
        range.start().to_string()
    } else {
        format!("a number from {} to {}", range.start(), range.end())
    };
    Rule::new(allowed, move |value| {
        let number = T::try_from(integer(value.as_integer()?)?).ok()?;
        range.contains(&number).then_some(number)
    })
}

/// A duration with its unit, or an integer of seconds.
pub(super) fn duration(range: RangeInclusive<Duration>) -> Rule<Duration> {
    let (least, most) = (show_duration(*range.start()), show_duration(*range.end()));
    Rule::new(
        format!("a duration from {least} to {most}, such as \"{least}\""),
        move |value| {
            let duration = match value.as_integer() {
                Some(seconds) => Duration::from_secs(u64::try_from(integer(seconds)?).ok()?),
                None => parse_duration(value.as_str()?)?,
            };
            range.contains(&duration).then_some(duration)
        },
    )
}

/// A size with its unit, or an integer of octets.
pub(super) fn size(range: RangeInclusive<usize>) -> Rule<usize> {
    let (least, most) = (show_size(*range.start()), show_size(*range.end()));
    Rule::new(
        format!("a size from {least} to {most}, such as 65536 or \"64KiB\""),
        move |value| {
            let octets = match value.as_integer() {
                Some(octets) => usize::try_from(integer(octets)?).ok()?,
                None => parse_size(value.as_str()?)?,
            };
            range.contains(&octets).then_some(octets)
        },
    )
}

/// A text that means something of its own.
pub(super) fn parsed<T: 'static>(
    allowed: &str,
    read: impl Fn(&str) -> Option<T> + 'static,
) -> Rule<T> {
    Rule::text(allowed.to_owned(), read)
}

/// One of a few words.
pub(super) fn choice<T: Copy + 'static>(choices: &[(&'static str, T)]) -> Rule<T> {
    let choices = choices.to_vec();
    let words: Vec<String> = choices
        .iter()
        .map(|(word, _)| format!("\"{word}\""))
        .collect();
    Rule::text(words.join(" or "), move |text| {
        choices
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, choice)| *choice)
    })
}

/// One word or a number.
pub(super) fn word_or_number<T: Copy + 'static>(
    word: &'static str,
    meaning: T,
    range: RangeInclusive<u32>,
    number_of: fn(u32) -> T,
) -> Rule<T> {
    let numbers = number(range);
    Rule::new(
        format!("\"{word}\" or {}", numbers.allowed()),
        move |value| {
            if value.as_str() == Some(word) {
                Some(meaning)
            } else {
                numbers.read(value).map(number_of)
            }
        },
    )
}

/// A text that passes a test.
pub(super) fn text(allowed: &str, is_allowed: fn(&str) -> bool) -> Rule<String> {
    Rule::text(allowed.to_owned(), move |text| {
        is_allowed(text).then(|| text.to_owned())
    })
}

/// An IP address and a port.
pub(super) fn address() -> Rule<SocketAddr> {
    let allowed = "an IP address and a port, such as \"127.0.0.1:1110\" or \"[::]:110\"";
    Rule::text(allowed.to_owned(), |text| text.parse().ok())
}

/// Networks, such as `["10.0.0.0/8", "2001:db8::/32"]`; an address alone is a network of one.
pub(super) fn networks() -> Rule<Vec<IpNet>> {
    let allowed = "a list of networks, such as [\"10.0.0.0/8\", \"2001:db8::1\"]";
    let network = |text: &str| {
        text.parse()
            .ok()
            .or_else(|| text.parse().ok().map(IpAddr::into))
    };
    Rule::new(allowed.to_owned(), move |value| {
        let networks = value.as_array()?.iter();
        networks
            .map(|value| network(value.as_ref().as_str()?))
            .collect()
    })
}

/// The path of a file; a relative one starts at `base`.
pub(super) fn path(base: &Path) -> Rule<PathBuf> {
    let base = base.to_owned();
    Rule::text("the path of a file".to_owned(), move |text| {
        (!text.is_empty() && !text.contains('\0')).then(|| base.join(text))
    })
}

/// A URL that can be asked.
pub(super) fn url() -> Rule<String> {
    text(URL, http::is_spoken_to)
}

/// The path of a file, where a relative one starts at `base`, or a URL that can be asked.
pub(super) fn place(base: &Path) -> Rule<Place> {
    let path = path(base);
    let allowed = format!("{}, or {URL}", path.allowed());
    Rule::new(allowed, move |value| {
        let text = value.as_str()?;
        if text.contains("://") {
            return http::is_spoken_to(text).then(|| Place::Url(text.to_owned()));
        }
        path.read(value).map(Place::File)
    })
}

/// A path with `%` variables, not yet looked at; a relative one starts at `base`.
pub(super) fn template(base: &Path) -> Rule<String> {
    let base = base.to_str().map(|base| base.replace('%', "%%"));
    let allowed = "a path in which %u, %n, %d, %h and %% stand for parts of the user";
    Rule::text(allowed.to_owned(), move |text| {
        if text.is_empty() || text.starts_with('/') || text.starts_with("%h") {
            return (!text.is_empty()).then(|| text.to_owned());
        }
        Some(match base.as_deref()? {
            "" => text.to_owned(),
            base => format!("{base}/{text}"),
        })
    })
}

/// A public key of minisign.
pub(super) fn key() -> Rule<Key> {
    let allowed = "a public key as minisign -G prints it, such as \"RWQ...\"";
    Rule::text(allowed.to_owned(), Key::from_base64)
}

/// Whether this is a SHA-256 in hex.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|octet| octet.is_ascii_hexdigit())
}

/// Whether this may be the server's name in a challenge, unchanged.
pub(super) fn is_hostname(text: &str) -> bool {
    (1..=MAX_HOSTNAME_OCTETS).contains(&text.len())
        && text
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || b".-".contains(&octet))
}

/// Whether this may be the greeting: see `connection.banner` in `wit/pop3.wit`.
pub(super) fn is_greeting(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && text
            .bytes()
            .all(|octet| (b' '..=b'~').contains(&octet) && octet != b'<')
}

/// Whether this may follow `IMPLEMENTATION` in a capability line: words with a space between them.
pub(super) fn is_implementation(text: &str) -> bool {
    text.len() <= 200
        && text
            .split(' ')
            .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_graphic()))
}

fn integer(integer: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}
