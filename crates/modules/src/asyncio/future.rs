//! `Future`, and the iterator that `await` makes of it.
//!
//! Functions here take a future's payload together with the object (`me`), so that they serve tasks, whose payload begins
//! with a future's, too. An object made by `__new__` alone has no loop: everything that needs one raises RuntimeError.
//! Invariant: callbacks stand in the list only while the future is pending. CPython: FutureObj.

use super::quick;
use super::state::{self, imported, invalid_state};
use naja_heap::{Flags, MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::context::Context;
use naja_vm::exception::{self, BaseException};
use naja_vm::protocols::{attributes, compare, object};
use naja_vm::set::FrozenSet;
use naja_vm::traceback::Traceback;
use naja_vm::tuple::Tuple;
use naja_vm::type_::slots::SendResult;
use naja_vm::type_::{Type, is_subtype};
use naja_vm::{Args, PyResult, Raised, Traverse, Visitor, Vm};
use smallvec::SmallVec;
use std::cell::Cell;

/// How far a future is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Progress {
    #[default]
    Pending,
    Cancelled,
    Finished,
}

/// This class is *almost* compatible with concurrent.futures.Future.
///
///     Differences:
///
///     - result() and exception() do not take a timeout argument and
///       raise an exception when the future isn't done yet.
///
///     - Callbacks registered with add_done_callback() are always called
///       via the event loop's call_soon_threadsafe().
///
///     - This class is not compatible with the wait() and as_completed()
///       methods in the concurrent.futures package.
#[pyclass(
    name = "Future",
    module = "_asyncio",
    gc,
    flags(BASETYPE, HAS_DICT, HAS_WEAKREF)
)]
#[repr(C)]
#[derive(Default)]
pub struct Future {
    pub event_loop: MutCell<Option<Value>>,
    /// Functions to be called when the future is done, with the contexts to run them in.
    callbacks: MutCell<SmallVec<[(Value, Value); 1]>>,
    exception: MutCell<Option<Ref<BaseException>>>,
    traceback: MutCell<Option<Ref<Traceback>>>,
    result: MutCell<Option<Value>>,
    pub source: MutCell<Option<Value>>,
    pub cancel_message: MutCell<Option<Value>>,
    /// The exception that cancelled a task, until it is raised again.
    pub cancelled: MutCell<Option<Value>>,
    awaited_by: MutCell<SmallVec<[Value; 1]>>,
    progress: Cell<Progress>,
    /// Nobody has asked for the exception yet.
    pub log_traceback: Cell<bool>,
    pub blocking: Cell<bool>,
}

impl Traverse for Future {
    fn traverse(&self, v: &mut Visitor) {
        for field in [
            &self.event_loop,
            &self.result,
            &self.source,
            &self.cancel_message,
            &self.cancelled,
        ] {
            field.with(|value| v.opt(value))
        }
        self.callbacks.with(|all| {
            for (callback, context) in all {
                v.value(callback);
                v.value(context);
            }
        });
        self.awaited_by
            .with(|all| all.iter().for_each(|x| v.value(x)));
        self.exception.with(|e| {
            if let Some(e) = e {
                v.reference(e)
            }
        });
        self.traceback.with(|t| {
            if let Some(t) = t {
                v.reference(t)
            }
        });
    }
    fn clear(&self) {
        for field in [
            &self.event_loop,
            &self.result,
            &self.source,
            &self.cancel_message,
            &self.cancelled,
        ] {
            drop(field.take())
        }
        drop(self.callbacks.take());
        drop(self.awaited_by.take());
        drop(self.exception.take());
        drop(self.traceback.take());
    }
}

/// `loop.call_soon(function, *args, context=context)`.
pub fn call_soon(
    vm: &Vm,
    event_loop: &Value,
    function: Value,
    arg: Option<Value>,
    context: Value,
) -> PyResult<()> {
    if quick::call_soon(vm, event_loop, &function, arg.as_ref(), &context)? {
        return Ok(());
    }
    let state = state::state(vm);
    let names = state.names(vm)?;
    let (method, first) = match attributes::get_method(vm, event_loop, &names.call_soon)? {
        attributes::Method::Unbound(method) => (method, 0),
        attributes::Method::Bound(method) => (method, 1),
    };
    let (all, end) = match arg {
        Some(arg) => ([event_loop.clone(), function, arg, context], 4),
        None => ([event_loop.clone(), function, context, Value::NONE], 3),
    };
    let args = Args {
        args: &all[first..end],
        kwnames: Some(&names.context),
    };
    vm.call_args(&method, args).map(drop)
}

