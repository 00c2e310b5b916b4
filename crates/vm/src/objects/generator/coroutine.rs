//! Coroutines' methods, the iterator that their `__await__` gives, and what `await` and `async for` wait for.
//!
//! CPython: coro_* and _PyCoro_GetAwaitableIter in Objects/genobject.c, GET_ANEXT in Python/ceval.c.

use super::{
    Coroutine, Generator, State, as_result, finalize, frame_value, throw_argument, warn_of_three,
};
use crate::objects::code::CodeObject;
use crate::objects::str_::Str;
use crate::objects::type_::Type;
use crate::objects::type_::slots::SendResult;
use crate::vm::{PyResult, Raised, Vm};
use crate::{Traverse, Visitor};
use naja_bytecode::code::flags;
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};

#[pymethods]
impl Coroutine {
    #[pyslot]
    fn repr(zelf: &Value, vm: &Vm) -> PyResult {
        let name = zelf.downcast::<Generator>().map(|g| g.qualname());
        let name = name
            .as_ref()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        Ok(vm
            .new_str(format!("<coroutine object {name} at {:#x}>", zelf.bits()))?
            .into_value())
    }

    #[pyslot]
    fn await_(zelf: &Value, vm: &Vm) -> PyResult {
        Ok(vm
            .new_object(CoroutineWrapper {
                coroutine: zelf.clone(),
            })?
            .into_value())
    }

    #[pyslot(name = "send")]
    fn send_slot(zelf: &Ref<Self>, vm: &Vm, value: &Value) -> PyResult<SendResult> {
        zelf.0.send(vm, value)
    }

    #[pyslot]
    fn finalize(vm: &Vm, zelf: &Value) {
        finalize(vm, zelf)
    }

    /// send(arg) -> send 'arg' into coroutine,
    /// return next iterated value or raise StopIteration.
    #[pymethod(name = "send", sig = "($self, arg, /)")]
    fn send_method(zelf: &Ref<Self>, vm: &Vm, arg: &Value) -> PyResult {
        as_result(vm, zelf.0.send(vm, arg)?)
    }

    /// throw(value)
    /// throw(type[,value[,traceback]])
    ///
    /// Raise exception in coroutine, return next iterated value or raise
    /// StopIteration.
    #[pymethod(name = "throw", sig = "($self, typ, val=None, tb=None, /)")]
    fn throw_method(
        zelf: &Ref<Self>,
        vm: &Vm,
        typ: &Value,
        val: Option<Value>,
        tb: Option<Value>,
    ) -> PyResult {
        warn_of_three(vm, &val, &tb)?;
        let exception = throw_argument(vm, typ, val, tb)?;
        as_result(vm, zelf.0.throw(vm, exception)?)
    }

    /// close() -> raise GeneratorExit inside coroutine.
    #[pymethod(name = "close")]
    fn close_method(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        zelf.0.close(vm)
    }

    /// name of the coroutine
    #[pygetter]
    fn __name__(&self) -> Ref<Str> {
        self.0.name()
    }

    #[pysetter(name = "__name__")]
    fn set_name(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.0.set_name(vm, value)
    }

    /// qualified name of the coroutine
    #[pygetter]
    fn __qualname__(&self) -> Ref<Str> {
        self.0.qualname()
    }

    #[pysetter(name = "__qualname__")]
    fn set_qualname(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.0.set_qualname(vm, value)
    }

    /// object being awaited on, or None
    #[pygetter]
    fn cr_await(&self) -> Option<Value> {
        self.0.delegate()
    }

    #[pygetter]
    fn cr_running(&self) -> bool {
        self.0.state.get() == State::Running
    }

    #[pygetter]
    fn cr_suspended(&self) -> bool {
        self.0.state.get() == State::Suspended
    }

    #[pygetter]
    fn cr_frame(&self, vm: &Vm) -> PyResult<Option<Value>> {
        frame_value(vm, &self.0)
    }

    #[pygetter]
    fn cr_code(&self) -> Ref<CodeObject> {
        self.0.code.clone()
    }

    #[pygetter]
    fn cr_origin(&self) -> Value {
        self.0.origin.get()
    }

    /// See PEP 585
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, item, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, item: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), item)
    }
}

/// A wrapper object implementing __await__ for coroutines.
#[pyclass(name = "coroutine_wrapper", module = "builtins", gc)]
pub struct CoroutineWrapper {
    coroutine: Value,
}

impl Traverse for CoroutineWrapper {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.coroutine)
    }
    fn clear(&self) {}
}

