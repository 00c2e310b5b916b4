//! `_thread`: locks, thread-local data, and starting threads.
//!
//! Locks are in `lock.rs`, thread-local data in `local.rs`, threads and their handles in `handle.rs`; here are what the module
//! keeps for an interpreter and its other functions. All but the waiting itself is only done under the interpreter lock.
//! CPython: Modules/_threadmodule.c.

mod handle;
mod local;
mod lock;

pub use handle::after_fork;

use handle::{Handle, ThreadHandle};
use local::{Local, LocalDicts};
use lock::{Lock, RLock, TIMEOUT_MAX};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::pymodule;
use naja_vm::exception::BaseException;
use naja_vm::protocols::{attributes, object};
use naja_vm::runtime::lock::RawLock;
use naja_vm::runtime::threads::current_ident;
use naja_vm::str_::Str;
use naja_vm::tuple::Tuple;
use naja_vm::{PyResult, Vm, struct_sequence, structseq};
use std::cell::Cell;
use std::rc::{Rc, Weak};
use std::sync::Arc;

/// Bytes of a thread's name that the system keeps.
const NAME_MAX: usize = 15;
const LEAST_STACK: i64 = 53248;

/// What the module keeps for each interpreter.
#[derive(Default)]
struct State {
    stack_size: Cell<usize>,
    /// Threads that run, the main thread not among them.
    count: Cell<usize>,
    /// Threads that the interpreter's end waits for.
    waited_for: MutCell<Vec<Arc<Handle>>>,
    locals: MutCell<Vec<Weak<LocalDicts>>>,
    /// The handles of threads that may run.
    handles: MutCell<Vec<std::sync::Weak<Handle>>>,
}

fn state(vm: &Vm) -> Rc<State> {
    vm.interp.module_state()
}

struct_sequence! { EXCEPT_HOOK_ARGS = "_ExceptHookArgs" in "_thread", "ExceptHookArgs\n\nType used to pass arguments to threading.excepthook.";
    0 "exc_type" "Exception type"; 1 "exc_value" "Exception value"; 2 "exc_traceback" "Exception traceback"; 3 "thread" "Thread";
}

/// The name for an uncaught exception's heading.
fn thread_name(vm: &Vm, thread: &Value) -> String {
    if !thread.is_none()
        && let Ok(name) = attributes::get_by(vm, thread, "_name")
            .or_else(|_| attributes::get_by(vm, thread, "name"))
        && let Ok(text) = object::str(vm, &name)
    {
        return text.to_string_lossy().into_owned();
    }
    vm.clear_exception();
    current_ident().to_string()
}

/// Makes a system name of at most 15 bytes. As in CPython the cut may fall within a character; what has no encoding
/// becomes a question mark.
fn system_name(name: &Str) -> Vec<u8> {
    let mut bytes = match name.as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => name.to_string_lossy().replace('\u{fffd}', "?").into_bytes(),
    };
    bytes.truncate(NAME_MAX);
    let cut = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    let mut result = bytes[..cut].to_vec();
    result.push(0);
    result
}

/// This module provides primitive operations to write multi-threaded programs.
/// The 'threading' module provides a more convenient interface.
#[pymodule(
    name = "_thread",
    doc = "This module provides primitive operations to write multi-threaded programs.\nThe 'threading' module provides a more convenient interface.",
    classes(Lock, RLock, Local, ThreadHandle),
    with(handle::module)
)]
pub mod module {
    use super::*;

    #[pyattr(name = "LockType")]
    fn lock_type(vm: &Vm) -> Value {
        vm.class::<Lock>().to_value()
    }

    #[pyattr]
    fn error(vm: &Vm) -> Value {
        vm.types.runtime_error.to_value()
    }

    #[pyattr(name = "TIMEOUT_MAX")]
    fn timeout_max(vm: &Vm) -> PyResult {
        vm.new_float(TIMEOUT_MAX)
    }

    #[pyattr(name = "_NAME_MAXLEN")]
    fn name_max(vm: &Vm) -> PyResult {
        vm.new_int(NAME_MAX as i64)
    }

    #[pyattr(name = "_ExceptHookArgs")]
    fn except_hook_args(vm: &Vm) -> Value {
        structseq::class(vm, &EXCEPT_HOOK_ARGS).into_value()
    }

    /// Return True if daemon threads are allowed in the current interpreter,
    /// and False otherwise.
    #[pyfunction(sig = "()")]
    fn daemon_threads_allowed() -> bool {
        true
    }

    /// Create a new lock object. See help(type(threading.Lock())) for
    /// information about locks.
    #[pyfunction(sig = "()")]
    fn allocate_lock(vm: &Vm) -> PyResult<Ref<Lock>> {
        vm.new_object(Lock(RawLock::default()))
    }

    /// An obsolete synonym of allocate_lock().
    #[pyfunction(sig = "()")]
    fn allocate(vm: &Vm) -> PyResult<Ref<Lock>> {
        vm.new_object(Lock(RawLock::default()))
    }

    /// This is synonymous to ``raise SystemExit''.  It will cause the current
    /// thread to exit silently unless the exception is caught.
    #[pyfunction(sig = "()")]
    fn exit(vm: &Vm) -> PyResult {
        Err(vm.raise_with(&vm.types.system_exit, &[]))
    }

    /// An obsolete synonym of exit().
    #[pyfunction(sig = "()")]
    fn exit_thread(vm: &Vm) -> PyResult {
        Err(vm.raise_with(&vm.types.system_exit, &[]))
    }

