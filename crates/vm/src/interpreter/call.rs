//! Calls from native code, and the intrinsics of the bytecode.
//!
//! `vm.call(&f, &[a, b])` is the usual way; `vm.call_args` takes keywords too. A Python function gets an entry frame and
//! a run of the evaluation loop of its own; the native stack is checked before.
//!
//! CPython: Objects/call.c, Python/intrinsics.c.

use super::frame::Frame;
use super::ops::call::push_frame;
use super::ops::{Fp, Sp};
use crate::function::Args;
use crate::function::native::NativeFunction;
use crate::objects::code::CodeObject;
use crate::objects::dict::Dict;
use crate::objects::function::Function;
use crate::objects::list::List;
use crate::objects::str_::Str;
use crate::objects::tuple::Tuple;
use crate::protocols::{attributes, number};
use crate::vm::{PyResult, Vm};
use naja_heap::slot::Slot;
use naja_heap::{Ref, Value};
use smallvec::SmallVec;

impl Vm {
    /// `callable(*args)`.
    #[inline]
    pub fn call(&self, callable: &Value, args: &[Value]) -> PyResult {
        call_native(
            self,
            callable,
            Args {
                args,
                kwnames: None,
            },
        )
    }

    /// `callable(*args)` with keywords: their values stand behind the positional arguments.
    #[inline]
    pub fn call_args(&self, callable: &Value, args: Args) -> PyResult {
        call_native(self, callable, args)
    }

    /// `callable(*positional, **keywords)`.
    pub fn call_with(
        &self,
        callable: &Value,
        positional: &[Value],
        keywords: Option<&Ref<Dict>>,
    ) -> PyResult {
        let (values, names) = super::bind::flatten(self, None, positional, keywords)?;
        call_native(
            self,
            callable,
            Args {
                args: &values,
                kwnames: names.as_ref(),
            },
        )
    }

    /// `receiver.name(*args)`.
    pub fn call_method(&self, receiver: &Value, name: &Ref<Str>, args: &[Value]) -> PyResult {
        match attributes::get_method(self, receiver, name)? {
            attributes::Method::Unbound(method) => {
                call_with_receiver(self, &method, receiver, Args::positional_only(args))
            }
            attributes::Method::Bound(method) => self.call(&method, args),
        }
    }

    /// As [`Vm::call_method`] with a name that need not be interned.
    pub fn call_method_str(&self, receiver: &Value, name: &str, args: &[Value]) -> PyResult {
        self.call_method(receiver, &self.intern(name), args)
    }

    /// The special method `type(receiver).name(receiver, *args)`; None where the class has no such method.
    pub fn call_special(
        &self,
        receiver: &Value,
        name: &Ref<Str>,
        args: &[Value],
    ) -> PyResult<Option<Value>> {
        match attributes::lookup_special(self, receiver, name)? {
            None => Ok(None),
            Some(attributes::Method::Unbound(method)) => {
                call_with_receiver(self, &method, receiver, Args::positional_only(args)).map(Some)
            }
            Some(attributes::Method::Bound(method)) => self.call(&method, args).map(Some),
        }
    }

    /// Runs code as a module or class body, or as `exec` does: with these namespaces.
    pub fn run_code(&self, code: Ref<CodeObject>, globals: Ref<Dict>, locals: Value) -> PyResult {
        let function = Function::new(self, code, globals)?;
        self.run_function_code(function, locals, None)
    }

    /// As [`Vm::run_code`], with a function already made (its closure is used).
    pub fn run_function_code(
        &self,
        function: Ref<Function>,
        locals: Value,
        args: Option<&[Value]>,
    ) -> PyResult {
        self.check_stack()?;
        let mut slots: SmallVec<[Slot; 8]> = args
            .unwrap_or(&[])
            .iter()
            .map(|v| Slot(v.bits()).borrow())
            .collect();
        // SAFETY: the slots borrow values that outlive the call; the new frame becomes the current one.
        unsafe {
            let caller = self.stack.current.get();
            let n = slots.len();
            let frame = push_frame(self, caller, function, slots.as_mut_ptr(), n, None)?;
            (*frame).entry = true;
            if !(*frame).locals.is_empty() {
                (*frame).locals.release();
            }
            (*frame).locals = Slot::new(locals);
            super::eval::run(self)
        }
    }

