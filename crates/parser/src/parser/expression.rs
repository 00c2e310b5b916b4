//! Expressions, from `star_expressions` down to atoms.
//!
//! Binary operators are parsed by precedence climbing, so a chain of a million terms is a loop; prefix operators are
//! collected in a loop too. Every node's range starts at the first token of its rule (which may be a parenthesis) and
//! ends at the last token consumed, as `EXTRA` does in `Grammar/python.gram`.

use super::stream::T;
use super::{Fail, P, Parser};
use crate::ast::*;

/// Levels of CPython's recursion counter that a construct costs (`MAXSTACK` in `Parser/parser.c`).
pub(super) const MAX_LEVEL: u32 = 6000;
const LEVELS_ATOM: u32 = 29;
const LEVELS_LAMBDA: u32 = 2;
const LEVELS_POWER: u32 = 2;

/// Binding powers of the binary operators; higher binds tighter.
fn binary_operator(kind: T) -> Option<(u8, Operator)> {
    Some(match kind {
        T::VBar => (1, Operator::BitOr),
        T::Circumflex => (2, Operator::BitXor),
        T::Amper => (3, Operator::BitAnd),
        T::LeftShift => (4, Operator::LShift),
        T::RightShift => (4, Operator::RShift),
        T::Plus => (5, Operator::Add),
        T::Minus => (5, Operator::Sub),
        T::Star => (6, Operator::Mult),
        T::Slash => (6, Operator::Div),
        T::DoubleSlash => (6, Operator::FloorDiv),
        T::Percent => (6, Operator::Mod),
        T::At => (6, Operator::MatMult),
        _ => return None,
    })
}

/// Whether a token of this kind can begin an expression or a starred one.
pub(super) fn starts_expression(kind: T) -> bool {
    matches!(
        kind,
        T::Name
            | T::Number
            | T::String
            | T::FStringStart
            | T::TemplateStart
            | T::LPar
            | T::LSqb
            | T::LBrace
            | T::Minus
            | T::Plus
            | T::Tilde
            | T::Star
            | T::Ellipsis
            | T::Not
            | T::Lambda
            | T::Await
            | T::None
            | T::True
            | T::False
    )
}

