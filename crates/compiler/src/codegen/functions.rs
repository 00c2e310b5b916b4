//! Functions, lambdas, type parameters and type aliases.
//!
//! CPython: `codegen_function`, `codegen_lambda`, `codegen_type_params`, `codegen_typealias` in `Python/codegen.c`.

use naja_bytecode::code::{Const, Text};
use naja_bytecode::opcode::wide as op;
use naja_parser::ast::{
    self, Arguments, Expr, ExprContext, ExprKind, ExprRef, Stmt, StmtKind, TypeParam, TypeParamKind,
};

use super::docstring::clean_doc;
use super::{Compiler, Done, arg, loc};
use crate::instruction_sequence::{Label, Location};
use crate::symtable::Key;
use crate::unit::{ArgCounts, Datum, FrameBlockKind, ScopeKind};
use crate::{Error, system_error};

fn counts(args: &Arguments<'_>) -> ArgCounts {
    ArgCounts {
        args: args.args.len() as u32,
        posonly: args.posonlyargs.len() as u32,
        kwonly: args.kwonlyargs.len() as u32,
    }
}

impl<'a> Compiler<'a, '_> {
    pub(super) fn decorators(&mut self, decorators: &'a [ExprRef<'a>]) -> Done {
        self.exprs(decorators)
    }

    pub(super) fn apply_decorators(&mut self, decorators: &'a [ExprRef<'a>]) {
        for decorator in decorators.iter().rev() {
            self.op_i(loc(decorator.range), op::CALL, 0);
        }
    }

    /// Pushes the defaults of positional and keyword-only parameters; returns the flags for them.
    fn default_arguments(&mut self, at: Location, args: &'a Arguments<'a>) -> Result<i32, Error> {
        let mut flags = 0;
        if !args.defaults.is_empty() {
            self.exprs(args.defaults)?;
            self.op_n(at, op::BUILD_TUPLE, args.defaults.len());
            flags |= arg::MAKE_FUNCTION_DEFAULTS;
        }
        let mut count = 0;
        for (parameter, default) in args.kwonlyargs.iter().zip(args.kw_defaults) {
            if let Some(default) = default {
                count += 1;
                let name = self.maybe_mangle(parameter.arg);
                self.load_name_const(at, name);
                self.expr(default)?;
            }
        }
        if count > 0 {
            self.op_i(at, op::BUILD_MAP, count);
            flags |= arg::MAKE_FUNCTION_KWDEFAULTS;
        }
        Ok(flags)
    }

    /// Turns StopIteration that leaves a generator's body into RuntimeError.
    pub(super) fn wrap_in_stopiteration_handler(&mut self) {
        let handler = self.label();
        self.unit
            .seq
            .insert(0, op::SETUP_CLEANUP, handler.0, Location::NONE);
        self.load_const(Location::NONE, Const::None);
        self.op(Location::NONE, op::RETURN_VALUE);
        self.place(handler);
        self.op_i(
            Location::NONE,
            op::CALL_INTRINSIC_1,
            arg::INTRINSIC_STOPITERATION_ERROR,
        );
        self.op_i(Location::NONE, op::RERAISE, 1);
    }

    #[inline(never)]
    fn function_body(&mut self, stmt: &'a Stmt<'a>, flags: i32, firstlineno: i32) -> Done {
        let (StmtKind::FunctionDef {
            name, args, body, ..
        }
        | StmtKind::AsyncFunctionDef {
            name, args, body, ..
        }) = stmt.kind
        else {
            return Ok(());
        };
        let scope = match stmt.kind {
            StmtKind::AsyncFunctionDef { .. } => ScopeKind::AsyncFunction,
            _ => ScopeKind::Function,
        };
        self.enter_scope(
            name,
            scope,
            Key::node(stmt),
            firstlineno,
            None,
            counts(args),
        )?;
        let block = self.block();
        let (has_docstring, guarded) = (block.has_docstring, block.coroutine || block.generator);
        let mut body = body;
        if has_docstring && let Some(text) = ast::docstring(body) {
            let text = clean_doc(text.as_bytes());
            self.unit.consts.add(Const::Str(Text::from_wtf8(text)));
            body = body.get(1..).unwrap_or(&[]);
        }
        let start = self.label();
        self.place(start);
        if guarded {
            self.push_block(
                Location::NONE,
                FrameBlockKind::StopIteration,
                start,
                Label::NONE,
                Datum::None,
            )?;
        }
        self.stmts(body)?;
        if guarded {
            self.wrap_in_stopiteration_handler();
            self.pop_block();
        }
        let code = self.assemble_unit(true)?;
        self.make_closure(loc(stmt.range), code, flags)
    }

    #[inline(never)]
    pub(super) fn function(&mut self, stmt: &'a Stmt<'a>) -> Done {
        let (StmtKind::FunctionDef {
            name,
            args,
            decorator_list,
            returns,
            type_params,
            ..
        }
        | StmtKind::AsyncFunctionDef {
            name,
            args,
            decorator_list,
            returns,
            type_params,
            ..
        }) = stmt.kind
        else {
            return Ok(());
        };
        self.decorators(decorator_list)?;
        let firstlineno = decorator_list
            .first()
            .map_or(stmt.range.lineno, |first| first.range.lineno);
        let at = loc(stmt.range);
        let is_generic = !type_params.is_empty();
        let mut flags = self.default_arguments(at, args)?;
        let mut passed = 0;
        if is_generic {
            passed = i32::from(flags & arg::MAKE_FUNCTION_DEFAULTS != 0)
                + i32::from(flags & arg::MAKE_FUNCTION_KWDEFAULTS != 0);
            if passed == 2 {
                self.op_i(at, op::SWAP, 2);
            }
            let counts = ArgCounts {
                args: passed as u32,
                ..ArgCounts::default()
            };
            self.enter_type_params(name, type_params, firstlineno, None, counts)?;
            self.type_params(type_params)?;
            for i in 0..passed {
                self.op_i(at, op::LOAD_FAST, i);
            }
        }
        flags |= self.function_annotations(at, stmt, args, returns)?;
        self.function_body(stmt, flags, firstlineno)?;
        if is_generic {
            self.op_i(at, op::SWAP, 2);
            self.op_i(
                at,
                op::CALL_INTRINSIC_2,
                arg::INTRINSIC_SET_FUNCTION_TYPE_PARAMS,
            );
            let code = self.assemble_unit(false)?;
            self.make_closure(at, code, 0)?;
            if passed > 0 {
                self.op_i(at, op::SWAP, passed + 1);
                self.op_i(at, op::CALL, passed - 1);
            } else {
                self.op(at, op::PUSH_NULL);
                self.op_i(at, op::CALL, 0);
            }
        }
        self.apply_decorators(decorator_list);
        self.name_op(at, name, ExprContext::Store)
    }

    /// Begins the scope of the type parameters of `name`.
    pub(super) fn enter_type_params(
        &mut self,
        name: &str,
        params: &'a [TypeParam<'a>],
        lineno: i32,
        private: Option<crate::symtable::Name>,
        counts: ArgCounts,
    ) -> Done {
        let title = format!("<generic parameters of {name}>");
        self.enter_scope(
            &title,
            ScopeKind::Annotations,
            Key::type_params(params),
            lineno,
            private,
            counts,
        )
    }

    /// Makes the type parameters, binds them and pushes a tuple of them.
    pub(super) fn type_params(&mut self, params: &'a [TypeParam<'a>]) -> Done {
        let mut seen_default = false;
        for param in params {
            let at = loc(param.range);
            let (name, default, key, starred) = match param.kind {
                TypeParamKind::TypeVar {
                    name,
                    bound,
                    default_value,
                } => {
                    self.load_const(at, Const::str(name));
                    if let Some(bound) = bound {
                        self.type_param_part(bound, name, Key::node(param), false)?;
                        let intrinsic = match bound.kind {
                            ExprKind::Tuple { .. } => arg::INTRINSIC_TYPEVAR_WITH_CONSTRAINTS,
                            _ => arg::INTRINSIC_TYPEVAR_WITH_BOUND,
                        };
                        self.op_i(at, op::CALL_INTRINSIC_2, intrinsic);
                    } else {
                        self.op_i(at, op::CALL_INTRINSIC_1, arg::INTRINSIC_TYPEVAR);
                    }
                    (name, default_value, Key::default(param), false)
                }
                TypeParamKind::TypeVarTuple {
                    name,
                    default_value,
                } => {
                    self.load_const(at, Const::str(name));
                    self.op_i(at, op::CALL_INTRINSIC_1, arg::INTRINSIC_TYPEVARTUPLE);
                    (name, default_value, Key::node(param), true)
                }
                TypeParamKind::ParamSpec {
                    name,
                    default_value,
                } => {
                    self.load_const(at, Const::str(name));
                    self.op_i(at, op::CALL_INTRINSIC_1, arg::INTRINSIC_PARAMSPEC);
                    (name, default_value, Key::node(param), false)
                }
            };
            if let Some(default) = default {
                seen_default = true;
                self.type_param_part(default, name, key, starred)?;
                self.op_i(
                    at,
                    op::CALL_INTRINSIC_2,
                    arg::INTRINSIC_SET_TYPEPARAM_DEFAULT,
                );
            } else if seen_default {
                let message =
                    format!("non-default type parameter '{name}' follows default type parameter");
                return Err(self.error(at, message));
            }
            self.op_i(at, op::COPY, 1);
            self.name_op(at, name, ExprContext::Store)?;
        }
        if let Some(first) = params.first() {
            self.op_n(loc(first.range), op::BUILD_TUPLE, params.len());
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn lambda(
        &mut self,
        expr: &'a Expr<'a>,
        args: &'a Arguments<'a>,
        body: ExprRef<'a>,
    ) -> Done {
        let at = loc(expr.range);
        let flags = self.default_arguments(at, args)?;
        self.enter_scope(
            "<lambda>",
            ScopeKind::Lambda,
            Key::node(expr),
            expr.range.lineno,
            None,
            counts(args),
        )?;
        self.expr(body)?;
        let generator = self.block().generator;
        if !generator {
            self.op(loc(body.range), op::RETURN_VALUE);
        }
        let code = self.assemble_unit(!generator)?;
        self.make_closure(at, code, flags)
    }

    #[inline(never)]
    pub(super) fn type_alias(&mut self, stmt: &'a Stmt<'a>) -> Done {
        let StmtKind::TypeAlias {
            name,
            type_params,
            value,
        } = stmt.kind
        else {
            return Ok(());
        };
        let ExprKind::Name { id: name, .. } = name.kind else {
            return Err(system_error("type alias without a name"));
        };
        let at = loc(stmt.range);
        let is_generic = !type_params.is_empty();
        if is_generic {
            self.enter_type_params(name, type_params, at.lineno, None, ArgCounts::default())?;
            self.load_const(at, Const::str(name));
            self.type_params(type_params)?;
        } else {
            self.load_const(at, Const::str(name));
            self.load_const(at, Const::None);
        }
        self.load_const(at, Const::tuple(vec![Const::Int(1)]));
        let id = self.st.names.intern(name);
        self.setup_annotations_scope(at, Key::node(stmt), id)?;
        self.expr(value)?;
        self.op(at, op::RETURN_VALUE);
        let code = self.assemble_unit(false)?;
        self.make_closure(at, code, arg::MAKE_FUNCTION_DEFAULTS)?;
        self.op_i(at, op::BUILD_TUPLE, 3);
        self.op_i(at, op::CALL_INTRINSIC_1, arg::INTRINSIC_TYPEALIAS);
        if is_generic {
            let code = self.assemble_unit(false)?;
            self.make_closure(at, code, 0)?;
            self.op(at, op::PUSH_NULL);
            self.op_i(at, op::CALL, 0);
        }
        self.name_op(at, name, ExprContext::Store)
    }
}
