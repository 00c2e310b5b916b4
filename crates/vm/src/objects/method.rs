//! Bound methods. CPython: Objects/classobject.c.

use crate::function::Args;
use crate::interpreter::call::call_with_receiver;
use crate::objects::str_::Str;
use crate::objects::type_::Type;
use crate::protocols::compare::CompareOp;
use crate::protocols::{attributes, hash, object};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};

/// Create a bound instance method object.
#[pyclass(name = "method", module = "builtins", gc, flags(HAS_WEAKREF))]
#[repr(C)]
pub struct Method {
    pub function: Value,
    pub object: Value,
}

impl Traverse for Method {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.function);
        v.value(&self.object);
    }
    fn clear(&self) {}
}

impl Method {
    /// `function` bound to `object`. Raises MemoryError.
    pub fn make(vm: &Vm, function: Value, object: Value) -> PyResult {
        Ok(vm.new_object(Method { function, object })?.into_value())
    }
}

#[pymethods]
impl Method {
    #[pyslot(sig = "(function, instance, /)")]
    fn new(_cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let [function, object] = args.positional() else {
            return Err(vm.type_error(format!(
                "method expected 2 arguments, got {}",
                args.args.len()
            )));
        };
        if vm.type_of(function).slots.call.get().is_none() {
            return Err(vm.type_error("first argument must be callable"));
        }
        if object.is_none() {
            return Err(vm.type_error("instance must not be None"));
        }
        Method::make(vm, function.clone(), object.clone())
    }

    #[pyslot]
    fn call(vm: &Vm, zelf: &Value, args: Args) -> PyResult {
        let Some(method) = zelf.downcast::<Method>() else {
            return Err(vm.type_error("not a method"));
        };
        call_with_receiver(vm, &method.function, &method.object, args)
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let name = match attributes::get_optional(vm, &zelf.function, &vm.names.__qualname__)? {
            Some(name) => Some(name),
            None => attributes::get_optional(vm, &zelf.function, &vm.names.__name__)?,
        };
        let name = name.and_then(|n| n.downcast_into::<Str>().ok());
        let name = name.map_or("?".to_string(), |n| n.to_string_lossy().into_owned());
        let object = object::repr(vm, &zelf.object)?;
        Ok(vm
            .new_str(format!(
                "<bound method {name} of {}>",
                object.to_string_lossy()
            ))?
            .into_value())
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        let h = hash::hash_pointer(&zelf.object) ^ hash::hash(vm, &zelf.function)?;
        Ok(if h == -1 { -2 } else { h })
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<Method>(), b.downcast::<Method>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(Value::NOT_IMPLEMENTED);
        }
        let equal =
            x.object.is(&y.object) && crate::protocols::compare::eq(vm, &x.function, &y.function)?;
        Ok(Value::from_bool(equal == (op == CompareOp::Eq)))
    }

    /// Bound already: stays what it is.
    #[pyslot]
    fn descr_get(
        _vm: &Vm,
        zelf: &Value,
        _instance: Option<&Value>,
        _owner: Option<&Value>,
    ) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn getattro(vm: &Vm, zelf: &Value, name: &Ref<Str>) -> PyResult {
        let Some(method) = zelf.downcast::<Method>() else {
            return Err(vm.type_error("not a method"));
        };
        match vm.type_of(zelf).lookup(vm, name) {
            Some(descriptor) => match vm.type_of(&descriptor).slots.descr_get.get() {
                Some(get) => get(
                    vm,
                    &descriptor,
                    Some(zelf),
                    Some(vm.types.method.as_value()),
                ),
                None => Ok(descriptor),
            },
            None => attributes::get(vm, &method.function, name),
        }
    }

    #[pygetter]
    fn __doc__(&self, vm: &Vm) -> PyResult {
        Ok(attributes::get_optional(vm, &self.function, &vm.names.__doc__)?.unwrap_or(Value::NONE))
    }

    /// the function (or other callable) implementing a method
    #[pygetter]
    fn __func__(&self) -> Value {
        self.function.clone()
    }

    /// the instance to which a method is bound
    #[pygetter]
    fn __self__(&self) -> Value {
        self.object.clone()
    }

    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let name = attributes::get(vm, &zelf.function, &vm.names.__name__)?;
        let args = vm.new_tuple(vec![zelf.object.clone(), name])?.into_value();
        let getattr = vm.builtin("getattr")?;
        Ok(vm.new_tuple(vec![getattr, args])?.into_value())
    }
}
