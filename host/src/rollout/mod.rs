//! Components in flight: how a new one gets open sessions, how it shows that it can be relied upon,
//! and how it is taken back.
//!
//! Decides where sessions belong; they move by themselves (`seat`). Reads files of components only
//! through `component.rs`.

mod generation;
mod history;
mod order;
mod probation;
mod sample;
mod track;
mod vetting;

use std::{
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use tokio::{sync::Mutex, task, time::sleep};
use tracing::warn;

use self::history::History;
pub(crate) use self::{generation::Member, track::Traveller};
pub use self::{
    generation::{Generation, Tallied},
    history::Event,
    order::{Order, Refusal, Replayed, Report},
    probation::Bounds,
    track::{Canary, Standing, Track},
};
use crate::{
    component::Trust,
    sandbox::{Sandbox, Version},
    services::Brought,
    sessions::{Entry, Sessions},
    tenant::Tenants,
};

/// The name under which sessions are listed that no tenant has been found for yet.
pub const FRONT: &str = "*";

/// Sessions that are told at a time that they belong elsewhere, and the pause behind them: nobody's
/// command waits behind the moves of all.
const BATCH: usize = 64;
const PAUSE: Duration = Duration::from_millis(1);

/// How long a swap that waits does so.
const PATIENCE: Duration = Duration::from_secs(60);

/// All tracks of a server, and whoever changes them.
#[derive(Debug)]
pub struct Rollout {
    sandbox: Arc<Sandbox>,
    tenants: Arc<ArcSwap<Tenants>>,
    sessions: Arc<Sessions>,
    trust: Trust,
    bounds: Bounds,
    history: History,
    /// One change at a time.
    busy: Mutex<()>,
}

/// A generation as it is listed.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Whose it is.
    pub tenant: String,
    /// What it is to its track.
    pub standing: Standing,
    /// The generation.
    pub generation: Arc<Generation>,
}

/// A track by the name of its tenant.
type Named = (String, Arc<Track>);

impl Rollout {
    /// The tracks of these tenants.
    ///
    /// # Errors
    ///
    /// The history in the state directory can not be read or written.
    pub(crate) fn new(
        sandbox: Arc<Sandbox>,
        tenants: Arc<ArcSwap<Tenants>>,
        sessions: Arc<Sessions>,
        (trust, bounds): (Trust, Bounds),
        state: Option<&Path>,
    ) -> io::Result<Self> {
        Ok(Self {
            sandbox,
            tenants,
            sessions,
            trust,
            bounds,
            history: History::open(state)?,
            busy: Mutex::default(),
        })
    }

    /// All generations that are in use, by tenant, the newest first.
    pub fn generations(&self) -> Vec<Listed> {
        let mut listed = Vec::new();
        for (tenant, track) in self.tracks() {
            let generations = track.generations().into_iter();
            listed.extend(generations.map(|(generation, standing)| Listed {
                tenant: tenant.clone(),
                standing,
                generation,
            }));
        }
        listed
    }

    /// What has been done, the oldest first.
    pub fn history(&self) -> Vec<Event> {
        self.history.list()
    }

    /// Gives sessions another component: it is read, held against its digest and its signature,
    /// compiled, tried, and then it gets new sessions, and open ones as they come along.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: it got no session.
    pub async fn swap(self: &Arc<Self>, order: Order) -> Result<Vec<Report>, Refusal> {
        let _alone = self.busy.lock().await;
        let tracks = self.meant(order.tenant.as_deref())?;
        let version = self.read(&order).await.inspect_err(|refusal| {
            self.note_refusal(&order, &tracks, "", refusal);
        })?;
        let vetted = self.vet(&version, &order, &tracks).await;
        vetted.inspect_err(|refusal| {
            self.note_refusal(&order, &tracks, version.digest(), refusal);
        })?;
        Ok(self.introduce(&tracks, &version, &order).await)
    }

