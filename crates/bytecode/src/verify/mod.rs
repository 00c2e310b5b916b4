//! Checks code that did not come from the compiler before a virtual machine trusts it.
//!
//! What holds afterwards: every instruction is a plain one with zeroed caches; arguments index constants, names, slots
//! and operation tables within range; jumps and handlers land on instructions; control never runs off the end; on every
//! path the stack neither underflows nor outgrows `stacksize`, and has one depth at each place; borrowed loads are
//! outlived by their locals (`borrows`). What does not: the types of values on the stack. CPython checks none of this; a
//! host that runs untrusted code must.

mod borrows;

use crate::code::{Code, flags as co, kind};
use crate::dis::{Instruction, instructions};
use crate::exception_table::{self, Entry};
use crate::opcode::{self, Flags, Kind, op};

/// What is wrong, and at which unit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The unit of the instruction, or of the table's target.
    pub unit: usize,
    /// What is wrong.
    pub message: &'static str,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "invalid code at offset {}: {}",
            self.unit * 2,
            self.message
        )
    }
}

impl std::error::Error for Fault {}

fn fail<T>(unit: usize, message: &'static str) -> Result<T, Fault> {
    Err(Fault { unit, message })
}

/// Checks one code object; code among its constants is the caller's to check.
pub fn verify(code: &Code) -> Result<(), Fault> {
    check_shape(code)?;
    let instrs: Vec<Instruction> = instructions(&code.code).collect();
    // For each unit the index of the instruction that starts there.
    let mut starts = vec![usize::MAX; code.code.len() / 2];
    let mut at = 0;
    for (i, instr) in instrs.iter().enumerate() {
        if instr.end > starts.len() {
            return fail(instr.offset, "caches are cut off");
        }
        starts[instr.start] = i;
        at = instr.end;
    }
    if at != starts.len() || instrs.is_empty() {
        return fail(at, "code ends inside of an instruction");
    }
    for instr in &instrs {
        check_instruction(code, instr)?;
    }
    let mut entries = exception_table::entries(&code.exceptiontable);
    let table: Vec<Entry> = entries.by_ref().collect();
    let flow = Flow {
        code,
        instrs: &instrs,
        starts: &starts,
        table: &table,
        depths: vec![-1; instrs.len()],
        todo: Vec::new(),
    };
    borrows::check(code, &instrs, &flow.run()?, &table)
}

/// Checks a code object and all code among its constants.
pub fn verify_all(code: &Code) -> Result<(), Fault> {
    let mut todo = vec![code];
    while let Some(code) = todo.pop() {
        verify(code)?;
        let mut values: Vec<&crate::code::Const> = code.consts.iter().collect();
        while let Some(value) = values.pop() {
            match value {
                crate::code::Const::Code(inner) => todo.push(inner),
                crate::code::Const::Tuple(items) => values.extend(items.iter()),
                _ => {}
            }
        }
    }
    Ok(())
}

fn check_shape(code: &Code) -> Result<(), Fault> {
    let count = code.localspluskinds.len();
    if !code.code.len().is_multiple_of(2) || count != code.localsplusnames.len() {
        return fail(0, "lengths do not fit");
    }
    let args = u64::from(code.argcount)
        + u64::from(code.kwonlyargcount)
        + u64::from(code.flags & co::VARARGS != 0)
        + u64::from(code.flags & co::VARKEYWORDS != 0);
    let locals = code
        .localspluskinds
        .iter()
        .take_while(|k| **k & kind::LOCAL != 0)
        .count();
    if code.posonlyargcount > code.argcount || args > locals as u64 {
        return fail(0, "more parameters than locals");
    }
    let rest = &code.localspluskinds[locals..];
    let cells = rest.iter().take_while(|k| **k & kind::CELL != 0).count();
    let ordered = rest[..cells]
        .iter()
        .all(|k| *k & (kind::LOCAL | kind::FREE) == 0)
        && rest[cells..]
            .iter()
            .all(|k| *k & (kind::LOCAL | kind::CELL | kind::FREE) == kind::FREE);
    if !ordered {
        return fail(0, "slots are out of order");
    }
    Ok(())
}

