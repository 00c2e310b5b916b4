//! Constant folding: runs of instructions that only load constants, and what is built from them.
//!
//! Folded loads become no-ops without a position, the folding instruction becomes the load of the result; new constants
//! are appended to the table, unused ones are dropped at the end of optimisation. CPython: `fold_*`,
//! `optimize_lists_and_sets`, `remove_unused_consts` in `Python/flowgraph.c`.

use naja_bytecode::code::Const;
use naja_bytecode::opcode::wide::*;
use naja_bytecode::opcode::{self, Flags, intrinsic};

use super::FlowError;
use super::cfg::{Block, Cfg, Instr};
use super::const_eval;
use crate::constants::ConstTable;
use crate::instruction_sequence::Location;

/// Longer displays are left alone (code generation has split them already).
const STACK_USE_GUIDELINE: i32 = 30;
/// Shorter list and set displays are built from single loads.
const MIN_CONST_SEQUENCE_SIZE: i32 = 3;

/// Whether an instruction does nothing but load a constant.
pub fn loads_const(opcode: u16) -> bool {
    opcode == LOAD_SMALL_INT || opcode::flags(opcode).has(Flags::CONST)
}

/// The constant that an instruction loads.
pub fn const_value(opcode: u16, oparg: i32, consts: &ConstTable) -> Result<Const, FlowError> {
    if opcode == LOAD_SMALL_INT {
        return Ok(Const::Int(i64::from(oparg)));
    }
    let value = usize::try_from(oparg)
        .ok()
        .and_then(|i| consts.get(i))
        .filter(|_| opcode == LOAD_CONST);
    value.cloned().ok_or_else(|| {
        FlowError::system("Internal error: failed to get value of a constant".into())
    })
}

/// Appends a constant and gives its number as an argument.
pub fn add_const(consts: &mut ConstTable, value: Const) -> Result<i32, FlowError> {
    i32::try_from(consts.add(value)).map_err(|_| FlowError::overflow("too many constants"))
}

/// Makes a load of a small int, if the constant is one.
pub fn make_load_small_int(instr: &mut Instr, value: &Const) -> bool {
    match value {
        Const::Int(i @ 0..256) => {
            instr.set(LOAD_SMALL_INT, *i as i32);
            true
        }
        _ => false,
    }
}

fn make_load_const(
    instr: &mut Instr,
    value: Const,
    consts: &mut ConstTable,
) -> Result<(), FlowError> {
    if !make_load_small_int(instr, &value) {
        let index = add_const(consts, value)?;
        instr.set(LOAD_CONST, index);
    }
    Ok(())
}

/// The places of `size` loads of constants that end right before `end`, no-ops between them aside.
fn const_loads(block: &Block, end: usize, size: usize) -> Option<Vec<usize>> {
    let mut found = Vec::with_capacity(size);
    let mut at = end;
    while found.len() < size {
        at = at.checked_sub(1)?;
        let opcode = block.instrs[at].opcode;
        if opcode == NOP {
            continue;
        }
        if !loads_const(opcode) {
            return None;
        }
        found.push(at);
    }
    found.reverse();
    Some(found)
}

fn values(block: &Block, loads: &[usize], consts: &ConstTable) -> Result<Vec<Const>, FlowError> {
    loads
        .iter()
        .map(|at| const_value(block.instrs[*at].opcode, block.instrs[*at].oparg, consts))
        .collect()
}

fn clear(block: &mut Block, loads: &[usize]) {
    for at in loads {
        block.instrs[*at].nop();
        block.instrs[*at].loc = Location::NONE;
    }
}

fn display_size(instr: &Instr) -> Option<usize> {
    (0..=STACK_USE_GUIDELINE)
        .contains(&instr.oparg)
        .then_some(instr.oparg as usize)
}

/// `BUILD_TUPLE` of constants.
pub fn tuple(block: &mut Block, i: usize, consts: &mut ConstTable) -> Result<(), FlowError> {
    let Some(loads) = display_size(&block.instrs[i]).and_then(|size| const_loads(block, i, size))
    else {
        return Ok(());
    };
    let items = values(block, &loads, consts)?;
    clear(block, &loads);
    make_load_const(&mut block.instrs[i], Const::tuple(items), consts)
}

/// Of a display that is built item by item and complete before `end`: the places of its loads and of all its
/// instructions, if it holds only constants.
fn appended_consts(
    block: &Block,
    end: usize,
    build: u16,
    append: u16,
) -> Option<(Vec<usize>, Vec<usize>)> {
    let (mut loads, mut all) = (Vec::new(), Vec::new());
    let mut expect_append = true;
    for at in (0..end).rev() {
        let instr = block.instrs[at];
        if instr.opcode == NOP {
            continue;
        }
        all.push(at);
        if expect_append && (instr.opcode, instr.oparg) == (build, 0) {
            loads.reverse();
            return Some((loads, all));
        }
        if expect_append {
            if (instr.opcode, instr.oparg) != (append, 1) {
                return None;
            }
        } else {
            if !loads_const(instr.opcode) {
                return None;
            }
            loads.push(at);
        }
        expect_append = !expect_append;
    }
    None
}

/// A long tuple of constants, built as a list first; `i` is the conversion.
pub fn list_to_tuple(
    block: &mut Block,
    i: usize,
    consts: &mut ConstTable,
) -> Result<(), FlowError> {
    let Some((loads, all)) = appended_consts(block, i, BUILD_LIST, LIST_APPEND) else {
        return Ok(());
    };
    let items = values(block, &loads, consts)?;
    clear(block, &all);
    make_load_const(&mut block.instrs[i], Const::tuple(items), consts)
}

