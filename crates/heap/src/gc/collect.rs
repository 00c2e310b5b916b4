//! One collection: finding the objects that only refer to each other, finalizing them, breaking them up.
//!
//! The references from inside of the collected set are subtracted from the objects' counts; what is left counts the
//! references from outside. Objects with such a reference, and all that can be reached from them, survive and move to
//! the next generation. The others get their weak references cleared (callbacks of surviving weak references are
//! called), then their finalizers run, then it is computed again which of them are still unreachable, and those are
//! cleared one by one until reference counting has freed them. Between these steps Python code runs, and may free or
//! revive any object of the set: nothing is remembered across it except by the rings themselves.
//!
//! While counts are in the `prev` links (from `count_references` to `split`) no foreign code runs but `traverse`.
//!
//! CPython: Python/gc.c (`gc_collect_main`).

use super::{Collection, DEFAULT_THRESHOLDS, GcHead, GcState, Note, Phase};
use crate::alloc::Heap;
use crate::header::{Flags, Header, TypeLayout};
use crate::object::Visitor;
use crate::release;
use crate::value::Value;
use std::time::Instant;

/// After so many collections of the middle generation that found nothing, most are left out.
const IDLE_ENOUGH: u32 = 4;
/// So many are left out one after the other at most.
const MOST_SKIPPED: u32 = 7;

/// Reports every reference that `object` owns.
pub(super) fn traverse(heap: &Heap, object: &Header, visitor: &mut Visitor) {
    let ty = object.layout();
    if ty.slot_count.get() != 0 {
        for slot in release::slots(object) {
            // SAFETY: nothing changes the slot while the visitor looks at it.
            visitor.opt(unsafe { &*slot.as_ptr() })
        }
    }
    if ty.pre.get() & TypeLayout::PRE_ATTRS != 0 {
        (heap.hooks.traverse_attrs)(object, visitor);
    }
    // SAFETY: the payload is that of the live object's type.
    unsafe { (ty.payload.traverse)(payload(object), visitor) }
    if ty.flags.get() & TypeLayout::COUNTED != 0 {
        // SAFETY: the object keeps its type alive.
        visitor.header(unsafe { &*crate::alloc::type_header(ty) })
    }
}

/// Whether an object has a finalizer that has not run yet.
fn wants_finalizer(object: &Header) -> bool {
    object.layout().flags.get() & TypeLayout::HAS_FINALIZER != 0
        && !object.has_flag(Flags::FINALIZED)
}

/// Drops the references of an object in a cycle; the object stays usable.
fn clear(heap: &Heap, object: &Header) {
    let ty = object.layout();
    // SAFETY: the payload is that of the live object's type.
    unsafe { (ty.payload.clear)(payload(object)) }
    let ty = object.layout();
    if ty.slot_count.get() != 0 {
        release::drop_slots(object);
    }
    if ty.pre.get() & TypeLayout::PRE_ATTRS != 0 {
        (heap.hooks.clear_attrs)(object);
    }
}

fn payload(object: &Header) -> *const u8 {
    (object as *const Header).wrapping_add(1) as *const u8
}

/// The count of references from outside, kept in `prev` while a collection computes.
fn outside(entry: &GcHead) -> usize {
    entry.prev.get() as usize
}

fn set_outside(entry: &GcHead, count: usize) {
    entry.prev.set(count as *mut GcHead)
}

impl Heap {
    /// Collects if enough was allocated, and collecting is switched on. To be called where anything may run.
    pub fn collect_if_needed(&self) -> Option<Collection> {
        if !self.gc.is_automatic() {
            return None;
        }
        let generation = match self.gc.due(self.taken()) {
            Some(generation) => generation,
            None if self.gc.stress_is_due() => 2,
            None => return None,
        };
        self.gc.since_stress.set(0);
        let generation = match generation {
            1 if self.gc.skips_middle() => 0,
            0 if self.gc.starting.get() && self.gc.backs_off() && self.gc.debug.get() == 0 => {
                let (young, old) = self.gc.begin(0);
                let made = young.len();
                self.gc.age(0, young, old, made);
                return None;
            }
            generation => generation,
        };
        self.collect(generation)
    }

    /// Collects `generation` (0 to 2) and the younger ones. `None` if a collection runs already, or the caller is
    /// inside of a `MutCell`.
    pub fn collect(&self, generation: usize) -> Option<Collection> {
        if release::guarded() || self.gc.collecting.replace(true) {
            return None;
        }
        let running = Running(&self.gc);
        let collection = self.collect_now(generation.min(2));
        drop(running);
        if collection.generation == 2 {
            self.trim();
        }
        Some(collection)
    }

