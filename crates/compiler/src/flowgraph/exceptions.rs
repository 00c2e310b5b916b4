//! Jump targets and exception handlers: from labels to blocks, and for each instruction the handler that covers it.
//!
//! Handlers are found by walking the graph with a stack of open blocks; after that `POP_BLOCK` is a no-op, and the block
//! openers matter only as the place a handler's stack depth is computed from. CPython: "CFG preprocessing" in
//! `Python/flowgraph.c`.

use std::rc::Rc;

use naja_bytecode::opcode::resume;
use naja_bytecode::opcode::wide::*;

use super::FlowError;
use super::cfg::{BlockId, Cfg, ENTRY};
use crate::instruction_sequence::has_target;

/// Gives every instruction whose argument is a label the block of that label.
pub fn resolve_targets(cfg: &mut Cfg) -> Result<(), FlowError> {
    let order = cfg.order();
    let mut by_label: Vec<Option<BlockId>> = vec![None; (cfg.max_label() + 1) as usize];
    for id in &order {
        if let Ok(label) = usize::try_from(cfg[*id].label) {
            by_label[label] = Some(*id);
        }
    }
    for id in order {
        for instr in cfg[id].instrs.iter_mut().filter(|i| has_target(i.opcode)) {
            let target = usize::try_from(instr.oparg)
                .ok()
                .and_then(|l| by_label.get(l).copied().flatten());
            if target.is_none() {
                return Err(FlowError::system(format!(
                    "no block for label {}",
                    instr.oparg
                )));
            }
            instr.target = target;
        }
    }
    Ok(())
}

/// Marks the blocks that exceptions enter.
pub fn mark_handlers(cfg: &mut Cfg) {
    for id in cfg.order() {
        for i in 0..cfg[id].instrs.len() {
            let instr = cfg[id].instrs[i];
            if let (true, Some(target)) = (instr.is_block_push(), instr.target) {
                cfg[target].except_handler = true;
            }
        }
    }
}

/// Records for each instruction the innermost handler, and completes the arguments of `RESUME`.
pub fn label_handlers(cfg: &mut Cfg) -> Result<(), FlowError> {
    cfg.clear_visited();
    cfg[ENTRY].visited = true;
    cfg[ENTRY].except_stack = Some(Rc::default());
    let mut todo = vec![ENTRY];
    while let Some(id) = todo.pop() {
        let stack = cfg[id].except_stack.take().unwrap_or_default();
        let stack = label_block(cfg, id, stack, &mut todo)?;
        if let (true, Some(next)) = (cfg[id].falls_through(), cfg[id].next) {
            visit(cfg, next, &stack, &mut todo);
        }
    }
    Ok(())
}

fn visit(cfg: &mut Cfg, block: BlockId, stack: &Rc<Vec<BlockId>>, todo: &mut Vec<BlockId>) {
    let block_data = &mut cfg[block];
    if !block_data.visited {
        block_data.visited = true;
        block_data.except_stack = Some(stack.clone());
        todo.push(block);
    }
}

fn label_block(
    cfg: &mut Cfg,
    id: BlockId,
    mut stack: Rc<Vec<BlockId>>,
    todo: &mut Vec<BlockId>,
) -> Result<Rc<Vec<BlockId>>, FlowError> {
    let mut last_yield_depth = None;
    for i in 0..cfg[id].instrs.len() {
        let instr = cfg[id].instrs[i];
        if instr.is_block_push() {
            let Some(target) = instr.target else { continue };
            visit(cfg, target, &stack, todo);
            if instr.opcode != SETUP_FINALLY {
                cfg[target].preserve_lasti = true;
            }
            Rc::make_mut(&mut stack).push(target);
            continue;
        }
        if instr.opcode == POP_BLOCK {
            if Rc::make_mut(&mut stack).pop().is_none() {
                return Err(FlowError::system("POP_BLOCK without an open block".into()));
            }
            cfg[id].instrs[i].nop();
            continue;
        }
        let handler = stack.last().copied();
        let slot = &mut cfg[id].instrs[i];
        slot.except = handler;
        match instr.opcode {
            YIELD_VALUE => last_yield_depth = Some(stack.len()),
            RESUME if instr.oparg != i32::from(resume::AT_FUNC_START) => {
                if last_yield_depth == Some(1) {
                    slot.oparg |= i32::from(resume::DEPTH1_MASK);
                }
                last_yield_depth = None;
            }
            _ => {
                if let (true, Some(target)) = (instr.is_jump(), instr.target) {
                    visit(cfg, target, &stack, todo);
                }
            }
        }
    }
    Ok(stack)
}
