//! Runs a program: a backtracking machine whose stack lies on the heap.
//!
//! The stack holds two sorts of entries in the order they arose: choices that can be taken up again, and changes to undo
//! on the way back to them (a group's mark, a loop's counters). Failing pops entries until a choice resumes; thus marks
//! and counters are always what they were when the choice was made. Code that must not be re-entered once it has
//! succeeded (assertions, atomic groups, possessive loops) puts a barrier on the stack; when it succeeds, the entries
//! above the barrier are dropped, save the undo entries of marks. Nothing recurses. A failed run leaves all marks unset.
//! CPython: `SRE(match)` in Modules/_sre/sre_lib.h, with a stack of contexts.

use memchr::{memchr, memchr2, memrchr};

use crate::class::{CharClass, Fold, Locale};
use crate::class::{is_unicode_word, is_word};
use crate::opcode::{At, MAX_REPEAT};
use crate::program::*;
use crate::text::Text;

/// Why a run was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The interrupt callback asked to stop.
    Interrupted,
    /// The stack would pass its limit, or there is no memory.
    Memory,
}

/// A position that is not there.
pub(crate) const UNSET: usize = usize::MAX;
/// No loop is open.
const NONE: u32 = u32::MAX;
/// Steps between two calls of the interrupt callback.
const FUEL: u32 = 10_000;
/// Entries that a state keeps room for between runs.
const KEPT: usize = 1 << 14;

#[derive(Clone, Copy)]
enum Entry {
    /// Undo: a mark, and the number of the group that ended last.
    Mark {
        index: u32,
        last_index: u32,
        old: usize,
    },
    /// Undo: a loop's counters.
    Counters { rep: u32, done: u32, last: usize },
    /// Undo: forget the newest loop.
    Enter,
    /// A barrier; its details are the last of `State::subs`.
    Sub,
    /// Choice: the alternatives `next..end`.
    Branch {
        next: u32,
        end: u32,
        repeat: u32,
        ptr: usize,
    },
    /// Choice: `ptr` was tried, positions down to `floor` remain.
    Greedy {
        pc: u32,
        repeat: u32,
        ptr: usize,
        floor: usize,
    },
    /// Choice: `ptr` was tried after `count` characters; take one more.
    Lazy {
        pc: u32,
        repeat: u32,
        ptr: usize,
        count: u32,
    },
    /// Choice: leave the loop here.
    Leave {
        rep: u32,
        done: u32,
        ptr: usize,
        last: usize,
    },
    /// Choice: go round the loop once more.
    Again { rep: u32, ptr: usize },
}

/// A loop being run.
#[derive(Clone, Copy)]
struct Rep {
    number: u32,
    /// How often the end of the loop was reached, less one before the first time.
    done: u32,
    /// Where the iteration that may be empty began.
    last: usize,
    outer: u32,
}

/// A barrier's details.
struct Sub {
    pc: u32,
    repeat: u32,
    count: u32,
    base: usize,
    reps: usize,
    ptr: usize,
    /// Where the stack was before the first iteration of a possessive loop.
    origin: usize,
}

/// What a run may ask of its surroundings.
pub struct Env<'a> {
    pub locale: &'a Locale,
    /// Called every few thousand steps; true stops the run.
    pub interrupt: &'a mut dyn FnMut() -> bool,
}

/// Working memory, reusable for any pattern, and the last result.
pub struct State {
    stack: Vec<Entry>,
    subs: Vec<Sub>,
    reps: Vec<Rep>,
    seen: Vec<bool>,
    pub(crate) marks: Vec<usize>,
    /// Number of the group that ended last, or 0.
    pub(crate) last_index: u32,
    pub(crate) begin: usize,
    pub(crate) finish: usize,
    limit: usize,
    fuel: u32,
}

