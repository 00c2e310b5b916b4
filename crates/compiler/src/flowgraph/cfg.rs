//! The control-flow graph: basic blocks in an arena, linked in code order.
//!
//! A block runs from its first instruction to its last; only the last may jump or leave. `next` is both the order of
//! blocks in the code and where control falls through. Instructions of block-opening pseudo operations and jumps point at
//! blocks by [`BlockId`]. Blocks are never removed from the arena, only unlinked or emptied, so ids stay valid.
//! CPython: the first third of `Python/flowgraph.c`, `Include/internal/pycore_opcode_utils.h`.

use std::ops::{Index, IndexMut};
use std::rc::Rc;

use naja_bytecode::opcode::wide::*;
use naja_bytecode::opcode::{self, Flags};

use super::FlowError;
use crate::instruction_sequence::{
    ExceptHandlerInfo, Instruction, InstructionSequence, Location, has_target,
};

/// Names a block of one graph.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct BlockId(pub u32);

/// An instruction inside of a block.
#[derive(Clone, Copy, Debug)]
pub struct Instr {
    /// Number.
    pub opcode: u16,
    /// Argument; meaningless for instructions with a target.
    pub oparg: i32,
    /// Source position.
    pub loc: Location,
    /// Where a jump or block opener points.
    pub target: Option<BlockId>,
    /// The handler that covers the instruction.
    pub except: Option<BlockId>,
}

impl Instr {
    /// An instruction without target and handler.
    pub fn new(opcode: u16, oparg: i32, loc: Location) -> Instr {
        Instr {
            opcode,
            oparg,
            loc,
            target: None,
            except: None,
        }
    }

    /// Turns the instruction into another one, keeping position and handler.
    pub fn set(&mut self, opcode: u16, oparg: i32) {
        self.opcode = opcode;
        self.oparg = oparg;
    }

    /// Turns the instruction into a no-op.
    pub fn nop(&mut self) {
        self.set(NOP, 0);
    }

    /// Whether control may go on at the target.
    pub fn is_jump(&self) -> bool {
        is_jump(self.opcode)
    }

    /// Whether the instruction opens an exception-handling block.
    pub fn is_block_push(&self) -> bool {
        is_block_push(self.opcode)
    }
}

/// Whether an instruction may jump.
pub fn is_jump(opcode: u16) -> bool {
    opcode::flags(opcode).has(Flags::JUMP)
}

/// Whether an instruction opens an exception-handling block.
pub fn is_block_push(opcode: u16) -> bool {
    opcode::flags(opcode).has(Flags::BLOCK_PUSH)
}

/// Whether control leaves the code here.
pub fn is_scope_exit(opcode: u16) -> bool {
    matches!(opcode, RETURN_VALUE | RAISE_VARARGS | RERAISE)
}

/// Whether control always goes on at the target.
pub fn is_unconditional_jump(opcode: u16) -> bool {
    matches!(
        opcode,
        JUMP | JUMP_NO_INTERRUPT | JUMP_FORWARD | JUMP_BACKWARD | JUMP_BACKWARD_NO_INTERRUPT
    )
}

/// Whether the instruction is one of the four that test the top of the stack and jump.
pub fn is_conditional_jump(opcode: u16) -> bool {
    matches!(
        opcode,
        POP_JUMP_IF_FALSE | POP_JUMP_IF_TRUE | POP_JUMP_IF_NONE | POP_JUMP_IF_NOT_NONE
    )
}

/// Whether the instruction must be a block's last.
pub fn is_terminator(opcode: u16) -> bool {
    is_jump(opcode) || is_scope_exit(opcode)
}

/// A stack of handlers, shared by the blocks that start with the same one.
pub type ExceptStack = Rc<Vec<BlockId>>;

/// A basic block.
#[derive(Clone, Debug)]
pub struct Block {
    /// Label by which the instruction sequence names it; -1 for none.
    pub label: i32,
    /// The instructions.
    pub instrs: Vec<Instr>,
    /// The block that follows in the code.
    pub next: Option<BlockId>,
    /// Handlers active at the start, while they are being labelled.
    pub except_stack: Option<ExceptStack>,
    /// Of the first 64 locals, those that may be unbound at the start.
    pub unsafe_locals: u64,
    /// How many ways lead here; below zero while not counted yet.
    pub predecessors: i32,
    /// Stack depth at the start; `i32::MIN` while unknown.
    pub start_depth: i32,
    /// A handler that wants the offset of the raising instruction.
    pub preserve_lasti: bool,
    /// A mark for traversals.
    pub visited: bool,
    /// Entered by an exception.
    pub except_handler: bool,
    /// Only reached through handlers.
    pub cold: bool,
    /// Reached by normal flow.
    pub warm: bool,
    /// Handlers of instructions that stood beyond the present end of the block. CPython reuses those places without
    /// clearing the handler, so an instruction appended there is covered by it.
    leftover_handlers: Vec<Option<BlockId>>,
}