fn check_instruction(code: &Code, instr: &Instruction) -> Result<(), Fault> {
    let at = instr.offset;
    let Some(info) = opcode::info(u16::from(instr.opcode)).filter(|i| i.kind == Kind::Normal)
    else {
        return fail(at, "unknown instruction");
    };
    if at - instr.start > 3 || i32::try_from(instr.oparg).is_err() {
        return fail(at, "argument out of range");
    }
    if code.code[2 * (at + 1)..2 * instr.end]
        .iter()
        .any(|b| *b != 0)
    {
        return fail(at, "caches are not empty");
    }
    let arg = instr.oparg as usize;
    let flags = info.flags;
    let slots = code.localspluskinds.len();
    if flags.has(Flags::CONST) && arg >= code.consts.len() {
        return fail(at, "constant out of range");
    }
    if flags.has(Flags::NAME) {
        let index = match instr.opcode {
            op::LOAD_GLOBAL | op::LOAD_ATTR => arg >> 1,
            op::LOAD_SUPER_ATTR => arg >> 2,
            _ => arg,
        };
        if index >= code.names.len() {
            return fail(at, "name out of range");
        }
    }
    if flags.has(Flags::LOCAL) || flags.has(Flags::FREE) {
        let pair = matches!(
            instr.opcode,
            op::LOAD_FAST_LOAD_FAST
                | op::LOAD_FAST_BORROW_LOAD_FAST_BORROW
                | op::STORE_FAST_LOAD_FAST
                | op::STORE_FAST_STORE_FAST
        );
        let fits = if pair {
            arg >> 4 < slots && (arg & 15) < slots
        } else {
            arg < slots
        };
        if !fits {
            return fail(at, "slot out of range");
        }
    }
    if !argument_fits(code, instr.opcode, arg) {
        return fail(at, "argument out of range");
    }
    Ok(())
}

/// Whether an argument that selects an operation or counts something is one that exists.
fn argument_fits(code: &Code, opcode: u8, arg: usize) -> bool {
    let cell = |bits: u8| code.localspluskinds.get(arg).is_some_and(|k| k & bits != 0);
    match opcode {
        op::CACHE | op::RESERVED | op::INTERPRETER_EXIT | op::ENTER_EXECUTOR | op::EXTENDED_ARG => {
            false
        }
        op::INSTRUMENTED_LINE | op::INSTRUMENTED_INSTRUCTION => false,
        op::MAKE_CELL
        | op::LOAD_DEREF
        | op::STORE_DEREF
        | op::DELETE_DEREF
        | op::LOAD_FROM_DICT_OR_DEREF => cell(kind::CELL | kind::FREE),
        op::COPY_FREE_VARS => arg == code.freevars().count(),
        op::BINARY_OP => arg < opcode::NB_OPS.len(),
        op::COMPARE_OP => arg >> 5 < opcode::COMPARE_OPS.len(),
        op::CALL_INTRINSIC_1 => (1..opcode::INTRINSIC_1.len()).contains(&arg),
        op::CALL_INTRINSIC_2 => (1..opcode::INTRINSIC_2.len()).contains(&arg),
        op::LOAD_COMMON_CONSTANT => arg < opcode::COMMON_CONSTANTS.len(),
        op::LOAD_SPECIAL => arg < opcode::SPECIAL_METHODS.len(),
        op::LOAD_SMALL_INT => arg < 256,
        op::SWAP => arg >= 2,
        op::COPY | op::LIST_APPEND | op::SET_ADD | op::MAP_ADD => arg >= 1,
        op::LIST_EXTEND | op::SET_UPDATE | op::DICT_UPDATE | op::DICT_MERGE => arg >= 1,
        op::BUILD_SLICE => matches!(arg, 2 | 3),
        op::RAISE_VARARGS => arg <= 2,
        op::IS_OP | op::CONTAINS_OP => arg <= 1,
        op::CONVERT_VALUE => (1..=3).contains(&arg),
        op::BUILD_INTERPOLATION => arg >> 2 <= 3,
        op::SET_FUNCTION_ATTRIBUTE => matches!(arg, 1 | 2 | 4 | 8 | 16),
        op::GET_AWAITABLE => arg <= 2,
        op::RESUME => arg <= 7,
        _ => true,
    }
}

/// The walk over all paths.
struct Flow<'a> {
    code: &'a Code,
    instrs: &'a [Instruction],
    starts: &'a [usize],
    table: &'a [Entry],
    /// Stack depth before each instruction, -1 where control has not come.
    depths: Vec<i64>,
    todo: Vec<usize>,
}

