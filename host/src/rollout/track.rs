//! Which component the sessions of a tenant are to be in.
//!
//! Moves nothing: a session asks its track before a call, and `seat.rs` moves it. Whoever changes a
//! track is `mod.rs`.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, Weak,
    atomic::{AtomicU64, Ordering},
};

use arc_swap::{ArcSwap, ArcSwapOption};

use super::{Generation, probation::Bounds, sample::Sample};
use crate::{end::SessionId, sandbox::Version};

/// Whose sessions get a new component first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Canary {
    /// So many of a hundred, by their ids.
    Percent(u8),
    /// Those of these users, by the names that the user database writes.
    Users(Vec<String>),
}

/// What a track knows of a session when it is asked where that belongs.
#[derive(Clone, Debug)]
pub(crate) struct Traveller {
    pub(crate) session: SessionId,
    pub(crate) user: Option<Arc<str>>,
}

/// The components of one tenant's sessions, one behind the other.
#[derive(Debug)]
pub struct Track {
    /// Moves on whenever sessions may belong elsewhere than before.
    epoch: AtomicU64,
    plan: ArcSwap<Plan>,
    sample: ArcSwapOption<Sample>,
    /// All that somebody holds, for whoever lists them.
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    generations: Vec<Weak<Generation>>,
    last: u64,
}

/// Where sessions belong.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) stable: Arc<Generation>,
    pub(super) canary: Option<(Arc<Generation>, Canary)>,
    /// What `roll_back` goes back to: the last one that has stood its probation.
    pub(super) previous: Option<Arc<Generation>>,
}

/// What a generation is to its track.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// New sessions begin in it.
    Current,
    /// Some sessions are in it, to see how it does.
    Canary,
    /// A rollback goes back to it.
    Previous,
    /// Sessions are in it that no other generation took.
    Retired,
}

impl Standing {
    /// The standing in one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Canary => "canary",
            Self::Previous => "previous",
            Self::Retired => "retired",
        }
    }
}

impl Track {
    /// A track whose sessions are in this component.
    pub fn new(version: Arc<Version>) -> Self {
        let stable = Arc::new(Generation::new(1, version, None));
        let generations = vec![Arc::downgrade(&stable)];
        Self {
            epoch: AtomicU64::new(0),
            plan: ArcSwap::from_pointee(Plan {
                stable,
                canary: None,
                previous: None,
            }),
            sample: ArcSwapOption::empty(),
            known: Mutex::new(Known {
                generations,
                last: 1,
            }),
        }
    }

    /// A number that is another one whenever a session may belong elsewhere.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The generation of new sessions, as far as no canary takes them.
    pub fn current(&self) -> Arc<Generation> {
        Arc::clone(&self.plan.load().stable)
    }

    /// Where a session belongs.
    pub(crate) fn target(&self, who: &Traveller) -> Arc<Generation> {
        let plan = self.plan.load();
        match &plan.canary {
            Some((generation, canary)) if canary.takes(who) => Arc::clone(generation),
            Some(_) | None => Arc::clone(&plan.stable),
        }
    }

    /// Whether some sessions belong elsewhere than others.
    pub(crate) fn has_canary(&self) -> bool {
        self.plan.load().canary.is_some()
    }

    /// What a session with nothing to do is to take part in.
    pub(crate) fn sample(&self) -> Option<Arc<Sample>> {
        self.sample.load_full()
    }

    pub(super) fn set_sample(&self, sample: Option<Arc<Sample>>) {
        self.sample.store(sample);
    }

    /// Where a session can go back to that this generation has failed.
    pub(crate) fn refuge(&self, from: &Generation) -> Option<Arc<Generation>> {
        let plan = self.plan.load();
        let candidates = [Some(&plan.stable), plan.previous.as_ref()];
        let candidates = candidates.into_iter().flatten();
        let mut others =
            candidates.filter(|generation| !std::ptr::eq(Arc::as_ptr(generation), from));
        let first = others.next()?;
        let better = others.find(|_| first.is_on_probation());
        Some(Arc::clone(better.unwrap_or(first)))
    }

    /// The bounds that this generation has broken, if it is the newest one, and on probation.
    pub(super) fn verdict(&self, generation: &Generation) -> Option<String> {
        let plan = self.plan.load();
        std::ptr::eq(Arc::as_ptr(plan.newest()), generation).then_some(())?;
        generation.broken_bounds()
    }

