//! Prints the code objects of source files, as the comparison script of the front end does.
//!
//! `code OUTDIR LIST` writes OUTDIR/n.code for the n-th path in LIST; `code FILE...` prints; `code --warnings FILE...`
//! prints errors and warnings with their places; `code --time FILE...` measures; `code --snippets FILE` prints everything
//! about sources that NUL bytes separate.

use std::fmt::Write;

use naja_bytecode::code::{Code, Const, Text};
use naja_bytecode::repr::repr;
use naja_compiler::{CompileOptions, compile_source, future, symtable};
use naja_parser::ast::Arena;
use naja_parser::error::{SyntaxError, SyntaxErrorKind, Warning};
use naja_parser::{Mode, ParseOptions, parse};

fn name(error: &SyntaxError) -> &'static str {
    match error.kind {
        SyntaxErrorKind::Syntax => "SyntaxError",
        SyntaxErrorKind::Indentation => "IndentationError",
        SyntaxErrorKind::Tab => "TabError",
        SyntaxErrorKind::Incomplete => "_IncompleteInputError",
        SyntaxErrorKind::Memory => "MemoryError",
        SyntaxErrorKind::Recursion => "RecursionError",
        SyntaxErrorKind::System => "SystemError",
        _ => "ValueError",
    }
}

fn constant(value: &Const) -> String {
    let all = |items: &[Const]| items.iter().map(constant).collect::<Vec<_>>();
    let kind = match value {
        Const::Tuple(items) => return format!("({})", all(items).join(", ")),
        Const::FrozenSet(items) => {
            let mut items = all(items);
            items.sort();
            return format!("frozenset{{{}}}", items.join(", "));
        }
        Const::Code(code) => return format!("<code {}>", code.qualname),
        Const::None => "NoneType",
        Const::True | Const::False => "bool",
        Const::Ellipsis => "ellipsis",
        Const::Int(_) | Const::BigInt(_) => "int",
        Const::Float(_) => "float",
        Const::Complex(..) => "complex",
        Const::Str(_) => "str",
        Const::Bytes(_) => "bytes",
        Const::Slice(_) => "slice",
    };
    format!("{kind} {}", repr(value))
}

fn names<'a>(names: impl Iterator<Item = &'a Text>) -> String {
    repr(&Const::tuple(
        names.map(|name| Const::Str(name.clone())).collect(),
    ))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn walk(out: &mut String, code: &Code) {
    let units: Vec<String> = code.code.chunks(2).map(hex).collect();
    let _ = writeln!(out, "code {} line {}", code.qualname, code.firstlineno);
    let _ = writeln!(
        out,
        "  args {} {} {} flags {:#x} stack {}",
        code.argcount, code.posonlyargcount, code.kwonlyargcount, code.flags, code.stacksize
    );
    let _ = writeln!(
        out,
        "  names {} locals {} cells {} free {}",
        names(code.names.iter()),
        names(code.varnames()),
        names(code.cellvars()),
        names(code.freevars())
    );
    let _ = writeln!(
        out,
        "  consts {}",
        constant(&Const::tuple(code.consts.clone()))
    );
    let _ = writeln!(out, "  code {}", units.join(" "));
    let _ = writeln!(out, "  exceptions {}", hex(&code.exceptiontable));
    let _ = writeln!(out, "  positions {}", hex(&code.linetable));
    for value in &code.consts {
        if let Const::Code(inner) = value {
            walk(out, inner);
        }
    }
}

/// The file as text; other encodings than UTF-8 are taken for Latin-1.
fn decode(bytes: &[u8]) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    };
    text.strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text)
}

/// Mode and options from the environment variable NAJA_CODE, as `single,optimize=2,flags=8192`.
fn settings() -> (Mode, CompileOptions) {
    let (mut mode, mut options) = (Mode::Exec, CompileOptions::default());
    for word in std::env::var("NAJA_CODE").unwrap_or_default().split(',') {
        match word.split_once('=') {
            Some(("optimize", level)) => options.optimize = level.parse().unwrap_or(0),
            Some(("flags", flags)) => options.flags = flags.parse().unwrap_or(0),
            _ if word == "single" => mode = Mode::Single,
            _ if word == "eval" => mode = Mode::Eval,
            _ => {}
        }
    }
    (mode, options)
}

