//! The module `sys`.
//!
//! What is fixed when the interpreter starts comes from its `Config` ([`fill`]); the functions look at the thread and the
//! interpreter. `facts.rs` has the attributes that never change, `hooks.rs` the hooks.
//! `stdin`, `stdout` and `stderr` are not here: the module `_io` makes them.
//! CPython: Python/sysmodule.c.

mod facts;
mod hooks;

pub use hooks::unraisable;

use crate::function::descriptor::GetSetDescriptor;
use crate::objects::dict::Dict;
use crate::objects::exception::BaseException;
use crate::objects::frame::frame_object;
use crate::objects::module::Module;
use crate::objects::str_::Str;
use crate::objects::type_::{Type, TypeFlags};
use crate::protocols::number;
use crate::runtime::Access;
use crate::vm::{PyResult, Raised, Vm};
use facts::DIGITS_THRESHOLD;
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::atomic::Ordering;

/// The version of Python that is implemented.
pub const VERSION: (i64, i64, i64, &str, i64) = (3, 14, 10, "final", 0);
/// `sys.version` up to its first space.
pub const VERSION_TEXT: &str = "3.14.10";
/// `sys.hexversion`.
pub const HEX_VERSION: i64 = 0x030e_0af0;
/// The name of this implementation's own version.
pub const NAJA_VERSION: &str = env!("CARGO_PKG_VERSION");
/// `sys.version`.
pub const VERSION_AND_BUILD: &str = concat!(
    "3.14.10 (Naja ",
    env!("CARGO_PKG_VERSION"),
    ", Nov 21 2026, 00:00:00) [Rust]"
);

/// Text as a value.
fn text(vm: &Vm, text: &str) -> PyResult {
    Ok(vm.new_str(text)?.into_value())
}

/// Bytes of the system (arguments, paths) as Python's text: UTF-8 with surrogate escapes.
fn os_text(vm: &Vm, value: &OsStr) -> PyResult {
    crate::import::path_value(vm, Path::new(value))
}

fn list_of(vm: &Vm, items: impl Iterator<Item = PyResult>) -> PyResult {
    Ok(vm
        .new_list(items.collect::<PyResult<Vec<_>>>()?)?
        .into_value())
}

fn ints(vm: &Vm, items: &[i64]) -> PyResult<Vec<Value>> {
    items.iter().map(|&n| vm.new_int(n)).collect()
}

/// Makes the module and fills it.
pub fn init(vm: &Vm) -> PyResult<()> {
    let sys = crate::builtins::make_module(vm, &module::MODULE)?;
    let monitoring =
        crate::builtins::make_module(vm, &crate::builtins::monitoring::module::MODULE)?;
    sys.set(vm, "monitoring", monitoring.into_value())?;
    vm.interp.state.sys_dict.set(Some(sys.dict()));
    let core = vm.interp.module_state::<crate::import::imp::CoreModules>();
    core.0.with_mut(|modules| modules.push(sys.clone()));
    fill(vm, &sys, &crate::import::modules(vm)?)
}

