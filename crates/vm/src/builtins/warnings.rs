//! Warnings issued by the machine itself.
//!
//! If the program has imported `warnings`, its `warn_explicit` decides. Otherwise the filters are those of `-W`,
//! `PYTHONWARNINGS` and the defaults, and a warning is written to standard error in CPython's format, once per place
//! (`__warningregistry__`). CPython: Python/_warnings.c.

use crate::objects::dict::Dict;
use crate::objects::str_;
use crate::objects::type_::{Type, is_subtype};
use crate::protocols::object;
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, Value};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Error,
    Ignore,
    Always,
    Default,
    Module,
    Once,
}

/// One filter; empty parts match everything.
struct Filter {
    action: Action,
    message: String,
    category: Ref<Type>,
    module: String,
    line: i32,
}

fn action_of(text: &str) -> Option<Action> {
    let text = if text == "all" { "always" } else { text };
    let all = [
        ("default", Action::Default),
        ("always", Action::Always),
        ("ignore", Action::Ignore),
        ("module", Action::Module),
        ("once", Action::Once),
        ("error", Action::Error),
    ];
    all.iter()
        .find(|(name, _)| !text.is_empty() && name.starts_with(text))
        .map(|(_, action)| *action)
}

/// The warning class called `name` in `builtins`.
fn category_of(vm: &Vm, name: &str) -> Option<Ref<Type>> {
    if name.is_empty() {
        return Some(vm.types.warning.clone());
    }
    let builtins = vm.interp.state.builtins.get()?;
    let found = match builtins.get_str(vm, &vm.intern(name)) {
        Ok(found) => found?,
        Err(_) => {
            vm.clear_exception();
            return None;
        }
    };
    found
        .downcast_into::<Type>()
        .ok()
        .filter(|ty| is_subtype(ty, &vm.types.warning))
}

fn parse_filter(vm: &Vm, option: &str) -> Option<Filter> {
    let mut parts = option.split(':').map(str::trim);
    let action = action_of(parts.next()?)?;
    let message = parts.next().unwrap_or("").to_string();
    let category = category_of(vm, parts.next().unwrap_or(""))?;
    let module = parts.next().unwrap_or("").to_string();
    let line = match parts.next().unwrap_or("") {
        "" => 0,
        text => text.parse().ok()?,
    };
    Some(Filter {
        action,
        message,
        category,
        module,
        line,
    })
}

/// The filters in force, first match wins.
fn filters(vm: &Vm) -> Vec<Filter> {
    let config = &vm.interp.config;
    let mut filters: Vec<Filter> = config
        .warn_options
        .iter()
        .rev()
        .filter_map(|o| parse_filter(vm, o))
        .collect();
    let t = vm.types;
    let mut add = |action, category: &Ref<Type>, module: &str| {
        filters.push(Filter {
            action,
            message: String::new(),
            category: category.clone(),
            module: module.into(),
            line: 0,
        })
    };
    match config.bytes_warning {
        0 => {}
        1 => add(Action::Default, &t.bytes_warning, ""),
        _ => add(Action::Error, &t.bytes_warning, ""),
    }
    if config.dev_mode {
        add(Action::Default, &t.warning, "");
    }
    add(Action::Default, &t.deprecation_warning, "__main__");
    add(Action::Ignore, &t.deprecation_warning, "");
    add(Action::Ignore, &t.pending_deprecation_warning, "");
    add(Action::Ignore, &t.import_warning, "");
    add(Action::Ignore, &t.resource_warning, "");
    filters
}

