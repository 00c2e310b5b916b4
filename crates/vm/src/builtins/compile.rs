//! `compile`, `eval`, `exec`: from source text to code objects, and running them.
//!
//! Source is decoded here (PEP 263), parsed by naja_parser, compiled by naja_compiler and turned into a code object.
//! Errors of the two are plain data; they become exceptions with all attributes here, and their warnings are issued
//! here. CPython: Python/pythonrun.c, Python/bltinmodule.c, Parser/tokenizer/.

use crate::objects::cell::CellVariable;
use crate::objects::code::CodeObject;
use crate::objects::dict::Dict;
use crate::objects::function::Function;
use crate::objects::str_;
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::protocols::{attributes, object};
use crate::runtime::Access;
use crate::vm::{PyResult, Raised, Vm};
use naja_bytecode::code::flags;
use naja_compiler::{ALLOW_TOP_LEVEL_AWAIT, CompileOptions};
use naja_heap::{Ref, Value};
use naja_parser::ast::Arena;
use naja_parser::error::{SyntaxError, SyntaxErrorKind, Warning, WarningCategory};
use naja_parser::source::Source;
use naja_parser::{Mode, ParseOptions, parse_with_warnings};

/// Bits of `compile()`'s flags argument besides the `CO_FUTURE_*` ones (`PyCF_*`).
pub mod flag {
    pub const SOURCE_IS_UTF8: u32 = 0x100;
    pub const DONT_IMPLY_DEDENT: u32 = 0x200;
    pub const ONLY_AST: u32 = 0x400;
    pub const IGNORE_COOKIE: u32 = 0x800;
    pub const TYPE_COMMENTS: u32 = 0x1000;
    pub const ALLOW_TOP_LEVEL_AWAIT: u32 = 0x2000;
    pub const ALLOW_INCOMPLETE_INPUT: u32 = 0x4000;
    pub const OPTIMIZED_AST: u32 = 0x8000 | ONLY_AST;
    pub const ALL: u32 = DONT_IMPLY_DEDENT
        | TYPE_COMMENTS
        | ALLOW_TOP_LEVEL_AWAIT
        | ALLOW_INCOMPLETE_INPUT
        | OPTIMIZED_AST;
}

/// What to compile for.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub mode: Mode,
    /// Bits of [`flag`] and `CO_FUTURE_*`.
    pub flags: u32,
    /// 0 to 2; None: as the interpreter was started.
    pub optimize: Option<u8>,
    pub feature_version: Option<u8>,
}

impl Options {
    pub fn new(mode: Mode) -> Options {
        Options {
            mode,
            flags: 0,
            optimize: None,
            feature_version: None,
        }
    }
}

