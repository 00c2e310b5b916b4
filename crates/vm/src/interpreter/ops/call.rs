//! Calls: Python functions push a frame, everything else is called with a slice of the stack.

use super::*;
use crate::builtins::SpecialBuiltin;
use crate::function::Args;
use crate::function::descriptor::MethodDescriptor;
use crate::function::native::NativeFunction;
use crate::interpreter::bind;
use crate::interpreter::frame::{Frame, Owner, locals};
use crate::interpreter::specialize;
use crate::objects::code::CodeObject;
use crate::objects::dict::Dict;
use crate::objects::function::Function;
use crate::objects::generator;
use crate::objects::list::List;
use crate::objects::method::Method;
use crate::objects::range::RangeIterator;
use crate::objects::set::Set;
use crate::objects::tuple::Tuple;
use crate::objects::type_::attributes::construct;
use crate::objects::type_::slot_defs::{slot_call, slot_init, slot_new};
use crate::objects::type_::slots::{CallFn, InitFn, NewFn};
use crate::objects::type_::{Type, TypeFlags};
use crate::objects::weakref::WeakRef;
use crate::protocols::{object, sequence};
use crate::vm::PyResult;
use naja_bytecode::code::flags;
use naja_bytecode::opcode::op;
use naja_heap::{Header, Ref};
use smallvec::SmallVec;

/// Writes the head of a frame whose local variables are in place, for a call from `caller` in the loop.
#[inline(always)]
pub(in crate::interpreter) unsafe fn fill_frame(
    vm: &Vm,
    new: Fp,
    caller: Fp,
    code: *const CodeObject,
    func: Slot,
    function: &Function,
) {
    // SAFETY: `new` is fresh frame memory; the function, whose reference moves into the frame, keeps the rest alive.
    unsafe {
        new.write(Frame {
            prev: caller,
            pc: (*code).first_unit(),
            sp: locals(new).add((*code).nlocalsplus as usize),
            code,
            func,
            globals: function.globals.as_ptr() as *const Header,
            builtins: function.builtins.as_ptr() as *const Header,
            locals: Slot::EMPTY,
            frame_object: Slot::EMPTY,
            owner: Owner::ThreadStack,
            entry: false,
            return_offset: 0,
            loop_arg: 0,
            init_call: false,
            chunk_start: vm.stack.starts_chunk(new),
            last_line: -1,
        })
    }
}

/// Whether code that starts so does nothing but make a generator of its frame, with the variables of its closure in it.
#[inline(always)]
pub(in crate::interpreter) unsafe fn makes_generator(first: *const u16) -> bool {
    // SAFETY: code has more than one unit.
    unsafe {
        let first_is = *first as u8;
        first_is == op::RETURN_GENERATOR
            || first_is == op::COPY_FREE_VARS && *first.add(1) as u8 == op::RETURN_GENERATOR
    }
}

/// Pushes a frame for `function` with `n` positional arguments at `args`, which are moved into it (on errors too they are
/// consumed). The frame becomes the current one.
pub(in crate::interpreter) unsafe fn push_frame(
    vm: &Vm,
    caller: Fp,
    function: Ref<Function>,
    args: Sp,
    n: usize,
    kwnames: Option<&Ref<Tuple>>,
) -> PyResult<Fp> {
    // SAFETY: the arguments are owned slots; everything not moved into the frame is released.
    unsafe {
        let code = function.code_ptr();
        let depth = vm.depth.get();
        let given = n + kwnames.map_or(0, |k| k.len());
        if depth >= vm.interp.recursion_limit() {
            release_all(args, given);
            return Err(vm.recursion_exceeded(""));
        }
        let new = vm.stack.push((*code).frame_slots());
        if new.is_null() {
            release_all(args, given);
            return Err(vm.memory_error(""));
        }
        let to = locals(new);
        let total = (*code).nlocalsplus as usize;
        let argcount = (*code).argcount as usize;
        const VARIABLE: u32 = flags::VARARGS | flags::VARKEYWORDS | flags::OPTIMIZED;
        let rest = kwnames.is_none()
            && n >= argcount
            && (*code).kwonlyargcount == 0
            && (*code).flags & VARIABLE == flags::VARARGS | flags::OPTIMIZED;
        // What the last parameters get where fewer arguments are given.
        let defaults = if kwnames.is_some() || !(*code).is_simple() {
            None
        } else if n == argcount {
            Some(&[][..])
        } else {
            match &*function.defaults.as_ptr() {
                Some(values) if n < argcount && argcount - n <= values.len() => {
                    let values = values.items();
                    values.get(values.len() - (argcount - n)..)
                }
                _ => None,
            }
        };
        if let Some(defaults) = defaults {
            for i in 0..n {
                *to.add(i) = *args.add(i);
            }
            for (i, value) in defaults.iter().enumerate() {
                *to.add(n + i) = Slot::new(value.clone());
            }
            for i in argcount..total {
                *to.add(i) = Slot::EMPTY;
            }
        } else if rest {
            // All parameters are given, and the others become a tuple.
            let made = Tuple::from_iter(vm, n - argcount, |i| {
                std::ptr::replace(args.add(argcount + i), Slot::EMPTY).into_value()
            });
            let tuple = match made {
                Ok(tuple) => tuple,
                Err(raised) => {
                    release_all(args, n);
                    vm.stack.pop(new);
                    return Err(raised);
                }
            };
            for i in 0..argcount {
                *to.add(i) = *args.add(i);
            }
            *to.add(argcount) = Slot::new(tuple.into_value());
            for i in argcount + 1..total {
                *to.add(i) = Slot::EMPTY;
            }
        } else {
            for i in 0..total {
                *to.add(i) = Slot::EMPTY;
            }
            if let Err(raised) = bind::bind(vm, &function, &*code, to, args, n, kwnames) {
                release_all(to, total);
                vm.stack.pop(new);
                return Err(raised);
            }
        }
        let payload: *const Function = &*function;
        let func = Slot::new(function.into_value());
        fill_frame(vm, new, caller, code, func, &*payload);
        if (*code).flags & flags::OPTIMIZED == 0 {
            // A module's or class's code called as a function: its names are global ones.
            (*new).locals = Slot::new((*payload).globals.to_value());
        }
        vm.depth.set(depth + 1);
        vm.stack.current.set(new);
        Ok(new)
    }
}

