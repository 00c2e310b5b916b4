//! `try` with `except`, `except*` and `finally`.
//!
//! `finally` is generated twice: in line for the normal way out, and as the handler of exceptions. Names bound by
//! `except ... as` are unbound by a hidden `finally` of their own. CPython: `codegen_try_except`,
//! `codegen_try_star_except`, `codegen_try_finally` in `Python/codegen.c`.

use naja_bytecode::opcode::wide as op;
use naja_parser::ast::{ExceptHandler, ExprContext, Stmt, StmtKind, StmtRef};

use super::{Compiler, Done, arg, loc};
use crate::instruction_sequence::{Label, Location};
use crate::unit::{Datum, FrameBlockKind as Block};

const NONE: Location = Location::NONE;

/// The parts of a `try` statement.
#[derive(Clone, Copy)]
struct Try<'a> {
    at: Location,
    star: bool,
    body: &'a [StmtRef<'a>],
    handlers: &'a [ExceptHandler<'a>],
    orelse: &'a [StmtRef<'a>],
    finalbody: &'a [StmtRef<'a>],
}

impl<'a> Compiler<'a, '_> {
    #[inline(never)]
    pub(super) fn try_stmt(&mut self, stmt: &'a Stmt<'a>) -> Done {
        let (StmtKind::Try {
            body,
            handlers,
            orelse,
            finalbody,
        }
        | StmtKind::TryStar {
            body,
            handlers,
            orelse,
            finalbody,
        }) = stmt.kind
        else {
            return Ok(());
        };
        let star = matches!(stmt.kind, StmtKind::TryStar { .. });
        let parts = Try {
            at: loc(stmt.range),
            star,
            body,
            handlers,
            orelse,
            finalbody,
        };
        if finalbody.is_empty() {
            self.try_handlers(parts)
        } else {
            self.try_finally(parts)
        }
    }

    fn try_handlers(&mut self, parts: Try<'a>) -> Done {
        if parts.star {
            self.try_star_except(parts)
        } else {
            self.try_except(parts)
        }
    }

    fn try_finally(&mut self, parts: Try<'a>) -> Done {
        let at = parts.at;
        let (body, end, exit, cleanup) = (self.label(), self.label(), self.label(), self.label());
        self.jump(at, op::SETUP_FINALLY, end);
        self.place(body);
        self.push_block(
            at,
            Block::FinallyTry,
            body,
            end,
            Datum::Finally(parts.finalbody),
        )?;
        if parts.handlers.is_empty() {
            self.stmts(parts.body)?;
        } else {
            self.try_handlers(parts)?;
        }
        self.op(NONE, op::POP_BLOCK);
        self.pop_block();
        self.stmts(parts.finalbody)?;
        self.jump(NONE, op::JUMP_NO_INTERRUPT, exit);

        self.place(end);
        self.jump(NONE, op::SETUP_CLEANUP, cleanup);
        self.op(NONE, op::PUSH_EXC_INFO);
        self.push_block(NONE, Block::FinallyEnd, end, Label::NONE, Datum::None)?;
        self.stmts(parts.finalbody)?;
        self.pop_block();
        self.op_i(NONE, op::RERAISE, 0);
        self.place(cleanup);
        self.pop_except_and_reraise(NONE);
        self.place(exit);
        Ok(())
    }

    /// The guarded body; leaves the position at the handlers.
    fn try_body(&mut self, parts: Try<'a>, except: Label) -> Done {
        let body = self.label();
        self.jump(parts.at, op::SETUP_FINALLY, except);
        self.place(body);
        self.push_block(parts.at, Block::TryExcept, body, Label::NONE, Datum::None)?;
        self.stmts(parts.body)?;
        self.pop_block();
        self.op(NONE, op::POP_BLOCK);
        Ok(())
    }

    fn try_except(&mut self, parts: Try<'a>) -> Done {
        let (except, end, cleanup) = (self.label(), self.label(), self.label());
        self.try_body(parts, except)?;
        self.stmts(parts.orelse)?;
        self.jump(NONE, op::JUMP_NO_INTERRUPT, end);
        self.place(except);
        self.jump(NONE, op::SETUP_CLEANUP, cleanup);
        self.op(NONE, op::PUSH_EXC_INFO);
        self.push_block(
            parts.at,
            Block::ExceptionHandler,
            Label::NONE,
            Label::NONE,
            Datum::None,
        )?;
        for (i, handler) in parts.handlers.iter().enumerate() {
            let at = loc(handler.range);
            if handler.type_.is_none() && i + 1 < parts.handlers.len() {
                return Err(self.error(at, "default 'except:' must be last"));
            }
            let next = self.label();
            if let Some(class) = handler.type_ {
                self.expr(class)?;
                self.op(at, op::CHECK_EXC_MATCH);
                self.jump(at, op::POP_JUMP_IF_FALSE, next);
            }
            self.handler(at, handler, end)?;
            self.place(next);
        }
        self.pop_block();
        self.op_i(NONE, op::RERAISE, 0);
        self.place(cleanup);
        self.pop_except_and_reraise(NONE);
        self.place(end);
        Ok(())
    }

    fn handler(&mut self, at: Location, handler: &'a ExceptHandler<'a>, end: Label) -> Done {
        let Some(name) = handler.name else {
            let body = self.label();
            self.op(at, op::POP_TOP);
            self.place(body);
            self.push_block(at, Block::HandlerCleanup, body, Label::NONE, Datum::None)?;
            self.stmts(handler.body)?;
            self.pop_block();
            self.op(NONE, op::POP_BLOCK);
            self.op(NONE, op::POP_EXCEPT);
            self.jump(NONE, op::JUMP_NO_INTERRUPT, end);
            return Ok(());
        };
        let (cleanup_end, body) = (self.label(), self.label());
        self.name_op(at, name, ExprContext::Store)?;
        self.jump(at, op::SETUP_CLEANUP, cleanup_end);
        self.place(body);
        self.push_block(
            at,
            Block::HandlerCleanup,
            body,
            Label::NONE,
            Datum::Name(name),
        )?;
        self.stmts(handler.body)?;
        self.pop_block();
        self.op(NONE, op::POP_BLOCK);
        self.op(NONE, op::POP_BLOCK);
        self.op(NONE, op::POP_EXCEPT);
        self.unbind(NONE, name)?;
        self.jump(NONE, op::JUMP_NO_INTERRUPT, end);
        self.place(cleanup_end);
        self.unbind(NONE, name)?;
        self.op_i(NONE, op::RERAISE, 1);
        Ok(())
    }

    fn try_star_except(&mut self, parts: Try<'a>) -> Done {
        let (except, orelse, end) = (self.label(), self.label(), self.label());
        let (cleanup, reraise_star) = (self.label(), self.label());
        self.try_body(parts, except)?;
        self.jump(NONE, op::JUMP_NO_INTERRUPT, orelse);
        self.place(except);
        self.jump(NONE, op::SETUP_CLEANUP, cleanup);
        self.op(NONE, op::PUSH_EXC_INFO);
        self.push_block(
            parts.at,
            Block::ExceptionGroupHandler,
            Label::NONE,
            Label::NONE,
            Datum::None,
        )?;
        for (i, handler) in parts.handlers.iter().enumerate() {
            if i == 0 {
                // Beneath: the list of what the handlers raise, and the whole group for the record.
                let at = loc(handler.range);
                self.op_i(at, op::BUILD_LIST, 0);
                self.op_i(at, op::COPY, 2);
            }
            let last = i + 1 == parts.handlers.len();
            self.star_handler(handler, last.then_some(reraise_star))?;
        }
        self.pop_block();
        let reraise = self.label();
        self.place(reraise_star);
        self.op_i(NONE, op::CALL_INTRINSIC_2, arg::INTRINSIC_PREP_RERAISE_STAR);
        self.op_i(NONE, op::COPY, 1);
        self.jump(NONE, op::POP_JUMP_IF_NOT_NONE, reraise);
        self.op(NONE, op::POP_TOP);
        self.op(NONE, op::POP_BLOCK);
        self.op(NONE, op::POP_EXCEPT);
        self.jump(NONE, op::JUMP_NO_INTERRUPT, end);
        self.place(reraise);
        self.op(NONE, op::POP_BLOCK);
        self.op_i(NONE, op::SWAP, 2);
        self.op(NONE, op::POP_EXCEPT);
        self.op_i(NONE, op::RERAISE, 0);
        self.place(cleanup);
        self.pop_except_and_reraise(NONE);
        self.place(orelse);
        self.stmts(parts.orelse)?;
        self.place(end);
        Ok(())
    }

    fn star_handler(
        &mut self,
        handler: &'a ExceptHandler<'a>,
        reraise_star: Option<Label>,
    ) -> Done {
        let at = loc(handler.range);
        let (next, with_error, no_match) = (self.label(), self.label(), self.label());
        if let Some(class) = handler.type_ {
            self.expr(class)?;
            self.op(at, op::CHECK_EG_MATCH);
            self.op_i(at, op::COPY, 1);
            self.jump(at, op::POP_JUMP_IF_NONE, no_match);
        }
        let (cleanup_end, body) = (self.label(), self.label());
        match handler.name {
            Some(name) => self.name_op(at, name, ExprContext::Store)?,
            None => self.op(at, op::POP_TOP),
        }
        self.jump(at, op::SETUP_CLEANUP, cleanup_end);
        self.place(body);
        let datum = handler.name.map_or(Datum::None, Datum::Name);
        self.push_block(at, Block::HandlerCleanup, body, Label::NONE, datum)?;
        self.stmts(handler.body)?;
        self.pop_block();
        self.op(NONE, op::POP_BLOCK);
        if let Some(name) = handler.name {
            self.unbind(NONE, name)?;
        }
        self.jump(NONE, op::JUMP_NO_INTERRUPT, next);

        // The handler raised: note the exception.
        self.place(cleanup_end);
        if let Some(name) = handler.name {
            self.unbind(NONE, name)?;
        }
        self.op_i(NONE, op::LIST_APPEND, 3);
        self.op(NONE, op::POP_TOP);
        self.jump(NONE, op::JUMP_NO_INTERRUPT, with_error);

        self.place(next);
        self.op(NONE, op::NOP);
        self.jump(NONE, op::JUMP_NO_INTERRUPT, with_error);
        self.place(no_match);
        self.op(at, op::POP_TOP);
        self.place(with_error);
        if let Some(reraise_star) = reraise_star {
            self.op_i(NONE, op::LIST_APPEND, 1);
            self.jump(NONE, op::JUMP_NO_INTERRUPT, reraise_star);
        }
        Ok(())
    }
}
