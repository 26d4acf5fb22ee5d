//! `popcell swap`, `rollback`, `generations`, `history`: the components of a running server, by its
//! control socket.

use std::path::{self, Path, PathBuf};

use super::{
    Failure,
    args::{self, Ask},
    operate::{answers, json, show_table, unexpected},
    print,
    table::{Column, age},
};
use crate::{
    control::protocol::{Answer, Command, Event, Generation, Swap, Swapped},
    log::escape,
    sessions::unix_seconds,
};

const GENERATIONS: [Column; 10] = [
    Column::text("TENANT"),
    Column::number("GENERATION"),
    Column::text("STANDING"),
    Column::text("COMPONENT"),
    Column::number("AGE"),
    Column::number("SESSIONS"),
    Column::number("CALLS"),
    Column::number("MOVED"),
    Column::number("REFUSED"),
    Column::number("FAILURES"),
];

const HISTORY: [Column; 7] = [
    Column::number("AGO"),
    Column::text("WHO"),
    Column::text("ACTION"),
    Column::text("TENANT"),
    Column::number("GENERATION"),
    Column::text("COMPONENT"),
    Column::text("OUTCOME"),
];

/// Digits of a digest that a table shows: enough to tell components apart.
const SHOWN_DIGITS: usize = 16;

/// Gives open sessions another component.
pub(super) fn swap(wanted: args::Wanted, asked: &Ask) -> Result<(), Failure> {
    let file = absolute(&wanted.file)?;
    let replay = wanted.replay.as_deref().map(absolute).transpose()?;
    let allow = wanted.allow.as_deref().map(absolute).transpose()?;
    let command = Command::Swap(Swap {
        file,
        sha256: wanted.sha256,
        wasi: wanted.wasi,
        rehearse: !wanted.unrehearsed,
        tenant: wanted.tenant,
        canary: wanted.canary,
        replay,
        allow,
        wait: wanted.wait,
    });
    answers(asked, command, |answer| show_swapped(answer, asked))
}

/// A path that means the same to the server, wherever it was started.
fn absolute(file: &Path) -> Result<PathBuf, Failure> {
    path::absolute(file).map_err(|source| Failure::io(file.display().to_string(), source))
}

/// Gives open sessions the component of before.
pub(super) fn roll_back(tenant: Option<String>, asked: &Ask) -> Result<(), Failure> {
    let command = Command::Rollback { tenant };
    answers(asked, command, |answer| show_swapped(answer, asked))
}

/// Lists the components that are in use.
pub(super) fn generations(asked: &Ask) -> Result<(), Failure> {
    let mut rows = Vec::new();
    answers(asked, Command::Generations, |answer| {
        let Answer::Generation(generation) = answer else {
            return unexpected(asked);
        };
        if asked.json {
            return json(&generation);
        }
        rows.push(generation_row(&generation));
        Ok(())
    })?;
    show_table(asked, &GENERATIONS, &rows)
}

/// Lists what was done.
pub(super) fn history(asked: &Ask) -> Result<(), Failure> {
    let mut rows = Vec::new();
    answers(asked, Command::History, |answer| {
        let Answer::Event(event) = answer else {
            return unexpected(asked);
        };
        if asked.json {
            return json(&event);
        }
        rows.push(event_row(&event));
        Ok(())
    })?;
    show_table(asked, &HISTORY, &rows)
}

fn show_swapped(answer: Answer, asked: &Ask) -> Result<(), Failure> {
    let Answer::Swapped(swapped) = answer else {
        return unexpected(asked);
    };
    if asked.json {
        return json(&swapped);
    }
    let Swapped {
        tenant,
        generation,
        component,
        there,
        moved,
        behind,
        refused,
        cause,
    } = swapped;
    let component = short(&component);
    let mut text = format!(
        "{}: generation {generation}, component {component}: {there} sessions, {moved} of them moved; \
         {behind} elsewhere",
        escape(tenant.as_bytes())
    );
    if let Some(cause) = cause {
        text.push_str(&format!("; {refused} were refused: {}", shown(&cause)));
    }
    text.push('\n');
    print(&text)
}

fn generation_row(generation: &Generation) -> Vec<String> {
    vec![
        generation.tenant.clone(),
        generation.generation.to_string(),
        generation.standing.clone(),
        short(&generation.component),
        since(generation.since),
        generation.sessions.to_string(),
        generation.calls.to_string(),
        generation.moved.to_string(),
        generation.refused.to_string(),
        generation.failures.to_string(),
    ]
}

fn event_row(event: &Event) -> Vec<String> {
    vec![
        since(event.when),
        event.who.clone(),
        event.action.clone(),
        event.tenant.clone(),
        event.generation.to_string(),
        short(&event.digest),
        shown(&event.outcome),
    ]
}

/// A text for a terminal: some of it may be a component's.
fn shown(text: &str) -> String {
    let shown = text.chars().map(|char| match char.is_control() {
        true => char::REPLACEMENT_CHARACTER,
        false => char,
    });
    shown.collect()
}

fn since(when: u64) -> String {
    age(unix_seconds(std::time::SystemTime::now()).saturating_sub(when))
}

fn short(digest: &str) -> String {
    digest.chars().take(SHOWN_DIGITS).collect()
}
