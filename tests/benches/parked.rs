//! Sessions that are parked, and sessions that are moved: what they cost, how soon they wake, how long
//! a swap takes and who feels it. A whole server in this process, its clients in another.
//!
//! Prints figures; Linux only. `POPCELL_PARKED_SESSIONS` says how many there are to be: each has a
//! descriptor in both processes.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that can not be set up has no figures"
)]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::{
    env,
    io::{BufRead, BufReader, Lines, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use popcell::{
    account::Account,
    auth::{fixed::FixedUsers, hasher::Hasher, scheme::StoredPassword},
    component::Options,
    config::{Config, Listener, Users},
    mailbox::memory::Memory,
    operations::Operations,
    rollout::Order,
    server::Server,
    services::{self, Services},
};
use popcell_tests::{client::Client, faulty, pss::pss};
use tokio::{net::TcpSocket, runtime::Runtime};

/// Connections to one address of this machine: the system has only so many ports.
const PER_ADDRESS: usize = 10_000;

/// Users who are not among those that are parked.
const PROBES: usize = 16;

/// Parked sessions of the first measurement: what the server needs once is in it.
const FEW: usize = 1_000;

/// How long a session may wait while others connect, log in or are moved.
const PATIENCE: Duration = Duration::from_secs(2 * 60 * 60);

/// How often the time of a wake-up is taken.
const WAKES: usize = 300;

fn main() {
    if let Some(port) = env::var_os("POPCELL_PARKED_CLIENT") {
        return clients(port.to_str().unwrap().parse().unwrap());
    }
    let site = Site::start(sessions());
    wake(&site);
    let clients = memory(&site);
    moves(&site);
    load(&site);
    drop(clients);
}

fn sessions() -> usize {
    env::var("POPCELL_PARKED_SESSIONS").map_or(10_000, |text| text.parse().unwrap())
}

/// A server whose sessions are parked soon.
struct Site {
    address: SocketAddr,
    operations: Arc<Operations>,
    runtime: Runtime,
    files: tempfile::TempDir,
}

impl Site {
    fn start(sessions: usize) -> Self {
        let runtime = Runtime::new().unwrap();
        let inside = runtime.enter();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::UNSPECIFIED, 0).into()).unwrap();
        let socket = socket.listen(4096).unwrap().into_std().unwrap();
        let address = socket.local_addr().unwrap();
        let config = config(address, sessions);
        let services = services(&config, sessions + PROBES);
        let server = Server::new(&config, vec![socket], services).unwrap();
        let operations = server.operations();
        runtime.spawn(server.run(std::future::pending()));
        drop(inside);
        Self {
            address: (Ipv4Addr::LOCALHOST, address.port()).into(),
            operations,
            runtime,
            files: tempfile::tempdir().unwrap(),
        }
    }

    fn login(&self, user: usize) -> Client {
        Client::login(self.address, &format!("user{user}"), "secret").unwrap()
    }

    fn parked(&self) -> usize {
        let views = self.operations.sessions.list();
        views.iter().filter(|view| view.is_parked).count()
    }

    fn wait_for_parked(&self, count: usize) {
        while self.parked() < count {
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Brings another build of the component to all sessions.
    fn swap(&self, number: u32) {
        let file = faulty::write(self.files.path(), "none", number).unwrap();
        let order = Order {
            tenant: None,
            component: Options::new(file),
            canary: None,
            replay: None,
            wait: true,
            who: "a benchmark".to_owned(),
        };
        let since = Instant::now();
        let reports = self.runtime.block_on(self.operations.rollout.swap(order));
        let report = reports.unwrap().remove(0);
        println!(
            "  swap: {} sessions moved, {} elsewhere, {:?} with compilation and trial",
            report.moved,
            report.behind,
            since.elapsed()
        );
    }
}

fn config(address: SocketAddr, sessions: usize) -> Config {
    let users = Users::PasswdFile("unused".into());
    let mailbox = popcell::config::Mailbox::new("/unused/%u".parse().unwrap());
    let mut config = Config::new(vec![Listener::new(address)], users, mailbox);
    // One that has said QUIT may still be counted when the next one comes.
    let connections = u32::try_from(sessions + 2 * PROBES).unwrap();
    config.limits.connections = connections;
    config.limits.connections_per_address = connections;
    config.sandbox.hibernate_after = Some(Duration::from_millis(20));
    // Nobody is to end because the others take their time.
    config.timeouts.login = PATIENCE;
    config.timeouts.idle = PATIENCE;
    config
}

/// Users with ten messages each.
fn services(config: &Config, count: usize) -> Services {
    let hasher = Hasher::new(popcell::auth::hasher::Limits::default()).unwrap();
    let names = (0..count).map(|number| format!("user{number}"));
    let users = names.clone().map(|user| {
        let stored = StoredPassword::parse(b"{PLAIN}secret").unwrap();
        (Account { user, home: None }, stored)
    });
    let mail = names.map(|user| (user, vec![b"Subject: x\r\n\r\nhello\r\n".to_vec(); 10]));
    let sandbox = Arc::new(services::sandbox(config).unwrap());
    let users = Arc::new(FixedUsers::new(users, hasher));
    Services::of(config, users, Arc::new(Memory::new(mail)), sandbox).unwrap()
}

/// How long a command takes whose session is parked, and one whose session is not.
fn wake(site: &Site) {
    let mut client = site.login(sessions());
    let mut taken = Vec::new();
    for _ in 0..WAKES {
        site.wait_for_parked(1);
        taken.push(noop(&mut client));
    }
    let awake: Vec<_> = (0..WAKES * 10).map(|_| noop(&mut client)).collect();
    println!(
        "NOOP, median and p99: parked {:?}, awake {:?}",
        middle(taken),
        middle(awake)
    );
}

fn noop(client: &mut Client) -> Duration {
    let since = Instant::now();
    client.ok("NOOP\r\n").unwrap();
    since.elapsed()
}

fn middle(mut taken: Vec<Duration>) -> (Duration, Duration) {
    taken.sort();
    (taken[taken.len() / 2], taken[taken.len() * 99 / 100])
}

/// What parked sessions need of memory; gives the clients, who have all been served once more.
fn memory(site: &Site) -> Clients {
    let mut clients = Clients::start(site.address.port());
    let all = sessions();
    let mut before = 0;
    for (stage, count) in [
        ("connect", FEW),
        ("connect", all),
        ("login", FEW),
        ("login", all),
    ] {
        clients.tell(stage, count);
        let parked = if stage == "connect" { count } else { all };
        site.wait_for_parked(parked);
        let after = pss().unwrap();
        if count == all {
            let each = after.saturating_sub(before) as f64 / (all - FEW) as f64;
            println!("{all} parked sessions, after {stage}: {each:.2} KiB more for each");
        }
        before = after;
    }
    let since = Instant::now();
    clients.tell("noop", all);
    println!(
        "all {all} of them answer a NOOP, one after the other, in {:?}",
        since.elapsed()
    );
    site.wait_for_parked(all);
    clients
}

/// What a swap costs, and who notices.
fn moves(site: &Site) {
    let probes = Probes::start(site, 4);
    thread::sleep(Duration::from_secs(1));
    println!("all parked sessions, and four that are busy, moved to another component:");
    site.swap(1);
    let (count, longest, middle) = probes.stop();
    println!(
        "  of {count} commands meanwhile the longest took {longest:?}, p99 {:?}",
        middle.1
    );
}

/// Commands a second, before a swap, during swaps, and behind them.
fn load(site: &Site) {
    println!("{PROBES} clients that are busy:");
    for (phase, swaps) in [("before", 0..0), ("during", 2..7), ("after", 0..0)] {
        let probes = Probes::start(site, PROBES);
        let since = Instant::now();
        for number in swaps {
            site.swap(number);
        }
        let rest = Duration::from_secs(3).saturating_sub(since.elapsed());
        thread::sleep(rest);
        let seconds = since.elapsed().as_secs_f64();
        let (count, longest, middle) = probes.stop();
        println!(
            "  {phase}: {:.0} commands a second, p99 {:?}, longest {longest:?}",
            count as f64 / seconds,
            middle.1
        );
    }
}

/// Clients that say NOOP as fast as they can.
struct Probes {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<Duration>>>,
}

impl Probes {
    fn start(site: &Site, count: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..count).map(|number| {
            // The first one may still be logged in.
            let mut client = site.login(sessions() + number % PROBES);
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                let mut taken = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    taken.push(noop(&mut client));
                }
                client.ok("QUIT\r\n").unwrap();
                taken
            })
        });
        let threads = threads.collect();
        Self { stop, threads }
    }

    fn stop(self) -> (usize, Duration, (Duration, Duration)) {
        self.stop.store(true, Ordering::Relaxed);
        let taken = self.threads.into_iter().map(|one| one.join().unwrap());
        let taken: Vec<_> = taken.flatten().collect();
        (
            taken.len(),
            taken.iter().copied().max().unwrap(),
            middle(taken),
        )
    }
}

