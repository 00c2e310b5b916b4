//! The pass between parser and compiler: `__debug__`, `"..." % (...)` as a formatted string, numbers in patterns,
//! docstrings at `-OO`, and the warnings for control flow that leaves a `finally` block (PEP 765).
//!
//! Nodes are immutable, so a changed node is rebuilt together with its ancestors; everything else is shared with the
//! tree that came in. CPython: `Python/ast_preprocess.c`.

use crate::ast::*;
use crate::error::{SyntaxError, SyntaxErrorKind, Warning};
use crate::stack::Stack;
use crate::wtf8::Wtf8;
use smallvec::SmallVec;

/// What to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct PreprocessOptions {
    /// The level of `-O`.
    pub optimize: u8,
    /// `from __future__ import annotations`: annotations stay as they are.
    pub future_annotations: bool,
    /// Only look for warnings (`PyCF_ONLY_AST` without `PyCF_OPTIMIZED_AST`).
    pub syntax_check_only: bool,
    /// Warn of `return`, `break` and `continue` in `finally`.
    pub enable_warnings: bool,
}

/// The module with everything replaced that can be, and the warnings that came up.
pub fn preprocess<'a>(
    module: &'a Mod<'a>,
    options: PreprocessOptions,
    arena: &'a Arena,
    warnings: &mut Vec<Warning>,
) -> Result<&'a Mod<'a>, SyntaxError> {
    let mut pass = Pass {
        arena,
        options,
        stack: Stack::here(),
        changes: 0,
        contexts: Vec::new(),
        warnings,
    };
    let result = match *module {
        Mod::Module { body, type_ignores } => Mod::Module {
            body: pass.body(body)?,
            type_ignores,
        },
        Mod::Interactive { body } => Mod::Interactive {
            body: pass.stmts(body)?,
        },
        Mod::Expression { body } => Mod::Expression {
            body: pass.expr(body)?,
        },
        Mod::FunctionType { .. } => return Ok(module),
    };
    Ok(if pass.changes == 0 {
        module
    } else {
        arena.alloc(result)
    })
}

/// Where a statement is with regard to the nearest `finally`, function and loop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    Finally,
    Function,
    Loop,
}

struct Pass<'a, 'w> {
    arena: &'a Arena,
    options: PreprocessOptions,
    stack: Stack,
    /// How many nodes have been replaced; a node is rebuilt when this grew while its children were visited.
    changes: usize,
    contexts: Vec<Context>,
    warnings: &'w mut Vec<Warning>,
}

type R<V> = Result<V, SyntaxError>;

/// The error for a tree that is too deep.
pub(crate) fn recursion_error() -> SyntaxError {
    SyntaxError {
        kind: SyntaxErrorKind::Recursion,
        message: "maximum recursion depth exceeded during compilation".to_owned(),
        lineno: 0,
        offset: 0,
        end_lineno: 0,
        end_offset: 0,
        text: None,
        metadata: None,
    }
}

