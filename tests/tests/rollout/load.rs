//! Swap after swap under a load of sessions that list, retrieve, delete, reset and quit.
//!
//! Every client keeps account of its own maildrop and compares every octet. The number of clients
//! and of swaps can be set: `POPCELL_LOAD_SESSIONS`, `POPCELL_LOAD_SWAPS`.

use std::{
    env,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use anyhow::{Context as _, Result, ensure};
use popcell::{
    account::Account,
    auth::{
        fixed::FixedUsers,
        hasher::{self, Hasher},
        scheme::StoredPassword,
    },
    mailbox::memory::Memory,
};
use popcell_tests::{faulty::TRIGGER, letters, wire};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    runtime::Builder,
    task::JoinSet,
};

use super::site::{Setting, Site};

/// Messages of each maildrop in the beginning.
const MESSAGES: usize = 6;

/// Builds, in this order again and again: those that are right and those that are not.
const BUILDS: [(&str, bool); 10] = [
    ("none", true),
    ("refuse", true),
    ("trap-resume", false),
    ("loop", false),
    ("none", true),
    ("wrong", false),
    ("late-loop", true),
    ("late-trap", true),
    ("trap-suspend", false),
    ("trap-new", false),
];

#[test]
fn swap_after_swap_costs_nobody_anything() {
    let clients = number("POPCELL_LOAD_SESSIONS", 100);
    let swaps = number("POPCELL_LOAD_SWAPS", 10);
    let (site, store) = site(clients);
    let load = Arc::new(Load {
        address: site.address(),
        is_over: AtomicBool::new(false),
        sessions: AtomicU64::new(0),
    });
    let running = {
        let load = Arc::clone(&load);
        thread::spawn(move || run(&load, clients))
    };
    super::site::wait(|| site.views().len() >= clients / 2);
    for count in 0..swaps {
        let (fault, is_taken) = BUILDS[count % BUILDS.len()];
        let swapped = site.swap_now(fault, u32::try_from(count).unwrap());
        assert_eq!(swapped.is_ok(), is_taken, "{fault}: {swapped:?}");
    }
    load.is_over.store(true, Ordering::Relaxed);
    let left = running.join().unwrap().unwrap();
    for (client, expected) in left.into_iter().enumerate() {
        let stored = store.messages(&user(client));
        assert!(
            stored == expected,
            "the mail of client {client} is not what it should be"
        );
    }
    let sessions = load.sessions.load(Ordering::Relaxed);
    assert!(sessions >= clients as u64, "{sessions} sessions");
}

/// What all clients know.
struct Load {
    address: SocketAddr,
    is_over: AtomicBool,
    /// Sessions that have ended as they should.
    sessions: AtomicU64,
}

fn number(name: &str, default: usize) -> usize {
    env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn user(client: usize) -> String {
    format!("user{client}")
}

fn site(clients: usize) -> (Site, Memory) {
    let store = Memory::new((0..clients).map(|client| (user(client), mail(client))));
    let hasher = Hasher::new(hasher::Limits::default()).unwrap();
    let users = (0..clients).map(|client| {
        let account = Account {
            user: user(client),
            home: None,
        };
        (account, StoredPassword::parse(b"{PLAIN}secret").unwrap())
    });
    let mut setting = Setting::default();
    setting.limits.call_time = std::time::Duration::from_millis(400);
    setting.cells = 256;
    setting.config.limits.connections = 10_000;
    setting.config.limits.connections_per_address = 10_000;
    setting.config.sandbox.hibernate_after = Some(std::time::Duration::from_millis(50));
    let users = FixedUsers::new(users, hasher);
    let site = setting.start_with(Arc::new(users), Arc::new(store.clone()));
    (site, store)
}

/// Messages as they go over the wire, no two of them alike.
fn mail(client: usize) -> Vec<Vec<u8>> {
    let message = |number| {
        let mut message = letters::of_octets(200 + 997 * number);
        let subject = format!("Subject: {client} {number}\r\n.dots\r\n");
        message.splice(0..0, subject.into_bytes());
        message
    };
    (0..MESSAGES).map(message).collect()
}

fn run(load: &Arc<Load>, clients: usize) -> Result<Vec<Vec<Vec<u8>>>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let left: Result<Vec<_>> = runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for client in 0..clients {
            let load = Arc::clone(load);
            tasks.spawn(async move {
                let left = sessions(&load, client).await;
                left.with_context(|| format!("client {client}"))
            });
        }
        tasks.join_all().await.into_iter().collect()
    });
    let mut left = left?;
    left.sort_by_key(|(client, _)| *client);
    Ok(left.into_iter().map(|(_, mail)| mail).collect())
}

/// Session after session of one user; the mail that is left.
async fn sessions(load: &Load, client: usize) -> Result<(usize, Vec<Vec<u8>>)> {
    let mut mail = mail(client);
    let mut dice = Dice(client as u64 + 1);
    while !load.is_over.load(Ordering::Relaxed) {
        mail = session(load, client, mail, &mut dice).await?;
        load.sessions.fetch_add(1, Ordering::Relaxed);
    }
    Ok((client, mail))
}