/// The loop of a future of any class. Raises AttributeError.
pub fn loop_of(vm: &Vm, future: &Value) -> PyResult {
    if is_exact(vm, future)
        && let Some(own) = future.downcast::<Future>()
    {
        return Ok(own.event_loop.get().unwrap_or(Value::NONE));
    }
    let state = state::state(vm);
    let name = &state.names(vm)?.get_loop;
    match attributes::get_optional(vm, future, name)? {
        Some(method) => vm.call(&method, &[]),
        None => attributes::get_by(vm, future, "_loop"),
    }
}

/// Whether an object is a Future or Task and not one of a subclass, whose methods could be others.
pub fn is_exact(vm: &Vm, value: &Value) -> bool {
    let class = vm.type_of(value);
    class.is(vm.class::<Future>()) || class.is(vm.class::<super::task::Task>())
}

/// Notes whether the finalizer of a future or task, if no subclass may have one of its own, would find nothing to do.
pub fn has_nothing_to_say(vm: &Vm, me: &Value, nothing: bool) {
    if is_exact(vm, me)
        && let Some(header) = me.header()
    {
        header.set_flag(Flags::FINALIZED, nothing)
    }
}

/// Notes that `waiter` awaits `future`, if both are native.
pub fn add_awaited_by(future: &Value, waiter: &Value) {
    if let (Some(future), Some(_)) = (future.downcast::<Future>(), waiter.downcast::<Future>()) {
        future.awaited_by.with_mut(|all| {
            if !all.iter().any(|known| known.is(waiter)) {
                all.push(waiter.clone())
            }
        })
    }
}

/// Undoes [`add_awaited_by`].
pub fn discard_awaited_by(future: &Value, waiter: &Value) {
    if let Some(future) = future.downcast::<Future>() {
        let found = future.awaited_by.with_mut(|all| {
            let at = all.iter().position(|known| known.is(waiter))?;
            Some(all.swap_remove(at))
        });
        drop(found)
    }
}

/// Raises an exception object. TypeError for what is none.
pub fn raise_object(vm: &Vm, value: Value) -> Raised {
    match value.downcast_into::<BaseException>() {
        Ok(exception) => vm.raise_value(exception),
        Err(_) => vm.type_error("exceptions must derive from BaseException"),
    }
}

/// Calls the loop's exception handler with these entries of its context. Errors are reported, not raised.
pub fn call_exception_handler(vm: &Vm, event_loop: &Value, entries: &[(&str, Value)]) {
    let called = (|| -> PyResult<()> {
        let context = vm.new_dict()?;
        for (name, value) in entries {
            context.set_str(vm, &vm.intern(name), value.clone())?
        }
        let handler = attributes::get_by(vm, event_loop, "call_exception_handler")?;
        if vm.call(&handler, &[context.into_value()]).is_err() {
            exception::write_unraisable_while(vm, "calling asyncio function", &handler);
        }
        Ok(())
    })();
    if called.is_err() {
        exception::write_unraisable(vm, None)
    }
}

/// A result or exception, once there is one.
pub enum Outcome {
    Result(Value),
    Exception(Ref<BaseException>),
}

impl Future {
    /// A pending future of a loop that is not in debug mode.
    pub fn pending(event_loop: Value) -> Future {
        Future {
            event_loop: MutCell::new(Some(event_loop)),
            ..Future::default()
        }
    }

    pub fn progress(&self) -> Progress {
        self.progress.get()
    }

    /// The result of an object that is a finished Future or Task, of no subclass, and has one.
    pub fn plain_result(vm: &Vm, value: &Value) -> Option<Value> {
        let future = value.downcast::<Future>().filter(|_| is_exact(vm, value))?;
        let finished = future.progress.get() == Progress::Finished
            && future.exception.with(Option::is_none)
            && future.event_loop.with(Option::is_some);
        finished.then(|| future.result.get().unwrap_or(Value::NONE))
    }

    /// The loop. Raises RuntimeError before `__init__`.
    pub fn alive(&self, vm: &Vm) -> PyResult {
        self.event_loop
            .get()
            .ok_or_else(|| vm.runtime_error("Future object is not initialized."))
    }

