//! A running server in the hands of its operator: the real program, a client, a command.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

mod asked;
mod observed;
mod site;
#[path = "../support/mod.rs"]
mod support;
