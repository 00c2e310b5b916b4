//! `__annotations__` and `__annotate__` of classes: computed when asked for (PEP 649, 749).
//!
//! CPython: Objects/typeobject.c (type_get_annotations, type_get_annotate).

use super::{Type, TypeFlags};
use crate::objects::dict::Dict;
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};

pub fn get_annotations(vm: &Vm, ty: &Ref<Type>) -> PyResult {
    if !ty.flag(TypeFlags::HEAPTYPE) {
        return Err(vm.attribute_error(format!(
            "type object '{}' has no attribute '__annotations__'",
            ty.name()
        )));
    }
    let dict = ty.dict(vm)?;
    for name in [&vm.names.__annotations__, &vm.names.__annotations_cache__] {
        if let Some(found) = dict.get_str(vm, name)? {
            return match vm.type_of(&found).slots.descr_get.get() {
                Some(get) => get(vm, &found, None, Some(ty.as_value())),
                None => Ok(found),
            };
        }
    }
    let annotate = get_annotate(vm, ty)?;
    let annotations = if vm.type_of(&annotate).slots.call.get().is_some() {
        let made = vm.call(&annotate, &[Value::small_int(1)])?;
        if made.downcast::<Dict>().is_none() {
            return Err(vm.type_error(format!(
                "__annotate__ returned non-dict of type '{}'",
                vm.type_of(&made).full_name()
            )));
        }
        made
    } else {
        vm.new_dict()?.into_value()
    };
    dict.set_str(vm, &vm.names.__annotations_cache__, annotations.clone())?;
    ty.modified();
    Ok(annotations)
}

fn check(vm: &Vm, ty: &Ref<Type>, name: &str) -> PyResult<()> {
    if ty.flag(TypeFlags::IMMUTABLE) {
        return Err(vm.type_error(format!(
            "cannot set '{name}' attribute of immutable type '{}'",
            ty.full_name()
        )));
    }
    Ok(())
}

pub fn set_annotations(vm: &Vm, ty: &Ref<Type>, value: Option<Value>) -> PyResult<()> {
    check(vm, ty, "__annotations__")?;
    let dict = ty.dict(vm)?;
    match value {
        Some(value) if dict.get_str(vm, &vm.names.__annotations__)?.is_some() => {
            dict.set_str(vm, &vm.names.__annotations__, value)?
        }
        Some(value) => dict.set_str(vm, &vm.names.__annotations_cache__, value)?,
        None => {
            let removed = dict.remove_str(vm, &vm.names.__annotations__)?.is_some()
                | dict
                    .remove_str(vm, &vm.names.__annotations_cache__)?
                    .is_some();
            if !removed {
                return Err(vm.attribute_error("__annotations__"));
            }
        }
    }
    if dict.get_str(vm, &vm.names.__annotations__)?.is_some() {
        dict.remove_str(vm, &vm.names.__annotations_cache__)?;
    }
    dict.remove_str(vm, &vm.names.__annotate_func__)?;
    dict.remove_str(vm, &vm.names.__annotate__)?;
    ty.modified();
    Ok(())
}

pub fn get_annotate(vm: &Vm, ty: &Ref<Type>) -> PyResult {
    if !ty.flag(TypeFlags::HEAPTYPE) {
        return Err(vm.attribute_error(format!(
            "type object '{}' has no attribute '__annotate__'",
            ty.name()
        )));
    }
    let dict = ty.dict(vm)?;
    // One that the class's body defines comes before the compiler's.
    for name in [&vm.names.__annotate__, &vm.names.__annotate_func__] {
        if let Some(found) = dict.get_str(vm, name)? {
            return match vm.type_of(&found).slots.descr_get.get() {
                Some(get) => get(vm, &found, None, Some(ty.as_value())),
                None => Ok(found),
            };
        }
    }
    dict.set_str(vm, &vm.names.__annotate_func__, Value::NONE)?;
    ty.modified();
    Ok(Value::NONE)
}

pub fn set_annotate(vm: &Vm, ty: &Ref<Type>, value: Option<Value>) -> PyResult<()> {
    check(vm, ty, "__annotate__")?;
    let Some(value) = value else {
        return Err(vm.type_error("cannot delete __annotate__ attribute"));
    };
    if !value.is_none() && vm.type_of(&value).slots.call.get().is_none() {
        return Err(vm.type_error("__annotate__ must be callable or None"));
    }
    let dict = ty.dict(vm)?;
    if !value.is_none() {
        dict.remove_str(vm, &vm.names.__annotations_cache__)?;
        dict.remove_str(vm, &vm.names.__annotations__)?;
    }
    dict.set_str(vm, &vm.names.__annotate_func__, value)?;
    ty.modified();
    Ok(())
}
