//! The start of an interpreter after its core types exist, and its orderly end. CPython: Python/pylifecycle.c.
//!
//! Start: `builtins` and `sys`, importlib, the standard streams, `site`. End: threads are waited for, `atexit` functions
//! run, streams are flushed, then modules are taken apart so that finalisers run while the machine still works:
//! module after module, `sys` and `builtins` last.

use crate::builtins;
use crate::import;
use crate::interpreter::memtrace;
use crate::objects::dict::Dict;
use crate::objects::module::Module;
use crate::objects::str_;
use crate::objects::weakref::WeakRef;
use crate::protocols::attributes;
use crate::vm::{PyResult, Vm};
use naja_heap::{Ref, TypeLayout, Value};

/// Makes the modules that every program finds, and the standard streams. Raises what the library's modules raise.
pub fn start(vm: &Vm) -> PyResult<()> {
    let starting = &vm.interp.heap().gc().starting;
    starting.set(true);
    let started = make_modules(vm);
    starting.set(false);
    started
}

fn make_modules(vm: &Vm) -> PyResult<()> {
    if vm.interp.config.tracemalloc > 0 {
        memtrace::start(vm.interp.config.tracemalloc);
    }
    builtins::init(vm)?;
    import::frozen::start_importlib(vm)?;
    let main = Module::make(vm, "__main__", None)?;
    if let Some(core) = import::modules(vm)?.get_str(vm, &vm.intern("builtins"))? {
        main.set(vm, "__builtins__", core)?;
    }
    let importer = vm
        .interp
        .state
        .importlib
        .get()
        .map(|importlib| crate::protocols::attributes::get_by(vm, &importlib, "BuiltinImporter"))
        .transpose()?;
    main.set(vm, "__loader__", importer.unwrap_or(Value::NONE))?;
    import::modules(vm)?.set_str(vm, &vm.intern("__main__"), main.into_value())?;
    if !vm.interp.config.warn_options.is_empty() {
        // The module reads the options when it is imported, before the first warning is shown.
        import::import_simple(vm, "warnings")?;
    }
    start_streams(vm)?;
    if !vm.interp.config.no_site {
        import::import_simple(vm, "site")?;
    }
    Ok(())
}

