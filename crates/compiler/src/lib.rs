//! From the syntax tree to code objects.
//!
//! [`compile`] runs the stages: `future` reads the future statements, `symtable` finds the scopes, `codegen` makes an
//! [`instruction_sequence`] per code unit, `flowgraph` optimises it and `assemble` makes the code object. `constants`
//! decides when two constants are one. Every stage can be called alone.
//! CPython: `Python/compile.c`, `Python/symtable.c`, `Python/codegen.c`, `Python/flowgraph.c`, `Python/assemble.c`.

pub mod assemble;
pub mod codegen;
pub mod constants;
pub mod flowgraph;
pub mod future;
pub mod instruction_sequence;
pub mod mangle;
pub mod symtable;
pub mod unit;

use naja_bytecode::code::{Code, flags};
use naja_parser::ast::{Arena, Mod, Range};
use naja_parser::error::{SyntaxError, SyntaxErrorKind, Warning};
use naja_parser::preprocess::{PreprocessOptions, preprocess};
use naja_parser::{Mode, ParseOptions, parse_with_warnings};

use instruction_sequence::InstructionSequence;
use symtable::SymbolTable;

/// `PyCF_ALLOW_TOP_LEVEL_AWAIT`: `await` is allowed at module level, and makes the module a coroutine.
pub const ALLOW_TOP_LEVEL_AWAIT: u32 = 0x2000;

/// Errors travel boxed inside the compiler, to keep results small.
pub(crate) type Error = Box<SyntaxError>;

/// What to compile for.
#[derive(Clone, Copy, Debug, Default)]
pub struct CompileOptions {
    /// Optimisation level, 0 to 2: 1 drops `assert`, 2 docstrings, too.
    pub optimize: u8,
    /// `CO_FUTURE_*` bits that hold besides the module's own future statements, and [`ALLOW_TOP_LEVEL_AWAIT`].
    pub flags: u32,
}

/// A compiled module.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The module's code.
    pub code: Code,
    /// Warnings in order; they are to be issued even if the caller then fails. A caller whose warning filter makes
    /// an error of one raises SyntaxError with its message and place.
    pub warnings: Vec<Warning>,
    /// The options' flags together with the features that the module asked for.
    pub flags: u32,
}

/// A failed compilation.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Why.
    pub error: SyntaxError,
    /// The warnings until then.
    pub warnings: Vec<Warning>,
}

/// Compiles source text, from parsing on. Raises what the parser and [`compile`] raise.
pub fn compile_source(
    source: &str,
    mode: Mode,
    filename: &str,
    parse_options: &ParseOptions,
    options: &CompileOptions,
) -> Result<Compiled, Failure> {
    let arena = Arena::for_source(source.len());
    let mut warnings = Vec::new();
    let mut parse_options = parse_options.clone();
    parse_options.barry_as_flufl |= options.flags & flags::FUTURE_BARRY_AS_BDFL != 0;
    match parse_with_warnings(source, mode, &parse_options, &arena, &mut warnings) {
        Ok((module, _)) => run(module, &arena, filename, options, warnings),
        Err(error) => Err(Failure { error, warnings }),
    }
}

/// Compiles a module, an expression or an interactive statement. Raises SyntaxError for what the grammar allows but the
/// language does not, RecursionError for trees too deep.
pub fn compile<'a>(
    module: &'a Mod<'a>,
    arena: &'a Arena,
    filename: &str,
    options: &CompileOptions,
) -> Result<Compiled, Failure> {
    run(module, arena, filename, options, Vec::new())
}

fn run<'a>(
    module: &'a Mod<'a>,
    arena: &'a Arena,
    filename: &str,
    options: &CompileOptions,
    mut warnings: Vec<Warning>,
) -> Result<Compiled, Failure> {
    let result =
        prepare(module, arena, options, &mut warnings).and_then(|(module, table, flags)| {
            let level = options.optimize;
            let code = codegen::generate(module, table, filename, level, flags, &mut warnings)?;
            Ok((code, flags))
        });
    match result {
        Ok((code, flags)) => Ok(Compiled {
            code,
            warnings,
            flags,
        }),
        Err(error) => Err(Failure {
            error: *error,
            warnings,
        }),
    }
}

/// The instructions of a module as the code generator makes them, before the flow graph sees them; functions inside are
/// finished code objects.
pub fn instructions<'a>(
    module: &'a Mod<'a>,
    arena: &'a Arena,
    filename: &str,
    options: &CompileOptions,
) -> Result<InstructionSequence, Failure> {
    let mut warnings = Vec::new();
    prepare(module, arena, options, &mut warnings)
        .and_then(|(module, table, flags)| {
            codegen::instructions(
                module,
                table,
                filename,
                options.optimize,
                flags,
                &mut warnings,
            )
        })
        .map_err(|error| Failure {
            error: *error,
            warnings,
        })
}

/// What comes before code generation: future statements, preprocessing, symbol table. Also returns the merged flags.
fn prepare<'a>(
    module: &'a Mod<'a>,
    arena: &'a Arena,
    options: &CompileOptions,
    warnings: &mut Vec<Warning>,
) -> Result<(&'a Mod<'a>, SymbolTable, u32), Error> {
    let future = future::from_module(module)?;
    let features = future.features | options.flags;
    let steps = PreprocessOptions {
        optimize: options.optimize,
        future_annotations: features & flags::FUTURE_ANNOTATIONS != 0,
        syntax_check_only: false,
        enable_warnings: true,
    };
    let module = preprocess(module, steps, arena, warnings)?;
    let table = symtable::build_boxed(module, &future, features)?;
    Ok((module, table, features))
}

fn error_of(kind: SyntaxErrorKind, range: Range, message: String) -> Error {
    Box::new(SyntaxError {
        kind,
        message,
        lineno: range.lineno,
        offset: range.col_offset + 1,
        end_lineno: range.end_lineno,
        end_offset: range.end_col_offset + 1,
        text: None,
        metadata: None,
    })
}

/// A SyntaxError at a node. Offsets count bytes, as CPython's do at this stage; the text is for the caller to find.
#[cold]
pub(crate) fn syntax_error(range: Range, message: impl Into<String>) -> Error {
    error_of(SyntaxErrorKind::Syntax, range, message.into())
}

/// The tree is nested too deeply.
#[cold]
pub(crate) fn recursion_error() -> Error {
    let message = "maximum recursion depth exceeded during compilation".into();
    error_of(SyntaxErrorKind::Recursion, Range::default(), message)
}

/// A tree that no parser makes.
#[cold]
pub(crate) fn system_error(message: impl Into<String>) -> Error {
    error_of(SyntaxErrorKind::System, Range::default(), message.into())
}

/// A RuntimeError.
#[cold]
pub(crate) fn runtime_error(message: &str) -> Error {
    error_of(SyntaxErrorKind::Runtime, Range::default(), message.into())
}
