//! Comprehensions and generator expressions.
//!
//! All but generator expressions run inside the code around them (PEP 709): names they bind are saved on the stack
//! before and restored after, also when an exception passes. While one is generated, the symbols of the block around
//! take the comprehension's scopes. CPython: `codegen_comprehension` and what it calls in `Python/codegen.c`,
//! `_PyCompile_TweakInlinedComprehensionScopes` in `Python/compile.c`.

use naja_bytecode::code::Const;
use naja_bytecode::opcode::wide as op;
use naja_parser::ast::{Comprehension, Expr, ExprKind, ExprRef};

use super::{Compiler, Done, loc};
use crate::instruction_sequence::{Label, Location};
use crate::symtable::{BlockId, BlockKind, Key, Name, flag, scope, scope_of};
use crate::system_error;
use crate::unit::{ArgCounts, Datum, FrameBlockKind, ScopeKind};

/// What a comprehension makes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Generator,
    List,
    Set,
    Dict,
}

/// The element of a comprehension, and where the loops stand.
#[derive(Clone, Copy)]
struct Parts<'a> {
    at: Location,
    kind: Kind,
    generators: &'a [Comprehension<'a>],
    elt: ExprRef<'a>,
    /// The value of a dict item.
    val: Option<ExprRef<'a>>,
}

/// What to put back after an inlined comprehension.
#[derive(Default)]
struct Inlined {
    /// Variables whose values lie on the stack.
    pushed: Vec<Name>,
    /// Symbols of the block around as they were.
    symbols: Vec<(Name, u32)>,
    /// Names that became fast locals.
    fast_hidden: Vec<Name>,
    cleanup: Option<Label>,
}

