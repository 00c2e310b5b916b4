//! The running loop and task of each thread, the tasks that are alive, and the Python half of `asyncio`.
//!
//! Native tasks stand on a roster, which a task leaves when it ends or dies. Tasks of other classes stand in a `WeakSet`. Invariant: the running task belongs to the running loop. CPython: _asynciomodule.c's asyncio_state.

use super::future;
use super::quick::Plan;
use super::task::Task;
use naja_heap::{MutCell, Ref, Value};
use naja_vm::protocols::{attributes, iterator, object};
use naja_vm::roster::{Roster, Seated};
use naja_vm::set::Set;
use naja_vm::str_::Str;
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Raised, Vm, import};
use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::rc::Rc;

/// Interned names of methods that are called often.
pub struct Names {
    pub call_soon: Ref<Str>,
    pub get_debug: Ref<Str>,
    pub get_loop: Ref<Str>,
    pub is_running: Ref<Str>,
    pub cancel: Ref<Str>,
    pub blocking: Ref<Str>,
    pub add_done_callback: Ref<Str>,
    /// The keyword names of `f(.., context=..)`.
    pub context: Ref<Tuple>,
}

/// The module's state in an interpreter.
#[derive(Default)]
pub struct State {
    names: OnceCell<Names>,
    imported: MutCell<HashMap<&'static str, Value>>,
    cancelled: OnceCell<Ref<Type>>,
    /// How many tasks have got a name made up here.
    counter: Cell<u64>,
    tasks: Roster<Task>,
    eager: MutCell<Vec<Value>>,
    /// How the loop asked last is served without calls, and how many such plans were made.
    pub plan: MutCell<Option<Rc<Plan>>>,
    pub plans_made: Cell<u32>,
    /// A task factory known to make native tasks that start at once.
    pub eager_factory: MutCell<Option<Value>>,
    others: MutCell<Option<Value>>,
    /// Classes whose objects `asyncio.iscoroutine` takes for coroutines.
    coroutine_types: MutCell<Vec<Value>>,
}

pub fn state(vm: &Vm) -> &State {
    vm.interp.asyncio_state::<State>()
}

impl State {
    pub fn names(&self, vm: &Vm) -> PyResult<&Names> {
        if self.names.get().is_none() {
            let context = vm.new_tuple(vec![vm.intern("context").into_value()])?;
            let names = Names {
                call_soon: vm.intern("call_soon"),
                get_debug: vm.intern("get_debug"),
                get_loop: vm.intern("get_loop"),
                is_running: vm.intern("is_running"),
                cancel: vm.intern("cancel"),
                blocking: vm.intern("_asyncio_future_blocking"),
                add_done_callback: vm.intern("add_done_callback"),
                context,
            };
            drop(self.names.set(names));
        }
        self.names
            .get()
            .ok_or_else(|| vm.system_error("names are not set"))
    }

    /// The number of the next task without a name.
    pub fn next_number(&self) -> u64 {
        self.counter.set(self.counter.get() + 1);
        self.counter.get()
    }
}

/// `module.name` of the Python half, looked up once.
pub fn imported(vm: &Vm, module: &'static str, name: &'static str) -> PyResult {
    let state = state(vm);
    if let Some(found) = state.imported.with(|all| all.get(name).cloned()) {
        return Ok(found);
    }
    let value = attributes::get_by(vm, &import::import_simple(vm, module)?, name)?;
    state
        .imported
        .with_mut(|all| all.insert(name, value.clone()));
    Ok(value)
}

fn exception_class(vm: &Vm, name: &'static str) -> PyResult<Ref<Type>> {
    let class = imported(vm, "asyncio.exceptions", name)?;
    class
        .downcast_into::<Type>()
        .map_err(|_| vm.type_error(format!("asyncio.exceptions.{name} is not a class")))
}

