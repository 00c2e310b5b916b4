//! Which characters match: categories, sets, and literals that ignore case.
//!
//! Every single-character test of a pattern becomes a `CharClass`: a bitmap over the first byte that decides nearly
//! always, and a slow test for the characters that a byte cannot decide. In a class for text the bits of 128 and up hold
//! the common answer for all non-ASCII characters when there is one, so that runs can be scanned byte by byte.
//! CPython: `sre_category` in Modules/_sre/sre.c, `SRE(charset)` in sre_lib.h.

use crate::opcode::*;
use std::sync::LazyLock;

/// A set of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSet(pub [u64; 4]);

impl ByteSet {
    pub const EMPTY: ByteSet = ByteSet([0; 4]);
    pub const FULL: ByteSet = ByteSet([u64::MAX; 4]);
    pub const ASCII: ByteSet = ByteSet([u64::MAX, u64::MAX, 0, 0]);
    pub const NON_ASCII: ByteSet = ByteSet([0, 0, u64::MAX, u64::MAX]);

    #[inline(always)]
    pub fn has(&self, byte: u8) -> bool {
        self.0[(byte >> 6) as usize] >> (byte & 63) & 1 != 0
    }

    /// The set of one byte.
    pub fn of(byte: u8) -> ByteSet {
        let mut set = ByteSet::EMPTY;
        set.insert(byte);
        set
    }

    pub fn insert(&mut self, byte: u8) {
        self.0[(byte >> 6) as usize] |= 1 << (byte & 63);
    }

    pub fn remove(&mut self, byte: u8) {
        self.0[(byte >> 6) as usize] &= !(1 << (byte & 63));
    }

    pub fn union(mut self, other: ByteSet) -> ByteSet {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine |= theirs;
        }
        self
    }

    fn intersection(mut self, other: ByteSet) -> ByteSet {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine &= theirs;
        }
        self
    }

    pub fn is_disjoint(&self, other: &ByteSet) -> bool {
        self.0
            .iter()
            .zip(other.0)
            .all(|(mine, theirs)| mine & theirs == 0)
    }

    /// The members, if there are at most three.
    pub fn few(&self) -> Option<Vec<u8>> {
        let count: u32 = self.0.iter().map(|word| word.count_ones()).sum();
        if count > 3 {
            return None;
        }
        let mut few = Vec::with_capacity(count as usize);
        for (index, &word) in self.0.iter().enumerate() {
            let mut word = word;
            while word != 0 {
                few.push((index * 64) as u8 + word.trailing_zeros() as u8);
                word &= word - 1;
            }
        }
        Some(few)
    }

    fn insert_range(&mut self, low: u32, high: u32) {
        for byte in low..=high.min(255) {
            self.insert(byte as u8);
        }
    }

    /// The bytes whose ASCII lower case is in the set.
    fn of_lower_case(mut self) -> ByteSet {
        const UPPER: u64 = 0x07FF_FFFE;
        let letters = self.0[1];
        self.0[1] = letters & !UPPER | letters >> 32 & UPPER;
        self
    }

    fn complement(mut self) -> ByteSet {
        self.0.iter_mut().for_each(|word| *word = !*word);
        self
    }
}

/// What `re.LOCALE` asks of the C library, for the 256 bytes.
#[derive(Clone)]
pub struct Locale {
    pub lower: [u8; 256],
    pub upper: [u8; 256],
    pub alnum: [bool; 256],
}

impl Locale {
    /// The "C" locale, which UTF-8 locales equal as far as single bytes go.
    pub const C: Locale = {
        let mut locale = Locale {
            lower: [0; 256],
            upper: [0; 256],
            alnum: [false; 256],
        };
        let mut byte = 0;
        while byte < 256 {
            locale.lower[byte] = (byte as u8).to_ascii_lowercase();
            locale.upper[byte] = (byte as u8).to_ascii_uppercase();
            locale.alnum[byte] = (byte as u8).is_ascii_alphanumeric();
            byte += 1;
        }
        locale
    };

    fn to_lower(&self, code: u32) -> u32 {
        self.lower
            .get(code as usize)
            .map_or(code, |&byte| byte.into())
    }

    fn to_upper(&self, code: u32) -> u32 {
        self.upper
            .get(code as usize)
            .map_or(code, |&byte| byte.into())
    }

