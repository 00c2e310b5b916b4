//! The slots of frames (locals and evaluation stack): raw words that may be empty or *borrowed*.
//!
//! A slot holds zero ("no value"), a word as in [`Value`], or a pointer word with bit 3 set: a reference that is kept
//! alive by somebody else (a local variable of this frame or of a caller's) and is not counted. Only the interpreter
//! and the JIT handle slots; everything else sees `Value`s.

use crate::header::Header;
use crate::value::Value;
use std::mem::ManuallyDrop;

/// A frame slot's word.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Slot(pub u64);

impl Slot {
    pub const EMPTY: Slot = Slot(0);
    pub const BORROWED: u64 = 8;

    #[inline(always)]
    pub const fn new(value: Value) -> Slot {
        Slot(value.into_bits())
    }

    #[inline(always)]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[inline(always)]
    pub const fn is_pointer(self) -> bool {
        self.0 & 7 == 0
    }

    /// Whether this is a pointer marked as borrowed.
    #[inline(always)]
    pub const fn is_borrowed(self) -> bool {
        self.0 & 15 == Self::BORROWED
    }

    /// The same reference, marked as borrowed (numbers and constants stay as they are).
    #[inline(always)]
    pub const fn borrow(self) -> Slot {
        Slot(self.0 | (((self.0 & 7 == 0) as u64) << 3))
    }

    /// The word with the mark taken off.
    #[inline(always)]
    pub const fn clean_bits(self) -> u64 {
        self.0 & !(((self.0 & 7 == 0) as u64) << 3)
    }

    /// The value, without counting.
    ///
    /// # Safety
    /// The slot is not empty, and its object outlives the view.
    #[inline(always)]
    pub unsafe fn view(self) -> ManuallyDrop<Value> {
        // SAFETY: not empty by contract; the view is never dropped.
        ManuallyDrop::new(unsafe { Value::from_bits(self.clean_bits()) })
    }

    /// An owned value: the slot's own reference, or a new one if it was borrowed.
    ///
    /// # Safety
    /// The slot is not empty and is not used afterwards.
    #[inline(always)]
    pub unsafe fn into_value(self) -> Value {
        // SAFETY: as for `view`; a pointer is that of a live object.
        unsafe {
            if self.is_borrowed() {
                let word = self.0 & !Self::BORROWED;
                (*(word as *const Header)).incref();
                Value::from_bits(word)
            } else {
                Value::from_bits(self.0)
            }
        }
    }

    /// A new owned value, the slot keeping its own.
    ///
    /// # Safety
    /// The slot is not empty.
    #[inline(always)]
    pub unsafe fn to_value(self) -> Value {
        // SAFETY: not empty by contract: a pointer is that of a live object.
        unsafe {
            if self.is_pointer() {
                let word = self.0 & !Self::BORROWED;
                (*(word as *const Header)).incref();
                Value::from_bits(word)
            } else {
                Value::from_bits(self.0)
            }
        }
    }

    /// Gives up the slot's reference, if it owns one.
    ///
    /// # Safety
    /// The slot is not used afterwards.
    #[inline(always)]
    pub unsafe fn release(self) {
        if self.0 & 15 == 0 && self.0 != 0 {
            // SAFETY: an owned pointer word.
            drop(unsafe { Value::from_bits(self.0) })
        }
    }
}