/// A line of the file `filename`, for errors of the compiler, which does not have the text.
fn line_of_file(vm: &Vm, filename: &str, line: i32) -> Option<String> {
    if line < 1 || (filename.starts_with('<') && filename.ends_with('>')) {
        return None;
    }
    let path = vm.new_str(filename).ok()?.into_value();
    if vm.permit(Access::Stat(&path)).is_err() {
        vm.clear_exception();
        return None;
    }
    let data = std::fs::read(filename).ok()?;
    let text = data
        .split_inclusive(|&b| b == b'\n')
        .nth(line as usize - 1)?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// Raises what a front end's error stands for.
#[cold]
pub fn raise_syntax_error(vm: &Vm, error: &SyntaxError, filename: &str) -> Raised {
    raise_located(vm, error, Some(filename))
}

fn raise_located(vm: &Vm, error: &SyntaxError, filename: Option<&str>) -> Raised {
    let t = vm.types;
    let class: &Ref<Type> = match error.kind {
        SyntaxErrorKind::Syntax => &t.syntax_error,
        SyntaxErrorKind::Indentation => &t.indentation_error,
        SyntaxErrorKind::Tab => &t.tab_error,
        SyntaxErrorKind::Incomplete => &t.incomplete_input_error,
        SyntaxErrorKind::Memory => &t.memory_error,
        SyntaxErrorKind::Recursion => &t.recursion_error,
        SyntaxErrorKind::Value => &t.value_error,
        SyntaxErrorKind::Unicode => &t.unicode_error,
        SyntaxErrorKind::Overflow => &t.overflow_error,
        SyntaxErrorKind::System => &t.system_error,
        SyntaxErrorKind::Runtime => &t.runtime_error,
    };
    if !error.is_syntax_error() {
        return if error.message.is_empty() {
            vm.raise_with(class, &[])
        } else {
            vm.raise(class, &error.message)
        };
    }
    let text = error
        .text
        .clone()
        .or_else(|| filename.and_then(|name| line_of_file(vm, name, error.lineno)));
    let args = (|| -> PyResult<[Value; 2]> {
        let int = |n: i32| vm.new_int(n as i64);
        let text = match text {
            Some(text) => vm.new_str(text)?.into_value(),
            None => Value::NONE,
        };
        let filename = match filename {
            Some(filename) => vm.new_str(filename)?.into_value(),
            None => Value::NONE,
        };
        let mut place = vec![filename, int(error.lineno)?, int(error.offset)?, text];
        // An error of the source as a whole has no end.
        if (error.lineno, error.offset) != (0, -1) {
            place.extend([int(error.end_lineno)?, int(error.end_offset)?]);
        }
        Ok([
            vm.new_str(&error.message)?.into_value(),
            vm.new_tuple(place)?.into_value(),
        ])
    })();
    let raised = match args {
        Ok(args) => vm.raise_with(class, &args),
        Err(raised) => return raised,
    };
    if let Some(data) = &error.metadata
        && let Some(exception) = vm.pending_exception()
    {
        match metadata(vm, data) {
            Ok(metadata) => exception.set_field(
                crate::objects::exception::types::syntax::METADATA,
                Some(metadata),
            ),
            Err(raised) => return raised,
        }
    }
    raised
}

/// What `traceback` looks for misspelt keywords with.
fn metadata(vm: &Vm, data: &naja_parser::error::Metadata) -> PyResult {
    let parts = vec![
        vm.new_int(data.lineno.into())?,
        vm.new_int(data.col_offset.into())?,
        vm.new_str(&data.source)?.into_value(),
    ];
    Ok(vm.new_tuple(parts)?.into_value())
}

/// Issues the front end's warnings; one that a filter makes an error is raised as SyntaxError.
pub fn issue(vm: &Vm, warnings: &[Warning], filename: &str) -> PyResult<()> {
    for warning in warnings {
        let category = match warning.category {
            WarningCategory::Syntax => &vm.types.syntax_warning,
            WarningCategory::Deprecation => &vm.types.deprecation_warning,
        };
        let issued = super::warnings::warn_explicit(
            vm,
            category,
            &warning.message,
            filename,
            warning.lineno,
            None,
            None,
        );
        if issued.is_err() {
            if !vm.catch(category) {
                return Err(Raised);
            }
            let error = SyntaxError {
                kind: SyntaxErrorKind::Syntax,
                // What holds for the future holds now.
                message: (warning.message)
                    .replace(" Such sequences will not work in the future.", ""),
                lineno: warning.lineno,
                offset: warning.col_offset,
                end_lineno: warning.end_lineno,
                end_offset: warning.end_col_offset,
                text: None,
                metadata: None,
            };
            return Err(raise_syntax_error(vm, &error, filename));
        }
    }
    Ok(())
}

/// A plain SyntaxError about the source as a whole.
#[cold]
fn source_error(
    vm: &Vm,
    message: String,
    filename: Option<&str>,
    line: i32,
    offset: i32,
) -> Raised {
    match filename {
        None => vm.raise(&vm.types.syntax_error, message),
        Some(filename) => {
            let error = SyntaxError {
                kind: SyntaxErrorKind::Syntax,
                message,
                lineno: line,
                offset,
                end_lineno: line,
                end_offset: offset,
                text: None,
                metadata: None,
            };
            raise_syntax_error(vm, &error, filename)
        }
    }
}

/// The tree of source text. Raises SyntaxError and the like; sets the flag of `barry_as_FLUFL` where the source does.
fn parse_source<'a>(
    vm: &Vm,
    source: &'a str,
    filename: &str,
    options: &mut Options,
    arena: &'a Arena,
) -> PyResult<&'a naja_parser::ast::Mod<'a>> {
    if source.contains('\0') {
        return Err(source_error(
            vm,
            "source code string cannot contain null bytes".into(),
            None,
            0,
            0,
        ));
    }
    let parse = ParseOptions {
        type_comments: options.flags & flag::TYPE_COMMENTS != 0,
        feature_version: options.feature_version.unwrap_or(14),
        barry_as_flufl: options.flags & flags::FUTURE_BARRY_AS_BDFL != 0,
        allow_incomplete_input: options.flags & flag::ALLOW_INCOMPLETE_INPUT != 0,
        dont_imply_dedent: options.flags & flag::DONT_IMPLY_DEDENT != 0,
        int_max_str_digits: vm.interp.state.int_max_str_digits.get(),
    };
    let mut warnings = Vec::new();
    let parsed = parse_with_warnings(source, options.mode, &parse, arena, &mut warnings);
    issue(vm, &warnings, filename)?;
    let (tree, flufl) = parsed.map_err(|error| raise_syntax_error(vm, &error, filename))?;
    if flufl {
        options.flags |= flags::FUTURE_BARRY_AS_BDFL;
    }
    Ok(tree)
}

