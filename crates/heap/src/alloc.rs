//! The heap of one interpreter: making objects, the current heap of a thread, byte budget and statistics.
//!
//! An object's block is `pre part | header | payload | rest`; everything but header and payload starts out zeroed, so
//! that `Option<Value>` words behind the payload read as "unset". Objects with a collector part are linked into the
//! youngest generation when they are made; a collection is only ever *asked for* here (a bit in the evaluation loop's
//! breaker word), never run, because a caller may be in the middle of anything.
//!
//! CPython: Objects/obmalloc.c, Objects/object.c, Modules/gcmodule.c (`gc_alloc`).

use crate::gc::{Collection, GcState, Note, Phase};
use crate::header::{Flags, Header, TypeLayout};
use crate::object::{Payload, Ref, Visitor};
use crate::pool::{self, MAX_SMALL, Pool, Pools};
use crate::release::local;
use crate::value::Value;
use crate::watch;
use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::{self, NonNull};

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
    /// For the collector: clears the weak references to an unreachable object (those with a callback; all, if the `bool`
    /// is set, as CPython 3.14 has it) and the object itself if it is one, without calling anything, and hands over
    /// those that have a callback.
    pub detach_weakrefs: fn(&Header, bool, &mut Vec<Value>),
    /// Calls the callback of a weak reference that `detach_weakrefs` handed over.
    pub call_weakref: fn(Value),
    /// Told when a collection starts and stops (`gc.callbacks`).
    pub collection: fn(Phase, &Collection),
    /// Appends an object to `gc.garbage` ([`GcState::DEBUG_SAVEALL`]).
    pub save_garbage: fn(&Header),
    /// Prints what `gc.set_debug` asks for to stderr.
    pub gc_note: fn(Note),
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
            collection: |_, _| {},
            save_garbage: |_| {},
            gc_note: |_| {},
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
    /// Bytes that count against the budget: pools in use (whole), large blocks, and charged external memory.
    pub taken: usize,
    /// The budget for `taken`.
    pub limit: usize,
    /// Bytes charged with [`Heap::charge`].
    pub external: usize,
    /// Live blocks (`sys.getallocatedblocks()`).
    pub blocks: usize,
    /// Arenas of 1 MiB.
    pub arenas: usize,
}

