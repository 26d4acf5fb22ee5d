//! What tenants cost and how well they are kept apart: latency beside a tenant whose guests spin, the
//! time that a hostile guest has, the price of the limits, and memory by the number of tenants.
//!
//! A whole server in this process, its clients in threads. Prints figures; Linux only.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that can not be set up has no figures"
)]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use popcell::{
    config::Config,
    sandbox::{Budget, EMBEDDED_COMPONENT, Engine, EngineOptions, Limits, Next, Sandbox, Terms},
    server::Server,
    services::Services,
};
use popcell_tests::{client::Client, fake::World, letters, pss::pss, sandboxed, scene::Scene};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const GUEST: &[u8] = include_bytes!(env!("POPCELL_HOSTILE_GUEST"));

/// NOOPs of one measurement.
const NOOPS: usize = 5_000;

/// Clients that have their guests spin.
const LOUD: usize = 4;

/// Octets of the message that is retrieved, and how often it is.
const MIB: usize = 1 << 20;
const RETRIEVALS: u32 = 100;

/// Sessions whose memory is measured.
const SESSIONS: usize = 200;

/// Orders, of which the last is one after which a guest does not come back by itself, or breaks its
/// contract.
const DEEDS: [&[&str]; 30] = [
    &["CALL-DEEP"],
    &["HOARD"],
    &["LENGTH 100000000"],
    &["CONSUME 0"],
    &["START-TLS"],
    &["CALLS"],
    &["OPENS"],
    &["SESSIONS"],
    &["SPIN"],
    &["RECURSE"],
    &["GROW"],
    &["TRAP"],
    &["AT more TRAP"],
    &["AT more SPIN"],
    &["AT more MUTE"],
    &["AT realloc SPIN", "NOOP"],
    &["FLOOD 200000"],
    &["DRONE 1024"],
    &["GUESS"],
    &["LOGIN"],
    &["START PLAIN"],
    &["UNASKED 1"],
    &["COMMIT 3"],
    &["COMMITS"],
    &["SIZES 0 1"],
    &["FORGED"],
    &["OPEN 1", "OPEN 2"],
    &["OPEN 1", "READS"],
    &["OPEN 1", "READ 1048577"],
    &["OPEN 1", "COMMIT 1"],
];

fn main() {
    fairness();
    ends();
    limits();
    for tenants in [1, 100] {
        memory(tenants);
    }
}

/// A server with these tenants that runs for as long as this lives.
struct Site {
    address: SocketAddr,
    _runtime: Runtime,
    files: TempDir,
}

impl Site {
    fn start(tenants: usize) -> Self {
        let files = tempfile::tempdir().unwrap();
        fs::write(files.path().join("guest.wasm"), GUEST).unwrap();
        let mut text = "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n[limits]\n\
                        connections_per_address = 10000\nfailed_login_delay = 0\n\
                        failed_logins = 1000000\n[log]\nlevel = \"error\"\n"
            .to_owned();
        for number in 0..tenants {
            text += &tenant(files.path(), &format!("quiet{number}"), "");
        }
        let component = "[tenant.component]\nfile = \"guest.wasm\"\n";
        text += &tenant(files.path(), "loud", component);
        let new = files.path().join("loud/user0/new");
        fs::create_dir_all(&new).unwrap();
        for (name, octets) in [("1.a.b", 100), ("2.a.b", 5_000)] {
            fs::write(new.join(name), letters::of_octets(octets)).unwrap();
        }
        let config = Config::parse(&text, &files.path().join("popcell.toml")).unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let runtime = Runtime::new().unwrap();
        let _inside = runtime.enter();
        let services = Services::open(&config).unwrap();
        let server = Server::new(&config, vec![socket], services).unwrap();
        runtime.spawn(server.run(std::future::pending()));
        Self {
            address,
            _runtime: runtime,
            files,
        }
    }

    fn login(&self, user: &str) -> Client {
        login(self.address, user)
    }
}

fn login(address: SocketAddr, user: &str) -> Client {
    Client::login(address, user, "secret").unwrap()
}

/// A tenant whose users have a maildrop with nothing in it.
fn tenant(files: &Path, name: &str, rest: &str) -> String {
    let user = |number: usize| format!("user{number}:{{PLAIN}}secret\n");
    let lines: String = (0..SESSIONS).map(user).collect();
    fs::write(files.join(format!("{name}.users")), lines).unwrap();
    fs::create_dir(files.join(name)).unwrap();
    format!(
        "[[tenant]]\nname = \"{name}\"\ndomains = [\"{name}.example\"]\n\
         [tenant.users]\npasswd_file = \"{name}.users\"\n\
         [tenant.mailbox]\nmaildir = \"{name}/%u\"\ncreate = true\n{rest}"
    )
}

/// How long answers to NOOP take: the median and the 99th percentile.
fn noops(client: &mut Client) -> (Duration, Duration) {
    let once = |client: &mut Client| {
        let since = Instant::now();
        client.ok("NOOP\r\n").unwrap();
        since.elapsed()
    };
    let mut taken: Vec<_> = (0..NOOPS).map(|_| once(client)).collect();
    taken.sort();
    (taken[NOOPS / 2], taken[NOOPS * 99 / 100])
}