/// Takes positional and keyword arguments of a call with unpacked ones off the stack, whose end is `sp`.
#[inline(always)]
unsafe fn take_unpacked(sp: Sp) -> (Value, Option<Value>) {
    // SAFETY: the instruction's operands: a tuple, and a dict or nothing.
    unsafe {
        let positional = (*sp.sub(2)).into_value();
        let keywords = *sp.sub(1);
        let keywords = if keywords.is_empty() {
            None
        } else {
            Some(keywords.into_value())
        };
        (positional, keywords)
    }
}

/// As [`push_frame`] for `function(*positional, **keywords)`, with an object before the arguments where a method is called.
unsafe fn push_unpacked(
    vm: &Vm,
    caller: Fp,
    function: Ref<Function>,
    receiver: Option<Value>,
    positional: Value,
    keywords: Option<Value>,
) -> PyResult<Fp> {
    // SAFETY: the frame's memory is fresh; whatever was bound when binding failed is released.
    unsafe {
        let Ok(positional) = positional.downcast_into::<Tuple>() else {
            return Err(vm.system_error("positional arguments are not a tuple"));
        };
        let keywords = keywords.and_then(|k| k.downcast_into::<Dict>().ok());
        let code = function.code_ptr();
        let depth = vm.depth.get();
        if depth >= vm.interp.recursion_limit() {
            return Err(vm.recursion_exceeded(""));
        }
        let new = vm.stack.push((*code).frame_slots());
        if new.is_null() {
            return Err(vm.memory_error(""));
        }
        let to = locals(new);
        let total = (*code).nlocalsplus as usize;
        for i in 0..total {
            *to.add(i) = Slot::EMPTY;
        }
        if let Err(raised) =
            bind::bind_unpacked(vm, &function, &*code, to, receiver, &positional, keywords)
        {
            release_all(to, total);
            vm.stack.pop(new);
            return Err(raised);
        }
        let payload: *const Function = &*function;
        fill_frame(
            vm,
            new,
            caller,
            code,
            Slot::new(function.into_value()),
            &*payload,
        );
        if (*code).flags & flags::OPTIMIZED == 0 {
            (*new).locals = Slot::new((*payload).globals.to_value());
        }
        vm.depth.set(depth + 1);
        vm.stack.current.set(new);
        Ok(new)
    }
}

/// A call with keywords of which some are no plain strings.
#[cold]
#[inline(never)]
unsafe fn call_odd_keywords(pc: Pc, sp: Sp, fp: Fp, vm: &Vm) -> PyResult<Step> {
    // SAFETY: as for the slow paths: callable, object or nothing, tuple, dict.
    unsafe {
        let (callable, positional) = ((*sp.sub(4)).view(), (*sp.sub(2)).view());
        let keywords = (*sp.sub(1)).view();
        let items = positional
            .downcast::<Tuple>()
            .map_or(&[][..], |t| t.items());
        let receiver = *sp.sub(3);
        let receiver = (!receiver.is_empty()).then(|| receiver.to_value());
        let (values, names) = bind::flatten(vm, receiver, items, keywords.downcast::<Dict>())?;
        let args = Args {
            args: &values,
            kwnames: names.as_ref(),
        };
        let result = crate::interpreter::call::call_native(vm, &callable, args)?;
        let sp = replace_top(fp, sp, 4, result);
        after_call(vm, fp, sp)?;
        Ok((pc.add(1), sp))
    }
}

unsafe fn release_all(at: Sp, n: usize) {
    // SAFETY: the caller gives up these slots.
    unsafe {
        for i in 0..n {
            (*at.add(i)).release();
            *at.add(i) = Slot::EMPTY;
        }
    }
}

/// As [`push_frame`] for `n` plain arguments at `args`, giving the loop's next step. The caller's state is stored.
pub(in crate::interpreter) unsafe fn push_exact(
    vm: &Vm,
    fp: Fp,
    function: Ref<Function>,
    args: Sp,
    n: usize,
) -> PyResult<Step> {
    // SAFETY: as for `push_frame`.
    unsafe {
        let new = push_frame(vm, fp, function, args, n, None)?;
        Ok(((*new).pc, (*new).sp))
    }
}

/// Calls `f` with the `n` slots at `base` as values; marks of borrowed references are taken off meanwhile.
///
/// Afterwards the slots are released.
#[inline(always)]
pub(in crate::interpreter) unsafe fn with_values<R>(
    fp: Fp,
    base: Sp,
    n: usize,
    f: impl FnOnce(&[Value]) -> R,
) -> R {
    // SAFETY: words without the mark are valid values, and a borrowed reference stays alive during the call because the
    // variable it came from cannot change while this frame does not run.
    unsafe {
        let mut borrowed = 0u64;
        for i in 0..n {
            let slot = *base.add(i);
            if slot.is_borrowed() {
                if i < 64 {
                    borrowed |= 1 << i;
                    *base.add(i) = Slot(slot.clean_bits());
                } else {
                    *base.add(i) = Slot::new(slot.into_value());
                }
            }
        }
        let result = f(std::slice::from_raw_parts(base as *const Value, n));
        (*fp).sp = base;
        for i in (0..n).rev() {
            if i >= 64 || borrowed >> i & 1 == 0 {
                (*base.add(i)).release();
            }
        }
        result
    }
}

