//! Which messages are marked deleted: a bit for each, in the form that `maildrop.commit` takes.
//!
//! Knows nothing of sizes or of the maildrop; numbers are checked before they get here.

use alloc::vec::Vec;

/// The marks of a session. Octets behind the highest mark are not kept.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Marks {
    bits: Vec<u8>,
    count: u32,
}

impl Marks {
    /// The marks as they were when their bits were taken.
    pub(crate) fn from_bits(bits: Vec<u8>) -> Self {
        let count = bits.iter().map(|octet| octet.count_ones()).sum();
        Self { bits, count }
    }

    /// Marks message `number`, which is at least 1.
    pub(crate) fn mark(&mut self, number: u32) {
        let (octet, bit) = place(number);
        if self.bits.len() <= octet {
            self.bits.resize(octet + 1, 0);
        }
        self.count += u32::from(self.bits[octet] & bit == 0);
        self.bits[octet] |= bit;
    }

    /// Whether message `number` is marked.
    pub(crate) fn is_marked(&self, number: u32) -> bool {
        let (octet, bit) = place(number);
        self.bits.get(octet).is_some_and(|bits| bits & bit != 0)
    }

    /// The first number from `number` on that is not marked.
    pub(crate) fn next_unmarked(&self, mut number: u32) -> u32 {
        while self.is_marked(number) {
            let (octet, bit) = place(number);
            // Eight at once: a maildrop may have a million marks.
            let is_full = bit == 1 && self.bits.get(octet) == Some(&u8::MAX);
            number = number.saturating_add(if is_full { 8 } else { 1 });
        }
        number
    }

    /// How many messages are marked.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The marks, message 1 in the lowest bit of the first octet.
    pub(crate) fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// Whether no message above `count` is marked.
    pub(crate) fn fits(&self, count: u32) -> bool {
        let Some(last) = self.bits.last() else {
            return true;
        };
        let highest = u32::try_from(self.bits.len() * 8).map(|bits| bits - last.leading_zeros());
        highest.is_ok_and(|highest| highest <= count)
    }
}

fn place(number: u32) -> (usize, u8) {
    let index = number.saturating_sub(1);
    (
        usize::try_from(index / 8).unwrap_or(usize::MAX),
        1 << (index % 8),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_one_bit_and_counts_once() {
        let mut marks = Marks::default();
        for number in [1, 8, 9, 9] {
            marks.mark(number);
        }
        assert_eq!(marks.bits(), [0b1000_0001, 0b0000_0001]);
        assert_eq!(marks.count(), 3);
        assert!(marks.is_marked(9) && !marks.is_marked(2) && !marks.is_marked(999));
        assert_eq!(Marks::from_bits(marks.bits().to_vec()), marks);
    }

    #[test]
    fn marked_messages_are_passed_over() {
        let mut marks = Marks::default();
        (2..=19).chain([21]).for_each(|number| marks.mark(number));
        for (from, next) in [(1, 1), (2, 20), (9, 20), (20, 20), (21, 22), (99, 99)] {
            assert_eq!(marks.next_unmarked(from), next);
        }
    }

    #[test]
    fn marks_fit_a_maildrop_that_has_their_messages() {
        let mut marks = Marks::default();
        assert!(marks.fits(0));
        marks.mark(9);
        assert!(marks.fits(9) && !marks.fits(8));
    }
}
