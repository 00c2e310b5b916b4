//! `types.SimpleNamespace`. CPython: Objects/namespaceobject.c.

use crate::function::Args;
use crate::objects::dict::Dict;
use crate::objects::instance;
use crate::objects::str_;
use crate::objects::type_::Type;
use crate::protocols::compare::{self, CompareOp};
use crate::protocols::object;
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};

/// A simple attribute-based namespace.
#[pyclass(
    name = "SimpleNamespace",
    module = "types",
    gc,
    flags(BASETYPE, HAS_DICT)
)]
#[repr(C)]
pub struct SimpleNamespace;

#[pymethods]
impl SimpleNamespace {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, SimpleNamespace)?.into_value())
    }

    #[pyslot(sig = "(mapping_or_iterable=(), /, **kwargs)")]
    fn init(zelf: &Value, vm: &Vm, args: Args) -> PyResult<()> {
        let dict = instance::materialize(vm, zelf)?;
        match args.positional() {
            [] => {}
            [source] => {
                let made = vm.call(vm.types.dict.as_value(), std::slice::from_ref(source))?;
                if let Some(made) = made.downcast::<Dict>()
                    && made
                        .items_vec()
                        .iter()
                        .any(|(key, _)| str_::of(key).is_none())
                {
                    return Err(vm.type_error("keywords must be strings"));
                }
                crate::objects::dict::methods::update_from_mapping(vm, &dict, &made)?;
            }
            many => {
                return Err(vm.type_error(format!(
                    "SimpleNamespace expected at most 1 argument, got {}",
                    many.len()
                )));
            }
        }
        for (name, value) in args.keywords() {
            dict.set_str(vm, name, value.clone())?;
        }
        Ok(())
    }

    #[pyslot]
    fn repr(zelf: &Value, vm: &Vm) -> PyResult {
        let ty = vm.type_of(zelf);
        let name = if ty.is(&vm.types.simple_namespace) {
            "namespace".to_string()
        } else {
            ty.name()
        };
        if object::repr_enter(vm, zelf) {
            return Ok(vm.new_str(format!("{name}(...)"))?.into_value());
        }
        let result = (|| {
            let mut parts = Vec::new();
            for (key, value) in instance::materialize(vm, zelf)?.items_vec() {
                if let Some(key) = str_::of(&key).filter(|k| k.byte_len() > 0) {
                    parts.push(format!(
                        "{}={}",
                        key.to_string_lossy(),
                        object::repr(vm, &value)?.to_string_lossy()
                    ));
                }
            }
            Ok(parts.join(", "))
        })();
        object::repr_leave(vm, zelf);
        Ok(vm.new_str(format!("{name}({})", result?))?.into_value())
    }

    /// Return state information for pickling
    #[pymethod]
    fn __reduce__(zelf: &Value, vm: &Vm) -> PyResult {
        let dict = instance::materialize(vm, zelf)?.into_value();
        let none = vm.new_tuple(Vec::new())?.into_value();
        let class = vm.type_of(zelf).to_ref().into_value();
        Ok(vm.new_tuple(vec![class, none, dict])?.into_value())
    }

    /// Return a copy of the namespace object with new values for the specified attributes.
    #[pymethod(raw, sig = "($self, /, **changes)")]
    fn __replace__(vm: &Vm, args: Args) -> PyResult {
        let Some((zelf, more)) = args.positional().split_first() else {
            return Err(vm.type_error("__replace__() needs an argument"));
        };
        if !more.is_empty() {
            return Err(vm.type_error("__replace__() takes no positional arguments"));
        }
        let copy = vm.call(vm.type_of(zelf).to_ref().as_value(), &[])?;
        if copy.downcast::<SimpleNamespace>().is_none() {
            return Err(vm.type_error(format!(
                "expect types.SimpleNamespace type, but {}() returned '{}' object",
                vm.type_of(zelf).qualified(vm),
                vm.type_of(&copy).qualified(vm)
            )));
        }
        let dict = instance::materialize(vm, &copy)?;
        for (name, value) in instance::materialize(vm, zelf)?.items_vec() {
            dict.set(vm, &name, value)?;
        }
        for (name, value) in args.keywords() {
            dict.set_str(vm, name, value.clone())?;
        }
        Ok(copy)
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        if a.downcast::<SimpleNamespace>().is_none() || b.downcast::<SimpleNamespace>().is_none() {
            return Ok(Value::NOT_IMPLEMENTED);
        }
        let (x, y) = (instance::materialize(vm, a)?, instance::materialize(vm, b)?);
        compare::rich_compare(vm, x.as_value(), y.as_value(), op)
    }
}

impl crate::Traverse for SimpleNamespace {
    fn traverse(&self, _visitor: &mut crate::Visitor) {}
    fn clear(&self) {}
}
