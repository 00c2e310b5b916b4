//! The slots and methods of `list`.

use super::{List, sort};
use crate::function::Args;
use crate::objects::dict::exact_str;
use crate::objects::iterators::{reduce_empty, reduce_iter};
use crate::objects::slice::Slice;
use crate::objects::str_;
use crate::objects::tuple::{compare_items, repeat_items, repr_items};
use crate::objects::type_::Type;
use crate::protocols::compare::CompareOp;
use crate::protocols::{compare, number, sequence};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value, append_copies, copies};
use naja_macros::{pyclass, pymethods};
use std::cell::Cell;

#[pymethods]
impl List {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm
            .new_object_of(cls, List::from_vec(Vec::new()))?
            .into_value())
    }

    #[pyslot(sig = "(iterable=(), /)")]
    fn init(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult<()> {
        // A subclass's own `__new__` may take keywords.
        let own_new = |ty: &Type| ty.slots.new.get().map(|f| f as usize);
        let ty = vm.type_of(zelf.as_value());
        if args.keyword_count() > 0
            && (ty.is(&vm.types.list) || own_new(ty) == own_new(&vm.types.list))
        {
            return Err(vm.type_error("list() takes no keyword arguments"));
        }
        let iterable = match args.positional() {
            [] => None,
            [one] => Some(one),
            many => {
                return Err(vm.type_error(format!(
                    "list expected at most 1 argument, got {}",
                    many.len()
                )));
            }
        };
        drop(zelf.items.take());
        match iterable {
            Some(iterable) => sequence::list_extend(vm, zelf, iterable),
            None => Ok(()),
        }
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let text = match repr_items(vm, zelf.as_value(), b'[', |i| zelf.get(i))? {
            Some(mut text) => {
                text.push(b']');
                text
            }
            None => b"[...]".to_vec(),
        };
        Ok(vm.new_str_wtf8(&text)?.into_value())
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<List>(), b.downcast::<List>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        compare_items(
            vm,
            || (x.len(), y.len()),
            |i| Some((x.get(i)?, y.get(i)?)),
            op,
        )
    }

    #[pyslot]
    fn sq_len(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<usize> {
        Ok(List::len(zelf))
    }

    #[pyslot]
    fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let iterator = ListIterator {
            list: MutCell::new(Some(zelf.clone())),
            index: Cell::new(0),
        };
        Ok(vm.new_object(iterator)?.into_value())
    }

    #[pyslot]
    fn item(zelf: &Ref<Self>, vm: &Vm, index: isize) -> PyResult {
        match usize::try_from(index).ok().and_then(|i| List::get(zelf, i)) {
            Some(item) => Ok(item),
            None => Err(vm.index_error("list index out of range")),
        }
    }

    #[pyslot]
    fn subscript(zelf: &Ref<Self>, vm: &Vm, key: &Value) -> PyResult {
        let Some(slice) = key.downcast::<Slice>() else {
            if number::has_index(vm, key) {
                let index = number::index_for(vm, key, &vm.types.index_error)?;
                return List::item(
                    zelf,
                    vm,
                    if index < 0 {
                        index + List::len(zelf) as isize
                    } else {
                        index
                    },
                );
            }
            return Err(vm.type_error(format!(
                "list indices must be integers or slices, not {}",
                vm.type_of(key).full_name()
            )));
        };
        let (start, stop, step) = slice.unpack(vm)?;
        let a = crate::objects::slice::fit(start, stop, step, List::len(zelf) as isize);
        let items = zelf.items.with(|items| {
            if a.step == 1 {
                let start = a.start.max(0) as usize;
                return items
                    .get(start..start + a.count)
                    .map(copies)
                    .unwrap_or_default();
            }
            let mut part = Vec::with_capacity(a.count);
            if a.step == -1
                && let Some(end) = usize::try_from(a.start).ok().map(|start| start + 1)
                && let Some(first) = end.checked_sub(a.count)
                && let Some(items) = items.get(first..end)
            {
                part.extend(items.iter().rev().cloned());
                return part;
            }
            part.extend(a.indices().filter_map(|i| items.get(i).cloned()));
            part
        });
        Ok(vm.new_list(items)?.into_value())
    }

    #[pyslot]
    fn set_subscript(
        zelf: &Ref<Self>,
        vm: &Vm,
        key: &Value,
        value: Option<&Value>,
    ) -> PyResult<()> {
        if number::has_index(vm, key) {
            let index = number::index_for(vm, key, &vm.types.index_error)?;
            let index = if index < 0 {
                index + List::len(zelf) as isize
            } else {
                index
            };
            let fine = match (usize::try_from(index), value) {
                (Ok(i), Some(value)) => List::set(zelf, i, value.clone()),
                (Ok(i), None) => zelf
                    .items
                    .with_mut(|items| i < items.len() && Some(items.remove(i)).is_some()),
                (Err(_), _) => false,
            };
            return if fine {
                Ok(())
            } else {
                Err(vm.index_error("list assignment index out of range"))
            };
        }
        let Some(slice) = key.downcast::<Slice>() else {
            return Err(vm.type_error(format!(
                "list indices must be integers or slices, not {}",
                vm.type_of(key).full_name()
            )));
        };
        let (start, stop, step) = slice.unpack(vm)?;
        let new = match value {
            Some(value) if step == 1 => {
                sequence::collect_or(vm, value, "must assign iterable to slice")?
            }
            Some(value) => {
                sequence::collect_or(vm, value, "must assign iterable to extended slice")?
            }
            None => Vec::new(),
        };
        // The length only now: collecting can have changed the list.
        let a = crate::objects::slice::fit(start, stop, step, List::len(zelf) as isize);
        if step == 1 {
            let (start, stop) = (a.start as usize, a.stop.max(a.start) as usize);
            let old: Vec<Value> = zelf
                .items
                .with_mut(|items| items.splice(start..stop, new).collect());
            drop(old);
            return Ok(());
        }
        if value.is_none() {
            let mut doomed: Vec<usize> = a.indices().collect();
            doomed.sort_unstable();
            let old: Vec<Value> = zelf.items.with_mut(|items| {
                let mut next = doomed.into_iter().peekable();
                let mut at = 0;
                let is_doomed = |_: &mut Value| {
                    at += 1;
                    next.next_if_eq(&(at - 1)).is_some()
                };
                items.extract_if(.., is_doomed).collect()
            });
            drop(old);
            return Ok(());
        }
        if new.len() != a.count {
            return Err(vm.value_error(format!(
                "attempt to assign sequence of size {} to extended slice of size {}",
                new.len(),
                a.count
            )));
        }
        for (i, value) in a.indices().zip(new) {
            List::set(zelf, i, value);
        }
        Ok(())
    }

    #[pyslot]
    fn concat(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<List>(), b.downcast::<List>()) else {
            return Err(vm.type_error(format!(
                "can only concatenate list (not \"{}\") to list",
                vm.type_of(b).full_name()
            )));
        };
        let mut items = Vec::new();
        let total = vm.check_size((x.len() + y.len()).checked_mul(8))? / 8;
        if items.try_reserve_exact(total).is_err() {
            return Err(vm.memory_error(""));
        }
        x.items.with(|x| append_copies(&mut items, x));
        y.items.with(|y| append_copies(&mut items, y));
        Ok(vm.new_list(items)?.into_value())
    }

    #[pyslot]
    fn repeat(zelf: &Ref<Self>, vm: &Vm, n: isize) -> PyResult {
        let items = zelf.items.with(|items| repeat_items(vm, items, n))?;
        Ok(vm.new_list(items)?.into_value())
    }

    #[pyslot]
    fn inplace_concat(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        if let Some(list) = a.downcast::<List>() {
            sequence::list_extend(vm, list, b)?;
        }
        Ok(a.clone())
    }

    #[pyslot]
    fn inplace_repeat(zelf: &Ref<Self>, vm: &Vm, n: isize) -> PyResult {
        let items = zelf.to_vec();
        zelf.items.set(repeat_items(vm, &items, n)?);
        Ok(zelf.to_value())
    }

    #[pyslot]
    fn contains(zelf: &Ref<Self>, vm: &Vm, value: &Value) -> PyResult<bool> {
        Ok(zelf.find(vm, value, 0, usize::MAX)?.is_some())
    }

    /// Return self[index].
    #[pymethod(sig = "($self, index, /)")]
    fn __getitem__(zelf: &Ref<Self>, vm: &Vm, index: &Value) -> PyResult {
        List::subscript(zelf, vm, index)
    }

    /// Append object to the end of the list.
    #[pymethod(sig = "($self, object, /)")]
    fn append(&self, vm: &Vm, object: Value) -> PyResult<()> {
        self.push(vm, object)
    }

    /// Extend list by appending elements from the iterable.
    #[pymethod(sig = "($self, iterable, /)")]
    fn extend(zelf: &Ref<Self>, vm: &Vm, iterable: &Value) -> PyResult<()> {
        sequence::list_extend(vm, zelf, iterable)
    }

    /// Insert object before index.
    #[pymethod(sig = "($self, index, object, /)")]
    fn insert(&self, vm: &Vm, index: isize, object: Value) -> PyResult<()> {
        let at = if index < 0 {
            index.saturating_add(self.len() as isize).max(0)
        } else {
            index
        };
        self.insert_at(vm, at as usize, object)
    }

    /// Remove and return item at index (default last).
    ///
    /// Raises IndexError if list is empty or index is out of range.
    #[pymethod(sig = "($self, index=-1, /)")]
    fn pop(&self, vm: &Vm, #[default(-1)] index: isize) -> PyResult {
        // SAFETY: the item leaves.
        let popped = unsafe {
            self.items.with_mut_no_drop(|items| {
                let len = items.len() as isize;
                let at = if index < 0 { index + len } else { index };
                (0..len).contains(&at).then(|| items.remove(at as usize))
            })
        };
        match popped {
            Some(item) => Ok(item),
            None if self.is_empty() => Err(vm.index_error("pop from empty list")),
            None => Err(vm.index_error("pop index out of range")),
        }
    }

    /// Remove first occurrence of value.
    ///
    /// Raises ValueError if the value is not present.
    #[pymethod(sig = "($self, value, /)")]
    fn remove(&self, vm: &Vm, value: &Value) -> PyResult<()> {
        let Some(i) = self.find(vm, value, 0, usize::MAX)? else {
            return Err(vm.value_error("list.remove(x): x not in list"));
        };
        // SAFETY: the item leaves, and is dropped when the list is whole again.
        let old = unsafe {
            self.items
                .with_mut_no_drop(|items| (i < items.len()).then(|| items.remove(i)))
        };
        drop(old);
        Ok(())
    }

    /// Remove all items from list.
    #[pymethod(name = "clear")]
    fn clear_method(&self) {
        drop(self.items.take())
    }

    /// Return a shallow copy of the list.
    #[pymethod]
    fn copy(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_list(self.to_vec())?.into_value())
    }

    /// Return number of occurrences of value.
    #[pymethod(sig = "($self, value, /)")]
    fn count(&self, vm: &Vm, value: &Value) -> PyResult<usize> {
        let (mut from, mut count) = (0, 0);
        while let Some(at) = self.find(vm, value, from, usize::MAX)? {
            from = at + 1;
            count += 1;
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
        let bound = |v: Option<Value>, default: isize| -> PyResult<usize> {
            let n = match v {
                Some(v) => number::index_clipped(vm, &v)?,
                None => default,
            };
            Ok(if n < 0 {
                n.saturating_add(self.len() as isize).max(0)
            } else {
                n
            } as usize)
        };
        let (start, stop) = (bound(start, 0)?, bound(stop, isize::MAX)?);
        match self.find(vm, value, start, stop)? {
            Some(at) => Ok(at),
            None => Err(vm.value_error("list.index(x): x not in list")),
        }
    }

    /// Reverse *IN PLACE*.
    #[pymethod]
    fn reverse(&self) {
        self.items.with_mut(|items| items.reverse())
    }

    /// Sort the list in ascending order and return None.
    ///
    /// The sort is in-place (i.e. the list itself is modified) and stable (i.e. the
    /// order of two equal elements is maintained).
    ///
    /// If a key function is given, apply it once to each list item and sort them,
    /// ascending or descending, according to their function values.
    ///
    /// The reverse flag can be set to sort in descending order.
    #[pymethod(name = "sort", sig = "($self, /, *, key=None, reverse=False)")]
    fn sort_method(
        &self,
        vm: &Vm,
        key: Option<Value>,
        #[default(false)] reverse: bool,
    ) -> PyResult<()> {
        let key = key.filter(|k| !k.is_none());
        let (sorted, result) = sort(vm, self.items.take(), key.as_ref(), reverse);
        let meanwhile = self.items.replace(sorted);
        // What was added and taken away again has left room behind.
        let modified = meanwhile.capacity() != 0;
        drop(meanwhile);
        result?;
        if modified {
            Err(vm.value_error("list modified during sort"))
        } else {
            Ok(())
        }
    }

    /// Return a reverse iterator over the list.
    #[pymethod]
    pub(crate) fn __reversed__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let iterator = ListReverseIterator {
            index: Cell::new(List::len(zelf) as isize - 1),
            list: MutCell::new(Some(zelf.clone())),
        };
        Ok(vm.new_object(iterator)?.into_value())
    }

    /// Return the size of the list in memory, in bytes.
    #[pymethod]
    fn __sizeof__(&self) -> usize {
        40 + 8 * self.items.with(Vec::capacity)
    }

    /// See PEP 585
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }
}

