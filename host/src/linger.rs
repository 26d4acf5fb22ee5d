//! The end of a connection: closing without destroying the last answer on its way.
//!
//! A socket that is closed on octets which nobody has read makes the system tell the client at
//! once, and what the client has not read then is lost. Knows nothing of what was said.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

/// How long, and how much, a client may go on sending when the session is over.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_OCTETS: u64 = 16 * 1024 * 1024;

/// Octets that one read takes from the socket.
const READ_OCTETS: usize = 16 * 1024;

/// Closes: our direction first, then what the client still sends is thrown away, for a moment,
/// unless it `is_done` with sending. Gives the number of those octets.
pub(crate) async fn close<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, is_done: bool) -> u64 {
    let mut thrown_away = 0;
    let closed = timeout(LINGER, async {
        stream.shutdown().await?;
        if is_done {
            return Ok(());
        }
        let mut buffer = vec![0; READ_OCTETS];
        while thrown_away < LINGER_OCTETS {
            match stream.read(&mut buffer).await? {
                0 => break,
                read => thrown_away += read as u64,
            }
        }
        io::Result::Ok(())
    });
    // Whether the client hears of it or not, the connection is over.
    let _ = closed.await;
    thrown_away
}