/// Conditions on the end of the whole match.
#[derive(Clone, Copy, Default)]
pub struct Demand {
    /// It must be the end of the subject.
    pub all: bool,
    /// It must not be the beginning of the match.
    pub advance: bool,
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// An empty state, with a limit of a gibibyte for the stack.
    pub fn new() -> State {
        State {
            stack: Vec::new(),
            subs: Vec::new(),
            reps: Vec::new(),
            seen: Vec::new(),
            marks: Vec::new(),
            last_index: 0,
            begin: 0,
            finish: 0,
            limit: (1 << 30) / size_of::<Entry>(),
            fuel: FUEL,
        }
    }

    /// Sets how many bytes the stack may take.
    pub fn set_memory_limit(&mut self, bytes: usize) {
        self.limit = bytes / size_of::<Entry>();
    }

    /// Gets ready for a search of a pattern with so many groups.
    pub(crate) fn prepare(&mut self, groups: usize) -> Result<(), Error> {
        self.marks.clear();
        self.marks
            .try_reserve(groups * 2)
            .map_err(|_| Error::Memory)?;
        self.marks.resize(groups * 2, UNSET);
        self.last_index = 0;
        self.fuel = FUEL;
        Ok(())
    }

    /// Gives back what an unusually deep run took.
    pub(crate) fn settle(&mut self) {
        self.stack.clear();
        self.reps.clear();
        if self.stack.capacity() > KEPT || self.reps.capacity() > KEPT {
            self.stack.shrink_to(KEPT);
            self.reps.shrink_to(KEPT);
        }
    }

    #[inline(always)]
    fn push(&mut self, entry: Entry) -> Result<(), Error> {
        if self.stack.len() == self.stack.capacity() {
            self.grow()?;
        }
        self.stack.push(entry);
        Ok(())
    }

    #[cold]
    fn grow(&mut self) -> Result<(), Error> {
        let length = self.stack.len();
        let room = self.limit.saturating_sub(length);
        if room == 0 {
            return Err(Error::Memory);
        }
        let more = length.max(64).min(room);
        self.stack
            .try_reserve_exact(more)
            .map_err(|_| Error::Memory)
    }

    #[cold]
    fn poll(&mut self, env: &mut Env) -> Result<(), Error> {
        self.fuel = FUEL;
        if (env.interrupt)() {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    }

    #[inline]
    fn set_mark(&mut self, index: u32, ptr: usize) -> Result<(), Error> {
        let Some(mark) = self.marks.get_mut(index as usize) else {
            return Ok(());
        };
        let old = std::mem::replace(mark, ptr);
        let last_index = self.last_index;
        if index & 1 != 0 {
            self.last_index = index / 2 + 1;
        }
        self.push(Entry::Mark {
            index,
            last_index,
            old,
        })
    }

    #[inline]
    fn undo_mark(&mut self, index: u32, last_index: u32, old: usize) {
        if let Some(mark) = self.marks.get_mut(index as usize) {
            *mark = old;
        }
        self.last_index = last_index;
    }

    /// Where a group matched.
    fn group(&self, group: u32) -> Option<(usize, usize)> {
        let start = *self.marks.get(group as usize * 2)?;
        let end = *self.marks.get(group as usize * 2 + 1)?;
        (start != UNSET && end != UNSET && start <= end).then_some((start, end))
    }

    /// Drops what lies above `base`, save the undo entries of marks.
    fn cut(&mut self, base: usize, origin: usize) {
        let mut kept = base;
        for index in base..self.stack.len() {
            if matches!(self.stack[index], Entry::Mark { .. }) {
                self.stack[kept] = self.stack[index];
                kept += 1;
            }
        }
        self.stack.truncate(kept);
        // A long possessive loop would pile up entries for the same marks: the oldest of each is enough.
        if kept - origin > 64 + self.marks.len() * 2 {
            self.seen.clear();
            self.seen.resize(self.marks.len(), false);
            let mut kept = origin;
            for at in origin..self.stack.len() {
                if let Entry::Mark { index, .. } = self.stack[at]
                    && let Some(seen) = self.seen.get_mut(index as usize)
                    && !std::mem::replace(seen, true)
                {
                    self.stack[kept] = self.stack[at];
                    kept += 1;
                }
            }
            self.stack.truncate(kept);
        }
    }

    fn enter_sub(
        &mut self,
        pc: u32,
        repeat: u32,
        count: u32,
        ptr: usize,
        origin: usize,
    ) -> Result<(), Error> {
        self.subs.try_reserve(1).map_err(|_| Error::Memory)?;
        self.subs.push(Sub {
            pc,
            repeat,
            count,
            base: self.stack.len(),
            reps: self.reps.len(),
            ptr,
            origin,
        });
        self.push(Entry::Sub)
    }
}

/// A run's view of what does not change.
#[derive(Clone, Copy)]
struct View<'a, T> {
    program: &'a Program,
    text: T,
    locale: &'a Locale,
}

