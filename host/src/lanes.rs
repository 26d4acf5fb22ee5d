//! The threads on which connections are served, one for each processor if nobody says otherwise.
//!
//! Every lane accepts by itself, and a connection stays where it is: nobody is woken up on another
//! thread for its octets, and no queue is looked through that others share. What that leaves to chance
//! is how many connections a lane has; one that has too many of them hands the next one over.

use std::{
    io,
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::runtime::Handle;

use crate::lane::Lane;

/// Connections that a lane may have more than another. Beside many it is an eighth more.
const SLACK: usize = 4;

/// The threads. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct Lanes {
    /// Kept for its thread.
    _threads: Vec<Lane>,
    loads: Arc<Loads>,
}

/// How many connections each lane has, for those that accept them.
#[derive(Debug)]
pub(crate) struct Loads(Vec<Load>);

#[derive(Debug)]
struct Load {
    handle: Handle,
    connections: AtomicUsize,
}

/// A connection that is counted on its lane until this is dropped.
#[derive(Debug)]
pub(crate) struct Ride {
    loads: Arc<Loads>,
    lane: usize,
}

impl Lanes {
    /// So many threads.
    ///
    /// # Errors
    ///
    /// The system does not give them.
    pub(crate) fn start(threads: NonZero<usize>) -> io::Result<Self> {
        let lanes = 0..threads.get();
        let threads = lanes.map(|lane| Lane::start(format!("lane {lane}"), || {}));
        let threads: Vec<Lane> = threads.collect::<io::Result<_>>()?;
        let loads = threads.iter().map(|lane| Load {
            handle: lane.handle().clone(),
            connections: AtomicUsize::new(0),
        });
        Ok(Self {
            loads: Arc::new(Loads(loads.collect())),
            _threads: threads,
        })
    }

    /// What those on the lanes may know of them.
    pub(crate) fn loads(&self) -> &Arc<Loads> {
        &self.loads
    }
}

impl Loads {
    /// To start tasks on each of the lanes.
    pub(crate) fn handles(&self) -> impl Iterator<Item = &Handle> {
        self.0.iter().map(|load| &load.handle)
    }

    /// A place for a connection that this lane has accepted: there, or where there are far fewer.
    pub(crate) fn ride(self: &Arc<Self>, lane: usize) -> Ride {
        let emptiest = self.emptiest();
        let least = self.connections(emptiest);
        match self.connections(lane) <= least + SLACK.max(least / 8) {
            true => self.ride_on(lane),
            false => self.ride_on(emptiest),
        }
    }

    /// A place for a connection that none of the lanes has accepted.
    pub(crate) fn any_ride(self: &Arc<Self>) -> Ride {
        self.ride_on(self.emptiest())
    }

    fn ride_on(self: &Arc<Self>, lane: usize) -> Ride {
        self.0[lane].connections.fetch_add(1, Ordering::Relaxed);
        Ride {
            loads: Arc::clone(self),
            lane,
        }
    }

    fn emptiest(&self) -> usize {
        let lanes = 0..self.0.len();
        lanes
            .min_by_key(|lane| self.connections(*lane))
            .unwrap_or(0)
    }

    fn connections(&self, lane: usize) -> usize {
        self.0[lane].connections.load(Ordering::Relaxed)
    }
}

impl Ride {
    /// Whether it is on this lane.
    pub(crate) fn is_on(&self, lane: usize) -> bool {
        self.lane == lane
    }

    /// Where its task belongs.
    pub(crate) fn handle(&self) -> &Handle {
        &self.loads.0[self.lane].handle
    }
}

impl Drop for Ride {
    fn drop(&mut self) {
        let load = &self.loads.0[self.lane];
        load.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn loads(lanes: usize) -> Arc<Loads> {
        let load = || Load {
            handle: Handle::current(),
            connections: AtomicUsize::new(0),
        };
        Arc::new(Loads((0..lanes).map(|_| load()).collect()))
    }

    #[tokio::test]
    async fn a_lane_keeps_what_it_accepts_until_it_has_far_more_than_another() {
        let loads = loads(3);
        let mut rides: Vec<Ride> = (0..=SLACK).map(|_| loads.ride(1)).collect();
        assert!(rides.iter().all(|ride| ride.lane == 1));
        rides.push(loads.ride(1));
        assert_eq!(rides[SLACK + 1].lane, 0);
        rides.push(loads.any_ride());
        assert_eq!(rides[SLACK + 2].lane, 2);
        // One each beside them: there is room for one more.
        rides.push(loads.ride(1));
        assert_eq!(rides[SLACK + 3].lane, 1);
        drop(rides);
        assert!((0..3).all(|lane| loads.connections(lane) == 0));
    }

    #[tokio::test]
    async fn lanes_that_have_many_may_differ_by_an_eighth() {
        let loads = loads(2);
        let many: Vec<Ride> = (0..80).map(|_| loads.ride_on(0)).collect();
        let mut more: Vec<Ride> = (0..=90).map(|_| loads.ride(1)).collect();
        assert!(more.iter().all(|ride| ride.lane == 1));
        more.push(loads.ride(1));
        assert_eq!(more[91].lane, 0);
        drop(many);
    }

    #[test]
    fn tasks_run_on_threads_that_end_with_the_lanes() {
        let lanes = Lanes::start(NonZero::<usize>::MIN).expect("threads");
        let ride = lanes.loads().any_ride();
        let (sender, receiver) = std::sync::mpsc::channel();
        ride.handle().spawn(async move {
            let name = thread::current().name().map(str::to_owned);
            sender.send(name).expect("somebody listens");
            std::future::pending::<()>().await;
            drop(sender);
        });
        let name = receiver.recv().expect("a name");
        assert_eq!(name.as_deref(), Some("lane 0"));
        drop(lanes);
        // The sender is dropped with the task.
        assert!(receiver.recv().is_err());
    }
}