impl List {
    /// The first place from `start` on, before `stop`, whose item is or equals `value`.
    #[inline]
    fn find(&self, vm: &Vm, value: &Value, start: usize, stop: usize) -> PyResult<Option<usize>> {
        let text = exact_str(vm, value);
        let mut at = start;
        loop {
            // As far as nobody needs to be asked, without taking references.
            let ask = self.items.with(|items| {
                let rest = items.get(at..stop.min(items.len())).unwrap_or(&[]);
                for item in rest {
                    // Most items are told to be others by one look.
                    let other = if item.is(value) {
                        false
                    } else if let Some(text) = text {
                        exact_str(vm, item).is_some_and(|item| !str_::eq(item, text))
                    } else {
                        item.is_small_int() && value.is_small_int()
                    };
                    if !other {
                        match compare::quick_eq(vm, item, value) {
                            Some(true) => return Err(Some(at)),
                            Some(false) => {}
                            None => return Ok(item.clone()),
                        }
                    }
                    at += 1;
                }
                Err(None)
            });
            match ask {
                Err(found) => return Ok(found),
                Ok(item) if compare::compare_bool(vm, &item, value, CompareOp::Eq)? => {
                    return Ok(Some(at));
                }
                Ok(_) => at += 1,
            }
        }
    }
}

