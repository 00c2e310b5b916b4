//! Code generation: one walk over the tree that emits instructions, CPython's own, one for one.
//!
//! [`Compiler`] holds the unit being generated and the units around it. This file has what every part uses: emitting,
//! constants, scopes, frame blocks, warnings. The parts are: `names` (variables and closures), `statements`, `control`
//! (branches and loops), `exceptions`, `context` (with), `functions`, `classes`, `annotations`, `expressions`, `calls`,
//! `comprehensions`, `strings`, `patterns`, `checks` (warnings for suspicious literals). Locations are part of the
//! result: every instruction carries exactly CPython's, because line tables are compared byte for byte.
//! What handles one kind of node is never inlined into `expr` and `stmt`: their frames bound how deep trees may nest.
//! CPython: `Python/codegen.c`, `Python/compile.c`.

mod annotations;
mod calls;
mod checks;
mod classes;
mod comprehensions;
mod context;
mod control;
mod docstring;
mod exceptions;
mod expressions;
mod functions;
mod names;
mod patterns;
mod statements;
mod strings;

use naja_bytecode::code::{Code, Const, Text, flags as co};
use naja_bytecode::opcode::wide as op;
use naja_parser::ast::{self, Constant, Mod, Range};
use naja_parser::error::Warning;
use naja_parser::stack::Stack;

use crate::instruction_sequence::{InstructionSequence, Label, Location};
use crate::symtable::{Block, BlockId, Key, Name, SymbolTable, known};
use crate::unit::{ArgCounts, Datum, FrameBlock, FrameBlockKind, NameTable, ScopeKind, Unit};
use crate::{Error, recursion_error, syntax_error, system_error};

type Done = Result<(), Error>;

/// How deep loops, `try` and `with` statements may nest in a code unit.
const MAX_BLOCKS: usize = 21;
/// How many values an expression may pile up before it builds its result step by step.
const STACK_USE_GUIDELINE: usize = 30;

/// Arguments of instructions that have no name in the opcode table.
mod arg {
    pub const RESUME_AT_FUNC_START: i32 = 0;
    pub const RESUME_AFTER_YIELD: i32 = 1;
    pub const RESUME_AFTER_YIELD_FROM: i32 = 2;
    pub const RESUME_AFTER_AWAIT: i32 = 3;

    pub const CONSTANT_ASSERTIONERROR: i32 = 0;
    pub const CONSTANT_NOTIMPLEMENTEDERROR: i32 = 1;
    pub const CONSTANT_BUILTIN_TUPLE: i32 = 2;
    pub const CONSTANT_BUILTIN_ALL: i32 = 3;
    pub const CONSTANT_BUILTIN_ANY: i32 = 4;

    pub const SPECIAL_ENTER: i32 = 0;
    pub const SPECIAL_EXIT: i32 = 1;
    pub const SPECIAL_AENTER: i32 = 2;
    pub const SPECIAL_AEXIT: i32 = 3;

    pub const INTRINSIC_PRINT: i32 = 1;
    pub const INTRINSIC_IMPORT_STAR: i32 = 2;
    pub const INTRINSIC_STOPITERATION_ERROR: i32 = 3;
    pub const INTRINSIC_ASYNC_GEN_WRAP: i32 = 4;
    pub const INTRINSIC_UNARY_POSITIVE: i32 = 5;
    pub const INTRINSIC_LIST_TO_TUPLE: i32 = 6;
    pub const INTRINSIC_TYPEVAR: i32 = 7;
    pub const INTRINSIC_PARAMSPEC: i32 = 8;
    pub const INTRINSIC_TYPEVARTUPLE: i32 = 9;
    pub const INTRINSIC_SUBSCRIPT_GENERIC: i32 = 10;
    pub const INTRINSIC_TYPEALIAS: i32 = 11;

    pub const INTRINSIC_PREP_RERAISE_STAR: i32 = 1;
    pub const INTRINSIC_TYPEVAR_WITH_BOUND: i32 = 2;
    pub const INTRINSIC_TYPEVAR_WITH_CONSTRAINTS: i32 = 3;
    pub const INTRINSIC_SET_FUNCTION_TYPE_PARAMS: i32 = 4;
    pub const INTRINSIC_SET_TYPEPARAM_DEFAULT: i32 = 5;

