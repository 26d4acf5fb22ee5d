//! The multi-line answer that is being sent: LIST, UIDL, RETR, TOP.
//!
//! Sends as much as a step may hold and remembers where it is; the host calls again when the peer
//! has taken that. Holds no part of a message between two steps.

use crate::{
    capability::{Fault, Forwarded, Host, Maildrop, Message, Opened},
    dot::{STUFFED, Stuffer},
    limits::{READ_OCTETS, SCAN_LINE_OCTETS, WHOLE_ANSWER_OCTETS, WINDOW_MESSAGES},
    reply::{Error, Output},
    session::{Ended, State},
    top::Top,
    transaction::Transaction,
};

/// TRANSACTION while an answer is being sent.
pub(crate) struct Answer<H: Host> {
    pub(crate) transaction: Transaction<H>,
    pub(crate) part: Part<<H::Maildrop as Maildrop>::Message>,
}

/// Which answer, and where it is.
pub(crate) enum Part<M> {
    /// LIST, from message `next` on.
    List { next: u32 },
    /// UIDL, from message `next` on.
    Uidl { next: u32 },
    /// RETR or TOP.
    Body(Body<M>),
}

/// A message on its way; the host keeps the place in it.
pub(crate) struct Body<M> {
    pub(crate) message: M,
    pub(crate) stuffer: Stuffer,
    /// Where TOP ends the message; RETR sends all of it.
    pub(crate) top: Option<Top>,
    /// The host has said that all of it was sent.
    pub(crate) is_sent: bool,
}

/// Opens a message and begins to send it behind the first line of the answer; `None` if that was all of
/// the answer. A fault can still be an answer: nothing of the line is left then.
pub(crate) fn begin<D: Maildrop>(
    maildrop: &D,
    number: u32,
    top: Option<Top>,
    out: &mut Output,
    first_line: impl FnOnce(&mut Output),
) -> Result<Option<Part<D::Message>>, Error> {
    let (before, octets) = (out.len(), read_octets(out));
    first_line(out);
    let forwarded = match top {
        Some(_) => None,
        None => Body::forwarded(maildrop, number, octets, out),
    };
    let begun =
        forwarded.unwrap_or_else(|| Body::open(maildrop, number, top, octets, out).map(Some));
    let begun = begun.inspect_err(|_| out.take_back(before))?;
    Ok(begun.map(Part::Body))
}

/// Whether an answer has come to its end.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Progress {
    More,
    Done,
}

impl<H: Host> Answer<H> {
    /// Goes on until the answer is complete or the step is full.
    pub(crate) fn fill(mut self, out: &mut Output) -> State<H> {
        while has_room(out) {
            let progress = match &mut self.part {
                Part::List { next } => self.transaction.list_window(next, out),
                Part::Uidl { next } => self.transaction.uidl_window(next, out),
                Part::Body(body) => body.send(read_octets(out), out),
            };
            match progress {
                Ok(Progress::More) => {}
                Ok(Progress::Done) => {
                    out.terminator();
                    return State::Transaction(self.transaction);
                }
                // An answer that can not be completed must not look complete.
                Err(_) => return State::Ended(Ended::Abort),
            }
        }
        State::Answer(self)
    }
}

impl<H: Host> Transaction<H> {
    fn list_window(&self, next: &mut u32, out: &mut Output) -> Result<Progress, Fault> {
        // A window begins with a message to list, so that few windows are empty-handed.
        *next = self.marks.next_unmarked(*next);
        let Some(window) = self.window(*next, out) else {
            return Ok(Progress::Done);
        };
        let sizes = self.maildrop.sizes(*next, window)?;
        if sizes.is_empty() {
            return Err(Fault::Permanent);
        }
        for octets in sizes {
            if !self.marks.is_marked(*next) {
                out.pair(u64::from(*next), octets);
            }
            *next += 1;
        }
        Ok(Progress::More)
    }

    fn uidl_window(&self, next: &mut u32, out: &mut Output) -> Result<Progress, Fault> {
        *next = self.marks.next_unmarked(*next);
        let Some(window) = self.window(*next, out) else {
            return Ok(Progress::Done);
        };
        let uids = self.maildrop.uids(*next, window)?;
        let mut rest = uids.as_slice();
        if rest.is_empty() {
            return Err(Fault::Permanent);
        }
        while let Some(end) = memchr::memchr(b'\n', rest) {
            if !self.marks.is_marked(*next) {
                out.uid(*next, &rest[..end]);
            }
            rest = &rest[end + 1..];
            *next += 1;
        }
        Ok(Progress::More)
    }

