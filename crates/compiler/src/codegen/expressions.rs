//! Expressions: operators, displays, attributes, subscripts.
//!
//! CPython: `codegen_visit_expr`, `starunpack_helper_impl`, `codegen_dict`, `codegen_subscript` in `Python/codegen.c`.

use std::sync::Arc;

use naja_bytecode::code::Const;
use naja_bytecode::opcode::wide as op;
use naja_parser::ast::{
    BoolOperator, CmpOp, Expr, ExprContext, ExprKind, ExprRef, Operator, UnaryOperator,
};

use super::names::AttrOp;
use super::{Compiler, Done, STACK_USE_GUIDELINE, arg, constant, loc};
use crate::Error;
use crate::instruction_sequence::Location;
use crate::symtable::Name;
use crate::unit::ScopeKind;

/// The instructions that make a collection.
#[derive(Clone, Copy)]
pub(super) struct Builder {
    pub(super) build: u16,
    pub(super) add: u16,
    pub(super) extend: u16,
    pub(super) tuple: bool,
}

const LIST: Builder = Builder {
    build: op::BUILD_LIST,
    add: op::LIST_APPEND,
    extend: op::LIST_EXTEND,
    tuple: false,
};
pub(super) const TUPLE: Builder = Builder {
    tuple: true,
    ..LIST
};
const SET: Builder = Builder {
    build: op::BUILD_SET,
    add: op::SET_ADD,
    extend: op::SET_UPDATE,
    tuple: false,
};

fn is_constant(part: Option<ExprRef<'_>>) -> bool {
    part.is_none_or(|part| matches!(part.kind, ExprKind::Constant { .. }))
}

fn slice_constant(part: Option<ExprRef<'_>>) -> Const {
    match part {
        Some(Expr {
            kind: ExprKind::Constant { value, .. },
            ..
        }) => constant(value),
        _ => Const::None,
    }
}

