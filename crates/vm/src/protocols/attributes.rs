//! Getting, setting and deleting attributes; the generic implementation with descriptors and `__dict__`.
//!
//! CPython: Objects/object.c (PyObject_GetAttr, _PyObject_GenericGetAttrWithDict, _PyObject_GetMethod).

use crate::interpreter::attr_cache;
use crate::objects::dict::Dict;
use crate::objects::instance;
use crate::objects::module::Module;
use crate::objects::str_::{self, Str};
use crate::objects::type_::attributes::type_get_optional;
use crate::objects::type_::{Type, TypeFlags};
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Ref, Value};

/// What looking up a method gave.
pub enum Method {
    /// A function found on the class, to be called with the object before the arguments.
    Unbound(Value),
    /// Anything else: called as it is.
    Bound(Value),
}

/// `object.name`.
#[inline]
pub fn get(vm: &Vm, object: &Value, name: &Ref<Str>) -> PyResult {
    let result = match vm.type_of(object).slots.getattro.get() {
        Some(getattro) => getattro(vm, object, name),
        None => Err(no_attribute(vm, object, name)),
    };
    if result.is_err() {
        annotate_error(vm, object, name);
    }
    result
}

/// `object.name` for a name that is a Rust string.
pub fn get_by(vm: &Vm, object: &Value, name: &str) -> PyResult {
    get(vm, object, &vm.intern(name))
}

/// `getattr(object, name)`, with None where that raises AttributeError.
pub fn get_optional(vm: &Vm, object: &Value, name: &Ref<Str>) -> PyResult<Option<Value>> {
    let ty = vm.type_of(object);
    if ty.slots.getattro.get() == vm.types.object.slots.getattro.get() {
        // No exception is made for the usual "no such attribute"; a descriptor may raise one.
        return match generic_get_optional(vm, object, name) {
            Err(Raised) if vm.catch(&vm.types.attribute_error) => Ok(None),
            result => result,
        };
    }
    if ty.slots.getattro.get() == vm.types.type_.slots.getattro.get()
        && let Some(class) = object.downcast::<Type>()
    {
        return match type_get_optional(vm, class, name) {
            Err(Raised) if vm.catch(&vm.types.attribute_error) => Ok(None),
            result => result,
        };
    }
    let found = match object.downcast::<Module>() {
        Some(module) if ty.is(&vm.types.module) => module_get_optional(vm, object, module, name),
        _ => get(vm, object, name).map(Some),
    };
    match found {
        Err(Raised) if vm.catch(&vm.types.attribute_error) => Ok(None),
        result => result,
    }
}

/// As `module.name`: the module's `__getattr__` is asked last.
fn module_get_optional(
    vm: &Vm,
    object: &Value,
    module: &Module,
    name: &Ref<Str>,
) -> PyResult<Option<Value>> {
    if let Some(value) = generic_get_optional(vm, object, name)? {
        return Ok(Some(value));
    }
    match module.dict().get_str(vm, &vm.names.__getattr__)? {
        Some(getattr) => vm.call(&getattr, &[name.to_value()]).map(Some),
        None => Ok(None),
    }
}

/// Sets (`Some`) or deletes (`None`) `object.name`.
#[inline]
pub fn set(vm: &Vm, object: &Value, name: &Ref<Str>, value: Option<&Value>) -> PyResult<()> {
    let name = vm.interp.interned_name(name);
    let ty = vm.type_of(object);
    match ty.slots.setattro.get() {
        Some(setattro) => setattro(vm, object, &name, value),
        None => {
            let (has, action) = (
                if ty.slots.getattro.get().is_some() {
                    "only read-only"
                } else {
                    "no"
                },
                if value.is_some() { "assign to" } else { "del" },
            );
            Err(vm.type_error(format!(
                "'{}' object has {has} attributes ({action} .{})",
                ty.full_name(),
                name.to_string_lossy()
            )))
        }
    }
}

