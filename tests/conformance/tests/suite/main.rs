//! The suite as a whole, against a server in this process.
//!
//! No network but the loopback, no other program but the suite's own.

mod fake;
mod mutations;
mod program;
