//! The text of a tree, as Python's `ast.dump(tree, include_attributes=...)` prints it.
//!
//! Optional fields that are absent and lists that are empty are left out; constants are printed by `repr`.
//! CPython: `Lib/ast.py`.

use crate::ast::*;
use crate::repr;
use crate::stack::Stack;
use std::fmt::Write;

/// The tree is too deep to print.
#[derive(Debug)]
pub struct TooDeep;

type D = Result<(), TooDeep>;

/// `ast.dump(module, include_attributes=include_attributes)`
pub fn dump(module: &Mod, include_attributes: bool) -> Result<String, TooDeep> {
    let mut dumper = Dumper {
        out: String::new(),
        attributes: include_attributes,
        stack: Stack::here(),
        first: true,
    };
    dumper.module(module)?;
    Ok(dumper.out)
}

/// `ast.dump` of one expression.
pub fn dump_expr(value: &Expr, include_attributes: bool) -> Result<String, TooDeep> {
    let mut dumper = Dumper {
        out: String::new(),
        attributes: include_attributes,
        stack: Stack::here(),
        first: true,
    };
    dumper.expr(value)?;
    Ok(dumper.out)
}

struct Dumper {
    out: String,
    attributes: bool,
    stack: Stack,
    /// No argument of the innermost node has been printed yet.
    first: bool,
}

impl Dumper {
    fn open(&mut self, name: &str) {
        self.out.push_str(name);
        self.out.push('(');
        self.first = true;
    }

    fn close(&mut self) {
        self.out.push(')');
        self.first = false;
    }

    fn close_at(&mut self, range: Range) {
        if self.attributes {
            let comma = if self.first { "" } else { ", " };
            let _ = write!(
                self.out,
                "{comma}lineno={}, col_offset={}, end_lineno={}, end_col_offset={}",
                range.lineno, range.col_offset, range.end_lineno, range.end_col_offset
            );
        }
        self.close();
    }

    fn field(&mut self, name: &str) {
        if !self.first {
            self.out.push_str(", ");
        }
        self.first = false;
        self.out.push_str(name);
        self.out.push('=');
    }

