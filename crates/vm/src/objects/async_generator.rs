//! Asynchronous generators and what they hand out: the awaitables of `asend`, `athrow`, `aclose` and `anext`.
//!
//! An awaitable is awaited once: it goes from `Init` through `Iter` to `Closed`. The generator's frame yields either a
//! [`WrappedValue`] (its own item, which ends the await with StopIteration) or what it awaits itself (passed on to the event
//! loop). Invariant: `running_async` is set from the first step of an awaitable until that await ends, so that two of
//! them are never interleaved. CPython: Objects/genobject.c, `anextawaitable` in Objects/iterobject.c.

use crate::objects::code::CodeObject;
use crate::objects::exception::BaseException;
use crate::objects::generator::{
    self, AsyncGenerator, Generator, State, throw_argument, warn_of_three,
};
use crate::objects::str_::Str;
use crate::objects::type_::Type;
use crate::objects::type_::slots::SendResult;
use crate::vm::{PyResult, Raised, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{Flags, Ref, Value};
use naja_macros::{pyclass, pymethods};
use std::cell::Cell;

/// A value yielded by an asynchronous generator, told apart from what it awaits.
#[pyclass(
    name = "async_generator_wrapped_value",
    module = "builtins",
    gc,
    doc = "",
    flags(NO_NEW)
)]
pub struct WrappedValue {
    pub value: Value,
}

impl Traverse for WrappedValue {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.value)
    }
    fn clear(&self) {}
}

#[pymethods]
impl WrappedValue {}

/// Where an awaitable is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Await {
    Init,
    Iter,
    Closed,
}

fn generator_of(value: &Ref<AsyncGenerator>) -> &Generator {
    &value.0
}

/// Gives the thread's hooks to a generator that is used for the first time.
fn init_hooks(vm: &Vm, zelf: &Ref<AsyncGenerator>) -> PyResult<()> {
    let generator = generator_of(zelf);
    if generator.hooks_inited.replace(true) {
        return Ok(());
    }
    let (first, last) = vm.async_gen_hooks.get();
    generator.finalizer.set(last);
    if let Some(first) = first {
        vm.call(&first, &[zelf.to_value()])?;
    }
    Ok(())
}

/// A return of the generator's frame is StopAsyncIteration.
fn step(vm: &Vm, result: PyResult<SendResult>) -> PyResult {
    match result? {
        SendResult::Next(value) => Ok(value),
        SendResult::Return(_) => Err(vm.raise_with(&vm.types.stop_async_iteration, &[])),
    }
}

fn is_end(vm: &Vm) -> bool {
    vm.exception_matches(&vm.types.stop_async_iteration)
        || vm.exception_matches(&vm.types.generator_exit)
}

/// The end of one step: an item of the generator ends the await, anything else that it yields goes to the event loop.
fn unwrap(vm: &Vm, generator: &Generator, result: PyResult<SendResult>) -> PyResult<SendResult> {
    match step(vm, result) {
        Ok(value) => match value.downcast::<WrappedValue>() {
            Some(wrapped) => {
                generator.running_async.set(false);
                Ok(SendResult::Return(wrapped.value.clone()))
            }
            None => Ok(SendResult::Next(value)),
        },
        Err(raised) => {
            if is_end(vm) {
                generator.closed.set(true)
            }
            generator.running_async.set(false);
            Err(raised)
        }
    }
}

/// The result of a step as Python's `send` and `throw` give it.
fn as_result(vm: &Vm, result: SendResult) -> PyResult {
    match result {
        SendResult::Next(value) => Ok(value),
        SendResult::Return(value) => Err(vm.stop_iteration(value)),
    }
}

/// As [`as_result`], for `next`.
fn as_next(vm: &Vm, result: SendResult) -> PyResult<Option<Value>> {
    match result {
        SendResult::Next(value) => Ok(Some(value)),
        SendResult::Return(value) if value.is_none() => Ok(None),
        SendResult::Return(value) => Err(vm.stop_iteration(value)),
    }
}

/// The end of `close()` of an awaitable: it must have ended.
fn closed(vm: &Vm, result: PyResult<SendResult>) -> PyResult<()> {
    match result {
        Ok(SendResult::Next(_)) => Err(vm.runtime_error("coroutine ignored GeneratorExit")),
        Ok(SendResult::Return(_)) => Ok(()),
        Err(Raised) if vm.catch(&vm.types.stop_iteration) => Ok(()),
        Err(Raised) if is_end(vm) => {
            vm.clear_exception();
            Ok(())
        }
        Err(raised) => Err(raised),
    }
}