    /// Is a word character in this locale.
    pub fn is_word(&self, code: u32) -> bool {
        code == u32::from(b'_') || self.alnum.get(code as usize).is_some_and(|&alnum| alnum)
    }
}

/// How a character is changed before it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    None,
    Ascii,
    Unicode,
    Locale,
}

impl Fold {
    /// The character to compare.
    #[inline]
    pub fn apply(self, code: u32, locale: &Locale) -> u32 {
        match self {
            Fold::None => code,
            Fold::Ascii => ascii_to_lower(code),
            Fold::Unicode => unicode_to_lower(code),
            Fold::Locale => locale.to_lower(code),
        }
    }
}

/// `_sre.ascii_tolower`.
pub fn ascii_to_lower(code: u32) -> u32 {
    if (0x41..=0x5A).contains(&code) {
        code + 0x20
    } else {
        code
    }
}

/// `_sre.unicode_tolower`.
pub fn unicode_to_lower(code: u32) -> u32 {
    if code < 0x80 {
        ascii_to_lower(code)
    } else {
        naja_unicode::to_lower_simple(code)
    }
}

/// `_sre.ascii_iscased`.
pub fn ascii_is_cased(code: u32) -> bool {
    u8::try_from(code).is_ok_and(|byte| byte.is_ascii_alphabetic())
}

/// `_sre.unicode_iscased`.
pub fn unicode_is_cased(code: u32) -> bool {
    naja_unicode::has_case_mapping(code)
}

