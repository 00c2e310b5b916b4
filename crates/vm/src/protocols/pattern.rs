//! The `match` statement's class and mapping patterns. CPython: Python/ceval.c (_PyEval_MatchClass, _PyEval_MatchKeys).

use crate::objects::dict::{Dict, exact_str};
use crate::objects::str_::{self, StrRef};
use crate::objects::tuple::Tuple;
use crate::objects::type_::{Type, TypeFlags};
use crate::protocols::{attributes, object};
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::Value;

/// The values of a class pattern's sub-patterns as a tuple; None where the subject does not match.
pub fn match_class(
    vm: &Vm,
    subject: &Value,
    class: &Value,
    positional: usize,
    keywords: &Value,
) -> PyResult<Option<Value>> {
    let Some(ty) = class.downcast::<Type>() else {
        return Err(vm.type_error("called match pattern must be a class"));
    };
    if !object::is_instance(vm, subject, class)? {
        return Ok(None);
    }
    let mut seen: Vec<Value> = Vec::new();
    let mut values = Vec::new();
    if positional > 0 {
        let (names, match_self) =
            match attributes::get_optional(vm, class, &vm.names.__match_args__)? {
                Some(names)
                    if names.downcast::<Tuple>().is_some()
                        && vm.type_of(&names).is(&vm.types.tuple) =>
                {
                    (Some(names), false)
                }
                Some(other) => {
                    return Err(vm.type_error(format!(
                        "{}.__match_args__ must be a tuple (got {})",
                        ty.name(),
                        vm.type_of(&other).name()
                    )));
                }
                None => (None, ty.flag(TypeFlags::MATCH_SELF)),
            };
        let names = names.as_ref().and_then(|n| n.downcast::<Tuple>());
        let allowed = if match_self {
            1
        } else {
            names.map_or(0, |n| n.len())
        };
        if allowed < positional {
            let plural = if allowed == 1 { "" } else { "s" };
            return Err(vm.type_error(format!(
                "{}() accepts {allowed} positional sub-pattern{plural} ({positional} given)",
                ty.name()
            )));
        }
        if match_self {
            values.push(subject.clone());
        } else if let Some(names) = names {
            for name in &names.items()[..positional] {
                if str_::of(name).is_none() {
                    return Err(vm.type_error(format!(
                        "__match_args__ elements must be strings (got {})",
                        vm.type_of(name).name()
                    )));
                }
                match match_attribute(vm, subject, ty, name, &mut seen)? {
                    Some(value) => values.push(value),
                    None => return Ok(None),
                }
            }
        }
    }
    if let Some(keywords) = keywords.downcast::<Tuple>() {
        for name in keywords.items() {
            match match_attribute(vm, subject, ty, name, &mut seen)? {
                Some(value) => values.push(value),
                None => return Ok(None),
            }
        }
    }
    Ok(Some(vm.new_tuple(values)?.into_value()))
}

fn match_attribute(
    vm: &Vm,
    subject: &Value,
    ty: &Type,
    name: &Value,
    seen: &mut Vec<Value>,
) -> PyResult<Option<Value>> {
    let name_str = attributes::name_of(vm, name)?;
    if seen
        .iter()
        .any(|s| str_::of(s).is_some_and(|s| str_::eq(s, name_str)))
    {
        let shown = object::repr(vm, name)?;
        return Err(vm.type_error(format!(
            "{}() got multiple sub-patterns for attribute {}",
            ty.name(),
            shown.to_string_lossy()
        )));
    }
    seen.push(name.clone());
    attributes::get_optional(vm, subject, name_str)
}

/// Whether keys are few different interned strings, which a dict finds without running Python.
fn distinct_strings(vm: &Vm, keys: &Tuple) -> bool {
    let items = keys.items();
    items.len() <= 8
        && items.iter().enumerate().all(|(i, key)| {
            exact_str(vm, key).is_some_and(StrRef::is_interned)
                && !items[..i].iter().any(|other| other.is(key))
        })
}

/// The values of the keys as a tuple; None where one is missing.
pub fn match_keys(vm: &Vm, mapping: &Value, keys: &Value) -> PyResult<Option<Value>> {
    let Some(keys) = keys.downcast::<Tuple>() else {
        return Err(vm.system_error("pattern keys are not a tuple"));
    };
    let mut values = Vec::with_capacity(keys.len());
    if keys.is_empty() {
        return Ok(Some(vm.new_tuple(values)?.into_value()));
    }
    if let Some(dict) = mapping.downcast::<Dict>()
        && vm.type_of(mapping).is(&vm.types.dict)
        && distinct_strings(vm, keys)
    {
        for key in keys.items() {
            match dict.get(vm, key)? {
                Some(value) => values.push(value),
                None => return Ok(None),
            }
        }
        return Ok(Some(vm.new_tuple(values)?.into_value()));
    }
    let get = attributes::get(vm, mapping, &vm.names.get)?;
    let dummy = vm.new_object(crate::objects::object::Object)?.into_value();
    let seen = crate::objects::set::Set::new(vm)?;
    for key in keys.items() {
        if seen.contains(vm, key)? {
            let shown = object::repr(vm, key)?;
            return Err(vm.value_error(format!(
                "mapping pattern checks duplicate key ({})",
                shown.to_string_lossy()
            )));
        }
        seen.add(vm, key)?;
        match vm.call(&get, &[key.clone(), dummy.clone()]) {
            Ok(value) if value.is(&dummy) => return Ok(None),
            Ok(value) => values.push(value),
            Err(Raised) => return Err(Raised),
        }
    }
    Ok(Some(vm.new_tuple(values)?.into_value()))
}
