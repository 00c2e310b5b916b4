//! The slots and methods of `tuple`.

use super::Tuple;
use crate::function::Args;
use crate::objects::iterators::{reduce_empty, reduce_iter};
use crate::objects::slice::Slice;
use crate::objects::type_::Type;
use crate::protocols::compare::CompareOp;
use crate::protocols::{compare, hash, number, object, sequence};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use std::cell::Cell;

/// Compares two sequences item by item: the first difference decides, else the lengths.
pub(crate) fn compare_items(
    vm: &Vm,
    len: impl Fn() -> (usize, usize),
    get: impl Fn(usize) -> Option<(Value, Value)>,
    op: CompareOp,
) -> PyResult {
    let (n, m) = len();
    if n != m && matches!(op, CompareOp::Eq | CompareOp::Ne) {
        return Ok(Value::from_bool(op == CompareOp::Ne));
    }
    vm.check_stack()?;
    let mut i = 0;
    while let Some((a, b)) = get(i) {
        if !compare::eq(vm, &a, &b)? {
            let (n, m) = len();
            if i >= n || i >= m {
                break;
            }
            return match op {
                CompareOp::Eq => Ok(Value::FALSE),
                CompareOp::Ne => Ok(Value::TRUE),
                _ => compare::rich_compare(vm, &a, &b, op),
            };
        }
        i += 1;
    }
    // The lengths as they are now: comparing can have changed them.
    let (n, m) = len();
    Ok(Value::from_bool(op.holds(n.cmp(&m))))
}

/// `a * n` of items. Raises MemoryError.
pub(crate) fn repeat_items(vm: &Vm, items: &[Value], n: isize) -> PyResult<Vec<Value>> {
    // Nothing, however often, is nothing.
    let n = if items.is_empty() {
        0
    } else {
        n.max(0) as usize
    };
    let mut out = Vec::new();
    let size = vm.check_size(items.len().checked_mul(n).and_then(|s| s.checked_mul(8)))? / 8;
    if out.try_reserve_exact(size).is_err() {
        return Err(vm.memory_error(""));
    }
    naja_heap::append_repeated(&mut out, items, n);
    Ok(out)
}

/// The reprs of items, comma between, behind `open`. `zelf` guards against recursion: None where it is being shown already.
pub(crate) fn repr_items(
    vm: &Vm,
    zelf: &Value,
    open: u8,
    get: impl Fn(usize) -> Option<Value>,
) -> PyResult<Option<Vec<u8>>> {
    if object::repr_enter(vm, zelf) {
        return Ok(None);
    }
    let result = (|| {
        let mut out = Vec::with_capacity(64);
        out.push(open);
        let mut i = 0;
        while let Some(item) = get(i) {
            if i > 0 {
                out.extend_from_slice(b", ");
            }
            object::repr_into(vm, &item, &mut out)?;
            i += 1;
        }
        Ok(Some(out))
    })();
    object::repr_leave(vm, zelf);
    result
}

impl Tuple {
    /// The hash, kept once computed. Raises what the items' hashes raise.
    #[inline]
    pub(crate) fn hash_items(&self, vm: &Vm) -> PyResult<i64> {
        if self.hash.get() != -1 {
            return Ok(self.hash.get());
        }
        self.compute_hash(vm)
    }

    #[inline(never)]
    fn compute_hash(&self, vm: &Vm) -> PyResult<i64> {
        vm.check_stack()?;
        self.mix(|item| hash::hash(vm, item))
    }

    /// The hash, where `lane` knows the hashes of all items.
    #[inline(always)]
    pub(crate) fn quick_hash(&self, mut lane: impl FnMut(&Value) -> Option<i64>) -> Option<i64> {
        if self.hash.get() != -1 {
            return Some(self.hash.get());
        }
        self.mix(|item| lane(item).ok_or(())).ok()
    }

    /// Combines the hashes of the items, and keeps the result.
    #[inline(always)]
    fn mix<E>(&self, mut lane: impl FnMut(&Value) -> Result<i64, E>) -> Result<i64, E> {
        // xxHash as in Objects/tupleobject.c
        const P1: u64 = 11400714785074694791;
        const P2: u64 = 14029467366897019727;
        const P5: u64 = 2870177450012600261;
        let mut acc = P5;
        for item in self.items() {
            let lane = lane(item)? as u64;
            acc = acc
                .wrapping_add(lane.wrapping_mul(P2))
                .rotate_left(31)
                .wrapping_mul(P1);
        }
        acc = acc.wrapping_add(self.len() as u64 ^ (P5 ^ 3527539));
        let h = if acc == u64::MAX {
            1546275796
        } else {
            acc as i64
        };
        self.hash.set(h);
        Ok(h)
    }
}

