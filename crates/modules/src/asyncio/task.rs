//! `Task`: runs a coroutine step by step on the event loop.
//!
//! A step sends into the coroutine (no Python frame of its own) and acts on what comes out: a result finishes the task, a
//! future makes it wait, None asks for another step soon. Between steps the task is kept alive by the loop's handle of
//! `StepWrapper`, or by the callback `task_wakeup` in the future that it waits for. CPython: TaskObj, task_step.

use super::future::{
    Future, Outcome, Progress, add_awaited_by, apart, call_exception_handler, call_soon,
    cannot_delete, discard_awaited_by, has_nothing_to_say, is_exact, loop_of,
};
use super::quick;
use super::state::{self, imported, invalid_state, state};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::context::Context;
use naja_vm::exception::{self, BaseException};
use naja_vm::function::native::NativeFunction;
use naja_vm::function::{MethodDef, MethodKind};
use naja_vm::protocols::{attributes, iterator, object};
use naja_vm::roster::{Seat, Seated};
use naja_vm::str_::Str;
use naja_vm::type_::slots::SendResult;
use naja_vm::type_::{Type, is_subtype};
use naja_vm::{Args, PyResult, Raised, Traverse, Visitor, Vm};
use std::cell::Cell;

/// A coroutine wrapped in a Future.
#[pyclass(
    name = "Task",
    module = "_asyncio",
    extends = "Future",
    gc,
    flags(BASETYPE, HAS_DICT, HAS_WEAKREF)
)]
#[repr(C)]
#[derive(Default)]
pub struct Task {
    future: Future,
    waits_for: MutCell<Option<Value>>,
    coroutine: MutCell<Option<Value>>,
    /// A str, or the number of a name not yet made up.
    name: MutCell<Option<Value>>,
    context: MutCell<Option<Value>>,
    must_cancel: Cell<bool>,
    log_destroy_pending: Cell<bool>,
    cancel_requests: Cell<i64>,
    /// By which `all_tasks` knows of it.
    seat: Seat,
}

impl Seated for Task {
    fn seat(&self) -> &Seat {
        &self.seat
    }
}

impl Traverse for Task {
    fn traverse(&self, v: &mut Visitor) {
        Traverse::traverse(&self.future, v);
        for field in [&self.waits_for, &self.coroutine, &self.name, &self.context] {
            field.with(|value| v.opt(value))
        }
    }
    fn clear(&self) {
        Traverse::clear(&self.future);
        for field in [&self.waits_for, &self.coroutine, &self.name, &self.context] {
            drop(field.take())
        }
    }
}

/// The callable that the loop runs for a step; throws `exception` into the coroutine, if there is one.
#[pyclass(name = "TaskStepMethWrapper", module = "_asyncio", gc)]
pub struct StepWrapper {
    task: MutCell<Option<Ref<Task>>>,
    exception: MutCell<Option<Value>>,
}

impl Traverse for StepWrapper {
    fn traverse(&self, v: &mut Visitor) {
        self.task.with(|task| {
            if let Some(task) = task {
                v.reference(task)
            }
        });
        self.exception.with(|e| v.opt(e));
    }
    fn clear(&self) {
        drop(self.task.take());
        drop(self.exception.take());
    }
}