    /// What `__init__` does.
    pub fn start(&self, vm: &Vm, event_loop: Option<&Value>) -> PyResult<()> {
        Traverse::clear(self);
        self.progress.set(Progress::Pending);
        self.log_traceback.set(false);
        self.blocking.set(false);
        let event_loop = match event_loop.filter(|l| !l.is_none()) {
            Some(event_loop) => event_loop.clone(),
            None => state::event_loop(vm)?,
        };
        self.event_loop.set(Some(event_loop.clone()));
        if quick::is_not_debugging(vm, &event_loop)? {
            return Ok(());
        }
        let state = state::state(vm);
        let debug = vm.call_method(&event_loop, &state.names(vm)?.get_debug, &[])?;
        // At the interpreter's end `traceback` may be gone already.
        if object::is_true(vm, &debug)? && !vm.interp.state.finalizing.get() {
            let extract = imported(vm, "traceback", "extract_stack")?;
            self.source.set(Some(vm.call(&extract, &[])?))
        }
        Ok(())
    }

    /// Hands the callbacks to the loop.
    fn schedule(&self, vm: &Vm, me: &Value) -> PyResult<()> {
        let callbacks = self.callbacks.take();
        if callbacks.is_empty() {
            return Ok(());
        }
        let event_loop = self.alive(vm)?;
        for (callback, context) in callbacks {
            call_soon(vm, &event_loop, callback, Some(me.clone()), context)?
        }
        Ok(())
    }

    fn check_pending(&self, vm: &Vm) -> PyResult<()> {
        match self.progress.get() {
            Progress::Pending => Ok(()),
            _ => Err(invalid_state(vm, "invalid state")),
        }
    }

    /// Raises InvalidStateError, RuntimeError.
    pub fn finish(&self, vm: &Vm, me: &Value, result: Value) -> PyResult<()> {
        self.alive(vm)?;
        self.check_pending(vm)?;
        self.result.set(Some(result));
        self.progress.set(Progress::Finished);
        has_nothing_to_say(vm, me, true);
        self.schedule(vm, me)
    }

    /// Raises InvalidStateError, TypeError.
    pub fn fail(&self, vm: &Vm, me: &Value, exception: &Value) -> PyResult<()> {
        self.check_pending(vm)?;
        let class = exception
            .downcast::<Type>()
            .filter(|class| is_subtype(class, &vm.types.base_exception));
        let made = match class {
            Some(class) => {
                let made = vm.call(class.as_value(), &[])?;
                self.check_pending(vm)?;
                made
            }
            None => exception.clone(),
        };
        let Ok(mut made) = made.downcast_into::<BaseException>() else {
            return Err(vm.type_error("invalid exception object"));
        };
        if is_subtype(vm.type_of(made.as_value()), &vm.types.stop_iteration) {
            let message =
                "StopIteration interacts badly with generators and cannot be raised into a Future";
            let args = [vm.new_str(message)?.into_value()];
            let error = exception::instantiate(vm, &vm.types.runtime_error, &args)?;
            error.set_cause(Some(made.to_value()));
            exception::set_context_avoiding_cycle(&error, made.into_value());
            made = error;
        }
        self.traceback.set(made.traceback());
        self.exception.set(Some(made));
        self.progress.set(Progress::Finished);
        self.schedule(vm, me)?;
        self.log_traceback.set(true);
        Ok(())
    }

    /// Whether the future could be cancelled.
    pub fn cancel_with(&self, vm: &Vm, me: &Value, message: Option<Value>) -> PyResult<bool> {
        self.log_traceback.set(false);
        if self.progress.get() != Progress::Pending {
            return Ok(false);
        }
        self.progress.set(Progress::Cancelled);
        has_nothing_to_say(vm, me, true);
        self.cancel_message.set(message);
        self.schedule(vm, me)?;
        Ok(true)
    }

    /// The exception to raise because the future is cancelled; only the first time the one that cancelled it.
    pub fn new_cancelled_error(&self, vm: &Vm) -> PyResult {
        if let Some(exception) = self.cancelled.take() {
            return Ok(exception);
        }
        let class = state::cancelled_error(vm)?;
        match self.cancel_message.get().filter(|m| !m.is_none()) {
            Some(message) => vm.call(class.as_value(), &[message]),
            None => vm.call(class.as_value(), &[]),
        }
    }

