//! What happens when a count reaches zero: deferral, finalizer, weak references, clean-up, memory.
//!
//! The order is CPython's `subtype_dealloc`: finalizer (once, PEP 442; the object may live on), weak references and their
//! callbacks, `__slots__`, attributes, payload, memory, the type. Two things put an object aside instead: a
//! [`DeferGuard`] (inside of a `MutCell` nothing may run; freed first in, first out when the outermost guard ends), and
//! nesting deeper than [`MAX_NESTING`] (freed last in, first out by the outermost `release`, so that chains of any
//! length need no native stack). An object aside has count 0 and [`Flags::DEFERRED`]; it may be revived meanwhile
//! through a weak reference, which is noticed when its turn comes.
//!
//! CPython: Objects/typeobject.c (`subtype_dealloc`), Objects/object.c (trashcan, `PyObject_CallFinalizerFromDealloc`).

use crate::alloc::{Heap, type_header};
use crate::gc::GcHead;
use crate::header::{Flags, Header, TypeLayout};
use crate::value::Value;
use std::cell::Cell;
use std::ptr;

/// Releases nested deeper than this are put aside.
const MAX_NESTING: u32 = 50;

/// What a thread knows: its current heap, and the objects that it has put aside.
pub(crate) struct Local {
    pub(crate) heap: Cell<*const Heap>,
    guards: Cell<u32>,
    nesting: Cell<u32>,
    deferred: Cell<*mut GcHead>,
    deferred_tail: Cell<*mut GcHead>,
    trash: Cell<*mut GcHead>,
}

thread_local! {
    pub(crate) static LOCAL: Local = const {
        Local {
            heap: Cell::new(ptr::null()),
            guards: Cell::new(0),
            nesting: Cell::new(0),
            deferred: Cell::new(ptr::null_mut()),
            deferred_tail: Cell::new(ptr::null_mut()),
            trash: Cell::new(ptr::null_mut()),
        }
    };
}

/// This thread's state. (A pointer, so that the closure of `with` is small enough to be inlined everywhere.)
#[inline(always)]
pub(crate) fn local() -> &'static Local {
    // SAFETY: the state has no destructor and lives as long as its thread, which the reference does not leave: `Local`
    // is not `Sync`.
    unsafe { &*LOCAL.with(|local| local as *const Local) }
}

/// While one of these lives, objects of this thread whose count reaches zero are put aside.
pub struct DeferGuard(());

impl DeferGuard {
    #[inline(always)]
    pub fn enter() -> DeferGuard {
        let local = local();
        local.guards.set(local.guards.get() + 1);
        DeferGuard(())
    }
}

impl Drop for DeferGuard {
    #[inline(always)]
    fn drop(&mut self) {
        let local = local();
        let guards = local.guards.get() - 1;
        local.guards.set(guards);
        if guards == 0 && !local.deferred.get().is_null() {
            flush()
        }
    }
}

/// Whether a [`DeferGuard`] of this thread lives.
pub(crate) fn guarded() -> bool {
    local().guards.get() != 0
}

/// Frees, or puts aside, an object whose count has reached zero.
///
/// # Safety
/// The last reference to the object is gone.
#[inline(never)]
pub(crate) unsafe fn release(header: *mut Header) {
    // SAFETY: nobody else has a reference; the object is intact until `destroy`.
    unsafe {
        let local = local();
        let Some(heap) = local.heap.get().as_ref() else {
            return; // no interpreter attached: the object leaks
        };
        let object = &*header;
        let ty = object.layout();
        let flags = object.all_flags();
        let pre = ty.pre.get();
        let special = ty.flags.get() & (TypeLayout::HAS_FINALIZER | TypeLayout::COUNTED);
        let plain = ty.slot_count.get() == 0
            && (special & TypeLayout::HAS_FINALIZER == 0 || flags & Flags::FINALIZED != 0)
            && flags & (Flags::HAS_WEAKREFS | Flags::DEFERRED | Flags::LARGE | Flags::TRACED) == 0;
        if !plain {
            return release_parts(local, heap, header);
        }
        if pre == 0 {
            if special & TypeLayout::COUNTED != 0 {
                return release_parts(local, heap, header);
            }
            if !ty.payload.needs_drop {
                return heap.free_small(header as *mut u8);
            }
        } else if local.guards.get() != 0 {
            return release_parts(local, heap, header);
        }
        // An object that is its attributes and payload and nothing else: the usual case, of the steps below.
        let nesting = local.nesting.get();
        if nesting >= MAX_NESTING {
            return put_in_trash(local, heap, header);
        }
        local.nesting.set(nesting + 1);
        if flags & Flags::TRACKED != 0 {
            GcHead::remove(GcHead::of(header));
            object.set_all_flags(flags & !Flags::TRACKED);
        }
        if pre & TypeLayout::PRE_ATTRS != 0 {
            (heap.hooks.drop_attrs)(object);
        }
        if ty.payload.needs_drop {
            (ty.payload.drop)(header.add(1) as *mut u8);
        }
        if pre != 0 {
            if pre & TypeLayout::PRE_GC != 0 {
                heap.gc.count_freed();
            }
            // The object's reference keeps the type until the end.
            let ty: *const TypeLayout = ty;
            heap.free_small((header as *mut u8).sub((*ty).pre_size()));
            if special & TypeLayout::COUNTED != 0 {
                (*type_header(ty)).decref();
            }
        } else {
            heap.free_small(header as *mut u8);
        }
        if nesting == 0 && !local.trash.get().is_null() {
            empty_trash(local, heap);
        }
        local.nesting.set(nesting);
    }
}

