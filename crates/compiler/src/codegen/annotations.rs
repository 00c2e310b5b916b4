//! Deferred annotations: `__annotate__` functions (PEP 649), and the strings of `from __future__ import annotations`.
//!
//! CPython: `codegen_setup_annotations_scope`, `codegen_process_deferred_annotations`, `codegen_annassign` and
//! `codegen_function_annotations` in `Python/codegen.c`.

use naja_bytecode::code::{Code, Const, Text, flags as co};
use naja_bytecode::opcode::wide as op;
use naja_parser::ast::{Arg, Arguments, Expr, ExprKind, ExprRef, Stmt, StmtKind};

use super::{Compiler, Done, arg, loc};
use crate::instruction_sequence::{InstructionSequence, Location};
use crate::symtable::{BlockKind, Key, Name, known};
use crate::unit::{ArgCounts, DeferredAnnotation, NameTable, ScopeKind};
use crate::{Error, system_error};

/// `>` as an argument of `COMPARE_OP`.
const COMPARE_GT: i32 = 4 << 5 | 4;
/// `annotationlib.Format.VALUE_WITH_FAKE_GLOBALS`
const VALUE_WITH_FAKE_GLOBALS: i64 = 2;

impl<'a> Compiler<'a, '_> {
    pub(super) fn future_annotations(&self) -> bool {
        self.features & co::FUTURE_ANNOTATIONS != 0
    }

    /// Begins a function of one parameter `format` that raises NotImplementedError for formats it does not know.
    pub(super) fn setup_annotations_scope(&mut self, at: Location, key: Key, name: Name) -> Done {
        let counts = ArgCounts {
            posonly: 1,
            ..ArgCounts::default()
        };
        let name: Box<str> = self.st.names.text(name).into();
        self.enter_scope(&name, ScopeKind::Annotations, key, at.lineno, None, counts)?;
        self.op_i(at, op::LOAD_FAST, 0);
        self.load_const(at, Const::Int(VALUE_WITH_FAKE_GLOBALS));
        self.op_i(at, op::COMPARE_OP, COMPARE_GT);
        let body = self.label();
        self.jump(at, op::POP_JUMP_IF_FALSE, body);
        self.op_i(
            at,
            op::LOAD_COMMON_CONSTANT,
            arg::CONSTANT_NOTIMPLEMENTEDERROR,
        );
        self.op_i(at, op::RAISE_VARARGS, 1);
        self.place(body);
        Ok(())
    }

    fn leave_annotations_scope(&mut self, at: Location) -> Done {
        self.op(at, op::RETURN_VALUE);
        let (mut code, free): (Code, NameTable) = self.assemble_unit(true)?;
        // Inside, the parameter is called ".format" lest annotations see it; its visible name is "format".
        if let Some(first) = code.localsplusnames.first_mut() {
            *first = Text::from("format");
        }
        self.make_closure(at, (code, free), 0)
    }

    /// Makes the `__annotate__` function of a module or class from its simple annotations.
    pub(super) fn process_deferred_annotations(&mut self, at: Location) -> Done {
        if self.unit.deferred.is_empty() {
            return Ok(());
        }
        let deferred = std::mem::take(&mut self.unit.deferred);
        let scope = self.unit.scope;
        let separate = scope == ScopeKind::Module;
        if separate {
            // The function is made before the module's first statement runs.
            let seq = std::mem::replace(&mut self.unit.seq, InstructionSequence::new());
            self.unit.stashed = Some(seq);
        }
        let class = self.block().kind == BlockKind::Class;
        let key = Key::Variables(self.unit.block.0);
        self.setup_annotations_scope(at, key, known::ANNOTATE)?;
        self.deferred_annotations_body(at, &deferred, scope)?;
        self.leave_annotations_scope(at)?;
        let name = if class {
            known::ANNOTATE_FUNC
        } else {
            known::ANNOTATE
        };
        self.variable(at, name, naja_parser::ast::ExprContext::Store)?;
        if separate && let Some(seq) = self.unit.stashed.take() {
            let annotations = std::mem::replace(&mut self.unit.seq, seq);
            self.unit.seq.annotations_code = Some(Box::new(annotations));
        }
        Ok(())
    }

    fn deferred_annotations_body(
        &mut self,
        at: Location,
        deferred: &[DeferredAnnotation<'a>],
        scope: ScopeKind,
    ) -> Done {
        self.op_i(at, op::BUILD_MAP, 0);
        for item in deferred {
            let mangled = self.st.mangle(self.unit.private, item.target);
            let not_set = self.label();
            if let Some(index) = item.index {
                self.load_const(item.loc, Const::Int(index));
                if scope == ScopeKind::Class {
                    let index = self.free_index(known::CONDITIONAL_ANNOTATIONS);
                    self.op_i(item.loc, op::LOAD_DEREF, index);
                } else {
                    let index = self.name_index(known::CONDITIONAL_ANNOTATIONS);
                    self.op_i(item.loc, op::LOAD_GLOBAL, index);
                }
                self.op_i(item.loc, op::CONTAINS_OP, 0);
                self.jump(item.loc, op::POP_JUMP_IF_FALSE, not_set);
            }
            self.expr(item.annotation)?;
            self.op_i(item.loc, op::COPY, 2);
            self.load_name_const(item.loc, mangled);
            self.op(at, op::STORE_SUBSCR);
            self.place(not_set);
        }
        Ok(())
    }

    /// `target: annotation = value`
    #[inline(never)]
    pub(super) fn ann_assign(&mut self, stmt: &'a Stmt<'a>) -> Done {
        let StmtKind::AnnAssign {
            target,
            annotation,
            value,
            simple,
        } = stmt.kind
        else {
            return Ok(());
        };
        let at = loc(stmt.range);
        if let Some(value) = value {
            self.expr(value)?;
            self.expr(target)?;
        }
        match target.kind {
            ExprKind::Name { id, .. } => {
                if !simple || !matches!(self.unit.scope, ScopeKind::Module | ScopeKind::Class) {
                    return Ok(());
                }
                if self.future_annotations() {
                    self.annotation_string(annotation)?;
                    let index = self.name_index(known::ANNOTATIONS);
                    self.op_i(at, op::LOAD_NAME, index);
                    let mangled = self.maybe_mangle(id);
                    self.load_name_const(at, mangled);
                    self.op(at, op::STORE_SUBSCR);
                } else {
                    self.defer_annotation(at, id, annotation);
                }
                Ok(())
            }
            ExprKind::Attribute { value: object, .. } if value.is_none() => {
                self.check_ann_expr(object)
            }
            ExprKind::Subscript {
                value: object,
                slice,
                ..
            } if value.is_none() => {
                self.check_ann_expr(object)?;
                self.check_ann_subscr(slice)
            }
            ExprKind::Attribute { .. } | ExprKind::Subscript { .. } => Ok(()),
            _ => Err(system_error("invalid node type for annotated assignment")),
        }
    }

    fn defer_annotation(&mut self, at: Location, target: &'a str, annotation: ExprRef<'a>) {
        let class = self.unit.scope == ScopeKind::Class;
        let conditional = !class || self.unit.in_conditional_block > 0;
        let index = conditional.then_some(self.unit.next_conditional);
        self.unit.deferred.push(DeferredAnnotation {
            loc: at,
            target,
            annotation,
            index,
        });
        let Some(index) = index else {
            return;
        };
        self.unit.next_conditional += 1;
        if class {
            let cell = self.cell_index(known::CONDITIONAL_ANNOTATIONS);
            self.op_i(at, op::LOAD_DEREF, cell);
        } else {
            let name = self.name_index(known::CONDITIONAL_ANNOTATIONS);
            self.op_i(at, op::LOAD_NAME, name);
        }
        self.load_const(at, Const::Int(index));
        self.op_i(at, op::SET_ADD, 1);
        self.op(at, op::POP_TOP);
    }

    fn check_ann_expr(&mut self, expr: ExprRef<'a>) -> Done {
        self.expr(expr)?;
        self.op(loc(expr.range), op::POP_TOP);
        Ok(())
    }

    /// Everything in the subscript of an annotated target must be defined.
    fn check_ann_subscr(&mut self, expr: ExprRef<'a>) -> Done {
        self.check_depth()?;
        match expr.kind {
            ExprKind::Slice { lower, upper, step } => [lower, upper, step]
                .into_iter()
                .flatten()
                .try_for_each(|part| self.check_ann_expr(part)),
            ExprKind::Tuple { elts, .. } => {
                elts.iter().try_for_each(|elt| self.check_ann_subscr(elt))
            }
            _ => self.check_ann_expr(expr),
        }
    }

    /// An annotation's source text.
    #[inline(never)]
    fn annotation_string(&mut self, annotation: &Expr<'_>) -> Done {
        let text = naja_parser::unparse::unparse_expr(annotation)?;
        self.load_const(loc(annotation.range), Const::str(&text));
        Ok(())
    }

    /// Makes a function's `__annotate__`, if it has annotations; returns the flag for `SET_FUNCTION_ATTRIBUTE`.
    pub(super) fn function_annotations(
        &mut self,
        at: Location,
        stmt: &'a Stmt<'a>,
        args: &'a Arguments<'a>,
        returns: Option<ExprRef<'a>>,
    ) -> Result<i32, Error> {
        let key = Key::annotations(stmt);
        let Some(id) = self.st.lookup(key) else {
            return Err(system_error("function without annotation scope"));
        };
        if !self.st.block(id).annotations_used {
            return Ok(0);
        }
        let name = self.st.block(id).name;
        self.setup_annotations_scope(at, key, name)?;
        let mut count = 0;
        let groups = args
            .args
            .iter()
            .chain(args.posonlyargs)
            .chain(args.vararg)
            .chain(args.kwonlyargs);
        for Arg {
            arg, annotation, ..
        } in groups.chain(args.kwarg)
        {
            self.arg_annotation(arg, *annotation, &mut count, at)?;
        }
        self.arg_annotation("return", returns, &mut count, at)?;
        self.op_i(at, op::BUILD_MAP, count);
        self.leave_annotations_scope(at)?;
        Ok(arg::MAKE_FUNCTION_ANNOTATE)
    }

    #[inline(never)]
    fn arg_annotation(
        &mut self,
        name: &str,
        annotation: Option<ExprRef<'a>>,
        count: &mut i32,
        at: Location,
    ) -> Done {
        let Some(annotation) = annotation else {
            return Ok(());
        };
        *count += 1;
        let mangled = self.maybe_mangle(name);
        self.load_name_const(at, mangled);
        if self.future_annotations() {
            return self.annotation_string(annotation);
        }
        self.maybe_starred(annotation, at)
    }

    /// `*args: *Ts` stands for the one item of `*Ts`.
    fn maybe_starred(&mut self, expr: ExprRef<'a>, at: Location) -> Done {
        let ExprKind::Starred { value, .. } = expr.kind else {
            return self.expr(expr);
        };
        self.expr(value)?;
        self.op_i(at, op::UNPACK_SEQUENCE, 1);
        Ok(())
    }

    /// The lazily evaluated bound or default of a type parameter.
    #[inline(never)]
    pub(super) fn type_param_part(
        &mut self,
        expr: ExprRef<'a>,
        name: &str,
        key: Key,
        starred: bool,
    ) -> Done {
        let at = loc(expr.range);
        self.load_const(at, Const::tuple(vec![Const::Int(1)]));
        let name = self.st.names.intern(name);
        self.setup_annotations_scope(at, key, name)?;
        if starred {
            self.maybe_starred(expr, at)?;
        } else {
            self.expr(expr)?;
        }
        self.op(at, op::RETURN_VALUE);
        let code = self.assemble_unit(true)?;
        self.make_closure(at, code, arg::MAKE_FUNCTION_DEFAULTS)
    }
}
