//! `range` and its iterators. CPython: Objects/rangeobject.c.

use crate::function::Args;
use crate::objects::int;
use crate::objects::slice::Slice;
use crate::objects::type_::Type;
use crate::protocols::compare::CompareOp;
use crate::protocols::{compare, hash, number, object};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use dashu_int::IBig;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_numbers::bigint;
use std::cell::Cell;

/// range(stop) -> range object
/// range(start, stop[, step]) -> range object
///
/// Return an object that produces a sequence of integers from start (inclusive)
/// to stop (exclusive) by step.  range(i, j) produces i, i+1, i+2, ..., j-1.
/// start defaults to 0, and stop is omitted!  range(4) produces 0, 1, 2, 3.
/// These are exactly the valid indices for a list of 4 elements.
/// When step is given, it specifies the increment (or decrement).
#[pyclass(name = "range", module = "builtins", gc, flags(SEQUENCE))]
#[repr(C)]
pub struct Range {
    pub start: Value,
    pub stop: Value,
    pub step: Value,
    len: IBig,
}

impl Traverse for Range {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.start);
        v.value(&self.stop);
        v.value(&self.step);
    }
    fn clear(&self) {}
}

/// Iterator over a range whose values all fit a word. The evaluation loop steps it in place.
#[pyclass(name = "range_iterator", module = "builtins", flags(NO_NEW))]
#[repr(C)]
pub struct RangeIterator {
    pub(crate) next: Cell<i64>,
    pub(crate) step: i64,
    pub(crate) left: Cell<i64>,
}

impl RangeIterator {
    /// Moves all numbers that are left to the end of `items`, which has room for them.
    pub(crate) fn drain(&self, items: &mut Vec<Value>) {
        let (next, left) = (self.next.get(), self.left.replace(0).max(0));
        // As the iterator itself has it: all are unboxed.
        items.extend((0..left).map(|i| Value::small_int(next + i * self.step)));
        self.next
            .set(next.wrapping_add(left.wrapping_mul(self.step)));
    }
}

/// Iterator over any range.
#[pyclass(name = "longrange_iterator", module = "builtins", flags(NO_NEW))]
pub struct LongRangeIterator {
    next: MutCell<IBig>,
    step: IBig,
    left: MutCell<IBig>,
}

/// What an iterator says for pickling: `(iter, (range(...),), None)`.
fn reduce(vm: &Vm, next: IBig, step: IBig, left: IBig) -> PyResult {
    let stop = &next + &step * left;
    let range = Range::make(
        vm,
        vm.new_bigint(next)?,
        vm.new_bigint(stop)?,
        vm.new_bigint(step)?,
    )?;
    let args = vm.new_tuple(vec![range.into_value()])?.into_value();
    let parts = vec![vm.builtin("iter")?, args, Value::NONE];
    Ok(vm.new_tuple(parts)?.into_value())
}

fn big(vm: &Vm, value: &Value) -> PyResult<IBig> {
    int::to_big(value).ok_or_else(|| vm.system_error("a range's bound is not an int"))
}

impl Range {
    /// The range of these bounds, which are ints. Raises ValueError for step 0.
    pub fn make(vm: &Vm, start: Value, stop: Value, step: Value) -> PyResult<Ref<Range>> {
        if let (Some(a), Some(b), Some(s)) = (
            start.as_small_int(),
            stop.as_small_int(),
            step.as_small_int(),
        ) && s != 0
        {
            // Differences of 62-bit numbers fit 63.
            let len = match s {
                1 => b - a,
                s if s > 0 => (b - a + s - 1) / s,
                s => (b - a + s + 1) / s,
            };
            return vm.new_object(Range {
                start,
                stop,
                step,
                len: IBig::from(len.max(0)),
            });
        }
        let (a, b, s) = (big(vm, &start)?, big(vm, &stop)?, big(vm, &step)?);
        if s == IBig::ZERO {
            return Err(vm.value_error("range() arg 3 must not be zero"));
        }
        let len = if bigint::is_negative(&s) {
            if a > b {
                (&a - &b - IBig::ONE) / -&s + IBig::ONE
            } else {
                IBig::ZERO
            }
        } else if a < b {
            (&b - &a - IBig::ONE) / &s + IBig::ONE
        } else {
            IBig::ZERO
        };
        vm.new_object(Range {
            start,
            stop,
            step,
            len,
        })
    }