/// The clients of parked sessions, in a process of their own.
struct Clients {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
    orders: ChildStdin,
}

impl Clients {
    fn start(port: u16) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .env("POPCELL_PARKED_CLIENT", port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            said: BufReader::new(child.stdout.take().unwrap()).lines(),
            orders: child.stdin.take().unwrap(),
            child,
        }
    }

    fn tell(&mut self, stage: &str, count: usize) {
        writeln!(self.orders, "{stage} {count}").unwrap();
        assert_eq!(self.said.next().unwrap().unwrap(), "done");
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        // Its connections go with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other end: does what each line of the standard input says, for so many connections.
fn clients(port: u16) {
    let mut streams: Vec<TcpStream> = Vec::new();
    let mut logged_in = 0;
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let (stage, count) = line.split_once(' ').unwrap();
        let count: usize = count.parse().unwrap();
        match stage {
            "connect" => {
                for number in streams.len()..count {
                    let octet = u8::try_from(1 + number / PER_ADDRESS).unwrap();
                    let mut stream =
                        TcpStream::connect(SocketAddr::from(([127, 0, 0, octet], port))).unwrap();
                    expect(&mut stream, b"+OK Popcell ready\r\n");
                    streams.push(stream);
                }
            }
            "login" => {
                for (number, stream) in streams.iter_mut().enumerate().take(count).skip(logged_in) {
                    write!(stream, "USER user{number}\r\nPASS secret\r\nSTAT\r\n").unwrap();
                    expect(
                        stream,
                        b"+OK USER accepted, send PASS\r\n+OK Authentication succeeded\r\n\
                          +OK 10 210\r\n",
                    );
                }
                logged_in = count;
            }
            _ => {
                for stream in &mut streams {
                    stream.write_all(b"NOOP\r\n").unwrap();
                    expect(stream, b"+OK \r\n");
                }
            }
        }
        println!("done");
    }
}

fn expect(stream: &mut TcpStream, answer: &[u8]) {
    let mut read = vec![0; answer.len()];
    stream.read_exact(&mut read).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&read),
        String::from_utf8_lossy(answer)
    );
}
