//! Assigning `f_lineno`: which instruction a debugger may jump to, and what the stack must lose for it.
//!
//! The kinds of the values on the stack before each instruction are computed from the code; a jump is possible where the
//! target's stack is the lower part of the present one. CPython: `frame_lineno_set_impl`, `mark_stacks` in
//! Objects/frameobject.c.

use super::FrameObject;
use crate::interpreter::frame::{Owner, locals};
use crate::interpreter::monitor::{event, jump_instructions, jump_lines, jump_target};
use crate::objects::code::CodeObject;
use crate::vm::{PyResult, Vm};
use naja_bytecode::code::{flags, kind};
use naja_bytecode::exception_table;
use naja_bytecode::opcode::{self, op};
use naja_heap::slot::Slot;
use naja_heap::{Ref, Value};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Iterator,
    Except,
    Object,
    Null,
    Lasti,
}

type Stack = Vec<Kind>;

/// The stack that an instruction leaves when it goes on to the next; None where it does not.
fn after(opcode: u8, oparg: usize, mut stack: Stack) -> Option<Stack> {
    match opcode {
        op::POP_JUMP_IF_FALSE
        | op::POP_JUMP_IF_TRUE
        | op::POP_JUMP_IF_NONE
        | op::POP_JUMP_IF_NOT_NONE => {
            stack.pop();
        }
        op::SEND => {}
        op::GET_ITER | op::GET_AITER => {
            stack.pop();
            stack.push(Kind::Iterator);
        }
        op::FOR_ITER => stack.push(Kind::Object),
        op::END_ASYNC_FOR => {
            stack.pop();
            stack.pop();
        }
        op::PUSH_EXC_INFO => stack.push(Kind::Except),
        op::POP_EXCEPT => {
            stack.pop();
        }
        op::RETURN_VALUE
        | op::RAISE_VARARGS
        | op::RERAISE
        | op::JUMP_FORWARD
        | op::JUMP_BACKWARD
        | op::JUMP_BACKWARD_NO_INTERRUPT => return None,
        op::PUSH_NULL => stack.push(Kind::Null),
        op::LOAD_GLOBAL => {
            stack.push(Kind::Object);
            if oparg & 1 != 0 {
                stack.push(Kind::Null);
            }
        }
        op::LOAD_ATTR => {
            if oparg & 1 != 0 {
                stack.pop();
                stack.extend([Kind::Object, Kind::Null]);
            }
        }
        op::SWAP => {
            let (top, other) = (stack.len().checked_sub(1)?, stack.len().checked_sub(oparg)?);
            stack.swap(top, other);
        }
        op::COPY => {
            let copied = *stack.get(stack.len().checked_sub(oparg)?)?;
            stack.push(copied);
        }
        _ => {
            let effect = opcode::stack_effect(opcode.into(), oparg as u32, None)?;
            for _ in effect..0 {
                stack.pop();
            }
            stack.extend(std::iter::repeat_n(Kind::Object, effect.max(0) as usize));
        }
    }
    Some(stack)
}

/// The stack before each unit that can be reached.
fn mark_stacks(code: &CodeObject) -> Vec<Option<Stack>> {
    let instrs = jump_instructions(code);
    let mut stacks: Vec<Option<Stack>> = vec![None; code.units().len() + 1];
    let generator =
        code.flags & (flags::GENERATOR | flags::COROUTINE | flags::ASYNC_GENERATOR) != 0;
    if let Some(first) = stacks.first_mut() {
        *first = Some(if generator {
            vec![Kind::Object]
        } else {
            Vec::new()
        });
    }
    let entries: Vec<_> = exception_table::entries(code.exceptiontable()).collect();
    let mut todo = true;
    while todo {
        todo = false;
        for instr in &instrs {
            let Some(stack) = stacks.get(instr.at).cloned().flatten() else {
                continue;
            };
            if let Some(target) = jump_target(instr) {
                let mut taken = stack.clone();
                match instr.opcode {
                    op::POP_JUMP_IF_FALSE
                    | op::POP_JUMP_IF_TRUE
                    | op::POP_JUMP_IF_NONE
                    | op::POP_JUMP_IF_NOT_NONE => {
                        taken.pop();
                    }
                    _ => {}
                }
                if let Some(place @ None) = stacks.get_mut(target) {
                    todo |= target < instr.at;
                    *place = Some(taken);
                }
            }
            if let Some(next) = after(instr.opcode, instr.oparg, stack)
                && let Some(place @ None) = stacks.get_mut(instr.next)
            {
                *place = Some(next);
            }
        }
        for entry in &entries {
            let Some(Some(start)) = stacks.get(entry.start as usize) else {
                continue;
            };
            let mut stack = start.clone();
            stack.truncate(entry.depth as usize);
            if entry.lasti {
                stack.push(Kind::Lasti);
            }
            stack.push(Kind::Except);
            if let Some(place @ None) = stacks.get_mut(entry.target as usize) {
                *place = Some(stack);
                todo = true;
            }
        }
    }
    stacks
}

fn compatible(from: &Stack, to: &Stack) -> bool {
    to.len() <= from.len()
        && from.iter().zip(to).all(|(from, to)| match to {
            Kind::Object => *from != Kind::Null,
            Kind::Null => true,
            _ => from == to,
        })
}

fn explain(to: &Option<Stack>) -> &'static str {
    match to.as_ref().map(|stack| stack.last()) {
        None => "can't jump into an unreachable code",
        Some(Some(Kind::Except)) => "can't jump into an 'except' block as there's no exception",
        Some(Some(Kind::Lasti)) => "can't jump into a re-raising block as there's no location",
        Some(Some(Kind::Iterator)) => "can't jump into the body of a for loop",
        Some(_) => "incompatible stacks",
    }
}

