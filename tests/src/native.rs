//! The session without a sandbox and without a socket.
//!
//! Straight calls; what the calls have to keep to is checked in `called`.

use anyhow::{Result, anyhow};
use popcell_component::{Session, Step};

use crate::{
    called::{Called, Door, Manner},
    fake::{FakeHost, Forwarding, World},
};

/// The door to sessions of this process.
#[derive(Clone, Debug, Default)]
pub struct Native {
    /// There if their host forwards.
    forwarding: Option<Forwarding>,
}

impl Native {
    /// A driver that calls in this manner.
    pub fn driver(manner: Manner) -> Called<Self> {
        let forwarding = manner.forwards.then(Forwarding::default);
        Called::new(Self { forwarding }, manner)
    }

    fn host(&self, host: &FakeHost) -> FakeHost {
        host.clone().forwarding(self.forwarding.clone())
    }

    fn whole(&self, step: Step) -> Step {
        let Some(forwarding) = &self.forwarding else {
            return step;
        };
        let output = forwarding.put_into(step.output);
        Step { output, ..step }
    }
}

impl Door for Native {
    type Session = Session<FakeHost>;

    fn enter(&self, world: &World, host: &FakeHost) -> Result<Self::Session> {
        let connection = world.scene().connection.clone();
        Ok(Session::new(self.host(host), connection))
    }

    fn greet(&self, session: &mut Self::Session) -> Result<Step> {
        Ok(session.greet())
    }

    fn lines(&self, session: &mut Self::Session, lines: &[u8], max: u32) -> Result<Step> {
        Ok(self.whole(session.lines(lines, max)))
    }

    fn more(&self, session: &mut Self::Session, max: u32) -> Result<Step> {
        Ok(self.whole(session.more(max)))
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
        Session::resume(self.host(host), parked, world.scene().connection.clone())
            .map_err(|error| anyhow!("its own state is refused: {error:?}"))
    }
}
