//! What an operator should know of a certificate that is used all the same.

use std::{fmt, path::PathBuf};

use super::certificate::date;

/// Something is odd with a certificate that is in use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Warning {
    /// It is no longer valid.
    Expired {
        /// The certificate's file.
        certificate: PathBuf,
        /// Since when, in seconds since 1970-01-01 UTC.
        since: u64,
    },
    /// It names no host, so that clients which know the server by name do not accept it.
    Nameless {
        /// The certificate's file.
        certificate: PathBuf,
    },
    /// It is not valid yet.
    NotYetValid {
        /// The certificate's file.
        certificate: PathBuf,
        /// From when on it is, in seconds since 1970-01-01 UTC.
        until: u64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { certificate, since } => {
                write!(
                    f,
                    "certificate {}: expired on {}",
                    certificate.display(),
                    date(*since)
                )
            }
            Self::Nameless { certificate } => write!(
                f,
                "certificate {}: names no host, so clients that know the server by name refuse it",
                certificate.display()
            ),
            Self::NotYetValid { certificate, until } => {
                write!(
                    f,
                    "certificate {}: not valid until {}",
                    certificate.display(),
                    date(*until)
                )
            }
        }
    }
}
