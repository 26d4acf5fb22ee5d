//! How often the component calls the host for a message: each call costs more than what it brings.

use popcell::sandbox::{
    EMBEDDED_COMPONENT, EngineOptions, Error, Limit, Limits, Next, Sandbox, Step,
};
use popcell_tests::{fake::World, sandboxed, scene::Scene, server};
use tokio::runtime::Builder;

/// Messages that are retrieved with one call.
const RETRIEVED: u32 = 16;

/// Room for all of them.
const MAX: u32 = 1024 * 1024;

#[test]
fn a_message_that_is_retrieved_costs_a_call_and_its_size_a_sixteenth() {
    // To open, send and close each of them; and once for all sizes.
    let needed = RETRIEVED + 1;
    let step = retrieve(needed).expect("as many calls as it may have");
    assert_eq!(step.next, Next::Lines);
    assert!(step.output.ends_with(b"\r\n.\r\n"));
    assert_eq!(
        retrieve(needed - 1),
        Err(Limit::HostCalls(needed - 1).into())
    );
}

/// Retrieves the two messages in turns, in one call that may call the host so often.
fn retrieve(host_calls: u32) -> Result<Step, Error> {
    let limits = Limits {
        host_calls,
        ..server::patient()
    };
    let options = EngineOptions {
        cells: 1,
        ..EngineOptions::default()
    };
    let sandbox = Sandbox::new(options, limits, EMBEDDED_COMPONENT)?;
    let world = World::new(Scene::default());
    let connection = sandboxed::connection(&world.scene().connection);
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(async {
        let mut session = sandbox.session(world.host().lend(), &connection).await?;
        session.greet().await?;
        session.lines(b"USER alice\r\nPASS secret\r\n", MAX).await?;
        let lines = b"RETR 1\r\nRETR 2\r\n".repeat(RETRIEVED as usize / 2);
        session.lines(&lines, MAX).await
    })
}
