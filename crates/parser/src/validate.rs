//! Checks a tree that did not come from the parser, for `compile(ast)`: contexts, empty lists, ranges, names, patterns.
//!
//! What the types already rule out (a missing node in a list) is checked where Python's objects become a tree; the
//! texts for that are [`NONE_IN_EXPRESSIONS`] and [`NONE_IN_STATEMENTS`]. CPython: `Python/ast.c`.

use crate::ast::*;
use crate::stack::Stack;

/// `ValueError` for `None` in a list of expressions.
pub const NONE_IN_EXPRESSIONS: &str = "None disallowed in expression list";
/// `ValueError` for `None` in a list of statements.
pub const NONE_IN_STATEMENTS: &str = "None disallowed in statement list";

/// Why a tree is not valid: the exception to raise and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invalid {
    Value(String),
    Type(String),
    Recursion(&'static str),
}

type R = Result<(), Invalid>;

/// Checks a whole module.
pub fn validate(module: &Mod) -> R {
    let check = Check {
        stack: Stack::here(),
    };
    match module {
        Mod::Module { body, .. } | Mod::Interactive { body } => check.stmts(body),
        Mod::Expression { body } => check.load(body),
        Mod::FunctionType { argtypes, returns } => {
            check.exprs(argtypes, ExprContext::Load)?;
            check.load(returns)
        }
    }
}

fn value(message: &str) -> R {
    Err(Invalid::Value(message.to_owned()))
}

fn name(name: &str) -> R {
    if matches!(name, "None" | "True" | "False") {
        return value(&format!(
            "identifier field can't represent '{name}' constant"
        ));
    }
    Ok(())
}

fn optional_name(found: Option<&str>) -> R {
    found.map_or(Ok(()), name)
}

/// A name that a pattern binds.
fn capture(found: &str) -> R {
    if found == "_" {
        return value("can't capture name '_' in patterns");
    }
    name(found)
}

fn not_empty<V>(values: &[V], what: &str, owner: &str) -> R {
    if values.is_empty() {
        value(&format!("empty {what} on {owner}"))
    } else {
        Ok(())
    }
}

fn positions(range: Range) -> R {
    let Range {
        lineno,
        col_offset,
        end_lineno,
        end_col_offset,
    } = range;
    if lineno > end_lineno {
        return value(&format!(
            "AST node line range ({lineno}, {end_lineno}) is not valid"
        ));
    }
    if (lineno < 0 && end_lineno != lineno) || (col_offset < 0 && col_offset != end_col_offset) {
        return value(&format!(
            "AST node column range ({col_offset}, {end_col_offset}) for line range ({lineno}, {end_lineno}) is not valid"
        ));
    }
    if lineno == end_lineno && col_offset > end_col_offset {
        return value(&format!(
            "line {lineno}, column {col_offset}-{end_col_offset} is not a valid range"
        ));
    }
    Ok(())
}

struct Check {
    stack: Stack,
}

impl Check {
    fn deepen(&self) -> R {
        if self.stack.exhausted() {
            return Err(Invalid::Recursion(
                "maximum recursion depth exceeded during compilation",
            ));
        }
        Ok(())
    }

    fn load(&self, expr: &Expr) -> R {
        self.expr(expr, ExprContext::Load)
    }

    fn optional(&self, expr: Option<&Expr>) -> R {
        expr.map_or(Ok(()), |expr| self.load(expr))
    }

    fn exprs(&self, exprs: &[&Expr], ctx: ExprContext) -> R {
        exprs.iter().try_for_each(|expr| self.expr(expr, ctx))
    }

    fn stmts(&self, stmts: &[&Stmt]) -> R {
        stmts.iter().try_for_each(|stmt| self.stmt(stmt))
    }

    fn body(&self, body: &[&Stmt], owner: &str) -> R {
        not_empty(body, "body", owner)?;
        self.stmts(body)
    }