    fn list<V>(&mut self, name: &str, values: &[V], mut each: impl FnMut(&mut Self, &V) -> D) -> D {
        if values.is_empty() {
            return Ok(());
        }
        self.field(name);
        self.out.push('[');
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.out.push_str(", ");
            }
            each(self, value)?;
        }
        self.out.push(']');
        self.first = false;
        Ok(())
    }

    fn exprs(&mut self, name: &str, values: &[&Expr]) -> D {
        self.list(name, values, |dumper, value| dumper.expr(value))
    }

    fn optional_exprs(&mut self, name: &str, values: &[Option<&Expr>]) -> D {
        self.list(name, values, |dumper, value| match value {
            Some(value) => dumper.expr(value),
            None => {
                dumper.out.push_str("None");
                Ok(())
            }
        })
    }

    fn stmts(&mut self, name: &str, values: &[&Stmt]) -> D {
        self.list(name, values, |dumper, value| dumper.stmt(value))
    }

    fn expr_field(&mut self, name: &str, value: &Expr) -> D {
        self.field(name);
        self.expr(value)
    }

    fn optional(&mut self, name: &str, value: Option<&Expr>) -> D {
        value.map_or(Ok(()), |value| self.expr_field(name, value))
    }

    fn str_field(&mut self, name: &str, value: &str) {
        self.field(name);
        repr::str(&mut self.out, value.as_bytes());
    }

    fn optional_str(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.str_field(name, value);
        }
    }

    fn names(&mut self, name: &str, values: &[&str]) -> D {
        self.list(name, values, |dumper, value| {
            repr::str(&mut dumper.out, value.as_bytes());
            Ok(())
        })
    }

    fn plain(&mut self, name: &str, value: impl std::fmt::Display) {
        self.field(name);
        let _ = write!(self.out, "{value}");
    }

    /// A node without fields, by its name in the enumeration.
    fn unit(&mut self, name: &str, value: impl std::fmt::Debug) {
        self.field(name);
        let _ = write!(self.out, "{value:?}()");
    }

    fn constant(&mut self, name: &str, value: &Constant) {
        self.field(name);
        repr::constant(&mut self.out, value);
    }

    fn module(&mut self, module: &Mod) -> D {
        match *module {
            Mod::Module { body, type_ignores } => {
                self.open("Module");
                self.stmts("body", body)?;
                self.list("type_ignores", type_ignores, |dumper, ignore| {
                    dumper.open("TypeIgnore");
                    dumper.plain("lineno", ignore.lineno);
                    dumper.str_field("tag", ignore.tag);
                    dumper.close();
                    Ok(())
                })?;
            }
            Mod::Interactive { body } => {
                self.open("Interactive");
                self.stmts("body", body)?;
            }
            Mod::Expression { body } => {
                self.open("Expression");
                self.expr_field("body", body)?;
            }
            Mod::FunctionType { argtypes, returns } => {
                self.open("FunctionType");
                self.exprs("argtypes", argtypes)?;
                self.expr_field("returns", returns)?;
            }
        }
        self.close();
        Ok(())
    }

    fn stmt(&mut self, stmt: &Stmt) -> D {
        if self.stack.exhausted() {
            return Err(TooDeep);
        }
        match stmt.kind {
            StmtKind::FunctionDef {
                name,
                args,
                body,
                decorator_list,
                returns,
                type_comment,
                type_params,
            } => {
                self.open("FunctionDef");
                self.function(
                    name,
                    args,
                    body,
                    decorator_list,
                    returns,
                    type_comment,
                    type_params,
                )?;
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
                self.open("AsyncFunctionDef");
                self.function(
                    name,
                    args,
                    body,
                    decorator_list,
                    returns,
                    type_comment,
                    type_params,
                )?;
            }
            StmtKind::ClassDef {
                name,
                bases,
                keywords,
                body,
                decorator_list,
                type_params,
            } => {
                self.open("ClassDef");
                self.str_field("name", name);
                self.exprs("bases", bases)?;
                self.list("keywords", keywords, Self::keyword)?;
                self.stmts("body", body)?;
                self.exprs("decorator_list", decorator_list)?;
                self.list("type_params", type_params, Self::type_param)?;
            }
            StmtKind::Return { value } => {
                self.open("Return");
                self.optional("value", value)?;
            }
            StmtKind::Delete { targets } => {
                self.open("Delete");
                self.exprs("targets", targets)?;
            }
            StmtKind::Assign {
                targets,
                value,
                type_comment,
            } => {
                self.open("Assign");
                self.exprs("targets", targets)?;
                self.expr_field("value", value)?;
                self.optional_str("type_comment", type_comment);
            }
            StmtKind::TypeAlias {
                name,
                type_params,
                value,
            } => {
                self.open("TypeAlias");
                self.expr_field("name", name)?;
                self.list("type_params", type_params, Self::type_param)?;
                self.expr_field("value", value)?;
            }
            StmtKind::AugAssign { target, op, value } => {
                self.open("AugAssign");
                self.expr_field("target", target)?;
                self.unit("op", op);
                self.expr_field("value", value)?;
            }
            StmtKind::AnnAssign {
                target,
                annotation,
                value,
                simple,
            } => {
                self.open("AnnAssign");
                self.expr_field("target", target)?;
                self.expr_field("annotation", annotation)?;
                self.optional("value", value)?;
                self.plain("simple", i32::from(simple));
            }
            StmtKind::For {
                target,
                iter,
                body,
                orelse,
                type_comment,
            } => {
                self.open("For");
                self.for_loop(target, iter, body, orelse, type_comment)?;
            }
            StmtKind::AsyncFor {
                target,
                iter,
                body,
                orelse,
                type_comment,
            } => {
                self.open("AsyncFor");
                self.for_loop(target, iter, body, orelse, type_comment)?;
            }
            StmtKind::While { test, body, orelse } => {
                self.open("While");
                self.expr_field("test", test)?;
                self.stmts("body", body)?;
                self.stmts("orelse", orelse)?;
            }
            StmtKind::If { test, body, orelse } => {
                self.open("If");
                self.expr_field("test", test)?;
                self.stmts("body", body)?;
                self.stmts("orelse", orelse)?;
            }
            StmtKind::With {
                items,
                body,
                type_comment,
            } => {
                self.open("With");
                self.with(items, body, type_comment)?;
            }
            StmtKind::AsyncWith {
                items,
                body,
                type_comment,
            } => {
                self.open("AsyncWith");
                self.with(items, body, type_comment)?;
            }
            StmtKind::Match { subject, cases } => {
                self.open("Match");
                self.expr_field("subject", subject)?;
                self.list("cases", cases, |dumper, case| {
                    dumper.open("match_case");
                    dumper.field("pattern");
                    dumper.pattern(case.pattern)?;
                    dumper.optional("guard", case.guard)?;
                    dumper.stmts("body", case.body)?;
                    dumper.close();
                    Ok(())
                })?;
            }
            StmtKind::Raise { exc, cause } => {
                self.open("Raise");
                self.optional("exc", exc)?;
                self.optional("cause", cause)?;
            }
            StmtKind::Try {
                body,
                handlers,
                orelse,
                finalbody,
            } => {
                self.open("Try");
                self.try_block(body, handlers, orelse, finalbody)?;
            }
            StmtKind::TryStar {
                body,
                handlers,
                orelse,
                finalbody,
            } => {
                self.open("TryStar");
                self.try_block(body, handlers, orelse, finalbody)?;
            }
            StmtKind::Assert { test, msg } => {
                self.open("Assert");
                self.expr_field("test", test)?;
                self.optional("msg", msg)?;
            }
            StmtKind::Import { names } => {
                self.open("Import");
                self.list("names", names, Self::alias)?;
            }
            StmtKind::ImportFrom {
                module,
                names,
                level,
            } => {
                self.open("ImportFrom");
                self.optional_str("module", module);
                self.list("names", names, Self::alias)?;
                self.plain("level", level);
            }
            StmtKind::Global { names } => {
                self.open("Global");
                self.names("names", names)?;
            }
            StmtKind::Nonlocal { names } => {
                self.open("Nonlocal");
                self.names("names", names)?;
            }
            StmtKind::Expr { value } => {
                self.open("Expr");
                self.expr_field("value", value)?;
            }
            StmtKind::Pass => self.open("Pass"),
            StmtKind::Break => self.open("Break"),
            StmtKind::Continue => self.open("Continue"),
        }
        self.close_at(stmt.range);
        Ok(())
    }

    fn function(
        &mut self,
        name: &str,
        args: &Arguments,
        body: &[&Stmt],
        decorator_list: &[&Expr],
        returns: Option<&Expr>,
        type_comment: Option<&str>,
        type_params: &[TypeParam],
    ) -> D {
        self.str_field("name", name);
        self.field("args");
        self.arguments(args)?;
        self.stmts("body", body)?;
        self.exprs("decorator_list", decorator_list)?;
        self.optional("returns", returns)?;
        self.optional_str("type_comment", type_comment);
        self.list("type_params", type_params, Self::type_param)
    }

    fn for_loop(
        &mut self,
        target: &Expr,
        iter: &Expr,
        body: &[&Stmt],
        orelse: &[&Stmt],
        type_comment: Option<&str>,
    ) -> D {
        self.expr_field("target", target)?;
        self.expr_field("iter", iter)?;
        self.stmts("body", body)?;
        self.stmts("orelse", orelse)?;
        self.optional_str("type_comment", type_comment);
        Ok(())
    }

    fn with(&mut self, items: &[WithItem], body: &[&Stmt], type_comment: Option<&str>) -> D {
        self.list("items", items, |dumper, item| {
            dumper.open("withitem");
            dumper.expr_field("context_expr", item.context_expr)?;
            dumper.optional("optional_vars", item.optional_vars)?;
            dumper.close();
            Ok(())
        })?;
        self.stmts("body", body)?;
        self.optional_str("type_comment", type_comment);
        Ok(())
    }

    fn try_block(
        &mut self,
        body: &[&Stmt],
        handlers: &[ExceptHandler],
        orelse: &[&Stmt],
        finalbody: &[&Stmt],
    ) -> D {
        self.stmts("body", body)?;
        self.list("handlers", handlers, |dumper, handler| {
            dumper.open("ExceptHandler");
            dumper.optional("type", handler.type_)?;
            dumper.optional_str("name", handler.name);
            dumper.stmts("body", handler.body)?;
            dumper.close_at(handler.range);
            Ok(())
        })?;
        self.stmts("orelse", orelse)?;
        self.stmts("finalbody", finalbody)
    }

    fn arguments(&mut self, args: &Arguments) -> D {
        self.open("arguments");
        self.list("posonlyargs", args.posonlyargs, Self::arg)?;
        self.list("args", args.args, Self::arg)?;
        if let Some(vararg) = args.vararg {
            self.field("vararg");
            self.arg(vararg)?;
        }
        self.list("kwonlyargs", args.kwonlyargs, Self::arg)?;
        self.optional_exprs("kw_defaults", args.kw_defaults)?;
        if let Some(kwarg) = args.kwarg {
            self.field("kwarg");
            self.arg(kwarg)?;
        }
        self.exprs("defaults", args.defaults)?;
        self.close();
        Ok(())
    }

    fn arg(&mut self, arg: &Arg) -> D {
        self.open("arg");
        self.str_field("arg", arg.arg);
        self.optional("annotation", arg.annotation)?;
        self.optional_str("type_comment", arg.type_comment);
        self.close_at(arg.range);
        Ok(())
    }

    fn keyword(&mut self, keyword: &Keyword) -> D {
        self.open("keyword");
        self.optional_str("arg", keyword.arg);
        self.expr_field("value", keyword.value)?;
        self.close_at(keyword.range);
        Ok(())
    }

    fn alias(&mut self, alias: &Alias) -> D {
        self.open("alias");
        self.str_field("name", alias.name);
        self.optional_str("asname", alias.asname);
        self.close_at(alias.range);
        Ok(())
    }

    fn type_param(&mut self, param: &TypeParam) -> D {
        match param.kind {
            TypeParamKind::TypeVar {
                name,
                bound,
                default_value,
            } => {
                self.open("TypeVar");
                self.str_field("name", name);
                self.optional("bound", bound)?;
                self.optional("default_value", default_value)?;
            }
            TypeParamKind::ParamSpec {
                name,
                default_value,
            } => {
                self.open("ParamSpec");
                self.str_field("name", name);
                self.optional("default_value", default_value)?;
            }
            TypeParamKind::TypeVarTuple {
                name,
                default_value,
            } => {
                self.open("TypeVarTuple");
                self.str_field("name", name);
                self.optional("default_value", default_value)?;
            }
        }
        self.close_at(param.range);
        Ok(())
    }

    fn comprehension(&mut self, clause: &Comprehension) -> D {
        self.open("comprehension");
        self.expr_field("target", clause.target)?;
        self.expr_field("iter", clause.iter)?;
        self.exprs("ifs", clause.ifs)?;
        self.plain("is_async", i32::from(clause.is_async));
        self.close();
        Ok(())
    }

    fn pattern(&mut self, pattern: &Pattern) -> D {
        if self.stack.exhausted() {
            return Err(TooDeep);
        }
        let patterns = |dumper: &mut Self, name: &str, values: &[&Pattern]| {
            dumper.list(name, values, |dumper, value| dumper.pattern(value))
        };
        match pattern.kind {
            PatternKind::MatchValue { value } => {
                self.open("MatchValue");
                self.expr_field("value", value)?;
            }
            PatternKind::MatchSingleton { value } => {
                self.open("MatchSingleton");
                self.constant("value", &value);
            }
            PatternKind::MatchSequence { patterns: list } => {
                self.open("MatchSequence");
                patterns(self, "patterns", list)?;
            }
            PatternKind::MatchMapping {
                keys,
                patterns: list,
                rest,
            } => {
                self.open("MatchMapping");
                self.exprs("keys", keys)?;
                patterns(self, "patterns", list)?;
                self.optional_str("rest", rest);
            }
            PatternKind::MatchClass {
                cls,
                patterns: list,
                kwd_attrs,
                kwd_patterns,
            } => {
                self.open("MatchClass");
                self.expr_field("cls", cls)?;
                patterns(self, "patterns", list)?;
                self.names("kwd_attrs", kwd_attrs)?;
                patterns(self, "kwd_patterns", kwd_patterns)?;
            }
            PatternKind::MatchStar { name } => {
                self.open("MatchStar");
                self.optional_str("name", name);
            }
            PatternKind::MatchAs { pattern, name } => {
                self.open("MatchAs");
                if let Some(pattern) = pattern {
                    self.field("pattern");
                    self.pattern(pattern)?;
                }
                self.optional_str("name", name);
            }
            PatternKind::MatchOr { patterns: list } => {
                self.open("MatchOr");
                patterns(self, "patterns", list)?;
            }
        }
        self.close_at(pattern.range);
        Ok(())
    }

    fn expr(&mut self, expr: &Expr) -> D {
        if self.stack.exhausted() {
            return Err(TooDeep);
        }
        match expr.kind {
            ExprKind::BoolOp { op, values } => {
                self.open("BoolOp");
                self.unit("op", op);
                self.exprs("values", values)?;
            }
            ExprKind::NamedExpr { target, value } => {
                self.open("NamedExpr");
                self.expr_field("target", target)?;
                self.expr_field("value", value)?;
            }
            ExprKind::BinOp { left, op, right } => {
                self.open("BinOp");
                self.expr_field("left", left)?;
                self.unit("op", op);
                self.expr_field("right", right)?;
            }
            ExprKind::UnaryOp { op, operand } => {
                self.open("UnaryOp");
                self.unit("op", op);
                self.expr_field("operand", operand)?;
            }
            ExprKind::Lambda { args, body } => {
                self.open("Lambda");
                self.field("args");
                self.arguments(args)?;
                self.expr_field("body", body)?;
            }
            ExprKind::IfExp { test, body, orelse } => {
                self.open("IfExp");
                self.expr_field("test", test)?;
                self.expr_field("body", body)?;
                self.expr_field("orelse", orelse)?;
            }
            ExprKind::Dict { keys, values } => {
                self.open("Dict");
                self.optional_exprs("keys", keys)?;
                self.exprs("values", values)?;
            }
            ExprKind::Set { elts } => {
                self.open("Set");
                self.exprs("elts", elts)?;
            }
            ExprKind::ListComp { elt, generators } => {
                self.comprehensions("ListComp", elt, generators)?
            }
            ExprKind::SetComp { elt, generators } => {
                self.comprehensions("SetComp", elt, generators)?
            }
            ExprKind::GeneratorExp { elt, generators } => {
                self.comprehensions("GeneratorExp", elt, generators)?
            }
            ExprKind::DictComp {
                key,
                value,
                generators,
            } => {
                self.open("DictComp");
                self.expr_field("key", key)?;
                self.expr_field("value", value)?;
                self.list("generators", generators, Self::comprehension)?;
            }
            ExprKind::Await { value } => {
                self.open("Await");
                self.expr_field("value", value)?;
            }
            ExprKind::Yield { value } => {
                self.open("Yield");
                self.optional("value", value)?;
            }
            ExprKind::YieldFrom { value } => {
                self.open("YieldFrom");
                self.expr_field("value", value)?;
            }
            ExprKind::Compare {
                left,
                ops,
                comparators,
            } => {
                self.open("Compare");
                self.expr_field("left", left)?;
                self.list("ops", ops, |dumper, op| {
                    let _ = write!(dumper.out, "{op:?}()");
                    Ok(())
                })?;
                self.exprs("comparators", comparators)?;
            }
            ExprKind::Call {
                func,
                args,
                keywords,
            } => {
                self.open("Call");
                self.expr_field("func", func)?;
                self.exprs("args", args)?;
                self.list("keywords", keywords, Self::keyword)?;
            }
            ExprKind::FormattedValue {
                value,
                conversion,
                format_spec,
            } => {
                self.open("FormattedValue");
                self.expr_field("value", value)?;
                self.plain("conversion", conversion);
                self.optional("format_spec", format_spec)?;
            }
            ExprKind::Interpolation {
                value,
                str,
                conversion,
                format_spec,
            } => {
                self.open("Interpolation");
                self.expr_field("value", value)?;
                self.constant("str", str);
                self.plain("conversion", conversion);
                self.optional("format_spec", format_spec)?;
            }
            ExprKind::JoinedStr { values } => {
                self.open("JoinedStr");
                self.exprs("values", values)?;
            }
            ExprKind::TemplateStr { values } => {
                self.open("TemplateStr");
                self.exprs("values", values)?;
            }
            ExprKind::Constant { value, kind } => {
                self.open("Constant");
                self.constant("value", &value);
                self.optional_str("kind", kind);
            }
            ExprKind::Attribute { value, attr, ctx } => {
                self.open("Attribute");
                self.expr_field("value", value)?;
                self.str_field("attr", attr);
                self.unit("ctx", ctx);
            }
            ExprKind::Subscript { value, slice, ctx } => {
                self.open("Subscript");
                self.expr_field("value", value)?;
                self.expr_field("slice", slice)?;
                self.unit("ctx", ctx);
            }
            ExprKind::Starred { value, ctx } => {
                self.open("Starred");
                self.expr_field("value", value)?;
                self.unit("ctx", ctx);
            }
            ExprKind::Name { id, ctx } => {
                self.open("Name");
                self.str_field("id", id);
                self.unit("ctx", ctx);
            }
            ExprKind::List { elts, ctx } => {
                self.open("List");
                self.exprs("elts", elts)?;
                self.unit("ctx", ctx);
            }
            ExprKind::Tuple { elts, ctx } => {
                self.open("Tuple");
                self.exprs("elts", elts)?;
                self.unit("ctx", ctx);
            }
            ExprKind::Slice { lower, upper, step } => {
                self.open("Slice");
                self.optional("lower", lower)?;
                self.optional("upper", upper)?;
                self.optional("step", step)?;
            }
        }
        self.close_at(expr.range);
        Ok(())
    }

    fn comprehensions(&mut self, name: &str, elt: &Expr, generators: &[Comprehension]) -> D {
        self.open(name);
        self.expr_field("elt", elt)?;
        self.list("generators", generators, Self::comprehension)
    }
}
