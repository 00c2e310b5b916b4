//! Iteration, generators, `await`.

use super::*;
use crate::interpreter::{monitor, specialize};
use crate::objects::dict::iterators::DictItemIterator;
use crate::objects::enumerate::Enumerate;
use crate::objects::exception::BaseException;
use crate::objects::function::Function;
use crate::objects::generator::{self, Generator};
use crate::objects::iterators::SequenceIterator;
use crate::objects::set::SetIterator;
use crate::objects::str_::iterator::next_ascii;
use crate::objects::type_::slots::SendResult;
use crate::objects::type_::{Type, TypeFlags, is_subtype};
use crate::objects::zip::Zip;
use crate::protocols::iterator;
use naja_bytecode::code::flags;
use naja_bytecode::opcode::op;
use naja_heap::{Header, Ref};

/// Takes the generator's frame off the stack of running frames after a yield; gives the frame that resumed it.
pub(in crate::interpreter) unsafe fn leave_generator(vm: &Vm, fp: Fp) -> Fp {
    // SAFETY: `fp` is the current frame and belongs to a generator.
    unsafe { generator::suspended(vm, fp) }
}

/// Resumes what the frame at `pc`, a SEND_GEN of a loop that delegates, waits for, and what that waits for, and so on: all of
/// them would only pass the value on. Gives the frame that is current then, its state stored. Anything unusual is left to
/// the instructions.
///
/// # Safety
/// As for the slow paths; the receiver and the value to be sent are on top of the stack.
#[inline(never)]
pub(in crate::interpreter) unsafe fn descend(vm: &Vm, mut fp: Fp, mut pc: Pc, mut sp: Sp) -> Fp {
    // SAFETY: by contract; a suspended generator has a frame of its own, with room for the value sent.
    unsafe {
        let mut depth = vm.depth.get();
        let mut handled = vm.exc_info.get();
        let limit = match vm.breaker.load(std::sync::atomic::Ordering::Relaxed) {
            0 => vm.interp.recursion_limit(),
            _ => 0,
        };
        while depth < limit {
            let receiver = *sp.sub(2);
            if !receiver.is_pointer() || receiver.is_empty() {
                break;
            }
            let class = (*(receiver.clean_bits() as *const Header)).layout_ptr() as *const Type;
            if class != vm.exact.generator && class != vm.exact.coroutine {
                break;
            }
            let generator = &*((receiver.clean_bits() as *const Header).add(1) as *const Generator);
            if !generator.is_suspended() {
                break;
            }
            let value = Slot::new((*sp.sub(1)).into_value());
            (*fp).pc = pc;
            (*fp).sp = sp.sub(1);
            (*fp).return_offset = 2 + (*pc >> 8);
            fp = generator.link(fp, handled);
            handled = generator.handled();
            depth += 1;
            pc = (*fp).pc;
            sp = (*fp).sp.add(1);
            *sp.sub(1) = value;
            if *pc as u8 == op::RESUME_CHECK
                && *pc.add(1) as u8 == op::JUMP_BACKWARD_NO_INTERRUPT
                && *pc.add(2).sub((*pc.add(1) >> 8) as usize) as u8 == op::SEND_GEN
            {
                pc = pc.add(2).sub((*pc.add(1) >> 8) as usize);
                continue;
            }
            break;
        }
        vm.depth.set(depth);
        vm.exc_info.set(handled);
        vm.stack.current.set(fp);
        (*fp).pc = pc;
        (*fp).sp = sp;
        fp
    }
}

