//! A process that takes over from another one while clients read their mail.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

mod support;

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::{net::UnixDatagram, process::CommandExt as _},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use popcell::takeover::inherit;
use rustix::process::{Resource, Rlimit};
use support::Popcell;
use tempfile::TempDir;

/// As long as something may take that is bound to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Octets of the message that does not fit the buffers of a socket.
const LARGE: usize = 24 << 20;

/// Files of a server with some users, and with a control socket.
struct Site(TempDir);

/// A client of it.
struct Client(BufReader<TcpStream>);

impl Site {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let files = directory.path();
        let mut users = String::new();
        for user in ["alice", "bob", "carol"] {
            users += &format!("{user}:{{PLAIN}}secret\n");
            for folder in ["new", "cur", "tmp"] {
                fs::create_dir_all(files.join(user).join(folder)).unwrap();
            }
            for number in 1..=5 {
                let text = format!("Subject: {user} {number}\n\nhello\n");
                let name = format!("170000000{number}.{number}.host");
                fs::write(files.join(user).join("new").join(name), text).unwrap();
            }
        }
        let large = b"x\n".repeat(LARGE / 2);
        let name = "carol/new/1800000000.6.host";
        fs::write(files.join(name), large).unwrap();
        fs::write(files.join("users"), users).unwrap();
        let config = "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n\
             [users]\npasswd_file = \"users\"\n[mailbox]\nmaildir = \"%u\"\n\
             [control]\nsocket = \"control\"\n[sandbox]\nhibernate_after = \"10ms\"\n";
        fs::write(files.join("popcell.toml"), config).unwrap();
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, further: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_popcell"));
        command.args(["serve", "--config"]);
        command.arg(self.path("popcell.toml")).args(further);
        command
    }

    fn serve(&self, further: &[&str]) -> Popcell {
        Popcell::start(&mut self.command(further), 0)
    }

    /// Messages that a user has left.
    fn left(&self, user: &str) -> usize {
        fs::read_dir(self.path(user).join("new")).unwrap().count()
    }
}

impl Client {
    fn login(server: &Popcell, user: &str) -> Self {
        let mut client = Self::connect(server);
        client.ok(&format!("USER {user}\r\n"));
        client.ok("PASS secret\r\n");
        client
    }

    fn connect(server: &Popcell) -> Self {
        let stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Self(BufReader::new(stream));
        client.ok("");
        client
    }

    fn ok(&mut self, command: &str) -> String {
        self.0.get_mut().write_all(command.as_bytes()).unwrap();
        let line = self.line();
        assert!(line.starts_with("+OK"), "{command:?} is answered {line:?}");
        line
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }

    fn lines(&mut self, command: &str) -> usize {
        self.ok(command);
        let mut count = 0;
        while self.line() != ".\r\n" {
            count += 1;
        }
        count
    }
}

#[test]
fn sessions_go_on_in_the_process_that_takes_over() {
    let site = Site::new();
    let old = site.serve(&[]);
    let mut greeted = Client::connect(&old);
    let mut named = Client::connect(&old);
    named.ok("USER bob\r\n");
    let mut alice = Client::login(&old, "alice");
    alice.ok("DELE 2\r\n");
    alice.ok("DELE 4\r\n");
    let uids = alice.lines("UIDL\r\n");
    // Mail that comes now is not this session's.
    fs::write(site.path("alice/new/1900000000.9.host"), "Subject: new\n").unwrap();
    let new = site.serve(&["--takeover"]);
    assert_eq!(new.address, old.address);
    assert!(old.wait().success(), "nobody is left in it");
    assert_eq!(alice.lines("UIDL\r\n"), uids);
    assert_eq!(alice.lines("RETR 5\r\n"), 3);
    named.ok("PASS secret\r\n");
    greeted.ok("QUIT\r\n");
    // The lock has come along.
    let mut second = Client::connect(&new);
    second.ok("USER alice\r\n");
    second.0.get_mut().write_all(b"PASS secret\r\n").unwrap();
    let answer = second.line();
    assert!(answer.starts_with("-ERR [IN-USE]"), "{answer}");
    alice.ok("QUIT\r\n");
    assert_eq!(site.left("alice"), 4, "3 of 5, and the one that came");
    named.ok("DELE 1\r\n");
    drop(named);
    second.ok("USER alice\r\n");
    second.ok("PASS secret\r\n");
    assert_eq!(site.left("bob"), 5);
    // And once more.
    let third = site.serve(&["--takeover"]);
    assert!(new.wait().success());
    second.ok("NOOP\r\n");
    Client::login(&third, "bob").ok("QUIT\r\n");
}

