//! From a configuration to a running server and back: log, sockets, runtime, signals.
//!
//! What runs in between is given.

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    pin::{Pin, pin},
};

use tokio::{runtime, sync::oneshot};
use tracing::info;

use super::{Failure, print, signals::Signals, sockets};
use crate::{
    config::Config,
    log,
    takeover::{self, Inheritance},
};

/// Resolves when the server is to stop: open sessions may go on for `timeouts.shutdown`, new ones
/// are not accepted.
pub type Shutdown = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a server starts from.
#[derive(Debug)]
pub struct Launch {
    /// What it was told.
    pub config: Config,
    /// The file that it was told by, if there is one.
    pub file: Option<PathBuf>,
    /// A bound, listening and non-blocking socket for each of `config.listeners`, in their order.
    pub sockets: Vec<TcpListener>,
    /// The same for `config.metrics`.
    pub metrics: Option<TcpListener>,
    /// What to tell whoever started us, once connections are accepted.
    pub announcement: Announcement,
    /// What another process of this server gives up for us, but for its sockets.
    pub inheritance: Option<Inheritance>,
}

/// The lines that say on the standard output where the server listens.
#[derive(Clone, Debug)]
pub struct Announcement(String);

/// Runs `serve` until it comes back, with a first signal as the wish to stop.
pub(super) fn launch<S>(
    config: Config,
    file: Option<PathBuf>,
    is_takeover: bool,
    hints: impl FnOnce(&[SocketAddr]) -> String,
    serve: S,
) -> Result<(), Failure>
where
    S: AsyncFnOnce(Launch, Shutdown) -> Result<(), Failure>,
{
    log::install(&config.log).map_err(|error| Failure::Runtime(error.into()))?;
    start(config, file, is_takeover, hints, serve)
}

/// As [`launch`], with the log as it is.
pub(super) fn start<S>(
    config: Config,
    file: Option<PathBuf>,
    is_takeover: bool,
    hints: impl FnOnce(&[SocketAddr]) -> String,
    serve: S,
) -> Result<(), Failure>
where
    S: AsyncFnOnce(Launch, Shutdown) -> Result<(), Failure>,
{
    let mut inheritance = is_takeover.then(|| inherit(&config)).transpose()?;
    let mut given = sockets::Given::of(inheritance.as_mut())?;
    let sockets = sockets::bind(&config.listeners, &mut given)?;
    let metrics = config.metrics;
    let metrics = metrics.map(|address| sockets::bind_metrics(address, &mut given));
    let metrics = metrics.transpose()?;
    let announcement = Announcement::new(&sockets, metrics.as_ref(), hints)?;
    let launch = Launch {
        config,
        file,
        sockets,
        metrics,
        announcement,
        inheritance,
    };
    // What is served has threads of its own.
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Failure::io("threads", source))?;
    runtime.block_on(supervise(launch, serve))
}

/// What the running server behind the control socket of this configuration gives up for us.
fn inherit(config: &Config) -> Result<Inheritance, Failure> {
    let control = config.control.as_ref().ok_or_else(|| {
        Failure::Configuration("--takeover needs a \"socket\" in [control]".to_owned())
    })?;
    takeover::inherit(control).map_err(|error| Failure::Runtime(error.into()))
}

async fn supervise<S>(launch: Launch, serve: S) -> Result<(), Failure>
where
    S: AsyncFnOnce(Launch, Shutdown) -> Result<(), Failure>,
{
    let mut signals = Signals::listen().map_err(|source| Failure::io("signals", source))?;
    let (stop, stopped) = oneshot::channel();
    let shutdown: Shutdown = Box::pin(async move {
        // The sender lives as long as whoever waits here.
        let _ = stopped.await;
    });
    let mut served = pin!(serve(launch, shutdown));
    tokio::select! {
        done = &mut served => return done,
        () = signals.next() => info!("stopping"),
    }
    // Nobody to tell if the server does not listen for it.
    let _ = stop.send(());
    tokio::select! {
        done = served => done,
        () = signals.next() => Err(Failure::Interrupted),
    }
}

impl Announcement {
    fn new(
        sockets: &[TcpListener],
        metrics: Option<&TcpListener>,
        hints: impl FnOnce(&[SocketAddr]) -> String,
    ) -> Result<Self, Failure> {
        let failed = |source| Failure::io("listening socket", source);
        let addresses = sockets
            .iter()
            .map(TcpListener::local_addr)
            .collect::<Result<Vec<_>, _>>();
        let addresses = addresses.map_err(failed)?;
        let metrics = metrics.map(TcpListener::local_addr).transpose();
        let mut text: String = addresses
            .iter()
            .map(|address| format!("popcell: listening on {address}\n"))
            .collect();
        if let Some(address) = metrics.map_err(failed)? {
            text.push_str(&format!("popcell: metrics at http://{address}/metrics\n"));
        }
        text.push_str(&hints(&addresses));
        Ok(Self(text))
    }

    /// Prints the lines. To be called once the server accepts connections.
    ///
    /// # Errors
    ///
    /// [`Failure::Io`] if the standard output cannot be written.
    pub fn print(&self) -> Result<(), Failure> {
        print(&self.0)
    }
}