    fn comprehensions(&self, generators: &[Comprehension]) -> R {
        if generators.is_empty() {
            return value("comprehension with no generators");
        }
        generators.iter().try_for_each(|clause| {
            self.expr(clause.target, ExprContext::Store)?;
            self.load(clause.iter)?;
            self.exprs(clause.ifs, ExprContext::Load)
        })
    }

    fn keywords(&self, keywords: &[Keyword]) -> R {
        keywords
            .iter()
            .try_for_each(|keyword| self.load(keyword.value))
    }

    fn args(&self, args: &[Arg]) -> R {
        args.iter().try_for_each(|arg| {
            positions(arg.range)?;
            self.optional(arg.annotation)
        })
    }

    fn arguments(&self, args: &Arguments) -> R {
        self.args(args.posonlyargs)?;
        self.args(args.args)?;
        self.optional(args.vararg.and_then(|arg| arg.annotation))?;
        self.args(args.kwonlyargs)?;
        self.optional(args.kwarg.and_then(|arg| arg.annotation))?;
        if args.defaults.len() > args.posonlyargs.len() + args.args.len() {
            return value("more positional defaults than args on arguments");
        }
        if args.kw_defaults.len() != args.kwonlyargs.len() {
            return value("length of kwonlyargs is not the same as kw_defaults on arguments");
        }
        self.exprs(args.defaults, ExprContext::Load)?;
        args.kw_defaults
            .iter()
            .try_for_each(|default| self.optional(*default))
    }

    fn context(&self, expr: &Expr, ctx: ExprContext) -> R {
        let actual = match expr.kind {
            ExprKind::Attribute { ctx, .. }
            | ExprKind::Subscript { ctx, .. }
            | ExprKind::Starred { ctx, .. }
            | ExprKind::List { ctx, .. }
            | ExprKind::Tuple { ctx, .. } => ctx,
            ExprKind::Name { id, ctx } => {
                name(id)?;
                ctx
            }
            _ if ctx == ExprContext::Load => return Ok(()),
            _ => {
                return value(&format!(
                    "expression which can't be assigned to in {ctx:?} context"
                ));
            }
        };
        if actual != ctx {
            return value(&format!(
                "expression must have {ctx:?} context but has {actual:?} instead"
            ));
        }
        Ok(())
    }

    fn expr(&self, expr: &Expr, ctx: ExprContext) -> R {
        positions(expr.range)?;
        self.deepen()?;
        self.context(expr, ctx)?;
        match expr.kind {
            ExprKind::BoolOp { values, .. } => {
                if values.len() < 2 {
                    return value("BoolOp with less than 2 values");
                }
                self.exprs(values, ExprContext::Load)
            }
            ExprKind::BinOp { left, right, .. } => {
                self.load(left)?;
                self.load(right)
            }
            ExprKind::UnaryOp { operand, .. } => self.load(operand),
            ExprKind::Lambda { args, body } => {
                self.arguments(args)?;
                self.load(body)
            }
            ExprKind::IfExp { test, body, orelse } => {
                self.load(test)?;
                self.load(body)?;
                self.load(orelse)
            }
            ExprKind::Dict { keys, values } => {
                if keys.len() != values.len() {
                    return value("Dict doesn't have the same number of keys as values");
                }
                keys.iter().try_for_each(|key| self.optional(*key))?;
                self.exprs(values, ExprContext::Load)
            }
            ExprKind::Set { elts } => self.exprs(elts, ExprContext::Load),
            ExprKind::ListComp { elt, generators }
            | ExprKind::SetComp { elt, generators }
            | ExprKind::GeneratorExp { elt, generators } => {
                self.comprehensions(generators)?;
                self.load(elt)
            }
            ExprKind::DictComp {
                key,
                value,
                generators,
            } => {
                self.comprehensions(generators)?;
                self.load(key)?;
                self.load(value)
            }
            ExprKind::Yield { value } => self.optional(value),
            ExprKind::YieldFrom { value } | ExprKind::Await { value } => self.load(value),
            ExprKind::Compare {
                left,
                ops,
                comparators,
            } => {
                if comparators.is_empty() {
                    return value("Compare with no comparators");
                }
                if comparators.len() != ops.len() {
                    return value("Compare has a different number of comparators and operands");
                }
                self.exprs(comparators, ExprContext::Load)?;
                self.load(left)
            }
            ExprKind::Call {
                func,
                args,
                keywords,
            } => {
                self.load(func)?;
                self.exprs(args, ExprContext::Load)?;
                self.keywords(keywords)
            }
            ExprKind::Constant { .. } | ExprKind::Name { .. } => Ok(()),
            ExprKind::JoinedStr { values } | ExprKind::TemplateStr { values } => {
                self.exprs(values, ExprContext::Load)
            }
            ExprKind::FormattedValue {
                value, format_spec, ..
            }
            | ExprKind::Interpolation {
                value, format_spec, ..
            } => {
                self.load(value)?;
                self.optional(format_spec)
            }
            ExprKind::Attribute { value, .. } => self.load(value),
            ExprKind::Subscript { value, slice, .. } => {
                self.load(slice)?;
                self.load(value)
            }
            ExprKind::Starred { value, .. } => self.expr(value, ctx),
            ExprKind::Slice { lower, upper, step } => {
                self.optional(lower)?;
                self.optional(upper)?;
                self.optional(step)
            }
            ExprKind::List { elts, .. } | ExprKind::Tuple { elts, .. } => self.exprs(elts, ctx),
            ExprKind::NamedExpr { target, value } => {
                if !matches!(target.kind, ExprKind::Name { .. }) {
                    return Err(Invalid::Type("NamedExpr target must be a Name".to_owned()));
                }
                self.load(value)
            }
        }
    }

