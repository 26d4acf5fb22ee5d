//! HMAC-MD5 (RFC 2104) from a secret or from what `{CRAM-MD5}` stores of one.
//!
//! Good for CRAM-MD5 (RFC 2195) and for nothing else: the stored form is worth as much as the
//! password to whoever speaks CRAM-MD5.

use std::fmt;

use md5::{
    Digest, Md5,
    digest::common::hazmat::{SerializableState, SerializedState},
};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// Octets of an MD5 digest and of its chaining state.
const STATE_OCTETS: usize = 16;
const BLOCK_OCTETS: usize = 64;

/// HMAC-MD5 under one secret: the two MD5 states behind the padded key.
#[derive(Clone)]
pub struct HmacMd5 {
    outer: [u8; STATE_OCTETS],
    inner: [u8; STATE_OCTETS],
}

impl HmacMd5 {
    /// HMAC-MD5 under this secret.
    pub fn new(secret: &[u8]) -> Self {
        let mut key = Zeroizing::new([0; BLOCK_OCTETS]);
        if secret.len() > BLOCK_OCTETS {
            key[..STATE_OCTETS].copy_from_slice(&Md5::digest(secret));
        } else {
            key[..secret.len()].copy_from_slice(secret);
        }
        Self {
            outer: state_after(&key, 0x5c),
            inner: state_after(&key, 0x36),
        }
    }

    /// HMAC-MD5 from 32 stored octets: the outer state, then the inner one.
    pub fn from_stored(octets: &[u8; 2 * STATE_OCTETS]) -> Self {
        let mut mac = Self {
            outer: [0; STATE_OCTETS],
            inner: [0; STATE_OCTETS],
        };
        mac.outer.copy_from_slice(&octets[..STATE_OCTETS]);
        mac.inner.copy_from_slice(&octets[STATE_OCTETS..]);
        mac
    }

    /// The 32 octets to store.
    pub fn to_stored(&self) -> Zeroizing<[u8; 2 * STATE_OCTETS]> {
        let mut octets = Zeroizing::new([0; 2 * STATE_OCTETS]);
        octets[..STATE_OCTETS].copy_from_slice(&self.outer);
        octets[STATE_OCTETS..].copy_from_slice(&self.inner);
        octets
    }

    /// The authentication code of `message`.
    pub fn code(&self, message: &[u8]) -> [u8; STATE_OCTETS] {
        let inner = resume(&self.inner).chain_update(message).finalize();
        resume(&self.outer).chain_update(inner).finalize().into()
    }

    /// Whether the other one is under the same secret, in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        (self.outer.ct_eq(&other.outer) & self.inner.ct_eq(&other.inner)).into()
    }
}

impl Drop for HmacMd5 {
    fn drop(&mut self) {
        self.outer.zeroize();
        self.inner.zeroize();
    }
}

impl fmt::Debug for HmacMd5 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HmacMd5(..)")
    }
}

/// The chaining state of MD5 after the key, padded with `pad`.
fn state_after(key: &[u8; BLOCK_OCTETS], pad: u8) -> [u8; STATE_OCTETS] {
    let block = Zeroizing::new(key.map(|octet| octet ^ pad));
    let serialized = Md5::new().chain_update(block.as_slice()).serialize();
    let mut state = [0; STATE_OCTETS];
    state.copy_from_slice(&serialized[..STATE_OCTETS]);
    state
}

/// MD5 as it stands when one block has led to `state`.
fn resume(state: &[u8; STATE_OCTETS]) -> Md5 {
    // md-5 serialises the four words, the number of blocks (8 octets, little-endian), then the
    // buffer, which is empty after a whole block.
    let mut serialized = SerializedState::<Md5>::default();
    serialized[..STATE_OCTETS].copy_from_slice(state);
    serialized[STATE_OCTETS] = 1;
    Md5::deserialize(&serialized).expect("an empty buffer is valid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::hex;

    #[test]
    fn codes_are_those_of_rfc_2202() {
        let code = HmacMd5::new(b"Jefe").code(b"what do ya want for nothing?");
        assert_eq!(hex::encode(&code), "750c783e6ab0b503eaa86e310a5db738");
        let long = HmacMd5::new(&[0xaa; 80])
            .code(b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex::encode(&long), "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
    }

    #[test]
    fn the_code_is_that_of_rfc_2195() {
        let mac = HmacMd5::new(b"tanstaaftanstaaf");
        let code = mac.code(b"<1896.697170952@postoffice.reston.mci.net>");
        assert_eq!(hex::encode(&code), "b913a602c7eda7a495b4e6e7334d3890");
    }

    #[test]
    fn the_stored_form_gives_the_same_codes() {
        for length in [0, 1, 55, 63, 64, 65, 200] {
            let mac = HmacMd5::new(&vec![b'x'; length]);
            let stored = HmacMd5::from_stored(&mac.to_stored());
            assert!(stored.matches(&mac), "{length}");
            assert_eq!(
                stored.code(b"challenge"),
                mac.code(b"challenge"),
                "{length}"
            );
        }
        assert!(!HmacMd5::new(b"a").matches(&HmacMd5::new(b"b")));
    }
}
