//! The host of Popcell: everything that touches the world.
//!
//! It owns sockets, timers, credentials and mail, and feeds lines into one sandboxed component
//! instance for each connection. It speaks no POP3: what is said is the component's, and the
//! contract between the two is `wit/pop3.wit`.
//!
//! ```text
//!   cli ─▶ services ─▶ server ─▶ connection ─▶ sandbox ─▶ (component)
//!              │                     │            │
//!              │                  framing      capability ◀─ login ─▶ auth
//!              └──────────────────────────────────────────────┴─────▶ mailbox
//! ```
//!
//! * [`cli`], [`config`]: the command line and the file; [`services`] puts together what they ask
//!   for.
//! * [`embed`]: the same for a program that brings users and mail.
//! * [`server`]: listeners and limits; a connection's loop and its line framing are private to it.
//! * [`sandbox`]: the only module that knows wasmtime; [`component`]: files that it may run.
//! * [`capability`], [`snapshot`], [`account`]: the words in which the sandbox and the stores speak
//!   to each other.
//! * [`record`], [`replay`]: sessions written down, and played again with another component.
//! * [`trial`]: what a component has to get right before it is given a session.
//! * [`tenant`]: whose users there are, and what serves them.
//! * [`login`], [`auth`], [`mailbox`]: who may log in, and what they then hold.
//! * [`retention`]: mail that is too old, removed between sessions.
//! * [`end`], [`log`]: why a session ended, and how that is written down.
//!
//! The guest is hostile, always: what it passes is bounded in `sandbox`, once. So is the client,
//! and so is a mail file.
//!
//! # A server in a program of one's own
//!
//! Users and mail are two traits, [`auth::Auth`] and [`mailbox::Mailbox`]; [`embed::server`] makes a server
//! of them. `examples/embed.rs` makes mail of the program's own data.
//!
//! ```
//! use popcell::account::Account;
//! use popcell::auth::{Auth, Checked, Denial, secret::Secret};
//! use popcell::config::{Config, Listener};
//! use popcell::{embed, mailbox::memory::Memory};
//!
//! struct Alice(Secret);
//!
//! impl Auth for Alice {
//!     fn password<'a>(&'a self, user: &'a [u8], password: &'a [u8]) -> Checked<'a> {
//!         let is_alice = self.0.matches(password) && user == b"alice";
//!         Box::pin(async move {
//!             is_alice.then(|| Account::new("alice")).ok_or(Denial::WrongProof)
//!         })
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let mail = Memory::new([("alice", vec![b"Subject: hi\n\nhello\n".to_vec()])]);
//! let listener = Listener::new("127.0.0.1:0".parse()?);
//! let alice = Alice(Secret::from(b"secret".as_slice()));
//! let server = embed::server(&Config::listening(vec![listener]), alice, mail)?;
//! println!("listening on {}", server.addresses()[0]);
//! let stop = async { /* when it is to stop */ };
//! server.run(stop).await;
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # A session in its sandbox, without a server
//!
//! A [`sandbox::Session`] takes lines and gives octets, over whatever stream there is; what it may reach
//! is the [`capability::Login`] that it is lent, here one that knows nobody. `examples/session.rs` is a
//! whole loop.
//!
//! ```
//! use popcell::capability::{Answer, Exchange, Grant, Login, Refusal};
//! use popcell::sandbox::{Connection, Next, Sandbox};
//!
//! struct Nobody;
//!
//! type Claim<'a> = Answer<'a, Result<Grant, Refusal>>;
//!
//! impl Login for Nobody {
//!     fn password<'a>(&'a mut self, _user: &'a [u8], _password: &'a [u8]) -> Claim<'a> {
//!         Box::pin(async { Err(Refusal::Denied) })
//!     }
//!
//!     fn apop<'a>(&'a mut self, _user: &'a [u8], _digest: &'a [u8]) -> Claim<'a> {
//!         Box::pin(async { Err(Refusal::Denied) })
//!     }
//!
//!     fn start(&mut self, _mechanism: &str) -> Option<Box<dyn Exchange>> {
//!         None
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let sandbox = Sandbox::standard()?;
//! let connection = Connection::new("ready");
//! let mut session = sandbox.session(Box::new(Nobody), &connection).await?;
//! assert_eq!(session.greet().await?.output, b"+OK ready\r\n");
//! let step = session.lines(b"USER alice\r\nPASS secret\r\n", 4096).await?;
//! assert!(step.output.ends_with(b"-ERR [AUTH] Authentication failed\r\n"));
//! let step = session.lines(b"QUIT\r\n", 4096).await?;
//! assert_eq!(step.next, Next::Close);
//! # Ok(())
//! # })
//! # }
//! ```

#![forbid(unsafe_code)]

pub mod account;
mod addresses;
pub mod auth;
pub mod capability;
mod cells;
pub mod cli;
pub mod component;
pub mod config;
mod connection;
pub mod control;
mod counter;
mod dormitory;
pub mod embed;
pub mod end;
mod framing;
pub mod health;
pub mod http;
mod lane;
mod lanes;
mod linger;
pub mod log;
pub mod login;
pub mod mailbox;
pub mod metrics;
mod octets;
pub mod operations;
mod pattern;
mod presence;
pub mod proxy;
mod reception;
pub mod record;
pub mod reload;
pub mod replay;
pub mod retention;
pub mod rollout;
pub mod sandbox;
mod seat;
pub mod server;
pub mod services;
pub mod sessions;
mod slow_lane;
pub mod snapshot;
mod stop;
mod story;
pub mod systemd;
pub mod takeover;
pub mod tenant;
pub mod tls;
pub mod trial;