    fn raise_cancelled(&self, vm: &Vm) -> Raised {
        match self.new_cancelled_error(vm) {
            Ok(exception) => raise_object(vm, exception),
            Err(raised) => raised,
        }
    }

    /// Raises CancelledError, and InvalidStateError while the future is pending.
    pub fn outcome(&self, vm: &Vm) -> PyResult<Outcome> {
        match self.progress.get() {
            Progress::Cancelled => return Err(self.raise_cancelled(vm)),
            Progress::Pending => return Err(invalid_state(vm, "Result is not set.")),
            Progress::Finished => {}
        }
        self.log_traceback.set(false);
        Ok(match self.exception.get() {
            Some(exception) => {
                exception.set_traceback(self.traceback.take());
                Outcome::Exception(exception)
            }
            None => Outcome::Result(self.result.get().unwrap_or(Value::NONE)),
        })
    }

    /// `result()`.
    pub fn get_result(&self, vm: &Vm) -> PyResult {
        if self.event_loop.with(Option::is_none) {
            return Err(invalid_state(vm, "Future object is not initialized."));
        }
        match self.outcome(vm)? {
            Outcome::Result(value) => Ok(value),
            Outcome::Exception(exception) => Err(vm.raise_value(exception)),
        }
    }

    /// `add_done_callback(callback, context=context)`.
    pub fn add_callback(
        &self,
        vm: &Vm,
        me: &Value,
        callback: Value,
        context: Value,
    ) -> PyResult<()> {
        let event_loop = self.alive(vm)?;
        if self.progress.get() != Progress::Pending {
            return call_soon(vm, &event_loop, callback, Some(me.clone()), context);
        }
        self.callbacks.with_mut(|all| all.push((callback, context)));
        Ok(())
    }

    /// Removes the callbacks equal to one and counts them. Comparing may change the list.
    fn remove_callback(&self, vm: &Vm, callback: &Value) -> PyResult<usize> {
        let (mut at, mut removed) = (0, 0);
        while let Some((candidate, context)) = self.callbacks.with(|all| all.get(at).cloned()) {
            if !compare::compare_bool(vm, &candidate, callback, compare::CompareOp::Eq)? {
                at += 1;
                continue;
            }
            let found = self.callbacks.with_mut(|all| {
                let same = |(f, c): &(Value, Value)| f.is(&candidate) && c.is(&context);
                let place = all.iter().skip(at).position(same).map(|i| i + at);
                place.map(|i| all.remove(i))
            });
            removed += found.is_some() as usize;
            if found.is_none() {
                at += 1
            }
        }
        Ok(removed)
    }

    /// What is left to say when the last reference goes.
    pub fn report_exception(&self, vm: &Vm, me: &Value) {
        if !self.log_traceback.replace(false) {
            return;
        }
        let Some(event_loop) = self.event_loop.get() else {
            return;
        };
        let name = vm.type_of(me).name();
        let message = format!("{name} exception was never retrieved");
        let Ok(message) = vm.new_str(message) else {
            return vm.clear_exception();
        };
        let exception = self.exception.get().map_or(Value::NONE, Ref::into_value);
        let mut entries = vec![
            ("message", message.into_value()),
            ("exception", exception),
            ("future", me.clone()),
        ];
        if let Some(source) = self.source.get() {
            entries.push(("source_traceback", source))
        }
        call_exception_handler(vm, &event_loop, &entries);
    }
}

/// Runs `f`, which may raise and catch, with no exception pending.
pub fn apart(vm: &Vm, f: impl FnOnce()) {
    let pending = vm.has_exception().then(|| vm.take_exception());
    f();
    if let Some(pending) = pending {
        vm.raise_value(pending);
    }
}

/// Raises AttributeError for `del object.name`.
pub fn cannot_delete(vm: &Vm, name: &str, object: &Value) -> Raised {
    vm.attribute_error(format!(
        "attribute '{name}' of '{}' objects cannot be deleted",
        vm.type_of(object).full_name()
    ))
}

/// A new iterator over a future.
fn iterate(vm: &Vm, me: &Value) -> PyResult {
    if let Some(future) = me.downcast::<Future>() {
        future.alive(vm)?;
    }
    let future = MutCell::new(Some(me.clone()));
    Ok(vm.new_object(FutureIter { future })?.into_value())
}