impl Flow<'_> {
    /// Gives the depth before each instruction.
    fn run(mut self) -> Result<Vec<i64>, Fault> {
        self.check_table()?;
        self.depths[0] = 0;
        self.todo.push(0);
        while let Some(i) = self.todo.pop() {
            self.step(i)?;
        }
        Ok(self.depths)
    }

    fn check_table(&self) -> Result<(), Fault> {
        let mut end = 0;
        for entry in self.table {
            if entry.start < end
                || entry.end <= entry.start
                || entry.end as usize > self.starts.len()
            {
                return fail(entry.start as usize, "handler ranges overlap");
            }
            end = entry.end;
        }
        Ok(())
    }

    /// Control reaches a unit with a depth.
    fn reach(&mut self, from: usize, unit: usize, depth: i64) -> Result<(), Fault> {
        let Some(i) = self.starts.get(unit).copied().filter(|i| *i != usize::MAX) else {
            return fail(
                from,
                "control leaves the code or lands inside of an instruction",
            );
        };
        if depth > i64::from(self.code.stacksize) {
            return fail(from, "stack overflow");
        }
        match self.depths[i] {
            -1 => {
                self.depths[i] = depth;
                self.todo.push(i);
                Ok(())
            }
            known if known == depth => Ok(()),
            _ => fail(unit, "stack depths differ"),
        }
    }

    fn step(&mut self, i: usize) -> Result<(), Fault> {
        let instr = self.instrs[i];
        let (at, opcode) = (instr.offset, u16::from(instr.opcode));
        let depth = self.depths[i];
        let (Some(popped), Some(pushed)) = (
            opcode::popped(opcode, instr.oparg),
            opcode::pushed(opcode, instr.oparg),
        ) else {
            return fail(at, "unknown instruction");
        };
        if depth < popped {
            return fail(at, "stack underflow");
        }
        let after = depth - popped + pushed;
        if after > i64::from(self.code.stacksize) {
            return fail(at, "stack overflow");
        }
        let covering = self
            .table
            .partition_point(|e| e.start as usize <= at)
            .checked_sub(1)
            .map(|k| self.table[k]);
        if let Some(entry) = covering.filter(|e| at < e.end as usize) {
            if depth < i64::from(entry.depth) {
                return fail(at, "handler wants a deeper stack");
            }
            let there = i64::from(entry.depth) + i64::from(entry.lasti) + 1;
            self.reach(at, entry.target as usize, there)?;
        }
        if let Some(target) = instr
            .jump_target()
            .filter(|_| instr.opcode != op::END_ASYNC_FOR)
        {
            self.check_landing(&instr, target)?;
            self.reach(at, target, after)?;
        }
        let ends = matches!(
            instr.opcode,
            op::RETURN_VALUE
                | op::RAISE_VARARGS
                | op::RERAISE
                | op::JUMP_FORWARD
                | op::JUMP_BACKWARD
                | op::JUMP_BACKWARD_NO_INTERRUPT
        );
        if ends {
            Ok(())
        } else {
            self.reach(at, instr.end, after)
        }
    }

    /// Loops and delegations skip the instruction they jump to, so it must be the right one.
    fn check_landing(&self, instr: &Instruction, target: usize) -> Result<(), Fault> {
        let lands_on = |opcode: u8| self.code.code.get(2 * target) == Some(&opcode);
        let right = match instr.opcode {
            op::FOR_ITER => lands_on(op::END_FOR),
            op::SEND => lands_on(op::END_SEND),
            _ => true,
        };
        if right {
            Ok(())
        } else {
            fail(instr.offset, "jump to the wrong instruction")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Const;

    fn message(code: &[u8], stacksize: u32) -> &'static str {
        let code = Code {
            code: code.to_vec(),
            stacksize,
            consts: vec![Const::None],
            ..Code::default()
        };
        verify(&code).map_or_else(|f| f.message, |()| "")
    }

    #[test]
    fn faults() {
        assert_eq!(
            message(&[op::RESUME, 0, op::LOAD_CONST, 0, op::RETURN_VALUE, 0], 1),
            ""
        );
        assert_eq!(
            message(&[op::LOAD_CONST, 1, op::RETURN_VALUE, 0], 1),
            "constant out of range"
        );
        assert_eq!(
            message(&[op::LOAD_CONST, 0, op::RETURN_VALUE, 0], 0),
            "stack overflow"
        );
        assert_eq!(message(&[op::RETURN_VALUE, 0], 1), "stack underflow");
        assert_eq!(
            message(&[op::NOP, 0], 1),
            "control leaves the code or lands inside of an instruction"
        );
        assert_eq!(
            message(&[op::JUMP_FORWARD, 9], 1),
            "control leaves the code or lands inside of an instruction"
        );
        assert_eq!(
            message(&[op::LOAD_FAST, 0, op::RETURN_VALUE, 0], 1),
            "slot out of range"
        );
        assert_eq!(
            message(&[op::CALL_LEN, 0, 0, 0, 0, 0, 0, 0], 9),
            "unknown instruction"
        );
        assert_eq!(
            message(&[op::LOAD_CONST, 0, op::JUMP_BACKWARD, 3, 0, 0], 9),
            "stack depths differ"
        );
        assert_eq!(message(&[op::TO_BOOL, 0, 0, 0], 9), "caches are cut off");
    }
}
