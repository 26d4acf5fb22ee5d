//! The section `[log]`: what is written, and in which shape.
//!
//! Values only; `crate::log` writes.

/// How to log (`[log]`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Log {
    /// The shape of a line.
    pub format: LogFormat,
    /// The least weighty events that are written.
    pub level: LogLevel,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LogFormat {
    /// As Dovecot writes them.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// The weight of an event, heaviest first.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LogLevel {
    /// Something that was promised did not happen.
    Error,
    /// An operator should look at it.
    Warn,
    /// Starts, logins, ends.
    #[default]
    Info,
    /// Deviations.
    Debug,
    /// Every step.
    Trace,
}
