//! A connection whose session is over, before it is closed.

use super::{Connection, Finish, Last, Outcome, Stream, Traffic};
use crate::{end::End, linger, sandbox::Usage, stop::Stop};

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
    /// The session is over. Its maildrop is free, and it counts no longer, before the client sees the
    /// end: it may come back at once.
    #[expect(clippy::boxed_local, reason = "else a future would hold it")]
    pub(super) fn leave(self: Box<Self>, last: Result<Last, End>) -> Left<S> {
        let Self {
            stream,
            seat,
            watch,
            input,
            traffic,
            is_peer_gone,
            mut meter,
            ..
        } = *self;
        watch.leave();
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

impl<S: Stream> Left<S> {
    /// Closes the connection, unless TLS is to go on with it.
    pub(super) async fn finish(mut self, stop: &Stop) -> Outcome<S> {
        let end = match self.last {
            Ok(Last::StartTls) if !self.is_pending => {
                return Outcome {
                    finish: Finish::StartTls(self.stream),
                    usage: self.usage,
                    traffic: self.traffic,
                };
            }
            Ok(Last::StartTls) => End::PlaintextBehindStls,
            Ok(Last::Closed(end)) | Err(end) => end,
        };
        let is_done = self.is_peer_gone || (end == End::Quit && !self.is_pending);
        let is_gone = matches!(end, End::PeerClosed | End::Io(_) | End::WriteStalled);
        let is_reachable = !is_gone && !matches!(end, End::HandedOver | End::Kicked);
        // Where nothing is left to be said or read, to close the socket says all.
        let is_over = is_done && self.stream.socket().is_some();
        if is_reachable && !is_over && !stop.abort.is_cancelled() {
            self.traffic.octets_in += Box::pin(linger::close(self.stream, is_done)).await;
        }
        Outcome {
            finish: Finish::End(end),
            usage: self.usage,
            traffic: self.traffic,
        }
    }
}
