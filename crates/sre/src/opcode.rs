//! The numbers of `re`'s compiled code: opcodes, positions and categories, in the order of Lib/re/_constants.py.
//!
//! They belong to `MAGIC`; a different magic number means different code. CPython: Modules/_sre/sre_constants.h.

/// Version of the code, checked by `re._compiler` on import.
pub const MAGIC: u32 = 20230612;
/// Bytes per code word.
pub const CODE_SIZE: usize = 4;
/// Upper bound of a repeat that stands for no bound.
pub const MAX_REPEAT: u32 = u32::MAX;
/// The most groups a pattern may have (on 64-bit platforms).
pub const MAX_GROUPS: usize = 0x3FFF_FFFF;

pub const FAILURE: u32 = 0;
pub const SUCCESS: u32 = 1;
pub const ANY: u32 = 2;
pub const ANY_ALL: u32 = 3;
pub const ASSERT: u32 = 4;
pub const ASSERT_NOT: u32 = 5;
pub const AT: u32 = 6;
pub const BRANCH: u32 = 7;
pub const CATEGORY: u32 = 8;
pub const CHARSET: u32 = 9;
pub const BIGCHARSET: u32 = 10;
pub const GROUPREF: u32 = 11;
pub const GROUPREF_EXISTS: u32 = 12;
pub const IN: u32 = 13;
pub const INFO: u32 = 14;
pub const JUMP: u32 = 15;
pub const LITERAL: u32 = 16;
pub const MARK: u32 = 17;
pub const MAX_UNTIL: u32 = 18;
pub const MIN_UNTIL: u32 = 19;
pub const NOT_LITERAL: u32 = 20;
pub const NEGATE: u32 = 21;
pub const RANGE: u32 = 22;
pub const REPEAT: u32 = 23;
pub const REPEAT_ONE: u32 = 24;
pub const MIN_REPEAT_ONE: u32 = 26;
pub const ATOMIC_GROUP: u32 = 27;
pub const POSSESSIVE_REPEAT: u32 = 28;
pub const POSSESSIVE_REPEAT_ONE: u32 = 29;
pub const GROUPREF_IGNORE: u32 = 30;
pub const IN_IGNORE: u32 = 31;
pub const LITERAL_IGNORE: u32 = 32;
pub const NOT_LITERAL_IGNORE: u32 = 33;
pub const GROUPREF_LOC_IGNORE: u32 = 34;
pub const IN_LOC_IGNORE: u32 = 35;
pub const LITERAL_LOC_IGNORE: u32 = 36;
pub const NOT_LITERAL_LOC_IGNORE: u32 = 37;
pub const GROUPREF_UNI_IGNORE: u32 = 38;
pub const IN_UNI_IGNORE: u32 = 39;
pub const LITERAL_UNI_IGNORE: u32 = 40;
pub const NOT_LITERAL_UNI_IGNORE: u32 = 41;
pub const RANGE_UNI_IGNORE: u32 = 42;

/// Bits of the second word of INFO.
pub const INFO_PREFIX: u32 = 1;
pub const INFO_LITERAL: u32 = 2;
pub const INFO_CHARSET: u32 = 4;

/// A condition on a position: the operand of AT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    Beginning,
    BeginningLine,
    BeginningString,
    Boundary,
    NonBoundary,
    End,
    EndLine,
    EndString,
    LocBoundary,
    LocNonBoundary,
    UniBoundary,
    UniNonBoundary,
}

impl At {
    /// The condition with this number.
    pub fn from_code(code: u32) -> Option<At> {
        const ALL: [At; 12] = [
            At::Beginning,
            At::BeginningLine,
            At::BeginningString,
            At::Boundary,
            At::NonBoundary,
            At::End,
            At::EndLine,
            At::EndString,
            At::LocBoundary,
            At::LocNonBoundary,
            At::UniBoundary,
            At::UniNonBoundary,
        ];
        ALL.get(code as usize).copied()
    }
}

/// How many categories there are.
pub const CATEGORIES: u32 = 18;
/// First of the two categories that ask the locale.
pub const CATEGORY_LOC_WORD: u32 = 8;
