//! Stored mail: the trait and its backends.
//!
//! A *mailbox* is the store behind a user; a *maildrop* is what one session sees of it, locked and
//! with its numbers fixed. Knows nothing of the sandbox, of credentials or of the protocol.

mod blocks;
pub mod letters;
pub mod maildir;
pub mod memory;
pub mod template;
mod wire;

use std::{future::ready, io, time::SystemTime};

use crate::{
    account::Account,
    capability::{Answer, Lease, Maildrop},
    snapshot,
};

/// What [`Mailbox::open`] comes to: the maildrop, locked.
pub type Opened<'a> = Answer<'a, Result<Box<dyn Maildrop>, OpenError>>;

/// Why a maildrop could not be opened. The cause is logged where it is found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OpenError {
    /// Another session holds the lock.
    InUse,
    /// The storage's fault; trying again later can help.
    Temporary,
    /// The storage's fault; an operator has to act.
    Permanent,
}

/// A store that gives unique ids which are none has to be mended.
impl From<snapshot::Error> for OpenError {
    fn from(_: snapshot::Error) -> Self {
        Self::Permanent
    }
}

/// What became of mail that had expired.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Expired {
    /// Messages that were removed.
    pub removed: u32,
    /// Messages that were to be removed and are still there.
    pub kept: u32,
}

/// A store of mail for many users.
pub trait Mailbox: Send + Sync {
    /// Locks the maildrop of `account` for `session` and takes its snapshot.
    ///
    /// `session` names the session in the lock and in the log. Dropping the answer releases the
    /// lock again.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]; no lock is held then.
    fn open<'a>(&'a self, account: &'a Account, session: &'a str) -> Opened<'a>;

    /// Takes over a maildrop that another process of this server had, in the name of `session`. It
    /// has the same numbers, sizes and unique ids. A store that gives none away takes none.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]; the lease is given up then.
    fn adopt<'a>(&'a self, _user: &'a str, _session: &'a str, _lease: Lease) -> Opened<'a> {
        Box::pin(ready(Err(OpenError::Permanent)))
    }

    /// Whether the store as a whole is there, for an operator who asks. It is unless the backend
    /// knows better.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn reach(&self) -> Answer<'_, io::Result<()>> {
        Box::pin(async { Ok(()) })
    }

    /// How many messages of `account` came in before this time, for certain. Changes nothing and
    /// takes no lock. A store that does not know when mail came in has none.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    fn expired<'a>(
        &'a self,
        _account: &'a Account,
        _before: SystemTime,
    ) -> Answer<'a, Result<u32, OpenError>> {
        Box::pin(ready(Ok(0)))
    }

    /// Removes the messages that [`expired`](Self::expired) counts, for good, under the lock of a
    /// session and as a commit does it. A message that is not certainly so old stays.
    ///
    /// Once polled it runs to its end, even if the answer is dropped.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]; nothing is removed then.
    fn expire<'a>(
        &'a self,
        _account: &'a Account,
        _before: SystemTime,
    ) -> Answer<'a, Result<Expired, OpenError>> {
        Box::pin(ready(Ok(Expired::default())))
    }
}
