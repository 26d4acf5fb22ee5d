//! Brakes on guessing: how long a failed login is made to wait, by the address that it came from.
//!
//! A function of what happened and of the time that the caller says it is. Waits for nobody, and
//! keeps addresses and keyed tags only.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::{IpAddr, Ipv6Addr},
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::tag::Tagger;

/// Wrong claims of one address that are recognised when they come again.
const RECENT: usize = 8;

/// How hard to brake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// The delay after the first failure. Each further one doubles it. Zero: no delays at all.
    pub first: Duration,
    /// The longest delay.
    pub longest: Duration,
    /// One failure is forgiven whenever no further one came for so long.
    pub forgive: Duration,
    /// After so many failures that are not forgiven, the next claim waits before it is looked at,
    /// right or wrong: who does not wait for the answer gains nothing by hanging up.
    pub patience: u32,
    /// So many addresses are remembered; the one that failed longest ago makes room for a new one.
    pub addresses: NonZeroUsize,
}

impl Default for Limits {
    /// 2 s, 4 s, 8 s, 15 s; a failure a minute is forgiven; five are looked at without waiting;
    /// 16,384 addresses.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(2),
            longest: Duration::from_secs(15),
            forgive: Duration::from_secs(60),
            patience: 5,
            addresses: const { NonZeroUsize::new(16_384).expect("not zero") },
        }
    }
}

/// The failures of all addresses. One for the whole host, shared by all of its connections.
#[derive(Debug)]
pub struct Attempts {
    limits: Limits,
    tagger: Tagger,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    failures: HashMap<IpAddr, Failures>,
    /// The same addresses in the order of their last failure.
    order: BTreeMap<u64, IpAddr>,
    next_turn: u64,
}

#[derive(Debug)]
struct Failures {
    /// As of `last`.
    count: u32,
    /// When a failure was counted last.
    last: Instant,
    /// Where this address stands in `order`.
    turn: u64,
    /// Tags of its wrong claims, the last one first.
    recent: VecDeque<u64>,
}

impl Attempts {
    /// Nobody has failed yet.
    ///
    /// # Errors
    ///
    /// If the system's random source fails: there is no key to tag wrong claims with.
    pub fn new(limits: Limits) -> Result<Self, getrandom::Error> {
        Ok(Self {
            limits,
            tagger: Tagger::random()?,
            table: Mutex::default(),
        })
    }

    /// How long the next claim from this address waits before it is looked at.
    pub fn hold(&self, now: Instant, address: IpAddr) -> Duration {
        let table = self.table();
        let count = table
            .failures
            .get(&prefix(address))
            .map_or(0, |one| self.remaining(one, now));
        if count < self.limits.patience {
            Duration::ZERO
        } else {
            self.delay(count)
        }
    }

    /// Counts a failure; gives how long its answer waits, counted from the claim. The same wrong
    /// claim coming again, as from a program with an old password, is not counted again.
    pub fn failed(&self, now: Instant, address: IpAddr, claim: &[&[u8]]) -> Duration {
        let [a, b, c, d, e, f, g, h, ..] = self.tagger.tag(claim);
        let tag = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let address = prefix(address);
        let mut table = self.table();
        let mut failures = table.remove(address).unwrap_or_else(|| Failures::none(now));
        let remaining = self.remaining(&failures, now);
        let is_repeated = failures.recent.contains(&tag);
        // A repetition leaves the time of the last failure alone too, or a program that never stops
        // would keep those who share its address from being forgiven.
        if remaining == 0 || !is_repeated {
            failures.count = remaining.saturating_add(1);
            failures.last = now;
        }
        failures.remember(tag);
        let count = self.remaining(&failures, now);
        table.insert(address, failures, self.limits.addresses);
        self.delay(count)
    }

    /// The failures that are not forgiven yet.
    fn remaining(&self, failures: &Failures, now: Instant) -> u32 {
        let forgive = self.limits.forgive.as_millis().max(1);
        let forgiven = now.saturating_duration_since(failures.last).as_millis() / forgive;
        failures
            .count
            .saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX))
    }

    fn delay(&self, count: u32) -> Duration {
        let factor = 1_u32
            .checked_shl(count.saturating_sub(1))
            .unwrap_or(u32::MAX);
        self.limits
            .first
            .saturating_mul(factor)
            .min(self.limits.longest)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn remove(&mut self, address: IpAddr) -> Option<Failures> {
        let failures = self.failures.remove(&address)?;
        self.order.remove(&failures.turn);
        Some(failures)
    }

    fn insert(&mut self, address: IpAddr, mut failures: Failures, capacity: NonZeroUsize) {
        while self.failures.len() >= capacity.get() {
            let Some((_, oldest)) = self.order.pop_first() else {
                break;
            };
            self.failures.remove(&oldest);
        }
        failures.turn = self.next_turn;
        self.next_turn += 1;
        self.order.insert(failures.turn, address);
        self.failures.insert(address, failures);
    }
}

impl Failures {
    fn none(now: Instant) -> Self {
        Self {
            count: 0,
            last: now,
            turn: 0,
            recent: VecDeque::new(),
        }
    }

    fn remember(&mut self, tag: u64) {
        self.recent.retain(|other| *other != tag);
        self.recent.truncate(RECENT - 1);
        self.recent.push_front(tag);
    }
}

/// What one customer of a network has: an IPv4 address, or 2^64 IPv6 addresses.
fn prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests;
