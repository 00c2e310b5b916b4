//! What a finished program lets one know in advance: which bytes can come first after each choice, where giving back
//! characters is pointless, and how a search finds places to try.
//!
//! Every set is an upper bound, so acting on it never changes an answer. Instructions are visited from last to first;
//! only loops jump back, so a second visit, with the first one's bounds in place, makes their sets useful too.
//! CPython has the INFO block for some of this (`_compile_info` in Lib/re/_compiler.py).

use memchr::memmem::Finder;

use crate::class::{ByteSet, Fold};
use crate::opcode::{At, MAX_REPEAT};
use crate::program::*;

/// Fills in the hints of a program.
pub fn analyse(program: &mut Program) {
    let count = program.insts.len();
    let mut firsts = vec![First::UNKNOWN; count + 1];
    for _ in 0..2 {
        for index in (0..count).rev() {
            firsts[index] = first(program, &firsts, index);
        }
    }
    let at = |index: u32| {
        firsts
            .get(index as usize)
            .copied()
            .unwrap_or(First::UNKNOWN)
    };
    for alternative in &mut program.alternatives {
        alternative.first = at(alternative.start);
    }
    for entry in &mut program.loops {
        entry.body_first = at(entry.body);
    }
    for index in 0..count {
        if let Inst::One(number) = program.insts[index] {
            let follow = firsts[index + 1];
            let reaches_end = ends(program, index + 1);
            let item = item_first(program, program.ones[number as usize].item);
            let one = &mut program.ones[number as usize];
            one.follow = follow;
            one.committed |= reaches_end || !follow.empty && item.is_disjoint(&follow.bytes);
            if !follow.empty
                && let Some([byte]) = follow.bytes.few().as_deref()
            {
                one.follow_byte = Some(*byte);
            }
        }
    }
    program.start = start(program, &firsts);
    program.run = leading_run(program);
    program.literal_only = program.groups == 0
        && matches!(
            program.insts[..],
            [Inst::Literal { .. } | Inst::Byte(_), Inst::Success]
        )
        && matches!(program.start, Start::Prefix(_) | Start::Few(_));
}

/// Nothing but the end of the pattern follows.
fn ends(program: &Program, mut index: usize) -> bool {
    while let Some(Inst::Mark(_)) = program.insts.get(index) {
        index += 1;
    }
    matches!(program.insts.get(index), Some(Inst::Success))
}

/// The item of an unbounded run that everything starts with, unless what groups captured has an influence.
fn leading_run(program: &Program) -> Option<Item> {
    let looks_back = |inst: &Inst| matches!(inst, Inst::GroupRef { .. } | Inst::GroupExists { .. });
    if program.insts.iter().any(looks_back) {
        return None;
    }
    let mut leading = program.insts.iter();
    match leading.find(|inst| !matches!(inst, Inst::Mark(_) | Inst::At(_))) {
        Some(Inst::One(number)) => {
            let one = &program.ones[*number as usize];
            (one.max == MAX_REPEAT).then_some(one.item)
        }
        _ => None,
    }
}

fn not(byte: u8) -> ByteSet {
    let mut bytes = ByteSet::FULL;
    bytes.remove(byte);
    bytes
}

fn item_first(program: &Program, item: Item) -> ByteSet {
    match item {
        Item::Any => not(b'\n'),
        Item::AnyAll => ByteSet::FULL,
        Item::NotByte(byte) => not(byte),
        Item::Class(number) => program.classes[number as usize].first_bytes(),
    }
}

fn single(byte: u8) -> First {
    First::of(ByteSet::of(byte))
}

fn first(program: &Program, firsts: &[First], index: usize) -> First {
    let next = firsts[index + 1];
    let at = |index: u32| {
        firsts
            .get(index as usize)
            .copied()
            .unwrap_or(First::UNKNOWN)
    };
    match program.insts[index] {
        Inst::Byte(byte) => single(byte),
        Inst::Literal { at, .. } => single(program.literals[at as usize]),
        Inst::Class(number) => First::of(item_first(program, Item::Class(number))),
        Inst::Any => First::of(not(b'\n')),
        Inst::AnyAll => First::of(ByteSet::FULL),
        Inst::Mark(_) | Inst::At(_) => next,
        Inst::Branch { first, count } => {
            let range = first as usize..(first + count) as usize;
            let ways = program.alternatives[range].iter();
            ways.fold(First::NOTHING, |all, way| all.or(at(way.start)))
        }
        Inst::Jump(target) => at(target),
        Inst::Fail => First::NOTHING,
        Inst::Success => First {
            bytes: ByteSet::EMPTY,
            empty: true,
        },
        Inst::One(number) => {
            let one = &program.ones[number as usize];
            let item = First::of(item_first(program, one.item));
            match (one.min, one.max) {
                (_, 0) => next,
                (0, _) => item.or(next),
                _ => item,
            }
        }
        Inst::Repeat(number) => {
            let entry = &program.loops[number as usize];
            if entry.min > 0 {
                at(entry.body)
            } else {
                at(entry.until)
            }
        }
        Inst::MaxUntil(number) | Inst::MinUntil(number) => {
            at(program.loops[number as usize].body).or(next)
        }
        Inst::PossessiveLoop(number) => {
            let entry = &program.loops[number as usize];
            let body = at(entry.body);
            if entry.min > 0 {
                body.then(at(entry.tail))
            } else {
                body.or(at(entry.tail))
            }
        }
        Inst::Atomic { tail } => next.then(at(tail)),
        Inst::Assert { tail, .. } | Inst::AssertNot { tail, .. } => at(tail),
        Inst::GroupRef {
            fold: Fold::None | Fold::Ascii | Fold::Unicode | Fold::Locale,
            ..
        } => First::UNKNOWN,
        Inst::GroupExists { otherwise, .. } => next.or(at(otherwise)),
    }
}

fn start(program: &Program, firsts: &[First]) -> Start {
    let mut prefix = Vec::new();
    for inst in &program.insts {
        match *inst {
            Inst::Mark(_) => {}
            Inst::Byte(byte) => prefix.push(byte),
            Inst::Literal { at, length } => {
                prefix.extend_from_slice(&program.literals[at as usize..(at + length) as usize]);
            }
            Inst::At(At::Beginning | At::BeginningString) if prefix.is_empty() => {
                return Start::Anchored;
            }
            Inst::At(At::BeginningLine) if prefix.is_empty() => return Start::Line,
            _ => break,
        }
    }
    if prefix.len() > 1 {
        return Start::Prefix(Box::new(Finder::new(&prefix).into_owned()));
    }
    let first = firsts[0];
    if first.empty || first.bytes == ByteSet::FULL {
        return Start::Anywhere;
    }
    match first.bytes.few() {
        Some(few) => Start::Few(few),
        None => Start::Set(first.bytes),
    }
}
