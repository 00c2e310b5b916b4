//! What ends a generator, coroutine or asynchronous generator before its time: `throw()`, `close()`, and its finalizer.
//!
//! An exception goes to what the generator delegates to first. Invariant: while that runs, the generator's frame and handled
//! exception are where a call of the generator's own would have them ([`Generator::while_current`]). CPython: gen_close,
//! _gen_throw, _PyGen_Finalize in Objects/genobject.c.

use super::{Generator, State, is_async_generator};
use crate::objects::exception::BaseException;
use crate::objects::type_::Type;
use crate::objects::type_::slots::SendResult;
use crate::protocols::attributes;
use crate::vm::{PyResult, Raised, Vm};
use naja_bytecode::opcode::op;
use naja_heap::{Ref, Value};

impl Generator {
    /// Throws the exception that is set in `vm` into the generator.
    fn throw_pending(&self, vm: &Vm) -> PyResult<SendResult> {
        self.resume(vm, Value::NONE, true)
    }

    /// `throw(exception)`: into the sub-iterator first, if it delegates to one.
    pub fn throw(&self, vm: &Vm, exception: Ref<BaseException>) -> PyResult<SendResult> {
        self.throw_inner(vm, exception, true)
    }

    /// As [`Generator::throw`]; a GeneratorExit does not close the sub-iterator but is thrown into it.
    pub(crate) fn throw_through(
        &self,
        vm: &Vm,
        exception: Ref<BaseException>,
    ) -> PyResult<SendResult> {
        self.throw_inner(vm, exception, false)
    }

    /// Runs `f`, which works on what this suspended generator delegates to, with the generator's frame and handled
    /// exception in their places, as if the generator itself had called.
    fn while_current<R>(&self, vm: &Vm, f: impl FnOnce() -> R) -> R {
        let frame = self.place();
        let (caller, outer) = (vm.stack.current.get(), vm.exc_info.get());
        self.state.set(State::Running);
        self.exc.previous.set(outer);
        vm.exc_info.set(&self.exc);
        // SAFETY: a suspended generator's frame; nobody ends it while its state is "running".
        unsafe {
            (*frame).prev = caller;
            vm.stack.current.set(frame);
            let result = f();
            vm.stack.current.set(caller);
            (*frame).prev = std::ptr::null_mut();
            vm.exc_info.set(outer);
            self.exc.previous.set(std::ptr::null());
            self.state.set(State::Suspended);
            result
        }
    }

    fn throw_inner(
        &self,
        vm: &Vm,
        exception: Ref<BaseException>,
        close_on_exit: bool,
    ) -> PyResult<SendResult> {
        if let Some(inner) = self.delegate() {
            let generator_exit = crate::objects::type_::is_subtype(
                vm.type_of(exception.as_value()),
                &vm.types.generator_exit,
            );
            if generator_exit && close_on_exit {
                // Closing the outer one closes the inner one.
                let closed = self.while_current(vm, || close_iterator(vm, &inner));
                if closed.is_err() {
                    return self.throw_pending(vm);
                }
                vm.raise_value(exception);
                return self.throw_pending(vm);
            }
            let result = self.while_current(vm, || {
                if let Some(sub) = inner
                    .downcast::<Generator>()
                    .filter(|_| !is_async_generator(vm, &inner))
                {
                    Some(sub.throw_inner(vm, exception.clone(), close_on_exit))
                } else {
                    match attributes::get_optional(vm, &inner, &vm.names.throw) {
                        Ok(Some(throw)) => Some(
                            vm.call(&throw, &[exception.to_value()])
                                .map(SendResult::Next),
                        ),
                        Ok(None) => None,
                        Err(raised) => Some(Err(raised)),
                    }
                }
            });
            match result {
                None => {
                    vm.raise_value(exception);
                    return self.throw_pending(vm);
                }
                Some(Ok(SendResult::Next(value))) => return Ok(SendResult::Next(value)),
                Some(Ok(SendResult::Return(value))) => {
                    // The inner one returned: that is as if it had raised StopIteration.
                    vm.stop_iteration(value);
                    return self.throw_pending(vm);
                }
                Some(Err(Raised)) => return self.throw_pending(vm),
            }
        }
        vm.raise_value(exception);
        self.throw_pending(vm)
    }

    /// Whether the generator is suspended at a yield inside of nothing but the handler that every generator has, so that
    /// GeneratorExit would just end it.
    fn has_no_handler(&self) -> bool {
        // SAFETY: a suspended generator's frame; see `delegate`.
        let unit = unsafe { *(*self.place()).pc };
        matches!(unit as u8, op::RESUME | op::RESUME_CHECK)
            && unit >> 8 & naja_bytecode::opcode::resume::DEPTH1_MASK as u16 != 0
            && self.delegate().is_none()
    }

