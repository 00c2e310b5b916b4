//! Reading code: an iterator over instructions, and a listing.
//!
//! [`instructions`] joins `EXTENDED_ARG` prefixes and skips inline caches; [`listing`] prints one instruction a line
//! with its source line, label, argument and what the argument means, and the exception table below. The `dis` module
//! itself is Python's own; this one serves tests and tools. CPython: `Lib/dis.py`.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::code::{Code, Const, Text};
use crate::opcode::{self, Flags, op, wide};
use crate::repr::repr;
use crate::{exception_table, location};

/// An instruction as it stands in code; offsets in 16-bit units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instruction {
    /// Where it starts, prefixes included.
    pub start: usize,
    /// Where its own unit is.
    pub offset: usize,
    /// Its number.
    pub opcode: u8,
    /// Its argument with all prefixes.
    pub oparg: u32,
    /// Where the next one starts.
    pub end: usize,
}

impl Instruction {
    /// Where it jumps to, if it does.
    pub fn jump_target(&self) -> Option<usize> {
        let base = opcode::BASE[usize::from(self.opcode)];
        if !opcode::flags(u16::from(base)).has(Flags::JUMP) {
            return None;
        }
        let distance = self.oparg as usize;
        match base {
            // END_ASYNC_FOR names the END_SEND of its loop, for monitoring.
            op::JUMP_BACKWARD | op::JUMP_BACKWARD_NO_INTERRUPT | op::END_ASYNC_FOR => {
                self.end.checked_sub(distance)
            }
            _ => self.end.checked_add(distance),
        }
    }
}

/// The instructions of some code, in order.
#[derive(Clone, Debug)]
pub struct Instructions<'a> {
    code: &'a [u8],
    at: usize,
}

/// Iterates over the instructions of `co_code`.
pub fn instructions(code: &[u8]) -> Instructions<'_> {
    Instructions { code, at: 0 }
}

impl Iterator for Instructions<'_> {
    type Item = Instruction;

    fn next(&mut self) -> Option<Instruction> {
        let start = self.at;
        let mut oparg = 0u32;
        loop {
            let unit = self.code.get(2 * self.at..2 * self.at + 2)?;
            let (opcode, low) = (unit[0], unit[1]);
            let offset = self.at;
            self.at += 1;
            oparg = oparg << 8 | u32::from(low);
            if opcode == op::EXTENDED_ARG {
                continue;
            }
            self.at += usize::from(opcode::cache_entries(u16::from(opcode)));
            return Some(Instruction {
                start,
                offset,
                opcode,
                oparg,
                end: self.at,
            });
        }
    }
}

/// A listing of a code object; with `nested`, of the code among its constants, too.
pub fn listing(code: &Code, nested: bool) -> String {
    let mut out = String::new();
    let mut todo = vec![code];
    while let Some(code) = todo.pop() {
        list_one(&mut out, code);
        if nested {
            let inner = code.consts.iter().rev().filter_map(|c| {
                if let Const::Code(c) = c {
                    Some(&**c)
                } else {
                    None
                }
            });
            todo.extend(inner);
        }
    }
    out
}

fn list_one(out: &mut String, code: &Code) {
    _ = writeln!(
        out,
        "{} (line {}, stack {}, flags {:#x}):",
        code.qualname, code.firstlineno, code.stacksize, code.flags
    );
    let handlers: Vec<_> = exception_table::entries(&code.exceptiontable).collect();
    let mut labels: BTreeMap<usize, usize> = BTreeMap::new();
    for target in instructions(&code.code).filter_map(|i| i.jump_target()) {
        labels.insert(target, 0);
    }
    for entry in &handlers {
        labels.insert(entry.target as usize, 0);
    }
    for (number, label) in labels.values_mut().enumerate() {
        *label = number + 1;
    }
    let lines = unit_lines(code);
    let mut last_line = i32::MIN;
    for instr in instructions(&code.code) {
        let line = lines.get(instr.offset).copied().unwrap_or(-1);
        let shown_line = match (line == last_line, line) {
            (true, _) => String::new(),
            (false, -1) => "--".into(),
            (false, line) => line.to_string(),
        };
        last_line = line;
        let label = labels
            .get(&instr.start)
            .map_or(String::new(), |n| format!("L{n}:"));
        let name = opcode::name(u16::from(instr.opcode)).unwrap_or("<?>");
        let mut text = format!("{shown_line:>5} {label:>5} {:>5} {name}", 2 * instr.offset);
        if opcode::flags(u16::from(instr.opcode)).has(Flags::ARG) {
            _ = write!(text, " {}", instr.oparg);
            if let Some(meaning) = meaning(code, &instr, &labels) {
                _ = write!(text, " ({meaning})");
            }
        }
        _ = writeln!(out, "{text}");
    }
    for e in handlers {
        let lasti = if e.lasti { " lasti" } else { "" };
        let label = labels.get(&(e.target as usize)).copied().unwrap_or(0);
        _ = writeln!(
            out,
            "  {} to {} -> L{label} [{}]{lasti}",
            2 * e.start,
            2 * e.end,
            e.depth
        );
    }
}

