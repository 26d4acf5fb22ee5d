//! The fake host in the host's own words: `popcell::capability` instead of the component's traits.
//!
//! For drivers that put the sandbox or the whole server between the client and the world. Adds
//! no behaviour; what can not be said there (faults of sizes and unique ids) is left out.

use std::future::ready;

use popcell::{capability as lent, snapshot::Snapshot};
use popcell_component as own;
use popcell_component::{Exchange as _, Host as _, Maildrop as _, Message as _};

use super::{FakeExchange, FakeHost, FakeMaildrop, FakeMessage};

impl FakeHost {
    /// The same claims for the host's side of the sandbox.
    pub fn lend(&self) -> Box<dyn lent::Login> {
        Box::new(LentLogin(self.clone()))
    }
}

struct LentLogin(FakeHost);

impl lent::Login for LentLogin {
    fn password<'a>(
        &'a mut self,
        user: &'a [u8],
        password: &'a [u8],
    ) -> lent::Answer<'a, Result<lent::Grant, lent::Refusal>> {
        Box::pin(ready(
            self.0.password(user, password).map(grant).map_err(refusal),
        ))
    }

    fn apop<'a>(
        &'a mut self,
        user: &'a [u8],
        digest: &'a [u8],
    ) -> lent::Answer<'a, Result<lent::Grant, lent::Refusal>> {
        Box::pin(ready(self.0.apop(user, digest).map(grant).map_err(refusal)))
    }

    fn start(&mut self, mechanism: &str) -> Option<Box<dyn lent::Exchange>> {
        let exchange = self.0.start(mechanism)?;
        Some(Box::new(LentExchange(exchange)))
    }
}

struct LentExchange(FakeExchange);

impl lent::Exchange for LentExchange {
    fn begin<'a>(&'a mut self, initial: Option<&'a [u8]>) -> lent::Answer<'a, lent::Turn> {
        Box::pin(ready(turn(self.0.begin(initial))))
    }

    fn respond<'a>(&'a mut self, response: &'a [u8]) -> lent::Answer<'a, lent::Turn> {
        Box::pin(ready(turn(self.0.respond(response))))
    }
}

struct LentMaildrop {
    maildrop: FakeMaildrop,
    snapshot: Snapshot,
}

impl lent::Maildrop for LentMaildrop {
    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn open(
        &mut self,
        number: u32,
    ) -> lent::Answer<'_, Result<Box<dyn lent::Message>, lent::Fault>> {
        let message = self.maildrop.open(number).map_err(fault);
        Box::pin(ready(
            message.map(|message| Box::new(LentMessage(message)) as Box<_>),
        ))
    }

    fn commit(
        self: Box<Self>,
        deleted: Vec<u32>,
    ) -> lent::Answer<'static, Result<(), lent::Unfinished>> {
        let outcome = self.maildrop.remove(&deleted);
        Box::pin(ready(outcome.map_err(
            |own::Unfinished { removed, kept }| lent::Unfinished { removed, kept },
        )))
    }
}

struct LentMessage(FakeMessage);

impl lent::Message for LentMessage {
    fn read(&mut self, max: usize) -> lent::Answer<'_, Result<Vec<u8>, lent::Fault>> {
        let max = u32::try_from(max).unwrap_or(u32::MAX);
        Box::pin(ready(self.0.read(max).map_err(fault)))
    }

    fn is_at_end(&self) -> bool {
        self.0.is_at_end()
    }
}

fn grant(maildrop: FakeMaildrop) -> lent::Grant {
    let announce = maildrop.announce().into();
    lent::Grant {
        maildrop: lend(maildrop),
        announce,
    }
}

/// A maildrop in the host's words.
pub(super) fn lend(maildrop: FakeMaildrop) -> Box<dyn lent::Maildrop> {
    let mut snapshot = Snapshot::default();
    for (octets, uid) in maildrop.entries() {
        snapshot
            .push(octets, uid)
            .expect("the fake's unique ids are valid");
    }
    Box::new(LentMaildrop { maildrop, snapshot })
}

fn turn(turn: own::Turn<FakeMaildrop>) -> lent::Turn {
    match turn {
        own::Turn::Challenge(octets) => lent::Turn::Challenge(octets),
        own::Turn::Done(maildrop) => lent::Turn::Done(grant(maildrop)),
        own::Turn::Refused(reason) => lent::Turn::Refused(refusal(reason)),
    }
}

fn fault(fault: own::Fault) -> lent::Fault {
    match fault {
        own::Fault::Gone => lent::Fault::Gone,
        own::Fault::Temporary => lent::Fault::Temporary,
        own::Fault::Permanent => lent::Fault::Permanent,
    }
}

fn refusal(refusal: own::Refusal) -> lent::Refusal {
    match refusal {
        own::Refusal::Denied => lent::Refusal::Denied,
        own::Refusal::InUse => lent::Refusal::InUse,
        own::Refusal::LoginDelay => lent::Refusal::LoginDelay,
        own::Refusal::Temporary => lent::Refusal::Temporary,
        own::Refusal::Permanent => lent::Refusal::Permanent,
    }
}
