//! Simple statements, and the switch over all of them.
//!
//! CPython: `codegen_visit_stmt`, `codegen_return`, `codegen_import`, `codegen_assert` in `Python/codegen.c`.

use naja_bytecode::code::Const;
use naja_bytecode::opcode::wide as op;
use naja_parser::ast::{
    Alias, Constant, Expr, ExprContext, ExprKind, ExprRef, Operator, Range, Stmt, StmtKind,
};

use super::names::AttrOp;
use super::{Compiler, Done, arg, constant, loc};
use crate::instruction_sequence::Location;
use crate::system_error;

impl<'a> Compiler<'a, '_> {
    /// A statement whose parts may not be executed, which matters for annotations inside.
    fn conditional(&mut self, generate: impl FnOnce(&mut Self) -> Done) -> Done {
        self.unit.in_conditional_block += 1;
        // After an error the unit may be another one; nothing goes on then.
        generate(self)?;
        self.unit.in_conditional_block -= 1;
        Ok(())
    }

    pub(super) fn stmt(&mut self, stmt: &'a Stmt<'a>) -> Done {
        self.check_depth()?;
        let at = loc(stmt.range);
        match stmt.kind {
            StmtKind::FunctionDef { .. } | StmtKind::AsyncFunctionDef { .. } => self.function(stmt),
            StmtKind::ClassDef { .. } => self.class(stmt),
            StmtKind::TypeAlias { .. } => self.type_alias(stmt),
            StmtKind::Return { value } => self.return_stmt(stmt, value),
            StmtKind::Delete { targets } => self.exprs(targets),
            StmtKind::Assign { targets, value, .. } => {
                self.expr(value)?;
                for (i, target) in targets.iter().enumerate() {
                    if i + 1 < targets.len() {
                        self.op_i(at, op::COPY, 1);
                    }
                    self.expr(target)?;
                }
                Ok(())
            }
            StmtKind::AugAssign { target, op, value } => self.aug_assign(at, target, op, value),
            StmtKind::AnnAssign { .. } => self.ann_assign(stmt),
            StmtKind::For {
                target,
                iter,
                body,
                orelse,
                ..
            } => self.conditional(|c| c.for_loop(at, target, iter, body, orelse)),
            StmtKind::AsyncFor {
                target,
                iter,
                body,
                orelse,
                ..
            } => self.conditional(|c| c.async_for_loop(at, target, iter, body, orelse)),
            StmtKind::While { test, body, orelse } => {
                self.conditional(|c| c.while_loop(at, test, body, orelse))
            }
            StmtKind::If { .. } => self.conditional(|c| c.if_stmt(stmt)),
            StmtKind::With { items, body, .. } => self.conditional(|c| c.with(items, body, false)),
            StmtKind::AsyncWith { items, body, .. } => {
                self.conditional(|c| c.with(items, body, true))
            }
            StmtKind::Match { subject, cases } => {
                self.conditional(|c| c.match_stmt(subject, cases))
            }
            StmtKind::Raise { exc, cause } => {
                let mut count = 0;
                if let Some(exc) = exc {
                    for part in [Some(exc), cause].into_iter().flatten() {
                        self.expr(part)?;
                        count += 1;
                    }
                }
                self.op_i(at, op::RAISE_VARARGS, count);
                Ok(())
            }
            StmtKind::Try { .. } | StmtKind::TryStar { .. } => {
                self.conditional(|c| c.try_stmt(stmt))
            }
            StmtKind::Assert { test, msg } => self.assert(stmt.range, test, msg),
            StmtKind::Import { names } => self.import(at, names),
            StmtKind::ImportFrom {
                module,
                names,
                level,
            } => self.import_from(at, module, names, level),
            StmtKind::Global { .. } | StmtKind::Nonlocal { .. } => Ok(()),
            StmtKind::Expr { value } => self.expr_stmt(at, value),
            StmtKind::Pass => {
                self.op(at, op::NOP);
                Ok(())
            }
            StmtKind::Break => self.break_stmt(at),
            StmtKind::Continue => self.continue_stmt(at),
        }
    }

    #[inline(never)]
    fn expr_stmt(&mut self, at: Location, value: ExprRef<'a>) -> Done {
        if self.interactive && self.outer.is_empty() {
            self.expr(value)?;
            self.op_i(at, op::CALL_INTRINSIC_1, arg::INTRINSIC_PRINT);
            self.op(Location::NONE, op::POP_TOP);
            return Ok(());
        }
        if matches!(value.kind, ExprKind::Constant { .. }) {
            self.op(at, op::NOP);
            return Ok(());
        }
        self.expr(value)?;
        self.op(Location::NONE, op::POP_TOP);
        Ok(())
    }

    #[inline(never)]
    fn return_stmt(&mut self, stmt: &'a Stmt<'a>, value: Option<ExprRef<'a>>) -> Done {
        let mut at = loc(stmt.range);
        let block = self.block();
        if !block.is_function_like() {
            return Err(self.error(at, "'return' outside function"));
        }
        if value.is_some() && block.coroutine && block.generator {
            return Err(self.error(at, "'return' with value in async generator"));
        }
        let fixed: Option<&Constant<'a>> = match value {
            Some(Expr {
                kind: ExprKind::Constant { value, .. },
                ..
            }) => Some(value),
            _ => None,
        };
        let preserve_tos = value.is_some() && fixed.is_none();
        if let Some(value) = value {
            if preserve_tos {
                self.expr(value)?;
            } else {
                at = loc(value.range);
                self.op(at, op::NOP);
            }
        }
        if value.is_none_or(|value| value.range.lineno != stmt.range.lineno) {
            at = loc(stmt.range);
            self.op(at, op::NOP);
        }
        self.unwind_all(&mut at, preserve_tos)?;
        if let Some(value) = fixed {
            self.load_const(at, constant(value));
        } else if value.is_none() {
            self.load_const(at, Const::None);
        }
        self.op(at, op::RETURN_VALUE);
        Ok(())
    }

    #[inline(never)]
    fn assert(&mut self, range: Range, test: ExprRef<'a>, msg: Option<ExprRef<'a>>) -> Done {
        let always = match test.kind {
            ExprKind::Tuple { elts, .. } => !elts.is_empty(),
            ExprKind::Constant {
                value: Constant::Tuple(items),
                ..
            } => !items.is_empty(),
            _ => false,
        };
        if always {
            self.warn(range, || {
                "assertion is always true, perhaps remove parentheses?".into()
            });
        }
        if self.optimize > 0 {
            return Ok(());
        }
        let at = loc(range);
        let end = self.label();
        self.jump_if(at, test, end, true)?;
        self.op_i(at, op::LOAD_COMMON_CONSTANT, arg::CONSTANT_ASSERTIONERROR);
        if let Some(msg) = msg {
            self.expr(msg)?;
            self.op_i(at, op::CALL, 0);
        }
        self.op_i(loc(test.range), op::RAISE_VARARGS, 1);
        self.place(end);
        Ok(())
    }

    #[inline(never)]
    fn import(&mut self, at: Location, names: &'a [Alias<'a>]) -> Done {
        for alias in names {
            self.load_const(at, Const::Int(0));
            self.load_const(at, Const::None);
            self.names_op(at, op::IMPORT_NAME, alias.name);
            let mut parts = alias.name.split('.');
            let first = parts.next().unwrap_or(alias.name);
            let Some(asname) = alias.asname else {
                self.name_op(at, first, ExprContext::Store)?;
                continue;
            };
            // `import a.b.c as d` binds the last of the modules, reached one attribute at a time.
            let mut dotted = false;
            for part in parts {
                if dotted {
                    self.op_i(at, op::SWAP, 2);
                    self.op(at, op::POP_TOP);
                }
                let name = self.st.names.intern(part);
                let index = self.name_index(name);
                self.op_i(at, op::IMPORT_FROM, index);
                dotted = true;
            }
            self.name_op(at, asname, ExprContext::Store)?;
            if dotted {
                self.op(at, op::POP_TOP);
            }
        }
        Ok(())
    }

    #[inline(never)]
    fn import_from(
        &mut self,
        at: Location,
        module: Option<&'a str>,
        names: &'a [Alias<'a>],
        level: i32,
    ) -> Done {
        self.load_const(at, Const::Int(i64::from(level)));
        self.load_const(
            at,
            Const::tuple(names.iter().map(|alias| Const::str(alias.name)).collect()),
        );
        self.names_op(at, op::IMPORT_NAME, module.unwrap_or(""));
        for (i, alias) in names.iter().enumerate() {
            if i == 0 && alias.name.starts_with('*') {
                self.op_i(at, op::CALL_INTRINSIC_1, arg::INTRINSIC_IMPORT_STAR);
                self.op(Location::NONE, op::POP_TOP);
                return Ok(());
            }
            self.names_op(at, op::IMPORT_FROM, alias.name);
            self.name_op(at, alias.asname.unwrap_or(alias.name), ExprContext::Store)?;
        }
        self.op(at, op::POP_TOP);
        Ok(())
    }

    #[inline(never)]
    fn aug_assign(
        &mut self,
        at: Location,
        target: ExprRef<'a>,
        operator: Operator,
        value: ExprRef<'a>,
    ) -> Done {
        let place = loc(target.range);
        match target.kind {
            ExprKind::Attribute {
                value: object,
                attr,
                ..
            } => {
                self.expr(object)?;
                self.op_i(place, op::COPY, 1);
                let attr_loc = self.attr_location(place, target);
                self.attr_op(attr_loc, AttrOp::Load, attr);
                self.expr(value)?;
                self.binary(at, operator, true);
                self.op_i(attr_loc, op::SWAP, 2);
                self.attr_op(attr_loc, AttrOp::Store, attr);
                Ok(())
            }
            ExprKind::Subscript {
                value: object,
                slice,
                ..
            } => {
                self.expr(object)?;
                let two_parts = self.has_two_parts(slice);
                if two_parts {
                    self.slice_two_parts(slice)?;
                    for _ in 0..3 {
                        self.op_i(place, op::COPY, 3);
                    }
                    self.op(place, op::BINARY_SLICE);
                } else {
                    self.expr(slice)?;
                    self.op_i(place, op::COPY, 2);
                    self.op_i(place, op::COPY, 2);
                    self.op_i(place, op::BINARY_OP, arg::NB_SUBSCR);
                }
                self.expr(value)?;
                self.binary(at, operator, true);
                if two_parts {
                    self.op_i(place, op::SWAP, 4);
                    self.op_i(place, op::SWAP, 3);
                    self.op_i(place, op::SWAP, 2);
                    self.op(place, op::STORE_SLICE);
                } else {
                    self.op_i(place, op::SWAP, 3);
                    self.op_i(place, op::SWAP, 2);
                    self.op(place, op::STORE_SUBSCR);
                }
                Ok(())
            }
            ExprKind::Name { id, .. } => {
                self.name_op(place, id, ExprContext::Load)?;
                self.expr(value)?;
                self.binary(at, operator, true);
                self.name_op(place, id, ExprContext::Store)
            }
            _ => Err(system_error("invalid node type for augmented assignment")),
        }
    }
}
