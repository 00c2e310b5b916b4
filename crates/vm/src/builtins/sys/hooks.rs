//! The hooks of `sys`: what is called for audited events, results and exceptions that nobody takes, breakpoints, traced
//! and profiled calls, and asynchronous generators.
//!
//! Invariant: [`unraisable`] never raises: where the hook itself fails, the exception is written natively. CPython:
//! Python/sysmodule.c, and _PyErr_WriteUnraisableMsg in Python/errors.c.

use super::text;
use crate::function::Args;
use crate::objects::exception::BaseException;
use crate::objects::traceback::Traceback;
use crate::objects::{str_, structseq};
use crate::protocols::object;
use crate::struct_sequence;
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Ref, Value};
use naja_macros::pymodule;

struct_sequence! { new ASYNCGEN_HOOKS = "asyncgen_hooks" in "sys", "asyncgen_hooks\n\nNamed tuple holding information about asynchronous generators hooks.\nThe attributes are read only.";
    0 "firstiter" "Hook to intercept first iteration"; 1 "finalizer" "Hook to intercept finalization";
}

struct_sequence! { new UNRAISABLE = "UnraisableHookArgs" in "sys", "UnraisableHookArgs\n\nType used to pass arguments to sys.unraisablehook.";
    0 "exc_type" "Exception type"; 1 "exc_value" "Exception value"; 2 "exc_traceback" "Exception traceback";
    3 "err_msg" "Error message"; 4 "object" "Object causing the exception";
}

/// Reports an exception that cannot be passed on: calls `sys.unraisablehook`, or writes it natively if that fails.
pub fn unraisable(
    vm: &Vm,
    exception: Ref<BaseException>,
    object: Option<&Value>,
    message: Option<&str>,
) {
    if exception.traceback().is_none()
        && let Some(frame) = vm.visible_frame()
        && let Ok(traceback) = Traceback::of_frame(vm, frame)
    {
        exception.set_traceback(Some(traceback));
    }
    if call_unraisable_hook(vm, &exception, object, message).is_err() {
        vm.clear_exception();
        write_unraisable(vm, &exception, object, message);
    }
}

/// What the encoding of `sys.stdout` cannot express goes there as escapes. CPython: `sys_displayhook_unencodable`.
fn show_escaped(vm: &Vm, stdout: &Value, shown: &Value) -> PyResult<()> {
    use crate::protocols::attributes;
    let encoding = attributes::get_by(vm, stdout, "encoding")?;
    let how = text(vm, "backslashreplace")?;
    let bytes = vm.call_method_str(shown, "encode", &[encoding.clone(), how])?;
    if let Some(buffer) = attributes::get_optional(vm, stdout, &vm.intern("buffer"))? {
        return vm.call_method(&buffer, &vm.names.write, &[bytes]).map(drop);
    }
    let again = vm.call_method_str(&bytes, "decode", &[encoding, text(vm, "strict")?])?;
    vm.call_method(stdout, &vm.names.write, &[again]).map(drop)
}

fn call_unraisable_hook(
    vm: &Vm,
    exception: &Ref<BaseException>,
    object: Option<&Value>,
    message: Option<&str>,
) -> PyResult<()> {
    let hook = vm
        .sys_attr("unraisablehook")?
        .filter(|hook| !hook.is_none());
    let Some(hook) = hook else {
        write_unraisable(vm, exception, object, message);
        return Ok(());
    };
    let message = match message {
        Some(message) => text(vm, message)?,
        None => Value::NONE,
    };
    let items = vec![
        vm.type_of(exception.as_value()).to_ref().into_value(),
        exception.to_value(),
        exception.traceback_value(),
        message,
        object.cloned().unwrap_or(Value::NONE),
    ];
    let args = structseq::make(vm, &UNRAISABLE, items)?;
    vm.audit("sys.unraisablehook", &[hook.clone(), args.clone()])?;
    vm.call(&hook, &[args])?;
    Ok(())
}

fn write_unraisable(
    vm: &Vm,
    exception: &Ref<BaseException>,
    object: Option<&Value>,
    message: Option<&str>,
) {
    let shown = object
        .filter(|o| !o.is_none())
        .map(|o| match object::repr(vm, o) {
            Ok(text) => text.to_string_lossy().into_owned(),
            Err(_) => {
                vm.clear_exception();
                "<object repr() failed>".to_string()
            }
        });
    let head = match (message, shown) {
        (Some(message), Some(shown)) => format!("{message}: {shown}\n"),
        (Some(message), None) => format!("{message}:\n"),
        (None, Some(shown)) => format!("Exception ignored in: {shown}\n"),
        (None, None) => String::new(),
    };
    let text = head + &crate::builtins::display::format_exception(vm, exception);
    crate::builtins::display::write_stderr(vm, &text);
}

/// The functions of the module that are hooks, or set them.
#[pymodule(name = "sys", doc = "")]
pub mod module {
    use super::*;

