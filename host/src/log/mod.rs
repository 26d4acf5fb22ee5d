//! What the server writes about itself: as Dovecot's lines or as JSON, to the standard error output.
//!
//! Decides shapes, not contents: what is worth a line is decided where it happens, and what a
//! session's own lines say in `end.rs`.

mod escape;
mod json;
mod text;

use std::{env, io, os::fd::AsFd};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, Registry, filter::Targets, fmt, layer::SubscriberExt};

pub use self::escape::{Escaped, MAX_ESCAPED_OCTETS, escape};
use self::{json::Json, text::Text};
use crate::config::{Log, LogFormat, LogLevel};

/// The target of the login line and of the summary line of a session.
///
/// Such an event is written once in every shape: text has its `message`, behind its `subject` if it
/// has one; JSON has every other field.
pub const SESSION: &str = "popcell::session";

/// The field that says whose line it is, in text: `(alice)<9f86d081884c7d65>`.
const SUBJECT: &str = "subject";

/// The field that tracing gives the text of an event in.
const MESSAGE: &str = "message";

/// The log of this process has been set up before.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("logging has been set up before")]
pub struct AlreadyInstalled;

/// Sends the events of the whole process to the standard error output, from here on.
///
/// # Errors
///
/// [`AlreadyInstalled`] if this process has somewhere to send its events.
pub fn install(log: &Log) -> Result<(), AlreadyInstalled> {
    let subscriber = subscriber(log, is_journal(), io::stderr);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| AlreadyInstalled)
}

fn subscriber<W>(log: &Log, is_journal: bool, writer: W) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'w> fmt::MakeWriter<'w> + Send + Sync + 'static,
{
    // Nobody reads what the log has to say when the log cannot be written.
    let layer = fmt::layer()
        .with_ansi(false)
        .with_writer(writer)
        .log_internal_errors(false);
    let layer = match log.format {
        LogFormat::Text => layer
            .fmt_fields(text::Fields)
            .event_format(Text { is_journal })
            .boxed(),
        LogFormat::Json => layer.fmt_fields(json::Fields).event_format(Json).boxed(),
    };
    Registry::default().with(layer.with_filter(filter(log.level)))
}

/// Libraries log for their own developers: of them only warnings and errors are for operators.
fn filter(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("popcell", level)
}

/// Whether the standard error output is systemd's journal, which knows time and name of each line.
fn is_journal() -> bool {
    let stat = rustix::fs::fstat(io::stderr().as_fd()).ok();
    let stream = stat.map(|stat| format!("{}:{}", stat.st_dev, stat.st_ino));
    stream.is_some() && env::var("JOURNAL_STREAM").ok() == stream
}

#[cfg(test)]
pub(crate) mod tests;
