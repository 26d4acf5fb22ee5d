//! A session as a value: the state as bytes, the capabilities as they are.
//!
//! Format 1: the octet 1, the octet of the state, then its fields; numbers in LEB128. A later
//! component keeps reading it: files in `component/tests/states` pin every format that was ever
//! released, and `tests/tests/states` reads them.

use alloc::vec::Vec;

use crate::{
    answer::{Answer, Body, Part},
    authorization::Authorization,
    capability::{Host, Maildrop},
    dot::Stuffer,
    marks::Marks,
    sasl::Sasl,
    session::{Ended, State},
    sizes::Sizes,
    top::{Place, Top},
    transaction::Transaction,
};

/// Why a component does not take a session (`session.resume-error`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ResumeError {
    /// The state is not one that this component reads.
    UnknownFormat,
    /// The state and the capabilities that came with it do not belong together.
    CapabilityMismatch,
}

/// A session outside of any component (`session.parked`).
pub struct Parked<H: Host> {
    /// Belongs to the component; holds no secret.
    pub state: Vec<u8>,
    /// There after login.
    pub maildrop: Option<H::Maildrop>,
    /// There while a message is being sent.
    pub message: Option<<H::Maildrop as Maildrop>::Message>,
    /// There between the challenge and the response of AUTH.
    pub exchange: Option<H::Exchange>,
}

const FORMAT: u8 = 1;

/// The octet of each state. A number is never used again for something else.
mod tag {
    pub(super) const AUTHORIZATION: u8 = 1;
    pub(super) const USER: u8 = 2;
    pub(super) const SASL: u8 = 3;
    pub(super) const TRANSACTION: u8 = 4;
    pub(super) const LIST: u8 = 5;
    pub(super) const UIDL: u8 = 6;
    pub(super) const RETR: u8 = 7;
    pub(super) const TOP: u8 = 8;
    pub(super) const CLOSED: u8 = 9;
    pub(super) const START_TLS: u8 = 10;
    pub(super) const ABORTED: u8 = 11;
}

/// Takes a state apart.
pub(crate) fn park<H: Host>(state: State<H>) -> Parked<H> {
    let mut parked = Parked {
        state: Vec::new(),
        maildrop: None,
        message: None,
        exchange: None,
    };
    parked.state.push(FORMAT);
    match state {
        State::Authorization(state) => put_authorization(&state, &mut parked.state),
        State::Sasl(state) => {
            parked.state.push(tag::SASL);
            put(&mut parked.state, u64::from(state.bad_commands));
            parked.exchange = Some(state.exchange);
        }
        State::Transaction(state) => {
            parked.state.push(tag::TRANSACTION);
            park_transaction(state, &mut parked);
        }
        State::Answer(Answer { transaction, part }) => {
            park_part(part, &mut parked);
            park_transaction(transaction, &mut parked);
        }
        State::Ended(Ended::Close) => parked.state.push(tag::CLOSED),
        State::Ended(Ended::StartTls) => parked.state.push(tag::START_TLS),
        State::Ended(Ended::Abort) => parked.state.push(tag::ABORTED),
    }
    parked
}

fn put_authorization(state: &Authorization, octets: &mut Vec<u8>) {
    octets.push(if state.user.is_some() {
        tag::USER
    } else {
        tag::AUTHORIZATION
    });
    put(octets, u64::from(state.bad_commands));
    octets.extend_from_slice(state.user.as_deref().unwrap_or_default());
}

fn park_part<H: Host>(part: Part<<H::Maildrop as Maildrop>::Message>, parked: &mut Parked<H>) {
    let octets = &mut parked.state;
    match part {
        Part::List { next } => {
            octets.push(tag::LIST);
            put(octets, u64::from(next));
        }
        Part::Uidl { next } => {
            octets.push(tag::UIDL);
            put(octets, u64::from(next));
        }
        Part::Body(Body {
            message,
            stuffer,
            top,
            // The next call of the host says it again.
            is_sent: _,
        }) => {
            octets.push(if top.is_some() { tag::TOP } else { tag::RETR });
            octets.push(u8::from(stuffer.is_at_line_start()));
            if let Some(top) = top {
                put(octets, top.lines);
                octets.push(place_octet(top.place));
            }
            parked.message = Some(message);
        }
    }
}

fn park_transaction<H: Host>(state: Transaction<H>, parked: &mut Parked<H>) {
    let octets = &mut parked.state;
    put(octets, u64::from(state.bad_commands));
    put(octets, u64::from(state.highest));
    put(octets, state.marked_octets);
    // Sessions that keep their mail for a while mark the newest; the zeros before are one number.
    let bits = state.marks.bits();
    let zeros = bits
        .iter()
        .position(|octet| *octet != 0)
        .unwrap_or(bits.len());
    put(octets, u64::try_from(zeros).unwrap_or(u64::MAX));
    octets.extend_from_slice(&bits[zeros..]);
    parked.maildrop = Some(state.maildrop);
}

