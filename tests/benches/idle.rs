//! User memory of 1,000 idle sessions: a whole server in this process, its clients in another.
//!
//! Prints proportional set size (PSS) per session, before and after login. Linux only.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that can not be set up has no figures"
)]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::Arc,
};

use popcell::{
    account::Account,
    auth::{fixed::FixedUsers, hasher::Hasher, scheme::StoredPassword},
    config::{Config, Listener, Users},
    mailbox::memory::Memory,
    server::Server,
    services::{self, Services},
};

const SESSIONS: usize = 1_000;

fn main() {
    if let Some(address) = env::var_os("POPCELL_IDLE_CLIENT") {
        return client(address.to_str().unwrap());
    }
    let sockets = vec![TcpListener::bind("127.0.0.1:0").unwrap()];
    sockets[0].set_nonblocking(true).unwrap();
    let address = sockets[0].local_addr().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let _guard = runtime.enter();
    let config = config(address);
    let server = Server::new(&config, sockets, services(&config)).unwrap();
    runtime.spawn(server.run(std::future::pending()));

    let mut clients = Command::new(env::current_exe().unwrap())
        .env("POPCELL_IDLE_CLIENT", address.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(clients.stdout.take().unwrap()).lines();
    let mut go_on = clients.stdin.take().unwrap();
    let mut before = pss();
    for stage in ["connected", "logged in (10 messages)", "gone"] {
        go_on.write_all(b"\n").unwrap();
        assert_eq!(said.next().unwrap().unwrap(), stage);
        let after = pss();
        if stage == "gone" {
            println!("afterwards: {} KiB in all", after);
        } else {
            let each = after.saturating_sub(before) as f64 / SESSIONS as f64;
            println!("{SESSIONS} sessions {stage}: {each:.1} KiB more for each");
            before = if stage == "connected" { before } else { after };
        }
    }
    clients.wait().unwrap();
}

fn config(address: std::net::SocketAddr) -> Config {
    let users = Users::PasswdFile("unused".into());
    let mailbox = popcell::config::Mailbox::new("/unused/%u".parse().unwrap());
    let mut config = Config::new(vec![Listener::new(address)], users, mailbox);
    config.limits.connections_per_address = 2_000;
    config
}

fn services(config: &Config) -> Services {
    let hasher = Hasher::new(popcell::auth::hasher::Limits::default()).unwrap();
    let names = (0..SESSIONS).map(|number| format!("user{number}"));
    let users = names.clone().map(|user| {
        let stored = StoredPassword::parse(b"{PLAIN}secret").unwrap();
        (Account { user, home: None }, stored)
    });
    let mail = names.map(|user| (user, vec![b"Subject: x\r\n\r\nhello\r\n".to_vec(); 10]));
    let sandbox = Arc::new(services::sandbox(config).unwrap());
    let users = Arc::new(FixedUsers::new(users, hasher));
    Services::of(config, users, Arc::new(Memory::new(mail)), sandbox).unwrap()
}

/// The other end: a stage whenever a line is read from the standard input.
fn client(address: &str) {
    let mut input = std::io::stdin().lines();
    input.next();
    let mut streams: Vec<_> = (0..SESSIONS)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    for stream in &mut streams {
        expect(stream, b"+OK Popcell ready\r\n");
    }
    println!("connected");
    input.next();
    for (number, stream) in streams.iter_mut().enumerate() {
        write!(stream, "USER user{number}\r\nPASS secret\r\nSTAT\r\n").unwrap();
        expect(
            stream,
            b"+OK USER accepted, send PASS\r\n+OK Authentication succeeded\r\n+OK 10 210\r\n",
        );
    }
    println!("logged in (10 messages)");
    input.next();
    drop(streams);
    println!("gone");
}

fn expect(stream: &mut TcpStream, answer: &[u8]) {
    let mut read = vec![0; answer.len()];
    stream.read_exact(&mut read).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&read),
        String::from_utf8_lossy(answer)
    );
}

/// Proportional set size of this process, in KiB.
fn pss() -> u64 {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .unwrap();
    line.trim()
        .strip_suffix(" kB")
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}