/// `asyncio.CancelledError`.
pub fn cancelled_error(vm: &Vm) -> PyResult<Ref<Type>> {
    let state = state(vm);
    if let Some(class) = state.cancelled.get() {
        return Ok(class.clone());
    }
    let class = exception_class(vm, "CancelledError")?;
    Ok(state.cancelled.get_or_init(|| class).clone())
}

/// Raises `asyncio.InvalidStateError`.
pub fn invalid_state(vm: &Vm, message: impl AsRef<str>) -> Raised {
    match exception_class(vm, "InvalidStateError") {
        Ok(class) => vm.raise(&class, message),
        Err(raised) => raised,
    }
}

/// Whether an object can be run by a task. Raises what `asyncio.iscoroutine` raises.
pub fn is_coroutine(vm: &Vm, value: &Value) -> PyResult<bool> {
    let class = vm.type_of(value);
    if class.is(&vm.types.coroutine) {
        return Ok(true);
    }
    let class = class.to_ref().into_value();
    let state = state(vm);
    if state
        .coroutine_types
        .with(|all| all.iter().any(|known| known.is(&class)))
    {
        return Ok(true);
    }
    let function = imported(vm, "asyncio.coroutines", "iscoroutine")?;
    let answer = vm.call(&function, std::slice::from_ref(value))?;
    let answer = object::is_true(vm, &answer)?;
    if answer {
        state.coroutine_types.with_mut(|all| {
            // A program that makes such classes without end must not fill memory here.
            if all.len() < 100 {
                all.push(class)
            }
        })
    }
    Ok(answer)
}

fn shown(vm: &Vm, value: &Value) -> PyResult<String> {
    Ok(object::repr(vm, value)?.to_string_lossy().into_owned())
}

/// The loop running in this thread. Raises RuntimeError if there is none.
pub fn running_loop(vm: &Vm) -> PyResult {
    vm.running_loop
        .get()
        .ok_or_else(|| vm.runtime_error("no running event loop"))
}

/// The running loop, or the one that the policy gives.
pub fn event_loop(vm: &Vm) -> PyResult {
    if let Some(running) = vm.running_loop.get() {
        return Ok(running);
    }
    let policy = imported(vm, "asyncio.events", "_get_event_loop_policy")?;
    let policy = vm.call(&policy, &[])?;
    vm.call_method_str(&policy, "get_event_loop", &[])
}

fn is_running(vm: &Vm, event_loop: &Value) -> bool {
    vm.running_loop
        .with(|running| running.as_ref().is_some_and(|r| r.is(event_loop)))
}

fn check_running(vm: &Vm, event_loop: &Value) -> PyResult<()> {
    if is_running(vm, event_loop) {
        return Ok(());
    }
    let event_loop = shown(vm, event_loop)?;
    Err(vm.runtime_error(format!("loop {event_loop} is not the running loop")))
}

/// Makes `task` the running one. Raises RuntimeError if there is one, or the loop does not run.
pub fn enter_task(vm: &Vm, event_loop: &Value, task: &Value) -> PyResult<()> {
    check_running(vm, event_loop)?;
    if let Some(other) = vm.running_task.get() {
        let (task, other) = (shown(vm, task)?, shown(vm, &other)?);
        return Err(vm.runtime_error(format!(
            "Cannot enter into task {task} while another task {other} is being executed."
        )));
    }
    vm.running_task.set(Some(task.clone()));
    Ok(())
}

/// Undoes [`enter_task`]. Raises RuntimeError if another task is running.
pub fn leave_task(vm: &Vm, event_loop: &Value, task: &Value) -> PyResult<()> {
    check_running(vm, event_loop)?;
    let running = vm.running_task.get();
    if !running.as_ref().is_some_and(|r| r.is(task)) {
        let task = shown(vm, task)?;
        let running = shown(vm, &running.unwrap_or(Value::NONE))?;
        return Err(vm.runtime_error(format!(
            "Invalid attempt to leave task {task} while task {running} is entered."
        )));
    }
    drop(vm.running_task.take());
    Ok(())
}

