//! The process's allocator: mimalloc, called by its plain functions where they align enough, behind a small cache.
//!
//! Each thread keeps some of the small blocks that it frees, by size, and gives the last one freed out first: its memory is
//! still in the processor's cache. (mimalloc gives out the whole page before a freed block comes back.) Invariant: every
//! block of a small layout has the full size of its class, whichever function made it.
//!
//! Of those of 16 KiB and more it keeps the last two.
//!
//! Blocks of half a MiB and more are mappings of their own: they grow by `mremap`, without a copy and without the memory
//! of both, what of them was never written takes no memory, and they go back to the system at once. Only the one freed last is kept for the
//! next request, until a larger one comes. Invariant: whether a block is a mapping is decided by its layout alone.
//!
//! The crate `mimalloc` asks for an alignment in every call, which takes mimalloc off its shortest path; but all its blocks
//! of 16 bytes and more are aligned to 16 anyway, and smaller ones to 8.

use libmimalloc_sys as mi;
use naja_heap::watch;
use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ffi::{c_int, c_long, c_void};
use std::ptr;

#[cfg(target_os = "linux")]
mod mapped;

pub struct Allocator;

unsafe extern "C" {
    fn mi_option_set(option: c_int, value: c_long);
}

/// mimalloc's options by their numbers, which the crate does not name: an arena's size in KiB; whether an arena asks for huge
/// pages; after how many milliseconds free memory goes back to the system, if not never (-1).
const ARENA_RESERVE: c_int = 23;
const ALLOW_THP: c_int = 43;
const PURGE_DELAY: c_int = 15;

/// The first arena, which is all that small programs use: three chunks of 32 MiB, each for blocks of other sizes. An arena's
/// own tables grow with its size, and take one page each from some size on.
const FIRST_KIB: c_long = 96 << 10;
/// The next arenas.
const LATER_KIB: c_long = 1 << 20;

/// Makes a small arena without huge pages; further ones, where only larger programs come to, are large and ask for them.
///
/// A page of 2 MiB for each of a few size classes would be most of what a small program takes, and most of its time to
/// start. To be called before anything is allocated.
pub fn make_first_arena() {
    // SAFETY: options may be set at any time; there are no other threads yet.
    unsafe {
        mi_option_set(ARENA_RESERVE, FIRST_KIB);
        mi_option_set(ALLOW_THP, 0);
        mi::mi_free(mi::mi_malloc(64));
        mi_option_set(ARENA_RESERVE, LATER_KIB);
        mi_option_set(ALLOW_THP, 1);
    }
}

/// The process is about to end: what is freed from now on need not go back to the system.
pub fn keep_all() {
    // SAFETY: as above.
    unsafe { mi_option_set(PURGE_DELAY, -1) }
}

/// Sizes are rounded up to a multiple of this, and blocks of up to so many units are kept.
const UNIT: usize = 16;
const CLASSES: usize = 16;
/// How many bytes of blocks a thread keeps of each size at most.
const KEPT: usize = 8 << 10;

/// The free blocks of one size, linked through their first words.
struct Kept {
    first: Cell<*mut u8>,
    room: Cell<usize>,
}

struct Cache([Kept; CLASSES + 1]);

thread_local! {
    static CACHE: Cache = const {
        let mut class = 0;
        let mut kept = [const { Kept { first: Cell::new(ptr::null_mut()), room: Cell::new(0) } }; CLASSES + 1];
        while class <= CLASSES {
            kept[class].room = Cell::new(if class == 0 { 0 } else { KEPT / (class * UNIT) });
            class += 1;
        }
        Cache(kept)
    };
}

impl Drop for Cache {
    /// The thread ends: its blocks go back.
    fn drop(&mut self) {
        for kept in &self.0 {
            let mut block = kept.first.replace(ptr::null_mut());
            while !block.is_null() {
                // SAFETY: a free block of ours starts with the address of the next.
                unsafe {
                    let next = *(block as *mut *mut u8);
                    mi::mi_free(block as *mut c_void);
                    block = next;
                }
            }
        }
    }
}

/// The class of a small layout: its size in units.
#[inline(always)]
fn class_of(layout: &Layout) -> Option<usize> {
    (layout.align() <= UNIT && layout.size() <= CLASSES * UNIT)
        .then_some(layout.size().div_ceil(UNIT))
}

#[inline(always)]
fn alloc_small(class: usize) -> *mut u8 {
    let kept = CACHE.try_with(|cache| {
        let kept = &cache.0[class];
        let block = kept.first.get();
        if !block.is_null() {
            // SAFETY: as in `drop`.
            kept.first.set(unsafe { *(block as *mut *mut u8) });
            kept.room.set(kept.room.get() + 1);
        }
        block
    });
    match kept {
        Ok(block) if !block.is_null() => block,
        // SAFETY: any size will do.
        _ => unsafe { mi::mi_malloc(class * UNIT) as *mut u8 },
    }
}

