//! The imports: what the guest may call, and every bound on what it passes.
//!
//! The guest is hostile. A number or a handle that the contract does not allow traps it.

use std::time::Instant;

use wasmtime::component::Resource;

use super::{
    cell::{Calling, Cell, Exchange, Maildrop, Message, Phase},
    contract::v0_1::{auth, mail},
    convert,
    reading::Place,
};
use crate::capability::{Grant, Refusal, Turn};

/// Most messages of one window, by the contract.
const MAX_WINDOW: u32 = 4_096;

impl mail::Host for Cell {}

impl mail::HostMaildrop for Cell {
    fn summary(&mut self, this: Resource<Maildrop>) -> wasmtime::Result<mail::Summary> {
        self.begin_import()?;
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
        self.begin_import()?;
        self.check_window(first, max)?;
        let maildrop = &self.table.get(&this)?.0.maildrop;
        let sizes = maildrop.snapshot().sizes(first, max).to_vec();
        self.lent_entries(sizes.len());
        Ok(Ok(sizes))
    }

    fn uids(
        &mut self,
        this: Resource<Maildrop>,
        first: u32,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, mail::Fault>> {
        self.begin_import()?;
        self.check_window(first, max)?;
        let maildrop = &self.table.get(&this)?.0.maildrop;
        let uids = maildrop.snapshot().uids(first, max).to_vec();
        self.lent_octets(uids.len());
        // An id and its line end are two octets at least.
        self.lent_entries(uids.len() / 2);
        Ok(Ok(uids))
    }

    fn announce(&mut self, this: Resource<Maildrop>) -> wasmtime::Result<Vec<String>> {
        self.begin_import()?;
        Ok(self.table.get(&this)?.0.announce.to_vec())
    }

    async fn open(
        &mut self,
        this: Resource<Maildrop>,
        number: u32,
    ) -> wasmtime::Result<Result<Resource<Message>, mail::Fault>> {
        self.begin_import()?;
        self.check_answering()?;
        match self.open_message(&this, number).await? {
            Ok(message) => Ok(Ok(self.lend_message(message)?)),
            Err(fault) => Ok(Err(fault.into())),
        }
    }

    async fn forward(
        &mut self,
        this: Resource<Maildrop>,
        number: u32,
        max: u32,
        at: u32,
        stuffed: u8,
    ) -> wasmtime::Result<Result<mail::Opened, mail::Fault>> {
        self.begin_import()?;
        self.check_room(max)?;
        let max = self.check_read(max)?;
        let mut message = match self.open_message(&this, number).await? {
            Ok(message) => message,
            Err(fault) => return Ok(Err(fault.into())),
        };
        let place = Place {
            at,
            at_line_start: true,
            stuffed,
        };
        let started = Instant::now();
        let read = message.read(max).await;
        self.was_read(&read)?;
        let forwarded = match self.forward_read(read, message.is_at_end(), place, started)? {
            Ok(forwarded) => forwarded,
            Err(fault) => return Ok(Err(fault)),
        };
        let message = match forwarded.is_end {
            true => None,
            false => Some(self.lend_message(message)?),
        };
        Ok(Ok(mail::Opened { forwarded, message }))
    }

    async fn commit(
        &mut self,
        this: Resource<Maildrop>,
        marks: Vec<u8>,
    ) -> wasmtime::Result<Result<(), mail::Unfinished>> {
        self.begin_import()?;
        if !matches!(self.calling(), Calling::Lines { has_quit: true, .. }) {
            return Err(self.breach("a commit without a QUIT"));
        }
        if self.has_open_message {
            return Err(self.breach("a commit while a message is open"));
        }
        let Maildrop(Grant { maildrop, .. }) = self.table.delete(this)?;
        let snapshot = maildrop.snapshot();
        let Some(deleted) = convert::marked(&marks, snapshot.count()) else {
            return Err(self.breach("a mark on a message that does not exist"));
        };
        let count = u32::try_from(deleted.len()).unwrap_or(u32::MAX);
        self.committed = true;
        self.rescued.give_up();
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
        self.begin_import()?;
        let (rep, Maildrop(grant)) = (this.rep(), self.table.delete(this)?);
        self.rescued.keep_maildrop(rep, grant);
        Ok(())
    }
}

impl mail::HostMessage for Cell {
    async fn read(
        &mut self,
        this: Resource<Message>,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, mail::Fault>> {
        self.begin_import()?;
        self.check_answering()?;
        let started = Instant::now();
        let read = self.next_of(&this, max).await?;
        self.spent_in_host(started.elapsed());
        Ok(read.map_err(Into::into))
    }

    async fn forward(
        &mut self,
        this: Resource<Message>,
        max: u32,
        at: u32,
        at_line_start: bool,
        stuffed: u8,
    ) -> wasmtime::Result<Result<mail::Forwarded, mail::Fault>> {
        self.begin_import()?;
        self.check_room(max)?;
        let place = Place {
            at,
            at_line_start,
            stuffed,
        };
        let started = Instant::now();
        let read = self.next_of(&this, max).await?;
        let is_end = self.table.get(&this)?.0.is_at_end();
        self.forward_read(read, is_end, place, started)
    }

    fn drop(&mut self, this: Resource<Message>) -> wasmtime::Result<()> {
        self.begin_import()?;
        let (rep, Message(message)) = (this.rep(), self.table.delete(this)?);
        self.has_open_message = false;
        self.rescued.keep_message(rep, message);
        Ok(())
    }
}

impl auth::Host for Cell {
    async fn password(
        &mut self,
        user: Vec<u8>,
        password: Vec<u8>,
    ) -> wasmtime::Result<Result<Resource<Maildrop>, auth::Refusal>> {
        self.begin_login()?;
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
        self.begin_login()?;
        let started = Instant::now();
        let granted = self.login.apop(&user, &digest).await;
        self.spent_in_host(started.elapsed());
        self.admit(granted)
    }
}

impl auth::HostExchange for Cell {
    fn start(&mut self, mechanism: String) -> wasmtime::Result<Option<Resource<Exchange>>> {
        self.begin_login()?;
        let Some(exchange) = self.login.start(&mechanism) else {
            return Ok(None);
        };
        let phase = Phase::Fresh;
        Ok(Some(self.lend(Exchange { exchange, phase })?))
    }

