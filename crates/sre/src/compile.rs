//! Checks `re`'s code and translates it into a `Program`, in one pass without recursion.
//!
//! Constructs that enclose others (branches, loops, groups that must not be re-entered, conditions) are kept on a stack
//! with the position where they must end; whatever does not end exactly there makes the code invalid, as do operands out
//! of range. So no code, however made, can lead the machine astray. CPython: `_validate_inner` in Modules/_sre/sre.c,
//! which checks the same rules and then runs the code as it is.

use crate::analyse;
use crate::class::{CharClass, Fold, Test};
use crate::opcode::*;
use crate::program::*;
use crate::text::encode;

/// The code is not what `re._compiler` would write. Python's error: RuntimeError("invalid SRE code").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidCode;

type Checked<T> = Result<T, InvalidCode>;

/// A construct whose end has not been reached.
enum Open {
    /// An alternative that must end with a JUMP at `end`. All jumps of a branch go to the same place.
    Alternative {
        end: usize,
        branch: usize,
        starts: Vec<u32>,
        target: Option<usize>,
    },
    /// A loop that must end with UNTIL at `end`.
    Loop { end: usize, number: usize },
    /// Code that must end with SUCCESS at `end`; then the instruction learns where its tail is.
    Sub { end: usize, inst: usize },
    /// The first part of a condition, up to `end`, where a JUMP may stand two words before.
    Then { end: usize, inst: usize },
    /// The second part of a condition.
    Else { end: usize },
}

struct Compiler<'a> {
    codes: &'a [u32],
    wide: bool,
    groups: usize,
    program: Program,
    opens: Vec<Open>,
    /// Code positions that jumps lead to, and the instructions that jump there.
    pending: Vec<(usize, usize)>,
    /// The last instruction is a literal that may grow.
    growing: bool,
    /// The program is not wanted: literals and classes are left out.
    only_check: bool,
}

/// Translates code for a subject kind. `wide`: for text; else for bytes.
pub fn compile(codes: &[u32], groups: usize, wide: bool) -> Checked<Program> {
    let mut compiler = Compiler::new(codes, groups, wide, false)?;
    compiler.run()?;
    let mut program = compiler.program;
    analyse::analyse(&mut program);
    Ok(program)
}

/// Whether code is valid, which does not depend on the kind of subject.
pub fn check(codes: &[u32], groups: usize) -> Checked<()> {
    Compiler::new(codes, groups, true, true)?.run()
}

