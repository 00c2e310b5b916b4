//! The heap of one interpreter: making objects, the current heap of a thread, byte budget and statistics.
//!
//! An object's block is `pre part | header | payload | rest`; everything but header and payload starts out zeroed, so
//! that `Option<Value>` words behind the payload read as "unset". Objects with a collector part are linked into the
//! youngest generation when they are made; a collection is only ever *asked for* here (a bit in the evaluation loop's
//! breaker word), never run, because a caller may be in the middle of anything.
//!
//! CPython: Objects/obmalloc.c, Objects/object.c, Modules/gcmodule.c (`gc_alloc`).

use crate::gc::GcState;
use crate::header::{Flags, Header, TypeLayout};
use crate::object::{Payload, Ref, Visitor};
use crate::release::LOCAL;
use crate::value::Value;
use std::cell::Cell;
use std::ptr;

/// The system's memory or the heap's byte budget is used up (Python's `MemoryError`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocError;

impl std::fmt::Display for AllocError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("out of memory")
    }
}

impl std::error::Error for AllocError {}

/// What the machine does for the heap: everything that may run Python, and everything about attribute storage.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// Runs the finalizer of an object whose type has [`TypeLayout::HAS_FINALIZER`]; the object's count is at least 1.
    /// An object with references left afterwards lives on. An error in the finalizer is the hook's to report.
    pub finalize: fn(&Header),
    /// Clears all weak references to a dying object ([`Flags::HAS_WEAKREFS`]), then calls their callbacks.
    pub clear_weakrefs: fn(&Header),
    /// For the collector: clears the weak references to an unreachable object (those with a callback, or, if the
    /// `bool` is set, all) without calling anything, and hands over those that have a callback.
    pub detach_weakrefs: fn(&Header, bool, &mut Vec<Value>),
    /// Calls the callback of a weak reference that `detach_weakrefs` handed over.
    pub call_weakref: fn(Value),
    /// Reports the references held by the attributes (inline values, storage, dict) of an object with
    /// [`TypeLayout::PRE_ATTRS`].
    pub traverse_attrs: fn(&Header, &mut Visitor),
    /// Drops the attributes of an object in a cycle; the object stays usable.
    pub clear_attrs: fn(&Header),
    /// Drops the attributes of a dead object and frees their storage.
    pub drop_attrs: fn(&Header),
}

impl Default for Hooks {
    /// Hooks for a heap without weak references, finalizers and attributes (tests).
    fn default() -> Hooks {
        Hooks {
            finalize: |_| {},
            clear_weakrefs: |_| {},
            detach_weakrefs: |_, _, _| {},
            call_weakref: drop,
            traverse_attrs: |_, _| {},
            clear_attrs: |_| {},
            drop_attrs: |_| {},
        }
    }
}

/// Figures about a heap's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeapStats {
    /// Bytes in live blocks and charged external memory.
    pub used: usize,
    /// The budget for `used`.
    pub limit: usize,
    /// Bytes charged with [`Heap::charge`].
    pub external: usize,
    /// Live blocks.
    pub blocks: usize,
}

/// One interpreter's objects. Used by one thread at a time: the one that holds the interpreter's lock.
pub struct Heap {
    pub(crate) hooks: Hooks,
    pub(crate) gc: GcState,
    used: Cell<usize>,
    external: Cell<usize>,
    limit: Cell<usize>,
    blocks: Cell<usize>,
}

// SAFETY: a heap is used under its interpreter's lock only; the lock orders the accesses of different threads.
unsafe impl Send for Heap {}
// SAFETY: as above.
unsafe impl Sync for Heap {}

/// The heap that was current before [`Heap::enter`]; to be given back to [`Heap::leave`].
#[must_use]
pub struct Previous(*const Heap);

impl Heap {
    /// A new, empty heap. It stays where it is: objects are linked into it.
    pub fn new(hooks: Hooks) -> Box<Heap> {
        let heap = Box::new(Heap {
            hooks,
            gc: GcState::new(),
            used: Cell::new(0),
            external: Cell::new(0),
            limit: Cell::new(usize::MAX),
            blocks: Cell::new(0),
        });
        heap.gc.init();
        heap
    }

    /// Makes this the calling thread's current heap, until [`Heap::leave`]. The heap must outlive that.
    pub fn enter(&self) -> Previous {
        LOCAL.with(|local| Previous(local.heap.replace(self)))
    }

    /// Makes `previous` the current heap again.
    pub fn leave(previous: Previous) {
        LOCAL.with(|local| local.heap.set(previous.0))
    }

