//! Iterators over a code object's tables: `co_lines()`, `co_positions()`, `co_branches()`, and `co_lnotab`.
//!
//! CPython: the iterators at the end of Objects/codeobject.c.

use super::CodeObject;
use crate::objects::str_::Str;
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_bytecode::location::locations;
use naja_bytecode::opcode::{self, op};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};
use std::cell::Cell;

/// What `co_lines` and `co_branches` give.
#[pyclass(
    name = "line_iterator",
    module = "builtins",
    doc = "",
    gc,
    flags(NO_NEW)
)]
pub struct LineIterator {
    code: Ref<CodeObject>,
    triples: Box<[(i64, i64, Option<i64>)]>,
    at: Cell<usize>,
}

impl Traverse for LineIterator {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.code);
    }
    fn clear(&self) {}
}

#[pymethods]
impl LineIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        let Some(&(a, b, c)) = zelf.triples.get(zelf.at.get()) else {
            return Ok(None);
        };
        zelf.at.set(zelf.at.get() + 1);
        let c = match c {
            Some(c) => vm.new_int(c)?,
            None => Value::NONE,
        };
        let triple = vm.new_tuple(vec![vm.new_int(a)?, vm.new_int(b)?, c])?;
        Ok(Some(triple.into_value()))
    }
}

/// What `co_positions` gives: one tuple for each code unit.
#[pyclass(
    name = "positions_iterator",
    module = "builtins",
    doc = "",
    gc,
    flags(NO_NEW)
)]
pub struct PositionsIterator {
    code: Ref<CodeObject>,
    positions: Box<[[i32; 4]]>,
    at: Cell<usize>,
}

impl Traverse for PositionsIterator {
    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.code);
    }
    fn clear(&self) {}
}

#[pymethods]
impl PositionsIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        let Some(position) = zelf.positions.get(zelf.at.get()) else {
            return Ok(None);
        };
        zelf.at.set(zelf.at.get() + 1);
        let number = |n: &i32| match *n {
            n if n < 0 => Ok(Value::NONE),
            n => vm.new_int(n.into()),
        };
        let items = position
            .iter()
            .map(number)
            .collect::<PyResult<Vec<Value>>>()?;
        Ok(Some(vm.new_tuple(items)?.into_value()))
    }
}

/// Ranges of one line each: start and end in bytes, and the line (negative: none). Neighbours of one line are joined.
pub fn line_ranges(code: &CodeObject) -> Vec<(i64, i64, i32)> {
    let mut ranges: Vec<(i64, i64, i32)> = Vec::new();
    let mut start = 0;
    for (position, units) in locations(code.linetable(), code.firstlineno) {
        let end = start + units as i64 * 2;
        match ranges.last_mut() {
            Some(last) if last.2 == position.lineno => last.1 = end,
            _ => ranges.push((start, end, position.lineno)),
        }
        start = end;
    }
    ranges
}

fn iterator(vm: &Vm, code: &Ref<CodeObject>, triples: Vec<(i64, i64, Option<i64>)>) -> PyResult {
    let iterator = LineIterator {
        code: code.clone(),
        triples: triples.into(),
        at: Cell::new(0),
    };
    Ok(vm.new_object(iterator)?.into_value())
}

/// `co_lines()`.
pub fn lines(vm: &Vm, code: &Ref<CodeObject>) -> PyResult {
    let triple = |(a, b, line): (i64, i64, i32)| (a, b, (line >= 0).then_some(line.into()));
    let triples = line_ranges(code).into_iter().map(triple).collect();
    iterator(vm, code, triples)
}

/// The branches of the code: place, where it goes on when not taken, and when taken, in bytes.
pub fn branch_targets(code: &[u8]) -> Vec<(i64, i64, i64)> {
    let mut out = Vec::new();
    let (mut at, mut oparg) = (0usize, 0usize);
    while let Some(&[opcode, arg]) = code.get(at * 2..at * 2 + 2) {
        oparg = oparg << 8 | usize::from(arg);
        if opcode == op::EXTENDED_ARG {
            at += 1;
            continue;
        }
        let next = at + 1 + opcode::cache_entries(opcode.into()) as usize;
        let triple = match opcode {
            op::FOR_ITER => Some((at, next, next + oparg + 2)),
            op::POP_JUMP_IF_FALSE
            | op::POP_JUMP_IF_TRUE
            | op::POP_JUMP_IF_NONE
            | op::POP_JUMP_IF_NOT_NONE => Some((at, next + 1, next + oparg)),
            op::END_ASYNC_FOR => next.checked_sub(oparg).map(|src| (src, src + 2, next)),
            _ => None,
        };
        if let Some((a, b, c)) = triple {
            out.push((a as i64 * 2, b as i64 * 2, c as i64 * 2));
        }
        oparg = 0;
        at = next;
    }
    out
}

/// `co_branches()`.
pub fn branches(vm: &Vm, code: &Ref<CodeObject>) -> PyResult {
    let triples = branch_targets(&code.original_bytes());
    iterator(
        vm,
        code,
        triples
            .into_iter()
            .map(|(a, b, c)| (a, b, Some(c)))
            .collect(),
    )
}

/// `co_positions()`.
pub fn positions(vm: &Vm, code: &Ref<CodeObject>) -> PyResult {
    let mut all = Vec::new();
    for (p, units) in locations(code.linetable(), code.firstlineno) {
        let position = if vm.interp.config.no_debug_ranges {
            [p.lineno, p.lineno, -1, -1]
        } else {
            [p.lineno, p.end_lineno, p.col_offset, p.end_col_offset]
        };
        all.extend(std::iter::repeat_n(position, units));
    }
    let iterator = PositionsIterator {
        code: code.clone(),
        positions: all.into(),
        at: Cell::new(0),
    };
    Ok(vm.new_object(iterator)?.into_value())
}

/// `co_lnotab`: the table of line numbers that Python had before 3.10.
pub fn lnotab(code: &CodeObject) -> Vec<u8> {
    let mut out = Vec::new();
    let mut line = code.firstlineno;
    let mut code_at = 0i64;
    for (start, _, at) in line_ranges(code) {
        if at < 0 || at == line {
            continue;
        }
        let mut offset = start - code_at;
        let mut delta = at.wrapping_sub(line);
        while offset > 255 {
            out.extend([255, 0]);
            offset -= 255;
        }
        while delta > 127 {
            out.extend([offset as u8, 127]);
            delta -= 127;
            offset = 0;
        }
        while delta < -128 {
            out.extend([offset as u8, 0x80]);
            delta += 128;
            offset = 0;
        }
        out.extend([offset as u8, delta as i8 as u8]);
        (line, code_at) = (at, start);
    }
    out
}

/// The name of slot `index` of the local variables. Raises IndexError.
pub fn varname(vm: &Vm, code: &CodeObject, index: i32) -> PyResult<Ref<Str>> {
    usize::try_from(index)
        .ok()
        .and_then(|i| code.localsplusnames().get(i).cloned())
        .ok_or_else(|| vm.index_error("tuple index out of range"))
}
