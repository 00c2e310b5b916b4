//! Starting threads, and waiting for them.
//!
//! A thread's [`Handle`] is shared between Python's `_ThreadHandle` objects and the thread itself, which moves its stage on.
//! Invariant: a stage only ever grows, but for a thread that could not be started. CPython: thread_* and ThreadHandle in
//! Modules/_threadmodule.c.

use super::lock::nanoseconds;
use super::state;
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::dict::Dict;
use naja_vm::protocols::{number, object};
use naja_vm::runtime::Access;
use naja_vm::runtime::lock::Stage;
use naja_vm::str_::Str;
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Vm};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Stages of a thread's life.
mod stage {
    pub const NOT_STARTED: u32 = 0;
    pub const STARTING: u32 = 1;
    pub const RUNNING: u32 = 2;
    pub const DONE: u32 = 3;
}

/// What is known about a thread, shared with the thread itself.
#[derive(Default)]
pub(super) struct Handle {
    ident: AtomicU64,
    stage: Stage,
}

#[pyclass(name = "_ThreadHandle", module = "_thread", doc = "")]
pub struct ThreadHandle(Arc<Handle>);

#[pymethods]
impl ThreadHandle {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm
            .new_object_of(cls, ThreadHandle(Arc::default()))?
            .into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(vm
            .new_str(format!(
                "<{} object: ident={}>",
                vm.type_of(zelf.as_value()).full_name(),
                zelf.0.ident.load(Ordering::Relaxed)
            ))?
            .into_value())
    }

    #[pygetter]
    fn ident(&self) -> u64 {
        self.0.ident.load(Ordering::Relaxed)
    }

    #[pymethod(raw)]
    fn join(vm: &Vm, args: Args) -> PyResult {
        let (zelf, timeout) = match args.positional() {
            [zelf] => (zelf, None),
            [zelf, timeout] => (zelf, Some(timeout).filter(|t| !t.is_none())),
            many => {
                return Err(vm.type_error(format!(
                    "join() takes at most 1 argument ({} given)",
                    many.len().saturating_sub(1)
                )));
            }
        };
        if args.keyword_count() > 0 {
            return Err(vm.type_error("_ThreadHandle.join() takes no keyword arguments"));
        }
        let Some(handle) = zelf.downcast::<ThreadHandle>() else {
            return Err(
                vm.type_error("descriptor 'join' requires a '_thread._ThreadHandle' object")
            );
        };
        let timeout = match timeout {
            // A negative timeout waits for ever, as none does.
            Some(timeout) => u64::try_from(nanoseconds(vm, timeout)?)
                .ok()
                .map(Duration::from_nanos),
            None => None,
        };
        join(vm, &handle.0.clone(), timeout)?;
        Ok(Value::NONE)
    }

    #[pymethod(sig = "($self, /)")]
    fn _set_done(&self, vm: &Vm) -> PyResult<()> {
        if self.0.stage.get() < stage::RUNNING {
            return Err(vm.runtime_error("thread not started"));
        }
        self.0.stage.set(stage::DONE);
        Ok(())
    }

    #[pymethod(sig = "($self, /)")]
    fn is_done(&self) -> bool {
        self.0.stage.get() == stage::DONE
    }
}

fn join(vm: &Vm, handle: &Arc<Handle>, timeout: Option<Duration>) -> PyResult<bool> {
    let now = handle.stage.get();
    if now < stage::STARTING {
        return Err(vm.runtime_error("thread not started"));
    }
    if now != stage::DONE && handle.ident.load(Ordering::Relaxed) == vm.thread_id.get() {
        return Err(vm.runtime_error("Cannot join current thread"));
    }
    // Other threads run no more: this one would wait for ever.
    if now != stage::DONE && vm.interp.state.finalizing.get() {
        return Err(vm.raise(
            &vm.types.python_finalization_error,
            "cannot join thread at interpreter shutdown",
        ));
    }
    vm.wait_for_stage(&handle.stage, stage::DONE, timeout)
}

/// Calls a thread's function and reports what it raises.
fn thread_main(vm: &Vm, function: &Value, args: &[Value], kwnames: Option<&Ref<Tuple>>) {
    if vm.call_args(function, Args { args, kwnames }).is_ok() {
        return;
    }
    if vm.catch(&vm.types.system_exit) {
        return;
    }
    let exception = vm.take_exception();
    let message = match object::repr(vm, function) {
        Ok(text) => format!(
            "Exception ignored in thread started by {}",
            text.to_string_lossy()
        ),
        Err(Raised) => {
            vm.clear_exception();
            "Exception ignored in thread".to_string()
        }
    };
    naja_vm::builtins::sys::unraisable(vm, exception, None, Some(&message));
}