#[pymethods]
impl Future {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, Future::default())?.into_value())
    }

    #[pyslot(sig = "(*, loop=None)")]
    fn init(zelf: &Ref<Self>, vm: &Vm, event_loop: Option<&Value>) -> PyResult<()> {
        has_nothing_to_say(vm, zelf.as_value(), false);
        zelf.start(vm, event_loop)
    }

    #[pyslot]
    fn finalize(zelf: &Ref<Self>, vm: &Vm) {
        apart(vm, || zelf.report_exception(vm, zelf.as_value()))
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        zelf.alive(vm)?;
        let function = imported(vm, "asyncio.base_futures", "_future_repr")?;
        vm.call(&function, &[zelf.to_value()])
    }

    #[pyslot]
    fn iter(zelf: &Value, vm: &Vm) -> PyResult {
        iterate(vm, zelf)
    }

    #[pyslot]
    fn await_(zelf: &Value, vm: &Vm) -> PyResult {
        iterate(vm, zelf)
    }

    /// Return the result this future represents.
    ///
    /// If the future has been cancelled, raises CancelledError.  If the
    /// future's result isn't yet available, raises InvalidStateError.  If
    /// the future is done and has an exception set, this exception is
    /// raised.
    #[pymethod(sig = "($self, /)")]
    fn result(&self, vm: &Vm) -> PyResult {
        self.get_result(vm)
    }

    /// Return the exception that was set on this future.
    ///
    /// The exception (or None if no exception was set) is returned only if
    /// the future is done.  If the future has been cancelled, raises
    /// CancelledError.  If the future isn't done yet, raises
    /// InvalidStateError.
    #[pymethod(sig = "($self, /)")]
    fn exception(&self, vm: &Vm) -> PyResult<Option<Value>> {
        if self.event_loop.with(Option::is_none) {
            return Err(invalid_state(vm, "Future object is not initialized."));
        }
        match self.progress.get() {
            Progress::Cancelled => Err(self.raise_cancelled(vm)),
            Progress::Pending => Err(invalid_state(vm, "Exception is not set.")),
            Progress::Finished => Ok(self.exception.get().map(|exception| {
                self.log_traceback.set(false);
                exception.into_value()
            })),
        }
    }

    /// Mark the future done and set its result.
    ///
    /// If the future is already done when this method is called, raises
    /// InvalidStateError.
    #[pymethod(sig = "($self, result, /)")]
    fn set_result(zelf: &Ref<Self>, vm: &Vm, result: Value) -> PyResult<()> {
        zelf.finish(vm, zelf.as_value(), result)
    }

    /// Mark the future done and set an exception.
    ///
    /// If the future is already done when this method is called, raises
    /// InvalidStateError.
    #[pymethod(sig = "($self, exception, /)")]
    fn set_exception(zelf: &Ref<Self>, vm: &Vm, exception: &Value) -> PyResult<()> {
        zelf.alive(vm)?;
        zelf.fail(vm, zelf.as_value(), exception)
    }

    /// Add a callback to be run when the future becomes done.
    ///
    /// The callback is called with a single argument - the future object.
    /// If the future is already done when this is called, the callback is
    /// scheduled with call_soon.
    #[pymethod(sig = "($self, fn, /, *, context=<unrepresentable>)")]
    fn add_done_callback(
        zelf: &Ref<Self>,
        vm: &Vm,
        function: Value,
        context: Option<Value>,
    ) -> PyResult<()> {
        let context = match context {
            Some(context) => context,
            None => Context::copy_current(vm)?.into_value(),
        };
        zelf.add_callback(vm, zelf.as_value(), function, context)
    }

    /// Remove all instances of a callback from the "call when done" list.
    ///
    /// Returns the number of callbacks removed.
    #[pymethod(sig = "($self, fn, /)")]
    fn remove_done_callback(&self, vm: &Vm, function: &Value) -> PyResult<usize> {
        self.alive(vm)?;
        self.remove_callback(vm, function)
    }

    /// Cancel the future and schedule callbacks.
    ///
    /// If the future is already done or cancelled, return False.
    /// Otherwise, change the future's state to cancelled, schedule the
    /// callbacks and return True.
    #[pymethod(sig = "($self, /, msg=None)")]
    fn cancel(zelf: &Ref<Self>, vm: &Vm, msg: Option<Value>) -> PyResult<bool> {
        zelf.alive(vm)?;
        zelf.cancel_with(vm, zelf.as_value(), msg)
    }

    /// Return True if the future was cancelled.
    #[pymethod(sig = "($self, /)")]
    fn cancelled(&self) -> bool {
        self.event_loop.with(Option::is_some) && self.progress.get() == Progress::Cancelled
    }

    /// Return True if the future is done.
    ///
    /// Done means either that a result / exception are available, or that
    /// the future was cancelled.
    #[pymethod(sig = "($self, /)")]
    fn done(&self) -> bool {
        self.event_loop.with(Option::is_some) && self.progress.get() != Progress::Pending
    }

    /// Return the event loop the Future is bound to.
    #[pymethod(sig = "($self, /)")]
    fn get_loop(&self, vm: &Vm) -> PyResult {
        self.alive(vm)
    }

    /// Create the CancelledError to raise if the Future is cancelled.
    ///
    /// This should only be called once when handling a cancellation since
    /// it erases the context exception value.
    #[pymethod(sig = "($self, /)")]
    fn _make_cancelled_error(&self, vm: &Vm) -> PyResult {
        self.new_cancelled_error(vm)
    }

    /// Futures are generic over the type of their results
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }

    #[pygetter(name = "_state")]
    fn get_state(&self, vm: &Vm) -> PyResult<&'static str> {
        self.alive(vm)?;
        Ok(match self.progress.get() {
            Progress::Pending => "PENDING",
            Progress::Cancelled => "CANCELLED",
            Progress::Finished => "FINISHED",
        })
    }

    #[pygetter(name = "_asyncio_future_blocking")]
    fn get_blocking(&self) -> bool {
        self.event_loop.with(Option::is_some) && self.blocking.get()
    }

    #[pysetter(name = "_asyncio_future_blocking")]
    fn set_blocking(zelf: &Ref<Self>, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        zelf.alive(vm)?;
        let Some(value) = value else {
            return Err(cannot_delete(
                vm,
                "_asyncio_future_blocking",
                zelf.as_value(),
            ));
        };
        zelf.blocking.set(object::is_true(vm, &value)?);
        Ok(())
    }

    #[pygetter(name = "_loop")]
    fn loop_attr(&self) -> Option<Value> {
        self.event_loop.get()
    }

    #[pygetter(name = "_callbacks")]
    fn callbacks_attr(&self, vm: &Vm) -> PyResult {
        self.alive(vm)?;
        let all = self.callbacks.get();
        if all.is_empty() {
            return Ok(Value::NONE);
        }
        let pairs = all.into_iter().map(|(f, c)| Tuple::pair(vm, f, c));
        Ok(vm.new_list(pairs.collect::<PyResult<_>>()?)?.into_value())
    }

    #[pygetter(name = "_result")]
    fn result_attr(&self, vm: &Vm) -> PyResult<Option<Value>> {
        self.alive(vm)?;
        Ok(self.result.get())
    }

    #[pygetter(name = "_exception")]
    fn exception_attr(&self, vm: &Vm) -> PyResult<Option<Value>> {
        self.alive(vm)?;
        Ok(self.exception.get().map(Ref::into_value))
    }

    #[pygetter(name = "_log_traceback")]
    fn get_log_traceback(&self, vm: &Vm) -> PyResult<bool> {
        self.alive(vm)?;
        Ok(self.log_traceback.get())
    }

    #[pysetter(name = "_log_traceback")]
    fn set_log_traceback(zelf: &Ref<Self>, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(cannot_delete(vm, "_log_traceback", zelf.as_value()));
        };
        if object::is_true(vm, &value)? {
            return Err(vm.value_error("_log_traceback can only be set to False"));
        }
        zelf.log_traceback.set(false);
        Ok(())
    }

    #[pygetter(name = "_source_traceback")]
    fn source_attr(&self) -> Option<Value> {
        self.source.get()
    }

    #[pygetter(name = "_cancel_message")]
    fn get_cancel_message(&self) -> Option<Value> {
        self.cancel_message.get()
    }

    #[pysetter(name = "_cancel_message")]
    fn set_cancel_message(zelf: &Ref<Self>, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        if value.is_none() {
            return Err(cannot_delete(vm, "_cancel_message", zelf.as_value()));
        }
        zelf.cancel_message.set(value);
        Ok(())
    }

    #[pygetter(name = "_asyncio_awaited_by")]
    fn awaited_by_attr(&self, vm: &Vm) -> PyResult<Option<Ref<FrozenSet>>> {
        let all = self.awaited_by.get();
        if all.is_empty() {
            return Ok(None);
        }
        FrozenSet::from_values(vm, all.into_vec()).map(Some)
    }
}