impl<T: Text> View<'_, T> {
    /// The position after the character at `ptr` if it is in the class.
    #[inline(always)]
    fn class(&self, class: &CharClass, ptr: usize) -> Option<usize> {
        let byte = *self.text.bytes().get(ptr)?;
        if !class.local && (T::SINGLE || byte < 0x80) {
            return class.bits.has(byte).then_some(ptr + 1);
        }
        self.wide_class(class, ptr, byte)
    }

    fn wide_class(&self, class: &CharClass, ptr: usize, byte: u8) -> Option<usize> {
        if class.uniform {
            return class.bits.has(byte).then(|| self.text.after(ptr));
        }
        let (code, next) = self.text.next(ptr);
        class
            .test
            .eval(&self.program.sets, code, self.locale)
            .then_some(next)
    }

    /// The position after one item.
    #[inline(always)]
    fn item(&self, item: Item, ptr: usize) -> Option<usize> {
        let byte = *self.text.bytes().get(ptr)?;
        let fits = match item {
            Item::Class(number) => return self.class(&self.program.classes[number as usize], ptr),
            Item::Any => byte != b'\n',
            Item::AnyAll => true,
            Item::NotByte(not) => byte != not,
        };
        fits.then(|| self.text.after(ptr))
    }

    /// The end of the longest run of at most `max` items.
    fn run(&self, item: Item, ptr: usize, max: u32) -> usize {
        let bytes = self.text.bytes();
        let mut end = bytes.len();
        if max != MAX_REPEAT {
            if T::SINGLE {
                end = end.min(ptr.saturating_add(max as usize));
            } else {
                let mut ptr = ptr;
                for _ in 0..max {
                    match self.item(item, ptr) {
                        Some(next) => ptr = next,
                        None => break,
                    }
                }
                return ptr;
            }
        }
        let rest = &bytes[ptr.min(end)..end];
        let found = match item {
            Item::AnyAll => None,
            Item::Any => memchr(b'\n', rest),
            Item::NotByte(byte) => memchr(byte, rest),
            Item::Class(number) => {
                let class = &self.program.classes[number as usize];
                if !class.local && (T::SINGLE || class.uniform) {
                    rest.iter().position(|&byte| !class.bits.has(byte))
                } else {
                    let mut ptr = ptr;
                    while ptr < end
                        && let Some(next) = self.class(class, ptr)
                    {
                        ptr = next;
                    }
                    return ptr;
                }
            }
        };
        found.map_or(end, |length| ptr + length)
    }

    /// The position after exactly `min` items.
    fn at_least(&self, item: Item, mut ptr: usize, min: u32) -> Option<usize> {
        for _ in 0..min {
            ptr = self.item(item, ptr)?;
        }
        Some(ptr)
    }

    /// The last position from `ptr` down to `floor` where what follows the run can start.
    #[inline]
    fn retreat(&self, one: &One, mut ptr: usize, floor: usize) -> Option<usize> {
        let bytes = self.text.bytes();
        if one.follow.empty {
            return Some(ptr);
        }
        if let Some(byte) = one.follow_byte {
            let end = bytes.len().min(ptr + 1);
            return memrchr(byte, bytes.get(floor..end)?).map(|at| floor + at);
        }
        loop {
            if one.follow.admits(bytes, ptr) {
                return Some(ptr);
            }
            if ptr <= floor {
                return None;
            }
            ptr = self.text.before(ptr);
        }
    }

    /// From `ptr`, after `count` items, takes further items until what follows can start.
    #[inline]
    fn advance(&self, one: &One, mut ptr: usize, count: &mut u32) -> Option<usize> {
        let bytes = self.text.bytes();
        if one.max == MAX_REPEAT
            && let Some(byte) = one.follow_byte
        {
            let rest = bytes.get(ptr..)?;
            let stop = match one.item {
                Item::AnyAll => memchr(byte, rest)?,
                Item::Any => memchr2(byte, b'\n', rest)?,
                Item::NotByte(not) => memchr2(byte, not, rest)?,
                Item::Class(_) => 0,
            };
            ptr += stop;
        }
        while !one.follow.admits(bytes, ptr) {
            if *count >= one.max && one.max != MAX_REPEAT {
                return None;
            }
            ptr = self.item(one.item, ptr)?;
            *count = count.saturating_add(1);
        }
        Some(ptr)
    }

    fn at(&self, condition: At, ptr: usize) -> bool {
        let bytes = self.text.bytes();
        let end = bytes.len();
        let boundary = |is_word: &dyn Fn(u32) -> bool| {
            let before = ptr > 0 && is_word(self.text.next(self.text.before(ptr)).0);
            let after = ptr < end && is_word(self.text.next(ptr).0);
            before != after
        };
        let local = |code| self.locale.is_word(code);
        match condition {
            At::Beginning | At::BeginningString => ptr == 0,
            At::BeginningLine => ptr == 0 || bytes.get(ptr - 1) == Some(&b'\n'),
            At::End => ptr == end || ptr + 1 == end && bytes[ptr] == b'\n',
            At::EndLine => ptr == end || bytes.get(ptr) == Some(&b'\n'),
            At::EndString => ptr == end,
            At::Boundary => end != 0 && boundary(&is_word),
            At::NonBoundary => !boundary(&is_word),
            At::LocBoundary => end != 0 && boundary(&local),
            At::LocNonBoundary => !boundary(&local),
            At::UniBoundary => end != 0 && boundary(&is_unicode_word),
            At::UniNonBoundary => !boundary(&is_unicode_word),
        }
    }

    /// The position `count` characters before `ptr`.
    fn back(&self, ptr: usize, count: u32) -> Option<usize> {
        if T::SINGLE {
            return ptr.checked_sub(count as usize);
        }
        let mut ptr = ptr;
        for _ in 0..count {
            if ptr == 0 {
                return None;
            }
            ptr = self.text.before(ptr);
        }
        Some(ptr)
    }

    /// The position after another copy of `start..end`.
    fn repeat_of(&self, start: usize, end: usize, fold: Fold, mut ptr: usize) -> Option<usize> {
        let bytes = self.text.bytes();
        if fold == Fold::None {
            let copy = bytes.get(start..end)?;
            return bytes
                .get(ptr..)?
                .starts_with(copy)
                .then_some(ptr + copy.len());
        }
        let mut from = start;
        while from < end {
            if ptr >= bytes.len() {
                return None;
            }
            let (wanted, after_wanted) = self.text.next(from);
            let (got, after_got) = self.text.next(ptr);
            if fold.apply(wanted, self.locale) != fold.apply(got, self.locale) {
                return None;
            }
            (from, ptr) = (after_wanted, after_got);
        }
        Some(ptr)
    }

    /// The next alternative from `next` on that can start at `ptr`.
    #[inline]
    fn viable(&self, mut next: u32, end: u32, ptr: usize) -> Option<u32> {
        let bytes = self.text.bytes();
        while next < end {
            if self.program.alternatives[next as usize]
                .first
                .admits(bytes, ptr)
            {
                return Some(next);
            }
            next += 1;
        }
        None
    }
}

