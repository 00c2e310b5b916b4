//! The codec registry of an interpreter: search functions, what they found, and error handlers.
//!
//! The package `encodings`, imported when a codec is first looked up, registers the search function for the library's
//! codecs. Encodings are found under their normalized name. CPython: Python/codecs.c.

use super::super::Str;
use super::errors::HANDLERS;
use super::normalize;
use crate::function::native::NativeFunction;
use crate::objects::exception::add_note_to_pending;
use crate::objects::tuple::Tuple;
use crate::protocols::{attributes, object};
use crate::vm::{PyResult, Vm};
use naja_heap::{MutCell, Ref, Value};
use rustc_hash::FxHashMap;
use std::cell::Cell;
use std::rc::Rc;

/// The registry, one for each interpreter.
#[derive(Default)]
struct Registry {
    search: MutCell<Vec<Value>>,
    found: MutCell<FxHashMap<String, Value>>,
    handlers: MutCell<FxHashMap<Vec<u8>, Value>>,
    started: Cell<bool>,
}

fn registry(vm: &Vm) -> Rc<Registry> {
    vm.interp.module_state::<Registry>()
}

/// The registry after the library's codecs have been registered.
fn started(vm: &Vm) -> PyResult<Rc<Registry>> {
    let registry = registry(vm);
    if !registry.started.replace(true)
        && let Err(raised) = crate::import::import_simple(vm, "encodings")
    {
        registry.started.set(false);
        return Err(raised);
    }
    Ok(registry)
}

pub fn is_callable(vm: &Vm, value: &Value) -> bool {
    vm.type_of(value).slots.call.get().is_some()
}

/// Adds a search function. Raises TypeError.
pub fn register(vm: &Vm, search: &Value) -> PyResult<()> {
    if !is_callable(vm, search) {
        return Err(vm.type_error("argument must be callable"));
    }
    let registry = started(vm)?;
    registry.search.with_mut(|s| s.push(search.clone()));
    Ok(())
}

/// Takes a search function away and forgets what has been found.
pub fn unregister(vm: &Vm, search: &Value) {
    let registry = registry(vm);
    let old = registry.search.with_mut(|s| {
        let at = s.iter().position(|f| f.is(search))?;
        Some(s.remove(at))
    });
    if old.is_some() {
        drop(registry.found.with_mut(std::mem::take))
    }
}

/// The name of an encoding as UTF-8. Raises ValueError, UnicodeEncodeError.
fn name_text<'a>(vm: &Vm, name: &'a Ref<Str>) -> PyResult<&'a str> {
    match name.as_str() {
        Some(text) if text.contains('\0') => Err(vm.value_error("embedded null character")),
        Some(text) => Ok(text),
        None => Err(crate::objects::exception::surrogates_not_allowed(vm, name)),
    }
}

/// The four functions (and more) of an encoding. Raises LookupError.
pub fn lookup(vm: &Vm, name: &Ref<Str>) -> PyResult {
    let text = name_text(vm, name)?;
    let registry = started(vm)?;
    let normal = normalize(text);
    if let Some(found) = registry.found.with(|f| f.get(&normal).cloned()) {
        return Ok(found);
    }
    let search = registry.search.get();
    if search.is_empty() {
        return Err(vm.raise(
            &vm.types.lookup_error,
            "no codec search functions registered: can't find encoding",
        ));
    }
    let key = vm.intern(&normal).into_value();
    for function in search {
        let found = vm.call(&function, std::slice::from_ref(&key))?;
        if found.is_none() {
            continue;
        }
        if found.downcast::<Tuple>().is_none_or(|t| t.len() != 4) {
            return Err(vm.type_error("codec search functions must return 4-tuples"));
        }
        let old = registry.found.with_mut(|f| f.insert(normal, found.clone()));
        drop(old);
        return Ok(found);
    }
    Err(vm.raise(&vm.types.lookup_error, format!("unknown encoding: {text}")))
}

