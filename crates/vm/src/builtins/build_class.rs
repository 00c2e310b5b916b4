//! `__build_class__`: what a `class` statement calls.
//!
//! Steps, as in CPython (Python/bltinmodule.c): resolve `__mro_entries__` of the bases, find the metaclass, ask its
//! `__prepare__` for the namespace, run the body in it, call the metaclass, and check that the `__class__` cell was set.

use crate::function::Args;
use crate::objects::cell::CellVariable;
use crate::objects::dict::Dict;
use crate::objects::function::Function;
use crate::objects::str_;
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::objects::type_::class_new::calculate_metaclass;
use crate::protocols::{attributes, object};
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};

/// The bases with every non-class replaced by what its `__mro_entries__` gives; None if nothing was.
fn update_bases(vm: &Vm, bases: &Ref<Tuple>) -> PyResult<Option<Ref<Tuple>>> {
    let mut new: Option<Vec<Value>> = None;
    for (i, base) in bases.items().iter().enumerate() {
        let entries = if base.downcast::<Type>().is_some() {
            None
        } else {
            attributes::get_optional(vm, base, &vm.names.__mro_entries__)?
        };
        match entries {
            None => {
                if let Some(new) = &mut new {
                    new.push(base.clone())
                }
            }
            Some(entries) => {
                let replaced = vm.call(&entries, &[bases.to_value()])?;
                let Some(replaced) = replaced.downcast::<Tuple>() else {
                    return Err(vm.type_error("__mro_entries__ must return a tuple"));
                };
                new.get_or_insert_with(|| bases.items()[..i].to_vec())
                    .extend_from_slice(replaced.items());
            }
        }
    }
    new.map(|items| vm.new_tuple(items)).transpose()
}

/// The name of a metaclass, for messages.
fn meta_name(meta: &Value) -> String {
    meta.downcast::<Type>()
        .map_or_else(|| "<metaclass>".to_string(), |ty| ty.name())
}

/// The namespace that the body runs in.
fn prepare(
    vm: &Vm,
    meta: &Value,
    name: &Value,
    bases: &Ref<Tuple>,
    keywords: &Ref<Dict>,
) -> PyResult {
    let namespace = match attributes::get_optional(vm, meta, &vm.names.__prepare__)? {
        None => vm.new_dict()?.into_value(),
        Some(prepare) => {
            vm.call_with(&prepare, &[name.clone(), bases.to_value()], Some(keywords))?
        }
    };
    let ty = vm.type_of(&namespace);
    if ty.slots.subscript.get().is_none() && ty.slots.item.get().is_none() {
        return Err(vm.type_error(format!(
            "{}.__prepare__() must return a mapping, not {}",
            meta_name(meta),
            ty.full_name()
        )));
    }
    Ok(namespace)
}

/// After the metaclass made `class`: its `__class__` cell must hold it.
fn check_cell(vm: &Vm, cell: &Value, class: &Value, name: &Value) -> PyResult<()> {
    let (Some(cell), Some(_)) = (cell.downcast::<CellVariable>(), class.downcast::<Type>()) else {
        return Ok(());
    };
    let held = cell.value.get();
    if held.as_ref().is_some_and(|held| held.is(class)) {
        return Ok(());
    }
    let (name, class) = (object::repr(vm, name)?, object::repr(vm, class)?);
    let (name, class) = (name.to_string_lossy(), class.to_string_lossy());
    match held {
        None => Err(vm.runtime_error(format!(
            "__class__ not set defining {name} as {class}. Was __classcell__ propagated to type.__new__?"
        ))),
        Some(held) => {
            let held = object::repr(vm, &held)?;
            Err(vm.type_error(format!("__class__ set to {} defining {name} as {class}", held.to_string_lossy())))
        }
    }
}

/// `__build_class__(func, name, /, *bases, [metaclass], **kwds)`.
pub fn build_class(vm: &Vm, args: Args) -> PyResult {
    let [body, name, original @ ..] = args.positional() else {
        return Err(vm.type_error("__build_class__: not enough arguments"));
    };
    let Some(function) = body.downcast::<Function>() else {
        return Err(vm.type_error("__build_class__: func must be a function"));
    };
    if str_::of(name).is_none() {
        return Err(vm.type_error("__build_class__: name is not a string"));
    }
    let original = vm.new_tuple(original.to_vec())?;
    let updated = update_bases(vm, &original)?;
    let bases = updated.clone().unwrap_or_else(|| original.clone());

    let keywords = vm.new_dict()?;
    let mut meta = None;
    for (keyword, value) in args.keywords() {
        if str_::eq(keyword, &vm.names.metaclass) {
            meta = Some(value.clone());
        } else {
            keywords.set_str(vm, keyword, value.clone())?;
        }
    }
    let meta = meta.unwrap_or_else(|| match bases.get(0) {
        Some(base) => vm.type_of(base).to_ref().into_value(),
        None => vm.types.type_.to_value(),
    });
    // A metaclass that is no class is called as it is.
    let meta = match meta.downcast::<Type>() {
        Some(ty) => calculate_metaclass(vm, ty, bases.items())?.into_value(),
        None => meta.clone(),
    };
    let namespace = prepare(vm, &meta, name, &bases, &keywords)?;
    let cell = vm.run_function_code(function.clone(), namespace.clone(), None)?;
    if updated.is_some() {
        let key = vm.intern("__orig_bases__").into_value();
        object::set_item(vm, &namespace, &key, original.as_value())?;
    }
    let class = vm.call_with(
        &meta,
        &[name.clone(), bases.to_value(), namespace],
        Some(&keywords),
    )?;
    check_cell(vm, &cell, &class, name)?;
    Ok(class)
}
