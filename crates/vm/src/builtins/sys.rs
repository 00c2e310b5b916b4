//! The module `sys`: what there is of it so far. CPython: Python/sysmodule.c.

use super::display::{format_exception, print_exception, write_stderr};
use crate::function::OrNone;
use crate::objects::exception::BaseException;
use crate::objects::namespace::SimpleNamespace;
use crate::objects::str_;
use crate::protocols::{attributes, object};
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use std::os::unix::ffi::OsStrExt;

/// The version of the language: that of CPython whose behaviour is the specification.
pub const VERSION: (i64, i64, i64) = (3, 14, 0);

/// Makes `sys` and fills in what depends on the configuration.
pub fn init(vm: &Vm) -> PyResult<()> {
    let module = super::make_module(vm, &sys::MODULE)?;
    vm.interp.state.sys_dict.set(Some(module.dict()));
    let config = &vm.interp.config;
    let list = |items: &[std::ffi::OsString]| -> PyResult {
        let items = items
            .iter()
            .map(|s| os_str(vm, s))
            .collect::<PyResult<Vec<Value>>>()?;
        Ok(vm.new_list(items)?.into_value())
    };
    module.set(vm, "argv", list(&config.argv)?)?;
    module.set(vm, "orig_argv", list(&config.orig_argv)?)?;
    module.set(vm, "executable", os_str(vm, config.executable.as_os_str())?)?;
    let mut path = Vec::new();
    if let Some(extra) = config
        .python_path
        .as_ref()
        .filter(|_| !config.ignore_environment)
    {
        for part in extra
            .as_bytes()
            .split(|&b| b == b':')
            .filter(|p| !p.is_empty())
        {
            path.push(os_str(vm, std::ffi::OsStr::from_bytes(part))?);
        }
    }
    module.set(vm, "path", vm.new_list(path)?.into_value())?;
    if let Some(modules) = vm.interp.state.modules.get() {
        module.set(vm, "modules", modules.into_value())?;
    }
    let names = crate::import::builtin_names()
        .into_iter()
        .chain(["builtins", "sys"]);
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    let names = names
        .into_iter()
        .map(|n| vm.intern(n).into_value())
        .collect();
    module.set(
        vm,
        "builtin_module_names",
        vm.new_tuple(names)?.into_value(),
    )?;
    for name in ["displayhook", "excepthook", "unraisablehook"] {
        if let Some(hook) = module.dict().get_str(vm, &vm.intern(name))? {
            module.set(vm, &format!("__{name}__"), hook)?;
        }
    }
    Ok(())
}

/// A string of the operating system; bytes that are no UTF-8 become lone surrogates (PEP 383).
pub fn os_str(vm: &Vm, text: &std::ffi::OsStr) -> PyResult {
    let errors = vm.new_str("surrogateescape")?;
    str_::codecs::decode(vm, text.as_bytes(), None, Some(&errors))
}

/// `sys.unraisablehook`'s default: reports an exception that cannot be passed on.
pub fn unraisable(
    vm: &Vm,
    exception: Ref<BaseException>,
    object: Option<&Value>,
    message: Option<&str>,
) {
    let mut text = match (message, object.map(|o| object::repr(vm, o))) {
        (Some(message), _) => format!("{message}:\n"),
        (None, Some(Ok(shown))) => format!("Exception ignored in: {}\n", shown.to_string_lossy()),
        (None, Some(Err(Raised))) => {
            vm.clear_exception();
            "Exception ignored in: <object repr() failed>\n".to_string()
        }
        (None, None) => "Exception ignored:\n".to_string(),
    };
    text += &format_exception(vm, &exception);
    write_stderr(vm, &text);
}

/// A namespace of named values, for `sys.flags` and its like.
fn namespace(vm: &Vm, values: &[(&str, Value)]) -> PyResult {
    let made = vm
        .new_object_of(&vm.types.simple_namespace, SimpleNamespace)?
        .into_value();
    for (name, value) in values {
        crate::objects::instance::set(vm, &made, &vm.intern(name), Some(value))?;
    }
    Ok(made)
}