/// As [`with_values`] for exactly `N` slots: no loop is left of it.
#[inline(always)]
unsafe fn with_array<const N: usize, R>(fp: Fp, base: Sp, f: impl FnOnce(&[Value]) -> R) -> R {
    // SAFETY: as in `with_values`.
    unsafe {
        let slots = *(base as *const [Slot; N]);
        for (i, slot) in slots.iter().enumerate() {
            *base.add(i) = Slot(slot.clean_bits());
        }
        let result = f(std::slice::from_raw_parts(base as *const Value, N));
        (*fp).sp = base;
        for slot in slots.iter().rev() {
            slot.release();
        }
        result
    }
}

/// Calls a native function with the `n` slots at `base`.
#[inline(always)]
unsafe fn call_with(
    vm: &Vm,
    fp: Fp,
    base: Sp,
    n: usize,
    call: crate::function::def::NativeFn,
) -> PyResult {
    let run = |args: &[Value]| {
        call(
            vm,
            Args {
                args,
                kwnames: None,
            },
        )
    };
    // SAFETY: as in `with_values`.
    unsafe {
        match n {
            0 => run(&[]),
            1 => with_array::<1, _>(fp, base, run),
            2 => with_array::<2, _>(fp, base, run),
            3 => with_array::<3, _>(fp, base, run),
            _ => with_values(fp, base, n, run),
        }
    }
}

/// A bound method in the callable's place is taken apart: its function, and its object as first argument.
#[inline(always)]
pub(in crate::interpreter) unsafe fn unpack_method(
    vm: &Vm,
    callable: *mut Slot,
    receiver: *mut Slot,
) {
    // SAFETY: the instruction's operands.
    unsafe {
        if (*receiver).is_empty() && (*callable).is_pointer() {
            let view = (*callable).view();
            if vm.type_of(&view).is(&vm.types.method)
                && let Some(method) = view.downcast::<Method>()
            {
                let (function, object) = (method.function.clone(), method.object.clone());
                let old = *callable;
                *callable = Slot::new(function);
                *receiver = Slot::new(object);
                old.release();
            }
        }
    }
}

/// The iterator over a range of the `n` arguments from `from`, if all are unboxed.
unsafe fn range_iterator(from: Sp, n: usize) -> Option<RangeIterator> {
    // SAFETY: the instruction's operands, of which words alone are looked at.
    let args = unsafe { std::slice::from_raw_parts(from as *const Value, n) };
    RangeIterator::over(args)
}

/// `str()`, `list()` and their like; None for other classes.
#[inline]
fn empty_of(vm: &Vm, class: &Ref<Type>) -> Option<PyResult> {
    let types = &vm.types;
    Some(if class.is(&types.list) {
        vm.new_list(Vec::new()).map(Ref::into_value)
    } else if class.is(&types.dict) {
        Dict::new(vm).map(Ref::into_value)
    } else if class.is(&types.set) {
        Set::new(vm).map(Ref::into_value)
    } else if class.is(&types.str) {
        Ok(vm.interp.empty_str().into_value())
    } else if class.is(&types.tuple) {
        Ok(vm.interp.empty_tuple().into_value())
    } else if class.is(&types.int) {
        Ok(Value::small_int(0))
    } else {
        return None;
    })
}

/// A dict of another one's items, with room for `more`.
fn copy_of_dict(vm: &Vm, source: &Ref<Dict>, more: usize) -> PyResult<Ref<Dict>> {
    let dict = Dict::new(vm)?;
    crate::objects::dict::methods::merge(vm, &dict, source)?;
    if more > 0 {
        let items = source.len().saturating_add(more);
        let reserved = dict.table.with_mut(|t| t.reserve(items));
        reserved.map_err(|e| vm.no_memory(e))?;
    }
    Ok(dict)
}

/// `dict(source, name=value, ...)`, where the source is a plain dict or absent; None: not so.
#[inline(never)]
fn dict_of_keywords(vm: &Vm, args: &[Value], names: &Ref<Tuple>) -> Option<PyResult> {
    let (positional, values) = args.split_at_checked(args.len().checked_sub(names.len())?)?;
    let dict = match positional {
        [] => Dict::with_capacity(vm, names.len()),
        [source] if vm.type_of(source).is(&vm.types.dict) => {
            copy_of_dict(vm, source.downcast::<Dict>()?, names.len())
        }
        _ => return None,
    };
    let dict = match dict {
        Ok(dict) => dict,
        Err(raised) => return Some(Err(raised)),
    };
    for (name, value) in names.items().iter().zip(values) {
        let set = dict.set_str(vm, crate::objects::str_::of(name)?, value.clone());
        if let Err(raised) = set {
            return Some(Err(raised));
        }
    }
    Some(Ok(dict.into_value()))
}