impl<'a> Compiler<'a, '_> {
    pub(super) fn expr(&mut self, expr: &'a Expr<'a>) -> Done {
        self.check_depth()?;
        let at = loc(expr.range);
        match expr.kind {
            ExprKind::Name { id, ctx } => self.name_op(at, id, ctx),
            ExprKind::Constant { value, .. } => {
                self.load_const(at, constant(&value));
                Ok(())
            }
            ExprKind::Attribute { value, attr, ctx } => self.attribute(expr, value, attr, ctx),
            ExprKind::Call { .. } => self.call(expr),
            ExprKind::NamedExpr { target, value } => {
                self.expr(value)?;
                self.op_i(at, op::COPY, 1);
                self.expr(target)
            }
            ExprKind::BoolOp { op, values } => self.bool_op(at, op, values),
            ExprKind::BinOp { .. } => self.bin_op(expr),
            ExprKind::UnaryOp { op, operand } => self.unary_op(at, op, operand),
            ExprKind::Lambda { args, body } => self.lambda(expr, args, body),
            ExprKind::IfExp { test, body, orelse } => {
                let (end, next) = (self.label(), self.label());
                self.jump_if(at, test, next, false)?;
                self.expr(body)?;
                self.jump(Location::NONE, op::JUMP_NO_INTERRUPT, end);
                self.place(next);
                self.expr(orelse)?;
                self.place(end);
                Ok(())
            }
            ExprKind::Dict { keys, values } => self.dict(at, keys, values),
            ExprKind::Set { elts } => self.collection(at, elts, None, 0, SET),
            ExprKind::GeneratorExp { .. }
            | ExprKind::ListComp { .. }
            | ExprKind::SetComp { .. }
            | ExprKind::DictComp { .. } => self.comprehension(expr),
            ExprKind::Yield { value } => {
                if !self.block().is_function_like() {
                    return Err(self.error(at, "'yield' outside function"));
                }
                match value {
                    Some(value) => self.expr(value)?,
                    None => self.load_const(at, Const::None),
                }
                self.yield_value(at);
                Ok(())
            }
            ExprKind::YieldFrom { value } => {
                if !self.block().is_function_like() {
                    return Err(self.error(at, "'yield from' outside function"));
                }
                if self.unit.scope == ScopeKind::AsyncFunction {
                    return Err(self.error(at, "'yield from' inside async function"));
                }
                self.expr(value)?;
                self.op(at, op::GET_YIELD_FROM_ITER);
                self.load_const(at, Const::None);
                self.yield_from(at, false);
                Ok(())
            }
            ExprKind::Await { value } => {
                self.expr(value)?;
                self.await_value(at, 0);
                Ok(())
            }
            ExprKind::Compare {
                left,
                ops,
                comparators,
            } => self.compare(expr, left, ops, comparators),
            ExprKind::JoinedStr { values } => self.joined_str(at, values),
            ExprKind::TemplateStr { values } => self.template_str(at, values),
            ExprKind::FormattedValue {
                value,
                conversion,
                format_spec,
            } => self.formatted_value(at, value, conversion, format_spec),
            ExprKind::Interpolation {
                value,
                str,
                conversion,
                format_spec,
            } => self.interpolation(at, value, str, conversion, format_spec),
            ExprKind::Subscript { value, slice, ctx } => self.subscript(at, value, slice, ctx),
            ExprKind::Starred { ctx, .. } => Err(self.error(
                at,
                match ctx {
                    ExprContext::Store => "starred assignment target must be in a list or tuple",
                    _ => "can't use starred expression here",
                },
            )),
            ExprKind::Slice { lower, upper, step } => self.slice(expr, lower, upper, step),
            ExprKind::List { elts, ctx } => self.sequence(at, elts, ctx, LIST),
            ExprKind::Tuple { elts, ctx } => self.sequence(at, elts, ctx, TUPLE),
        }
    }

    #[inline(never)]
    pub(super) fn yield_value(&mut self, at: Location) {
        let block = self.block();
        if block.generator && block.coroutine {
            self.op_i(at, op::CALL_INTRINSIC_1, arg::INTRINSIC_ASYNC_GEN_WRAP);
        }
        self.op_i(at, op::YIELD_VALUE, 0);
        self.op_i(at, op::RESUME, arg::RESUME_AFTER_YIELD);
    }

    #[inline(never)]
    fn bool_op(&mut self, at: Location, operator: BoolOperator, values: &'a [ExprRef<'a>]) -> Done {
        let jump = match operator {
            BoolOperator::And => op::JUMP_IF_FALSE,
            BoolOperator::Or => op::JUMP_IF_TRUE,
        };
        let end = self.label();
        for (i, value) in values.iter().enumerate() {
            self.expr(value)?;
            if i + 1 < values.len() {
                self.jump(at, jump, end);
                self.op(at, op::POP_TOP);
            }
        }
        self.place(end);
        Ok(())
    }

    /// A chain of binary operators leans to the left and may be very long: no recursion along its spine.
    #[inline(never)]
    fn bin_op(&mut self, expr: &'a Expr<'a>) -> Done {
        let mut spine = Vec::new();
        let mut leftmost = expr;
        while let ExprKind::BinOp { left, op, right } = leftmost.kind {
            spine.push((loc(leftmost.range), op, right));
            leftmost = left;
        }
        self.expr(leftmost)?;
        for (at, operator, right) in spine.into_iter().rev() {
            self.expr(right)?;
            self.binary(at, operator, false);
        }
        Ok(())
    }

    pub(super) fn binary(&mut self, at: Location, operator: Operator, inplace: bool) {
        let oparg = match operator {
            Operator::Add => 0,
            Operator::BitAnd => 1,
            Operator::FloorDiv => 2,
            Operator::LShift => 3,
            Operator::MatMult => 4,
            Operator::Mult => 5,
            Operator::Mod => 6,
            Operator::BitOr => 7,
            Operator::Pow => 8,
            Operator::RShift => 9,
            Operator::Sub => 10,
            Operator::Div => 11,
            Operator::BitXor => 12,
        };
        self.op_i(at, op::BINARY_OP, oparg + if inplace { 13 } else { 0 });
    }

    #[inline(never)]
    fn unary_op(&mut self, at: Location, operator: UnaryOperator, operand: ExprRef<'a>) -> Done {
        self.expr(operand)?;
        match operator {
            UnaryOperator::UAdd => {
                self.op_i(at, op::CALL_INTRINSIC_1, arg::INTRINSIC_UNARY_POSITIVE)
            }
            UnaryOperator::Not => {
                self.op(at, op::TO_BOOL);
                self.op(at, op::UNARY_NOT);
            }
            UnaryOperator::USub => self.op(at, op::UNARY_NEGATIVE),
            UnaryOperator::Invert => self.op(at, op::UNARY_INVERT),
        }
        Ok(())
    }

    #[inline(never)]
    fn compare(
        &mut self,
        expr: &'a Expr<'a>,
        left: ExprRef<'a>,
        ops: &'a [CmpOp],
        comparators: &'a [ExprRef<'a>],
    ) -> Done {
        let at = loc(expr.range);
        self.check_compare(expr.range, left, ops, comparators);
        self.expr(left)?;
        if let ([operator], [right]) = (ops, comparators) {
            self.expr(right)?;
            self.compare_op(at, *operator);
            return Ok(());
        }
        let cleanup = self.label();
        let last = ops.len().saturating_sub(1);
        for (i, (operator, right)) in ops.iter().zip(comparators).enumerate() {
            self.expr(right)?;
            if i == last {
                self.compare_op(at, *operator);
                break;
            }
            self.op_i(at, op::SWAP, 2);
            self.op_i(at, op::COPY, 2);
            self.compare_op(at, *operator);
            self.op_i(at, op::COPY, 1);
            self.op(at, op::TO_BOOL);
            self.jump(at, op::POP_JUMP_IF_FALSE, cleanup);
            self.op(at, op::POP_TOP);
        }
        let end = self.label();
        self.jump(Location::NONE, op::JUMP_NO_INTERRUPT, end);
        self.place(cleanup);
        self.op_i(at, op::SWAP, 2);
        self.op(at, op::POP_TOP);
        self.place(end);
        Ok(())
    }

    /// Elements of a list, tuple or set; `pushed` values lie on the stack already, and the variable `injected` comes
    /// last.
    #[inline(never)]
    pub(super) fn collection(
        &mut self,
        at: Location,
        elts: &'a [ExprRef<'a>],
        injected: Option<Name>,
        pushed: usize,
        builder: Builder,
    ) -> Done {
        let total = elts.len() + pushed + usize::from(injected.is_some());
        let big = total > STACK_USE_GUIDELINE;
        let starred = elts
            .iter()
            .any(|elt| matches!(elt.kind, ExprKind::Starred { .. }));
        if !starred && !big {
            self.exprs(elts)?;
            if let Some(name) = injected {
                self.variable(at, name, ExprContext::Load)?;
            }
            self.op_n(
                at,
                if builder.tuple {
                    op::BUILD_TUPLE
                } else {
                    builder.build
                },
                total,
            );
            return Ok(());
        }
        let mut built = big;
        if big {
            self.op_n(at, builder.build, pushed);
        }
        for (i, elt) in elts.iter().enumerate() {
            if let ExprKind::Starred { value, .. } = elt.kind {
                if !built {
                    self.op_n(at, builder.build, i + pushed);
                    built = true;
                }
                self.expr(value)?;
                self.op_i(at, builder.extend, 1);
            } else {
                self.expr(elt)?;
                if built {
                    self.op_i(at, builder.add, 1);
                }
            }
        }
        if let Some(name) = injected {
            self.variable(at, name, ExprContext::Load)?;
            self.op_i(at, builder.add, 1);
        }
        if builder.tuple {
            self.op_i(at, op::CALL_INTRINSIC_1, arg::INTRINSIC_LIST_TO_TUPLE);
        }
        Ok(())
    }

    #[inline(never)]
    fn sequence(
        &mut self,
        at: Location,
        elts: &'a [ExprRef<'a>],
        ctx: ExprContext,
        builder: Builder,
    ) -> Done {
        match ctx {
            ExprContext::Load => self.collection(at, elts, None, 0, builder),
            ExprContext::Del => self.exprs(elts),
            ExprContext::Store => {
                let is_star = |elt: &ExprRef<'a>| matches!(elt.kind, ExprKind::Starred { .. });
                let message = "too many expressions in star-unpacking assignment";
                self.unpack(
                    at,
                    elts,
                    is_star,
                    message,
                    "multiple starred expressions in assignment",
                )?;
                elts.iter().try_for_each(|elt| match elt.kind {
                    ExprKind::Starred { value, .. } => self.expr(value),
                    _ => self.expr(elt),
                })
            }
        }
    }

    /// Unpacks the value on the stack into as many values as there are targets, one of which may be starred.
    #[inline(never)]
    pub(super) fn unpack<T>(
        &mut self,
        at: Location,
        targets: &[T],
        is_star: impl Fn(&T) -> bool,
        too_many: &str,
        two_stars: &str,
    ) -> Result<(), Error> {
        let mut seen_star = false;
        for (i, target) in targets.iter().enumerate() {
            if !is_star(target) {
                continue;
            }
            if seen_star {
                return Err(self.error(at, two_stars));
            }
            let after = targets.len() - i - 1;
            if i >= 1 << 8 || after >= (i32::MAX >> 8) as usize {
                return Err(self.error(at, too_many));
            }
            self.op_n(at, op::UNPACK_EX, i + (after << 8));
            seen_star = true;
        }
        if !seen_star {
            self.op_n(at, op::UNPACK_SEQUENCE, targets.len());
        }
        Ok(())
    }

    /// Items of a display without `**`, as one dict.
    #[inline(never)]
    fn subdict(
        &mut self,
        at: Location,
        keys: &'a [Option<ExprRef<'a>>],
        values: &'a [ExprRef<'a>],
    ) -> Done {
        let big = keys.len() * 2 > STACK_USE_GUIDELINE;
        if big {
            self.op_i(at, op::BUILD_MAP, 0);
        }
        for (key, value) in keys.iter().zip(values) {
            if let Some(key) = key {
                self.expr(key)?;
            }
            self.expr(value)?;
            if big {
                self.op_i(at, op::MAP_ADD, 1);
            }
        }
        if !big {
            self.op_n(at, op::BUILD_MAP, keys.len());
        }
        Ok(())
    }

    #[inline(never)]
    fn dict(
        &mut self,
        at: Location,
        keys: &'a [Option<ExprRef<'a>>],
        values: &'a [ExprRef<'a>],
    ) -> Done {
        let count = keys.len().min(values.len());
        let mut have_dict = false;
        let mut elements = 0;
        let flush = |c: &mut Self, from: usize, to: usize, have_dict: &mut bool| -> Done {
            c.subdict(at, &keys[from..to], &values[from..to])?;
            if *have_dict {
                c.op_i(at, op::DICT_UPDATE, 1);
            }
            *have_dict = true;
            Ok(())
        };
        for i in 0..count {
            if keys[i].is_none() {
                if elements > 0 {
                    flush(self, i - elements, i, &mut have_dict)?;
                    elements = 0;
                }
                if !have_dict {
                    self.op_i(at, op::BUILD_MAP, 0);
                    have_dict = true;
                }
                self.expr(values[i])?;
                self.op_i(at, op::DICT_UPDATE, 1);
            } else if elements * 2 > STACK_USE_GUIDELINE {
                flush(self, i - elements, i + 1, &mut have_dict)?;
                elements = 0;
            } else {
                elements += 1;
            }
        }
        if elements > 0 {
            flush(self, count - elements, count, &mut have_dict)?;
        }
        if !have_dict {
            self.op_i(at, op::BUILD_MAP, 0);
        }
        Ok(())
    }

    #[inline(never)]
    fn attribute(
        &mut self,
        expr: &'a Expr<'a>,
        value: ExprRef<'a>,
        attr: &'a str,
        ctx: ExprContext,
    ) -> Done {
        let at = loc(expr.range);
        if ctx == ExprContext::Load
            && let Some(args) = self.super_call(value, attr)
        {
            self.load_args_for_super(value, args)?;
            let kind = if args.is_empty() {
                AttrOp::ZeroSuper
            } else {
                AttrOp::Super
            };
            self.attr_op(at, kind, attr);
            let at = self.attr_location(at, expr);
            self.op(at, op::NOP);
            return Ok(());
        }
        self.note_static_attribute(value, attr, ctx);
        self.expr(value)?;
        let at = self.attr_location(at, expr);
        let kind = match ctx {
            ExprContext::Load => AttrOp::Load,
            ExprContext::Store => AttrOp::Store,
            ExprContext::Del => AttrOp::Delete,
        };
        self.attr_op(at, kind, attr);
        Ok(())
    }

    /// For an attribute on another line than its object: a position that starts at the attribute's name.
    pub(super) fn attr_location(&self, mut at: Location, expr: ExprRef<'a>) -> Location {
        let ExprKind::Attribute { attr, .. } = expr.kind else {
            return at;
        };
        let end = expr.range;
        if at.lineno == end.end_lineno {
            return at;
        }
        at.lineno = end.end_lineno;
        let length = attr.chars().count() as i32;
        if length <= end.end_col_offset {
            at.col_offset = end.end_col_offset - length;
        } else {
            // A tree that no parser made: no columns.
            at.col_offset = -1;
            at.end_col_offset = -1;
        }
        at.end_lineno = at.end_lineno.max(at.lineno);
        if at.lineno == at.end_lineno {
            at.end_col_offset = at.end_col_offset.max(at.col_offset);
        }
        at
    }

    #[inline(never)]
    fn subscript(
        &mut self,
        at: Location,
        value: ExprRef<'a>,
        slice: ExprRef<'a>,
        ctx: ExprContext,
    ) -> Done {
        if ctx == ExprContext::Load {
            self.check_subscripter(value);
            self.check_index(value, slice);
        }
        self.expr(value)?;
        if ctx != ExprContext::Del && self.has_two_parts(slice) {
            self.slice_two_parts(slice)?;
            let opcode = if ctx == ExprContext::Load {
                op::BINARY_SLICE
            } else {
                op::STORE_SLICE
            };
            self.op(at, opcode);
            return Ok(());
        }
        self.expr(slice)?;
        match ctx {
            ExprContext::Load => self.op_i(at, op::BINARY_OP, arg::NB_SUBSCR),
            ExprContext::Store => self.op(at, op::STORE_SUBSCR),
            ExprContext::Del => self.op(at, op::DELETE_SUBSCR),
        }
        Ok(())
    }

    /// Whether a subscript is `a:b` with something that is no constant.
    pub(super) fn has_two_parts(&self, slice: ExprRef<'a>) -> bool {
        match slice.kind {
            ExprKind::Slice {
                lower,
                upper,
                step: None,
            } => !(is_constant(lower) && is_constant(upper)),
            _ => false,
        }
    }

    pub(super) fn slice_two_parts(&mut self, slice: ExprRef<'a>) -> Done {
        let ExprKind::Slice { lower, upper, .. } = slice.kind else {
            return Ok(());
        };
        for part in [lower, upper] {
            match part {
                Some(part) => self.expr(part)?,
                None => self.load_const(loc(slice.range), Const::None),
            }
        }
        Ok(())
    }

    #[inline(never)]
    fn slice(
        &mut self,
        slice: ExprRef<'a>,
        lower: Option<ExprRef<'a>>,
        upper: Option<ExprRef<'a>>,
        step: Option<ExprRef<'a>>,
    ) -> Done {
        let at = loc(slice.range);
        if [lower, upper, step].into_iter().all(is_constant) {
            let parts = [lower, upper, step].map(slice_constant);
            self.load_const(at, Const::Slice(Arc::new(parts)));
            return Ok(());
        }
        self.slice_two_parts(slice)?;
        if let Some(step) = step {
            self.expr(step)?;
        }
        self.op_i(at, op::BUILD_SLICE, 2 + i32::from(step.is_some()));
        Ok(())
    }
}