fn generator_exit(vm: &Vm) -> PyResult<Ref<BaseException>> {
    crate::objects::exception::instantiate(vm, &vm.types.generator_exit, &[])
}

/// Warns of an awaitable that dies before it was awaited.
fn warn_unawaited_method(vm: &Vm, method: &str, generator: &Ref<AsyncGenerator>) {
    let name = generator_of(generator).qualname();
    let name = crate::protocols::object::repr(vm, name.as_value());
    let issued = name.and_then(|name| {
        vm.warn(
            &vm.types.runtime_warning,
            format!(
                "coroutine method '{method}' of {} was never awaited",
                name.to_string_lossy()
            ),
            1,
        )
    });
    if issued.is_err() {
        crate::objects::exception::write_unraisable(vm, Some(generator.as_value()));
    }
}

#[pymethods]
impl AsyncGenerator {
    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(vm
            .new_str(format!(
                "<async_generator object {} at {:#x}>",
                generator_of(zelf).qualname().to_string_lossy(),
                zelf.as_ptr() as usize
            ))?
            .into_value())
    }

    #[pyslot]
    fn aiter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn anext(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        init_hooks(vm, zelf)?;
        Ok(ASend::make(vm, zelf, Value::NONE)?.into_value())
    }

    #[pyslot]
    fn finalize(vm: &Vm, zelf: &Value) {
        generator::finalize(vm, zelf)
    }

    /// asend(v) -> send 'v' in generator.
    #[pymethod(sig = "($self, value, /)")]
    fn asend(zelf: &Ref<Self>, vm: &Vm, value: &Value) -> PyResult<Ref<ASend>> {
        init_hooks(vm, zelf)?;
        ASend::make(vm, zelf, value.clone())
    }

    /// athrow(value)
    /// athrow(type[,value[,tb]])
    ///
    /// raise exception in generator.
    /// the (type, val, tb) signature is deprecated,
    /// and may be removed in a future version of Python.
    #[pymethod(raw)]
    fn athrow(vm: &Vm, args: crate::function::Args) -> PyResult {
        let Some((zelf, rest)) = args
            .positional()
            .split_first()
            .and_then(|(z, rest)| Some((z.downcast::<AsyncGenerator>()?, rest)))
        else {
            return Err(vm.type_error("descriptor 'athrow' requires a 'async_generator' object"));
        };
        if rest.len() > 1 {
            vm.warn(
                &vm.types.deprecation_warning,
                "the (type, exc, tb) signature of athrow() is deprecated, use the single-arg signature instead.",
                1,
            )?;
        }
        init_hooks(vm, zelf)?;
        Ok(AThrow::make(vm, zelf, Some(rest.to_vec()))?.into_value())
    }

    /// aclose() -> raise GeneratorExit inside generator.
    #[pymethod]
    fn aclose(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Ref<AThrow>> {
        init_hooks(vm, zelf)?;
        AThrow::make(vm, zelf, None)
    }

    /// name of the async generator
    #[pygetter]
    fn __name__(&self) -> Ref<Str> {
        self.0.name()
    }

    #[pysetter(name = "__name__")]
    fn set_name(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.0.set_name(vm, value)
    }

    /// qualified name of the async generator
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
    fn ag_await(&self) -> Option<Value> {
        self.0.delegate()
    }

    #[pygetter]
    fn ag_running(&self) -> bool {
        self.0.running_async.get()
    }

    #[pygetter]
    fn ag_suspended(&self) -> bool {
        self.0.state() == State::Suspended
    }

    #[pygetter]
    fn ag_frame(&self, vm: &Vm) -> PyResult<Option<Value>> {
        generator::frame_value(vm, &self.0)
    }

    #[pygetter]
    fn ag_code(&self) -> Ref<CodeObject> {
        self.0.code().clone()
    }

    /// See PEP 585
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, item, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, item: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), item)
    }
}

/// The awaitable of `__anext__` and `asend`.
#[pyclass(
    name = "async_generator_asend",
    module = "builtins",
    gc,
    doc = "",
    flags(NO_NEW)
)]
pub struct ASend {
    generator: Ref<AsyncGenerator>,
    sent: Value,
    state: Cell<Await>,
}

impl Traverse for ASend {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.generator);
        v.value(&self.sent);
    }
    fn clear(&self) {}
}

impl ASend {
    fn make(vm: &Vm, generator: &Ref<AsyncGenerator>, sent: Value) -> PyResult<Ref<ASend>> {
        vm.new_object(ASend {
            generator: generator.clone(),
            sent,
            state: Cell::new(Await::Init),
        })
    }

