//! `sys.settrace` and `sys.setprofile`, on top of monitoring: tools 7 and 6 turn events into calls of the old kind.
//!
//! A thread has its own functions; the events are switched on for the whole interpreter while any thread has one.
//! CPython: Python/legacy_tracing.c, `trace_trampoline` in Python/sysmodule.c.

use super::frame::Frame;
use super::monitor::{self, PROFILE_TOOL, TRACE_TOOL, event};
use crate::function::descriptor::MethodDescriptor;
use crate::function::native::NativeFunction;
use crate::objects::exception::BaseException;
use crate::objects::frame::{FrameObject, frame_object};
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{MutCell, Ref, Value};
use std::cell::Cell;

pub use super::monitor::{CodeMonitoring, uninstrumented};

/// A thread's tracing functions.
#[derive(Default)]
pub struct TraceState {
    pub function: MutCell<Option<Value>>,
    pub profile: MutCell<Option<Value>>,
    /// While not 0 nothing is reported: a tool's function is running.
    tracing: Cell<u32>,
    /// The event that is being reported.
    what: Cell<Option<usize>>,
    opcodes: Cell<bool>,
}

impl TraceState {
    #[inline]
    pub fn is_tracing(&self) -> bool {
        self.tracing.get() != 0
    }

    /// The event whose report is under way.
    pub fn what(&self) -> Option<usize> {
        self.what.get()
    }

    /// Runs `f` without reports.
    pub fn quietly<R>(&self, event: Option<usize>, f: impl FnOnce() -> R) -> R {
        let old = self.what.replace(event);
        self.tracing.set(self.tracing.get() + 1);
        let result = f();
        self.tracing.set(self.tracing.get() - 1);
        self.what.set(old);
        result
    }

    /// Runs `f` with reports, even from within one (`sys.call_tracing`).
    pub fn loudly<R>(&self, f: impl FnOnce() -> R) -> R {
        let (old, what) = (self.tracing.replace(0), self.what.replace(None));
        let result = f();
        self.tracing.set(old);
        self.what.set(what);
        result
    }
}

const fn set(events: &[usize]) -> u32 {
    let (mut bits, mut i) = (0, 0);
    while i < events.len() {
        bits |= 1 << events[i];
        i += 1;
    }
    bits
}

const TRACE_EVENTS: u32 = set(&[
    event::PY_START,
    event::PY_RESUME,
    event::PY_RETURN,
    event::PY_YIELD,
    event::RAISE,
    event::LINE,
    event::JUMP,
    event::PY_UNWIND,
    event::PY_THROW,
    event::STOP_ITERATION,
]);

const PROFILE_EVENTS: u32 = set(&[
    event::PY_START,
    event::PY_RESUME,
    event::PY_RETURN,
    event::PY_YIELD,
    event::CALL,
    event::PY_UNWIND,
    event::PY_THROW,
]);

/// Whether any thread has a function in `place`.
fn any_thread(vm: &Vm, place: impl Fn(&Vm) -> bool) -> bool {
    let threads = vm.interp.state.threads.get();
    // SAFETY: states of threads leave the list before they end.
    place(vm) || threads.iter().any(|&thread| place(unsafe { &*thread }))
}

/// Switches the events of the two tools on and off as threads need them.
fn update(vm: &Vm) {
    let traced = any_thread(vm, |t| t.trace.function.with(Option::is_some));
    let profiled = any_thread(vm, |t| t.trace.profile.with(Option::is_some));
    let opcodes = any_thread(vm, |t| t.trace.opcodes.get());
    let mut events = if traced { TRACE_EVENTS } else { 0 };
    if traced && opcodes {
        events |= 1 << event::INSTRUCTION;
    }
    monitor::set_events(vm, TRACE_TOOL, events);
    monitor::set_events(vm, PROFILE_TOOL, if profiled { PROFILE_EVENTS } else { 0 });
}

/// `sys.settrace`.
pub fn set_trace(vm: &Vm, function: Option<Value>) -> PyResult<()> {
    vm.permit(crate::runtime::Access::Event("sys.settrace", &[]))?;
    drop(vm.trace.function.replace(function));
    update(vm);
    Ok(())
}

/// `sys.setprofile`.
pub fn set_profile(vm: &Vm, function: Option<Value>) -> PyResult<()> {
    vm.permit(crate::runtime::Access::Event("sys.setprofile", &[]))?;
    drop(vm.trace.profile.replace(function));
    update(vm);
    Ok(())
}

