//! Waiting for the client, and what becomes of a session meanwhile: it leaves its cell when it has
//! been idle there for long enough, when somebody else needs the cell, and comes into another
//! component when it belongs there.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use super::{Connection, Stream};
use crate::{end::End, sessions::Entry};

/// A session that has waited for less is not idle: to leave the cell behind every burst would cost
/// more than the cell.
const MOMENT: Duration = Duration::from_millis(10);

/// What is waited for.
#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    /// Octets of the client, or its end.
    Octets,
    /// That some of these octets are sent.
    Sent(&'a [u8]),
    /// That nothing is left to be sent.
    Flushed,
}

/// How a session waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rest {
    /// In its cell, since a moment ago.
    Busy,
    /// In its cell, which somebody else may have.
    Idle,
    /// In no cell, or in one that it can not leave any more.
    Still,
}

/// What has put an end to a wait.
enum Event {
    Done(io::Result<usize>),
    Nudged,
    Alarm,
}

impl<S: Stream> Connection<S> {
    /// Waits until it is done, or for `late`.
    pub(super) async fn rest(
        &mut self,
        what: What<'_>,
        deadline: Instant,
        late: End,
    ) -> Result<usize, End> {
        let entry = self.meter.entry();
        let mut rest = match self.may_park && !self.seat.is_parked() {
            true => Rest::Busy,
            false => Rest::Still,
        };
        loop {
            let alarm = self.pause(rest).map(|pause| Instant::now() + pause);
            let alarm = alarm.map_or(deadline, |alarm| alarm.min(deadline));
            match self.event(what, alarm, rest, &entry).await {
                Event::Done(done) => return done.map_err(|error| End::from(&error)),
                Event::Alarm if Instant::now() >= deadline => return Err(late),
                Event::Nudged if self.may_park => {
                    Box::pin(self.depart(what)).await?;
                    Box::pin(self.seat.settle()).await?;
                    self.note_move();
                }
                Event::Nudged => {}
                Event::Alarm => {
                    if rest == Rest::Idle || self.seat.house().cells.is_wanted() {
                        Box::pin(self.seat.park()).await?;
                        self.note_move();
                    }
                    rest = Rest::Idle;
                }
            }
            if self.seat.is_parked() {
                rest = Rest::Still;
            }
        }
    }

    async fn event(
        &mut self,
        what: What<'_>,
        alarm: Instant,
        rest: Rest,
        entry: &Arc<Entry>,
    ) -> Event {
        let house = Arc::clone(self.seat.house());
        let is_idle = rest == Rest::Idle;
        let _idling = is_idle.then(|| house.cells.idling(Arc::clone(entry)));
        // All arms may be dropped: what was not ready has taken and given nothing.
        tokio::select! {
            biased;
            done = timeout_at(alarm, poll_fn(|context| self.poll(what, context))) => {
                done.map_or(Event::Alarm, Event::Done)
            }
            () = entry.nudged() => Event::Nudged,
        }
    }

    /// How long a session waits in this way.
    fn pause(&self, rest: Rest) -> Option<Duration> {
        match rest {
            Rest::Busy => Some(MOMENT),
            Rest::Idle => self.limits.hibernate,
            Rest::Still => None,
        }
    }

    /// What has come of it; of a write that has to wait, what the client sends meanwhile is read.
    pub(super) fn poll(
        &mut self,
        what: What<'_>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match what {
            What::Octets => self.poll_read(context).map_ok(|()| 0),
            What::Sent(octets) => {
                let sent = Pin::new(&mut self.stream).poll_write(context, octets);
                self.or_read(sent, context)
            }
            What::Flushed => {
                let flushed = Pin::new(&mut self.stream).poll_flush(context);
                self.or_read(flushed.map_ok(|()| 0), context)
            }
        }
    }
}