    /// Simulate the arrival of the given signal in the main thread,
    /// where the corresponding signal handler will be executed.
    /// If *signum* is omitted, SIGINT is assumed.
    /// A subthread can use this function to interrupt the main thread.
    ///
    /// Note: the default signal handler for SIGINT raises ``KeyboardInterrupt``.
    #[pyfunction(sig = "(signum=signal.SIGINT, /)")]
    fn interrupt_main(vm: &Vm, signum: Option<i32>) -> PyResult<()> {
        use naja_vm::builtins::signals::{self, Handler, NSIG};
        let number = signum.unwrap_or(libc::SIGINT);
        if number < 1 || number as usize >= NSIG {
            return Err(vm.value_error("signal number out of range"));
        }
        if !matches!(
            signals::get_handler(vm, number),
            Handler::Default | Handler::Ignore
        ) {
            signals::trip(number)
        }
        Ok(())
    }

    /// Return a non-zero integer that uniquely identifies the current thread
    /// amongst other threads that exist simultaneously.
    ///
    /// This may be used to identify per-thread resources.  Even though on
    /// some platforms threads identities may appear to be allocated
    /// consecutive numbers starting at 1, this behavior should not be relied
    /// upon, and the number should be seen purely as a magic cookie.
    /// A thread's identity may be reused for another thread after it exits.
    #[pyfunction(sig = "()")]
    fn get_ident(vm: &Vm) -> u64 {
        vm.thread_id.get()
    }

    /// Internal only. Return a non-zero integer that uniquely identifies the main thread
    /// of the main interpreter.
    #[pyfunction(sig = "()")]
    fn _get_main_thread_ident(vm: &Vm) -> u64 {
        let mut first = None;
        vm.each_thread(|thread| {
            first.get_or_insert(thread.thread_id.get());
        });
        first.unwrap_or_default()
    }

    /// Return a non-negative integer identifying the thread as reported
    /// by the OS (kernel). This may be used to uniquely identify a
    /// particular thread within a system.
    #[pyfunction(sig = "()")]
    fn get_native_id() -> i64 {
        // SAFETY: a plain query.
        unsafe { libc::syscall(libc::SYS_gettid) as i64 }
    }

    /// Return the number of currently running Python threads, excluding
    /// the main thread. The returned number comprises all threads created
    /// through `start_new_thread()` as well as `threading.Thread`, and not
    /// yet finished.
    ///
    /// This function is meant for internal and specialized purposes only.
    /// In most applications `threading.enumerate()` should be used instead.
    #[pyfunction(sig = "()")]
    fn _count(vm: &Vm) -> usize {
        state(vm).count.get()
    }

    /// Return the thread stack size used when creating new threads.  The
    /// optional size argument specifies the stack size (in bytes) to be used
    /// for subsequently created threads.  The size must be 0 (use platform or
    /// configured default) or a positive integer value of at least 32,768 (32k).
    /// If changing the thread stack size is unsupported, a ThreadError exception
    /// is raised. If the specified size is invalid, a ValueError exception
    /// is raised, and the stack size is unmodified.
    #[pyfunction(sig = "(size=0, /)")]
    fn stack_size(vm: &Vm, size: Option<i64>) -> PyResult<usize> {
        let state = state(vm);
        let old = state.stack_size.get();
        match size {
            None => {}
            Some(size) if size != 0 && size < LEAST_STACK => {
                return Err(vm.value_error(format!("size must be at least {LEAST_STACK} bytes")));
            }
            Some(size) => state.stack_size.set(size as usize),
        }
        Ok(old)
    }

    /// Handle uncaught Thread.run() exception.
    #[pyfunction(sig = "(args, /)")]
    fn _excepthook(vm: &Vm, args: &Value) -> PyResult<()> {
        let class = structseq::class(vm, &EXCEPT_HOOK_ARGS);
        let items = args
            .downcast::<Tuple>()
            .filter(|_| vm.type_of(args).is(&class));
        let Some([kind, exception, _traceback, thread]) = items.map(|t| t.items()) else {
            return Err(vm.type_error("_thread.excepthook argument type must be ExceptHookArgs"));
        };
        if kind.is(vm.types.system_exit.as_value()) {
            return Ok(());
        }
        let mut file = vm.sys_attr("stderr")?.filter(|f| !f.is_none());
        if file.is_none() {
            if thread.is_none() {
                return Ok(());
            }
            file = Some(attributes::get_by(vm, thread, "_stderr")?).filter(|f| !f.is_none());
        }
        let Some(file) = file else { return Ok(()) };
        let mut text = format!("Exception in thread {}:\n", thread_name(vm, thread));
        if let Some(exception) = exception.downcast::<BaseException>() {
            text.push_str(&naja_vm::builtins::display::format_exception(vm, exception));
        }
        vm.call_method_str(&file, "write", &[vm.new_str(&text)?.into_value()])?;
        if vm.call_method_str(&file, "flush", &[]).is_err() {
            vm.clear_exception()
        }
        Ok(())
    }

    /// Return True if the current interpreter is the main Python interpreter.
    #[pyfunction(sig = "()")]
    fn _is_main_interpreter(vm: &Vm) -> bool {
        vm.interp.id == 0
    }

    /// Set the name of the current thread.
    #[pyfunction(sig = "(name)")]
    fn set_name(name: &Ref<Str>) {
        let name = system_name(name);
        // SAFETY: a name that ends in zero, for the calling thread.
        unsafe {
            libc::pthread_setname_np(libc::pthread_self(), name.as_ptr().cast());
        }
    }

    /// Get the name of the current thread.
    #[pyfunction(sig = "()")]
    fn _get_name(vm: &Vm) -> PyResult {
        let mut name = [0u8; 64];
        // SAFETY: the buffer is as large as told.
        unsafe {
            libc::pthread_getname_np(libc::pthread_self(), name.as_mut_ptr().cast(), name.len());
        }
        let end = name.iter().position(|&b| b == 0).unwrap_or(0);
        crate::system::fs_decode(vm, &name[..end])
    }
}
