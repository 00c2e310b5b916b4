//! Character classes and case mappings, as `str`'s methods use them. All functions take any u32: surrogates have their
//! own properties, numbers past U+10FFFF have none.
//!
//! CPython: Objects/unicodectype.c. Its tables are for Unicode 16.0.0, and so are these.

use crate::data::{CHAR_TYPE, CHAR_TYPES, NUMERIC_VALUES, SPECIAL_CASES};
use crate::records::{CharType, SpecialCase, flag};

/// The record of a code point.
#[inline]
pub(crate) fn char_type(code: u32) -> &'static CharType {
    CHAR_TYPES
        .get(CHAR_TYPE.get(code))
        .unwrap_or(&CHAR_TYPES[0])
}

#[inline]
fn has(code: u32, bits: u16) -> bool {
    char_type(code).flags & bits != 0
}

/// May start an identifier (XID_Start; the underscore is not in it).
#[inline]
pub fn is_xid_start(code: u32) -> bool {
    has(code, flag::XID_START)
}

/// May continue an identifier (XID_Continue; includes the underscore).
#[inline]
pub fn is_xid_continue(code: u32) -> bool {
    has(code, flag::XID_CONTINUE)
}

/// `str.isalpha`: category Lm, Lt, Lu, Ll or Lo.
#[inline]
pub fn is_alpha(code: u32) -> bool {
    has(code, flag::ALPHA)
}

/// `str.isdecimal`.
#[inline]
pub fn is_decimal(code: u32) -> bool {
    has(code, flag::DECIMAL)
}

/// `str.isdigit`: has a digit value.
#[inline]
pub fn is_digit(code: u32) -> bool {
    has(code, flag::DIGIT)
}

/// `str.isnumeric`: has a numeric value.
#[inline]
pub fn is_numeric(code: u32) -> bool {
    has(code, flag::NUMERIC)
}

/// `str.isalnum` for one character.
#[inline]
pub fn is_alnum(code: u32) -> bool {
    has(
        code,
        flag::ALPHA | flag::DECIMAL | flag::DIGIT | flag::NUMERIC,
    )
}

/// `str.isspace`: category Zs, or bidirectional class WS, B or S.
#[inline]
pub fn is_space(code: u32) -> bool {
    if code < 0x80 {
        return code == 0x20 || (0x09..=0x0D).contains(&code) || (0x1C..=0x1F).contains(&code);
    }
    has(code, flag::SPACE)
}

/// Splits lines in `str.splitlines` (the pair CR LF is the caller's).
#[inline]
pub fn is_linebreak(code: u32) -> bool {
    if code < 0x80 {
        return (0x0A..=0x0D).contains(&code) || (0x1C..=0x1E).contains(&code);
    }
    has(code, flag::LINEBREAK)
}

/// `str.isprintable`, which also decides what `repr` escapes.
#[inline]
pub fn is_printable(code: u32) -> bool {
    if code < 0x80 {
        return (0x20..0x7F).contains(&code);
    }
    has(code, flag::PRINTABLE)
}

/// Derived property Lowercase.
#[inline]
pub fn is_lower(code: u32) -> bool {
    has(code, flag::LOWER)
}

/// Derived property Uppercase.
#[inline]
pub fn is_upper(code: u32) -> bool {
    has(code, flag::UPPER)
}

/// Category Lt.
#[inline]
pub fn is_title(code: u32) -> bool {
    has(code, flag::TITLE)
}

/// Derived property Cased.
#[inline]
pub fn is_cased(code: u32) -> bool {
    has(code, flag::CASED)
}

/// Derived property Case_Ignorable. (Observed through the final sigma, so a few that are cased as well say so too.)
#[inline]
pub fn is_case_ignorable(code: u32) -> bool {
    has(code, flag::CASE_IGNORABLE)
}

/// Has a simple lower- or upper-case mapping to something else: what `_sre.unicode_iscased` answers.
#[inline]
pub fn has_case_mapping(code: u32) -> bool {
    has(code, flag::SRE_CASED)
}

/// The decimal value.
#[inline]
pub fn decimal_value(code: u32) -> Option<u8> {
    let value = char_type(code).decimal;
    (value != 255).then_some(value)
}

/// The digit value.
#[inline]
pub fn digit_value(code: u32) -> Option<u8> {
    let value = char_type(code).digit;
    (value != 255).then_some(value)
}

/// The numeric value.
pub fn numeric_value(code: u32) -> Option<f64> {
    numeric_by_index(char_type(code).numeric)
}

pub(crate) fn numeric_by_index(index: u8) -> Option<f64> {
    if index == 0 {
        return None;
    }
    NUMERIC_VALUES.get(index as usize).copied()
}

/// Simple (one to one) lower-case mapping.
#[inline]
pub fn to_lower_simple(code: u32) -> u32 {
    code.wrapping_add_signed(char_type(code).lower)
}

/// Simple upper-case mapping.
#[inline]
pub fn to_upper_simple(code: u32) -> u32 {
    code.wrapping_add_signed(char_type(code).upper)
}

/// Simple title-case mapping.
#[inline]
pub fn to_title_simple(code: u32) -> u32 {
    code.wrapping_add_signed(char_type(code).title)
}