    /// The checks before a step. Raises RuntimeError.
    fn enter(&self, vm: &Vm) -> PyResult<bool> {
        let generator = generator_of(&self.generator);
        match self.state.get() {
            Await::Closed => {
                Err(vm.runtime_error("cannot reuse already awaited __anext__()/asend()"))
            }
            Await::Init if generator.running_async.get() => {
                self.state.set(Await::Closed);
                Err(vm.runtime_error("anext(): asynchronous generator is already running"))
            }
            Await::Init => {
                self.state.set(Await::Iter);
                Ok(true)
            }
            Await::Iter => Ok(false),
        }
    }

    /// The end of a step.
    fn leave(&self, vm: &Vm, result: PyResult<SendResult>) -> PyResult<SendResult> {
        let result = unwrap(vm, generator_of(&self.generator), result);
        if !matches!(result, Ok(SendResult::Next(_))) {
            self.state.set(Await::Closed)
        }
        result
    }

    fn send(&self, vm: &Vm, value: &Value) -> PyResult<SendResult> {
        let first = self.enter(vm)?;
        let value = if first && value.is_none() {
            &self.sent
        } else {
            value
        };
        let generator = generator_of(&self.generator);
        generator.running_async.set(true);
        let result = generator.send(vm, value);
        self.leave(vm, result)
    }

    fn throw(&self, vm: &Vm, exception: Ref<BaseException>) -> PyResult<SendResult> {
        self.enter(vm)?;
        let generator = generator_of(&self.generator);
        generator.running_async.set(true);
        let result = generator.throw(vm, exception);
        self.leave(vm, result)
    }
}

#[pymethods]
impl ASend {
    #[pyslot]
    fn await_(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        mark_awaited(zelf);
        as_next(vm, zelf.send(vm, &Value::NONE)?)
    }

    #[pyslot(name = "send")]
    fn send_slot(zelf: &Ref<Self>, vm: &Vm, value: &Value) -> PyResult<SendResult> {
        mark_awaited(zelf);
        zelf.send(vm, value)
    }

    #[pyslot]
    fn finalize(vm: &Vm, zelf: &Value) {
        if let Some(awaitable) = zelf.downcast::<ASend>()
            && awaitable.state.get() == Await::Init
        {
            warn_unawaited_method(vm, "asend", &awaitable.generator)
        }
    }

    /// send(value) -> send 'value' into generator,
    /// return next yielded value or raise StopIteration.
    #[pymethod(name = "send", sig = "($self, value, /)")]
    fn send_method(&self, vm: &Vm, value: &Value) -> PyResult {
        as_result(vm, self.send(vm, value)?)
    }

    /// throw(value)
    /// throw(type[,value[,tb]])
    ///
    /// Raise exception in generator, return next yielded value or raise
    /// StopIteration.
    #[pymethod(name = "throw", sig = "($self, typ, val=None, tb=None, /)")]
    fn throw_method(
        &self,
        vm: &Vm,
        typ: &Value,
        val: Option<Value>,
        tb: Option<Value>,
    ) -> PyResult {
        warn_of_three(vm, &val, &tb)?;
        let exception = throw_argument(vm, typ, val, tb)?;
        as_result(vm, self.throw(vm, exception)?)
    }

    /// close() -> raise GeneratorExit inside generator.
    #[pymethod]
    fn close(&self, vm: &Vm) -> PyResult<()> {
        if self.state.get() == Await::Closed {
            return Ok(());
        }
        let exit = generator_exit(vm)?;
        closed(vm, self.throw(vm, exit))
    }
}

/// From the first step on the finalizer would do nothing: the end of the object need not look.
#[inline]
fn mark_awaited(awaitable: &Ref<ASend>) {
    awaitable.header().set_flag(Flags::FINALIZED, true)
}

/// The awaitable of `athrow` and `aclose`.
#[pyclass(
    name = "async_generator_athrow",
    module = "builtins",
    gc,
    doc = "",
    flags(NO_NEW)
)]
pub struct AThrow {
    generator: Ref<AsyncGenerator>,
    /// The arguments of `athrow`; None for `aclose`.
    args: Option<Vec<Value>>,
    state: Cell<Await>,
}

impl Traverse for AThrow {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.generator);
        self.args.iter().flatten().for_each(|a| v.value(a));
    }
    fn clear(&self) {}
}

