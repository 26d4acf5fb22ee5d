//! What a server shows by itself: metrics, health, and what the service manager is told.

use std::{fs, os::unix::net::UnixDatagram};

use crate::site::{Client, PATIENCE, Server, Site};

#[test]
fn a_scrape_counts_what_clients_did() {
    let site = Site::new();
    let server = site.serve();
    let mut client = Client::connect(&server.popcell.address);
    assert!(client.say("USER alice").starts_with("+OK"));
    assert!(client.say("PASS wrong").starts_with("-ERR"));
    assert!(client.say("USER alice").starts_with("+OK"));
    assert!(client.say("PASS secret").starts_with("+OK"));
    assert!(client.say("RETR 1").starts_with("+OK"));
    client.skip_message();
    assert!(client.say("DELE 2").starts_with("+OK"));
    assert!(client.say("QUIT").starts_with("+OK"));
    assert_eq!(client.line(), "");
    while !site.json(&["sessions"]).is_empty() {}

    let (status, metrics) = server.get("/metrics");
    assert_eq!(status, 200);
    let component = popcell::sandbox::digest(popcell::sandbox::EMBEDDED_COMPONENT);
    for line in [
        "pop3_connections_total 1",
        "pop3_auth_total{mech=\"PLAIN\",result=\"denied\"} 1",
        "pop3_auth_total{mech=\"PLAIN\",result=\"ok\"} 1",
        "pop3_logins_total{tenant=\"default\"} 1",
        "pop3_lines_total 7",
        "pop3_retrieved_messages_total 1",
        "pop3_retrieved_bytes_total 23",
        "pop3_removed_messages_total 1",
        "pop3_received_bytes_total 71",
        "pop3_sessions_ended_total{reason=\"quit\"} 1",
        "pop3_sessions_ended_total{reason=\"kicked\"} 0",
        "wasm_cells{state=\"active\"} 0",
        &format!(
            "pop3_active_sessions{{state=\"transaction\",component=\"{component}\",\
             tenant=\"default\"}} 0"
        ),
        "# TYPE wasm_call_duration_seconds histogram",
        "# EOF",
    ] {
        let is_there = metrics.lines().any(|there| there == line);
        assert!(is_there, "{line} in\n{metrics}");
    }
    assert!(!metrics.contains("alice") && !metrics.contains("127.0.0.1"));
    assert_eq!(server.get("/livez"), (200, "alive\n".to_owned()));
    assert_eq!(server.get("/readyz"), (200, "ready\n".to_owned()));
    assert_eq!(server.get("/").0, 404);
    fs::remove_dir_all(site.path("mail")).unwrap();
    let (status, why) = server.get("/readyz");
    assert_eq!(status, 503);
    assert!(
        why.starts_with("the mail store can not be reached: "),
        "{why}"
    );
    server.stop();
}

#[test]
fn a_server_that_is_stopping_is_not_ready_and_says_so() {
    let site = Site::new();
    // More than the system keeps for a client that reads nothing.
    site.store(
        "3",
        &format!("Subject: three\n\n{}", "long\n".repeat(8_000_000)),
    );
    let mut server = site.serve();
    let mut client = Client::login(&server.popcell.address);
    assert!(client.say("RETR 3").starts_with("+OK"));
    server.popcell.signal("TERM");
    let (mut status, mut why) = (200, String::new());
    while status == 200 {
        (status, why) = server.get("/readyz");
    }
    assert_eq!((status, why.as_str()), (503, "draining\n"));
    assert_eq!(site.json(&["status"])[0]["health"], "draining");
    assert_eq!(server.get("/livez").0, 200);
    assert_eq!(site.json(&["kick", "--user", "alice"]).len(), 1);
    assert!(server.popcell.child.wait().unwrap().success());
}

#[test]
fn the_service_manager_is_told_what_the_server_does() {
    let site = Site::new();
    let manager = UnixDatagram::bind(site.path("notify")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let told = || {
        let mut buffer = [0; 256];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let wait_for = |what: &str| while !told().starts_with(what) {};
    let mut command = site.popcell(&["serve"]);
    command
        .env("NOTIFY_SOCKET", site.path("notify"))
        .env("WATCHDOG_USEC", "20000")
        .env_remove("WATCHDOG_PID");
    let server = Server::start(&mut command);
    wait_for("READY=1\n");
    wait_for("WATCHDOG=1\n");
    server.popcell.signal("HUP");
    wait_for("RELOADING=1\nMONOTONIC_USEC=");
    wait_for("READY=1\n");
    server.popcell.signal("TERM");
    wait_for("STOPPING=1\n");
    assert!(server.popcell.wait().success());
}