/// Starts a thread whose life `handle` tells.
fn start(
    vm: &Vm,
    handle: &Arc<Handle>,
    daemon: bool,
    function: Value,
    args: Vec<Value>,
    kwnames: Option<Ref<Tuple>>,
) -> PyResult<u64> {
    if vm.interp.state.finalizing.get() {
        return Err(vm.raise(
            &vm.types.python_finalization_error,
            "can't create new thread at interpreter shutdown",
        ));
    }
    if handle.stage.get() != stage::NOT_STARTED {
        return Err(vm.runtime_error("thread already started"));
    }
    register(vm, handle);
    handle.stage.set(stage::STARTING);
    let state = state(vm);
    let (inside, outside) = (handle.clone(), handle.clone());
    let body = move |vm: &Vm| {
        thread_main(vm, &function, &args, kwnames.as_ref());
        drop((function, args, kwnames));
        let state = self::state(vm);
        state.count.set(state.count.get().saturating_sub(1));
        state
            .waited_for
            .with_mut(|list| list.retain(|h| !Arc::ptr_eq(h, &inside)));
    };
    let after = move || outside.stage.set(stage::DONE);
    match vm.spawn_thread(state.stack_size.get(), body, after) {
        Ok(ident) => {
            // The thread cannot run yet: it waits for the interpreter lock.
            handle.ident.store(ident, Ordering::Relaxed);
            handle.stage.set(stage::RUNNING);
            state.count.set(state.count.get() + 1);
            if !daemon {
                state.waited_for.with_mut(|list| list.push(handle.clone()));
            }
            Ok(ident)
        }
        Err(_) => {
            handle.stage.set(stage::NOT_STARTED);
            Err(vm.runtime_error("can't start new thread"))
        }
    }
}

/// Remembers a handle for [`after_fork`].
fn register(vm: &Vm, handle: &Arc<Handle>) {
    state(vm).handles.with_mut(|handles| {
        if handles.len() == handles.capacity() {
            handles.retain(|h| h.strong_count() > 0);
        }
        handles.push(Arc::downgrade(handle));
    })
}

/// In a forked child: all threads but the calling one are gone. CPython: `_PyThread_AfterFork`.
pub fn after_fork(vm: &Vm) {
    let handles = state(vm).handles.take();
    for handle in handles.iter().filter_map(std::sync::Weak::upgrade) {
        if handle.ident.load(Ordering::Relaxed) == vm.thread_id.get() {
            register(vm, &handle);
        } else {
            handle.stage.set(stage::DONE);
        }
    }
    state(vm).count.set(0);
    state(vm)
        .waited_for
        .with_mut(|list| list.retain(|h| h.stage.get() != stage::DONE));
}

/// Whether a value can be called.
fn is_callable(vm: &Vm, value: &Value) -> bool {
    vm.type_of(value).slots.call.get().is_some()
}

/// The functions of the module that start threads and wait for them.
#[pymodule(name = "_thread", doc = "")]
pub mod module {
    use super::*;

    fn start_function(vm: &Vm, args: Args, name: &str) -> PyResult {
        if args.keyword_count() > 0 {
            return Err(vm.type_error(format!("_thread.{name}() takes no keyword arguments")));
        }
        let (function, given, keywords) = match args.args {
            [function, given] => (function, given, None),
            [function, given, keywords] => (function, given, Some(keywords)),
            many => {
                let bound = if many.len() < 2 { "least 2" } else { "most 3" };
                return Err(vm.type_error(format!(
                    "{name} expected at {bound} arguments, got {}",
                    many.len()
                )));
            }
        };
        if !is_callable(vm, function) {
            return Err(vm.type_error("first arg must be callable"));
        }
        let Some(tuple) = given.downcast::<Tuple>() else {
            return Err(vm.type_error("2nd arg must be a tuple"));
        };
        let dict = match keywords {
            Some(keywords) => match keywords.downcast::<Dict>() {
                Some(dict) => Some(dict),
                None => return Err(vm.type_error("optional 3rd arg must be a dictionary")),
            },
            None => None,
        };
        vm.permit(Access::Event(
            "_thread.start_new_thread",
            &[
                function.clone(),
                given.clone(),
                keywords.cloned().unwrap_or(Value::NONE),
            ],
        ))?;
        let mut all = tuple.items().to_vec();
        let mut names = Vec::new();
        if let Some(dict) = dict {
            for (name, value) in dict.items_vec() {
                if name.downcast::<Str>().is_none() {
                    return Err(vm.type_error("keywords must be strings"));
                }
                names.push(name);
                all.push(value);
            }
        }
        let kwnames = match names.is_empty() {
            true => None,
            false => Some(vm.new_tuple(names)?),
        };
        let handle = Arc::new(Handle::default());
        let ident = start(vm, &handle, true, function.clone(), all, kwnames)?;
        naja_vm::IntoPyResult::into_py_result(ident, vm)
    }

