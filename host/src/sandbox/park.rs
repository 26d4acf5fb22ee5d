//! Sessions on their way out of a cell and into another one.
//!
//! Moves capabilities between a cell and a [`Parked`]. The calls are made in `instance.rs`.

use wasmtime::component::Resource;

use super::{
    Error, Parked,
    bindings::wit,
    cell::{Cell, Exchange, Maildrop, Message, Phase, Rescued},
};

/// Octets of a suspended session's state beside a bit for each message, by the contract.
const MAX_STATE_OCTETS: usize = 32 * 1024;

/// A session that no cell took, and why. It is as it was before.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct NotResumed {
    /// [`Error::Refused`] if the component does not read the state; [`Error::Exhausted`], or an
    /// error of the component.
    pub error: Error,
    /// The session: to be put elsewhere, or dropped, which releases its maildrop.
    pub parked: Box<Parked>,
}

impl NotResumed {
    pub(super) fn new(error: Error, parked: Parked) -> Self {
        let parked = Box::new(parked);
        Self { error, parked }
    }
}

/// Takes what a guest has suspended out of its cell.
///
/// # Errors
///
/// [`Error::Contract`], the guest's fault.
pub(super) fn release(cell: &mut Cell, parked: wit::Parked) -> Result<Parked, Error> {
    let foreign = |_| Error::Contract("a capability that is not the cell's");
    let marks = cell.usage.messages.div_ceil(8);
    let bound = MAX_STATE_OCTETS + usize::try_from(marks).unwrap_or(0);
    if parked.state.len() > bound {
        return Err(Error::Contract(
            "a state of more than 32 KiB and a bit a message",
        ));
    }
    let maildrop = parked
        .maildrop
        .map(|own| cell.table.delete(own))
        .transpose();
    let message = parked.message.map(|own| cell.table.delete(own)).transpose();
    let exchange = parked
        .exchange
        .map(|own| cell.table.delete(own))
        .transpose();
    let exchange = exchange.map_err(foreign)?;
    let is_waiting = |exchange: &Exchange| exchange.phase == Phase::Challenged;
    if !exchange.as_ref().is_none_or(is_waiting) {
        return Err(Error::Contract("an exchange that waits for no response"));
    }
    Ok(Parked {
        state: parked.state,
        maildrop: maildrop.map_err(foreign)?.map(|Maildrop(grant)| grant),
        message: message.map_err(foreign)?.map(|Message(message)| message),
        exchange: exchange.map(|Exchange { exchange, .. }| exchange),
        is_logged_in: cell.granted,
        usage: cell.usage,
    })
}

/// What was lent to a cell for a session that is to be resumed in it, by its names there.
pub(super) struct Lent {
    state: Vec<u8>,
    maildrop: Option<u32>,
    message: Option<u32>,
    exchange: Option<u32>,
    is_logged_in: bool,
    usage: super::Usage,
}

/// Lends to a cell what a parked session had, and gives what its guest is called with.
pub(super) fn admit(cell: &mut Cell, parked: Parked) -> (Lent, wit::Parked) {
    cell.granted = parked.is_logged_in;
    cell.usage = parked.usage;
    cell.has_open_message = parked.message.is_some();
    // A new table has room for three.
    let maildrop = parked
        .maildrop
        .map(Maildrop)
        .and_then(|one| cell.table.push(one).ok());
    let message = parked
        .message
        .map(Message)
        .and_then(|one| cell.table.push(one).ok());
    let exchange = parked.exchange.map(|exchange| Exchange {
        exchange,
        phase: Phase::Challenged,
    });
    let exchange = exchange.and_then(|one| cell.table.push(one).ok());
    let lent = Lent {
        state: parked.state.clone(),
        maildrop: maildrop.as_ref().map(Resource::rep),
        message: message.as_ref().map(Resource::rep),
        exchange: exchange.as_ref().map(Resource::rep),
        is_logged_in: parked.is_logged_in,
        usage: parked.usage,
    };
    let parked = wit::Parked {
        state: parked.state,
        maildrop,
        message,
        exchange,
    };
    (lent, parked)
}

impl Lent {
    /// The session as it was, whatever the guest has kept or let go of. It could not use any of it:
    /// in `resume` it may neither read nor commit.
    pub(super) fn rescue(self, cell: &mut Cell) -> Parked {
        let Rescued {
            maildrop,
            message,
            exchange,
        } = std::mem::take(&mut cell.rescued);
        let table = &mut cell.table;
        let held = |rep: u32| Resource::<Maildrop>::new_own(rep);
        let maildrop = maildrop.or_else(|| {
            let kept = table.delete(held(self.maildrop?)).ok()?;
            Some(kept.0)
        });
        let message = message.or_else(|| {
            let kept = table
                .delete(Resource::<Message>::new_own(self.message?))
                .ok()?;
            Some(kept.0)
        });
        let exchange = exchange.or_else(|| {
            let kept = table
                .delete(Resource::<Exchange>::new_own(self.exchange?))
                .ok()?;
            Some(kept.exchange)
        });
        Parked {
            state: self.state,
            maildrop,
            message,
            exchange,
            is_logged_in: self.is_logged_in,
            usage: self.usage,
        }
    }
}
