//! Puts the pieces of a formatted number, or a finished text, into its field.
//!
//! The order is: padding, sign, prefix, zero padding, grouped integer digits, point, grouped fraction, rest, padding.
//! Widths count code points, since a locale's separators need not be ASCII.
//! CPython: `calc_number_widths`, `fill_number` in Python/formatter_unicode.c, `_PyUnicode_InsertThousandsGrouping`.

use super::{FormatSpec, Grouping, Locale};
use crate::error::{NumError, Result};
use crate::wtf8;
use std::borrow::Cow;

/// The pieces of a number. Without integer digits (`nan`, `c`) nothing is grouped.
#[derive(Default)]
pub(super) struct Number<'a> {
    pub negative: bool,
    pub prefix: &'a str,
    pub digits: &'a [u8],
    pub has_point: bool,
    pub fraction: &'a [u8],
    /// An exponent, `%`, `nan`, or a character.
    pub rest: &'a [u8],
}

/// Digits with separators, collected from the right.
fn group_digits(
    digits: &[u8],
    min_width: usize,
    separator: &str,
    grouping: &[u8],
) -> Result<Vec<u8>> {
    let mut reversed: Vec<u8> = Vec::new();
    let size = digits.len().max(min_width);
    reversed
        .try_reserve(size.saturating_add(size / 2 + 8))
        .map_err(|_| NumError::Memory)?;
    let mut source = digits.iter().rev().copied();
    let (mut remaining, mut min_width) = (digits.len(), min_width);
    let separator_width = separator.chars().count();
    let (mut groups, mut previous, mut first) = (grouping.iter(), 0u8, true);
    loop {
        let group = match groups.next() {
            None | Some(0) => previous,
            Some(&127) => 0,
            Some(&size) => {
                previous = size;
                size
            }
        };
        // The end of the grouping takes all that is left as one group.
        let last = group == 0;
        let wanted = remaining.max(min_width).max(1);
        let length = if last {
            wanted
        } else {
            wanted.min(usize::from(group))
        };
        if !first {
            reversed.extend(separator.bytes().rev());
        }
        first = false;
        reversed.extend(source.by_ref().take(length));
        reversed.extend(std::iter::repeat_n(b'0', length.saturating_sub(remaining)));
        remaining = remaining.saturating_sub(length);
        min_width = min_width.saturating_sub(length);
        if last || (remaining == 0 && min_width == 0) {
            break;
        }
        min_width = min_width.saturating_sub(separator_width);
    }
    reversed.reverse();
    Ok(reversed)
}

/// The fraction with a separator after every three digits.
fn group_fraction(digits: &[u8], grouping: Grouping) -> Vec<u8> {
    let mut out = Vec::with_capacity(digits.len() * 4 / 3);
    for (i, &digit) in digits.iter().enumerate() {
        if i > 0 && i % 3 == 0 {
            out.push(grouping.character() as u8);
        }
        out.push(digit);
    }
    out
}

fn locale_for<'a>(format: &FormatSpec, locale: &Locale<'a>) -> Locale<'a> {
    if format.kind == u32::from(b'n') {
        return *locale;
    }
    let (thousands_sep, grouping): (_, &[u8]) = match format.grouping {
        Grouping::None => ("", &[127]),
        Grouping::Comma => (",", &[3]),
        Grouping::Underscore => ("_", &[3]),
        Grouping::UnderscoreFour => ("_", &[4]),
    };
    Locale {
        decimal_point: ".",
        thousands_sep,
        grouping,
    }
}

/// The number in its field.
pub(super) fn number(number: &Number, format: &FormatSpec, locale: &Locale) -> Result<Vec<u8>> {
    let locale = locale_for(format, locale);
    let sign = match (number.negative, format.sign) {
        (true, _) => "-",
        (false, b'+') => "+",
        (false, b' ') => " ",
        _ => "",
    };
    let point = if number.has_point {
        locale.decimal_point
    } else {
        ""
    };
    let fraction = match format.fraction_grouping {
        Grouping::None => Cow::Borrowed(number.fraction),
        grouping => Cow::Owned(group_fraction(number.fraction, grouping)),
    };
    let around = sign.len()
        + number.prefix.len()
        + wtf8::count(point.as_bytes())
        + fraction.len()
        + wtf8::count(number.rest);
    let width = format.width.unwrap_or(0);
    let zero_filled = format.fill == u32::from(b'0') && format.align == b'=';
    let min_width = if zero_filled {
        width.saturating_sub(around)
    } else {
        0
    };
    let plain = matches!(locale.grouping, [] | [0 | 127, ..]);
    let (zeros, digits) = if number.digits.is_empty() {
        (0, Cow::Borrowed(number.digits))
    } else if plain {
        let zeros = min_width.saturating_sub(number.digits.len());
        (zeros, Cow::Borrowed(number.digits))
    } else {
        let grouped = group_digits(
            number.digits,
            min_width,
            locale.thousands_sep,
            locale.grouping,
        )?;
        (0, Cow::Owned(grouped))
    };
    let around = around.saturating_add(zeros);
    let padding = width.saturating_sub(around.saturating_add(wtf8::count(&digits)));
    let (left, inner, right) = match format.align {
        b'<' => (0, 0, padding),
        b'^' => (padding / 2, 0, padding - padding / 2),
        b'=' => (0, padding, 0),
        _ => (padding, 0, 0),
    };
    let mut out = reserve(around.saturating_add(digits.len()), padding, format.fill)?;
    fill(&mut out, left, format.fill);
    out.extend_from_slice(sign.as_bytes());
    out.extend_from_slice(number.prefix.as_bytes());
    fill(&mut out, inner, format.fill);
    fill(&mut out, zeros, u32::from(b'0'));
    out.extend_from_slice(&digits);
    out.extend_from_slice(point.as_bytes());
    out.extend_from_slice(&fraction);
    out.extend_from_slice(number.rest);
    fill(&mut out, right, format.fill);
    Ok(out)
}

/// A finished text in its field.
pub(super) fn pad(text: &[u8], format: &FormatSpec) -> Result<Vec<u8>> {
    let padding = match format.width {
        Some(width) => width.saturating_sub(wtf8::count(text)),
        None => 0,
    };
    let left = match format.align {
        b'>' => padding,
        b'^' => padding / 2,
        _ => 0,
    };
    let mut out = reserve(text.len(), padding, format.fill)?;
    fill(&mut out, left, format.fill);
    out.extend_from_slice(text);
    fill(&mut out, padding - left, format.fill);
    Ok(out)
}

fn reserve(content: usize, padding: usize, fill: u32) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let per_fill = if fill < 0x80 { 1 } else { 4 };
    let size = padding
        .checked_mul(per_fill)
        .and_then(|p| p.checked_add(content.checked_add(8)?))
        .ok_or(NumError::Memory)?;
    out.try_reserve(size).map_err(|_| NumError::Memory)?;
    Ok(out)
}

fn fill(out: &mut Vec<u8>, count: usize, code: u32) {
    if code < 0x80 {
        out.resize(out.len() + count, code as u8);
    } else {
        for _ in 0..count {
            wtf8::push(out, code);
        }
    }
}
