//! Where a session sits: in which cell, in which component, on which thread its calls are made.
//!
//! Speaks no POP3 and owns no socket; `connection.rs` makes the calls. How a session gets from one
//! place to another is in `moves.rs`.

mod berth;
mod moves;
mod surroundings;

use std::sync::{Arc, Weak};

use arc_swap::ArcSwapOption;

pub(crate) use self::berth::Berth;
use crate::{
    capability::Login,
    cells::{Cells, Room},
    end::SessionId,
    login::Watch,
    record::{self, Recorder},
    rollout::{Generation, Member, Rollout},
    sandbox::{Connection, Error, Parked, Sandbox, Session, Step, Usage},
    slow_lane::SlowLane,
    takeover::Departures,
    tenant::{SessionPolicy, Tenants},
};

/// Octets of output that a step is asked for: enough to make a call cheap beside what it sends,
/// little enough to wait in the socket's buffer. Below 64 KiB, the most that Linux hands on as one
/// packet: what goes beyond it is a packet of its own, with all that it costs, for a few octets.
const OUTPUT_OCTETS: u32 = 60 * 1024;

/// What all sessions of a server share.
pub(crate) struct House {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) cells: Cells,
    pub(crate) slow_lane: SlowLane,
    pub(crate) rollout: Arc<Rollout>,
    /// Where sessions go that leave this process.
    pub(crate) departures: Arc<ArcSwapOption<Departures>>,
}

/// Who may take the session further, and what for.
pub(crate) struct Surroundings {
    pub(crate) house: Arc<House>,
    pub(crate) tenants: Arc<Tenants>,
    /// What it is served with.
    pub(crate) policy: Arc<SessionPolicy>,
    /// Whether the login will say whose user it is.
    pub(crate) is_undecided: bool,
    /// What its cells may use up, and who is charged.
    pub(crate) payer: Arc<SessionPolicy>,
    pub(crate) facts: Connection,
    pub(crate) watch: Watch,
    pub(crate) id: SessionId,
    /// Who writes the session down, if anybody does.
    pub(crate) recorder: Option<Recorder>,
}

/// A session and where it is.
pub(crate) struct Seat {
    place: Place,
    /// The generation that it is in, or that wrote its state.
    member: Member,
    /// Whether that has yet to show that it can be relied upon.
    is_proving: bool,
    /// What the track's epoch was when the session was last where it belongs.
    epoch: u64,
    /// A generation that did not do for this session. Not kept alive by that.
    barred: Weak<Generation>,
    /// Whether it is in another component than before; nobody has asked yet.
    has_moved: bool,
    surroundings: Box<Surroundings>,
    /// What it did, should it be lost.
    usage: Usage,
}

/// Where a session can be.
enum Place {
    /// In a cell.
    Cell { session: Session, room: Room },
    /// Nowhere but here, as a value.
    Parked(Parked),
    /// Lost on the way; the connection ends then.
    Lost,
}

/// A call into the session.
#[derive(Clone, Copy)]
enum Call<'a> {
    Greet,
    Lines(&'a [u8]),
    More,
    Overlong,
}

/// The session is nowhere: a call into it panicked.
const LOST: Error = Error::Lost;

impl Seat {
    /// A new session, as soon as there is a cell for it, in the component where it belongs.
    pub(crate) async fn take(
        login: Box<dyn Login>,
        surroundings: Surroundings,
    ) -> Result<Self, Error> {
        let track = &surroundings.policy.track;
        let epoch = track.epoch();
        let generation = track.target(&surroundings.traveller());
        let is_proving = generation.is_on_probation();
        let room = surroundings.room().await?;
        let begun = surroundings.begin(login, &generation).await;
        let member = Member::new(generation);
        let mut seat = Self {
            place: Place::Lost,
            member,
            is_proving,
            epoch,
            barred: Weak::new(),
            has_moved: false,
            surroundings: Box::new(surroundings),
            usage: Usage::default(),
        };
        match begun {
            Ok(session) => seat.place = Place::Cell { session, room },
            Err(error) => Box::pin(seat.begin_again(error, room)).await?,
        }
        Ok(seat)
    }

    /// The greeting.
    pub(crate) async fn greet(&mut self) -> Result<Step, Error> {
        let step = self.greet_unrecorded().await;
        if let Some(recorder) = &self.surroundings.recorder {
            recorder.called(record::Call::Greet, &step);
        }
        step
    }

    async fn greet_unrecorded(&mut self) -> Result<Step, Error> {
        let greeted = self.make(Call::Greet).await;
        let Err(error) = greeted else {
            return greeted;
        };
        let (_, room) = self.leave().ok_or(LOST)?;
        Box::pin(self.begin_again(error, room)).await?;
        self.make(Call::Greet).await
    }

    /// The answer to complete lines, or the beginning of it.
    pub(crate) async fn lines(&mut self, lines: &[u8]) -> Result<Step, Error> {
        self.call(Call::Lines(lines)).await
    }

    /// More of an answer.
    pub(crate) async fn more(&mut self) -> Result<Step, Error> {
        self.call(Call::More).await
    }

    /// The answer to a line that is too long.
    pub(crate) async fn overlong(&mut self) -> Result<Step, Error> {
        self.call(Call::Overlong).await
    }

    /// Whether a login has succeeded.
    pub(crate) fn is_logged_in(&self) -> bool {
        match &self.place {
            Place::Cell { session, .. } => session.is_logged_in(),
            Place::Parked(parked) => parked.is_logged_in,
            Place::Lost => false,
        }
    }