#[pymethods]
impl Tuple {
    #[pyslot(sig = "(iterable=(), /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        // A subclass's own `__init__` may take keywords.
        let own_init = |ty: &Type| ty.slots.init.get().map(|f| f as usize);
        if args.keyword_count() > 0
            && (cls.is(&vm.types.tuple) || own_init(cls) == own_init(&vm.types.tuple))
        {
            return Err(vm.type_error("tuple() takes no keyword arguments"));
        }
        let items = match args.positional() {
            [] => Vec::new(),
            [one] if cls.is(&vm.types.tuple) && vm.type_of(one).is(&vm.types.tuple) => {
                return Ok(one.clone());
            }
            [one] if cls.is(&vm.types.tuple) && vm.type_of(one).is(&vm.types.list) => {
                return match one.downcast::<crate::objects::list::List>() {
                    Some(list) => list
                        .items
                        .with(|items| Tuple::from_iter(vm, items.len(), |i| items[i].clone()))
                        .map(Ref::into_value),
                    None => Err(vm.system_error("a list without items")),
                };
            }
            [one] => sequence::collect(vm, one)?,
            many => {
                return Err(vm.type_error(format!(
                    "tuple expected at most 1 argument, got {}",
                    many.len()
                )));
            }
        };
        if cls.is(&vm.types.tuple) {
            return Ok(vm.new_tuple(items)?.into_value());
        }
        Ok(Tuple::of_type(vm, cls, items)?.into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if zelf.is_empty() {
            return Ok(vm.new_str("()")?.into_value());
        }
        let text = match repr_items(vm, zelf.as_value(), b'(', |i| zelf.get(i).cloned())? {
            Some(mut text) => {
                if zelf.len() == 1 {
                    text.push(b',')
                }
                text.push(b')');
                text
            }
            None => b"(...)".to_vec(),
        };
        Ok(vm.new_str_wtf8(&text)?.into_value())
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        zelf.hash_items(vm)
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<Tuple>(), b.downcast::<Tuple>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        let (xs, ys) = (x.items(), y.items());
        if op == CompareOp::Eq && xs.len() != ys.len() {
            return Ok(Value::FALSE);
        }
        // As far as no class needs to be asked: the first pair that is not equal, or unknown.
        let decided = xs
            .iter()
            .zip(ys)
            .find_map(|(a, b)| match compare::quick_eq(vm, a, b) {
                Some(true) => None,
                Some(false) => Some(Some((a, b))),
                None => Some(None),
            });
        match (decided, op) {
            (None, _) => return Ok(Value::from_bool(op.holds(xs.len().cmp(&ys.len())))),
            (Some(Some(_)), CompareOp::Eq) => return Ok(Value::FALSE),
            (Some(Some(_)), CompareOp::Ne) => return Ok(Value::TRUE),
            (Some(Some((a, b))), _) => return compare::rich_compare(vm, a, b, op),
            (Some(None), _) => {}
        }
        compare_items(
            vm,
            || (x.len(), y.len()),
            |i| Some((x.get(i)?.clone(), y.get(i)?.clone())),
            op,
        )
    }

    #[pyslot]
    fn sq_len(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<usize> {
        Ok(zelf.len())
    }

    #[pyslot]
    fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let iterator = TupleIterator {
            tuple: MutCell::new(Some(zelf.clone())),
            index: Cell::new(0),
        };
        Ok(vm.new_object(iterator)?.into_value())
    }

    #[pyslot]
    fn item(zelf: &Ref<Self>, vm: &Vm, index: isize) -> PyResult {
        match usize::try_from(index).ok().and_then(|i| zelf.get(i)) {
            Some(item) => Ok(item.clone()),
            None => Err(vm.index_error("tuple index out of range")),
        }
    }

    #[pyslot]
    fn subscript(zelf: &Ref<Self>, vm: &Vm, key: &Value) -> PyResult {
        if number::has_index(vm, key) {
            let index = number::index_for(vm, key, &vm.types.index_error)?;
            return Tuple::item(
                zelf,
                vm,
                if index < 0 {
                    index + zelf.len() as isize
                } else {
                    index
                },
            );
        }
        let Some(slice) = key.downcast::<Slice>() else {
            return Err(vm.type_error(format!(
                "tuple indices must be integers or slices, not {}",
                vm.type_of(key).full_name()
            )));
        };
        let a = slice.adjust(vm, zelf.len())?;
        if a.count == zelf.len() && a.step == 1 && vm.type_of(zelf.as_value()).is(&vm.types.tuple) {
            return Ok(zelf.to_value());
        }
        Ok(vm
            .new_tuple(a.indices().filter_map(|i| zelf.get(i).cloned()).collect())?
            .into_value())
    }

