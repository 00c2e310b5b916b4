//! Warnings: the module `_warnings`, and those that the machine itself issues.
//!
//! The state of an interpreter (filters, registry of "once", version of the filters) is what `_warnings` shows; once the
//! program has imported `warnings`, that module's `filters`, `defaultaction` and `onceregistry` count instead, and its
//! `_showwarnmsg` shows. Until then a warning is written to standard error in CPython's format. With options for
//! warnings `warnings` is imported by the first one, since only it can read their patterns.
//! A place's registry (`__warningregistry__`) is forgotten when the version has changed.
//!
//! CPython: Python/_warnings.c.

use crate::interpreter::frame::Frame;
use crate::objects::context::ContextVar;
use crate::objects::dict::Dict;
use crate::objects::list::List;
use crate::objects::str_::{self, Str};
use crate::objects::tuple::Tuple;
use crate::objects::type_::{Type, is_subtype};
use crate::protocols::{attributes, compare, number, object};
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::pymodule;
use std::cell::Cell;
use std::rc::Rc;

/// The state in one interpreter.
#[derive(Default)]
struct State {
    parts: MutCell<Option<Parts>>,
    version: Cell<i64>,
    /// The thread that holds the lock of the filters, and how often.
    owner: Cell<u64>,
    held: Cell<u32>,
    imported: Cell<bool>,
}

#[derive(Clone)]
struct Parts {
    filters: Value,
    once: Value,
    default_action: Value,
    context: Ref<ContextVar>,
}

fn state(vm: &Vm) -> PyResult<(Rc<State>, Parts)> {
    let state = vm.interp.module_state::<State>();
    if let Some(parts) = state.parts.get() {
        return Ok((state, parts));
    }
    let parts = Parts {
        filters: initial_filters(vm)?,
        once: vm.new_dict()?.into_value(),
        default_action: vm.intern("default").into_value(),
        context: ContextVar::make(vm, vm.intern("_warnings_context"), None)?,
    };
    state.parts.set(Some(parts.clone()));
    Ok((state, parts))
}

/// The filters of an interpreter that nobody has told anything.
fn initial_filters(vm: &Vm) -> PyResult {
    let t = vm.types;
    let all = [
        ("default", &t.deprecation_warning, Some("__main__")),
        ("ignore", &t.deprecation_warning, None),
        ("ignore", &t.pending_deprecation_warning, None),
        ("ignore", &t.import_warning, None),
        ("ignore", &t.resource_warning, None),
    ];
    let mut filters = Vec::new();
    let config = &vm.interp.config;
    let filter = |action: &str, category: &Ref<Type>, module: Option<&str>| {
        let module = module.map_or(Value::NONE, |m| vm.intern(m).into_value());
        let parts = vec![
            vm.intern(action).into_value(),
            Value::NONE,
            category.to_value(),
            module,
            Value::small_int(0),
        ];
        Ok(vm.new_tuple(parts)?.into_value())
    };
    match config.bytes_warning {
        0 => {}
        1 => filters.push(filter("default", &t.bytes_warning, None)?),
        _ => filters.push(filter("error", &t.bytes_warning, None)?),
    }
    if config.dev_mode {
        filters.push(filter("default", &t.warning, None)?);
    }
    for (action, category, module) in all {
        filters.push(filter(action, category, module)?);
    }
    Ok(vm.new_list(filters)?.into_value())
}

/// The module `warnings`, if the program has imported it (or `import` says to, or options need it).
fn python_warnings(vm: &Vm, import: bool) -> PyResult<Option<Value>> {
    let modules = vm.interp.state.modules.get();
    let found = match &modules {
        Some(modules) => modules.get_str(vm, &vm.intern("warnings"))?,
        None => None,
    };
    if let Some(module) = found {
        return Ok(Some(module).filter(|m| !m.is_none()));
    }
    let state = vm.interp.module_state::<State>();
    let wanted = import || !vm.interp.config.warn_options.is_empty();
    if !wanted || state.imported.replace(true) || vm.interp.state.finalizing.get() {
        return Ok(None);
    }
    match crate::import::import_simple(vm, "warnings") {
        Ok(module) => Ok(Some(module)),
        Err(Raised) if vm.catch(&vm.types.import_error) => Ok(None),
        Err(raised) => Err(raised),
    }
}

/// An attribute of the module `warnings`, if that is imported and has it.
fn warnings_attr(vm: &Vm, name: &str) -> PyResult<Option<Value>> {
    match python_warnings(vm, false)? {
        Some(module) => attributes::get_optional(vm, &module, &vm.intern(name)),
        None => Ok(None),
    }
}

