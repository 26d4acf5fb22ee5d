//! What is asked of an HTTP client: one document by GET, or one answer to a form by POST.
//!
//! Makes no connection; `http` does, and so may an embedder's own client.

use std::fmt;

use zeroize::Zeroizing;

use crate::{auth::secret::Secret, capability::Answer};

/// Most octets of an answer that are read.
pub const MAX_BODY_OCTETS: usize = 256 * 1024;

/// Why there is no answer. Nothing secret is in it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No connection, no answer in time, or one that broke off; later may help.
    #[error("{0}")]
    Unreachable(String),
    /// The server answers, but not with what was asked for.
    #[error("status {0}")]
    Status(u16),
    /// The answer is longer than [`MAX_BODY_OCTETS`].
    #[error("answer longer than {MAX_BODY_OCTETS} octets")]
    TooLong,
}

/// How this server says who it is.
#[derive(Clone, Debug)]
pub enum Authorization {
    /// Not at all.
    None,
    /// With a name and a secret (RFC 7617). Neither may hold what a header cannot.
    Basic {
        /// The name.
        user: String,
        /// The secret.
        secret: Secret,
    },
    /// With a token of its own (RFC 6750).
    Bearer(Secret),
}

impl Authorization {
    /// A client of the issuer with its secret, encoded as RFC 6749 §2.3.1 has it: then they may
    /// hold anything, and most of them stay as they are.
    pub fn client(id: &str, secret: &Secret) -> Self {
        Self::Basic {
            user: escape(id.as_bytes()).to_string(),
            secret: Secret::from(escape(secret.expose()).as_bytes()),
        }
    }
}

/// Everything but letters, digits and `-._` as `%XX`.
pub(super) fn escape(octets: &[u8]) -> Zeroizing<String> {
    use fmt::Write;
    let mut text = Zeroizing::new(String::with_capacity(octets.len() * 3));
    for octet in octets {
        if octet.is_ascii_alphanumeric() || b"-._".contains(octet) {
            text.push(char::from(*octet));
        } else {
            write!(text, "%{octet:02X}").expect("a String takes whatever is written to it");
        }
    }
    text
}

/// A client for HTTP. Every answer has an end: it takes a bounded time, and no more than
/// [`MAX_BODY_OCTETS`].
pub trait Fetch: Send + Sync {
    /// The body at this URL.
    ///
    /// # Errors
    ///
    /// See [`FetchError`].
    fn get<'a>(&'a self, url: &'a str) -> Answer<'a, Result<Vec<u8>, FetchError>>;

    /// The answer to a form (`application/x-www-form-urlencoded`), which is sent to this URL.
    ///
    /// # Errors
    ///
    /// See [`FetchError`].
    fn post<'a>(
        &'a self,
        url: &'a str,
        authorization: &'a Authorization,
        form: &'a [(&'a str, &'a Secret)],
    ) -> Answer<'a, Result<Vec<u8>, FetchError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_secrets_of_clients_are_encoded_where_they_have_to_be() {
        for (given, expected) in [
            ("mail-server_1.example", "mail-server_1.example"),
            ("a:b", "a%3Ab"),
            ("p%q+r/s=", "p%25q%2Br%2Fs%3D"),
            ("\u{e4}\r\n", "%C3%A4%0D%0A"),
        ] {
            let secret = Secret::from(given.as_bytes());
            let Authorization::Basic { user, secret } = Authorization::client(given, &secret)
            else {
                panic!("not by name and secret")
            };
            assert_eq!(
                (user.as_str(), secret.expose()),
                (expected, expected.as_bytes())
            );
        }
    }
}
