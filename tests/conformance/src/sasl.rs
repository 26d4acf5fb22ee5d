//! The client's side of SASL mechanisms and of APOP.
//!
//! Sends nothing: it makes the strings that go over the wire.

use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use sha2::Sha256;

use crate::stop::Stop;

/// The one message of PLAIN (RFC 4616), in base64.
pub(crate) fn plain(authorize: &str, user: &str, password: &str) -> String {
    base64(format!("{authorize}\0{user}\0{password}").as_bytes())
}

/// The response of CRAM-MD5 (RFC 2195) to a challenge, both in base64.
pub(crate) fn cram_md5(challenge: &[u8], user: &str, password: &str) -> Result<String, Stop> {
    let challenge = decoded(challenge)?;
    let mut mac = Hmac::<Md5>::new_from_slice(password.as_bytes())
        .or_else(|_| Stop::skipped("the password is no key for CRAM-MD5"))?;
    mac.update(&challenge);
    let digest = hex(&mac.finalize().into_bytes());
    Ok(base64(format!("{user} {digest}").as_bytes()))
}

/// An exchange of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding.
pub(crate) struct Scram {
    bare: String,
}

/// A nonce need not be secret to the server, nor new: nothing is protected by it here.
const NONCE: &str = "conformance0123456789";

impl Scram {
    pub(crate) fn new(user: &str) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Self {
            bare: format!("n={user},r={NONCE}"),
        }
    }

    /// The client's first message, in base64.
    pub(crate) fn first(&self) -> String {
        base64(format!("n,,{}", self.bare).as_bytes())
    }

    /// The client's last message in base64, and what the server has to send then, as it is.
    pub(crate) fn last(&self, challenge: &[u8], password: &str) -> Result<(String, String), Stop> {
        let server = String::from_utf8_lossy(&decoded(challenge)?).into_owned();
        let part = |name: &str| server.split(',').find_map(|part| part.strip_prefix(name));
        let (Some(nonce), Some(salt), Some(rounds)) = (part("r="), part("s="), part("i=")) else {
            return Stop::wrong(format!(
                "a challenge must have r, s and i; it was `{server}`"
            ));
        };
        let Some(rounds) = rounds
            .parse()
            .ok()
            .filter(|rounds| (1..=MAX_ROUNDS).contains(rounds))
        else {
            return Stop::wrong(format!(
                "a challenge must have a count of rounds, not `{rounds}`"
            ));
        };
        let salted = salted(password, &decoded(salt.as_bytes())?, rounds);
        let last = format!("c=biws,r={nonce}");
        let signed = format!("{},{server},{last}", self.bare);
        let client_key = hmac_sha256(&salted, b"Client Key");
        let signature = hmac_sha256(&Sha256::digest(client_key), signed.as_bytes());
        let proof: Vec<u8> = client_key
            .iter()
            .zip(signature)
            .map(|(a, b)| a ^ b)
            .collect();
        let server_key = hmac_sha256(&salted, b"Server Key");
        let expected = format!("v={}", base64(&hmac_sha256(&server_key, signed.as_bytes())));
        Ok((
            base64(format!("{last},p={}", base64(&proof)).as_bytes()),
            expected,
        ))
    }
}

/// A hostile server could ask for years of hashing.
const MAX_ROUNDS: u32 = 1_000_000;

/// PBKDF2 with one block, as SCRAM has it.
fn salted(password: &str, salt: &[u8], rounds: u32) -> [u8; 32] {
    let mut block = hmac_sha256(password.as_bytes(), &[salt, &[0, 0, 0, 1]].concat());
    let mut sum = block;
    for _ in 1..rounds {
        block = hmac_sha256(password.as_bytes(), &block);
        sum.iter_mut()
            .zip(block)
            .for_each(|(sum, octet)| *sum ^= octet);
    }
    sum
}

fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length is taken");
    mac.update(data);
    mac.finalize().into_bytes().into()
}

/// The digest of APOP (RFC 1939 §7).
pub(crate) fn apop(challenge: &str, password: &str) -> String {
    hex(&Md5::digest(format!("{challenge}{password}")))
}

/// Octets in base64.
pub(crate) fn base64(octets: &[u8]) -> String {
    Base64::encode_string(octets)
}

/// What a server sent in base64, which has to be base64.
pub(crate) fn decoded(text: &[u8]) -> Result<Vec<u8>, Stop> {
    let text = String::from_utf8_lossy(text);
    Base64::decode_vec(&text)
        .or_else(|_| Stop::wrong(format!("a challenge must be base64; it was `{text}`")))
}

/// Octets in lower-case hexadecimal digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_documents_come_out() {
        // RFC 1939 §7 (APOP).
        let challenge = "<1896.697170952@dbc.mtview.ca.us>";
        assert_eq!(
            apop(challenge, "tanstaaf"),
            "c4c9334bac560ecc979e58001b3e22fb"
        );
        // RFC 2195 §2.
        let challenge = base64(b"<1896.697170952@postoffice.reston.mci.net>");
        let response = cram_md5(challenge.as_bytes(), "tim", "tanstaaftanstaaf").unwrap();
        assert_eq!(response, "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw");
        // RFC 4616 §4.
        assert_eq!(
            plain("", "tim", "tanstaaftanstaaf"),
            base64(b"\0tim\0tanstaaftanstaaf")
        );
    }

    #[test]
    fn the_example_of_scram_comes_out() {
        // RFC 7677 §3, whose client has another nonce.
        let scram = Scram {
            bare: "n=user,r=rOprNGfwEbeRWgbNEkqO".to_owned(),
        };
        let challenge = base64(
            b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        );
        let (last, signature) = scram.last(challenge.as_bytes(), "pencil").unwrap();
        let last = String::from_utf8(decoded(last.as_bytes()).unwrap()).unwrap();
        assert!(
            last.ends_with(",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
            "{last}"
        );
        assert_eq!(signature, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn a_challenge_that_is_no_base64_is_the_servers_fault() {
        assert!(matches!(
            cram_md5(b"<no>", "tim", "secret"),
            Err(Stop::Wrong(_))
        ));
    }
}
