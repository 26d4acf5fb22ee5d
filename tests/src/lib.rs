//! The harness of the proof: dialogues as data, a host that keeps its mail in memory, and drivers
//! that bring the two together.
//!
//! Proves nothing by itself: the assertions are in `tests/`, the dialogues in `transcripts/`.
//!
//! A [`transcript::Transcript`] sets a [`scene::Scene`] and says what client and server say. A
//! [`driver::Driver`] plays it with a [`fake::World`] behind: natively ([`native::Native`]) or with
//! the built component in its sandbox ([`sandboxed::Sandboxed`]), or over TCP ([`served::Served`]).
//! A difference between two drivers is a bug in a seam.

pub mod called;
pub mod client;
pub mod dialogue;
pub mod driver;
pub mod ends;
pub mod escape;
pub mod fake;
pub mod faulty;
pub mod issuer;
pub mod letters;
pub mod native;
pub mod pss;
pub mod sandboxed;
pub mod scene;
pub mod served;
pub mod server;
pub mod transcript;
pub mod wire;