    /// The calling thread's current heap. Panics where no interpreter is attached.
    #[inline(always)]
    pub fn current() -> &'static Heap {
        let heap = LOCAL.with(|local| local.heap.get());
        // SAFETY: whoever entered the heap keeps it alive until it leaves.
        match unsafe { heap.as_ref() } {
            Some(heap) => heap,
            None => no_heap(),
        }
    }

    /// The calling thread's current heap, if it has one.
    pub fn try_current() -> Option<&'static Heap> {
        // SAFETY: as in `current`.
        unsafe { LOCAL.with(|local| local.heap.get()).as_ref() }
    }

    /// The collector's state and settings.
    #[inline(always)]
    pub fn gc(&self) -> &GcState {
        &self.gc
    }

    /// Makes an object of type `ty` with one reference. `extra` bytes (zeroed) follow the type's fixed part.
    ///
    /// Errors where the budget or the system's memory is used up. Panics if `ty` is of another payload.
    #[inline]
    pub fn alloc_object<T: Payload>(
        &self,
        ty: &TypeLayout,
        extra: usize,
        payload: T,
    ) -> Result<Ref<T>, AllocError> {
        if !ptr::eq(ty.payload, T::INFO) {
            wrong_payload(ty, T::NAME)
        }
        let pre = ty.pre_size();
        let fixed = ty.size.get() as usize;
        let filled = size_of::<Header>() + size_of::<T>();
        debug_assert!(fixed >= filled);
        let bytes = extra.checked_add(pre + fixed).ok_or(AllocError)?;
        let (block, flags) = self.alloc_block(bytes)?;
        // SAFETY: the block has `pre + fixed + extra` bytes, aligned to 16; `filled <= fixed`. Header and payload are
        // written, the rest is zeroed, before anyone sees the object.
        unsafe {
            let header = block.add(pre) as *mut Header;
            if pre != 0 {
                ptr::write_bytes(block, 0, pre);
            }
            header.write(Header::new(ty, flags));
            (header.add(1) as *mut T).write(payload);
            let rest = fixed + extra - filled;
            if rest != 0 {
                ptr::write_bytes((header as *mut u8).add(filled), 0, rest);
            }
            if ty.flags.get() & TypeLayout::COUNTED != 0 {
                (*type_header(ty)).incref();
            }
            if ty.pre.get() & TypeLayout::PRE_GC != 0 {
                self.gc.count_new();
                self.gc.link_young(header);
            }
            Ok(Ref::from_raw(header))
        }
    }

    /// Puts an object on the collector's lists (no effect if it is there, or has no collector part).
    pub fn track(&self, header: &Header) {
        if header.layout().pre.get() & TypeLayout::PRE_GC != 0 && !header.has_flag(Flags::TRACKED) {
            // SAFETY: the object has a collector part and is not linked.
            unsafe { self.gc.link_young(header as *const Header as *mut Header) }
        }
    }

    /// Takes an object off the collector's lists.
    pub fn untrack(&self, header: &Header) {
        if header.has_flag(Flags::TRACKED) {
            // SAFETY: the object is linked.
            unsafe { self.gc.unlink(header as *const Header as *mut Header) }
        }
    }

    /// Sets the byte budget; what is over it already stays.
    pub fn set_limit(&self, bytes: usize) {
        self.limit.set(bytes)
    }

    /// Counts memory that an object holds outside the heap (a list's items, a str's bytes) against the budget.
    #[inline]
    pub fn charge(&self, bytes: usize) -> Result<(), AllocError> {
        self.take(bytes)?;
        self.external.set(self.external.get() + bytes);
        Ok(())
    }

    /// Gives back what was charged.
    #[inline]
    pub fn discharge(&self, bytes: usize) {
        debug_assert!(self.external.get() >= bytes);
        self.external.set(self.external.get().saturating_sub(bytes));
        self.used.set(self.used.get().saturating_sub(bytes));
    }

    pub fn stats(&self) -> HeapStats {
        HeapStats {
            used: self.used.get(),
            limit: self.limit.get(),
            external: self.external.get(),
            blocks: self.blocks.get(),
        }
    }

    #[inline]
    fn take(&self, bytes: usize) -> Result<(), AllocError> {
        let used = self.used.get().checked_add(bytes).ok_or(AllocError)?;
        if used > self.limit.get() {
            return Err(AllocError);
        }
        self.used.set(used);
        Ok(())
    }

    /// A block of at least `bytes`, and the flags that its object must carry for `free_block`.
    fn alloc_block(&self, bytes: usize) -> Result<(*mut u8, u32), AllocError> {
        self.take(bytes)?;
        // SAFETY: plain malloc; 16 bytes in front keep the size and the alignment.
        unsafe {
            let base = libc::malloc(bytes.saturating_add(16)) as *mut usize;
            if base.is_null() {
                self.used.set(self.used.get() - bytes);
                return Err(AllocError);
            }
            *base = bytes;
            self.blocks.set(self.blocks.get() + 1);
            Ok(((base as *mut u8).add(16), 0))
        }
    }

    /// # Safety
    /// `block` came from `alloc_block` with these flags, and is not used afterwards.
    pub(crate) unsafe fn free_block(&self, block: *mut u8, _flags: u32) {
        // SAFETY: by contract.
        unsafe {
            let base = block.sub(16) as *mut usize;
            self.used.set(self.used.get().saturating_sub(*base));
            self.blocks.set(self.blocks.get() - 1);
            libc::free(base as *mut libc::c_void)
        }
    }
}

/// The header of the type object that a layout belongs to (for [`TypeLayout::COUNTED`] types).
#[inline(always)]
pub(crate) fn type_header(ty: *const TypeLayout) -> *mut Header {
    (ty as *mut Header).wrapping_sub(1)
}

#[cold]
fn no_heap() -> ! {
    panic!("no heap is attached to this thread")
}

#[cold]
fn wrong_payload(ty: &TypeLayout, name: &str) -> ! {
    panic!(
        "a type of payload {} is given a payload {name}",
        ty.payload.name
    )
}
