//! Lines as Dovecot writes them: `popcell: Warning: message key=value`.
//!
//! Escapes what could end a line; `<`, `>` and `,` are for whoever gives them a meaning.

use std::fmt::{self, Debug};

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
    subject: String,
    message: String,
    fields: String,
}

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
        let mut line = Line::default();
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
        if event.metadata().target() != SESSION {
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
    fn add(&mut self, field: &Field, value: &str) {
        match field.name() {
            MESSAGE => push_on_one_line(&mut self.message, value),
            SUBJECT => push_on_one_line(&mut self.subject, value),
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
        self.add(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, &value.to_string());
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

fn push_value(line: &mut String, value: &str) {
    let is_word = !value.is_empty() && !value.contains([' ', '"', '=']);
    if is_word {
        push_on_one_line(line, value);
    } else {
        line.push('"');
        push_on_one_line(line, &value.replace('"', "\\\""));
        line.push('"');
    }
}

fn push_on_one_line(line: &mut String, text: &str) {
    for char in text.chars() {
        if char.is_control() || matches!(char, '\u{2028}' | '\u{2029}') {
            line.extend(char.escape_unicode());
        } else {
            line.push(char);
        }
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
