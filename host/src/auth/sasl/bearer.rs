//! What OAUTHBEARER and XOAUTH2 have in common: fields between 0x01 octets, one of them a token.
//!
//! Checks no token.

use crate::auth::secret::Secret;

/// Ends every field, and once more the message.
const SEPARATOR: u8 = 1;

/// Most octets of a token: a line of a client holds no more.
const MAX_TOKEN_OCTETS: usize = 16_384;

/// `key=value` fields, each ended by 0x01, and then one more 0x01; `None` if the octets are
/// anything else, or a key comes twice.
pub(super) fn fields(octets: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let body = octets.strip_suffix(&[SEPARATOR, SEPARATOR])?;
    let mut fields: Vec<(&[u8], &[u8])> = Vec::new();
    for field in body.split(|octet| *octet == SEPARATOR) {
        let equals = field.iter().position(|octet| *octet == b'=')?;
        let (key, value) = (&field[..equals], &field[equals + 1..]);
        let is_key = !key.is_empty() && key.iter().all(u8::is_ascii_alphabetic);
        if !is_key || fields.iter().any(|(other, _)| *other == key) {
            return None;
        }
        fields.push((key, value));
    }
    Some(fields)
}

/// The value of a field.
pub(super) fn find<'a>(fields: &[(&'a [u8], &'a [u8])], key: &[u8]) -> Option<&'a [u8]> {
    let field = fields.iter().find(|(other, _)| *other == key);
    field.map(|(_, value)| *value)
}

/// The token of an `auth` field, `Bearer` in either case, a space, and the token.
pub(super) fn token(auth: &[u8]) -> Option<Secret> {
    const SCHEME: &[u8] = b"Bearer ";
    let (scheme, token) = auth.split_at_checked(SCHEME.len())?;
    // RFC 6750 §2.1: b64token.
    let is_token = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._~+/=".contains(octet);
    let is_bearer = scheme.eq_ignore_ascii_case(SCHEME)
        && (1..=MAX_TOKEN_OCTETS).contains(&token.len())
        && token.iter().all(is_token);
    is_bearer.then(|| Secret::from(token))
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_fields_each_of_them_once_are_read() {
        let read = fields(b"host=a=b\x01auth=\x01\x01").expect("fields");
        assert_eq!(find(&read, b"host"), Some(b"a=b".as_slice()));
        assert_eq!(find(&read, b"auth"), Some(b"".as_slice()));
        assert_eq!(find(&read, b"port"), None);
        for octets in [
            b"".as_slice(),
            b"\x01",
            b"\x01\x01",
            b"auth=x",
            b"auth=x\x01",
            b"auth\x01\x01",
            b"=x\x01\x01",
            b"a b=x\x01\x01",
            b"auth=x\x01\x01\x01",
            b"auth=x\x01auth=y\x01\x01",
        ] {
            assert_eq!(fields(octets), None, "{octets:?}");
        }
    }

    #[test]
    fn a_token_is_what_rfc_6750_says() {
        for (auth, expected) in [
            ("Bearer vF9dft4qmT", Some("vF9dft4qmT")),
            ("bEARER a-._~+/=", Some("a-._~+/=")),
            ("Bearer ", None),
            ("Bearer  x", None),
            ("Bearer a b", None),
            ("Bearer a\u{e4}", None),
            ("Basic abc", None),
            ("Bear", None),
            ("", None),
        ] {
            let token = token(auth.as_bytes());
            let token = token.as_ref().map(Secret::expose);
            assert_eq!(token, expected.map(str::as_bytes), "{auth}");
        }
        let long = format!("Bearer {}", "x".repeat(MAX_TOKEN_OCTETS + 1));
        assert!(token(long.as_bytes()).is_none());
    }
}
