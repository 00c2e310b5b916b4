//! `classmethod` and `staticmethod`. CPython: Objects/funcobject.c.

use crate::function::Args;
use crate::objects::instance;
use crate::objects::method::Method;
use crate::objects::str_::Str;
use crate::objects::type_::Type;
use crate::protocols::{attributes, object};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};

macro_rules! wrapper_class {
    ($ty:ident) => {
        impl Traverse for $ty {
            fn traverse(&self, v: &mut Visitor) {
                self.callable.with(|c| v.opt(c))
            }
            fn clear(&self) {
                drop(self.callable.take())
            }
        }

        impl $ty {
            /// A descriptor around `callable`. Raises MemoryError.
            pub fn make(vm: &Vm, callable: Value) -> PyResult {
                Ok(vm
                    .new_object($ty {
                        callable: MutCell::new(Some(callable)),
                    })?
                    .into_value())
            }

            /// What is wrapped, if the object has been initialized.
            pub(crate) fn wrapped(&self) -> Option<Value> {
                self.callable.get()
            }

            fn callable(&self, vm: &Vm) -> PyResult {
                self.callable.get().ok_or_else(|| {
                    vm.runtime_error(concat!("uninitialized ", stringify!($ty), " object"))
                })
            }
        }
    };
}

/// classmethod(function) -> method
///
/// Convert a function to be a class method.
///
/// A class method receives the class as implicit first argument,
/// just like an instance method receives the instance.
/// To declare a class method, use this idiom:
///
///   class C:
///       @classmethod
///       def f(cls, arg1, arg2, argN):
///           ...
///
/// It can be called either on the class (e.g. C.f()) or on an instance
/// (e.g. C().f()).  The instance is ignored except for its class.
/// If a class method is called for a derived class, the derived class
/// object is passed as the implied first argument.
///
/// Class methods are different than C++ or Java static methods.
/// If you want those, see the staticmethod builtin.
#[pyclass(
    name = "classmethod",
    module = "builtins",
    gc,
    flags(BASETYPE, HAS_DICT)
)]
#[repr(C)]
pub struct ClassMethod {
    callable: MutCell<Option<Value>>,
}

/// staticmethod(function) -> method
///
/// Convert a function to be a static method.
///
/// A static method does not receive an implicit first argument.
/// To declare a static method, use this idiom:
///
///      class C:
///          @staticmethod
///          def f(arg1, arg2, argN):
///              ...
///
/// It can be called either on the class (e.g. C.f()) or on an instance
/// (e.g. C().f()). Both the class and the instance are ignored, and
/// neither is passed implicitly as the first argument to the method.
///
/// Static methods in Python are similar to those found in Java or C++.
/// For a more advanced concept, see the classmethod builtin.
#[pyclass(
    name = "staticmethod",
    module = "builtins",
    gc,
    flags(BASETYPE, HAS_DICT)
)]
#[repr(C)]
pub struct StaticMethod {
    callable: MutCell<Option<Value>>,
}

wrapper_class!(ClassMethod);
wrapper_class!(StaticMethod);

/// Copies what `functools.wraps` would (name, doc, ...) from the callable to the descriptor's dict.
fn wrap_attributes(vm: &Vm, descriptor: &Value, callable: &Value) -> PyResult<()> {
    let names = vm.names;
    for name in [
        &names.__module__,
        &names.__name__,
        &names.__qualname__,
        &names.__doc__,
    ] {
        if let Some(value) = attributes::get_optional(vm, callable, name)? {
            instance::set(vm, descriptor, name, Some(&value))?;
        }
    }
    Ok(())
}

/// An attribute that is the callable's until it was asked for or set here.
fn wrapped_attribute(vm: &Vm, descriptor: &Value, callable: &Value, name: &Ref<Str>) -> PyResult {
    if let Some(found) = instance::get(vm, descriptor, name)? {
        return Ok(found);
    }
    let value = attributes::get(vm, callable, name)?;
    instance::set(vm, descriptor, name, Some(&value))?;
    Ok(value)
}

fn set_wrapped_attribute(
    vm: &Vm,
    descriptor: &Value,
    name: &Ref<Str>,
    value: Option<Value>,
) -> PyResult<()> {
    if value.is_none() && instance::get(vm, descriptor, name)?.is_none() {
        return Err(attributes::no_attribute(vm, descriptor, name));
    }
    instance::set(vm, descriptor, name, value.as_ref()).map(drop)
}

fn one_argument<'a>(vm: &Vm, args: &Args<'a>, name: &str) -> PyResult<&'a Value> {
    if args.keyword_count() > 0 {
        return Err(vm.type_error(format!("{name}() takes no keyword arguments")));
    }
    match args.args {
        [one] => Ok(one),
        _ => Err(vm.type_error(format!(
            "{name} expected 1 argument, got {}",
            args.args.len()
        ))),
    }
}

fn is_abstract(vm: &Vm, callable: &Value) -> PyResult<bool> {
    match attributes::get_optional(vm, callable, &vm.names.__isabstractmethod__)? {
        Some(value) => object::is_true(vm, &value),
        None => Ok(false),
    }
}

