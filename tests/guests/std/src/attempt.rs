//! What a program may do that has a standard library: one attempt for each order.
//!
//! Knows no session. An answer is one line.

use std::{
    collections::hash_map::RandomState,
    env, fs,
    hash::BuildHasher as _,
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket},
    process, thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Tries what is ordered, or `None` if nobody knows what it is.
pub(crate) fn attempt(order: &str) -> Option<Result<String, String>> {
    Some(match order {
        "ARGUMENTS" => Ok(format!("{:?}", env::args().collect::<Vec<_>>())),
        "ENVIRONMENT" => Ok(format!("{:?}", env::vars().collect::<Vec<_>>())),
        "READ" => plain(fs::read("/etc/passwd")),
        "WRITE" => plain(fs::write("popcell-was-here", "")),
        "ROOT" => plain(fs::read_dir("/").map(Iterator::count)),
        "CONNECT" => plain(TcpStream::connect(("127.0.0.1", 110)).map(drop)),
        "LISTEN" => plain(TcpListener::bind(("127.0.0.1", 0)).map(drop)),
        "DATAGRAM" => plain(UdpSocket::bind(("127.0.0.1", 0)).map(drop)),
        "NAME" => plain(("localhost", 110).to_socket_addrs().map(Iterator::count)),
        "INPUT" => plain(io::stdin().read_to_end(&mut Vec::new())),
        "PRINT" => print(),
        "CLOCK" => plain(clock()),
        "RANDOM" => {
            Ok((RandomState::new().hash_one("") != RandomState::new().hash_one("")).to_string())
        }
        "NAP" => {
            let started = Instant::now();
            thread::sleep(Duration::from_millis(20));
            Ok((started.elapsed() >= Duration::from_millis(20)).to_string())
        }
        "SLEEP" => {
            thread::sleep(Duration::from_secs(1 << 40));
            Ok("awake".to_owned())
        }
        "NAPS" => loop {
            thread::sleep(Duration::from_millis(1));
        },
        "EXIT" => process::exit(7),
        "PANIC" => panic!("ordered to"),
        _ => return None,
    })
}

/// A result that is one line, whatever it is.
fn plain<T: std::fmt::Debug>(result: io::Result<T>) -> Result<String, String> {
    let result = result.map(|found| format!("{found:?}"));
    result.map_err(|error| format!("{:?}", error.kind()))
}

/// Prints more than anybody should keep.
fn print() -> Result<String, String> {
    let line = [b'x'; 1024];
    for _ in 0..1024 {
        io::stdout()
            .write_all(&line)
            .map_err(|error| error.to_string())?;
        io::stderr()
            .write_all(&line)
            .map_err(|error| error.to_string())?;
    }
    Ok("2097152".to_owned())
}

/// Whether it is later than when this was written.
fn clock() -> io::Result<bool> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_err(|error| io::Error::other(error.to_string()))?;
    Ok(now > Duration::from_secs(1_750_000_000))
}
