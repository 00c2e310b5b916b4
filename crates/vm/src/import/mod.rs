//! The `import` statement. CPython: Python/import.c, Lib/importlib/_bootstrap.py.
//!
//! Here are the rules of `import a.b`, `from a import b`, relative names and `from a import *`; finding and loading is
//! importlib's business, which is itself frozen into the program (frozen.rs) and brought to life at the start of an
//! interpreter. `imp.rs` and `library.rs` are the native modules that the finders use; `paths.rs` computes `sys.path`.

pub mod frozen;
pub mod imp;
pub mod library;
pub mod paths;
pub mod shadowing;

use crate::function::ModuleDef;
use crate::objects::dict::Dict;
use crate::objects::exception::types::import as field;
use crate::objects::list::List;
use crate::objects::str_::{self, Str};
use crate::objects::traceback::Traceback;
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::protocols::{attributes, iterator, object, sequence};
use crate::runtime::Access;
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Ref, Value};
use std::cell::Cell;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The names of all built-in modules, sorted: `sys.builtin_module_names`.
pub fn builtin_names(vm: &Vm) -> Vec<&'static str> {
    let modules = &vm.interp.config.builtin_modules;
    let mut names: Vec<&'static str> = modules.iter().map(|def| def.name).collect();
    names.extend(["_imp", "_naja", "builtins", "sys"]);
    names.sort_unstable();
    names
}

/// The definition of a built-in module.
pub fn find_builtin(vm: &Vm, name: &str) -> Option<&'static ModuleDef> {
    let modules = &vm.interp.config.builtin_modules;
    modules.iter().find(|def| def.name == name).copied()
}

/// `sys.modules`. Raises RuntimeError if it has been taken away.
pub fn modules(vm: &Vm) -> PyResult<Ref<Dict>> {
    vm.interp
        .state
        .modules
        .get()
        .ok_or_else(|| vm.runtime_error("unable to get sys.modules"))
}

/// Raises ImportError (or a subclass) with `name` and `path`.
#[cold]
fn import_error(
    vm: &Vm,
    class: &Ref<Type>,
    message: String,
    name: Option<Value>,
    path: Option<Value>,
) -> Raised {
    let raised = vm.raise(class, message);
    if let Some(exception) = vm.pending_exception() {
        exception.set_field(field::NAME, name);
        exception.set_field(field::PATH, path);
    }
    raised
}

/// The module in `sys.modules`, imported first if it is not there. For dotted names: the innermost one.
pub fn import_absolute(vm: &Vm, name: &Ref<Str>) -> PyResult {
    match modules(vm)?.get_str(vm, name)? {
        Some(module) if !module.is_none() => {
            if vm.interp.config.import_time > 1 {
                let state = vm.interp.module_state::<ImportTime>();
                let indent = 2 * state.level.get();
                let name = crate::builtins::stderrprinter::escaped(name);
                report_time(&format!("cached    | cached     | {:indent$}{name}", ""));
            }
            ensure_initialized(vm, &module, name)?;
            Ok(module)
        }
        _ => find_and_load(vm, name),
    }
}

/// Waits for another thread that is still running the module's code.
fn ensure_initialized(vm: &Vm, module: &Value, name: &Ref<Str>) -> PyResult<()> {
    let Some(importlib) = vm.interp.state.importlib.get() else {
        return Ok(());
    };
    let spec = attributes::get_optional(vm, module, &vm.names.__spec__)?;
    let initializing = match &spec {
        Some(spec) => shadowing::is_initializing(vm, spec)?,
        None => false,
    };
    if initializing {
        let wait = vm.intern("_lock_unlock_module");
        vm.call_method(&importlib, &wait, &[name.to_value()])?;
    }
    Ok(())
}

