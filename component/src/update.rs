//! UPDATE (RFC 1939 §6): the commit, and what the client is told of it.
//!
//! The one place that deletes. Reached by QUIT in TRANSACTION, when every answer before it is out.

use crate::{
    capability::{Host, Maildrop},
    marks::Marks,
    reply::{Error, Output},
    session::{Ended, State},
};

/// Commits, answers once, and ends the session whatever came of it.
pub(crate) fn quit<H: Host>(maildrop: H::Maildrop, marks: &Marks, out: &mut Output) -> State<H> {
    match maildrop.commit(marks.bits()) {
        Ok(()) => out.ok(""),
        // RFC 1939 §6: some or all are still there, and the client has to know.
        Err(_) => out.error(Error::NotRemoved),
    }
    State::Ended(Ended::Close)
}