/// The AttributeError for a missing attribute.
#[cold]
pub fn no_attribute(vm: &Vm, object: &Value, name: &Ref<Str>) -> Raised {
    let message = format!(
        "'{}' object has no attribute '{}'",
        vm.type_of(object).full_name(),
        name.to_string_lossy()
    );
    crate::objects::exception::attribute_error(vm, message, object, name)
}

/// An AttributeError on its way out learns its object and name (for suggestions in the traceback).
#[cold]
pub(crate) fn annotate_error(vm: &Vm, object: &Value, name: &Ref<Str>) {
    if vm.exception_matches(&vm.types.attribute_error)
        && let Some(exception) = vm.pending_exception()
    {
        crate::objects::exception::set_attribute_context(&exception, object, name);
    }
}

/// `object.__getattribute__` as `object` has it: data descriptor, own attribute, other descriptor or class attribute.
pub fn generic_get(vm: &Vm, object: &Value, name: &Ref<Str>) -> PyResult {
    match generic_get_optional(vm, object, name)? {
        Some(value) => Ok(value),
        None => Err(no_attribute(vm, object, name)),
    }
}

/// As [`generic_get`], None where there is no such attribute.
pub fn generic_get_optional(vm: &Vm, object: &Value, name: &Ref<Str>) -> PyResult<Option<Value>> {
    let ty = vm.type_of(object);
    // Of classes the cache knows what `type` makes of their attributes.
    if !ty.flag(TypeFlags::TYPE_SUBCLASS)
        && let Some(known) = attr_cache::quick(vm, object, name)
    {
        return Ok(known);
    }
    let descriptor = ty.lookup(vm, name);
    let mut get = None;
    if let Some(d) = &descriptor {
        let slots = &vm.type_of(d).slots;
        get = slots.descr_get.get();
        if let Some(get) = get
            && slots.descr_set.get().is_some()
        {
            let owner = ty.to_ref().into_value();
            return optional(vm, get(vm, d, Some(object), Some(&owner)));
        }
    }
    if ty.flag(TypeFlags::HAS_DICT) {
        if let Some(value) = instance::get(vm, object, name)? {
            return Ok(Some(value));
        }
    } else if let Some(dict) = own_namespace(vm, object)?
        && let Some(value) = dict.get_str(vm, name)?
    {
        return Ok(Some(value));
    }
    match (descriptor, get) {
        (Some(d), Some(get)) => {
            let owner = ty.to_ref().into_value();
            optional(vm, get(vm, &d, Some(object), Some(&owner)))
        }
        (Some(d), None) => Ok(Some(d)),
        (None, _) => Ok(None),
    }
}

/// The namespace of what keeps one itself, apart from the attributes of instances: modules and classes.
fn own_namespace(vm: &Vm, object: &Value) -> PyResult<Option<Ref<Dict>>> {
    if let Some(module) = object.downcast::<Module>() {
        return Ok(Some(module.dict()));
    }
    match object.downcast::<Type>() {
        Some(ty) => ty.dict(vm).map(Some),
        None => Ok(None),
    }
}

/// A descriptor's result. Its AttributeError counts as raised, not as absence: callers that want that catch it.
fn optional(_vm: &Vm, result: PyResult) -> PyResult<Option<Value>> {
    result.map(Some)
}