fn fairness() {
    let site = Site::start(1);
    let mut quiet = site.login("user0@quiet0.example");
    noops(&mut quiet);
    let alone = noops(&mut quiet);
    let (stop, address) = (Arc::new(AtomicBool::new(false)), site.address);
    let loud: Vec<_> = (0..LOUD)
        .map(|number| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || spin(address, number, &stop))
        })
        .collect();
    // Until the tenant has used up what it had saved.
    thread::sleep(Duration::from_secs(2));
    let beside = noops(&mut quiet);
    stop.store(true, Ordering::Relaxed);
    let spins: usize = loud.into_iter().map(|one| one.join().unwrap()).sum();
    println!(
        "NOOP of a tenant, median and p99: {alone:?} alone, {beside:?} beside {LOUD} guests that"
    );
    println!(
        "  spin ({spins} calls were ended): p99 {:.2}x",
        ratio(beside.1, alone.1)
    );
}

/// Has a guest spin, again and again, until it is told to stop; how often.
fn spin(address: SocketAddr, number: usize, stop: &AtomicBool) -> usize {
    let mut spins = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut client = login(address, &format!("user{number}@loud.example"));
        client.send(b"SPIN\r\n").unwrap();
        client.rest().unwrap();
        spins += 1;
    }
    spins
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

/// The time from a hostile act to the end of its connection.
fn ends() {
    let site = Site::start(1);
    for orders in DEEDS {
        let (deed, before) = orders.split_last().unwrap();
        let mut taken: Vec<_> = (0..50)
            .map(|_| {
                let mut client = site.login("user0@loud.example");
                for order in before {
                    client.ok(&format!("{order}\r\n")).unwrap();
                }
                let since = Instant::now();
                client.send(format!("{deed}\r\n").as_bytes()).unwrap();
                client.rest().unwrap();
                since.elapsed()
            })
            .collect();
        taken.sort();
        let orders = orders.join(", ");
        println!("{orders}: over after {:?}, p99 {:?}", taken[25], taken[49]);
    }
    let left = fs::read_dir(site.files.path().join("loud/user0/new"))
        .unwrap()
        .count();
    println!("  of 2 messages {left} are there");
}

/// A NOOP, and a MiB of RETR, with every limit as it is by default and with as little as there can be.
#[expect(
    clippy::too_many_lines,
    reason = "one measurement, told from its beginning to its end"
)]
fn limits() {
    let options = EngineOptions {
        cells: 4,
        cell_memory: 1 << 20,
        engine: Engine::default(),
    };
    let none = Limits {
        call_time: Duration::from_hours(1),
        line_time: Duration::from_hours(1),
        session_time: Duration::from_hours(1),
        call_octets: usize::MAX,
        answer_octets: u64::MAX,
        host_calls: u32::MAX,
        ..Limits::default()
    };
    let session_time = Duration::from_hours(1);
    let all = Limits {
        session_time,
        ..Limits::default()
    };
    let sandbox = Sandbox::new(options, all, EMBEDDED_COMPONENT).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().build().unwrap();
    for (name, limits, share) in [
        ("none", none, None),
        ("all", all, Some(100_000)),
        ("none", none, None),
        ("all", all, Some(100_000)),
    ] {
        let terms = Terms {
            limits,
            budget: Arc::new(Budget::new(usize::MAX, share)),
        };
        let world = World::new(Scene {
            messages: vec![letters::of_octets(MIB)],
            ..Scene::default()
        });
        let connection = sandboxed::connection(&world.scene().connection);
        let login = world.host().lend();
        let taken = runtime.block_on(async {
            let session = sandbox.session_in(sandbox.version(), terms, login, &connection);
            let mut session = session.await.unwrap();
            session.greet().await.unwrap();
            session
                .lines(b"USER alice\r\nPASS secret\r\n", 4_096)
                .await
                .unwrap();
            let since = Instant::now();
            for _ in 0..200_000 {
                assert!(!session.is_overdrawn());
                session.lines(b"NOOP\r\n", 4_096).await.unwrap();
            }
            let noop = since.elapsed() / 200_000;
            let since = Instant::now();
            for _ in 0..RETRIEVALS {
                let mut step = session.lines(b"RETR 1\r\n", 65_536).await.unwrap();
                while step.next == Next::More {
                    step = session.more(65_536).await.unwrap();
                }
            }
            (noop, since.elapsed() / RETRIEVALS)
        });
        let (noop, mib) = taken;
        println!("in a cell with the limits of {name}: {noop:?} a NOOP, {mib:?} a MiB of RETR");
    }
}

fn memory(tenants: usize) {
    let site = Site::start(tenants);
    let first = site.login("user0@quiet0.example");
    let before = pss().unwrap();
    let sessions: Vec<_> = (1..SESSIONS)
        .map(|number| site.login(&format!("user{number}@quiet{}.example", number % tenants)))
        .collect();
    let each = pss().unwrap().saturating_sub(before) as f64 / sessions.len() as f64;
    println!("{SESSIONS} idle sessions of {tenants} tenants: {each:.1} KiB for each");
    drop((first, sessions));
}
