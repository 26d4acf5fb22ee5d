//! Why a command failed, and the exit code that says so.
//!
//! Prints nothing.

use std::{error::Error, io, path::PathBuf};

use super::password;
use crate::{
    config::Problems,
    control::{self, client},
};

/// The arguments are wrong (EX_USAGE is 64, but 2 is what shells and clap say).
pub(super) const USAGE: u8 = 2;

/// Something failed while the program ran.
const RUNTIME: u8 = 1;

/// EX_UNAVAILABLE of sysexits(3).
const UNAVAILABLE: u8 = 69;

/// EX_NOPERM of sysexits(3).
const PERMISSION: u8 = 77;

/// EX_CONFIG of sysexits(3).
const CONFIGURATION: u8 = 78;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The configuration file is wrong.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// Files that a configuration names are wrong: a line each.
    #[error("{0}")]
    Configuration(String),
    /// The system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was asked for, such as `listen on 127.0.0.1:110`.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// The arguments do not go together.
    #[error("{0}")]
    Usage(String),
    /// No password was given.
    #[error(transparent)]
    Password(#[from] password::Error),
    /// The control socket can not be had.
    #[error(transparent)]
    Control(#[from] control::Error),
    /// A running server does not answer, or says no.
    #[error("{}: {source}", socket.display())]
    Asked {
        /// The socket.
        socket: PathBuf,
        /// Why there is no answer.
        source: client::Error,
    },
    /// A second signal came before the last session was over.
    #[error("stopped at once")]
    Interrupted,
    /// Something failed while the server ran.
    #[error(transparent)]
    Runtime(Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// The system refused `what`.
    pub fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source,
        }
    }

    /// The exit code: 1, 2, 69, 77 or 78.
    pub fn code(&self) -> u8 {
        match self {
            Self::Problems(problems) if problems.is_permission_denied() => PERMISSION,
            Self::Problems(_) | Self::Configuration(_) => CONFIGURATION,
            Self::Io { source, .. } => code_of(source),
            Self::Usage(_) => USAGE,
            Self::Password(password::Error::Io { source, .. }) => code_of(source),
            Self::Control(control::Error::InUse { .. }) => UNAVAILABLE,
            Self::Control(control::Error::Io { source, .. }) => code_of(source),
            Self::Asked {
                source: client::Error::NoServer(source),
                ..
            } => match code_of(source) {
                PERMISSION => PERMISSION,
                _ => UNAVAILABLE,
            },
            Self::Control(_) | Self::Asked { .. } => RUNTIME,
            Self::Password(_) | Self::Interrupted | Self::Runtime(_) => RUNTIME,
        }
    }

    /// The failure with all its causes, for the standard error output. Problems of a configuration
    /// begin with their place, so that editors find it; everything else begins with our name.
    pub(super) fn report(&self) -> String {
        match self {
            Self::Problems(problems) => problems.to_string(),
            Self::Configuration(lines) => lines.clone(),
            Self::Io { .. }
            | Self::Usage(_)
            | Self::Password(_)
            | Self::Control(_)
            | Self::Asked { .. }
            | Self::Interrupted
            | Self::Runtime(_) => format!("popcell: {self}{}", causes(self)),
        }
    }
}

fn code_of(error: &io::Error) -> u8 {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    let kind = error.kind();
    if kind == PermissionDenied {
        PERMISSION
    } else if [AddrInUse, AddrNotAvailable].contains(&kind) {
        UNAVAILABLE
    } else {
        RUNTIME
    }
}

/// The causes that the failure's own message does not repeat.
fn causes(failure: &Failure) -> String {
    let Failure::Runtime(error) = failure else {
        return String::new();
    };
    let mut causes = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_the_exit_code_that_scripts_look_for() {
        for (kind, code) in [
            (io::ErrorKind::AddrInUse, 69),
            (io::ErrorKind::AddrNotAvailable, 69),
            (io::ErrorKind::PermissionDenied, 77),
            (io::ErrorKind::NotFound, 1),
        ] {
            assert_eq!(Failure::io("x", kind.into()).code(), code, "{kind}");
        }
        assert_eq!(Failure::Usage(String::new()).code(), 2);
        assert_eq!(Failure::Configuration(String::new()).code(), 78);
        assert_eq!(Failure::Runtime("x".into()).code(), 1);
    }

    #[test]
    fn a_failure_is_reported_with_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("component x.wasm")]
        struct Outer(#[source] io::Error);
        let failure = Failure::Runtime(Box::new(Outer(io::Error::other("not a component"))));
        assert_eq!(
            failure.report(),
            "popcell: component x.wasm: not a component"
        );
        let failure = Failure::io("listen on 127.0.0.1:110", io::Error::other("taken"));
        assert_eq!(failure.report(), "popcell: listen on 127.0.0.1:110: taken");
    }
}
