//! Names as GS2 and SCRAM write them (RFC 5802, section 7: `saslname`).
//!
//! Knows no users.

use crate::auth::prep::prepare;

/// A name with `=2C` for a comma and `=3D` for an equals sign, prepared; `None` if it is none.
pub(super) fn parse(escaped: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(escaped).ok()?;
    let mut parts = text.split('=');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (char, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            (None, None) => return None,
        };
        name.push(char);
        name.push_str(rest);
    }
    let is_name = !text.contains([',', '\0']);
    let name = prepare(name.as_bytes()).filter(|_| is_name)?;
    Some(name.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unescaped_and_prepared() {
        for (escaped, expected) in [
            ("a=2Cb=3Dc", Some("a,b=c")),
            ("I\u{ad}X", Some("IX")),
            ("", None),
            ("a=2c", None),
            ("a=", None),
            ("a,b", None),
            ("a\0", None),
        ] {
            let name = parse(escaped.as_bytes());
            assert_eq!(
                name,
                expected.map(|name| name.as_bytes().to_vec()),
                "{escaped}"
            );
        }
        assert_eq!(parse(b"\xff"), None);
    }
}
