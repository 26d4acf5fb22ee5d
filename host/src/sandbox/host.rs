//! The imports: what the guest may call, and every bound on what it passes.
//!
//! The guest is hostile. A number or a handle that the contract does not allow traps it.

use std::time::Instant;

use wasmtime::component::Resource;

use super::{
    bindings::{auth, mail},
    cell::{Cell, Exchange, Maildrop, Message},
    convert,
};
use crate::capability::{Grant, Refusal, Turn};

/// Most octets of one read, by the contract.
const MAX_READ: u32 = 1_048_576;

/// Most messages of one window, by the contract.
const MAX_WINDOW: u32 = 4_096;

impl mail::Host for Cell {}

impl mail::HostMaildrop for Cell {
    fn summary(&mut self, this: Resource<Maildrop>) -> wasmtime::Result<mail::Summary> {
        let snapshot = self.table.get(&this)?.0.maildrop.snapshot();
        Ok(mail::Summary {
            count: snapshot.count(),
            octets: snapshot.octets(),
        })
    }

    fn sizes(
        &mut self,
        this: Resource<Maildrop>,
        first: u32,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u64>, mail::Fault>> {
        self.check_window(first, max)?;
        Ok(Ok(self
            .table
            .get(&this)?
            .0
            .maildrop
            .snapshot()
            .sizes(first, max)
            .to_vec()))
    }

    fn uids(
        &mut self,
        this: Resource<Maildrop>,
        first: u32,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, mail::Fault>> {
        self.check_window(first, max)?;
        Ok(Ok(self
            .table
            .get(&this)?
            .0
            .maildrop
            .snapshot()
            .uids(first, max)
            .to_vec()))
    }

    fn announce(&mut self, this: Resource<Maildrop>) -> wasmtime::Result<Vec<String>> {
        Ok(self.table.get(&this)?.0.announce.to_vec())
    }

    async fn open(
        &mut self,
        this: Resource<Maildrop>,
        number: u32,
    ) -> wasmtime::Result<Result<Resource<Message>, mail::Fault>> {
        let started = Instant::now();
        let opened = self.table.get_mut(&this)?.0.maildrop.open(number).await;
        self.spent_in_host(started.elapsed());
        match opened {
            Ok(message) => {
                self.usage.opened();
                Ok(Ok(self.table.push(Message { message, octets: 0 })?))
            }
            Err(fault) => Ok(Err(fault.into())),
        }
    }

    async fn commit(
        &mut self,
        this: Resource<Maildrop>,
        marks: Vec<u8>,
    ) -> wasmtime::Result<Result<(), mail::Unfinished>> {
        let Maildrop(Grant { maildrop, .. }) = self.table.delete(this)?;
        let snapshot = maildrop.snapshot();
        let Some(deleted) = convert::marked(&marks, snapshot.count()) else {
            return Err(self.breach("a mark on a message that does not exist"));
        };
        let count = u32::try_from(deleted.len()).unwrap_or(u32::MAX);
        let started = Instant::now();
        let committed = maildrop.commit(deleted).await;
        self.spent_in_host(started.elapsed());
        (self.usage.removed, self.usage.kept) = match committed {
            Ok(()) => (count, 0),
            Err(unfinished) => (unfinished.removed, unfinished.kept),
        };
        Ok(committed.map_err(Into::into))
    }

    fn drop(&mut self, this: Resource<Maildrop>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl mail::HostMessage for Cell {
    async fn read(
        &mut self,
        this: Resource<Message>,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, mail::Fault>> {
        if !(1..=MAX_READ).contains(&max) {
            return Err(self.breach("a read of no octets or of more than 1,048,576"));
        }
        let max = usize::try_from(max)?;
        let started = Instant::now();
        let open = self.table.get_mut(&this)?;
        let read = open.message.read(max).await;
        self.usage.is_broken = read.is_err();
        match read.as_ref().map(Vec::len) {
            Ok(0) => self.usage.finished(std::mem::take(&mut open.octets)),
            Ok(octets) => {
                let octets = u64::try_from(octets)?;
                open.octets = open.octets.saturating_add(octets);
                self.usage.read(octets);
            }
            Err(_) => {}
        }
        self.spent_in_host(started.elapsed());
        Ok(read.map_err(Into::into))
    }

    fn drop(&mut self, this: Resource<Message>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl auth::Host for Cell {
    async fn password(
        &mut self,
        user: Vec<u8>,
        password: Vec<u8>,
    ) -> wasmtime::Result<Result<Resource<Maildrop>, auth::Refusal>> {
        if self.granted {
            return Err(self.breach("a login after a login"));
        }
        let started = Instant::now();
        let granted = self.login.password(&user, &password).await;
        self.spent_in_host(started.elapsed());
        self.admit(granted)
    }

    async fn apop(
        &mut self,
        user: Vec<u8>,
        digest: Vec<u8>,
    ) -> wasmtime::Result<Result<Resource<Maildrop>, auth::Refusal>> {
        if self.granted {
            return Err(self.breach("a login after a login"));
        }
        let started = Instant::now();
        let granted = self.login.apop(&user, &digest).await;
        self.spent_in_host(started.elapsed());
        self.admit(granted)
    }
}

impl auth::HostExchange for Cell {
    fn start(&mut self, mechanism: String) -> wasmtime::Result<Option<Resource<Exchange>>> {
        if self.granted {
            return Err(self.breach("a login after a login"));
        }
        let exchange = self.login.start(&mechanism).map(Exchange);
        Ok(exchange
            .map(|exchange| self.table.push(exchange))
            .transpose()?)
    }

    async fn begin(
        &mut self,
        this: Resource<Exchange>,
        initial: Option<Vec<u8>>,
    ) -> wasmtime::Result<auth::Turn> {
        let started = Instant::now();
        let turn = self.table.get_mut(&this)?.0.begin(initial.as_deref()).await;
        self.spent_in_host(started.elapsed());
        self.turn(turn)
    }

    async fn respond(
        &mut self,
        this: Resource<Exchange>,
        response: Vec<u8>,
    ) -> wasmtime::Result<auth::Turn> {
        let started = Instant::now();
        let turn = self.table.get_mut(&this)?.0.respond(&response).await;
        self.spent_in_host(started.elapsed());
        self.turn(turn)
    }

    fn drop(&mut self, this: Resource<Exchange>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl Cell {
    /// Hands a maildrop to the guest. One for an instance, for good.
    fn admit(
        &mut self,
        granted: Result<Grant, Refusal>,
    ) -> wasmtime::Result<Result<Resource<Maildrop>, auth::Refusal>> {
        let grant = match granted {
            Ok(grant) => grant,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        if self.granted {
            return Err(self.breach("a login after a login"));
        }
        self.granted = true;
        let snapshot = grant.maildrop.snapshot();
        (self.usage.messages, self.usage.octets) = (snapshot.count(), snapshot.octets());
        Ok(Ok(self.table.push(Maildrop(grant))?))
    }

    fn turn(&mut self, turn: Turn) -> wasmtime::Result<auth::Turn> {
        let granted = match turn {
            Turn::Challenge(challenge) => return Ok(auth::Turn::Challenge(challenge)),
            Turn::Done(grant) => Ok(grant),
            Turn::Refused(refusal) => Err(refusal),
        };
        Ok(match self.admit(granted)? {
            Ok(maildrop) => auth::Turn::Done(maildrop),
            Err(refusal) => auth::Turn::Refused(refusal),
        })
    }

    fn check_window(&mut self, first: u32, max: u32) -> wasmtime::Result<()> {
        if first == 0 || max > MAX_WINDOW {
            return Err(self.breach("a window from message 0 or of more than 4,096 messages"));
        }
        Ok(())
    }
}
