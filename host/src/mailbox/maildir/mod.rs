//! Mail in Maildirs, as Postfix, Exim, Dovecot and getmail write them.
//!
//! A message is one file and stays so: nothing here moves a message or writes into one. The only
//! files of our own are `popcell-lock`, `popcell-sizes` and, during a commit, `popcell-journal`.
//!
//! The life of a session: `login` locks the Maildir and takes the snapshot, `maildrop` opens
//! and reads messages, `commit` removes them. Between sessions `expire` removes what is too old, as a
//! session of its own would. What each of them relies on:
//!
//! * A file does not change under the unique part of its name, but other programs rename it at any
//!   time to keep its flags: `locate` finds it again.
//! * Nothing has changed if no stamp has: `recent` knows what was found at the last login.
//! * A size is the number of octets that are sent. It is counted once and remembered by `sizes`;
//!   a message that is not what was announced is never sent to its end.
//! * Messages in `new` are read where they are: moving them to `cur` is what tells an IMAP server
//!   that its user has been notified of them, which POP3 knows nothing of.

mod commit;
mod error;
mod expire;
mod identity;
mod journal;
mod known;
mod lease;
mod locate;
mod lock;
mod login;
mod maildrop;
mod measure;
mod memo;
mod name;
mod names;
mod paths;
mod place;
mod reader;
mod recent;
mod scan;
mod sizes;
mod uid;
mod uidlist;

use std::{fs, io, sync::Arc, time::SystemTime};

use super::{
    Expired, Mailbox, OpenError,
    template::{AccountError, Template},
};
use crate::{
    account::Account,
    capability::{Answer, Lease, Maildrop},
};
use error::Error;
use login::Opened;
use maildrop::LockedMaildir;
use place::Whereabouts;
use recent::Recent;

/// Where unique ids come from.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Uidl {
    /// What was shown before, else what `dovecot-uidlist` says, else the file's name.
    ///
    /// The id under which a message was shown first is kept, even if Dovecot lists the message
    /// later. To import a `dovecot-uidlist` after the first login, remove `popcell-sizes`.
    #[default]
    Auto,
    /// The unique part of the file's name, as qmail and Courier do it.
    Filename,
}

/// How mail is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Options {
    /// The Maildir of a user.
    pub root: Template,
    /// A directory for the lock and the remembered sizes of a user, made when it is missing. None:
    /// they are in the Maildir. The journal of a commit is always there, with the mail.
    pub state: Option<Template>,
    /// Whether a missing Maildir is made: an empty maildrop for a user who never got mail. What
    /// stands in `root` in front of the first variable has to exist, and is not made. Otherwise
    /// a missing Maildir is [`OpenError::Temporary`]: an empty answer would make clients forget
    /// which messages they have seen, and a disk that is not mounted looks the same.
    pub create: bool,
    /// Where unique ids come from.
    pub uidl: Uidl,
}

impl Options {
    /// Maildirs at `root` that exist, with everything in them.
    pub fn new(root: Template) -> Self {
        Self {
            root,
            state: None,
            create: false,
            uidl: Uidl::default(),
        }
    }
}

/// Two users would share a state directory and so each other's lock. The operator's fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the state directory must contain the variables that the maildir does")]
pub struct SharedState;

/// A store of Maildirs.
#[derive(Clone, Debug)]
pub struct Maildir {
    options: Options,
    recent: Arc<Recent>,
}

impl Maildir {
    /// A store with these options. Touches no file.
    ///
    /// # Errors
    ///
    /// [`SharedState`] if the options let two users share what belongs to one.
    pub fn new(options: Options) -> Result<Self, SharedState> {
        match &options.state {
            Some(state) if !state.distinguishes(&options.root) => Err(SharedState),
            Some(_) | None => Ok(Self {
                options,
                recent: Arc::default(),
            }),
        }
    }

    fn whereabouts(&self, account: &Account) -> Result<Whereabouts, AccountError> {
        let Options {
            root,
            state,
            create,
            uidl: _,
        } = &self.options;
        Ok(Whereabouts {
            root: root.path(account)?,
            state: state
                .as_ref()
                .map(|state| state.path(account))
                .transpose()?,
            create_below: if *create { root.fixed(account) } else { None },
        })
    }