#[test]
fn who_is_being_answered_stays_until_that_is_over() {
    let site = Site::new();
    let old = site.serve(&[]);
    let mut carol = Client::login(&old, "carol");
    carol.ok("DELE 1\r\n");
    carol.0.get_mut().write_all(b"RETR 6\r\n").unwrap();
    let new = site.serve(&["--takeover"]);
    let mut alice = Client::login(&new, "alice");
    let answer = carol.line();
    assert!(answer.starts_with("+OK"), "{answer}");
    let mut message = vec![0; LARGE / 2 * 3];
    carol.0.read_exact(&mut message).unwrap();
    assert!(message == b"x\r\n".repeat(LARGE / 2), "an octet differs");
    assert_eq!(carol.line(), ".\r\n");
    carol.ok("QUIT\r\n");
    assert!(old.wait().success());
    assert_eq!(site.left("carol"), 5);
    alice.ok("QUIT\r\n");
}

#[test]
fn a_process_that_is_killed_while_it_takes_over_changes_nothing() {
    let site = Site::new();
    let old = site.serve(&[]);
    let mut alice = Client::login(&old, "alice");
    alice.ok("DELE 1\r\n");
    let mut bob = Client::login(&old, "bob");
    for _ in 0..3 {
        let mut heir = Command::new(env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "--nocapture",
                "an_heir_that_says_nothing",
            ])
            .env(CONTROL, site.path("control"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(heir.stdout.take().unwrap()).lines();
        // It has the listener, the sessions and their locks, and has not said the last word.
        assert!(said.any(|line| line.unwrap() == "1 listeners, 2 sessions"));
        // Nobody else may take over meanwhile.
        let second = inherit(&site.path("control")).expect_err("refused");
        assert!(
            second.to_string().contains("another process takes over"),
            "{second}"
        );
        heir.kill().unwrap();
        heir.wait().unwrap();
        alice.ok("NOOP\r\n");
        bob.ok("NOOP\r\n");
    }
    let mut second = Client::connect(&old);
    second.ok("USER alice\r\n");
    second.0.get_mut().write_all(b"PASS secret\r\n").unwrap();
    let answer = second.line();
    assert!(
        answer.starts_with("-ERR [IN-USE]"),
        "the lock is held: {answer}"
    );
    alice.ok("QUIT\r\n");
    assert_eq!(site.left("alice"), 4);
    let new = site.serve(&["--takeover"]);
    bob.ok("DELE 5\r\n");
    bob.ok("QUIT\r\n");
    assert_eq!(site.left("bob"), 4);
    drop(second);
    assert!(old.wait().success());
    Client::login(&new, "bob").ok("QUIT\r\n");
}

/// Names the control socket to the test below.
const CONTROL: &str = "POPCELL_TAKEOVER_CONTROL";

#[test]
#[ignore = "a child process of the test above"]
fn an_heir_that_says_nothing() {
    let control = env::var_os(CONTROL).expect("run by the test above");
    let inheritance = inherit(control.as_ref()).unwrap();
    let (listeners, sessions) = (inheritance.listeners.len(), inheritance.sessions.len());
    writeln!(io::stdout(), "\n{listeners} listeners, {sessions} sessions").unwrap();
    loop {
        std::thread::park();
    }
}

#[test]
fn the_service_manager_is_told_which_process_serves() {
    let site = Site::new();
    let manager = Manager::new(&site);
    let mut command = site.command(&[]);
    // It is the main process: systemd has it watched, and tells it so.
    command.env("WATCHDOG_USEC", "400000");
    let old = Popcell::start(command.env("NOTIFY_SOCKET", &manager.path), 0);
    assert_eq!(manager.next(), "READY=1");
    assert_eq!(manager.next(), "WATCHDOG=1");
    let mut command = site.command(&["--takeover"]);
    let new = Popcell::start(command.env("NOTIFY_SOCKET", &manager.path), 0);
    assert!(old.wait().success());
    let main = format!("MAINPID={}", new.child.id());
    let mut told = Vec::new();
    let mut wait_for = |line: &str| {
        while !told.contains(&line.to_owned()) {
            told.push(manager.next());
        }
        told.retain(|told| told != line);
    };
    // From the old one before it ends, and from the new one.
    wait_for(&main);
    wait_for(&format!("{main}\nREADY=1"));
    drop(manager);
    // Nobody has told the new one that it is watched, but the old one.
    let manager = Manager::new(&site);
    assert_eq!(manager.next(), "WATCHDOG=1");
    drop(new);
}

/// Who is told: as a service manager.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(site: &Site) -> Self {
        let path = site.path("notify");
        // One before it may have left it.
        let _ = fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, path }
    }

    fn next(&self) -> String {
        let mut told = [0; 256];
        let octets = self.socket.recv(&mut told).unwrap();
        let told = str::from_utf8(&told[..octets]).unwrap();
        told.trim_end().to_owned()
    }
}