fn optimization(vm: &Vm, options: &Options) -> u8 {
    options.optimize.unwrap_or(vm.interp.config.optimize.min(2))
}

/// A tree to a code object. Raises SyntaxError and the like.
fn compile_tree<'a>(
    vm: &Vm,
    tree: &'a naja_parser::ast::Mod<'a>,
    arena: &'a Arena,
    filename: &str,
    options: &Options,
) -> PyResult<Ref<CodeObject>> {
    let mut features = options.flags & flags::FUTURE_MASK;
    if options.flags & flag::ALLOW_TOP_LEVEL_AWAIT != 0 {
        features |= ALLOW_TOP_LEVEL_AWAIT;
    }
    let settings = CompileOptions {
        optimize: optimization(vm, options),
        flags: features,
    };
    match naja_compiler::compile(tree, arena, filename, &settings) {
        Ok(compiled) => {
            issue(vm, &compiled.warnings, filename)?;
            CodeObject::from_code(vm, &compiled.code)
        }
        Err(failure) => {
            issue(vm, &failure.warnings, filename)?;
            Err(raise_syntax_error(vm, &failure.error, filename))
        }
    }
}

/// Source text to a code object. Raises SyntaxError and the like.
pub fn compile_source(
    vm: &Vm,
    source: &str,
    filename: &str,
    options: &Options,
) -> PyResult<Ref<CodeObject>> {
    let arena = Arena::default();
    let mut options = *options;
    let tree = parse_source(vm, source, filename, &mut options, &arena)?;
    compile_tree(vm, tree, &arena, filename, &options)
}

/// Whether source text is a program, as far as the grammar says. Raises SyntaxError and the like.
pub fn check_source(vm: &Vm, source: &str, filename: &str, options: &Options) -> PyResult<()> {
    let arena = Arena::default();
    let mut options = *options;
    parse_source(vm, source, filename, &mut options, &arena).map(drop)
}

/// A statement typed at the plain prompt: its code goes by a file name of its own, under which `linecache` finds the
/// lines `shown`. Raises SyntaxError and the like. CPython: `run_mod` in Python/pythonrun.c.
pub fn compile_typed(
    vm: &Vm,
    source: &str,
    shown: &str,
    options: &Options,
) -> PyResult<Ref<CodeObject>> {
    let arena = Arena::default();
    let mut options = *options;
    let tree = parse_source(vm, source, "<stdin>", &mut options, &arena)?;
    let count = &vm.interp.state.typed_statements;
    let filename = format!("<stdin-{}>", count.get());
    count.set(count.get() + 1);
    let code = match compile_tree(vm, tree, &arena, &filename, &options) {
        Ok(code) => code,
        Err(raised) => {
            add_line(vm, shown);
            return Err(raised);
        }
    };
    let registered = crate::import::import_simple(vm, "linecache").and_then(|linecache| {
        let parts = [
            code.to_value(),
            vm.new_str(shown)?.into_value(),
            vm.new_str("<stdin>")?.into_value(),
        ];
        vm.call_method_str(&linecache, "_register_code", &parts)
    });
    if registered.is_err() {
        vm.clear_exception();
    }
    Ok(code)
}