    fn stmt(&self, stmt: &Stmt) -> R {
        positions(stmt.range)?;
        self.deepen()?;
        match stmt.kind {
            StmtKind::FunctionDef {
                name,
                args,
                body,
                decorator_list,
                returns,
                type_params,
                ..
            } => self.function(
                "FunctionDef",
                name,
                args,
                body,
                decorator_list,
                returns,
                type_params,
            ),
            StmtKind::AsyncFunctionDef {
                name,
                args,
                body,
                decorator_list,
                returns,
                type_params,
                ..
            } => self.function(
                "AsyncFunctionDef",
                name,
                args,
                body,
                decorator_list,
                returns,
                type_params,
            ),
            StmtKind::ClassDef {
                name: class,
                bases,
                keywords,
                body,
                decorator_list,
                type_params,
            } => {
                name(class)?;
                self.body(body, "ClassDef")?;
                self.type_params(type_params)?;
                self.exprs(bases, ExprContext::Load)?;
                self.keywords(keywords)?;
                self.exprs(decorator_list, ExprContext::Load)
            }
            StmtKind::Return { value } => self.optional(value),
            StmtKind::Delete { targets } => {
                not_empty(targets, "targets", "Delete")?;
                self.exprs(targets, ExprContext::Del)
            }
            StmtKind::Assign { targets, value, .. } => {
                not_empty(targets, "targets", "Assign")?;
                self.exprs(targets, ExprContext::Store)?;
                self.load(value)
            }
            StmtKind::AugAssign { target, value, .. } => {
                self.expr(target, ExprContext::Store)?;
                self.load(value)
            }
            StmtKind::AnnAssign {
                target,
                annotation,
                value,
                simple,
            } => {
                if simple && !matches!(target.kind, ExprKind::Name { .. }) {
                    return Err(Invalid::Type(
                        "AnnAssign with simple non-Name target".to_owned(),
                    ));
                }
                self.expr(target, ExprContext::Store)?;
                self.optional(value)?;
                self.load(annotation)
            }
            StmtKind::TypeAlias {
                name,
                type_params,
                value,
            } => {
                if !matches!(name.kind, ExprKind::Name { .. }) {
                    return Err(Invalid::Type("TypeAlias with non-Name name".to_owned()));
                }
                self.expr(name, ExprContext::Store)?;
                self.type_params(type_params)?;
                self.load(value)
            }
            StmtKind::For {
                target,
                iter,
                body,
                orelse,
                ..
            } => self.loop_body(
                "For",
                (target, ExprContext::Store),
                Some(iter),
                body,
                orelse,
            ),
            StmtKind::AsyncFor {
                target,
                iter,
                body,
                orelse,
                ..
            } => self.loop_body(
                "AsyncFor",
                (target, ExprContext::Store),
                Some(iter),
                body,
                orelse,
            ),
            StmtKind::While { test, body, orelse } => {
                self.loop_body("While", (test, ExprContext::Load), None, body, orelse)
            }
            StmtKind::If { test, body, orelse } => {
                self.loop_body("If", (test, ExprContext::Load), None, body, orelse)
            }
            StmtKind::With { items, body, .. } => self.with("With", items, body),
            StmtKind::AsyncWith { items, body, .. } => self.with("AsyncWith", items, body),
            StmtKind::Match { subject, cases } => {
                self.load(subject)?;
                not_empty(cases, "cases", "Match")?;
                cases.iter().try_for_each(|case| {
                    self.pattern(case.pattern, false)?;
                    self.optional(case.guard)?;
                    self.body(case.body, "match_case")
                })
            }
            StmtKind::Raise { exc, cause } => {
                if exc.is_none() && cause.is_some() {
                    return value("Raise with cause but no exception");
                }
                self.optional(exc)?;
                self.optional(cause)
            }
            StmtKind::Try {
                body,
                handlers,
                orelse,
                finalbody,
            } => self.try_block("Try", body, handlers, orelse, finalbody),
            StmtKind::TryStar {
                body,
                handlers,
                orelse,
                finalbody,
            } => self.try_block("TryStar", body, handlers, orelse, finalbody),
            StmtKind::Assert { test, msg } => {
                self.load(test)?;
                self.optional(msg)
            }
            StmtKind::Import { names } => {
                not_empty(names, "names", "Import")?;
                aliases(names)
            }
            StmtKind::ImportFrom { names, level, .. } => {
                if level < 0 {
                    return value("Negative ImportFrom level");
                }
                not_empty(names, "names", "ImportFrom")?;
                aliases(names)
            }
            StmtKind::Global { names } => not_empty(names, "names", "Global"),
            StmtKind::Nonlocal { names } => not_empty(names, "names", "Nonlocal"),
            StmtKind::Expr { value } => self.load(value),
            StmtKind::Pass | StmtKind::Break | StmtKind::Continue => Ok(()),
        }
    }

