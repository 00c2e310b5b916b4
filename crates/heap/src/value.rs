//! The tagged word that every Python value is.
//!
//! ```text
//! ...1.   bit 1 set     float: (bits + (0x200 << 52)) rotated left by 3, for magnitudes of about 2^-511..2^512
//! ..01    low bits 01   int: 62-bit two's complement in the upper bits
//! .000    pointer       to an object's header, 16-byte aligned; the all-zero word is "no value"
//! .100    constants     None, False, True, Ellipsis, NotImplemented, internal markers
//! ```
//!
//! `Value` owns one reference: `clone` counts up, `drop` counts down. The all-zero word is not a `Value`, so
//! `Option<Value>` and `Result<Value, ZeroSized>` are one word too. Float self-tagging: Melancon, Serrano, Feeley,
//! arXiv 2411.16544.

use crate::header::Header;
use crate::object::{Payload, Ref};
use std::num::NonZeroU64;

/// Added to a double's bits before the rotation, so that the exponents around zero get bit 62 set.
const FLOAT_OFFSET: u64 = 0x200 << 52;

/// One Python value: an unboxed int, float or constant, or an owned reference to an object.
#[repr(transparent)]
pub struct Value(NonZeroU64);

/// What a word holds; see [`Value::kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Int,
    Float,
    Constant,
    Object,
}

#[inline(always)]
const fn constant_bits(n: u64) -> u64 {
    n << 4 | 4
}

#[inline(always)]
const fn constant(n: u64) -> Value {
    match NonZeroU64::new(constant_bits(n)) {
        Some(bits) => Value(bits),
        None => unreachable!(),
    }
}

impl Value {
    pub const NONE: Value = constant(0);
    pub const FALSE: Value = constant(1);
    pub const TRUE: Value = constant(2);
    pub const ELLIPSIS: Value = constant(3);
    pub const NOT_IMPLEMENTED: Value = constant(4);
    /// "No argument given", a deleted table entry, and the like: never seen by Python code.
    pub const MARKER: Value = constant(5);

    /// The least and greatest int held in a word (62 bits); others are heap objects.
    pub const INT_MIN: i64 = -(1 << 61);
    pub const INT_MAX: i64 = (1 << 61) - 1;

    /// The int `n`, if it fits a word.
    #[inline(always)]
    pub const fn try_int(n: i64) -> Option<Value> {
        if n >= Self::INT_MIN && n <= Self::INT_MAX {
            Some(Self::small_int(n))
        } else {
            None
        }
    }

    /// The int `n`, whose top two bits must be equal (any `i32`, length or index is).
    #[inline(always)]
    pub const fn small_int(n: i64) -> Value {
        // The low bits are 01, so the word is never zero.
        match NonZeroU64::new((n as u64) << 2 | 1) {
            Some(bits) => Value(bits),
            None => unreachable!(),
        }
    }

    /// The float `f`, if it is of a magnitude that a word can hold.
    #[inline(always)]
    pub fn try_float(f: f64) -> Option<Value> {
        let word = f.to_bits().wrapping_add(FLOAT_OFFSET).rotate_left(3);
        if word & 2 != 0 {
            NonZeroU64::new(word).map(Value)
        } else {
            None
        }
    }

    #[inline(always)]
    pub const fn from_bool(b: bool) -> Value {
        if b { Self::TRUE } else { Self::FALSE }
    }

    #[inline(always)]
    pub fn kind(&self) -> Kind {
        let bits = self.bits();
        if bits & 2 != 0 {
            Kind::Float
        } else if bits & 1 != 0 {
            Kind::Int
        } else if bits & 4 != 0 {
            Kind::Constant
        } else {
            Kind::Object
        }
    }

    #[inline(always)]
    pub const fn bits(&self) -> u64 {
        self.0.get()
    }

    #[inline(always)]
    pub const fn is_object(&self) -> bool {
        self.bits() & 7 == 0
    }

    #[inline(always)]
    pub const fn is_none(&self) -> bool {
        self.bits() == constant_bits(0)
    }

