//! How the arguments of a call become the local variables of a Python function, and the errors when they do not fit.
//!
//! CPython: Python/ceval.c (initialize_locals, missing_arguments, too_many_positional, ...).

use super::ops::Sp;
use crate::objects::code::CodeObject;
use crate::objects::dict::Dict;
use crate::objects::function::Function;
use crate::objects::list::List;
use crate::objects::str_::{self, Str, StrRef};
use crate::objects::tuple::Tuple;
use crate::protocols::{attributes, object, sequence};
use crate::vm::{PyResult, Raised, Vm};
use naja_bytecode::code::flags;
use naja_heap::slot::Slot;
use naja_heap::{Ref, Value};
use smallvec::SmallVec;

/// Moves `n` positional and the keyword arguments (values behind the positional ones) at `args` into `locals`, which are
/// empty slots. On an error too all arguments have been consumed; `locals` hold some of them.
pub(super) unsafe fn bind(
    vm: &Vm,
    function: &Ref<Function>,
    code: &CodeObject,
    locals: Sp,
    args: Sp,
    n: usize,
    kwnames: Option<&Ref<Tuple>>,
) -> PyResult<()> {
    // SAFETY: `args` are `n + len(kwnames)` owned slots, `locals` the code's `nlocalsplus`; what is moved out of `args`
    // leaves an empty slot.
    unsafe {
        let argcount = code.argcount as usize;
        let direct = n.min(argcount);
        for i in 0..direct {
            *locals.add(i) = *args.add(i);
        }
        if n == direct
            && kwnames.is_none()
            && code.is_simple()
            && fill_last(function, code, locals, n)
        {
            return Ok(());
        }
        let result = bind_rest(vm, function, code, locals, args, n, kwnames);
        if result.is_err() {
            for i in direct..n + kwnames.map_or(0, |k| k.len()) {
                (*args.add(i)).release();
            }
        }
        result
    }
}

/// The usual case of defaults: the last parameters of a function without other kinds have them. False: not so.
#[inline(always)]
unsafe fn fill_last(function: &Ref<Function>, code: &CodeObject, locals: Sp, n: usize) -> bool {
    let argcount = code.argcount as usize;
    // SAFETY: nothing runs while the defaults are looked at; the indices are parameters'.
    unsafe {
        let Some(defaults) = &*function.defaults.as_ptr() else {
            return n == argcount;
        };
        let items = defaults.items();
        if items.len() > argcount || n + items.len() < argcount {
            return false;
        }
        for i in n..argcount {
            *locals.add(i) = Slot::new(items[i + items.len() - argcount].clone());
        }
        true
    }
}

/// The general case, behind the positional arguments that stand for parameters.
unsafe fn bind_rest(
    vm: &Vm,
    function: &Ref<Function>,
    code: &CodeObject,
    locals: Sp,
    args: Sp,
    n: usize,
    kwnames: Option<&Ref<Tuple>>,
) -> PyResult<()> {
    // The names of the parameters will be asked for.
    code.ensure(vm)?;
    // SAFETY: as in `bind`.
    unsafe {
        let argcount = code.argcount as usize;
        let direct = n.min(argcount);
        let mut at = argcount + code.kwonlyargcount as usize;
        let varargs = code.flags & flags::VARARGS != 0;
        if varargs {
            let tuple = Tuple::from_iter(vm, n - direct, |i| {
                let slot = std::ptr::replace(args.add(direct + i), Slot::EMPTY);
                slot.into_value()
            })?;
            *locals.add(at) = Slot::new(tuple.into_value());
            at += 1;
        }
        let kwdict = if code.flags & flags::VARKEYWORDS != 0 {
            let dict = match kwnames {
                Some(names) => Dict::with_capacity(vm, names.len())?,
                None => Dict::new(vm)?,
            };
            *locals.add(at) = Slot::new(dict.to_value());
            Some(dict)
        } else {
            None
        };
        if let Some(names) = kwnames {
            let values = args.add(n);
            bind_keywords(vm, function, code, locals, names, values, kwdict.as_ref())?;
        }
        if n > argcount && !varargs {
            return Err(too_many_positional(vm, function, code, locals, n));
        }
        fill_defaults(vm, function, code, locals, n)
    }
}

/// The index of the parameter of that name, among those behind the positional-only ones.
#[inline(always)]
fn parameter(params: &[Ref<Str>], posonly: usize, name: &Ref<Str>) -> Option<usize> {
    let params = &params[posonly..];
    let same = |p: &Ref<Str>| p.as_ptr() == name.as_ptr();
    let found = params.iter().position(same);
    match found {
        // The names of parameters are interned.
        None if !name.is_interned() => params.iter().position(|p| str_::eq(p, name)),
        found => found,
    }
    .map(|i| i + posonly)
}

