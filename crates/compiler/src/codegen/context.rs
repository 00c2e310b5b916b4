//! `with` and `async with`.
//!
//! CPython: `codegen_with_inner`, `codegen_async_with_inner` in `Python/codegen.c`.

use naja_bytecode::opcode::wide as op;
use naja_parser::ast::{StmtRef, WithItem};

use super::{Compiler, Done, arg, loc};
use crate::instruction_sequence::{Label, Location};
use crate::unit::{Datum, FrameBlockKind as Block};

const NONE: Location = Location::NONE;

impl<'a> Compiler<'a, '_> {
    pub(super) fn with(
        &mut self,
        items: &'a [WithItem<'a>],
        body: &'a [StmtRef<'a>],
        is_async: bool,
    ) -> Done {
        let Some((item, rest)) = items.split_first() else {
            return self.stmts(body);
        };
        let (block, final_, exit, cleanup) =
            (self.label(), self.label(), self.label(), self.label());
        self.expr(item.context_expr)?;
        let at = loc(item.context_expr.range);
        let (enter, leave, kind) = match is_async {
            true => (arg::SPECIAL_AENTER, arg::SPECIAL_AEXIT, Block::AsyncWith),
            false => (arg::SPECIAL_ENTER, arg::SPECIAL_EXIT, Block::With),
        };
        self.op_i(at, op::COPY, 1);
        self.op_i(at, op::LOAD_SPECIAL, leave);
        self.op_i(at, op::SWAP, 2);
        self.op_i(at, op::SWAP, 3);
        self.op_i(at, op::LOAD_SPECIAL, enter);
        self.op_i(at, op::CALL, 0);
        if is_async {
            self.await_value(at, 1);
        }
        self.jump(at, op::SETUP_WITH, final_);
        self.place(block);
        self.push_block(at, kind, block, final_, Datum::None)?;
        match item.optional_vars {
            Some(target) => self.expr(target)?,
            None => self.op(at, op::POP_TOP),
        }
        self.with(rest, body, is_async)?;
        self.pop_block();
        self.op(if is_async { at } else { NONE }, op::POP_BLOCK);

        self.call_exit_with_nones(at);
        if is_async {
            self.await_value(at, 2);
        }
        self.op(at, op::POP_TOP);
        self.jump(at, op::JUMP, exit);

        self.place(final_);
        self.jump(at, op::SETUP_CLEANUP, cleanup);
        self.op(at, op::PUSH_EXC_INFO);
        self.op(at, op::WITH_EXCEPT_START);
        if is_async {
            self.await_value(at, 2);
        }
        self.with_except_finish(cleanup);
        self.place(exit);
        Ok(())
    }

    /// `__exit__` has been called for an exception: swallow or raise it.
    fn with_except_finish(&mut self, cleanup: Label) {
        let suppress = self.label();
        self.op(NONE, op::TO_BOOL);
        self.jump(NONE, op::POP_JUMP_IF_TRUE, suppress);
        self.op_i(NONE, op::RERAISE, 2);
        self.place(suppress);
        self.op(NONE, op::POP_TOP);
        self.op(NONE, op::POP_BLOCK);
        self.op(NONE, op::POP_EXCEPT);
        for _ in 0..3 {
            self.op(NONE, op::POP_TOP);
        }
        let exit = self.label();
        self.jump(NONE, op::JUMP_NO_INTERRUPT, exit);
        self.place(cleanup);
        self.pop_except_and_reraise(NONE);
        self.place(exit);
    }
}
