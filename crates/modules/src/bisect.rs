//! `_bisect`: binary search in sorted sequences.
//!
//! CPython: Modules/_bisectmodule.c.

use naja_heap::Value;
use naja_macros::pymodule;
use naja_vm::list::List;
use naja_vm::protocols::compare;
use naja_vm::protocols::{number, object, sequence};
use naja_vm::{PyResult, Vm};

/// The place for `x` in `a[lo:hi]`: behind the items equal to it (`right`), or before them.
fn search(
    vm: &Vm,
    a: &Value,
    x: &Value,
    lo: isize,
    hi: Option<&Value>,
    key: Option<&Value>,
    right: bool,
) -> PyResult<usize> {
    let Ok(mut lo) = usize::try_from(lo) else {
        return Err(vm.value_error("lo must be non-negative"));
    };
    let hi = match hi.filter(|h| !h.is_none()) {
        // -1 means the end too, as callers of the C function expect.
        Some(hi) => match number::index_isize(vm, hi)? {
            -1 => None,
            hi => Some(usize::try_from(hi).unwrap_or(0)),
        },
        None => None,
    };
    let mut hi = match hi {
        Some(hi) => hi,
        None => object::len(vm, a)?,
    };
    let key = key.filter(|k| !k.is_none());
    while lo < hi {
        let middle = lo + (hi - lo) / 2;
        let mut item = sequence::get(vm, a, middle as isize)?;
        if let Some(key) = key {
            item = vm.call(key, &[item])?;
        }
        let go_left = if right {
            compare::less(vm, x, &item)?
        } else {
            !compare::less(vm, &item, x)?
        };
        if go_left {
            hi = middle
        } else {
            lo = middle + 1
        }
    }
    Ok(lo)
}

/// Finds the place of `x` (by its key) and inserts it there.
fn insert(
    vm: &Vm,
    a: &Value,
    x: &Value,
    lo: isize,
    hi: Option<&Value>,
    key: Option<&Value>,
    right: bool,
) -> PyResult<()> {
    let index = match key.filter(|k| !k.is_none()) {
        None => search(vm, a, x, lo, hi, None, right)?,
        Some(key) => {
            let wanted = vm.call(key, std::slice::from_ref(x))?;
            search(vm, a, &wanted, lo, hi, Some(key), right)?
        }
    };
    if let Some(list) = a.downcast::<List>()
        && vm.type_of(a).is(&vm.types.list)
    {
        return list.insert_at(vm, index, x.clone());
    }
    let index = vm.new_int(index as i64)?;
    vm.call_method_str(a, "insert", &[index, x.clone()])
        .map(drop)
}

#[pymodule(
    name = "_bisect",
    doc = "Bisection algorithms.\n\nThis module provides support for maintaining a list in sorted order without\nhaving to sort the list after each insertion. For long lists of items with\nexpensive comparison operations, this can be an improvement over the more\ncommon approach.\n"
)]
pub mod module {
    use super::*;

    /// Return the index where to insert item x in list a, assuming a is sorted.
    ///
    /// The return value i is such that all e in a[:i] have e <= x, and all e in
    /// a[i:] have e > x.  So if x already appears in the list, a.insert(i, x)
    /// will insert just after the rightmost x already there.
    ///
    /// Optional args lo (default 0) and hi (default len(a)) bound the
    /// slice of a to be searched.
    ///
    /// A custom key function can be supplied to customize the sort order.
    #[pyfunction(sig = "(a, x, lo=0, hi=None, *, key=None)")]
    fn bisect_right(
        vm: &Vm,
        a: &Value,
        x: &Value,
        #[default(0)] lo: isize,
        hi: Option<&Value>,
        key: Option<&Value>,
    ) -> PyResult<usize> {
        search(vm, a, x, lo, hi, key, true)
    }

    /// Return the index where to insert item x in list a, assuming a is sorted.
    ///
    /// The return value i is such that all e in a[:i] have e < x, and all e in
    /// a[i:] have e >= x.  So if x already appears in the list, a.insert(i, x)
    /// will insert just before the leftmost x already there.
    ///
    /// Optional args lo (default 0) and hi (default len(a)) bound the
    /// slice of a to be searched.
    ///
    /// A custom key function can be supplied to customize the sort order.
    #[pyfunction(sig = "(a, x, lo=0, hi=None, *, key=None)")]
    fn bisect_left(
        vm: &Vm,
        a: &Value,
        x: &Value,
        #[default(0)] lo: isize,
        hi: Option<&Value>,
        key: Option<&Value>,
    ) -> PyResult<usize> {
        search(vm, a, x, lo, hi, key, false)
    }

    /// Insert item x in list a, and keep it sorted assuming a is sorted.
    ///
    /// If x is already in a, insert it to the right of the rightmost x.
    ///
    /// Optional args lo (default 0) and hi (default len(a)) bound the
    /// slice of a to be searched.
    ///
    /// A custom key function can be supplied to customize the sort order.
    #[pyfunction(sig = "(a, x, lo=0, hi=None, *, key=None)")]
    fn insort_right(
        vm: &Vm,
        a: &Value,
        x: &Value,
        #[default(0)] lo: isize,
        hi: Option<&Value>,
        key: Option<&Value>,
    ) -> PyResult<()> {
        insert(vm, a, x, lo, hi, key, true)
    }

    /// Insert item x in list a, and keep it sorted assuming a is sorted.
    ///
    /// If x is already in a, insert it to the left of the leftmost x.
    ///
    /// Optional args lo (default 0) and hi (default len(a)) bound the
    /// slice of a to be searched.
    ///
    /// A custom key function can be supplied to customize the sort order.
    #[pyfunction(sig = "(a, x, lo=0, hi=None, *, key=None)")]
    fn insort_left(
        vm: &Vm,
        a: &Value,
        x: &Value,
        #[default(0)] lo: isize,
        hi: Option<&Value>,
        key: Option<&Value>,
    ) -> PyResult<()> {
        insert(vm, a, x, lo, hi, key, false)
    }
}
