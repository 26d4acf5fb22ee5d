//! What is kept of a seat while nobody serves its session.

use std::sync::{Arc, Weak};

use super::{Place, Seat, Surroundings};
use crate::{
    record::Recorder,
    rollout::{Generation, Member},
    sandbox::{Parked, Usage},
    tenant::SessionPolicy,
};

/// A session that is parked, where it belongs, and what its [`Surroundings`] have that can not be had
/// again.
pub(crate) struct Berth {
    pub(crate) parked: Parked,
    pub(crate) policy: Arc<SessionPolicy>,
    pub(crate) payer: Arc<SessionPolicy>,
    pub(crate) recorder: Option<Recorder>,
    member: Member,
    is_proving: bool,
    epoch: u64,
    barred: Weak<Generation>,
}

impl Seat {
    /// Whether the session is in no cell and nothing is under way in it: nobody sends a message of
    /// its maildrop, nobody waits for its response to a challenge.
    pub(crate) fn is_at_rest(&self) -> bool {
        match &self.place {
            Place::Parked(parked) => parked.message.is_none() && parked.exchange.is_none(),
            Place::Cell { .. } | Place::Lost => false,
        }
    }

    /// What is to be kept of it; `None` if it is in no state to be kept.
    pub(crate) fn pack(self) -> Option<Berth> {
        let Place::Parked(parked) = self.place else {
            return None;
        };
        let Surroundings {
            policy,
            payer,
            recorder,
            ..
        } = *self.surroundings;
        Some(Berth {
            parked,
            policy,
            payer,
            recorder,
            member: self.member,
            is_proving: self.is_proving,
            epoch: self.epoch,
            barred: self.barred,
        })
    }
}

impl Berth {
    /// The seat that it was.
    pub(crate) fn unpack(self, surroundings: Surroundings) -> Seat {
        Seat {
            place: Place::Parked(self.parked),
            member: self.member,
            is_proving: self.is_proving,
            epoch: self.epoch,
            barred: self.barred,
            has_moved: false,
            surroundings: Box::new(surroundings),
            usage: Usage::default(),
        }
    }
}