#[pymethods]
impl StepWrapper {
    #[pyslot]
    fn call(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult {
        if args.keyword_count() > 0 {
            return Err(vm.type_error("function takes no keyword arguments"));
        }
        if !args.positional().is_empty() {
            return Err(vm.type_error("function takes no positional arguments"));
        }
        match zelf.task.get() {
            Some(task) => Task::step(&task, vm, zelf.exception.get()),
            None => Err(vm.runtime_error("uninitialized Task object")),
        }
    }

    #[pygetter]
    fn __self__(&self) -> Option<Value> {
        self.task.get().map(Ref::into_value)
    }
}

static WAKEUP: MethodDef = MethodDef {
    name: "task_wakeup",
    doc: "",
    text_signature: None,
    kind: MethodKind::Method,
    call: task_wakeup,
};

/// The callback in a future that a task waits for: `(task, future)`.
fn task_wakeup(vm: &Vm, args: Args) -> PyResult {
    let [task, future] = args.positional() else {
        let given = args.positional().len().saturating_sub(1);
        return Err(vm.type_error(format!(
            "task_wakeup() takes exactly one argument ({given} given)"
        )));
    };
    let Some(task) = task.downcast::<Task>() else {
        return Err(vm.type_error("task_wakeup() needs a task"));
    };
    Task::wake_up(task, vm, future)
}

/// How a step's send or throw ended.
type Sent = PyResult<SendResult>;

/// Resumes a coroutine.
fn resume(vm: &Vm, coroutine: &Value, exception: Option<Value>) -> Sent {
    let Some(exception) = exception else {
        return iterator::send(vm, coroutine, &Value::NONE);
    };
    let thrown = vm.call_method(coroutine, &vm.names.throw, std::slice::from_ref(&exception));
    match thrown {
        Ok(value) => Ok(SendResult::Next(value)),
        Err(_) if vm.exception_matches(&vm.types.stop_iteration) => {
            let stop = vm.take_exception();
            let value = exception::stop_iteration_value(stop.as_value());
            Ok(SendResult::Return(value))
        }
        Err(raised) => Err(raised),
    }
}

fn shown(vm: &Vm, value: &Value) -> PyResult<String> {
    Ok(object::repr(vm, value)?.to_string_lossy().into_owned())
}

impl Task {
    pub fn is_done(&self) -> bool {
        self.future.progress() != Progress::Pending
    }

    fn context_value(&self) -> Value {
        self.context.get().unwrap_or(Value::NONE)
    }

    /// Asks the loop for a step.
    fn step_soon(zelf: &Ref<Self>, vm: &Vm, exception: Option<Value>) -> PyResult<()> {
        let wrapper = vm.new_object(StepWrapper {
            task: MutCell::new(Some(zelf.clone())),
            exception: MutCell::new(exception),
        })?;
        let event_loop = zelf.future.alive(vm)?;
        let context = zelf.context_value();
        call_soon(vm, &event_loop, wrapper.into_value(), None, context)
    }

    /// Throws RuntimeError into the coroutine in the next step.
    fn fail_soon(zelf: &Ref<Self>, vm: &Vm, message: String) -> PyResult<()> {
        let args = [vm.new_str(message)?.into_value()];
        let error = exception::instantiate(vm, &vm.types.runtime_error, &args)?;
        Task::step_soon(zelf, vm, Some(error.into_value()))
    }

    /// One step as the running task of its loop.
    fn step(zelf: &Ref<Self>, vm: &Vm, exception: Option<Value>) -> PyResult {
        let event_loop = zelf.future.alive(vm)?;
        let task = zelf.as_value();
        state::enter_task(vm, &event_loop, task)?;
        let result = Task::step_inner(zelf, vm, exception);
        let pending = result.is_err().then(|| vm.take_exception());
        state::leave_task(vm, &event_loop, task)?;
        match pending {
            Some(pending) => Err(vm.raise_value(pending)),
            None => Ok(Value::NONE),
        }
    }

    fn step_inner(zelf: &Ref<Self>, vm: &Vm, mut exception: Option<Value>) -> PyResult<()> {
        if zelf.is_done() {
            let (task, thrown) = (
                shown(vm, zelf.as_value())?,
                shown(vm, &exception.unwrap_or(Value::NONE))?,
            );
            return Err(invalid_state(
                vm,
                format!("__step(): already done: {task} {thrown}"),
            ));
        }
        if zelf.must_cancel.get() {
            let cancelled = state::cancelled_error(vm)?;
            let is_cancellation = exception
                .as_ref()
                .is_some_and(|e| is_subtype(vm.type_of(e), &cancelled));
            if !is_cancellation {
                exception = Some(zelf.future.new_cancelled_error(vm)?)
            }
            zelf.must_cancel.set(false);
        }
        drop(zelf.waits_for.take());
        let Some(coroutine) = zelf.coroutine.get() else {
            return Err(vm.runtime_error("uninitialized Task object"));
        };
        match resume(vm, &coroutine, exception) {
            Ok(SendResult::Next(value)) => Task::handle_yield(zelf, vm, &value),
            Ok(SendResult::Return(value)) => Task::handle_return(zelf, vm, value),
            Err(Raised) => Task::handle_error(zelf, vm),
        }
    }