/// What `await` iterates over: yields the future once, then gives its result.
#[pyclass(name = "FutureIter", module = "_asyncio", gc)]
pub struct FutureIter {
    future: MutCell<Option<Value>>,
}

impl Traverse for FutureIter {
    fn traverse(&self, v: &mut Visitor) {
        self.future.with(|f| v.opt(f))
    }
    fn clear(&self) {
        drop(self.future.take())
    }
}

impl FutureIter {
    fn advance(&self, vm: &Vm) -> PyResult<SendResult> {
        let Some(value) = self.future.get() else {
            return Ok(SendResult::Return(Value::NONE));
        };
        let Some(future) = value.downcast::<Future>() else {
            return Err(vm.type_error("not a future"));
        };
        if future.progress() == Progress::Pending {
            if future.blocking.get() {
                return Err(vm.runtime_error("await wasn't used with future"));
            }
            future.blocking.set(true);
            return Ok(SendResult::Next(value.clone()));
        }
        drop(self.future.take());
        future.get_result(vm).map(SendResult::Return)
    }

    fn next(&self, vm: &Vm) -> PyResult<Option<Value>> {
        match self.advance(vm)? {
            SendResult::Next(value) => Ok(Some(value)),
            SendResult::Return(value) if value.is_none() => Ok(None),
            SendResult::Return(value) => Err(vm.stop_iteration(value)),
        }
    }
}

