//! Expressions back to source text: what annotations are under `from __future__ import annotations`.
//!
//! Parentheses appear only where precedence asks for them; quotes, spaces and number formats are normalised, exactly as
//! CPython does. CPython: `Python/ast_unparse.c`.

use crate::ast::*;
use crate::error::{SyntaxError, SyntaxErrorKind};
use crate::repr;
use crate::stack::Stack;

/// Precedence levels, weakest first.
mod level {
    pub const TUPLE: u8 = 0;
    pub const TEST: u8 = 1;
    pub const OR: u8 = 2;
    pub const AND: u8 = 3;
    pub const NOT: u8 = 4;
    pub const CMP: u8 = 5;
    pub const EXPR: u8 = 6;
    pub const BXOR: u8 = 7;
    pub const BAND: u8 = 8;
    pub const SHIFT: u8 = 9;
    pub const ARITH: u8 = 10;
    pub const TERM: u8 = 11;
    pub const FACTOR: u8 = 12;
    pub const POWER: u8 = 13;
    pub const AWAIT: u8 = 14;
    pub const ATOM: u8 = 15;
}

type Done = Result<(), SyntaxError>;

/// The source text of an expression. Raises RecursionError for trees too deep.
pub fn unparse_expr(expr: &Expr<'_>) -> Result<String, SyntaxError> {
    let mut writer = Writer {
        out: Vec::new(),
        stack: Stack::here(),
    };
    writer.expr(expr, level::TEST)?;
    Ok(String::from_utf8_lossy(&writer.out).into_owned())
}

struct Writer {
    /// WTF-8: the parts of formatted strings may hold surrogates until they are quoted.
    out: Vec<u8>,
    stack: Stack,
}

