//! A connection whose session has begun, as a value: nobody serves it at the moment.

use std::os::fd::BorrowedFd;

use tokio::time::Instant;

use super::{Begun, Reception, dialogue};
use crate::{
    connection::{Finish, Plain},
    counter::Counter,
    end::End,
    sandbox,
    sessions::Entry,
    stop::Stop,
    story::Story,
};

/// A connection that can be gone on with: one that is new, that sleeps, or that another process had.
pub(crate) struct Underway {
    begun: Begun<Plain>,
    story: Story,
    counter: Counter,
}

impl Underway {
    pub(super) fn new(begun: Begun<Plain>, story: Story, counter: Counter) -> Self {
        Self {
            begun,
            story,
            counter,
        }
    }

    /// What the client says comes out of here.
    pub(crate) fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.begun.connection.socket()
    }

    /// When it has to be served, whatever the client says.
    pub(crate) fn wakes_at(&self) -> Instant {
        self.begun.connection.wakes_at()
    }

    /// Who can be kicked.
    pub(crate) fn entry(&self) -> &Entry {
        self.begun.connection.entry()
    }

    /// Nobody can watch over it: it does not sleep any more.
    pub(crate) fn stay_awake(&mut self) {
        self.begun.connection.stay_awake();
    }
}

impl Reception {
    /// Serves a connection until it ends, and writes its summary line, or until it sleeps.
    pub(crate) async fn go_on(&self, underway: Underway, stop: &Stop) -> Option<Underway> {
        let Underway {
            begun,
            mut story,
            counter,
        } = underway;
        let finish = match Box::pin(dialogue(begun, stop, &mut story)).await {
            Ok(finish) => finish,
            Err(asleep) => return Some(Underway::new(asleep, story, counter)),
        };
        let end = match (finish, &self.tls) {
            (Finish::End(end), _) => end,
            (Finish::StartTls(stream), Some(tls)) => {
                Box::pin(self.secured(stream, tls, counter, stop, &mut story)).await
            }
            (Finish::StartTls(_), None) => End::from(sandbox::Error::Contract("no TLS to start")),
        };
        story.close(&end);
        None
    }
}
