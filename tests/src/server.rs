//! A whole server in this process, on a port of its own.
//!
//! Starts and stops it. What it serves is given; what is said to it is the client's.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, LazyLock},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result};
use popcell::{
    auth::{Auth, secret::Secret},
    config::{Config, Listener, Mailbox, Users},
    mailbox,
    operations::Operations,
    sandbox::{EMBEDDED_COMPONENT, Engine, EngineOptions, Limits, Sandbox},
    server::Server,
    services::Services,
    tls::Tls,
};
use tokio::{net::TcpSocket, runtime::Builder, sync::oneshot};

/// One engine for all servers of a test program: compiling the component takes longer than most
/// tests.
static SANDBOX: LazyLock<Arc<Sandbox>> = LazyLock::new(|| {
    let options = EngineOptions {
        cells: 128,
        cell_memory: 1024 * 1024,
        engine: Engine::default(),
    };
    let sandbox = Sandbox::new(options, patient(), EMBEDDED_COMPONENT);
    Arc::new(sandbox.expect("an engine and the embedded component"))
});

/// A server that runs until this is dropped.
pub struct Running {
    address: SocketAddr,
    operations: Arc<Operations>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A configuration for tests: no delays, nothing announced, one listener on a free port.
///
/// # Panics
///
/// Never: the template in it is valid.
pub fn config() -> Config {
    let listener = Listener::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let users = Users::One {
        name: String::new(),
        password: Secret::new(Vec::new()),
    };
    let template = "/nonexistent".parse().expect("a template");
    let mut config = Config::new(vec![listener], users, Mailbox::new(template));
    config.session.implementation = None;
    config.session.expire = None;
    config.limits.failed_login_delay = Duration::ZERO;
    config.limits.connections_per_address = 100;
    config.timeouts.login = Duration::from_secs(600);
    config
}

/// Limits for unoptimised builds on busy machines: no test is about the time of a call here.
pub fn patient() -> Limits {
    Limits {
        call_time: Duration::from_secs(30),
        session_time: Duration::from_secs(600),
        ..Limits::default()
    }
}

/// The services of a server with these backends: no TLS, and the sandbox of all tests.
///
/// # Errors
///
/// What the host says.
pub fn services(
    config: &Config,
    auth: Arc<dyn Auth>,
    mailbox: Arc<dyn mailbox::Mailbox>,
) -> Result<Services> {
    Ok(Services::of(config, auth, mailbox, Arc::clone(&SANDBOX))?)
}

/// A listening socket with room for all clients that come at once: what does not fit is dropped by the
/// system without a word.
fn listen(address: SocketAddr) -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(address)?;
    Ok(socket.listen(4096)?.into_std()?)
}

impl Running {
    /// Starts a server with these backends instead of those that the configuration names.
    ///
    /// # Errors
    ///
    /// What the system or the server says.
    pub fn start(
        config: &Config,
        auth: Arc<dyn Auth>,
        mailbox: Arc<dyn mailbox::Mailbox>,
    ) -> Result<Self> {
        let mut services = services(config, auth, mailbox)?;
        services.tls = config.tls.clone().map(Tls::load).transpose()?.map(Arc::new);
        Self::start_with(config, services)
    }

    /// Starts a server with these services: with another sandbox than that of all tests, say.
    ///
    /// # Errors
    ///
    /// What the system or the server says.
    pub fn start_with(config: &Config, services: Services) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let address = config.listeners.first().context("no listener")?.address;
        let socket = {
            let _inside = runtime.enter();
            listen(address)?
        };
        let address = socket.local_addr()?;
        let server = {
            let _inside = runtime.enter();
            Server::new(config, vec![socket], services)?
        };
        let operations = server.operations();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            runtime.block_on(server.run(async {
                // Dropping the sender stops the server as well.
                let _ = stopped.await;
            }));
        });
        Ok(Self {
            address,
            operations,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What an operator can ask about it.
    pub fn operations(&self) -> &Operations {
        &self.operations
    }

    /// Tells it to stop and waits until it has.
    ///
    /// # Panics
    ///
    /// If the server did.
    pub fn stop(mut self) {
        self.stop = None;
        let thread = self.thread.take().expect("taken here only");
        assert!(thread.join().is_ok(), "the server panicked");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A test that fails already says more than this could.
            let _ = thread.join();
        }
    }
}