/// The end of the longest run of an item.
pub(crate) fn run_end<T: Text>(
    program: &Program,
    text: T,
    env: &Env,
    item: Item,
    ptr: usize,
) -> usize {
    let view = View {
        program,
        text,
        locale: env.locale,
    };
    view.run(item, ptr, MAX_REPEAT)
}

/// Where a run goes on.
enum Next {
    At(u32, usize),
    Done(usize),
    Fail,
}

/// Runs the program at one position. On success the marks are set, and the end is given.
pub(crate) fn run<T: Text>(
    program: &Program,
    text: T,
    state: &mut State,
    env: &mut Env,
    at: usize,
    demand: Demand,
) -> Result<Option<usize>, Error> {
    let view = View {
        program,
        text,
        locale: env.locale,
    };
    state.stack.clear();
    state.subs.clear();
    state.reps.clear();
    let bytes = text.bytes();
    let (mut pc, mut ptr, mut repeat) = (0u32, at, NONE);
    loop {
        state.fuel -= 1;
        if state.fuel == 0 {
            state.poll(env)?;
        }
        let matched = match program.insts[pc as usize] {
            Inst::Byte(byte) => {
                let equal = bytes.get(ptr) == Some(&byte);
                ptr += 1;
                equal
            }
            Inst::Literal { at, length } => {
                let literal = &program.literals[at as usize..(at + length) as usize];
                // Most places fail at the first byte, which needs no call.
                let equal = bytes.get(ptr) == literal.first()
                    && bytes
                        .get(ptr..)
                        .is_some_and(|rest| rest.starts_with(literal));
                ptr += literal.len();
                equal
            }
            Inst::Class(number) => match view.class(&program.classes[number as usize], ptr) {
                Some(next) => {
                    ptr = next;
                    true
                }
                None => false,
            },
            Inst::Any => match view.item(Item::Any, ptr) {
                Some(next) => {
                    ptr = next;
                    true
                }
                None => false,
            },
            Inst::AnyAll => match view.item(Item::AnyAll, ptr) {
                Some(next) => {
                    ptr = next;
                    true
                }
                None => false,
            },
            Inst::Mark(index) => {
                state.set_mark(index, ptr)?;
                true
            }
            Inst::At(condition) => view.at(condition, ptr),
            Inst::Jump(target) => {
                pc = target;
                continue;
            }
            Inst::Fail => false,
            Inst::Branch { first, count } => {
                let end = first + count;
                if let Some(way) = view.viable(first, end, ptr) {
                    if let Some(next) = view.viable(way + 1, end, ptr) {
                        state.push(Entry::Branch {
                            next,
                            end,
                            repeat,
                            ptr,
                        })?;
                    }
                    pc = program.alternatives[way as usize].start;
                    continue;
                }
                false
            }
            Inst::One(number) => match one(
                &view,
                state,
                &program.ones[number as usize],
                pc,
                repeat,
                ptr,
            )? {
                Some(next) => {
                    ptr = next;
                    true
                }
                None => false,
            },
            Inst::Repeat(number) => {
                let rep = state.reps.len() as u32;
                state.reps.try_reserve(1).map_err(|_| Error::Memory)?;
                state.reps.push(Rep {
                    number,
                    done: 0,
                    last: UNSET,
                    outer: repeat,
                });
                state.push(Entry::Enter)?;
                repeat = rep;
                pc = program.loops[number as usize].until;
                continue;
            }
            Inst::MaxUntil(_) => match max_until(program, bytes, state, &mut repeat, ptr)? {
                Some(target) => {
                    pc = target;
                    continue;
                }
                None => false,
            },
            Inst::MinUntil(_) => match min_until(program, state, &mut repeat, ptr)? {
                Some(target) => {
                    pc = target;
                    continue;
                }
                None => false,
            },
            Inst::PossessiveLoop(number) => {
                let entry = &program.loops[number as usize];
                if entry.max == 0 {
                    pc = entry.tail;
                    continue;
                }
                let origin = state.stack.len();
                state.enter_sub(pc, repeat, 0, ptr, origin)?;
                true
            }
            Inst::Atomic { .. } => {
                state.enter_sub(pc, repeat, 0, ptr, state.stack.len())?;
                true
            }
            Inst::Assert { back, .. } => match view.back(ptr, back) {
                Some(start) => {
                    state.enter_sub(pc, repeat, 0, ptr, state.stack.len())?;
                    ptr = start;
                    true
                }
                None => false,
            },
            Inst::AssertNot { back, tail } => match view.back(ptr, back) {
                Some(start) => {
                    state.enter_sub(pc, repeat, 0, ptr, state.stack.len())?;
                    ptr = start;
                    true
                }
                None => {
                    pc = tail;
                    continue;
                }
            },
            Inst::GroupRef { group, fold } => {
                let copy = state.group(group);
                match copy.and_then(|(start, end)| view.repeat_of(start, end, fold, ptr)) {
                    Some(next) => {
                        ptr = next;
                        true
                    }
                    None => false,
                }
            }
            Inst::GroupExists { group, otherwise } => {
                if state.group(group).is_none() {
                    pc = otherwise;
                    continue;
                }
                true
            }
            Inst::Success => {
                match succeed(program, state, &mut repeat, ptr, bytes.len(), at, demand)? {
                    Next::Done(end) => return Ok(Some(end)),
                    Next::At(target, to) => {
                        (pc, ptr) = (target, to);
                        continue;
                    }
                    Next::Fail => false,
                }
            }
        };
        if matched {
            pc += 1;
            continue;
        }
        match backtrack(&view, state, &mut repeat)? {
            Next::At(target, to) => (pc, ptr) = (target, to),
            _ => return Ok(None),
        }
    }
}

