//! `deque`: a ring buffer of values, and its two iterators.
//!
//! `state` counts the changes of length, which iterators and searches compare: comparing items may run Python, which may
//! change the deque under them.

use super::{class_of, state_of};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::protocols::compare::{self, CompareOp};
use naja_vm::protocols::{iterator, number, object, sequence};
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Traverse, Visitor, Vm};
use std::cell::Cell;
use std::collections::VecDeque;

/// A list-like sequence optimized for data accesses near its endpoints.
#[pyclass(
    name = "deque",
    module = "collections",
    gc,
    flags(BASETYPE, SEQUENCE, HAS_WEAKREF)
)]
#[repr(C)]
pub struct Deque {
    items: MutCell<VecDeque<Value>>,
    maxlen: Cell<Option<usize>>,
    state: Cell<u64>,
}

impl Traverse for Deque {
    fn traverse(&self, v: &mut Visitor) {
        self.items
            .with(|items| items.iter().for_each(|x| v.value(x)))
    }
    fn clear(&self) {
        drop(self.items.take())
    }
}

impl Deque {
    fn empty(maxlen: Option<usize>) -> Deque {
        Deque {
            items: MutCell::new(VecDeque::new()),
            maxlen: Cell::new(maxlen),
            state: Cell::new(0),
        }
    }

    fn len(&self) -> usize {
        self.items.with(VecDeque::len)
    }

    fn changed(&self) {
        self.state.set(self.state.get().wrapping_add(1))
    }

    fn get(&self, index: usize) -> Option<Value> {
        self.items.with(|items| items.get(index).cloned())
    }

    fn to_vec(&self) -> Vec<Value> {
        self.items.with(|items| items.iter().cloned().collect())
    }

    /// Adds an item at an end; one that falls off the other end is dropped.
    #[inline]
    pub fn push(&self, vm: &Vm, value: Value, left: bool) -> PyResult<()> {
        let maxlen = self.maxlen.get();
        let pushed = self.items.with_mut(|items| {
            if items.len() == items.capacity() && items.try_reserve(1).is_err() {
                return None;
            }
            if left {
                items.push_front(value)
            } else {
                items.push_back(value)
            }
            let full = maxlen.is_some_and(|most| items.len() > most);
            Some(match (full, left) {
                (false, _) => None,
                (true, true) => items.pop_back(),
                (true, false) => items.pop_front(),
            })
        });
        self.changed();
        match pushed {
            Some(_fallen) => Ok(()),
            None => Err(vm.memory_error("")),
        }
    }

    fn extend_with(zelf: &Ref<Self>, vm: &Vm, iterable: &Value, left: bool) -> PyResult<()> {
        if iterable.is(zelf.as_value()) {
            for item in zelf.to_vec() {
                zelf.push(vm, item, left)?
            }
            return Ok(());
        }
        let ty = vm.type_of(iterable);
        if !left && zelf.maxlen.get().is_none() && (ty.is(&vm.types.list) || ty.is(&vm.types.tuple))
        {
            let new = sequence::collect(vm, iterable)?;
            let added = zelf.items.with_mut(|items| {
                items
                    .try_reserve(new.len())
                    .is_ok()
                    .then(|| items.extend(new))
            });
            zelf.changed();
            return added.ok_or_else(|| vm.memory_error(""));
        }
        let items = iterator::iter(vm, iterable)?;
        while let Some(item) = iterator::next(vm, &items)? {
            zelf.push(vm, item, left)?;
            vm.check_signals()?;
        }
        Ok(())
    }

    /// Moves everything `n` places to the right.
    fn turn(&self, n: isize) {
        self.items.with_mut(|items| {
            let len = items.len();
            if len > 1 {
                items.rotate_right(n.rem_euclid(len as isize) as usize);
            }
        });
        self.changed();
    }

