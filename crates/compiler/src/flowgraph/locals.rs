//! Locals, cells and free variables: loads that must check, the prologue, and the final numbering of slots.
//!
//! The code generator numbers cells and free variables from 0; here they get their place after the locals, a cell that is
//! also a local (a captured parameter) sharing the local's slot. CPython:
//! `add_checks_for_loads_of_uninitialized_variables`, `prepare_localsplus` in `Python/flowgraph.c`.

use naja_bytecode::code::flags as co;
use naja_bytecode::opcode::wide::*;
use rustc_hash::FxHashMap;

use super::FlowError;
use super::cfg::{BlockId, Cfg, ENTRY, Instr};
use crate::instruction_sequence::{CodeUnitMetadata, Location};

/// Locals from this one on are only followed within a block.
const TRACKED: i32 = 64;

/// Makes loads of locals that may be unbound check for it.
pub fn check_unbound_loads(cfg: &mut Cfg, nlocals: usize, nparams: usize) {
    if nlocals == 0 {
        return;
    }
    if nlocals > TRACKED as usize {
        check_untracked(cfg, nlocals);
    }
    cfg.clear_visited();
    let mut todo = Vec::new();
    let unbound = (nparams..nlocals.min(TRACKED as usize)).fold(0u64, |mask, i| mask | 1 << i);
    push(cfg, ENTRY, unbound, &mut todo);
    // Every block once, since a deletion may stand anywhere; then as long as something new is learnt.
    for id in cfg.order() {
        scan(cfg, id, &mut todo);
    }
    while let Some(id) = todo.pop() {
        cfg[id].visited = false;
        scan(cfg, id, &mut todo);
    }
}

/// Adds to what may be unbound at a block's start; `visited` marks blocks that wait in `todo`.
fn push(cfg: &mut Cfg, id: BlockId, unsafe_locals: u64, todo: &mut Vec<BlockId>) {
    let block = &mut cfg[id];
    let both = block.unsafe_locals | unsafe_locals;
    if block.unsafe_locals != both {
        block.unsafe_locals = both;
        if !block.visited {
            block.visited = true;
            todo.push(id);
        }
    }
}

fn scan(cfg: &mut Cfg, id: BlockId, todo: &mut Vec<BlockId>) {
    let mut unsafe_locals = cfg[id].unsafe_locals;
    for i in 0..cfg[id].instrs.len() {
        let instr = cfg[id].instrs[i];
        if let Some(handler) = instr.except {
            push(cfg, handler, unsafe_locals, todo);
        }
        if !(0..TRACKED).contains(&instr.oparg) {
            continue;
        }
        let bit = 1u64 << instr.oparg;
        match instr.opcode {
            DELETE_FAST | LOAD_FAST_AND_CLEAR | STORE_FAST_MAYBE_NULL => unsafe_locals |= bit,
            STORE_FAST | LOAD_FAST_CHECK => unsafe_locals &= !bit,
            LOAD_FAST => {
                if unsafe_locals & bit != 0 {
                    cfg[id].instrs[i].opcode = LOAD_FAST_CHECK;
                }
                unsafe_locals &= !bit;
            }
            _ => {}
        }
    }
    if let (Some(next), true) = (cfg[id].next, cfg[id].falls_through()) {
        push(cfg, next, unsafe_locals, todo);
    }
    let target = cfg[id]
        .instrs
        .last()
        .filter(|i| i.is_jump())
        .and_then(|i| i.target);
    if let Some(target) = target {
        push(cfg, target, unsafe_locals, todo);
    }
}

fn check_untracked(cfg: &mut Cfg, nlocals: usize) {
    // Number of the block in which a local was last known to be bound.
    let mut bound_in = vec![0usize; nlocals - TRACKED as usize];
    for (number, id) in cfg.order().into_iter().enumerate() {
        let number = number + 1;
        for instr in &mut cfg[id].instrs {
            let Some(state) = usize::try_from(instr.oparg - TRACKED)
                .ok()
                .and_then(|i| bound_in.get_mut(i))
            else {
                continue;
            };
            match instr.opcode {
                DELETE_FAST | LOAD_FAST_AND_CLEAR | STORE_FAST_MAYBE_NULL => *state = number - 1,
                STORE_FAST => *state = number,
                LOAD_FAST => {
                    if *state != number {
                        instr.opcode = LOAD_FAST_CHECK;
                    }
                    *state = number;
                }
                _ => {}
            }
        }
    }
}

/// Inserts the prologue, renumbers cells and free variables, and gives the number of slots.
pub fn prepare_localsplus(cfg: &mut Cfg, unit: &CodeUnitMetadata) -> Result<usize, FlowError> {
    let nlocals = unit.varnames.len();
    let mut fixed = cell_slots(unit);
    insert_prologue(cfg, unit, &fixed);
    let mut dropped = 0;
    for (i, slot) in fixed.iter_mut().enumerate() {
        if *slot == i + nlocals {
            *slot -= dropped;
        } else {
            dropped += 1;
        }
    }
    for id in cfg.order() {
        for instr in &mut cfg[id].instrs {
            let uses_cell = matches!(
                instr.opcode,
                MAKE_CELL
                    | LOAD_CLOSURE
                    | LOAD_DEREF
                    | STORE_DEREF
                    | DELETE_DEREF
                    | LOAD_FROM_DICT_OR_DEREF
            );
            if uses_cell {
                let slot = usize::try_from(instr.oparg).ok().and_then(|i| fixed.get(i));
                match slot {
                    Some(slot) => instr.oparg = *slot as i32,
                    None => return Err(FlowError::system("cell index out of range".into())),
                }
            }
        }
    }
    Ok(nlocals + fixed.len() - dropped)
}

/// The slot of each cell and free variable before shared cells are dropped from the count.
fn cell_slots(unit: &CodeUnitMetadata) -> Vec<usize> {
    let nlocals = unit.varnames.len();
    let locals: FxHashMap<_, _> = if unit.cellvars.is_empty() {
        FxHashMap::default()
    } else {
        unit.varnames
            .iter()
            .enumerate()
            .map(|(i, name)| (name, i))
            .collect()
    };
    let cells = unit.cellvars.iter().enumerate();
    let mut slots: Vec<usize> = cells
        .map(|(i, name)| locals.get(name).copied().unwrap_or(nlocals + i))
        .collect();
    slots.extend((0..unit.freevars.len()).map(|i| nlocals + unit.cellvars.len() + i));
    slots
}

/// `COPY_FREE_VARS`, then `MAKE_CELL` in order of slots, then what makes a generator.
fn insert_prologue(cfg: &mut Cfg, unit: &CodeUnitMetadata, fixed: &[usize]) {
    let mut prologue = Vec::new();
    if !unit.freevars.is_empty() {
        prologue.push(Instr::new(
            COPY_FREE_VARS,
            unit.freevars.len() as i32,
            Location::NONE,
        ));
    }
    let mut cells: Vec<usize> = (0..unit.cellvars.len()).collect();
    cells.sort_by_key(|cell| fixed[*cell]);
    prologue.extend(
        cells
            .into_iter()
            .map(|cell| Instr::new(MAKE_CELL, cell as i32, Location::NONE)),
    );
    if unit.flags & (co::GENERATOR | co::COROUTINE | co::ASYNC_GENERATOR) != 0 {
        let loc = Location::new(unit.firstlineno, unit.firstlineno, -1, -1);
        prologue.push(Instr::new(RETURN_GENERATOR, 0, loc));
        prologue.push(Instr::new(POP_TOP, 0, loc));
    }
    cfg[ENTRY].instrs.splice(0..0, prologue);
}