impl Compiler<'_> {
    fn new(codes: &[u32], groups: usize, wide: bool, only_check: bool) -> Checked<Compiler<'_>> {
        if groups > MAX_GROUPS || codes.last() != Some(&SUCCESS) {
            return Err(InvalidCode);
        }
        Ok(Compiler {
            codes: &codes[..codes.len() - 1],
            wide,
            groups,
            program: Program {
                insts: Vec::with_capacity(codes.len() / 2),
                groups,
                ..Program::default()
            },
            opens: Vec::new(),
            pending: Vec::new(),
            growing: false,
            only_check,
        })
    }

    fn word(&self, at: usize) -> Checked<u32> {
        self.codes.get(at).copied().ok_or(InvalidCode)
    }

    /// Where the skip word at `at` leads.
    fn skip(&self, at: usize) -> Checked<usize> {
        let target = at + self.word(at)? as usize;
        if target > self.codes.len() {
            Err(InvalidCode)
        } else {
            Ok(target)
        }
    }

    fn emit(&mut self, inst: Inst) -> usize {
        self.growing = false;
        self.program.insts.push(inst);
        self.program.insts.len() - 1
    }

    fn here(&self) -> u32 {
        self.program.insts.len() as u32
    }

    /// Jumps to `at` now know their instruction.
    fn land(&mut self, at: usize) {
        let here = self.here();
        while let Some(&(target, inst)) = self.pending.last() {
            // Inner constructs end first, so the pending jumps with the nearest targets are last.
            if target != at {
                break;
            }
            self.pending.pop();
            self.growing = false;
            match &mut self.program.insts[inst] {
                Inst::Jump(to) => *to = here,
                Inst::GroupExists { otherwise, .. } => *otherwise = here,
                _ => {}
            }
        }
    }

    fn run(&mut self) -> Checked<()> {
        let mut at = 0;
        if self.codes.first() == Some(&INFO) {
            self.program.min_length = self.word(3)? as usize;
        }
        loop {
            self.land(at);
            if let Some(next) = self.close(at)? {
                at = next;
                continue;
            }
            if at == self.codes.len() {
                break;
            }
            at = self.instruction(at)?;
        }
        if !self.opens.is_empty() || !self.pending.is_empty() {
            return Err(InvalidCode);
        }
        self.emit(Inst::Success);
        Ok(())
    }

    /// Ends the innermost open construct if its end is here; gives the position to go on at.
    fn close(&mut self, at: usize) -> Checked<Option<usize>> {
        let end = match self.opens.last() {
            None => return Ok(None),
            Some(Open::Then { end, .. }) if at + 2 == *end && self.word(at) == Ok(JUMP) => at,
            Some(
                Open::Alternative { end, .. }
                | Open::Loop { end, .. }
                | Open::Sub { end, .. }
                | Open::Then { end, .. }
                | Open::Else { end },
            ) => *end,
        };
        if at < end {
            return Ok(None);
        }
        if at > end {
            return Err(InvalidCode);
        }
        match self.opens.pop() {
            Some(Open::Alternative {
                branch,
                starts,
                target,
                ..
            }) => self.close_alternative(at, branch, starts, target).map(Some),
            Some(Open::Loop { number, .. }) => {
                let inst = match self.word(at)? {
                    MAX_UNTIL => Inst::MaxUntil(number as u32),
                    MIN_UNTIL => Inst::MinUntil(number as u32),
                    _ => return Err(InvalidCode),
                };
                let until = self.emit(inst) as u32;
                let entry = &mut self.program.loops[number];
                entry.until = until;
                entry.tail = until + 1;
                Ok(Some(at + 1))
            }
            Some(Open::Sub { inst, .. }) => {
                if self.word(at)? != SUCCESS {
                    return Err(InvalidCode);
                }
                self.emit(Inst::Success);
                let here = self.here();
                match &mut self.program.insts[inst] {
                    Inst::Assert { tail, .. }
                    | Inst::AssertNot { tail, .. }
                    | Inst::Atomic { tail } => *tail = here,
                    Inst::PossessiveLoop(number) => {
                        self.program.loops[*number as usize].tail = here
                    }
                    _ => {}
                }
                Ok(Some(at + 1))
            }
            Some(Open::Then { end, inst }) if at < end => {
                let target = self.skip(at + 1)?;
                let jump = self.emit(Inst::Jump(0));
                let here = self.here();
                if let Inst::GroupExists { otherwise, .. } = &mut self.program.insts[inst] {
                    *otherwise = here;
                }
                self.pending.push((target, jump));
                self.opens.push(Open::Else { end: target });
                Ok(Some(end))
            }
            Some(Open::Then { inst, .. }) => {
                let here = self.here();
                self.growing = false;
                if let Inst::GroupExists { otherwise, .. } = &mut self.program.insts[inst] {
                    *otherwise = here;
                }
                Ok(Some(at))
            }
            Some(Open::Else { .. }) | None => Ok(Some(at)),
        }
    }

    fn close_alternative(
        &mut self,
        at: usize,
        branch: usize,
        starts: Vec<u32>,
        target: Option<usize>,
    ) -> Checked<usize> {
        if self.word(at)? != JUMP {
            return Err(InvalidCode);
        }
        let goal = self.skip(at + 1)?;
        if target.is_some_and(|target| target != goal) {
            return Err(InvalidCode);
        }
        let jump = self.emit(Inst::Jump(0));
        self.pending.push((goal, jump));
        self.alternative(at + 2, branch, starts, Some(goal))
    }

    /// Starts the alternative whose skip word is at `at`, or ends the branch.
    fn alternative(
        &mut self,
        at: usize,
        branch: usize,
        mut starts: Vec<u32>,
        target: Option<usize>,
    ) -> Checked<usize> {
        if self.word(at)? == 0 {
            if target != Some(at + 1) {
                return Err(InvalidCode);
            }
            let first = self.program.alternatives.len() as u32;
            let count = starts.len() as u32;
            self.program
                .alternatives
                .extend(starts.into_iter().map(|start| Alternative {
                    start,
                    first: First::UNKNOWN,
                }));
            self.program.insts[branch] = Inst::Branch { first, count };
            return Ok(at + 1);
        }
        let next = self.skip(at)?;
        // The JUMP and its operand come before the next skip word.
        let end = next
            .checked_sub(2)
            .filter(|&end| end > at)
            .ok_or(InvalidCode)?;
        starts.push(self.here());
        self.growing = false;
        self.opens.push(Open::Alternative {
            end,
            branch,
            starts,
            target,
        });
        Ok(at + 1)
    }

    /// Translates the instruction at `at`; gives the position after it.
    fn instruction(&mut self, at: usize) -> Checked<usize> {
        match self.word(at)? {
            FAILURE => self.emit(Inst::Fail),
            SUCCESS => self.emit(Inst::Success),
            MARK => {
                let mark = self.word(at + 1)?;
                if mark as usize >= 2 * self.groups {
                    return Err(InvalidCode);
                }
                self.emit(Inst::Mark(mark));
                return Ok(at + 2);
            }
            LITERAL => {
                self.literal(self.word(at + 1)?);
                return Ok(at + 2);
            }
            AT => {
                let condition = At::from_code(self.word(at + 1)?).ok_or(InvalidCode)?;
                self.emit(Inst::At(condition));
                return Ok(at + 2);
            }
            BRANCH => {
                let branch = self.emit(Inst::Fail);
                return self.alternative(at + 1, branch, Vec::new(), None);
            }
            REPEAT_ONE => return self.one(at, Mode::Greedy),
            MIN_REPEAT_ONE => return self.one(at, Mode::Lazy),
            POSSESSIVE_REPEAT_ONE => return self.one(at, Mode::Possessive),
            REPEAT => return self.group_loop(at, false),
            POSSESSIVE_REPEAT => return self.group_loop(at, true),
            ATOMIC_GROUP => {
                let end = self.skip(at + 1)?.checked_sub(1).ok_or(InvalidCode)?;
                let inst = self.emit(Inst::Atomic { tail: 0 });
                self.opens.push(Open::Sub { end, inst });
                return Ok(at + 2);
            }
            op @ (ASSERT | ASSERT_NOT) => {
                let end = self.skip(at + 1)?.checked_sub(1).ok_or(InvalidCode)?;
                let back = self.word(at + 2)?;
                if back & 0x8000_0000 != 0 {
                    return Err(InvalidCode);
                }
                let inst = self.emit(if op == ASSERT {
                    Inst::Assert { back, tail: 0 }
                } else {
                    Inst::AssertNot { back, tail: 0 }
                });
                self.opens.push(Open::Sub { end, inst });
                return Ok(at + 3);
            }
            op @ (GROUPREF | GROUPREF_IGNORE | GROUPREF_LOC_IGNORE | GROUPREF_UNI_IGNORE) => {
                let group = self.group(at + 1)?;
                let fold = match op {
                    GROUPREF => Fold::None,
                    GROUPREF_IGNORE => Fold::Ascii,
                    GROUPREF_LOC_IGNORE => Fold::Locale,
                    _ => Fold::Unicode,
                };
                self.emit(Inst::GroupRef { group, fold });
                return Ok(at + 2);
            }
            GROUPREF_EXISTS => {
                let group = self.group(at + 1)?;
                let end = at + 1 + self.word(at + 2)? as usize;
                if end > self.codes.len() || end < at + 3 {
                    return Err(InvalidCode);
                }
                let inst = self.emit(Inst::GroupExists {
                    group,
                    otherwise: 0,
                });
                self.opens.push(Open::Then { end, inst });
                return Ok(at + 3);
            }
            INFO => return self.info(at),
            _ => {
                let (item, next) = self.item(at)?;
                self.emit(match item {
                    Item::Any => Inst::Any,
                    Item::AnyAll => Inst::AnyAll,
                    Item::Class(number) => Inst::Class(number),
                    Item::NotByte(byte) => {
                        let test = Test::Literal {
                            code: byte.into(),
                            fold: Fold::None,
                            negated: true,
                        };
                        return self.class(test).map(|number| {
                            self.emit(Inst::Class(number));
                            next
                        });
                    }
                });
                return Ok(next);
            }
        };
        Ok(at + 1)
    }

    fn group(&self, at: usize) -> Checked<u32> {
        let group = self.word(at)?;
        if group as usize >= self.groups {
            Err(InvalidCode)
        } else {
            Ok(group)
        }
    }

    fn literal(&mut self, code: u32) {
        if self.only_check {
            if !self.growing {
                self.emit(Inst::Fail);
                self.growing = true;
            }
            return;
        }
        let start = self.program.literals.len();
        let encoded = if self.wide {
            encode(code, &mut self.program.literals)
        } else if let Ok(byte) = u8::try_from(code) {
            self.program.literals.push(byte);
            true
        } else {
            false
        };
        let added = (self.program.literals.len() - start) as u32;
        if !encoded {
            self.emit(Inst::Fail);
            return;
        }
        let growing = self.growing;
        match self.program.insts.last_mut() {
            Some(Inst::Literal { length, .. }) if growing => {
                *length += added;
                return;
            }
            Some(inst @ Inst::Byte(_)) if growing => {
                *inst = Inst::Literal {
                    at: start as u32 - 1,
                    length: added + 1,
                };
                return;
            }
            _ => {}
        }
        match self.program.literals[start..] {
            [byte] => self.emit(Inst::Byte(byte)),
            _ => self.emit(Inst::Literal {
                at: start as u32,
                length: added,
            }),
        };
        self.growing = true;
    }

    fn class(&mut self, test: Test) -> Checked<u32> {
        if self.only_check {
            return Ok(0);
        }
        let class = CharClass::new(test, &self.program.sets, self.wide);
        self.program.classes.push(class);
        Ok(self.program.classes.len() as u32 - 1)
    }

    /// A test of one character at `at`; gives also the position after it.
    fn item(&mut self, at: usize) -> Checked<(Item, usize)> {
        let (fold, negated) = match self.word(at)? {
            ANY => return Ok((Item::Any, at + 1)),
            ANY_ALL => return Ok((Item::AnyAll, at + 1)),
            FAILURE => return Ok((Item::Class(self.class(Test::Nothing)?), at + 1)),
            CATEGORY => {
                let number = self.word(at + 1)?;
                if number >= CATEGORIES {
                    return Err(InvalidCode);
                }
                return Ok((Item::Class(self.class(Test::Category(number))?), at + 2));
            }
            IN => return self.set(at, Fold::None),
            IN_IGNORE => return self.set(at, Fold::Ascii),
            IN_LOC_IGNORE => return self.set(at, Fold::Locale),
            IN_UNI_IGNORE => return self.set(at, Fold::Unicode),
            LITERAL => (Fold::None, false),
            LITERAL_IGNORE => (Fold::Ascii, false),
            LITERAL_LOC_IGNORE => (Fold::Locale, false),
            LITERAL_UNI_IGNORE => (Fold::Unicode, false),
            NOT_LITERAL => (Fold::None, true),
            NOT_LITERAL_IGNORE => (Fold::Ascii, true),
            NOT_LITERAL_LOC_IGNORE => (Fold::Locale, true),
            NOT_LITERAL_UNI_IGNORE => (Fold::Unicode, true),
            _ => return Err(InvalidCode),
        };
        let code = self.word(at + 1)?;
        let one_byte = if self.wide { 0x80 } else { 0x100 };
        if negated && fold == Fold::None && code < one_byte {
            return Ok((Item::NotByte(code as u8), at + 2));
        }
        let class = self.class(Test::Literal {
            code,
            fold,
            negated,
        })?;
        Ok((Item::Class(class), at + 2))
    }

    fn set(&mut self, at: usize, fold: Fold) -> Checked<(Item, usize)> {
        let end = self.skip(at + 1)?;
        // The last word of the set is its FAILURE.
        if end < at + 3 || self.word(end - 1)? != FAILURE {
            return Err(InvalidCode);
        }
        self.check_set(at + 2, end - 1)?;
        let start = self.program.sets.len();
        if !self.only_check {
            self.program
                .sets
                .extend_from_slice(&self.codes[at + 2..end]);
        }
        let class = self.class(Test::Set { at: start, fold })?;
        Ok((Item::Class(class), end))
    }

    /// Checks the items of a set between two positions.
    fn check_set(&self, mut at: usize, end: usize) -> Checked<()> {
        while at < end {
            let length = match self.word(at)? {
                NEGATE => 1,
                LITERAL => 2,
                RANGE | RANGE_UNI_IGNORE => 3,
                CHARSET => 9,
                BIGCHARSET => {
                    let count = self.word(at + 1)? as usize;
                    let indices = self.codes.get(at + 2..at + 66).ok_or(InvalidCode)?;
                    let in_range = |word: &u32| {
                        word.to_le_bytes()
                            .iter()
                            .all(|&block| (block as usize) < count)
                    };
                    if !indices.iter().all(in_range) {
                        return Err(InvalidCode);
                    }
                    66usize.saturating_add(count.saturating_mul(8))
                }
                CATEGORY => {
                    if self.word(at + 1)? >= CATEGORIES {
                        return Err(InvalidCode);
                    }
                    2
                }
                _ => return Err(InvalidCode),
            };
            at = at.saturating_add(length);
        }
        if at == end { Ok(()) } else { Err(InvalidCode) }
    }

    fn bounds(&self, at: usize) -> Checked<(u32, u32)> {
        let (min, max) = (self.word(at)?, self.word(at + 1)?);
        if min > max {
            Err(InvalidCode)
        } else {
            Ok((min, max))
        }
    }

    fn one(&mut self, at: usize, mode: Mode) -> Checked<usize> {
        let end = self.skip(at + 1)?;
        let (min, max) = self.bounds(at + 2)?;
        let (item, next) = self.item(at + 4)?;
        if next + 1 != end || self.word(next)? != SUCCESS {
            return Err(InvalidCode);
        }
        let number = self.program.ones.len() as u32;
        self.program.ones.push(One {
            item,
            min,
            max,
            mode,
            follow: First::UNKNOWN,
            follow_byte: None,
            committed: mode == Mode::Possessive,
        });
        self.emit(Inst::One(number));
        Ok(end)
    }

    fn group_loop(&mut self, at: usize, possessive: bool) -> Checked<usize> {
        let end = self.skip(at + 1)?;
        let (min, max) = self.bounds(at + 2)?;
        let number = self.program.loops.len();
        let inst = self.emit(if possessive {
            Inst::PossessiveLoop(number as u32)
        } else {
            Inst::Repeat(number as u32)
        });
        self.program.loops.push(Loop {
            min,
            max,
            body: self.here(),
            until: 0,
            tail: 0,
            body_first: First::UNKNOWN,
        });
        self.opens.push(if possessive {
            Open::Sub { end, inst }
        } else {
            Open::Loop { end, number }
        });
        Ok(at + 4)
    }

    /// Checks the block of hints; what it tells, `analyse` finds out by itself.
    fn info(&mut self, at: usize) -> Checked<usize> {
        let end = self.skip(at + 1)?;
        let flags = self.word(at + 2)?;
        self.word(at + 4)?;
        if end < at + 5 || flags & !(INFO_PREFIX | INFO_LITERAL | INFO_CHARSET) != 0 {
            return Err(InvalidCode);
        }
        if flags & INFO_PREFIX != 0 && flags & INFO_CHARSET != 0
            || flags & INFO_LITERAL != 0 && flags & INFO_PREFIX == 0
        {
            return Err(InvalidCode);
        }
        let mut next = at + 5;
        if flags & INFO_PREFIX != 0 {
            let length = self.word(next)? as usize;
            self.word(next + 1)?;
            let overlap = next.saturating_add(2 + length);
            next = overlap.saturating_add(length);
            if next > end {
                return Err(InvalidCode);
            }
            if self.codes[overlap..next]
                .iter()
                .any(|&back| back as usize >= length)
            {
                return Err(InvalidCode);
            }
        }
        if flags & INFO_CHARSET != 0 {
            if end < next + 1 || self.word(end - 1)? != FAILURE {
                return Err(InvalidCode);
            }
            self.check_set(next, end - 1)?;
            next = end;
        }
        if next == end {
            Ok(end)
        } else {
            Err(InvalidCode)
        }
    }
}