    fn handle_return(zelf: &Ref<Self>, vm: &Vm, value: Value) -> PyResult<()> {
        let me = zelf.as_value();
        zelf.seat.leave();
        // The coroutine may have ended without meeting the cancellation asked for meanwhile.
        if zelf.must_cancel.replace(false) {
            let message = zelf.future.cancel_message.get();
            return zelf.future.cancel_with(vm, me, message).map(drop);
        }
        zelf.future.finish(vm, me, value)
    }

    /// Acts on the exception that the coroutine raised.
    fn handle_error(zelf: &Ref<Self>, vm: &Vm) -> PyResult<()> {
        let me = zelf.as_value();
        let error = vm.take_exception();
        zelf.seat.leave();
        let class = vm.type_of(error.as_value()).to_ref();
        if is_subtype(&class, &*state::cancelled_error(vm)?) {
            zelf.future.cancelled.set(Some(error.into_value()));
            return zelf.future.cancel_with(vm, me, None).map(drop);
        }
        zelf.future.fail(vm, me, error.as_value())?;
        // These end the program: the loop must see them, too.
        if is_subtype(&class, &vm.types.keyboard_interrupt)
            || is_subtype(&class, &vm.types.system_exit)
        {
            return Err(vm.raise_value(error));
        }
        Ok(())
    }

    /// Acts on what the coroutine yielded.
    fn handle_yield(zelf: &Ref<Self>, vm: &Vm, value: &Value) -> PyResult<()> {
        let me = zelf.as_value();
        if value.is(me) {
            let task = shown(vm, me)?;
            return Task::fail_soon(zelf, vm, format!("Task cannot await on itself: {task}"));
        }
        if is_exact(vm, value)
            && let Some(future) = value.downcast::<Future>()
        {
            let event_loop = zelf.future.alive(vm)?;
            let same = future
                .event_loop
                .with(|l| l.as_ref().is_some_and(|l| l.is(&event_loop)));
            if !Task::can_await(zelf, vm, value, same, future.blocking.get())? {
                return Ok(());
            }
            add_awaited_by(value, me);
            future.blocking.set(false);
            let wakeup = NativeFunction::bound(vm, &WAKEUP, me.clone())?.into_value();
            future.add_callback(vm, value, wakeup, zelf.context_value())?;
            return Task::wait_for(zelf, vm, value);
        }
        if value.is_none() {
            return Task::step_soon(zelf, vm, None);
        }
        Task::handle_foreign(zelf, vm, value)
    }

    /// Acts on an object that is no plain Future or Task.
    fn handle_foreign(zelf: &Ref<Self>, vm: &Vm, value: &Value) -> PyResult<()> {
        let me = zelf.as_value();
        let state = state(vm);
        let names = state.names(vm)?;
        let blocking = attributes::get_optional(vm, value, &names.blocking)?;
        if let Some(blocking) = blocking.filter(|b| !b.is_none()) {
            let blocking = object::is_true(vm, &blocking)?;
            let event_loop = zelf.future.alive(vm)?;
            let same = loop_of(vm, value)?.is(&event_loop);
            if !Task::can_await(zelf, vm, value, same, blocking)? {
                return Ok(());
            }
            add_awaited_by(value, me);
            attributes::set(vm, value, &names.blocking, Some(&Value::FALSE))?;
            let wakeup = NativeFunction::bound(vm, &WAKEUP, me.clone())?.into_value();
            let add = attributes::get(vm, value, &names.add_done_callback)?;
            let args = Args {
                args: &[wakeup, zelf.context_value()],
                kwnames: Some(&names.context),
            };
            vm.call_args(&add, args)?;
            return Task::wait_for(zelf, vm, value);
        }
        let message = if object::is_instance(vm, value, vm.types.generator.as_value())? {
            format!(
                "yield was used instead of yield from for generator in task {} with {}",
                shown(vm, me)?,
                shown(vm, value)?
            )
        } else {
            format!("Task got bad yield: {}", shown(vm, value)?)
        };
        Task::fail_soon(zelf, vm, message)
    }

