//! A connection whose session is over, before it is closed.

use super::{Connection, Last, Stream, Traffic};
use crate::{end::End, sandbox::Usage};

/// What is left of a connection whose session is over.
pub(super) struct Left<S> {
    pub(super) stream: S,
    pub(super) last: Result<Last, End>,
    pub(super) usage: Usage,
    pub(super) traffic: Traffic,
    pub(super) is_peer_gone: bool,
    /// What the client has sent and nobody has looked at.
    pub(super) is_pending: bool,
}

impl<S: Stream> Connection<S> {
    /// The session is over. The maildrop is free before the client sees the end: it may come back at
    /// once.
    #[expect(clippy::boxed_local, reason = "else a future would hold it")]
    pub(super) fn leave(self: Box<Self>, last: Result<Last, End>) -> Left<S> {
        let Self {
            stream,
            seat,
            input,
            traffic,
            is_peer_gone,
            mut meter,
            ..
        } = *self;
        let usage = seat.usage();
        meter.count(&usage, traffic);
        Left {
            stream,
            last,
            usage,
            traffic,
            is_peer_gone,
            is_pending: input.len() > 0,
        }
    }
}