/// `list(x)`, `tuple(x)`, `set(x)`, `dict(x)`, `str(x)`, `bool(x)`; None for other classes, and dicts of no plain one.
#[inline]
fn container_of(vm: &Vm, class: &Ref<Type>, iterable: &Value) -> Option<PyResult> {
    if class.is(&vm.types.str) {
        return Some(object::str(vm, iterable).map(Ref::into_value));
    }
    if class.is(&vm.types.list) {
        let items = sequence::collect(vm, iterable);
        Some(items.and_then(|items| Ok(vm.new_list(items)?.into_value())))
    } else if class.is(&vm.types.tuple) {
        let ty = vm.type_of(iterable);
        if ty.is(&vm.types.tuple) {
            return Some(Ok(iterable.clone()));
        }
        if ty.is(&vm.types.list)
            && let Some(list) = iterable.downcast::<List>()
        {
            // Copying runs nothing.
            let made = list.items.with(|items| Tuple::from_slice(vm, items));
            return Some(made.map(Ref::into_value));
        }
        let items = sequence::collect(vm, iterable);
        Some(items.and_then(|items| Ok(vm.new_tuple(items)?.into_value())))
    } else if class.is(&vm.types.set) {
        let made = Set::new(vm).and_then(|set| {
            set.update(vm, iterable)?;
            Ok(set.into_value())
        });
        Some(made)
    } else if class.is(&vm.types.dict) {
        let source = iterable.downcast::<Dict>();
        let source = source.filter(|_| vm.type_of(iterable).is(&vm.types.dict))?;
        Some(copy_of_dict(vm, source, 0).map(Ref::into_value))
    } else if class.is(&vm.types.bool) {
        Some(object::is_true(vm, iterable).map(Value::from_bool))
    } else if class.is(&vm.types.weakref) {
        Some(WeakRef::make(vm, class, iterable, None))
    } else {
        None
    }
}

/// An object whose class has a Python `__call__` is taken apart alike: that function, and the object as first argument.
#[inline(always)]
unsafe fn unpack_callable(vm: &Vm, callable: *mut Slot, receiver: *mut Slot) {
    // SAFETY: the instruction's operands.
    unsafe {
        if (*receiver).is_empty() && (*callable).is_pointer() {
            let view = (*callable).view();
            let ty = vm.type_of(&view);
            if ty.flag(TypeFlags::HEAPTYPE)
                && let Some(call) = ty.slots.call.get()
                && std::ptr::fn_addr_eq(call, slot_call as CallFn)
                && let Some(method) = ty.lookup(vm, &vm.names.__call__)
                && vm.type_of(&method).is(&vm.types.function)
            {
                *receiver = *callable;
                *callable = Slot::new(method);
            }
        }
    }
}

/// Whether calling the class means no more than its Python `__new__` and then its Python `__init__`.
#[inline]
fn has_python_new(vm: &Vm, class: &Ref<Type>) -> bool {
    let slots = &class.slots;
    class.flag(TypeFlags::HEAPTYPE)
        && !class.flag(TypeFlags::NO_NEW)
        && slots
            .new
            .get()
            .is_some_and(|new| std::ptr::fn_addr_eq(new, slot_new as NewFn))
        && slots
            .init
            .get()
            .is_some_and(|init| std::ptr::fn_addr_eq(init, slot_init as InitFn))
        && vm.type_of(class.as_value()).slots.call.get() == vm.types.type_.slots.call.get()
}

/// The object that such a class's `__new__` makes, and the `__init__` to be entered for it, if it has not been called here.
fn make_by_python(
    vm: &Vm,
    class: &Ref<Type>,
    args: &[Value],
) -> PyResult<(Value, Option<Ref<Function>>)> {
    let args = || Args::positional_only(args);
    vm.check_stack()?;
    let made = slot_new(vm, class, args())?;
    let ty = vm.type_of(&made);
    if ty.is(class)
        && let Some(init) = class.lookup(vm, &vm.names.__init__)
        && let Ok(init) = init.downcast_into::<Function>()
    {
        return Ok((made, Some(init)));
    }
    if crate::objects::type_::is_subtype(ty, class)
        && let Some(init) = ty.slots.init.get()
    {
        init(vm, &made, args())?;
    }
    Ok((made, None))
}

/// A call of such a class with the `n` arguments behind `callable` and the empty slot that follows it.
#[inline(never)]
unsafe fn call_python_new(
    pc: Pc,
    fp: Fp,
    vm: &Vm,
    class: &Ref<Type>,
    callable: Sp,
    n: usize,
) -> PyResult<Step> {
    // SAFETY: the instruction's operands, which stay on the stack until `__init__` takes them.
    unsafe {
        let receiver = callable.add(1);
        for i in 1..=n {
            let slot = *receiver.add(i);
            if slot.is_borrowed() {
                *receiver.add(i) = Slot::new(slot.to_value());
            }
        }
        let args = std::slice::from_raw_parts(receiver.add(1) as *const Value, n);
        let (made, init) = make_by_python(vm, class, args)?;
        let Some(init) = init else {
            let sp = replace_top(fp, receiver.add(n + 1), n + 2, made);
            after_call(vm, fp, sp)?;
            return Ok((pc.add(4), sp));
        };
        *receiver = Slot::new(made.clone());
        let class = std::ptr::replace(callable, Slot::new(made));
        (*fp).sp = receiver;
        class.release();
        (*fp).return_offset = 4;
        let new = push_frame(vm, fp, init, receiver, n + 1, None)?;
        (*new).init_call = true;
        Ok(((*new).pc, (*new).sp))
    }
}