/// Does something with the state of every thread of the interpreter. The caller holds the GIL.
fn each_thread(vm: &Vm, f: impl Fn(&Vm)) {
    let threads = vm.interp.state.threads.get();
    f(vm);
    for thread in threads {
        // SAFETY: states of threads leave the list before they end, and their threads wait for the lock held here.
        let other = unsafe { &*thread };
        if !std::ptr::eq(other, vm) {
            f(other)
        }
    }
}

/// `sys._settraceallthreads`.
pub fn set_trace_all(vm: &Vm, function: Option<Value>) -> PyResult<()> {
    vm.permit(crate::runtime::Access::Event("sys.settrace", &[]))?;
    each_thread(vm, |t| drop(t.trace.function.replace(function.clone())));
    update(vm);
    Ok(())
}

/// `sys._setprofileallthreads`.
pub fn set_profile_all(vm: &Vm, function: Option<Value>) -> PyResult<()> {
    vm.permit(crate::runtime::Access::Event("sys.setprofile", &[]))?;
    each_thread(vm, |t| drop(t.trace.profile.replace(function.clone())));
    update(vm);
    Ok(())
}

/// Somebody wants 'opcode' events of a frame.
pub fn trace_opcodes(vm: &Vm) {
    vm.trace.opcodes.set(true);
    update(vm);
}

/// Calls a trace function for a frame. 'call' goes to the thread's function, the rest to the frame's own.
fn call_trace(
    vm: &Vm,
    frame: &Ref<FrameObject>,
    event: usize,
    what: &str,
    arg: Value,
) -> PyResult<()> {
    let callback = if what == "call" {
        vm.trace.function.get()
    } else {
        frame.trace()
    };
    let Some(callback) = callback else {
        return Ok(());
    };
    let args = [frame.to_value(), vm.intern(what).into_value(), arg];
    match vm.trace.quietly(Some(event), || vm.call(&callback, &args)) {
        Ok(result) => {
            if !result.is_none() {
                frame.set_trace(Some(result));
            }
            Ok(())
        }
        Err(Raised) => {
            let exception = vm.take_exception();
            drop(vm.trace.function.take());
            update(vm);
            frame.set_trace(None);
            Err(vm.raise_value(exception))
        }
    }
}

/// The argument of 'exception' events.
fn exception_triple(vm: &Vm, extra: &[Value]) -> PyResult {
    let exception = extra.first().cloned().unwrap_or(Value::NONE);
    let traceback = exception
        .downcast::<BaseException>()
        .map_or(Value::NONE, |e| e.traceback_value());
    let class = vm.type_of(&exception).to_ref().into_value();
    Ok(vm
        .new_tuple(vec![class, exception, traceback])?
        .into_value())
}

/// An event for `sys.settrace`'s function. Says whether this place need not be reported again.
///
/// # Safety
/// `fp` is the current frame.
pub(super) unsafe fn trace_event(
    vm: &Vm,
    fp: *mut Frame,
    event: usize,
    at: usize,
    extra: &[Value],
) -> PyResult<bool> {
    if vm.trace.function.with(Option::is_none) {
        return Ok(false);
    }
    let frame = frame_object(vm, fp)?;
    let value = || extra.first().cloned().unwrap_or(Value::NONE);
    match event {
        event::PY_START | event::PY_RESUME | event::PY_THROW => {
            call_trace(vm, &frame, event, "call", Value::NONE)?
        }
        event::PY_RETURN | event::PY_YIELD => call_trace(vm, &frame, event, "return", value())?,
        event::PY_UNWIND => call_trace(vm, &frame, event, "return", Value::NONE)?,
        event::RAISE | event::STOP_ITERATION => {
            call_trace(vm, &frame, event, "exception", exception_triple(vm, extra)?)?
        }
        event::LINE if frame.trace_lines.get() => {
            call_trace(vm, &frame, event, "line", Value::NONE)?
        }
        event::INSTRUCTION if frame.trace_opcodes.get() => {
            call_trace(vm, &frame, event, "opcode", Value::NONE)?
        }
        event::JUMP => {
            // A jump back within one line is a new pass over that line.
            let to = value().as_small_int().unwrap_or(0) as usize / 2;
            let code = frame.code().clone();
            if to > at || code.line_at(to) != code.line_at(at) {
                return Ok(true);
            }
            if frame.trace_lines.get() {
                call_trace(vm, &frame, event::LINE, "line", Value::NONE)?
            }
        }
        _ => {}
    }
    Ok(false)
}

