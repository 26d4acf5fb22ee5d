//! What clients should not do, and networks and other programs will: over TCP, to a whole server.
//!
//! Every test ends with a client that is served as if nothing had happened.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not go on fails at once"
)]

use std::{
    fs,
    io::{ErrorKind, Write as _},
    path::Path,
    sync::Arc,
    thread,
    time::Duration,
};

use popcell::mailbox::maildir::{self, Maildir};
use popcell_tests::{
    client::Client, driver::Heard, fake::World, letters, scene::Scene, served, server::Running,
};
use tempfile::TempDir;

const LOGIN: &str = "USER alice\r\nPASS secret\r\n";

#[test]
fn empty_lines_are_bad_commands_and_end_the_session() {
    let (world, server) = start(Scene::default());
    let mut client = connected(&server);
    client.send(b"\r\n\r\n\n\r\n").unwrap();
    let expected = "-ERR unknown command\r\n".repeat(2) + "-ERR too many bad commands\r\n";
    assert_eq!(text(&client.rest().unwrap()), expected);
    is_served(&world, &server);
}

#[test]
fn http_on_the_port_is_turned_away_and_not_repeated() {
    let (world, server) = start(Scene::default());
    let mut client = connected(&server);
    client
        .send(b"POST / HTTP/1.1\r\nHost: marker.example\r\n\r\nUSER alice\r\n")
        .unwrap();
    let said = text(&client.rest().unwrap());
    assert!(said.ends_with("-ERR too many bad commands\r\n"), "{said}");
    assert!(
        !said.contains("marker") && !said.contains("send PASS"),
        "{said}"
    );
    is_served(&world, &server);
}

#[test]
fn ten_megabytes_without_a_line_end_are_a_line_too_long() {
    let (world, server) = start(Scene::default());
    let mut client = connected(&server);
    let chunk = vec![b'x'; 1024 * 1024];
    for _ in 0..10 {
        client.send(&chunk).unwrap();
    }
    client.finish().unwrap();
    assert_eq!(text(&client.rest().unwrap()), "-ERR line too long\r\n");
    is_served(&world, &server);
}

#[test]
fn a_hundred_thousand_pipelined_commands_are_answered_in_order() {
    const COMMANDS: usize = 100_000;
    let (world, server) = start(Scene::default());
    let mut client = logged_in(&server);
    let mut writer = client.stream().try_clone().unwrap();
    let sent = thread::spawn(move || {
        let commands = "NOOP\r\nLIST 2\r\n".repeat(COMMANDS / 2) + "QUIT\r\n";
        writer.write_all(commands.as_bytes())
    });
    let said = client.rest().unwrap();
    sent.join().unwrap().unwrap();
    let expected = "+OK \r\n+OK 2 200\r\n".repeat(COMMANDS / 2) + "+OK \r\n";
    assert!(
        said == expected.as_bytes(),
        "{} octets, expected {}",
        said.len(),
        expected.len()
    );
    is_served(&world, &server);
}

#[test]
fn a_client_that_never_reads_is_given_up_and_loses_nothing() {
    let messages = letters::maildrop("large").unwrap();
    let scene = Scene {
        messages,
        ..Scene::default()
    };
    let world = World::new(scene);
    let mut config = served::config(world.scene());
    config.timeouts.write = Duration::from_millis(200);
    let server = served::serve(&world, &config).unwrap();
    let mut client = logged_in(&server);
    // More than the buffers of both sockets hold; the QUIT behind it must not be reached.
    let commands = "RETR 1\r\n".repeat(200) + "DELE 1\r\nQUIT\r\n";
    client.send(commands.as_bytes()).unwrap();
    assert!(
        world.wait_for_release(),
        "the client holds its maildrop for ever"
    );
    assert_eq!(world.stored(), [1]);
    is_served(&world, &server);
}