    /// The session, if it is in a cell.
    pub(crate) fn session(&self) -> Option<&Session> {
        match &self.place {
            Place::Cell { session, .. } => Some(session),
            Place::Parked(_) | Place::Lost => None,
        }
    }

    /// What the session has done so far.
    pub(crate) fn usage(&self) -> Usage {
        match &self.place {
            Place::Cell { session, .. } => session.usage(),
            Place::Parked(parked) => parked.usage,
            Place::Lost => self.usage,
        }
    }

    /// Whether lines have to come one by one: what follows a login may be another component's, and
    /// who writes the session down has to know which line a secret was in.
    pub(crate) fn wants_single_lines(&self) -> bool {
        let is_watched = self.surroundings.is_undecided || self.surroundings.recorder.is_some();
        is_watched && !self.is_logged_in()
    }

    /// What it shares with all others.
    pub(crate) fn house(&self) -> &Arc<House> {
        &self.surroundings.house
    }

    /// The digest of the component that it is in, or that wrote its state.
    pub(crate) fn component(&self) -> &str {
        self.member.generation().version().digest()
    }

    /// Whether it is in another component than when this was asked last.
    pub(crate) fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.has_moved)
    }

    /// Makes a call where it belongs to be made.
    async fn call(&mut self, call: Call<'_>) -> Result<Step, Error> {
        let step = self.place_call(call).await;
        if let Some(recorder) = &self.surroundings.recorder {
            recorder.called(call.recorded(), &step);
        }
        step
    }

    async fn place_call(&mut self, call: Call<'_>) -> Result<Step, Error> {
        // What is seldom done is in boxes: an idle connection has room for all that it could do.
        if !self.is_at_home() {
            Box::pin(self.come_in()).await?;
        }
        if self.is_proving {
            return Box::pin(self.call_unproven(call)).await;
        }
        let made = self.make(call).await;
        if made.as_ref().is_err_and(Error::is_components_fault) {
            self.member.generation().failed();
        }
        made
    }

    /// Makes a call that can be taken back and made elsewhere: the component is new.
    async fn call_unproven(&mut self, call: Call<'_>) -> Result<Step, Error> {
        let generation = Arc::clone(self.member.generation());
        let Surroundings { house, policy, .. } = &*self.surroundings;
        self.is_proving = generation.is_on_probation();
        let (house, track) = (Arc::clone(house), Arc::clone(&policy.track));
        let made = match self.checkpoint().await {
            Ok(()) => self.make(call).await,
            Err(error) => Err(error),
        };
        let made = match made {
            Err(error) if error.is_components_fault() => {
                generation.failed();
                match self.retreat().await? {
                    true => self.make(call).await,
                    false => Err(error),
                }
            }
            made => made,
        };
        house.rollout.judge(&track, &generation);
        made
    }

    async fn checkpoint(&mut self) -> Result<(), Error> {
        match &mut self.place {
            Place::Cell { session, .. } => session.checkpoint(&self.surroundings.facts).await,
            Place::Parked(_) | Place::Lost => Err(LOST),
        }
    }

    /// Makes a call in the cell that the session is in.
    async fn make(&mut self, call: Call<'_>) -> Result<Step, Error> {
        let Place::Cell { session, .. } = &mut self.place else {
            return Err(LOST);
        };
        let step = match session.is_overdrawn() {
            // In a box, since a call has room for more than all the rest of an idle connection.
            false => Box::pin(call.make(session)).await,
            true => Box::pin(self.make_slowly(call)).await,
        }?;
        self.member.generation().answered(&step);
        Ok(step)
    }

    /// The same where it keeps nobody else waiting.
    async fn make_slowly(&mut self, call: Call<'_>) -> Result<Step, Error> {
        self.usage = self.usage();
        let Place::Cell { mut session, room } = std::mem::replace(&mut self.place, Place::Lost)
        else {
            return Err(LOST);
        };
        let (kind, lines) = call.apart();
        let work = async move {
            let step = Call::together(kind, &lines).make(&mut session).await;
            (session, step)
        };
        let slow_lane = &self.surroundings.house.slow_lane;
        let (session, step) = slow_lane.run(work).await.ok_or(LOST)?;
        self.place = Place::Cell { session, room };
        step
    }
}

impl<'a> Call<'a> {
    async fn make(self, session: &mut Session) -> Result<Step, Error> {
        match self {
            Self::Greet => session.greet().await,
            Self::Lines(lines) => session.lines(lines, OUTPUT_OCTETS).await,
            Self::More => session.more(OUTPUT_OCTETS).await,
            Self::Overlong => session.overlong().await,
        }
    }

    /// The call as it is written down.
    fn recorded(self) -> record::Call {
        match self {
            Self::Greet => record::Call::Greet,
            Self::Lines(lines) => record::Call::Lines(record::Text::of(lines)),
            Self::More => record::Call::More,
            Self::Overlong => record::Call::Overlong,
        }
    }

    /// The call without its lines, and those: for another thread they have to be its own.
    fn apart(self) -> (Call<'static>, Vec<u8>) {
        match self {
            Self::Lines(lines) => (Call::Lines(&[]), lines.to_vec()),
            Self::Greet => (Call::Greet, Vec::new()),
            Self::More => (Call::More, Vec::new()),
            Self::Overlong => (Call::Overlong, Vec::new()),
        }
    }

    fn together(kind: Call<'static>, lines: &'a [u8]) -> Self {
        match kind {
            Call::Lines(_) => Self::Lines(lines),
            Call::Greet | Call::More | Call::Overlong => kind,
        }
    }
}