/// Whether one part of a filter matches: None always, a plain string exactly, a pattern by its `match`.
fn matches(vm: &Vm, part: &Value, text: &Value) -> PyResult<bool> {
    if part.is_none() {
        return Ok(true);
    }
    if vm.type_of(part).is(&vm.types.str) {
        return compare::eq(vm, part, text);
    }
    let found = vm.call_method_str(part, "match", std::slice::from_ref(text))?;
    object::is_true(vm, &found)
}

/// A warning on its way.
struct Issue<'a> {
    category: Value,
    text: Value,
    line: i64,
    module: &'a Value,
}

/// The first filter in a list that matches: its action, and itself.
fn search(vm: &Vm, issue: &Issue, filters: &Value, name: &str) -> PyResult<Option<(Value, Value)>> {
    let Some(filters) = filters.downcast::<List>() else {
        return Err(vm.value_error(format!("_warnings.{name} must be a list")));
    };
    let mut index = 0;
    while let Some(item) = filters.get(index) {
        let parts = item.downcast::<Tuple>().map(|t| t.items());
        let Some([action, message, category, module, line]) = parts else {
            let text = format!("_warnings.{name} item {index} isn't a 5-tuple");
            return Err(vm.value_error(text));
        };
        if str_::of(action).is_none() {
            return Err(vm.type_error(format!(
                "action must be a string, not '{}'",
                vm.type_of(action).full_name()
            )));
        }
        let good_message = matches(vm, message, &issue.text)?;
        let good_module = matches(vm, module, issue.module)?;
        let good_category = object::is_subclass(vm, &issue.category, category)?;
        let line = number::index_isize(vm, line)? as i64;
        if good_message && good_module && good_category && (line == 0 || line == issue.line) {
            return Ok(Some((action.clone(), item.clone())));
        }
        index += 1;
    }
    Ok(None)
}

/// The action for a warning, and the filter that says so (None: none).
fn action_for(vm: &Vm, issue: &Issue) -> PyResult<(Value, Value)> {
    let (state, parts) = state(vm)?;
    if let Some(context) = ContextVar::value(&parts.context, vm)?
        && !context.is_none()
    {
        let filters = attributes::get_by(vm, &context, "_filters")?;
        if let Some(found) = search(vm, issue, &filters, "_filters")? {
            return Ok(found);
        }
    } else {
        // Should the list be deleted, the last one known counts.
        let filters = match warnings_attr(vm, "filters")? {
            Some(filters) => {
                state.parts.with_mut(|parts| {
                    if let Some(parts) = parts {
                        parts.filters = filters.clone()
                    }
                });
                filters
            }
            None => parts.filters,
        };
        if let Some(found) = search(vm, issue, &filters, "filters")? {
            return Ok(found);
        }
    }
    let action = warnings_attr(vm, "defaultaction")?.unwrap_or(parts.default_action);
    if str_::of(&action).is_none() {
        return Err(vm.type_error(format!(
            "_warnings.defaultaction must be a string, not '{}'",
            vm.type_of(&action).full_name()
        )));
    }
    Ok((action, Value::NONE))
}

/// Whether a registry has the key. One of another version of the filters is emptied first.
fn already_warned(vm: &Vm, registry: &Ref<Dict>, key: &Value, set: bool) -> PyResult<bool> {
    let version = vm.interp.module_state::<State>().version.get();
    let name = vm.intern("version");
    let known = registry.get_str(vm, &name)?.and_then(|v| v.as_small_int());
    if known != Some(version) {
        registry.clear_table();
        registry.set_str(vm, &name, vm.new_int(version)?)?;
    } else if let Some(warned) = registry.get(vm, key)?
        && object::is_true(vm, &warned)?
    {
        return Ok(true);
    }
    if set {
        registry.set(vm, key, Value::TRUE)?;
    }
    Ok(false)
}

/// The registry of actions "once".
fn once_registry(vm: &Vm) -> PyResult<Ref<Dict>> {
    let (_, parts) = state(vm)?;
    let registry = warnings_attr(vm, "onceregistry")?.unwrap_or(parts.once);
    registry.downcast_into::<Dict>().map_err(|other| {
        vm.type_error(format!(
            "_warnings.onceregistry must be a dict, not '{}'",
            vm.type_of(&other).full_name()
        ))
    })
}

