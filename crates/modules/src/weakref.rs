//! `_weakref`: weak references, proxies, and what `weakref.py` asks of the interpreter's table of them.
//!
//! CPython: Modules/_weakref.c.

use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::dict::Dict;
use naja_vm::weakref::{self, WeakRef};
use naja_vm::weakref_proxy::{self, CallableProxy, Proxy};
use naja_vm::{PyResult, Vm};

#[pymodule(
    name = "_weakref",
    doc = "Weak-reference support module.",
    classes(Proxy, CallableProxy)
)]
pub mod module {
    use super::*;

    #[pyattr(name = "ref")]
    fn reference(vm: &Vm) -> Value {
        vm.types.weakref.to_value()
    }

    #[pyattr(name = "ReferenceType")]
    fn reference_type(vm: &Vm) -> Value {
        vm.types.weakref.to_value()
    }

    /// Return the number of weak references to 'object'.
    #[pyfunction(sig = "(object, /)")]
    fn getweakrefcount(vm: &Vm, object: &Value) -> usize {
        weakref::all(vm, object).len()
    }

    /// Return a list of all weak reference objects pointing to 'object'.
    #[pyfunction(sig = "(object, /)")]
    fn getweakrefs(vm: &Vm, object: &Value) -> PyResult {
        Ok(vm.new_list(weakref::all(vm, object))?.into_value())
    }

    /// Create a proxy object that weakly references 'object'.
    ///
    /// 'callback', if given, is called with a reference to the
    /// proxy when 'object' is about to be finalized.
    #[pyfunction(sig = "(object, callback=None, /)")]
    fn proxy(vm: &Vm, object: &Value, callback: Option<Value>) -> PyResult {
        weakref_proxy::make(vm, object, callback.filter(|c| !c.is_none()))
    }

    /// Atomically remove key from dict if it points to a dead weakref.
    #[pyfunction(sig = "(dct, key, /)")]
    fn _remove_dead_weakref(vm: &Vm, dct: &Ref<Dict>, key: &Value) -> PyResult<()> {
        let Some(value) = dct.get(vm, key)? else {
            return Ok(());
        };
        match value.downcast::<WeakRef>() {
            Some(reference) if reference.get().is_none() => dct.remove(vm, key).map(|_| ()),
            Some(_) => Ok(()),
            None => Err(vm.type_error("not a weakref")),
        }
    }
}
