//! Compound statements and their blocks.
//!
//! Only two of them need to look ahead without limit: `with`, whose parenthesis may or may not belong to the list of
//! items, and `match`, which is a keyword only where a whole header and an indented `case` follow.

use super::expression::starts_expression;
use super::stream::T;
use super::{Fail, P, Parser};
use crate::ast::*;

impl<'a> Parser<'a, '_> {
    /// Pushes a compound statement where one begins here.
    pub(super) fn compound_statement(&mut self) -> P<bool> {
        let start = self.mark;
        let statement = match self.kind() {
            T::Name => {
                if self.text(start) == "match" && starts_expression(self.peek(1)) {
                    return self.match_statement();
                }
                return Ok(false);
            }
            T::Def => self.function(start, &[], false)?,
            T::At => self.decorated()?,
            T::If => self.if_statement()?,
            T::Class => self.class(start, &[])?,
            T::With => self.with(start, false)?,
            T::For => self.for_statement(start, false)?,
            T::Try => self.try_statement()?,
            T::While => self.while_statement()?,
            T::Async => {
                self.require_version(5)?;
                self.mark += 1;
                match self.kind() {
                    T::Def => self.function(start, &[], true)?,
                    T::With => self.with(start, true)?,
                    T::For => self.for_statement(start, true)?,
                    _ => return Err(Fail),
                }
            }
            _ => return Ok(false),
        };
        self.stmts.push(statement);
        Ok(true)
    }

    /// `block`
    pub(super) fn block(&mut self) -> P<&'a [StmtRef<'a>]> {
        let base = self.stmts.len();
        if self.eat(T::Newline) {
            self.expect(T::Indent)?;
            self.check_stack()?;
            self.statement()?;
            while !self.eat(T::Dedent) {
                self.statement()?;
            }
        } else {
            self.simple_statements()?;
        }
        Ok(self.take_stmts(base))
    }

    fn colon_block(&mut self) -> P<&'a [StmtRef<'a>]> {
        self.expect(T::Colon)?;
        self.block()
    }

    fn else_block(&mut self) -> P<&'a [StmtRef<'a>]> {
        if self.eat(T::Else) {
            self.colon_block()
        } else {
            Ok(&[])
        }
    }

    fn decorated(&mut self) -> P<StmtRef<'a>> {
        let base = self.exprs.len();
        while self.eat(T::At) {
            let decorator = self.named_expression()?;
            self.exprs.push(decorator);
            self.expect(T::Newline)?;
        }
        let decorators = self.take_exprs(base);
        let start = self.mark;
        match self.kind() {
            T::Def => self.function(start, decorators, false),
            T::Class => self.class(start, decorators),
            T::Async if self.peek(1) == T::Def => {
                self.require_version(5)?;
                self.mark += 1;
                self.function(start, decorators, true)
            }
            _ => Err(Fail),
        }
    }

    /// A function definition, at its `def`; `start` is the token of `async` where there is one.
    fn function(
        &mut self,
        start: usize,
        decorator_list: &'a [ExprRef<'a>],
        is_async: bool,
    ) -> P<StmtRef<'a>> {
        self.mark += 1;
        let name = self.identifier()?;
        let type_params = self.type_params()?;
        let args = self.parameters()?;
        let returns = if self.eat(T::RArrow) {
            Some(self.expression()?)
        } else {
            None
        };
        self.expect(T::Colon)?;
        let type_comment = self.func_type_comment();
        let body = self.block()?;
        let kind = if is_async {
            StmtKind::AsyncFunctionDef {
                name,
                args,
                body,
                decorator_list,
                returns,
                type_comment,
                type_params,
            }
        } else {
            StmtKind::FunctionDef {
                name,
                args,
                body,
                decorator_list,
                returns,
                type_comment,
                type_params,
            }
        };
        Ok(self.stmt(start, kind))
    }

    /// A type comment behind the colon, or alone on the first line of an indented body.
    fn func_type_comment(&mut self) -> Option<&'a str> {
        if self.kind() == T::Newline
            && self.peek(1) == T::TypeComment
            && self.peek(2) == T::Newline
            && self.peek(3) == T::Indent
        {
            self.mark += 1;
        }
        self.type_comment()
    }

    fn class(&mut self, start: usize, decorator_list: &'a [ExprRef<'a>]) -> P<StmtRef<'a>> {
        self.mark += 1;
        let name = self.identifier()?;
        let type_params = self.type_params()?;
        let (bases, keywords): (&[_], &[_]) = if self.kind() == T::LPar {
            self.call_arguments(false)?
        } else {
            (&[], &[])
        };
        let body = self.colon_block()?;
        Ok(self.stmt(
            start,
            StmtKind::ClassDef {
                name,
                bases,
                keywords,
                body,
                decorator_list,
                type_params,
            },
        ))
    }

    /// `if` with its `elif`s, which nest in the tree but not on our stack.
    fn if_statement(&mut self) -> P<StmtRef<'a>> {
        let mut arms = smallvec::SmallVec::<[(usize, ExprRef<'a>, &'a [StmtRef<'a>]); 4]>::new();
        let level = self.level;
        loop {
            let start = self.mark;
            self.mark += 1;
            let test = self.named_expression()?;
            let body = self.colon_block()?;
            arms.push((start, test, body));
            if self.kind() != T::Elif {
                break;
            }
            self.deepen(1)?;
        }
        self.level = level;
        let mut orelse = self.else_block()?;
        loop {
            let Some((start, test, body)) = arms.pop() else {
                return Err(Fail);
            };
            let statement = self.stmt(start, StmtKind::If { test, body, orelse });
            if arms.is_empty() {
                return Ok(statement);
            }
            orelse = self.arena.slice(&[statement]);
        }
    }

    fn while_statement(&mut self) -> P<StmtRef<'a>> {
        let start = self.mark;
        self.mark += 1;
        let test = self.named_expression()?;
        let body = self.colon_block()?;
        let orelse = self.else_block()?;
        Ok(self.stmt(start, StmtKind::While { test, body, orelse }))
    }

    fn for_statement(&mut self, start: usize, is_async: bool) -> P<StmtRef<'a>> {
        self.mark += 1;
        let target = self.star_targets()?;
        self.expect(T::In)?;
        let iter = self.star_expressions()?;
        self.expect(T::Colon)?;
        let type_comment = self.type_comment();
        let body = self.block()?;
        let orelse = self.else_block()?;
        let kind = if is_async {
            StmtKind::AsyncFor {
                target,
                iter,
                body,
                orelse,
                type_comment,
            }
        } else {
            StmtKind::For {
                target,
                iter,
                body,
                orelse,
                type_comment,
            }
        };
        Ok(self.stmt(start, kind))
    }

    fn with(&mut self, start: usize, is_async: bool) -> P<StmtRef<'a>> {
        self.mark += 1;
        let mut items = None;
        if self.kind() == T::LPar {
            let saved = self.save();
            match self.with_items(true) {
                Ok(found) => items = Some(found),
                Err(Fail) => self.restore(saved),
            }
        }
        let parenthesized = items.is_some();
        let items = match items {
            Some(items) => items,
            None => self.with_items(false)?,
        };
        // The grammar has no type comment after the parenthesised form of `async with`.
        let type_comment = if is_async && parenthesized {
            None
        } else {
            self.type_comment()
        };
        let body = self.block()?;
        let kind = if is_async {
            StmtKind::AsyncWith {
                items,
                body,
                type_comment,
            }
        } else {
            StmtKind::With {
                items,
                body,
                type_comment,
            }
        };
        Ok(self.stmt(start, kind))
    }

    /// The items and the colon, with or without parentheses around all of them.
    fn with_items(&mut self, parenthesized: bool) -> P<&'a [WithItem<'a>]> {
        let mut items = smallvec::SmallVec::<[WithItem<'a>; 4]>::new();
        if parenthesized {
            self.mark += 1;
        }
        loop {
            let context_expr = self.expression()?;
            let optional_vars = if self.eat(T::As) {
                Some(self.star_target()?)
            } else {
                None
            };
            items.push(WithItem {
                context_expr,
                optional_vars,
            });
            if !self.eat(T::Comma) || (parenthesized && self.kind() == T::RPar) {
                break;
            }
        }
        if parenthesized {
            self.expect(T::RPar)?;
        }
        self.expect(T::Colon)?;
        Ok(self.arena.slice(&items))
    }

    fn try_statement(&mut self) -> P<StmtRef<'a>> {
        let start = self.mark;
        self.mark += 1;
        let body = self.colon_block()?;
        let star = self.kind() == T::Except && self.peek(1) == T::Star;
        let mut handlers = smallvec::SmallVec::<[ExceptHandler<'a>; 4]>::new();
        while self.kind() == T::Except {
            handlers.push(self.except_block(star)?);
        }
        let orelse = if handlers.is_empty() {
            &[]
        } else {
            self.else_block()?
        };
        let finalbody = if self.eat(T::Finally) {
            self.colon_block()?
        } else {
            &[]
        };
        if handlers.is_empty() && finalbody.is_empty() {
            return Err(Fail);
        }
        if star {
            self.require_version(11)?;
        }
        let handlers = self.arena.slice(&handlers);
        let kind = if star {
            StmtKind::TryStar {
                body,
                handlers,
                orelse,
                finalbody,
            }
        } else {
            StmtKind::Try {
                body,
                handlers,
                orelse,
                finalbody,
            }
        };
        Ok(self.stmt(start, kind))
    }

    fn except_block(&mut self, star: bool) -> P<ExceptHandler<'a>> {
        let start = self.mark;
        self.mark += 1;
        if star != self.eat(T::Star) {
            return Err(Fail);
        }
        let mut type_ = None;
        let mut name = None;
        if self.kind() != T::Colon || star {
            let first = self.mark;
            let value = self.expression()?;
            if self.kind() == T::Comma {
                self.require_version(14)?;
                type_ = Some(self.tuple_rest(first, value, Self::expression)?);
            } else {
                type_ = Some(value);
                if self.eat(T::As) {
                    name = Some(self.identifier()?);
                }
            }
        }
        let body = self.colon_block()?;
        Ok(ExceptHandler {
            type_,
            name,
            body,
            range: self.range(start),
        })
    }

    /// `match_stmt`; false, with nothing consumed, where it is none.
    fn match_statement(&mut self) -> P<bool> {
        let saved = self.save();
        match self.match_header() {
            Ok((start, subject)) => {
                let mut cases = smallvec::SmallVec::<[MatchCase<'a>; 8]>::new();
                while self.kind() == T::Name && self.text(self.mark) == "case" {
                    cases.push(self.case_block()?);
                }
                if cases.is_empty() {
                    return Err(Fail);
                }
                self.expect(T::Dedent)?;
                self.require_version(10)?;
                let cases = self.arena.slice(&cases);
                let statement = self.stmt(start, StmtKind::Match { subject, cases });
                self.stmts.push(statement);
                Ok(true)
            }
            Err(Fail) => {
                self.restore(saved);
                Ok(false)
            }
        }
    }

    fn match_header(&mut self) -> P<(usize, ExprRef<'a>)> {
        let start = self.mark;
        self.mark += 1;
        let first_token = self.mark;
        let starred = self.kind() == T::Star;
        let mut subject = self.star_named_expression()?;
        if self.kind() == T::Comma {
            let base = self.exprs.len();
            self.exprs.push(subject);
            while self.eat(T::Comma) {
                if !self.starts_expression() {
                    break;
                }
                let next = self.star_named_expression()?;
                self.exprs.push(next);
            }
            let elts = self.take_exprs(base);
            subject = self.expr(
                first_token,
                ExprKind::Tuple {
                    elts,
                    ctx: ExprContext::Load,
                },
            );
        } else if starred {
            return Err(Fail);
        }
        self.expect(T::Colon)?;
        self.expect(T::Newline)?;
        self.expect(T::Indent)?;
        Ok((start, subject))
    }

    fn case_block(&mut self) -> P<MatchCase<'a>> {
        self.mark += 1;
        let pattern = self.patterns()?;
        let guard = if self.eat(T::If) {
            Some(self.named_expression()?)
        } else {
            None
        };
        let body = self.colon_block()?;
        Ok(MatchCase {
            pattern,
            guard,
            body,
        })
    }
}