    /// Whether a yielded future can be awaited; otherwise the coroutine will get an error.
    fn can_await(
        zelf: &Ref<Self>,
        vm: &Vm,
        future: &Value,
        same_loop: bool,
        blocking: bool,
    ) -> PyResult<bool> {
        if same_loop && blocking {
            return Ok(true);
        }
        let (task, future) = (shown(vm, zelf.as_value())?, shown(vm, future)?);
        let message = if same_loop {
            format!("yield was used instead of yield from in task {task} with {future}")
        } else {
            format!("Task {task} got Future {future} attached to a different loop")
        };
        Task::fail_soon(zelf, vm, message)?;
        Ok(false)
    }

    fn wait_for(zelf: &Ref<Self>, vm: &Vm, future: &Value) -> PyResult<()> {
        zelf.waits_for.set(Some(future.clone()));
        if zelf.must_cancel.get() {
            let message = zelf.future.cancel_message.get().unwrap_or(Value::NONE);
            if Task::cancel_waiter(vm, future, message)? {
                zelf.must_cancel.set(false)
            }
        }
        Ok(())
    }

    /// `future.cancel(msg=message)`.
    fn cancel_waiter(vm: &Vm, future: &Value, message: Value) -> PyResult<bool> {
        let state = state(vm);
        let done = vm.call_method(future, &state.names(vm)?.cancel, &[message])?;
        object::is_true(vm, &done)
    }

    /// The next step, after the future that the task waited for is done.
    fn wake_up(zelf: &Ref<Self>, vm: &Vm, future: &Value) -> PyResult {
        discard_awaited_by(future, zelf.as_value());
        let outcome = if is_exact(vm, future)
            && let Some(native) = future.downcast::<Future>()
        {
            native.outcome(vm)
        } else {
            vm.call_method_str(future, "result", &[])
                .map(Outcome::Result)
        };
        let exception = match outcome {
            Ok(Outcome::Result(_)) => None,
            Ok(Outcome::Exception(exception)) => Some(exception.into_value()),
            Err(_) => Some(vm.take_exception().into_value()),
        };
        Task::step(zelf, vm, exception)
    }

    /// `Task(coro, loop=event_loop, eager_start=eager)` for a coroutine and a loop that is not in debug mode; if it is to start
    /// at once, the loop runs.
    pub fn make(vm: &Vm, event_loop: &Value, coro: &Value, eager: bool, quiet: bool) -> PyResult {
        let context = Context::copy_current(vm)?.into_value();
        let task = Task {
            future: Future::pending(event_loop.clone()),
            coroutine: MutCell::new(Some(coro.clone())),
            name: MutCell::new(Some(vm.new_int(state(vm).next_number() as i64)?)),
            context: MutCell::new(Some(context)),
            log_destroy_pending: Cell::new(!quiet || eager),
            ..Task::default()
        };
        let task = vm.new_object_of(vm.class::<Task>(), task)?;
        if eager {
            Task::start_eagerly(&task, vm)?;
            task.log_destroy_pending.set(!quiet);
        } else {
            Task::step_soon(&task, vm, None)?;
            state::register(vm, task.as_value())?;
        }
        Ok(task.into_value())
    }

