//! An issuer of bearer tokens: signs them, and answers questions over HTTP.
//!
//! Knows no POP3 and checks nothing. Tokens are put together here, and not by the library that the
//! server reads them with.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use rcgen::{KeyPair, PKCS_ED25519, SigningKey as _};
use serde_json::{Value, json};

/// What the tokens of [`Signer::token`] are meant for.
pub const AUDIENCE: &str = "popcell";

/// Who issues the tokens of [`Signer::token`].
pub const ISSUER: &str = "https://issuer.example";

/// A key that tokens are signed with.
pub struct Signer {
    name: &'static str,
    key: KeyPair,
}

impl Signer {
    /// A new key of this name.
    ///
    /// # Errors
    ///
    /// If there are no random numbers.
    pub fn new(name: &'static str) -> Result<Self> {
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        Ok(Self { name, key })
    }

    /// The key set (RFC 7517) that this key alone is in.
    pub fn keys(&self) -> String {
        let x = base64(self.key.public_key_raw());
        json!({ "keys": [
            { "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": self.name, "x": x },
        ]})
        .to_string()
    }

    /// The header of a token that names this key.
    pub fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": self.name })
    }

    /// A token with this header and these claims, whatever they say (RFC 7515, section 3.1).
    ///
    /// # Panics
    ///
    /// Never: the key is one that signs.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let text = |value: &Value| base64(value.to_string().as_bytes());
        let signed = format!("{}.{}", text(header), text(claims));
        let signature = self.key.sign(signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", base64(&signature))
    }

    /// A good token for this user.
    pub fn token(&self, user: &str) -> String {
        self.sign(&self.header(), &claims(user))
    }
}

/// What a good token for this user says.
pub fn claims(user: &str) -> Value {
    let end = now() + 3600;
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": user, "exp": end })
}

/// Seconds since 1970.
pub fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

fn base64(octets: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(octets)
}

/// An HTTP server on this machine, until it is dropped.
pub struct Issuer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What an [`Issuer`] answers to a request: a status line without the version, and a body.
type Answer = (&'static str, String);

impl Issuer {
    /// Answers every request, given whole, with what `answer` makes of it.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn start(answer: impl Fn(&str) -> Answer + Send + 'static) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (asked, is_over) = (Arc::<Mutex<Vec<String>>>::default(), Arc::default());
        let (log, end) = (Arc::clone(&asked), Arc::<AtomicBool>::clone(&is_over));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                // Whoever hangs up before the answer does not want it.
                let _ = stream
                    .context("no connection")
                    .and_then(|stream| reply(stream, &answer, &log));
            }
        });
        Ok(Self {
            address,
            asked,
            is_over,
            thread: Some(thread),
        })
    }

    /// The URL of something on this server.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// The requests up to now.
    pub fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.clone()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // The thread waits for a connection; this is one.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            // A test that fails already says more than this could.
            let _ = thread.join();
        }
    }
}

/// A URL on this machine where nobody answers.
///
/// # Errors
///
/// What the system says.
pub fn nobody() -> Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(format!("http://{}/", listener.local_addr()?))
}

fn reply(
    mut stream: TcpStream,
    answer: &impl Fn(&str) -> Answer,
    log: &Mutex<Vec<String>>,
) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let request = request(&stream)?;
    let (status, body) = answer(&request);
    log.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(request);
    let octets = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {octets}\r\nConnection: close\r\n\r\n");
    stream.write_all([head, body].concat().as_bytes())?;
    Ok(())
}

fn request(stream: &TcpStream) -> Result<String> {
    let mut reader = BufReader::new(stream);
    let (mut request, mut octets) = (String::new(), 0);
    while !request.ends_with("\r\n\r\n") {
        let mut line = String::new();
        anyhow::ensure!(reader.read_line(&mut line)? > 0, "half a request");
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            octets = value.trim().parse()?;
        }
        request.push_str(&line);
    }
    let mut body = vec![0; octets];
    reader.read_exact(&mut body)?;
    Ok(request + &String::from_utf8(body)?)
}
