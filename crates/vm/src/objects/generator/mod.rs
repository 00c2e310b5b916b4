//! Generators, coroutines and asynchronous generators: frames that can be left and entered again.
//!
//! All three have the same payload, [`Generator`], which its frame follows in memory. Entering links the frame to the
//! resumer's and makes it current; the evaluation loop then goes on in it without recursion. A yield unlinks it.
//! Invariant: `state` is `Running` exactly while the frame is in the chain of frames of a thread; a `Finished` generator has
//! no frame: what lies there is not looked at.
//!
//! What ends them before their time is in `throw.rs`; coroutines' own methods are in `coroutine.rs`, those of asynchronous
//! generators in `../async_generator.rs`.
//!
//! CPython: Objects/genobject.c.

mod coroutine;
mod throw;

pub use coroutine::CoroutineWrapper;
pub(crate) use coroutine::{anext_awaitable, awaitable_iter};
pub(crate) use throw::{finalize, throw_argument, warn_of_three};

use crate::interpreter::frame::{Frame, HEAD_SLOTS, Owner, locals};
use crate::interpreter::unwind;
use crate::objects::code::CodeObject;
use crate::objects::exception::ExceptionMarks;
use crate::objects::function::Function;
use crate::objects::str_::Str;
use crate::objects::type_::Type;
use crate::objects::type_::slots::SendResult;
use crate::vm::{ExcState, PyResult, Raised, Vm};
use crate::{Traverse, Visitor};
use naja_bytecode::code::flags;
use naja_bytecode::opcode::op;
use naja_heap::slot::Slot;
use naja_heap::{Flags, Header, MutCell, Payload, Ref, Value};
use naja_macros::{pyclass, pymethods};
use std::cell::Cell;

/// Where a generator is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum State {
    /// Made, not yet entered.
    Created,
    Suspended,
    Running,
    Finished,
}

/// A generator iterator.
#[pyclass(
    name = "generator",
    module = "builtins",
    gc,
    doc = "",
    flags(HAS_WEAKREF, NO_NEW)
)]
#[repr(C)]
pub struct Generator {
    exc: ExcState,
    code: Ref<CodeObject>,
    /// Names other than those of the code.
    name: MutCell<Option<Ref<Str>>>,
    qualname: MutCell<Option<Ref<Str>>>,
    state: Cell<State>,
    /// Asynchronous generators: hooks called, closed, an `anext` running.
    pub(crate) hooks_inited: Cell<bool>,
    pub(crate) closed: Cell<bool>,
    pub(crate) running_async: Cell<bool>,
    pub(crate) finalizer: MutCell<Option<Value>>,
    /// Coroutines: where it was made, if that is tracked.
    pub(crate) origin: MutCell<Value>,
}

/// A coroutine object.
#[pyclass(
    name = "coroutine",
    module = "builtins",
    gc,
    doc = "",
    extends = "Generator",
    base = "crate::objects::object::Object",
    flags(HAS_WEAKREF, NO_NEW)
)]
#[repr(C)]
pub struct Coroutine(Generator);

/// An asynchronous generator object.
#[pyclass(
    name = "async_generator",
    module = "builtins",
    gc,
    doc = "",
    extends = "Generator",
    base = "crate::objects::object::Object",
    flags(HAS_WEAKREF, NO_NEW)
)]
#[repr(C)]
pub struct AsyncGenerator(pub(crate) Generator);

impl Traverse for Generator {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.code);
        self.finalizer.with(|x| v.opt(x));
        self.origin.with(|x| v.value(x));
        self.exc.value.with(|x| v.opt(x));
        if matches!(self.state.get(), State::Running | State::Finished) {
            return; // a running frame is a root
        }
        let frame = self.place();
        // SAFETY: a suspended generator owns its frame; slots below `sp` are set or empty.
        unsafe {
            for slot in [(*frame).func, (*frame).locals, (*frame).frame_object] {
                visit(slot, v);
            }
            let mut at = locals(frame);
            while at < (*frame).sp {
                visit(*at, v);
                at = at.add(1);
            }
        }
    }

    fn clear(&self) {
        // The collector runs finalizers (which close the generator) first; what is left is dropped with the frame.
        if self.state.get() != State::Running {
            self.release_frame();
        }
        drop(self.exc.value.take());
        drop(self.finalizer.take());
    }
}

