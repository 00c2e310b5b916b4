//! The protocol by which objects of any class become values SQLite can store (an early PEP 246), and its registry.
//!
//! `adapters` maps (class, protocol) to a callable. CPython: Modules/_sqlite/microprotocols.c, prepare_protocol.c.

use super::State;
use super::errors;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::dict::Dict;
use naja_vm::protocols::attributes;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Vm};

/// PEP 246 style object adaption protocol type.
#[pyclass(
    name = "PrepareProtocol",
    module = "sqlite3",
    flags(BASETYPE, IMMUTABLE)
)]
pub struct PrepareProtocol {}

#[pymethods]
impl PrepareProtocol {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, PrepareProtocol {})?.into_value())
    }

    #[pyslot]
    fn init(_zelf: &Value, _vm: &Vm, _args: Args) -> PyResult<()> {
        Ok(())
    }
}

/// A dictionary of the module, made when first asked for.
pub fn dict_of(vm: &Vm, place: &MutCell<Option<Ref<Dict>>>) -> PyResult<Ref<Dict>> {
    if let Some(dict) = place.get() {
        return Ok(dict);
    }
    let dict = vm.new_dict()?;
    place.set(Some(dict.clone()));
    Ok(dict)
}

fn key(vm: &Vm, class: &Value, protocol: &Value) -> PyResult {
    Ok(vm
        .new_tuple(vec![class.clone(), protocol.clone()])?
        .into_value())
}

/// Registers an adapter for a class.
pub fn register(vm: &Vm, class: &Value, adapter: &Value) -> PyResult<()> {
    let state = vm.interp.module_state::<State>();
    let basic = [
        &vm.types.int,
        &vm.types.float,
        &vm.types.str,
        &vm.types.bytearray,
    ];
    if basic.iter().any(|basic| basic.as_value().is(class)) {
        state.base_type_adapted.set(true);
    }
    let protocol = vm.class::<PrepareProtocol>().to_value();
    let key = key(vm, class, &protocol)?;
    dict_of(vm, &state.adapters)?.set(vm, &key, adapter.clone())
}

/// The result of an adapting call; None where it does not know how (TypeError, None).
fn offered(vm: &Vm, result: PyResult) -> PyResult<Option<Value>> {
    match result {
        Ok(value) if value.is_none() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(_) if vm.catch(&vm.types.type_error) => Ok(None),
        Err(raised) => Err(raised),
    }
}

/// `object` adapted to `protocol`; `otherwise` where nobody knows how. Raises ProgrammingError.
pub fn adapt(vm: &Vm, object: &Value, protocol: &Value, otherwise: Option<&Value>) -> PyResult {
    let state = vm.interp.module_state::<State>();
    let class = vm.type_of(object).to_ref().into_value();
    let key = key(vm, &class, protocol)?;
    if let Some(adapter) = dict_of(vm, &state.adapters)?.get(vm, &key)? {
        return vm.call(&adapter, std::slice::from_ref(object));
    }
    for (holder, name, arg) in [
        (protocol, "__adapt__", object),
        (object, "__conform__", protocol),
    ] {
        if let Some(method) = attributes::get_optional(vm, holder, &vm.intern(name))? {
            let result = vm.call(&method, std::slice::from_ref(arg));
            if let Some(value) = offered(vm, result)? {
                return Ok(value);
            }
        }
    }
    match otherwise {
        Some(value) => Ok(value.clone()),
        None => Err(errors::programming_error(vm, "can't adapt")),
    }
}

/// The value to bind for a parameter.
pub fn prepare(vm: &Vm, value: Value) -> PyResult {
    let types = &vm.types;
    let class = vm.type_of(&value);
    let basic = class.is(&types.int)
        || class.is(&types.float)
        || class.is(&types.str)
        || class.is(&types.bytearray);
    if basic && !vm.interp.module_state::<State>().base_type_adapted.get() {
        return Ok(value);
    }
    let protocol = vm.class::<PrepareProtocol>().to_value();
    adapt(vm, &value, &protocol, Some(&value))
}
