//! Passes that only take away: unreachable blocks, no-ops, jumps to the next instruction, jumps to tiny exits.
//!
//! A no-op survives when it is the only instruction on its line, since a tracer must see that line. CPython:
//! `remove_unreachable`, `basicblock_remove_redundant_nops`, `remove_redundant_jumps`,
//! `inline_small_or_no_lineno_blocks` in `Python/flowgraph.c`.

use naja_bytecode::opcode::wide::*;

use super::FlowError;
use super::cfg::{BlockId, Cfg, ENTRY, is_unconditional_jump};

/// Exit blocks up to this size are copied to where they are jumped to from.
const MAX_COPY_SIZE: usize = 4;

/// Counts predecessors and empties the blocks that have none.
pub fn remove_unreachable(cfg: &mut Cfg) {
    let order = cfg.order();
    for id in &order {
        cfg[*id].predecessors = 0;
    }
    cfg.clear_visited();
    cfg[ENTRY].predecessors = 1;
    cfg[ENTRY].visited = true;
    let mut todo = vec![ENTRY];
    while let Some(id) = todo.pop() {
        let mut reach = |cfg: &mut Cfg, to: BlockId| {
            let to_block = &mut cfg[to];
            to_block.predecessors += 1;
            if !to_block.visited {
                to_block.visited = true;
                todo.push(to);
            }
        };
        if let (Some(next), true) = (cfg[id].next, cfg[id].falls_through()) {
            reach(cfg, next);
        }
        for i in 0..cfg[id].instrs.len() {
            let instr = cfg[id].instrs[i];
            if let (true, Some(target)) = (instr.is_jump() || instr.is_block_push(), instr.target) {
                reach(cfg, target);
            }
        }
    }
    for id in order {
        let block = &mut cfg[id];
        if block.predecessors == 0 {
            block.leave_handlers(0);
            block.instrs.clear();
            block.except_handler = false;
        }
    }
}

/// Whether the no-op that ends a block is covered by the line on which the next block starts.
fn next_block_has_line(cfg: &Cfg, id: BlockId, lineno: i32) -> bool {
    let Some(next) = cfg.next_nonempty(cfg[id].next) else {
        return false;
    };
    // No-ops without a line will go away themselves.
    let first = cfg[next]
        .instrs
        .iter()
        .find(|i| i.opcode != NOP || i.loc.lineno >= 0);
    first.map_or(-1, |i| i.loc.lineno) == lineno
}

/// Removes the no-ops of one block that no tracer would miss; says how many.
fn remove_nops_of(cfg: &mut Cfg, id: BlockId) -> usize {
    if !cfg[id].instrs.iter().any(|i| i.opcode == NOP) {
        return 0;
    }
    let count = cfg[id].instrs.len();
    let mut kept = Vec::with_capacity(count);
    let mut previous_line = -1;
    for i in 0..count {
        let instr = cfg[id].instrs[i];
        let lineno = instr.loc.lineno;
        if instr.opcode == NOP {
            if lineno < 0 || previous_line == lineno {
                continue;
            }
            if i + 1 < count {
                let next = &mut cfg[id].instrs[i + 1];
                if next.loc.lineno == lineno {
                    continue;
                }
                if next.loc.lineno < 0 {
                    next.loc = instr.loc;
                    continue;
                }
            } else if next_block_has_line(cfg, id, lineno) {
                continue;
            }
        }
        kept.push(instr);
        previous_line = lineno;
    }
    let removed = count - kept.len();
    if removed > 0 {
        cfg[id].leave_handlers(kept.len());
        cfg[id].instrs = kept;
    }
    removed
}

/// Removes superfluous no-ops everywhere; says how many.
pub fn remove_nops(cfg: &mut Cfg) -> usize {
    cfg.order()
        .into_iter()
        .map(|id| remove_nops_of(cfg, id))
        .sum()
}

/// Removes no-ops and pairs of instructions that push a constant or a copy and pop it at once.
pub fn remove_nops_and_pairs(cfg: &mut Cfg) {
    let order = cfg.order();
    loop {
        let mut done = true;
        let mut previous: Option<(BlockId, usize)> = None;
        for &id in &order {
            remove_nops_of(cfg, id);
            if cfg[id].label >= 0 {
                previous = None;
            }
            for i in 0..cfg[id].instrs.len() {
                if cfg[id].instrs[i].opcode == POP_TOP
                    && let Some((block, at)) = previous
                {
                    let pushed = cfg[block].instrs[at];
                    let pair = matches!(pushed.opcode, LOAD_CONST | LOAD_SMALL_INT)
                        || (pushed.opcode == COPY && pushed.oparg == 1);
                    if pair {
                        cfg[block].instrs[at].nop();
                        cfg[id].instrs[i].nop();
                        done = false;
                    }
                }
                previous = Some((id, i));
            }
            let ends_in_jump = previous.is_some_and(|(b, i)| cfg[b].instrs[i].is_jump());
            if ends_in_jump || !cfg[id].falls_through() {
                previous = None;
            }
        }
        if done {
            return;
        }
    }
}

/// Turns jumps to the next instruction into no-ops; says how many.
fn remove_jumps(cfg: &mut Cfg) -> Result<usize, FlowError> {
    let mut changes = 0;
    for id in cfg.order() {
        let Some(last) = cfg[id].instrs.last().copied() else {
            continue;
        };
        if !is_unconditional_jump(last.opcode) {
            continue;
        }
        let Some(target) = cfg.next_nonempty(last.target) else {
            return Err(FlowError::system("jump with NULL target".into()));
        };
        if cfg.next_nonempty(cfg[id].next) == Some(target) {
            changes += 1;
            if let Some(last) = cfg[id].instrs.last_mut() {
                last.nop();
            }
        }
    }
    Ok(changes)
}

/// Removes superfluous no-ops and jumps until none is left.
pub fn remove_nops_and_jumps(cfg: &mut Cfg) -> Result<(), FlowError> {
    loop {
        let nops = remove_nops(cfg);
        let jumps = remove_jumps(cfg)?;
        if nops + jumps == 0 {
            return Ok(());
        }
    }
}

/// Replaces jumps to small exits, and to blocks without lines that do not fall through, by a copy of the target.
pub fn inline_small_blocks(cfg: &mut Cfg) {
    let order = cfg.order();
    loop {
        let mut changed = false;
        for &id in &order {
            changed |= inline_target(cfg, id);
        }
        if !changed {
            return;
        }
    }
}

fn inline_target(cfg: &mut Cfg, id: BlockId) -> bool {
    let Some(last) = cfg[id].instrs.last().copied() else {
        return false;
    };
    let Some(target) = last.target.filter(|_| is_unconditional_jump(last.opcode)) else {
        return false;
    };
    let block = &cfg[target];
    let small_exit = block.exits_scope() && block.instrs.len() <= MAX_COPY_SIZE;
    let no_lines = block.has_no_lineno() && !block.falls_through();
    if !small_exit && !no_lines {
        return false;
    }
    let copied = block.instrs.clone();
    cfg[target].predecessors -= 1;
    let instrs = &mut cfg[id].instrs;
    if let Some(jump) = instrs.last_mut() {
        jump.nop();
    }
    instrs.extend(copied);
    if let (true, Some(end)) = (no_lines, instrs.last_mut())
        && is_unconditional_jump(end.opcode)
        && last.opcode == JUMP
    {
        // The eval breaker that the removed jump checked must still be checked.
        end.opcode = JUMP;
    }
    true
}