    /// addaudithook(hook, /)
    ///
    /// Adds a new audit hook callback.
    #[pyfunction(sig = "(hook)")]
    fn addaudithook(vm: &Vm, hook: Value) -> PyResult<()> {
        match vm.audit("sys.addaudithook", &[]) {
            Err(Raised) if vm.exception_matches(&vm.types.exception) => {
                // An existing hook refuses the new one.
                vm.clear_exception();
                Ok(())
            }
            Err(raised) => Err(raised),
            Ok(()) => {
                vm.interp
                    .state
                    .audit_hooks
                    .with_mut(|hooks| hooks.push(hook));
                Ok(())
            }
        }
    }

    /// audit(event, *args)
    ///
    /// Passes the event to any hooks that are attached.
    #[pyfunction(raw, sig = "(event, /, *args)")]
    fn audit(vm: &Vm, args: Args) -> PyResult<Value> {
        let [event, rest @ ..] = args.args else {
            return Err(vm.type_error("audit() missing 1 required positional argument: 'event'"));
        };
        if args.keyword_count() > 0 {
            return Err(vm.type_error("sys.audit() takes no keyword arguments"));
        }
        let Some(event) = str_::of(event) else {
            return Err(vm.type_error(format!(
                "expected str for argument 'event', not {}",
                vm.type_of(event).full_name()
            )));
        };
        vm.audit(&event.to_string_lossy(), rest)?;
        Ok(Value::NONE)
    }

    /// This hook function is called by built-in breakpoint().
    #[pyfunction(raw, sig = "(*args, **kws)")]
    fn breakpointhook(vm: &Vm, args: Args) -> PyResult {
        let wanted = std::env::var("PYTHONBREAKPOINT").unwrap_or_default();
        if wanted == "0" {
            return Ok(Value::NONE);
        }
        let path = if wanted.is_empty() {
            "pdb.set_trace"
        } else {
            wanted.as_str()
        };
        let (module, name) = path.rsplit_once('.').unwrap_or(("builtins", path));
        let found = if module.is_empty() {
            None
        } else {
            match crate::import::import_simple(vm, module) {
                Ok(module) => match crate::protocols::attributes::get_by(vm, &module, name) {
                    Ok(function) => Some(function),
                    Err(Raised) if vm.catch(&vm.types.attribute_error) => None,
                    Err(raised) => return Err(raised),
                },
                Err(Raised) if vm.catch(&vm.types.import_error) => None,
                Err(raised) => return Err(raised),
            }
        };
        if let Some(function) = found {
            return vm.call_args(&function, args);
        }
        let message = format!("Ignoring unimportable $PYTHONBREAKPOINT: \"{path}\"");
        vm.warn(&vm.types.runtime_warning, message, 0)?;
        Ok(Value::NONE)
    }

    /// Print an object to sys.stdout and also save it in builtins._
    #[pyfunction(sig = "(object, /)")]
    fn displayhook(vm: &Vm, object: &Value) -> PyResult<()> {
        if object.is_none() {
            return Ok(());
        }
        let Some(builtins) = vm.interp.state.builtins.get() else {
            return Err(vm.runtime_error("lost builtins module"));
        };
        let underscore = vm.intern("_");
        builtins.set_str(vm, &underscore, Value::NONE)?;
        let stdout = vm.sys_attr("stdout")?.filter(|v| !v.is_none());
        let Some(stdout) = stdout else {
            return Err(vm.runtime_error("lost sys.stdout"));
        };
        let shown = object::repr(vm, object)?.into_value();
        match vm.call_method(&stdout, &vm.names.write, std::slice::from_ref(&shown)) {
            Ok(_) => {}
            Err(Raised) if vm.catch(&vm.types.unicode_encode_error) => {
                show_escaped(vm, &stdout, &shown)?
            }
            Err(raised) => return Err(raised),
        }
        vm.call_method(&stdout, &vm.names.write, &[text(vm, "\n")?])?;
        builtins.set_str(vm, &underscore, object.clone())
    }

    /// Handle an exception by displaying it with a traceback on sys.stderr.
    #[pyfunction(sig = "(exctype, value, traceback, /)")]
    fn excepthook(vm: &Vm, exctype: &Value, value: &Value, traceback: &Value) -> PyResult<()> {
        let _ = exctype;
        match value.downcast::<BaseException>() {
            Some(exception) => {
                if exception.traceback().is_none()
                    && let Some(traceback) = traceback.downcast::<Traceback>()
                {
                    exception.set_traceback(Some(traceback.clone()));
                }
                crate::builtins::display::print_exception(vm, exception);
            }
            None => {
                let kind = vm.type_of(value).full_name();
                crate::builtins::display::write_stderr(
                    vm,
                    &format!(
                        "TypeError: print_exception(): Exception expected for value, {kind} found\n"
                    ),
                );
            }
        }
        Ok(())
    }