/// "filename" without ".py".
fn module_of(vm: &Vm, filename: &Ref<Str>) -> PyResult {
    let bytes = filename.as_bytes();
    let module = match bytes.strip_suffix(b".py") {
        Some(stem) => stem,
        None if bytes.is_empty() => b"<unknown>",
        None => bytes,
    };
    Ok(vm.new_str_wtf8(module)?.into_value())
}

/// Shows a warning: by `warnings._showwarnmsg`, or on standard error.
fn show(
    vm: &Vm,
    issue: &Issue,
    message: Value,
    filename: &Ref<Str>,
    source: Option<Value>,
) -> PyResult<()> {
    let module = python_warnings(vm, source.is_some())?;
    let function = match &module {
        Some(module) => attributes::get_optional(vm, module, &vm.intern("_showwarnmsg"))?,
        None => None,
    };
    let (Some(module), Some(function)) = (module, function) else {
        return show_plainly(vm, issue, filename);
    };
    if vm.type_of(&function).slots.call.get().is_none() {
        return Err(vm.type_error("warnings._showwarnmsg() must be set to a callable"));
    }
    let class = attributes::get_optional(vm, &module, &vm.intern("WarningMessage"))?;
    let Some(class) = class else {
        return Err(vm.runtime_error("unable to get warnings.WarningMessage"));
    };
    let args = [
        message,
        issue.category.clone(),
        filename.to_value(),
        vm.new_int(issue.line)?,
        Value::NONE,
        Value::NONE,
        source.unwrap_or(Value::NONE),
    ];
    let warning = vm.call(&class, &args)?;
    vm.call(&function, &[warning]).map(drop)
}

fn show_plainly(vm: &Vm, issue: &Issue, filename: &Ref<Str>) -> PyResult<()> {
    let name = attributes::get(vm, &issue.category, &vm.names.__name__)?;
    let (name, text) = (object::str(vm, &name)?, object::str(vm, &issue.text)?);
    let file = filename.to_string_lossy();
    let line = issue.line;
    let mut out = format!(
        "{file}:{line}: {}: {}\n",
        name.to_string_lossy(),
        text.to_string_lossy()
    );
    if let Ok(number) = i32::try_from(line)
        && let Some(source) = super::display::source_line(vm, &file, number)
    {
        out.push_str(&format!("  {}\n", source.trim()));
    }
    super::display::write_stderr(vm, &out);
    Ok(())
}

/// What `warn_explicit` gets.
struct Explicit<'a> {
    category: &'a Value,
    message: &'a Value,
    filename: &'a Ref<Str>,
    line: i64,
    module: Option<Value>,
    registry: Option<&'a Ref<Dict>>,
    source: Option<Value>,
}

/// Filters, registers and shows a warning; raises it where a filter says so.
fn issue(vm: &Vm, given: Explicit) -> PyResult<()> {
    let module = match given.module {
        // So late in the interpreter's life that modules have no names.
        Some(module) if module.is_none() => return Ok(()),
        Some(module) => module,
        None => module_of(vm, given.filename)?,
    };
    let is_warning = object::is_instance(vm, given.message, vm.types.warning.as_value())?;
    let (text, category, message) = if is_warning {
        let text = object::str(vm, given.message)?.into_value();
        let category = vm.type_of(given.message).to_ref().into_value();
        (text, category, given.message.clone())
    } else {
        let message = vm.call(given.category, std::slice::from_ref(given.message))?;
        (given.message.clone(), given.category.clone(), message)
    };
    let issue = Issue {
        category,
        text,
        line: given.line,
        module: &module,
    };
    let key = vec![
        issue.text.clone(),
        issue.category.clone(),
        vm.new_int(issue.line)?,
    ];
    let key = vm.new_tuple(key)?.into_value();
    if let Some(registry) = given.registry
        && already_warned(vm, registry, &key, false)?
    {
        return Ok(());
    }
    let (action, item) = action_for(vm, &issue)?;
    let action_text = str_::of(&action).map(|a| a.to_string_lossy().into_owned());
    let action_text = action_text.unwrap_or_default();
    match action_text.as_str() {
        "error" => return Err(raise(vm, &issue.category, message)),
        "ignore" => return Ok(()),
        "always" | "all" => {}
        other => {
            if let Some(registry) = given.registry {
                registry.set(vm, &key, Value::TRUE)?;
            }
            let short = || {
                let parts = vec![issue.text.clone(), issue.category.clone()];
                vm.new_tuple(parts).map(Ref::into_value)
            };
            let warned = match (other, given.registry) {
                ("once", Some(registry)) => already_warned(vm, registry, &short()?, true)?,
                ("once", None) => already_warned(vm, &once_registry(vm)?, &short()?, true)?,
                ("module", Some(registry)) => already_warned(vm, registry, &short()?, true)?,
                ("module", None) | ("default", _) => false,
                _ => {
                    let action = object::repr(vm, &action)?;
                    let item = object::repr(vm, &item)?;
                    return Err(vm.runtime_error(format!(
                        "Unrecognized action ({}) in warnings.filters:\n {}",
                        action.to_string_lossy(),
                        item.to_string_lossy()
                    )));
                }
            };
            if warned {
                return Ok(());
            }
        }
    }
    show(vm, &issue, message, given.filename, given.source)
}