fn visit(slot: Slot, v: &mut Visitor) {
    if slot.0 & 15 == 0 && !slot.is_empty() {
        // SAFETY: an owned pointer.
        let view = unsafe { slot.view() };
        v.value(&view);
    }
}

impl Traverse for Coroutine {
    fn traverse(&self, v: &mut Visitor) {
        Traverse::traverse(&self.0, v)
    }
    fn clear(&self) {
        Traverse::clear(&self.0)
    }
}

impl Traverse for AsyncGenerator {
    fn traverse(&self, v: &mut Visitor) {
        Traverse::traverse(&self.0, v)
    }
    fn clear(&self) {
        Traverse::clear(&self.0)
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.release_frame()
    }
}

/// Makes the object of a generator function's call: takes over the current frame, which goes on at `pc` when first entered.
///
/// # Safety
/// `fp` is the current frame, of a generator function, its arguments bound.
pub(crate) unsafe fn from_frame(vm: &Vm, fp: *mut Frame, pc: *const u16) -> PyResult {
    // SAFETY: by contract.
    unsafe {
        let code = &*(*fp).code;
        let value = blank(vm, code, names(&*fp))?;
        let generator = payload(&value);
        let memory = generator.place();
        let end = locals(memory).add(code.nlocalsplus as usize);
        memory.write(Frame {
            prev: std::ptr::null_mut(),
            pc,
            sp: end,
            code,
            func: Slot::new((*fp).func.into_value()),
            globals: (*fp).globals,
            builtins: (*fp).builtins,
            locals: (*fp).locals,
            frame_object: Slot::EMPTY,
            owner: Owner::Generator,
            entry: false,
            return_offset: 0,
            loop_arg: 0,
            chunk_start: false,
            init_call: false,
            last_line: (*fp).last_line,
        });
        take_slots(locals(fp), locals(memory), end);
        if !(*fp).frame_object.is_empty() {
            crate::objects::frame::moved(fp, memory);
        }
        vm.depth.set(vm.depth.get() - 1);
        vm.stack.current.set((*fp).prev);
        vm.stack.pop(fp);
        if code.flags & flags::COROUTINE != 0 && vm.coroutine_origin_depth.get() > 0 {
            generator.origin.set(crate::objects::frame::origin_tuple(
                vm,
                vm.coroutine_origin_depth.get(),
            )?);
        }
        Ok(value)
    }
}

/// The object of a generator function's call with the `n` arguments at `args`, which go over to it, as `func` does: `function`,
/// whose code takes exactly those and begins with RETURN_GENERATOR, or that behind COPY_FREE_VARS. On an error they stay.
///
/// # Safety
/// As said; no origins of coroutines are tracked.
pub(crate) unsafe fn from_call(
    vm: &Vm,
    func: Slot,
    function: &Function,
    args: *mut Slot,
    n: usize,
) -> PyResult {
    // SAFETY: by contract.
    unsafe {
        let code = &*function.code_ptr();
        let value = blank(vm, code, own_names(function, code))?;
        let memory = payload(&value).place();
        let end = locals(memory).add(code.nlocalsplus as usize);
        let first = code.first_unit();
        let (pc, free) = match *first as u8 == op::COPY_FREE_VARS {
            true => (first.add(2), (*first >> 8) as usize),
            false => (first.add(1), 0),
        };
        memory.write(Frame {
            prev: std::ptr::null_mut(),
            pc,
            sp: end,
            code,
            func: Slot::new(func.into_value()),
            globals: function.globals.as_ptr() as *const Header,
            builtins: function.builtins.as_ptr() as *const Header,
            locals: Slot::EMPTY,
            frame_object: Slot::EMPTY,
            owner: Owner::Generator,
            entry: false,
            return_offset: 0,
            loop_arg: 0,
            chunk_start: false,
            init_call: false,
            last_line: -1,
        });
        let mut at = locals(memory).add(n);
        take_slots(args, locals(memory), at);
        while at < end {
            *at = Slot::EMPTY;
            at = at.add(1);
        }
        if free != 0
            && let Some(closure) = &*function.closure.as_ptr()
        {
            at = end.sub(free);
            for cell in closure.items().iter().take(free) {
                *at = Slot::new(cell.clone());
                at = at.add(1);
            }
        }
        Ok(value)
    }
}