/// Binds the arguments of `function(*positional, **keywords)`, with an object before them where a method is called, to
/// `locals`, which are empty slots. Other keys than strings have been refused.
pub(super) unsafe fn bind_unpacked(
    vm: &Vm,
    function: &Ref<Function>,
    code: &CodeObject,
    locals: Sp,
    receiver: Option<Value>,
    positional: &Ref<Tuple>,
    keywords: Option<Ref<Dict>>,
) -> PyResult<()> {
    // The names of the parameters will be asked for.
    code.ensure(vm)?;
    // SAFETY: indices of parameters, which are `locals`; what is put there is owned.
    unsafe {
        let argcount = code.argcount as usize;
        let items = positional.items();
        let has_self = receiver.is_some() as usize;
        let n = items.len() + has_self;
        let direct = n.min(argcount);
        let mut receiver = receiver;
        if direct > 0
            && let Some(object) = receiver.take()
        {
            *locals = Slot::new(object);
        }
        let taken = direct.saturating_sub(has_self);
        for i in 0..taken {
            *locals.add(direct - taken + i) = Slot::new(items.get_unchecked(i).clone());
        }
        let total = argcount + code.kwonlyargcount as usize;
        let mut at = total;
        let varargs = code.flags & flags::VARARGS != 0;
        if varargs {
            let rest = match receiver {
                Some(object) => Tuple::from_iter(vm, n, |i| match i {
                    0 => object.clone(),
                    _ => items.get_unchecked(i - 1).clone(),
                })?,
                None if taken == 0 => positional.clone(),
                None => Tuple::from_slice(vm, items.get_unchecked(taken..))?,
            };
            *locals.add(at) = Slot::new(rest.into_value());
            at += 1;
        }
        match (keywords, code.flags & flags::VARKEYWORDS != 0) {
            (None, false) => {}
            (None, true) => *locals.add(at) = Slot::new(Dict::new(vm)?.into_value()),
            (Some(dict), true) if dict.header().refcount() == 1 => {
                // The dict was made for this call: the parameters' values are taken out of it, the others stay.
                *locals.add(at) = Slot::new(dict.to_value());
                take_keywords(vm, function, code, locals, direct, &dict)?;
            }
            (Some(dict), varkeywords) => {
                let rest = if varkeywords {
                    let rest = Dict::with_capacity(vm, dict.len())?;
                    *locals.add(at) = Slot::new(rest.to_value());
                    Some(rest)
                } else {
                    None
                };
                let params = code.localsplusnames().get_unchecked(..total);
                let mut position = 0;
                while let Some((key, value)) = dict.next_item(&mut position) {
                    let Some(name) = str_::of(&key) else { continue };
                    match (
                        parameter(params, code.posonlyargcount as usize, name),
                        &rest,
                    ) {
                        (Some(i), _) if !(*locals.add(i)).is_empty() => {
                            return Err(multiple_values(vm, function, name));
                        }
                        (Some(i), _) => *locals.add(i) = Slot::new(value),
                        (None, Some(rest)) => rest.set_str(vm, name, value)?,
                        (None, None) => {
                            let keys: Vec<Value> =
                                dict.items_vec().into_iter().map(|(k, _)| k).collect();
                            let names = vm.new_tuple(keys)?;
                            return Err(unexpected_keyword(vm, function, code, &names, name));
                        }
                    }
                }
            }
        }
        if n > argcount && !varargs {
            return Err(too_many_positional(vm, function, code, locals, n));
        }
        fill_defaults(vm, function, code, locals, n)
    }
}

/// Moves the values of parameters from the dict into `locals`, of which `direct` are set already.
unsafe fn take_keywords(
    vm: &Vm,
    function: &Ref<Function>,
    code: &CodeObject,
    locals: Sp,
    direct: usize,
    dict: &Ref<Dict>,
) -> PyResult<()> {
    let total = (code.argcount + code.kwonlyargcount) as usize;
    let posonly = code.posonlyargcount as usize;
    for i in posonly..total {
        if dict.is_empty() {
            break;
        }
        let Some(value) = dict.remove_str(vm, &code.localsplusnames()[i])? else {
            continue;
        };
        if i >= direct {
            // SAFETY: the index of a parameter that no positional argument has been given for.
            unsafe { *locals.add(i) = Slot::new(value) };
            continue;
        }
        // Which one is reported is decided by their order in the dict, of which only this one was taken out.
        dict.set_str(vm, &code.localsplusnames()[i], value)?;
        let given = &code.localsplusnames()[posonly..direct];
        let clashes = |key: &Value| {
            given
                .iter()
                .any(|p| str_::of(key).is_some_and(|k| str_::eq(k, p)))
        };
        let mut keys = dict.items_vec().into_iter().map(|(key, _)| key);
        let first = keys.find(clashes);
        let name = first.as_ref().and_then(str_::of);
        return Err(multiple_values(
            vm,
            function,
            name.unwrap_or(&code.localsplusnames()[i]),
        ));
    }
    Ok(())
}