/// Calls `f` with the names of the native modules in `sys.modules` that `sys.stdlib_module_names` does not list.
pub fn each_extension(vm: &Vm, f: &mut dyn FnMut(&[u8])) {
    let (Ok(modules), Ok(listed)) = (modules(vm), vm.sys_attr("stdlib_module_names")) else {
        return;
    };
    let mut position = 0;
    while let Some((name, _)) = modules.next_item(&mut position) {
        let Some(text) = crate::objects::str_::of(&name) else {
            continue;
        };
        let native = text
            .as_str()
            .is_some_and(|t| matches!(t, "sys" | "builtins") || imp::find_native(vm, t).is_some());
        let known = listed.as_ref().is_some_and(|all| {
            matches!(
                crate::protocols::sequence::contains(vm, all, &name),
                Ok(true)
            )
        });
        if native && !known {
            f(text.as_bytes());
        }
    }
}

/// Imports `name` and gives that very module (`a.b` for "a.b").
pub fn import_simple(vm: &Vm, name: &str) -> PyResult {
    import_absolute(vm, &vm.intern(name))
}

fn find_and_load(vm: &Vm, name: &Ref<Str>) -> PyResult {
    vm.check_stack()?;
    let Some(importlib) = vm.interp.state.importlib.get() else {
        return Err(vm.import_error("import of a module before importlib is there"));
    };
    let attr = |name: &str| Ok(vm.sys_attr(name)?.unwrap_or(Value::NONE));
    let event = [
        name.to_value(),
        Value::NONE,
        attr("path")?,
        attr("meta_path")?,
        attr("path_hooks")?,
    ];
    vm.permit(Access::Event("import", &event))?;
    let import = vm.interp.state.import_func.get().unwrap_or(Value::NONE);
    let find = &vm.names._find_and_load;
    let args = [name.to_value(), import];
    if vm.interp.config.import_time == 0 {
        return vm.call_method(&importlib, find, &args);
    }
    timed(vm, name, || vm.call_method(&importlib, find, &args))
}

/// `-X importtime`: how deep imports are nested, and the time of the imports inside the current one.
#[derive(Default)]
struct ImportTime {
    started: Cell<bool>,
    level: Cell<usize>,
    inside: Cell<u128>,
}

fn report_time(text: &str) {
    // A report that nobody can read is none.
    let _ = crate::builtins::print::write_all(2, format!("import time: {text}\n").as_bytes());
}

/// Runs an import and reports its time. CPython: `import_find_and_load`.
fn timed(vm: &Vm, name: &Ref<Str>, import: impl FnOnce() -> PyResult) -> PyResult {
    let state = vm.interp.module_state::<ImportTime>();
    if !state.started.replace(true) {
        report_time("self [us] | cumulative | imported package");
    }
    state.level.set(state.level.get() + 1);
    let outside = state.inside.replace(0);
    let start = std::time::Instant::now();
    let result = import();
    let total = start.elapsed().as_nanos();
    state.level.set(state.level.get() - 1);
    let own = total.saturating_sub(state.inside.get()).div_ceil(1000);
    let indent = 2 * state.level.get();
    let shown = crate::builtins::stderrprinter::escaped(name);
    let micros = total.div_ceil(1000);
    report_time(&format!("{own:9} | {micros:10} | {:indent$}{shown}", ""));
    state.inside.set(outside + total);
    result
}

/// A path as Python's string.
pub fn path_value(vm: &Vm, path: &Path) -> PyResult {
    crate::objects::str_::codecs::decode(
        vm,
        path.as_os_str().as_bytes(),
        None,
        Some(&vm.intern("surrogateescape")),
    )
}

