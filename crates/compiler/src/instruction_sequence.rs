//! The border between code generation and the flow graph: a flat list of instructions with labels.
//!
//! Code generation appends instructions (pseudo ones included); a jump's argument is a label number until
//! [`InstructionSequence::apply_label_map`] or the flow graph resolves it. The same type carries the optimised code
//! from the flow graph to the assembler, there with exception handlers filled in and jump targets as instruction
//! indices. CPython: `Python/instruction_sequence.c`, `Include/internal/pycore_instruction_sequence.h`.

use naja_bytecode::code::{Const, Text};
use naja_bytecode::opcode::{Flags, flags};

/// A source position: lines from 1, columns in UTF-8 bytes from 0; -1 (or `lineno` of -2, "next location") for none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Location {
    /// First line.
    pub lineno: i32,
    /// Last line.
    pub end_lineno: i32,
    /// First column.
    pub col_offset: i32,
    /// Column after the last.
    pub end_col_offset: i32,
}

impl Location {
    /// No position: filled in from a neighbour if possible.
    pub const NONE: Location = Location {
        lineno: -1,
        end_lineno: -1,
        col_offset: -1,
        end_col_offset: -1,
    };
    /// Takes the position of the instruction that follows.
    pub const NEXT: Location = Location {
        lineno: -2,
        end_lineno: -2,
        col_offset: -2,
        end_col_offset: -2,
    };

    /// A position in full.
    pub const fn new(
        lineno: i32,
        end_lineno: i32,
        col_offset: i32,
        end_col_offset: i32,
    ) -> Location {
        Location {
            lineno,
            end_lineno,
            col_offset,
            end_col_offset,
        }
    }
}

/// A place in the sequence that jumps and blocks refer to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Label(pub i32);

impl Label {
    /// No label.
    pub const NONE: Label = Label(-1);
}

/// Which handler covers an instruction (known after the flow graph).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExceptHandlerInfo {
    /// Handler: a label, later an instruction index; -1 for none.
    pub label: i32,
    /// Stack depth to cut back to.
    pub start_depth: i32,
    /// The offset of the raising instruction is pushed, too.
    pub preserve_lasti: bool,
}

impl ExceptHandlerInfo {
    /// Not covered.
    pub const NONE: ExceptHandlerInfo = ExceptHandlerInfo {
        label: -1,
        start_depth: -1,
        preserve_lasti: false,
    };
}

/// One instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instruction {
    /// Number; above 255 for pseudo instructions.
    pub opcode: u16,
    /// Argument, not limited to a byte; a label for jumps and block openers.
    pub oparg: i32,
    /// Position in the source.
    pub loc: Location,
    /// Handler that covers it.
    pub except: ExceptHandlerInfo,
}

/// Whether the argument is a label: jumps and the pseudo instructions that open a block.
pub fn has_target(opcode: u16) -> bool {
    let flags = flags(opcode);
    flags.has(Flags::JUMP) || flags.has(Flags::BLOCK_PUSH)
}

/// Instructions in order, their labels, and the sequences of inlined or nested parts.
#[derive(Clone, Debug, Default)]
pub struct InstructionSequence {
    /// The instructions.
    pub instrs: Vec<Instruction>,
    /// Instruction index of each label used so far; -1 for labels not placed yet.
    labels: Vec<i32>,
    next_label: i32,
    /// Code of deferred annotations, spliced in at `ANNOTATIONS_PLACEHOLDER`.
    pub annotations_code: Option<Box<InstructionSequence>>,
    /// Sequences of nested code units, kept for inspection.
    pub nested: Vec<InstructionSequence>,
}

impl InstructionSequence {
    /// An empty sequence.
    pub fn new() -> InstructionSequence {
        InstructionSequence::default()
    }

    /// A label that is not placed yet.
    pub fn new_label(&mut self) -> Label {
        self.next_label += 1;
        Label(self.next_label)
    }

    /// Places a label before the next instruction.
    pub fn use_label(&mut self, label: Label) {
        self.place_label(label, self.instrs.len());
    }

    /// Places a label before a given instruction.
    pub fn place_label(&mut self, label: Label, instr: usize) {
        let Ok(index) = usize::try_from(label.0) else {
            return;
        };
        if self.labels.len() <= index {
            self.labels.resize(index + 1, -1);
        }
        self.labels[index] = instr as i32;
    }

    /// Appends an instruction.
    pub fn addop(&mut self, opcode: impl Into<u16>, oparg: i32, loc: Location) {
        self.instrs.push(Instruction {
            opcode: opcode.into(),
            oparg,
            loc,
            except: ExceptHandlerInfo::NONE,
        });
    }

    /// Appends a jump or a block opener.
    pub fn addop_jump(&mut self, opcode: impl Into<u16>, target: Label, loc: Location) {
        self.addop(opcode, target.0, loc);
    }

    /// Inserts an instruction; labels at or after the place move with what they point to.
    pub fn insert(&mut self, pos: usize, opcode: impl Into<u16>, oparg: i32, loc: Location) {
        let instr = Instruction {
            opcode: opcode.into(),
            oparg,
            loc,
            except: ExceptHandlerInfo::NONE,
        };
        self.instrs.insert(pos.min(self.instrs.len()), instr);
        for index in &mut self.labels {
            if *index >= pos as i32 {
                *index += 1;
            }
        }
    }

    /// The last instruction.
    pub fn last(&self) -> Option<&Instruction> {
        self.instrs.last()
    }

    /// Instruction index of a label; `None` while it is not placed.
    pub fn label_index(&self, label: i32) -> Option<usize> {
        let index = *self.labels.get(usize::try_from(label).ok()?)?;
        usize::try_from(index).ok()
    }

    /// Replaces labels by instruction indices in jumps and in handler information. Fails on a label that was never
    /// placed, which is a fault of the code generator.
    pub fn apply_label_map(&mut self) -> Result<(), UnplacedLabel> {
        let labels = std::mem::take(&mut self.labels);
        let resolve = |label: i32| -> Result<i32, UnplacedLabel> {
            usize::try_from(label)
                .ok()
                .and_then(|label| labels.get(label).copied())
                .filter(|index| *index >= 0)
                .ok_or(UnplacedLabel(label))
        };
        for instr in &mut self.instrs {
            if has_target(instr.opcode) {
                instr.oparg = resolve(instr.oparg)?;
            }
            if instr.except.label >= 0 {
                instr.except.label = resolve(instr.except.label)?;
            }
        }
        Ok(())
    }
}

/// A jump goes to a label that stands nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnplacedLabel(pub i32);

/// What code generation knows of a code unit besides its instructions.
#[derive(Clone, Debug, Default)]
pub struct CodeUnitMetadata {
    /// `co_name`.
    pub name: Text,
    /// `co_qualname`.
    pub qualname: Text,
    /// Constants in order of first use; the flow graph drops the unused ones.
    pub consts: Vec<Const>,
    /// Names in order of first use.
    pub names: Vec<Text>,
    /// Local variables, parameters first.
    pub varnames: Vec<Text>,
    /// Cell variables in their order.
    pub cellvars: Vec<Text>,
    /// Free variables in their order.
    pub freevars: Vec<Text>,
    /// Names that are fast locals only inside an inlined comprehension of a class or module body, and hidden.
    pub fasthidden: Vec<Text>,
    /// Positional parameters, without the positional-only ones.
    pub argcount: u32,
    /// Positional-only parameters.
    pub posonlyargcount: u32,
    /// Keyword-only parameters.
    pub kwonlyargcount: u32,
    /// First line.
    pub firstlineno: i32,
    /// `co_flags` (CPython passes them apart).
    pub flags: u32,
}