/// Runs a repeated character; gives the position to go on at.
#[inline(always)]
fn one<T: Text>(
    view: &View<'_, T>,
    state: &mut State,
    one: &One,
    pc: u32,
    repeat: u32,
    ptr: usize,
) -> Result<Option<usize>, Error> {
    if ptr > view.text.bytes().len() {
        return Ok(None);
    }
    let Some(floor) = view.at_least(one.item, ptr, one.min) else {
        return Ok(None);
    };
    if one.mode == Mode::Lazy {
        let mut count = one.min;
        let Some(ptr) = view.advance(one, floor, &mut count) else {
            return Ok(None);
        };
        if count < one.max || one.max == MAX_REPEAT {
            state.push(Entry::Lazy {
                pc,
                repeat,
                ptr,
                count,
            })?;
        }
        return Ok(Some(ptr));
    }
    let rest = if one.max == MAX_REPEAT {
        MAX_REPEAT
    } else {
        one.max - one.min
    };
    let end = view.run(one.item, floor, rest);
    // Long runs count as many steps, so that quadratic searches can be interrupted.
    state.fuel = state
        .fuel
        .saturating_sub(((end - floor) >> 8) as u32)
        .max(1);
    if one.committed {
        return Ok(Some(end));
    }
    let Some(ptr) = view.retreat(one, end, floor) else {
        return Ok(None);
    };
    if ptr > floor {
        state.push(Entry::Greedy {
            pc,
            repeat,
            ptr,
            floor,
        })?;
    }
    Ok(Some(ptr))
}