    /// Start a new thread and return its identifier.
    ///
    /// The thread will call the function with positional arguments from the
    /// tuple args and keyword arguments taken from the optional dictionary
    /// kwargs.  The thread exits when the function returns; the return value
    /// is ignored.  The thread will also exit when the function raises an
    /// unhandled exception; a stack trace will be printed unless the exception
    /// is SystemExit.
    #[pyfunction(raw, sig = "($module, function, args, kwargs={}, /)")]
    fn start_new_thread(vm: &Vm, args: Args) -> PyResult {
        start_function(vm, args, "start_new_thread")
    }

    /// An obsolete synonym of start_new_thread().
    #[pyfunction(raw, sig = "($module, function, args, kwargs={}, /)")]
    fn start_new(vm: &Vm, args: Args) -> PyResult {
        start_function(vm, args, "start_new_thread")
    }

    /// *For internal use only*: start a new thread.
    ///
    /// Like start_new_thread(), this starts a new thread calling the given function.
    /// Unlike start_new_thread(), this returns a handle object with methods to join
    /// or detach the given thread.
    /// This function is not for third-party code, please use the
    /// `threading` module instead. During finalization the runtime will not wait for
    /// the thread to exit if daemon is True. If handle is provided it must be a
    /// newly created thread._ThreadHandle instance.
    #[pyfunction(sig = "(function, handle=None, daemon=True)")]
    fn start_joinable_thread(
        vm: &Vm,
        function: &Value,
        handle: Option<&Value>,
        daemon: Option<bool>,
    ) -> PyResult {
        if !is_callable(vm, function) {
            return Err(vm.type_error("thread function must be callable"));
        }
        let given = handle.cloned().unwrap_or(Value::NONE);
        let handle = match handle {
            Some(handle) if !handle.is_none() => match handle.downcast::<ThreadHandle>() {
                Some(handle) => handle.clone(),
                None => return Err(vm.type_error("'handle' must be a _ThreadHandle")),
            },
            _ => vm.new_object(ThreadHandle(Arc::default()))?,
        };
        let daemon = daemon.unwrap_or(true);
        vm.permit(Access::Event(
            "_thread.start_joinable_thread",
            &[function.clone(), Value::small_int(daemon as i64), given],
        ))?;
        start(vm, &handle.0, daemon, function.clone(), Vec::new(), None)?;
        Ok(handle.into_value())
    }

    /// Internal only. Make a thread handle for threads not spawned
    /// by the _thread or threading module.
    #[pyfunction(sig = "(ident, /)")]
    fn _make_thread_handle(vm: &Vm, ident: &Value) -> PyResult<Ref<ThreadHandle>> {
        if !number::is_int(vm, ident) {
            return Err(vm.type_error("ident must be an integer"));
        }
        let n = number::index_i128(vm, ident)?.and_then(|n| u64::try_from(n).ok());
        let Some(n) = n else {
            return Err(
                vm.overflow_error("Python int too large to convert to C unsigned long long")
            );
        };
        let handle = Arc::new(Handle::default());
        handle.ident.store(n, Ordering::Relaxed);
        handle.stage.set(stage::RUNNING);
        register(vm, &handle);
        vm.new_object(ThreadHandle(handle))
    }

    /// Wait for all non-daemon threads (other than the calling thread) to stop.
    #[pyfunction(sig = "()")]
    fn _shutdown(vm: &Vm) -> PyResult<()> {
        let me = vm.thread_id.get();
        loop {
            let next = state(vm).waited_for.with(|list| {
                list.iter()
                    .find(|h| h.ident.load(Ordering::Relaxed) != me)
                    .cloned()
            });
            let Some(handle) = next else { return Ok(()) };
            if join(vm, &handle, None).is_err() {
                let exception = vm.take_exception();
                naja_vm::builtins::sys::unraisable(
                    vm,
                    exception,
                    None,
                    Some("Exception ignored while joining a thread in _thread._shutdown()"),
                );
                return Ok(());
            }
        }
    }
}