/// `object.__setattr__` and `__delattr__` as `object` has them.
pub fn generic_set(
    vm: &Vm,
    object: &Value,
    name: &Ref<Str>,
    value: Option<&Value>,
) -> PyResult<()> {
    if let Some(value) = value
        && attr_cache::store(vm, object, name, value)
    {
        return Ok(());
    }
    let ty = vm.type_of(object);
    let descriptor = ty.lookup(vm, name);
    if let Some(d) = &descriptor
        && let Some(set) = vm.type_of(d).slots.descr_set.get()
    {
        return set(vm, d, object, value);
    }
    if ty.flag(TypeFlags::HAS_DICT) {
        if instance::set(vm, object, name, value)? {
            return Ok(());
        }
        return Err(no_attribute(vm, object, name));
    }
    if let Some(module) = object.downcast::<Module>() {
        match value {
            Some(value) => return module.dict().set_str(vm, name, value.clone()),
            None if module.dict().remove_str(vm, name)?.is_some() => return Ok(()),
            None => return Err(no_attribute(vm, object, name)),
        }
    }
    let text = name.to_string_lossy();
    let message = match descriptor {
        Some(_) => format!(
            "'{}' object attribute '{text}' is read-only",
            ty.full_name()
        ),
        None if ty.slots.setattro.get() == vm.types.object.slots.setattro.get() => {
            format!(
                "'{}' object has no attribute '{text}' and no __dict__ for setting new attributes",
                ty.full_name()
            )
        }
        None => format!("'{}' object has no attribute '{text}'", ty.full_name()),
    };
    Err(crate::objects::exception::attribute_error(
        vm, message, object, name,
    ))
}

/// The attribute for calling it at once: a plain method is not bound.
pub fn get_method(vm: &Vm, object: &Value, name: &Ref<Str>) -> PyResult<Method> {
    let ty = vm.type_of(object);
    if ty.slots.getattro.get() != vm.types.object.slots.getattro.get() {
        return get(vm, object, name).map(Method::Bound);
    }
    let descriptor = ty.lookup(vm, name);
    let mut get = None;
    let mut is_method = false;
    if let Some(d) = &descriptor {
        let dty = vm.type_of(d);
        if dty.flag(TypeFlags::METHOD_DESCRIPTOR) {
            is_method = true;
        } else {
            get = dty.slots.descr_get.get();
            if let Some(get) = get
                && dty.slots.descr_set.get().is_some()
            {
                let owner = ty.to_ref().into_value();
                let result = get(vm, d, Some(object), Some(&owner));
                if result.is_err() {
                    annotate_error(vm, object, name);
                }
                return result.map(Method::Bound);
            }
        }
    }
    if ty.flag(TypeFlags::HAS_DICT)
        && let Some(value) = instance::get(vm, object, name)?
    {
        return Ok(Method::Bound(value));
    }
    match (descriptor, get) {
        (Some(d), _) if is_method => Ok(Method::Unbound(d)),
        (Some(d), Some(get)) => {
            let owner = ty.to_ref().into_value();
            let result = get(vm, &d, Some(object), Some(&owner));
            if result.is_err() {
                annotate_error(vm, object, name);
            }
            result.map(Method::Bound)
        }
        (Some(d), None) => Ok(Method::Bound(d)),
        (None, _) => {
            let raised = no_attribute(vm, object, name);
            annotate_error(vm, object, name);
            Err(raised)
        }
    }
}

/// A special method, looked up on the class alone, bound unless it is a plain method. None where the class has none.
pub fn lookup_special(vm: &Vm, object: &Value, name: &Ref<Str>) -> PyResult<Option<Method>> {
    let ty = vm.type_of(object);
    let Some(found) = ty.lookup(vm, name) else {
        return Ok(None);
    };
    let fty = vm.type_of(&found);
    if fty.flag(TypeFlags::METHOD_DESCRIPTOR) {
        return Ok(Some(Method::Unbound(found)));
    }
    match fty.slots.descr_get.get() {
        Some(get) => {
            let owner = ty.to_ref().into_value();
            Ok(Some(Method::Bound(get(
                vm,
                &found,
                Some(object),
                Some(&owner),
            )?)))
        }
        None => Ok(Some(Method::Bound(found))),
    }
}

/// The string in an attribute name given by Python code. Raises TypeError.
pub fn name_of<'a>(vm: &Vm, name: &'a Value) -> PyResult<&'a Ref<Str>> {
    str_::of(name).ok_or_else(|| {
        vm.type_error(format!(
            "attribute name must be string, not '{}'",
            vm.type_of(name).full_name()
        ))
    })
}
