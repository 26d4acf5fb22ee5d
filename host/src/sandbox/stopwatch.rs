//! How long a guest computes in a call. What the host, other tasks and other programs take meanwhile
//! is not its time.
//!
//! The clock of the processor is a system call away and that of the wall is not: a call that is over
//! within a tick, as nearly all are, goes by the second alone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

use super::clock::TICK;

/// What is counted at most between two looks while it is not known what the processor did: a guest
/// that computes is looked at once a tick, so that whatever is far beyond that was the system's.
const MOST_AT_ONCE: Duration = TICK.saturating_mul(2);

/// The time of the call that is running.
pub(super) struct Stopwatch {
    /// Up to the last look.
    computed: Duration,
    looked: Instant,
    /// Since the last look, what is not to be counted.
    left_out: Duration,
    pause: Arc<Pause>,
}

/// The last time that the guest gave way, in nanoseconds. Its task may not touch the cell then.
#[derive(Default)]
struct Pause {
    /// How long others had, since the last look.
    length: AtomicU64,
    /// What the thread on which the guest went on had computed by then; 0 if that is not known.
    processor: AtomicU64,
}

impl Stopwatch {
    /// Begins a call.
    pub(super) fn start(now: Instant) -> Self {
        Self {
            computed: Duration::ZERO,
            looked: now,
            left_out: Duration::ZERO,
            pause: Arc::default(),
        }
    }

    /// Begins the next call.
    pub(super) fn restart(&mut self, now: Instant) {
        self.computed = Duration::ZERO;
        self.looked = now;
        self.left_out = Duration::ZERO;
        self.pause.length.store(0, Ordering::Relaxed);
        self.pause.processor.store(0, Ordering::Relaxed);
    }

    /// Leaves out some of the time since the last look. The guest may be on another thread now.
    pub(super) fn leave_out(&mut self, time: Duration) {
        self.left_out += time;
        self.pause.processor.store(0, Ordering::Relaxed);
    }

    /// Counts time in which the guest did not compute.
    pub(super) fn add(&mut self, time: Duration) {
        self.leave_out(time);
        self.computed += time;
    }

    /// What has been computed in this call.
    pub(super) fn read(&self, now: Instant) -> Duration {
        self.computed + self.since_last_look(now)
    }

    /// What has been computed since the last look, and in this call.
    pub(super) fn look(&mut self, now: Instant) -> (Duration, Duration) {
        let more = self.since_last_look(now);
        let computed = self.computed + more;
        self.restart(now);
        self.computed = computed;
        (more, computed)
    }

    fn since_last_look(&self, now: Instant) -> Duration {
        let paused = Duration::from_nanos(self.pause.length.load(Ordering::Relaxed));
        let most = match self.pause.processor.load(Ordering::Relaxed) {
            0 => MOST_AT_ONCE,
            since => Duration::from_nanos(processor_time().saturating_sub(since)),
        };
        now.saturating_duration_since(self.looked)
            .saturating_sub(self.left_out)
            .saturating_sub(paused)
            .min(most)
    }

    /// Lets other tasks run, and leaves out what they take.
    pub(super) fn give_way(&self) -> impl Future<Output = ()> + Send + 'static {
        let pause = Arc::clone(&self.pause);
        async move {
            let since = Instant::now();
            tokio::task::yield_now().await;
            let nanoseconds = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
            pause.length.fetch_add(nanoseconds, Ordering::Relaxed);
            // From here on the guest runs, on this thread, until it gives way or calls the host.
            pause.processor.store(processor_time(), Ordering::Relaxed);
        }
    }
}

/// What this thread has computed so far, in nanoseconds.
fn processor_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let time = Duration::try_from(time).unwrap_or_default();
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPELL: Duration = Duration::from_millis(20);

    fn spin() {
        let since = processor_time();
        let spell = u64::try_from(SPELL.as_nanos()).expect("20 ms");
        while processor_time() - since < spell {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn what_is_looked_at_every_tick_is_all_counted() {
        let now = Instant::now();
        let mut stopwatch = Stopwatch::start(now);
        for ticks in 1..=20 {
            let (more, computed) = stopwatch.look(now + ticks * TICK);
            assert_eq!((more, computed), (TICK, ticks * TICK));
        }
    }

    #[test]
    fn time_without_a_processor_is_not_counted() {
        let now = Instant::now();
        let mut stopwatch = Stopwatch::start(now);
        let (more, _) = stopwatch.look(now + 100 * TICK);
        assert_eq!(more, MOST_AT_ONCE);
    }

    #[test]
    fn what_is_left_out_is_not_counted_and_what_is_added_is() {
        let now = Instant::now();
        let mut stopwatch = Stopwatch::start(now);
        stopwatch.leave_out(100 * TICK);
        stopwatch.add(50 * TICK);
        assert_eq!(stopwatch.read(now + 151 * TICK), 51 * TICK);
        assert_eq!(stopwatch.look(now + 151 * TICK), (TICK, 51 * TICK));
    }

    #[tokio::test]
    async fn time_that_others_had_is_not_counted() {
        let now = Instant::now();
        let mut stopwatch = Stopwatch::start(now);
        tokio::join!(stopwatch.give_way(), async { spin() });
        let (more, _) = stopwatch.look(Instant::now());
        assert!(more < SPELL, "{more:?}");
    }

    #[tokio::test]
    async fn behind_a_pause_it_goes_by_the_processor() {
        let mut stopwatch = Stopwatch::start(Instant::now());
        stopwatch.give_way().await;
        spin();
        let (more, _) = stopwatch.look(Instant::now());
        assert!(more >= SPELL, "{more:?}");
        stopwatch.give_way().await;
        let (more, _) = stopwatch.look(Instant::now() + 100 * TICK);
        assert!(more < MOST_AT_ONCE, "{more:?}");
    }
}