    /// The place of the first item equal to `value` in a range; `error` is raised if the deque changes meanwhile.
    fn find(
        &self,
        vm: &Vm,
        value: &Value,
        range: std::ops::Range<usize>,
        error: &Ref<Type>,
    ) -> PyResult<Option<usize>> {
        let state = self.state.get();
        for index in range {
            let Some(item) = self.get(index) else { break };
            let equal = compare::eq(vm, &item, value)?;
            if self.state.get() != state {
                return Err(vm.raise(error, "deque mutated during iteration"));
            }
            if equal {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn copy_of(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let maxlen = zelf.maxlen.get();
        if vm.type_of(zelf.as_value()).is(vm.class::<Deque>()) {
            let new = vm.new_object(Deque::empty(maxlen))?;
            new.items.set(zelf.items.with(VecDeque::clone));
            return Ok(new.into_value());
        }
        let class = class_of(vm, zelf.as_value());
        let mut args = vec![zelf.to_value()];
        if let Some(most) = maxlen {
            args.push(vm.new_int(most as i64)?)
        }
        let new = vm.call(&class, &args)?;
        if new.downcast::<Deque>().is_none() {
            return Err(vm.type_error(format!(
                "{}() must return a deque, not {}",
                vm.type_of(zelf.as_value()).full_name(),
                vm.type_of(&new).full_name()
            )));
        }
        Ok(new)
    }

    /// The items `n` times over.
    fn repeat_in_place(&self, vm: &Vm, n: isize) -> PyResult<()> {
        let items = self.to_vec();
        if n <= 0 || items.is_empty() {
            drop(self.items.take());
            self.changed();
            return Ok(());
        }
        let n = n as usize;
        let total = items.len().checked_mul(n);
        let total = match self.maxlen.get() {
            // Only the last `maxlen` items stay: the rest of the rounds need not be made.
            Some(most) => total.unwrap_or(usize::MAX).min(items.len() + most),
            None => total.ok_or_else(|| vm.memory_error(""))?,
        };
        vm.check_size(total.checked_mul(size_of::<Value>()))?;
        let skip = match total.checked_rem(items.len()) {
            Some(0) | None => 0,
            Some(rest) => items.len() - rest,
        };
        let keep = self
            .maxlen
            .get()
            .map_or(0, |most| total.saturating_sub(most));
        let new: VecDeque<Value> = items
            .iter()
            .cycle()
            .skip(skip + keep)
            .take(total - keep)
            .cloned()
            .collect();
        self.items.set(new);
        self.changed();
        Ok(())
    }
}

fn out_of_range(vm: &Vm) -> naja_vm::Raised {
    vm.index_error("deque index out of range")
}

#[pymethods]
impl Deque {
    #[pyslot(sig = "([iterable[, maxlen]])")]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, Deque::empty(None))?.into_value())
    }

    #[pyslot]
    fn init(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult<()> {
        use naja_vm::function::{Param, ParamKind, Signature};
        const fn param(name: &'static str) -> Param {
            Param {
                name,
                kind: ParamKind::PosOrKw,
                required: false,
            }
        }
        static SIG: Signature = Signature::new("", "deque", &[param("iterable"), param("maxlen")]);
        let mut bound = [None; 2];
        SIG.bind(vm, &args, &mut bound)?;
        let maxlen = match bound[1] {
            Some(value) if !value.is_none() => {
                if !number::is_int(vm, value) {
                    return Err(vm.type_error("an integer is required"));
                }
                let most = number::index_isize(vm, value)?;
                match usize::try_from(most) {
                    Ok(most) => Some(most),
                    Err(_) => return Err(vm.value_error("maxlen must be non-negative")),
                }
            }
            _ => None,
        };
        zelf.maxlen.set(maxlen);
        if zelf.len() > 0 {
            drop(zelf.items.take());
            zelf.changed();
        }
        match bound[0] {
            Some(iterable) => Deque::extend_with(zelf, vm, iterable, false),
            None => Ok(()),
        }
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if object::repr_enter(vm, zelf.as_value()) {
            return Ok(vm.new_str("[...]")?.into_value());
        }
        let list = vm.new_list(zelf.to_vec());
        let shown = list.and_then(|list| object::repr(vm, list.as_value()));
        object::repr_leave(vm, zelf.as_value());
        let shown = shown?;
        let (name, shown) = (vm.type_of(zelf.as_value()).name(), shown.to_string_lossy());
        let text = match zelf.maxlen.get() {
            Some(most) => format!("{name}({shown}, maxlen={most})"),
            None => format!("{name}({shown})"),
        };
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<Deque>(), b.downcast::<Deque>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        vm.check_stack()?;
        if x.len() != y.len() && matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(Value::from_bool(op == CompareOp::Ne));
        }
        let (x_items, y_items) = (DequeIterator::of(x), DequeIterator::of(y));
        loop {
            match (x_items.step(vm, false)?, y_items.step(vm, false)?) {
                (Some(v), Some(w)) => {
                    if !compare::eq(vm, &v, &w)? {
                        return compare::rich_compare(vm, &v, &w, op);
                    }
                }
                (v, w) => {
                    let ordering = v.is_some().cmp(&w.is_some());
                    return Ok(op.value(Some(ordering)));
                }
            }
        }
    }

    #[pyslot]
    fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(vm.new_object(DequeIterator::of(zelf))?.into_value())
    }

    #[pyslot]
    fn sq_len(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<usize> {
        Ok(Deque::len(zelf))
    }

    #[pyslot]
    fn item(zelf: &Ref<Self>, vm: &Vm, index: isize) -> PyResult {
        let found = usize::try_from(index)
            .ok()
            .and_then(|i| Deque::get(zelf, i));
        found.ok_or_else(|| out_of_range(vm))
    }

    #[pyslot]
    fn set_item(zelf: &Ref<Self>, vm: &Vm, index: isize, value: Option<&Value>) -> PyResult<()> {
        let len = zelf.len();
        let Some(index) = usize::try_from(index).ok().filter(|&i| i < len) else {
            return Err(out_of_range(vm));
        };
        match value {
            Some(value) => {
                let mut value = value.clone();
                zelf.items.with_mut(|items| {
                    if let Some(item) = items.get_mut(index) {
                        std::mem::swap(item, &mut value)
                    }
                });
            }
            None => {
                let _old = zelf.items.with_mut(|items| items.remove(index));
                zelf.changed();
            }
        }
        Ok(())
    }

    #[pyslot]
    fn set_subscript(
        zelf: &Ref<Self>,
        vm: &Vm,
        key: &Value,
        value: Option<&Value>,
    ) -> PyResult<()> {
        if !number::has_index(vm, key) {
            return Err(vm.type_error(format!(
                "sequence index must be integer, not '{}'",
                vm.type_of(key).full_name()
            )));
        }
        let index = number::index_for(vm, key, &vm.types.index_error)?;
        let from_end = if index < 0 { zelf.len() as isize } else { 0 };
        Deque::set_item(zelf, vm, index + from_end, value)
    }

    #[pyslot]
    fn contains(zelf: &Ref<Self>, vm: &Vm, value: &Value) -> PyResult<bool> {
        let all = 0..zelf.len();
        Ok(zelf
            .find(vm, value, all, &vm.types.runtime_error)?
            .is_some())
    }

    #[pyslot]
    fn concat(zelf: &Ref<Self>, vm: &Vm, other: &Value) -> PyResult {
        if other.downcast::<Deque>().is_none() {
            return Err(vm.type_error(format!(
                "can only concatenate deque (not \"{}\") to deque",
                vm.type_of(other).full_name()
            )));
        }
        let new = Deque::copy_of(zelf, vm)?;
        if let Some(deque) = new.downcast::<Deque>() {
            Deque::extend_with(deque, vm, other, false)?;
        }
        Ok(new)
    }

    #[pyslot]
    fn inplace_concat(zelf: &Ref<Self>, vm: &Vm, other: &Value) -> PyResult {
        Deque::extend_with(zelf, vm, other, false)?;
        Ok(zelf.to_value())
    }

    #[pyslot]
    fn repeat(zelf: &Ref<Self>, vm: &Vm, n: isize) -> PyResult {
        let new = Deque::copy_of(zelf, vm)?;
        if let Some(deque) = new.downcast::<Deque>() {
            deque.repeat_in_place(vm, n)?;
        }
        Ok(new)
    }

    #[pyslot]
    fn inplace_repeat(zelf: &Ref<Self>, vm: &Vm, n: isize) -> PyResult {
        zelf.repeat_in_place(vm, n)?;
        Ok(zelf.to_value())
    }

    /// Add an element to the right side of the deque.
    #[pymethod(sig = "($self, item, /)")]
    fn append(&self, vm: &Vm, item: Value) -> PyResult<()> {
        self.push(vm, item, false)
    }

    /// Add an element to the left side of the deque.
    #[pymethod(sig = "($self, item, /)")]
    fn appendleft(&self, vm: &Vm, item: Value) -> PyResult<()> {
        self.push(vm, item, true)
    }

    /// Remove all elements from the deque.
    #[pymethod(name = "clear")]
    fn clear_method(&self) {
        let old = self.items.take();
        self.changed();
        drop(old)
    }

    /// Return a shallow copy of a deque.
    #[pymethod]
    fn __copy__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Deque::copy_of(zelf, vm)
    }

    /// Return a shallow copy of a deque.
    #[pymethod]
    fn copy(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Deque::copy_of(zelf, vm)
    }

    /// Return number of occurrences of value.
    #[pymethod(sig = "($self, value, /)")]
    fn count(&self, vm: &Vm, value: &Value) -> PyResult<usize> {
        let (mut count, mut at) = (0, 0);
        while let Some(found) = self.find(vm, value, at..self.len(), &vm.types.runtime_error)? {
            count += 1;
            at = found + 1;
        }
        Ok(count)
    }

    /// Extend the right side of the deque with elements from the iterable.
    #[pymethod(sig = "($self, iterable, /)")]
    fn extend(zelf: &Ref<Self>, vm: &Vm, iterable: &Value) -> PyResult<()> {
        Deque::extend_with(zelf, vm, iterable, false)
    }

    /// Extend the left side of the deque with elements from the iterable.
    #[pymethod(sig = "($self, iterable, /)")]
    fn extendleft(zelf: &Ref<Self>, vm: &Vm, iterable: &Value) -> PyResult<()> {
        Deque::extend_with(zelf, vm, iterable, true)
    }

    /// Return first index of value.
    ///
    /// Raises ValueError if the value is not present.
    #[pymethod(raw, sig = "($self, value, [start, [stop]])")]
    fn index(vm: &Vm, args: Args) -> PyResult<usize> {
        let Some(zelf) = args.args.first().and_then(|v| v.downcast::<Deque>()) else {
            return Err(vm.type_error(
                "descriptor 'index' for 'collections.deque' objects doesn't apply to this object",
            ));
        };
        if args.keyword_count() > 0 {
            return Err(vm.type_error("deque.index() takes no keyword arguments"));
        }
        let given = &args.args[1..];
        let Some(value) = given.first() else {
            return Err(vm.type_error("index expected at least 1 argument, got 0"));
        };
        if given.len() > 3 {
            let text = format!("index expected at most 3 arguments, got {}", given.len());
            return Err(vm.type_error(text));
        }
        let len = zelf.len();
        let bound = |value: Option<&Value>, default: usize| -> PyResult<usize> {
            let Some(value) = value else {
                return Ok(default);
            };
            if !number::has_index(vm, value) {
                return Err(
                    vm.type_error("slice indices must be integers or have an __index__ method")
                );
            }
            let n = number::index_clipped(vm, value)?;
            let n = if n < 0 { (n + len as isize).max(0) } else { n };
            Ok((n as usize).min(len))
        };
        let start = bound(given.get(1), 0)?;
        let stop = bound(given.get(2), len)?;
        match zelf.find(vm, value, start..stop, &vm.types.runtime_error)? {
            Some(index) => Ok(index),
            None => Err(vm.value_error("deque.index(x): x not in deque")),
        }
    }

    /// Insert value before index.
    #[pymethod(sig = "($self, index, value, /)")]
    fn insert(&self, vm: &Vm, index: isize, value: Value) -> PyResult<()> {
        let len = self.len();
        if self.maxlen.get() == Some(len) {
            return Err(vm.index_error("deque already at its maximum size"));
        }
        let index = if index < 0 {
            (index + len as isize).max(0)
        } else {
            index
        };
        self.items
            .with_mut(|items| items.insert((index as usize).min(len), value));
        self.changed();
        Ok(())
    }

    /// Remove and return the rightmost element.
    #[pymethod]
    fn pop(&self, vm: &Vm) -> PyResult {
        self.changed();
        let item = self.items.with_mut(VecDeque::pop_back);
        item.ok_or_else(|| vm.index_error("pop from an empty deque"))
    }

    /// Remove and return the leftmost element.
    #[pymethod]
    fn popleft(&self, vm: &Vm) -> PyResult {
        self.changed();
        let item = self.items.with_mut(VecDeque::pop_front);
        item.ok_or_else(|| vm.index_error("pop from an empty deque"))
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let state = state_of(vm, zelf.as_value())?;
        let items = iterator::iter(vm, zelf.as_value())?;
        let args = match zelf.maxlen.get() {
            Some(most) => {
                let empty = vm.interp.empty_tuple().into_value();
                vec![empty, vm.new_int(most as i64)?]
            }
            None => Vec::new(),
        };
        let args = vm.new_tuple(args)?.into_value();
        let class = class_of(vm, zelf.as_value());
        Ok(vm.new_tuple(vec![class, args, state, items])?.into_value())
    }

    /// Remove first occurrence of value.
    #[pymethod(sig = "($self, value, /)")]
    fn remove(&self, vm: &Vm, value: &Value) -> PyResult<()> {
        match self.find(vm, value, 0..self.len(), &vm.types.index_error)? {
            Some(index) => {
                let _old = self.items.with_mut(|items| items.remove(index));
                self.changed();
                Ok(())
            }
            None => Err(vm.value_error("deque.remove(x): x not in deque")),
        }
    }

    /// Return a reverse iterator over the deque.
    #[pymethod]
    fn __reversed__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let reverse = DequeReverseIterator {
            base: DequeIterator::of(zelf),
        };
        Ok(vm.new_object(reverse)?.into_value())
    }