/// Moves slots to `to` up to `end`. What is borrowed becomes owned: the caller's variables may go before the generator does.
///
/// # Safety
/// There is room for them, and they are not used where they were.
#[inline(always)]
unsafe fn take_slots(mut from: *const Slot, mut to: *mut Slot, end: *mut Slot) {
    // SAFETY: by contract; a borrowed slot's object lives.
    unsafe {
        while to < end {
            let slot = *from;
            if slot.is_borrowed() {
                (*(slot.clean_bits() as *const Header)).incref();
            }
            *to = Slot(slot.clean_bits());
            from = from.add(1);
            to = to.add(1);
        }
    }
}

/// The payload of a generator of any kind.
///
/// # Safety
/// The value is one.
#[inline(always)]
unsafe fn payload(value: &Value) -> &Generator {
    // SAFETY: by contract; the payload follows the header.
    unsafe { &*((value.bits() as *const Header).add(1) as *const Generator) }
}

/// A generator, coroutine or asynchronous generator of `code` whose frame is to be filled.
///
/// # Safety
/// The caller fills it at once.
#[inline(always)]
unsafe fn blank(
    vm: &Vm,
    code: &CodeObject,
    (name, qualname): (Option<Ref<Str>>, Option<Ref<Str>>),
) -> PyResult {
    let room = (HEAD_SLOTS + code.frame_slots()) * size_of::<Slot>();
    let types = vm.types;
    // SAFETY: by contract; code objects live only in the heap.
    unsafe {
        let payload = Generator {
            exc: ExcState::default(),
            code: Ref::of_payload(code),
            name: MutCell::new(name),
            qualname: MutCell::new(qualname),
            state: Cell::new(State::Created),
            hooks_inited: Cell::new(false),
            closed: Cell::new(false),
            running_async: Cell::new(false),
            finalizer: MutCell::new(None),
            origin: MutCell::new(Value::NONE),
        };
        match code.flags & (flags::GENERATOR | flags::COROUTINE | flags::ASYNC_GENERATOR) {
            flags::COROUTINE => make(vm, &types.coroutine, room, Coroutine(payload)),
            flags::ASYNC_GENERATOR => {
                make(vm, &types.async_generator, room, AsyncGenerator(payload))
            }
            _ => make(vm, &types.generator, room, payload),
        }
    }
}

/// The object with its payload and room for `room` bytes behind that.
///
/// # Safety
/// The caller fills the room at once.
#[inline(always)]
unsafe fn make<T: Payload>(vm: &Vm, class: &Ref<Type>, room: usize, payload: T) -> PyResult {
    // SAFETY: by contract.
    match unsafe { vm.heap().alloc_plain(&class.layout, room, payload) } {
        Ok(made) => Ok(made.into_value()),
        Err(e) => Err(vm.no_memory(e)),
    }
}

/// Name and qualified name for the generator that a frame becomes, where they are not those of its code.
///
/// # Safety
/// The frame is live.
#[inline(always)]
unsafe fn names(frame: &Frame) -> (Option<Ref<Str>>, Option<Ref<Str>>) {
    if !frame.func.is_empty() {
        // SAFETY: not empty, and the frame keeps it alive.
        let function = unsafe { frame.func.view() };
        if let Some(function) = function.downcast::<Function>() {
            return own_names(function, frame.code());
        }
    }
    (None, None)
}

