//! Frames' ends, checks, exceptions, imports.

use super::*;
use crate::interpreter::frame::{Owner, locals};
use crate::interpreter::unwind;
use crate::objects::exception::{self, BaseException};
use naja_bytecode::opcode::op;

/// Ends the innermost frame: its slots and references are released, and the caller's frame is current again.
pub(in crate::interpreter) unsafe fn pop_frame(vm: &Vm, fp: Fp) -> Fp {
    // SAFETY: `fp` is the current frame, with `sp` stored; nothing uses it afterwards.
    unsafe {
        let prev = (*fp).prev;
        if !(*fp).frame_object.is_empty() {
            crate::objects::frame::take_over(vm, fp);
        }
        if (*fp).owner == Owner::Generator {
            crate::objects::generator::finished(vm, fp);
            return prev;
        }
        vm.depth.set(vm.depth.get() - 1);
        let mut slot = locals(fp);
        let end = (*fp).sp;
        while slot < end {
            // Emptied first: what a finalizer does may look at the frame.
            std::ptr::replace(slot, Slot::EMPTY).release();
            slot = slot.add(1);
        }
        if !(*fp).frame_object.is_empty() {
            crate::objects::frame::take_over(vm, fp);
        }
        if !(*fp).locals.is_empty() {
            (*fp).locals.release();
        }
        let func = (*fp).func;
        vm.stack.current.set(prev);
        vm.stack.pop(fp);
        func.release();
        prev
    }
}

/// Gives up the local variables from `at` on (and what is left on the stack) of a frame that ends: from the first whose
/// end may run Python. Those before are given up already.
#[cold]
#[inline(never)]
pub(in crate::interpreter) unsafe fn release_locals(at: Sp, pc: Pc, sp: Sp, fp: Fp, vm: &Vm) {
    // SAFETY: called by the loop with its own state, at a return.
    unsafe {
        (*fp).pc = pc;
        (*fp).sp = sp;
        let mut slot = locals(fp);
        while slot < at {
            *slot = Slot::EMPTY;
            slot = slot.add(1);
        }
        while slot < sp {
            // Emptied first: what a finalizer does may look at the frame.
            std::ptr::replace(slot, Slot::EMPTY).release();
            slot = slot.add(1);
        }
        if !(*fp).frame_object.is_empty() {
            crate::objects::frame::take_over(vm, fp);
        }
    }
}

/// Gives up the last reference to the function of a frame that has ended.
#[cold]
#[inline(never)]
pub(in crate::interpreter) unsafe fn release_function(func: Slot) {
    // SAFETY: the frame owned it, and the caller's frame, whose state is stored, is current.
    unsafe { (*(func.0 as *const naja_heap::Header)).end() }
}

/// An inlined constructor's `__init__` returned something else than None.
#[cold]
pub(in crate::interpreter) unsafe fn init_returned(vm: &Vm, value: Slot) {
    // SAFETY: the slot owns the value.
    let value = unsafe { value.into_value() };
    vm.type_error(format!(
        "__init__() should return None, not '{}'",
        vm.type_of(&value).full_name()
    ));
}