impl Block {
    fn new() -> Block {
        Block {
            label: -1,
            instrs: Vec::new(),
            next: None,
            except_stack: None,
            unsafe_locals: 0,
            predecessors: 0,
            start_depth: 0,
            preserve_lasti: false,
            visited: false,
            except_handler: false,
            cold: false,
            warm: false,
            leftover_handlers: Vec::new(),
        }
    }

    /// Appends an instruction that the optimiser makes.
    pub fn append(&mut self, mut instr: Instr) {
        instr.except = self
            .leftover_handlers
            .get(self.instrs.len())
            .copied()
            .flatten();
        self.instrs.push(instr);
    }

    /// Notes the handlers of the instructions from `kept` on, which are about to go.
    pub fn leave_handlers(&mut self, kept: usize) {
        if self.leftover_handlers.len() < self.instrs.len() {
            self.leftover_handlers.resize(self.instrs.len(), None);
        }
        for (place, instr) in self
            .leftover_handlers
            .iter_mut()
            .zip(&self.instrs)
            .skip(kept)
        {
            *place = instr.except;
        }
    }

    /// Whether control can reach the next block by falling through.
    pub fn falls_through(&self) -> bool {
        !self
            .instrs
            .last()
            .is_some_and(|i| is_scope_exit(i.opcode) || is_unconditional_jump(i.opcode))
    }

    /// Whether the block ends by leaving the code.
    pub fn exits_scope(&self) -> bool {
        self.instrs.last().is_some_and(|i| is_scope_exit(i.opcode))
    }

    /// Whether no instruction has a line.
    pub fn has_no_lineno(&self) -> bool {
        self.instrs.iter().all(|i| i.loc.lineno < 0)
    }

    /// Whether an instruction checks the eval breaker.
    pub fn has_eval_break(&self) -> bool {
        self.instrs
            .iter()
            .any(|i| opcode::flags(i.opcode).has(Flags::EVAL_BREAK))
    }
}

/// The graph of one code unit.
#[derive(Clone, Debug)]
pub struct Cfg {
    blocks: Vec<Block>,
    current: BlockId,
    current_label: i32,
}

impl Index<BlockId> for Cfg {
    type Output = Block;
    fn index(&self, id: BlockId) -> &Block {
        &self.blocks[id.0 as usize]
    }
}

impl IndexMut<BlockId> for Cfg {
    fn index_mut(&mut self, id: BlockId) -> &mut Block {
        &mut self.blocks[id.0 as usize]
    }
}

/// The block where control enters.
pub const ENTRY: BlockId = BlockId(0);

impl Cfg {
    /// A graph of one empty block.
    fn new() -> Cfg {
        Cfg {
            blocks: vec![Block::new()],
            current: ENTRY,
            current_label: -1,
        }
    }

    /// A block that is not linked yet.
    pub fn new_block(&mut self) -> BlockId {
        self.blocks.push(Block::new());
        BlockId(self.blocks.len() as u32 - 1)
    }

    /// The blocks in code order at this moment.
    pub fn order(&self) -> Vec<BlockId> {
        let mut order = Vec::with_capacity(self.blocks.len());
        let mut at = Some(ENTRY);
        while let Some(block) = at {
            order.push(block);
            at = self[block].next;
        }
        order
    }

    /// The first of a block and its followers that has instructions.
    pub fn next_nonempty(&self, mut block: Option<BlockId>) -> Option<BlockId> {
        while let Some(id) = block {
            if !self[id].instrs.is_empty() {
                return Some(id);
            }
            block = self[id].next;
        }
        None
    }

    /// Clears the marks of all linked blocks.
    pub fn clear_visited(&mut self) {
        for block in &mut self.blocks {
            block.visited = false;
        }
    }

    /// The largest label in use.
    pub fn max_label(&self) -> i32 {
        self.order()
            .into_iter()
            .map(|b| self[b].label)
            .max()
            .unwrap_or(-1)
    }

