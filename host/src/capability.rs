//! What a session may be given: logins, maildrops, messages, in the words of `wit/pop3.wit`.
//!
//! Traits and values only, no I/O. The sandbox lends them to the component; `auth` and `mailbox`
//! stand behind them. This is the one vocabulary that both sides share.

use std::{future::Future, os::fd::OwnedFd, pin::Pin, sync::Arc};

use crate::snapshot::Snapshot;

/// A host's answer that may take its time. Dropping it gives the question up.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why storage did not answer (`mail.fault`). The cause was logged where it was found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Somebody else removed or changed the message since the snapshot was taken.
    Gone,
    /// The storage's fault; trying again later can help.
    Temporary,
    /// The storage's fault; an operator has to act.
    Permanent,
}

/// Why a claim was not answered with a maildrop (`auth.refusal`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// Wrong, or not allowed on this channel.
    Denied,
    /// Right, but another session holds the maildrop.
    InUse,
    /// Right, but earlier than LOGIN-DELAY allows.
    LoginDelay,
    /// Not the client's fault; later may help.
    Temporary,
    /// Not the client's fault; an operator has to act.
    Permanent,
}

/// What a commit achieved when it was not everything (`mail.unfinished`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unfinished {
    /// Messages that were to be deleted and are.
    pub removed: u32,
    /// Messages that were to be deleted and are still there.
    pub kept: u32,
}

impl Unfinished {
    /// None of so many messages is gone.
    pub(crate) fn none_of(deleted: usize) -> Self {
        Self {
            removed: 0,
            kept: u32::try_from(deleted).unwrap_or(u32::MAX),
        }
    }
}

/// One message, read from front to back as it goes over the wire but for the dot-stuffing: every
/// line ends in CRLF, the last one too.
pub trait Message: Send {
    /// The next octets: at least one and at most `max`, or none at the end.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the message can not be read to its end as it was when its size was taken; a
    /// message that has shrunk or grown is [`Fault::Gone`], never a short answer.
    fn read(&mut self, max: usize) -> Answer<'_, Result<Vec<u8>, Fault>>;

    /// Whether it is known already that the next [`read`](Self::read) gives none and no fault, so that it
    /// need not be called. Where that is not known it is `false`.
    fn is_at_end(&self) -> bool {
        false
    }
}

/// A maildrop on its way to another process of the same server.
#[derive(Debug)]
pub struct Lease {
    /// What the store knows of it, in words of its own.
    pub octets: Vec<u8>,
    /// The lock, which is held for as long as somebody has this descriptor.
    pub lock: OwnedFd,
}

/// A locked maildrop and its snapshot. Dropping it releases the lock and removes nothing.
pub trait Maildrop: Send {
    /// Numbers, sizes and unique ids, fixed when the maildrop was opened.
    fn snapshot(&self) -> &Snapshot;

    /// Opens message `number` (1-based) at its start.
    ///
    /// # Errors
    ///
    /// [`Fault::Gone`] for a number out of range or a message that has vanished.
    fn open(&mut self, number: u32) -> Answer<'_, Result<Box<dyn Message>, Fault>>;

    /// What another process needs to have this maildrop after us; `None` if it can not be given away.
    /// This one is as before.
    fn lease(&self) -> Option<Lease> {
        None
    }

    /// Lets go of the maildrop without releasing the lock: another process has it by its
    /// [`Lease`].
    fn leave(self: Box<Self>) {}

    /// Removes the messages with these numbers (1-based, ascending) for good and releases the lock.
    ///
    /// Once polled it runs to its end, even if the answer is dropped.
    ///
    /// # Errors
    ///
    /// [`Unfinished`] says how many are gone and how many are not.
    fn commit(self: Box<Self>, deleted: Vec<u32>) -> Answer<'static, Result<(), Unfinished>>;
}

/// What a login gives.
pub struct Grant {
    /// The maildrop, locked.
    pub maildrop: Box<dyn Maildrop>,
    /// Capability lines that hold for this user (`maildrop.announce`).
    pub announce: Arc<[String]>,
}

/// What is next in a SASL exchange (`auth.turn`).
pub enum Turn {
    /// Send these octets and wait for the response.
    Challenge(Vec<u8>),
    /// The exchange succeeded.
    Done(Grant),
    /// The exchange failed.
    Refused(Refusal),
}

/// One SASL exchange under way. Dropping it cancels it.
pub trait Exchange: Send {
    /// Takes the client's initial response, or none if it sent none. Called once, and first.
    fn begin<'a>(&'a mut self, initial: Option<&'a [u8]>) -> Answer<'a, Turn>;

    /// Takes the client's response to the last challenge.
    fn respond<'a>(&'a mut self, response: &'a [u8]) -> Answer<'a, Turn>;
}

/// The claims that one connection may make.
pub trait Login: Send {
    /// A user name and a password, as the client sent them.
    fn password<'a>(
        &'a mut self,
        user: &'a [u8],
        password: &'a [u8],
    ) -> Answer<'a, Result<Grant, Refusal>>;

    /// A user name and the digest of APOP, as the client sent them.
    fn apop<'a>(
        &'a mut self,
        user: &'a [u8],
        digest: &'a [u8],
    ) -> Answer<'a, Result<Grant, Refusal>>;

    /// An exchange by this mechanism (in upper case), or `None` if the channel does not offer it.
    fn start(&mut self, mechanism: &str) -> Option<Box<dyn Exchange>>;
}
