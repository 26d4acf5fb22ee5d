//! A component in the place of another one, under open sessions.

use std::time::Duration;

use popcell::{
    component,
    rollout::{Refusal, Standing},
};

use super::site::{Setting, Site, many, moves_in_the_middle_of_an_answer, wait};

#[test]
fn open_sessions_move_with_all_that_they_have() {
    let site = Site::start();
    let mut greeted = site.connect();
    let mut named = site.connect();
    named.ok("USER bob\r\n").unwrap();
    let mut alice = site.login("alice");
    alice.ok("DELE 2\r\n").unwrap();
    alice.ok("DELE 4\r\n").unwrap();
    let report = site.swap("none", 1).unwrap();
    assert_eq!((report.there, report.moved, report.behind), (3, 3, 0));
    assert_eq!((report.generation, report.refused), (2, 0));
    let digest = Some(report.digest.as_str());
    // A session is counted as it moves, and says so a moment later.
    wait(|| {
        let views = site.views();
        views.iter().all(|view| view.component.as_deref() == digest)
    });
    greeted.ok("QUIT\r\n").unwrap();
    named.ok("PASS hunter2\r\n").unwrap();
    named.ok("QUIT\r\n").unwrap();
    assert_eq!(many(&mut alice, "LIST\r\n").len(), 6);
    alice.ok("QUIT\r\n").unwrap();
    assert!(site.world.wait_for_release());
    assert_eq!(site.world.stored(), [1, 3, 5, 6, 7, 8]);
    let mut new = site.connect();
    new.ok("NOOP\r\n").unwrap_err();
    assert_eq!(site.views().last().unwrap().component.as_deref(), digest);
}

#[test]
fn a_session_moves_in_the_middle_of_an_answer() {
    moves_in_the_middle_of_an_answer(|site| site.order("none", 1));
}

#[test]
fn parked_sessions_move_and_stay_parked() {
    let mut setting = Setting::default();
    setting.config.sandbox.hibernate_after = Some(Duration::from_millis(10));
    let site = setting.start();
    let mut clients: Vec<_> = (0..20)
        .map(|number| site.login(&format!("user{number}")))
        .collect();
    site.wait_for_parked(20);
    let report = site.swap("none", 1).unwrap();
    assert_eq!((report.moved, report.behind), (20, 0));
    site.wait_for_parked(20);
    for client in &mut clients {
        client.ok("DELE 1\r\n").unwrap();
        client.ok("QUIT\r\n").unwrap();
    }
}

#[test]
fn a_rollback_brings_sessions_back() {
    let site = Site::start();
    let mut alice = site.login("alice");
    alice.ok("DELE 1\r\n").unwrap();
    let first = digest(&site, 1);
    site.swap("none", 1).unwrap();
    alice.ok("DELE 2\r\n").unwrap();
    let report = site.roll_back().unwrap();
    assert_eq!((report.generation, Some(report.digest)), (1, first));
    assert_eq!(many(&mut alice, "UIDL\r\n").len(), 6);
    assert_eq!(site.standing(1), Some(Standing::Current));
    assert_eq!(site.standing(2), None, "nobody is in it any more");
    let none = site.roll_back().unwrap_err();
    assert!(matches!(none, Refusal::NothingBefore), "{none}");
    alice.ok("QUIT\r\n").unwrap();
    assert!(site.world.wait_for_release());
    assert_eq!(site.world.stored(), [3, 4, 5, 6, 7, 8]);
    assert_eq!(site.actions(), ["swap", "rollback"]);
}

#[test]
fn generations_are_freed_when_their_last_session_leaves() {
    let mut setting = Setting::default();
    // A rollback goes to what has stood its probation: here everybody has at once.
    setting.config.swap.window = Duration::ZERO;
    let site = setting.start();
    let mut alice = site.login("alice");
    // They read states of their own only: whoever is in one stays there.
    for number in 1..=3 {
        site.swap("refuse", number).unwrap();
        site.login("user1").ok("QUIT\r\n").unwrap();
    }
    assert_eq!(site.standing(1), Some(Standing::Retired));
    assert_eq!(site.standing(2), None);
    assert_eq!(site.standing(3), Some(Standing::Previous));
    assert_eq!(site.standing(4), Some(Standing::Current));
    alice.ok("QUIT\r\n").unwrap();
    wait(|| site.standing(1).is_none());
}

#[test]
fn a_file_that_is_not_what_it_has_to_be_gets_no_session() {
    let site = Site::start();
    let mut alice = site.login("alice");
    let mut order = site.order("none", 1);
    order.component.sha256 = Some("0".repeat(64));
    let refusal = site.carry_out(order).unwrap_err();
    assert!(
        matches!(refusal, Refusal::File(component::Error::Digest { .. })),
        "{refusal}"
    );
    let mut order = site.order("none", 1);
    order.component.file = "/nonexistent.wasm".into();
    let refusal = site.carry_out(order).unwrap_err();
    assert!(
        matches!(refusal, Refusal::File(component::Error::Unreadable { .. })),
        "{refusal}"
    );
    let mut order = site.order("none", 1);
    std::fs::write(&order.component.file, b"\0asm no component").unwrap();
    order.tenant = Some("nobody".to_owned());
    let refusal = site.carry_out(order.clone()).unwrap_err();
    assert!(matches!(refusal, Refusal::Nobody), "{refusal}");
    order.tenant = None;
    let refusal = site.carry_out(order).unwrap_err();
    assert!(matches!(refusal, Refusal::Sandbox(_)), "{refusal}");
    assert_eq!(site.actions(), ["refuse"; 3]);
    alice.ok("QUIT\r\n").unwrap();
}

fn digest(site: &Site, number: u64) -> Option<String> {
    let listed = site.rollout().generations().into_iter();
    let mut listed = listed.filter(|listed| listed.generation.number() == number);
    let listed = listed.next()?;
    Some(listed.generation.version().digest().to_owned())
}
