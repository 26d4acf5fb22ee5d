//! Keyed tags: to recognise what was seen before without keeping it.
//!
//! The key is random, lives as long as the process and is never stored, so that a tag is worth
//! nothing anywhere else. What is done with the tags is not decided here.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

const KEY_OCTETS: usize = 32;

/// HMAC-SHA-256 under a key of this process.
pub(super) struct Tagger(Zeroizing<[u8; KEY_OCTETS]>);

impl Tagger {
    /// A tagger with a new random key.
    pub(super) fn random() -> Result<Self, getrandom::Error> {
        let mut key = Zeroizing::new([0; KEY_OCTETS]);
        getrandom::fill(key.as_mut_slice())?;
        Ok(Self(key))
    }

    /// The tag of these parts, in this order and with these borders.
    pub(super) fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice())
            .expect("HMAC takes keys of any length");
        for part in parts {
            mac.update(&part.len().to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Tagger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tagger(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_depends_on_the_key_and_on_where_parts_end() {
        let tagger = Tagger::random().expect("a random key");
        let tag = tagger.tag(&[b"ab", b"c"]);
        assert_eq!(tagger.tag(&[b"ab", b"c"]), tag);
        assert_ne!(tagger.tag(&[b"a", b"bc"]), tag);
        assert_ne!(
            Tagger::random().expect("a random key").tag(&[b"ab", b"c"]),
            tag
        );
    }
}
