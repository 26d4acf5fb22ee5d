//! How a session gets from one place to another: out of a cell and into one, into the component
//! where it belongs, and back when that does not take it.
//!
//! A session that can not be moved stays what it was; whatever happens here, its maildrop is never
//! let go of while the session goes on.

use std::{
    mem,
    sync::{Arc, Weak},
};

use tracing::{debug, warn};

use super::{LOST, Place, Seat, Surroundings};
use crate::{
    cells::Room,
    end::End,
    rollout::{Generation, Member},
    sandbox::{Error, Limit, NotMoved, Parked, Session, Usage, Version},
    tenant::SessionPolicy,
};

/// An epoch that no track has.
const NEVER: u64 = u64::MAX;

impl Seat {
    /// Whether the session is in no cell.
    pub(crate) fn is_parked(&self) -> bool {
        matches!(self.place, Place::Parked(_))
    }

    /// Takes the session out of its cell until there is something for it to do. Gives the cell, which
    /// nobody else has until that is dropped.
    pub(crate) async fn park(&mut self) -> Result<Option<Room>, Error> {
        if self.is_parked() {
            return Ok(None);
        }
        let (parked, room) = self.take_out().await?;
        self.place = Place::Parked(parked);
        Ok(Some(room))
    }

    /// A session that another process had. It is parked, and is known to be taken by the component
    /// where it belongs.
    pub(crate) async fn arrive(parked: Parked, surroundings: Surroundings) -> Result<Self, Error> {
        let track = &surroundings.policy.track;
        let epoch = track.epoch();
        let generation = track.target(&surroundings.traveller());
        let version = Arc::clone(generation.version());
        let mut seat = Self {
            place: Place::Parked(parked),
            is_proving: generation.is_on_probation(),
            member: Member::new(generation),
            epoch,
            barred: Weak::new(),
            has_moved: false,
            surroundings: Box::new(surroundings),
            usage: Usage::default(),
        };
        seat.try_out(&version).await?;
        Ok(seat)
    }

    /// The session as it is parked, if nothing is under way in it that belongs to this process.
    pub(crate) fn parked(&self) -> Option<&Parked> {
        match &self.place {
            Place::Parked(parked) => Some(parked)
                .filter(|parked| parked.message.is_none() && parked.exchange.is_none())
                .filter(|_| self.surroundings.recorder.is_none()),
            Place::Cell { .. } | Place::Lost => None,
        }
    }

    /// Another process has the session: what it holds is let go of, and not released.
    pub(crate) fn let_go(&mut self) {
        self.usage = self.usage();
        if let Place::Parked(parked) = mem::replace(&mut self.place, Place::Lost)
            && let Some(grant) = parked.maildrop
        {
            grant.maildrop.leave();
        }
    }

    /// The session has nothing to do, and is to look whether it should be somewhere else.
    pub(crate) async fn settle(&mut self) -> Result<(), Error> {
        let track = Arc::clone(&self.surroundings.policy.track);
        if let Some(sample) = track.sample()
            && sample.takes_part()
        {
            self.park().await?;
            let taken = self.try_out(sample.version()).await;
            sample.report(taken);
        }
        if self.epoch != track.epoch() {
            let was_parked = self.is_parked();
            self.come_in().await?;
            if was_parked || self.surroundings.house.cells.is_wanted() {
                self.park().await?;
            }
        } else if self.surroundings.house.cells.is_wanted() {
            self.park().await?;
        }
        Ok(())
    }

    /// A login has succeeded: from here on the session is its tenant's, in the tenant's component
    /// and at the tenant's charge. One that this component does not take stays in the one that it
    /// began in.
    pub(crate) async fn hand_over(&mut self) -> Result<(), End> {
        if self.surroundings.policy.track.has_canary() {
            // It may be for this user.
            self.epoch = NEVER;
        }
        if !self.surroundings.is_undecided {
            return Ok(());
        }
        let Surroundings { watch, tenants, .. } = &*self.surroundings;
        let tenant = watch.record().tenant;
        let Some(tenant) = tenant.and_then(|name| tenants.by_name(&name).cloned()) else {
            return Ok(());
        };
        // The client may have been slow to take the answer, and the session parked meanwhile.
        self.wake().await?;
        let policy = Arc::clone(&tenant.policy);
        if let Some(recorder) = &self.surroundings.recorder {
            recorder.decide(policy.is_recorded);
        }
        let target = policy.track.target(&self.surroundings.traveller());
        let Place::Cell { session, .. } = &mut self.place else {
            return Err(LOST.into());
        };
        if !session.adopt(policy.terms.clone()) {
            let most = policy.terms.budget.most_memory();
            return Err(Error::Limit(Limit::TenantMemory(most)).into());
        }
        self.surroundings.payer = Arc::clone(&policy);
        if session.version().is_same(target.version()) {
            self.surroundings.policy = policy;
            self.join(target);
            return Ok(());
        }
        self.give_to(&policy, target, tenant.name()).await
    }

