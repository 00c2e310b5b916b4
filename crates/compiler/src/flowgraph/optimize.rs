//! Peephole rules on instructions and jumps, and the order in which the clean-up passes run around them.
//!
//! Rules turn instructions into no-ops instead of removing them, so indices stay valid inside of a pass. CPython:
//! `optimize_cfg`, `basicblock_optimize_load_const`, `optimize_basic_block` in `Python/flowgraph.c`.

use naja_bytecode::opcode::wide::*;
use naja_bytecode::opcode::{compare, intrinsic};

use super::cfg::{BlockId, Cfg, Instr};
use super::{FlowError, cleanup, const_eval, fold, lines, swaps};
use crate::constants::ConstTable;
use crate::instruction_sequence::has_target;
use naja_bytecode::code::Const;

/// Optimises the whole graph.
pub fn optimize(cfg: &mut Cfg, consts: &mut ConstTable) -> Result<(), FlowError> {
    cfg.check()?;
    cleanup::inline_small_blocks(cfg);
    cleanup::remove_unreachable(cfg);
    lines::resolve(cfg);
    for id in cfg.order() {
        optimize_const_loads(cfg, id, consts)?;
    }
    for id in cfg.order() {
        optimize_block(cfg, id, consts)?;
        swaps::optimize(&mut cfg[id]);
    }
    cleanup::remove_nops_and_pairs(cfg);
    cleanup::remove_unreachable(cfg);
    cleanup::remove_nops_and_jumps(cfg)
}

/// Small ints get their own instruction; tests of constants are decided; tests for None get their own jumps.
fn optimize_const_loads(
    cfg: &mut Cfg,
    id: BlockId,
    consts: &mut ConstTable,
) -> Result<(), FlowError> {
    let instrs = &mut cfg[id].instrs;
    let (mut opcode, mut oparg) = (0, 0);
    for i in 0..instrs.len() {
        if instrs[i].opcode == LOAD_CONST {
            let value = fold::const_value(LOAD_CONST, instrs[i].oparg, consts)?;
            fold::make_load_small_int(&mut instrs[i], &value);
        }
        let copies_const = opcode == LOAD_CONST && instrs[i].opcode == COPY && instrs[i].oparg == 1;
        if !copies_const {
            (opcode, oparg) = (instrs[i].opcode, instrs[i].oparg);
        }
        if !matches!(opcode, LOAD_CONST | LOAD_SMALL_INT) {
            continue;
        }
        let Some(next) = instrs.get(i + 1).map(|n| n.opcode) else {
            continue;
        };
        match next {
            POP_JUMP_IF_FALSE | POP_JUMP_IF_TRUE | JUMP_IF_FALSE | JUMP_IF_TRUE => {
                let truth = const_eval::truth(&fold::const_value(opcode, oparg, consts)?);
                if matches!(next, POP_JUMP_IF_FALSE | POP_JUMP_IF_TRUE) {
                    instrs[i].nop();
                }
                if truth == matches!(next, POP_JUMP_IF_TRUE | JUMP_IF_TRUE) {
                    instrs[i + 1].opcode = JUMP;
                } else {
                    instrs[i + 1].nop();
                }
            }
            IS_OP => {
                if matches!(fold::const_value(opcode, oparg, consts)?, Const::None) {
                    fuse_none_test(instrs, i);
                }
            }
            TO_BOOL => {
                let truth = const_eval::truth(&fold::const_value(opcode, oparg, consts)?);
                let index = fold::add_const(consts, Const::bool(truth))?;
                instrs[i].nop();
                instrs[i + 1].set(LOAD_CONST, index);
            }
            _ => {}
        }
    }
    Ok(())
}

/// `LOAD_CONST None; IS_OP; [TO_BOOL;] POP_JUMP_IF_x` becomes one jump.
fn fuse_none_test(instrs: &mut [Instr], i: usize) {
    let mut jump = i + 2;
    match instrs.get_mut(jump) {
        Some(test) if test.opcode == TO_BOOL => {
            test.nop();
            jump += 1;
        }
        _ => {}
    }
    let Some(opcode) = instrs.get(jump).map(|j| j.opcode) else {
        return;
    };
    let negated = instrs[i + 1].oparg != 0;
    let jumps_if_not_none = match opcode {
        POP_JUMP_IF_FALSE => !negated,
        POP_JUMP_IF_TRUE => negated,
        _ => return,
    };
    instrs[i].nop();
    instrs[i + 1].nop();
    instrs[jump].opcode = if jumps_if_not_none {
        POP_JUMP_IF_NOT_NONE
    } else {
        POP_JUMP_IF_NONE
    };
}

/// What to do after a rule: look at the same instruction again, or go on.
#[derive(PartialEq)]
enum Step {
    Again,
    Next,
}

fn optimize_block(cfg: &mut Cfg, id: BlockId, consts: &mut ConstTable) -> Result<(), FlowError> {
    let mut i = 0;
    while i < cfg[id].instrs.len() {
        let step = if has_target(cfg[id].instrs[i].opcode) {
            optimize_jump(cfg, id, i)
        } else {
            optimize_instr(cfg, id, i, consts)?;
            Step::Next
        };
        if step == Step::Next {
            i += 1;
        }
    }
    Ok(())
}

