//! Large blocks: each a mapping of its own.
//!
//! The mapping that was freed last is kept, with its length in its first word, so that a loop that takes and frees large
//! blocks does not have all their pages zeroed by the system again and again. The next request takes it, or has it
//! unmapped: it never stands beside a mapping that was made later. Invariant: a block begins [`SHIFT`] bytes behind its
//! mapping's begin, and the mapping is as long as both rounded up to whole pages.

use libc::{MAP_ANON, MAP_FAILED, MAP_PRIVATE, PROT_READ, PROT_WRITE};
use std::alloc::Layout;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Blocks of at least this size are mappings.
const LEAST: usize = 512 << 10;
const PAGE: usize = 4096;
/// Where in its first page a block begins. The system's own buffers begin at a page's begin: processors that take the low
/// bits of addresses for the whole copy slower between two places that are the same distance from there, or nearly so.
const SHIFT: usize = PAGE / 2;
/// Mappings of at least this size ask for huge pages.
const HUGE: usize = 8 << 20;
/// The longest mapping that is kept.
const KEPT_MOST: usize = 2 << 20;

static KEPT: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

/// Whether blocks of this layout are mappings.
#[inline(always)]
pub(super) fn is_mapped(layout: &Layout) -> bool {
    layout.size() >= LEAST && layout.align() <= SHIFT
}

/// The length of the mapping for a block.
fn pages(size: usize) -> usize {
    // A layout's size is at most isize::MAX.
    (size + SHIFT + PAGE - 1) & !(PAGE - 1)
}

/// The block in a mapping; null for null.
fn block_in(mapping: *mut u8) -> *mut u8 {
    if mapping.is_null() {
        return mapping;
    }
    // SAFETY: a mapping is longer than this.
    unsafe { mapping.add(SHIFT) }
}

fn unmap(block: *mut u8, length: usize) {
    // SAFETY: the callers own these pages, which nobody uses any more.
    unsafe {
        libc::munmap(block as *mut c_void, length);
    }
}

fn take_kept() -> Option<(*mut u8, usize)> {
    let block = KEPT.swap(ptr::null_mut(), Ordering::AcqRel);
    // SAFETY: a kept mapping starts with its length.
    (!block.is_null()).then(|| (block, unsafe { *(block as *mut usize) }))
}

fn advise(block: *mut u8, length: usize) {
    if length >= HUGE {
        // SAFETY: advice, which changes no contents.
        unsafe {
            libc::madvise(block as *mut c_void, length, libc::MADV_HUGEPAGE);
        }
    }
}

#[cold]
#[inline(never)]
pub(super) fn alloc(size: usize) -> *mut u8 {
    let length = pages(size);
    if let Some((block, kept)) = take_kept() {
        if kept >= length {
            if kept > length {
                // SAFETY: the tail lies inside of the mapping.
                unmap(unsafe { block.add(length) }, kept - length);
            }
            return block_in(block);
        }
        unmap(block, kept);
    }
    block_in(map(length))
}

#[cold]
#[inline(never)]
pub(super) fn alloc_zeroed(size: usize) -> *mut u8 {
    if let Some((block, kept)) = take_kept() {
        unmap(block, kept);
    }
    block_in(map(pages(size)))
}

fn map(length: usize) -> *mut u8 {
    let access = PROT_READ | PROT_WRITE;
    // SAFETY: a fresh anonymous mapping.
    let block = unsafe {
        libc::mmap(
            ptr::null_mut(),
            length,
            access,
            MAP_PRIVATE | MAP_ANON,
            -1,
            0,
        )
    };
    if block == MAP_FAILED {
        return ptr::null_mut();
    }
    advise(block as *mut u8, length);
    block as *mut u8
}

/// # Safety
/// The block came from this module for a layout of this size, and is not used any more.
#[cold]
#[inline(never)]
pub(super) unsafe fn free(block: *mut u8, size: usize) {
    let length = pages(size);
    // SAFETY: by contract; a block lies so far behind its mapping's begin.
    let block = unsafe { block.sub(SHIFT) };
    if length > KEPT_MOST {
        return unmap(block, length);
    }
    // SAFETY: by contract the pages are free; the word was or becomes part of a written page.
    unsafe { *(block as *mut usize) = length };
    let before = KEPT.swap(block, Ordering::AcqRel);
    if !before.is_null() {
        // SAFETY: as in `take_kept`.
        unmap(before, unsafe { *(before as *mut usize) });
    }
}

/// # Safety
/// As for `GlobalAlloc::realloc`, from one size of this module to another.
#[cold]
#[inline(never)]
pub(super) unsafe fn resize(block: *mut u8, old: usize, new: usize) -> *mut u8 {
    let (old, new) = (pages(old), pages(new));
    if old == new {
        return block;
    }
    if new > old
        && let Some((kept, length)) = take_kept()
    {
        unmap(kept, length);
    }
    // SAFETY: by contract the mapping is ours and as long as this.
    let moved = unsafe {
        let mapping = block.sub(SHIFT) as *mut c_void;
        libc::mremap(mapping, old, new, libc::MREMAP_MAYMOVE)
    };
    if moved == MAP_FAILED {
        return ptr::null_mut();
    }
    if old < HUGE {
        advise(moved as *mut u8, new);
    }
    block_in(moved as *mut u8)
}
