//! The cycle collector's state, lists and questions; the collection itself is in `collect.rs`.
//!
//! Tracked objects are links of a ring, one ring per generation; new objects enter the youngest. An allocation that
//! takes the youngest generation over its threshold sets a bit in the evaluation loop's breaker word, and the loop
//! calls [`Heap::collect_if_needed`] where it is safe. Generations, thresholds, counters and the rule for full
//! collections are those of CPython 3.14.5 and later, which went back from the incremental collector to generations;
//! with the usual thresholds, collections of the older generations that find nothing become rarer.
//!
//! CPython: Python/gc.c, Modules/gcmodule.c.

pub(crate) mod collect;
#[cfg(test)]
mod tests;

use crate::alloc::Heap;
use crate::header::{Flags, Header};
use crate::object::Visitor;
use crate::value::Value;
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

/// The collector's part of an object, 16 bytes before its header: the links of its generation's ring.
///
/// During a collection `prev` holds the object's count of references from outside of the collected set.
#[repr(C, align(16))]
pub(crate) struct GcHead {
    pub(crate) next: Cell<*mut GcHead>,
    pub(crate) prev: Cell<*mut GcHead>,
}

impl GcHead {
    pub(crate) const fn new() -> GcHead {
        GcHead {
            next: Cell::new(ptr::null_mut()),
            prev: Cell::new(ptr::null_mut()),
        }
    }

    #[inline(always)]
    pub(crate) fn of(header: *mut Header) -> *mut GcHead {
        (header as *mut GcHead).wrapping_sub(1)
    }

    #[inline(always)]
    pub(crate) fn header(head: *mut GcHead) -> *mut Header {
        head.wrapping_add(1) as *mut Header
    }
}

/// The operations on rings. `self` is the ring's own link, which stays where it is while the ring is used.
impl GcHead {
    fn address(&self) -> *mut GcHead {
        self as *const GcHead as *mut GcHead
    }

    fn close(&self) {
        self.next.set(self.address());
        self.prev.set(self.address());
    }

    fn is_empty(&self) -> bool {
        ptr::eq(self.next.get(), self)
    }

    /// # Safety
    /// `entry` is on no ring.
    #[inline(always)]
    unsafe fn append(&self, entry: *mut GcHead) {
        let last = self.prev.get();
        // SAFETY: the links of a ring are valid.
        unsafe {
            (*entry).next.set(self.address());
            (*entry).prev.set(last);
            (*last).next.set(entry);
        }
        self.prev.set(entry);
    }

    /// # Safety
    /// `entry` is on a ring.
    #[inline(always)]
    pub(crate) unsafe fn remove(entry: *mut GcHead) {
        // SAFETY: as above.
        unsafe {
            let (next, prev) = ((*entry).next.get(), (*entry).prev.get());
            (*prev).next.set(next);
            (*next).prev.set(prev);
        }
    }

    /// Moves all of `from` to the end.
    fn merge(&self, from: &GcHead) {
        if from.is_empty() {
            return;
        }
        let (first, last, end) = (from.next.get(), from.prev.get(), self.prev.get());
        // SAFETY: as above.
        unsafe {
            (*end).next.set(first);
            (*first).prev.set(end);
            (*last).next.set(self.address());
        }
        self.prev.set(last);
        from.close();
    }

    /// Calls `f` for each object; `f` does not change the ring.
    fn each(&self, mut f: impl FnMut(&Header)) {
        let mut entry = self.next.get();
        while !ptr::eq(entry, self) {
            // SAFETY: the entries of a ring are live objects' collector parts.
            unsafe {
                f(&*GcHead::header(entry));
                entry = (*entry).next.get();
            }
        }
    }

    fn len(&self) -> usize {
        let mut n = 0;
        self.each(|_| n += 1);
        n
    }
}

/// One generation: its ring of objects and its settings.
pub struct Generation {
    pub(crate) head: GcHead,
    /// Collect when `count` exceeds this; 0 in the youngest switches automatic collection off.
    pub threshold: Cell<u32>,
    /// Allocations less deallocations for the youngest; for the others, collections of the next younger one.
    pub count: Cell<u32>,
    /// What `gc.get_stats()` tells.
    pub collections: Cell<usize>,
    pub collected: Cell<usize>,
    pub uncollectable: Cell<usize>,
    /// How many collections in a row have found nothing.
    pub(crate) idle: Cell<u32>,
}

/// What `gc.get_threshold()` tells where nobody has changed it.
const DEFAULT_THRESHOLDS: [u32; 3] = [2000, 10, 10];