/// Takes importlib's own frames out of the traceback of an exception that leaves an import: all of them for
/// ImportError, otherwise those that end in `_call_with_frames_removed`. CPython: `remove_importlib_frames`.
fn hide_importlib(vm: &Vm, raised: Raised) -> Raised {
    if vm.interp.config.verbose > 0 {
        return raised;
    }
    let Some(exception) = vm.pending_exception() else {
        return raised;
    };
    let always = vm.exception_matches(&vm.types.import_error);
    let mut kept: Vec<Ref<Traceback>> = Vec::new();
    let mut chunk: Vec<Ref<Traceback>> = Vec::new();
    let mut next = exception.traceback();
    while let Some(entry) = next {
        let code = entry.frame().code().clone();
        let file = code.filename();
        let inside = matches!(
            file.as_bytes(),
            b"<frozen importlib._bootstrap>" | b"<frozen importlib._bootstrap_external>"
        );
        next = entry.next();
        if !inside {
            kept.append(&mut chunk);
            kept.push(entry);
            continue;
        }
        let ends = always || code.name.as_bytes() == b"_call_with_frames_removed";
        chunk.push(entry);
        if ends {
            chunk.clear()
        }
    }
    kept.append(&mut chunk);
    let mut tail = None;
    for entry in kept.into_iter().rev() {
        entry.set_next(tail);
        tail = Some(entry);
    }
    exception.set_traceback(tail);
    raised
}

/// The package that relative imports of a module with these globals count from.
fn calculate_package(vm: &Vm, globals: &Ref<Dict>) -> PyResult<String> {
    let get = |name: &Ref<Str>| -> PyResult<Option<Value>> {
        Ok(globals.get_str(vm, name)?.filter(|v| !v.is_none()))
    };
    let text = |value: &Value, what: &str| match str_::of(value) {
        Some(text) => Ok(text.to_string_lossy().into_owned()),
        None => Err(vm.type_error(format!("{what} must be a string"))),
    };
    if let Some(package) = get(&vm.names.__package__)? {
        return text(&package, "package");
    }
    if let Some(spec) = get(&vm.names.__spec__)? {
        let parent = attributes::get_by(vm, &spec, "parent")?;
        return text(&parent, "__spec__.parent");
    }
    vm.warn(
        &vm.types.import_warning,
        "can't resolve package from __spec__ or __package__, falling back on __name__ and __path__",
        1,
    )?;
    let Some(name) = globals.get_str(vm, &vm.names.__name__)? else {
        return Err(vm.raise(&vm.types.key_error, "'__name__' not in globals"));
    };
    let name = text(&name, "__name__")?;
    if globals.get_str(vm, &vm.names.__path__)?.is_some() {
        return Ok(name);
    }
    Ok(name
        .rsplit_once('.')
        .map_or(String::new(), |(parent, _)| parent.to_string()))
}

/// The absolute form of a relative name.
fn resolve_name(vm: &Vm, name: &str, globals: Option<&Value>, level: i32) -> PyResult<String> {
    let Some(globals) = globals else {
        return Err(vm.raise(&vm.types.key_error, "'__name__' not in globals"));
    };
    let Some(globals) = globals.downcast::<Dict>() else {
        return Err(vm.type_error("globals must be a dict"));
    };
    let package = calculate_package(vm, globals)?;
    if package.is_empty() {
        return Err(vm.import_error("attempted relative import with no known parent package"));
    }
    let mut base = package.as_str();
    for _ in 1..level {
        match base.rsplit_once('.') {
            Some((parent, _)) => base = parent,
            None => {
                return Err(vm.import_error("attempted relative import beyond top-level package"));
            }
        }
    }
    Ok(if name.is_empty() {
        base.to_string()
    } else {
        format!("{base}.{name}")
    })
}

/// `__import__(name, globals, None, fromlist, level)`.
pub fn import_module_level(
    vm: &Vm,
    name: &Ref<Str>,
    globals: Option<&Value>,
    fromlist: &Value,
    level: i32,
) -> PyResult {
    import_level(vm, name, globals, fromlist, level).map_err(|raised| hide_importlib(vm, raised))
}