    fn len_usize(&self, vm: &Vm) -> PyResult<usize> {
        match bigint::to_i64(&self.len) {
            Some(n) => Ok(n as usize),
            None => Err(vm.overflow_error("Python int too large to convert to C ssize_t")),
        }
    }

    /// Item `index`, which must be within the length.
    fn item_at(&self, vm: &Vm, index: &IBig) -> PyResult {
        vm.new_bigint(big(vm, &self.start)? + index * big(vm, &self.step)?)
    }

    /// An iterator from `start` on, `len` items by `step`.
    fn iterate(vm: &Vm, start: IBig, step: IBig, len: IBig) -> PyResult {
        let last = &start + &step * &len;
        if let (Some(a), Some(s), Some(n), Some(_)) = (
            bigint::to_small(&start),
            bigint::to_small(&step),
            bigint::to_small(&len),
            bigint::to_small(&last),
        ) {
            let iterator = RangeIterator {
                next: Cell::new(a),
                step: s,
                left: Cell::new(n),
            };
            return Ok(vm.new_object(iterator)?.into_value());
        }
        let iterator = LongRangeIterator {
            next: MutCell::new(start),
            step,
            left: MutCell::new(len),
        };
        Ok(vm.new_object(iterator)?.into_value())
    }

    /// An item or a slice where all numbers are unboxed ones; None where they are not, or the index is out of range.
    fn small_subscript(&self, vm: &Vm, key: &Value) -> Option<PyResult> {
        let (start, step) = (self.start.as_small_int()?, self.step.as_small_int()?);
        let len = bigint::to_small(&self.len)?;
        if let Some(index) = key.as_small_int() {
            let index = if index < 0 { index + len } else { index };
            // An item lies between the bounds.
            return (0..len)
                .contains(&index)
                .then(|| Ok(Value::small_int(start + index * step)));
        }
        let slice = key.downcast::<Slice>()?;
        let by = match slice.step.is_none() {
            true => 1,
            false => slice.step.as_small_int().filter(|by| *by != 0)?,
        };
        let (first, last) = if by < 0 { (-1, len - 1) } else { (0, len) };
        let fit = |n: i64| (if n < 0 { n + len } else { n }).clamp(first, last);
        let (from, to) = match by < 0 {
            true => (last, first),
            false => (first, last),
        };
        let from = match slice.start.is_none() {
            true => from,
            false => fit(slice.start.as_small_int()?),
        };
        let to = match slice.stop.is_none() {
            true => to,
            false => fit(slice.stop.as_small_int()?),
        };
        let place = |index: i64| start.checked_add(step.checked_mul(index)?);
        let (start, stop, step) = (place(from)?, place(to)?, step.checked_mul(by)?);
        let make = || {
            let (start, stop) = (vm.new_int(start)?, vm.new_int(stop)?);
            Ok(Range::make(vm, start, stop, vm.new_int(step)?)?.into_value())
        };
        Some(make())
    }

    /// The index of an int in the range, if it is there.
    fn position(&self, vm: &Vm, value: &Value) -> PyResult<Option<IBig>> {
        let (n, start, step) = (big(vm, value)?, big(vm, &self.start)?, big(vm, &self.step)?);
        let difference = n - start;
        if &difference % &step != IBig::ZERO {
            return Ok(None);
        }
        let index = difference / step;
        Ok((!bigint::is_negative(&index) && index < self.len).then_some(index))
    }
}

