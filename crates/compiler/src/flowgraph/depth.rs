//! Stack depth: at the start of each block, and the largest.
//!
//! Cycles have no net effect, so each block is visited once; reaching a block with two different depths is an error of
//! the code generator. CPython: `calculate_stackdepth` in `Python/flowgraph.c`.

use naja_bytecode::opcode;
use naja_bytecode::opcode::wide::*;

use super::FlowError;
use super::cfg::{BlockId, Cfg, ENTRY, Instr, is_scope_exit, is_unconditional_jump};
use crate::instruction_sequence::has_target;

fn effect(instr: &Instr, jump: bool) -> Result<i32, FlowError> {
    let oparg = u32::try_from(instr.oparg).ok();
    oparg
        .and_then(|oparg| opcode::stack_effect(instr.opcode, oparg, Some(jump)))
        .ok_or_else(|| {
            FlowError::system(format!(
                "Invalid stack effect for opcode={}, arg={}",
                instr.opcode, instr.oparg
            ))
        })
}

fn reach(
    cfg: &mut Cfg,
    todo: &mut Vec<BlockId>,
    block: BlockId,
    depth: i32,
) -> Result<(), FlowError> {
    let start = &mut cfg[block].start_depth;
    if *start >= 0 && *start != depth {
        return Err(FlowError::value("Invalid CFG, inconsistent stackdepth"));
    }
    if *start < depth && *start < 100 {
        *start = depth;
        todo.push(block);
    }
    Ok(())
}

/// Fills in the blocks' start depths and returns the largest depth.
pub fn stack_depth(cfg: &mut Cfg) -> Result<i32, FlowError> {
    for id in cfg.order() {
        cfg[id].start_depth = i32::MIN;
    }
    let mut largest = 0;
    let mut todo = Vec::new();
    reach(cfg, &mut todo, ENTRY, 0)?;
    while let Some(id) = todo.pop() {
        let mut depth = cfg[id].start_depth;
        let mut next = cfg[id].next;
        for i in 0..cfg[id].instrs.len() {
            let instr = cfg[id].instrs[i];
            let after = depth + effect(&instr, false)?;
            if after < 0 {
                return Err(FlowError::value("Invalid CFG, stack underflow"));
            }
            largest = largest.max(depth);
            if let (true, Some(target)) = (
                has_target(instr.opcode) && instr.opcode != END_ASYNC_FOR,
                instr.target,
            ) {
                let there = depth + effect(&instr, true)?;
                reach(cfg, &mut todo, target, there)?;
            }
            depth = after;
            if is_unconditional_jump(instr.opcode) || is_scope_exit(instr.opcode) {
                next = None;
                break;
            }
        }
        if let Some(next) = next {
            reach(cfg, &mut todo, next, depth)?;
        }
    }
    Ok(largest)
}
