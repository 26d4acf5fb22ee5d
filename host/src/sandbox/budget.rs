//! What all cells of one tenant may use together: memory, and time on the processors.
//!
//! Counts; what happens to a tenant that has overdrawn is decided by whoever makes the calls.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// How much time may be saved up: a burst of this length is free.
const SAVINGS: Duration = Duration::from_millis(500);

/// How far an account may be overdrawn; what goes beyond is forgiven, so that a tenant that stops
/// is served as before after a second or so.
const MOST_DEBT: Duration = Duration::from_secs(1);

/// The account of a tenant. Shared by all of its cells.
#[derive(Debug)]
pub struct Budget {
    most_memory: usize,
    memory: AtomicUsize,
    /// Percent of one processor; `None` for as much as there is.
    cpu_percent: Option<u32>,
    time: Mutex<Time>,
}

#[derive(Debug)]
struct Time {
    /// What may be used at once, or what is owed.
    balance: Balance,
    settled: Instant,
    /// All that was ever charged.
    charged: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Balance {
    Savings(Duration),
    Debt(Duration),
}

impl Budget {
    /// An account that nothing was charged to. `cpu_percent` is of one processor.
    pub fn new(most_memory: usize, cpu_percent: Option<u32>) -> Self {
        Self {
            most_memory,
            memory: AtomicUsize::new(0),
            cpu_percent,
            time: Mutex::new(Time {
                balance: Balance::Savings(SAVINGS),
                settled: Instant::now(),
                charged: Duration::ZERO,
            }),
        }
    }

    /// Octets of memory that the tenant's cells have now.
    pub fn memory(&self) -> usize {
        self.memory.load(Ordering::Relaxed)
    }

    /// Octets of memory that the tenant's cells may have.
    pub fn most_memory(&self) -> usize {
        self.most_memory
    }

    /// Time that the tenant's guests have computed so far.
    pub fn computed(&self) -> Duration {
        self.time().charged
    }

    /// Whether the tenant has used more time than its share.
    pub fn is_overdrawn(&self, now: Instant) -> bool {
        let Some(percent) = self.cpu_percent else {
            return false;
        };
        let mut time = self.time();
        time.earn(now, percent);
        matches!(time.balance, Balance::Debt(_))
    }

    /// Takes memory; `false` if there is not so much left.
    pub(super) fn take_memory(&self, octets: usize) -> bool {
        let taken = self
            .memory
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |memory| {
                let memory = memory.checked_add(octets)?;
                (memory <= self.most_memory).then_some(memory)
            });
        taken.is_ok()
    }

    /// Gives memory back.
    pub(super) fn return_memory(&self, octets: usize) {
        self.memory.fetch_sub(octets, Ordering::Relaxed);
    }

    /// Charges time that a guest has computed.
    pub(super) fn charge(&self, now: Instant, computed: Duration) {
        let mut time = self.time();
        time.charged += computed;
        if let Some(percent) = self.cpu_percent {
            time.earn(now, percent);
            time.spend(computed);
        }
    }

    fn time(&self) -> MutexGuard<'_, Time> {
        self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Time {
    /// The share of what has passed since the last time.
    fn earn(&mut self, now: Instant, percent: u32) {
        let passed = now.saturating_duration_since(self.settled);
        self.settled = self.settled.max(now);
        let earned = passed.saturating_mul(percent) / 100;
        self.balance = match self.balance {
            Balance::Debt(debt) if debt > earned => Balance::Debt(debt - earned),
            Balance::Debt(debt) => Balance::Savings(SAVINGS.min(earned - debt)),
            Balance::Savings(savings) => Balance::Savings(SAVINGS.min(savings + earned)),
        };
    }

    fn spend(&mut self, spent: Duration) {
        self.balance = match self.balance {
            Balance::Savings(savings) if savings >= spent => Balance::Savings(savings - spent),
            Balance::Savings(savings) => Balance::Debt(MOST_DEBT.min(spent - savings)),
            Balance::Debt(debt) => Balance::Debt(MOST_DEBT.min(debt + spent)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn memory_is_taken_up_to_the_limit_and_given_back() {
        let budget = Budget::new(100, None);
        assert!(budget.take_memory(60));
        assert!(!budget.take_memory(41));
        assert!(budget.take_memory(40));
        budget.return_memory(60);
        assert_eq!(budget.memory(), 40);
        assert!(!budget.take_memory(usize::MAX));
    }

    #[test]
    fn who_has_used_more_than_the_share_is_overdrawn_until_it_is_earned_again() {
        let start = Instant::now();
        let budget = Budget::new(0, Some(50));
        budget.charge(start, SAVINGS);
        assert!(!budget.is_overdrawn(start));
        budget.charge(start, 100 * MILLISECOND);
        assert!(budget.is_overdrawn(start));
        assert!(budget.is_overdrawn(start + 190 * MILLISECOND));
        assert!(!budget.is_overdrawn(start + 210 * MILLISECOND));
        assert_eq!(budget.computed(), SAVINGS + 100 * MILLISECOND);
    }

    #[test]
    fn debts_have_an_end() {
        let start = Instant::now();
        let budget = Budget::new(0, Some(100));
        budget.charge(start, Duration::from_hours(1));
        assert!(budget.is_overdrawn(start + MOST_DEBT - MILLISECOND));
        assert!(!budget.is_overdrawn(start + MOST_DEBT + MILLISECOND));
    }

    #[test]
    fn without_a_share_there_is_nothing_to_overdraw() {
        let budget = Budget::new(0, None);
        budget.charge(Instant::now(), Duration::from_hours(1));
        assert!(!budget.is_overdrawn(Instant::now()));
    }
}