    #[inline(always)]
    pub const fn is_true(&self) -> bool {
        self.bits() == constant_bits(2)
    }

    #[inline(always)]
    pub const fn is_false(&self) -> bool {
        self.bits() == constant_bits(1)
    }

    #[inline(always)]
    pub const fn is_bool(&self) -> bool {
        self.is_true() || self.is_false()
    }

    #[inline(always)]
    pub const fn is_not_implemented(&self) -> bool {
        self.bits() == constant_bits(4)
    }

    #[inline(always)]
    pub const fn is_marker(&self) -> bool {
        self.bits() == constant_bits(5)
    }

    /// Whether the word is an unboxed int (bools are not).
    #[inline(always)]
    pub const fn is_small_int(&self) -> bool {
        self.bits() & 3 == 1
    }

    /// The unboxed int (not bool, not a big int).
    #[inline(always)]
    pub const fn as_small_int(&self) -> Option<i64> {
        if self.is_small_int() {
            Some(self.bits() as i64 >> 2)
        } else {
            None
        }
    }

    /// Whether the word is an unboxed float.
    #[inline(always)]
    pub const fn is_small_float(&self) -> bool {
        self.bits() & 2 != 0
    }

    /// The unboxed float.
    #[inline(always)]
    pub fn as_small_float(&self) -> Option<f64> {
        if self.is_small_float() {
            Some(f64::from_bits(
                self.bits().rotate_right(3).wrapping_sub(FLOAT_OFFSET),
            ))
        } else {
            None
        }
    }

    /// Whether both are the same value word: Python's `is`.
    #[inline(always)]
    pub const fn is(&self, other: &Value) -> bool {
        self.bits() == other.bits()
    }

    /// The address of an object's block, as [`crate::watch`] tells it. None for what is no object of the heap.
    pub fn block_address(&self) -> Option<usize> {
        let header = self.header()?;
        Some(header as *const Header as usize - header.layout().pre_size())
    }

    /// The object's header, if it is an object.
    #[inline(always)]
    pub fn header(&self) -> Option<&Header> {
        if self.is_object() {
            // SAFETY: a word with low bits 000 owns a reference to a live header.
            Some(unsafe { &*(self.bits() as *const Header) })
        } else {
            None
        }
    }

    /// The payload of type `T`, if this is an object whose type's payload is `T` or extends it.
    #[inline(always)]
    pub fn downcast<T: Payload>(&self) -> Option<&Ref<T>> {
        if self.header()?.has_payload::<T>() {
            // SAFETY: `Ref<T>` is a transparent word like `Value`, and the payload was checked.
            Some(unsafe { &*(self as *const Value as *const Ref<T>) })
        } else {
            None
        }
    }

    /// As [`Value::downcast`], giving up this reference for the typed one.
    #[inline(always)]
    pub fn downcast_into<T: Payload>(self) -> Result<Ref<T>, Value> {
        if self.header().is_some_and(Header::has_payload::<T>) {
            let bits = self.into_bits();
            // SAFETY: the payload was checked, and the reference moves over.
            Ok(unsafe { Ref::from_raw(bits as *mut Header) })
        } else {
            Err(self)
        }
    }

    /// A new reference to a live object.
    #[inline(always)]
    pub fn of_header(header: &Header) -> Value {
        header.incref();
        // SAFETY: an object's address is a valid word, and its count was raised for it.
        unsafe { Value::from_bits(header as *const Header as u64) }
    }

    /// The word, the reference now being the caller's to give back.
    #[inline(always)]
    pub const fn into_bits(self) -> u64 {
        let bits = self.bits();
        std::mem::forget(self);
        bits
    }

    /// # Safety
    /// `bits` is a non-zero word that [`Value::into_bits`] gave, or one whose object's count was raised for it.
    #[inline(always)]
    pub const unsafe fn from_bits(bits: u64) -> Value {
        // SAFETY: not zero, by contract.
        Value(unsafe { NonZeroU64::new_unchecked(bits) })
    }
}

