//! How an attack goes: a session is given orders, the last one has to end it, and nobody else notices.
//!
//! Knows the sandbox, not what the orders are about.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use popcell::sandbox::{Engine, EngineOptions, Error, Limits, Next, Sandbox, Session};
use popcell_tests::{fake::World, sandboxed, scene::Scene};
use tokio::{runtime::Builder, time::timeout};

use super::parked;

/// The guest.
const GUEST: &[u8] = include_bytes!(env!("POPCELL_HOSTILE_GUEST"));

/// The smallest `max` that the contract allows.
const MAX: u32 = 1_024;

/// Memory of a cell: 16 pages.
pub(super) const MEMORY: usize = 1024 * 1024;

/// As long as a busy machine needs for a call.
pub(super) const LONG: Duration = Duration::from_secs(60);

/// No longer than a test may wait.
const SHORT: Duration = Duration::from_millis(200);

/// Where a call may take as long as a busy machine needs.
pub(super) static PATIENT: LazyLock<Arc<Sandbox>> = LazyLock::new(|| sandbox(32, MEMORY, LONG));

/// Where a call may not take long.
pub(super) static HASTY: LazyLock<Arc<Sandbox>> = LazyLock::new(|| sandbox(32, MEMORY, SHORT));

/// Orders, of which the last one ends the session, and how.
pub(super) type Row = (&'static [&'static str], Ended);

/// What ends a session.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ended {
    Contract(&'static str),
    /// The limit of this name.
    Limit(&'static str),
    Refused(&'static str),
    /// With these words in the cause.
    Trap(&'static str),
}

impl Ended {
    fn is(self, error: &Error) -> bool {
        match self {
            Self::Contract(rule) => *error == Error::Contract(rule),
            Self::Limit(name) => matches!(error, Error::Limit(limit) if limit.name() == name),
            Self::Refused(why) => *error == Error::Refused(why),
            Self::Trap(words) => {
                matches!(error, Error::Trap(cause) if cause.contains(words))
            }
        }
    }
}

/// A sandbox for so many cells.
pub(super) fn sandbox(cells: u32, cell_memory: usize, call_time: Duration) -> Arc<Sandbox> {
    let limits = Limits {
        memory: cell_memory,
        call_time,
        session_time: 2 * LONG,
        ..Limits::default()
    };
    limited(cells, limits)
}

/// A sandbox for so many cells with these limits.
pub(super) fn limited(cells: u32, limits: Limits) -> Arc<Sandbox> {
    let options = EngineOptions {
        cells,
        cell_memory: limits.memory,
        engine: Engine::default(),
    };
    Arc::new(Sandbox::new(options, limits, GUEST).unwrap())
}

/// A world whose first user is `alice`, with two messages.
pub(super) fn world() -> World {
    let mut scene = Scene::default();
    scene.connection.mechanisms = vec!["PLAIN".to_owned()];
    World::new(scene)
}

/// Runs to the end, which has to come.
pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let ended = runtime.block_on(async { timeout(2 * LONG, future).await });
    ended.expect("nothing stops it")
}

/// Strikes once for each row.
pub(super) fn attack(sandbox: &Sandbox, rows: &[Row]) {
    for (orders, ended) in rows {
        strike(sandbox, orders, *ended);
    }
}

/// Gives a session these orders, of which the last one has to end it.
pub(super) fn strike(sandbox: &Sandbox, orders: &[&str], expected: Ended) {
    let (world, peaceful) = (world(), world());
    run(async {
        let mut neighbour = greeted(sandbox, &peaceful).await.unwrap();
        tell(&mut neighbour, "LOGIN").await.unwrap();
        let end = obey(sandbox, &world, orders).await;
        assert!(
            expected.is(&end),
            "{orders:?} end in {end:?}, not {expected:?}"
        );
        assert_eq!(tell(&mut neighbour, "OPEN 1").await.unwrap(), b"+OK\r\n");
    });
    unharmed(&world);
}

/// The mail is there and the maildrop free.
pub(super) fn unharmed(world: &World) {
    assert_eq!(world.stored(), [1, 2]);
    assert!(!world.is_locked(0));
}

/// What ends the session that is given these orders.
async fn obey(sandbox: &Sandbox, world: &World, orders: &[&str]) -> Error {
    let (last, before) = orders.split_last().unwrap();
    let banner = ["AT constructor", "AT greet"]
        .iter()
        .any(|call| last.starts_with(call))
        .then(|| last.trim_start_matches("AT "));
    let mut session = match begin(sandbox, world, banner.unwrap_or_default()).await {
        Ok(session) => session,
        Err(end) => return end,
    };
    for order in before {
        session = act(sandbox, world, session, order).await.unwrap();
    }
    let acted = act(sandbox, world, session, last).await;
    acted.expect_err(last)
}

/// Gives an order, and makes the call that it is for.
async fn act(
    sandbox: &Sandbox,
    world: &World,
    mut session: Session,
    order: &str,
) -> Result<Session, Error> {
    tell(&mut session, order).await?;
    match order.split(' ').nth(1).filter(|_| order.starts_with("AT ")) {
        Some("realloc") => tell(&mut session, "NOOP").await.map(drop)?,
        Some("overlong") => session.overlong().await.map(drop)?,
        Some("suspend" | "resume") => return parked::park(sandbox, world, session).await,
        Some(_) | None => {}
    }
    Ok(session)
}

pub(super) async fn greeted(sandbox: &Sandbox, world: &World) -> Result<Session, Error> {
    begin(sandbox, world, "").await
}

/// A session behind its greeting, for which the banner is an order too.
async fn begin(sandbox: &Sandbox, world: &World, banner: &str) -> Result<Session, Error> {
    let mut connection = sandboxed::connection(&world.scene().connection);
    connection.banner = banner.into();
    let mut session = sandbox.session(world.host().lend(), &connection).await?;
    session.greet().await?;
    Ok(session)
}

/// Sends an order and returns the whole answer. A commit is asked for by a QUIT behind it.
pub(super) async fn tell(session: &mut Session, order: &str) -> Result<Vec<u8>, Error> {
    let quit = if order.starts_with("COMMIT") {
        "QUIT\r\n"
    } else {
        ""
    };
    let line = format!("{order}\r\n{quit}");
    let mut step = session.lines(line.as_bytes(), MAX).await?;
    let mut said = step.output;
    while step.next == Next::More {
        step = session.more(MAX).await?;
        said.extend_from_slice(&step.output);
    }
    Ok(said)
}
