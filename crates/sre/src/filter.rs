//! A filter in front of the machine: places whose next few bytes no way through the pattern admits are passed over at one
//! table look-up per byte.
//!
//! The ways through a program's beginning are written out as sequences of byte sets, all cut to the length of the
//! shortest and put into eight buckets. A word holds a byte per position and in it a bit per bucket, zero while the bytes
//! read so far fit; reading a byte moves every bucket on by one position and sets the bits whose set lacks it ("shift-or"
//! on several patterns at once). Sets are upper bounds, so only places where nothing can match are left out.
//! CPython has for this only the prefix and the first character of its INFO block.

use crate::class::ByteSet;
use crate::program::*;

/// Positions looked at, at most.
const DEPTH: usize = 8;
/// Ways followed, at most.
const WAYS: usize = 64;
/// The highest byte of a state is the last position: below this some bucket has got through.
const THROUGH: u64 = 0xFF << 56;

/// See the module.
#[derive(Debug)]
pub struct Filter {
    masks: [u64; 256],
    /// Nothing read yet.
    initial: u64,
    /// Bytes looked at.
    length: usize,
}

/// A way through the pattern, as far as it is known.
#[derive(Clone)]
struct Way {
    at: u32,
    sets: Vec<ByteSet>,
}

impl Filter {
    /// The filter of a program, unless it would let nearly everything pass. `single`: for subjects of one byte per
    /// character.
    pub fn of(program: &Program, single: bool) -> Option<Filter> {
        let ways = ways(program, single)?;
        let length = ways.iter().map(|way| way.len()).min()?;
        if length < 2 {
            return None;
        }
        let mut buckets = [[ByteSet::EMPTY; DEPTH]; 8];
        for (index, way) in ways.iter().enumerate() {
            let bucket = &mut buckets[index * 8 / ways.len().max(8)];
            for (mine, set) in bucket.iter_mut().zip(way) {
                *mine = mine.union(*set);
            }
        }
        let passing: f64 = buckets
            .iter()
            .map(|bucket| bucket[..length].iter().map(share).product::<f64>())
            .sum();
        if passing > 0.1 {
            return None;
        }
        let unused = DEPTH - length;
        let mut masks = [0; 256];
        for (byte, mask) in masks.iter_mut().enumerate() {
            for (number, bucket) in buckets.iter().enumerate() {
                for (position, set) in bucket[..length].iter().enumerate() {
                    if !set.has(byte as u8) {
                        *mask |= 1 << ((unused + position) * 8 + number);
                    }
                }
            }
        }
        let initial = u64::MAX.checked_shl(unused as u32 * 8).unwrap_or(0);
        Some(Filter {
            masks,
            initial,
            length,
        })
    }
}

/// Which part of the bytes of usual text a set has.
fn share(set: &ByteSet) -> f64 {
    let ascii = (b' '..0x7F).filter(|&byte| set.has(byte)).count();
    (ascii as f64 / 95.0).max(0.01)
}

/// The set of an item, and whether more than one byte may belong to it.
fn item_set(program: &Program, item: Item, single: bool) -> (ByteSet, bool) {
    let mut set = ByteSet::FULL;
    let class = match item {
        Item::Class(number) => &program.classes[number as usize],
        Item::AnyAll => return (set, !single),
        Item::Any => {
            set.remove(b'\n');
            return (set, !single);
        }
        Item::NotByte(byte) => {
            set.remove(byte);
            return (set, !single);
        }
    };
    if class.local {
        return (set, !single);
    }
    if single {
        return (class.bits, false);
    }
    let set = class.first_bytes();
    (set, !set.is_disjoint(&ByteSet::NON_ASCII))
}

/// The byte sets of every way through the beginning of a program; None where there are too many.
fn ways(program: &Program, single: bool) -> Option<Vec<Vec<ByteSet>>> {
    let mut open = vec![Way {
        at: 0,
        sets: Vec::with_capacity(DEPTH),
    }];
    let mut done: Vec<Vec<ByteSet>> = Vec::new();
    let mut steps = 0;
    while let Some(mut way) = open.pop() {
        while way.sets.len() < DEPTH {
            steps += 1;
            if steps > 20 * WAYS || open.len() + done.len() > WAYS {
                return None;
            }
            match step(program, &mut way, &mut open, single) {
                Step::On => {}
                Step::Stop => break,
                Step::Never => {
                    way.sets.clear();
                    way.sets.push(ByteSet::EMPTY);
                    break;
                }
            }
        }
        // A way with an empty set is none.
        if !way.sets.contains(&ByteSet::EMPTY) {
            done.push(way.sets);
        }
    }
    done.reverse();
    Some(done)
}

