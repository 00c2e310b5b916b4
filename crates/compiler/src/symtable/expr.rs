//! The first pass over expressions: uses of names, comprehension blocks, assignment expressions.
//!
//! CPython: `symtable_visit_expr`, `symtable_handle_comprehension`, `symtable_extend_namedexpr_scope` in
//! `Python/symtable.c`.

use naja_parser::ast::{Comprehension as Generator, Expr, ExprContext, ExprKind};

use super::build::{Builder, Done};
use super::flag::*;
use super::{BlockKind, Comprehension, Key, Name, known};
use crate::{recursion_error, syntax_error};

/// How many binary operators may follow each other; CPython's limit depends on its stack.
const MAX_CHAIN: usize = 100_000;

impl Builder<'_> {
    pub(super) fn exprs(&mut self, exprs: &[&Expr<'_>]) -> Done {
        exprs.iter().try_for_each(|expr| self.expr(expr))
    }

    pub(super) fn opt_expr(&mut self, expr: Option<&Expr<'_>>) -> Done {
        expr.map_or(Ok(()), |expr| self.expr(expr))
    }

    pub(super) fn expr(&mut self, expr: &Expr<'_>) -> Done {
        self.check_depth()?;
        let range = expr.range;
        match expr.kind {
            ExprKind::NamedExpr { target, value } => {
                self.forbid_in_annotation("named expression", expr)?;
                if self.cur().comp_iter_expr > 0 {
                    let message = "assignment expression cannot be used in a comprehension iterable expression";
                    return Err(syntax_error(range, message));
                }
                if self.cur().comprehension.is_some() {
                    self.extend_named_expr_scope(target)?;
                }
                self.expr(value)?;
                self.expr(target)
            }
            ExprKind::BoolOp { values, .. } => self.exprs(values),
            ExprKind::BinOp { .. } => self.bin_op(expr),
            ExprKind::UnaryOp { operand, .. } => self.expr(operand),
            ExprKind::Lambda { args, body } => {
                self.defaults(args)?;
                self.enter_block(known::LAMBDA, BlockKind::Function, Key::node(expr), range)?;
                self.arguments(args)?;
                self.expr(body)?;
                self.exit();
                Ok(())
            }
            ExprKind::IfExp { test, body, orelse } => {
                self.expr(test)?;
                self.expr(body)?;
                self.expr(orelse)
            }
            ExprKind::Dict { keys, values } => {
                keys.iter().flatten().try_for_each(|key| self.expr(key))?;
                self.exprs(values)
            }
            ExprKind::Set { elts } | ExprKind::List { elts, .. } | ExprKind::Tuple { elts, .. } => {
                self.exprs(elts)
            }
            ExprKind::GeneratorExp { elt, generators } => self.comprehension(
                expr,
                known::GENEXPR,
                Comprehension::Generator,
                generators,
                elt,
                None,
            ),
            ExprKind::ListComp { elt, generators } => self.comprehension(
                expr,
                known::LISTCOMP,
                Comprehension::List,
                generators,
                elt,
                None,
            ),
            ExprKind::SetComp { elt, generators } => self.comprehension(
                expr,
                known::SETCOMP,
                Comprehension::Set,
                generators,
                elt,
                None,
            ),
            ExprKind::DictComp {
                key,
                value,
                generators,
            } => self.comprehension(
                expr,
                known::DICTCOMP,
                Comprehension::Dict,
                generators,
                key,
                Some(value),
            ),
            ExprKind::Yield { value } => {
                self.forbid_in_annotation("yield expression", expr)?;
                self.opt_expr(value)?;
                self.yields(expr)
            }
            ExprKind::YieldFrom { value } => {
                self.forbid_in_annotation("yield expression", expr)?;
                self.expr(value)?;
                self.yields(expr)
            }
            ExprKind::Await { value } => self.await_expr(expr, value),
            ExprKind::Compare {
                left, comparators, ..
            } => {
                self.expr(left)?;
                self.exprs(comparators)
            }
            ExprKind::Call {
                func,
                args,
                keywords,
            } => {
                self.expr(func)?;
                self.exprs(args)?;
                self.keywords(keywords)
            }
            ExprKind::FormattedValue {
                value, format_spec, ..
            }
            | ExprKind::Interpolation {
                value, format_spec, ..
            } => {
                self.expr(value)?;
                self.opt_expr(format_spec)
            }
            ExprKind::JoinedStr { values } | ExprKind::TemplateStr { values } => self.exprs(values),
            ExprKind::Constant { .. } => Ok(()),
            ExprKind::Attribute { value, attr, ctx } => {
                self.check_attribute(attr, range, ctx)?;
                self.expr(value)
            }
            ExprKind::Subscript { value, slice, .. } => {
                self.expr(value)?;
                self.expr(slice)
            }
            ExprKind::Starred { value, .. } => self.expr(value),
            ExprKind::Slice { lower, upper, step } => {
                self.opt_expr(lower)?;
                self.opt_expr(upper)?;
                self.opt_expr(step)
            }
            ExprKind::Name { id, ctx } => self.name(id, ctx, expr),
        }
    }

    /// A chain of binary operators leans to the left and may be very long: no recursion along its spine.
    #[inline(never)]
    fn bin_op(&mut self, expr: &Expr<'_>) -> Done {
        let mut rights = Vec::new();
        let mut leftmost = expr;
        while let ExprKind::BinOp { left, right, .. } = leftmost.kind {
            rights.push(right);
            leftmost = left;
        }
        if rights.len() > MAX_CHAIN {
            return Err(recursion_error());
        }
        self.expr(leftmost)?;
        rights
            .into_iter()
            .rev()
            .try_for_each(|right| self.expr(right))
    }

    fn name(&mut self, id: &str, ctx: ExprContext, expr: &Expr<'_>) -> Done {
        if self.cur().in_unevaluated_annotation {
            return Ok(());
        }
        let flag = if ctx == ExprContext::Load {
            USE
        } else {
            DEF_LOCAL
        };
        self.add_def_ctx(id, flag, expr.range, ctx)?;
        // `super` needs the class it stands in.
        if ctx == ExprContext::Load && id == "super" && self.cur().is_function_like() {
            self.add_known(known::CLASS, USE, expr.range)?;
        }
        Ok(())
    }

    #[inline(never)]
    fn yields(&mut self, expr: &Expr<'_>) -> Done {
        self.cur().generator = true;
        let message = match self.cur().comprehension {
            None => return Ok(()),
            Some(Comprehension::List) => "'yield' inside list comprehension",
            Some(Comprehension::Set) => "'yield' inside set comprehension",
            Some(Comprehension::Dict) => "'yield' inside dict comprehension",
            Some(Comprehension::Generator) => "'yield' inside generator expression",
        };
        Err(syntax_error(expr.range, message))
    }

    #[inline(never)]
    fn await_expr(&mut self, expr: &Expr<'_>, value: &Expr<'_>) -> Done {
        self.forbid_in_annotation("await expression", expr)?;
        if !self.allows_top_level_await() {
            let block = self.cur();
            if !block.is_function_like() {
                return Err(syntax_error(expr.range, "'await' outside function"));
            }
            let in_async = block.kind == BlockKind::Function && block.coroutine;
            if !in_async && block.comprehension.is_none() {
                return Err(syntax_error(expr.range, "'await' outside async function"));
            }
        }
        self.expr(value)?;
        self.cur().coroutine = true;
        Ok(())
    }

    fn forbid_in_annotation(&mut self, what: &str, expr: &Expr<'_>) -> Done {
        let block = self.cur();
        let place = match block.kind {
            BlockKind::Annotation => "an annotation",
            BlockKind::TypeVariable => block.scope_info,
            BlockKind::TypeAlias => "a type alias",
            BlockKind::TypeParameters => "the definition of a generic",
            BlockKind::Function | BlockKind::Class | BlockKind::Module => return Ok(()),
        };
        Err(syntax_error(
            expr.range,
            format!("{what} cannot be used within {place}"),
        ))
    }

    /// An assignment expression in a comprehension binds in the nearest block that is no comprehension.
    #[inline(never)]
    fn extend_named_expr_scope(&mut self, target: &Expr<'_>) -> Done {
        let ExprKind::Name { id, .. } = target.kind else {
            return Err(crate::system_error("assignment expression without a name"));
        };
        let range = target.range;
        for index in (0..self.open.len()).rev() {
            let block_id = self.open[index];
            let block = self.st.block(block_id);
            if block.comprehension.is_some() {
                let seen = self.lookup_in(block_id, id);
                if seen & DEF_COMP_ITER != 0 && seen & DEF_LOCAL != 0 {
                    let message = format!(
                        "assignment expression cannot rebind comprehension iteration variable '{id}'"
                    );
                    return Err(syntax_error(range, message));
                }
                continue;
            }
            let place = match block.kind {
                BlockKind::Function => {
                    let global = self.lookup_in(block_id, id) & DEF_GLOBAL != 0;
                    self.add_def(id, if global { DEF_GLOBAL } else { DEF_NONLOCAL }, range)?;
                    self.record_directive(id, range);
                    return self.add_def_in(block_id, id, DEF_LOCAL, range);
                }
                BlockKind::Module => {
                    self.add_def(id, DEF_GLOBAL, range)?;
                    self.record_directive(id, range);
                    return self.add_def_in(block_id, id, DEF_GLOBAL, range);
                }
                BlockKind::Annotation => continue,
                BlockKind::Class => "in a class body",
                BlockKind::TypeParameters => "within the definition of a generic",
                BlockKind::TypeAlias => "in a type alias",
                BlockKind::TypeVariable => "in a TypeVar bound",
            };
            let message =
                format!("assignment expression within a comprehension cannot be used {place}");
            return Err(syntax_error(range, message));
        }
        Err(crate::system_error(
            "assignment expression outside of any block",
        ))
    }

    #[inline(never)]
    fn comprehension(
        &mut self,
        expr: &Expr<'_>,
        name: Name,
        kind: Comprehension,
        generators: &[Generator<'_>],
        elt: &Expr<'_>,
        value: Option<&Expr<'_>>,
    ) -> Done {
        let Some((outermost, rest)) = generators.split_first() else {
            return Err(crate::system_error("comprehension without generators"));
        };
        let is_generator = kind == Comprehension::Generator;
        // The outermost iterable is evaluated in the block around.
        self.cur().comp_iter_expr += 1;
        self.expr(outermost.iter)?;
        self.cur().comp_iter_expr -= 1;
        self.enter_block(name, BlockKind::Function, Key::node(expr), expr.range)?;
        self.cur().comprehension = Some(kind);
        if outermost.is_async {
            self.cur().coroutine = true;
        }
        self.add_known(known::DOT_ZERO, DEF_PARAM, expr.range)?;
        self.cur().comp_iter_target = true;
        self.expr(outermost.target)?;
        self.cur().comp_iter_target = false;
        self.exprs(outermost.ifs)?;
        for generator in rest {
            self.cur().comp_iter_target = true;
            self.expr(generator.target)?;
            self.cur().comp_iter_target = false;
            self.cur().comp_iter_expr += 1;
            self.expr(generator.iter)?;
            self.cur().comp_iter_expr -= 1;
            self.exprs(generator.ifs)?;
            if generator.is_async {
                self.cur().coroutine = true;
            }
        }
        self.opt_expr(value)?;
        self.expr(elt)?;
        let block = self.cur();
        block.generator = is_generator;
        let is_async = block.coroutine && !is_generator;
        self.exit();
        if is_async {
            let allowed = self.allows_top_level_await();
            let block = self.cur();
            let in_async = block.kind == BlockKind::Function && block.coroutine;
            if !in_async && block.comprehension.is_none() && !allowed {
                let message = "asynchronous comprehension outside of an asynchronous function";
                return Err(syntax_error(expr.range, message));
            }
            block.coroutine = true;
        }
        Ok(())
    }
}
