//! What a cell counts, and when it says no.

use super::*;
use crate::capability::{Answer, Refusal};

struct Nobody;

impl capability::Login for Nobody {
    fn password<'a>(&'a mut self, _: &'a [u8], _: &'a [u8]) -> Answer<'a, Result<Grant, Refusal>> {
        Box::pin(async { Err(Refusal::Denied) })
    }

    fn apop<'a>(&'a mut self, _: &'a [u8], _: &'a [u8]) -> Answer<'a, Result<Grant, Refusal>> {
        Box::pin(async { Err(Refusal::Denied) })
    }

    fn start(&mut self, _: &str) -> Option<Box<dyn capability::Exchange>> {
        None
    }
}

fn cell(now: Instant) -> Cell {
    under(Budget::new(usize::MAX, None), now)
}

fn under(budget: Budget, now: Instant) -> Cell {
    let limits = Limits {
        memory: 100,
        session_time: Duration::from_millis(250),
        ..Limits::default()
    };
    let budget = Arc::new(budget);
    Cell::new(Box::new(Nobody), Terms { limits, budget }, now)
}

#[test]
fn memories_are_summed() {
    let mut cell = cell(Instant::now());
    assert!(cell.memory_growing(0, 60, None).unwrap());
    assert!(cell.memory_growing(0, 40, None).unwrap());
    assert!(!cell.memory_growing(60, 61, None).unwrap());
    assert_eq!(cell.stopped, Some(Limit::Memory(100).into()));
}

#[test]
fn tables_are_summed() {
    let mut cell = cell(Instant::now());
    assert!(cell.table_growing(0, 19_999, None).unwrap());
    assert!(cell.table_growing(0, 1, None).unwrap());
    assert!(!cell.table_growing(1, 2, None).unwrap());
    assert_eq!(cell.stopped, Some(Limit::TableElements(20_000).into()));
}

#[test]
fn memory_that_was_refused_is_forgotten_with_the_next_call() {
    let now = Instant::now();
    let mut cell = cell(now);
    assert!(!cell.memory_growing(0, 101, None).unwrap());
    cell.begin_call(Calling::Other, now);
    assert_eq!(cell.stopped, None);
}

#[test]
fn imports_are_counted_for_each_call() {
    let now = Instant::now();
    let mut cell = cell(now);
    for _ in 0..2 {
        cell.begin_call(Calling::Other, now);
        assert!((0..100_000).all(|_| cell.begin_import().is_ok()));
    }
    assert!(cell.begin_import().is_err());
    assert_eq!(cell.stopped, Some(Limit::HostCalls(100_000).into()));
}

/// Computes in a call from its beginning on, as long as it may.
fn compute(cell: &mut Cell, since: Instant, time: Duration) -> bool {
    let ticks = time.as_millis() / TICK.as_millis();
    let mut looks = (1..).take(usize::try_from(ticks).unwrap());
    looks.all(|tick| cell.may_go_on(since + tick * TICK))
}

#[test]
fn a_call_may_compute_until_its_time_is_used_up() {
    let now = Instant::now();
    let mut cell = cell(now);
    cell.begin_call(Calling::Other, now);
    assert!(compute(&mut cell, now, Duration::from_millis(90)));
    assert!(!cell.may_go_on(now + Duration::from_millis(95)));
    let limit = Duration::from_millis(100);
    assert_eq!(cell.stopped, Some(Limit::CallTime(limit).into()));
}

#[test]
fn a_guest_that_has_no_processor_is_not_stopped() {
    let now = Instant::now();
    let mut cell = cell(now);
    cell.begin_call(Calling::Other, now);
    assert!(cell.may_go_on(now + Duration::from_secs(2)));
}

#[test]
fn time_in_the_host_is_not_the_guests() {
    let now = Instant::now();
    let mut cell = cell(now);
    cell.begin_call(Calling::Other, now);
    cell.spent_in_host(Duration::from_secs(2));
    let back = now + Duration::from_secs(2);
    assert!(compute(&mut cell, back, Duration::from_millis(90)));
    assert!(!cell.may_go_on(back + Duration::from_millis(95)));
}

#[test]
fn time_that_the_guest_waited_is_its_own() {
    let now = Instant::now();
    let mut cell = cell(now);
    cell.begin_call(Calling::Other, now);
    cell.waited(Duration::from_millis(60));
    let back = now + Duration::from_millis(60);
    let left = cell.time_left(back);
    assert_eq!(left, Duration::from_millis(40));
    assert!(!compute(&mut cell, back, left));
    assert_eq!(cell.terms().budget.computed(), Duration::from_millis(95));
}

#[test]
fn what_a_session_computes_is_summed_and_charged() {
    let now = Instant::now();
    let mut cell = cell(now);
    for call in 1..=2 {
        cell.begin_call(Calling::Other, now);
        assert!(compute(&mut cell, now, Duration::from_millis(85)));
        cell.end_call(now + Duration::from_millis(90));
        assert_eq!(cell.computed(), Duration::from_millis(90 * call));
    }
    cell.begin_call(Calling::Other, now);
    assert!(compute(&mut cell, now, Duration::from_millis(65)));
    assert!(!cell.may_go_on(now + Duration::from_millis(70)));
    let limit = Duration::from_millis(250);
    assert_eq!(cell.stopped, Some(Limit::SessionTime(limit).into()));
    assert_eq!(cell.terms().budget.computed(), Duration::from_millis(250));
}

#[test]
fn memory_is_the_tenants_too_and_given_back() {
    let budget = Arc::new(Budget::new(150, None));
    let now = Instant::now();
    let [mut one, mut other] = [(); 2].map(|()| {
        let mut cell = cell(now);
        let terms = cell.terms().clone();
        assert!(cell.adopt(Terms {
            budget: Arc::clone(&budget),
            ..terms
        }));
        cell
    });
    assert!(one.memory_growing(0, 100, None).unwrap());
    assert!(!other.memory_growing(0, 51, None).unwrap());
    assert_eq!(other.stopped, Some(Limit::TenantMemory(150).into()));
    drop(one);
    assert!(other.memory_growing(0, 51, None).unwrap());
    assert_eq!(budget.memory(), 51);
}

#[test]
fn a_cell_adopts_no_terms_that_it_does_not_fit() {
    let mut cell = cell(Instant::now());
    assert!(cell.memory_growing(0, 60, None).unwrap());
    let (old, new) = (cell.terms().clone(), Arc::new(Budget::new(59, None)));
    assert!(!cell.adopt(Terms {
        budget: Arc::clone(&new),
        limits: old.limits,
    }));
    assert_eq!((old.budget.memory(), new.memory()), (60, 0));
    let new = Arc::new(Budget::new(60, None));
    assert!(cell.adopt(Terms {
        budget: Arc::clone(&new),
        limits: old.limits,
    }));
    assert_eq!((old.budget.memory(), new.memory()), (0, 60));
}

#[test]
fn an_answer_may_be_twice_what_was_lent_for_it_and_a_little() {
    let mut cell = cell(Instant::now());
    let lines = Calling::Lines {
        has_quit: false,
        max: 1_024,
    };
    cell.begin_call(lines, Instant::now());
    cell.lent_octets(1_000);
    assert_eq!(cell.went_on(65_536 + 2_000), Ok(()));
    let limit = Error::from(Limit::AnswerOctets(65_536));
    assert_eq!(cell.went_on(1), Err(limit));
    cell.begin_call(lines, Instant::now());
    assert_eq!(cell.went_on(65_536), Ok(()));
}
