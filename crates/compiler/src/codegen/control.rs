//! Branches, loops, and leaving them.
//!
//! `break`, `continue` and `return` unwind the frame blocks between them and their target: each construct on the way
//! emits its own cleanup in line. CPython: `codegen_jump_if`, `codegen_for`, `codegen_unwind_fblock` in
//! `Python/codegen.c`.

use naja_bytecode::code::Const;
use naja_bytecode::opcode::wide as op;
use naja_parser::ast::{
    BoolOperator, CmpOp, Expr, ExprContext, ExprKind, ExprRef, Stmt, StmtKind, StmtRef,
    UnaryOperator,
};

use super::{Compiler, Done, loc};
use crate::Error;
use crate::instruction_sequence::{Label, Location};
use crate::unit::{Datum, FrameBlock, FrameBlockKind as Block};

impl<'a> Compiler<'a, '_> {
    /// Emits the cleanup for leaving one construct; what is on top of the stack is kept if asked for.
    fn unwind(&mut self, at: &mut Location, block: FrameBlock<'a>, preserve_tos: bool) -> Done {
        match block.kind {
            Block::WhileLoop
            | Block::ExceptionHandler
            | Block::ExceptionGroupHandler
            | Block::AsyncComprehensionGenerator
            | Block::StopIteration => {}
            Block::ForLoop | Block::AsyncForLoop | Block::PopValue => {
                if preserve_tos {
                    self.op_i(*at, op::SWAP, 2);
                }
                self.op(*at, op::POP_TOP);
            }
            Block::TryExcept => self.op(*at, op::POP_BLOCK),
            Block::FinallyTry => {
                self.op(*at, op::POP_BLOCK);
                if preserve_tos {
                    self.push_block(*at, Block::PopValue, Label::NONE, Label::NONE, Datum::None)?;
                }
                if let Datum::Finally(body) = block.datum {
                    self.stmts(body)?;
                }
                if preserve_tos {
                    self.pop_block();
                }
                // The finally block runs after the statement that leaves; the rest is artificial.
                *at = Location::NONE;
            }
            Block::FinallyEnd => {
                if preserve_tos {
                    self.op_i(*at, op::SWAP, 2);
                }
                self.op(*at, op::POP_TOP);
                if preserve_tos {
                    self.op_i(*at, op::SWAP, 2);
                }
                self.op(*at, op::POP_BLOCK);
                self.op(*at, op::POP_EXCEPT);
            }
            Block::With | Block::AsyncWith => {
                *at = block.loc;
                self.op(*at, op::POP_BLOCK);
                if preserve_tos {
                    self.op_i(*at, op::SWAP, 3);
                    self.op_i(*at, op::SWAP, 2);
                }
                self.call_exit_with_nones(*at);
                if block.kind == Block::AsyncWith {
                    self.await_value(*at, 2);
                }
                self.op(*at, op::POP_TOP);
                *at = Location::NONE;
            }
            Block::HandlerCleanup => {
                let name = match block.datum {
                    Datum::Name(name) => Some(name),
                    _ => None,
                };
                if name.is_some() {
                    self.op(*at, op::POP_BLOCK);
                }
                if preserve_tos {
                    self.op_i(*at, op::SWAP, 2);
                }
                self.op(*at, op::POP_BLOCK);
                self.op(*at, op::POP_EXCEPT);
                if let Some(name) = name {
                    self.unbind(*at, name)?;
                }
            }
        }
        Ok(())
    }

    /// `name = None; del name`
    pub(super) fn unbind(&mut self, at: Location, name: &str) -> Done {
        self.load_const(at, Const::None);
        self.name_op(at, name, ExprContext::Store)?;
        self.name_op(at, name, ExprContext::Del)
    }

    /// Unwinds every construct, or those inside the innermost loop, which is returned.
    fn unwind_stack(
        &mut self,
        at: &mut Location,
        preserve_tos: bool,
        to_loop: bool,
    ) -> Result<Option<FrameBlock<'a>>, Error> {
        let Some(&top) = self.unit.frame_blocks.last() else {
            return Ok(None);
        };
        if top.kind == Block::ExceptionGroupHandler {
            let message = "'break', 'continue' and 'return' cannot appear in an except* block";
            return Err(self.error(*at, message));
        }
        if to_loop
            && matches!(
                top.kind,
                Block::WhileLoop | Block::ForLoop | Block::AsyncForLoop
            )
        {
            return Ok(Some(top));
        }
        self.pop_block();
        self.unwind(at, top, preserve_tos)?;
        let found = self.unwind_stack(at, preserve_tos, to_loop)?;
        self.push_block(top.loc, top.kind, top.block, top.exit, top.datum)?;
        Ok(found)
    }

    pub(super) fn unwind_all(&mut self, at: &mut Location, preserve_tos: bool) -> Done {
        self.unwind_stack(at, preserve_tos, false)?;
        Ok(())
    }

    pub(super) fn break_stmt(&mut self, origin: Location) -> Done {
        let mut at = origin;
        self.op(at, op::NOP);
        let Some(target) = self.unwind_stack(&mut at, false, true)? else {
            return Err(self.error(origin, "'break' outside loop"));
        };
        self.unwind(&mut at, target, false)?;
        self.jump(at, op::JUMP, target.exit);
        Ok(())
    }

    pub(super) fn continue_stmt(&mut self, origin: Location) -> Done {
        let mut at = origin;
        self.op(at, op::NOP);
        let Some(target) = self.unwind_stack(&mut at, false, true)? else {
            return Err(self.error(origin, "'continue' not properly in loop"));
        };
        self.jump(at, op::JUMP, target.block);
        Ok(())
    }

    /// Jumps to `next` if the truth of `expr` is `cond`.
    pub(super) fn jump_if(
        &mut self,
        at: Location,
        expr: &'a Expr<'a>,
        next: Label,
        cond: bool,
    ) -> Done {
        self.check_depth()?;
        let here = loc(expr.range);
        let pop_jump = if cond {
            op::POP_JUMP_IF_TRUE
        } else {
            op::POP_JUMP_IF_FALSE
        };
        match expr.kind {
            ExprKind::UnaryOp {
                op: UnaryOperator::Not,
                operand,
            } => return self.jump_if(at, operand, next, !cond),
            ExprKind::BoolOp {
                op: operator,
                values,
            } => return self.jump_if_bool(at, operator, values, next, cond),
            ExprKind::IfExp { test, body, orelse } => {
                let (end, next2) = (self.label(), self.label());
                self.jump_if(at, test, next2, false)?;
                self.jump_if(at, body, next, cond)?;
                self.jump(Location::NONE, op::JUMP_NO_INTERRUPT, end);
                self.place(next2);
                self.jump_if(at, orelse, next, cond)?;
                self.place(end);
                return Ok(());
            }
            ExprKind::Compare {
                left,
                ops,
                comparators,
            } if ops.len() > 1 => {
                self.check_compare(expr.range, left, ops, comparators);
                let cleanup = self.label();
                self.expr(left)?;
                let last = ops.len() - 1;
                for (i, (operator, right)) in ops.iter().zip(comparators).enumerate() {
                    self.expr(right)?;
                    if i < last {
                        self.op_i(here, op::SWAP, 2);
                        self.op_i(here, op::COPY, 2);
                    }
                    self.compare_op(here, *operator);
                    self.op(here, op::TO_BOOL);
                    if i < last {
                        self.jump(here, op::POP_JUMP_IF_FALSE, cleanup);
                    }
                }
                self.jump(here, pop_jump, next);
                let end = self.label();
                self.jump(Location::NONE, op::JUMP_NO_INTERRUPT, end);
                self.place(cleanup);
                self.op(here, op::POP_TOP);
                if !cond {
                    self.jump(Location::NONE, op::JUMP_NO_INTERRUPT, next);
                }
                self.place(end);
                return Ok(());
            }
            _ => {}
        }
        self.expr(expr)?;
        self.op(here, op::TO_BOOL);
        self.jump(here, pop_jump, next);
        Ok(())
    }

    #[inline(never)]
    fn jump_if_bool(
        &mut self,
        at: Location,
        operator: BoolOperator,
        values: &'a [ExprRef<'a>],
        next: Label,
        cond: bool,
    ) -> Done {
        let Some((last, rest)) = values.split_last() else {
            return Ok(());
        };
        let cond2 = operator == BoolOperator::Or;
        let next2 = if cond2 == cond { next } else { self.label() };
        for value in rest {
            self.jump_if(at, value, next2, cond2)?;
        }
        self.jump_if(at, last, next, cond)?;
        if next2 != next {
            self.place(next2);
        }
        Ok(())
    }

    pub(super) fn compare_op(&mut self, at: Location, operator: CmpOp) {
        // The comparison in the top bits; below, a mask of the outcomes (less, greater, equal, unordered) that make
        // it true, for the specialised forms.
        let oparg = match operator {
            CmpOp::Is => return self.op_i(at, op::IS_OP, 0),
            CmpOp::IsNot => return self.op_i(at, op::IS_OP, 1),
            CmpOp::In => return self.op_i(at, op::CONTAINS_OP, 0),
            CmpOp::NotIn => return self.op_i(at, op::CONTAINS_OP, 1),
            CmpOp::Lt => 2,
            CmpOp::LtE => 1 << 5 | 2 | 8,
            CmpOp::Eq => 2 << 5 | 8,
            CmpOp::NotEq => 3 << 5 | 1 | 2 | 4,
            CmpOp::Gt => 4 << 5 | 4,
            CmpOp::GtE => 5 << 5 | 4 | 8,
        };
        self.op_i(at, op::COMPARE_OP, oparg);
    }

    /// `if` with its `elif`s, without recursion per `elif`.
    #[inline(never)]
    pub(super) fn if_stmt(&mut self, stmt: &'a Stmt<'a>) -> Done {
        let mut ends = Vec::new();
        let mut stmt = stmt;
        while let StmtKind::If { test, body, orelse } = stmt.kind {
            let end = self.label();
            ends.push(end);
            let next = if orelse.is_empty() { end } else { self.label() };
            self.jump_if(loc(stmt.range), test, next, false)?;
            self.stmts(body)?;
            if orelse.is_empty() {
                break;
            }
            self.jump(Location::NONE, op::JUMP_NO_INTERRUPT, end);
            self.place(next);
            match orelse {
                [only] if matches!(only.kind, StmtKind::If { .. }) => stmt = only,
                _ => {
                    self.stmts(orelse)?;
                    break;
                }
            }
        }
        for end in ends.into_iter().rev() {
            self.place(end);
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn for_loop(
        &mut self,
        at: Location,
        target: ExprRef<'a>,
        iter: ExprRef<'a>,
        body: &'a [StmtRef<'a>],
        orelse: &'a [StmtRef<'a>],
    ) -> Done {
        let (start, body_label, cleanup, end) =
            (self.label(), self.label(), self.label(), self.label());
        self.push_block(at, Block::ForLoop, start, end, Datum::None)?;
        self.expr(iter)?;
        let at = loc(iter.range);
        self.op(at, op::GET_ITER);
        self.place(start);
        self.jump(at, op::FOR_ITER, cleanup);
        // Keeps the target's line in the trace of a loop over several lines; dropped where it is redundant.
        self.op(loc(target.range), op::NOP);
        self.place(body_label);
        self.expr(target)?;
        self.stmts(body)?;
        self.jump(Location::NONE, op::JUMP, start);
        self.place(cleanup);
        self.op(Location::NONE, op::END_FOR);
        self.op(Location::NONE, op::POP_ITER);
        self.pop_block();
        self.stmts(orelse)?;
        self.place(end);
        Ok(())
    }

    #[inline(never)]
    pub(super) fn async_for_loop(
        &mut self,
        at: Location,
        target: ExprRef<'a>,
        iter: ExprRef<'a>,
        body: &'a [StmtRef<'a>],
        orelse: &'a [StmtRef<'a>],
    ) -> Done {
        let (start, send, except, end) = (self.label(), self.label(), self.label(), self.label());
        self.expr(iter)?;
        self.op(loc(iter.range), op::GET_AITER);
        self.place(start);
        self.push_block(at, Block::AsyncForLoop, start, end, Datum::None)?;
        self.jump(at, op::SETUP_FINALLY, except);
        self.op(at, op::GET_ANEXT);
        self.load_const(at, Const::None);
        self.place(send);
        self.yield_from(at, true);
        self.op(at, op::POP_BLOCK);
        self.op(at, op::NOT_TAKEN);
        self.expr(target)?;
        self.stmts(body)?;
        self.jump(Location::NONE, op::JUMP, start);
        self.pop_block();
        self.place(except);
        // The iterator's line: this follows the `async for`, not the body.
        self.jump(loc(iter.range), op::END_ASYNC_FOR, send);
        self.stmts(orelse)?;
        self.place(end);
        Ok(())
    }

    #[inline(never)]
    pub(super) fn while_loop(
        &mut self,
        at: Location,
        test: ExprRef<'a>,
        body: &'a [StmtRef<'a>],
        orelse: &'a [StmtRef<'a>],
    ) -> Done {
        let (start, end, anchor) = (self.label(), self.label(), self.label());
        self.place(start);
        self.push_block(at, Block::WhileLoop, start, end, Datum::None)?;
        self.jump_if(at, test, anchor, false)?;
        self.stmts(body)?;
        self.jump(Location::NONE, op::JUMP, start);
        self.pop_block();
        self.place(anchor);
        self.stmts(orelse)?;
        self.place(end);
        Ok(())
    }
}