    async fn begin(
        &mut self,
        this: Resource<Exchange>,
        initial: Option<Vec<u8>>,
    ) -> wasmtime::Result<auth::Turn> {
        self.begin_login()?;
        self.advance(&this, Phase::Fresh)?;
        let started = Instant::now();
        let exchange = &mut self.table.get_mut(&this)?.exchange;
        let turn = exchange.begin(initial.as_deref()).await;
        self.spent_in_host(started.elapsed());
        self.turn(&this, turn)
    }

    async fn respond(
        &mut self,
        this: Resource<Exchange>,
        response: Vec<u8>,
    ) -> wasmtime::Result<auth::Turn> {
        self.begin_login()?;
        self.advance(&this, Phase::Challenged)?;
        let started = Instant::now();
        let exchange = &mut self.table.get_mut(&this)?.exchange;
        let turn = exchange.respond(&response).await;
        self.spent_in_host(started.elapsed());
        self.turn(&this, turn)
    }

    fn drop(&mut self, this: Resource<Exchange>) -> wasmtime::Result<()> {
        self.begin_import()?;
        let (rep, Exchange { exchange, .. }) = (this.rep(), self.table.delete(this)?);
        self.rescued.keep_exchange(rep, exchange);
        Ok(())
    }
}

impl Cell {
    /// The guest makes a claim, or goes on with one.
    fn begin_login(&mut self) -> wasmtime::Result<()> {
        self.begin_import()?;
        if self.granted {
            return Err(self.breach("a login after a login"));
        }
        if !matches!(self.calling(), Calling::Lines { .. }) {
            return Err(self.breach("a login that no line asked for"));
        }
        self.rescued.give_up();
        Ok(())
    }

    /// Takes an exchange out of the phase that the call is for. Until the host has answered it is
    /// over: one that is given up in the middle is not gone on with.
    fn advance(&mut self, this: &Resource<Exchange>, from: Phase) -> wasmtime::Result<()> {
        let exchange = self.table.get_mut(this)?;
        if exchange.phase != from {
            return Err(self.breach("an exchange out of turn"));
        }
        exchange.phase = Phase::Over;
        Ok(())
    }

    /// Hands a maildrop to the guest. One for an instance, for good.
    fn admit(
        &mut self,
        granted: Result<Grant, Refusal>,
    ) -> wasmtime::Result<Result<Resource<Maildrop>, auth::Refusal>> {
        let grant = match granted {
            Ok(grant) => grant,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        self.granted = true;
        let snapshot = grant.maildrop.snapshot();
        (self.usage.messages, self.usage.octets) = (snapshot.count(), snapshot.octets());
        Ok(Ok(self.lend(Maildrop(grant))?))
    }

    fn turn(&mut self, this: &Resource<Exchange>, turn: Turn) -> wasmtime::Result<auth::Turn> {
        let granted = match turn {
            Turn::Challenge(challenge) => {
                self.table.get_mut(this)?.phase = Phase::Challenged;
                return Ok(auth::Turn::Challenge(challenge));
            }
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