/// Any call without keywords.
unsafe fn call_any(pc: Pc, sp: Sp, fp: Fp, vm: &Vm, arg: u32) -> PyResult<Step> {
    // SAFETY: as for the slow paths.
    unsafe {
        let n = arg as usize;
        let (callable, receiver) = (sp.sub(n + 2), sp.sub(n + 1));
        unpack_method(vm, callable, receiver);
        unpack_callable(vm, callable, receiver);
        let has_self = !(*receiver).is_empty() as usize;
        let view = (*callable).view();
        if vm.type_of(&view).is(&vm.types.function) {
            let function = (*callable).into_value();
            (*fp).sp = sp.sub(n + 2);
            (*fp).return_offset = 4;
            return match function.downcast_into::<Function>() {
                Ok(function) => {
                    let new =
                        push_frame(vm, fp, function, sp.sub(n + has_self), n + has_self, None)?;
                    Ok(((*new).pc, (*new).sp))
                }
                Err(_) => Err(vm.system_error("a function's type without a function")),
            };
        }
        if has_self == 0
            && let Some(class) = view.downcast::<Type>()
            && has_python_new(vm, class)
        {
            return call_python_new(pc, fp, vm, class, callable, n);
        }
        let result = with_values(fp, sp.sub(n + has_self), n + has_self, |args| {
            crate::interpreter::call::call_native(
                vm,
                &view,
                Args {
                    args,
                    kwnames: None,
                },
            )
        });
        let callable_slot = *callable;
        (*fp).sp = callable;
        callable_slot.release();
        let result = result?;
        *callable = Slot::new(result);
        after_call(vm, fp, callable.add(1))?;
        Ok((pc.add(4), callable.add(1)))
    }
}

/// Calls a method through its class, as `dict.get(d, key)`; anything else in the callable's place was not foreseen.
#[inline(never)]
unsafe fn call_descriptor(pc: Pc, sp: Sp, fp: Fp, vm: &Vm, arg: u32) -> PyResult<Step> {
    // SAFETY: as for the slow paths.
    unsafe {
        let n = arg as usize;
        let callable = sp.sub(n + 2);
        let view = (*callable).view();
        let call = match view.downcast::<MethodDescriptor>() {
            Some(descriptor)
                if n > 0
                    && (*sp.sub(n + 1)).is_empty()
                    && vm.type_of(&view).is(&vm.types.method_descriptor)
                    && crate::objects::type_::is_subtype(
                        vm.type_of(&(*sp.sub(n)).view()),
                        &descriptor.objclass,
                    ) =>
            {
                descriptor.def.call
            }
            _ => {
                missed(pc, op::CALL);
                return call_any(pc, sp, fp, vm, arg);
            }
        };
        let result = call_with(vm, fp, sp.sub(n), n, call);
        let callable_slot = *callable;
        (*fp).sp = callable;
        callable_slot.release();
        *callable = Slot::new(result?);
        after_call(vm, fp, callable.add(1))?;
        Ok((pc.add(4), callable.add(1)))
    }
}

/// The check of the eval breaker behind calls that ran native code.
#[inline(always)]
unsafe fn after_call(vm: &Vm, fp: Fp, sp: Sp) -> PyResult<()> {
    // SAFETY: `fp` is the running frame.
    unsafe { (*fp).sp = sp };
    vm.check_signals()
}

/// Makes an object of a class of plain ones, and enters its `__init__` with the `n` arguments behind `callable` and the empty
/// slot that follows it.
#[inline(always)]
unsafe fn enter_init(
    vm: &Vm,
    fp: Fp,
    callable: Sp,
    class: &naja_heap::Ref<Type>,
    init: Ref<Function>,
    n: usize,
    names: Option<&Ref<Tuple>>,
) -> PyResult<Step> {
    // SAFETY: the instruction's operands; the class is alive until it leaves the stack.
    unsafe {
        let receiver = callable.add(1);
        let object = vm
            .new_object_of(class, crate::objects::object::Object)?
            .into_value();
        *receiver = Slot::new(object.clone());
        let class = *callable;
        // The new object takes the class's place on the stack; the frame drops `__init__`'s None when it ends.
        *callable = Slot::new(object);
        class.release();
        (*fp).sp = receiver;
        (*fp).return_offset = 4;
        let given = n + 1 - names.map_or(0, |names| names.len());
        let new = push_frame(vm, fp, init, receiver, given, names)?;
        (*new).init_call = true;
        Ok(((*new).pc, (*new).sp))
    }
}