/// Makes `task`, or none, the running one and gives the one before. Raises RuntimeError if the loop does not run.
pub fn swap_task(vm: &Vm, event_loop: &Value, task: &Value) -> PyResult {
    check_running(vm, event_loop)?;
    let new = (!task.is_none()).then(|| task.clone());
    Ok(vm.running_task.replace(new).unwrap_or(Value::NONE))
}

/// The task that a loop is executing, or None.
pub fn current_task(vm: &Vm, event_loop: Option<&Value>) -> PyResult {
    let event_loop = match event_loop.filter(|l| !l.is_none()) {
        Some(event_loop) => event_loop.clone(),
        None => running_loop(vm)?,
    };
    if is_running(vm, &event_loop) {
        return Ok(vm.running_task.get().unwrap_or(Value::NONE));
    }
    let mut found = None;
    vm.each_thread(|other| {
        if found.is_none() && is_running(other, &event_loop) {
            found = other.running_task.get()
        }
    });
    Ok(found.unwrap_or(Value::NONE))
}

/// The `WeakSet` of tasks of other classes.
fn others(vm: &Vm) -> PyResult {
    let state = state(vm);
    if let Some(others) = state.others.get() {
        return Ok(others);
    }
    let class = imported(vm, "weakref", "WeakSet")?;
    let others = vm.call(&class, &[])?;
    state.others.set(Some(others.clone()));
    Ok(others)
}

/// Makes a task known to `all_tasks`.
pub fn register(vm: &Vm, task: &Value) -> PyResult<()> {
    let Some(native) = task.downcast::<Task>() else {
        return vm
            .call_method_str(&others(vm)?, "add", std::slice::from_ref(task))
            .map(drop);
    };
    state(vm).tasks.join(native);
    Ok(())
}

/// Undoes [`register`].
pub fn unregister(vm: &Vm, task: &Value) -> PyResult<()> {
    match task.downcast::<Task>() {
        Some(task) => {
            task.seat().leave();
            Ok(())
        }
        None => vm
            .call_method_str(&others(vm)?, "discard", std::slice::from_ref(task))
            .map(drop),
    }
}

/// Makes a task known that is in its first step.
pub fn register_eager(vm: &Vm, task: &Value) {
    state(vm).eager.with_mut(|all| {
        if !all.iter().any(|known| known.is(task)) {
            all.push(task.clone())
        }
    })
}

/// Undoes [`register_eager`].
pub fn unregister_eager(vm: &Vm, task: &Value) {
    let found = state(vm).eager.with_mut(|all| {
        let at = all.iter().rposition(|known| known.is(task))?;
        Some(all.remove(at))
    });
    drop(found)
}

/// The unfinished tasks of a loop, as a set.
pub fn all_tasks(vm: &Vm, event_loop: Option<&Value>) -> PyResult {
    let event_loop = match event_loop.filter(|l| !l.is_none()) {
        Some(event_loop) => event_loop.clone(),
        None => running_loop(vm)?,
    };
    let state = state(vm);
    // Eager ones first: one that becomes an ordinary one meanwhile must not be missed.
    let mut tasks = state.eager.get();
    tasks.extend(state.tasks.living().into_iter().map(Ref::into_value));
    if let Some(others) = state.others.get() {
        iterator::for_each(vm, &others, |task| {
            tasks.push(task);
            Ok(())
        })?;
    }
    let result = Set::new(vm)?;
    for task in tasks {
        let done = match task.downcast::<Task>() {
            Some(native) => native.is_done(),
            None => object::is_true(vm, &vm.call_method_str(&task, "done", &[])?)?,
        };
        if !done && future::loop_of(vm, &task)?.is(&event_loop) {
            result.add(vm, &task)?
        }
    }
    Ok(result.into_value())
}
