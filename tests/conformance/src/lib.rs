//! Holds a POP3 server against the RFCs, requirement by requirement.
//!
//! ```text
//! checks (rows with their checks) -> run -> findings -> report (text, TAP, JUnit)
//!    |                                                    |
//!    trial -> client -> channel -> socket, TLS            markdown (CONFORMANCE.md)
//! ```
//!
//! A row is a requirement; its check is a dialogue with a server that it knows nothing about but
//! the address and an account. The account's mailbox should hold the messages of [`letters`], which
//! [`maildir::prepare`] writes. Nothing here knows Popcell's code: any server can be tested.
//!
//! Checks do not wait but by reading, and every read has an end.

mod answer;
mod capabilities;
mod channel;
pub mod checks;
mod client;
pub mod deviations;
mod dialogue;
pub mod letters;
pub mod maildir;
mod maildrop;
mod probe;
pub mod report;
pub mod row;
mod run;
mod sasl;
mod stop;
pub mod target;
mod tls;
mod trial;

pub use probe::probe;
pub use run::{Finding, Verdict, run};
pub use stop::Stop;
pub use trial::Trial;
