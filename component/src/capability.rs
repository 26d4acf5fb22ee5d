//! What a session may use: the imports of `wit/pop3.wit` as traits.
//!
//! The component implements them with WIT bindings (`guest.rs`), tests with values in memory. Every
//! item here stands under the same name in the contract, where its rules are.

use alloc::{string::String, vec::Vec};

/// Why storage did not answer (`mail.fault`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The message was removed or changed by somebody else.
    Gone,
    /// Trying again later can help.
    Temporary,
    /// An operator has to act.
    Permanent,
}

/// Why there is no maildrop for a claim (`auth.refusal`).
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

/// How many messages a maildrop holds, and their octets in all (`mail.summary`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Summary {
    /// Messages are numbered from 1 to `count`.
    pub count: u32,
    /// The sum of all sizes.
    pub octets: u64,
}

/// What a commit achieved when it was not everything (`mail.unfinished`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unfinished {
    /// Messages that were to be deleted and are.
    pub removed: u32,
    /// Messages that were to be deleted and are still there.
    pub kept: u32,
}

/// One message, read from front to back (`mail.message`).
pub trait Message {
    /// The next octets: one to `max` of them, or none at the end.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of the store; the message is of no more use then.
    fn read(&self, max: u32) -> Result<Vec<u8>, Fault>;

    /// As [`Self::read`], but the host makes the octets a part of the step's output, behind its first
    /// `at` octets, and puts one more `stuffed` in front of each that begins a line. `None` where the
    /// host does not do that: then the message is read.
    fn forward(
        &self,
        _max: u32,
        _at: u32,
        _at_line_start: bool,
        _stuffed: u8,
    ) -> Option<Result<Forwarded, Fault>> {
        None
    }
}

/// What forwarding came to (`mail.forwarded`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Forwarded {
    /// Octets of output, none at the end of the message.
    pub octets: u32,
    /// Whether the octet behind them begins a line.
    pub at_line_start: bool,
    /// Whether the message is known to have no further octets.
    pub is_end: bool,
}

/// What opening and forwarding at once came to (`mail.opened`).
#[derive(Debug)]
pub struct Opened<M> {
    /// As if the message had been opened and then forwarded.
    pub forwarded: Forwarded,
    /// The message, unless it has no further octets.
    pub message: Option<M>,
}

/// A maildrop, locked for this session alone (`mail.maildrop`).
pub trait Maildrop: Sized {
    /// What [`Self::open`] gives.
    type Message: Message;

    /// The count and the octets of the snapshot.
    fn summary(&self) -> Summary;

    /// Octets of at most `max` messages from number `first` on.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of the store.
    fn sizes(&self, first: u32, max: u32) -> Result<Vec<u64>, Fault>;

    /// Unique ids of the same window, each followed by LF.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of the store.
    fn uids(&self, first: u32, max: u32) -> Result<Vec<u8>, Fault>;

    /// Capability lines that hold for the user who logged in.
    fn announce(&self) -> Vec<String>;

    /// Opens message `number` at its start.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of the store, [`Fault::Gone`] for a number out of range.
    fn open(&self, number: u32) -> Result<Self::Message, Fault>;

    /// [`Self::open`] and [`Message::forward`] in one call. `None` where the host does not do that: then
    /// the message is opened.
    fn forward(
        &self,
        _number: u32,
        _max: u32,
        _at: u32,
        _stuffed: u8,
    ) -> Option<Result<Opened<Self::Message>, Fault>> {
        None
    }

    /// Removes the marked messages for good and releases the lock. Message `n` is bit `(n - 1) % 8`
    /// of octet `(n - 1) / 8`; octets left out at the end are 0.
    ///
    /// # Errors
    ///
    /// [`Unfinished`] if some are still there.
    fn commit(self, marks: &[u8]) -> Result<(), Unfinished>;
}

/// What the host wants next in a SASL exchange (`auth.turn`).
#[derive(Debug)]
pub enum Turn<M> {
    /// Send these octets in base64 and wait for the response.
    Challenge(Vec<u8>),
    /// The exchange succeeded.
    Done(M),
    /// The exchange failed.
    Refused(Refusal),
}

/// One SASL exchange (`auth.exchange`). Dropping it cancels it.
pub trait Exchange {
    /// What a successful exchange gives.
    type Maildrop: Maildrop;

    /// Hands over the client's initial response, or none if it sent none.
    fn begin(&self, initial: Option<&[u8]>) -> Turn<Self::Maildrop>;

    /// Hands over the client's response to the last challenge.
    fn respond(&self, response: &[u8]) -> Turn<Self::Maildrop>;
}

/// The host, as far as a session can see it: the functions of `auth`.
pub trait Host {
    /// What a login gives.
    type Maildrop: Maildrop;
    /// What AUTH starts.
    type Exchange: Exchange<Maildrop = Self::Maildrop>;

    /// A user name and a password, as the client sent them.
    ///
    /// # Errors
    ///
    /// See [`Refusal`].
    fn password(&self, user: &[u8], password: &[u8]) -> Result<Self::Maildrop, Refusal>;

    /// A user name and the digest of APOP, as the client sent them.
    ///
    /// # Errors
    ///
    /// See [`Refusal`].
    fn apop(&self, user: &[u8], digest: &[u8]) -> Result<Self::Maildrop, Refusal>;

    /// An exchange by this mechanism (in upper case), if the channel offers it.
    fn start(&self, mechanism: &str) -> Option<Self::Exchange>;
}
