//! What both halves need of other modules: the registries of `copyreg`, the names of Python 2 in `_compat_pickle`, a few
//! functions that old protocols refer to, and pickle's exceptions. Fetched once for each interpreter.
//!
//! CPython: PickleState in Modules/_pickle.c.

use crate::common;
use naja_heap::{MutCell, Ref, Value};
use naja_vm::dict::Dict;
use naja_vm::exception;
use naja_vm::protocols::{attributes, object};
use naja_vm::str_::Str;
use naja_vm::type_::{Type, TypeFlags};
use naja_vm::{PyResult, Raised, Vm, import};
use std::rc::Rc;

/// Objects of other modules.
pub struct Globals {
    /// `copyreg.dispatch_table`, `_extension_registry`, `_inverted_registry`, `_extension_cache`.
    pub dispatch_table: Ref<Dict>,
    pub extensions: Ref<Dict>,
    pub inverted_extensions: Ref<Dict>,
    pub extension_cache: Ref<Dict>,
    /// `_compat_pickle.NAME_MAPPING` and so on.
    pub names_2to3: Ref<Dict>,
    pub imports_2to3: Ref<Dict>,
    pub names_3to2: Ref<Dict>,
    pub imports_3to2: Ref<Dict>,
    pub encode: Value,
    pub getattr: Value,
    pub partial: Value,
    pub names: Names,
}

macro_rules! names {
    ($($name:ident)*) => {
        /// Names of attributes.
        pub struct Names { $(pub $name: Ref<Str>),* }

        impl Names {
            fn new(vm: &Vm) -> Names {
                Names { $($name: vm.intern(stringify!($name))),* }
            }
        }
    };
}

names! {
    __reduce__ __reduce_ex__ __qualname__ __name__ __module__ __main__ __mp_main__ __class__ __new__ __newobj__
    __newobj_ex__ __setstate__ __getinitargs__ __dict__ __getstate__ __getnewargs__ __getnewargs_ex__ persistent_id
    persistent_load reducer_override dispatch_table find_class write read readline readinto peek extend append add
    items __slotnames__
}

#[derive(Default)]
struct State {
    globals: MutCell<Option<Rc<Globals>>>,
}

fn exact_dict(vm: &Vm, module: &str, name: &str) -> PyResult<Ref<Dict>> {
    let value = attributes::get_by(vm, &import::import_simple(vm, module)?, name)?;
    let ty = vm.type_of(&value).full_name();
    match value.downcast_into::<Dict>() {
        Ok(dict) if vm.type_of(dict.as_value()).is(&vm.types.dict) => Ok(dict),
        _ => Err(vm.runtime_error(format!("{module}.{name} should be a dict, not {ty}"))),
    }
}

fn fetch(vm: &Vm) -> PyResult<Globals> {
    let attr = |module: &str, name: &str| {
        attributes::get_by(vm, &import::import_simple(vm, module)?, name)
    };
    Ok(Globals {
        dispatch_table: exact_dict(vm, "copyreg", "dispatch_table")?,
        extensions: exact_dict(vm, "copyreg", "_extension_registry")?,
        inverted_extensions: exact_dict(vm, "copyreg", "_inverted_registry")?,
        extension_cache: exact_dict(vm, "copyreg", "_extension_cache")?,
        names_2to3: exact_dict(vm, "_compat_pickle", "NAME_MAPPING")?,
        imports_2to3: exact_dict(vm, "_compat_pickle", "IMPORT_MAPPING")?,
        names_3to2: exact_dict(vm, "_compat_pickle", "REVERSE_NAME_MAPPING")?,
        imports_3to2: exact_dict(vm, "_compat_pickle", "REVERSE_IMPORT_MAPPING")?,
        encode: attr("codecs", "encode")?,
        getattr: attr("builtins", "getattr")?,
        partial: attr("functools", "partial")?,
        names: Names::new(vm),
    })
}

/// The interpreter's [`Globals`]. Raises what importing raises, RuntimeError where a registry is no dict.
pub fn globals(vm: &Vm) -> PyResult<Rc<Globals>> {
    let state = vm.interp.module_state::<State>();
    if let Some(globals) = state.globals.get() {
        return Ok(globals);
    }
    let globals = Rc::new(fetch(vm)?);
    state.globals.set(Some(globals.clone()));
    Ok(globals)
}

/// `pickle.PickleError`.
pub fn pickle_error(vm: &Vm) -> PyResult<Ref<Type>> {
    common::exception(vm, "_pickle.PickleError", &vm.types.exception)
}

pub fn pickling_error_class(vm: &Vm) -> PyResult<Ref<Type>> {
    common::exception(vm, "_pickle.PicklingError", &pickle_error(vm)?)
}

pub fn unpickling_error_class(vm: &Vm) -> PyResult<Ref<Type>> {
    common::exception(vm, "_pickle.UnpicklingError", &pickle_error(vm)?)
}

/// Raises PicklingError.
#[cold]
pub fn pickling_error(vm: &Vm, message: impl AsRef<str>) -> Raised {
    match pickling_error_class(vm) {
        Ok(class) => vm.raise(&class, message),
        Err(raised) => raised,
    }
}

/// Raises PicklingError; the exception being raised so far becomes its context.
#[cold]
pub fn pickling_error_from(vm: &Vm, message: impl AsRef<str>) -> Raised {
    let first = vm.take_exception();
    let raised = pickling_error(vm, message);
    if let Some(second) = vm.pending_exception() {
        exception::set_context_avoiding_cycle(&second, first.into_value())
    }
    raised
}

/// Raises UnpicklingError.
#[cold]
pub fn unpickling_error(vm: &Vm, message: impl AsRef<str>) -> Raised {
    match unpickling_error_class(vm) {
        Ok(class) => vm.raise(&class, message),
        Err(raised) => raised,
    }
}

/// The class of a value as `%T` gives it: with the module, unless that is `builtins` or `__main__`.
pub fn class_text(vm: &Vm, value: &Value) -> String {
    let ty = vm.type_of(value);
    if !ty.flag(TypeFlags::HEAPTYPE) {
        return ty.full_name();
    }
    let name = naja_vm::type_::attributes::qualname(ty);
    match naja_vm::type_::attributes::module_text(vm, ty) {
        Ok(Some(module)) if module != "builtins" && module != "__main__" => {
            format!("{module}.{name}")
        }
        Ok(_) => name,
        Err(_) => {
            vm.clear_exception();
            name
        }
    }
}

/// `repr(value)` for a message. Raises what it raises.
pub fn shown(vm: &Vm, value: &Value) -> PyResult<String> {
    Ok(object::repr(vm, value)?.to_string_lossy().into_owned())
}

/// Whether an exception of one of these classes is being raised.
pub fn raised_one_of(vm: &Vm, classes: &[&Ref<Type>]) -> bool {
    classes.iter().any(|class| vm.exception_matches(class))
}