    async fn give_to(
        &mut self,
        policy: &Arc<SessionPolicy>,
        target: Arc<Generation>,
        tenant: &str,
    ) -> Result<(), End> {
        let front = mem::replace(&mut self.surroundings.policy, Arc::clone(policy));
        let Some(cause) = self.move_to(target).await? else {
            return Ok(());
        };
        warn!(
            tenant,
            component = policy.track.current().version().digest(),
            %cause,
            "the tenant's component does not take a session; it goes on in the one it began in",
        );
        self.surroundings.policy = front;
        Ok(())
    }

    /// Whether the session is in a cell, in the component where it belongs.
    pub(super) fn is_at_home(&self) -> bool {
        self.epoch == self.surroundings.policy.track.epoch() && !self.is_parked()
    }

    /// Sees to it that the session is in a cell, in the component where it belongs.
    pub(super) async fn come_in(&mut self) -> Result<(), Error> {
        let epoch = self.surroundings.policy.track.epoch();
        let target = self.target();
        self.epoch = epoch;
        if Arc::ptr_eq(self.member.generation(), &target) || self.is_barred_from(&target) {
            return self.wake().await;
        }
        self.move_to(target).await?;
        Ok(())
    }

    fn is_barred_from(&self, generation: &Arc<Generation>) -> bool {
        self.barred.as_ptr() == Arc::as_ptr(generation)
    }

    fn target(&self) -> Arc<Generation> {
        let Surroundings { policy, .. } = &*self.surroundings;
        policy.track.target(&self.surroundings.traveller())
    }

    /// Puts a session that is parked into a cell, in the component that it was in.
    async fn wake(&mut self) -> Result<(), Error> {
        if !self.is_parked() {
            return Ok(());
        }
        let room = self.surroundings.room().await?;
        let Place::Parked(parked) = mem::replace(&mut self.place, Place::Lost) else {
            return Err(LOST);
        };
        self.put_back(parked, room).await
    }

    /// Moves the session into this generation. If that does not take it, it is in a cell of its old
    /// one behind this; what the new one had against it is given.
    async fn move_to(&mut self, target: Arc<Generation>) -> Result<Option<Error>, Error> {
        let own = self.member.generation().version();
        if target.version().is_same(own) {
            self.join(target);
            self.wake().await?;
            return Ok(None);
        }
        let (parked, room) = self.take_out().await?;
        let house = Arc::clone(&self.surroundings.house);
        let track = Arc::clone(&self.surroundings.policy.track);
        match self.surroundings.resume(&target, parked).await {
            Ok(session) => {
                self.place = Place::Cell { session, room };
                self.join(target);
                Ok(None)
            }
            Err(NotMoved { error, parked }) => {
                debug!(session = %self.surroundings.id, generation = target.number(), %error,
                    "a session is not taken and stays where it is");
                target.did_not_take(&error);
                house.rollout.judge(&track, &target);
                self.barred = Arc::downgrade(&target);
                self.put_back(*parked.ok_or(LOST)?, room).await?;
                Ok(Some(error))
            }
        }
    }

    /// The session is in a generation of the component that it is in already.
    fn join(&mut self, generation: Arc<Generation>) {
        self.is_proving = generation.is_on_probation();
        self.member = Member::moved(generation);
        self.has_moved = true;
        if let Some(recorder) = &self.surroundings.recorder {
            recorder.moved(self.member.generation().version().digest());
        }
    }

    /// Puts the session into a cell, in the component that it was in.
    async fn put_back(&mut self, parked: Parked, room: Room) -> Result<(), Error> {
        let generation = Arc::clone(self.member.generation());
        let resumed = self.surroundings.resume(&generation, parked).await;
        let session = resumed.map_err(|not_moved| not_moved.error)?;
        self.place = Place::Cell { session, room };
        Ok(())
    }

