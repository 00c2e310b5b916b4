//! `repr(str)`: which quotes a text stands in, and what of it has to be escaped. CPython: `unicode_repr` in
//! Objects/unicodeobject.c.

use super::codecs::escape::{push_escape, push_inside};
use super::{Str, push_code_point};

/// `repr(str)`: quotes, escapes for what is not printable.
pub fn repr_text(text: &Str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.byte_len() + 2);
    push_repr(text, &mut out);
    out
}

/// What the bytes of a text have in common.
#[derive(Clone, Copy)]
struct Traits {
    /// None but printable ASCII, and no backslash.
    plain: bool,
    apostrophe: bool,
    quotation_mark: bool,
}

/// Looks at all bytes of a text: without a branch, so that sixteen at a time are.
fn traits(bytes: &[u8]) -> Traits {
    let (mut odd, mut apostrophe, mut quotation_mark) = (0u8, 0u8, 0u8);
    for &byte in bytes {
        odd |= u8::from(byte.wrapping_sub(b' ') > b'~' - b' ') | u8::from(byte == b'\\');
        apostrophe |= u8::from(byte == b'\'');
        quotation_mark |= u8::from(byte == b'"');
    }
    Traits {
        plain: odd == 0,
        apostrophe: apostrophe != 0,
        quotation_mark: quotation_mark != 0,
    }
}

/// The quotes that a text's repr stands in, and whether nothing in it needs a backslash.
pub(super) fn quotes(bytes: &[u8]) -> (u8, bool) {
    let traits = traits(bytes);
    match (traits.apostrophe, traits.quotation_mark) {
        (true, false) => (b'"', traits.plain),
        (both, _) => (b'\'', traits.plain && !both),
    }
}

/// Appends [`repr_text`].
pub(crate) fn push_repr(text: &Str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let (quote, plain) = quotes(bytes);
    out.reserve(bytes.len() + 2);
    out.push(quote);
    if plain {
        out.extend_from_slice(bytes);
    } else {
        push_escaped(text, quote, out);
    }
    out.push(quote);
}

fn push_escaped(text: &Str, quote: u8, out: &mut Vec<u8>) {
    for c in text.code_points() {
        push_inside(out, c, Some(quote), |out, c| {
            if naja_unicode::is_printable(c) {
                push_code_point(out, c)
            } else {
                push_escape(out, c)
            }
        });
    }
}