/// One interpreter's objects. Used by one thread at a time: the one that holds the interpreter's lock.
pub struct Heap {
    pub(crate) hooks: Hooks,
    pub(crate) gc: GcState,
    pub(crate) pools: Pools,
    taken: Cell<usize>,
    external: Cell<usize>,
    limit: Cell<usize>,
    large_blocks: Cell<usize>,
    large_bytes: Cell<usize>,
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
            pools: Pools::new(),
            taken: Cell::new(0),
            external: Cell::new(0),
            limit: Cell::new(usize::MAX),
            large_blocks: Cell::new(0),
            large_bytes: Cell::new(0),
        });
        heap.pools.init();
        heap.gc.init();
        heap
    }

    /// Makes this the calling thread's current heap, until [`Heap::leave`]. The heap must outlive that.
    pub fn enter(&self) -> Previous {
        Previous(local().heap.replace(self))
    }

    /// Makes `previous` the current heap again.
    pub fn leave(previous: Previous) {
        local().heap.set(previous.0)
    }

    /// Leaves the thread without a current heap.
    pub fn forget_current() {
        local().heap.set(ptr::null())
    }

    /// The calling thread's current heap. Panics where no interpreter is attached.
    #[inline(always)]
    pub fn current() -> &'static Heap {
        let heap = local().heap.get();
        // SAFETY: whoever entered the heap keeps it alive until it leaves.
        match unsafe { heap.as_ref() } {
            Some(heap) => heap,
            None => no_heap(),
        }
    }

    /// The calling thread's current heap, if it has one.
    pub fn try_current() -> Option<&'static Heap> {
        // SAFETY: as in `current`.
        unsafe { local().heap.get().as_ref() }
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
        // SAFETY: everything is filled.
        unsafe { self.alloc_with::<T, true>(ty, extra, payload) }
    }

    /// As [`Heap::alloc_object`], but the `extra` bytes are whatever the memory held.
    ///
    /// # Safety
    /// The caller fills them before anybody can look at the object, the collector and the end of the reference included.
    #[inline(never)]
    pub unsafe fn alloc_unfilled<T: Payload>(
        &self,
        ty: &TypeLayout,
        extra: usize,
        payload: T,
    ) -> Result<Ref<T>, AllocError> {
        // SAFETY: by contract.
        unsafe { self.alloc_with::<T, false>(ty, extra, payload) }
    }

    /// As [`Heap::alloc_unfilled`], the short way for built-in types themselves: objects that are their payload, and
    /// `extra` bytes, and nothing else.
    ///
    /// # Safety
    /// As for `alloc_unfilled`.
    #[inline(always)]
    pub unsafe fn alloc_plain<T: Payload>(
        &self,
        ty: &TypeLayout,
        extra: usize,
        payload: T,
    ) -> Result<Ref<T>, AllocError> {
        let pre = if T::GC { 16 } else { 0 };
        let fixed = size_of::<Header>() + size_of::<T>();
        let plain = ty.size.get() as usize == fixed
            && ty.pre.get() == if T::GC { TypeLayout::PRE_GC } else { 0 }
            && (ty.flags.get() & TypeLayout::COUNTED == 0) & !watch::is_watched()
            && ptr::eq(ty.payload, T::INFO)
            && pre + fixed + extra <= MAX_SMALL;
        let block = match plain {
            true => self.pools.pop(pre + fixed + extra),
            false => None,
        };
        let Some(block) = block else {
            // SAFETY: by contract.
            return unsafe { self.alloc_unfilled(ty, extra, payload) };
        };
        // SAFETY: the block has room for collector part, header, payload and the rest, which the caller fills.
        unsafe {
            let header = block.add(pre) as *mut Header;
            (header.add(1) as *mut T).write(payload);
            if T::GC {
                header.write(Header::new(ty, Flags::TRACKED));
                self.gc.count_new();
                self.gc.append_young(header);
            } else {
                header.write(Header::new(ty, 0));
            }
            Ok(Ref::from_raw(header))
        }
    }

    /// # Safety
    /// As for `alloc_unfilled`, if `FILL` is false.
    #[inline(always)]
    unsafe fn alloc_with<T: Payload, const FILL: bool>(
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
            if pre == 32 {
                (block as *mut [u64; 2]).write([0; 2]);
            }
            (header.add(1) as *mut T).write(payload);
            let extra = if FILL { extra } else { 0 };
            zero((header as *mut u8).add(filled), fixed + extra - filled);
            if ty.flags.get() & TypeLayout::COUNTED != 0 {
                (*type_header(ty)).incref();
            }
            if ty.pre.get() & TypeLayout::PRE_GC != 0 {
                header.write(Header::new(ty, flags | Flags::TRACKED));
                self.gc.count_new();
                self.gc.append_young(header);
            } else {
                header.write(Header::new(ty, flags));
                if pre != 0 {
                    (header as *mut [u64; 2]).sub(1).write([0; 2]);
                }
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
        self.give_back(bytes);
    }

    pub fn stats(&self) -> HeapStats {
        let pools = self.pools.stats();
        HeapStats {
            used: pools.bytes() + self.large_bytes.get() + self.external.get(),
            taken: self.taken.get(),
            limit: self.limit.get(),
            external: self.external.get(),
            blocks: pools.blocks() + self.large_blocks.get(),
            arenas: pools.arenas,
        }
    }

    /// The memory of an arena for something else than objects; it does not count against the budget.
    pub fn take_arena(&self) -> Option<pool::ArenaMemory> {
        self.pools.take_arena()
    }

    /// Takes it back: it serves the next objects.
    pub fn give_arena(&self, memory: pool::ArenaMemory) {
        self.pools.give_arena(memory)
    }

    /// Gives empty pools and arenas back.
    pub fn trim(&self) {
        self.give_back(self.pools.trim())
    }

    /// Bytes taken from the system, or charged.
    pub(crate) fn taken(&self) -> usize {
        self.taken.get()
    }

    #[inline]
    fn take(&self, bytes: usize) -> Result<(), AllocError> {
        let taken = self.taken.get().checked_add(bytes).ok_or(AllocError)?;
        if taken > self.limit.get() {
            return self.take_after_trim(bytes);
        }
        self.taken.set(taken);
        Ok(())
    }

    #[cold]
    fn take_after_trim(&self, bytes: usize) -> Result<(), AllocError> {
        self.trim();
        let taken = self.taken.get().checked_add(bytes).ok_or(AllocError)?;
        if taken > self.limit.get() {
            return Err(AllocError);
        }
        self.taken.set(taken);
        Ok(())
    }

    #[inline(always)]
    fn give_back(&self, bytes: usize) {
        if bytes != 0 {
            self.taken.set(self.taken.get().saturating_sub(bytes));
        }
    }

    /// A block of at least `bytes`, aligned to 16, and the flags that its object must carry for `free_block`.
    #[inline(always)]
    fn alloc_block(&self, bytes: usize) -> Result<(*mut u8, u32), AllocError> {
        if bytes <= MAX_SMALL {
            let block = match self.pools.pop(bytes) {
                Some(block) => block,
                None => self.pools.pop_slow(bytes, &|bytes| self.take(bytes))?,
            };
            if watch::is_watched() {
                watch::allocated(block, bytes);
                return Ok((block, Flags::TRACED));
            }
            Ok((block, 0))
        } else {
            Ok((self.alloc_large(bytes)?, Flags::LARGE))
        }
    }

    /// # Safety
    /// `block` came from `alloc_block` with these flags, and is not used afterwards.
    #[inline(always)]
    pub(crate) unsafe fn free_block(&self, block: *mut u8, flags: u32) {
        // SAFETY: by contract.
        unsafe {
            if flags & (Flags::LARGE | Flags::TRACED) == 0 {
                self.free_small(block)
            } else if flags & Flags::LARGE != 0 {
                self.free_large(block)
            } else {
                watch::freed(block);
                self.free_small(block)
            }
        }
    }

    /// # Safety
    /// As for `free_block`, of a block from the pools.
    #[inline(always)]
    pub(crate) unsafe fn free_small(&self, block: *mut u8) {
        // SAFETY: by contract.
        if let Some(pool) = unsafe { self.pools.push(block) } {
            self.settle_pool(pool)
        }
    }

    #[cold]
    #[inline(never)]
    fn settle_pool(&self, pool: &Pool) {
        self.give_back(self.pools.settle(pool))
    }

    /// The bytes behind an object's header in its block, those not asked for included.
    pub fn room(&self, header: &Header) -> usize {
        let pre = header.layout().pre_size();
        let header_ptr = header as *const Header as *mut u8;
        // SAFETY: an object's block starts `pre` bytes before its header; its size is known to its pool, or stands
        // before it.
        let size = unsafe {
            let block = header_ptr.sub(pre);
            if header.has_flag(Flags::LARGE) {
                *(block.sub(16) as *const usize) - 16
            } else {
                pool::size_of_block(block)
            }
        };
        size - pre - size_of::<Header>()
    }

    /// A block from the system; its size stands in the 16 bytes before it.
    #[cold]
    #[inline(never)]
    fn alloc_large(&self, bytes: usize) -> Result<*mut u8, AllocError> {
        let size = bytes
            .checked_next_multiple_of(pool::ALIGN)
            .and_then(|n| n.checked_add(16))
            .ok_or(AllocError)?;
        let layout = Layout::from_size_align(size, pool::ALIGN).map_err(|_| AllocError)?;
        self.take(size)?;
        // SAFETY: the size is not zero.
        unsafe {
            let base = std::alloc::alloc(layout);
            if base.is_null() {
                self.give_back(size);
                return Err(AllocError);
            }
            *(base as *mut usize) = size;
            self.large_blocks.set(self.large_blocks.get() + 1);
            self.large_bytes.set(self.large_bytes.get() + size);
            Ok(base.add(16))
        }
    }

    #[cold]
    #[inline(never)]
    unsafe fn free_large(&self, block: *mut u8) {
        // SAFETY: `alloc_large` wrote the size, and made the layout of it.
        unsafe {
            let base = block.sub(16);
            let size = *(base as *mut usize);
            self.large_blocks.set(self.large_blocks.get() - 1);
            self.large_bytes.set(self.large_bytes.get() - size);
            self.give_back(size);
            std::alloc::dealloc(base, Layout::from_size_align_unchecked(size, pool::ALIGN));
        }
    }

    /// Raw memory of the heap, zeroed and aligned to 16, for parts of objects that the machine manages itself.
    pub fn alloc_bytes(&self, bytes: usize) -> Result<NonNull<u8>, AllocError> {
        let (block, _) = self.alloc_block(bytes)?;
        // SAFETY: the block has that many bytes.
        unsafe { ptr::write_bytes(block, 0, bytes) }
        NonNull::new(block).ok_or(AllocError)
    }

    /// As [`Heap::alloc_bytes`], but the memory holds whatever it held.
    #[inline]
    pub fn alloc_unfilled_bytes(&self, bytes: usize) -> Result<NonNull<u8>, AllocError> {
        let (block, _) = self.alloc_block(bytes)?;
        NonNull::new(block).ok_or(AllocError)
    }

    /// Frees what [`Heap::alloc_bytes`] gave.
    ///
    /// # Safety
    /// The block came from this heap with this size, and is not used afterwards.
    pub unsafe fn free_bytes(&self, block: NonNull<u8>, bytes: usize) {
        let flags = match bytes <= MAX_SMALL {
            true if watch::is_watched() => Flags::TRACED,
            true => 0,
            false => Flags::LARGE,
        };
        // SAFETY: by contract.
        unsafe { self.free_block(block.as_ptr(), flags) }
    }

    /// Ends the heap together with every object in it, without running anything: their outside memory leaks.
    ///
    /// # Safety
    /// No reference to an object of the heap is used, not even dropped, afterwards; no thread has the heap entered.
    pub unsafe fn destroy(self: Box<Heap>) {
        // SAFETY: by contract.
        unsafe { self.pools.unmap_all() }
    }
}

impl Drop for Heap {
    /// Returns the memory if all objects are gone; otherwise it leaks, because somebody may still refer to them.
    fn drop(&mut self) {
        if self.pools.stats().blocks() == 0 {
            // SAFETY: no block is in use.
            unsafe { self.pools.unmap_all() }
        }
    }
}

/// Zeroes `bytes` at `at`, rounded up to whole words. `at` is aligned to 8 or `bytes` is zeroed exactly.
///
/// # Safety
/// The memory lies in a block, whose size is a multiple of 16.
#[inline(always)]
unsafe fn zero(at: *mut u8, bytes: usize) {
    // SAFETY: by contract.
    unsafe {
        if bytes <= 64 && (at as usize).is_multiple_of(8) {
            let words = at as *mut u64;
            for index in 0..bytes.div_ceil(8) {
                words.add(index).write(0);
            }
        } else {
            ptr::write_bytes(at, 0, bytes)
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
