//! A maildrop whose user may fetch only so much in a day.
//!
//! Counts what is read. A message that has begun is given to its end; the next one is refused.

use std::sync::Arc;

use super::quota::Place;
use crate::{
    capability::{Answer, Fault, Lease, Maildrop, Message, Unfinished},
    snapshot::Snapshot,
};

pub(super) struct Metered {
    maildrop: Box<dyn Maildrop>,
    place: Arc<Place>,
}

struct MeteredMessage {
    message: Box<dyn Message>,
    place: Arc<Place>,
}

impl Metered {
    pub(super) fn new(maildrop: Box<dyn Maildrop>, place: Arc<Place>) -> Self {
        Self { maildrop, place }
    }
}

impl Maildrop for Metered {
    fn snapshot(&self) -> &Snapshot {
        self.maildrop.snapshot()
    }

    fn open(&mut self, number: u32) -> Answer<'_, Result<Box<dyn Message>, Fault>> {
        Box::pin(async move {
            if self.place.is_used_up() {
                return Err(Fault::Temporary);
            }
            let message = self.maildrop.open(number).await?;
            let place = Arc::clone(&self.place);
            let message: Box<dyn Message> = Box::new(MeteredMessage { message, place });
            Ok(message)
        })
    }

    fn lease(&self) -> Option<Lease> {
        self.maildrop.lease()
    }

    fn leave(self: Box<Self>) {
        self.maildrop.leave();
    }

    fn commit(self: Box<Self>, deleted: Vec<u32>) -> Answer<'static, Result<(), Unfinished>> {
        self.maildrop.commit(deleted)
    }
}

impl Message for MeteredMessage {
    fn read(&mut self, max: usize) -> Answer<'_, Result<Vec<u8>, Fault>> {
        Box::pin(async move {
            let octets = self.message.read(max).await?;
            self.place
                .fetched(u64::try_from(octets.len()).unwrap_or(u64::MAX));
            Ok(octets)
        })
    }

    fn is_at_end(&self) -> bool {
        self.message.is_at_end()
    }
}