/// The module `warnings`, if the program has imported it.
fn python_warnings(vm: &Vm) -> PyResult<Option<Value>> {
    match vm.interp.state.modules.get() {
        Some(modules) => Ok(modules
            .get_str(vm, &vm.intern("warnings"))?
            .filter(|m| !m.is_none())),
        None => Ok(None),
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
    let guessed = filename
        .strip_suffix(".py")
        .unwrap_or(if filename.is_empty() {
            "<unknown>"
        } else {
            filename
        });
    let module = module.unwrap_or(guessed);
    if let Some(warnings) = python_warnings(vm)? {
        let args = [
            vm.new_str(message)?.into_value(),
            category.to_value(),
            vm.new_str(filename)?.into_value(),
            vm.new_int(line as i64)?,
            vm.new_str(module)?.into_value(),
            registry.map_or(Value::NONE, |r| r.to_value()),
        ];
        vm.call_method(&warnings, &vm.names.warn_explicit, &args)?;
        return Ok(());
    }
    let action = filters(vm)
        .into_iter()
        .find(|f| {
            is_subtype(category, &f.category)
                && (f.message.is_empty()
                    || message
                        .to_lowercase()
                        .starts_with(&f.message.to_lowercase()))
                && (f.module.is_empty() || f.module == module)
                && (f.line == 0 || f.line == line)
        })
        .map_or(Action::Default, |f| f.action);
    match action {
        Action::Ignore => return Ok(()),
        Action::Error => return Err(vm.raise(category, message)),
        Action::Always => {}
        Action::Default | Action::Module | Action::Once => {
            if let Some(registry) = registry {
                let line = if action == Action::Default { line } else { 0 };
                let key = vec![
                    vm.new_str(message)?.into_value(),
                    category.to_value(),
                    vm.new_int(line as i64)?,
                ];
                let key = vm.new_tuple(key)?.into_value();
                if registry.contains(vm, &key)? {
                    return Ok(());
                }
                registry.set(vm, &key, Value::TRUE)?;
            }
        }
    }
    let mut text = format!("{filename}:{line}: {}: {message}\n", category.name());
    if let Some(source) = super::display::source_line(vm, filename, line) {
        text.push_str(&format!("  {}\n", source.trim()));
    }
    super::display::write_stderr(vm, &text);
    Ok(())
}

impl Vm {
    /// Issues a warning about the code `level` frames up (1: the running one). Raises it where a filter says so.
    pub fn warn(
        &self,
        category: &Ref<Type>,
        message: impl AsRef<str>,
        level: usize,
    ) -> PyResult<()> {
        let message = message.as_ref();
        let mut frame = self.visible_frame();
        for _ in 1..level {
            // SAFETY: the chain of frames from the current one is live.
            frame = frame.and_then(|f| unsafe { f.prev.as_ref() });
        }
        let Some(frame) = frame else {
            return warn_explicit(self, category, message, "<sys>", 0, Some("sys"), None);
        };
        let globals = frame.globals();
        let filename = frame.code().filename.to_string_lossy().into_owned();
        let line = frame.line().unwrap_or(0);
        let module = globals.get_str(self, &self.names.__name__)?;
        let module = module
            .as_ref()
            .and_then(str_::of)
            .map_or("<string>".to_string(), |m| m.to_string_lossy().into_owned());
        let registry = match globals.get_str(self, &self.names.__warningregistry__)? {
            Some(registry) => registry.downcast_into::<Dict>().ok(),
            None => {
                let registry = self.new_dict()?;
                globals.set_str(self, &self.names.__warningregistry__, registry.to_value())?;
                Some(registry)
            }
        };
        warn_explicit(
            self,
            category,
            message,
            &filename,
            line,
            Some(&module),
            registry.as_ref(),
        )
    }

    /// "coroutine 'x' was never awaited". What issuing it raises is reported, not passed on.
    pub fn warn_unawaited(&self, coroutine: &Value) {
        let name = crate::protocols::attributes::get_by(self, coroutine, "__qualname__")
            .and_then(|name| object::repr(self, &name))
            .map(|name| name.to_string_lossy().into_owned());
        let issued = match name {
            Ok(name) => self.warn(
                &self.types.runtime_warning,
                format!("coroutine {name} was never awaited"),
                1,
            ),
            Err(raised) => Err(raised),
        };
        if issued.is_err() {
            crate::objects::exception::write_unraisable_while(
                self,
                "finalizing coroutine",
                coroutine,
            )
        }
    }
}