    pub const NB_SUBSCR: i32 = 26;

    pub const MAKE_FUNCTION_DEFAULTS: i32 = 1;
    pub const MAKE_FUNCTION_KWDEFAULTS: i32 = 2;
    pub const MAKE_FUNCTION_CLOSURE: i32 = 8;
    pub const MAKE_FUNCTION_ANNOTATE: i32 = 16;
}

/// The state of a compilation.
pub(crate) struct Compiler<'a, 'w> {
    st: SymbolTable,
    filename: Text,
    optimize: u8,
    features: u32,
    interactive: bool,
    unit: Unit<'a>,
    /// Units around the current one, innermost last.
    outer: Vec<Unit<'a>>,
    /// Above zero in code that is generated a second time.
    disable_warnings: u32,
    warnings: &'w mut Vec<Warning>,
    stack: Stack,
}

/// The position of a node.
fn loc(range: Range) -> Location {
    Location::new(
        range.lineno,
        range.end_lineno,
        range.col_offset,
        range.end_col_offset,
    )
}

/// The node position back from an instruction's.
fn range_of(loc: Location) -> Range {
    Range::new(
        loc.lineno,
        loc.col_offset,
        loc.end_lineno,
        loc.end_col_offset,
    )
}

/// A constant of the tree as a constant of code.
fn constant(value: &Constant<'_>) -> Const {
    match *value {
        Constant::None => Const::None,
        Constant::True => Const::True,
        Constant::False => Const::False,
        Constant::Ellipsis => Const::Ellipsis,
        Constant::Int(value) => Const::Int(value),
        Constant::BigInt(value) => Const::int(value.clone()),
        Constant::Float(value) => Const::Float(value),
        Constant::Complex(re, im) => Const::Complex(re, im),
        Constant::Str(text) => Const::Str(Text::from_wtf8(text.as_bytes())),
        Constant::Bytes(bytes) => Const::Bytes(bytes.into()),
        Constant::Tuple(items) => Const::tuple(items.iter().map(constant).collect()),
        Constant::FrozenSet(items) => Const::FrozenSet(items.iter().map(constant).collect()),
    }
}

/// Generates, optimises and assembles the code of a module.
pub(crate) fn generate<'a>(
    module: &'a Mod<'a>,
    st: SymbolTable,
    filename: &str,
    optimize: u8,
    features: u32,
    warnings: &mut Vec<Warning>,
) -> Result<Code, Error> {
    let mut compiler = Compiler::new(module, st, filename, optimize, features, warnings)?;
    compiler.module(module)?;
    let (code, _) = compiler.assemble_unit(!matches!(module, Mod::Expression { .. }))?;
    Ok(code)
}

/// Generates the instructions of a module, without optimising them.
pub(crate) fn instructions<'a>(
    module: &'a Mod<'a>,
    st: SymbolTable,
    filename: &str,
    optimize: u8,
    features: u32,
    warnings: &mut Vec<Warning>,
) -> Result<InstructionSequence, Error> {
    let mut compiler = Compiler::new(module, st, filename, optimize, features, warnings)?;
    compiler.module(module)?;
    compiler.return_at_end(!matches!(module, Mod::Expression { .. }));
    Ok(compiler.unit.seq)
}

impl<'a, 'w> Compiler<'a, 'w> {
    fn new(
        module: &'a Mod<'a>,
        st: SymbolTable,
        filename: &str,
        optimize: u8,
        features: u32,
        warnings: &'w mut Vec<Warning>,
    ) -> Result<Self, Error> {
        let top = st.top();
        let mut unit = new_unit(
            &st,
            top,
            "<module>",
            ScopeKind::Module,
            1,
            ArgCounts::default(),
        );
        unit.qualname = unit.name.clone();
        let mut compiler = Compiler {
            st,
            filename: Text::from(filename),
            optimize,
            features,
            interactive: matches!(module, Mod::Interactive { .. }),
            unit,
            outer: Vec::new(),
            disable_warnings: 0,
            warnings,
            stack: Stack::here(),
        };
        let start = Location::new(0, 1, 0, 0);
        compiler.op_i(start, op::RESUME, arg::RESUME_AT_FUNC_START);
        compiler.op(start, op::ANNOTATIONS_PLACEHOLDER);
        Ok(compiler)
    }

