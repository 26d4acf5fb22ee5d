//! Values of crypt(3): `$id$...` or the thirteen characters of DES, and who reads which.
//!
//! Checks nothing.

use super::{Check, Error, argon2, bcrypt, sha_crypt, traditional, yescrypt};

type Parse = fn(&str) -> Result<Box<dyn Check>, Error>;

const FORMATS: &[(&str, Parse)] = &[
    ("1", traditional::parse_md5),
    ("2a", bcrypt::parse),
    ("2b", bcrypt::parse),
    ("2y", bcrypt::parse),
    ("5", sha_crypt::parse),
    ("6", sha_crypt::parse),
    ("argon2i", argon2::parse),
    ("argon2id", argon2::parse),
    ("y", yescrypt::parse),
];

pub(super) fn parse(value: &[u8]) -> Result<Box<dyn Check>, Error> {
    let text = str::from_utf8(value).map_err(|_| Error::UnknownFormat(String::new()))?;
    if traditional::is_des(text) {
        return Ok(traditional::parse_des(text));
    }
    let id = text
        .strip_prefix('$')
        .and_then(|rest| rest.split_once('$'))
        .map(|(id, _)| id)
        .ok_or_else(|| Error::UnknownFormat(String::new()))?;
    let (_, parse) = FORMATS
        .iter()
        .find(|(name, _)| *name == id)
        .ok_or_else(|| unknown(id))?;
    parse(text)
}

/// Names the format, unless what stands there may be a part of a password.
fn unknown(id: &str) -> Error {
    let is_id = (1..=10).contains(&id.len())
        && id
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
    Error::UnknownFormat(if is_id {
        format!(" ${id}$")
    } else {
        String::new()
    })
}