async fn session(
    load: &Load,
    client: usize,
    mail: Vec<Vec<u8>>,
    dice: &mut Dice,
) -> Result<Vec<Vec<u8>>> {
    let mut peer = Peer::connect(load.address).await?;
    loop {
        peer.ok(&format!("USER user{client}\r\n")).await?;
        let answer = peer.ask("PASS secret\r\n").await?;
        if answer.starts_with("+OK") {
            break;
        }
        // The server has not noticed yet that this client's last session has hung up.
        ensure!(answer.starts_with("-ERR [IN-USE]"), "{answer:?}");
    }
    let octets: usize = mail.iter().map(Vec::len).sum();
    let stat = peer.ok("STAT\r\n").await?;
    ensure!(
        stat == format!("+OK {} {octets}\r\n", mail.len()),
        "{stat:?}, not {}",
        mail.len()
    );
    let mut marked = vec![false; mail.len()];
    for _ in 0..dice.below(8) {
        turn(&mut peer, &mail, &mut marked, dice).await?;
    }
    if dice.below(4) == 0 {
        // Without QUIT nothing goes.
        return Ok(mail);
    }
    peer.ok("QUIT\r\n").await?;
    ensure!(peer.line().await?.is_empty(), "the server says more");
    let left = mail
        .into_iter()
        .zip(marked)
        .filter(|(_, is_marked)| !is_marked);
    Ok(left.map(|(message, _)| message).collect())
}

/// One thing that a client does.
async fn turn(
    peer: &mut Peer,
    mail: &[Vec<u8>],
    marked: &mut [bool],
    dice: &mut Dice,
) -> Result<()> {
    match dice.below(7) {
        0 => {
            let listed = peer.list("LIST\r\n").await?;
            let entry = |(index, _): (usize, &bool)| {
                format!("{} {}\r\n", index + 1, mail[index].len()).into_bytes()
            };
            let kept = marked
                .iter()
                .enumerate()
                .filter(|(_, is_marked)| !**is_marked);
            let expected: Vec<_> = kept.map(entry).collect();
            ensure!(listed == expected.concat(), "LIST differs");
        }
        1 | 2 => {
            if let Some(index) = dice.one_of(marked) {
                let octets = peer.list(&format!("RETR {}\r\n", index + 1)).await?;
                ensure!(octets == wire::stuffed(&mail[index]), "an octet differs");
            }
        }
        // Not all of them, so that the load lasts.
        3 if dice.below(6) == 0 => {
            if let Some(index) = dice.one_of(marked) {
                peer.ok(&format!("DELE {}\r\n", index + 1)).await?;
                marked[index] = true;
            }
        }
        4 => {
            peer.ok("RSET\r\n").await?;
            marked.fill(false);
        }
        5 if marked.get(2) == Some(&false) => {
            peer.list(TRIGGER).await?;
        }
        _ => {
            peer.ok("NOOP\r\n").await?;
        }
    }
    Ok(())
}

/// A client's end of a connection.
struct Peer(BufReader<TcpStream>);

impl Peer {
    async fn connect(address: SocketAddr) -> Result<Self> {
        let mut peer = Self(BufReader::new(TcpStream::connect(address).await?));
        peer.ok("").await?;
        Ok(peer)
    }

    async fn ask(&mut self, command: &str) -> Result<String> {
        self.0.get_mut().write_all(command.as_bytes()).await?;
        Ok(String::from_utf8(self.line().await?)?)
    }

    async fn ok(&mut self, command: &str) -> Result<String> {
        let line = self.ask(command).await?;
        ensure!(line.starts_with("+OK"), "{command:?} is answered {line:?}");
        Ok(line)
    }

    /// The lines behind the first one, but for the terminator.
    async fn list(&mut self, command: &str) -> Result<Vec<u8>> {
        self.ok(command).await?;
        let mut lines = Vec::new();
        loop {
            let line = self.line().await?;
            ensure!(!line.is_empty(), "{command:?} breaks off");
            if line == b".\r\n" {
                return Ok(lines);
            }
            lines.extend(line);
        }
    }

    /// A line with its end; nothing if the server has closed.
    async fn line(&mut self) -> Result<Vec<u8>> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).await?;
        Ok(line)
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    /// One of those that are not marked.
    fn one_of(&mut self, marked: &[bool]) -> Option<usize> {
        let kept = marked
            .iter()
            .enumerate()
            .filter(|(_, is_marked)| !**is_marked);
        let kept: Vec<_> = kept.map(|(index, _)| index).collect();
        let count = u64::try_from(kept.len()).ok().filter(|count| *count > 0)?;
        kept.get(usize::try_from(self.below(count)).ok()?).copied()
    }
}
