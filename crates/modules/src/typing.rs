//! `_typing`: the native types behind the module `typing`. CPython: Modules/_typingmodule.c.

use naja_heap::Value;
use naja_macros::pymodule;
use naja_vm::typing::{alias, params};
use naja_vm::{PyResult, Vm};

#[pymodule(
    name = "_typing",
    doc = "Primitives and accelerators for the typing module.\n",
    classes(
        params::TypeVar,
        params::ParamSpec,
        params::TypeVarTuple,
        params::ParamSpecArgs,
        params::ParamSpecKwargs,
        alias::TypeAlias
    )
)]
pub mod module {
    use super::*;

    #[pyfunction(sig = "(x, /)")]
    fn _idfunc(x: &Value) -> Value {
        x.clone()
    }

    #[pyattr(name = "Generic")]
    fn generic(vm: &Vm) -> Value {
        alias::generic(vm)
    }

    #[pyattr(name = "Union")]
    fn union(vm: &Vm) -> Value {
        vm.types.union.to_value()
    }

    #[pyattr(name = "NoDefault")]
    fn no_default(vm: &Vm) -> PyResult {
        naja_vm::typing::no_default(vm)
    }
}
