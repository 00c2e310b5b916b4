//! Telling somebody of every block that is allocated and freed: the hook of `tracemalloc`.
//!
//! While nobody watches, an allocation costs one look at a flag that never changes. Small blocks of the heap report
//! themselves and mark their objects [`Flags::TRACED`](crate::Flags), so that only the ends of those are reported; what
//! comes from the process's allocator is reported there. Invariant: the watcher's functions run no Python.
//!
//! CPython: the allocator hooks of Python/tracemalloc.c.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Who is told.
#[derive(Clone, Copy, Debug)]
pub struct Watcher {
    /// A block at this address has this many bytes.
    pub allocated: fn(usize, usize),
    /// The block at this address is about to be free.
    pub freed: fn(usize),
}

static WATCHED: AtomicBool = AtomicBool::new(false);
static WATCHER: OnceLock<Watcher> = OnceLock::new();

/// Begins to tell `watcher`. The process has one watcher: a second one is not told.
pub fn watch(watcher: Watcher) {
    let _ = WATCHER.set(watcher);
    WATCHED.store(true, Ordering::SeqCst);
}

/// Ends what [`watch`] began.
pub fn unwatch() {
    WATCHED.store(false, Ordering::SeqCst);
}

/// Whether anybody is told.
#[inline(always)]
pub fn is_watched() -> bool {
    WATCHED.load(Ordering::Relaxed)
}

/// Tells of a new block.
#[cold]
#[inline(never)]
pub fn allocated(block: *const u8, bytes: usize) {
    if let Some(watcher) = WATCHER.get()
        && !block.is_null()
    {
        (watcher.allocated)(block as usize, bytes)
    }
}

/// Tells of the end of a block.
#[cold]
#[inline(never)]
pub fn freed(block: *const u8) {
    if let Some(watcher) = WATCHER.get() {
        (watcher.freed)(block as usize)
    }
}