/// Gives the pending SyntaxError the line that it is about.
fn add_line(vm: &Vm, source: &str) {
    use crate::objects::exception::types::syntax;
    let Some(exception) = vm.pending_exception() else {
        return;
    };
    if !crate::objects::type_::is_subtype(vm.type_of(exception.as_value()), &vm.types.syntax_error)
        || exception.field(syntax::TEXT).is_some_and(|t| !t.is_none())
    {
        return;
    }
    let number = exception.field(syntax::LINENO);
    let number = number.and_then(|n| n.as_small_int()).unwrap_or(0);
    if let Some(line) = usize::try_from(number - 1)
        .ok()
        .and_then(|at| source.split_inclusive('\n').nth(at))
        && let Ok(line) = vm.new_str(line)
    {
        exception.set_field(syntax::TEXT, Some(line.into_value()));
    }
}

/// A tree as Python's objects; optimised where the flags say so.
fn tree_object<'a>(
    vm: &Vm,
    tree: &'a naja_parser::ast::Mod<'a>,
    arena: &'a Arena,
    filename: &str,
    options: &Options,
) -> PyResult {
    let future = naja_compiler::future::from_module(tree)
        .map_err(|error| raise_syntax_error(vm, &error, filename))?;
    let features = future.features | options.flags;
    let steps = naja_parser::preprocess::PreprocessOptions {
        optimize: optimization(vm, options),
        future_annotations: features & flags::FUTURE_ANNOTATIONS != 0,
        syntax_check_only: options.flags & flag::OPTIMIZED_AST == flag::ONLY_AST,
        // They come when the tree is compiled.
        enable_warnings: false,
    };
    let mut warnings = Vec::new();
    let result = naja_parser::preprocess::preprocess(tree, steps, arena, &mut warnings);
    issue(vm, &warnings, filename)?;
    let tree = result.map_err(|error| raise_syntax_error(vm, &error, filename))?;
    super::ast::to_object(vm, tree)
}

/// `compile()` of a tree.
fn compile_object(vm: &Vm, source: &Value, filename: &str, options: &Options) -> PyResult {
    use naja_parser::validate::{Invalid, validate};
    super::ast::check_mode(vm, source, options.mode)?;
    if options.flags & flag::OPTIMIZED_AST == flag::ONLY_AST {
        return Ok(source.clone());
    }
    let arena = Arena::default();
    let tree = super::ast::from_object(vm, source, &arena)?;
    validate(tree).map_err(|invalid| match invalid {
        Invalid::Value(message) => vm.value_error(message),
        Invalid::Type(message) => vm.type_error(message),
        Invalid::Recursion(message) => vm.recursion_error(message),
    })?;
    if options.flags & flag::ONLY_AST != 0 {
        return tree_object(vm, tree, &arena, filename, options);
    }
    Ok(compile_tree(vm, tree, &arena, filename, options)?.into_value())
}

/// The text of a source file's bytes: by its byte order mark, its coding comment, or as UTF-8. Raises SyntaxError.
pub fn decode_source(vm: &Vm, data: &[u8], filename: &str) -> PyResult<String> {
    let text = decode(vm, data, filename, true)?;
    match text.find('\0') {
        None => Ok(text),
        Some(at) => {
            let before = &text[..at];
            let start = before.rfind('\n').map_or(0, |newline| newline + 1);
            let error = SyntaxError {
                kind: SyntaxErrorKind::Syntax,
                message: "source code cannot contain null bytes".into(),
                lineno: before.matches('\n').count() as i32 + 1,
                offset: 0,
                end_lineno: -1,
                end_offset: -1,
                text: Some(before[start..].into()),
                metadata: None,
            };
            Err(raise_syntax_error(vm, &error, filename))
        }
    }
}