/// # Safety
/// The block came from `alloc_small` of this class, and is not used any more.
#[inline(always)]
unsafe fn free_small(block: *mut u8, class: usize) {
    let kept = CACHE.try_with(|cache| {
        let kept = &cache.0[class];
        let room = kept.room.get();
        if room == 0 {
            return false;
        }
        // SAFETY: a free block of at least 16 bytes.
        unsafe { *(block as *mut *mut u8) = kept.first.get() };
        kept.first.set(block);
        kept.room.set(room - 1);
        true
    });
    if kept != Ok(true) {
        // SAFETY: mimalloc's own block.
        unsafe { mi::mi_free(block as *mut c_void) }
    }
}

/// Blocks of this size and more, up to those that are mappings, are kept too: the last two that a thread freed.
const MIDDLE: usize = 16 << 10;
const MIDDLE_END: usize = 512 << 10;
const MIDDLE_KEPT: usize = 2;

/// Free blocks of mimalloc with their least sizes, the last one first; null where there is none.
struct MiddleCache([Cell<(*mut u8, usize)>; MIDDLE_KEPT]);

thread_local! {
    static MIDDLE_CACHE: MiddleCache =
        const { MiddleCache([const { Cell::new((ptr::null_mut(), 0)) }; MIDDLE_KEPT]) };
}

impl Drop for MiddleCache {
    /// The thread ends: its blocks go back.
    fn drop(&mut self) {
        for kept in &self.0 {
            // SAFETY: mimalloc's own block, or null.
            unsafe { mi::mi_free(kept.replace((ptr::null_mut(), 0)).0 as *mut c_void) }
        }
    }
}

/// Whether a layout that is neither small nor a mapping is one of those.
#[inline(always)]
fn is_middle(layout: &Layout) -> bool {
    (MIDDLE..MIDDLE_END).contains(&layout.size()) && layout.align() <= UNIT
}

/// A kept block for so many bytes, which wastes no more than a quarter; null if there is none.
#[inline(never)]
fn take_middle(size: usize) -> *mut u8 {
    let found = MIDDLE_CACHE.try_with(|cache| {
        for kept in &cache.0 {
            let (block, room) = kept.get();
            if room >= size && room - size <= size / 4 {
                kept.set((ptr::null_mut(), 0));
                return block;
            }
        }
        ptr::null_mut()
    });
    found.unwrap_or(ptr::null_mut())
}

/// # Safety
/// The block is mimalloc's own, of at least this size, and not used any more.
#[inline(never)]
unsafe fn free_middle(block: *mut u8, size: usize) {
    // SAFETY: by contract.
    unsafe {
        let mut last = (block, size);
        let kept = MIDDLE_CACHE.try_with(|cache| {
            for kept in &cache.0 {
                last = kept.replace(last);
                if last.0.is_null() {
                    break;
                }
            }
            last.0
        });
        // What falls out at the end, or all where the thread is ending.
        mi::mi_free(kept.unwrap_or(block) as *mut c_void)
    }
}

/// From this size on a request is compared with the machine's memory.
const LARGE: usize = 1 << 32;

/// Whether a request is larger than all of the machine's memory. The system would grant the addresses and kill the process
/// when it writes to them; refused here, the request becomes a MemoryError.
#[cold]
#[inline(never)]
fn impossible(size: usize) -> bool {
    static MEMORY: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    // OnceLock does not allocate.
    let memory = *MEMORY.get_or_init(|| {
        // SAFETY: all zeros are a valid `sysinfo`, which the call fills.
        unsafe {
            let mut info: libc::sysinfo = std::mem::zeroed();
            if libc::sysinfo(&mut info) != 0 {
                return usize::MAX;
            }
            let units = (info.totalram as usize).saturating_add(info.totalswap as usize);
            units.saturating_mul(info.mem_unit.max(1) as usize)
        }
    });
    size > memory
}

/// Whether every block of this layout's size is aligned enough.
#[inline(always)]
fn plain(layout: &Layout) -> bool {
    layout.align() <= 8 || (layout.align() == 16 && layout.size() >= 16)
}

