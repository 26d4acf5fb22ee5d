//! What a component needs that has no standard library: an allocator, the function by which the host
//! uses it, and an end for what can not go on.

use core::alloc::Layout;

use crate::memory::Heap;

#[global_allocator]
static HEAP: Heap = Heap::new();

// memcmp, which neither core nor dlmalloc brings along. Nothing of it imports WASI.
#[link(name = "c")]
unsafe extern "C" {}

/// Where the host puts lists that it passes: the canonical ABI's `realloc`. It never shrinks, and
/// an `old_len` of 0 means that there is nothing yet.
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(
    old: *mut u8,
    old_len: usize,
    align: usize,
    new_len: usize,
) -> *mut u8 {
    let new = unsafe {
        if old_len != 0 {
            alloc::alloc::realloc(
                old,
                Layout::from_size_align_unchecked(old_len, align),
                new_len,
            )
        } else if new_len != 0 {
            alloc::alloc::alloc(Layout::from_size_align_unchecked(new_len, align))
        } else {
            return core::ptr::without_provenance_mut(align);
        }
    };
    if new.is_null() {
        core::arch::wasm32::unreachable();
    }
    new
}

/// A trap: the host ends this one session.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