    fn module(&mut self, module: &'a Mod<'a>) -> Done {
        let body = match *module {
            Mod::Module { body, .. } | Mod::Interactive { body } => body,
            Mod::Expression { body } => return self.expr(body),
            Mod::FunctionType { .. } => {
                return Err(crate::runtime_error(
                    "this compiler does not handle FunctionTypes",
                ));
            }
        };
        let start = body
            .first()
            .map_or(Location::new(1, 1, 0, 0), |first| loc(first.range));
        if self.block().has_conditional_annotations {
            self.op_i(start, op::BUILD_SET, 0);
            let name = self.name_index(known::CONDITIONAL_ANNOTATIONS);
            self.op_i(start, op::STORE_NAME, name);
        }
        self.body(start, body, self.interactive)
    }

    /// The symbols of the current unit.
    fn block(&self) -> &Block {
        self.st.block(self.unit.block)
    }

    fn check_depth(&self) -> Done {
        if self.stack.exhausted() {
            return Err(recursion_error());
        }
        Ok(())
    }

    // Emitting.

    fn op(&mut self, loc: Location, opcode: u16) {
        self.unit.seq.addop(opcode, 0, loc);
    }

    fn op_i(&mut self, loc: Location, opcode: u16, oparg: i32) {
        self.unit.seq.addop(opcode, oparg, loc);
    }

    fn op_n(&mut self, loc: Location, opcode: u16, oparg: usize) {
        self.unit
            .seq
            .addop(opcode, i32::try_from(oparg).unwrap_or(i32::MAX), loc);
    }

    fn jump(&mut self, loc: Location, opcode: u16, target: Label) {
        self.unit.seq.addop_jump(opcode, target, loc);
    }

    fn label(&mut self) -> Label {
        self.unit.seq.new_label()
    }

    fn place(&mut self, label: Label) {
        self.unit.seq.use_label(label);
    }

    fn load_const(&mut self, loc: Location, value: Const) {
        let index = self.unit.consts.add(value);
        self.op_n(loc, op::LOAD_CONST, index);
    }

    fn load_name_const(&mut self, loc: Location, name: Name) {
        let value = Const::str(self.st.names.text(name));
        self.load_const(loc, value);
    }

    /// The number of a name in `co_names`.
    fn name_index(&mut self, name: Name) -> i32 {
        self.unit.names.insert_full(name).0 as i32
    }

    /// `send` protocol for `yield from` and `await`, the iterator and `None` being on the stack.
    fn yield_from(&mut self, loc: Location, is_await: bool) {
        let (send, fail, exit) = (self.label(), self.label(), self.label());
        self.place(send);
        self.jump(loc, op::SEND, exit);
        // A StopIteration that close() or throw() meets at the yield ends the protocol, too.
        self.jump(loc, op::SETUP_FINALLY, fail);
        self.op_i(loc, op::YIELD_VALUE, 1);
        self.op(Location::NONE, op::POP_BLOCK);
        let resume = if is_await {
            arg::RESUME_AFTER_AWAIT
        } else {
            arg::RESUME_AFTER_YIELD_FROM
        };
        self.op_i(loc, op::RESUME, resume);
        self.jump(loc, op::JUMP_NO_INTERRUPT, send);
        self.place(fail);
        self.op(loc, op::CLEANUP_THROW);
        self.place(exit);
        self.op(loc, op::END_SEND);
    }

    /// Awaits the value on the stack.
    fn await_value(&mut self, loc: Location, kind: i32) {
        self.op_i(loc, op::GET_AWAITABLE, kind);
        self.load_const(loc, Const::None);
        self.yield_from(loc, true);
    }

