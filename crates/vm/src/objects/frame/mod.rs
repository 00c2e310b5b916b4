//! `frame` objects: what Python code sees of a frame, and what stays of it after the frame has ended.
//!
//! A frame object points at its frame while that lives. When the frame ends (`take_over`) the object copies the local
//! variables and what else can be asked for; a generator's frame that moves into its generator takes the pointer along
//! (`moved`). CPython: Objects/frameobject.c.

mod jump;
pub mod proxy;

use crate::interpreter::frame::{Frame, locals};
use crate::objects::cell::CellVariable;
use crate::objects::code::CodeObject;
use crate::objects::dict::Dict;
use crate::objects::function::Function;
use crate::objects::generator::Generator;
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_bytecode::code::{flags, kind};
use naja_heap::slot::Slot;
use naja_heap::{Header, MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use std::cell::Cell;

/// See the module's head. As many words as the code has variables follow the struct: what they held when the frame ended.
#[pyclass(name = "frame", module = "builtins", gc, doc = "", flags(NO_NEW))]
#[repr(C)]
pub struct FrameObject {
    /// Null after the frame's end: only then the words behind the struct are filled.
    frame: Cell<*mut Frame>,
    code: Ref<CodeObject>,
    /// After the frame's end: the function that ran, which knows globals and builtins, its caller's object, and its instruction.
    func: MutCell<Option<Value>>,
    back: MutCell<Option<Ref<FrameObject>>>,
    rare: MutCell<Option<Box<Rare>>>,
    instruction: Cell<u32>,
    pub(crate) trace_lines: Cell<bool>,
    pub(crate) trace_opcodes: Cell<bool>,
}

/// What few frame objects have.
#[derive(Default)]
struct Rare {
    trace: MutCell<Option<Value>>,
    /// After the frame's end: the namespace of a module's or class's code.
    namespace: MutCell<Option<Value>>,
    /// Values overwritten by writes through `f_locals`: somebody may have borrowed them.
    overwritten: MutCell<Vec<Value>>,
    /// What was added through `f_locals` that is no variable.
    extra: MutCell<Option<Ref<Dict>>>,
}

impl Traverse for FrameObject {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.code);
        self.func.with(|x| v.opt(x));
        self.back.with(|x| x.iter().for_each(|x| v.reference(x)));
        for place in self.saved() {
            place.with(|x| v.opt(x));
        }
        if let Some(rare) = self.rare() {
            rare.trace.with(|x| v.opt(x));
            rare.namespace.with(|x| v.opt(x));
            rare.overwritten.with(|s| s.iter().for_each(|x| v.value(x)));
            rare.extra.with(|x| x.iter().for_each(|x| v.reference(x)));
        }
    }

    fn clear(&self) {
        for place in self.saved() {
            drop(place.take());
        }
        if let Some(rare) = self.rare() {
            drop(rare.trace.take());
            drop(rare.namespace.take());
            drop(rare.overwritten.take());
            drop(rare.extra.take());
        }
    }
}

impl Drop for FrameObject {
    fn drop(&mut self) {
        for place in self.saved() {
            drop(place.take());
        }
    }
}

/// The object of a live frame, made on first use. Raises MemoryError.
#[inline]
pub fn frame_object(vm: &Vm, frame: *mut Frame) -> PyResult<Ref<FrameObject>> {
    // SAFETY: callers pass live frames; the slot holds a frame object, which only this function makes, or nothing. The words
    // behind the object are not looked at before they are filled.
    unsafe {
        let slot = (*frame).frame_object;
        if !slot.is_empty() {
            let header = slot.0 as *mut Header;
            (*header).incref();
            return Ok(Ref::from_raw(header));
        }
        let object = FrameObject {
            frame: Cell::new(frame),
            code: (*frame).code_ref(),
            func: MutCell::new(None),
            back: MutCell::new(None),
            rare: MutCell::new(None),
            instruction: Cell::new(0),
            trace_lines: Cell::new(true),
            trace_opcodes: Cell::new(false),
        };
        let count = object.code.nlocalsplus as usize;
        let ty = vm.class::<FrameObject>();
        let object = vm
            .heap()
            .alloc_plain(&ty.layout, count * size_of::<Slot>(), object)
            .map_err(|e| vm.no_memory(e))?;
        (*frame).frame_object = Slot::new(object.to_value());
        Ok(object)
    }
}

