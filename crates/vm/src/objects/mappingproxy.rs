//! `mappingproxy`: a read-only view of a mapping. CPython: Objects/descrobject.c.

use crate::function::Args;
use crate::objects::dict::Dict;
use crate::objects::type_::{Type, TypeFlags};
use crate::protocols::compare::{self, CompareOp};
use crate::protocols::{attributes, iterator, object, sequence};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};

/// Read-only proxy of a mapping.
#[pyclass(name = "mappingproxy", module = "builtins", gc, flags(MAPPING))]
#[repr(C)]
pub struct MappingProxy {
    mapping: Value,
}

impl Traverse for MappingProxy {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.mapping)
    }
    fn clear(&self) {}
}

impl MappingProxy {
    pub fn make(vm: &Vm, mapping: Value) -> PyResult {
        Ok(vm.new_object(MappingProxy { mapping })?.into_value())
    }
}

#[pymethods]
impl MappingProxy {
    #[pyslot(sig = "(mapping)")]
    fn new(_cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        match args.args {
            [mapping]
                if vm.type_of(mapping).slots.subscript.get().is_some()
                    && !vm
                        .type_of(mapping)
                        .flag(TypeFlags::LIST_SUBCLASS | TypeFlags::TUPLE_SUBCLASS) =>
            {
                MappingProxy::make(vm, mapping.clone())
            }
            [other] => Err(vm.type_error(format!(
                "mappingproxy() argument must be a mapping, not {}",
                vm.type_of(other).full_name()
            ))),
            _ => Err(vm.type_error("mappingproxy() missing required argument 'mapping' (pos 1)")),
        }
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(vm
            .new_str(format!(
                "mappingproxy({})",
                object::repr(vm, &zelf.mapping)?.to_string_lossy()
            ))?
            .into_value())
    }

    #[pyslot]
    fn mp_len(zelf: &Ref<Self>, vm: &Vm) -> PyResult<usize> {
        object::len(vm, &zelf.mapping)
    }

    #[pyslot]
    fn subscript(zelf: &Ref<Self>, vm: &Vm, key: &Value) -> PyResult {
        object::get_item(vm, &zelf.mapping, key)
    }

    #[pyslot]
    fn contains(zelf: &Ref<Self>, vm: &Vm, key: &Value) -> PyResult<bool> {
        sequence::contains(vm, &zelf.mapping, key)
    }

    #[pyslot]
    fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        iterator::iter(vm, &zelf.mapping)
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        match a.downcast::<MappingProxy>() {
            Some(proxy) => compare::rich_compare(vm, &proxy.mapping, b, op),
            None => Ok(Value::NOT_IMPLEMENTED),
        }
    }

    #[pyslot]
    fn str(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(object::str(vm, &zelf.mapping)?.into_value())
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        crate::protocols::hash::hash(vm, &zelf.mapping)
    }

    #[pyslot]
    fn or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        let inner = |v: &Value| match v.downcast::<MappingProxy>() {
            Some(proxy) => proxy.mapping.clone(),
            None => v.clone(),
        };
        crate::protocols::number::or(vm, &inner(a), &inner(b))
    }

    #[pyslot]
    fn inplace_or(zelf: &Ref<Self>, vm: &Vm, _other: &Value) -> PyResult {
        Err(vm.type_error(format!(
            "'|=' is not supported by {}; use '|' instead",
            vm.type_of(zelf.as_value()).full_name()
        )))
    }

    /// Return a reverse iterator over the mapping's keys.
    #[pymethod]
    fn __reversed__(&self, vm: &Vm) -> PyResult {
        vm.call_method(&self.mapping, &vm.names.__reversed__, &[])
    }

    /// See PEP 585
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }

    /// Return the value for key if key is in the mapping, else default.
    #[pymethod(sig = "($self, key, default=None, /)")]
    fn get(&self, vm: &Vm, key: Value, default: Option<Value>) -> PyResult {
        if let Some(dict) = self.mapping.downcast::<Dict>()
            && vm.type_of(&self.mapping).is(&vm.types.dict)
        {
            let found = dict.get(vm, &key)?;
            return Ok(found.or(default).unwrap_or(Value::NONE));
        }
        vm.call_method(
            &self.mapping,
            &vm.names.get,
            &[key, default.unwrap_or(Value::NONE)],
        )
    }

    /// a set-like object providing a view on D's keys
    #[pymethod]
    fn keys(&self, vm: &Vm) -> PyResult {
        vm.call_method(&self.mapping, &vm.names.keys, &[])
    }

    /// an object providing a view on D's values
    #[pymethod]
    fn values(&self, vm: &Vm) -> PyResult {
        vm.call_method_str(&self.mapping, "values", &[])
    }

    /// a set-like object providing a view on D's items
    #[pymethod]
    fn items(&self, vm: &Vm) -> PyResult {
        vm.call_method(&self.mapping, &vm.names.items, &[])
    }

    /// a shallow copy of D
    #[pymethod]
    fn copy(&self, vm: &Vm) -> PyResult {
        let copy = attributes::get(vm, &self.mapping, &vm.names.copy)?;
        vm.call(&copy, &[])
    }
}