#[pyclass(name = "list_iterator", module = "builtins", gc, flags(NO_NEW))]
#[repr(C)]
pub struct ListIterator {
    pub(crate) list: MutCell<Option<Ref<List>>>,
    pub(crate) index: Cell<usize>,
}

impl Traverse for ListIterator {
    fn traverse(&self, v: &mut Visitor) {
        self.list.with(|l| l.iter().for_each(|l| v.reference(l)))
    }
    fn clear(&self) {
        drop(self.list.take())
    }
}

impl ListIterator {
    /// The next item; at the end the list is let go.
    #[inline]
    pub(crate) fn next(&self) -> Option<Value> {
        let item = self.item();
        if item.is_none() {
            drop(self.list.take())
        }
        item
    }

    /// The next item.
    #[inline(always)]
    pub(crate) fn item(&self) -> Option<Value> {
        let index = self.index.get();
        let item = self.list.with(|list| list.as_ref()?.get(index));
        if item.is_some() {
            self.index.set(index + 1)
        }
        item
    }
}

#[pymethods]
impl ListIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<Option<Value>> {
        Ok(zelf.next())
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self) -> usize {
        self.list.with(|l| {
            l.as_ref()
                .map_or(0, |l| l.len().saturating_sub(self.index.get()))
        })
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self, vm: &Vm) -> PyResult {
        let iter = vm.builtin("iter")?; // first: looking it up can run Python code
        match self.list.get() {
            Some(items) => reduce_iter(
                vm,
                iter,
                items.into_value(),
                Some(self.index.get() as isize),
            ),
            None => reduce_empty(vm, iter, vm.new_list(Vec::new())?.into_value()),
        }
    }

    /// Set state information for unpickling.
    #[pymethod(sig = "($self, object, /)")]
    fn __setstate__(&self, vm: &Vm, object: &Value) -> PyResult<()> {
        let index = number::index_isize(vm, object)?.max(0) as usize;
        if let Some(items) = self.list.get() {
            self.index.set(index.min(items.len()))
        }
        Ok(())
    }
}

