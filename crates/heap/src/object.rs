//! Payloads (the Rust structs inside objects), typed references to them, and the visitor that walks references.

use crate::alloc::Heap;
use crate::gc::GcHead;
use crate::gc::collect::{reach, subtract};
use crate::header::{Header, TypeLayout};
use crate::value::Value;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;

/// A heap object as laid out in memory.
#[repr(C)]
pub struct Obj<T> {
    pub header: Header,
    pub payload: T,
}

/// Receives every reference that an object holds; the collector and `gc.get_referents` are visitors.
pub struct Visitor<'a>(Visit<'a>);

/// What is done with a reference. The collector's two passes are named, so that they need no calls by pointer.
enum Visit<'a> {
    Any(&'a mut dyn FnMut(&Header)),
    Subtract,
    Reach(&'a GcHead),
}

/// So many references before one of a list is visited, its object is asked for.
const AHEAD: usize = 8;

impl<'a> Visitor<'a> {
    pub fn new(visit: &'a mut dyn FnMut(&Header)) -> Visitor<'a> {
        Visitor(Visit::Any(visit))
    }

    /// The pass that subtracts references from inside.
    pub(crate) fn subtract() -> Visitor<'static> {
        Visitor(Visit::Subtract)
    }

    /// The pass that finds what can be reached.
    pub(crate) fn reach(base: &'a GcHead) -> Visitor<'a> {
        Visitor(Visit::Reach(base))
    }

    #[inline]
    pub fn value(&mut self, value: &Value) {
        if let Some(header) = value.header() {
            self.header(header)
        }
    }

    /// All of a list of values.
    pub fn values(&mut self, values: &[Value]) {
        match &mut self.0 {
            Visit::Any(visit) => values.iter().filter_map(Value::header).for_each(visit),
            Visit::Subtract => each_value(values, subtract),
            Visit::Reach(base) => each_value(values, |seen| reach(seen, base)),
        }
    }

    #[inline]
    pub fn opt(&mut self, value: &Option<Value>) {
        if let Some(value) = value {
            self.value(value)
        }
    }

    pub fn header(&mut self, header: &Header) {
        match &mut self.0 {
            Visit::Any(visit) => visit(header),
            Visit::Subtract => subtract(header),
            Visit::Reach(base) => reach(header, base),
        }
    }

    #[inline]
    pub fn reference<T: Payload>(&mut self, reference: &Ref<T>) {
        self.header(reference.header())
    }
}

#[inline(always)]
fn each_value(values: &[Value], mut visit: impl FnMut(&Header)) {
    let mut one = |value: &Value| {
        if let Some(header) = value.header() {
            visit(header)
        }
    };
    let (asked, rest) = values.split_at(values.len().saturating_sub(AHEAD));
    for (value, ahead) in asked.iter().zip(&values[values.len().min(AHEAD)..]) {
        prefetch(ahead.bits());
        one(value)
    }
    rest.iter().for_each(one)
}

/// Asks for the memory at an address; any word will do.
#[inline(always)]
fn prefetch(address: u64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, without effect where there is nothing.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address as *const i8)
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// A Rust struct that can be the payload of objects.
///
/// `traverse` reports every reference owned by the payload, each once. `clear` drops those through which a cycle can
/// pass; the object stays usable. Neither runs Python code. A payload that can never be part of a cycle sets `GC = false`.
pub trait Payload: Sized + 'static {
    /// Whether objects of this payload take part in cycle collection.
    const GC: bool;
    /// The payload that this one extends: `#[repr(C)]` with that payload as the first field.
    const BASE: Option<&'static PayloadInfo> = None;
    const NAME: &'static str;
    /// The one description of this payload; its address is its identity. Do not override.
    const INFO: &'static PayloadInfo;

    fn traverse(&self, visitor: &mut Visitor) {
        let _ = visitor;
    }

    fn clear(&self) {}

    /// Whether [`Payload::gc_untrack`] may ever say yes.
    const MAY_UNTRACK: bool = false;

    /// Whether the object holds nothing that could ever lead back to it, so that the collector need not look at it any
    /// more (asked at collections, of instances without attributes; see CPython's tuples).
    fn gc_untrack(&self) -> bool {
        false
    }
}

/// The clean-up functions of one payload struct. Its address is the payload's identity.
pub struct PayloadInfo {
    pub name: &'static str,
    pub size: usize,
    pub gc: bool,
    pub base: Option<&'static PayloadInfo>,
    /// Whether dropping the payload does anything.
    pub(crate) needs_drop: bool,
    pub(crate) drop: unsafe fn(*mut u8),
    pub(crate) traverse: unsafe fn(*const u8, &mut Visitor),
    pub(crate) clear: unsafe fn(*const u8),
    /// Whether `untrack` may ever say yes.
    pub(crate) may_untrack: bool,
    pub(crate) untrack: unsafe fn(*const u8) -> bool,
}

impl PayloadInfo {
    /// For the `INFO` constant of a payload: `const INFO: &'static PayloadInfo = { static I: PayloadInfo = PayloadInfo::of::<T>(); &I };`
    pub const fn of<T: Payload>() -> PayloadInfo {
        unsafe fn drop<T>(p: *mut u8) {
            // SAFETY: `p` is the payload of a dead object, which is dropped once.
            unsafe { std::ptr::drop_in_place(p as *mut T) }
        }
        unsafe fn traverse<T: Payload>(p: *const u8, visitor: &mut Visitor) {
            // SAFETY: `p` is the payload of a live object.
            unsafe { (*(p as *const T)).traverse(visitor) }
        }
        unsafe fn clear<T: Payload>(p: *const u8) {
            // SAFETY: `p` is the payload of a live object.
            unsafe { (*(p as *const T)).clear() }
        }
        unsafe fn untrack<T: Payload>(p: *const u8) -> bool {
            // SAFETY: `p` is the payload of a live object.
            unsafe { (*(p as *const T)).gc_untrack() }
        }
        assert!(align_of::<T>() <= 16);
        PayloadInfo {
            name: T::NAME,
            size: size_of::<T>(),
            gc: T::GC,
            base: T::BASE,
            needs_drop: std::mem::needs_drop::<T>(),
            drop: drop::<T>,
            traverse: traverse::<T>,
            may_untrack: T::MAY_UNTRACK,
            clear: clear::<T>,
            untrack: untrack::<T>,
        }
    }

    /// Whether `other` is among the payloads that this one extends.
    #[cold]
    #[inline(never)]
    pub fn extends(&self, other: &'static PayloadInfo) -> bool {
        let mut info = self.base;
        while let Some(base) = info {
            if std::ptr::eq(base, other) {
                return true;
            }
            info = base.base;
        }
        false
    }
}

/// An owned reference to an object with payload `T`; dereferences to the payload.
#[repr(transparent)]
pub struct Ref<T: Payload>(NonNull<Header>, PhantomData<T>);

impl<T: Payload> Ref<T> {
    /// # Safety
    /// The object is alive, has this payload, and the caller hands over one reference.
    #[inline(always)]
    pub unsafe fn from_raw(header: *mut Header) -> Ref<T> {
        // SAFETY: not null, by contract.
        Ref(unsafe { NonNull::new_unchecked(header) }, PhantomData)
    }

    #[inline(always)]
    pub fn header(&self) -> &Header {
        // SAFETY: the reference keeps the object alive.
        unsafe { self.0.as_ref() }
    }

    /// The address that identifies the object.
    #[inline(always)]
    pub fn as_ptr(&self) -> *mut Header {
        self.0.as_ptr()
    }

    /// This reference as a borrowed value.
    #[inline(always)]
    pub fn as_value(&self) -> &Value {
        // SAFETY: a pointer word is a valid `Value`, of the same size.
        unsafe { &*(self as *const Ref<T> as *const Value) }
    }

    #[inline(always)]
    pub fn into_value(self) -> Value {
        let bits = self.0.as_ptr() as u64;
        std::mem::forget(self);
        // SAFETY: the reference moves into the value.
        unsafe { Value::from_bits(bits) }
    }

    #[inline(always)]
    pub fn to_value(&self) -> Value {
        self.as_value().clone()
    }

    #[inline(always)]
    pub fn is(&self, other: &Ref<T>) -> bool {
        self.0 == other.0
    }

    /// The owned reference behind a payload that is known to sit in an object.
    ///
    /// # Safety
    /// `payload` is the payload of a live object made by the heap.
    #[inline(always)]
    pub unsafe fn of_payload(payload: &T) -> Ref<T> {
        let header = (payload as *const T as *mut u8).wrapping_sub(16) as *mut Header;
        // SAFETY: the payload stands 16 bytes behind its header.
        unsafe {
            (*header).incref();
            Ref::from_raw(header)
        }
    }

    /// As [`Ref::of_payload`], but nothing if the object is being released already.
    ///
    /// # Safety
    /// `payload` is the payload of an object made by the heap whose memory was not given back.
    pub unsafe fn of_living_payload(payload: &T) -> Option<Ref<T>> {
        let header = (payload as *const T as *mut u8).wrapping_sub(16) as *mut Header;
        // SAFETY: the payload stands 16 bytes behind its header, and the caller vouches for the memory.
        unsafe { ((*header).refcount() > 0).then(|| Ref::of_payload(payload)) }
    }

    /// View as the payload that `T` extends.
    #[inline(always)]
    pub fn upcast<B: Payload>(&self) -> Option<&Ref<B>> {
        self.as_value().downcast::<B>()
    }

    /// Makes an object of the current heap. `ty`'s payload must be `T`.
    ///
    /// Errors where the heap's budget or the system's memory is used up.
    #[inline]
    pub fn try_new(heap: &Heap, ty: &TypeLayout, payload: T) -> Result<Ref<T>, crate::AllocError> {
        heap.alloc_object(ty, 0, payload)
    }
}

impl<T: Payload> Clone for Ref<T> {
    #[inline(always)]
    fn clone(&self) -> Ref<T> {
        self.header().incref();
        Ref(self.0, PhantomData)
    }
}

impl<T: Payload> Drop for Ref<T> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: this reference ends here.
        unsafe { self.header().decref() }
    }
}

impl<T: Payload> Deref for Ref<T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the payload follows the header of a live object.
        unsafe { &(*(self.0.as_ptr() as *const Obj<T>)).payload }
    }
}

impl<T: Payload> From<Ref<T>> for Value {
    #[inline(always)]
    fn from(reference: Ref<T>) -> Value {
        reference.into_value()
    }
}

impl<T: Payload> std::fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<{} at {:p}>", T::NAME, self.0)
    }
}