    /// How many messages from `next` on fit the step, at least one; `None` behind the last.
    fn window(&self, next: u32, out: &Output) -> Option<u32> {
        let left = self
            .summary
            .count
            .saturating_add(1)
            .checked_sub(next)
            .filter(|left| *left > 0)?;
        let fit = u32::try_from(out.room() / SCAN_LINE_OCTETS).unwrap_or(WINDOW_MESSAGES);
        Some(left.min(fit.clamp(1, WINDOW_MESSAGES)))
    }
}

impl<M: Message> Body<M> {
    /// Opens a message and sends about so many octets of it.
    fn open<D: Maildrop<Message = M>>(
        maildrop: &D,
        number: u32,
        top: Option<Top>,
        octets: u32,
        out: &mut Output,
    ) -> Result<Self, Fault> {
        let mut body = Self {
            message: maildrop.open(number)?,
            stuffer: Stuffer::new(),
            top,
            is_sent: false,
        };
        body.send(octets, out)?;
        Ok(body)
    }

    /// The same for RETR, where the host does both at once.
    fn forwarded<D: Maildrop<Message = M>>(
        maildrop: &D,
        number: u32,
        octets: u32,
        out: &mut Output,
    ) -> Option<Result<Option<Self>, Fault>> {
        let opened = maildrop.forward(number, octets, position(out), STUFFED)?;
        Some(opened.map(|Opened { forwarded, message }| {
            let stuffer = Stuffer::resumed(forwarded.at_line_start);
            out.forwarded(forwarded.octets);
            if message.is_none() {
                end_line(stuffer, out);
                out.terminator();
            }
            message.map(|message| Self {
                message,
                stuffer,
                top: None,
                is_sent: forwarded.is_end,
            })
        }))
    }

    /// Sends about so many octets of the message.
    fn send(&mut self, octets: u32, out: &mut Output) -> Result<Progress, Fault> {
        match self.top {
            Some(top) if top.is_done() => Ok(self.end(out)),
            Some(_) => self.read(octets, out),
            None if self.is_sent => Ok(self.end(out)),
            None => self.forward(octets, out),
        }
    }

    /// Lets the host send what comes next, as it is but for the dots; or else reads it.
    fn forward(&mut self, octets: u32, out: &mut Output) -> Result<Progress, Fault> {
        let at_line_start = self.stuffer.is_at_line_start();
        let at = position(out);
        let forwarded = self.message.forward(octets, at, at_line_start, STUFFED);
        let Some(forwarded) = forwarded else {
            return self.read(octets, out);
        };
        let Forwarded {
            octets,
            at_line_start,
            is_end,
        } = forwarded?;
        if octets == 0 {
            return Ok(self.end(out));
        }
        out.forwarded(octets);
        self.stuffer = Stuffer::resumed(at_line_start);
        self.is_sent = is_end;
        Ok(Progress::More)
    }

    fn read(&mut self, octets: u32, out: &mut Output) -> Result<Progress, Fault> {
        let mut chunk = self.message.read(octets)?;
        if chunk.is_empty() {
            return Ok(self.end(out));
        }
        if let Some(top) = &mut self.top {
            let taken = top.take(&chunk);
            chunk.truncate(taken);
        }
        self.stuffer.stuff(chunk, out.octets());
        Ok(Progress::More)
    }

    fn end(&self, out: &mut Output) -> Progress {
        end_line(self.stuffer, out);
        Progress::Done
    }
}

/// The terminator must stand on a line of its own, whatever the store gave.
fn end_line(stuffer: Stuffer, out: &mut Output) {
    if !stuffer.is_at_line_start() {
        out.crlf();
    }
}

/// How much of its own there is of a step, for the host to put something behind it.
fn position(out: &Output) -> u32 {
    u32::try_from(out.len()).unwrap_or(u32::MAX)
}

/// Whether a step is worth going on with; what is left over goes into the next one.
fn has_room(out: &Output) -> bool {
    out.is_empty() || out.room() >= WHOLE_ANSWER_OCTETS / 2
}

fn read_octets(out: &Output) -> u32 {
    let octets = out.room().max(WHOLE_ANSWER_OCTETS / 2);
    u32::try_from(octets)
        .unwrap_or(READ_OCTETS)
        .min(READ_OCTETS)
}
