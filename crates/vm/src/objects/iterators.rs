//! Iterators over anything with items by index, and over repeated calls. CPython: Objects/iterobject.c.

use crate::protocols::{compare, object, sequence};
use crate::vm::{PyResult, Raised, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use std::cell::Cell;

#[pyclass(name = "iterator", module = "builtins", gc, flags(NO_NEW))]
pub struct SequenceIterator {
    sequence: MutCell<Option<Value>>,
    index: Cell<isize>,
}

#[pyclass(name = "callable_iterator", module = "builtins", gc, flags(NO_NEW))]
pub struct CallableIterator {
    callable: MutCell<Option<Value>>,
    sentinel: Value,
}

impl Traverse for SequenceIterator {
    fn traverse(&self, v: &mut Visitor) {
        self.sequence.with(|s| v.opt(s))
    }
    fn clear(&self) {
        drop(self.sequence.take())
    }
}

impl Traverse for CallableIterator {
    fn traverse(&self, v: &mut Visitor) {
        self.callable.with(|s| v.opt(s));
        v.value(&self.sentinel);
    }
    fn clear(&self) {
        drop(self.callable.take())
    }
}

/// An iterator over `sequence[0]`, `sequence[1]`, ... until IndexError.
pub fn sequence_iterator(vm: &Vm, sequence: &Value) -> PyResult {
    let iterator = SequenceIterator {
        sequence: MutCell::new(Some(sequence.clone())),
        index: Cell::new(0),
    };
    Ok(vm.new_object(iterator)?.into_value())
}

/// What an iterator over `items` says for pickling: `(iter, (items,), index)`.
///
/// The caller looks `iter` up first: that can run Python code, which may exhaust the iterator.
pub fn reduce_iter(vm: &Vm, iter: Value, items: Value, index: Option<isize>) -> PyResult {
    let args = vm.new_tuple(vec![items])?.into_value();
    let mut parts = vec![iter, args];
    if let Some(index) = index {
        parts.push(vm.new_int(index as i64)?)
    }
    Ok(vm.new_tuple(parts)?.into_value())
}

/// What an exhausted iterator says for pickling: `(iter, (empty,))`.
pub fn reduce_empty(vm: &Vm, iter: Value, empty: Value) -> PyResult {
    reduce_iter(vm, iter, empty, None)
}

/// `iter(callable, sentinel)`.
pub fn callable_iterator(vm: &Vm, callable: &Value, sentinel: &Value) -> PyResult {
    let callable = MutCell::new(Some(callable.clone()));
    Ok(vm
        .new_object(CallableIterator {
            callable,
            sentinel: sentinel.clone(),
        })?
        .into_value())
}

impl SequenceIterator {
    /// The sequence and the next index; None at the end, or where the index is very large.
    pub(crate) fn current(&self) -> Option<(Value, Value)> {
        let index = Value::try_int(self.index.get() as i64)?;
        Some((self.sequence.get()?, index))
    }

    pub(crate) fn advance(&self) {
        self.index.set(self.index.get().saturating_add(1))
    }

    /// The item that [`SequenceIterator::advance`] counted was not given.
    pub(crate) fn go_back(&self) {
        self.index.set((self.index.get() - 1).max(0))
    }

    /// There are no more items.
    pub(crate) fn end(&self) {
        drop(self.sequence.take())
    }
}

#[pymethods]
impl SequenceIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        let Some(items) = zelf.sequence.get() else {
            return Ok(None);
        };
        if zelf.index.get() == isize::MAX {
            return Err(vm.overflow_error("iter index too large"));
        }
        match sequence::get(vm, &items, zelf.index.get()) {
            Ok(item) => {
                zelf.index.set(zelf.index.get().saturating_add(1));
                Ok(Some(item))
            }
            Err(Raised)
                if vm.catch(&vm.types.index_error) || vm.catch(&vm.types.stop_iteration) =>
            {
                drop(zelf.sequence.take());
                Ok(None)
            }
            Err(raised) => Err(raised),
        }
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self, vm: &Vm) -> PyResult<usize> {
        match self.sequence.get() {
            Some(items) => Ok(object::len(vm, &items)?.saturating_sub(self.index.get() as usize)),
            None => Ok(0),
        }
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self, vm: &Vm) -> PyResult {
        let iter = vm.builtin("iter")?; // first: looking it up can run Python code
        match self.sequence.get() {
            Some(items) => reduce_iter(vm, iter, items, Some(self.index.get())),
            None => reduce_empty(vm, iter, vm.new_tuple(Vec::new())?.into_value()),
        }
    }

    /// Set state information for unpickling.
    #[pymethod(sig = "($self, object, /)")]
    fn __setstate__(&self, vm: &Vm, object: &Value) -> PyResult<()> {
        let index = crate::protocols::number::index_isize(vm, object)?;
        if self.sequence.with(Option::is_some) {
            self.index.set(index.max(0))
        }
        Ok(())
    }
}

#[pymethods]
impl CallableIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        let Some(callable) = zelf.callable.get() else {
            return Ok(None);
        };
        let value = match vm.call(&callable, &[]) {
            Err(raised) => {
                if vm.catch(&vm.types.stop_iteration) {
                    drop(zelf.callable.take());
                    return Ok(None);
                }
                return Err(raised);
            }
            value => value?,
        };
        if zelf.callable.with(Option::is_none) {
            // The call has come to the end itself.
            return Ok(None);
        }
        if compare::eq(vm, &value, &zelf.sentinel)? {
            drop(zelf.callable.take());
            return Ok(None);
        }
        Ok(Some(value))
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self, vm: &Vm) -> PyResult {
        let iter = vm.builtin("iter")?;
        let Some(callable) = self.callable.get() else {
            return reduce_empty(vm, iter, vm.new_tuple(Vec::new())?.into_value());
        };
        let args = vm.new_tuple(vec![callable, self.sentinel.clone()])?;
        let parts = vec![iter, args.into_value()];
        Ok(vm.new_tuple(parts)?.into_value())
    }
}
