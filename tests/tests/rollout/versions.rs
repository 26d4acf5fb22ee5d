//! Two versions of the contract in one server: tenants of each, and sessions that go from one to the
//! other.
//!
//! `guests/next` is of the contract in `wit-next`. It shows in its greeting and in CAPA what 0.1 does
//! not have, and its states are those of the component of `wit/`.

use std::{fs, path::Path};

use popcell::{
    config::Config,
    rollout::{Order, Refusal},
    sandbox::EMBEDDED_COMPONENT,
    services::Services,
};
use popcell_tests::{client::Client, escape, faulty, letters, server::Running};

use super::site::{Site, many, moves_in_the_middle_of_an_answer};

/// The session of this project as a component of version 0.2.
const NEXT: &[u8] = include_bytes!(env!("POPCELL_NEXT_GUEST"));

/// What its CAPA says behind a login, with the octets of the largest message.
const LARGEST: &str = "X-LARGEST ";

#[test]
fn one_server_has_tenants_of_two_versions() {
    let files = tempfile::tempdir().unwrap();
    let now = faulty::write(files.path(), "none", 1).unwrap();
    let next = files.path().join("next.wasm");
    fs::write(&next, NEXT).unwrap();
    let text = "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n\
                [limits]\ncall_time = \"30s\"\nsession_time = \"10min\"\n"
        .to_owned()
        + &tenant(files.path(), "now", &now)
        + &tenant(files.path(), "next", &next);
    let config = Config::parse(&text, &files.path().join("popcell.toml")).unwrap();
    let services = Services::open(&config).unwrap();
    let server = Running::start_with(&config, services).unwrap();
    let mut clients = ["now", "next"].map(|tenant| {
        let user = format!("alice@{tenant}.example");
        Client::login(server.address(), &user, "secret").unwrap()
    });
    // A command of the one, and then the same one of the other.
    let mut both = |command: &str| clients.each_mut().map(|client| client.ok(command).unwrap());
    assert_eq!(both("STAT\r\n"), ["+OK 2 35"; 2]);
    both("DELE 1\r\n");
    assert_eq!(both("LIST 2\r\n"), ["+OK 2 19"; 2]);
    let mut both = |command: &str| clients.each_mut().map(|client| many(client, command));
    assert_eq!(both("LIST\r\n"), [[b"2 19\r\n"]; 2]);
    assert_eq!(
        both("RETR 2\r\n").map(|said| said.concat()),
        [LETTERS[1]; 2]
    );
    let [ids, others] = both("UIDL\r\n");
    assert_eq!((ids.len(), &ids), (1, &others));
    let largest = clients.each_mut().map(largest);
    assert_eq!(largest, [None, Some("19".to_owned())]);
    for client in &mut clients {
        client.ok("QUIT\r\n").unwrap();
        client.rest().unwrap();
    }
    for tenant in ["now", "next"] {
        let left = fs::read_dir(files.path().join(tenant).join("alice/cur")).unwrap();
        let left = left.chain(fs::read_dir(files.path().join(tenant).join("alice/new")).unwrap());
        assert_eq!(left.count(), 1, "{tenant}");
    }
}

#[test]
fn open_sessions_go_from_one_version_to_the_other_and_back() {
    let site = Site::start();
    let mut bob = Client::connect(site.address()).unwrap();
    assert_eq!(bob.ok("").unwrap(), "+OK Popcell ready");
    bob.ok("USER bob\r\n").unwrap();
    let mut alice = site.login("alice");
    alice.ok("DELE 2\r\n").unwrap();
    assert_eq!(largest(&mut alice), None);

    let report = site.carry_out(order(&site, NEXT)).unwrap();
    assert_eq!((report.generation, report.there), (2, 2));
    assert_eq!((report.moved, report.refused), (2, 0));
    bob.ok("PASS hunter2\r\n").unwrap();
    let octets = letters::awkward().iter().map(Vec::len).max().unwrap();
    assert_eq!(largest(&mut alice), Some(octets.to_string()));
    // Everybody else has the maildrop `two`.
    assert_eq!(largest(&mut bob), Some("200".to_owned()));
    assert_eq!(many(&mut alice, "UIDL\r\n").len(), 7);
    alice.ok("DELE 4\r\n").unwrap();
    let mut new = Client::connect(site.address()).unwrap();
    assert_eq!(new.ok("").unwrap(), "+OK popcell Popcell ready");

    let report = site.roll_back().unwrap();
    assert_eq!(report.generation, 1);
    for client in [&mut alice, &mut bob] {
        assert_eq!(largest(client), None);
    }
    new.ok("QUIT\r\n").unwrap();
    bob.ok("QUIT\r\n").unwrap();
    alice.ok("QUIT\r\n").unwrap();
    assert!(site.world.wait_for_release());
    assert_eq!(site.world.stored(), [1, 3, 5, 6, 7, 8]);
    assert_eq!(site.actions(), ["swap", "rollback"]);
}

