//! Variables, attributes and closures.
//!
//! CPython: `codegen_nameop`, `codegen_addop_name`, `codegen_make_closure` in `Python/codegen.c`, and
//! `_PyCompile_ResolveNameop`, `_PyCompile_LookupArg` in `Python/compile.c`.

use std::sync::Arc;

use naja_bytecode::code::{Code, Const};
use naja_bytecode::opcode::wide as op;
use naja_parser::ast::{ExprContext, ExprKind, ExprRef};

use super::{Compiler, Done, arg};
use crate::instruction_sequence::Location;
use crate::symtable::{BlockKind, Name, known, scope};
use crate::unit::{NameTable, ScopeKind};
use crate::{Error, system_error};

/// How an attribute is loaded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AttrOp {
    Load,
    Store,
    Delete,
    /// For a call: pushes the method and its object.
    LoadMethod,
    /// `super(A, b).x`
    Super,
    SuperMethod,
    /// `super().x`
    ZeroSuper,
    ZeroSuperMethod,
}

impl<'a> Compiler<'a, '_> {
    pub(super) fn maybe_mangle(&mut self, text: &str) -> Name {
        self.st
            .maybe_mangle(self.unit.private, self.unit.block, text)
    }

    /// Loads, stores or deletes a variable by its name in the source.
    pub(super) fn name_op(&mut self, loc: Location, text: &str, ctx: ExprContext) -> Done {
        let name = self.maybe_mangle(text);
        self.variable(loc, name, ctx)
    }

    /// Loads, stores or deletes a variable.
    pub(super) fn variable(&mut self, loc: Location, name: Name, ctx: ExprContext) -> Done {
        let block = self.block();
        let scope = block.scope(name);
        let function_like = block.is_function_like();
        let class = block.kind == BlockKind::Class;
        let sees_class = block.can_see_class_scope;
        let in_comp = self.unit.in_inlined_comp > 0;
        match scope {
            scope::LOCAL if function_like || self.unit.fast_hidden.get(&name) == Some(&true) => {
                let opcode = match ctx {
                    ExprContext::Load => op::LOAD_FAST,
                    ExprContext::Store => op::STORE_FAST,
                    ExprContext::Del => op::DELETE_FAST,
                };
                let index = self.unit.varnames.insert_full(name).0;
                self.op_n(loc, opcode, index);
            }
            scope::FREE | scope::CELL => {
                let index = if scope == scope::FREE {
                    self.free_index(name)
                } else {
                    self.cell_index(name)
                };
                let opcode = match ctx {
                    ExprContext::Load if class && !in_comp => {
                        self.op(loc, op::LOAD_LOCALS);
                        op::LOAD_FROM_DICT_OR_DEREF
                    }
                    ExprContext::Load if sees_class => {
                        self.load_classdict(loc);
                        op::LOAD_FROM_DICT_OR_DEREF
                    }
                    ExprContext::Load => op::LOAD_DEREF,
                    ExprContext::Store => op::STORE_DEREF,
                    ExprContext::Del => op::DELETE_DEREF,
                };
                self.op_i(loc, opcode, index);
            }
            scope::GLOBAL_IMPLICIT | scope::GLOBAL_EXPLICIT
                if function_like || scope == scope::GLOBAL_EXPLICIT =>
            {
                let index = self.name_index(name);
                match ctx {
                    ExprContext::Load if sees_class && scope == scope::GLOBAL_IMPLICIT => {
                        self.load_classdict(loc);
                        self.op_i(loc, op::LOAD_FROM_DICT_OR_GLOBALS, index);
                    }
                    ExprContext::Load => self.op_i(loc, op::LOAD_GLOBAL, index << 1),
                    ExprContext::Store => self.op_i(loc, op::STORE_GLOBAL, index),
                    ExprContext::Del => self.op_i(loc, op::DELETE_GLOBAL, index),
                }
            }
            _ => {
                let index = self.name_index(name);
                match ctx {
                    ExprContext::Load if class && in_comp => {
                        self.op_i(loc, op::LOAD_GLOBAL, index << 1)
                    }
                    ExprContext::Load => self.op_i(loc, op::LOAD_NAME, index),
                    ExprContext::Store => self.op_i(loc, op::STORE_NAME, index),
                    ExprContext::Del => self.op_i(loc, op::DELETE_NAME, index),
                }
            }
        }
        Ok(())
    }

    fn load_classdict(&mut self, loc: Location) {
        let index = self.free_index(known::CLASSDICT);
        self.op_i(loc, op::LOAD_DEREF, index);
    }

    /// The number of a cell variable.
    pub(super) fn cell_index(&mut self, name: Name) -> i32 {
        self.unit.cellvars.insert_full(name).0 as i32
    }

    /// The number of a free variable.
    pub(super) fn free_index(&mut self, name: Name) -> i32 {
        (self.unit.first_free + self.unit.freevars.insert_full(name).0) as i32
    }

    /// The number of a local variable.
    pub(super) fn local_index(&mut self, name: Name) -> i32 {
        self.unit.varnames.insert_full(name).0 as i32
    }

    /// Emits an attribute instruction; the name is mangled.
    pub(super) fn attr_op(&mut self, loc: Location, kind: AttrOp, attr: &str) {
        let name = self.maybe_mangle(attr);
        let index = self.name_index(name);
        let (opcode, oparg) = match kind {
            AttrOp::Load => (op::LOAD_ATTR, index << 1),
            AttrOp::LoadMethod => (op::LOAD_ATTR, index << 1 | 1),
            AttrOp::Store => (op::STORE_ATTR, index),
            AttrOp::Delete => (op::DELETE_ATTR, index),
            AttrOp::ZeroSuper => (op::LOAD_SUPER_ATTR, index << 2),
            AttrOp::ZeroSuperMethod => (op::LOAD_SUPER_ATTR, index << 2 | 1),
            AttrOp::Super => (op::LOAD_SUPER_ATTR, index << 2 | 2),
            AttrOp::SuperMethod => (op::LOAD_SUPER_ATTR, index << 2 | 3),
        };
        self.op_i(loc, opcode, oparg);
    }

    /// Emits an instruction whose argument is a name in `co_names`; the name is mangled.
    pub(super) fn names_op(&mut self, loc: Location, opcode: u16, text: &str) {
        let name = self.maybe_mangle(text);
        let index = self.name_index(name);
        self.op_i(loc, opcode, index);
    }

    /// Whether a name is free or a cell in the current unit.
    fn ref_type(&self, name: Name) -> u32 {
        let implicit = [
            known::CLASS,
            known::CLASSDICT,
            known::CONDITIONAL_ANNOTATIONS,
        ];
        if self.unit.scope == ScopeKind::Class && implicit.contains(&name) {
            return scope::CELL;
        }
        self.block().scope(name)
    }

    /// Whether `__class__` can be had from the closure.
    pub(super) fn class_is_free(&self) -> bool {
        self.ref_type(known::CLASS) == scope::FREE
    }

    /// Makes a function of a code object; what `flags` name lies on the stack already.
    pub(super) fn make_closure(
        &mut self,
        loc: Location,
        (code, free): (Code, NameTable),
        mut flags: i32,
    ) -> Done {
        if !free.is_empty() {
            for &name in &free {
                let table = match self.ref_type(name) {
                    scope::CELL => self.unit.cellvars.get_index_of(&name),
                    _ => self
                        .unit
                        .freevars
                        .get_index_of(&name)
                        .map(|index| index + self.unit.first_free),
                };
                let Some(index) = table else {
                    return Err(self.lost_variable(&code, &free, name));
                };
                self.op_n(loc, op::LOAD_CLOSURE, index);
            }
            flags |= arg::MAKE_FUNCTION_CLOSURE;
            self.op_n(loc, op::BUILD_TUPLE, free.len());
        }
        self.load_const(loc, Const::Code(Arc::new(code)));
        self.op(loc, op::MAKE_FUNCTION);
        for flag in [
            arg::MAKE_FUNCTION_CLOSURE,
            arg::MAKE_FUNCTION_ANNOTATE,
            arg::MAKE_FUNCTION_KWDEFAULTS,
            arg::MAKE_FUNCTION_DEFAULTS,
        ] {
            if flags & flag != 0 {
                self.op_i(loc, op::SET_FUNCTION_ATTRIBUTE, flag);
            }
        }
        Ok(())
    }

    /// CPython's own fault, for classes that use the names of their implicit variables.
    #[cold]
    fn lost_variable(&self, code: &Code, free: &NameTable, name: Name) -> Error {
        let free = free
            .iter()
            .map(|name| Const::str(self.st.names.text(*name)));
        let (unit, inner) = (&self.unit.name, &code.name);
        let (text, kind) = (self.st.names.text(name), self.ref_type(name));
        system_error(format!(
            "compiler_lookup_arg(name='{text}') with reftype={kind} failed in {unit}; freevars of code {inner}: {}",
            naja_bytecode::repr::repr(&Const::tuple(free.collect()))
        ))
    }

    /// Remembers `self.x = ...` for the class's `__static_attributes__`.
    pub(super) fn note_static_attribute(
        &mut self,
        value: ExprRef<'a>,
        attr: &str,
        ctx: ExprContext,
    ) {
        if ctx != ExprContext::Store || !matches!(value.kind, ExprKind::Name { id: "self", .. }) {
            return;
        }
        if let Some(class) = self
            .outer
            .iter_mut()
            .rev()
            .find(|unit| unit.scope == ScopeKind::Class)
        {
            class.static_attributes.insert(self.st.names.intern(attr));
        }
    }
}