impl<'a> Pass<'a, '_> {
    fn seq<V: Copy>(
        &mut self,
        values: &'a [V],
        mut each: impl FnMut(&mut Self, V) -> R<V>,
    ) -> R<&'a [V]> {
        let before = self.changes;
        let mut changed = SmallVec::<[V; 16]>::new();
        for &value in values {
            changed.push(each(self, value)?);
        }
        Ok(if self.changes == before {
            values
        } else {
            self.arena.slice(&changed)
        })
    }

    fn exprs(&mut self, values: &'a [ExprRef<'a>]) -> R<&'a [ExprRef<'a>]> {
        self.seq(values, Self::expr)
    }

    fn optional_exprs(
        &mut self,
        values: &'a [Option<ExprRef<'a>>],
    ) -> R<&'a [Option<ExprRef<'a>>]> {
        self.seq(values, Self::optional)
    }

    fn optional(&mut self, value: Option<ExprRef<'a>>) -> R<Option<ExprRef<'a>>> {
        value.map(|value| self.expr(value)).transpose()
    }

    fn annotation(&mut self, value: Option<ExprRef<'a>>) -> R<Option<ExprRef<'a>>> {
        if self.options.future_annotations {
            Ok(value)
        } else {
            self.optional(value)
        }
    }

    fn stmts(&mut self, values: &'a [StmtRef<'a>]) -> R<&'a [StmtRef<'a>]> {
        self.seq(values, Self::stmt)
    }

    /// An `if` with all its `elif`s, however many.
    fn if_chain(&mut self, stmt: StmtRef<'a>) -> R<StmtKind<'a>> {
        let before = self.changes;
        let mut links = Vec::new();
        let mut at = stmt;
        let mut tail: &'a [StmtRef<'a>] = &[];
        while let StmtKind::If { test, body, orelse } = at.kind {
            links.push((at.range, self.expr(test)?, self.stmts(body)?));
            match orelse {
                [only] if matches!(only.kind, StmtKind::If { .. }) => at = only,
                _ => {
                    tail = self.stmts(orelse)?;
                    break;
                }
            }
        }
        let mut kind = stmt.kind;
        if self.changes != before {
            for (i, (range, test, body)) in links.into_iter().enumerate().rev() {
                let orelse = tail;
                kind = StmtKind::If { test, body, orelse };
                if i > 0 {
                    tail = self.arena.slice(&[self.arena.stmt(kind, range)]);
                }
            }
        }
        Ok(kind)
    }

    fn within(&mut self, context: Context, values: &'a [StmtRef<'a>]) -> R<&'a [StmtRef<'a>]> {
        self.contexts.push(context);
        let result = self.stmts(values);
        self.contexts.pop();
        result
    }

    /// The body of a module, class or function: its docstring goes at `-OO`, and what only became a string here is
    /// kept from being one.
    fn body(&mut self, mut body: &'a [StmtRef<'a>]) -> R<&'a [StmtRef<'a>]> {
        let mut has_docstring = docstring(body).is_some();
        if has_docstring && self.options.optimize >= 2 {
            has_docstring = false;
            self.changes += 1;
            body = match body {
                [only] => {
                    let Range {
                        lineno, col_offset, ..
                    } = only.range;
                    let range =
                        Range::new(lineno, col_offset, lineno, col_offset.saturating_add(4));
                    self.arena.slice(&[self.arena.stmt(StmtKind::Pass, range)])
                }
                [_, rest @ ..] => rest,
                [] => body,
            };
        }
        let result = self.stmts(body)?;
        if has_docstring || docstring(result).is_none() {
            return Ok(result);
        }
        let [first, rest @ ..] = result else {
            return Ok(result);
        };
        let StmtKind::Expr { value } = first.kind else {
            return Ok(result);
        };
        let values = self.arena.slice(&[value]);
        let joined = self.arena.expr(ExprKind::JoinedStr { values }, first.range);
        let statement = self
            .arena
            .stmt(StmtKind::Expr { value: joined }, first.range);
        self.changes += 1;
        let mut changed = SmallVec::<[StmtRef<'a>; 16]>::new();
        changed.push(statement);
        changed.extend_from_slice(rest);
        Ok(self.arena.slice(&changed))
    }

    fn warn(&mut self, word: &str, range: Range) {
        if self.options.enable_warnings {
            self.warnings.push(Warning::syntax_at(
                format!("'{word}' in a 'finally' block"),
                range,
            ));
        }
    }

    fn stmt(&mut self, stmt: StmtRef<'a>) -> R<StmtRef<'a>> {
        if self.stack.exhausted() {
            return Err(recursion_error());
        }
        let before = self.changes;
        let kind = match stmt.kind {
            StmtKind::FunctionDef {
                name,
                args,
                body,
                decorator_list,
                returns,
                type_comment,
                type_params,
            } => {
                let (type_params, args, body, decorator_list, returns) =
                    self.function(type_params, args, body, decorator_list, returns)?;
                StmtKind::FunctionDef {
                    name,
                    args,
                    body,
                    decorator_list,
                    returns,
                    type_comment,
                    type_params,
                }
            }
            StmtKind::AsyncFunctionDef {
                name,
                args,
                body,
                decorator_list,
                returns,
                type_comment,
                type_params,
            } => {
                let (type_params, args, body, decorator_list, returns) =
                    self.function(type_params, args, body, decorator_list, returns)?;
                StmtKind::AsyncFunctionDef {
                    name,
                    args,
                    body,
                    decorator_list,
                    returns,
                    type_comment,
                    type_params,
                }
            }
            StmtKind::ClassDef {
                name,
                bases,
                keywords,
                body,
                decorator_list,
                type_params,
            } => {
                let type_params = self.seq(type_params, Self::type_param)?;
                let bases = self.exprs(bases)?;
                let keywords = self.seq(keywords, Self::keyword)?;
                let body = self.body(body)?;
                let decorator_list = self.exprs(decorator_list)?;
                StmtKind::ClassDef {
                    name,
                    bases,
                    keywords,
                    body,
                    decorator_list,
                    type_params,
                }
            }
            StmtKind::Return { value } => {
                if self.contexts.last() == Some(&Context::Finally) {
                    self.warn("return", stmt.range);
                }
                StmtKind::Return {
                    value: self.optional(value)?,
                }
            }
            StmtKind::Break | StmtKind::Continue => {
                if self.contexts.last() == Some(&Context::Finally) {
                    let word = if matches!(stmt.kind, StmtKind::Break) {
                        "break"
                    } else {
                        "continue"
                    };
                    self.warn(word, stmt.range);
                }
                return Ok(stmt);
            }
            StmtKind::Delete { targets } => StmtKind::Delete {
                targets: self.exprs(targets)?,
            },
            StmtKind::Assign {
                targets,
                value,
                type_comment,
            } => {
                let targets = self.exprs(targets)?;
                StmtKind::Assign {
                    targets,
                    value: self.expr(value)?,
                    type_comment,
                }
            }
            StmtKind::AugAssign { target, op, value } => {
                let target = self.expr(target)?;
                StmtKind::AugAssign {
                    target,
                    op,
                    value: self.expr(value)?,
                }
            }
            StmtKind::AnnAssign {
                target,
                annotation,
                value,
                simple,
            } => {
                let target = self.expr(target)?;
                let annotation = if self.options.future_annotations {
                    annotation
                } else {
                    self.expr(annotation)?
                };
                StmtKind::AnnAssign {
                    target,
                    annotation,
                    value: self.optional(value)?,
                    simple,
                }
            }
            StmtKind::TypeAlias {
                name,
                type_params,
                value,
            } => {
                let name = self.expr(name)?;
                let type_params = self.seq(type_params, Self::type_param)?;
                StmtKind::TypeAlias {
                    name,
                    type_params,
                    value: self.expr(value)?,
                }
            }
            StmtKind::For {
                target,
                iter,
                body,
                orelse,
                type_comment,
            } => {
                let (target, iter) = (self.expr(target)?, self.expr(iter)?);
                let body = self.within(Context::Loop, body)?;
                StmtKind::For {
                    target,
                    iter,
                    body,
                    orelse: self.stmts(orelse)?,
                    type_comment,
                }
            }
            StmtKind::AsyncFor {
                target,
                iter,
                body,
                orelse,
                type_comment,
            } => {
                let (target, iter) = (self.expr(target)?, self.expr(iter)?);
                let body = self.within(Context::Loop, body)?;
                StmtKind::AsyncFor {
                    target,
                    iter,
                    body,
                    orelse: self.stmts(orelse)?,
                    type_comment,
                }
            }
            StmtKind::While { test, body, orelse } => {
                let test = self.expr(test)?;
                let body = self.within(Context::Loop, body)?;
                StmtKind::While {
                    test,
                    body,
                    orelse: self.stmts(orelse)?,
                }
            }
            StmtKind::If { .. } => self.if_chain(stmt)?,
            StmtKind::With {
                items,
                body,
                type_comment,
            } => {
                let items = self.seq(items, Self::with_item)?;
                StmtKind::With {
                    items,
                    body: self.stmts(body)?,
                    type_comment,
                }
            }
            StmtKind::AsyncWith {
                items,
                body,
                type_comment,
            } => {
                let items = self.seq(items, Self::with_item)?;
                StmtKind::AsyncWith {
                    items,
                    body: self.stmts(body)?,
                    type_comment,
                }
            }
            StmtKind::Match { subject, cases } => {
                let subject = self.expr(subject)?;
                let cases = self.seq(cases, |pass, case: MatchCase<'a>| {
                    Ok(MatchCase {
                        pattern: pass.pattern(case.pattern)?,
                        guard: pass.optional(case.guard)?,
                        body: pass.stmts(case.body)?,
                    })
                })?;
                StmtKind::Match { subject, cases }
            }
            StmtKind::Raise { exc, cause } => StmtKind::Raise {
                exc: self.optional(exc)?,
                cause: self.optional(cause)?,
            },
            StmtKind::Try {
                body,
                handlers,
                orelse,
                finalbody,
            } => {
                let body = self.stmts(body)?;
                let handlers = self.seq(handlers, Self::handler)?;
                let orelse = self.stmts(orelse)?;
                let finalbody = self.within(Context::Finally, finalbody)?;
                StmtKind::Try {
                    body,
                    handlers,
                    orelse,
                    finalbody,
                }
            }
            StmtKind::TryStar {
                body,
                handlers,
                orelse,
                finalbody,
            } => {
                let body = self.stmts(body)?;
                let handlers = self.seq(handlers, Self::handler)?;
                let orelse = self.stmts(orelse)?;
                let finalbody = self.within(Context::Finally, finalbody)?;
                StmtKind::TryStar {
                    body,
                    handlers,
                    orelse,
                    finalbody,
                }
            }
            StmtKind::Assert { test, msg } => {
                let test = self.expr(test)?;
                StmtKind::Assert {
                    test,
                    msg: self.optional(msg)?,
                }
            }
            StmtKind::Expr { value } => StmtKind::Expr {
                value: self.expr(value)?,
            },
            StmtKind::Import { .. }
            | StmtKind::ImportFrom { .. }
            | StmtKind::Global { .. }
            | StmtKind::Nonlocal { .. }
            | StmtKind::Pass => return Ok(stmt),
        };
        Ok(if self.changes == before {
            stmt
        } else {
            self.arena.stmt(kind, stmt.range)
        })
    }

    fn function(
        &mut self,
        type_params: &'a [TypeParam<'a>],
        args: &'a Arguments<'a>,
        body: &'a [StmtRef<'a>],
        decorator_list: &'a [ExprRef<'a>],
        returns: Option<ExprRef<'a>>,
    ) -> R<(
        &'a [TypeParam<'a>],
        &'a Arguments<'a>,
        &'a [StmtRef<'a>],
        &'a [ExprRef<'a>],
        Option<ExprRef<'a>>,
    )> {
        let type_params = self.seq(type_params, Self::type_param)?;
        let args = self.arguments(args)?;
        self.contexts.push(Context::Function);
        let body = self.body(body);
        self.contexts.pop();
        Ok((
            type_params,
            args,
            body?,
            self.exprs(decorator_list)?,
            self.annotation(returns)?,
        ))
    }

    fn arguments(&mut self, args: &'a Arguments<'a>) -> R<&'a Arguments<'a>> {
        let before = self.changes;
        let changed = Arguments {
            posonlyargs: self.seq(args.posonlyargs, Self::arg)?,
            args: self.seq(args.args, Self::arg)?,
            vararg: self.optional_arg(args.vararg)?,
            kwonlyargs: self.seq(args.kwonlyargs, Self::arg)?,
            kw_defaults: self.optional_exprs(args.kw_defaults)?,
            kwarg: self.optional_arg(args.kwarg)?,
            defaults: self.exprs(args.defaults)?,
        };
        Ok(if self.changes == before {
            args
        } else {
            self.arena.alloc(changed)
        })
    }

    fn arg(&mut self, arg: Arg<'a>) -> R<Arg<'a>> {
        Ok(Arg {
            annotation: self.annotation(arg.annotation)?,
            ..arg
        })
    }

    fn optional_arg(&mut self, arg: Option<&'a Arg<'a>>) -> R<Option<&'a Arg<'a>>> {
        let Some(arg) = arg else { return Ok(None) };
        let before = self.changes;
        let changed = self.arg(*arg)?;
        Ok(Some(if self.changes == before {
            arg
        } else {
            self.arena.alloc(changed)
        }))
    }

    fn keyword(&mut self, keyword: Keyword<'a>) -> R<Keyword<'a>> {
        Ok(Keyword {
            value: self.expr(keyword.value)?,
            ..keyword
        })
    }

    fn with_item(&mut self, item: WithItem<'a>) -> R<WithItem<'a>> {
        let context_expr = self.expr(item.context_expr)?;
        Ok(WithItem {
            context_expr,
            optional_vars: self.optional(item.optional_vars)?,
        })
    }

    fn handler(&mut self, handler: ExceptHandler<'a>) -> R<ExceptHandler<'a>> {
        let type_ = self.optional(handler.type_)?;
        Ok(ExceptHandler {
            type_,
            body: self.stmts(handler.body)?,
            ..handler
        })
    }

    fn comprehension(&mut self, clause: Comprehension<'a>) -> R<Comprehension<'a>> {
        let (target, iter) = (self.expr(clause.target)?, self.expr(clause.iter)?);
        Ok(Comprehension {
            target,
            iter,
            ifs: self.exprs(clause.ifs)?,
            ..clause
        })
    }

    fn type_param(&mut self, param: TypeParam<'a>) -> R<TypeParam<'a>> {
        let kind = match param.kind {
            TypeParamKind::TypeVar {
                name,
                bound,
                default_value,
            } => {
                let bound = self.optional(bound)?;
                TypeParamKind::TypeVar {
                    name,
                    bound,
                    default_value: self.optional(default_value)?,
                }
            }
            TypeParamKind::ParamSpec {
                name,
                default_value,
            } => TypeParamKind::ParamSpec {
                name,
                default_value: self.optional(default_value)?,
            },
            TypeParamKind::TypeVarTuple {
                name,
                default_value,
            } => TypeParamKind::TypeVarTuple {
                name,
                default_value: self.optional(default_value)?,
            },
        };
        Ok(TypeParam { kind, ..param })
    }

    fn expr(&mut self, expr: ExprRef<'a>) -> R<ExprRef<'a>> {
        if self.stack.exhausted() {
            return Err(recursion_error());
        }
        let before = self.changes;
        let kind = match expr.kind {
            ExprKind::BoolOp { op, values } => ExprKind::BoolOp {
                op,
                values: self.exprs(values)?,
            },
            ExprKind::NamedExpr { target, value } => ExprKind::NamedExpr {
                target,
                value: self.expr(value)?,
            },
            ExprKind::BinOp { .. } => return self.binary(expr),
            ExprKind::UnaryOp { op, operand } => ExprKind::UnaryOp {
                op,
                operand: self.expr(operand)?,
            },
            ExprKind::Lambda { args, body } => {
                let args = self.arguments(args)?;
                ExprKind::Lambda {
                    args,
                    body: self.expr(body)?,
                }
            }
            ExprKind::IfExp { test, body, orelse } => {
                let (test, body) = (self.expr(test)?, self.expr(body)?);
                ExprKind::IfExp {
                    test,
                    body,
                    orelse: self.expr(orelse)?,
                }
            }
            ExprKind::Dict { keys, values } => {
                let keys = self.optional_exprs(keys)?;
                ExprKind::Dict {
                    keys,
                    values: self.exprs(values)?,
                }
            }
            ExprKind::Set { elts } => ExprKind::Set {
                elts: self.exprs(elts)?,
            },
            ExprKind::ListComp { elt, generators } => {
                let elt = self.expr(elt)?;
                ExprKind::ListComp {
                    elt,
                    generators: self.seq(generators, Self::comprehension)?,
                }
            }
            ExprKind::SetComp { elt, generators } => {
                let elt = self.expr(elt)?;
                ExprKind::SetComp {
                    elt,
                    generators: self.seq(generators, Self::comprehension)?,
                }
            }
            ExprKind::GeneratorExp { elt, generators } => {
                let elt = self.expr(elt)?;
                ExprKind::GeneratorExp {
                    elt,
                    generators: self.seq(generators, Self::comprehension)?,
                }
            }
            ExprKind::DictComp {
                key,
                value,
                generators,
            } => {
                let (key, value) = (self.expr(key)?, self.expr(value)?);
                ExprKind::DictComp {
                    key,
                    value,
                    generators: self.seq(generators, Self::comprehension)?,
                }
            }
            ExprKind::Await { value } => ExprKind::Await {
                value: self.expr(value)?,
            },
            ExprKind::Yield { value } => ExprKind::Yield {
                value: self.optional(value)?,
            },
            ExprKind::YieldFrom { value } => ExprKind::YieldFrom {
                value: self.expr(value)?,
            },
            ExprKind::Compare {
                left,
                ops,
                comparators,
            } => {
                let left = self.expr(left)?;
                ExprKind::Compare {
                    left,
                    ops,
                    comparators: self.exprs(comparators)?,
                }
            }
            ExprKind::Call {
                func,
                args,
                keywords,
            } => {
                let (func, args) = (self.expr(func)?, self.exprs(args)?);
                ExprKind::Call {
                    func,
                    args,
                    keywords: self.seq(keywords, Self::keyword)?,
                }
            }
            ExprKind::FormattedValue {
                value,
                conversion,
                format_spec,
            } => {
                let value = self.expr(value)?;
                ExprKind::FormattedValue {
                    value,
                    conversion,
                    format_spec: self.optional(format_spec)?,
                }
            }
            ExprKind::Interpolation {
                value,
                str,
                conversion,
                format_spec,
            } => {
                let value = self.expr(value)?;
                ExprKind::Interpolation {
                    value,
                    str,
                    conversion,
                    format_spec: self.optional(format_spec)?,
                }
            }
            ExprKind::JoinedStr { values } => ExprKind::JoinedStr {
                values: self.exprs(values)?,
            },
            ExprKind::TemplateStr { values } => ExprKind::TemplateStr {
                values: self.exprs(values)?,
            },
            ExprKind::Attribute { value, attr, ctx } => ExprKind::Attribute {
                value: self.expr(value)?,
                attr,
                ctx,
            },
            ExprKind::Subscript { value, slice, ctx } => {
                let value = self.expr(value)?;
                ExprKind::Subscript {
                    value,
                    slice: self.expr(slice)?,
                    ctx,
                }
            }
            ExprKind::Starred { value, ctx } => ExprKind::Starred {
                value: self.expr(value)?,
                ctx,
            },
            ExprKind::Slice { lower, upper, step } => {
                let (lower, upper) = (self.optional(lower)?, self.optional(upper)?);
                ExprKind::Slice {
                    lower,
                    upper,
                    step: self.optional(step)?,
                }
            }
            ExprKind::List { elts, ctx } => ExprKind::List {
                elts: self.exprs(elts)?,
                ctx,
            },
            ExprKind::Tuple { elts, ctx } => ExprKind::Tuple {
                elts: self.exprs(elts)?,
                ctx,
            },
            ExprKind::Name {
                id: "__debug__",
                ctx: ExprContext::Load,
            } if !self.options.syntax_check_only => {
                self.changes += 1;
                let value = if self.options.optimize == 0 {
                    Constant::True
                } else {
                    Constant::False
                };
                ExprKind::Constant { value, kind: None }
            }
            ExprKind::Name { .. } | ExprKind::Constant { .. } => return Ok(expr),
        };
        Ok(if self.changes == before {
            expr
        } else {
            self.arena.expr(kind, expr.range)
        })
    }

    /// A binary operation. Chains lean to the left and may be long: the left operands are gone through in a loop.
    fn binary(&mut self, expr: ExprRef<'a>) -> R<ExprRef<'a>> {
        let mut chain = SmallVec::<[ExprRef<'a>; 8]>::new();
        let mut first = expr;
        while let ExprKind::BinOp { left, .. } = first.kind {
            chain.push(first);
            first = left;
        }
        let mut folded = self.expr(first)?;
        while let Some(node) = chain.pop() {
            let ExprKind::BinOp { left, op, right } = node.kind else {
                continue;
            };
            let changed = self.expr(right)?;
            let kind = match self.formatted(folded, op, changed) {
                Some(values) => ExprKind::JoinedStr { values },
                None if std::ptr::eq(folded, left) && std::ptr::eq(changed, right) => {
                    folded = node;
                    continue;
                }
                None => ExprKind::BinOp {
                    left: folded,
                    op,
                    right: changed,
                },
            };
            self.changes += 1;
            folded = self.arena.expr(kind, node.range);
        }
        Ok(folded)
    }

    /// The parts of the f-string that `left % right` amounts to, where it does.
    fn formatted(
        &mut self,
        left: ExprRef<'a>,
        op: Operator,
        right: ExprRef<'a>,
    ) -> Option<&'a [ExprRef<'a>]> {
        if self.options.syntax_check_only || op != Operator::Mod {
            return None;
        }
        let format = left.as_str_constant()?.as_bytes();
        let ExprKind::Tuple { elts, .. } = right.kind else {
            return None;
        };
        if elts
            .iter()
            .any(|value| matches!(value.kind, ExprKind::Starred { .. }))
        {
            return None;
        }
        let mut parts = SmallVec::<[ExprRef<'a>; 8]>::new();
        let mut at = 0;
        let mut items = elts.iter();
        loop {
            let start = at;
            let mut literal = Vec::new();
            while let Some(&byte) = format.get(at) {
                if byte == b'%' {
                    if format.get(at + 1) != Some(&b'%') {
                        break;
                    }
                    at += 1;
                }
                literal.push(byte);
                at += 1;
            }
            if at > start {
                let value = Constant::Str(self.arena.wtf8(Wtf8::from_bytes(&literal)));
                parts.push(
                    self.arena
                        .expr(ExprKind::Constant { value, kind: None }, NOWHERE),
                );
            }
            if at >= format.len() {
                break;
            }
            at += 1;
            let value = items.next()?;
            parts.push(self.format_unit(format, &mut at, value)?);
        }
        if items.next().is_some() {
            return None;
        }
        Some(self.arena.slice(&parts))
    }

    /// One `%s`, `%r` or `%a` with flags, width and precision, behind its percent sign.
    fn format_unit(
        &self,
        format: &[u8],
        at: &mut usize,
        value: ExprRef<'a>,
    ) -> Option<ExprRef<'a>> {
        let mut next = || {
            let byte = format.get(*at).copied();
            *at += 1;
            byte
        };
        let mut left = false;
        let mut byte = next()?;
        while matches!(byte, b'-' | b'+' | b' ' | b'#' | b'0') {
            left |= byte == b'-';
            byte = next()?;
        }
        let (mut width, mut precision) = (None, None);
        if byte.is_ascii_digit() {
            width = Some(number(&mut byte, &mut next)?);
        }
        if byte == b'.' {
            byte = next()?;
            precision = Some(0);
            if byte.is_ascii_digit() {
                precision = Some(number(&mut byte, &mut next)?);
            }
        }
        if !matches!(byte, b's' | b'r' | b'a') {
            return None;
        }
        let mut spec = String::new();
        if !left && width.is_some_and(|width| width > 0) {
            spec.push('>');
        }
        if let Some(width) = width {
            spec.push_str(&width.to_string());
        }
        if let Some(precision) = precision {
            spec.push_str(&format!(".{precision}"));
        }
        let format_spec = if spec.is_empty() {
            None
        } else {
            let value = Constant::Str(Wtf8::new(self.arena.str(&spec)));
            Some(
                self.arena
                    .expr(ExprKind::Constant { value, kind: None }, NOWHERE),
            )
        };
        let kind = ExprKind::FormattedValue {
            value,
            conversion: i32::from(byte),
            format_spec,
        };
        Some(self.arena.expr(kind, value.range))
    }

    fn pattern(&mut self, pattern: PatternRef<'a>) -> R<PatternRef<'a>> {
        if self.stack.exhausted() {
            return Err(recursion_error());
        }
        let before = self.changes;
        let kind = match pattern.kind {
            PatternKind::MatchValue { value } => PatternKind::MatchValue {
                value: self.pattern_number(value),
            },
            PatternKind::MatchSingleton { .. } | PatternKind::MatchStar { .. } => {
                return Ok(pattern);
            }
            PatternKind::MatchSequence { patterns } => PatternKind::MatchSequence {
                patterns: self.seq(patterns, Self::pattern)?,
            },
            PatternKind::MatchMapping {
                keys,
                patterns,
                rest,
            } => {
                let keys = self.seq(keys, |pass, key| Ok(pass.pattern_number(key)))?;
                PatternKind::MatchMapping {
                    keys,
                    patterns: self.seq(patterns, Self::pattern)?,
                    rest,
                }
            }
            PatternKind::MatchClass {
                cls,
                patterns,
                kwd_attrs,
                kwd_patterns,
            } => {
                let cls = self.expr(cls)?;
                let patterns = self.seq(patterns, Self::pattern)?;
                let kwd_patterns = self.seq(kwd_patterns, Self::pattern)?;
                PatternKind::MatchClass {
                    cls,
                    patterns,
                    kwd_attrs,
                    kwd_patterns,
                }
            }
            PatternKind::MatchAs { pattern, name } => {
                let pattern = pattern.map(|pattern| self.pattern(pattern)).transpose()?;
                PatternKind::MatchAs { pattern, name }
            }
            PatternKind::MatchOr { patterns } => PatternKind::MatchOr {
                patterns: self.seq(patterns, Self::pattern)?,
            },
        };
        Ok(if self.changes == before {
            pattern
        } else {
            self.arena.pattern(kind, pattern.range)
        })
    }

    /// A negative or complex number in a pattern becomes one constant.
    fn pattern_number(&mut self, expr: ExprRef<'a>) -> ExprRef<'a> {
        if self.options.syntax_check_only {
            return expr;
        }
        let value = match expr.kind {
            ExprKind::UnaryOp {
                op: UnaryOperator::USub,
                operand,
            } => match operand.kind {
                ExprKind::Constant { value, .. } => self.negative(value),
                _ => None,
            },
            ExprKind::BinOp {
                left,
                op: op @ (Operator::Add | Operator::Sub),
                right,
            } => match (self.pattern_number(left).kind, right.kind) {
                (
                    ExprKind::Constant { value: left, .. },
                    ExprKind::Constant { value: right, .. },
                ) => sum(left, right, op == Operator::Sub),
                _ => None,
            },
            _ => None,
        };
        let Some(value) = value else { return expr };
        self.changes += 1;
        self.arena
            .expr(ExprKind::Constant { value, kind: None }, expr.range)
    }

    fn negative(&self, value: Constant<'a>) -> Option<Constant<'a>> {
        Some(match value {
            Constant::True => Constant::Int(-1),
            Constant::False => Constant::Int(0),
            Constant::Int(value) => match value.checked_neg() {
                Some(value) => Constant::Int(value),
                None => Constant::BigInt(self.arena.int(-dashu_int::IBig::from(value))),
            },
            Constant::BigInt(value) => {
                let value = -value;
                match i64::try_from(&value) {
                    Ok(small) => Constant::Int(small),
                    Err(_) => Constant::BigInt(self.arena.int(value)),
                }
            }
            Constant::Float(value) => Constant::Float(-value),
            Constant::Complex(real, imag) => Constant::Complex(-real, -imag),
            _ => return None,
        })
    }
}

/// Nodes made up here stand nowhere.
const NOWHERE: Range = Range::new(-1, -1, -1, -1);

/// At most two digits, the first of which has been read; `None` for more, or at the end of the text.
fn number(byte: &mut u8, next: &mut impl FnMut() -> Option<u8>) -> Option<u32> {
    let (mut value, mut digits) = (0, 0);
    while byte.is_ascii_digit() {
        value = value * 10 + u32::from(*byte - b'0');
        *byte = next()?;
        digits += 1;
        if digits >= 3 {
            return None;
        }
    }
    Some(value)
}

/// A real number plus or minus an imaginary one.
fn sum<'a>(left: Constant<'a>, right: Constant<'a>, minus: bool) -> Option<Constant<'a>> {
    let Constant::Complex(real, imag) = right else {
        return None;
    };
    let left = match left {
        Constant::Int(value) => value as f64,
        Constant::BigInt(value) => {
            let value = value.to_f64().value();
            if value.is_infinite() {
                return None;
            }
            value
        }
        Constant::Float(value) => value,
        _ => return None,
    };
    Some(if minus {
        Constant::Complex(left - real, -imag)
    } else {
        Constant::Complex(left + real, imag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mode, ParseOptions, dump, parse};

    fn processed(source: &str, optimize: u8) -> (String, Vec<Warning>) {
        let arena = Arena::new();
        let mut warnings = Vec::new();
        let options = PreprocessOptions {
            optimize,
            enable_warnings: true,
            ..PreprocessOptions::default()
        };
        let text = parse(source, Mode::Exec, &ParseOptions::default(), &arena)
            .ok()
            .and_then(|parsed| preprocess(parsed.module, options, &arena, &mut warnings).ok())
            .and_then(|module| dump::dump(module, false).ok());
        (text.unwrap_or_default(), warnings)
    }

    #[test]
    fn folds_and_warns() {
        assert!(processed("__debug__", 0).0.contains("Constant(value=True)"));
        assert!(
            processed("__debug__", 1)
                .0
                .contains("Constant(value=False)")
        );
        assert!(processed("'%s a%%b %-5r' % (x, y)", 0).0.contains(
            "Constant(value=' a%b '), FormattedValue(value=Name(id='y', ctx=Load()), conversion=114, \
             format_spec=Constant(value='5'))"
        ));
        assert!(processed("'%d' % (x,)", 0).0.contains("BinOp"));
        assert_eq!(processed("'doc'", 2).0, "Module(body=[Pass()])");
        assert!(
            processed("match x:\n case -1: pass\n case 1-2j: pass", 0)
                .0
                .contains("Constant(value=(1-2j))")
        );
        let (_, warnings) = processed("def f():\n try: pass\n finally: return 1", 0);
        assert_eq!(
            warnings
                .iter()
                .map(|w| w.message.as_str())
                .collect::<Vec<_>>(),
            ["'return' in a 'finally' block"]
        );
        let chain = "1+".repeat(100_000) + "__debug__";
        assert!(processed(&format!("x = {chain}"), 0).1.is_empty());
    }
}
