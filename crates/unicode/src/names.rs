//! Names of characters, their aliases, and named sequences.
//!
//! A name is a run of word numbers in one stream; frequent words have one-byte numbers. Names are numbered in code
//! point order, aliases and sequences behind them, so runs of code points map to numbers, and one list of numbers in
//! alphabetical order serves the look-up. Hangul syllables and unified ideographs are named by rule.
//! CPython: `_getucname` and `_getcode` in Modules/unicodedata.c.

use std::cmp::Ordering;

use crate::data::*;
use crate::properties::{HANGUL, old_is_assigned};
use crate::trie::{read_u16, read_u32};

const LEADS: [&str; 19] = [
    "G", "GG", "N", "D", "DD", "R", "M", "B", "BB", "S", "SS", "", "J", "JJ", "C", "K", "T", "P",
    "H",
];
const VOWELS: [&str; 21] = [
    "A", "AE", "YA", "YAE", "EO", "E", "YEO", "YE", "O", "WA", "WAE", "OE", "YO", "U", "WEO", "WE",
    "WI", "YU", "EU", "YI", "I",
];
const TAILS: [&str; 28] = [
    "", "G", "GG", "GS", "N", "NJ", "NH", "D", "L", "LG", "LM", "LB", "LS", "LT", "LP", "LH", "M",
    "B", "BS", "S", "SS", "NG", "J", "C", "K", "T", "P", "H",
];
const HANGUL_PREFIX: &str = "HANGUL SYLLABLE ";
const END: u8 = 255;
/// Aliases and sequences sit at code points from here on.
const EXTRA_START: u32 = 0xF0000;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// One code point.
    Character(u32),
    /// A named sequence: two to four code points.
    Sequence(&'static [u32]),
}

impl Named {
    /// The code point, unless it is a sequence (which `\N{...}` in literals does not take).
    pub fn character(self) -> Option<u32> {
        match self {
            Named::Character(code) => Some(code),
            Named::Sequence(_) => None,
        }
    }
}

fn word(number: usize) -> &'static [u8] {
    let offset = |index: usize| {
        let at = index * 3;
        match NAME_WORD_ENDS.get(at..at + 3) {
            Some(&[a, b, c]) => u32::from_le_bytes([a, b, c, 0]) as usize,
            _ => 0,
        }
    };
    NAME_WORDS
        .get(offset(number)..offset(number + 1))
        .unwrap_or(&[])
}

/// Calls `emit` with each piece of the name with this number, blanks included, until `emit` says to stop.
fn spell(number: usize, mut emit: impl FnMut(&[u8]) -> bool) {
    let group = number / NAME_GROUP;
    let mut rest = NAME_STREAM
        .get(read_u32(NAME_OFFSETS, group * 4) as usize..)
        .unwrap_or(&[])
        .iter();
    let mut skip = number % NAME_GROUP;
    let mut first = true;
    while let Some(&byte) = rest.next() {
        if byte == END {
            if skip == 0 {
                return;
            }
            skip -= 1;
            continue;
        }
        let mut index = byte as usize;
        if index >= NAME_SHORT {
            let low = rest.next().copied().unwrap_or(0) as usize;
            index = NAME_SHORT + ((index - NAME_SHORT) << 8) + low;
        }
        if skip == 0 {
            if !first && !emit(b" ") || !emit(word(index)) {
                return;
            }
            first = false;
        }
    }
}

/// The number of the name of a code point (aliases and sequences: of their private code point).
fn number_of(code: u32) -> Option<usize> {
    let (mut low, mut high) = (0, NAME_RUNS.len() / 12);
    while low < high {
        let middle = (low + high) / 2;
        let start = read_u32(NAME_RUNS, middle * 12);
        if code < start {
            high = middle;
        } else if code - start < read_u32(NAME_RUNS, middle * 12 + 8) {
            return Some((read_u32(NAME_RUNS, middle * 12 + 4) + code - start) as usize);
        } else {
            low = middle + 1;
        }
    }
    None
}

/// The code point that the name with this number belongs to.
fn code_of(number: usize) -> Option<u32> {
    let number = number as u32;
    let (mut low, mut high) = (0, NAME_RUNS.len() / 12);
    while low < high {
        let middle = (low + high) / 2;
        let start = read_u32(NAME_RUNS, middle * 12 + 4);
        if number < start {
            high = middle;
        } else if number - start < read_u32(NAME_RUNS, middle * 12 + 8) {
            return Some(read_u32(NAME_RUNS, middle * 12) + number - start);
        } else {
            low = middle + 1;
        }
    }
    None
}

/// What stands before the hexadecimal digits in the name of a character that is named after its number.
fn prefix_of(code: u32) -> Option<&'static str> {
    IDEOGRAPHS
        .iter()
        .find(|&&(first, last, _)| (first..=last).contains(&code))
        .map(|&(_, _, prefix)| prefix)
}

/// Tangut ideographs are found by name, but `unicodedata.name` of CPython 3.14 does not tell it.
fn is_tangut(code: u32) -> bool {
    TANGUT
        .iter()
        .any(|&(first, last)| (first..=last).contains(&code))
}

/// The name of a code point, if it has one.
pub fn name(code: u32) -> Option<String> {
    if (EXTRA_START..EXTRA_START + 0x400).contains(&code) {
        return None;
    }
    name_or_alias(code)
}

