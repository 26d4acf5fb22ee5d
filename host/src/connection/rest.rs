//! Waiting for the client, and what becomes of a session meanwhile: it leaves its cell when it has
//! been idle there for long enough, when somebody else needs the cell, and comes into another
//! component when it belongs there.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::{Connection, Stream};
use crate::{end::End, stop::Stop};

/// A session that has waited for less is not idle: to leave the cell behind every burst would cost
/// more than the cell.
const MOMENT: Duration = Duration::from_millis(10);

/// What is waited for.
#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    /// Octets of the client, its end, or the server's.
    Octets(&'a Stop),
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
    /// In no cell, and about to sleep if it can; or in one that it can not leave any more.
    Still,
}

/// What has put an end to a wait.
enum Event {
    Stopped,
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
        let mut rest = match self.may_park && !self.seat.is_parked() {
            true => Rest::Busy,
            false => Rest::Still,
        };
        let mut since = self.last_progress;
        loop {
            let alarm = self.pause(what, rest).map(|pause| since + pause);
            let alarm = alarm.map_or(deadline, |alarm| alarm.min(deadline));
            match self.event(what, alarm, rest).await {
                Event::Stopped => return Err(End::Shutdown),
                Event::Done(done) => return done.map_err(|error| End::from(&error)),
                Event::Alarm if deadline <= Instant::now() => return Err(late),
                Event::Nudged if self.may_park => {
                    Box::pin(self.depart(what)).await?;
                    Box::pin(self.seat.settle()).await?;
                    self.note_move();
                }
                Event::Nudged => {}
                Event::Alarm if rest == Rest::Still => {
                    self.is_drowsy = true;
                    return Ok(0);
                }
                Event::Alarm => {
                    if rest == Rest::Idle || self.seat.house().cells.is_wanted() {
                        let room = Box::pin(self.seat.park()).await?;
                        self.note_move();
                        drop(room);
                    }
                    rest = Rest::Idle;
                    since = Instant::now();
                }
            }
            if self.seat.is_parked() {
                rest = Rest::Still;
            }
        }
    }

    async fn event(&mut self, what: What<'_>, alarm: Instant, rest: Rest) -> Event {
        let idle = (rest == Rest::Idle).then(|| Arc::clone(self.seat.house()));
        let _idling = idle
            .as_ref()
            .map(|house| house.cells.idling(Arc::clone(self.meter.entry())));
        poll_fn(|context| self.poll_event(what, alarm, context)).await
    }

    /// What has happened. Nothing is registered anywhere but the task with the socket and, now and
    /// then, the alarm: a client that sends one command after the other has this polled for each.
    /// A kick, a nudge and the server's end wake the task in [`serve`](Self::serve).
    fn poll_event(
        &mut self,
        what: What<'_>,
        alarm: Instant,
        context: &mut Context<'_>,
    ) -> Poll<Event> {
        if let What::Octets(stop) = what
            && stop.has_begun()
        {
            return Poll::Ready(Event::Stopped);
        }
        if let Poll::Ready(done) = self.poll(what, context) {
            return Poll::Ready(Event::Done(done));
        }
        if self.meter.is_nudged() {
            return Poll::Ready(Event::Nudged);
        }
        self.poll_alarm(alarm, context).map(|()| Event::Alarm)
    }

    /// Whether it is so late. The alarm is set to a later time only when it has gone off: it would
    /// have to be with every command otherwise.
    fn poll_alarm(&mut self, at: Instant, context: &mut Context<'_>) -> Poll<()> {
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if at < alarm.deadline() {
            alarm.as_mut().reset(at);
        }
        loop {
            ready!(alarm.as_mut().poll(context));
            if at <= Instant::now() {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(at);
        }
    }

    /// How long a session waits in this way.
    fn pause(&self, what: What<'_>, rest: Rest) -> Option<Duration> {
        let is_silent = matches!(what, What::Octets(_));
        match rest {
            Rest::Busy => Some(MOMENT),
            Rest::Idle => self.limits.hibernate,
            // Whatever happens wakes it up.
            Rest::Still => (is_silent && self.can_sleep()).then_some(Duration::ZERO),
        }
    }

    /// What has come of it; of a write that has to wait, what the client sends meanwhile is read.
    pub(super) fn poll(
        &mut self,
        what: What<'_>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match what {
            What::Octets(_) => self.poll_read(context).map_ok(|()| 0),
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