    /// The first step, at once instead of from the loop.
    fn start_eagerly(zelf: &Ref<Self>, vm: &Vm) -> PyResult<()> {
        let me = zelf.as_value();
        let event_loop = zelf.future.alive(vm)?;
        let previous = state::swap_task(vm, &event_loop, me)?;
        state::register_eager(vm, me);
        let context = zelf.context_value();
        let mut error: Option<Ref<BaseException>> = None;
        let note = |vm: &Vm, error: &mut Option<Ref<BaseException>>, result: PyResult<()>| {
            if result.is_err() {
                let new = vm.take_exception();
                if let Some(old) = error.take() {
                    exception::set_context_avoiding_cycle(&new, old.into_value())
                }
                *error = Some(new);
            }
        };
        match context.downcast::<Context>() {
            Some(context) => match Context::enter(context, vm) {
                Ok(()) => {
                    let stepped = Task::step_inner(zelf, vm, None);
                    note(vm, &mut error, stepped);
                    let left = Context::exit(context, vm);
                    note(vm, &mut error, left);
                }
                failed => note(vm, &mut error, failed),
            },
            None => {
                let wrong = vm.type_error("an instance of Context was expected");
                note(vm, &mut error, Err(wrong));
            }
        }
        state::unregister_eager(vm, me);
        let swapped = state::swap_task(vm, &event_loop, &previous).map(drop);
        note(vm, &mut error, swapped);
        if zelf.is_done() {
            drop(zelf.coroutine.take());
        } else if error.is_none() {
            let registered = state::register(vm, me);
            note(vm, &mut error, registered);
        }
        match error {
            Some(error) => Err(vm.raise_value(error)),
            None => Ok(()),
        }
    }

