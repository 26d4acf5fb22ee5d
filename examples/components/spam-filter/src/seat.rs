//! A session with its filter, and how the two are moved.
//!
//! Which messages are hidden travels with the state: `[b'S', 1]`, the hidden ones, the state of
//! `component/`. A session that has just logged in elsewhere comes without that, and messages may be
//! opened while lines are answered only: so it waits in [`Seat::Waiting`] for its first line.

use popcell_component::{Connection, Host, Maildrop, Parked, ResumeError, Session, Step};

use crate::{
    filtered::{Filter, Filtered},
    hidden::Hidden,
};

const PREFIX: &[u8] = b"S\x01";

/// A state of `component/` behind a login: format, TRANSACTION, bad commands, the highest message
/// that was asked for, octets of marked ones, octets of marks that are zero.
const LOGGED_IN: [u8; 6] = [1, 4, 0, 0, 0, 0];

/// A session in this component.
pub(crate) enum Seat<H: Host> {
    /// It is served.
    Served(Session<Filter<H>>),
    /// It has logged in elsewhere; its mail has not been looked at.
    Waiting {
        /// The imports.
        host: H,
        /// Its mail, all of it.
        maildrop: H::Maildrop,
        /// What it was told at the move.
        connection: Connection,
    },
    /// It is on its way from one to another.
    Empty,
}

impl<H: Host> Seat<H> {
    /// A session before its greeting.
    pub(crate) fn new(host: H, connection: Connection) -> Self {
        Self::Served(Session::new(Filter(host), connection))
    }

    /// Goes on with the session. `may_open` says that this is a call in which mail may be read.
    pub(crate) fn call(
        &mut self,
        may_open: bool,
        call: impl FnOnce(&mut Session<Filter<H>>) -> Step,
    ) -> Option<Step> {
        *self = match core::mem::replace(self, Self::Empty) {
            Self::Waiting {
                host,
                maildrop,
                connection,
            } => {
                let maildrop = if may_open {
                    Filtered::scan(maildrop)
                } else {
                    Filtered {
                        maildrop,
                        hidden: Hidden::default(),
                    }
                };
                let parked = with_mail(LOGGED_IN.to_vec(), maildrop);
                Self::Served(Session::resume(Filter(host), parked, connection).ok()?)
            }
            seat => seat,
        };
        match self {
            Self::Served(session) => Some(call(session)),
            Self::Waiting { .. } | Self::Empty => None,
        }
    }

    /// Takes the session out; the maildrop is the host's own again.
    pub(crate) fn suspend(self) -> Option<Parked<H>> {
        match self {
            Self::Served(session) => Some(unfiltered(session.suspend())),
            Self::Waiting { maildrop, .. } => Some(Parked {
                state: LOGGED_IN.to_vec(),
                maildrop: Some(maildrop),
                message: None,
                exchange: None,
            }),
            Self::Empty => None,
        }
    }

    /// Puts a session in.
    pub(crate) fn resume(
        host: H,
        parked: Parked<H>,
        connection: Connection,
    ) -> Result<Self, ResumeError> {
        let filtered = match (parked.maildrop, parked.state.strip_prefix(PREFIX)) {
            (Some(maildrop), Some(state)) => {
                let count = maildrop.summary().count;
                let (hidden, state) =
                    Hidden::read(state, count).ok_or(ResumeError::CapabilityMismatch)?;
                Parked {
                    message: parked.message,
                    exchange: parked.exchange.map(Filter),
                    ..with_mail(state.to_vec(), Filtered { maildrop, hidden })
                }
            }
            (Some(maildrop), None) if parked.message.is_none() && is_new(&parked.state) => {
                return Ok(Self::Waiting {
                    host,
                    maildrop,
                    connection,
                });
            }
            (Some(_), None) => return Err(ResumeError::UnknownFormat),
            (None, Some(_)) => return Err(ResumeError::CapabilityMismatch),
            (None, None) => Parked {
                state: parked.state,
                maildrop: None,
                message: parked.message,
                exchange: parked.exchange.map(Filter),
            },
        };
        Session::resume(Filter(host), filtered, connection).map(Self::Served)
    }
}

/// Whether it is [`LOGGED_IN`], of any maildrop: there is nothing behind the number of zeros.
fn is_new(state: &[u8]) -> bool {
    let is_transaction = state.starts_with(&[1, 4]) && state.get(3..5) == Some(&[0, 0]);
    let zeros = state.get(5..).unwrap_or_default();
    is_transaction
        && zeros
            .split_last()
            .is_some_and(|(last, before)| *last < 0x80 && before.iter().all(|octet| *octet >= 0x80))
}

fn with_mail<H: Host>(state: Vec<u8>, maildrop: Filtered<H::Maildrop>) -> Parked<Filter<H>> {
    Parked {
        state,
        maildrop: Some(maildrop),
        message: None,
        exchange: None,
    }
}

fn unfiltered<H: Host>(parked: Parked<Filter<H>>) -> Parked<H> {
    let mut state = Vec::new();
    if let Some(Filtered { hidden, .. }) = &parked.maildrop {
        state.extend_from_slice(PREFIX);
        hidden.write(&mut state);
    }
    state.extend_from_slice(&parked.state);
    Parked {
        state,
        maildrop: parked.maildrop.map(|filtered| filtered.maildrop),
        message: parked.message,
        exchange: parked.exchange.map(|exchange| exchange.0),
    }
}
