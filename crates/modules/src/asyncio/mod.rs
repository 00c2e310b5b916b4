//! `_asyncio`: futures, tasks and the running event loop.
//!
//! * `future`: `Future` and what awaits it; `task`: `Task` and its steps
//! * `quick`: what the library's own event loops do for them, without the calls
//! * `state`: which loop and task run in a thread, the tasks that are alive, and what is taken from `asyncio`'s Python half
//!
//! A thread's loop and task stand in its `Vm`. CPython: Modules/_asynciomodule.c.

mod future;
mod quick;
mod state;
mod task;

use naja_heap::Value;
use naja_macros::pymodule;
use naja_vm::list::List;
use naja_vm::{PyResult, Vm};

#[pymodule(
    name = "_asyncio",
    doc = "Accelerator module for asyncio",
    classes(future::Future, task::Task)
)]
pub mod module {
    use super::*;

    /// Return a currently executed task.
    #[pyfunction(sig = "($module, /, loop=None)")]
    fn current_task(vm: &Vm, event_loop: Option<&Value>) -> PyResult {
        state::current_task(vm, event_loop)
    }

    /// Return an asyncio event loop.
    ///
    /// When called from a coroutine or a callback (e.g. scheduled with
    /// call_soon or similar API), this function will always return the
    /// running event loop.
    ///
    /// If there is no running event loop set, the function will return
    /// the result of `get_event_loop_policy().get_event_loop()` call.
    #[pyfunction(sig = "($module, /)")]
    fn get_event_loop(vm: &Vm) -> PyResult {
        state::event_loop(vm)
    }

    /// Return the running event loop.  Raise a RuntimeError if there is none.
    ///
    /// This function is thread-specific.
    #[pyfunction(sig = "($module, /)")]
    fn get_running_loop(vm: &Vm) -> PyResult {
        state::running_loop(vm)
    }

    /// Return the running event loop or None.
    ///
    /// This is a low-level function intended to be used by event loops.
    /// This function is thread-specific.
    #[pyfunction(sig = "($module, /)")]
    fn _get_running_loop(vm: &Vm) -> Option<Value> {
        vm.running_loop.get()
    }

    /// Set the running event loop.
    ///
    /// This is a low-level function intended to be used by event loops.
    /// This function is thread-specific.
    #[pyfunction(sig = "($module, loop, /)")]
    fn _set_running_loop(vm: &Vm, event_loop: Value) {
        vm.running_loop
            .set((!event_loop.is_none()).then_some(event_loop))
    }

    /// Register a new task in asyncio as executed by loop.
    ///
    /// Returns None.
    #[pyfunction(sig = "($module, /, task)")]
    fn _register_task(vm: &Vm, task: &Value) -> PyResult<()> {
        state::register(vm, task)
    }

    /// Register a new task in asyncio as executed by loop.
    ///
    /// Returns None.
    #[pyfunction(sig = "($module, /, task)")]
    fn _register_eager_task(vm: &Vm, task: &Value) {
        state::register_eager(vm, task)
    }

    /// Unregister a task.
    ///
    /// Returns None.
    #[pyfunction(sig = "($module, /, task)")]
    fn _unregister_task(vm: &Vm, task: &Value) -> PyResult<()> {
        state::unregister(vm, task)
    }

    /// Unregister a task.
    ///
    /// Returns None.
    #[pyfunction(sig = "($module, /, task)")]
    fn _unregister_eager_task(vm: &Vm, task: &Value) {
        state::unregister_eager(vm, task)
    }

    /// What loop.create_task(coro) gives, or None where that method has to be called.
    ///
    /// Without a loop, the running one is meant.
    ///
    ///   close
    ///     Close the coroutine on RuntimeError.
    ///   quiet
    ///     The task's destruction while it is pending is not logged.
    #[pyfunction(sig = "($module, coro, loop, close, quiet=False, /)")]
    fn _start_task(
        vm: &Vm,
        coro: &Value,
        event_loop: &Value,
        close: bool,
        #[default(false)] quiet: bool,
    ) -> PyResult<Option<Value>> {
        let running;
        let event_loop = if event_loop.is_none() {
            running = vm.running_loop.get().unwrap_or(Value::NONE);
            &running
        } else {
            event_loop
        };
        let made = quick::create_task(vm, event_loop, coro, quiet);
        if made.is_err() && close && vm.exception_matches(&vm.types.runtime_error) {
            let error = vm.take_exception();
            vm.call_method_str(coro, "close", &[])?;
            return Err(vm.raise_value(error));
        }
        made
    }

    /// The results of a list of futures; None unless all are native ones that have a result.
    #[pyfunction(sig = "($module, futures, /)")]
    fn _plain_results(vm: &Vm, futures: &Value) -> PyResult<Option<Value>> {
        let results: Option<Vec<Value>> = futures.downcast::<List>().and_then(|futures| {
            futures.look(|all| {
                let result = |future| future::Future::plain_result(vm, future);
                all.iter().map(result).collect()
            })
        });
        match results {
            Some(results) => Ok(Some(vm.new_list(results)?.into_value())),
            None => Ok(None),
        }
    }

    /// Enter into task execution or resume suspended task.
    ///
    /// Task belongs to loop.
    ///
    /// Returns None.
    #[pyfunction(sig = "($module, /, loop, task)")]
    fn _enter_task(vm: &Vm, event_loop: &Value, task: &Value) -> PyResult<()> {
        state::enter_task(vm, event_loop, task)
    }

    /// Leave task execution or suspend a task.
    ///
    /// Task belongs to loop.
    ///
    /// Returns None.
    #[pyfunction(sig = "($module, /, loop, task)")]
    fn _leave_task(vm: &Vm, event_loop: &Value, task: &Value) -> PyResult<()> {
        state::leave_task(vm, event_loop, task)
    }

    /// Temporarily swap in the supplied task and return the original one (or None).
    ///
    /// This is intended for use during eager coroutine execution.
    #[pyfunction(sig = "($module, /, loop, task)")]
    fn _swap_current_task(vm: &Vm, event_loop: &Value, task: &Value) -> PyResult {
        state::swap_task(vm, event_loop, task)
    }

    /// Return a set of all tasks for the loop.
    #[pyfunction(sig = "($module, /, loop=None)")]
    fn all_tasks(vm: &Vm, event_loop: Option<&Value>) -> PyResult {
        state::all_tasks(vm, event_loop)
    }

    /// Record that `fut` is awaited on by `waiter`.
    #[pyfunction(sig = "($module, fut, waiter, /)")]
    fn future_add_to_awaited_by(fut: &Value, waiter: &Value) {
        future::add_awaited_by(fut, waiter)
    }

    #[pyfunction(sig = "($module, fut, waiter, /)")]
    fn future_discard_from_awaited_by(fut: &Value, waiter: &Value) {
        future::discard_awaited_by(fut, waiter)
    }
}
