//! What is asked of an HTTP client: one document by GET, or one answer to a form by POST.
//!
//! Makes no connection; `http` does, and so may an embedder's own client.

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