    fn collect_now(&self, generation: usize) -> Collection {
        let gc = &self.gc;
        let mut result = Collection {
            generation,
            ..Collection::default()
        };
        (self.hooks.collection)(Phase::Start, &result);
        let debug = gc.debug.get();
        let start = (debug & GcState::DEBUG_STATS != 0).then(|| {
            self.note_sizes(generation);
            Instant::now()
        });
        let (young, old) = gc.begin(generation);

        let unreachable = Ring::new();
        let survivors;
        (result.candidates, survivors) = self.split(young, &unreachable.0);
        gc.age(generation, young, old, survivors);
        if debug & GcState::DEBUG_COLLECTABLE != 0 {
            unreachable
                .0
                .each(|object| (self.hooks.gc_note)(Note::Collectable(object)));
        }
        let (called, freed) = self.call_weakref_callbacks(&unreachable.0);
        result.collected += freed;
        let finalized = self.finalize_all(&unreachable.0);

        let dead = Ring::new();
        if called || finalized {
            unreachable
                .0
                .each(|object| object.set_flag(Flags::COLLECTING, false));
            self.split(&unreachable.0, &dead.0);
        } else {
            // Nothing has run that could have revived any of them.
            dead.0.merge(&unreachable.0);
        }
        // Finalizers may have made new weak references: nobody is to see the dead through them.
        dead.0.each(|object| {
            if object.has_flag(Flags::HAS_WEAKREFS) {
                (self.hooks.detach_weakrefs)(object, true, &mut Vec::new())
            }
        });
        old.merge(&unreachable.0);
        result.collected += dead.0.len();
        self.clear_all(&dead.0, old);

        if let Some(start) = start {
            let text = format!(
                "gc: done, {} unreachable, {} uncollectable, {:.4}s elapsed\n",
                result.collected,
                result.uncollectable,
                start.elapsed().as_secs_f64()
            );
            (self.hooks.gc_note)(Note::Text(&text));
        }
        let stats = &gc.generations[generation];
        stats.collections.set(stats.collections.get() + 1);
        stats
            .collected
            .set(stats.collected.get() + result.collected);
        let idle = match result.collected {
            0 => stats.idle.get().saturating_add(1),
            _ => 0,
        };
        stats.idle.set(idle);
        if generation == 2 {
            gc.taken_then.set(self.taken());
        }
        (self.hooks.collection)(Phase::Stop, &result);
        result
    }

    fn note_sizes(&self, generation: usize) {
        let [young, middle, old] = [0, 1, 2].map(|n: usize| self.gc.generations[n].head.len());
        for text in [
            format!("gc: collecting generation {generation}...\n"),
            format!("gc: objects in each generation: {young} {middle} {old}\n"),
            format!(
                "gc: objects in permanent generation: {}\n",
                self.gc.freeze_count()
            ),
        ] {
            (self.hooks.gc_note)(Note::Text(&text));
        }
    }

    /// Moves those objects of `base` to `unreachable` that cannot be reached from outside of `base`; they keep the
    /// mark `COLLECTING`. Gives the number of objects looked at, and of those that stay.
    fn split(&self, base: &GcHead, unreachable: &GcHead) -> (usize, usize) {
        let candidates = self.count_references(base);
        let mut survivors = 0;
        // SAFETY: from here to the end nothing but `traverse` runs, so that no object comes or goes. `next` links are
        // always whole; `prev` links hold counts to the right of `last` and are restored to its left. The ring's own
        // `prev` names the last entry, which is valid whenever `traverse` runs, as its entry is still in the ring.
        unsafe {
            let mut last = base.address();
            let mut entry = base.next.get();
            while entry != base.address() {
                let object = &*GcHead::header(entry);
                if outside(&*entry) > 0 {
                    traverse(self, object, &mut Visitor::reach(base));
                    object.set_flag(Flags::COLLECTING, false);
                    if is_simple(object) {
                        // It can never be part of a cycle: off the lists, by what `untrack` would do to whole links.
                        let next = (*entry).next.get();
                        (*last).next.set(next);
                        if next == base.address() {
                            base.prev.set(last)
                        }
                        object.set_flag(Flags::TRACKED, false);
                    } else {
                        (*entry).prev.set(last);
                        last = entry;
                        survivors += 1;
                    }
                } else {
                    (*last).next.set((*entry).next.get());
                    unreachable.append(entry);
                    object.set_flag(Flags::UNREACHABLE, true);
                }
                entry = (*last).next.get();
            }
            base.prev.set(last);
        }
        unreachable.each(|object| object.set_flag(Flags::UNREACHABLE, false));
        (candidates, survivors)
    }