fn import_level(
    vm: &Vm,
    name: &Ref<Str>,
    globals: Option<&Value>,
    fromlist: &Value,
    level: i32,
) -> PyResult {
    if level < 0 {
        return Err(vm.value_error("level must be >= 0"));
    }
    let absolute = if level > 0 {
        vm.intern(&resolve_name(vm, &name.to_string_lossy(), globals, level)?)
    } else if name.byte_len() == 0 {
        return Err(vm.value_error("Empty module name"));
    } else {
        name.clone()
    };
    let module = import_absolute(vm, &absolute)?;
    if !fromlist.is_none() && object::is_true(vm, fromlist)? {
        if attributes::get_optional(vm, &module, &vm.names.__path__)?.is_none() {
            return Ok(module);
        }
        if let Some(importlib) = vm.interp.state.importlib.get() {
            let import = vm.interp.state.import_func.get().unwrap_or(Value::NONE);
            return vm.call_method(
                &importlib,
                &vm.names._handle_fromlist,
                &[module, fromlist.clone(), import],
            );
        }
        return Ok(module);
    }
    let text = name.to_string_lossy();
    let Some((front, _)) = text.split_once('.') else {
        return Ok(module);
    };
    if level == 0 {
        return import_simple(vm, front);
    }
    // `from`-less relative imports exist only as calls of __import__: give the package that `front` is in.
    let whole = absolute.to_string_lossy();
    let wanted = &whole[..whole.len() - (text.len() - front.len())];
    let wanted = vm.intern(wanted);
    match modules(vm)?.get_str(vm, &wanted)? {
        Some(module) => Ok(module),
        None => {
            let shown = object::repr(vm, wanted.as_value())?;
            Err(vm.raise(
                &vm.types.key_error,
                format!("{} not in sys.modules as expected", shown.to_string_lossy()),
            ))
        }
    }
}

/// The instruction `IMPORT_NAME`: calls `__import__` of the frame's builtins.
pub fn import_name(
    vm: &Vm,
    import: Option<Value>,
    globals: &Ref<Dict>,
    locals: Option<Value>,
    name: &Ref<Str>,
    fromlist: Value,
    level: Value,
) -> PyResult {
    let Some(import) = import else {
        return Err(vm.import_error("__import__ not found"));
    };
    if vm.is_common_builtin(&import, "__import__") {
        let level = match crate::objects::int::as_i64(&level).map(i32::try_from) {
            Some(Ok(level)) => level,
            _ => return Err(vm.overflow_error("Python int too large to convert to C int")),
        };
        return import_module_level(vm, name, Some(globals.as_value()), &fromlist, level);
    }
    vm.call(
        &import,
        &[
            name.to_value(),
            globals.to_value(),
            locals.unwrap_or(Value::NONE),
            fromlist,
            level,
        ],
    )
}

/// The instruction `IMPORT_FROM`: an attribute, or a submodule that is in `sys.modules` only (a circular import).
pub fn import_from(vm: &Vm, module: &Value, name: &Ref<Str>) -> PyResult {
    if let Some(value) = attributes::get_optional(vm, module, name)? {
        return Ok(value);
    }
    let module_name =
        attributes::get_optional(vm, module, &vm.names.__name__)?.filter(|n| str_::of(n).is_some());
    if let Some(package) = module_name.as_ref().and_then(str_::of) {
        let full = vm.intern(&format!(
            "{}.{}",
            package.to_string_lossy(),
            name.to_string_lossy()
        ));
        if let Some(found) = modules(vm)?.get_str(vm, &full)? {
            return Ok(found);
        }
    }
    let spec = attributes::get_optional(vm, module, &vm.names.__spec__)?;
    let mut origin = match &spec {
        Some(spec) => shadowing::spec_origin(vm, spec)?,
        None => None,
    };
    if spec.is_some() && origin.is_none() {
        let file = attributes::get_optional(vm, module, &vm.names.__file__)?;
        origin = file.and_then(|f| f.downcast_into::<Str>().ok());
    }
    let message = no_name(
        vm,
        module_name.as_ref(),
        spec.as_ref(),
        origin.as_ref(),
        name,
    )?;
    let origin = origin.map(Ref::into_value);
    let raised = import_error(vm, &vm.types.import_error, message, module_name, origin);
    if let Some(exception) = vm.pending_exception() {
        exception.set_field(field::NAME_FROM, Some(name.to_value()));
    }
    Err(raised)
}

