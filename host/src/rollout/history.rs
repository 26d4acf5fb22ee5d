//! What has been done with components: who, when, which, and what came of it.
//!
//! The last entries are kept in memory; with a `[state]` directory all of them are in a file too, an
//! object of JSON a line.

use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use serde::{Deserialize, Serialize};
use tracing::{error, info};

use crate::sessions::unix_seconds;

/// Entries that are kept in memory.
const KEPT: usize = 256;

/// Something that was done.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Event {
    /// When, in seconds since 1970-01-01 UTC.
    pub when: u64,
    /// Who wanted it: a user of the system, the configuration, or the server itself.
    pub who: String,
    /// `swap`, `canary`, `promote`, `rollback`, `proven` or `refuse`.
    pub action: String,
    /// Whose sessions it was about.
    pub tenant: String,
    /// The number that the component has, or had, among those of the tenant; 0 if it got none.
    pub generation: u64,
    /// SHA-256 of the component.
    pub digest: String,
    /// What came of it, or why.
    pub outcome: String,
}

/// All that was done, as far as it is known.
#[derive(Debug)]
pub(super) struct History {
    events: Mutex<VecDeque<Event>>,
    file: Option<File>,
}

impl Event {
    /// Something that is done now.
    pub(super) fn now(who: &str, action: &str) -> Self {
        Self {
            when: unix_seconds(SystemTime::now()),
            who: who.to_owned(),
            action: action.to_owned(),
            tenant: String::new(),
            generation: 0,
            digest: String::new(),
            outcome: String::new(),
        }
    }
}

impl History {
    /// The history in this directory, or one in memory alone.
    ///
    /// # Errors
    ///
    /// The file can not be read or written.
    pub(super) fn open(directory: Option<&Path>) -> io::Result<Self> {
        let Some(directory) = directory else {
            return Ok(Self {
                events: Mutex::default(),
                file: None,
            });
        };
        let path: PathBuf = directory.join("swaps.jsonl");
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let file = options.open(&path)?;
        let mut events = VecDeque::new();
        for line in BufReader::new(&file).lines() {
            // A line that broke off, or that a later version wrote, says nothing to us.
            if let Ok(event) = serde_json::from_str(&line?) {
                keep(&mut events, event);
            }
        }
        Ok(Self {
            events: Mutex::new(events),
            file: Some(file),
        })
    }

    /// The events that are known, the oldest first.
    pub(super) fn list(&self) -> Vec<Event> {
        self.events().iter().cloned().collect()
    }

    /// Adds an event, here and in the log.
    pub(super) fn add(&self, event: Event) {
        let Event {
            who,
            action,
            tenant,
            generation,
            digest,
            outcome,
            ..
        } = &event;
        info!(
            who,
            action, tenant, generation, digest, outcome, "component"
        );
        let mut events = self.events();
        if let Err(cause) = self.write(&event) {
            error!(%cause, "the history of swaps can not be written");
        }
        keep(&mut events, event);
    }

    fn write(&self, event: &Event) -> io::Result<()> {
        let Some(mut file) = self.file.as_ref() else {
            return Ok(());
        };
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        file.write_all(&line)
    }

    fn events(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep(events: &mut VecDeque<Event>, event: Event) {
    if events.len() == KEPT {
        events.pop_front();
    }
    events.push_back(event);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_known_after_a_restart() {
        let directory = tempfile::tempdir().expect("a directory");
        let event = Event {
            digest: "ab".to_owned(),
            ..Event::now("root", "swap")
        };
        let history = History::open(Some(directory.path())).expect("opened");
        history.add(event.clone());
        let file = directory.path().join("swaps.jsonl");
        let mut file = OpenOptions::new().append(true).open(file).expect("there");
        file.write_all(b"{\"broken\n").expect("written");
        let again = History::open(Some(directory.path())).expect("opened");
        assert_eq!(again.list(), [event]);
    }

    #[test]
    fn memory_is_not_filled_with_it() {
        let history = History::open(None).expect("nothing to open");
        for _ in 0..2 * KEPT {
            history.add(Event::now("root", "swap"));
        }
        assert_eq!(history.list().len(), KEPT);
    }
}
