//! Marks all over the memory, and the search for those of somebody else.

use alloc::vec::Vec;
use core::arch::wasm32;

/// What a mark is, the other way round: whoever looks for marks leaves none on the stack.
const UNMARKED: u64 = 0x5a3c_96e1_7f0d_b248;

/// Octets of a page of WebAssembly.
const PAGE: usize = 64 * 1024;

/// Pages that are looked at, those included that nobody has written yet.
const PAGES: usize = 14;

/// So many octets full of marks.
pub(crate) fn marks(octets: usize) -> Vec<u64> {
    alloc::vec![!UNMARKED; octets / size_of::<u64>()]
}

/// How many marks there are in the memory.
pub(crate) fn count() -> usize {
    let missing = PAGES.saturating_sub(wasm32::memory_size::<0>());
    wasm32::memory_grow::<0>(missing);
    let octets = wasm32::memory_size::<0>() * PAGE;
    let words = (size_of::<u64>()..octets).step_by(size_of::<u64>());
    words
        .filter(|place| {
            let word = core::ptr::with_exposed_provenance::<u64>(*place);
            // All of the memory may be read; whose it is does not matter here.
            !unsafe { word.read_volatile() } == UNMARKED
        })
        .count()
}