#[pymethods]
impl Range {
    #[pyslot]
    fn new(_cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        if args.keyword_count() > 0 {
            return Err(vm.type_error("range() takes no keyword arguments"));
        }
        let index = |v: &Value| -> PyResult {
            let n = number::index(vm, v)?;
            if n.is_small_int() {
                Ok(n)
            } else {
                vm.new_bigint(big(vm, &n)?)
            }
        };
        let (start, stop, step) = match args.args {
            [] => return Err(vm.type_error("range expected at least 1 argument, got 0")),
            [stop] => (Value::small_int(0), index(stop)?, Value::small_int(1)),
            [start, stop] => (index(start)?, index(stop)?, Value::small_int(1)),
            [start, stop, step] => (index(start)?, index(stop)?, index(step)?),
            many => {
                return Err(vm.type_error(format!(
                    "range expected at most 3 arguments, got {}",
                    many.len()
                )));
            }
        };
        Ok(Range::make(vm, start, stop, step)?.into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let (a, b) = (
            object::repr(vm, &zelf.start)?,
            object::repr(vm, &zelf.stop)?,
        );
        let text = if int::as_i64(&zelf.step) == Some(1) {
            format!("range({}, {})", a.to_string_lossy(), b.to_string_lossy())
        } else {
            let c = object::repr(vm, &zelf.step)?;
            format!(
                "range({}, {}, {})",
                a.to_string_lossy(),
                b.to_string_lossy(),
                c.to_string_lossy()
            )
        };
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot]
    fn sq_len(zelf: &Ref<Self>, vm: &Vm) -> PyResult<usize> {
        zelf.len_usize(vm)
    }

    #[pyslot(name = "bool")]
    fn truth(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<bool> {
        Ok(zelf.len != IBig::ZERO)
    }

    #[pyslot]
    fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if let Some((start, step, n)) = zelf.small() {
            let iterator = RangeIterator {
                next: Cell::new(start),
                step,
                left: Cell::new(n),
            };
            return Ok(vm.new_object(iterator)?.into_value());
        }
        Range::iterate(
            vm,
            big(vm, &zelf.start)?,
            big(vm, &zelf.step)?,
            zelf.len.clone(),
        )
    }

    #[pyslot]
    fn item(zelf: &Ref<Self>, vm: &Vm, index: isize) -> PyResult {
        let index = IBig::from(index);
        if bigint::is_negative(&index) || index >= zelf.len {
            return Err(vm.index_error("range object index out of range"));
        }
        zelf.item_at(vm, &index)
    }

    #[pyslot]
    fn subscript(zelf: &Ref<Self>, vm: &Vm, key: &Value) -> PyResult {
        if let Some(item) = zelf.small_subscript(vm, key) {
            return item;
        }
        if number::has_index(vm, key) {
            let mut index = number::index_big(vm, key)?;
            if bigint::is_negative(&index) {
                index += &zelf.len;
            }
            if bigint::is_negative(&index) || index >= zelf.len {
                return Err(vm.index_error("range object index out of range"));
            }
            return zelf.item_at(vm, &index);
        }
        let Some(slice) = key.downcast::<Slice>() else {
            return Err(vm.type_error(format!(
                "range indices must be integers or slices, not {}",
                vm.type_of(key).full_name()
            )));
        };
        let (from, to, by) = crate::objects::slice::fit_big(vm, slice, &zelf.len)?;
        let (start, step) = (big(vm, &zelf.start)?, big(vm, &zelf.step)?);
        let new_step = &step * by;
        let new_start = &start + &step * from;
        let new_stop = &start + &step * to;
        let range = Range::make(
            vm,
            vm.new_bigint(new_start)?,
            vm.new_bigint(new_stop)?,
            vm.new_bigint(new_step)?,
        )?;
        Ok(range.into_value())
    }

    #[pyslot]
    fn contains(zelf: &Ref<Self>, vm: &Vm, value: &Value) -> PyResult<bool> {
        if vm.type_of(value).is(&vm.types.int) || value.is_bool() {
            return Ok(zelf.position(vm, value)?.is_some());
        }
        let it = Range::iter(zelf, vm)?;
        while let Some(item) = crate::protocols::iterator::next(vm, &it)? {
            if compare::eq(vm, &item, value)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[pyslot]
    fn richcompare(_vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<Range>(), b.downcast::<Range>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(Value::NOT_IMPLEMENTED);
        }
        let same = |p: &Value, q: &Value| int::to_big(p) == int::to_big(q);
        let equal = x.len == y.len
            && (x.len == IBig::ZERO
                || same(&x.start, &y.start) && (x.len == IBig::ONE || same(&x.step, &y.step)));
        Ok(Value::from_bool(equal == (op == CompareOp::Eq)))
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        let len = vm.new_bigint(zelf.len.clone())?;
        let parts = match bigint::to_i64(&zelf.len) {
            Some(0) => vec![len, Value::NONE, Value::NONE],
            Some(1) => vec![len, zelf.start.clone(), Value::NONE],
            _ => vec![len, zelf.start.clone(), zelf.step.clone()],
        };
        hash::hash(vm, vm.new_tuple(parts)?.as_value())
    }

    /// Return a reverse iterator.
    #[pymethod]
    pub(crate) fn __reversed__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if let Some((start, step, n)) = zelf.small() {
            let iterator = RangeIterator {
                next: Cell::new(start.wrapping_add((n - 1).wrapping_mul(step))),
                step: step.wrapping_neg(),
                left: Cell::new(n),
            };
            return Ok(vm.new_object(iterator)?.into_value());
        }
        let (start, step) = (big(vm, &zelf.start)?, big(vm, &zelf.step)?);
        let last = &start + (&zelf.len - IBig::ONE) * &step;
        Range::iterate(vm, last, -step, zelf.len.clone())
    }

    /// rangeobject.count(value) -> integer -- return number of occurrences of value
    #[pymethod(sig = "($self, object, /)")]
    fn count(zelf: &Ref<Self>, vm: &Vm, object: &Value) -> PyResult<usize> {
        let value = object;
        if vm.type_of(value).is(&vm.types.int) || value.is_bool() {
            return Ok(zelf.position(vm, value)?.is_some() as usize);
        }
        let mut count = 0;
        let it = Range::iter(zelf, vm)?;
        while let Some(item) = crate::protocols::iterator::next(vm, &it)? {
            count += compare::eq(vm, &item, value)? as usize;
        }
        Ok(count)
    }

    /// rangeobject.index(value) -> integer -- return index of value.
    /// Raise ValueError if the value is not present.
    #[pymethod(sig = "($self, object, /)")]
    fn index(zelf: &Ref<Self>, vm: &Vm, object: &Value) -> PyResult {
        let value = object;
        if vm.type_of(value).is(&vm.types.int) || value.is_bool() {
            if let Some(index) = zelf.position(vm, value)? {
                return vm.new_bigint(index);
            }
        } else {
            let it = Range::iter(zelf, vm)?;
            let mut index = 0;
            while let Some(item) = crate::protocols::iterator::next(vm, &it)? {
                if compare::eq(vm, &item, value)? {
                    return vm.new_int(index);
                }
                index += 1;
            }
        }
        let shown = crate::protocols::object::repr(vm, value)?;
        Err(vm.value_error(format!("{} is not in range", shown.to_string_lossy())))
    }

    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let parts = vm
            .new_tuple(vec![
                zelf.start.clone(),
                zelf.stop.clone(),
                zelf.step.clone(),
            ])?
            .into_value();
        Ok(vm
            .new_tuple(vec![vm.types.range.to_value(), parts])?
            .into_value())
    }

