//! Sessions without a cell: who is idle costs none, and nobody is turned away for want of one.

use std::{io::Read as _, time::Duration};

use popcell_tests::{fake::World, letters, scene::Scene, wire};

use super::site::{Setting, many, wait};

/// As short as it can be set.
const SOON: Option<Duration> = Some(Duration::from_millis(10));

#[test]
fn who_is_idle_is_parked_and_wakes_as_it_was() {
    let mut setting = Setting::default();
    setting.config.sandbox.hibernate_after = SOON;
    let site = setting.start();
    let mut greeted = site.connect();
    let mut named = site.connect();
    named.ok("USER bob\r\n").unwrap();
    let mut alice = site.login("alice");
    alice.ok("DELE 2\r\n").unwrap();
    site.wait_for_parked(3);
    assert!(site.views().iter().all(|view| view.memory == 0));
    greeted.ok("CAPA\r\n").unwrap();
    named.ok("PASS hunter2\r\n").unwrap();
    assert_eq!(many(&mut alice, "LIST\r\n").len(), 7, "the mark is there");
    site.wait_for_parked(3);
    named.ok("QUIT\r\n").unwrap();
    alice.ok("QUIT\r\n").unwrap();
    assert!(site.world.wait_for_release());
    assert_eq!(site.world.stored(), [1, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn who_sleeps_wakes_up_for_a_piece_of_a_line_and_for_many_lines() {
    let mut setting = Setting::default();
    setting.config.sandbox.hibernate_after = SOON;
    let site = setting.start();
    let mut alice = site.login("alice");
    for _ in 0..3 {
        site.wait_for_parked(1);
        alice.send(b"NO").unwrap();
        let said = site.views()[0].octets_in;
        wait(|| site.views().iter().all(|view| view.is_parked));
        alice.send(b"OP\r\n").unwrap();
        alice.ok("").unwrap();
        assert!(site.views()[0].octets_in >= said);
    }
    site.wait_for_parked(1);
    alice.send(b"NOOP\r\nDELE 1\r\nQUIT\r\n").unwrap();
    for _ in 0..3 {
        alice.ok("").unwrap();
    }
    assert_eq!(alice.rest().unwrap(), b"");
    assert!(site.world.wait_for_release());
    assert_eq!(site.world.stored(), [2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn who_sleeps_is_ended_as_anybody() {
    let mut setting = Setting::default();
    setting.config.sandbox.hibernate_after = SOON;
    setting.config.timeouts.idle = Duration::from_secs(1);
    let site = setting.start();
    let mut kicked = site.login("alice");
    let mut silent = site.login("user1");
    let gone = site.login("user2");
    site.wait_for_parked(3);
    drop(gone);
    assert_eq!(site.kick("alice"), 1);
    for ended in [&mut kicked, &mut silent] {
        assert_eq!(ended.rest().unwrap(), b"");
    }
    wait(|| site.views().is_empty());
    assert_eq!(site.world.stored().len(), 8, "nothing is deleted");
}

#[test]
fn a_session_is_parked_in_the_middle_of_an_answer_that_its_client_does_not_take() {
    let mut setting = Setting::default();
    setting.config.sandbox.hibernate_after = SOON;
    let message = letters::of_octets(32 << 20);
    setting.world = World::new(Scene {
        messages: vec![message.clone()],
        ..Scene::default()
    });
    let site = setting.start();
    let mut alice = site.login("alice");
    alice.send(b"RETR 1\r\nNOOP\r\n").unwrap();
    site.wait_for_parked(1);
    let answer = [b"+OK ", &wire::stuffed(&message)[..], b".\r\n+OK"].concat();
    let mut stream = alice.stream();
    let mut first = [0; 4];
    stream.read_exact(&mut first).unwrap();
    let mut octet = [0; 1];
    while octet[0] != b'\n' {
        stream.read_exact(&mut octet).unwrap();
    }
    let mut rest = vec![0; answer.len() - 4];
    stream.read_exact(&mut rest).unwrap();
    assert!(rest == answer[4..], "an octet differs");
}

#[test]
fn nobody_is_turned_away_for_want_of_a_cell() {
    let setting = Setting {
        cells: 2,
        ..Setting::default()
    };
    let site = setting.start();
    let mut clients: Vec<_> = (0..40)
        .map(|number| site.login(&format!("user{number}")))
        .collect();
    for round in 0..3 {
        for client in &mut clients {
            client.ok("NOOP\r\n").unwrap();
            if round == 1 {
                client.ok("DELE 1\r\n").unwrap();
            }
        }
        let live = site.views().iter().filter(|view| !view.is_parked).count();
        assert!(live <= 2, "{live} cells");
    }
    // Whoever has been idle longest goes first.
    let mut last = clients.pop().unwrap();
    assert!(last.ok("STAT\r\n").unwrap().starts_with("+OK 1 "));
}

#[test]
fn a_session_that_waits_for_a_cell_gets_the_first_that_is_free() {
    let setting = Setting {
        cells: 1,
        ..Setting::default()
    };
    let site = setting.start();
    let mut first = site.login("user1");
    let mut second = site.login("user2");
    first.send(b"RETR 1\r\n").unwrap();
    second.send(b"RETR 2\r\n").unwrap();
    let mut third = site.connect();
    third.ok("QUIT\r\n").unwrap();
    first.ok("").unwrap();
    second.ok("").unwrap();
}

#[test]
fn without_hibernation_a_session_keeps_its_cell() {
    let site = Setting::default().start();
    let mut alice = site.login("alice");
    let mut other = site.connect();
    // So that the server has had every opportunity.
    for _ in 0..200 {
        other.ok("CAPA\r\n").unwrap();
        while other.hear().unwrap() != popcell_tests::driver::Heard::Line(b".\r\n".to_vec()) {}
    }
    assert!(site.views().iter().all(|view| !view.is_parked));
    alice.ok("QUIT\r\n").unwrap();
    wait(|| site.views().len() == 1);
}