/// Leaves the frames that would only pass on what has been yielded, from `fp` outwards. Gives the first one that does not,
/// or, with `true`, the one outside of this loop.
///
/// # Safety
/// `fp` is the current frame, and waits for a generator that has yielded.
#[inline(never)]
pub(in crate::interpreter) unsafe fn ascend(vm: &Vm, mut fp: Fp) -> (Fp, bool) {
    // SAFETY: by contract; an instruction that yields stands in a generator's code.
    unsafe {
        loop {
            let pc = (*fp).pc.add(2);
            if *pc as u8 != op::YIELD_VALUE {
                return (fp, false);
            }
            (*fp).pc = pc.add(1);
            let entry = (*fp).entry;
            fp = generator::suspended(vm, fp);
            if entry {
                return (fp, true);
            }
        }
    }
}

/// Where the next item comes from a `__next__` or `__getitem__` in Python: pushes that method's frame, whose result will stand
/// behind the iterator. What it raises at the end comes to [`ends_loop`].
#[inline(never)]
unsafe fn enter_next(pc: Pc, sp: Sp, vm: &Vm, arg: u32) -> Option<crate::vm::PyResult<Step>> {
    // SAFETY: as for the slow paths.
    unsafe {
        let it = (*sp.sub(1)).view();
        let ty = vm.type_of(&it);
        let of_sequence = it.downcast::<SequenceIterator>();
        // Watched code has all its events from the general way.
        if vm.breaker.load(std::sync::atomic::Ordering::Relaxed) != 0 {
            return None;
        }
        let current = match of_sequence {
            Some(iterator) => Some(iterator.current()?),
            None => None,
        };
        let method = match &current {
            Some((sequence, _)) => {
                let class = vm.type_of(sequence);
                if !class.flag(TypeFlags::HEAPTYPE) {
                    return None;
                }
                class.lookup(vm, &vm.names.__getitem__)?
            }
            None => ty.lookup(vm, &vm.names.__next__)?,
        };
        if !vm.type_of(&method).is(&vm.types.function) {
            return None;
        }
        let function = method.downcast_into::<Function>().ok()?;
        let count = 1 + u32::from(current.is_some());
        if !function.code().is_simple() || function.code().argcount != count {
            return None;
        }
        // The frame takes these references.
        let mut args = match current {
            Some((sequence, index)) => [Slot::new(sequence), Slot::new(index)],
            None => [Slot::new((*it).clone()), Slot::EMPTY],
        };
        let fp = vm.stack.current.get();
        (*fp).return_offset = 2;
        (*fp).loop_arg = arg;
        (*fp).pc = pc;
        (*fp).sp = sp;
        let step = super::call::push_exact(vm, fp, function, args.as_mut_ptr(), count as usize);
        if let (Ok(_), Some(iterator)) = (&step, of_sequence) {
            iterator.advance();
        }
        Some(step)
    }
}

/// Whether an exception that leaves the frame of a method called by [`enter_next`] for `caller` ends the loop, and no more.
///
/// # Safety
/// `caller` is live and has called a function's frame in the loop; its `pc` and `sp` are stored.
pub(in crate::interpreter) unsafe fn is_end(
    vm: &Vm,
    caller: Fp,
    exception: &Ref<BaseException>,
) -> bool {
    // SAFETY: by contract; a FOR_ITER's iterator is on top of the stack.
    unsafe {
        if !calls_next(caller) {
            return false;
        }
        let class = vm.type_of(exception.as_value());
        let it = (*(*caller).sp.sub(1)).view();
        match it.downcast::<SequenceIterator>() {
            Some(_) if class.is(&vm.types.index_error) => true,
            Some(_) if is_subtype(class, &vm.types.index_error) => true,
            _ => class.is(&vm.types.stop_iteration) || is_subtype(class, &vm.types.stop_iteration),
        }
    }
}

/// Whether the instruction that `caller` has come to is a loop's: functions are called by it for [`enter_next`] alone.
#[inline]
unsafe fn calls_next(caller: Fp) -> bool {
    // SAFETY: a live frame's instruction.
    unsafe { monitor::base_at((*caller).code(), (*caller).instruction()) == op::FOR_ITER }
}

