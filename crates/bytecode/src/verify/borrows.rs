//! Checks that borrowed loads are outlived by the locals they borrow from.
//!
//! Each basic block is run on a stack that remembers, for every value, the local it is borrowed from. While a borrowed
//! value is on the stack its local must not be overwritten, deleted or moved into a cell; it must not be stored into a
//! local, nor stay on the stack at the end of the block or where an exception would leave it for a handler. This is the
//! rule by which the compiler chooses borrowing loads (`naja_compiler::flowgraph`), so its code always passes. Values
//! that an instruction hands through keep their mark; `LOAD_SPECIAL` is taken to push references of its own. CPython
//! trusts its compiler here.

use super::{Fault, fail};
use crate::code::Code;
use crate::dis::Instruction;
use crate::exception_table::Entry;
use crate::opcode::{self, op};

/// A value on the stack: the local it is borrowed from, if any.
type Value = Option<u32>;

/// Checks code whose stack depths (before each instruction, -1 where control never comes) are known.
pub(super) fn check(
    code: &Code,
    instrs: &[Instruction],
    depths: &[i64],
    table: &[Entry],
) -> Result<(), Fault> {
    let borrows = |i: &Instruction| {
        matches!(
            i.opcode,
            op::LOAD_FAST_BORROW | op::LOAD_FAST_BORROW_LOAD_FAST_BORROW
        )
    };
    if !instrs.iter().any(borrows) {
        return Ok(());
    }
    let leaders = leaders(code, instrs, table);
    let mut stack: Vec<Value> = Vec::new();
    for (i, instr) in instrs.iter().enumerate() {
        let Ok(depth) = usize::try_from(depths[i]) else {
            continue;
        };
        if leaders[instr.start] || i == 0 || depths[i - 1] < 0 {
            stack.clear();
            stack.resize(depth, None);
        }
        let covering = table
            .partition_point(|e| e.start as usize <= instr.offset)
            .checked_sub(1)
            .map(|k| table[k]);
        if let Some(entry) = covering.filter(|e| instr.offset < e.end as usize) {
            let kept = stack.get(..entry.depth as usize).unwrap_or_default();
            if kept.iter().any(Option::is_some) {
                return fail(instr.offset, "a handler keeps a borrowed value");
            }
        }
        step(&mut stack, instr)?;
        let block_ends = instrs.get(i + 1).is_none_or(|next| leaders[next.start]);
        if block_ends && stack.iter().any(Option::is_some) {
            return fail(instr.offset, "a borrowed value outlives its block");
        }
    }
    Ok(())
}

/// The units where blocks start.
fn leaders(code: &Code, instrs: &[Instruction], table: &[Entry]) -> Vec<bool> {
    let mut leaders = vec![false; code.code.len() / 2 + 1];
    let mut mark = |unit: usize| {
        if let Some(leader) = leaders.get_mut(unit) {
            *leader = true;
        }
    };
    for instr in instrs {
        if let Some(target) = instr.jump_target() {
            mark(target);
            mark(instr.end);
        }
        if matches!(
            instr.opcode,
            op::RETURN_VALUE | op::RAISE_VARARGS | op::RERAISE
        ) {
            mark(instr.end);
        }
    }
    table.iter().for_each(|e| mark(e.target as usize));
    leaders
}

const UNDERFLOW: &str = "stack underflow";

fn pop(stack: &mut Vec<Value>, at: usize) -> Result<Value, Fault> {
    stack.pop().ok_or(Fault {
        unit: at,
        message: UNDERFLOW,
    })
}

fn kill(stack: &[Value], local: u32, at: usize) -> Result<(), Fault> {
    if stack.contains(&Some(local)) {
        return fail(at, "a local changes while a value is borrowed from it");
    }
    Ok(())
}

fn store(stack: &mut Vec<Value>, local: u32, at: usize) -> Result<(), Fault> {
    if pop(stack, at)?.is_some() {
        return fail(at, "a borrowed value is stored in a local");
    }
    kill(stack, local, at)
}