    /// Writes into each object's `prev` how many references to it come from outside of `base`.
    fn count_references(&self, base: &GcHead) -> usize {
        let mut candidates = 0;
        let mut entry = base.next.get();
        while entry != base.address() {
            // SAFETY: the entries are live objects' collector parts. The links of this one and the `next` links of all
            // are still whole, which is what taking it off needs.
            unsafe {
                let next = (*entry).next.get();
                let object = &*GcHead::header(entry);
                if object.is_immortal() {
                    self.untrack(object);
                } else {
                    debug_assert!(object.refcount() > 0, "a dead object is tracked");
                    candidates += 1;
                    object.set_flag(Flags::COLLECTING, true);
                    set_outside(&*entry, object.refcount() as usize);
                }
                entry = next;
            }
        }
        let mut visitor = Visitor::subtract();
        base.each(|object| traverse(self, object, &mut visitor));
        candidates
    }

    /// Clears the weak references to (and among) unreachable objects, then calls the callbacks of those weak references
    /// that are reachable themselves. Says whether there were any, and gives the number of those that died of it.
    fn call_weakref_callbacks(&self, unreachable: &GcHead) -> (bool, usize) {
        let mut found = Vec::new();
        unreachable.each(|object| {
            if object.has_flag(Flags::HAS_WEAKREFS)
                || object.layout().flags.get() & TypeLayout::WEAK != 0
            {
                (self.hooks.detach_weakrefs)(object, true, &mut found)
            }
        });
        let mut freed = 0;
        // A weak reference that is garbage itself is not called: its callback could see the garbage.
        let (trash, alive): (Vec<Value>, Vec<Value>) = found
            .into_iter()
            .partition(|weak| weak.header().is_some_and(|h| h.has_flag(Flags::COLLECTING)));
        let called = !trash.is_empty() || !alive.is_empty();
        drop(trash);
        for weak in alive {
            (self.hooks.call_weakref)(weak.clone());
            freed += weak.header().is_some_and(|header| header.refcount() == 1) as usize;
            drop(weak);
        }
        (called, freed)
    }

    /// Runs the finalizers that have not run yet; whether there were any. Objects may leave the ring meanwhile.
    fn finalize_all(&self, unreachable: &GcHead) -> bool {
        let mut any = false;
        unreachable.each(|object| any |= wants_finalizer(object));
        if !any {
            return false;
        }
        let seen = Ring::new();
        while !unreachable.is_empty() {
            let entry = unreachable.next.get();
            // SAFETY: the first entry of the ring is a live object; our reference keeps it so during the hook.
            unsafe {
                GcHead::remove(entry);
                seen.0.append(entry);
                let object = &*GcHead::header(entry);
                if wants_finalizer(object) {
                    object.set_flag(Flags::FINALIZED, true);
                    let _keep = Value::of_header(object);
                    (self.hooks.finalize)(object);
                }
            }
        }
        unreachable.merge(&seen.0);
        true
    }

    /// Whether any object other than `except` may have a finalizer that is still to run.
    pub fn has_finalizers(&self, except: &[Value]) -> bool {
        let mut found = self.gc.unseen_finalizers.get();
        let expected = |object: &Header| {
            except
                .iter()
                .filter_map(Value::header)
                .any(|header| std::ptr::eq(header, object))
        };
        let generations = self
            .gc
            .generations
            .iter()
            .map(|generation| &generation.head);
        for ring in generations.chain([&self.gc.permanent]) {
            ring.each(|object| found |= wants_finalizer(object) && !expected(object));
        }
        found
    }

    /// Breaks the cycles. Objects leave the ring as they die; those that live on for a while move to `old`.
    fn clear_all(&self, dead: &GcHead, old: &GcHead) {
        while !dead.is_empty() {
            let entry = dead.next.get();
            // SAFETY: the first entry of the ring is a live object; our reference keeps it so during `clear`.
            unsafe {
                let object = &*GcHead::header(entry);
                let keep = Value::of_header(object);
                if self.gc.debug.get() & GcState::DEBUG_SAVEALL != 0 {
                    (self.hooks.save_garbage)(object);
                } else {
                    clear(self, object);
                }
                drop(keep);
                if dead.next.get() == entry {
                    GcHead::remove(entry);
                    old.append(entry);
                    (*GcHead::header(entry)).set_flag(Flags::COLLECTING, false);
                }
            }
        }
    }
}

/// Whether an object says that it can never be part of a cycle.
#[inline]
fn is_simple(object: &Header) -> bool {
    let ty = object.layout();
    ty.payload.may_untrack
        && ty.pre.get() & TypeLayout::PRE_ATTRS == 0
        && ty.slot_count.get() == 0
        && ty.flags.get() & TypeLayout::COUNTED == 0
        // SAFETY: the payload is that of the live object's type.
        && unsafe { (ty.payload.untrack)(payload(object)) }
}

