//! Which messages are left out: the arithmetic between the client's numbers and the true ones.

/// The true numbers of the messages that are left out, ascending, and their octets in all.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Hidden {
    numbers: Vec<u32>,
    octets: u64,
}

impl Hidden {
    /// Leaves out one more; its number is higher than those before.
    pub(crate) fn add(&mut self, number: u32, octets: u64) {
        self.numbers.push(number);
        self.octets += octets;
    }

    /// How many are left out.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.numbers.len()).unwrap_or(u32::MAX)
    }

    /// Their octets in all.
    pub(crate) fn octets(&self) -> u64 {
        self.octets
    }

    /// Whether a message is left out, by its true number.
    pub(crate) fn has(&self, number: u32) -> bool {
        self.numbers.binary_search(&number).is_ok()
    }

    /// The true number of the message that the client calls `number`.
    pub(crate) fn behind(&self, number: u32) -> u32 {
        // In front of the hidden message at `index` stand `hidden - index - 1` that are shown.
        let (mut low, mut high) = (0, self.numbers.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let before = self.numbers[middle] - u32::try_from(middle).unwrap_or(u32::MAX);
            if before <= number {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        number.saturating_add(u32::try_from(low).unwrap_or(u32::MAX))
    }

    /// As octets: the count, the distances and the sum, in LEB128.
    pub(crate) fn write(&self, octets: &mut Vec<u8>) {
        put(octets, u64::from(self.count()));
        let mut last = 0;
        for number in &self.numbers {
            put(octets, u64::from(number - last));
            last = *number;
        }
        put(octets, self.octets);
    }

    /// What [`Self::write`] wrote, and what stands behind it; none if it wrote something else, or
    /// for another maildrop than one of `count` messages.
    pub(crate) fn read(mut octets: &[u8], count: u32) -> Option<(Self, &[u8])> {
        let hidden = u32::try_from(take(&mut octets)?).ok()?;
        if hidden > count {
            return None;
        }
        let mut numbers = Vec::new();
        let mut last = 0_u32;
        for _ in 0..hidden {
            let distance = u32::try_from(take(&mut octets)?)
                .ok()
                .filter(|far| *far > 0)?;
            last = last
                .checked_add(distance)
                .filter(|number| *number <= count)?;
            numbers.push(last);
        }
        let sum = take(&mut octets)?;
        Some((
            Self {
                numbers,
                octets: sum,
            },
            octets,
        ))
    }
}

fn put(octets: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        octets.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    octets.push(number.to_le_bytes()[0]);
}

fn take(octets: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (octet, rest) = octets.split_first()?;
        *octets = rest;
        number |= u64::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_numbers_are_those_of_the_messages_that_are_shown(
            flags in proptest::collection::vec(any::<bool>(), 0..300)
        ) {
            let mut hidden = Hidden::default();
            let mut shown = Vec::new();
            for (number, is_hidden) in (1..).zip(&flags) {
                if *is_hidden {
                    hidden.add(number, 7);
                } else {
                    shown.push(number);
                }
            }
            for (number, expected) in (1..).zip(shown) {
                prop_assert_eq!(hidden.behind(number), expected);
            }
            let mut octets = Vec::new();
            hidden.write(&mut octets);
            octets.push(99);
            let count = u32::try_from(flags.len()).unwrap();
            prop_assert_eq!(Hidden::read(&octets, count), Some((hidden, &[99][..])));
        }

        #[test]
        fn any_octets_are_read_without_a_panic(
            octets in proptest::collection::vec(any::<u8>(), 0..40)
        ) {
            let _ = Hidden::read(&octets, 1_000);
        }
    }
}
