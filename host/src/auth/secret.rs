//! Octets that must not be seen: a password, a shared secret.
//!
//! Wiped when dropped and never printed. Where it is stored and what it opens is not known here.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A password or another shared secret.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the octets over; the buffer that is given is the one that will be wiped.
    pub fn new(octets: Vec<u8>) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// The octets, for whoever has to compute with them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether these are the same octets, in a time that does not tell where they differ.
    ///
    /// The two are hashed first, so that a common beginning does not show either.
    pub fn matches(&self, claim: &[u8]) -> bool {
        Sha256::digest(self.expose())
            .ct_eq(&Sha256::digest(claim))
            .into()
    }
}

impl From<&[u8]> for Secret {
    fn from(octets: &[u8]) -> Self {
        Self::new(octets.to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::from(b"tanstaaf".as_slice());
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(format!("{:?}", Some(&secret)), "Some(Secret(..))");
    }

    #[test]
    fn only_the_same_octets_match() {
        let secret = Secret::from(b" pass word ".as_slice());
        assert!(secret.matches(b" pass word "));
        for wrong in [
            b"".as_slice(),
            b"pass word",
            b" pass word",
            b" pass word \0",
            b" PASS word ",
        ] {
            assert!(!secret.matches(wrong), "{wrong:?}");
        }
    }
}