/// The collector's state.
pub struct GcState {
    /// Youngest, middle, oldest.
    pub generations: [Generation; 3],
    pub enabled: Cell<bool>,
    /// The bits of `gc.set_debug`.
    pub debug: Cell<u32>,
    /// In checking builds and tests: ask for a collection after so many allocations (0: never).
    pub stress: Cell<u32>,
    /// Objects put out of the collector's sight with `gc.freeze`.
    permanent: GcHead,
    collecting: Cell<bool>,
    /// The interpreter is starting: what it makes stays, so nobody looks whether it does.
    pub starting: Cell<bool>,
    /// Some native class has a finalizer, but its instances are not the collector's.
    pub unseen_finalizers: Cell<bool>,
    /// Objects that survived the last full collection, and those that joined the oldest generation since.
    long_lived_total: Cell<usize>,
    long_lived_pending: Cell<usize>,
    /// Objects that joined the middle generation since it was last collected or left (some have died since).
    middle_survivors: Cell<usize>,
    /// How many collections of the middle generation were left out in a row.
    skipped: Cell<u32>,
    /// The heap's bytes at the last full collection.
    taken_then: Cell<usize>,
    since_stress: Cell<u32>,
    breaker: Cell<*const AtomicU32>,
    breaker_bit: Cell<u32>,
}

/// What a collection does, or did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collection {
    pub generation: usize,
    pub collected: usize,
    /// Always 0: all finalizers are those of PEP 442.
    pub uncollectable: usize,
    /// Objects that were looked at.
    pub candidates: usize,
}

/// The two calls of `gc.callbacks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Start,
    Stop,
}

