//! A POP3 server for the tests of the suite: right by default, wrong where it is told to be.
//!
//! Serves one account from memory. It shares no code with the suite, so that neither can hide a
//! mistake of the other.

mod authorization;
mod fault;
mod login;
mod sasl;
mod session;
mod setting;
mod tls;
mod transaction;
mod wire;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

pub(crate) use fault::Fault;
use popcell_conformance::{letters, target::Target};
pub(crate) use setting::{Protection, Setting};
use tls::Certificate;

/// The account.
pub(crate) const USER: &str = "alice";
pub(crate) const PASSWORD: &str = "right-Password";

/// A server that runs until this is dropped.
pub(crate) struct Fake {
    address: SocketAddr,
    world: Arc<World>,
    is_stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What all sessions share.
pub(crate) struct World {
    setting: Setting,
    fault: Option<Fault>,
    certificate: Certificate,
    store: Mutex<Store>,
}

/// The one maildrop.
struct Store {
    mail: Vec<Mail>,
    is_locked: bool,
    /// Logins, so far.
    logins: u32,
    /// Connections, so far.
    greetings: u32,
    /// Whether a wrong server has left the maildrop locked for good.
    is_stuck: bool,
    /// Messages that a wrong server still holds for deleted in the next session.
    marked: Vec<String>,
}

#[derive(Clone)]
struct Mail {
    uid: String,
    wire: Vec<u8>,
}

impl Fake {
    /// Starts a server on a free port.
    pub(crate) fn start(setting: Setting, fault: Option<Fault>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let certificate = Certificate::new(fault);
        let world = Arc::new(World {
            setting,
            fault,
            certificate,
            store: Mutex::default(),
        });
        let is_stopped = Arc::new(AtomicBool::new(false));
        let thread = {
            let (world, is_stopped) = (Arc::clone(&world), Arc::clone(&is_stopped));
            thread::spawn(move || {
                for socket in listener.incoming().flatten() {
                    if is_stopped.load(Ordering::Relaxed) {
                        break;
                    }
                    let world = Arc::clone(&world);
                    thread::spawn(move || session::serve(&world, socket));
                }
            })
        };
        Self {
            address,
            world,
            is_stopped,
            thread: Some(thread),
        }
    }

    /// How many messages there are.
    pub(crate) fn messages(&self) -> usize {
        self.world.store().mail.len()
    }

    /// The server and the account, as the suite wants them.
    pub(crate) fn target(&self) -> Target {
        let mut target = Target::new(
            &format!("localhost:{}", self.address.port()),
            USER,
            PASSWORD,
        );
        target.authorities = Some(Arc::new(vec![self.world.certificate.authority()]));
        target.tls = self.world.setting.protection.of_the_suite();
        target.is_disposable = true;
        target
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        // Wakes the listener up, so that it sees that it is over.
        let _woken = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the listener ends");
        }
    }
}

impl World {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().expect("no session panics")
    }
}

impl Default for Store {
    fn default() -> Self {
        let letters = letters::letters();
        let mail = letters.iter().enumerate();
        let mail = mail.map(|(index, letter)| Mail {
            uid: format!("uid-{index}"),
            wire: letter.wire(),
        });
        Self {
            mail: mail.collect(),
            is_locked: false,
            logins: 0,
            greetings: 0,
            is_stuck: false,
            marked: Vec::new(),
        }
    }
}