/// ASCII word character.
#[inline]
pub fn is_word(code: u32) -> bool {
    u8::try_from(code).is_ok_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Unicode word character.
#[inline]
pub fn is_unicode_word(code: u32) -> bool {
    if code < 0x80 {
        return is_word(code);
    }
    naja_unicode::is_alnum(code)
}

/// Is the character in the category?
pub fn category(number: u32, code: u32, locale: &Locale) -> bool {
    let positive = match number & !1 {
        0 => (0x30..=0x39).contains(&code),
        2 => code == 0x20 || (0x09..=0x0D).contains(&code),
        4 => is_word(code),
        6 => code == 0x0A,
        8 => locale.is_word(code),
        10 => naja_unicode::is_decimal(code),
        12 => naja_unicode::is_space(code),
        14 => is_unicode_word(code),
        16 => naja_unicode::is_linebreak(code),
        _ => return false,
    };
    positive != (number & 1 != 0)
}

/// Is the character in the set whose code starts at `at`?
pub fn in_set(codes: &[u32], mut at: usize, code: u32, locale: &Locale) -> bool {
    let word = |index: usize| codes.get(index).copied().unwrap_or(0);
    let bitmap =
        |start: usize, index: u32| word(start + (index >> 5) as usize) >> (index & 31) & 1 != 0;
    let mut answer = true;
    loop {
        let found = match word(at) {
            FAILURE => return !answer,
            LITERAL => {
                at += 2;
                word(at - 1) == code
            }
            CATEGORY => {
                at += 2;
                category(word(at - 1), code, locale)
            }
            CHARSET => {
                at += 9;
                code < 256 && bitmap(at - 8, code)
            }
            RANGE => {
                at += 3;
                (word(at - 2)..=word(at - 1)).contains(&code)
            }
            RANGE_UNI_IGNORE => {
                at += 3;
                let range = word(at - 2)..=word(at - 1);
                range.contains(&code) || range.contains(&naja_unicode::to_upper_simple(code))
            }
            NEGATE => {
                at += 1;
                answer = !answer;
                false
            }
            BIGCHARSET => {
                let blocks = at + 2 + 64;
                let count = word(at + 1) as usize;
                let found = code < 0x10000 && {
                    let block =
                        word(at + 2 + (code >> 10) as usize) >> (8 * (code >> 8 & 3)) & 0xFF;
                    bitmap(blocks, block * 256 + (code & 255))
                };
                at = blocks + count * 8;
                found
            }
            _ => return false,
        };
        if found {
            return answer;
        }
    }
}

/// A test of one character.
#[derive(Clone, Copy, Debug)]
pub enum Test {
    Set {
        at: usize,
        fold: Fold,
    },
    Literal {
        code: u32,
        fold: Fold,
        negated: bool,
    },
    Category(u32),
    Nothing,
}

impl Test {
    /// Does the character pass?
    pub fn eval(&self, codes: &[u32], code: u32, locale: &Locale) -> bool {
        match *self {
            Test::Set {
                at,
                fold: Fold::Locale,
            } => {
                let lower = locale.to_lower(code);
                let upper = locale.to_upper(code);
                let (low, up) = (
                    in_set(codes, at, lower, locale),
                    in_set(codes, at, upper, locale),
                );
                // A negated set excludes what either case is in.
                if codes.get(at) == Some(&NEGATE) {
                    low && up
                } else {
                    low || up
                }
            }
            Test::Set { at, fold } => in_set(codes, at, fold.apply(code, locale), locale),
            Test::Literal {
                code: literal,
                fold: Fold::Locale,
                negated,
            } => {
                let equal = code == literal
                    || locale.to_lower(code) == literal
                    || locale.to_upper(code) == literal;
                equal != negated
            }
            Test::Literal {
                code: literal,
                fold,
                negated,
            } => (fold.apply(code, locale) == literal) != negated,
            Test::Category(number) => category(number, code, locale),
            Test::Nothing => false,
        }
    }

    /// Does the answer depend on the locale of the moment?
    fn is_local(&self, codes: &[u32]) -> bool {
        match *self {
            Test::Set {
                fold: Fold::Locale, ..
            }
            | Test::Literal {
                fold: Fold::Locale, ..
            } => true,
            Test::Set { at, .. } => set_items(codes, at)
                .any(|item| codes[item] == CATEGORY && is_local_category(codes[item + 1])),
            Test::Category(number) => is_local_category(number),
            _ => false,
        }
    }

    /// The answer for all characters past ASCII, where it is the same for all.
    fn beyond_ascii(&self, codes: &[u32]) -> Option<bool> {
        let (answer, fold) = match *self {
            Test::Set { at, fold } => (set_beyond_ascii(codes, at)?, fold),
            Test::Literal {
                code,
                fold,
                negated,
            } => {
                if code >= 0x80 {
                    return None;
                }
                (negated, fold)
            }
            Test::Category(number) => (category_beyond_ascii(number)?, Fold::None),
            Test::Nothing => return Some(false),
        };
        // Two characters past ASCII have an ASCII lower case: U+0130 that of I, U+212A that of K.
        let agrees = |code: u32| self.eval(codes, code, &Locale::C) == answer;
        (fold != Fold::Unicode || agrees(0x130) && agrees(0x212A)).then_some(answer)
    }
}

fn is_local_category(number: u32) -> bool {
    number & !1 == CATEGORY_LOC_WORD
}

fn category_beyond_ascii(number: u32) -> Option<bool> {
    (number < CATEGORY_LOC_WORD).then_some(number & 1 != 0)
}

/// The positions of the items of a (valid) set.
fn set_items(codes: &[u32], start: usize) -> impl Iterator<Item = usize> {
    let mut at = start;
    std::iter::from_fn(move || {
        let item = at;
        let word = codes.get(at).copied().filter(|&word| word != FAILURE)?;
        at += match word {
            LITERAL | CATEGORY => 2,
            RANGE | RANGE_UNI_IGNORE => 3,
            CHARSET => 9,
            BIGCHARSET => 2 + 64 + 8 * codes.get(at + 1).copied().unwrap_or(0) as usize,
            _ => 1,
        };
        (at < codes.len()).then_some(item)
    })
}

fn set_beyond_ascii(codes: &[u32], start: usize) -> Option<bool> {
    let mut answer = true;
    for at in set_items(codes, start) {
        match codes[at] {
            NEGATE => answer = !answer,
            LITERAL if codes[at + 1] < 0x80 => {}
            RANGE if codes[at + 2] < 0x80 => {}
            RANGE if codes[at + 1] <= 0x80 && codes[at + 2] >= 0x10FFFF => return Some(answer),
            CHARSET if codes[at + 5..at + 9].iter().all(|&word| word == 0) => {}
            CATEGORY => match category_beyond_ascii(codes[at + 1]) {
                Some(true) => return Some(answer),
                Some(false) => {}
                None => return None,
            },
            _ => return None,
        }
    }
    Some(!answer)
}

/// The members below 256 of categories that the locale has no part in.
static CATEGORY_BITS: LazyLock<[ByteSet; 18]> = LazyLock::new(|| {
    std::array::from_fn(|number| {
        let mut bits = ByteSet::EMPTY;
        for byte in 0..256 {
            if category(number as u32, byte, &Locale::C) {
                bits.insert(byte as u8);
            }
        }
        bits
    })
});

/// The members below 256 of a set, read off its code; None for code that needs more thought.
fn set_bits(codes: &[u32], start: usize) -> Option<ByteSet> {
    let word = |index: usize| codes.get(index).copied().unwrap_or(0);
    let negated = word(start) == NEGATE;
    let mut bits = ByteSet::EMPTY;
    for at in set_items(codes, start + usize::from(negated)) {
        match word(at) {
            LITERAL => bits.insert_range(word(at + 1), word(at + 1)),
            RANGE => bits.insert_range(word(at + 1), word(at + 2)),
            CATEGORY => bits = bits.union(*CATEGORY_BITS.get(word(at + 1) as usize)?),
            CHARSET => {
                let half = |index: usize| u64::from(word(at + 1 + index));
                let part = |index: usize| half(2 * index) | half(2 * index + 1) << 32;
                bits = bits.union(ByteSet([part(0), part(1), part(2), part(3)]));
            }
            _ => return None,
        }
    }
    Some(if negated { bits.complement() } else { bits })
}

/// A test of one character with its bitmap.
#[derive(Debug)]
pub struct CharClass {
    /// Answers by first byte; of no use when `local`.
    pub bits: ByteSet,
    /// The answer depends on the locale, so the bitmap is not asked.
    pub local: bool,
    /// The bitmap decides for non-ASCII characters too.
    pub uniform: bool,
    pub test: Test,
}

impl CharClass {
    /// Builds the bitmap. `wide`: for text, where bytes past 127 start longer characters.
    pub fn new(test: Test, codes: &[u32], wide: bool) -> CharClass {
        let local = test.is_local(codes);
        let known = match test {
            Test::Set { at, fold } if fold != Fold::Locale => {
                set_bits(codes, at).map(|bits| (bits, fold))
            }
            Test::Literal {
                code,
                fold,
                negated,
            } if fold != Fold::Locale => {
                let mut bits = ByteSet::EMPTY;
                bits.insert_range(code, code);
                let bits = if negated { bits.complement() } else { bits };
                Some((bits, fold))
            }
            Test::Category(number) => {
                let bits = CATEGORY_BITS.get(number as usize);
                bits.map(|bits| (*bits, Fold::None))
            }
            _ => None,
        };
        let eval = |byte: u32| test.eval(codes, byte, &Locale::C);
        let has = |byte: u32| match known {
            Some((bits, fold)) => match u8::try_from(fold.apply(byte, &Locale::C)) {
                Ok(byte) => bits.has(byte),
                Err(_) => eval(byte),
            },
            None => eval(byte),
        };
        let mut bits = match known {
            Some((bits, Fold::None)) if wide => bits.intersection(ByteSet::ASCII),
            Some((bits, Fold::None)) => bits,
            // Of the lower cases of ASCII characters only ASCII letters matter.
            Some((bits, Fold::Ascii | Fold::Unicode)) if wide => {
                bits.of_lower_case().intersection(ByteSet::ASCII)
            }
            Some((bits, Fold::Ascii)) => bits.of_lower_case(),
            _ => {
                let mut bits = ByteSet::EMPTY;
                for byte in (0..if wide { 128 } else { 256 }).filter(|&byte| has(byte)) {
                    bits.insert(byte as u8);
                }
                bits
            }
        };
        let mut uniform = !wide;
        if wide {
            let answer = test.beyond_ascii(codes);
            uniform = answer.is_some();
            if answer == Some(true) {
                bits = bits.union(ByteSet::NON_ASCII);
            }
        }
        CharClass {
            bits,
            local,
            uniform: uniform && !local,
            test,
        }
    }

    /// The bytes that characters of this class may start with.
    pub fn first_bytes(&self) -> ByteSet {
        match (self.local, self.uniform) {
            (true, _) => ByteSet::FULL,
            (_, true) => self.bits,
            _ => self.bits.union(ByteSet::NON_ASCII),
        }
    }
}
