//! Loads of locals that may borrow: the frame's own reference outlives the one on the stack.
//!
//! Each block is run on a stack of abstract references that remember the load they come from. A load keeps its own
//! reference if its local is overwritten while the value is on the stack, if the value is stored into a local, or if it
//! is still there at the end of the block; all other loads become borrowing ones. CPython: `optimize_load_fast` in
//! `Python/flowgraph.c`.

use naja_bytecode::opcode;
use naja_bytecode::opcode::wide::*;

use super::FlowError;
use super::cfg::{BlockId, Cfg, ENTRY, Instr, is_block_push};
use crate::instruction_sequence::has_target;

/// A value on the abstract stack.
#[derive(Clone, Copy)]
struct Ref {
    /// The instruction that pushed it.
    instr: Option<usize>,
    /// The local it was loaded from.
    local: Option<i32>,
}

const DUMMY: Ref = Ref {
    instr: None,
    local: None,
};

/// The run of one block.
struct Run {
    stack: Vec<Ref>,
    /// For each instruction, whether a value it pushed needs a reference of its own.
    owned: Vec<bool>,
}

impl Run {
    fn pop(&mut self) -> Result<Ref, FlowError> {
        self.stack
            .pop()
            .ok_or_else(|| FlowError::value("Invalid CFG, stack underflow"))
    }

    fn push(&mut self, instr: usize, local: Option<i32>) {
        self.stack.push(Ref {
            instr: Some(instr),
            local,
        });
    }

    fn own(&mut self, instr: Option<usize>) {
        if let Some(mark) = instr.and_then(|i| self.owned.get_mut(i)) {
            *mark = true;
        }
    }

    fn kill(&mut self, local: i32) {
        for r in &self.stack {
            if r.local == Some(local)
                && let Some(mark) = r.instr.and_then(|i| self.owned.get_mut(i))
            {
                *mark = true;
            }
        }
    }

    fn store(&mut self, local: i32) -> Result<(), FlowError> {
        let r = self.pop()?;
        self.kill(local);
        self.own(r.instr);
        Ok(())
    }

    /// The place of the value `depth` below the top, counted from 1.
    fn place(&self, depth: i32) -> Result<usize, FlowError> {
        let depth = usize::try_from(depth).ok().filter(|d| *d > 0);
        let place = depth.and_then(|d| self.stack.len().checked_sub(d));
        place.ok_or_else(|| FlowError::value("Invalid CFG, stack underflow"))
    }
}

/// Makes all loads borrow that can.
pub fn borrow_loads(cfg: &mut Cfg) -> Result<(), FlowError> {
    cfg.clear_visited();
    cfg[ENTRY].start_depth = 0;
    cfg[ENTRY].visited = true;
    let mut todo = vec![ENTRY];
    let mut run = Run {
        stack: Vec::new(),
        owned: Vec::new(),
    };
    while let Some(id) = todo.pop() {
        let depth = usize::try_from(cfg[id].start_depth).unwrap_or(0);
        run.stack.clear();
        run.stack.resize(depth, DUMMY);
        run.owned.clear();
        run.owned.resize(cfg[id].instrs.len(), false);
        for i in 0..cfg[id].instrs.len() {
            let instr = cfg[id].instrs[i];
            if let (true, Some(target)) = (has_target(instr.opcode), instr.target) {
                visit(cfg, &mut todo, target);
            }
            step(&mut run, i, &instr)?;
        }
        if let (Some(next), true, false) = (
            cfg[id].next,
            cfg[id].falls_through(),
            cfg[id].instrs.is_empty(),
        ) {
            visit(cfg, &mut todo, next);
        }
        for r in std::mem::take(&mut run.stack) {
            run.own(r.instr);
        }
        for (instr, owned) in cfg[id].instrs.iter_mut().zip(&run.owned) {
            match instr.opcode {
                LOAD_FAST if !owned => instr.opcode = LOAD_FAST_BORROW,
                LOAD_FAST_LOAD_FAST if !owned => instr.opcode = LOAD_FAST_BORROW_LOAD_FAST_BORROW,
                _ => {}
            }
        }
    }
    Ok(())
}

