//! `$1$` (`{MD5-CRYPT}`) and the thirteen characters of `{DES-CRYPT}`.
//!
//! Read because old databases hold them, never made. Of a password DES looks at eight octets.

use pwhash::{md5_crypt, unix_crypt};

use super::{Check, Error, Exhausted, Work};

const MD5: &str = "MD5-CRYPT";
const DES: &str = "DES-CRYPT";
const DES_CHARACTERS: usize = 13;
const MD5_DIGEST_CHARACTERS: usize = 22;
const MAX_MD5_SALT_CHARACTERS: usize = 8;

struct Traditional {
    text: Box<str>,
    scheme: &'static str,
    verify: fn(&[u8], &str) -> bool,
}

pub(super) fn parse_md5(text: &str) -> Result<Box<dyn Check>, Error> {
    let fields: Vec<_> = text.split('$').collect();
    let is_whole = match fields[..] {
        ["", "1", salt, digest] => {
            salt.len() <= MAX_MD5_SALT_CHARACTERS
                && digest.len() == MD5_DIGEST_CHARACTERS
                && is_crypt_base64(salt)
                && is_crypt_base64(digest)
        }
        _ => false,
    };
    if !is_whole {
        return Err(Error::Malformed {
            scheme: MD5,
            reason: "not of the form $1$salt$hash",
        });
    }
    Ok(Box::new(Traditional {
        text: text.into(),
        scheme: MD5,
        verify: |password, text| md5_crypt::verify(password, text),
    }))
}

/// Whether this could be a value of DES: there is nothing else that it is known by.
pub(super) fn is_des(text: &str) -> bool {
    text.len() == DES_CHARACTERS && is_crypt_base64(text)
}

/// Takes what [`is_des`] says is one.
pub(super) fn parse_des(text: &str) -> Box<dyn Check> {
    Box::new(Traditional {
        text: text.into(),
        scheme: DES,
        verify: |password, text| unix_crypt::verify(password, text),
    })
}

fn is_crypt_base64(text: &str) -> bool {
    text.bytes()
        .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'/'))
}

impl Check for Traditional {
    fn verify(&self, password: &[u8]) -> Result<bool, Exhausted> {
        Ok((self.verify)(password, &self.text))
    }

    fn work(&self) -> Work {
        Work {
            scheme: self.scheme,
            cost: [0; 3],
        }
    }
}
