//! The slow paths of the evaluation loop, by topic.
//!
//! Each takes the loop's state by value and returns the new instruction and stack pointer; a null instruction pointer
//! means that an exception has been raised. On entry `pc` is the start of the instruction (after any EXTENDED_ARG), and
//! both pointers are stored in the frame, where the unwinder finds them.

use super::frame::Frame;
use crate::vm::Vm;
use naja_heap::Value;
use naja_heap::slot::Slot;

pub(super) mod arith;
pub(super) mod attr;
pub(super) mod build;
pub(super) mod call;
pub(super) mod control;
pub(super) mod iter;
pub(super) mod names;

pub(super) type Pc = *const u16;
pub(super) type Sp = *mut Slot;
pub(super) type Fp = *mut Frame;
pub(super) type Step = (Pc, Sp);

pub(super) const RAISED: Step = (std::ptr::null(), std::ptr::null_mut());

/// Defines slow paths. The body is an expression of type `PyResult<Step>`, in which `?` works.
macro_rules! ops {
    ($($(#[$meta:meta])* fn $name:ident($pc:ident, $sp:ident, $fp:ident, $vm:ident, $arg:ident) $body:block)*) => { $(
        $(#[$meta])*
        #[inline(never)]
        #[allow(unused_variables, unused_mut, clippy::redundant_closure_call)]
        pub(in crate::interpreter) unsafe fn $name(
            $pc: $crate::interpreter::ops::Pc,
            mut $sp: $crate::interpreter::ops::Sp,
            $fp: $crate::interpreter::ops::Fp,
            $vm: &$crate::vm::Vm,
            $arg: u32,
        ) -> $crate::interpreter::ops::Step {
            // SAFETY: called by the evaluation loop, whose invariants these are: `fp` is the running frame, `pc` points at
            // the instruction, the operands that the instruction takes lie below `sp`.
            unsafe {
                (*$fp).pc = $pc;
                (*$fp).sp = $sp;
                let result: $crate::vm::PyResult<$crate::interpreter::ops::Step> = (|| $body)();
                match result {
                    Ok(step) => step,
                    Err(_) => $crate::interpreter::ops::RAISED,
                }
            }
        }
    )* };
}
pub(super) use ops;

/// Releases the last reference to an object, which may run Python code: the frame's state is stored first.
#[inline(never)]
pub(super) unsafe fn release_last(slot: Slot, pc: Pc, sp: Sp, fp: Fp) {
    // SAFETY: called by the loop with its own state; `pc` is behind the instruction by now, and a finalizer that looks
    // at the frame sees the line of the instruction before.
    unsafe {
        (*fp).pc = pc.sub(1);
        (*fp).sp = sp;
        (*(slot.0 as *const naja_heap::Header)).end();
    }
}

/// Releases two operands that are off the stack already; `pc` is behind the instruction.
#[inline(never)]
pub(super) unsafe fn release_pair(first: Slot, second: Slot, pc: Pc, sp: Sp, fp: Fp) {
    // SAFETY: as for `release_last`.
    unsafe {
        (*fp).pc = pc.sub(1);
        (*fp).sp = sp;
        first.release();
        second.release();
    }
}

/// The stack with the top `n` slots replaced by `result`; the old ones are released afterwards, from the top down.
#[inline(always)]
pub(super) unsafe fn replace_top(fp: Fp, sp: Sp, n: usize, result: Value) -> Sp {
    // SAFETY: the instruction's operands; the frame's stored `sp` excludes them before anything can run.
    unsafe {
        let base = sp.sub(n);
        (*fp).sp = base;
        for i in (0..n).rev() {
            (*base.add(i)).release();
        }
        *base = Slot::new(result);
        base.add(1)
    }
}

/// The end of a test whose `n` operands are on the stack, with `pc` behind it: mostly a conditional jump follows, which is
/// done along with it.
#[inline(always)]
pub(super) unsafe fn decided(fp: Fp, pc: Pc, sp: Sp, n: usize, holds: bool) -> Step {
    use naja_bytecode::opcode::op;
    // SAFETY: as in `replace_top`; a conditional jump has a cache unit behind it.
    unsafe {
        let sp = drop_top(fp, sp, n);
        let next = *pc;
        let jumps = match next as u8 {
            op::POP_JUMP_IF_FALSE => !holds,
            op::POP_JUMP_IF_TRUE => holds,
            _ => {
                *sp = Slot(Value::from_bool(holds).bits());
                return (pc, sp.add(1));
            }
        };
        let behind = pc.add(2);
        if jumps {
            (behind.add((next >> 8) as usize), sp)
        } else {
            (behind.add((*behind as u8 == op::NOT_TAKEN) as usize), sp)
        }
    }
}

/// Takes the top `n` slots off the stack and releases them.
#[inline(always)]
pub(super) unsafe fn drop_top(fp: Fp, sp: Sp, n: usize) -> Sp {
    // SAFETY: as in `replace_top`.
    unsafe {
        let base = sp.sub(n);
        (*fp).sp = base;
        for i in (0..n).rev() {
            (*base.add(i)).release();
        }
        base
    }
}

/// The interned name `index` of the frame's code.
#[inline(always)]
pub(super) unsafe fn name<'a>(fp: Fp, index: u32) -> &'a naja_heap::Ref<crate::objects::str_::Str> {
    // SAFETY: the compiler emits indices of `co_names`; the code outlives the instruction.
    unsafe {
        let code = &*(*fp).code;
        &*code.first_name().add(index as usize)
    }
}

/// Counts an inline cache's counter down; says whether it is time to specialise.
#[inline(always)]
pub(super) unsafe fn counter_due(pc: Pc) -> bool {
    // SAFETY: the unit behind a specialisable instruction is its counter.
    unsafe {
        let counter = pc.add(1) as *mut u16;
        let value = *counter;
        if value >> 4 == 0 {
            // An instrumented instruction stays as it is.
            return (*pc as u8) < naja_bytecode::opcode::op::INSTRUMENTED_END_FOR;
        }
        *counter = value - 16;
        false
    }
}

/// A specialised instruction did not fit: after so many times it becomes the general one again.
#[inline(always)]
pub(super) unsafe fn missed(pc: Pc, base: u8) {
    // SAFETY: as above; instruction units are only written by the running thread.
    unsafe {
        let counter = pc.add(1) as *mut u16;
        let value = *counter;
        if value >> 4 == 0 {
            let unit = pc as *mut u16;
            *unit = *unit & 0xff00 | base as u16;
            *counter = super::specialize::backoff(value);
        } else {
            *counter = value - 16;
        }
    }
}

/// The frame's namespace as a mapping. Raises SystemError where it has none.
pub(super) fn frame_locals(vm: &Vm, fp: Fp, what: &str) -> crate::vm::PyResult<Value> {
    // SAFETY: `fp` is the running frame.
    match unsafe { (*fp).locals_value() } {
        Some(locals) => Ok(locals),
        None => Err(vm.system_error(what)),
    }
}