/// What a debugging collector has to say.
pub enum Note<'a> {
    /// A line of statistics, with its newline.
    Text(&'a str),
    /// To be printed as `gc: collectable <type address>`.
    Collectable(&'a Header),
}

impl GcState {
    pub const DEBUG_STATS: u32 = 1;
    pub const DEBUG_COLLECTABLE: u32 = 2;
    pub const DEBUG_UNCOLLECTABLE: u32 = 4;
    pub const DEBUG_SAVEALL: u32 = 32;
    pub const DEBUG_LEAK: u32 = 38;

    pub(crate) fn new() -> GcState {
        let generation = |threshold| Generation {
            head: GcHead::new(),
            threshold: Cell::new(threshold),
            count: Cell::new(0),
            collections: Cell::new(0),
            collected: Cell::new(0),
            uncollectable: Cell::new(0),
            idle: Cell::new(0),
        };
        GcState {
            generations: DEFAULT_THRESHOLDS.map(generation),
            enabled: Cell::new(true),
            debug: Cell::new(0),
            stress: Cell::new(if cfg!(naja_paranoid) { 100 } else { 0 }),
            permanent: GcHead::new(),
            collecting: Cell::new(false),
            starting: Cell::new(false),
            unseen_finalizers: Cell::new(false),
            long_lived_total: Cell::new(0),
            long_lived_pending: Cell::new(0),
            middle_survivors: Cell::new(0),
            skipped: Cell::new(0),
            taken_then: Cell::new(0),
            since_stress: Cell::new(0),
            breaker: Cell::new(ptr::null()),
            breaker_bit: Cell::new(0),
        }
    }

    /// Closes the empty rings; the state does not move afterwards.
    pub(crate) fn init(&self) {
        self.generations
            .iter()
            .for_each(|generation| generation.head.close());
        self.permanent.close();
    }

    /// # Safety
    /// The object has a collector part and is on no list.
    #[inline(always)]
    pub(crate) unsafe fn link_young(&self, header: *mut Header) {
        // SAFETY: by contract.
        unsafe {
            self.generations[0].head.append(GcHead::of(header));
            (*header).set_flag(Flags::TRACKED, true);
        }
    }

    /// As `link_young`, for a new object whose flags say already that it is linked.
    ///
    /// # Safety
    /// As for `link_young`.
    #[inline(always)]
    pub(crate) unsafe fn append_young(&self, header: *mut Header) {
        // SAFETY: by contract.
        unsafe { self.generations[0].head.append(GcHead::of(header)) }
    }

    /// # Safety
    /// The object is linked.
    #[inline(always)]
    pub(crate) unsafe fn unlink(&self, header: *mut Header) {
        // SAFETY: by contract.
        unsafe {
            GcHead::remove(GcHead::of(header));
            (*header).set_flag(
                Flags::TRACKED | Flags::COLLECTING | Flags::UNREACHABLE,
                false,
            );
        }
    }

    #[inline(always)]
    pub(crate) fn count_new(&self) {
        let young = &self.generations[0];
        let count = young.count.get().wrapping_add(1);
        young.count.set(count);
        if count > young.threshold.get() || cfg!(naja_paranoid) {
            self.over_threshold()
        }
    }

    #[inline(always)]
    pub(crate) fn count_freed(&self) {
        let young = &self.generations[0];
        young.count.set(young.count.get().saturating_sub(1));
    }

    #[cold]
    #[inline(never)]
    fn over_threshold(&self) {
        let young = &self.generations[0];
        let mut due = young.count.get() > young.threshold.get();
        if cfg!(naja_paranoid) {
            self.since_stress
                .set(self.since_stress.get().wrapping_add(1));
            due |= self.stress_is_due();
        }
        if due && self.is_automatic() {
            // SAFETY: `set_breaker`'s contract.
            if let Some(word) = unsafe { self.breaker.get().as_ref() } {
                // Native code that makes many objects comes here for each of them.
                let bit = self.breaker_bit.get();
                if word.load(Ordering::Relaxed) & bit == 0 {
                    word.fetch_or(bit, Ordering::Relaxed);
                }
            }
        }
    }

    fn is_automatic(&self) -> bool {
        self.enabled.get() && self.generations[0].threshold.get() != 0 && !self.collecting.get()
    }

    fn stress_is_due(&self) -> bool {
        self.stress.get() != 0 && self.since_stress.get() >= self.stress.get()
    }

    /// Whether a collection runs.
    pub fn is_collecting(&self) -> bool {
        self.collecting.get()
    }

    /// `gc.get_count()`.
    pub fn counts(&self) -> [u32; 3] {
        [0, 1, 2].map(|n: usize| self.generations[n].count.get())
    }

    /// `gc.get_threshold()`.
    pub fn thresholds(&self) -> [u32; 3] {
        [0, 1, 2].map(|n: usize| self.generations[n].threshold.get())
    }

    /// `gc.freeze()`: all tracked objects become permanent.
    pub fn freeze(&self) {
        for generation in &self.generations {
            self.permanent.merge(&generation.head);
            generation.count.set(0);
        }
    }

    /// `gc.unfreeze()`: the permanent objects join the oldest generation.
    pub fn unfreeze(&self) {
        self.generations[2].head.merge(&self.permanent);
    }

    /// `gc.get_freeze_count()`.
    pub fn freeze_count(&self) -> usize {
        self.permanent.len()
    }

    /// `gc.is_tracked(obj)`.
    pub fn is_tracked(&self, object: &Header) -> bool {
        object.has_flag(Flags::TRACKED)
    }

    /// `gc.is_finalized(obj)`.
    pub fn is_finalized(&self, object: &Header) -> bool {
        object.has_flag(Flags::FINALIZED)
    }

    /// `gc.get_objects(generation)`: the tracked objects of one generation (0 to 2), or of all three.
    pub fn objects(&self, generation: Option<usize>) -> Vec<Value> {
        let mut found = Vec::new();
        for (index, ring) in self.generations.iter().enumerate() {
            if generation.is_none_or(|wanted| wanted == index) {
                ring.head
                    .each(|object| found.push(Value::of_header(object)))
            }
        }
        found
    }

    /// `gc.get_referrers(*targets)`: the tracked objects that refer to one of `targets` directly.
    pub fn referrers(&self, targets: &[&Header]) -> Vec<Value> {
        let mut found = Vec::new();
        let heap = Heap::current();
        for ring in &self.generations {
            ring.head.each(|object| {
                let mut refers = false;
                heap.traverse(
                    object,
                    &mut Visitor::new(&mut |seen| {
                        refers |= targets.iter().any(|target| ptr::eq(*target, seen));
                    }),
                );
                if refers {
                    found.push(Value::of_header(object))
                }
            })
        }
        found
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

    /// Reports every reference that an object owns: `__slots__`, attributes, payload, and its type if that is counted.
    pub fn traverse(&self, object: &Header, visitor: &mut Visitor) {
        collect::traverse(self, object, visitor)
    }

    /// `gc.get_referents(object)`.
    pub fn referents(&self, object: &Header) -> Vec<Value> {
        let mut found = Vec::new();
        if object.layout().pre.get() & crate::TypeLayout::PRE_GC != 0 {
            self.traverse(
                object,
                &mut Visitor::new(&mut |seen| found.push(Value::of_header(seen))),
            );
        }
        found
    }
}
