//! The `import` statement, and the native finder used before importlib is there.
//!
//! The rules of `import a.b`, `from a import b`, relative names and `from a import *` are CPython's (Python/import.c,
//! Lib/importlib/_bootstrap.py). Where `state.importlib` is set, finding and loading is its business. Until then a
//! small native finder serves: built-in modules of the configuration, then source files, packages and
//! namespace packages along `sys.path` or the parent's `__path__`. It has no hooks, caches no bytecode and leaves
//! `__spec__` and `__loader__` None. Invariant: a module is in `sys.modules` before its code runs, and is taken out
//! again if that fails.

use crate::builtins::compile::{Options, compile_source, decode_source};
use crate::function::ModuleDef;
use crate::objects::dict::Dict;
use crate::objects::exception::types::import as field;
use crate::objects::list::List;
use crate::objects::module::Module;
use crate::objects::str_::{self, Str};
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::protocols::{attributes, iterator, object, sequence};
use crate::runtime::Access;
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Ref, Value};
use naja_parser::Mode;
use std::cell::RefCell;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

thread_local! {
    /// Names of the modules whose code is running, for the messages about circular imports.
    static LOADING: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The names of all built-in modules, sorted: `sys.builtin_module_names`.
pub fn builtin_names(vm: &Vm) -> Vec<&'static str> {
    let modules = &vm.interp.config.builtin_modules;
    let mut names: Vec<&'static str> = modules.iter().map(|def| def.name).collect();
    names.extend(["builtins", "sys"]);
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

#[cold]
fn not_found(vm: &Vm, name: &str, why: &str) -> Raised {
    let text = match vm.new_str(name) {
        Ok(text) => text.into_value(),
        Err(raised) => return raised,
    };
    let shown = match object::repr(vm, &text) {
        Ok(shown) => shown,
        Err(raised) => return raised,
    };
    let message = format!("No module named {}{why}", shown.to_string_lossy());
    import_error(
        vm,
        &vm.types.module_not_found_error,
        message,
        Some(text),
        None,
    )
}

/// The module in `sys.modules`, imported first if it is not there. For dotted names: the innermost one.
fn import_absolute(vm: &Vm, name: &Ref<Str>) -> PyResult {
    match modules(vm)?.get_str(vm, name)? {
        Some(module) if !module.is_none() => Ok(module),
        _ => find_and_load(vm, name),
    }
}

/// Imports `name` and gives that very module (`a.b` for "a.b").
pub fn import_simple(vm: &Vm, name: &str) -> PyResult {
    import_absolute(vm, &vm.intern(name))
}

fn find_and_load(vm: &Vm, name: &Ref<Str>) -> PyResult {
    vm.check_stack()?;
    if let Some(importlib) = vm.interp.state.importlib.get() {
        let import = vm.interp.state.import_func.get().unwrap_or(Value::NONE);
        return vm.call_method(
            &importlib,
            &vm.names._find_and_load,
            &[name.to_value(), import],
        );
    }
    let modules = modules(vm)?;
    if modules.get_str(vm, name)?.is_some_and(|m| m.is_none()) {
        let message = format!(
            "import of {} halted; None in sys.modules",
            name.to_string_lossy()
        );
        return Err(import_error(
            vm,
            &vm.types.module_not_found_error,
            message,
            Some(name.to_value()),
            None,
        ));
    }
    let text = name.to_string_lossy().into_owned();
    let (parent, child) = match text.rsplit_once('.') {
        Some((parent, child)) => (Some(parent), child),
        None => (None, text.as_str()),
    };
    let mut search = None;
    let mut parent_module = None;
    if let Some(parent) = parent {
        let module = import_simple(vm, parent)?;
        // Importing the parent may have imported the child.
        if let Some(found) = modules.get_str(vm, name)? {
            return Ok(found);
        }
        match attributes::get_optional(vm, &module, &vm.names.__path__)? {
            Some(path) => search = Some(path),
            None => {
                return Err(not_found(
                    vm,
                    &text,
                    &format!("; '{parent}' is not a package"),
                ));
            }
        }
        parent_module = Some(module);
    }
    let module = load(vm, name, child, search)?;
    if let Some(parent) = parent_module
        && attributes::set(vm, &parent, &vm.intern(child), Some(&module)).is_err()
    {
        if !vm.catch(&vm.types.attribute_error) {
            return Err(Raised);
        }
        let message = format!(
            "Cannot set an attribute on '{}' for child module '{child}'",
            text.rsplit_once('.').map_or("", |p| p.0)
        );
        vm.warn(&vm.types.import_warning, message, 1)?;
    }
    Ok(module)
}

/// What the native finder found.
enum Found {
    Builtin(&'static ModuleDef),
    /// The file, and the directory if it is a package.
    Source(PathBuf, Option<PathBuf>),
    Namespace(Vec<PathBuf>),
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

/// The path in a string.
fn path_of(vm: &Vm, value: &Value) -> PyResult<Option<PathBuf>> {
    if let Some(text) = str_::of(value) {
        let bytes = crate::objects::str_::codecs::encode(
            vm,
            text,
            &vm.intern("utf-8"),
            Some(&vm.intern("surrogateescape")),
        )?;
        return Ok(Some(PathBuf::from(std::ffi::OsString::from_vec(bytes))));
    }
    Ok(value
        .downcast::<crate::objects::bytes::Bytes>()
        .map(|b| PathBuf::from(OsStr::from_bytes(b.as_bytes()))))
}

fn find(vm: &Vm, name: &str, child: &str, search: Option<Value>) -> PyResult<Option<Found>> {
    if let Some(def) = find_builtin(vm, name) {
        return Ok(Some(Found::Builtin(def)));
    }
    let search = match search {
        Some(search) => search,
        None => match vm.sys_attr("path")? {
            Some(path) => path,
            None => return Ok(None),
        },
    };
    let mut portions = Vec::new();
    for entry in sequence::collect(vm, &search)? {
        vm.check_signals()?;
        let Some(mut dir) = path_of(vm, &entry)? else {
            continue;
        };
        if dir.as_os_str().is_empty() {
            dir = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        }
        let path = path_value(vm, &dir)?;
        vm.permit(Access::Stat(&path))?;
        let package = dir.join(child);
        let init = package.join("__init__.py");
        if init.is_file() {
            return Ok(Some(Found::Source(init, Some(package))));
        }
        let file = dir.join(format!("{child}.py"));
        if file.is_file() {
            return Ok(Some(Found::Source(file, None)));
        }
        if package.is_dir() {
            portions.push(package);
        }
    }
    Ok(if portions.is_empty() {
        None
    } else {
        Some(Found::Namespace(portions))
    })
}

fn load(vm: &Vm, name: &Ref<Str>, child: &str, search: Option<Value>) -> PyResult {
    let text = name.to_string_lossy().into_owned();
    let none = || Value::NONE;
    let attr = |name: &str| vm.sys_attr(name).map(|v| v.unwrap_or_else(none));
    let event = [
        name.to_value(),
        Value::NONE,
        attr("path")?,
        attr("meta_path")?,
        attr("path_hooks")?,
    ];
    vm.permit(Access::Event("import", &event))?;
    let Some(found) = find(vm, &text, child, search)? else {
        return Err(not_found(vm, &text, ""));
    };
    let modules = modules(vm)?;
    match found {
        Found::Builtin(def) => {
            let module = crate::builtins::make_module(vm, def)?;
            module.set(
                vm,
                "__package__",
                vm.new_str(text.rsplit_once('.').map_or("", |p| p.0))?
                    .into_value(),
            )?;
            modules.set_str(vm, name, module.to_value())?;
            Ok(module.into_value())
        }
        Found::Namespace(portions) => {
            let module = Module::make(vm, &text, None)?;
            let paths = portions
                .iter()
                .map(|p| path_value(vm, p))
                .collect::<PyResult<Vec<_>>>()?;
            module.set(vm, "__path__", vm.new_list(paths)?.into_value())?;
            module.set(vm, "__package__", name.to_value())?;
            modules.set_str(vm, name, module.to_value())?;
            Ok(module.into_value())
        }
        Found::Source(file, package) => load_source(vm, name, &text, &file, package.as_deref()),
    }
}

/// The text of a source file. Raises OSError, SyntaxError.
pub fn read_source(vm: &Vm, file: &Path) -> PyResult<String> {
    let path = path_value(vm, file)?;
    let mode = vm.new_str("r")?.into_value();
    vm.permit(Access::Open(&path, &mode, 0))?;
    match std::fs::read(file) {
        Ok(data) => decode_source(vm, &data, &file.to_string_lossy()),
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or("").to_string();
            let class = crate::objects::exception::types::os_error_class(vm, errno as i64);
            Err(vm.raise_with(
                &class,
                &[
                    vm.new_int(errno as i64)?,
                    vm.new_str(text)?.into_value(),
                    path,
                ],
            ))
        }
    }
}

fn load_source(
    vm: &Vm,
    name: &Ref<Str>,
    text: &str,
    file: &Path,
    package: Option<&Path>,
) -> PyResult {
    let source = read_source(vm, file)?;
    let code = compile_source(
        vm,
        &source,
        &file.to_string_lossy(),
        &Options::new(Mode::Exec),
    )?;
    let module = Module::make(vm, text, None)?;
    module.set(vm, "__file__", path_value(vm, file)?)?;
    let parent = text.rsplit_once('.').map_or("", |p| p.0);
    match package {
        Some(dir) => {
            let path = path_value(vm, dir)?;
            module.set(vm, "__path__", vm.new_list(vec![path])?.into_value())?;
            module.set(vm, "__package__", name.to_value())?;
        }
        None => module.set(vm, "__package__", vm.new_str(parent)?.into_value())?,
    }
    if let Some(builtins) = vm.interp.state.builtins.get() {
        module.set(vm, "__builtins__", builtins.into_value())?;
    }
    let modules = modules(vm)?;
    modules.set_str(vm, name, module.to_value())?;
    LOADING.with(|l| l.borrow_mut().push(text.to_string()));
    let result = vm.run_code(code, module.dict(), module.dict().into_value());
    LOADING.with(|l| l.borrow_mut().pop());
    if let Err(raised) = result {
        let exception = vm.take_exception();
        if modules.remove_str(vm, name).is_err() {
            vm.clear_exception()
        }
        vm.raise_value(exception);
        return Err(raised);
    }
    // The code may have put something else in the module's place.
    match modules.get_str(vm, name)? {
        Some(module) => Ok(module),
        None => Err(vm.key_error(name.as_value())),
    }
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
        handle_fromlist(vm, &module, fromlist, false)?;
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

/// Imports the submodules that a `from package import ...` names and the package has no attributes for.
fn handle_fromlist(vm: &Vm, module: &Value, fromlist: &Value, recursive: bool) -> PyResult<()> {
    for item in sequence::collect(vm, fromlist)? {
        let package =
            crate::builtins::compile::text_attribute(vm, module, "__name__")?.unwrap_or_default();
        let Some(name) = str_::of(&item) else {
            let place = if recursive {
                format!("{package}.__all__")
            } else {
                "``from list''".to_string()
            };
            return Err(vm.type_error(format!(
                "Item in {place} must be str, not {}",
                vm.type_of(&item).name()
            )));
        };
        if name.as_bytes() == b"*" {
            if !recursive
                && let Some(all) = attributes::get_optional(vm, module, &vm.names.__all__)?
            {
                handle_fromlist(vm, module, &all, true)?;
            }
            continue;
        }
        if attributes::get_optional(vm, module, name)?.is_some() {
            continue;
        }
        let full = vm.intern(&format!("{package}.{}", name.to_string_lossy()));
        if import_absolute(vm, &full).is_err() {
            if !vm.exception_matches(&vm.types.module_not_found_error) {
                return Err(Raised);
            }
            // That the submodule itself does not exist is for `import_from` to say.
            let exception = vm.take_exception();
            let missing = exception.field(field::NAME);
            let same = missing
                .as_ref()
                .and_then(str_::of)
                .is_some_and(|n| str_::eq(n, &full));
            let blocked = modules(vm)?
                .get_str(vm, &full)?
                .is_some_and(|m| m.is_none());
            if !same || blocked {
                return Err(vm.raise_value(exception));
            }
        }
    }
    Ok(())
}

/// The instruction `IMPORT_NAME`: calls `__import__` of the frame's builtins.
pub fn import_name(
    vm: &Vm,
    builtins: &Ref<Dict>,
    globals: &Ref<Dict>,
    locals: Option<Value>,
    name: &Ref<Str>,
    fromlist: Value,
    level: Value,
) -> PyResult {
    let Some(import) = builtins.get_str(vm, &vm.names.__import__)? else {
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

/// Where a module comes from, for messages: its spec's origin, or `__file__`.
fn origin(vm: &Vm, module: &Value) -> PyResult<Option<Value>> {
    let spec = attributes::get_optional(vm, module, &vm.names.__spec__)?.filter(|s| !s.is_none());
    if let Some(spec) = spec {
        let located = match attributes::get_optional(vm, &spec, &vm.intern("has_location"))? {
            Some(flag) => object::is_true(vm, &flag)?,
            None => false,
        };
        if located && let Some(origin) = attributes::get_optional(vm, &spec, &vm.intern("origin"))?
        {
            return Ok(Some(origin).filter(|o| str_::of(o).is_some()));
        }
    }
    Ok(attributes::get_optional(vm, module, &vm.names.__file__)?.filter(|f| str_::of(f).is_some()))
}

/// Whether the code of a module is still running.
fn is_initializing(vm: &Vm, module: &Value, name: &str) -> PyResult<bool> {
    if LOADING.with(|l| l.borrow().iter().any(|n| n == name)) {
        return Ok(true);
    }
    match attributes::get_optional(vm, module, &vm.names.__spec__)? {
        Some(spec) if !spec.is_none() => {
            match attributes::get_optional(vm, &spec, &vm.names._initializing)? {
                Some(flag) => object::is_true(vm, &flag),
                None => Ok(false),
            }
        }
        _ => Ok(false),
    }
}

/// The instruction `IMPORT_FROM`: an attribute, or a submodule that is in `sys.modules` only (a circular import).
pub fn import_from(vm: &Vm, module: &Value, name: &Ref<Str>) -> PyResult {
    if let Some(value) = attributes::get_optional(vm, module, name)? {
        return Ok(value);
    }
    let module_name =
        attributes::get_optional(vm, module, &vm.names.__name__)?.filter(|n| str_::of(n).is_some());
    let Some(module_name) = module_name else {
        let shown = object::repr(vm, name.as_value())?;
        let message = format!(
            "cannot import name {} from '<unknown module name>' (unknown location)",
            shown.to_string_lossy()
        );
        return Err(import_error(
            vm,
            &vm.types.import_error,
            message,
            None,
            None,
        ));
    };
    let package = str_::of(&module_name)
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let full = vm.intern(&format!("{package}.{}", name.to_string_lossy()));
    if let Some(found) = modules(vm)?.get_str(vm, &full)? {
        return Ok(found);
    }
    let origin = origin(vm, module)?;
    let place = match &origin {
        Some(origin) => object::str(vm, origin)?.to_string_lossy().into_owned(),
        None => "unknown location".to_string(),
    };
    let (shown, from) = (
        object::repr(vm, name.as_value())?,
        object::repr(vm, &module_name)?,
    );
    let (shown, from) = (shown.to_string_lossy(), from.to_string_lossy());
    let message = if is_initializing(vm, module, &package)? {
        format!(
            "cannot import name {shown} from partially initialized module {from} (most likely due to a circular import) ({place})"
        )
    } else {
        format!("cannot import name {shown} from {from} ({place})")
    };
    let raised = import_error(
        vm,
        &vm.types.import_error,
        message,
        Some(module_name),
        origin,
    );
    if let Some(exception) = vm.pending_exception() {
        exception.set_field(field::NAME_FROM, Some(name.to_value()));
    }
    Err(raised)
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