/// The end of a greedy loop's body: round again if possible, else on. Gives the instruction to go on at.
#[inline]
fn max_until(
    program: &Program,
    bytes: &[u8],
    state: &mut State,
    repeat: &mut u32,
    ptr: usize,
) -> Result<Option<u32>, Error> {
    let rep = *repeat;
    let Some(&Rep {
        number,
        done,
        last,
        outer,
    }) = state.reps.get(rep as usize)
    else {
        return Ok(None);
    };
    let entry = &program.loops[number as usize];
    let possible = entry.body_first.admits(bytes, ptr);
    if done < entry.min {
        if !possible {
            return Ok(None);
        }
        state.push(Entry::Counters { rep, done, last })?;
        state.reps[rep as usize].done = done.wrapping_add(1);
        return Ok(Some(entry.body));
    }
    if possible && (done < entry.max || entry.max == MAX_REPEAT) && ptr != last {
        state.push(Entry::Leave {
            rep,
            done,
            ptr,
            last,
        })?;
        let rep = &mut state.reps[rep as usize];
        rep.done = done.wrapping_add(1);
        rep.last = ptr;
        return Ok(Some(entry.body));
    }
    *repeat = outer;
    Ok(Some(entry.tail))
}

/// The end of a lazy loop's body: on, unless more iterations are required; the choice to go round again is kept.
fn min_until(
    program: &Program,
    state: &mut State,
    repeat: &mut u32,
    ptr: usize,
) -> Result<Option<u32>, Error> {
    let rep = *repeat;
    let Some(&Rep {
        number,
        done,
        last,
        outer,
    }) = state.reps.get(rep as usize)
    else {
        return Ok(None);
    };
    let entry = &program.loops[number as usize];
    if done < entry.min {
        state.push(Entry::Counters { rep, done, last })?;
        state.reps[rep as usize].done = done.wrapping_add(1);
        return Ok(Some(entry.body));
    }
    state.push(Entry::Again { rep, ptr })?;
    *repeat = outer;
    Ok(Some(entry.tail))
}