/// How it goes on after an instruction.
enum Step {
    On,
    /// What follows is not known.
    Stop,
    /// Nothing matches here.
    Never,
}

fn step(program: &Program, way: &mut Way, open: &mut Vec<Way>, single: bool) -> Step {
    let Some(&inst) = program.insts.get(way.at as usize) else {
        return Step::Stop;
    };
    let next = way.at + 1;
    let mut take = |item: Item, times: u32| {
        let (set, long) = item_set(program, item, single);
        let room = DEPTH - way.sets.len();
        for _ in 0..room.min(times as usize) {
            way.sets.push(set);
            if long {
                return false;
            }
        }
        true
    };
    let item = match inst {
        Inst::Class(number) => Item::Class(number),
        Inst::Any => Item::Any,
        Inst::AnyAll => Item::AnyAll,
        Inst::One(number) => {
            let one = &program.ones[number as usize];
            if one.min == 0 && one.max > 0 {
                let mut without = way.clone();
                without.at = next;
                open.push(without);
                let (set, _) = item_set(program, one.item, single);
                way.sets.push(set);
                return Step::Stop;
            }
            if !take(one.item, one.min) || one.max != one.min {
                return Step::Stop;
            }
            way.at = next;
            return Step::On;
        }
        _ => return jump(program, way, open, inst),
    };
    if !take(item, 1) {
        return Step::Stop;
    }
    way.at = next;
    Step::On
}

/// The rest of [`step`]: literals, and where it goes on elsewhere.
fn jump(program: &Program, way: &mut Way, open: &mut Vec<Way>, inst: Inst) -> Step {
    let next = way.at + 1;
    let mut fork = |way: &Way, at: u32| {
        let mut other = way.clone();
        other.at = at;
        open.push(other);
    };
    way.at = match inst {
        Inst::Byte(byte) => {
            way.sets.push(ByteSet::of(byte));
            next
        }
        Inst::Literal { at, length } => {
            let literal = &program.literals[at as usize..(at + length) as usize];
            let room = DEPTH - way.sets.len();
            let sets = literal.iter().take(room).map(|&byte| ByteSet::of(byte));
            way.sets.extend(sets);
            next
        }
        Inst::Mark(_) | Inst::At(_) | Inst::Atomic { .. } => next,
        Inst::Jump(target) => target,
        Inst::Assert { tail, .. } | Inst::AssertNot { tail, .. } => tail,
        Inst::Branch { first, count } => {
            let range = first as usize..(first + count) as usize;
            let Some((last, others)) = program.alternatives[range].split_last() else {
                return Step::Never;
            };
            others.iter().for_each(|other| fork(way, other.start));
            last.start
        }
        Inst::Repeat(number) | Inst::PossessiveLoop(number) => {
            let entry = &program.loops[number as usize];
            if entry.min == 0 {
                fork(way, entry.tail);
            }
            entry.body
        }
        Inst::Fail => return Step::Never,
        _ => return Step::Stop,
    };
    Step::On
}

/// A walk over a subject. Going on from the place after the last one found costs nothing.
pub struct Walk<'a> {
    filter: &'a Filter,
    state: u64,
    /// The next byte to read.
    next: usize,
}

impl<'a> Walk<'a> {
    pub fn new(filter: &'a Filter) -> Walk<'a> {
        Walk {
            filter,
            state: filter.initial,
            next: usize::MAX,
        }
    }

    /// The next place from `from` on that may begin a match.
    #[inline]
    pub fn find(&mut self, bytes: &[u8], from: usize) -> Option<usize> {
        let length = self.filter.length;
        if self.next != from.wrapping_add(length - 1) {
            self.state = self.filter.initial;
            self.next = from;
        }
        let masks = &self.filter.masks;
        let mut state = self.state;
        let rest = bytes.get(self.next..)?;
        let found = rest.iter().position(|&byte| {
            state = state << 8 | masks[byte as usize];
            state < THROUGH
        })?;
        self.state = state;
        self.next += found + 1;
        Some(self.next - length)
    }
}
