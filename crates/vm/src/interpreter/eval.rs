//! The evaluation loop: one function, one `match` over all 256 opcode values.
//!
//! Each arm does the usual case in place and leaves the rest to an out-of-line function of `ops/`. The form matters to the
//! machine code that comes out: every opcode value has an arm by itself (no `_`, no range: the switch would get a range
//! check, and the dispatch be merged), slow paths are never inlined and take their state by value, and fast arms end in
//! `next!('dN)`, few to a label (see `copies!`), so that the compiler copies the dispatch into each arm and keeps
//! the state in registers. `bench/dispatch.sh` counts the copies. CPython: Python/bytecodes.c, Python/ceval.c.

use super::attr_cache;
use super::frame::{Frame, locals};
use super::ops::{self, Fp, Pc, Sp};
use super::quick;
use super::unwind;
use crate::function::descriptor::MethodDescriptor;
use crate::function::native::NativeFunction;
use crate::function::{Args, NativeFn};
use crate::objects::cell::CellVariable;
use crate::objects::dict::Dict;
use crate::objects::float::Float;
use crate::objects::function::Function;
use crate::objects::generator::Generator;
use crate::objects::list::{List, ListIterator};
use crate::objects::method::Method;
use crate::objects::module::Module;
use crate::objects::range::RangeIterator;
use crate::objects::str_::Str;
use crate::objects::tuple::{Tuple, TupleIterator};
use crate::objects::type_::Type;
use crate::vm::{PyResult, Raised, Vm};
use naja_bytecode::opcode::op;
use naja_heap::slot::Slot;
use naja_heap::{Header, Obj, Payload, Value};
use std::sync::atomic::Ordering;

/// Numbers free in the bytecode: where instructions go on whose inline caches do not fit.
const LOAD_ATTR_CACHED: u32 = 121;
const STORE_ATTR_CACHED: u32 = 122;
const FLOAT_OP_BOXED: u32 = 123;

const NONE: u64 = Value::NONE.into_bits();
const TRUE: u64 = Value::TRUE.into_bits();
const FALSE: u64 = Value::FALSE.into_bits();

/// The address in a slot that is known to hold a pointer.
#[inline(always)]
fn address(slot: Slot) -> u64 {
    slot.0 & !15
}

/// The payload of an object word whose type has been checked.
#[inline(always)]
unsafe fn payload<'a, T: Payload>(slot: Slot) -> &'a T {
    // SAFETY: the caller has checked the type, and the slot keeps the object alive.
    unsafe { &(*(address(slot) as *const Obj<T>)).payload }
}

#[inline(always)]
unsafe fn type_ptr(slot: Slot) -> *const Type {
    // SAFETY: the caller has checked that the slot is a pointer.
    unsafe { (*(address(slot) as *const Header)).layout_ptr() as *const Type }
}

/// As [`type_ptr`] for a slot that may hold anything: null for what is no pointer.
#[inline(always)]
unsafe fn type_ptr_or_null(slot: Slot) -> *const Type {
    if slot.is_pointer() {
        // SAFETY: just checked.
        unsafe { type_ptr(slot) }
    } else {
        std::ptr::null()
    }
}

#[inline(always)]
unsafe fn cache_u32(at: Pc) -> u32 {
    // SAFETY: inline caches lie inside the code's units.
    unsafe { (at as *const u32).read_unaligned() }
}

#[inline(always)]
unsafe fn cache_u64(at: Pc) -> u64 {
    // SAFETY: as above.
    unsafe { (at as *const u64).read_unaligned() }
}

/// Marks a condition as rarely true, so that it is not merged with another test.
#[inline(always)]
fn unlikely(condition: bool) -> bool {
    #[cold]
    #[inline(always)]
    fn rare() {}
    if condition {
        rare()
    }
    condition
}

#[inline(always)]
fn both_ints(l: Slot, r: Slot) -> bool {
    ((l.0 ^ 1) | (r.0 ^ 1)) & 3 == 0
}

#[inline(always)]
fn both_floats(l: Slot, r: Slot) -> bool {
    l.0 & r.0 & 2 != 0
}

#[inline(always)]
fn float_of(slot: Slot) -> f64 {
    f64::from_bits(slot.0.rotate_right(3).wrapping_sub(0x200 << 52))
}

#[inline(always)]
fn float_word(f: f64) -> Option<u64> {
    let word = f.to_bits().wrapping_add(0x200 << 52).rotate_left(3);
    if word & 2 != 0 { Some(word) } else { None }
}