    /// The innermost Python frame, or null.
    #[inline]
    pub fn current_frame(&self) -> *mut Frame {
        self.stack.current.get()
    }

    /// The innermost frame that Python code is shown.
    pub fn visible_frame(&self) -> Option<&Frame> {
        let mut frame = self.stack.current.get();
        // SAFETY: the chain of frames from the current one is live.
        unsafe {
            while let Some(f) = frame.as_ref() {
                if f.is_complete() {
                    return Some(f);
                }
                frame = f.prev;
            }
        }
        None
    }

    /// Calls `f` with the visible frames, the innermost first, until it answers false.
    pub fn each_frame(&self, f: &mut dyn FnMut(&Frame) -> bool) {
        let mut frame = self.stack.current.get();
        // SAFETY: the chain of frames from the current one is live.
        unsafe {
            while let Some(current) = frame.as_ref() {
                if current.is_complete() && !f(current) {
                    return;
                }
                frame = current.prev;
            }
        }
    }

    /// The globals of the innermost visible frame.
    pub fn current_globals(&self) -> Option<Ref<Dict>> {
        self.visible_frame().map(Frame::globals)
    }
}

/// The frame of a call with `n` positional arguments that needs no more processing than filling in defaults, its arguments
/// borrowed from the caller's values; None: not so.
#[inline(always)]
fn push_plain<'a>(
    vm: &Vm,
    function: &Ref<Function>,
    n: usize,
    args: impl Iterator<Item = &'a Value>,
) -> Option<*mut Frame> {
    // SAFETY: the function is kept alive by the frame, the values by the caller; all slots up to `sp` are set.
    unsafe {
        let code = function.code_ptr();
        let depth = vm.depth.get();
        let argcount = (*code).argcount as usize;
        if !(*code).is_simple() || n > argcount || depth >= vm.interp.recursion_limit() {
            return None;
        }
        let mut defaults: &[Value] = &[];
        if n < argcount {
            let values = (*function.defaults.as_ptr()).as_ref()?.items();
            defaults = values.get(values.len().checked_sub(argcount - n)?..)?;
        }
        let new = vm.stack.push((*code).frame_slots());
        if new.is_null() {
            return None;
        }
        let to = super::frame::locals(new);
        for (i, value) in args.take(n).enumerate() {
            *to.add(i) = Slot(value.bits()).borrow();
        }
        for (i, value) in defaults.iter().enumerate() {
            *to.add(n + i) = Slot::new(value.clone());
        }
        for i in argcount..(*code).nlocalsplus as usize {
            *to.add(i) = Slot::EMPTY;
        }
        let func = Slot::new(function.to_value());
        super::ops::call::fill_frame(vm, new, vm.stack.current.get(), code, func, function);
        (*new).entry = true;
        vm.depth.set(depth + 1);
        vm.stack.current.set(new);
        Some(new)
    }
}

/// `callable(receiver, *args)`, the values taken where they are.
#[inline]
pub(crate) fn call_bound(vm: &Vm, callable: &Value, receiver: &Value, args: &[&Value]) -> PyResult {
    if vm.type_of(callable).is(&vm.types.function)
        && let Some(function) = callable.downcast::<Function>()
    {
        vm.check_stack()?;
        let all = std::iter::once(receiver).chain(args.iter().copied());
        if push_plain(vm, function, args.len() + 1, all).is_some() {
            // SAFETY: the frame just pushed is the current one, and an entry frame.
            return unsafe { super::eval::run(vm) };
        }
    }
    let mut all: SmallVec<[Value; 6]> = SmallVec::with_capacity(args.len() + 1);
    all.push(receiver.clone());
    all.extend(args.iter().map(|&v| v.clone()));
    vm.call(callable, &all)
}