    /// Reverse *IN PLACE*.
    #[pymethod]
    fn reverse(&self) {
        self.items
            .with_mut(|items| items.make_contiguous().reverse())
    }

    /// Rotate the deque n steps to the right.  If n is negative, rotates left.
    #[pymethod(sig = "($self, n=1, /)")]
    fn rotate(&self, #[default(1)] n: isize) {
        self.turn(n)
    }

    /// Return the size of the deque in memory, in bytes.
    #[pymethod]
    fn __sizeof__(&self) -> usize {
        let items = self.items.with(VecDeque::capacity) * size_of::<Value>();
        size_of::<Deque>() + 16 + items
    }

    /// deques are generic over the type of their contents
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }

    /// maximum size of a deque or None if unbounded
    #[pygetter]
    fn maxlen(&self) -> Option<usize> {
        self.maxlen.get()
    }
}

#[pyclass(name = "_deque_iterator", module = "collections", doc = "", gc)]
pub struct DequeIterator {
    deque: Ref<Deque>,
    index: Cell<usize>,
    left: Cell<usize>,
    state: u64,
}

#[pyclass(name = "_deque_reverse_iterator", module = "collections", doc = "", gc)]
pub struct DequeReverseIterator {
    base: DequeIterator,
}

impl Traverse for DequeIterator {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.deque)
    }
    fn clear(&self) {}
}