/// The frame ends: its object keeps what can still be asked for.
///
/// # Safety
/// `frame` is live, has a frame object, and its `sp` is stored.
pub(crate) unsafe fn take_over(vm: &Vm, frame: *mut Frame) {
    // SAFETY: by contract.
    unsafe {
        let slot = (*frame).frame_object;
        (*frame).frame_object = Slot::EMPTY;
        let value = slot.into_value();
        let Some(object) = value.downcast::<FrameObject>() else {
            return;
        };
        if object.header().refcount() == 1 {
            return; // nobody else looks at it
        }
        keep(object, frame);
        let prev = (*frame).prev;
        // A generator's frame had many callers: the last one says nothing.
        if !prev.is_null() && (*frame).owner != crate::interpreter::frame::Owner::Generator {
            match frame_object(vm, prev) {
                Ok(back) => object.back.set(Some(back)),
                Err(_) => vm.clear_exception(),
            }
        }
    }
}

/// Moves a frame's variables into its object.
#[inline]
unsafe fn keep(object: &Ref<FrameObject>, frame: *mut Frame) {
    // SAFETY: the frame is live; emptied slots are for nobody to release. The object's words were never filled.
    unsafe {
        object.instruction.set((*frame).instruction() as u32);
        if !(*frame).locals.is_empty() {
            object.rare_made().namespace.set((*frame).locals_value());
        }
        let (mut slot, mut place) = (locals(frame), object.words());
        for _ in 0..object.code.nlocalsplus {
            let value = match (*slot).is_empty() {
                true => None,
                false => Some(std::ptr::replace(slot, Slot::EMPTY).into_value()),
            };
            place.write(MutCell::new(value));
            (slot, place) = (slot.add(1), place.add(1));
        }
        object.func.set(Some((*frame).func.to_value()));
        object.frame.set(std::ptr::null_mut());
    }
}

/// A call's frame became a generator's.
///
/// # Safety
/// `from` is about to end, `to` is its copy; the object's reference is `to`'s from now on.
pub(crate) unsafe fn moved(from: *mut Frame, to: *mut Frame) {
    // SAFETY: by contract.
    unsafe {
        (*to).frame_object = (*from).frame_object;
        (*from).frame_object = Slot::EMPTY;
        if let Some(object) = (*to).frame_object.view().downcast::<FrameObject>() {
            object.frame.set(to);
        }
    }
}

/// A generator's frame is released.
///
/// # Safety
/// `frame` is live and has a frame object.
pub(crate) unsafe fn detach(frame: *mut Frame) {
    // SAFETY: by contract.
    unsafe {
        let slot = (*frame).frame_object;
        (*frame).frame_object = Slot::EMPTY;
        let value = slot.into_value();
        if let Some(object) = value.downcast::<FrameObject>()
            && object.header().refcount() > 1
        {
            keep(object, frame)
        }
    }
}

/// The places of the innermost frames, for `coroutine.cr_origin`.
pub(crate) fn origin_tuple(vm: &Vm, depth: u32) -> PyResult {
    let mut entries = Vec::new();
    let mut frame = vm.visible_frame();
    while let Some(f) = frame
        && entries.len() < depth as usize
    {
        let line = vm.new_int(f.line().unwrap_or(0) as i64)?;
        let code = f.code();
        entries.push(
            vm.new_tuple(vec![code.filename().to_value(), line, code.name.to_value()])?
                .into_value(),
        );
        // SAFETY: the chain of frames is live.
        frame = unsafe { f.prev.as_ref() };
    }
    Ok(vm.new_tuple(entries)?.into_value())
}

impl FrameObject {
    pub fn code(&self) -> &Ref<CodeObject> {
        &self.code
    }

    pub(crate) fn live(&self) -> Option<&Frame> {
        // SAFETY: the pointer is reset when the frame ends.
        unsafe { self.frame.get().as_ref() }
    }

    /// The words behind the struct.
    #[inline]
    fn words(&self) -> *mut MutCell<Option<Value>> {
        std::ptr::from_ref(self).wrapping_add(1) as *mut MutCell<Option<Value>>
    }

    /// What the variables held when the frame ended; nothing before.
    #[inline]
    fn saved(&self) -> &[MutCell<Option<Value>>] {
        if !self.frame.get().is_null() {
            return &[];
        }
        // SAFETY: frame objects are made with so many words behind them, which are filled when the frame ends.
        unsafe { std::slice::from_raw_parts(self.words(), self.code.nlocalsplus as usize) }
    }

    #[inline]
    fn rare(&self) -> Option<&Rare> {
        // SAFETY: once made it stays as long as the object.
        unsafe { (*self.rare.as_ptr()).as_deref() }
    }

    fn rare_made(&self) -> &Rare {
        // SAFETY: as above.
        unsafe { (*self.rare.as_ptr()).get_or_insert_default() }
    }

    /// The frame's own trace function.
    pub(crate) fn trace(&self) -> Option<Value> {
        self.rare()?.trace.get()
    }

    pub(crate) fn set_trace(&self, function: Option<Value>) {
        if function.is_some() || self.rare().is_some() {
            self.rare_made().trace.set(function)
        }
    }

    /// What was added through `f_locals` that is no variable.
    fn extra(&self) -> Option<Ref<Dict>> {
        self.rare()?.extra.get()
    }

