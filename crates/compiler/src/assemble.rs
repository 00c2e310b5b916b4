//! The last step: instructions to bytes, positions and handlers to their tables, everything to a code object.
//!
//! Jump distances depend on the sizes of instructions between, and sizes on distances; both are computed in turn until
//! no size changes. CPython: `Python/assemble.c`.

use naja_bytecode::code::{Code, Const, Text, flags as co, kind};
use naja_bytecode::exception_table::{self, Entry};
use naja_bytecode::location::{LocationWriter, Position};
use naja_bytecode::opcode::{self, Flags, wide::*};
use rustc_hash::FxHashSet;

use crate::flowgraph::cfg::{Cfg, is_terminator};
use crate::flowgraph::{self, FlowError, Optimized};
use crate::instruction_sequence::{
    CodeUnitMetadata, ExceptHandlerInfo, InstructionSequence, Location,
};

/// Distance in units from the `SEND` that an `END_ASYNC_FOR` names to the matching `END_SEND`.
const END_SEND_OFFSET: i32 = 5;

/// Optimises a code unit and makes its code object.
pub fn optimize_and_assemble(
    mut unit: CodeUnitMetadata,
    mut sequence: InstructionSequence,
    filename: &Text,
) -> Result<Code, FlowError> {
    let nparams = unit.argcount
        + unit.posonlyargcount
        + unit.kwonlyargcount
        + u32::from(unit.flags & co::VARARGS != 0)
        + u32::from(unit.flags & co::VARKEYWORDS != 0);
    let mut cfg = Cfg::from_sequence(&mut sequence)?;
    let consts = std::mem::take(&mut unit.consts);
    let consts =
        flowgraph::optimize_code_unit(&mut cfg, consts, unit.varnames.len(), nparams as usize)?;
    let optimized = flowgraph::to_optimized_sequence(&mut cfg, &unit)?;
    assemble(unit, consts, optimized, filename)
}

/// Makes a code object from an optimised sequence.
pub fn assemble(
    unit: CodeUnitMetadata,
    consts: Vec<Const>,
    optimized: Optimized,
    filename: &Text,
) -> Result<Code, FlowError> {
    let mut sequence = optimized.sequence;
    direct_jumps(&mut sequence);
    let offsets = resolve_jumps(&mut sequence)?;
    let (localsplusnames, localspluskinds) = localsplus(&unit, optimized.nlocalsplus);
    let stacksize = u32::try_from(optimized.stack_depth)
        .map_err(|_| FlowError::value("code: co_stacksize is too large"))?;
    Ok(Code {
        argcount: unit.argcount + unit.posonlyargcount,
        posonlyargcount: unit.posonlyargcount,
        kwonlyargcount: unit.kwonlyargcount,
        // A frame always has room for one value.
        stacksize: stacksize.max(1),
        flags: unit.flags,
        code: emit(&sequence)?,
        consts,
        localsplusnames,
        localspluskinds,
        filename: filename.clone(),
        firstlineno: unit.firstlineno,
        linetable: location_table(&mut sequence, unit.firstlineno),
        exceptiontable: exceptions(&sequence, &offsets)?,
        names: unit.names,
        name: unit.name,
        qualname: unit.qualname,
    })
}

/// Size of an instruction in units, prefixes and caches included.
fn size(opcode: u16, oparg: i32) -> i32 {
    let prefixes =
        i32::from(oparg > 0xff) + i32::from(oparg > 0xffff) + i32::from(oparg > 0xff_ffff);
    1 + prefixes + i32::from(opcode::cache_entries(opcode))
}

fn direct_jumps(sequence: &mut InstructionSequence) {
    for (i, instr) in sequence.instrs.iter_mut().enumerate() {
        let forward = instr.oparg > i as i32;
        instr.opcode = match (instr.opcode, forward) {
            (JUMP | JUMP_NO_INTERRUPT, true) => JUMP_FORWARD,
            (JUMP, false) => JUMP_BACKWARD,
            (JUMP_NO_INTERRUPT, false) => JUMP_BACKWARD_NO_INTERRUPT,
            (other, _) => other,
        };
    }
}

/// Turns jump targets into distances; gives each instruction's offset in units.
fn resolve_jumps(sequence: &mut InstructionSequence) -> Result<Vec<i32>, FlowError> {
    let instrs = &mut sequence.instrs;
    let jumps: Vec<(usize, usize)> = instrs
        .iter()
        .enumerate()
        .filter(|(_, instr)| opcode::flags(instr.opcode).has(Flags::JUMP))
        .map(|(i, instr)| (i, usize::try_from(instr.oparg).unwrap_or(usize::MAX)))
        .collect();
    if jumps.iter().any(|(_, target)| *target >= instrs.len()) {
        return Err(FlowError::system("jump out of the code".into()));
    }
    let mut offsets = vec![0; instrs.len()];
    loop {
        let mut total = 0;
        for (offset, instr) in offsets.iter_mut().zip(instrs.iter()) {
            *offset = total;
            total += size(instr.opcode, instr.oparg);
        }
        let mut changed = false;
        for (i, target) in &jumps {
            let instr = &mut instrs[*i];
            let before = size(instr.opcode, instr.oparg);
            let (after, target) = (offsets[*i] + before, offsets[*target]);
            instr.oparg = if instr.opcode == END_ASYNC_FOR {
                after - target - END_SEND_OFFSET
            } else if target < after {
                after - target
            } else {
                target - after
            };
            changed |= size(instr.opcode, instr.oparg) != before;
        }
        if !changed {
            return Ok(offsets);
        }
    }
}

