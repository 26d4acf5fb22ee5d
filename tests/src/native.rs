//! The session without a sandbox and without a socket.
//!
//! Straight calls; what the calls have to keep to is checked in `called`.

use anyhow::{Result, anyhow};
use popcell_component::{Session, Step};

use crate::{
    called::{Called, Door, Manner},
    fake::{FakeHost, World},
};

/// The door to sessions of this process.
#[derive(Clone, Copy, Debug)]
pub struct Native;

impl Native {
    /// A driver that calls in this manner.
    pub fn driver(manner: Manner) -> Called<Self> {
        Called::new(Self, manner)
    }
}

impl Door for Native {
    type Session = Session<FakeHost>;

    fn enter(&self, world: &World, host: &FakeHost) -> Result<Self::Session> {
        Ok(Session::new(host.clone(), world.scene().connection.clone()))
    }

    fn greet(&self, session: &mut Self::Session) -> Result<Step> {
        Ok(session.greet())
    }

    fn lines(&self, session: &mut Self::Session, lines: &[u8], max: u32) -> Result<Step> {
        Ok(session.lines(lines, max))
    }

    fn more(&self, session: &mut Self::Session, max: u32) -> Result<Step> {
        Ok(session.more(max))
    }

    fn overlong(&self, session: &mut Self::Session) -> Result<Step> {
        Ok(session.overlong())
    }

    fn park(
        &self,
        session: Self::Session,
        world: &World,
        host: &FakeHost,
        look: &dyn Fn(&mut Vec<u8>) -> Result<()>,
    ) -> Result<Self::Session> {
        let mut parked = session.suspend();
        look(&mut parked.state)?;
        Session::resume(host.clone(), parked, world.scene().connection.clone())
            .map_err(|error| anyhow!("its own state is refused: {error:?}"))
    }
}
