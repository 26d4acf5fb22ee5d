//! x
pub mod account;
mod addresses;
pub mod auth;
pub mod capability;
pub mod cli;
pub mod config;
mod connection;
pub mod end;
mod framing;
pub mod log;
pub mod login;
pub mod mailbox;
pub mod sandbox;
pub mod server;
pub mod services;
pub mod snapshot;
