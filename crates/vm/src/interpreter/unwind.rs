//! Raising, tracebacks and the search for handlers.
//!
//! A code object's exception table maps ranges of instructions to handlers (zero cost while nothing is raised). The
//! unwinder looks the frame's current instruction up, cuts the evaluation stack to the handler's depth, pushes the
//! exception (with the instruction's offset below it where asked) and goes on there; where there is no handler it ends the frame.
//!
//! CPython: Python/ceval.c (exception_unwind), Objects/exception_handling_notes.txt.

use super::frame::{Frame, Owner};
use super::ops;
use super::ops::control::pop_frame;
use crate::objects::exception::{self, BaseException, ExceptionMarks};
use crate::objects::traceback::Traceback;
use crate::objects::type_::{Type, is_subtype};
use crate::vm::{Raised, Vm};
use naja_bytecode::exception_table;
use naja_bytecode::opcode::op;
use naja_heap::slot::Slot;
use naja_heap::{Ref, Value};
use std::sync::atomic::Ordering;

/// Finds the handler of the exception being raised, from frame `fp` outwards. Gives the frame to go on in, its `pc` and
/// `sp` set; None where the exception leaves the entry frame (which has then been ended).
///
/// # Safety
/// `fp` is the current frame, its `pc` and `sp` stored.
#[inline(never)]
pub(crate) unsafe fn handle(vm: &Vm, fp: *mut Frame) -> Option<*mut Frame> {
    // SAFETY: by contract.
    unsafe { handle_at(vm, fp, (*fp).instruction()) }
}

/// As [`handle`], with the handlers of the instruction at unit `place`: a generator into which an exception is thrown
/// stands behind its `YIELD_VALUE`.
///
/// # Safety
/// As for [`handle`].
pub(crate) unsafe fn handle_at(vm: &Vm, fp: *mut Frame, place: usize) -> Option<*mut Frame> {
    let mut fp = fp;
    let mut lookup = place;
    // On its way between frames the exception is held here, not in the thread's state.
    let mut exception = vm.take_exception();
    // SAFETY: by contract, and each caller's frame was stored when it called.
    unsafe {
        loop {
            let code = &*(*fp).code;
            let again = exception.is_reraised();
            if again {
                restore_place(fp, lookup);
                exception.set_reraised(false);
            }
            let offset = (*fp).instruction();
            set_context(vm, &exception);
            let handler = exception_table::lookup(code.exceptiontable(), lookup as u32);
            if !again
                && (*fp).is_complete()
                && !(handler.is_none() && goes_unseen(vm, fp, &exception))
            {
                add_traceback(vm, &exception, fp, offset);
            }
            exception = match super::trace::exception_raised(vm, fp, exception, again) {
                Ok(exception) => exception,
                Err(Raised) => vm.take_exception(),
            };
            if let Some(handler) = handler {
                let base = Frame::stack_base(fp).add(handler.depth as usize);
                while (*fp).sp > base {
                    (*fp).sp = (*fp).sp.sub(1);
                    (*(*fp).sp).release();
                }
                let mut sp = (*fp).sp;
                if handler.lasti {
                    *sp = Slot::new(Value::small_int(offset as i64));
                    sp = sp.add(1);
                }
                *sp = Slot::new(exception.to_value());
                (*fp).sp = sp.add(1);
                (*fp).pc = code.first_unit().add(handler.target as usize);
                if super::trace::exception_handled(vm, fp, &exception).is_err() {
                    exception = vm.take_exception();
                    lookup = (*fp).instruction();
                    continue;
                }
                return Some(fp);
            }
            exception = super::trace::unwinding(vm, fp, exception);
            let entry = (*fp).entry;
            let function = (*fp).owner == Owner::ThreadStack;
            // (An inlined constructor's half-made object is on the caller's stack, released with it.)
            fp = pop_frame(vm, fp);
            if entry {
                vm.raise_value(exception);
                return None;
            }
            if function && ops::iter::ends_loop(vm, fp, &exception) {
                return Some(fp);
            }
            lookup = (*fp).instruction();
        }
    }
}