/// The names of a function where they are not those of its code.
#[inline(always)]
fn own_names(function: &Function, code: &CodeObject) -> (Option<Ref<Str>>, Option<Ref<Str>>) {
    let same_name = function.name.with(|name| name.is(&code.name));
    let same = same_name & function.qualname.with(|name| name.is(&code.qualname));
    if same {
        return (None, None);
    }
    (Some(function.name.get()), Some(function.qualname.get()))
}

/// The generator that a frame belongs to.
///
/// # Safety
/// The frame is a generator's.
#[inline(always)]
pub(crate) unsafe fn owner_of<'a>(frame: *mut Frame) -> &'a Generator {
    // SAFETY: the frame follows the payload; whoever resumed the generator keeps it alive.
    unsafe { &*(frame as *const Generator).sub(1) }
}

/// The generators running in this thread whose variables hold one of `targets`. The collector does not look into them, as
/// a running frame is a root.
pub(crate) fn running_holders(vm: &Vm, targets: &[&naja_heap::Header]) -> Vec<Value> {
    let is_target = |value: Value| {
        let header = value.header();
        header.is_some_and(|h| targets.iter().any(|t| std::ptr::eq(*t, h)))
    };
    let mut found = Vec::new();
    let mut at = vm.stack.current.get();
    while !at.is_null() {
        // SAFETY: the frames of the chain are live, and a generator's has been entered.
        unsafe {
            if (*at).owner == crate::interpreter::frame::Owner::Generator {
                let count = (*at).code().nlocalsplus as usize;
                if (0..count).any(|i| (*at).local_slot(i).is_some_and(is_target)) {
                    found.push(Ref::of_payload(owner_of(at)).into_value())
                }
            }
            at = (*at).prev;
        }
    }
    found
}

/// After a yield: the generator waits, and the frame that resumed it is current.
///
/// # Safety
/// `fp` is the current frame and belongs to a generator.
#[inline]
pub(crate) unsafe fn suspended(vm: &Vm, fp: *mut Frame) -> *mut Frame {
    // SAFETY: by contract.
    unsafe {
        let generator = owner_of(fp);
        generator.state.set(State::Suspended);
        vm.exc_info.set(generator.exc.previous.get());
        generator.exc.previous.set(std::ptr::null());
        vm.depth.set(vm.depth.get() - 1);
        let prev = (*fp).prev;
        (*fp).prev = std::ptr::null_mut();
        (*fp).entry = false;
        vm.stack.current.set(prev);
        prev
    }
}

/// After a return or an exception that left the frame: the generator is finished and its frame gone.
///
/// # Safety
/// As for [`suspended`]; the frame is not used afterwards.
pub(crate) unsafe fn finished(vm: &Vm, fp: *mut Frame) {
    // SAFETY: by contract.
    unsafe {
        let generator = owner_of(fp);
        vm.exc_info.set(generator.exc.previous.get());
        generator.exc.previous.set(std::ptr::null());
        vm.depth.set(vm.depth.get() - 1);
        vm.stack.current.set((*fp).prev);
        // Its finalizer would do nothing: the end of the object need not look.
        let header = (std::ptr::from_ref(generator) as *const Header).sub(1);
        (*header).set_flag(Flags::FINALIZED, true);
        generator.release_parts();
        if let Some(handled) = generator.exc.value.take() {
            drop(handled)
        }
    }
}

impl Generator {
    /// Whether the generator waits to be entered.
    #[inline(always)]
    pub fn is_suspended(&self) -> bool {
        self.state.get() as u8 <= State::Suspended as u8
    }

    /// Whether the generator was never entered.
    #[inline(always)]
    pub(crate) fn is_created(&self) -> bool {
        self.state.get() == State::Created
    }

    pub fn state(&self) -> State {
        self.state.get()
    }

    /// The frame, unless finished.
    pub fn frame(&self) -> *mut Frame {
        match self.state.get() {
            State::Finished => std::ptr::null_mut(),
            _ => self.place(),
        }
    }

    /// Where the frame is, or was.
    #[inline(always)]
    fn place(&self) -> *mut Frame {
        std::ptr::from_ref(self).wrapping_add(1) as *mut Frame
    }