/// Lets `linecache` know the lines of a module by its loader. Raises what `_bless_my_loader` finds wrong with the globals.
fn remember_source(vm: &Vm, filename: &Ref<Str>, globals: &Value) -> PyResult<()> {
    let external = crate::import::import_simple(vm, "_frozen_importlib_external")?;
    let loader =
        vm.call_method_str(&external, "_bless_my_loader", std::slice::from_ref(globals))?;
    if loader.is_none() {
        return Ok(());
    }
    let linecache = crate::import::import_simple(vm, "linecache")?;
    let args = [filename.as_value().clone(), globals.clone()];
    // A loader that cannot tell is no reason to lose the warning.
    if vm.call_method_str(&linecache, "getlines", &args).is_err() {
        vm.clear_exception();
    }
    Ok(())
}

/// Raises a warning as an exception.
fn raise(vm: &Vm, category: &Value, message: Value) -> Raised {
    use crate::objects::exception::BaseException;
    match message.downcast_into::<BaseException>() {
        Ok(exception) => vm.raise_value(exception),
        Err(other) => match category.downcast::<Type>() {
            Some(category) => vm.raise_with(category, &[other]),
            None => vm.type_error("exceptions must derive from BaseException"),
        },
    }
}

/// Issues a warning for a place. Raises it where a filter says so.
pub fn warn_explicit(
    vm: &Vm,
    category: &Ref<Type>,
    message: &str,
    filename: &str,
    line: i32,
    module: Option<&str>,
    registry: Option<&Ref<Dict>>,
) -> PyResult<()> {
    let module = match module {
        Some(module) => Some(vm.new_str(module)?.into_value()),
        None => None,
    };
    issue(
        vm,
        Explicit {
            category: category.as_value(),
            message: vm.new_str(message)?.as_value(),
            filename: &vm.new_str(filename)?,
            line: line.into(),
            module,
            registry,
            source: None,
        },
    )
}

/// The frame that called `frame`, as Python sees it.
fn caller(frame: &Frame) -> Option<&Frame> {
    // SAFETY: the chain of frames from the current one is live.
    let mut previous = unsafe { frame.prev.as_ref() };
    while let Some(frame) = previous
        && !frame.is_complete()
    {
        // SAFETY: as above.
        previous = unsafe { frame.prev.as_ref() };
    }
    previous
}

/// Whether a frame belongs to the import system, or to a file that the caller of `warn` wants skipped.
fn is_skipped(frame: &Frame, prefixes: &[Value]) -> bool {
    let filename = &frame.code().filename();
    let name = filename.to_string_lossy();
    (name.contains("importlib") && name.contains("_bootstrap"))
        || prefixes
            .iter()
            .filter_map(str_::of)
            .any(|prefix| filename.as_bytes().starts_with(prefix.as_bytes()))
}

/// The place that a warning is about.
struct Context {
    filename: Ref<Str>,
    line: i64,
    module: Value,
    registry: Option<Ref<Dict>>,
}