/// As [`call_bound`] for arguments as they came, which may have names.
pub(crate) fn call_with_receiver(
    vm: &Vm,
    callable: &Value,
    receiver: &Value,
    args: Args,
) -> PyResult {
    if args.kwnames.is_none()
        && vm.type_of(callable).is(&vm.types.function)
        && let Some(function) = callable.downcast::<Function>()
    {
        vm.check_stack()?;
        let all = std::iter::once(receiver).chain(args.args);
        if push_plain(vm, function, args.args.len() + 1, all).is_some() {
            // SAFETY: as above.
            return unsafe { super::eval::run(vm) };
        }
    }
    with_first(receiver, args.args, |all| {
        call_native(
            vm,
            callable,
            Args {
                args: all,
                kwnames: args.kwnames,
            },
        )
    })
}

/// So many arguments need no memory of their own.
const FEW: usize = 8;

/// Calls `f` with `first` and what follows it as one slice.
#[inline]
pub(crate) fn with_first<R>(first: &Value, rest: &[Value], f: impl FnOnce(&[Value]) -> R) -> R {
    let (mut few, mut many) = ([0; FEW], Vec::new());
    let words = match few.get_mut(..=rest.len()) {
        Some(words) => {
            words[0] = first.bits();
            for (word, value) in words[1..].iter_mut().zip(rest) {
                *word = value.bits();
            }
            &*words
        }
        None => {
            many.push(first.bits());
            many.extend(rest.iter().map(Value::bits));
            &*many
        }
    };
    // SAFETY: a value is its word; the references are the caller's, who keeps them until this returns.
    let all = unsafe { std::slice::from_raw_parts(words.as_ptr() as *const Value, words.len()) };
    f(all)
}

/// Enters a function with arguments that the caller keeps.
fn enter(vm: &Vm, function: &Ref<Function>, args: Args) -> PyResult {
    let (mut few, mut many) = ([Slot::EMPTY; FEW], Vec::new());
    let slots = match few.get_mut(..args.args.len()) {
        Some(slots) => {
            for (slot, value) in slots.iter_mut().zip(args.args) {
                *slot = Slot(value.bits()).borrow();
            }
            slots
        }
        None => {
            many.extend(args.args.iter().map(|v| Slot(v.bits()).borrow()));
            &mut *many
        }
    };
    let n = args.positional().len();
    // SAFETY: the slots borrow the caller's values, which outlive the call.
    unsafe {
        let caller = vm.stack.current.get();
        let slots = slots.as_mut_ptr() as Sp;
        let frame = push_frame(vm, caller, function.clone(), slots, n, args.kwnames)?;
        (*frame).entry = true;
        super::eval::run(vm)
    }
}

/// Calls a Python function from native code: an entry frame, and the loop.
pub(crate) fn call_function(vm: &Vm, function: &Ref<Function>, args: Args) -> PyResult {
    vm.check_stack()?;
    if args.kwnames.is_none()
        && push_plain(vm, function, args.args.len(), args.args.iter()).is_some()
    {
        // SAFETY: the frame just pushed is the current one, and an entry frame.
        return unsafe { super::eval::run(vm) };
    }
    enter(vm, function, args)
}

/// Calls anything.
#[inline]
pub(crate) fn call_native(vm: &Vm, callable: &Value, args: Args) -> PyResult {
    let ty = vm.type_of(callable);
    if ty.is(&vm.types.function)
        && let Some(function) = callable.downcast::<Function>()
    {
        return call_function(vm, function, args);
    }
    vm.check_stack()?;
    // A built-in function, the commonest thing beside that.
    if let Some(native) = callable.downcast::<NativeFunction>()
        && !native.bound
    {
        return (native.call)(vm, args);
    }
    match ty.slots.call.get() {
        Some(call) => call(vm, callable, args),
        None => Err(vm.type_error(format!("'{}' object is not callable", ty.full_name()))),
    }
}

