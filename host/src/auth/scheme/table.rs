//! The names of schemes, the encodings of their values, and who reads what.
//!
//! Checks nothing.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::{
    Check, Error, GenerateError, argon2, bcrypt, cram_md5, crypt,
    digest::{self, Algorithm},
    pbkdf2, plain, scram, sha_crypt,
};
use crate::auth::{hex, scram::Hash};

type Parse = fn(&[u8]) -> Result<Box<dyn Check>, Error>;
type Generate = fn(&[u8]) -> Result<String, GenerateError>;

pub(super) struct Scheme {
    /// What it is called; the first is the name that is written.
    pub(super) names: &'static [&'static str],
    text: Text,
    parse: Parse,
    pub(super) generate: Option<Generate>,
}

/// How the octets of a value are written if the tag does not say it.
#[derive(Clone, Copy)]
enum Text {
    /// As they are.
    Plain,
    /// In base64.
    Base64,
    /// A digest of so many octets, in hexadecimal digits or in base64: the length tells.
    Digest(usize),
}

// crypt(3) is one function for all of its formats, and Dovecot's names for some of them do not
// restrict what stands behind the name. So any of these names goes before any format.
pub(super) const SCHEMES: &[Scheme] = &[
    Scheme::new(&["ARGON2ID"], crypt::parse).generated(argon2::generate),
    Scheme::new(&["ARGON2I"], crypt::parse),
    Scheme::new(&["SHA512-CRYPT"], crypt::parse).generated(sha_crypt::generate),
    Scheme::new(&["SHA256-CRYPT"], crypt::parse),
    Scheme::new(&["BLF-CRYPT"], crypt::parse).generated(bcrypt::generate),
    Scheme::new(&["CRYPT"], crypt::parse),
    Scheme::new(&["MD5-CRYPT", "MD5"], crypt::parse),
    Scheme::new(&["DES-CRYPT"], crypt::parse),
    Scheme::new(&["SCRAM-SHA-256"], |value| {
        scram::parse(Hash::Sha256, value)
    })
    .generated(|password| scram::generate(Hash::Sha256, password)),
    Scheme::new(&["SCRAM-SHA-1"], |value| scram::parse(Hash::Sha1, value))
        .generated(|password| scram::generate(Hash::Sha1, password)),
    Scheme::new(&["PBKDF2"], pbkdf2::parse),
    Scheme::new(&["SSHA512"], |value| {
        digest::salted(Algorithm::Sha512, "SSHA512", value)
    })
    .written(Text::Base64),
    Scheme::new(&["SSHA256"], |value| {
        digest::salted(Algorithm::Sha256, "SSHA256", value)
    })
    .written(Text::Base64),
    Scheme::new(&["SSHA"], |value| {
        digest::salted(Algorithm::Sha1, "SSHA", value)
    })
    .written(Text::Base64),
    Scheme::new(&["SMD5"], |value| {
        digest::salted(Algorithm::Md5, "SMD5", value)
    })
    .written(Text::Base64),
    Scheme::new(&["SHA512"], |value| {
        digest::unsalted(Algorithm::Sha512, "SHA512", value)
    })
    .written(Text::Digest(64)),
    Scheme::new(&["SHA256"], |value| {
        digest::unsalted(Algorithm::Sha256, "SHA256", value)
    })
    .written(Text::Digest(32)),
    Scheme::new(&["SHA", "SHA1"], |value| {
        digest::unsalted(Algorithm::Sha1, "SHA", value)
    })
    .written(Text::Digest(20)),
    Scheme::new(&["PLAIN-MD5", "LDAP-MD5"], |value| {
        digest::unsalted(Algorithm::Md5, "PLAIN-MD5", value)
    })
    .written(Text::Digest(16)),
    Scheme::new(&["CRAM-MD5", "HMAC-MD5"], cram_md5::parse).generated(cram_md5::generate),
    Scheme::new(&["PLAIN", "CLEARTEXT", "CLEAR"], plain::parse).generated(plain::generate),
];

impl Scheme {
    const fn new(names: &'static [&'static str], parse: Parse) -> Self {
        Self {
            names,
            text: Text::Plain,
            parse,
            generate: None,
        }
    }

    const fn written(mut self, text: Text) -> Self {
        self.text = text;
        self
    }

    const fn generated(mut self, generate: Generate) -> Self {
        self.generate = Some(generate);
        self
    }

    pub(super) fn parse(&self, value: &[u8]) -> Result<Box<dyn Check>, Error> {
        (self.parse)(value)
    }

    fn decode(&self, tag: &str, encoding: Option<&str>, value: &[u8]) -> Result<Octets, Error> {
        match encoding.map(str::to_ascii_lowercase).as_deref() {
            None => match self.text {
                Text::Plain => Ok(Octets::new(value.to_vec())),
                Text::Digest(octets) if value.len() == 2 * octets => self.hex(value),
                Text::Base64 | Text::Digest(_) => self.base64(value),
            },
            Some("b64" | "base64") => self.base64(value),
            Some("hex") => self.hex(value),
            Some(_) => Err(Error::UnknownEncoding(tag.to_owned())),
        }
    }

    fn base64(&self, value: &[u8]) -> Result<Octets, Error> {
        let text = str::from_utf8(value).ok();
        let octets = text.and_then(|text| Base64::decode_vec(text).ok());
        self.decoded(octets, "not base64")
    }

    fn hex(&self, value: &[u8]) -> Result<Octets, Error> {
        self.decoded(hex::decode(value), "not hexadecimal")
    }

    fn decoded(&self, octets: Option<Vec<u8>>, reason: &'static str) -> Result<Octets, Error> {
        let octets = octets.filter(|octets| !octets.is_empty());
        octets.map(Octets::new).ok_or(Error::Malformed {
            scheme: self.names[0],
            reason,
        })
    }
}

type Octets = Zeroizing<Vec<u8>>;

pub(super) fn find(name: &str) -> Option<&'static Scheme> {
    let is_name = |other: &&str| name.eq_ignore_ascii_case(other);
    SCHEMES.iter().find(|row| row.names.iter().any(is_name))
}

/// The scheme and the decoded value.
pub(super) fn split(text: &[u8]) -> Result<(&'static Scheme, Octets), Error> {
    let Some((tag, value)) = text.strip_prefix(b"{").and_then(split_tag) else {
        let scheme = find("CRYPT").expect("SCHEMES has a row for CRYPT");
        return Ok((scheme, Octets::new(text.to_vec())));
    };
    let (name, encoding) = tag
        .split_once('.')
        .map_or((tag, None), |(name, rest)| (name, Some(rest)));
    let scheme = find(name).ok_or_else(|| Error::UnknownScheme(name.to_owned()))?;
    if value.is_empty() {
        return Err(Error::Empty);
    }
    Ok((scheme, scheme.decode(tag, encoding, value)?))
}

/// What stands before and behind the `}`, if the former could be the name of a scheme: a password
/// that was forgotten to be marked as one must not end up in an error.
fn split_tag(text: &[u8]) -> Option<(&str, &[u8])> {
    let end = text.iter().position(|octet| *octet == b'}')?;
    let name = str::from_utf8(&text[..end]).ok()?;
    let is_name = (1..=32).contains(&name.len())
        && name
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || b"-._".contains(&octet));
    is_name.then_some((name, &text[end + 1..]))
}