/// As [`decode_source`]; of what comes `from_file` messages tell the name.
fn decode(vm: &Vm, data: &[u8], filename: &str, from_file: bool) -> PyResult<String> {
    let (bytes, name) = match naja_parser::source::decode(data, from_file.then_some(filename)) {
        Ok(Source::Text { text, .. }) => return Ok(text.into_owned()),
        Ok(Source::Codec { bytes, encoding }) => (bytes, encoding),
        Err(error) if from_file => return Err(raise_syntax_error(vm, &error, filename)),
        Err(error) if error.lineno == 0 => return Err(raise_syntax_error(vm, &error, filename)),
        Err(error) => {
            raise_located(vm, &error, None);
            let exception = vm.take_exception();
            let name = vm.new_str(filename)?.into_value();
            attributes::set(
                vm,
                exception.as_value(),
                &vm.intern("filename"),
                Some(&name),
            )?;
            return Err(vm.raise_value(exception));
        }
    };
    let encoding = vm.new_str(&name)?;
    let problem = |message: String| source_error(vm, message, Some(filename), 0, -1);
    match crate::objects::str_::codecs::decode(vm, bytes, Some(&encoding), None) {
        Ok(text) => match str_::of(&text).and_then(|t| t.as_str()) {
            Some(text) => Ok(text.to_string()),
            None => Err(problem(format!("encoding problem: {name}"))),
        },
        Err(Raised) if vm.exception_matches(&vm.types.lookup_error) => {
            let error = vm.take_exception();
            let text = object::str(vm, error.as_value())?;
            let text = text.to_string_lossy().into_owned();
            Err(problem(match text.contains("is not a text encoding") {
                true => text,
                false => format!("unknown encoding: {name}"),
            }))
        }
        Err(Raised) if vm.exception_matches(&vm.types.unicode_decode_error) => {
            let error = vm.take_exception();
            let text = object::str(vm, error.as_value())?;
            Err(problem(text.to_string_lossy().into_owned()))
        }
        Err(raised) => Err(raised),
    }
}

/// The text of a `source` argument. Raises TypeError.
fn source_text(
    vm: &Vm,
    source: &Value,
    function: &str,
    wanted: &str,
    filename: &str,
    flags: &mut u32,
) -> PyResult<String> {
    if let Some(text) = str_::of(source) {
        *flags |= flag::IGNORE_COOKIE;
        return match text.as_str() {
            Some(text) => Ok(text.to_string()),
            None => Err(crate::objects::exception::surrogates_not_allowed(vm, text)),
        };
    }
    match crate::objects::bytes::of_object(vm, source)? {
        Some(data) => {
            if data.contains(&0) {
                return Err(source_error(
                    vm,
                    "source code string cannot contain null bytes".into(),
                    None,
                    0,
                    0,
                ));
            }
            decode(vm, &data, filename, false)
        }
        None => Err(vm.type_error(format!("{function}() arg 1 must be a {wanted}"))),
    }
}

/// The path in a `filename` argument: str, bytes or `os.PathLike`.
pub fn path_text(vm: &Vm, path: &Value) -> PyResult<String> {
    if let Some(text) = str_::of(path) {
        return Ok(text.to_string_lossy().into_owned());
    }
    if let Some(bytes) = path.downcast::<crate::objects::bytes::Bytes>() {
        return Ok(String::from_utf8_lossy(bytes.as_bytes()).into_owned());
    }
    match vm.call_special(path, &vm.names.__fspath__, &[])? {
        Some(text) => match str_::of(&text) {
            Some(text) => Ok(text.to_string_lossy().into_owned()),
            None => match text.downcast::<crate::objects::bytes::Bytes>() {
                Some(bytes) => Ok(String::from_utf8_lossy(bytes.as_bytes()).into_owned()),
                None => Err(vm.type_error(format!(
                    "expected {}.__fspath__() to return str or bytes, not {}",
                    vm.type_of(path).full_name(),
                    vm.type_of(&text).full_name()
                ))),
            },
        },
        None => Err(vm.type_error(format!(
            "expected str, bytes or os.PathLike object, not {}",
            vm.type_of(path).full_name()
        ))),
    }
}

