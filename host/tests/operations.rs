//! A running server in the hands of its operator: the control socket, metrics, the service manager.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything here takes; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A site: users, mail, a configuration with a control socket and metrics.
struct Site(TempDir);

/// The program serving a site.
struct Server {
    child: Child,
    address: String,
    metrics: String,
}

/// A client in the middle of a session.
struct Client {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        fs::write(
            site.path("users"),
            "alice:{PLAIN}secret\nbob:{PLAIN}secret\n",
        )
        .unwrap();
        for user in ["alice", "bob"] {
            for folder in ["cur", "new", "tmp"] {
                fs::create_dir_all(site.path(&format!("mail/{user}/{folder}"))).unwrap();
            }
        }
        site.store("1", "Subject: one\n\nfirst\n");
        site.store("2", "Subject: two\n\nsecond\n");
        let text = "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n[users]\n\
                    passwd_file = \"users\"\n[mailbox]\nmaildir = \"mail/%u\"\n[limits]\n\
                    failed_login_delay = 0\n[control]\nsocket = \"control.sock\"\n[metrics]\n\
                    listen = \"127.0.0.1:0\"\n";
        fs::write(site.path("popcell.toml"), text).unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn store(&self, name: &str, message: &str) {
        fs::write(self.path(&format!("mail/alice/new/{name}.a.b")), message).unwrap();
    }

    fn messages(&self) -> usize {
        fs::read_dir(self.path("mail/alice/new")).unwrap().count()
    }

    fn popcell(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_popcell"));
        command.args(arguments).stdin(Stdio::null());
        command.arg("--config").arg(self.path("popcell.toml"));
        command
    }

    fn serve(&self) -> Server {
        Server::start(&mut self.popcell(&["serve"]))
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        self.popcell(arguments).output().unwrap()
    }

    /// The standard output of a command that goes well.
    fn told(&self, arguments: &[&str]) -> String {
        let output = self.ask(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let told = self.told(&[arguments, &["--json"]].concat());
        let lines = told.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Server {
    fn start(command: &mut Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut line = |start: &str| {
            let line = lines.next().expect("it starts").unwrap();
            line.strip_prefix(start).expect(&line).to_owned()
        };
        let address = line("popcell: listening on ");
        let metrics = line("popcell: metrics at http://");
        let metrics = metrics.strip_suffix("/metrics").unwrap().to_owned();
        Self {
            child,
            address,
            metrics,
        }
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.unwrap().success());
    }

    fn stop(mut self) {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
    }

    /// Status and body of a page.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.metrics).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Client {
    /// A client that has been greeted.
    fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap());
        let mut client = Self { stream, lines };
        assert!(client.line().starts_with("+OK"));
        client
    }

    fn login(address: &str) -> Self {
        let mut client = Self::connect(address);
        assert!(client.say("USER alice").starts_with("+OK"));
        assert!(client.say("PASS secret").starts_with("+OK"));
        client
    }

    /// The first line of the answer to a command.
    fn say(&mut self, command: &str) -> String {
        write!(self.stream, "{command}\r\n").unwrap();
        self.line()
    }

    /// One line; empty at the end of the connection.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    /// The rest of an answer of many lines.
    fn skip_message(&mut self) {
        while self.line() != ".\r\n" {}
    }
}

#[test]
fn an_operator_sees_a_session_and_ends_it_and_no_mail_is_lost() {
    let site = Site::new();
    let server = site.serve();
    let mode = fs::metadata(site.path("control.sock"))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    assert_eq!(site.json(&["sessions"]), [] as [Value; 0]);
    let mut client = Client::login(&server.address);
    assert!(client.say("DELE 1").starts_with("+OK"));

    let status = &site.json(&["status"])[0];
    assert_eq!(status["health"], "ready", "{status}");
    assert_eq!(status["listeners"][0], *server.address);
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
        Client::connect(&server.address),
        Client::login(&server.address),
    ];
    assert_eq!(site.json(&["kick", "--tenant", "default"]).len(), 2);
    for mut client in clients {
        assert_eq!(client.line(), "");
    }
    server.stop();
    assert!(!site.path("control.sock").exists());
    let output = site.ask(&["status"]);
    assert_eq!(output.status.code(), Some(69), "{output:?}");
}

#[test]
fn a_control_socket_is_taken_over_from_a_dead_server_and_not_from_a_living_one() {
    let site = Site::new();
    let mut dead = site.serve();
    dead.child.kill().unwrap();
    dead.child.wait().unwrap();
    assert!(site.path("control.sock").exists());
    let living = site.serve();
    assert_eq!(site.json(&["status"])[0]["pid"], living.child.id());
    let output = site.ask(&["serve"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("a running server has it"), "{error}");
    assert_eq!(output.status.code(), Some(69));
    assert_eq!(site.json(&["status"])[0]["pid"], living.child.id());
}

#[test]
fn a_scrape_counts_what_clients_did() {
    let site = Site::new();
    let server = site.serve();
    let mut client = Client::connect(&server.address);
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
    let mut client = Client::login(&server.address);
    assert!(client.say("RETR 3").starts_with("+OK"));
    server.signal("TERM");
    let (mut status, mut why) = (200, String::new());
    while status == 200 {
        (status, why) = server.get("/readyz");
    }
    assert_eq!((status, why.as_str()), (503, "draining\n"));
    assert_eq!(site.json(&["status"])[0]["health"], "draining");
    assert_eq!(server.get("/livez").0, 200);
    assert_eq!(site.json(&["kick", "--user", "alice"]).len(), 1);
    assert!(server.child.wait().unwrap().success());
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
    server.signal("HUP");
    wait_for("RELOADING=1\nMONOTONIC_USEC=");
    wait_for("READY=1\n");
    server.signal("TERM");
    wait_for("STOPPING=1\n");
    server.stop();
}
