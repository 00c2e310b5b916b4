//! Ints as text: `int()`, `str()`, literals, `bin`/`oct`/`hex` and every base between.
//!
//! Large numbers are joined from pieces, and split into digits (`radix`), so that the work is that of a few products, and the
//! caller's check runs between the pieces. The digit limit (`sys.set_int_max_str_digits`) is compared with the digits
//! as written, leading zeros counted, and does not hold for bases that are powers of two.
//! CPython: `PyLong_FromString`, `long_to_decimal_string_internal` in Objects/longobject.c, Lib/_pylong.py.

use super::{is_negative, ntt};
use crate::error::{NumError, Result, Stop, never};
use dashu_int::ops::{BitTest, UnsignedAbs};
use dashu_int::{IBig, Sign, UBig};
use std::borrow::Cow;
use std::f64::consts::LOG10_2;

/// Why a text is no int.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseIntError {
    /// The base is neither 0 nor in 2..=36: "int() base must be >= 2 and <= 36, or 0".
    Base,
    /// "invalid literal for int() with base ...", which the caller writes with the literal's repr.
    Invalid,
    /// The text has this many digits, more than the limit: [`digit_limit_parse_error`].
    TooManyDigits(usize),
    Cancelled,
}

/// Digits of the pieces that are handed to the library's own conversion.
const LEAF_DIGITS: usize = 25_000;

/// The ValueError of `int(text)` beyond the digit limit.
pub fn digit_limit_parse_error(limit: usize, digits: usize) -> NumError {
    NumError::Value(
        format!(
            "Exceeds the limit ({limit} digits) for integer string conversion: value has {digits} digits; use \
             sys.set_int_max_str_digits() to increase the limit"
        )
        .into(),
    )
}

/// The ValueError of `str(int)` beyond the digit limit.
pub fn digit_limit_str_error(limit: usize) -> NumError {
    NumError::Value(
        format!(
            "Exceeds the limit ({limit} digits) for integer string conversion; use sys.set_int_max_str_digits() to \
             increase the limit"
        )
        .into(),
    )
}

/// Whether the value's decimal text certainly exceeds the limit (0: none), told without converting it.
pub fn check_digit_limit(value: &IBig, limit: usize) -> Result<()> {
    // 2**(bits-1) has more digits than this, rounding included: an int of 2**50 bits does not exist.
    if limit > 0 && value.bit_len() > 1 && (value.bit_len() - 1) as f64 * LOG10_2 > limit as f64 {
        return Err(digit_limit_str_error(limit));
    }
    Ok(())
}

/// `str(value)` without limits.
pub fn to_decimal(value: &IBig) -> String {
    let mut stop = never;
    to_decimal_checked(value, 0, &mut stop).unwrap_or_default()
}

/// `str(value)`, at most `limit` digits (0: any number).
pub fn to_decimal_checked(value: &IBig, limit: usize, stop: Stop) -> Result<String> {
    check_digit_limit(value, limit)?;
    let (sign, words) = value.as_sign_words();
    let text = if words.len() <= SHORT_WORDS {
        short_to_decimal(words, sign == Sign::Negative)
    } else if words.len() <= LIBRARY_WORDS {
        value.to_string()
    } else {
        let mut text = String::new();
        if sign == Sign::Negative {
            text.push('-');
        }
        super::radix::write_decimal(&value.unsigned_abs(), &mut text, stop)?;
        text
    };
    if limit > 0 && text.len() - usize::from(is_negative(value)) > limit {
        return Err(digit_limit_str_error(limit));
    }
    Ok(text)
}

/// Up to so many words digits are taken off by plain division, nineteen at a time.
const SHORT_WORDS: usize = 24;
/// Up to so many words the library's conversion, by divisions, is the quicker one.
const LIBRARY_WORDS: usize = 2000;
/// The largest power of ten in a word.
const NINETEEN: u64 = 10_000_000_000_000_000_000;