    /// `close()`: throws GeneratorExit; gives what the generator returned.
    pub fn close(&self, vm: &Vm) -> PyResult {
        match self.state.get() {
            State::Created => {
                self.release_frame();
                return Ok(Value::NONE);
            }
            State::Finished => return Ok(Value::NONE),
            State::Suspended if self.has_no_handler() && !is_watched(vm) => {
                self.release_frame();
                return Ok(Value::NONE);
            }
            _ => {}
        }
        let exit = crate::objects::exception::instantiate(vm, &vm.types.generator_exit, &[])?;
        match self.throw(vm, exit) {
            Ok(SendResult::Next(_)) => {
                Err(vm.runtime_error(format!("{} ignored GeneratorExit", self.kind_name())))
            }
            Ok(SendResult::Return(value)) => Ok(value),
            Err(Raised) if vm.catch(&vm.types.generator_exit) => Ok(Value::NONE),
            Err(Raised) if vm.exception_matches(&vm.types.stop_iteration) => {
                let stop = vm.take_exception();
                Ok(crate::objects::exception::stop_iteration_value(
                    stop.as_value(),
                ))
            }
            Err(raised) => Err(raised),
        }
    }
}

/// Whether somebody is to be told that a generator is closed.
fn is_watched(vm: &Vm) -> bool {
    use crate::interpreter::monitor::event;
    let state = &vm.interp.state.monitoring;
    state.wants(event::PY_UNWIND) || state.wants(event::PY_THROW)
}

/// Closes what a generator delegates to, if it can be closed.
fn close_iterator(vm: &Vm, iterator: &Value) -> PyResult<()> {
    if let Some(generator) = iterator.downcast::<Generator>() {
        return generator.close(vm).map(drop);
    }
    match attributes::get_optional(vm, iterator, &vm.names.close) {
        Ok(Some(close)) => vm.call(&close, &[]).map(drop),
        Ok(None) => Ok(()),
        Err(Raised) => {
            crate::objects::exception::write_unraisable_while(vm, "closing", iterator);
            Ok(())
        }
    }
}

/// Warns about the arguments of `throw()` that are out of date.
pub(crate) fn warn_of_three(vm: &Vm, val: &Option<Value>, tb: &Option<Value>) -> PyResult<()> {
    if val.is_none() && tb.is_none() {
        return Ok(());
    }
    vm.warn(
        &vm.types.deprecation_warning,
        "the (type, exc, tb) signature of throw() is deprecated, use the single-arg signature instead.",
        1,
    )
}

/// The exception that the arguments of `throw()` mean. Raises TypeError.
pub(crate) fn throw_argument(
    vm: &Vm,
    typ: &Value,
    val: Option<Value>,
    tb: Option<Value>,
) -> PyResult<Ref<BaseException>> {
    let exception = if let Some(exception) = typ.downcast::<BaseException>() {
        if val.as_ref().is_some_and(|v| !v.is_none()) {
            return Err(vm.type_error("instance exception may not have a separate value"));
        }
        exception.clone()
    } else if let Some(ty) = typ.downcast::<Type>()
        && crate::objects::type_::is_subtype(ty, &vm.types.base_exception)
    {
        let made = match val {
            Some(value) if crate::objects::type_::is_subtype(vm.type_of(&value), ty) => {
                value.downcast_into::<BaseException>().map_err(|_| Raised)
            }
            Some(value) if value.downcast::<crate::objects::tuple::Tuple>().is_some() => {
                let args = value
                    .downcast::<crate::objects::tuple::Tuple>()
                    .map(|t| t.items().to_vec())
                    .unwrap_or_default();
                crate::objects::exception::instantiate(vm, ty, &args)
            }
            Some(value) if !value.is_none() => {
                crate::objects::exception::instantiate(vm, ty, &[value])
            }
            _ => crate::objects::exception::instantiate(vm, ty, &[]),
        };
        match made {
            Ok(exception) => exception,
            // What making it raised is thrown in its place.
            Err(Raised) => return Ok(vm.take_exception()),
        }
    } else {
        return Err(vm.type_error(format!(
            "exceptions must be classes or instances deriving from BaseException, not {}",
            vm.type_of(typ).name()
        )));
    };
    match tb {
        None => {}
        Some(tb) if tb.is_none() => {}
        Some(tb) => match tb.downcast_into() {
            Ok(traceback) => exception.set_traceback(Some(traceback)),
            Err(_) => {
                return Err(vm.type_error("throw() third argument must be a traceback object"));
            }
        },
    }
    Ok(exception)
}

/// A dying generator is closed; a coroutine never awaited is warned about.
pub(crate) fn finalize(vm: &Vm, value: &Value) {
    let Some(generator) = value.downcast::<Generator>() else {
        return;
    };
    if generator.state.get() == State::Finished {
        return;
    }
    if is_async_generator(vm, value)
        && let Some(finalizer) = generator.finalizer.get()
        && !generator.closed.get()
    {
        if vm.call(&finalizer, std::slice::from_ref(value)).is_err() {
            crate::objects::exception::write_unraisable_while(vm, "calling finalizer of", value);
        }
        return;
    }
    if vm.type_of(value).is(&vm.types.coroutine) && generator.state.get() == State::Created {
        vm.warn_unawaited(value);
        generator.release_frame();
        return;
    }
    if generator.close(vm).is_err() {
        crate::objects::exception::write_unraisable_while(vm, "closing generator", value);
    }
}
