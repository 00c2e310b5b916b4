//! Frames: the running state of one call, in the thread's stack or inside a generator.
//!
//! A frame's head is followed by its slots: locals, cells and free variables (`localsplus`), then the evaluation
//! stack. While a frame runs, instruction and stack pointer live in the evaluation loop; `pc` and `sp` are true
//! whenever anything else can look: before every call out of the loop. `pc` is then the *start* of the current
//! instruction, and `return_offset` what to add when a called frame returns.
//!
//! CPython: Include/internal/pycore_interpframe.h.

use crate::objects::cell::CellVariable;
use crate::objects::code::CodeObject;
use crate::objects::dict::Dict;
use crate::objects::function::Function;
use crate::objects::str_::Str;
use crate::protocols::object;
use crate::vm::{PyResult, Vm};
use naja_heap::slot::Slot;
use naja_heap::{Header, Ref, Value};

/// Where a frame's memory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Owner {
    ThreadStack,
    Generator,
}

/// The head of a frame; its slots follow.
#[repr(C)]
pub struct Frame {
    /// The caller's frame, or null.
    pub prev: *mut Frame,
    pub pc: *const u16,
    pub sp: *mut Slot,
    pub code: *const CodeObject,
    /// The function being run: an owned reference, which keeps code, globals and builtins alive.
    pub func: Slot,
    /// Headers of the dicts of globals and builtins (borrowed from the function).
    pub globals: *const Header,
    pub builtins: *const Header,
    /// The namespace of a module or class body, or empty.
    pub locals: Slot,
    /// The frame object made for Python code to look at, or empty.
    pub frame_object: Slot,
    pub owner: Owner,
    /// Returning from this frame leaves the evaluation loop: a native function called it.
    pub entry: bool,
    /// The frame is that of an `__init__` called by an inlined constructor: its result is checked and dropped.
    pub init_call: bool,
    /// The frame may be the first of a chunk of the thread's stack (see `ThreadStack::starts_chunk`).
    pub chunk_start: bool,
    /// Tracing: the line last reported.
    pub last_line: i32,
    /// What a call adds to `pc` when it returns to this frame; set by the call.
    pub return_offset: u16,
    /// The argument of the loop's instruction that has called a method for its next item; set by the call.
    pub loop_arg: u32,
}

/// Slots that a frame's head takes.
pub const HEAD_SLOTS: usize = size_of::<Frame>() / size_of::<Slot>();

/// The first slot (local variable 0).
#[inline(always)]
pub fn locals(frame: *mut Frame) -> *mut Slot {
    frame.wrapping_add(1) as *mut Slot
}

impl Frame {
    /// The bottom of the evaluation stack.
    ///
    /// # Safety
    /// `frame` is live.
    #[inline(always)]
    pub unsafe fn stack_base(frame: *mut Frame) -> *mut Slot {
        // SAFETY: a live frame has a code object.
        unsafe { locals(frame).add((*(*frame).code).nlocalsplus as usize) }
    }

    /// [`Frame::oddity`] of the frame of an inlined constructor's `__init__` that is usual otherwise.
    pub const INIT: u64 = 1 << 16;

    /// Zero where the frame's end is the usual one: on the thread's stack but not first there, called by the loop, without
    /// namespace and frame object.
    ///
    /// # Safety
    /// `frame` is live.
    #[inline(always)]
    pub unsafe fn oddity(frame: *mut Frame) -> u64 {
        use std::mem::offset_of;
        const MARKS: usize = offset_of!(Frame, owner);
        const { assert!(offset_of!(Frame, entry) == MARKS + 1) };
        const { assert!(offset_of!(Frame, init_call) == MARKS + 2) };
        const { assert!(offset_of!(Frame, chunk_start) == MARKS + 3) };
        const { assert!(Owner::ThreadStack as u8 == 0 && cfg!(target_endian = "little")) };
        // SAFETY: a live frame; the marks are four bytes one behind the other, all zero for such frames.
        unsafe {
            let marks = (&raw const (*frame).owner as *const u32).read();
            (*frame).locals.0 | (*frame).frame_object.0 | marks as u64
        }
    }

