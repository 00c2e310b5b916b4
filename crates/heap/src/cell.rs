//! Interior mutability for payloads, with one rule: nothing runs Python while the inside is borrowed.
//!
//! `with` and `with_mut` lend the inside to a closure. Values dropped in there whose count reaches zero are kept aside
//! and freed when the outermost closure has returned, so that no `__del__` or weak-reference callback ever meets a
//! container half changed. Debug builds check that the closure does not borrow the same cell again.

use std::cell::UnsafeCell;

/// A field of a payload that changes: a list's items, a dict's table.
#[repr(transparent)]
#[derive(Default)]
pub struct MutCell<T>(UnsafeCell<T>);

impl<T> MutCell<T> {
    pub const fn new(inside: T) -> MutCell<T> {
        MutCell(UnsafeCell::new(inside))
    }

    /// Lends the inside for reading. The closure must not call anything that can run Python, nor change this cell.
    #[inline(always)]
    pub fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        // SAFETY: by the rule of this module nothing changes the inside while `f` runs: no Python code runs in it, and
        // a shared borrow drops nothing that it lends.
        f(unsafe { &*self.0.get() })
    }

    /// Lends the inside for writing. The closure must not call anything that can run Python, nor use this cell.
    #[inline(always)]
    pub fn with_mut<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        let _guard = crate::release::DeferGuard::enter();
        // SAFETY: by the rule of this module the borrow is unique: releases are deferred, and `f` runs no Python.
        f(unsafe { &mut *self.0.get() })
    }

    /// As [`MutCell::with_mut`] for closures that drop no values: skips the deferral of releases.
    ///
    /// # Safety
    /// The closure drops no `Value` or `Ref`, and runs no Python.
    #[inline(always)]
    pub unsafe fn with_mut_no_drop<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: as above, by contract.
        f(unsafe { &mut *self.0.get() })
    }

    /// Puts `inside` in, and gives the old inside back for the caller to drop.
    #[inline(always)]
    pub fn replace(&self, inside: T) -> T {
        // SAFETY: moving out and in runs no code.
        unsafe { std::mem::replace(&mut *self.0.get(), inside) }
    }

    #[inline(always)]
    pub fn take(&self) -> T
    where
        T: Default,
    {
        self.replace(T::default())
    }

    /// Sets the inside; the old one is dropped after the cell holds the new one.
    #[inline(always)]
    pub fn set(&self, inside: T) {
        drop(self.replace(inside))
    }

    /// A copy of the inside (for `Option<Value>`, `Ref<T>`, ...).
    #[inline(always)]
    pub fn get(&self) -> T
    where
        T: Clone,
    {
        self.with(T::clone)
    }

    /// The address of the inside, for the interpreter's hot paths.
    #[inline(always)]
    pub fn as_ptr(&self) -> *mut T {
        self.0.get()
    }
}
