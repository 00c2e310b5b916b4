//! Formatted strings and template strings.
//!
//! CPython: `codegen_joined_str`, `codegen_template_str`, `codegen_formatted_value`, `codegen_interpolation` in
//! `Python/codegen.c`.

use naja_bytecode::code::Const;
use naja_bytecode::opcode::wide as op;
use naja_parser::ast::{Constant, ExprKind, ExprRef};

use super::{Compiler, Done, STACK_USE_GUIDELINE, constant};
use crate::instruction_sequence::Location;
use crate::symtable::known;
use crate::{Error, system_error};

/// `!s`, `!r`, `!a` as arguments of `CONVERT_VALUE`.
fn conversion_arg(conversion: i32) -> Result<i32, Error> {
    match u8::try_from(conversion) {
        Ok(b's') => Ok(1),
        Ok(b'r') => Ok(2),
        Ok(b'a') => Ok(3),
        _ => Err(system_error(format!(
            "Unrecognized conversion character {conversion}"
        ))),
    }
}

impl<'a> Compiler<'a, '_> {
    #[inline(never)]
    pub(super) fn joined_str(&mut self, at: Location, values: &'a [ExprRef<'a>]) -> Done {
        if values.len() > STACK_USE_GUIDELINE {
            self.load_const(at, Const::str(""));
            let join = self.name_index(known::JOIN);
            self.op_i(at, op::LOAD_ATTR, join << 1 | 1);
            self.op_i(at, op::BUILD_LIST, 0);
            for value in values {
                self.expr(value)?;
                self.op_i(at, op::LIST_APPEND, 1);
            }
            self.op_i(at, op::CALL, 1);
            return Ok(());
        }
        self.exprs(values)?;
        match values.len() {
            0 => self.load_const(at, Const::str("")),
            1 => {}
            count => self.op_n(at, op::BUILD_STRING, count),
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn formatted_value(
        &mut self,
        at: Location,
        value: ExprRef<'a>,
        conversion: i32,
        format_spec: Option<ExprRef<'a>>,
    ) -> Done {
        self.expr(value)?;
        if conversion != -1 {
            self.op_i(at, op::CONVERT_VALUE, conversion_arg(conversion)?);
        }
        match format_spec {
            Some(spec) => {
                self.expr(spec)?;
                self.op(at, op::FORMAT_WITH_SPEC);
            }
            None => self.op(at, op::FORMAT_SIMPLE),
        }
        Ok(())
    }

    /// The strings of a template stand between its interpolations, empty ones included.
    #[inline(never)]
    pub(super) fn template_str(&mut self, at: Location, values: &'a [ExprRef<'a>]) -> Done {
        let is_interpolation =
            |value: &ExprRef<'a>| matches!(value.kind, ExprKind::Interpolation { .. });
        let mut strings = 0;
        let mut last_was_interpolation = true;
        for value in values {
            if is_interpolation(value) {
                if last_was_interpolation {
                    self.load_const(at, Const::str(""));
                    strings += 1;
                }
                last_was_interpolation = true;
            } else {
                self.expr(value)?;
                strings += 1;
                last_was_interpolation = false;
            }
        }
        if last_was_interpolation {
            self.load_const(at, Const::str(""));
            strings += 1;
        }
        self.op_n(at, op::BUILD_TUPLE, strings);
        let mut interpolations = 0;
        for value in values.iter().filter(|value| is_interpolation(value)) {
            self.expr(value)?;
            interpolations += 1;
        }
        self.op_n(at, op::BUILD_TUPLE, interpolations);
        self.op(at, op::BUILD_TEMPLATE);
        Ok(())
    }

    #[inline(never)]
    pub(super) fn interpolation(
        &mut self,
        at: Location,
        value: ExprRef<'a>,
        text: &Constant<'a>,
        conversion: i32,
        format_spec: Option<ExprRef<'a>>,
    ) -> Done {
        self.expr(value)?;
        self.load_const(at, constant(text));
        let mut oparg = 2;
        if let Some(spec) = format_spec {
            oparg += 1;
            self.expr(spec)?;
        }
        if conversion != -1 {
            oparg |= conversion_arg(conversion)? << 2;
        }
        self.op_i(at, op::BUILD_INTERPOLATION, oparg);
        Ok(())
    }
}