fn visit(cfg: &mut Cfg, todo: &mut Vec<BlockId>, block: BlockId) {
    if !cfg[block].visited {
        cfg[block].visited = true;
        todo.push(block);
    }
}

/// Runs one instruction on the abstract stack.
fn step(run: &mut Run, i: usize, instr: &Instr) -> Result<(), FlowError> {
    let oparg = instr.oparg;
    match instr.opcode {
        LOAD_FAST => run.push(i, Some(oparg)),
        LOAD_FAST_AND_CLEAR => {
            run.kill(oparg);
            run.push(i, Some(oparg));
        }
        LOAD_FAST_LOAD_FAST => {
            run.push(i, Some(oparg >> 4));
            run.push(i, Some(oparg & 15));
        }
        STORE_FAST => run.store(oparg)?,
        STORE_FAST_LOAD_FAST => {
            run.store(oparg >> 4)?;
            run.push(i, Some(oparg & 15));
        }
        STORE_FAST_STORE_FAST => {
            run.store(oparg >> 4)?;
            run.store(oparg & 15)?;
        }
        COPY => {
            let copied = run.stack[run.place(oparg)?];
            run.stack.push(copied);
        }
        SWAP => {
            let (place, top) = (run.place(oparg)?, run.place(1)?);
            run.stack.swap(place, top);
        }
        // These leave their operands on the stack.
        GET_ANEXT | GET_LEN | IMPORT_FROM | MATCH_KEYS | MATCH_MAPPING | MATCH_SEQUENCE
        | WITH_EXCEPT_START => {
            let (popped, pushed) = effects(instr)?;
            for place in 0..pushed.saturating_sub(popped) {
                // CPython attributes the new values to the block's first instructions, and so must we.
                run.push(place, None);
            }
        }
        // These push back what lies below the operands they use up.
        DICT_MERGE | DICT_UPDATE | LIST_APPEND | LIST_EXTEND | MAP_ADD | RERAISE | SET_ADD
        | SET_UPDATE => {
            let (popped, pushed) = effects(instr)?;
            for _ in pushed..popped {
                run.pop()?;
            }
        }
        CHECK_EXC_MATCH => {
            run.pop()?;
            run.push(i, None);
        }
        FOR_ITER => run.push(i, None),
        LOAD_ATTR | LOAD_SUPER_ATTR => {
            let receiver = run.pop()?;
            if instr.opcode == LOAD_SUPER_ATTR {
                run.pop()?;
                run.pop()?;
            }
            run.push(i, None);
            if oparg & 1 != 0 {
                // A method call may push the receiver again.
                run.stack.push(receiver);
            }
        }
        // The object itself stays, below the special method.
        LOAD_SPECIAL => {
            let receiver = run.pop()?;
            run.push(i, None);
            run.stack.push(receiver);
        }
        // A generator is its own iterator, a string its own format: they stay on the stack.
        GET_YIELD_FROM_ITER | FORMAT_SIMPLE => {}
        DELETE_FAST => run.kill(oparg),
        SEND => {
            run.pop()?;
            run.push(i, None);
        }
        opcode if is_block_push(opcode) => {}
        _ => {
            let (popped, pushed) = effects(instr)?;
            for _ in 0..popped {
                run.pop()?;
            }
            for _ in 0..pushed {
                run.push(i, None);
            }
        }
    }
    Ok(())
}

fn effects(instr: &Instr) -> Result<(usize, usize), FlowError> {
    let oparg = u32::try_from(instr.oparg).unwrap_or(0);
    let size = |n: Option<i64>| n.and_then(|n| usize::try_from(n).ok());
    match (
        size(opcode::popped(instr.opcode, oparg)),
        size(opcode::pushed(instr.opcode, oparg)),
    ) {
        (Some(popped), Some(pushed)) => Ok((popped, pushed)),
        _ => Err(FlowError::system(format!(
            "Invalid stack effect for opcode={}, arg={oparg}",
            instr.opcode
        ))),
    }
}
