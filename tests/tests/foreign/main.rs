//! Components that other toolchains make: Rust with its standard library, JavaScript.
//!
//! They import WASI. Whether they may is asked when they are loaded; what they find behind it are
//! clocks and randomness.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not go on fails at once"
)]

mod javascript;
mod standard;

use std::time::Duration;

use popcell::sandbox::{Engine, EngineOptions, Error, Limits, Next, Permission, Sandbox, Session};
use popcell_tests::{fake::World, sandboxed};
use tokio::{runtime::Builder, time::timeout};

/// As long as a busy machine needs for a call.
const LONG: Duration = Duration::from_secs(60);

/// Octets that a call is asked for.
const MAX: u32 = 4_096;

/// A sandbox whose sessions run in this component.
fn sandbox(
    wasm: &[u8],
    cell_memory: usize,
    call_time: Duration,
    permission: Permission,
) -> Result<Sandbox, Error> {
    let options = EngineOptions {
        cells: 2,
        cell_memory,
        engine: Engine::default(),
    };
    let limits = Limits {
        memory: cell_memory,
        call_time,
        session_time: 10 * LONG,
        ..Limits::default()
    };
    Sandbox::with_permission(options, limits, wasm, permission)
}

/// Runs to the end, which has to come.
fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let ended = runtime.block_on(async { timeout(2 * LONG, future).await });
    ended.expect("nothing stops it")
}

/// A session behind its greeting.
async fn greeted(sandbox: &Sandbox, world: &World) -> Result<Session, Error> {
    let connection = sandboxed::connection(&world.scene().connection);
    let mut session = sandbox.session(world.host().lend(), &connection).await?;
    session.greet().await?;
    Ok(session)
}

/// Sends a line and returns the whole answer.
async fn tell(session: &mut Session, line: &str) -> Result<String, Error> {
    let line = format!("{line}\r\n");
    let mut step = session.lines(line.as_bytes(), MAX).await?;
    let mut said = step.output;
    while step.next == Next::More {
        step = session.more(MAX).await?;
        said.extend_from_slice(&step.output);
    }
    Ok(String::from_utf8(said).unwrap())
}