    fn pop_except_and_reraise(&mut self, loc: Location) {
        self.op_i(loc, op::COPY, 3);
        self.op(loc, op::POP_EXCEPT);
        self.op_i(loc, op::RERAISE, 1);
    }

    fn call_exit_with_nones(&mut self, loc: Location) {
        for _ in 0..3 {
            self.load_const(loc, Const::None);
        }
        self.op_i(loc, op::CALL, 3);
    }

    // Errors and warnings.

    fn error(&self, loc: Location, message: impl Into<String>) -> Error {
        syntax_error(range_of(loc), message)
    }

    fn warn(&mut self, range: Range, message: impl FnOnce() -> String) {
        if self.disable_warnings == 0 {
            self.warnings.push(Warning::syntax_at(message(), range));
        }
    }

    // Scopes.

    /// Begins a unit. `name` is its `co_name`; `private` the class it belongs to, if it is one.
    #[inline(never)]
    fn enter_scope(
        &mut self,
        name: &str,
        scope: ScopeKind,
        key: Key,
        lineno: i32,
        private: Option<Name>,
        counts: ArgCounts,
    ) -> Done {
        self.check_depth()?;
        let Some(block) = self.st.lookup(key) else {
            return Err(system_error("unknown symbol table entry"));
        };
        let unit = new_unit(&self.st, block, name, scope, lineno, counts);
        let outer = std::mem::replace(&mut self.unit, unit);
        self.unit.private = private.or(outer.private);
        self.outer.push(outer);
        self.set_qualname();
        let start = Location::new(lineno, lineno, 0, 0);
        self.op_i(start, op::RESUME, arg::RESUME_AT_FUNC_START);
        Ok(())
    }

    fn set_qualname(&mut self) {
        let depth = self.outer.len();
        let Some(mut parent) = self.outer.last() else {
            return;
        };
        if parent.scope == ScopeKind::Annotations {
            // An annotation scope has no part in the names of what is inside.
            if depth == 2 {
                self.unit.qualname = self.unit.name.clone();
                return;
            }
            parent = self.outer.get(depth.wrapping_sub(2)).unwrap_or(parent);
        }
        if depth == 1 && parent.scope == ScopeKind::Module {
            self.unit.qualname = self.unit.name.clone();
            return;
        }
        let mut force_global = false;
        if matches!(
            self.unit.scope,
            ScopeKind::Function | ScopeKind::AsyncFunction | ScopeKind::Class
        ) {
            let mangled = self.st.mangle(parent.private, &self.unit.name);
            force_global = self.st.block(parent.block).scope(mangled)
                == crate::symtable::scope::GLOBAL_EXPLICIT;
        }
        self.unit.qualname = if force_global {
            self.unit.name.clone()
        } else if matches!(
            parent.scope,
            ScopeKind::Function | ScopeKind::AsyncFunction | ScopeKind::Lambda
        ) {
            format!("{}.<locals>.{}", parent.qualname, self.unit.name).into()
        } else {
            format!("{}.{}", parent.qualname, self.unit.name).into()
        };
    }

    fn code_flags(&self) -> u32 {
        let block = self.block();
        let mut flags = 0;
        let mut set = |bit: u32, on: bool| flags |= if on { bit } else { 0 };
        if block.is_function_like() {
            set(co::NEWLOCALS | co::OPTIMIZED, true);
            set(co::NESTED, block.nested);
            set(co::GENERATOR, block.generator && !block.coroutine);
            set(co::ASYNC_GENERATOR, block.generator && block.coroutine);
            set(co::VARARGS, block.varargs);
            set(co::VARKEYWORDS, block.varkeywords);
            set(co::HAS_DOCSTRING, block.has_docstring);
            set(co::METHOD, block.method);
        }
        set(co::COROUTINE, block.coroutine && !block.generator);
        flags | self.features & co::FUTURE_MASK
    }

    fn return_at_end(&mut self, add_none: bool) {
        if add_none {
            self.load_const(Location::NONE, Const::None);
        }
        self.op(Location::NONE, op::RETURN_VALUE);
    }

