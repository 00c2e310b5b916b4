//! The cycle collector: generations of linked objects.
//!
//! CPython: Python/gc.c.

use crate::alloc::Heap;
use crate::header::{Flags, Header};
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

/// The collector's part of an object, 16 bytes before its header: the links of its generation's ring.
#[repr(C, align(16))]
pub(crate) struct GcHead {
    pub(crate) next: Cell<*mut GcHead>,
    pub(crate) prev: Cell<*mut GcHead>,
}

impl GcHead {
    #[inline(always)]
    pub(crate) fn of(header: *mut Header) -> *mut GcHead {
        (header as *mut GcHead).wrapping_sub(1)
    }

    #[inline(always)]
    pub(crate) fn header(head: *mut GcHead) -> *mut Header {
        head.wrapping_add(1) as *mut Header
    }
}

/// One generation: its ring of objects and its settings.
pub struct Generation {
    pub(crate) head: GcHead,
    /// Collect when `count` exceeds this.
    pub threshold: Cell<u32>,
    /// Allocations less deallocations for the youngest; for the others, collections of the next younger one.
    pub count: Cell<u32>,
    /// What `gc.get_stats()` tells.
    pub collections: Cell<usize>,
    pub collected: Cell<usize>,
    pub uncollectable: Cell<usize>,
}

/// The collector's state.
pub struct GcState {
    /// Youngest, middle, oldest, and the permanent generation (`gc.freeze`).
    pub generations: [Generation; 4],
    pub enabled: Cell<bool>,
    /// The bits of `gc.set_debug`.
    pub debug: Cell<u32>,
    /// A collection is running.
    pub collecting: Cell<bool>,
    breaker: Cell<*const AtomicU32>,
    breaker_bit: Cell<u32>,
}

/// What a collection did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collection {
    pub generation: usize,
    pub collected: usize,
    pub uncollectable: usize,
    pub candidates: usize,
}

impl GcState {
    pub(crate) fn new() -> GcState {
        let generation = |threshold| Generation {
            head: GcHead {
                next: Cell::new(ptr::null_mut()),
                prev: Cell::new(ptr::null_mut()),
            },
            threshold: Cell::new(threshold),
            count: Cell::new(0),
            collections: Cell::new(0),
            collected: Cell::new(0),
            uncollectable: Cell::new(0),
        };
        GcState {
            generations: [
                generation(2000),
                generation(10),
                generation(10),
                generation(0),
            ],
            enabled: Cell::new(true),
            debug: Cell::new(0),
            collecting: Cell::new(false),
            breaker: Cell::new(ptr::null()),
            breaker_bit: Cell::new(0),
        }
    }

    /// Closes the empty rings; the state does not move afterwards.
    pub(crate) fn init(&self) {
        for generation in &self.generations {
            let head = &generation.head as *const GcHead as *mut GcHead;
            generation.head.next.set(head);
            generation.head.prev.set(head);
        }
    }

    /// # Safety
    /// The object has a collector part and is on no list.
    #[inline(always)]
    pub(crate) unsafe fn link_young(&self, header: *mut Header) {
        // SAFETY: the ring's links are valid while the heap lives.
        unsafe {
            let ring = &self.generations[0].head;
            let entry = GcHead::of(header);
            let last = ring.prev.get();
            (*entry).next.set(ring as *const GcHead as *mut GcHead);
            (*entry).prev.set(last);
            (*last).next.set(entry);
            ring.prev.set(entry);
            (*header).set_flag(Flags::TRACKED, true);
        }
    }

    /// # Safety
    /// The object is linked.
    #[inline(always)]
    pub(crate) unsafe fn unlink(&self, header: *mut Header) {
        // SAFETY: by contract.
        unsafe {
            let entry = GcHead::of(header);
            let (next, prev) = ((*entry).next.get(), (*entry).prev.get());
            (*prev).next.set(next);
            (*next).prev.set(prev);
            (*entry).next.set(ptr::null_mut());
            (*header).set_flag(Flags::TRACKED, false);
        }
    }

    #[inline(always)]
    pub(crate) fn count_new(&self) {
        let young = &self.generations[0];
        let count = young.count.get() + 1;
        young.count.set(count);
        if count > young.threshold.get() {
            self.ask()
        }
    }

    #[inline(always)]
    pub(crate) fn count_freed(&self) {
        let young = &self.generations[0];
        young.count.set(young.count.get().saturating_sub(1));
    }

    #[cold]
    fn ask(&self) {
        if self.enabled.get() && self.generations[0].threshold.get() != 0 && !self.collecting.get()
        {
            // SAFETY: `set_breaker`'s contract.
            if let Some(word) = unsafe { self.breaker.get().as_ref() } {
                word.fetch_or(self.breaker_bit.get(), Ordering::Relaxed);
            }
        }
    }
}

impl Heap {
    /// Names the word in which `bit` is set when a collection is due (null: none).
    ///
    /// # Safety
    /// The word outlives the heap, or is replaced before it goes.
    pub unsafe fn set_breaker(&self, word: *const AtomicU32, bit: u32) {
        self.gc.breaker.set(word);
        self.gc.breaker_bit.set(bit);
    }
}
