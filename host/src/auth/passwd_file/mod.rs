//! Users from a passwd-file in Dovecot's format, read again when it changes.
//!
//! Never written to. What a line means is in `directory`, what a password means in `scheme`.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing::warn;

use super::{
    Auth, Credential, Denial, Everybody, Known, Need,
    directory::{Directory, Problem},
    hasher::Hasher,
    policy::{Extremes, Policy},
    watched::{Unreadable, Watched, read_all},
};
use crate::{account::Account, capability::Answer};

/// More broken lines than this are counted and not listed in the log.
const MAX_LISTED: usize = 100;

/// The file could not be read. The operator's to mend.
#[derive(Debug, thiserror::Error)]
#[error("passwd-file {}: {source}", path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

/// The users of one file.
pub struct PasswdFile {
    watched: Arc<Watched<Directory>>,
    hasher: Arc<Hasher>,
}

impl PasswdFile {
    /// Reads the file. Blocks, so it is for the start of the host. Broken lines are logged and make
    /// their own users fail; [`problems`] lists them.
    ///
    /// A change is noticed within about a second of the next login.
    ///
    /// # Errors
    ///
    /// If the file cannot be read. If that happens later on, logins fail as [`Denial::Temporary`]
    /// until it can be read again.
    pub fn open(path: impl Into<PathBuf>, hasher: impl Into<Arc<Hasher>>) -> Result<Self, Error> {
        let path = path.into();
        let watched =
            Watched::open(path.clone(), parse).map_err(|source| Error { path, source })?;
        Ok(Self {
            watched: Arc::new(watched),
            hasher: hasher.into(),
        })
    }

    async fn directory(&self) -> Result<Arc<Directory>, Denial> {
        Ok(self.watched.current().await?)
    }
}

/// The broken lines of a file. Blocks; for a check of the configuration.
///
/// # Errors
///
/// If the file cannot be read.
pub fn problems(path: &Path) -> Result<Vec<Problem>, Error> {
    let text = read_all(path).map_err(|source| Error {
        path: path.to_owned(),
        source,
    })?;
    Ok(Directory::parse(&text).1)
}

/// Reads the lines of a file, and logs those that are broken.
fn parse(path: &Path, text: &[u8]) -> io::Result<Directory> {
    let (directory, problems) = Directory::parse(text);
    let file = path.display();
    for Problem { line, user, reason } in problems.iter().take(MAX_LISTED) {
        warn!(%file, line, ?user, %reason, "passwd-file has a broken line");
    }
    if problems.len() > MAX_LISTED {
        warn!(%file, lines = problems.len(), "passwd-file has more broken lines than are listed");
    }
    Ok(directory)
}

impl From<Unreadable> for Denial {
    fn from(_: Unreadable) -> Self {
        Self::Temporary
    }
}

impl Auth for PasswdFile {
    fn password<'a>(
        &'a self,
        user: &'a [u8],
        password: &'a [u8],
    ) -> Answer<'a, Result<Account, Denial>> {
        Box::pin(async move {
            self.directory()
                .await?
                .password(&self.hasher, user, password)
                .await
        })
    }

    fn credential<'a>(&'a self, user: &'a [u8], need: Need) -> Answer<'a, Result<Known, Denial>> {
        Box::pin(async move {
            let directory = self.directory().await?;
            directory.credential(&self.hasher, user, need)
        })
    }

    fn decoy(&self, user: &[u8], need: Need) -> Option<Credential> {
        let directory = self.watched.last().ok()?;
        directory.decoy(&self.hasher, user, need)
    }

    fn account<'a>(&'a self, user: &'a [u8]) -> Answer<'a, Result<Account, Denial>> {
        Box::pin(async move { self.directory().await?.account(user) })
    }

    fn policy<'a>(&'a self, user: &'a [u8]) -> Answer<'a, Result<Policy, Denial>> {
        Box::pin(async move { Ok(self.directory().await?.policy(user)) })
    }

    fn extremes(&self) -> Extremes {
        let directory = self.watched.last();
        directory.map_or_else(|_| Extremes::default(), |directory| directory.extremes())
    }

    fn everybody(&self) -> Option<Everybody<'_>> {
        Some(Box::pin(
            async move { Ok(self.directory().await?.everybody()) },
        ))
    }

    fn keeps(&self, need: Need) -> bool {
        self.watched
            .last()
            .is_ok_and(|directory| directory.keeps(need))
    }
}

impl fmt::Debug for PasswdFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("PasswdFile")
            .field(&self.watched.path())
            .finish()
    }
}

#[cfg(test)]
mod tests;
