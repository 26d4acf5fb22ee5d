//! Lines as Dovecot writes them: `popcell: Warning: message key=value`.
//!
//! Escapes what could end a line; `<`, `>` and `,` are for whoever gives them a meaning.

use std::fmt::{self, Debug, Write as _};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

use super::{MESSAGE, SESSION, SUBJECT};

/// Writes an event as a line.
pub(super) struct Text {
    /// The journal adds time and name itself, and takes the weight in front of the line.
    pub(super) is_journal: bool,
}

/// Writes the fields of a span as ` key=value`.
pub(super) struct Fields;

/// What an event says, apart from its weight.
#[derive(Default)]
struct Line {
    /// The message says it all: every fact that it has as a field is in it.
    is_terse: bool,
    subject: String,
    message: String,
    fields: String,
}

/// Octets that the message of a session's line has, more or less: to grow would copy them.
const MESSAGE_OCTETS: usize = 192;

/// Takes text as a part of a line that it can not end.
struct OneLine<'a>(&'a mut String);

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line {
            is_terse: event.metadata().target() == SESSION,
            message: String::with_capacity(MESSAGE_OCTETS),
            ..Line::default()
        };
        event.record(&mut line);
        let level = *event.metadata().level();
        if self.is_journal {
            write!(writer, "<{}>", priority(level))?;
        } else {
            SystemTime.format_time(&mut writer)?;
            writer.write_char(' ')?;
        }
        // fail2ban's filters know the name in front of a line, but not twice.
        if !self.is_journal || !line.subject.is_empty() {
            write!(writer, "popcell{}: ", line.subject)?;
        }
        write!(writer, "{}: {}", word(level), line.message)?;
        if !line.is_terse {
            writer.write_str(&line.fields)?;
            write_spans::<S, N>(context, &mut writer)?;
        }
        writeln!(writer)
    }
}

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut line = Line::default();
        fields.record(&mut line);
        writer.write_str(&line.fields)
    }
}

impl Line {
    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        match field.name() {
            MESSAGE => push_on_one_line(&mut self.message, value),
            SUBJECT => push_on_one_line(&mut self.subject, value),
            _ if self.is_terse => {}
            name => {
                self.fields.push(' ');
                self.fields.push_str(name);
                self.fields.push('=');
                push_value(&mut self.fields, value);
            }
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, format_args!("{value}"));
    }
}

fn write_spans<S, N>(context: &FmtContext<'_, S, N>, writer: &mut Writer<'_>) -> fmt::Result
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    N: for<'w> FormatFields<'w> + 'static,
{
    context
        .event_scope()
        .into_iter()
        .flatten()
        .try_for_each(|span| {
            let extensions = span.extensions();
            extensions
                .get::<FormattedFields<N>>()
                .map_or(Ok(()), |fields| writer.write_str(fields))
        })
}

fn push_value(line: &mut String, value: fmt::Arguments<'_>) {
    let start = line.len();
    push_on_one_line(line, value);
    let value = &line[start..];
    let is_word = !value.is_empty() && !value.contains([' ', '"', '=']);
    if !is_word {
        let value = value.replace('"', "\\\"");
        line.truncate(start);
        line.push('"');
        line.push_str(&value);
        line.push('"');
    }
}

fn push_on_one_line(line: &mut String, text: fmt::Arguments<'_>) {
    // A `String` takes everything; what a value does not say of itself is left out.
    let _ = OneLine(line).write_fmt(text);
}

impl fmt::Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let is_plain = text.bytes().all(|octet| matches!(octet, b' '..=b'~'));
        if is_plain {
            self.0.push_str(text);
            return Ok(());
        }
        for char in text.chars() {
            if char.is_control() || matches!(char, '\u{2028}' | '\u{2029}') {
                self.0.extend(char.escape_unicode());
            } else {
                self.0.push(char);
            }
        }
        Ok(())
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "Error",
        Level::WARN => "Warning",
        Level::INFO => "Info",
        Level::DEBUG | Level::TRACE => "Debug",
    }
}

/// The weight as syslog(3) counts it.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}