    fn function(
        &self,
        owner: &str,
        function: &str,
        args: &Arguments,
        body: &[&Stmt],
        decorator_list: &[&Expr],
        returns: Option<&Expr>,
        type_params: &[TypeParam],
    ) -> R {
        name(function)?;
        self.body(body, owner)?;
        self.type_params(type_params)?;
        self.arguments(args)?;
        self.exprs(decorator_list, ExprContext::Load)?;
        self.optional(returns)
    }

    fn loop_body(
        &self,
        owner: &str,
        (first, ctx): (&Expr, ExprContext),
        iter: Option<&Expr>,
        body: &[&Stmt],
        orelse: &[&Stmt],
    ) -> R {
        self.expr(first, ctx)?;
        self.optional(iter)?;
        self.body(body, owner)?;
        self.stmts(orelse)
    }

    fn with(&self, owner: &str, items: &[WithItem], body: &[&Stmt]) -> R {
        not_empty(items, "items", owner)?;
        for item in items {
            self.load(item.context_expr)?;
            if let Some(target) = item.optional_vars {
                self.expr(target, ExprContext::Store)?;
            }
        }
        self.body(body, owner)
    }

    fn try_block(
        &self,
        owner: &str,
        body: &[&Stmt],
        handlers: &[ExceptHandler],
        orelse: &[&Stmt],
        finalbody: &[&Stmt],
    ) -> R {
        self.body(body, owner)?;
        if handlers.is_empty() && finalbody.is_empty() {
            return value(&format!(
                "{owner} has neither except handlers nor finalbody"
            ));
        }
        if handlers.is_empty() && !orelse.is_empty() {
            return value(&format!("{owner} has orelse but no except handlers"));
        }
        for handler in handlers {
            positions(handler.range)?;
            self.optional(handler.type_)?;
            optional_name(handler.name)?;
            self.body(handler.body, "ExceptHandler")?;
        }
        self.stmts(finalbody)?;
        self.stmts(orelse)
    }