    /// Writes the head of a frame for a call in the loop, as `ops::call::fill_frame`: only what may be looked at before the
    /// loop stores its state.
    ///
    /// # Safety
    /// `new` is fresh frame memory; the function, whose reference moves into the frame, keeps the rest alive.
    #[inline(always)]
    pub unsafe fn fill_called(
        new: *mut Frame,
        caller: *mut Frame,
        code: *const CodeObject,
        func: Slot,
        function: &Function,
        init: bool,
    ) {
        use std::mem::offset_of;
        const MARKS: usize = offset_of!(Frame, owner);
        const { assert!(MARKS.is_multiple_of(8) && offset_of!(Frame, return_offset) == MARKS + 8) };
        const { assert!(Owner::ThreadStack as u8 == 0 && cfg!(target_endian = "little")) };
        const { assert!(offset_of!(Frame, last_line) == MARKS + 4) };
        // SAFETY: by contract; the marks are one word: those of a usual frame, and no line.
        unsafe {
            (*new).prev = caller;
            (*new).code = code;
            (*new).func = func;
            (*new).globals = function.globals.as_ptr() as *const Header;
            (*new).builtins = function.builtins.as_ptr() as *const Header;
            (*new).locals = Slot::EMPTY;
            (*new).frame_object = Slot::EMPTY;
            (&raw mut (*new).owner as *mut u64)
                .write(0xffff_ffff_0000_0000 | if init { Frame::INIT } else { 0 });
        }
    }

    pub fn code(&self) -> &CodeObject {
        // SAFETY: the frame's function keeps its code alive.
        unsafe { &*self.code }
    }

    /// A reference to the code object.
    pub fn code_ref(&self) -> Ref<CodeObject> {
        // SAFETY: code objects live only in the heap.
        unsafe { Ref::of_payload(self.code()) }
    }

    pub fn function(&self) -> Option<Ref<Function>> {
        if self.func.is_empty() {
            return None;
        }
        // SAFETY: not empty.
        unsafe { self.func.to_value() }
            .downcast_into::<Function>()
            .ok()
    }

    /// A reference to the dict of globals.
    pub fn globals(&self) -> Ref<Dict> {
        // SAFETY: the function keeps its globals alive.
        unsafe {
            (*self.globals).incref();
            Ref::from_raw(self.globals as *mut Header)
        }
    }

    /// A `__builtins__` that is no plain dict.
    pub fn odd_builtins(&self) -> Option<Value> {
        if self.func.is_empty() {
            return None;
        }
        // SAFETY: not empty, and the frame keeps it alive.
        let function = unsafe { self.func.view() };
        function.downcast::<Function>()?.odd_builtins.clone()
    }

    /// What Python code sees as the frame's builtins.
    pub fn shown_builtins(&self) -> Value {
        self.odd_builtins()
            .unwrap_or_else(|| self.builtins().into_value())
    }

    /// A built-in name. Raises what looking into an odd `__builtins__` raises (KeyError: None).
    pub fn builtin(&self, vm: &Vm, name: &Ref<Str>) -> PyResult<Option<Value>> {
        match self.builtins().get_str(vm, name)? {
            Some(value) => Ok(Some(value)),
            None => match self.odd_builtins() {
                Some(odd) => object::get_item_opt(vm, &odd, name.as_value()),
                None => Ok(None),
            },
        }
    }

    pub fn builtins(&self) -> Ref<Dict> {
        // SAFETY: the function keeps its builtins alive.
        unsafe {
            (*self.builtins).incref();
            Ref::from_raw(self.builtins as *mut Header)
        }
    }

    /// The namespace of a module or class body.
    pub fn locals_value(&self) -> Option<Value> {
        if self.locals.is_empty() {
            None
        } else {
            // SAFETY: not empty.
            Some(unsafe { self.locals.to_value() })
        }
    }

    /// The unit offset of the current instruction.
    pub fn instruction(&self) -> usize {
        self.code().offset_of(self.pc)
    }

    /// The current line, if the instruction has one.
    pub fn line(&self) -> Option<i32> {
        self.code().line_at(self.instruction())
    }

    /// Whether the frame has got past its prefix (before, it is not shown).
    pub fn is_complete(&self) -> bool {
        self.owner == Owner::Generator || self.instruction() >= self.code().first_traceable as usize
    }

    /// The value of local slot `index` as it stands: a cell for cell and free variables.
    pub fn local_slot(&self, index: usize) -> Option<Value> {
        if index >= self.code().nlocalsplus as usize {
            return None;
        }
        // SAFETY: the index is one of the code's slots, which follow the head.
        unsafe {
            let slot = *locals(self as *const Frame as *mut Frame).add(index);
            if slot.is_empty() {
                None
            } else {
                Some(slot.to_value())
            }
        }
    }

    /// The value of variable `index`, looked up in its cell where it has one.
    pub fn variable(&self, index: usize) -> Option<Value> {
        use naja_bytecode::code::kind;
        let value = self.local_slot(index)?;
        let kinds = self
            .code()
            .localspluskinds()
            .get(index)
            .copied()
            .unwrap_or(0);
        if kinds & (kind::CELL | kind::FREE) != 0
            && let Some(cell) = value.downcast::<CellVariable>()
        {
            return cell.value.get();
        }
        Some(value)
    }
}
