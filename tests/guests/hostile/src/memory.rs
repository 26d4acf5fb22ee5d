//! The allocator, and the one function of it that the host calls.
//!
//! Honest until it is ordered not to be.

use core::{
    alloc::Layout,
    sync::atomic::{AtomicU8, Ordering},
};

#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

// memcmp, which neither core nor dlmalloc brings along. Nothing of it imports WASI.
#[link(name = "c")]
unsafe extern "C" {}

/// What `cabi_realloc` does from now on.
static MISCHIEF: AtomicU8 = AtomicU8::new(HONEST);

const HONEST: u8 = 0;
const LIE: u8 = 1;
const SPIN: u8 = 2;
const TRAP: u8 = 3;

/// Takes an order for the allocator.
pub(crate) fn misbehave(order: &str) {
    let mischief = match order {
        "LIE" => LIE,
        "SPIN" => SPIN,
        "TRAP" => TRAP,
        _ => HONEST,
    };
    MISCHIEF.store(mischief, Ordering::Relaxed);
}

/// Where the host puts lists that it passes: the canonical ABI's `realloc`. No list of ours is ever
/// grown, so there is never an old one.
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(_: *mut u8, _: usize, align: usize, len: usize) -> *mut u8 {
    match MISCHIEF.load(Ordering::Relaxed) {
        LIE => return core::ptr::without_provenance_mut(0xffff_0000),
        SPIN => loop {
            core::hint::spin_loop();
        },
        TRAP => core::arch::wasm32::unreachable(),
        _ => {}
    }
    if len == 0 {
        return core::ptr::without_provenance_mut(align);
    }
    let new = unsafe { alloc::alloc::alloc(Layout::from_size_align_unchecked(len, align)) };
    if new.is_null() {
        core::arch::wasm32::unreachable();
    }
    new
}
