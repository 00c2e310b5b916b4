//! `enumerate`. CPython: Objects/enumobject.c.

use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::protocols::{iterator, number};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};

/// Return an enumerate object.
///
///   iterable
///     an object supporting iteration
///
/// The enumerate object yields pairs containing a count (from start, which
/// defaults to zero) and a value yielded by the iterable argument.
///
/// enumerate is useful for obtaining an indexed list:
///     (0, seq[0]), (1, seq[1]), (2, seq[2]), ...
#[pyclass(name = "enumerate", module = "builtins", gc, flags(BASETYPE))]
#[repr(C)]
pub struct Enumerate {
    iterator: Value,
    index: MutCell<Value>,
    /// The last result, to be used again.
    last: MutCell<Option<Ref<Tuple>>>,
}

impl Traverse for Enumerate {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.iterator);
        self.index.with(|i| v.value(i));
        self.last.with(|t| t.iter().for_each(|t| v.reference(t)));
    }
    fn clear(&self) {
        drop(self.last.take())
    }
}

impl Enumerate {
    /// The next number and item.
    #[inline]
    pub(crate) fn next_pair(&self, vm: &Vm) -> PyResult<Option<(Value, Value)>> {
        let Some(value) = iterator::next(vm, &self.iterator)? else {
            return Ok(None);
        };
        let index = self.index.get();
        let next = match index.as_small_int().and_then(|n| Value::try_int(n + 1)) {
            Some(next) => next,
            None => number::add(vm, &index, &Value::small_int(1))?,
        };
        self.index.set(next);
        Ok(Some((index, value)))
    }
}

#[pymethods]
impl Enumerate {
    #[pyslot(sig = "(iterable, start=0)")]
    fn new(cls: &Ref<Type>, vm: &Vm, iterable: Value, start: Option<Value>) -> PyResult {
        let index = match start {
            Some(start) => number::index(vm, &start)?,
            None => Value::small_int(0),
        };
        let iterator = iterator::iter(vm, &iterable)?;
        Ok(vm
            .new_object_of(
                cls,
                Enumerate {
                    iterator,
                    index: MutCell::new(index),
                    last: MutCell::new(None),
                },
            )?
            .into_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        match zelf.next_pair(vm)? {
            Some((index, value)) => Tuple::recycled_pair(vm, &zelf.last, index, value).map(Some),
            None => Ok(None),
        }
    }

    /// See PEP 585
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let class = vm.type_of(zelf.as_value()).to_ref().into_value();
        let args = vm.new_tuple(vec![zelf.iterator.clone(), zelf.index.get()])?;
        let parts = vec![class, args.into_value()];
        Ok(vm.new_tuple(parts)?.into_value())
    }
}