/// The flags that code compiled from the running code has from it.
fn inherited_flags(vm: &Vm) -> u32 {
    vm.visible_frame()
        .map_or(0, |frame| frame.code().flags & flags::FUTURE_MASK)
}

/// `compile()`.
pub fn builtin_compile(
    vm: &Vm,
    source: &Value,
    filename: &Value,
    mode: &str,
    given: i32,
    dont_inherit: bool,
    optimize: i32,
    feature_version: i32,
) -> PyResult {
    let filename = path_text(vm, filename)?;
    // CO_NESTED is the flag of a future that has long come.
    let mut bits = given as u32 & !flags::NESTED;
    if bits & !(flags::FUTURE_MASK | flag::ALL) != 0 {
        return Err(vm.value_error("compile(): unrecognised flags"));
    }
    if !(-1..=2).contains(&optimize) {
        return Err(vm.value_error("compile(): invalid optimize value"));
    }
    if !dont_inherit {
        bits |= inherited_flags(vm);
    }
    let mode = match mode {
        "exec" => Mode::Exec,
        "eval" => Mode::Eval,
        "single" => Mode::Single,
        "func_type" if bits & flag::ONLY_AST == 0 => {
            return Err(vm.value_error("compile() mode 'func_type' requires flag PyCF_ONLY_AST"));
        }
        "func_type" => Mode::FuncType,
        _ if bits & flag::ONLY_AST != 0 => {
            return Err(
                vm.value_error("compile() mode must be 'exec', 'eval', 'single' or 'func_type'")
            );
        }
        _ => return Err(vm.value_error("compile() mode must be 'exec', 'eval' or 'single'")),
    };
    let mut options = Options {
        mode,
        flags: bits,
        optimize: u8::try_from(optimize).ok(),
        feature_version: u8::try_from(feature_version).ok(),
    };
    let audit = |vm: &Vm, source: &Value| {
        let name = vm.new_str(&filename)?.into_value();
        vm.permit(Access::Event("compile", &[source.clone(), name]))
    };
    if super::ast::is_node(source) {
        audit(vm, source)?;
        return compile_object(vm, source, &filename, &options);
    }
    let text = source_text(
        vm,
        source,
        "compile",
        "string, bytes or AST object",
        &filename,
        &mut options.flags,
    )?;
    audit(vm, source)?;
    if options.flags & flag::ONLY_AST != 0 {
        let arena = Arena::default();
        let tree = parse_source(vm, &text, &filename, &mut options, &arena)?;
        return tree_object(vm, tree, &arena, &filename, &options);
    }
    Ok(compile_source(vm, &text, &filename, &options)?.into_value())
}

/// The tree of a source argument of `wanted` (a function and what it takes); `text` keeps the source.
pub fn source_and_tree<'a>(
    vm: &Vm,
    source: &Value,
    wanted: (&str, &str),
    filename: &str,
    options: &mut Options,
    text: &'a mut String,
    arena: &'a Arena,
) -> PyResult<&'a naja_parser::ast::Mod<'a>> {
    *text = source_text(vm, source, wanted.0, wanted.1, filename, &mut options.flags)?;
    parse_source(vm, text, filename, options, arena)
}

/// Whether something can be a namespace.
fn is_mapping(vm: &Vm, value: &Value) -> bool {
    let ty = vm.type_of(value);
    ty.slots.subscript.get().is_some()
}