fn emit(sequence: &InstructionSequence) -> Result<Vec<u8>, FlowError> {
    let mut code = Vec::with_capacity(sequence.instrs.len() * 4);
    for instr in &sequence.instrs {
        let (Ok(number), Ok(oparg)) = (u8::try_from(instr.opcode), u32::try_from(instr.oparg))
        else {
            return Err(FlowError::system(format!(
                "cannot assemble opcode={}, arg={}",
                instr.opcode, instr.oparg
            )));
        };
        let [high, upper, lower, low] = oparg.to_be_bytes();
        let prefixes = [
            (oparg > 0xff_ffff, high),
            (oparg > 0xffff, upper),
            (oparg > 0xff, lower),
        ];
        for (_, byte) in prefixes.into_iter().filter(|(needed, _)| *needed) {
            code.extend_from_slice(&[opcode::op::EXTENDED_ARG, byte]);
        }
        code.extend_from_slice(&[number, low]);
        code.resize(
            code.len() + 2 * usize::from(opcode::cache_entries(instr.opcode)),
            0,
        );
    }
    Ok(code)
}

fn location_table(sequence: &mut InstructionSequence, firstlineno: i32) -> Vec<u8> {
    let instrs = &mut sequence.instrs;
    for i in (0..instrs.len()).rev() {
        if instrs[i].loc == Location::NEXT {
            let following = instrs.get(i + 1).map(|next| next.loc);
            let takes_it = !is_terminator(instrs[i].opcode);
            instrs[i].loc = following.filter(|_| takes_it).unwrap_or(Location::NONE);
        }
    }
    let mut writer = LocationWriter::new(firstlineno);
    let mut loc = Location::NONE;
    let mut units = 0;
    for instr in instrs.iter() {
        if instr.loc != loc {
            writer.write(position(loc), units);
            loc = instr.loc;
            units = 0;
        }
        units += size(instr.opcode, instr.oparg) as usize;
    }
    writer.write(position(loc), units);
    writer.finish()
}

fn position(loc: Location) -> Position {
    Position {
        lineno: loc.lineno,
        end_lineno: loc.end_lineno,
        col_offset: loc.col_offset,
        end_col_offset: loc.end_col_offset,
    }
}

fn exceptions(sequence: &InstructionSequence, offsets: &[i32]) -> Result<Vec<u8>, FlowError> {
    let mut table = Vec::new();
    let mut handler = ExceptHandlerInfo::NONE;
    let mut start = 0;
    let mut end = 0;
    let mut close = |handler: &ExceptHandlerInfo, start: i32, end: i32| -> Result<(), FlowError> {
        let Ok(index) = usize::try_from(handler.label) else {
            return Ok(());
        };
        let depth = handler.start_depth - 1 - i32::from(handler.preserve_lasti);
        let target = offsets.get(index).copied().unwrap_or(-1);
        let unsigned = |n: i32| u32::try_from(n).ok();
        match (
            unsigned(start),
            unsigned(end),
            unsigned(target),
            unsigned(depth),
        ) {
            (Some(start), Some(end), Some(target), Some(depth)) => {
                exception_table::write(
                    &mut table,
                    &Entry {
                        start,
                        end,
                        target,
                        depth,
                        lasti: handler.preserve_lasti,
                    },
                );
                Ok(())
            }
            _ => Err(FlowError::system("malformed exception handler".into())),
        }
    };
    for (instr, offset) in sequence.instrs.iter().zip(offsets) {
        if instr.except.label != handler.label {
            close(&handler, start, *offset)?;
            start = *offset;
            handler = instr.except;
        }
        end = offset + size(instr.opcode, instr.oparg);
    }
    close(&handler, start, end)?;
    Ok(table)
}

/// Names and kinds of all slots.
fn localsplus(unit: &CodeUnitMetadata, nlocalsplus: usize) -> (Vec<Text>, Vec<u8>) {
    let mut names = Vec::with_capacity(nlocalsplus);
    let mut kinds = Vec::with_capacity(nlocalsplus);
    let has = |flag: u32| u32::from(unit.flags & flag != 0);
    let groups = [
        (unit.posonlyargcount, kind::ARG_POS),
        (unit.argcount, kind::ARG_POS | kind::ARG_KW),
        (unit.kwonlyargcount, kind::ARG_KW),
        (has(co::VARARGS), kind::ARG_VAR | kind::ARG_POS),
        (has(co::VARKEYWORDS), kind::ARG_VAR | kind::ARG_KW),
    ];
    let mut arg_kinds = groups
        .into_iter()
        .flat_map(|(count, bits)| std::iter::repeat_n(bits, count as usize));
    let cells: FxHashSet<&Text> = unit.cellvars.iter().collect();
    let hidden: FxHashSet<&Text> = unit.fasthidden.iter().collect();
    for name in &unit.varnames {
        let mut bits = kind::LOCAL | arg_kinds.next().unwrap_or(0);
        if hidden.contains(name) {
            bits |= kind::HIDDEN;
        }
        if cells.contains(name) {
            bits |= kind::CELL;
        }
        names.push(name.clone());
        kinds.push(bits);
    }
    let locals: FxHashSet<&Text> = if unit.cellvars.is_empty() {
        FxHashSet::default()
    } else {
        unit.varnames.iter().collect()
    };
    let pure_cells = unit
        .cellvars
        .iter()
        .filter(|c| !locals.contains(c))
        .map(|c| (c, kind::CELL));
    for (name, bits) in pure_cells.chain(unit.freevars.iter().map(|f| (f, kind::FREE))) {
        names.push(name.clone());
        kinds.push(bits);
    }
    (names, kinds)
}
