//! Classes, and the bodies that classes and modules share.
//!
//! CPython: `codegen_class`, `codegen_class_body`, `codegen_body` in `Python/codegen.c`.

use naja_bytecode::code::{Const, Text};
use naja_bytecode::opcode::wide as op;
use naja_parser::ast::{self, ExprContext, Stmt, StmtKind, StmtRef};

use super::docstring::clean_doc;
use super::{Compiler, Done, loc};
use crate::instruction_sequence::Location;
use crate::symtable::{Key, known};
use crate::unit::{ArgCounts, ScopeKind};

impl<'a> Compiler<'a, '_> {
    /// The body of a module or class: docstring, statements, annotations.
    pub(super) fn body(
        &mut self,
        at: Location,
        body: &'a [StmtRef<'a>],
        is_interactive: bool,
    ) -> Done {
        if self.future_annotations() && self.block().annotations_used {
            self.op(at, op::SETUP_ANNOTATIONS);
        }
        let mut rest = body;
        if !is_interactive
            && self.block().has_docstring
            && let Some((first, others)) = body.split_first()
            && let Some(text) = ast::docstring(body)
        {
            rest = others;
            let range = match first.kind {
                StmtKind::Expr { value } => value.range,
                _ => first.range,
            };
            self.load_const(
                loc(range),
                Const::Str(Text::from_wtf8(clean_doc(text.as_bytes()))),
            );
            self.variable(Location::NONE, known::DOC, ExprContext::Store)?;
        }
        self.stmts(rest)?;
        if !self.future_annotations() {
            self.process_deferred_annotations(at)?;
        }
        Ok(())
    }

    #[inline(never)]
    fn class_body(&mut self, stmt: &'a Stmt<'a>, firstlineno: i32) -> Done {
        let StmtKind::ClassDef {
            name,
            body,
            type_params,
            ..
        } = stmt.kind
        else {
            return Ok(());
        };
        let id = self.st.names.intern(name);
        let counts = ArgCounts::default();
        self.enter_scope(
            name,
            ScopeKind::Class,
            Key::node(stmt),
            firstlineno,
            Some(id),
            counts,
        )?;
        let at = Location::new(firstlineno, firstlineno, 0, 0);
        self.variable(at, known::DUNDER_NAME, ExprContext::Load)?;
        self.variable(at, known::MODULE, ExprContext::Store)?;
        let qualname = Const::str(&self.unit.qualname);
        self.load_const(at, qualname);
        self.variable(at, known::QUALNAME, ExprContext::Store)?;
        self.load_const(at, Const::Int(i64::from(self.unit.firstlineno)));
        self.variable(at, known::FIRSTLINENO, ExprContext::Store)?;
        if !type_params.is_empty() {
            self.variable(at, known::TYPE_PARAMS, ExprContext::Load)?;
            self.variable(at, known::DUNDER_TYPE_PARAMS, ExprContext::Store)?;
        }
        let block = self.block();
        let needs_classdict = block.needs_classdict;
        let needs_class = block.needs_class_closure;
        if needs_classdict {
            self.op(at, op::LOAD_LOCALS);
            let cell = self.cell_index(known::CLASSDICT);
            self.op_i(at, op::STORE_DEREF, cell);
        }
        if self.block().has_conditional_annotations {
            self.op_i(at, op::BUILD_SET, 0);
            let cell = self.cell_index(known::CONDITIONAL_ANNOTATIONS);
            self.op_i(at, op::STORE_DEREF, cell);
        }
        self.body(at, body, false)?;
        self.static_attributes()?;
        let none = Location::NONE;
        if needs_classdict {
            let cell = self.cell_index(known::CLASSDICT);
            self.op_i(none, op::LOAD_CLOSURE, cell);
            self.variable(none, known::CLASSDICTCELL, ExprContext::Store)?;
        }
        if needs_class {
            let cell = self.cell_index(known::CLASS);
            self.op_i(none, op::LOAD_CLOSURE, cell);
            self.op_i(none, op::COPY, 1);
            self.variable(none, known::CLASSCELL, ExprContext::Store)?;
        } else {
            self.load_const(none, Const::None);
        }
        self.op(none, op::RETURN_VALUE);
        let code = self.assemble_unit(true)?;
        // From here on the position is the class statement's, not a decorator's.
        let at = loc(stmt.range);
        self.op(at, op::LOAD_BUILD_CLASS);
        self.op(at, op::PUSH_NULL);
        self.make_closure(at, code, 0)?;
        self.load_const(at, Const::str(name));
        Ok(())
    }

    fn static_attributes(&mut self) -> Done {
        let names = self.unit.static_attributes.iter();
        let mut names: Vec<&str> = names.map(|name| self.st.names.text(*name)).collect();
        names.sort_unstable();
        let tuple = Const::tuple(names.into_iter().map(Const::str).collect());
        self.load_const(Location::NONE, tuple);
        self.variable(Location::NONE, known::STATIC_ATTRIBUTES, ExprContext::Store)
    }

    #[inline(never)]
    pub(super) fn class(&mut self, stmt: &'a Stmt<'a>) -> Done {
        let StmtKind::ClassDef {
            name,
            bases,
            keywords,
            decorator_list,
            type_params,
            ..
        } = stmt.kind
        else {
            return Ok(());
        };
        self.decorators(decorator_list)?;
        let firstlineno = decorator_list
            .first()
            .map_or(stmt.range.lineno, |first| first.range.lineno);
        let at = loc(stmt.range);
        let is_generic = !type_params.is_empty();
        if is_generic {
            let id = self.st.names.intern(name);
            self.enter_type_params(
                name,
                type_params,
                firstlineno,
                Some(id),
                ArgCounts::default(),
            )?;
            self.type_params(type_params)?;
            self.variable(at, known::TYPE_PARAMS, ExprContext::Store)?;
        }
        self.class_body(stmt, firstlineno)?;
        if is_generic {
            self.variable(at, known::TYPE_PARAMS, ExprContext::Load)?;
            self.op_i(
                at,
                op::CALL_INTRINSIC_1,
                super::arg::INTRINSIC_SUBSCRIPT_GENERIC,
            );
            self.variable(at, known::GENERIC_BASE, ExprContext::Store)?;
            self.call_helper(at, 2, bases, Some(known::GENERIC_BASE), keywords)?;
            let code = self.assemble_unit(false)?;
            self.make_closure(at, code, 0)?;
            self.op(at, op::PUSH_NULL);
            self.op_i(at, op::CALL, 0);
        } else {
            self.call_helper(at, 2, bases, None, keywords)?;
        }
        self.apply_decorators(decorator_list);
        self.name_op(at, name, ExprContext::Store)
    }
}