    async fn open_for(
        &self,
        account: &Account,
        session: &str,
    ) -> Result<Box<dyn Maildrop>, OpenError> {
        let user = &account.user;
        let whereabouts = self.whereabouts(account).map_err(|error| {
            tracing::warn!(?user, session, %error, "no maildir for a user");
            OpenError::Permanent
        })?;
        let uidl = self.options.uidl;
        let opened = self.open_at(whereabouts).await.map_err(|error| {
            tracing::error!(?user, session, %error, "opening a maildir did not run to its end");
            OpenError::Temporary
        })?;
        match opened {
            Ok(opened) => {
                let maildrop = LockedMaildir::new(opened, uidl, user, session);
                Ok(Box::new(maildrop))
            }
            Err(error) => {
                log(user, session, &error);
                Err(error.blame())
            }
        }
    }

    /// Opens a Maildir: at once if it is as it was, otherwise on a thread that may block.
    async fn open_at(
        &self,
        whereabouts: Whereabouts,
    ) -> Result<Result<Opened, Error>, tokio::task::JoinError> {
        let (uidl, recent) = (self.options.uidl, Arc::clone(&self.recent));
        let is_known = recent.knows(&whereabouts.root);
        let begun = is_known.then(|| login::begin_at_once(&whereabouts));
        let locked = match begun.flatten() {
            Some(Ok(locked)) => match locked.recall(uidl, &recent) {
                Some(remembered) => return Ok(Ok(locked.with(&remembered))),
                None => Some(locked),
            },
            Some(Err(error)) => return Ok(Err(error)),
            None => None,
        };
        tokio::task::spawn_blocking(move || {
            let locked = match locked {
                Some(locked) => locked,
                None => login::begin(&whereabouts)?,
            };
            locked.open(uidl, &recent)
        })
        .await
    }

    /// Has something done with a user's mail that is not a session, on a thread that may block.
    async fn without_session<T: Send + 'static>(
        &self,
        account: &Account,
        job: impl FnOnce(Whereabouts) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, OpenError> {
        let (user, session) = (&account.user, expire::SESSION);
        let whereabouts = self.whereabouts(account).map_err(|error| {
            tracing::warn!(?user, session, %error, "no maildir for a user");
            OpenError::Permanent
        })?;
        let done = tokio::task::spawn_blocking(move || job(whereabouts)).await;
        let done = done.map_err(|error| {
            tracing::error!(?user, session, %error, "a job did not run to its end");
            OpenError::Temporary
        })?;
        done.map_err(|error| {
            log(user, session, &error);
            error.blame()
        })
    }
}

impl Mailbox for Maildir {
    fn open<'a>(
        &'a self,
        account: &'a Account,
        session: &'a str,
    ) -> Answer<'a, Result<Box<dyn Maildrop>, OpenError>> {
        Box::pin(self.open_for(account, session))
    }

    fn adopt<'a>(
        &'a self,
        user: &'a str,
        session: &'a str,
        lease: Lease,
    ) -> Answer<'a, Result<Box<dyn Maildrop>, OpenError>> {
        Box::pin(async move {
            let taken = tokio::task::spawn_blocking(move || lease::take(lease)).await;
            let taken = taken.map_err(|_| OpenError::Temporary)?;
            let opened = taken.map_err(|error| {
                log(user, session, &error);
                error.blame()
            })?;
            let maildrop = LockedMaildir::new(opened, self.options.uidl, user, session);
            Ok(Box::new(maildrop) as Box<dyn Maildrop>)
        })
    }

    fn reach(&self) -> Answer<'_, io::Result<()>> {
        let base = self.options.root.base();
        Box::pin(async move {
            let Some(base) = base else {
                // Every user has a home of their own; there is no one place to look at.
                return Ok(());
            };
            let looked = tokio::task::spawn_blocking(move || fs::metadata(base).map(drop)).await;
            looked.map_err(io::Error::other)?
        })
    }

    fn expired<'a>(
        &'a self,
        account: &'a Account,
        before: SystemTime,
    ) -> Answer<'a, Result<u32, OpenError>> {
        Box::pin(self.without_session(account, move |at| expire::count(at, before)))
    }

    fn expire<'a>(
        &'a self,
        account: &'a Account,
        before: SystemTime,
    ) -> Answer<'a, Result<Expired, OpenError>> {
        Box::pin(self.without_session(account, move |at| {
            expire::remove(at, before, &mut commit::Unwatched)
        }))
    }
}

/// A lock that is held is everyday business; the rest is for an operator to see.
fn log(user: &str, session: &str, error: &Error) {
    match error.blame() {
        OpenError::InUse => tracing::debug!(?user, session, %error, "no maildrop"),
        OpenError::Temporary | OpenError::Permanent => {
            tracing::warn!(?user, session, %error, "no maildrop");
        }
    }
}

#[cfg(test)]
mod tests;
