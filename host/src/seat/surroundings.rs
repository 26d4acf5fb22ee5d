//! What a session is put into a cell with, wherever that is.

use std::sync::Arc;

use super::Surroundings;
use crate::{
    capability::Login,
    cells::{Closed, Room},
    login::SessionLogin,
    record::Recorder,
    rollout::{Generation, Traveller},
    sandbox::{Error, NotMoved, Parked, Session},
};

impl Surroundings {
    /// What a track is told of the session.
    pub(super) fn traveller(&self) -> Traveller {
        Traveller {
            session: self.id,
            user: self.watch.record().logged_in,
        }
    }

    /// A cell, as soon as there is one.
    pub(super) async fn room(&self) -> Result<Room, Error> {
        let room = self.house.cells.room().await;
        room.map_err(|Closed| Error::Exhausted)
    }

    /// A new session in a component.
    pub(super) async fn begin(
        &self,
        login: Box<dyn Login>,
        generation: &Generation,
    ) -> Result<Session, Error> {
        let version = Arc::clone(generation.version());
        let Self {
            house,
            payer,
            facts,
            ..
        } = self;
        let terms = payer.terms.clone();
        let session = house.sandbox.session_in(version, terms, login, facts);
        session.await
    }

    /// The claims of the connection, for another cell.
    pub(super) fn login(&self) -> Box<dyn Login> {
        let login = Box::new(SessionLogin::again(&self.watch));
        Recorder::witness(self.recorder.as_ref(), login)
    }

    /// A session that was parked, in a component.
    pub(super) async fn resume(
        &self,
        generation: &Generation,
        parked: Parked,
    ) -> Result<Session, NotMoved> {
        let version = Arc::clone(generation.version());
        let login = self.login();
        let Self {
            house,
            payer,
            facts,
            ..
        } = self;
        let terms = payer.terms.clone();
        let sandbox = &house.sandbox;
        let session = sandbox.resume_in(version, terms, login, parked, facts);
        session.await
    }
}