/// The frame of a method called by [`enter_next`], if it was one, has raised the exception. Where that is
/// the end, `caller` goes on behind its loop.
///
/// # Safety
/// As for [`is_end`]; the method's frame has just been taken off.
#[inline]
pub(in crate::interpreter) unsafe fn ends_loop(
    vm: &Vm,
    caller: Fp,
    exception: &Ref<BaseException>,
) -> bool {
    // SAFETY: by contract.
    unsafe {
        if !calls_next(caller) {
            return false;
        }
        let it = (*(*caller).sp.sub(1)).view();
        let sequence = it.downcast::<SequenceIterator>();
        let ended = is_end(vm, caller, exception);
        if let Some(sequence) = sequence {
            match ended {
                true => sequence.end(),
                false => sequence.go_back(),
            }
        }
        if ended {
            (*caller).pc = (*caller).pc.add(3 + (*caller).loop_arg as usize);
        }
        ended
    }
}

/// The next pair of an iterator that makes pairs: `enumerate`, `zip` of two, `items()`. None for other iterators.
#[inline]
fn next_pair(vm: &Vm, it: &Value) -> Option<crate::vm::PyResult<Option<(Value, Value)>>> {
    if vm.type_of(it).flag(TypeFlags::HEAPTYPE) {
        return None;
    }
    if let Some(it) = it.downcast::<Enumerate>() {
        return Some(it.next_pair(vm));
    }
    if let Some(it) = it.downcast::<Zip>() {
        return it.next_pair(vm);
    }
    it.downcast::<DictItemIterator>().map(|it| it.next_pair(vm))
}

/// The next step of a loop. `ENTERS`: a method in Python that gives the next item may be entered.
#[inline(always)]
unsafe fn advance<const ENTERS: bool>(
    pc: Pc,
    sp: Sp,
    vm: &Vm,
    arg: u32,
) -> crate::vm::PyResult<Step> {
    // SAFETY: as for the slow paths.
    unsafe {
        let it = (*sp.sub(1)).view();
        if let Some(it) = it.downcast::<SetIterator>() {
            return match it.next(vm)? {
                Some(element) => {
                    *sp = Slot::new(element);
                    Ok((pc.add(2), sp.add(1)))
                }
                None => Ok((pc.add(3 + arg as usize), sp)),
            };
        }
        if let Some(character) = next_ascii(vm, &it) {
            *sp = Slot::new(character);
            return Ok((pc.add(2), sp.add(1)));
        }
        // A pair that is taken apart at once need not become a tuple.
        if *pc.add(2) as u8 == op::UNPACK_SEQUENCE_TWO_TUPLE
            && let Some(next) = next_pair(vm, &it)
        {
            return match next? {
                Some((first, second)) => {
                    *sp = Slot::new(second);
                    *sp.add(1) = Slot::new(first);
                    Ok((pc.add(4), sp.add(2)))
                }
                None => Ok((pc.add(3 + arg as usize), sp)),
            };
        }
        if ENTERS
            && (vm.type_of(&it).flag(TypeFlags::HEAPTYPE)
                || it.downcast::<SequenceIterator>().is_some())
            && let Some(step) = enter_next(pc, sp, vm, arg)
        {
            return step;
        }
        if vm.type_of(&it).is(&vm.types.generator)
            && vm.interp.state.monitoring.wants(monitor::event::RAISE)
            && let Some(generator) = it.downcast::<Generator>()
        {
            return watched_generator(pc, sp, vm, arg, generator);
        }
        let next = match vm.type_of(&it).slots.iternext.get() {
            Some(next) => match next(vm, &it) {
                Ok(next) => next,
                Err(raised) => {
                    if !vm.catch(&vm.types.stop_iteration) {
                        return Err(raised);
                    }
                    None
                }
            },
            None => iterator::next(vm, &it)?,
        };
        match next {
            Some(value) => {
                *sp = Slot::new(value);
                Ok((pc.add(2), sp.add(1)))
            }
            // Past END_FOR, which only a generator's return needs.
            None => Ok((pc.add(3 + arg as usize), sp)),
        }
    }
}

