//! Normal forms NFC, NFD, NFKC and NFKD over code points, surrogates included.
//!
//! Text is decomposed (recursively, Hangul by arithmetic), runs of combining marks are sorted by class, and for the
//! composing forms starters then swallow the marks that are not blocked. A quick check first looks for a character
//! that could change: most text has none and is returned as it is. CPython: `nfd_nfkd`, `nfc_nfkc` and
//! `is_normalized_quickcheck` in Modules/unicodedata.c.

use std::borrow::Cow;

use crate::data::{COMPOSITIONS, OLD_CORRECTIONS};
use crate::properties::{HANGUL, combining, decomposition_step, jamo, old_is_assigned, properties};
use crate::trie::read_u32;

/// A normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Nfd,
    Nfkd,
    Nfc,
    Nfkc,
}

/// Which version's data decides: for `unicodedata.ucd_3_2_0`, characters unassigned then do not decompose, and five
/// later corrected mappings are as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Current,
    Old,
}

/// What the quick check found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quick {
    Yes,
    Maybe,
    No,
}

const L_BASE: u32 = 0x1100;
const V_BASE: u32 = 0x1161;
const T_BASE: u32 = 0x11A7;
const L_COUNT: u32 = 19;
const V_COUNT: u32 = 21;
const T_COUNT: u32 = 28;

impl Form {
    /// The form named "NFC", "NFD", "NFKC" or "NFKD".
    pub fn from_name(name: &str) -> Option<Form> {
        Some(match name {
            "NFC" => Form::Nfc,
            "NFD" => Form::Nfd,
            "NFKC" => Form::Nfkc,
            "NFKD" => Form::Nfkd,
            _ => return None,
        })
    }

    fn compatibility(self) -> bool {
        matches!(self, Form::Nfkd | Form::Nfkc)
    }

    fn composes(self) -> bool {
        matches!(self, Form::Nfc | Form::Nfkc)
    }

    fn shift(self) -> u32 {
        match self {
            Form::Nfd => 0,
            Form::Nfkd => 2,
            Form::Nfc => 4,
            Form::Nfkc => 6,
        }
    }
}

/// Can the text be seen to be in the form, or not to be, without normalising it?
pub fn quick_check(form: Form, text: impl IntoIterator<Item = u32>) -> Quick {
    let mut result = Quick::Yes;
    let mut previous = 0;
    for code in text {
        if code < 0x80 {
            previous = 0;
            continue;
        }
        let record = properties(code);
        if record.combining != 0 && previous > record.combining {
            return Quick::No;
        }
        previous = record.combining;
        match record.quick >> form.shift() & 3 {
            0 => {}
            1 => result = Quick::Maybe,
            _ => return Quick::No,
        }
    }
    result
}

/// Is the text in the form?
pub fn is_normalized(
    form: Form,
    text: impl IntoIterator<Item = u32> + Clone,
    version: Version,
) -> bool {
    if version == Version::Current {
        match quick_check(form, text.clone()) {
            Quick::Yes => return true,
            Quick::No => return false,
            Quick::Maybe => {}
        }
    }
    normalize(form, text.clone(), version).into_iter().eq(text)
}

/// The text in the form, as code points.
pub fn normalize(form: Form, text: impl IntoIterator<Item = u32>, version: Version) -> Vec<u32> {
    let mut out = decompose(text, form.compatibility(), version);
    sort_marks(&mut out);
    if form.composes() {
        compose(&mut out);
    }
    out
}

/// NFKC of a string: what identifiers are compared in. Borrowed when nothing changes.
pub fn nfkc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || quick_check(Form::Nfkc, text.chars().map(u32::from)) == Quick::Yes {
        return Cow::Borrowed(text);
    }
    let codes = normalize(Form::Nfkc, text.chars().map(u32::from), Version::Current);
    Cow::Owned(codes.into_iter().filter_map(char::from_u32).collect())
}

fn decompose(
    text: impl IntoIterator<Item = u32>,
    compatibility: bool,
    version: Version,
) -> Vec<u32> {
    let text = text.into_iter();
    let mut out = Vec::with_capacity(text.size_hint().0);
    let mut stack = Vec::new();
    for code in text {
        if code < 0x80 {
            out.push(code);
            continue;
        }
        stack.push(code);
        while let Some(code) = stack.pop() {
            if HANGUL.contains(&code) {
                out.extend(jamo(code));
                continue;
            }
            if version == Version::Old {
                if let Some(&(_, old)) = OLD_CORRECTIONS.iter().find(|entry| entry.0 == code) {
                    stack.push(old);
                    continue;
                }
                if !old_is_assigned(code) {
                    out.push(code);
                    continue;
                }
            }
            match decomposition_step(code) {
                Some((tag, parts)) if compatibility || tag.is_empty() => {
                    let start = stack.len();
                    stack.extend(parts);
                    stack[start..].reverse();
                }
                _ => out.push(code),
            }
        }
    }
    out
}

