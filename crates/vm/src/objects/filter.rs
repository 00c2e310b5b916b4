//! `filter`. CPython: Python/bltinmodule.c.

use crate::objects::type_::Type;
use crate::protocols::{iterator, object};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};

/// Return an iterator yielding those items of iterable for which function(item)
/// is true. If function is None, return the items that are true.
#[pyclass(name = "filter", module = "builtins", gc, flags(BASETYPE))]
#[repr(C)]
pub struct Filter {
    function: Value,
    iterator: Value,
}

impl Traverse for Filter {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.function);
        v.value(&self.iterator);
    }
    fn clear(&self) {}
}

#[pymethods]
impl Filter {
    #[pyslot(sig = "(function, iterable, /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, function: Value, iterable: Value) -> PyResult {
        let iterator = iterator::iter(vm, &iterable)?;
        Ok(vm
            .new_object_of(cls, Filter { function, iterator })?
            .into_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        while let Some(item) = iterator::next(vm, &zelf.iterator)? {
            let good = if zelf.function.is_none() || zelf.function.is(vm.types.bool.as_value()) {
                object::is_true(vm, &item)?
            } else {
                let result = vm.call(&zelf.function, std::slice::from_ref(&item))?;
                object::is_true(vm, &result)?
            };
            if good {
                return Ok(Some(item));
            }
        }
        Ok(None)
    }

    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let class = vm.type_of(zelf.as_value()).to_ref().into_value();
        let args = vm.new_tuple(vec![zelf.function.clone(), zelf.iterator.clone()])?;
        let parts = vec![class, args.into_value()];
        Ok(vm.new_tuple(parts)?.into_value())
    }
}
