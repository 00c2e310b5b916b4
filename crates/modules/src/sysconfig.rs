//! `_sysconfig`: what the build says of itself to `sysconfig`. CPython: Modules/_sysconfig.c.

use naja_macros::pymodule;
use naja_vm::{PyResult, Vm};

#[pymodule(name = "_sysconfig", doc = "A helper for the sysconfig module.")]
pub mod module {
    use super::*;

    /// Returns a dictionary containing build variables intended to be exposed by sysconfig.
    #[pyfunction(sig = "($module, /)")]
    fn config_vars(vm: &Vm) -> PyResult {
        let variables = vm.new_dict()?;
        for name in ["Py_GIL_DISABLED", "Py_DEBUG"] {
            variables.set_str(vm, &vm.intern(name), vm.new_int(0)?)?;
        }
        Ok(variables.into_value())
    }
}
