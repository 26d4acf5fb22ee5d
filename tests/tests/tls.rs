//! TLS over the wire: implicit and by STLS, and that nothing of the clear leaks into it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
    time::Duration,
};

use popcell::{
    config::{Config, ListenerTls, PlaintextLogin},
    tls::{CertificatePair, Options, Version},
};
use popcell_tests::{fake::World, scene::Scene, served, server::Running};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, pem::PemObject},
};
use tempfile::TempDir;

type Secured = StreamOwned<ClientConnection, TcpStream>;

/// A server with a certificate for localhost.
struct Fixture {
    files: TempDir,
    server: Running,
    world: World,
}

impl Fixture {
    fn start(tls: ListenerTls, change: impl FnOnce(&mut Config)) -> Self {
        let files = tempfile::tempdir().unwrap();
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let path = |name: &str| files.path().join(name);
        fs::write(path("cert.pem"), signed.cert.pem()).unwrap();
        fs::write(path("key.pem"), signed.signing_key.serialize_pem()).unwrap();
        let world = World::new(Scene::default());
        let mut config = served::config(world.scene());
        config.listeners[0].tls = tls;
        config.tls = Some(Options {
            certificates: vec![CertificatePair {
                certificate: path("cert.pem"),
                key: path("key.pem"),
            }],
            client_ca: None,
            minimum_version: Version::Tls12,
        });
        change(&mut config);
        let server = served::serve(&world, &config).unwrap();
        Self {
            files,
            server,
            world,
        }
    }

    fn connect(&self) -> TcpStream {
        connect(self.server.address())
    }