/// Fills what depends on the configuration. The gate asks nothing here: the host has passed all of it in.
fn fill(vm: &Vm, sys: &Ref<Module>, modules: &Ref<Dict>) -> PyResult<()> {
    let config = &vm.interp.config;
    sys.set(vm, "modules", modules.to_value())?;
    let name = |v: &OsStr| os_text(vm, v);
    let argv = if config.argv.is_empty() {
        vec![std::ffi::OsString::new()]
    } else {
        config.argv.clone()
    };
    sys.set(vm, "argv", list_of(vm, argv.iter().map(|a| name(a)))?)?;
    sys.set(
        vm,
        "orig_argv",
        list_of(vm, config.orig_argv.iter().map(|a| name(a)))?,
    )?;
    let paths = crate::import::paths::compute(config);
    sys.set(vm, "path", list_of(vm, paths.path.iter().map(|p| name(p)))?)?;
    for list in ["meta_path", "path_hooks"] {
        sys.set(vm, list, vm.new_list(Vec::new())?.into_value())?;
    }
    sys.set(vm, "path_importer_cache", vm.new_dict()?.into_value())?;
    sys.set(vm, "executable", name(config.executable.as_os_str())?)?;
    sys.set(vm, "_base_executable", name(&paths.base_executable)?)?;
    for (key, value) in [
        ("prefix", &paths.prefix),
        ("base_prefix", &paths.base_prefix),
        ("exec_prefix", &paths.exec_prefix),
        ("base_exec_prefix", &paths.base_exec_prefix),
    ] {
        sys.set(vm, key, name(value)?)?;
    }
    let stdlib = match &paths.stdlib_dir {
        Some(dir) => name(dir)?,
        None => Value::NONE,
    };
    sys.set(vm, "_stdlib_dir", stdlib)?;
    sys.set(vm, "platlibdir", text(vm, "lib")?)?;
    sys.set(
        vm,
        "dont_write_bytecode",
        Value::from_bool(config.dont_write_bytecode),
    )?;
    let pycache = match &config.pycache_prefix {
        Some(prefix) => name(prefix)?,
        None => Value::NONE,
    };
    sys.set(vm, "pycache_prefix", pycache)?;
    sys.set(
        vm,
        "warnoptions",
        list_of(vm, config.warn_options.iter().map(|o| text(vm, o)))?,
    )?;
    let options = vm.new_dict()?;
    for (key, value) in &config.x_options {
        let value = match value {
            Some(value) => text(vm, value)?,
            None => Value::TRUE,
        };
        options.set_str(vm, &vm.intern(key), value)?;
    }
    sys.set(vm, "_xoptions", options.into_value())?;
    let names = crate::import::builtin_names(vm)
        .into_iter()
        .map(|n| text(vm, n))
        .collect::<PyResult<Vec<_>>>()?;
    sys.set(
        vm,
        "builtin_module_names",
        vm.new_tuple(names)?.into_value(),
    )?;
    for (hook, original) in [
        ("displayhook", "__displayhook__"),
        ("excepthook", "__excepthook__"),
        ("unraisablehook", "__unraisablehook__"),
        ("breakpointhook", "__breakpointhook__"),
    ] {
        if let Some(function) = sys.dict().get_str(vm, &vm.intern(hook))? {
            sys.set(vm, original, function)?;
        }
    }
    Ok(())
}

/// The frame `depth` levels up, for `_getframe` and its relatives.
fn frame_at(vm: &Vm, depth: i64) -> PyResult<Option<Ref<crate::objects::frame::FrameObject>>> {
    let mut frame = vm.visible_frame();
    let mut left = depth;
    while let Some(f) = frame {
        if f.is_complete() {
            if left <= 0 {
                return frame_object(vm, std::ptr::from_ref(f).cast_mut()).map(Some);
            }
            left -= 1;
        }
        // SAFETY: the chain of frames from the current one is live.
        frame = unsafe { f.prev.as_ref() };
    }
    Ok(None)
}

/// The flags of `dlopen` (`RTLD_NOW`): kept for programs that ask; nothing is loaded with them.
struct DlopenFlags(std::cell::Cell<i64>);

impl Default for DlopenFlags {
    fn default() -> DlopenFlags {
        DlopenFlags(std::cell::Cell::new(i64::from(libc::RTLD_NOW)))
    }
}

/// This module provides access to some objects used or maintained by the
/// interpreter and to functions that interact strongly with the interpreter.
#[pymodule(name = "sys", with(facts::module, hooks::module))]
pub mod module {
    use super::*;

    /// Return the current exception.
    ///
    /// Return the most recent exception caught by an except clause
    /// in the current stack frame or in an older stack frame, or None
    /// if no such clause exists.
    #[pyfunction(sig = "()")]
    fn exception(vm: &Vm) -> Option<Value> {
        vm.handled_exception()
    }