#[test]
fn a_client_that_sends_for_ever_and_reads_nothing_is_not_read_for_ever() {
    const MUCH: usize = 64 * 1024 * 1024;
    let world = World::new(Scene::default());
    let mut config = served::config(world.scene());
    config.timeouts.write = Duration::from_millis(500);
    let server = served::serve(&world, &config).unwrap();
    let client = logged_in(&server);
    client
        .stream()
        .set_write_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let commands = "NOOP\r\n".repeat(10_000);
    let mut taken = 0;
    let end = loop {
        match client.stream().write(commands.as_bytes()) {
            Ok(octets) => taken += octets,
            Err(error) => break error.kind(),
        }
        assert!(taken < MUCH, "the server reads on and on");
    };
    let is_given_up = matches!(end, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
    assert!(
        is_given_up,
        "the connection is {end:?} after {taken} octets"
    );
    is_served(&world, &server);
}

#[test]
fn a_client_that_sends_octet_by_octet_is_understood() {
    let (world, server) = start(Scene::default());
    let mut client = connected(&server);
    for octet in format!("{LOGIN}STAT\r\nQUIT\r\n").bytes() {
        client.send(&[octet]).unwrap();
    }
    assert!(text(&client.rest().unwrap()).ends_with("+OK 2 320\r\n+OK \r\n"));
    is_served(&world, &server);
}

#[test]
fn a_client_that_says_everything_and_its_last_word_is_answered() {
    let (world, server) = start(Scene::default());
    let mut client = connected(&server);
    client
        .send(format!("{LOGIN}DELE 1\r\nQUIT\r\n").as_bytes())
        .unwrap();
    let said = text(&client.rest().unwrap());
    assert!(
        said.ends_with("+OK Authentication succeeded\r\n+OK \r\n+OK \r\n"),
        "{said}"
    );
    assert_eq!(world.stored(), [2]);
    is_served(&world, &server);
}

#[test]
fn a_disconnect_anywhere_removes_nothing_and_releases_the_lock() {
    let mut scene = Scene {
        messages: letters::awkward(),
        ..Scene::default()
    };
    scene.messages.extend(letters::maildrop("large").unwrap());
    scene.connection.mechanisms = vec!["PLAIN".to_owned(), "LOGIN".to_owned()];
    let (world, server) = start(scene);
    let everything: Vec<u32> = (1..=9).collect();
    for said in [
        "",
        "USER al",
        "USER alice\r\n",
        "USER alice\r\nPASS",
        "AUTH PLAIN\r\n",
        "AUTH LOGIN\r\nYWxpY2U=\r\n",
        LOGIN,
        "USER alice\r\nPASS secret\r\nDELE 1\r\n",
        "USER alice\r\nPASS secret\r\nDELE 1\r\nRETR 9\r\n",
        "USER alice\r\nPASS secret\r\nDELE 1\r\nQUI",
        "USER alice\r\nPASS secret\r\nDELE 1\r\nQUIT",
    ] {
        let mut client = Client::connect(server.address()).unwrap();
        client.send(said.as_bytes()).unwrap();
        // Every line is answered with one at least: then the server is where it should be.
        for _ in 0..=said.matches('\n').count() {
            assert!(matches!(client.hear().unwrap(), Heard::Line(_)), "{said:?}");
        }
        drop(client);
        assert!(world.wait_for_release(), "{said:?}");
        assert_eq!(world.stored(), everything, "{said:?}");
    }
    is_served(&world, &server);
}

#[test]
fn a_connection_cut_during_a_download_removes_nothing_that_was_pipelined() {
    let messages = letters::maildrop("large").unwrap();
    let (world, server) = start(Scene {
        messages,
        ..Scene::default()
    });
    let mut client = logged_in(&server);
    let commands = "RETR 1\r\n".repeat(200) + "DELE 1\r\nQUIT\r\n";
    client.send(commands.as_bytes()).unwrap();
    assert!(matches!(client.hear().unwrap(), Heard::Line(_)));
    drop(client);
    assert!(world.wait_for_release());
    assert_eq!(world.stored(), [1]);
    is_served(&world, &server);
}

#[test]
fn a_silent_session_is_closed_without_a_word_and_removes_nothing() {
    let world = World::new(Scene::default());
    let mut config = served::config(world.scene());
    config.timeouts.idle = Duration::from_secs(1);
    let server = served::serve(&world, &config).unwrap();
    let mut client = logged_in(&server);
    client.ok("DELE 1\r\n").unwrap();
    assert_eq!(text(&client.rest().unwrap()), "");
    assert!(world.wait_for_release());
    assert_eq!(world.stored(), [1, 2]);
    is_served(&world, &server);
}

#[test]
fn a_connection_that_does_not_log_in_is_closed() {
    let world = World::new(Scene::default());
    let mut config = served::config(world.scene());
    config.timeouts.login = Duration::from_secs(1);
    let server = served::serve(&world, &config).unwrap();
    let mut client = connected(&server);
    client.ok("USER alice\r\n").unwrap();
    client.rest().unwrap();
}

#[test]
fn failed_logins_end_the_session() {
    let world = World::new(Scene::default());
    let mut config = served::config(world.scene());
    config.limits.failed_logins = 2;
    let server = served::serve(&world, &config).unwrap();
    let mut client = connected(&server);
    for _ in 0..2 {
        client.ok("USER alice\r\n").unwrap();
        assert_eq!(
            client.ask("PASS wrong\r\n").unwrap(),
            "-ERR [AUTH] Authentication failed"
        );
    }
    client.send(LOGIN.as_bytes()).unwrap();
    assert_eq!(text(&client.rest().unwrap()), "");
    is_served(&world, &server);
}

#[test]
fn two_sessions_do_not_share_a_maildrop() {
    let (world, server) = start(Scene::default());
    let mut first = logged_in(&server);
    let mut second = connected(&server);
    second.ok("USER alice\r\n").unwrap();
    let answer = second.ask("PASS secret\r\n").unwrap();
    assert_eq!(answer, "-ERR [IN-USE] maildrop already locked");
    first.ok("QUIT\r\n").unwrap();
    second.ok("USER alice\r\n").unwrap();
    second.ok("PASS secret\r\n").unwrap();
    second.ok("QUIT\r\n").unwrap();
    is_served(&world, &server);
}

#[test]
fn a_server_that_is_stopped_ends_its_sessions_and_removes_nothing() {
    let (world, server) = start(Scene::default());
    let mut client = logged_in(&server);
    client.ok("DELE 1\r\n").unwrap();
    server.stop();
    assert_eq!(text(&client.rest().unwrap()), "");
    assert!(!world.is_locked(0));
    assert_eq!(world.stored(), [1, 2]);
}

#[test]
fn a_maildir_that_vanishes_costs_its_messages_and_not_the_session() {
    let home = maildir(&["one", "two"]);
    let server = maildir_server(home.path());
    let mut client = logged_in(&server);
    client.ok("DELE 2\r\n").unwrap();
    fs::remove_dir_all(home.path().join("alice")).unwrap();
    assert_eq!(client.ask("STAT\r\n").unwrap(), "+OK 1 21");
    assert!(client.ask("RETR 1\r\n").unwrap().starts_with("-ERR [SYS/"));
    assert!(client.ask("TOP 1 0\r\n").unwrap().starts_with("-ERR [SYS/"));
    let answer = client.ask("QUIT\r\n").unwrap();
    assert_eq!(answer, "-ERR some deleted messages not removed");
    assert_eq!(client.hear().unwrap(), Heard::Closed(Vec::new()));
}

#[test]
fn a_message_that_is_removed_or_changed_is_never_sent_wrong() {
    let home = maildir(&["one", "two", "three", "four"]);
    let server = maildir_server(home.path());
    let mut client = logged_in(&server);
    client.ok("LIST 1\r\n").unwrap();
    fs::remove_file(message(home.path(), 0)).unwrap();
    fs::write(message(home.path(), 1), "S").unwrap();
    fs::write(
        message(home.path(), 2),
        "Subject: three, and much more than there was\n\n",
    )
    .unwrap();
    for number in 1..=3 {
        let answer = client.ask(&format!("RETR {number}\r\n")).unwrap();
        assert!(answer.starts_with("-ERR [SYS/TEMP]"), "{number}: {answer}");
    }
    client.ok("RETR 4\r\n").unwrap();
    let lines = ["Subject: four\r\n", "\r\n", "four\r\n", ".\r\n"];
    for line in lines {
        assert_eq!(
            client.hear().unwrap(),
            Heard::Line(line.as_bytes().to_vec())
        );
    }
    client.ok("QUIT\r\n").unwrap();
}

fn start(scene: Scene) -> (World, Running) {
    let world = World::new(scene);
    let server = served::start(&world).unwrap();
    (world, server)
}

/// A client behind the greeting.
fn connected(server: &Running) -> Client {
    let mut client = Client::connect(server.address()).unwrap();
    client.ok("").unwrap();
    client
}

fn logged_in(server: &Running) -> Client {
    Client::login(server.address(), "alice", "secret").unwrap()
}

/// The server still does what it should, for the same user.
fn is_served(world: &World, server: &Running) {
    assert!(
        world.wait_for_release(),
        "a session holds its maildrop for ever"
    );
    let mut client = logged_in(server);
    client.ok("NOOP\r\n").unwrap();
    client.ok("QUIT\r\n").unwrap();
    assert_eq!(client.hear().unwrap(), Heard::Closed(Vec::new()));
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

/// A folder with the Maildir of alice in it, and a short message for each of `words`.
fn maildir(words: &[&str]) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    for folder in ["cur", "new", "tmp"] {
        fs::create_dir_all(home.path().join("alice").join(folder)).unwrap();
    }
    for (index, word) in words.iter().enumerate() {
        let text = format!("Subject: {word}\n\n{word}\n");
        fs::write(message(home.path(), index), text).unwrap();
    }
    home
}

fn message(home: &Path, index: usize) -> std::path::PathBuf {
    home.join(format!("alice/new/17000000{index:02}.M1P1.example"))
}

/// A server for the Maildirs below `home`, with the fake host's users.
fn maildir_server(home: &Path) -> Running {
    let users = World::new(Scene::default());
    let template = format!("{}/%u", home.display()).parse().unwrap();
    let mailbox = Maildir::new(maildir::Options::new(template)).unwrap();
    let config = served::config(users.scene());
    Running::start(&config, Arc::new(users), Arc::new(mailbox)).unwrap()
}
