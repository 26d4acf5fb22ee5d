//! Delays over made-up times; nothing here waits.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn attempts() -> Attempts {
    Attempts::new(Limits::default()).expect("a random key")
}

fn address(text: &str) -> IpAddr {
    text.parse().expect(text)
}

fn fail(attempts: &Attempts, now: Instant, from: &str, password: &str) -> u64 {
    attempts
        .failed(now, address(from), &[b"alice", password.as_bytes()])
        .as_secs()
}

#[test]
fn every_failure_doubles_the_delay_up_to_the_longest() {
    let (attempts, now) = (attempts(), Instant::now());
    let delays: Vec<_> = ["a", "b", "c", "d", "e"]
        .map(|guess| fail(&attempts, now, "192.0.2.1", guess))
        .into();
    assert_eq!(delays, [2, 4, 8, 15, 15]);
    assert_eq!(fail(&attempts, now, "192.0.2.2", "a"), 2);
}

#[test]
fn the_same_wrong_claim_is_not_counted_again() {
    let (attempts, now) = (attempts(), Instant::now());
    for _ in 0..50 {
        assert_eq!(fail(&attempts, now, "192.0.2.1", "old"), 2);
    }
    assert_eq!(fail(&attempts, now, "192.0.2.1", "guess"), 4);
    assert_eq!(fail(&attempts, now, "192.0.2.1", "old"), 4);
    assert_eq!(attempts.hold(now, address("192.0.2.1")), Duration::ZERO);
}

#[test]
fn a_program_that_never_stops_does_not_keep_others_from_being_forgiven() {
    let (attempts, now) = (attempts(), Instant::now());
    for guess in ["old", "a", "b", "c", "d"] {
        fail(&attempts, now, "192.0.2.1", guess);
    }
    for seconds in (30..=240).step_by(30) {
        fail(&attempts, now + seconds * SECOND, "192.0.2.1", "old");
    }
    assert_eq!(fail(&attempts, now + 240 * SECOND, "192.0.2.1", "old"), 2);
}

#[test]
fn failures_are_forgiven_one_after_the_other() {
    let (attempts, now) = (attempts(), Instant::now());
    for guess in ["a", "b", "c"] {
        fail(&attempts, now, "192.0.2.1", guess);
    }
    assert_eq!(fail(&attempts, now + 120 * SECOND, "192.0.2.1", "d"), 4);
    assert_eq!(fail(&attempts, now + 3600 * SECOND, "192.0.2.1", "e"), 2);
}

#[test]
fn who_does_not_stop_is_held_before_the_next_claim() {
    let (attempts, now) = (attempts(), Instant::now());
    let peer = address("192.0.2.1");
    for guess in ["a", "b", "c", "d"] {
        fail(&attempts, now, "192.0.2.1", guess);
        assert_eq!(attempts.hold(now, peer), Duration::ZERO);
    }
    fail(&attempts, now, "192.0.2.1", "e");
    assert_eq!(attempts.hold(now, peer), 15 * SECOND);
    assert_eq!(attempts.hold(now + 59 * SECOND, peer), 15 * SECOND);
    assert_eq!(attempts.hold(now + 60 * SECOND, peer), Duration::ZERO);
    assert_eq!(attempts.hold(now, address("192.0.2.2")), Duration::ZERO);
}

#[test]
fn one_ipv6_network_is_one_address_and_a_mapped_ipv4_address_is_itself() {
    let (attempts, now) = (attempts(), Instant::now());
    assert_eq!(fail(&attempts, now, "2001:db8:1:2::1", "a"), 2);
    assert_eq!(fail(&attempts, now, "2001:db8:1:2:ffff::9", "b"), 4);
    assert_eq!(fail(&attempts, now, "2001:db8:1:3::1", "c"), 2);
    assert_eq!(fail(&attempts, now, "192.0.2.1", "a"), 2);
    assert_eq!(fail(&attempts, now, "::ffff:192.0.2.1", "b"), 4);
}

#[test]
fn no_first_delay_means_no_delays() {
    let limits = Limits {
        first: Duration::ZERO,
        ..Limits::default()
    };
    let (attempts, now) = (Attempts::new(limits).expect("a random key"), Instant::now());
    for guess in 0..40 {
        assert_eq!(fail(&attempts, now, "192.0.2.1", &guess.to_string()), 0);
    }
    assert_eq!(attempts.hold(now, address("192.0.2.1")), Duration::ZERO);
}

#[test]
fn the_address_that_failed_longest_ago_is_forgotten_first() {
    let addresses = NonZeroUsize::new(2).expect("not zero");
    let limits = Limits {
        addresses,
        ..Limits::default()
    };
    let (attempts, now) = (Attempts::new(limits).expect("a random key"), Instant::now());
    fail(&attempts, now, "192.0.2.1", "a");
    fail(&attempts, now, "192.0.2.2", "a");
    fail(&attempts, now, "192.0.2.1", "b");
    fail(&attempts, now, "192.0.2.3", "a");
    assert_eq!(fail(&attempts, now, "192.0.2.1", "c"), 8);
    assert_eq!(fail(&attempts, now, "192.0.2.2", "b"), 2);
}

proptest! {
    #[test]
    fn delays_stay_in_their_bounds_and_the_table_in_its_own(
        events in prop::collection::vec((0_u64..200, 0_u8..12, 0_u8..6), 1..200),
    ) {
        let limits =
            Limits { addresses: NonZeroUsize::new(4).expect("not zero"), ..Limits::default() };
        let attempts = Attempts::new(limits).expect("a random key");
        let mut now = Instant::now();
        for (seconds, peer, guess) in events {
            now += Duration::from_secs(seconds);
            let peer = IpAddr::from([192, 0, 2, peer]);
            let delay = attempts.failed(now, peer, &[b"alice", &[guess]]);
            prop_assert!((limits.first..=limits.longest).contains(&delay));
            prop_assert!(attempts.hold(now, peer) <= delay);
            let table = attempts.table();
            prop_assert!(table.failures.len() <= 4);
            prop_assert_eq!(table.failures.len(), table.order.len());
            prop_assert!(table.order.values().all(|peer| table.failures.contains_key(peer)));
            prop_assert!(table.failures.values().all(|one| one.recent.len() <= RECENT));
        }
    }

    #[test]
    fn waiting_never_makes_a_delay_longer(
        guesses in prop::collection::vec(0_u8..30, 1..30), pause in 0_u64..4000,
    ) {
        let (early, late, now) = (attempts(), attempts(), Instant::now());
        let peer = IpAddr::from([192, 0, 2, 1]);
        for guess in guesses {
            early.failed(now, peer, &[&[guess]]);
            late.failed(now, peer, &[&[guess]]);
        }
        let soon = early.failed(now, peer, &[b"new"]);
        prop_assert!(late.failed(now + Duration::from_secs(pause), peer, &[b"new"]) <= soon);
    }
}