/// Sorts each run of characters with a combining class by that class, keeping the order of equals.
fn sort_marks(text: &mut [u32]) {
    let mut at = 0;
    while at < text.len() {
        if text[at] < 0x300 || combining(text[at]) == 0 {
            at += 1;
            continue;
        }
        let end = text[at..]
            .iter()
            .position(|&code| combining(code) == 0)
            .map_or(text.len(), |length| at + length);
        text[at..end].sort_by_key(|&code| combining(code));
        at = end;
    }
}

/// The character that two others compose to. Hangul is not here.
fn composite(first: u32, second: u32) -> Option<u32> {
    if second < 0x300 {
        return None;
    }
    let entry = |index: usize| {
        (
            read_u32(COMPOSITIONS, index * 12),
            read_u32(COMPOSITIONS, index * 12 + 4),
        )
    };
    let (mut low, mut high) = (0, COMPOSITIONS.len() / 12);
    while low < high {
        let middle = (low + high) / 2;
        match entry(middle).cmp(&(first, second)) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => return Some(read_u32(COMPOSITIONS, middle * 12 + 8)),
        }
    }
    None
}

fn compose_hangul(first: u32, second: u32) -> Option<u32> {
    if (L_BASE..L_BASE + L_COUNT).contains(&first) && (V_BASE..V_BASE + V_COUNT).contains(&second) {
        return Some(HANGUL.start + ((first - L_BASE) * V_COUNT + (second - V_BASE)) * T_COUNT);
    }
    let is_pair = HANGUL.contains(&first) && (first - HANGUL.start).is_multiple_of(T_COUNT);
    (is_pair && (T_BASE + 1..T_BASE + T_COUNT).contains(&second)).then(|| first + (second - T_BASE))
}

/// Composes sorted, fully decomposed text in place.
fn compose(text: &mut Vec<u32>) {
    let mut kept = 0;
    // The last starter kept, and the class of the last mark kept since it (None: nothing kept since).
    let mut starter: Option<usize> = None;
    let mut last: Option<u8> = None;
    for at in 0..text.len() {
        let code = text[at];
        let class = if code < 0x300 { 0 } else { combining(code) };
        if let Some(start) = starter {
            let blocked = match last {
                None => false,
                Some(previous) => previous >= class,
            };
            if !blocked {
                let joined =
                    composite(text[start], code).or_else(|| compose_hangul(text[start], code));
                if let Some(joined) = joined {
                    text[start] = joined;
                    continue;
                }
            }
        }
        if class == 0 {
            starter = Some(kept);
            last = None;
        } else {
            last = Some(class);
        }
        text[kept] = code;
        kept += 1;
    }
    text.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(form: Form, text: &str) -> String {
        normalize(form, text.chars().map(u32::from), Version::Current)
            .into_iter()
            .filter_map(char::from_u32)
            .collect()
    }

    #[test]
    fn forms() {
        assert_eq!(run(Form::Nfd, "\u{e9}\u{1e69}"), "e\u{301}s\u{323}\u{307}");
        assert_eq!(run(Form::Nfc, "s\u{307}\u{323}"), "\u{1e69}");
        assert_eq!(run(Form::Nfd, "\u{ac01}"), "\u{1100}\u{1161}\u{11a8}");
        assert_eq!(run(Form::Nfc, "\u{1100}\u{1161}\u{11a8}"), "\u{ac01}");
        assert_eq!(run(Form::Nfc, "\u{212b}\u{344}"), "\u{c5}\u{308}\u{301}");
        assert_eq!(nfkc("\u{fb01}x\u{2460}"), "fix1");
        assert!(matches!(nfkc("abc\u{e9}"), Cow::Borrowed(_)));
        assert_eq!(
            normalize(Form::Nfc, [0x65, 0xD800, 0x301], Version::Current),
            [0x65, 0xD800, 0x301]
        );
        assert!(is_normalized(Form::Nfc, [0xE9], Version::Current));
        assert!(!is_normalized(Form::Nfc, [0x65, 0x301], Version::Current));
        assert!(!is_normalized(
            Form::Nfc,
            [0x1100, 0x1161],
            Version::Current
        ));
    }

    #[test]
    fn old_version() {
        assert_eq!(normalize(Form::Nfd, [0x2F868], Version::Old), [0x2136A]);
        assert_eq!(normalize(Form::Nfd, [0x2F868], Version::Current), [0x36FC]);
    }
}
