//! Type variables inside type arguments: finding them, and putting arguments in their place.
//!
//! Anything with `__typing_subst__` is a type variable; anything else with `__parameters__` may contain some; tuples and
//! lists of arguments are searched through. Classes are left alone: their `__parameters__` describe other things.
//! CPython: `_Py_make_parameters` and `_Py_subs_parameters` in Objects/genericaliasobject.c.

use crate::objects::list::List;
use crate::objects::str_::Str;
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::protocols::{attributes, object};
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};

fn attribute(vm: &Vm, value: &Value, name: &Ref<Str>) -> PyResult<Option<Value>> {
    attributes::get_optional(vm, value, name)
}

fn tuple_attribute(vm: &Vm, value: &Value, name: &Ref<Str>) -> PyResult<Option<Ref<Tuple>>> {
    Ok(attribute(vm, value, name)?.and_then(|v| v.downcast_into::<Tuple>().ok()))
}

/// The items of an argument that is itself a list or tuple of arguments.
fn nested(value: &Value) -> Option<Vec<Value>> {
    if let Some(tuple) = value.downcast::<Tuple>() {
        return Some(tuple.items().to_vec());
    }
    value.downcast::<List>().map(|l| l.to_vec())
}

fn index_of(list: &[Value], item: &Value) -> Option<usize> {
    list.iter().position(|known| known.is(item))
}

/// The type variables in `args`, each once, in order of appearance.
pub(crate) fn parameters(vm: &Vm, args: &[Value]) -> PyResult<Vec<Value>> {
    vm.check_stack()?;
    let mut found: Vec<Value> = Vec::new();
    for arg in args {
        if arg.downcast::<Type>().is_some() {
            continue;
        }
        let more = if let Some(items) = nested(arg) {
            parameters(vm, &items)?
        } else if attribute(vm, arg, &vm.names.__typing_subst__)?.is_some() {
            vec![arg.clone()]
        } else {
            match tuple_attribute(vm, arg, &vm.names.__parameters__)? {
                Some(inner) => inner.items().to_vec(),
                None => continue,
            }
        };
        for parameter in more {
            if index_of(&found, &parameter).is_none() {
                found.push(parameter)
            }
        }
    }
    Ok(found)
}

/// The arguments of a subscript, with unpacked tuples (`*tuple[int, str]`) spread out.
fn spread(vm: &Vm, item: &Value) -> PyResult<Vec<Value>> {
    let items = match item.downcast::<Tuple>() {
        Some(tuple) => tuple.items().to_vec(),
        None => vec![item.clone()],
    };
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        if item.downcast::<Type>().is_none()
            && let Some(inner) =
                tuple_attribute(vm, &item, &vm.names.__typing_unpacked_tuple_args__)?
            && inner.items().last().is_none_or(|l| !l.is(&Value::ELLIPSIS))
        {
            all.extend_from_slice(inner.items());
            continue;
        }
        all.push(item)
    }
    Ok(all)
}

/// An argument that contains type variables, with theirs replaced.
fn inside(vm: &Vm, arg: &Value, parameters: &[Value], given: &[Value]) -> PyResult {
    let Some(inner) = tuple_attribute(vm, arg, &vm.names.__parameters__)? else {
        return Ok(arg.clone());
    };
    if inner.items().is_empty() {
        return Ok(arg.clone());
    }
    let mut sub = Vec::new();
    for parameter in inner.items() {
        let replaced = index_of(parameters, parameter).and_then(|i| given.get(i));
        match replaced {
            // A tuple stands for the types of a variadic one.
            Some(value)
                if vm.type_of(parameter).slots.iter.get().is_some()
                    && value.downcast::<Tuple>().is_some() =>
            {
                sub.extend(nested(value).unwrap_or_default())
            }
            Some(value) => sub.push(value.clone()),
            None => sub.push(parameter.clone()),
        }
    }
    object::get_item(vm, arg, vm.new_tuple(sub)?.as_value())
}