/// For each unit the line that starts there, -1 elsewhere.
fn starts_of_lines(code: &CodeObject) -> Vec<i32> {
    let lines = jump_lines(code);
    let mut out = vec![-1; lines.len()];
    let mut last = -1;
    for instr in jump_instructions(code) {
        let line = lines.get(instr.at).copied().unwrap_or(-1);
        if line >= 0 && line != last {
            out[instr.at] = line;
        }
        last = line;
    }
    out
}

/// `frame.f_lineno = value`. Raises ValueError where no jump is possible.
pub fn set_line(vm: &Vm, frame: &Ref<FrameObject>, value: Option<Value>) -> PyResult<()> {
    let Some(value) = value else {
        return Err(vm.attribute_error("cannot delete attribute"));
    };
    if !crate::protocols::number::is_int(vm, &value) {
        return Err(vm.value_error("lineno must be an integer"));
    }
    let pointer = frame.frame.get();
    if frame.trace().is_none() || pointer.is_null() {
        return Err(vm.value_error("f_lineno can only be set in a trace function"));
    }
    match vm.trace.what() {
        Some(event::PY_RESUME | event::PY_START | event::PY_THROW) => {
            return Err(vm.value_error("can't jump from the 'call' trace event of a new frame"));
        }
        Some(event::CALL | event::C_RETURN) => {
            return Err(vm.value_error("can't jump during a call"));
        }
        Some(event::LINE | event::PY_YIELD | event::INSTRUCTION) => {}
        _ => return Err(vm.value_error("can only jump from a 'line' trace event")),
    }
    let Some(line) =
        crate::protocols::number::index_i64(vm, &value)?.and_then(|n| i32::try_from(n).ok())
    else {
        return Err(vm.value_error("lineno out of range"));
    };
    let code = frame.code().clone();
    if line < code.firstlineno {
        return Err(vm.value_error(format!("line {line} comes before the current code block")));
    }
    let starts = starts_of_lines(&code);
    let Some(line) = starts.iter().copied().filter(|&l| l >= line).min() else {
        return Err(vm.value_error(format!("line {line} comes after the current code block")));
    };
    let stacks = mark_stacks(&code);
    let mut start = stacks.get(frame.instruction()).cloned().flatten();
    // SAFETY: the frame is live.
    let suspended = unsafe { (*pointer).owner == Owner::Generator && !is_running(vm, pointer) };
    if suspended && let Some(stack) = &mut start {
        stack.pop();
    }
    let mut best: Option<(usize, usize)> = None;
    let mut problem = "cannot find bytecode for specified line";
    for at in starts
        .iter()
        .enumerate()
        .filter(|(_, l)| **l == line)
        .map(|(at, _)| at)
    {
        let Some(target) = stacks.get(at) else {
            continue;
        };
        match (&start, target) {
            (Some(from), Some(to)) if compatible(from, to) => {
                if best.is_none_or(|(depth, _)| to.len() > depth) {
                    best = Some((to.len(), at));
                }
            }
            (None, _) => problem = "can't jump from unreachable code",
            _ => problem = explain(target),
        }
    }
    let (Some((depth, at)), Some(start)) = (best, start) else {
        return Err(vm.value_error(problem));
    };
    bind_unbound(vm, frame, &code)?;
    // SAFETY: the frame stands still while its trace function runs; its stack holds what `start` says.
    unsafe {
        for kind in start[depth..].iter().rev() {
            (*pointer).sp = (*pointer).sp.sub(1);
            let slot = *(*pointer).sp;
            if *kind == Kind::Except {
                let old = if slot.is_empty() {
                    None
                } else {
                    Some(slot.into_value())
                };
                drop(vm.exc_state().value.replace(old.filter(|v| !v.is_none())));
            } else if !slot.is_empty() {
                slot.release();
            }
        }
        (*pointer).pc = code.first_unit().add(at);
        (*pointer).last_line = line;
    }
    Ok(())
}

fn is_running(vm: &Vm, frame: *mut crate::interpreter::frame::Frame) -> bool {
    let mut at = vm.current_frame();
    // SAFETY: the chain of frames from the current one is live.
    unsafe {
        while !at.is_null() {
            if at == frame {
                return true;
            }
            at = (*at).prev;
        }
    }
    false
}

/// Code may rely on variables being bound where it cannot be reached otherwise: the unbound ones become None.
fn bind_unbound(vm: &Vm, frame: &Ref<FrameObject>, code: &CodeObject) -> PyResult<()> {
    let pointer = frame.frame.get();
    let plain = |i: usize| {
        let kinds = code.localspluskinds().get(i).copied().unwrap_or(0);
        kinds & kind::LOCAL != 0 && kinds & (kind::CELL | kind::HIDDEN) == 0
    };
    let unbound: Vec<usize> = (0..code.nlocalsplus as usize)
        .filter(|&i| plain(i) && frame.slot(i).is_none())
        .collect();
    if unbound.is_empty() {
        return Ok(());
    }
    let s = if unbound.len() == 1 { "" } else { "s" };
    let message = format!("assigning None to {} unbound local{s}", unbound.len());
    vm.warn(&vm.types.runtime_warning, message, 1)?;
    for i in unbound {
        // SAFETY: a slot of the live frame, which is empty.
        unsafe { *locals(pointer).add(i) = Slot::new(Value::NONE) }
    }
    Ok(())
}