    pub(crate) fn name(&self) -> Ref<Str> {
        self.name.get().unwrap_or_else(|| self.code.name.clone())
    }

    pub(crate) fn qualname(&self) -> Ref<Str> {
        let own = self.qualname.get();
        own.unwrap_or_else(|| self.code.qualname.clone())
    }

    pub fn code(&self) -> &Ref<CodeObject> {
        &self.code
    }

    fn release_frame(&self) {
        if self.state.get() != State::Finished {
            // SAFETY: the generator has a frame, which does not run.
            unsafe { self.release_parts() }
        }
    }

    /// Gives up what the frame holds.
    ///
    /// # Safety
    /// The generator has a frame, which no longer runs.
    #[inline(always)]
    unsafe fn release_parts(&self) {
        self.state.set(State::Finished);
        let frame = self.place();
        // SAFETY: by contract; slots below `sp` are set or empty.
        unsafe {
            if !(*frame).frame_object.is_empty() {
                crate::objects::frame::detach(frame);
            }
            let (mut at, end) = (locals(frame), (*frame).sp);
            while at < end {
                let slot = *at;
                if slot.0 & 15 == 0 && slot.0 != 0 {
                    drop(Value::from_bits(slot.0))
                }
                at = at.add(1);
            }
            if !(*frame).locals.is_empty() {
                (*frame).locals.release();
            }
            (*frame).func.release();
        }
    }

    /// Makes the generator's frame the current one, called from `caller` (which may be null), with `value` as the result
    /// of its `yield`. Null with RecursionError raised where the depth limit is reached.
    ///
    /// # Safety
    /// The generator is suspended, and somebody keeps it alive while it runs.
    #[inline]
    pub(crate) unsafe fn enter(&self, vm: &Vm, caller: *mut Frame, value: Slot) -> *mut Frame {
        // SAFETY: a suspended generator's frame; one slot is left for the value sent.
        unsafe {
            let frame = self.place();
            let depth = vm.depth.get();
            if depth >= vm.interp.recursion_limit() {
                value.release();
                vm.recursion_exceeded("");
                return std::ptr::null_mut();
            }
            vm.depth.set(depth + 1);
            *(*frame).sp = value;
            (*frame).sp = (*frame).sp.add(1);
            (*frame).prev = caller;
            self.state.set(State::Running);
            self.exc.previous.set(vm.exc_info.get());
            vm.exc_info.set(&self.exc);
            vm.stack.current.set(frame);
            frame
        }
    }

    /// Puts the frame behind its resumer's, as [`Generator::enter`] does, without making it current.
    ///
    /// # Safety
    /// As for `enter`.
    #[inline(always)]
    pub(crate) unsafe fn link(&self, caller: *mut Frame, handled: *const ExcState) -> *mut Frame {
        let frame = self.place();
        // SAFETY: a suspended generator's frame.
        unsafe { (*frame).prev = caller };
        self.state.set(State::Running);
        self.exc.previous.set(handled);
        frame
    }

    /// What the generator is handling.
    pub(crate) fn handled(&self) -> *const ExcState {
        &self.exc
    }

    /// What the generator itself is handling becomes the context of the exception thrown in (`_PyErr_ChainStackItem`).
    fn chain_handled(&self, vm: &Vm) {
        let handled = self.exc.value.get().filter(|v| !v.is_none());
        if let (Some(handled), Some(thrown)) = (handled, vm.pending_exception())
            && !handled.is(thrown.as_value())
        {
            crate::objects::exception::set_context_avoiding_cycle(&thrown, handled)
        }
    }