    /// Appends a jump to a block.
    pub fn add_jump(&mut self, block: BlockId, opcode: u16, target: BlockId, loc: Location) {
        let mut jump = Instr::new(opcode, self[target].label, loc);
        jump.target = Some(target);
        self[block].append(jump);
    }

    /// Links a new block with a copy of another's instructions; it must not fall through.
    pub fn copy_block(&mut self, block: BlockId) -> BlockId {
        let copy = self.new_block();
        self[copy].instrs = self[block].instrs.clone();
        copy
    }

    fn start_block_if_needed(&mut self) {
        let label = self.current_label;
        let id = self.current;
        let current = &mut self[id];
        let terminated = current
            .instrs
            .last()
            .is_some_and(|i| is_terminator(i.opcode));
        if !terminated {
            if label < 0 {
                return;
            }
            if current.instrs.is_empty() && current.label < 0 {
                current.label = label;
                self.current_label = -1;
                return;
            }
        }
        let block = self.new_block();
        self[block].label = label;
        self.current_label = -1;
        self[id].next = Some(block);
        self.current = block;
    }

    fn use_label(&mut self, label: i32) {
        self.current_label = label;
        self.start_block_if_needed();
    }

    fn add(&mut self, instr: &Instruction) {
        self.start_block_if_needed();
        let current = self.current;
        self[current]
            .instrs
            .push(Instr::new(instr.opcode, instr.oparg, instr.loc));
    }

    /// Cuts a sequence into blocks.
    pub fn from_sequence(seq: &mut InstructionSequence) -> Result<Cfg, FlowError> {
        seq.apply_label_map()
            .map_err(|l| FlowError::system(format!("label {} is not placed", l.0)))?;
        let count = seq.instrs.len();
        let mut is_target = vec![false; count];
        for instr in seq.instrs.iter().filter(|i| has_target(i.opcode)) {
            match usize::try_from(instr.oparg)
                .ok()
                .and_then(|i| is_target.get_mut(i))
            {
                Some(mark) => *mark = true,
                None => {
                    return Err(FlowError::system(
                        "jump out of the instruction sequence".into(),
                    ));
                }
            }
        }
        let mut cfg = Cfg::new();
        cfg.blocks
            .reserve(is_target.iter().filter(|t| **t).count() * 2);
        for (i, instr) in seq.instrs.iter().enumerate() {
            if is_target[i] {
                cfg.use_label(i as i32);
            }
            if instr.opcode == ANNOTATIONS_PLACEHOLDER {
                let annotations = seq.annotations_code.as_deref();
                annotations
                    .map_or(&[][..], |a| &a.instrs)
                    .iter()
                    .for_each(|a| cfg.add(a));
                continue;
            }
            cfg.add(instr);
        }
        Ok(cfg)
    }

    /// Writes the blocks out in order; jump arguments and handlers become instruction indices.
    pub fn to_sequence(&mut self) -> Result<InstructionSequence, FlowError> {
        let order = self.order();
        let mut index = 0i32;
        let mut start = vec![-1i32; self.blocks.len()];
        for id in &order {
            start[id.0 as usize] = index;
            index += self[*id].instrs.len() as i32;
        }
        let mut seq = InstructionSequence::new();
        seq.instrs.reserve(index as usize);
        for id in order {
            for instr in &self[id].instrs {
                let mut oparg = instr.oparg;
                if has_target(instr.opcode) {
                    oparg = instr.target.map_or(-1, |t| start[t.0 as usize]);
                    if oparg < 0 {
                        return Err(FlowError::system(
                            "jump to a block that is not in the code".into(),
                        ));
                    }
                }
                let except = match instr.except {
                    Some(handler) => ExceptHandlerInfo {
                        label: start[handler.0 as usize],
                        start_depth: self[handler].start_depth,
                        preserve_lasti: self[handler].preserve_lasti,
                    },
                    None => ExceptHandlerInfo::NONE,
                };
                seq.instrs.push(Instruction {
                    opcode: instr.opcode,
                    oparg,
                    loc: instr.loc,
                    except,
                });
            }
        }
        Ok(seq)
    }

    /// Checks that only last instructions jump or leave.
    pub fn check(&self) -> Result<(), FlowError> {
        for id in self.order() {
            let instrs = &self[id].instrs;
            let inner = instrs.len().saturating_sub(1);
            if instrs[..inner].iter().any(|i| is_terminator(i.opcode)) {
                return Err(FlowError::system("malformed control flow graph.".into()));
            }
        }
        Ok(())
    }
}