#[cold]
fn multiple_values(vm: &Vm, function: &Ref<Function>, name: &Ref<Str>) -> Raised {
    vm.type_error(format!(
        "{}() got multiple values for argument '{}'",
        qualname(function),
        name.to_string_lossy()
    ))
}

unsafe fn bind_keywords(
    vm: &Vm,
    function: &Ref<Function>,
    code: &CodeObject,
    locals: Sp,
    names: &Ref<Tuple>,
    values: Sp,
    kwdict: Option<&Ref<Dict>>,
) -> PyResult<()> {
    let total = (code.argcount + code.kwonlyargcount) as usize;
    let posonly = code.posonlyargcount as usize;
    let params = &code.localsplusnames()[..total];
    for (at, name) in names.items().iter().enumerate() {
        let Some(text) = str_::of(name) else {
            return Err(vm.type_error(format!("{}() keywords must be strings", qualname(function))));
        };
        let found = parameter(params, posonly, text);
        // SAFETY: the index is a parameter's; the value is taken once.
        unsafe {
            let take = || std::ptr::replace(values.add(at), Slot::EMPTY).into_value();
            match (found, kwdict) {
                (Some(index), _) => {
                    if !(*locals.add(index)).is_empty() {
                        return Err(multiple_values(vm, function, text));
                    }
                    *locals.add(index) = Slot::new(take());
                }
                // No name stands twice in a call, as a rule.
                (None, Some(dict))
                    if text.is_interned() && !names.items()[..at].iter().any(|n| n.is(name)) =>
                {
                    dict.add_str(vm, text, take())?
                }
                (None, Some(dict)) => dict.set_str(vm, text, take())?,
                (None, None) => return Err(unexpected_keyword(vm, function, code, names, text)),
            }
        }
    }
    Ok(())
}

fn qualname(function: &Ref<Function>) -> String {
    function.qualname.get().to_string_lossy().into_owned()
}

#[cold]
fn unexpected_keyword(
    vm: &Vm,
    function: &Ref<Function>,
    code: &CodeObject,
    names: &Ref<Tuple>,
    name: &Ref<Str>,
) -> Raised {
    let posonly = &code.localsplusnames()[..code.posonlyargcount as usize];
    let given: Vec<String> = posonly
        .iter()
        .filter(|p| {
            names
                .items()
                .iter()
                .any(|n| str_::of(n).is_some_and(|n| str_::eq(n, p)))
        })
        .map(|p| p.to_string_lossy().into_owned())
        .collect();
    if !given.is_empty() {
        return vm.type_error(format!(
            "{}() got some positional-only arguments passed as keyword arguments: '{}'",
            qualname(function),
            given.join(", ")
        ));
    }
    let text = name.to_string_lossy();
    let total = (code.argcount + code.kwonlyargcount) as usize;
    let candidates: Vec<String> = code.localsplusnames()[code.posonlyargcount as usize..total]
        .iter()
        .map(|p| p.to_string_lossy().into_owned())
        .collect();
    match crate::protocols::suggestions::closest(&text, candidates.iter().map(String::as_str)) {
        Some(suggestion) => vm.type_error(format!(
            "{}() got an unexpected keyword argument '{text}'. Did you mean '{suggestion}'?",
            qualname(function)
        )),
        None => vm.type_error(format!(
            "{}() got an unexpected keyword argument '{text}'",
            qualname(function)
        )),
    }
}

