//! Requests to a server of the test's own, on this machine.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread::{self, JoinHandle},
};

use super::*;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Answers one request with `response`; gives what it was asked.
fn serve(response: Vec<u8>) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/path", listener.local_addr().expect("an address"));
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let request = read(&mut stream);
        // A client that has read enough hangs up.
        let _ = stream.write_all(&response);
        request
    });
    (url, server)
}

fn read(stream: &mut TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let (mut request, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        let header = line.to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        request.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    request + &String::from_utf8(body).expect("text")
}

fn response(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn a_document_is_fetched() {
    let (url, server) = serve(response("200 OK", b"{}"));
    let body = HttpClient::new(TIMEOUT).get(&url).await;
    assert_eq!(body, Ok(b"{}".to_vec()));
    assert!(
        server
            .join()
            .expect("served")
            .starts_with("GET /path HTTP/1.1\r\n")
    );
}

#[tokio::test]
async fn a_form_is_sent_escaped_and_with_the_servers_name() {
    let (url, server) = serve(response("200 OK", b"{}"));
    let token = Secret::from(b"a+/=&b".as_slice());
    let authorization = Authorization::Basic {
        user: "popcell".to_owned(),
        secret: Secret::from(b"s3cret".as_slice()),
    };
    let form = [("token", &token), ("hint", &token)];
    let body = HttpClient::new(TIMEOUT)
        .post(&url, &authorization, &form)
        .await;
    assert_eq!(body, Ok(b"{}".to_vec()));
    let request = server.join().expect("served");
    assert!(request.starts_with("POST /path HTTP/1.1\r\n"), "{request}");
    assert!(
        request.ends_with("\r\n\r\ntoken=a%2B%2F%3D%26b&hint=a%2B%2F%3D%26b"),
        "{request}"
    );
    let request = request.to_ascii_lowercase();
    assert!(
        request.contains("\r\ncontent-type: application/x-www-form-urlencoded"),
        "{request}"
    );
    let basic = Base64::encode_string(b"popcell:s3cret").to_ascii_lowercase();
    assert!(
        request.contains(&format!("authorization: basic {basic}\r\n")),
        "{request}"
    );
}

#[tokio::test]
async fn statuses_and_redirections_are_errors() {
    for (status, code) in [
        ("401 No", 401),
        ("503 No", 503),
        ("302 No\r\nLocation: /x", 302),
    ] {
        let (url, server) = serve(response(status, b""));
        let body = HttpClient::new(TIMEOUT).get(&url).await;
        assert_eq!(body, Err(FetchError::Status(code)));
        server.join().expect("served");
    }
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    for (octets, expected) in [
        (MAX_BODY_OCTETS, Ok(MAX_BODY_OCTETS)),
        (MAX_BODY_OCTETS + 1, Err(FetchError::TooLong)),
    ] {
        let (url, server) = serve(response("200 OK", &vec![b'x'; octets]));
        let body = HttpClient::new(TIMEOUT).get(&url).await;
        assert_eq!(body.map(|body| body.len()), expected);
        server.join().expect("served");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let body = HttpClient::new(Duration::from_millis(20)).get(&url).await;
    assert!(matches!(body, Err(FetchError::Unreachable(_))), "{body:?}");
}

#[tokio::test]
async fn without_tls_only_this_machine_is_spoken_to() {
    let client = HttpClient::new(TIMEOUT);
    for url in [
        "http://192.0.2.1/",
        "http://localhost.example/",
        "ftp://127.0.0.1/",
        "x",
    ] {
        let body = client.get(url).await;
        assert!(
            matches!(body, Err(FetchError::Unreachable(_))),
            "{url} {body:?}"
        );
    }
    for (url, expected) in [
        ("http://127.0.0.1:80/", true),
        ("http://[::1]/", true),
        ("http://127.0.0.1.example/", false),
        ("http://127.0.0.1@example/", false),
        ("http://localhost/", false),
    ] {
        assert_eq!(is_local(&url.parse().expect(url)), expected, "{url}");
    }
}

#[test]
fn urls_that_are_spoken_to_can_be_told_beforehand() {
    for (url, expected) in [
        ("https://issuer.example/keys?x=y", true),
        ("HTTPS://192.0.2.1:8443/", true),
        ("http://[::1]:8080/keys", true),
        ("http://issuer.example/", false),
        ("https://user:secret@issuer.example/", false),
        ("http://user@127.0.0.1/", false),
        ("file:///etc/passwd", false),
        ("https://", false),
        ("/keys", false),
        ("", false),
    ] {
        assert_eq!(is_spoken_to(url), expected, "{url}");
    }
}

/// As [`serve`], behind TLS, with a certificate of its own that it writes to `path`.
fn serve_securely(path: &Path, response: Vec<u8>) -> (String, JoinHandle<()>) {
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a key");
    fs::write(path, signed.cert.pem()).expect("written");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = signed
        .signing_key
        .serialize_der()
        .try_into()
        .expect("a key");
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .expect("a certificate");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://{}/", listener.local_addr().expect("an address"));
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        let connection = rustls::ServerConnection::new(Arc::new(config)).expect("a server");
        let mut stream = rustls::StreamOwned::new(connection, stream);
        // A client that does not trust this server says so and hangs up.
        let mut request = [0; 4096];
        if stream.read(&mut request).is_ok() {
            let _ = stream.write_all(&response);
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    (url, server)
}

#[tokio::test]
async fn a_server_is_trusted_if_its_authority_is_in_the_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let (own, other) = (directory.path().join("own"), directory.path().join("other"));
    let stranger = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a key");
    fs::write(&other, stranger.cert.pem()).expect("written");
    let client = |path: &Path| HttpClient::with_authorities(path, TIMEOUT).expect("authorities");
    for (is_trusted, authority) in [(true, Some(&own)), (false, Some(&other)), (false, None)] {
        let (url, server) = serve_securely(&own, response("200 OK", b"{}"));
        let client = authority.map_or_else(|| HttpClient::new(TIMEOUT), |path| client(path));
        let body = client.get(&url).await;
        server.join().expect("served");
        if is_trusted {
            assert_eq!(body, Ok(b"{}".to_vec()));
        } else {
            assert!(matches!(body, Err(FetchError::Unreachable(_))), "{body:?}");
        }
    }
}

#[test]
fn authorities_are_certificates_in_pem() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ca.pem");
    let missing = HttpClient::with_authorities(&path, TIMEOUT).expect_err("no file");
    assert!(
        missing
            .to_string()
            .ends_with("ca.pem: No such file or directory (os error 2)")
    );
    fs::write(&path, "nothing").expect("a file");
    let empty = HttpClient::with_authorities(&path, TIMEOUT).expect_err("no certificates");
    assert!(matches!(empty, Error::NoCertificates { .. }));
    let pem = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    fs::write(&path, pem).expect("a file");
    assert!(HttpClient::with_authorities(&path, TIMEOUT).is_ok());
}