#[pymodule(
    name = "sys",
    doc = "This module provides access to some objects used or maintained by the\ninterpreter and to functions that interact strongly with the interpreter."
)]
pub mod sys {
    use super::*;

    #[pyattr]
    fn version(_vm: &Vm) -> String {
        let (a, b, c) = VERSION;
        format!("{a}.{b}.{c} (Naja {})", env!("CARGO_PKG_VERSION"))
    }

    #[pyattr]
    fn version_info(vm: &Vm) -> PyResult {
        let (a, b, c) = VERSION;
        let parts = vec![
            vm.new_int(a)?,
            vm.new_int(b)?,
            vm.new_int(c)?,
            vm.intern("final").into_value(),
            vm.new_int(0)?,
        ];
        Ok(vm.new_tuple(parts)?.into_value())
    }

    #[pyattr]
    fn hexversion(_vm: &Vm) -> i64 {
        let (a, b, c) = VERSION;
        a << 24 | b << 16 | c << 8 | 0xf0
    }

    #[pyattr]
    fn implementation(vm: &Vm) -> PyResult {
        let values = [
            ("name", vm.intern("naja").into_value()),
            ("cache_tag", vm.intern("naja-314").into_value()),
            ("version", version_info(vm)?),
            ("hexversion", vm.new_int(hexversion(vm))?),
        ];
        namespace(vm, &values)
    }

    #[pyattr]
    fn flags(vm: &Vm) -> PyResult {
        let c = &vm.interp.config;
        let int = |n: i64| Value::small_int(n);
        let values = [
            ("debug", int(c.debug as i64)),
            ("inspect", int(c.inspect as i64)),
            ("interactive", int(c.interactive as i64)),
            ("optimize", int(c.optimize as i64)),
            ("dont_write_bytecode", int(c.dont_write_bytecode as i64)),
            ("no_user_site", int(c.no_user_site as i64)),
            ("no_site", int(c.no_site as i64)),
            ("ignore_environment", int(c.ignore_environment as i64)),
            ("verbose", int(c.verbose as i64)),
            ("bytes_warning", int(c.bytes_warning as i64)),
            ("quiet", int(c.quiet as i64)),
            ("hash_randomization", int((c.hash_seed != Some(0)) as i64)),
            ("isolated", int(c.isolated as i64)),
            ("dev_mode", Value::from_bool(c.dev_mode)),
            ("utf8_mode", int(c.utf8_mode.unwrap_or(true) as i64)),
            ("safe_path", Value::from_bool(c.safe_path)),
            (
                "int_max_str_digits",
                int(vm.interp.state.int_max_str_digits.get() as i64),
            ),
        ];
        namespace(vm, &values)
    }

    #[pyattr]
    fn maxsize(_vm: &Vm) -> i64 {
        i64::MAX
    }

    #[pyattr]
    fn maxunicode(_vm: &Vm) -> i64 {
        0x10ffff
    }