    /// Ends the current unit and makes its code; the unit around becomes current. Also returns the free variables.
    #[inline(never)]
    fn assemble_unit(&mut self, add_none: bool) -> Result<(Code, NameTable), Error> {
        self.return_at_end(add_none);
        let flags = self.code_flags();
        let unit = match self.outer.pop() {
            Some(outer) => std::mem::replace(&mut self.unit, outer),
            None => {
                let empty = new_unit(
                    &self.st,
                    self.unit.block,
                    "",
                    ScopeKind::Module,
                    1,
                    ArgCounts::default(),
                );
                std::mem::replace(&mut self.unit, empty)
            }
        };
        let free = unit.freevars.clone();
        let (metadata, seq) = unit.finish(&self.st.names, flags);
        let code = crate::assemble::optimize_and_assemble(metadata, seq, &self.filename)
            .map_err(|fault| system_error(fault.message))?;
        Ok((code, free))
    }

    // Frame blocks.

    fn push_block(
        &mut self,
        loc: Location,
        kind: FrameBlockKind,
        block: Label,
        exit: Label,
        datum: Datum<'a>,
    ) -> Done {
        if self.unit.frame_blocks.len() >= MAX_BLOCKS {
            return Err(self.error(loc, "too many statically nested blocks"));
        }
        self.unit.frame_blocks.push(FrameBlock {
            kind,
            block,
            exit,
            loc,
            datum,
        });
        if kind == FrameBlockKind::FinallyEnd {
            self.disable_warnings += 1;
        }
        Ok(())
    }

    fn pop_block(&mut self) -> Option<FrameBlock<'a>> {
        let block = self.unit.frame_blocks.pop()?;
        if block.kind == FrameBlockKind::FinallyEnd {
            self.disable_warnings -= 1;
        }
        Some(block)
    }

    fn stmts(&mut self, body: &'a [ast::StmtRef<'a>]) -> Done {
        body.iter().try_for_each(|stmt| self.stmt(stmt))
    }

    fn exprs(&mut self, exprs: &'a [ast::ExprRef<'a>]) -> Done {
        exprs.iter().try_for_each(|expr| self.expr(expr))
    }
}

/// A fresh unit for a block.
fn new_unit<'a>(
    st: &SymbolTable,
    id: BlockId,
    name: &str,
    scope: ScopeKind,
    lineno: i32,
    counts: ArgCounts,
) -> Unit<'a> {
    use crate::symtable::{flag, scope as at, scope_of};
    let block = st.block(id);
    let select = |wanted: u32, flag: u32| -> NameTable {
        let matching = block.symbols.iter();
        let matching =
            matching.filter(|(_, flags)| scope_of(**flags) == wanted || **flags & flag != 0);
        let mut found: Vec<Name> = matching.map(|(name, _)| *name).collect();
        found.sort_unstable_by(|a, b| st.names.text(*a).cmp(st.names.text(*b)));
        found.into_iter().collect()
    };
    let mut cellvars = select(at::CELL, flag::DEF_COMP_CELL);
    let implicit = [
        (block.needs_class_closure, known::CLASS),
        (block.needs_classdict, known::CLASSDICT),
        (
            block.has_conditional_annotations,
            known::CONDITIONAL_ANNOTATIONS,
        ),
    ];
    cellvars.extend(
        implicit
            .iter()
            .filter(|(needed, _)| *needed)
            .map(|(_, name)| *name),
    );
    Unit {
        block: id,
        scope,
        private: None,
        static_attributes: NameTable::default(),
        deferred: Vec::new(),
        next_conditional: 0,
        seq: InstructionSequence::new(),
        stashed: None,
        frame_blocks: Vec::new(),
        in_inlined_comp: 0,
        in_conditional_block: 0,
        name: name.into(),
        qualname: Box::default(),
        consts: Default::default(),
        names: NameTable::default(),
        varnames: block.varnames.iter().copied().collect(),
        first_free: cellvars.len(),
        freevars: select(at::FREE, flag::DEF_FREE_CLASS),
        cellvars,
        fast_hidden: Default::default(),
        counts,
        firstlineno: lineno,
    }
}