impl CoroutineWrapper {
    fn generator(&self, vm: &Vm) -> PyResult<&Ref<Generator>> {
        self.coroutine
            .downcast::<Generator>()
            .ok_or_else(|| vm.system_error("a coroutine without its payload"))
    }
}

#[pymethods]
impl CoroutineWrapper {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        match zelf.generator(vm)?.resume(vm, Value::NONE, false)? {
            SendResult::Next(value) => Ok(Some(value)),
            SendResult::Return(value) if value.is_none() => Ok(None),
            SendResult::Return(value) => Err(vm.stop_iteration(value)),
        }
    }

    #[pyslot(name = "send")]
    fn send_slot(zelf: &Ref<Self>, vm: &Vm, value: &Value) -> PyResult<SendResult> {
        zelf.generator(vm)?.send(vm, value)
    }

    /// send(arg) -> send 'arg' into coroutine,
    /// return next iterated value or raise StopIteration.
    #[pymethod(name = "send", sig = "($self, arg, /)")]
    fn send_method(zelf: &Ref<Self>, vm: &Vm, arg: &Value) -> PyResult {
        as_result(vm, zelf.generator(vm)?.send(vm, arg)?)
    }

    /// throw(value)
    /// throw(type[,value[,traceback]])
    ///
    /// Raise exception in coroutine, return next iterated value or raise
    /// StopIteration.
    #[pymethod(name = "throw", sig = "($self, typ, val=None, tb=None, /)")]
    fn throw_method(
        zelf: &Ref<Self>,
        vm: &Vm,
        typ: &Value,
        val: Option<Value>,
        tb: Option<Value>,
    ) -> PyResult {
        warn_of_three(vm, &val, &tb)?;
        let exception = throw_argument(vm, typ, val, tb)?;
        as_result(vm, zelf.generator(vm)?.throw(vm, exception)?)
    }

    /// close() -> raise GeneratorExit inside coroutine.
    #[pymethod(name = "close")]
    fn close_method(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        zelf.generator(vm)?.close(vm)
    }
}

/// What `await value` iterates over. `context` tells where the await stands (0: plain, 1: `__aenter__`, 2: `__aexit__`).
pub(crate) fn awaitable_iter(vm: &Vm, value: &Value, context: u32) -> PyResult {
    let ty = vm.type_of(value);
    if ty.is(&vm.types.coroutine) {
        if let Some(coroutine) = value.downcast::<Generator>()
            && coroutine.state.get() != State::Created
            && coroutine.delegate().is_some()
        {
            return Err(vm.runtime_error("coroutine is being awaited already"));
        }
        return Ok(value.clone());
    }
    if let Some(generator) = value.downcast::<Generator>()
        && ty.is(&vm.types.generator)
        && generator.code.flags & flags::ITERABLE_COROUTINE != 0
    {
        return Ok(value.clone());
    }
    let Some(await_) = ty.slots.await_.get() else {
        let name = ty.full_name();
        return Err(match context {
            1 => vm.type_error(format!("'async with' received an object from __aenter__ that does not implement __await__: {name}")),
            2 => vm.type_error(format!("'async with' received an object from __aexit__ that does not implement __await__: {name}")),
            _ => vm.type_error(format!("'{name}' object can't be awaited")),
        });
    };
    let iterator = await_(vm, value)?;
    let it = vm.type_of(&iterator);
    if it.is(&vm.types.coroutine) {
        return Err(vm.type_error("__await__() returned a coroutine"));
    }
    if it.slots.iternext.get().is_none() {
        return Err(vm.type_error(format!(
            "__await__() returned non-iterator of type '{}'",
            it.full_name()
        )));
    }
    Ok(iterator)
}

/// What `async for` awaits for the next item.
pub(crate) fn anext_awaitable(vm: &Vm, iterator: &Value) -> PyResult {
    let ty = vm.type_of(iterator);
    let Some(anext) = ty.slots.anext.get() else {
        return Err(vm.type_error(format!(
            "'async for' requires an iterator with __anext__ method, got {}",
            ty.full_name()
        )));
    };
    let next = anext(vm, iterator)?;
    if ty.is(&vm.types.async_generator) {
        return Ok(next);
    }
    match awaitable_iter(vm, &next, 0) {
        Ok(awaitable) => Ok(awaitable),
        Err(Raised) => {
            let cause = vm.take_exception();
            let name = vm.type_of(&next).full_name();
            vm.type_error(format!(
                "'async for' received an invalid object from __anext__: {name}"
            ));
            let error = vm.take_exception();
            error.set_cause(Some(cause.to_value()));
            crate::objects::exception::set_context_avoiding_cycle(&error, cause.into_value());
            Err(vm.raise_value(error))
        }
    }
}
