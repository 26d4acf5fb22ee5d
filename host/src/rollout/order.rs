//! What can be wanted of components, and what comes of it.

use std::{path::PathBuf, sync::Arc};

use super::{Canary, Generation, Tallied, Track};
use crate::{
    component::{self, Options},
    replay::{self, Difference},
    sandbox, trial,
};

/// A component that sessions are to be in.
#[derive(Clone, Debug)]
pub struct Order {
    /// Whose sessions; of all who run the server's own component if nothing is said.
    pub tenant: Option<String>,
    /// The component.
    pub component: Options,
    /// Whose sessions first, if not all at once. The same component once more, without this, gets
    /// the others.
    pub canary: Option<Canary>,
    /// Recordings that it has to answer as they were answered, but for what may differ.
    pub replay: Option<Replayed>,
    /// Whether to wait until the open sessions have moved.
    pub wait: bool,
    /// Who wants it, for the history.
    pub who: String,
}

/// Recordings, and which answers may differ.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// A recording, or a directory of recordings.
    pub recordings: PathBuf,
    /// A file of answers that may differ.
    pub allow: Option<PathBuf>,
}

/// Why a component got no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Its file can not be read, or is not what it has to be.
    #[error(transparent)]
    File(#[from] component::Error),
    /// There is no such tenant.
    #[error("there is no such tenant")]
    Nobody,
    /// There is no component to go back to.
    #[error("there is no component before this one to go back to")]
    NothingBefore,
    /// Recordings can not be read.
    #[error(transparent)]
    Recording(#[from] replay::Error),
    /// The file of answers that may differ can not be read.
    #[error(transparent)]
    Allowed(#[from] replay::Mistake),
    /// It answers otherwise than was recorded.
    #[error(
        "{}, line {} of the client ({}): expected {}, found {}",
        recording.display(), difference.line, difference.sent, difference.expected, difference.found
    )]
    Replay {
        /// Where it does.
        recording: PathBuf,
        /// How.
        difference: Difference,
    },
    /// It fails when open sessions are resumed in it.
    #[error("{refused} of {asked} open sessions could not be resumed in it: {cause}")]
    Sample {
        /// Sessions that were not taken.
        refused: usize,
        /// Sessions that were tried.
        asked: usize,
        /// What went wrong with one of them.
        cause: sandbox::Error,
    },
    /// It does not speak POP3 as it has to.
    #[error(transparent)]
    Trial(trial::Failure),
    /// It can not be compiled, or is not for this contract.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
}

/// Where the sessions of a track are.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whose they are.
    pub tenant: String,
    /// The number of the generation where they belong.
    pub generation: u64,
    /// SHA-256 of its component.
    pub digest: String,
    /// Sessions that are there.
    pub there: u64,
    /// Of those, sessions that came from another generation.
    pub moved: u64,
    /// Sessions that are still in another generation.
    pub behind: u64,
    /// Of those, sessions that were refused and stay where they are.
    pub refused: u64,
    /// Why, of one of them.
    pub cause: Option<String>,
}

impl Order {
    /// What the configuration says by now.
    pub(super) fn of_the_configuration(is_rehearsed: bool) -> Self {
        Self {
            tenant: None,
            component: Options {
                rehearse: is_rehearsed,
                ..Options::new(Default::default())
            },
            canary: None,
            replay: None,
            wait: false,
            who: "configuration".to_owned(),
        }
    }
}

impl Report {
    pub(super) fn of(tenant: String, track: &Track, generation: &Arc<Generation>) -> Self {
        let Tallied {
            sessions,
            moved_in,
            refused,
            ..
        } = generation.tallied();
        Self {
            tenant,
            generation: generation.number(),
            digest: generation.version().digest().to_owned(),
            there: sessions,
            moved: moved_in,
            behind: behind(track, generation),
            refused,
            cause: generation.cause(),
        }
    }
}

/// Sessions of the track that are in another generation than this one.
pub(super) fn behind(track: &Track, generation: &Generation) -> u64 {
    let others = track.generations().into_iter();
    let others = others.filter(|(other, _)| other.number() != generation.number());
    others.map(|(other, _)| other.tallied().sessions).sum()
}