/// `sys.stdin`, `sys.stdout`, `sys.stderr` over the file descriptors 0 to 2; None for one that is closed.
fn start_streams(vm: &Vm) -> PyResult<()> {
    let io = import::import_simple(vm, "_io")?;
    let open = crate::protocols::attributes::get_by(vm, &io, "open")?;
    let wrapper = crate::protocols::attributes::get_by(vm, &io, "TextIOWrapper")?;
    if let Some(core) = vm.interp.state.builtins.get() {
        core.set_str(vm, &vm.intern("open"), open.clone())?;
    }
    let (encoding, errors) = stream_encoding(vm)?;
    for (fd, name, mode) in [(0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")] {
        let errors = if fd == 2 { "backslashreplace" } else { &errors };
        let stream = open_stream(vm, &open, &wrapper, fd, (name, mode), (&encoding, errors))?;
        let sys = vm.interp.state.sys_dict.get();
        if let Some(sys) = sys {
            sys.set_str(vm, &vm.intern(name), stream.clone())?;
            sys.set_str(vm, &vm.intern(&format!("__{name}__")), stream)?;
        }
    }
    Ok(())
}

/// Encoding and error handler of the standard streams: `PYTHONIOENCODING`, else the locale's.
fn stream_encoding(vm: &Vm) -> PyResult<(String, String)> {
    let config = &vm.interp.config;
    let lenient = config.utf8_mode == Some(true) || config.lenient_locale;
    let usual = if lenient { "surrogateescape" } else { "strict" };
    let Some(text) = &config.stdio_encoding else {
        return Ok(("utf-8".into(), usual.into()));
    };
    let (encoding, errors) = text.split_once(':').unwrap_or((text, ""));
    let errors = match errors {
        "" if encoding.is_empty() => usual,
        "" => "strict",
        errors => errors,
    };
    let encoding = match encoding {
        "" => "utf-8".into(),
        // The codec's own name for itself.
        given => {
            let codec = str_::codecs::registry::lookup(vm, &vm.intern(given))?;
            let name = attributes::get_by(vm, &codec, "name")?;
            str_::of(&name).map_or(given.to_string(), |name| name.to_string_lossy().into())
        }
    };
    Ok((encoding, errors.into()))
}

fn open_stream(
    vm: &Vm,
    open: &Value,
    wrapper: &Value,
    fd: i64,
    (name, mode): (&str, &str),
    (encoding, errors): (&str, &str),
) -> PyResult {
    // SAFETY: a query about a number.
    if unsafe { libc::fcntl(fd as i32, libc::F_GETFD) } < 0 {
        return Ok(Value::NONE);
    }
    let text = |t: &str| Ok(vm.new_str(t)?.into_value());
    let keywords = |pairs: &[(&str, Value)]| {
        let dict = vm.new_dict()?;
        for (key, value) in pairs {
            dict.set_str(vm, &vm.intern(key), value.clone())?;
        }
        Ok(dict)
    };
    let unbuffered = vm.interp.config.unbuffered && mode == "w";
    let buffering = if unbuffered { 0 } else { -1 };
    let binary = text(&format!("{mode}b"))?;
    let options = keywords(&[
        ("buffering", vm.new_int(buffering)?),
        ("closefd", Value::FALSE),
    ])?;
    let opened = vm.call_with(open, &[vm.new_int(fd)?, binary], Some(&options));
    let buffer = match opened {
        Ok(buffer) => buffer,
        // A descriptor that cannot be used (a directory) counts as closed.
        Err(_) if vm.catch(&vm.types.os_error) => return Ok(Value::NONE),
        Err(raised) => return Err(raised),
    };
    let raw = if unbuffered {
        buffer.clone()
    } else {
        crate::protocols::attributes::get_by(vm, &buffer, "raw")?
    };
    let shown = text(&format!("<{name}>"))?;
    crate::protocols::attributes::set(vm, &raw, &vm.intern("name"), Some(&shown))?;
    let tty = vm.call_method_str(&raw, "isatty", &[])?;
    let tty = crate::protocols::object::is_true(vm, &tty)?;
    let options = keywords(&[
        ("encoding", text(encoding)?),
        ("errors", text(errors)?),
        ("newline", text("\n")?),
        (
            "line_buffering",
            Value::from_bool(!unbuffered && (tty || fd == 2)),
        ),
        ("write_through", Value::from_bool(unbuffered)),
    ])?;
    let stream = vm.call_with(wrapper, &[buffer], Some(&options))?;
    crate::protocols::attributes::set(vm, &stream, &vm.intern("mode"), Some(&text(mode)?))?;
    Ok(stream)
}

/// Ends the interpreter: what `Py_FinalizeEx` does before memory is given back. Gives whether the streams could be
/// flushed; where not, the program's exit code is 120.
pub fn finish(vm: &Vm) -> bool {
    wait_for_threads(vm);
    builtins::atexit::run(vm);
    let flushed = flush_streams(vm);
    vm.interp.state.finalizing.set(true);
    take_modules_apart(vm);
    let flushed_again = builtins::print::flush_native().is_ok();
    flushed && flushed_again
}

/// Waits for the threads that are no daemons; daemons stop at their next try to run.
pub fn wait_for_threads(vm: &Vm) {
    for name in ["threading", "_thread"] {
        let module = import::modules(vm).and_then(|m| m.get_str(vm, &vm.intern(name)));
        if let Ok(Some(module)) = module {
            if vm.call_method_str(&module, "_shutdown", &[]).is_err() {
                crate::objects::exception::write_unraisable(vm, Some(&module));
            }
            return;
        }
        vm.clear_exception();
    }
}

/// Flushes `sys.stdout` and `sys.stderr`. An error of the first is reported.
pub fn flush_streams(vm: &Vm) -> bool {
    let mut good = true;
    for name in ["stdout", "stderr"] {
        let Ok(Some(stream)) = vm.sys_attr(name) else {
            vm.clear_exception();
            continue;
        };
        if stream.is_none() {
            continue;
        }
        let closed = crate::protocols::attributes::get_optional(vm, &stream, &vm.intern("closed"));
        let closed = closed.and_then(|closed| match closed {
            Some(closed) => crate::protocols::object::is_true(vm, &closed),
            None => Ok(false),
        });
        match closed {
            Ok(true) => continue,
            Ok(false) => {}
            Err(_) => vm.clear_exception(),
        }
        if vm.call_method_str(&stream, "flush", &[]).is_err() {
            good = false;
            let exception = vm.take_exception();
            if name == "stdout" {
                let doing = "Exception ignored while flushing sys.stdout";
                builtins::sys::unraisable(vm, exception, None, Some(doing));
            }
        }
    }
    good
}

/// Whether somebody could notice that objects are freed at the end: a finalizer or a weak reference's callback would run, or
/// the collector reports what it does. The standard streams, which everybody has, have been flushed already.
fn freeing_matters(vm: &Vm) -> bool {
    let config = &vm.interp.config;
    if vm.interp.heap().gc().debug.get() != 0
        || builtins::gc::has_callbacks(vm)
        || !config.warn_options.is_empty()
        || config.dev_mode
        || crate::objects::weakref::any_callbacks(vm)
    {
        return true;
    }
    let mut streams = Vec::new();
    for name in ["__stdin__", "__stdout__", "__stderr__"] {
        let Ok(mut layer) = vm.sys_attr(name) else {
            vm.clear_exception();
            return true;
        };
        while let Some(stream) = layer.filter(|stream| !stream.is_none()) {
            let flags = stream.header().map_or(0, |h| h.layout().flags.get());
            if flags & TypeLayout::COUNTED != 0 || streams.len() >= 9 {
                return true; // not of `_io`'s own classes
            }
            let inner = ["buffer", "raw"].map(|name| {
                attributes::get_optional(vm, &stream, &vm.intern(name)).unwrap_or_else(|_| {
                    vm.clear_exception();
                    None
                })
            });
            streams.push(stream);
            layer = inner.into_iter().flatten().next();
        }
    }
    vm.interp.heap().has_finalizers(&streams)
}

/// Frees what modules hold, in an order in which finalizers still find what they need; nothing where there are none, as
/// the system takes the process's memory back as a whole. CPython: `finalize_modules`.
fn take_modules_apart(vm: &Vm) {
    if !freeing_matters(vm) {
        return;
    }
    let Ok(modules) = import::modules(vm) else {
        return vm.clear_exception();
    };
    let sys = vm.interp.state.sys_dict.get();
    if let Some(sys) = &sys {
        for name in [
            "path",
            "argv",
            "ps1",
            "ps2",
            "last_exc",
            "last_type",
            "last_value",
            "last_traceback",
            "path_hooks",
            "path_importer_cache",
            "meta_path",
        ] {
            let name = vm.intern(name);
            if let Ok(Some(_)) = sys.get_str(vm, &name) {
                forget(vm, sys.set_str(vm, &name, Value::NONE));
            }
        }
        for name in ["stdin", "stdout", "stderr"] {
            let original = sys.get_str(vm, &vm.intern(&format!("__{name}__")));
            if let Ok(Some(stream)) = original {
                forget(vm, sys.set_str(vm, &vm.intern(name), stream));
            }
        }
    }
    // Modules are held weakly while `sys.modules` is emptied: those that nobody else holds go at once.
    let mut held: Vec<(Option<Value>, Option<Ref<Dict>>)> = Vec::new();
    for (name, module) in modules.items_vec() {
        let core = module.downcast::<Module>().is_some_and(|m| {
            let dict = m.dict();
            let same = |other: &Option<Ref<Dict>>| other.as_ref().is_some_and(|o| o.is(&dict));
            same(&sys) || same(&vm.interp.state.builtins.get())
        });
        if !core && let Some(native) = module.downcast::<Module>() {
            let reference = WeakRef::make(vm, vm.class::<WeakRef>(), &module, None);
            match reference {
                Ok(reference) => held.push((Some(reference), None)),
                Err(_) => {
                    vm.clear_exception();
                    held.push((None, Some(native.dict())));
                }
            }
        }
        forget(vm, modules.set(vm, &name, Value::NONE));
    }
    modules.clear_table();
    vm.interp.state.importlib.set(None);
    let _ = vm.interp.heap().collect(2);
    for (reference, dict) in held.into_iter().rev() {
        let alive = reference
            .as_ref()
            .and_then(|r| r.downcast::<WeakRef>())
            .and_then(|r| r.get());
        let dict = match alive.as_ref().and_then(Value::downcast::<Module>) {
            Some(module) => Some(module.dict()),
            None => dict,
        };
        if let Some(dict) = dict {
            clear_module_dict(vm, &dict);
        }
    }
    crate::objects::str_::codecs::registry::clear(vm);
    let _ = vm.interp.heap().collect(2);
    if let Some(sys) = sys {
        clear_module_dict(vm, &sys);
    }
    if let Some(core) = vm.interp.state.builtins.get() {
        clear_module_dict(vm, &core);
    }
}

/// Ignores an error at the end of everything.
fn forget<T>(vm: &Vm, result: PyResult<T>) {
    if result.is_err() {
        vm.clear_exception()
    }
}

/// Sets the names of a module to None: first those with one underscore, then all but `__builtins__`.
/// CPython: `_PyModule_ClearDict`.
fn clear_module_dict(vm: &Vm, dict: &Ref<Dict>) {
    for private in [true, false] {
        for (key, value) in dict.items_vec() {
            let Some(name) = crate::objects::str_::of(&key) else {
                continue;
            };
            let name = name.as_bytes();
            let hidden = name.starts_with(b"_") && name.get(1) != Some(&b'_');
            let chosen = if private {
                hidden
            } else {
                name != b"__builtins__"
            };
            if chosen && !value.is_none() {
                drop(value);
                forget(vm, dict.set(vm, &key, Value::NONE));
            }
        }
    }
}
