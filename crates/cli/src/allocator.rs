//! The process's allocator: mimalloc, called by its plain functions where they align enough.
//!
//! The crate `mimalloc` asks for an alignment in every call, which takes mimalloc off its shortest path; but all its blocks
//! of 16 bytes and more are aligned to 16 anyway, and smaller ones to 8.

use libmimalloc_sys as mi;
use std::alloc::{GlobalAlloc, Layout};
use std::ffi::c_void;

pub struct Allocator;

/// What small programs use of the allocator's first arena.
const SMALL: usize = 32 << 20;
/// The size of that arena.
const ARENA: usize = 1 << 30;

/// Asks for huge pages where only larger programs come to: behind the beginning of the allocator's arena.
///
/// The allocator itself is built not to use them (`no_thp`), because a page of 2 MiB for each of a few size classes would
/// be most of what a small program takes, and most of its time to start.
pub fn use_huge_pages_later() {
    #[cfg(target_os = "linux")]
    // SAFETY: advice about addresses, which changes no contents; where nothing is mapped it has no effect.
    unsafe {
        let block = mi::mi_malloc(64);
        let arena = block as usize & !(SMALL - 1);
        mi::mi_free(block);
        libc::prctl(libc::PR_SET_THP_DISABLE, 0, 0, 0, 0);
        let rest = (arena + SMALL) as *mut c_void;
        libc::madvise(rest, ARENA - SMALL, libc::MADV_HUGEPAGE);
    }
}

/// Whether every block of this layout's size is aligned enough.
#[inline(always)]
fn plain(layout: &Layout) -> bool {
    layout.align() <= 8 || (layout.align() == 16 && layout.size() >= 16)
}

// SAFETY: mimalloc's functions keep the contract; `plain` says where the alignment needs no asking.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: any size will do.
        unsafe {
            if plain(&layout) {
                mi::mi_malloc(layout.size()) as *mut u8
            } else {
                mi::mi_malloc_aligned(layout.size(), layout.align()) as *mut u8
            }
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe {
            if plain(&layout) {
                mi::mi_zalloc(layout.size()) as *mut u8
            } else {
                mi::mi_zalloc_aligned(layout.size(), layout.align()) as *mut u8
            }
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, _layout: Layout) {
        // SAFETY: by contract the block came from `alloc`.
        unsafe { mi::mi_free(block as *mut c_void) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: by contract the block came from `alloc` with this layout; shrinking below 16 bytes keeps the rule of
        // `plain` only for small alignments.
        unsafe {
            if layout.align() <= 8 {
                mi::mi_realloc(block as *mut c_void, size) as *mut u8
            } else {
                mi::mi_realloc_aligned(block as *mut c_void, size, layout.align()) as *mut u8
            }
        }
    }
}