    fn report_destruction(zelf: &Ref<Self>, vm: &Vm) {
        if zelf.is_done() || !zelf.log_destroy_pending.get() {
            return;
        }
        let Some(event_loop) = zelf.future.event_loop.get() else {
            return;
        };
        let Ok(message) = vm.new_str("Task was destroyed but it is pending!") else {
            return vm.clear_exception();
        };
        let mut entries = vec![("task", zelf.to_value()), ("message", message.into_value())];
        if let Some(source) = zelf.future.source.get() {
            entries.push(("source_traceback", source))
        }
        call_exception_handler(vm, &event_loop, &entries);
    }
}

#[pymethods]
impl Task {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, Task::default())?.into_value())
    }

    #[pyslot(sig = "(coro, *, loop=None, name=None, context=None, eager_start=False)")]
    fn init(
        zelf: &Ref<Self>,
        vm: &Vm,
        coro: &Value,
        event_loop: Option<&Value>,
        name: Option<&Value>,
        context: Option<&Value>,
        #[default(false)] eager_start: bool,
    ) -> PyResult<()> {
        has_nothing_to_say(vm, zelf.as_value(), false);
        zelf.future.start(vm, event_loop)?;
        if !state::is_coroutine(vm, coro)? {
            // Nothing was started that could be missed.
            zelf.log_destroy_pending.set(false);
            let coro = shown(vm, coro)?;
            return Err(vm.type_error(format!("a coroutine was expected, got {coro}")));
        }
        let context = match context.filter(|c| !c.is_none()) {
            Some(context) => context.clone(),
            None => Context::copy_current(vm)?.into_value(),
        };
        zelf.context.set(Some(context));
        drop(zelf.waits_for.take());
        zelf.must_cancel.set(false);
        zelf.log_destroy_pending.set(true);
        zelf.cancel_requests.set(0);
        zelf.coroutine.set(Some(coro.clone()));
        let name = match name.filter(|n| !n.is_none()) {
            Some(name) if vm.type_of(name).is(&vm.types.str) => name.clone(),
            Some(name) => object::str(vm, name)?.into_value(),
            None => vm.new_int(state(vm).next_number() as i64)?,
        };
        zelf.name.set(Some(name));
        if eager_start {
            let event_loop = zelf.future.alive(vm)?;
            if quick::is_running(vm, &event_loop)? {
                return Task::start_eagerly(zelf, vm);
            }
            let state = state(vm);
            let running = vm.call_method(&event_loop, &state.names(vm)?.is_running, &[])?;
            if object::is_true(vm, &running)? {
                return Task::start_eagerly(zelf, vm);
            }
        }
        Task::step_soon(zelf, vm, None)?;
        state::register(vm, zelf.as_value())
    }

    #[pyslot]
    fn finalize(zelf: &Ref<Self>, vm: &Vm) {
        apart(vm, || {
            zelf.seat.leave();
            Task::report_destruction(zelf, vm);
            zelf.future.report_exception(vm, zelf.as_value());
        })
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        zelf.future.alive(vm)?;
        let function = imported(vm, "asyncio.base_tasks", "_task_repr")?;
        vm.call(&function, &[zelf.to_value()])
    }

    #[pymethod(sig = "($self, result, /)")]
    fn set_result(&self, vm: &Vm, result: &Value) -> PyResult {
        let _ = result;
        Err(vm.runtime_error("Task does not support set_result operation"))
    }

    #[pymethod(sig = "($self, exception, /)")]
    fn set_exception(&self, vm: &Vm, exception: &Value) -> PyResult {
        let _ = exception;
        Err(vm.runtime_error("Task does not support set_exception operation"))
    }

    /// Request that this task cancel itself.
    ///
    /// This arranges for a CancelledError to be thrown into the
    /// wrapped coroutine on the next cycle through the event loop.
    /// The coroutine then has a chance to clean up or even deny
    /// the request using try/except/finally.
    ///
    /// Unlike Future.cancel, this does not guarantee that the
    /// task will be cancelled: the exception might be caught and
    /// acted upon, delaying cancellation of the task or preventing
    /// cancellation completely.  The task may also return a value or
    /// raise a different exception.
    ///
    /// Immediately after this method is called, Task.cancelled() will
    /// not return True (unless the task was already cancelled).  A
    /// task will be marked as cancelled when the wrapped coroutine
    /// terminates with a CancelledError exception (even if cancel()
    /// was not called).
    ///
    /// This also increases the task's count of cancellation requests.
    #[pymethod(sig = "($self, /, msg=None)")]
    fn cancel(&self, vm: &Vm, msg: Option<Value>) -> PyResult<bool> {
        let msg = msg.unwrap_or(Value::NONE);
        self.future.log_traceback.set(false);
        if self.is_done() {
            return Ok(false);
        }
        self.cancel_requests.set(self.cancel_requests.get() + 1);
        if let Some(waiter) = self.waits_for.get()
            && Task::cancel_waiter(vm, &waiter, msg.clone())?
        {
            return Ok(true);
        }
        self.must_cancel.set(true);
        self.future.cancel_message.set(Some(msg));
        Ok(true)
    }

    /// Return the count of the task's cancellation requests.
    ///
    /// This count is incremented when .cancel() is called
    /// and may be decremented using .uncancel().
    #[pymethod(sig = "($self, /)")]
    fn cancelling(&self) -> i64 {
        self.cancel_requests.get()
    }

    /// Decrement the task's count of cancellation requests.
    ///
    /// This should be used by tasks that catch CancelledError
    /// and wish to continue indefinitely until they are cancelled again.
    ///
    /// Returns the remaining number of cancellation requests.
    #[pymethod(sig = "($self, /)")]
    fn uncancel(&self) -> i64 {
        let count = self.cancel_requests.get();
        if count > 0 {
            self.cancel_requests.set(count - 1);
            if count == 1 {
                self.must_cancel.set(false)
            }
        }
        self.cancel_requests.get()
    }

    /// Return the list of stack frames for this task's coroutine.
    ///
    /// If the coroutine is not done, this returns the stack where it is
    /// suspended.  If the coroutine has completed successfully or was
    /// cancelled, this returns an empty list.  If the coroutine was
    /// terminated by an exception, this returns the list of traceback
    /// frames.
    ///
    /// The frames are always ordered from oldest to newest.
    ///
    /// The optional limit gives the maximum number of frames to
    /// return; by default all available frames are returned.  Its
    /// meaning differs depending on whether a stack or a traceback is
    /// returned: the newest frames of a stack are returned, but the
    /// oldest frames of a traceback are returned.  (This matches the
    /// behavior of the traceback module.)
    ///
    /// For reasons beyond our control, only one stack frame is
    /// returned for a suspended coroutine.
    #[pymethod(sig = "($self, /, *, limit=None)")]
    fn get_stack(zelf: &Ref<Self>, vm: &Vm, limit: Option<Value>) -> PyResult {
        let function = imported(vm, "asyncio.base_tasks", "_task_get_stack")?;
        let limit = limit.unwrap_or(Value::NONE);
        vm.call(&function, &[zelf.to_value(), limit])
    }

    /// Print the stack or traceback for this task's coroutine.
    ///
    /// This produces output similar to that of the traceback module,
    /// for the frames retrieved by get_stack().  The limit argument
    /// is passed to get_stack().  The file argument is an I/O stream
    /// to which the output is written; by default output is written
    /// to sys.stderr.
    #[pymethod(sig = "($self, /, *, limit=None, file=None)")]
    fn print_stack(
        zelf: &Ref<Self>,
        vm: &Vm,
        limit: Option<Value>,
        file: Option<Value>,
    ) -> PyResult {
        let function = imported(vm, "asyncio.base_tasks", "_task_print_stack")?;
        let (limit, file) = (limit.unwrap_or(Value::NONE), file.unwrap_or(Value::NONE));
        vm.call(&function, &[zelf.to_value(), limit, file])
    }

    /// Create the CancelledError to raise if the Task is cancelled.
    ///
    /// This should only be called once when handling a cancellation since
    /// it erases the context exception value.
    #[pymethod(sig = "($self, /)")]
    fn _make_cancelled_error(&self, vm: &Vm) -> PyResult {
        self.future.new_cancelled_error(vm)
    }

    #[pymethod(sig = "($self, /)")]
    fn get_name(&self, vm: &Vm) -> PyResult {
        match self.name.get() {
            None => Ok(Value::NONE),
            Some(name) if name.downcast::<Str>().is_some() => Ok(name),
            Some(number) => {
                let number = object::str(vm, &number)?;
                let name = vm.new_str(format!("Task-{}", number.to_string_lossy()))?;
                self.name.set(Some(name.to_value()));
                Ok(name.into_value())
            }
        }
    }

    #[pymethod(sig = "($self, value, /)")]
    fn set_name(&self, vm: &Vm, value: &Value) -> PyResult<()> {
        let name = if vm.type_of(value).is(&vm.types.str) {
            value.clone()
        } else {
            object::str(vm, value)?.into_value()
        };
        self.name.set(Some(name));
        Ok(())
    }

    #[pymethod(sig = "($self, /)")]
    fn get_coro(&self) -> Option<Value> {
        self.coroutine.get()
    }

    #[pymethod(sig = "($self, /)")]
    fn get_context(&self) -> Option<Value> {
        self.context.get()
    }

    /// Tasks are generic over the return type of their wrapped coroutines
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }

    #[pygetter(name = "_log_destroy_pending")]
    fn get_log_destroy_pending(&self) -> bool {
        self.log_destroy_pending.get()
    }

    #[pysetter(name = "_log_destroy_pending")]
    fn set_log_destroy_pending(zelf: &Ref<Self>, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(cannot_delete(vm, "_log_destroy_pending", zelf.as_value()));
        };
        zelf.log_destroy_pending.set(object::is_true(vm, &value)?);
        Ok(())
    }

    #[pygetter(name = "_must_cancel")]
    fn must_cancel_attr(&self) -> bool {
        self.must_cancel.get()
    }

    #[pygetter(name = "_coro")]
    fn coroutine_attr(&self) -> Option<Value> {
        self.coroutine.get()
    }

    #[pygetter(name = "_fut_waiter")]
    fn waiter_attr(&self) -> Option<Value> {
        self.waits_for.get()
    }
}
