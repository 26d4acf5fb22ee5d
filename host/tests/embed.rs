//! The library in somebody else's program: `examples/` over a socket and over a stream, and what
//! `docs/embed.md` says of them.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Child, Command, Output},
    thread,
    time::{Duration, Instant},
};

use tokio::{runtime, sync::oneshot};

#[path = "../examples/embed.rs"]
#[expect(dead_code, reason = "its main is a program's")]
mod embed;
#[path = "../examples/session.rs"]
#[expect(dead_code, reason = "its main is a program's")]
mod session;

/// What poplib gets: the listing, a message, and what becomes of DELE.
const POPLIB: &str = r#"
import poplib, sys
client = poplib.POP3("127.0.0.1", int(sys.argv[1]), timeout=60)
client.user("ann")
client.pass_("secret")
print(client.uidl()[1])
print(client.retr(1)[1])
client.dele(1)
try:
    client.quit()
except poplib.error_proto as error:
    print(error)
client = poplib.POP3("127.0.0.1", int(sys.argv[1]), timeout=60)
client.user("ann")
try:
    client.pass_("wrong")
except poplib.error_proto as error:
    print(error)
"#;

#[test]
fn the_example_serves_its_own_users_their_own_mail() {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = {
        let _inside = runtime.enter();
        embed::serve(address).unwrap()
    };
    let port = server.addresses()[0].port().to_string();
    let (stop, stopped) = oneshot::channel::<()>();
    let client = thread::spawn(move || {
        let output = Command::new("python3").args(["-c", POPLIB, &port]).output();
        drop(stop);
        said(output.unwrap())
    });
    runtime.block_on(server.run(async {
        let _ = stopped.await;
    }));
    assert_eq!(
        client.join().unwrap(),
        "[b'1 order-7']\n\
         [b'Subject: Order 7', b'', b'Your tea is on its way.']\n\
         b'-ERR some deleted messages not removed'\n\
         b'-ERR [AUTH] Authentication failed'\n"
    );
}

/// What a command printed; it has to have gone well.
fn said(output: Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).unwrap()
}

/// What `session.rs` says to these lines.
fn answers(lines: &[u8]) -> String {
    let runtime = runtime::Builder::new_current_thread().enable_time().build();
    let mut said = Vec::new();
    runtime.unwrap().block_on(async {
        session::serve(lines, &mut said).await.unwrap();
    });
    String::from_utf8(said).unwrap()
}

#[test]
fn a_session_is_driven_over_a_stream() {
    let said = answers(b"USER alice\nPASS secret\nSTAT\nRETR 1\nQUIT\nNOOP\n");
    let expected = "+OK A session in a pipe\r\n+OK USER accepted, send PASS\r\n\
                    +OK Authentication succeeded\r\n+OK 1 22\r\n\
                    +OK 22 octets\r\nSubject: hi\r\n\r\nhello\r\n.\r\n+OK \r\n";
    assert_eq!(said, expected);
}

#[test]
fn a_stream_that_ends_or_never_ends_a_line_ends_the_session() {
    assert_eq!(answers(b"NOO"), "+OK A session in a pipe\r\n");
    let said = answers(&[b'x'; 20_000]);
    assert!(said.contains("\r\n-ERR "), "{said}");
}

fn root() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), ".."].iter().collect()
}

/// The blocks of this language in `docs/embed.md`.
fn blocks(language: &str) -> Vec<String> {
    let page = fs::read_to_string(root().join("docs/embed.md")).unwrap();
    let fence = format!("```{language}\n");
    let blocks = page.split(&fence).skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap().to_owned());
    blocks.collect()
}

/// A terminal of somebody who follows the page, beside a copy of the repository.
struct Terminal {
    folder: tempfile::TempDir,
    port: u16,
}

impl Terminal {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        symlink(
            root().canonicalize().unwrap(),
            folder.path().join("popcell"),
        )
        .unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        Self { folder, port }
    }

    /// A command as the page has it, with a port that is free.
    fn command(&self, folder: &str, script: &str) -> Command {
        let mut shell = Command::new("sh");
        let script = script.replace(":1110", &format!(":{}", self.port));
        // One target for every time that the page is followed.
        let target = root().canonicalize().unwrap().join("target/embed");
        shell.env("CARGO_TARGET_DIR", target);
        shell.args(["-ec", &script]);
        shell.current_dir(self.folder.path().join(folder));
        shell
    }

    /// What the commands of a block print.
    fn run(&self, folder: &str, script: &str) -> String {
        said(self.command(folder, script).output().unwrap())
    }

    fn write(&self, program: &str) {
        let program = program.replace(":1110", &format!(":{}", self.port));
        fs::write(self.folder.path().join("postbox/src/main.rs"), program).unwrap();
    }

    /// Waits until somebody listens.
    fn wait(&self) {
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(60));
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Ended with its test.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The commands of a block, and what it shows of their output.
fn console(block: &str) -> (String, String) {
    let (commands, shown): (Vec<_>, Vec<_>) =
        block.lines().partition(|line| line.starts_with("$ "));
    let commands = commands.iter().map(|line| &line[2..]);
    (commands.collect::<Vec<_>>().join("\n"), shown.join("\n"))
}

#[test]
#[ignore = "builds everything once more, for some minutes: run by .ci/run"]
fn the_page_leads_to_a_running_server() {
    let [begin, run, read, pipe] = &blocks("console")[..] else {
        panic!("the page has other steps");
    };
    let [server, session] = &blocks("rust")[..] else {
        panic!("the page has other programs");
    };
    let terminal = Terminal::open();
    terminal.run("", &console(begin).0);
    terminal.write(server);
    terminal.run("postbox", "cargo build -q");
    assert_eq!(console(run).0, "cargo run");
    let program = "exec $CARGO_TARGET_DIR/debug/postbox";
    let serving = terminal.command("postbox", program).spawn().unwrap();
    let serving = Serving(serving);
    terminal.wait();
    for (block, program) in [(read, server), (pipe, session)] {
        terminal.write(program);
        let (commands, shown) = console(block);
        let said = terminal.run("postbox", &commands).replace('\r', "");
        assert_eq!(said.trim_end_matches('\n'), shown);
    }
    drop(serving);
}

#[test]
fn the_page_shows_the_examples_as_they_are() {
    let example = |name: &str| {
        let path = root().join("host/examples").join(name);
        fs::read_to_string(path).unwrap()
    };
    let shown = blocks("rust");
    assert_eq!(shown, [example("embed.rs"), example("session.rs")]);
    for (example, most) in shown.iter().zip([50, 60]) {
        assert!(example.lines().count() < most);
    }
}
