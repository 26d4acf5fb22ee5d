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
    let limits = Limits {
        memory: 100,
        call_time: Duration::from_millis(100),
    };
    Cell::new(Box::new(Nobody), limits, now)
}

#[test]
fn memories_are_summed() {
    let mut cell = cell(Instant::now());
    assert!(cell.memory_growing(0, 60, None).unwrap());
    assert!(cell.memory_growing(0, 40, None).unwrap());
    assert!(!cell.memory_growing(60, 61, None).unwrap());
    assert_eq!(cell.stopped, Some(Error::Memory { limit: 100 }));
}

#[test]
fn tables_are_summed() {
    let mut cell = cell(Instant::now());
    assert!(cell.table_growing(0, TABLE_ELEMENTS - 1, None).unwrap());
    assert!(cell.table_growing(0, 1, None).unwrap());
    assert!(!cell.table_growing(1, 2, None).unwrap());
}

#[test]
fn memory_that_was_refused_is_forgotten_with_the_next_call() {
    let now = Instant::now();
    let mut cell = cell(now);
    assert!(!cell.memory_growing(0, 101, None).unwrap());
    cell.begin_call(now);
    assert_eq!(cell.stopped, None);
}

#[test]
fn imports_are_counted_for_each_call() {
    let now = Instant::now();
    let mut cell = cell(now);
    for _ in 0..2 {
        cell.begin_call(now);
        assert!((0..IMPORT_CALLS).all(|_| cell.begin_import().is_ok()));
    }
    assert!(cell.begin_import().is_err());
    assert!(matches!(cell.stopped, Some(Error::Contract(_))));
}

#[tokio::test]
async fn time_that_others_had_is_not_the_guests() {
    let now = Instant::now();
    let mut cell = cell(now);
    cell.begin_call(now);
    let others = async {
        let since = Instant::now();
        while since.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
    };
    tokio::join!(cell.give_way(), others);
    assert!(cell.may_go_on(now + Duration::from_millis(114)));
}

#[test]
fn time_in_the_host_is_not_the_guests() {
    let now = Instant::now();
    let mut cell = cell(now);
    cell.begin_call(now);
    cell.spent_in_host(Duration::from_secs(2));
    assert!(cell.may_go_on(now + Duration::from_millis(2_050)));
    assert!(!cell.may_go_on(now + Duration::from_millis(2_100)));
}