/// As `name`, but also answers for the private-use code points that CPython keeps aliases and sequences at: the error
/// handler 'namereplace' shows these.
pub fn name_or_alias(code: u32) -> Option<String> {
    if HANGUL.contains(&code) {
        let index = (code - HANGUL.start) as usize;
        let (lead, vowel, tail) = (index / 588, index % 588 / 28, index % 28);
        return Some(format!(
            "{HANGUL_PREFIX}{}{}{}",
            LEADS[lead], VOWELS[vowel], TAILS[tail]
        ));
    }
    if let Some(prefix) = prefix_of(code) {
        return Some(format!("{prefix}{code:X}"));
    }
    let mut out = String::new();
    spell(number_of(code)?, |piece| {
        out.extend(piece.iter().map(|&byte| byte as char));
        true
    });
    Some(out)
}

/// `name` in Unicode 3.2.0.
pub fn old_name(code: u32) -> Option<String> {
    if old_is_assigned(code) {
        name(code)
    } else {
        None
    }
}

/// Finds a character, alias or sequence by name, in any case.
pub fn lookup_name(name: &str) -> Option<Named> {
    let upper = name.to_ascii_uppercase();
    if let Some(rest) = upper.strip_prefix(HANGUL_PREFIX) {
        return hangul_code(rest).map(Named::Character);
    }
    if let Some((_, digits)) = upper.rsplit_once('-')
        && matches!(digits.len(), 4 | 5)
        && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        && let Ok(code) = u32::from_str_radix(digits, 16)
        && let Some(prefix) =
            prefix_of(code).or_else(|| is_tangut(code).then_some("TANGUT IDEOGRAPH-"))
        && upper.strip_suffix(digits) == Some(prefix)
        && !digits.starts_with('0')
    {
        return Some(Named::Character(code));
    }
    let (mut low, mut high) = (0, NAME_COUNT);
    while low < high {
        let middle = (low + high) / 2;
        let number = read_u16(NAME_ORDER, middle * 2) as usize;
        match compare(number, upper.as_bytes()) {
            Ordering::Less => low = middle + 1,
            Ordering::Greater => high = middle,
            Ordering::Equal => return resolve(code_of(number)?),
        }
    }
    None
}

fn resolve(code: u32) -> Option<Named> {
    if code < EXTRA_START {
        return Some(Named::Character(code));
    }
    let at = NAME_EXTRAS
        .binary_search_by_key(&code, |entry| entry.0)
        .ok()?;
    match NAME_EXTRAS[at].1 {
        [code] => Some(Named::Character(*code)),
        codes => Some(Named::Sequence(codes)),
    }
}

/// Compares the name with this number to a text.
fn compare(number: usize, text: &[u8]) -> Ordering {
    let mut rest = text;
    let mut result = Ordering::Equal;
    spell(number, |piece| {
        let length = piece.len().min(rest.len());
        result = piece.cmp(&rest[..length]);
        rest = &rest[length..];
        result == Ordering::Equal
    });
    if result == Ordering::Equal && !rest.is_empty() {
        return Ordering::Less;
    }
    result
}

/// The syllable spelt by its jamo: the longest fitting part is taken each time.
fn hangul_code(text: &str) -> Option<u32> {
    fn longest(table: &[&str], text: &str) -> Option<(u32, usize)> {
        let mut best = None;
        for (index, part) in table.iter().enumerate() {
            if text.starts_with(part) && best.is_none_or(|(_, length)| part.len() > length) {
                best = Some((index as u32, part.len()));
            }
        }
        best
    }
    let (lead, length) = longest(&LEADS, text)?;
    let text = &text[length..];
    let (vowel, length) = longest(&VOWELS, text)?;
    let text = &text[length..];
    let (tail, length) = longest(&TAILS, text)?;
    (length == text.len()).then_some(HANGUL.start + (lead * 21 + vowel) * 28 + tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        for code in [
            0x20, 0x41, 0xE9, 0x2603, 0x1F600, 0x1F40D, 0xE0100, 0xAC00, 0xD7A3, 0x4E00, 0x20000,
            0x10FFFD, 0xF900,
        ] {
            if let Some(text) = name(code) {
                assert_eq!(lookup_name(&text), Some(Named::Character(code)), "{text}");
                assert_eq!(
                    lookup_name(&text.to_lowercase()),
                    Some(Named::Character(code)),
                    "{text}"
                );
            }
        }
        assert_eq!(name(0x41).as_deref(), Some("LATIN CAPITAL LETTER A"));
        assert_eq!(name(0xAC01).as_deref(), Some("HANGUL SYLLABLE GAG"));
        assert_eq!(name(0x4E00).as_deref(), Some("CJK UNIFIED IDEOGRAPH-4E00"));
        assert_eq!((name(0), name(0xF0000), name(0x110000)), (None, None, None));
        assert_eq!(lookup_name("NULL"), Some(Named::Character(0)));
        assert_eq!(
            lookup_name("LATIN SMALL LETTER A WITH MACRON AND GRAVE"),
            Some(Named::Sequence(&[0x101, 0x300]))
        );
        for bad in [
            "",
            "A",
            "LATIN",
            "LATIN CAPITAL LETTER A ",
            "CJK UNIFIED IDEOGRAPH-+E00",
            "HANGUL SYLLABLE X",
            "é",
        ] {
            assert_eq!(lookup_name(bad), None, "{bad}");
        }
    }
}
