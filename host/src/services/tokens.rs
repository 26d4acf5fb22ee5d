//! Who checks bearer tokens, as `[oauth]` says.
//!
//! Opens the files that it names and asks nobody yet.

use std::{fs, io, path::PathBuf, sync::Arc};

use crate::{
    auth::{
        oauth::{
            TokenCheck,
            fetch::{Authorization, Fetch},
            http::{self, HttpClient},
            introspection,
            jwks::{self, KeySource},
            jwt::JwtCheck,
        },
        secret::Secret,
    },
    config::{Client, Http, Introspection, Keys, Oauth},
};

/// Why tokens cannot be checked. The operator is to blame, or the machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The authorities of the issuer's server can not be used.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// The issuer's keys can not be read.
    #[error(transparent)]
    Keys(#[from] jwks::Error),
    /// The system has no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// The secret of this server can not be read.
    #[error("client secret {}: {source}", path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Opens what the section names. Blocks.
///
/// # Errors
///
/// See [`Error`].
pub fn open(oauth: &Oauth) -> Result<Arc<dyn TokenCheck>, Error> {
    Ok(match oauth {
        Oauth::Jwt { keys, claims } => {
            let keys = match keys {
                Keys::File(path) => KeySource::file(path)?,
                Keys::Url {
                    url,
                    remember,
                    http,
                } => KeySource::url(url, *remember, client(http)?),
            };
            Arc::new(JwtCheck::new(keys, claims.clone()))
        }
        Oauth::Introspection(asked) => {
            let options = options(asked)?;
            let fetch = client(&asked.http)?;
            Arc::new(introspection::Introspection::new(options, fetch)?)
        }
    })
}

fn options(asked: &Introspection) -> Result<introspection::Options, Error> {
    let authorization = match &asked.client {
        Some(Client { id, secret_file }) => Authorization::client(id, &secret(secret_file)?),
        None => Authorization::None,
    };
    let mut options = introspection::Options::new(&asked.url, authorization);
    options.issuer.clone_from(&asked.issuer);
    options.audience.clone_from(&asked.audience);
    options.user.clone_from(&asked.user_claim);
    options.remember = asked.remember;
    Ok(options)
}

fn client(http: &Http) -> Result<Arc<dyn Fetch>, Error> {
    Ok(Arc::new(match &http.authorities {
        Some(path) => HttpClient::with_authorities(path, http.timeout)?,
        None => HttpClient::new(http.timeout),
    }))
}

/// What a file holds, without the line end behind it.
fn secret(path: &PathBuf) -> Result<Secret, Error> {
    let failed = |source| Error::Secret {
        path: path.clone(),
        source,
    };
    let mut octets = fs::read(path).map_err(failed)?;
    octets.truncate(octets.trim_ascii_end().len());
    if octets.is_empty() {
        return Err(failed(io::Error::new(
            io::ErrorKind::InvalidData,
            "the file is empty",
        )));
    }
    Ok(Secret::new(octets))
}