    fn secure(&self, stream: TcpStream) -> Secured {
        secure(stream, self.files.path(), &[])
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    stream
}

fn secure(stream: TcpStream, files: &Path, alpn: &[&[u8]]) -> Secured {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(files.join("cert.pem")).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let name = "localhost".try_into().unwrap();
    StreamOwned::new(
        ClientConnection::new(Arc::new(config), name).unwrap(),
        stream,
    )
}

/// Reads until the answer ends with `end`; panics with what came if it does not.
fn hear(stream: &mut impl Read, end: &str) -> String {
    let mut heard = Vec::new();
    let mut octet = [0];
    while !heard.ends_with(end.as_bytes()) {
        match stream.read(&mut octet) {
            Ok(1) => heard.push(octet[0]),
            ended => panic!("{ended:?} behind {:?}", String::from_utf8_lossy(&heard)),
        }
    }
    String::from_utf8(heard).unwrap()
}

/// Everything until the connection ends.
fn hear_all(stream: &mut impl Read) -> String {
    let mut heard = Vec::new();
    // A connection that is reset has ended too.
    let _ = stream.read_to_end(&mut heard);
    String::from_utf8_lossy(&heard).into_owned()
}

#[test]
fn implicit_tls_greets_behind_the_handshake_and_says_goodbye() {
    let fixture = Fixture::start(ListenerTls::Implicit, |_| {});
    let mut stream = fixture.secure(fixture.connect());
    stream
        .write_all(b"USER alice\r\nPASS secret\r\nSTLS\r\nQUIT\r\n")
        .unwrap();
    let mut heard = String::new();
    // Without the server's close_notify this would be an error.
    stream.read_to_string(&mut heard).unwrap();
    let login = "+OK USER accepted, send PASS\r\n+OK Authentication succeeded\r\n";
    let rest = "-ERR not valid in this state\r\n+OK \r\n";
    assert_eq!(heard, format!("+OK Popcell ready\r\n{login}{rest}"));
    fixture.server.stop();
}

#[test]
fn stls_begins_anew_without_a_second_greeting() {
    let fixture = Fixture::start(ListenerTls::Stls, |config| {
        config.listeners[0].plaintext_login = PlaintextLogin::Loopback;
    });
    let mut stream = fixture.connect();
    stream.write_all(b"CAPA\r\n").unwrap();
    assert!(hear(&mut stream, "\r\n.\r\n").contains("\r\nSTLS\r\n"));
    // A name given in the clear is not a name behind the handshake.
    stream.write_all(b"USER alice\r\n").unwrap();
    hear(&mut stream, "send PASS\r\n");
    stream.write_all(b"STLS\r\n").unwrap();
    assert_eq!(hear(&mut stream, "\r\n"), "+OK Begin TLS negotiation\r\n");
    let mut stream = fixture.secure(stream);
    stream
        .write_all(b"PASS secret\r\nSTLS\r\nCAPA\r\n")
        .unwrap();
    let heard = hear(&mut stream, "\r\n.\r\n");
    let refused = "-ERR USER required before PASS\r\n-ERR not offered on this connection\r\n";
    assert!(heard.starts_with(refused), "{heard}");
    assert!(!heard.contains("\r\nSTLS\r\n"), "{heard}");
}

#[test]
fn what_is_pipelined_behind_stls_closes_the_connection_unread() {
    let fixture = Fixture::start(ListenerTls::Stls, |_| {});
    for behind in ["NOOP\r\n", "USER alice\r\nPASS secret\r\n", "US"] {
        let mut stream = fixture.connect();
        stream
            .write_all(format!("STLS\r\n{behind}").as_bytes())
            .unwrap();
        let heard = hear_all(&mut stream);
        let stls = "+OK Popcell ready\r\n+OK Begin TLS negotiation\r\n";
        // In a segment of its own it may come behind the answer: then it is no TLS.
        assert!(heard.starts_with(stls), "{heard}");
        assert!(!heard[stls.len()..].contains("OK"), "{heard}");
    }
}

#[test]
fn garbage_instead_of_a_hello_ends_the_connection() {
    for tls in [ListenerTls::Implicit, ListenerTls::Stls] {
        let fixture = Fixture::start(tls, |_| {});
        let mut stream = fixture.connect();
        if tls == ListenerTls::Stls {
            stream.write_all(b"STLS\r\n").unwrap();
            hear(&mut stream, "negotiation\r\n");
        }
        stream
            .write_all(b"USER alice\r\nPASS secret\r\nSTAT\r\n")
            .unwrap();
        assert!(!hear_all(&mut stream).contains("OK"));
    }
}

#[test]
fn a_handshake_that_stalls_is_given_up() {
    let fixture = Fixture::start(ListenerTls::Implicit, |config| {
        config.timeouts.handshake = Duration::from_millis(50);
    });
    assert_eq!(hear_all(&mut fixture.connect()), "");
}

#[test]
fn a_client_for_another_protocol_is_refused() {
    let fixture = Fixture::start(ListenerTls::Implicit, |_| {});
    let mut pop3 = secure(
        fixture.connect(),
        fixture.files.path(),
        &[b"http/1.1", b"pop3"],
    );
    hear(&mut pop3, "ready\r\n");
    let mut http = secure(fixture.connect(), fixture.files.path(), &[b"http/1.1"]);
    let error = http.read(&mut [0]).unwrap_err().to_string();
    assert!(error.contains("NoApplicationProtocol"), "{error}");
}

#[test]
fn passwords_cross_tls_only_where_the_listener_says_so() {
    let fixture = Fixture::start(ListenerTls::Stls, |config| {
        config.listeners[0].plaintext_login = PlaintextLogin::Never;
        config.session.mechanisms = vec!["PLAIN".to_owned()];
    });
    let mut stream = fixture.connect();
    // The same answers for right and for wrong passwords.
    for password in ["secret", "wrong"] {
        let login = format!("USER alice\r\nPASS {password}\r\nAUTH PLAIN\r\n");
        stream.write_all(login.as_bytes()).unwrap();
        let heard = hear(&mut stream, "AUTH extension unsupported\r\n");
        let refused = "-ERR not offered on this connection\r\n-ERR USER required before PASS\r\n";
        assert!(heard.contains(refused), "{heard}");
    }
    stream.write_all(b"STLS\r\n").unwrap();
    hear(&mut stream, "negotiation\r\n");
    let mut stream = fixture.secure(stream);
    stream
        .write_all(b"USER alice\r\nPASS secret\r\nSTLS\r\n")
        .unwrap();
    let heard = hear(&mut stream, "state\r\n");
    assert!(
        heard.ends_with("succeeded\r\n-ERR not valid in this state\r\n"),
        "{heard}"
    );
    assert_eq!(fixture.world.stored().len(), 2);
}

#[test]
fn a_client_that_takes_nothing_is_given_up_behind_tls_too() {
    let fixture = Fixture::start(ListenerTls::Implicit, |config| {
        config.timeouts.write = Duration::from_millis(50);
    });
    let mut stream = fixture.secure(fixture.connect());
    stream.write_all(b"USER alice\r\nPASS secret\r\n").unwrap();
    hear(&mut stream, "succeeded\r\n");
    assert!(fixture.world.is_locked(0));
    // Answers that fill every buffer on the way, and a client that reads none of them.
    stream
        .sock
        .set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    while stream.write_all(&b"UIDL\r\n".repeat(1000)).is_ok() {}
    assert!(fixture.world.wait_for_release());
}
