//! The state of one code unit (module, class, function, comprehension, annotation scope) while its code is generated.
//!
//! Units stack up as scopes nest. A unit collects instructions and numbers its constants and names in order of first
//! use; [`Unit::finish`] turns it into what the flow graph takes. CPython: `struct compiler_unit` in `Python/compile.c`.

use indexmap::{IndexMap, IndexSet};
use naja_bytecode::code::Text;
use naja_parser::ast::{ExprRef, StmtRef};
use rustc_hash::FxBuildHasher;

use crate::constants::ConstTable;
use crate::instruction_sequence::{CodeUnitMetadata, InstructionSequence, Label, Location};
use crate::symtable::{BlockId, Name, Names};

/// What kind of code a unit is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScopeKind {
    /// A module, or an expression or statement compiled alone.
    Module,
    /// A class body.
    Class,
    /// `def`
    Function,
    /// `async def`
    AsyncFunction,
    /// `lambda`
    Lambda,
    /// A comprehension that is not inlined, or a generator expression.
    Comprehension,
    /// Annotations, type parameters, their bounds and defaults, values of type aliases.
    Annotations,
}

/// A construct that `break`, `continue` and `return` must unwind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameBlockKind {
    /// `while`
    WhileLoop,
    /// `for`
    ForLoop,
    /// `async for`
    AsyncForLoop,
    /// Body of `try` with `except`.
    TryExcept,
    /// Body of `try` with `finally`.
    FinallyTry,
    /// The copy of `finally` that runs on an exception.
    FinallyEnd,
    /// `with`
    With,
    /// `async with`
    AsyncWith,
    /// Body of `except ... as name`.
    HandlerCleanup,
    /// A value on the stack to drop.
    PopValue,
    /// `except`
    ExceptionHandler,
    /// `except*`
    ExceptionGroupHandler,
    /// An asynchronous comprehension.
    AsyncComprehensionGenerator,
    /// The body of a generator, guarded against StopIteration.
    StopIteration,
}

/// What unwinding needs besides the kind.
#[derive(Clone, Copy, Debug)]
pub enum Datum<'a> {
    /// Nothing.
    None,
    /// The statements of `finally`.
    Finally(&'a [StmtRef<'a>]),
    /// The name that `except ... as` binds.
    Name(&'a str),
}

/// An open construct.
#[derive(Clone, Copy, Debug)]
pub struct FrameBlock<'a> {
    /// Its kind.
    pub kind: FrameBlockKind,
    /// Where it begins; the target of `continue`.
    pub block: Label,
    /// The target of `break`.
    pub exit: Label,
    /// Its place.
    pub loc: Location,
    /// Its datum.
    pub datum: Datum<'a>,
}

/// An annotation whose code goes into `__annotate__`.
#[derive(Clone, Copy, Debug)]
pub struct DeferredAnnotation<'a> {
    /// The statement's place.
    pub loc: Location,
    /// The annotated name.
    pub target: &'a str,
    /// The annotation.
    pub annotation: ExprRef<'a>,
    /// Number in `__conditional_annotations__`, unless it is certain to be executed.
    pub index: Option<i64>,
}

/// Parameter counts.
#[derive(Clone, Copy, Default, Debug)]
pub struct ArgCounts {
    /// Positional, without positional-only ones.
    pub args: u32,
    /// Positional-only.
    pub posonly: u32,
    /// Keyword-only.
    pub kwonly: u32,
}

/// Names numbered in order.
pub type NameTable = IndexSet<Name, FxBuildHasher>;

/// One unit.
#[derive(Debug)]
pub struct Unit<'a> {
    /// The unit's block in the symbol table.
    pub block: BlockId,
    /// What it is.
    pub scope: ScopeKind,
    /// The class whose private names are mangled.
    pub private: Option<Name>,
    /// In a class: attributes that methods assign on `self`.
    pub static_attributes: NameTable,
    /// Annotations for `__annotate__`; there are some if this is not empty.
    pub deferred: Vec<DeferredAnnotation<'a>>,
    /// The next number in `__conditional_annotations__`.
    pub next_conditional: i64,
    /// Instructions.
    pub seq: InstructionSequence,
    /// Instructions of the module while `__annotate__` is set up.
    pub stashed: Option<InstructionSequence>,
    /// Open constructs, innermost last.
    pub frame_blocks: Vec<FrameBlock<'a>>,
    /// Depth of inlined comprehensions.
    pub in_inlined_comp: u32,
    /// Depth of statements that may not be executed.
    pub in_conditional_block: u32,
    /// `co_name`
    pub name: Box<str>,
    /// `co_qualname`
    pub qualname: Box<str>,
    /// Constants.
    pub consts: ConstTable,
    /// `co_names`
    pub names: NameTable,
    /// Local variables, parameters first.
    pub varnames: NameTable,
    /// Cell variables.
    pub cellvars: NameTable,
    /// Free variables; their numbers follow those of the cells that exist at the start.
    pub freevars: NameTable,
    /// The number of the first free variable.
    pub first_free: usize,
    /// Names that are (true) or were fast locals inside inlined comprehensions.
    pub fast_hidden: IndexMap<Name, bool, FxBuildHasher>,
    /// Parameter counts.
    pub counts: ArgCounts,
    /// First line.
    pub firstlineno: i32,
}

/// The names of a table as text.
fn texts(table: impl IntoIterator<Item = Name>, names: &Names) -> Vec<Text> {
    table
        .into_iter()
        .map(|name| Text::from(names.text(name)))
        .collect()
}

impl Unit<'_> {
    /// What the flow graph and the assembler take.
    pub fn finish(self, names: &Names, flags: u32) -> (CodeUnitMetadata, InstructionSequence) {
        let metadata = CodeUnitMetadata {
            name: Text::from(&*self.name),
            qualname: Text::from(&*self.qualname),
            consts: self.consts.into_items(),
            names: texts(self.names, names),
            varnames: texts(self.varnames, names),
            cellvars: texts(self.cellvars, names),
            freevars: texts(self.freevars, names),
            fasthidden: texts(self.fast_hidden.into_keys(), names),
            argcount: self.counts.args,
            posonlyargcount: self.counts.posonly,
            kwonlyargcount: self.counts.kwonly,
            firstlineno: self.firstlineno,
            flags,
        };
        (metadata, self.seq)
    }
}