    /// Resumes with a value, or (`raising`) with the exception that is set in `vm`.
    fn resume(&self, vm: &Vm, value: Value, raising: bool) -> PyResult<SendResult> {
        vm.check_stack()?;
        let what = self.kind_name();
        match self.state.get() {
            State::Running => {
                vm.clear_exception();
                return Err(vm.value_error(format!("{what} already executing")));
            }
            State::Finished => {
                if what == "coroutine" {
                    if raising {
                        vm.clear_exception();
                    }
                    return Err(vm.runtime_error("cannot reuse already awaited coroutine"));
                }
                if raising {
                    return Err(Raised);
                }
                return Ok(SendResult::Return(Value::NONE));
            }
            State::Created if !raising && !value.is_none() => {
                return Err(vm.type_error(format!(
                    "can't send non-None value to a just-started {what}"
                )));
            }
            _ => {}
        }
        // SAFETY: suspended, and the caller keeps the generator alive.
        let result = unsafe {
            let frame = self.enter(vm, vm.stack.current.get(), Slot::new(value));
            if frame.is_null() {
                return Err(Raised);
            }
            (*frame).entry = true;
            if raising {
                self.chain_handled(vm);
                // The handlers are those of the instruction before: of the yield.
                crate::interpreter::trace::thrown(vm, frame);
                match unwind::handle_at(vm, frame, (*frame).instruction().saturating_sub(1)) {
                    Some(_) => crate::interpreter::run(vm),
                    None => Err(Raised),
                }
            } else {
                crate::interpreter::run(vm)
            }
        };
        match result {
            Ok(value) if self.state.get() == State::Suspended => Ok(SendResult::Next(value)),
            Ok(value) => Ok(SendResult::Return(value)),
            Err(Raised) => Err(Raised),
        }
    }

    fn kind_name(&self) -> &'static str {
        match self.code.flags & (flags::COROUTINE | flags::ASYNC_GENERATOR) {
            flags::COROUTINE => "coroutine",
            flags::ASYNC_GENERATOR => "async generator",
            _ => "generator",
        }
    }

    /// `send`: what it yields or returns.
    pub fn send(&self, vm: &Vm, value: &Value) -> PyResult<SendResult> {
        self.resume(vm, value.clone(), false)
    }

    /// What the generator delegates to by `yield from` or `await`, while suspended there.
    pub fn delegate(&self) -> Option<Value> {
        if self.state.get() != State::Suspended {
            return None;
        }
        let frame = self.place();
        // SAFETY: a suspended generator's frame: `pc` is behind YIELD_VALUE, at a RESUME whose argument tells the kind.
        unsafe {
            let unit = *(*frame).pc;
            let opcode = naja_bytecode::opcode::deopt(crate::interpreter::trace::uninstrumented(
                (*frame).code(),
                (*frame).instruction(),
                unit as u8,
            ));
            if opcode != op::RESUME || unit >> 8 & 3 < 2 {
                return None;
            }
            let slot = *(*frame).sp.sub(1);
            if slot.is_empty() {
                None
            } else {
                Some(slot.to_value())
            }
        }
    }
}

fn is_async_generator(vm: &Vm, value: &Value) -> bool {
    vm.type_of(value).is(&vm.types.async_generator)
}

/// The result of `send` or `next` as Python sees it: StopIteration for a return.
fn as_result(vm: &Vm, result: SendResult) -> PyResult {
    match result {
        SendResult::Next(value) => Ok(value),
        SendResult::Return(value) => Err(vm.stop_iteration(value)),
    }
}

