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

/// Compiles a module, an expression or an interactive statement. Raises SyntaxError for what the grammar allows but the
/// language does not, RecursionError for trees too deep.
pub fn compile<'a>(
    module: &'a Mod<'a>,
    arena: &'a Arena,
    filename: &str,
    options: &CompileOptions,
) -> Result<Compiled, Failure> {
    let mut warnings = Vec::new();
    match compile_with_warnings(module, arena, filename, options, &mut warnings) {
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

fn compile_with_warnings<'a>(
    module: &'a Mod<'a>,
    arena: &'a Arena,
    filename: &str,
    options: &CompileOptions,
    warnings: &mut Vec<Warning>,
) -> Result<(Code, u32), Error> {
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
    let code = codegen::generate(
        module,
        table,
        filename,
        options.optimize,
        features,
        warnings,
    )?;
    Ok((code, features))
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
