//! Sizes that were asked for last. They never change, and most clients go through their messages in order.

use alloc::vec::Vec;

use crate::{
    capability::{Fault, Maildrop},
    limits::SIZES_AT_ONCE,
};

/// The sizes of a few messages in a row.
#[derive(Default)]
pub(crate) struct Sizes {
    /// The number of the first of them.
    first: u32,
    octets: Vec<u64>,
}

impl Sizes {
    /// The size of message `number`, which is in the maildrop. Asks for those behind it along with it if it
    /// is not known yet: a call costs much more than a size.
    pub(crate) fn of(&mut self, maildrop: &impl Maildrop, number: u32) -> Result<u64, Fault> {
        if let Some(octets) = self.known(number) {
            return Ok(octets);
        }
        self.octets = maildrop.sizes(number, SIZES_AT_ONCE)?;
        self.first = number;
        self.known(number).ok_or(Fault::Permanent)
    }

    fn known(&self, number: u32) -> Option<u64> {
        let index = number.checked_sub(self.first)?;
        self.octets.get(usize::try_from(index).ok()?).copied()
    }
}
