//! The control socket and the HTTP listener against clients that mean no good.
//!
//! Time is paused, so that patience runs out when nothing else can happen.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use popcell::{control::Control, http, server::Server};
use popcell_tests::{fake::World, scene::Scene, server};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    time::Instant,
};

/// Both listeners of a server that has not begun to serve mail.
struct Desk {
    directory: TempDir,
    metrics: SocketAddr,
    _server: Server,
}

impl Desk {
    fn open() -> Self {
        let world = Arc::new(World::new(Scene::default()));
        let config = server::config();
        let services = server::services(&config, Arc::<World>::clone(&world), world).unwrap();
        let server = Server::new(&config, vec![listening()], services).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let control = Control::open(&socket(directory.path())).unwrap();
        tokio::spawn(control.serve(server.operations()));
        let listener = listening();
        let metrics = listener.local_addr().unwrap();
        tokio::spawn(http::serve(listener, server.operations()));
        Self {
            directory,
            metrics,
            _server: server,
        }
    }

    async fn connect(&self) -> UnixStream {
        let socket = socket(self.directory.path());
        UnixStream::connect(socket).await.unwrap()
    }

    /// What a request is answered.
    async fn ask(&self, request: &[u8]) -> String {
        exchange(self.connect().await, request).await
    }

    async fn is_well(&self) -> bool {
        let status = self.ask(b"{\"version\":1,\"command\":\"status\"}\n").await;
        status.contains("\"health\":\"0 of 1 listeners are up\"") && status.ends_with(DONE)
    }
}

const DONE: &str = "{\"version\":1,\"answer\":\"done\"}\n";

fn socket(directory: &Path) -> PathBuf {
    directory.join("control.sock")
}

fn listening() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

/// Sends as much as the other end takes, and reads to the end.
async fn exchange(stream: impl AsyncRead + AsyncWrite + Unpin, octets: &[u8]) -> String {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut answer = Vec::new();
    let (_, _) = tokio::join!(writer.write_all(octets), reader.read_to_end(&mut answer));
    String::from_utf8(answer).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_none_is_answered_with_what_is_wrong() {
    let desk = Desk::open();
    for (request, why) in [
        (&b"\n"[..], "not a request"),
        (b"garbage\xff\0\n", "not a request"),
        (b"{\"version\":1}\n", "not a request"),
        (b"{\"version\":1,\"command\":\"reboot\"}\n", "not a request"),
        (
            b"{\"version\":1,\"command\":{\"kick\":{}}}\n",
            "not a request",
        ),
        (
            b"{\"version\":1,\"command\":\"status\",\"x\":1}\n",
            "not a request",
        ),
        (
            b"{\"version\":2,\"command\":\"explode\"}\n",
            "version 2 is not spoken; expected 1",
        ),
        (
            b"{\"version\":1,\"command\":{\"kick\":{\"session\":\"1\"}}}\n",
            "16 hexadecimal digits",
        ),
    ] {
        let answer = desk.ask(request).await;
        let is_one_error = answer.starts_with("{\"version\":1,\"answer\":{\"error\":\"")
            && answer.lines().count() == 1;
        assert!(is_one_error && answer.contains(why), "{answer}");
    }
    assert!(desk.is_well().await);
}

#[tokio::test(start_paused = true)]
async fn a_line_without_an_end_is_not_read_to_its_end() {
    let desk = Desk::open();
    let answer = desk.ask(&vec![b'{'; 1024 * 1024]).await;
    assert!(answer.contains("one line, and not a long one"), "{answer}");
    assert!(desk.is_well().await);
}

#[tokio::test(start_paused = true)]
async fn clients_that_say_nothing_do_not_keep_others_out() {
    let desk = Desk::open();
    let before = Instant::now();
    let mut silent = Vec::new();
    for _ in 0..32 {
        silent.push(desk.connect().await);
    }
    assert!(desk.is_well().await);
    assert!(before.elapsed() < Duration::from_secs(60));
    let mut answer = String::new();
    silent[0].read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("no request came in time"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_client_of_the_metrics_that_is_none_is_sent_away() {
    let desk = Desk::open();
    let ask = async |request: &[u8]| {
        let stream = TcpStream::connect(desk.metrics).await.unwrap();
        exchange(stream, request).await
    };
    for (request, status) in [
        (&b"garbage\r\n\r\n"[..], "HTTP/1.1 400 "),
        (b"GET /.. HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 "),
        (
            b"POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
            "HTTP/1.1 405 ",
        ),
        (b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 503 "),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 "),
    ] {
        let answer = ask(request).await;
        assert!(answer.starts_with(status), "{answer}");
    }
    let endless = [b"GET / HTTP/1.1\r\nX: ".to_vec(), vec![b'x'; 1024 * 1024]].concat();
    let answer = ask(&endless).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{answer}"
    );
    // It says nothing, and is not waited for.
    assert_eq!(ask(b"").await, "");
}
