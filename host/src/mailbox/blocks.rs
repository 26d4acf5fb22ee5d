//! Line ends of stored octets, 64 octets at a time: LF and CRLF become CRLF.
//!
//! The fast way through nearly all mail. Knows no lone CR and no end of a message: that, and what is
//! left at the end, is for `wire.rs`, which knows the whole rule.

use fearless_simd::{Level, Simd, dispatch, prelude::*, u8x64};

/// Octets of a block: a bit for each.
const BLOCK: usize = 64;

/// Octets that are read and written from the beginning of a block on, whether they are its own or
/// not: to copy a fixed number of octets and some in vain is cheaper than to copy the right number.
const READ: usize = 2 * BLOCK;
const WRITTEN: usize = 3 * BLOCK;

/// Puts the wire form of the beginning of `stored` into `out`, and returns how many octets of each
/// are done with.
///
/// Ends in front of a CR that has no LF behind it, and where there is not enough left of `stored` or
/// of `out`. A CRLF is done with as a whole.
pub(super) fn put(stored: &[u8], out: &mut [u8]) -> (usize, usize) {
    // What the processor has decides how many instructions a block takes.
    dispatch!(Level::new(), simd => put_with(simd, stored, out))
}

// In line, here and below: only so is it compiled for what `dispatch!` has found.
#[inline(always)]
fn put_with<S: Simd>(simd: S, stored: &[u8], out: &mut [u8]) -> (usize, usize) {
    let (mut read, mut written, mut ends_in_cr) = (0, 0, false);
    while let Some(from) = stored[read..].first_chunk::<READ>()
        && let Some(to) = out[written..].first_chunk_mut::<WRITTEN>()
    {
        let block = u8x64::from_slice(simd, &from[..BLOCK]);
        let positions = |octet: u8| block.simd_eq(octet).to_bitmask();
        let (cr, lf) = (positions(b'\r'), positions(b'\n'));
        let before_lf = lf >> 1 | u64::from(from[BLOCK] == b'\n') << (BLOCK - 1);
        if cr & !before_lf != 0 {
            break;
        }
        let bare_lf = lf & !(cr << 1 | u64::from(ends_in_cr));
        read += BLOCK;
        written += BLOCK + put_block(from, bare_lf, to);
        ends_in_cr = cr >> (BLOCK - 1) == 1;
    }
    let held = usize::from(ends_in_cr);
    (read - held, written - held)
}

/// Writes a block with a CR in front of each LF that has none, and returns how many CRs those are.
#[inline(always)]
fn put_block(from: &[u8; READ], mut bare_lf: u64, to: &mut [u8; WRITTEN]) -> usize {
    to[..BLOCK].copy_from_slice(&from[..BLOCK]);
    let mut put = 0;
    while bare_lf != 0 {
        let at = bare_lf.trailing_zeros() as usize;
        to[at + put] = b'\r';
        put += 1;
        // All that is left of the block moves on by one, and what is behind it with it.
        to[at + put..][..BLOCK].copy_from_slice(&from[at..at + BLOCK]);
        bare_lf &= bare_lf - 1;
    }
    put
}
