//! Some sessions first.

use popcell::rollout::{Canary, Standing};

use super::site::{Site, wait};

#[test]
fn a_part_of_all_sessions_is_in_the_canary() {
    let site = Site::start();
    let mut clients: Vec<_> = (0..50).map(|_| site.connect()).collect();
    let report = site.canary("none", Canary::Percent(50));
    wait(|| {
        let count = in_component(&site, &report.digest);
        (10..=40).contains(&count)
    });
    assert_eq!(site.standing(2), Some(Standing::Canary));
    clients.extend((0..50).map(|_| site.connect()));
    let count = in_component(&site, &report.digest);
    assert!((30..=70).contains(&count), "{count} of 100");
    // The same build once more, without a canary: everybody.
    let report = site.swap("none", 1).unwrap();
    assert_eq!((report.generation, report.there), (2, 100));
    assert_eq!(site.actions(), ["canary", "promote"]);
}

#[test]
fn the_users_who_are_named_are_in_the_canary_and_nobody_else() {
    let site = Site::start();
    let _before = [site.login("user1"), site.login("user2")];
    let report = site.canary("none", Canary::Users(vec!["user1".into(), "user3".into()]));
    wait(|| in_component(&site, &report.digest) == 1);
    let mut after = [site.login("user3"), site.login("user4")];
    for client in &mut after {
        client.ok("NOOP\r\n").unwrap();
    }
    let views = site.views().into_iter();
    let mut users: Vec<_> = views
        .filter(|view| view.component.as_deref() == Some(&report.digest))
        .filter_map(|view| view.user)
        .collect();
    users.sort();
    assert_eq!(users, ["user1".into(), "user3".into()]);
}

#[test]
fn a_canary_is_taken_back_by_itself_and_by_order() {
    let site = Site::start();
    let mut alice = site.login("alice");
    site.canary("late-trap", Canary::Percent(100));
    for _ in 0..3 {
        let mut client = site.login("user1");
        client.ask(popcell_tests::faulty::TRIGGER).unwrap();
        client.ok("QUIT\r\n").unwrap();
    }
    wait(|| site.standing(2).is_none());
    let report = site.canary("none", Canary::Percent(100));
    wait(|| in_component(&site, &report.digest) == 1);
    site.roll_back().unwrap();
    wait(|| in_component(&site, &report.digest) == 0);
    assert_eq!(site.standing(1), Some(Standing::Current));
    alice.ok("QUIT\r\n").unwrap();
}

fn in_component(site: &Site, digest: &str) -> usize {
    let views = site.views().into_iter();
    let there = views.filter(|view| view.component.as_deref() == Some(digest));
    there.count()
}
