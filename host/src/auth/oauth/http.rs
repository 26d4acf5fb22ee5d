//! An HTTP client that blocks, on a few threads: `Fetch` over `ureq` and rustls.
//!
//! The only file that names either. Follows no redirection, reads no proxy from the environment, and
//! speaks without TLS to this machine alone.

use std::{
    fmt, fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use base64ct::{Base64, Encoding};
use tokio::{sync::Semaphore, task};
use ureq::{
    Agent, Body, Error as UreqError,
    http::{Response, Uri, header::AUTHORIZATION},
    tls::{PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem},
};
use zeroize::Zeroizing;

use super::fetch::{Authorization, Fetch, FetchError, MAX_BODY_OCTETS, escape};
use crate::{auth::secret::Secret, capability::Answer};

/// Requests that are under way at the same time, each on a thread; further ones wait for their turn.
const MAX_REQUESTS: usize = 8;

/// The authorities cannot be used. The operator's to mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("authorities {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file holds no certificate, or something that only looks like one.
    #[error("authorities {}: no certificates in PEM", path.display())]
    NoCertificates {
        /// The file.
        path: PathBuf,
    },
}

/// A client for HTTPS.
pub struct HttpClient {
    agent: Agent,
    permits: Semaphore,
}

impl HttpClient {
    /// A client that trusts Mozilla's authorities, and gives up a request after `timeout`.
    pub fn new(timeout: Duration) -> Self {
        Self::trusting(RootCerts::WebPki, timeout)
    }

    /// A client that trusts the authorities in this file (PEM) and no others. Blocks.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn with_authorities(path: &Path, timeout: Duration) -> Result<Self, Error> {
        let pem = fs::read(path).map_err(|source| Error::File {
            path: path.to_owned(),
            source,
        })?;
        let certificates: Result<Vec<_>, _> = parse_pem(&pem)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            })
            .collect();
        match certificates {
            Ok(certificates) if !certificates.is_empty() => {
                Ok(Self::trusting(certificates.into(), timeout))
            }
            Ok(_) | Err(_) => Err(Error::NoCertificates {
                path: path.to_owned(),
            }),
        }
    }

    fn trusting(roots: RootCerts, timeout: Duration) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(timeout))
            .max_redirects(0)
            .proxy(None)
            .max_response_header_size(MAX_BODY_OCTETS)
            .user_agent("popcell")
            .build();
        Self {
            agent: config.new_agent(),
            permits: Semaphore::new(MAX_REQUESTS),
        }
    }

    async fn run(&self, request: Request) -> Result<Vec<u8>, FetchError> {
        let gone = |cause: &dyn fmt::Display| FetchError::Unreachable(cause.to_string());
        let _permit = self.permits.acquire().await.map_err(|cause| gone(&cause))?;
        let agent = self.agent.clone();
        let answer = task::spawn_blocking(move || request.run(&agent)).await;
        answer.map_err(|cause| gone(&cause))?
    }
}

impl Fetch for HttpClient {
    fn get<'a>(&'a self, url: &'a str) -> Answer<'a, Result<Vec<u8>, FetchError>> {
        Box::pin(self.run(Request {
            url: url.to_owned(),
            authorization: None,
            form: None,
        }))
    }

    fn post<'a>(
        &'a self,
        url: &'a str,
        authorization: &'a Authorization,
        form: &'a [(&'a str, &'a Secret)],
    ) -> Answer<'a, Result<Vec<u8>, FetchError>> {
        Box::pin(async move {
            let request = Request {
                url: url.to_owned(),
                authorization: header(authorization),
                form: Some(encode(form)),
            };
            self.run(request).await
        })
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HttpClient(..)")
    }
}

struct Request {
    url: String,
    authorization: Option<Zeroizing<String>>,
    form: Option<Zeroizing<String>>,
}

impl Request {
    fn run(self, agent: &Agent) -> Result<Vec<u8>, FetchError> {
        let is_local = self.url.parse().is_ok_and(|uri| is_local(&uri));
        let response = match self.form {
            None => agent
                .get(&self.url)
                .config()
                .https_only(!is_local)
                .build()
                .call(),
            Some(form) => {
                let mut request = agent.post(&self.url);
                if let Some(authorization) = &self.authorization {
                    request = request.header(AUTHORIZATION, authorization.as_str());
                }
                request
                    .content_type("application/x-www-form-urlencoded")
                    .config()
                    .https_only(!is_local)
                    .build()
                    .send(form.as_str())
            }
        };
        body(response?)
    }
}

fn body(mut response: Response<Body>) -> Result<Vec<u8>, FetchError> {
    let status = response.status();
    if !status.is_success() {
        return Err(FetchError::Status(status.as_u16()));
    }
    let limit = u64::try_from(MAX_BODY_OCTETS).unwrap_or(u64::MAX);
    Ok(response
        .body_mut()
        .with_config()
        .limit(limit)
        .read_to_vec()?)
}

/// Whether an [`HttpClient`] speaks to this URL: over TLS, or without it to this machine alone. One
/// with a user and a password in it is refused, because URLs are logged.
pub fn is_spoken_to(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else {
        return false;
    };
    let has_user = uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'));
    let is_safe = match uri.scheme_str() {
        Some("https") => uri.host().is_some_and(|host| !host.is_empty()),
        Some("http") => is_local(&uri),
        Some(_) | None => false,
    };
    is_safe && !has_user
}

/// Whether nobody can listen on the way there.
fn is_local(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    address.is_ok_and(|address| address.is_loopback())
}

fn header(authorization: &Authorization) -> Option<Zeroizing<String>> {
    let text = |secret: &Secret| String::from_utf8_lossy(secret.expose()).into_owned();
    let header = match authorization {
        Authorization::None => return None,
        Authorization::Basic { user, secret } => {
            let pair = Zeroizing::new([user.as_bytes(), b":", secret.expose()].concat());
            format!("Basic {}", Base64::encode_string(&pair))
        }
        Authorization::Bearer(secret) => format!("Bearer {}", text(secret)),
    };
    Some(Zeroizing::new(header))
}

fn encode(form: &[(&str, &Secret)]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    for (key, value) in form {
        let separator = if text.is_empty() { "" } else { "&" };
        for piece in [separator, key, "=", &escape(value.expose())] {
            text.push_str(piece);
        }
    }
    text
}

impl From<UreqError> for FetchError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is open")]
    fn from(error: UreqError) -> Self {
        match error {
            UreqError::StatusCode(status) => Self::Status(status),
            UreqError::BodyExceedsLimit(_) => Self::TooLong,
            error => Self::Unreachable(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