#[test]
fn all_sessions_go_however_many_there_are() {
    const SESSIONS: usize = 2_000;
    let most = rustix::process::getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: most,
        maximum: most,
    };
    rustix::process::setrlimit(Resource::Nofile, limit).unwrap();
    let site = Site::new();
    let config = fs::read_to_string(site.path("popcell.toml")).unwrap();
    let config = config + "[limits]\nconnections_per_address = 4000\n";
    fs::write(site.path("popcell.toml"), config).unwrap();
    let old = site.serve(&[]);
    let clients = (0..SESSIONS).map(|_| Client::connect(&old));
    let clients: Vec<_> = clients.collect();
    let new = site.serve(&["--takeover"]);
    assert!(old.wait().success(), "it would drain for ten minutes");
    for mut client in clients {
        client.ok("QUIT\r\n");
    }
    drop(new);
}

/// The account of nobody.
const NOBODY: u32 = 65534;

#[test]
fn a_process_of_another_user_takes_nothing_over() {
    if !rustix::process::geteuid().is_root() {
        // Nobody else can be who is refused: the control socket is its owner's.
        return;
    }
    let site = Site::new();
    let mut chown = Command::new("chown");
    chown.args(["-R", &NOBODY.to_string()]).arg(site.0.path());
    assert!(chown.status().unwrap().success());
    let old = Popcell::start(site.command(&[]).uid(NOBODY), 0);
    let mut alice = Client::login(&old, "alice");
    let output = site.command(&["--takeover"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(
        said.contains("as the user that this server runs as"),
        "{said}"
    );
    alice.ok("QUIT\r\n");
}

#[test]
fn there_has_to_be_a_server_to_take_over_from() {
    let site = Site::new();
    let output = site.command(&["--takeover"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(said.contains("no server answers"), "{said}");
}

/// Listens as a service manager does, and becomes the program.
const ACTIVATE: &str = "\
import os, socket, sys
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(('127.0.0.1', int(sys.argv[1])))
listener.listen(64)
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ['LISTEN_PID'] = str(os.getpid())
os.environ['LISTEN_FDS'] = '1'
os.execv(sys.argv[2], sys.argv[2:])
";

#[test]
fn a_socket_of_the_service_manager_is_taken() {
    let site = Site::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let file = site.path("popcell.toml");
    let config = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        config.replace("127.0.0.1:0", &format!("127.0.0.1:{port}")),
    )
    .unwrap();
    // It could not listen there itself: the port is taken.
    let mut command = Command::new("python3");
    command.args(["-c", ACTIVATE, &port, env!("CARGO_BIN_EXE_popcell")]);
    command.args(["serve", "--config"]).arg(&file);
    let popcell = Popcell::start(&mut command, 0);
    assert_eq!(popcell.address, format!("127.0.0.1:{port}"));
    Client::login(&popcell, "alice").ok("QUIT\r\n");
}