unsafe fn fill_defaults(
    vm: &Vm,
    function: &Ref<Function>,
    code: &CodeObject,
    locals: Sp,
    n: usize,
) -> PyResult<()> {
    // SAFETY: indices of parameters.
    unsafe {
        let argcount = code.argcount as usize;
        if (n..argcount).any(|i| (*locals.add(i)).is_empty()) {
            let defaults = function.defaults.get();
            let count = defaults.as_ref().map_or(0, |d| d.len());
            let first_default = argcount.saturating_sub(count);
            if (n..first_default).any(|i| (*locals.add(i)).is_empty()) {
                let missing: Vec<usize> = (n..first_default)
                    .filter(|&i| (*locals.add(i)).is_empty())
                    .collect();
                return Err(missing_arguments(
                    vm,
                    function,
                    code,
                    &missing,
                    "positional",
                ));
            }
            if let Some(defaults) = defaults {
                let skip = count.saturating_sub(argcount);
                for i in n.max(first_default)..argcount {
                    if (*locals.add(i)).is_empty()
                        && let Some(value) = defaults.get(skip + i - first_default)
                    {
                        *locals.add(i) = Slot::new(value.clone());
                    }
                }
            }
        }
        if code.kwonlyargcount > 0 {
            let kwdefaults = function.kwdefaults.get();
            let mut missing = Vec::new();
            for i in argcount..argcount + code.kwonlyargcount as usize {
                if !(*locals.add(i)).is_empty() {
                    continue;
                }
                let default = match &kwdefaults {
                    Some(dict) => dict.get_str(vm, &code.localsplusnames()[i])?,
                    None => None,
                };
                match default {
                    Some(value) => *locals.add(i) = Slot::new(value),
                    None => missing.push(i),
                }
            }
            if !missing.is_empty() {
                return Err(missing_arguments(
                    vm,
                    function,
                    code,
                    &missing,
                    "keyword-only",
                ));
            }
        }
        Ok(())
    }
}

#[cold]
fn missing_arguments(
    vm: &Vm,
    function: &Ref<Function>,
    code: &CodeObject,
    missing: &[usize],
    kind: &str,
) -> Raised {
    let names: Vec<String> = missing
        .iter()
        .map(|&i| format!("'{}'", code.localsplusnames()[i].to_string_lossy()))
        .collect();
    let list = match names.as_slice() {
        [one] => one.clone(),
        [a, b] => format!("{a} and {b}"),
        [head @ .., last] => format!("{}, and {last}", head.join(", ")),
        [] => String::new(),
    };
    let plural = if names.len() == 1 { "" } else { "s" };
    vm.type_error(format!(
        "{}() missing {} required {kind} argument{plural}: {list}",
        qualname(function),
        names.len()
    ))
}

#[cold]
unsafe fn too_many_positional(
    vm: &Vm,
    function: &Ref<Function>,
    code: &CodeObject,
    locals: Sp,
    given: usize,
) -> Raised {
    let argcount = code.argcount as usize;
    // SAFETY: indices of parameters.
    let kwonly_given = (argcount..argcount + code.kwonlyargcount as usize)
        .filter(|&i| unsafe { !(*locals.add(i)).is_empty() })
        .count();
    let defaults = function
        .defaults
        .with(|d| d.as_ref().map_or(0, |d| d.len()));
    let (plural, takes) = if defaults > 0 {
        (
            true,
            format!("from {} to {argcount}", argcount - defaults.min(argcount)),
        )
    } else {
        (argcount != 1, argcount.to_string())
    };
    let kwonly = if kwonly_given > 0 {
        format!(
            " positional argument{} (and {kwonly_given} keyword-only argument{})",
            if given == 1 { "" } else { "s" },
            if kwonly_given == 1 { "" } else { "s" }
        )
    } else {
        String::new()
    };
    vm.type_error(format!(
        "{}() takes {takes} positional argument{} but {given}{kwonly} {} given",
        qualname(function),
        if plural { "s" } else { "" },
        if given == 1 && kwonly_given == 0 {
            "was"
        } else {
            "were"
        }
    ))
}

/// The name of a callable in messages about its arguments: "f()", or its class's name with "object".
pub(crate) fn function_text(vm: &Vm, callable: &Value) -> String {
    let lookup = |name: &Ref<Str>| {
        let found = attributes::get(vm, callable, name)
            .ok()
            .filter(|v| str_::of(v).is_some());
        vm.clear_exception();
        found
    };
    match lookup(&vm.names.__qualname__) {
        Some(qualname) => {
            let name = str_::of(&qualname)
                .map(|s| s.to_string_lossy().into_owned())
                .unwrap_or_default();
            match lookup(&vm.names.__module__).as_ref().and_then(str_::of) {
                Some(module) if module.as_bytes() != b"builtins" => {
                    format!("{}.{name}()", module.to_string_lossy())
                }
                _ => format!("{name}()"),
            }
        }
        None => match object::str(vm, callable) {
            Ok(text) => text.to_string_lossy().into_owned(),
            Err(Raised) => {
                vm.clear_exception();
                vm.type_of(callable).name()
            }
        },
    }
}

