//! Messages that are opened, read and forwarded for the guest: what it may have, and what is noted of it.
//!
//! What the guest calls is in `host.rs`; what becomes of forwarded octets is in `forward.rs`.

use std::time::Instant;

use wasmtime::component::Resource;

use super::{
    cell::{Calling, Cell, Maildrop, Message},
    contract::v0_1::mail,
    convert, forward,
};
use crate::capability::{self, Fault};

/// Most octets of one read, by the contract.
const MAX_READ: u32 = 1_048_576;

/// Where octets are forwarded to, and what is stuffed on the way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Octets of the step's own output in front of them.
    pub(super) at: u32,
    /// Whether the first of them begins a line.
    pub(super) at_line_start: bool,
    pub(super) stuffed: u8,
}

impl Cell {
    /// The guest opens or reads a message, which only an answer needs. Gives the `max` of that.
    pub(super) fn check_answering(&mut self) -> wasmtime::Result<u32> {
        match self.calling() {
            Calling::Lines { max, .. } | Calling::More { max } => Ok(max),
            Calling::Resume | Calling::Other => {
                Err(self.breach("a message read without an answer to give"))
            }
        }
    }

    /// The guest forwards at most so many octets, as part of an answer.
    pub(super) fn check_room(&mut self, max: u32) -> wasmtime::Result<()> {
        let most = convert::most_output(self.check_answering()?);
        match self.forwarding.has_room(usize::try_from(max)?, most) {
            true => Ok(()),
            false => Err(self.breach("more forwarded than the step may have")),
        }
    }

    /// So much is read at once.
    pub(super) fn check_read(&mut self, max: u32) -> wasmtime::Result<usize> {
        match (1..=MAX_READ).contains(&max) {
            true => Ok(usize::try_from(max)?),
            false => Err(self.breach("a read of no octets or of more than 1,048,576")),
        }
    }

    /// A message of a maildrop, not lent yet.
    pub(super) async fn open_message(
        &mut self,
        this: &Resource<Maildrop>,
        number: u32,
    ) -> wasmtime::Result<Result<Box<dyn capability::Message>, Fault>> {
        if self.has_open_message {
            return Err(self.breach("a second open message"));
        }
        let maildrop = &mut self.table.get_mut(this)?.0.maildrop;
        if !(1..=maildrop.snapshot().count()).contains(&number) {
            return Ok(Err(Fault::Gone));
        }
        let started = Instant::now();
        let opened = maildrop.open(number).await;
        self.spent_in_host(started.elapsed());
        if opened.is_ok() {
            self.usage.opened();
        }
        Ok(opened)
    }

    /// Lends an open message.
    pub(super) fn lend_message(
        &mut self,
        message: Box<dyn capability::Message>,
    ) -> wasmtime::Result<Resource<Message>> {
        self.has_open_message = true;
        self.lend(Message(message))
    }

    /// The next octets of a message, for the guest or for its client.
    pub(super) async fn next_of(
        &mut self,
        this: &Resource<Message>,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, Fault>> {
        let max = self.check_read(max)?;
        let read = self.table.get_mut(this)?.0.read(max).await;
        if let Ok(octets) = &read {
            self.rescued.was_read(this.rep(), octets);
        }
        self.was_read(&read)?;
        Ok(read)
    }

    /// Notes what was read of a message.
    pub(super) fn was_read(&mut self, read: &Result<Vec<u8>, Fault>) -> wasmtime::Result<()> {
        self.usage.is_broken = read.is_err();
        self.lent_octets(read.as_ref().map_or(0, Vec::len));
        match read.as_ref().map(Vec::len) {
            Ok(0) => self.usage.finished(),
            Ok(octets) => self.usage.read(u64::try_from(octets)?),
            Err(_) => {}
        }
        Ok(())
    }

    /// Forwards what was read of a message, since `started`.
    pub(super) fn forward_read(
        &mut self,
        read: Result<Vec<u8>, Fault>,
        is_end: bool,
        place: Place,
        started: Instant,
    ) -> wasmtime::Result<Result<mail::Forwarded, mail::Fault>> {
        let Place {
            at,
            at_line_start,
            stuffed,
        } = place;
        let stuffed = read.map(|octets| forward::stuff(octets, stuffed, at_line_start));
        self.spent_in_host(started.elapsed());
        let octets = match stuffed {
            Ok(octets) => octets,
            Err(fault) => return Ok(Err(fault.into())),
        };
        // None are the end, whether the message knew it before or not.
        let is_end = is_end || octets.is_empty();
        if is_end {
            self.usage.finished();
        }
        let forwarded = mail::Forwarded {
            octets: u32::try_from(octets.len())?,
            at_line_start: octets.last().map_or(at_line_start, |last| *last == b'\n'),
            is_end,
        };
        if !self.forwarding.push(usize::try_from(at)?, octets) {
            return Err(self.breach("forwarded in front of what was forwarded before"));
        }
        Ok(Ok(forwarded))
    }
}