/// The decimal text of a short number.
fn short_to_decimal(words: &[u64], negative: bool) -> String {
    let mut rest = [0u64; SHORT_WORDS];
    let mut length = words.len();
    rest[..length].copy_from_slice(words);
    // A word has less than 20 digits.
    let mut text = [b'0'; SHORT_WORDS * 20 + 20];
    let mut end = text.len();
    let mut start = end;
    while length > 0 {
        let mut carry = 0u64;
        for word in rest[..length].iter_mut().rev() {
            let wide = u128::from(carry) << 64 | u128::from(*word);
            *word = (wide / u128::from(NINETEEN)) as u64;
            carry = (wide % u128::from(NINETEEN)) as u64;
        }
        while length > 0 && rest[length - 1] == 0 {
            length -= 1;
        }
        // The zeros that the piece does not reach are there already.
        start = end;
        while carry > 0 {
            start -= 1;
            text[start] = b'0' + (carry % 10) as u8;
            carry /= 10;
        }
        end -= 19;
    }
    let digits = match &text[start..] {
        [] => b"0",
        digits => digits,
    };
    let mut out = String::with_capacity(digits.len() + 1);
    if negative {
        out.push('-');
    }
    out.push_str(std::str::from_utf8(digits).unwrap_or_default());
    out
}

/// The number that up to `SHORT_WORDS` words' worth of decimal digits mean.
fn short_from_decimal(digits: &[u8]) -> UBig {
    let mut words = [0u64; SHORT_WORDS];
    let mut length = 0;
    let (first, rest) = digits.split_at(digits.len() % 19);
    for piece in std::iter::once(first).chain(rest.chunks(19)) {
        let mut carry = piece
            .iter()
            .fold(0u64, |n, digit| n * 10 + u64::from(digit - b'0'));
        for word in &mut words[..length] {
            let wide = u128::from(*word) * u128::from(NINETEEN) + u128::from(carry);
            *word = wide as u64;
            carry = (wide >> 64) as u64;
        }
        if carry > 0 {
            words[length] = carry;
            length += 1;
        }
    }
    UBig::from_words(&words[..length])
}

/// The value in a base from 2 to 36, lower case, without a prefix.
pub fn to_radix(value: &IBig, base: u32) -> String {
    value.in_radix(base.clamp(2, 36) as u8).to_string()
}

/// `int(text, base)`: ASCII text as it stands (white space around it allowed).
pub fn parse(
    text: &[u8],
    base: u32,
    max_digits: usize,
) -> std::result::Result<IBig, ParseIntError> {
    let mut stop = never;
    parse_checked(text, base, max_digits, &mut stop)
}

/// [`parse`] with a check between the steps of a long conversion.
pub fn parse_checked(
    text: &[u8],
    base: u32,
    max_digits: usize,
    stop: Stop,
) -> std::result::Result<IBig, ParseIntError> {
    if base == 1 || base > 36 {
        return Err(ParseIntError::Base);
    }
    let text = trim(text);
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (base, digits, only_zero) = strip_prefix(text, base);
    let clean = clean_digits(digits, base, max_digits)?;
    let magnitude = magnitude(&clean, base, stop)?;
    if only_zero && !magnitude.is_zero() {
        return Err(ParseIntError::Invalid);
    }
    let value = IBig::from(magnitude);
    Ok(if negative { -value } else { value })
}

/// The white space of C's `isspace`.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// The text without ASCII white space at its ends.
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_space(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_space(*last)
    {
        text = rest;
    }
    text
}

/// The base that a prefix settles, the digits after it, and whether they may only spell zero (`00`, an old octal).
fn strip_prefix(text: &[u8], base: u32) -> (u32, &[u8], bool) {
    let prefixed = match text {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'o' | b'O', ..] => 8,
        [b'0', b'b' | b'B', ..] => 2,
        _ => 0,
    };
    if prefixed != 0 && (base == 0 || base == prefixed) {
        let digits = text.get(2..).unwrap_or_default();
        return (prefixed, digits.strip_prefix(b"_").unwrap_or(digits), false);
    }
    if base == 0 {
        (10, text, text.first() == Some(&b'0'))
    } else {
        (base, text, false)
    }
}

