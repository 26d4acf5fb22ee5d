//! What grows with a machine and with a maildrop: sessions with processors, logins with messages.
//!
//! Popcell alone. Each maildrop has a directory of its own, which is gone before the next one is made.

mod maildrop;
mod processors;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::{
    arguments::ScaleOptions,
    maildirs::{Kind, Shape, Shapes},
    report::Machine,
    rows::Effort,
    run::say,
    sample::Sample,
    servers::{self, Place, Server, Setting},
};

/// Octets of a message's file: what is measured is what messages cost that hardly say anything.
const OCTETS: usize = 200;

/// Clients of the sessions that processors are counted by.
const CLIENTS: usize = 16;

/// All that was measured.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Scale {
    pub(crate) machine: Machine,
    /// What was asked for.
    pub(crate) settings: String,
    pub(crate) version: String,
    /// By the messages of the maildrop.
    pub(crate) maildrops: Vec<Maildrop>,
    /// By the processors of the server.
    pub(crate) processors: Vec<Processors>,
}

/// A maildrop of so many messages.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Maildrop {
    pub(crate) messages: usize,
    pub(crate) steps: Vec<Step>,
}

/// Something that was done with it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) samples: Vec<Sample>,
}

/// Sessions on a server that has so many processors.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Processors {
    pub(crate) count: usize,
    /// How many of its own the client has; 0: it shares those of the server.
    pub(crate) of_client: usize,
    pub(crate) samples: Vec<Sample>,
}

impl Scale {
    /// Errors of all runs.
    pub(crate) fn errors(&self) -> u64 {
        let steps = self.maildrops.iter().flat_map(|maildrop| &maildrop.steps);
        let samples = steps.flat_map(|step| &step.samples);
        let more = self.processors.iter().flat_map(|one| &one.samples);
        samples.chain(more).map(|sample| sample.errors).sum()
    }
}

/// Measures.
pub(crate) fn run(options: &ScaleOptions) -> Result<Scale> {
    servers::build()?;
    let version = Server::Popcell.look_for().map_err(anyhow::Error::msg)?;
    let (messages, turns, effort) = (options.messages(), options.turns(), effort(options));
    let processors = in_a_place(0, |setting, place| {
        processors::run(setting, place, turns, effort)
    })?;
    let mut maildrops = Vec::new();
    for messages in messages {
        let steps = in_a_place(messages, |setting, place| {
            maildrop::run(setting, place, turns, effort.time)
        })?;
        maildrops.push(Maildrop { messages, steps });
    }
    Ok(Scale {
        machine: Machine::here(),
        settings: format!(
            "{turns} runs; maildrops of messages of {OCTETS} octets whose names do not tell their \
             sizes; what is done more than once in a run is done for {} s; sessions of {CLIENTS} \
             clients at a time",
            effort.time.as_secs_f64()
        ),
        version,
        maildrops,
        processors,
    })
}

fn effort(options: &ScaleOptions) -> Effort {
    Effort {
        time: match options.quick {
            true => Duration::ZERO,
            false => Duration::from_secs(2),
        },
        clients: CLIENTS,
        idle: 0,
    }
}

/// Makes the mailboxes, and has something done with them: a few with few messages, and one with many.
fn in_a_place<T>(messages: usize, job: impl FnOnce(&Setting, &Place) -> Result<T>) -> Result<T> {
    let setting = Setting::new().context("a temporary directory")?;
    let shape = |users, messages, octets| Shape {
        users,
        messages,
        octets,
    };
    let nobody = shape(0, 0, 0);
    let place = setting.place(
        Server::Popcell,
        Shapes {
            few: shape(CLIENTS, 10, 1024),
            small: shape(1, messages, OCTETS),
            medium: nobody,
            large: nobody,
            drain: nobody,
        },
    )?;
    has_room(&place, messages)?;
    place.maildirs.write(Kind::Few).context("the mail")?;
    place
        .maildirs
        .write_one(Kind::Small, 0)
        .context("the mail")?;
    let done = job(&setting, &place);
    say(&format!("{messages} messages are done"));
    done
}

/// Whether a file system can hold so many messages more, and as many again.
fn has_room(place: &Place, messages: usize) -> Result<()> {
    let free = rustix::fs::statvfs(&place.maildirs.root).context("the temporary directory")?;
    let needed = messages as u64 * 2;
    // Some file systems make inodes as they go, and say 0 of 0.
    let has_inodes = free.f_files == 0 || free.f_favail > needed;
    let has_blocks = free.f_bavail.saturating_mul(free.f_frsize) > needed.saturating_mul(4096);
    ensure!(
        has_inodes && has_blocks,
        "there is no room for {messages} messages in {}: TMPDIR names another place",
        place.maildirs.root.display()
    );
    Ok(())
}
