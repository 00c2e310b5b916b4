//! The final shape: superinstructions, cold blocks last, pseudo operations lowered, jumps in their direction.
//!
//! CPython: `insert_superinstructions`, `push_cold_blocks_to_end`, `convert_pseudo_conditional_jumps`,
//! `convert_pseudo_ops`, `normalize_jumps` in `Python/flowgraph.c`.

use naja_bytecode::opcode::wide::*;

use super::FlowError;
use super::cfg::{BlockId, Cfg, ENTRY, Instr, is_conditional_jump};
use super::cleanup;
use crate::instruction_sequence::Location;

/// Joins neighbouring loads and stores of locals with small numbers.
pub fn insert_superinstructions(cfg: &mut Cfg) {
    for id in cfg.order() {
        let instrs = &mut cfg[id].instrs;
        for i in 1..instrs.len() {
            let (first, second) = (instrs[i - 1], instrs[i]);
            let joined = match (first.opcode, second.opcode) {
                (LOAD_FAST, LOAD_FAST) => LOAD_FAST_LOAD_FAST,
                (STORE_FAST, LOAD_FAST) => STORE_FAST_LOAD_FAST,
                (STORE_FAST, STORE_FAST) => STORE_FAST_STORE_FAST,
                _ => continue,
            };
            let (line1, line2) = (first.loc.lineno, second.loc.lineno);
            if (line1 >= 0 && line2 >= 0 && line1 != line2)
                || first.oparg >= 16
                || second.oparg >= 16
            {
                continue;
            }
            instrs[i - 1].set(joined, first.oparg << 4 | second.oparg);
            instrs[i].nop();
        }
    }
    cleanup::remove_nops(cfg);
}

fn mark_warm(cfg: &mut Cfg) {
    cfg.clear_visited();
    cfg[ENTRY].visited = true;
    let mut todo = vec![ENTRY];
    while let Some(id) = todo.pop() {
        cfg[id].warm = true;
        for to in successors(cfg, id) {
            if !cfg[to].visited {
                cfg[to].visited = true;
                todo.push(to);
            }
        }
    }
}

/// Where normal flow goes on: the next block, then jump targets.
fn successors(cfg: &Cfg, id: BlockId) -> Vec<BlockId> {
    let block = &cfg[id];
    let next = block.next.filter(|_| block.falls_through());
    let jumps = block
        .instrs
        .iter()
        .filter(|i| i.is_jump())
        .filter_map(|i| i.target);
    next.into_iter().chain(jumps).collect()
}

fn mark_cold(cfg: &mut Cfg) {
    mark_warm(cfg);
    cfg.clear_visited();
    let mut todo = Vec::new();
    for id in cfg.order() {
        if cfg[id].except_handler {
            cfg[id].visited = true;
            todo.push(id);
        }
    }
    while let Some(id) = todo.pop() {
        cfg[id].cold = true;
        for to in successors(cfg, id) {
            if !cfg[to].warm && !cfg[to].visited {
                cfg[to].visited = true;
                todo.push(to);
            }
        }
    }
}

/// Moves the blocks that only exceptions lead to behind all others, in their order.
pub fn move_cold_blocks(cfg: &mut Cfg) -> Result<(), FlowError> {
    if cfg[ENTRY].next.is_none() {
        return Ok(());
    }
    mark_cold(cfg);
    let mut next_label = cfg.max_label() + 1;
    for id in cfg.order() {
        let block = &cfg[id];
        let Some(next) = block
            .next
            .filter(|next| block.cold && block.falls_through() && cfg[*next].warm)
        else {
            continue;
        };
        if cfg[next].label < 0 {
            cfg[next].label = next_label;
            next_label += 1;
        }
        let jump = cfg.new_block();
        cfg.add_jump(jump, JUMP_NO_INTERRUPT, next, Location::NONE);
        cfg[jump].cold = true;
        cfg[jump].next = Some(next);
        cfg[jump].predecessors = 1;
        cfg[id].next = Some(jump);
    }
    let order = cfg.order();
    let (cold, hot): (Vec<BlockId>, Vec<BlockId>) = order.into_iter().partition(|id| cfg[*id].cold);
    let moved = !cold.is_empty();
    let order: Vec<BlockId> = hot.into_iter().chain(cold).collect();
    for (i, id) in order.iter().enumerate() {
        cfg[*id].next = order.get(i + 1).copied();
    }
    if moved {
        cleanup::remove_nops_and_jumps(cfg)?;
    }
    Ok(())
}

/// Spells out the jumps that leave their operand on the stack.
pub fn lower_conditional_jumps(cfg: &mut Cfg) {
    for id in cfg.order() {
        let instrs = &mut cfg[id].instrs;
        let mut i = 0;
        while i < instrs.len() {
            let jump = match instrs[i].opcode {
                JUMP_IF_FALSE => POP_JUMP_IF_FALSE,
                JUMP_IF_TRUE => POP_JUMP_IF_TRUE,
                _ => {
                    i += 1;
                    continue;
                }
            };
            let at = Instr {
                target: None,
                ..instrs[i]
            };
            instrs[i].opcode = jump;
            let copy = Instr {
                opcode: COPY,
                oparg: 1,
                ..at
            };
            let test = Instr {
                opcode: TO_BOOL,
                oparg: 0,
                ..at
            };
            instrs.splice(i..i, [copy, test]);
            i += 3;
        }
    }
}

/// Replaces the remaining pseudo operations, jumps aside.
pub fn lower_pseudo_ops(cfg: &mut Cfg) -> Result<(), FlowError> {
    for id in cfg.order() {
        for instr in &mut cfg[id].instrs {
            match instr.opcode {
                LOAD_CLOSURE => instr.opcode = LOAD_FAST,
                STORE_FAST_MAYBE_NULL => instr.opcode = STORE_FAST,
                _ if instr.is_block_push() => instr.nop(),
                _ => {}
            }
        }
    }
    cleanup::remove_nops_and_jumps(cfg)
}

/// Marks the way not taken after conditional jumps, and turns round those that would jump backwards.
pub fn normalize_jumps(cfg: &mut Cfg) {
    cfg.clear_visited();
    let mut at = Some(ENTRY);
    while let Some(id) = at {
        cfg[id].visited = true;
        normalize_jump_of(cfg, id);
        at = cfg[id].next;
    }
}

fn normalize_jump_of(cfg: &mut Cfg, id: BlockId) {
    let Some(last) = cfg[id]
        .instrs
        .last()
        .copied()
        .filter(|i| is_conditional_jump(i.opcode))
    else {
        return;
    };
    let Some(target) = last.target else { return };
    let not_taken = Instr::new(NOT_TAKEN, 0, last.loc);
    if !cfg[target].visited {
        cfg[id].append(not_taken);
        return;
    }
    let reversed = match last.opcode {
        POP_JUMP_IF_NOT_NONE => POP_JUMP_IF_NONE,
        POP_JUMP_IF_NONE => POP_JUMP_IF_NOT_NONE,
        POP_JUMP_IF_FALSE => POP_JUMP_IF_TRUE,
        _ => POP_JUMP_IF_FALSE,
    };
    let back = cfg.new_block();
    cfg[back].append(not_taken);
    cfg.add_jump(back, JUMP, target, last.loc);
    cfg[back].start_depth = cfg[target].start_depth;
    cfg[back].cold = cfg[id].cold;
    let next = cfg[id].next;
    cfg[back].next = next;
    if let Some(jump) = cfg[id].instrs.last_mut() {
        jump.opcode = reversed;
        jump.target = next;
    }
    cfg[id].next = Some(back);
}
