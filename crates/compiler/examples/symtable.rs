//! Prints the symbol tables of source files, as the comparison script of the front end does.
//!
//! `symtable OUTDIR LIST` writes OUTDIR/n.symtable for the n-th path in LIST; `symtable FILE...` prints;
//! `symtable --raw FILE...` prints what `_symtable` shows: flags, order, parameters.

use std::fmt::Write;

use naja_compiler::symtable::{
    Block, BlockId, BlockKind, Name, SymbolTable, flag, scope, scope_of,
};
use naja_compiler::{future, symtable};
use naja_parser::ast::Arena;
use naja_parser::error::SyntaxError;
use naja_parser::{Mode, ParseOptions};

fn kind(block: &Block) -> &'static str {
    match block.kind {
        BlockKind::Function => "function",
        BlockKind::Class => "class",
        BlockKind::Module => "module",
        BlockKind::Annotation => "annotation",
        BlockKind::TypeAlias => "type alias",
        BlockKind::TypeParameters => "type parameters",
        BlockKind::TypeVariable => "type variable",
    }
}

/// What the methods of `symtable.Symbol` say.
fn properties(table: &SymbolTable, block: &Block, name: Name, flags: u32) -> String {
    let lives = scope_of(flags);
    let bound = flag::DEF_LOCAL | flag::DEF_PARAM | flag::DEF_IMPORT;
    let module_bound = table.names.text(block.name) == "top" && flags & bound != 0;
    let is_namespace = block
        .children
        .iter()
        .any(|child| table.block(*child).name == name);
    let all = [
        ("referenced", flags & flag::USE != 0),
        ("parameter", flags & flag::DEF_PARAM != 0),
        ("type_parameter", flags & flag::DEF_TYPE_PARAM != 0),
        (
            "global",
            matches!(lives, scope::GLOBAL_IMPLICIT | scope::GLOBAL_EXPLICIT) || module_bound,
        ),
        ("nonlocal", flags & flag::DEF_NONLOCAL != 0),
        ("declared_global", lives == scope::GLOBAL_EXPLICIT),
        (
            "local",
            matches!(lives, scope::LOCAL | scope::CELL) || module_bound,
        ),
        ("annotated", flags & flag::DEF_ANNOT != 0),
        ("free", lives == scope::FREE),
        ("free_class", flags & flag::DEF_FREE_CLASS != 0),
        ("imported", flags & flag::DEF_IMPORT != 0),
        ("assigned", flags & flag::DEF_LOCAL != 0),
        ("comp_iter", flags & flag::DEF_COMP_ITER != 0),
        ("comp_cell", flags & flag::DEF_COMP_CELL != 0),
        ("namespace", is_namespace),
    ];
    let names: Vec<&str> = all
        .iter()
        .filter(|(_, holds)| *holds)
        .map(|(name, _)| *name)
        .collect();
    names.join(" ")
}

fn walk(out: &mut String, table: &SymbolTable, id: BlockId, depth: usize, raw: bool) {
    let block = table.block(id);
    let pad = "  ".repeat(depth);
    let name = table.names.text(block.name);
    let line = block.range.lineno;
    if raw {
        let varnames: Vec<&str> = block
            .varnames
            .iter()
            .map(|name| table.names.text(*name))
            .collect();
        let _ = writeln!(
            out,
            "{pad}{name} {} {line} {} [{}]",
            block.kind as u32,
            u8::from(block.nested),
            varnames.join(" ")
        );
        for (name, flags) in &block.symbols {
            let _ = writeln!(out, "{pad}  {} {flags}", table.names.text(*name));
        }
    } else {
        let nested = if block.nested { "True" } else { "False" };
        let _ = writeln!(
            out,
            "{pad}{} {name} line {line} nested={nested}",
            kind(block)
        );
        let mut symbols: Vec<(&str, Name, u32)> = block
            .symbols
            .iter()
            .map(|(name, flags)| (table.names.text(*name), *name, *flags))
            .collect();
        symbols.sort_unstable();
        for (text, name, flags) in symbols {
            let _ = writeln!(
                out,
                "{pad}  {text}: {}",
                properties(table, block, name, flags)
            );
        }
    }
    for child in &block.children {
        walk(out, table, *child, depth + 1, raw);
    }
}

fn build(source: &str) -> Result<SymbolTable, SyntaxError> {
    let arena = Arena::for_source(source.len());
    let parsed = naja_parser::parse(source, Mode::Exec, &ParseOptions::default(), &arena)?;
    let future = future::from_module(parsed.module).map_err(|error| *error)?;
    symtable::build(parsed.module, &future, 0)
}

fn dump(path: &str, raw: bool) -> String {
    let Ok(bytes) = std::fs::read(path) else {
        return "(no file)\n".into();
    };
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => error.into_bytes().into_iter().map(char::from).collect(),
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut out = String::new();
    match build(text) {
        Ok(table) => walk(&mut out, &table, table.top(), 0, raw),
        Err(e) if raw => {
            let place = (e.lineno, e.offset, e.end_lineno, e.end_offset);
            let _ = writeln!(out, "{} {place:?}", e.message);
        }
        Err(e) => {
            let _ = writeln!(
                out,
                "{:?}Error: {} (<source>, line {})",
                e.kind, e.message, e.lineno
            );
        }
    }
    out
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        [flag, paths @ ..] if flag == "--raw" => {
            paths.iter().for_each(|path| print!("{}", dump(path, true)))
        }
        [out, list] if std::path::Path::new(out).is_dir() => {
            let list = std::fs::read_to_string(list).unwrap_or_default();
            for (i, path) in list.lines().enumerate() {
                if let Err(error) = std::fs::write(format!("{out}/{i}.symtable"), dump(path, false))
                {
                    eprintln!("{error}");
                }
            }
        }
        paths => paths
            .iter()
            .for_each(|path| print!("{}", dump(path, false))),
    }
}
