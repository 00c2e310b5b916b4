//! Code points in the machine's string bytes, UTF-8 in which a lone surrogate may stand as three bytes: what the text
//! functions of this crate need of strings.
//!
//! Nothing here fails: bytes that are no such text are taken one by one.

use std::borrow::Cow;

/// Appends a code point, surrogates included.
pub fn push(out: &mut Vec<u8>, code: u32) {
    let tail = |shift: u32| 0x80 | (code >> shift & 0x3f) as u8;
    match code {
        0..0x80 => out.push(code as u8),
        0x80..0x800 => out.extend([0xc0 | (code >> 6) as u8, tail(0)]),
        0x800..0x10000 => out.extend([0xe0 | (code >> 12) as u8, tail(6), tail(0)]),
        _ => out.extend([0xf0 | (code >> 18 & 7) as u8, tail(12), tail(6), tail(0)]),
    }
}

/// The first code point and the rest; bytes that fit no pattern count as one code point each.
pub fn split_first(text: &[u8]) -> Option<(u32, &[u8])> {
    let (&first, rest) = text.split_first()?;
    let (bits, extra) = match first {
        0xc2..=0xdf => (first & 0x1f, 1),
        0xe0..=0xef => (first & 0x0f, 2),
        0xf0..=0xf4 => (first & 0x07, 3),
        _ => return Some((u32::from(first), rest)),
    };
    match rest.split_at_checked(extra) {
        Some((tail, rest)) if tail.iter().all(|b| b & 0xc0 == 0x80) => Some((
            tail.iter()
                .fold(u32::from(bits), |code, b| code << 6 | u32::from(b & 0x3f)),
            rest,
        )),
        _ => Some((u32::from(first), rest)),
    }
}

/// All code points of the text.
pub fn decode(mut text: &[u8]) -> Vec<u32> {
    let mut codes = Vec::with_capacity(text.len());
    while let Some((code, rest)) = split_first(text) {
        codes.push(code);
        text = rest;
    }
    codes
}

/// How many code points the text has.
pub fn count(text: &[u8]) -> usize {
    text.iter().filter(|b| **b & 0xc0 != 0x80).count()
}

/// The first `n` code points of the text.
pub fn prefix(text: &[u8], n: usize) -> &[u8] {
    match text
        .iter()
        .enumerate()
        .filter(|(_, b)| **b & 0xc0 != 0x80)
        .nth(n)
    {
        Some((end, _)) => text.get(..end).unwrap_or(text),
        None => text,
    }
}

/// Text for an error message; surrogates become the replacement character.
pub fn lossy(text: &[u8]) -> String {
    decode(text)
        .into_iter()
        .map(|c| char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// The text of a number as `int`, `float` and `complex` read it: white space of any kind becomes a space, digits of any
/// script become ASCII digits, and the first character of another kind a `?` that ends the text.
///
/// CPython: `_PyUnicode_TransformDecimalAndSpaceToASCII`. ASCII text stays as it is.
pub fn ascii_number(text: &[u8]) -> Cow<'_, [u8]> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut ascii = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((code, tail)) = split_first(rest) {
        rest = tail;
        match u8::try_from(code) {
            Ok(byte) if byte.is_ascii() => ascii.push(byte),
            _ if naja_unicode::is_space(code) => ascii.push(b' '),
            _ => match naja_unicode::decimal_value(code) {
                Some(digit) => ascii.push(b'0' + digit),
                None => {
                    ascii.push(b'?');
                    break;
                }
            },
        }
    }
    Cow::Owned(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_other_scripts() {
        assert_eq!(&*ascii_number(" \u{661}_2\u{a0}".as_bytes()), b" 1_2 ");
        assert_eq!(&*ascii_number("\x1f\u{e9}2".as_bytes()), b"\x1f?");
        assert_eq!(&*ascii_number(b"\x1f1"), b"\x1f1");
    }

    #[test]
    fn surrogates() {
        let mut text = Vec::new();
        for code in [0x61, 0xe9, 0xd800, 0x10ffff] {
            push(&mut text, code);
        }
        assert_eq!(decode(&text), [0x61, 0xe9, 0xd800, 0x10ffff]);
        assert_eq!(
            (
                count(&text),
                prefix(&text, 3).len(),
                lossy(&text).chars().count()
            ),
            (4, 6, 4)
        );
    }
}