/// What a profiler is told of a callable: native functions, and methods bound to their object.
fn native_callable(vm: &Vm, extra: &[Value]) -> PyResult<Option<Value>> {
    let [callable, first, ..] = extra else {
        return Ok(None);
    };
    if callable.downcast::<NativeFunction>().is_some() {
        return Ok(Some(callable.clone()));
    }
    if callable.downcast::<MethodDescriptor>().is_some() {
        let missing = vm.interp.state.monitoring.missing.get();
        if missing.as_ref().is_some_and(|m| m.is(first)) {
            return Ok(None);
        }
        if let Some(get) = vm.type_of(callable).slots.descr_get.get() {
            let class = vm.type_of(first).to_ref().into_value();
            return get(vm, callable, Some(first), Some(&class)).map(Some);
        }
    }
    Ok(None)
}

/// An event for `sys.setprofile`'s function.
///
/// # Safety
/// `fp` is the current frame.
pub(super) unsafe fn profile_event(
    vm: &Vm,
    fp: *mut Frame,
    event: usize,
    extra: &[Value],
) -> PyResult<bool> {
    let Some(function) = vm.trace.profile.get() else {
        return Ok(false);
    };
    let (what, arg) = match event {
        event::PY_START | event::PY_RESUME | event::PY_THROW => ("call", Some(Value::NONE)),
        event::PY_RETURN | event::PY_YIELD => ("return", extra.first().cloned()),
        event::PY_UNWIND => ("return", Some(Value::NONE)),
        event::CALL => ("c_call", native_callable(vm, extra)?),
        event::C_RETURN => ("c_return", native_callable(vm, extra)?),
        event::C_RAISE => ("c_exception", native_callable(vm, extra)?),
        _ => return Ok(false),
    };
    let Some(arg) = arg else {
        return Ok(false);
    };
    let frame = frame_object(vm, fp)?;
    let args = [frame.into_value(), vm.intern(what).into_value(), arg];
    match vm.trace.quietly(Some(event), || vm.call(&function, &args)) {
        Ok(_) => Ok(false),
        Err(Raised) => {
            let exception = vm.take_exception();
            drop(vm.trace.profile.take());
            update(vm);
            Err(vm.raise_value(exception))
        }
    }
}

/// An exception is being raised in a frame. What a tool raises replaces it.
#[inline(always)]
pub(super) fn exception_raised(
    vm: &Vm,
    frame: *mut Frame,
    exception: Ref<BaseException>,
    again: bool,
) -> PyResult<Ref<BaseException>> {
    let event = if again { event::RERAISE } else { event::RAISE };
    if vm.interp.state.monitoring.wants(event) {
        // SAFETY: the unwinder's frame is the current one.
        unsafe { monitor::exception_event(vm, frame, event, &exception)? }
    }
    Ok(exception)
}

/// A handler has been found; the exception is on the stack.
#[inline(always)]
pub(super) fn exception_handled(
    vm: &Vm,
    frame: *mut Frame,
    exception: &Ref<BaseException>,
) -> PyResult<()> {
    if vm.interp.state.monitoring.wants(event::EXCEPTION_HANDLED) {
        // SAFETY: as above.
        unsafe { monitor::exception_event(vm, frame, event::EXCEPTION_HANDLED, exception)? }
    }
    Ok(())
}

/// An exception leaves a frame. What a tool raises replaces it.
#[inline(always)]
pub(super) fn unwinding(
    vm: &Vm,
    frame: *mut Frame,
    exception: Ref<BaseException>,
) -> Ref<BaseException> {
    if vm.interp.state.monitoring.wants(event::PY_UNWIND) {
        vm.raise_value(exception);
        unwinding_event(vm, frame, event::PY_UNWIND);
        return vm.take_exception();
    }
    exception
}

/// An exception, which is set, is thrown into a generator.
#[inline(always)]
pub(crate) fn thrown(vm: &Vm, frame: *mut Frame) {
    if vm.interp.state.monitoring.wants(event::PY_THROW) {
        unwinding_event(vm, frame, event::PY_THROW)
    }
}

#[cold]
#[inline(never)]
fn unwinding_event(vm: &Vm, frame: *mut Frame, event: usize) {
    let exception = vm.take_exception();
    // SAFETY: as above.
    if unsafe { monitor::exception_event(vm, frame, event, &exception) }.is_ok() {
        vm.raise_value(exception);
    }
}
