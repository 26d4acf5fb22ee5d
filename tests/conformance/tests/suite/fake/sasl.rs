//! The fake server's side of SASL: what is checked, and how wrong that can be done.
//!
//! Reads and writes no lines.

use base64ct::{Base64, Base64Unpadded, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::{Fault, PASSWORD, USER, World};

pub(super) const SALT: &[u8] = b"salt of the fake";
pub(super) const NONCE: &str = "of-the-server";

impl World {
    /// Base64, as strictly as the fault lets it be.
    pub(super) fn decode(&self, text: &str) -> Option<Vec<u8>> {
        if !self.has(Fault::LaxBase64) {
            return Base64::decode_vec(text).ok();
        }
        let is_digit = |c: &char| c.is_ascii_alphanumeric() || "+/".contains(*c);
        let digits: String = text.chars().filter(is_digit).collect();
        (0..4).find_map(|cut| {
            Base64Unpadded::decode_vec(digits.get(..digits.len().checked_sub(cut)?)?).ok()
        })
    }

    /// Whether a message of PLAIN logs the account in.
    pub(super) fn plain(&self, text: &str) -> bool {
        let is_right = |text: &str| {
            self.decode(text)
                .is_some_and(|octets| self.is_right(&octets))
        };
        let swapped = |c: char| match c.is_ascii_lowercase() {
            true => c.to_ascii_uppercase(),
            false => c.to_ascii_lowercase(),
        };
        let ignores_case = self.has(Fault::Base64IgnoresCase);
        is_right(text) || ignores_case && is_right(&text.chars().map(swapped).collect::<String>())
    }

    fn is_right(&self, octets: &[u8]) -> bool {
        let parts: Vec<&[u8]> = octets.split(|&octet| octet == 0).collect();
        let [identity, user, password] = parts[..] else {
            return false;
        };
        let may_act = identity.is_empty() || identity == user;
        (may_act || self.has(Fault::AuthorizationIgnored))
            && user == USER.as_bytes()
            && password == PASSWORD.as_bytes()
    }

    /// Whether a response of CRAM-MD5 logs the account in.
    pub(super) fn cram_md5(&self, text: &str, challenge: &str) -> bool {
        let mut mac = Hmac::<Md5>::new_from_slice(PASSWORD.as_bytes()).expect("a key");
        mac.update(challenge.as_bytes());
        let expected = format!("{USER} {}", hex(&mac.finalize().into_bytes()));
        self.decode(text).as_deref() == Some(expected.as_bytes())
    }
}

/// The server's first message of SCRAM-SHA-256 to the client's first one, both decoded.
pub(super) fn scram_challenge(first: &str) -> Option<String> {
    let nonce = first.split(',').find_map(|part| part.strip_prefix("r="))?;
    Some(format!(
        "r={nonce}{NONCE},s={},i=2",
        Base64::encode_string(SALT)
    ))
}

/// The server's last message to the client's last one, if the proof in it is right.
pub(super) fn scram_signature(first: &str, challenge: &str, last: &str) -> Option<String> {
    let (without_proof, proof) = last.split_once(",p=")?;
    let signed = format!("{},{challenge},{without_proof}", first.strip_prefix("n,,")?);
    let once = mac(PASSWORD.as_bytes(), &[SALT, &[0, 0, 0, 1]].concat());
    let twice = mac(PASSWORD.as_bytes(), &once);
    let salted: Vec<u8> = once.iter().zip(&twice).map(|(a, b)| a ^ b).collect();
    let signature = mac(
        &Sha256::digest(mac(&salted, b"Client Key")),
        signed.as_bytes(),
    );
    let client_key = mac(&salted, b"Client Key");
    let expected: Vec<u8> = client_key
        .iter()
        .zip(&signature)
        .map(|(a, b)| a ^ b)
        .collect();
    if Base64::decode_vec(proof).ok()? != expected {
        return None;
    }
    let server = mac(&mac(&salted, b"Server Key"), signed.as_bytes());
    Some(format!("v={}", Base64::encode_string(&server)))
}

pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn mac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}
