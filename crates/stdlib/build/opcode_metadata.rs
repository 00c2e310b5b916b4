//! The library's `_opcode_metadata.py`, made from the instruction table.

use naja_bytecode::opcode::{Flags, Kind, OpInfo, TABLE, info};
use std::fmt::Write;

/// Names that the interpreter gives to numbers outside the table's four parts, as CPython lists them first.
fn is_special(op: &OpInfo) -> bool {
    matches!(
        op.name,
        "CACHE" | "RESERVED" | "RESUME" | "INSTRUMENTED_LINE" | "ENTER_EXECUTOR"
    )
}

fn of_kind(kinds: &'static [Kind]) -> impl Iterator<Item = &'static OpInfo> {
    TABLE.iter().filter(move |op| kinds.contains(&op.kind))
}

/// The module's source text.
pub fn source() -> String {
    let mut out =
        String::from("# Generated from the instruction table of Naja.\n_specializations = {\n");
    let mut families: Vec<u16> = of_kind(&[Kind::Specialized]).map(|op| op.base).collect();
    families.dedup();
    families.sort_unstable();
    families.dedup();
    for base in families {
        let name = info(base).map_or("", |op| op.name);
        writeln!(out, "    {name:?}: [").unwrap();
        for op in of_kind(&[Kind::Specialized]).filter(|op| op.base == base) {
            writeln!(out, "        {:?},", op.name).unwrap();
        }
        out.push_str("    ],\n");
    }
    out.push_str("}\n\n_specialized_opmap = {\n");
    for op in of_kind(&[Kind::Specialized]) {
        writeln!(out, "    '{}': {},", op.name, op.number).unwrap();
    }
    out.push_str("}\n\nopmap = {\n");
    let normal = [Kind::Normal, Kind::Instrumented, Kind::Pseudo];
    let (special, usual): (Vec<&OpInfo>, Vec<&OpInfo>) = TABLE
        .iter()
        .filter(|op| normal.contains(&op.kind))
        .partition(|op| is_special(op));
    for op in special.into_iter().chain(usual) {
        writeln!(out, "    '{}': {},", op.name, op.number).unwrap();
    }
    out.push_str("}\n\n");
    let without_argument = of_kind(&[Kind::Normal])
        .filter(|op| !op.flags.has(Flags::ARG) && !is_special(op))
        .map(|op| op.number)
        .max();
    let instrumented = of_kind(&[Kind::Instrumented]).map(|op| op.number).min();
    writeln!(out, "HAVE_ARGUMENT = {}", without_argument.unwrap_or(0)).unwrap();
    writeln!(
        out,
        "MIN_INSTRUMENTED_OPCODE = {}",
        instrumented.unwrap_or(0)
    )
    .unwrap();
    out
}