    /// Resumes the session, which is parked, in a component, and takes it back as it was.
    async fn try_out(&mut self, version: &Arc<Version>) -> Result<(), Error> {
        let _room = self.surroundings.room().await?;
        let Place::Parked(parked) = mem::replace(&mut self.place, Place::Lost) else {
            return Err(LOST);
        };
        let stranger = Generation::stranger(Arc::clone(version));
        let (taken, parked) = match self.surroundings.resume(&stranger, parked).await {
            Ok(session) => (Ok(()), session.retreat().map(Box::new)),
            Err(NotMoved { error, parked }) => (Err(error), parked),
        };
        self.place = Place::Parked(*parked.ok_or(LOST)?);
        taken
    }

    /// Takes the session out of its cell, or from where it is parked; with a cell to go to.
    async fn take_out(&mut self) -> Result<(Parked, Room), Error> {
        if self.is_parked() {
            let room = self.surroundings.room().await?;
            return match mem::replace(&mut self.place, Place::Lost) {
                Place::Parked(parked) => Ok((parked, room)),
                Place::Cell { .. } | Place::Lost => Err(LOST),
            };
        }
        self.usage = self.usage();
        let (session, room) = self.leave().ok_or(LOST)?;
        let (error, parked) = match session.suspend().await {
            Ok(parked) => return Ok((parked, room)),
            Err(NotMoved { error, parked }) => (error, parked),
        };
        // It came into a new component, and does not come out again.
        self.member.generation().failed();
        let parked = parked.ok_or_else(|| error.clone())?;
        if !self.go_back(*parked, room).await? {
            return Err(error);
        }
        let (session, room) = self.leave().ok_or(LOST)?;
        let parked = session.suspend().await;
        Ok((parked.map_err(|not_moved| not_moved.error)?, room))
    }

    /// After a call has failed: takes the session back as it was before, into a component that it
    /// can go on in. `false` if that can not be.
    pub(super) async fn retreat(&mut self) -> Result<bool, Error> {
        self.usage = self.usage();
        let (session, room) = self.leave().ok_or(LOST)?;
        match session.retreat() {
            Some(parked) => self.go_back(parked, room).await,
            None => Ok(false),
        }
    }

    async fn go_back(&mut self, parked: Parked, room: Room) -> Result<bool, Error> {
        let Some(refuge) = self.refuge() else {
            return Ok(false);
        };
        let resumed = self.surroundings.resume(&refuge, parked).await;
        let session = resumed.map_err(|not_moved| not_moved.error)?;
        self.enter(session, room, refuge);
        Ok(true)
    }

    /// The component that a session begins in does not do: it begins again in the one before.
    pub(super) async fn begin_again(&mut self, error: Error, room: Room) -> Result<(), Error> {
        if !error.is_components_fault() {
            return Err(error);
        }
        let generation = Arc::clone(self.member.generation());
        generation.failed();
        let Some(refuge) = self.refuge().filter(|_| self.is_proving) else {
            return Err(error);
        };
        let login = self.surroundings.login();
        let session = self.surroundings.begin(login, &refuge).await?;
        self.enter(session, room, refuge);
        let Surroundings { house, policy, .. } = &*self.surroundings;
        house.rollout.judge(&policy.track, &generation);
        Ok(())
    }

    /// Where the session can be if its generation does not do for it.
    fn refuge(&self) -> Option<Arc<Generation>> {
        let track = &self.surroundings.policy.track;
        track.refuge(self.member.generation())
    }

    /// The session is in a generation that it has been driven back to.
    fn enter(&mut self, session: Session, room: Room, refuge: Arc<Generation>) {
        if let Some(recorder) = &self.surroundings.recorder {
            recorder.taken_back();
        }
        self.barred = Arc::downgrade(self.member.generation());
        self.place = Place::Cell { session, room };
        self.join(refuge);
    }

    /// The session and its cell, for the seat to be empty.
    pub(super) fn leave(&mut self) -> Option<(Session, Room)> {
        match mem::replace(&mut self.place, Place::Lost) {
            Place::Cell { session, room } => Some((session, room)),
            Place::Parked(_) | Place::Lost => None,
        }
    }
}