impl Writer {
    fn str(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn str_if(&mut self, condition: bool, text: &str) {
        if condition {
            self.str(text);
        }
    }

    /// Runs `write` between parentheses if the context binds tighter than `own`.
    fn grouped(&mut self, context: u8, own: u8, write: impl FnOnce(&mut Self) -> Done) -> Done {
        self.str_if(context > own, "(");
        write(self)?;
        self.str_if(context > own, ")");
        Ok(())
    }

    fn list(&mut self, exprs: &[&Expr<'_>]) -> Done {
        for (i, expr) in exprs.iter().enumerate() {
            self.str_if(i > 0, ", ");
            self.expr(expr, level::TEST)?;
        }
        Ok(())
    }

    fn expr(&mut self, expr: &Expr<'_>, context: u8) -> Done {
        if self.stack.exhausted() {
            return Err(SyntaxError {
                kind: SyntaxErrorKind::Recursion,
                message: "maximum recursion depth exceeded during compilation".into(),
                lineno: 0,
                offset: 0,
                end_lineno: 0,
                end_offset: 0,
                text: None,
                metadata: None,
            });
        }
        match expr.kind {
            ExprKind::BoolOp { op, values } => {
                let (word, own) = match op {
                    BoolOperator::And => (" and ", level::AND),
                    BoolOperator::Or => (" or ", level::OR),
                };
                self.grouped(context, own, |w| {
                    for (i, value) in values.iter().enumerate() {
                        w.str_if(i > 0, word);
                        w.expr(value, own + 1)?;
                    }
                    Ok(())
                })
            }
            ExprKind::NamedExpr { target, value } => self.grouped(context, level::TUPLE, |w| {
                w.expr(target, level::ATOM)?;
                w.str(" := ");
                w.expr(value, level::ATOM)
            }),
            ExprKind::BinOp { left, op, right } => {
                let (word, own) = binary(op);
                let power = u8::from(op == Operator::Pow);
                self.grouped(context, own, |w| {
                    w.expr(left, own + power)?;
                    w.str(word);
                    w.expr(right, own + 1 - power)
                })
            }
            ExprKind::UnaryOp { op, operand } => {
                let (word, own) = match op {
                    UnaryOperator::Invert => ("~", level::FACTOR),
                    UnaryOperator::Not => ("not ", level::NOT),
                    UnaryOperator::UAdd => ("+", level::FACTOR),
                    UnaryOperator::USub => ("-", level::FACTOR),
                };
                self.grouped(context, own, |w| {
                    w.str(word);
                    w.expr(operand, own)
                })
            }
            ExprKind::Lambda { args, body } => self.grouped(context, level::TEST, |w| {
                let positional = args.args.len() + args.posonlyargs.len() > 0;
                w.str(if positional { "lambda " } else { "lambda" });
                w.arguments(args)?;
                w.str(": ");
                w.expr(body, level::TEST)
            }),
            ExprKind::IfExp { test, body, orelse } => self.grouped(context, level::TEST, |w| {
                w.expr(body, level::TEST + 1)?;
                w.str(" if ");
                w.expr(test, level::TEST + 1)?;
                w.str(" else ");
                w.expr(orelse, level::TEST)
            }),
            ExprKind::Dict { keys, values } => {
                self.str("{");
                for (i, (key, value)) in keys.iter().zip(values).enumerate() {
                    self.str_if(i > 0, ", ");
                    match key {
                        Some(key) => {
                            self.expr(key, level::TEST)?;
                            self.str(": ");
                            self.expr(value, level::TEST)?;
                        }
                        None => {
                            self.str("**");
                            self.expr(value, level::EXPR)?;
                        }
                    }
                }
                self.str("}");
                Ok(())
            }
            ExprKind::Set { elts } => self.enclosed("{", "}", |w| w.list(elts)),
            ExprKind::GeneratorExp { elt, generators } => {
                self.enclosed("(", ")", |w| w.comprehension(elt, generators))
            }
            ExprKind::ListComp { elt, generators } => {
                self.enclosed("[", "]", |w| w.comprehension(elt, generators))
            }
            ExprKind::SetComp { elt, generators } => {
                self.enclosed("{", "}", |w| w.comprehension(elt, generators))
            }
            ExprKind::DictComp {
                key,
                value,
                generators,
            } => self.enclosed("{", "}", |w| {
                w.expr(key, level::TEST)?;
                w.str(": ");
                w.comprehension(value, generators)
            }),
            ExprKind::Yield { value: None } => {
                self.str("(yield)");
                Ok(())
            }
            ExprKind::Yield { value: Some(value) } => {
                self.enclosed("(yield ", ")", |w| w.expr(value, level::TEST))
            }
            ExprKind::YieldFrom { value } => {
                self.enclosed("(yield from ", ")", |w| w.expr(value, level::TEST))
            }
            ExprKind::Await { value } => self.grouped(context, level::AWAIT, |w| {
                w.str("await ");
                w.expr(value, level::ATOM)
            }),
            ExprKind::Compare {
                left,
                ops,
                comparators,
            } => self.grouped(context, level::CMP, |w| {
                w.expr(left, level::CMP + 1)?;
                for (op, right) in ops.iter().zip(comparators) {
                    w.str(comparison(*op));
                    w.expr(right, level::CMP + 1)?;
                }
                Ok(())
            }),
            ExprKind::Call {
                func,
                args,
                keywords,
            } => self.call(func, args, keywords),
            ExprKind::Constant { value, kind } => {
                self.str(kind.unwrap_or(""));
                self.constant(&value);
                Ok(())
            }
            ExprKind::JoinedStr { .. }
            | ExprKind::TemplateStr { .. }
            | ExprKind::FormattedValue { .. }
            | ExprKind::Interpolation { .. } => self.string_part(expr, false),
            ExprKind::Attribute { value, attr, .. } => {
                self.expr(value, level::ATOM)?;
                let integer = matches!(
                    value.kind,
                    ExprKind::Constant {
                        value: Constant::Int(_)
                            | Constant::BigInt(_)
                            | Constant::True
                            | Constant::False,
                        ..
                    }
                );
                self.str(if integer { " ." } else { "." });
                self.str(attr);
                Ok(())
            }
            ExprKind::Starred { value, .. } => {
                self.str("*");
                self.expr(value, level::EXPR)
            }
            ExprKind::Name { id, .. } => {
                self.str(id);
                Ok(())
            }
            ExprKind::List { elts, .. } => self.enclosed("[", "]", |w| w.list(elts)),
            ExprKind::Tuple { elts: [], .. } => {
                self.str("()");
                Ok(())
            }
            ExprKind::Tuple { elts, .. } => self.grouped(context, level::TUPLE, |w| {
                w.list(elts)?;
                w.str_if(elts.len() == 1, ",");
                Ok(())
            }),
            ExprKind::Slice { lower, upper, step } => {
                if let Some(lower) = lower {
                    self.expr(lower, level::TEST)?;
                }
                self.str(":");
                if let Some(upper) = upper {
                    self.expr(upper, level::TEST)?;
                }
                if let Some(step) = step {
                    self.str(":");
                    self.expr(step, level::TEST)?;
                }
                Ok(())
            }
            ExprKind::Subscript { value, slice, .. } => {
                self.expr(value, level::ATOM)?;
                self.enclosed("[", "]", |w| w.expr(slice, level::TUPLE))
            }
        }
    }

    fn enclosed(&mut self, open: &str, close: &str, write: impl FnOnce(&mut Self) -> Done) -> Done {
        self.str(open);
        write(self)?;
        self.str(close);
        Ok(())
    }

    fn arg(&mut self, arg: &Arg<'_>) -> Done {
        self.str(arg.arg);
        if let Some(annotation) = arg.annotation {
            self.str(": ");
            self.expr(annotation, level::TEST)?;
        }
        Ok(())
    }

    fn arguments(&mut self, args: &Arguments<'_>) -> Done {
        let mut first = true;
        let mut comma = |w: &mut Self| w.str_if(!std::mem::replace(&mut first, false), ", ");
        let count = args.posonlyargs.len() + args.args.len();
        let without_default = count.saturating_sub(args.defaults.len());
        for (i, arg) in args.posonlyargs.iter().chain(args.args).enumerate() {
            comma(self);
            self.arg(arg)?;
            if let Some(default) = i
                .checked_sub(without_default)
                .and_then(|i| args.defaults.get(i))
            {
                self.str("=");
                self.expr(default, level::TEST)?;
            }
            self.str_if(i + 1 == args.posonlyargs.len(), ", /");
        }
        if args.vararg.is_some() || !args.kwonlyargs.is_empty() {
            comma(self);
            self.str("*");
            if let Some(vararg) = args.vararg {
                self.arg(vararg)?;
            }
        }
        for (arg, default) in args.kwonlyargs.iter().zip(args.kw_defaults) {
            comma(self);
            self.arg(arg)?;
            if let Some(default) = default {
                self.str("=");
                self.expr(default, level::TEST)?;
            }
        }
        if let Some(kwarg) = args.kwarg {
            comma(self);
            self.str("**");
            self.arg(kwarg)?;
        }
        Ok(())
    }

    fn call(&mut self, func: &Expr<'_>, args: &[&Expr<'_>], keywords: &[Keyword<'_>]) -> Done {
        self.expr(func, level::ATOM)?;
        if let ([only], []) = (args, keywords)
            && matches!(only.kind, ExprKind::GeneratorExp { .. })
        {
            return self.expr(only, level::TEST);
        }
        self.enclosed("(", ")", |w| {
            w.list(args)?;
            for (i, keyword) in keywords.iter().enumerate() {
                w.str_if(i + args.len() > 0, ", ");
                match keyword.arg {
                    Some(name) => {
                        w.str(name);
                        w.str("=");
                    }
                    None => w.str("**"),
                }
                w.expr(keyword.value, level::TEST)?;
            }
            Ok(())
        })
    }

    fn comprehension(&mut self, elt: &Expr<'_>, generators: &[Comprehension<'_>]) -> Done {
        self.expr(elt, level::TEST)?;
        for clause in generators {
            self.str(if clause.is_async {
                " async for "
            } else {
                " for "
            });
            self.expr(clause.target, level::TUPLE)?;
            self.str(" in ");
            self.expr(clause.iter, level::TEST + 1)?;
            for test in clause.ifs {
                self.str(" if ");
                self.expr(test, level::TEST + 1)?;
            }
        }
        Ok(())
    }

    fn constant(&mut self, value: &Constant<'_>) {
        match *value {
            Constant::Ellipsis => self.str("..."),
            Constant::Tuple(items) => {
                self.str("(");
                for (i, item) in items.iter().enumerate() {
                    self.str_if(i > 0, ", ");
                    self.constant(item);
                }
                self.str(if items.len() == 1 { ",)" } else { ")" });
            }
            _ => {
                let mut text = String::new();
                repr::constant(&mut text, value);
                // An infinity is written as a literal too large.
                if matches!(value, Constant::Float(_) | Constant::Complex(..)) {
                    text = text.replace("inf", "1e309");
                }
                self.str(&text);
            }
        }
    }

    /// A part of a formatted string, or the whole of one.
    fn string_part(&mut self, expr: &Expr<'_>, in_spec: bool) -> Done {
        match expr.kind {
            ExprKind::Constant {
                value: Constant::Str(text),
                ..
            } => {
                for &byte in text.as_bytes() {
                    self.out.push(byte);
                    if matches!(byte, b'{' | b'}') {
                        self.out.push(byte);
                    }
                }
                Ok(())
            }
            ExprKind::JoinedStr { values } => self.string(values, "f", in_spec),
            ExprKind::TemplateStr { values } => self.string(values, "t", in_spec),
            ExprKind::FormattedValue {
                value,
                conversion,
                format_spec,
            } => {
                let outer = std::mem::take(&mut self.out);
                let result = self.expr(value, level::TEST + 1);
                let text = std::mem::replace(&mut self.out, outer);
                result?;
                self.field(&text, conversion, format_spec)
            }
            ExprKind::Interpolation {
                str: text,
                conversion,
                format_spec,
                ..
            } => match text {
                Constant::Str(text) => self.field(text.as_bytes(), conversion, format_spec),
                _ => self.field(b"", conversion, format_spec),
            },
            _ => self.expr(expr, level::TEST),
        }
    }

    fn string(&mut self, values: &[&Expr<'_>], prefix: &str, in_spec: bool) -> Done {
        let outer = std::mem::take(&mut self.out);
        let result = values
            .iter()
            .try_for_each(|value| self.string_part(value, in_spec));
        let body = std::mem::replace(&mut self.out, outer);
        result?;
        if in_spec {
            self.out.extend_from_slice(&body);
        } else {
            let mut quoted = String::from(prefix);
            repr::str(&mut quoted, &body);
            self.str(&quoted);
        }
        Ok(())
    }

    fn field(&mut self, text: &[u8], conversion: i32, format_spec: Option<&Expr<'_>>) -> Done {
        self.str(if text.first() == Some(&b'{') {
            "{ "
        } else {
            "{"
        });
        self.out.extend_from_slice(text);
        if let Some(letter) = u32::try_from(conversion).ok().and_then(char::from_u32) {
            self.str("!");
            self.str(letter.encode_utf8(&mut [0; 4]));
        }
        if let Some(spec) = format_spec {
            self.str(":");
            self.string_part(spec, true)?;
        }
        self.str("}");
        Ok(())
    }
}

fn binary(op: Operator) -> (&'static str, u8) {
    match op {
        Operator::Add => (" + ", level::ARITH),
        Operator::Sub => (" - ", level::ARITH),
        Operator::Mult => (" * ", level::TERM),
        Operator::MatMult => (" @ ", level::TERM),
        Operator::Div => (" / ", level::TERM),
        Operator::Mod => (" % ", level::TERM),
        Operator::LShift => (" << ", level::SHIFT),
        Operator::RShift => (" >> ", level::SHIFT),
        Operator::BitOr => (" | ", level::EXPR),
        Operator::BitXor => (" ^ ", level::BXOR),
        Operator::BitAnd => (" & ", level::BAND),
        Operator::FloorDiv => (" // ", level::TERM),
        Operator::Pow => (" ** ", level::POWER),
    }
}

fn comparison(op: CmpOp) -> &'static str {
    match op {
        CmpOp::Eq => " == ",
        CmpOp::NotEq => " != ",
        CmpOp::Lt => " < ",
        CmpOp::LtE => " <= ",
        CmpOp::Gt => " > ",
        CmpOp::GtE => " >= ",
        CmpOp::Is => " is ",
        CmpOp::IsNot => " is not ",
        CmpOp::In => " in ",
        CmpOp::NotIn => " not in ",
    }
}