    #[pymember]
    fn start(&self) -> Value {
        self.start.clone()
    }

    #[pymember]
    fn stop(&self) -> Value {
        self.stop.clone()
    }

    #[pymember]
    fn step(&self) -> Value {
        self.step.clone()
    }
}

impl Range {
    /// Start, step and length, where all numbers up to the end fit words.
    #[inline]
    fn small(&self) -> Option<(i64, i64, i64)> {
        let (start, step) = (self.start.as_small_int()?, self.step.as_small_int()?);
        let n = bigint::to_small(&self.len)?;
        let last = step.checked_mul(n)?.checked_add(start)?;
        Value::try_int(last)?;
        Some((start, step, n))
    }
}

impl RangeIterator {
    /// What `iter(range(...))` of these arguments is, where all numbers up to the end fit words.
    pub(crate) fn over(args: &[Value]) -> Option<RangeIterator> {
        let word = |at: usize| args.get(at)?.as_small_int();
        let (start, stop, step) = match args.len() {
            1 => (0, word(0)?, 1),
            2 => (word(0)?, word(1)?, 1),
            3 => (word(0)?, word(1)?, word(2)?),
            _ => return None,
        };
        // Differences of words do not overflow.
        let left = match step {
            1 => stop - start,
            2.. => (stop - start + (step - 1)) / step,
            0 => return None,
            ..0 => (start - stop + (-step - 1)) / -step,
        };
        let left = left.max(0);
        Value::try_int(step.checked_mul(left)?.checked_add(start)?)?;
        Some(RangeIterator {
            next: Cell::new(start),
            step,
            left: Cell::new(left),
        })
    }