/// A block that the watcher is told of (see `naja_heap::watch`).
///
/// # Safety
/// As for `GlobalAlloc::alloc`.
#[cold]
#[inline(never)]
unsafe fn watched(layout: Layout, zeroed: bool) -> *mut u8 {
    let block = match class_of(&layout) {
        Some(class) => alloc_small(class),
        None if layout.size() >= LARGE && impossible(layout.size()) => ptr::null_mut(),
        #[cfg(target_os = "linux")]
        None if mapped::is_mapped(&layout) => mapped::alloc(layout.size()),
        // SAFETY: any size will do.
        None => unsafe { mi::mi_malloc_aligned(layout.size(), layout.align()) as *mut u8 },
    };
    if zeroed && !block.is_null() {
        // SAFETY: the block has at least the layout's size.
        unsafe { ptr::write_bytes(block, 0, layout.size()) }
    }
    watch::allocated(block, layout.size());
    block
}

impl Allocator {
    /// Moves a block's contents to a new block.
    ///
    /// # Safety
    /// As for `GlobalAlloc::realloc`.
    unsafe fn moved(&self, block: *mut u8, old: Layout, new: Layout) -> *mut u8 {
        // SAFETY: by contract; both blocks have the bytes that are copied.
        unsafe {
            let moved = self.alloc(new);
            if !moved.is_null() {
                ptr::copy_nonoverlapping(block, moved, old.size().min(new.size()));
                self.dealloc(block, old);
            }
            moved
        }
    }
}

// SAFETY: mimalloc's functions keep the contract; `plain` says where the alignment needs no asking.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if watch::is_watched() {
            // SAFETY: by contract.
            return unsafe { watched(layout, false) };
        }
        if let Some(class) = class_of(&layout) {
            return alloc_small(class);
        }
        if layout.size() >= LARGE && impossible(layout.size()) {
            return std::ptr::null_mut();
        }
        #[cfg(target_os = "linux")]
        if mapped::is_mapped(&layout) {
            return mapped::alloc(layout.size());
        }
        if is_middle(&layout) {
            let kept = take_middle(layout.size());
            if !kept.is_null() {
                return kept;
            }
        }
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
        if watch::is_watched() {
            // SAFETY: by contract.
            return unsafe { watched(layout, true) };
        }
        if let Some(class) = class_of(&layout) {
            let block = alloc_small(class);
            if !block.is_null() {
                // SAFETY: the block has the size of its class.
                unsafe { ptr::write_bytes(block, 0, class * UNIT) }
            }
            return block;
        }
        if layout.size() >= LARGE && impossible(layout.size()) {
            return std::ptr::null_mut();
        }
        #[cfg(target_os = "linux")]
        if mapped::is_mapped(&layout) {
            return mapped::alloc_zeroed(layout.size());
        }
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
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if watch::is_watched() {
            watch::freed(block)
        }
        // SAFETY: by contract the block came from `alloc`.
        unsafe {
            match class_of(&layout) {
                Some(class) => free_small(block, class),
                #[cfg(target_os = "linux")]
                None if mapped::is_mapped(&layout) => mapped::free(block, layout.size()),
                None if is_middle(&layout) => free_middle(block, layout.size()),
                None => mi::mi_free(block as *mut c_void),
            }
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if watch::is_watched() {
            // SAFETY: by contract.
            unsafe {
                let new_layout = Layout::from_size_align_unchecked(size, layout.align());
                return self.moved(block, layout, new_layout);
            }
        }
        if size >= LARGE && impossible(size) {
            return std::ptr::null_mut();
        }
        // SAFETY: by contract the block came from `alloc` with this layout, and the new one is valid; large blocks stay
        // mimalloc's business, which keeps the rule of `plain` only for small alignments.
        unsafe {
            let new_layout = Layout::from_size_align_unchecked(size, layout.align());
            let (old, new) = (class_of(&layout), class_of(&new_layout));
            #[cfg(target_os = "linux")]
            match (mapped::is_mapped(&layout), mapped::is_mapped(&new_layout)) {
                (true, true) => return mapped::resize(block, layout.size(), size),
                (false, false) => {}
                _ => return self.moved(block, layout, new_layout),
            }
            if old.is_some() || new.is_some() {
                if old == new {
                    return block;
                }
                return self.moved(block, layout, new_layout);
            }
            if layout.align() <= 8 {
                mi::mi_realloc(block as *mut c_void, size) as *mut u8
            } else {
                mi::mi_realloc_aligned(block as *mut c_void, size, layout.align()) as *mut u8
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers above are those of the options meant: their values are known.
    #[test]
    fn options_have_these_numbers() {
        unsafe extern "C" {
            fn mi_option_get(option: c_int) -> c_long;
        }
        // SAFETY: queries.
        let values = [ARENA_RESERVE, ALLOW_THP].map(|option| unsafe { mi_option_get(option) });
        assert_eq!(values, [LATER_KIB, 1]);
    }
}