impl<'a> Compiler<'a, '_> {
    #[inline(never)]
    pub(super) fn comprehension(&mut self, expr: &'a Expr<'a>) -> Done {
        let (kind, name, generators, elt, val) = match expr.kind {
            ExprKind::GeneratorExp { elt, generators } => {
                (Kind::Generator, "<genexpr>", generators, elt, None)
            }
            ExprKind::ListComp { elt, generators } => {
                (Kind::List, "<listcomp>", generators, elt, None)
            }
            ExprKind::SetComp { elt, generators } => {
                (Kind::Set, "<setcomp>", generators, elt, None)
            }
            ExprKind::DictComp {
                key,
                value,
                generators,
            } => (Kind::Dict, "<dictcomp>", generators, key, Some(value)),
            _ => return Ok(()),
        };
        let key = Key::node(expr);
        let (Some(block), Some(outermost)) = (self.st.lookup(key), generators.first()) else {
            return Err(system_error("unknown symbol table entry"));
        };
        let at = loc(expr.range);
        let parts = Parts {
            at,
            kind,
            generators,
            elt,
            val,
        };
        if self.st.block(block).comp_inlined {
            self.comprehension_iter(outermost)?;
            let saved = self.enter_inlined(at, block);
            self.build_empty(at, kind);
            self.op_i(at, op::SWAP, 2);
            self.generator(parts, 0, 0, true)?;
            self.leave_inlined(at, saved);
            return Ok(());
        }
        let is_async = self.st.block(block).coroutine;
        let counts = ArgCounts {
            args: 1,
            ..ArgCounts::default()
        };
        self.enter_scope(
            name,
            ScopeKind::Comprehension,
            key,
            expr.range.lineno,
            None,
            counts,
        )?;
        if kind != Kind::Generator {
            self.build_empty(at, kind);
        }
        self.generator(parts, 0, 0, false)?;
        if kind == Kind::Generator {
            self.wrap_in_stopiteration_handler();
        } else {
            self.op(at, op::RETURN_VALUE);
        }
        let code = self.assemble_unit(true)?;
        self.make_closure(at, code, 0)?;
        self.comprehension_iter(outermost)?;
        self.op_i(at, op::CALL, 0);
        if is_async && kind != Kind::Generator {
            self.await_value(at, 0);
        }
        Ok(())
    }

    fn build_empty(&mut self, at: Location, kind: Kind) {
        let opcode = match kind {
            Kind::Generator => return,
            Kind::List => op::BUILD_LIST,
            Kind::Set => op::BUILD_SET,
            Kind::Dict => op::BUILD_MAP,
        };
        self.op_i(at, opcode, 0);
    }

    /// The iterator of a `for` clause.
    fn comprehension_iter(&mut self, clause: &'a Comprehension<'a>) -> Done {
        self.expr(clause.iter)?;
        let opcode = if clause.is_async {
            op::GET_AITER
        } else {
            op::GET_ITER
        };
        self.op(loc(clause.iter.range), opcode);
        Ok(())
    }

    fn generator(&mut self, parts: Parts<'a>, index: usize, depth: i32, on_stack: bool) -> Done {
        self.check_depth()?;
        match parts.generators.get(index) {
            None => Ok(()),
            Some(clause) if clause.is_async => {
                self.async_generator(parts, clause, index, depth, on_stack)
            }
            Some(clause) => self.sync_generator(parts, clause, index, depth, on_stack),
        }
    }

    fn sync_generator(
        &mut self,
        parts: Parts<'a>,
        clause: &'a Comprehension<'a>,
        index: usize,
        mut depth: i32,
        on_stack: bool,
    ) -> Done {
        let (start, if_cleanup, anchor) = (self.label(), self.label(), self.label());
        let mut is_loop = true;
        if !on_stack {
            if index == 0 {
                self.op_i(parts.at, op::LOAD_FAST, 0);
            } else if let ExprKind::List { elts: [elt], .. } | ExprKind::Tuple { elts: [elt], .. } =
                clause.iter.kind
                && !matches!(elt.kind, ExprKind::Starred { .. })
            {
                // `for y in [f(x)]` is an assignment.
                self.expr(elt)?;
                is_loop = false;
            } else {
                self.comprehension_iter(clause)?;
            }
        }
        if is_loop {
            depth += 1;
            self.place(start);
            self.jump(loc(clause.iter.range), op::FOR_ITER, anchor);
        }
        self.expr(clause.target)?;
        for test in clause.ifs {
            self.jump_if(parts.at, test, if_cleanup, false)?;
        }
        let elt_loc = self.inner(parts, index, depth)?;
        self.place(if_cleanup);
        if is_loop {
            self.jump(elt_loc, op::JUMP, start);
            self.place(anchor);
            self.op(Location::NONE, op::END_FOR);
            self.op(Location::NONE, op::POP_ITER);
        }
        Ok(())
    }

    fn async_generator(
        &mut self,
        parts: Parts<'a>,
        clause: &'a Comprehension<'a>,
        index: usize,
        depth: i32,
        on_stack: bool,
    ) -> Done {
        let (start, send, except, if_cleanup) =
            (self.label(), self.label(), self.label(), self.label());
        let at = parts.at;
        if !on_stack {
            if index == 0 {
                self.op_i(at, op::LOAD_FAST, 0);
            } else {
                self.comprehension_iter(clause)?;
            }
        }
        self.place(start);
        self.push_block(
            at,
            FrameBlockKind::AsyncComprehensionGenerator,
            start,
            Label::NONE,
            Datum::None,
        )?;
        self.jump(at, op::SETUP_FINALLY, except);
        self.op(at, op::GET_ANEXT);
        self.load_const(at, Const::None);
        self.place(send);
        self.yield_from(at, true);
        self.op(at, op::POP_BLOCK);
        self.expr(clause.target)?;
        for test in clause.ifs {
            self.jump_if(at, test, if_cleanup, false)?;
        }
        let elt_loc = self.inner(parts, index, depth + 1)?;
        self.place(if_cleanup);
        self.jump(elt_loc, op::JUMP, start);
        self.pop_block();
        self.place(except);
        self.jump(at, op::END_ASYNC_FOR, send);
        Ok(())
    }

    /// What a `for` clause repeats: the next clause, or the element. Returns the position of the loop's jump.
    fn inner(
        &mut self,
        parts: Parts<'a>,
        index: usize,
        depth: i32,
    ) -> Result<Location, crate::Error> {
        let Parts { kind, elt, val, .. } = parts;
        let elt_loc = loc(elt.range);
        if index + 1 < parts.generators.len() {
            self.generator(parts, index + 1, depth, false)?;
            return Ok(elt_loc);
        }
        self.expr(elt)?;
        match kind {
            Kind::Generator => {
                self.yield_value(elt_loc);
                self.op(elt_loc, op::POP_TOP);
            }
            Kind::List => self.op_i(elt_loc, op::LIST_APPEND, depth + 1),
            Kind::Set => self.op_i(elt_loc, op::SET_ADD, depth + 1),
            Kind::Dict => {
                let Some(val) = val else {
                    return Ok(elt_loc);
                };
                self.expr(val)?;
                let both = loc(elt.range.to(val.range));
                self.op_i(both, op::MAP_ADD, depth + 1);
                return Ok(both);
            }
        }
        Ok(elt_loc)
    }

    /// Gives the block around the comprehension's scopes, and saves the variables that it binds.
    #[inline(never)]
    fn enter_inlined(&mut self, at: Location, comp: BlockId) -> Inlined {
        let mut saved = Inlined::default();
        let outer = self.unit.block;
        let function_like = self.block().is_function_like();
        let in_class = self.block().kind == BlockKind::Class && self.unit.in_inlined_comp == 0;
        self.unit.in_inlined_comp += 1;
        let symbols: Vec<(Name, u32)> = self
            .st
            .block(comp)
            .symbols
            .iter()
            .map(|(name, flags)| (*name, *flags))
            .collect();
        let is_bound = |flags: u32| flags & flag::DEF_LOCAL != 0 && flags & flag::DEF_NONLOCAL == 0;
        for &(name, flags) in &symbols {
            let inside = scope_of(flags);
            let before = self.st.block(outer).symbol(name);
            let outside = scope_of(before);
            // What is free inside is handled as outside; a cell inside that is free outside stays free.
            let differs = inside != outside
                && inside != scope::FREE
                && !(inside == scope::CELL && outside == scope::FREE);
            if differs || in_class {
                self.st.block_mut(outer).symbols.insert(name, flags);
                saved.symbols.push((name, before));
            }
            if is_bound(flags)
                && !function_like
                && self.unit.fast_hidden.insert(name, true) != Some(true)
            {
                saved.fast_hidden.push(name);
            }
        }
        for &(name, flags) in &symbols {
            if !is_bound(flags) {
                continue;
            }
            let index = self.local_index(name);
            self.op_i(at, op::LOAD_FAST_AND_CLEAR, index);
            if scope_of(flags) == scope::CELL {
                let index = if self.st.block(outer).scope(name) == scope::FREE {
                    self.free_index(name)
                } else {
                    self.cell_index(name)
                };
                self.op_i(at, op::MAKE_CELL, index);
            }
            saved.pushed.push(name);
        }
        if !saved.pushed.is_empty() {
            // The iterator goes back on top; this turns the saved values around, as does the swap at the end.
            self.op_n(at, op::SWAP, saved.pushed.len() + 1);
            let cleanup = self.label();
            saved.cleanup = Some(cleanup);
            self.jump(at, op::SETUP_FINALLY, cleanup);
        }
        saved
    }

    #[inline(never)]
    fn leave_inlined(&mut self, at: Location, saved: Inlined) {
        if let Some(cleanup) = saved.cleanup {
            let none = Location::NONE;
            self.op(none, op::POP_BLOCK);
            let end = self.label();
            self.jump(none, op::JUMP_NO_INTERRUPT, end);
            self.place(cleanup);
            self.op_i(none, op::SWAP, 2);
            self.op(none, op::POP_TOP);
            self.restore_locals(at, &saved.pushed);
            self.op_i(none, op::RERAISE, 0);
            self.place(end);
            self.restore_locals(at, &saved.pushed);
        }
        self.unit.in_inlined_comp -= 1;
        let outer = self.unit.block;
        for (name, flags) in saved.symbols {
            self.st.block_mut(outer).symbols.insert(name, flags);
        }
        for name in saved.fast_hidden {
            // Not removed: the name still counts as hidden.
            self.unit.fast_hidden.insert(name, false);
        }
    }

    fn restore_locals(&mut self, at: Location, pushed: &[Name]) {
        self.op_n(at, op::SWAP, pushed.len() + 1);
        for &name in pushed.iter().rev() {
            let index = self.local_index(name);
            self.op_i(at, op::STORE_FAST_MAYBE_NULL, index);
        }
    }
}
