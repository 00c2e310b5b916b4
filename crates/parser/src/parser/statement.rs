//! Simple statements, assignment targets, and the entry rules for each mode.
//!
//! An assignment's targets are first parsed as an expression and then turned into targets, which is equivalent to the
//! grammar's separate target rules: parentheses around a single target vanish, every other shape must be one of name,
//! attribute, subscript, list, tuple or starred.

use super::stream::T;
use super::{Fail, P, Parser};
use crate::ast::*;

fn augmented_operator(kind: T) -> Option<Operator> {
    Some(match kind {
        T::PlusEqual => Operator::Add,
        T::MinEqual => Operator::Sub,
        T::StarEqual => Operator::Mult,
        T::AtEqual => Operator::MatMult,
        T::SlashEqual => Operator::Div,
        T::PercentEqual => Operator::Mod,
        T::AmperEqual => Operator::BitAnd,
        T::VBarEqual => Operator::BitOr,
        T::CircumflexEqual => Operator::BitXor,
        T::LeftShiftEqual => Operator::LShift,
        T::RightShiftEqual => Operator::RShift,
        T::DoubleStarEqual => Operator::Pow,
        T::DoubleSlashEqual => Operator::FloorDiv,
        _ => return None,
    })
}

impl<'a> Parser<'a, '_> {
    /// `file`
    pub(super) fn file(&mut self) -> P<Mod<'a>> {
        let base = self.stmts.len();
        while self.kind() != T::EndMarker {
            self.statement()?;
        }
        let body = self.take_stmts(base);
        let type_ignores = self.arena.slice(&self.type_ignores);
        Ok(Mod::Module { body, type_ignores })
    }

    /// `interactive`
    pub(super) fn interactive(&mut self) -> P<Mod<'a>> {
        let base = self.stmts.len();
        if self.kind() == T::Newline {
            let start = self.mark;
            self.mark += 1;
            let pass = self.stmt(start, StmtKind::Pass);
            return Ok(Mod::Interactive {
                body: self.arena.slice(&[pass]),
            });
        }
        if self.compound_statement()? {
            self.expect(T::Newline)?;
        } else {
            self.simple_statements()?;
        }
        Ok(Mod::Interactive {
            body: self.take_stmts(base),
        })
    }

    /// `eval`
    pub(super) fn eval(&mut self) -> P<Mod<'a>> {
        let body = self.expressions()?;
        while self.eat(T::Newline) {}
        self.expect(T::EndMarker)?;
        Ok(Mod::Expression { body })
    }

    /// `func_type`
    pub(super) fn func_type(&mut self) -> P<Mod<'a>> {
        self.expect(T::LPar)?;
        let base = self.exprs.len();
        let mut stage = 0;
        while self.kind() != T::RPar {
            let here = match self.kind() {
                T::Star => 1,
                T::DoubleStar => 2,
                _ => 0,
            };
            if here < stage || (here > 0 && here == stage) {
                return Err(Fail);
            }
            stage = here;
            if here > 0 {
                self.mark += 1;
            }
            let value = self.expression()?;
            self.exprs.push(value);
            if !self.eat(T::Comma) {
                break;
            }
            if self.kind() == T::RPar {
                return Err(Fail);
            }
        }
        self.expect(T::RPar)?;
        self.expect(T::RArrow)?;
        let argtypes = self.take_exprs(base);
        let returns = self.expression()?;
        while self.eat(T::Newline) {}
        self.expect(T::EndMarker)?;
        Ok(Mod::FunctionType { argtypes, returns })
    }

    /// `statement`: pushes one compound statement or a line of simple ones.
    pub(super) fn statement(&mut self) -> P<()> {
        if self.compound_statement()? {
            Ok(())
        } else {
            self.simple_statements()
        }
    }

    /// `simple_stmts`
    pub(super) fn simple_statements(&mut self) -> P<()> {
        loop {
            let statement = self.simple_statement()?;
            self.stmts.push(statement);
            if self.eat(T::Newline) {
                return Ok(());
            }
            self.expect(T::Semi)?;
            if self.eat(T::Newline) {
                return Ok(());
            }
        }
    }

    fn simple_statement(&mut self) -> P<StmtRef<'a>> {
        let start = self.mark;
        let kind = match self.kind() {
            T::Name => match self.peek(1) {
                T::Colon => return self.annotated_name(),
                T::Name if self.text(start) == "type" => return self.type_alias(),
                _ => return self.expression_statement(),
            },
            T::Return => {
                self.mark += 1;
                let value = if self.starts_expression() {
                    Some(self.star_expressions()?)
                } else {
                    None
                };
                StmtKind::Return { value }
            }
            T::Import => self.import_name()?,
            T::From => self.import_from()?,
            T::Raise => self.raise()?,
            T::Pass => self.keyword_only(StmtKind::Pass),
            T::Break => self.keyword_only(StmtKind::Break),
            T::Continue => self.keyword_only(StmtKind::Continue),
            T::Del => self.delete()?,
            T::Yield => {
                let value = self.yield_expr()?;
                StmtKind::Expr { value }
            }
            T::Assert => {
                self.mark += 1;
                let test = self.expression()?;
                let msg = if self.eat(T::Comma) {
                    Some(self.expression()?)
                } else {
                    None
                };
                StmtKind::Assert { test, msg }
            }
            T::Global => StmtKind::Global {
                names: self.names()?,
            },
            T::Nonlocal => StmtKind::Nonlocal {
                names: self.names()?,
            },
            _ => return self.expression_statement(),
        };
        Ok(self.stmt(start, kind))
    }

    fn keyword_only(&mut self, kind: StmtKind<'a>) -> StmtKind<'a> {
        self.mark += 1;
        kind
    }

    /// `'global' ','.NAME+`
    fn names(&mut self) -> P<&'a [Identifier<'a>]> {
        self.mark += 1;
        let mut names = smallvec::SmallVec::<[Identifier<'a>; 8]>::new();
        names.push(self.identifier()?);
        while self.eat(T::Comma) {
            names.push(self.identifier()?);
        }
        Ok(self.arena.slice(&names))
    }

    fn annotated_name(&mut self) -> P<StmtRef<'a>> {
        let start = self.mark;
        let target = self.name(ExprContext::Store)?;
        self.annotation(start, target, true)
    }

    fn annotation(&mut self, start: usize, target: ExprRef<'a>, simple: bool) -> P<StmtRef<'a>> {
        self.require_version(6)?;
        self.mark += 1;
        let annotation = self.expression()?;
        let value = if self.eat(T::Equal) {
            Some(self.annotated_rhs()?)
        } else {
            None
        };
        Ok(self.stmt(
            start,
            StmtKind::AnnAssign {
                target,
                annotation,
                value,
                simple,
            },
        ))
    }

    /// An expression, an assignment, an augmented or an annotated one.
    fn expression_statement(&mut self) -> P<StmtRef<'a>> {
        let start = self.mark;
        let first = self.star_expressions()?;
        match self.kind() {
            T::Equal => self.assignment(start, first),
            T::Colon => {
                let allowed = match first.kind {
                    ExprKind::Attribute { .. } | ExprKind::Subscript { .. } => true,
                    ExprKind::Name { .. } => self.tokens[start].kind == T::LPar,
                    _ => false,
                };
                if !allowed {
                    return Err(Fail);
                }
                let target = self.to_context(first, ExprContext::Store)?;
                self.annotation(start, target, false)
            }
            kind => {
                let Some(op) = augmented_operator(kind) else {
                    return Ok(self.stmt(start, StmtKind::Expr { value: first }));
                };
                if op == Operator::MatMult {
                    self.require_version(5)?;
                }
                let target = match first.kind {
                    ExprKind::Name { .. }
                    | ExprKind::Attribute { .. }
                    | ExprKind::Subscript { .. } => self.to_context(first, ExprContext::Store)?,
                    _ => return Err(Fail),
                };
                self.mark += 1;
                let value = self.annotated_rhs()?;
                Ok(self.stmt(start, StmtKind::AugAssign { target, op, value }))
            }
        }
    }

    fn assignment(&mut self, start: usize, first: ExprRef<'a>) -> P<StmtRef<'a>> {
        let base = self.exprs.len();
        let mut value = first;
        while self.eat(T::Equal) {
            let target = self.to_context(value, ExprContext::Store)?;
            self.exprs.push(target);
            value = self.annotated_rhs()?;
        }
        let targets = self.take_exprs(base);
        let type_comment = self.type_comment();
        Ok(self.stmt(
            start,
            StmtKind::Assign {
                targets,
                value,
                type_comment,
            },
        ))
    }

    pub(super) fn type_comment(&mut self) -> Option<&'a str> {
        if self.kind() != T::TypeComment {
            return None;
        }
        let text = self.text(self.mark);
        self.mark += 1;
        Some(text)
    }

    /// `value` as a target; fails where it is none.
    pub(super) fn to_context(&self, value: ExprRef<'a>, ctx: ExprContext) -> P<ExprRef<'a>> {
        let kind = match value.kind {
            ExprKind::Name { id, .. } => ExprKind::Name { id, ctx },
            ExprKind::Attribute { value, attr, .. } => ExprKind::Attribute { value, attr, ctx },
            ExprKind::Subscript { value, slice, .. } => ExprKind::Subscript { value, slice, ctx },
            ExprKind::Starred { value, .. } if ctx == ExprContext::Store => {
                if matches!(value.kind, ExprKind::Starred { .. }) {
                    return Err(Fail);
                }
                ExprKind::Starred {
                    value: self.to_context(value, ctx)?,
                    ctx,
                }
            }
            ExprKind::Tuple { elts, .. } => ExprKind::Tuple {
                elts: self.all_to_context(elts, ctx)?,
                ctx,
            },
            ExprKind::List { elts, .. } => ExprKind::List {
                elts: self.all_to_context(elts, ctx)?,
                ctx,
            },
            _ => return Err(Fail),
        };
        Ok(self.arena.expr(kind, value.range))
    }

    fn all_to_context(&self, elts: &[ExprRef<'a>], ctx: ExprContext) -> P<&'a [ExprRef<'a>]> {
        let mut changed = smallvec::SmallVec::<[ExprRef<'a>; 8]>::new();
        for value in elts {
            changed.push(self.to_context(value, ctx)?);
        }
        Ok(self.arena.slice(&changed))
    }

    /// `star_targets`, as in `for` and comprehensions.
    pub(super) fn star_targets(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        let first = self.star_target()?;
        if self.kind() != T::Comma {
            return Ok(first);
        }
        let base = self.exprs.len();
        self.exprs.push(first);
        while self.eat(T::Comma) {
            if !self.starts_expression() {
                break;
            }
            let next = self.star_target()?;
            self.exprs.push(next);
        }
        let elts = self.take_exprs(base);
        Ok(self.expr(
            start,
            ExprKind::Tuple {
                elts,
                ctx: ExprContext::Store,
            },
        ))
    }

    pub(super) fn star_target(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        if self.eat(T::Star) {
            let value = self.primary()?;
            let value = self.to_context(value, ExprContext::Store)?;
            return Ok(self.expr(
                start,
                ExprKind::Starred {
                    value,
                    ctx: ExprContext::Store,
                },
            ));
        }
        let value = self.primary()?;
        self.to_context(value, ExprContext::Store)
    }

    fn delete(&mut self) -> P<StmtKind<'a>> {
        self.mark += 1;
        let base = self.exprs.len();
        loop {
            let value = self.primary()?;
            let target = self.to_context(value, ExprContext::Del)?;
            self.exprs.push(target);
            if !self.eat(T::Comma) || !self.starts_expression() {
                break;
            }
        }
        if !matches!(self.kind(), T::Semi | T::Newline) {
            return Err(Fail);
        }
        Ok(StmtKind::Delete {
            targets: self.take_exprs(base),
        })
    }

    fn raise(&mut self) -> P<StmtKind<'a>> {
        self.mark += 1;
        if !self.starts_expression() {
            return Ok(StmtKind::Raise {
                exc: None,
                cause: None,
            });
        }
        let exc = Some(self.expression()?);
        let cause = if self.eat(T::From) {
            Some(self.expression()?)
        } else {
            None
        };
        Ok(StmtKind::Raise { exc, cause })
    }

    /// `dotted_name`; without spaces or comments in between, it is a slice of the source.
    fn dotted_name(&mut self) -> P<Identifier<'a>> {
        let first = self.identifier()?;
        if self.kind() != T::Dot {
            return Ok(first);
        }
        let mut name = bumpalo::collections::String::from_str_in(first, &self.arena.bump);
        while self.eat(T::Dot) {
            name.push('.');
            name.push_str(self.identifier()?);
        }
        Ok(name.into_bump_str())
    }

    fn import_name(&mut self) -> P<StmtKind<'a>> {
        self.mark += 1;
        let mut names = smallvec::SmallVec::<[Alias<'a>; 4]>::new();
        loop {
            let start = self.mark;
            let name = self.dotted_name()?;
            names.push(self.alias(start, name)?);
            if !self.eat(T::Comma) {
                break;
            }
        }
        Ok(StmtKind::Import {
            names: self.arena.slice(&names),
        })
    }

    fn alias(&mut self, start: usize, name: Identifier<'a>) -> P<Alias<'a>> {
        let asname = if self.eat(T::As) {
            Some(self.identifier()?)
        } else {
            None
        };
        Ok(Alias {
            name,
            asname,
            range: self.range(start),
        })
    }

    fn import_from(&mut self) -> P<StmtKind<'a>> {
        self.mark += 1;
        let mut level = 0;
        loop {
            match self.kind() {
                T::Dot => level += 1,
                T::Ellipsis => level += 3,
                _ => break,
            }
            self.mark += 1;
        }
        let module = if self.kind() == T::Name || level == 0 {
            Some(self.dotted_name()?)
        } else {
            None
        };
        self.expect(T::Import)?;
        let names = self.import_from_targets()?;
        if level == 0
            && module == Some("__future__")
            && names.iter().any(|alias| alias.name == "barry_as_FLUFL")
        {
            self.barry = true;
        }
        Ok(StmtKind::ImportFrom {
            module,
            names,
            level,
        })
    }

    fn import_from_targets(&mut self) -> P<&'a [Alias<'a>]> {
        let start = self.mark;
        if self.eat(T::Star) {
            let star = Alias {
                name: "*",
                asname: None,
                range: self.range(start),
            };
            return Ok(self.arena.slice(&[star]));
        }
        let parenthesized = self.eat(T::LPar);
        let mut names = smallvec::SmallVec::<[Alias<'a>; 8]>::new();
        loop {
            let start = self.mark;
            let name = self.identifier()?;
            names.push(self.alias(start, name)?);
            if !self.eat(T::Comma) {
                break;
            }
            if parenthesized && self.kind() == T::RPar {
                break;
            }
        }
        if parenthesized {
            self.expect(T::RPar)?;
        }
        Ok(self.arena.slice(&names))
    }
}
