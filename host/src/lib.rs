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
pub mod end;
mod framing;
pub mod health;
pub mod http;
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
mod story;
pub mod systemd;
pub mod takeover;
pub mod tenant;
pub mod tls;
pub mod trial;
