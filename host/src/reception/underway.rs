//! A connection whose session has begun, while somebody serves it.

use std::sync::Arc;

use super::{Asleep, Begun, Reception, dialogue};
use crate::{
    config::Listener,
    connection::{Finish, Plain, Sleeping},
    counter::Counter,
    end::{End, Origin},
    sandbox,
    stop::Stop,
    story::Story,
};

/// A connection without TLS that can be gone on with.
pub(crate) struct Underway {
    begun: Begun<Plain>,
    story: Story,
    counter: Counter,
    listener: Arc<Listener>,
}

impl Underway {
    pub(super) fn new(
        begun: Begun<Plain>,
        story: Story,
        counter: Counter,
        listener: Arc<Listener>,
    ) -> Self {
        Self {
            begun,
            story,
            counter,
            listener,
        }
    }

    /// What is kept of it while it sleeps; its story if there is no session to be kept.
    fn pack(self) -> Result<Asleep, Box<Story>> {
        let Begun { connection, watch } = self.begun;
        let Sleeping {
            stream,
            seat,
            before,
            wakes_at,
        } = connection.pack();
        let Some(berth) = seat.pack() else {
            return Err(Box::new(self.story));
        };
        let Story {
            origin: Origin { local, .. },
            since,
            challenge,
            presence,
            ..
        } = self.story;
        Ok(Asleep {
            stream,
            berth,
            claims: watch.claims(),
            counter: self.counter,
            listener: self.listener,
            presence,
            local,
            challenge,
            since,
            before,
            wakes_at,
        })
    }
}

impl Reception {
    /// Serves a connection until it ends, and writes its summary line, or until it sleeps.
    pub(crate) async fn serve(&self, underway: Underway, stop: &Stop) -> Option<Asleep> {
        let Underway {
            begun,
            mut story,
            counter,
            listener,
        } = underway;
        let finish = match Box::pin(dialogue(begun, stop, &mut story)).await {
            Ok(finish) => finish,
            Err(begun) => {
                let asleep = Underway::new(begun, story, counter, listener).pack();
                let lost = |story: Box<Story>| story.close(&End::from(sandbox::Error::Lost));
                return asleep.map_err(lost).ok();
            }
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