    #[pyslot]
    fn concat(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<Tuple>(), b.downcast::<Tuple>()) else {
            return Err(vm.type_error(format!(
                "can only concatenate tuple (not \"{}\") to tuple",
                vm.type_of(b).full_name()
            )));
        };
        let exact = |v: &Value| vm.type_of(v).is(&vm.types.tuple);
        if y.is_empty() && exact(a) {
            return Ok(a.clone());
        }
        if x.is_empty() && exact(b) {
            return Ok(b.clone());
        }
        let (x, y) = (x.items(), y.items());
        let item = |i: usize| match x.get(i) {
            Some(item) => item.clone(),
            None => y[i - x.len()].clone(),
        };
        Ok(Tuple::from_iter(vm, x.len() + y.len(), item)?.into_value())
    }

    #[pyslot]
    fn repeat(zelf: &Ref<Self>, vm: &Vm, n: isize) -> PyResult {
        if (n == 1 || zelf.is_empty()) && vm.type_of(zelf.as_value()).is(&vm.types.tuple) {
            return Ok(zelf.to_value());
        }
        Ok(vm
            .new_tuple(repeat_items(vm, zelf.items(), n)?)?
            .into_value())
    }

    #[pyslot]
    fn contains(zelf: &Ref<Self>, vm: &Vm, value: &Value) -> PyResult<bool> {
        for item in zelf.items() {
            let equal = match compare::quick_eq(vm, item, value) {
                Some(equal) => equal,
                None => compare::compare_bool(vm, item, value, CompareOp::Eq)?,
            };
            if equal {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Return number of occurrences of value.
    #[pymethod(sig = "($self, value, /)")]
    fn count(&self, vm: &Vm, value: &Value) -> PyResult<usize> {
        let mut count = 0;
        for item in self.items() {
            count += compare::eq(vm, item, value)? as usize;
        }
        Ok(count)
    }

    /// Return first index of value.
    ///
    /// Raises ValueError if the value is not present.
    #[pymethod(sig = "($self, value, start=0, stop=sys.maxsize, /)")]
    fn index(
        &self,
        vm: &Vm,
        value: &Value,
        start: Option<Value>,
        stop: Option<Value>,
    ) -> PyResult<usize> {
        let len = self.len() as isize;
        let bound = |v: Option<Value>, default: isize| -> PyResult<usize> {
            let n = match v {
                Some(v) => number::index_clipped(vm, &v)?,
                None => default,
            };
            Ok(if n < 0 {
                n.saturating_add(len).max(0)
            } else {
                n.min(len)
            } as usize)
        };
        let (start, stop) = (bound(start, 0)?, bound(stop, len)?);
        for (i, item) in self.items().iter().enumerate().take(stop).skip(start) {
            if compare::eq(vm, item, value)? {
                return Ok(i);
            }
        }
        Err(vm.value_error("tuple.index(x): x not in tuple"))
    }

    #[pymethod]
    fn __getnewargs__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let copy = Tuple::from_slice(vm, zelf.items())?.into_value();
        Ok(vm.new_tuple(vec![copy])?.into_value())
    }

    #[pymethod]
    fn __sizeof__(&self) -> usize {
        32 + 8 * self.len()
    }

    /// See PEP 585
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }
}

#[pyclass(name = "tuple_iterator", module = "builtins", gc, flags(NO_NEW))]
#[repr(C)]
pub struct TupleIterator {
    pub(crate) tuple: MutCell<Option<Ref<Tuple>>>,
    pub(crate) index: Cell<usize>,
}

impl Traverse for TupleIterator {
    fn traverse(&self, v: &mut Visitor) {
        self.tuple.with(|t| t.iter().for_each(|t| v.reference(t)))
    }
    fn clear(&self) {
        drop(self.tuple.take())
    }
}

impl TupleIterator {
    /// The next item.
    #[inline(always)]
    pub(crate) fn item(&self) -> Option<Value> {
        let index = self.index.get();
        let item = self.tuple.with(|tuple| tuple.as_ref()?.get(index).cloned());
        if item.is_some() {
            self.index.set(index + 1)
        }
        item
    }
}

#[pymethods]
impl TupleIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<Option<Value>> {
        let item = zelf.item();
        if item.is_none() {
            drop(zelf.tuple.take())
        }
        Ok(item)
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self) -> usize {
        self.tuple.with(|t| {
            t.as_ref()
                .map_or(0, |t| t.len().saturating_sub(self.index.get()))
        })
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self, vm: &Vm) -> PyResult {
        let iter = vm.builtin("iter")?; // first: looking it up can run Python code
        match self.tuple.get() {
            Some(items) => reduce_iter(
                vm,
                iter,
                items.into_value(),
                Some(self.index.get() as isize),
            ),
            None => reduce_empty(vm, iter, vm.new_tuple(Vec::new())?.into_value()),
        }
    }

    /// Set state information for unpickling.
    #[pymethod(sig = "($self, object, /)")]
    fn __setstate__(&self, vm: &Vm, object: &Value) -> PyResult<()> {
        let index = number::index_isize(vm, object)?.max(0) as usize;
        if let Some(items) = self.tuple.get() {
            self.index.set(index.min(items.len()))
        }
        Ok(())
    }
}