#[test]
fn an_answer_that_began_in_one_version_ends_in_the_other() {
    moves_in_the_middle_of_an_answer(|site| order(site, NEXT));
}

#[test]
fn a_session_whose_state_the_other_version_does_not_read_stays_where_it_is() {
    let site = Site::start();
    let mut alice = site.login("alice");
    // It writes states of its own, and reads no others: new sessions are in it, the open one is not.
    site.swap("refuse", 1).unwrap();
    let mut user = site.login("user1");
    user.ok("DELE 1\r\n").unwrap();
    let report = site.carry_out(order(&site, NEXT)).unwrap();
    assert_eq!((report.moved, report.refused), (1, 1));
    assert!(largest(&mut alice).is_some());
    assert_eq!(largest(&mut user), None);
    assert_eq!(many(&mut user, "LIST\r\n").len(), 1);
    alice.ok("QUIT\r\n").unwrap();
    user.ok("QUIT\r\n").unwrap();
}

#[test]
fn a_version_that_is_not_served_is_told_which_are() {
    let site = Site::start();
    let mut alice = site.login("alice");
    let newer = renamed(NEXT, b"session@0.2.0", b"session@0.3.0");
    let refusal = site.carry_out(order(&site, &newer)).unwrap_err();
    assert!(matches!(refusal, Refusal::Sandbox(_)), "{refusal}");
    let expected = "expected that it exports popcell:pop3/session@0.1.0 or \
                    popcell:pop3/session@0.2.0, found popcell:pop3/session@0.3.0";
    assert!(refusal.to_string().contains(expected), "{refusal}");
    // One version's session with another version's imports.
    let mixed = renamed(EMBEDDED_COMPONENT, b"mail@0.1.0", b"mail@0.2.0");
    let refusal = site.carry_out(order(&site, &mixed)).unwrap_err();
    assert!(refusal.to_string().contains("mail@0.2.0"), "{refusal}");
    assert_eq!(site.actions(), ["refuse"; 2]);
    alice.ok("QUIT\r\n").unwrap();
}

/// The letters of each tenant's user, as RETR sends them.
const LETTERS: [&[u8]; 2] = [b"Subject: one\r\n\r\n", b"Subject: two\r\n\r\n:\r\n"];

/// A tenant with this component and a user who has [`LETTERS`].
fn tenant(files: &Path, name: &str, component: &Path) -> String {
    fs::write(files.join("users"), "alice:{PLAIN}secret\n").unwrap();
    let maildir = files.join(name).join("alice");
    for folder in ["new", "cur", "tmp"] {
        fs::create_dir_all(maildir.join(folder)).unwrap();
    }
    for (number, letter) in (1..).zip(LETTERS) {
        fs::write(
            maildir.join(format!("new/170000000{number}.1.host")),
            letter,
        )
        .unwrap();
    }
    format!(
        "[[tenant]]\nname = \"{name}\"\ndomains = [\"{name}.example\"]\n\
         [tenant.users]\npasswd_file = \"users\"\n\
         [tenant.mailbox]\nmaildir = \"{name}/%u\"\n\
         [tenant.component]\nfile = \"{}\"\n",
        component.display()
    )
}

/// An order for this component.
fn order(site: &Site, wasm: &[u8]) -> Order {
    let order = site.order("none", 1);
    fs::write(&order.component.file, wasm).unwrap();
    order
}

/// What CAPA says of the largest message, which no component of 0.1 knows.
fn largest(client: &mut Client) -> Option<String> {
    let said = many(client, "CAPA\r\n");
    let mut said = said.iter().map(|line| escape::encode(line.trim_ascii()));
    said.find_map(|line| line.strip_prefix(LARGEST).map(str::to_owned))
}

/// A component with another name wherever this one stands.
fn renamed<const N: usize>(wasm: &[u8], old: &[u8; N], new: &[u8; N]) -> Vec<u8> {
    let mut wasm = wasm.to_vec();
    for at in 0..wasm.len() - N {
        if wasm[at..].starts_with(old) {
            wasm[at..at + N].copy_from_slice(new);
        }
    }
    wasm
}
