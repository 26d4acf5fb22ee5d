//! Sessions on their way out of a cell and into another one.
//!
//! Moves capabilities between a cell and a [`Parked`]. The calls are made in `instance.rs`.

use wasmtime::component::Resource;

use super::{
    Error, Parked,
    cell::{Cell, Exchange, Maildrop, Message, Phase},
    contract::Suspended,
    retreat::Lent,
};

/// Octets of a suspended session's state beside a bit for each message, by the contract.
const MAX_STATE_OCTETS: usize = 32 * 1024;

/// A session that did not get from one cell to another, and why.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct NotMoved {
    /// [`Error::Refused`] if the component does not read the state; [`Error::Exhausted`], or an
    /// error of the component.
    pub error: Error,
    /// The session as it was: to be put elsewhere, or dropped, which releases its maildrop. There if
    /// it was to be resumed, since in `resume` a guest can do nothing that could not be taken back;
    /// otherwise if nothing has happened since it was resumed.
    pub parked: Option<Box<Parked>>,
}

impl NotMoved {
    pub(super) fn new(error: Error, parked: Parked) -> Self {
        let parked = Some(Box::new(parked));
        Self { error, parked }
    }
}

/// Takes what a guest has suspended out of its cell.
///
/// # Errors
///
/// [`Error::Contract`], the guest's fault.
pub(super) fn release(cell: &mut Cell, parked: Suspended) -> Result<Parked, Error> {
    let foreign = |_| Error::Contract("a capability that is not the cell's");
    check_state(cell, &parked)?;
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
        computed: cell.computed(),
    })
}

/// # Errors
///
/// [`Error::Contract`]: the state is larger than one may be.
pub(super) fn check_state(cell: &Cell, parked: &Suspended) -> Result<(), Error> {
    let marks = cell.usage.messages.div_ceil(8);
    let bound = MAX_STATE_OCTETS + usize::try_from(marks).unwrap_or(0);
    if parked.state.len() > bound {
        return Err(Error::Contract(
            "a state of more than 32 KiB and a bit a message",
        ));
    }
    Ok(())
}

/// Lends to a cell what a parked session had, and gives what its guest is called with. Until it is
/// known that the guest takes it, the session can be taken back.
pub(super) fn admit(cell: &mut Cell, parked: Parked) -> Suspended {
    cell.granted = parked.is_logged_in;
    cell.usage = parked.usage;
    cell.has_open_message = parked.message.is_some();
    cell.has_computed(parked.computed);
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
    let parked = Suspended {
        state: parked.state,
        maildrop,
        message,
        exchange,
    };
    remember(cell, &parked);
    parked
}

/// From here on the session can be taken back as the guest has suspended it.
pub(super) fn remember(cell: &mut Cell, parked: &Suspended) {
    let lent = Lent {
        state: parked.state.clone(),
        maildrop: parked.maildrop.as_ref().map(Resource::rep),
        message: parked.message.as_ref().map(Resource::rep),
        exchange: parked.exchange.as_ref().map(Resource::rep),
        is_logged_in: cell.granted,
        usage: cell.usage,
    };
    cell.rescued.begin(lent);
}
