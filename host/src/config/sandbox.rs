//! How components are run and replaced: `[sandbox]` and `[swap]`.
//!
//! The bounds that stand here are the bounds; `examples/popcell.toml` says the same to operators.

use std::time::Duration;

use super::{document::Section, limits::DAY, rule};
use crate::{rollout::Bounds, sandbox::Engine};

const ENGINES: &[(&str, Engine)] = &[
    ("cranelift", Engine::Cranelift),
    ("pulley", Engine::Pulley),
    #[cfg(feature = "native-session")]
    ("native", Engine::Native),
];

/// A cell has more than 4 GiB of addresses, of which Linux gives a process 128 TiB.
const MOST_CELLS: u32 = 20_000;

/// Below this, parking and waking would cost more than a cell that waits.
const LEAST_HIBERNATE: Duration = Duration::from_millis(10);

/// How components are run (`[sandbox]`), all of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sandbox {
    /// What runs their code.
    pub engine: Engine,
    /// Cells that sessions may be in at once. Sessions beyond them are parked, or wait for a cell.
    pub cells: u32,
    /// Beyond so many cells a session that does nothing is parked after a moment.
    pub warm_cells: u32,
    /// How long a session has nothing to do in its cell before it is parked; `None` for as long as
    /// nobody else needs the cell.
    pub hibernate_after: Option<Duration>,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self {
            engine: Engine::default(),
            cells: 4096,
            warm_cells: 64,
            hibernate_after: Some(Duration::from_millis(500)),
        }
    }
}

/// How components are run.
pub(super) fn read(mut section: Section<'_>) -> Sandbox {
    let mut sandbox = Sandbox::default();
    section.set(&mut sandbox.engine, "engine", rule::choice(ENGINES));
    section.set(&mut sandbox.cells, "cells", rule::number(1..=MOST_CELLS));
    section.set(
        &mut sandbox.warm_cells,
        "warm_cells",
        rule::number(0..=MOST_CELLS),
    );
    let idle = rule::duration(LEAST_HIBERNATE..=DAY).or_false();
    section.set(&mut sandbox.hibernate_after, "hibernate_after", idle);
    section.finish();
    sandbox
}

/// What a new component may get wrong before it is taken back.
pub(super) fn swap(mut section: Section<'_>) -> Bounds {
    let mut bounds = Bounds::default();
    let window = rule::duration(Duration::ZERO..=DAY);
    section.set(&mut bounds.window, "probation", window);
    let failures = rule::number(1..=1_000_000);
    section.set(&mut bounds.failures, "failures", failures);
    let percent = || rule::number(1..=100);
    section.set(&mut bounds.refused_percent, "refused_percent", percent());
    section.set(&mut bounds.error_percent, "error_percent", percent());
    section.finish();
    bounds
}
