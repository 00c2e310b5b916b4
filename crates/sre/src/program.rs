//! The form in which a pattern runs: `re`'s code, checked and translated once per kind of subject.
//!
//! Literals are runs of encoded bytes, single-character tests are bitmaps, jumps are instruction numbers, and every
//! choice knows which first bytes can lead it to success. `compile.rs` writes programs, `analyse.rs` adds the knowledge,
//! `machine.rs` runs them. CPython interprets the code words themselves (Modules/_sre/sre_lib.h).

use memchr::memmem::Finder;

use std::sync::OnceLock;

use crate::class::{ByteSet, CharClass, Fold};
use crate::filter::Filter;
use crate::opcode::At;

/// One instruction. Operands number entries of the tables in `Program`, or instructions.
#[derive(Clone, Copy, Debug)]
pub enum Inst {
    Byte(u8),
    /// Bytes `at..at + length` of `Program::literals`.
    Literal {
        at: u32,
        length: u32,
    },
    Class(u32),
    /// Anything but a newline.
    Any,
    AnyAll,
    Mark(u32),
    At(At),
    /// Tries `Program::alternatives[first..first + count]` in order.
    Branch {
        first: u32,
        count: u32,
    },
    Jump(u32),
    Fail,
    Success,
    /// A repeated single character.
    One(u32),
    /// Enters a loop at its `until`.
    Repeat(u32),
    MaxUntil(u32),
    MinUntil(u32),
    PossessiveLoop(u32),
    Atomic {
        tail: u32,
    },
    Assert {
        back: u32,
        tail: u32,
    },
    AssertNot {
        back: u32,
        tail: u32,
    },
    GroupRef {
        group: u32,
        fold: Fold,
    },
    /// Goes on when the group matched, else to `otherwise`.
    GroupExists {
        group: u32,
        otherwise: u32,
    },
}

/// The character that `One` repeats.
#[derive(Clone, Copy, Debug)]
pub enum Item {
    Any,
    AnyAll,
    /// Anything but this byte, which is a character of its own.
    NotByte(u8),
    Class(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Greedy,
    Lazy,
    Possessive,
}

/// A repeated single character.
#[derive(Debug)]
pub struct One {
    pub item: Item,
    pub min: u32,
    pub max: u32,
    pub mode: Mode,
    /// What must follow.
    pub follow: First,
    /// The only byte that can follow.
    pub follow_byte: Option<u8>,
    /// Giving characters back can never help.
    pub committed: bool,
}

/// A repeated group.
#[derive(Debug)]
pub struct Loop {
    pub min: u32,
    pub max: u32,
    pub body: u32,
    pub until: u32,
    pub tail: u32,
    pub body_first: First,
}

/// One way of a branch.
#[derive(Debug)]
pub struct Alternative {
    pub start: u32,
    pub first: First,
}

/// With which bytes a match from here can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct First {
    pub bytes: ByteSet,
    /// May succeed without looking at a character.
    pub empty: bool,
}

impl First {
    pub const UNKNOWN: First = First {
        bytes: ByteSet::FULL,
        empty: true,
    };
    pub const NOTHING: First = First {
        bytes: ByteSet::EMPTY,
        empty: false,
    };

    /// A match that starts with one of these bytes.
    pub fn of(bytes: ByteSet) -> First {
        First {
            bytes,
            empty: false,
        }
    }

    /// Either of two.
    pub fn or(self, other: First) -> First {
        First {
            bytes: self.bytes.union(other.bytes),
            empty: self.empty || other.empty,
        }
    }

    /// This, then that.
    pub fn then(self, other: First) -> First {
        if self.empty {
            First {
                bytes: self.bytes.union(other.bytes),
                empty: other.empty,
            }
        } else {
            self
        }
    }

    /// Could a match start at `at`?
    #[inline(always)]
    pub fn admits(&self, bytes: &[u8], at: usize) -> bool {
        self.empty || bytes.get(at).is_some_and(|&byte| self.bytes.has(byte))
    }
}

/// How a search finds places to try.
#[derive(Debug)]
pub enum Start {
    /// Only where the search begins: the pattern starts with `^` or `\A`.
    Anchored,
    /// Where these bytes are.
    Prefix(Box<Finder<'static>>),
    /// Where one of at most three bytes is.
    Few(Vec<u8>),
    /// Where a byte of a set is.
    Set(ByteSet),
    /// At a line's beginning.
    Line,
    Anywhere,
}

/// A translated pattern.
#[derive(Debug)]
pub struct Program {
    pub insts: Vec<Inst>,
    pub literals: Vec<u8>,
    pub classes: Vec<CharClass>,
    pub ones: Vec<One>,
    pub loops: Vec<Loop>,
    pub alternatives: Vec<Alternative>,
    /// Set code that classes refer to.
    pub sets: Vec<u32>,
    pub groups: usize,
    /// No match is shorter, in characters.
    pub min_length: usize,
    pub start: Start,
    /// The pattern begins with an unbounded run of these, and where it can go on depends on the place alone: if it
    /// fails at one place, it fails at all others of the same run.
    pub run: Option<Item>,
    /// The prefix is the whole pattern, and there are no groups.
    pub literal_only: bool,
    /// For subjects of several bytes and of one byte per character, made when a search is long enough.
    pub(crate) filters: [OnceLock<Option<Box<Filter>>>; 2],
}

impl Program {
    /// The filter for a kind of subject, if it is worth anything.
    #[inline]
    pub fn filter(&self, single: bool) -> Option<&Filter> {
        let filter = &self.filters[usize::from(single)];
        filter
            .get_or_init(|| Filter::of(self, single).map(Box::new))
            .as_deref()
    }
}

impl Default for Program {
    fn default() -> Self {
        Program {
            insts: Vec::new(),
            literals: Vec::new(),
            classes: Vec::new(),
            ones: Vec::new(),
            loops: Vec::new(),
            alternatives: Vec::new(),
            sets: Vec::new(),
            groups: 0,
            min_length: 0,
            start: Start::Anywhere,
            run: None,
            literal_only: false,
            filters: [OnceLock::new(), OnceLock::new()],
        }
    }
}
