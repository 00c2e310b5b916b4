//! What the `unicodedata` module tells of a code point, for Unicode 16.0.0 and, by `old_*`, for Unicode 3.2.0.
//!
//! The old version's answers are a table of their own, not a difference to the current one as in CPython: the record of
//! a code point says all. Its decompositions are the current ones for what was assigned then. CPython: Modules/unicodedata.c.

use crate::ctype::numeric_by_index;
use crate::data::*;
use crate::records::{OldProperties, Properties};
use crate::trie::read_u16;

/// The first and the number of the Hangul syllables.
pub(crate) const HANGUL: std::ops::Range<u32> = 0xAC00..0xD7A4;

#[inline]
pub(crate) fn properties(code: u32) -> &'static Properties {
    PROPERTIES.get(PROPERTY.get(code)).unwrap_or(&PROPERTIES[0])
}

#[inline]
fn old(code: u32) -> &'static OldProperties {
    OLD_PROPERTIES
        .get(OLD_PROPERTY.get(code))
        .unwrap_or(&OLD_PROPERTIES[0])
}

fn text(names: &'static [&'static str], index: u8) -> &'static str {
    names.get(index as usize).copied().unwrap_or("")
}

/// General category: "Lu", "Cn", ...
pub fn category(code: u32) -> &'static str {
    text(&CATEGORY_NAMES, properties(code).category)
}

/// Bidirectional class: "L", "AN", ... or "".
pub fn bidirectional(code: u32) -> &'static str {
    text(&BIDIRECTIONAL_NAMES, properties(code).bidirectional)
}

/// Canonical combining class.
#[inline]
pub fn combining(code: u32) -> u8 {
    properties(code).combining
}

/// Is mirrored in right-to-left text.
pub fn mirrored(code: u32) -> bool {
    properties(code).mirrored
}

/// East Asian width: "N", "W", "Na", ...
pub fn east_asian_width(code: u32) -> &'static str {
    text(&WIDTH_NAMES, properties(code).width)
}

/// One step of a decomposition: its tag ("" when canonical, else "<compat>", ...) and the code points.
/// Hangul syllables, whose decomposition is arithmetic, are not here.
pub(crate) fn decomposition_step(code: u32) -> Option<(&'static str, impl Iterator<Item = u32>)> {
    let at = DECOMPOSITION.get(code);
    if at == 0 {
        return None;
    }
    let head = read_u16(DECOMPOSITION_UNITS, at * 2);
    let mut position = at + 1;
    let codes = (0..head & 0xFF).map(move |_| {
        let unit = read_u16(DECOMPOSITION_UNITS, position * 2) as u32;
        position += 1;
        if !(0xD800..0xDC00).contains(&unit) {
            return unit;
        }
        let low = read_u16(DECOMPOSITION_UNITS, position * 2) as u32;
        position += 1;
        0x10000 + ((unit & 0x3FF) << 10) + (low & 0x3FF)
    });
    Some((text(&DECOMPOSITION_TAGS, (head >> 8) as u8), codes))
}

/// The two or three jamo of a Hangul syllable.
pub(crate) fn jamo(code: u32) -> impl Iterator<Item = u32> {
    let index = code - HANGUL.start;
    let (lead, vowel, tail) = (index / 588, index % 588 / 28, index % 28);
    [0x1100 + lead, 0x1161 + vowel]
        .into_iter()
        .chain((tail != 0).then_some(0x11A7 + tail))
}

/// The decomposition mapping as `unicodedata.decomposition` writes it ("" when there is none).
pub fn decomposition(code: u32) -> String {
    if HANGUL.contains(&code) {
        let parts: Vec<String> = jamo(code).map(|part| format!("{part:04X}")).collect();
        return parts.join(" ");
    }
    let Some((tag, codes)) = decomposition_step(code) else {
        return String::new();
    };
    let mut out = String::from(tag);
    for part in codes {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&format!("{part:04X}"));
    }
    out
}

/// Was assigned in Unicode 3.2.0.
pub fn old_is_assigned(code: u32) -> bool {
    old_category(code) != "Cn"
}

/// `category` in Unicode 3.2.0.
pub fn old_category(code: u32) -> &'static str {
    text(&CATEGORY_NAMES, old(code).category)
}

/// `bidirectional` in Unicode 3.2.0.
pub fn old_bidirectional(code: u32) -> &'static str {
    text(&BIDIRECTIONAL_NAMES, old(code).bidirectional)
}

/// `combining` in Unicode 3.2.0.
pub fn old_combining(code: u32) -> u8 {
    old(code).combining
}

/// `mirrored` in Unicode 3.2.0.
pub fn old_mirrored(code: u32) -> bool {
    old(code).mirrored
}

/// `east_asian_width` in Unicode 3.2.0.
pub fn old_east_asian_width(code: u32) -> &'static str {
    text(&WIDTH_NAMES, old(code).width)
}

/// `decimal` in Unicode 3.2.0.
pub fn old_decimal_value(code: u32) -> Option<u8> {
    let value = old(code).decimal;
    (value != 255).then_some(value)
}

/// `digit` in Unicode 3.2.0 (CPython gives today's).
pub fn old_digit_value(code: u32) -> Option<u8> {
    let value = old(code).digit;
    (value != 255).then_some(value)
}

/// `numeric` in Unicode 3.2.0.
pub fn old_numeric_value(code: u32) -> Option<f64> {
    numeric_by_index(old(code).numeric)
}

/// `decomposition` in Unicode 3.2.0.
pub fn old_decomposition(code: u32) -> String {
    if old_is_assigned(code) {
        decomposition(code)
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn current_and_old() {
        assert_eq!(
            (category(0x41), bidirectional(0x660), combining(0x301)),
            ("Lu", "AN", 230)
        );
        assert_eq!(
            (
                category(0xD800),
                category(0x110000),
                east_asian_width(0x4E00)
            ),
            ("Cs", "Cn", "W")
        );
        assert!(mirrored(0x28) && !mirrored(0x41));
        assert_eq!(decomposition(0xFDFA).split(' ').count(), 19);
        assert_eq!(
            (
                decomposition(0xE9).as_str(),
                decomposition(0x1D15F).as_str()
            ),
            ("0065 0301", "1D158 1D165")
        );
        assert_eq!((old_category(0x221), category(0x221)), ("Cn", "Ll"));
        assert_eq!(old_decomposition(0x1E9B), "017F 0307");
    }
}
