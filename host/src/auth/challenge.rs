//! Challenges of APOP and CRAM-MD5, and the digest that answers APOP.
//!
//! Made here, kept by the host, printed by the component. Knows no users.

use std::time::{SystemTime, UNIX_EPOCH};

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use super::{hex, secret::Secret};

/// Most octets of a challenge: the contract's limit of `connection.challenge`.
pub const MAX_OCTETS: usize = 128;

const RANDOM_OCTETS: usize = 16;
/// Leaves room for the brackets, the random part, a time of 20 digits and what separates them.
const MAX_HOST_OCTETS: usize = MAX_OCTETS - 2 * RANDOM_OCTETS - 20 - 4;

/// A challenge of the form `<random.time@host>`, which no other greeting or exchange had before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Challenge(String);

impl Challenge {
    /// A new challenge. `host` is what this server calls itself; what a message id cannot hold of
    /// it is left out.
    ///
    /// # Errors
    ///
    /// If the system's random source fails. Nothing may be offered then that needs a challenge.
    pub fn generate(host: &str) -> Result<Self, getrandom::Error> {
        let mut random = [0; RANDOM_OCTETS];
        getrandom::fill(&mut random)?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Ok(Self::from_parts(random, now.as_secs(), host))
    }

    /// The challenge of a connection that another process of this server has greeted.
    pub(crate) fn of_another_process(text: String) -> Self {
        Self(text)
    }

    /// The challenge as it is sent, with its brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this digest of APOP was made with this secret, in a time that tells nothing.
    pub fn is_answered(&self, secret: &Secret, digest: &[u8]) -> bool {
        // RFC 1939 §7 (APOP): MD5 of the challenge, brackets included, followed by the secret, in
        // lower-case hexadecimal digits.
        let md5 = Md5::new()
            .chain_update(&self.0)
            .chain_update(secret.expose())
            .finalize();
        hex::encode(&md5).as_bytes().ct_eq(digest).into()
    }

    fn from_parts(random: [u8; RANDOM_OCTETS], seconds: u64, host: &str) -> Self {
        let is_allowed = |char: &char| char.is_ascii_alphanumeric() || ".-".contains(*char);
        let mut host: String = host
            .chars()
            .filter(is_allowed)
            .take(MAX_HOST_OCTETS)
            .collect();
        if host.is_empty() {
            host.push_str("localhost");
        }
        Self(format!("<{}.{seconds}@{host}>", hex::encode(&random)))
    }
}

#[cfg(test)]
impl From<&str> for Challenge {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_rfc_1939() {
        let challenge = Challenge::from("<1896.697170952@dbc.mtview.ca.us>");
        let secret = Secret::from(b"tanstaaf".as_slice());
        assert!(challenge.is_answered(&secret, b"c4c9334bac560ecc979e58001b3e22fb"));
        for wrong in [
            b"c4c9334bac560ecc979e58001b3e22fa".as_slice(),
            b"C4C9334BAC560ECC979E58001B3E22FB",
            b"c4c9334bac560ecc979e58001b3e22f",
            b"c4c9334bac560ecc979e58001b3e22fb ",
            b"",
        ] {
            assert!(!challenge.is_answered(&secret, wrong), "{wrong:?}");
        }
        let other = Secret::from(b"tanstaaf ".as_slice());
        assert!(!challenge.is_answered(&other, b"c4c9334bac560ecc979e58001b3e22fb"));
    }

    #[test]
    fn the_longest_challenge_keeps_the_limit() {
        let host = "x".repeat(300);
        let challenge = Challenge::from_parts([0xff; RANDOM_OCTETS], u64::MAX, &host);
        assert_eq!(challenge.as_str().len(), MAX_OCTETS);
    }

    #[test]
    fn a_challenge_is_a_message_id_whatever_the_host_is_called() {
        for (host, expected) in [
            ("mail.example.org", "mail.example.org"),
            ("a<b>@c d\r\n", "abcd"),
            ("\u{e9}", "localhost"),
            ("", "localhost"),
        ] {
            let challenge = Challenge::from_parts([0x0a; RANDOM_OCTETS], 7, host);
            let random = "0a".repeat(RANDOM_OCTETS);
            assert_eq!(challenge.as_str(), format!("<{random}.7@{expected}>"));
        }
    }

    #[test]
    fn no_two_challenges_are_the_same() {
        let one = Challenge::generate("example.org").expect("random octets");
        assert_ne!(
            one,
            Challenge::generate("example.org").expect("random octets")
        );
    }
}
