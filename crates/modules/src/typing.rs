//! `_typing`: the native types behind the module `typing`, and the search of `inspect.getattr_static`, which `isinstance` of
//! protocols is made of. CPython: Modules/_typingmodule.c, Lib/inspect.py.

use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_vm::dict::Dict;
use naja_vm::function::descriptor::GetSetDescriptor;
use naja_vm::protocols::{attributes, object, sequence};
use naja_vm::str_::Str;
use naja_vm::type_::Type;
use naja_vm::typing::{alias, params};
use naja_vm::{PyResult, Raised, Vm, instance};

/// What stands in the dictionary of the class itself.
fn own(vm: &Vm, class: &Type, name: &Ref<Str>) -> PyResult<Option<Value>> {
    class.dict(vm)?.get_str(vm, name)
}

/// Calls `f` with the classes of the method resolution order until it finds something.
fn along<R>(
    class: &Ref<Type>,
    mut f: impl FnMut(&Ref<Type>) -> PyResult<Option<R>>,
) -> PyResult<Option<R>> {
    let Some(order) = class.mro_items() else {
        return Ok(None);
    };
    for entry in order.items() {
        if let Some(entry) = entry.downcast::<Type>()
            && let Some(found) = f(entry)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The `__dict__` that a class defines to stand before the real one.
fn shadowed_dict(vm: &Vm, class: &Ref<Type>) -> PyResult<Option<Value>> {
    if class.is(&vm.types.type_) {
        return Ok(None);
    }
    along(class, |entry| {
        let Some(found) = own(vm, entry, &vm.names.__dict__)? else {
            return Ok(None);
        };
        let real = match found.downcast::<GetSetDescriptor>() {
            Some(getset) => {
                vm.type_of(&found).is(&vm.types.getset_descriptor)
                    && getset.def.name == "__dict__"
                    && getset.objclass.is(entry)
            }
            None => false,
        };
        Ok((!real).then_some(found))
    })
}

/// Whether classes of this metaclass look their attributes up as `type` does.
fn is_plain(vm: &Vm, meta: &Type) -> bool {
    let plain = vm.types.type_.slots.getattro.get();
    meta.slots.getattro.get().map(|f| f as usize) == plain.map(|f| f as usize)
}

/// What the class or an ancestor has in its dictionary.
fn of_class(vm: &Vm, class: &Ref<Type>, name: &Ref<Str>) -> PyResult<Option<Value>> {
    along(class, |entry| {
        let meta = vm.type_of(entry.as_value()).to_ref();
        match shadowed_dict(vm, &meta)? {
            None if is_plain(vm, &meta) => own(vm, entry, name),
            None => {
                // The metaclass has a say in what `entry.__dict__` is.
                let dict = attributes::get(vm, entry.as_value(), &vm.names.__dict__)?;
                match sequence::contains(vm, &dict, name.as_value())? {
                    true => object::get_item(vm, &dict, name.as_value()).map(Some),
                    false => Ok(None),
                }
            }
            Some(_) => Ok(None),
        }
    })
}

/// What the object has in its own dictionary.
fn of_instance(vm: &Vm, object: &Value, name: &Ref<Str>, real: bool) -> PyResult<Option<Value>> {
    if real && object.header().and_then(instance::attrs).is_some() {
        return instance::get(vm, object, name);
    }
    let dict = match attributes::generic_get(vm, object, &vm.names.__dict__) {
        Ok(dict) => dict,
        Err(Raised) if vm.catch(&vm.types.attribute_error) => return Ok(None),
        Err(raised) => return Err(raised),
    };
    match dict.downcast::<Dict>() {
        Some(dict) => dict.get_str(vm, name),
        None => Err(vm.type_error(format!(
            "descriptor 'get' for 'dict' objects doesn't apply to a '{}' object",
            vm.type_of(&dict).full_name()
        ))),
    }
}

/// `inspect.getattr_static` without its default.
fn find_static(vm: &Vm, object: &Value, name: &Ref<Str>) -> PyResult<Option<Value>> {
    let class = object.downcast::<Type>();
    let klass = match class {
        Some(class) => class.clone(),
        None => vm.type_of(object).to_ref(),
    };
    let mut of_object = None;
    if class.is_none() {
        let shadow = shadowed_dict(vm, &klass)?;
        let member = |d: &Value| vm.type_of(d).is(&vm.types.member_descriptor);
        if shadow.as_ref().is_none_or(member) {
            of_object = of_instance(vm, object, name, shadow.is_none())?;
        }
    }
    let of_klass = of_class(vm, &klass, name)?;
    let (Some(_), Some(found)) = (&of_object, &of_klass) else {
        let found = of_object.or(of_klass);
        return match class {
            Some(class) if found.is_none() => {
                of_class(vm, &vm.type_of(class.as_value()).to_ref(), name)
            }
            _ => Ok(found),
        };
    };
    // A data descriptor of the class goes before the instance's value.
    let kind = vm.type_of(found).to_ref();
    let data = of_class(vm, &kind, &vm.names.__get__)?.is_some()
        && (of_class(vm, &kind, &vm.names.__set__)?.is_some()
            || of_class(vm, &kind, &vm.names.__delete__)?.is_some());
    Ok(if data { of_klass } else { of_object })
}

#[pymodule(
    name = "_typing",
    doc = "Primitives and accelerators for the typing module.\n",
    classes(
        params::TypeVar,
        params::ParamSpec,
        params::TypeVarTuple,
        params::ParamSpecArgs,
        params::ParamSpecKwargs,
        alias::TypeAlias
    )
)]
pub mod module {
    use super::*;

    #[pyfunction(sig = "(x, /)")]
    fn _idfunc(x: &Value) -> Value {
        x.clone()
    }

    /// Find an attribute as inspect.getattr_static() does; default if there is none.
    #[pyfunction(sig = "(obj, attr, default, /)")]
    fn _find_static(vm: &Vm, obj: &Value, attr: &Ref<Str>, default: &Value) -> PyResult {
        Ok(find_static(vm, obj, attr)?.unwrap_or_else(|| default.clone()))
    }

    #[pyattr(name = "Generic")]
    fn generic(vm: &Vm) -> Value {
        alias::generic(vm)
    }

    #[pyattr(name = "Union")]
    fn union(vm: &Vm) -> Value {
        vm.types.union.to_value()
    }

    #[pyattr(name = "NoDefault")]
    fn no_default(vm: &Vm) -> PyResult {
        naja_vm::typing::no_default(vm)
    }
}