    #[inline(always)]
    pub(crate) fn next_item(&self) -> Option<Value> {
        let left = self.left.get();
        if left <= 0 {
            return None;
        }
        let value = self.next.get();
        self.left.set(left - 1);
        self.next.set(value.wrapping_add(self.step));
        Value::try_int(value)
    }
}

#[pymethods]
impl RangeIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<Option<Value>> {
        Ok(zelf.next_item())
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self) -> i64 {
        self.left.get().max(0)
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self, vm: &Vm) -> PyResult {
        let (next, step) = (IBig::from(self.next.get()), IBig::from(self.step));
        reduce(vm, next, step, IBig::from(self.left.get().max(0)))
    }

    /// Set state information for unpickling.
    #[pymethod(sig = "($self, object, /)")]
    fn __setstate__(&self, vm: &Vm, object: &Value) -> PyResult<()> {
        let index = (number::index_isize(vm, object)? as i64).clamp(0, self.left.get().max(0));
        self.next
            .set(self.next.get().wrapping_add(index.wrapping_mul(self.step)));
        self.left.set(self.left.get() - index);
        Ok(())
    }
}

#[pymethods]
impl LongRangeIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        let left = zelf.left.get();
        if left == IBig::ZERO {
            return Ok(None);
        }
        let value = zelf.next.get();
        zelf.left.set(left - IBig::ONE);
        zelf.next.set(&value + &zelf.step);
        vm.new_bigint(value).map(Some)
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self, vm: &Vm) -> PyResult {
        vm.new_bigint(self.left.get())
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self, vm: &Vm) -> PyResult {
        reduce(vm, self.next.get(), self.step.clone(), self.left.get())
    }

    /// Set state information for unpickling.
    #[pymethod(sig = "($self, object, /)")]
    fn __setstate__(&self, vm: &Vm, object: &Value) -> PyResult<()> {
        if !number::is_int(vm, object) {
            return Err(vm.type_error(format!(
                "state must be an int, not {}",
                vm.type_of(object).full_name()
            )));
        }
        let index = number::index_big(vm, object)?
            .max(IBig::ZERO)
            .min(self.left.get());
        self.next.set(self.next.get() + &index * &self.step);
        self.left.set(self.left.get() - index);
        Ok(())
    }
}
