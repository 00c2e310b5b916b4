//! Calls: of methods, of `super()`, of `all`, `any` and `tuple` with a generator, and all others.
//!
//! CPython: `codegen_call`, `maybe_optimize_method_call`, `maybe_optimize_function_call`, `codegen_call_helper_impl`
//! in `Python/codegen.c`.

use naja_bytecode::code::Const;
use naja_bytecode::opcode::wide as op;
use naja_parser::ast::{CmpOp, Expr, ExprContext, ExprKind, ExprRef, Keyword};

use super::expressions::TUPLE;
use super::names::AttrOp;
use super::{Compiler, Done, STACK_USE_GUIDELINE, arg, loc};
use crate::Error;
use crate::instruction_sequence::{Label, Location};
use crate::symtable::{Key, Name, flag, known, scope};

fn any_starred(args: &[ExprRef<'_>]) -> bool {
    args.iter()
        .any(|arg| matches!(arg.kind, ExprKind::Starred { .. }))
}

fn any_unpacked(keywords: &[Keyword<'_>]) -> bool {
    keywords.iter().any(|keyword| keyword.arg.is_none())
}

impl<'a> Compiler<'a, '_> {
    #[inline(never)]
    pub(super) fn call(&mut self, expr: &'a Expr<'a>) -> Done {
        let ExprKind::Call {
            func,
            args,
            keywords,
        } = expr.kind
        else {
            return Ok(());
        };
        self.validate_keywords(keywords)?;
        if self.method_call(expr, func, args, keywords)? {
            return Ok(());
        }
        let end = self.label();
        self.check_caller(func);
        self.expr(func)?;
        self.function_call(func, args, keywords, end)?;
        self.op(loc(func.range), op::PUSH_NULL);
        self.call_helper(loc(expr.range), 0, args, None, keywords)?;
        self.place(end);
        Ok(())
    }

    fn validate_keywords(&self, keywords: &[Keyword<'a>]) -> Done {
        for (i, keyword) in keywords.iter().enumerate() {
            let Some(name) = keyword.arg else {
                continue;
            };
            if let Some(other) = keywords[i + 1..]
                .iter()
                .find(|other| other.arg == Some(name))
            {
                return Err(self.error(
                    loc(other.range),
                    format!("keyword argument repeated: {name}"),
                ));
            }
        }
        Ok(())
    }

    /// The arguments of `super(...)`, if an attribute of it can be loaded without making the super object.
    pub(super) fn super_call(
        &mut self,
        value: ExprRef<'a>,
        attr: &str,
    ) -> Option<&'a [ExprRef<'a>]> {
        let ExprKind::Call {
            func,
            args,
            keywords: [],
        } = value.kind
        else {
            return None;
        };
        if !matches!(func.kind, ExprKind::Name { id: "super", .. }) || attr == "__class__" {
            return None;
        }
        let shadowed = self.block().scope(known::SUPER) != scope::GLOBAL_IMPLICIT
            || self.st.block(self.st.top()).scope(known::SUPER) != 0;
        if shadowed {
            return None;
        }
        match args.len() {
            2 => (!any_starred(args)).then_some(args),
            0 => {
                let counts = self.unit.counts;
                let has_self = counts.args > 0 || counts.posonly > 0;
                (has_self && self.class_is_free()).then_some(args)
            }
            _ => None,
        }
    }

    pub(super) fn load_args_for_super(
        &mut self,
        value: ExprRef<'a>,
        args: &'a [ExprRef<'a>],
    ) -> Done {
        let at = loc(value.range);
        if let ExprKind::Call { func, .. } = value.kind {
            self.variable(loc(func.range), known::SUPER, ExprContext::Load)?;
        }
        if args.len() == 2 {
            return self.exprs(args);
        }
        self.variable(at, known::CLASS, ExprContext::Load)?;
        let Some(&first) = self.unit.varnames.first() else {
            return Err(crate::system_error("super(): no arguments"));
        };
        self.variable(at, first, ExprContext::Load)
    }

    fn is_imported(&self, expr: ExprRef<'a>) -> bool {
        let ExprKind::Name { id, .. } = expr.kind else {
            return false;
        };
        let top = self.st.block(self.st.top());
        self.st
            .names
            .find(id)
            .is_some_and(|name| top.symbol(name) & flag::DEF_IMPORT != 0)
    }

    /// A call of an attribute, unless the arguments need unpacking; says whether it was one.
    #[inline(never)]
    fn method_call(
        &mut self,
        expr: &'a Expr<'a>,
        method: ExprRef<'a>,
        args: &'a [ExprRef<'a>],
        keywords: &'a [Keyword<'a>],
    ) -> Result<bool, Error> {
        let ExprKind::Attribute {
            value,
            attr,
            ctx: ExprContext::Load,
        } = method.kind
        else {
            return Ok(false);
        };
        let pushed = args.len() + keywords.len() + usize::from(!keywords.is_empty());
        if self.is_imported(value)
            || pushed >= STACK_USE_GUIDELINE
            || any_starred(args)
            || any_unpacked(keywords)
        {
            return Ok(false);
        }
        let mut at = loc(method.range);
        if let Some(super_args) = self.super_call(value, attr) {
            self.load_args_for_super(value, super_args)?;
            let kind = if super_args.is_empty() {
                AttrOp::ZeroSuperMethod
            } else {
                AttrOp::SuperMethod
            };
            self.attr_op(at, kind, attr);
            at = self.attr_location(at, method);
            self.op(at, op::NOP);
        } else {
            self.expr(value)?;
            at = self.attr_location(at, method);
            self.attr_op(at, AttrOp::LoadMethod, attr);
        }
        self.exprs(args)?;
        let end = self.attr_location(loc(expr.range), method);
        if keywords.is_empty() {
            self.op_n(end, op::CALL, args.len());
        } else {
            self.keyword_values(at, keywords)?;
            self.op_n(end, op::CALL_KW, args.len() + keywords.len());
        }
        Ok(true)
    }

    /// The values of keyword arguments, and the tuple of their names.
    fn keyword_values(&mut self, at: Location, keywords: &'a [Keyword<'a>]) -> Done {
        for keyword in keywords {
            self.expr(keyword.value)?;
        }
        let names = keywords
            .iter()
            .map(|keyword| Const::str(keyword.arg.unwrap_or("")));
        self.load_const(at, Const::tuple(names.collect()));
        Ok(())
    }

    /// `all(...)`, `any(...)` and `tuple(...)` of a generator expression: a loop in line, if the name means the builtin.
    #[inline(never)]
    fn function_call(
        &mut self,
        func: ExprRef<'a>,
        args: &'a [ExprRef<'a>],
        keywords: &'a [Keyword<'a>],
        end: Label,
    ) -> Done {
        let (ExprKind::Name { id, .. }, [generator], []) = (func.kind, args, keywords) else {
            return Ok(());
        };
        if !matches!(generator.kind, ExprKind::GeneratorExp { .. }) {
            return Ok(());
        }
        // An asynchronous generator cannot be looped over here.
        if self
            .st
            .lookup(Key::node(*generator))
            .is_some_and(|block| self.st.block(block).coroutine)
        {
            return Ok(());
        }
        // The constant of the builtin; for all and any, the result of an exhausted loop and what goes on with it.
        let (builtin, search) = match id {
            "all" => (
                arg::CONSTANT_BUILTIN_ALL,
                Some((true, op::POP_JUMP_IF_TRUE)),
            ),
            "any" => (
                arg::CONSTANT_BUILTIN_ANY,
                Some((false, op::POP_JUMP_IF_FALSE)),
            ),
            "tuple" => (arg::CONSTANT_BUILTIN_TUPLE, None),
            _ => return Ok(()),
        };
        let at = loc(func.range);
        let skip = self.label();
        self.op_i(at, op::COPY, 1);
        self.op_i(at, op::LOAD_COMMON_CONSTANT, builtin);
        self.compare_op(at, CmpOp::Is);
        self.jump(at, op::POP_JUMP_IF_FALSE, skip);
        self.op(at, op::POP_TOP);
        if search.is_none() {
            self.op_i(at, op::BUILD_LIST, 0);
        }
        self.expr(generator)?;
        let (start, cleanup) = (self.label(), self.label());
        self.place(start);
        self.jump(at, op::FOR_ITER, cleanup);
        if let Some((_, go_on)) = search {
            self.op(at, op::TO_BOOL);
            self.jump(at, go_on, start);
        } else {
            self.op_i(at, op::LIST_APPEND, 2);
            self.jump(at, op::JUMP, start);
        }
        self.op(Location::NONE, op::POP_ITER);
        if let Some((exhausted, _)) = search {
            self.load_const(at, Const::bool(!exhausted));
        }
        self.jump(at, op::JUMP, end);
        self.place(cleanup);
        self.op(Location::NONE, op::END_FOR);
        self.op(Location::NONE, op::POP_ITER);
        match search {
            Some((exhausted, _)) => self.load_const(at, Const::bool(exhausted)),
            None => self.op_i(at, op::CALL_INTRINSIC_1, arg::INTRINSIC_LIST_TO_TUPLE),
        }
        self.jump(at, op::JUMP, end);
        self.place(skip);
        Ok(())
    }

    /// Arguments and the call itself, for calls and classes. `pushed` arguments lie on the stack already, and the
    /// variable `injected` follows the positional ones.
    #[inline(never)]
    pub(super) fn call_helper(
        &mut self,
        at: Location,
        pushed: usize,
        args: &'a [ExprRef<'a>],
        injected: Option<Name>,
        keywords: &'a [Keyword<'a>],
    ) -> Done {
        self.validate_keywords(keywords)?;
        let many = args.len() + keywords.len() * 2 > STACK_USE_GUIDELINE;
        if many || any_starred(args) || any_unpacked(keywords) {
            return self.unpacking_call(at, pushed, args, injected, keywords);
        }
        self.exprs(args)?;
        let mut count = pushed + args.len() + keywords.len();
        if let Some(name) = injected {
            self.variable(at, name, ExprContext::Load)?;
            count += 1;
        }
        if keywords.is_empty() {
            self.op_n(at, op::CALL, count);
        } else {
            self.keyword_values(at, keywords)?;
            self.op_n(at, op::CALL_KW, count);
        }
        Ok(())
    }

    #[inline(never)]
    fn unpacking_call(
        &mut self,
        at: Location,
        pushed: usize,
        args: &'a [ExprRef<'a>],
        injected: Option<Name>,
        keywords: &'a [Keyword<'a>],
    ) -> Done {
        match args {
            [
                Expr {
                    kind: ExprKind::Starred { value, .. },
                    ..
                },
            ] if pushed == 0 => self.expr(value)?,
            _ => self.collection(at, args, injected, pushed, TUPLE)?,
        }
        let mut have_dict = false;
        let mut seen = 0;
        for (i, keyword) in keywords.iter().enumerate() {
            if keyword.arg.is_some() {
                seen += 1;
                continue;
            }
            if seen > 0 {
                self.keyword_dict(at, &keywords[i - seen..i])?;
                if have_dict {
                    self.op_i(at, op::DICT_MERGE, 1);
                }
                have_dict = true;
                seen = 0;
            }
            if !have_dict {
                self.op_i(at, op::BUILD_MAP, 0);
                have_dict = true;
            }
            self.expr(keyword.value)?;
            self.op_i(at, op::DICT_MERGE, 1);
        }
        if seen > 0 {
            self.keyword_dict(at, &keywords[keywords.len() - seen..])?;
            if have_dict {
                self.op_i(at, op::DICT_MERGE, 1);
            }
        }
        if keywords.is_empty() {
            self.op(at, op::PUSH_NULL);
        }
        self.op(at, op::CALL_FUNCTION_EX);
        Ok(())
    }

    /// Keyword arguments as a dict.
    fn keyword_dict(&mut self, at: Location, keywords: &'a [Keyword<'a>]) -> Done {
        let big = keywords.len() * 2 > STACK_USE_GUIDELINE;
        if big {
            self.op_i(Location::NONE, op::BUILD_MAP, 0);
        }
        for keyword in keywords {
            self.load_const(at, Const::str(keyword.arg.unwrap_or("")));
            self.expr(keyword.value)?;
            if big {
                self.op_i(Location::NONE, op::MAP_ADD, 1);
            }
        }
        if !big {
            self.op_n(at, op::BUILD_MAP, keywords.len());
        }
        Ok(())
    }
}