fn unit_lines(code: &Code) -> Vec<i32> {
    let mut lines = Vec::with_capacity(code.code.len() / 2);
    for (position, units) in location::locations(&code.linetable, code.firstlineno) {
        lines.resize(lines.len() + units, position.lineno);
    }
    lines
}

/// What an argument refers to.
fn meaning(code: &Code, instr: &Instruction, labels: &BTreeMap<usize, usize>) -> Option<String> {
    let arg = instr.oparg as usize;
    let base = u16::from(opcode::BASE[usize::from(instr.opcode)]);
    let local = |i: usize| code.localsplusnames.get(i).map(Text::to_string);
    if let Some(target) = instr.jump_target() {
        return Some(format!("to L{}", labels.get(&target).copied().unwrap_or(0)));
    }
    let flags = opcode::flags(base);
    if flags.has(Flags::CONST) {
        return code.consts.get(arg).map(repr);
    }
    if flags.has(Flags::NAME) {
        let index = match base {
            wide::LOAD_GLOBAL | wide::LOAD_ATTR => arg >> 1,
            wide::LOAD_SUPER_ATTR => arg >> 2,
            _ => arg,
        };
        return code.names.get(index).map(Text::to_string);
    }
    match base {
        wide::LOAD_FAST_LOAD_FAST
        | wide::LOAD_FAST_BORROW_LOAD_FAST_BORROW
        | wide::STORE_FAST_LOAD_FAST
        | wide::STORE_FAST_STORE_FAST => {
            Some(format!("{}, {}", local(arg >> 4)?, local(arg & 15)?))
        }
        _ if flags.has(Flags::LOCAL) || flags.has(Flags::FREE) => local(arg),
        wide::BINARY_OP => opcode::NB_OPS.get(arg).map(|(_, symbol)| (*symbol).into()),
        wide::COMPARE_OP => opcode::COMPARE_OPS
            .get(arg >> 5)
            .map(|symbol| (*symbol).into()),
        wide::CALL_INTRINSIC_1 => opcode::INTRINSIC_1.get(arg).map(|name| (*name).into()),
        wide::CALL_INTRINSIC_2 => opcode::INTRINSIC_2.get(arg).map(|name| (*name).into()),
        wide::LOAD_COMMON_CONSTANT => opcode::COMMON_CONSTANTS.get(arg).map(|name| (*name).into()),
        wide::LOAD_SPECIAL => opcode::SPECIAL_METHODS.get(arg).map(|name| (*name).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_prefixes_and_skips_caches() {
        let code = [
            op::EXTENDED_ARG,
            1,
            op::LOAD_ATTR,
            2,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            op::NOP,
            0,
        ];
        let all: Vec<_> = instructions(&code).collect();
        assert_eq!(
            all[0],
            Instruction {
                start: 0,
                offset: 1,
                opcode: op::LOAD_ATTR,
                oparg: 0x102,
                end: 11
            }
        );
        assert_eq!(all[1].opcode, op::NOP);
        assert_eq!(instructions(&code[..3]).count(), 0);
    }

    #[test]
    fn lists() {
        let code = Code {
            code: vec![
                op::RESUME,
                0,
                op::LOAD_CONST,
                0,
                op::RETURN_VALUE,
                0,
                op::JUMP_BACKWARD,
                3,
                0,
                0,
            ],
            consts: vec![Const::str("x")],
            qualname: "f".into(),
            firstlineno: 3,
            linetable: vec![0xd8, 0, 1],
            ..Code::default()
        };
        let text = listing(&code, true);
        assert!(text.contains("LOAD_CONST 0 ('x')"), "{text}");
        assert!(text.contains("JUMP_BACKWARD 3 (to L1)"), "{text}");
    }
}
