//! The same guest behind a socket: what the client sees of it, and what the log says.

use std::sync::Arc;

use popcell::{sandbox::Sandbox, services::Services};
use popcell_tests::{client::Client, ends, fake::World, served, server::Running};

use super::attack::{HASTY, PATIENT, world};

/// Orders, of which the last one ends the session, and the reason in the log.
type Row = (&'static [&'static str], &'static str);

const BREACH: &str = "component_breach";
const LIMIT: &str = "component_limit";
const TRAPPED: &str = "component_trapped";

#[test]
fn a_guest_that_fails_costs_its_own_session_and_is_logged() {
    let rows: &[Row] = &[
        (&["TRAP"], TRAPPED),
        (&["RECURSE"], TRAPPED),
        (&["GROW"], LIMIT),
        (&["LENGTH 100000000"], TRAPPED),
        (&["LOGIN", "OPEN 1", "TRAP"], TRAPPED),
        (&["AT constructor TRAP"], TRAPPED),
        (&["AT greet TRAP"], TRAPPED),
        (&["AT more TRAP"], TRAPPED),
        (&["AT overlong TRAP"], TRAPPED),
    ];
    for (orders, reason) in rows {
        strike(&PATIENT, orders, reason);
    }
    strike(&HASTY, &["SPIN"], LIMIT);
    strike(&HASTY, &["AT constructor SPIN"], LIMIT);
}

#[test]
fn a_guest_that_breaks_the_contract_costs_its_own_session_and_is_logged() {
    let rows: &[Row] = &[
        (&["FLOOD 131073"], BREACH),
        (&["CONSUME 0"], BREACH),
        (&["AT more MUTE"], BREACH),
        (&["AT greet FLOOD 1025"], BREACH),
        (&["START-TLS"], BREACH),
        (&["GUESS"], LIMIT),
        (&["LOGIN", "LOGIN"], BREACH),
        (&["LOGIN", "CALLS"], LIMIT),
        (&["LOGIN", "COMMIT 3"], BREACH),
        (&["LOGIN", "COMMITS"], BREACH),
    ];
    for (orders, reason) in rows {
        strike(&PATIENT, orders, reason);
    }
}

#[test]
fn a_guest_that_closes_says_how_and_removes_nothing() {
    strike(&PATIENT, &["LOGIN", "CLOSE"], "quit");
    strike(&PATIENT, &["LOGIN", "ABORT"], "closed_by_component");
}

/// Gives a session of a whole server these orders, of which the last one has to end it.
fn strike(sandbox: &Arc<Sandbox>, orders: &[&str], reason: &str) {
    ends::listen();
    let peaceful = world();
    let neighbours = start(sandbox, &peaceful, "");
    let mut neighbour = connected(&neighbours);
    let (world, (last, before)) = (world(), orders.split_last().unwrap());
    let banner = match last.strip_prefix("AT ") {
        Some(order) if order.starts_with("constructor") || order.starts_with("greet") => order,
        Some(_) | None => "",
    };
    let server = start(sandbox, &world, banner);
    let mut client = Client::connect(server.address()).unwrap();
    if banner.is_empty() {
        client.ok("").unwrap();
        for order in before {
            client.ok(&format!("{order}\r\n")).unwrap();
        }
        client.send(format!("{last}\r\n").as_bytes()).unwrap();
    }
    if last.starts_with("AT overlong") {
        client.send(&[b'x'; 20_000]).unwrap();
    }
    client.rest().unwrap();
    let end = ends::reason(client, server.address()).unwrap();
    assert_eq!(end, reason, "{orders:?}");
    let text = server.operations().metrics.text().unwrap();
    let moved = format!("pop3_sessions_ended_total{{reason=\"{reason}\"}} 1\n");
    assert!(text.contains(&moved), "{orders:?}: {text}");
    assert!(world.wait_for_release(), "{orders:?}");
    assert_eq!(world.stored(), [1, 2], "{orders:?}");
    neighbour.ok("LOGIN\r\n").unwrap();
}

fn start(sandbox: &Arc<Sandbox>, world: &World, banner: &str) -> Running {
    let mut config = served::config(world.scene());
    config.session.greeting = banner.to_owned();
    config.limits.failed_logins = 3;
    let backends = Arc::new(world.clone());
    let sandbox = Arc::clone(sandbox);
    let services = Services::of(&config, Arc::<World>::clone(&backends), backends, sandbox);
    let services = services.unwrap();
    Running::start_with(&config, services).unwrap()
}

fn connected(server: &Running) -> Client {
    let mut client = Client::connect(server.address()).unwrap();
    client.ok("").unwrap();
    client
}