/// Subtracts one reference from the inside.
#[inline(always)]
pub(crate) fn subtract(seen: &Header) {
    if seen.has_flag(Flags::COLLECTING) {
        // SAFETY: an object with this mark has a collector part.
        let entry = unsafe { &*GcHead::of(seen as *const Header as *mut Header) };
        debug_assert!(
            outside(entry) > 0,
            "a {} has too small a count",
            seen.layout().payload.name
        );
        set_outside(entry, outside(entry).saturating_sub(1));
    }
}

/// Notes that `seen` can be reached: it will be, or is once more, among the entries that `split` still has to visit.
#[inline(always)]
pub(crate) fn reach(seen: &Header, base: &GcHead) {
    if !seen.has_flag(Flags::COLLECTING) {
        return;
    }
    // SAFETY: an object with this mark has a collector part; with `UNREACHABLE` it is whole in the other ring.
    unsafe {
        let entry = GcHead::of(seen as *const Header as *mut Header);
        if seen.has_flag(Flags::UNREACHABLE) {
            GcHead::remove(entry);
            base.append(entry);
            seen.set_flag(Flags::UNREACHABLE, false);
            set_outside(&*entry, 1);
        } else if outside(&*entry) == 0 {
            set_outside(&*entry, 1);
        }
    }
}

/// A ring on the stack, for the time of one collection. What is left in it at a panic goes to the oldest generation.
struct Ring(Box<GcHead>);

impl Ring {
    fn new() -> Ring {
        let head = Box::new(GcHead::new());
        head.close();
        Ring(head)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if !self.0.is_empty()
            && let Some(heap) = Heap::try_current()
        {
            self.0
                .each(|object| object.set_flag(Flags::COLLECTING | Flags::UNREACHABLE, false));
            heap.gc.generations[2].head.merge(&self.0);
        }
    }
}

/// Ends the state of collecting, also if a hook panics.
struct Running<'a>(&'a GcState);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.collecting.set(false)
    }
}

impl GcState {
    /// The oldest generation over its threshold. The oldest of all is only due when the objects that joined it since
    /// its last collection are a quarter of the others: so the cost of full collections stays linear. And where those
    /// last found nothing, there is nothing to hope for before the heap has grown by a quarter, to `taken` bytes.
    fn due(&self, taken: usize) -> Option<usize> {
        (0..3).rev().find(|&n| {
            let generation = &self.generations[n];
            if generation.count.get() <= generation.threshold.get() {
                return false;
            }
            let then = self.taken_then.get();
            n < 2
                || self.long_lived_pending.get() >= self.long_lived_total.get() / 4
                    && !(self.backs_off() && generation.idle.get() > 0 && taken < then + then / 4)
        })
    }

    /// Whether collections that find nothing may become rarer: not where the program has set thresholds of its own.
    fn backs_off(&self) -> bool {
        self.thresholds() == DEFAULT_THRESHOLDS && self.stress.get() == 0
    }

    /// Whether the middle generation, which is due, joins the oldest without being looked at: most times where its last
    /// collections have found nothing.
    fn skips_middle(&self) -> bool {
        let middle = &self.generations[1];
        let skipped = self.skipped.get();
        if !self.backs_off() || middle.idle.get() < IDLE_ENOUGH || skipped >= MOST_SKIPPED {
            self.skipped.set(0);
            return false;
        }
        self.skipped.set(skipped + 1);
        middle.count.set(0);
        let oldest = &self.generations[2];
        oldest.count.set(oldest.count.get() + 1);
        oldest.head.merge(&middle.head);
        let joined = self.middle_survivors.take();
        self.long_lived_pending
            .set(self.long_lived_pending.get() + joined);
        true
    }

    /// Resets the counters and merges the younger generations: the ring to collect and the one for the survivors.
    fn begin(&self, generation: usize) -> (&GcHead, &GcHead) {
        if let Some(next) = self.generations.get(generation + 1) {
            next.count.set(next.count.get() + 1);
        }
        let young = &self.generations[generation].head;
        for younger in &self.generations[..=generation] {
            younger.count.set(0);
        }
        for younger in &self.generations[..generation] {
            young.merge(&younger.head);
        }
        (young, &self.generations[(generation + 1).min(2)].head)
    }

    /// Moves the survivors to the next generation.
    fn age(&self, generation: usize, young: &GcHead, old: &GcHead, survivors: usize) {
        match generation {
            0 => {
                self.middle_survivors
                    .set(self.middle_survivors.get() + survivors);
                old.merge(young)
            }
            1 => {
                self.middle_survivors.set(0);
                self.long_lived_pending
                    .set(self.long_lived_pending.get() + survivors);
                old.merge(young);
            }
            _ => {
                self.middle_survivors.set(0);
                self.long_lived_pending.set(0);
                self.long_lived_total.set(survivors);
            }
        }
    }
}
