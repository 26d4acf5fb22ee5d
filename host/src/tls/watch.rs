//! Reads certificates and keys again when their files change.
//!
//! Watches directories rather than files, since files are replaced: renamed into place, or reached
//! by symbolic links that are turned to another place. Judges no file: that is `Tls::reload`'s.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf, absolute},
    sync::Arc,
    time::Duration,
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};
use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{Instant, sleep, timeout_at},
};
use tracing::{error, info, warn};

use super::{Error, Reload, Tls};

/// How fast changes are followed.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// How long it has to be quiet after a change: a certificate and its key come one by one.
    quiet: Duration,
    /// How long at most it is waited for quiet.
    longest: Duration,
    /// When to look again where watching does not work.
    retry: Duration,
}

const PACE: Pace = Pace {
    quiet: Duration::from_millis(500),
    longest: Duration::from_secs(5),
    retry: Duration::from_mins(1),
};

/// As many symbolic links in a path as Linux follows.
const MAX_LINKS: usize = 40;

/// Follows changes of the files for as long as it is polled; to be dropped at the server's end.
///
/// Each change is logged, and each new failure. After a failure the old certificates stay in use.
/// Where the system can not watch, the files are looked at every minute.
pub async fn watch(tls: Arc<Tls>) {
    let mut last_failure = None;
    follow(&tls, PACE, |outcome| {
        let failure = outcome.as_ref().err().map(ToString::to_string);
        // A directory where other files come and go says the same again and again.
        if failure.is_none() || failure != last_failure {
            log(&outcome);
        }
        last_failure = failure;
    })
    .await;
}

/// Reads the files again without blocking, and logs what came of it: for a signal, say.
///
/// # Errors
///
/// As [`Tls::reload`].
pub async fn reload(tls: &Arc<Tls>) -> Result<Reload, Error> {
    let tls = Arc::clone(tls);
    let outcome = spawn_blocking(move || tls.reload()).await;
    let outcome = outcome.unwrap_or(Err(Error::Interrupted));
    if matches!(outcome, Ok(Reload::Unchanged)) {
        info!("certificates are what they were");
    }
    log(&outcome);
    outcome
}

fn log(outcome: &Result<Reload, Error>) {
    match outcome {
        Ok(Reload::Changed) => info!("certificates reloaded"),
        Ok(Reload::Unchanged) => {}
        Err(cause) => error!(%cause, "certificates not reloaded; the old ones stay in use"),
    }
}

/// Reads and waits in turn, until the runtime ends.
async fn follow(tls: &Arc<Tls>, pace: Pace, mut report: impl FnMut(Result<Reload, Error>)) {
    let mut is_watched = true;
    loop {
        let changed = Arc::new(Notify::new());
        let (round_tls, round_changed) = (Arc::clone(tls), Arc::clone(&changed));
        let round = spawn_blocking(move || {
            // Before the files are read, so that no change falls between the two; and anew for
            // every round, since the directories may have changed too.
            let watcher = watcher(&round_tls, round_changed);
            (watcher, round_tls.reload())
        });
        let Ok((watcher, outcome)) = round.await else {
            return report(Err(Error::Interrupted));
        };
        report(outcome);
        let was_watched = std::mem::replace(&mut is_watched, watcher.is_ok());
        match watcher {
            Ok(_watcher) => settle(&changed, pace).await,
            Err(cause) => {
                if was_watched {
                    warn!(%cause, "certificates can not be watched; looking every minute");
                }
                sleep(pace.retry).await;
            }
        }
    }
}

/// Waits for a change, and then for quiet.
async fn settle(changed: &Notify, pace: Pace) {
    changed.notified().await;
    let latest = Instant::now() + pace.longest;
    while timeout_at(latest.min(Instant::now() + pace.quiet), changed.notified())
        .await
        .is_ok()
    {}
}

fn watcher(tls: &Tls, changed: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // Errors too: events that were lost may have been ours.
        if event.is_ok_and(|event| !is_change(event.kind)) {
            return;
        }
        changed.notify_one();
    })?;
    for directory in tls.files().flat_map(directories).collect::<BTreeSet<_>>() {
        watcher.watch(&directory, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

/// Whether an event can be a change of a file. We cause some ourselves by reading.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Other
        | EventKind::Remove(_) => true,
    }
}

/// The directories in which a change can make `file` something else: its own, and that of each
/// symbolic link on the way to it. Not those further up: what replaces one of them is to be
/// followed by a signal.
fn directories(file: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut way = absolute(file).unwrap_or_else(|_| file.to_owned());
    for _ in 0..MAX_LINKS {
        let Some((place, target)) = first_link(&way) else {
            break;
        };
        found.push(place);
        way = target;
    }
    // One that is not there yet appears in the nearest one that is.
    let existing = way
        .ancestors()
        .skip(1)
        .find_map(|directory| directory.canonicalize().ok());
    found.extend(existing);
    found
}

/// Where the first symbolic link of a path is, and the path with the link followed.
fn first_link(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut walked = PathBuf::new();
    let mut components = path.components();
    while let Some(component) = components.next() {
        if component == Component::ParentDir {
            // Right, because no link is on the way so far.
            walked.pop();
            continue;
        }
        let place = walked.clone();
        walked.push(component);
        if let Ok(target) = fs::read_link(&walked) {
            let target = place.join(target).join(components.as_path());
            return Some((place, target));
        }
    }
    None
}
