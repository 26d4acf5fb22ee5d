//! The old process: gives its sockets and its sessions away, and goes when they are gone.

use std::{
    io,
    net::SocketAddr,
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{Given, Luggage, Taken, VERSION, wire};
use crate::{operations::Operations, systemd};

/// How long is waited for the next session to come: those that are busy do not.
const GATHERING: Duration = Duration::from_millis(500);

/// How long is waited for all of them. Who has come waits as long.
const MOST_GATHERING: Duration = Duration::from_secs(20);

/// How long the new process may take for what it is given.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where sessions go that are to leave this process.
#[derive(Debug)]
pub(crate) struct Departures(mpsc::UnboundedSender<Departure>);

/// A session that is frozen until its fate is known.
#[derive(Debug)]
pub(crate) struct Departure {
    pub(crate) luggage: Box<Luggage>,
    pub(crate) connection: OwnedFd,
    pub(crate) lock: Option<OwnedFd>,
    pub(crate) fate: oneshot::Sender<Fate>,
}

/// What becomes of a session that wanted to leave. It stays if it does not hear.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    /// Another process has it.
    Gone,
}

/// The end of this process's service in favour of another one's.
#[derive(Debug, Default)]
pub(crate) struct Retirement {
    /// Cancelled when another process serves.
    pub(crate) retired: CancellationToken,
    /// One at a time takes over.
    busy: Mutex<()>,
}

impl Departures {
    /// A session leaves. It is to wait for its fate, and to do nothing meanwhile.
    pub(crate) fn leave(&self, departure: Departure) {
        // Nobody waits any more: the fate is dropped, and the session stays.
        let _ = self.0.send(departure);
    }
}

/// Gives all that can be given to the process at the other end of the socket. On an error nothing
/// has changed.
pub(crate) async fn leave(stream: UnixStream, operations: &Operations) -> io::Result<()> {
    let retirement = &operations.retirement;
    let alone = retirement.busy.try_lock();
    if alone.is_err() || retirement.retired.is_cancelled() {
        return refuse(stream, "another process takes over");
    }
    let successor = rustix::net::sockopt::socket_peercred(&stream)?;
    if successor.uid != rustix::process::geteuid() {
        return refuse(
            stream,
            "it has to be started as the user that this server runs as",
        );
    }
    let sockets = operations.sockets().share()?;
    let (sender, departing) = mpsc::unbounded_channel();
    let departures = Arc::new(Departures(sender));
    operations.departures.store(Some(departures));
    for entry in operations.sessions.all() {
        entry.nudge();
    }
    let departures = gather(departing, || operations.sessions.len()).await;
    operations.departures.store(None);
    let count = departures.len();
    let given = task::spawn_blocking(move || give(stream, &sockets, departures));
    let (departures, taken) = given.await.map_err(io::Error::other)??;
    // It serves them by now. They have done nothing here since they were given.
    let mut left = 0;
    for departure in departures {
        if !taken.refused.contains(&departure.luggage.session) {
            // One that has ended meanwhile does not hear it, and its connection is over.
            let _ = departure.fate.send(Fate::Gone);
            left += 1;
        }
    }
    info!(
        sessions = left,
        refused = count - left,
        "another process serves from here on"
    );
    // By its own word the service manager may have it after this process has ended.
    systemd::handed_over(successor.pid);
    retirement.retired.cancel();
    Ok(())
}

fn refuse(mut stream: UnixStream, why: &str) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    wire::send(&mut stream, &Given::Refused(why.to_owned()), &[])?;
    Err(io::Error::other(why))
}

/// What comes, until nothing does for a moment or it is as many as there are.
async fn gather<T>(mut coming: mpsc::UnboundedReceiver<T>, all: impl Fn() -> usize) -> Vec<T> {
    let until = Instant::now() + MOST_GATHERING;
    let next = || until.min(Instant::now() + GATHERING);
    let mut come = Vec::new();
    while let Ok(Some(one)) = timeout_at(next(), coming.recv()).await {
        come.push(one);
        if come.len() == all() {
            break;
        }
    }
    come
}

/// Hands over what there is, waits until it is understood, and says so. Blocks.
fn give(
    mut stream: UnixStream,
    sockets: &Sockets,
    departures: Vec<Departure>,
) -> io::Result<(Vec<Departure>, Taken)> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let listeners = Given::Listeners {
        version: VERSION,
        addresses: sockets.addresses.clone(),
        metrics: sockets.metrics,
        watchdog: sockets.watchdog,
    };
    let descriptors: Vec<_> = sockets.descriptors.iter().map(OwnedFd::as_fd).collect();
    wire::send(&mut stream, &listeners, &descriptors)?;
    let mut given = Vec::new();
    for departure in departures {
        let Departure {
            luggage,
            connection,
            lock,
            fate,
        } = departure;
        let descriptors: Vec<BorrowedFd<'_>> =
            [Some(connection.as_fd()), lock.as_ref().map(OwnedFd::as_fd)]
                .into_iter()
                .flatten()
                .collect();
        let session = Given::Session(luggage);
        wire::send(&mut stream, &session, &descriptors)?;
        if let Given::Session(luggage) = session {
            given.push(Departure {
                luggage,
                connection,
                lock,
                fate,
            });
        }
    }
    wire::send(&mut stream, &Given::End, &[])?;
    let (taken, _): (Taken, _) = wire::receive(&mut stream)?;
    let is_taken = |departure: &&Departure| !taken.refused.contains(&departure.luggage.session);
    if given
        .iter()
        .filter(is_taken)
        .any(|one| one.fate.is_closed())
    {
        // Kicked, or this server is told to stop: its maildrop is released, and its connection closed.
        return Err(io::Error::other(
            "a session has ended while it was given away",
        ));
    }
    wire::send(&mut stream, &Given::Go, &[])?;
    Ok((given, taken))
}

/// The sockets that a server listens on, to be given away.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    /// By the configuration.
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) descriptors: Vec<OwnedFd>,
    /// Which of them is the one for metrics.
    pub(crate) metrics: Option<usize>,
    /// After how long without a sign of life the service manager takes a process for dead.
    pub(crate) watchdog: Option<Duration>,
}

impl Sockets {
    /// The same sockets once more.
    pub(crate) fn share(&self) -> io::Result<Self> {
        let descriptors = self.descriptors.iter().map(OwnedFd::try_clone);
        Ok(Self {
            addresses: self.addresses.clone(),
            descriptors: descriptors.collect::<io::Result<_>>()?,
            metrics: self.metrics,
            watchdog: self.watchdog,
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    /// What is gathered of so many that come one behind the other after this time.
    async fn gathered(count: usize, pause: Duration) -> (usize, Duration) {
        let (sender, coming) = mpsc::unbounded_channel();
        let since = Instant::now();
        let coming = gather(coming, || 1 + count);
        let senders = async {
            for _ in 0..count {
                sleep(pause).await;
                // Nobody waits any more.
                let _ = sender.send(());
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            come = coming => (come.len(), since.elapsed()),
            () = senders => (0, Duration::ZERO),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_is_waited_for_as_long_as_they_come() {
        let pause = GATHERING * 4 / 5;
        let (come, _) = gathered(20, pause).await;
        assert_eq!(come, 20);
        let (come, _) = gathered(20, GATHERING * 2).await;
        assert_eq!(come, 0, "those who are busy do not come");
        let (come, taken) = gathered(1_000, pause).await;
        assert!((1..1_000).contains(&come));
        assert!(taken <= MOST_GATHERING + GATHERING, "{taken:?}");
    }
}