fn step(stack: &mut Vec<Value>, instr: &Instruction) -> Result<(), Fault> {
    let (at, oparg) = (instr.offset, instr.oparg);
    let place = |stack: &Vec<Value>, depth: u32| {
        let place = usize::try_from(depth)
            .ok()
            .and_then(|d| stack.len().checked_sub(d));
        place.filter(|p| *p < stack.len()).ok_or(Fault {
            unit: at,
            message: UNDERFLOW,
        })
    };
    match instr.opcode {
        op::LOAD_FAST_BORROW => stack.push(Some(oparg)),
        op::LOAD_FAST_BORROW_LOAD_FAST_BORROW => stack.extend([Some(oparg >> 4), Some(oparg & 15)]),
        op::STORE_FAST => store(stack, oparg, at)?,
        op::STORE_FAST_LOAD_FAST => {
            store(stack, oparg >> 4, at)?;
            stack.push(None);
        }
        op::STORE_FAST_STORE_FAST => {
            store(stack, oparg >> 4, at)?;
            store(stack, oparg & 15, at)?;
        }
        op::DELETE_FAST | op::MAKE_CELL => kill(stack, oparg, at)?,
        op::COPY_FREE_VARS if stack.iter().any(Option::is_some) => {
            return fail(at, "a local changes while a value is borrowed from it");
        }
        op::LOAD_FAST_AND_CLEAR => {
            kill(stack, oparg, at)?;
            stack.push(None);
        }
        op::COPY => {
            let copied = stack[place(stack, oparg)?];
            stack.push(copied);
        }
        op::SWAP => {
            let (lower, top) = (place(stack, oparg)?, place(stack, 1)?);
            stack.swap(lower, top);
        }
        // Look at values and leave them.
        op::GET_ANEXT
        | op::GET_LEN
        | op::IMPORT_FROM
        | op::MATCH_KEYS
        | op::MATCH_MAPPING
        | op::MATCH_SEQUENCE
        | op::WITH_EXCEPT_START
        | op::FOR_ITER => stack.push(None),
        op::DICT_MERGE
        | op::DICT_UPDATE
        | op::LIST_APPEND
        | op::LIST_EXTEND
        | op::MAP_ADD
        | op::RERAISE
        | op::SET_ADD
        | op::SET_UPDATE => {
            let net = opcode::stack_effect(u16::from(instr.opcode), oparg, None).unwrap_or(0);
            for _ in net..0 {
                pop(stack, at)?;
            }
        }
        op::CHECK_EXC_MATCH | op::SEND => {
            pop(stack, at)?;
            stack.push(None);
        }
        // Hand the value on.
        op::GET_YIELD_FROM_ITER | op::FORMAT_SIMPLE => {}
        // Must push a reference of the machine's own: `with` keeps the object for its handler.
        op::LOAD_SPECIAL => {
            pop(stack, at)?;
            stack.extend([None, None]);
        }
        op::LOAD_ATTR | op::LOAD_SUPER_ATTR => {
            let receiver = pop(stack, at)?;
            if instr.opcode == op::LOAD_SUPER_ATTR {
                pop(stack, at)?;
                pop(stack, at)?;
            }
            stack.push(None);
            if oparg & 1 != 0 {
                stack.push(receiver);
            }
        }
        op::END_SEND | op::SET_FUNCTION_ATTRIBUTE => {
            let kept = pop(stack, at)?;
            pop(stack, at)?;
            stack.push(kept);
        }
        op::PUSH_EXC_INFO => {
            let exception = pop(stack, at)?;
            stack.extend([None, exception]);
        }
        opcode => {
            let opcode = u16::from(opcode);
            for _ in 0..opcode::popped(opcode, oparg).unwrap_or(0) {
                pop(stack, at)?;
            }
            for _ in 0..opcode::pushed(opcode, oparg).unwrap_or(0) {
                stack.push(None);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::verify;
    use super::*;
    use crate::code::kind;

    fn message(body: &[(u8, u8)]) -> &'static str {
        let code = body.iter().flat_map(|(opcode, oparg)| {
            let caches = 2 * usize::from(opcode::cache_entries(u16::from(*opcode)));
            [*opcode, *oparg]
                .into_iter()
                .chain(std::iter::repeat_n(0, caches))
        });
        let code = Code {
            code: code.collect(),
            stacksize: 4,
            names: vec!["m".into()],
            localsplusnames: vec!["a".into(), "b".into()],
            localspluskinds: vec![kind::LOCAL; 2],
            ..Code::default()
        };
        verify(&code).map_or_else(|f| f.message, |()| "")
    }

    #[test]
    fn faults() {
        let borrow = (op::LOAD_FAST_BORROW, 0);
        let end = (op::RETURN_VALUE, 0);
        assert_eq!(message(&[borrow, end]), "");
        assert_eq!(message(&[borrow, (op::DELETE_FAST, 1), end]), "");
        assert_eq!(
            message(&[borrow, (op::DELETE_FAST, 0), end]),
            "a local changes while a value is borrowed from it"
        );
        assert_eq!(
            message(&[borrow, (op::STORE_FAST, 1), borrow, end]),
            "a borrowed value is stored in a local"
        );
        let method = [
            borrow,
            (op::LOAD_ATTR, 1),
            (op::DELETE_FAST, 0),
            (op::CALL, 0),
            end,
        ];
        assert_eq!(
            message(&method),
            "a local changes while a value is borrowed from it"
        );
        let jump = [borrow, (op::JUMP_FORWARD, 0), end];
        assert_eq!(message(&jump), "a borrowed value outlives its block");
    }
}
