//! Line numbers for instructions that have none.
//!
//! A frame's line must be right after it ended, so exits (and eval breaker checks) without a line get the line of where
//! control came from; an exit reached from several places is copied for each. Then lines spread forward to
//! instructions without. CPython: `resolve_line_numbers` in `Python/flowgraph.c`.

use super::cfg::{BlockId, Cfg};
use crate::instruction_sequence::Location;

/// Runs both passes.
pub fn resolve(cfg: &mut Cfg) {
    duplicate_exits(cfg);
    propagate(cfg);
}

fn is_bare_exit(cfg: &Cfg, block: BlockId) -> bool {
    let block = &cfg[block];
    (block.exits_scope() || block.has_eval_break()) && block.has_no_lineno()
}

fn duplicate_exits(cfg: &mut Cfg) {
    let mut next_label = cfg.max_label() + 1;
    let mut at = Some(super::cfg::ENTRY);
    while let Some(id) = at {
        at = cfg[id].next;
        let Some(last) = cfg[id].instrs.last().copied().filter(|i| i.is_jump()) else {
            continue;
        };
        let Some(target) = cfg.next_nonempty(last.target) else {
            continue;
        };
        if !is_bare_exit(cfg, target) || cfg[target].predecessors <= 1 {
            continue;
        }
        let copy = cfg.copy_block(target);
        if let Some(first) = cfg[copy].instrs.first_mut() {
            first.loc = last.loc;
        }
        if let Some(last) = cfg[id].instrs.last_mut() {
            last.target = Some(copy);
        }
        cfg[target].predecessors -= 1;
        let after = cfg[target].next;
        let block = &mut cfg[copy];
        block.predecessors = 1;
        block.next = after;
        block.label = next_label;
        next_label += 1;
        cfg[target].next = Some(copy);
        at = cfg[id].next;
    }
    for id in cfg.order() {
        let block = &cfg[id];
        let (true, Some(next), Some(last)) =
            (block.falls_through(), block.next, block.instrs.last())
        else {
            continue;
        };
        let loc = last.loc;
        if is_bare_exit(cfg, next)
            && let Some(first) = cfg[next].instrs.first_mut()
        {
            first.loc = loc;
        }
    }
}

fn propagate(cfg: &mut Cfg) {
    for id in cfg.order() {
        let mut previous = Location::NONE;
        for instr in &mut cfg[id].instrs {
            if instr.loc.lineno == Location::NONE.lineno {
                instr.loc = previous;
            } else {
                previous = instr.loc;
            }
        }
        let Some(last) = cfg[id].instrs.last().copied() else {
            continue;
        };
        let next = cfg[id].next.filter(|_| cfg[id].falls_through());
        let target = last.target.filter(|_| last.is_jump());
        for to in [next, target].into_iter().flatten() {
            if cfg[to].predecessors == 1
                && let Some(first) = cfg[to].instrs.first_mut()
                && first.loc.lineno == Location::NONE.lineno
            {
                first.loc = previous;
            }
        }
    }
}