/// As `release`, for objects that consist of more than their block.
///
/// # Safety
/// As for `release`.
#[inline(never)]
unsafe fn release_parts(local: &Local, heap: &Heap, header: *mut Header) {
    // SAFETY: by contract.
    unsafe {
        let object = &*header;
        let ty = object.layout();
        let quiet = ty.pre.get() == 0
            && ty.flags.get() & TypeLayout::HAS_FINALIZER == 0
            && !object.has_flag(Flags::HAS_WEAKREFS);
        if object.has_flag(Flags::DEFERRED) {
            return; // revived and dropped again: it is still on its list
        }
        if !quiet && local.guards.get() != 0 {
            return defer(local, heap, header);
        }
        let nesting = local.nesting.get();
        if nesting >= MAX_NESTING {
            return put_in_trash(local, heap, header);
        }
        local.nesting.set(nesting + 1);
        destroy(heap, header);
        if nesting == 0 && !local.trash.get().is_null() {
            empty_trash(local, heap);
        }
        local.nesting.set(nesting);
    }
}

/// The list entry for an object put aside: its collector part, or a block of its own for objects without one.
///
/// # Safety
/// The object is alive with count 0. Null if there is no memory: the object leaks.
unsafe fn make_entry(heap: &Heap, header: *mut Header) -> *mut GcHead {
    // SAFETY: objects with a `pre` part have 16 bytes for links before the header.
    unsafe {
        heap.untrack(&*header);
        (*header).set_flag(Flags::DEFERRED, true);
        let entry = if (*header).layout().pre.get() != 0 {
            GcHead::of(header)
        } else {
            let entry = libc::malloc(size_of::<GcHead>()) as *mut GcHead;
            if entry.is_null() {
                return entry;
            }
            entry
        };
        let owner = if (*header).layout().pre.get() != 0 {
            ptr::null_mut()
        } else {
            header as *mut GcHead
        };
        entry.write(GcHead {
            next: Cell::new(ptr::null_mut()),
            prev: Cell::new(owner),
        });
        entry
    }
}

/// Undoes `make_entry`: the object and the next entry.
///
/// # Safety
/// `entry` came from `make_entry`, and is not used afterwards.
unsafe fn take_entry(entry: *mut GcHead) -> (*mut Header, *mut GcHead) {
    // SAFETY: by contract.
    unsafe {
        let next = (*entry).next.get();
        let owner = (*entry).prev.get();
        let header = if owner.is_null() {
            (*entry).next.set(ptr::null_mut());
            GcHead::header(entry)
        } else {
            libc::free(entry as *mut libc::c_void);
            owner as *mut Header
        };
        (*header).set_flag(Flags::DEFERRED, false);
        (header, next)
    }
}

#[cold]
unsafe fn put_in_trash(local: &Local, heap: &Heap, header: *mut Header) {
    // SAFETY: by the caller's contract.
    unsafe {
        let entry = make_entry(heap, header);
        if !entry.is_null() {
            (*entry).next.set(local.trash.replace(entry));
        }
    }
}

#[cold]
unsafe fn defer(local: &Local, heap: &Heap, header: *mut Header) {
    // SAFETY: by the caller's contract; the tail is valid while the list is not empty.
    unsafe {
        let entry = make_entry(heap, header);
        if entry.is_null() {
            return;
        }
        if local.deferred.get().is_null() {
            local.deferred.set(entry);
        } else {
            (*local.deferred_tail.get()).next.set(entry);
        }
        local.deferred_tail.set(entry);
    }
}