impl Traverse for DequeReverseIterator {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.base.deque)
    }
    fn clear(&self) {}
}

impl DequeIterator {
    fn of(deque: &Ref<Deque>) -> DequeIterator {
        DequeIterator {
            deque: deque.clone(),
            index: Cell::new(0),
            left: Cell::new(deque.len()),
            state: deque.state.get(),
        }
    }

    #[inline]
    fn step(&self, vm: &Vm, reverse: bool) -> PyResult<Option<Value>> {
        if self.deque.state.get() != self.state {
            self.left.set(0);
            return Err(vm.runtime_error("deque mutated during iteration"));
        }
        let left = self.left.get();
        if left == 0 {
            return Ok(None);
        }
        let index = self.index.get();
        self.index.set(index + 1);
        self.left.set(left - 1);
        let at = if reverse { left - 1 } else { index };
        Ok(self.deque.get(at))
    }

    /// The arguments of both constructors: a deque, and how many items to skip.
    fn from_args(vm: &Vm, args: &Args, name: &str) -> PyResult<DequeIterator> {
        let given = args.positional();
        let (deque, skip) = match given {
            [deque] => (deque, 0),
            [deque, skip] => (deque, number::index_isize(vm, skip)?),
            _ => {
                return Err(vm.type_error(format!(
                    "{name}() takes 1 or 2 arguments ({} given)",
                    given.len()
                )));
            }
        };
        let Some(deque) = deque.downcast::<Deque>() else {
            return Err(vm.type_error(format!(
                "{name}() argument 1 must be collections.deque, not {}",
                vm.type_of(deque).full_name()
            )));
        };
        let new = DequeIterator::of(deque);
        let skip = usize::try_from(skip).unwrap_or(0).min(deque.len());
        new.index.set(skip);
        new.left.set(deque.len() - skip);
        Ok(new)
    }

    fn reduce(&self, vm: &Vm, zelf: &Value) -> PyResult {
        let skip = self.deque.len().saturating_sub(self.left.get());
        let args = vec![self.deque.to_value(), vm.new_int(skip as i64)?];
        let args = vm.new_tuple(args)?.into_value();
        Ok(vm.new_tuple(vec![class_of(vm, zelf), args])?.into_value())
    }
}

#[pymethods]
impl DequeIterator {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let new = DequeIterator::from_args(vm, &args, "_deque_iterator")?;
        Ok(vm.new_object_of(cls, new)?.into_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        self.step(vm, false)
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self) -> usize {
        self.left.get()
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        zelf.reduce(vm, zelf.as_value())
    }
}

#[pymethods]
impl DequeReverseIterator {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let base = DequeIterator::from_args(vm, &args, "_deque_reverse_iterator")?;
        Ok(vm
            .new_object_of(cls, DequeReverseIterator { base })?
            .into_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        self.base.step(vm, true)
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self) -> usize {
        self.base.left.get()
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        zelf.base.reduce(vm, zelf.as_value())
    }
}