/// Why `from module import name` found nothing, with the likely reason.
fn no_name(
    vm: &Vm,
    module: Option<&Value>,
    spec: Option<&Value>,
    origin: Option<&Ref<Str>>,
    name: &Ref<Str>,
) -> PyResult<String> {
    let from = match module {
        Some(module) => object::repr(vm, module)?.to_string_lossy().into_owned(),
        None => "'<unknown module name>'".to_string(),
    };
    let shown = object::repr(vm, name.as_value())?;
    let plain = format!("cannot import name {} from", shown.to_string_lossy());
    let Some(spec) = spec else {
        return Ok(format!("{plain} {from} (unknown location)"));
    };
    let shadows = origin.is_some_and(|o| shadowing::possible(vm, o));
    let file = match origin {
        Some(origin) => object::repr(vm, origin.as_value())?
            .to_string_lossy()
            .into_owned(),
        None => String::new(),
    };
    let standard = match module {
        Some(module) if shadows => shadowing::in_standard_library(vm, module)?,
        _ => false,
    };
    if standard {
        return Ok(format!(
            "{plain} {from} (consider renaming {file} since it has the same name as the standard library module named {from} and prevents importing that standard library module)"
        ));
    }
    let place = match origin {
        Some(origin) => origin.to_string_lossy().into_owned(),
        None => "unknown location".to_string(),
    };
    Ok(match shadowing::is_initializing(vm, spec)? {
        true if shadows => format!(
            "{plain} {from} (consider renaming {file} if it has the same name as a library you intended to import)"
        ),
        true => format!(
            "{plain} partially initialized module {from} (most likely due to a circular import) ({place})"
        ),
        false => format!("{plain} {from} ({place})"),
    })
}

/// `from module import *` into a namespace.
pub fn import_star(vm: &Vm, module: &Value, locals: &Value) -> PyResult<()> {
    let all = attributes::get_optional(vm, module, &vm.names.__all__)?;
    let (names, explicit) = match all {
        Some(all) => (star_names(vm, &all)?, true),
        None => {
            let Some(dict) = attributes::get_optional(vm, module, &vm.names.__dict__)? else {
                return Err(vm.import_error("from-import-* object has no __dict__ and no __all__"));
            };
            let names = match dict.downcast::<Dict>() {
                Some(dict) => dict.items_vec().into_iter().map(|(key, _)| key).collect(),
                None => {
                    let keys = vm.call_method(&dict, &vm.names.keys, &[])?;
                    sequence::collect(vm, &keys)?
                }
            };
            (names, false)
        }
    };
    for item in names {
        let Some(name) = str_::of(&item) else {
            let Some(module_name) = attributes::get_optional(vm, module, &vm.names.__name__)?
            else {
                return Err(vm.attribute_error("__name__"));
            };
            if str_::of(&module_name).is_none() {
                let kind = vm.type_of(&module_name).full_name();
                return Err(vm.type_error(format!("module __name__ must be a string, not {kind}")));
            }
            let module_name = object::str(vm, &module_name)?;
            let (what, of) = if explicit {
                ("Item", "__all__")
            } else {
                ("Key", "__dict__")
            };
            return Err(vm.type_error(format!(
                "{what} in {}.{of} must be str, not {}",
                module_name.to_string_lossy(),
                vm.type_of(&item).full_name()
            )));
        };
        if !explicit && name.as_bytes().starts_with(b"_") {
            continue;
        }
        let value = attributes::get(vm, module, name)?;
        object::set_item(vm, locals, &item, &value)?;
    }
    Ok(())
}

/// The items of `__all__`: any sequence, by index as CPython reads it.
fn star_names(vm: &Vm, all: &Value) -> PyResult<Vec<Value>> {
    if all.downcast::<List>().is_some() || all.downcast::<Tuple>().is_some() {
        return sequence::collect(vm, all);
    }
    let mut names = Vec::new();
    iterator::for_each(vm, all, |name| {
        names.push(name);
        Ok(())
    })?;
    Ok(names)
}