/// Appends copies of values.
#[inline]
pub fn append_copies(to: &mut Vec<Value>, from: &[Value]) {
    let len = to.len();
    to.reserve(from.len());
    // SAFETY: there is room; the words are copied, and each object's count is raised for its copy.
    unsafe {
        std::ptr::copy_nonoverlapping(from.as_ptr(), to.as_mut_ptr().add(len), from.len());
        count_up(from, 1);
        to.set_len(len + from.len());
    }
}

/// Copies of values.
#[inline]
pub fn copies(from: &[Value]) -> Vec<Value> {
    let mut to = Vec::with_capacity(from.len());
    append_copies(&mut to, from);
    to
}

/// Appends copies of values `times` times.
pub fn append_repeated(to: &mut Vec<Value>, from: &[Value], times: usize) {
    let (count, len) = (from.len(), to.len());
    to.reserve(count.saturating_mul(times));
    // SAFETY: there is room; the words are copied, and each object's count is raised for its copies.
    unsafe {
        let mut at = to.as_mut_ptr().add(len);
        if let ([one], false) = (from, from.first().is_some_and(Value::is_object)) {
            std::slice::from_raw_parts_mut(at as *mut u64, times).fill(one.bits());
        } else {
            for _ in 0..times {
                std::ptr::copy_nonoverlapping(from.as_ptr(), at, count);
                at = at.add(count);
            }
            count_up(from, times);
        }
        to.set_len(len + count * times);
    }
}

/// Drops values: those that are no objects are passed over by one look each.
#[inline]
pub fn drop_values(mut values: Vec<Value>) {
    // SAFETY: each value is dropped once: the vector has forgotten them.
    unsafe {
        let len = values.len();
        values.set_len(0);
        let all = std::slice::from_raw_parts(values.as_ptr(), len);
        by_four(all, |value| {
            if value.is_object() {
                drop(std::ptr::read(value))
            }
        });
    }
}

/// Does something with each value, four to a round.
#[inline(always)]
fn by_four(values: &[Value], one: impl Fn(&Value)) {
    let (fours, rest) = values.as_chunks::<4>();
    for [a, b, c, d] in fours {
        one(a);
        one(b);
        one(c);
        one(d);
    }
    rest.iter().for_each(one);
}

/// Raises the counts of all objects among values.
#[inline(always)]
fn count_up(values: &[Value], times: usize) {
    by_four(values, |value| {
        if let Some(header) = value.header() {
            match times {
                1 => header.incref(),
                _ => header.incref_by(times),
            }
        }
    });
}

impl Clone for Value {
    #[inline(always)]
    fn clone(&self) -> Value {
        if let Some(header) = self.header() {
            header.incref();
        }
        Value(self.0)
    }
}

impl Drop for Value {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(header) = self.header() {
            // SAFETY: this value owned one reference, which ends here.
            unsafe { header.decref() }
        }
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.as_small_int(), self.as_small_float()) {
            (Some(n), _) => write!(f, "{n}"),
            (_, Some(x)) => write!(f, "{x:?}"),
            _ if self.is_object() => write!(f, "<object at {:#x}>", self.bits()),
            _ => write!(f, "<constant {}>", self.bits() >> 4),
        }
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Value {
        Value::from_bool(b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_hold_ints_and_floats_exactly() {
        for n in [0, 1, -1, Value::INT_MAX, Value::INT_MIN] {
            assert_eq!(Value::try_int(n).and_then(|v| v.as_small_int()), Some(n));
        }
        assert!(Value::try_int(Value::INT_MAX + 1).is_none());
        for f in [1.0, -1.0, 1e-150, -1.5e150, std::f64::consts::PI] {
            let v = Value::try_float(f).unwrap();
            assert_eq!((v.kind(), v.as_small_float()), (Kind::Float, Some(f)));
        }
        for f in [0.0, -0.0, f64::INFINITY, f64::NAN, 1e300, 1e-300, 5e-324] {
            assert!(Value::try_float(f).is_none(), "{f}");
        }
        assert_eq!(size_of::<Option<Value>>(), 8);
        assert_eq!(size_of::<Result<Value, ()>>(), 8);
    }
}
