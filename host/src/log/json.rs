//! Lines that are JSON objects: `time` and `level` first, then one field a fact.
//!
//! Knows no field but the two that text needs and JSON does not.

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

/// Writes an event as an object on a line.
pub(super) struct Json;

/// Writes the fields of a span as `,"key":value`.
pub(super) struct Fields;

/// The members of an object, each behind a comma.
struct Members {
    is_session: bool,
    text: String,
}

impl<S, N> FormatEvent<S, N> for Json
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
        let target = event.metadata().target();
        let mut members = Members {
            is_session: target == SESSION,
            text: String::new(),
        };
        if !members.is_session {
            members.add("target", target);
        }
        event.record(&mut members);
        writer.write_str("{\"time\":\"")?;
        SystemTime.format_time(&mut writer)?;
        let level = word(*event.metadata().level());
        write!(writer, "\",\"level\":\"{level}\"{}", members.text)?;
        if !members.is_session {
            for span in context.event_scope().into_iter().flatten() {
                if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                    writer.write_str(fields)?;
                }
            }
        }
        writeln!(writer, "}}")
    }
}

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut members = Members {
            is_session: false,
            text: String::new(),
        };
        fields.record(&mut members);
        writer.write_str(&members.text)
    }
}

impl Members {
    fn add(&mut self, key: &str, value: &str) {
        self.add_key(key);
        push_string(&mut self.text, value);
    }

    fn add_bare(&mut self, field: &Field, value: &str) {
        self.add_key(field.name());
        self.text.push_str(value);
    }

    fn add_key(&mut self, key: &str) {
        self.text.push(',');
        push_string(&mut self.text, key);
        self.text.push(':');
    }
}

impl Visit for Members {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if !(self.is_session && matches!(field.name(), MESSAGE | SUBJECT)) {
            self.add(field.name(), &format!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add_bare(field, if value { "true" } else { "false" });
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add_bare(field, &value.to_string());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add_bare(field, &value.to_string());
    }
}

// RFC 8259 §7: quotation mark, backslash and controls must be escaped, nothing else.
fn push_string(text: &mut String, value: &str) {
    text.push('"');
    for char in value.chars() {
        match char {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\0'..='\u{1f}' | '\u{7f}' => text.push_str(&format!("\\u{:04x}", u32::from(char))),
            _ => text.push(char),
        }
    }
    text.push('"');
}

fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}
