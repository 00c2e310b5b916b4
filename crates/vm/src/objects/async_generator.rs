//! What asynchronous generators hand out. CPython: Objects/genobject.c.
//!
//! Not there yet: `asend`, `athrow`, `aclose` and iteration of asynchronous generators, which raise NotImplementedError.

use crate::objects::generator::AsyncGenerator;
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};

/// A value yielded by an asynchronous generator, told apart from what it awaits.
#[pyclass(
    name = "async_generator_wrapped_value",
    module = "builtins",
    gc,
    flags(NO_NEW)
)]
pub struct WrappedValue {
    pub value: Value,
}

impl Traverse for WrappedValue {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.value)
    }
    fn clear(&self) {}
}

#[pymethods]
impl WrappedValue {}

#[pymethods]
impl AsyncGenerator {
    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(vm
            .new_str(format!(
                "<async_generator object at {:#x}>",
                zelf.as_ptr() as usize
            ))?
            .into_value())
    }

    #[pyslot]
    fn aiter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn anext(zelf: &Value, vm: &Vm) -> PyResult {
        let _ = zelf;
        Err(vm.not_implemented_error("asynchronous generators cannot be iterated yet"))
    }
}

/// `anext(iterator, default)`.
pub fn anext_with_default(vm: &Vm, _awaitable: &Value, _default: &Value) -> PyResult {
    Err(vm.not_implemented_error("anext() with a default is not implemented yet"))
}
