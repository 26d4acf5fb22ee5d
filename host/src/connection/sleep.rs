//! A connection that sleeps: all that is left of it is a value, until somebody has it served again.

use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::{Connection, Last, Stream, Traffic};
use crate::{end::End, seat::Seat, sessions::Entry, stop::Stop};

/// What is left of a connection that sleeps.
pub(crate) struct Sleeping<S> {
    pub(crate) stream: S,
    pub(crate) seat: Seat,
    pub(crate) before: Before,
    /// When it has to be served, whatever the client says.
    pub(crate) wakes_at: Instant,
}

/// What a connection had come to before it slept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    pub(crate) traffic: Traffic,
    /// When the client last did something.
    pub(crate) last_progress: Instant,
    /// Nobody can watch over it.
    pub(crate) is_sleepless: bool,
}

impl<S: Stream> Connection<S> {
    /// Whether it may sleep: its session is in no cell, with nothing under way, its socket is all
    /// that there is to it, and nobody wants it.
    pub(super) fn can_sleep(&self) -> bool {
        let is_free = !self.is_sleepless && !self.entry().is_wanted();
        is_free && self.seat.is_at_rest() && self.input.len() == 0 && self.stream.socket().is_some()
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

    fn entry(&self) -> &Entry {
        self.meter.entry()
    }

    /// What is to be kept of it while it sleeps. What has happened on it has been counted.
    pub(crate) fn pack(self) -> Sleeping<S> {
        let wakes_at = self.deadline().0;
        let Self {
            stream,
            seat,
            traffic,
            last_progress,
            is_sleepless,
            ..
        } = self;
        let before = Before {
            traffic,
            last_progress,
            is_sleepless,
        };
        Sleeping {
            stream,
            seat,
            before,
            wakes_at,
        }
    }

    /// The connection goes on that it was, here or in another process. Where nobody can watch over
    /// it, it does not sleep again.
    pub(crate) fn resume(mut self: Box<Self>, before: Before) -> Box<Self> {
        self.traffic = before.traffic;
        self.last_progress = before.last_progress;
        self.is_sleepless = before.is_sleepless;
        self.is_login_logged = self.seat.is_logged_in();
        self.is_resumed = true;
        self
    }
}