/// Finds the place `level` frames up (1: the running function's).
fn context(vm: &Vm, level: isize, prefixes: &[Value]) -> PyResult<Context> {
    let mut level = level;
    let mut frame = vm.visible_frame();
    if level <= 0 || frame.is_none_or(|f| is_skipped(f, &[])) {
        while level > 1 && frame.is_some() {
            level -= 1;
            frame = frame.and_then(caller);
        }
    } else {
        while level > 1 && frame.is_some() {
            level -= 1;
            frame = frame.and_then(caller);
            while frame.is_some_and(|f| is_skipped(f, prefixes)) {
                frame = frame.and_then(caller);
            }
        }
    }
    let (globals, filename, line) = match frame {
        Some(frame) => (
            Some(frame.globals()),
            frame.code().filename().clone(),
            frame.line().unwrap_or(0).into(),
        ),
        None => (vm.interp.state.sys_dict.get(), vm.new_str("<sys>")?, 0),
    };
    let Some(globals) = globals else {
        return Err(vm.runtime_error("no globals to register a warning in"));
    };
    let registry = match globals.get_str(vm, &vm.names.__warningregistry__)? {
        Some(registry) if registry.is_none() => None,
        Some(registry) => match registry.downcast_into::<Dict>() {
            Ok(registry) => Some(registry),
            Err(_) => return Err(vm.type_error("'registry' must be a dict or None")),
        },
        None => {
            let registry = vm.new_dict()?;
            globals.set_str(vm, &vm.names.__warningregistry__, registry.to_value())?;
            Some(registry)
        }
    };
    let module = globals.get_str(vm, &vm.names.__name__)?;
    let module = match module.filter(|m| m.is_none() || str_::of(m).is_some()) {
        Some(module) => module,
        None => vm.new_str("<string>")?.into_value(),
    };
    Ok(Context {
        filename,
        line,
        module,
        registry,
    })
}

/// Issues a warning about the place `level` frames up.
fn warn_at(
    vm: &Vm,
    category: &Value,
    message: &Value,
    level: isize,
    prefixes: &[Value],
    source: Option<Value>,
) -> PyResult<()> {
    let place = context(vm, level, prefixes)?;
    issue(
        vm,
        Explicit {
            category,
            message,
            filename: &place.filename,
            line: place.line,
            module: Some(place.module),
            registry: place.registry.as_ref(),
            source,
        },
    )
}

impl Vm {
    /// Issues a warning about the code `level` frames up (1: the running one). Raises it where a filter says so.
    pub fn warn(
        &self,
        category: &Ref<Type>,
        message: impl AsRef<str>,
        level: usize,
    ) -> PyResult<()> {
        let message = self.new_str(message)?.into_value();
        warn_at(
            self,
            category.as_value(),
            &message,
            level as isize,
            &[],
            None,
        )
    }

    /// "coroutine 'x' was never awaited". What issuing it raises is reported, not passed on.
    pub fn warn_unawaited(&self, coroutine: &Value) {
        let report = || {
            crate::objects::exception::write_unraisable_while(
                self,
                "finalizing coroutine",
                coroutine,
            )
        };
        // `warnings` can tell where the coroutine was made.
        let told = warnings_attr(self, "_warn_unawaited_coroutine").and_then(|function| {
            let Some(function) = function else {
                return Ok(false);
            };
            self.call(&function, std::slice::from_ref(coroutine))?;
            Ok(true)
        });
        let told = match told {
            Ok(told) => told,
            Err(Raised) => {
                let warned = self.exception_matches(&self.types.runtime_warning);
                report();
                warned
            }
        };
        if told {
            return;
        }
        let issued = attributes::get_by(self, coroutine, "__qualname__")
            .and_then(|name| object::str(self, &name))
            .and_then(|name| {
                let text = format!("coroutine '{}' was never awaited", name.to_string_lossy());
                self.warn(&self.types.runtime_warning, text, 1)
            });
        if issued.is_err() {
            report()
        }
    }
}

/// The category of a warning given as `warn`'s arguments.
fn category_of(vm: &Vm, message: &Value, category: Option<&Value>) -> PyResult {
    let warning = vm.types.warning.as_value();
    if object::is_instance(vm, message, warning)? {
        return Ok(vm.type_of(message).to_ref().into_value());
    }
    let Some(category) = category.filter(|c| !c.is_none()) else {
        return Ok(vm.types.user_warning.to_value());
    };
    let good = category
        .downcast::<Type>()
        .is_some_and(|c| is_subtype(c, &vm.types.warning));
    if good {
        return Ok(category.clone());
    }
    Err(vm.type_error(format!(
        "category must be a Warning subclass, not '{}'",
        vm.type_of(category).full_name()
    )))
}

#[pymodule(
    name = "_warnings",
    doc = "_warnings provides basic warning filtering support.\nIt is a helper module to speed up interpreter start-up."
)]
pub mod module {
    use super::*;

    #[pyattr]
    fn filters(vm: &Vm) -> PyResult {
        Ok(state(vm)?.1.filters)
    }

    #[pyattr]
    fn _onceregistry(vm: &Vm) -> PyResult {
        Ok(state(vm)?.1.once)
    }

    #[pyattr]
    fn _defaultaction(vm: &Vm) -> PyResult {
        Ok(state(vm)?.1.default_action)
    }