/// `args` with `item` in place of `parameters`, for `zelf[item]`. Raises TypeError.
pub(crate) fn substitute(
    vm: &Vm,
    zelf: &Value,
    args: &[Value],
    parameters: &[Value],
    item: &Value,
) -> PyResult<Vec<Value>> {
    if parameters.is_empty() {
        return Err(vm.type_error(format!(
            "{} is not a generic class",
            object::repr(vm, zelf)?.to_string_lossy()
        )));
    }
    let mut given = vm.new_tuple(spread(vm, item)?)?.into_value();
    for parameter in parameters {
        if let Some(prepare) = attribute(vm, parameter, &vm.names.__typing_prepare_subst__)?
            && !prepare.is_none()
        {
            let prepared = vm.call(&prepare, &[zelf.clone(), given])?;
            given = match prepared.downcast::<Tuple>() {
                Some(_) => prepared,
                None => vm.new_tuple(vec![prepared])?.into_value(),
            };
        }
    }
    let given = nested(&given).unwrap_or_default();
    if given.len() != parameters.len() {
        return Err(vm.type_error(format!(
            "Too {} arguments for {}; actual {}, expected {}",
            if given.len() > parameters.len() {
                "many"
            } else {
                "few"
            },
            object::repr(vm, zelf)?.to_string_lossy(),
            given.len(),
            parameters.len()
        )));
    }
    replace(vm, args, parameters, &given)
}

fn replace(vm: &Vm, args: &[Value], parameters: &[Value], given: &[Value]) -> PyResult<Vec<Value>> {
    vm.check_stack()?;
    let mut result = Vec::with_capacity(args.len());
    for arg in args {
        if arg.downcast::<Type>().is_some() {
            result.push(arg.clone());
            continue;
        }
        if let Some(items) = nested(arg) {
            let items = replace(vm, &items, parameters, given)?;
            result.push(match arg.downcast::<Tuple>() {
                Some(_) => vm.new_tuple(items)?.into_value(),
                None => vm.new_list(items)?.into_value(),
            });
            continue;
        }
        let unpack = match attribute(vm, arg, &vm.names.__typing_is_unpacked_typevartuple__)? {
            Some(flag) => object::is_true(vm, &flag)?,
            None => false,
        };
        let new = match attribute(vm, arg, &vm.names.__typing_subst__)? {
            Some(subst) => match index_of(parameters, arg).and_then(|i| given.get(i)) {
                Some(value) => vm.call(&subst, std::slice::from_ref(value))?,
                None => {
                    return Err(vm.type_error(format!(
                        "argument {} with __typing_subst__ was not found in __parameters__",
                        object::repr(vm, arg)?.to_string_lossy()
                    )));
                }
            },
            None => inside(vm, arg, parameters, given)?,
        };
        if !unpack {
            result.push(new);
            continue;
        }
        match nested(&new) {
            Some(items) => result.extend(items),
            None => {
                return Err(vm.type_error(format!(
                    "expected __typing_subst__ of {} objects to return a tuple, not {}",
                    vm.type_of(arg).full_name(),
                    vm.type_of(&new).full_name()
                )));
            }
        }
    }
    Ok(result)
}

/// How a type is shown among type arguments.
pub(crate) fn type_repr(vm: &Vm, value: &Value) -> PyResult<String> {
    if value.is(&Value::ELLIPSIS) {
        return Ok("...".to_string());
    }
    let text =
        |v: &Value| -> PyResult<String> { Ok(object::str(vm, v)?.to_string_lossy().into_owned()) };
    let repr =
        |v: &Value| -> PyResult<String> { Ok(object::repr(vm, v)?.to_string_lossy().into_owned()) };
    if attribute(vm, value, &vm.names.__origin__)?.is_some()
        && attribute(vm, value, &vm.names.__args__)?.is_some()
    {
        return repr(value);
    }
    let Some(qualname) = attribute(vm, value, &vm.names.__qualname__)? else {
        return repr(value);
    };
    match attribute(vm, value, &vm.names.__module__)? {
        Some(module) if !module.is_none() => {
            let module = text(&module)?;
            let qualname = text(&qualname)?;
            Ok(if module == "builtins" {
                qualname
            } else {
                format!("{module}.{qualname}")
            })
        }
        _ => repr(value),
    }
}