    /// As [`swap`](Self::swap), for components that the configuration names by now.
    pub(crate) async fn follow(
        self: &Arc<Self>,
        wanted: Vec<Brought>,
    ) -> Vec<Result<Report, Refusal>> {
        let _alone = self.busy.lock().await;
        let mut done = Vec::new();
        for Brought {
            tenant,
            track,
            version,
            is_rehearsed,
        } in wanted
        {
            let order = Order::of_the_configuration(is_rehearsed);
            let tracks = [(tenant, track)];
            done.push(match self.vet(&version, &order, &tracks).await {
                Ok(()) => {
                    let reports = self.introduce(&tracks, &version, &order).await;
                    reports.into_iter().next().ok_or(Refusal::Nobody)
                }
                Err(refusal) => {
                    self.note_refusal(&order, &tracks, version.digest(), &refusal);
                    Err(refusal)
                }
            });
        }
        done
    }

    /// Takes the newest component back: its sessions go to the one before.
    ///
    /// # Errors
    ///
    /// [`Refusal::Nobody`], or [`Refusal::NothingBefore`].
    pub async fn roll_back(
        self: &Arc<Self>,
        tenant: Option<&str>,
        who: &str,
    ) -> Result<Vec<Report>, Refusal> {
        let _alone = self.busy.lock().await;
        let mut reports = Vec::new();
        for (tenant, track) in self.meant(tenant)? {
            let Some((_, to)) = self.take_back(&track, &tenant, None, (who, "ordered")) else {
                continue;
            };
            self.tell_sessions(&tenant).await;
            reports.push(Report::of(tenant, &track, &to));
        }
        match reports.is_empty() {
            true => Err(Refusal::NothingBefore),
            false => Ok(reports),
        }
    }

    /// Takes the generation back if it is on probation and has got too much wrong.
    pub(crate) fn judge(self: &Arc<Self>, track: &Arc<Track>, generation: &Generation) {
        let Some(why) = track.verdict(generation) else {
            return;
        };
        let named = self.tracks().into_iter();
        let mut named = named.filter(|(_, known)| Arc::ptr_eq(known, track));
        let tenant = named.next().map(|(tenant, _)| tenant).unwrap_or_default();
        let number = Some(generation.number());
        if self
            .take_back(track, &tenant, number, ("popcell", &why))
            .is_some()
        {
            warn!(
                tenant,
                generation = number,
                why,
                "a new component is taken back"
            );
            let this = Arc::clone(self);
            task::spawn(async move { this.tell_sessions(&tenant).await });
        }
    }

    fn take_back(
        &self,
        track: &Track,
        tenant: &str,
        meant: Option<u64>,
        (who, why): (&str, &str),
    ) -> Option<(Arc<Generation>, Arc<Generation>)> {
        let (from, to) = track.roll_back(meant)?;
        self.history.add(Event {
            tenant: tenant.to_owned(),
            generation: from.number(),
            digest: from.version().digest().to_owned(),
            outcome: format!("back to generation {}: {why}", to.number()),
            ..Event::now(who, "rollback")
        });
        Some((from, to))
    }

    /// Gives the component its sessions.
    async fn introduce(
        self: &Arc<Self>,
        tracks: &[Named],
        version: &Arc<Version>,
        order: &Order,
    ) -> Vec<Report> {
        let mut begun = Vec::new();
        for (tenant, track) in tracks {
            let bounds = self.bounds.beside(&track.current());
            let promoted = match order.canary {
                None => track.promote(version),
                Some(_) => None,
            };
            let (action, generation) = match promoted {
                Some(generation) => ("promote", generation),
                None => {
                    let canary = order.canary.clone();
                    let action = canary.as_ref().map_or("swap", |_| "canary");
                    let generation = track.start(Arc::clone(version), canary, bounds);
                    self.watch(tenant.clone(), Arc::clone(track), &generation);
                    (action, generation)
                }
            };
            self.history.add(Event {
                tenant: tenant.clone(),
                generation: generation.number(),
                digest: version.digest().to_owned(),
                outcome: "begun".to_owned(),
                ..Event::now(&order.who, action)
            });
            begun.push((tenant, track, generation));
        }
        for (tenant, ..) in &begun {
            self.tell_sessions(tenant).await;
        }
        if order.wait {
            for (_, track, generation) in &begun {
                moved(track, generation).await;
            }
        }
        let reports = begun.into_iter();
        reports
            .map(|(tenant, track, generation)| Report::of(tenant.clone(), track, &generation))
            .collect()
    }

