//! The control socket, by the commands for it.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use crate::site::{Client, Site};

#[test]
fn an_operator_sees_what_a_client_does() {
    let site = Site::new();
    let server = site.serve();
    assert_eq!(site.json(&["sessions"]), [] as [Value; 0]);
    let mut client = Client::login(&server.popcell.address);
    assert!(client.say("DELE 1").starts_with("+OK"));

    let status = &site.json(&["status"])[0];
    assert_eq!(status["health"], "ready", "{status}");
    assert_eq!(status["listeners"][0], *server.popcell.address);
    assert_eq!(status["connections"]["now"], 1);
    assert_eq!(status["states"]["transaction"], 1);
    assert_eq!(status["totals"]["logins"], 1);
    assert_eq!(status["totals"]["lines"], 3);
    let component = popcell::sandbox::digest(popcell::sandbox::EMBEDDED_COMPONENT);
    assert_eq!(status["components"][0], *component);

    // What has been sent is counted when it has been sent, which the client may see first.
    let sent = "USER alice\r\nPASS secret\r\nDELE 1\r\n".len();
    let mut sessions = site.json(&["sessions"]);
    while sessions[0]["octets_in"] != sent {
        sessions = site.json(&["sessions"]);
    }
    let session = &sessions[0];
    assert_eq!(session["user"], "alice", "{session}");
    assert_eq!(session["state"], "transaction");
    assert_eq!(session["tenant"], "default");
    assert_eq!(session["component"], *component);
    assert!(session["memory"].as_u64() >= Some(65_536), "{session}");
    assert!(session["computed"].as_u64() > Some(0), "{session}");
}

#[test]
fn without_json_there_are_tables() {
    let site = Site::new();
    let server = site.serve();
    let _client = Client::login(&server.popcell.address);
    let table = site.told(&["sessions"]);
    let (head, row) = table.split_once('\n').unwrap();
    assert!(
        head.starts_with("SESSION           STATE        USER"),
        "{table}"
    );
    assert!(
        row.contains(" transaction  alice  default  127.0.0.1:"),
        "{table}"
    );
    assert!(
        site.told(&["status"])
            .contains("\nhealth           ready\n")
    );
    let tenant = &site.json(&["tenants"])[0];
    assert_eq!(
        (&tenant["sessions"], &tenant["logins"]),
        (&1.into(), &1.into())
    );
    assert!(
        site.told(&["tenants"])
            .starts_with("TENANT   SESSIONS  LOGINS")
    );
}

#[test]
fn a_session_that_is_kicked_ends_at_once_and_no_mail_is_lost() {
    let site = Site::new();
    let server = site.serve();
    let mut client = Client::login(&server.popcell.address);
    assert!(client.say("DELE 1").starts_with("+OK"));
    let session = &site.json(&["sessions"])[0];
    assert_eq!(site.ask(&["kick", "--user", "bob"]).status.code(), Some(1));
    assert_eq!(
        site.ask(&["kick", "0000000000000000"]).status.code(),
        Some(1)
    );
    let id = session["id"].as_str().unwrap();
    assert_eq!(site.told(&["kick", id]), format!("kicked {id}\n"));
    assert_eq!(client.line(), "", "nothing is said at the end");
    while !site.json(&["sessions"]).is_empty() {}
    assert_eq!(site.messages(), 2);
    let (_, metrics) = server.get("/metrics");
    assert!(metrics.contains("pop3_sessions_ended_total{reason=\"kicked\"} 1\n"));

    let clients = [
        Client::connect(&server.popcell.address),
        Client::login(&server.popcell.address),
    ];
    assert_eq!(site.json(&["kick", "--tenant", "default"]).len(), 2);
    for mut client in clients {
        assert_eq!(client.line(), "");
    }
}

#[test]
fn the_socket_is_the_servers_alone_and_goes_with_it() {
    let site = Site::new();
    let server = site.serve();
    let mode = fs::metadata(site.path("control.sock"))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    server.stop();
    assert!(!site.path("control.sock").exists());
    let output = site.ask(&["status"]);
    assert_eq!(output.status.code(), Some(69), "{output:?}");
}

#[test]
fn a_control_socket_is_taken_over_from_a_dead_server_and_not_from_a_living_one() {
    let site = Site::new();
    let mut dead = site.serve();
    dead.popcell.child.kill().unwrap();
    dead.popcell.child.wait().unwrap();
    assert!(site.path("control.sock").exists());
    let living = site.serve();
    assert_eq!(site.json(&["status"])[0]["pid"], living.popcell.child.id());
    let output = site.ask(&["serve"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("a running server has it"), "{error}");
    assert_eq!(output.status.code(), Some(69));
    assert_eq!(site.json(&["status"])[0]["pid"], living.popcell.child.id());
}
