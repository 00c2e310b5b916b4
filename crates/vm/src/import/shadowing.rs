//! Why a module lacks something: questions that the messages of failed imports and attribute look-ups ask.
//!
//! A file beside the program may have the name of a module of the library and stand in its way, or a module's code may
//! not have run to its end. CPython: `_PyModule_IsPossiblyShadowing` and its neighbours in Objects/moduleobject.c.

use crate::objects::str_::Str;
use crate::protocols::{attributes, object, sequence};
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};
use std::path::{Path, PathBuf};

/// A flag of a module's spec; absent is false.
fn flag(vm: &Vm, spec: &Value, name: &Ref<Str>) -> PyResult<bool> {
    if spec.is_none() {
        return Ok(false);
    }
    match attributes::get_optional(vm, spec, name)? {
        Some(flag) => object::is_true(vm, &flag),
        None => Ok(false),
    }
}

/// The file that a spec names.
pub fn spec_origin(vm: &Vm, spec: &Value) -> PyResult<Option<Ref<Str>>> {
    if !flag(vm, spec, &vm.intern("has_location"))? {
        return Ok(None);
    }
    let origin = attributes::get_optional(vm, spec, &vm.intern("origin"))?;
    Ok(origin.and_then(|o| o.downcast_into::<Str>().ok()))
}

/// Whether the code of the module with that spec is still running.
pub fn is_initializing(vm: &Vm, spec: &Value) -> PyResult<bool> {
    flag(vm, spec, &vm.names._initializing)
}

/// Whether `name` is a submodule whose import is under way.
pub fn is_uninitialized_submodule(vm: &Vm, spec: &Value, name: &Ref<Str>) -> PyResult<bool> {
    if spec.is_none() {
        return Ok(false);
    }
    let names = attributes::get_optional(vm, spec, &vm.intern("_uninitialized_submodules"))?;
    match names {
        Some(names) => sequence::contains(vm, &names, name.as_value()),
        None => Ok(false),
    }
}

/// Whether a file (or the package whose `__init__.py` it is) stands in the folder that the program put first in
/// `sys.path`.
pub fn possible(vm: &Vm, origin: &Ref<Str>) -> bool {
    if vm.interp.config.safe_path {
        return false;
    }
    let Some(first) = vm.interp.state.first_path.with(Clone::clone) else {
        return false;
    };
    let file = origin.to_string_lossy().into_owned();
    let mut folder = Path::new(&file).parent();
    if file.ends_with("/__init__.py") {
        folder = folder.and_then(Path::parent);
    }
    let first = if first.as_os_str().is_empty() {
        std::env::current_dir().unwrap_or_default()
    } else {
        first
    };
    folder.is_some_and(|folder| !folder.as_os_str().is_empty() && folder == first)
}

/// Notes what the program puts first in `sys.path`.
pub fn set_first_path(vm: &Vm, path: PathBuf) {
    vm.interp.state.first_path.set(Some(path));
}

/// Whether `sys.stdlib_module_names` has the name.
pub fn in_standard_library(vm: &Vm, module: &Value) -> PyResult<bool> {
    let Some(names) = vm.sys_attr("stdlib_module_names")? else {
        return Ok(false);
    };
    let set = names.downcast::<crate::objects::set::FrozenSet>().is_some()
        || names.downcast::<crate::objects::set::Set>().is_some();
    if !set {
        return Ok(false);
    }
    sequence::contains(vm, &names, module)
}