    /// Notes when the generation has done well for as long as it was to show that.
    fn watch(self: &Arc<Self>, tenant: String, track: Arc<Track>, generation: &Arc<Generation>) {
        let (this, generation) = (Arc::clone(self), Arc::downgrade(generation));
        task::spawn(async move {
            sleep(this.bounds.window).await;
            // It may be gone by now, and is not kept for this.
            let newest = Arc::clone(track.plan().newest());
            let generation = generation.upgrade();
            let Some(generation) = generation.filter(|one| Arc::ptr_eq(one, &newest)) else {
                return;
            };
            let Tallied {
                calls, failures, ..
            } = generation.tallied();
            this.history.add(Event {
                tenant,
                generation: generation.number(),
                digest: generation.version().digest().to_owned(),
                outcome: format!("{calls} calls, {failures} failures"),
                ..Event::now("popcell", "proven")
            });
        });
    }

    /// Tells all sessions of a tenant that they may belong elsewhere.
    async fn tell_sessions(&self, tenant: &str) {
        for batch in self.entries(tenant).chunks(BATCH) {
            for entry in batch {
                entry.nudge();
            }
            sleep(PAUSE).await;
        }
    }

    /// The connections that may be on the track of this tenant.
    fn entries(&self, tenant: &str) -> Vec<Arc<Entry>> {
        let mut entries = self.sessions.all();
        if tenant != FRONT {
            entries.retain(|entry| *entry.facts().tenant == *tenant);
        }
        entries
    }

    fn note_refusal(&self, order: &Order, tracks: &[Named], digest: &str, why: &Refusal) {
        for (tenant, _) in tracks {
            self.history.add(Event {
                tenant: tenant.clone(),
                digest: digest.to_owned(),
                outcome: why.to_string(),
                ..Event::now(&order.who, "refuse")
            });
        }
    }

    /// The tracks that an order is about: those of a tenant, or of all who run the server's own
    /// component.
    fn meant(&self, tenant: Option<&str>) -> Result<Vec<Named>, Refusal> {
        let tenants = self.tenants.load();
        let Some(name) = tenant else {
            let own = |name: &str| {
                let tenant = tenants.by_name(name);
                tenant.is_some_and(|tenant| tenant.has_own_component)
            };
            let mut tracks = self.tracks();
            tracks.retain(|(name, _)| !own(name));
            return Ok(tracks);
        };
        let tenant = tenants.by_name(name).ok_or(Refusal::Nobody)?;
        let track = Arc::clone(&tenant.policy.track);
        Ok(vec![(tenant.name().to_owned(), track)])
    }

    /// All tracks; that of connections before their login first, if it is one of its own.
    fn tracks(&self) -> Vec<Named> {
        let tenants = self.tenants.load();
        let front = (FRONT.to_owned(), Arc::clone(&tenants.front().track));
        let all = tenants.all().map(|tenant| {
            let track = Arc::clone(&tenant.policy.track);
            (tenant.name().to_owned(), track)
        });
        let all: Vec<_> = all.collect();
        let is_own = !all.iter().any(|(_, track)| Arc::ptr_eq(track, &front.1));
        let front = is_own.then_some(front);
        front.into_iter().chain(all).collect()
    }
}

/// Waits until every session is where it belongs or was refused there.
async fn moved(track: &Track, generation: &Generation) {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline
        && order::behind(track, generation) > generation.tallied().refused
    {
        sleep(10 * PAUSE).await;
    }
}