    #[pyattr]
    fn _warnings_context(vm: &Vm) -> PyResult {
        Ok(state(vm)?.1.context.into_value())
    }

    /// Issue a warning, or maybe ignore it or raise an exception.
    ///
    ///   message
    ///     Text of the warning message.
    ///   category
    ///     The Warning category subclass. Defaults to UserWarning.
    ///   stacklevel
    ///     How far up the call stack to make this warning appear. A value of 2 for
    ///     example attributes the warning to the caller of the code calling warn().
    ///   source
    ///     If supplied, the destroyed object which emitted a ResourceWarning
    ///   skip_file_prefixes
    ///     An optional tuple of module filename prefixes indicating frames to skip
    ///     during stacklevel computations for stack frame attribution.
    #[pyfunction(
        sig = "(message, category=None, stacklevel=1, source=None, *,\n     skip_file_prefixes=())"
    )]
    fn warn(
        vm: &Vm,
        message: &Value,
        category: Option<&Value>,
        #[default(1)] stacklevel: isize,
        source: Option<Value>,
        skip_file_prefixes: Option<&Ref<Tuple>>,
    ) -> PyResult<()> {
        let category = category_of(vm, message, category)?;
        let prefixes = skip_file_prefixes.map_or(&[][..], |t| t.items());
        if let Some(bad) = prefixes.iter().find(|p| str_::of(p).is_none()) {
            return Err(vm.type_error(format!(
                "Found non-str '{}' in skip_file_prefixes.",
                vm.type_of(bad).full_name()
            )));
        }
        let level = if prefixes.is_empty() {
            stacklevel
        } else {
            stacklevel.max(2)
        };
        let source = source.filter(|s| !s.is_none());
        warn_at(vm, &category, message, level, prefixes, source)
    }

    /// Issue a warning, or maybe ignore it or raise an exception.
    #[pyfunction(
        sig = "(message, category, filename, lineno,\n              module=<unrepresentable>, registry=None,\n              module_globals=None, source=None)"
    )]
    #[allow(clippy::too_many_arguments)]
    fn warn_explicit(
        vm: &Vm,
        message: &Value,
        category: &Value,
        filename: &Ref<Str>,
        lineno: i32,
        module: Option<Value>,
        registry: Option<&Value>,
        module_globals: Option<&Value>,
        source: Option<Value>,
    ) -> PyResult<()> {
        if let Some(globals) = module_globals.filter(|g| !g.is_none())
            && globals.downcast::<Dict>().is_none()
        {
            return Err(vm.type_error(format!(
                "module_globals must be a dict, not '{}'",
                vm.type_of(globals).full_name()
            )));
        }
        if let Some(globals) = module_globals.filter(|g| !g.is_none()) {
            remember_source(vm, filename, globals)?;
        }
        let registry = match registry.filter(|r| !r.is_none()) {
            None => None,
            Some(registry) => match registry.downcast::<Dict>() {
                Some(registry) => Some(registry),
                None => return Err(vm.type_error("'registry' must be a dict or None")),
            },
        };
        issue(
            vm,
            Explicit {
                category,
                message,
                filename,
                line: lineno.into(),
                module,
                registry,
                source: source.filter(|s| !s.is_none()),
            },
        )
    }

    #[pyfunction]
    fn _filters_mutated_lock_held(vm: &Vm) -> PyResult<()> {
        let (state, _) = state(vm)?;
        if state.held.get() == 0 || state.owner.get() != vm.thread_id.get() {
            return Err(vm.runtime_error("warnings mutex is not held"));
        }
        state.version.set(state.version.get() + 1);
        Ok(())
    }

    #[pyfunction]
    fn _acquire_lock(vm: &Vm) -> PyResult<()> {
        let (state, _) = state(vm)?;
        let me = vm.thread_id.get();
        while state.held.get() > 0 && state.owner.get() != me {
            vm.without_gil(|| std::thread::sleep(std::time::Duration::from_micros(50)));
            vm.check_signals()?;
        }
        state.owner.set(me);
        state.held.set(state.held.get() + 1);
        Ok(())
    }

    #[pyfunction]
    fn _release_lock(vm: &Vm) -> PyResult<()> {
        let (state, _) = state(vm)?;
        if state.held.get() == 0 || state.owner.get() != vm.thread_id.get() {
            return Err(vm.runtime_error("cannot release un-acquired lock"));
        }
        state.held.set(state.held.get() - 1);
        Ok(())
    }
}
