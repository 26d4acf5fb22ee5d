//! A session that does not show spam: `component/` with one thing changed.
//!
//! ```text
//!   guest ── session (of component/) ── filtered ── mail, auth of the host
//!                                          ├── hidden: which numbers are left out
//!                                          └── spam:   what the header says
//! ```
//!
//! The session of `component/` knows its host as traits (`capability.rs`). `filtered` puts itself between the
//! two: a maildrop with some messages left out. The border to WIT is that of `component/` too, but for the
//! session that is exported.

#![cfg_attr(not(target_family = "wasm"), forbid(unsafe_code))]
#![cfg_attr(
    not(target_family = "wasm"),
    allow(dead_code, reason = "the border is there on wasm only")
)]

mod filtered;
mod hidden;
mod seat;
mod spam;

#[cfg(target_family = "wasm")]
mod guest;

#[cfg(test)]
mod tests;