/// A long list or set of constants that is only read; `i` is the instruction that appends the last item.
pub fn long_list_or_set(
    block: &mut Block,
    i: usize,
    consts: &mut ConstTable,
) -> Result<(), FlowError> {
    let append = block.instrs[i].opcode;
    let build = if append == LIST_APPEND {
        BUILD_LIST
    } else {
        BUILD_SET
    };
    let Some((loads, all)) = appended_consts(block, i + 1, build, append) else {
        return Ok(());
    };
    let items = values(block, &loads, consts)?;
    let value = if append == LIST_APPEND {
        Const::tuple(items)
    } else {
        Const::FrozenSet(const_eval::distinct(items).into())
    };
    clear(block, &all);
    make_load_const(&mut block.instrs[i], value, consts)
}

/// List and set displays of constants: one constant to iterate over or to search, or one to extend an empty one with.
pub fn list_or_set(
    block: &mut Block,
    i: usize,
    next: u16,
    consts: &mut ConstTable,
) -> Result<(), FlowError> {
    let instr = block.instrs[i];
    let only_read = matches!(next, GET_ITER | CONTAINS_OP);
    let Some(size) =
        display_size(&instr).filter(|_| only_read || instr.oparg >= MIN_CONST_SEQUENCE_SIZE)
    else {
        return Ok(());
    };
    let Some(loads) = const_loads(block, i, size) else {
        if only_read && instr.opcode == BUILD_LIST {
            block.instrs[i].opcode = BUILD_TUPLE;
        }
        return Ok(());
    };
    let items = values(block, &loads, consts)?;
    let value = if instr.opcode == BUILD_SET {
        Const::FrozenSet(const_eval::distinct(items).into())
    } else {
        Const::tuple(items)
    };
    let index = add_const(consts, value)?;
    clear(block, &loads);
    if only_read {
        block.instrs[i].set(LOAD_CONST, index);
        return Ok(());
    }
    // At least three loads came before, so there is room for the two instructions before this one.
    let extend = if instr.opcode == BUILD_LIST {
        LIST_EXTEND
    } else {
        SET_UPDATE
    };
    block.instrs[i - 2].loc = instr.loc;
    block.instrs[i - 2].set(instr.opcode, 0);
    block.instrs[i - 1].set(LOAD_CONST, index);
    block.instrs[i].set(extend, 1);
    Ok(())
}

/// A binary operation on two constants.
pub fn binary(block: &mut Block, i: usize, consts: &mut ConstTable) -> Result<(), FlowError> {
    let Some(loads) = const_loads(block, i, 2) else {
        return Ok(());
    };
    let operands = values(block, &loads, consts)?;
    let operation = u8::try_from(block.instrs[i].oparg).unwrap_or(u8::MAX);
    let result = match operands.as_slice() {
        [left, right] => const_eval::binary(left, operation, right),
        _ => None,
    };
    let Some(result) = result else { return Ok(()) };
    clear(block, &loads);
    make_load_const(&mut block.instrs[i], result, consts)
}

/// A unary operation on a constant.
pub fn unary(block: &mut Block, i: usize, consts: &mut ConstTable) -> Result<(), FlowError> {
    let Some(loads) = const_loads(block, i, 1) else {
        return Ok(());
    };
    let operand = const_value(
        block.instrs[loads[0]].opcode,
        block.instrs[loads[0]].oparg,
        consts,
    )?;
    let instr = block.instrs[i];
    let result = match instr.opcode {
        UNARY_NEGATIVE => const_eval::negative(&operand),
        UNARY_INVERT => const_eval::invert(&operand),
        UNARY_NOT => Some(Const::bool(!const_eval::truth(&operand))),
        CALL_INTRINSIC_1 if instr.oparg == i32::from(intrinsic::UNARY_POSITIVE) => {
            const_eval::positive(&operand)
        }
        _ => None,
    };
    let Some(result) = result else { return Ok(()) };
    clear(block, &loads);
    make_load_const(&mut block.instrs[i], result, consts)
}

/// Drops constants that no instruction loads; the first stays, it may be the docstring.
pub fn remove_unused_consts(cfg: &mut Cfg, consts: Vec<Const>) -> Result<Vec<Const>, FlowError> {
    if consts.is_empty() {
        return Ok(consts);
    }
    let order = cfg.order();
    let mut used = vec![false; consts.len()];
    used[0] = true;
    for id in &order {
        for instr in cfg[*id]
            .instrs
            .iter()
            .filter(|i| opcode::flags(i.opcode).has(Flags::CONST))
        {
            match usize::try_from(instr.oparg)
                .ok()
                .and_then(|i| used.get_mut(i))
            {
                Some(mark) => *mark = true,
                None => return Err(FlowError::system("constant index out of range".into())),
            }
        }
    }
    if used.iter().all(|u| *u) {
        return Ok(consts);
    }
    let mut count = 0;
    let new_index: Vec<i32> = used
        .iter()
        .map(|used| {
            count += i32::from(*used);
            count - 1
        })
        .collect();
    for id in order {
        for instr in cfg[id]
            .instrs
            .iter_mut()
            .filter(|i| opcode::flags(i.opcode).has(Flags::CONST))
        {
            instr.oparg = new_index[instr.oparg as usize];
        }
    }
    let mut keep = used.into_iter();
    Ok(consts
        .into_iter()
        .filter(|_| keep.next() == Some(true))
        .collect())
}