fn compile_text(source: &str, warnings: &mut Vec<Warning>) -> Result<Code, SyntaxError> {
    let (mode, options) = settings();
    match compile_source(source, mode, "<source>", &ParseOptions::default(), &options) {
        Ok(compiled) => {
            warnings.extend(compiled.warnings);
            Ok(compiled.code)
        }
        Err(failure) => {
            warnings.extend(failure.warnings);
            Err(failure.error)
        }
    }
}

fn dump(path: &str, verbose: bool) -> String {
    match std::fs::read(path) {
        Ok(bytes) => dump_source(&decode(&bytes), verbose),
        Err(error) => format!("{error}\n"),
    }
}

/// Everything about each of the sources, which NUL bytes separate.
fn snippets(path: &str) {
    let text = decode(&std::fs::read(path).unwrap_or_default());
    for source in text.split('\0') {
        print!(
            "{}{}\0",
            dump_source(source, true),
            dump_source(source, false)
        );
    }
}

fn dump_source(source: &str, verbose: bool) -> String {
    let mut out = String::new();
    let mut warnings = Vec::new();
    let result = compile_text(source, &mut warnings);
    if verbose {
        for w in &warnings {
            let _ = writeln!(
                out,
                "{} {} {} {} {}",
                w.lineno, w.col_offset, w.end_lineno, w.end_col_offset, w.message
            );
        }
    }
    match result {
        Ok(_) if verbose => {}
        Ok(code) => walk(&mut out, &code),
        Err(e) if verbose => {
            let place = (e.lineno, e.offset, e.end_lineno, e.end_offset);
            let _ = writeln!(out, "{}: {} {place:?}", name(&e), e.message);
        }
        Err(e) if e.is_syntax_error() => {
            let _ = writeln!(
                out,
                "{}: {} (<source>, line {})",
                name(&e),
                e.message,
                e.lineno
            );
        }
        Err(e) => {
            let _ = writeln!(out, "{}: {}", name(&e), e.message);
        }
    }
    out
}

/// The stages' best times: parsing, symbol table, everything.
fn time(paths: &[String]) {
    for path in paths {
        let source = decode(&std::fs::read(path).unwrap_or_default());
        let mut best = [std::time::Duration::MAX; 3];
        for _ in 0..20 {
            let start = std::time::Instant::now();
            let arena = Arena::for_source(source.len());
            let Ok(parsed) = parse(&source, Mode::Exec, &ParseOptions::default(), &arena) else {
                break;
            };
            best[0] = best[0].min(start.elapsed());
            if let Ok(future) = future::from_module(parsed.module) {
                let start = std::time::Instant::now();
                let _ = symtable::build(parsed.module, &future, 0);
                best[1] = best[1].min(start.elapsed());
            }
            let start = std::time::Instant::now();
            let _ = compile_text(&source, &mut Vec::new());
            best[2] = best[2].min(start.elapsed());
        }
        let lines = source.lines().count();
        println!(
            "{path}: {lines} lines, parse {:?}, symtable {:?}, all {:?}",
            best[0], best[1], best[2]
        );
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        [flag, paths @ ..] if flag == "--time" => time(paths),
        [flag, path] if flag == "--snippets" => snippets(path),
        [flag, paths @ ..] if flag == "--warnings" => {
            paths.iter().for_each(|path| print!("{}", dump(path, true)))
        }
        [out, list] if std::path::Path::new(out).is_dir() => {
            let list = std::fs::read_to_string(list).unwrap_or_default();
            for (i, path) in list.lines().enumerate() {
                if let Err(error) = std::fs::write(format!("{out}/{i}.code"), dump(path, false)) {
                    eprintln!("{error}");
                }
            }
        }
        paths => paths
            .iter()
            .for_each(|path| print!("{}", dump(path, false))),
    }
}
