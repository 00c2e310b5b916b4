//! The optimiser: from the code generator's instruction sequence to the one that is assembled.
//!
//! [`optimize_code_unit`] and [`to_optimized_sequence`] run CPython's passes in CPython's order on a [`cfg::Cfg`]; every
//! pass has CPython's result exactly, down to the order of constants and to which no-op survives, because code objects
//! are compared byte for byte. A pass never looks at a block's `visited` mark without clearing it first.
//! CPython: `Python/flowgraph.c`.

mod borrow;
pub mod cfg;
mod cleanup;
mod const_eval;
mod depth;
mod dump;
mod exceptions;
mod fold;
mod layout;
mod lines;
mod locals;
mod optimize;
mod swaps;

use naja_bytecode::code::Const;

use crate::constants::ConstTable;
use crate::instruction_sequence::{CodeUnitMetadata, InstructionSequence};
use cfg::Cfg;

/// The exception CPython raises for a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlowErrorKind {
    /// SystemError: the code generator's fault.
    System,
    /// ValueError: an impossible graph.
    Value,
    /// OverflowError: more than the format can hold.
    Overflow,
}

/// Why a sequence cannot be made into code. None of it can happen for sequences from the code generator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FlowError {
    /// The exception's kind.
    pub kind: FlowErrorKind,
    /// Its message.
    pub message: String,
}

impl FlowError {
    pub(crate) fn system(message: String) -> FlowError {
        FlowError {
            kind: FlowErrorKind::System,
            message,
        }
    }

    pub(crate) fn value(message: &str) -> FlowError {
        FlowError {
            kind: FlowErrorKind::Value,
            message: message.into(),
        }
    }

    pub(crate) fn overflow(message: &str) -> FlowError {
        FlowError {
            kind: FlowErrorKind::Overflow,
            message: message.into(),
        }
    }
}

/// Optimises a graph and its constants.
pub fn optimize_code_unit(
    cfg: &mut Cfg,
    consts: Vec<Const>,
    nlocals: usize,
    nparams: usize,
) -> Result<Vec<Const>, FlowError> {
    exceptions::resolve_targets(cfg)?;
    exceptions::mark_handlers(cfg);
    exceptions::label_handlers(cfg)?;

    let mut table = ConstTable::from_items(consts);
    optimize::optimize(cfg, &mut table)?;
    let consts = fold::remove_unused_consts(cfg, table.into_items())?;
    locals::check_unbound_loads(cfg, nlocals, nparams);
    layout::insert_superinstructions(cfg);
    layout::move_cold_blocks(cfg)?;
    lines::resolve(cfg);
    Ok(consts)
}

/// What the assembler needs besides the instructions.
#[derive(Debug)]
pub struct Optimized {
    /// The final instructions; jump arguments are instruction indices.
    pub sequence: InstructionSequence,
    /// `co_stacksize` before the assembler's minimum.
    pub stack_depth: i32,
    /// Number of locals, cells and free variables.
    pub nlocalsplus: usize,
}

/// Lowers an optimised graph: pseudo operations go, prologue and borrowed loads come, jumps get their direction.
pub fn to_optimized_sequence(
    cfg: &mut Cfg,
    unit: &CodeUnitMetadata,
) -> Result<Optimized, FlowError> {
    layout::lower_conditional_jumps(cfg);
    let stack_depth = depth::stack_depth(cfg)?;
    let nlocalsplus = locals::prepare_localsplus(cfg, unit)?;
    layout::lower_pseudo_ops(cfg)?;
    layout::normalize_jumps(cfg);
    borrow::borrow_loads(cfg)?;
    Ok(Optimized {
        sequence: cfg.to_sequence()?,
        stack_depth,
        nlocalsplus,
    })
}

/// Resolves labels and handlers of a graph that is not optimised (for assembling hand-made sequences).
pub fn resolve_only(cfg: &mut Cfg) -> Result<(), FlowError> {
    exceptions::resolve_targets(cfg)?;
    exceptions::label_handlers(cfg)
}

/// The optimiser alone, as CPython's test hook `optimize_cfg` runs it.
pub fn optimize_for_test(
    seq: &mut InstructionSequence,
    consts: Vec<Const>,
    nlocals: usize,
) -> Result<(InstructionSequence, Vec<Const>), FlowError> {
    let mut cfg = Cfg::from_sequence(seq)?;
    let consts = optimize_code_unit(&mut cfg, consts, nlocals, 0)?;
    depth::stack_depth(&mut cfg)?;
    borrow::borrow_loads(&mut cfg)?;
    Ok((cfg.to_sequence()?, consts))
}