/// `CALL_INTRINSIC_1`.
pub(super) unsafe fn intrinsic_1(vm: &Vm, fp: Fp, which: u32, value: &Value) -> PyResult {
    match which {
        1 => {
            // print an expression statement of the interactive prompt
            let hook = vm.sys_attr("displayhook")?;
            match hook {
                Some(hook) => vm.call(&hook, std::slice::from_ref(value)),
                None => Err(vm.runtime_error("lost sys.displayhook")),
            }
        }
        // SAFETY: `fp` is the running frame.
        2 => unsafe { import_star(vm, fp, value) },
        3 => crate::objects::generator::stop_iteration_error(vm, value),
        4 => crate::objects::generator::wrap_async_yield(vm, value.clone()),
        5 => number::positive(vm, value),
        6 => match value.downcast::<List>() {
            Some(list) => {
                let tuple = list.items.with(|items| Tuple::from_slice(vm, items))?;
                Ok(tuple.into_value())
            }
            None => Err(vm.system_error("INTRINSIC_LIST_TO_TUPLE of something else than a list")),
        },
        7 | 8 | 9 | 11 => vm.make_type_param(which, value, None),
        10 => vm.subscript_generic(value),
        _ => Err(vm.system_error("unknown intrinsic")),
    }
}

/// `CALL_INTRINSIC_2`.
pub(super) fn intrinsic_2(vm: &Vm, which: u32, a: &Value, b: &Value) -> PyResult {
    match which {
        1 => crate::objects::exception::prepare_reraise_star(vm, a, b),
        2 | 3 | 5 => vm.make_type_param(which + 100, a, Some(b)),
        4 => {
            if let Some(function) = a.downcast::<Function>() {
                function
                    .type_params
                    .set(b.clone().downcast_into::<Tuple>().ok());
            }
            Ok(a.clone())
        }
        _ => Err(vm.system_error("unknown intrinsic")),
    }
}

/// `from module import *` into the frame's namespace.
unsafe fn import_star(vm: &Vm, fp: Fp, module: &Value) -> PyResult {
    let locals = super::ops::frame_locals(vm, fp, "no locals found during 'import *'")?;
    crate::import::import_star(vm, module, &locals)?;
    Ok(Value::NONE)
}

impl Vm {
    /// An attribute of the module `sys`, as it stands.
    pub fn sys_attr(&self, name: &str) -> PyResult<Option<Value>> {
        match self.interp.state.sys_dict.get() {
            Some(dict) => dict.get_str(self, &self.intern(name)),
            None => Ok(None),
        }
    }

    /// The builtins that code over `globals` uses: its `__builtins__` (a module or dict), else the interpreter's.
    /// What is no plain dict comes second, after an empty dict.
    pub fn builtins_of(&self, globals: &Ref<Dict>) -> PyResult<(Ref<Dict>, Option<Value>)> {
        let found = globals.get_str(self, &self.names.__builtins__)?;
        if let Some(found) = found {
            if let Some(module) = found.downcast::<crate::objects::module::Module>() {
                return Ok((module.dict(), None));
            }
            if self.type_of(&found).is(&self.types.dict)
                && let Some(dict) = found.downcast::<Dict>()
            {
                return Ok((dict.clone(), None));
            }
            return Ok((Dict::new(self)?, Some(found)));
        }
        if let Some(frame) = self.visible_frame() {
            return Ok((frame.builtins(), frame.odd_builtins()));
        }
        match self.interp.state.builtins.get() {
            Some(dict) => Ok((dict, None)),
            None => Ok((Dict::new(self)?, None)),
        }
    }

    /// What `LOAD_COMMON_CONSTANT` loads.
    pub(crate) fn common_constant(&self, which: u32) -> PyResult {
        let builtin = |index: usize| -> PyResult {
            let found = self
                .interp
                .state
                .common_functions
                .with(|f| f.get(index).cloned());
            found.ok_or_else(|| self.system_error("no such common constant"))
        };
        match which {
            0 => Ok(self.types.assertion_error.to_value()),
            1 => Ok(self.types.not_implemented_error.to_value()),
            2 => Ok(self.types.tuple.to_value()),
            3 => builtin(0),
            4 => builtin(1),
            _ => Err(self.system_error("unknown common constant")),
        }
    }
}