/// The end of the pattern, or of the innermost barrier's code.
fn succeed(
    program: &Program,
    state: &mut State,
    repeat: &mut u32,
    ptr: usize,
    end: usize,
    start: usize,
    demand: Demand,
) -> Result<Next, Error> {
    let Some(sub) = state.subs.pop() else {
        if demand.all && ptr != end || demand.advance && ptr == start {
            return Ok(Next::Fail);
        }
        return Ok(Next::Done(ptr));
    };
    *repeat = sub.repeat;
    match program.insts[sub.pc as usize] {
        Inst::AssertNot { .. } => {
            // Marks set inside are undone before the failure goes on.
            while state.stack.len() > sub.base {
                if let Some(Entry::Mark {
                    index,
                    last_index,
                    old,
                }) = state.stack.pop()
                {
                    state.undo_mark(index, last_index, old);
                }
            }
            state.reps.truncate(sub.reps);
            Ok(Next::Fail)
        }
        Inst::Assert { tail, .. } => {
            state.cut(sub.base, sub.base);
            state.reps.truncate(sub.reps);
            Ok(Next::At(tail, sub.ptr))
        }
        Inst::Atomic { tail } => {
            state.cut(sub.base, sub.base);
            state.reps.truncate(sub.reps);
            Ok(Next::At(tail, ptr))
        }
        Inst::PossessiveLoop(number) => {
            state.cut(sub.base, sub.origin);
            state.reps.truncate(sub.reps);
            let entry = &program.loops[number as usize];
            let count = sub.count.saturating_add(1);
            let moved = ptr != sub.ptr || sub.count < entry.min;
            if moved && (count < entry.max || entry.max == MAX_REPEAT) {
                state.enter_sub(sub.pc, sub.repeat, count, ptr, sub.origin)?;
                return Ok(Next::At(entry.body, ptr));
            }
            Ok(Next::At(entry.tail, ptr))
        }
        _ => Ok(Next::Fail),
    }
}