/// The next step of a loop over a generator while exceptions are watched: what it returns counts as the exception that
/// carries it.
///
/// # Safety
/// As for the slow paths.
#[cold]
unsafe fn watched_generator(
    pc: Pc,
    sp: Sp,
    vm: &Vm,
    arg: u32,
    generator: &Generator,
) -> crate::vm::PyResult<Step> {
    // SAFETY: by contract.
    unsafe {
        let fp = vm.stack.current.get();
        (*fp).pc = pc;
        (*fp).sp = sp;
        match generator.send(vm, &Value::NONE)? {
            SendResult::Next(value) => {
                *sp = Slot::new(value);
                Ok((pc.add(2), sp.add(1)))
            }
            SendResult::Return(value) => {
                if !value.is_none() {
                    let class = &vm.types.stop_iteration;
                    let stop = crate::objects::exception::instantiate(vm, class, &[value])?;
                    monitor::exception_event(vm, fp, monitor::event::RAISE, &stop)?
                }
                Ok((pc.add(3 + arg as usize), sp))
            }
        }
    }
}

ops! {
    fn get_iter(pc, sp, fp, vm, arg) {
        let v = (*sp.sub(1)).view();
        let result = iterator::iter(vm, &v)?;
        Ok((pc.add(1), replace_top(fp, sp, 1, result)))
    }

    fn get_yield_from_iter(pc, sp, fp, vm, arg) {
        let v = (*sp.sub(1)).view();
        let ty = vm.type_of(&v);
        if ty.is(&vm.types.coroutine) {
            if (*(*fp).code).flags & (flags::COROUTINE | flags::ITERABLE_COROUTINE) == 0 {
                return Err(vm.type_error("cannot 'yield from' a coroutine object in a non-coroutine generator"));
            }
            return Ok((pc.add(1), sp));
        }
        if ty.is(&vm.types.generator) {
            return Ok((pc.add(1), sp));
        }
        let result = iterator::iter(vm, &v)?;
        Ok((pc.add(1), replace_top(fp, sp, 1, result)))
    }

    fn for_iter(pc, sp, fp, vm, arg) {
        if counter_due(pc) {
            specialize::for_iter(vm, pc, *sp.sub(1));
        }
        advance::<true>(pc, sp, vm, arg)
    }

    fn for_iter_miss(pc, sp, fp, vm, arg) {
        missed(pc, op::FOR_ITER);
        advance::<false>(pc, sp, vm, arg)
    }

    fn for_iter_again(pc, sp, fp, vm, arg) {
        advance::<false>(pc, sp, vm, arg)
    }

    fn for_iter_end_list(pc, sp, fp, vm, arg) {
        let it = (*sp.sub(1)).view();
        if let Some(it) = it.downcast::<crate::objects::list::ListIterator>() {
            drop(it.list.take());
        }
        Ok((pc.add(3 + arg as usize), sp))
    }

    fn for_iter_end_tuple(pc, sp, fp, vm, arg) {
        let it = (*sp.sub(1)).view();
        if let Some(it) = it.downcast::<crate::objects::tuple::TupleIterator>() {
            drop(it.tuple.take());
        }
        Ok((pc.add(3 + arg as usize), sp))
    }

    fn send(pc, sp, fp, vm, arg) {
        if counter_due(pc) {
            specialize::send(vm, pc, *sp.sub(2));
        }
        send_any(pc, sp, fp, vm, arg)
    }

    fn send_miss(pc, sp, fp, vm, arg) {
        missed(pc, op::SEND);
        send_any(pc, sp, fp, vm, arg)
    }

    fn send_again(pc, sp, fp, vm, arg) {
        send_any(pc, sp, fp, vm, arg)
    }

    fn return_generator(pc, sp, fp, vm, arg) {
        // Moves the frame into a new generator object, which is the call's result.
        let entry = (*fp).entry;
        let value = generator::from_frame(vm, fp, pc.add(1))?;
        if entry {
            // The value travels in place of the instruction pointer; no stack pointer marks that.
            return Ok((value.into_bits() as Pc, std::ptr::null_mut()));
        }
        let caller = vm.stack.current.get();
        let sp = (*caller).sp;
        *sp = Slot::new(value);
        Ok(((*caller).pc.add((*caller).return_offset as usize), sp.add(1)))
    }

    fn get_aiter(pc, sp, fp, vm, arg) {
        let v = (*sp.sub(1)).view();
        let ty = vm.type_of(&v);
        let Some(aiter) = ty.slots.aiter.get() else {
            return Err(vm.type_error(format!("'async for' requires an object with __aiter__ method, got {}", ty.full_name())));
        };
        let result = aiter(vm, &v)?;
        if vm.type_of(&result).slots.anext.get().is_none() {
            return Err(vm.type_error(format!(
                "'async for' received an object from __aiter__ that does not implement __anext__: {}",
                vm.type_of(&result).full_name()
            )));
        }
        Ok((pc.add(1), replace_top(fp, sp, 1, result)))
    }

    fn get_anext(pc, sp, fp, vm, arg) {
        let v = (*sp.sub(1)).view();
        let awaitable = generator::anext_awaitable(vm, &v)?;
        *sp = Slot::new(awaitable);
        Ok((pc.add(1), sp.add(1)))
    }

    fn get_awaitable(pc, sp, fp, vm, arg) {
        let v = (*sp.sub(1)).view();
        let result = generator::awaitable_iter(vm, &v, arg)?;
        Ok((pc.add(1), replace_top(fp, sp, 1, result)))
    }

    fn end_async_for(pc, sp, fp, vm, arg) {
        // awaitable, exception
        let exception = (*sp.sub(1)).view();
        if crate::objects::type_::is_subtype(vm.type_of(&exception), &vm.types.stop_async_iteration) {
            return Ok((pc.add(1), drop_top(fp, sp, 2)));
        }
        let value = (*sp.sub(1)).into_value();
        (*fp).sp = sp.sub(1);
        match value.downcast_into() {
            Ok(exception) => Err(crate::interpreter::unwind::reraise(vm, exception)),
            Err(_) => Err(vm.system_error("END_ASYNC_FOR without an exception")),
        }
    }

    fn cleanup_throw(pc, sp, fp, vm, arg) {
        // sub-iterator, last sent, exception -> none, value
        let exception = (*sp.sub(1)).view();
        if crate::objects::type_::is_subtype(vm.type_of(&exception), &vm.types.stop_iteration) {
            let value = crate::objects::exception::stop_iteration_value(&exception);
            let sp = drop_top(fp, sp, 3);
            *sp = Slot(Value::NONE.bits());
            *sp.add(1) = Slot::new(value);
            return Ok((pc.add(1), sp.add(2)));
        }
        let value = (*sp.sub(1)).into_value();
        (*fp).sp = sp.sub(1);
        match value.downcast_into() {
            Ok(exception) => Err(crate::interpreter::unwind::reraise(vm, exception)),
            Err(_) => Err(vm.system_error("CLEANUP_THROW without an exception")),
        }
    }
}

unsafe fn send_any(pc: Pc, sp: Sp, fp: Fp, vm: &Vm, arg: u32) -> crate::vm::PyResult<Step> {
    // SAFETY: as for the slow paths.
    unsafe {
        let (receiver, value) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        match iterator::send(vm, &receiver, &value)? {
            SendResult::Next(result) => Ok((pc.add(2), replace_top(fp, sp, 1, result))),
            SendResult::Return(result) => {
                Ok((pc.add(2 + arg as usize), replace_top(fp, sp, 1, result)))
            }
        }
    }
}
