//! What a call into a session achieved.

/// What the host does when it has sent the output of a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// Call [`Session::lines`](super::Session::lines) with what was not consumed, or else wait for lines.
    Lines,
    /// Call [`Session::more`](super::Session::more): the answer is not finished.
    More,
    /// Hand the connection to TLS; the session is over.
    StartTls,
    /// Close the connection, the client has said QUIT; the session is over.
    Close,
    /// Close the connection, the component gives the client up; the session is over.
    Abort,
}

/// What a call into the session achieved. Every bound of the contract has been checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// Octets of the given lines that are done with: whole lines.
    pub consumed: usize,
    /// What to send.
    pub output: Vec<u8>,
    /// What to do then.
    pub next: Next,
}

impl Step {
    /// What a session that waits for lines has said last: nothing.
    pub(crate) fn nothing() -> Self {
        Self {
            consumed: 0,
            output: Vec::new(),
            next: Next::Lines,
        }
    }

    /// Whether the first answer is an error (RFC 1939 §3). Says how a component does, and decides
    /// nothing about a session.
    pub fn is_error_reply(&self) -> bool {
        self.output.starts_with(b"-ERR")
    }
}