/// Puts a state together again.
///
/// # Errors
///
/// See [`ResumeError`].
pub(crate) fn unpark<H: Host>(parked: Parked<H>) -> Result<State<H>, ResumeError> {
    let Parked {
        state,
        maildrop,
        message,
        exchange,
    } = parked;
    let mut fields = Fields(&state);
    if fields.octet()? != FORMAT {
        return Err(ResumeError::UnknownFormat);
    }
    let tag = fields.octet()?;
    let state = match (tag, maildrop, message, exchange) {
        (tag::AUTHORIZATION | tag::USER, None, None, None) => authorization(tag, &mut fields)?,
        (tag::SASL, None, None, Some(exchange)) => State::Sasl(Sasl {
            exchange,
            bad_commands: fields.number()?,
        }),
        (tag::TRANSACTION, Some(maildrop), None, None) => {
            State::Transaction(transaction(maildrop, &mut fields)?)
        }
        (tag::LIST | tag::UIDL, Some(maildrop), None, None) => {
            let part = scan(tag, &mut fields)?;
            State::Answer(Answer {
                part,
                transaction: transaction(maildrop, &mut fields)?,
            })
        }
        (tag::RETR | tag::TOP, Some(maildrop), Some(message), None) => {
            let part = Part::Body(body(tag, message, &mut fields)?);
            State::Answer(Answer {
                part,
                transaction: transaction(maildrop, &mut fields)?,
            })
        }
        (tag::CLOSED, None, None, None) => State::Ended(Ended::Close),
        (tag::START_TLS, None, None, None) => State::Ended(Ended::StartTls),
        (tag::ABORTED, None, None, None) => State::Ended(Ended::Abort),
        (tag::AUTHORIZATION..=tag::ABORTED, ..) => return Err(ResumeError::CapabilityMismatch),
        _ => return Err(ResumeError::UnknownFormat),
    };
    if fields.0.is_empty() {
        Ok(state)
    } else {
        Err(ResumeError::UnknownFormat)
    }
}

fn authorization<H: Host>(tag: u8, fields: &mut Fields<'_>) -> Result<State<H>, ResumeError> {
    let bad_commands = fields.number()?;
    let user = (tag == tag::USER).then(|| fields.rest().to_vec());
    Ok(State::Authorization(Authorization { user, bad_commands }))
}

fn scan<M>(tag: u8, fields: &mut Fields<'_>) -> Result<Part<M>, ResumeError> {
    let next = fields.number()?;
    if next == 0 {
        return Err(ResumeError::UnknownFormat);
    }
    Ok(if tag == tag::LIST {
        Part::List { next }
    } else {
        Part::Uidl { next }
    })
}

fn body<M>(tag: u8, message: M, fields: &mut Fields<'_>) -> Result<Body<M>, ResumeError> {
    let stuffer = match fields.octet()? {
        0 => Stuffer::resumed(false),
        1 => Stuffer::resumed(true),
        _ => return Err(ResumeError::UnknownFormat),
    };
    let top = if tag == tag::TOP {
        Some(Top {
            lines: fields.leb128()?,
            place: place(fields.octet()?)?,
        })
    } else {
        None
    };
    Ok(Body {
        message,
        stuffer,
        top,
        is_sent: false,
    })
}

fn transaction<H: Host>(
    maildrop: H::Maildrop,
    fields: &mut Fields<'_>,
) -> Result<Transaction<H>, ResumeError> {
    let summary = maildrop.summary();
    let bad_commands = fields.number()?;
    let highest = fields.number()?;
    let marked_octets = fields.leb128()?;
    let zeros = fields.number()?;
    // A maildrop that is too small for the state is another one, and a state must not make this
    // component reserve more than a bit for each message.
    if zeros > summary.count / 8 || highest > summary.count {
        return Err(ResumeError::CapabilityMismatch);
    }
    let mut bits = alloc::vec![0; usize::try_from(zeros).unwrap_or_default()];
    bits.extend_from_slice(fields.rest());
    let marks = Marks::from_bits(bits);
    if !marks.fits(summary.count) {
        return Err(ResumeError::CapabilityMismatch);
    }
    Ok(Transaction {
        maildrop,
        summary,
        marks,
        marked_octets,
        sizes: Sizes::default(),
        highest,
        bad_commands,
    })
}

fn place_octet(place: Place) -> u8 {
    match place {
        Place::HeaderLineStart => 0,
        Place::HeaderLineCr => 1,
        Place::HeaderLine => 2,
        Place::Body => 3,
    }
}

fn place(octet: u8) -> Result<Place, ResumeError> {
    match octet {
        0 => Ok(Place::HeaderLineStart),
        1 => Ok(Place::HeaderLineCr),
        2 => Ok(Place::HeaderLine),
        3 => Ok(Place::Body),
        _ => Err(ResumeError::UnknownFormat),
    }
}

/// Appends a number in LEB128: seven bits an octet, the lowest first.
fn put(octets: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = (number & 0x7f).to_le_bytes()[0];
        number >>= 7;
        if number == 0 {
            octets.push(low);
            return;
        }
        octets.push(low | 0x80);
    }
}

/// What has not been read of a state.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn octet(&mut self) -> Result<u8, ResumeError> {
        let (octet, rest) = self.0.split_first().ok_or(ResumeError::UnknownFormat)?;
        self.0 = rest;
        Ok(*octet)
    }

    fn leb128(&mut self) -> Result<u64, ResumeError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let octet = self.octet()?;
            let low = u64::from(octet & 0x7f);
            if (low << shift) >> shift != low {
                return Err(ResumeError::UnknownFormat);
            }
            number |= low << shift;
            if octet & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(ResumeError::UnknownFormat)
    }

    fn number(&mut self) -> Result<u32, ResumeError> {
        u32::try_from(self.leb128()?).map_err(|_| ResumeError::UnknownFormat)
    }

    fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_survive(number in any::<u64>()) {
            let mut octets = Vec::new();
            put(&mut octets, number);
            let mut fields = Fields(&octets);
            prop_assert_eq!(fields.leb128(), Ok(number));
            prop_assert!(fields.0.is_empty());
        }

        #[test]
        fn any_octets_are_read_without_a_panic(octets in proptest::collection::vec(any::<u8>(), 0..20)) {
            let mut fields = Fields(&octets);
            while fields.leb128().is_ok() {}
        }
    }

    #[test]
    fn a_number_of_more_than_64_bits_is_refused() {
        let octets = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(Fields(&octets).leb128(), Err(ResumeError::UnknownFormat));
    }
}
