//! The attributes and slots of functions. CPython: Objects/funcobject.c.

use super::Function;
use crate::function::Args;
use crate::objects::code::CodeObject;
use crate::objects::dict::Dict;
use crate::objects::method::Method;
use crate::objects::str_::Str;
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::vm::{PyResult, Vm};
use naja_heap::{Payload, Ref, Value};
use naja_macros::pymethods;

/// A value of one type, or None where None stands for "nothing". Raises TypeError.
fn optional<T: Payload>(vm: &Vm, value: Option<Value>, message: &str) -> PyResult<Option<Ref<T>>> {
    match value {
        None => Ok(None),
        Some(value) if value.is_none() => Ok(None),
        Some(value) => value
            .downcast_into::<T>()
            .map(Some)
            .map_err(|_| vm.type_error(message)),
    }
}

fn required<T: Payload>(vm: &Vm, value: Option<Value>, message: &str) -> PyResult<Ref<T>> {
    value
        .and_then(|v| v.downcast_into::<T>().ok())
        .ok_or_else(|| vm.type_error(message))
}

#[pymethods]
impl Function {
    #[pyslot(
        name = "new",
        sig = "(code, globals, name=None, argdefs=None, closure=None, kwdefaults=None)"
    )]
    fn make_new(
        _cls: &Ref<Type>,
        vm: &Vm,
        code: Ref<CodeObject>,
        globals: Ref<Dict>,
        name: Option<Value>,
        argdefs: Option<Value>,
        closure: Option<Value>,
        kwdefaults: Option<Value>,
    ) -> PyResult {
        let name = optional::<Str>(vm, name, "arg 3 (name) must be None or string")?;
        let defaults = optional::<Tuple>(vm, argdefs, "arg 4 (defaults) must be None or tuple")?;
        let kwdefaults =
            optional::<Dict>(vm, kwdefaults, "arg 6 (kwdefaults) must be None or dict")?;
        let free = code.nfreevars as usize;
        let given = closure.as_ref().is_some_and(|c| !c.is_none());
        let closure = match closure {
            Some(closure) if given => match closure.downcast_into::<Tuple>() {
                Ok(cells) => Some(cells),
                Err(_) => {
                    return Err(vm.type_error(if free > 0 {
                        "arg 5 (closure) must be tuple"
                    } else {
                        "arg 5 (closure) must be None or tuple"
                    }));
                }
            },
            _ if free > 0 => return Err(vm.type_error("arg 5 (closure) must be tuple")),
            _ => None,
        };
        let count = closure.as_ref().map_or(0, |c| c.len());
        if count != free {
            return Err(vm.value_error(format!(
                "{} requires closure of length {free}, not {count}",
                code.name.to_string_lossy()
            )));
        }
        if let Some(bad) = closure.as_ref().and_then(|c| {
            c.items()
                .iter()
                .find(|v| v.downcast::<crate::objects::cell::CellVariable>().is_none())
        }) {
            return Err(vm.type_error(format!(
                "arg 5 (closure) expected cell, found {}",
                vm.type_of(bad).full_name()
            )));
        }
        let function = Function::new(vm, code, globals)?;
        if let Some(name) = name {
            function.name.set(name);
        }
        function.defaults.set(defaults);
        function.closure.set(closure);
        function.kwdefaults.set(kwdefaults);
        Ok(function.into_value())
    }

    #[pyslot]
    fn call(vm: &Vm, zelf: &Value, args: Args) -> PyResult {
        match zelf.downcast::<Function>() {
            Some(function) => crate::interpreter::call::call_function(vm, function, args),
            None => Err(vm.type_error("not a function")),
        }
    }

    #[pyslot]
    fn descr_get(
        vm: &Vm,
        zelf: &Value,
        instance: Option<&Value>,
        _owner: Option<&Value>,
    ) -> PyResult {
        match instance {
            Some(instance)
                if !instance.is_none()
                    || _owner.is_none_or(|o| o.is(vm.types.none_type.as_value())) =>
            {
                Method::make(vm, zelf.clone(), instance.clone())
            }
            _ => Ok(zelf.clone()),
        }
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let name = zelf.qualname.get();
        let text = format!(
            "<function {} at {:#x}>",
            name.to_string_lossy(),
            zelf.as_ptr() as usize
        );
        Ok(vm.new_str(text)?.into_value())
    }

    #[pygetter]
    fn __code__(&self) -> Value {
        self.code.get().into_value()
    }

    #[pysetter(name = "__code__")]
    fn set_code_attr(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let code = required::<CodeObject>(vm, value, "__code__ must be set to a code object")?;
        let cells = self.closure.with(|c| c.as_ref().map_or(0, |c| c.len()));
        if code.nfreevars as usize != cells {
            return Err(vm.value_error(format!(
                "{}() requires a code object with {cells} free vars, not {}",
                self.name.get().to_string_lossy(),
                code.nfreevars
            )));
        }
        use naja_bytecode::code::flags;
        let kinds = flags::GENERATOR | flags::COROUTINE | flags::ASYNC_GENERATOR;
        if self.code.with(|old| old.flags & kinds) != code.flags & kinds {
            vm.warn(
                &vm.types.deprecation_warning,
                "Assigning a code object of non-matching type is deprecated (e.g., from a generator to a plain function)",
                1,
            )?;
        }
        // The docstring stays the old code's.
        self.docstring(vm)?;
        self.set_code(code);
        Ok(())
    }

    #[pymember]
    fn __globals__(&self) -> Value {
        self.globals.to_value()
    }

    #[pymember]
    fn __builtins__(&self) -> Value {
        self.shown_builtins()
    }

    #[pymember]
    fn __closure__(&self) -> Option<Value> {
        self.closure.get().map(Ref::into_value)
    }

    #[pygetter]
    fn __name__(&self) -> Value {
        self.name.get().into_value()
    }

    #[pysetter(name = "__name__")]
    fn set_name(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.name.set(required(
            vm,
            value,
            "__name__ must be set to a string object",
        )?);
        Ok(())
    }

    #[pygetter]
    fn __qualname__(&self) -> Value {
        self.qualname.get().into_value()
    }

    #[pysetter(name = "__qualname__")]
    fn set_qualname(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.qualname.set(required(
            vm,
            value,
            "__qualname__ must be set to a string object",
        )?);
        Ok(())
    }

    #[pygetter]
    fn __doc__(&self, vm: &Vm) -> PyResult {
        self.docstring(vm)
    }

    #[pysetter(name = "__doc__")]
    fn set_doc(&self, _vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.doc.set(Some(value.unwrap_or(Value::NONE)));
        Ok(())
    }

    #[pygetter]
    fn __module__(&self) -> Value {
        self.module.get()
    }

    #[pysetter(name = "__module__")]
    fn set_module(&self, _vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.module.set(value.unwrap_or(Value::NONE));
        Ok(())
    }

    #[pygetter]
    fn __defaults__(&self) -> Option<Value> {
        self.defaults.get().map(Ref::into_value)
    }

    #[pysetter(name = "__defaults__")]
    fn set_defaults(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let value = optional(vm, value, "__defaults__ must be set to a tuple object")?;
        self.defaults.set(value);
        Ok(())
    }

    #[pygetter]
    fn __kwdefaults__(&self) -> Option<Value> {
        self.kwdefaults.get().map(Ref::into_value)
    }

    #[pysetter(name = "__kwdefaults__")]
    fn set_kwdefaults(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let value = optional(vm, value, "__kwdefaults__ must be set to a dict object")?;
        self.kwdefaults.set(value);
        Ok(())
    }

    #[pygetter]
    fn __annotate__(&self) -> Option<Value> {
        self.annotate.get()
    }

    #[pysetter(name = "__annotate__")]
    fn set_annotate(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        match value {
            None => Err(vm.type_error("__annotate__ cannot be deleted")),
            Some(value) if value.is_none() => {
                self.annotate.set(None);
                Ok(())
            }
            Some(value) if vm.type_of(&value).slots.call.get().is_some() => {
                self.annotate.set(Some(value));
                self.annotations.set(None);
                Ok(())
            }
            Some(_) => Err(vm.type_error("__annotate__ must be callable or None")),
        }
    }

    #[pygetter]
    fn __annotations__(&self, vm: &Vm) -> PyResult {
        if let Some(annotations) = self.annotations.get() {
            // The compiler may have left a flat tuple of names and values.
            if let Some(pairs) = annotations.downcast::<Tuple>() {
                let dict = Dict::new(vm)?;
                for pair in pairs.items().chunks_exact(2) {
                    dict.set(vm, &pair[0], pair[1].clone())?;
                }
                self.annotations.set(Some(dict.to_value()));
                return Ok(dict.into_value());
            }
            return Ok(annotations);
        }
        let made = match self.annotate.get() {
            Some(annotate) => {
                let made = vm.call(&annotate, &[Value::small_int(1)])?;
                if made.downcast::<Dict>().is_none() {
                    return Err(vm.type_error(format!(
                        "__annotate__ returned non-dict of type '{}'",
                        vm.type_of(&made).full_name()
                    )));
                }
                made
            }
            None => vm.new_dict()?.into_value(),
        };
        self.annotations.set(Some(made.clone()));
        Ok(made)
    }

    #[pysetter(name = "__annotations__")]
    fn set_annotations(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let value = optional::<Dict>(vm, value, "__annotations__ must be set to a dict object")?;
        self.annotations.set(value.map(Ref::into_value));
        self.annotate.set(None);
        Ok(())
    }

    #[pygetter]
    fn __type_params__(&self, vm: &Vm) -> Value {
        match self.type_params.get() {
            Some(params) => params.into_value(),
            None => vm.interp.empty_tuple().into_value(),
        }
    }

    #[pysetter(name = "__type_params__")]
    fn set_type_params(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.type_params.set(Some(required(
            vm,
            value,
            "__type_params__ must be set to a tuple",
        )?));
        Ok(())
    }

    #[pygetter]
    fn __dict__(zelf: &Value, vm: &Vm) -> PyResult {
        Ok(crate::objects::instance::materialize(vm, zelf)?.into_value())
    }

    #[pysetter(name = "__dict__")]
    fn set_dict(zelf: &Value, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let dict = required::<Dict>(vm, value, "__dict__ must be set to a dictionary")?;
        crate::objects::instance::set_dict(vm, zelf, Some(dict));
        Ok(())
    }
}
