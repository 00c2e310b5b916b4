//! The types of None, Ellipsis and NotImplemented, which are constants without objects. CPython: Objects/object.c.

use crate::function::Args;
use crate::objects::type_::Type;
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};

/// The type of the None singleton.
#[pyclass(name = "NoneType", module = "builtins")]
pub struct NoneType;

/// The type of the Ellipsis singleton.
#[pyclass(name = "ellipsis", module = "builtins")]
pub struct EllipsisType;

/// The type of the NotImplemented singleton.
#[pyclass(name = "NotImplementedType", module = "builtins")]
pub struct NotImplementedType;

fn no_arguments(vm: &Vm, args: Args, name: &str) -> PyResult<()> {
    if args.is_empty() {
        Ok(())
    } else {
        Err(vm.type_error(format!("{name} takes no arguments")))
    }
}

#[pymethods]
impl NoneType {
    #[pyslot]
    fn new(_cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        no_arguments(vm, args, "NoneType").map(|()| Value::NONE)
    }

    #[pyslot]
    fn repr(_zelf: &Value, vm: &Vm) -> PyResult {
        Ok(vm.intern("None").into_value())
    }

    #[pyslot(name = "bool")]
    fn truth(_zelf: &Value, _vm: &Vm) -> PyResult<bool> {
        Ok(false)
    }

    #[pyslot]
    fn hash(_zelf: &Value, _vm: &Vm) -> PyResult<i64> {
        Ok(0xfca86420)
    }
}

#[pymethods]
impl EllipsisType {
    #[pyslot]
    fn new(_cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        no_arguments(vm, args, "EllipsisType").map(|()| Value::ELLIPSIS)
    }

    #[pyslot]
    fn repr(_zelf: &Value, vm: &Vm) -> PyResult {
        Ok(vm.intern("Ellipsis").into_value())
    }

    #[pymethod]
    fn __reduce__(_zelf: &Value, vm: &Vm) -> PyResult {
        Ok(vm.intern("Ellipsis").into_value())
    }
}

#[pymethods]
impl NotImplementedType {
    #[pyslot]
    fn new(_cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        no_arguments(vm, args, "NotImplementedType").map(|()| Value::NOT_IMPLEMENTED)
    }

    #[pyslot]
    fn repr(_zelf: &Value, vm: &Vm) -> PyResult {
        Ok(vm.intern("NotImplemented").into_value())
    }

    #[pyslot(name = "bool")]
    fn truth(_zelf: &Value, vm: &Vm) -> PyResult<bool> {
        Err(vm.type_error("NotImplemented should not be used in a boolean context"))
    }

    #[pymethod]
    fn __reduce__(_zelf: &Value, vm: &Vm) -> PyResult {
        Ok(vm.intern("NotImplemented").into_value())
    }
}