#[pymethods]
impl ClassMethod {
    #[pyslot(sig = "(function, /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm
            .new_object_of(
                cls,
                ClassMethod {
                    callable: MutCell::new(Some(Value::NONE)),
                },
            )?
            .into_value())
    }

    #[pyslot]
    fn init(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult<()> {
        let callable = one_argument(vm, &args, "classmethod")?;
        zelf.callable.set(Some(callable.clone()));
        wrap_attributes(vm, zelf.as_value(), callable)
    }

    #[pyslot]
    fn descr_get(
        vm: &Vm,
        zelf: &Value,
        instance: Option<&Value>,
        owner: Option<&Value>,
    ) -> PyResult {
        let Some(descriptor) = zelf.downcast::<ClassMethod>() else {
            return Err(vm.type_error("not a classmethod"));
        };
        let class = match (owner, instance) {
            (Some(owner), _) => owner.clone(),
            (None, Some(instance)) => vm.type_of(instance).to_ref().into_value(),
            (None, None) => Value::NONE,
        };
        Method::make(vm, descriptor.callable(vm)?, class)
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let inner = object::repr(vm, &zelf.callable(vm)?)?;
        Ok(vm
            .new_str(format!("<classmethod({})>", inner.to_string_lossy()))?
            .into_value())
    }

    #[pygetter]
    fn __func__(&self, vm: &Vm) -> PyResult {
        self.callable(vm)
    }

    #[pygetter]
    fn __wrapped__(&self, vm: &Vm) -> PyResult {
        self.callable(vm)
    }

    #[pygetter]
    fn __isabstractmethod__(&self, vm: &Vm) -> PyResult<bool> {
        is_abstract(vm, &self.callable(vm)?)
    }

    #[pygetter]
    fn __annotations__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        wrapped_attribute(
            vm,
            zelf.as_value(),
            &zelf.callable(vm)?,
            &vm.names.__annotations__,
        )
    }

    #[pysetter(name = "__annotations__")]
    fn set_annotations(zelf: &Value, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        set_wrapped_attribute(vm, zelf, &vm.names.__annotations__, value)
    }

    #[pygetter]
    fn __annotate__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        wrapped_attribute(
            vm,
            zelf.as_value(),
            &zelf.callable(vm)?,
            &vm.names.__annotate__,
        )
    }

    #[pysetter(name = "__annotate__")]
    fn set_annotate(zelf: &Value, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        set_wrapped_attribute(vm, zelf, &vm.names.__annotate__, value)
    }

    /// See PEP 585
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }
}

#[pymethods]
impl StaticMethod {
    #[pyslot(sig = "(function, /)")]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm
            .new_object_of(
                cls,
                StaticMethod {
                    callable: MutCell::new(Some(Value::NONE)),
                },
            )?
            .into_value())
    }

    #[pyslot]
    fn init(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult<()> {
        let callable = one_argument(vm, &args, "staticmethod")?;
        zelf.callable.set(Some(callable.clone()));
        wrap_attributes(vm, zelf.as_value(), callable)
    }

    #[pyslot]
    fn descr_get(
        vm: &Vm,
        zelf: &Value,
        _instance: Option<&Value>,
        _owner: Option<&Value>,
    ) -> PyResult {
        match zelf.downcast::<StaticMethod>() {
            Some(descriptor) => descriptor.callable(vm),
            None => Err(vm.type_error("not a staticmethod")),
        }
    }

    #[pyslot]
    fn call(vm: &Vm, zelf: &Value, args: Args) -> PyResult {
        match zelf.downcast::<StaticMethod>() {
            Some(descriptor) => vm.call_args(&descriptor.callable(vm)?, args),
            None => Err(vm.type_error("not a staticmethod")),
        }
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let inner = object::repr(vm, &zelf.callable(vm)?)?;
        Ok(vm
            .new_str(format!("<staticmethod({})>", inner.to_string_lossy()))?
            .into_value())
    }

    #[pygetter]
    fn __func__(&self, vm: &Vm) -> PyResult {
        self.callable(vm)
    }

    #[pygetter]
    fn __wrapped__(&self, vm: &Vm) -> PyResult {
        self.callable(vm)
    }

    #[pygetter]
    fn __isabstractmethod__(&self, vm: &Vm) -> PyResult<bool> {
        is_abstract(vm, &self.callable(vm)?)
    }

    #[pygetter]
    fn __annotations__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        wrapped_attribute(
            vm,
            zelf.as_value(),
            &zelf.callable(vm)?,
            &vm.names.__annotations__,
        )
    }

    #[pysetter(name = "__annotations__")]
    fn set_annotations(zelf: &Value, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        set_wrapped_attribute(vm, zelf, &vm.names.__annotations__, value)
    }

    #[pygetter]
    fn __annotate__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        wrapped_attribute(
            vm,
            zelf.as_value(),
            &zelf.callable(vm)?,
            &vm.names.__annotate__,
        )
    }

    #[pysetter(name = "__annotate__")]
    fn set_annotate(zelf: &Value, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        set_wrapped_attribute(vm, zelf, &vm.names.__annotate__, value)
    }

    /// See PEP 585
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }
}