/// Frees the deferred objects in order. Those that are deferred meanwhile are the next guard's business.
#[cold]
#[inline(never)]
fn flush() {
    let mut entry = local().deferred.replace(ptr::null_mut());
    while !entry.is_null() {
        // SAFETY: the list is ours since we took it; each entry is taken once.
        unsafe {
            let (header, next) = take_entry(entry);
            entry = next;
            if (*header).refcount() == 0 {
                release(header)
            } else {
                Heap::current().track(&*header)
            }
        }
    }
}

#[cold]
unsafe fn empty_trash(local: &Local, heap: &Heap) {
    loop {
        let entry = local.trash.get();
        if entry.is_null() {
            break;
        }
        // SAFETY: as in `flush`; the nesting count is 1, so that nested releases may go 50 deep again.
        unsafe {
            let (header, next) = take_entry(entry);
            local.trash.set(next);
            if (*header).refcount() == 0 {
                destroy(heap, header)
            } else {
                heap.track(&*header)
            }
        }
    }
}

/// Ends an object's life, unless its finalizer revives it.
///
/// # Safety
/// The object's count is 0.
#[inline]
unsafe fn destroy(heap: &Heap, header: *mut Header) {
    // SAFETY: we are the only one who knows the object, except where hooks are told of it with a count of 1.
    unsafe {
        let object = &*header;
        heap.untrack(object);
        if object.layout().flags.get() & TypeLayout::HAS_FINALIZER != 0 && !finalize(heap, object) {
            return;
        }
        if object.has_flag(Flags::HAS_WEAKREFS) {
            object.set_refcount(1);
            (heap.hooks.clear_weakrefs)(object);
            if !last_reference(heap, object) {
                return;
            }
            object.set_flag(Flags::HAS_WEAKREFS, false);
        }
        let ty = object.layout();
        if ty.slot_count.get() != 0 {
            drop_slots(object);
        }
        if ty.pre.get() & TypeLayout::PRE_ATTRS != 0 {
            (heap.hooks.drop_attrs)(object);
        }
        if ty.payload.needs_drop {
            (ty.payload.drop)(header.add(1) as *mut u8);
        }
        free(heap, header)
    }
}

/// Calls the finalizer of a dying object; whether the object still dies.
#[cold]
unsafe fn finalize(heap: &Heap, object: &Header) -> bool {
    let gc = object.layout().pre.get() & TypeLayout::PRE_GC != 0;
    if gc && object.has_flag(Flags::FINALIZED) {
        return true;
    }
    object.set_refcount(1);
    heap.track(object);
    (heap.hooks.finalize)(object);
    if gc {
        object.set_flag(Flags::FINALIZED, true);
    }
    if !last_reference(heap, object) {
        return false;
    }
    heap.untrack(object);
    true
}

/// Takes back the reference lent to a hook; whether it was the last.
fn last_reference(heap: &Heap, object: &Header) -> bool {
    let count = object.refcount();
    if object.is_immortal() {
        heap.track(object);
        return false;
    }
    object.set_refcount(count.saturating_sub(1));
    if count > 1 {
        heap.track(object);
    }
    count <= 1
}

/// The words of an object's `__slots__`.
pub(crate) fn slots(object: &Header) -> &[Cell<Option<Value>>] {
    let ty = object.layout();
    let first = (object as *const Header as *const u8).wrapping_add(ty.slots_offset.get() as usize);
    // SAFETY: the type says that so many words stand there; they were zeroed when the object was made.
    unsafe {
        std::slice::from_raw_parts(
            first as *const Cell<Option<Value>>,
            ty.slot_count.get() as usize,
        )
    }
}

/// The word of a name of `__slots__` that stands `offset` bytes behind the object's header; None if none stands there.
pub fn object_slot(object: &Header, offset: usize) -> Option<&Cell<Option<Value>>> {
    let first = object.layout().slots_offset.get() as usize;
    let distance = offset.checked_sub(first)?;
    if distance % 8 != 0 {
        return None;
    }
    slots(object).get(distance / 8)
}

pub(crate) fn drop_slots(object: &Header) {
    for slot in slots(object) {
        drop(slot.take());
    }
}

/// Frees the block of an object whose parts are dropped, and its reference to its type.
#[inline(always)]
unsafe fn free(heap: &Heap, header: *mut Header) {
    // SAFETY: nothing in the block is used afterwards.
    unsafe {
        let ty = (*header).layout_ptr();
        let pre = (*ty).pre.get();
        let counted = (*ty).flags.get() & TypeLayout::COUNTED != 0;
        if pre & TypeLayout::PRE_GC != 0 {
            heap.gc.count_freed();
        }
        heap.free_block(
            (header as *mut u8).sub((*ty).pre_size()),
            (*header).all_flags(),
        );
        if counted {
            (*type_header(ty)).decref();
        }
    }
}
