//! What every heap object starts with, and what its type tells about its layout.
//!
//! ```text
//!   -32  attributes (shape, storage)      only if the type's instances have a __dict__ (`TypeLayout::PRE_ATTRS`)
//!   -16  collector's links                only if the type takes part in cycle collection (`TypeLayout::PRE_GC`)
//!     0  Header { refcount, flags, type }
//!    16  payload: the Rust struct of the built-in type, then inline items, `__slots__` and inline attributes
//! ```

use crate::object::{Payload, PayloadInfo};
use std::cell::Cell;

/// The first 16 bytes of every heap object.
#[repr(C, align(16))]
pub struct Header {
    refcount: Cell<u32>,
    flags: Cell<u32>,
    ty: Cell<*const TypeLayout>,
}

/// Bits of [`Header::flags`].
pub struct Flags;

impl Flags {
    /// On the collector's lists.
    pub const TRACKED: u32 = 1 << 0;
    /// `__del__` has run (PEP 442: it runs once).
    pub const FINALIZED: u32 = 1 << 1;
    /// The interpreter's weak-reference table has an entry for the object.
    pub const HAS_WEAKREFS: u32 = 1 << 2;
    /// The collector's working marks.
    pub const COLLECTING: u32 = 1 << 3;
    pub const UNREACHABLE: u32 = 1 << 4;
    /// Waits on the list of objects whose count reached zero where nothing may run.
    pub const DEFERRED: u32 = 1 << 5;
    /// The block is larger than the pools' and comes from the system.
    pub const LARGE: u32 = 1 << 6;
    /// A watcher was told of the block (see [`crate::watch`]).
    pub const TRACED: u32 = 1 << 7;
    /// Free for the payload's own use (a str's "interned", for one).
    pub const USER_0: u32 = 1 << 8;
    pub const USER_1: u32 = 1 << 9;
    pub const USER_2: u32 = 1 << 10;
    pub const USER_3: u32 = 1 << 11;
}

/// What the heap must know of a type. A type object's payload starts with it, so that a header's `type` word is both.
#[repr(C)]
pub struct TypeLayout {
    /// The Rust struct at offset 16, with its clean-up functions; inherited by subclasses.
    pub payload: &'static PayloadInfo,
    /// Bytes from the header's start to the end of the fixed part (payload, `__slots__`, inline attributes).
    pub size: Cell<u32>,
    /// Which parts stand before the header.
    pub pre: Cell<u32>,
    /// Offset of the first of `slot_count` values of `__slots__`.
    pub slots_offset: Cell<u32>,
    pub slot_count: Cell<u32>,
    /// Bits for the machine's use, tested on hot paths (see `vm`'s `TypeFlags`).
    pub flags: Cell<u64>,
}

impl TypeLayout {
    pub const PRE_GC: u32 = 1;
    pub const PRE_ATTRS: u32 = 2;
    /// Set in `flags`: the type has a `__del__` to call. The machine's own flags start at bit 8.
    pub const HAS_FINALIZER: u64 = 1;
    /// Set in `flags`: the type is a heap object that its instances own a reference to.
    pub const COUNTED: u64 = 2;
    /// Set in `flags`: the instances are weak references, which the collector clears before their referents.
    pub const WEAK: u64 = 4;

    /// Bytes that stand before the header.
    #[inline(always)]
    pub fn pre_size(&self) -> usize {
        match self.pre.get() {
            0 => 0,
            Self::PRE_GC => 16,
            _ => 32,
        }
    }
}

impl Header {
    /// Counts from here on mean "never freed, never counted".
    pub const IMMORTAL: u32 = 0xC000_0000;

    #[inline(always)]
    pub(crate) fn new(ty: *const TypeLayout, flags: u32) -> Header {
        Header {
            refcount: Cell::new(1),
            flags: Cell::new(flags),
            ty: Cell::new(ty),
        }
    }

    #[inline(always)]
    pub(crate) fn all_flags(&self) -> u32 {
        self.flags.get()
    }

    #[inline(always)]
    pub(crate) fn set_all_flags(&self, flags: u32) {
        self.flags.set(flags)
    }

    /// Ends the object: its last reference, still counted, is given up.
    ///
    /// # Safety
    /// `decref_unless_last` has just said so.
    #[inline(always)]
    pub unsafe fn end(&self) {
        self.refcount.set(0);
        // SAFETY: by contract.
        unsafe { crate::release::release(self as *const Header as *mut Header) }
    }