    fn type_params(&self, params: &[TypeParam]) -> R {
        params.iter().try_for_each(|param| {
            positions(param.range)?;
            match param.kind {
                TypeParamKind::TypeVar {
                    name: found,
                    bound,
                    default_value,
                } => {
                    name(found)?;
                    self.optional(bound)?;
                    self.optional(default_value)
                }
                TypeParamKind::ParamSpec {
                    name: found,
                    default_value,
                }
                | TypeParamKind::TypeVarTuple {
                    name: found,
                    default_value,
                } => {
                    name(found)?;
                    self.optional(default_value)
                }
            }
        })
    }

    fn patterns(&self, patterns: &[&Pattern], star_ok: bool) -> R {
        patterns
            .iter()
            .try_for_each(|pattern| self.pattern(pattern, star_ok))
    }

    fn pattern(&self, pattern: &Pattern, star_ok: bool) -> R {
        positions(pattern.range)?;
        self.deepen()?;
        match pattern.kind {
            PatternKind::MatchValue { value } => self.match_value(value),
            PatternKind::MatchSingleton { value: found } => match found {
                Constant::None | Constant::True | Constant::False => Ok(()),
                _ => value("MatchSingleton can only contain True, False and None"),
            },
            PatternKind::MatchSequence { patterns } => self.patterns(patterns, true),
            PatternKind::MatchMapping {
                keys,
                patterns,
                rest,
            } => {
                if keys.len() != patterns.len() {
                    return value("MatchMapping doesn't have the same number of keys as patterns");
                }
                rest.map_or(Ok(()), capture)?;
                for key in keys {
                    if !matches!(
                        key.kind,
                        ExprKind::Constant {
                            value: Constant::None | Constant::True | Constant::False,
                            ..
                        }
                    ) {
                        self.match_value(key)?;
                    }
                }
                self.patterns(patterns, false)
            }
            PatternKind::MatchClass {
                cls,
                patterns,
                kwd_attrs,
                kwd_patterns,
            } => {
                if kwd_attrs.len() != kwd_patterns.len() {
                    return value(
                        "MatchClass doesn't have the same number of keyword attributes as patterns",
                    );
                }
                self.load(cls)?;
                let mut base = cls;
                while let ExprKind::Attribute { value, .. } = base.kind {
                    base = value;
                }
                if !matches!(base.kind, ExprKind::Name { .. }) {
                    return value("MatchClass cls field can only contain Name or Attribute nodes.");
                }
                kwd_attrs.iter().try_for_each(|attr| name(attr))?;
                self.patterns(patterns, false)?;
                self.patterns(kwd_patterns, false)
            }
            PatternKind::MatchStar { name } => {
                if !star_ok {
                    return value("can't use MatchStar here");
                }
                name.map_or(Ok(()), capture)
            }
            PatternKind::MatchAs { pattern, name } => {
                name.map_or(Ok(()), capture)?;
                match (pattern, name) {
                    (None, _) => Ok(()),
                    (Some(_), None) => {
                        value("MatchAs must specify a target name if a pattern is given")
                    }
                    (Some(pattern), Some(_)) => self.pattern(pattern, false),
                }
            }
            PatternKind::MatchOr { patterns } => {
                if patterns.len() < 2 {
                    return value("MatchOr requires at least 2 patterns");
                }
                self.patterns(patterns, false)
            }
        }
    }