/// Goes back to the last choice and takes it up.
fn backtrack<T: Text>(
    view: &View<'_, T>,
    state: &mut State,
    repeat: &mut u32,
) -> Result<Next, Error> {
    let program = view.program;
    while let Some(entry) = state.stack.pop() {
        match entry {
            Entry::Mark {
                index,
                last_index,
                old,
            } => state.undo_mark(index, last_index, old),
            Entry::Counters { rep, done, last } => {
                if let Some(rep) = state.reps.get_mut(rep as usize) {
                    rep.done = done;
                    rep.last = last;
                }
            }
            Entry::Enter => {
                state.reps.pop();
            }
            Entry::Branch {
                next,
                end,
                repeat: outer,
                ptr,
            } => {
                *repeat = outer;
                if let Some(next) = view.viable(next + 1, end, ptr) {
                    state.push(Entry::Branch {
                        next,
                        end,
                        repeat: outer,
                        ptr,
                    })?;
                }
                return Ok(Next::At(program.alternatives[next as usize].start, ptr));
            }
            Entry::Greedy {
                pc,
                repeat: outer,
                ptr,
                floor,
            } => {
                let Inst::One(number) = program.insts[pc as usize] else {
                    continue;
                };
                let one = &program.ones[number as usize];
                let Some(ptr) = view.retreat(one, view.text.before(ptr), floor) else {
                    continue;
                };
                *repeat = outer;
                if ptr > floor {
                    state.push(Entry::Greedy {
                        pc,
                        repeat: outer,
                        ptr,
                        floor,
                    })?;
                }
                return Ok(Next::At(pc + 1, ptr));
            }
            Entry::Lazy {
                pc,
                repeat: outer,
                ptr,
                mut count,
            } => {
                let Inst::One(number) = program.insts[pc as usize] else {
                    continue;
                };
                let one = &program.ones[number as usize];
                let Some(ptr) = view.item(one.item, ptr) else {
                    continue;
                };
                count = count.saturating_add(1);
                let Some(ptr) = view.advance(one, ptr, &mut count) else {
                    continue;
                };
                *repeat = outer;
                if count < one.max || one.max == MAX_REPEAT {
                    state.push(Entry::Lazy {
                        pc,
                        repeat: outer,
                        ptr,
                        count,
                    })?;
                }
                return Ok(Next::At(pc + 1, ptr));
            }
            Entry::Leave {
                rep,
                done,
                ptr,
                last,
            } => {
                if let Some(rep) = state.reps.get_mut(rep as usize) {
                    rep.done = done;
                    rep.last = last;
                    *repeat = rep.outer;
                    return Ok(Next::At(program.loops[rep.number as usize].tail, ptr));
                }
            }
            Entry::Again { rep, ptr } => {
                let Some(&Rep {
                    number, done, last, ..
                }) = state.reps.get(rep as usize)
                else {
                    continue;
                };
                let entry = &program.loops[number as usize];
                if done >= entry.max && entry.max != MAX_REPEAT || ptr == last {
                    continue;
                }
                state.push(Entry::Counters { rep, done, last })?;
                let counters = &mut state.reps[rep as usize];
                counters.done = done.wrapping_add(1);
                counters.last = ptr;
                *repeat = rep;
                return Ok(Next::At(entry.body, ptr));
            }
            Entry::Sub => {
                let Some(sub) = state.subs.pop() else {
                    continue;
                };
                state.reps.truncate(sub.reps);
                *repeat = sub.repeat;
                match program.insts[sub.pc as usize] {
                    Inst::AssertNot { tail, .. } => return Ok(Next::At(tail, sub.ptr)),
                    Inst::PossessiveLoop(number) => {
                        let entry = &program.loops[number as usize];
                        if sub.count >= entry.min {
                            return Ok(Next::At(entry.tail, sub.ptr));
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(Next::Fail)
}