    #[inline(always)]
    pub fn refcount(&self) -> u32 {
        self.refcount.get()
    }

    pub fn set_refcount(&self, n: u32) {
        self.refcount.set(n)
    }

    #[inline(always)]
    pub fn is_immortal(&self) -> bool {
        (self.refcount.get() as i32) < 0
    }

    pub fn make_immortal(&self) {
        self.refcount.set(Self::IMMORTAL)
    }

    #[inline(always)]
    pub fn incref(&self) {
        #[cfg(naja_paranoid)]
        self.check();
        let n = self.refcount.get();
        if (n as i32) >= 0 {
            self.refcount.set(n + 1); // 2^31 references make an object immortal: it leaks, and stays sound
        }
    }

    /// As so many calls of `incref`.
    pub fn incref_by(&self, times: usize) {
        let n = self.refcount.get();
        if (n as i32) >= 0 {
            let sum = (n as usize).saturating_add(times);
            self.refcount.set(sum.min(Self::IMMORTAL as usize) as u32);
        }
    }

    /// Stops at a freed object, and at a count of zero where the object waits for nothing.
    #[cfg(naja_paranoid)]
    fn check(&self) {
        let poison = usize::from_ne_bytes([crate::pool::POISON; size_of::<usize>()]);
        assert!(self.ty.get() as usize != poison, "a freed object is used");
        assert!(
            self as *const Header as usize % 16 == 0,
            "a header is not aligned"
        );
    }

    /// Counts down, unless this is the last reference: then it says so and leaves the count, for `decref` to end the object.
    ///
    /// # Safety
    /// The caller gives up a reference that it owned.
    #[inline(always)]
    pub unsafe fn decref_unless_last(&self) -> bool {
        #[cfg(naja_paranoid)]
        self.check();
        let n = self.refcount.get();
        if n as i32 > 1 {
            self.refcount.set(n - 1);
            false
        } else {
            n == 1
        }
    }

    /// # Safety
    /// The caller gives up a reference that it owned.
    #[inline(always)]
    pub unsafe fn decref(&self) {
        #[cfg(naja_paranoid)]
        self.check();
        let n = self.refcount.get();
        if (n as i32) >= 0 {
            self.refcount.set(n - 1);
            if n == 1 {
                // SAFETY: the last reference is gone.
                unsafe { crate::release::release(self as *const Header as *mut Header) }
            }
        }
    }

    #[inline(always)]
    pub fn has_flag(&self, flag: u32) -> bool {
        self.flags.get() & flag != 0
    }

    #[inline(always)]
    pub fn set_flag(&self, flag: u32, on: bool) {
        let flags = self.flags.get();
        self.flags
            .set(if on { flags | flag } else { flags & !flag });
    }

    /// Whether the object could be part of a cycle, as far as the collector knows: not if it is a `simple` one (of a class
    /// whose objects leave its lists) that it does not track.
    pub fn may_be_in_cycle(&self, simple: &'static crate::PayloadInfo) -> bool {
        let ty = self.layout();
        ty.pre.get() & TypeLayout::PRE_GC != 0
            && (self.has_flag(Flags::TRACKED) || !std::ptr::eq(ty.payload, simple))
    }

    #[inline(always)]
    pub fn layout(&self) -> &TypeLayout {
        // SAFETY: an object keeps its type alive.
        unsafe { &*self.ty.get() }
    }

    #[inline(always)]
    pub fn layout_ptr(&self) -> *const TypeLayout {
        self.ty.get()
    }

    /// Changes the object's type (`obj.__class__ = ...`); the references to both types are the caller's business.
    ///
    /// # Safety
    /// Both types describe the same memory.
    pub unsafe fn set_layout(&self, ty: *const TypeLayout) {
        self.ty.set(ty)
    }

    /// Whether the payload is a `T` or extends one.
    #[inline(always)]
    pub fn has_payload<T: Payload>(&self) -> bool {
        let info = self.layout().payload;
        if std::ptr::eq(info, T::INFO) {
            return true;
        }
        // Few extend another one, and those mostly the one that is asked for.
        match info.base {
            None => false,
            Some(base) => std::ptr::eq(base, T::INFO) || base.extends(T::INFO),
        }
    }
}
