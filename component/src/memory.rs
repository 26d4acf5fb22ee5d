//! The component's allocator: dlmalloc on the memory that an instance starts with.
//!
//! dlmalloc itself would grow the memory for its first allocation. Every growth is a system call
//! when the instance is made and another when its place is used again, so the start of the heap is
//! the space that the linker leaves behind the data (`--initial-memory` in `.cargo/config.toml`).

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32,
    cell::{Cell, UnsafeCell},
    ptr,
};

use dlmalloc::{Allocator, Dlmalloc};

/// Octets of a page of WebAssembly.
const PAGE: usize = 64 * 1024;

unsafe extern "C" {
    /// Where the linker's data and stack end.
    static __heap_base: u8;
    /// Where the memory that an instance starts with ends.
    static __heap_end: u8;
}

/// Where dlmalloc gets memory from: first what is there, then more pages.
struct Memory {
    /// Whether what is there has been given away.
    is_begun: Cell<bool>,
}

// SAFETY: the regions are those of this instance's own memory, each given away once.
unsafe impl Allocator for Memory {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let start = &raw const __heap_base as usize;
        let there = (&raw const __heap_end as usize).saturating_sub(start);
        if !self.is_begun.replace(true) && size <= there {
            return (start as *mut u8, there, 0);
        }
        let pages = size.div_ceil(PAGE);
        match wasm32::memory_grow::<0>(pages) {
            usize::MAX => (ptr::null_mut(), 0, 0),
            page => ((page * PAGE) as *mut u8, pages * PAGE, 0),
        }
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}

/// The allocator of the whole component.
pub(crate) struct Heap(UnsafeCell<Dlmalloc<Memory>>);

// SAFETY: an instance has one thread.
unsafe impl Sync for Heap {}

impl Heap {
    pub(crate) const fn new() -> Self {
        let memory = Memory {
            is_begun: Cell::new(false),
        };
        Self(UnsafeCell::new(Dlmalloc::new_with_allocator(memory)))
    }
}

// SAFETY: dlmalloc keeps this contract; with one thread and no reentrance the borrow is exclusive.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).calloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, octets: *mut u8, layout: Layout) {
        unsafe { (*self.0.get()).free(octets, layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, octets: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        unsafe { (*self.0.get()).realloc(octets, layout.size(), layout.align(), size) }
    }
}