fn digit_value(byte: u8) -> u32 {
    (byte as char).to_digit(36).unwrap_or(37)
}

/// The digits without underscores, or why they are none.
fn clean_digits(
    text: &[u8],
    base: u32,
    max_digits: usize,
) -> std::result::Result<Cow<'_, str>, ParseIntError> {
    // The usual text needs no copy. Without a branch, so that sixteen bytes at a time are looked at.
    let digits_only = |text: &[u8]| text.iter().fold(true, |all, b| all & b.is_ascii_digit());
    if base == 10
        && !text.is_empty()
        && digits_only(text)
        && let Ok(digits) = std::str::from_utf8(text)
    {
        if max_digits > 0 && text.len() > max_digits {
            return Err(ParseIntError::TooManyDigits(text.len()));
        }
        return Ok(Cow::Borrowed(digits));
    }
    let mut clean = String::with_capacity(text.len());
    let mut previous_underscore = true;
    let mut complete = true;
    for &byte in text {
        if byte == b'_' {
            if previous_underscore {
                return Err(ParseIntError::Invalid);
            }
            previous_underscore = true;
        } else if digit_value(byte) < base {
            clean.push(byte as char);
            previous_underscore = false;
        } else {
            complete = false;
            break;
        }
    }
    if previous_underscore {
        return Err(ParseIntError::Invalid);
    }
    // CPython counts the digits before it looks at what follows them.
    if max_digits > 0 && !base.is_power_of_two() && clean.len() > max_digits {
        return Err(ParseIntError::TooManyDigits(clean.len()));
    }
    if complete {
        Ok(Cow::Owned(clean))
    } else {
        Err(ParseIntError::Invalid)
    }
}

fn magnitude(digits: &str, base: u32, stop: Stop) -> std::result::Result<UBig, ParseIntError> {
    if digits.len() <= 12 {
        return Ok(UBig::from(digits.bytes().fold(0u64, |n, d| {
            n * u64::from(base) + u64::from(digit_value(d))
        })));
    }
    if base == 10 && digits.len() <= SHORT_WORDS * 19 {
        return Ok(short_from_decimal(digits.as_bytes()));
    }
    if base.is_power_of_two() || digits.len() <= 2 * LEAF_DIGITS {
        return UBig::from_str_radix(digits, base).map_err(|_| ParseIntError::Invalid);
    }
    // The twos of the base are shifts.
    let twos = base.trailing_zeros();
    let mut powers = vec![UBig::from(base >> twos).pow(LEAF_DIGITS)];
    while let Some(last) = powers.last() {
        if LEAF_DIGITS << powers.len() >= digits.len() {
            break;
        }
        if stop() {
            return Err(ParseIntError::Cancelled);
        }
        let next = ntt::sqr(last);
        powers.push(next);
    }
    join_pieces(digits, base, &powers, stop)
}

fn join_pieces(
    digits: &str,
    base: u32,
    powers: &[UBig],
    stop: Stop,
) -> std::result::Result<UBig, ParseIntError> {
    let Some((power, lower)) = powers.split_last() else {
        return UBig::from_str_radix(digits, base).map_err(|_| ParseIntError::Invalid);
    };
    let low_digits = LEAF_DIGITS << lower.len();
    if digits.len() <= low_digits {
        return join_pieces(digits, base, lower, stop);
    }
    if stop() {
        return Err(ParseIntError::Cancelled);
    }
    let (high, low) = digits.split_at(digits.len() - low_digits);
    let high = ntt::mul(&join_pieces(high, base, lower, stop)?, power);
    let twos = base.trailing_zeros() as usize;
    Ok((high << (twos * low_digits)) + join_pieces(low, base, lower, stop)?)
}