    /// Return current exception information: (type, value, traceback).
    ///
    /// Return information about the most recent exception caught by an except
    /// clause in the current stack frame or in an older stack frame.
    #[pyfunction(sig = "()")]
    fn exc_info(vm: &Vm) -> PyResult {
        let items = match vm.handled_exception() {
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
            None => vec![Value::NONE; 3],
        };
        Ok(vm.new_tuple(items)?.into_value())
    }

    /// Exit the interpreter by raising SystemExit(status).
    ///
    /// If the status is omitted or None, it defaults to zero (i.e., success).
    /// If the status is an integer, it will be used as the system exit status.
    /// If it is another kind of object, it will be printed and the system
    /// exit status will be one (i.e., failure).
    #[pyfunction(sig = "(status=None, /)")]
    fn exit(vm: &Vm, status: Option<Value>) -> PyResult {
        let args: Vec<Value> = match status {
            Some(status) => match status.downcast::<crate::objects::tuple::Tuple>() {
                Some(tuple) => tuple.items().to_vec(),
                None => vec![status],
            },
            None => vec![Value::NONE],
        };
        Err(vm.raise_with(&vm.types.system_exit, &args))
    }

    /// Return the current default encoding used by the Unicode implementation.
    #[pyfunction(sig = "()")]
    fn getdefaultencoding() -> &'static str {
        "utf-8"
    }

    /// Return the encoding used to convert Unicode filenames to OS filenames.
    #[pyfunction(sig = "()")]
    fn getfilesystemencoding() -> &'static str {
        "utf-8"
    }

    /// Return the error mode used Unicode to OS filename conversion.
    #[pyfunction(sig = "()")]
    fn getfilesystemencodeerrors() -> &'static str {
        "surrogateescape"
    }

    /// Return a frame object from the call stack.
    ///
    /// If optional integer depth is given, return the frame object that many
    /// calls below the top of the stack.  If that is deeper than the call
    /// stack, ValueError is raised.  The default for depth is zero, returning
    /// the frame at the top of the call stack.
    ///
    /// This function should be used for internal and specialized purposes
    /// only.
    #[pyfunction(sig = "(depth=0, /)")]
    fn _getframe(vm: &Vm, #[default(0)] depth: i32) -> PyResult {
        match frame_at(vm, depth as i64)? {
            Some(frame) => {
                let frame = frame.into_value();
                vm.permit(Access::Event("sys._getframe", std::slice::from_ref(&frame)))?;
                Ok(frame)
            }
            None => Err(vm.value_error("call stack is not deep enough")),
        }
    }

    /// Return a dict mapping each thread's thread id to its current stack frame.
    ///
    /// This function should be used for specialized purposes only.
    #[pyfunction(sig = "()")]
    fn _current_frames(vm: &Vm) -> PyResult<Ref<Dict>> {
        vm.permit(Access::Event("sys._current_frames", &[]))?;
        let mut frames = Vec::new();
        vm.each_thread(|thread| {
            if let Some(frame) = thread.visible_frame() {
                frames.push((thread.thread_id.get(), std::ptr::from_ref(frame).cast_mut()));
            }
        });
        let result = Dict::new(vm)?;
        for (id, frame) in frames {
            let id = crate::IntoPyResult::into_py_result(id, vm)?;
            result.set(vm, &id, frame_object(vm, frame)?.into_value())?;
        }
        Ok(result)
    }

    /// Return a dict mapping each thread's identifier to its current raised exception.
    ///
    /// This function should be used for specialized purposes only.
    #[pyfunction(sig = "()")]
    fn _current_exceptions(vm: &Vm) -> PyResult<Ref<Dict>> {
        vm.permit(Access::Event("sys._current_exceptions", &[]))?;
        let mut exceptions = Vec::new();
        vm.each_thread(|thread| {
            exceptions.push((thread.thread_id.get(), thread.handled_exception()))
        });
        let result = Dict::new(vm)?;
        for (id, exception) in exceptions {
            let id = crate::IntoPyResult::into_py_result(id, vm)?;
            result.set(vm, &id, exception.unwrap_or(Value::NONE))?;
        }
        Ok(result)
    }

    /// Return the name of the module for the calling frame.
    ///
    /// The default depth returns the module containing the call to this API.
    /// A more typical use in a library will pass a depth of 1 to get the user's
    /// module rather than the library module.
    ///
    /// If no frame, module, or name can be found, returns None.
    #[pyfunction(sig = "(depth=0)")]
    fn _getframemodulename(vm: &Vm, #[default(0)] depth: i32) -> PyResult {
        vm.permit(Access::Event(
            "sys._getframemodulename",
            &[vm.new_int(depth as i64)?],
        ))?;
        let Some(frame) = frame_at(vm, depth as i64)? else {
            return Ok(Value::NONE);
        };
        let globals = crate::protocols::attributes::get_by(vm, frame.as_value(), "f_globals")?;
        match globals.downcast::<Dict>() {
            Some(globals) => Ok(globals
                .get_str(vm, &vm.names.__name__)?
                .unwrap_or(Value::NONE)),
            None => Ok(Value::NONE),
        }
    }

    /// Return the maximum string digits limit for non-binary int<->str conversions.
    #[pyfunction(sig = "()")]
    fn get_int_max_str_digits(vm: &Vm) -> usize {
        vm.interp.state.int_max_str_digits.get()
    }

    /// Set the maximum string digits limit for non-binary int<->str conversions.
    #[pyfunction(sig = "(maxdigits)")]
    fn set_int_max_str_digits(vm: &Vm, maxdigits: i32) -> PyResult<()> {
        if maxdigits != 0 && (maxdigits as i64) < DIGITS_THRESHOLD {
            return Err(vm.value_error(format!(
                "maxdigits must be >= {DIGITS_THRESHOLD} or 0 for unlimited"
            )));
        }
        vm.interp.state.int_max_str_digits.set(maxdigits as usize);
        Ok(())
    }

    #[pyfunction(sig = "()")]
    fn _get_cpu_count_config(vm: &Vm) -> i64 {
        vm.interp.config.cpu_count.map_or(-1, i64::from)
    }

    #[pyattr]
    fn _home(_vm: &Vm) -> Value {
        Value::NONE
    }

    #[pyattr]
    fn stdlib_module_names(vm: &Vm) -> PyResult {
        let names = crate::builtins::stdlib_names::NAMES
            .iter()
            .map(|name| Ok(vm.intern(name).into_value()))
            .collect::<PyResult<Vec<_>>>()?;
        Ok(crate::objects::set::FrozenSet::from_values(vm, names)?.into_value())
    }

    /// Return the number of elements of the unicode interned dictionary
    #[pyfunction(sig = "(*, _only_immortal=False)")]
    fn getunicodeinternedsize(vm: &Vm, _only_immortal: Option<bool>) -> usize {
        vm.interp.interner(|i| i.count())
    }

    /// Clear all internal performance-related caches.
    #[pyfunction(sig = "()")]
    fn _clear_internal_caches(vm: &Vm) {
        vm.interp.method_cache.clear();
    }

    /// Return True if remote debugging is enabled, False otherwise.
    #[pyfunction(sig = "()")]
    fn is_remote_debug_enabled() -> bool {
        false
    }

    /// Executes a file containing Python code in a given remote Python process.
    #[pyfunction(sig = "(pid, script)")]
    fn remote_exec(vm: &Vm, pid: &Value, script: &Value) -> PyResult {
        let _ = (pid, script);
        Err(vm.runtime_error("Remote debugging is not enabled"))
    }

    /// Return the current value of the flags that are used for dlopen calls.
    #[pyfunction(sig = "()")]
    fn getdlopenflags(vm: &Vm) -> i64 {
        vm.interp.module_state::<DlopenFlags>().0.get()
    }

    /// Set the flags used by the interpreter for dlopen calls.
    #[pyfunction(sig = "(flags, /)")]
    fn setdlopenflags(vm: &Vm, flags: i64) {
        vm.interp.module_state::<DlopenFlags>().0.set(flags)
    }

    /// `sys._jit`: there is no compiler to machine code yet, and it says so.
    #[pyattr]
    fn _jit(vm: &Vm) -> PyResult {
        Ok(crate::builtins::build_module(vm, &crate::builtins::jit::module::MODULE)?.into_value())
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

    /// Return the reference count of object.
    ///
    /// The count returned is generally one higher than you might expect,
    /// because it includes the (temporary) reference as an argument to
    /// getrefcount().
    #[pyfunction(sig = "(object, /)")]
    fn getrefcount(object: &Value) -> u32 {
        object.header().map_or(u32::MAX, |header| header.refcount())
    }

    /// getsizeof(object [, default]) -> int
    ///
    /// Return the size of object in bytes.
    #[pyfunction(sig = "(object, default=<unrepresentable>)")]
    fn getsizeof(vm: &Vm, object: &Value, default: Option<Value>) -> PyResult {
        let size = match vm.call_special(object, &vm.names.__sizeof__, &[]) {
            Ok(Some(size)) => number::index_i64(vm, &size),
            Ok(None) => Err(vm.type_error(format!(
                "Type {} doesn't define __sizeof__",
                vm.type_of(object).full_name()
            ))),
            Err(raised) => Err(raised),
        };
        match (size, default) {
            (Ok(Some(n)), _) if n < 0 => Err(vm.value_error("__sizeof__() should return >= 0")),
            (Ok(Some(n)), _) => vm.new_int(n),
            (Ok(None), _) => Err(vm.overflow_error("Python int too large to convert to C ssize_t")),
            (Err(Raised), Some(default)) if vm.catch(&vm.types.type_error) => Ok(default),
            (Err(raised), _) => Err(raised),
        }
    }

    /// Return the current thread switch interval; see sys.setswitchinterval().
    #[pyfunction(sig = "()")]
    fn getswitchinterval(vm: &Vm) -> f64 {
        vm.interp.state.switch_interval_us.load(Ordering::Relaxed) as f64 * 1e-6
    }

    /// Set the ideal thread switching delay inside the Python interpreter.
    ///
    /// The actual frequency of switching threads can be lower if the
    /// interpreter executes long sequences of uninterruptible code
    /// (this is implementation-specific and workload-dependent).
    ///
    /// The parameter must represent the desired switching delay in seconds
    /// A typical value is 0.005 (5 milliseconds).
    #[pyfunction(sig = "(interval, /)")]
    fn setswitchinterval(vm: &Vm, interval: f64) -> PyResult<()> {
        if interval.is_nan() || interval <= 0.0 {
            return Err(vm.value_error("switch interval must be strictly positive"));
        }
        vm.interp
            .state
            .switch_interval_us
            .store((interval * 1e6).min(4e9) as u64, Ordering::Relaxed);
        Ok(())
    }

    /// ``Intern'' the given string.
    ///
    /// This enters the string in the (global) table of interned strings whose
    /// purpose is to speed up dictionary lookups. Return the string itself or
    /// the previously interned string object with the same value.
    #[pyfunction(sig = "(string, /)")]
    fn intern(vm: &Vm, string: &Ref<Str>) -> PyResult<Ref<Str>> {
        if !vm.type_of(string.as_value()).is(&vm.types.str) {
            return Err(vm.type_error(format!(
                "can't intern {}",
                vm.type_of(string.as_value()).full_name()
            )));
        }
        Ok(vm.interp.interned_name(string))
    }

    /// Return True if the given string is "interned".
    #[pyfunction(sig = "(string, /)")]
    fn _is_interned(string: &Ref<Str>) -> bool {
        string.header().has_flag(crate::objects::str_::INTERNED)
    }

    /// Return True if the GIL is currently enabled and False otherwise.
    #[pyfunction(sig = "()")]
    fn _is_gil_enabled() -> bool {
        true
    }

    /// Return whether Python is exiting.
    #[pyfunction(sig = "()")]
    fn is_finalizing(vm: &Vm) -> bool {
        vm.interp.state.finalizing.get()
    }

    /// Return True if a stack trampoline is active: never.
    #[pyfunction(sig = "()")]
    fn is_stack_trampoline_active() -> bool {
        false
    }

    /// Check status of origin tracking for coroutine objects in this thread.
    #[pyfunction(sig = "()")]
    fn get_coroutine_origin_tracking_depth(vm: &Vm) -> u32 {
        vm.coroutine_origin_depth.get()
    }

    /// Enable or disable origin tracking for coroutine objects in this thread.
    ///
    /// Coroutine objects will track 'depth' frames of traceback information
    /// about where they came from, available in their cr_origin attribute.
    ///
    /// Set a depth of 0 to disable.
    #[pyfunction(sig = "(depth)")]
    fn set_coroutine_origin_tracking_depth(vm: &Vm, depth: i32) -> PyResult<()> {
        match u32::try_from(depth) {
            Ok(depth) => {
                vm.coroutine_origin_depth.set(depth);
                Ok(())
            }
            Err(_) => Err(vm.value_error("depth must be >= 0")),
        }
    }

    /// Private function for clearing certain descriptors from a type's dictionary.
    ///
    /// See gh-135228 for context.
    #[pyfunction(sig = "(type, /)")]
    fn _clear_type_descriptors(vm: &Vm, r#type: &Ref<Type>) -> PyResult<()> {
        if r#type.flag(TypeFlags::IMMUTABLE) {
            return Err(vm.type_error("argument is immutable"));
        }
        let dict = r#type.dict(vm)?;
        for name in [&vm.names.__dict__, &vm.names.__weakref__] {
            let found = dict.get_str(vm, name)?;
            if found.is_some_and(|f| f.downcast::<GetSetDescriptor>().is_some()) {
                dict.remove_str(vm, name)?;
            }
        }
        r#type.modified();
        Ok(())
    }

    /// Private function for getting the base REPL
    #[pyfunction(sig = "()")]
    fn _baserepl(vm: &Vm) -> PyResult<()> {
        match vm.interp.config.base_repl {
            Some(repl) => repl(vm),
            None => Err(vm.raise(
                &vm.types.not_implemented_error,
                "this interpreter has no prompt",
            )),
        }
    }

    /// Activate stack profiler trampoline *backend*.
    #[pyfunction(sig = "(backend, /)")]
    fn activate_stack_trampoline(vm: &Vm, backend: &Ref<Str>) -> PyResult<()> {
        Err(match backend.as_str() {
            Some("perf" | "perf_jit") => vm.value_error("perf trampoline not available"),
            other => vm.value_error(format!("invalid backend: {}", other.unwrap_or_default())),
        })
    }

    /// Deactivate the current stack profiler trampoline backend.
    ///
    /// If no stack profiler is activated, this function has no effect.
    #[pyfunction(sig = "()")]
    fn deactivate_stack_trampoline() {}

    /// Return True if the given object is "immortal" per PEP 683.
    ///
    /// This function should be used for specialized purposes only.
    #[pyfunction(sig = "(op, /)")]
    fn _is_immortal(op: &Value) -> bool {
        op.header().is_none_or(|header| header.is_immortal())
    }

    /// Clear the internal type cache.
    #[pyfunction(sig = "()")]
    fn _clear_type_cache() {}

    /// Return the number of memory blocks currently allocated: 0, they are not counted.
    #[pyfunction(sig = "()")]
    fn getallocatedblocks(vm: &Vm) -> usize {
        vm.heap().stats().blocks
    }

    /// Print debug info to stderr about the state of the memory allocator.
    #[pyfunction(sig = "()")]
    fn _debugmallocstats(vm: &Vm) {
        crate::builtins::display::write_stderr(vm, &vm.heap().debug_malloc_stats());
    }
}