/// What one character becomes: one to three code points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapped {
    codes: [u32; 3],
    len: u8,
}

impl Mapped {
    #[inline]
    fn one(code: u32) -> Self {
        Mapped {
            codes: [code, 0, 0],
            len: 1,
        }
    }

    fn many(list: &[u32]) -> Self {
        let mut codes = [0; 3];
        let mut len = 0;
        for (slot, &code) in codes.iter_mut().zip(list) {
            *slot = code;
            len += 1;
        }
        Mapped { codes, len }
    }

    /// The code points.
    #[inline]
    pub fn as_slice(&self) -> &[u32] {
        &self.codes[..self.len as usize]
    }
}

fn special(code: u32) -> Option<&'static SpecialCase> {
    let at = SPECIAL_CASES
        .binary_search_by_key(&code, |entry| entry.code)
        .ok()?;
    SPECIAL_CASES.get(at)
}

#[inline]
fn full(
    code: u32,
    delta: impl Fn(&CharType) -> i32,
    list: impl Fn(&SpecialCase) -> &'static [u32],
) -> Mapped {
    let record = char_type(code);
    if record.flags & flag::SPECIAL_CASE != 0
        && let Some(entry) = special(code)
    {
        return Mapped::many(list(entry));
    }
    Mapped::one(code.wrapping_add_signed(delta(record)))
}

/// Full lower-case mapping; the capital sigma is `lower_sigma`'s, as it depends on its neighbours.
#[inline]
pub fn to_lower(code: u32) -> Mapped {
    full(code, |record| record.lower, |entry| entry.lower)
}

/// Full upper-case mapping.
#[inline]
pub fn to_upper(code: u32) -> Mapped {
    full(code, |record| record.upper, |entry| entry.upper)
}

/// Full title-case mapping.
#[inline]
pub fn to_title(code: u32) -> Mapped {
    full(code, |record| record.title, |entry| entry.title)
}

/// Full case folding, as `str.casefold`.
#[inline]
pub fn to_casefold(code: u32) -> Mapped {
    full(code, |record| record.lower, |entry| entry.fold)
}

/// The capital sigma, whose lower case depends on whether it ends a word.
pub const CAPITAL_SIGMA: u32 = 0x3A3;

/// Lower case of a capital sigma between `before` (going backwards from it) and `after`: final at the end of a word.
pub fn lower_sigma(
    before: impl IntoIterator<Item = u32>,
    after: impl IntoIterator<Item = u32>,
) -> u32 {
    fn cased_beyond(neighbours: impl IntoIterator<Item = u32>) -> bool {
        let mut neighbours = neighbours.into_iter();
        neighbours
            .find(|&code| !is_case_ignorable(code))
            .is_some_and(is_cased)
    }
    let is_final = cased_beyond(before) && !cased_beyond(after);
    if is_final { 0x3C2 } else { 0x3C3 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        assert!(
            is_xid_start('a' as u32) && !is_xid_start('_' as u32) && is_xid_continue('_' as u32)
        );
        assert!(is_xid_start(0x2118) && is_xid_continue(0xB7) && !is_xid_start(0xB7));
        assert!(is_space(0x85) && is_space(0x1C) && is_space(0x3000) && !is_space(0x200B));
        assert!(is_linebreak(0x2028) && !is_linebreak(0x1F));
        assert!(!is_printable(0xD800) && !is_printable(0xA0) && is_printable(0x1F600));
        assert!(is_title(0x1C5) && !is_upper(0x1C5) && is_lower(0xAA) && !is_alpha(0x2170));
        assert!(is_digit(0xB2) && !is_decimal(0xB2) && is_numeric(0xBD));
        assert_eq!(numeric_value(0xBD), Some(0.5));
        assert_eq!(decimal_value(0x667), Some(7));
        assert!(!is_alpha(0x110000) && !is_alpha(u32::MAX));
    }

    #[test]
    fn mappings() {
        assert_eq!(to_upper(0xDF).as_slice(), [0x53, 0x53]);
        assert_eq!(to_title(0xFB03).as_slice(), [0x46, 0x66, 0x69]);
        assert_eq!(to_lower(0x130).as_slice(), [0x69, 0x307]);
        assert_eq!(to_casefold(0x1E9E).as_slice(), [0x73, 0x73]);
        assert_eq!(to_casefold(0xB5).as_slice(), [0x3BC]);
        assert_eq!(
            (
                to_lower_simple(0x130),
                to_upper_simple(0xDF),
                to_upper_simple(0x1FB3)
            ),
            (0x69, 0xDF, 0x1FBC)
        );
        assert_eq!(
            (to_title_simple(0x1C6), to_upper_simple(0x1C6)),
            (0x1C5, 0x1C4)
        );
        assert_eq!(lower_sigma([0x41], []), 0x3C2);
        assert_eq!(lower_sigma([0x41], [0x41]), 0x3C3);
        assert_eq!(lower_sigma([0x27, 0x41], [0x27]), 0x3C2);
        assert_eq!(lower_sigma([], []), 0x3C3);
    }
}