    fn set_extra(&self, extra: Ref<Dict>) {
        self.rare_made().extra.set(Some(extra))
    }

    fn instruction(&self) -> usize {
        match self.live() {
            Some(frame) => frame.instruction(),
            None => self.instruction.get() as usize,
        }
    }

    /// The function that ran, after the frame's end.
    fn function(&self) -> Option<Ref<Function>> {
        self.func.get()?.downcast_into::<Function>().ok()
    }

    pub fn line(&self) -> Option<i32> {
        self.code.line_at(self.instruction())
    }

    /// Variable slot `index` as it stands.
    fn slot(&self, index: usize) -> Option<Value> {
        match self.live() {
            Some(frame) => frame.local_slot(index),
            None => self.saved().get(index)?.get(),
        }
    }

    /// Whether an inlined comprehension of a module's or class's code runs here: its variables are set meanwhile.
    fn has_hidden(&self) -> bool {
        let kinds = self.code.localspluskinds().iter();
        kinds
            .enumerate()
            .any(|(i, kinds)| kinds & kind::HIDDEN != 0 && self.slot(i).is_some())
    }

    /// Names and values of all set variables, cells looked into.
    pub fn variables(&self) -> Vec<(Value, Value)> {
        let mut out = Vec::new();
        for (i, name) in self.code.localsplusnames().iter().enumerate() {
            let kinds = self.code.localspluskinds().get(i).copied().unwrap_or(0);
            let value = match self.slot(i) {
                Some(value) if kinds & (kind::CELL | kind::FREE) != 0 => {
                    match value.downcast::<CellVariable>() {
                        Some(cell) => cell.value.get(),
                        None => Some(value),
                    }
                }
                value => value,
            };
            if let Some(value) = value {
                out.push((name.to_value(), value));
            }
        }
        out
    }

    /// Whether the code has a variable of that name.
    pub fn has_variable(&self, name: &crate::objects::str_::Str) -> bool {
        let kinds = self.code.localspluskinds().iter();
        self.code
            .localsplusnames()
            .iter()
            .zip(kinds)
            .any(|(n, kinds)| kinds & kind::HIDDEN == 0 && crate::objects::str_::eq(n, name))
    }

    /// The names of all variables, set or not.
    pub fn variable_names(&self) -> Vec<Ref<crate::objects::str_::Str>> {
        let kinds = self.code.localspluskinds().iter();
        let names = self.code.localsplusnames().iter().zip(kinds);
        names
            .filter(|(_, kinds)| *kinds & kind::HIDDEN == 0)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Sets a variable from outside (debuggers). Says whether there is one of that name.
    pub fn set_variable(&self, name: &Ref<crate::objects::str_::Str>, value: Value) -> bool {
        let Some(index) = self
            .code
            .localsplusnames()
            .iter()
            .position(|n| crate::objects::str_::eq(n, name))
        else {
            return false;
        };
        if let Some(cell) = self
            .slot(index)
            .and_then(|v| v.downcast_into::<CellVariable>().ok())
            && self.code.localspluskinds()[index] & (kind::CELL | kind::FREE) != 0
        {
            cell.value.set(Some(value));
            return true;
        }
        if self.frame.get().is_null() {
            let old = self.saved().get(index).and_then(|p| p.replace(Some(value)));
            if let Some(old) = old {
                self.rare_made().overwritten.with_mut(|o| o.push(old));
            }
            return true;
        }
        // SAFETY: a live frame's slot; the old value may be borrowed by calls under way, so it is kept.
        unsafe {
            let place = locals(self.frame.get()).add(index);
            let old = *place;
            *place = Slot::new(value);
            if !old.is_empty() && !old.is_borrowed() {
                let kept = &self.rare_made().overwritten;
                kept.with_mut(|o| o.push(old.into_value()));
            }
        }
        true
    }
}

#[pymethods]
impl FrameObject {
    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let file = crate::protocols::object::repr(vm, zelf.code.filename().as_value())?;
        let text = format!(
            "<frame at {:#x}, file {}, line {}, code {}>",
            zelf.as_ptr() as usize,
            file.to_string_lossy(),
            zelf.line().unwrap_or(0),
            zelf.code.name.to_string_lossy()
        );
        Ok(vm.new_str(text)?.into_value())
    }

    /// Return the next outer frame.
    #[pygetter]
    fn f_back(&self, vm: &Vm) -> PyResult<Option<Value>> {
        let Some(frame) = self.live() else {
            return Ok(self.back.get().map(Ref::into_value));
        };
        let mut prev = frame.prev;
        // SAFETY: the chain of frames is live.
        unsafe {
            while let Some(f) = prev.as_ref() {
                if f.is_complete() {
                    return frame_object(vm, prev).map(|f| Some(f.into_value()));
                }
                prev = f.prev;
            }
        }
        Ok(None)
    }