    #[pyattr]
    fn byteorder(_vm: &Vm) -> &'static str {
        if cfg!(target_endian = "little") {
            "little"
        } else {
            "big"
        }
    }

    #[pyattr]
    fn platform(_vm: &Vm) -> &'static str {
        "linux"
    }

    #[pyattr]
    fn copyright(_vm: &Vm) -> &'static str {
        "Naja: MIT OR Apache-2.0. The Python standard library: Copyright (c) 2001 Python Software Foundation."
    }

    /// Exit the interpreter by raising SystemExit(status).
    ///
    /// If the status is omitted or None, it defaults to zero (i.e., success).
    /// If the status is an integer, it will be used as the system exit status.
    /// If it is another kind of object, it will be printed and the system
    /// exit status will be one (i.e., failure).
    #[pyfunction(sig = "(status=None, /)")]
    fn exit(vm: &Vm, status: Option<Value>) -> PyResult<()> {
        let args: Vec<Value> = status.into_iter().filter(|s| !s.is_none()).collect();
        Err(vm.raise_with(&vm.types.system_exit, &args))
    }

    /// Return current exception information: (type, value, traceback).
    ///
    /// Return information about the most recent exception caught by an except
    /// clause in the current stack frame or in an older stack frame.
    #[pyfunction(sig = "()")]
    fn exc_info(vm: &Vm) -> PyResult {
        let parts = match vm.handled_exception() {
            Some(exception) => {
                let traceback = exception
                    .downcast::<BaseException>()
                    .map_or(Value::NONE, |e| e.traceback_value());
                vec![
                    vm.type_of(&exception).to_ref().into_value(),
                    exception,
                    traceback,
                ]
            }
            None => vec![Value::NONE, Value::NONE, Value::NONE],
        };
        Ok(vm.new_tuple(parts)?.into_value())
    }

    /// Return the current exception.
    ///
    /// Return the most recent exception caught by an except clause
    /// in the current stack frame or in an older stack frame, or None
    /// if no such clause exists.
    #[pyfunction(sig = "()")]
    fn exception(vm: &Vm) -> Option<Value> {
        vm.handled_exception()
    }

    /// Return the reference count of object.
    ///
    /// The count returned is generally one higher than you might expect,
    /// because it includes the (temporary) reference as an argument to
    /// getrefcount().
    #[pyfunction(sig = "(object, /)")]
    fn getrefcount(object: &Value) -> i64 {
        match object.header() {
            Some(header) => header.refcount() as i64,
            None => 0xC000_0000,
        }
    }

    /// ``Intern'' the given string.
    ///
    /// This enters the string in the (global) table of interned strings whose
    /// purpose is to speed up dictionary lookups. Return the string itself or
    /// the previously interned string object with the same value.
    #[pyfunction(sig = "(string, /)")]
    fn intern(vm: &Vm, string: &Value) -> PyResult {
        match str_::of(string) {
            Some(text) if vm.type_of(string).is(&vm.types.str) => {
                Ok(vm.interp.interned_name(text).into_value())
            }
            Some(_) => {
                Err(vm.type_error(format!("can't intern {}", vm.type_of(string).full_name())))
            }
            None => Err(vm.type_error(format!(
                "intern() argument must be str, not {}",
                vm.type_of(string).full_name()
            ))),
        }
    }

    /// Return the current value of the recursion limit.
    ///
    /// The recursion limit is the maximum depth of the Python interpreter
    /// stack.  This limit prevents infinite recursion from causing an overflow
    /// of the C stack and crashing Python.
    #[pyfunction(sig = "()")]
    fn getrecursionlimit(vm: &Vm) -> u32 {
        vm.interp.recursion_limit()
    }

    /// Set the maximum depth of the Python interpreter stack to n.
    ///
    /// This limit prevents infinite recursion from causing an overflow of the C
    /// stack and crashing Python.  The highest possible limit is platform-
    /// dependent.
    #[pyfunction(sig = "(limit, /)")]
    fn setrecursionlimit(vm: &Vm, limit: i32) -> PyResult<()> {
        if limit < 1 {
            return Err(vm.value_error("recursion limit must be greater or equal than 1"));
        }
        let depth = vm.depth.get();
        if depth >= limit as u32 {
            return Err(vm.recursion_error(format!(
                "cannot set the recursion limit to {limit} at the recursion depth {depth}: the limit is too low"
            )));
        }
        vm.interp.state.recursion_limit.set(limit as u32);
        Ok(())
    }

    /// Return the maximum string digits limit for non-binary int<->str conversions.
    #[pyfunction(sig = "()")]
    fn get_int_max_str_digits(vm: &Vm) -> usize {
        vm.interp.state.int_max_str_digits.get()
    }

    /// Set the maximum string digits limit for non-binary int<->str conversions.
    #[pyfunction(sig = "(maxdigits)")]
    fn set_int_max_str_digits(vm: &Vm, maxdigits: isize) -> PyResult<()> {
        if maxdigits != 0 && maxdigits < 640 {
            return Err(vm.value_error("maxdigits must be >= 640 or 0 for unlimited"));
        }
        vm.interp.state.int_max_str_digits.set(maxdigits as usize);
        Ok(())
    }

    /// Return a frame object from the call stack.
    ///
    /// If optional integer depth is given, return the frame object that many
    /// calls below the top of the stack.  If that is deeper than the call
    /// stack, ValueError is raised.  The default for depth is zero, returning
    /// the frame at the top of the call stack.
    #[pyfunction(sig = "(depth=0, /)")]
    fn _getframe(vm: &Vm, #[default(0)] depth: i32) -> PyResult {
        let mut frame = vm.current_frame();
        let mut left = depth.max(0);
        // SAFETY: the chain of frames from the current one is live.
        unsafe {
            while let Some(f) = frame.as_ref() {
                if f.is_complete() {
                    if left == 0 {
                        return Ok(crate::objects::frame::frame_object(vm, frame)?.into_value());
                    }
                    left -= 1;
                }
                frame = f.prev;
            }
        }
        Err(vm.value_error("call stack is not deep enough"))
    }

    /// Print an object to sys.stdout and also save it in builtins._
    #[pyfunction(sig = "(object, /)")]
    fn displayhook(vm: &Vm, object: &Value) -> PyResult<()> {
        if object.is_none() {
            return Ok(());
        }
        let shown = object::repr(vm, object)?;
        crate::builtins::print::print(vm, &[shown.into_value()], None, None, None, false)?;
        if let Some(builtins) = vm.interp.state.builtins.get() {
            builtins.set_str(vm, &vm.intern("_"), object.clone())?;
        }
        Ok(())
    }

    /// Handle an exception by displaying it with a traceback on sys.stderr.
    #[pyfunction(sig = "(exctype, value, traceback, /)")]
    fn excepthook(vm: &Vm, _exctype: &Value, value: &Value, _traceback: &Value) {
        if let Some(exception) = value.downcast::<BaseException>() {
            print_exception(vm, exception);
        }
    }

    /// Handle an unraisable exception.
    #[pyfunction(sig = "(unraisable, /)")]
    fn unraisablehook(vm: &Vm, unraisable: &Value) -> PyResult<()> {
        let value = attributes::get_by(vm, unraisable, "exc_value")?;
        if let Ok(exception) = value.downcast_into::<BaseException>() {
            let object = attributes::get_by(vm, unraisable, "object")?;
            super::unraisable(vm, exception, Some(&object).filter(|o| !o.is_none()), None);
        }
        Ok(())
    }

    /// Adds a new audit hook callback.
    #[pyfunction(sig = "(hook)")]
    fn addaudithook(vm: &Vm, hook: Value) -> PyResult<()> {
        vm.audit("sys.addaudithook", &[])?;
        vm.interp.state.audit_hooks.with_mut(|h| h.push(hook));
        Ok(())
    }

    /// Passes the event to any hooks that are attached.
    #[pyfunction(sig = "(event, /, *args)")]
    fn audit(vm: &Vm, event: String, args: &[Value]) -> PyResult<()> {
        vm.audit(&event, args)
    }

    /// Return the size of object in bytes.
    #[pyfunction(sig = "(object, default=<unrepresentable>)")]
    fn getsizeof(vm: &Vm, object: &Value, default: Option<Value>) -> PyResult {
        match vm.call_special(object, &vm.names.__sizeof__, &[])? {
            Some(size) => Ok(size),
            None => default.ok_or_else(|| vm.type_error("Type has no __sizeof__")),
        }
    }

    /// Return whether or not the interpreter is finalizing.
    #[pyfunction(sig = "()")]
    fn is_finalizing(vm: &Vm) -> bool {
        vm.interp.state.finalizing.get()
    }

    /// Set the global debug tracing function.
    #[pyfunction(sig = "(function, /)")]
    fn settrace(vm: &Vm, function: OrNone<Value>) -> PyResult<()> {
        match function.0 {
            None => Ok(()),
            Some(_) => Err(vm.not_implemented_error("sys.settrace() is not implemented yet")),
        }
    }

    /// Set the profiling function.
    #[pyfunction(sig = "(function, /)")]
    fn setprofile(vm: &Vm, function: OrNone<Value>) -> PyResult<()> {
        match function.0 {
            None => Ok(()),
            Some(_) => Err(vm.not_implemented_error("sys.setprofile() is not implemented yet")),
        }
    }
}