/// Follows jumps to jumps.
fn optimize_jump(cfg: &mut Cfg, id: BlockId, i: usize) -> Step {
    let instr = cfg[id].instrs[i];
    let Some(target) = instr.target else {
        return Step::Next;
    };
    let Some(landing) = cfg[target].instrs.first().copied() else {
        return Step::Next;
    };
    let threaded = match (instr.opcode, landing.opcode) {
        (
            POP_JUMP_IF_NONE | POP_JUMP_IF_NOT_NONE | POP_JUMP_IF_FALSE | POP_JUMP_IF_TRUE
            | JUMP_IF_FALSE | JUMP_IF_TRUE,
            JUMP,
        )
        | (JUMP_IF_FALSE, JUMP_IF_FALSE)
        | (JUMP_IF_TRUE, JUMP_IF_TRUE) => thread(cfg, id, i, &landing, instr.opcode),
        (JUMP_IF_FALSE, JUMP_IF_TRUE) | (JUMP_IF_TRUE, JUMP_IF_FALSE) => {
            // The second test goes the other way: it falls through.
            cfg[id].instrs[i].target = cfg[target].next;
            return Step::Again;
        }
        (JUMP | JUMP_NO_INTERRUPT, JUMP) => thread(cfg, id, i, &landing, JUMP),
        (JUMP | JUMP_NO_INTERRUPT, JUMP_NO_INTERRUPT) => thread(cfg, id, i, &landing, instr.opcode),
        _ => false,
    };
    if threaded { Step::Again } else { Step::Next }
}

/// Replaces the last instruction, a jump, by one to where the jump it lands on goes; not when both go to the same place.
fn thread(cfg: &mut Cfg, id: BlockId, i: usize, landing: &Instr, opcode: u16) -> bool {
    let Some(target) = landing
        .target
        .filter(|t| Some(*t) != cfg[id].instrs[i].target)
    else {
        return false;
    };
    cfg[id].instrs[i].nop();
    cfg.add_jump(id, opcode, target, landing.loc);
    true
}

fn optimize_instr(
    cfg: &mut Cfg,
    id: BlockId,
    i: usize,
    consts: &mut ConstTable,
) -> Result<(), FlowError> {
    let block = &mut cfg[id];
    let instr = block.instrs[i];
    let following = block.instrs.get(i + 1).copied();
    let next = following.map_or(0, |n| n.opcode);
    match instr.opcode {
        BUILD_TUPLE => {
            if next == UNPACK_SEQUENCE && following.is_some_and(|n| n.oparg == instr.oparg) {
                match instr.oparg {
                    1 => {
                        block.instrs[i].nop();
                        block.instrs[i + 1].nop();
                        return Ok(());
                    }
                    2 | 3 => {
                        block.instrs[i].nop();
                        block.instrs[i + 1].opcode = SWAP;
                        return Ok(());
                    }
                    _ => {}
                }
            }
            fold::tuple(block, i, consts)?;
        }
        BUILD_LIST | BUILD_SET => fold::list_or_set(block, i, next, consts)?,
        STORE_FAST => {
            let overwritten = following.is_some_and(|n| {
                (n.opcode, n.oparg, n.loc.lineno) == (STORE_FAST, instr.oparg, instr.loc.lineno)
            });
            if overwritten {
                block.instrs[i].set(POP_TOP, 0);
            }
        }
        SWAP if instr.oparg == 1 => block.instrs[i].nop(),
        LOAD_GLOBAL if next == PUSH_NULL && instr.oparg & 1 == 0 => {
            block.instrs[i].oparg |= 1;
            block.instrs[i + 1].nop();
        }
        COMPARE_OP if next == TO_BOOL => {
            block.instrs[i].nop();
            block.instrs[i + 1].set(COMPARE_OP, instr.oparg | i32::from(compare::TO_BOOL));
        }
        CONTAINS_OP | IS_OP if matches!(next, TO_BOOL | UNARY_NOT) => {
            block.instrs[i].nop();
            let oparg = if next == UNARY_NOT {
                instr.oparg ^ 1
            } else {
                instr.oparg
            };
            block.instrs[i + 1].set(instr.opcode, oparg);
        }
        TO_BOOL if next == TO_BOOL => block.instrs[i].nop(),
        UNARY_NOT if next == TO_BOOL => {
            block.instrs[i].nop();
            block.instrs[i + 1].set(UNARY_NOT, 0);
        }
        UNARY_NOT if next == UNARY_NOT => {
            block.instrs[i].nop();
            block.instrs[i + 1].nop();
        }
        UNARY_NOT | UNARY_INVERT | UNARY_NEGATIVE => fold::unary(block, i, consts)?,
        CALL_INTRINSIC_1 if instr.oparg == i32::from(intrinsic::LIST_TO_TUPLE) => {
            fold::list_to_tuple(block, i, consts)?;
            if next == GET_ITER && block.instrs[i].opcode == CALL_INTRINSIC_1 {
                block.instrs[i].nop();
            }
        }
        LIST_APPEND | SET_ADD if matches!(next, GET_ITER | CONTAINS_OP) => {
            fold::long_list_or_set(block, i, consts)?
        }
        CALL_INTRINSIC_1 if instr.oparg == i32::from(intrinsic::UNARY_POSITIVE) => {
            fold::unary(block, i, consts)?
        }
        BINARY_OP => fold::binary(block, i, consts)?,
        _ => {}
    }
    Ok(())
}