#[pymethods]
impl FutureIter {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        zelf.next(vm)
    }

    #[pyslot(name = "send")]
    fn send_slot(zelf: &Ref<Self>, vm: &Vm, _value: &Value) -> PyResult<SendResult> {
        zelf.advance(vm)
    }

    #[pymethod(name = "send", sig = "($self, value, /)")]
    fn send_method(&self, vm: &Vm, value: &Value) -> PyResult {
        let _ = value;
        self.next(vm)?.ok_or_else(|| vm.stop_iteration(Value::NONE))
    }

    #[pymethod(sig = "($self, typ, val=None, tb=None, /)")]
    fn throw(&self, vm: &Vm, typ: &Value, val: Option<&Value>, tb: Option<&Value>) -> PyResult {
        if val.is_some() {
            vm.warn(
                &vm.types.deprecation_warning,
                "the (type, exc, tb) signature of throw() is deprecated, use the single-arg signature instead.",
                1,
            )?;
        }
        let traceback = match tb.filter(|tb| !tb.is_none()) {
            None => None,
            Some(tb) => match tb.downcast::<Traceback>() {
                Some(tb) => Some(tb.clone()),
                None => {
                    return Err(vm.type_error("throw() third argument must be a traceback"));
                }
            },
        };
        let val = val.filter(|v| !v.is_none());
        let class = typ
            .downcast::<Type>()
            .filter(|class| is_subtype(class, &vm.types.base_exception));
        let exception = match (class, typ.downcast::<BaseException>()) {
            (Some(class), _) => match val {
                Some(value) if object::is_instance(vm, value, typ)? => value.clone(),
                Some(value) => match value.downcast::<Tuple>() {
                    Some(args) => vm.call(class.as_value(), args.items())?,
                    None => vm.call(class.as_value(), std::slice::from_ref(value))?,
                },
                None => vm.call(class.as_value(), &[])?,
            },
            (None, Some(_)) if val.is_some() => {
                return Err(vm.type_error("instance exception may not have a separate value"));
            }
            (None, Some(exception)) => exception.to_value(),
            (None, None) => {
                return Err(vm.type_error(
                    "exceptions must be classes deriving BaseException or instances of such a class",
                ));
            }
        };
        drop(self.future.take());
        if let (Some(traceback), Some(exception)) =
            (traceback, exception.downcast::<BaseException>())
        {
            exception.set_traceback(Some(traceback))
        }
        Err(raise_object(vm, exception))
    }

    #[pymethod(sig = "($self, /)")]
    fn close(&self) {
        drop(self.future.take())
    }
}