/// Whether an exception that leaves the frame is only the end of the caller's loop, and nobody else knows of it: it needs no
/// traceback.
#[inline]
unsafe fn goes_unseen(vm: &Vm, fp: *mut Frame, exception: &Ref<BaseException>) -> bool {
    // SAFETY: the current frame; its caller, where that is in the same loop, has stored its state.
    unsafe {
        !(*fp).entry
            && (*fp).owner == Owner::ThreadStack
            && exception.header().refcount() == 1
            && vm.breaker.load(Ordering::Relaxed) == 0
            && ops::iter::is_end(vm, (*fp).prev, exception)
    }
}

/// RERAISE with an argument: the frame is again where the exception was raised first, as the value below tells.
unsafe fn restore_place(fp: *mut Frame, at: usize) {
    // SAFETY: the running frame; the exception has been popped, the offset lies below it.
    unsafe {
        let code = &*(*fp).code;
        let unit = code.unit(at);
        let arg = usize::from(unit >> 8);
        if super::monitor::uninstrumented(code, at, unit as u8) == op::RERAISE
            && arg > 0
            && let Some(first) = (*(*fp).sp.sub(arg)).view().as_small_int()
            && (first as usize) < code.units().len()
        {
            (*fp).pc = code.first_unit().add(first as usize);
        }
    }
}

/// The exception being handled becomes the new one's `__context__`, as when CPython raises.
pub(crate) fn set_context(vm: &Vm, exception: &Ref<BaseException>) {
    if exception.has_context_set() {
        return;
    }
    exception.mark_context_set();
    if let Some(handled) = vm.handled_exception()
        && !handled.is(exception.as_value())
    {
        exception::set_context_avoiding_cycle(exception, handled);
    }
}

/// Adds the frame to the front of the exception's traceback.
unsafe fn add_traceback(vm: &Vm, exception: &Ref<BaseException>, fp: *mut Frame, offset: usize) {
    let frame = match crate::objects::frame::frame_object(vm, fp) {
        Ok(frame) => frame,
        Err(Raised) => return vm.clear_exception(),
    };
    match Traceback::make(vm, None, frame, offset as i32 * 2, None) {
        Ok(traceback) => exception.push_traceback(traceback),
        Err(Raised) => vm.clear_exception(),
    }
}

/// Raises `exception` again without adding this frame to its traceback a second time.
pub(crate) fn reraise(vm: &Vm, exception: Ref<BaseException>) -> Raised {
    exception.set_reraised(true);
    exception.mark_context_set();
    vm.raise_value(exception)
}

/// The statement `raise`, `raise exception` or `raise exception from cause`.
pub(crate) fn do_raise(vm: &Vm, exception: Option<Value>, cause: Option<Value>) -> Raised {
    let Some(value) = exception else {
        return match vm
            .handled_exception()
            .map(Value::downcast_into::<BaseException>)
        {
            Some(Ok(exception)) => reraise(vm, exception),
            _ => vm.runtime_error("No active exception to reraise"),
        };
    };
    let exception = match as_exception(vm, value, "exceptions must derive from BaseException") {
        Ok(exception) => exception,
        Err(raised) => return raised,
    };
    exception.forget_context_set();
    if let Some(cause) = cause {
        let cause = if cause.is_none() {
            None
        } else {
            match as_exception(vm, cause, "exception causes must derive from BaseException") {
                Ok(cause) => Some(cause.into_value()),
                Err(raised) => return raised,
            }
        };
        exception.set_cause(cause);
    }
    vm.raise_value(exception)
}

/// An instance of BaseException: the value itself, or the class called.
fn as_exception(vm: &Vm, value: Value, otherwise: &str) -> Result<Ref<BaseException>, Raised> {
    if let Some(ty) = value.downcast::<Type>()
        && is_subtype(ty, &vm.types.base_exception)
    {
        return exception::instantiate(vm, ty, &[]);
    }
    value
        .downcast_into::<BaseException>()
        .map_err(|_| vm.type_error(otherwise))
}
