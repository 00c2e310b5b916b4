//! `tee`: independent iterators over one source.
//!
//! The items read so far stand in a chain of blocks that all iterators share; each iterator holds the block it is in, so
//! that blocks behind the slowest one go.

use super::itself;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::list::List;
use naja_vm::protocols::iterator;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Traverse, Visitor, Vm};
use std::cell::Cell;

/// Items in one block, as many as CPython's.
const BLOCK: usize = 57;

#[pyclass(
    name = "_tee_dataobject",
    module = "itertools",
    doc = "teedataobject(iterable, values, next, /)\n--\n\nData container common to multiple tee objects.",
    gc
)]
pub struct TeeData {
    source: Value,
    values: MutCell<Vec<Value>>,
    next: MutCell<Option<Ref<TeeData>>>,
    running: Cell<bool>,
}

/// Iterator wrapped to make it copyable.
#[pyclass(name = "_tee", module = "itertools", gc, flags(HAS_WEAKREF))]
pub struct Tee {
    data: MutCell<Ref<TeeData>>,
    index: Cell<usize>,
}

impl Traverse for TeeData {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.source);
        self.values
            .with(|values| values.iter().for_each(|x| v.value(x)));
        self.next.with(|n| n.iter().for_each(|n| v.reference(n)));
    }
    fn clear(&self) {
        drop(self.values.take());
        drop(self.next.take());
    }
}

impl Traverse for Tee {
    fn traverse(&self, v: &mut Visitor) {
        self.data.with(|d| v.reference(d))
    }
    fn clear(&self) {}
}

impl TeeData {
    fn over(source: Value) -> TeeData {
        TeeData {
            source,
            values: MutCell::new(Vec::new()),
            next: MutCell::new(None),
            running: Cell::new(false),
        }
    }

    /// Item `index` of the block, read from the source if need be.
    #[inline]
    fn item(&self, vm: &Vm, index: usize) -> PyResult<Option<Value>> {
        if let Some(value) = self.values.with(|v| v.get(index).cloned()) {
            return Ok(Some(value));
        }
        if self.running.replace(true) {
            return Err(vm.runtime_error("cannot re-enter the tee iterator"));
        }
        let value = iterator::next(vm, &self.source);
        self.running.set(false);
        if let Ok(Some(value)) = &value {
            self.values.with_mut(|v| v.push(value.clone()))
        }
        value
    }

    /// The block after this one.
    fn following(&self, vm: &Vm) -> PyResult<Ref<TeeData>> {
        if let Some(next) = self.next.get() {
            return Ok(next);
        }
        let next = vm.new_object(TeeData::over(self.source.clone()))?;
        self.next.set(Some(next.clone()));
        Ok(next)
    }
}

#[pymethods]
impl TeeData {
    #[pyslot(sig = "(iterable, values, next, /)")]
    fn new(
        cls: &Ref<Type>,
        vm: &Vm,
        iterable: Value,
        values: &Ref<List>,
        next: &Value,
    ) -> PyResult {
        let values = values.to_vec();
        if values.len() > BLOCK {
            return Err(vm.value_error("Invalid arguments"));
        }
        let next = match next.downcast::<TeeData>() {
            Some(next) if values.len() == BLOCK => Some(next.clone()),
            None if next.is_none() => None,
            _ => return Err(vm.value_error("Invalid arguments")),
        };
        let data = TeeData::over(iterable);
        data.values.set(values);
        data.next.set(next);
        Ok(vm.new_object_of(cls, data)?.into_value())
    }
}

impl Tee {
    /// An iterator over `iterable`: a copy where that is a `_tee` itself.
    pub fn over(vm: &Vm, cls: &Ref<Type>, iterable: &Value) -> PyResult<Ref<Tee>> {
        let source = iterator::iter(vm, iterable)?;
        let (data, index) = match source.downcast::<Tee>() {
            Some(tee) => (tee.data.get(), tee.index.get()),
            None => (vm.new_object(TeeData::over(source))?, 0),
        };
        let tee = Tee {
            data: MutCell::new(data),
            index: Cell::new(index),
        };
        vm.new_object_of(cls, tee)
    }

    pub fn duplicate(&self, vm: &Vm) -> PyResult {
        let tee = Tee {
            data: MutCell::new(self.data.get()),
            index: self.index.clone(),
        };
        Ok(vm.new_object(tee)?.into_value())
    }
}

#[pymethods]
impl Tee {
    #[pyslot(sig = "(iterable, /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, iterable: &Value) -> PyResult {
        Ok(Tee::over(vm, cls, iterable)?.into_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        itself(zelf, vm)
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        if self.index.get() >= BLOCK {
            let next = self.data.get().following(vm)?;
            self.index.set(0);
            self.data.set(next);
        }
        let data = self.data.get();
        let item = data.item(vm, self.index.get())?;
        if item.is_some() {
            self.index.set(self.index.get() + 1);
        }
        Ok(item)
    }

    /// Returns an independent iterator.
    #[pymethod]
    fn __copy__(&self, vm: &Vm) -> PyResult {
        self.duplicate(vm)
    }
}
