//! Sessions that leave their cells and come into other components while their clients read mail.
//!
//! Whole servers behind sockets. Whatever is done to the component, every client gets every octet,
//! nothing is removed that no client has asked for, and nothing is kept that was promised to go.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not go on fails at once"
)]

mod canary;
mod faults;
mod hibernation;
mod load;
mod site;
mod swap;
mod tenant;
mod versions;