    /// Handle an unraisable exception.
    ///
    /// The unraisable argument has the following attributes:
    ///
    /// * exc_type: Exception type.
    /// * exc_value: Exception value, can be None.
    /// * exc_traceback: Exception traceback, can be None.
    /// * err_msg: Error message, can be None.
    /// * object: Object causing the exception, can be None.
    #[pyfunction(sig = "(unraisable, /)")]
    fn unraisablehook(vm: &Vm, unraisable: &Value) -> PyResult<()> {
        let class = structseq::class(vm, &UNRAISABLE);
        let tuple = unraisable
            .downcast::<crate::objects::tuple::Tuple>()
            .filter(|_| vm.type_of(unraisable).is(&class));
        let Some(tuple) = tuple else {
            return Err(
                vm.type_error("sys.unraisablehook argument type must be UnraisableHookArgs")
            );
        };
        if let Some(exception) = tuple.get(1).and_then(|e| e.downcast::<BaseException>()) {
            let message = tuple
                .get(3)
                .and_then(str_::of)
                .map(|m| m.to_string_lossy().into_owned());
            write_unraisable(vm, exception, tuple.get(4), message.as_deref());
        }
        Ok(())
    }

    /// Return the installed asynchronous generators hooks.
    ///
    /// This returns a namedtuple of the form (firstiter, finalizer).
    #[pyfunction(sig = "()")]
    fn get_asyncgen_hooks(vm: &Vm) -> PyResult {
        let (first, last) = vm.async_gen_hooks.get();
        structseq::make(
            vm,
            &ASYNCGEN_HOOKS,
            vec![first.unwrap_or(Value::NONE), last.unwrap_or(Value::NONE)],
        )
    }

    /// set_asyncgen_hooks([firstiter] [, finalizer])
    ///
    /// Set a finalizer for async generators objects.
    #[pyfunction(sig = "(firstiter=None, finalizer=None)")]
    fn set_asyncgen_hooks(
        vm: &Vm,
        firstiter: Option<Value>,
        finalizer: Option<Value>,
    ) -> PyResult<()> {
        for (name, hook) in [("finalizer", &finalizer), ("firstiter", &firstiter)] {
            if let Some(hook) = hook
                && !hook.is_none()
                && vm.type_of(hook).slots.call.get().is_none()
            {
                return Err(vm.type_error(format!(
                    "callable {name} expected, got {}",
                    vm.type_of(hook).full_name()
                )));
            }
        }
        let (mut first, mut last) = vm.async_gen_hooks.get();
        if let Some(hook) = firstiter {
            first = Some(hook).filter(|h| !h.is_none());
        }
        if let Some(hook) = finalizer {
            last = Some(hook).filter(|h| !h.is_none());
        }
        vm.async_gen_hooks.set((first, last));
        Ok(())
    }

    /// Call func(*args), while tracing is enabled.
    #[pyfunction(sig = "(func, args, /)")]
    fn call_tracing(vm: &Vm, func: &Value, args: &Ref<crate::objects::tuple::Tuple>) -> PyResult {
        vm.trace.loudly(|| vm.call(func, args.items()))
    }

    /// Set the global debug tracing function.
    ///
    /// It will be called on each function call.  See the debugger chapter
    /// in the library manual.
    #[pyfunction(sig = "(function, /)")]
    fn settrace(vm: &Vm, function: Value) -> PyResult<()> {
        crate::interpreter::trace::set_trace(vm, Some(function).filter(|f| !f.is_none()))
    }

    /// Return the global debug tracing function set with sys.settrace.
    ///
    /// See the debugger chapter in the library manual.
    #[pyfunction(sig = "()")]
    fn gettrace(vm: &Vm) -> Option<Value> {
        vm.trace.function.get()
    }

    /// Set the profiling function.
    ///
    /// It will be called on each function call and return.  See the profiler
    /// chapter in the library manual.
    #[pyfunction(sig = "(function, /)")]
    fn setprofile(vm: &Vm, function: Value) -> PyResult<()> {
        crate::interpreter::trace::set_profile(vm, Some(function).filter(|f| !f.is_none()))
    }

    /// Return the profiling function set with sys.setprofile.
    ///
    /// See the profiler chapter in the library manual.
    #[pyfunction(sig = "()")]
    fn getprofile(vm: &Vm) -> Option<Value> {
        vm.trace.profile.get()
    }

    /// Set the global debug tracing function in all running threads belonging to the current interpreter.
    ///
    /// It will be called on each function call. See the debugger chapter
    /// in the library manual.
    #[pyfunction(sig = "(function, /)")]
    fn _settraceallthreads(vm: &Vm, function: Value) -> PyResult<()> {
        crate::interpreter::trace::set_trace_all(vm, Some(function).filter(|f| !f.is_none()))
    }

    /// Set the profiling function in all running threads belonging to the current interpreter.
    ///
    /// It will be called on each function call and return.  See the profiler
    /// chapter in the library manual.
    #[pyfunction(sig = "(function, /)")]
    fn _setprofileallthreads(vm: &Vm, function: Value) -> PyResult<()> {
        crate::interpreter::trace::set_profile_all(vm, Some(function).filter(|f| !f.is_none()))
    }
}