ops! {
    fn call(pc, sp, fp, vm, arg) {
        if counter_due(pc) {
            specialize::call(vm, pc, sp, arg);
        }
        call_any(pc, sp, fp, vm, arg)
    }

    fn call_miss(pc, sp, fp, vm, arg) {
        missed(pc, op::CALL);
        call_any(pc, sp, fp, vm, arg)
    }

    fn call_again(pc, sp, fp, vm, arg) {
        call_any(pc, sp, fp, vm, arg)
    }

    fn call_non_py(pc, sp, fp, vm, arg) {
        call_any(pc, sp, fp, vm, arg)
    }

    fn call_builtin_class(pc, sp, fp, vm, arg) {
        let n = arg as usize;
        let (callable, receiver) = (sp.sub(n + 2), sp.sub(n + 1));
        let view = (*callable).view();
        let Some(ty) = view.downcast::<Type>().filter(|ty| {
            (*receiver).is_empty() && vm.type_of(&view).is(&vm.types.type_) && !ty.is(&vm.types.type_)
        }) else {
            missed(pc, op::CALL);
            return call_any(pc, sp, fp, vm, arg);
        };
        // `for i in range(n)`: of a range that is only iterated over, the iterator is made at once.
        if ty.is(&vm.types.range)
            && *pc.add(4) as u8 == op::GET_ITER
            && (1..=3).contains(&n)
            && let Some(iterator) = range_iterator(sp.sub(n), n)
        {
            let iterator = vm.new_object(iterator)?.into_value();
            // The arguments are words, and the class lives on.
            (*callable).release();
            *callable = Slot::new(iterator);
            return Ok((pc.add(5), callable.add(1)));
        }
        let quick = match n {
            0 => empty_of(vm, ty),
            1 => container_of(vm, ty, &(*sp.sub(1)).view()),
            _ => None,
        };
        let result = match quick {
            Some(result) => {
                (*fp).sp = sp.sub(n);
                if n == 1 {
                    (*sp.sub(1)).release();
                }
                result
            }
            None => with_values(fp, sp.sub(n), n, |args| construct(vm, ty, Args { args, kwnames: None })),
        };
        let callable_slot = *callable;
        (*fp).sp = callable;
        callable_slot.release();
        *callable = Slot::new(result?);
        after_call(vm, fp, callable.add(1))?;
        Ok((pc.add(4), callable.add(1)))
    }

    fn call_py_general(pc, sp, fp, vm, arg) {
        let n = arg as usize;
        let callable = *sp.sub(n + 2);
        if !callable.is_pointer() || !vm.type_of(&callable.view()).is(&vm.types.function) {
            missed(pc, op::CALL);
            return call_any(pc, sp, fp, vm, arg);
        }
        let n = n + !(*sp.sub(n + 1)).is_empty() as usize;
        (*fp).sp = sp.sub(arg as usize + 2);
        (*fp).return_offset = 4;
        let function = Ref::from_raw(callable.into_value().into_bits() as *mut Header);
        push_exact(vm, fp, function, sp.sub(n), n)
    }

    fn make_generator(pc, sp, fp, vm, arg) {
        // A call of a generator function, which would do nothing but make the generator of its frame.
        let callable = sp.sub(arg as usize + 2);
        let view = (*callable).view();
        let Some(function) = view.downcast::<Function>() else {
            return Err(vm.system_error("a call of what is no function"));
        };
        let n = arg as usize + !(*callable.add(1)).is_empty() as usize;
        let value = generator::from_call(vm, *callable, function, sp.sub(n), n)?;
        *callable = Slot::new(value);
        Ok((pc.add(4), callable.add(1)))
    }

    fn call_builtin(pc, sp, fp, vm, arg) {
        // A built-in function, whose native function is called without looking at its class again.
        let n = arg as usize;
        let (callable, receiver) = (sp.sub(n + 2), sp.sub(n + 1));
        let view = (*callable).view();
        let native = match view.downcast::<NativeFunction>() {
            Some(native) if (*receiver).is_empty() => native,
            _ => return call_descriptor(pc, sp, fp, vm, arg),
        };
        let result = match &native.zelf {
            // The object that a built-in method is bound to takes the empty place before the arguments.
            Some(object) if native.passes_self() => {
                *receiver = Slot::new(object.clone());
                call_with(vm, fp, receiver, n + 1, native.call)
            }
            _ => call_with(vm, fp, sp.sub(n), n, native.call),
        };
        let callable_slot = *callable;
        (*fp).sp = callable;
        callable_slot.release();
        *callable = Slot::new(result?);
        after_call(vm, fp, callable.add(1))?;
        Ok((pc.add(4), callable.add(1)))
    }

    fn call_method_descriptor(pc, sp, fp, vm, arg) {
        let n = arg as usize;
        let (callable, receiver) = (sp.sub(n + 2), sp.sub(n + 1));
        let view = (*callable).view();
        let descriptor = match view.downcast::<MethodDescriptor>() {
            Some(descriptor) if !(*receiver).is_empty() && crate::objects::type_::is_subtype(vm.type_of(&(*receiver).view()), &descriptor.objclass) => descriptor,
            _ => {
                missed(pc, op::CALL);
                return call_any(pc, sp, fp, vm, arg);
            }
        };
        let call = descriptor.def.call;
        let result = call_with(vm, fp, receiver, n + 1, call);
        let callable_slot = *callable;
        (*fp).sp = callable;
        callable_slot.release();
        *callable = Slot::new(result?);
        after_call(vm, fp, callable.add(1))?;
        Ok((pc.add(4), callable.add(1)))
    }

    fn call_len(pc, sp, fp, vm, arg) {
        let callable = (*sp.sub(3)).view();
        if arg != 1 || !(*sp.sub(2)).is_empty() || !vm.is_special_builtin(&callable, SpecialBuiltin::Len) {
            missed(pc, op::CALL);
            return call_any(pc, sp, fp, vm, arg);
        }
        let n = object::len(vm, &(*sp.sub(1)).view())?;
        let result = vm.new_int(n as i64)?;
        Ok((pc.add(4), replace_top(fp, sp, 3, result)))
    }

    fn call_isinstance(pc, sp, fp, vm, arg) {
        let callable = (*sp.sub(4)).view();
        if arg != 2 || !(*sp.sub(3)).is_empty() || !vm.is_special_builtin(&callable, SpecialBuiltin::IsInstance) {
            missed(pc, op::CALL);
            return call_any(pc, sp, fp, vm, arg);
        }
        let (value, class) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        let ty = vm.type_of(&value);
        let result = match class.downcast::<Type>() {
            Some(class) if std::ptr::eq(ty, &raw const **class) => true,
            Some(class) if vm.type_of(class.as_value()).is(&vm.types.type_) && object::has_plain_class(vm, ty) => {
                crate::objects::type_::is_subtype(ty, class)
            }
            _ => object::is_instance(vm, &value, &class)?,
        };
        Ok((pc.add(4), replace_top(fp, sp, 4, Value::from_bool(result))))
    }

    fn call_list_append(pc, sp, fp, vm, arg) {
        // callable, list, item; a POP_TOP follows
        let callable = *sp.sub(3);
        // Called through the class (`list.append(x, y)`), there is no receiver: its slot is empty.
        if arg == 1 && !(*sp.sub(2)).is_empty() && vm.is_list_append(&callable.view())
            && let Some(list) = (*sp.sub(2)).view().downcast::<List>()
        {
            let item = (*sp.sub(1)).into_value();
            (*fp).sp = sp.sub(1);
            list.push(vm, item)?;
            let sp = drop_top(fp, sp.sub(1), 2);
            // The result, None, is dropped by the instruction that follows.
            return Ok((pc.add(5), sp));
        }
        missed(pc, op::CALL);
        call_any(pc, sp, fp, vm, arg)
    }

    fn call_type_1(pc, sp, fp, vm, arg) {
        let callable = (*sp.sub(3)).view();
        if arg == 1 && (*sp.sub(2)).is_empty() && callable.is(vm.types.type_.as_value()) {
            let ty = vm.type_of(&(*sp.sub(1)).view()).to_ref();
            return Ok((pc.add(4), replace_top(fp, sp, 3, ty.into_value())));
        }
        missed(pc, op::CALL);
        call_any(pc, sp, fp, vm, arg)
    }

    fn call_alloc_and_enter_init(pc, sp, fp, vm, arg) {
        // The class makes plain objects and has a Python `__init__`.
        let n = arg as usize;
        let (callable, receiver) = (sp.sub(n + 2), sp.sub(n + 1));
        let view = (*callable).view();
        let version = (pc.add(2) as *const u32).read_unaligned();
        if let Some(ty) = view.downcast::<Type>()
            && (*receiver).is_empty()
            && ty.version.get() == version
            && let Some(init) = ty.cached_init.get()
            && let Ok(init) = init.downcast_into::<Function>()
        {
            return enter_init(vm, fp, callable, ty, init, n, None);
        }
        missed(pc, op::CALL);
        call_any(pc, sp, fp, vm, arg)
    }

    fn call_kw(pc, sp, fp, vm, arg) {
        // callable, self, arguments, names (a constant of the code)
        let n = arg as usize;
        let names_slot = *sp.sub(1);
        let names_view = names_slot.view();
        let Some(names) = names_view.downcast::<Tuple>() else {
            return Err(vm.system_error("keyword names are not a tuple"));
        };
        let kept;
        let names = if names_slot.is_borrowed() {
            names
        } else {
            kept = names.clone();
            &kept
        };
        let sp = drop_top(fp, sp, 1);
        let (callable, receiver) = (sp.sub(n + 2), sp.sub(n + 1));
        unpack_method(vm, callable, receiver);
        unpack_callable(vm, callable, receiver);
        let has_self = !(*receiver).is_empty() as usize;
        let view = (*callable).view();
        if vm.type_of(&view).is(&vm.types.function) {
            let function = (*callable).into_value();
            (*fp).sp = sp.sub(n + 2);
            (*fp).return_offset = 4;
            let positional = n + has_self - names.len();
            return match function.downcast_into::<Function>() {
                Ok(function) => {
                    let new = push_frame(vm, fp, function, sp.sub(n + has_self), positional, Some(names))?;
                    Ok(((*new).pc, (*new).sp))
                }
                Err(_) => Err(vm.system_error("a function's type without a function")),
            };
        }
        if has_self == 0
            && let Some(class) = view.downcast::<Type>()
            && let Some(init) = specialize::python_init(vm, class)
        {
            return enter_init(vm, fp, callable, class, init, n, Some(names));
        }
        let makes_dict = has_self == 0 && view.is(vm.types.dict.as_value());
        let result = with_values(fp, sp.sub(n + has_self), n + has_self, |args| {
            if makes_dict && let Some(made) = dict_of_keywords(vm, args, names) {
                return made;
            }
            crate::interpreter::call::call_native(vm, &view, Args { args, kwnames: Some(names) })
        });
        let callable_slot = *callable;
        (*fp).sp = callable;
        callable_slot.release();
        *callable = Slot::new(result?);
        after_call(vm, fp, callable.add(1))?;
        Ok((pc.add(4), callable.add(1)))
    }

    fn call_function_ex(pc, sp, fp, vm, arg) {
        // callable, nothing (a method's object), positional arguments, keywords or nothing
        let (callable, receiver) = (sp.sub(4), sp.sub(3));
        let positional = (*sp.sub(2)).view();
        if !vm.type_of(&positional).is(&vm.types.tuple) {
            let tuple = bind::star_args(vm, &(*callable).view(), &positional)?;
            let old = std::ptr::replace(sp.sub(2), Slot::new(tuple.into_value()));
            old.release();
        }
        if !(*sp.sub(1)).is_empty() {
            // An empty dict can still become the function's `**` parameter.
            let keywords = (*sp.sub(1)).view();
            match keywords.downcast::<Dict>() {
                Some(keywords) if keywords.table.with(|t| t.only_str()) => {}
                Some(_) => return call_odd_keywords(pc, sp, fp, vm),
                None => {
                    let old = std::ptr::replace(sp.sub(1), Slot::EMPTY);
                    old.release();
                }
            }
        }
        unpack_method(vm, callable, receiver);
        let view = (*callable).view();
        if vm.type_of(&view).is(&vm.types.function) {
            let function = (*callable).into_value();
            let object = std::mem::replace(&mut *receiver, Slot::EMPTY);
            let object = if object.is_empty() { None } else { Some(object.into_value()) };
            let (positional, keywords) = take_unpacked(sp);
            (*fp).sp = callable;
            (*fp).return_offset = 1;
            let Ok(function) = function.downcast_into::<Function>() else {
                return Err(vm.system_error("a function's type without a function"));
            };
            let new = push_unpacked(vm, fp, function, object, positional, keywords)?;
            return Ok(((*new).pc, (*new).sp));
        }
        if (*receiver).is_empty()
            && let Some(class) = view.downcast::<Type>()
            && let Some(init) = specialize::python_init(vm, class)
        {
            let object = vm.new_object_of(class, crate::objects::object::Object)?.into_value();
            let (positional, keywords) = take_unpacked(sp);
            // As in `enter_init`.
            let class = std::ptr::replace(callable, Slot::new(object.clone()));
            (*fp).sp = receiver;
            class.release();
            (*fp).return_offset = 1;
            let new = push_unpacked(vm, fp, init, Some(object), positional, keywords)?;
            (*new).init_call = true;
            return Ok(((*new).pc, (*new).sp));
        }
        let positional = (*sp.sub(2)).view();
        let items = positional.downcast::<Tuple>().map_or(&[][..], |t| t.items());
        if (*receiver).is_empty()
            && (*sp.sub(1)).is_empty()
            && let Some(class) = view.downcast::<Type>()
            && has_python_new(vm, class)
        {
            let (made, init) = make_by_python(vm, class, items)?;
            let Some(init) = init else {
                let sp = replace_top(fp, sp, 4, made);
                after_call(vm, fp, sp)?;
                return Ok((pc.add(1), sp));
            };
            let (positional, keywords) = take_unpacked(sp);
            let class = std::ptr::replace(callable, Slot::new(made.clone()));
            (*fp).sp = receiver;
            class.release();
            (*fp).return_offset = 1;
            let new = push_unpacked(vm, fp, init, Some(made), positional, keywords)?;
            (*new).init_call = true;
            return Ok(((*new).pc, (*new).sp));
        }
        let keywords = *sp.sub(1);
        let keywords = if keywords.is_empty() { None } else { Some(keywords.to_value()) };
        let keywords = keywords.as_ref().and_then(|k| k.downcast::<Dict>());
        let keywords = keywords.filter(|k| !k.is_empty());
        let result = if (*receiver).is_empty() && keywords.is_none() {
            crate::interpreter::call::call_native(vm, &view, Args { args: items, kwnames: None })
        } else if keywords.is_none() {
            let mut values: SmallVec<[Value; 6]> = SmallVec::with_capacity(items.len() + 1);
            values.push((*receiver).to_value());
            values.extend(items.iter().cloned());
            crate::interpreter::call::call_native(vm, &view, Args { args: &values, kwnames: None })
        } else {
            let object = *receiver;
            let object = (!object.is_empty()).then(|| object.to_value());
            let (values, names) = bind::flatten(vm, object, items, keywords)?;
            let args = Args { args: &values, kwnames: names.as_ref() };
            crate::interpreter::call::call_native(vm, &view, args)
        };
        let sp = replace_top(fp, sp, 4, result?);
        after_call(vm, fp, sp)?;
        Ok((pc.add(1), sp))
    }

    fn call_intrinsic_1(pc, sp, fp, vm, arg) {
        let v = (*sp.sub(1)).view();
        let result = crate::interpreter::call::intrinsic_1(vm, fp, arg, &v)?;
        Ok((pc.add(1), replace_top(fp, sp, 1, result)))
    }

    fn call_intrinsic_2(pc, sp, fp, vm, arg) {
        let (a, b) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        let result = crate::interpreter::call::intrinsic_2(vm, arg, &a, &b)?;
        Ok((pc.add(1), replace_top(fp, sp, 2, result)))
    }

    fn make_function(pc, sp, fp, vm, arg) {
        let code = (*sp.sub(1)).to_value();
        let Ok(code) = code.downcast_into::<CodeObject>() else {
            return Err(vm.system_error("MAKE_FUNCTION of something else than code"));
        };
        let qualname = code.qualname.clone();
        let function = Function::with_qualname(vm, code, (*fp).globals(), ((*fp).builtins(), (*fp).odd_builtins()), qualname)?;
        Ok((pc.add(1), replace_top(fp, sp, 1, function.into_value())))
    }

    fn set_function_attribute(pc, sp, fp, vm, arg) {
        // attribute, function -> function
        let function = (*sp.sub(1)).view();
        let value = (*sp.sub(2)).into_value();
        let slot = *sp.sub(1);
        *sp.sub(2) = slot;
        (*fp).sp = sp.sub(1);
        let Some(function) = function.downcast::<Function>() else {
            return Err(vm.system_error("SET_FUNCTION_ATTRIBUTE of something else than a function"));
        };
        match arg {
            1 => function.defaults.set(value.downcast_into().ok()),
            2 => function.kwdefaults.set(value.downcast_into().ok()),
            4 => function.annotations.set(Some(value)),
            8 => function.closure.set(value.downcast_into().ok()),
            16 => {
                if let Some(annotate) = value.downcast::<Function>() {
                    let name = format!("{}.__annotate__", function.qualname.get().to_string_lossy());
                    annotate.qualname.set(vm.new_str(name)?);
                }
                function.annotate.set(Some(value))
            }
            _ => return Err(vm.system_error("unknown function attribute")),
        }
        Ok((pc.add(1), sp.sub(1)))
    }

    fn exit_init_check(pc, sp, fp, vm, arg) {
        let v = (*sp.sub(1)).view();
        if !v.is_none() {
            return Err(vm.type_error(format!("__init__() should return None, not '{}'", vm.type_of(&v).full_name())));
        }
        Ok((pc.add(1), drop_top(fp, sp, 1)))
    }
}
