//! What plays the server's part of a dialogue.
//!
//! One trait, so that the same transcript runs against the session itself, against the built
//! component and against a server behind a socket. Knows nothing of what is said.

use anyhow::Result;

use crate::fake::World;

/// What the server says next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Heard {
    /// A line, with the LF that ends it.
    Line(Vec<u8>),
    /// The connection is closed, after these octets without an LF.
    Closed(Vec<u8>),
    /// Nothing, until the client says something.
    Silence,
}

/// A server with one client at a time.
///
/// An error is a failure of the driver or a breach of the contract by what it drives, never a
/// wrong answer.
pub trait Driver {
    /// Connects a client to a world. The greeting is the first that it hears.
    ///
    /// # Errors
    ///
    /// See [`Driver`].
    fn connect(&mut self, world: &World) -> Result<()>;

    /// Sends octets of the client. What a closed connection is sent is lost.
    ///
    /// # Errors
    ///
    /// See [`Driver`].
    fn send(&mut self, octets: &[u8]) -> Result<()>;

    /// The next line of the server. A driver that can not know waits for it as long as a test can
    /// wait.
    ///
    /// # Errors
    ///
    /// See [`Driver`].
    fn hear(&mut self) -> Result<Heard>;

    /// The client says that it will say nothing more; [`Self::hear`] then ends in
    /// [`Heard::Closed`] or [`Heard::Silence`] without waiting.
    ///
    /// # Errors
    ///
    /// See [`Driver`].
    fn finish(&mut self) -> Result<()>;

    /// Takes the connection away. When it returns, the server has noticed.
    ///
    /// # Errors
    ///
    /// See [`Driver`].
    fn hang_up(&mut self) -> Result<()>;
}
