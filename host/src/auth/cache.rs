//! What was found out a short while ago, so that pollers do not cost a hash every time.
//!
//! Found again by keyed tags only. Knows neither users nor hashes.

use std::{
    collections::{HashMap, VecDeque},
    num::NonZeroUsize,
    time::Duration,
};

use tokio::time::Instant;

type Tag = [u8; 32];

/// A bounded map from tags, each of which is forgotten after a fixed time. Being found again does
/// not prolong it: everything is found out anew at least so often.
#[derive(Debug)]
pub(super) struct Cache<V> {
    lifetime: Duration,
    capacity: NonZeroUsize,
    known: HashMap<Tag, (V, Instant)>,
    /// In the order of insertion, which is that of expiry. Each tag of `known` is here once.
    order: VecDeque<Tag>,
}

impl<V> Cache<V> {
    /// A map of at most `capacity` tags, each kept for `lifetime`; of none if that is zero.
    pub(super) fn new(lifetime: Duration, capacity: NonZeroUsize) -> Self {
        Self {
            lifetime,
            capacity,
            known: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// What was remembered less than the lifetime ago.
    pub(super) fn get(&mut self, tag: &Tag, now: Instant) -> Option<&V> {
        self.expire(now);
        self.known.get(tag).map(|(value, _)| value)
    }

    /// Whether anything was remembered less than the lifetime ago.
    pub(super) fn contains(&mut self, tag: &Tag, now: Instant) -> bool {
        self.get(tag, now).is_some()
    }

    /// Remembers a value, unless there is one, and forgets the oldest one if there are too many.
    pub(super) fn insert(&mut self, tag: Tag, value: V, now: Instant) {
        self.expire(now);
        if self.lifetime.is_zero() || self.known.contains_key(&tag) {
            return;
        }
        if self.order.len() >= self.capacity.get() {
            self.drop_oldest();
        }
        self.known.insert(tag, (value, now + self.lifetime));
        self.order.push_back(tag);
    }

    fn expire(&mut self, now: Instant) {
        while self
            .order
            .front()
            .is_some_and(|tag| self.known.get(tag).is_none_or(|(_, end)| *end <= now))
        {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(tag) = self.order.pop_front() {
            self.known.remove(&tag);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn cache(capacity: usize) -> Cache<()> {
        Cache::new(MINUTE, NonZeroUsize::new(capacity).expect("not zero"))
    }

    #[test]
    fn a_proof_holds_for_its_lifetime_and_no_longer() {
        let (mut cache, now) = (cache(9), Instant::now());
        cache.insert([1; 32], (), now);
        assert!(!cache.contains(&[2; 32], now));
        assert!(cache.contains(&[1; 32], now + MINUTE - Duration::from_nanos(1)));
        assert!(!cache.contains(&[1; 32], now + MINUTE));
        assert!(cache.known.is_empty() && cache.order.is_empty());
    }

    #[test]
    fn a_proof_that_is_used_does_not_live_longer() {
        let (mut cache, now) = (cache(9), Instant::now());
        cache.insert([1; 32], (), now);
        cache.insert([1; 32], (), now + MINUTE / 2);
        assert!(!cache.contains(&[1; 32], now + MINUTE));
    }

    #[test]
    fn the_oldest_proof_makes_room_for_the_newest() {
        let (mut cache, now) = (cache(2), Instant::now());
        for tag in 1..=3 {
            cache.insert([tag; 32], (), now);
        }
        assert!(!cache.contains(&[1; 32], now));
        assert!(cache.contains(&[2; 32], now) && cache.contains(&[3; 32], now));
    }

    #[test]
    fn a_lifetime_of_zero_remembers_nothing() {
        let now = Instant::now();
        let mut cache = Cache::new(Duration::ZERO, NonZeroUsize::MIN);
        cache.insert([1; 32], (), now);
        assert!(!cache.contains(&[1; 32], now));
    }
}
