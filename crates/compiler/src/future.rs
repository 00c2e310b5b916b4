//! `from __future__ import ...`: which features a module asks for, and where the last such statement stands.
//!
//! CPython: `Python/future.c`.

use naja_bytecode::code::flags;
use naja_parser::ast::{self, Mod, Range, StmtKind};

use crate::{Error, syntax_error};

/// The features of a module, and the place of its last future statement (lines of -1 if it has none).
#[derive(Clone, Copy, Debug)]
pub struct Future {
    /// `CO_FUTURE_*` bits.
    pub features: u32,
    /// The last future statement.
    pub range: Range,
}

/// Reads the future statements at the top of a module. Raises SyntaxError for features that do not exist.
pub fn from_module(module: &Mod<'_>) -> Result<Future, Error> {
    let mut future = Future {
        features: 0,
        range: Range::new(-1, -1, -1, -1),
    };
    let (Mod::Module { body, .. } | Mod::Interactive { body }) = *module else {
        return Ok(future);
    };
    let first = usize::from(ast::docstring(body).is_some());
    for stmt in body.iter().skip(first) {
        let StmtKind::ImportFrom {
            module: Some("__future__"),
            names,
            level: 0,
        } = stmt.kind
        else {
            break;
        };
        for alias in names {
            future.features |= feature(alias.name, alias.range)?;
        }
        future.range = stmt.range;
    }
    Ok(future)
}

fn feature(name: &str, range: Range) -> Result<u32, Error> {
    match name {
        "nested_scopes" | "generators" | "division" | "absolute_import" | "with_statement"
        | "print_function" | "unicode_literals" | "generator_stop" => Ok(0),
        "barry_as_FLUFL" => Ok(flags::FUTURE_BARRY_AS_BDFL),
        "annotations" => Ok(flags::FUTURE_ANNOTATIONS),
        "braces" => Err(syntax_error(range, "not a chance")),
        _ => Err(syntax_error(
            range,
            format!("future feature {name} is not defined"),
        )),
    }
}