    /// Return the code object being executed in this frame.
    #[pygetter]
    fn f_code(&self) -> Value {
        self.code.to_value()
    }

    /// Return the global variables in the frame.
    #[pygetter]
    fn f_globals(&self, vm: &Vm) -> PyResult {
        let globals = match self.live() {
            Some(frame) => Some(frame.globals()),
            None => self.function().map(|f| f.globals.clone()),
        };
        let globals = globals.ok_or_else(|| vm.system_error("a frame without function"))?;
        Ok(globals.into_value())
    }

    /// Return the built-in variables in the frame.
    #[pygetter]
    fn f_builtins(&self, vm: &Vm) -> PyResult {
        if let Some(frame) = self.live() {
            return Ok(frame.shown_builtins());
        }
        let function = self.function();
        let function = function.ok_or_else(|| vm.system_error("a frame without function"))?;
        let odd = function.odd_builtins.clone();
        Ok(odd.unwrap_or_else(|| function.builtins.to_value()))
    }

    /// Return the mapping used by the frame to look up local variables.
    #[pygetter]
    fn f_locals(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if zelf.code.flags & flags::OPTIMIZED == 0 && !zelf.has_hidden() {
            let namespace = match zelf.live() {
                Some(frame) => frame.locals_value(),
                None => zelf.rare().and_then(|r| r.namespace.get()),
            };
            if let Some(namespace) = namespace {
                return Ok(namespace);
            }
        }
        proxy::make(vm, zelf)
    }

    #[pysetter]
    fn set_f_lineno(zelf: &Ref<Self>, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        jump::set_line(vm, zelf, value)
    }

    #[pygetter]
    fn f_trace_opcodes(&self) -> bool {
        self.trace_opcodes.get()
    }

    #[pysetter]
    fn set_f_trace_opcodes(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        match value {
            Some(value) if value.is_bool() => {
                self.trace_opcodes.set(value.is_true());
                if value.is_true() {
                    crate::interpreter::trace::trace_opcodes(vm);
                }
                Ok(())
            }
            None => Err(vm.attribute_error(
                "attribute 'f_trace_opcodes' of 'frame' objects cannot be deleted",
            )),
            _ => Err(vm.type_error("attribute value type must be bool")),
        }
    }

    /// Return the current line number in the frame.
    #[pygetter]
    fn f_lineno(&self) -> Option<i32> {
        self.line()
    }

    /// Return the index of the last attempted instruction in the frame.
    #[pygetter]
    fn f_lasti(&self) -> i64 {
        self.instruction() as i64 * 2
    }

    /// Return the trace function for this frame, or None if no trace function is set.
    #[pygetter]
    fn f_trace(&self) -> Option<Value> {
        self.trace()
    }

    #[pysetter]
    fn set_f_trace(&self, _vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_trace(value.filter(|v| !v.is_none()));
        Ok(())
    }

    #[pygetter]
    fn f_trace_lines(&self) -> bool {
        self.trace_lines.get()
    }

    #[pysetter]
    fn set_f_trace_lines(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        match value {
            Some(value) if value.is_bool() => {
                self.trace_lines.set(value.is_true());
                Ok(())
            }
            None => Err(vm.type_error("can't delete numeric/char attribute")),
            _ => Err(vm.type_error("attribute value type must be bool")),
        }
    }

    /// Return the generator or coroutine associated with this frame, or None.
    #[pygetter]
    fn f_generator(&self) -> Option<Value> {
        let frame = self.live()?;
        if frame.owner != crate::interpreter::frame::Owner::Generator {
            return None;
        }
        let frame = std::ptr::from_ref(frame).cast_mut();
        // SAFETY: a generator's frame lies within its generator.
        let generator = unsafe { crate::objects::generator::owner_of(frame) };
        Some(unsafe { Ref::<Generator>::of_payload(generator) }.into_value())
    }

    /// Clear all references held by the frame.
    #[pymethod]
    fn clear(zelf: &Ref<Self>, vm: &Vm) -> PyResult<()> {
        if let Some(frame) = zelf.live() {
            if frame.owner == crate::interpreter::frame::Owner::Generator
                && let Some(generator) = zelf
                    .f_generator()
                    .and_then(|g| g.downcast_into::<Generator>().ok())
                && generator.is_suspended()
            {
                if generator.state() == crate::objects::generator::State::Suspended {
                    return Err(vm.runtime_error("cannot clear a suspended frame"));
                }
                // A coroutine that never ran warns of that.
                crate::objects::generator::finalize(vm, generator.as_value());
                return Ok(());
            }
            return Err(vm.runtime_error("cannot clear an executing frame"));
        }
        crate::Traverse::clear(&**zelf);
        Ok(())
    }
}
