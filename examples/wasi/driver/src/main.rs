//! A POP3 server on WASI 0.2: sockets and lines here, the dialogue in an imported session.
//!
//! * `listener`: a socket that accepts.
//! * `connection`: one client and its session; octets in, steps out.
//! * `framing`: octets to lines.
//!
//! It runs in one thread: `serve` waits for whichever connection can go on. Arguments:
//! ADDRESS USERS MAIL; the last two are for the backend.

mod connection;
mod framing;
mod listener;

use std::{env, process::ExitCode, time::Duration};

use wasi::{
    clocks::monotonic_clock::subscribe_duration,
    io::poll::{Pollable, poll},
};

use crate::{connection::Connection, listener::Listener};

/// What `generate!` makes of the contract: the session is imported here.
mod bindings {
    wit_bindgen::generate!({
        inline: "
            package popcell:driver;
            world driver {
                import popcell:pop3/session@0.1.0;
            }
        ",
        path: "../../../wit",
        generate_all,
    });
}

/// More clients than this wait until another one leaves.
const MAX_CONNECTIONS: usize = 256;
/// RFC 1939 §3: an inactivity timer is of ten minutes at least.
const IDLE: Duration = Duration::from_secs(600);
/// Nanoseconds between two looks at who is idle. There is one timer for all, and nothing is
/// subscribed to anew in each turn of the loop: jco keeps a timer until its time has come, also when
/// it was dropped, and forgets no subscription (preview2-shim 0.26.0).
const LOOK: u64 = 60_000_000_000;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [address, _users, _mail] = &arguments[..] else {
        eprintln!("pop3-server: expected ADDRESS USERS MAIL, found {arguments:?}");
        return ExitCode::from(2);
    };
    match Listener::bind(address) {
        Ok(listener) => {
            println!("listening on {}", listener.address());
            serve(&listener)
        }
        Err(error) => {
            eprintln!("pop3-server: {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(listener: &Listener) -> ! {
    let mut connections: Vec<Connection> = Vec::new();
    let now = subscribe_duration(0);
    let mut timer = subscribe_duration(LOOK);
    loop {
        let ready = wait(listener, &connections, &now, &timer);
        // From the last to the first, so that a removal moves none that is still to come.
        for index in ready.into_iter().rev() {
            match connections.get_mut(index) {
                None => connections.extend(listener.accept().map(Connection::new)),
                Some(connection) => {
                    if !connection.advance() {
                        connections.swap_remove(index);
                    }
                }
            }
        }
        if timer.ready() {
            connections.retain(|connection| connection.idle() < IDLE);
            timer = subscribe_duration(LOOK);
        }
    }
}

/// The connections that can go on; a number behind them is the listener's. `now` is ready.
fn wait(
    listener: &Listener,
    connections: &[Connection],
    now: &Pollable,
    timer: &Pollable,
) -> Vec<usize> {
    let mut all: Vec<&Pollable> = connections
        .iter()
        .map(|connection| connection.waits_for().unwrap_or(now))
        .collect();
    if connections.len() < MAX_CONNECTIONS {
        all.push(listener.ready());
    }
    let sources = all.len();
    all.push(timer);
    let ready = poll(&all)
        .into_iter()
        .filter_map(|index| usize::try_from(index).ok());
    ready.filter(|index| *index < sources).collect()
}
