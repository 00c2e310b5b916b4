//! `_remote_debugging`: looking into other processes.
//!
//! CPython reads the memory of another interpreter by offsets that it publishes; Naja's layout has none, so the classes are
//! here for what only names them (`asyncio.tools`), and making a `RemoteUnwinder` raises RuntimeError.
//! CPython: Modules/_remote_debugging_module.c.

use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::module::Module;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Traverse, Visitor, Vm, struct_sequence, structseq};

struct_sequence! { new pub TASK_INFO = "TaskInfo" in "_remote_debugging", "Information about an asyncio task";
    0 "task_id" "Task ID (memory address)"; 1 "task_name" "Task name"; 2 "coroutine_stack" "Coroutine call stack"; 3 "awaited_by" "Tasks awaiting this task";
}
struct_sequence! { new pub FRAME_INFO = "FrameInfo" in "_remote_debugging", "Information about a frame";
    0 "filename" "Source code filename"; 1 "lineno" "Line number"; 2 "funcname" "Function name";
}
struct_sequence! { new pub CORO_INFO = "CoroInfo" in "_remote_debugging", "Information about a coroutine";
    0 "call_stack" "Coroutine call stack"; 1 "task_name" "Task name";
}
struct_sequence! { new pub THREAD_INFO = "ThreadInfo" in "_remote_debugging", "Information about a thread";
    0 "thread_id" "Thread ID"; 1 "frame_info" "Frame information";
}
struct_sequence! { new pub AWAITED_INFO = "AwaitedInfo" in "_remote_debugging", "Information about what a thread is awaiting";
    0 "thread_id" "Thread ID"; 1 "awaited_by" "List of tasks awaited by this thread";
}

/// RemoteUnwinder(pid): Inspect stack of a remote Python process.
#[pyclass(name = "RemoteUnwinder", module = "_remote_debugging", gc)]
pub struct RemoteUnwinder;

impl Traverse for RemoteUnwinder {
    fn traverse(&self, _v: &mut Visitor) {}
    fn clear(&self) {}
}

#[pymethods]
impl RemoteUnwinder {
    #[pyslot]
    fn new(_cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Err(vm.runtime_error("Remote debugging is not supported by this interpreter"))
    }
}

#[pymodule(name = "_remote_debugging", doc = "", classes(RemoteUnwinder))]
pub mod module {
    use super::*;

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        for (name, definition) in [
            ("TaskInfo", &TASK_INFO),
            ("FrameInfo", &FRAME_INFO),
            ("CoroInfo", &CORO_INFO),
            ("ThreadInfo", &THREAD_INFO),
            ("AwaitedInfo", &AWAITED_INFO),
        ] {
            module.set(vm, name, structseq::class(vm, definition).into_value())?;
        }
        module.set(vm, "PROCESS_VM_READV_SUPPORTED", Value::small_int(0))
    }
}