/// Runs the thread's current frame, which must be an entry frame, until it returns or yields.
///
/// # Safety
/// The current frame was pushed by `call.rs` or a generator, with `entry` set.
#[inline(never)]
#[rustfmt::skip::macros(copies)]
pub(crate) unsafe fn run(vm: &Vm) -> PyResult {
    // The running frame, as the address of its local variables: what the loop uses most stands behind it or just before,
    // and no second register is wanted for the other.
    let mut lp: Sp = locals(vm.stack.current.get());
    macro_rules! fp {
        () => {
            (lp as Fp).wrapping_sub(1)
        };
    }
    // SAFETY (of the whole function): `fp!()` is a live frame; `pc` points into its code's units, which end in an
    // instruction that does not fall through; `sp` stays within the code's stack size, as the compiler computed it;
    // slots below `sp` are set. Values behind checked type words are of those types.
    unsafe {
        let mut pc: Pc = (*fp!()).pc;
        let mut sp: Sp = (*fp!()).sp;
        let mut w: u32;
        loop {
            w = *pc as u32;
            'run: loop {
                'slow: {
                    // The next instruction: through one of the copies of the dispatch.
                    macro_rules! next {
                        ($copy:lifetime) => {
                            break $copy
                        };
                    }
                    macro_rules! arg {
                        () => {
                            (w >> 8)
                        };
                    }
                    // A slow path that stays in this frame.
                    macro_rules! slow {
                        ($f:path) => {{
                            let (p, s) = $f(pc, sp, fp!(), vm, w >> 8);
                            if p.is_null() {
                                break 'run;
                            }
                            pc = p;
                            sp = s;
                            break 'slow;
                        }};
                    }
                    // A slow path that may have pushed or popped a frame.
                    macro_rules! switch {
                        ($f:path) => {{
                            let (p, s) = $f(pc, sp, fp!(), vm, w >> 8);
                            if p.is_null() {
                                break 'run;
                            }
                            lp = locals(vm.stack.current.get());
                            pc = p;
                            sp = s;
                            break 'slow;
                        }};
                    }
                    // Gives up a reference that a slot owned. Only the last one's end can run Python.
                    macro_rules! release {
                        ($slot:expr) => {{
                            let slot: Slot = $slot;
                            if slot.0 & 15 == 0 {
                                // Two jumps, where the compiler would compute one condition.
                                std::arch::asm!("", options(nomem, nostack, preserves_flags));
                                if slot.0 != 0 && (*(slot.0 as *const Header)).decref_unless_last()
                                {
                                    ops::release_last(slot, pc, sp, fp!());
                                }
                            }
                        }};
                    }
                    // As `release!`, of a slot that holds an object.
                    macro_rules! release_object {
                        ($slot:expr) => {{
                            let slot: Slot = $slot;
                            if slot.0 & 8 == 0 && (*(slot.0 as *const Header)).decref_unless_last()
                            {
                                ops::release_last(slot, pc, sp, fp!());
                            }
                        }};
                    }
                    // As `release!` for two operands, the second an object, that are off the stack; `$pc` is behind the instruction.
                    macro_rules! release_both {
                        ($first:expr, $second:expr, $pc:expr) => {{
                            let (first, second): (Slot, Slot) = ($first, $second);
                            if second.0 & 8 == 0 || first.0 & 15 == 0 {
                                ops::release_pair(first, second, $pc, sp, fp!());
                            }
                        }};
                    }
                    // Takes a step of an inline cache's counter; where it is used up, the instruction looks for a better form.
                    macro_rules! count_down {
                        ($specialize:expr) => {{
                            let counter = pc.add(1) as *mut u16;
                            if *counter >> 4 == 0 {
                                $specialize
                            }
                            *counter -= 16;
                        }};
                    }
                    // Enters `$function`, whose arguments from `$from` to `sp` move into its frame; `$fill` does what is to be done
                    // behind them at `$to`. `$callable` becomes the frame's. The stack will end at `$base`, and the caller go on at
                    // `$offset` behind `pc`. What this does not do is left to `$otherwise`, and generators to `$generator`.
                    macro_rules! enter {
                        (
                            $callable:expr, $function:expr, $from:expr, $base:expr, $offset:expr,
                            |$to:ident| $fill:block, $otherwise:expr, $generator:expr, $copy:lifetime
                        ) => {{
                            let function: &Function = $function;
                            let code = function.code_ptr();
                            if vm.depth.get() >= vm.interp.recursion_limit() {
                                $otherwise
                            }
                            let mut start = (*code).first_unit();
                            if *start as u8 == op::RESUME_CHECK {
                                // The check at the start of the function is done along with the call.
                                start = start.add((vm.breaker.load(Ordering::Relaxed) == 0) as usize);
                            } else if ops::call::makes_generator(start) && vm.coroutine_origin_depth.get() == 0 {
                                $generator
                            }
                            let bytes = (*code).frame_bytes as usize;
                            if unlikely(!vm.stack.has_room(bytes)) {
                                $otherwise
                            }
                            let new = vm.stack.push_here(bytes);
                            let mut from: Sp = $from;
                            let mut $to = locals(new);
                            let stack = $to.add((*code).nlocalsplus as usize);
                            while from < sp {
                                *$to = *from;
                                from = from.add(1);
                                $to = $to.add(1);
                                not_unrolled!();
                            }
                            $fill
                            while $to < stack {
                                *$to = Slot::EMPTY;
                                $to = $to.add(1);
                                not_unrolled!();
                            }
                            (*fp!()).pc = pc;
                            (*fp!()).sp = $base;
                            (*fp!()).return_offset = $offset;
                            Frame::fill_called(new, fp!(), code, $callable, function, false);
                            vm.depth.set(vm.depth.get() + 1);
                            vm.stack.current.set(new);
                            lp = locals(new);
                            pc = start;
                            sp = stack;
                            next!($copy)
                        }};
                    }
                    // Calls a native function with the `$n` values on top of the stack, which it sees as they stand there; the
                    // callable is `$depth` slots below the top.
                    macro_rules! native {
                        ($call:expr, $n:literal, $depth:literal, $copy:lifetime) => {{
                            let call: NativeFn = $call;
                            let base = sp.sub($n);
                            let slots = *(base as *const [Slot; $n]);
                            for (i, slot) in slots.iter().enumerate() {
                                *base.add(i) = Slot(slot.clean_bits());
                            }
                            (*fp!()).pc = pc;
                            (*fp!()).sp = sp;
                            let args = std::slice::from_raw_parts(base as *const Value, $n);
                            match call(vm, Args::positional_only(args)) {
                                Ok(value) => {
                                    let callable = *sp.sub($depth);
                                    sp = sp.sub($depth - 1);
                                    *sp.sub(1) = Slot::new(value);
                                    pc = pc.add(4);
                                    for i in (0..$n).rev() {
                                        release!(slots[i]);
                                    }
                                    release!(callable);
                                    if vm.breaker.load(Ordering::Relaxed) != 0 {
                                        slow!(ops::control::after_native)
                                    }
                                    next!($copy)
                                }
                                Err(Raised) => {
                                    *(base as *mut [Slot; $n]) = slots;
                                    break 'run;
                                }
                            }
                        }};
                    }
                    // The function of a method descriptor that fits its object's class.
                    macro_rules! native_method {
                        ($callable:expr, $receiver:expr) => {{
                            let (callable, receiver): (Slot, Slot) = ($callable, $receiver);
                            if type_ptr_or_null(callable) != vm.exact.method_descriptor
                                || receiver.is_empty()
                                || !receiver.is_pointer()
                            {
                                switch!(ops::call::call_method_descriptor)
                            }
                            let descriptor = payload::<MethodDescriptor>(callable);
                            let class = type_ptr(receiver);
                            if class != &raw const *descriptor.objclass
                                && !(*class).extends_directly(&descriptor.objclass)
                            {
                                switch!(ops::call::call_method_descriptor)
                            }
                            descriptor.def.call
                        }};
                    }
                    // The inline cache of an attribute does not fit: the table of all attributes may know it.
                    macro_rules! attr_miss {
                        () => {{
                            let counter = pc.add(1) as *mut u16;
                            if *counter >> 4 == 0 {
                                switch!(ops::attr::load_attr_miss)
                            }
                            *counter -= 16;
                            w = w & !255 | LOAD_ATTR_CACHED;
                            continue 'run;
                        }};
                    }
                    macro_rules! store_miss {
                        () => {{
                            let counter = pc.add(1) as *mut u16;
                            if *counter >> 4 == 0 {
                                slow!(ops::attr::store_attr_miss)
                            }
                            *counter -= 16;
                            w = w & !255 | STORE_ATTR_CACHED;
                            continue 'run;
                        }};
                    }
                    macro_rules! push {
                        ($word:expr) => {{
                            *sp = $word;
                            sp = sp.add(1);
                        }};
                    }
                    macro_rules! local {
                        ($n:expr) => {
                            *lp.add($n as usize)
                        };
                    }
                    // The end of an operation on floats, `sp` below its operands and `pc` behind it. Often the result is stored into a
                    // local variable that holds a number, which is done along with it.
                    macro_rules! float_result {
                        ($word:expr, $stored:lifetime, $pushed:lifetime) => {{
                            let word: u64 = $word;
                            let next = *pc as u32;
                            if next as u8 == op::STORE_FAST && local!(next >> 8).0 & 7 != 0 {
                                local!(next >> 8) = Slot(word);
                                pc = pc.add(1);
                                next!($stored)
                            }
                            push!(Slot(word));
                            next!($pushed)
                        }};
                    }
                    macro_rules! float_op {
                        ($op:tt, $stored:lifetime, $pushed:lifetime) => {{
                            let (l, r) = (*sp.sub(2), *sp.sub(1));
                            if both_floats(l, r)
                                && let Some(word) = float_word(float_of(l) $op float_of(r))
                            {
                                sp = sp.sub(2);
                                pc = pc.add(6);
                                float_result!(word, $stored, $pushed)
                            }
                            w = w & !255 | FLOAT_OP_BOXED;
                            continue 'run;
                        }};
                    }
                    // Where `$list[$index]` is, if that is an item of a list.
                    macro_rules! list_place {
                        ($list:expr, $index:expr) => {{
                            let (list, index): (Slot, Slot) = ($list, $index);
                            if index.0 & 3 == 1 && type_ptr_or_null(list) == vm.exact.list {
                                let items = &mut *payload::<List>(list).items.as_ptr();
                                let mut index = index.0 as i64 >> 2;
                                if index < 0 {
                                    index += items.len() as i64;
                                }
                                items.get_mut(index as usize)
                            } else {
                                None
                            }
                        }};
                    }
                    // Behind a conditional jump that is not taken; the mark for that, which does nothing, is skipped.
                    macro_rules! not_taken {
                        ($pc:expr) => {{
                            let behind: Pc = $pc.add(2);
                            behind.add((*behind as u8 == op::NOT_TAKEN) as usize)
                        }};
                    }
                    // The end of a comparison: mostly a conditional jump follows, which is done along with it.
                    macro_rules! compared {
                        ($holds:expr, $taken:lifetime, $not_taken:lifetime, $other:lifetime) => {{
                            let holds: bool = $holds;
                            pc = pc.add(2);
                            let next = *pc as u32;
                            if next as u8 == op::POP_JUMP_IF_FALSE {
                                sp = sp.sub(2);
                                if !holds {
                                    pc = pc.add(2 + (next >> 8) as usize);
                                    next!($taken)
                                }
                                pc = not_taken!(pc);
                                next!($not_taken)
                            }
                            sp = sp.sub(1);
                            *sp.sub(1) = Slot(if holds { TRUE } else { FALSE });
                            next!($other)
                        }};
                    }
                    // The end of a TO_BOOL, `pc` behind it: a conditional jump follows, which is done along with it. The operand, of
                    // which nothing is left to release, is still on the stack.
                    macro_rules! truth {
                        ($holds:expr, $taken:lifetime, $not_taken:lifetime, $other:lifetime) => {{
                            let holds: bool = $holds;
                            let next = *pc as u32;
                            if next as u8 == op::POP_JUMP_IF_FALSE {
                                sp = sp.sub(1);
                                if !holds {
                                    pc = pc.add(2 + (next >> 8) as usize);
                                    next!($taken)
                                }
                                pc = not_taken!(pc);
                                next!($not_taken)
                            }
                            if next as u8 == op::POP_JUMP_IF_TRUE {
                                sp = sp.sub(1);
                                if holds {
                                    pc = pc.add(2 + (next >> 8) as usize);
                                    next!($taken)
                                }
                                pc = not_taken!(pc);
                                next!($not_taken)
                            }
                            *sp.sub(1) = Slot(if holds { TRUE } else { FALSE });
                            next!($other)
                        }};
                    }
                    // The end of a FOR_ITER: mostly the item is stored into a local variable, which is done along with it.
                    macro_rules! given {
                        ($item:expr, $stored:lifetime, $pushed:lifetime) => {{
                            let item: Slot = $item;
                            pc = pc.add(2);
                            let next = *pc as u32;
                            if next as u8 == op::STORE_FAST {
                                pc = pc.add(1);
                                let old = local!(next >> 8);
                                local!(next >> 8) = item;
                                release!(old);
                                next!($stored)
                            }
                            if next as u8 == op::STORE_FAST_LOAD_FAST {
                                pc = pc.add(1);
                                let old = local!(next >> 12);
                                local!(next >> 12) = item;
                                push!(Slot::new(local!(next >> 8 & 15).to_value()));
                                release!(old);
                                next!($stored)
                            }
                            push!(item);
                            next!($pushed)
                        }};
                    }
                    // The end of a loop: its iterator, which nobody else knows, is given up along with it, and what that refers to.
                    macro_rules! exhausted {
                        ($otherwise:expr, $copy:lifetime) => {{
                            let it = *sp.sub(1);
                            let behind = pc.add(3 + arg!() as usize);
                            if *behind as u8 != op::POP_ITER
                                || it.0 & 8 != 0
                                || (*(it.0 as *const Header)).refcount() != 1
                            {
                                $otherwise
                            }
                            pc = behind.add(1);
                            sp = sp.sub(1);
                            release!(it);
                            next!($copy)
                        }};
                    }
                    // `container[key]`, the two on top of the stack, by a leaf function; `$otherwise` where that does not know.
                    macro_rules! subscript {
                        ($otherwise:expr, $copy:lifetime) => {{
                            let (l, r) = (*sp.sub(2), *sp.sub(1));
                            let word = quick::item(vm, l, r);
                            if word == 0 {
                                $otherwise
                            }
                            sp = sp.sub(1);
                            *sp.sub(1) = Slot(word);
                            pc = pc.add(6);
                            release_both!(r, l, pc);
                            next!($copy)
                        }};
                    }
                    macro_rules! store_subscript {
                        ($otherwise:expr, $copy:lifetime) => {{
                            let (v, l, r) = (*sp.sub(3), *sp.sub(2), *sp.sub(1));
                            let old = quick::store_item(vm, l, r, v);
                            if old == 0 {
                                $otherwise
                            }
                            sp = sp.sub(3);
                            pc = pc.add(2);
                            release_both!(r, l, pc);
                            release!(Slot(old));
                            next!($copy)
                        }};
                    }
                    macro_rules! truth_of {
                        ($otherwise:expr, $jumped:lifetime, $other:lifetime) => {{
                            let top = *sp.sub(1);
                            let known = quick::truth(vm, top);
                            if known == quick::UNKNOWN {
                                $otherwise
                            }
                            *sp.sub(1) = Slot(TRUE);
                            pc = pc.add(4);
                            release!(top);
                            truth!(known != 0, $jumped, $jumped, $other)
                        }};
                    }
                    macro_rules! jump_if {
                        ($wanted:expr, $taken:lifetime, $not_taken:lifetime) => {{
                            let top = (*sp.sub(1)).0;
                            sp = sp.sub(1);
                            if top == $wanted {
                                pc = pc.add(2 + arg!() as usize);
                                next!($taken)
                            }
                            debug_assert!(top == TRUE || top == FALSE);
                            pc = not_taken!(pc);
                            next!($not_taken)
                        }};
                    }
                    // LLVM copies a block that ends in a jump table into at most 16 predecessors. So arms end in one of many
                    // blocks ('d0, ...), those in one of a few ('s0, ...), and only those in the dispatch; an empty `asm!` keeps
                    // them apart. The dispatch is copied into the few, from there into the many, from there into the arms.
                    // An arm counts for each way to its end, one that releases a value for four or five: a label takes three of
                    // those, or a dozen plain ones; slow paths share one.
                    macro_rules! copies {
                        (=> $($dispatch:tt)*) => { $($dispatch)* };
                        ([$few:lifetime $($many:lifetime)*] $($rest:tt)*) => {{
                            $few: { copies!(@$few [$($many)*] $($rest)*) }
                            barrier!($few);
                            w = *pc as u32;
                            continue 'run;
                        }};
                        (@$few:lifetime [] $($rest:tt)*) => { copies!($($rest)*) };
                        (@$few:lifetime [$copy:lifetime $($many:lifetime)*] $($rest:tt)*) => {{
                            $copy: { copies!(@$few [$($many)*] $($rest)*) }
                            barrier!($copy);
                            break $few;
                        }};
                    }
                    // In short loops: what the compiler makes of them is for long ones.
                    macro_rules! not_unrolled {
                        () => {
                            std::arch::asm!("", options(nomem, nostack, preserves_flags))
                        };
                    }
                    macro_rules! barrier {
                        ($name:lifetime) => {
                            std::arch::asm!(
                                concat!("/* ", stringify!($name), " */"),
                                options(nomem, nostack, preserves_flags),
                            )
                        };
                    }
                    copies! { ['s0 'd0 'd1 'd2 'd3 'd4 'd5 'd6 'd7] ['s1 'd8 'd9 'd10 'd11 'd12 'd13 'd14 'd15] ['s2 'd16 'd17 'd18 'd19 'd20 'd21 'd22 'd23] ['s3 'd24 'd25 'd26 'd27 'd28 'd29 'd30 'd31] ['s4 'd32 'd33 'd34 'd35 'd36 'd37 'd38 'd39] ['s5 'd40 'd41 'd42 'd43 'd44 'd45] ['s6 'd46 'd47 'd48 'd49 'd50 'd51] ['s7 'd52 'd53 'd54 'd55 'd56 'd57] ['s8 'd58 'd59 'd60 'd61 'd62 'd63] ['s9 'd64 'd65 'd66 'd67 'd68 'd69] ['s10 'd70 'd71 'd72 'd73 'd74 'd75] => match w as u8 {
                        // ---- locals and constants ----
                        op::LOAD_FAST => {
                            let v = local!(arg!());
                            pc = pc.add(1);
                            push!(Slot::new(v.to_value()));
                            next!('d0)
                        }
                        op::LOAD_FAST_BORROW => {
                            let v = local!(arg!());
                            pc = pc.add(1);
                            if !v.is_pointer() {
                                let next = *pc as u32;
                                if next as u8 == op::LOAD_FAST_BORROW {
                                    // Two numbers in variables whose places are too far for one instruction.
                                    let second = local!(next >> 8);
                                    if !second.is_pointer() {
                                        *sp = v;
                                        *sp.add(1) = second;
                                        sp = sp.add(2);
                                        pc = pc.add(1);
                                        next!('d69)
                                    }
                                }
                                push!(v);
                                next!('d0)
                            }
                            // `self.x` and `self.f(` where they are what they were: the reference is not moved at all.
                            let next = *pc;
                            let address = v.0 & !15;
                            if next & 0x1ff == op::LOAD_ATTR_INSTANCE_VALUE as u16 {
                                if (*type_ptr(v)).values_tag.get() == cache_u32(pc.add(2))
                                    && *((address - 32) as *const u64) == cache_u64(pc.add(6))
                                {
                                    let found = Slot(*((address + *pc.add(4) as u64) as *const u64)).to_value();
                                    push!(Slot::new(found));
                                    pc = pc.add(10);
                                    next!('d11)
                                }
                                push!(Slot(v.0 | 8));
                                w = next as u32;
                                attr_miss!()
                            } else if next as u8 == op::LOAD_ATTR_METHOD_WITH_VALUES {
                                if (*type_ptr(v)).version.get() != cache_u32(pc.add(2)) {
                                    push!(Slot(v.0 | 8));
                                    w = next as u32;
                                    attr_miss!()
                                }
                                if *((address - 32) as *const u32) == cache_u32(pc.add(4)) {
                                    *sp = Slot::new(Slot(cache_u64(pc.add(6))).to_value());
                                    *sp.add(1) = Slot(v.0 | 8);
                                    sp = sp.add(2);
                                    pc = pc.add(10);
                                    next!('d11)
                                }
                            }
                            push!(Slot(v.0 | 8));
                            next!('d0)
                        }
                        op::LOAD_FAST_BORROW_LOAD_FAST_BORROW => {
                            pc = pc.add(1);
                            let (first, second) = (local!(w >> 12), local!(w >> 8 & 15));
                            // `a[i]`: neither is moved.
                            if *pc as u8 == op::BINARY_OP_SUBSCR_LIST_INT
                                && let Some(item) = list_place!(first, second)
                            {
                                push!(Slot::new(item.clone()));
                                pc = pc.add(6);
                                next!('d70)
                            }
                            *sp = first.borrow();
                            *sp.add(1) = second.borrow();
                            sp = sp.add(2);
                            next!('d0)
                        }
                        op::LOAD_FAST_LOAD_FAST => {
                            pc = pc.add(1);
                            *sp = Slot::new(local!(w >> 12).to_value());
                            *sp.add(1) = Slot::new(local!(w >> 8 & 15).to_value());
                            sp = sp.add(2);
                            next!('d36)
                        }
                        op::LOAD_FAST_CHECK => {
                            let v = local!(arg!());
                            if v.is_empty() {
                                slow!(ops::names::unbound_local)
                            }
                            pc = pc.add(1);
                            push!(Slot::new(v.to_value()));
                            next!('d36)
                        }
                        op::LOAD_FAST_AND_CLEAR => {
                            pc = pc.add(1);
                            push!(local!(arg!()));
                            local!(arg!()) = Slot::EMPTY;
                            next!('d36)
                        }
                        op::STORE_FAST => {
                            pc = pc.add(1);
                            sp = sp.sub(1);
                            let old = local!(arg!());
                            local!(arg!()) = *sp;
                            release!(old);
                            next!('d36)
                        }
                        op::STORE_FAST_LOAD_FAST => {
                            pc = pc.add(1);
                            let old = local!(w >> 12);
                            local!(w >> 12) = *sp.sub(1);
                            *sp.sub(1) = Slot::new(local!(w >> 8 & 15).to_value());
                            release!(old);
                            next!('d1)
                        }
                        op::STORE_FAST_STORE_FAST => loop {
                            pc = pc.add(1);
                            sp = sp.sub(2);
                            let old = local!(w >> 12);
                            local!(w >> 12) = *sp.add(1);
                            let first = *sp;
                            if old.0 & 15 == 0
                                && old.0 != 0
                                && (*(old.0 as *const Header)).decref_unless_last()
                            {
                                // Releasing can run Python: the second value stays on the stack meanwhile.
                                ops::release_last(old, pc, sp.add(1), fp!());
                            }
                            let old = local!(w >> 8 & 15);
                            local!(w >> 8 & 15) = first;
                            release!(old);
                            // Where more than a few are unpacked, others follow.
                            w = *pc as u32;
                            if w as u8 != op::STORE_FAST_STORE_FAST {
                                // The last of an odd number.
                                if w as u8 == op::STORE_FAST {
                                    pc = pc.add(1);
                                    sp = sp.sub(1);
                                    let old = local!(w >> 8);
                                    local!(w >> 8) = *sp;
                                    release!(old);
                                    next!('d75)
                                }
                                next!('d1)
                            }
                        },
                        op::DELETE_FAST => {
                            let old = local!(arg!());
                            if old.is_empty() {
                                slow!(ops::names::unbound_local)
                            }
                            pc = pc.add(1);
                            local!(arg!()) = Slot::EMPTY;
                            release!(old);
                            next!('d2)
                        }
                        op::LOAD_CONST | op::LOAD_CONST_IMMORTAL | op::LOAD_CONST_MORTAL => {
                            // The code object keeps its constants alive for longer than the frame.
                            let code = &*(*fp!()).code;
                            let v = Slot((*code.first_const().add(arg!() as usize)).bits());
                            pc = pc.add(1);
                            if v.is_pointer() {
                                push!(Slot(v.0 | Slot::BORROWED));
                                next!('d57)
                            }
                            push!(v);
                            next!('d57)
                        }
                        op::LOAD_SMALL_INT => {
                            pc = pc.add(1);
                            let top = *sp.sub(1);
                            let number = (arg!() as u64) << 2;
                            // `i + 1`, `i - 1` and `a[0]`.
                            let next = *pc as u8;
                            if next == op::BINARY_OP_ADD_INT {
                                if top.0 & 3 == 1
                                    && let Some(sum) = (top.0 as i64).checked_add(number as i64)
                                {
                                    *sp.sub(1) = Slot(sum as u64);
                                    pc = pc.add(6);
                                    next!('d71)
                                }
                            } else if next == op::BINARY_OP_SUBTRACT_INT {
                                if top.0 & 3 == 1
                                    && let Some(difference) = (top.0 as i64).checked_sub(number as i64)
                                {
                                    *sp.sub(1) = Slot(difference as u64);
                                    pc = pc.add(6);
                                    next!('d71)
                                }
                            } else if next == op::BINARY_OP_SUBSCR_LIST_INT
                                && top.is_borrowed()
                                && let Some(item) = list_place!(top, Slot(number | 1))
                            {
                                *sp.sub(1) = Slot::new(item.clone());
                                pc = pc.add(6);
                                next!('d72)
                            }
                            push!(Slot(number | 1));
                            next!('d2)
                        }
                        op::LOAD_COMMON_CONSTANT => slow!(ops::names::load_common_constant),
                        op::LOAD_BUILD_CLASS => slow!(ops::names::load_build_class),
                        op::LOAD_LOCALS => slow!(ops::names::load_locals),
                        op::LOAD_NAME => slow!(ops::names::load_name),
                        op::STORE_NAME => slow!(ops::names::store_name),
                        op::DELETE_NAME => slow!(ops::names::delete_name),
                        op::LOAD_GLOBAL => slow!(ops::names::load_global),
                        op::LOAD_GLOBAL_MODULE => {
                            let dict = &(*((*fp!()).globals as *const Obj<Dict>)).payload;
                            let table = &*dict.table.as_ptr();
                            if table.current_version() != cache_u32(pc.add(2)) {
                                slow!(ops::names::load_global_miss)
                            }
                            let index = *pc.add(4) as usize;
                            let v = Slot(table.entries().get_unchecked(index).value.bits()).to_value();
                            push!(Slot::new(v));
                            *sp = Slot::EMPTY;
                            sp = sp.add((arg!() & 1) as usize);
                            pc = pc.add(5);
                            next!('d2)
                        }
                        op::LOAD_GLOBAL_BUILTIN => {
                            let cache = &*(*(*fp!()).code).global_cache(*pc.add(2));
                            let globals = &(*((*fp!()).globals as *const Obj<Dict>)).payload;
                            let builtins = &(*((*fp!()).builtins as *const Obj<Dict>)).payload;
                            let table = &*builtins.table.as_ptr();
                            if (*globals.table.as_ptr()).current_version() != cache.module_version
                                || table.current_version() != cache.builtins_version
                            {
                                slow!(ops::names::load_global_miss)
                            }
                            let v = Slot(
                                table
                                    .entries()
                                    .get_unchecked(cache.index as usize)
                                    .value
                                    .bits(),
                            )
                            .to_value();
                            push!(Slot::new(v));
                            *sp = Slot::EMPTY;
                            sp = sp.add((arg!() & 1) as usize);
                            pc = pc.add(5);
                            next!('d37)
                        }
                        op::STORE_GLOBAL => slow!(ops::names::store_global),
                        op::DELETE_GLOBAL => slow!(ops::names::delete_global),
                        op::LOAD_FROM_DICT_OR_GLOBALS => slow!(ops::names::load_from_dict_or_globals),
                        op::LOAD_FROM_DICT_OR_DEREF => slow!(ops::names::load_from_dict_or_deref),
                        op::LOAD_DEREF => {
                        let cell = local!(arg!());
                        if !cell.is_pointer() || type_ptr(cell) != vm.exact.cell {
                            slow!(ops::names::load_deref)
                        }
                        match &*payload::<CellVariable>(cell).value.as_ptr() {
                            Some(value) => {
                                push!(Slot::new(value.clone()));
                                pc = pc.add(1);
                                next!('d37)
                            }
                            None => slow!(ops::names::load_deref),
                        }
                    }
                        op::STORE_DEREF => {
                        let cell = local!(arg!());
                        if cell.is_empty() || type_ptr(cell) != vm.exact.cell {
                            slow!(ops::names::store_deref)
                        }
                        sp = sp.sub(1);
                        let value = (*sp).into_value();
                        let old = payload::<CellVariable>(cell).value.replace(Some(value));
                        pc = pc.add(1);
                        if let Some(old) = old {
                            release!(Slot::new(old));
                        }
                        next!('d3)
                    }
                        op::DELETE_DEREF => slow!(ops::names::delete_deref),
                        op::MAKE_CELL => slow!(ops::names::make_cell),
                        op::COPY_FREE_VARS => {
                        let function = payload::<Function>((*fp!()).func);
                        let n = arg!() as usize;
                        if let Some(closure) = &*function.closure.as_ptr() {
                            let to = lp.add((*(*fp!()).code).nlocalsplus as usize - n);
                            let cells = closure.items();
                            for i in 0..n.min(cells.len()) {
                                *to.add(i) = Slot::new(cells.get_unchecked(i).clone());
                            }
                        }
                        pc = pc.add(1);
                        next!('d3)
                    }
                        op::SETUP_ANNOTATIONS => slow!(ops::names::setup_annotations),

                        // ---- the stack ----
                        op::NOP | op::NOT_TAKEN | op::CACHE => {
                            pc = pc.add(1);
                            next!('d3)
                        }
                        op::POP_TOP => {
                            pc = pc.add(1);
                            sp = sp.sub(1);
                            let old = *sp;
                            release!(old);
                            // The end of a loop's body.
                            let next = *pc as u32;
                            if next as u8 == op::JUMP_BACKWARD && vm.breaker.load(Ordering::Relaxed) == 0 {
                                pc = pc.add(2).sub((next >> 8) as usize);
                                next!('d60)
                            }
                            next!('d3)
                        }
                        op::POP_ITER | op::END_FOR => {
                            pc = pc.add(1);
                            sp = sp.sub(1);
                            let old = *sp;
                            release!(old);
                            next!('d4)
                        }
                        op::END_SEND => {
                            pc = pc.add(1);
                            sp = sp.sub(1);
                            let receiver = *sp.sub(1);
                            *sp.sub(1) = *sp;
                            release!(receiver);
                            next!('d4)
                        }
                        op::PUSH_NULL => {
                            pc = pc.add(1);
                            push!(Slot::EMPTY);
                            next!('d4)
                        }
                        op::COPY => {
                            // The copy of a borrowed reference may be one: the compiler borrows only for what is not stored.
                            let v = *sp.sub(arg!() as usize);
                            pc = pc.add(1);
                            // `x and y`, `x or y` of a bool: the test and the jump are done along with it, and what drops the
                            // bool where it was not the answer.
                            if *pc as u8 == op::TO_BOOL_BOOL && (v.0 == TRUE || v.0 == FALSE) {
                                let next = *pc.add(4) as u32;
                                let wanted = match next as u8 {
                                    op::POP_JUMP_IF_FALSE => FALSE,
                                    op::POP_JUMP_IF_TRUE => TRUE,
                                    _ => 0,
                                };
                                if wanted != 0 {
                                    pc = pc.add(4);
                                    if v.0 == wanted {
                                        pc = pc.add(2 + (next >> 8) as usize);
                                        next!('d58)
                                    }
                                    pc = not_taken!(pc);
                                    if *pc as u8 == op::POP_TOP && arg!() == 1 {
                                        pc = pc.add(1);
                                        sp = sp.sub(1);
                                    }
                                    next!('d58)
                                }
                            }
                            // `x[i] += y` copies both operands.
                            if *pc == op::COPY as u16 | 2 << 8 && arg!() == 2 && !v.is_empty() {
                                let second = *sp.sub(1);
                                if *pc.add(1) as u8 == op::BINARY_OP_SUBSCR_LIST_INT
                                    && let Some(item) = list_place!(v, second)
                                {
                                    push!(Slot::new(item.clone()));
                                    pc = pc.add(7);
                                    next!('d73)
                                }
                                if second.0 & 15 != 0 {
                                    *sp = if v.0 & 15 != 0 { v } else { Slot::new(v.to_value()) };
                                    *sp.add(1) = second;
                                    sp = sp.add(2);
                                    pc = pc.add(1);
                                    next!('d59)
                                }
                            }
                            push!(if v.0 & 15 != 0 || v.is_empty() {
                                v
                            } else {
                                Slot::new(v.to_value())
                            });
                            next!('d4)
                        }
                        op::SWAP => {
                            pc = pc.add(1);
                            // `a[i] += y` of numbers stores from where all three are.
                            if *pc == op::SWAP as u16 | 2 << 8
                                && *pc.add(1) as u8 == op::STORE_SUBSCR_LIST_INT
                                && arg!() == 3
                            {
                                let (v, l) = (*sp.sub(1), *sp.sub(3));
                                if let Some(item) = list_place!(l, *sp.sub(2))
                                    && item.bits() & 7 != 0
                                    && v.0 & 7 != 0
                                {
                                    *(item as *mut Value as *mut u64) = v.0;
                                    sp = sp.sub(3);
                                    pc = pc.add(3);
                                    release_object!(l);
                                    next!('d74)
                                }
                            }
                            std::ptr::swap(sp.sub(1), sp.sub(arg!() as usize));
                            // The two in front of a store of `x[i] += y`.
                            if *pc == op::SWAP as u16 | 2 << 8 && arg!() == 3 {
                                std::ptr::swap(sp.sub(1), sp.sub(2));
                                pc = pc.add(1);
                            } else if *pc == op::COPY as u16 | 2 << 8 {
                                // `a < b < c` keeps the middle for the second comparison.
                                let v = *sp.sub(2);
                                if v.0 & 15 != 0 {
                                    push!(v);
                                    pc = pc.add(1);
                                }
                            }
                            next!('d38)
                        }

                        // ---- numbers ----
                        op::BINARY_OP => {
                            count_down!(slow!(ops::arith::binary_op));
                            if arg!() == ops::arith::SUBSCR {
                                subscript!(switch!(ops::arith::binary_op_subscr), 'd48)
                            }
                            slow!(ops::arith::binary_op_again)
                        }
                        op::BINARY_OP_ADD_INT => {
                            let (l, r) = (*sp.sub(2), *sp.sub(1));
                            if !both_ints(l, r) {
                                slow!(ops::arith::binary_op_miss)
                            }
                            match (l.0 as i64).checked_add(r.0 as i64 - 1) {
                                Some(sum) => {
                                    sp = sp.sub(1);
                                    *sp.sub(1) = Slot(sum as u64);
                                    pc = pc.add(6);
                                    next!('d5)
                                }
                                None => slow!(ops::arith::binary_op_again),
                            }
                        }
                        op::BINARY_OP_SUBTRACT_INT => {
                            let (l, r) = (*sp.sub(2), *sp.sub(1));
                            if !both_ints(l, r) {
                                slow!(ops::arith::binary_op_miss)
                            }
                            match (l.0 as i64).checked_sub(r.0 as i64 - 1) {
                                Some(difference) => {
                                    sp = sp.sub(1);
                                    *sp.sub(1) = Slot(difference as u64);
                                    pc = pc.add(6);
                                    next!('d5)
                                }
                                None => slow!(ops::arith::binary_op_again),
                            }
                        }
                        op::BINARY_OP_MULTIPLY_INT => {
                            let (l, r) = (*sp.sub(2), *sp.sub(1));
                            if !both_ints(l, r) {
                                slow!(ops::arith::binary_op_miss)
                            }
                            match (l.0 as i64 >> 2).checked_mul(r.0 as i64 - 1) {
                                Some(product) => {
                                    sp = sp.sub(1);
                                    *sp.sub(1) = Slot(product as u64 | 1);
                                    pc = pc.add(6);
                                    next!('d5)
                                }
                                None => slow!(ops::arith::binary_op_again),
                            }
                        }
                        op::BINARY_OP_ADD_FLOAT => float_op!(+, 'd64, 'd64),
                        op::BINARY_OP_SUBTRACT_FLOAT => float_op!(-, 'd65, 'd65),
                        op::BINARY_OP_MULTIPLY_FLOAT => {
                            let (l, r) = (*sp.sub(2), *sp.sub(1));
                            if both_floats(l, r) {
                                let product = float_of(l) * float_of(r);
                                // `a + b * c`, `a - b * c`: the product needs no word.
                                let next = *pc.add(6) as u8;
                                if next == op::BINARY_OP_ADD_FLOAT || next == op::BINARY_OP_SUBTRACT_FLOAT {
                                    let first = *sp.sub(3);
                                    let x = float_of(first);
                                    let result = if next == op::BINARY_OP_ADD_FLOAT { x + product } else { x - product };
                                    if first.0 & 2 != 0
                                        && let Some(word) = float_word(result)
                                    {
                                        sp = sp.sub(3);
                                        pc = pc.add(12);
                                        float_result!(word, 'd66, 'd66)
                                    }
                                }
                                if let Some(word) = float_word(product) {
                                    sp = sp.sub(2);
                                    pc = pc.add(6);
                                    float_result!(word, 'd67, 'd67)
                                }
                            }
                            w = w & !255 | FLOAT_OP_BOXED;
                            continue 'run;
                        }
                        // Of floats that are objects.
                        123 => {
                            if *pc as u8 == FLOAT_OP_BOXED as u8 {
                                slow!(ops::control::bad_opcode)
                            }
                            let (l, r) = (*sp.sub(2), *sp.sub(1));
                            let next = *pc.add(6) as u8;
                            if (arg!() == 5 || arg!() == 18)
                                && (next == op::BINARY_OP_ADD_FLOAT || next == op::BINARY_OP_SUBTRACT_FLOAT)
                            {
                                let subtract = next == op::BINARY_OP_SUBTRACT_FLOAT;
                                let word = quick::multiply_add(vm, *sp.sub(3), l, r, subtract);
                                if word != 0 {
                                    sp = sp.sub(2);
                                    *sp.sub(1) = Slot(word);
                                    pc = pc.add(12);
                                    next!('d48)
                                }
                            }
                            let word = quick::float_op(vm, l, r, arg!());
                            if word == 0 {
                                slow!(ops::arith::float_op)
                            }
                            sp = sp.sub(1);
                            *sp.sub(1) = Slot(word);
                            pc = pc.add(6);
                            next!('d48)
                        }
                        op::BINARY_OP_EXTEND => {
                            let (l, r) = (*sp.sub(2), *sp.sub(1));
                            // A quotient: no float that stands in the word itself is zero.
                            if both_floats(l, r)
                                && (arg!() == 11 || arg!() == 24)
                                && let Some(word) = float_word(float_of(l) / float_of(r))
                            {
                                sp = sp.sub(2);
                                pc = pc.add(6);
                                float_result!(word, 'd68, 'd68)
                            }
                            let word = super::specialize::extended_word(arg!(), l, r);
                            if word == 0 {
                                slow!(ops::arith::binary_op_extend)
                            }
                            sp = sp.sub(1);
                            *sp.sub(1) = Slot(word);
                            pc = pc.add(6);
                            next!('d39)
                        }
                        op::BINARY_OP_ADD_UNICODE => slow!(ops::arith::add_unicode),
                        op::BINARY_OP_INPLACE_ADD_UNICODE => slow!(ops::arith::inplace_add_unicode),
                        op::BINARY_OP_SUBSCR_LIST_INT => {
                            let (l, r) = (*sp.sub(2), *sp.sub(1));
                            if !l.is_pointer()
                                || r.0 & 3 != 1
                                || type_ptr(l) != vm.exact.list
                            {
                                slow!(ops::arith::binary_op_miss)
                            }
                            let items = &*payload::<List>(l).items.as_ptr();
                            let mut index = r.0 as i64 >> 2;
                            if index < 0 {
                                index += items.len() as i64;
                            }
                            match items.get(index as usize) {
                                Some(item) => {
                                    let item = item.clone();
                                    sp = sp.sub(1);
                                    *sp.sub(1) = Slot::new(item);
                                    pc = pc.add(6);
                                    release_object!(l);
                                    next!('d39)
                                }
                                None => slow!(ops::arith::binary_op_again),
                            }
                        }
                        op::BINARY_OP_SUBSCR_TUPLE_INT => {
                            let (l, r) = (*sp.sub(2), *sp.sub(1));
                            if !l.is_pointer()
                                || r.0 & 3 != 1
                                || type_ptr(l) != vm.exact.tuple
                            {
                                slow!(ops::arith::binary_op_miss)
                            }
                            let items = payload::<Tuple>(l).items();
                            let mut index = r.0 as i64 >> 2;
                            if index < 0 {
                                index += items.len() as i64;
                            }
                            match items.get(index as usize) {
                                Some(item) => {
                                    let item = item.clone();
                                    sp = sp.sub(1);
                                    *sp.sub(1) = Slot::new(item);
                                    pc = pc.add(6);
                                    release_object!(l);
                                    next!('d6)
                                }
                                None => slow!(ops::arith::binary_op_again),
                            }
                        }
                        op::BINARY_OP_SUBSCR_DICT => subscript!(slow!(ops::arith::subscr_dict), 'd48),
                        op::BINARY_OP_SUBSCR_STR_INT => subscript!(slow!(ops::arith::subscr_str_int), 'd49),
                        op::BINARY_OP_SUBSCR_LIST_SLICE => slow!(ops::arith::binary_op_again),
                        op::BINARY_OP_SUBSCR_GETITEM => {
                            let l = *sp.sub(2);
                            let ty = type_ptr_or_null(l);
                            if ty.is_null()
                                || (*ty).version.get() != cache_u32(pc.add(2))
                                || (*ty).version.get() == 0
                            {
                                switch!(ops::arith::subscr_getitem)
                            }
                            let callable = match &*(*ty).cached_getitem.as_ptr() {
                                Some(function) => Slot(function.bits()),
                                None => switch!(ops::arith::subscr_getitem),
                            };
                            if type_ptr_or_null(callable) != vm.exact.function
                                || (*payload::<Function>(callable).code_ptr()).exact_args != 2
                            {
                                switch!(ops::arith::subscr_getitem)
                            }
                            enter!(
                                Slot::new(callable.to_value()), payload::<Function>(callable), sp.sub(2), sp.sub(2), 6,
                                |to| {}, switch!(ops::arith::subscr_getitem), switch!(ops::arith::subscr_getitem), 'd47
                            )
                        }
                        op::BINARY_SLICE => slow!(ops::arith::binary_slice),
                        op::STORE_SLICE => slow!(ops::arith::store_slice),
                        op::STORE_SUBSCR => {
                            count_down!(slow!(ops::arith::store_subscr));
                            store_subscript!(slow!(ops::arith::store_subscr_again), 'd50)
                        }
                        op::STORE_SUBSCR_LIST_INT => {
                            // value, container, index
                            let (v, l, r) = (*sp.sub(3), *sp.sub(2), *sp.sub(1));
                            if !l.is_pointer()
                                || r.0 & 3 != 1
                                || type_ptr(l) != vm.exact.list
                            {
                                slow!(ops::arith::store_subscr_miss)
                            }
                            let items = &mut *payload::<List>(l).items.as_ptr();
                            let mut index = r.0 as i64 >> 2;
                            if index < 0 {
                                index += items.len() as i64;
                            }
                            match items.get_mut(index as usize) {
                                Some(item) => {
                                    let old = std::mem::replace(item, v.into_value()).into_bits();
                                    sp = sp.sub(3);
                                    pc = pc.add(2);
                                    release!(Slot(old));
                                    release_object!(l);
                                    next!('d6)
                                }
                                None => slow!(ops::arith::store_subscr_again),
                            }
                        }
                        op::STORE_SUBSCR_DICT => store_subscript!(slow!(ops::arith::store_subscr_dict), 'd50),
                        op::DELETE_SUBSCR => slow!(ops::arith::delete_subscr),
                        op::UNARY_NEGATIVE => slow!(ops::arith::unary_negative),
                        op::UNARY_INVERT => slow!(ops::arith::unary_invert),
                        op::UNARY_NOT => {
                            // The compiler puts TO_BOOL before.
                            let top = (*sp.sub(1)).0;
                            *sp.sub(1) = Slot(if top == TRUE { FALSE } else { TRUE });
                            pc = pc.add(1);
                            next!('d6)
                        }
                        op::TO_BOOL => {
                            count_down!(slow!(ops::arith::to_bool));
                            truth_of!(slow!(ops::arith::to_bool_again), 'd51, 'd51)
                        }
                        op::TO_BOOL_BOOL => {
                            let top = (*sp.sub(1)).0;
                            if top != TRUE && top != FALSE {
                                slow!(ops::arith::to_bool_miss)
                            }
                            pc = pc.add(4);
                            truth!(top == TRUE, 'd7, 'd7, 'd7)
                        }
                        op::TO_BOOL_INT => {
                            let top = *sp.sub(1);
                            if top.0 & 3 != 1 {
                                slow!(ops::arith::to_bool_miss)
                            }
                            pc = pc.add(4);
                            truth!(top.0 != 1, 'd7, 'd40, 'd8)
                        }
                        op::TO_BOOL_NONE => {
                            if (*sp.sub(1)).0 != NONE {
                                slow!(ops::arith::to_bool_miss)
                            }
                            pc = pc.add(4);
                            truth!(false, 'd8, 'd8, 'd8)
                        }
                        op::TO_BOOL_LIST => {
                            let top = *sp.sub(1);
                            if !top.is_pointer() || type_ptr(top) != vm.exact.list {
                                slow!(ops::arith::to_bool_miss)
                            }
                            let empty = (*payload::<List>(top).items.as_ptr()).is_empty();
                            *sp.sub(1) = Slot(if empty { FALSE } else { TRUE });
                            pc = pc.add(4);
                            release_object!(top);
                            truth!(!empty, 'd9, 'd9, 'd9)
                        }
                        op::TO_BOOL_STR => truth_of!(slow!(ops::arith::to_bool_again), 'd52, 'd52),
                        op::TO_BOOL_ALWAYS_TRUE => {
                            let top = *sp.sub(1);
                            if !top.is_pointer()
                                || (*type_ptr(top)).version.get() != cache_u32(pc.add(2))
                            {
                                slow!(ops::arith::to_bool_miss)
                            }
                            *sp.sub(1) = Slot(TRUE);
                            pc = pc.add(4);
                            release_object!(top);
                            truth!(true, 'd10, 'd10, 'd10)
                        }
                        op::COMPARE_OP => {
                            count_down!(slow!(ops::arith::compare_op));
                            // Whether equal or not, a leaf function mostly knows: operations 2 and 3.
                            if arg!() >> 6 != 1 {
                                slow!(ops::arith::compare_op_again)
                            }
                            let (l, r) = (*sp.sub(2), *sp.sub(1));
                            let known = quick::equal(vm, l, r);
                            if known == quick::UNKNOWN {
                                slow!(ops::arith::compare_op_again)
                            }
                            sp = sp.sub(2);
                            release_both!(r, l, pc.add(2));
                            sp = sp.add(2);
                            compared!(known ^ (arg!() >> 5 & 1) != 0, 'd53, 'd53, 'd53)
                        }
                        op::COMPARE_OP_INT => {
                            let (l, r) = (*sp.sub(2), *sp.sub(1));
                            if !both_ints(l, r) {
                                slow!(ops::arith::compare_op_miss)
                            }
                            let (l, r) = (l.0 as i64, r.0 as i64);
                            let outcome = if l < r {
                                2
                            } else if l > r {
                                4
                            } else {
                                8
                            };
                            compared!(arg!() & outcome != 0, 'd10, 'd41, 'd11)
                        }
                        op::COMPARE_OP_FLOAT => {
                            let (l, r) = (*sp.sub(2), *sp.sub(1));
                            if !both_floats(l, r) {
                                slow!(ops::arith::compare_op_float)
                            }
                            let (l, r) = (float_of(l), float_of(r)); // no NaN is self-tagged
                            let outcome = if l < r {
                                2
                            } else if l > r {
                                4
                            } else {
                                8
                            };
                            compared!(arg!() & outcome != 0, 'd11, 'd42, 'd42)
                        }
                        op::COMPARE_OP_STR => {
                            let (l, r) = (*sp.sub(2), *sp.sub(1));
                            let str_type = vm.exact.str;
                            if !l.is_pointer()
                                || !r.is_pointer()
                                || type_ptr(l) != str_type
                                || type_ptr(r) != str_type
                            {
                                slow!(ops::arith::compare_op_str)
                            }
                            let (a, b) = (payload::<Str>(l), payload::<Str>(r));
                            let equal = address(l) == address(r)
                                || a.byte_len() == b.byte_len() && a.as_bytes() == b.as_bytes();
                            // Only == and != are specialised: any other outcome than "equal" will do for "not equal".
                            let outcome = if equal { 8 } else { 4 };
                            // The end of a str runs no Python.
                            release_object!(r);
                            release_object!(l);
                            compared!(arg!() & outcome != 0, 'd12, 'd12, 'd13)
                        }
                        op::IS_OP => {
                        let (l, r) = (*sp.sub(2), *sp.sub(1));
                        // The mark of a borrowed reference does not count; in other words than addresses its bit means something.
                        let differ = l.0 ^ r.0;
                        let same = differ == 0 || differ == 8 && l.is_pointer();
                        let holds = same != (arg!() & 1 != 0);
                        sp = sp.sub(1);
                        *sp.sub(1) = Slot(if holds { TRUE } else { FALSE });
                        pc = pc.add(1);
                        release!(r);
                        release!(l);
                        truth!(holds, 'd13, 'd13, 'd14)
                    }
                        op::CONTAINS_OP | op::CONTAINS_OP_DICT | op::CONTAINS_OP_SET => {
                            if w as u8 == op::CONTAINS_OP {
                                count_down!(slow!(ops::arith::contains_op));
                            }
                            let (needle, haystack) = (*sp.sub(2), *sp.sub(1));
                            let known = quick::contains(vm, haystack, needle);
                            if known == quick::UNKNOWN {
                                match w as u8 {
                                    op::CONTAINS_OP_DICT => slow!(ops::arith::contains_op_dict),
                                    op::CONTAINS_OP_SET => slow!(ops::arith::contains_op_set),
                                    _ => slow!(ops::arith::contains_op_again),
                                }
                            }
                            let holds = known != arg!();
                            sp = sp.sub(2);
                            pc = pc.add(2);
                            release_both!(needle, haystack, pc);
                            sp = sp.add(1);
                            truth!(holds, 'd54, 'd54, 'd54)
                        }

                        // ---- jumps ----
                        op::POP_JUMP_IF_FALSE => jump_if!(FALSE, 'd14, 'd14),
                        op::POP_JUMP_IF_TRUE => jump_if!(TRUE, 'd14, 'd43),
                        op::POP_JUMP_IF_NONE => {
                            sp = sp.sub(1);
                            let top = *sp;
                            if top.0 == NONE {
                                pc = pc.add(2 + arg!() as usize);
                                next!('d15)
                            }
                            pc = not_taken!(pc);
                            release!(top);
                            next!('d15)
                        }
                        op::POP_JUMP_IF_NOT_NONE => {
                            sp = sp.sub(1);
                            let top = *sp;
                            if top.0 == NONE {
                                pc = not_taken!(pc);
                                next!('d16)
                            }
                            pc = pc.add(2 + arg!() as usize);
                            release!(top);
                            next!('d16)
                        }
                        op::JUMP_FORWARD => {
                            pc = pc.add(1 + arg!() as usize);
                            next!('d16)
                        }
                        op::JUMP_BACKWARD | op::JUMP_BACKWARD_NO_JIT | op::JUMP_BACKWARD_JIT => {
                            if vm.breaker.load(Ordering::Relaxed) != 0 {
                                slow!(ops::control::jump_backward_check)
                            }
                            pc = pc.add(2).sub(arg!() as usize);
                            next!('d16)
                        }
                        op::JUMP_BACKWARD_NO_INTERRUPT => {
                            pc = pc.add(1).sub(arg!() as usize);
                            if *pc as u8 == op::SEND_GEN {
                                let frame = ops::iter::descend(vm, fp!(), pc, sp);
                                lp = locals(frame);
                                pc = (*frame).pc;
                                sp = (*frame).sp;
                            }
                            next!('d44)
                        }
                        op::RESUME_CHECK => {
                            if vm.breaker.load(Ordering::Relaxed) != 0 {
                                slow!(ops::control::resume)
                            }
                            pc = pc.add(1);
                            next!('d17)
                        }
                        op::RESUME => slow!(ops::control::resume),

                        // ---- iteration ----
                        op::GET_ITER => {
                            let word = quick::iterator(vm, *sp.sub(1));
                            if word == 0 {
                                slow!(ops::iter::get_iter)
                            }
                            *sp.sub(1) = Slot(word);
                            pc = pc.add(1);
                            next!('d59)
                        }
                        op::GET_YIELD_FROM_ITER => slow!(ops::iter::get_yield_from_iter),
                        op::FOR_ITER => switch!(ops::iter::for_iter),
                        op::FOR_ITER_LIST => {
                            let it = *sp.sub(1);
                            if type_ptr_or_null(it) != vm.exact.list_iterator {
                                slow!(ops::iter::for_iter_miss)
                            }
                            let it = payload::<ListIterator>(it);
                            if let Some(list) = &*it.list.as_ptr() {
                                let items = &*list.items.as_ptr();
                                let index = it.index.get();
                                if let Some(item) = items.get(index) {
                                    it.index.set(index + 1);
                                    given!(Slot::new(item.clone()), 'd17, 'd18)
                                }
                            }
                            exhausted!(slow!(ops::iter::for_iter_end_list), 'd56)
                        }
                        op::FOR_ITER_TUPLE => {
                            let it = *sp.sub(1);
                            if type_ptr_or_null(it) != vm.exact.tuple_iterator {
                                slow!(ops::iter::for_iter_miss)
                            }
                            let it = payload::<TupleIterator>(it);
                            if let Some(tuple) = &*it.tuple.as_ptr() {
                                let index = it.index.get();
                                if let Some(item) = tuple.items().get(index) {
                                    it.index.set(index + 1);
                                    given!(Slot::new(item.clone()), 'd18, 'd19)
                                }
                            }
                            exhausted!(slow!(ops::iter::for_iter_end_tuple), 'd56)
                        }
                        op::FOR_ITER_RANGE => {
                            let it = *sp.sub(1);
                            if type_ptr_or_null(it) != vm.exact.range_iterator {
                                slow!(ops::iter::for_iter_miss)
                            }
                            let it = payload::<RangeIterator>(it);
                            let left = it.left.get();
                            if left > 0 {
                                let value = it.next.get();
                                it.left.set(left - 1);
                                it.next.set(value.wrapping_add(it.step));
                                given!(Slot((value as u64) << 2 | 1), 'd19, 'd20)
                            }
                            exhausted!(
                                {
                                    pc = pc.add(3 + arg!() as usize);
                                    next!('d20)
                                },
                                'd62
                            )
                        }
                        op::FOR_ITER_GEN => {
                            let it = *sp.sub(1);
                            if type_ptr_or_null(it) != vm.exact.generator {
                                slow!(ops::iter::for_iter_miss)
                            }
                            let generator = payload::<Generator>(it);
                            if !generator.is_suspended() {
                                slow!(ops::iter::for_iter_again)
                            }
                            (*fp!()).pc = pc;
                            (*fp!()).sp = sp;
                            // A return lands on END_FOR, which drops the value; a yield goes on behind this instruction.
                            (*fp!()).return_offset = 2 + arg!() as u16;
                            let entered = generator.enter(vm, fp!(), Slot(NONE));
                            if entered.is_null() {
                                break 'run;
                            }
                            lp = locals(entered);
                            pc = (*entered).pc;
                            sp = (*entered).sp;
                            // The check where it goes on is done along with it, and a `yield` as a statement drops None.
                            if *pc as u8 == op::RESUME_CHECK && vm.breaker.load(Ordering::Relaxed) == 0 {
                                pc = pc.add(1);
                                let drops = (*pc as u8 == op::POP_TOP) as usize;
                                pc = pc.add(drops);
                                sp = sp.sub(drops);
                            }
                            next!('d20)
                        }
                        op::SEND => slow!(ops::iter::send),
                        op::SEND_GEN => {
                            let receiver = *sp.sub(2);
                            let ty = if receiver.is_pointer() {
                                type_ptr(receiver)
                            } else {
                                std::ptr::null()
                            };
                            if ty != vm.exact.generator
                                && ty != vm.exact.coroutine
                            {
                                slow!(ops::iter::send_miss)
                            }
                            let generator = payload::<Generator>(receiver);
                            if !generator.is_suspended() {
                                slow!(ops::iter::send_again)
                            }
                            let value = Slot::new((*sp.sub(1)).into_value());
                            sp = sp.sub(1);
                            (*fp!()).pc = pc;
                            (*fp!()).sp = sp;
                            (*fp!()).return_offset = 2 + arg!() as u16;
                            let entered = generator.enter(vm, fp!(), value);
                            if entered.is_null() {
                                break 'run;
                            }
                            lp = locals(entered);
                            pc = (*entered).pc;
                            sp = (*entered).sp;
                            let checks = *pc as u8 == op::RESUME_CHECK && vm.breaker.load(Ordering::Relaxed) == 0;
                            pc = pc.add(checks as usize);
                            next!('d20)
                        }
                        op::YIELD_VALUE => {
                            let value = Slot::new((*sp.sub(1)).into_value());
                            sp = sp.sub(1);
                            (*fp!()).pc = pc.add(1);
                            (*fp!()).sp = sp;
                            let entry = (*fp!()).entry;
                            lp = locals(ops::iter::leave_generator(vm, fp!()));
                            if entry {
                                return Ok(value.into_value());
                            }
                            let mut frame = fp!();
                            pc = (*frame).pc.add(2);
                            if *pc as u8 == op::YIELD_VALUE {
                                let entry;
                                (frame, entry) = ops::iter::ascend(vm, frame);
                                if entry {
                                    return Ok(value.into_value());
                                }
                                lp = locals(frame);
                                pc = (*frame).pc.add(2);
                            }
                            sp = (*frame).sp;
                            push!(value);
                            next!('d45)
                        }
                        op::RETURN_GENERATOR => {
                            let (p, s) = ops::iter::return_generator(pc, sp, fp!(), vm, 0);
                            if p.is_null() {
                                break 'run;
                            }
                            // The generator took the frame: this is the caller's, or the call came from native code.
                            if s.is_null() {
                                return Ok(Slot(p as u64).into_value());
                            }
                            lp = locals(vm.stack.current.get());
                            pc = p;
                            sp = s;
                            next!('d45)
                        }
                        op::RETURN_VALUE => {
                            let value = Slot::new((*sp.sub(1)).into_value());
                            sp = sp.sub(1);
                            let frame = fp!();
                            let odd = Frame::oddity(frame);
                            let mut init_call = odd != 0;
                            if odd != 0 && odd != Frame::INIT {
                                init_call = (*frame).init_call;
                                (*frame).pc = pc;
                                (*frame).sp = sp;
                                let entry = (*frame).entry;
                                lp = locals(ops::control::pop_frame(vm, frame));
                                if entry {
                                    return Ok(value.into_value());
                                }
                            } else {
                                let mut at = lp as usize;
                                // Not known to be the frame's own address: the compiler would keep that plus eight, too.
                                std::arch::asm!("/* {0} */", inout(reg) at, options(nomem, nostack, preserves_flags));
                                let mut at = at as Sp;
                                while at < sp {
                                    let slot = *at;
                                    at = at.add(1);
                                    if slot.0 & 15 == 0 {
                                        not_unrolled!();
                                        if slot.0 != 0
                                            && (*(slot.0 as *const Header)).decref_unless_last()
                                        {
                                            // That one and all behind it; nobody has seen the frame before.
                                            ops::control::release_locals(at.sub(1), pc, sp, frame, vm);
                                            break;
                                        }
                                    }
                                    not_unrolled!();
                                }
                                let func = (*frame).func;
                                let prev = (*frame).prev;
                                vm.depth.set(vm.depth.get() - 1);
                                vm.stack.current.set(prev);
                                vm.stack.pop_here(frame);
                                if func.0 & 15 == 0 && (*(func.0 as *const Header)).decref_unless_last() {
                                    ops::control::release_function(func);
                                }
                                lp = locals(prev);
                            }
                            pc = (*fp!()).pc.add((*fp!()).return_offset as usize);
                            sp = (*fp!()).sp;
                            if init_call {
                                // The constructor's object is on the caller's stack already; `__init__` must give None.
                                if value.0 != NONE {
                                    ops::control::init_returned(vm, value);
                                    break 'run;
                                }
                                next!('d21)
                            }
                            // A call for its effects alone.
                            if *pc as u8 == op::POP_TOP && !value.is_pointer() {
                                pc = pc.add(1);
                                next!('d61)
                            }
                            push!(value);
                            next!('d21)
                        }
                        op::GET_AITER => slow!(ops::iter::get_aiter),
                        op::GET_ANEXT => slow!(ops::iter::get_anext),
                        op::GET_AWAITABLE => {
                            let awaited = *sp.sub(1);
                            if type_ptr_or_null(awaited) != vm.exact.coroutine
                                || !payload::<Generator>(awaited).is_created()
                            {
                                slow!(ops::iter::get_awaitable)
                            }
                            pc = pc.add(1);
                            next!('d12)
                        }
                        op::END_ASYNC_FOR => slow!(ops::iter::end_async_for),
                        op::CLEANUP_THROW => slow!(ops::iter::cleanup_throw),

                        // ---- attributes ----
                        op::LOAD_ATTR => {
                            let counter = pc.add(1) as *mut u16;
                            if *counter >> 4 == 0 {
                                switch!(ops::attr::load_attr)
                            }
                            *counter -= 16;
                            w = w & !255 | LOAD_ATTR_CACHED;
                            continue 'run;
                        }
                        // What the inline cache does not cover, mostly other classes than the one seen there: from the table of
                        // all attributes.
                        121 => {
                            if *pc as u8 == LOAD_ATTR_CACHED as u8 {
                                slow!(ops::control::bad_opcode)
                            }
                            let owner = *sp.sub(1);
                            if !owner.is_pointer() {
                                switch!(ops::attr::load_attr_again)
                            }
                            let name = ops::name(fp!(), arg!() >> 1);
                            let header = &*(address(owner) as *const Header);
                            let key = name.as_ptr() as u64 | (arg!() & 1) as u64;
                            if arg!() & 1 != 0 {
                                let method = attr_cache::peek_method(&vm.interp.attr_cache, header, key);
                                if method != 0 {
                                    *sp.sub(1) = Slot(method);
                                    push!(owner);
                                    pc = pc.add(10);
                                    next!('d22)
                                }
                            }
                            let (word, found) = attr_cache::peek(&vm.interp.attr_cache, header, key);
                            if word == 0 {
                                switch!(ops::attr::load_attr_again)
                            }
                            if found == attr_cache::found::BIND {
                                *sp = Slot(word | Slot::BORROWED);
                                switch!(ops::attr::load_attr_bind)
                            }
                            *sp.sub(1) = Slot(word);
                            pc = pc.add(10);
                            if found == attr_cache::found::METHOD {
                                push!(owner);
                                next!('d22)
                            }
                            *sp = Slot::EMPTY;
                            sp = sp.add((arg!() & 1) as usize);
                            release_object!(owner);
                            next!('d22)
                        }
                        op::LOAD_ATTR_INSTANCE_VALUE => {
                            let owner = *sp.sub(1);
                            if !owner.is_pointer() {
                                attr_miss!()
                            }
                            let address = address(owner);
                            if (*type_ptr(owner)).values_tag.get() != cache_u32(pc.add(2))
                                || *((address - 32) as *const u64) != cache_u64(pc.add(6))
                            {
                                attr_miss!()
                            }
                            let v = Slot(*((address + *pc.add(4) as u64) as *const u64)).to_value();
                            *sp.sub(1) = Slot::new(v);
                            *sp = Slot::EMPTY;
                            sp = sp.add((arg!() & 1) as usize);
                            pc = pc.add(10);
                            release_object!(owner);
                            next!('d23)
                        }
                        op::LOAD_ATTR_SLOT => {
                            let owner = *sp.sub(1);
                            if !owner.is_pointer()
                                || (*type_ptr(owner)).version.get() != cache_u32(pc.add(2))
                            {
                                attr_miss!()
                            }
                            let v = Slot(*((address(owner) + *pc.add(4) as u64) as *const u64));
                            if v.is_empty() {
                                switch!(ops::attr::load_attr_again)
                            }
                            *sp.sub(1) = Slot::new(v.to_value());
                            *sp = Slot::EMPTY;
                            sp = sp.add((arg!() & 1) as usize);
                            pc = pc.add(10);
                            release_object!(owner);
                            next!('d23)
                        }
                        op::LOAD_ATTR_METHOD_WITH_VALUES => {
                            let owner = *sp.sub(1);
                            if !owner.is_pointer()
                                || (*type_ptr(owner)).version.get() != cache_u32(pc.add(2))
                            {
                                attr_miss!()
                            }
                            // The instance has no attribute of that name: its shape is the one seen.
                            if *((address(owner) - 32) as *const u32) != cache_u32(pc.add(4)) {
                                slow!(ops::attr::load_method_other_shape)
                            }
                            *sp.sub(1) = Slot::new(Slot(cache_u64(pc.add(6))).to_value());
                            push!(owner);
                            pc = pc.add(10);
                            next!('d23)
                        }
                        op::LOAD_ATTR_METHOD_NO_DICT | op::LOAD_ATTR_METHOD_LAZY_DICT => {
                            let owner = *sp.sub(1);
                            let ty = if owner.is_pointer() {
                                type_ptr(owner)
                            } else {
                                &raw const *vm.type_of(&owner.view())
                            };
                            if (*ty).version.get() != cache_u32(pc.add(2)) {
                                attr_miss!()
                            }
                            *sp.sub(1) = Slot::new(Slot(cache_u64(pc.add(6))).to_value());
                            push!(owner);
                            pc = pc.add(10);
                            next!('d23)
                        }
                        op::LOAD_ATTR_MODULE => {
                            let owner = *sp.sub(1);
                            if !owner.is_pointer() || type_ptr(owner) != vm.exact.module {
                                switch!(ops::attr::load_attr_module)
                            }
                            let dict = payload::<Module>(owner).dict_ptr();
                            let table = &*(*dict).table.as_ptr();
                            if table.current_version() != cache_u32(pc.add(2)) {
                                switch!(ops::attr::load_attr_module)
                            }
                            let entry = table.entries().get_unchecked(*pc.add(4) as usize);
                            let v = entry.value.clone();
                            *sp.sub(1) = Slot::new(v);
                            *sp = Slot::EMPTY;
                            pc = pc.add(10);
                            // A function of a module is called as one without an object.
                            let pushes = (*pc == op::PUSH_NULL as u16) as usize;
                            pc = pc.add(pushes);
                            sp = sp.add((arg!() & 1) as usize + pushes);
                            release_object!(owner);
                            next!('d24)
                        }
                        op::LOAD_ATTR_CLASS | op::LOAD_ATTR_CLASS_WITH_METACLASS_CHECK => {
                            // The metaclass's version says that the owner is a class.
                            let owner = *sp.sub(1);
                            if !owner.is_pointer()
                                || (*type_ptr(owner)).version.get() != cache_u32(pc.add(4))
                                || payload::<Type>(owner).version.get() != cache_u32(pc.add(2))
                            {
                                switch!(ops::attr::load_attr_class)
                            }
                            *sp.sub(1) = Slot::new(Slot(cache_u64(pc.add(6))).to_value());
                            *sp = Slot::EMPTY;
                            sp = sp.add((arg!() & 1) as usize);
                            pc = pc.add(10);
                            release_object!(owner);
                            next!('d24)
                        }
                        op::LOAD_ATTR_NONDESCRIPTOR_WITH_VALUES => {
                            let owner = *sp.sub(1);
                            if !owner.is_pointer()
                                || (*type_ptr(owner)).version.get() != cache_u32(pc.add(2))
                            {
                                attr_miss!()
                            }
                            // The instance has no attribute of that name: its shape is the one seen.
                            if *((address(owner) - 32) as *const u32) != cache_u32(pc.add(4)) {
                                slow!(ops::attr::load_attr_other_shape)
                            }
                            *sp.sub(1) = Slot::new(Slot(cache_u64(pc.add(6))).to_value());
                            *sp = Slot::EMPTY;
                            sp = sp.add((arg!() & 1) as usize);
                            pc = pc.add(10);
                            release_object!(owner);
                            next!('d25)
                        }
                        op::LOAD_ATTR_NONDESCRIPTOR_NO_DICT => {
                            let owner = *sp.sub(1);
                            if !owner.is_pointer()
                                || (*type_ptr(owner)).version.get() != cache_u32(pc.add(2))
                            {
                                attr_miss!()
                            }
                            *sp.sub(1) = Slot::new(Slot(cache_u64(pc.add(6))).to_value());
                            *sp = Slot::EMPTY;
                            sp = sp.add((arg!() & 1) as usize);
                            pc = pc.add(10);
                            release_object!(owner);
                            next!('d25)
                        }
                        op::LOAD_ATTR_WITH_HINT => switch!(ops::attr::load_attr_with_hint),
                        op::LOAD_ATTR_PROPERTY => {
                            let ty = type_ptr_or_null(*sp.sub(1));
                            let getter = Slot(cache_u64(pc.add(6)));
                            if ty.is_null()
                                || arg!() & 1 != 0
                                || (*ty).version.get() != cache_u32(pc.add(2))
                                || type_ptr_or_null(getter) != vm.exact.function
                                || (*payload::<Function>(getter).code_ptr()).exact_args != 1
                            {
                                switch!(ops::attr::load_attr_property)
                            }
                            enter!(
                                Slot::new(getter.to_value()), payload::<Function>(getter), sp.sub(1), sp.sub(1), 10,
                                |to| {}, switch!(ops::attr::load_attr_property), switch!(ops::attr::load_attr_property), 'd47
                            )
                        }
                        op::LOAD_ATTR_GETATTRIBUTE_OVERRIDDEN => switch!(ops::attr::load_attr_again),
                        op::STORE_ATTR => {
                            let counter = pc.add(1) as *mut u16;
                            if *counter >> 4 == 0 {
                                slow!(ops::attr::store_attr)
                            }
                            *counter -= 16;
                            w = w & !255 | STORE_ATTR_CACHED;
                            continue 'run;
                        }
                        122 => {
                            if *pc as u8 == STORE_ATTR_CACHED as u8 {
                                slow!(ops::control::bad_opcode)
                            }
                            let (value, owner) = (*sp.sub(2), *sp.sub(1));
                            if !owner.is_pointer() {
                                slow!(ops::attr::store_attr_again)
                            }
                            let name = ops::name(fp!(), arg!());
                            let header = &*(address(owner) as *const Header);
                            let place = attr_cache::peek_store(&vm.interp.attr_cache, header, name.as_ptr() as u64);
                            if place.is_null() {
                                slow!(ops::attr::store_attr_again)
                            }
                            let old = *place;
                            *place = value.into_value().into_bits();
                            sp = sp.sub(2);
                            pc = pc.add(5);
                            release!(Slot(old));
                            release_object!(owner);
                            next!('d26)
                        }
                        op::STORE_ATTR_INSTANCE_VALUE => {
                            // value, owner
                            let (value, owner) = (*sp.sub(2), *sp.sub(1));
                            let cache = (*(*fp!()).code).store_cache(*pc.add(4));
                            if !owner.is_pointer()
                                || (*type_ptr(owner)).values_tag.get() != (*cache).values_tag
                            {
                                store_miss!()
                            }
                            let address = address(owner);
                            let word = (address - 32) as *mut u64;
                            if *word != (*cache).word {
                                store_miss!()
                            }
                            let place = (address + (*cache).offset as u64) as *mut u64;
                            let old = *place;
                            *place = value.into_value().into_bits();
                            *word = (*cache).new_word;
                            sp = sp.sub(2);
                            pc = pc.add(5);
                            release!(Slot(old));
                            release_object!(owner);
                            next!('d26)
                        }
                        op::STORE_ATTR_SLOT => {
                            let (value, owner) = (*sp.sub(2), *sp.sub(1));
                            if !owner.is_pointer()
                                || (*type_ptr(owner)).version.get() != cache_u32(pc.add(2))
                            {
                                store_miss!()
                            }
                            let place = (address(owner) + *pc.add(4) as u64) as *mut u64;
                            let old = *place;
                            *place = value.into_value().into_bits();
                            sp = sp.sub(2);
                            pc = pc.add(5);
                            release!(Slot(old));
                            release_object!(owner);
                            next!('d27)
                        }
                        op::STORE_ATTR_WITH_HINT => slow!(ops::attr::store_attr_with_hint),
                        op::DELETE_ATTR => slow!(ops::attr::delete_attr),
                        op::LOAD_SUPER_ATTR | op::LOAD_SUPER_ATTR_ATTR | op::LOAD_SUPER_ATTR_METHOD => {
                            let (global, class, receiver) = (*sp.sub(3), *sp.sub(2), *sp.sub(1));
                            if arg!() & 1 == 0
                                || global.clean_bits() != vm.types.super_.as_value().bits()
                                || !receiver.is_pointer()
                            {
                                slow!(ops::attr::load_super_attr)
                            }
                            let name = ops::name(fp!(), arg!() >> 2).as_ptr() as u64;
                            let header = &*(address(receiver) as *const Header);
                            let method =
                                attr_cache::peek_super(&vm.interp.attr_cache, class.clean_bits(), header, name);
                            if method == 0 {
                                slow!(ops::attr::load_super_attr)
                            }
                            *sp.sub(3) = Slot(method);
                            *sp.sub(2) = receiver;
                            sp = sp.sub(1);
                            pc = pc.add(2);
                            release_both!(class, global, pc);
                            next!('d52)
                        }
                        op::LOAD_SPECIAL => slow!(ops::attr::load_special),

                        // ---- calls ----
                        op::CALL => switch!(ops::call::call),
                        op::CALL_PY_EXACT_ARGS => {
                            let n = arg!() as usize;
                            let callable = *sp.sub(n + 2);
                            let has_self = !(*sp.sub(n + 1)).is_empty() as usize;
                            if type_ptr_or_null(callable) != vm.exact.function {
                                switch!(ops::call::call_miss)
                            }
                            let function = payload::<Function>(callable);
                            // Which function it is does not matter: no keyword-only, variable or missing arguments.
                            if (*function.code_ptr()).exact_args as usize != n + has_self {
                                switch!(ops::call::call_miss)
                            }
                            enter!(
                                callable, function, sp.sub(n + has_self), sp.sub(n + 2), 4,
                                |to| {}, switch!(ops::call::call_miss), slow!(ops::call::make_generator), 'd46
                            )
                        }
                        op::CALL_BOUND_METHOD_EXACT_ARGS | op::CALL_BOUND_METHOD_GENERAL => {
                            // The method is taken apart, and its function called as one found on the class.
                            let n = arg!() as usize;
                            let callable = *sp.sub(n + 2);
                            if type_ptr_or_null(callable) != &raw const *vm.types.method
                                || !(*sp.sub(n + 1)).is_empty()
                            {
                                switch!(ops::call::call_again)
                            }
                            let method = payload::<Method>(callable);
                            *sp.sub(n + 1) = Slot::new(method.object.clone());
                            *sp.sub(n + 2) = Slot::new(method.function.clone());
                            release_object!(callable);
                            if type_ptr_or_null(*sp.sub(n + 2)) == vm.exact.function
                                && (*payload::<Function>(*sp.sub(n + 2)).code_ptr()).exact_args as usize == n + 1
                            {
                                w = w & !255 | op::CALL_PY_EXACT_ARGS as u32;
                                continue 'run;
                            }
                            switch!(ops::call::call_again)
                        }
                        op::CALL_PY_GENERAL => {
                            // The last arguments are the defaults, and there are no other kinds of parameters.
                            let n = arg!() as usize;
                            let callable = *sp.sub(n + 2);
                            let given = n + !(*sp.sub(n + 1)).is_empty() as usize;
                            if type_ptr_or_null(callable) != vm.exact.function {
                                switch!(ops::call::call_py_general)
                            }
                            let function = payload::<Function>(callable);
                            let wanted = (*function.code_ptr()).exact_args;
                            let values: &[Value] = match &*function.defaults.as_ptr() {
                                Some(values) if wanted != u32::MAX => values.items(),
                                _ => switch!(ops::call::call_py_general),
                            };
                            let missing = (wanted as usize).wrapping_sub(given);
                            if missing > values.len() {
                                switch!(ops::call::call_py_general)
                            }
                            enter!(
                                callable, function, sp.sub(given), sp.sub(n + 2), 4,
                                |to| {
                                    let mut value = values.as_ptr().add(values.len() - missing);
                                    let end = values.as_ptr().add(values.len());
                                    while value < end {
                                        *to = Slot::new((*value).clone());
                                        to = to.add(1);
                                        value = value.add(1);
                                        not_unrolled!();
                                    }
                                },
                                switch!(ops::call::call_py_general), switch!(ops::call::call_py_general), 'd47
                            )
                        }
                        op::CALL_ALLOC_AND_ENTER_INIT => switch!(ops::call::call_alloc_and_enter_init),
                        op::CALL_BUILTIN_O => {
                            let callable = *sp.sub(3);
                            if type_ptr_or_null(callable) != vm.exact.builtin_function
                                || !(*sp.sub(2)).is_empty()
                            {
                                switch!(ops::call::call_builtin)
                            }
                            let function = payload::<NativeFunction>(callable);
                            if function.bound
                                && let Some(object) = &function.zelf
                            {
                                let list = Slot(object.bits());
                                if std::ptr::from_ref(function.def) as usize
                                    == vm.interp.state.special_builtins[2].get()
                                    && type_ptr_or_null(list) == vm.exact.list
                                {
                                    let items = &mut *payload::<List>(list).items.as_ptr();
                                    let len = items.len();
                                    if len < items.capacity() {
                                        items.as_mut_ptr().add(len).write((*sp.sub(1)).into_value());
                                        items.set_len(len + 1);
                                        sp = sp.sub(2);
                                        *sp.sub(1) = Slot(NONE);
                                        pc = pc.add(4);
                                        release_object!(callable);
                                        next!('d56)
                                    }
                                }
                                // The callable keeps it alive.
                                *sp.sub(2) = Slot(object.bits()).borrow();
                                native!(function.call, 2, 3, 'd28)
                            }
                            native!(function.call, 1, 3, 'd28)
                        }
                        op::CALL_BUILTIN_FAST => {
                            let callable = *sp.sub(arg!() as usize + 2);
                            if type_ptr_or_null(callable) != vm.exact.builtin_function
                                || !(*sp.sub(arg!() as usize + 1)).is_empty()
                            {
                                switch!(ops::call::call_builtin)
                            }
                            let function = payload::<NativeFunction>(callable);
                            if arg!() != 2 {
                                if arg!() != 3 || function.bound {
                                    switch!(ops::call::call_builtin)
                                }
                                native!(function.call, 3, 5, 'd62)
                            }
                            if function.bound
                                && let Some(object) = &function.zelf
                            {
                                *sp.sub(3) = Slot(object.bits()).borrow();
                                native!(function.call, 3, 4, 'd29)
                            }
                            native!(function.call, 2, 4, 'd29)
                        }
                        op::CALL_BUILTIN_FAST_WITH_KEYWORDS => switch!(ops::call::call_builtin),
                        op::CALL_METHOD_DESCRIPTOR_NOARGS => {
                            let call = native_method!(*sp.sub(2), *sp.sub(1));
                            native!(call, 1, 2, 'd30)
                        }
                        op::CALL_METHOD_DESCRIPTOR_O => {
                            let call = native_method!(*sp.sub(3), *sp.sub(2));
                            native!(call, 2, 3, 'd31)
                        }
                        op::CALL_METHOD_DESCRIPTOR_FAST => {
                            if arg!() != 2 {
                                switch!(ops::call::call_method_descriptor)
                            }
                            let call = native_method!(*sp.sub(4), *sp.sub(3));
                            native!(call, 3, 4, 'd32)
                        }
                        op::CALL_METHOD_DESCRIPTOR_FAST_WITH_KEYWORDS => {
                            switch!(ops::call::call_method_descriptor)
                        }
                        op::CALL_BUILTIN_CLASS => switch!(ops::call::call_builtin_class),
                        op::CALL_NON_PY_GENERAL => {
                            switch!(ops::call::call_non_py)
                        }
                        op::CALL_LEN => {
                            let (callable, value) = (*sp.sub(3), *sp.sub(1));
                            if !callable.is_pointer()
                                || type_ptr(callable) != vm.exact.builtin_function
                                || std::ptr::from_ref(payload::<NativeFunction>(callable).def) as usize
                                    != vm.interp.state.special_builtins[0].get()
                                || !(*sp.sub(2)).is_empty()
                                || !value.is_pointer()
                            {
                                switch!(ops::call::call_len)
                            }
                            let len = quick::len(vm, value);
                            if len < 0 {
                                switch!(ops::call::call_len)
                            }
                            sp = sp.sub(2);
                            *sp.sub(1) = Slot((len as u64) << 2 | 1);
                            pc = pc.add(4);
                            release_object!(value);
                            release_object!(callable);
                            next!('d33)
                        }
                        op::CALL_ISINSTANCE => {
                            // Mostly an object is of the very class.
                            let (callable, value, class) = (*sp.sub(4), *sp.sub(2), *sp.sub(1));
                            if type_ptr_or_null(callable) != vm.exact.builtin_function
                                || std::ptr::from_ref(payload::<NativeFunction>(callable).def) as usize
                                    != vm.interp.state.special_builtins[1].get()
                                || !(*sp.sub(3)).is_empty()
                                || !class.is_pointer()
                            {
                                switch!(ops::call::call_isinstance)
                            }
                            let mut known = 1;
                            if type_ptr_or_null(value) != std::ptr::from_ref(payload::<Type>(class)) {
                                known = quick::is_instance(vm, value, class);
                                if known == quick::UNKNOWN {
                                    switch!(ops::call::call_isinstance)
                                }
                            }
                            sp = sp.sub(3);
                            *sp.sub(1) = Slot(TRUE);
                            pc = pc.add(4);
                            release_both!(value, class, pc);
                            release_object!(callable);
                            // Mostly a test of the result follows, and is done along with it.
                            if *pc as u8 == op::TO_BOOL_BOOL {
                                pc = pc.add(4);
                            }
                            truth!(known != 0, 'd55, 'd55, 'd55)
                        }
                        op::CALL_LIST_APPEND => {
                            // callable, list, item; the POP_TOP of the result that follows is skipped
                            let (callable, list) = (*sp.sub(3), *sp.sub(2));
                            if !callable.is_pointer()
                                || type_ptr(callable) != vm.exact.method_descriptor
                                || std::ptr::from_ref(payload::<MethodDescriptor>(callable).def) as usize
                                    != vm.interp.state.special_builtins[2].get()
                                || !list.is_pointer()
                                || list.is_empty()
                                || type_ptr(list) != vm.exact.list
                            {
                                switch!(ops::call::call_list_append)
                            }
                            let items = &mut *payload::<List>(list).items.as_ptr();
                            if items.len() == items.capacity() {
                                switch!(ops::call::call_list_append)
                            }
                            items.push((*sp.sub(1)).into_value());
                            sp = sp.sub(3);
                            pc = pc.add(5);
                            release_object!(list);
                            release_object!(callable);
                            next!('d34)
                        }
                        op::CALL_STR_1 | op::CALL_TUPLE_1 => switch!(ops::call::call_builtin_class),
                        op::CALL_TYPE_1 => {
                            let (callable, value) = (*sp.sub(3), *sp.sub(1));
                            if callable.clean_bits() != vm.types.type_.as_value().bits()
                                || !(*sp.sub(2)).is_empty()
                            {
                                switch!(ops::call::call_type_1)
                            }
                            let class = vm.type_of(&value.view()).to_ref().into_value();
                            sp = sp.sub(2);
                            *sp.sub(1) = Slot::new(class);
                            pc = pc.add(4);
                            release_both!(value, callable, pc);
                            next!('d34)
                        }
                        op::CALL_KW
                        | op::CALL_KW_PY
                        | op::CALL_KW_BOUND_METHOD
                        | op::CALL_KW_NON_PY => {
                            switch!(ops::call::call_kw)
                        }
                        op::CALL_FUNCTION_EX => switch!(ops::call::call_function_ex),
                        op::CALL_INTRINSIC_1 => slow!(ops::call::call_intrinsic_1),
                        op::CALL_INTRINSIC_2 => slow!(ops::call::call_intrinsic_2),
                        op::MAKE_FUNCTION => slow!(ops::call::make_function),
                        op::SET_FUNCTION_ATTRIBUTE => slow!(ops::call::set_function_attribute),
                        op::EXIT_INIT_CHECK => slow!(ops::call::exit_init_check),
                        op::INTERPRETER_EXIT => slow!(ops::control::bad_opcode),

                        // ---- containers ----
                        op::BUILD_TUPLE => slow!(ops::build::build_tuple),
                        op::BUILD_LIST => slow!(ops::build::build_list),
                        op::BUILD_SET => slow!(ops::build::build_set),
                        op::BUILD_MAP => slow!(ops::build::build_map),
                        op::BUILD_SLICE => slow!(ops::build::build_slice),
                        op::BUILD_STRING => slow!(ops::build::build_string),
                        op::BUILD_TEMPLATE => slow!(ops::build::build_template),
                        op::BUILD_INTERPOLATION => slow!(ops::build::build_interpolation),
                        op::FORMAT_SIMPLE => slow!(ops::build::format_simple),
                        op::FORMAT_WITH_SPEC => slow!(ops::build::format_with_spec),
                        op::CONVERT_VALUE => slow!(ops::build::convert_value),
                        op::LIST_APPEND => {
                        let list = *sp.sub(arg!() as usize + 1);
                        let items = &mut *payload::<List>(list).items.as_ptr();
                        if items.len() == items.capacity() {
                            slow!(ops::build::list_append)
                        }
                        sp = sp.sub(1);
                        // There is room.
                        let len = items.len();
                        items.as_mut_ptr().add(len).write((*sp).into_value());
                        items.set_len(len + 1);
                        pc = pc.add(1);
                        // Mostly the jump to the next item follows, which is done along with it.
                        let next = *pc as u32;
                        if matches!(next as u8, op::JUMP_BACKWARD | op::JUMP_BACKWARD_NO_JIT)
                            && vm.breaker.load(Ordering::Relaxed) == 0
                        {
                            pc = pc.add(2).sub((next >> 8) as usize);
                            next!('d34)
                        }
                        next!('d34)
                    }
                        op::LIST_EXTEND => slow!(ops::build::list_extend),
                        op::SET_ADD => slow!(ops::build::set_add),
                        op::SET_UPDATE => slow!(ops::build::set_update),
                        op::MAP_ADD => {
                            let (key, value) = (*sp.sub(2), *sp.sub(1));
                            let old = quick::store_item(vm, *sp.sub(arg!() as usize + 2), key, value);
                            if old == 0 {
                                slow!(ops::build::map_add)
                            }
                            sp = sp.sub(2);
                            pc = pc.add(1);
                            release!(key);
                            release!(Slot(old));
                            next!('d58)
                        }
                        op::DICT_MERGE => slow!(ops::build::dict_merge),
                        op::DICT_UPDATE => slow!(ops::build::dict_update),
                        op::UNPACK_SEQUENCE => slow!(ops::build::unpack_sequence),
                        op::UNPACK_SEQUENCE_TWO_TUPLE => {
                            let top = *sp.sub(1);
                            if !top.is_pointer() || type_ptr(top) != vm.exact.tuple {
                                slow!(ops::build::unpack_sequence_miss)
                            }
                            let items = payload::<Tuple>(top).items();
                            if items.len() != 2 {
                                slow!(ops::build::unpack_sequence_miss)
                            }
                            let (first, second) = (Slot::new(items[0].clone()), Slot::new(items[1].clone()));
                            *sp.sub(1) = second;
                            pc = pc.add(2);
                            // Mostly both are stored into local variables, which is done along with it.
                            let next = *pc as u32;
                            if next as u8 == op::STORE_FAST_STORE_FAST {
                                pc = pc.add(1);
                                // The end of a tuple whose items live on runs no Python.
                                release_object!(top);
                                let old = local!(next >> 12);
                                local!(next >> 12) = first;
                                // The second value stays on the stack meanwhile.
                                release!(old);
                                let old = local!(next >> 8 & 15);
                                local!(next >> 8 & 15) = second;
                                sp = sp.sub(1);
                                release!(old);
                                next!('d63)
                            }
                            push!(first);
                            release_object!(top);
                            next!('d35)
                        }
                        op::UNPACK_SEQUENCE_TUPLE | op::UNPACK_SEQUENCE_LIST => {
                            let top = *sp.sub(1);
                            if !top.is_pointer() {
                                slow!(ops::build::unpack_sequence_miss)
                            }
                            let ty = type_ptr(top);
                            let items: &[Value] = if ty == vm.exact.tuple {
                                payload::<Tuple>(top).items()
                            } else if ty == vm.exact.list {
                                &*payload::<List>(top).items.as_ptr()
                            } else {
                                slow!(ops::build::unpack_sequence_miss)
                            };
                            let n = arg!() as usize;
                            if items.len() != n || n == 0 {
                                slow!(ops::build::unpack_sequence_miss)
                            }
                            for i in 0..n {
                                *sp.add(n).sub(2 + i) = Slot::new(items.get_unchecked(i).clone());
                            }
                            sp = sp.add(n).sub(1);
                            pc = pc.add(2);
                            release_object!(top);
                            next!('d35)
                        }
                        op::UNPACK_EX => slow!(ops::build::unpack_ex),
                        op::GET_LEN => slow!(ops::build::get_len),
                        op::MATCH_CLASS => slow!(ops::build::match_class),
                        op::MATCH_KEYS => slow!(ops::build::match_keys),
                        op::MATCH_MAPPING => slow!(ops::build::match_mapping),
                        op::MATCH_SEQUENCE => slow!(ops::build::match_sequence),

                        // ---- exceptions, imports ----
                        op::RAISE_VARARGS => slow!(ops::control::raise_varargs),
                        op::RERAISE => slow!(ops::control::reraise),
                        op::PUSH_EXC_INFO => slow!(ops::control::push_exc_info),
                        op::POP_EXCEPT => slow!(ops::control::pop_except),
                        op::CHECK_EXC_MATCH => slow!(ops::control::check_exc_match),
                        op::CHECK_EG_MATCH => slow!(ops::control::check_eg_match),
                        op::WITH_EXCEPT_START => slow!(ops::control::with_except_start),
                        op::IMPORT_NAME => slow!(ops::control::import_name),
                        op::IMPORT_FROM => slow!(ops::control::import_from),

                        op::EXTENDED_ARG => {
                            pc = pc.add(1);
                            let unit = *pc as u32;
                            w = (unit & 255) | ((w & !255) | (unit >> 8)) << 8;
                            continue 'run;
                        }

                        // ---- instrumented forms: run by trace.rs, which then runs the plain one ----
                        op::INSTRUMENTED_END_FOR
                        | op::INSTRUMENTED_POP_ITER
                        | op::INSTRUMENTED_END_SEND
                        | op::INSTRUMENTED_FOR_ITER
                        | op::INSTRUMENTED_INSTRUCTION
                        | op::INSTRUMENTED_JUMP_FORWARD
                        | op::INSTRUMENTED_NOT_TAKEN
                        | op::INSTRUMENTED_POP_JUMP_IF_TRUE
                        | op::INSTRUMENTED_POP_JUMP_IF_FALSE
                        | op::INSTRUMENTED_POP_JUMP_IF_NONE
                        | op::INSTRUMENTED_POP_JUMP_IF_NOT_NONE
                        | op::INSTRUMENTED_RESUME
                        | op::INSTRUMENTED_RETURN_VALUE
                        | op::INSTRUMENTED_YIELD_VALUE
                        | op::INSTRUMENTED_END_ASYNC_FOR
                        | op::INSTRUMENTED_LOAD_SUPER_ATTR
                        | op::INSTRUMENTED_CALL
                        | op::INSTRUMENTED_CALL_KW
                        | op::INSTRUMENTED_CALL_FUNCTION_EX
                        | op::INSTRUMENTED_JUMP_BACKWARD
                        | op::INSTRUMENTED_LINE => {
                            match super::monitor::instrumented(vm, fp!(), pc, sp, w) {
                                Ok((p, s, plain)) => {
                                    lp = locals(vm.stack.current.get());
                                    pc = p;
                                    sp = s;
                                    w = plain;
                                    continue 'run;
                                }
                                Err(Raised) => break 'run,
                            }
                        }
                        op::RESERVED
                        | op::ENTER_EXECUTOR
                        // Single values: a range would leave the switch with a reachable default, and the dispatch merged.
                        | 124 | 125 | 126 | 127 | 212
                        | 213 | 214 | 215 | 216 | 217 | 218 | 219 | 220
                        | 221 | 222 | 223 | 224 | 225 | 226 | 227 | 228
                        | 229 | 230 | 231 | 232 | 233 => {
                            slow!(ops::control::bad_opcode)
                        }
                                        }}
                }
                std::arch::asm!("/* slow */", options(nomem, nostack, preserves_flags));
                w = *pc as u32;
            }
            // An exception has been raised; `pc` and `sp` of the frame are stored.
            lp = locals(vm.stack.current.get());
            match unwind::handle(vm, fp!()) {
                Some(frame) => {
                    lp = locals(frame);
                    pc = (*frame).pc;
                    sp = (*frame).sp;
                }
                None => return Err(Raised),
            }
        }
    }
}

/// Keeps the boxed float type in scope of the fast paths' documentation: see `ops::arith`.
const _: usize = size_of::<Float>();

#[allow(unused)]
fn _frame_is_word_aligned() {
    const { assert!(size_of::<Frame>().is_multiple_of(8)) }
}