#[pymethods]
impl Generator {
    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let name = zelf.qualname();
        let text = format!(
            "<generator object {} at {:#x}>",
            name.to_string_lossy(),
            zelf.as_ptr() as usize
        );
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        match zelf.resume(vm, Value::NONE, false)? {
            SendResult::Next(value) => Ok(Some(value)),
            SendResult::Return(value) if value.is_none() => Ok(None),
            SendResult::Return(value) => Err(vm.stop_iteration(value)),
        }
    }

    #[pyslot(name = "send")]
    fn send_slot(zelf: &Ref<Self>, vm: &Vm, value: &Value) -> PyResult<SendResult> {
        zelf.send(vm, value)
    }

    #[pyslot]
    fn finalize(vm: &Vm, zelf: &Value) {
        finalize(vm, zelf)
    }

    /// send(value) -> send 'value' into generator,
    /// return next yielded value or raise StopIteration.
    #[pymethod(name = "send", sig = "($self, value, /)")]
    fn send_method(zelf: &Ref<Self>, vm: &Vm, value: &Value) -> PyResult {
        as_result(vm, zelf.send(vm, value)?)
    }

    /// throw(value)
    /// throw(type[,value[,tb]])
    ///
    /// Raise exception in generator, return next yielded value or raise
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
        as_result(vm, zelf.throw(vm, exception)?)
    }

    /// close() -> raise GeneratorExit inside generator.
    #[pymethod(name = "close")]
    fn close_method(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        zelf.close(vm)
    }

    /// name of the generator
    #[pygetter]
    fn __name__(&self) -> Ref<Str> {
        self.name()
    }

    #[pysetter(name = "__name__")]
    pub(crate) fn set_name(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        match value.and_then(|v| v.downcast_into::<Str>().ok()) {
            Some(name) => {
                self.name.set(Some(name));
                Ok(())
            }
            None => Err(vm.type_error("__name__ must be set to a string object")),
        }
    }

    /// qualified name of the generator
    #[pygetter]
    fn __qualname__(&self) -> Ref<Str> {
        self.qualname()
    }

    #[pysetter(name = "__qualname__")]
    pub(crate) fn set_qualname(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        match value.and_then(|v| v.downcast_into::<Str>().ok()) {
            Some(name) => {
                self.qualname.set(Some(name));
                Ok(())
            }
            None => Err(vm.type_error("__qualname__ must be set to a string object")),
        }
    }

    /// object being iterated by yield from, or None
    #[pygetter]
    fn gi_yieldfrom(&self) -> Option<Value> {
        self.delegate()
    }

    #[pygetter]
    fn gi_running(&self) -> bool {
        self.state.get() == State::Running
    }

    #[pygetter]
    fn gi_suspended(&self) -> bool {
        self.state.get() == State::Suspended
    }

    #[pygetter]
    fn gi_frame(&self, vm: &Vm) -> PyResult<Option<Value>> {
        frame_value(vm, self)
    }

    #[pygetter]
    fn gi_code(&self) -> Ref<CodeObject> {
        self.code.clone()
    }

    /// See PEP 585
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, item, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, item: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), item)
    }
}

pub(crate) fn frame_value(vm: &Vm, generator: &Generator) -> PyResult<Option<Value>> {
    let frame = generator.frame();
    if frame.is_null() {
        return Ok(None);
    }
    crate::objects::frame::frame_object(vm, frame).map(|f| Some(f.into_value()))
}

/// INTRINSIC_STOPITERATION_ERROR: StopIteration must not leave a generator (PEP 479).
pub(crate) fn stop_iteration_error(vm: &Vm, value: &Value) -> PyResult {
    // SAFETY: the current frame is the generator's.
    let code_flags = unsafe { vm.stack.current.get().as_ref() }.map_or(0, |f| f.code().flags);
    let ty = vm.type_of(value);
    let is_stop = crate::objects::type_::is_subtype(ty, &vm.types.stop_iteration);
    let is_async_stop = crate::objects::type_::is_subtype(ty, &vm.types.stop_async_iteration);
    let message = if is_stop && code_flags & flags::ASYNC_GENERATOR != 0 {
        "async generator raised StopIteration"
    } else if is_stop && code_flags & flags::COROUTINE != 0 {
        "coroutine raised StopIteration"
    } else if is_stop {
        "generator raised StopIteration"
    } else if is_async_stop && code_flags & flags::ASYNC_GENERATOR != 0 {
        "async generator raised StopAsyncIteration"
    } else {
        return Ok(value.clone());
    };
    vm.runtime_error(message);
    let error = vm.take_exception();
    error.set_cause(Some(value.clone()));
    crate::objects::exception::set_context_avoiding_cycle(&error, value.clone());
    error.mark_context_set();
    Ok(error.into_value())
}

/// What an asynchronous generator yields, told apart from what it awaits.
pub(crate) fn wrap_async_yield(vm: &Vm, value: Value) -> PyResult {
    Ok(vm
        .new_object(crate::objects::async_generator::WrappedValue { value })?
        .into_value())
}