/// As [`lookup`], of codecs between str and bytes only: for others the message names `alternative`.
pub fn lookup_text(vm: &Vm, name: &Ref<Str>, alternative: &str) -> PyResult {
    let codec = lookup(vm, name)?;
    if !vm.type_of(&codec).is(&vm.types.tuple)
        && let Some(is_text) =
            attributes::get_optional(vm, &codec, &vm.intern("_is_text_encoding"))?
        && !object::is_true(vm, &is_text)?
    {
        let name = name.to_string_lossy();
        return Err(vm.raise(
            &vm.types.lookup_error,
            format!(
                "'{name}' is not a text encoding; use {alternative} to handle arbitrary codecs"
            ),
        ));
    }
    Ok(codec)
}

/// Which of a codec's functions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Encode = 0,
    Decode = 1,
}

/// Calls a codec's function: its result without the count.
pub fn run(
    vm: &Vm,
    codec: &Value,
    direction: Direction,
    name: &Ref<Str>,
    object: &Value,
    errors: Option<&Ref<Str>>,
) -> PyResult {
    let function = codec
        .downcast::<Tuple>()
        .and_then(|t| t.get(direction as usize).cloned())
        .unwrap_or(Value::NONE);
    let mut args = vec![object.clone()];
    args.extend(errors.map(|e| e.to_value()));
    let result = match vm.call(&function, &args) {
        Ok(result) => result,
        Err(raised) => {
            note(vm, direction, name);
            return Err(raised);
        }
    };
    match result.downcast::<Tuple>().map(|t| t.items()) {
        Some([value, _]) => Ok(value.clone()),
        _ if direction == Direction::Encode => {
            Err(vm.type_error("encoder must return a tuple (object, integer)"))
        }
        _ => Err(vm.type_error("decoder must return a tuple (object,integer)")),
    }
}

#[cold]
fn note(vm: &Vm, direction: Direction, name: &Ref<Str>) {
    let doing = match direction {
        Direction::Encode => "encoding",
        Direction::Decode => "decoding",
    };
    let name = name.to_string_lossy();
    add_note_to_pending(vm, &format!("{doing} with '{name}' codec failed"))
}

/// Sets the error handler of a name. Raises TypeError.
pub fn register_error(vm: &Vm, name: &[u8], handler: &Value) -> PyResult<()> {
    if !is_callable(vm, handler) {
        return Err(vm.type_error("handler must be callable"));
    }
    let old = registry(vm)
        .handlers
        .with_mut(|h| h.insert(name.to_vec(), handler.clone()));
    drop(old);
    Ok(())
}

/// Takes the error handler of a name away; whether there was one. Raises ValueError for built-in ones.
pub fn unregister_error(vm: &Vm, name: &[u8]) -> PyResult<bool> {
    if let Some((name, _)) = HANDLERS.iter().find(|(n, _)| n.as_bytes() == name) {
        return Err(vm.value_error(format!(
            "cannot un-register built-in error handler '{name}'"
        )));
    }
    let old = registry(vm).handlers.with_mut(|h| h.remove(name));
    Ok(old.is_some())
}

/// The error handler of a name. Raises LookupError.
pub fn lookup_error(vm: &Vm, name: &[u8]) -> PyResult {
    let registry = registry(vm);
    if let Some(handler) = registry.handlers.with(|h| h.get(name).cloned()) {
        return Ok(handler);
    }
    match HANDLERS.iter().find(|(n, _)| n.as_bytes() == name) {
        Some((_, def)) => {
            let handler = NativeFunction::make(vm, def, None, None)?;
            registry
                .handlers
                .with_mut(|h| h.insert(name.to_vec(), handler.clone()));
            Ok(handler)
        }
        None => Err(vm.raise(
            &vm.types.lookup_error,
            format!(
                "unknown error handler name '{}'",
                String::from_utf8_lossy(name)
            ),
        )),
    }
}

/// Forgets everything, at the end of the interpreter.
pub fn clear(vm: &Vm) {
    let registry = registry(vm);
    drop(registry.found.with_mut(std::mem::take));
    drop(registry.search.with_mut(std::mem::take));
    drop(registry.handlers.with_mut(std::mem::take));
}