#[pyclass(name = "list_reverseiterator", module = "builtins", gc, flags(NO_NEW))]
pub struct ListReverseIterator {
    list: MutCell<Option<Ref<List>>>,
    index: Cell<isize>,
}

impl Traverse for ListReverseIterator {
    fn traverse(&self, v: &mut Visitor) {
        self.list.with(|l| l.iter().for_each(|l| v.reference(l)))
    }
    fn clear(&self) {
        drop(self.list.take())
    }
}

#[pymethods]
impl ListReverseIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<Option<Value>> {
        let index = zelf.index.get();
        let item = zelf.list.with(|list| {
            let list = list.as_ref()?;
            list.get(usize::try_from(index).ok()?)
        });
        match item {
            Some(item) => {
                zelf.index.set(index - 1);
                Ok(Some(item))
            }
            None => {
                zelf.index.set(-1);
                drop(zelf.list.take());
                Ok(None)
            }
        }
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self) -> usize {
        let left = (self.index.get() + 1).max(0) as usize;
        self.list.with(|l| match l {
            Some(l) if l.len() >= left => left,
            _ => 0,
        })
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self, vm: &Vm) -> PyResult {
        let class = vm.builtin("reversed")?; // first: looking it up can run Python code
        let (list, index) = match self.list.get() {
            Some(list) => (list, Some(self.index.get())),
            None => (vm.new_list(Vec::new())?, None),
        };
        let mut parts = vec![class, vm.new_tuple(vec![list.into_value()])?.into_value()];
        if let Some(index) = index {
            parts.push(vm.new_int(index as i64)?)
        }
        Ok(vm.new_tuple(parts)?.into_value())
    }

    /// Set state information for unpickling.
    #[pymethod(sig = "($self, object, /)")]
    fn __setstate__(&self, vm: &Vm, object: &Value) -> PyResult<()> {
        let index = number::index_isize(vm, object)?;
        if let Some(list) = self.list.get() {
            self.index.set(index.clamp(-1, list.len() as isize - 1))
        }
        Ok(())
    }
}
