//! Warnings for literals in places where they make no sense.
//!
//! CPython: `codegen_check_compare`, `check_caller`, `check_subscripter`, `check_index` in `Python/codegen.c`.

use naja_parser::ast::{CmpOp, Constant, ExprKind, ExprRef, Range};

use super::Compiler;

fn constant_type(value: &Constant<'_>) -> &'static str {
    match value {
        Constant::None => "NoneType",
        Constant::True | Constant::False => "bool",
        Constant::Ellipsis => "ellipsis",
        Constant::Int(_) | Constant::BigInt(_) => "int",
        Constant::Float(_) => "float",
        Constant::Complex(..) => "complex",
        Constant::Str(_) => "str",
        Constant::Bytes(_) => "bytes",
        Constant::Tuple(_) => "tuple",
        Constant::FrozenSet(_) => "frozenset",
    }
}

/// The type of an expression, where its form gives it away.
fn infer_type(expr: ExprRef<'_>) -> Option<&'static str> {
    Some(match &expr.kind {
        ExprKind::Tuple { .. } => "tuple",
        ExprKind::List { .. } | ExprKind::ListComp { .. } => "list",
        ExprKind::Dict { .. } | ExprKind::DictComp { .. } => "dict",
        ExprKind::Set { .. } | ExprKind::SetComp { .. } => "set",
        ExprKind::GeneratorExp { .. } => "generator",
        ExprKind::Lambda { .. } => "function",
        ExprKind::TemplateStr { .. } | ExprKind::Interpolation { .. } => {
            "string.templatelib.Template"
        }
        ExprKind::JoinedStr { .. } | ExprKind::FormattedValue { .. } => "str",
        ExprKind::Constant { value, .. } => constant_type(value),
        _ => return None,
    })
}

/// Whether comparing the identity of an expression makes sense: anything but literals, save the singletons.
fn has_identity(expr: ExprRef<'_>) -> bool {
    match expr.kind {
        ExprKind::Tuple { elts, .. } => !elts
            .iter()
            .all(|elt| matches!(elt.kind, ExprKind::Constant { .. })),
        ExprKind::Constant { value, .. } => {
            matches!(
                value,
                Constant::None | Constant::True | Constant::False | Constant::Ellipsis
            )
        }
        _ => true,
    }
}

impl<'a> Compiler<'a, '_> {
    /// `x is 1`
    #[inline(never)]
    pub(super) fn check_compare(
        &mut self,
        range: Range,
        left: ExprRef<'a>,
        ops: &[CmpOp],
        comparators: &[ExprRef<'a>],
    ) {
        let mut left = left;
        for (operator, &right) in ops.iter().zip(comparators) {
            let (word, instead) = match operator {
                CmpOp::Is => ("is", "=="),
                CmpOp::IsNot => ("is not", "!="),
                _ => ("", ""),
            };
            let literal = [left, right].into_iter().find(|side| !has_identity(side));
            if let Some(literal) = literal
                && !word.is_empty()
            {
                let name = infer_type(literal).unwrap_or("");
                return self.warn(range, || {
                    format!("\"{word}\" with '{name}' literal. Did you mean \"{instead}\"?")
                });
            }
            left = right;
        }
    }

    /// `"..."(x)`
    #[inline(never)]
    pub(super) fn check_caller(&mut self, func: ExprRef<'a>) {
        if matches!(func.kind, ExprKind::Lambda { .. }) {
            return;
        }
        if let Some(name) = infer_type(func) {
            self.warn(func.range, || {
                format!("'{name}' object is not callable; perhaps you missed a comma?")
            });
        }
    }

    /// `{1, 2}[x]`
    #[inline(never)]
    pub(super) fn check_subscripter(&mut self, value: ExprRef<'a>) {
        let wrong = match value.kind {
            ExprKind::Constant { value, .. } => matches!(
                value,
                Constant::None
                    | Constant::Ellipsis
                    | Constant::True
                    | Constant::False
                    | Constant::Int(_)
                    | Constant::BigInt(_)
                    | Constant::Float(_)
                    | Constant::Complex(..)
                    | Constant::FrozenSet(_)
            ),
            ExprKind::Set { .. }
            | ExprKind::SetComp { .. }
            | ExprKind::GeneratorExp { .. }
            | ExprKind::TemplateStr { .. }
            | ExprKind::Interpolation { .. }
            | ExprKind::Lambda { .. } => true,
            _ => false,
        };
        if wrong && let Some(name) = infer_type(value) {
            self.warn(value.range, || {
                format!("'{name}' object is not subscriptable; perhaps you missed a comma?")
            });
        }
    }

    /// `[1, 2]["x"]`
    #[inline(never)]
    pub(super) fn check_index(&mut self, value: ExprRef<'a>, index: ExprRef<'a>) {
        let Some(index_type) = infer_type(index) else {
            return;
        };
        if matches!(index_type, "int" | "bool") {
            return;
        }
        let indexable = match value.kind {
            ExprKind::Constant { value, .. } => {
                matches!(
                    value,
                    Constant::Str(_) | Constant::Bytes(_) | Constant::Tuple(_)
                )
            }
            ExprKind::Tuple { .. }
            | ExprKind::List { .. }
            | ExprKind::ListComp { .. }
            | ExprKind::JoinedStr { .. }
            | ExprKind::FormattedValue { .. } => true,
            _ => false,
        };
        if indexable && let Some(name) = infer_type(value) {
            self.warn(value.range, || {
                format!("{name} indices must be integers or slices, not {index_type}; perhaps you missed a comma?")
            });
        }
    }
}
