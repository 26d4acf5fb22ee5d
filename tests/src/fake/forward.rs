//! A host that forwards: what `message.forward` makes of a step.
//!
//! Octet by octet, as `wit/pop3.wit` has it and not as anybody would build it.

use std::sync::{Arc, Mutex, MutexGuard};

use popcell_component::Forwarded;

/// Octets of a message, and behind how many of the step's own.
type Piece = (usize, Vec<u8>);

/// What the sessions of one driver have forwarded in the call that is running.
#[derive(Clone, Debug, Default)]
pub struct Forwarding(Arc<Mutex<Vec<Piece>>>);

impl Forwarding {
    /// Takes octets of a message.
    ///
    /// # Panics
    ///
    /// The contract is broken.
    pub(super) fn push(
        &self,
        octets: &[u8],
        at: u32,
        mut at_line_start: bool,
        stuffed: u8,
        is_end: bool,
    ) -> Forwarded {
        let mut sent = Vec::new();
        for octet in octets {
            if at_line_start && *octet == stuffed {
                sent.push(stuffed);
            }
            sent.push(*octet);
            at_line_start = *octet == b'\n';
        }
        let forwarded = Forwarded {
            octets: u32::try_from(sent.len()).expect("a step is small"),
            at_line_start,
            is_end,
        };
        let at = usize::try_from(at).expect("a step is small");
        let mut pieces = self.pieces();
        let last = pieces.last().map_or(0, |(last, _)| *last);
        assert!(last <= at, "contract: forwarded in front of another");
        pieces.push((at, sent));
        forwarded
    }

    /// The whole output of a step with this one of its own.
    ///
    /// # Panics
    ///
    /// The contract is broken.
    pub fn put_into(&self, mut output: Vec<u8>) -> Vec<u8> {
        let own = output.len();
        for (at, octets) in self.pieces().drain(..).rev() {
            assert!(at <= own, "contract: forwarded behind what there is");
            output.splice(at..at, octets);
        }
        output
    }

    fn pieces(&self) -> MutexGuard<'_, Vec<Piece>> {
        self.0.lock().expect("nobody panics with this lock")
    }
}
