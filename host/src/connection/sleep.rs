//! A connection that sleeps: all that is left of it is a value, until somebody has it served again.

use std::{
    os::fd::BorrowedFd,
    task::{Context, Poll, Waker},
};

use tokio::time::Instant;

use super::{Connection, Last, Stream};
use crate::{end::End, sessions::Entry, stop::Stop};

impl<S: Stream> Connection<S> {
    /// Whether it may sleep: its session is in no cell, its socket is all that there is
    /// to it, and nobody wants it.
    pub(super) fn can_sleep(&self) -> bool {
        let is_free = !self.is_sleepless && !self.entry().is_wanted();
        is_free && self.seat.is_parked() && self.socket().is_some()
    }

    /// The dialogue, with the socket watched meanwhile.
    pub(super) async fn go_on(&mut self, stop: &Stop) -> Result<Option<Last>, End> {
        if self.is_resumed {
            // What woke it up: who watches the socket does not know yet.
            let read = self.poll_read(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(Err(error)) = read {
                return Err(End::from(&error));
            }
        }
        self.stream.wake().map_err(|error| End::from(&error))?;
        let last = self.dialogue(stop).await?;
        if last.is_none() {
            self.lie_down()?;
        }
        Ok(last)
    }

    /// It sleeps from here on; [`serve`](Self::serve) wakes it up, on whatever thread.
    fn lie_down(&mut self) -> Result<(), End> {
        self.alarm = None;
        self.is_resumed = true;
        self.stream.lie_down().map_err(|error| End::from(&error))
    }

    /// Nobody can watch over it: it does not sleep any more.
    pub(crate) fn stay_awake(&mut self) {
        self.is_sleepless = true;
    }

    /// What the client says comes out of here. Behind TLS that can not be told.
    pub(crate) fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.stream.socket()
    }

    /// When it has to be served, whatever the client says.
    pub(crate) fn wakes_at(&self) -> Instant {
        self.deadline().0
    }

    /// Who can be kicked.
    pub(crate) fn entry(&self) -> &Entry {
        self.meter.entry()
    }
}
