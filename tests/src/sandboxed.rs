//! The built component in its sandbox, without a socket.
//!
//! The same calls as `native`, through wasmtime and everything that the host checks there.

use std::sync::Arc;

use anyhow::{Context as _, Error, Result};
use popcell::sandbox::{
    self, EMBEDDED_COMPONENT, Engine, EngineOptions, PORTABLE_COMPONENT, Sandbox, Session,
};
use popcell_component::{Connection, Next, Step};
use tokio::runtime::{Builder, Runtime};

use crate::{
    called::{Called, Door, Manner},
    fake::{FakeHost, World},
    server,
};

/// The door to sessions in a sandbox.
pub struct Sandboxed {
    sandbox: Sandbox,
    /// Where a session that is parked goes on, and comes back from when it is parked again.
    elsewhere: Option<Sandbox>,
    runtime: Runtime,
}

impl Sandboxed {
    /// A driver that calls the embedded component in this manner.
    ///
    /// # Errors
    ///
    /// The system does not give what the engine needs.
    pub fn driver(manner: Manner) -> Result<Called<Self>> {
        Self::with_engine(Engine::default(), manner)
    }

    /// The same, run by this engine.
    ///
    /// # Errors
    ///
    /// The system does not give what the engine needs.
    pub fn with_engine(engine: Engine, manner: Manner) -> Result<Called<Self>> {
        Ok(Called::new(Self::door(engine)?, manner))
    }

    /// A driver that calls the component for any host in this manner.
    ///
    /// # Errors
    ///
    /// The system does not give what the engine needs.
    pub fn portable(manner: Manner) -> Result<Called<Self>> {
        let door = Self::of(Engine::default(), PORTABLE_COMPONENT)?;
        Ok(Called::new(door, manner))
    }

    /// A driver of sessions that go from the embedded component to that for any host and back, between
    /// any two calls.
    ///
    /// # Errors
    ///
    /// The system does not give what the engine needs.
    pub fn wandering(manner: Manner) -> Result<Called<Self>> {
        let mut door = Self::door(Engine::default())?;
        door.elsewhere = Some(sandbox(Engine::default(), PORTABLE_COMPONENT)?);
        let is_parked = true;
        Ok(Called::new(
            door,
            Manner {
                is_parked,
                ..manner
            },
        ))
    }

    /// The door to sessions of the embedded component, run by this engine.
    ///
    /// # Errors
    ///
    /// The system does not give what the engine needs.
    pub fn door(engine: Engine) -> Result<Self> {
        Self::of(engine, EMBEDDED_COMPONENT)
    }

    fn of(engine: Engine, component: &[u8]) -> Result<Self> {
        Ok(Self {
            sandbox: sandbox(engine, component)?,
            elsewhere: None,
            runtime: Builder::new_current_thread().enable_time().build()?,
        })
    }
}

fn sandbox(engine: Engine, component: &[u8]) -> Result<Sandbox> {
    let options = EngineOptions {
        cells: 4,
        cell_memory: 1024 * 1024,
        engine,
    };
    Ok(Sandbox::new(options, server::patient(), component)?)
}

impl Door for Sandboxed {
    type Session = Session;

    fn enter(&self, world: &World, host: &FakeHost) -> Result<Session> {
        let connection = connection(&world.scene().connection);
        let session = self.sandbox.session(host.lend(), &connection);
        self.runtime.block_on(session).context("no session")
    }

    fn greet(&self, session: &mut Session) -> Result<Step> {
        step(self.runtime.block_on(session.greet())?)
    }

    fn lines(&self, session: &mut Session, lines: &[u8], max: u32) -> Result<Step> {
        step(self.runtime.block_on(session.lines(lines, max))?)
    }

    fn more(&self, session: &mut Session, max: u32) -> Result<Step> {
        step(self.runtime.block_on(session.more(max))?)
    }

    fn overlong(&self, session: &mut Session) -> Result<Step> {
        step(self.runtime.block_on(session.overlong())?)
    }

    fn park(
        &self,
        session: Session,
        world: &World,
        host: &FakeHost,
        look: &dyn Fn(&mut Vec<u8>) -> Result<()>,
    ) -> Result<Session> {
        let is_here = Arc::ptr_eq(session.version(), &self.sandbox.version());
        let next = match &self.elsewhere {
            Some(elsewhere) if is_here => elsewhere,
            Some(_) | None => &self.sandbox,
        };
        let parked = self.runtime.block_on(session.suspend());
        let mut parked = parked.map_err(|kept| kept.error)?;
        look(&mut parked.state)?;
        let connection = connection(&world.scene().connection);
        let session = next.resume(host.lend(), parked, &connection);
        let resumed = self.runtime.block_on(session);
        resumed.map_err(|refused| Error::from(refused.error).context("its own state is refused"))
    }
}

/// The same facts in the sandbox's words.
pub fn connection(connection: &Connection) -> sandbox::Connection {
    sandbox::Connection {
        banner: connection.banner.as_str().into(),
        challenge: connection.challenge.clone(),
        tls: connection.tls,
        may_start_tls: connection.may_start_tls,
        may_login: connection.may_login,
        mechanisms: connection
            .mechanisms
            .iter()
            .cloned()
            .map(Into::into)
            .collect(),
        announce: connection.announce.as_slice().into(),
        max_bad_commands: connection.max_bad_commands,
        max_bad_commands_after_login: connection.max_bad_commands_after_login,
    }
}

fn step(step: sandbox::Step) -> Result<Step> {
    let next = match step.next {
        sandbox::Next::Lines => Next::Lines,
        sandbox::Next::More => Next::More,
        sandbox::Next::StartTls => Next::StartTls,
        sandbox::Next::Close => Next::Close,
        sandbox::Next::Abort => Next::Abort,
    };
    Ok(Step {
        consumed: u32::try_from(step.consumed)?,
        output: step.output,
        next,
    })
}