    /// A value that a pattern may compare with: a literal or a dotted name.
    fn match_value(&self, expr: &Expr) -> R {
        self.load(expr)?;
        match expr.kind {
            ExprKind::Constant { value: found, .. } => match found {
                Constant::Int(_)
                | Constant::BigInt(_)
                | Constant::Float(_)
                | Constant::Complex(..)
                | Constant::Str(_)
                | Constant::Bytes(_) => Ok(()),
                _ => value("unexpected constant inside of a literal pattern"),
            },
            // Whether the attribute's own value is a name is the compiler's question.
            ExprKind::Attribute { .. } => Ok(()),
            ExprKind::UnaryOp {
                op: UnaryOperator::USub,
                operand,
            } if is_number(operand, true) => Ok(()),
            ExprKind::BinOp {
                left,
                op: Operator::Add | Operator::Sub,
                right,
            } if is_signed_number(left) && is_imaginary(right) => Ok(()),
            ExprKind::JoinedStr { .. } | ExprKind::TemplateStr { .. } => Ok(()),
            _ => value("patterns may only match literals and attribute lookups"),
        }
    }
}

fn aliases(names: &[Alias]) -> R {
    names.iter().try_for_each(|alias| {
        positions(alias.range)?;
        name(alias.name)?;
        optional_name(alias.asname)
    })
}

fn is_number(expr: &Expr, imaginary: bool) -> bool {
    match expr.kind {
        ExprKind::Constant {
            value: Constant::Int(_) | Constant::BigInt(_) | Constant::Float(_),
            ..
        } => true,
        ExprKind::Constant {
            value: Constant::Complex(..),
            ..
        } => imaginary,
        _ => false,
    }
}

fn is_signed_number(expr: &Expr) -> bool {
    match expr.kind {
        ExprKind::UnaryOp {
            op: UnaryOperator::USub,
            operand,
        } => is_number(operand, false),
        _ => is_number(expr, false),
    }
}

fn is_imaginary(expr: &Expr) -> bool {
    matches!(
        expr.kind,
        ExprKind::Constant {
            value: Constant::Complex(..),
            ..
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_the_parser_never_makes() {
        let arena = Arena::new();
        let range = Range::new(1, 0, 1, 1);
        let check = |kind| {
            let body = arena.slice(&[arena.stmt(kind, range)]);
            match validate(&Mod::Module {
                body,
                type_ignores: &[],
            }) {
                Ok(()) => String::new(),
                Err(Invalid::Value(message) | Invalid::Type(message)) => message,
                Err(Invalid::Recursion(message)) => message.to_owned(),
            }
        };
        let load = arena.expr(
            ExprKind::Name {
                id: "x",
                ctx: ExprContext::Load,
            },
            range,
        );
        assert_eq!(check(StmtKind::Expr { value: load }), "");
        assert_eq!(
            check(StmtKind::Assign {
                targets: arena.slice(&[load]),
                value: load,
                type_comment: None
            }),
            "expression must have Store context but has Load instead"
        );
        assert_eq!(
            check(StmtKind::Delete { targets: &[] }),
            "empty targets on Delete"
        );
        assert_eq!(
            check(StmtKind::If {
                test: load,
                body: &[],
                orelse: &[]
            }),
            "empty body on If"
        );
        let backwards = arena.stmt(StmtKind::Pass, Range::new(2, 0, 1, 0));
        let module = Mod::Interactive {
            body: arena.slice(&[backwards]),
        };
        assert_eq!(
            validate(&module),
            Err(Invalid::Value(
                "AST node line range (2, 1) is not valid".to_owned()
            ))
        );
        let star = arena.pattern(PatternKind::MatchStar { name: None }, range);
        let body = arena.slice(&[arena.stmt(StmtKind::Pass, range)]);
        let cases = arena.slice(&[MatchCase {
            pattern: star,
            guard: None,
            body,
        }]);
        assert_eq!(
            check(StmtKind::Match {
                subject: load,
                cases
            }),
            "can't use MatchStar here"
        );
    }
}