/// Where to run: the given namespaces, or the calling frame's.
fn namespaces(
    vm: &Vm,
    function: &str,
    globals: Option<Value>,
    locals: Option<Value>,
) -> PyResult<(Ref<Dict>, Value)> {
    let is_exec = function == "exec";
    if let Some(locals) = &locals
        && !is_mapping(vm, locals)
    {
        let kind = vm.type_of(locals).full_name();
        return Err(vm.type_error(if is_exec {
            format!("locals must be a mapping or None, not {kind}")
        } else {
            "locals must be a mapping".to_string()
        }));
    }
    let (globals, locals) = match globals {
        Some(globals) => {
            let kind = vm.type_of(&globals).full_name();
            let mapping = is_mapping(vm, &globals);
            let Ok(globals) = globals.downcast_into::<Dict>() else {
                return Err(vm.type_error(if is_exec {
                    format!("exec() globals must be a dict, not {kind}")
                } else if mapping {
                    "globals must be a real dict; try eval(code, {}, mapping)".to_string()
                } else {
                    "globals must be a dict".to_string()
                }));
            };
            let locals = locals.unwrap_or_else(|| globals.to_value());
            (globals, locals)
        }
        None => {
            let Some(globals) = vm.current_globals() else {
                return Err(vm.system_error("globals and locals cannot be NULL"));
            };
            let locals = match locals {
                Some(locals) => locals,
                None => super::functions::current_locals(vm)?,
            };
            (globals, locals)
        }
    };
    if globals.get_str(vm, &vm.names.__builtins__)?.is_none() {
        let builtins = match vm.visible_frame() {
            Some(frame) => Some(frame.shown_builtins()),
            None => vm.interp.state.builtins.get().map(Ref::into_value),
        };
        if let Some(builtins) = builtins {
            globals.set_str(vm, &vm.names.__builtins__, builtins)?;
        }
    }
    Ok((globals, locals))
}

/// `eval()`.
pub fn builtin_eval(
    vm: &Vm,
    source: &Value,
    globals: Option<Value>,
    locals: Option<Value>,
) -> PyResult {
    let (globals, locals) = namespaces(vm, "eval", globals, locals)?;
    if let Some(code) = source.downcast::<CodeObject>() {
        vm.permit(Access::Event("exec", std::slice::from_ref(source)))?;
        if free_count(code) > 0 {
            return Err(
                vm.type_error("code object passed to eval() may not contain free variables")
            );
        }
        return vm.run_code(code.clone(), globals, locals);
    }
    let mut options = Options::new(Mode::Eval);
    let text = source_text(
        vm,
        source,
        "eval",
        "string, bytes or code object",
        "<string>",
        &mut options.flags,
    )?;
    options.flags |= inherited_flags(vm);
    let code = compile_source(
        vm,
        text.trim_start_matches([' ', '\t']),
        "<string>",
        &options,
    )?;
    vm.permit(Access::Event("exec", &[code.to_value()]))?;
    vm.run_code(code, globals, locals)
}

/// The number of free variables.
fn free_count(code: &CodeObject) -> usize {
    code.nfreevars as usize
}

/// `exec()`.
pub fn builtin_exec(
    vm: &Vm,
    source: &Value,
    globals: Option<Value>,
    locals: Option<Value>,
    closure: Option<Value>,
) -> PyResult<()> {
    let (globals, locals) = namespaces(vm, "exec", globals, locals)?;
    if let Some(code) = source.downcast::<CodeObject>() {
        let wanted = free_count(code);
        let function = Function::new(vm, code.clone(), globals)?;
        match &closure {
            Some(_) if wanted == 0 => {
                return Err(vm.type_error("cannot use a closure with this code object"));
            }
            None if wanted == 0 => {}
            closure => {
                let cells = closure
                    .as_ref()
                    .and_then(|c| c.downcast::<Tuple>())
                    .filter(|c| {
                        c.len() == wanted
                            && c.items()
                                .iter()
                                .all(|c| c.downcast::<CellVariable>().is_some())
                    });
                let Some(cells) = cells else {
                    return Err(vm.type_error(format!(
                        "code object requires a closure of exactly length {wanted}"
                    )));
                };
                function.closure.set(Some(cells.clone()));
            }
        }
        vm.permit(Access::Event("exec", std::slice::from_ref(source)))?;
        vm.run_function_code(function, locals, None)?;
        return Ok(());
    }
    if closure.is_some() {
        return Err(vm.type_error("closure can only be used when source is a code object"));
    }
    let mut options = Options::new(Mode::Exec);
    let text = source_text(
        vm,
        source,
        "exec",
        "string, bytes or code object",
        "<string>",
        &mut options.flags,
    )?;
    options.flags |= inherited_flags(vm);
    let code = compile_source(vm, &text, "<string>", &options)?;
    vm.permit(Access::Event("exec", &[code.to_value()]))?;
    vm.run_code(code, globals, locals)?;
    Ok(())
}
