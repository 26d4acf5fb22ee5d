//! Going back: what it takes to have a session as it was before a call.
//!
//! What is lent to a guest stays the host's: while there is something to go back to, it is kept when
//! the guest lets go of it, and what the guest reads of a message is kept to be read again. A claim
//! to be a user and a commit can not be taken back, so that they end the possibility.

use std::mem;

use wasmtime::component::Resource;

use super::{
    Parked, Usage,
    cell::{Cell, Exchange, Maildrop, Message},
};
use crate::capability::{self, Answer, Fault, Grant};

/// What was lent to a cell for a session, by its names there, and what the session was then.
#[derive(Default)]
pub(super) struct Lent {
    pub(super) state: Vec<u8>,
    pub(super) maildrop: Option<u32>,
    pub(super) message: Option<u32>,
    pub(super) exchange: Option<u32>,
    pub(super) is_logged_in: bool,
    pub(super) usage: Usage,
}

/// What a cell keeps for the case that its session is taken back.
#[derive(Default)]
pub(super) struct Rescued {
    /// Not there if there is nothing to go back to.
    lent: Option<Lent>,
    maildrop: Option<Grant>,
    message: Option<Box<dyn capability::Message>>,
    exchange: Option<Box<dyn capability::Exchange>>,
    /// Octets of the message that the guest has read since.
    reread: Vec<u8>,
}

impl Rescued {
    /// From here on there is this to go back to.
    pub(super) fn begin(&mut self, lent: Lent) {
        *self = Self {
            lent: Some(lent),
            ..Self::default()
        };
    }

    /// From here on there is nothing to go back to.
    pub(super) fn give_up(&mut self) {
        if self.lent.is_some() {
            *self = Self::default();
        }
    }

    /// Whether there is something to go back to.
    pub(super) fn is_possible(&self) -> bool {
        self.lent.is_some()
    }

    /// The guest has let go of a maildrop.
    pub(super) fn keep_maildrop(&mut self, rep: u32, grant: Grant) {
        if self
            .lent
            .as_ref()
            .is_some_and(|lent| lent.maildrop == Some(rep))
        {
            self.maildrop = Some(grant);
        }
    }

    /// The guest has let go of a message.
    pub(super) fn keep_message(&mut self, rep: u32, message: Box<dyn capability::Message>) {
        if self.has_lent_message(rep) && self.message.is_none() {
            self.message = Some(message);
        }
    }

    /// The guest has let go of an exchange.
    pub(super) fn keep_exchange(&mut self, rep: u32, exchange: Box<dyn capability::Exchange>) {
        if self
            .lent
            .as_ref()
            .is_some_and(|lent| lent.exchange == Some(rep))
        {
            self.exchange = Some(exchange);
        }
    }

    /// The guest has read of a message.
    pub(super) fn was_read(&mut self, rep: u32, octets: &[u8]) {
        if self.has_lent_message(rep) && self.message.is_none() {
            self.reread.extend_from_slice(octets);
        }
    }

    fn has_lent_message(&self, rep: u32) -> bool {
        self.lent
            .as_ref()
            .is_some_and(|lent| lent.message == Some(rep))
    }
}

/// The session as it was, whatever the guest has kept or let go of since; `None` if it can not be
/// taken back. The cell is of no more use.
pub(super) fn rescue(cell: &mut Cell) -> Option<Parked> {
    let Rescued {
        lent,
        maildrop,
        message,
        exchange,
        reread,
    } = mem::take(&mut cell.rescued);
    let lent = lent?;
    let table = &mut cell.table;
    let maildrop = maildrop.or_else(|| {
        let kept = table.delete(Resource::<Maildrop>::new_own(lent.maildrop?));
        Some(kept.ok()?.0)
    });
    let message = message.or_else(|| {
        let kept = table.delete(Resource::<Message>::new_own(lent.message?));
        Some(kept.ok()?.0)
    });
    let exchange = exchange.or_else(|| {
        let kept = table.delete(Resource::<Exchange>::new_own(lent.exchange?));
        Some(kept.ok()?.exchange)
    });
    Some(Parked {
        state: lent.state,
        maildrop,
        message: message.map(|message| again(reread, message)),
        exchange,
        is_logged_in: lent.is_logged_in,
        usage: lent.usage,
        computed: cell.computed(),
    })
}

/// A message that gives these octets first.
fn again(octets: Vec<u8>, message: Box<dyn capability::Message>) -> Box<dyn capability::Message> {
    if octets.is_empty() {
        return message;
    }
    let given = 0;
    Box::new(Again {
        octets,
        given,
        message,
    })
}

struct Again {
    octets: Vec<u8>,
    given: usize,
    message: Box<dyn capability::Message>,
}

impl capability::Message for Again {
    fn read(&mut self, max: usize) -> Answer<'_, Result<Vec<u8>, Fault>> {
        let left = &self.octets[self.given..];
        if left.is_empty() {
            return self.message.read(max);
        }
        let octets = left[..left.len().min(max)].to_vec();
        self.given += octets.len();
        Box::pin(std::future::ready(Ok(octets)))
    }
}