impl AThrow {
    fn make(
        vm: &Vm,
        generator: &Ref<AsyncGenerator>,
        args: Option<Vec<Value>>,
    ) -> PyResult<Ref<AThrow>> {
        vm.new_object(AThrow {
            generator: generator.clone(),
            args,
            state: Cell::new(Await::Init),
        })
    }

    fn method(&self) -> &'static str {
        if self.args.is_some() {
            "athrow"
        } else {
            "aclose"
        }
    }

    /// Raises RuntimeError where the await is over, or another one is under way.
    fn check(&self, vm: &Vm) -> PyResult<()> {
        match self.state.get() {
            Await::Closed => {
                Err(vm.runtime_error("cannot reuse already awaited aclose()/athrow()"))
            }
            Await::Init if generator_of(&self.generator).running_async.get() => {
                self.state.set(Await::Closed);
                Err(vm.runtime_error(format!(
                    "{}(): asynchronous generator is already running",
                    self.method()
                )))
            }
            _ => Ok(()),
        }
    }

    /// The end of a step.
    fn leave(&self, vm: &Vm, result: PyResult<SendResult>) -> PyResult<SendResult> {
        let generator = generator_of(&self.generator);
        if self.args.is_some() {
            let result = unwrap(vm, generator, result);
            if !matches!(result, Ok(SendResult::Next(_))) {
                self.state.set(Await::Closed)
            }
            return result;
        }
        match step(vm, result) {
            Ok(value) if value.downcast::<WrappedValue>().is_some() => {
                generator.running_async.set(false);
                self.state.set(Await::Closed);
                Err(vm.runtime_error("async generator ignored GeneratorExit"))
            }
            Ok(value) => Ok(SendResult::Next(value)),
            Err(raised) => {
                generator.running_async.set(false);
                self.state.set(Await::Closed);
                if is_end(vm) {
                    vm.clear_exception();
                    return Ok(SendResult::Return(Value::NONE));
                }
                Err(raised)
            }
        }
    }

    fn send(&self, vm: &Vm, value: &Value) -> PyResult<SendResult> {
        let generator = generator_of(&self.generator);
        if self.state.get() != Await::Closed && generator.state() == State::Finished {
            self.state.set(Await::Closed);
            return Ok(SendResult::Return(Value::NONE));
        }
        self.check(vm)?;
        if self.state.get() == Await::Iter {
            let result = generator.send(vm, value);
            return self.leave(vm, result);
        }
        if generator.closed.get() {
            self.state.set(Await::Closed);
            return Err(vm.raise_with(&vm.types.stop_async_iteration, &[]));
        }
        if !value.is_none() {
            return Err(vm.runtime_error("can't send non-None value to a just-started coroutine"));
        }
        self.state.set(Await::Iter);
        generator.running_async.set(true);
        let exception = match self.args.as_deref() {
            None => {
                generator.closed.set(true);
                generator_exit(vm)
            }
            Some([typ]) => throw_argument(vm, typ, None, None),
            Some([typ, val]) => throw_argument(vm, typ, Some(val.clone()), None),
            Some([typ, val, tb]) => throw_argument(vm, typ, Some(val.clone()), Some(tb.clone())),
            Some(many) => Err(vm.type_error(format!(
                "athrow expected at {} argument{}, got {}",
                if many.is_empty() { "least 1" } else { "most 3" },
                if many.is_empty() { "" } else { "s" },
                many.len()
            ))),
        };
        let result = match exception {
            Ok(exception) => generator.throw_through(vm, exception),
            Err(raised) => Err(raised),
        };
        self.leave(vm, result)
    }

    fn throw(&self, vm: &Vm, exception: Ref<BaseException>) -> PyResult<SendResult> {
        self.check(vm)?;
        let generator = generator_of(&self.generator);
        if self.state.get() == Await::Init {
            self.state.set(Await::Iter);
            generator.running_async.set(true);
        }
        let result = generator.throw(vm, exception);
        self.leave(vm, result)
    }
}

#[pymethods]
impl AThrow {
    #[pyslot]
    fn await_(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        as_next(vm, zelf.send(vm, &Value::NONE)?)
    }

    #[pyslot(name = "send")]
    fn send_slot(zelf: &Ref<Self>, vm: &Vm, value: &Value) -> PyResult<SendResult> {
        zelf.send(vm, value)
    }

    #[pyslot]
    fn finalize(vm: &Vm, zelf: &Value) {
        if let Some(awaitable) = zelf.downcast::<AThrow>()
            && awaitable.state.get() == Await::Init
        {
            warn_unawaited_method(vm, awaitable.method(), &awaitable.generator)
        }
    }