impl<'a> Parser<'a, '_> {
    /// `star_expressions`: one expression, or a tuple without parentheses.
    pub(super) fn star_expressions(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        let first = self.star_expression()?;
        if self.kind() != T::Comma {
            return Ok(first);
        }
        self.tuple_rest(start, first, Self::star_expression)
    }

    /// `expressions`: as `star_expressions`, without stars.
    pub(super) fn expressions(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        let first = self.expression()?;
        if self.kind() != T::Comma {
            return Ok(first);
        }
        self.tuple_rest(start, first, Self::expression)
    }

    /// The rest of a tuple without parentheses, at its first comma.
    pub(super) fn tuple_rest(
        &mut self,
        start: usize,
        first: ExprRef<'a>,
        element: fn(&mut Self) -> P<ExprRef<'a>>,
    ) -> P<ExprRef<'a>> {
        let base = self.exprs.len();
        self.exprs.push(first);
        while self.eat(T::Comma) {
            if !self.starts_expression() {
                break;
            }
            let next = element(self)?;
            self.exprs.push(next);
        }
        let elts = self.take_exprs(base);
        Ok(self.expr(
            start,
            ExprKind::Tuple {
                elts,
                ctx: ExprContext::Load,
            },
        ))
    }

    /// Whether the current token can begin an expression or a starred one.
    pub(super) fn starts_expression(&self) -> bool {
        starts_expression(self.kind())
    }

    pub(super) fn star_expression(&mut self) -> P<ExprRef<'a>> {
        if self.kind() == T::Star {
            self.starred_bitwise_or()
        } else {
            self.expression()
        }
    }

    /// `'*' bitwise_or`
    fn starred_bitwise_or(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        self.mark += 1;
        let value = self.bitwise_or()?;
        Ok(self.expr(
            start,
            ExprKind::Starred {
                value,
                ctx: ExprContext::Load,
            },
        ))
    }

    /// `starred_expression`: `'*' expression`, as in calls and subscripts.
    pub(super) fn starred_expression(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        self.expect(T::Star)?;
        let value = self.expression()?;
        Ok(self.expr(
            start,
            ExprKind::Starred {
                value,
                ctx: ExprContext::Load,
            },
        ))
    }

    pub(super) fn star_named_expression(&mut self) -> P<ExprRef<'a>> {
        if self.kind() == T::Star {
            self.starred_bitwise_or()
        } else {
            self.named_expression()
        }
    }

    pub(super) fn at_walrus(&self) -> bool {
        self.kind() == T::Name && self.peek(1) == T::ColonEqual
    }

    /// `named_expression`: an expression, or `name := expression`.
    pub(super) fn named_expression(&mut self) -> P<ExprRef<'a>> {
        if self.at_walrus() {
            let start = self.mark;
            self.require_version(8)?;
            let target = self.name(ExprContext::Store)?;
            self.mark += 1;
            let value = self.expression()?;
            return Ok(self.expr(start, ExprKind::NamedExpr { target, value }));
        }
        let value = self.expression()?;
        if self.kind() == T::ColonEqual {
            Err(Fail)
        } else {
            Ok(value)
        }
    }

    /// `annotated_rhs`: a yield, or `star_expressions`.
    pub(super) fn annotated_rhs(&mut self) -> P<ExprRef<'a>> {
        if self.kind() == T::Yield {
            self.yield_expr()
        } else {
            self.star_expressions()
        }
    }

    pub(super) fn yield_expr(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        self.expect(T::Yield)?;
        if self.eat(T::From) {
            let value = self.expression()?;
            return Ok(self.expr(start, ExprKind::YieldFrom { value }));
        }
        let value = if self.starts_expression() {
            Some(self.star_expressions()?)
        } else {
            None
        };
        Ok(self.expr(start, ExprKind::Yield { value }))
    }

    /// `expression`: a conditional expression, a disjunction or a lambda. A chain of `else`s is a loop.
    pub(super) fn expression(&mut self) -> P<ExprRef<'a>> {
        if self.kind() == T::Lambda {
            return self.lambda();
        }
        let start = self.mark;
        let body = self.disjunction()?;
        if self.kind() != T::If {
            return Ok(body);
        }
        let base = self.pending.len();
        let mut level = 0;
        let mut next = (start, body);
        let last = loop {
            self.mark += 1;
            let test = self.disjunction()?;
            self.expect(T::Else)?;
            self.pending.push((next.0, next.1, test));
            level += 1;
            self.deepen(1)?;
            let start = self.mark;
            if self.kind() == T::Lambda {
                break self.lambda()?;
            }
            let body = self.disjunction()?;
            if self.kind() != T::If {
                break body;
            }
            next = (start, body);
        };
        self.level -= level;
        let mut orelse = last;
        while self.pending.len() > base
            && let Some((start, body, test)) = self.pending.pop()
        {
            orelse = self.expr(start, ExprKind::IfExp { test, body, orelse });
        }
        Ok(orelse)
    }

    fn lambda(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        self.mark += 1;
        self.deepen(LEVELS_LAMBDA)?;
        let args = self.lambda_parameters()?;
        self.expect(T::Colon)?;
        let body = self.expression()?;
        self.level -= LEVELS_LAMBDA;
        Ok(self.expr(start, ExprKind::Lambda { args, body }))
    }

    pub(super) fn disjunction(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        let first = self.conjunction()?;
        if self.kind() != T::Or {
            return Ok(first);
        }
        let base = self.exprs.len();
        self.exprs.push(first);
        while self.eat(T::Or) {
            let next = self.conjunction()?;
            self.exprs.push(next);
        }
        let values = self.take_exprs(base);
        Ok(self.expr(
            start,
            ExprKind::BoolOp {
                op: BoolOperator::Or,
                values,
            },
        ))
    }

    fn conjunction(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        let first = self.inversion()?;
        if self.kind() != T::And {
            return Ok(first);
        }
        let base = self.exprs.len();
        self.exprs.push(first);
        while self.eat(T::And) {
            let next = self.inversion()?;
            self.exprs.push(next);
        }
        let values = self.take_exprs(base);
        Ok(self.expr(
            start,
            ExprKind::BoolOp {
                op: BoolOperator::And,
                values,
            },
        ))
    }

    fn inversion(&mut self) -> P<ExprRef<'a>> {
        if self.kind() != T::Not {
            return self.comparison();
        }
        let first = self.mark;
        while self.eat(T::Not) {}
        let count = self.mark - first;
        self.deepen(count as u32)?;
        let mut operand = self.comparison()?;
        self.level -= count as u32;
        for start in (first..first + count).rev() {
            operand = self.expr(
                start,
                ExprKind::UnaryOp {
                    op: UnaryOperator::Not,
                    operand,
                },
            );
        }
        Ok(operand)
    }

    /// The comparison operator at the current token and how many tokens it takes.
    fn comparison_operator(&self) -> Option<(CmpOp, usize)> {
        Some(match self.kind() {
            T::EqEqual => (CmpOp::Eq, 1),
            T::NotEqual if self.barry == (self.text(self.mark) == "<>") => (CmpOp::NotEq, 1),
            T::LessEqual => (CmpOp::LtE, 1),
            T::Less => (CmpOp::Lt, 1),
            T::GreaterEqual => (CmpOp::GtE, 1),
            T::Greater => (CmpOp::Gt, 1),
            T::Not if self.peek(1) == T::In => (CmpOp::NotIn, 2),
            T::In => (CmpOp::In, 1),
            T::Is if self.peek(1) == T::Not => (CmpOp::IsNot, 2),
            T::Is => (CmpOp::Is, 1),
            _ => return None,
        })
    }

    fn comparison(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        let left = self.bitwise_or()?;
        let Some(mut found) = self.comparison_operator() else {
            return Ok(left);
        };
        let base = self.exprs.len();
        let mut ops = smallvec::SmallVec::<[CmpOp; 4]>::new();
        loop {
            let (op, tokens) = found;
            self.mark += tokens;
            ops.push(op);
            let next = self.bitwise_or()?;
            self.exprs.push(next);
            match self.comparison_operator() {
                Some(next) => found = next,
                None => break,
            }
        }
        let comparators = self.take_exprs(base);
        let ops = self.arena.slice(&ops);
        Ok(self.expr(
            start,
            ExprKind::Compare {
                left,
                ops,
                comparators,
            },
        ))
    }

    #[inline]
    pub(super) fn bitwise_or(&mut self) -> P<ExprRef<'a>> {
        self.binary(1)
    }

    /// Operators that bind at least as tightly as `least`, all of which are left-associative.
    fn binary(&mut self, least: u8) -> P<ExprRef<'a>> {
        let start = self.mark;
        let mut left = self.factor()?;
        while let Some((power, op)) = binary_operator(self.kind()) {
            if power < least {
                break;
            }
            self.mark += 1;
            let right = self.binary(power + 1)?;
            if op == Operator::MatMult {
                self.require_version(5)?;
            }
            left = self.expr(start, ExprKind::BinOp { left, op, right });
        }
        Ok(left)
    }

    fn factor(&mut self) -> P<ExprRef<'a>> {
        if !matches!(self.kind(), T::Plus | T::Minus | T::Tilde) {
            return self.power();
        }
        let first = self.mark;
        while matches!(self.kind(), T::Plus | T::Minus | T::Tilde) {
            self.mark += 1;
        }
        let count = self.mark - first;
        self.deepen(count as u32)?;
        let mut operand = self.power()?;
        self.level -= count as u32;
        for start in (first..first + count).rev() {
            let op = match self.tokens[start].kind {
                T::Plus => UnaryOperator::UAdd,
                T::Minus => UnaryOperator::USub,
                _ => UnaryOperator::Invert,
            };
            operand = self.expr(start, ExprKind::UnaryOp { op, operand });
        }
        Ok(operand)
    }

    fn power(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        let left = self.await_primary()?;
        if !self.eat(T::DoubleStar) {
            return Ok(left);
        }
        self.deepen(LEVELS_POWER)?;
        let right = self.factor()?;
        self.level -= LEVELS_POWER;
        Ok(self.expr(
            start,
            ExprKind::BinOp {
                left,
                op: Operator::Pow,
                right,
            },
        ))
    }

    fn await_primary(&mut self) -> P<ExprRef<'a>> {
        if self.kind() != T::Await {
            return self.primary();
        }
        self.require_version(5)?;
        let start = self.mark;
        self.mark += 1;
        let value = self.primary()?;
        Ok(self.expr(start, ExprKind::Await { value }))
    }

    /// An atom with any number of `.name`, `(...)` and `[...]` behind it.
    pub(super) fn primary(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        let mut left = self.atom()?;
        loop {
            match self.kind() {
                T::Dot => {
                    self.mark += 1;
                    let attr = self.identifier()?;
                    left = self.expr(
                        start,
                        ExprKind::Attribute {
                            value: left,
                            attr,
                            ctx: ExprContext::Load,
                        },
                    );
                }
                T::LPar => {
                    self.deepen(LEVELS_ATOM)?;
                    let (args, keywords) = self.call_arguments(true)?;
                    self.level -= LEVELS_ATOM;
                    left = self.expr(
                        start,
                        ExprKind::Call {
                            func: left,
                            args,
                            keywords,
                        },
                    );
                }
                T::LSqb => {
                    self.mark += 1;
                    self.deepen(LEVELS_ATOM)?;
                    let slice = self.slices()?;
                    self.level -= LEVELS_ATOM;
                    self.expect(T::RSqb)?;
                    left = self.expr(
                        start,
                        ExprKind::Subscript {
                            value: left,
                            slice,
                            ctx: ExprContext::Load,
                        },
                    );
                }
                _ => return Ok(left),
            }
        }
    }

    fn slices(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        let first = self.slice_or_starred()?;
        if self.kind() != T::Comma && !matches!(first.kind, ExprKind::Starred { .. }) {
            return Ok(first);
        }
        let base = self.exprs.len();
        self.exprs.push(first);
        while self.eat(T::Comma) {
            if self.kind() == T::RSqb {
                break;
            }
            let next = self.slice_or_starred()?;
            self.exprs.push(next);
        }
        let elts = self.take_exprs(base);
        Ok(self.expr(
            start,
            ExprKind::Tuple {
                elts,
                ctx: ExprContext::Load,
            },
        ))
    }

    fn slice_or_starred(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        if self.kind() == T::Star {
            return self.starred_expression();
        }
        let mut lower = None;
        if self.kind() != T::Colon {
            let walrus = self.at_walrus();
            let value = self.named_expression()?;
            if self.kind() != T::Colon || walrus {
                return Ok(value);
            }
            lower = Some(value);
        }
        self.expect(T::Colon)?;
        let upper = self.optional_expression()?;
        let step = if self.eat(T::Colon) {
            self.optional_expression()?
        } else {
            None
        };
        Ok(self.expr(start, ExprKind::Slice { lower, upper, step }))
    }

    fn optional_expression(&mut self) -> P<Option<ExprRef<'a>>> {
        if self.starts_expression() && self.kind() != T::Star {
            self.expression().map(Some)
        } else {
            Ok(None)
        }
    }

    pub(super) fn atom(&mut self) -> P<ExprRef<'a>> {
        let constant = match self.kind() {
            T::Name => return self.name(ExprContext::Load),
            T::Number => return self.number(),
            T::String | T::FStringStart | T::TemplateStart => return self.strings(),
            T::LPar => return self.nested(Self::parenthesized),
            T::LSqb => return self.nested(Self::list),
            T::LBrace => return self.nested(Self::dict_or_set),
            T::None => Constant::None,
            T::True => Constant::True,
            T::False => Constant::False,
            T::Ellipsis => Constant::Ellipsis,
            _ => return Err(Fail),
        };
        let start = self.mark;
        self.mark += 1;
        Ok(self.expr(
            start,
            ExprKind::Constant {
                value: constant,
                kind: None,
            },
        ))
    }

    fn nested(&mut self, inner: fn(&mut Self) -> P<ExprRef<'a>>) -> P<ExprRef<'a>> {
        self.deepen(LEVELS_ATOM)?;
        let result = inner(self)?;
        self.level -= LEVELS_ATOM;
        Ok(result)
    }

    pub(super) fn number(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        let value = self.number_value(start)?;
        self.mark += 1;
        Ok(self.expr(start, ExprKind::Constant { value, kind: None }))
    }

    /// `( ... )`: a tuple, a group or a generator expression.
    fn parenthesized(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        self.mark += 1;
        match self.kind() {
            T::RPar => {
                self.mark += 1;
                return Ok(self.expr(
                    start,
                    ExprKind::Tuple {
                        elts: &[],
                        ctx: ExprContext::Load,
                    },
                ));
            }
            T::Yield => {
                let value = self.yield_expr()?;
                self.expect(T::RPar)?;
                return Ok(value);
            }
            _ => {}
        }
        let starred = self.kind() == T::Star;
        let first = self.star_named_expression()?;
        match self.kind() {
            T::RPar if !starred => {
                self.mark += 1;
                Ok(first)
            }
            T::Comma => {
                let elts = self.elements(first, T::RPar)?;
                Ok(self.expr(
                    start,
                    ExprKind::Tuple {
                        elts,
                        ctx: ExprContext::Load,
                    },
                ))
            }
            T::For | T::Async if !starred => {
                let generators = self.comprehensions()?;
                self.expect(T::RPar)?;
                Ok(self.expr(
                    start,
                    ExprKind::GeneratorExp {
                        elt: first,
                        generators,
                    },
                ))
            }
            _ => Err(Fail),
        }
    }

    /// The elements after the first one, up to and with the closing bracket.
    fn elements(&mut self, first: ExprRef<'a>, close: T) -> P<&'a [ExprRef<'a>]> {
        let base = self.exprs.len();
        self.exprs.push(first);
        while self.eat(T::Comma) {
            if self.kind() == close {
                break;
            }
            let next = self.star_named_expression()?;
            self.exprs.push(next);
        }
        self.expect(close)?;
        Ok(self.take_exprs(base))
    }

    fn list(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        self.mark += 1;
        if self.eat(T::RSqb) {
            return Ok(self.expr(
                start,
                ExprKind::List {
                    elts: &[],
                    ctx: ExprContext::Load,
                },
            ));
        }
        let starred = self.kind() == T::Star;
        let first = self.star_named_expression()?;
        if matches!(self.kind(), T::For | T::Async) && !starred {
            let generators = self.comprehensions()?;
            self.expect(T::RSqb)?;
            return Ok(self.expr(
                start,
                ExprKind::ListComp {
                    elt: first,
                    generators,
                },
            ));
        }
        let elts = self.elements(first, T::RSqb)?;
        Ok(self.expr(
            start,
            ExprKind::List {
                elts,
                ctx: ExprContext::Load,
            },
        ))
    }

    fn dict_or_set(&mut self) -> P<ExprRef<'a>> {
        let start = self.mark;
        self.mark += 1;
        match self.kind() {
            T::RBrace => {
                self.mark += 1;
                return Ok(self.expr(
                    start,
                    ExprKind::Dict {
                        keys: &[],
                        values: &[],
                    },
                ));
            }
            T::DoubleStar => {
                self.mark += 1;
                let value = self.bitwise_or()?;
                return self.dict_rest(start, None, value);
            }
            _ => {}
        }
        let starred = self.kind() == T::Star;
        let walrus = self.at_walrus();
        let first = self.star_named_expression()?;
        if self.kind() == T::Colon && !starred && !walrus {
            self.mark += 1;
            let value = self.expression()?;
            if matches!(self.kind(), T::For | T::Async) {
                let generators = self.comprehensions()?;
                self.expect(T::RBrace)?;
                return Ok(self.expr(
                    start,
                    ExprKind::DictComp {
                        key: first,
                        value,
                        generators,
                    },
                ));
            }
            return self.dict_rest(start, Some(first), value);
        }
        if matches!(self.kind(), T::For | T::Async) && !starred {
            let generators = self.comprehensions()?;
            self.expect(T::RBrace)?;
            return Ok(self.expr(
                start,
                ExprKind::SetComp {
                    elt: first,
                    generators,
                },
            ));
        }
        let elts = self.elements(first, T::RBrace)?;
        Ok(self.expr(start, ExprKind::Set { elts }))
    }

    fn dict_rest(
        &mut self,
        start: usize,
        key: Option<ExprRef<'a>>,
        value: ExprRef<'a>,
    ) -> P<ExprRef<'a>> {
        let base = self.exprs.len();
        let keys_base = self.keys.len();
        self.keys.push(key);
        self.exprs.push(value);
        while self.eat(T::Comma) {
            if self.kind() == T::RBrace {
                break;
            }
            let (key, value) = if self.eat(T::DoubleStar) {
                (None, self.bitwise_or()?)
            } else {
                let key = self.expression()?;
                self.expect(T::Colon)?;
                (Some(key), self.expression()?)
            };
            self.keys.push(key);
            self.exprs.push(value);
        }
        self.expect(T::RBrace)?;
        let values = self.take_exprs(base);
        let keys = self.arena.slice(&self.keys[keys_base..]);
        self.keys.truncate(keys_base);
        Ok(self.expr(start, ExprKind::Dict { keys, values }))
    }

    /// `for_if_clauses`
    pub(super) fn comprehensions(&mut self) -> P<&'a [Comprehension<'a>]> {
        let mut clauses = smallvec::SmallVec::<[Comprehension<'a>; 2]>::new();
        loop {
            let is_async = match self.kind() {
                T::For => false,
                T::Async if self.peek(1) == T::For => {
                    self.require_version(6)?;
                    self.mark += 1;
                    true
                }
                _ => break,
            };
            self.mark += 1;
            let target = self.star_targets()?;
            self.expect(T::In)?;
            let iter = self.disjunction()?;
            let base = self.exprs.len();
            while self.eat(T::If) {
                let test = self.disjunction()?;
                self.exprs.push(test);
            }
            let ifs = self.take_exprs(base);
            clauses.push(Comprehension {
                target,
                iter,
                ifs,
                is_async,
            });
        }
        if clauses.is_empty() {
            Err(Fail)
        } else {
            Ok(self.arena.slice(&clauses))
        }
    }
}