ops! {
    // Code whose body has not been read yet stands at such an instruction, too.
    #[cold]
    fn bad_opcode(pc, sp, fp, vm, arg) {
        let code = &*(*fp).code;
        if !code.is_read() {
            code.ensure(vm)?;
            return Ok((code.first_unit(), sp));
        }
        Err(vm.system_error(format!("unknown opcode {}", *pc as u8)))
    }

    #[cold]
    fn jump_backward_check(pc, sp, fp, vm, arg) {
        let target = pc.add(2).sub(arg as usize);
        vm.handle_breaker()?;
        Ok((target, sp))
    }

    #[cold]
    fn after_native(pc, sp, fp, vm, arg) {
        // Behind a call, of which the exception is to be.
        (*fp).pc = pc.sub(4);
        vm.handle_breaker()?;
        Ok((pc, sp))
    }

    fn resume(pc, sp, fp, vm, arg) {
        let before = *pc;
        if arg & 3 != naja_bytecode::opcode::resume::AFTER_YIELD_FROM as u32 {
            vm.handle_breaker()?;
        } else if vm.breaker.load(std::sync::atomic::Ordering::Relaxed) & crate::vm::Breaker::TRACE != 0 {
            crate::interpreter::monitor::check_current(vm);
        }
        if *pc != before {
            return Ok((pc, sp)); // instrumented meanwhile: once more, with its events
        }
        if *pc as u8 == op::RESUME {
            let unit = pc as *mut u16;
            *unit = *unit & 0xff00 | op::RESUME_CHECK as u16;
        }
        Ok((pc.add(1), sp))
    }

    fn raise_varargs(pc, sp, fp, vm, arg) {
        let (exception, cause) = match arg {
            2 => (Some((*sp.sub(2)).to_value()), Some((*sp.sub(1)).to_value())),
            1 => (Some((*sp.sub(1)).to_value()), None),
            _ => (None, None),
        };
        drop_top(fp, sp, arg as usize);
        Err(unwind::do_raise(vm, exception, cause))
    }

    fn reraise(pc, sp, fp, vm, arg) {
        let value = (*sp.sub(1)).into_value();
        (*fp).sp = sp.sub(1);
        // The offset below the exception tells where it was raised first; its traceback has that line already, and the
        // handler is looked up from here.
        match value.downcast_into::<BaseException>() {
            Ok(exception) => Err(unwind::reraise(vm, exception)),
            Err(_) => Err(vm.system_error("RERAISE of something that is no exception")),
        }
    }

    fn push_exc_info(pc, sp, fp, vm, arg) {
        let new = *sp.sub(1);
        let state = vm.exc_state();
        let old = state.value.replace(Some(new.to_value()));
        *sp.sub(1) = Slot::new(old.unwrap_or(Value::NONE));
        *sp = new;
        Ok((pc.add(1), sp.add(1)))
    }

    fn pop_except(pc, sp, fp, vm, arg) {
        let value = (*sp.sub(1)).into_value();
        (*fp).sp = sp.sub(1);
        let old = vm.exc_state().value.replace(if value.is_none() { None } else { Some(value) });
        drop(old);
        Ok((pc.add(1), sp.sub(1)))
    }

    fn check_exc_match(pc, sp, fp, vm, arg) {
        let (raised, wanted) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        // What is being handled is an exception: its own class can be caught.
        if wanted.downcast::<crate::objects::type_::Type>().is_some_and(|class| vm.type_of(&raised).is(class)) {
            return Ok((pc.add(1), replace_top(fp, sp, 1, Value::TRUE)));
        }
        exception::check_catchable(vm, &wanted)?;
        let matches = exception::matches(vm, &raised, &wanted)?;
        Ok((pc.add(1), replace_top(fp, sp, 1, Value::from_bool(matches))))
    }

    fn check_eg_match(pc, sp, fp, vm, arg) {
        // exception group, type -> rest, match
        let (raised, wanted) = ((*sp.sub(2)).view(), (*sp.sub(1)).view());
        exception::check_catchable_star(vm, &wanted)?;
        let (matched, rest) = exception::group_match(vm, &raised, &wanted)?;
        if !matched.is_none() {
            let old = vm.exc_state().value.replace(Some(matched.clone()));
            drop(old);
        }
        (*fp).sp = sp.sub(2);
        let (a, b) = (*sp.sub(2), *sp.sub(1));
        *sp.sub(2) = Slot::new(rest);
        *sp.sub(1) = Slot::new(matched);
        b.release();
        a.release();
        Ok((pc.add(1), sp))
    }

    fn with_except_start(pc, sp, fp, vm, arg) {
        // exit_func, exit_self, lasti, unused, exc
        let exception = (*sp.sub(1)).to_value();
        let exit = (*sp.sub(5)).to_value();
        let receiver = *sp.sub(4);
        let traceback = match exception.downcast::<BaseException>() {
            Some(e) => e.traceback_value(),
            None => Value::NONE,
        };
        let ty = vm.type_of(&exception).to_ref().into_value();
        let mut args = Vec::with_capacity(4);
        if !receiver.is_empty() {
            args.push(receiver.to_value());
        }
        args.extend([ty, exception, traceback]);
        let result = vm.call(&exit, &args)?;
        *sp = Slot::new(result);
        Ok((pc.add(1), sp.add(1)))
    }

    fn import_name(pc, sp, fp, vm, arg) {
        // level, fromlist -> module
        let name = name(fp, arg);
        let (level, fromlist) = ((*sp.sub(2)).to_value(), (*sp.sub(1)).to_value());
        let locals = (*fp).locals_value();
        let module = crate::import::import_name(vm, (*fp).builtin(vm, &vm.names.__import__)?, &(*fp).globals(), locals, name, fromlist, level)?;
        Ok((pc.add(1), replace_top(fp, sp, 2, module)))
    }

    fn import_from(pc, sp, fp, vm, arg) {
        let module = (*sp.sub(1)).view();
        let value = crate::import::import_from(vm, &module, name(fp, arg))?;
        *sp = Slot::new(value);
        Ok((pc.add(1), sp.add(1)))
    }
}