    /// send(value) -> send 'value' into generator,
    /// return next yielded value or raise StopIteration.
    #[pymethod(name = "send", sig = "($self, value, /)")]
    fn send_method(&self, vm: &Vm, value: &Value) -> PyResult {
        as_result(vm, self.send(vm, value)?)
    }

    /// throw(value)
    /// throw(type[,value[,tb]])
    ///
    /// Raise exception in generator, return next yielded value or raise
    /// StopIteration.
    #[pymethod(name = "throw", sig = "($self, typ, val=None, tb=None, /)")]
    fn throw_method(
        &self,
        vm: &Vm,
        typ: &Value,
        val: Option<Value>,
        tb: Option<Value>,
    ) -> PyResult {
        warn_of_three(vm, &val, &tb)?;
        let exception = throw_argument(vm, typ, val, tb)?;
        as_result(vm, self.throw(vm, exception)?)
    }

    /// close() -> raise GeneratorExit inside generator.
    #[pymethod]
    fn close(&self, vm: &Vm) -> PyResult<()> {
        if self.state.get() == Await::Closed {
            return Ok(());
        }
        let exit = generator_exit(vm)?;
        closed(vm, self.throw(vm, exit))
    }
}

/// The awaitable of `anext` with a default.
#[pyclass(
    name = "anext_awaitable",
    module = "builtins",
    gc,
    doc = "",
    flags(NO_NEW)
)]
pub struct AnextAwaitable {
    wrapped: Value,
    default: Value,
}

impl Traverse for AnextAwaitable {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.wrapped);
        v.value(&self.default);
    }
    fn clear(&self) {}
}

/// `anext(iterator, default)`.
pub fn anext_with_default(vm: &Vm, awaitable: &Value, default: &Value) -> PyResult {
    Ok(vm
        .new_object(AnextAwaitable {
            wrapped: awaitable.clone(),
            default: default.clone(),
        })?
        .into_value())
}

impl AnextAwaitable {
    /// What is iterated over to await the wrapped object.
    fn iterator(&self, vm: &Vm) -> PyResult {
        let awaitable = generator::awaitable_iter(vm, &self.wrapped, 0)?;
        let slots = &vm.type_of(&awaitable).slots;
        if slots.iternext.get().is_some() {
            return Ok(awaitable);
        }
        match slots.await_.get() {
            Some(await_) => await_(vm, &awaitable),
            None => Ok(awaitable),
        }
    }

    /// At the end of the asynchronous iterator the default is the result.
    fn or_default(&self, vm: &Vm, result: PyResult) -> PyResult {
        match result {
            Err(Raised) if vm.catch(&vm.types.stop_async_iteration) => {
                Err(vm.stop_iteration(self.default.clone()))
            }
            result => result,
        }
    }

    fn pass_on(&self, vm: &Vm, method: &str, args: &[Value]) -> PyResult {
        let iterator = self.iterator(vm)?;
        let result = vm.call_method_str(&iterator, method, args);
        self.or_default(vm, result)
    }
}

#[pymethods]
impl AnextAwaitable {
    #[pyslot]
    fn await_(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        let iterator = zelf.iterator(vm)?;
        // StopIteration passes: it has the result.
        let Some(next) = vm.type_of(&iterator).slots.iternext.get() else {
            return Err(vm.type_error(format!(
                "'{}' object is not an iterator",
                vm.type_of(&iterator).full_name()
            )));
        };
        match next(vm, &iterator) {
            Ok(value) => Ok(value),
            Err(raised) => zelf.or_default(vm, Err(raised)).map(Some),
        }
    }

    /// send(value) -> send 'value' into generator,
    /// return next yielded value or raise StopIteration.
    #[pymethod(sig = "($self, value, /)")]
    fn send(&self, vm: &Vm, value: &Value) -> PyResult {
        self.pass_on(vm, "send", std::slice::from_ref(value))
    }

    /// throw(value)
    /// throw(typ[,val[,tb]])
    ///
    /// raise exception in the wrapped iterator, return next yielded value
    /// or raise StopIteration.
    #[pymethod(sig = "($self, /, *args)")]
    fn throw(&self, vm: &Vm, args: &[Value]) -> PyResult {
        self.pass_on(vm, "throw", args)
    }

    /// close() -> raise GeneratorExit inside generator.
    #[pymethod]
    fn close(&self, vm: &Vm) -> PyResult {
        self.pass_on(vm, "close", &[])
    }
}