/// The positional arguments of `f(*iterable)`.
pub(super) fn star_args(vm: &Vm, callable: &Value, iterable: &Value) -> PyResult<Ref<Tuple>> {
    let ty = vm.type_of(iterable);
    if ty.is(&vm.types.list)
        && let Some(list) = iterable.downcast::<List>()
    {
        return list.items.with(|items| Tuple::from_slice(vm, items));
    }
    if ty.slots.iter.get().is_none()
        && ty.slots.item.get().is_none()
        && ty.slots.subscript.get().is_none()
    {
        return Err(vm.type_error(format!(
            "{} argument after * must be an iterable, not {}",
            function_text(vm, callable),
            ty.full_name()
        )));
    }
    vm.new_tuple(sequence::collect(vm, iterable)?)
}

/// `f(**update)` into the dict of keyword arguments: a key that is there already is an error.
pub(super) fn merge_keywords(
    vm: &Vm,
    dict: &Ref<Dict>,
    update: &Value,
    callable: &Value,
) -> PyResult<()> {
    let merge_one = |key: &Value, value: Value| -> PyResult<()> {
        if dict.contains(vm, key)? {
            return match str_::of(key) {
                Some(name) => Err(vm.type_error(format!(
                    "{} got multiple values for keyword argument '{}'",
                    function_text(vm, callable),
                    name.to_string_lossy()
                ))),
                None => Err(vm.type_error(format!(
                    "{} keywords must be strings",
                    function_text(vm, callable)
                ))),
            };
        }
        dict.set(vm, key, value)
    };
    if let Some(other) = update.downcast::<Dict>()
        && vm.type_of(update).is(&vm.types.dict)
    {
        if other.is_empty() {
            return Ok(());
        }
        if dict.is_empty() {
            let copy = other.table.with(|t| t.try_clone());
            dict.table.set(copy.map_err(|e| vm.no_memory(e))?);
            return Ok(());
        }
        for (key, value) in other.items_vec() {
            merge_one(&key, value)?;
        }
        return Ok(());
    }
    let keys = match attributes::get(vm, update, &vm.names.keys) {
        Ok(keys) => vm.call(&keys, &[])?,
        Err(Raised) if vm.exception_matches(&vm.types.attribute_error) => {
            vm.clear_exception();
            return Err(vm.type_error(format!(
                "{} argument after ** must be a mapping, not {}",
                function_text(vm, callable),
                vm.type_of(update).full_name()
            )));
        }
        Err(raised) => return Err(raised),
    };
    for key in sequence::collect(vm, &keys)? {
        let value = object::get_item(vm, update, &key)?;
        merge_one(&key, value)?;
    }
    Ok(())
}

/// Positional and keyword arguments as one vector of values and the keywords' names, with a method's object before them.
/// Raises TypeError for keys that are no strings.
pub(crate) fn flatten(
    vm: &Vm,
    receiver: Option<Value>,
    positional: &[Value],
    keywords: Option<&Ref<Dict>>,
) -> PyResult<(SmallVec<[Value; 8]>, Option<Ref<Tuple>>)> {
    let mut values = SmallVec::new();
    values.extend(receiver);
    values.extend(positional.iter().cloned());
    let Some(keywords) = keywords.filter(|k| !k.is_empty()) else {
        return Ok((values, None));
    };
    let mut names: SmallVec<[Value; 8]> = SmallVec::with_capacity(keywords.len());
    let mut position = 0;
    while let Some((key, value)) = keywords.next_item(&mut position) {
        if str_::of(&key).is_none() {
            return Err(vm.type_error("keywords must be strings"));
        }
        names.push(key);
        values.push(value);
    }
    Ok((values, Some(names_tuple(vm, names)?)))
}

/// The tuple of a call's keywords: that of an earlier call with the same ones, as a rule.
fn names_tuple(vm: &Vm, names: SmallVec<[Value; 8]>) -> PyResult<Ref<Tuple>> {
    let first = names.first().map_or(0, Value::bits) as usize;
    let place = &vm.keyword_names[(first >> 4 ^ names.len()) % vm.keyword_names.len()];
    let known = place.with(|known| {
        let known = known.as_ref()?;
        let items = known.items();
        let same = items.len() == names.len() && items.iter().zip(&names).all(|(a, b)| a.is(b));
        same.then(|| known.clone())
    });
    if let Some(known) = known {
        return Ok(known);
    }
    let (n, mut names) = (names.len(), names.into_iter());
    let made = Tuple::from_iter(vm, n, |_| names.next().unwrap_or(Value::NONE))?;
    place.set(Some(made.clone()));
    Ok(made)
}