    pub(super) fn plan(&self) -> Arc<Plan> {
        self.plan.load_full()
    }

    /// Gives the track a further component: for all sessions, or for some.
    pub(super) fn start(
        &self,
        version: Arc<Version>,
        canary: Option<Canary>,
        bounds: Bounds,
    ) -> Arc<Generation> {
        let mut known = self.known();
        known.last += 1;
        let generation = Arc::new(Generation::new(known.last, version, Some(bounds)));
        known.generations.retain(|known| known.strong_count() > 0);
        known.generations.push(Arc::downgrade(&generation));
        let plan = self.plan.load();
        let next = match canary {
            Some(canary) => Plan {
                canary: Some((Arc::clone(&generation), canary)),
                ..Plan::clone(&plan)
            },
            None => Plan {
                stable: Arc::clone(&generation),
                canary: None,
                previous: Some(plan.proven()),
            },
        };
        self.follow(next);
        generation
    }

    /// Gives all sessions to the canary. `None` if there is none of this component.
    pub(super) fn promote(&self, version: &Version) -> Option<Arc<Generation>> {
        let _known = self.known();
        let plan = self.plan.load();
        let (generation, _) = plan.canary.as_ref()?;
        generation.version().is_same(version).then_some(())?;
        let generation = Arc::clone(generation);
        self.follow(Plan {
            stable: Arc::clone(&generation),
            canary: None,
            previous: Some(plan.proven()),
        });
        Some(generation)
    }

    /// Takes the newest generation back, the canary if there is one. Gives it, and the one that
    /// sessions belong to from here on; `None` if there is nothing to go back to, or if the newest
    /// is not the one that is meant.
    pub(super) fn roll_back(
        &self,
        meant: Option<u64>,
    ) -> Option<(Arc<Generation>, Arc<Generation>)> {
        let _known = self.known();
        let plan = self.plan.load();
        let newest = Arc::clone(plan.newest());
        if meant.is_some_and(|meant| meant != newest.number()) {
            return None;
        }
        let next = match (&plan.canary, &plan.previous) {
            (Some(_), _) => Plan {
                canary: None,
                ..Plan::clone(&plan)
            },
            (None, Some(previous)) => Plan {
                stable: Arc::clone(previous),
                canary: None,
                previous: None,
            },
            (None, None) => return None,
        };
        let stable = Arc::clone(&next.stable);
        self.follow(next);
        Some((newest, stable))
    }

    /// All generations that are in use, with what they are, the newest first.
    pub fn generations(&self) -> Vec<(Arc<Generation>, Standing)> {
        let plan = self.plan.load();
        let known = self.known();
        let alive = known.generations.iter().rev().filter_map(Weak::upgrade);
        let listed = alive.map(|generation| {
            let standing = plan.standing(&generation);
            (generation, standing)
        });
        let is_used = |(generation, standing): &(Arc<Generation>, Standing)| {
            *standing != Standing::Retired || generation.tallied().sessions > 0
        };
        listed.filter(is_used).collect()
    }

    fn follow(&self, plan: Plan) {
        self.plan.store(Arc::new(plan));
        self.epoch.fetch_add(1, Ordering::Release);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    pub(super) fn newest(&self) -> &Arc<Generation> {
        self.canary
            .as_ref()
            .map_or(&self.stable, |(generation, _)| generation)
    }

    /// The newest one that all sessions were to be in and that has stood its probation.
    fn proven(&self) -> Arc<Generation> {
        let previous = self.previous.as_ref();
        let previous = previous.filter(|_| self.stable.is_on_probation());
        Arc::clone(previous.unwrap_or(&self.stable))
    }

    fn standing(&self, generation: &Generation) -> Standing {
        let is = |other: &Generation| std::ptr::eq(other, generation);
        if is(&self.stable) {
            Standing::Current
        } else if self.canary.as_ref().is_some_and(|(canary, _)| is(canary)) {
            Standing::Canary
        } else if self.previous.as_deref().is_some_and(is) {
            Standing::Previous
        } else {
            Standing::Retired
        }
    }
}

impl Canary {
    fn takes(&self, who: &Traveller) -> bool {
        match self {
            Self::Percent(percent) => who.session.is_in_sample(u32::from(*percent), 100),
            Self::Users(users) => users.iter().any(|user| who.user.as_deref() == Some(user)),
        }
    }
}
